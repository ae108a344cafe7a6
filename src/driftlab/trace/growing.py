"""Columns that grow: parts are copied behind one another and can be let go at once.

Room is doubled when it is used up, and room that is not used costs no memory
(the system gives a page when it is written to). So rows that come in parts
need little more memory than the rows once.
"""

from collections.abc import Sequence
from typing import Any

from driftlab.trace.trace_columns import Array


class Growing:
    """One column."""

    def __init__(self, kind: Any) -> None:
        import numpy as np

        self._array = np.empty(0, kind)
        self._used = 0

    def add(self, part: Array) -> None:
        """Append a part."""
        import numpy as np

        used = self._used + len(part)
        if used > len(self._array):
            larger = np.empty(max(used, 2 * len(self._array)), self._array.dtype)
            larger[: self._used] = self._array[: self._used]
            self._array = larger
        self._array[self._used : used] = part
        self._used = used

    def whole(self) -> Array:
        """Return what was appended."""
        return self._array[: self._used]


class Ragged:
    """Columns of which the first says where each row's part of the others begins."""

    def __init__(self, first: Sequence[Array]) -> None:
        self._columns = [Growing(column.dtype) for column in first]
        self._columns[0].add(first[0][:1])
        self._total = 0

    def add(self, part: Sequence[Array]) -> None:
        """Append the rows of a part."""
        starts, *others = part
        self._columns[0].add(starts[1:] + self._total)
        self._total += int(starts[-1])
        for column, more in zip(self._columns[1:], others, strict=True):
            column.add(more)

    def whole(self) -> list[Array]:
        """Return the columns."""
        return [column.whole() for column in self._columns]
