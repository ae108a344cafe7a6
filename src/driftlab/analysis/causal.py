"""An order of the events in which they may have happened, from happened-before alone.

Each process is run until it stands at a receive whose send has not been taken,
and goes on when that has been: every event and every message is looked at
once, so the time is linear. If events are left over, each of the processes
waits for another: the history has a cycle, and nothing can have happened so.

Of events that are concurrent the order says nothing: it is one of many.
"""

from typing import Final, NamedTuple

import numpy as np

from driftlab.analysis.messages import Messages
from driftlab.errors import DriftlabError
from driftlab.loops import Loop
from driftlab.trace.trace import Array, Trace

_NOBODY: Final = -1  # waits for the event
_TAKEN: Final = -2
CYCLE_SHOWN_MAX: Final = 6  # receives in the message of an error


class CycleError(DriftlabError):
    """A history in which events happened before themselves.

    `rows` are receives of the cycle, each before the send of the message that
    the next one received.
    """

    def __init__(self, message: str, rows: list[int]) -> None:
        super().__init__(message)
        self.rows = rows


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
    if len(messages.more_to):
        to = np.concatenate([to, messages.more_to])
        order = np.argsort(to, kind="stable")
        to, rows = to[order], np.concatenate([rows, messages.more_from])[order]
    starts = np.zeros(len(messages.source) + 1, np.int64)
    np.cumsum(np.bincount(to, minlength=len(messages.source)), out=starts[1:])
    return Sources(starts, rows)


def causal_order(trace: Trace, sources: Sources) -> Array:
    """Return all rows, each after those that happened before it. Raises CycleError."""
    rows, processes = len(trace), trace.processes
    order = np.zeros(rows, np.int64)
    at = trace.starts[:-1].astype(np.int64)
    waiting = np.full(rows, _NOBODY, np.int32)
    places = np.arange(processes, dtype=np.int64)
    ready, behind = places[::-1].copy(), np.full(processes, _NOBODY, np.int64)
    looked = sources.starts[at]
    taken = _take(
        rows,
        (trace.starts, sources.starts, sources.rows),
        (order, at, looked, waiting, behind, ready),
    )
    if taken < rows:
        raise _cycle(trace, sources, at, waiting)
    return order


@Loop
def _take(starts, got, sources, order, at, looked, waiting, behind, ready):  # type: ignore[no-untyped-def]
    """Take all events that can be taken and return how many.

    at: each process's next row. looked: which of that row's sources is looked
    at next. waiting: of each row the process that waits for it, behind: of each
    process the next that waits for the same row. ready: a stack of processes.
    """
    taken, top = 0, len(ready)
    while top > 0:
        top -= 1
        process = ready[top]
        row = at[process]
        end = starts[process + 1]
        is_free = True
        while is_free and row < end:
            place = looked[process]
            while place < got[row + 1] and waiting[sources[place]] == _TAKEN:
                place += 1
            looked[process] = place
            if place < got[row + 1]:
                send = sources[place]
                behind[process] = waiting[send]
                waiting[send] = process
                is_free = False
            else:
                order[taken] = row
                taken += 1
                waiter = waiting[row]
                waiting[row] = _TAKEN
                while waiter >= 0:
                    ready[top] = waiter
                    top += 1
                    waiter = behind[waiter]
                row += 1
        at[process] = row
    return taken


def _cycle(trace: Trace, sources: Sources, at: Array, waiting: Array) -> CycleError:
    """Walk from one blocked receive to the next until one comes again."""
    blocked = np.flatnonzero(at < trace.starts[1:])
    process, receives, sends = int(blocked[0]), dict[int, int](), list[int]()
    while process not in receives:
        row = int(at[process])
        receives[process] = row
        found = sources.rows[sources.starts[row] : sources.starts[row + 1]]
        sends.append(int(found[waiting[found] != _TAKEN][0]))
        process = trace.process_of(sends[-1])
    first = list(receives).index(process)
    rows, sends = list(receives.values())[first:], sends[first:]
    shown = [
        f"{_named(trace, row)} received what {_named(trace, send)} sent"
        for row, send in zip(rows, sends, strict=True)
    ]
    more = f", and {len(shown) - CYCLE_SHOWN_MAX} more" if len(shown) > CYCLE_SHOWN_MAX else ""
    return CycleError(
        "events of this history happened before themselves, so no clock can order it: "
        + ", ".join(shown[:CYCLE_SHOWN_MAX])
        + more,
        rows,
    )


def _named(trace: Trace, row: int) -> str:
    """Name an event by its process, its number there and, where it is known, its line."""
    name, index = trace.place(row)
    _, line = trace.source_of(row)
    return f"{name}'s event {index}" + ("" if line is None else f" (line {line})")
