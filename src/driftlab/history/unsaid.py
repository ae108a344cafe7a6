"""Events of which a log does not say what they are: which of them may be receives?

Where a log names messages, or their senders or stamps, an event without any received
none, whatever it is; but in a log that says what nearly every event is, one that does
not may be a receive.
"""

from typing import Final

from driftlab.arrays import BoolArray
from driftlab.history.trace import Trace
from driftlab.model.columns import RECEIVE, UNKNOWN_KIND

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
