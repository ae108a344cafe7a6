"""Where an event of a process may be missing from a log, since something there gave no event.

A record that cannot be read but names its process is missing there, and nowhere
else. Text that matched nothing may be an event of any process that has events
before and after it in the same file; a line that begins with a process's name
only of that process; in a file of one process, of that.

*No event missing.* Text that matched nothing is no event of a process whose events before
and after it are counted as n and n + 1: another event between them would have been
counted too. What counts is the own entry of a vector or matrix clock, and the
number of the tick; all that the log has must agree. A Lamport clock counts only
where there is neither, and not at a receive, which is known to go wrong (a program
that only takes the greater of clock and stamp does not count it).

The limit: this rests on counters that are judged later. An event that was not
counted, and could not be read, is not missed: its line is reported as unread.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.clocks.catalogue import CLOCKS
from driftlab.foreign.records import UnmatchedText
from driftlab.lazy import lazy_pattern
from driftlab.model.columns import MISSING, NOBODY, RECEIVE, Columns, Timestamps

_FIRST_WORD: Final = lazy_pattern(
    r"^[\s\"'{}()\[\],;=<>|:]*(?P<word>[^\s\"'{}()\[\],;=<>|:]+)?", re.MULTILINE
)


class Rows(NamedTuple):
    """The rows of a trace: the names of its processes, where each one's rows begin, what they hold.

    columns: with `file` and `line`.
    """

    names: Sequence[str]
    starts: IntArray
    columns: Columns
    timestamps: Timestamps | None

    @property
    def process(self) -> IntArray:
        """The position of the process of each row."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


def gaps_of(unmatched: Sequence[UnmatchedText], rows: Rows) -> IntArray:
    """Return the rows, rising, before which an event of the same process may be missing, i8.

    `unmatched`: what gave no event.
    """
    file, line = rows.columns.file, rows.columns.line
    if not unmatched or file is None or line is None or not len(line):
        return np.zeros(0, np.int64)
    # A place is a file and a line in one number.
    span = int(max(line.max(), max(each.line for each in unmatched))) + 2
    places = file.astype(np.int64) * span + line
    position = {name: number for number, name in enumerate(rows.names)}
    missing: dict[int, list[int]] = {}  # of each process: where a record of it is missing
    maybe_missing: dict[int, list[int]] = {}  # and where one may be
    anybodys: list[int] = []
    process_of_file = _processes_of_files(rows.process, file)
    for each in unmatched:
        place = each.file * span + each.line
        if each.host is not None:
            if each.host in position:
                missing.setdefault(position[each.host], []).append(place)
        elif each.text is not None:
            processes = _processes_named(each, position, process_of_file)
            if processes is None:
                anybodys.append(place)
            else:
                for process in processes:
                    maybe_missing.setdefault(process, []).append(place)
    maybe = set(_rows_after_any(anybodys, rows.starts, places, file).tolist())
    for process, at in maybe_missing.items():
        maybe |= _rows_after(at, process, rows.starts, places, span, needs_before=True)
    gaps = _with_room(np.array(sorted(maybe), np.int64), rows)
    sure: set[int] = set()
    for process, at in missing.items():
        sure |= _rows_after(at, process, rows.starts, places, span, needs_before=False)
    return np.union1d(gaps, np.array(sorted(sure), np.int64))


def _processes_named(
    each: UnmatchedText, position: Mapping[str, int], process_of_file: Mapping[int, int]
) -> set[int] | None:
    """Return the processes that a text belongs to: its file's, or those that its lines begin with.

    None: any. A line that begins with no name belongs to the line above. A name
    further on may be a peer's, as in `receive from B`.
    """
    if each.file in process_of_file:
        return {process_of_file[each.file]}
    words = _first_words(each.text or "")
    first = next(words, "")
    if first not in position:
        return None
    return {position[first], *(position[word] for word in words if word in position)}


