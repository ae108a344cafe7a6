"""Time: when each tick is due, and what a machine's own physical clock shows then.

Whole nanoseconds. Invariant: tick k of a machine with rate r is due at start + phase
+ k/r, rounded down to a nanosecond. The instant is computed from k, never by adding
periods, so no error accumulates. Rates and speeds are exact fractions.

A physical clock may be wrong: it shows the true time plus a fixed offset plus a skew,
a fraction, in parts per billion, of the time since the start of the run. Journals,
processes and hybrid clocks see this clock. Ticks do not: they are due in true time.
"""

from typing import TYPE_CHECKING, Final

from driftlab.model.random_streams import mul_high

if TYPE_CHECKING:
    from fractions import Fraction

NS_PER_SECOND = 1_000_000_000


class Schedule:
    """The due times of one machine's ticks, counted from the common start of the run.

    rate_num, rate_den: the rate as a fraction, in ticks per second of scenario
        time.
    phase_ns: the scenario time of tick 0.
    speed_num, speed_den: how many times faster than real time scenario time
        passes, as a fraction.
    """

    __slots__ = ("phase_ns", "rate_den", "rate_num", "speed_den", "speed_num")

    def __init__(
        self, rate_num: int, rate_den: int, phase_ns: int, speed_num: int = 1, speed_den: int = 1
    ) -> None:
        self.rate_num = rate_num
        self.rate_den = rate_den
        self.phase_ns = phase_ns
        self.speed_num = speed_num
        self.speed_den = speed_den

    @property
    def speed(self) -> float:
        """How many times faster than real time scenario time passes."""
        return self.speed_num if self.speed_den == 1 else self.speed_num / self.speed_den

    def due_ns(self, tick: int) -> int:
        """Return the scenario time at which a tick is due, in nanoseconds after the start."""
        return self.phase_ns + tick * NS_PER_SECOND * self.rate_den // self.rate_num

    def dues(self, begin: int, end: int) -> list[int]:
        """Return the scenario times, in nanoseconds, of the ticks `begin` to `end` - 1."""
        phase, num, period = self.phase_ns, self.rate_num, NS_PER_SECOND * self.rate_den
        return [phase + tick * period // num for tick in range(begin, end)]

    def due_real_ns(self, tick: int) -> int:
        """Return the real time at which a tick is due, in nanoseconds after the start."""
        return self.real_ns(self.due_ns(tick))

    def real_ns(self, scenario_ns: int) -> int:
        """Return a duration in scenario nanoseconds as real nanoseconds, rounded down."""
        return scenario_ns * self.speed_den // self.speed_num

    def ticks_before(self, horizon_ns: int) -> int:
        """Return how many ticks are due strictly before a scenario time, in nanoseconds."""
        # The horizon h is whole, so floor(k * period) < h if and only if k * period < h.
        scaled = (horizon_ns - self.phase_ns) * self.rate_num
        return max(0, -(-scaled // (NS_PER_SECOND * self.rate_den)))


_EXACT_BELOW: Final = 2**53  # whole numbers of a float that have no more digits than its text


def phase_ns(word: int, rate_num: int, rate_den: int) -> int:
    """Return the phase of a machine, uniform in [0, one period), in scenario nanoseconds.

    Args: a 64-bit random word, and the rate as a fraction, in ticks per second.
    """
    return mul_high(word, NS_PER_SECOND * rate_den) // rate_num


def as_fraction(number: float) -> "int | Fraction":
    """Return a number as the fraction that its decimal digits mean: 0.1 is 1/10."""
    if isinstance(number, int):
        return number
    if abs(number) < _EXACT_BELOW and number == int(number):
        return int(number)
    from fractions import Fraction  # slow to import, and not needed for whole numbers

    return Fraction(str(number))


PARTS_PER_BILLION: Final = 1_000_000_000


class PhysicalClock:
    """A physical clock's error: `offset_ns` at the start, `skew_ppb` nanoseconds per second."""

    __slots__ = ("offset_ns", "skew_ppb")

    def __init__(self, offset_ns: int = 0, skew_ppb: int = 0) -> None:
        self.offset_ns = offset_ns
        self.skew_ppb = skew_ppb

    @property
    def is_exact(self) -> bool:
        """Whether the clock always shows the true time."""
        return not self.offset_ns and not self.skew_ppb

    def reading_ns(self, time_ns: int, since_start_ns: int) -> int:
        """Return what the clock shows, in nanoseconds, rounded down.

        Args: the true time, and the time since the start of the run, both in
        nanoseconds.
        """
        return time_ns + self.offset_ns + since_start_ns * self.skew_ppb // PARTS_PER_BILLION
