"""Messages of a run of ours whose journals are whole: found at once, without the general matching.

`history.matching` understands logs of every kind, damaged ones too, and takes seconds for
millions of events; a diagram is shown before that. Where the clocks of every process rise
and each name (sender, stamp) is the clock of a send to the process that has it, there is
nothing to understand, and the matches are those of the general matching. Otherwise nothing
is said here.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.messages import NOTHING, Messages
from driftlab.history.trace import Trace
from driftlab.model.columns import EVERY_PEER, MISSING, NOBODY, RECEIVE, SEND, SET_FIRST

CELLS_MAX: Final = 1 << 26  # of a table that says which process is in which set


def intact_messages(trace: Trace) -> Messages | None:
    """Return the messages of a whole run of ours, as the general matching would; None if unsure."""
    of = trace.columns
    if not len(trace.process_info) or of.sender is None or of.stamp is None:
        return None
    if len(trace.strategies) or of.sent is not None or of.received is not None:
        return None
    rows = np.flatnonzero(of.kind == RECEIVE)
    is_named = (of.sender[rows] >= 0) & (of.stamp[rows] != MISSING)
    if not is_named.all() or np.count_nonzero(of.sender != NOBODY) != len(rows):
        return None
    to = processes_of_rising(trace, rows)
    sends = sends_named(trace, of.sender[rows], of.stamp[rows], to)
    if sends is None:
        return None
    source = np.full(len(trace), NOTHING, np.int64)
    source[rows] = sends
    return Messages(source, of.sender, np.zeros(0, np.int64), np.zeros(0, np.int64))


def processes_of_rising(trace: Trace, rows: IntArray) -> IntArray:
    """Return the positions of the processes of rows that rise."""
    counts = np.diff(np.searchsorted(rows, trace.starts))
    return np.repeat(np.arange(trace.processes), counts)


def sends_named(trace: Trace, sender: IntArray, stamp: IntArray, to: IntArray) -> IntArray | None:
    """Return the row of the send of each message, i8; None unless every one is beyond doubt.

    sender: position. stamp: the clock that the message carried. to: its receiver's position.
    """
    of = trace.columns
    if of.clock is None or of.target is None or not _rise(of.clock, trace.starts):
        return None
    if len(sender) and int(sender.max()) >= trace.processes:
        return None
    order = np.argsort(sender.astype(np.int16 if trace.processes < 2**15 else np.int32),
                       kind="stable")  # fmt: skip
    ends = np.cumsum(np.bincount(sender, minlength=trace.processes))
    rows = np.empty(len(sender), np.int64)
    begin = 0
    for process, end in enumerate(ends.tolist()):
        if begin < end:
            mine, lane = order[begin:end], trace.rows_of(process)
            if lane.start == lane.stop:
                return None
            places = of.clock[lane].searchsorted(stamp[mine])
            rows[mine] = np.minimum(places, lane.stop - lane.start - 1) + lane.start
        begin = end
    is_right = (of.clock[rows] == stamp) & (of.kind[rows] == SEND)
    if not is_right.all():
        return None
    is_target = _are_targets(trace, of.target[rows], sender, to)
    return rows if is_target is not None and is_target.all() else None


def _rise(clock: IntArray, starts: IntArray) -> bool:
    """Whether the clocks of each process are known and rise from event to event."""
    rises = clock[1:] > clock[:-1]
    edges = starts[1:-1] - 1
    rises[edges[(edges >= 0) & (edges < len(rises))]] = True
    return bool(rises.all()) and bool((clock != MISSING).all())


def _are_targets(
    trace: Trace, target: IntArray, sender: IntArray, to: IntArray
) -> BoolArray | None:
    """Whether each message was sent to the process that has it; None if that takes too long."""
    is_target: BoolArray = target == to
    is_every = target == EVERY_PEER
    if is_every.any():
        if trace.peers is None:
            is_target |= is_every & (sender != to)
        else:
            near = _table(trace.peers, trace.processes)
            if near is None:
                return None
            is_target |= is_every & near[sender, to]
    in_set = np.flatnonzero(target <= SET_FIRST)
    if len(in_set):
        members = _table(trace.sets, trace.processes)
        if members is None:
            return None
        is_target[in_set] = members[SET_FIRST - target[in_set], to[in_set]]
    return is_target


def _table(sets: Sequence[Sequence[int]], processes: int) -> BoolArray | None:
    """Return which process is in which set, as a table; None if it would be too large."""
    if len(sets) * processes > CELLS_MAX:
        return None
    table = np.zeros((len(sets), processes), bool)
    for number, members in enumerate(sets):
        table[number, list(members)] = True
    return table
