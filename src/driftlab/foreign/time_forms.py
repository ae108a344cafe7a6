"""The forms in which logs write times, as regular expressions with named groups.

A form has groups for what it says: year or short_year, month or month_name, day,
day_of_year, or `first` and `then`, of which one is the month; hour or hour_12, half (a or
p), minute, second, fraction; and sign, hours and minutes of the zone, with `utc_` before
them after the word UTC; or the seconds since 1970, epoch. What is no digit is
the same in all texts of one shape (see `times`).

A `--time-format`, as `strptime` takes it, becomes such a form.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from driftlab.journal.files import UnreadableError

_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip

_MONTH_NAME: Final = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DAY_NAME: Final = (
    "(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:rs(?:day)?)?|fri(?:day)?"
    "|sat(?:urday)?|sun(?:day)?)"
)
_HALF: Final = r"(?:\s*(?P<half>[ap])\.?m\.?)?"
_FRACTION: Final = r"(?:[.,](?P<fraction>\d{1,9})\d*)?"
_TIME: Final = rf"(?P<hour>\d\d?):(?P<minute>\d\d):(?P<second>\d\d){_FRACTION}{_HALF}"
_SHORT_TIME: Final = rf"(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d){_FRACTION})?{_HALF}"
_OFFSET: Final = r"(?P<{0}sign>[+-])(?P<{0}hours>\d\d)(?::?(?P<{0}minutes>\d\d))?"
_UTC: Final = r"(?:z|utc|gmt)"
_ZONE: Final = (
    rf"(?:\s*(?:{_UTC}{_OFFSET.format('utc_')}|{_UTC}|{_OFFSET.format('')}(?:\s*\(?{_UTC}\)?)?)"
    r"(?:\[[\w/+-]+\])?)?"
)
_MONTH: Final = rf"(?P<month_name>{_MONTH_NAME})\.?"

# A value may also stand in brackets.
_FORMS: Final = (
    # ISO 8601 and RFC 3339, and as Go's and Python's loggers write them.
    rf"(?P<year>\d{{4}})(?P<by>[-/.])(?P<month>\d\d?)(?P=by)(?P<day>\d\d?)"
    rf"(?:(?:t|_|,?\s+){_SHORT_TIME}{_ZONE}(?:\s+m=[+-][\d.]+)?)?",
    # ISO 8601, basic.
    rf"(?P<year>\d{{4}})(?P<month>\d\d)(?P<day>\d\d)[t ](?P<hour>\d\d)(?P<minute>\d\d)"
    rf"(?:(?P<second>\d\d){_FRACTION})?{_ZONE}",
    # ctime, and `date`.
    rf"{_DAY_NAME},?\s+{_MONTH}\s+(?P<day>\d\d?)\s+{_TIME}{_ZONE}\s+(?P<year>\d{{4}})",
    # RFC 5322, HTTP; the month by its name after the day.
    rf"(?:{_DAY_NAME},?\s+)?(?P<day>\d\d?)[-\s]{_MONTH}[-\s](?P<year>\d{{4}})"
    rf"(?:,?\s+{_SHORT_TIME}{_ZONE})?",
    # JavaScript.
    rf"{_DAY_NAME}\s+{_MONTH}\s+(?P<day>\d\d?)\s+(?P<year>\d{{4}})\s+{_TIME}{_ZONE}"
    r"(?:\s+\([\w\s]+\))?",
    # The month by its name before the day.
    rf"(?:{_DAY_NAME},?\s+)?{_MONTH}\s+(?P<day>\d\d?),\s*(?P<year>\d{{4}})"
    rf"(?:,?(?:\s+at)?\s+{_SHORT_TIME}{_ZONE})?",
    # syslog.
    rf"(?:{_DAY_NAME},?\s+)?{_MONTH}\s+(?P<day>\d\d?)\s+{_TIME}",
    # Apache, common log format.
    rf"(?P<day>\d\d?)/{_MONTH}/(?P<year>\d{{4}}):{_TIME}{_ZONE}",
    # The month or the day first.
    rf"(?P<first>\d\d?)(?P<by>[-/.])(?P<then>\d\d?)(?P=by)(?P<year>\d{{4}})"
    rf"(?:(?:t|,?\s+){_SHORT_TIME}{_ZONE})?",
    # A time of day.
    rf"{_TIME}",
)


@cache
def forms() -> tuple[re.Pattern[str], ...]:
    """Return all forms, compiled when a log first has a time that is no plain number."""
    return tuple(re.compile(form, re.IGNORECASE | re.ASCII) for form in _FORMS)


def month_of(name: str) -> int:
    """Return the number of a month by its name, whole or shortened."""
    return next(number for number, each in enumerate(_MONTHS, 1) if each[:3] == name[:3].lower())


# A format of the user's.

_DIRECTIVES: Final[Mapping[str, str]] = {
    "Y": r"(?P<year>\d{4})",
    "y": r"(?P<short_year>\d\d)",
    "m": r"(?P<month>\d\d?)",
    "d": r"(?P<day>\d\d?)",
    "e": r"\s?(?P<day>\d\d?)",
    "j": r"(?P<day_of_year>\d{1,3})",
    "H": r"(?P<hour>\d\d?)",
    "I": r"(?P<hour_12>\d\d?)",
    "M": r"(?P<minute>\d\d?)",
    "S": r"(?P<second>\d\d?)",
    "f": r"(?P<fraction>\d{1,9})",
    "p": r"(?P<half>[ap])\.?m\.?",
    "b": rf"(?P<month_name>{_MONTH_NAME})",
    "a": rf"{_DAY_NAME}",
    "s": r"(?P<epoch_sign>-?)(?P<epoch>\d{1,10})",
    "z": rf"(?:z|{_OFFSET.format('')})",
    "Z": _UTC,
    "%": "%",
}
_SAME_DIRECTIVES: Final = {"B": "b", "h": "b", "A": "a"}
_SHORTHANDS: Final = {"T": "%H:%M:%S", "R": "%H:%M", "F": "%Y-%m-%d", "D": "%m/%d/%y"}


def require_format(format: str | None) -> None:
    """Raise UnreadableError unless a `--time-format` is one."""
    if format is not None:
        compiled_format(format)


@cache
def compiled_format(format: str) -> re.Pattern[str]:
    """Return a `strptime` format as a regular expression with the groups of `forms`.

    As in `strptime` blanks stand for any blanks, and names may be in any case. Raises
    UnreadableError.
    """
    source = " ".join(format.split())
    source = re.sub(r"%([TRFD])", lambda found: _SHORTHANDS[found[1]], source)
    pattern, place = "", 0
    while place < len(source):
        letter = source[place]
        if letter == "%":
            place += 1
            name = source[place : place + 1]
            directive = _DIRECTIVES.get(_SAME_DIRECTIVES.get(name, name))
            if directive is None:
                raise UnreadableError(
                    f"--time-format {format}: there is no %{name}; there are "
                    f"{', '.join(f'%{each}' for each in _DIRECTIVES)}"
                )
            pattern += directive
        else:
            pattern += r"\s+" if letter == " " else re.escape(letter)
        place += 1
    try:
        compiled = re.compile(pattern, re.IGNORECASE | re.ASCII)
    except re.error:
        raise UnreadableError(f"--time-format {format}: names something twice") from None
    wrong = _wrong_in(set(compiled.groupindex))
    if wrong is not None:
        raise UnreadableError(f"--time-format {format}: {wrong}")
    return compiled


def _wrong_in(groups: set[str]) -> str | None:
    """Return what is wrong with a format that has some groups, None if nothing."""
    for one, other in (("month", "month_name"), ("year", "short_year"), ("hour", "hour_12")):
        if {one, other} <= groups:
            return f"names the {one} twice"
    if not groups & {"hour", "hour_12", "year", "short_year", "epoch", "month", "month_name"}:
        return "names no time, as %Y-%m-%d %H:%M:%S.%f does"
    if ("hour_12" in groups) != ("half" in groups):
        return "%I and %p, AM or PM, belong together"
    if "day" in groups and not groups & {"month", "month_name"}:
        return "%d needs the month, %m or %b"
    if "day_of_year" in groups and not groups & {"year", "short_year"}:
        return "%j needs the year, %Y"
    return None


def format_of(text: str) -> str:
    """Return a `strptime` format that a text such as `03/04/2025 10:00:00.5` has."""
    by = next(letter for letter in text if not letter.isdigit())
    zone = " %z" if re.search(r" [+-]\d\d:?\d\d$", text) else ""
    fraction = ".%f" if re.search(r":\d\d\.\d", text) else ""
    seconds = ":%S" if re.search(r":\d\d:\d\d", text) else ""
    half = " %p" if re.search(r"[ap]m$", text, re.IGNORECASE) else ""
    hour = "%I" if half else "%H"
    time = f" {hour}:%M{seconds}{fraction}{half}{zone}" if ":" in text else ""
    return f"'%m{by}%d{by}%Y{time}'"
