"""Any log of text: a pattern says where records are and what they tell, another parts executions.

The rooms of ShiViz, TSViz and GoVector are this with patterns of their own.
Without a group `host` a folder must hold a file for each process: the file's
name, without its last suffix, is the process's.
"""

from collections.abc import Sequence
from pathlib import Path
from re import Pattern

from driftlab.foreign.log_file import Text, process_of, read_text
from driftlab.foreign.options import Execution, ReadOptions
from driftlab.foreign.patterns import (
    PatternTimeError,
    check_useful,
    compile_pattern,
    delimiters,
    find,
)
from driftlab.foreign.records import Records, UnmatchedText, concatenate_records, find_records
from driftlab.foreign.trace_builder import build_trace
from driftlab.journal.files import UnreadableError


def read(paths: Sequence[Path], asked: ReadOptions) -> list[Execution]:
    """Read files of one log by the patterns asked for. Raises DriftlabError."""
    if not asked.patterns:
        raise UnreadableError(
            f"{paths[0]}: say how a line is to be read: --pattern '(?<host>\\S+) (?<event>.*)'"
        )
    patterns = [compile_pattern(pattern) for pattern in asked.patterns]
    check_useful(patterns, has_host=len(paths) > 1)
    delimiter = None if asked.delimiter is None else compile_pattern(asked.delimiter)
    files = [
        pieces_of(
            read_text(path, asked.encoding), patterns, delimiter, default_host=process_of(path)
        )
        for path in paths
    ]
    return executions_of(files, asked)


def pieces_of(
    text: Text,
    patterns: Sequence[Pattern[str]],
    delimiter: Pattern[str] | None,
    *,
    begin: int = 0,
    default_host: str = "",
) -> list[tuple[str, Records]]:
    """Return a file's records, each execution with its label. `begin`: where the log begins."""
    try:
        marks = [] if delimiter is None else [
            mark for mark in delimiters(delimiter, text.text) if mark[0] >= begin
        ]  # fmt: skip
        lows = [begin, *(mark[1] for mark in marks)]
        highs = [*(mark[0] for mark in marks), len(text.text)]
        labels = ["", *(mark[2] for mark in marks)]
        pieces, before = [], list[UnmatchedText]()
        for low, high, label in zip(lows, highs, labels, strict=True):
            if marks and not text.text[low:high].strip():
                continue  # nothing before the first delimiter, or after the last
            rows = find_records(text, find(patterns, text.text, low, high), low, high)
            if marks and low == begin and not len(rows.lines):
                before = list(rows.unread)  # no execution: it comes before the first
                continue
            rows, before = rows._replace(unread=[*before, *rows.unread]), []
            pieces.append((label, _with_host(rows, default_host)))
    except PatternTimeError as error:
        raise PatternTimeError(f"{text.name}: {error}") from None
    return pieces


def _with_host(rows: Records, default: str) -> Records:
    if "host" in rows.fields:
        return rows
    return rows._replace(fields={**rows.fields, "host": [default] * len(rows.lines)})


def executions_of(
    files: Sequence[Sequence[tuple[str, Records]]], asked: ReadOptions
) -> list[Execution]:
    """Build the traces: the first pieces of all files are one execution, the second the next.

    Raises UnreadableError where no record was found at all.
    """
    executions = []
    for number in range(max(map(len, files), default=0)):
        parts = [pieces[number] for pieces in files if number < len(pieces)]
        rows = concatenate_records([rows for _, rows in parts])
        if len(rows.lines) or len(files) == 1:
            executions.append(Execution(parts[0][0], build_trace(rows, asked.time_unit)))
    if not any(len(each.trace) for each in executions):
        raise UnreadableError(_nothing(files, executions))
    return [each for each in executions if len(each.trace) or each.trace.unread]


def _nothing(
    files: Sequence[Sequence[tuple[str, Records]]], executions: Sequence[Execution]
) -> str:
    told = [one for each in executions for one in each.trace.unread]
    if told:
        one = min(told, key=lambda each: each.line)
        return f"{one.file}: no record could be read; line {one.line}: {one.reason}"
    rows = [rows for pieces in files for _, rows in pieces]
    name = rows[0].files[0] if rows else "the log"
    unread = [one for each in rows for one in each.unread]
    if not unread:
        return f"{name}: empty"
    first = min(unread, key=lambda stretch: stretch.line)
    return (
        f"{name}: no record could be read; line {first.line} {first.reason}. "
        "See docs/formats.md, --format and --pattern"
    )