def _first_words(text: str) -> Iterator[str]:
    """Yield the first word of each line, empty where it has none."""
    for found in _FIRST_WORD.finditer(text):
        yield found["word"] or ""


def _processes_of_files(process: IntArray, file: IntArray) -> dict[int, int]:
    """Return the process of each file all of whose records are one process's."""
    found = {}
    for number in np.unique(file).tolist():
        inside = np.unique(process[file == number])
        if len(inside) == 1:
            found[int(number)] = int(inside[0])
    return found


def _rows_after(
    missing: Sequence[int], process: int, starts: IntArray, places: IntArray, span: int,
    *, needs_before: bool,
) -> set[int]:  # fmt: skip
    """Return the row of a process that comes next after each place, in the same file.

    `needs_before`: only where a row of it in this file comes before the place too.
    """
    low, high = int(starts[process]), int(starts[process + 1])
    order = np.argsort(places[low:high], kind="stable")
    own = places[low:high][order]
    found = set()
    for place, after in zip(missing, np.searchsorted(own, missing).tolist(), strict=True):
        file = place // span
        has_before = after > 0 and own[after - 1] // span == file
        has_after = after < len(own) and own[after] // span == file
        if has_after and (has_before or not needs_before):
            found.add(low + int(order[after]))
    return found


def _rows_after_any(
    anybodys: Sequence[int], starts: IntArray, places: IntArray, file: IntArray
) -> IntArray:
    """Return the rows that such a place separates from the row before, in the same file."""
    if not anybodys:
        return np.zeros(0, np.int64)
    before = np.searchsorted(np.sort(np.array(anybodys, np.int64)), places)
    is_after = (before[1:] > before[:-1]) & (file[1:] == file[:-1])
    rows = np.flatnonzero(is_after) + 1
    return rows[~np.isin(rows, starts)]


# Whether there is room for an event.


def _with_room(after: IntArray, rows: Rows) -> IntArray:
    """Return those of some rows between which and the row before there may be another event.

    `after`: rows, none of them the first of its process.
    """
    if not len(after):
        return after
    counters = [_own_entries(rows), rows.columns.tick]
    known = np.zeros(len(after), bool)
    follows = np.ones(len(after), bool)
    for counter in counters:
        if counter is not None:
            is_counted, is_next = _steps(counter, after)
            known |= is_counted
            follows &= is_next | ~is_counted
    if rows.columns.clock is not None:
        is_counted, is_next = _steps(rows.columns.clock, after)
        follows = np.where(known, follows, is_next & ~_is_receive(rows.columns, after))
        known |= is_counted
    room: IntArray = after[~(known & follows)]
    return room


def _steps(counter: IntArray, after: IntArray) -> tuple[BoolArray, BoolArray]:
    """Return whether a counter has values at some rows and the rows before, and steps by one."""
    now, before = counter[after], counter[after - 1]
    is_counted = (now != MISSING) & (before != MISSING)
    return is_counted, is_counted & (now == before + 1)


def _is_receive(columns: Columns, rows: IntArray) -> BoolArray:
    """Whether an event received a message, as its log says."""
    received: BoolArray = columns.kind[rows] == RECEIVE
    return received if columns.sender is None else received | (columns.sender[rows] != NOBODY)


def _own_entries(rows: Rows) -> IntArray | None:
    """Return the entry of each row's own process in its timestamp, i8, MISSING where it has none.

    None where the timestamps do not count events.
    """
    held = rows.timestamps
    if held is None or not CLOCKS[held.clock].counts_events:
        return None
    process = rows.process
    has_rows = CLOCKS[held.clock].shape(len(rows.names))[0] > 1
    entry = process * (len(rows.names) + 1) if has_rows else process
    row = np.repeat(np.arange(len(process)), np.diff(held.starts))
    is_own = held.entries == entry[row]
    found = np.full(len(process), MISSING, np.int64)
    found[row[is_own]] = held.values[is_own]
    return found
