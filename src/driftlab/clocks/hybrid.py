"""Hybrid logical clocks: a Lamport clock that stays close to physical time.

Kulkarni, Demirbas, Madappa, Avva, Leone, "Logical Physical Clocks" (OPODIS
2014), section 3, the algorithm of figure 5.

Invariants, for event e with timestamp (l, c): the clock condition, by (l, c);
l is the largest physical time of the events in e's past, e itself counted, so
it is never behind e's own, and never further ahead than physical clocks
differ (or went back); c is the number of events before e on the longest chain
of events that all have this l, so it falls back to 0 when physical time moves
on. The converse of the clock condition does not hold.

Unlike the paper's, a clock stands at minus infinity before its first event,
not at 0: physical time may be negative here.
"""

from typing import NamedTuple, Self

from driftlab.clocks.clock import (
    ENTRY_MAX,
    TimestampError,
    join_numbers,
    quote,
    require_process,
    split_numbers,
)


class HybridTimestamp(NamedTuple):
    """Physical time in nanoseconds, a counter, the index of the process: in this, total, order.

    Like Lamport's it cannot tell concurrency, so there is no `concurrent` here.
    """

    physical_ns: int
    logical: int
    process: int

    def encode(self) -> str:
        """Return physical time and counter as text: -1500.3."""
        return join_numbers(self[:2])

    @classmethod
    def decode(cls, text: str, process: int, processes: int) -> Self:
        """Read what `process` encoded. Raises TimestampError."""
        physical_ns, logical = split_numbers(text, 2, lowest=-ENTRY_MAX)
        if logical < 0:
            raise TimestampError(f"{quote(text)}: the second number must not be negative")
        return cls(physical_ns, logical, process)


_new = tuple.__new__  # half the time of the generated constructor


class HybridClock:
    """Follows physical time where that moves on, and counts where it does not."""

    __slots__ = ("_process", "now")

    def __init__(self, process: int, processes: int) -> None:
        require_process(process, processes)
        self._process = process
        self.now: HybridTimestamp | None = None  # before the first event: minus infinity

    def tick(self, now_ns: int) -> HybridTimestamp:
        """Return the timestamp of an internal event or a send."""
        last = self.now
        if last is None or now_ns > last.physical_ns:
            self.now = now = _new(HybridTimestamp, (now_ns, 0, self._process))
        else:
            self.now = now = _new(HybridTimestamp, (last[0], last[1] + 1, self._process))
        return now

    def merge(self, timestamp: HybridTimestamp, now_ns: int) -> HybridTimestamp:
        """Return the timestamp of the receive of a message that carried `timestamp`."""
        last = self.now
        # The later of the last event and the send is what this event must exceed.
        latest = timestamp if last is None or timestamp[:2] > last[:2] else last
        if now_ns > latest.physical_ns:
            self.now = now = _new(HybridTimestamp, (now_ns, 0, self._process))
        else:
            self.now = now = _new(HybridTimestamp, (latest[0], latest[1] + 1, self._process))
        return now
