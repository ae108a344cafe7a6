"""What a receive says of its message: whether it names it, and whether the name is one of several.

A stamp that alone names a message may be the clock of several sends. Such a message has
no send because it may have several, and not because nobody sent it.
"""

from collections import Counter

import numpy as np

from driftlab.history.matching.send_index import untargeted_sends
from driftlab.judge.context import Context
from driftlab.model.columns import MISSING, NOBODY, RECEIVE


def has_name(context: Context, row: int) -> bool:
    """Whether a receive names its message: only then can its send be known to be missing."""
    of = context.columns
    if of.received is not None and of.received[row] != MISSING:
        return True
    if context.messages.sender[row] == NOBODY and of.stamp is None:
        return context.trace.timestamps is not None and bool(of.kind[row] != RECEIVE)
    return of.stamp is None or bool(of.stamp[row] != MISSING)


def is_clock_of_sends(context: Context, row: int) -> bool:
    """Whether the stamp that alone names a message is the clock of a send to its receiver.

    Not if more messages of this stamp came to the receiver than were sent.
    """
    of = context.columns
    if of.stamp is None or of.clock is None or of.stamp[row] == MISSING:
        return False
    if of.received is not None and of.received[row] != MISSING:
        return False
    name = context.trace.process_of(row), int(of.stamp[row])
    came, sent = context.cached("stamps of sends", _count_stamps)
    return bool(came[name] <= sent[name] + sent[None, name[1]] - sent[None, *name])


def _count_stamps(
    context: Context,
) -> tuple[Counter[tuple[int, int]], Counter[tuple[int | None, ...]]]:
    """Return how many messages came to each process with each stamp, and how many were sent.

    What was sent to nobody who is named counts for (None, stamp), and for (None, process,
    stamp) of its own sender, which it did not go to.
    """
    of, process = context.columns, context.process
    stamp, clock = of.stamp, of.clock
    assert stamp is not None
    assert clock is not None
    rows = np.flatnonzero(context.is_receive & (stamp != MISSING))
    came = Counter(zip(process[rows].tolist(), stamp[rows].tolist(), strict=True))
    carried = clock - np.isin(process, list(context.messages.stamp_before_send))
    sent: Counter[tuple[int | None, ...]] = Counter()
    if of.target is not None:
        sends, targets = context.sent_messages
        sent.update(zip(targets.tolist(), carried[sends].tolist(), strict=True))
    unnamed = untargeted_sends(context.trace)
    stamps = carried[unnamed].tolist()
    sent.update((None, each) for each in stamps)
    sent.update(
        (None, own, each) for own, each in zip(process[unnamed].tolist(), stamps, strict=True)
    )
    return came, sent
