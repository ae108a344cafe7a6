"""What parts the executions of a log where nobody has said it.

`=== Execution #1 ===`, as GoVector writes it, always does. Any other line of the form
`=== name ===` (or with `-`, `#`, `*`, `~`) may as well be a heading within one
execution. So such lines separate executions only if they match nothing else, and every
process that has events on both sides begins to count anew after each of them: its
first clock there is not above its last one before. That cannot be one execution, in
which clocks rise. Of several files all must have the same names. Such lines that stand
at the end alone begin nothing.

The limit: an execution that shares no process with those before it is not known as
one. Then a remark asks for `--delimiter`.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from driftlab.foreign import fields
from driftlab.foreign.clock_values import ClockError, read_clock
from driftlab.foreign.records import LabelledRecords, Records, UnmatchedText
from driftlab.foreign.unmatched import Heading, headings_in, unmatched_text

EXECUTION: Final = r"^(?:-?\d+[ \t]*\n)?[ \t]*=== Execution #(?<trace>.*?) *===[ \t]*$"
EXECUTION_WORDS: Final = "=== Execution #"  # in each of these lines

File = Sequence[LabelledRecords]


def split_at_headings(files: Sequence[File]) -> list[File]:
    """Return the executions of each file, split at lines like `=== name ===` where they do.

    `files`: the executions of each; only a file that is one can be split.
    """
    headings = [
        list(headings_in(file[0].records.unread)) if len(file) == 1 else [] for file in files
    ]
    if not any(map(_has_record_after, files, headings)):
        return list(files)  # they end the log, and begin nothing
    marks = dict.fromkeys(each.mark for every in headings for each in every)
    for chosen in ([*marks], *([mark] for mark in marks)) if marks else ():
        of_files = [[each for each in every if each.mark in chosen] for every in headings]
        split = [
            _split(file[0].records, every) if every else file
            for file, every in zip(files, of_files, strict=True)
        ]
        if _are_executions(split):
            return split
    return list(files)


def _has_record_after(file: File, headings: Sequence[Heading]) -> bool:
    """Whether a record follows the first heading of a file."""
    lines = file[-1].records.lines
    return bool(len(headings) and len(lines) and lines[-1] > headings[0].line)


def _split(records: Records, headings: Sequence[Heading]) -> File:
    """Return the records of one file before its first heading, and those after each."""
    lines = [each.line for each in headings]
    cuts = np.searchsorted(records.lines, lines).tolist()
    bounds = list(zip([0, *cuts], [*cuts, len(records.lines)], strict=True))
    unread = _unread_between(records.unread, lines)
    assumed = list(records.assumed)
    if sum(high > low for low, high in bounds) > 1:
        assumed.append(
            f"lines like {_shown(headings[0])} separate executions: clocks begin anew there"
        )
    parts = []
    for label, (low, high), left in zip(
        ["", *(each.name for each in headings)], bounds, unread, strict=True
    ):
        values = {name: column[low:high] for name, column in records.fields.items()}
        part = Records(
            values, records.lines[low:high], records.file[low:high], records.files, left, assumed,
        )  # fmt: skip
        parts.append(LabelledRecords(label, part))
    return parts


def _shown(heading: Heading) -> str:
    return " ".join([heading.mark * 3, heading.name, heading.mark * 3])


def _unread_between(
    unread: Sequence[UnmatchedText], headings: Sequence[int]
) -> list[list[UnmatchedText]]:
    """Return what is unread before the first of some lines, and after each, without them."""
    parts: list[list[UnmatchedText]] = [[] for _ in range(len(headings) + 1)]
    left_out = set(headings)
    for each in unread:
        first, after = np.searchsorted(headings, [each.line, _last_line(each) + 1]).tolist()
        if first == after:
            parts[first].append(each)
            continue
        for line, text in _without_lines(each, left_out):
            parts[int(np.searchsorted(headings, line))].append(unmatched_text(line, text))
    return parts


def _last_line(each: UnmatchedText) -> int:
    return each.line + (each.text or "").count("\n")


def _without_lines(each: UnmatchedText, left_out: set[int]) -> list[tuple[int, str]]:
    """Return the pieces of a stretch between some of its lines: the first line, and the text."""
    pieces: list[tuple[int, list[str]]] = []
    is_open = False
    for number, line in enumerate((each.text or "").split("\n"), each.line):
        is_blank = not line or line.isspace()
        if number in left_out or (is_blank and not is_open):
            is_open = is_open and number not in left_out
        elif is_open:
            pieces[-1][1].append(line)
        else:
            pieces.append((number, [line]))
            is_open = True
    return [(number, "\n".join(lines).strip()) for number, lines in pieces]


# Whether they are executions.


def _are_executions(files: Sequence[File]) -> bool:
    """Whether clocks begin anew in every part, and the files have the same parts."""
    holding = [file for file in files if any(len(each.records.lines) for each in file)]
    if len(holding) > 1 and len({tuple(each.label for each in file) for file in holding}) > 1:
        return False
    return all(_begin_anew([each.records for each in file]) for file in holding)


def _begin_anew(parts: Sequence[Records]) -> bool:
    """Whether each part has a process of those before it, and all these begin to count anew."""
    ended: dict[str, int | None] = {}
    for part in parts:
        if not len(part.lines):
            continue
        span = _clocks_at_ends(part)
        before = [(clock, ended[host]) for host, (clock, _) in span.items() if host in ended]
        if ended and not before:
            return False
        if any(now is None or last is None or now > last for now, last in before):
            return False
        ended |= {host: last for host, (_, last) in span.items()}
    return True


def _clocks_at_ends(records: Records) -> dict[str, tuple[int | None, int | None]]:
    """Return each process's own clock at its first and its last record."""
    known, _ = fields.known_fields(records.fields)
    hosts = fields.hosts(known["host"])
    clocks = [known[name] for name in ("vector", "clock", "lamport") if name in known]
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for row, host in enumerate(hosts):
        first.setdefault(host, row)
        last[host] = row
    return {
        host: (_own_clock(clocks, host, first[host]), _own_clock(clocks, host, last[host]))
        for host in first
    }


def _own_clock(clocks: Sequence[Sequence[Any]], host: str, row: int) -> int | None:
    """Return what a record counts for its own process: its vector's entry, or its Lamport clock."""
    for column in clocks:
        try:
            clock = read_clock(column[row])
        except ClockError:
            continue
        if clock is not None:
            return clock if isinstance(clock, int) else clock.get(host)
    return None
