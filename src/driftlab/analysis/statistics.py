"""Estimates with their intervals: of means over runs, of shares, of growth within a run.

Every interval is two-sided and covers LEVEL unless said. An interval that the data
cannot give (of one value, say) is None, never a guess.
"""

from collections.abc import Callable, Sequence
from functools import cache
from math import atan, cos, fsum, pi, sin, sqrt
from typing import Any, Final, NamedTuple
from warnings import catch_warnings, simplefilter

from driftlab.arrays import FloatArray
from driftlab.lazy import np

LEVEL: Final = 0.95
BLOCKS: Final = 10  # of a run, whose growths are taken as independent
RESAMPLES: Final = 2_000  # of a bootstrap
BOOTSTRAP_SEED: Final = 1  # the same data give the same interval

SUMMED_MAX: Final = 200  # degrees of freedom, above which Student's quantile is an expansion
STEPS: Final = 60  # of the bisection for Student's quantile: to the last digit
NORMAL_95: Final = 1.959963984540054  # standard errors within which 95 % of a normal lie


DECIMALS_OF_BOUNDS_MAX: Final = 6


def decimals_of_bounds(low: float, high: float, decimals: int) -> int:
    """Return with how many decimals the bounds of an interval are written: no fewer than given.

    A bound that is not 0 is not written as 0, since that would say that the interval holds 0.
    What is smaller than DECIMALS_OF_BOUNDS_MAX can show comes of rounding.
    """
    needed = decimals
    for bound in (low, high):
        places = decimals
        while bound and not float(f"{bound:.{places}f}") and places < DECIMALS_OF_BOUNDS_MAX:
            places += 1
        if bound and float(f"{bound:.{places}f}"):
            needed = max(needed, places)
    return needed


class Estimate(NamedTuple):
    """An estimate and its interval; low and high are None where the data give none."""

    value: float
    low: float | None
    high: float | None

    @property
    def ci95(self) -> list[float] | None:
        """The interval under the name of the JSON interface."""
        return None if self.low is None or self.high is None else [self.low, self.high]

    def excludes(self, value: float) -> bool:
        """Whether the interval is known and does not hold a value."""
        return self.low is not None and self.high is not None and not self.low <= value <= self.high

    def exceeds(self, value: float) -> bool:
        """Whether the interval is known and lies above a value."""
        return self.low is not None and self.low > value

    def within(self, low: float, high: float) -> bool:
        """Whether the interval is known and lies inside other bounds."""
        return (
            self.low is not None and self.high is not None and low <= self.low <= self.high <= high
        )


def mean_estimate(values: Sequence[float] | FloatArray, level: float = LEVEL) -> Estimate:
    """Return the mean of independent values with Student's interval.

    values: at least one; of one value there is no interval.
    """
    sample = np.asarray(values, dtype=np.float64)
    mean, count = float(sample.mean()), len(sample)
    if count < 2:
        return Estimate(mean, None, None)
    half = mean_factor(count, level) * float(sample.std(ddof=1))
    return Estimate(mean, mean - half, mean + half)


def share_estimate(successes: int, count: int, level: float = LEVEL) -> Estimate:
    """Return a share of independent trials with Wilson's interval (Wilson 1927).

    It holds near 0 and 1 too: of no success in n trials the upper bound is about 3.8/n.
    successes: of the trials. count: of the trials, at least one. level: of the interval.
    """
    from scipy.special import ndtri

    z = float(ndtri((1 + level) / 2))
    share, weight = successes / count, z * z / count
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * sqrt(share * (1 - share) / count + weight / (4 * count))
    return Estimate(share, max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share)))


