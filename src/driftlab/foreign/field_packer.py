"""Packs the fields of a table's rows, or of a pattern's matches, as they come; see packed."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from driftlab.foreign.clock_values import pack_clocks
from driftlab.foreign.fields import Positions, field_of
from driftlab.foreign.packed import ROWS_AT_ONCE, Packed, Pool, Values

_CLOCKS: Final = frozenset({"clock", "vector"})


class FieldPacker:
    """Columns that grow by rows, which are held as they are only until there are enough.

    names: of the columns, in the order of each row's values.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._columns = [Packed() for _ in names]
        self._names = list(names)
        self._clocks = [Positions() if field_of(name) in _CLOCKS else None for name in names]
        self._pool = Pool()
        self._rows: list[Sequence[Any]] = []

    def add(self, row: Sequence[Any]) -> None:
        """Add a row, a value for each column."""
        self._rows.append(row)
        if len(self._rows) >= ROWS_AT_ONCE:
            self._pack()

    def add_columns(self, columns: Iterable[Sequence[Any]]) -> None:
        """Add some rows, at most a few thousand, given as columns: a part of their own."""
        for column, names, values in zip(self._columns, self._clocks, columns, strict=True):
            packed = None if names is None else pack_clocks(values, names)
            column.append(self._pool.pack(values) if packed is None else packed)

    def fields(self) -> dict[str, Values]:
        """Return the columns by name."""
        self._pack()
        return dict(zip(self._names, self._columns, strict=True))

    def _pack(self) -> None:
        if not self._rows:
            return
        self.add_columns(zip(*self._rows, strict=True))
        self._rows = []
