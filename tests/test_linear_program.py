"""Minima of linear programs: exact where they exist, never more than can be proved."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlab.analysis import linear_program
from driftlab.analysis.linear_program import (
    BOX,
    Coefficients,
    Constraint,
    Equation,
    LinearProgram,
    solve_exactly,
)

numbers = st.integers(-6, 6)


def two_variables(constraints: Sequence[tuple[int, int, int]]) -> LinearProgram:
    """Return constraints a·x + b·y >= c on x, which may be negative, and y, which may not."""
    rows = [Constraint(dict(enumerate((a, b))), c) for a, b, c in constraints]
    return LinearProgram(rows, [1, 1], [True, False])


def feasible_vertices(
    constraints: Sequence[tuple[int, int, int]],
) -> list[tuple[Fraction, Fraction]]:
    """Return where two of the lines meet that bound the feasible points, y >= 0 among them."""
    lines = [*constraints, (0, 1, 0)]
    vertices = []
    for (a, b, c), (d, e, f) in combinations(lines, 2):
        if det := a * e - b * d:
            x, y = Fraction(c * e - b * f, det), Fraction(a * f - c * d, det)
            if all(p * x + q * y >= r for p, q, r in lines):
                vertices.append((x, y))
    return vertices


@settings(max_examples=150)
@given(st.lists(st.tuples(numbers, numbers, numbers), max_size=6), st.tuples(numbers, numbers))
def test_a_minimum_is_that_of_the_vertices_and_is_exact(
    drawn: list[tuple[int, int, int]], objective: tuple[int, int]
) -> None:
    """Four constraints keep x and y within 50 of 0, so that there is a minimum."""
    constraints = [*drawn, (1, 0, -50), (-1, 0, -50), (0, -1, -50)]
    constraints = [each for each in constraints if each[0] or each[1]]
    coefficients = {key: each for key, each in enumerate(objective) if each}
    if not coefficients:
        return
    program = two_variables(constraints)
    found = program.minimise(coefficients)
    vertices = feasible_vertices(constraints)
    assert found.is_feasible == bool(vertices)
    if vertices:
        assert found.value == min(objective[0] * x + objective[1] * y for x, y in vertices)
        assert objective @ found.point == pytest.approx(float(found.value or 0), abs=1e-6)
        assert program.conflict == ()
    else:
        assert found.value is None
        named = [constraints[row] for row in program.conflict]
        assert named
        assert not feasible_vertices(
            [*named, (1, 0, -(10**9)), (-1, 0, -(10**9)), (0, -1, -(10**9))]
        )


def test_what_nothing_bounds_has_no_minimum() -> None:
    program = two_variables([(1, 1, 3)])
    assert program.minimise({0: 1}).value is None  # y may grow for ever
    assert program.minimise({0: -1}).value is None
    assert program.minimise({1: -1}).value is None
    assert program.minimise({1: 1}).value == 0  # y is not negative
    assert program.minimise({0: 2, 1: 2}).value == 6
    assert two_variables([]).minimise({1: 1}).value == 0
    assert two_variables([]).minimise({0: 1}).value is None
    assert two_variables([]).conflict == ()


def test_a_minimum_is_found_up_to_the_box_and_no_farther() -> None:
    assert BOX == 10_000
    assert two_variables([(1, 0, 1 - BOX)]).minimise({0: 1}).value == 1 - BOX
    assert two_variables([(1, 0, -1 - BOX)]).minimise({0: 1}).value is None
    assert two_variables([(0, -1, 1 - BOX)]).minimise({1: -1}).value == 1 - BOX
    assert two_variables([(0, -1, -1 - BOX)]).minimise({1: -1}).value is None
    units = LinearProgram([Constraint({0: 1}, -7 * BOX + 1)], [7], [True])
    assert units.minimise({0: 1}).value == -7 * BOX + 1


def test_large_numbers_are_exact() -> None:
    """Times of a day in nanoseconds: a float holds them, but not the products."""
    day = 86_400 * 10**9
    program = LinearProgram(
        [Constraint({0: 1, 1: day + 1}, day), Constraint({0: -1, 1: -day}, -day - 3)],
        [day, 1],
        [True, False],
    )
    assert program.minimise({1: 1}).value == 0
    low = LinearProgram(
        [Constraint({0: 1, 1: day}, day + 1), Constraint({0: -1, 1: -1}, -1)],
        [day, 1],
        [True, False],
    )
    assert low.minimise({1: 1}).value == Fraction(day, day - 1)


def test_constraints_that_contradict_are_named_and_no_others() -> None:
    program = two_variables([(0, -1, -9), (1, 0, 5), (1, 1, -7), (-1, 0, -4)])
    found = program.minimise({0: 1})
    assert (found.value, found.is_feasible) == (None, False)
    assert np.isnan(found.point).all()
    assert program.conflict == (1, 3)
    assert two_variables([(0, -1, 1)]).conflict == (0,)  # y is not negative
    assert two_variables([(1, 0, 5), (-1, 0, -5)]).conflict == ()  # exactly 5
    assert two_variables([(1, 0, 5), (-1, 0, -5)])._proved_conflict([0, 1], []) == ()
    assert two_variables([(1, 0, 5), (-1, 0, -4)])._proved_conflict([0, 1], []) == (0, 1)
    assert two_variables([(1, 0, 5)]).minimise({0: 1, 1: 0}).value == 5
    nothing: Mapping[int, int] = {}
    assert LinearProgram([Constraint(nothing, 1)], [1], [True]).conflict == (0,)


@pytest.mark.parametrize("multiplier", [-1.0, 0.0])
def test_without_usable_multipliers_there_is_no_bound(
    multiplier: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A solver that finds the right point and says nonsense about why."""

    def solved(costs: Coefficients, **_: object) -> SimpleNamespace:
        nothing = SimpleNamespace(marginals=np.zeros(2))
        wrong = SimpleNamespace(marginals=np.array([0.0, multiplier]))
        point = np.array([5.0, 0.0])
        return SimpleNamespace(status=0, x=point, lower=nothing, upper=nothing, ineqlin=wrong)

    program = two_variables([(1, 0, 5), (-1, 0, -9)])
    assert program.minimise({0: 1}).value == 5
    monkeypatch.setattr(linear_program, "linprog", solved)
    assert program.minimise({0: 1}).value is None


