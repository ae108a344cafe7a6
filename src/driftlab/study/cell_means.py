"""What a sweep keeps of a cell: moments of every metric over runs, a row a machine.

Many runs are simulated in shares, and the moments of shares are added up (Chan, Golub
and LeVeque 1979), always in the order of the runs and in shares of the same size, so
that the figures do not depend on who simulated what. No run becomes an object.

Where a cell draws its rates, its machines are distinguished by their rank of speed in each
run: the one called A is the fastest in one run and the slowest in another.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from driftlab.analysis.statistics import mean_factor
from driftlab.api.runs import Runs
from driftlab.arrays import AnyArray, FloatArray, IntArray
from driftlab.journal.format import COMPLETE
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import RateRange
from driftlab.study.grid import Cell, shown

# The metrics that are averaged over runs, under their names in `Runs.frame`.
METRICS: Final = (
    "achieved_rate", "events_internal", "events_send", "events_receive", "clock", "jump_mean",
    "jump_max", "queue_mean", "queue_max", "queue_last", "drift",
)  # fmt: skip
STATISTICS: Final = ("", "_ci95_low", "_ci95_high", "_min", "_max")  # after a metric's name


class Moments(NamedTuple):
    """Moments of some runs: of shape (metrics and the rate, machines), but the counts.

    runs: how many. incomplete: in how many of them a machine did not take every tick.
    squares: sums of squared differences from the mean.
    """

    runs: int
    incomplete: int
    mean: FloatArray
    squares: FloatArray
    low: FloatArray
    high: FloatArray

    def then(self, later: "Moments") -> "Moments":
        """Return the moments of these runs and later ones."""
        runs = self.runs + later.runs
        apart = later.mean - self.mean
        return Moments(
            runs,
            self.incomplete + later.incomplete,
            self.mean + apart * (later.runs / runs),
            self.squares + later.squares + apart**2 * (self.runs * later.runs / runs),
            np.minimum(self.low, later.low),
            np.maximum(self.high, later.high),
        )


def moments_of(scenario: Scenario, tables: "dict[str, AnyArray]", incomplete: int) -> Moments:
    """Return the moments of the metrics of some runs.

    scenario: of the runs; if its rates are drawn, machines are taken by rank of speed.
    tables: of each metric, by name, its values, shape (runs, machines). incomplete: how many
    of the runs ended early.
    """
    rates = tables["rate"]
    every = np.empty((len(METRICS) + 1, *rates.T.shape))  # runs last: sums over them are quick
    for place, name in enumerate((*METRICS, "rate")):
        every[place] = tables[name].T
    if isinstance(scenario.rates, RateRange):
        order = np.argsort(-rates.T, axis=0, kind="stable")
        every = np.take_along_axis(every, order[None], axis=1)
    mean = every.mean(axis=2)
    apart = every - mean[:, :, None]
    squares = np.einsum("mir,mir->mi", apart, apart)
    return Moments(len(rates), incomplete, mean, squares, every.min(axis=2), every.max(axis=2))


def moments_of_runs(runs: Runs) -> Moments:
    """Return the moments of runs, by their frame."""
    frame, machines = runs.frame, runs.scenario.size
    tables = {name: frame[name].to_numpy().reshape(-1, machines) for name in (*METRICS, "rate")}
    whole = (frame["end"] == COMPLETE).to_numpy().reshape(-1, machines)
    return moments_of(runs.scenario, tables, int(np.count_nonzero(~whole.all(axis=1))))


def cell_frame(fields: Sequence[str], done: Sequence[tuple[Cell, Moments]]) -> pl.DataFrame:
    """Return the rows of some cells, a row a machine (see `sweep` for the columns).

    fields: the names of the swept fields.
    """
    sizes = np.array([cell.scenario.size for cell, _ in done])
    columns: dict[str, Any] = {"cell": np.repeat([cell.number for cell, _ in done], sizes)}
    for place, field in enumerate(fields):
        values = [shown(cell.values[place]) for cell, _ in done]
        columns[f"over_{field}"] = [
            value for value, size in zip(values, sizes.tolist(), strict=True) for _ in range(size)
        ]
    names = [_names(cell.scenario) for cell, _ in done]
    columns["name"] = pl.Series([name for each in names for name in each], dtype=pl.String)
    columns["rank"] = np.concatenate([_ranks(each) for _, each in done])
    columns["rate"] = np.concatenate([each.mean[-1] for _, each in done])
    columns["runs"] = np.repeat([each.runs for _, each in done], sizes)
    columns["runs_incomplete"] = np.repeat([each.incomplete for _, each in done], sizes)
    tables = [np.concatenate(part, axis=1) for part in zip(*map(_statistics, done), strict=True)]
    for metric, name in enumerate(METRICS):
        for statistic, table in zip(STATISTICS, tables, strict=True):
            columns[name + statistic] = table[metric]
    frame = pl.DataFrame(columns, strict=False)
    if any(each.runs == 1 for _, each in done):  # they have no interval
        frame = frame.fill_nan(None)
    return frame


def _names(scenario: Scenario) -> Sequence[str | None]:
    if isinstance(scenario.rates, RateRange):
        return [None] * scenario.size
    return scenario.machine_names()


def _ranks(moments: Moments) -> IntArray:
    """Return the rank of each machine, 1 the fastest; of equals the first in name order."""
    order = np.argsort(-moments.mean[-1], kind="stable")
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return ranks


def _statistics(done: tuple[Cell, Moments]) -> tuple[FloatArray, ...]:
    """Return the tables of STATISTICS: of one run there is no interval, and NaN."""
    each = done[1]
    half = np.full_like(each.mean, np.nan)
    if each.runs > 1:
        half = mean_factor(each.runs) * np.sqrt(each.squares / (each.runs - 1))
    return each.mean, each.mean - half, each.mean + half, each.low, each.high
