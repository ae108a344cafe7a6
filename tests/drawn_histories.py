"""Random histories in which events may receive several messages, and their traces."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from driftlab.arrays import IntArray
from driftlab.history.matching.messages import NOTHING, UNMATCHED, Messages
from driftlab.history.trace import Trace
from driftlab.model.columns import INTERNAL, NOBODY, RECEIVE, SEND, Columns

PROCESSES_MAX = 4
EVENTS_MAX = 20


class DrawnEvent(NamedTuple):
    """One event: its process, the events whose messages it received, its physical time."""

    process: int
    sources: tuple[int, ...]
    now_ns: int


class DrawnHistory(NamedTuple):
    """A history as it was drawn, and the same as a trace.

    events: in an order in which they may have happened; `row` of each its row in
    the trace, `past` the events that happened before it.
    """

    events: tuple[DrawnEvent, ...]
    row: tuple[int, ...]
    past: tuple[frozenset[int], ...]
    trace: Trace
    messages: Messages

    @property
    def processes(self) -> int:
        return self.trace.processes


@st.composite
def histories(draw: st.DrawFn, sources_max: int = 3) -> DrawnHistory:
    """Draw events that each receive up to `sources_max` messages of earlier events."""
    processes = draw(st.integers(1, PROCESSES_MAX))
    moves = draw(
        st.lists(
            st.tuples(
                st.integers(0, processes - 1),
                st.lists(st.integers(1, EVENTS_MAX), max_size=sources_max, unique=True),
                st.integers(-3, 3) | st.integers(-(2**40), 2**40),
            ),
            max_size=EVENTS_MAX,
        )
    )
    events = [
        DrawnEvent(process, tuple(at - back for back in backs if back <= at), now_ns)
        for at, (process, backs, now_ns) in enumerate(moves)
    ]
    return build_history(processes, events)


def build_history(
    processes: int, events: Sequence[DrawnEvent], unknown: Sequence[int] = ()
) -> DrawnHistory:
    """Put events into a trace; those of `unknown` also received a message without a send."""
    row, trace, messages = build_trace(processes, events, unknown)
    past = happened_before(events)
    return DrawnHistory(tuple(events), tuple(row.tolist()), past, trace, messages)


def build_trace(
    processes: int, events: Sequence[DrawnEvent], unknown: Sequence[int] = ()
) -> tuple[IntArray, Trace, Messages]:
    """Do the same without the past of each event, in time linear in events."""
    process = np.array([event.process for event in events], np.int64)
    order = np.argsort(process, kind="stable")
    row = np.empty(len(events), np.int64)
    row[order] = np.arange(len(events))
    starts = np.zeros(processes + 1, np.int64)
    np.cumsum(np.bincount(process, minlength=processes), out=starts[1:])
    source = np.full(len(events), NOTHING, np.int64)
    more: list[tuple[int, int]] = []
    kind = np.full(len(events), INTERNAL, np.uint8)
    for at, event in enumerate(events):
        for number, sent in enumerate(event.sources):
            kind[row[sent]] = SEND
            if number:
                more.append((int(row[at]), int(row[sent])))
            else:
                source[row[at]] = row[sent]
    for at in unknown:
        source[row[at]] = UNMATCHED
    kind[source != NOTHING] = RECEIVE
    times = np.array([event.now_ns for event in events], np.int64)[order]
    extra_receives, extra_sends = np.array(sorted(more), np.int64).reshape(-1, 2).T
    sender = np.full(len(events), NOBODY, np.int32)
    trace = Trace([f"P{place}" for place in range(processes)], starts, Columns(kind, time_ns=times))
    messages = Messages(source, sender, extra_receives, extra_sends)
    return row, trace, messages


def happened_before(events: Sequence[DrawnEvent]) -> tuple[frozenset[int], ...]:
    """Close program order and messages transitively; events stand in a causal order."""
    past: list[frozenset[int]] = []
    for at, event in enumerate(events):
        own = [e for e in range(at) if events[e].process == event.process]
        before = {*own, *event.sources}
        past.append(frozenset(before.union(*(past[e] for e in before))))
    return tuple(past)


def present(column: IntArray | None) -> IntArray:
    """Return a column that the trace must have."""
    assert column is not None
    return column
