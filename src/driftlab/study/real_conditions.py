"""The conditions of a study run by real machines, one run after the other.

Run 1 of every condition comes before run 2 of any, so that a study that is interrupted
has pairs. A run that is whole is never repeated: what goes on after an interrupt or a
crash finds it in its folder. A run that was cut off is set aside, not removed.
"""

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from driftlab.api.read_run import read_run
from driftlab.api.run import Run
from driftlab.api.run_real import RunStart, require_real, run_one
from driftlab.errors import DriftlabError
from driftlab.journal.format import COMPLETE
from driftlab.journal.run_folder import (
    SCENARIO_FILE,
    create_run_folder,
    read_scenario,
    run_folder,
    scenario_text,
)
from driftlab.machine.machine import is_process_failure
from driftlab.machine.process_loader import forbid_reentrant_run
from driftlab.real.launcher import reserve_file_descriptors
from driftlab.scenario.scenario import Scenario
from driftlab.study.sweep_parts import write_durably

RUNS_FOLDER: Final = "runs"
_SET_ASIDE: Final = "interrupted"
_MOVED: Final = "moved"


class OtherStudyError(DriftlabError):
    """A folder that holds the runs of another study."""


class RealProgress(NamedTuple):
    """How far a study is: runs done in all and in this call, of how many; what is running.

    seconds, seconds_left: of real time, that the runs of this call took and will take.
    """

    done: int
    runs: int
    condition: str
    number: int
    seconds: float
    seconds_left: float


OnProgress = Callable[[RealProgress], None]


def run_conditions(
    scenarios: Mapping[str, Scenario],
    folder: Path,
    on_progress: OnProgress = lambda progress: None,
) -> dict[str, list[Run]]:
    """Run every condition with real machines and return its runs, in their order.

    scenarios: of the conditions, by name; all have the same number of runs. folder: of
    the study. on_progress: called periodically. Raises KeyboardInterrupt if a person
    ends it, and DriftlabError if a condition cannot be run.
    """
    forbid_reentrant_run()
    folders = {name: condition_folder(folder, name) for name in scenarios}
    for name, scenario in scenarios.items():
        reserve_file_descriptors(scenario.size)
        require_real(scenario)
        _claim(folders[name], scenario)
    order = [
        (name, number)
        for number in next(iter(scenarios.values())).run_numbers
        for name in scenarios
    ]
    runs: dict[str, list[Run]] = {name: [] for name in scenarios}
    todo = []
    for name, number in order:
        finished = _finished(folders[name], scenarios[name], number)
        if finished is None:
            todo.append((name, number))
        else:
            runs[name].append(finished)
    lengths = [scenarios[name].seconds / scenarios[name].speed for name, _ in todo]
    for place, (name, number) in enumerate(todo):
        before, left = sum(lengths[:place]), sum(lengths[place:])

        def beat(start: RunStart, elapsed_ns: int) -> None:
            seconds = min(max(0.0, elapsed_ns / 1e9), lengths[place])  # noqa: B023 - called now
            done = len(order) - len(todo) + place  # noqa: B023
            on_progress(
                RealProgress(done, len(order), name, number, before + seconds, left - seconds)  # noqa: B023
            )

        _set_aside(Path(run_folder(folders[name], scenarios[name], number)), scenarios[name])
        run = run_one(scenarios[name], folders[name], number, beat)
        if run.interrupted:
            raise KeyboardInterrupt
        runs[name].append(run)
    return {name: sorted(some, key=lambda run: run.number) for name, some in runs.items()}


def make_room(there: Mapping[str, Scenario], asked: Mapping[str, Scenario], folder: Path) -> None:
    """Prepare the folders of finished conditions for more runs; what is done is not done again.

    there, asked: the scenario of each condition, as it was and with more runs. The number of
    a run may have more digits then, and a single run moves into a folder of its own.
    """
    for name, scenario in asked.items():
        runs, before = condition_folder(folder, name), there[name]
        for number in before.run_numbers:
            old = Path(run_folder(runs, before, number))
            new = Path(run_folder(runs, scenario, number))
            if new.exists():
                continue
            if old == runs:
                beside = runs.with_name(f"{runs.name}-{_MOVED}")
                if not beside.exists():
                    runs.rename(beside)
                runs.mkdir(exist_ok=True)
                beside.rename(new)
            elif old.exists():
                old.rename(new)
        write_durably(runs / SCENARIO_FILE, scenario_text(scenario).encode())


def condition_folder(folder: Path, name: str) -> Path:
    """Return the folder of a condition's runs below that of the study."""
    return folder / RUNS_FOLDER / name


def _claim(folder: Path, scenario: Scenario) -> None:
    """Make the folder of a condition, or go on with it. Raise OtherStudyError."""
    path = folder / SCENARIO_FILE
    if path.exists() and scenario.runs > 1:
        if read_scenario(path) != scenario:
            raise OtherStudyError(f"{folder} holds runs of another scenario; name another --out")
    elif scenario.runs > 1:
        create_run_folder(folder, scenario)


def _finished(folder: Path, scenario: Scenario, number: int) -> Run | None:
    """Return a run that is whole in its folder, None if it is not there or was cut off."""
    path = Path(run_folder(folder, scenario, number))
    if not (path / SCENARIO_FILE).exists():
        return None
    if read_scenario(path / SCENARIO_FILE) != scenario.for_run(number):
        raise OtherStudyError(f"{path} holds a run of another scenario; name another --out")
    run = read_run(path)
    is_whole = all(end == COMPLETE or is_process_failure(end) for end in run.ends.values())
    return run if is_whole else None


def _set_aside(path: Path, scenario: Scenario) -> None:
    """Rename the folder of a run that was cut off, so that it can be run again."""
    if not path.exists() or (scenario.runs > 1 and not any(path.iterdir())):
        return
    for number in count(1):
        aside = path.with_name(f"{path.name}-{_SET_ASIDE}-{number}")
        if not aside.exists():
            path.rename(aside)
            return
