"""Timestamps of further clocks in a table, as their clocks write them: numbers and dots."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.foreign.fields import RowErrors, is_empty
from driftlab.model.columns import Timestamps, from_texts

DOTTED_CLOCKS: Final = ("vector", "matrix", "hybrid")
HYBRID_NS_MIN: Final = 10**12  # of two numbers, the first is a time above this
DIGITS_MAX: Final = 19  # of a number of 64 bits

_NUMBERS: Final = re.compile(r"-?[0-9]+(?:[./]-?[0-9]+)*")
_DIGITS: Final = re.compile(r"[0-9]+")
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
            bad[row] = f"the {clock} timestamp {_shown(text)} is not whole numbers parted by dots"
        texts.append(text if row not in bad else None)
    return SplitTimestamps(texts, bad)


def _is_numbers(text: str) -> bool:
    if not _NUMBERS.fullmatch(text):
        return False
    return len(text) < DIGITS_MAX or all(
        len(number) <= DIGITS_MAX and int(number) < 2**63 for number in _DIGITS.findall(text)
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
        row: f"the {clock} timestamp {_shown(text or '')} has {width} numbers, not {fit}, as "
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
            f"the {clock} timestamp {_shown(first or '')} is of "
            f"{len(names)} processes, and in which order is not known",
        )
    return _placed(from_texts(clock, texts), order, len(names))


def _numbers_in(text: str) -> int:
    return 1 + text.count(".") + text.count("/")


def _shown(text: str) -> str:
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
