"""Which clocks of a message a machine may believe.

A clock only rises, and a receiver takes over what is higher than its own. So one
message with a clock near the largest that travels would raise every machine of a run
to it, for ever. Hence a bound that no real run reaches: a Lamport clock, and every
number of a vector or a matrix, may be at most CLOCK_LEAD_MAX, and CLOCK_RATE_MAX more
for each second since the receiver's start; a physical time may lead the receiver's by
TIME_LEAD_NS_MAX.

The bound rises with time, not with the receiver's clock, and faster than any machine
ticks. So it is the same for all machines, and what one of them has believed the others
believe of it. A bound on the lead over the receiver's own clock would not do: one
message at that bound, and every other machine refuses the one that believed it.

Limit: a hostile peer can raise clocks to the bound; the largest is thousands of years
away. Machines that start at different times differ in the bound by as much: one that was
raised to it may be refused for that time by another that started later.
"""

import re
from collections.abc import Callable
from typing import Final

from driftlab.clocks.catalogue import CLOCKS
from driftlab.network.wire import STAMP_MAX, WireError

CLOCK_LEAD_MAX: Final = 2**32
CLOCK_RATE_MAX: Final = 2**24  # by which the bound rises in a second: no run has so many ticks
CLOCK_END: Final = STAMP_MAX - CLOCK_LEAD_MAX  # a machine whose clock gets there ends
# Twice the largest offset that a scenario allows for a physical clock.
TIME_LEAD_NS_MAX: Final = 2_000_000_000 * 10**9

# Not compiled ahead: most runs have no timestamps.
_LONG_NUMBER: Final = r"\d{10}"  # CLOCK_LEAD_MAX has ten digits
_NUMBER: Final = r"-?\d+"


class ClockLeadError(WireError):
    """A clock that leads its receiver by more than it may; the message says by how much."""


class Own:
    """What a machine holds the clocks of its peers against.

    clock: its Lamport clock, which the reasons quote. elapsed_ns: real nanoseconds since
    its start, 0 before. time_ns: the time of its system, nanoseconds since 1970, without the
    offset that a scenario gives its physical clock: so the bound is the same for all.
    """

    __slots__ = ("clock", "elapsed_ns", "time_ns")

    def __init__(self, clock: int, elapsed_ns: int, time_ns: int) -> None:
        self.clock = clock
        self.elapsed_ns = elapsed_ns
        self.time_ns = time_ns

    @property
    def bound(self) -> int:
        """The largest clock that it believes."""
        return CLOCK_LEAD_MAX + self.elapsed_ns * CLOCK_RATE_MAX // 1_000_000_000


def require_stamp(stamp: int, own: Own) -> None:
    """Raise ClockLeadError if a Lamport clock leads the receiver's own by too much."""
    _require_within(stamp, own, "clock")


def require_timestamp(text: str, clock: str, read_own: Callable[[], Own]) -> None:
    """Raise ClockLeadError if a number of an additional clock's timestamp leads by too much.

    text: the timestamp as it travels. clock: its name in the catalogue. read_own: returns
    what the receiver has; not called if every number is below any bound.
    """
    if CLOCKS[clock].reads_time:
        own = read_own()
        time_ns, *numbers = map(int, re.findall(_NUMBER, text))
        if time_ns - own.time_ns > TIME_LEAD_NS_MAX:
            raise ClockLeadError(
                f"a time of {time_ns} ns, which leads this machine's by more than "
                f"{TIME_LEAD_NS_MAX // 10**9} s"
            )
    elif not re.search(_LONG_NUMBER, text):
        return
    else:
        own = read_own()
        numbers = list(map(int, re.findall(_NUMBER, text)))
    _require_within(max(numbers, default=0), own, "clock entry")


def _require_within(number: int, own: Own, what: str) -> None:
    if number > own.bound:
        raise ClockLeadError(
            f"a {what} of {number}, which leads this machine's clock of {own.clock} by too much: "
            f"{own.elapsed_ns / 1e9:.1f} s after the start none is above {own.bound}"
        )
