"""The laws of every clock, over random executions, judged by happened-before alone."""

import pickle
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlab.clocks.catalogue import CLOCKS, ClockKind
from driftlab.clocks.clock import ENTRY_MAX, Clock
from driftlab.clocks.hybrid import HybridClock, HybridTimestamp
from driftlab.clocks.lamport import LamportClock, LamportTimestamp
from driftlab.clocks.matrix import MatrixClock, MatrixTimestamp
from driftlab.clocks.vector import VectorClock, VectorTimestamp

PROCESSES_MAX = 4
EVENTS_MAX = 20
every_clock = pytest.mark.parametrize("kind", CLOCKS.values(), ids=list(CLOCKS))


class DrawnEvent(NamedTuple):
    """One event: its process, the event that sent what it received, its physical time."""

    process: int
    source: int | None
    now_ns: int


class Execution(NamedTuple):
    """Events in a possible order of an execution; the events in `past[e]` happened before e."""

    processes: int
    events: tuple[DrawnEvent, ...]
    past: tuple[frozenset[int], ...]

    def with_past(self, event: int) -> frozenset[int]:
        return self.past[event] | {event}

    def count_of(self, process: int, events: frozenset[int]) -> int:
        return sum(self.events[event].process == process for event in events)


MOVES = st.lists(
    st.tuples(
        st.integers(0, PROCESSES_MAX - 1),  # whose event
        st.none() | st.integers(0, EVENTS_MAX),  # which message to receive, if there is one
        st.integers(0, 2**PROCESSES_MAX - 1),  # else to whom to send, as bits
        st.integers(0, 1)
        | st.integers(-3, 3)
        | st.integers(-ENTRY_MAX, ENTRY_MAX),  # physical time
    ),
    max_size=EVENTS_MAX,
)


@st.composite
def executions(draw: st.DrawFn) -> Execution:
    """Draw processes that act alone, send to some, or receive any message in transit to them.

    A message may overtake others, and be lost; none is delivered twice.
    """
    processes = draw(st.integers(1, PROCESSES_MAX))
    travelling: list[list[int]] = [[] for _ in range(processes)]
    events: list[DrawnEvent] = []
    for move, message, targets, now_ns in draw(MOVES):
        process = move % processes
        inbox, source = travelling[process], None
        if inbox and message is not None:
            source = inbox.pop(message % len(inbox))
        else:
            for target in range(processes):
                if targets >> target & 1 and target != process:
                    travelling[target].append(len(events))
        events.append(DrawnEvent(process, source, now_ns))
    return Execution(processes, tuple(events), happened_before(events))


def happened_before(events: list[DrawnEvent]) -> tuple[frozenset[int], ...]:
    """Close program order and message matching transitively (Warshall)."""
    every = range(len(events))
    before: list[set[int]] = [set() for _ in every]
    for a in every:
        for b in every:
            if events[b].source == a or (a < b and events[a].process == events[b].process):
                before[b].add(a)
    for middle in every:
        for event in every:
            if middle in before[event]:
                before[event] |= before[middle]
    return tuple(map(frozenset, before))


def stamped(make: Any, execution: Execution) -> list[Any]:
    """Return the timestamp of every event, as clocks of this kind issue them."""
    clocks: list[Clock[Any]] = [make(i, execution.processes) for i in range(execution.processes)]
    stamps: list[Any] = []
    for process, source, now_ns in execution.events:
        clock = clocks[process]
        stamp = clock.tick(now_ns) if source is None else clock.merge(stamps[source], now_ns)
        assert clock.now is stamp
        stamps.append(stamp)
    return stamps


def pairs(execution: Execution) -> list[tuple[int, int]]:
    every = range(len(execution.events))
    return [(a, b) for a in every for b in every]


# Every clock


