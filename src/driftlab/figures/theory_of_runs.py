"""What theory predicts of runs that are drawn, where it covers them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from driftlab.figures.run_columns import RunColumns
from driftlab.figures.wording import same_rates
from driftlab.theory.clock_chain import TooManyStatesError, clock_rate
from driftlab.theory.formulas import (
    DieProbabilities,
    Inflow,
    inflow,
    live_machines,
    mean_queue,
    queue_at_most,
)
from driftlab.theory.prediction import MachinePrediction, NoTheoryError, Prediction, predict

if TYPE_CHECKING:
    from driftlab.scenario.scenario import Scenario

POINTS: Final = 61  # of a predicted curve
TAIL: Final = 0.025  # on each side of the range of 95 % of the runs


class QueueCurve(NamedTuple):
    """The predicted queue over time: its mean, and the range that holds 95 % of the runs."""

    seconds: list[float]
    mean: list[float]
    low: list[float]
    high: list[float]


def prediction_of(runs: Sequence[RunColumns]) -> Prediction | None:
    """Return what theory says of runs with the same rates, None if it does not cover them."""
    scenario = runs[0].scenario
    if scenario is None or not same_rates(runs):
        return None
    try:
        return predicted(scenario)
    except NoTheoryError:
        return None


@lru_cache(maxsize=16)
def predicted(scenario: "Scenario") -> Prediction:
    """Return the prediction by closed forms, but for a clock rate that these are far off.

    That of three or more live machines is known by a chain alone. The chains of the queues
    would take longer than drawing all figures.
    """
    prediction = predict(scenario, quick=True)
    rates = [float(rate) for rate in scenario.rates_of(scenario.first_run)]
    die = DieProbabilities.of_scenario(scenario)
    live = len(live_machines(rates, die.to_peer(len(rates))))
    if live < 3 or all(each.method["clock_per_second"] != "pair" for each in prediction.machines):
        return prediction
    try:
        rate = clock_rate(rates, die, aligned=scenario.phase == "aligned").rate
    except TooManyStatesError:
        return prediction
    return _with_clock_rate(prediction, rate)


def _with_clock_rate(prediction: Prediction, rate: float) -> Prediction:
    """Return a prediction with another clock rate, of which all clocks are multiples."""
    factor = rate / prediction.clock_rate

    def changed(machine: MachinePrediction) -> MachinePrediction:
        clock, jump = machine.clock_last["mean"], machine.jump["mean"]
        return replace(
            machine,
            clock_per_second=machine.clock_per_second * factor,
            clock_last={**machine.clock_last, "mean": None if clock is None else clock * factor},
            drift_per_second=machine.drift_per_second * factor,
            jump={**machine.jump, "mean": None if jump is None else jump * factor},
            method={**machine.method, "clock_per_second": "clock-chain"},
        )

    return replace(
        prediction, machines=tuple(map(changed, prediction.machines)), clock_rate=rate, remarks=()
    )


def machine_of(prediction: Prediction | None, name: str) -> MachinePrediction | None:
    """Return the prediction of a machine, None if there is none."""
    machines = () if prediction is None else prediction.machines
    return next((machine for machine in machines if machine.name == name), None)


def queue_curve(scenario: "Scenario", machine: int) -> QueueCurve:
    """Return the predicted queue of a machine over a run, which begins empty."""
    rates = [float(rate) for rate in scenario.rates_of(scenario.first_run)]
    flow, rate = inflow(rates, DieProbabilities.of_scenario(scenario), machine), rates[machine]
    times = [float(scenario.seconds) * k / (POINTS - 1) for k in range(1, POINTS)]
    return QueueCurve(
        [0.0, *times],
        [0.0, *(mean_queue(flow, rate, t) for t in times)],
        [0.0, *(float(_quantile(flow, rate, t, TAIL)) for t in times)],
        [0.0, *(float(_quantile(flow, rate, t, 1 - TAIL)) for t in times)],
    )


def _quantile(flow: Inflow, rate: float, seconds: float, share: float) -> int:
    """Return the smallest length that a queue does not exceed with a probability."""
    low, high = -1, 1
    while queue_at_most(flow, rate, seconds, high) < share:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if queue_at_most(flow, rate, seconds, middle) < share:
            low = middle
        else:
            high = middle
    return high
