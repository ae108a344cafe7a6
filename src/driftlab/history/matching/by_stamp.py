"""Matching by stamp: a message is named by its sender and the Lamport clock that it carries.

The clock serves as a name here, not as time: nothing is concluded from one
stamp being greater than another. Programs do not all name their messages alike,
so where the stamps of a sender are not the clocks of its sends, the other known
conventions are tried, and then names that are wrong in one place. What was
found is recorded, so that a wrong stamp is reported as such and not as a
message from nowhere. `match` says in which order the strategies apply.
"""

from typing import Final

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.messages import UNMATCHED
from driftlab.history.matching.named_receives import NamedReceives
from driftlab.history.matching.send_index import SendIndex, untargeted_sends
from driftlab.history.missing_fields import begins_late
from driftlab.history.trace import Trace, processes_of, processes_with_gaps
from driftlab.model.columns import EVERY_PEER, MISSING, NOBODY

SHIFTED_SHARE_MIN: Final = 0.9  # of a sender's messages that must fit a shifted clock
TARGETS_TRIED_MAX: Final = 64  # targets of an event whose messages carry different stamps


def match_stamps(receives: NamedReceives) -> None:
    """Match each receive with the send whose clock is its stamp.

    Where another program's log does not say whom a send went to, though it does of others, it
    may be that of any other process.
    """
    receives.source[:] = receives.sends.find(receives.sender, receives.stamp, receives.to)
    places = receives.unmatched()
    trace = receives.trace
    clock = trace.columns.clock
    if not len(places) or trace.columns.target is None or len(trace.process_info):
        return
    rows = untargeted_sends(trace)
    if clock is None or not len(rows):
        return
    only = np.full(len(trace), MISSING, np.int64)
    only[rows] = clock[rows]
    anybody = trace.replace(columns=trace.columns._replace(target=None))
    sender, stamp, to = receives.sender[places], receives.stamp[places], receives.to[places]
    receives.source[places] = SendIndex(anybody, only).find(sender, stamp, to)


def match_stamps_before_send(receives: NamedReceives) -> None:
    """Match the messages of senders whose stamps are all one less than their sends' clocks."""
    for sender in _senders_with_unmatched(receives):
        if _match_shifted(receives, sender, 1) is not None:
            receives.stamp_before_send.add(sender)


def match_stamps_after_send(receives: NamedReceives) -> None:
    """Match the messages of senders whose stamps are all one more than their sends' clocks."""
    for sender in _senders_with_unmatched(receives):
        if sender not in receives.stamp_before_send:
            places = _match_shifted(receives, sender, -1)
            if places is not None:
                receives.other_stamp.append(places)


def _senders_with_unmatched(receives: NamedReceives) -> list[int]:
    """Return the senders with unmatched messages whose logs have no gaps.

    What is missing in a log with gaps may have had those names.
    """
    senders = np.unique(receives.sender[receives.unmatched()])
    whole: IntArray = np.setdiff1d(senders, processes_with_gaps(receives.trace))
    return [int(sender) for sender in whole]


def _match_shifted(receives: NamedReceives, sender: int, shift: int) -> IntArray | None:
    """Match a sender's messages with the sends whose clock is the stamp plus a shift.

    Only if that matches more of them than now, and nearly all. Return the
    places matched, None if it does not.
    """
    mine = np.flatnonzero(receives.sender == sender)
    mine = mine[receives.stamp[mine] >= _first_clock(receives.trace, sender)]
    now = int((receives.source[mine] >= 0).sum())
    stamp, to = receives.stamp[mine] + shift, receives.to[mine]
    shifted = receives.sends.find(receives.sender[mine], stamp, to)
    fitting = int((shifted >= 0).sum())
    if fitting <= now or fitting < SHIFTED_SHARE_MIN * len(mine):
        return None
    receives.source[mine] = shifted
    return mine[shifted >= 0]


def _first_clock(trace: Trace, sender: int) -> int:
    """Return the first clock of a process in a log that begins late, else MISSING.

    A stamp below it may be the clock of a send that is not in the log.
    """
    clock, first = trace.columns.clock, int(trace.starts[sender])
    if clock is None or first == trace.starts[sender + 1] or not begins_late(trace):
        return MISSING
    return int(clock[first])


