"""Measurement beside prediction: which figures of real or simulated runs disagree with theory.

A figure disagrees if the mean over the runs is further from the prediction than
SPREADS standard errors and what the method of the prediction is known to be off.
The standard error comes from the predicted spread of one run, or, where theory knows
none, from the spread between the runs.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import fsum, sqrt
from typing import Any, Final

from driftlab.analysis.metrics import MachineMetrics
from driftlab.theory.prediction import MachinePrediction, Prediction

SPREADS: Final = 3.3  # standard errors: chance exceeds them once in a thousand figures
RATE_ALLOWANCE: Final = 0.005  # share by which a rate that was kept may differ
CLOCK_ALLOWANCE: Final = (5.0, 0.01)  # ticks, and a share, of a clock after a run
QUEUE_ALLOWANCE: Final = 2.2  # messages
RECEIVES_ALLOWANCE: Final = 0.02
JUMP_ALLOWANCE: Final = 0.05  # share of a mean jump
LARGEST_JUMP_ALLOWANCE: Final = 3.0
GUMBEL_SD: Final = 1.2825  # pi/sqrt(6), of an extreme value of exponential ones, over their sd


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one machine: predicted, and measured as the mean over runs.

    allowed: by how much the two may differ. agrees: whether they do not differ by more.
    """

    machine: str
    figure: str
    predicted: float
    measured: float
    allowed: float
    agrees: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it under the names of the JSON interface."""
        return asdict(self)


def compare_with_theory(
    prediction: Prediction,
    runs: Sequence[Sequence[MachineMetrics]],
    rates: Sequence[float] | None = None,
) -> list[Figure]:
    """Return every figure that was both predicted and measured.

    runs: of each run the metrics of its machines, in the order of the prediction's.
    rates: asked for, where the prediction is of those achieved.
    """
    asked = [machine.rate for machine in prediction.machines] if rates is None else rates
    return [
        figure
        for place, (machine, rate) in enumerate(zip(prediction.machines, asked, strict=True))
        for figure in _figures(machine, [run[place] for run in runs], rate)
    ]


def _figures(
    predicted: MachinePrediction, measured: Sequence[MachineMetrics], asked: float
) -> list[Figure]:
    clock, queue = predicted.clock_last, predicted.queue_last
    ticks = max(1, measured[0].ticks)
    share = predicted.utilisation
    share_sd = 1.5 * sqrt(max(share * (1 - share), 0.0) / ticks)  # ticks of a run depend a little
    jump, largest = predicted.jump["mean"] or 0.0, predicted.jump["max"]
    rows: list[tuple[str, float, float | None, float, Callable[[MachineMetrics], float]]] = [
        ("rate", asked, 0.0, RATE_ALLOWANCE * asked, lambda m: m.kept_rate),
        (
            "clock", clock["mean"] or 0.0, clock["sd"],
            CLOCK_ALLOWANCE[0] + CLOCK_ALLOWANCE[1] * (clock["mean"] or 0.0), lambda m: m.clock,
        ),
        (
            "queue", queue["mean"], queue["sd"],
            0.5 if predicted.method["queue_last"] == "queue-chain" else QUEUE_ALLOWANCE,
            lambda m: m.queue.last,
        ),
        (
            "receives", share, share_sd, RECEIVES_ALLOWANCE,
            lambda m: m.events["receive"] / max(m.ticks, 1),
        ),
        (
            "jump", jump, None if clock["sd"] is None else clock["sd"] / ticks,
            JUMP_ALLOWANCE * jump, lambda m: m.jump.mean,
        ),
    ]  # fmt: skip
    if largest is not None:
        # The largest of many geometric jumps is spread as an extreme value is.
        sd, allowance = (predicted.jump["sd"] or 0.0) * GUMBEL_SD, LARGEST_JUMP_ALLOWANCE
        rows.append(("largest jump", largest, sd, allowance, lambda m: float(m.jump.max)))
    return [_figure(predicted.name, *row, measured) for row in rows]


def _figure(
    machine: str,
    name: str,
    predicted: float,
    spread: float | None,
    allowance: float,
    value: Callable[[MachineMetrics], float],
    measured: Sequence[MachineMetrics],
) -> Figure:
    values = [value(each) for each in measured]
    count = len(values)
    mean = fsum(values) / count
    if spread is None:
        spread = sqrt(fsum((one - mean) ** 2 for one in values) / (count - 1)) if count > 1 else 0
    allowed = SPREADS * spread / sqrt(count) + allowance
    return Figure(machine, name, predicted, mean, allowed, abs(mean - predicted) <= allowed)
