"""Write a history with another clock where everything else can read it.

A history that was read from journals becomes a run folder again, with the clock in
its journals and its scenario, so that `stats`, `replay` and every judge take it like
any other. The events of any history become one file, Parquet or CSV.
"""

import codecs
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from driftlab.analysis.restamp import RestampError, zero_timestamp_text
from driftlab.api.history import History
from driftlab.errors import DriftlabError
from driftlab.history.matching.arrivals import match_arrivals
from driftlab.history.trace import Trace
from driftlab.journal.files import TOO_LONG, line_chunks
from driftlab.journal.parser import JournalError
from driftlab.journal.reader import is_journal
from driftlab.journal.rewrite import RestampedArrival, RestampedEvent, restamp_lines
from driftlab.journal.run_folder import create_run_folder, discard_run_folder
from driftlab.model.columns import MISSING
from driftlab.scenario.scenario import Scenario

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
    frame: pl.DataFrame = history.events
    try:
        with out.open("xb") as file:
            if out.suffix == ".parquet":
                frame.write_parquet(file)
            else:
                _with_joined_lists(frame).write_csv(file)
    except FileExistsError:
        raise OutputError(f"{out} exists and is not overwritten; name another file") from None
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror}") from error


def _with_joined_lists(frame: pl.DataFrame) -> pl.DataFrame:
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
            with target.open("x", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
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
