"""Hybrid logical clocks: a Lamport clock that stays close to physical time.

Kulkarni, Demirbas, Madappa, Avva, Leone, "Logical Physical Clocks" (OPODIS
2014), section 3, the algorithm of figure 5.

Invariants, for an event e with timestamp (l, c):

- The clock condition holds in the order of (l, c). Its converse does not.
- l is the largest physical time of all events that happened before e and of e
  itself. So it is never behind e's own physical time, and ahead of it by no
  more than physical clocks differ or have gone back.
- c is the number of events before e on the longest chain of events with this
  same l. So it falls back to 0 when physical time moves on.

Unlike in the paper, a clock starts at minus infinity, not at 0, because
physical time may be negative here.
"""

from typing import NamedTuple, Self

from driftlab.clocks.clock import (
    ENTRY_MAX,
    TimestampError,
    join_numbers,
    quote_text,
    require_valid_index,
    split_numbers,
)


class HybridTimestamp(NamedTuple):
    """Physical time in nanoseconds, a counter, the index of the process; ordered in this order.

    Like Lamport's order it is total and does not show which events are
    concurrent, so there is no `concurrent`.
    """

    physical_ns: int
    logical: int
    process: int

    def encode(self) -> str:
        """Return physical time and counter as text, as in -1500.3."""
        return join_numbers(self[:2])

    @classmethod
    def decode(cls, text: str, process: int, processes: int) -> Self:
        """Return the timestamp that `process` encoded; its text does not depend on `processes`.

        Raise TimestampError if the text is malformed.
        """
        physical_ns, logical = split_numbers(text, 2, lowest=-ENTRY_MAX)
        if logical < 0:
            raise TimestampError(f"{quote_text(text)}: the second number must not be negative")
        return cls(physical_ns, logical, process)


_new = tuple.__new__  # takes half the time of the generated constructor


class HybridClock:
    """A clock that follows physical time while that moves on, and counts while it does not.

    process: its position, from 0. processes: how many. Raise ValueError if there is
    no such process.
    """

    __slots__ = ("_process", "now")

    def __init__(self, process: int, processes: int) -> None:
        require_valid_index(process, processes)
        self._process = process
        self.now: HybridTimestamp | None = None  # None stands for minus infinity

    def tick(self, now_ns: int) -> HybridTimestamp:
        """Return the timestamp of an internal event or a send."""
        last = self.now
        if last is None or now_ns > last.physical_ns:
            self.now = now = _new(HybridTimestamp, (now_ns, 0, self._process))
        else:
            self.now = now = _new(HybridTimestamp, (last[0], last[1] + 1, self._process))
        return now

    def merge(self, timestamp: HybridTimestamp, now_ns: int) -> HybridTimestamp:
        """Return the timestamp of the receive of a message that carries `timestamp`."""
        last = self.now
        # This event must exceed the last event and the send, whichever is later.
        latest = timestamp if last is None or timestamp[:2] > last[:2] else last
        if now_ns > latest.physical_ns:
            self.now = now = _new(HybridTimestamp, (now_ns, 0, self._process))
        else:
            self.now = now = _new(HybridTimestamp, (latest[0], latest[1] + 1, self._process))
        return now
