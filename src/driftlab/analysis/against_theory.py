"""Measurement beside prediction: which figures of real or simulated runs disagree with theory.

A figure disagrees if the mean over the runs is further from the prediction than
SPREADS standard errors and what the method of the prediction is known to be off.
The standard error comes from the predicted spread of one run; of a live clock, whose
spread theory does not know, from a bound that was found by simulation. What a run did
not measure, such as the jump of a machine that took one tick, is left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import fsum, sqrt
from typing import Any, Final, NamedTuple

from driftlab.analysis.metrics import MachineMetrics
from driftlab.theory.prediction import MachinePrediction, Prediction

SPREADS: Final = 3.3  # standard errors: chance exceeds them once in a thousand figures
RATE_ALLOWANCE: Final = 0.005  # share by which a rate that was kept may differ
CLOCK_ALLOWANCE: Final = (5.0, 0.01)  # ticks, and a share, of a clock after a run
# The share by which the closed form of a clock rate may be off: of two machines, and of more.
PAIR_ALLOWANCE: Final = (0.015, 0.12)
QUEUE_ALLOWANCE: Final = 2.2  # messages
# By the chain, and by the closed form of the long run, which knows of no start.
RECEIVES_ALLOWANCE: Final = (0.02, 0.06)
JUMP_ALLOWANCE: Final = 0.05  # share of a mean jump
LARGEST_JUMP_ALLOWANCE: Final = 3.0
GUMBEL_SD: Final = 1.2825  # pi/sqrt(6), of an extreme value of exponential ones, over their sd
# Of the ticks that live clocks gain on the fastest machine: their variance over their mean.
GAIN_VARIANCE: Final = 0.5


@dataclass(frozen=True, slots=True)
class ComparedFigure:
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


class ExpectedFigure(NamedTuple):
    """What is expected of one figure.

    predicted: its mean. spread: the standard deviation of one run. allowance: what the
    method may be off. value: of the metrics of a run, None where it was not measured.
    """

    figure: str
    predicted: float
    spread: float
    allowance: float
    value: Callable[[MachineMetrics], float | None]


def compare_with_theory(
    prediction: Prediction,
    runs: Sequence[Sequence[MachineMetrics]],
    rates: Sequence[float] | None = None,
) -> list[ComparedFigure]:
    """Return every figure that was both predicted and measured.

    runs: of each run the metrics of its machines, in the order of the prediction's.
    rates: asked for, where the prediction is of those achieved.
    """
    asked = [machine.rate for machine in prediction.machines] if rates is None else rates
    return [
        figure
        for place, (machine, rate) in enumerate(zip(prediction.machines, asked, strict=True))
        for expected in _expected(prediction, machine, rate)
        if (figure := _figure(machine.name, expected, [run[place] for run in runs])) is not None
    ]


def clock_spread(prediction: Prediction, machine: MachinePrediction) -> float:
    """Return the standard deviation of a machine's clock after a run, or a bound of it.

    Theory knows that of a saturated machine alone. A live clock is behind the largest by
    a geometric lag and by the messages that wait; the largest gains on the fastest
    machine's ticks by jumps, the variance of which is at most GAIN_VARIANCE of their sum.
    """
    known = machine.clock_last["sd"]
    if known is not None:
        return known
    clock, rate = prediction.clock_rate, machine.rate
    gained = max(0.0, clock - max(each.rate for each in prediction.machines)) * prediction.seconds
    variance = 1 + GAIN_VARIANCE * gained
    arriving = machine.utilisation * rate
    if arriving > 1e-9 * rate and clock > rate:
        lag = max(0.0, 1 - rate / clock) * clock / arriving
        variance += lag**2 + (clock / arriving * machine.queue_last["sd"]) ** 2
    return min(sqrt(variance), clock * prediction.seconds)


def _expected(
    prediction: Prediction, predicted: MachinePrediction, asked: float
) -> list[ExpectedFigure]:
    ticks = max(1.0, predicted.rate * prediction.seconds)
    clock, queue = predicted.clock_last["mean"] or 0.0, predicted.queue_last
    is_idle = predicted.clock_last["mean"] is None
    spread = clock_spread(prediction, predicted)
    share = CLOCK_ALLOWANCE[1]
    if predicted.method["clock_per_second"] == "pair":
        share += PAIR_ALLOWANCE[len(prediction.machines) > 2]
    off = CLOCK_ALLOWANCE[0] + share * clock
    jump, largest = predicted.jump["mean"] or 0.0, predicted.jump["max"]
    rows = [
        ExpectedFigure("rate", asked, 0.0, RATE_ALLOWANCE * asked, _rate),
        *([] if is_idle else [ExpectedFigure("clock", clock, spread, off, _last_clock)]),
        ExpectedFigure(
            "queue", queue["mean"], queue["sd"],
            0.5 if predicted.method["queue_last"] == "queue-chain" else QUEUE_ALLOWANCE,
            lambda m: m.queue.last if m.ticks else None,
        ),
    ]  # fmt: skip
    if not lacks_receives(predicted):
        receives = predicted.utilisation
        # Ticks of a run depend a little on one another.
        receives_spread = 1.5 * sqrt(max(receives * (1 - receives), 0.0) / ticks)
        rows.append(
            ExpectedFigure(
                "receives", receives, receives_spread,
                RECEIVES_ALLOWANCE[predicted.method["utilisation"] == "flow"], _share_of_receives,
            )
        )  # fmt: skip
    # The mean jump is the clock over the number of events: it is allowed what the clock is.
    jump_off = max(JUMP_ALLOWANCE * jump, off / ticks)
    if not is_idle:
        rows.append(ExpectedFigure("jump", jump, spread / ticks, jump_off, _mean_jump))
    if largest is not None:
        # The largest of many geometric jumps is spread as an extreme value is.
        sd = (predicted.jump["sd"] or 0.0) * GUMBEL_SD
        rows.append(
            ExpectedFigure("largest jump", largest, sd, LARGEST_JUMP_ALLOWANCE, _largest_jump)
        )
    return rows


def _last_clock(machine: MachineMetrics) -> float | None:
    return machine.clock if machine.ticks else None


def lacks_receives(predicted: MachinePrediction) -> bool:
    """Whether the share of receives is known in the long run only, not in a run.

    The closed form does not know of the inbox that is empty at first.
    """
    return predicted.method["utilisation"] == "flow" and predicted.queue != "stable"


def _rate(machine: MachineMetrics) -> float | None:
    return machine.kept_rate if machine.ticks > 1 else None


def _share_of_receives(machine: MachineMetrics) -> float | None:
    return machine.events["receive"] / machine.ticks if machine.ticks else None


def _mean_jump(machine: MachineMetrics) -> float | None:
    return machine.jump.mean if machine.ticks > 1 else None


def _largest_jump(machine: MachineMetrics) -> float | None:
    return machine.jump.max if machine.ticks > 1 else None


def _figure(
    machine: str, expected: ExpectedFigure, runs: Sequence[MachineMetrics]
) -> ComparedFigure | None:
    """Return a figure of the runs that measured it, None if none did."""
    values = [value for run in runs if (value := expected.value(run)) is not None]
    if not values:
        return None
    mean = fsum(values) / len(values)
    allowed = SPREADS * expected.spread / sqrt(len(values)) + expected.allowance
    agrees = abs(mean - expected.predicted) <= allowed
    return ComparedFigure(machine, expected.figure, expected.predicted, mean, allowed, agrees)
