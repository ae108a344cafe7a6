"""The messages of a trace: pairs of rows, a send and its receive."""

from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import IntArray

NOTHING: Final = -1  # in `source`: the event received no message
UNMATCHED: Final = -2  # it received one whose send is not in the trace


class Messages(NamedTuple):
    """The messages of a trace, as pairs of rows.

    source i8: of each event the row of the send of the message that it
    received, NOTHING or UNMATCHED.
    sender i4: the position of the process of that row, or of the one that the
    log names; NOBODY where nothing was received.
    more_to, more_from i8: further messages that single events received, as rows
    of the receive (rising) and of the send.
    early: positions of senders whose messages carry the clock before the send.
    renamed i8: rows of receives that were matched by their place on their channel,
    because the name of their message is not that of its send.
    uneven i8: rows of receives of a message that carries another stamp than its
    event's, though the event's other messages may carry that.
    implied: whether the log names no messages, and they are what its vector
    timestamps imply.
    astray i8: rows of receives of a message that was sent to another process.
    """

    source: IntArray
    sender: IntArray
    extra_receives: IntArray
    extra_sends: IntArray
    stamp_before_send: frozenset[int] = frozenset()
    stamp_per_target: IntArray = np.zeros(0, np.int64)
    matched_by_position: IntArray = np.zeros(0, np.int64)
    implied: bool = False
    misdelivered: IntArray = np.zeros(0, np.int64)

    @property
    def receives(self) -> IntArray:
        """Rows of the events that received a message whose send is there, rising."""
        return np.flatnonzero(self.source >= 0)
