"""From a path to histories: run folders, journals, packed histories, and anybody else's logs."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from driftlab.api.discover import RunSource, find_journals, find_runs, folders_in, list_names
from driftlab.api.history import History
from driftlab.history.tick_repair import rows_after_gap
from driftlab.history.trace import Trace
from driftlab.journal.files import UnreadableError, require_regular_file
from driftlab.model.columns import MISSING

__all__ = ["SeveralRunsError", "find_journals", "read", "read_all"]


class SeveralRunsError(UnreadableError):
    """A path that holds several runs, where one was asked for."""


def read(path: str | Path, **options: Any) -> History:
    """Read the log of one run, whatever it is.

    That is a run folder, a folder of journals or one journal (also gzipped), a
    file of `driftlab pack`, or a log of another program, for which `options`
    are (see `driftlab.trace.formats`). `execution`, the number of a run from 1 or
    its name, chooses among several. Raises SeveralRunsError where there are
    several runs, and other DriftlabErrors.
    """
    found = _found(Path(path), options)
    if len(found) > 1:
        raise SeveralRunsError(
            f"{path} holds {len(found)} runs; name one of them, choose one with --execution N or "
            f"its name ({list_names([run.name for run in found])}), in Python execution=N, or have "
            "all from driftlab.read_all(path)"
        )
    return found[0].read()


def read_all(path: str | Path, **options: Any) -> list[History]:
    """Read all runs: those of a folder of runs, or of a log with several executions.

    Packed runs in a folder are runs as its run folders are. What holds one run
    gives a list of one. Raises DriftlabError.
    """
    return [run.read() for run in _found(Path(path), options)]


def _found(path: Path, options: Mapping[str, Any]) -> list[RunSource]:
    """Find every run of a log, named as its folder, its file or its execution is."""
    require_regular_file(path)
    given = {key: value for key, value in options.items() if value is not None}
    execution = given.pop("execution", None)
    runs = [] if given and not path.is_dir() else find_runs(path)
    if runs and given:
        raise UnreadableError(
            f"{path}: its runs are driftlab's own, which need no options ({', '.join(given)})"
        )
    if runs:
        return runs if execution is None else [_chosen(path, runs, str(execution))]
    return [
        RunSource(name, path, partial(History, trace, name))
        for name, trace in _foreign(path, options)
    ]


def _chosen(path: Path, runs: Sequence[RunSource], wanted: str) -> RunSource:
    for number, run in enumerate(runs, 1):
        if wanted in (run.name, str(number)):
            return run
    raise UnreadableError(
        f"{path}: no run {wanted}; it holds {len(runs)}, by number or by name: "
        f"{list_names([run.name for run in runs])}"
    )


def _foreign(path: Path, options: Mapping[str, Any]) -> list[tuple[str, Trace]]:
    """Read a log of another program: its executions, each with its label or its number."""
    if path.is_dir():
        _require_files(path)
    from driftlab.foreign import read_executions

    found = read_executions(path, **options)
    if not found:
        raise UnreadableError(f"{path}: there is no event in it")
    return [(each.label or f"execution {number}", _without_folders(each.trace))
            for number, each in enumerate(found, 1)]  # fmt: skip


def _require_files(folder: Path) -> None:
    """Raise UnreadableError for a folder without a file that could be a log."""
    if any(path.is_file() and path.name[0] != "." for path in folder.iterdir()):
        return
    below = [path.name for path in folders_in(folder)]
    raise UnreadableError(
        f"{folder}: no journals, packed runs or other logs here, and no run in its folders "
        f"({list_names(below)}); a run folder holds a NAME.log a machine; name the folder or "
        "the file of a log that stands deeper"
        if below
        else f"{folder}: an empty folder; a run folder holds a NAME.log a machine"
    )


def _with_gaps(trace: Trace) -> Any:
    """Return the holes of a log, those among them that its numbers of ticks tell of."""
    import numpy as np

    tick = trace.columns.tick
    if tick is None or (tick == MISSING).any():
        return trace.gaps
    return np.union1d(trace.gaps, rows_after_gap(trace))


def _without_folders(trace: Trace) -> Trace:
    """Name files as they are named in their folder; ticks that are missing are holes."""
    return trace.replace(
        gaps=_with_gaps(trace),
        files=[Path(file).name for file in trace.files],
        unread=[one._replace(file=Path(one.file).name) for one in trace.unread],
    )
