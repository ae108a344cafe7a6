"""Matrix clocks: what a process knows about what each process knows.

Wuu & Bernstein, "Efficient Solutions to the Replicated Log and Dictionary
Problems" (PODC 1984); Sarin & Lynch, "Discarding Obsolete Information in a
Replicated Database System" (IEEE TSE 13(1), 1987).

Invariant: row j of the timestamp of event e is the vector time of the last
event of process j that happened before e or is e itself, and zeros if there is
none. So the row of e's own process is e's vector time, which gives the order
and the strong clock condition, and the minimum of a column counts the events
that every process is known to know. Every message carries as many numbers as
the square of the number of processes.
"""

from typing import Any, NamedTuple, Self

from driftlab.clocks.clock import (
    TimestampError,
    join_numbers,
    quote_text,
    require_text_length,
    require_valid_index,
    split_numbers,
)
from driftlab.clocks.vector import all_at_most
from driftlab.errors import counted


class MatrixTimestamp(NamedTuple):
    """One row for each process, and the index of the process of the event.

    The order is the partial order of `vector_time`. Within one execution equal
    vector times mean the same event. Comparing timestamps of different sizes
    raises ValueError.
    """

    rows: tuple[tuple[int, ...], ...]
    process: int

    @property
    def vector_time(self) -> tuple[int, ...]:
        """The row of the event's own process: its vector time."""
        return self.rows[self.process]

    def known_to_all(self) -> tuple[int, ...]:
        """Return, for each process, how many of its events every process is known to know.

        This is the minimum of each column. A replicated log may discard those
        events (Wuu and Bernstein).
        """
        return tuple(map(min, zip(*self.rows, strict=True)))

    def __le__(self, other: tuple[Any, ...]) -> bool:
        if not isinstance(other, MatrixTimestamp):
            return NotImplemented
        return self == other or self < other

    def __lt__(self, other: tuple[Any, ...]) -> bool:
        if not isinstance(other, MatrixTimestamp):
            return NotImplemented
        left, right = self.vector_time, other.vector_time
        return all_at_most(left, right) and left != right

    def __ge__(self, other: tuple[Any, ...]) -> bool:
        if not isinstance(other, MatrixTimestamp):
            return NotImplemented
        return other <= self

    def __gt__(self, other: tuple[Any, ...]) -> bool:
        if not isinstance(other, MatrixTimestamp):
            return NotImplemented
        return other < self

    def concurrent(self, other: "MatrixTimestamp") -> bool:
        """Whether the two events differ and neither happened before the other."""
        left, right = self.vector_time, other.vector_time
        return not all_at_most(left, right) and not all_at_most(right, left)

    def encode(self) -> str:
        """Return the rows as text, as in 3.1/0.1."""
        return "/".join(map(join_numbers, self.rows))

    @classmethod
    def decode(cls, text: str, process: int, processes: int) -> Self:
        """Return the timestamp that process `process` of `processes` encoded.

        Raise TimestampError if the text is malformed.
        """
        require_text_length(text)
        rows = text.split("/")
        if len(rows) != processes:
            raise TimestampError(
                f"{quote_text(text)} has {counted(len(rows), 'row')}; expected {processes}"
            )
        return cls(tuple([split_numbers(row, processes) for row in rows]), process)


_new = tuple.__new__  # takes half the time of the generated constructor


class MatrixClock:
    """Counts the events of its process, and merges the rows of the timestamps received."""

    __slots__ = ("_own", "_process", "_rows", "now")

    def __init__(self, process: int, processes: int) -> None:
        require_valid_index(process, processes)
        self._process = process
        self._own = [0] * processes
        self._rows = [(0,) * processes] * processes
        self.now: MatrixTimestamp | None = None

    def tick(self, now_ns: int) -> MatrixTimestamp:
        """Return the timestamp of an internal event or a send. Physical time is ignored."""
        process, own, rows = self._process, self._own, self._rows
        own[process] += 1
        rows[process] = tuple(own)
        self.now = now = _new(MatrixTimestamp, (tuple(rows), process))
        return now

    def merge(self, timestamp: MatrixTimestamp, now_ns: int) -> MatrixTimestamp:
        """Return the timestamp of the receive of a message that carries `timestamp`.

        Raise ValueError if it counts another number of processes. The papers
        take the maximum of each entry of the matrix. The rows j of any two
        matrices are vector times of events of process j, so entry j orders them,
        and entry j of the own row is the same number. One comparison therefore
        finds the greater row, which is shared, not copied.
        """
        own, rows, received = self._own, self._rows, timestamp.rows
        if len(received) != len(own):
            raise ValueError(
                f"a timestamp of {counted(len(received), 'process')}; expected {len(own)}"
            )
        for index, entry in enumerate(received[timestamp.process]):
            if entry > own[index]:
                own[index] = entry
                rows[index] = received[index]
        return self.tick(now_ns)
