"""Matching by message id: the log names each message by one id at its send and its receive.

An id names a message wherever it went, so a receive by a process that is not a
target of the send is matched, and noted as misdelivered. An id that several sends
have (counters of each sender, a reply with the id of its request, a counter that
wraps around) is matched in `by_repeated_id`.
"""

import numpy as np

from driftlab.arrays import IntArray
from driftlab.history.matching.by_repeated_id import match_repeated_ids
from driftlab.history.matching.matching import Matching
from driftlab.history.matching.messages import UNMATCHED
from driftlab.history.matching.send_index import Recipients
from driftlab.model.columns import MISSING, NO_TARGET


def match_by_id(matching: Matching) -> None:
    """Match each receive with the send of the same id."""
    of = matching.trace.columns
    if not matching.names_by_id or of.received is None or of.sent is None:
        return
    receives = np.flatnonzero(of.received != MISSING)
    sends = np.flatnonzero(of.sent != MISSING)
    order = np.argsort(of.sent[sends], kind="stable")
    sends = sends[order]
    ids = of.sent[sends]
    begin = np.searchsorted(ids, of.received[receives], "left")
    count = np.searchsorted(ids, of.received[receives], "right") - begin
    is_sent = count > 0
    source = np.full(len(receives), UNMATCHED)
    source[is_sent] = sends[begin[is_sent]]
    if (count > 1).any():
        repeats = count > 1
        matching.repeated_ids = receives[repeats]
        found = match_repeated_ids(matching.trace, receives, source, repeats)
        source = found.source
        matching.ambiguous = receives[found.is_ambiguous]
        is_sent = source >= 0
    rows, source = receives[is_sent], source[is_sent]
    matching.take(rows, source)
    matching.misdelivered = rows[_went_elsewhere(matching, rows, source)]


def _went_elsewhere(matching: Matching, rows: IntArray, source: IntArray) -> IntArray:
    """Return the places of receives that are by no target of their send."""
    target, process = matching.trace.columns.target, matching.trace.process_column()
    if target is None:
        return np.zeros(0, np.int64)
    reached = Recipients(matching.trace).include(source, process[source], process[rows])
    return np.flatnonzero(~reached & (target[source] != NO_TARGET))
