"""Writing what was recorded in other forms: one Parquet file, another tool's log, another clock.

`pack` writes a run into one Parquet file, journals of any length in bounded memory.

`convert` writes a log in another tool's format. What the format needs and the log
does not have is computed from its messages (see `driftlab.api.conversion`).

`write_restamped` writes a history with another clock. A history that was read from
journals becomes a run folder again, with the clock in its journals and its scenario,
so that `stats`, `replay` and every judge take it like any other. The events of any
history become one file, Parquet or CSV.
"""

import codecs
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from driftlab.analysis.restamp import RestampError, zero_timestamp_text
from driftlab.api.conversion import prepare
from driftlab.api.history import History
from driftlab.api.read import find_journals, read, read_all
from driftlab.errors import DriftlabError, lines_of_runs
from driftlab.foreign import Execution, UnwritableError, write_log
from driftlab.history.matching.arrivals import match_arrivals
from driftlab.history.parquet import PACK_SUFFIX, pack_chunks, pack_trace, require_new
from driftlab.history.run_reader import SUFFIXES, RunJournals
from driftlab.history.trace import Trace
from driftlab.journal.files import TOO_LONG, UnreadLine, line_chunks
from driftlab.journal.parser import JournalError
from driftlab.journal.reader import is_journal
from driftlab.journal.rewrite import RestampedArrival, RestampedEvent, restamp_lines
from driftlab.journal.run_folder import create_run_folder, discard_run_folder
from driftlab.journal.whole_file import open_whole, whole_file
from driftlab.lazy import np, pl
from driftlab.model.columns import MISSING
from driftlab.scenario.scenario import Scenario


class PackingError(DriftlabError):
    """A path that cannot be packed as it was asked for."""


class PackedFile(NamedTuple):
    """A file that was written.

    path: of the file. source: the folder or the file that was packed. events:
    how many there are. bytes: the size of the file. unread: what in the source
    could not be read.
    """

    path: Path
    source: Path
    events: int
    bytes: int
    unread: Sequence[UnreadLine]


def pack(path: str | Path, out: str | Path | None = None) -> list[PackedFile]:
    """Write each run at a path into a Parquet file of its own.

    path: whatever `driftlab.read` reads. out: the file for one run, by default
    RUN.parquet beside it; of several runs the folder for their files, by
    default beside each run. A file that exists is never overwritten, and
    journals are never held in memory as a whole. Raise DriftlabError if there
    is nothing to pack, or a file exists or cannot be written.
    """
    path = Path(path)
    runs = find_journals(path)
    if len(runs) < 2:
        one = Path(out) if out else _beside(path)
        return [_pack(runs[0], path, one) if runs else _pack_other(path, one)]
    folders = [run.paths[0].parent for run in runs]
    files = [_inside(Path(out), folder) if out else _beside(folder) for folder in folders]
    for file in files:
        require_new(file)  # all of them before the first is written
    return [_pack(*each) for each in zip(runs, folders, files, strict=True)]


def _beside(path: Path) -> Path:
    """Return RUN.parquet of a run's folder, A.parquet of A.log and of A.log.gz."""
    path = path.resolve() if path.name in ("", "..") else path
    suffix = next((each for each in reversed(SUFFIXES) if path.name.endswith(each)), "")
    name = path.name.removesuffix(suffix) if path.is_file() else path.name
    return path.with_name(name + PACK_SUFFIX)


