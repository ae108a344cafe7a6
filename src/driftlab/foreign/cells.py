"""The cells of a column: as codes, as texts, and what a column says of them."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from driftlab.arrays import IntArray
from driftlab.foreign.fields import escape_surrogates, is_empty, shorten, unit_of_heading
from driftlab.foreign.packed import Packed, Reordered, Values
from driftlab.model.columns import MISSING

UNIX_DIGITS: Final = {"s": 11, "ms": 14, "us": 17}  # of a number since 1970


class Codes(dict[Any, int]):
    """The code of each value, asked for once."""

    def __init__(self, code_of: Callable[[Any], int]) -> None:
        super().__init__()
        self._code_of = code_of

    def __missing__(self, value: Any) -> int:
        self[value] = code = self._code_of(value)
        return code


def coded(values: Values, rows: IntArray, code_of: Callable[[Any], int]) -> IntArray:
    """Return the codes of some rows' values, i4; equal values have one code, asked for once."""
    held, codes = list(values), Codes(code_of)
    in_order = [held[row] for row in rows.tolist()]
    try:
        return np.fromiter(map(codes.__getitem__, in_order), np.int32, len(rows))
    except TypeError:  # lists of JSON, which are no keys
        texts = [value if isinstance(value, str) else repr(value) for value in in_order]
        code_of_text = {text: code_of(value) for text, value in zip(texts, in_order, strict=True)}
        return np.array([code_of_text[text] for text in texts], np.int32)


def merged(column: IntArray | None, other: IntArray | None) -> IntArray | None:
    """Return a column with the values of another where it has none."""
    if column is None or other is None:
        return other if column is None else column
    return np.where(column == MISSING, other, column)


def first_value(values: Sequence[Any]) -> str | None:
    """Return the first value that is one, as text."""
    first = next((value for value in values if not is_empty(value)), None)
    return None if first is None else escape_surrogates(shorten(first))


def distinct(values: Sequence[Any]) -> list[Any]:
    """Return the distinct values; lists, which cannot be hashed, as they are."""
    try:
        return list(set(values))
    except TypeError:
        return list(values)


def unit_of(column: str, values: Sequence[Any]) -> str | None:
    """Return the unit that a column's name says of its numbers.

    Seconds since 1970 (`Global Time (Unix)`) may be milliseconds or less: of today, they have
    so many more digits.
    """
    unit = unit_of_heading(column)
    if unit != "unix":
        return unit
    first = next((str(value) for value in values if not is_empty(value)), "")
    digits = len(first.strip().partition(".")[0])
    return next((name for name, most in UNIX_DIGITS.items() if digits <= most), "ns")


def none_if_missing(column: IntArray) -> IntArray | None:
    """Return a column, or None if it holds nothing."""
    return column if bool((column != MISSING).any()) else None


def as_texts(column: Values, rows: IntArray) -> Sequence[str | None]:
    """Return the values of some rows as texts."""
    if isinstance(column, Packed):
        if column.are_texts():
            return Reordered(column, rows)
        column = list(column)
    values = [column[row] for row in rows.tolist()]
    texts = [each if each is None or isinstance(each, str) else str(each) for each in values]
    try:
        "".join(filter(None, texts)).encode()
    except UnicodeEncodeError:  # JSON may hold half a pair of surrogates
        return [text and escape_surrogates(text) for text in texts]
    return texts
