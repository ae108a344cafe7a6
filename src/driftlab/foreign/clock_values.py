"""Clocks as logs write them: objects, lists, whole numbers, and numbers with dots.

A *vector clock* is an object of JSON that names each process once, with a whole
number from 0 to 2^63 - 1, or a map as another language prints it (see clock_maps); a
*Lamport clock* is such a number. A clock with another
number, or a text in the place of one, is *invalid*: its record is an event without a
clock. Anything else (a name twice) is reported by row, and its record is no event.

A *list*, `[1, 0]`, has a number per process, by position. It is read only
where the processes are beyond doubt: every clock of the log is a list, all are as long
as there are processes with records, and the numbers are theirs in the natural
order of their names (vm2 before vm10). Otherwise every list is reported.

*Dotted timestamps*, `1.0.2`, are those of our own tables and of the clocks that
write them: vector, matrix and hybrid.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.arrays import IntArray
from driftlab.clocks.catalogue import CLOCKS
from driftlab.foreign.clock_maps import MapError, looks_like_map, read_map
from driftlab.foreign.fields import Positions, RowErrors, all_whole, is_empty, numbers, shorten
from driftlab.foreign.packed import Packed, VectorClocks
from driftlab.lazy import lazy_pattern
from driftlab.model.columns import MISSING, Timestamps, from_texts, starts_of

ROWS_AT_ONCE: Final = 1_000  # whose objects are held at once: few enough for a cache
NUMBER_DIGITS_MAX: Final = 4_000  # of a number that is read at all
ROWS_SORTED_AT_ONCE: Final = 50_000  # of timestamps that are put in order
DIGITS_MAX: Final = 19  # of a number in a list or in a dotted timestamp

_LARGEST: Final = 2**63 - 1
_FRACTION: Final = lazy_pattern(r"\s*[+-]?\d{0,4000}\.?\d{1,4000}(?:[eE][+-]?\d{1,4})?\s*")
_WORD: Final = lazy_pattern(r"\s*[^\W\d_]\w*\s*")
_WHOLE: Final = lazy_pattern(r"\s*[+-]?\d{1,4000}(?:\.0*)?\s*")
AN_OBJECT: Final = 'an object such as {"A": 1}'
_ESCAPED: Final = '{\\"'  # how JSON within a string begins
_DIGITS: Final = lazy_pattern(r"([0-9]+)")


class Clocks(NamedTuple):
    """The clocks of rows.

    lamport i8: MISSING where the row has no whole number; None where no row has.
    lengths i4: how many entries each row's vector clock has. codes i4, values i4 or
    i8: the entries of all rows, one after the other; a code is a position in `names`.
    """

    lamport: IntArray | None
    lengths: IntArray
    names: Sequence[str]
    codes: IntArray
    values: IntArray


class ClockError(Exception):
    """A value that is not a clock."""


class InvalidClockError(ClockError):
    """A clock that no event can have: an entry that is no whole number from 0 to 2^63 - 1."""


class DoubtfulClockError(ClockError):
    """A fraction or a word: an invalid clock, if other rows of the column have clocks.

    value: what it is; the message says why it is no clock.
    """

    def __init__(self, value: Any) -> None:
        super().__init__(f"the clock {shorten(value)} is neither a whole number nor {AN_OBJECT}")
        self.value = value


# Clocks of any kind.


def read_clocks(
    values: Sequence[Any],
    hosts: Sequence[str],
    errors: RowErrors,
    invalid: RowErrors | None = None,
) -> Clocks:
    """Read a clock per row.

    `hosts`: the rows' processes, by which lists are read. A value that is not a
    clock is added to `errors`, unless its row has an error already; one that no event
    can have to `invalid`, or to `errors` if that is None.
    """
    invalid = errors if invalid is None else invalid
    lamport = all_whole(values) if len(values) else None
    if lamport is not None:
        none = np.zeros(0, np.int64)
        clear_negative("clock", lamport, invalid)
        return Clocks(lamport, np.zeros(len(values), np.int64), [], none, none)
    if as_list(next((value for value in values if not is_empty(value)), None)) is not None:
        values = lists_to_entries(values, hosts) or values
    names = Positions()
    reasons = _Reasons(errors, invalid, {})
    pieces = [_read_rows([], names, reasons, 0)]
    first = 0
    for part in values.parts if isinstance(values, Packed) else [values]:
        if isinstance(part, VectorClocks):
            pieces.append(_renamed(part, names))
        else:
            pieces += _read_part(part, names, reasons, first)
        first += len(part)
    lamport, lengths, codes, entries = map(np.concatenate, zip(*pieces, strict=True))
    reasons.settle(int(np.count_nonzero((lamport != MISSING) | (lengths > 0))))
    has_lamport = bool((lamport != MISSING).any())
    return Clocks(lamport if has_lamport else None, lengths, list(names), codes, entries)


def pack_clocks(values: Sequence[Any], names: Positions) -> VectorClocks | None:
    """Return rows that all are vector clocks as JSON has them, packed; None if one is not.

    `names`: of the processes in the column; may get more. An object stands for the
    text of one in which no name stands twice.
    """
    first = values[0] if len(values) else None
    if not isinstance(first, dict) and not (isinstance(first, str) and first.startswith("{")):
        return None
    piece = _read_objects(_unescaped(values), names)
    if piece is None:
        return None
    return VectorClocks(names, piece.lengths, piece.codes, piece.values)


def _renamed(part: VectorClocks, names: Positions) -> "_Piece":
    """Return packed clocks with the positions of their names in `names`."""
    held = list(part.names)
    used = np.unique(part.codes).tolist()
    position = np.zeros(len(held), np.int32)
    for code in used:
        position[code] = names[held[code]]
    lamport = np.full(len(part), MISSING, np.int64)
    return _Piece(lamport, part.lengths, position[part.codes], part.values)


def _read_part(
    values: Sequence[Any], names: Positions, reasons: "_Reasons", row: int
) -> Iterator["_Piece"]:
    """Yield the clocks of some rows, the first of which is `row`."""
    for first in range(0, len(values), ROWS_AT_ONCE):
        rows = values[first : first + ROWS_AT_ONCE]
        piece = _read_objects(_unescaped(rows), names)
        yield _read_rows(rows, names, reasons, row + first) if piece is None else piece


class _Piece(NamedTuple):
    """The clocks of some rows, as in Clocks; the names are those of all rows."""

    lamport: IntArray
    lengths: IntArray
    codes: IntArray
    values: IntArray


def _unescaped(values: Sequence[Any]) -> Sequence[Any]:
    """Return JSON that a string held as it is outside of it, if the first value is such."""
    if not isinstance(values[0], str) or not values[0].startswith(_ESCAPED):
        return values
    return [
        value.replace('\\"', '"')
        if isinstance(value, str) and value.startswith(_ESCAPED)
        else value
        for value in values
    ]


def _read_objects(texts: Sequence[Any], names: Positions) -> _Piece | None:
    """Read rows that all are vector clocks as nearly every log has them; None if one is not."""
    are_objects = isinstance(texts[0], dict)
    objects = texts if are_objects else _parse_objects(texts)
    if objects is None or set(map(type, objects)) != {dict}:
        return None
    lengths = np.fromiter(map(len, objects), np.int32, len(objects))
    values = list(chain.from_iterable(map(dict.values, objects)))
    if not lengths.all() or set(map(type, values)) != {int}:
        return None
    if not are_objects and sum(text.count('":') for text in texts) != len(values):
        return None  # a name stands twice
    try:
        column = np.array(values, np.int64)
    except OverflowError:
        return None
    if column.min() < 0:
        return None
    positions = map(names.__getitem__, chain.from_iterable(objects))
    codes = np.fromiter(positions, np.int32, len(values))
    if column.max() < 2**31:
        column = column.astype(np.int32)
    return _Piece(np.full(len(texts), MISSING), lengths, codes, column)


def _parse_objects(texts: Sequence[Any]) -> list[dict[str, Any]] | None:
    """Parse texts that all are objects of JSON and nothing else; None if one is not."""
    scan: Any = vars(json.JSONDecoder())["scan_once"]  # `decode` without its checks of the ends
    try:
        scanned = [scan(text, 0) for text in texts]
    except (StopIteration, ValueError, TypeError, RecursionError):
        return None
    objects = [one[0] for one in scanned]
    if set(map(type, objects)) != {dict}:
        return None
    return objects if [one[1] for one in scanned] == [*map(len, texts)] else None


class _Reasons(NamedTuple):
    """Why rows have no clock: it is none, or invalid, or that depends on the other rows.

    doubtful: of each such row the reasons if it is none, and if it is invalid.
    """

    errors: RowErrors
    invalid: RowErrors
    doubtful: dict[int, tuple[str, str]]

    def add(self, row: int, error: ClockError) -> None:
        """Add a row with the reason why it has no clock."""
        if isinstance(error, DoubtfulClockError):
            self.doubtful[row] = (str(error), f"clock {shorten(error.value)}")
        else:
            reasons = self.invalid if isinstance(error, InvalidClockError) else self.errors
            reasons.setdefault(row, str(error))

    def settle(self, clocks: int) -> None:
        """Decide on fractions and words: among at least as many clocks they are invalid.

        Otherwise the column may hold something else, such as seconds.
        """
        for row, (as_none, as_invalid) in self.doubtful.items():
            if len(self.doubtful) <= clocks:
                self.invalid.setdefault(row, as_invalid)
            else:
                self.errors.setdefault(row, as_none)


def read_lamport(
    name: str, values: Sequence[Any], errors: RowErrors, invalid: RowErrors
) -> IntArray:
    """Return the Lamport clocks of the field `name`, i8, MISSING where a row has none.

    What is no whole number of 64 bits is added to `errors`, or to `invalid` if it is
    a clock that no event can have.
    """
    others: RowErrors = {}
    lamport = numbers(name, values, others)
    clear_negative(name, lamport, invalid)
    reasons = _Reasons(errors, invalid, {})
    for row, reason in others.items():
        shown = f"{name} {shorten(values[row])}"
        try:
            read_clock(values[row])
        except InvalidClockError:
            reasons.add(row, InvalidClockError(shown))
        except DoubtfulClockError:
            reasons.doubtful[row] = (reason, shown)
        except ClockError:
            reasons.add(row, ClockError(reason))
        else:
            reasons.add(row, ClockError(reason))  # a vector clock
    reasons.settle(int(np.count_nonzero(lamport != MISSING)))
    return lamport


def clear_negative(name: str, lamport: IntArray, invalid: RowErrors) -> None:
    """Replace negative Lamport clocks by MISSING, and add their rows to `invalid`."""
    for row in np.flatnonzero((lamport < 0) & (lamport != MISSING)).tolist():
        invalid.setdefault(row, f"{name} {lamport[row]}")
        lamport[row] = MISSING


def _read_rows(values: Sequence[Any], names: Positions, reasons: _Reasons, first: int) -> _Piece:
    """Read clocks of any kind, one by one; `first` is the number of the first row."""
    lamport = np.full(len(values), MISSING, np.int64)
    rows: list[dict[str, int]] = []
    for row, value in enumerate(values):
        rows.append({})
        try:
            clock = read_clock(value)
        except ClockError as error:
            reasons.add(first + row, error)
            continue
        if isinstance(clock, int):
            lamport[row] = clock
        elif clock is not None:  # {} is what we write where there is no clock
            rows[row] = clock
    return _Piece(
        lamport,
        np.array(list(map(len, rows)), np.int32),
        np.array([names[name] for row in rows for name in row], np.int32),
        np.array([value for row in rows for value in row.values()], np.int64),
    )


def read_clock(value: Any) -> dict[str, int] | int | None:
    """Read one clock, a text or a value of JSON, None if it is empty. Raises ClockError."""
    if is_empty(value):
        return None
    if isinstance(value, dict):
        return _entries(list(value.items()))
    if isinstance(value, int) and not isinstance(value, bool):
        return _lamport(value)
    if as_list(value) is not None:
        raise ClockError(
            f"the clock {shorten(value)} is neither a whole number nor an object, and a list is "
            "read only if every clock of the log is one, as long as there are processes"
        )
    if isinstance(value, float):
        if not value.is_integer():
            raise DoubtfulClockError(value)
        return _lamport(int(value))
    if not isinstance(value, str):
        raise ClockError(f"the clock {shorten(value)} is neither a whole number nor an object")
    if _WHOLE.fullmatch(value):
        return _lamport(int(value.partition(".")[0]))
    if _FRACTION.fullmatch(value) or _WORD.fullmatch(value):
        raise DoubtfulClockError(value)
    return _from_map(value) if looks_like_map(value.strip()) else _from_json(value)


def _lamport(number: int) -> int:
    if not 0 <= number <= _LARGEST:
        raise InvalidClockError(f"clock {shorten(number)}")
    return number


def _from_json(text: str) -> dict[str, int]:
    for form in (text, text.replace('\\"', '"')):
        try:
            value = json.loads(form, object_pairs_hook=_Pairs, parse_int=_int_or_text)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, str):  # JSON within JSON
            return _from_json(value)
        if isinstance(value, _Pairs):
            return _entries(value)
        break
    return _from_map(text)


def _int_or_text(digits: str) -> int | str:
    """Return a whole number of JSON; as text if it has more digits than Python reads."""
    return int(digits) if len(digits) <= NUMBER_DIGITS_MAX else digits


def _from_map(text: str) -> dict[str, int]:
    """Read a vector clock as languages print maps."""
    try:
        pairs = read_map(text)
    except MapError as error:
        raise ClockError(
            f"the clock {shorten(text)} is neither a whole number nor {AN_OBJECT}: {error}"
        ) from None
    return _entries(pairs)


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON with every pair, also where a name stands twice."""


