"""Values of a field, packed: a column of a million cells without a million objects.

A column is a sequence of parts, each of a few thousand rows, and each part is held
as its values allow: whole numbers as an array, texts end to end in one text, vector
clocks as the arrays that they are read into, anything else as a list. A cell is
made when it is asked for, and is the value that was put in (a vector clock as an
object).
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import Any, Final, TypeAlias, overload

import numpy as np

from driftlab.arrays import IntArray

Values: TypeAlias = Sequence[Any]  # of a field: texts, or values of JSON and Parquet

ROWS_AT_ONCE: Final = 2_000  # of a part
_SHARED_MIN: Final = 4  # rows to a distinct text from which on it is held once
_POOL_MAX: Final = 100_000  # distinct texts that are held once


class _Part(Sequence[Any]):
    """A part of a column; its cells are given by `_cell`."""

    def _cell(self, row: int) -> Any:
        raise NotImplementedError

    @overload
    def __getitem__(self, row: int) -> Any: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Any]: ...
    def __getitem__(self, row: int | slice) -> Any:
        if isinstance(row, slice):
            return [self._cell(at) for at in range(*row.indices(len(self)))]
        if row < 0:
            row += len(self)
        if not 0 <= row < len(self):
            raise IndexError(row)
        return self._cell(row)

    def __iter__(self) -> Iterator[Any]:
        return map(self._cell, range(len(self)))


class Integers(_Part):
    """Whole numbers of 64 bits, i8."""

    def __init__(self, values: IntArray) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def _cell(self, row: int) -> int:
        return int(self.values[row])

    def __iter__(self) -> Iterator[int]:
        return iter(self.values.tolist())


class Texts(_Part):
    """Texts, joined by line ends in one; None is empty there."""

    def __init__(self, values: Sequence[str | None]) -> None:
        plain = [each or "" for each in values]
        self._text = "\n".join(plain)
        lengths = np.fromiter(map(len, plain), np.int64, len(plain))
        ends = np.concatenate([[0], np.cumsum(lengths + 1)])
        fits = len(self._text) < 2**31 - 1
        self._ends: IntArray = ends.astype(np.int32) if fits else ends
        self._none: frozenset[int] = frozenset(
            [row for row, each in enumerate(values) if each is None] if None in values else ()
        )
        self._is_split = self._text.count("\n") == len(plain) - 1  # no text has a line end

    @property
    def has_all(self) -> bool:
        """Whether no text is None."""
        return not self._none

    @property
    def is_plain(self) -> bool:
        """Whether UTF-8 can hold them."""
        return self._text.isascii() or _is_plain(self._text)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def _cell(self, row: int) -> str | None:
        if row in self._none:
            return None
        return self._text[self._ends[row] : self._ends[row + 1] - 1]

    def __iter__(self) -> Iterator[str | None]:
        text = self._text
        cells: list[str | None] = []
        if self._is_split:
            cells += text.split("\n")
        else:
            cells += [text[a : b - 1] for a, b in pairwise(self._ends.tolist())]
        for row in self._none:
            cells[row] = None
        return iter(cells)


class VectorClocks(_Part):
    """Vector clocks as entries, one row's after the other's.

    names: positions of the names of processes; there may come to be more. lengths i4:
    entries of each row. codes i4: of the entries, positions in `names`. values i4 or
    i8: of the entries.
    """

    def __init__(
        self, names: dict[str, int], lengths: IntArray, codes: IntArray, values: IntArray
    ) -> None:
        self.names = names
        self.lengths = lengths
        self.codes = codes
        self.values = values
        self._ends: IntArray | None = None
        self._listed: list[str] = []

    def __len__(self) -> int:
        return len(self.lengths)

    def _cell(self, row: int) -> dict[str, int]:
        if self._ends is None:
            self._ends = np.concatenate([[0], np.cumsum(self.lengths)])
        if len(self._listed) != len(self.names):
            self._listed = list(self.names)
        low, high = self._ends[row], self._ends[row + 1]
        codes, values = self.codes[low:high].tolist(), self.values[low:high].tolist()
        return {self._listed[code]: value for code, value in zip(codes, values, strict=True)}


class _EqualToLists(Sequence[Any]):
    """A column that equals a list of the same cells."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as a list


