"""Recorded runs beside what theory predicts of them, each scenario by itself.

Runs are put together only where theory says the same of them: rates, die, phases and
length. A machine that did not keep its rate makes another experiment, so its run is
compared with the prediction at the rates that were achieved, and the comparison says so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import Any

from driftlab.analysis.against_theory import RATE_ALLOWANCE, Figure, compare_with_theory
from driftlab.api.read_run import read_runs
from driftlab.api.run import Run
from driftlab.errors import counted
from driftlab.scenario.scenario import Scenario
from driftlab.theory.prediction import Prediction, predict


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs of one scenario beside its prediction.

    paths: where the runs are. rates: asked for. prediction: at the rates achieved, where
    those are lower. runs: how many. figures: predicted and measured. remarks: on what
    the comparison is based.
    """

    paths: tuple[str, ...]
    rates: tuple[float, ...]
    prediction: Prediction
    runs: int
    figures: tuple[Figure, ...]
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


def compare_runs(paths: Iterable[str | Path], *, quick: bool = False) -> list[Comparison]:
    """Compare recorded runs with theory.

    paths: folders of a run, or of several. quick: as for `predict`. Return a comparison
    for each scenario, in the order in which it comes first. Raise DriftlabError.
    """
    groups: dict[Scenario, list[tuple[str, Run]]] = {}
    for path in paths:
        scenario, runs = read_runs(path)
        for run in runs:
            groups.setdefault(_alike(scenario, run.number), []).append((str(path), run))
    return [_compare(scenario, members, quick) for scenario, members in groups.items()]


def _alike(scenario: Scenario, run: int) -> Scenario:
    """Return the scenario of a run without what theory does not depend on."""
    single = scenario.for_run(run)
    return single.replace(seed=1, speed=1, first_run=1)


def _compare(scenario: Scenario, members: Sequence[tuple[str, Run]], quick: bool) -> Comparison:
    runs = [run for _, run in members]
    asked = [float(rate) for rate in scenario.rates_of(scenario.first_run)]
    metrics = [run.machines for run in runs if len(run.machines) == len(asked)]
    achieved = [
        fsum(machines[place].kept_rate for machines in metrics) / max(len(metrics), 1)
        for place in range(len(asked))
    ]
    remarks = []
    if len(metrics) < len(runs):
        left = counted(len(runs) - len(metrics), "run")
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
        kept = [round(got, 4) if got else rate for got, rate in zip(achieved, asked, strict=True)]
        expected = predict(scenario.replace(rates=kept), quick=quick)
    late = sum(machine.late_ticks or 0 for machines in metrics for machine in machines)
    if late:
        ticks = f"{counted(late, 'tick')} began more than a period late"
        remarks.append(f"late: {ticks}; lower --speed or the number of machines")
    figures = compare_with_theory(expected, metrics, asked) if metrics else []
    return Comparison(
        tuple(dict.fromkeys(path for path, _ in members)),
        tuple(asked),
        expected,
        len(metrics),
        tuple(figures),
        tuple(remarks),
    )
