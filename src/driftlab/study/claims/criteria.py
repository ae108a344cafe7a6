"""The decision rules of the claims: from counts and estimates to a verdict.

A *law* (always, never) holds with no exception among enough events; a *possibility* (may
happen) holds if it happened. A *comparison* holds if the interval over runs excludes
equality; an *equality* if the interval lies inside a margin. What fails as a whole may
hold under a condition, which is then part of the verdict. Too little data leave a
question undecided: no rule takes the absence of evidence for evidence.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.analysis.statistics import Estimate, bootstrap_estimate, mean_estimate
from driftlab.arrays import AnyArray, FloatArray, IntArray

EXCEPTIONS_MAX: Final = 0.01  # the share of exceptions that a law must exclude
FREQUENCY_MARGIN: Final = 0.05  # relative: within it frequencies count as equal
CLOCK_MARGIN: Final = 0.01  # relative
QUEUE_MARGIN: Final = 0.5  # messages
FEW_RUNS: Final = 20  # below this an interval is the jackknife's
RUNS_MIN: Final = 3  # below this there is none
NOTHING: Final = Estimate(float("nan"), None, None)


class Decision(StrEnum):
    """What the data say of a claim."""

    HOLDS = "holds"
    HOLDS_IF = "holds-if"
    DOES_NOT_HOLD = "does-not-hold"
    UNDECIDED = "undecided"


class ClaimFinding(NamedTuple):
    """What was found of a claim.

    estimate: its statistic. figure: the statistic in a few words. text: sentences with
    the figures. runs: how many runs they are of. condition: under which it holds.
    """

    verdict: Decision
    estimate: Estimate
    figure: str
    text: str
    runs: int
    condition: str = ""


# Rules.


def law(exceptions: IntArray, events: IntArray) -> Decision:
    """Judge that something always or never happens.

    exceptions, events: how many each run has. It holds with no exception if the rule
    of three (at 95 % the share of exceptions is below 3/n) puts them below EXCEPTIONS_MAX.
    """
    if exceptions.sum():
        return Decision.DOES_NOT_HOLD
    return Decision.HOLDS if _are_enough(int(events.sum())) else Decision.UNDECIDED


def possibility(cases: IntArray, events: IntArray) -> Decision:
    """Judge that something may happen; a law says that it never does."""
    opposite = {Decision.HOLDS: Decision.DOES_NOT_HOLD, Decision.DOES_NOT_HOLD: Decision.HOLDS}
    verdict = law(cases, events)
    return opposite.get(verdict, verdict)


def comparison(
    estimate: Estimate, equal: float = 0.0, *, below: bool = False, margin: float = 0.0
) -> Decision:
    """Judge that a figure is above a value, or below it.

    estimate: of the figure. equal: the value. below: whether the claim is that it is below.
    margin: within which the two count as equal. It does not hold if the interval lies on the
    other side, or holds the value and lies within the margin around it; an interval that
    holds the value and more is undecided.
    """
    if estimate.excludes(equal):
        return Decision.HOLDS if (estimate.value < equal) == below else Decision.DOES_NOT_HOLD
    if estimate.within(equal - margin, equal + margin):
        return Decision.DOES_NOT_HOLD
    return Decision.UNDECIDED


def equality(estimate: Estimate, equal: float, margin: float) -> Decision:
    """Judge that a figure is a value, give or take a margin; across its edge: undecided.

    estimate: of the figure. equal: the value. margin: by which the two may differ.
    """
    if estimate.within(equal - margin, equal + margin):
        return Decision.HOLDS
    if estimate.low is None or estimate.high is None:
        return Decision.UNDECIDED
    outside = estimate.low > equal + margin or estimate.high < equal - margin
    return Decision.DOES_NOT_HOLD if outside else Decision.UNDECIDED


def every(verdicts: Iterable[Decision]) -> Decision:
    """Judge that all of several statements hold."""
    found = set(verdicts)
    for worst in (Decision.DOES_NOT_HOLD, Decision.UNDECIDED, Decision.HOLDS_IF):
        if worst in found:
            return worst
    return Decision.HOLDS


def under(verdict: Decision, conditions: Sequence[tuple[str, Decision]]) -> tuple[Decision, str]:
    """Return the verdict of a claim, and the condition if it holds only under one.

    verdict: of the claim as a whole. conditions: the weakest first, each with the verdict
    on the claim under it; the first under which it holds is the one that is named. Only
    a claim that is known not to hold as a whole needs one; as long as the data leave open
    whether it holds under one of them, the claim is undecided.
    """
    if verdict is Decision.DOES_NOT_HOLD:
        for condition, judged in conditions:
            if judged is Decision.HOLDS:
                return Decision.HOLDS_IF, condition
        if any(judged is Decision.UNDECIDED for _, judged in conditions):
            return Decision.UNDECIDED, ""
    return verdict, ""


def _are_enough(events: int) -> bool:
    return events > 0 and 3 / events < EXCEPTIONS_MAX


# Estimates over runs.


def share(part: IntArray | FloatArray, whole: IntArray | FloatArray) -> Estimate:
    """Return the share of events that are so, and its interval over runs.

    part, whole: of each run. Where none is so, or none is not, the bound is that of the
    rule of three.
    """
    total = float(whole.sum())
    if not total:
        return NOTHING
    if not part.sum():
        return Estimate(0.0, 0.0, min(1.0, 3 / total))
    if part.sum() == total:
        return Estimate(1.0, max(0.0, 1 - 3 / total), 1.0)
    return _clipped(average(part, whole), 0.0, 1.0)


def _clipped(estimate: Estimate, low: float, high: float) -> Estimate:
    """Return an estimate whose interval ends where the figure does; the jackknife's may not."""
    if estimate.low is None or estimate.high is None:
        return estimate
    return Estimate(estimate.value, max(estimate.low, low), min(estimate.high, high))


