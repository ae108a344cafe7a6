"""What is at a path, for a report: groups of runs of one scenario, a study, or a sweep.

Runs of different scenarios are told apart and never averaged together. Two runs are of
one scenario if theirs differ in nothing but the seed, the number of the run and, where
rates were drawn from one range, the rates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftlab.api.history import History
from driftlab.api.read import RunSource, find_sources
from driftlab.api.read_run import CUT_OFF, NO_JOURNAL, read_run
from driftlab.journal.format import COMPLETE
from driftlab.journal.run_folder import SCENARIO_FILE
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import ScenarioError

if TYPE_CHECKING:
    from driftlab.judge.checker import Verdict


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One run that was read.

    scenario: of this run alone, None where it is not known. ends: how each machine ended,
    by name; empty for the log of another program.
    """

    name: str
    history: History
    scenario: Scenario | None
    ends: Mapping[str, str]

    def check(self) -> "Verdict":
        """Judge the run's clocks."""
        return self.history.check()


@dataclass(frozen=True, slots=True)
class Group:
    """Runs of one scenario. scenario: of all of them, None where it is not known."""

    scenario: Scenario | None
    runs: Sequence[RecordedRun]

    @property
    def is_simulated(self) -> bool:
        """Whether the log of a run says that its time was simulated."""
        return any(info.simulated for run in self.runs for info in run.history.trace.process_info)


def read_groups(path: str | Path, **options: Any) -> list[Group]:
    """Read all runs at a path; the options are those of `driftlab.read`.

    Raises DriftlabError if there is no run that can be read.
    """
    sources = find_sources(path, **options)
    base = _base_scenario(Path(path))
    groups: dict[object, list[RecordedRun]] = {}
    scenarios: dict[object, Scenario | None] = {}
    for source in sources:
        run = _recorded(source)
        key = _key(run, base)
        groups.setdefault(key, []).append(run)
        scenarios.setdefault(key, base if key == "base" else run.scenario)
    return [Group(scenarios[key], runs) for key, runs in groups.items()]


def _base_scenario(path: Path) -> Scenario | None:
    """Return the scenario of a folder of runs, None where there is none."""
    file = path / SCENARIO_FILE
    if not file.is_file():
        return None
    return _scenario_of(file.read_text(encoding="utf-8"))


def _scenario_of(text: str | None) -> Scenario | None:
    if text is None:
        return None
    try:
        return Scenario.from_toml(text)
    except ScenarioError:
        return None  # of a newer version, say: the log is read all the same


def _recorded(source: RunSource) -> RecordedRun:
    history = source.read()
    trace = history.trace
    return RecordedRun(source.name, history, _scenario_of(trace.scenario), _ends(source, history))


def _ends(source: RunSource, history: History) -> dict[str, str]:
    """Return how each machine ended, as its journal or what is left of it says."""
    if source.form is not None:
        return {}
    if (source.path / SCENARIO_FILE).is_file():
        return dict(read_run(source.path).ends.items())
    trace = history.trace
    ends = {
        name: COMPLETE if info.ended else CUT_OFF
        for name, info in zip(trace.names, trace.process_info, strict=False)
    }
    return ends | dict.fromkeys(trace.missing_processes, NO_JOURNAL)


def _key(run: RecordedRun, base: Scenario | None) -> object:
    """Return what is equal for runs of one scenario, and for no others."""
    if base is not None:
        return "base"
    if run.scenario is None:
        return run.name  # nobody knows whether another log is of the same experiment
    return str(run.scenario.replace(seed=1, first_run=1).to_dict())
