"""What a path opens: one diagram, or the bench of several runs.

A path may be a run folder, a packed run, the log of another program, the table of a sweep
(one of whose cells is simulated again), or a folder of runs.
"""

import json
from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from driftlab.api.history import History
from driftlab.api.read import find_sources, read
from driftlab.api.simulate import simulate_run
from driftlab.api.simulate_one import simulated_trace
from driftlab.api.trust import admit_process
from driftlab.diagram.overview import packed_overview
from driftlab.errors import DriftlabError
from driftlab.history.parquet import SWEEP_KEY
from driftlab.journal.files import UnreadableError
from driftlab.journal.run_folder import SCENARIO_FILE
from driftlab.lazy import pl
from driftlab.machine.process_loader import load_process
from driftlab.scenario.scenario import Scenario
from driftlab.study.figures_of import is_sweep
from driftlab.study.grid import Grid
from driftlab.view.bench import RunBench
from driftlab.view.journal_tail import is_running
from driftlab.view.run_list import list_runs
from driftlab.view.served_history import ServedHistory

WITH_ARRIVALS_MAX: Final = 1_000_000  # ticks of a cell up to which arrivals are simulated too


class WrongCellError(DriftlabError):
    """A cell, or a run of it, that a sweep does not have."""


def open_path(path: str | Path, options: Mapping[str, Any]) -> ServedHistory | RunBench:
    """Return what a path opens. Raise DriftlabError if there is nothing that can be read.

    options: how to read the log of another program, see `driftlab.read`.
    """
    place = Path(path)
    if place.is_file() and is_sweep(place):
        return serve_cell(place, options.get("execution"))
    is_folder = place.is_dir() and not any(value is not None for value in options.values())
    if is_folder and (place / SCENARIO_FILE).exists():
        if _scenario_runs(place) > 1:
            return RunBench(place)
        if is_running(place):
            return ServedHistory(_name(place), partial(read, place), place)
    if is_folder and not _is_log(place) and list_runs(place):
        return RunBench(place)
    sources = find_sources(path, **options)
    if len(sources) > 1:
        return RunBench(place if place.is_dir() else place.parent, sources)
    (source,) = sources
    folder = source.path if source.form is None and place.is_dir() else None
    own_names = ("", "execution 1", place.parent.name, place.stem)
    is_alone = source.name == "execution 1" or (place.is_file() and source.name in own_names)
    look = partial(packed_overview, place) if place.is_file() else _no_overview
    return ServedHistory(
        _name(place) if is_alone else source.name or _name(place), source.read, folder, look
    )


def _no_overview(title: str) -> None:
    """Nothing is known of a log before it is read."""


def _name(place: Path) -> str:
    return place.resolve().name


def _scenario_runs(folder: Path) -> int:
    from driftlab.journal.run_folder import read_scenario

    return read_scenario(folder / SCENARIO_FILE).runs


def _is_log(folder: Path) -> bool:
    """Whether a folder has files itself that may be a log, and so is not one of runs."""
    return any(
        path.is_file()
        and path.name[0] != "."
        and path.suffix in ("", ".log", ".csv", ".json", ".gz")
        for path in folder.iterdir()
    )


# A cell of a sweep.


def serve_cell(path: Path, wanted: str | None) -> ServedHistory:
    """Return a run of a cell of a sweep, to be simulated again.

    wanted: the number of the cell, as the column `cell` has it, or `CELL/RUN` with the number of
    the run. Raise WrongCellError if there is no such cell or run.
    """
    cell, _, run = ("" if wanted is None else str(wanted)).partition("/")
    grid = _grid_of(path)
    if not cell.isdecimal() or int(cell) >= len(grid):
        raise WrongCellError(
            f"{path}: a sweep of {len(grid)} cells; name one with --execution CELL, from 0 to "
            f"{len(grid) - 1}, or a run of it with --execution CELL/RUN"
        )
    scenario = next(islice(grid.cells(), int(cell), None)).scenario
    number = int(run) if run.isdecimal() else scenario.first_run
    if (run and not run.isdecimal()) or number not in scenario.run_numbers:
        raise WrongCellError(
            f"{path}: cell {cell} has runs {scenario.first_run} to {scenario.run_numbers[-1]}"
        )
    return ServedHistory(f"cell {cell}, run {number}", partial(simulated, scenario, number))


def simulated(scenario: Scenario, number: int) -> History:
    """Simulate one run of a scenario and return its history. Raise DriftlabError."""
    alone = admit_process(scenario.for_run(number))
    load_process(alone.process)
    if alone.expected_ticks > WITH_ARRIVALS_MAX:
        return simulate_run(alone, record="all").history
    return History(simulated_trace(alone, number)[0])


def _grid_of(path: Path) -> Grid:
    try:
        about = json.loads(pl.read_parquet_metadata(path)[SWEEP_KEY])
        base, fields = Scenario.from_toml(about["scenario"]), about["grid"]
        return Grid(base.replace(runs=about["runs"]), fields)
    except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as error:
        raise UnreadableError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
