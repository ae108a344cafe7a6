"""What the runs of one scenario have in common: the mean of each figure, and its range.

The mean of a figure has Student's 95 % interval, runs being independent. Of a figure that
is itself a maximum, the largest jump of a run, the mean is the mean of the maxima, and `max`
is the maximum over all runs: the one says what to expect of a run, the other grows with
the number of runs. A run in which a machine was lost counts in neither.
"""

from typing import Any, Final, Literal

from driftlab.analysis.statistics import mean_factor
from driftlab.journal.format import COMPLETE
from driftlab.lazy import pl

By = Literal["name", "rank"]

NO_FIGURES: Final = ("run", "name", "rank", "end")  # columns that are not figures of a machine
PARTS: Final = ("mean", "sd", "min", "max", "runs")


def over_runs(frame: "pl.DataFrame", by: By) -> "pl.DataFrame":
    """Return the mean and the range of every figure over runs, a row a machine and figure.

    frame: a row a run and machine, with the columns `run`, `name`, `rank` and perhaps `end`;
    all others are figures. by: `name`, or `rank` of speed where rates are drawn, so that a
    name says nothing.

    Columns: `machine`, its name, or `fastest` to `slowest`; `figure`; `mean` and its 95 %
    interval, `mean_low` and `mean_high`, null of one run; `sd` of one run; `min` and `max`
    of the runs; `runs`, how many have this figure.
    """
    whole = _with_utilisation(whole_runs(frame))
    figures = [name for name in whole.columns if name not in NO_FIGURES]
    wide = whole.group_by(by, maintain_order=True).agg(
        expression.alias(f"{name} {part}")
        for name in figures
        for part, expression in _parts(name).items()
    )
    wide = wide.sort(by) if by == "rank" else wide
    labels = wide[by] if by == "name" else _rank_names(wide[by], frame["rank"].max())
    parts = [
        wide.select(
            labels.alias("machine"),
            pl.lit(figure).alias("figure"),
            *(pl.col(f"{figure} {part}").alias(part) for part in PARTS),
        )
        for figure in figures
    ]
    long = pl.concat(parts)
    long = long.with_columns(half=_half_interval(long))
    return long.filter(pl.col("runs") > 0).select(
        "machine", "figure", "mean",
        mean_low=pl.col("mean") - pl.col("half"), mean_high=pl.col("mean") + pl.col("half"),
        sd="sd", min="min", max="max", runs="runs",
    )  # fmt: skip


def _with_utilisation(frame: "pl.DataFrame") -> "pl.DataFrame":
    if "utilisation" in frame.columns:
        return frame
    events = pl.sum_horizontal(f"events_{kind}" for kind in ("internal", "send", "receive"))
    share = pl.when(events > 0).then(pl.col("events_receive") / events)
    return frame.with_columns(share.alias("utilisation"))


def _parts(name: str) -> "dict[str, pl.Expr]":
    column = pl.col(name)
    return {
        "mean": column.mean(),
        "sd": column.std(),
        "min": column.min().cast(pl.Float64),
        "max": column.max().cast(pl.Float64),
        "runs": column.count().cast(pl.Int64),
    }


def _half_interval(long: "pl.DataFrame") -> "pl.Series":
    """Return half of Student's interval of each mean, null of one run."""
    factors = {runs: mean_factor(runs) for runs in long["runs"].unique().to_list() if runs > 1}
    factor = long["runs"].replace_strict(factors, default=None, return_dtype=pl.Float64)
    return factor * long["sd"]


def whole_runs(frame: "pl.DataFrame") -> "pl.DataFrame":
    """Return the rows of the runs in which every machine took every tick."""
    if "end" not in frame.columns:
        return frame
    broken = frame.filter(pl.col("end").is_null() | (pl.col("end") != COMPLETE))
    if not broken.height:
        return frame
    return frame.filter(~pl.col("run").is_in(broken["run"].unique().implode()))


def _rank_names(ranks: "pl.Series", machines: Any) -> "pl.Series":
    names = [rank_name(rank, int(machines or 0)) for rank in ranks.to_list()]
    return pl.Series(names, dtype=pl.String)


def rank_name(rank: int, machines: int) -> str:
    """Return what the machine of a rank of speed is called, from 1, of so many machines."""
    if rank == 1:
        return "fastest"
    if rank == machines:
        return "slowest"
    return "middle" if machines == 3 else f"rank {rank}"


def size_of_all(frame: "pl.DataFrame", by: str) -> int:
    """Return how many machines there are, 0 if not the same number in all groups of a frame.

    frame: with `rank`. by: the column of the groups. Where they differ, no rank but the
    first means the same in all: `rank_name` of 0 machines calls them by their numbers.
    """
    sizes = frame.group_by(by).agg(pl.col("rank").max())["rank"].unique().to_list()
    return int(sizes[0]) if len(sizes) == 1 else 0


def over_runs_document(summary: "pl.DataFrame") -> dict[str, Any]:
    """Return a summary under the names of the JSON interface: machine, figure, its values."""
    document: dict[str, dict[str, Any]] = {}
    for row in summary.iter_rows(named=True):
        low, high = row["mean_low"], row["mean_high"]
        document.setdefault(row["machine"], {})[row["figure"]] = {
            "mean": row["mean"],
            "ci95": None if low is None else [low, high],
            "sd": row["sd"],
            "min": _number(row["min"]),
            "max": _number(row["max"]),
            "runs": row["runs"],
        }
    return document


def _number(value: float) -> float:
    """Return a whole number as such: most figures count something."""
    return int(value) if value.is_integer() else value