def average(total: IntArray | FloatArray, count: IntArray | FloatArray) -> Estimate:
    """Return the mean of values of which each run has some, and its interval over runs.

    total, count: of the values of each run.
    """
    has = count > 0
    if not has.any():
        return NOTHING
    return _over_runs(_ratio, total[has], count[has])


def share_difference(
    part: IntArray, whole: IntArray, base_part: IntArray, base_whole: IntArray
) -> Estimate:
    """Return by how much a share is above another one of the same runs, with its interval.

    part, whole: of each run, the share's counts. base_part, base_whole: those of the other.
    """
    if not whole.sum() or not base_whole.sum():
        return NOTHING
    return _over_runs(_difference_of_ratios, part, whole, base_part, base_whole)


def ratio(
    part: FloatArray | IntArray,
    whole: FloatArray | IntArray,
    base_part: FloatArray | IntArray,
    base_whole: FloatArray | IntArray,
) -> Estimate:
    """Return part/whole over base_part/base_whole, sums over runs that are paired."""
    if not whole.sum() or not base_part.sum():
        return NOTHING
    return _over_runs(_ratio_of_ratios, part, whole, base_part, base_whole)


def mean(values: FloatArray | IntArray) -> Estimate:
    """Return the mean over runs with its bootstrap interval."""
    return _over_runs(np.mean, values) if len(values) else NOTHING


def rank_correlation(first: AnyArray, second: AnyArray) -> Estimate:
    """Return Spearman's correlation with its bootstrap interval over runs.

    first, second: shape (runs, values of a run). The ranks are those of the whole sample,
    so that a resample of runs needs sums alone.
    """
    if len(first) < 2:
        return NOTHING
    x, y = (_centred_ranks(values) for values in (first, second))
    sums = (np.full(len(x), x.shape[1]), x.sum(1), y.sum(1), (x * x).sum(1), (y * y).sum(1))
    if not sums[3].sum() or not sums[4].sum():
        return NOTHING  # all alike
    return _clipped(_over_runs(_correlation, *sums, (x * y).sum(1)), -1.0, 1.0)


