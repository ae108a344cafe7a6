"""What differs between the conditions of a study: paired differences with their intervals.

Runs of the same number are paired: they have the same random draws, so a difference is
of the condition. Only what the interval tells from 0 is said to differ; the rest is said
to be not shown, which is not the same as equal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from driftlab.analysis.statistics import mean_difference
from driftlab.errors import counted
from driftlab.lazy import pl
from driftlab.report.document import Table
from driftlab.report.findings import Finding, interval
from driftlab.report.measures import Measure, label_of, rank_names
from driftlab.report.wording import joined, measure_text, sentence, value_text

# Of a frame of runs: a column, what it is called, and its words for less and for more.
COMPARED: Final = (
    ("clock", "last clock", "lower", "higher"),
    ("drift", "last drift", "lower", "higher"),
    ("jump_max", "largest jump", "smaller", "larger"),
    ("queue_max", "largest queue", "shorter", "longer"),
    ("queue_last", "last queue", "shorter", "longer"),
    ("receives", "share of receives", "smaller", "larger"),
)
HEADS: Final = {key: head for key, head, _, _ in COMPARED}


@dataclass(frozen=True, slots=True)
class Difference:
    """How one figure of one rank of speed differs between two conditions.

    baseline, condition: their names. rank: its name. column: of COMPARED. measure: of the
    differences, condition less baseline. pairs: how many.
    """

    baseline: str
    condition: str
    rank: str
    column: str
    measure: Measure
    pairs: int

    @property
    def is_shown(self) -> bool:
        """Whether the interval tells the difference from 0."""
        return self.measure.excludes(0)

    @property
    def is_identical(self) -> bool:
        """Whether it is 0 in every one of several pairs."""
        return self.measure.is_constant and self.measure.value == 0


def with_receives(frame: "pl.DataFrame") -> "pl.DataFrame":
    """Return a frame of runs with the share of its ticks at which each machine received."""
    events = sum(
        (pl.col(f"events_{kind}") for kind in ("send", "receive")), pl.col("events_internal")
    )
    share = pl.when(events > 0).then(pl.col("events_receive") / events)
    return frame.with_columns(share.alias("receives"))


def differences_of(
    frame: "pl.DataFrame", baseline: str, conditions: Sequence[str]
) -> list[Difference]:
    """Return the paired differences of conditions from a baseline, figure by figure.

    frame: of the study, a row a condition, run and machine.
    """
    frame = with_receives(frame)
    found = []
    for condition in conditions:
        first, second = (
            frame.filter(pl.col("condition") == name) for name in (baseline, condition)
        )
        pairs = first.join(second, on=["run", "rank"], suffix="_2").sort("rank", "run")
        ranks = pairs["rank"].unique(maintain_order=True).to_list()
        names = rank_names(len(ranks))
        for place, rank in enumerate(ranks):
            of_rank = pairs.filter(pl.col("rank") == rank)
            for column in HEADS:
                both = of_rank.select(column, f"{column}_2").drop_nulls()
                if len(both) and not (place == 0 and column == "drift"):
                    found.append(_difference(both, baseline, condition, names[place], column))
    return found


def _difference(
    both: "pl.DataFrame", baseline: str, condition: str, rank: str, column: str
) -> Difference:
    before, after = (both[:, place].to_numpy() for place in (0, 1))
    estimate = mean_difference(before, after)
    differences = after - before
    measure = Measure(*estimate, float(differences.min()), float(differences.max()))
    return Difference(baseline, condition, rank, column, measure, len(both))


def differs(difference: Difference) -> Finding | None:
    """Say a difference that was shown."""
    if not difference.is_shown:
        return None
    measure = difference.measure
    _, head, less, more = next(one for one in COMPARED if one[0] == difference.column)
    size, word = (measure, more) if measure.value > 0 else (measure.negated(), less)
    label = label_of(difference.rank, is_rank=True)
    return Finding(
        "differs",
        sentence(
            f"the {head} of {label} is {value_text(size)} {word} than with "
            f"{difference.baseline}{interval(size, difference.pairs, of_what='pairs')}."
        ),
    )


def identical(differences: Sequence[Difference]) -> Finding | None:
    """Say which figures are the same in every pair of runs."""
    same = [each for each in differences if each.is_identical]
    if not same:
        return None
    if len(same) == len(differences):
        return Finding(
            "identical", f"Every figure is the same in each of {same[0].pairs} pairs of runs."
        )
    listed = joined([f"{HEADS[e.column]} of {label_of(e.rank, is_rank=True)}" for e in same])
    return Finding("identical", f"The same in each of {same[0].pairs} pairs of runs: {listed}.")


def not_shown(differences: Sequence[Difference]) -> Finding | None:
    """Say which differences were not shown."""
    hidden = [each for each in differences if not (each.is_shown or each.is_identical)]
    if not hidden:
        return None
    one_run = all(not each.measure.has_interval for each in hidden)
    if one_run:
        return Finding(
            "not-shown",
            "One run of each condition gives no interval: no difference is shown, whatever the "
            "single figures are.",
        )
    listed = "; ".join(
        f"{HEADS[each.column]} of {label_of(each.rank, is_rank=True)}, {measure_text(each.measure)}"
        for each in hidden
    )
    return Finding(
        "not-shown",
        f"Not shown to differ (their intervals hold 0), which does not mean equal: {listed}.",
    )


def chance(differences: Sequence[Difference]) -> Finding | None:
    """Say how many intervals were looked at, and what chance does to so many."""
    known = [each for each in differences if each.measure.has_interval]
    if len(known) < 2:
        return None
    return Finding(
        "chance",
        f"{counted(len(known), 'interval')} of 95 % were looked at: even if nothing differed, "
        f"about {max(1, round(0.05 * len(known)))} of them would exclude 0 by chance.",
    )


def differences_table(differences: Sequence[Difference]) -> Table | None:
    """Return all differences as a table, None if there are none."""
    if not differences:
        return None
    rows = tuple(
        (
            each.condition, each.rank, HEADS[each.column], measure_text(each.measure),
            "yes" if each.is_shown else "not shown",
        )
        for each in differences
    )  # fmt: skip
    frame = pl.DataFrame(
        {
            "condition": [each.condition for each in differences],
            "baseline": [each.baseline for each in differences],
            "rank": [each.rank for each in differences],
            "figure": [each.column for each in differences],
            "difference": [each.measure.value for each in differences],
            "difference_low": [each.measure.low for each in differences],
            "difference_high": [each.measure.high for each in differences],
            "pairs": [each.pairs for each in differences],
        },
        strict=False,
    )
    title = f"Differences from {differences[0].baseline}, paired by run (95 % intervals)"
    heads = ("condition", "rank", "figure", "difference", "differs")
    return Table("differences", title, heads, rows, frame)


def means_table(frame: "pl.DataFrame", conditions: Mapping[str, str]) -> Table:
    """Return the means of every condition by rank of speed, with their intervals.

    conditions: the names in order, and what each is in a few words.
    """
    from driftlab.report.measuring import over_runs

    frame = with_receives(frame)
    rows: list[tuple[str, ...]] = []
    columns: list[dict[str, object]] = []
    for condition in conditions:
        of_condition = frame.filter(pl.col("condition") == condition)
        ranks = sorted(of_condition["rank"].unique().to_list())
        names = rank_names(len(ranks))
        for place, rank in enumerate(ranks):
            of_rank = of_condition.filter(pl.col("rank") == rank)
            cells, values = [], {}
            for column in HEADS:
                known = of_rank[column].drop_nulls().to_list()
                measure = over_runs(column, known) if known else None
                cells.append("\N{EN DASH}" if measure is None else measure_text(measure))
                for part, suffix in zip(
                    Measure._fields, ("", "_low", "_high", "_min", "_max"), strict=True
                ):
                    values[column + suffix] = None if measure is None else getattr(measure, part)
            rows.append((condition, names[place], *cells))
            columns.append(
                {"condition": condition, "rank": names[place], "runs": len(of_rank), **values}
            )
    heads = ("condition", "rank", *HEADS.values())
    return Table(
        "conditions", "Means over runs by rank of speed (95 % intervals)", heads, tuple(rows),
        pl.DataFrame(columns, strict=False, infer_schema_length=None),
    )  # fmt: skip
