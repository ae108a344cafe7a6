"""The figures of what is at a path: runs, another program's log, a sweep, a study."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from driftlab.api.read import RunSource, SeveralRunsError, find_sources, list_names
from driftlab.errors import DriftlabError
from driftlab.figures.figure import Figure, NoDataError
from driftlab.figures.frame_figures import FRAME_FIGURES, draw_frame
from driftlab.figures.run_columns import RunColumns
from driftlab.figures.run_figures import Drawn, draw_runs
from driftlab.history.parquet import PARQUET_MAGIC, is_packed
from driftlab.journal.files import UnreadableError, begins_with
from driftlab.scenario.scenario import Scenario

SWEEP_KEY: Final = "driftlab-sweep"  # of the description in the metadata of a sweep's file
STUDY_KEY: Final = "driftlab-study"  # the same of a study's runs
STUDY_GRID: Final = "grid.parquet"
STUDY_FILE: Final = "study.toml"
STUDY_RUNS: Final = "runs.parquet"


class DifferentScenariosError(DriftlabError):
    """Runs of different scenarios, which are not drawn as one."""


class InterruptedStudyError(DriftlabError):
    """The folder of a study that has no results yet."""


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
    if len(paths) > 1:
        return draw_runs(_columns_of_several(paths, options), names)
    path = paths[0]
    place = Path(path)
    require_finished(place)
    if place.is_dir() and (place / STUDY_FILE).is_file() and (place / STUDY_RUNS).is_file():
        return _of_study(place, names)
    if is_sweep(place):
        return draw_frame(*_sweep(place), names)
    return draw_runs(columns_of(find_sources(path, **options), path), names)


def require_finished(folder: Path) -> None:
    """Raise InterruptedStudyError if a folder is that of a study without results."""
    if not (folder / STUDY_FILE).is_file() or (folder / STUDY_RUNS).is_file():
        return
    raise InterruptedStudyError(
        f"{folder}: a study that was interrupted, with no results yet; go on with it: "
        f"driftlab study {folder / STUDY_FILE} --out {folder}"
    )


def _columns_of_several(
    paths: Sequence[str | Path], options: Mapping[str, Any]
) -> list[RunColumns]:
    """Return the columns of the runs at several paths, numbered one after the other."""
    for path in paths:
        if (Path(path) / STUDY_FILE).is_file() or is_sweep(Path(path)):
            raise DriftlabError(f"{path}: a study or a sweep is drawn alone, not with other paths")
    sources = [(source, path) for path in paths for source in find_sources(path, **options)]
    runs = [
        RunColumns(source.read().trace, number=number)
        for number, (source, _) in enumerate(sources, 1)
    ]
    first = _alike(runs[0])
    for run, (_, path) in zip(runs, sources, strict=True):
        if _alike(run) != first:
            raise DifferentScenariosError(
                f"{paths[0]} and {path} are of different scenarios, which are not drawn as one; "
                "draw each by itself, or see driftlab stats"
            )
    return runs


def _alike(run: RunColumns) -> object:
    """Return what runs at several paths must have in common: all but the seed and the number."""
    return _without_draws(run), run.rates


def is_sweep(path: Path) -> bool:
    """Whether a file is the table of a sweep."""
    is_table = path.is_file() and begins_with(path, PARQUET_MAGIC) and not is_packed(path)
    return is_table and SWEEP_KEY in pl.read_parquet_metadata(path)


def _of_study(folder: Path, names: Sequence[str] | None) -> Drawn:
    """Return the figures of a study: its conditions, and its grid if it has one."""
    grid = folder / STUDY_GRID
    frame, about = _table(folder / STUDY_RUNS, STUDY_KEY)
    scenarios = [Scenario.from_toml(text) for text in about.get("scenarios", {}).values()]
    if not grid.is_file():
        return draw_frame(frame, scenarios[0] if scenarios else None, names)
    figures: list[Figure] = []
    left_out: list[str] = []
    for name in names or FRAME_FIGURES:
        table, scenario = (
            (frame, scenarios[0] if scenarios else None) if name == "comparison" else _sweep(grid)
        )
        try:
            figures += draw_frame(table, scenario, [name]).figures
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


def columns_of(sources: Sequence[RunSource], path: str | Path) -> list[RunColumns]:
    """Return the columns of the runs of one scenario. Raise DriftlabError if there are several."""
    if len(sources) > 1 and any(source.form is not None for source in sources):
        raise SeveralRunsError(
            f"{path} holds {len(sources)} executions; choose one with --execution N or its name "
            f"({list_names([source.name for source in sources])})"
        )
    runs = [RunColumns(source.read().trace) for source in sources]
    _require_one_scenario(runs, sources, path)
    return runs


def _require_one_scenario(
    runs: Sequence[RunColumns], sources: Sequence[RunSource], path: str | Path
) -> None:
    first = _without_draws(runs[0])
    for run, source in zip(runs, sources, strict=True):
        if _without_draws(run) != first:
            raise DifferentScenariosError(
                f"{path}: {sources[0].name} and {source.name} are runs of different scenarios; "
                "draw each by itself"
            )


def _without_draws(run: RunColumns) -> object:
    """Return what runs of one scenario have in common: all but the number and the rates drawn."""
    if run.scenario is None:
        return run.names
    plain = run.scenario.to_dict()
    for key in ("first_run", "runs", "rates", "seed"):
        plain.pop(key, None)
    if run.is_simulated:
        plain.pop("speed", None)  # which changes nothing of it
    return run.names, plain