def bootstrap_estimate(
    statistic: Callable[..., Any],
    *samples: Sequence[float] | FloatArray,
    paired: bool = False,
    level: float = LEVEL,
) -> Estimate:
    """Return a statistic of samples with its bootstrap interval (BCa, Efron 1987).

    statistic: of arrays, along `axis`. samples: a value a run each; paired: whether the
    values at one place belong together. Where all resamples agree, as of equal values,
    the interval is that one value; of fewer than two values there is none. Where BCa has
    none, since a statistic is at its bound in most resamples, it is the percentiles'.
    """
    from scipy.stats import bootstrap

    arrays = [np.asarray(sample, dtype=np.float64) for sample in samples]
    value = float(statistic(*arrays, axis=-1))
    if min(map(len, arrays)) < 2:
        return Estimate(value, None, None)
    if all(len(array) and bool((array == array[0]).all()) for array in arrays):
        return Estimate(value, value, value)
    with np.errstate(all="ignore"), catch_warnings():
        simplefilter("ignore")  # of degenerate samples, which the percentiles are for
        found = bootstrap(
            arrays,
            statistic,
            n_resamples=RESAMPLES,
            paired=paired,
            vectorized=True,
            confidence_level=level,
            method="BCa",
            rng=np.random.default_rng(BOOTSTRAP_SEED),
        )
        low, high = map(float, found.confidence_interval)
        if np.isnan(low) or np.isnan(high):
            edges = ((1 - level) / 2, (1 + level) / 2)
            low, high = map(float, np.quantile(found.bootstrap_distribution, edges))
    if np.isnan(low) or np.isnan(high):
        return Estimate(value, None, None)
    return Estimate(value, low, high)


def mean_difference(
    first: Sequence[float] | FloatArray, second: Sequence[float] | FloatArray
) -> Estimate:
    """Return the mean of second - first with its interval, for values that are paired."""
    return mean_estimate(np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64))


def growth_estimate(
    times: Sequence[float] | FloatArray,
    values: Sequence[float] | FloatArray,
    begin: float,
    end: float,
) -> Estimate:
    """Return how fast a step function grows, per unit of time, with its interval.

    The run is cut into BLOCKS of equal length, whose growths count as independent: true
    of a queue that diverges, whose increments are, and wider than needed for one that is
    stable. A regression line would take its errors for independent, which they are not.
    times: of the values, rising; values: from each time on. begin, end: of the run.
    Before the first time the first value holds.
    """
    instants = np.asarray(times, dtype=np.float64)
    levels = np.asarray(values, dtype=np.float64)
    edges = np.linspace(begin, end, BLOCKS + 1)
    at = np.maximum(np.searchsorted(instants, edges, side="right") - 1, 0)
    growths = np.diff(levels[at]) * (BLOCKS / (end - begin))
    return mean_estimate(growths)


def mean_factor(count: int, level: float = LEVEL) -> float:
    """Return how many standard deviations a mean's interval reaches to either side.

    count: of the independent values, at least two.
    """
    if level == LEVEL:
        return student_95(count - 1) / sqrt(count)
    from scipy.special import stdtrit

    return float(stdtrit(count - 1, (1 + level) / 2)) / sqrt(count)


@cache
def student_95(freedom: int) -> float:
    """Return how many standard errors hold 95 % of Student's distribution, two-sided.

    Without SciPy, whose import takes longer than most summaries: the probability within t
    standard errors is a finite sum for a whole number of degrees of freedom (Abramowitz and
    Stegun, 26.7.3 and 26.7.4), and its root is found by bisection. For many degrees of freedom
    their expansion 26.7.5 is exact to eight digits.

    freedom: degrees of freedom, at least 1.
    """
    if freedom > SUMMED_MAX:
        return _expanded(freedom)
    low, high = 1.0, 13.0  # the root is 12.71 for one degree, and falls
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _within(middle, freedom) < 0.95:
            low = middle
        else:
            high = middle
    return high


def _within(t: float, freedom: int) -> float:
    """Return the probability of less than t standard errors, two-sided."""
    angle = atan(t / sqrt(freedom))
    square = cos(angle) ** 2
    odd = freedom % 2
    term = total = cos(angle) if odd else 1.0
    for k in range(3 if odd else 2, freedom - 1, 2):
        term *= square * (k - 1) / k
        total += term
    if odd:
        return 2 / pi * (angle + (sin(angle) * total if freedom > 1 else 0.0))
    return sin(angle) * total


def _expanded(freedom: int) -> float:
    z = NORMAL_95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + fsum(term / float(freedom) ** power for power, term in enumerate(terms, 1))
