"""The formats by name, how a log's format is recognized, and which files are one log.

To add a format: write its module with a `read` (and a `write`), enter it in
FORMATS, and say in `_recognized_by_head` how it begins.

A folder holds one run. In each execution a process has its events in one file,
or in several that follow one another, as a log that is split by size or by day
does: then its clock, which never goes back, is higher in the next file. Where
two files have events of one process otherwise they are two runs, or one run
twice, and read as one they would seem to break every rule.
"""

import gc
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from driftlab.arrays import IntArray
from driftlab.foreign.clock_values import ClockError, read_clock
from driftlab.foreign.delimiters import EXECUTION
from driftlab.foreign.fields import field_named, field_of, how_to_name
from driftlab.foreign.file_names import FOLDER, NAME, compiled, is_note, names_folders
from driftlab.foreign.kinds import OwnWords
from driftlab.foreign.layouts import is_comment, likely_layout
from driftlab.foreign.log_file import LogFile, ReadOptions
from driftlab.foreign.text_columns import UnwritableError
from driftlab.foreign.text_log import compile_pattern
from driftlab.foreign.time_forms import require_format
from driftlab.foreign.times import UNITS
from driftlab.foreign.trace_builder import Execution
from driftlab.history.parquet import PARQUET_MAGIC
from driftlab.history.trace import Trace
from driftlab.journal.files import UnreadableError, exists, require_regular_file
from driftlab.lazy import LazyModule, lazy_pattern
from driftlab.model.columns import MISSING

if TYPE_CHECKING:
    from driftlab.foreign import (
        chrome,
        edn,
        govector,
        jaeger,
        json_log,
        logfmt,
        otlp,
        shiviz,
        syslog,
        table,
    )
else:  # a log is read by one of them
    chrome, edn, govector, jaeger, json_log, logfmt, otlp, shiviz, syslog, table = (
        LazyModule(f"driftlab.foreign.{name}")
        for name in (
            "chrome", "edn", "govector", "jaeger", "json_log", "logfmt",
            "otlp", "shiviz", "syslog", "table",
        )
    )  # fmt: skip

Read = Callable[[Sequence[LogFile], ReadOptions], list[Execution]]
Write = Callable[[Sequence[Execution], Path], None]


class Format(NamedTuple):
    """A format, whose module is imported when a log is read or written.

    module: its module in `driftlab.foreign`. description: what it is. reader, writer:
    names of its functions there; writer None: the format is only read.
    """

    module: str
    description: str
    reader: str = "read"
    writer: str | None = None

    @property
    def read(self) -> Read:
        """Reads the files of one log (all of a folder, or one), as options say.

        Raises DriftlabError.
        """
        read: Read = getattr(import_module(f"driftlab.foreign.{self.module}"), self.reader)
        return read

    @property
    def write(self) -> Write | None:
        """Writes executions to a path, which may become a folder; None: it is only read.

        Raises UnwritableError.
        """
        if self.writer is None:
            return None
        write: Write = getattr(import_module(f"driftlab.foreign.{self.module}"), self.writer)
        return write


