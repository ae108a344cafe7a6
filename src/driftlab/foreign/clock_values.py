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

Timestamps of further clocks in a table, as their clocks write them: numbers and dots.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.foreign.fields import Positions, RowErrors, all_whole, is_empty
from driftlab.model.columns import MISSING, Array, Timestamps, from_texts

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


DOTTED_CLOCKS: Final = ("vector", "matrix", "hybrid")
HYBRID_NS_MIN: Final = 10**12  # of two numbers, the first is a time above this
DOTTED_DIGITS_MAX: Final = 19  # of a number of 64 bits

_NUMBERS: Final = re.compile(r"-?[0-9]+(?:[./]-?[0-9]+)*")
_NUMBER: Final = re.compile(r"[0-9]+")
_BEGINNINGS: Final = tuple("0123456789{[(")  # of vector clocks in any form


class WidthError(Exception):
    """Timestamps of as many numbers as none of these processes have: the first, and its row."""


class SplitTimestamps(NamedTuple):
    """Timestamps as texts, None where a row has none, and the rows whose text is none; by row."""

    texts: list[str | None]
    bad: RowErrors


def is_dotted(values: Sequence[Any]) -> bool:
    """Whether a column holds timestamps as they stand in our own tables, 3.0.1."""
    texts = (value.strip() for value in values if isinstance(value, str))
    first = next((text for text in texts if text[:1] in _BEGINNINGS), "{")
    return _NUMBERS.fullmatch(first) is not None


def split_valid(clock: str, values: Sequence[Any]) -> SplitTimestamps:
    """Part the timestamps of a column from what is none."""
    texts: list[str | None] = []
    bad: RowErrors = {}
    for row, value in enumerate(values):
        text = None if is_empty(value) else str(value).strip()
        if text is not None and not _is_numbers(text):
            bad[row] = (
                f"the {clock} timestamp {_shown_text(text)} is not whole numbers parted by dots"
            )
        texts.append(text if row not in bad else None)
    return SplitTimestamps(texts, bad)


def _is_numbers(text: str) -> bool:
    if not _NUMBERS.fullmatch(text):
        return False
    return len(text) < DOTTED_DIGITS_MAX or all(
        len(number) <= DOTTED_DIGITS_MAX and int(number) < 2**63 for number in _NUMBER.findall(text)
    )


def wrong_width_rows(
    clock: str, texts: Sequence[str | None], met: int, processes: int
) -> RowErrors:
    """Return the rows whose timestamps have another width than they must. Raises WidthError.

    met: of so many of the processes there are events. Timestamps are of these or
    of all, whichever more of them fit; WidthError if none fits.
    """
    widths = [None if text is None else _numbers_in(text) for text in texts]
    counts = Counter(width for width in widths if width is not None)
    fit = max((_width(clock, met), _width(clock, processes)), key=lambda width: counts[width])
    if len(counts) < 2 and (not counts or fit in counts):
        return {}
    reasons = {
        row: f"the {clock} timestamp {_shown_text(text or '')} has {width} numbers, not {fit}, as "
        f"it must have for {met} processes"
        for row, (text, width) in enumerate(zip(texts, widths, strict=True))
        if width not in (None, fit)
    }
    if fit not in counts:
        raise WidthError(*next(iter(reasons.items())))
    return reasons


def read_dotted(
    clock: str, texts: Sequence[str | None], names: Sequence[str], met: int
) -> Timestamps:
    """Read timestamps in the order of the rows, all of one width. Raises WidthError.

    names: of all processes; the first `met` have events. Timestamps are of these,
    in their order, or of all: then in the order in which machines are named
    (A to Z, AA …), in which a table of ours has them.
    """
    first = next((text for text in texts if text is not None), None)
    order = list(range(met))
    if first is not None and _numbers_in(first) != _width(clock, met):
        order = sorted(range(len(names)), key=lambda place: (len(names[place]), names[place]))
    if [one for one in order if one < met] != [*range(met)]:
        raise WidthError(
            texts.index(first),
            f"the {clock} timestamp {_shown_text(first or '')} is of "
            f"{len(names)} processes, and in which order is not known",
        )
    return _placed(from_texts(clock, texts), order, len(names))


def _numbers_in(text: str) -> int:
    return 1 + text.count(".") + text.count("/")


def _shown_text(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"


def _width(clock: str, processes: int) -> int:
    return {"vector": processes, "matrix": processes**2, "hybrid": 2}[clock]


def _placed(held: Timestamps, order: Sequence[int], processes: int) -> Timestamps:
    """Number the entries by the positions of the processes that they are of."""
    if held.clock == "hybrid" or (len(order) == processes and list(order) == sorted(order)):
        return held
    place, own = np.array(order, np.int64), held.entries.astype(np.int64)
    if held.clock == "matrix":
        entries = place[own // len(order)] * processes + place[own % len(order)]
    else:
        entries = place[own]
    row = np.repeat(np.arange(len(held.starts) - 1), np.diff(held.starts))
    sorting = np.lexsort((entries, row))
    return held._replace(entries=entries[sorting].astype(np.int32), values=held.values[sorting])


def clock_of(texts: Sequence[Any], processes: int) -> str:
    """Say which clock wrote a table's column `timestamp`, by its form.

    Two numbers of two processes may be either of two clocks: a hybrid one's
    first is a time, and large.
    """
    given = [text for text in split_valid("vector", texts).texts if text is not None]
    if any("/" in text for text in given):
        return "matrix"
    if all(text.count(".") == 1 for text in given):
        large = all(int(text.split(".")[0] or 0) >= HYBRID_NS_MIN for text in given)
        return "hybrid" if processes != 2 or large else "vector"
    return "vector"
