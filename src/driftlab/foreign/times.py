"""Times as logs write them, read as nanoseconds.

A time is a number of a unit, a date with a time of day, or a time of day alone, in
one of the forms of `time_forms`: ISO 8601, ctime, RFC 5322, syslog, Apache's, and dates
with the month or the day first. A form that the user names (`--time-format`) takes
the place of all of them. In one column each value is read by its own form.

Nothing is guessed: `03/04/2025` is read only where another value of the column shows
which number is the month, and a zone is UTC, GMT or an offset. What the log does not
say and is taken as known is listed in `assumed`: the year of syslog's times, and that
a time without a date (or without a year) that goes back by more than half a day (or half a
year) has passed midnight (or new year).

Values are grouped by *shape*, the text with every digit as 0. Of a group one value is
taken apart by the forms, and the numbers of all others stand at the same places, so a
column costs array operations, and not a parser per value.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, FloatArray, IntArray
from driftlab.foreign.fields import all_whole, is_empty, shorten
from driftlab.foreign.time_forms import compiled_format, format_of, forms, month_of
from driftlab.lazy import lazy_pattern
from driftlab.model.columns import MISSING

UNITS: Final = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
ROWS_AT_ONCE: Final = 65_536  # whose texts are taken together
FRACTION_DIGITS: Final = 18  # of a number, that count
DAY_NS: Final = 86_400 * 10**9
UNIT_NAMES: Final = {"s": "seconds", "ms": "milliseconds", "us": "microseconds"}
CENTURY_S: Final = (978_307_200, 4_102_444_800)  # from 2001 to 2100, in seconds since 1970
STEP_S_MAX: Final = 86_400  # the middle one of the steps between times of one log
UNKNOWN_YEAR: Final = 1970  # of a column that says no year

_SECONDS_MAX, _LAST_NS = divmod(2**63 - 1, 10**9)  # since 1970, in 64 bits of nanoseconds
_YEAR_NS: Final = 12 * 31 * DAY_NS  # with months of 31 days, by which years are counted
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_NUMBER: Final = lazy_pattern(
    r"([+-]?)(?=[.,]?\d)(\d{0,25})(?P<point>[.,](\d*))?(?P<exponent>[eE][+-]?\d{1,2})?"
)
_DECIMAL: Final = lazy_pattern(r"[+-]?(?=[.,]?\d)\d{0,25}(?:[.,]\d*(?:[eE][+-]?\d+)?|[eE][+-]?\d+)")

_WIDE_BLANKS: Final = ("\u202f", "\xa0")  # as browsers write them before AM and PM
_BARE_NUMBER: Final = "a number among dates; --time-unit says of what"
_MONTH_OR_DAY: Final = (
    "the month or the day may come first, and no value shows which; say --time-format {}, or with "
    "%d and %m the other way round"
)


class Times(NamedTuple):
    """The times of a column.

    ns i8: nanoseconds since 1970, or since midnight; MISSING where there is none.
    failed: of each row whether its value is not a time that can be read. assumed: what
    was taken as known to read them, a line each. remarks: what could not be read, and
    what to say, a line each.
    """

    ns: IntArray
    failed: BoolArray
    assumed: list[str]
    remarks: list[str]


def is_number(text: str) -> bool:
    """Whether a text is a number, so that it is a time only in a unit."""
    return _NUMBER.fullmatch(text) is not None


def read_times(
    values: Sequence[Any],
    unit: str | None = None,
    format: str | None = None,
    parts: Callable[[], IntArray] | None = None,
) -> Times:
    """Read the times of a column.

    unit: of numbers, one of UNITS; None: that in which all are of this century, counted
    from 1970, else nanoseconds, or seconds if any number of the column has a decimal point.
    format: of texts, as `strptime` takes it. parts: returns of each row the part of the log
    (a file, or the rows of a process) in which times without a date are taken to go on;
    None: all are one.

    A date counts from 1970, in UTC unless it names a zone; a time of day alone counts from
    midnight of the first day. Raises UnreadableError for a bad format.
    """
    if format is None and unit in (None, "ns"):
        plain = all_whole(values)
        if plain is not None:
            found = None if unit else unit_of_dates(plain)
            factor = UNITS[found or "ns"]
            return Times(plain * factor, np.zeros(len(values), bool), _counted_in(found), [])
    return _Reader(values, unit, format).read(parts)


class _Parts(NamedTuple):
    """Dates and times of day of some rows, as far as they are known, i8 each.

    year, month, day: MISSING where the text does not say. first, then: two numbers of
    which one is the month, between signs `by`, 0 where there are none. of_day:
    nanoseconds since midnight. offset: of the zone, in nanoseconds. is_valid: whether the
    numbers of the time of day and the zone can be.
    """

    rows: IntArray
    year: IntArray
    month: IntArray
    day: IntArray
    first: IntArray
    then: IntArray
    by: IntArray
    of_day: IntArray
    offset: IntArray
    is_valid: BoolArray

    def take(self, which: BoolArray) -> "_Parts":
        """Return some of the rows."""
        return _Parts._make(column[which] for column in self)


class _Group(NamedTuple):
    """Texts of one shape, and the rows that they stand in."""

    rows: list[int]
    texts: list[str]

    def add_all(self, first: int, texts: Sequence[str]) -> None:
        """Add texts that stand one after the other from a row on."""
        self.rows.extend(range(first, first + len(texts)))
        self.texts.extend(texts)


def _shapes_of(texts: Sequence[str]) -> list[bytes]:
    """Return texts with every digit as 0."""
    joined = "\n".join(texts).encode("utf-8", "surrogatepass").translate(_DIGITS)
    shapes = joined.split(b"\n")
    if len(shapes) == len(texts):
        return shapes
    return [text.encode("utf-8", "surrogatepass").translate(_DIGITS) for text in texts]


class _Reader:
    """The steps from texts to times."""

    def __init__(self, values: Sequence[Any], unit: str | None, format: str | None) -> None:
        self._values = values
        self._unit = unit
        self._format = format
        self._ns = np.full(len(values), MISSING, np.int64)
        self._given = np.zeros(len(values), bool)  # where there is a value at all
        self._assumed: list[str] = []
        self._remarks: list[str] = []
        self._left: set[int] = set()  # rows that a remark is about

    def _forms(self) -> tuple[re.Pattern[str], ...]:
        return forms() if self._format is None else (compiled_format(self._format),)

    def read(self, parts: Callable[[], IntArray] | None) -> Times:
        """Read all values; see `read_times`."""
        found: list[_Parts] = []
        numbers: list[_Group] = []
        for rows, given in self._shapes():
            texts = self._trimmed(given)
            if self._format is None and _NUMBER.fullmatch(texts[0]):
                numbers.append(_Group(rows, texts))
            else:
                found += _taken_apart(rows, texts, self._forms())
        if found:
            self._take_dates(_Parts(*map(np.concatenate, zip(*found, strict=True))), parts)
        if not found or self._unit is not None:
            self._take_numbers(numbers)
        elif numbers:
            self._leave([row for rows, _ in numbers for row in rows], _BARE_NUMBER)
        failed = self._given & (self._ns == MISSING)
        self._say_failed(failed)
        return Times(self._ns, failed, self._assumed, self._remarks)

    def _shapes(self) -> Iterator["_Group"]:
        """Yield the rows and texts of each shape that is not empty, and note where there are."""
        groups: dict[bytes, _Group] = {}
        for first in range(0, len(self._values), ROWS_AT_ONCE):
            texts = [
                text if isinstance(text, str) else "" if text is None else str(text)
                for text in self._values[first : first + ROWS_AT_ONCE]
            ]
            shapes = _shapes_of(texts)
            if len(set(shapes)) == 1:
                groups.setdefault(shapes[0], _Group([], [])).add_all(first, texts)
                continue
            for row, (shape, text) in enumerate(zip(shapes, texts, strict=True), first):
                group = groups.get(shape)
                if group is None:
                    groups[shape] = group = _Group([], [])
                group.rows.append(row)
                group.texts.append(text)
        for group in groups.values():
            if not is_empty(group.texts[0]):
                self._given[group.rows] = True
                yield group

    def _trimmed(self, texts: list[str]) -> list[str]:
        """Return texts of one shape without the blanks, and the brackets, around them."""
        first, last = texts[0][:1], texts[0][-1:]
        if first.isspace() or last.isspace():
            return self._trimmed([text.strip() for text in texts])
        if self._format is None and first == "[" and last == "]":
            return self._trimmed([text[1:-1] for text in texts])
        if not texts[0].isascii():
            for blank in _WIDE_BLANKS:
                texts = [text.replace(blank, " ") for text in texts]
        return texts

    # Numbers.

    def _take_numbers(self, groups: Sequence[_Group]) -> None:
        has_point = any(_DECIMAL.fullmatch(texts[0]) for _, texts in groups)
        unit = self._unit
        if unit is None and groups:
            sizes = [float(text.replace(",", ".")) for _, texts in groups for text in texts]
            unit = unit_of_dates(np.array(sizes))
            self._assumed += [] if unit == "s" and has_point else _counted_in(unit)
        factor = UNITS[unit or ("s" if has_point else "ns")]
        for rows, texts in groups:
            for row, text in zip(rows, texts, strict=True):
                self._ns[row] = _of_number(text, factor)

    # Dates and times of day.

    def _take_dates(self, dates: _Parts, parts: Callable[[], IntArray] | None) -> None:
        dates = self._with_months(dates.take(dates.is_valid))
        order = np.argsort(dates.rows)
        dates = _Parts._make(column[order] for column in dates)
        part: IntArray = np.zeros(len(dates.rows), np.int64)
        if parts is not None and (dates.year == MISSING).any():
            part = parts()[dates.rows]
        year = self._years(dates, part)
        days, is_date = _days_since_1970(year, dates.month, dates.day)
        has_date = dates.month != MISSING
        days = self._days(np.where(has_date, days, 0), has_date, dates.of_day, part)
        within = dates.of_day - dates.offset
        seconds = days * 86_400 + within // 10**9
        is_time = (is_date | ~has_date) & (np.abs(seconds) <= _SECONDS_MAX)
        is_time &= (seconds < _SECONDS_MAX) | (within % 10**9 <= _LAST_NS)
        ns = np.where(is_time, seconds, 0) * 10**9 + within % 10**9
        self._ns[dates.rows] = np.where(is_time, ns, MISSING)

    def _with_months(self, dates: _Parts) -> _Parts:
        """Return the dates with month and day where two numbers leave that open.

        A number above 12 is a day, and shows it for all others of its form (with the same signs
        between the numbers), unless others of it show the opposite. What is not shown is left out.
        """
        is_open = dates.first != MISSING
        if not is_open.any():
            return dates
        first, then = dates.first, dates.then
        day_first, month_first = (is_open & (first > 12)), (is_open & (then > 12))
        for sign in np.unique(dates.by[is_open]).tolist():
            of_form = is_open & (dates.by == sign)
            shows_day, shows_month = (day_first & of_form).any(), (month_first & of_form).any()
            if shows_day and not shows_month:
                day_first |= of_form
            elif shows_month and not shows_day:
                month_first |= of_form
        is_same = is_open & (first == then)  # the same day either way
        month = np.where(month_first | is_same, first, np.where(day_first, then, dates.month))
        day = np.where(month_first | is_same, then, np.where(day_first, first, dates.day))
        left = is_open & ~day_first & ~month_first & ~is_same
        if left.any():
            rows = dates.rows[left].tolist()
            example = format_of(str(self._values[rows[0]]).strip("[] "))
            self._leave(rows, _MONTH_OR_DAY.format(example))
        return dates._replace(month=month, day=day).take(~left)

    def _years(self, dates: _Parts, part: IntArray) -> IntArray:
        """Return the year of every row; where no value says it, it is assumed."""
        is_known = dates.year != MISSING
        is_open = ~is_known & (dates.month != MISSING)
        if not is_open.any():
            return dates.year
        dated = is_known | is_open
        in_year = np.where(dated, (dates.month * 31 + dates.day) * DAY_NS, 0) + dates.of_day
        turns = _turns(in_year[dated], part[dated], _YEAR_NS)
        year, known = dates.year.copy(), is_known[dated]
        year[dated] = _anchored(turns, np.where(known, dates.year[dated], 0), known)
        if not known.any():
            year[dated] += _first_year(year[dated], dates.month[dated], dates.day[dated])
        years = sorted(set(year[is_open].tolist()))
        shown = str(years[0]) if len(years) == 1 else f"{years[0]} to {years[-1]}"
        is_one = len(years) == 1
        changes = (
            "is assumed"
            if is_one
            else "are assumed: it changes where the time goes back by half a year"
        )
        self._assumed.append(f"{_times_of(int(is_open.sum()))} without a year: {shown} {changes}")
        return year

    def _days(
        self, days: IntArray, has_date: BoolArray, of_day: IntArray, part: IntArray
    ) -> IntArray:
        """Return the days since 1970, also of times that say no date: since the first day."""
        if has_date.all():
            return days
        turns = _turns(of_day, part, DAY_NS)
        found = _anchored(turns, days, has_date)
        if has_date.any():
            self._assumed.append(
                f"{_times_of(int((~has_date).sum()))} without a date: that of the times beside them"
            )
        elif found.any():
            found = found - found.min()
            self._assumed.append(
                "times without a date: the day changes where the time goes back by 12 hours"
            )
        return found

    # What could not be read.

    def _leave(self, rows: Sequence[int], reason: str) -> None:
        """Say that some rows are kept as text, and why."""
        self._left.update(rows)
        shown = shorten(self._values[rows[0]])
        self._remarks.append(f"{_times_of(len(rows))} kept as text ({shown}): {reason}")

    def _say_failed(self, failed: BoolArray) -> None:
        rows = [row for row in np.flatnonzero(failed).tolist() if row not in self._left]
        if rows:
            wanted = "a form that is known" if self._format is None else "--time-format"
            advice = "; --time-format says another" if self._format is None else f" {self._format}"
            of = int(self._given.sum())
            self._leave(rows, f"of {of:,} not in {wanted}{advice}")


def unit_of_dates(numbers: FloatArray | IntArray) -> str | None:
    """Return the unit above ns in which numbers are dates since 1970, None if there is none.

    All must be of this century then, and the middle one of the steps from one to the next must
    be at most STEP_S_MAX: a few seconds in nanoseconds are no dates in seconds, months apart.
    """
    if not len(numbers):
        return None
    least, most = numbers.min(), numbers.max()
    for unit in ("s", "ms", "us"):
        seconds = UNITS["s"] // UNITS[unit]
        if CENTURY_S[0] * seconds <= least and most <= CENTURY_S[1] * seconds:
            return unit if _middle_step(numbers) <= STEP_S_MAX * seconds else None
    return None


def _middle_step(numbers: FloatArray | IntArray) -> float:
    """Return the middle one of the steps from one of some numbers to the next greater one."""
    steps = np.diff(np.unique(numbers))
    return float(np.median(steps)) if len(steps) else 0.0


def _counted_in(unit: str | None) -> list[str]:
    """Return what is assumed of numbers without a unit, in lines."""
    if unit is None:
        return []
    return [f"numbers count {UNIT_NAMES[unit]} since 1970, as their size shows (--time-unit)"]


def _times_of(count: int) -> str:
    return "1 time" if count == 1 else f"{count:,} times"


def _of_number(text: str, factor: int) -> int:
    """Return a number of `factor` nanoseconds in nanoseconds, MISSING if it has over 64 bits."""
    number = _NUMBER.fullmatch(text)
    if number is None:
        return MISSING
    fraction = (number[4] or "")[:FRACTION_DIGITS]
    shift = int((number["exponent"] or "e0")[1:]) - len(fraction)
    found = int(number[2] + fraction) * factor
    found = found * 10**shift if shift >= 0 else found // 10**-shift
    found = -found if number[1] == "-" else found
    return found if MISSING < found < 2**63 else MISSING


# One shape.


def _taken_apart(
    rows: Sequence[int], texts: Sequence[str], forms: Iterable[re.Pattern[str]]
) -> list[_Parts]:
    """Return the parts of texts of one shape, by the first form that it has, if it has one."""
    if not texts[0].isascii():
        return []
    match = next((found for form in forms if (found := form.fullmatch(texts[0]))), None)
    if match is None:
        return []
    pieces = [slice(at, at + ROWS_AT_ONCE) for at in range(0, len(texts), ROWS_AT_ONCE)]
    return [_Shape(match, texts[piece]).parts(np.array(rows[piece], np.int64)) for piece in pieces]


class _Shape:
    """Texts of one shape: the match of the first of them, and their letters as a matrix."""

    def __init__(self, match: re.Match[str], texts: Sequence[str]) -> None:
        self._given = {name: text for name, text in match.groupdict().items() if text is not None}
        self._match = match
        letters = np.frombuffer("".join(texts).encode("ascii"), np.uint8)
        self._matrix = letters.reshape(len(texts), len(texts[0]))
        self._zero: IntArray = np.zeros(len(texts), np.int64)
        self._nothing: IntArray = np.full(len(texts), MISSING, np.int64)

    def parts(self, rows: IntArray) -> _Parts:
        """Return the parts of the texts, which stand in `rows`."""
        if "epoch" in self._given:
            return self._since_1970(rows)
        of_day, is_valid = self._of_day()
        offset, is_zone = self._offset()
        year, month, day = self._date()
        first, then = (self._number(name, self._nothing) for name in ("first", "then"))
        by = self._zero + ord(self._given.get("by", "\0"))
        is_valid &= is_zone
        return _Parts(rows, year, month, day, first, then, by, of_day, offset, is_valid)

    def _number(self, name: str, default: IntArray) -> IntArray:
        """Return the number in a group of the form, `default` if it is not there."""
        if name not in self._given:
            return default
        first, end = self._match.span(name)
        found: IntArray = np.zeros(len(self._matrix), np.int64)
        for column in range(first, end):
            found = found * 10 + (self._matrix[:, column] & 15)  # a blank counts as 0
        return found

    def _nanoseconds(self) -> IntArray:
        digits = len(self._given.get("fraction", ""))
        found: IntArray = self._number("fraction", self._zero) * 10 ** (9 - digits)
        return found

    def _since_1970(self, rows: IntArray) -> _Parts:
        seconds, one = self._number("epoch", self._zero), self._zero + 1
        is_valid = seconds < _SECONDS_MAX
        ns = np.where(is_valid, seconds, 0) * 10**9 + self._nanoseconds()
        since = -ns if self._given["epoch_sign"] else ns
        no, zero = self._nothing, self._zero
        return _Parts(rows, one * 1970, one, one, no, no, zero, since, zero, is_valid)

    def _of_day(self) -> tuple[IntArray, BoolArray]:
        """Return the nanoseconds since midnight, and whether the numbers can be."""
        hour = self._number("hour_12", self._number("hour", self._zero))
        minute, second = self._number("minute", self._zero), self._number("second", self._zero)
        is_valid = (hour < 24) & (minute < 60) & (second < 60)
        half = self._given.get("half")
        if half is not None:
            is_valid &= (hour >= 1) & (hour <= 12)
            hour = hour % 12 + (12 if half in "Pp" else 0)
        return (hour * 3600 + minute * 60 + second) * 10**9 + self._nanoseconds(), is_valid

    def _offset(self) -> tuple[IntArray, BoolArray]:
        """Return the offsets from UTC, and which of them can be."""
        prefix = "utc_" if "utc_sign" in self._given else ""
        hours = self._number(f"{prefix}hours", self._zero)
        minutes = self._number(f"{prefix}minutes", self._zero)
        ahead = (hours * 60 + minutes) * 60 * 10**9
        is_valid = (hours < 24) & (minutes < 60)
        return (-ahead if self._given.get(f"{prefix}sign") == "-" else ahead), is_valid

    def _date(self) -> tuple[IntArray, IntArray, IntArray]:
        """Return year, month and day; 1 for what a form with a year or a month leaves out."""
        year = self._number("year", self._nothing)
        if "short_year" in self._given:  # as POSIX has it
            short = self._number("short_year", self._zero)
            year = short + np.where(short < 69, 2000, 1900)
        month, day = self._number("month", self._nothing), self._number("day", self._nothing)
        if "month_name" in self._given:
            month = self._zero + month_of(self._given["month_name"])
        if "day_of_year" in self._given:
            return year, *_month_and_day(year, self._number("day_of_year", self._zero))
        if not {"year", "short_year", "month", "month_name"} & set(self._given) or (
            "first" in self._given
        ):
            return year, month, day
        return year, np.where(month == MISSING, 1, month), np.where(day == MISSING, 1, day)


# Days.


def _days_since_1970(year: IntArray, month: IntArray, day: IntArray) -> tuple[IntArray, BoolArray]:
    """Return the days since 1970, and whether there is such a date; `day` may be of the year."""
    can_be = (year >= 1) & (year <= 9999) & (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(can_be, (year - 1970) * 12 + month - 1, 0)
    first = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
    after = (months + 1).astype("M8[M]").astype("M8[D]").astype(np.int64)
    can_be &= day <= after - first
    return first + np.where(can_be, day, 1) - 1, can_be


def _month_and_day(year: IntArray, day_of_year: IntArray) -> tuple[IntArray, IntArray]:
    """Return the month and the day of days of a year; month 0 where there is no such day."""
    first = (year - 1970).astype("M8[Y]").astype("M8[D]")
    date = first + (day_of_year - 1)
    month = date.astype("M8[M]")
    is_day = date.astype("M8[Y]").astype(np.int64) == year - 1970
    number = np.where(is_day, month.astype(np.int64) % 12 + 1, 0)
    return number, (date - month.astype("M8[D]")).astype(np.int64) + 1


def _turns(within: IntArray, part: IntArray, period: int) -> IntArray:
    """Return how many periods have passed at each row, counted from the first, i8.

    `within`: the place of each row in its period. A period has passed where a time goes back
    by more than half of it; a line that is late, after that, is of the period before. The first
    row of a part is in the period in which it is nearest to the first row of all.
    """
    turns: IntArray = np.zeros(len(within), np.int64)
    bounds = [0, *(np.flatnonzero(part[1:] != part[:-1]) + 1).tolist(), len(part)]
    for low, high in pairwise(bounds):
        first = _steps(within[low : low + 1] - within[:1], period)
        steps = _steps(np.diff(within[low:high], prepend=within[low : low + 1]), period)
        passed = np.cumsum(steps)
        turns[low:high] = first + passed - np.minimum(np.minimum.accumulate(passed), 0)
    return turns


def _steps(differences: IntArray, period: int) -> IntArray:
    """Return 1 where a time goes back by more than half a period, -1 where it goes on by more."""
    ahead, back = 2 * differences > period, 2 * differences < -period
    return back.astype(np.int64) - ahead


def _anchored(turns: IntArray, known: IntArray, is_known: BoolArray) -> IntArray:
    """Return the period of each row: where it is known that, else counted from one beside it.

    turns: periods that have passed at each row. known: the period, where `is_known`.
    """
    anchors = np.flatnonzero(is_known)
    if not len(anchors):
        return turns
    before = np.maximum(np.searchsorted(anchors, np.arange(len(turns)), side="right") - 1, 0)
    at = anchors[before]
    return np.where(is_known, known, known[at] + turns - turns[at])


def _first_year(turns: IntArray, month: IntArray, day: IntArray) -> int:
    """Return the year to count from, where no value names one: 1970, unless February has 29."""
    start = UNKNOWN_YEAR - int(turns.min())
    leap = turns[(month == 2) & (day == 29)]
    for year in range(start, start + 4):
        if all((year + int(turn)) % 4 == 0 for turn in np.unique(leap)):
            return year
    return start