def _entries(pairs: Sequence[tuple[str, Any]]) -> dict[str, int]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ClockError(f"the clock names {name} twice")
        found[name] = int(value) if type(value) is float and value.is_integer() else value
    if all(isinstance(value, str) and _SIGNED.fullmatch(value) for value in found.values()):
        found = {name: int(value) for name, value in found.items()}  # a writer of texts alone
    for name, value in found.items():
        if type(value) is not int or not 0 <= value <= _LARGEST:
            raise InvalidClockError(f"entry {name}: {shorten(_as_written(value))}")
    return found


def _as_written(value: Any) -> Any:
    """Return a value of JSON as JSON writes it; it is shown, so any text will do."""
    is_plain = value is None or isinstance(value, str | bool)
    return json.dumps(value, ensure_ascii=False) if is_plain else value


def timestamps_in_order(clocks: Clocks, positions: IntArray, order: IntArray) -> Timestamps:
    """Return the vector timestamps of some rows.

    `positions` i4: the process of each name of the clocks. `order` i8: the rows, in the order
    in which the timestamps are to stand.
    """
    first = starts_of(clocks.lengths)[:-1][order]
    lengths = clocks.lengths[order]
    width = int(positions.max(initial=-1)) + 1  # more than names, where clocks leave some out
    starts = starts_of(lengths)
    entries, values = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.int64)
    for low in range(0, len(order), ROWS_SORTED_AT_ONCE):  # few arrays of all entries at once
        high = min(low + ROWS_SORTED_AT_ONCE, len(order))
        place = slice(starts[low], starts[high])
        row = np.repeat(np.arange(high - low), lengths[low:high])
        taken = np.arange(len(row)) + (first[low:high] - (starts[low:high] - starts[low]))[row]
        entries[place], values[place] = positions[clocks.codes[taken]], clocks.values[taken]
        key = row * width + entries[place]
        if (key[1:] < key[:-1]).any():
            sorting = np.argsort(key, kind="stable")
            entries[place] = entries[place][sorting]
            values[place] = values[place][sorting]
    return Timestamps("vector", starts, entries, values)


