"""What messages tell of the clocks of two machines: this reading was not later than that.

A message that left when its sender's clock showed u and was there when its
receiver's showed v says that u on the one clock was not after v on the other.
Nothing else is taken from it. Where the log tells what each tick found in its
sockets, v is that tick's reading; else it is the receive's, by which the
message may have waited in the inbox for long.

Of all messages of a channel only a few matter. A clock that is a straight line
over another's is under all points (u, v) or it contradicts one; so the corners
of their lower right hull say all that the channel does (Duda, Harrus, Haddad,
Bernard, "Estimating Global Time in Distributed Systems", ICDCS 1987; Zhang,
Liu, Xia, "Clock Synchronization Algorithms for Network Measurements", INFOCOM
2002).
"""

from typing import Final, NamedTuple

import numpy as np

from driftlab.history.matching.arrivals import match_arrivals
from driftlab.history.matching.messages import Messages
from driftlab.history.trace import Trace
from driftlab.model.columns import Array

READING_NS: Final = 1  # a clock's reading is rounded down to whole nanoseconds
# A real machine looks into its sockets shortly after it has read its clock.
LOOKING_NS: Final = 1_000_000


class ClockBound(NamedTuple):
    """A message that matters: its send and the event that found it, rows; and what clocks showed.

    sent_ns: the least that the sender's clock can have shown. found_ns: the
    most that the receiver's can.
    """

    sender: int
    receiver: int
    send: int
    found: int
    sent_ns: int
    found_ns: int


class ClockBounds(NamedTuple):
    """The messages that matter of a history. `messages` is how many were looked at.

    `by_arrival` is whether the log told when messages were found; `looking_ns`
    what was allowed for looking.
    """

    crossings: list[ClockBound]
    messages: int
    by_arrival: bool
    looking_ns: int


def clock_bounds_of(trace: Trace, messages: Messages, times: Array) -> ClockBounds:
    """Return the messages that matter; `times` are the readings at each event, ns."""
    send, found, by_arrival = _pairs(trace, messages)
    looking = _looking_ns(trace)
    process = trace.process_column()
    sender, receiver = process[send].astype(np.int64), process[found].astype(np.int64)
    apart = np.flatnonzero(sender != receiver)
    channel = sender * trace.processes + receiver
    order = apart[np.argsort(channel[apart], kind="stable")]
    cuts = np.flatnonzero(np.diff(channel[order])) + 1
    kept = []
    for rows in np.split(order, cuts) if len(order) else ():
        sent_ns = times[send[rows]]
        found_ns = times[found[rows]] + (READING_NS + looking)
        few = rows[hull_corners(sent_ns, found_ns)]
        kept += [
            ClockBound(*map(int, one))
            for one in zip(
                sender[few], receiver[few], send[few], found[few],
                times[send[few]], times[found[few]] + (READING_NS + looking),
                strict=True,
            )
        ]  # fmt: skip
    return ClockBounds(
        kept, len(np.unique(send[apart] * trace.processes + receiver[apart])), by_arrival, looking
    )


def _pairs(trace: Trace, messages: Messages) -> tuple[Array, Array, bool]:
    """Return rows of sends and of the events by which their messages were there."""
    received = messages.receives
    send = np.concatenate([messages.source[received], messages.extra_sends])
    found = np.concatenate([received, messages.extra_receives])
    arrivals = trace.arrivals
    if arrivals is None or not len(arrivals.sender):
        return send, found, False
    sources = match_arrivals(trace, messages).source
    there = np.flatnonzero(sources >= 0)
    at = np.repeat(np.arange(len(trace)), np.diff(arrivals.starts))
    return np.concatenate([send, sources[there]]), np.concatenate([found, at[there]]), True


def _looking_ns(trace: Trace) -> int:
    """Return how much later than its reading an event may have found a message."""
    return LOOKING_NS if is_real(trace) and trace.arrivals is not None else 0


def is_real(trace: Trace) -> bool:
    """Whether real machines wrote the log: journals whose time was not simulated."""
    return len(trace.process_info) > 0 and not any(
        author.simulated for author in trace.process_info
    )


def hull_corners(sent_ns: Array, found_ns: Array) -> Array:
    """Return the places of the lower right corners of the hull of points (sent, found).

    Rounding may leave out a corner that is one by less than the rounding.
    """
    base = int(sent_ns.min()), int(found_ns.min())
    x, y = (sent_ns - base[0]).astype(float), (found_ns - base[1]).astype(float)
    order = np.lexsort((y, -x))  # from the last sent to the first
    least = np.minimum.accumulate(y[order])
    falls = np.ones(len(order), bool)
    falls[1:] = least[1:] < least[:-1]
    order = order[falls][::-1]  # both rise now
    x, y = x[order], y[order]
    kept, open_ends = {0, len(order) - 1}, [(0, len(order) - 1)]
    while open_ends:
        begin, end = open_ends.pop()
        inner = slice(begin + 1, end)
        below = (x[inner] - x[begin]) * (y[end] - y[begin]) - (y[inner] - y[begin]) * (
            x[end] - x[begin]
        )
        if len(below) and below.max() > 0:
            middle = begin + 1 + int(below.argmax())
            kept.add(middle)
            open_ends += [(begin, middle), (middle, end)]
    return order[sorted(kept)]
