"""Least values of linear functions under linear conditions: found in floats, proved in fractions.

Minimise c·y where A·y >= h, by the dual simplex method (Lemke 1954) from a box
that holds every variable: take in the condition that is violated most, and give
up the one that lets the multipliers stay at or above zero. Every basis on the
way proves a bound: multipliers w >= 0 with Aᵀw = c show that c·y >= w·h.

So rounding cannot make a result wrong. Which conditions decide is found in
floats; the multipliers of these few are then solved for exactly, in fractions,
and what they prove is the result. A contradiction is proved in the same way:
conditions whose sum, each times a number above zero, says 0 >= 1.

A value that only the box holds is no value: there is no bound. What rounding
hides, a violation below ROUNDING of the largest number, leaves bounds valid
and hardly wider.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final, NamedTuple

import numpy as np

from driftlab.model.columns import Array

BOX: Final = 10_000  # how far a variable may go, in its own unit, to be held by anything
ROUNDING: Final = 1e-11  # violations below this are not seen
_ZERO: Final = 1e-9  # what a multiplier or a pivot must exceed
_STEPS_MIN: Final = 500  # then conditions are taken in the order of their numbers (Bland 1977)
_STEPS_PER_VARIABLE: Final = 20

Weights = Mapping[int, int]  # of variables, by their numbers


class Condition(NamedTuple):
    """The sum of some variables, each times a whole number, is at least a whole number."""

    weights: Weights
    least: int


class Minimum(NamedTuple):
    """The least value of a function: exact, None where nothing bounds it or none could be proved.

    point: where it is, a float a variable. contradiction: numbers of conditions
    that cannot hold together; empty where all can.
    """

    value: Fraction | None
    point: Array
    contradiction: tuple[int, ...] = ()


class Conditions:
    """Conditions on variables, each of which has a unit (its order of size) and a sign.

    Variables that may be `negative` lie within BOX units of 0 both ways, others from 0 on.
    """

    def __init__(
        self, conditions: Sequence[Condition], units: Sequence[int], negative: Sequence[bool]
    ) -> None:
        held = [
            one
            for place, (unit, both) in enumerate(zip(units, negative, strict=True))
            for one in (
                Condition({place: 1}, -BOX * unit if both else 0),
                Condition({place: -1}, -BOX * unit),
            )
        ]
        self._held = len(held)
        # 0 is a condition like any other; the rest of the box is not.
        self._walls = {row for row in range(len(held)) if row % 2 or negative[row // 2]}
        self._all = [*held, *conditions]
        self._units = np.array(units, float)
        matrix = np.zeros((len(self._all), len(units)))
        for row, (weights, _) in enumerate(self._all):
            for place, weight in weights.items():
                matrix[row, place] = weight
        matrix *= self._units
        size = np.abs(matrix).max(axis=1)
        self._matrix = matrix / size[:, None]
        self._least = np.array([float(one.least) for one in self._all]) / size

    def least(self, weights: Weights) -> Minimum:
        """Return the least value of a sum of variables, each times a whole number."""
        try:
            return self._least_of(weights)
        except np.linalg.LinAlgError:  # conditions that rounding cannot tell apart
            return Minimum(None, np.full(len(self._units), np.nan))

    def _least_of(self, weights: Weights) -> Minimum:
        matrix, least, width = self._matrix, self._least, len(self._units)
        wanted = np.array([float(weights.get(place, 0)) for place in range(width)]) * self._units
        wanted /= np.abs(wanted).max()
        basis = np.where(wanted >= 0, np.arange(width) * 2, np.arange(width) * 2 + 1)
        steps = _STEPS_MIN + _STEPS_PER_VARIABLE * width
        for step in range(2 * steps):
            held = matrix[basis]
            point = np.linalg.solve(held, least[basis])
            over = matrix @ point - least
            worst = int(over.argmin() if step < steps else (over < -ROUNDING).argmax())
            if over[worst] >= -ROUNDING:
                return Minimum(self._proved(weights, basis, wanted), point * self._units)
            both = np.linalg.solve(held.T, np.stack([wanted, matrix[worst]], axis=1))
            multipliers, parts = both[:, 0].clip(0), both[:, 1]
            free = np.flatnonzero(parts > _ZERO)
            if not len(free):
                found = self._contradiction(worst, basis[parts < -_ZERO])
                return Minimum(None, point * self._units, found)
            ratios = multipliers[free] / parts[free]
            ties = free[ratios <= ratios.min() + _ZERO]
            leaving = ties[parts[ties].argmax() if step < steps else basis[ties].argmin()]
            basis[leaving] = worst
        return Minimum(None, np.full(width, np.nan))

    def _proved(self, weights: Weights, basis: Array, wanted: Array) -> Fraction | None:
        """Return the bound that the deciding conditions prove, None where none is."""
        multipliers = np.linalg.solve(self._matrix[basis].T, wanted)
        for support in (basis[multipliers > _ZERO], basis):
            exact = self._combination(weights, support.tolist())
            if exact is not None and all(one >= 0 for one in exact.values()):
                if any(exact[row] > 0 for row in self._walls & exact.keys()):
                    return None
                return sum((one * self._all[row].least for row, one in exact.items()), Fraction(0))
        return None

    def _contradiction(self, worst: int, others: Array) -> tuple[int, ...]:
        """Return conditions that contradict each other, none if that cannot be proved."""
        weights, least = self._all[worst]
        exact = self._combination(weights, others.tolist())
        if exact is None or any(one > 0 for one in exact.values()):
            return ()
        proved = least - sum(one * self._all[row].least for row, one in exact.items())
        if proved <= 0:
            return ()
        rows = [worst, *(row for row, one in exact.items() if one)]
        return tuple(sorted(row - self._held for row in rows if row >= self._held))

    def _combination(self, weights: Weights, rows: Sequence[int]) -> dict[int, Fraction] | None:
        """Return how often each condition is to be taken to give `weights`; None if it cannot."""
        places = sorted({place for row in rows for place in self._all[row].weights} | set(weights))
        system = [
            [Fraction(self._all[row].weights.get(place, 0)) for row in rows]
            + [Fraction(weights.get(place, 0))]
            for place in places
        ]
        solved = _solved(system, len(rows))
        return None if solved is None else dict(zip(rows, solved, strict=True))


def _solved(system: list[list[Fraction]], unknowns: int) -> list[Fraction] | None:
    """Solve linear equations by elimination, exactly; None where there is no solution."""
    solution = [Fraction(0)] * unknowns
    used = 0
    columns = []
    for column in range(unknowns):
        pivot = next((row for row in range(used, len(system)) if system[row][column]), None)
        if pivot is None:
            continue
        system[used], system[pivot] = system[pivot], system[used]
        head = system[used]
        for row, other in enumerate(system):
            if row != used and other[column]:
                factor = other[column] / head[column]
                system[row] = [
                    one - factor * two if two else one for one, two in zip(other, head, strict=True)
                ]
        columns.append(column)
        used += 1
    if any(row[-1] for row in system[used:]):
        return None
    for row, column in enumerate(columns):
        solution[column] = system[row][-1] / system[row][column]
    return solution
