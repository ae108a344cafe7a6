"""The clock condition: if one event happened before another, its clock is smaller.

It holds of all pairs if it holds of every event and the one before it in its
process, and of every receive and its send: these are the steps of which every
chain is made (Lamport 1978). So one look at each event is enough.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.history.matching.messages import Messages
from driftlab.history.trace import Trace
from driftlab.jit import Loop
from driftlab.model.columns import MISSING, Array

BLOCK_ROWS: Final = 1_000_000  # looked at together: room for as many findings is held


class Unordered(NamedTuple):
    """Rows, rising, whose Lamport clock is not greater than that of an event just before them.

    by_program i8: not greater than the last one before it in its process (the
    last known: an event without a clock is passed over). by_message i8: than
    that of the send of a message that it received.
    """

    by_program: Array
    by_message: Array


def unordered(trace: Trace, messages: Messages) -> Unordered:
    """Return every event whose Lamport clock breaks the clock condition with a neighbour.

    Takes time linear in rows, and memory for BLOCK_ROWS findings beside those found.
    """
    clock = trace.columns.clock
    nothing = np.zeros(0, np.int64)
    if clock is None or not len(trace):
        return Unordered(nothing, nothing)
    starts, rows = trace.starts, len(trace)
    room = [np.empty(min(BLOCK_ROWS, rows), np.int64) for _ in range(2)]
    found: tuple[list[Array], list[Array]] = ([], [])
    known = MISSING
    for begin in range(0, rows, BLOCK_ROWS):
        end = min(begin + BLOCK_ROWS, rows)
        process = trace.process_of(begin)
        inputs = (clock, messages.source, starts, process, begin, end, known, MISSING)
        *counts, known = _unordered(rows, inputs, room)
        for kept, held, count in zip(found, room, counts, strict=True):
            kept.append(held[:count].copy())
    by_program, by_message = (np.concatenate(pieces) for pieces in found)
    return Unordered(by_program, _with_further(clock, messages, by_message))


@Loop
def _unordered(
    clock: Any,
    source: Any,
    starts: Any,
    process: Any,
    begin: Any,
    end: Any,
    known: Any,
    missing: Any,
    by_program: Any,
    by_message: Any,
) -> Any:
    """Look at the rows of one block. `known`: the last clock before it in its process."""
    programs = 0
    messages = 0
    row = begin
    while row < end:
        if row == starts[process]:
            known = missing
        until = min(end, starts[process + 1])
        process += 1
        while row < until:
            mine = clock[row]
            if mine != missing:
                if mine <= known:
                    by_program[programs] = row
                    programs += 1
                known = mine
                sent = source[row]
                if sent >= 0:
                    theirs = clock[sent]
                    if mine <= theirs:
                        by_message[messages] = row
                        messages += 1
            row += 1
    return programs, messages, known


def _with_further(clock: Array, messages: Messages, rows: Array) -> Array:
    """Add the rows that received further messages and whose clock is not greater than theirs."""
    if not len(messages.extra_receives):
        return rows
    known = messages.extra_sends >= 0
    to, sent = messages.extra_receives[known], messages.extra_sends[known]
    broken = (clock[to] <= clock[sent]) & (clock[to] != MISSING)
    return np.union1d(rows, to[broken])


def known_before(trace: Trace, row: int) -> int | None:
    """Return the row of the last event before one in its process that has a Lamport clock."""
    start, clock = int(trace.starts[trace.process_of(row)]), trace.columns.clock
    end, width = row, 1
    while end > start:  # mostly the one right before: look back in steps that grow
        begin = max(start, end - width)
        known = np.flatnonzero(clock[begin:end] != MISSING)
        if len(known):
            return begin + int(known[-1])
        end, width = begin, width * 2
    return None
