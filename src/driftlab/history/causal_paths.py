"""Chains of events, each before the next: the shortest between two, and cycles.

What one event can have caused is, in every process, all events from some first
one on. With no message these are the events after it in its own process; with
one message more, whatever was received that was sent in what was reached
before. A chain with the fewest messages passes through a process once at most,
so there are never more rounds than processes (Bellman 1958, Ford 1956), also
where the history goes in a circle.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from driftlab.history.matching.messages import Messages
from driftlab.history.trace import Trace
from driftlab.model.columns import Array


class Links(NamedTuple):
    """Messages as pairs of rows, and the processes of both: four arrays i8 of one length."""

    sent: Array
    received: Array
    sender: Array
    receiver: Array


def processes_of(trace: Trace, rows: Array) -> Array:
    """Return the positions of the processes whose events these rows are, i8."""
    return np.searchsorted(trace.starts, rows, side="right") - 1


def links(trace: Trace, messages: Messages, begins: Array, ends: Array) -> Links:
    """Return the messages received in the rows `begins[p]` to `ends[p]` of every process p."""
    pieces = [
        received(messages, begin, end)
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
        if begin < end
    ]
    to = np.concatenate([to for to, _ in pieces]) if pieces else np.zeros(0, np.int64)
    sent = np.concatenate([sent for _, sent in pieces]) if pieces else to
    return Links(sent, to, processes_of(trace, sent), processes_of(trace, to))


def received(messages: Messages, begin: int, end: int) -> tuple[Array, Array]:
    """Return the rows from `begin` to `end` that received messages, and those they came from."""
    part = messages.source[begin:end]
    there = np.flatnonzero(part >= 0)
    to, sent = there + begin, part[there]
    if len(messages.extra_receives):
        low, high = np.searchsorted(messages.extra_receives, (begin, end))
        known = np.flatnonzero(messages.extra_sends[low:high] >= 0) + low
        to = np.concatenate([to, messages.extra_receives[known]])
        sent = np.concatenate([sent, messages.extra_sends[known]])
    return to, sent


def rounds(trace: Trace, row: int, known: Links, reach: Array) -> Iterator[Array]:
    """Give the first row of every process that `row` can have caused, with ever more messages.

    `reach`: what is known before the first round, one past the process where
    nothing is; it is given first. In each round one more message may be taken.
    """
    while True:
        yield reach
        found = reach.copy()
        fit = known.sent >= reaching_rows(trace, row, reach)[known.sender]
        np.minimum.at(found, known.receiver[fit], known.received[fit])
        if np.array_equal(found, reach):
            return
        reach = found


def reaching_rows(trace: Trace, row: int, reach: Array) -> Array:
    """Return of each process the first row whose messages carry on: `row` itself is one, too."""
    first = reach.copy()
    mine = trace.process_of(row)
    first[mine] = min(int(first[mine]), row)
    return first


def shortest_chain(
    trace: Trace, messages: Messages, first: int, last: int, begins: Array, ends: Array
) -> list[int]:
    """Return a chain from one row to another with the fewest messages, empty if there is none.

    Both rows, and between them each send and its receive; an event that is two
    of these stands once. Only messages received in the rows `begins[p]` to
    `ends[p]` of each process p are looked at.
    """
    known = links(trace, messages, begins, ends)
    aim = trace.process_of(last)
    start = trace.starts[1:].astype(np.int64)
    start[trace.process_of(first)] = first + 1
    reached: list[Array] = []
    for reach in rounds(trace, first, known, start):
        reached.append(reach)
        if reach[aim] <= last:
            return _traced(trace, first, last, known, reached)
    return []


def _traced(
    trace: Trace, first: int, last: int, known: Links, reached: Sequence[Array]
) -> list[int]:
    """Go back, round by round, from the last row to the first."""
    chain, process = [last], trace.process_of(last)
    for before, after in zip(reached[-2::-1], reached[:0:-1], strict=True):
        to = int(after[process])  # with one message less it was not reached so early
        here = np.flatnonzero(known.received == to)
        fit = known.sent[here] >= reaching_rows(trace, first, before)[known.sender[here]]
        place = here[fit][0]
        chain += [to, int(known.sent[place])]
        process = int(known.sender[place])
    return _once([*chain, first])[::-1]


def _once(chain: Sequence[int]) -> list[int]:
    """Leave out an event that stands twice running, but of an event's chain to itself keep both."""
    kept = [chain[0]]
    kept += [row for before, row in pairwise(chain) if row != before]
    return kept if len(kept) > 1 else list(chain[:2])


def shortest_cycle(trace: Trace, messages: Messages, rows: Array) -> list[int]:
    """Return the chain with the fewest messages from one of `rows` back to itself."""
    every = trace.starts[:-1], trace.starts[1:]
    found = [shortest_chain(trace, messages, row, row, *every) for row in rows.tolist()]
    return min(filter(None, found), key=lambda chain: _messages_in(trace, chain), default=[])


def _messages_in(trace: Trace, chain: Sequence[int]) -> int:
    """Count the steps of a chain that do not lead on in a process."""
    process = processes_of(trace, np.array(chain)).tolist()
    steps = zip(pairwise(chain), pairwise(process), strict=True)
    return sum(rows[0] >= rows[1] or here != there for rows, (here, there) in steps)
