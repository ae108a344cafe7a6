"""What was sent: every message to each of its targets, and the send with a certain name."""

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.messages import KEYS_END, UNMATCHED
from driftlab.history.trace import Trace, processes_of
from driftlab.model.columns import (
    EVERY_PEER,
    MISSING,
    NO_TARGET,
    NOBODY,
    SEND,
    SET_FIRST,
    UNKNOWN_KIND,
)


def sent_messages(trace: Trace) -> tuple[IntArray, IntArray]:
    """Return every message that the log says was sent: rows of the sends, positions of the targets.

    trace: one that has the targets of its events.
    """
    target = trace.columns.target
    assert target is not None
    single = np.flatnonzero(target >= 0)
    several = np.flatnonzero((target < 0) & (target != NO_TARGET))
    rows, to = [single], [target[single].astype(np.int64)]
    # Few processes send to few sets: each combination is expanded once.
    process = processes_of(trace, several)
    codes = target[several].astype(np.int64) * trace.processes + process
    order = np.argsort(codes, kind="stable")
    for group in np.split(several[order], np.flatnonzero(np.diff(codes[order])) + 1):
        if len(group):
            members = trace.targets_of(int(group[0]))
            rows.append(np.repeat(group, len(members)))
            to.append(np.tile(np.array(members, np.int64), len(group)))
    return np.concatenate(rows), np.concatenate(to)


def untargeted_sends(trace: Trace) -> IntArray:
    """Return the rows of events that sent, or may have, to a process that the log does not name.

    An event of unknown kind may have sent something, unless its process has sends
    whose targets are named: there an event without a target sent nothing.
    """
    kind, target = trace.columns.kind, trace.columns.target
    may_send: BoolArray = (kind == SEND) | (kind == UNKNOWN_KIND)
    if target is None:
        return np.flatnonzero(may_send)
    process, names_targets = trace.process_column(), np.zeros(trace.processes, bool)
    names_targets[process[target != NO_TARGET]] = True
    may_send &= (kind == SEND) | ~names_targets[process]
    return np.flatnonzero(may_send & (target == NO_TARGET))


