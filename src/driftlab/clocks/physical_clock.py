"""A machine's physical clock: the time it believes in, which may be off.

It reads true time plus a fixed offset, plus a skew: it gains or loses so many
parts in 10**9 of the time since the start of the run. Logs and hybrid clocks
see this clock; what paces a machine is the schedule, which is true.
"""

from typing import Final, NamedTuple

PARTS: Final = 1_000_000_000


class PhysicalClock(NamedTuple):
    """How a physical clock is off: `offset_ns` at the start, `skew_ppb` nanoseconds a second."""

    offset_ns: int = 0
    skew_ppb: int = 0

    def reading_ns(self, time_ns: int, since_start_ns: int) -> int:
        """Return what it shows at the true time `time_ns`, so long after the start of the run."""
        return time_ns + self.offset_ns + since_start_ns * self.skew_ppb // PARTS