def _inside(folder: Path, run: Path) -> Path:
    """Return the file for a run in a folder, which is made. Raise PackingError."""
    if folder.exists() and not folder.is_dir():
        raise PackingError(f"{folder} is a file; of several runs --out names a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PackingError(f"cannot write to {folder}: {error.strerror}") from error
    return folder / (run.name + PACK_SUFFIX)


def _pack(journals: RunJournals, source: Path, out: Path) -> PackedFile:
    builder = journals.builder()
    events = pack_chunks(journals.chunks(), builder, journals.clock, out, journals.scenario)
    return PackedFile(out, source, events, out.stat().st_size, builder.metadata().unread)


def _pack_other(path: Path, out: Path) -> PackedFile:
    trace = read(path).trace
    pack_trace(trace, out)
    return PackedFile(out, path, len(trace), out.stat().st_size, trace.unread)


class Converted(NamedTuple):
    """What was written, what could not be read, and what the format cannot hold.

    assumed: what was assumed to read the log and to match its messages. lost: what of
    the log is not in what was written. Both a line each.
    """

    events: int
    processes: int
    executions: int
    unread: list[UnreadLine]
    lost: list[str]
    assumed: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        unread = [one._asdict() for one in self.unread]
        return {**self._asdict(), "unread": unread}


def convert(
    path: Path, out: Path, to: str, *, overwrite: bool = False, **options: Any
) -> Converted:
    """Read a log of any kind and write it in another format.

    path: of the log. out: the file, or for several files the folder, to write. to:
    the format, one of `driftlab.foreign.FORMATS`. overwrite: whether to replace a
    file. options: as for `driftlab.read`. Raises DriftlabError.
    """
    if out.exists() and out.resolve() == path.resolve():
        raise UnwritableError(f"{out}: is the input; give another name")
    if out.is_file() and not overwrite:
        raise UnwritableError(f"{out}: exists already; give another name, or --overwrite")
    executions: list[Execution] = []
    lost, assumed = [], []
    for history in read_all(path, **options):
        prepared = prepare(history, to)
        executions.append(Execution(history.name, prepared.trace))
        lost.append((history.name, prepared.lost))
        assumed.append((history.name, history.assumed))
    if len(executions) == 1:
        executions = [executions[0]._replace(label="")]
    write_log(executions, out, to)
    traces = [each.trace for each in executions]
    return Converted(
        sum(map(len, traces)),
        len({name for trace in traces for name in trace.names}),
        len(traces),
        [one for trace in traces for one in trace.unread],
        lines_of_runs(lost),
        lines_of_runs(assumed),
    )


TABLE_SUFFIXES: Final = (".parquet", ".csv")


class OutputError(DriftlabError):
    """A history cannot be written to a place; the text says why."""


def write_restamped(history: History, clock: str, out: str | Path, source: str | Path) -> None:
    """Write a history that was restamped; nothing that exists is overwritten.

    history: read from `source`, then restamped with `clock`.
    clock: a name of the catalogue of clocks.
    out: FILE.parquet or FILE.csv for the events, else a new folder for journals.
    source: the run folder or journal whose lines are written again, with the clock.

    Raise OutputError if a file cannot be read again or written, RunFolderError if the
    folder exists, and RestampError if a folder is asked for but `source` has no journals.
    """
    out = Path(out)
    if out.suffix in TABLE_SUFFIXES:
        _write_table(history, out)
    else:
        _write_folder(history, clock, out, Path(source))


def _write_table(history: History, out: Path) -> None:
    frame = history.events
    try:
        with whole_file(out, replace=False) as unfinished, unfinished.open("xb") as file:
            if out.suffix == ".parquet":
                frame.write_parquet(file)
            else:
                _with_joined_lists(frame).write_csv(file)
    except FileExistsError:
        raise OutputError(f"{out} exists and is not overwritten; name another file") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise OutputError(f"cannot write {out}: {reason}") from error


def _with_joined_lists(frame: "pl.DataFrame") -> "pl.DataFrame":
    """Return the frame with each list of names as one text, as in journals: B,C."""
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    return frame.with_columns(pl.col(lists).list.join(",")) if lists else frame


def _write_folder(history: History, clock: str, out: Path, source: Path) -> None:
    trace = history.trace
    journals = _source_journals(trace, source, history.name)
    if not journals or trace.arrivals is None or trace.scenario is None:
        raise RestampError(
            f"{out}: a folder of journals can only be written of a run folder; "
            f"{_table_advice(out)} the events"
        )
    scenario = Scenario.from_toml(trace.scenario)
    if clock != "lamport":
        scenario = scenario.replace(clock=clock)
    create_run_folder(out, scenario)
    try:
        _write_journals(history, clock, journals, out)
    except BaseException:
        discard_run_folder(out)
        raise


def _table_advice(out: Path) -> str:
    return f"--out {out.name}.parquet or {out.name}.csv writes"


def _source_journals(trace: Trace, source: Path, run_name: str) -> dict[int, Path]:
    """Return the path of each of a trace's files by its number; none unless all are journals.

    `source` may also be a folder of runs, of which `run_name` was read.
    """
    names = {number: Path(name).name for number, name in enumerate(trace.files) if name}
    folders = [source, source / run_name] if source.is_dir() else [source.parent]
    for folder in folders:
        paths = {number: folder / name for number, name in names.items()}
        if all(path.is_file() and is_journal(path) for path in paths.values()):
            return paths
    return {}


def _write_journals(history: History, clock: str, journals: dict[int, Path], out: Path) -> None:
    further = None if clock == "lamport" else clock
    for number, events in _events_by_file(history, further, journals):
        path = journals[number]
        target = out / path.name.removesuffix(".gz")
        try:
            with open_whole(target, errors="surrogateescape", replace=False) as file:
                file.writelines(restamp_lines(_text_lines(path, out), events, further))
        except OSError as error:
            raise OutputError(f"cannot write {target}: {error.strerror}") from error
        except JournalError as error:
            raise OutputError(f"{path} is not what was read: {error}") from None


def _text_lines(path: Path, out: Path) -> Iterator[str]:
    """Yield the lines of a journal, gzipped or not, as text in which every byte survives.

    Raise OutputError where the file is damaged or has a line too long to be read.
    """
    start = codecs.BOM_UTF8
    for chunk in line_chunks(path):
        if chunk.damage or chunk.skipped:
            why = "the gzip file is damaged" if chunk.damage else f"a line is {TOO_LONG}"
            raise OutputError(
                f"{path}: {why}, so its lines cannot be written again; "
                f"{_table_advice(out)} the events that were read"
            )
        text = chunk.text.removeprefix(start).decode("utf-8", errors="surrogateescape")
        yield from io.StringIO(text, newline="\n")
        start = b""


def _events_by_file(
    history: History, clock: str | None, files: Iterable[int]
) -> Iterator[tuple[int, dict[int, RestampedEvent]]]:
    """Yield each file's number, and what the clock says in its lines by their numbers.

    clock: the additional clock, None if only the Lamport clocks changed.
    """
    trace, columns, arrivals = history.trace, history.trace.columns, history.trace.arrivals
    # Every journal has these columns.
    assert arrivals is not None
    assert columns.clock is not None
    assert columns.stamp is not None
    assert columns.line is not None
    sources = match_arrivals(trace, history.messages).source.tolist()
    texts = trace.timestamp_texts() if clock else []
    unknown = zero_timestamp_text(clock, trace.processes) if clock else None
    stamps, clocks, lines = columns.stamp.tolist(), columns.clock.tolist(), columns.line.tolist()
    carried, begins = arrivals.stamp.tolist(), arrivals.starts.tolist()

    def arrival(number: int) -> RestampedArrival:
        timestamp = texts[sources[number]] if clock and sources[number] >= 0 else unknown
        return RestampedArrival(carried[number], timestamp)

    def event(row: int) -> RestampedEvent:
        return RestampedEvent(
            clocks[row],
            None if stamps[row] == MISSING else stamps[row],
            texts[row] if clock else None,
            [arrival(number) for number in range(begins[row], begins[row + 1])],
        )

    for file in files:
        yield file, {lines[row]: event(row) for row in _rows_of_file(trace, file)}


def _rows_of_file(trace: Trace, file: int) -> Iterable[int]:
    """Return the rows of the events that stand in one of the trace's files."""
    if trace.columns.file is not None:
        rows: list[int] = np.flatnonzero(trace.columns.file == file).tolist()
        return rows
    return range(int(trace.starts[file]), int(trace.starts[file + 1]))
