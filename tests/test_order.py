"""Happened-before against brute force over any tiny history, cyclic ones included."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from driftlab import jit
from driftlab.history import happened_before, vector_times
from driftlab.history.happened_before import HappenedBefore
from driftlab.history.matching.messages import NOTHING, Messages
from driftlab.history.trace import Trace
from driftlab.history.vector_times import CycleError, linear_extension, vector_blocks, vectors
from driftlab.judge import clock_condition
from driftlab.judge.causality import CYCLES_MAX, cycles_of
from driftlab.judge.clock_condition import known_before, unordered
from driftlab.model.columns import MISSING, NOBODY, RECEIVE, SEND, Columns
from tests.histories import Tiny, tinies, tiny

STEPS = st.sampled_from([0, 1, 2, 3])  # events from one indexed event to the next; 0: no index

TANGLE = tiny([0, 3, 6], frozenset({(0, 5), (3, 2), (4, 1)}))
CYCLE = tiny([0, 2, 4], frozenset({(1, 2), (3, 0)}))
ANSWERED = tiny([0, 2, 4], frozenset({(2, 0), (1, 3)}))
# Two wait for each other, and one of them for itself.
LOPSIDED = tiny([0, 1, 2], frozenset({(0, 1), (1, 0), (1, 1)}))
# One event receives from A:0 directly, and from A:1 through B.
ROUNDABOUT = tiny([0, 2, 4, 5], frozenset({(1, 2), (0, 4), (3, 4)}))
TO_ITSELF = tiny([0, 1], frozenset({(0, 0)}))


def order_of(each: Tiny, step: int | None = None) -> HappenedBefore:
    return HappenedBefore(each.trace, each.messages, step)


@contextmanager
def everything_compiled() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jit, "ROWS_COMPILED_MIN", 0)
        yield


@given(tinies(), STEPS)
@example(TANGLE, 1)
@example(CYCLE, 1)
@example(TO_ITSELF, 0)
def test_one_event_happened_before_another_if_a_chain_leads_there(each: Tiny, step: int) -> None:
    closure, order = each.closure(), order_of(each, step)
    pairs = [(first, second) for first in each.rows for second in each.rows]
    firsts, seconds = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    answers = order.each_happened_before(firsts, seconds)
    assert [pair for pair, answer in zip(pairs, answers, strict=True) if answer] == sorted(closure)
    for first, second in pairs:
        unrelated = first != second and not {(first, second), (second, first)} & closure
        assert order.concurrent(first, second) == unrelated


@given(tinies(), STEPS)
@example(CYCLE, 2)
@example(ROUNDABOUT, 1)
def test_past_and_future_are_the_events_before_and_after(each: Tiny, step: int) -> None:
    closure, order, starts = each.closure(), order_of(each, step), each.trace.starts
    for row in each.rows:
        past, future = order.past(row), order.future(row)
        inside = {one for start, count in zip(starts, past, strict=False)
                  for one in range(start, start + count)}  # fmt: skip
        assert inside == {first for first, second in closure if second == row}
        later = {one for first, end in zip(future, starts[1:], strict=True)
                 for one in range(first, end)}  # fmt: skip
        assert later == {second for first, second in closure if first == row}


@given(tinies(), STEPS)
def test_concurrent_ranges_hold_the_events_that_are_concurrent_with_one(
    each: Tiny, step: int
) -> None:
    order = order_of(each, step)
    for row in each.rows:
        begins, ends = order.concurrent_ranges(row)
        assert (begins <= ends).all()
        inside = {one for pair in zip(begins, ends, strict=True) for one in range(*pair)}
        assert inside == {one for one in each.rows if order.concurrent(row, one)}


def messages_of(each: Tiny, chain: list[int]) -> int:
    """Count the messages of a chain, whose other steps must go on in a process."""
    count = 0
    for row, other in pairwise(chain):
        here = each.trace.process_of(row) == each.trace.process_of(other) and row < other
        assert here or (row, other) in each.pairs
        count += not here
    return count


@given(tinies(), STEPS)
@example(TANGLE, 1)
@example(CYCLE, 0)
@example(TO_ITSELF, 0)
@settings(max_examples=50)
def test_a_causal_chain_has_the_fewest_messages(each: Tiny, step: int) -> None:
    order = order_of(each, step)
    for first in each.rows:
        for second in each.rows:
            chain = order.causal_chain(first, second)
            fewest = each.fewest_messages(first, second)
            assert bool(chain) == (fewest is not None)
            if chain:
                assert (chain[0], chain[-1]) == (first, second)
                assert messages_of(each, chain) == fewest
                assert len(chain) <= 2 + 2 * (fewest or 0)


def test_long_histories_have_an_index_unless_it_would_be_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trace, messages = round_trips(300)  # 1,200 rows of 2 processes
    assert HappenedBefore(trace, messages).index is None
    monkeypatch.setattr(happened_before, "ROWS_COMPILED_MIN", len(trace))
    index = HappenedBefore(trace, messages).index
    assert index is not None
    assert (index.step, index.starts.tolist(), index.table.shape) == (256, [0, 3, 6], (2, 6))
    assert index.table[:, 1].tolist() == [257, 256]  # A:256, which has all trips before
    monkeypatch.setattr(happened_before, "INDEX_STEP_MIN", 1)
    index = HappenedBefore(trace, messages).index
    assert index is not None
    assert index.step == 2  # as many as there are processes, at least
    monkeypatch.setattr(happened_before, "INDEX_ENTRIES_MAX", 2 * len(trace))
    assert HappenedBefore(trace, messages).index is not None
    monkeypatch.setattr(happened_before, "INDEX_ENTRIES_MAX", 2 * len(trace) - 1)
    assert HappenedBefore(trace, messages).index is None
    monkeypatch.setattr(happened_before, "INDEX_ENTRIES_MAX", 2 * len(trace))
    monkeypatch.setattr(happened_before, "ROWS_COMPILED_MIN", len(trace) + 1)
    assert HappenedBefore(trace, messages).index is None


def test_blocks_of_vector_times_fit_into_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    trace, messages = round_trips(3)
    row_bytes = 4 * len(trace)
    for limit, widths in ((2 * row_bytes, [2]), (2 * row_bytes - 1, [1, 1]), (0, [1, 1])):
        monkeypatch.setattr(vector_times, "BLOCK_BYTES_MAX", limit)
        blocks = list(vector_blocks(trace, messages))
        assert [block.shape for _, block in blocks] == [(len(trace), width) for width in widths]
        assert [first for first, _ in blocks] == list(range(0, 2, widths[0]))


@given(tinies())
@example(ANSWERED)
@example(LOPSIDED)
@example(TO_ITSELF)
def test_a_history_has_a_cycle_if_an_event_happened_before_itself(each: Tiny) -> None:
    order = order_of(each)
    itself = {first for first, second in each.closure() if first == second}
    assert order.is_acyclic == (not itself)
    chain = order.cycle()
    if itself:
        assert chain[0] == chain[-1]
        assert len(chain) > 1
        fewest = min(
            each.fewest_messages(row, row) or 0 for row in order.linear_extension.blocked.tolist()
        )
        assert messages_of(each, chain) == fewest
        with pytest.raises(CycleError, match="happened before themselves") as caught:
            order.causal_order()
        assert caught.value.rows == chain
        with pytest.raises(CycleError):
            vectors(each.trace, each.messages)
    else:
        assert chain == []


@given(tinies())
@example(ANSWERED)
@example(LOPSIDED)
@example(TO_ITSELF)
def test_without_the_messages_that_close_them_there_are_no_cycles(each: Tiny) -> None:
    cycles = cycles_of(each.trace, each.messages)
    itself = {first for first, second in each.closure() if first == second}
    assert bool(cycles) == bool(itself)
    assert len({tuple(cycle[-2:]) for cycle in cycles}) == len(cycles)
    left = each.pairs
    for cycle in cycles:
        assert cycle[0] == cycle[-1]
        known = each._replace(pairs=left).closure()
        assert set(pairwise(cycle)) <= known
        assert tuple(cycle[-2:]) in left
        left -= {(cycle[-2], cycle[-1])}
    if len(cycles) < CYCLES_MAX:
        assert all(first != second for first, second in each._replace(pairs=left).closure())


def round_trips(trips: int) -> tuple[Trace, Messages]:
    """A and B send each other messages in turn: A to B, B to A, and so on."""
    numbers = np.arange(2 * trips)
    source = np.full(4 * trips, NOTHING, np.int64)
    source[2 * trips :: 2] = numbers[::2]  # B receives, and answers
    source[1 : 2 * trips : 2] = 2 * trips + numbers[1::2]
    starts = np.array([0, 2 * trips, 4 * trips], np.int64)
    kind = np.where(source >= 0, RECEIVE, SEND).astype(np.uint8)
    sender = np.where(source < 0, NOBODY, np.where(source < 2 * trips, 0, 1)).astype(np.int32)
    none = np.zeros(0, np.int64)
    return Trace(["A", "B"], starts, Columns(kind)), Messages(source, sender, none, none)


@pytest.mark.parametrize("late", [(), (30,), (30, 70), (10, 30, 70)])
def test_each_message_that_came_before_it_was_sent_is_found_alone(late: tuple[int, ...]) -> None:
    trace, messages = round_trips(100)
    assert cycles_of(trace, messages) == []
    for number in late:  # A's receive of that trip got what B sent five trips later
        messages.source[2 * number + 1] = messages.source[2 * number + 11]
        messages.source[2 * number + 11] = NOTHING
    found = [tuple(cycle[-2:]) for cycle in cycles_of(trace, messages)]
    expected = [(int(messages.source[2 * number + 1]), 2 * number + 1) for number in late]
    assert sorted(found) == sorted(expected)


@given(tinies(acyclic=True))
def test_a_causal_order_has_each_row_after_those_that_happened_before_it(each: Tiny) -> None:
    rows = order_of(each).causal_order().tolist()
    assert sorted(rows) == list(each.rows)
    place = {row: number for number, row in enumerate(rows)}
    assert all(place[first] < place[second] for first, second in each.closure())


@given(tinies(acyclic=True), st.integers(1, 5))
@example(TANGLE, 4)
def test_vectors_count_the_events_of_the_past(each: Tiny, width: int) -> None:
    trace, processes = each.trace, each.trace.processes
    expected = np.zeros((len(trace), processes), np.int32)
    for first, second in each.closure() | {(row, row) for row in each.rows}:
        expected[second, trace.process_of(first)] += 1
    assert np.array_equal(vectors(trace, each.messages), expected)
    held = np.full_like(expected, -7)
    assert vectors(trace, each.messages, held) is held
    assert np.array_equal(held, expected)
    blocks = [block.copy() for _, block in vector_blocks(trace, each.messages, width)]
    assert np.array_equal(np.concatenate(blocks, axis=1), expected)


@given(tinies())
@settings(max_examples=50)
def test_compiled_loops_give_what_plain_ones_give(each: Tiny) -> None:
    plain = linear_extension(each.trace, each.messages)
    with everything_compiled():
        compiled = linear_extension(each.trace, each.messages)
    assert [part.tolist() for part in plain] == [part.tolist() for part in compiled]
    assume(not len(plain.blocked))
    table = vectors(each.trace, each.messages)
    with everything_compiled():
        assert np.array_equal(vectors(each.trace, each.messages), table)


CLOCKS = st.lists(st.one_of(st.integers(-1, 6), st.just(MISSING)), min_size=10, max_size=10)


def broken(each: Tiny, clock: list[int]) -> tuple[list[int], list[int]]:
    """Return by brute force which rows break the clock condition, by program and by message."""
    by_program, known = [], MISSING
    for row in each.rows:
        known = MISSING if row in each.trace.starts.tolist() else known
        if clock[row] != MISSING:
            if clock[row] <= known:
                by_program.append(row)
            known = clock[row]
    by_message = {
        received for sent, received in each.pairs
        if MISSING not in (clock[sent], clock[received]) and clock[received] <= clock[sent]
    }  # fmt: skip
    return by_program, sorted(by_message)


@given(tinies(), CLOCKS, st.integers(1, 5))
def test_unordered_finds_every_event_not_above_its_neighbours(
    each: Tiny, clock: list[int], block: int
) -> None:
    clock = clock[: len(each.trace)]
    each.trace.columns = each.trace.columns._replace(clock=np.array(clock, np.int64))
    expected = broken(each, clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock_condition, "BLOCK_ROWS", block)
        found = unordered(each.trace, each.messages)
        assert tuple(rows.tolist() for rows in found) == expected
        with everything_compiled():
            found = unordered(each.trace, each.messages)
    assert tuple(rows.tolist() for rows in found) == expected
    for row in found.by_program.tolist():
        before = known_before(each.trace, row)
        assert before is not None
        assert clock[before] >= clock[row]


def test_a_log_without_lamport_clocks_breaks_no_clock_condition() -> None:
    assert [len(rows) for rows in unordered(TANGLE.trace, TANGLE.messages)] == [0, 0]
    first = tiny([0, 2], frozenset())
    first.trace.columns = first.trace.columns._replace(clock=np.array([MISSING, 1]))
    assert known_before(first.trace, 1) is None
