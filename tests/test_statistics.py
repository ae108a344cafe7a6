"""Intervals cover what they claim, and say nothing where the data say nothing."""

import numpy as np
import pytest

from driftlab.analysis.statistics import (
    Estimate,
    bootstrap_estimate,
    growth_estimate,
    mean_difference,
    mean_estimate,
    share_estimate,
)

TRIALS = 400
COVERED = (0.92, 0.98)  # shares of TRIALS between which 95 % stays, but for once in a hundred


def covers(estimate: Estimate, truth: float) -> bool:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= truth <= estimate.high


def test_the_interval_of_a_mean_covers_it_in_95_percent_of_samples() -> None:
    draw = np.random.default_rng(7)
    hits = [covers(mean_estimate(draw.normal(3, 2, 6)), 3) for _ in range(TRIALS)]
    assert COVERED[0] < np.mean(hits) < COVERED[1]


def test_a_mean_of_known_values_has_students_interval() -> None:
    found = mean_estimate([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.value == 3
    assert found.ci95 == pytest.approx([3 - 2.776445 * 0.7071068, 3 + 2.776445 * 0.7071068])


def test_one_value_has_no_interval() -> None:
    for found in (
        mean_estimate([4.0]),
        bootstrap_estimate(np.mean, [4.0]),
        mean_difference([1.0], [5.0]),
    ):
        assert found == Estimate(4.0, None, None)
        assert found.ci95 is None
        assert not found.excludes(0)
        assert not found.within(-1e9, 1e9)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_the_interval_of_a_share_covers_it(share: float) -> None:
    draw = np.random.default_rng(8)
    counts = draw.binomial(200, share, TRIALS).tolist()
    hits = [covers(share_estimate(count, 200), share) for count in counts]
    assert np.mean(hits) > COVERED[0]


def test_shares_of_none_and_all_have_intervals_inside_0_and_1() -> None:
    none, every = share_estimate(0, 300), share_estimate(300, 300)
    assert (none.low, every.high) == (0.0, 1.0)
    assert none.high == pytest.approx(3.84 / 300, rel=0.02)
    assert every.low == pytest.approx(1 - 3.84 / 300, rel=0.001)


def test_a_bootstrap_interval_covers_a_median_and_is_the_same_each_time() -> None:
    draw = np.random.default_rng(9)
    samples = [draw.exponential(1, 60) for _ in range(100)]
    hits = [covers(bootstrap_estimate(np.median, sample), np.log(2)) for sample in samples]
    assert np.mean(hits) > 0.88
    assert bootstrap_estimate(np.median, samples[0]) == bootstrap_estimate(np.median, samples[0])


def test_equal_values_have_an_interval_of_that_value() -> None:
    assert bootstrap_estimate(np.mean, [2.0] * 5) == Estimate(2.0, 2.0, 2.0)


def test_a_paired_difference_is_free_of_what_both_share() -> None:
    draw = np.random.default_rng(10)
    shared = draw.normal(0, 100, 50)
    found = mean_difference(shared, shared + draw.normal(1, 0.1, 50))
    assert covers(found, 1)
    assert found.excludes(0)
    assert found.within(0.8, 1.2)


def test_the_growth_of_a_drifting_walk_is_covered_where_a_regression_is_not() -> None:
    draw = np.random.default_rng(11)
    times = np.arange(1, 601) / 10
    hits = [
        covers(growth_estimate(times, np.cumsum(draw.normal(0.05, 1, 600)), 0, 60), 0.5)
        for _ in range(TRIALS)
    ]
    assert COVERED[0] - 0.02 < np.mean(hits) < COVERED[1]


def test_the_growth_of_a_ramp_is_its_slope() -> None:
    times = np.arange(0, 60, 0.001)
    found = growth_estimate(times, 2 * times, 0, 60)
    assert found.value == pytest.approx(2, rel=1e-3)
