"""One machine: an inbox, a process, its clocks, and one operation a tick.

At every tick the machine appends the messages that its host found to its inbox,
in the order found, and then does exactly one thing: it receives the message at
the front of the inbox or, if the inbox is empty, asks its process what to do.
Either is one event. A send to several peers is one event with one stamp.

The clocks advance first: the process sees, and its messages carry, the clock of
the current event. The Lamport clock is always kept because it names the
messages. A run may keep an additional clock.

The machine is a pure state machine: its effects depend on its plan, its process
and its inputs alone. The host must record the event of a step before it sends
the step's messages. So a host that stops in between leaves a recorded send
without a message, never a message without a recorded send.

A process that fails ends its machine with a ProcessError, which says where in
its file, at which tick, and why. What the machine did before stands.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import TracebackType
from typing import Any, Final

from driftlab.clocks.catalogue import additional_clock
from driftlab.clocks.lamport import merge, step
from driftlab.errors import DriftlabError
from driftlab.machine.effects import (
    InvalidEffectError,
    Outgoing,
    Send,
    Step,
    validate_effects,
    validate_send,
)
from driftlab.machine.process import Die, Process, ProcessContext
from driftlab.model.event import Event, EventRow, Kind, Message, parse_payload
from driftlab.scenario.plan import MachinePlan

ProcessType = Callable[[ProcessContext], Process]

_INTERNAL, _SEND, _RECEIVE = Kind.INTERNAL, Kind.SEND, Kind.RECEIVE
_new_tuple = tuple.__new__  # several times faster than the constructor of a named tuple
_NOTHING: tuple[Any, ...] = ()
_PROCESS_ERRORS = (Exception, SystemExit, GeneratorExit)  # but not KeyboardInterrupt
_FAILURE_PREFIX: Final = "process failed: "


class MachineEndError(DriftlabError):
    """A machine takes no further tick; the message says why. What it did before stands."""


class ProcessError(MachineEndError):
    """A process raised, or returned something that is not an effect; the message says where.

    Its machine takes no further tick. What it did before stands.
    """


class Machine:
    """The state of one machine and of its process, by default the die of the assignment.

    Raise ProcessError if the process cannot be created.
    """

    __slots__ = (
        "_additional_clock", "_clock", "_inbox", "_known", "_name", "_peers", "_process", "context",
    )  # fmt: skip

    def __init__(self, plan: MachinePlan, process: ProcessType | None = None) -> None:
        self.context = ProcessContext(
            plan.name, plan.position, plan.names, plan.peers, plan.die_stream
        )
        self._clock = 0
        if process is None:
            self._process: Process = Die(self.context, plan.die)
        else:
            self._process = _create_process(self.context, process)
        self._name = plan.name
        self._peers = plan.peers
        is_mesh = len(plan.peers) == len(plan.names) - 1
        self._known = _set_of(plan.names if is_mesh else (plan.name, *plan.peers))
        self._inbox: deque[Message] = deque()
        self._additional_clock = additional_clock(plan.clock, plan.position, plan.size)

    @property
    def clock(self) -> int:
        """The Lamport clock, 0 before the first event."""
        return self._clock

    @property
    def queue(self) -> int:
        """The number of messages in the inbox."""
        return len(self._inbox)

    def count_waiting(self, sender: str) -> int:
        """Return how many messages of a sender are in the inbox."""
        return sum(message.sender == sender for message in self._inbox)

    def tick(self, tick: int, found: Sequence[Message], now_ns: int) -> Step:
        """Take one tick and return its event and the messages to send.

        See `tick_row` for the parameters and what is raised.
        """
        row, outgoing = self.tick_row(tick, found, now_ns)
        return _new_tuple(Event, row), outgoing

    def tick_row(
        self, tick: int, found: Sequence[Message], now_ns: int
    ) -> tuple[EventRow, Sequence[Outgoing]]:
        """Take one tick and return the fields of its event, and the messages to send.

        Args:
            tick: the number of the tick, from 0.
            found: the messages that arrived since the last tick, in queue order.
            now_ns: what the machine's physical clock shows, in nanoseconds.

        Raise ProcessError if the process fails.
        """
        context, inbox = self.context, self._inbox
        context.tick = tick
        context.now_ns = now_ns
        if found:
            inbox.extend(found)
        if inbox:
            message = inbox.popleft()
            sender, stamp, timestamp, payload = message
            context.clock = clock = self._clock = merge(self._clock, stamp)
            if self._additional_clock is not None:
                context.timestamp = self._additional_clock.merge(timestamp, now_ns)
            context.queue = queue = len(inbox)
            try:
                answer = self._process.receive(
                    message if payload is None else _with_parsed_payload(message)
                )
            except _PROCESS_ERRORS as error:
                raise process_raised(self._process.receive, error, tick) from error
            if answer is None:
                return (
                    self._name, tick, _RECEIVE, sender, stamp, _NOTHING,
                    clock, queue, context.timestamp, _NOTHING,
                ), _NOTHING  # fmt: skip
            return self._apply(answer, self._process.receive, tick, sender, stamp)
        context.clock = clock = self._clock = step(self._clock)
        if self._additional_clock is not None:
            context.timestamp = self._additional_clock.tick(now_ns)
        context.queue = 0
        try:
            answer = self._process.idle()
        except _PROCESS_ERRORS as error:
            raise process_raised(self._process.idle, error, tick) from error
        if answer is None:
            return (
                self._name, tick, _INTERNAL, None, None, _NOTHING,
                clock, 0, context.timestamp, _NOTHING,
            ), _NOTHING  # fmt: skip
        return self._apply(answer, self._process.idle, tick, None, None)

    def _apply(
        self, answer: object, method: Any, tick: int, sender: str | None, stamp: int | None
    ) -> tuple[EventRow, Sequence[Outgoing]]:
        """Return the fields of the event, and the messages, that a process's `method` asked for."""
        recorded = _NOTHING
        sends: tuple[Outgoing, ...] = ()
        clock, timestamp = self._clock, self.context.timestamp
        try:
            if isinstance(answer, Send):
                targets, payload = validate_send(answer, self._peers, self._known, self._name)
                if targets:
                    sends = (_new_tuple(Outgoing, (targets, clock, timestamp, payload)),)
            else:
                targets, outgoing, recorded = validate_effects(
                    answer, self._peers, self._known, self._name
                )
                sends = tuple(Outgoing(to, clock, timestamp, payload) for to, payload in outgoing)
        except InvalidEffectError as error:
            raise invalid_effect(method, str(error), tick) from None
        except _PROCESS_ERRORS as error:  # of a list or a string subclass that the user wrote
            raise invalid_effect(method, f"something unreadable: {error!r}", tick) from error
        kind = _RECEIVE if sender is not None else _SEND if targets else _INTERNAL
        return (
            self._name, tick, kind, sender, stamp, targets,
            clock, len(self._inbox), timestamp, recorded,
        ), sends  # fmt: skip


