"""Vector clocks as lists, `[1, 0]`, which say by place whose each number is.

The invariant: a list is read only where there is no doubt whose its numbers
are. Every clock of the log is a list, all are as long as there are processes
with records, and the numbers are theirs in the natural order of their names
(vm2 before vm10). Else each list is told of, and none is taken for a clock.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from driftlab.trace.formats.fields import is_empty

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


def natural(name: str) -> tuple[Any, ...]:
    """Return what to sort names by, so that vm2 is before vm10."""
    parts = enumerate(_DIGITS.split(name))
    plain = ((place, part.lstrip("0") if place % 2 else part) for place, part in parts)
    return tuple((len(part), part) if place % 2 else part for place, part in plain), name


def of_processes(clocks: Sequence[Any], hosts: Sequence[str]) -> list[Any] | None:
    """Return clocks with each list as entries by name; None where that would be guessed.

    hosts: the rows' processes. A value that is neither list nor clock stays.
    """
    lists = [as_list(clock) for clock in clocks]
    names = sorted({host for host in hosts if host}, key=natural)
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
