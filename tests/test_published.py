"""The runs that others published, held against the simulator."""

import pytest

from driftlab.study.published import PUBLISHED, PublishedRow, published_rows

RUNS = 10_000
# Source and rates of exactly those rows that lie outside the simulated range.
A_TICK_SHORT = {
    ("KevenLi8888/scale-models-and-logical-clocks", (6, 3, 2)),
    ("tslilyai/logical-clocks", (5, 3, 1)),
}
SLOW = {("SuperiorityComplex/scale-models-log-clocks", (5, 5, 5))}
NEARLY_ALIGNED = {("KevenLi8888/scale-models-and-logical-clocks", (5, 5, 1))}


@pytest.fixture(scope="module")
def rows() -> list[PublishedRow]:
    return published_rows(runs=RUNS)


def key(row: PublishedRow) -> tuple[str, tuple[float, ...]]:
    return row.run.source, row.run.rates


def test_exactly_the_rows_with_an_explanation_are_outside(rows: list[PublishedRow]) -> None:
    assert len(rows) == len(PUBLISHED) == 9
    outside = {key(row) for row in rows if not row.inside}
    assert outside == A_TICK_SHORT | SLOW | NEARLY_ALIGNED
    assert all(bool(row.run.explanation) != row.inside for row in rows)


def test_slow_runs_are_inside_at_the_rates_they_achieved(rows: list[PublishedRow]) -> None:
    again = {key(row): row for row in rows if row.at_achieved}
    assert set(again) == A_TICK_SHORT | SLOW | NEARLY_ALIGNED
    for each in A_TICK_SHORT | SLOW:
        assert again[each].inside_at_achieved, again[each]
    slow = again[next(iter(SLOW))]
    assert slow.achieved_rates == pytest.approx((266 / 60,) * 3)


def test_a_run_a_tick_short_misses_by_one_tick(rows: list[PublishedRow]) -> None:
    for row in rows:
        if key(row) in A_TICK_SHORT:
            (missed,) = [figure for figure in row.figures if not figure.inside]
            assert (missed.name, missed.machine) == ("final clock", 0)
            assert missed.low - missed.value == 1


def test_the_nearly_aligned_run_is_between_aligned_and_free(rows: list[PublishedRow]) -> None:
    (row,) = [row for row in rows if key(row) in NEARLY_ALIGNED]
    assert not row.inside_at_achieved
    missed = [figure for figure in row.figures if not figure.inside]
    assert {(figure.name, figure.machine) for figure in missed} == {
        (name, machine) for name in ("final clock", "mean jump") for machine in (0, 1)
    }
    for figure in missed:
        aligned = 300 if figure.name == "final clock" else 1
        assert aligned < figure.value < figure.low


def test_one_row_is_inside_by_a_tick_and_not_beside_four_hundred_runs(
    rows: list[PublishedRow],
) -> None:
    """The range of a row of twelve figures leaves out 1 run of 2,400 at either end: the least
    and the greatest of 400 runs lie within it, and a fifth row outside of them."""
    (row,) = [row for row in rows if row.run.source.startswith("MaxwellZen")]
    clock = row.figures[0]
    assert (clock.name, clock.machine, clock.value) == ("final clock", 0, 364)
    assert row.inside
    assert clock.value - clock.low == 1
    few = {key(each) for each in published_rows(runs=400) if not each.inside}
    assert few == A_TICK_SHORT | SLOW | NEARLY_ALIGNED | {key(row)}


def test_the_facts_are_those_of_the_row() -> None:
    die = PUBLISHED[-1].scenario()
    assert die.faces is None
    assert (die.send_one, die.send_all) == pytest.approx((0.5, 0.25))
