"""The distribution of a column of whole numbers: moments, quantiles, extremes, all exact.

A column is counted value by value, some rows at a time, so that a hundred million rows
need little memory besides their columns. Quantiles are by nearest rank: the smallest
value that covers its share, always one that occurs.
"""

from collections.abc import Sequence
from math import ceil, sqrt
from typing import Final, NamedTuple

from driftlab.arrays import IntArray
from driftlab.lazy import np

SHARES: Final = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}
COUNTED_MAX: Final = 1 << 24  # values from 0 to here are counted in a table, others are sorted
EXACT_BITS: Final = 62  # of sums in whole numbers


class Distribution(NamedTuple):
    """The distribution of some values.

    events: how many there are. sd: standard deviation with n - 1 in the divisor, None of
    one value. p5 to p99: quantiles.
    """

    events: int
    mean: float
    sd: float | None
    min: int
    p5: int
    p25: int
    p50: int
    p75: int
    p95: int
    p99: int
    max: int


class Tally:
    """Counts how often each whole number occurs in a column that comes in parts."""

    def __init__(self) -> None:
        self._counts: IntArray = np.zeros(0, np.int64)  # of the values 0, 1, …
        self._others: list[IntArray] = []

    def add(self, values: IntArray) -> None:
        """Count the values of one part."""
        if not len(values):
            return
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= COUNTED_MAX:
            inside = (values >= 0) & (values < COUNTED_MAX)
            self._others.append(values[~inside])
            self.add(values[inside])
            return
        if high >= len(self._counts):
            grown = np.zeros(max(high + 1, min(2 * len(self._counts), COUNTED_MAX)), np.int64)
            grown[: len(self._counts)] = self._counts
            self._counts = grown
        self._counts[low : high + 1] += np.bincount(values - low if low else values)

    def distribution(self) -> Distribution | None:
        """Return the distribution of all values so far, None if there were none."""
        values: IntArray = np.flatnonzero(self._counts)
        counts = self._counts[values]
        if self._others:
            others, often = np.unique(np.concatenate(self._others), return_counts=True)
            values, counts = np.concatenate([values, others]), np.concatenate([counts, often])
            order = np.argsort(values, kind="stable")
            values, counts = values[order], counts[order]
        return _distribution(values, counts) if len(values) else None


def _distribution(values: IntArray, counts: IntArray) -> Distribution:
    """Return the distribution of different values in rising order and how often each occurs."""
    ranks = np.cumsum(counts)
    count = int(ranks[-1])
    largest = max(abs(int(values[0])), abs(int(values[-1])))
    if largest.bit_length() + count.bit_length() < EXACT_BITS:
        mean = int((values * counts).sum()) / count
    else:
        mean = float((values.astype(np.float64) * counts).sum()) / count
    squares = float((counts * (values - mean) ** 2).sum())
    at = np.searchsorted(ranks, [nearest_rank(share, count) for share in SHARES.values()])
    return Distribution(
        count,
        mean,
        sqrt(squares / (count - 1)) if count > 1 else None,
        int(values[0]),
        *(int(value) for value in values[at]),  # type: ignore[call-arg]  # one a share
        int(values[-1]),
    )


def nearest_rank(share: float, count: int) -> int:
    """Return the rank, from 1, of the smallest of `count` values that covers a share of them."""
    return max(1, ceil(share * count))


def quantiles(values: IntArray, shares: Sequence[float]) -> list[int]:
    """Return quantiles of a column of any whole numbers, at least one; it is copied once."""
    places = [nearest_rank(share, len(values)) - 1 for share in shares]
    kept: list[int] = np.partition(values, sorted(set(places)))[places].tolist()
    return kept
