"""The figures of what is at a path: runs, another program's log, a sweep, a study."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from driftlab.api.read import RunSource, SeveralRunsError, find_sources, list_names
from driftlab.errors import DriftlabError
from driftlab.figures.frame_figures import draw_frame
from driftlab.figures.run_columns import RunColumns
from driftlab.figures.run_figures import Drawn, draw_runs
from driftlab.history.parquet import PARQUET_MAGIC, is_packed
from driftlab.journal.files import UnreadableError, begins_with
from driftlab.scenario.scenario import Scenario

SWEEP_KEY: Final = "driftlab-sweep"  # of the description in the metadata of a sweep's file
STUDY_FILE: Final = "study.toml"
STUDY_RUNS: Final = "runs.parquet"


class DifferentScenariosError(DriftlabError):
    """Runs of different scenarios, which are not drawn as one."""


def figures_of(path: str | Path, names: Sequence[str] | None = None, **options: Any) -> Drawn:
    """Return the figures of what is at a path.

    path: a run folder, a packed run, a folder of runs of one scenario, the log of another
    program, the Parquet file of a sweep, or the folder of a study. names: of figures;
    None: all that can be drawn. options: how to read a log, see `driftlab.read`.
    Raise NoDataError if a named figure has no data, and DriftlabError if nothing at the
    path can be read.
    """
    place = Path(path)
    if place.is_dir() and (place / STUDY_FILE).is_file() and (place / STUDY_RUNS).is_file():
        return draw_frame(_table(place / STUDY_RUNS), None, names)
    if place.is_file() and begins_with(place, PARQUET_MAGIC) and not is_packed(place):
        description = pl.read_parquet_metadata(place).get(SWEEP_KEY)
        if description is not None:
            scenario = Scenario.from_toml(json.loads(description)["scenario"])
            return draw_frame(_table(place), scenario, names)
    return draw_runs(columns_of(find_sources(path, **options), path), names)


def _table(path: Path) -> pl.DataFrame:
    """Read a table. Raise UnreadableError if it is damaged."""
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
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
    for key in ("first_run", "runs", "rates"):
        plain.pop(key, None)
    return run.names, plain
