"""Matching by a stamp alone: a receive says which clock its message carried, but not whose.

The message belongs to the send with that clock, if one process alone can have
sent it: of all sends to the receiver, and of those to processes that the log does
not name, one has the clock. It is not certain, and nothing is matched, where an
event with that clock may be missing from the log of another process (gaps, no log
at all, sends without a clock), or where two receives could take the same send.

The assumption is that stamps are the clocks of sends. If they are not, some
stamps are no send's clock; where more than UNEXPLAINED_SHARE_MAX are not, the same
is tried with the clock before the send, and otherwise nothing is matched.
"""

from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.acyclic import leaves_order
from driftlab.history.matching.matching import Matching
from driftlab.history.matching.messages import UNMATCHED
from driftlab.history.matching.send_index import sent_messages, untargeted_sends
from driftlab.history.missing_fields import begins_late
from driftlab.history.trace import Trace, processes_of
from driftlab.model.columns import MISSING, NOBODY

UNEXPLAINED_SHARE_MAX: Final = 0.01  # of the stamps; beyond it they are not the clocks of sends
CLOCK_END: Final = 2**63 - 1


class _Found(NamedTuple):
    """Of each receive how many sends it may belong to, and the row of one of them."""

    sends: IntArray
    send: IntArray


def match_by_unique_stamp(matching: Matching) -> None:
    """Match receives that name a stamp but no sender with the only send that has this clock."""
    of = matching.trace.columns
    if of.stamp is None or of.clock is None:
        return
    rows = matching.unmatched()
    rows = rows[(of.stamp[rows] != MISSING) & (matching.sender[rows] == NOBODY)]
    if not len(rows):
        return
    process = matching.trace.process_column()
    carried = of.clock - np.isin(process, list(matching.stamp_before_send))
    carried[of.clock == MISSING] = MISSING
    if _match(matching, rows, carried):
        return
    carried = np.where(of.clock == MISSING, MISSING, of.clock - 1)
    if _match(matching, rows, carried):
        senders = processes_of(matching.trace, matching.source[rows[matching.source[rows] >= 0]])
        matching.stamp_before_send |= set(senders.tolist())


def _match(matching: Matching, rows: IntArray, carried: IntArray) -> bool:
    """Match receives with the only sends whose messages carried their stamps.

    carried: what the messages of each event carried. Return whether this explains
    the stamps; if not, nothing is matched.
    """
    trace, stamp = matching.trace, matching.trace.columns.stamp
    assert stamp is not None
    to = processes_of(trace, rows)
    found = _candidates(matching, carried, stamp[rows], to)
    is_certain = ~_may_be_unlogged(trace, carried, stamp[rows], to)
    if (is_certain & (found.sends == 0)).sum() > UNEXPLAINED_SHARE_MAX * len(rows):
        return False
    sole = np.flatnonzero(is_certain & (found.sends == 1))
    send, to = found.send[sole], to[sole]
    _, place, times = np.unique(
        send * trace.processes + to, return_inverse=True, return_counts=True
    )
    is_one = (times[place] == 1) & matching.is_free(send, to)
    sole, send, to = sole[is_one], send[is_one], to[is_one]
    channel = processes_of(trace, send) * trace.processes + to
    kept = leaves_order(matching, rows[sole], send, channel)
    matching.take(rows[sole[kept]], send[kept])
    return True


