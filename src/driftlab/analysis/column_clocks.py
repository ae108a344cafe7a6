"""The clocks' rules over whole columns: the same that `clocks/` states, for millions of events.

The rules are those of `driftlab.clocks.lamport`, `hybrid` and `vector`, and
must give what those clocks give (the tests say so). One thing is added that
the clocks of a running machine never meet: an event that received several
messages is one event, later than all of them. A matrix clock needs no loop:
row j of an event's timestamp is the vector time of the last event of process
j in its past, and that event's number is entry j of the event's own.
"""

from typing import NamedTuple

import numpy as np

from driftlab.history.happened_before import HappenedBefore
from driftlab.history.matching.messages import Messages
from driftlab.history.trace import Trace
from driftlab.history.vector_times import vectors
from driftlab.jit import Loop
from driftlab.model.columns import Array


class Sources(NamedTuple):
    """The sends of all messages that events received: row i's are rows[starts[i]:starts[i + 1]].

    Only those that are in the trace; an event that received none has none.
    """

    starts: Array
    rows: Array


def sources_of(messages: Messages) -> Sources:
    """Return the sends of the messages that each event received."""
    to = messages.receives
    rows = messages.source[to]
    if len(messages.extra_receives):
        to = np.concatenate([to, messages.extra_receives])
        order = np.argsort(to, kind="stable")
        to, rows = to[order], np.concatenate([rows, messages.extra_sends])[order]
    starts = np.zeros(len(messages.source) + 1, np.int64)
    np.cumsum(np.bincount(to, minlength=len(messages.source)), out=starts[1:])
    return Sources(starts, rows)


class CausalOrder(NamedTuple):
    """What every clock follows from: a causal order, first events, and the messages' sends.

    order i8: all rows. first u1: whether the row is its process's first.
    """

    trace: Trace
    messages: Messages
    order: Array
    first: Array
    sources: Sources


def causal_order(trace: Trace, messages: Messages) -> CausalOrder:
    """Return what the clocks need of a history. Raises CycleError."""
    sources = sources_of(messages)
    first = np.zeros(len(trace), np.uint8)
    first[trace.starts[:-1][trace.starts[:-1] < trace.starts[1:]]] = 1
    return CausalOrder(
        trace, messages, HappenedBefore(trace, messages).causal_order(), first, sources
    )


def lamport_clocks(of: CausalOrder, heard: Array) -> Array:
    """Return the Lamport clock of every event, i8.

    heard i8: of each event a number that it exceeds, whatever came before; 0 for none.
    """
    clock = np.zeros(len(of.order), np.int64)
    _lamport(len(of.order), (of.order, of.first, *of.sources, heard), (clock,))
    return clock


@Loop
def _lamport(order, first, got, sources, heard, clock):  # type: ignore[no-untyped-def]  # a loop over arrays: numba finds their types
    """Give every event one more than the latest of what came before it."""
    for row in order:
        latest = heard[row]
        if not first[row] and clock[row - 1] > latest:
            latest = clock[row - 1]
        for place in range(got[row], got[row + 1]):
            stamp = clock[sources[place]]
            if stamp > latest:
                latest = stamp
        clock[row] = latest + 1


def hybrid_clocks(of: CausalOrder, now_ns: Array) -> tuple[Array, Array]:
    """Return the physical part and the counter of every event's hybrid clock, i8 both."""
    physical, logical = np.zeros((2, len(of.order)), np.int64)
    _hybrid(len(of.order), (of.order, of.first, *of.sources, now_ns), (physical, logical))
    return physical, logical


@Loop
def _hybrid(order, first, got, sources, now_ns, physical, logical):  # type: ignore[no-untyped-def]  # a loop over arrays: numba finds their types
    """Follow physical time where it is ahead of all that came before, and count where not."""
    for row in order:
        is_first = first[row] and got[row] == got[row + 1]
        high, count = 0, 0
        if not first[row]:
            high, count = physical[row - 1], logical[row - 1]
        elif not is_first:
            send = sources[got[row]]
            high, count = physical[send], logical[send]
        for place in range(got[row], got[row + 1]):
            send = sources[place]
            if physical[send] > high or (physical[send] == high and logical[send] > count):
                high, count = physical[send], logical[send]
        if is_first or now_ns[row] > high:
            physical[row] = now_ns[row]
            logical[row] = 0
        else:
            physical[row] = high
            logical[row] = count + 1


def vector_clocks(of: CausalOrder) -> Array:
    """Return the vector clock of every event: i4, a row an event, an entry a process."""
    return vectors(of.trace, of.messages)


def latest_known(trace: Trace, vectors: Array, process: int) -> Array:
    """Return the row of the last event of a process in each event's past, -1 where none, i8."""
    known = vectors[:, process].astype(np.int64)
    return np.where(known > 0, trace.starts[process] + known - 1, -1)


def matrix_clocks(trace: Trace, vectors: Array) -> Array:
    """Return the matrix clock of every event: i4, its rows one after the other."""
    rows, width = vectors.shape
    matrices = np.zeros((rows, width, width), np.int32)
    for process in range(width):
        last = latest_known(trace, vectors, process)
        known = last >= 0
        matrices[known, process] = vectors[last[known]]
    return matrices.reshape(rows, width * width)
