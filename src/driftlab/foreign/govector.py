"""GoVector: a file `NAME-Log.txt` per process, two lines per event: name and clock, then its text.

A file that was appended to holds several executions, separated by lines such as
`=== Execution #…  ===`; `align_executions` says which of several files belong
together. Text may begin with a priority, and a record with a time in
nanoseconds. The format holds the vector clock, the time and the text; which
message an event received follows from the clocks. All else is lost, but where
events are missing we write a comment line, which readers ignore.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from driftlab.foreign.delimiters import EXECUTION, split_at_headings
from driftlab.foreign.layouts import ABOVE, BELOW, BESIDE, Layout, read_by_layout
from driftlab.foreign.log_file import LogFile, ReadOptions
from driftlab.foreign.records import LabelledRecords, Records
from driftlab.foreign.text_columns import (
    TextColumns,
    UnwritableError,
    escape_delimiter,
    one_line,
    write_text,
)
from driftlab.foreign.text_log import compile_pattern, find_executions
from driftlab.foreign.trace_builder import Execution, build_executions
from driftlab.lazy import lazy_pattern

SUFFIX: Final = "-Log.txt"
NAME_BYTES_MAX: Final = 240  # of a process whose log's file is named after it
_CLOCK: Final = r"(?:(?<time_ns>-?\d+) )?(?<host>\S+) (?<clock>{.*})"
LAYOUTS: Final = (
    Layout(
        r"^(?:(?<time_ns>-?\d+) )?(?<host>\S+) (?<clock>{[^{}\n]*}) (?<event>.+)",
        re.compile(r"(?:-?\d+ )?\S+ \{[^{}\n]*\} \S"),
        BESIDE,
    ),
    Layout(
        r"^(?:(?<time_ns>-?\d+) )?(?<event>.+) (?<host>\S+) (?<clock>{[^{}\n]*})[ \t]*$",
        re.compile(r"(?!-?\d+ \S+ \{).*\S \S+ \{[^{}\n]*\}\s*$"),
        BESIDE,
    ),
    Layout(rf"^{_CLOCK}\n(?<event>.*)$", re.compile(r"(?:-?\d+ )?\S+ \{.*\}\s*$"), BELOW),
    Layout(
        r"^(?<time_ns>-?\d+) (?<event>.*)\n(?<host>\S+) (?<clock>{.*})",
        re.compile(r"-?\d+ "),
        ABOVE,
    ),
    Layout(rf"(?:^|$)(?<event>.*)\n{_CLOCK}", re.compile(""), ABOVE),
)
MISSING_HERE: Final = "{}: events are missing here"  # a line that we write, and read as that
NEEDED: Final = ("host", "clock")
PRIORITY_ROWS: Final = 100  # in which a log that has priorities has one

_PRIORITY: Final = lazy_pattern(r"\[?(DEBUG|INFO|WARNING|ERROR|FATAL)(?:\]\s*|-)")


def read(logs: Sequence[LogFile], options: ReadOptions) -> list[Execution]:
    """Read the logs of one run, a file per process. Raise DriftlabError if they cannot be read.

    logs: all files of the log. options: what the user says about the format.
    """
    delimiter = None if options.delimiter is None else compile_pattern(options.delimiter)
    patterns = [compile_pattern(each, NEEDED) for each in options.patterns]
    files = []
    for log in logs:
        if patterns:
            between = delimiter or compile_pattern(EXECUTION)
            found = find_executions(log.read_text(), patterns, between)
        else:
            found = read_by_layout(log.read_text(), LAYOUTS, NEEDED, delimiter)
        files.append([LabelledRecords(label, _cleaned(rows)) for label, rows in found])
    return build_executions(files if delimiter else split_at_headings(files), options)


def _cleaned(records: Records) -> Records:
    """Return records with their priorities apart, and with what our own lines say is missing."""
    hosts = set(records.fields.get("host", ()))
    names = {MISSING_HERE.format(host): host for host in hosts} if records.unread else {}
    unread = [each._replace(host=names.get(each.text or "")) for each in records.unread]
    return _split_priority(records._replace(unread=unread))


def _split_priority(records: Records) -> Records:
    """Return records with the priority in a field of its own, if they have priorities."""
    texts = records.fields.get("event")
    if not texts or not any(_PRIORITY.match(text) for text in texts[:PRIORITY_ROWS]):
        return records
    found = [_PRIORITY.match(text) for text in texts]
    fields = {
        **records.fields,
        "event": [t[m.end() :] if m else t for t, m in zip(texts, found, strict=True)],
        "priority": [m[1] if m else None for m in found],
    }
    return records._replace(fields=fields)


def write(executions: Sequence[Execution], path: Path) -> None:
    """Write a file per process into a folder, or one file if its name ends in -Log.txt.

    Raises UnwritableError where a process's name cannot be a file's, or where the
    folder holds files that would be read as part of the log.
    """
    if path.name.endswith(SUFFIX):
        write_text(path, _lines_of_one_file(executions))
        return
    if path.exists() and not path.is_dir():
        raise UnwritableError(f"{path}: is a file; give a folder, or a name that ends in {SUFFIX}")
    logs = _lines_by_process(executions)
    for name in logs:
        if not _can_be_file_name(name):
            raise UnwritableError(
                f"govector: the process {name[:40]!r} cannot be a file's name; "
                f"give a name that ends in {SUFFIX}, for one file of all"
            )
    others = [one.name for one in path.glob(f"*{SUFFIX}") if one.name[: -len(SUFFIX)] not in logs]
    if others:
        raise UnwritableError(
            f"{path}: holds {min(others)}, which would be read as part of this log; "
            "give another folder"
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritableError(f"{path}: {error.strerror}") from error
    for name, lines in logs.items():
        write_text(path / f"{name}{SUFFIX}", lines)


def _can_be_file_name(name: str) -> bool:
    has_folder = name.startswith(".") or "/" in name or "\\" in name
    return not has_folder and len(name.encode()) <= NAME_BYTES_MAX


def _lines_by_process(executions: Sequence[Execution]) -> dict[str, list[str]]:
    """Return each process's log; every one has every delimiter, so that executions align."""
    logs: dict[str, list[str]] = {name: [] for each in executions for name in each.trace.names}
    for number, execution in enumerate(executions, 1):
        if len(executions) > 1:
            for lines in logs.values():
                lines.append(_delimiter(execution, number))
        for host, lines in _records(execution):
            logs[host] += lines
    return logs


def _lines_of_one_file(executions: Sequence[Execution]) -> list[str]:
    """Return one log of all processes, execution after execution."""
    log: list[str] = []
    for number, execution in enumerate(executions, 1):
        if len(executions) > 1:
            log.append(_delimiter(execution, number))
        for _, lines in _records(execution):
            log += lines
    return log


def _delimiter(execution: Execution, number: int) -> str:
    return f" \n=== Execution #{one_line(execution.label) or number}  ==="


def _records(execution: Execution) -> list[tuple[str, list[str]]]:
    """Return each event's process and its lines; where events are missing, one that says so."""
    trace = TextColumns(execution.trace, "govector")
    gaps = set(execution.trace.gaps.tolist())
    has_times = execution.trace.columns.time_ns is not None
    times = [f"{time} " for time in trace.times()] if has_times else [""] * len(trace)
    rows = zip(times, trace.hosts(), trace.clocks(), trace.events(), strict=True)
    records = []
    for row, (time, host, clock, text) in enumerate(rows):
        lines = [MISSING_HERE.format(host)] if row in gaps else []
        lines.append(f"{time.lstrip()}{host} {clock}\n{escape_delimiter(EXECUTION, text)}")
        records.append((host, lines))
    return records
