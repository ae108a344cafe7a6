"""The figures of what is at a path: runs, another program's log, a sweep, a study."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from driftlab.api.read import RunSource, SeveralRunsError, find_sources, first_names
from driftlab.api.read_run import REPEATED_KEYS, scenario_of_all
from driftlab.errors import DriftlabError
from driftlab.figures.figure import Figure, NoDataError
from driftlab.figures.frame_figures import FRAME_FIGURES, draw_frame
from driftlab.figures.run_columns import RunColumns
from driftlab.figures.run_figures import Drawn, draw_runs
from driftlab.history.parquet import PARQUET_MAGIC, STUDY_KEY, STUDY_RUNS, SWEEP_KEY, is_packed
from driftlab.journal.files import UnreadableError, begins_with
from driftlab.scenario.scenario import Scenario
from driftlab.study.sweep_parts import PARTS_SUFFIX

STUDY_GRID: Final = "grid.parquet"
STUDY_FILE: Final = "study.toml"


class DifferentScenariosError(DriftlabError):
    """Runs of different scenarios, which are not drawn as one."""


class NotFinishedError(DriftlabError):
    """A study or a sweep that has no results yet."""


def figures_of(
    path: str | Path | Sequence[str | Path],
    names: Sequence[str] | None = None,
    **options: Any,
) -> Drawn:
    """Return the figures of what is at a path.

    path: a run folder, a packed run, a folder of runs of one scenario, the log of another
    program, the Parquet file of a sweep, or the folder of a study; or several paths of runs
    of one scenario, which are drawn together. names: of figures;
    None: all that can be drawn. options: how to read a log, see `driftlab.read`.
    Raise NoDataError if a named figure has no data, and DriftlabError if nothing at the
    path can be read.
    """
    paths = [path] if isinstance(path, str | Path) else list(path)
    for each in map(Path, paths):
        require_finished(each)
        is_study = (each / STUDY_FILE).is_file()
        if len(paths) > 1 and (is_study or is_sweep(each)):
            raise DriftlabError(f"{each}: a study or a sweep is drawn alone, not with other paths")
        if is_study:
            return _of_study(each, names)
        if is_sweep(each):
            return draw_frame(*_sweep(each), names)
    found = [(source, str(path)) for path in paths for source in find_sources(path, **options)]
    return draw_runs(columns_of(found), names)


def require_finished(path: Path) -> None:
    """Raise NotFinishedError if a path is that of a study or a sweep without results."""
    if (path / STUDY_FILE).is_file() and not (path / STUDY_RUNS).is_file():
        raise NotFinishedError(
            f"{path}: a study that was interrupted, with no results yet; go on with it: "
            f"driftlab study {path / STUDY_FILE} --out {path}"
        )
    for parts in (path, path.with_name(path.name + PARTS_SUFFIX)):
        if not path.is_file() and parts.name.endswith(PARTS_SUFFIX) and parts.is_dir():
            raise NotFinishedError(
                f"{path}: a sweep that was interrupted; its finished cells are in {parts}, and the "
                "command that began it goes on from there"
            )


def is_sweep(path: Path) -> bool:
    """Whether a file is the table of a sweep."""
    is_table = path.is_file() and begins_with(path, PARQUET_MAGIC) and not is_packed(path)
    return is_table and SWEEP_KEY in pl.read_parquet_metadata(path)


def _of_study(folder: Path, names: Sequence[str] | None) -> Drawn:
    """Return the figures of a study: its conditions, and its grid if it has one."""
    grid = folder / STUDY_GRID
    frame, about = _table(folder / STUDY_RUNS, STUDY_KEY)
    scenarios = [Scenario.from_toml(text) for text in about.get("scenarios", {}).values()]
    compare = about.get("compare")
    if not grid.is_file():
        return draw_frame(frame, scenarios[0] if scenarios else None, names, compare)
    figures: list[Figure] = []
    left_out: list[str] = []
    for name in names or FRAME_FIGURES:
        table, scenario = (
            (frame, scenarios[0] if scenarios else None) if name == "comparison" else _sweep(grid)
        )
        try:
            figures += draw_frame(table, scenario, [name], compare).figures
        except NoDataError as error:
            if names:
                raise
            left_out.append(str(error))
    if not figures:
        raise NoDataError("; ".join(left_out))
    return Drawn(figures, left_out)


def _sweep(path: Path) -> tuple[pl.DataFrame, Scenario]:
    """Read a sweep: its table, and the scenario that it did not change."""
    frame, about = _table(path, SWEEP_KEY)
    return frame, Scenario.from_toml(about["scenario"])


def _table(path: Path, key: str) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Read a table and what its file says of it. Raise UnreadableError if it is damaged."""
    try:
        about = json.loads(pl.read_parquet_metadata(path).get(key, "{}"))
        return pl.read_parquet(path), about
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise UnreadableError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None


def columns_of(found: Sequence[tuple[RunSource, str]]) -> list[RunColumns]:
    """Return the columns of runs of one scenario, numbered apart.

    found: each run with the path at which it is. Raise DriftlabError if they are of several
    scenarios, or executions of another program's log, of which nobody knows.
    """
    for path in dict.fromkeys(path for _, path in found):
        here = [source for source, at in found if at == path]
        if len(here) > 1 and any(source.form is not None for source in here):
            raise SeveralRunsError(
                f"{path} holds {len(here)} executions; choose one with --execution N or its name "
                f"({first_names([source.name for source in here])})"
            )
    runs = [RunColumns(source.read().trace) for source, _ in found]
    keys = [_repeated(run, source) for run, (source, _) in zip(runs, found, strict=True)]
    (first, path) = found[0]
    for key, (source, other) in zip(keys, found, strict=True):
        if key != keys[0]:
            raise DifferentScenariosError(
                f"{path}: {first.name} and {source.name} are runs of different scenarios; "
                "draw each by itself"
                if path == other
                else f"{path} and {other} are of different scenarios, which are not drawn as one; "
                "draw each by itself, or see driftlab stats"
            )
    if len({run.number for run in runs}) < len(runs):  # of several seeds, say
        for number, run in enumerate(runs, 1):
            run.number = number
    return runs


def _repeated(run: RunColumns, source: RunSource) -> object:
    """Return what runs of one scenario have in common: all but seed and number.

    Rates differ only where a scenario beside the runs says that they are drawn.
    """
    if run.scenario is None:
        return run.names, run.rates
    plain = scenario_of_all(source.path, run.scenario).to_dict()
    for key in REPEATED_KEYS:
        plain.pop(key, None)
    if run.is_simulated:
        plain.pop("speed", None)  # which changes nothing of it
    return run.names, plain
