"""One machine of the scale model: an inbox, a process, its clocks, one operation a tick.

At every tick the machine takes in what its host found, in the order found,
and then does exactly one thing: it receives the front message of its inbox,
or, if there is none, asks its process what to do instead. Each is one event.
A send to several peers is one event with one stamp.

The clocks move first: what a process sees, and what it sends, is the clock of
the event that it is part of. The Lamport clock is always kept, since it names
the messages; a further clock of the run rides beside it.

The machine is a pure state machine: its effects depend on its plan, its
process and its inputs alone. A step's event is to be recorded before its posts
leave, so that a host which stops in between leaves a recorded send without a
message, never a message without a recorded send.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from driftlab.clocks.catalogue import clock_of
from driftlab.clocks.lamport import merge, step
from driftlab.machine.context import ProcessContext
from driftlab.machine.die_process import Die
from driftlab.machine.effects import (
    InvalidEffectError,
    Outgoing,
    Send,
    Step,
    validate_effects,
    validate_send,
)
from driftlab.machine.failure import invalid_effect, process_raised
from driftlab.machine.process import Process
from driftlab.model.event import Event, Kind, Message
from driftlab.model.payload import parse_payload
from driftlab.scenario.plan import MachinePlan

ProcessType = Callable[[ProcessContext], Process]

_INTERNAL, _SEND, _RECEIVE = Kind.INTERNAL, Kind.SEND, Kind.RECEIVE
_new_tuple = tuple.__new__  # an Event from a tuple: several times faster than by its fields
_NOTHING: tuple[Any, ...] = ()
_FAILURES = (Exception, SystemExit, GeneratorExit)  # of a user's process; Ctrl-C is not one


class Machine:
    """The state of one machine, and the process it runs: the notes' die if no other is given.

    Raises ProcessError where the process cannot even be made.
    """

    __slots__ = ("_clock", "_inbox", "_known", "_name", "_peers", "_process", "_stamping", "view")

    def __init__(self, plan: MachinePlan, process: ProcessType | None = None) -> None:
        self.view = ProcessContext(
            plan.name, plan.position, plan.names, plan.peers, plan.die_stream
        )
        self._clock = 0
        made = Die(self.view, plan.die) if process is None else _made(self.view, process)
        self._process = made
        self._name = plan.name
        self._peers = plan.peers
        self._known = _shared(frozenset((plan.name, *plan.peers)))
        self._inbox: deque[Message] = deque()
        self._stamping = clock_of(plan.clock, plan.position, plan.size)

    @property
    def clock(self) -> int:
        """Its Lamport clock: 0 before its first event."""
        return self._clock

    @property
    def queue(self) -> int:
        """How many messages lie in its inbox."""
        return len(self._inbox)

    def tick(self, tick: int, found: Sequence[Message], now_ns: int) -> Step:
        """Take in what was found, do the one operation of tick number `tick`.

        `now_ns` is what the machine's physical clock shows. Raises ProcessError.
        """
        view, inbox = self.view, self._inbox
        view.tick = tick
        view.now_ns = now_ns
        if found:
            inbox.extend(found)
        if inbox:
            message = inbox.popleft()
            sender, stamp, timestamp, payload = message
            view.clock = clock = self._clock = merge(self._clock, stamp)
            if self._stamping is not None:
                view.timestamp = self._stamping.merge(timestamp, now_ns)
            view.queue = queue = len(inbox)
            try:
                answer = self._process.receive(message if payload is None else _opened(message))
            except _FAILURES as error:
                raise process_raised(self._process.receive, error, tick) from error
            if answer is None:
                received = (
                    self._name, tick, _RECEIVE, sender, stamp, _NOTHING,
                    clock, queue, view.timestamp, _NOTHING,
                )  # fmt: skip
                return _new_tuple(Event, received), _NOTHING
            return self._apply(answer, self._process.receive, tick, sender, stamp)
        view.clock = clock = self._clock = step(self._clock)
        if self._stamping is not None:
            view.timestamp = self._stamping.tick(now_ns)
        view.queue = 0
        try:
            answer = self._process.idle()
        except _FAILURES as error:
            raise process_raised(self._process.idle, error, tick) from error
        if answer is None:
            internal = (
                self._name, tick, _INTERNAL, None, None, _NOTHING,
                clock, 0, view.timestamp, _NOTHING,
            )  # fmt: skip
            return _new_tuple(Event, internal), _NOTHING
        return self._apply(answer, self._process.idle, tick, None, None)

    def _apply(
        self, answer: object, asked: Any, tick: int, sender: str | None, stamp: int | None
    ) -> Step:
        """Turn what the process answered into an event and posts. Raises ProcessError."""
        view, posts, recorded = self.view, _NOTHING, _NOTHING
        clock, timestamp = self._clock, view.timestamp
        try:
            if isinstance(answer, Send):
                targets, payload = validate_send(answer, self._peers, self._known, self._name)
                if targets:
                    posts = (_new_tuple(Outgoing, (targets, clock, timestamp, payload)),)
            else:
                targets, letters, recorded = validate_effects(
                    answer, self._peers, self._known, self._name
                )
                posts = tuple(Outgoing(to, clock, timestamp, payload) for to, payload in letters)
        except InvalidEffectError as error:
            raise invalid_effect(asked, str(error), tick) from None
        except _FAILURES as error:  # a list or a name of the user's own making
            raise invalid_effect(asked, f"what cannot be read: {error!r}", tick) from error
        kind = _RECEIVE if sender is not None else _SEND if targets else _INTERNAL
        event = (
            self._name, tick, kind, sender, stamp, targets,
            clock, len(self._inbox), timestamp, recorded,
        )  # fmt: skip
        return _new_tuple(Event, event), posts


def _opened(message: Message) -> Message:
    """Return a message with its payload as a value, a new one each time."""
    return message._replace(payload=parse_payload(message.payload))


@lru_cache(maxsize=16)
def _shared(names: frozenset[str]) -> frozenset[str]:
    """Return the first set that was equal: in a mesh all machines share one."""
    return names


def _made(view: ProcessContext, process: ProcessType) -> Process:
    try:
        return process(view)
    except _FAILURES as error:
        raise process_raised(getattr(process, "__init__", process), error, None) from error
