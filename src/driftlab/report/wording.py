"""How a report writes numbers and intervals: the same in sentences and in tables."""

from collections.abc import Sequence
from math import floor, isfinite, log10
from typing import Final

from driftlab.analysis.statistics import decimals_of_bounds
from driftlab.report.measures import Measure

DIGITS: Final = 3  # that a number without an interval shows
INTERVAL_DIGITS: Final = 2  # that half an interval shows; the value has as many decimals
DECIMALS_MAX: Final = 6


def decimals_for(value: float, digits: int) -> int:
    """Return with how many decimals a value shows so many digits; whole numbers show all."""
    if value == 0 or not isfinite(value):
        return 0
    rounded = float(f"{abs(value):.{digits - 1}e}")  # 0.9996 is 1.00 with three digits
    return min(DECIMALS_MAX, max(0, digits - 1 - floor(log10(rounded))))


def number(value: float, decimals: int | None = None) -> str:
    """Return a number as text: three digits, all of a whole number, a true minus sign."""
    if decimals is None:
        is_whole = float(value).is_integer() and abs(value) < 1e15
        decimals = 0 if is_whole else decimals_for(value, DIGITS)
    text = f"{value:.{decimals}f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else text.lstrip("-")


def measure_decimals(measure: Measure) -> int | None:
    """Return with how many decimals a measure is written: those that its interval supports."""
    if measure.low is None or measure.high is None or measure.high == measure.low:
        return None
    decimals = decimals_for((measure.high - measure.low) / 2, INTERVAL_DIGITS)
    return decimals_of_bounds(measure.low, measure.high, decimals)


def value_text(measure: Measure) -> str:
    """Return the value of a measure as text."""
    return number(measure.value, measure_decimals(measure))


def bounds_text(measure: Measure) -> str:
    """Return the interval of a measure as text, `0.41 to 0.63`; empty where there is none."""
    if measure.low is None or measure.high is None:
        return ""
    decimals = measure_decimals(measure)
    return f"{number(measure.low, decimals)} to {number(measure.high, decimals)}"


def measure_text(measure: Measure) -> str:
    """Return a measure as a table shows it: its value, and its interval in brackets."""
    bounds = "" if measure.is_constant else bounds_text(measure)
    return value_text(measure) + (f" ({bounds})" if bounds else "")


def rate_text(rate: float) -> str:
    """Return a rate that somebody gave, as it was given."""
    return f"{rate:g}"


def percent(share: float) -> str:
    """Return a share in percent as a number: one decimal, or more where it is small."""
    value = 100 * share
    return number(value, max(1, min(decimals_for(value, 2), 3)))


def sentence(text: str) -> str:
    """Return a text that begins with a capital, unless it begins with a name."""
    return text[0].upper() + text[1:] if text.startswith("the ") else text


def joined(parts: Sequence[str]) -> str:
    """Return parts as an enumeration, `a, b and c`; empty of none."""
    return "".join(parts) if len(parts) < 2 else f"{', '.join(parts[:-1])} and {parts[-1]}"
