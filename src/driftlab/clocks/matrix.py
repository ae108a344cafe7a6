"""Matrix clocks: what a process knows of what each process knows.

Wuu & Bernstein, "Efficient Solutions to the Replicated Log and Dictionary
Problems" (PODC 1984); Sarin & Lynch, "Discarding Obsolete Information in a
Replicated Database System" (IEEE TSE 13(1), 1987).

Invariant: row j of the timestamp of event e is the vector time of the last
event of process j in e's past, e itself counted; zeros where there is none.
So the row of e's own process is e's vector time, which carries the order and
the strong clock condition, and a column's minimum is what every process is
known to know. The price is the square of the number of processes in every
message.
"""

from typing import Any, NamedTuple, Self

from driftlab.clocks.clock import (
    TimestampError,
    join_numbers,
    quote,
    require_process,
    require_short,
    split_numbers,
)
from driftlab.clocks.vector import none_over


class MatrixTimestamp(NamedTuple):
    """A row for each process and the index of the process whose event it is.

    The order is the partial order of the own rows (`vector_time`). Within one
    execution equal own rows mean the same event. To order timestamps of
    different size raises ValueError.
    """

    rows: tuple[tuple[int, ...], ...]
    process: int

    @property
    def vector_time(self) -> tuple[int, ...]:
        """The own row: how many events of each process are in the event's past."""
        return self.rows[self.process]

    def known_to_all(self) -> tuple[int, ...]:
        """Return how many events of each process every process is known to know of.

        The minimum of each column: what every process has in its past already
        at the last event that this one has heard of, so a log may forget it.
        """
        return tuple(map(min, zip(*self.rows, strict=True)))

    def __le__(self, other: tuple[Any, ...]) -> bool:
        if not isinstance(other, MatrixTimestamp):
            return NotImplemented
        return self == other or self < other

    def __lt__(self, other: tuple[Any, ...]) -> bool:
        if not isinstance(other, MatrixTimestamp):
            return NotImplemented
        mine, theirs = self.vector_time, other.vector_time
        return none_over(mine, theirs) and mine != theirs

    def __ge__(self, other: tuple[Any, ...]) -> bool:
        if not isinstance(other, MatrixTimestamp):
            return NotImplemented
        return other <= self

    def __gt__(self, other: tuple[Any, ...]) -> bool:
        if not isinstance(other, MatrixTimestamp):
            return NotImplemented
        return other < self

    def concurrent(self, other: "MatrixTimestamp") -> bool:
        """Whether neither of two events happened before the other, and they are not the same."""
        mine, theirs = self.vector_time, other.vector_time
        return not none_over(mine, theirs) and not none_over(theirs, mine)

    def encode(self) -> str:
        """Return the rows as text: 3.1/0.1."""
        return "/".join(map(join_numbers, self.rows))

    @classmethod
    def decode(cls, text: str, process: int, processes: int) -> Self:
        """Read a row for each of `processes`. Raises TimestampError."""
        require_short(text)
        rows = text.split("/")
        if len(rows) != processes:
            raise TimestampError(f"{quote(text)} has {len(rows)} rows; expected {processes}")
        return cls(tuple([split_numbers(row, processes) for row in rows]), process)


_new = tuple.__new__  # half the time of the generated constructor


class MatrixClock:
    """Counts its process's events, and takes in what others counted and knew."""

    __slots__ = ("_own", "_process", "_rows", "now")

    def __init__(self, process: int, processes: int) -> None:
        require_process(process, processes)
        self._process = process
        self._own = [0] * processes
        self._rows = [(0,) * processes] * processes
        self.now: MatrixTimestamp | None = None

    def tick(self, now_ns: int) -> MatrixTimestamp:
        """Return the timestamp of an internal event or a send. Physical time plays no part."""
        process, own, rows = self._process, self._own, self._rows
        own[process] += 1
        rows[process] = tuple(own)
        self.now = now = _new(MatrixTimestamp, (tuple(rows), process))
        return now

    def merge(self, timestamp: MatrixTimestamp, now_ns: int) -> MatrixTimestamp:
        """Return the timestamp of a receive. Raises ValueError at another number of processes.

        The papers take the maximum of each entry of the matrix. The rows j of
        any two matrices are vector times of process j, which are all ordered
        by their entry j, and entry j of the own row is the same number: so the
        greater row is found in one comparison and shared, not copied.
        """
        own, rows, theirs = self._own, self._rows, timestamp.rows
        if len(theirs) != len(own):
            raise ValueError(f"a timestamp of {len(theirs)} processes; expected {len(own)}")
        for index, entry in enumerate(theirs[timestamp.process]):
            if entry > own[index]:
                own[index] = entry
                rows[index] = theirs[index]
        return self.tick(now_ns)
