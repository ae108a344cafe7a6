"""The engine of the diagram page (JavaScript) against Python, on random and damaged histories."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from driftlab.arrays import AnyArray, FloatArray, IntArray
from driftlab.diagram.columns import diagram_of
from driftlab.diagram.encoding import container, encode, header_of
from driftlab.history import cuts
from driftlab.history.happened_before import HappenedBefore
from driftlab.history.matching.messages import NOTHING, Messages
from driftlab.history.trace import Trace, processes_of
from driftlab.model.columns import MISSING, RECEIVE, SEND
from tests.drawn_histories import present
from tests.engine_process import ENGINE_TESTS, ROOT, Engine, node
from tests.histories import Tiny, tinies, tiny
from tests.tangles import tangle, tiny_of_many, with_lost_copies, with_values

BLOCKS: Final = st.sampled_from([1, 2, 5, 256])
LAW: Final = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CYCLE: Final = tiny([0, 2, 4], frozenset({(1, 2), (3, 0)}))
TO_ITSELF: Final = tiny([0, 1], frozenset({(0, 0)}))
EMPTY: Final = tiny([0], frozenset())
LANE_WITHOUT_EVENTS: Final = tiny([0, 0, 2, 2], frozenset({(0, 1)}))


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as started:
        yield started


def opened(engine: Engine, each: Tiny, block: int = 256) -> Any:
    """Open a history in the engine."""
    data = encode(diagram_of(each.trace, each.messages))
    anew = 200_000 if block == 256 else 2  # the same answers by other ways
    return engine.open(data, rows=block, messages=block, anew=anew)


def links(each: Tiny) -> list[tuple[int, int]]:
    """Return the messages as the engine numbers them: rows of the send and the receive."""
    columns = diagram_of(each.trace, each.messages).columns
    return list(zip(columns["m_send"].tolist(), columns["m_receive"].tolist(), strict=True))


# Happened before.


def check_relation(engine: Engine, each: Tiny, rows: list[int]) -> None:
    order = HappenedBefore(each.trace, each.messages)
    starts = each.trace.starts[:-1]
    asked = [[row] for row in rows]
    assert engine.ask_each("past", asked) == [order.past(row).tolist() for row in rows]
    assert engine.ask_each("future", asked) == [
        (order.future(row) - starts).tolist() for row in rows
    ]
    for row, answer in zip(rows, engine.ask_each("concurrent", asked), strict=True):
        begins, ends = order.concurrent_ranges(row)
        assert (answer["from"], answer["to"]) == (
            (begins - starts).tolist(), (ends - starts).tolist()
        )  # fmt: skip
    assert engine.ask_each("containing", asked) == [
        cuts.containing(order, row).tolist() for row in rows
    ]
    assert engine.ask_each("before", asked) == [cuts.before(order, row).tolist() for row in rows]


@LAW
@given(each=tinies(), block=BLOCKS)
@example(each=CYCLE, block=1)
@example(each=TO_ITSELF, block=1)
@example(each=LANE_WITHOUT_EVENTS, block=1)
def test_past_and_future_are_those_of_python(engine: Engine, each: Tiny, block: int) -> None:
    opened(engine, each, block)
    check_relation(engine, each, list(each.rows))


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("block", [1, 4, 256])
def test_past_and_future_of_longer_histories_are_those_of_python(
    engine: Engine, seed: int, block: int
) -> None:
    each = tangle(seed)
    opened(engine, each, block)
    check_relation(engine, each, sorted({row * 7 % len(each.trace) for row in range(12)}))


def check_chain(each: Tiny, first: int, second: int, found: list[int] | None) -> None:
    order = HappenedBefore(each.trace, each.messages)
    expected = order.causal_chain(first, second)
    if not expected:
        assert found is None
        return
    assert found is not None
    assert (found[0], found[-1]) == (first, second)
    steps = list(pairwise(found))
    lanes = processes_of(each.trace, np.array(found)).tolist()
    messages = 0
    for (one, other), here, there in zip(steps, lanes[:-1], lanes[1:], strict=True):
        is_order = here == there and one < other
        assert is_order or (one, other) in each.pairs
        messages += not is_order
    python = list(pairwise(expected))
    assert messages == sum(
        not (
            one < other and each.trace.process_of(one) == each.trace.process_of(other)
        )
        for one, other in python
    )  # fmt: skip


@LAW
@given(each=tinies(), block=BLOCKS)
@example(each=CYCLE, block=1)
@example(each=TO_ITSELF, block=1)
def test_a_chain_is_there_when_python_finds_one_and_has_as_few_messages(
    engine: Engine, each: Tiny, block: int
) -> None:
    opened(engine, each, block)
    pairs = [(first, second) for first in each.rows for second in each.rows]
    for pair, found in zip(pairs, engine.ask_each("causalChain", pairs), strict=True):
        check_chain(each, *pair, found)


@pytest.mark.parametrize("seed", range(24))
def test_chains_of_longer_histories_have_as_few_messages(engine: Engine, seed: int) -> None:
    each = tangle(seed)
    opened(engine, each, seed % 5 + 1)
    draw = random.Random(seed)
    pairs = [(draw.randrange(len(each.trace)), draw.randrange(len(each.trace))) for _ in range(20)]
    for pair, found in zip(pairs, engine.ask_each("causalChain", pairs), strict=True):
        check_chain(each, *pair, found)


@LAW
@given(each=tinies())
def test_why_leads_back_through_events_that_happened_before(engine: Engine, each: Tiny) -> None:
    opened(engine, each)
    for row, path in zip(
        each.rows, engine.ask_each("why", [[row] for row in each.rows]), strict=True
    ):
        assert path[-1] == row
        for one, other in pairwise(path):
            here = each.trace.process_of(one) == each.trace.process_of(other)
            assert (here and one < other) or (one, other) in each.pairs


@pytest.mark.parametrize("seed", range(24))
def test_the_longest_chain_is_that_of_a_walk(engine: Engine, seed: int) -> None:
    each = tangle(seed)
    opened(engine, each)
    answer = engine.ask("chainDepths")
    order = HappenedBefore(each.trace, each.messages)
    assert bool(answer["cyclic"]) == (not order.is_acyclic)
    if not order.is_acyclic:
        return
    sources: dict[int, list[int]] = {}
    for sent, received in links(each):
        sources.setdefault(received, []).append(sent)
    depth = [0] * len(each.trace)
    firsts = set(each.trace.starts.tolist())
    for row in order.causal_order().tolist():
        before = [row - 1] if row not in firsts else []
        depth[row] = 1 + max((depth[one] for one in [*before, *sources.get(row, [])]), default=0)
    assert answer["depth"] == depth


# Cuts.


def check_cut(engine: Engine, each: Tiny, frontier: IntArray) -> None:
    messages = links(each)
    answer = engine.ask("cut", frontier.tolist())
    wrong = cuts.violations(each.trace, each.messages, frontier)
    expected = sorted(zip(wrong.sent.tolist(), wrong.received.tolist(), strict=True))
    assert sorted(messages[number] for number in answer["violations"]) == expected
    assert answer["consistent"] == cuts.is_consistent(each.trace, each.messages, frontier)
    flying = cuts.in_flight(each.trace, each.messages, frontier)
    found = [
        (send, each.trace.process_of(receive), receive)
        for send, receive in (messages[number] for number in answer["inFlight"])
    ]
    found += [
        (send, target, cuts.NOWHERE)
        for send, target in zip(answer["undelivered"], answer["undeliveredTo"], strict=True)
    ]
    python = zip(*(column.tolist() for column in flying), strict=True)
    assert sorted(found) == sorted(python)


@LAW
@given(data=st.data(), each=tinies(), block=BLOCKS)
def test_a_cut_has_the_violations_and_the_messages_in_flight_that_python_finds(
    engine: Engine, data: st.DataObject, each: Tiny, block: int
) -> None:
    if data.draw(st.booleans()):  # a log that does not name targets
        bare = each.trace.columns._replace(target=None)
        each = each._replace(trace=each.trace.replace(columns=bare))
    opened(engine, each, block)
    most = (each.trace.starts[1:] - each.trace.starts[:-1]).tolist()
    frontier = np.array([data.draw(st.integers(0, count)) for count in most], np.int64)
    check_cut(engine, each, frontier)


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("lost", [False, True])
def test_cuts_of_longer_histories_are_those_of_python(
    engine: Engine, seed: int, lost: bool
) -> None:
    each = with_lost_copies(tangle(seed), seed) if lost else tangle(seed)
    opened(engine, each, seed % 4 + 1)
    draw = np.random.default_rng(seed)
    most = each.trace.starts[1:] - each.trace.starts[:-1]
    for share in (0.0, 0.3, 0.5, 0.9, 1.0):
        spread = draw.uniform(-0.1, 0.1, len(most))
        check_cut(engine, each, (most * np.clip(share + spread, 0, 1)).astype(np.int64))


# Axes, counts, extremes.


def rising(trace: Trace, values: FloatArray) -> tuple[FloatArray, list[int]]:
    """Return an axis as its contract says: never falling in a lane, gaps filled; and the falls."""
    out, falls = values.copy(), []
    lanes = list(zip(trace.starts[:-1].tolist(), trace.starts[1:].tolist(), strict=True))
    firsts = [
        known[0]
        for begin, end in lanes
        if len(known := values[begin:end][~np.isnan(values[begin:end])])
    ]
    for begin, end in lanes:
        own = values[begin:end]
        known = own[~np.isnan(own)]
        greatest = known[0] if len(known) else min(firsts, default=0.0)
        for row in range(begin, end):
            if values[row] < greatest:
                falls.append(row)
            elif not np.isnan(values[row]):
                greatest = values[row]
            out[row] = greatest
    return out, falls


def floats(column: IntArray | None, origin: int = 0) -> FloatArray:
    column = present(column)
    return np.where(column == MISSING, np.nan, (column - origin).astype(np.float64))


@pytest.mark.parametrize("seed", range(30))
def test_an_axis_never_falls_and_its_columns_count_what_numpy_counts(
    engine: Engine, seed: int
) -> None:
    each = tangle(seed)
    trace = with_values(each.trace, seed)
    summary = opened(engine, each._replace(trace=trace), seed % 7 + 1)
    time, clock = present(trace.columns.time_ns), present(trace.columns.clock)
    known = time[time != MISSING]
    index = np.arange(len(trace)) - np.repeat(trace.starts[:-1], np.diff(trace.starts))
    axes: dict[str, FloatArray] = {"index": index.astype(np.float64)}
    if len(known):
        axes["time"] = floats(time, int(known.min()))
    if (clock != MISSING).any():
        axes["clock"] = floats(clock)
    for name, values in axes.items():
        expected, falls = rising(trace, values)
        answer = engine.ask("axisValues", name)
        assert answer["values"] == expected.tolist()
        assert answer["falls"] == falls
        assert summary["extents"][name] == [expected.min(), expected.max()]
        low, high = float(expected.min()), float(expected.max())
        for begin, end in ((low, high + 1), (low + (high - low) / 3, low + (high - low) / 2 + 1)):
            check_columns(engine, each._replace(trace=trace), name, expected, begin, end)


def check_columns(
    engine: Engine, each: Tiny, axis: str, values: FloatArray, begin: float, end: float
) -> None:
    trace, columns = each.trace, 9
    edges = begin + ((end - begin) * np.arange(columns + 1)) / columns
    lanes = list(range(trace.processes))
    view: dict[str, Any] = {
        "axis": axis, "begin": begin, "end": end, "columns": columns, "lanes": lanes,
    }  # fmt: skip
    bounds = [
        trace.starts[lane] + values[trace.rows_of(lane)].searchsorted(edges) for lane in lanes
    ]
    found = engine.ask("counts", view)
    queues = engine.ask("extremes", {**view, "field": "queue"})
    jumps = engine.ask("extremes", {**view, "field": "jump"})
    clock = floats(trace.columns.clock)
    jump = np.diff(clock, prepend=np.nan)
    jump[trace.starts[:-1][np.diff(trace.starts) > 0]] = np.nan
    has_clock = bool((present(trace.columns.clock) != MISSING).any())
    for lane in lanes:
        for column in range(columns):
            rows = slice(int(bounds[lane][column]), int(bounds[lane][column + 1]))
            kinds = trace.columns.kind[rows]
            assert found[lane]["events"][column] == len(kinds)
            assert found[lane]["sends"][column] == int((kinds == SEND).sum())
            assert found[lane]["receives"][column] == int((kinds == RECEIVE).sum())
            check_range(queues[lane], column, floats(trace.columns.queue)[rows])
            check_range(jumps[lane], column, jump[rows] if has_clock else jump[:0])
    for lane, found_drift in enumerate(engine.ask("extremes", {**view, "field": "drift"})):
        for column in range(columns):
            own = range(int(bounds[lane][column]), int(bounds[lane][column + 1]))
            seen = drifts_of(trace, clock, values, lane, edges[column : column + 2], own)
            check_range(found_drift, column, seen if has_clock else seen[:0])
    check_crossings(engine, each, view, bounds)
    check_spanning(engine, each, view, values)


def drifts_of(
    trace: Trace, clock: FloatArray, values: FloatArray, lane: int, edges: FloatArray, own: range
) -> FloatArray:
    """Return a lane's drift right before both edges, and before and after each of its events."""

    def drift(place: float, side: Literal["left", "right"]) -> float:
        rows = [
            (start, start + int(values[start:end].searchsorted(place, side)))
            for start, end in pairwise(trace.starts.tolist())
        ]
        now = np.array([clock[end - 1] if end > start else np.nan for start, end in rows])
        return float(now[lane] - np.fmax.reduce(now))

    places = [*edges.tolist(), *(float(values[row]) for row in own)]
    after = [drift(float(values[row]), "right") for row in own]
    return np.array([*(drift(place, "left") for place in places), *after])


