"""Matching by message id: the log names each message by one id at its send and its receive.

An id names a message wherever it went, so a receive by a process that is not a
target of the send is matched, and noted as misdelivered. A repeated id belongs
to its first send.
"""

import numpy as np

from driftlab.history.matching.matching import Matching
from driftlab.history.matching.send_index import Recipients
from driftlab.model.columns import MISSING, NO_TARGET


def match_by_id(matching: Matching) -> None:
    """Match each receive with the first send of the same id."""
    of = matching.trace.columns
    if not matching.names_by_id or of.received is None or of.sent is None:
        return
    receives = np.flatnonzero(of.received != MISSING)
    sends = np.flatnonzero(of.sent != MISSING)
    order = np.argsort(of.sent[sends], kind="stable")
    ids = of.sent[sends][order]
    place = np.searchsorted(ids, of.received[receives])
    is_sent = place < len(ids)
    is_sent[is_sent] = ids[place[is_sent]] == of.received[receives][is_sent]
    rows, source = receives[is_sent], sends[order][place[is_sent]]
    matching.take(rows, source)

    process = matching.trace.process_column()
    reached = Recipients(matching.trace).include(source, process[source], process[rows])
    names_targets = np.zeros(len(rows), bool)
    if of.target is not None:
        names_targets = of.target[source] != NO_TARGET
    matching.misdelivered = rows[~reached & names_targets]
