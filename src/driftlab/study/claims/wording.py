"""How the figures of claims are written: a value, and its 95 % interval in parentheses."""

from math import isnan
from typing import Final

from driftlab.analysis.statistics import Estimate
from driftlab.arrays import IntArray

UNKNOWN: Final = "unknown"  # a figure that the data do not give


def percent(estimate: Estimate, digits: int = 1) -> str:
    """Return a share as text: `74.1 % (73.5 to 74.7)`."""
    if isnan(estimate.value):
        return UNKNOWN
    value = f"{100 * estimate.value:.{digits}f} %"
    if estimate.low is None or estimate.high is None:
        return value
    if estimate.value == estimate.low == 0:
        return "0 %" if estimate.high == 1 else f"0 % (below {100 * estimate.high:.2g})"
    if estimate.value == estimate.high == 1:
        return "100 %" if estimate.low == 0 else f"100 % (above {100 * estimate.low:.4g})"
    low, high = 100 * estimate.low, 100 * estimate.high
    return f"{value} ({low:.{digits}f} to {high:.{digits}f})"


def number(estimate: Estimate, digits: int = 2) -> str:
    """Return a figure as text: `0.52 (0.44 to 0.60)`."""
    if isnan(estimate.value):
        return UNKNOWN
    value = f"{estimate.value:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


def signed(estimate: Estimate, digits: int = 1) -> str:
    """Return a difference as text: `+3.1 (+2.8 to +3.4)`."""
    if isnan(estimate.value):
        return UNKNOWN
    value = f"{estimate.value:+.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} ({estimate.low:+.{digits}f} to {estimate.high:+.{digits}f})"


def of(part: IntArray, whole: IntArray) -> str:
    """Return counts over all runs as text: `3 of 1,204`."""
    return f"{int(part.sum()):,} of {int(whole.sum()):,}"
