"""Cuts: of every process its first so many events, as if the run had stopped there.

A cut is a frontier: the number of events of each process that are inside. It is
consistent if the past of every event inside is inside, which is to say that no
message is received inside and sent outside (Chandy and Lamport 1985). The
consistent cuts are closed under union and intersection (Mattern 1989), so there
is a smallest that contains an event and a largest that does not.

A message is in flight across a cut if it is sent inside and not received
inside; so is one that waits in an inbox, whose receive is yet to come. Of an
event with several targets each copy counts by itself. A message that was lost
is in flight for ever: a log cannot tell the two apart.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from driftlab.errors import DriftlabError
from driftlab.history.causal_paths import Links, links, processes_of
from driftlab.history.happened_before import HappenedBefore
from driftlab.history.matching.messages import Messages
from driftlab.history.trace import Trace
from driftlab.model.columns import MISSING, NO_TARGET, SEND, Array

COPIES_MAX: Final = 64_000_000  # of events with several targets, looked at together
NOWHERE: Final = (
    -1
)  # in `receive`: no event of the trace received it; in `target`: the log names none


class NoSuchCutError(DriftlabError):
    """A cut that this history does not have."""


class InFlight(NamedTuple):
    """Messages in flight: a row a copy, in the order of their sends and then of their targets.

    send i8: the row of the send. target i8: to which process, NOWHERE where the
    log does not name it. receive i8: the row of the receive outside, or NOWHERE.
    """

    send: Array
    target: Array
    receive: Array


class Snapshot(NamedTuple):
    """Every process along a cut: its last event inside, and what it said of itself.

    events i8: how many are inside. row i8: of the last, NOWHERE where there is
    none. clock, queue i8: after that event; MISSING where there is none or the
    log does not say.
    """

    events: Array
    row: Array
    clock: Array
    queue: Array


def ends_of(trace: Trace, frontier: Array) -> Array:
    """Return of each process the first row outside."""
    ends: Array = trace.starts[:-1] + frontier
    return ends


def holds(trace: Trace, frontier: Array, rows: Array) -> Array:
    """Whether each of some rows is inside."""
    inside: Array = rows < ends_of(trace, frontier)[processes_of(trace, rows)]
    return inside


def received_inside(trace: Trace, messages: Messages, frontier: Array) -> Links:
    """Return the messages that were received inside, wherever they were sent."""
    return links(trace, messages, trace.starts[:-1], ends_of(trace, frontier))


def violations(trace: Trace, messages: Messages, frontier: Array) -> Links:
    """Return the messages that were received inside and sent outside: no run can stop like this."""
    known = received_inside(trace, messages, frontier)
    return _chosen(known, ~holds(trace, frontier, known.sent))


def is_consistent(trace: Trace, messages: Messages, frontier: Array) -> bool:
    """Whether the past of every event inside is inside."""
    return not len(violations(trace, messages, frontier).sent)


def _chosen(known: Links, which: Array) -> Links:
    return Links(*(column[which] for column in known))


def in_flight(trace: Trace, messages: Messages, frontier: Array) -> InFlight:
    """Return what is sent inside and not received inside.

    A copy that several events received is in flight until the first of them that is inside;
    of those outside the one that stands first is told. A message from an event
    that the log does not name as its sender, or to a process that is none of
    its targets, counts as well.
    """
    inside = received_inside(trace, messages, frontier)
    outside = links(trace, messages, ends_of(trace, frontier), trace.starts[1:])
    outside = _chosen(outside, holds(trace, frontier, outside.sent))
    width = trace.processes + 1  # one more, for a target that is not named
    late = _codes(outside.sent, outside.receiver, width)
    copies = np.union1d(
        _missing(trace, frontier, inside, outside, width),
        np.setdiff1d(late, _arrived(trace, inside, outside, width)),
    )
    later = np.argsort(outside.received)[::-1]  # so that of several the first is written last
    still = np.isin(late[later], copies)
    receive = np.full(len(copies), NOWHERE, np.int64)
    receive[np.searchsorted(copies, late[later][still])] = outside.received[later][still]
    return InFlight(copies // width, copies % width - 1, receive)


def _codes(sent: Array, target: Array, width: int) -> Array:
    """Name copies by whole numbers that rise with the send and then with the target."""
    return sent * width + target + 1


def _arrived(trace: Trace, inside: Links, outside: Links, width: int) -> Array:
    """Return what was received inside of the sends that were received outside, too."""
    some = np.zeros(len(trace), bool)
    some[outside.sent] = True
    near = some[inside.sent]
    return _codes(inside.sent[near], inside.receiver[near], width)


def _missing(trace: Trace, frontier: Array, inside: Links, outside: Links, width: int) -> Array:
    """Return what the log says was sent inside and does not say was received inside.

    Where it names no targets, a send that nobody received has one copy to nobody known.
    """
    target = trace.columns.target
    arrived = np.zeros(len(trace), bool)
    if target is None:
        arrived[inside.sent] = arrived[outside.sent] = True
        sends = _inside(trace, frontier, (trace.columns.kind == SEND) & ~arrived)
        return _codes(sends, NOWHERE, width)
    to = target[inside.sent]
    arrived[inside.sent[to == inside.receiver]] = True
    one = _inside(trace, frontier, (target >= 0) & ~arrived)
    several = _inside(trace, frontier, (target < 0) & (target != NO_TARGET))
    known = _chosen(inside, (to < 0) & holds(trace, frontier, inside.sent) & (to != NO_TARGET))
    pieces = [_codes(one, target[one], width)]
    for begin in range(0, len(several), step := max(1, COPIES_MAX // width)):
        rows = several[begin : begin + step]
        pieces.append(_missing_of(trace, rows, known, width))
    return np.concatenate(pieces)


def _missing_of(trace: Trace, rows: Array, known: Links, width: int) -> Array:
    """Return what did not arrive of events with several targets; `known` did."""
    left = _wanted(trace, rows)
    mine = (known.sent >= rows[0]) & (known.sent <= rows[-1])
    left[np.searchsorted(rows, known.sent[mine]), known.receiver[mine]] = False
    place, target = np.nonzero(left)
    return _codes(rows[place], target, width)


def _wanted(trace: Trace, rows: Array) -> Array:
    """Return to whom events with several targets sent: a table, a row an event."""
    table = np.zeros((len(rows), trace.processes), bool)
    kinds = processes_of(trace, rows) * (len(trace.sets) + 3) - trace.columns.target[rows]
    _, first, alike = np.unique(kinds, return_index=True, return_inverse=True)
    for number, row in enumerate(rows[first].tolist()):
        table[np.ix_(alike == number, trace.targets_of(row))] = True
    return table


def _inside(trace: Trace, frontier: Array, which: Array) -> Array:
    """Return the rows inside among those that a mask chooses."""
    rows = np.flatnonzero(which)
    return rows[holds(trace, frontier, rows)]


def snapshot(trace: Trace, frontier: Array) -> Snapshot:
    """Return every process as it is along a cut."""
    there = np.flatnonzero(frontier)
    row = np.full(trace.processes, NOWHERE, np.int64)
    row[there] = ends_of(trace, frontier)[there] - 1
    held = []
    for column in (trace.columns.clock, trace.columns.queue):
        values = np.full(trace.processes, MISSING, np.int64)
        if column is not None:
            values[there] = column[row[there]]
        held.append(values)
    return Snapshot(np.array(frontier, np.int64), row, *held)


def containing(order: HappenedBefore, row: int) -> Array:
    """Return the smallest consistent cut that contains an event: it and its past."""
    frontier = order.past(row)
    process = order.trace.process_of(row)
    frontier[process] = max(frontier[process], row - order.trace.starts[process] + 1)
    return frontier


def before(order: HappenedBefore, row: int) -> Array:
    """Return the largest consistent cut that an event is not in: all but it and its future."""
    frontier: Array = order.future(row) - order.trace.starts[:-1]
    process = order.trace.process_of(row)
    frontier[process] = min(frontier[process], row - order.trace.starts[process])
    return frontier


def by_time(trace: Trace, at_ns: int) -> Array:
    """Return the cut at an instant: of each process what comes before its first later event.

    `at_ns`: real nanoseconds after the start, at which an event began (when it
    was due and how much later it was); where the log does not say when it was
    due, nanoseconds of the machine's own time after the earliest event of the
    log. An event without a time is taken with the one after it. Raises
    NoSuchCutError where there are no times.
    """
    of = trace.columns
    if of.due_ns is not None:
        return _up_to(trace, at_ns, of.due_ns, of.late_ns)
    if of.time_ns is None:
        raise NoSuchCutError("the log has no times; cut by clock or by numbers of events")
    known = of.time_ns[of.time_ns != MISSING]
    return _up_to(trace, at_ns + (int(known.min()) if len(known) else 0), of.time_ns)


def by_clock(trace: Trace, clock: int) -> Array:
    """Return the cut of the events whose Lamport clock is no greater, up to the first that is.

    It is consistent wherever the clock condition holds. Raises NoSuchCutError
    where the log has no Lamport clocks.
    """
    if trace.columns.clock is None:
        raise NoSuchCutError("the log has no Lamport clocks; cut by time or by numbers of events")
    return _up_to(trace, clock, trace.columns.clock)


def _up_to(trace: Trace, limit: int, column: Array, more: Array = None) -> Array:
    """Return how many events of each process come before the first beyond the limit."""
    beyond = column > limit if more is None else column + np.where(more == MISSING, 0, more) > limit
    beyond &= column != MISSING
    rows = np.append(np.flatnonzero(beyond), len(trace))
    first = rows[np.searchsorted(rows, trace.starts[:-1])]
    frontier: Array = np.minimum(first, trace.starts[1:]) - trace.starts[:-1]
    return frontier


def by_counts(trace: Trace, counts: Sequence[int] | Array) -> Array:
    """Return the cut with so many events of each process. Raises NoSuchCutError."""
    frontier = np.array(counts, np.int64)
    most = trace.starts[1:] - trace.starts[:-1]
    for process in np.flatnonzero((frontier < 0) | (frontier > most))[:1].tolist():
        name, given = trace.names[process], frontier[process]
        raise NoSuchCutError(f"{name} has {most[process]} events: {given} cannot be inside")
    return frontier
