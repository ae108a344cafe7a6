"""Stamps that alone name a message, where several sends may have carried them.

Such a message has no send because it may have several, and not because nobody sent it.
"""

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.send_index import untargeted_sends
from driftlab.judge.context import Context, count_of
from driftlab.model.columns import MISSING


def is_clock_of_sends(context: Context, row: int) -> bool:
    """Whether the stamp that alone names a message is the clock of a send to its receiver.

    It has no send then only because several may be it. Not if more messages of this stamp
    came to the receiver than were sent.
    """
    of = context.columns
    if of.stamp is None or of.clock is None or of.stamp[row] == MISSING:
        return False
    if of.received is not None and of.received[row] != MISSING:
        return False
    stamp, to = int(of.stamp[row]), context.trace.process_of(row)
    process = context.process
    before = np.isin(process, list(context.messages.stamp_before_send))
    sends = np.flatnonzero((of.clock - before == stamp) & (of.clock != MISSING))
    sends = sends[(process[sends] != to) & _may_send_to(context, sends, to)]
    came = (process == to) & (of.stamp == stamp) & context.is_receive
    return count_of(came) <= len(sends)


def _may_send_to(context: Context, rows: IntArray, to: int) -> BoolArray:
    """Whether events sent to a process, or may have, since the log names no targets."""
    target = context.columns.target
    is_unsaid: BoolArray = np.isin(rows, untargeted_sends(context.trace))
    if target is None:
        return is_unsaid
    sends, targets = context.sent_messages
    named: BoolArray = np.isin(rows, sends[targets == to])
    return is_unsaid | named
