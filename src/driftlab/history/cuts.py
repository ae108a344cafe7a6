"""Cuts of a history: of each process its first events, up to a frontier.

A cut is given by its frontier, the number of events of each process inside it.
It is consistent if it contains the past of every event it contains, that is, if
no message is received inside and sent outside (Chandy and Lamport 1985): then
the run could have been in this global state. The consistent cuts form a lattice
under union and intersection (Mattern 1989), so there is a smallest one that
contains an event and a largest one that does not.

A message is in flight across a cut if it is sent inside and not received
inside. One that waits in an inbox counts, since its receive is yet to come. Of
an event with several targets each copy counts by itself. A lost message stays
in flight: a log cannot tell the two apart.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.errors import DriftlabError
from driftlab.history.causal_paths import MessageLinks, links_received_in
from driftlab.history.happened_before import HappenedBefore
from driftlab.history.matching.messages import Messages
from driftlab.history.trace import Trace, processes_of
from driftlab.model.columns import MISSING, NO_TARGET, SEND

COPIES_MAX: Final = 64_000_000  # of events with several targets, tabulated at once
# In `receive`: no event of the trace received it. In `target`: the log does not name it.
NOWHERE: Final = -1


class NoSuchCutError(DriftlabError):
    """The history has no such cut."""


class InFlight(NamedTuple):
    """Messages in flight, a row each, in the order of their sends and then of their targets.

    send i8: the row of the send. target i8: the process it was sent to, NOWHERE
    where the log does not name it. receive i8: the row of the receive outside, or NOWHERE.
    """

    send: IntArray
    target: IntArray
    receive: IntArray


class Snapshot(NamedTuple):
    """The state of each process along a cut, as its last event inside recorded it.

    events i8: how many are inside. row i8: the last of them, NOWHERE where there
    is none. clock, queue i8: after that event; MISSING where there is none or the
    log does not say.
    """

    events: IntArray
    row: IntArray
    clock: IntArray
    queue: IntArray


def end_rows(trace: Trace, frontier: IntArray) -> IntArray:
    """Return the first row of each process outside a cut.

    frontier: how many first events of each process are inside, i8.
    """
    ends: IntArray = trace.starts[:-1] + frontier
    return ends


def contains_rows(trace: Trace, frontier: IntArray, rows: IntArray) -> BoolArray:
    """Whether each of some rows is inside a cut.

    frontier: how many first events of each process are inside, i8.
    """
    inside: BoolArray = rows < end_rows(trace, frontier)[processes_of(trace, rows)]
    return inside


def received_inside(trace: Trace, messages: Messages, frontier: IntArray) -> MessageLinks:
    """Return the messages that were received inside a cut, wherever they were sent.

    messages: those of the trace. frontier: how many first events of each process are inside, i8.
    """
    return links_received_in(trace, messages, trace.starts[:-1], end_rows(trace, frontier))


def violations(trace: Trace, messages: Messages, frontier: IntArray) -> MessageLinks:
    """Return the messages received inside and sent outside, which make a cut inconsistent.

    messages: those of the trace. frontier: how many first events of each process are inside, i8.
    """
    received = received_inside(trace, messages, frontier)
    return _select(received, ~contains_rows(trace, frontier, received.sent))


def is_consistent(trace: Trace, messages: Messages, frontier: IntArray) -> bool:
    """Whether a cut contains the past of every event it contains.

    messages: those of the trace. frontier: how many first events of each process are inside, i8.
    """
    return not len(violations(trace, messages, frontier).sent)


def _select(links: MessageLinks, mask: BoolArray) -> MessageLinks:
    return MessageLinks(*(column[mask] for column in links))


def in_flight(trace: Trace, messages: Messages, frontier: IntArray) -> InFlight:
    """Return the copies of messages sent inside a cut and not received inside it.

    A copy that several events received is in flight if none of them is inside;
    `receive` then names the first. A message received from an event that the log
    does not name as its sender, or by a process that is not one of its targets,
    counts as well.

    messages: those of the trace. frontier: how many first events of each process are inside, i8.
    """
    inside = received_inside(trace, messages, frontier)
    outside = links_received_in(trace, messages, end_rows(trace, frontier), trace.starts[1:])
    outside = _select(outside, contains_rows(trace, frontier, outside.sent))
    width = trace.processes + 1  # one more, for a target that is not named
    received_later = _copy_keys(outside.sent, outside.receiver, width)
    copies = np.union1d(
        _not_received(trace, frontier, inside, outside, width),
        np.setdiff1d(received_later, _received_twice(trace, inside, outside, width)),
    )
    backwards = np.argsort(outside.received)[::-1]  # so that the first receive is written last
    is_open = np.isin(received_later[backwards], copies)
    receive = np.full(len(copies), NOWHERE, np.int64)
    place = np.searchsorted(copies, received_later[backwards][is_open])
    receive[place] = outside.received[backwards][is_open]
    return InFlight(copies // width, copies % width - 1, receive)


def _copy_keys(sent: IntArray, target: IntArray | int, width: int) -> IntArray:
    """Number copies of messages in the order of their sends and then of their targets."""
    keys: IntArray = sent * width + target + 1
    return keys


def _received_twice(
    trace: Trace, inside: MessageLinks, outside: MessageLinks, width: int
) -> IntArray:
    """Return the copies received inside, of sends that were received outside as well."""
    has_outside = np.zeros(len(trace), bool)
    has_outside[outside.sent] = True
    both = has_outside[inside.sent]
    return _copy_keys(inside.sent[both], inside.receiver[both], width)


def _not_received(
    trace: Trace, frontier: IntArray, inside: MessageLinks, outside: MessageLinks, width: int
) -> IntArray:
    """Return the copies that the log says were sent inside, less those received inside.

    Where it names no targets, a send that nobody received has one copy, to NOWHERE.
    """
    target = trace.columns.target
    is_received = np.zeros(len(trace), bool)
    if target is None:
        is_received[inside.sent] = is_received[outside.sent] = True
        sends = _rows_inside(trace, frontier, (trace.columns.kind == SEND) & ~is_received)
        return _copy_keys(sends, NOWHERE, width)
    to = target[inside.sent]
    is_received[inside.sent[to == inside.receiver]] = True
    single = _rows_inside(trace, frontier, (target >= 0) & ~is_received)
    several = _rows_inside(trace, frontier, (target < 0) & (target != NO_TARGET))
    of_several = (to < 0) & (to != NO_TARGET) & contains_rows(trace, frontier, inside.sent)
    received = _select(inside, of_several)
    keys = [_copy_keys(single, target[single], width)]
    for begin in range(0, len(several), step := max(1, COPIES_MAX // width)):
        keys.append(_not_received_of(trace, several[begin : begin + step], received, width))
    return np.concatenate(keys)


def _not_received_of(trace: Trace, rows: IntArray, received: MessageLinks, width: int) -> IntArray:
    """Return the copies of some events with several targets, less those that were received."""
    is_open = _target_table(trace, rows)
    mine = (received.sent >= rows[0]) & (received.sent <= rows[-1])
    is_open[np.searchsorted(rows, received.sent[mine]), received.receiver[mine]] = False
    place, target = np.nonzero(is_open)
    return _copy_keys(rows[place], target, width)


def _target_table(trace: Trace, rows: IntArray) -> BoolArray:
    """Return whether each of some events, a row each, sent to each process, a column each."""
    assert trace.columns.target is not None
    table = np.zeros((len(rows), trace.processes), bool)
    # Events of one process with one target code have the same targets.
    codes = processes_of(trace, rows) * (len(trace.sets) + 3) - trace.columns.target[rows]
    _, first, alike = np.unique(codes, return_index=True, return_inverse=True)
    for number, row in enumerate(rows[first].tolist()):
        table[np.ix_(alike == number, trace.targets_of(row))] = True
    return table


def _rows_inside(trace: Trace, frontier: IntArray, mask: BoolArray) -> IntArray:
    """Return the rows of a mask that are inside a cut."""
    rows = np.flatnonzero(mask)
    return rows[contains_rows(trace, frontier, rows)]


def snapshot(trace: Trace, frontier: IntArray) -> Snapshot:
    """Return the state of each process along a cut.

    frontier: how many first events of each process are inside, i8.
    """
    begun = np.flatnonzero(frontier)
    row = np.full(trace.processes, NOWHERE, np.int64)
    row[begun] = end_rows(trace, frontier)[begun] - 1
    clock, queue = (_at_rows(column, row) for column in (trace.columns.clock, trace.columns.queue))
    return Snapshot(np.array(frontier, np.int64), row, clock, queue)


def _at_rows(column: IntArray | None, row: IntArray) -> IntArray:
    """Return the values of a column at some rows, MISSING where a row is NOWHERE."""
    values = np.full(len(row), MISSING, np.int64)
    if column is not None:
        known = row != NOWHERE
        values[known] = column[row[known]]
    return values


def containing(order: HappenedBefore, row: int) -> IntArray:
    """Return the smallest consistent cut that contains an event: the event and its past.

    row: of the event. The cut is returned as its frontier, i8.
    """
    frontier = order.past(row)
    process = order.trace.process_of(row)
    frontier[process] = max(int(frontier[process]), row - int(order.trace.starts[process]) + 1)
    return frontier


def before(order: HappenedBefore, row: int) -> IntArray:
    """Return the largest consistent cut without an event: all but the event and its future.

    row: of the event. The cut is returned as its frontier, i8.
    """
    frontier: IntArray = order.future(row) - order.trace.starts[:-1]
    process = order.trace.process_of(row)
    frontier[process] = min(int(frontier[process]), row - int(order.trace.starts[process]))
    return frontier


def by_time(trace: Trace, at_ns: int) -> IntArray:
    """Return the cut at an instant: the events of each process before its first later one.

    at_ns: nanoseconds of real time after the start. An event's time is when its
    tick began: its due time and how late it was. Where the log has no due times,
    it is the machine's own time, counted from the earliest event of the log. An
    event without a time goes with the one after it.

    Raise NoSuchCutError where the log has no times.
    """
    of = trace.columns
    if of.due_ns is not None:
        if of.late_ns is None:
            return _up_to(trace, of.due_ns, at_ns)
        began_ns = of.due_ns + np.where(of.late_ns == MISSING, 0, of.late_ns)
        return _up_to(trace, np.where(of.due_ns == MISSING, MISSING, began_ns), at_ns)
    if of.time_ns is None:
        raise NoSuchCutError(
            "the log has no times; cut by Lamport clock or by numbers of events instead"
        )
    known = of.time_ns[of.time_ns != MISSING]
    return _up_to(trace, of.time_ns, at_ns + (int(known.min()) if len(known) else 0))


def by_clock(trace: Trace, clock: int) -> IntArray:
    """Return the cut at a Lamport clock: the events of each process before its first greater one.

    It is consistent wherever the clock condition holds.

    Raise NoSuchCutError where the log has no Lamport clocks.
    """
    if trace.columns.clock is None:
        raise NoSuchCutError(
            "the log has no Lamport clocks; cut by time or by numbers of events instead"
        )
    return _up_to(trace, trace.columns.clock, clock)


def _up_to(trace: Trace, values: IntArray, limit: int) -> IntArray:
    """Return how many events of each process come before its first value beyond a limit."""
    beyond = np.flatnonzero((values > limit) & (values != MISSING))
    rows = np.append(beyond, len(trace))
    first = rows[np.searchsorted(rows, trace.starts[:-1])]
    frontier: IntArray = np.minimum(first, trace.starts[1:]) - trace.starts[:-1]
    return frontier


def by_counts(trace: Trace, counts: Sequence[int] | IntArray) -> IntArray:
    """Return the cut with so many events of each process.

    Raise NoSuchCutError if a process does not have as many.
    """
    frontier = np.array(counts, np.int64)
    most = trace.starts[1:] - trace.starts[:-1]
    for process in np.flatnonzero((frontier < 0) | (frontier > most))[:1].tolist():
        name, count = trace.names[process], frontier[process]
        raise NoSuchCutError(f"{name} has {most[process]} events: {count} cannot be inside")
    return frontier


def by_names(trace: Trace, counts: Mapping[str, int]) -> IntArray:
    """Return the cut with so many events of each named process, and none of the others.

    Raise NoSuchCutError if there is no such process or it does not have as many.
    """
    places = {name: place for place, name in enumerate(trace.names)}
    numbers = np.zeros(trace.processes, np.int64)
    for name, count in counts.items():
        if name not in places:
            raise NoSuchCutError(f"there is no process {name}")
        numbers[places[name]] = count
    return by_counts(trace, numbers)
