"""The physical clock of a machine, which may be wrong.

It shows the true time plus a fixed offset plus a skew: a fraction, in parts per
billion, of the time since the start of the run. Journals, processes and hybrid
clocks see this clock. Ticks do not: they are due in true time.
"""

from typing import Final

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
