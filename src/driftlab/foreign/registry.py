"""The formats by name, and which of them a log is in.

Whether the files of a folder are logs of one run: a file a process, or one going on in the next.

In each execution of a folder a process has its events in one file, or in
several that follow one another, as a log does that is parted by size or by day:
then its clock, which never goes back, is higher in the next file. Where two
files tell of one process otherwise they are two runs, or one run twice, and
read as one they would seem to break every rule.
"""

import gc
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.foreign import chrome, govector, shiviz, table, text_log, tracing
from driftlab.foreign.fields import UNITS
from driftlab.foreign.log_file import (
    HEAD_BYTES,
    BreaksOffError,
    gunzipped_blocks,
    head_of,
    read_text,
)
from driftlab.foreign.options import Execution, ReadOptions, UnwritableError
from driftlab.foreign.patterns import compile_pattern
from driftlab.history.trace import Trace
from driftlab.journal.files import UnreadableError, begins_with, exists, require_regular_file
from driftlab.model.columns import MISSING, Array

Read = Callable[[Sequence[Path], ReadOptions], list[Execution]]
Write = Callable[[Sequence[Execution], Path], None]


class Format(NamedTuple):
    """A format: how it is read, how it is written (None: it is not), and what it is."""

    read: Read
    write: Write | None
    says: str


FORMATS: Final[dict[str, Format]] = {
    "shiviz": Format(shiviz.read, shiviz.write, "vector clocks as JSON, a pattern in the header"),
    "tsviz": Format(shiviz.read_tsviz, shiviz.write_tsviz, "the same with times"),
    "govector": Format(
        govector.read, govector.write, "NAME-Log.txt files, one or a folder of them"
    ),
    "tracing": Format(tracing.read, tracing.write, "JSON lines of the DistributedClocks tracer"),
    "chrome": Format(chrome.read, chrome.write, "Chrome trace events, which Perfetto opens"),
    "csv": Format(table.read_csv, table.write_csv, "a table of text"),
    "parquet": Format(table.read_parquet, table.write_parquet, "a table of Parquet"),
    "text": Format(text_log.read, None, "anything that --pattern describes"),
}
FILES_MAX: Final = 10_000  # of a folder
_PARQUET: Final = b"PAR1"
_EXPECTED: Final = (
    "expected a journal or another log; so is the journal of a machine that was killed before "
    "it wrote anything: then name the run's folder"
)


def read_executions(
    path: str | Path,
    format: str | None = None,
    pattern: str | Sequence[str] | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    time_unit: str | None = None,
    execution: str | int | None = None,
) -> list[Execution]:
    """Read a log that somebody else wrote, a file or a folder of files, and all it holds.

    What is not asked for is found out: the format by the file's name and its
    first lines. `execution`: only that one, by its label or its number from 1.
    Raises DriftlabError, which says what to ask for.
    """
    path = Path(path)
    patterns = (pattern,) if isinstance(pattern, str) else tuple(pattern or ())
    if time_unit not in (None, *UNITS):
        raise UnreadableError(f"--time-unit {time_unit}: there are {', '.join(UNITS)}")
    asked = ReadOptions(patterns, delimiter, encoding, time_unit)
    name = format or recognized_format(path, asked)
    if name not in FORMATS:
        raise UnreadableError(f"--format {name}: there are {', '.join(FORMATS)}")
    files = _files(path, name)
    with _gc_paused():
        found = FORMATS[name].read(files, asked)
    if len(files) > 1:
        for each in found:
            require_one_run(path, each.trace, is_described=name == "text")
    return found if execution is None else [_chosen(path, found, str(execution))]


def read_log(path: str | Path, **options: Any) -> list[Trace]:
    """Return the traces of `read_executions`, one for each execution in the log."""
    return [each.trace for each in read_executions(path, **options)]


def _chosen(path: Path, executions: Sequence[Execution], wanted: str) -> Execution:
    for number, each in enumerate(executions, 1):
        if wanted in (each.label, str(number)):
            return each
    labels = ", ".join(each.label or str(n) for n, each in enumerate(executions, 1))
    raise UnreadableError(f"{path}: no execution {wanted}; it has {labels[:200]}")


