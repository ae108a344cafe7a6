"""What a log leaves unsaid: which of its events may be receives, and whether it begins late.

Where a log names messages, or their senders or stamps, an event without any received
none, whatever it is; but in a log that says what nearly every event is, one that does
not may be a receive. The log of another program begins late if most of its processes, of
those that begin with an event of their own, have counted more events by then.
"""

from typing import Final

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.trace import Trace
from driftlab.lazy import np
from driftlab.model.columns import MISSING, RECEIVE, UNKNOWN_KIND

UNSAID_SHARE_MAX: Final = 0.1  # of events, of which a log does not say what they are


def is_receive(trace: Trace) -> BoolArray:
    """Whether each event received a message, as the log says."""
    of = trace.columns
    mask: BoolArray = of.kind == RECEIVE
    return mask if of.sender is None else mask | (of.sender >= 0)


def may_be_receive(trace: Trace) -> BoolArray:
    """Whether each event received a message, or may have, since the log does not say."""
    of = trace.columns
    unsaid: BoolArray = of.kind == UNKNOWN_KIND
    if any(names is not None for names in (of.sender, of.received, of.stamp)):
        unsaid &= bool(unsaid.sum() <= UNSAID_SHARE_MAX * len(unsaid))
    mask: BoolArray = is_receive(trace) | unsaid
    return mask


def first_own_rows(trace: Trace) -> IntArray:
    """Return the first row of each process, where it received nothing, as far as is known."""
    firsts = trace.starts[:-1][np.diff(trace.starts) > 0]
    may_be = may_be_receive(trace)
    if trace.columns.received is not None:
        may_be |= (trace.columns.kind == UNKNOWN_KIND) & (trace.columns.received != MISSING)
    return firsts[~may_be[firsts]]


def begins_late(trace: Trace) -> bool:
    """Whether events are missing at the beginning of a log that does not say where it begins.

    A process shows it by a Lamport clock, or an own entry, above 1 at an event of its own.
    """
    clock, held = trace.columns.clock, trace.timestamps
    if len(trace.process_info):
        return False
    counts = []
    if clock is not None:
        firsts = first_own_rows(trace)
        counts.append(clock[firsts[clock[firsts] != MISSING]])
    if held is not None and held.clock == "vector":
        firsts = trace.starts[:-1][np.diff(trace.starts) > 0]
        firsts = firsts[np.diff(held.starts)[firsts] > 0]
        counts.append(_own_entries(trace, firsts))
    return any(2 * np.count_nonzero(count > 1) > len(count) for count in counts)


def _own_entries(trace: Trace, rows: IntArray) -> IntArray:
    """Return the own entries of a few rows with vector clocks, 0 where there is none."""
    held = trace.timestamps
    assert held is not None
    found = np.zeros(len(rows), np.int64)
    for place, row in enumerate(rows.tolist()):
        here = slice(int(held.starts[row]), int(held.starts[row + 1]))
        own = held.values[here][held.entries[here] == trace.process_of(row)]
        found[place] = own[0] if len(own) else 0
    return found
