"""What theory expects of a scenario's machines or ranks, under the names of the measures."""

from collections.abc import Iterable, Mapping, Sequence
from math import fsum

from driftlab.report.measures import rank_names
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import RateRange
from driftlab.theory.prediction import MachinePrediction, NoTheoryError, Prediction, predict

Expected = Mapping[str, Mapping[str, float | str]]


def expected_of(
    scenario: Scenario | None, run_numbers: Sequence[int], *, quick: bool = False
) -> tuple[Expected, str | None]:
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