def test_all_clocks_have_the_one_interface() -> None:
    """Checked by mypy."""
    lamport: Clock[LamportTimestamp] = LamportClock(0, 1)
    vector: Clock[VectorTimestamp] = VectorClock(0, 1)
    matrix: Clock[MatrixTimestamp] = MatrixClock(0, 1)
    hybrid: Clock[HybridTimestamp] = HybridClock(0, 1)
    assert [lamport.now, vector.now, matrix.now, hybrid.now] == [None] * 4


@every_clock
@given(executions())
def test_the_clock_condition_holds(kind: ClockKind, execution: Execution) -> None:
    stamps = stamped(kind.clock, execution)
    for a, b in pairs(execution):
        if a in execution.past[b]:
            assert stamps[a] < stamps[b]
            assert stamps[b] > stamps[a]
            assert not stamps[a] >= stamps[b]


@pytest.mark.parametrize("kind", [kind for kind in CLOCKS.values() if kind.is_strong])
@given(executions())
def test_the_strong_clock_condition_holds_both_ways(kind: ClockKind, execution: Execution) -> None:
    stamps = stamped(kind.clock, execution)
    for a, b in pairs(execution):
        before, after = a in execution.past[b], b in execution.past[a]
        assert (stamps[a] < stamps[b]) == before
        assert (stamps[a] > stamps[b]) == after
        assert (stamps[a] <= stamps[b]) == (before or a == b)
        assert (stamps[a] >= stamps[b]) == (after or a == b)
        assert (stamps[a] == stamps[b]) == (a == b)
        assert stamps[a].concurrent(stamps[b]) == (not before and not after and a != b)


@pytest.mark.parametrize("kind", [kind for kind in CLOCKS.values() if not kind.is_strong])
@given(executions())
def test_a_clock_that_is_not_strong_orders_all_events(
    kind: ClockKind, execution: Execution
) -> None:
    stamps = stamped(kind.clock, execution)
    in_order = sorted(stamps)
    assert all(a < b for a, b in pairwise(in_order))
    assert not hasattr(kind.timestamp, "concurrent")


@every_clock
@given(executions())
def test_timestamps_survive_their_text_and_pickling(kind: ClockKind, execution: Execution) -> None:
    for event, stamp in enumerate(stamped(kind.clock, execution)):
        text = stamp.encode()
        assert text != "-"  # an empty column of a journal
        assert set(text) <= set("0123456789.;/-")
        process = execution.events[event].process
        read = kind.timestamp.decode(text, process, execution.processes)
        assert type(read) is type(stamp)
        assert read == stamp
        assert pickle.loads(pickle.dumps(stamp)) == stamp


