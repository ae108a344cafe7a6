"""Receives that name their message by (sender, stamp), and the sends found for them so far.

The strategies for named messages work on it one after the other: each looks at
the receives that the ones before left unmatched.
"""

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.matching import NO_ROWS, Matching
from driftlab.history.matching.messages import UNMATCHED
from driftlab.history.matching.send_index import SendIndex
from driftlab.history.trace import Trace, processes_of


class NamedReceives:
    """Receives of a trace with the columns sender, stamp and clock, in the order of their rows.

    rows i8; sender i4, stamp i8: the names; to i4: the receiving processes.
    source i8: the row of each one's send, UNMATCHED as long as none was found.
    sends: finds sends by their clocks.
    stamp_before_send: senders all of whose stamps are one less than their sends' clocks.
    stamp_per_target, misdelivered i8: places in these columns, as in `Messages`.
    other_stamp: parts of the places whose stamp is not the clock of their send
    for another reason.
    """

    def __init__(self, trace: Trace, rows: IntArray) -> None:
        of = trace.columns
        assert of.sender is not None
        assert of.stamp is not None
        self.trace = trace
        self.rows = rows
        self.sender = of.sender[rows]
        self.stamp = of.stamp[rows]
        self.to = processes_of(trace, rows).astype(np.int32)
        self.source: IntArray = np.full(len(rows), UNMATCHED, np.int64)
        self.sends = SendIndex(trace)
        self.stamp_before_send: set[int] = set()
        self.stamp_per_target = self.misdelivered = NO_ROWS
        self.other_stamp: list[IntArray] = []

    def unmatched(self) -> IntArray:
        """Return the places without a send, rising."""
        return np.flatnonzero(self.source == UNMATCHED)

    def is_free(self, sends: IntArray, to: IntArray) -> BoolArray:
        """Whether no receive of the process `to` is matched with the send of a row yet."""
        width = self.trace.processes
        matched = self.source >= 0
        taken = self.source[matched] * width + self.to[matched]
        return ~np.isin(sends * width + to, taken)

    def write(self, matching: Matching) -> None:
        """Write down the sends that were found, but for those that have another receive."""
        if (matching.source >= 0).any():
            is_found = self.source >= 0
            is_found[is_found] = matching.is_free(self.source[is_found], self.to[is_found])
            self.source[~is_found] = UNMATCHED
        found = self.source != UNMATCHED
        other_stamp = np.unique(np.concatenate([NO_ROWS, *self.other_stamp]))
        matching.take(self.rows, self.source)
        matching.stamp_before_send |= self.stamp_before_send
        matching.stamp_per_target, matching.matched_by_position, misdelivered = (
            self.rows[places[found[places]]]
            for places in (self.stamp_per_target, other_stamp, self.misdelivered)
        )
        matching.misdelivered = np.union1d(matching.misdelivered, misdelivered)
