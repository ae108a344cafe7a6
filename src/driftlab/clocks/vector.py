"""Vector clocks: how many events of each process happened before an event.

Fidge, "Timestamps in Message-Passing Systems That Preserve the Partial
Ordering" (Australian Computer Science Conference, 1988); Mattern, "Virtual
Time and Global States of Distributed Systems" (1989).

Invariant: entry j of the timestamp of event e is the number of events of
process j that happened before e or are e itself. The strong clock condition
follows: a happened before b if and only if V(a) < V(b). Every message carries
one number for each process.
"""

from operator import le
from typing import Any, NamedTuple, Self

from driftlab.clocks.clock import join_numbers, require_valid_index, split_numbers
from driftlab.errors import counted


class VectorTimestamp(NamedTuple):
    """One entry for each process, in partial order.

    a <= b if no entry of a exceeds that of b; a < b if some entry differs too.
    Comparing timestamps of different lengths raises ValueError.
    """

    entries: tuple[int, ...]

    def __le__(self, other: tuple[Any, ...]) -> bool:
        if not isinstance(other, VectorTimestamp):
            return NotImplemented
        return all_at_most(self.entries, other.entries)

    def __lt__(self, other: tuple[Any, ...]) -> bool:
        if not isinstance(other, VectorTimestamp):
            return NotImplemented
        return all_at_most(self.entries, other.entries) and self.entries != other.entries

    def __ge__(self, other: tuple[Any, ...]) -> bool:
        if not isinstance(other, VectorTimestamp):
            return NotImplemented
        return all_at_most(other.entries, self.entries)

    def __gt__(self, other: tuple[Any, ...]) -> bool:
        if not isinstance(other, VectorTimestamp):
            return NotImplemented
        return all_at_most(other.entries, self.entries) and self.entries != other.entries

    def concurrent(self, other: "VectorTimestamp") -> bool:
        """Whether the two events differ and neither happened before the other."""
        left, right = self.entries, other.entries
        return not all_at_most(left, right) and not all_at_most(right, left)

    def encode(self) -> str:
        """Return the entries as text, as in 3.0.17."""
        return join_numbers(self.entries)

    @classmethod
    def decode(cls, text: str, process: int, processes: int) -> Self:
        """Return the timestamp that one of `processes` processes encoded.

        Raise TimestampError if the text is malformed.
        """
        return cls(split_numbers(text, processes))


def all_at_most(left: tuple[int, ...], right: tuple[int, ...]) -> bool:
    """Whether no entry of `left` exceeds that of `right`.

    Raise ValueError if the lengths differ.
    """
    if len(left) != len(right):
        raise ValueError(f"timestamps of {len(left)} and of {len(right)} processes have no order")
    return all(map(le, left, right))


_new = tuple.__new__  # takes half the time of the generated constructor


class VectorClock:
    """Counts the events of its process, and merges the entries of the timestamps received."""

    __slots__ = ("_entries", "_process", "now")

    def __init__(self, process: int, processes: int) -> None:
        require_valid_index(process, processes)
        self._process = process
        self._entries = [0] * processes
        self.now: VectorTimestamp | None = None

    def tick(self, now_ns: int) -> VectorTimestamp:
        """Return the timestamp of an internal event or a send. Physical time is ignored."""
        entries = self._entries
        entries[self._process] += 1
        self.now = now = _new(VectorTimestamp, (tuple(entries),))
        return now

    def merge(self, timestamp: VectorTimestamp, now_ns: int) -> VectorTimestamp:
        """Return the timestamp of the receive of a message that carries `timestamp`.

        Raise ValueError if it counts another number of processes.
        """
        entries, received = self._entries, timestamp.entries
        if len(received) != len(entries):
            raise ValueError(
                f"a timestamp of {counted(len(received), 'process')}; expected {len(entries)}"
            )
        for index, entry in enumerate(received):
            if entry > entries[index]:
                entries[index] = entry
        return self.tick(now_ns)
