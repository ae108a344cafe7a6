"""GoVector: a file `NAME-Log.txt` a process, two lines an event: name and clock, then its text.

A file that was appended to holds several executions, parted by lines such as
`=== Execution #…  ===`; the first of all files are one execution, the second
the next. Text may begin with a priority, and a record with a time in
nanoseconds. The format holds the vector clock, the time and the text; which
message an event received follows from the clocks. All else is lost, but where
events are missing a line says so, which no reader takes for an event.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from driftlab.foreign.log_file import read_text
from driftlab.foreign.options import Execution, ReadOptions, UnwritableError
from driftlab.foreign.patterns import compile_pattern
from driftlab.foreign.records import Records
from driftlab.foreign.text_columns import TextColumns, escape_delimiter, one_line, write_text
from driftlab.foreign.text_log import executions_of, pieces_of
from driftlab.journal.files import UnreadableError

SUFFIX: Final = "-Log.txt"
NAME_BYTES_MAX: Final = 240  # of a process, if its log's file is to be named after it
PATTERN: Final = r"^(?:(?<time_ns>-?\d+) )?(?<host>\S+) (?<clock>{.*})\n(?<event>.*)$"
DELIMITER: Final = r"^(?:-?\d+[ \t]*\n)?\s*=== Execution #(?<trace>.*?) *===[ \t]*$"
_PRIORITY: Final = re.compile(r"\[?(DEBUG|INFO|WARNING|ERROR|FATAL)(?:\]\s*|-)")


def read(paths: Sequence[Path], asked: ReadOptions) -> list[Execution]:
    """Read the logs of one run, a file a process. Raises DriftlabError."""
    patterns = [compile_pattern(each, ("host", "clock")) for each in asked.patterns or (PATTERN,)]
    delimiter = compile_pattern(asked.delimiter or DELIMITER)
    files = []
    for path in paths:
        text = read_text(path, asked.encoding)
        if not text.text.strip() and len(paths) == 1:
            raise UnreadableError(f"{text.name}: empty")
        pieces = pieces_of(text, patterns, delimiter)
        files.append([(label, _parted(rows)) for label, rows in pieces])
    return executions_of(files, asked)


def _parted(rows: Records) -> Records:
    """Part the priority from the text where there is one."""
    texts = rows.fields.get("event")
    if not texts or not any(_PRIORITY.match(text) for text in texts[:100]):
        return rows
    found = [_PRIORITY.match(text) for text in texts]
    fields: dict[str, list[Any]] = {
        **rows.fields,
        "event": [t[m.end() :] if m else t for t, m in zip(texts, found, strict=True)],
        "priority": [m[1] if m else None for m in found],
    }
    return rows._replace(fields=fields)


def write(executions: Sequence[Execution], path: Path) -> None:
    """Write a file for each process into a folder, or one file if its name ends in -Log.txt.

    Raises UnwritableError.
    """
    if path.name.endswith(SUFFIX):
        write_text(path, [line for each in _logs(executions).values() for line in each])
        return
    if path.exists() and not path.is_dir():
        raise UnwritableError(f"{path}: is a file; give a folder, or a name that ends in {SUFFIX}")
    logs = _logs(executions)
    for name in logs:
        if (
            name.startswith(".")
            or "/" in name
            or "\\" in name
            or len(name.encode()) > NAME_BYTES_MAX
        ):
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


def _logs(executions: Sequence[Execution]) -> dict[str, list[str]]:
    """Return the lines of each process's log; where events are missing, one that says so."""
    if len(executions) > 1 and len({tuple(each.trace.names) for each in executions}) > 1:
        raise UnwritableError("govector: the executions are not of the same processes")
    logs: dict[str, list[str]] = {name: [] for each in executions for name in each.trace.names}
    for number, execution in enumerate(executions, 1):
        written = TextColumns(execution.trace, "govector")
        if len(executions) > 1:
            for lines in logs.values():
                lines.append(f" \n=== Execution #{one_line(execution.label) or number}  ===")
        lacking = set(execution.trace.gaps.tolist())
        has_times = execution.trace.columns.time_ns is not None
        times = [f"{time} " for time in written.times()] if has_times else [""] * len(written)
        rows = zip(times, written.hosts(), written.clocks(), written.events(), strict=True)
        for row, (time, host, clock, text) in enumerate(rows):
            if row in lacking:
                logs[host].append(f"{host}: events are missing here")
            logs[host].append(f"{time.lstrip()}{host} {clock}\n{escape_delimiter(DELIMITER, text)}")
    return logs
