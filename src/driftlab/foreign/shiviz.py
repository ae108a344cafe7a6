"""ShiViz and TSViz: vector clocks as JSON, found by a pattern that the file may carry itself.

A file for the viewer begins with two lines, the pattern of a record and that of
the delimiter between executions (empty where there is one execution); then comes
the log. A file without them is read in the layouts that vector clock libraries
write (`layouts`). The format holds what the pattern's groups hold; we write a group for
every column, so that nothing but line numbers is lost.

TSViz is ShiViz with the physical time of every event, in the group `timestamp`.
The viewer asks for the unit of the times, and so do we (`--time-unit`, else
nanoseconds). We write nanoseconds.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from driftlab.foreign.delimiters import split_at_headings
from driftlab.foreign.fields import field_of
from driftlab.foreign.layouts import ABOVE, BELOW, BESIDE, HEAD_CHARS, Layout, read_by_layout
from driftlab.foreign.log_file import LogFile, ReadOptions, Text
from driftlab.foreign.records import LabelledRecords
from driftlab.foreign.text_columns import (
    NONE,
    TextColumns,
    UnwritableError,
    escape_delimiter,
    one_line,
    write_text,
)
from driftlab.foreign.text_log import compile_pattern, find, find_executions
from driftlab.foreign.trace_builder import Execution, build_executions
from driftlab.lazy import lazy_pattern

NEEDED: Final = ("host", "clock", "event")
TIMED_NEEDED: Final = ("timestamp", *NEEDED)
FIELDS: Final = frozenset(NEEDED)
DELIMITER: Final = r"^=== (?<trace>.*) ===$"
# Empty where no line of its own stands above: it begins at the end of the record before.
_TEXT_ABOVE: Final = r"(?:^|$)(?<event>.*)\n"
_GO: Final = r"(?<clock>&?map\[[^\[\]\n]*\])"  # a clock as Go prints maps
_EITHER: Final = r"(?<clock>{.*}|&?map\[[^\[\]\n]*\])"
_GO_LAYOUTS: Final = (
    Layout(
        rf"^(?<host>\S+) {_GO} (?<event>.+)",
        re.compile(r"\S+ &?map\[[^\[\]\n]*\] \S"),
        BESIDE,
    ),
    Layout(
        rf"^(?<event>.+) (?<host>\S+) {_GO}[ \t]*$",
        re.compile(r".*\S \S+ &?map\[[^\[\]\n]*\]\s*$"),
        BESIDE,
    ),
    Layout(
        rf"(?:^|[ \t])(?<host>\S+) {_GO}\n(?<event>.*)",
        re.compile(r"\S+ &?map\[.*\]\s*$"),
        BELOW,
    ),
)
LAYOUTS: Final = (
    Layout(
        r"^(?<host>\S+) (?<clock>{[^{}\n]*}) (?<event>.+)",
        re.compile(r"\S+ \{[^{}\n]*\} \S"),
        BESIDE,
    ),
    Layout(
        r"^(?<event>.+) (?<host>\S+) (?<clock>{[^{}\n]*})[ \t]*$",
        re.compile(r".*\S \S+ \{[^{}\n]*\}\s*$"),
        BESIDE,
    ),
    Layout(
        r"(?:^|[ \t])(?<host>\S*) (?<clock>{.*})\n(?<event>.*)",
        re.compile(r"\S* \{.*\}\s*$"),
        BELOW,
    ),
    *_GO_LAYOUTS,
    Layout(rf"{_TEXT_ABOVE}(?<host>\S*) {_EITHER}[ \t]*$", re.compile(""), ABOVE),
)
TIMED_LAYOUTS: Final = (
    Layout(
        r"^(?<timestamp>-?\d+) (?<host>\S*) (?<clock>{.*})\n(?<event>.*)",
        re.compile(r"-?\d+ \S* \{.*\}\s*$"),
        BELOW,
    ),
    Layout(
        r"^(?<timestamp>-?\d+) (?<event>.*)\n(?<host>\S*) (?<clock>{.*})[ \t]*$",
        re.compile(r"-?\d+ "),
        ABOVE,
    ),
    Layout(
        _TEXT_ABOVE + r"(?<timestamp>-?\d+) (?<host>\S*) (?<clock>{.*})[ \t]*$",
        re.compile(""),
        ABOVE,
    ),
)

_HEADER: Final = lazy_pattern(r"\(\?P?<([A-Za-z_]\w*)>")


def has_header(head: str) -> bool:
    """Whether a text begins with the pattern of its records."""
    names = _HEADER.findall(head, 0, _line_end(head, 0))
    return not FIELDS.isdisjoint(map(field_of, names))


def read(logs: Sequence[LogFile], options: ReadOptions) -> list[Execution]:
    """Read files as ShiViz does. Raise DriftlabError if they cannot be read.

    logs: all files of the log. options: what the user says about the format.
    """
    return _read(logs, options, NEEDED, LAYOUTS)


def read_tsviz(logs: Sequence[LogFile], options: ReadOptions) -> list[Execution]:
    """Read files as TSViz does, whose times are nanoseconds. Raises DriftlabError."""
    options = options._replace(time_unit=options.time_unit or "ns")
    return _read(logs, options, TIMED_NEEDED, TIMED_LAYOUTS)


def _read(
    logs: Sequence[LogFile], options: ReadOptions, needed: Sequence[str], layouts: Sequence[Layout]
) -> list[Execution]:
    files: list[Sequence[LabelledRecords]] = [
        _executions(log.read_text(), options, needed, layouts) for log in logs
    ]
    if options.delimiter is None:
        files = split_at_headings(files)
    if not options.patterns and has_header(logs[0].head):
        options = options._replace(patterns=(_header(logs[0].head)[0],))
    return build_executions(files, options)


def _executions(
    text: Text, options: ReadOptions, needed: Sequence[str], layouts: Sequence[Layout]
) -> list[LabelledRecords]:
    patterns, delimiter, begin = list(options.patterns), options.delimiter, 0
    if has_header(text.text):
        first, second, begin = _header(text.text)
        patterns = patterns or [first]
        after_first = _line_end(text.text, 0) + 1
        if second and _is_record(patterns[0], text.text, after_first):
            second, begin = "", after_first  # the header is one line
        delimiter = delimiter or second
    between = compile_pattern(delimiter) if delimiter else None
    if not patterns:
        return read_by_layout(text, layouts, needed, between)
    compiled = [compile_pattern(pattern, needed) for pattern in patterns]
    return find_executions(text, compiled, between, begin=begin)


def _header(text: str) -> tuple[str, str, int]:
    """Return the two patterns of the header, and where the log begins."""
    first_end = _line_end(text, 0)
    second_end = _line_end(text, first_end + 1)
    first, second = text[:first_end], text[first_end + 1 : second_end]
    return first.strip(), second.strip(), min(second_end + 1, len(text))


def _line_end(text: str, begin: int) -> int:
    """Return where a line ends: the text may be a whole log, of which no copy is made."""
    end = text.find("\n", begin)
    return len(text) if end < 0 else end


def _is_record(pattern: str, text: str, place: int) -> bool:
    """Whether a record begins at a place; a delimiter is a pattern itself, and not a record."""
    found = find([compile_pattern(pattern)], text, place, min(len(text), place + HEAD_CHARS))
    return list(found.starts[:1]) == [place]


def write(executions: Sequence[Execution], path: Path) -> None:
    """Write executions into one file that ShiViz opens. Raises UnwritableError."""
    write_text(path, _lines(executions, "shiviz"))


def write_tsviz(executions: Sequence[Execution], path: Path) -> None:
    """Write executions into one file that TSViz opens. Raises UnwritableError."""
    for each in executions:
        if len(each.trace) and not TextColumns(each.trace, "tsviz").has_times():
            raise UnwritableError("tsviz: the log has no times to write")
    write_text(path, _lines(executions, "tsviz", is_timed=True))


def _lines(executions: Sequence[Execution], format: str, *, is_timed: bool = False) -> list[str]:
    """Return the lines of a log with its header; `is_timed`: each record begins with its time."""
    traces = [TextColumns(each.trace, format) for each in executions]
    columns = list(dict.fromkeys(key for each in traces for key in each.extra(is_timed)))
    others = list(dict.fromkeys(key for each in traces for key in each.groups()))
    groups = " ".join(["(?<host>\\S*) (?<clock>{.*})", *(f"(?<{key}>\\S*)" for key in columns)])
    groups += "".join(f"\\t(?<{key}>[^\\t\\n]*)" for key in others)
    time = "(?<timestamp>-?\\d*) " if is_timed else ""
    has_several = len(executions) > 1
    lines = [f"{time}{groups}\\n(?<event>.*)", DELIMITER if has_several else "", ""]
    for number, (each, execution) in enumerate(zip(traces, executions, strict=True), 1):
        if has_several:
            lines.append(f"=== {one_line(execution.label) or number} ===")
        records = _records(each, columns, others, is_timed=is_timed)
        lines += map(_without_delimiter, records) if has_several else records
    return lines


def _without_delimiter(record: str) -> str:
    """Return a record whose text cannot be taken for the line between two executions."""
    head, _, text = record.partition("\n")
    return f"{head}\n{escape_delimiter(DELIMITER, text)}"


def _records(
    trace: TextColumns, columns: Sequence[str], others: Sequence[str], *, is_timed: bool
) -> list[str]:
    """Return each event's record: its columns between blanks, its `others`, texts, after tabs."""
    hosts, clocks, texts = trace.hosts(), trace.clocks(), trace.events()
    extra = trace.extra(is_timed)
    nothing = [NONE] * len(hosts)
    held = [extra.get(key, nothing) for key in columns]
    times = [f"{time} " for time in trace.times()] if is_timed else [""] * len(hosts)
    more = [" ".join(["", *row]) for row in zip(*held, strict=True)] if held else [""] * len(hosts)
    groups = trace.groups()
    tabbed = [groups.get(key, [""] * len(hosts)) for key in others]
    if tabbed:
        more = ["\t".join(row) for row in zip(more, *tabbed, strict=True)]
    return [
        f"{time}{host} {clock}{rest}\n{text}"
        for time, host, clock, rest, text in zip(times, hosts, clocks, more, texts, strict=True)
    ]
