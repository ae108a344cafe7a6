"""One name that is written wrong, told as that and as nothing else.

A journal names a message twice: where a tick found it, and where it was
received. If the two do not agree, and only one of them names a message that was
sent, the other was written wrong. The judge goes on with the right name and
tells of the wrong one, so that it does not also take it for a message from
nowhere, for one that was passed over and for one that was lost.

Only a receive whose name was never found is looked at, beside the arrival that
was due at the front of its inbox, if nobody took that; and only where the log
of its process has no holes, in which it may have been found.
"""

from typing import Final, NamedTuple

import numpy as np

from driftlab.history.matching.keys import arrival_rows, arrivals_taken, receive_names
from driftlab.history.matching.send_index import SendIndex
from driftlab.history.trace import Trace
from driftlab.model.columns import Array

REPAIRS_MAX: Final = 10_000  # more than these are no slips of the pen: nothing is mended


class RepairedTrace(NamedTuple):
    """A trace whose names fit together, and what was written otherwise in the one it is of.

    misread: rows of receives that named their message wrong. misfound: numbers
    of arrivals that did, and of each the row of its tick.
    """

    trace: Trace
    misnamed_receives: Array
    misnamed_arrivals: Array
    found_at: Array


def repair_names(trace: Trace) -> RepairedTrace:
    """Return the trace with names mended where that can be done."""
    none = np.zeros(0, np.int64)
    of = trace.columns
    if trace.arrivals is None or of.sender is None or of.stamp is None or of.clock is None:
        return RepairedTrace(trace, none, none, none)
    pairs = _pairs(trace)
    if not pairs:
        return RepairedTrace(trace, none, none, none)
    return _rewritten(trace, np.array(pairs, np.int64))


def _pairs(trace: Trace) -> list[tuple[int, int]]:
    """Return rows of receives, each with the number of the arrival that it should have named."""
    rows, places = arrivals_taken(trace)
    process: Array = np.searchsorted(trace.starts, rows, side="right") - 1
    holed = np.unique(np.searchsorted(trace.starts, trace.gaps, side="right") - 1)
    lone = np.flatnonzero((places < 0) & ~np.isin(process, holed))
    if not 0 < len(lone) <= REPAIRS_MAX:
        return []
    found_at = arrival_rows(trace)
    begins: Array = np.searchsorted(found_at, trace.starts)
    taken = np.zeros(len(found_at), bool)
    taken[places[places >= 0]] = True
    swapped = _swapped(trace, lone, places, taken)
    pairs = []
    for number in lone.tolist():
        if number in swapped:
            first, arrival = swapped[number]
            pairs.append((int(rows[first]), arrival))
            places[number] = places[first]
            places[first] = arrival
            taken[arrival] = True
            continue
        is_first = number == 0 or process[number - 1] != process[number]
        due = int(begins[process[number]]) if is_first else int(places[number - 1]) + 1
        there = due > 0 or is_first
        inside = there and due < begins[process[number] + 1]
        if inside and not taken[due] and found_at[due] <= rows[number]:
            places[number] = due
            taken[due] = True
            pairs.append((int(rows[number]), due))
    return pairs


def _swapped(trace: Trace, lone: Array, places: Array, taken: Array) -> dict[int, tuple[int, int]]:
    """Return receives whose name an earlier one wrote by mistake, with that one and its arrival."""
    _, keys = receive_names(trace)
    first = {key: number for number, key in reversed(list(enumerate(keys.tolist())))}
    found = {}
    for number in lone.tolist():
        other = first[int(keys[number])]
        before = int(places[other]) - 1
        if other != number and before >= 0 and not taken[before]:
            found[number] = (other, before)
    return found


def _rewritten(trace: Trace, pairs: Array) -> RepairedTrace:
    """Give each pair one name: that which was sent, or if both were, that which was found."""
    of, held = trace.columns, trace.arrivals
    assert held is not None
    rows, arrivals = pairs[:, 0], pairs[:, 1]
    to = np.searchsorted(trace.starts, rows, side="right") - 1
    finder = SendIndex(trace)
    was_found = finder.find(held.sender[arrivals], held.stamp[arrivals], to) >= 0
    was_received = finder.find(of.sender[rows], of.stamp[rows], to) >= 0
    misfound = was_received & ~was_found
    sender, stamp = of.sender.copy(), of.stamp.copy()
    found_sender, found_stamp = held.sender.copy(), held.stamp.copy()
    sender[rows[~misfound]] = held.sender[arrivals[~misfound]]
    stamp[rows[~misfound]] = held.stamp[arrivals[~misfound]]
    found_sender[arrivals[misfound]] = of.sender[rows[misfound]]
    found_stamp[arrivals[misfound]] = of.stamp[rows[misfound]]
    changed = trace.replace(
        columns=of._replace(sender=sender, stamp=stamp),
        arrivals=held._replace(sender=found_sender, stamp=found_stamp),
    )
    return RepairedTrace(
        changed, rows[~misfound], arrivals[misfound], arrival_rows(trace)[arrivals[misfound]]
    )
