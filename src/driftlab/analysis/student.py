"""Student's distribution without SciPy, whose import takes longer than most summaries.

The probability within t standard errors is a finite sum for a whole number of degrees of
freedom (Abramowitz and Stegun, 26.7.3 and 26.7.4), and its root is found by bisection.
For many degrees of freedom their expansion 26.7.5 is exact to eight digits.
"""

from functools import cache
from math import atan, cos, fsum, pi, sin, sqrt
from typing import Final

SUMMED_MAX: Final = 200  # degrees of freedom, above which the expansion is used
STEPS: Final = 60  # of the bisection: to the last digit
NORMAL_95: Final = 1.959963984540054  # standard errors within which 95 % of a normal lie


@cache
def student_95(freedom: int) -> float:
    """Return how many standard errors hold 95 % of Student's distribution, two-sided.

    freedom: degrees of freedom, at least 1.
    """
    if freedom > SUMMED_MAX:
        return _expanded(freedom)
    low, high = 1.0, 13.0  # the root is 12.71 for one degree, and falls
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _within(middle, freedom) < 0.95:
            low = middle
        else:
            high = middle
    return high


def _within(t: float, freedom: int) -> float:
    """Return the probability of less than t standard errors, two-sided."""
    angle = atan(t / sqrt(freedom))
    square = cos(angle) ** 2
    odd = freedom % 2
    term = total = cos(angle) if odd else 1.0
    for k in range(3 if odd else 2, freedom - 1, 2):
        term *= square * (k - 1) / k
        total += term
    if odd:
        return 2 / pi * (angle + (sin(angle) * total if freedom > 1 else 0.0))
    return sin(angle) * total


def _expanded(freedom: int) -> float:
    z = NORMAL_95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + fsum(term / float(freedom) ** power for power, term in enumerate(terms, 1))
