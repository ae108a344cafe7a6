"""Names of messages that no log gave: of receives that were matched by what implies them.

A converted log shows its messages to other tools by names, or arrows. A name that stands
only for an assumption is marked, in the column `matched_by`, with the strategy that made
it. Read back, a marked name is none: the message is matched, and judged, by what implies it.
"""

from typing import Final

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.trace import Trace
from driftlab.model.columns import MISSING

MATCHED_BY: Final = "matched_by"


def marked_rows(trace: Trace) -> BoolArray:
    """Return which events of a trace have a name of the message received that is assumed."""
    texts = trace.texts.get(MATCHED_BY)
    if texts is None:
        return np.zeros(len(trace), bool)
    return np.array([bool(text) for text in texts], bool)


def without_assumed(
    sent: IntArray, received: IntArray, assumed: BoolArray
) -> tuple[IntArray, IntArray]:
    """Return names of messages sent and received without those that are assumed.

    assumed: of which events the name of the message received is. A name of a message sent
    that only such events have is one too.
    """
    gone = np.setdiff1d(received[assumed], received[~assumed])
    kept = np.where(assumed, MISSING, received)
    return np.where(np.isin(sent, gone), MISSING, sent), kept


def unmarked(trace: Trace) -> Trace:
    """Return a trace as it is read back: without names that are assumed."""
    of = trace.columns
    if MATCHED_BY not in trace.texts or of.sent is None or of.received is None:
        return trace
    sent, received = without_assumed(of.sent, of.received, marked_rows(trace))
    texts = {key: column for key, column in trace.texts.items() if key != MATCHED_BY}
    columns = of._replace(sent=_or_none(sent), received=_or_none(received))
    return trace.replace(columns=columns, texts=texts)


def _or_none(column: IntArray) -> IntArray | None:
    return column if bool((column != MISSING).any()) else None