@every_clock
@given(executions())
def test_a_timestamp_issued_never_changes(kind: ClockKind, execution: Execution) -> None:
    whole = stamped(kind.clock, execution)
    for length in (1, len(whole) // 2):
        earlier = Execution(execution.processes, execution.events[:length], execution.past)
        assert stamped(kind.clock, earlier) == whole[:length]
    assert len(set(whole)) == len(whole)


@every_clock
def test_a_timestamp_is_frozen(kind: ClockKind) -> None:
    stamp: Any = kind.clock(0, 2).tick(0)
    for name in (*stamp._fields, "more"):
        with pytest.raises(AttributeError):
            setattr(stamp, name, 1)


@every_clock
@pytest.mark.parametrize(("process", "processes"), [(-1, 2), (2, 2), (0, 0)])
def test_a_clock_belongs_to_one_of_the_processes(
    kind: ClockKind, process: int, processes: int
) -> None:
    with pytest.raises(ValueError, match=f"process {process} of {processes}"):
        kind.clock(process, processes)


# Lamport


@given(executions())
def test_lamport_is_exactly_one_more_than_what_came_before(execution: Execution) -> None:
    """The largest of the past plus one is the length of the longest chain to the event."""
    stamps = stamped(LamportClock, execution)
    for event, stamp in enumerate(stamps):
        past = [stamps[earlier].clock for earlier in execution.past[event]]
        assert stamp == (max(past, default=0) + 1, execution.events[event].process)


def test_lamport_orders_equal_values_by_process() -> None:
    assert LamportTimestamp(3, 0) < LamportTimestamp(3, 1) < LamportTimestamp(4, 0)


# Vector


@given(executions())
def test_an_entry_counts_the_events_of_its_process_in_the_past(execution: Execution) -> None:
    for event, stamp in enumerate(stamped(VectorClock, execution)):
        assert stamp.entries == vector_time(execution, event)


def vector_time(execution: Execution, event: int) -> tuple[int, ...]:
    past = execution.with_past(event)
    return tuple(execution.count_of(process, past) for process in range(execution.processes))


# Matrix


@given(executions())
def test_row_j_is_the_vector_time_of_the_last_event_of_j_in_the_past(execution: Execution) -> None:
    for event, stamp in enumerate(stamped(MatrixClock, execution)):
        process = execution.events[event].process
        assert stamp.process == process
        assert stamp.vector_time == stamp.rows[process] == vector_time(execution, event)
        assert stamp.rows == tuple(last_known(execution, event))


def last_known(execution: Execution, event: int) -> list[tuple[int, ...]]:
    """Return the vector time of the last event of each process in the past of an event."""
    rows = []
    for process in range(execution.processes):
        of_it = [e for e in execution.with_past(event) if execution.events[e].process == process]
        rows.append(vector_time(execution, max(of_it)) if of_it else (0,) * execution.processes)
    return rows


@given(executions())
def test_what_is_known_to_all_is_known_to_all(execution: Execution) -> None:
    """Exact in the past, and so a lower bound of what each process knows by then."""
    stamps = stamped(MatrixClock, execution)
    latest = [(0,) * execution.processes] * execution.processes
    for event, stamp in enumerate(stamps):
        latest[execution.events[event].process] = vector_time(execution, event)
        known = stamp.known_to_all()
        rows = last_known(execution, event)
        for process in range(execution.processes):
            assert known[process] == min(row[process] for row in rows)
            assert all(known[process] <= row[process] for row in latest)


# Hybrid


@given(executions())
def test_hybrid_is_the_largest_physical_time_in_the_past(execution: Execution) -> None:
    """So it is never behind its own event's, nor ahead by more than physical clocks differ."""
    for event, stamp in enumerate(stamped(HybridClock, execution)):
        physical = [execution.events[e].now_ns for e in execution.with_past(event)]
        assert stamp.physical_ns == max(physical)
        assert stamp.physical_ns >= execution.events[event].now_ns
        assert stamp.process == execution.events[event].process


@given(executions())
def test_the_logical_part_is_the_longest_chain_at_one_physical_time(execution: Execution) -> None:
    """So it is bounded by the number of events in the past with that value."""
    stamps = stamped(HybridClock, execution)
    chain: list[int] = []
    for event, stamp in enumerate(stamps):
        same = [e for e in execution.past[event] if stamps[e].physical_ns == stamp.physical_ns]
        chain.append(max([chain[e] + 1 for e in same], default=0))
        assert stamp.logical == chain[event] <= len(same)


def test_hybrid_counts_while_physical_time_stands_still_or_jumps_back() -> None:
    clock = HybridClock(1, 2)
    assert [clock.tick(now_ns) for now_ns in (-5, -5, -9, -4, 7)] == [
        (-5, 0, 1), (-5, 1, 1), (-5, 2, 1), (-4, 0, 1), (7, 0, 1),
    ]  # fmt: skip
    assert clock.merge(HybridTimestamp(7, 4, 0), 7) == (7, 5, 1)
    assert clock.merge(HybridTimestamp(7, 2, 0), 6) == (7, 6, 1)
    assert clock.merge(HybridTimestamp(6, 9, 0), 5) == (7, 7, 1)
    assert clock.merge(HybridTimestamp(9, 3, 0), 8) == (9, 4, 1)
    assert clock.merge(HybridTimestamp(9, 8, 0), 10) == (10, 0, 1)
