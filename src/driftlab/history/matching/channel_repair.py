"""Repair of names by the order on a channel: what a wrong name of one message must have been.

These are messages with names; those without are matched in `by_position`. If
between two matched messages of a channel as many receives have no send as sends
have no receive, these belong to each other in their order: a name of the message
is wrong, at its send or at its receive. Where the log of either process has gaps,
this cannot be concluded.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from driftlab.arrays import IntArray
from driftlab.history.matching.messages import UNMATCHED
from driftlab.history.matching.named_receives import NamedReceives
from driftlab.history.matching.send_index import Recipients
from driftlab.history.trace import Trace, processes_with_gaps

UNMATCHED_MAX: Final = 100_000  # beyond this, wrong names are not the cause


def match_by_channel_position(receives: NamedReceives) -> None:
    """Match receives without a send by their positions on their channels."""
    trace, source = receives.trace, receives.source
    unmatched = np.flatnonzero(source == UNMATCHED)
    if not 0 < len(unmatched) <= UNMATCHED_MAX or trace.columns.target is None:
        return
    recipients = Recipients(trace)
    matched: list[int] = []
    for sender, to in channels_without_gaps(trace, receives.sender, receives.to, unmatched):
        mine = np.flatnonzero((receives.sender == sender) & (receives.to == to))
        sends = channel_sends(trace, recipients, sender, to)
        sends = sends[~np.isin(sends, source[mine])]
        matched += match_channel(mine, sends, source)
    receives.other_stamp.append(np.array(sorted(matched), np.int64))


def channels_without_gaps(
    trace: Trace, sender: IntArray, to: IntArray, places: IntArray
) -> Iterator[tuple[int, int]]:
    """Yield the channels of some messages, each once, in the order of (sender, to).

    sender, to: of all messages. places: of those whose channels are yielded.
    Channels from or to a process whose log has gaps are left out.
    """
    lacking = set(processes_with_gaps(trace).tolist())
    channels = set(zip(sender[places].tolist(), to[places].tolist(), strict=True))
    yield from sorted(channel for channel in channels if not lacking & set(channel))


def channel_sends(trace: Trace, recipients: Recipients, sender: int, to: int) -> IntArray:
    """Return the rows of all events with which one process sent to another, rising.

    recipients: of every send of the trace. sender, to: positions of processes.
    """
    rows = np.arange(*trace.starts[[sender, sender + 1]])
    return rows[recipients.include(rows, np.full(len(rows), sender), np.full(len(rows), to))]


def match_channel(mine: IntArray, sends: IntArray, source: IntArray) -> list[int]:
    """Match the receives of one channel that have no send; return the matched places.

    mine: places of the channel's receives in `source`, in their order. sends: rows
    of the channel's sends without a receive, rising. source: rows of sends, changed.
    """
    matched: list[int] = []
    last, waiting = -1, list[int]()
    for place in mine.tolist():
        if source[place] < 0:
            waiting.append(place)
            continue
        if waiting:
            between = sends[(sends > last) & (sends < source[place])]
            if len(between) == len(waiting):
                source[waiting] = between
                matched += waiting
        last, waiting = max(last, int(source[place])), []
    return matched
