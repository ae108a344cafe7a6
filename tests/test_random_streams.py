"""Random streams: golden draws, independence, and the random numbers of a process."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlab.machine.process import ProcessContext
from driftlab.model.random_streams import (
    BLOCK_WORDS,
    Purpose,
    draw,
    draw_block,
    mix,
    mul_high,
    stream,
    uniform_below,
)

words = st.integers(0, 2**64 - 1)


def chi_square(counts: list[int]) -> float:
    expected = sum(counts) / len(counts)
    return sum((count - expected) ** 2 / expected for count in counts)


def test_draws_are_the_same_for_ever() -> None:
    """Golden draws: another value here means that no published seed can be repeated."""
    assert [draw(stream(1, 1, 0, Purpose.DIE), tick) for tick in range(3)] == [
        276446722565657990,
        7579688826932351260,
        10462036331020031522,
    ]
    assert stream(2**64 - 1, 400, 999_999, Purpose.PHASE) == 12255810227473323374


@given(words, words)
def test_mixing_is_one_to_one(a: int, b: int) -> None:
    assert (mix(a) == mix(b)) == (a == b)


@given(words, st.integers(0, 2**64))
def test_a_block_holds_the_same_draws(key: int, first: int) -> None:
    assert list(draw_block(key, first)) == [draw(key, first + i) for i in range(BLOCK_WORDS)]


@given(words, st.integers(1, 2**40))
def test_a_scaled_word_lies_below_its_bound(word: int, bound: int) -> None:
    assert 0 <= uniform_below(word, bound) < bound


def test_streams_differ_by_seed_run_process_and_purpose() -> None:
    purposes = [value for name, value in vars(Purpose).items() if name.isupper()]
    assert sorted(purposes) == [1, 2, 3, 4, 5]
    keys = {
        stream(seed, run, process, purpose)
        for seed in range(5)
        for run in range(5)
        for process in range(5)
        for purpose in purposes
    }
    assert len(keys) == 5 * 5 * 5 * len(purposes)


def test_every_bit_of_a_stream_is_fair() -> None:
    """A bit of 20,000 draws is set 10,000 times, give or take five standard deviations."""
    key = stream(7, 1, 0, Purpose.DIE)
    draws = [draw(key, tick) for tick in range(20_000)]
    for bit in range(64):
        assert abs(sum(word >> bit & 1 for word in draws) - 10_000) < 5 * 71


def test_faces_are_uniform_along_a_stream_and_across_streams() -> None:
    along = Counter(
        uniform_below(draw(stream(1, 1, 0, Purpose.DIE), tick), 10) for tick in range(50_000)
    )
    across = Counter(
        uniform_below(draw(stream(1, run, process, Purpose.DIE), 0), 10)
        for run in range(5_000)
        for process in range(10)
    )
    for counts in (along, across):  # 99.99 % of chi-square with 9 degrees of freedom: 33.7
        assert chi_square([counts[face] for face in range(10)]) < 33.7


def test_neighbouring_ticks_runs_and_processes_are_independent() -> None:
    """Pairs of faces fill a 10 x 10 table evenly (99 degrees of freedom, 99.99 %: 161)."""

    def face(run: int, process: int, tick: int) -> int:
        return uniform_below(draw(stream(3, run, process, Purpose.DIE), tick), 10)

    for dr, dp, dt in ((0, 0, 1), (1, 0, 0), (0, 1, 0)):
        pairs = Counter(
            (face(run, process, tick), face(run + dr, process + dp, tick + dt))
            for run in range(20)
            for process in range(20)
            for tick in range(100)
        )
        counts = [pairs[first, second] for first in range(10) for second in range(10)]
        assert chi_square(counts) < 161


def test_a_scaled_word_reaches_both_ends() -> None:
    assert [uniform_below(word, 10) for word in (0, 2**64 // 10, 2**64 // 10 + 1)] == [0, 0, 1]
    assert uniform_below(2**64 - 1, 10) == 9
    assert uniform_below(2**64 - 1, 1) == 0
    assert mul_high(2**32, 2**32) == 1
    assert mul_high(2**64 - 1, 2**64 - 1) == 2**64 - 2


def context(stream_key: int = 5) -> ProcessContext:
    return ProcessContext("A", 0, ("A", "B"), ("B",), stream_key)


@pytest.mark.parametrize("gap", [1, 3, 4, 5, 31, 32, 33])
def test_a_process_draws_the_same_at_any_gap_between_its_ticks(gap: int) -> None:
    seen = context()
    for tick in range(0, 40 * gap, gap):
        seen.tick = tick
        first = draw(5, tick)
        assert [seen.random.word() for _ in range(3)] == [first, draw(first, 1), draw(first, 2)]


def test_a_process_that_goes_back_in_time_draws_what_it_drew_before() -> None:
    seen = context()
    for tick in (9, 10, 11, 8, 41, 42, 43, 9, 0):
        seen.tick = tick
        assert seen.random.word() == draw(5, tick)


def test_numbers_of_a_process_stay_within_their_bounds() -> None:
    seen = context()
    numbers = []
    for tick in range(2000):
        seen.tick = tick
        word = draw(5, tick)
        assert seen.random.uniform() == (word >> 11) / 2**53
        assert seen.random.below(1) == 0
        assert not seen.random.chance(0)
        assert seen.random.chance(1)
        numbers.append(seen.random.below(3))
        assert seen.random.choice("x") == "x"
    assert set(numbers) == {0, 1, 2}


@pytest.mark.parametrize("bound", [0, -1])
def test_no_number_is_below_a_bound_under_one(bound: int) -> None:
    with pytest.raises(
        ValueError, match=rf"^below\({bound}\): there is no number in 0 \.\. {bound - 1}$"
    ):
        context().random.below(bound)
    with pytest.raises(ValueError, match="no number"):
        context().random.choice([])
