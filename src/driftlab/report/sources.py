"""What is at a path, for a report: groups of runs of one scenario, a study, or a sweep.

Runs of different scenarios are kept apart and never averaged together. Two runs are of
one scenario if theirs differ in nothing but the seed, the number of the run and, where
rates were drawn from one range, the rates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftlab.api.history import History
from driftlab.api.read import RunSource, find_sources
from driftlab.api.read_run import CUT_OFF, NO_JOURNAL, REPEATED_KEYS, read_run, scenario_of_all
from driftlab.errors import DriftlabError
from driftlab.journal.format import COMPLETE
from driftlab.journal.run_folder import SCENARIO_FILE
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import ScenarioError

if TYPE_CHECKING:
    from driftlab.judge.checker import Verdict


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """One run that was read.

    scenario: of this run alone, None where it is not known. base: of all runs that it is
    one of, itself where it is the only one. ends: how each machine ended, by name; empty
    for the log of another program.
    """

    name: str
    history: History
    scenario: Scenario | None
    ends: Mapping[str, str]
    base: Scenario | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every machine took every tick, as far as the log says."""
        return all(end == COMPLETE for end in self.ends.values())

    @property
    def is_simulated(self) -> bool:
        """Whether the log says that its time was simulated."""
        return any(info.simulated for info in self.history.trace.process_info)

    def check(self) -> "Verdict":
        """Judge the run's clocks."""
        return self.history.check()


@dataclass(frozen=True, slots=True)
class ReportedRuns:
    """Runs of one scenario. scenario: of all of them, None where it is not known."""

    scenario: Scenario | None
    runs: Sequence[ReportedRun]

    @property
    def is_simulated(self) -> bool:
        """Whether their time was simulated."""
        return any(run.is_simulated for run in self.runs)

    @property
    def averaged(self) -> Sequence[ReportedRun]:
        """The runs whose figures are reported: the whole ones; if there is none, the first."""
        whole = [run for run in self.runs if run.is_whole]
        return whole or self.runs[:1]


def read_groups(*paths: str | Path, **options: Any) -> list[ReportedRuns]:
    """Read all runs at some paths; the options are those of `driftlab.read`.

    Raises DriftlabError if there is no run that can be read, or one is given twice.
    """
    groups: dict[object, list[ReportedRun]] = {}
    seen: set[tuple[Path, str]] = set()
    for path in paths:
        sources = find_sources(path, **options)
        for source in sources:
            place = (source.path.resolve(), source.name)
            if place in seen:
                raise DriftlabError(f"{path}: {source.name} was given before; give each run once")
            seen.add(place)
            run = _recorded(source)
            if len(paths) > 1 and len(sources) > 1:  # several have a run-1
                run = replace(run, name=f"{Path(path).name}/{run.name}")
            groups.setdefault(_key(run), []).append(run)
    return [ReportedRuns(runs[0].base, runs) for runs in groups.values()]


def _recorded(source: RunSource) -> ReportedRun:
    history = source.read()
    alone = _scenario_of(history.trace.scenario)
    base = None if alone is None else scenario_of_all(source.path, alone)
    return ReportedRun(source.name, history, alone, _ends(source, history), base)


def _scenario_of(text: str | None) -> Scenario | None:
    if text is None:
        return None
    try:
        return Scenario.from_toml(text)
    except ScenarioError:
        return None  # of a newer version, say: the log is read all the same


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


def _key(run: ReportedRun) -> object:
    """Return what is equal for runs of one scenario, and for no others."""
    if run.base is None:  # executions of one log, of the same processes
        return tuple(run.history.names)
    keys = {key: value for key, value in run.base.to_dict().items() if key not in REPEATED_KEYS}
    if run.is_simulated:
        keys.pop("speed")
    return str(sorted(keys.items())), run.is_simulated
