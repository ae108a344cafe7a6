"""The latency of messages, in whole nanoseconds: fixed, or drawn from a distribution.

A latency is a pure function of one 64-bit word and is computed in whole
numbers, so that every engine on every computer gets the same nanosecond.
Logarithms and exponentials come from tables, computed with decimal arithmetic,
which rounds the same everywhere, and read with linear interpolation.

The method is inverse transform sampling; see Devroye, "Non-Uniform Random
Variate Generation" (Springer 1986), chapter II.2. The exponential uses
-ln(2**-k * m) = k ln 2 - ln m with m in [1, 2), so its tail is complete. The
normal quantile that the lognormal uses has a second table for each tail, which
ends at a probability of 2**-25, about 5.4 standard deviations from the mean.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from driftlab.model.random_streams import WORD_BITS, mul_high, uniform_below

LatencyTable = tuple[int, ...]

if TYPE_CHECKING:
    from decimal import Decimal

FIXED_BITS: Final = 32  # of the fraction of a number in a table
TABLE_BITS: Final = 12  # a table has 2**12 intervals
_INTERVALS: Final = 1 << TABLE_BITS
_LAST_INTERVAL: Final = _INTERVALS - 1
_ONE: Final = 1
_POSITION_BITS: Final = WORD_BITS - TABLE_BITS  # of a word: what follows the number of its interval
_MASK: Final = (1 << WORD_BITS) - 1
_DIGITS: Final = 40
_LN2: Final = 2_977_044_472  # ln 2 in units of 2**-32


class Latency:
    """A latency: its kind and two parameters, whose meaning depends on the kind.

    none: no latency.
    fixed: `first` is the latency in nanoseconds.
    uniform: from `first` to `second` nanoseconds, both included.
    exponential: `first` is the mean in nanoseconds.
    lognormal: `first` is the median in nanoseconds, `second` the standard
        deviation of the logarithm (sigma) in millionths.
    """

    __slots__ = ("first", "kind", "second")

    def __init__(self, kind: str = "none", first: int = 0, second: int = 0) -> None:
        self.kind = kind
        self.first = first
        self.second = second

    @property
    def is_drawn(self) -> bool:
        """Whether the latency is random."""
        return self.kind in ("uniform", "exponential", "lognormal")

    def sample_ns(self, word: int) -> int:
        """Return the latency in nanoseconds that a 64-bit random word selects."""
        if self.kind == "uniform":
            return uniform_ns(self.first, self.second - self.first + 1, word)
        if self.kind == "exponential":
            return exponential_ns(self.first, logarithms(), word)
        if self.kind == "lognormal":
            return lognormal_ns(self.first, *exponentials(self.second), word)
        return self.first

    def sampler(self) -> Callable[[int], int]:
        """Return a function that samples as `sample_ns` does, and looks nothing up again."""
        if self.kind == "exponential":
            return _exponential_sampler(self.first, logarithms())
        return self.sample_ns


def _exponential_sampler(mean: int, table: LatencyTable) -> Callable[[int], int]:
    """Return `exponential_ns` of a mean, in one function.

    It repeats the arithmetic of that function and of those it calls, without the care that
    64-bit numbers need: seven calls fewer for every message.
    """
    position_bits, mask, ln2, one, shift = _POSITION_BITS, _MASK, _LN2, _ONE, TABLE_BITS

    def sample_ns(word: int) -> int:
        word |= one
        zeros = WORD_BITS - word.bit_length()
        mantissa = word << zeros + 1 & mask
        index = mantissa >> position_bits
        below = table[index]
        logarithm = below + ((table[index + 1] - below) * (mantissa << shift & mask) >> WORD_BITS)
        return mean * (zeros * ln2 + ln2 - logarithm) >> FIXED_BITS

    return sample_ns


# These functions are also compiled, with unsigned 64-bit numbers; see `random_streams`.


def uniform_ns(first: int, count: int, word: int) -> int:
    """Return one of the `count` latencies from `first` on, in nanoseconds."""
    return first + uniform_below(word, count)


def exponential_ns(mean: int, table: LatencyTable, word: int) -> int:
    """Return mean * -ln u for a uniform u, in nanoseconds; `table` is that of `logarithms`."""
    word |= _ONE  # so that u is not 0
    zeros = WORD_BITS - bit_length(word)
    mantissa = word << zeros << 1 & _MASK  # m - 1, as a fraction of a word
    return fixed_mul(mean, zeros * _LN2 + (_LN2 - interpolate(table, mantissa)))


def lognormal_ns(
    median: int, low: LatencyTable, middle: LatencyTable, top: LatencyTable, word: int
) -> int:
    """Return median * exp(sigma z) for a standard normal z, in nanoseconds.

    low, middle, top: the tables of `exponentials(sigma)`. word: 64 random bits, which
    give z.
    """
    interval, within = word >> _POSITION_BITS, word << TABLE_BITS & _MASK
    if interval == 0:
        return fixed_mul(median, interpolate(low, within))
    if interval == _LAST_INTERVAL:
        return fixed_mul(median, interpolate(top, within))
    return fixed_mul(median, interpolate(middle, word))


def fixed_mul(number: int, fixed: int) -> int:
    """Return the product of a whole number and a fixed-point number, rounded down."""
    return (mul_high(number, fixed) << FIXED_BITS) + ((number * fixed & _MASK) >> FIXED_BITS)


def interpolate(table: LatencyTable, position: int) -> int:
    """Return the value of a rising table at position / 2**64, by linear interpolation."""
    index = position >> _POSITION_BITS
    below = table[index]
    above = table[index + _ONE]
    return below + mul_high(above - below, position << TABLE_BITS & _MASK)


def bit_length(word: int) -> int:
    """Return the number of bits of a word without its leading zeros."""
    return word.bit_length()


def _fixed(number: "Decimal") -> int:
    return int((number * (1 << FIXED_BITS)).to_integral_value())


@lru_cache(maxsize=1)
def logarithms() -> LatencyTable:
    """Return ln(1 + i / 2**12) for i = 0 .. 2**12, in fixed point."""
    from decimal import Decimal, localcontext  # slow to import, and only needed for tables

    with localcontext() as context:
        context.prec = _DIGITS
        return tuple(_fixed((1 + Decimal(i) / _INTERVALS).ln()) for i in range(_INTERVALS + 1))


@lru_cache(maxsize=16)
def exponentials(sigma: int) -> tuple[LatencyTable, LatencyTable, LatencyTable]:
    """Return exp(sigma z) at the normal quantiles z: of the low tail, the middle, the high tail.

    `sigma` is in millionths; the values are in fixed point.
    """
    step = 1 / _INTERVALS
    middle = [min(max(i, 0.5), _INTERVALS - 0.5) * step for i in range(_INTERVALS + 1)]
    tail = [max(i, 0.5) * step * step for i in range(_INTERVALS + 1)]
    low = tuple(_exponential_of(probability, sigma) for probability in tail)
    high = tuple(_exponential_of(probability, -sigma) for probability in reversed(tail))
    return low, tuple(_exponential_of(probability, sigma) for probability in middle), high


def _exponential_of(probability: float, sigma: int) -> int:
    from decimal import Decimal, localcontext
    from statistics import NormalDist  # slow to import, and only needed for a lognormal

    # The quantile is rounded to twelve digits, which are the same whatever the C library does.
    z = Decimal(f"{NormalDist().inv_cdf(probability):.12f}")
    with localcontext() as context:
        context.prec = _DIGITS
        return _fixed((z * sigma / 1_000_000).exp())
