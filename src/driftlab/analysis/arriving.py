"""Which send each message belongs to that a tick found in its sockets, received later or not."""

import numpy as np

from driftlab.analysis.matching import sends_of
from driftlab.analysis.messages import UNMATCHED, Messages
from driftlab.trace.trace import Array, Trace


def match_arrivals(trace: Trace, messages: Messages) -> Array:
    """Return the row of the send of each message that `trace.arrivals` holds, else UNMATCHED.

    i8, as long as `arrivals.sender`; empty where the trace has no arrivals. Messages
    are named as their receives were found to be; see `matching`.
    """
    held = trace.arrivals
    if held is None or trace.columns.clock is None:
        return np.full(0 if held is None else len(held.sender), UNMATCHED, np.int64)
    to = np.repeat(trace.process_column(), np.diff(held.starts))
    return sends_of(trace, messages, held.sender, held.stamp, to)
