"""Columns whose names may mean a time or a clock: `ts`, `t`; or a queue: `q`. Their values decide.

Texts, and numbers with a fraction or as large as times since 1970, are times. Whole
numbers that rise in every process, and are no larger than a Lamport clock of so many
events can be, are Lamport clocks, if the log has no other clock. A column `q` of small
whole numbers is the length of a queue, if the log has no other. A column `target` that all
records have, and that names no process, says where the line was written. Of anything else nothing
is taken: it is kept as text, and a line says how to say what it is.
"""

from collections.abc import Container, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.arrays import IntArray
from driftlab.clocks.catalogue import CLOCKS
from driftlab.foreign.fields import Positions, is_empty, normalized_name
from driftlab.foreign.packed import Values

NAMES: Final = frozenset({"ts", "t"})
QUEUE: Final = "q"
TIME_MIN: Final = 10**8  # seconds since 1970, and all smaller units: numbers from here on are times
CLOCK_FACTOR: Final = 2  # a clock that counts by one is at most so many times the events
RISING_MIN: Final = 0.9  # of the steps of a process
_TIMES: Final = frozenset({"time", "time_ns"})
_CLOCKS: Final = frozenset({"clock", "lamport", *CLOCKS})


class Meaning(NamedTuple):
    """What a column of unclear name is.

    field: `time` or `lamport`, None if it is kept as text. remark: what to say then, if
    anything.
    """

    field: str | None
    remark: str = ""


def take_unclear(
    known: dict[str, Values],
    own_names: dict[str, str],
    others: dict[str, Values],
    process: Sequence[Any],
    named: Container[str],
) -> list[str]:
    """Take columns of unclear names as what their values show, and return what to say of others.

    known, own_names: the fields of the log, and what it calls them; others: its other columns;
    all are changed. process: of each record, whatever names it. named: fields whose column the
    user says.
    """
    target = own_names.get("targets", "")
    if target and "targets" not in named and is_no_target(target, known["targets"], process):
        others[target] = known.pop("targets")
        del own_names["targets"]
    remarks = []
    for own in list(others):
        meaning = meaning_of(own, others[own], known, process)
        if meaning is not None and meaning.field is not None:
            known[meaning.field] = others.pop(own)
            own_names[meaning.field] = own
        elif meaning is not None and meaning.remark:
            remarks.append(meaning.remark)
    return remarks


def meaning_of(
    name: str, values: Values, known: Mapping[str, Values], process: Sequence[Any]
) -> Meaning | None:
    """Return what a column is whose name may mean several things; None for any other name.

    known: the fields that the log has. process: of each record, whatever names it.
    """
    if normalized_name(name) == QUEUE:
        is_queue = "queue" not in known and _are_lengths(values)
        return Meaning("queue") if is_queue else None
    if normalized_name(name) not in NAMES:
        return None
    has_time, has_clock = (not group.isdisjoint(known) for group in (_TIMES, _CLOCKS))
    filled = [row for row, value in enumerate(values) if not is_empty(value)]
    if not filled or (has_time and has_clock):
        return Meaning(None)
    numbers = _whole_numbers([values[row] for row in filled])
    is_time = numbers is None or bool(np.median(numbers) >= TIME_MIN)
    if is_time and not has_time:
        return Meaning("time")
    if numbers is not None and not has_clock and _is_clock(numbers, filled, process, len(values)):
        return Meaning("lamport")
    ways = [
        *([] if has_time else [f"--field time={name}"]),
        *([] if has_clock else [f"--field lamport={name}"]),
        *([f"--field stamp={name}"] if len(filled) < len(values) else []),
    ]
    return Meaning(None, f"{name} may be a time or a clock: {' or '.join(ways)}" if ways else "")


def is_no_target(name: str, targets: Values, process: Sequence[Any]) -> bool:
    """Whether a column `target` does not say who was sent to: loggers call their sources so.

    Every record has one, and none is a process of the log.
    """
    if normalized_name(name) != "target" or any(map(is_empty, targets)):
        return False
    return {str(target).strip() for target in targets}.isdisjoint(map(str, process))


def _are_lengths(values: Values) -> bool:
    """Whether values are as lengths of a queue: whole numbers below the number of events."""
    filled = [value for value in values if not is_empty(value)]
    numbers = _whole_numbers(filled) if filled else None
    return numbers is not None and bool(((numbers >= -1) & (numbers < len(values))).all())


def _whole_numbers(values: Sequence[Any]) -> IntArray | None:
    """Return values as whole numbers, None if one is none of 64 bits."""
    if any(isinstance(value, float) for value in values):
        return None
    try:
        return np.array([int(str(value)) for value in values], np.int64)
    except (ValueError, OverflowError):
        return None


def _is_clock(numbers: IntArray, rows: Sequence[int], process: Sequence[Any], events: int) -> bool:
    """Whether numbers are as Lamport clocks: small, and rising in every process.

    rows: of the numbers. events: how many there are.
    """
    if len(rows) < events or numbers.min() < 0 or numbers.max() > CLOCK_FACTOR * events:
        return False
    position = Positions()
    of = np.array([position[str(process[row])] for row in rows], np.int64)
    order = np.argsort(of, kind="stable")
    same = np.diff(of[order]) == 0
    steps = np.diff(numbers[order])[same]
    return bool(len(steps)) and bool((steps > 0).mean() >= RISING_MIN)