def format_clock(names: Sequence[str], entries: Sequence[int], values: Sequence[int]) -> str:
    """Return one vector clock as an object of JSON; `entries` are positions in `names`."""
    pairs = zip(entries, values, strict=True)
    return "{" + ", ".join(f"{json.dumps(names[e])}:{v}" for e, v in pairs) + "}"


# Vector clocks as lists.

_LIST: Final = lazy_pattern(r"\s*(?:\[[0-9\s,;]*\]|\([0-9\s,;]*\)|[0-9]+(?:\s*,\s*[0-9]+)+)\s*")


# With numbers that no clock has, negative or with a fraction.
_SIGNED_LIST: Final = lazy_pattern(r"\s*(?:\[[-+.0-9eE\s,;]*\]|\([-+.0-9eE\s,;]*\))\s*")
_LIST_ITEMS: Final = lazy_pattern(r"[^\s,;()\[\]]+")
_SIGNED: Final = lazy_pattern(r"[+-]?[0-9]{1,4000}")


def as_list(value: Any) -> list[Any] | None:
    """Return the numbers of a clock that is a list, or text that looks like one; else None."""
    if isinstance(value, list | tuple):
        return list(value)
    match = _LIST.fullmatch(value) if isinstance(value, str) else None
    if match is None and isinstance(value, str) and _SIGNED_LIST.fullmatch(value):
        return [
            int(one) if _SIGNED.fullmatch(one) else one for one in _LIST_ITEMS.findall(value)
        ] or None
    digits = _DIGITS.findall(match[0]) if match else [""]
    return list(map(int, digits)) if 0 < max(map(len, digits), default=0) <= DIGITS_MAX else None


