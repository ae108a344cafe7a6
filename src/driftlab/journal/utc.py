"""UTC as text and back: `2026-11-23T13:33:47.123456789Z`, to the nanosecond.

Nothing here reads a clock. Lines of a journal repeat their seconds, so each second
is converted once. As in POSIX time, there are no leap seconds.
"""

import re
from functools import lru_cache
from time import gmtime, strftime
from typing import Final

NS_PER_SECOND: Final = 1_000_000_000
_TEXT: Final = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z"  # compiled where it is read


def utc_text(time_ns: int) -> str:
    """Return nanoseconds since 1970 as UTC text."""
    second, fraction = divmod(time_ns, NS_PER_SECOND)
    return f"{_second_text(second)}.{fraction:09d}Z"


def utc_ns(text: str) -> int:
    """Return UTC text as nanoseconds since 1970. Raise ValueError if it is not such a text."""
    match = re.fullmatch(_TEXT, text, re.ASCII)
    if match is None:
        raise ValueError(f"{text!r} is not a time; expected YYYY-MM-DDThh:mm:ss[.fraction]Z")
    return _second_ns(match[1]) + int((match[2] or "0").ljust(9, "0"))


@lru_cache(maxsize=4)
def _second_text(second: int) -> str:
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))


@lru_cache(maxsize=4)
def _second_ns(text: str) -> int:
    from datetime import datetime

    return int(datetime.fromisoformat(text + "+00:00").timestamp()) * NS_PER_SECOND