def excess_of_pairs(first: FloatArray, second: FloatArray, chosen: AnyArray) -> Estimate:
    """Return how much more often two runs are ordered alike by two figures than reversed.

    first, second: a figure each of every run. chosen: shape (runs, runs), the pairs of
    interest. The share of pairs ordered alike less that of reversed ones, of pairs that
    differ in the first; its interval is over runs, not over pairs.
    """
    order = (np.sign(first[:, None] - first[None, :]) * chosen).astype(np.float32)
    agree = order * np.sign(second[:, None] - second[None, :]).astype(np.float32)
    differ = np.abs(order)
    if not differ.sum():
        return NOTHING

    def statistic(runs: FloatArray, axis: int) -> FloatArray:
        weights = _weights(runs.astype(np.int64), len(first))
        parts = [
            ((weights @ table) * weights).sum(-1, dtype=np.float64) for table in (agree, differ)
        ]
        return np.asarray(parts[0] / parts[1])

    return _clipped(_over_runs(statistic, np.arange(len(first))), -1.0, 1.0)


def _over_runs(statistic: Callable[..., Any], *samples: AnyArray) -> Estimate:
    """Return a statistic with its interval over runs: the bootstrap's, or of few the jackknife's.

    samples: a value a run each. Resampled from few runs, a bootstrap's interval is too
    narrow; the jackknife's pseudo-values (Tukey 1958) have Student's interval.
    """
    values = [sample.astype(np.float64) for sample in samples]
    count = len(values[0])
    if count >= FEW_RUNS:
        return bootstrap_estimate(statistic, *values, paired=len(values) > 1)
    value = float(statistic(*values, axis=-1))
    if count < RUNS_MIN:
        return Estimate(value, None, None)
    left = np.array([np.delete(np.arange(count), run) for run in range(count)])
    with np.errstate(all="ignore"):
        without = np.asarray(statistic(*(each[left] for each in values), axis=-1))
    found = mean_estimate(count * value - (count - 1) * without)
    if not np.isfinite([found.low or 0.0, found.high or 0.0]).all():
        return Estimate(value, None, None)
    return Estimate(value, found.low, found.high)


def _weights(runs: IntArray, count: int) -> FloatArray:
    """Return how often each of `count` runs is in each row of a table of runs."""
    rows = runs.reshape(-1, runs.shape[-1])
    places = rows + count * np.arange(len(rows))[:, None]
    counts = np.bincount(places.ravel(), minlength=count * len(rows))
    return counts.reshape(*runs.shape[:-1], count).astype(np.float32)


def _ratio(part: FloatArray, whole: FloatArray, axis: int) -> FloatArray:
    return np.asarray(part.sum(axis) / whole.sum(axis))


def _ratio_of_ratios(
    part: FloatArray, whole: FloatArray, base_part: FloatArray, base_whole: FloatArray, axis: int
) -> FloatArray:
    return _ratio(part, whole, axis) / _ratio(base_part, base_whole, axis)


def _difference_of_ratios(
    part: FloatArray, whole: FloatArray, base_part: FloatArray, base_whole: FloatArray, axis: int
) -> FloatArray:
    return _ratio(part, whole, axis) - _ratio(base_part, base_whole, axis)


def _correlation(
    n: FloatArray, x: FloatArray, y: FloatArray, xx: FloatArray, yy: FloatArray, xy: FloatArray,
    axis: int,
) -> FloatArray:  # fmt: skip
    n, x, y, xx, yy, xy = (np.asarray(each.sum(axis)) for each in (n, x, y, xx, yy, xy))
    spread = np.sqrt((xx - x * x / n) * (yy - y * y / n))
    return np.asarray((xy - x * y / n) / spread)


def _centred_ranks(values: AnyArray) -> FloatArray:
    from scipy.stats import rankdata

    ranks: FloatArray = np.asarray(rankdata(values.ravel()), np.float64).reshape(values.shape)
    centred: FloatArray = ranks - ranks.mean()
    return centred
