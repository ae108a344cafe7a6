"""Repair of names: one message, named differently where it arrived and where it was received.

A journal names a message twice, at its arrival and at its receive. If the two
names differ and only one of them names a message that was sent, the other is
wrong. The trace is judged with the right name and the wrong one is reported
once; otherwise it would also count as a message from nowhere, as one that was
passed over and as one that was lost.

Only a receive whose name never arrived is repaired, with the arrival that was
due at the front of the inbox, if no receive took that one. The log of its process
must have no gaps; the message may have arrived in one.
"""

from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.messages import arrival_rows, arrivals_taken, receive_names
from driftlab.history.matching.send_index import SendIndex
from driftlab.history.trace import Trace, processes_of, processes_with_gaps

REPAIRS_MAX: Final = 10_000  # beyond this the errors are not isolated: nothing is repaired


class RepairedTrace(NamedTuple):
    """A trace whose names agree, and where the original named a message wrong.

    misnamed_receives i8: rows of receives that did. misnamed_arrivals i8: numbers
    of arrivals that did; found_at i8: the rows of their ticks.
    """

    trace: Trace
    misnamed_receives: IntArray
    misnamed_arrivals: IntArray
    found_at: IntArray


def repair_names(trace: Trace) -> RepairedTrace:
    """Return the trace with wrong names corrected where the right ones are known."""
    nothing = np.zeros(0, np.int64)
    of = trace.columns
    if trace.arrivals is None or of.sender is None or of.stamp is None or of.clock is None:
        return RepairedTrace(trace, nothing, nothing, nothing)
    pairs = _misnamed_pairs(trace)
    if not pairs:
        return RepairedTrace(trace, nothing, nothing, nothing)
    return _with_one_name(trace, np.array(pairs, np.int64))


def _misnamed_pairs(trace: Trace) -> list[tuple[int, int]]:
    """Return the rows of misnamed receives, each with the number of the arrival that it took."""
    rows, taken_by = arrivals_taken(trace)
    process = processes_of(trace, rows)
    unnamed = np.flatnonzero((taken_by < 0) & ~np.isin(process, processes_with_gaps(trace)))
    if not 0 < len(unnamed) <= REPAIRS_MAX:
        return []
    found_at = arrival_rows(trace)
    begins = np.searchsorted(found_at, trace.starts)
    is_taken = np.zeros(len(found_at), bool)
    is_taken[taken_by[taken_by >= 0]] = True
    borrowed = _borrowed_names(trace, unnamed, taken_by, is_taken)
    pairs = []
    for number in unnamed.tolist():
        if number in borrowed:
            first, arrival = borrowed[number]
            pairs.append((int(rows[first]), arrival))
            taken_by[number] = taken_by[first]
            taken_by[first] = arrival
            is_taken[arrival] = True
            continue
        is_first = number == 0 or process[number - 1] != process[number]
        due = int(begins[process[number]]) if is_first else int(taken_by[number - 1]) + 1
        is_known = due > 0 or is_first
        in_inbox = is_known and due < begins[process[number] + 1]
        if in_inbox and not is_taken[due] and found_at[due] <= rows[number]:
            taken_by[number] = due
            is_taken[due] = True
            pairs.append((int(rows[number]), due))
    return pairs


def _borrowed_names(
    trace: Trace, unnamed: IntArray, taken_by: IntArray, is_taken: BoolArray
) -> dict[int, tuple[int, int]]:
    """Return receives whose name was logged at an earlier receive by mistake.

    Of each its number, with the number of the earlier receive and of the arrival
    that the earlier one really took.
    """
    _, names = receive_names(trace)
    first = {name: number for number, name in reversed(list(enumerate(names.tolist())))}
    borrowed = {}
    for number in unnamed.tolist():
        other = first[int(names[number])]
        before = int(taken_by[other]) - 1
        if before >= 0 and not is_taken[before]:
            borrowed[number] = (other, before)
    return borrowed


def _with_one_name(trace: Trace, pairs: IntArray) -> RepairedTrace:
    """Give receive and arrival one name: the one that was sent; of two such, the arrival's."""
    of, arrivals = trace.columns, trace.arrivals
    assert arrivals is not None
    assert of.sender is not None
    assert of.stamp is not None
    rows, places = pairs[:, 0], pairs[:, 1]
    to = processes_of(trace, rows)
    sends = SendIndex(trace)
    arrival_was_sent = sends.find(arrivals.sender[places], arrivals.stamp[places], to) >= 0
    receive_was_sent = sends.find(of.sender[rows], of.stamp[rows], to) >= 0
    is_arrival_wrong = receive_was_sent & ~arrival_was_sent
    wrong_rows, right_places = rows[~is_arrival_wrong], places[~is_arrival_wrong]
    wrong_places, right_rows = places[is_arrival_wrong], rows[is_arrival_wrong]
    sender, stamp = of.sender.copy(), of.stamp.copy()
    sender[wrong_rows] = arrivals.sender[right_places]
    stamp[wrong_rows] = arrivals.stamp[right_places]
    arrived_sender, arrived_stamp = arrivals.sender.copy(), arrivals.stamp.copy()
    arrived_sender[wrong_places] = of.sender[right_rows]
    arrived_stamp[wrong_places] = of.stamp[right_rows]
    repaired = trace.replace(
        columns=of._replace(sender=sender, stamp=stamp),
        arrivals=arrivals._replace(sender=arrived_sender, stamp=arrived_stamp),
    )
    return RepairedTrace(repaired, wrong_rows, wrong_places, arrival_rows(trace)[wrong_places])
