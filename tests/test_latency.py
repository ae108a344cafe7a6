"""Latencies: whole nanoseconds that follow their distributions, the same for ever."""

from collections.abc import Callable
from math import erf, exp, log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlab.model.random_streams import Purpose, draw, stream
from driftlab.network.latency import (
    Latency,
    bit_length,
    exponentials,
    fixed_mul,
    interpolate,
    logarithms,
)

SECOND = 1_000_000_000
words = st.integers(0, 2**64 - 1)
DRAWN = [
    Latency("uniform", 20, SECOND),
    Latency("exponential", SECOND),
    Latency("lognormal", SECOND, 500_000),
]


def test_a_fixed_latency_does_not_depend_on_the_draw() -> None:
    assert Latency().sample_ns(2**63) == 0
    assert Latency("fixed", 7).sample_ns(2**63) == 7
    assert [latency.is_drawn for latency in (Latency(), Latency("fixed", 7), *DRAWN)] == [
        False, False, True, True, True,
    ]  # fmt: skip


@given(words)
def test_a_uniform_latency_lies_between_its_bounds(word: int) -> None:
    assert 3 <= Latency("uniform", 3, 5).sample_ns(word) <= 5


@given(words, words)
def test_a_later_quantile_is_no_smaller(one: int, other: int) -> None:
    low, high = sorted([one, other])
    assert DRAWN[0].sample_ns(low) <= DRAWN[0].sample_ns(high)
    assert DRAWN[1].sample_ns(low) >= DRAWN[1].sample_ns(high)  # -ln u falls
    assert DRAWN[2].sample_ns(low) <= DRAWN[2].sample_ns(high)


@given(words)
def test_an_exponential_latency_is_the_logarithm_to_a_ten_millionth(word: int) -> None:
    exactly = -log((word | 1) / 2**64)
    assert abs(DRAWN[1].sample_ns(word) / SECOND - exactly) < 1e-7


SHARES: list[tuple[Latency, Callable[[float], float]]] = [
    (DRAWN[0], lambda x: x),
    (DRAWN[1], lambda x: 1 - exp(-x)),
    (DRAWN[2], lambda x: (1 + erf(log(x) / 0.5 / sqrt(2))) / 2),
]


@pytest.mark.parametrize(("latency", "share"), SHARES)
def test_draws_follow_the_distribution(latency: Latency, share: Callable[[float], float]) -> None:
    """Kolmogorov and Smirnov: the largest gap of 20,000 draws; 1.95 / sqrt(n) is 99.9 %."""
    key = stream(11, 1, 0, Purpose.LATENCY)
    draws = sorted(latency.sample_ns(draw(key, tick)) / SECOND for tick in range(20_000))
    gap = max(abs((i + 0.5) / len(draws) - share(x)) for i, x in enumerate(draws))
    assert gap < 1.95 / sqrt(len(draws))


def test_the_tails_of_a_lognormal_reach_far_and_end() -> None:
    low, high = (DRAWN[2].sample_ns(word) / SECOND for word in (0, 2**64 - 1))
    assert exp(-0.5 * 5.6) < low < exp(-0.5 * 5.2)
    assert exp(0.5 * 5.2) < high < exp(0.5 * 5.6)


def test_latencies_are_the_same_for_ever() -> None:
    """Golden draws: another value here means that no published run can be repeated."""
    assert [latency.sample_ns(0x0123456789ABCDEF) for latency in DRAWN] == [
        4444464,
        5416100407,
        270311898,
    ]


def test_a_uniform_latency_reaches_both_bounds() -> None:
    assert Latency("uniform", 3, 5).sample_ns(0) == 3
    assert Latency("uniform", 3, 5).sample_ns(2**64 - 1) == 5
    assert Latency("uniform", 4, 4).sample_ns(2**64 - 1) == 4
    thirds = [Latency("uniform", 3, 5).sample_ns(word) for word in (2**64 // 3, 2**64 // 3 + 1)]
    assert thirds == [3, 4]


def test_an_exponential_latency_reaches_its_extremes() -> None:
    """The largest word is next to 1, whose logarithm is 0; the smallest stands for 2**-64."""
    latency = Latency("exponential", SECOND)
    assert latency.sample_ns(2**64 - 1) == 0
    assert abs(latency.sample_ns(0) / SECOND - 64 * log(2)) < 1e-7
    assert latency.sample_ns(0) == latency.sample_ns(1)
    for half in (2**63, 2**63 + 1, 2**63 - 1):
        assert abs(latency.sample_ns(half) / SECOND - log(2)) < 1e-7
    assert Latency("exponential", 0).sample_ns(0) == 0


def test_the_middle_of_a_lognormal_is_its_median_and_sigma_zero_is_fixed() -> None:
    assert abs(Latency("lognormal", SECOND, 500_000).sample_ns(2**63) - SECOND) <= 1
    assert {Latency("lognormal", 77, 0).sample_ns(word) for word in (0, 2**63, 2**64 - 1)} == {77}


@pytest.mark.parametrize("edge", [2**52, 2**64 - 2**52])
def test_the_tables_of_a_lognormal_meet_at_their_edges(edge: int) -> None:
    latency = Latency("lognormal", SECOND, 500_000)
    before, after = latency.sample_ns(edge - 1), latency.sample_ns(edge)
    assert 0 <= after - before <= 3


def test_tables_have_an_entry_for_both_ends() -> None:
    table = logarithms()
    assert (table[0], table[-1], len(table)) == (0, 2_977_044_472, 2**12 + 1)
    low, middle, high = exponentials(1_000_000)
    assert len(low) == len(middle) == len(high) == 2**12 + 1
    assert (low[-1], high[0]) == (middle[1], middle[-2])
    assert list(low) == sorted(low)
    assert list(high) == sorted(high)


def test_fixed_point_is_rounded_down_and_interpolation_hits_the_entries() -> None:
    assert fixed_mul(7, 3 << 31) == 10
    assert fixed_mul(2**62, 1 << 32) == 2**62
    table = tuple(i * 10 for i in range(2**12 + 1))
    assert [interpolate(table, i << 52) for i in (0, 1, 4095)] == [0, 10, 40950]
    assert interpolate(table, (1 << 52) - 1) == 9
    assert interpolate(table, 2**64 - 1) == 40959
    assert [bit_length(word) for word in (0, 1, 255, 2**64 - 1)] == [0, 1, 8, 64]


@given(
    st.sampled_from(["uniform", "exponential", "lognormal"]),
    st.integers(1, 10**13),
    words | st.sampled_from([0, 1, 2**63, 2**64 - 1]),
)
def test_a_sampler_gives_the_same_nanosecond(kind: str, first: int, word: int) -> None:
    latency = Latency(kind, first, first + 1 if kind == "uniform" else 1_000_000)
    assert latency.sampler()(word) == latency.sample_ns(word)
