"""Where two histories first differ, event by event."""

from dataclasses import dataclass

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.trace import Trace
from driftlab.model.columns import KINDS, MISSING


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first difference of two histories.

    process: where. lane, other_lane: its positions in both. index: the number of the event,
    from 0, up to which both have the same. text: what differs.
    """

    process: str
    lane: int
    other_lane: int
    index: int
    text: str


def first_divergence(one: Trace, other: Trace) -> Divergence | None:
    """Return the first difference of two histories; None if every event is the same.

    Processes are compared by name: kind, who sent the message that was received, its stamp,
    and the clock. Of the first differences of all processes it is the one with the least
    clock in either history, because no cause of it can be another one with a greater clock;
    of equals, or without clocks, the one with the least number.
    """
    places = {name: place for place, name in enumerate(other.names)}
    found = []
    for lane, name in enumerate(one.names):
        if name in places:
            index = _first_difference(one, lane, other, places[name])
            if index is not None:
                clocks = [
                    clock
                    for clock in (_clock(one, lane, index), _clock(other, places[name], index))
                    if clock is not None
                ]
                found.append((min(clocks, default=0), index, lane, name))
    if not found:
        missing = sorted(set(one.names) ^ set(other.names))
        if not missing:
            return None
        name = missing[0]
        here = name in one.names
        lane = list(one.names).index(name) if here else -1
        which = "second" if here else "first"
        return Divergence(
            name, lane, places.get(name, -1), 0, f"{name} is not in the {which} history"
        )
    _, index, lane, name = min(found)
    text = f"{name}:{index}: {_described(one, lane, index)} in the first history, " + (
        f"{_described(other, places[name], index)} in the second"
    )
    return Divergence(name, lane, places[name], index, text)


def _first_difference(one: Trace, lane: int, other: Trace, other_lane: int) -> int | None:
    """Return the number of the first event of a process that differs, None if none does."""
    mine, others = one.rows_of(lane), other.rows_of(other_lane)
    length = min(mine.stop - mine.start, others.stop - others.start)
    differs = np.zeros(length, bool)
    here, there = one.columns, other.columns
    pairs = [(here.kind, there.kind), (here.clock, there.clock), (here.stamp, there.stamp)]
    for column, its in pairs:
        if column is not None and its is not None:
            differs |= column[mine][:length] != its[others][:length]
    if here.sender is not None and there.sender is not None:
        differs |= _senders_differ(one, here.sender[mine][:length], other,
                                   there.sender[others][:length])  # fmt: skip
    if differs.any():
        return int(differs.argmax())
    return length if mine.stop - mine.start != others.stop - others.start else None


def _senders_differ(one: Trace, sender: IntArray, other: Trace, its: IntArray) -> BoolArray:
    """Whether messages came from processes of different names."""
    places = {name: place for place, name in enumerate(other.names)}
    there = np.array([places.get(name, -3) for name in one.names] + [-1], its.dtype)
    differ: BoolArray = there[np.maximum(sender, -1)] != np.maximum(its, -1)
    return differ


def _clock(trace: Trace, lane: int, index: int) -> int | None:
    rows, clock = trace.rows_of(lane), trace.columns.clock
    if clock is None or index >= rows.stop - rows.start:
        return None
    value = int(clock[rows.start + index])
    return None if value == MISSING else value


def _described(trace: Trace, lane: int, index: int) -> str:
    rows, of = trace.rows_of(lane), trace.columns
    if index >= rows.stop - rows.start:
        return "no more event"
    row = rows.start + index
    words = [KINDS[int(of.kind[row])]]
    if of.sender is not None and of.sender[row] >= 0:
        words.append(f"from {trace.names[int(of.sender[row])]}")
    targets = trace.targets_of(row)
    if targets:
        words.append(f"to {','.join(trace.names[place] for place in targets[:5])}")
    clock = _clock(trace, lane, index)
    return " ".join(words) + ("" if clock is None else f" (clock {clock})")
