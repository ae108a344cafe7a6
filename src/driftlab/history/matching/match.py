"""Which send each receive belongs to: the only thing besides program order that causality needs.

A message is named by its sender and the clock that it carries (stamp), or by
an explicit name where the log has one. The clock serves as a name here, not as
time: nothing is concluded from a stamp being greater than another.

Where the names of one sender's messages do not fit its events, two other ways
in which programs are known to name them are tried, and what was found is told,
so that a wrong stamp is not mistaken for a message from nowhere: all its
messages may carry the clock before the send was counted (`early`), and of an
event with several targets some may carry the clock before one more increment
(`uneven`).
"""

from typing import Any, Final

import numpy as np

from driftlab.history.matching.from_vectors import messages_from_vectors
from driftlab.history.matching.messages import NOTHING, UNMATCHED, Messages
from driftlab.history.matching.send_index import Recipients, SendIndex
from driftlab.history.trace import Trace
from driftlab.model.columns import EVERY_PEER, MISSING, NO_TARGET, NOBODY, RECEIVE, Array

SHIFTED_SHARE_MIN: Final = 0.9  # of a sender's messages must fit for all to be taken so
TARGETS_TRIED_MAX: Final = 64  # of an event whose messages may carry different stamps
LEFT_MAX: Final = 100_000  # receives that are matched by their place; more are no slips


def match(trace: Trace) -> Messages:
    """Match receives with sends, by explicit names, else by (sender, stamp), else by vectors."""
    of = trace.columns
    if of.received is not None and of.sent is not None:
        return _by_name(trace)
    if of.sender is not None and of.stamp is not None and of.clock is not None:
        return _by_stamp(trace)
    if trace.timestamps is not None and trace.timestamps.clock == "vector":
        return messages_from_vectors(trace)
    return _messages(trace, np.where(of.kind == RECEIVE, UNMATCHED, NOTHING))


def _messages(trace: Trace, source: Array, **more: Any) -> Messages:
    nothing = np.zeros(0, np.int64)
    sender = trace.columns.sender
    if sender is None:
        sender = np.full(len(trace), NOBODY, np.int32)
        there = np.flatnonzero(source >= 0)
        sender[there] = np.searchsorted(trace.starts, source[there], side="right") - 1
    return Messages(
        source,
        sender,
        nothing,
        nothing,
        **{"stamp_per_target": nothing, "matched_by_position": nothing, **more},
    )


def _by_name(trace: Trace) -> Messages:
    of = trace.columns
    source = np.full(len(trace), NOTHING, np.int64)
    receives = np.flatnonzero(of.received != MISSING)
    sends = np.flatnonzero(of.sent != MISSING)
    source[receives] = UNMATCHED
    order = np.argsort(of.sent[sends], kind="stable")
    names = of.sent[sends][order]
    place = np.searchsorted(names, of.received[receives])
    found = place < len(names)
    found[found] = names[place[found]] == of.received[receives][found]
    source[receives[found]] = sends[order][place[found]]
    source[(of.received == MISSING) & (of.kind == RECEIVE)] = UNMATCHED
    rows = np.flatnonzero(source >= 0)
    process = trace.process_column()
    reached = Recipients(trace).reaches(source[rows], process[source[rows]], process[rows])
    is_told = of.target is not None and (of.target[source[rows]] != NO_TARGET)
    return _messages(trace, source, misdelivered=rows[~reached & is_told])


def _by_stamp(trace: Trace) -> Messages:
    of = trace.columns
    receives = np.flatnonzero((of.sender != NOBODY) & (of.stamp != MISSING))
    source = np.full(len(trace), NOTHING, np.int64)
    finder = SendIndex(trace)
    sender, stamp = of.sender[receives], of.stamp[receives]
    to = (np.searchsorted(trace.starts, receives, side="right") - 1).astype(np.int32)
    found = finder.find(sender, stamp, to)
    early, late = _off_by_one_stamps(trace, finder, sender, stamp, to, found)
    uneven = _per_target_stamps(trace, finder, sender, stamp, to, found)
    again, uneven = _alike(trace, found, uneven)
    miscounted = _miscounted_sends(trace, sender, stamp, to, found)
    renamed = _union(late, again, miscounted, _in_gaps(trace, sender, to, found))
    astray = _misdelivered(finder, sender, stamp, to, found)
    source[receives] = found
    # A receive that does not name its message cannot be matched.
    source[(of.sender != NOBODY) & (of.stamp == MISSING)] = UNMATCHED
    source[(of.kind == RECEIVE) & (of.sender == NOBODY)] = UNMATCHED
    return _messages(
        trace, source, stamp_before_send=early, stamp_per_target=receives[uneven],
        matched_by_position=receives[renamed], misdelivered=receives[astray],
    )  # fmt: skip