def check_range(found: Any, column: int, values: FloatArray) -> None:
    known = values[~np.isnan(values)]
    expected = (float(known.min()), float(known.max())) if len(known) else (None, None)
    assert (found["min"][column], found["max"][column]) == expected


def check_crossings(
    engine: Engine, each: Tiny, view: dict[str, Any], bounds: list[IntArray]
) -> None:
    """Each message counts in every gap between its lanes, in the column of its receive."""
    order = view["lanes"][::-1]
    columns = view["columns"]
    gaps = np.zeros((max(0, len(order) - 1), columns), np.int64)
    for sent, received in links(each):
        here, there = (order.index(each.trace.process_of(row)) for row in (received, sent))
        column = int(bounds[order[here]].searchsorted(received, side="right")) - 1
        if 0 <= column < columns:
            gaps[min(here, there) : max(here, there), column] += 1
    answer = engine.ask("crossings", {**view, "laneOrder": order, "arrowTo": "receive"})
    assert answer == gaps.ravel().tolist()


def check_spanning(engine: Engine, each: Tiny, view: dict[str, Any], values: FloatArray) -> None:
    left, right = [0] * each.trace.processes, [0] * each.trace.processes
    for sent, received in links(each):
        if values[sent] < view["begin"] and values[received] >= view["end"]:
            left[each.trace.process_of(sent)] += 1
            right[each.trace.process_of(received)] += 1
    answer = engine.ask("spanning", {**view, "arrowTo": "receive"})
    assert answer == {"left": left, "right": right}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("rises", [False, True])
