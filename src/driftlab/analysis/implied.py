"""Messages of a log that has vector timestamps and nothing else: what they imply.

An event whose entry for another process is greater than that of the event
before it has heard of that process: it received a message, at least through
others, from the event that the entry counts. These are the log's own words, so
the order that follows is not independent of its clock; what can be judged is
whether it contradicts itself.
"""

import numpy as np

from driftlab.analysis.messages import Messages
from driftlab.trace.trace import Trace


def implied_messages(trace: Trace) -> Messages:
    """Return the messages that vector timestamps imply."""
    raise NotImplementedError(len(trace), np)
