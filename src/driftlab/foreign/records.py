"""What every format is read into first: a value a field and record, in the file's order.

What matched nothing is kept as stretches, with what is known of whose they may
be, since an event may be missing there.

Where an event of a process may be missing: what could not be read lies before the next one.

A stretch that matched nothing may be an event of any process that has events
before and after it in the same file; if it begins with the name of a process,
only of that; in a file of one process it is of that. A record whose process is
known is missing there alone.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.foreign.log_file import Text
from driftlab.foreign.patterns import PatternMatches
from driftlab.model.columns import Array

SHOWN_CHARS_MAX: Final = 60  # of a stretch, in its reason


class UnmatchedText(NamedTuple):
    """Lines that gave no event: the file's number, the first line, why, and whose they may be.

    text: what stands there, where it could be anybody's event. host: whose
    event it is, if that is known. Both None: it is nobody's event.
    """

    file: int
    line: int
    reason: str
    text: str | None = None
    host: str | None = None


class Records(NamedTuple):
    """Records as columns, each as long as `lines`.

    lines i8: of each record, in the file that file i4 says. files: their names.
    """

    fields: dict[str, list[Any]]
    lines: Array
    file: Array
    files: list[str]
    unread: list[UnmatchedText]


def find_records(text: Text, match: PatternMatches, begin: int = 0, end: int = -1) -> Records:
    """Return what patterns found in a text, between two places, and what they did not."""
    end = len(text.text) if end < 0 else end
    starts = np.array(match.starts, np.int64)
    lines = text.line_of(starts)
    low, high = (int(text.line_of(np.array([place]))[0]) for place in (begin, end))
    unread = [
        UnmatchedText(0, one.line, one.reason, "") for one in text.unread if low <= one.line <= high
    ]
    unread += unmatched_texts(text, match, begin, end)
    file = np.zeros(len(starts), np.int32)
    return Records(dict(match.groups), lines, file, [text.name], unread)


def unmatched_texts(text: Text, match: PatternMatches, begin: int, end: int) -> list[UnmatchedText]:
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
            found.append(UnmatchedText(0, line, _reason(inner), inner))
    return found


def _reason(inner: str) -> str:
    lines = inner.count("\n") + 1
    first = inner[: inner.find("\n")] if lines > 1 else inner
    shown = first if len(first) <= SHOWN_CHARS_MAX else f"{first[:SHOWN_CHARS_MAX]}…"
    return f"matches nothing: {shown}" if lines == 1 else f"{lines} lines match nothing: {shown} …"


def concatenate_records(parts: Sequence[Records]) -> Records:
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
    return Records(
        fields,
        np.concatenate([part.lines for part in parts]),
        np.concatenate(numbered),
        files,
        unread,
    )


_WORD: Final = re.compile(r"[^\s\"'{}()\[\],;=<>|:]+")


def gaps_of(
    unmatched: Sequence[UnmatchedText],
    names: Sequence[str],
    starts: Array,
    file: Array,
    line: Array,
) -> Array:
    """Return rows, rising, before which something of the same process may be missing."""
    if not unmatched or not len(line):
        return np.zeros(0, np.int64)
    # A place is a file and a line in one number.
    span = int(max(line.max(), max(each.line for each in unmatched))) + 2
    places = file.astype(np.int64) * span + line
    numbers = {name: number for number, name in enumerate(names)}
    own: dict[int, list[int]] = {}  # of each process: places where a record of it is missing
    maybe: dict[int, list[int]] = {}  # and where one may be
    anybody: list[int] = []
    alone = _lone_processes(starts, file)
    for each in unmatched:
        place = each.file * span + each.line
        if each.host is not None:
            if each.host in numbers:
                own.setdefault(numbers[each.host], []).append(place)
        elif each.text is not None:
            named = _processes_named(each, numbers, alone)
            for process in named:
                maybe.setdefault(process, []).append(place)
            if not named:
                anybody.append(place)
    holes: set[int] = set(_between(anybody, starts, places, file).tolist())
    for process, missing in own.items():
        holes |= _after(missing, process, starts, places, span, needs_before=False)
    for process, missing in maybe.items():
        holes |= _after(missing, process, starts, places, span, needs_before=True)
    return np.array(sorted(holes), np.int64)


def _processes_named(
    each: UnmatchedText, numbers: Mapping[str, int], alone: Mapping[int, int]
) -> set[int]:
    """Return the process of which a stretch is: whose name it begins with, or whose file it is in.

    A name further on may be that of a peer, `receive from B`.
    """
    if each.file in alone:
        return {alone[each.file]}
    first = _WORD.search(each.text or "")
    return {numbers[first[0]]} if first and first[0] in numbers else set()


def _lone_processes(starts: Array, file: Array) -> dict[int, int]:
    """Return the files all of whose records are of one process, and which that is."""
    process = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    alone = {}
    for number in np.unique(file).tolist():
        inside = np.unique(process[file == number])
        if len(inside) == 1:
            alone[int(number)] = int(inside[0])
    return alone


def _after(
    missing: Sequence[int], process: int, starts: Array, places: Array, span: int,
    *, needs_before: bool,
) -> set[int]:  # fmt: skip
    """Return the row of a process that comes next after each place, in the same file."""
    low, high = int(starts[process]), int(starts[process + 1])
    order = np.argsort(places[low:high], kind="stable")
    mine: Array = places[low:high][order]
    found = set()
    for place, after in zip(missing, np.searchsorted(mine, missing).tolist(), strict=True):
        file = place // span
        before_too = after > 0 and mine[after - 1] // span == file
        is_there = after < len(mine) and mine[after] // span == file
        if is_there and (before_too or not needs_before):
            found.add(low + int(order[after]))
    return found


def _between(anybody: Sequence[int], starts: Array, places: Array, file: Array) -> Array:
    """Return rows that have a stretch between them and the row before, in the same file."""
    if not anybody:
        return np.zeros(0, np.int64)
    before: Array = np.searchsorted(np.sort(np.array(anybody, np.int64)), places)
    is_after: Array = (before[1:] > before[:-1]) & (file[1:] == file[:-1])
    rows: Array = np.flatnonzero(is_after) + 1
    return rows[~np.isin(rows, starts)]