class Recipients:
    """The processes that each event sent to, according to the log."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        size = trace.processes
        members = [number * size + one for number, members in enumerate(trace.sets)
                   for one in members]  # fmt: skip
        self._members = np.array(members, np.int64)  # (set, process), rising

    def include(self, rows: IntArray, sender: IntArray, to: IntArray) -> BoolArray:
        """Whether the event of each row, of process `sender`, sent to process `to`.

        Where the log names no targets, an event may have sent to any other process.
        """
        trace = self._trace
        if trace.columns.target is None:
            is_other: BoolArray = sender != to
            return is_other
        target = trace.columns.target[rows]
        included: BoolArray = target == to
        to_all = target == EVERY_PEER
        if to_all.any():
            included |= to_all & (
                sender != to if trace.peers is None else self._are_peers(to_all, sender, to)
            )
        several = np.flatnonzero(target <= SET_FIRST)
        if len(several) and len(self._members):
            keys = (SET_FIRST - target[several].astype(np.int64)) * trace.processes + to[several]
            place = np.searchsorted(self._members, keys)
            place[place == len(self._members)] = 0
            included[several] = self._members[place] == keys
        return included

    def _are_peers(self, mask: BoolArray, sender: IntArray, to: IntArray) -> BoolArray:
        """Whether each sender can send to its `to`; senders outside the mask may be left out."""
        links = {
            (one, peer)
            for one in np.unique(sender[mask]).tolist()
            for peer in self._trace.peers_of(one)
        }
        pairs = zip(sender.tolist(), to.tolist(), strict=True)
        return np.array([pair in links for pair in pairs], bool)


class SendIndex:
    """Finds the send that a process made at a clock, to a certain process.

    The sends are sorted by (process, clock); a message is looked up by bisection.
    """

    def __init__(self, trace: Trace, clock: IntArray | None = None) -> None:
        """Index the sends of a trace by their clocks.

        clock: i8, what to index each event by instead; MISSING leaves it out.
        """
        self._trace = trace
        self._recipients = Recipients(trace)
        rows = _possible_sends(trace)
        if clock is not None:
            rows = rows[clock[rows] != MISSING]
            values = clock[rows]
        else:
            assert trace.columns.clock is not None
            values = trace.columns.clock[rows]
        process = processes_of(trace, rows)
        order = np.lexsort((values, process))
        self._rows = rows[order]
        self._values: IntArray | None = None  # the distinct clocks, where they span too much
        self._low = 0
        offsets = self._offsets(values[order])
        self._keys = offsets + process[order] * self._span

    def _offsets(self, clock: IntArray) -> IntArray:
        """Return clocks as numbers from 0 to below `_span`, which keep their order."""
        low, high = (int(clock.min()), int(clock.max())) if len(clock) else (0, 0)
        self._span = high - low + 1
        if self._span * (self._trace.processes + 1) >= KEYS_END:
            self._values = np.unique(clock)
            self._span = len(self._values) + 1
            return np.searchsorted(self._values, clock).astype(np.int64)
        self._low = low
        return clock - low

    def find(self, sender: IntArray, stamp: IntArray, to: IntArray) -> IntArray:
        """Return the rows of the sends of messages, UNMATCHED where there is none.

        sender, stamp, to: of each message the sender's position, the clock of
        its send, and the position of the process that it was sent to.
        """
        sends = np.full(len(stamp), UNMATCHED, np.int64)
        if not len(self._rows) or not len(stamp):
            return sends
        low, high = self._ranges(sender, stamp)
        single = np.flatnonzero(high == low + 1)
        rows = self._rows[low[single]]
        fits = self._recipients.include(rows, sender[single], to[single])
        sends[single[fits]] = rows[fits]
        ambiguous = np.flatnonzero(high > low + 1)
        if len(ambiguous):
            self._resolve(ambiguous, low, high, to, sends)
        return sends

    def find_misdelivered(self, sender: IntArray, stamp: IntArray, to: IntArray) -> IntArray:
        """Return the rows of the only sends of these names, whatever process they went to.

        UNMATCHED where there is none or more than one, where the log names no
        targets, and where a process names itself as the sender.
        """
        sends = np.full(len(stamp), UNMATCHED, np.int64)
        if self._trace.columns.target is None or not len(self._rows):
            return sends
        low, high = self._ranges(sender, stamp)
        single = np.flatnonzero((high == low + 1) & (sender != to))
        sends[single] = self._rows[low[single]]
        return sends

    def _ranges(self, sender: IntArray, stamp: IntArray) -> tuple[IntArray, IntArray]:
        """Return from where to where the sends of these names stand in the index."""
        if self._values is None:
            offset: IntArray = stamp - self._low
            known: BoolArray = (stamp >= self._low) & (offset < self._span)
        else:
            offset = np.searchsorted(self._values, stamp)
            known = offset < len(self._values)
            known[known] = self._values[offset[known]] == stamp[known]
        keys = np.where(known, sender.astype(np.int64) * self._span + offset, -1)
        low, high = (np.searchsorted(self._keys, keys, side="left"),
                     np.searchsorted(self._keys, keys, side="right"))  # fmt: skip
        return low, np.where(known, high, low)

    def _resolve(
        self, ambiguous: IntArray, low: IntArray, high: IntArray, to: IntArray, sends: IntArray
    ) -> None:
        """Find the sends of messages whose name several sends have; fill `sends`.

        The k-th message of a name belongs to the k-th of its sends; a message
        that came more often than it was sent belongs to the first send again. If
        one message has the name, it belongs to the send whose clock fits best
        between those of its neighbours.
        """
        places: dict[tuple[int, int], list[int]] = {}
        for place in ambiguous.tolist():
            places.setdefault((int(low[place]), int(to[place])), []).append(place)
        for (begin, receiver), mine in places.items():
            rows = np.sort(self._rows[begin : int(high[mine[0]])])
            process = processes_of(self._trace, rows)
            rows = rows[self._recipients.include(rows, process, np.full(len(rows), receiver))]
            if len(rows) and len(mine) == 1:
                sends[mine] = rows[np.argmax(_neighbour_fits(self._trace, rows))]
            elif len(rows):
                sends[mine] = np.append(rows, np.repeat(rows[0], len(mine)))[: len(mine)]


def _neighbour_fits(trace: Trace, rows: IntArray) -> IntArray:
    """Return with how many of its neighbours each send's clock agrees, 0 to 2."""
    of, starts = trace.columns, trace.starts
    clock = of.clock
    assert clock is not None
    process = processes_of(trace, rows)
    before, after = np.maximum(rows - 1, 0), np.minimum(rows + 1, len(clock) - 1)
    clock_before = np.where(rows > starts[process], clock[before], 0)
    fits_after = clock[after] == clock[rows] + 1
    if of.sender is not None:
        fits_after |= (of.sender[after] != NOBODY) & (clock[after] > clock[rows])
    fits_after &= rows + 1 < starts[process + 1]
    fits: IntArray = (clock[rows] == clock_before + 1).astype(int) + fits_after
    return fits


def _possible_sends(trace: Trace) -> IntArray:
    """Return the rows of all events that may have sent a message."""
    of = trace.columns
    if of.target is not None:
        return np.flatnonzero(of.target != NO_TARGET)
    return np.flatnonzero((of.kind == SEND) | (of.kind == UNKNOWN_KIND))
