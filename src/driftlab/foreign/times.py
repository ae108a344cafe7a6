"""Times as logs write them: whole numbers of a unit, numbers with a point, dates, times of day.

One column has one unit: where none is asked for it is seconds if any of its
numbers has a decimal point or an exponent, else nanoseconds. What is no time
(such as 24:61:99) is not guessed at.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import numpy as np

from driftlab.foreign.fields import UNITS, all_whole, is_empty
from driftlab.model.columns import MISSING, Array

FRACTION_DIGITS: Final = 18  # of a number, that count

_NUMBER: Final = re.compile(
    r"([+-]?)(?=[.,]?\d)(\d{0,25})(?P<point>[.,](\d*))?(?P<exponent>[eE][+-]?\d{1,2})?"
)
_POINTED: Final = re.compile(r"[+-]?(?=[.,]?\d)\d{0,25}(?:[.,]\d*(?:[eE][+-]?\d+)?|[eE][+-]?\d+)")
_HALF: Final = r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
_CLOCK: Final = r"(?P<hour>\d\d?):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<below>\d{1,9})\d*)?"
_INSTANT: Final = re.compile(
    rf"(?P<year>\d{{4}})(?P<by>[-/])(?P<month>\d\d)(?P=by)(?P<day>\d\d)[T ]{_CLOCK}{_HALF}"
    r"\s*(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?"
)
_HOURS: Final = re.compile(_CLOCK + _HALF)


def times(values: Sequence[Any], unit: str | None) -> tuple[Array, bool]:
    """Return nanoseconds, MISSING where there are none, and whether some could not be read.

    A number is of the unit; if none is given, of nanoseconds, or of seconds where
    any number of the column has a decimal point. A date with a time of day counts
    from 1970, UTC where it says no other; a time of day alone from midnight.
    """
    if unit in (None, "ns"):
        plain = all_whole(values)
        if plain is not None:
            return plain, False
    texts = [None if is_empty(value) else str(value).strip() for value in values]
    factor = UNITS[unit or ("s" if _has_point(texts) else "ns")]
    column = np.full(len(values), MISSING, np.int64)
    failed = False
    for row, text in enumerate(texts):
        if text is not None:
            instant = _nanoseconds(text, factor)
            failed |= instant is None
            column[row] = MISSING if instant is None else instant
    return column, failed


def _has_point(texts: Sequence[str | None]) -> bool:
    return any(text is not None and _POINTED.fullmatch(text) for text in texts)


def _nanoseconds(text: str, factor: int) -> int | None:
    plain = _NUMBER.fullmatch(text)
    if plain:
        return _of_number(plain, factor)
    date = _INSTANT.fullmatch(text)
    if date:
        return _of_date(date)
    hours = _HOURS.fullmatch(text)
    return _since_midnight(hours) if hours else None


def _of_number(number: re.Match[str], factor: int) -> int | None:
    below = (number[4] or "")[:FRACTION_DIGITS]
    shift = int((number["exponent"] or "e0")[1:]) - len(below)
    found = int(number[2] + below) * factor
    found = found * 10**shift if shift >= 0 else found // 10**-shift
    return _fitting(-found if number[1] == "-" else found)


def _of_date(date: re.Match[str]) -> int | None:
    of_day = _since_midnight(date)
    try:
        day = datetime(int(date["year"]), int(date["month"]), int(date["day"]), tzinfo=_zone(date))
    except ValueError:
        return None
    since = day - datetime(1970, 1, 1, tzinfo=UTC)
    whole = since.days * 86_400 + since.seconds
    return None if of_day is None else _fitting(whole * 10**9 + of_day)


def _zone(date: re.Match[str]) -> timezone:
    """Return the zone that a date names. Raises ValueError where there is no such."""
    written = date["zone"] or "Z"
    if written[0] not in "+-":
        return UTC
    digits = written[1:].replace(":", "")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-ahead if written[0] == "-" else ahead)


def _since_midnight(clock: re.Match[str]) -> int | None:
    hour, minute, second = int(clock["hour"]), int(clock["minute"]), int(clock["second"])
    half = clock["half"]
    if half is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half in "Pp" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    below = int((clock["below"] or "0").ljust(9, "0"))
    return (hour * 3600 + minute * 60 + second) * 10**9 + below


def _fitting(number: int) -> int | None:
    return number if MISSING < number < 2**63 else None
