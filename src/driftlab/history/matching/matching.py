"""The messages of a trace as far as they are matched, while strategies match more of them.

Every event that received something begins UNMATCHED. A strategy looks at those
that the ones before left, and writes down the sends that it finds. What names a
message is read only where a chosen strategy uses that name: with `--match
position`, stamps name nothing.
"""

from collections.abc import Sequence

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.messages import NOTHING, UNMATCHED, Messages
from driftlab.history.trace import Trace, processes_of
from driftlab.model.columns import MISSING, NOBODY, RECEIVE

NO_ROWS: IntArray = np.zeros(0, np.int64)


class Matching:
    """The sends found so far; `messages` returns them.

    trace: whose messages are matched. strategies: names of those that may match.
    matched: how many receives are. The other attributes are those of `Messages`.
    """

    def __init__(self, trace: Trace, strategies: Sequence[str]) -> None:
        self.trace = trace
        self.strategies = tuple(strategies)
        of = trace.columns
        received = of.kind == RECEIVE
        if of.sender is not None:
            received |= of.sender != NOBODY
        if of.received is not None:
            received |= of.received != MISSING
        self._receives = np.flatnonzero(received)
        self._unmatched = len(self._receives)
        self.source: IntArray = np.full(len(trace), NOTHING, np.int64)
        self.source[self._receives] = UNMATCHED
        self.matched = 0
        self._sender = of.sender
        self.extra_receives = self.extra_sends = NO_ROWS
        self.stamp_before_send: frozenset[int] = frozenset()
        self.stamp_per_target = self.matched_by_position = self.misdelivered = NO_ROWS
        self.assumed_order = self.carried_unknown = NO_ROWS
        self.repeated_ids = self.ambiguous = NO_ROWS
        self.implied = False
        self.matched_by: dict[str, int] = {}
        self.assumed_by: dict[str, IntArray] = {}

    @property
    def sender(self) -> IntArray:
        """The process that sent what each event received, i4, as far as it is known."""
        if self._sender is None:
            self._sender = np.full(len(self.trace), NOBODY, np.int32)
        return self._sender

    def uses(self, *names: str) -> bool:
        """Whether any of some strategies may match."""
        return any(name in self.strategies for name in names)

    @property
    def names_by_id(self) -> bool:
        """Whether the log has ids of messages, both sent and received, that may be used."""
        of = self.trace.columns
        return self.uses("id") and of.received is not None and of.sent is not None

    def unmatched(self) -> IntArray:
        """Return the rows whose send is not found, rising, but for those that an id names."""
        if not self._unmatched:
            return NO_ROWS
        is_new = self._unmatched == len(self._receives)
        rows = self._receives if is_new else np.flatnonzero(self.source == UNMATCHED)
        received = self.trace.columns.received
        if self.names_by_id and received is not None and len(rows):
            rows = rows[received[rows] == MISSING]
        return rows

    def nameless(self) -> IntArray:
        """Return the unmatched rows with neither an id nor a stamp, rising."""
        rows, stamp = self.unmatched(), self.trace.columns.stamp
        if stamp is not None and self.uses("stamp", "unique-stamp") and len(rows):
            rows = rows[stamp[rows] == MISSING]
        return rows

    def take(self, rows: IntArray, sends: IntArray) -> None:
        """Match unmatched receives with sends, where `sends` is not negative.

        rows: of the receives. sends: of each the row of its send.
        """
        found = sends >= 0
        if not found.all():
            rows, sends = rows[found], sends[found]
        self.matched += len(rows)
        self._unmatched -= len(rows)
        self.source[rows] = sends
        if (self.sender[rows] == NOBODY).any():
            self.name_senders(rows, processes_of(self.trace, sends))

    def replace(self, rows: IntArray, sources: IntArray) -> None:
        """Say what some events received: a send, UNMATCHED or NOTHING."""
        self.matched += int(np.count_nonzero(sources >= 0))
        self.source[rows] = sources
        self._receives = np.flatnonzero(self.source == UNMATCHED)
        self._unmatched = len(self._receives)

    def name_senders(self, rows: IntArray, senders: IntArray) -> None:
        """Say who sent what some events received, where the log does not."""
        nobody = self.sender[rows] == NOBODY
        if self.sender is self.trace.columns.sender:
            self._sender = self.sender.copy()
        self.sender[rows[nobody]] = senders[nobody]

    def is_free(self, sends: IntArray, to: IntArray) -> BoolArray:
        """Whether no receive of a process is matched with a send yet.

        sends: rows. to: of each the position of the process that it would be received by.
        """
        width = self.trace.processes
        matched = np.flatnonzero(self.source >= 0)
        if not len(matched):
            return np.ones(len(sends), bool)
        taken = self.source[matched] * width + processes_of(self.trace, matched)
        return ~np.isin(sends * width + to, taken)

    def messages(self) -> Messages:
        """Return what is matched."""
        return Messages(
            self.source, self.sender, self.extra_receives, self.extra_sends,
            stamp_before_send=self.stamp_before_send,
            stamp_per_target=self.stamp_per_target,
            matched_by_position=self.matched_by_position,
            implied=self.implied,
            misdelivered=self.misdelivered,
            assumed_order=self.assumed_order,
            carried_unknown=self.carried_unknown,
            repeated_ids=self.repeated_ids,
            ambiguous=self.ambiguous,
            matched_by=self.matched_by,
            assumed_by=self.assumed_by,
        )  # fmt: skip
