"""The theory against simulations: every triple of rates from 1 to 6 with four dice.

Of each of the 864 cells 400 runs of 4,000 s say which queues diverge and how fast the
clocks rise, and 2,000 runs of 60 s how the figures of a minute are. The largest
difference of each figure and die is a row. No row of a figure is an error of the theory
alone: the means of the simulations are uncertain too. The clock rates of four to six
machines are in a table of their own.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from benchmarks.tables import Cell as TableCell
from benchmarks.tables import Table, progress
from driftlab.api.simulate import simulate_runs
from driftlab.arrays import FloatArray
from driftlab.scenario.scenario import Scenario
from driftlab.theory.prediction import MachinePrediction, Prediction, predict

DICE = (10, 5, 4, 3)
TRIPLES = tuple(product(range(1, 7), repeat=3))
LONG_S, LONG_RUNS = 4_000, 400
MINUTE_S, MINUTE_RUNS = 60, 2_000
MORE_DICE = (10, 5, 3)
MORE_MACHINES = (
    (6, 6, 6, 6), (6, 5, 4, 3), (6, 5, 5, 2), (6, 6, 3, 1), (6, 5, 4, 4), (6, 6, 6, 6, 6),
    (6, 5, 4, 3, 2), (6, 5, 5, 4, 1), (6, 6, 6, 3, 3), (6, 6, 6, 6, 6, 6), (6, 5, 4, 3, 2, 1),
    (6, 6, 5, 5, 4, 4), (6, 6, 3, 3, 2, 2),
)  # fmt: skip
SEED = 12
GROWS_SHARE = 0.05  # of its ticks: a longer queue after LONG_S has diverged

Rates = tuple[int, ...]


class Difference(NamedTuple):
    """How far a prediction is off. figure: what was predicted, and in which unit."""

    figure: str
    faces: int
    rates: Rates
    machine: int
    predicted: float
    measured: float
    difference: float


class Cell(NamedTuple):
    """The comparison of one cell. wrong: machine-runs that were classified wrongly."""

    differences: list[Difference]
    classified: int
    critical: int
    wrong: int


def measure(quick: bool) -> list[Table]:
    """Compare every cell, or every seventeenth."""
    cells = [(faces, rates) for faces in DICE for rates in TRIPLES][:: 17 if quick else 1]
    compared = []
    for place, (faces, rates) in enumerate(cells):
        if place % 50 == 0:
            progress(f"theory against simulations, cell {place + 1} of {len(cells)}")
        compared.append(compare_cell(faces, rates))
    more = [(faces, rates) for faces in MORE_DICE for rates in MORE_MACHINES]
    return [
        _classified(compared),
        _largest(cell.differences for cell in compared),
        _of_more_machines(more[:: 7 if quick else 1]),
    ]


def compare_cell(
    faces: int, rates: Rates, *, long_runs: int = LONG_RUNS, minute_runs: int = MINUTE_RUNS
) -> Cell:
    """Compare the predictions of one cell with simulations of it."""
    chain = predict(Scenario(rates=rates, faces=faces, seconds=MINUTE_S))
    quick = predict(Scenario(rates=rates, faces=faces, seconds=MINUTE_S), quick=True)
    long = _simulated(rates, faces, LONG_S, long_runs)
    minute = _simulated(rates, faces, MINUTE_S, minute_runs)
    differences = [
        *_of_clock_rates(chain, quick, long, faces, rates),
        *_of_minutes(chain.machines, quick.machines, minute, faces, rates),
    ]
    classified = critical = wrong = 0
    for machine, predicted in enumerate(chain.machines):
        grown = long["queue_last"][:, machine] > GROWS_SHARE * rates[machine] * LONG_S
        if predicted.queue == "critical":
            critical += len(grown)
        else:
            classified += len(grown)
            wrong += int((grown != (predicted.queue == "diverges")).sum())
    return Cell(differences, classified, critical, wrong)


def _simulated(rates: Rates, faces: int, seconds: int, runs: int) -> dict[str, FloatArray]:
    """Return the metrics of simulated runs, arrays of shape (runs, machines)."""
    scenario = Scenario(rates=rates, faces=faces, seconds=seconds, runs=runs, seed=SEED)
    frame = simulate_runs(scenario).frame
    names = ("clock", "queue_last", "jump_max", "events_receive")
    return {name: frame[name].to_numpy().reshape(runs, len(rates)).astype(float) for name in names}


def _of_clock_rates(
    chain: Prediction, quick: Prediction, long: dict[str, FloatArray], faces: int, rates: Rates
) -> Iterator[Difference]:
    clocks = long["clock"].mean(axis=0) / LONG_S
    fastest = int(clocks.argmax())
    for method, found in (("chain", chain), ("quick", quick)):
        share = 100 * (found.clock_rate / clocks[fastest] - 1)
        yield Difference(
            f"clock rate, {method}, %", faces, rates, fastest, found.clock_rate, clocks[fastest],
            share,
        )  # fmt: skip
    for machine, each in enumerate(chain.machines):
        if each.queue == "diverges":
            predicted, measured = each.clock_per_second, clocks[machine]
            yield Difference(
                "clock rate, saturated, %", faces, rates, machine, predicted, measured,
                100 * (predicted / measured - 1),
            )  # fmt: skip


def _of_minutes(
    chain: Sequence[MachinePrediction],
    quick: Sequence[MachinePrediction],
    minute: dict[str, FloatArray],
    faces: int,
    rates: Rates,
) -> Iterator[Difference]:
    mean = {name: table.mean(axis=0) for name, table in minute.items()}
    spread = minute["queue_last"].std(axis=0)
    for machine, (best, fast) in enumerate(zip(chain, quick, strict=True)):
        queue, clock = mean["queue_last"][machine], mean["clock"][machine]
        receives = mean["events_receive"][machine] / (rates[machine] * MINUTE_S)
        largest = mean["jump_max"][machine]
        kind = "saturated or critical" if best.queue != "stable" else "stable"
        for figure, predicted, measured in (
            ("last queue, chain, messages", best.queue_last["mean"], queue),
            ("last queue, quick, messages", fast.queue_last["mean"], queue),
            ("sd of the last queue, chain, messages", best.queue_last["sd"], spread[machine]),
            ("share of receives, chain", best.utilisation, receives),
            ("last clock, ticks", best.clock_last["mean"] or 0.0, clock),
            (f"largest jump, {kind}", best.jump["max"] or 0.0, largest),
        ):
            yield Difference(
                figure, faces, rates, machine, predicted, measured, predicted - measured
            )


def _of_more_machines(cells: Sequence[tuple[int, Rates]]) -> Table:
    """Return how far the clock rates of more than three machines are off, a row a cell."""
    rows: list[tuple[TableCell, ...]] = []
    for place, (faces, rates) in enumerate(cells):
        progress(f"more than three machines, cell {place + 1} of {len(cells)}")
        scenario = Scenario(rates=rates, faces=faces, seconds=LONG_S, runs=LONG_RUNS, seed=SEED)
        clocks = simulate_runs(scenario).frame["clock"].to_numpy().reshape(-1, len(rates))
        simulated = float(clocks.max(axis=1).mean()) / LONG_S
        best, quick = (predict(scenario, quick=each) for each in (False, True))
        rows.append(
            (
                ",".join(map(str, rates)), str(faces),
                best.machines[0].method["clock_per_second"], best.clock_rate, simulated,
                100 * (best.clock_rate / simulated - 1), 100 * (quick.clock_rate / simulated - 1),
            )
        )  # fmt: skip
    return Table(
        "Clock rates of more than three machines",
        f"{LONG_RUNS} runs of {LONG_S:,} s each; the mean over runs of the highest clock.",
        ("rates", "faces", "method", "predicted", "simulated", "off, %", "--quick off, %"),
        rows,
    )


def _classified(cells: Sequence[Cell]) -> Table:
    counts = [sum(getattr(cell, name) for cell in cells) for name in Cell._fields[1:]]
    return Table(
        "Queues classified",
        f"Machine-runs of {len(cells)} cells, {LONG_RUNS} runs of {LONG_S:,} s each. A queue has "
        f"diverged if it ends longer than {GROWS_SHARE:.0%} of its machine's ticks.",
        ("machine-runs", "called stable or diverging", "called critical", "wrong"),
        [(counts[0] + counts[1], *counts)],
    )


def _largest(cells: Iterable[Sequence[Difference]]) -> Table:
    """Return the largest difference of each figure and die, and the median of the figure's."""
    groups: dict[tuple[str, int], list[Difference]] = {}
    for differences in cells:
        for each in differences:
            groups.setdefault((each.figure, each.faces), []).append(each)
    rows = []
    for figure, faces in sorted(groups, key=lambda key: (key[0], -key[1])):
        group = groups[figure, faces]
        worst = max(group, key=lambda each: abs(each.difference))
        middle = float(np.median([abs(each.difference) for each in group]))
        rates = ",".join(map(str, worst.rates))
        rows.append(
            (
                figure, str(faces), rates, str(worst.rates[worst.machine]),
                float(worst.predicted), float(worst.measured), float(worst.difference), middle,
            )
        )  # fmt: skip
    return Table(
        "Largest differences",
        f"Predicted less simulated: clock rates after {LONG_RUNS} runs of {LONG_S:,} s, "
        f"the others after {MINUTE_RUNS:,} runs of {MINUTE_S} s.",
        ("figure", "faces", "rates", "machine of rate", "predicted", "simulated",
         "difference", "median"),
        list(rows),
    )  # fmt: skip
