"""How long a message is on its way: a fixed time, or a distribution, in whole nanoseconds.

A latency is a pure function of one 64-bit word, in whole numbers throughout,
so that every engine on every machine gets the same nanosecond: the logarithms
and exponentials stand in tables that are worked out with decimal arithmetic,
which rounds the same way everywhere, and are read with linear interpolation.

Inverse transform sampling; see Devroye, "Non-Uniform Random Variate
Generation" (Springer 1986), chapter II.2. The exponential uses
-ln(2**-k * m) = k ln 2 - ln m with m in [1, 2), so its tail is whole. The
normal quantile behind the lognormal has a second table for each tail and ends
at one part in 2**25, about 5.4 standard deviations.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from driftlab.model.random_streams import WORD_BITS, mul_high, uniform_below

Table = tuple[int, ...]

if TYPE_CHECKING:
    from decimal import Decimal

FIXED_BITS: Final = 32  # of the fraction of a number in a table
TABLE_BITS: Final = 12  # a table has 2**12 intervals
_INTERVALS: Final = 1 << TABLE_BITS
_LAST_INTERVAL: Final = _INTERVALS - 1
_ONE: Final = 1
_POSITION_BITS: Final = WORD_BITS - TABLE_BITS  # of a word, below the number of its interval
_MASK: Final = (1 << WORD_BITS) - 1
_DIGITS: Final = 40
_LN2: Final = 2_977_044_472  # ln 2 in units of 2**-32


class Latency(NamedTuple):
    """A latency: its kind, and its two parameters, in nanoseconds but for a `sigma`.

    none; fixed (first: the time); uniform (first to second, inclusive);
    exponential (first: the mean); lognormal (first: the median, second: sigma,
    the standard deviation of the logarithm, in millionths).
    """

    kind: str = "none"
    first: int = 0
    second: int = 0

    @property
    def is_drawn(self) -> bool:
        """Whether it takes a draw."""
        return self.kind in ("uniform", "exponential", "lognormal")

    def sample_ns(self, word: int) -> int:
        """Return the latency that a 64-bit word draws."""
        if self.kind == "uniform":
            return uniform_ns(self.first, self.second - self.first + 1, word)
        if self.kind == "exponential":
            return exponential_ns(self.first, logarithms(), word)
        if self.kind == "lognormal":
            return lognormal_ns(self.first, *exponentials(self.second), word)
        return self.first


# What follows is also compiled, with every number a 64-bit word; see dice.


def uniform_ns(first: int, count: int, word: int) -> int:
    """Return one of `count` latencies from `first` on."""
    return first + uniform_below(word, count)


def exponential_ns(mean: int, table: Table, word: int) -> int:
    """Return mean * -ln u for a uniform u; `table` is `logarithms`."""
    word |= _ONE  # u is never 0
    zeros = WORD_BITS - bit_length(word)
    mantissa = word << zeros << 1 & _MASK  # m - 1, as a fraction of a word
    return fixed_mul(mean, zeros * _LN2 + (_LN2 - interpolate(table, mantissa)))


def lognormal_ns(median: int, low: Table, middle: Table, top: Table, word: int) -> int:
    """Return median * exp(sigma z) for a standard normal z; the tables are `exponentials`."""
    interval, inner = word >> _POSITION_BITS, word << TABLE_BITS & _MASK
    if interval == 0:
        return fixed_mul(median, interpolate(low, inner))
    if interval == _LAST_INTERVAL:
        return fixed_mul(median, interpolate(top, inner))
    return fixed_mul(median, interpolate(middle, word))


def fixed_mul(number: int, fixed: int) -> int:
    """Multiply a whole number by one in fixed point, rounded down."""
    return (mul_high(number, fixed) << FIXED_BITS) + ((number * fixed & _MASK) >> FIXED_BITS)


def interpolate(table: Table, place: int) -> int:
    """Read a rising table at `place` of 2**64, linearly between its entries."""
    index = place >> _POSITION_BITS
    here = table[index]
    there = table[index + _ONE]
    return here + mul_high(there - here, place << TABLE_BITS & _MASK)


def bit_length(word: int) -> int:
    """Return how many bits a word takes."""
    return word.bit_length()


def _fixed(number: "Decimal") -> int:
    return int((number * (1 << FIXED_BITS)).to_integral_value())


@lru_cache(maxsize=1)
def logarithms() -> Table:
    """Return ln(1 + i / 2**12), in fixed point."""
    from decimal import Decimal, localcontext  # heavy, and only for tables

    with localcontext() as context:
        context.prec = _DIGITS
        return tuple(_fixed((1 + Decimal(i) / _INTERVALS).ln()) for i in range(_INTERVALS + 1))


@lru_cache(maxsize=16)
def exponentials(sigma: int) -> tuple[Table, Table, Table]:
    """Return exp(sigma z) at the quantiles z of the low tail, the middle and the high tail."""
    step = 1 / _INTERVALS
    middle = [min(max(i, 0.5), _INTERVALS - 0.5) * step for i in range(_INTERVALS + 1)]
    tail = [max(i, 0.5) * step * step for i in range(_INTERVALS + 1)]
    low = tuple(_exponential_of(share, sigma) for share in tail)
    mul_high = tuple(_exponential_of(share, -sigma) for share in reversed(tail))
    return low, tuple(_exponential_of(share, sigma) for share in middle), mul_high


def _exponential_of(share: float, sigma: int) -> int:
    from decimal import Decimal, localcontext
    from statistics import NormalDist  # imports much, and only a lognormal needs it

    # Twelve digits of the quantile are the same on every machine, whatever its log does.
    z = Decimal(f"{NormalDist().inv_cdf(share):.12f}")
    with localcontext() as context:
        context.prec = _DIGITS
        return _fixed((z * sigma / 1_000_000).exp())