def test_arrows_may_end_where_messages_were_found(engine: Engine, seed: int, rises: bool) -> None:
    """A message counts where a tick found it, also one that was found and never received."""
    each = tangle(seed)
    draw = random.Random(seed)
    diagram = diagram_of(each.trace, each.messages)
    starts, lanes = each.trace.starts.tolist(), each.trace.processes
    ends, found, greatest = [], [], [0] * lanes
    for _, received in links(each):
        lane = each.trace.process_of(received)
        known = draw.random() < 0.8
        row = max(starts[lane], received - draw.randrange(4)) if known else received
        greatest[lane] = row = max(row, greatest[lane]) if rises else row
        ends.append(row)
        found.append(row if known else -1)
    waiting = sorted(draw.randrange(len(each.trace)) for _ in range(draw.choice([0, 9])))
    waiting_sent = [draw.randrange(len(each.trace)) for _ in waiting]
    columns = {
        **diagram.columns,
        "m_found": np.array(found, np.int32),
        "w_send": np.array(waiting_sent, np.int32),
        "w_found": np.array(waiting, np.int32),
    }
    engine.open(container(header_of(diagram), columns), messages=seed % 3 + 1)
    index = np.arange(len(each.trace)) - np.repeat(starts[:-1], np.diff(starts))
    arrows = [(sent, end) for (sent, _), end in zip(links(each), ends, strict=True)]
    begin, end, columns_shown = int(index.max()) // 3, int(index.max()) + 1, 2
    gaps = np.zeros((max(0, lanes - 1), columns_shown), np.int64)
    for sent, row in [*arrows, *zip(waiting_sent, waiting, strict=True)]:
        here, there = each.trace.process_of(row), each.trace.process_of(sent)
        column = int((index[row] - begin) * columns_shown // (end - begin))
        if 0 <= column < columns_shown:
            gaps[min(here, there) : max(here, there), column] += 1
    view = {"axis": "index", "begin": begin, "end": end, "columns": columns_shown}
    assert engine.ask("crossings", {**view, "arrowTo": "found"}) == gaps.ravel().tolist()
    spans = [pair for pair in arrows if index[pair[0]] < begin and index[pair[1]] >= begin + 2]
    left = [sum(each.trace.process_of(sent) == lane for sent, _ in spans) for lane in range(lanes)]
    answer = engine.ask("spanning", {**view, "end": begin + 2, "arrowTo": "found"})
    assert answer["left"] == left


def test_messages_that_cross_are_counted_alike_by_table_and_one_by_one(engine: Engine) -> None:
    each = tangle(next(seed for seed in range(99) if len(tangle(seed).pairs) > 500))
    lanes = list(range(each.trace.processes))
    view = {"axis": "index", "begin": 0, "end": len(each.trace) + 1, "lanes": lanes}
    answers = []
    for block in (1, 10**6):
        opened(engine, each, block)
        answers.append(engine.ask("crossings", {**view, "columns": 2, "arrowTo": "receive"}))
    assert answers[0] == answers[1]
    assert any(answers[0])


# Tiles.


@pytest.mark.parametrize("seed", range(12))
def test_an_exact_tile_has_every_event_of_its_span_and_every_message_that_touches_it(
    engine: Engine, seed: int
) -> None:
    each = tangle(seed)
    each = each._replace(trace=with_values(each.trace, seed))
    opened(engine, each)
    values = np.array(engine.ask("axisValues", "index")["values"])
    begin, end, width = float(values.max()) / 4, float(values.max()) / 2 + 1, 100
    view = view_of(each, "index", begin, end, width)
    answer = engine.ask("tile", {**view, "level": "exact", "reach": 1e9})
    vectors = answer["vectors"]
    inside = np.flatnonzero((values >= begin) & (values < end))
    assert sorted(vectors["row"]) == inside.tolist()
    x = (values - begin) * width / (end - begin)
    assert vectors["x"] == pytest.approx(x[vectors["row"]].tolist(), rel=1e-5, abs=1e-5)
    assert [view["laneOrder"][place] for place in vectors["place"]] == processes_of(
        each.trace, np.array(vectors["row"], np.int64)
    ).tolist()
    arrows = vectors["messages"]
    low = np.minimum(*(values[[pair[side] for pair in links(each)]] for side in (0, 1)))
    high = np.maximum(*(values[[pair[side] for pair in links(each)]] for side in (0, 1)))
    touching = np.flatnonzero((low <= end) & (high >= begin))
    assert sorted(arrows["number"]) == touching.tolist()
    assert arrows["x0"] == pytest.approx(x[arrows["send"]].tolist(), rel=1e-5, abs=1e-4)
    assert arrows["x2"] == pytest.approx(x[arrows["receive"]].tolist(), rel=1e-5, abs=1e-4)


def view_of(each: Tiny, axis: str, begin: float, end: float, width: int) -> dict[str, Any]:
    lanes = each.trace.processes
    return {
        "axis": axis, "begin": begin, "end": end, "width": width, "height": 10 * lanes,
        "laneOrder": list(range(lanes)), "laneTops": [10 * lane for lane in range(lanes)],
        "laneHeights": [10] * lanes, "arrowTo": "receive", "theme": "light",
    }  # fmt: skip


@pytest.mark.parametrize("level", ["lines", "counts"])
@pytest.mark.parametrize("colour", ["rate", "receives", "queue", "jump", "late", "violations"])
def test_a_dense_tile_paints_a_lane_where_it_has_events_and_only_there(
    engine: Engine, level: str, colour: str
) -> None:
    each = tangle(8)
    each = each._replace(trace=with_values(each.trace, 1), messages=no_messages(each))
    opened(engine, each, 3)
    values = np.array(engine.ask("axisValues", "clock")["values"])
    begin, end, width = float(values.min()), float(values.max()) + 1, 40
    view = view_of(each, "clock", begin, end, width)
    answer = engine.ask("tile", {**view, "level": level, "colourBy": colour})
    alpha = np.array(answer["image"]).reshape(10 * each.trace.processes, width, 4)[:, :, 3]
    edges = begin + ((end - begin) * np.arange(width + 1)) / width
    for lane in range(each.trace.processes):
        own = values[each.trace.rows_of(lane)]
        painted = alpha[10 * lane : 10 * lane + 10].any(axis=0)
        assert painted.tolist() == (np.diff(own.searchsorted(edges)) > 0).tolist()


def no_messages(each: Tiny) -> Messages:
    return each.messages._replace(
        source=np.full(len(each.trace), NOTHING, np.int64),
        extra_receives=np.zeros(0, np.int64),
        extra_sends=np.zeros(0, np.int64),
    )


def test_neighbouring_tiles_fit(engine: Engine) -> None:
    each = tangle(5)
    each = each._replace(trace=with_values(each.trace, 5))
    opened(engine, each)
    low, high = engine.ask("extent", "clock")
    middle = (low + high) / 2
    for level in ("lines", "counts"):
        parts = [
            np.array(
                engine.ask(
                    "tile",
                    {**view_of(each, "clock", begin, end, width), "level": level, "reach": 1e9},
                )["image"]
            ).reshape(-1, width, 4)
            for begin, end, width in ((low, high, 80), (low, middle, 40), (middle, high, 40))
        ]
        joined = np.concatenate(parts[1:], axis=1)
        assert np.abs(parts[0] - joined).max() <= 1


# What a container holds.


@LAW
@given(
    values=st.lists(st.integers(-(2**31), 2**31 - 1) | st.integers(-3, 3), max_size=30),
    numbers=st.lists(st.none() | st.integers(-(2**61), 2**61) | st.integers(-9, 9), max_size=30),
)
@example(values=[], numbers=[2**60, 2**60 + 100, None, 2**60 + 200, 7, 2**53 + 1, 2**53 + 2])
def test_columns_arrive_as_python_wrote_them(
    engine: Engine, values: list[int], numbers: list[int | None]
) -> None:
    columns: dict[str, AnyArray] = {
        "kind": np.zeros(0, np.uint8),
        "small": np.array(values, np.int32),
        "large": np.array([np.nan if each is None else each for each in numbers], np.float64),
    }
    header = header_of(diagram_of(EMPTY.trace, EMPTY.messages))
    for compact in (False, True):
        engine.open(container(header, columns, compact=compact))
        assert engine.ask("column", "small") == values
        found = engine.ask("column", "large")
        expected = [None if each is None else float(each) for each in numbers]
        assert [None if each is None else float(each) for each in found] == expected


@pytest.mark.parametrize("kept", [0, 5, 11, 60, 400, -9])
def test_data_that_are_cut_are_refused_with_a_reason(engine: Engine, kept: int) -> None:
    each = tangle(4)
    data = encode(diagram_of(each.trace, each.messages))
    with pytest.raises(Exception, match=r"cut|not the data|JSON"):
        engine.open(data[:kept])


@pytest.mark.parametrize("each", [EMPTY, tiny([0, 1], frozenset()), LANE_WITHOUT_EVENTS])
def test_hardly_any_events_are_a_diagram_too(engine: Engine, each: Tiny) -> None:
    assert opened(engine, each)["events"] == len(each.trace)
    for level in ("exact", "lines", "counts"):
        view = view_of(each, "index", 0, 1, 10)
        assert engine.ask("tile", {**view, "level": level})["level"] == level
    assert (
        engine.ask("search", "send")["rows"]
        == np.flatnonzero(each.trace.columns.kind == SEND).tolist()
    )
    with pytest.raises(Exception, match="no values for the axis time"):
        engine.ask("extent", "time")


def test_a_thousand_lanes_are_a_diagram_too(engine: Engine) -> None:
    lanes, each_has = 1000, 5
    starts = np.arange(lanes + 1) * each_has
    draw = random.Random(1)
    pairs = frozenset(
        (draw.randrange(lanes) * each_has + at, draw.randrange(lanes) * each_has + at + 1)
        for at in (0, 1, 2, 3)
        for _ in range(lanes)
    )
    each = tiny_of_many(starts.tolist(), pairs, frozenset())
    opened(engine, each)
    check_relation(engine, each, [0, 2502, 4999])
    check_cut(engine, each, np.full(lanes, 3, np.int64))


# Lookups.


@pytest.mark.parametrize("seed", range(8))
def test_the_nearest_event_and_the_frontier_at_a_place_are_those_of_numpy(
    engine: Engine, seed: int
) -> None:
    each = tangle(seed)
    each = each._replace(trace=with_values(each.trace, seed))
    opened(engine, each)
    values = np.array(engine.ask("axisValues", "clock")["values"])
    for place in np.linspace(values.min() - 1, values.max() + 1, 7).tolist():
        rows = [values[each.trace.rows_of(lane)] for lane in range(each.trace.processes)]
        assert engine.ask("frontierAt", "clock", place) == [
            int(own.searchsorted(place, side="right")) for own in rows
        ]
        for lane, own in enumerate(rows):
            found = engine.ask("nearest", "clock", place, lane)
            if not len(own):
                assert found == -1
            else:
                assert abs(values[found] - place) == np.abs(own - place).min()
                assert each.trace.process_of(found) == lane


@pytest.mark.parametrize("seed", range(8))
def test_what_idle_compression_leaves_out_holds_no_event(engine: Engine, seed: int) -> None:
    draw = np.random.default_rng(seed)
    bursts = np.sort(draw.integers(0, 10**15, 4))
    times = np.sort(np.concatenate([burst + draw.integers(0, 10**6, 50) for burst in bursts]))
    each = tiny([0, 200], frozenset())
    each = each._replace(
        trace=each.trace.replace(columns=each.trace.columns._replace(time_ns=times))
    )
    opened(engine, each)
    stretches = engine.ask("gaps", "time", True)
    values = (times - times.min()).astype(np.float64)
    assert len(stretches) >= 3
    for stretch in stretches:
        assert not ((values > stretch["from"]) & (values < stretch["to"])).any()
    low, high = engine.ask("extent", "time", True)
    assert high - low < 10**8
    places = engine.ask("positions", "time", list(range(200)), True)
    assert (np.diff(places) >= 0).all()
    back = [engine.ask("label", "time", place, True) for place in places[::20]]
    assert back == pytest.approx(values[::20].tolist(), abs=1)


# Search.


@pytest.mark.parametrize("seed", range(8))
def test_a_search_finds_the_events_that_numpy_finds(engine: Engine, seed: int) -> None:
    each = tangle(seed)
    trace = with_values(each.trace, seed)
    opened(engine, each._replace(trace=trace))
    of = trace.columns
    assert of.queue is not None
    lane = trace.process_column()
    last = trace.processes - 1
    received = np.zeros(len(trace), bool)
    received[[pair[1] for pair in links(each)]] = True
    expected = {
        "send": of.kind == SEND,
        "-send": of.kind != SEND,
        "queue:>=5": of.queue >= 5,
        "queue:2..4 receive": (of.queue >= 2) & (of.queue <= 4) & (of.kind == RECEIVE),
        f"P{last} queue:3": (lane == last) & (of.queue == 3),
        "lane:P0 index:<3": (lane == 0) & (np.arange(len(trace)) < 3),
        "unmatched": (of.kind == RECEIVE) & ~received,
    }
    for query, mask in expected.items():
        assert engine.ask("search", query)["rows"] == np.flatnonzero(mask).tolist(), query


@pytest.mark.parametrize("seed", range(8))
def test_a_pattern_finds_chains_of_events_that_happened_one_after_another(
    engine: Engine, seed: int
) -> None:
    each = tangle(seed)
    opened(engine, each)
    order = HappenedBefore(each.trace, each.messages)
    found = engine.ask("search", "send P0->* .. receive")
    starts = [row for row in each.rows if each.trace.process_of(row) == 0
              and each.trace.columns.kind[row] == SEND]  # fmt: skip
    receives = np.flatnonzero(each.trace.columns.kind == RECEIVE)
    ends = {row: [one for one in receives.tolist() if order.happened_before(row, one)]
            for row in starts[:15]}  # fmt: skip
    matched = dict(found["matches"])
    for row, possible in ends.items():
        assert (row in matched) == bool(possible)
        assert not possible or matched[row] in possible
    depth = engine.ask("chainDepths")["depth"]
    near = engine.ask("search", "send P0->* .. receive within 2")["matches"]
    assert near == [pair for pair in found["matches"] if depth[pair[1]] - depth[pair[0]] <= 2]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("", "nothing"), ("index:many", "not a number"), ("((", "text (("),
        ("nobody", "no lane, field or text"),
        ("A->B ..", "empty"), ("send .. send within", "within"), ("/(/", "regular"),
        ("late:>1", "no late"), ("send .. send within 3 cows", "unit"), ("lane:Q", "no lane"),
    ],
)  # fmt: skip
def test_a_query_that_makes_no_sense_is_told_so(engine: Engine, query: str, error: str) -> None:
    opened(engine, tiny([0, 2, 4], frozenset({(0, 3)})))
    answer = engine.ask("search", query)
    assert error in answer["error"]
    assert answer["rows"] == []


# The engine's own tests and types.


def test_the_engines_own_tests_pass() -> None:
    files = sorted(map(str, ENGINE_TESTS.glob("*.test.js")))
    assert files
    done = subprocess.run([node(), "--test", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]


def test_the_engines_types_are_right() -> None:
    compiler = os.environ.get("DRIFTLAB_TSC") or shutil.which("tsc")
    if compiler is None:
        pytest.skip("not run: no `tsc` on the PATH (npm's typescript, or name it in DRIFTLAB_TSC)")
    folder = ROOT / "src" / "driftlab" / "diagram" / "page" / "engine"
    done = subprocess.run(
        [compiler, "-p", str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
