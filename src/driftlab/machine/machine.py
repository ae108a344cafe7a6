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

When a process of the user fails: where in its file, at which tick, and why.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import TracebackType
from typing import Any

from driftlab.clocks.catalogue import additional_clock
from driftlab.clocks.lamport import merge, step
from driftlab.errors import DriftlabError
from driftlab.machine.die_process import Die
from driftlab.machine.effects import (
    InvalidEffectError,
    Outgoing,
    Send,
    Step,
    validate_effects,
    validate_send,
)
from driftlab.machine.process import Process, ProcessContext
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
        made = Die(self.view, plan.die) if process is None else _create_process(self.view, process)
        self._process = made
        self._name = plan.name
        self._peers = plan.peers
        self._known = _interned(frozenset((plan.name, *plan.peers)))
        self._inbox: deque[Message] = deque()
        self._stamping = additional_clock(plan.clock, plan.position, plan.size)

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
                answer = self._process.receive(
                    message if payload is None else _with_parsed_payload(message)
                )
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


def _with_parsed_payload(message: Message) -> Message:
    """Return a message with its payload as a value, a new one each time."""
    return message._replace(payload=parse_payload(message.payload))


@lru_cache(maxsize=16)
def _interned(names: frozenset[str]) -> frozenset[str]:
    """Return the first set that was equal: in a mesh all machines share one."""
    return names


def _create_process(view: ProcessContext, process: ProcessType) -> Process:
    try:
        return process(view)
    except _FAILURES as error:
        raise process_raised(getattr(process, "__init__", process), error, None) from error


class ProcessError(DriftlabError):
    """A process raised, or returned what is no effect; the message says where.

    Its machine takes no further tick; what it did before stands.
    """


_PREFIX = "process failed: "


def is_process_failure(reason: str) -> bool:
    """Whether the reason why a machine ended is that its process failed."""
    return reason.startswith(_PREFIX)


def process_raised(asked: Any, error: BaseException, tick: int | None) -> ProcessError:
    """Return the error of a process whose code raised; `asked` is the method that was called."""
    code = getattr(asked, "__code__", None)
    where = _innermost_place(error.__traceback__, code.co_filename if code else "")
    return _process_error(where, tick, f"{type(error).__name__}: {_safe_str(error)}")


def invalid_effect(asked: Any, reason: str, tick: int) -> ProcessError:
    """Return the error of a process whose method returned what is no effect."""
    code = getattr(asked, "__code__", None)
    where = f"{code.co_filename}, line {code.co_firstlineno}" if code else str(asked)
    return _process_error(where, tick, f"{getattr(asked, '__qualname__', asked)} returned {reason}")


def _safe_str(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # even that is the user's
        return "(it cannot be shown)"


def _process_error(where: str, tick: int | None, reason: str) -> ProcessError:
    when = "before its first tick" if tick is None else f"at tick {tick}"
    return ProcessError(" ".join(f"{_PREFIX}{where}, {when}: {reason}".split()))


def _innermost_place(trace: TracebackType | None, file: str) -> str:
    """Return the innermost place in the process's own file, else the innermost of all."""
    place = inner = file
    while trace is not None:
        code = trace.tb_frame.f_code
        inner = f"{code.co_filename}, line {trace.tb_lineno}"
        place = inner if code.co_filename == file else place
        trace = trace.tb_next
    return inner if place == file else place
