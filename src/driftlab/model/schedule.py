"""When each tick is due: whole nanoseconds, computed from the tick's number.

Tick k of a machine with rate r is due at start + phase + k/r, rounded down to
a nanosecond. The instant is computed from k, never by adding periods, so no
error can accumulate. Rates and speeds are exact fractions.
"""

from typing import NamedTuple

from driftlab.model.random_streams import mul_high

NS_PER_SECOND = 1_000_000_000


class Schedule(NamedTuple):
    """The due times of one machine, relative to the common start of its run.

    The rate is `rate_num / rate_den` ticks per second of scenario time, and
    scenario time passes `speed_num / speed_den` times as fast as real time.
    `phase_ns` is the scenario time of tick 0.
    """

    rate_num: int
    rate_den: int
    phase_ns: int
    speed_num: int = 1
    speed_den: int = 1

    @property
    def speed(self) -> float:
        """How many times faster than real time scenario time passes."""
        return self.speed_num if self.speed_den == 1 else self.speed_num / self.speed_den

    def due_ns(self, tick: int) -> int:
        """Return the scenario time at which `tick` is due, in nanoseconds after the start."""
        return self.phase_ns + tick * NS_PER_SECOND * self.rate_den // self.rate_num

    def dues(self, begin: int, end: int) -> list[int]:
        """Return the scenario times, in nanoseconds, of ticks number `begin` to `end` - 1."""
        phase, num, period = self.phase_ns, self.rate_num, NS_PER_SECOND * self.rate_den
        return [phase + tick * period // num for tick in range(begin, end)]

    def due_real_ns(self, tick: int) -> int:
        """Return the real time at which `tick` is due, in nanoseconds after the start."""
        return self.real_ns(self.due_ns(tick))

    def real_ns(self, scenario_ns: int) -> int:
        """Convert a scenario duration to real nanoseconds, rounded down."""
        return scenario_ns * self.speed_den // self.speed_num

    def ticks_before(self, horizon_ns: int) -> int:
        """Return how many ticks are due strictly before a scenario time."""
        # floor(k * period) < h  <=>  k * period < h, because h is whole.
        room = (horizon_ns - self.phase_ns) * self.rate_num
        return max(0, -(-room // (NS_PER_SECOND * self.rate_den)))


def phase_ns(word: int, rate_num: int, rate_den: int) -> int:
    """Place a first tick uniformly in [0, one period), from a 64-bit word."""
    return mul_high(word, NS_PER_SECOND * rate_den) // rate_num