def natural_key(name: str) -> tuple[Any, ...]:
    """Return a key to sort names by in natural order: vm2 before vm10."""
    parts = enumerate(_DIGITS.split(name))
    plain = ((place, part.lstrip("0") if place % 2 else part) for place, part in parts)
    return tuple((len(part), part) if place % 2 else part for place, part in plain), name


def lists_to_entries(clocks: Sequence[Any], hosts: Sequence[str]) -> list[Any] | None:
    """Return clocks with each list as entries by name; None where that would be a guess.

    `hosts`: the rows' processes. A value that is neither a list nor a clock stays.
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
    """Whether a value that is not a list may be a clock of another form."""
    if isinstance(value, str):
        text = value.strip()
        return text[:1] == "{" or text.isdecimal() or looks_like_map(text)
    return isinstance(value, dict | int | float) and not is_empty(value)


# Dotted timestamps.

HYBRID_NS_MIN: Final = 10**12  # of two numbers, the first is a time from here on

_DOTTED: Final = lazy_pattern(r"-?[0-9]+(?:[./]-?[0-9]+)*")
_CLOCK_BEGINNINGS: Final = tuple("0123456789{[(")


class WidthError(Exception):
    """A timestamp of as many numbers as no clock of these processes has; `row`: its row."""

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row = row


def is_dotted(values: Sequence[Any]) -> bool:
    """Whether the first clock in a column is a dotted timestamp."""
    if isinstance(values, Packed) and isinstance(next(iter(values.parts), None), VectorClocks):
        return False
    texts = (value.strip() for value in values if isinstance(value, str))
    first = next((text for text in texts if text[:1] in _CLOCK_BEGINNINGS), "{")
    return _DOTTED.fullmatch(first) is not None


def split_valid(
    clock: str, values: Sequence[Any], invalid: RowErrors
) -> tuple[list[str | None], RowErrors]:
    """Return the dotted timestamps of a column, None where there is none, and the malformed ones.

    `clock`: its name, for the reasons. Timestamps that no event can have are
    added to `invalid`.
    """
    texts: list[str | None] = []
    errors: RowErrors = {}
    for row, value in enumerate(values):
        text = None if is_empty(value) else str(value).strip()
        if text is not None and _is_invalid(clock, text):
            invalid.setdefault(row, f"{clock} timestamp {shorten(text)}")
            text = None
        elif text is not None and not _is_valid(text):
            text = None
            errors[row] = (
                f"the {clock} timestamp {shorten(value)} is not whole numbers separated by dots"
            )
        texts.append(text)
    return texts, errors


def _is_invalid(clock: str, text: str) -> bool:
    """Whether numbers with dots have more than 64 bits or, where they count events, a sign."""
    if not _DOTTED.fullmatch(text) or ("-" not in text and len(text) < DIGITS_MAX):
        return False
    return ("-" in text and CLOCKS[clock].counts_events) or any(
        len(number.lstrip("0")) > DIGITS_MAX or int(number) > _LARGEST
        for number in _DIGITS.findall(text)
    )


def _is_valid(text: str) -> bool:
    if not _DOTTED.fullmatch(text):
        return False
    return len(text) < DIGITS_MAX or max(map(len, _DIGITS.findall(text))) <= DIGITS_MAX


def wrong_width_rows(
    clock: str, texts: Sequence[str | None], with_events: int, processes: int
) -> RowErrors:
    """Return the rows whose timestamp has a wrong count of numbers, and why.

    clock: its name. texts: one a row, dotted, None for no timestamp. with_events: how
    many of the `processes` have events. Timestamps count these or all, whichever
    fits more rows. Raise WidthError if no row fits.
    """
    widths = [None if text is None else _count_of_numbers(text) for text in texts]
    rows_of = Counter(width for width in widths if width is not None)
    fitting = max(
        map(CLOCKS[clock].width, (with_events, processes)), key=lambda width: rows_of[width]
    )
    if len(rows_of) < 2 and (not rows_of or fitting in rows_of):
        return {}
    reasons = {
        row: f"the {clock} timestamp {shorten(text)} has {width} numbers, not {fitting}, as "
        f"it must have for {with_events} processes"
        for row, (text, width) in enumerate(zip(texts, widths, strict=True))
        if width not in (None, fitting)
    }
    if fitting not in rows_of:
        raise WidthError(*next(iter(reasons.items())))
    return reasons


def read_dotted(
    clock: str, texts: Sequence[str | None], names: Sequence[str], with_events: int
) -> Timestamps:
    """Read dotted timestamps that all have as many numbers.

    clock: its name. texts: one a row, None for no timestamp. names: of all processes;
    the first `with_events` have events. Timestamps count these, in their order, or
    all: then in the order in which machines are named (A to Z, AA …), as in a table
    of ours. Raise WidthError where they count all and the processes are in no such
    order.
    """
    first = next((text for text in texts if text is not None), None)
    order = list(range(with_events))
    if first is not None and _count_of_numbers(first) != CLOCKS[clock].width(with_events):
        order = sorted(range(len(names)), key=lambda place: (len(names[place]), names[place]))
        if [one for one in order if one < with_events] != [*range(with_events)]:
            raise WidthError(
                texts.index(first),
                f"the {clock} timestamp {shorten(first)} is of {len(names)} processes, and in "
                "which order is not known",
            )
    return _renumbered(from_texts(clock, texts), order, len(names))


def clock_of(texts: Sequence[Any], processes: int) -> str:
    """Return which clock wrote a table's column `timestamp`, by its form.

    That is `vector`, `matrix` or `hybrid`; no other clock is known by its form. Two
    numbers of two `processes` may be either of two clocks: a hybrid clock's first
    number is a time, and large.
    """
    valid = [text for text in split_valid("vector", texts, {})[0] if text is not None]
    if any("/" in text for text in valid):
        return "matrix"
    if all(text.count(".") == 1 for text in valid):
        are_large = all(int(text.split(".")[0]) >= HYBRID_NS_MIN for text in valid)
        return "hybrid" if processes != 2 or are_large else "vector"
    return "vector"


def _count_of_numbers(text: str) -> int:
    return 1 + text.count(".") + text.count("/")


def _renumbered(held: Timestamps, order: Sequence[int], processes: int) -> Timestamps:
    """Number the entries by positions; `order`: the position of each process that they count."""
    kind = CLOCKS[held.clock]
    if not kind.counts_events or (len(order) == processes and list(order) == sorted(order)):
        return held
    position, counted = np.array(order, np.int64), held.entries.astype(np.int64)
    if kind.shape(processes)[0] > 1:
        entries = position[counted // len(order)] * processes + position[counted % len(order)]
    else:
        entries = position[counted]
    row = np.repeat(np.arange(len(held.starts) - 1), np.diff(held.starts))
    sorting = np.lexsort((entries, row))
    return held._replace(entries=entries[sorting].astype(np.int32), values=held.values[sorting])
