"""Lamport's scalar clock, and its two rules as functions of whole numbers.

Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System"
(CACM 21(7), 1978), implementation rules IR1 and IR2. The rules are written
once, in `step` and `merge`; every engine calls these or compiles them.

Invariant (the clock condition): if event a happened before event b, then
C(a) < C(b). The converse does not hold: from C(a) < C(b) it does not follow
that a happened before b.
"""

from typing import NamedTuple, Self

from driftlab.clocks.clock import require_valid_index, split_numbers


def step(clock: int) -> int:
    """Return the clock after an internal event or a send (IR1); a send carries this value."""
    return clock + 1


def merge(clock: int, stamp: int) -> int:
    """Return the clock after the receive of a message that carries `stamp` (IR2)."""
    return (clock if clock > stamp else stamp) + 1


class LamportTimestamp(NamedTuple):
    """The value of a clock and the index of its process, in total order.

    The order is by value, then by process (Lamport 1978, "Ordering the Events
    Totally"). It extends happened-before to all events, so it does not show
    which events are concurrent and there is no `concurrent`.
    """

    clock: int
    process: int

    def encode(self) -> str:
        """Return the value as text, as in 17."""
        return str(self.clock)

    @classmethod
    def decode(cls, text: str, process: int, processes: int) -> Self:
        """Return the timestamp that `process` encoded; its text does not depend on `processes`.

        Raise TimestampError if the text is malformed.
        """
        return cls(split_numbers(text, 1)[0], process)


_new = tuple.__new__  # takes half the time of the generated constructor


class LamportClock:
    """A scalar clock: counts events, and is never behind a clock that it received.

    process: its position, from 0. processes: how many. Raise ValueError if there is
    no such process.
    """

    __slots__ = ("_clock", "_process", "now")

    def __init__(self, process: int, processes: int) -> None:
        require_valid_index(process, processes)
        self._process = process
        self._clock = 0
        self.now: LamportTimestamp | None = None

    def tick(self, now_ns: int) -> LamportTimestamp:
        """Return the timestamp of an internal event or a send. Physical time is ignored."""
        self._clock = clock = step(self._clock)
        self.now = now = _new(LamportTimestamp, (clock, self._process))
        return now

    def merge(self, timestamp: LamportTimestamp, now_ns: int) -> LamportTimestamp:
        """Return the timestamp of the receive of a message that carries `timestamp`."""
        self._clock = clock = merge(self._clock, timestamp.clock)
        self.now = now = _new(LamportTimestamp, (clock, self._process))
        return now
