"""The clock condition over columns. (Placeholder of the same meaning, to be replaced.)"""

import numpy as np

from driftlab.analysis.messages import Messages
from driftlab.trace.trace import MISSING, Array, Trace


def unordered(trace: Trace, messages: Messages) -> tuple[Array, Array]:
    """Return the rows not above the event before them, and the rows not above their message."""
    clock = trace.columns.clock
    mask = np.zeros(len(trace), bool)
    mask[1:] = (clock[1:] <= clock[:-1]) & (clock[1:] != MISSING) & (clock[:-1] != MISSING)
    starts = trace.starts[:-1]
    mask[starts[starts < len(trace)]] = False
    to = np.concatenate([messages.receives, messages.more_to])
    source = np.concatenate([messages.source[messages.receives], messages.more_from])
    keep = source >= 0
    to, source = to[keep], source[keep]
    wrong = (clock[to] <= clock[source]) & (clock[to] != MISSING) & (clock[source] != MISSING)
    return np.flatnonzero(mask), np.unique(to[wrong])