class Packed(_EqualToLists):
    """The values of one field in one log, part after part."""

    def __init__(self, parts: Iterable[Sequence[Any]] = ()) -> None:
        self.parts: list[Sequence[Any]] = []
        self._starts = [0]
        for part in parts:
            self.append(part)

    def append(self, part: Sequence[Any]) -> None:
        """Add a part, or the parts of another column."""
        for one in part.parts if isinstance(part, Packed) else [part]:
            if len(one):
                self.parts.append(one)
                self._starts.append(self._starts[-1] + len(one))

    def holds_clocks(self) -> bool:
        """Whether it has a part of vector clocks."""
        return any(isinstance(part, VectorClocks) for part in self.parts)

    def may_be_whole(self) -> bool:
        """Whether its parts can be whole numbers, or texts of them, and no cell is None."""
        return all(
            part.has_all if isinstance(part, Texts) else not isinstance(part, VectorClocks)
            for part in self.parts
        )

    def are_texts(self) -> bool:
        """Whether all values are texts that UTF-8 can hold, or None."""
        return all(_are_texts(part) for part in self.parts)

    def integers(self) -> IntArray | None:
        """Return all values, i8, if all are whole numbers of 64 bits; else None."""
        if not all(isinstance(part, Integers) for part in self.parts):
            return None
        arrays = [part.values for part in self.parts if isinstance(part, Integers)]
        return np.concatenate(arrays) if arrays else np.zeros(0, np.int64)

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, row: int) -> Any: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Any]: ...
    def __getitem__(self, row: int | slice) -> Any:
        if isinstance(row, slice):
            return [self[at] for at in range(*row.indices(len(self)))]
        if row < 0:
            row += len(self)
        if not 0 <= row < len(self):
            raise IndexError(row)
        part = bisect_right(self._starts, row) - 1
        return self.parts[part][row - self._starts[part]]

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self.parts)


def _are_texts(part: Sequence[Any]) -> bool:
    if isinstance(part, Texts):
        return part.is_plain
    if isinstance(part, _Part):
        return False
    if not set(map(type, part)) <= {str, type(None)}:
        return False
    return _is_plain("".join(filter(None, set(part))))


def _is_plain(text: str) -> bool:
    """Whether UTF-8 can hold a text: JSON may hold half a pair of surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Reordered(_EqualToLists):
    """Cells of a column in another order, each made when it is asked for.

    column: the cells. rows i8: which of them, in order.
    """

    def __init__(self, column: Sequence[Any], rows: IntArray) -> None:
        self._column = column
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, row: int) -> Any: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Any]: ...
    def __getitem__(self, row: int | slice) -> Any:
        if isinstance(row, slice):
            return [self._column[at] for at in self._rows[row].tolist()]
        return self._column[int(self._rows[row])]

    def __iter__(self) -> Iterator[Any]:
        held = list(self._column)
        return iter([held[row] for row in self._rows.tolist()])


class Pool(dict[str, str]):
    """Texts that occur again and again, each held once."""

    def pack(self, values: Sequence[Any]) -> Sequence[Any]:
        """Return values in the least room: numbers, texts, or as they are."""
        types = set(map(type, values))
        if types == {int}:
            try:
                return Integers(np.array(values, np.int64))
            except OverflowError:
                return values
        if types == {str} or types == {str, type(None)}:
            distinct = set(values)
            if len(distinct) * _SHARED_MIN <= len(values) and len(self) < _POOL_MAX:
                for text in distinct:
                    self.setdefault(text, text)
                return [self[text] for text in values]
            return Texts(values)
        return values
