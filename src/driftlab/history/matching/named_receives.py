"""Receives that name their message by (sender, stamp), and the sends found for them so far.

The strategies for named messages work on it one after the other: each looks at
the receives that the ones before left unmatched.
"""

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.messages import NOTHING, UNMATCHED, Messages
from driftlab.history.matching.send_index import SendIndex
from driftlab.history.trace import Trace, processes_of
from driftlab.model.columns import MISSING, NOBODY, RECEIVE


class NamedReceives:
    """The receives of a trace with the columns sender, stamp and clock, in the order of their rows.

    rows i8; sender i4, stamp i8: the names; to i4: the receiving processes.
    source i8: the row of each one's send, UNMATCHED as long as none was found.
    sends: finds sends by their clocks.
    stamp_before_send: senders all of whose stamps are one less than their sends' clocks.
    stamp_per_target, misdelivered i8: places in these columns, as in `Messages`.
    other_stamp: parts of the places whose stamp is not the clock of their send
    for another reason.
    """

    def __init__(self, trace: Trace) -> None:
        of = trace.columns
        assert of.sender is not None
        assert of.stamp is not None
        self.trace = trace
        self.rows: IntArray = np.flatnonzero((of.sender != NOBODY) & (of.stamp != MISSING))
        self.sender = of.sender[self.rows]
        self.stamp = of.stamp[self.rows]
        self.to = processes_of(trace, self.rows).astype(np.int32)
        self.source: IntArray = np.full(len(self.rows), UNMATCHED, np.int64)
        self.sends = SendIndex(trace)
        self.stamp_before_send: set[int] = set()
        self.stamp_per_target: IntArray = np.zeros(0, np.int64)
        self.misdelivered: IntArray = np.zeros(0, np.int64)
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

    def messages(self) -> Messages:
        """Return what was matched; a receive that does not name its message is UNMATCHED."""
        of = self.trace.columns
        assert of.sender is not None
        source = np.full(len(self.trace), NOTHING, np.int64)
        source[self.rows] = self.source
        source[(of.sender != NOBODY) & (of.stamp == MISSING)] = UNMATCHED
        source[(of.kind == RECEIVE) & (of.sender == NOBODY)] = UNMATCHED
        nothing = np.zeros(0, np.int64)
        other_stamp = np.unique(np.concatenate([nothing, *self.other_stamp]))
        return Messages(
            source, of.sender, nothing, nothing,
            stamp_before_send=frozenset(self.stamp_before_send),
            stamp_per_target=self.rows[self.stamp_per_target],
            matched_by_position=self.rows[other_stamp],
            misdelivered=self.rows[self.misdelivered],
        )  # fmt: skip
