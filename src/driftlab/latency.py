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

from driftlab.dice import WORD_BITS, below

if TYPE_CHECKING:
    from decimal import Decimal

FIXED_BITS: Final = 32  # of the fraction of a number in a table
TABLE_BITS: Final = 12  # a table has 2**12 intervals
_INTERVALS: Final = 1 << TABLE_BITS
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
            return self.first + below(word, self.second - self.first + 1)
        if self.kind == "exponential":
            return self.first * _exponential(word) >> FIXED_BITS
        if self.kind == "lognormal":
            return self.first * _lognormal(word, self.second) >> FIXED_BITS
        return self.first


def _exponential(word: int) -> int:
    """Return -ln u for a uniform u, with mean 1, in fixed point."""
    word |= 1  # u is never 0
    size = word.bit_length()
    mantissa = word << (WORD_BITS - size) & (1 << WORD_BITS - 1) - 1  # m - 1, in 63 bits
    return (WORD_BITS - size + 1) * _LN2 - _between(_logarithms(), mantissa, WORD_BITS - 1)


def _lognormal(word: int, sigma: int) -> int:
    """Return exp(sigma z) for a standard normal z, in fixed point."""
    low, middle, high = _exponentials(sigma)
    edge = WORD_BITS - TABLE_BITS
    inner = word & (1 << edge) - 1
    if word >> edge == 0:
        return _between(low, inner, edge)
    if word >> edge == _INTERVALS - 1:
        return _between(high, inner, edge)
    return _between(middle, word, WORD_BITS)


def _between(table: tuple[int, ...], place: int, bits: int) -> int:
    """Read a table at `place` of 2**bits, linearly between its entries."""
    index, rest = place >> bits - TABLE_BITS, place & (1 << bits - TABLE_BITS) - 1
    here, there = table[index], table[index + 1]
    return here + ((there - here) * rest >> bits - TABLE_BITS)


def _fixed(number: "Decimal") -> int:
    return int((number * (1 << FIXED_BITS)).to_integral_value())


@lru_cache(maxsize=1)
def _logarithms() -> tuple[int, ...]:
    """Return ln(1 + i / 2**12), in fixed point."""
    from decimal import Decimal, localcontext  # heavy, and only for tables

    with localcontext() as context:
        context.prec = _DIGITS
        return tuple(_fixed((1 + Decimal(i) / _INTERVALS).ln()) for i in range(_INTERVALS + 1))


@lru_cache(maxsize=16)
def _exponentials(sigma: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return exp(sigma z) at the quantiles z of the low tail, the middle and the high tail."""
    step = 1 / _INTERVALS
    middle = [min(max(i, 0.5), _INTERVALS - 0.5) * step for i in range(_INTERVALS + 1)]
    tail = [max(i, 0.5) * step * step for i in range(_INTERVALS + 1)]
    low = tuple(_exponential_of(share, sigma) for share in tail)
    high = tuple(_exponential_of(share, -sigma) for share in reversed(tail))
    return low, tuple(_exponential_of(share, sigma) for share in middle), high


def _exponential_of(share: float, sigma: int) -> int:
    from decimal import Decimal, localcontext
    from statistics import NormalDist  # imports much, and only a lognormal needs it

    # Twelve digits of the quantile are the same on every machine, whatever its log does.
    z = Decimal(f"{NormalDist().inv_cdf(share):.12f}")
    with localcontext() as context:
        context.prec = _DIGITS
        return _fixed((z * sigma / 1_000_000).exp())
