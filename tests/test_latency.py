"""Latencies: whole nanoseconds that follow their distributions, the same for ever."""

from collections.abc import Callable
from math import erf, exp, log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlab.model.random_streams import Purpose, draw, stream
from driftlab.network.latency import Latency

SECOND = 1_000_000_000
words = st.integers(0, 2**64 - 1)
DRAWN = [
    Latency("uniform", 20, SECOND),
    Latency("exponential", SECOND),
    Latency("lognormal", SECOND, 500_000),
]


def test_what_is_not_drawn_takes_no_draw() -> None:
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