def match_stamps_per_target(receives: NamedReceives) -> None:
    """Match messages of events with several targets that carry less than the event's clock.

    An event that counts once for each of k targets sends with stamps from its
    clock down to k - 1 less. If all messages of an event carry less, it counted
    once, and it is its own clock that is wrong.
    """
    trace = receives.trace
    target = trace.columns.target
    if target is None:
        return
    lacking = processes_with_gaps(trace)
    fitted: list[IntArray] = [np.zeros(0, np.int64)]
    for less in range(1, min(_most_targets(trace), TARGETS_TRIED_MAX)):
        places = receives.unmatched()
        places = places[~np.isin(receives.sender[places], lacking)]
        if not len(places):
            break
        to = receives.to[places]
        sends = receives.sends.find(receives.sender[places], receives.stamp[places] + less, to)
        known = np.maximum(sends, 0)
        fits = (sends >= 0) & (target[known] < 0)  # a send with several targets
        fits &= ~_is_out_of_order(trace, known)  # whose own clock is not wrong
        fits &= receives.is_free(sends, to)
        receives.source[places[fits]] = sends[fits]
        fitted.append(places[fits])
    every = np.unique(np.concatenate(fitted))
    is_whole = _of_whole_events(trace, receives.source[every])
    receives.other_stamp.append(every[is_whole])
    receives.stamp_per_target = every[~is_whole]


def _most_targets(trace: Trace) -> int:
    """Return an upper bound of the number of targets of one event."""
    most = max(map(len, trace.sets), default=0)
    target = trace.columns.target
    if target is not None and bool((target == EVERY_PEER).any()):
        most = max(most, trace.processes - 1)
    return most


def _of_whole_events(trace: Trace, sources: IntArray) -> BoolArray:
    """Whether each of some sends stands among them once for each of its targets."""
    rows, counts = np.unique(sources, return_counts=True)
    targets = np.array([len(trace.targets_of(row)) for row in rows.tolist()], np.int64)
    return np.isin(sources, rows[counts == targets])


def _is_out_of_order(trace: Trace, rows: IntArray) -> BoolArray:
    """Whether an event's clock is not between those of the events before and after it."""
    clock, starts = trace.columns.clock, trace.starts
    assert clock is not None
    process = processes_of(trace, rows)
    has_before, has_after = rows > starts[process], rows + 1 < starts[process + 1]
    too_low = has_before & (clock[np.maximum(rows - 1, 0)] >= clock[rows])
    too_high = has_after & (clock[np.minimum(rows + 1, len(clock) - 1)] <= clock[rows])
    is_wrong: BoolArray = too_low | too_high
    return is_wrong


def match_miscounted_sends(receives: NamedReceives) -> None:
    """Match messages that carry the clock that their send should have had.

    A send counts one more than the event before it. If its own clock says
    something else, its messages may still carry the right one.
    """
    places = receives.unmatched()
    if not len(places):
        return
    expected = expected_clocks(receives.trace)
    to = receives.to[places]
    sends = SendIndex(receives.trace, expected).find(
        receives.sender[places], receives.stamp[places], to
    )
    fits = (sends >= 0) & receives.is_free(sends, to)
    receives.source[places[fits]] = sends[fits]
    receives.other_stamp.append(places[fits])


def expected_clocks(trace: Trace) -> IntArray:
    """Return the clock that each miscounted event should have, i8; MISSING for all others.

    An event is miscounted if it received nothing and its clock is not one more
    than that of the event before it, where that is known.
    """
    of = trace.columns
    clock = of.clock
    assert clock is not None
    expected = clock.copy()
    expected[1:] = clock[:-1] + 1
    starts = trace.starts[:-1]
    expected[starts[starts < len(clock)]] = 1
    is_wrong = (of.sender == NOBODY) & (clock != expected)
    is_wrong &= (clock != MISSING) & (expected != MISSING + 1)
    is_wrong[trace.gaps] = False  # the event before is not known
    from_start = [each.from_start for each in trace.process_info] or [False] * trace.processes
    firsts = starts[~np.array(from_start, bool)]
    is_wrong[firsts[firsts < len(clock)]] = False
    expected[~is_wrong] = MISSING
    return expected


def match_misdelivered(receives: NamedReceives) -> None:
    """Match messages with sends to another process.

    The send happened before the receive, even though the message came to the wrong process.
    """
    places = receives.unmatched()
    sends = receives.sends.find_misdelivered(
        receives.sender[places], receives.stamp[places], receives.to[places]
    )
    receives.source[places] = sends
    receives.misdelivered = places[sends != UNMATCHED]
