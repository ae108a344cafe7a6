"""Linear programs whose minima are found by HiGHS and proved in fractions.

A linear program minimises c·x subject to A·x >= b. HiGHS (Huangfu and Hall,
"Parallelizing the dual revised simplex method", Mathematical Programming
Computation 10, 2018) solves it in floating point, and with its dual: multipliers
w >= 0 with Aᵀw = c. They are a certificate, because every feasible x then has
c·x = w·A·x >= w·b (weak duality). Rounding must not make a bound wrong, so only
the *support* of the multipliers is taken from HiGHS, that is, which constraints
decide. Their multipliers are solved for again, exactly, in fractions; what these
prove is the result (as in Applegate, Cook, Dash and Espinoza, "Exact solutions to
linear programming problems", Operations Research Letters 35, 2007).

A program without a feasible point is shown to have none in the same way, by
Farkas' lemma: multipliers w >= 0 with Aᵀw = 0 and w·b > 0. HiGHS finds their
support as the dual of a second program, which asks by how much all constraints
must be relaxed.

The limits of the promise: every bound is valid. One that HiGHS gives no usable
multipliers for is not reported. A violation below TOLERANCE of the largest number
is not seen, so a bound may be wider than the best one by about as much.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.optimize import linprog

from driftlab.arrays import BoolArray, FloatArray

BOX: Final = 10_000  # no variable is farther from 0 than so many of its units, unless unbounded
TOLERANCE: Final = 1e-10  # the smallest that HiGHS takes; it allows violations below this
_SUPPORT_MIN: Final = 1e-9  # smaller multipliers are rounding errors of 0, at the first attempt
_OPTIMAL: Final = 0  # a status of `scipy.optimize.linprog`

Coefficients = Mapping[int, int]  # of a linear function: by the number of the variable


class Constraint(NamedTuple):
    """A linear function of the variables, with whole coefficients, is at least `lower`."""

    coefficients: Coefficients
    lower: int


class Minimum(NamedTuple):
    """The least value of a linear function.

    value: a lower bound that is proved, and the minimum up to TOLERANCE; None
    where nothing bounds the function, no point is feasible, or no proof was found.
    point f8: where the minimum is, by variable; all NaN where there is none.
    is_feasible: whether HiGHS found a feasible point; see `LinearProgram.conflict`.
    """

    value: Fraction | None
    point: FloatArray
    is_feasible: bool = True


class _Solution(NamedTuple):
    """What HiGHS found, in scaled variables; multipliers are those of the constraints.

    of_zero: multipliers of `x >= 0`, 0 for a variable that may be negative.
    Multipliers of the box are left out: what needs them is not a bound, and no proof is found.
    """

    point: FloatArray
    multipliers: FloatArray
    of_zero: FloatArray


class LinearProgram:
    """Constraints on variables, under which linear functions are minimised.

    The solver sees each variable in its unit, and each constraint with its largest
    coefficient scaled to 1. It also holds every variable within BOX units of 0, so
    that a minimum always exists; a minimum that the box decides is not a bound.
    """

    def __init__(
        self, constraints: Sequence[Constraint], units: Sequence[int], signed: Sequence[bool]
    ) -> None:
        """Take the constraints, and of each variable its unit and whether it is signed.

        units: a positive order of magnitude of each variable.
        signed: whether the variable may be negative; if not, it is at least 0.
        """
        self._constraints = constraints
        self._units = np.array(units, float)
        self._signed: BoolArray = np.array(signed, bool)
        matrix = np.zeros((len(constraints), len(units)))
        for row, (coefficients, _) in enumerate(constraints):
            for variable, coefficient in coefficients.items():
                matrix[row, variable] = coefficient
        matrix *= self._units
        size = np.abs(matrix).max(axis=1, initial=0)
        size[size == 0] = 1
        self._matrix = matrix / size[:, None]
        self._lower = np.array([float(each.lower) for each in constraints]) / size
        self._box = np.stack([np.where(self._signed, -BOX, 0), np.full(len(units), BOX)], axis=1)

    def minimise(self, objective: Coefficients) -> Minimum:
        """Return the least value of a linear function that is not 0 everywhere."""
        costs = np.zeros(len(self._units))
        for variable, coefficient in objective.items():
            costs[variable] = coefficient * self._units[variable]
        costs /= np.abs(costs).max()
        found = _solve(costs, self._matrix, self._lower, self._box)
        if found is None:
            return Minimum(None, np.full(len(self._units), np.nan), is_feasible=False)
        return Minimum(self._proved(objective, found), found.point * self._units)

    def _proved(self, objective: Coefficients, found: _Solution) -> Fraction | None:
        """Return the bound that the support of the multipliers proves, None if it proves none."""
        for least in (_SUPPORT_MIN, 0.0):
            rows = np.flatnonzero(found.multipliers > least).tolist()
            zeros = np.flatnonzero((found.of_zero > least) & ~self._signed).tolist()
            exact = self._multipliers(objective, rows, zeros)
            if exact is not None:
                return sum(
                    (each * self._constraints[row].lower for row, each in exact.items()),
                    Fraction(0),
                )
        return None

    @cached_property
    def conflict(self) -> tuple[int, ...]:
        """Numbers of constraints that no point satisfies together, rising.

        Empty where some point satisfies all, or no proof was found that none does.
        """
        if not self._constraints:
            return ()
        # The least number that, added to the left of all constraints, makes them feasible.
        count, width = self._matrix.shape
        matrix = np.hstack([self._matrix, np.ones((count, 1))])
        box = np.vstack([self._box, [0, np.inf]])
        found = _solve(np.append(np.zeros(width), 1.0), matrix, self._lower, box)
        if found is None:
            return ()
        for least in (_SUPPORT_MIN, 0.0):
            rows = np.flatnonzero(found.multipliers > least).tolist()
            zeros = np.flatnonzero((found.of_zero[:width] > least) & ~self._signed).tolist()
            if rows and (conflict := self._proved_conflict(rows, zeros)):
                return conflict
        return ()

    def _proved_conflict(self, rows: Sequence[int], zeros: Sequence[int]) -> tuple[int, ...]:
        """Return which of `rows` say together that 0 is positive, none if they do not."""
        first, *others = rows
        coefficients, lower = self._constraints[first]
        exact = self._multipliers({key: -each for key, each in coefficients.items()}, others, zeros)
        if exact is None:
            return ()
        proved = lower + sum(each * self._constraints[row].lower for row, each in exact.items())
        if proved <= 0:
            return ()
        return tuple(sorted([first, *(row for row, each in exact.items() if each)]))

    def _multipliers(
        self, objective: Coefficients, rows: Sequence[int], zeros: Sequence[int]
    ) -> dict[int, Fraction] | None:
        """Return multipliers of constraints whose sum is at most the objective, exactly.

        At most: it may be less in the coefficients of the variables `zeros`, which are
        at least 0. None where there are no such multipliers, all of them at least 0.
        """
        held = [*(self._constraints[row].coefficients for row in rows), *({at: 1} for at in zeros)]
        sums: dict[int, dict[int, Fraction]] = {variable: {} for variable in objective}
        for number, coefficients in enumerate(held):
            for variable, coefficient in coefficients.items():
                if coefficient:
                    sums.setdefault(variable, {})[number] = Fraction(coefficient)
        equations = [
            Equation(sums[variable], Fraction(objective.get(variable, 0))) for variable in sums
        ]
        solution = solve_exactly(equations, len(held))
        if solution is None or any(each < 0 for each in solution):
            return None
        return dict(zip(rows, solution, strict=False))  # those of `zeros` follow, and prove nothing


def _solve(
    costs: FloatArray, matrix: FloatArray, lower: FloatArray, box: FloatArray
) -> _Solution | None:
    """Minimise costs·x subject to matrix·x >= lower within a box of (lowest, highest) pairs.

    None where HiGHS finds no feasible point, or gives up.
    """
    found: Any = linprog(  # SciPy has no types
        costs,
        A_ub=-matrix,
        b_ub=-lower,
        bounds=box,
        method="highs-ds",  # the dual simplex method: multipliers of few constraints are not 0
        options={
            "primal_feasibility_tolerance": TOLERANCE,
            "dual_feasibility_tolerance": TOLERANCE,
        },
    )
    if found.status != _OPTIMAL:
        return None
    of_zero = np.where(box[:, 0] == 0, found.lower.marginals, 0.0)
    return _Solution(found.x, -found.ineqlin.marginals, of_zero)


class Equation(NamedTuple):
    """The sum of unknowns, by number, each times a coefficient that is not 0, equals `right`."""

    coefficients: dict[int, Fraction]
    right: Fraction


def solve_exactly(equations: Iterable[Equation], unknowns: int) -> list[Fraction] | None:
    """Solve linear equations by Gaussian elimination in fractions; None without a solution.

    Where several solutions exist, unknowns that are free are 0. The equations of the
    channels between machines have few unknowns each. Those with the fewest are taken
    first, so that they stay few.
    """
    pending = list(equations)
    solved: list[tuple[int, Equation]] = []  # the unknown of each, and by which others it is given
    while pending:
        shortest = min(range(len(pending)), key=lambda at: len(pending[at].coefficients))
        coefficients, right = pending.pop(shortest)
        if not coefficients:
            if right:
                return None
            continue
        unknown, pivot = next(iter(coefficients.items()))
        others = {key: each / pivot for key, each in coefficients.items() if key != unknown}
        given = Equation(others, right / pivot)
        solved.append((unknown, given))
        pending = [_eliminate(each, unknown, given) for each in pending]
    solution = [Fraction(0)] * unknowns
    for unknown, (others, right) in reversed(solved):
        solution[unknown] = right - sum(each * solution[key] for key, each in others.items())
    return solution


def _eliminate(equation: Equation, unknown: int, given: Equation) -> Equation:
    """Return the equation without an unknown that `given` gives by other unknowns."""
    factor = equation.coefficients.get(unknown)
    if factor is None:
        return equation
    left = {key: each for key, each in equation.coefficients.items() if key != unknown}
    for key, each in given.coefficients.items():
        changed = left.get(key, 0) - factor * each
        if changed:
            left[key] = changed
        else:
            del left[key]
    return Equation(left, equation.right - factor * given.right)
