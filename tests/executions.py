"""Random executions as traces, with everything that a log could say of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from driftlab.history.matching.match import match
from driftlab.history.trace import Trace
from driftlab.model.columns import (
    EVERY_PEER,
    INTERNAL,
    KINDS,
    MISSING,
    NO_TARGET,
    NOBODY,
    RECEIVE,
    SEND,
    SET_FIRST,
    Columns,
    from_rows,
)

NAMES = ("A", "B", "host-3", "4")
Edge = tuple[tuple[str, int], tuple[str, int]]


class Event:
    """One event as it happens, before all are put into columns."""

    def __init__(self, kind: int, clock: int, vector: Sequence[int], tick: int) -> None:
        self.kind, self.clock, self.vector, self.tick = kind, clock, list(vector), tick
        self.sender, self.stamp = NOBODY, MISSING
        self.targets: tuple[int, ...] = ()


@st.composite
def executions(draw: st.DrawFn, texts: st.SearchStrategy[str | None] | None = None) -> Trace:
    """Draw a run of up to four processes of up to thirty events, with right clocks."""
    count = draw(st.integers(1, len(NAMES)))
    steps = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, 5)), max_size=30))
    words = st.lists(texts, min_size=len(steps), max_size=len(steps)) if texts is not None else None
    reported: dict[str, list[str | None]] = {} if words is None else {"event": draw(words)}
    begin = draw(st.integers(-(10**9), 2 * 10**18))
    return trace_of_steps(count, steps, reported, begin)


def trace_of_steps(
    count: int, steps: Sequence[tuple[int, int]], texts: dict[str, list[str | None]], begin: int
) -> Trace:
    """Return the run of certain steps, each a process and a face of its die."""
    return _trace(count, _run(count, steps), texts, begin)


def _run(count: int, steps: Sequence[tuple[int, int]]) -> list[list[Event]]:
    """Take the steps: a process receives what waits for it, or what a die says."""
    own: list[list[Event]] = [[] for _ in range(count)]
    vectors = [[0] * count for _ in range(count)]
    clocks = [0] * count
    waiting: list[list[tuple[int, Event]]] = [[] for _ in range(count)]
    for place, face in steps:
        vectors[place][place] += 1
        if face == 0 and waiting[place]:
            sender, sent = waiting[place].pop(0)
            clocks[place] = max(clocks[place], sent.clock) + 1
            vectors[place] = list(map(max, vectors[place], sent.vector))
            event = Event(RECEIVE, clocks[place], vectors[place], len(own[place]))
            event.sender, event.stamp = sender, sent.clock
        else:
            clocks[place] += 1
            to = _targets(place, face, count)
            event = Event(SEND if to else INTERNAL, clocks[place], vectors[place], len(own[place]))
            event.targets = to
            for one in to:
                waiting[one].append((place, event))
        own[place].append(event)
    return own


def _targets(place: int, face: int, count: int) -> tuple[int, ...]:
    others = [one for one in range(count) if one != place]
    if face < 2 or not others:
        return ()
    if face == 5:
        return tuple(others)
    return (others[face % len(others)],) if face < 4 else tuple(others[:2])


def _trace(
    count: int, own: Sequence[Sequence[Event]], texts: dict[str, list[str | None]], begin: int
) -> Trace:
    flat = [event for events in own for event in events]
    starts = np.zeros(count + 1, np.int64)
    np.cumsum([len(events) for events in own], out=starts[1:])
    sets: dict[tuple[int, ...], int] = {}

    def target(event: Event) -> int:
        if len(event.targets) < 2:
            return event.targets[0] if event.targets else NO_TARGET
        if len(event.targets) == count - 1:
            return EVERY_PEER
        return SET_FIRST - sets.setdefault(event.targets, len(sets))

    def column(values: Sequence[int], kind: Any = np.int64) -> Any:
        return np.array(values, kind)

    columns = Columns(
        kind=column([e.kind for e in flat], np.uint8),
        clock=column([e.clock for e in flat]),
        sender=column([e.sender for e in flat], np.int32),
        stamp=column([e.stamp for e in flat]),
        target=column([target(e) for e in flat], np.int32),
        queue=column([e.clock % 3 for e in flat]),
        tick=column([e.tick for e in flat]),
        time_ns=column([begin + 1_000_003 * e.tick for e in flat]),
        line=column(list(range(1, len(flat) + 1))),
    )
    rows = [{place: number for place, number in enumerate(e.vector) if number} for e in flat]
    stamps = from_rows("vector", rows)
    return Trace(
        NAMES[:count], starts, columns, sets=list(sets), timestamps=stamps, texts=texts,
        files=["x"] * count,
    )  # fmt: skip


def only_vectors(trace: Trace) -> Trace:
    """Return what a log of vector clocks says of a trace."""
    bare = Columns(np.full(len(trace), 3, np.uint8))
    return Trace(trace.names, trace.starts, bare, timestamps=trace.timestamps)


def edges_of(trace: Trace) -> set[Edge]:
    """Return the messages of a trace, each end as the process's name and the event's number."""
    messages = match(trace)
    pairs = [(int(messages.source[row]), int(row)) for row in messages.receives]
    pairs += list(zip(messages.extra_sends.tolist(), messages.extra_receives.tolist(), strict=True))
    return {(trace.place(source), trace.place(row)) for source, row in pairs}


def told_of(trace: Trace, keys: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return each process's events with what `keys` name, in words that no position is in."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in range(len(trace)):
        found.setdefault(trace.names[trace.process_of(row)], []).append(
            {key: _value(trace, row, key) for key in keys}
        )
    return found


def _value(trace: Trace, row: int, key: str) -> Any:
    of = trace.columns
    if key == "kind":
        return KINDS[of.kind[row]]
    if key == "vector":
        held = trace.timestamps
        assert held is not None
        begin, end = held.starts[row], held.starts[row + 1]
        pairs = zip(held.entries[begin:end].tolist(), held.values[begin:end].tolist(), strict=True)
        return {trace.names[entry]: number for entry, number in pairs if number}
    if key == "sender":
        return None if of.sender is None or of.sender[row] < 0 else trace.names[of.sender[row]]
    if key == "targets":
        return sorted(trace.names[one] for one in trace.targets_of(row))
    if key == "event":
        return (trace.texts["event"][row] or "") if "event" in trace.texts else ""
    column = getattr(of, key)
    return None if column is None or column[row] == MISSING else int(column[row])


def values(trace: Trace, column: str) -> list[int]:
    """Return a column that the log has."""
    found = getattr(trace.columns, column)
    assert found is not None, column
    listed: list[int] = found.tolist()
    return listed
