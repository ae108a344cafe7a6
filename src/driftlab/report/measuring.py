"""From recorded histories to subjects: the measures of each machine, or of each rank of speed.

Of one run a measure is what the run shows. Of several it is the mean over runs with
Student's interval; growths too are then of the runs, not of their parts. What theory
expects of a machine or a rank stands beside it, under the name of the measure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum
from typing import TYPE_CHECKING, Any, Final

from driftlab.analysis.metrics import is_rate_missed, pace
from driftlab.analysis.run_statistics import STATISTICS_COLUMNS, run_statistics
from driftlab.analysis.statistics import Estimate, mean_estimate
from driftlab.api.recorded_stats import SAME_RATE
from driftlab.report.measures import Measure, Subject, rank_names
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import RateRange
from driftlab.theory.prediction import MachinePrediction, NoTheoryError, Prediction, predict

if TYPE_CHECKING:
    from driftlab.history.trace import Trace

TOTALS: Final = frozenset({"late_ticks", "queue_grew", "rate_missed"})  # added up over runs
NO_MEASURES: Final = frozenset({"name", "rank"})


@dataclass(frozen=True, slots=True)
class MachineMeasures:
    """What one machine did in one run.

    rate: ticks a second that were asked for, None if not known. values: by measure.
    """

    name: str
    rate: float | None
    values: Mapping[str, Estimate]


def measures_of_run(trace: "Trace") -> tuple[list[MachineMeasures], list[str]]:
    """Return what each machine of a recorded run did, and what its log does not allow.

    trace: of the run.
    """
    found = run_statistics(trace)
    return [_of_row(row) for row in found.machines], found.reasons


def _of_row(row: Mapping[str, Any]) -> MachineMeasures:
    """Return the measures of a row of statistics; what is null there is absent here."""
    values = {
        key: Estimate(float(row[key]), row.get(f"{key}_low"), row.get(f"{key}_high"))
        for key in STATISTICS_COLUMNS
        if key not in NO_MEASURES and not key.endswith(("_low", "_high")) and row[key] is not None
    }
    kinds = [row[f"events_{kind}"] for kind in ("internal", "send", "receive", "unsaid")]
    values["ticks"] = Estimate(float(sum(each or 0 for each in kinds)), None, None)
    events = int(values["ticks"].value)
    if row["rate"] and row["achieved_rate"] is not None and events > 1:
        pacing = row["rate"], row["achieved_rate"], events, row["late_ticks"]
        values["achieved_share"] = Estimate(pace(*pacing), None, None)
        values["rate_missed"] = Estimate(float(is_rate_missed(*pacing)), None, None)
    return MachineMeasures(row["name"], row["rate"], values)


def subjects_of_run(machines: Sequence[MachineMeasures]) -> list[Subject]:
    """Return a subject for each machine of one run."""
    fastest = _fastest(machines)
    return [
        Subject(
            name=each.name,
            rate=each.rate,
            measures={key: Measure(*value) for key, value in each.values.items()},
            reference=fastest,
        )
        for each in machines
    ]


def subjects_of_runs(runs: Sequence[Sequence[MachineMeasures]]) -> list[Subject]:
    """Return the subjects of several runs of one scenario.

    They are the machines by name where each has the same rate in all runs, else the
    ranks of speed, the fastest first (of equals, the first in name order).
    """
    if len(runs) == 1:
        return subjects_of_run(runs[0])
    if _are_alike(runs):
        names, sorted_runs, is_rank = [each.name for each in runs[0]], list(runs), False
    else:
        size = min(map(len, runs))
        names, is_rank = list(rank_names(size)), True
        sorted_runs = [sorted(run, key=lambda each: -_speed(each)) for run in runs]
    reference = names[0] if is_rank else _fastest(runs[0])
    return [
        Subject(
            name=name,
            is_rank=is_rank,
            rate=None if is_rank else runs[0][place].rate,
            runs=len(runs),
            measures=_over_runs([run[place].values for run in sorted_runs]),
            reference=reference,
        )
        for place, name in enumerate(names)
    ]


def _are_alike(runs: Sequence[Sequence[MachineMeasures]]) -> bool:
    """Whether each machine has the same rate in all runs; where none was asked, about the same."""
    asked = {tuple((each.name, each.rate) for each in run) for run in runs}
    if len(asked) > 1:
        return False
    return all(
        same[0].rate is not None
        or max(map(_speed, same)) <= (1 + SAME_RATE) * min(map(_speed, same))
        for same in zip(*runs, strict=True)
    )


def with_predictions(
    subjects: Sequence[Subject], predicted: Mapping[str, Mapping[str, float | str]]
) -> list[Subject]:
    """Return the subjects with what theory expects of them, by their names."""
    return [replace(each, predicted=predicted.get(each.name, {})) for each in subjects]


def _fastest(machines: Sequence[MachineMeasures]) -> str | None:
    """Return the name of the machine against which drift is measured."""
    speeds = [_speed(each) for each in machines]
    return machines[speeds.index(max(speeds))].name if machines else None


def _speed(machine: MachineMeasures) -> float:
    """Return the rate that was asked for, else the one that was achieved, else 0."""
    achieved = machine.values.get("achieved_rate")
    return machine.rate or (0.0 if achieved is None else achieved.value)


def _over_runs(values: Sequence[Mapping[str, Estimate]]) -> dict[str, Measure]:
    """Return the measures that every run has, over the runs."""
    shared = [key for key in values[0] if all(key in run for run in values)]
    found = {key: measure_over_runs(key, [run[key].value for run in values]) for key in shared}
    growths = [run["queue_per_second"] for run in values if "queue_per_second" in run]
    if len(growths) == len(values):
        grew = [float(each.exceeds(0)) for each in growths]
        found["queue_grew"] = measure_over_runs("queue_grew", grew)
    return found


def measure_over_runs(measure: str, values: Sequence[float]) -> Measure:
    """Return a measure over runs: its mean with interval and extremes, or its total."""
    if measure in TOTALS:
        return Measure(float(sum(values)), least=min(values), greatest=max(values))
    mean, low, high = mean_estimate(values)
    return Measure(mean, low, high, min(values), max(values))


Expectations = Mapping[str, Mapping[str, float | str]]


def expected_of(
    scenario: Scenario | None, run_numbers: Sequence[int], *, quick: bool = False
) -> tuple[Expectations, str | None]:
    """Return what theory expects, by the name of the machine or the rank, and why not, if nothing.

    run_numbers: of the runs; where rates are drawn, the ranks get the means over these.
    quick: by closed forms alone.
    """
    if scenario is None:
        return {}, "prediction: the log does not say which scenario it is of"
    try:
        if not isinstance(scenario.rates, RateRange):
            prediction = predict(scenario, quick=quick)
            return {each.name: _of_machine(each) for each in prediction.machines}, None
        return _of_ranks(_each_run(scenario, run_numbers)), None
    except NoTheoryError as error:
        return {}, f"prediction: {error}"


def _each_run(scenario: Scenario, run_numbers: Sequence[int]) -> list[Prediction]:
    """Return the prediction of each run; equal rates are predicted once."""
    known: dict[tuple[float, ...], Prediction] = {}
    predictions = []
    for number in run_numbers:
        rates = tuple(sorted(map(float, scenario.rates_of(number)), reverse=True))
        if rates not in known:
            one = scenario.replace(rates=list(rates), runs=1, first_run=1)
            known[rates] = predict(one, quick=True)
        predictions.append(known[rates])
    return predictions


def _of_ranks(predictions: Sequence[Prediction]) -> dict[str, dict[str, float | str]]:
    """Return the means over runs of what is expected of each rank; a queue only if all agree."""
    names = rank_names(len(predictions[0].machines))
    return {
        name: _mean(_of_machine(each.machines[place]) for each in predictions)
        for place, name in enumerate(names)
    }


def _mean(runs: Iterable[Mapping[str, float | str]]) -> dict[str, float | str]:
    kept = list(runs)
    means: dict[str, float | str] = {}
    for key in kept[0]:
        values = [run.get(key) for run in kept]
        numbers = [value for value in values if isinstance(value, float)]
        if len(numbers) == len(values):
            means[key] = fsum(numbers) / len(numbers)
        elif len(set(values)) == 1 and isinstance(values[0], str):
            means[key] = values[0]
    means["queue_diverges_in"] = float(sum(run.get("queue") == "diverges" for run in kept))
    return means


def _of_machine(machine: MachinePrediction) -> dict[str, float | str]:
    expected: dict[str, float | str | None] = {
        "queue": machine.queue,
        "queue_per_second": float(machine.queue_per_second),
        "queue_last": float(machine.queue_last["mean"]),
        "clock_per_second": float(machine.clock_per_second),
        "clock": machine.clock_last["mean"],
        "drift_per_second": float(machine.drift_per_second),
        "utilisation": float(machine.utilisation),
        "jump_mean": machine.jump["mean"],
        "jump_max": machine.jump["max"],
    }
    return {key: value for key, value in expected.items() if value is not None}
