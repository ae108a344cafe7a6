"""Timestamps of further clocks in a table, as their clocks write them: numbers and dots."""

from collections.abc import Sequence
from typing import Any, Final

from driftlab.trace.files import UnreadableError
from driftlab.trace.formats.fields import is_empty
from driftlab.trace.timestamps import from_texts
from driftlab.trace.trace import Timestamps

FURTHER: Final = ("vector", "matrix", "hybrid")
HYBRID_NS_MIN: Final = 10**12  # of two numbers, the first is a time above this


def further(clock: str, texts: Sequence[Any], processes: int) -> Timestamps:
    """Read timestamps in the order of the rows. Raises UnreadableError."""
    given = [None if is_empty(text) else str(text) for text in texts]
    width = {"vector": processes, "matrix": processes**2, "hybrid": 2}[clock]
    for row, text in enumerate(given):
        if text is not None and len(text.replace("/", ".").split(".")) != width:
            raise UnreadableError(
                f"event {row + 1}: the {clock} timestamp {text[:40]} has not {width} numbers, as "
                f"it must have for {processes} processes"
            )
    try:
        return from_texts(clock, given)
    except (ValueError, OverflowError):
        raise UnreadableError(f"a {clock} timestamp holds what is no number") from None


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