def equations(*rows: tuple[int, ...]) -> list[Equation]:
    """Return equations, each given by its coefficients and, last, its right side."""
    return [
        Equation(
            {key: Fraction(each) for key, each in enumerate(row[:-1]) if each}, Fraction(row[-1])
        )
        for row in rows
    ]


def test_equations_are_solved_exactly() -> None:
    nothing = Fraction(0)
    assert solve_exactly(equations((1, 3, 6)), 2) == [Fraction(6), nothing]
    third, half = Fraction(1, 3), Fraction(1, 2)
    assert solve_exactly(equations((0, 2, 1), (3, 0, 1)), 2) == [third, half]
    assert solve_exactly(equations((1, 1), (2, 3)), 1) is None
    assert solve_exactly(equations((1, 1), (2, 2)), 1) == [Fraction(1)]
    assert solve_exactly(equations((1, 1, 1, 6), (1, -1, 0, -1), (2, 1, -3, -5)), 3) == [
        Fraction(1), Fraction(2), Fraction(3)
    ]  # fmt: skip
    assert solve_exactly([], 2) == [nothing, nothing]


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=4))
def test_a_solution_of_equations_satisfies_them(rows: list[tuple[int, int, int, int]]) -> None:
    solution = solve_exactly(equations(*rows), 3)
    ranks = [
        np.linalg.matrix_rank(np.array(rows, float).reshape(-1, 4)[:, :width]) for width in (3, 4)
    ]
    assert (solution is None) == (ranks[0] < ranks[1])
    for row in rows if solution else ():
        assert sum(a * x for a, x in zip(row, solution or (), strict=False)) == row[-1]
