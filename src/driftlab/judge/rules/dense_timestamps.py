"""Timestamps of some rows as a table of numbers: a row an event, a column an entry.

A history's timestamps are kept entry by entry; a rule looks at a block of rows
at a time, so that no table grows with the history.
"""

from collections.abc import Iterator

import numpy as np

from driftlab.judge.rules.context import Context
from driftlab.model.columns import Array, Timestamps

NUMBERS_MAX = 1_000_000  # in the table of one block


def table(held: Timestamps, rows: Array, width: int) -> Array:
    """Return the entries of some rows, i8, as many rows by `width`; 0 where there is none."""
    numbers = np.zeros((len(rows), width), np.int64)
    begin = held.starts[rows]
    counts = held.starts[rows + 1] - begin
    ends = np.cumsum(counts)
    place = np.arange(ends[-1] if len(ends) else 0) + np.repeat(begin - ends + counts, counts)
    entry = held.entries[place]
    inside = (entry >= 0) & (entry < width)
    row = np.repeat(np.arange(len(rows)), counts)
    numbers[row[inside], entry[inside]] = held.values[place[inside]]
    return numbers


def is_stamped(held: Timestamps) -> Array:
    """Return whether each event has a timestamp."""
    stamped: Array = held.starts[1:] > held.starts[:-1]
    return stamped


def blocks(rows: int, width: int) -> Iterator[Array]:
    """Yield the numbers of all rows, a block at a time."""
    step = max(1, NUMBERS_MAX // max(width, 1))
    for begin in range(0, rows, step):
        yield np.arange(begin, min(begin + step, rows))


class ReceivedEntries:
    """What the messages of events carried: of blocks of rows, entry by entry the greatest."""

    def __init__(self, case: Context) -> None:
        self._to, self._from = case.by_receive

    def messages(self, rows: Array) -> tuple[Array, Array]:
        """Return the messages of a block of rows: the place in the block, the row of the send."""
        if not len(rows):
            return rows, rows
        begin, end = np.searchsorted(self._to, [rows[0], rows[-1] + 1])
        return self._to[begin:end] - rows[0], self._from[begin:end]