def _with_parsed_payload(message: Message) -> Message:
    """Return a message whose payload is a value, a new one at each call."""
    return message._replace(payload=parse_payload(message.payload))


@lru_cache(maxsize=16)
def _set_of(names: tuple[str, ...]) -> frozenset[str]:
    """Return names as a set: the machines of a mesh share one."""
    return frozenset(names)


def _create_process(context: ProcessContext, process: ProcessType) -> Process:
    try:
        return process(context)
    except _PROCESS_ERRORS as error:
        raise process_raised(getattr(process, "__init__", process), error, None) from error


def is_process_failure(reason: str) -> bool:
    """Whether a machine ended because its process failed, given the reason why it ended."""
    return reason.startswith(_FAILURE_PREFIX)


def process_raised(method: Any, error: BaseException, tick: int | None) -> ProcessError:
    """Return the ProcessError for a process whose `method` raised.

    `tick` is the number of the tick, None while the process was created.
    """
    code = getattr(method, "__code__", None)
    place = _innermost_place(error.__traceback__, code.co_filename if code else "")
    return _process_error(place, tick, f"{type(error).__name__}: {_safe_str(error)}")


def invalid_effect(method: Any, reason: str, tick: int) -> ProcessError:
    """Return the ProcessError for a process whose `method` returned something invalid.

    `reason` says what it returned.
    """
    code = getattr(method, "__code__", None)
    place = f"{code.co_filename}, line {code.co_firstlineno}" if code else str(method)
    name = getattr(method, "__qualname__", method)
    return _process_error(place, tick, f"{name} returned {reason}")


def _process_error(place: str, tick: int | None, reason: str) -> ProcessError:
    when = "before its first tick" if tick is None else f"at tick {tick}"
    return ProcessError(" ".join(f"{_FAILURE_PREFIX}{place}, {when}: {reason}".split()))


def _safe_str(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # the user's __str__ may raise too
        return "(its text cannot be shown)"


def _innermost_place(trace: TracebackType | None, file: str) -> str:
    """Return the innermost place in the process's own file, else the innermost of all."""
    in_file = innermost = file
    while trace is not None:
        code = trace.tb_frame.f_code
        innermost = f"{code.co_filename}, line {trace.tb_lineno}"
        in_file = innermost if code.co_filename == file else in_file
        trace = trace.tb_next
    return innermost if in_file == file else in_file
