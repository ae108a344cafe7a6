"""Vector clocks: how many events of each process are in an event's past.

Fidge, "Timestamps in Message-Passing Systems That Preserve the Partial
Ordering" (Australian Computer Science Conference, 1988); Mattern, "Virtual
Time and Global States of Distributed Systems" (1989).

Invariant: entry j of the timestamp of event e is the number of events of
process j that happened before e, e itself counted in its own process. From
it follows the strong clock condition: a happened before b if and only if
V(a) < V(b). The price is one number for each process in every message.
"""

from operator import le
from typing import Any, NamedTuple, Self

from driftlab.clocks.clock import join_numbers, require_process, split_numbers


class VectorTimestamp(NamedTuple):
    """One entry for each process, in partial order.

    a <= b if no entry of a is over b's; a < b if also some entry differs.
    To order timestamps of different length raises ValueError.
    """

    entries: tuple[int, ...]

    def __le__(self, other: tuple[Any, ...]) -> bool:
        if not isinstance(other, VectorTimestamp):
            return NotImplemented
        return none_over(self.entries, other.entries)

    def __lt__(self, other: tuple[Any, ...]) -> bool:
        if not isinstance(other, VectorTimestamp):
            return NotImplemented
        return none_over(self.entries, other.entries) and self.entries != other.entries

    def __ge__(self, other: tuple[Any, ...]) -> bool:
        if not isinstance(other, VectorTimestamp):
            return NotImplemented
        return none_over(other.entries, self.entries)

    def __gt__(self, other: tuple[Any, ...]) -> bool:
        if not isinstance(other, VectorTimestamp):
            return NotImplemented
        return none_over(other.entries, self.entries) and self.entries != other.entries

    def concurrent(self, other: "VectorTimestamp") -> bool:
        """Whether neither of two events happened before the other, and they are not the same."""
        mine, theirs = self.entries, other.entries
        return not none_over(mine, theirs) and not none_over(theirs, mine)

    def encode(self) -> str:
        """Return the entries as text: 3.0.17."""
        return join_numbers(self.entries)

    @classmethod
    def decode(cls, text: str, process: int, processes: int) -> Self:
        """Read an entry for each of `processes`. Raises TimestampError."""
        return cls(split_numbers(text, processes))


def none_over(these: tuple[int, ...], those: tuple[int, ...]) -> bool:
    """Whether no entry is over its counterpart. Raises ValueError at different lengths."""
    if len(these) != len(those):
        raise ValueError(f"timestamps of {len(these)} and of {len(those)} processes have no order")
    return all(map(le, these, those))


_new = tuple.__new__  # half the time of the generated constructor


class VectorClock:
    """Counts its process's events, and takes in what others counted."""

    __slots__ = ("_entries", "_process", "now")

    def __init__(self, process: int, processes: int) -> None:
        require_process(process, processes)
        self._process = process
        self._entries = [0] * processes
        self.now: VectorTimestamp | None = None

    def tick(self, now_ns: int) -> VectorTimestamp:
        """Return the timestamp of an internal event or a send. Physical time plays no part."""
        entries = self._entries
        entries[self._process] += 1
        self.now = now = _new(VectorTimestamp, (tuple(entries),))
        return now

    def merge(self, timestamp: VectorTimestamp, now_ns: int) -> VectorTimestamp:
        """Return the timestamp of a receive. Raises ValueError at another number of processes."""
        entries, theirs = self._entries, timestamp.entries
        if len(theirs) != len(entries):
            raise ValueError(f"a timestamp of {len(theirs)} processes; expected {len(entries)}")
        for index, entry in enumerate(theirs):
            if entry > entries[index]:
                entries[index] = entry
        return self.tick(now_ns)
