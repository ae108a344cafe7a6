"""Clocks as logs write them: vector clocks as JSON objects, Lamport clocks as whole numbers.

A vector clock names each process once and gives it a whole number from 0 to
2^63 - 1; lists.py says when a list is one. Anything else (a name twice,
fractions, numbers without end) is no clock: it is told by row, and the event is
not taken for one.

Vector clocks as lists, `[1, 0]`, which say by place whose each number is.

The invariant: a list is read only where there is no doubt whose its numbers
are. Every clock of the log is a list, all are as long as there are processes
with records, and the numbers are theirs in the natural order of their names
(vm2 before vm10). Else each list is told of, and none is taken for a clock.
"""

import json
import re
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.foreign.fields import Positions, RowErrors, all_whole, is_empty
from driftlab.model.columns import MISSING, Array, Timestamps

_WHOLE: Final = re.compile(r"\s*[+-]?\d{1,4000}(?:\.0*)?\s*")
ROWS_AT_ONCE: Final = 1_000  # whose objects are held at once: few enough for a cache
_ESCAPED: Final = '{\\"'  # how JSON within a string begins
_LARGEST: Final = 2**63 - 1
_NONE: Final[Array] = np.zeros(0, np.int64)


class Clocks(NamedTuple):
    """The clocks of rows.

    lamport i8: MISSING where the row has no whole number; None where no row has.
    lengths i8: how many entries each row's vector clock has. codes, values
    i8: the entries of all rows, one after the other; a code is a place in names.
    """

    lamport: Array
    lengths: Array
    names: Sequence[str]
    codes: Array
    values: Array


class ClockError(Exception):
    """A text that is no clock."""


def read_clocks(texts: Sequence[Any], hosts: Sequence[str], bad: RowErrors) -> Clocks:
    """Read a clock a row; `hosts` are the rows' processes."""
    lamport = all_whole(texts) if texts else None
    if lamport is not None:
        return Clocks(lamport, np.zeros(len(texts), np.int64), [], _NONE, _NONE)
    if as_list(next((text for text in texts if not is_empty(text)), None)) is not None:
        texts = lists_to_entries(texts, hosts) or texts
    names = Positions()
    parts: list[_Part] = [_Part(_NONE, _NONE, _NONE, _NONE)]
    for begin in range(0, len(texts), ROWS_AT_ONCE):
        piece = slice(begin, begin + ROWS_AT_ONCE)
        part = _gathered(_unescaped(texts[piece]), names)
        if part is None:
            part = _gathered_one_by_one(texts[piece], names, bad, begin)
        parts.append(part)
    lamport, lengths, codes, values = map(np.concatenate, zip(*parts, strict=True))
    has_lamport = bool((lamport != MISSING).any())
    return Clocks(lamport if has_lamport else None, lengths, list(names), codes, values)


def _unescaped(texts: Sequence[Any]) -> Sequence[Any]:
    """Return texts as they stood within a string; one that is JSON as it stands stays."""
    if not isinstance(texts[0], str) or not texts[0].startswith(_ESCAPED):
        return texts
    return [
        text.replace('\\"', '"') if isinstance(text, str) and text.startswith(_ESCAPED) else text
        for text in texts
    ]


class _Part(NamedTuple):
    """The clocks of some rows, as in Clocks; the names are those of all."""

    lamport: Array
    lengths: Array
    codes: Array
    values: Array


def _plain(texts: Sequence[Any]) -> list[dict[str, Any]] | None:
    """Parse the texts if they all are objects of JSON, as in nearly every log."""
    scan: Any = vars(json.JSONDecoder())["scan_once"]  # `decode` without its checks of the ends
    try:
        scanned = [scan(text, 0) for text in texts]
    except (StopIteration, ValueError, TypeError, RecursionError):
        return None
    objects = [one[0] for one in scanned]
    if set(map(type, objects)) != {dict}:
        return None
    whole = all(one[1] == len(text) for one, text in zip(scanned, texts, strict=True))
    return objects if whole else None


def _gathered(texts: Sequence[Any], names: Positions) -> _Part | None:
    """Read clocks that all are vector clocks; return None if one of them is none."""
    objects = _plain(texts)
    if objects is None:
        return None
    lengths = np.fromiter(map(len, objects), np.int64, len(objects))
    values = list(chain.from_iterable(map(dict.values, objects)))
    written = sum(text.count('":') for text in texts)
    if written != len(values) or not lengths.all() or set(map(type, values)) != {int}:
        return None
    try:
        column = np.array(values, np.int64)
    except OverflowError:
        return None
    if column.min() < 0:
        return None
    every = map(names.__getitem__, chain.from_iterable(objects))
    codes = np.fromiter(every, np.int64, len(values))
    return _Part(np.full(len(texts), MISSING), lengths, codes, column)


def _gathered_one_by_one(
    texts: Sequence[Any], names: Positions, bad: RowErrors, begin: int
) -> _Part:
    """Read clocks of any kind; `begin` is the number of the first row."""
    lamport = np.full(len(texts), MISSING, np.int64)
    rows: list[dict[str, int]] = []
    for row, text in enumerate(texts):
        rows.append({})
        try:
            clock = read_clock(text)
        except ClockError as error:
            bad.setdefault(begin + row, str(error))
            continue
        if isinstance(clock, int):
            lamport[row] = clock
        elif clock is not None:  # {} is none: what we write where there is no clock
            rows[row] = clock
    return _Part(
        lamport,
        np.array(list(map(len, rows)), np.int64),
        np.array([names[name] for row in rows for name in row], np.int64),
        np.array([value for row in rows for value in row.values()], np.int64),
    )


