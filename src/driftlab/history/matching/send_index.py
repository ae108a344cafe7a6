"""Sends by their names: the one that a process made at a clock, to a certain process."""

import numpy as np

from driftlab.history.matching.messages import UNMATCHED
from driftlab.history.trace import Trace
from driftlab.model.columns import (
    EVERY_PEER,
    MISSING,
    NO_TARGET,
    NOBODY,
    SEND,
    SET_FIRST,
    UNKNOWN_KIND,
    Array,
)


class Recipients:
    """Knows to whom events sent, as the log says."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        size = trace.processes
        members = [number * size + one for number, of in enumerate(trace.sets) for one in of]
        self._members = np.array(members, np.int64)  # of all sets, rising

    def reaches(self, rows: Array, sender: Array, to: Array) -> Array:
        """Whether the event of each row, of process `sender`, sent to process `to`."""
        trace = self._trace
        if trace.columns.target is None:
            return sender != to
        target = trace.columns.target[rows]
        answer = target == to
        every = target == EVERY_PEER
        if every.any():
            answer |= (
                every & (sender != to) if trace.peers is None else _among(trace, every, sender, to)
            )
        several = np.flatnonzero(target <= SET_FIRST)
        if len(several) and len(self._members):
            keys = (SET_FIRST - target[several].astype(np.int64)) * trace.processes + to[several]
            place = np.searchsorted(self._members, keys)
            place[place == len(self._members)] = 0
            answer[several] = self._members[place] == keys
        return answer


class SendIndex:
    """Finds the send that a process made at a clock, to a certain process."""

    def __init__(self, trace: Trace, clock: Array = None) -> None:
        """`clock`: names of the sends, where they are not their clocks."""
        self._trace = trace
        self._reach = Recipients(trace)
        self._clock = trace.columns.clock if clock is None else clock
        rows = _sends(trace)
        if clock is not None:
            rows = rows[clock[rows] != MISSING]
        process: Array = np.searchsorted(trace.starts, rows, side="right") - 1
        order = np.lexsort((self._clock[rows], process))
        self._rows = rows[order]
        self._values: Array = None  # the clocks there are, where they lie too far apart
        self._keys, self._low, self._span = self._spread(self._clock[self._rows])
        self._keys += process[order] * self._span

    def _spread(self, clock: Array) -> tuple[Array, int, int]:
        """Return clocks from 0, what was taken off, and more than the greatest."""
        low, high = (int(clock.min()), int(clock.max())) if len(clock) else (0, 0)
        span = high - low + 1
        if span * (self._trace.processes + 1) >= 2**62:
            self._values = np.unique(clock)
            return np.searchsorted(self._values, clock).astype(np.int64), 0, len(self._values) + 1
        return clock - low, low, span

    def find_misdelivered(self, sender: Array, stamp: Array, to: Array) -> Array:
        """Return the rows of the only sends of these names, to whomever they went; else UNMATCHED.

        Not those that went to the process itself that sent.
        """
        found = np.full(len(stamp), UNMATCHED, np.int64)
        if self._trace.columns.target is None or not len(self._rows):
            return found
        low, high = self._places(sender, stamp)
        one = np.flatnonzero((high == low + 1) & (sender != to))
        found[one] = self._rows[low[one]]
        return found

    def find(self, sender: Array, stamp: Array, to: Array) -> Array:
        """Return the rows of the sends, UNMATCHED where there is none."""
        found = np.full(len(stamp), UNMATCHED, np.int64)
        if not len(self._rows) or not len(stamp):
            return found
        low, high = self._places(sender, stamp)
        one = np.flatnonzero(high == low + 1)
        rows = self._rows[low[one]]
        fits = self._reach.reaches(rows, sender[one], to[one])
        found[one[fits]] = rows[fits]
        several = np.flatnonzero(high > low + 1)
        if len(several):
            self._find_among(several, low, high, to, found)
        return found

    def _places(self, sender: Array, stamp: Array) -> tuple[Array, Array]:
        """Return from where to where the sends of these names stand among all."""
        if self._values is None:
            value: Array = stamp - self._low
            known = (stamp >= self._low) & (value < self._span)
        else:
            value = np.searchsorted(self._values, stamp)
            known = value < len(self._values)
            known[known] = self._values[value[known]] == stamp[known]
        keys = np.where(known, sender.astype(np.int64) * self._span + value, -1)
        low, high = (np.searchsorted(self._keys, keys, side=side) for side in ("left", "right"))
        return low, np.where(known, high, low)

    def _find_among(self, several: Array, low: Array, high: Array, to: Array, found: Array) -> None:
        """Find sends of messages whose name several sends at one clock have.

        The k-th message of a name is that of the k-th send; one that came more
        often than it was sent is that of the first again. A name that came once
        is that of the send whose clock fits best between those beside it.
        """
        places: dict[tuple[int, int], list[int]] = {}
        for place in several.tolist():
            places.setdefault((int(low[place]), int(to[place])), []).append(place)
        for (begin, there), mine in places.items():
            rows = np.sort(self._rows[begin : int(high[mine[0]])])
            process = np.searchsorted(self._trace.starts, rows, side="right") - 1
            rows = rows[self._reach.reaches(rows, process, np.full(len(rows), there))]
            if len(rows) and len(mine) == 1:
                found[mine] = rows[np.argmax(_fitting(self._trace, rows))]
            elif len(rows):
                found[mine] = np.append(rows, np.repeat(rows[0], len(mine)))[: len(mine)]


def _fitting(trace: Trace, rows: Array) -> Array:
    """Return with how many of the events beside them the clocks of some sends fit, 0 to 2."""
    clock, starts, of = trace.columns.clock, trace.starts, trace.columns
    process = np.searchsorted(starts, rows, side="right") - 1
    before, after = np.maximum(rows - 1, 0), np.minimum(rows + 1, len(clock) - 1)
    stood = np.where(rows > starts[process], clock[before], 0)
    goes_on = clock[after] == clock[rows] + 1
    if of.sender is not None:
        goes_on |= (of.sender[after] != NOBODY) & (clock[after] > clock[rows])
    fits: Array = (clock[rows] == stood + 1).astype(int) + goes_on
    return fits


def _sends(trace: Trace) -> Array:
    """Return the rows of all events that may have sent."""
    of = trace.columns
    if of.target is not None:
        return np.flatnonzero(of.target != NO_TARGET)
    return np.flatnonzero((of.kind == SEND) | (of.kind == UNKNOWN_KIND))


def _among(trace: Trace, every: Array, sender: Array, to: Array) -> Array:
    links = {
        (one, peer) for one in np.unique(sender[every]).tolist() for peer in trace.peers_of(one)
    }
    pairs = zip(sender.tolist(), to.tolist(), strict=True)
    return every & np.array([pair in links for pair in pairs], bool)
