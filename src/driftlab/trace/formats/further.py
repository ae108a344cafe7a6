"""Timestamps of further clocks in a table, as their clocks write them: numbers and dots."""

from collections.abc import Sequence
from typing import Any, Final, NoReturn

import numpy as np

from driftlab.trace.files import UnreadableError
from driftlab.trace.formats.fields import is_empty
from driftlab.trace.timestamps import from_texts
from driftlab.trace.trace import Timestamps

FURTHER: Final = ("vector", "matrix", "hybrid")
HYBRID_NS_MIN: Final = 10**12  # of two numbers, the first is a time above this


def further(clock: str, texts: Sequence[Any], names: Sequence[str], met: int) -> Timestamps:
    """Read timestamps in the order of the rows. Raises UnreadableError.

    names: of all processes; the first `met` have events. Timestamps are of these,
    in their order, or of all: then in the order in which machines are named
    (A to Z, AA …), in which a table of ours has them.
    """
    given = [None if is_empty(text) else str(text) for text in texts]
    counts = {len(text.replace("/", ".").split(".")) for text in given if text is not None}
    order = list(range(met))
    if counts != {_width(clock, met)} and counts == {_width(clock, len(names))}:
        order = sorted(range(len(names)), key=lambda place: (len(names[place]), names[place]))
    if counts - {_width(clock, len(order))} or [one for one in order if one < met] != [*range(met)]:
        _refuse(clock, given, met)
    try:
        held = from_texts(clock, given)
    except (ValueError, OverflowError):
        raise UnreadableError(f"a {clock} timestamp holds what is no number") from None
    return _placed(held, order, len(names))


def _width(clock: str, processes: int) -> int:
    return {"vector": processes, "matrix": processes**2, "hybrid": 2}[clock]


def _refuse(clock: str, given: Sequence[str | None], processes: int) -> NoReturn:
    """Name the first timestamp that does not fit so many processes."""
    width = _width(clock, processes)
    wrong = (
        (row, text)
        for row, text in enumerate(given, 1)
        if text is not None and len(text.replace("/", ".").split(".")) != width
    )
    row, text = next(wrong, (1, str(given[0])))
    raise UnreadableError(
        f"event {row}: the {clock} timestamp {text[:40]} has not {width} numbers, as "
        f"it must have for {processes} processes"
    )


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
    given = [str(text) for text in texts if not is_empty(text)]
    if any("/" in text for text in given):
        return "matrix"
    if all(text.count(".") == 1 for text in given):
        large = all(int(text.split(".")[0] or 0) >= HYBRID_NS_MIN for text in given)
        return "hybrid" if processes != 2 or large else "vector"
    return "vector"
