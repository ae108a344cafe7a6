"""Causal paths: chains of events of which each happened before the next, and cycles.

The events that one event happened before are, in each process, all events from
some first row on: its *reach*. Without any message the reach is the rest of the
event's own process; each further message adds what was received from an event
in the reach so far. A path with the fewest messages enters each process at most
once, so there are at most as many rounds as processes, even where the history
has a cycle. This is the shortest-path algorithm of Bellman (1958) and Ford
(1956) with one round for each message.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from driftlab.arrays import IntArray
from driftlab.history.matching.messages import Messages
from driftlab.history.trace import Trace, processes_of


class MessageLinks(NamedTuple):
    """Messages as pairs of rows, with the processes of both: four arrays i8 of one length."""

    sent: IntArray
    received: IntArray
    sender: IntArray
    receiver: IntArray


def links_received_in(
    trace: Trace, messages: Messages, begins: IntArray, ends: IntArray
) -> MessageLinks:
    """Return the messages received in the rows `begins[p]` to `ends[p]` of each process p."""
    parts = [
        messages_received_in(messages, begin, end)
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
        if begin < end
    ]
    received = np.concatenate([rows for rows, _ in parts]) if parts else np.zeros(0, np.int64)
    sent = np.concatenate([rows for _, rows in parts]) if parts else received
    return MessageLinks(sent, received, processes_of(trace, sent), processes_of(trace, received))


def messages_received_in(messages: Messages, begin: int, end: int) -> tuple[IntArray, IntArray]:
    """Return the rows from `begin` to `end` that received a message, and the rows of its send.

    A row that received several messages stands once for each. Messages whose
    send is not in the trace are left out.
    """
    source = messages.source[begin:end]
    matched = np.flatnonzero(source >= 0)
    received, sent = matched + begin, source[matched]
    if len(messages.extra_receives):
        low, high = np.searchsorted(messages.extra_receives, (begin, end))
        extra = np.flatnonzero(messages.extra_sends[low:high] >= 0) + low
        received = np.concatenate([received, messages.extra_receives[extra]])
        sent = np.concatenate([sent, messages.extra_sends[extra]])
    return received, sent


def reach_by_rounds(
    trace: Trace, row: int, links: MessageLinks, reach: IntArray
) -> Iterator[IntArray]:
    """Yield the reach of an event with 0, 1, 2 … messages, until another adds nothing.

    reach: the reach without a message, i8: the first row of each process, or the
    row after its last where no event is reached.
    """
    while True:
        yield reach
        extended = reach.copy()
        carries_on = links.sent >= departure_rows(trace, row, reach)[links.sender]
        np.minimum.at(extended, links.receiver[carries_on], links.received[carries_on])
        if np.array_equal(extended, reach):
            return
        reach = extended


def departure_rows(trace: Trace, row: int, reach: IntArray) -> IntArray:
    """Return the first row of each process whose messages extend the reach of `row`.

    They are the rows of the reach, and `row` itself, which is not in its own reach.
    """
    first = reach.copy()
    process = trace.process_of(row)
    first[process] = min(int(first[process]), row)
    return first


def shortest_chain(
    trace: Trace, messages: Messages, first: int, last: int, begins: IntArray, ends: IntArray
) -> list[int]:
    """Return a causal path with the fewest messages from one row to another, or [].

    The path holds both rows and, between them, each send and its receive; an
    event that is two of these stands once. If `first` is `last`, it is a cycle.

    begins, ends: only messages received in the rows `begins[p]` to `ends[p]` of
    each process p are used.
    """
    links = links_received_in(trace, messages, begins, ends)
    destination = trace.process_of(last)
    without_message = trace.starts[1:].astype(np.int64)
    without_message[trace.process_of(first)] = first + 1
    reached: list[IntArray] = []
    for reach in reach_by_rounds(trace, first, links, without_message):
        reached.append(reach)
        if reach[destination] <= last:
            return _backtrack(trace, first, last, links, reached)
    return []


def _backtrack(
    trace: Trace, first: int, last: int, links: MessageLinks, reached: Sequence[IntArray]
) -> list[int]:
    """Follow the rounds backwards from the last row to the first; return the path forwards."""
    path, process = [last], trace.process_of(last)
    for before, after in zip(reached[-2::-1], reached[:0:-1], strict=True):
        received = int(after[process])  # one message fewer did not reach the process as early
        candidates = np.flatnonzero(links.received == received)
        departures = departure_rows(trace, first, before)[links.sender[candidates]]
        link = candidates[links.sent[candidates] >= departures][0]
        path += [received, int(links.sent[link])]
        process = int(links.sender[link])
    return _without_repeats([*path, first])[::-1]


def _without_repeats(path: Sequence[int]) -> list[int]:
    """Name an event once where it stands twice in a row; keep both ends of a cycle of one event."""
    kept = [path[0]]
    kept += [row for before, row in pairwise(path) if row != before]
    return kept if len(kept) > 1 else list(path[:2])


def shortest_cycle(trace: Trace, messages: Messages, rows: IntArray) -> list[int]:
    """Return a causal path with the fewest messages from one of `rows` back to itself, or []."""
    begins, ends = trace.starts[:-1], trace.starts[1:]
    cycles = [shortest_chain(trace, messages, row, row, begins, ends) for row in rows.tolist()]
    return min(filter(None, cycles), key=lambda cycle: _messages_in(trace, cycle), default=[])


def _messages_in(trace: Trace, path: Sequence[int]) -> int:
    """Count the steps of a path that are messages: those that do not go on in one process."""
    process = processes_of(trace, np.array(path)).tolist()
    steps = zip(pairwise(path), pairwise(process), strict=True)
    return sum(rows[0] >= rows[1] or here != there for rows, (here, there) in steps)
