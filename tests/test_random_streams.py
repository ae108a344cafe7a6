from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from driftlab.model.random_streams import (
    BLOCK_WORDS,
    Purpose,
    draw,
    draw_block,
    mix,
    stream,
    uniform_below,
)

words = st.integers(0, 2**64 - 1)


def chi_square(counts: list[int]) -> float:
    expected = sum(counts) / len(counts)
    return sum((count - expected) ** 2 / expected for count in counts)


def test_the_dice_are_the_same_for_ever() -> None:
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
def test_a_block_holds_the_very_draws(key: int, first: int) -> None:
    assert list(draw_block(key, first)) == [draw(key, first + i) for i in range(BLOCK_WORDS)]


@given(words, st.integers(1, 2**40))
def test_a_scaled_word_lies_below_its_bound(word: int, bound: int) -> None:
    assert 0 <= uniform_below(word, bound) < bound


def test_streams_differ_by_seed_run_process_and_purpose() -> None:
    keys = {
        stream(seed, run, process, purpose)
        for seed in range(5)
        for run in range(5)
        for process in range(5)
        for purpose in Purpose
    }
    assert len(keys) == 5 * 5 * 5 * len(Purpose)


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
