"""What differs between the conditions of a study, in sentences and tables.

The differences are those of `study/differences.py`: paired by run. Only what the interval
tells from 0 is said to differ; the rest is said to be not shown, which is not the same as
equal.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from driftlab.analysis.over_runs import size_of_all
from driftlab.errors import counted
from driftlab.lazy import pl
from driftlab.report.document import Table
from driftlab.report.findings import Finding
from driftlab.report.measures import Measure, label_of, rank_names
from driftlab.report.wording import joined, measure_text, sentence
from driftlab.study.differences import LABELS, Difference, differences_frame, means_frame

# How less and more of a metric are called, where not lower and higher.
LESS_MORE: Final = {
    **dict.fromkeys(("queue_mean", "queue_max", "queue_last"), ("shorter", "longer")),
    **dict.fromkeys(("jump_mean", "jump_max"), ("smaller", "larger")),
}
CHANCE: Final = 0.05  # of an interval to exclude 0 though nothing differs


def measure_of(difference: Difference) -> Measure:
    """Return a difference as a measure."""
    return Measure(*difference.estimate)


def _whose(ranks: Sequence[str], machines: int) -> str:
    """Return ranks as whose a figure is: `the middle and the slowest machine`."""
    if len(ranks) == machines > 1:
        return "all machines"
    return joined([label_of(rank, is_rank=True) for rank in ranks])


def _by_metric(differences: Sequence[Difference]) -> dict[str, list[Difference]]:
    found: dict[str, list[Difference]] = {}
    for each in differences:
        found.setdefault(each.metric, []).append(each)
    return found


def differ(
    differences: Sequence[Difference], ranks: Sequence[str], means: Mapping[tuple[str, int], float]
) -> list[Finding]:
    """Say the differences of one condition that were shown, a sentence a figure.

    ranks: the names of the ranks of speed. means: of the first condition, by metric and rank.
    """
    return [
        Finding("differs", sentence(_differs(metric, some, ranks, means)))
        for metric, some in _by_metric([each for each in differences if each.is_shown]).items()
    ]


def _differs(
    metric: str,
    shown: Sequence[Difference],
    ranks: Sequence[str],
    means: Mapping[tuple[str, int], float],
) -> str:
    words: dict[str, list[str]] = {}
    for each in shown:
        is_more = each.estimate.value > 0
        size = measure_text(measure_of(each) if is_more else measure_of(each).negated())
        who = label_of(ranks[each.rank - 1], is_rank=True)
        if metric == "drift":
            word = _distance(means.get((metric, each.rank), 0.0), each.estimate.value)
            words.setdefault(word, []).append(f"{who}'s by {size}")
        else:
            word = LESS_MORE.get(metric, ("lower", "higher"))[is_more]
            words.setdefault(word, []).append(f"for {who} by {size}")
    if metric == "drift":
        parts = [f"clocks are {word}, {joined(some)}" for word, some in words.items()]
        return f"At the end of the run, in ticks, {'; '.join(parts)}."
    stated = "; it is ".join(f"{word} {joined(some)}" for word, some in words.items())
    return f"the {LABELS[metric]} is {stated}."


def _distance(mean: float, change: float) -> str:
    """Return what a change makes of a clock's distance from that of the fastest machine.

    mean: its last drift in the first condition, negative where it was behind.
    """
    after = mean + change
    if mean * after >= 0 and abs(after) < abs(mean):
        return "closer to the fastest machine's"
    return f"further {'ahead of' if change > 0 else 'behind'} the fastest machine's"


def identical(differences: Sequence[Difference], ranks: Sequence[str]) -> Finding | None:
    """Say which figures are the same in every pair of several runs."""
    same = [each for each in differences if each.identical and each.pairs > 1]
    if not same:
        return None
    pairs = same[0].pairs
    if len(same) == len(differences):
        return Finding("identical", f"Every figure is the same in each of {pairs} pairs of runs.")
    listed = _listed(same, ranks)
    return Finding("identical", f"The same in each of {pairs} pairs of runs: {listed}.")


def _listed(differences: Sequence[Difference], ranks: Sequence[str]) -> str:
    return "; ".join(
        f"{LABELS[metric]} of {_whose([ranks[each.rank - 1] for each in some], len(ranks))}"
        for metric, some in _by_metric(differences).items()
    )


def not_shown(differences: Sequence[Difference], ranks: Sequence[str]) -> Finding | None:
    """Say which differences were not shown; the table of differences has their figures."""
    hidden = [
        each
        for each in differences
        if not each.is_shown and not (each.identical and each.pairs > 1)
    ]
    if not hidden:
        return None
    if all(each.pairs < 2 for each in hidden):
        return Finding(
            "not-shown",
            "One run of each condition gives no interval: no difference is shown, whatever the "
            "single figures are.",
        )
    return Finding(
        "not-shown",
        "Not shown to differ (their intervals hold 0), which does not mean equal: "
        f"{_listed(hidden, ranks)}.",
    )


def chance(differences: Sequence[Difference]) -> Finding | None:
    """Say how many intervals were looked at, and what chance does to so many."""
    count = sum(each.estimate.ci95 is not None and not each.identical for each in differences)
    if count < 2:
        return None
    return Finding(
        "chance",
        f"{counted(count, 'interval')} of 95 % were looked at: even if nothing differed, about "
        f"{max(1, round(CHANCE * count))} of them would exclude 0 by chance.",
    )


def differences_table(differences: Sequence[Difference], ranks: Sequence[str]) -> Table | None:
    """Return all differences as a table, None if there are none."""
    if not differences:
        return None
    rows = tuple(
        (
            each.condition, ranks[each.rank - 1], LABELS[each.metric],
            measure_text(measure_of(each)),
            "same" if each.identical else "yes" if each.is_shown else "not shown",
        )
        for each in differences
    )  # fmt: skip
    title = f"Differences from {differences[0].baseline}, paired by run (95 % intervals)"
    heads = ("condition", "rank", "figure", "difference", "differs")
    return Table("differences", title, heads, rows, differences_frame(differences))


def means_table(frame: "pl.DataFrame", metrics: Sequence[str]) -> Table:
    """Return the means of every condition by rank of speed, with their intervals.

    frame: a row a condition, run and machine.
    """
    means = means_frame(frame, metrics)
    machines = int(frame["rank"].max() or 0)  # type: ignore[arg-type]
    ranks = rank_names(machines, size_of_all(frame, "condition"))
    rows = tuple(
        (
            str(row["condition"]), ranks[row["rank"] - 1],
            *(measure_text(_mean(row, metric)) for metric in metrics),
        )
        for row in means.to_dicts()
    )  # fmt: skip
    heads = ("condition", "rank", *(LABELS[metric] for metric in metrics))
    title = "Means over runs by rank of speed (95 % intervals)"
    return Table("conditions", title, heads, rows, means)


def _mean(row: Mapping[str, float], metric: str) -> Measure:
    parts = ("mean", "ci95_low", "ci95_high", "min", "max")
    return Measure(*(row[f"{metric}_{part}"] for part in parts))
