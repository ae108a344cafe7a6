"""Lamport's scalar clock.

Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System"
(CACM 21(7), 1978), implementation rules IR1 and IR2. The rules are written
once, as functions of whole numbers, and every engine calls or compiles them.

Invariant (the clock condition): if event a happened before event b, then
C(a) < C(b). The converse does not hold: C(a) < C(b) says nothing about
whether a happened before b.
"""

from typing import NamedTuple, Self

from driftlab.clocks.clock import require_process, split_numbers


def step(clock: int) -> int:
    """IR1: the clock after an internal event or a send; a send carries this new value."""
    return clock + 1


def merge(clock: int, stamp: int) -> int:
    """IR2: the clock after receiving a message that carries `stamp`, the receive itself counted."""
    return (clock if clock > stamp else stamp) + 1


class LamportTimestamp(NamedTuple):
    """A clock's value and the index of its process, in total order.

    The order is by value, then by process (Lamport 1978, "Ordering the Events
    Totally"). It extends happened-before, and puts concurrent events in some
    order as well: it cannot tell that they are concurrent, so there is no
    `concurrent` here.
    """

    clock: int
    process: int

    def encode(self) -> str:
        """Return the value as text: 17."""
        return str(self.clock)

    @classmethod
    def decode(cls, text: str, process: int, processes: int) -> Self:
        """Read the value that `process` encoded. Raises TimestampError."""
        return cls(split_numbers(text, 1)[0], process)


_new = tuple.__new__  # half the time of the generated constructor


class LamportClock:
    """A scalar clock: counts its events, and is never behind what it received."""

    __slots__ = ("_clock", "_process", "now")

    def __init__(self, process: int, processes: int) -> None:
        require_process(process, processes)
        self._process = process
        self._clock = 0
        self.now: LamportTimestamp | None = None

    def tick(self, now_ns: int) -> LamportTimestamp:
        """Return the timestamp of an internal event or a send. Physical time plays no part."""
        self._clock = clock = step(self._clock)
        self.now = now = _new(LamportTimestamp, (clock, self._process))
        return now

    def merge(self, timestamp: LamportTimestamp, now_ns: int) -> LamportTimestamp:
        """Return the timestamp of the receive of a message that carried `timestamp`."""
        self._clock = clock = merge(self._clock, timestamp.clock)
        self.now = now = _new(LamportTimestamp, (clock, self._process))
        return now
