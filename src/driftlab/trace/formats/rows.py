"""What every format is read into first: a value a field and record, in the file's order.

What matched nothing is kept as stretches, with what is known of whose they may
be, since an event may be missing there.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.trace.formats.patterns import Match
from driftlab.trace.formats.text import Text
from driftlab.trace.trace_columns import Array

SHOWN_CHARS_MAX: Final = 60  # of a stretch, in its reason


class Stretch(NamedTuple):
    """Lines that gave no event: the file's number, the first line, why, and whose they may be.

    text: what stands there, where it could be anybody's event. host: whose
    event it is, if that is known. Both None: it is nobody's event.
    """

    file: int
    line: int
    reason: str
    text: str | None = None
    host: str | None = None


class Rows(NamedTuple):
    """Records as columns, each as long as `lines`.

    lines i8: of each record, in the file that file i4 says. files: their names.
    """

    fields: dict[str, list[Any]]
    lines: Array
    file: Array
    files: list[str]
    unread: list[Stretch]


def rows_of(text: Text, match: Match, begin: int = 0, end: int = -1) -> Rows:
    """Return what patterns found in a text, between two places, and what they did not."""
    end = len(text.text) if end < 0 else end
    starts = np.array(match.starts, np.int64)
    lines = text.line_of(starts)
    low, high = (int(text.line_of(np.array([place]))[0]) for place in (begin, end))
    unread = [
        Stretch(0, one.line, one.reason, "") for one in text.unread if low <= one.line <= high
    ]
    unread += stretches(text, match, begin, end)
    file = np.zeros(len(starts), np.int32)
    return Rows(dict(match.groups), lines, file, [text.name], unread)


def stretches(text: Text, match: Match, begin: int, end: int) -> list[Stretch]:
    """Return what stands between records and is not blank."""
    lows = np.concatenate([[begin], np.array(match.ends, np.int64)])
    highs = np.concatenate([np.array(match.starts, np.int64), [end]])
    found = []
    for gap in np.flatnonzero(highs - lows > 1).tolist():
        low, high = int(lows[gap]), int(highs[gap])
        between = text.text[low:high]
        inner = between.strip()
        if inner:
            place = low + between.index(inner[0])
            line = int(text.line_of(np.array([place]))[0])
            found.append(Stretch(0, line, _reason(inner), inner))
    return found


def _reason(inner: str) -> str:
    lines = inner.count("\n") + 1
    first = inner[: inner.find("\n")] if lines > 1 else inner
    shown = first if len(first) <= SHOWN_CHARS_MAX else f"{first[:SHOWN_CHARS_MAX]}…"
    return f"matches nothing: {shown}" if lines == 1 else f"{lines} lines match nothing: {shown} …"


def joined(parts: Sequence[Rows]) -> Rows:
    """Put the records of several files, or pieces of one, one after the other."""
    if len(parts) == 1:
        return parts[0]
    names = list(dict.fromkeys(name for part in parts for name in part.fields))
    files = list(dict.fromkeys(name for part in parts for name in part.files))
    place = {name: number for number, name in enumerate(files)}
    fields: dict[str, list[Any]] = {name: [] for name in names}
    for part in parts:
        for name in names:
            fields[name] += part.fields.get(name) or [None] * len(part.lines)
    numbered = [
        np.array([place[name] for name in part.files], np.int32)[part.file] for part in parts
    ]
    unread = [
        stretch._replace(file=place[part.files[stretch.file]])
        for part in parts
        for stretch in part.unread
    ]
    return Rows(
        fields,
        np.concatenate([part.lines for part in parts]),
        np.concatenate(numbered),
        files,
        unread,
    )