FORMATS: Final[dict[str, Format]] = {
    "shiviz": Format("shiviz", "vector clocks as JSON, a pattern in the header", writer="write"),
    "tsviz": Format("shiviz", "the same with times", "read_tsviz", "write_tsviz"),
    "govector": Format("govector", "NAME-Log.txt files, one or a folder of them", writer="write"),
    "tracing": Format("tracing", "JSON lines of the DistributedClocks tracer", writer="write"),
    "chrome": Format("chrome", "Chrome trace events, which Perfetto opens", writer="write"),
    "json": Format("json_log", "JSON: an object a line, or an array of them", writer="write"),
    "otlp": Format("otlp", "spans of OpenTelemetry as JSON"),
    "jaeger": Format("jaeger", "traces of Jaeger as JSON"),
    "logfmt": Format("logfmt", "lines of key=value"),
    "syslog": Format("syslog", "lines with the header of RFC 3164 or RFC 5424"),
    "edn": Format("edn", "a map of EDN a line, as Jepsen writes them"),
    "csv": Format("table", "a table of text", "read_csv", "write_csv"),
    "parquet": Format("table", "a table of Parquet", "read_parquet", "write_parquet"),
    "text": Format("text_log", "anything that --pattern describes"),
}
_IN_ORDER_OF_TIME: Final = frozenset({"otlp", "jaeger"})  # whatever file an event stands in
FILES_MAX: Final = 10_000  # of a folder
TRIMMED_EVENTS_MIN: Final = 100_000  # of a log, from which on freed memory is given back
OWN_CLOCKS_MIN: Final = 0.8  # of the first clocks, where nothing says how they are laid out
LINES_LOOKED_AT: Final = 20  # of a log, to see which format it may be
LINE_CHARS_SHOWN: Final = 60  # of the first line of a log whose format is unknown
RECOGNIZED_CHARS_MAX: Final = 2_000  # of a line, by which a format without a name is known
_TIME_OF_DAY: Final = lazy_pattern(r"\d:\d\d")  # in no line of headings
_HOLDS_OBJECTS: Final = lazy_pattern(r"\{|\[\s*\{")  # as JSON that is a log begins
LABELS_CHARS_SHOWN: Final = 200  # of all labels of executions
_EXPECTED: Final = (
    "expected a journal or another log; so is the journal of a machine that was killed before "
    "it wrote anything: then name the run's folder"
)


# Reading and writing.


class LogReading(NamedTuple):
    """A log that was read.

    format: one of FORMATS. files: names of its files. encodings: of their texts; empty
    where they are no text. executions: all that it holds, or the one that was asked for.
    """

    format: str
    files: list[str]
    encodings: list[str]
    executions: list[Execution]


def read_with_format(
    path: str | Path | LogFile,
    format: str | None = None,
    pattern: str | Sequence[str] | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    time_unit: str | None = None,
    execution: str | int | None = None,
    *,
    time_format: str | None = None,
    fields: Mapping[str, str] | None = None,
    process_from: str | None = None,
    aliases: Mapping[str, str] | None = None,
    kinds: Mapping[str, str] | None = None,
    skip_lines: int | None = None,
    comment: str | Sequence[str] | None = None,
) -> LogReading:
    """Read another program's log, a file or a folder of files, with all its executions.

    path: of the log, or a file that was opened to see what it is. format: one of
    FORMATS; None: recognized by the file's name and its first lines. pattern,
    delimiter, encoding, time_unit, time_format, fields, process_from, aliases, kinds,
    skip_lines, comment: see ReadOptions. execution: only the one of this label, or of this
    number from 1. Raises DriftlabError, which says what to try.
    """
    patterns = (pattern,) if isinstance(pattern, str) else tuple(pattern or ())
    if time_unit not in (None, *UNITS):
        raise UnreadableError(f"--time-unit {time_unit}: there are {', '.join(UNITS)}")
    require_format(time_format)
    if process_from not in (None, NAME, FOLDER):
        compiled(process_from)
    named = {field_named(name): own for name, own in (fields or {}).items()}
    options = ReadOptions(
        patterns, delimiter, encoding, time_unit, time_format, named, process_from,
        dict(aliases or {}), kinds or {}, _lines_to_skip(skip_lines),
        (comment,) if isinstance(comment, str) else tuple(comment or ()),
    )  # fmt: skip
    OwnWords(options.kinds)  # which must be kinds
    if isinstance(path, LogFile):
        logs, path = [path], path.path
    else:
        path = Path(path)
        logs = _logs(path, options, format)
    try:
        name = format or _recognized(path, logs, options)
        if name not in FORMATS:
            raise UnreadableError(f"--format {name}: there are {', '.join(FORMATS)}")
        with _gc_paused():
            executions = FORMATS[name].read(logs, options)
    finally:
        for log in logs:
            log.close()
    if sum(len(each.trace) for each in executions) >= TRIMMED_EVENTS_MIN:
        _trim_heap()
    if len(logs) > 1:
        for each in executions:
            require_one_run(path, each.trace, is_described=name in _IN_ORDER_OF_TIME | {"text"})
    if execution is not None:
        executions = [_chosen(path, executions, str(execution))]
    is_text = name not in ("parquet",)
    encodings = sorted({log.encoding for log in logs}) if is_text else []
    return LogReading(name, [log.path.name for log in logs], encodings, executions)


