"""The conditions of a study side by side: means by rank of speed, and paired differences.

Machines are compared by their rank of speed in their run, since where rates are drawn a
name says nothing. Runs of one number are paired: they have the same random draws, so a
difference is of the condition, and its interval is that of the mean of the pairs'
differences. Only an interval that excludes 0 shows a difference; one that holds 0 shows
none, which is not the same as showing that there is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from driftlab.analysis.statistics import Estimate, mean_difference, mean_estimate

# What the metrics of `Runs.frame` are called in tables and sentences.
LABELS: Final = {
    "achieved_rate": "achieved rate", "events_internal": "internal events",
    "events_send": "sends", "events_receive": "receives", "clock": "last clock",
    "jump_mean": "mean jump", "jump_max": "largest jump", "queue_mean": "mean queue",
    "queue_max": "largest queue", "queue_last": "last queue", "drift": "last drift",
}  # fmt: skip
UNITS: Final = {
    "achieved_rate": "ticks/s", "clock": "ticks", "jump_mean": "ticks", "jump_max": "ticks",
    "queue_mean": "messages", "queue_max": "messages", "queue_last": "messages", "drift": "ticks",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mean:
    """A metric of one rank in one condition: its mean over runs with its interval."""

    condition: str
    rank: int
    metric: str
    runs: int
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Difference:
    """How a metric of one rank differs from the first condition: the mean over pairs.

    pairs: how many runs both conditions have. identical: whether every pair is equal.
    """

    condition: str
    baseline: str
    rank: int
    metric: str
    pairs: int
    identical: bool
    estimate: Estimate

    @property
    def is_shown(self) -> bool:
        """Whether the interval excludes 0."""
        return self.estimate.excludes(0)


def means_of(frame: pl.DataFrame, metrics: Sequence[str]) -> list[Mean]:
    """Return the mean of every metric by condition and rank.

    frame: a row a condition, run and machine.
    """
    return [
        Mean(condition, rank, metric, rows.height, mean_estimate(rows[metric].to_numpy()))
        for condition, rank, rows in _groups(frame)
        for metric in metrics
    ]


def differences_of(frame: pl.DataFrame, metrics: Sequence[str]) -> list[Difference]:
    """Return the paired differences of every condition from the first, by rank and metric.

    frame: a row a condition, run and machine. A run counts if both conditions have it.
    """
    groups = {(condition, rank): rows for condition, rank, rows in _groups(frame)}
    first = frame["condition"][0] if frame.height else ""
    found: list[Difference] = []
    for (condition, rank), rows in groups.items():
        baseline = groups.get((first, rank))
        if condition == first or baseline is None:
            continue
        pairs = baseline.join(rows, on="run", suffix=" other", maintain_order="left")
        for metric in metrics if pairs.height else ():
            if is_zero(metric, rank):
                continue
            one = pairs[metric].to_numpy().astype(np.float64)
            other = pairs[f"{metric} other"].to_numpy().astype(np.float64)
            identical = bool((one == other).all())
            estimate = mean_difference(one, other)
            found.append(
                Difference(condition, first, rank, metric, pairs.height, identical, estimate)
            )
    return found


def is_zero(metric: str, rank: int) -> bool:
    """Whether a metric is 0 by definition: the drift of the fastest machine."""
    return metric == "drift" and rank == 1


def _groups(frame: pl.DataFrame) -> list[tuple[str, int, pl.DataFrame]]:
    parts = frame.partition_by("condition", "rank", maintain_order=True, as_dict=True)
    conditions = frame["condition"].unique(maintain_order=True).to_list()
    order = {name: place for place, name in enumerate(conditions)}
    ordered = sorted(parts.items(), key=lambda item: (order[item[0][0]], item[0][1]))
    return [(str(key[0]), int(key[1]), rows) for key, rows in ordered]


def means_frame(frame: pl.DataFrame, metrics: Sequence[str]) -> pl.DataFrame:
    """Return a row a condition and rank: the means with their intervals, and extremes."""
    rows = []
    for condition, rank, of_rank in _groups(frame):
        row: dict[str, object] = {
            "condition": condition, "rank": rank, "runs": of_rank.height,
            "rate": float(of_rank["rate"].to_numpy().mean()),
        }  # fmt: skip
        for metric in metrics:
            values = of_rank[metric].to_numpy()
            value, low, high = mean_estimate(values)
            row |= {
                f"{metric}_mean": value, f"{metric}_ci95_low": low, f"{metric}_ci95_high": high,
                f"{metric}_min": float(values.min()), f"{metric}_max": float(values.max()),
            }  # fmt: skip
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)


def differences_frame(differences: Sequence[Difference]) -> pl.DataFrame:
    """Return a row a difference, with its interval and whether it is shown."""
    schema = {
        "condition": pl.String, "baseline": pl.String, "rank": pl.Int64, "metric": pl.String,
        "pairs": pl.Int64, "difference": pl.Float64, "ci95_low": pl.Float64,
        "ci95_high": pl.Float64, "shown": pl.Boolean,
    }  # fmt: skip
    rows = [
        (
            each.condition, each.baseline, each.rank, each.metric, each.pairs, *each.estimate,
            each.is_shown,
        )
        for each in differences
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")