@contextmanager
def _gc_paused() -> Iterator[None]:
    """Keep the collector from walking the records, which it does again and again as they come."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def write_log(executions: Sequence[Execution], path: str | Path, format: str) -> None:
    """Write executions in a format. Raises UnwritableError where it cannot hold them."""
    known = FORMATS.get(format)
    if known is None or known.write is None:
        writable = ", ".join(name for name, each in FORMATS.items() if each.write)
        raise UnwritableError(f"--to {format}: there are {writable}")
    known.write(executions, Path(path))


def recognized_format(path: Path, asked: ReadOptions) -> str:
    """Say in which format a log is. Raises UnreadableError where that cannot be told."""
    files = _files(path, None)
    if path.is_dir() and files[0].name.endswith(govector.SUFFIX):
        return "govector" if not asked.patterns else "text"
    first = files[0]
    if first.name.endswith((".parquet", ".pq")) or begins_with(first, _PARQUET):
        return "parquet"
    head = _head(first, asked)
    if asked.patterns and not shiviz.has_header(head):
        return "text"
    name = _by_head(first, head)
    if name is None:
        line = head.strip().partition("\n")[0][:60]
        where = f"{path}: no journals here (NAME.log), and {first.name}" if path != first else first
        raise UnreadableError(
            f"{where}: which format is this? It begins with: {line} … "
            f"Say --format (convert: --from) {', '.join(FORMATS)}, or --pattern for any other text"
        )
    return name


def _head(path: Path, asked: ReadOptions) -> str:
    """Return the begin of a text, where it is one. Raises UnreadableError."""
    try:
        block = next(gunzipped_blocks(path, HEAD_BYTES), b"")
    except BreaksOffError as error:
        reason = str(error).partition(";")[0]
        raise UnreadableError(
            f"{path}: {reason}, and nothing of it can be unpacked; copy it again"
        ) from None
    if block.startswith(_PARQUET):
        raise UnreadableError(f"{path}: a gzipped file of Parquet; unpack it first (gunzip)")
    head = head_of(path, asked.encoding)
    return head if head.strip() else _after_blanks(path, asked)


def _after_blanks(path: Path, asked: ReadOptions) -> str:
    """Return a text that does not begin within 64 KiB. Raises UnreadableError if there is none."""
    text = read_text(path, asked.encoding)
    if text.text.strip():
        return text.text.lstrip()
    reasons = [f"{text.name}:{one.line}: {one.reason}" for one in text.unread]
    raise UnreadableError((reasons or [f"{text.name}: empty; {_EXPECTED}"])[0])


def _by_head(path: Path, head: str) -> str | None:
    first = head.lstrip().partition("\n")[0]
    if shiviz.has_header(head):
        return "tsviz" if "<timestamp>" in first else "shiviz"
    if head.lstrip().startswith(("[", "{")):
        if '"TracerIdentity"' in head:
            return "tracing"
        if f'"{chrome.KEY}"' in head or '"ph"' in head:
            return "chrome"
        if _is_json(head.lstrip()):
            return None
    if path.name.removesuffix(".gz").endswith(govector.SUFFIX):
        return "govector"
    if table.separator_of(head):
        return "csv"
    return _by_default_patterns(head)


def _is_json(text: str) -> bool:
    """Whether a text begins with JSON, damaged or not, and not with a line in brackets.

    Of JSON a first line that is whole is a value, or the damage stands further down.
    """
    length = text.find("\n") if "\n" in text else len(text)
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        return error.pos >= length
    except RecursionError:
        return True
    return not text[end:].partition("\n")[0].strip()


def _by_default_patterns(head: str) -> str | None:
    lines = head.strip().split("\n")[:20]
    text = "\n".join(lines)
    for name, pattern in (
        ("govector", govector.DELIMITER),
        ("tsviz", shiviz.TIMED_CLOCK_FIRST),
        ("tsviz", shiviz.TIMED_EVENT_FIRST),
        ("shiviz", shiviz.default_pattern(text)),
    ):
        if compile_pattern(pattern).search(text):
            return name
    return None


def _files(path: Path, name: str | None) -> list[Path]:
    """Return the files of a log, in name order; of a folder those that are not hidden."""
    if not path.is_dir():
        if not exists(path):
            raise UnreadableError(f"{path}: no such file")
        require_regular_file(path)
        return [path]
    files = sorted(one for one in path.iterdir() if one.is_file() and one.name[0] != ".")
    logs = [one for one in files if one.name.removesuffix(".gz").endswith(govector.SUFFIX)]
    if logs and name in (None, "govector"):
        files = logs
    if not files:
        raise UnreadableError(f"{path}: no files here")
    if len(files) > FILES_MAX:
        raise UnreadableError(f"{path}: {len(files):,} files; at most {FILES_MAX:,} are read")
    return files


def require_one_run(folder: Path, trace: Trace, *, is_described: bool) -> None:
    """Raise UnreadableError where a process has events in several files of a folder.

    `is_described`: the user has said what a record is; then files without
    clocks, which tell nothing about it, may be of any kind.
    """
    file = trace.columns.file
    if file is None or not len(trace):
        return
    for process, name in enumerate(trace.names):
        rows = np.arange(trace.starts[process], trace.starts[process + 1])
        first = rows[:-1][file[rows[:-1]] != file[rows[1:]]]  # the last rows before another file
        if not len(first) or _goes_on(trace, process, rows, first, is_described=is_described):
            continue
        one, other = (Path(trace.files[file[row]]).name for row in (first[0], first[0] + 1))
        raise UnreadableError(
            f"{folder}: process {name} has events in {one} and in {other}: these look like two "
            f"runs; give them one by one, as {folder / one}"
        )


def _goes_on(trace: Trace, process: int, rows: Array, last: Array, *, is_described: bool) -> bool:
    """Whether each file of a process begins where the one before it has ended."""
    clocks = _clocks(trace, process, rows)
    if (clocks == MISSING).all():
        return is_described
    files = len(np.unique(trace.columns.file[rows]))
    before, after = clocks[last - rows[0]], clocks[last - rows[0] + 1]
    return len(last) == files - 1 and bool(((before != MISSING) & (after > before)).all())


def _clocks(trace: Trace, process: int, rows: Array) -> Array:
    """Return the own clock at each event of a process: its entry, or the Lamport clock."""
    stamps = trace.timestamps
    if stamps is not None and stamps.clock == "vector":
        starts = stamps.starts[rows[0] : rows[-1] + 2]
        own = stamps.entries[starts[0] : starts[-1]] == process
        row_of = np.repeat(np.arange(len(rows)), np.diff(starts))
        clocks = np.full(len(rows), MISSING)
        clocks[row_of[own]] = stamps.values[starts[0] : starts[-1]][own]
        return clocks
    column = trace.columns.clock
    return np.full(len(rows), MISSING) if column is None else column[rows]