def _trim_heap() -> None:
    """Give freed memory back to the system, where the C library can.

    What is left of the text lies between what is kept: of a million events two hundred
    megabytes, which glibc would keep although nothing of the judge fits into them.
    """
    import ctypes

    with suppress(AttributeError, OSError, TypeError):  # not glibc, or no library by that name
        ctypes.CDLL(None).malloc_trim(0)


def _lines_to_skip(given: int | None) -> int:
    if given is not None and given < 0:
        raise UnreadableError(f"--skip-lines {given}: give a whole number of at least 0")
    return given or 0


def read_executions(path: str | Path | LogFile, *args: Any, **options: Any) -> list[Execution]:
    """Read another program's log with all its executions; see `read_with_format`."""
    return read_with_format(path, *args, **options).executions


def read_log(path: str | Path | LogFile, **options: Any) -> list[Trace]:
    """Return the traces of `read_executions`, one for each execution in the log."""
    return [each.trace for each in read_executions(path, **options)]


def write_log(executions: Sequence[Execution], path: str | Path, format: str) -> None:
    """Write executions of a log.

    path: the file, or the folder of a format with several files. format: one of
    FORMATS that is written. Raises UnwritableError where it cannot hold them.
    """
    known = FORMATS.get(format)
    write = known and known.write
    if write is None:
        writable = ", ".join(name for name, each in FORMATS.items() if each.writer)
        raise UnwritableError(f"--to {format}: there are {writable}")
    write(executions, Path(path))


def _chosen(path: Path, executions: Sequence[Execution], wanted: str) -> Execution:
    for number, each in enumerate(executions, 1):
        if wanted in (each.label, str(number)):
            return each
    labels = ", ".join(each.label or str(n) for n, each in enumerate(executions, 1))
    raise UnreadableError(f"{path}: no execution {wanted}; it has {labels[:LABELS_CHARS_SHOWN]}")