def read_clock(text: Any) -> dict[str, int] | int | None:
    """Read one clock, as text or as the value of JSON that it is. Raises ClockError."""
    if is_empty(text):
        return None
    if isinstance(text, dict):
        return _checked(list(text.items()))
    if isinstance(text, int) and not isinstance(text, bool):
        return _lamport(text)
    if as_list(text) is not None:
        raise ClockError(f"the clock {_shown(text)} {REFUSED}")
    if isinstance(text, float) and text.is_integer():
        return _lamport(int(text))
    if not isinstance(text, str):
        raise ClockError(f"the clock {_shown(text)} is neither a whole number nor an object")
    if _WHOLE.fullmatch(text):
        return _lamport(int(text.partition(".")[0]))
    return _from_json(text)


def _lamport(number: int) -> int:
    if not MISSING < number <= _LARGEST:
        raise ClockError(f"the clock {_shown(number)} has more than 64 bits")
    return number


def _from_json(text: str) -> dict[str, int]:
    for form in (text, text.replace('\\"', '"'), text.replace("'", '"')):
        try:
            value = json.loads(form, object_pairs_hook=_Pairs)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, str):  # JSON within JSON
            return _from_json(value) if value != text else {}
        if isinstance(value, _Pairs):
            return _checked(value)
        break
    raise ClockError(
        f'the clock {_shown(text)} is neither a whole number nor an object such as {{"A": 1}}'
    )


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON, names that stand twice and all."""


def _checked(pairs: Sequence[tuple[str, Any]]) -> dict[str, int]:
    clock = {}
    for name, value in pairs:
        if name in clock:
            raise ClockError(f"the clock names {name} twice")
        if type(value) is not int:
            raise ClockError(f"the clock's entry for {name}, {_shown(value)}, is no whole number")
        if not 0 <= value <= _LARGEST:
            raise ClockError(f"the clock's entry for {name}, {_shown(value)}, is not 0 to 2^63-1")
        clock[name] = value
    return clock


def _shown(value: Any) -> str:
    try:
        text = str(value)
    except ValueError:  # more digits than Python writes
        return "(very many digits)"
    return text if len(text) <= 40 else f"{text[:40]}…"


def in_rows(clocks: Clocks, places: Array, order: Array) -> Timestamps:
    """Return timestamps of the rows in `order`; `places` i4 are the positions of the names."""
    begins = np.concatenate([[0], np.cumsum(clocks.lengths)])
    lengths = clocks.lengths[order]
    starts = np.zeros(len(order) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    taken = np.arange(starts[-1]) + np.repeat(begins[:-1][order] - starts[:-1], lengths)
    entries, values = places[taken], clocks.values[taken]
    row = np.repeat(np.arange(len(order)), lengths)
    if len(entries) > 1:
        key = row * (int(entries.max()) + 1) + entries
        if (key[1:] < key[:-1]).any():
            sorting = np.argsort(key, kind="stable")
            entries, values = entries[sorting], values[sorting]
    return Timestamps("vector", starts, entries.astype(np.int32), values)


def written(trace_names: Sequence[str], entries: Sequence[int], values: Sequence[int]) -> str:
    """Write one vector clock as logs do."""
    pairs = zip(entries, values, strict=True)
    return "{" + ", ".join(f"{json.dumps(trace_names[e])}:{v}" for e, v in pairs) + "}"


REFUSED: Final = (
    "is neither a whole number nor an object, and a list is read only if every clock of the log "
    "is one, as long as there are processes"
)
DIGITS_MAX: Final = 19  # of a number

_LIST: Final = re.compile(r"\s*(?:\[[0-9\s,;]*\]|\([0-9\s,;]*\)|[0-9]+(?:\s*,\s*[0-9]+)+)\s*")
_DIGITS: Final = re.compile(r"([0-9]+)")


def as_list(value: Any) -> list[Any] | None:
    """Return the numbers of a clock that is a list, or is written as one; else None."""
    if isinstance(value, list | tuple):
        return list(value)
    written = _LIST.fullmatch(value) if isinstance(value, str) else None
    digits = _DIGITS.findall(written[0]) if written else [""]
    return list(map(int, digits)) if 0 < max(map(len, digits), default=0) <= DIGITS_MAX else None


def natural_key(name: str) -> tuple[Any, ...]:
    """Return what to sort names by, so that vm2 is before vm10."""
    parts = enumerate(_DIGITS.split(name))
    plain = ((place, part.lstrip("0") if place % 2 else part) for place, part in parts)
    return tuple((len(part), part) if place % 2 else part for place, part in plain), name


def lists_to_entries(clocks: Sequence[Any], hosts: Sequence[str]) -> list[Any] | None:
    """Return clocks with each list as entries by name; None where that would be guessed.

    hosts: the rows' processes. A value that is neither list nor clock stays.
    """
    lists = [as_list(clock) for clock in clocks]
    names = sorted({host for host in hosts if host}, key=natural_key)
    widths = {len(one) for one in lists if one is not None}
    if widths != {len(names)} or any(
        one is None and _is_clock(clock) for one, clock in zip(lists, clocks, strict=True)
    ):
        return None
    return [
        clock if one is None else dict(zip(names, one, strict=True))
        for one, clock in zip(lists, clocks, strict=True)
    ]


def _is_clock(value: Any) -> bool:
    """Whether a value that is no list may be a clock of another form."""
    if isinstance(value, str):
        return value.lstrip()[:1] == "{" or value.strip().isdecimal()
    return isinstance(value, dict | int | float) and not is_empty(value)
