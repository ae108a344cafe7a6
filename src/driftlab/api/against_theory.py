"""Recorded runs beside what theory predicts of them, each scenario by itself.

Runs are put together only where theory says the same of them: rates, die, phases and
length. A machine that did not keep its rate makes another experiment, so its run is
compared with the prediction at the rates that were achieved, and the comparison says so.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import Any, NamedTuple

from driftlab.analysis.against_theory import RATE_ALLOWANCE, ComparedFigure, compare_with_theory
from driftlab.analysis.metrics import MachineMetrics, late_line
from driftlab.analysis.run_statistics import metrics_of_trace
from driftlab.api.read import RunSource, find_sources
from driftlab.api.read_run import read_run, read_runs
from driftlab.errors import DriftlabError, counted
from driftlab.journal.run_folder import SCENARIO_FILE
from driftlab.lazy import np
from driftlab.scenario.scenario import Scenario
from driftlab.theory.prediction import Prediction, predict


class NoScenarioError(DriftlabError):
    """A log that does not say what it is a run of."""


class _Member(NamedTuple):
    """One run: where it was found, its number, and the metrics of its machines."""

    path: str
    number: int
    machines: Sequence[MachineMetrics]


@dataclass(frozen=True, slots=True)
class TheoryComparison:
    """Runs of one scenario beside its prediction.

    paths: where the runs are. numbers: of the runs that were compared. rates: asked for.
    prediction: at the rates achieved, where those are others. runs: how many. figures:
    predicted and measured. remarks: on what the comparison is based.
    """

    paths: tuple[str, ...]
    numbers: tuple[int, ...]
    rates: tuple[float, ...]
    prediction: Prediction
    runs: int
    figures: tuple[ComparedFigure, ...]
    remarks: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the prediction under the names of the JSON interface, and what was measured."""
        return {
            **self.prediction.to_dict(),
            "against": [figure.to_dict() for figure in self.figures],
            "against_runs": self.runs,
            "against_paths": list(self.paths),
            "against_remarks": list(self.remarks),
        }


def compare_with_prediction(
    paths: Iterable[str | Path], *, quick: bool = False
) -> list[TheoryComparison]:
    """Compare recorded runs with theory.

    paths: run folders, packed runs, or folders of these, of one scenario or of several.
    quick: as for `predict`. Return a comparison for each scenario, in the order in which it
    comes first; runs that drew other rates are of other scenarios. Raise DriftlabError.
    """
    groups: dict[Scenario, list[_Member]] = {}
    for path in paths:
        for scenario, member in _runs_at(Path(path)):
            groups.setdefault(_alike(scenario, member.number), []).append(member)
    return [_compare(scenario, members, quick) for scenario, members in groups.items()]


def _runs_at(path: Path) -> Iterator[tuple[Scenario, _Member]]:
    """Read every run at a path, each with its scenario."""
    if (path / SCENARIO_FILE).is_file():
        scenario, runs = read_runs(path)
        for run in runs:
            yield scenario, _Member(str(path), run.number, run.machines)
        return
    for source in find_sources(path):
        yield _read(path, source)


def _read(path: Path, source: RunSource) -> tuple[Scenario, _Member]:
    if source.form is None and (source.path / SCENARIO_FILE).is_file():
        run = read_run(source.path)
        return run.scenario, _Member(str(source.path), run.number, run.machines)
    trace = source.read().trace
    if trace.scenario is None:
        raise NoScenarioError(
            f"{path}: the log does not say which scenario it is of, so nothing is predicted of it"
        )
    scenario = Scenario.from_toml(trace.scenario)
    if trace.columns.late_ns is None:  # simulated: nothing is late
        nothing = np.zeros(len(trace), np.int64)
        trace = trace.replace(columns=trace.columns._replace(late_ns=nothing))
    machines = metrics_of_trace(
        trace, range(trace.processes), seconds=float(scenario.seconds), speed=float(scenario.speed)
    )
    return scenario, _Member(str(source.path), scenario.first_run, machines)


def _alike(scenario: Scenario, run: int) -> Scenario:
    """Return the scenario of a run without what theory does not depend on."""
    single = scenario.for_run(run)
    return single.replace(seed=1, speed=1, first_run=1)


def _compare(scenario: Scenario, members: Sequence[_Member], quick: bool) -> TheoryComparison:
    asked = [float(rate) for rate in scenario.rates_of(scenario.first_run)]
    kept = [each for each in members if len(each.machines) == len(asked)]
    metrics = [each.machines for each in kept]
    achieved = [
        fsum(machines[place].kept_rate for machines in metrics) / max(len(metrics), 1)
        for place in range(len(asked))
    ]
    remarks = []
    if len(kept) < len(members):
        left = counted(len(members) - len(kept), "run")
        remarks.append(f"{left} left out, without a journal of every machine")
    slow = [
        (name, got, rate)
        for name, got, rate in zip(scenario.machine_names(), achieved, asked, strict=True)
        if got and abs(got / rate - 1) > RATE_ALLOWANCE
    ]
    expected = predict(scenario, quick=quick)
    if slow and metrics:
        listed = ", ".join(f"{name} {got:.3f} instead of {rate:g}" for name, got, rate in slow)
        remarks.append(
            f"predicted at the rates achieved, since machines did not keep theirs: {listed}"
        )
        rates = [round(got, 4) if got else rate for got, rate in zip(achieved, asked, strict=True)]
        expected = predict(scenario.replace(rates=rates), quick=quick)
    late = late_line(sum(each.late_ticks or 0 for machines in metrics for each in machines))
    if late is not None:
        remarks.append(late)
    figures = compare_with_theory(expected, metrics, asked) if metrics else []
    if not figures:
        remarks.append("nothing was measured: no machine took a tick")
    return TheoryComparison(
        tuple(dict.fromkeys(each.path for each in members)),
        tuple(each.number for each in kept),
        tuple(asked),
        expected,
        len(metrics),
        tuple(figures),
        tuple(remarks),
    )