def _candidates(matching: Matching, carried: IntArray, stamp: IntArray, to: IntArray) -> _Found:
    """Return of each message, with its stamp and its receiver, which events may have sent it."""
    trace = matching.trace
    width = trace.processes
    named, named_to = (
        (np.zeros(0, np.int64),) * 2 if trace.columns.target is None else sent_messages(trace)
    )
    keep = (carried[named] != MISSING) & (processes_of(trace, named) != named_to)
    named, named_to = named[keep], named_to[keep]
    keep = matching.is_free(named, named_to)
    named, named_to = named[keep], named_to[keep]
    unnamed = untargeted_sends(trace)
    unnamed = unnamed[carried[unnamed] != MISSING]
    values = np.unique(np.concatenate([carried[named], carried[unnamed]]))
    if not len(values):
        return _Found(np.zeros(len(stamp), np.int64), np.full(len(stamp), UNMATCHED))
    rank = np.minimum(np.searchsorted(values, stamp), len(values) - 1)
    is_known = values[rank] == stamp

    key = named_to * len(values) + np.searchsorted(values, carried[named])
    order = np.argsort(key, kind="stable")
    low, high = _range(key[order], to * len(values) + rank)
    send = _at(named[order], low)
    # Sends that may have gone to anybody but their sender, sorted by clock and then by process.
    sender = processes_of(trace, unnamed)
    key = np.searchsorted(values, carried[unnamed]) * width + sender
    order = np.argsort(key, kind="stable")
    first, end = _range(key[order] // width, rank)
    own_first, own_end = _range(key[order], rank * width + to)
    others = (end - first) - (own_end - own_first)
    is_own_first = (own_first == first) & (own_end > own_first)
    other = np.where(is_own_first, end - 1, first)
    count = np.where(is_known, high - low + others, 0)
    return _Found(count, np.where(high > low, send, _at(unnamed[order], other)))


def _range(keys: IntArray, wanted: IntArray) -> tuple[IntArray, IntArray]:
    """Return from where to where each wanted key stands among rising keys."""
    return np.searchsorted(keys, wanted, "left"), np.searchsorted(keys, wanted, "right")


def _at(rows: IntArray, places: IntArray) -> IntArray:
    """Return the rows at some places, UNMATCHED beyond the end."""
    return np.append(rows, UNMATCHED)[np.minimum(places, len(rows))]


def _may_be_unlogged(trace: Trace, carried: IntArray, stamp: IntArray, to: IntArray) -> BoolArray:
    """Whether another process than the receiver may have sent a message by an event not logged."""
    process, low, high = _unlogged(trace, carried)
    inside = _count_inside(low, high, stamp)
    for own in np.intersect1d(process, to).tolist():
        mine, at = process == own, to == own
        inside[at] -= _count_inside(low[mine], high[mine], stamp[at])
    is_inside: BoolArray = inside > 0
    return is_inside


def _count_inside(low: IntArray, high: IntArray, values: IntArray) -> IntArray:
    """Return in how many of some open intervals each value lies."""
    count: IntArray = np.searchsorted(np.sort(low), values, "left") - np.searchsorted(
        np.sort(high), values, "right"
    )
    return count


def _unlogged(trace: Trace, carried: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return what events may carry that are missing: processes, and open intervals, low and high.

    A process without a log, or with an event of which it is not known what it carried,
    may have sent anything.
    """
    of, rows = trace.columns, len(trace)
    starts, ends = trace.starts[:-1], trace.starts[1:]
    may_send = np.zeros(rows, bool)
    may_send[untargeted_sends(trace)] = True
    if of.target is not None:
        may_send[sent_messages(trace)[0]] = True
    clockless = processes_of(trace, np.flatnonzero(may_send & (carried == MISSING)))
    silent = np.union1d(np.flatnonzero(starts == ends), clockless)
    gaps = trace.gaps[trace.gaps < rows]
    holders = processes_of(trace, gaps)
    below = np.where(gaps > starts[holders], carried[np.maximum(gaps - 1, 0)], MISSING)
    above = np.where(carried[gaps] == MISSING, CLOCK_END, carried[gaps])
    late = [p for p, each in enumerate(trace.process_info)
            if not each.from_start and starts[p] < ends[p]]  # fmt: skip
    if begins_late(trace):
        late = np.flatnonzero(
            (starts < ends) & (carried[np.minimum(starts, rows - 1)] != MISSING)
        ).tolist()
    broken = [p for p, each in enumerate(trace.process_info)
              if not each.ended and starts[p] < ends[p]]  # fmt: skip
    last = [int(carried[starts[p] : ends[p]].max()) for p in broken]
    process = np.concatenate([silent, holders, np.array(late + broken, np.int64)])
    low = np.concatenate([np.full(len(silent), MISSING), below, np.full(len(late), MISSING), last])
    high = np.concatenate(
        [
            np.full(len(silent), CLOCK_END),
            above,
            carried[starts[late]],
            np.full(len(last), CLOCK_END),
        ]
    )
    has_room = (low == MISSING) | (high == CLOCK_END) | (high - low > 1)
    has_room &= high > low
    return process[has_room], low[has_room].astype(np.int64), high[has_room].astype(np.int64)
