"""A history with another clock, written where everything else can read it.

What was read from journals becomes a run folder again, the clock in it: its
scenario says so, and `stats`, `replay` and all judges take it as any other. The
events of any history become one file, Parquet or CSV.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np

from driftlab.analysis.restamp import RestampError, text_of_nothing
from driftlab.api.history import History
from driftlab.errors import DriftlabError
from driftlab.history.matching.arrivals import match_arrivals
from driftlab.history.trace import Trace
from driftlab.journal.format import JournalError
from driftlab.journal.rewrite import RestampedArrival, RestampedEvent, restamp_lines
from driftlab.journal.run_folder import create_run_folder, discard_run_folder
from driftlab.model.columns import MISSING
from driftlab.scenario.scenario import Scenario

FILES: Final = (".parquet", ".csv")
_HEADER: Final = "# driftlab-journal "
_GZIP: Final = b"\x1f\x8b"  # how a gzipped file begins


class OutputError(DriftlabError):
    """A place that a history cannot be written to, and why."""


def write(history: History, clock: str, out: str | Path, source: str | Path) -> None:
    """Write a history that was read from `source` and restamped with `clock`.

    To FILE.parquet or FILE.csv its events, else to a new folder the journals
    that stand in `source`, with the clock. Nothing that exists is overwritten.
    Raises OutputError, RunFolderError or RestampError.
    """
    out = Path(out)
    if out.suffix in FILES:
        _write_file(history, out)
    else:
        _write_folder(history, clock, out, Path(source))


def _write_file(history: History, out: Path) -> None:
    frame = history.events
    try:
        with out.open("xb") as file:
            if out.suffix == ".parquet":
                frame.write_parquet(file)
            else:
                _without_lists(frame).write_csv(file)
    except FileExistsError:
        raise OutputError(f"{out} exists and is not overwritten; name another file") from None
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror}") from error


def _without_lists(frame: Any) -> Any:
    """Write lists of names as in journals: B,C."""
    import polars as pl

    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    return frame.with_columns(pl.col(lists).list.join(",")) if lists else frame


def _write_folder(history: History, clock: str, out: Path, source: Path) -> None:
    trace = history.trace
    journals = _journals(trace, source, history.name)
    if not journals or trace.arrivals is None or trace.scenario is None:
        raise _no_journals(out)
    scenario = Scenario.from_toml(trace.scenario)
    if clock != "lamport":
        scenario = scenario.replace(clock=clock)
    create_run_folder(out, scenario)
    try:
        _write_journals(history, clock, journals, out)
    except BaseException:
        discard_run_folder(out)
        raise


def _journals(trace: Trace, source: Path, name: str) -> dict[int, Path]:
    """Return where each of a trace's files stands, none if they are not all journals.

    A folder may also hold the run folder that was read, which the history is named after.
    """
    names = {number: Path(name).name for number, name in enumerate(trace.files) if name}
    folders = [source, source / name] if source.is_dir() else [source.parent]
    for folder in folders:
        paths = {number: folder / name for number, name in names.items()}
        if all(map(_is_journal, paths.values())):
            return paths
    return {}


def _is_journal(path: Path) -> bool:
    if not path.is_file():
        return False
    with _opened(path) as lines:
        return lines.read(len(_HEADER)) == _HEADER


def _opened(path: Path) -> TextIO:
    """Open a journal, gzipped or not, as text in which every byte survives."""
    with path.open("rb") as file:
        is_gzipped = file.read(2) == _GZIP
    way: Any = partial(gzip.open, path, "rt") if is_gzipped else path.open
    lines: TextIO = way(encoding="utf-8", errors="surrogateescape", newline="\n")
    return lines


def _no_journals(out: Path) -> RestampError:
    return RestampError(
        f"{out}: a folder of journals can only be written of a run folder; "
        f"--out {out.name}.parquet or {out.name}.csv writes the events"
    )


def _write_journals(history: History, clock: str, journals: dict[int, Path], out: Path) -> None:
    further = None if clock == "lamport" else clock
    for number, events in _by_file(history, further, journals):
        path = journals[number]
        target = out / path.name.removesuffix(".gz")
        try:
            with (
                _opened(path) as lines,
                target.open("x", encoding="utf-8", errors="surrogateescape", newline="\n") as file,
            ):
                file.writelines(restamp_lines(lines, events, further))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise OutputError(
                f"{path}: the gzip file is damaged, so its lines cannot be written again; "
                f"--out {out.name}.parquet or {out.name}.csv writes the events that were read"
            ) from error
        except OSError as error:
            raise OutputError(f"cannot write {target}: {error.strerror}") from error
        except JournalError as error:
            raise OutputError(f"{path} is not what was read: {error}") from None


def _by_file(
    history: History, clock: str | None, files: Iterable[int]
) -> Iterator[tuple[int, dict[int, RestampedEvent]]]:
    """Yield each file's number, and what the clock says in its lines by their numbers."""
    trace, of = history.trace, history.trace.columns
    arrivals = trace.arrivals
    assert arrivals is not None
    sources = match_arrivals(trace, history.messages).source.tolist()
    texts = trace.timestamp_texts() if clock else []
    nothing = text_of_nothing(clock, trace.processes) if clock else None
    stamps, clocks = of.stamp.tolist(), of.clock.tolist()
    carried, begins = arrivals.stamp.tolist(), arrivals.starts.tolist()

    def found(place: int) -> RestampedArrival:
        if not clock:
            return RestampedArrival(carried[place], None)
        return RestampedArrival(
            carried[place], texts[sources[place]] if sources[place] >= 0 else nothing
        )

    def says(row: int) -> RestampedEvent:
        return RestampedEvent(
            clocks[row],
            None if stamps[row] == MISSING else stamps[row],
            texts[row] if clock else None,
            [found(place) for place in range(begins[row], begins[row + 1])],
        )

    for number in files:
        yield number, {int(of.line[row]): says(row) for row in _rows(trace, number)}


def _rows(trace: Trace, file: int) -> list[int]:
    """Return the rows of the events that stand in one of the trace's files."""
    if trace.columns.file is not None:
        rows: list[int] = np.flatnonzero(trace.columns.file == file).tolist()
        return rows
    return list(range(int(trace.starts[file]), int(trace.starts[file + 1])))