def processes_with_gaps(trace: Trace) -> set[int]:
    """Return the positions of the processes whose log has holes."""
    return set((np.searchsorted(trace.starts, trace.gaps, side="right") - 1).tolist())


def _off_by_one_stamps(
    trace: Trace, finder: "SendIndex", sender: Array, stamp: Array, to: Array, found: Array
) -> tuple[frozenset[int], Array]:
    """Try whether a sender's messages all carry one less than its clock, or one more.

    Return the senders of the former, and the receives of the latter; change `found`.
    """
    early, late = set(), [np.zeros(0, np.int64)]
    for one in np.unique(sender[found == UNMATCHED]).tolist():
        if one in processes_with_gaps(trace):
            continue  # what is missing may have those names
        mine = np.flatnonzero(sender == one)
        plain = int((found[mine] >= 0).sum())
        for shift in (1, -1):
            other = finder.find(sender[mine], stamp[mine] + shift, to[mine])
            fitting = int((other >= 0).sum())
            if fitting > plain and fitting >= SHIFTED_SHARE_MIN * len(mine):
                found[mine] = other
                early |= {one} if shift > 0 else set()
                late += [mine[other >= 0]] if shift < 0 else []
                break
    return frozenset(early), np.concatenate(late)


def _per_target_stamps(
    trace: Trace, finder: "SendIndex", sender: Array, stamp: Array, to: Array, found: Array
) -> Array:
    """Look for messages of an event with several targets that carry less; change `found`.

    An event that counts once for each of k targets leaves with stamps from its
    clock down to k - 1 less.
    """
    lacking = list(processes_with_gaps(trace))
    if trace.columns.target is None:
        return np.zeros(0, np.int64)
    fitted = [np.zeros(0, np.int64)]
    for less in range(1, min(_targets_most(trace), TARGETS_TRIED_MAX)):
        left = np.flatnonzero((found == UNMATCHED) & ~np.isin(sender, lacking))
        if not len(left):
            break
        other = finder.find(sender[left], stamp[left] + less, to[left])
        target = np.where(other >= 0, trace.columns.target[np.maximum(other, 0)], 0)
        target[is_out_of_order(trace, np.maximum(other, 0))] = 0  # its clock was written wrong
        width = trace.processes
        taken = found >= 0
        is_free = ~np.isin(other * width + to[left], found[taken] * width + to[taken])
        fits = (other >= 0) & (target < 0) & is_free
        found[left[fits]] = other[fits]
        fitted.append(left[fits])
    return _union(*fitted)


def _targets_most(trace: Trace) -> int:
    """Return the greatest number of targets that an event has, or more."""
    if bool((trace.columns.target == EVERY_PEER).any()):
        return trace.processes
    return max(map(len, trace.sets), default=0)


def _alike(trace: Trace, found: Array, uneven: Array) -> tuple[Array, Array]:
    """Part receives of uneven messages: those of events all of whose messages are, and others.

    If every target has a message with the clock from before the increment, the
    event counted once, and its own clock was written wrong.
    """
    if not len(uneven):
        return uneven, uneven
    sources, counts = np.unique(found[uneven], return_counts=True)
    whole = [len(trace.targets_of(int(row))) for row in sources.tolist()]
    alike = np.isin(found[uneven], sources[counts == np.array(whole)])
    return uneven[alike], uneven[~alike]


def _miscounted_sends(trace: Trace, sender: Array, stamp: Array, to: Array, found: Array) -> Array:
    """Match what is left with sends whose clock should have been that; change `found`.

    A send counts one more than the event before. If its clock says something
    else, its messages may still carry what it should.
    """
    left = np.flatnonzero(found == UNMATCHED)
    if not len(left):
        return left
    clock = trace.columns.clock
    should = clock.copy()
    should[1:] = clock[:-1] + 1
    starts = trace.starts[:-1]
    should[starts[starts < len(clock)]] = 1
    is_send = trace.columns.sender == NOBODY
    wrong = is_send & (clock != should) & (clock != MISSING) & (should != MISSING + 1)
    wrong[trace.gaps] = False  # what was before is not known
    begun = [author.from_start for author in trace.process_info] or [False] * trace.processes
    firsts = starts[~np.array(begun, bool)]
    wrong[firsts[firsts < len(clock)]] = False
    should[~wrong] = MISSING  # named by nothing
    other = SendIndex(trace, should).find(sender[left], stamp[left], to[left])
    taken = found >= 0
    width = trace.processes
    fits = (other >= 0) & ~np.isin(other * width + to[left], found[taken] * width + to[taken])
    found[left[fits]] = other[fits]
    return left[fits]


