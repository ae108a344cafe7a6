"""Which clocks of a message a machine may believe.

A clock only rises, and a receiver takes over what is higher than its own. So one
message with a clock near the largest that travels would raise every machine of a run
to it, for ever. Hence a message may lead its receiver by a bound that no real run
reaches: the Lamport clock, and every number of a vector or a matrix, by CLOCK_LEAD_MAX
of the receiver's Lamport clock; a physical time by TIME_LEAD_NS_MAX of its own.

The limit of this: a hostile peer can still raise clocks by the bound with each
message, of which a machine takes one a tick. It needs 2^30 ticks to reach the largest.
"""

import re
from typing import Final

from driftlab.clocks.catalogue import CLOCKS
from driftlab.network.wire import STAMP_MAX, WireError

CLOCK_LEAD_MAX: Final = 2**32
CLOCK_END: Final = STAMP_MAX - CLOCK_LEAD_MAX  # a machine whose clock gets there ends
# Twice the largest offset that a scenario allows for a physical clock.
TIME_LEAD_NS_MAX: Final = 2_000_000_000 * 10**9

_LONG_NUMBER: Final = re.compile(r"\d{10}")  # CLOCK_LEAD_MAX has ten digits
_NUMBER: Final = re.compile(r"-?\d+")


class ClockLeadError(WireError):
    """A clock that leads its receiver by more than it may; the message says by how much."""


def require_stamp(stamp: int, own: int) -> None:
    """Raise ClockLeadError if a Lamport clock leads the receiver's own by too much."""
    if stamp - own > CLOCK_LEAD_MAX:
        raise ClockLeadError(
            f"a clock of {stamp}, which leads this machine's {own} by more than {CLOCK_LEAD_MAX}"
        )


def require_timestamp(text: str, clock: str, own: int, now_ns: int) -> None:
    """Raise ClockLeadError if a number of an additional clock's timestamp leads by too much.

    text: the timestamp as it travels. clock: its name in the catalogue. own: the
    receiver's Lamport clock. now_ns: its physical time, nanoseconds since 1970.
    """
    if CLOCKS[clock].reads_time:
        numbers = list(map(int, _NUMBER.findall(text)))
        time_ns = numbers.pop(0)
        if time_ns - now_ns > TIME_LEAD_NS_MAX:
            raise ClockLeadError(
                f"a time of {time_ns} ns, which leads this machine's by more than "
                f"{TIME_LEAD_NS_MAX // 10**9} s"
            )
    elif not _LONG_NUMBER.search(text):  # all are below the bound
        return
    else:
        numbers = list(map(int, _NUMBER.findall(text)))
    largest = max(numbers, default=0)
    if largest - own > CLOCK_LEAD_MAX:
        raise ClockLeadError(
            f"a clock entry of {largest}, which leads this machine's clock of {own} by more "
            f"than {CLOCK_LEAD_MAX}"
        )
