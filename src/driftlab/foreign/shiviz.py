"""ShiViz: vector clocks as JSON, found by a regular expression that the file itself may carry.

A file for the viewer begins with two lines, the pattern of a record and that of
the delimiter between executions (empty where there is one), then comes the log.
A file without them is read by the forms that the vector clock libraries write.
Of the rest of an event the format holds what further groups tell; we write
such groups for every column, so that nothing but the lines' numbers is lost.

TSViz: ShiViz with the physical time of every event, in the group `timestamp`.

The viewer asks for the unit of the times; so do we (`--time-unit`, else
nanoseconds). We write nanoseconds.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from driftlab.foreign.log_file import Text, head_of, read_text
from driftlab.foreign.options import Execution, ReadOptions, UnwritableError
from driftlab.foreign.patterns import compile_pattern, find
from driftlab.foreign.records import Records
from driftlab.foreign.text_columns import TextColumns, escape_delimiter, one_line, write_text
from driftlab.foreign.text_log import executions_of, pieces_of
from driftlab.journal.files import UnreadableError

CLOCK_FIRST: Final = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)"
EVENT_FIRST: Final = r"(?<event>.*)\n(?<host>\S*) (?<clock>{.*})"
ON_ONE_LINE: Final = r"^(?<host>\S+) (?<clock>{[^{}\n]*}) (?<event>.+)"
NEEDED: Final = ("host", "clock", "event")
DELIMITER: Final = r"^=== (?<trace>.*) ===$"
HEADER_CHARS: Final = 10_000  # in which a record may follow the first line

_HEADER: Final = re.compile(r"\(\?P?<(?:host|clock|event)>")
_CLOCK_LINE: Final = re.compile(r"\S* \{[^\n]*\}\s*$")
_WHOLE_LINE: Final = re.compile(r"\S+ \{[^{}\n]*\} \S")


def has_header(head: str) -> bool:
    """Whether a text begins with the pattern of its records."""
    return bool(_HEADER.search(head.partition("\n")[0]))


def default_pattern(text: str) -> str:
    """Return the pattern for a log that carries none, by its first line."""
    first = text.lstrip().partition("\n")[0]
    if _CLOCK_LINE.match(first):
        return CLOCK_FIRST
    return ON_ONE_LINE if _WHOLE_LINE.match(first) else EVENT_FIRST


def read(
    paths: Sequence[Path], asked: ReadOptions, needed: Sequence[str] = NEEDED
) -> list[Execution]:
    """Read files as ShiViz does. Raises DriftlabError."""
    files = [_pieces(read_text(path, asked.encoding), asked, needed) for path in paths]
    return executions_of(files, asked)


def _pieces(text: Text, asked: ReadOptions, needed: Sequence[str]) -> list[tuple[str, Records]]:
    if not text.text.strip():
        raise UnreadableError(f"{text.name}: empty")
    patterns, delimiter, begin = list(asked.patterns), asked.delimiter, 0
    if has_header(text.text):
        first, second, begin = _header(text.text)
        patterns = patterns or [first]
        if second and _is_record(patterns[0], text.text, len(text.text.partition("\n")[0]) + 1):
            second, begin = "", len(text.text.partition("\n")[0]) + 1  # the header is one line
        delimiter = delimiter or second
    if not patterns:
        patterns = [default_pattern(text.text)]
    found = [compile_pattern(pattern, needed) for pattern in patterns]
    return pieces_of(text, found, compile_pattern(delimiter) if delimiter else None, begin=begin)


def _header(text: str) -> tuple[str, str, int]:
    """Return the two patterns of the header, and where the log begins."""
    lines = [*text.split("\n", 2), "", ""]
    begin = min(len(lines[0]) + len(lines[1]) + 2, len(text))
    return lines[0].strip(), lines[1].strip(), begin


def _is_record(pattern: str, text: str, place: int) -> bool:
    """Whether a record begins at a place; a delimiter is a pattern itself, and no record."""
    found = find([compile_pattern(pattern)], text, place, min(len(text), place + HEADER_CHARS))
    return found.starts[:1] == [place]


def write(executions: Sequence[Execution], path: Path) -> None:
    """Write executions into one file that the viewer opens. Raises UnwritableError."""
    write_text(path, log_of(executions, "shiviz"))


def log_of(executions: Sequence[Execution], name: str, *, is_timed: bool = False) -> list[str]:
    """Return the lines of a log with its header; `is_timed`: each record begins with its time."""
    written = [TextColumns(each.trace, name) for each in executions]
    columns = list(dict.fromkeys(key for each in written for key in each.extra(is_timed)))
    groups = " ".join(["(?<host>\\S*) (?<clock>{.*})", *(f"(?<{key}>\\S*)" for key in columns)])
    stamp = "(?<timestamp>-?\\d*) " if is_timed else ""
    many = len(executions) > 1
    lines = [f"{stamp}{groups}\\n(?<event>.*)", DELIMITER if many else "", ""]
    for number, (each, execution) in enumerate(zip(written, executions, strict=True), 1):
        if many:
            lines.append(f"=== {one_line(execution.label) or number} ===")
        records = _records(each, columns, is_timed=is_timed)
        lines += [_apart(record) for record in records] if many else records
    return lines


def _apart(record: str) -> str:
    """Return a record whose text cannot be taken for the line between two executions."""
    head, _, text = record.partition("\n")
    return f"{head}\n{escape_delimiter(DELIMITER, text)}"


def _records(written: TextColumns, columns: Sequence[str], *, is_timed: bool) -> list[str]:
    hosts, clocks, texts = written.hosts(), written.clocks(), written.events()
    extra = written.extra(is_timed)
    nothing = ["-"] * len(hosts)
    held = [extra.get(key, nothing) for key in columns]
    times = [f"{time} " for time in written.times()] if is_timed else [""] * len(hosts)
    more = [" ".join(["", *row]) for row in zip(*held, strict=True)] if held else [""] * len(hosts)
    return [
        f"{time}{host} {clock}{rest}\n{text}"
        for time, host, clock, rest, text in zip(times, hosts, clocks, more, texts, strict=True)
    ]


TIMED_CLOCK_FIRST = r"^(?<timestamp>-?\d+) (?<host>\S*) (?<clock>{.*})\n(?<event>.*)"
TIMED_EVENT_FIRST = r"^(?<timestamp>-?\d+) (?<event>.*)\n(?<host>\S*) (?<clock>{.*})"
TIMED_NEEDED = ("timestamp", *NEEDED)


def read_tsviz(paths: Sequence[Path], asked: ReadOptions) -> list[Execution]:
    """Read files as TSViz does. Raises DriftlabError."""
    head = head_of(paths[0], asked.encoding)
    if not asked.patterns and not has_header(head):
        first = head.lstrip().partition("\n")[0].rstrip()
        asked = asked._replace(
            patterns=(TIMED_CLOCK_FIRST if first.endswith("}") else TIMED_EVENT_FIRST,)
        )
    return read(paths, asked, TIMED_NEEDED)


def write_tsviz(executions: Sequence[Execution], path: Path) -> None:
    """Write executions into one file that the viewer opens. Raises UnwritableError."""
    for each in executions:
        if len(each.trace) and not TextColumns(each.trace, "tsviz").has_times():
            raise UnwritableError("tsviz: the log has no times to write")
    write_text(path, log_of(executions, "tsviz", is_timed=True))