def _misdelivered(finder: SendIndex, sender: Array, stamp: Array, to: Array, found: Array) -> Array:
    """Match what is left with sends to somebody else; change `found`, return what was matched.

    What happened before is no less before because it came to the wrong process.
    """
    left = np.flatnonzero(found == UNMATCHED)
    other = finder.find_misdelivered(sender[left], stamp[left], to[left])
    found[left] = other
    return left[other >= 0]


def _union(*rows: Array) -> Array:
    return np.unique(np.concatenate(rows))


def _in_gaps(trace: Trace, sender: Array, to: Array, found: Array) -> Array:
    """Match what is left by its place on its channel; change `found`, return what was matched.

    Channels keep the order of messages. If between two messages of a channel
    as many receives are left without a send as sends without a receive, each
    belongs to one: a message or its send has another name than it should have.
    Where the log of either process has holes, that cannot be concluded.
    """
    left = np.flatnonzero(found == UNMATCHED)
    if not 0 < len(left) <= LEFT_MAX or trace.columns.target is None:
        return left[:0]
    renamed: list[int] = []
    lacking, reach = processes_with_gaps(trace), Recipients(trace)
    channels = {(int(sender[each]), int(to[each])) for each in left.tolist()}
    for one, other in sorted(each for each in channels if not lacking & set(each)):
        mine = np.flatnonzero((sender == one) & (to == other))
        rows = channel_sends(trace, reach, one, other)
        renamed += match_by_channel_position(mine, rows[~np.isin(rows, found[mine])], found)
    return np.array(sorted(renamed), np.int64)


def channel_sends(trace: Trace, reach: Recipients, one: int, other: int) -> Array:
    """Return the rows of all that one process sent to another."""
    rows = np.arange(*trace.starts[[one, one + 1]])
    return rows[reach.reaches(rows, np.full(len(rows), one), np.full(len(rows), other))]


def match_by_channel_position(mine: Array, sends: Array, found: Array) -> list[int]:
    """Match the receives of one channel that are left, in order, with sends that are left."""
    filled: list[int] = []
    low, waiting = -1, list[int]()
    for place in mine.tolist():
        if found[place] < 0:
            waiting.append(place)
            continue
        if waiting:
            inside = sends[(sends > low) & (sends < found[place])]
            if len(inside) == len(waiting):
                found[waiting] = inside
                filled += waiting
        low, waiting = max(low, int(found[place])), []
    return filled


def is_out_of_order(trace: Trace, rows: Array) -> Array:
    """Whether an event's clock does not fit between those of the events before and after it."""
    clock, starts = trace.columns.clock, trace.starts
    process = np.searchsorted(starts, rows, side="right") - 1
    has_before, has_after = rows > starts[process], rows + 1 < starts[process + 1]
    below = has_before & (clock[np.maximum(rows - 1, 0)] >= clock[rows])
    above = has_after & (clock[np.minimum(rows + 1, len(clock) - 1)] <= clock[rows])
    wrong: Array = below | above
    return wrong


def sends_of(trace: Trace, messages: Messages, sender: Array, stamp: Array, to: Array) -> Array:
    """Return the rows of the sends of messages named by (sender, stamp), UNMATCHED where none.

    They are named as those messages are whose receives are matched: a sender
    whose stamps are early is known, and so is an event whose stamps are uneven.
    """
    finder = SendIndex(trace)
    early = np.isin(sender, list(messages.stamp_before_send))
    found = finder.find(sender, stamp + early, to)
    rows = np.concatenate([messages.stamp_per_target, messages.matched_by_position])
    if len(rows):
        width = trace.processes
        process = np.searchsorted(trace.starts, rows, side="right") - 1
        known = dict(
            zip(
                zip(
                    trace.columns.stamp[rows].tolist(),
                    (trace.columns.sender[rows].astype(np.int64) * width + process).tolist(),
                    strict=True,
                ),
                messages.source[rows].tolist(),
                strict=True,
            )
        )
        for place in np.flatnonzero(found < 0).tolist():
            channel = int(sender[place]) * width + int(to[place])
            found[place] = known.get((int(stamp[place]), channel), UNMATCHED)
    return found
