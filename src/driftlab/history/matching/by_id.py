"""Matching by message id: the log names each message by one id at its send and its receive.

An id names a message wherever it went, so a receive by a process that is not a
target of the send is matched, and noted as misdelivered. A repeated id belongs
to its first send.
"""

import numpy as np

from driftlab.arrays import IntArray
from driftlab.history.matching.messages import NOTHING, UNMATCHED, Messages
from driftlab.history.matching.send_index import Recipients
from driftlab.history.trace import Trace, processes_of
from driftlab.model.columns import MISSING, NO_TARGET, NOBODY, RECEIVE


def has_message_ids(trace: Trace) -> bool:
    """Whether the log has ids of messages, both sent and received."""
    return trace.columns.received is not None and trace.columns.sent is not None


def match_by_id(trace: Trace) -> Messages:
    """Match each receive with the first send of the same id."""
    of = trace.columns
    assert of.received is not None
    assert of.sent is not None
    source = np.full(len(trace), NOTHING, np.int64)
    receives = np.flatnonzero(of.received != MISSING)
    sends = np.flatnonzero(of.sent != MISSING)
    source[receives] = UNMATCHED
    order = np.argsort(of.sent[sends], kind="stable")
    ids = of.sent[sends][order]
    place = np.searchsorted(ids, of.received[receives])
    is_sent = place < len(ids)
    is_sent[is_sent] = ids[place[is_sent]] == of.received[receives][is_sent]
    source[receives[is_sent]] = sends[order][place[is_sent]]
    source[(of.received == MISSING) & (of.kind == RECEIVE)] = UNMATCHED

    rows = np.flatnonzero(source >= 0)
    process = trace.process_column()
    reached = Recipients(trace).include(source[rows], process[source[rows]], process[rows])
    names_targets = np.zeros(len(rows), bool)
    if of.target is not None:
        names_targets = of.target[source[rows]] != NO_TARGET
    nothing = np.zeros(0, np.int64)
    return Messages(
        source, _senders(trace, source), nothing, nothing,
        misdelivered=rows[~reached & names_targets],
    )  # fmt: skip


def _senders(trace: Trace, source: IntArray) -> IntArray:
    """Return the sender of each received message, i4: as the log names it, else by its send."""
    if trace.columns.sender is not None:
        return trace.columns.sender
    sender = np.full(len(trace), NOBODY, np.int32)
    matched = np.flatnonzero(source >= 0)
    sender[matched] = processes_of(trace, source[matched])
    return sender