@contextmanager
def _gc_paused() -> Iterator[None]:
    """Keep the garbage collector from walking the records again and again while they are read."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _logs(path: Path, options: ReadOptions, format: str | None = None) -> list[LogFile]:
    """Return the files of a log, not yet opened, in name order; hidden ones are not part of it.

    In a folder with logs of GoVector all other files are left out, unless a
    pattern or another `format` was asked for. Raises UnreadableError.
    """
    if not path.is_dir():
        if not exists(path):
            raise UnreadableError(f"{path}: no such file")
        require_regular_file(path)
        return [_log_file(path, options)]
    paths = _files_in(path)
    if all(map(is_note, paths)):
        below = [one for one in sorted(path.iterdir()) if one.is_dir() and one.name[0] != "."]
        deeper = [file for folder in below for file in _files_in(folder)]
        paths = deeper if names_folders(options.process_from, deeper) else paths
    logs = [_log_file(one, options) for one in paths]
    if format == "govector" or not (format or options.patterns):
        logs = [log for log in logs if log.plain_name.endswith(govector.SUFFIX)] or logs
    if not logs:
        raise UnreadableError(f"{path}: no files here")
    if len(logs) > FILES_MAX:
        raise UnreadableError(f"{path}: {len(logs):,} files; at most {FILES_MAX:,} are read")
    return logs


def _log_file(path: Path, options: ReadOptions) -> LogFile:
    return LogFile(path, options.encoding, options.skip_lines, options.comments)


def _files_in(folder: Path) -> list[Path]:
    """Return the files in a folder that are not hidden, in name order."""
    return sorted(one for one in folder.iterdir() if one.is_file() and one.name[0] != ".")


# Which format a log is in.


def recognized_format(path: Path, options: ReadOptions) -> str:
    """Return the format of a log, one of FORMATS, by its first file.

    path: a file or a folder. options: a pattern in them makes it `text`, unless the
    log has a pattern itself. Raises UnreadableError if the format is not known.
    """
    logs = _logs(path, options)
    try:
        return _recognized(path, logs, options)
    finally:
        logs[0].close()


def _recognized(path: Path, logs: Sequence[LogFile], options: ReadOptions) -> str:
    """Return the format of a log, by its first file that is not empty."""
    log = logs[0] if path.is_file() else next((one for one in logs if not _is_empty(one)), logs[0])
    if path.is_dir() and log.plain_name.endswith(govector.SUFFIX):
        return "text" if options.patterns else "govector"
    if log.path.name.endswith((".parquet", ".pq")):
        return "parquet"
    if log.first_bytes.startswith(PARQUET_MAGIC):
        if log.is_gzipped:
            raise UnreadableError(
                f"{log.name}: a gzipped file of Parquet; unpack it first (gunzip)"
            )
        return "parquet"
    if not log.head.strip():
        raise UnreadableError(_reason_of_no_text(log))
    if options.patterns and not shiviz.has_header(log.head):
        return "text"
    name = _recognized_by_head(log, options)
    if name is None and table.separator_of(log.head, options.fields):
        name = "csv"  # by the columns that the user names
    if name is None:
        line = log.head.strip().partition("\n")[0][:LINE_CHARS_SHOWN]
        where = f"{path}: no journals here (NAME.log), and {log.path.name}"
        raise UnreadableError(
            f"{log.name if path == log.path else where}: which format is this? "
            f"It begins with: {line} … {_as_table(log.head)}"
            f"Say --format (convert: --from) {', '.join(FORMATS)}, or --pattern for any other text"
        )
    return name


def _is_empty(log: LogFile) -> bool:
    """Whether a file holds nothing."""
    return log.path.is_file() and log.path.stat().st_size == 0


def _as_table(head: str) -> str:
    """Return what to say if a text is a table whose columns are not known; empty if it is none."""
    unknown = [name for name in table.columns_of(head) if field_of(name) is None]
    if not unknown or _TIME_OF_DAY.search(head.partition("\n")[0]):
        return ""
    return (
        f"If it is a table: columns that are not known are {', '.join(unknown)}; say what they "
        f"mean: --format csv {how_to_name(unknown)}. "
    )


def _reason_of_no_text(log: LogFile) -> str:
    text = log.read_text()
    reasons = [f"{text.name}:{one.line}: {one.reason}" for one in text.unread]
    return reasons[0] if reasons else f"{text.name}: empty; {_EXPECTED}"


def _recognized_by_head(log: LogFile, options: ReadOptions) -> str | None:
    head = log.head.lstrip()
    if shiviz.has_header(log.head):
        return "tsviz" if "<timestamp>" in head.partition("\n")[0] else "shiviz"
    if head.startswith(("[", "{")):
        if '"TracerIdentity"' in head:
            return "tracing"
        if f'"{chrome.KEY}"' in head or '"ph"' in head:
            return "chrome"
        if any(f'"{key}"' in head for key in otlp.KEYS):
            return "otlp"
        if '"spans"' in head and any(f'"{key}"' in head for key in jaeger.KEYS):
            return "jaeger"
        if _begins_with_json(head):
            is_log = bool(options.fields) or json_log.is_log(head)
            return "json" if is_log and _HOLDS_OBJECTS.match(head) else None
    if log.plain_name.endswith(govector.SUFFIX):
        return "govector"
    return _recognized_by_first_line(head) or _recognized_by_default_patterns(head)


def _recognized_by_first_line(head: str) -> str | None:
    """Return the format of lines that each are a record, None if it is none of these."""
    first = head.partition("\n")[0][:RECOGNIZED_CHARS_MAX]
    if edn.is_edn(first):  # whose commas part pairs, and no columns
        return "edn"
    if table.separator_of(head):
        return "csv"
    if syslog.is_syslog(first):
        return "syslog"
    return "logfmt" if logfmt.begins_with_pairs(first) else None


def _begins_with_json(text: str) -> bool:
    """Whether a text begins with JSON, damaged or not, and not with a line in brackets.

    The first line of JSON is a value and nothing else, or the damage comes after it.
    """
    length = text.find("\n") if "\n" in text else len(text)
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        is_cut = "\n" not in text and error.msg.startswith("Unterminated")
        return error.pos >= length or is_cut
    except RecursionError:
        return True
    return not text[end:].partition("\n")[0].strip()


def _recognized_by_default_patterns(head: str) -> str | None:
    said = (line for line in head.split("\n") if line.strip() and not is_comment(line))
    text = "\n".join(line[:RECOGNIZED_CHARS_MAX] for line in islice(said, LINES_LOOKED_AT))
    for name, patterns in (
        ("govector", [EXECUTION]),
        ("tsviz", [layout.pattern for layout in shiviz.TIMED_LAYOUTS]),
        ("shiviz", [likely_layout(shiviz.LAYOUTS, text).pattern]),
    ):
        if name == "govector":
            is_found = any(compile_pattern(pattern).search(text) for pattern in patterns)
        else:
            is_found = any(_are_own_clocks(pattern, text) for pattern in patterns)
        if is_found:
            return name
    return None


def _are_own_clocks(pattern: str, text: str) -> bool:
    """Whether a pattern matches, and the word before a clock is its process.

    Where it begins the line, or only a time stands before it, it is. Where a text does,
    it may be what that says last; it is the process if nearly all clocks count it, and
    count on.
    """
    counted: dict[str, int] = {}
    matches = records = own = 0
    for match in compile_pattern(pattern).finditer(text):
        matches += 1
        host = match["host"]
        try:
            clock = read_clock(match["clock"])
        except ClockError:
            continue
        if isinstance(clock, dict) and host:
            count, place = clock.get(host, 0), match.start("host")
            begin = text[text.rfind("\n", 0, place) + 1 : place]
            if host in counted and begin.strip(" \t-0123456789"):
                records += 1
                own += (count <= 1 and host in clock) or count > counted[host]
            counted[host] = count  # which may begin with 0, and again in each execution
    return matches > 0 and OWN_CLOCKS_MIN * records <= own


# Whether the files of a folder are logs of one run.


def require_one_run(folder: Path, trace: Trace, *, is_described: bool) -> None:
    """Raise UnreadableError where a process has events in several files that do not follow on.

    `trace`: one execution of the log in `folder`. `is_described`: the user has said
    what a record is; then files without clocks, which cannot show it, may be of any
    kind.
    """
    file = trace.columns.file
    if file is None or not len(trace):
        return
    for process, name in enumerate(trace.names):
        rows = np.arange(trace.starts[process], trace.starts[process + 1])
        last = rows[:-1][file[rows[:-1]] != file[rows[1:]]]  # rows before one of another file
        if not len(last) or _follow_on(trace, process, rows, last, is_described=is_described):
            continue
        one, other = (Path(trace.files[file[row]]).name for row in (last[0], last[0] + 1))
        raise UnreadableError(
            f"{folder}: process {name} has events in {one} and in {other}: these look like two "
            f"runs; give them one by one, as {folder / one}"
        )


def _follow_on(
    trace: Trace, process: int, rows: IntArray, last: IntArray, *, is_described: bool
) -> bool:
    """Whether each file of a process begins where the one before it ended.

    `rows`: of the process. `last`: those of them after which another file comes.
    """
    clocks, file = _own_clocks(trace, process, rows), trace.columns.file
    if file is None or bool((clocks == MISSING).all()):
        return is_described
    files = len(np.unique(file[rows]))
    before, after = clocks[last - rows[0]], clocks[last - rows[0] + 1]
    return len(last) == files - 1 and bool(((before != MISSING) & (after > before)).all())


def _own_clocks(trace: Trace, process: int, rows: IntArray) -> IntArray:
    """Return a process's own clock at each of its events: its vector's entry, or the Lamport clock.

    MISSING where the event has none; i8.
    """
    stamps = trace.timestamps
    if stamps is not None and stamps.clock == "vector":
        starts = stamps.starts[rows[0] : rows[-1] + 2]
        is_own = stamps.entries[starts[0] : starts[-1]] == process
        row_of = np.repeat(np.arange(len(rows)), np.diff(starts))
        clocks = np.full(len(rows), MISSING)
        clocks[row_of[is_own]] = stamps.values[starts[0] : starts[-1]][is_own]
        return clocks
    column = trace.columns.clock
    return np.full(len(rows), MISSING) if column is None else column[rows]
