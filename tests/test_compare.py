"""All clocks side by side: the counts are those of looking at every pair."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import driftlab
from driftlab.analysis import compare_clocks as compare_module
from driftlab.analysis.compare_clocks import (
    ALL_PAIRS_EVENTS_MAX,
    PAIRS_DRAWN,
    Bytes,
    ClockCosts,
    Comparison,
    PairCounts,
    compare,
    count_pairwise,
    decimal_sizes,
    messages_sent_by_event,
    pair_order,
    wilson_interval,
)
from driftlab.analysis.restamp import causal_order, restamp, vector_clocks
from driftlab.api.history import History
from driftlab.arrays import BoolArray, IntArray
from driftlab.cli import compare as compare_command
from driftlab.cli.main import main
from driftlab.clocks.catalogue import CLOCKS
from driftlab.history.matching.messages import UNMATCHED, Messages
from driftlab.history.trace import Trace
from driftlab.model.columns import EVERY_PEER, MISSING, NO_TARGET, SET_FIRST, from_rows
from driftlab.model.random_streams import mix
from tests.drawn_histories import (
    DrawnEvent,
    DrawnHistory,
    build_history,
    build_trace,
    histories,
    present,
)

Less = Callable[[int, int], bool]  # of two drawn events


def by_name(comparison: Comparison) -> dict[tuple[str, bool], ClockCosts]:
    return {(each.clock, each.logged): each for each in comparison.clocks}


def counted(history: DrawnHistory, less: Less) -> tuple[int, int]:
    """Look at every pair: how many are wrongly ordered, and how many concurrent ones ordered."""
    wrong = hidden = 0
    for b in range(len(history.events)):
        for a in range(b):
            if a in history.past[b]:
                wrong += not less(a, b)
            else:
                hidden += less(a, b) or less(b, a)
    return wrong, hidden


def assert_counts(found: ClockCosts, history: DrawnHistory, less: Less) -> None:
    assert (found.wrong, found.hidden) == counted(history, less)
    assert found.sample is None


@given(histories())
def test_pairs_are_those_of_happened_before(history: DrawnHistory) -> None:
    found = compare(history.trace, history.messages)
    events = len(history.events)
    assert found.ordered == sum(map(len, history.past))
    assert found.ordered + found.concurrent == found.pairs == events * (events - 1) // 2


@given(histories())
def test_a_right_clock_orders_no_pair_wrongly(history: DrawnHistory) -> None:
    found = by_name(compare(history.trace, history.messages))
    assert [found[clock, False].wrong for clock in CLOCKS] == [0] * len(CLOCKS)
    assert [found[clock, False].hidden for clock in ("vector", "matrix")] == [0, 0]


@given(histories())
def test_the_counts_of_clocks_of_one_number_are_those_of_every_pair(history: DrawnHistory) -> None:
    found = by_name(compare(history.trace, history.messages))
    now = [event.now_ns for event in history.events]
    assert_counts(found["physical", False], history, lambda a, b: now[a] < now[b])
    clock = present(restamp(history.trace, history.messages, "lamport").columns.clock)
    row = history.row
    assert_counts(
        found["lamport", False], history, lambda a, b: bool(clock[row[a]] < clock[row[b]])
    )
    texts = restamp(history.trace, history.messages, "hybrid").timestamp_texts()
    hybrid = [tuple(map(int, (texts[at] or "").split("."))) for at in row]
    assert_counts(found["hybrid", False], history, lambda a, b: hybrid[a] < hybrid[b])
    received = [source for event in history.events for source in event.sources]
    total = sum(len(texts[row[source]] or "") for source in received)
    sizes = found["hybrid", False].bytes
    assert (sizes.total if sizes else 0) == total
    ahead = [high - time for (high, _), time in zip(hybrid, now, strict=True)]
    assert found["hybrid", False].offset_ns_max == max(ahead, default=None)
    assert found["hybrid", False].counter_max == max((low for _, low in hybrid), default=None)


@given(histories(), st.data())
def test_logged_clocks_are_counted_as_they_are(history: DrawnHistory, data: st.DataObject) -> None:
    """Any numbers at all, some of them missing."""
    events, width = len(history.events), history.processes
    numbers = st.integers(0, 6)
    lamport = data.draw(st.lists(numbers, min_size=events, max_size=events))
    vectors = data.draw(st.lists(st.lists(numbers, min_size=width, max_size=width),
                                 min_size=events, max_size=events))  # fmt: skip
    clock = np.zeros(events, np.int64)
    clock[list(history.row)] = lamport
    rows: list[dict[int, int] | None] = [None] * events
    for row, vector in zip(history.row, vectors, strict=True):
        rows[row] = dict(enumerate(vector))
    columns = history.trace.columns._replace(clock=clock)
    trace = history.trace.replace(columns=columns, timestamps=from_rows("vector", rows))
    found = by_name(compare(trace, history.messages))

    def less(a: int, b: int) -> bool:
        never_over = all(one <= two for one, two in zip(vectors[a], vectors[b], strict=True))
        return never_over and vectors[a] != vectors[b]

    assert_counts(found["lamport", True], history, lambda a, b: lamport[a] < lamport[b])
    assert_counts(found["vector", True], history, less)


@pytest.mark.parametrize("clock", list(CLOCKS))
def test_a_simulated_runs_own_clocks_do_not_differ(clock: str) -> None:
    run = driftlab.simulate(
        driftlab.Scenario(rates=[6, 3, 1], seconds=20, clock=clock, skew_ppm=[0, 9, -4]),
        record="all",
    )
    assert isinstance(run, driftlab.Run)
    found = by_name(run.history.compare())
    logged = [each for each in found.values() if each.logged]
    assert [each.clock for each in logged] == list(dict.fromkeys(["lamport", clock]))
    for each in logged:
        right = found[each.clock, False]
        assert each == right._replace(logged=True, differ=0)


@pytest.mark.parametrize("clock", list(CLOCKS))
def test_bytes_are_those_of_the_messages_that_were_sent(clock: str, tmp_path: Path) -> None:
    scenario = driftlab.Scenario(rates=[6, 3, 1, 2], seconds=20, clock=clock, faces=4)
    driftlab.simulate(scenario, out=tmp_path / "run")
    history = driftlab.read(tmp_path / "run")
    found = by_name(history.compare())
    sizes = []
    for event in history.events.iter_rows(named=True):
        text = str(event["clock"]) if clock == "lamport" else event["timestamp"]
        sizes += [len(text)] * len(event["targets"])
    for logged in (False, True):
        found_bytes = found[clock, logged].bytes
        assert found_bytes is not None
        assert (found_bytes.total, found_bytes.max) == (sum(sizes), max(sizes))
        assert found_bytes.mean == pytest.approx(sum(sizes) / len(sizes))


def test_of_a_long_history_a_sample_is_named_and_its_interval_holds_the_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = driftlab.simulate(
        driftlab.Scenario(rates=[9, 5, 2], seconds=60, clock="vector"), record="all"
    )
    assert isinstance(run, driftlab.Run)
    history = run.history
    held = history.trace.timestamps
    assert held is not None
    values = held.values.copy()
    values[::7] //= 2
    wrong = history.trace.replace(timestamps=held._replace(values=values))
    exact = by_name(compare(wrong, history.messages))["vector", True]
    monkeypatch.setattr(compare_module, "ALL_PAIRS_EVENTS_MAX", 100)
    drawn = by_name(compare(wrong, history.messages))["vector", True]
    assert exact.sample is None
    assert drawn.sample is not None
    assert 150_000 < drawn.sample <= compare_module.PAIRS_DRAWN
    for count, between in (
        (exact.wrong, drawn.wrong_interval),
        (exact.hidden, drawn.hidden_interval),
    ):
        assert count
        assert between
        assert between[0] <= count <= between[1] < 1.3 * between[0]


def test_the_compiled_count_is_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    run = driftlab.simulate(
        driftlab.Scenario(rates=[9, 5, 2], seconds=20, offset_ms=[0, 900, -700]), record="all"
    )
    assert isinstance(run, driftlab.Run)
    history = run.history
    causal = causal_order(history.trace, history.messages)
    order = pair_order(causal, vector_clocks(causal))
    value = present(history.trace.columns.time_ns)
    plain = compare_module._count_misordered(order, value)
    monkeypatch.setattr("driftlab.jit.ROWS_COMPILED_MIN", 1)
    assert compare_module._count_misordered(order, value) == plain
    assert plain[0] > 100


def test_an_interval_holds_its_share() -> None:
    assert wilson_interval(0, 0) == (0, 1)
    low, high = wilson_interval(50, 1000)
    assert (low, high) == pytest.approx((0.0381, 0.0653), abs=1e-4)  # tables of Wilson's interval


def test_what_the_log_lacks_is_reported(tmp_path: Path) -> None:
    driftlab.simulate(driftlab.Scenario(rates=[6, 3, 1], seconds=20), out=tmp_path / "run")
    (tmp_path / "run" / "B.log").unlink()
    history = driftlab.read(tmp_path / "run")
    found = history.compare()
    assert found.unknown == (history.messages.source == UNMATCHED).sum() > 0
    columns = history.trace.columns
    clock = present(columns.clock).copy()
    clock[3] = MISSING
    bare = history.trace.replace(
        columns=columns._replace(clock=clock, time_ns=None, due_ns=None, late_ns=None),
    )
    named = by_name(compare(bare, history.messages))
    for each in ("hybrid", "physical"):
        assert named[each, False].wrong is None
        assert "no times" in str(named[each, False].why_not)
    assert named["lamport", True].why_not == "1 event has none; pairs are of the others"


# Exact values of a small history: A0 -> A1 (A0 sends to B1), B0 -> B1


def small_history(**columns: Any) -> tuple[Trace, Messages]:
    """Return P0's events at 100 and 101 and P1's at 50 and 90; P1's second hears of P0's first."""
    drawn = [DrawnEvent(0, (), 100), DrawnEvent(1, (), 50), DrawnEvent(1, (0,), 90),
             DrawnEvent(0, (), 101)]  # fmt: skip
    history = build_history(2, drawn)
    arrays = {name: np.array(column, np.int64) for name, column in columns.items()}
    return history.trace.replace(columns=history.trace.columns._replace(**arrays)), history.messages


def sizes(bytes_each: int) -> dict[str, float]:
    """Return the sizes of one message's timestamp."""
    return {"mean": float(bytes_each), "max": bytes_each, "total": bytes_each}


def report(clock: str, **fields: Any) -> dict[str, Any]:
    """Return what JSON says of a clock: what is not given is false or null."""
    return {**dict.fromkeys(ClockCosts._fields), "logged": False, "clock": clock, **fields}


def test_the_comparison_of_a_small_history_is_exact() -> None:
    right = {"wrong": 0, "hidden": 0, "hidden_share": 0.0}
    plain = compare(*small_history(clock=[1, 2, 1, 3])).to_dict()
    assert plain == {
        "events": 4,
        "processes": 2,
        "messages": 1,
        "unknown": 0,
        "pairs": 6,
        "ordered": 3,
        "concurrent": 3,
        "clocks": [
            # A1 = 2 is before B0 = 1, though they are concurrent; the other two pairs are ties.
            report("lamport", wrong=0, hidden=1, hidden_share=1 / 3, bytes=sizes(1)),
            report("vector", **right, bytes=sizes(len("1.0"))),
            report("matrix", **right, bytes=sizes(len("1.0/0.0"))),
            # 100.0, 101.0, 50.0 and 100.1, which is 10 ns ahead of its machine
            report("hybrid", wrong=0, hidden=3, hidden_share=1.0, bytes=sizes(len("100.0")),
                   offset_ns_max=10, counter_max=1),
            report("physical", wrong=1, hidden=3, hidden_share=1.0, bytes=sizes(3)),
            # 3 at B1 is wrong, and orders it after A1
            report("lamport", logged=True, wrong=0, hidden=2, hidden_share=2 / 3, bytes=sizes(1),
                   differ=1),
        ],
    }  # fmt: skip


def test_the_first_event_of_all_may_have_a_long_timestamp() -> None:
    """P0's first event hears of ten of P1's, whose tenth and it send: 0.0/0.10 and 1.10/0.10."""
    events = [DrawnEvent(1, (), at) for at in range(10)]
    events += [DrawnEvent(0, (9,), 10), DrawnEvent(1, (10,), 11)]
    history = build_history(2, events)
    found = compare(history.trace, history.messages)
    assert found.clocks[1].bytes == Bytes(4.0, 4, 8)
    assert found.clocks[2].bytes == Bytes(8.5, 9, 17)


@pytest.mark.parametrize("clock", [[5, 6, 1, 5], [5, 5, 1, 6]])
def test_a_clock_that_does_not_rise_is_wrong_once(clock: list[int]) -> None:
    """It has one number for a send and its receive, or for two events of a process."""
    found = compare(*small_history(clock=clock)).clocks[-1]
    assert (found.wrong, found.hidden, found.differ) == (1, 3, 3)


def test_without_messages_there_are_no_bytes() -> None:
    trace = build_history(2, [DrawnEvent(0, (), 7), DrawnEvent(1, (), 7)])
    found = compare(trace.trace, trace.messages)
    assert (found.messages, found.ordered, found.concurrent) == (0, 0, 1)
    assert [each.bytes for each in found.clocks] == [None] * 5
    assert [each.hidden for each in found.clocks] == [0] * 5  # all clocks are ties
    empty = build_history(1, [])
    nothing = compare(empty.trace, empty.messages)
    assert nothing[:7] == (0, 1, 0, 0, 0, 0, 0)
    assert nothing.clocks[3] == ClockCosts("hybrid", wrong=0, hidden=0, hidden_share=0.0)


@pytest.mark.parametrize(
    ("clock", "rows", "expected"),
    [
        # B1's vector lacks A0: A0 and B1, which are ordered, look concurrent.
        ("vector", [{0: 1}, {0: 2}, {1: 1}, {1: 2}], {"wrong": 1, "hidden": 0, "differ": 1}),
        # A1's vector says that it knows of B0.
        ("vector", [{0: 1}, {0: 2, 1: 1}, {1: 1}, {0: 1, 1: 2}],
         {"wrong": 0, "hidden": 1, "hidden_share": 1 / 3, "differ": 1}),
        # Equal vectors of ordered events are wrong, and order nothing.
        ("vector", [{0: 1}, {0: 1}, {1: 1}, {0: 1, 1: 2}], {"wrong": 1, "hidden": 1,
         "hidden_share": 1 / 3, "differ": 1}),
        # Of B1 nothing was logged: of the other three events one pair is ordered, two are not.
        ("vector", [{0: 1}, {0: 2}, {1: 1}, None],
         {"wrong": 0, "hidden": 0, "differ": 1,
          "why_not": "1 event has none; pairs are of the others"}),
        ("vector", [None, {0: 2}, None, {0: 1, 1: 2}],
         {"wrong": 0, "hidden": 0, "differ": 2, "bytes": {"mean": 0.0, "max": 0, "total": 0},
          "why_not": "2 events have none; pairs are of the others"}),
        ("vector", [{0: 1}, {0: 2}, {1: 1}, {0: 1, 1: 2}], {"wrong": 0, "hidden": 0, "differ": 0}),
        # Of a matrix an event's own row counts: A's 0 and 1, B's 2 and 3.
        ("matrix", [{0: 1}, {0: 2}, {3: 1}, {2: 0, 3: 2}],
         {"wrong": 1, "hidden": 0, "differ": 1, "bytes": sizes(7)}),
        ("matrix", [{0: 1}, {0: 2, 3: 9}, {3: 1}, {0: 1, 2: 1, 3: 2}],
         {"wrong": 0, "hidden": 0, "differ": 1, "bytes": sizes(7)}),
        ("hybrid", [{0: 100, 1: 0}, {0: 101}, {0: 50}, {0: 100, 1: 1}],
         {"wrong": 0, "hidden": 3, "hidden_share": 1.0, "differ": 0, "bytes": sizes(5),
          "offset_ns_max": 10, "counter_max": 1}),
        # B1 = 100.0 is no later than A0; A1 = 95.7 is before it.
        ("hybrid", [{0: 100, 1: 0}, {0: 95, 1: 7}, {0: 50}, {0: 100, 1: 0}],
         {"wrong": 2, "hidden": 3, "hidden_share": 1.0, "differ": 2, "bytes": sizes(5),
          "offset_ns_max": 10, "counter_max": 7}),
        ("hybrid", [{0: 100, 1: 0}, {0: 101}, {0: 50}, None],
         {"wrong": 0, "hidden": 2, "hidden_share": 1.0, "differ": 1, "bytes": sizes(5),
          "why_not": "1 event has none; pairs are of the others"}),
    ],
)  # fmt: skip
def test_a_logged_clock_is_compared_exactly_as_it_is(
    clock: str, rows: list[dict[int, int] | None], expected: dict[str, Any]
) -> None:
    trace, messages = small_history()
    logged = compare(trace.replace(timestamps=from_rows(clock, rows)), messages).clocks[-1]
    common = {"logged": True, "hidden_share": 0.0, "bytes": sizes(3)}
    assert logged.to_dict() == report(clock, **{**common, **expected})


def test_a_logged_clock_that_cannot_be_computed_is_compared_all_the_same() -> None:
    trace, messages = small_history()
    rows: list[dict[int, int] | None] = [{0: 100}, {0: 101}, {0: 50}, {0: 90}]
    bare = trace.replace(
        columns=trace.columns._replace(time_ns=None), timestamps=from_rows("hybrid", rows)
    )
    found = compare(bare, messages).clocks[-1]
    assert (found.wrong, found.hidden, found.differ, found.offset_ns_max) == (1, 3, None, None)
    assert found.counter_max == 0


def test_a_lamport_clock_that_events_lack_is_compared_pair_by_pair() -> None:
    trace, messages = small_history(clock=[5, 5, MISSING, 1])
    found = compare(trace, messages).clocks[-1]
    expected = report(
        "lamport", logged=True, wrong=2, hidden=1, hidden_share=1.0, differ=4,
        why_not="1 event has none; pairs are of the others",
    )  # fmt: skip
    assert found.to_dict() == expected


def test_messages_sent_are_those_of_the_targets_where_the_log_has_them() -> None:
    targets = [EVERY_PEER, 1, NO_TARGET, SET_FIRST - 1]
    trace, messages = small_history(target=targets)
    trace = trace.replace(sets=[(0, 1), (0, 1, 2)])
    assert messages_sent_by_event(trace, messages).tolist() == [1, 1, 0, 3]
    peers = trace.replace(peers=[(1, 2, 3, 4), (0,)])
    assert messages_sent_by_event(peers, messages).tolist() == [4, 1, 0, 3]
    found = compare(peers, messages)
    assert found.messages == 8
    assert found.clocks[0].bytes == Bytes(1.0, 1, 8)
    # 100.0 four times, 101.0 once, 100.1 three times
    assert found.clocks[3].bytes == Bytes(5.0, 5, 40)


def test_messages_sent_are_those_received_where_the_log_has_no_targets() -> None:
    events = [DrawnEvent(0, (), 0), DrawnEvent(1, (), 0), DrawnEvent(2, (0, 1), 0),
              DrawnEvent(1, (0,), 0)]  # fmt: skip
    history = build_history(3, events)
    assert messages_sent_by_event(history.trace, history.messages).tolist() == [2, 1, 0, 0]


@given(st.lists(st.integers(-(2**63) + 1, 2**63 - 1), max_size=9))
def test_sizes_are_those_of_the_decimal_digits(numbers: list[int]) -> None:
    edges = [sign * (10**digits + by) for digits in range(19) for by in (-1, 0) for sign in (-1, 1)]
    every = [*numbers, *edges, 2**63 - 1, -(2**63) + 1]
    assert decimal_sizes(np.array(every)).tolist() == [len(str(each)) for each in every]


def test_a_wilson_interval_is_that_of_the_tables() -> None:
    assert wilson_interval(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert wilson_interval(0, 10)[0] == 0
    assert wilson_interval(10, 10) == pytest.approx((0.7225, 1), abs=1e-4)
    assert wilson_interval(10, 10)[1] <= 1
    assert wilson_interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)


def two_processes(events: int) -> tuple[Trace, Messages]:
    """Return events of two processes that never speak, one after the other in time."""
    _, trace, messages = build_trace(2, [DrawnEvent(at % 2, (), at) for at in range(events)])
    return trace, messages


def test_all_pairs_are_looked_at_up_to_a_number_of_events_and_then_a_sample() -> None:
    drawn_pairs: list[tuple[IntArray, IntArray]] = []

    def precedes(a: IntArray, b: IntArray) -> BoolArray:
        drawn_pairs.append((a, b))
        return np.asarray(a < b)

    def counts(events: int) -> PairCounts:
        causal = causal_order(*two_processes(events))
        order = pair_order(causal, vector_clocks(causal))
        drawn_pairs.clear()
        return count_pairwise(order, np.arange(events), precedes)

    most = ALL_PAIRS_EVENTS_MAX
    half = most // 2
    assert counts(most) == PairCounts(0, half**2, half * (half - 1), half**2, None)
    drawn = counts(most + 1)
    numbers: Any = np.arange(1, 2 * PAIRS_DRAWN + 1, dtype=np.uint64)
    words: Any = mix(numbers * np.uint64(0x9E3779B97F4A7C15))
    a, b = np.split((words % np.uint64(most + 1)).astype(int), 2)
    a, b = a[a != b], b[a != b]
    assert [each.tolist() for each in drawn_pairs[0]] == [a.tolist(), b.tolist()]
    are_apart = (a > half) != (b > half)
    assert drawn.sample == len(are_apart) == drawn.ordered + drawn.concurrent
    assert (drawn.wrong, drawn.hidden, drawn.concurrent) == (0, *[are_apart.sum()] * 2)


def test_counts_of_a_sample_are_scaled_up_to_all_pairs() -> None:
    """Half of the pairs are concurrent; the clock orders all of them, and none wrongly."""
    events = ALL_PAIRS_EVENTS_MAX + 2
    trace, messages = two_processes(events)
    clock = np.arange(events)
    clock[0] = MISSING  # so that pairs are drawn, of the other 1501
    found = compare(trace.replace(columns=trace.columns._replace(clock=clock)), messages).clocks[-1]
    pairs = events * (events - 1) // 2
    assert found.sample is not None
    assert found.hidden_share == 1.0
    assert found.wrong == 0
    assert found.wrong_interval == (0, int(wilson_interval(0, found.sample)[1] * pairs))
    hidden = round((found.hidden or 0) / pairs * found.sample)
    low, high = wilson_interval(hidden, found.sample)
    assert found.hidden_interval == (int(low * pairs), int(high * pairs))
    assert found.hidden == pytest.approx(pairs / 2, rel=0.01)
    assert compare_command._remarks(found)[1] == (
        f"lamport, as logged: estimated from {found.sample} pairs drawn; with 95 % confidence "
        f"0 to {found.wrong_interval[1]} wrongly ordered, {found.hidden_interval[0]} to "
        f"{found.hidden_interval[1]} hidden"
    )
    assert compare_command._row(found)[:4] == [
        "lamport, as logged", "≈ 0", f"≈ {found.hidden}", "100.0 %"
    ]  # fmt: skip


def test_the_command_prints_what_is_unknown_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    trace, messages = small_history()
    lost = messages._replace(source=np.where(messages.source >= 0, UNMATCHED, messages.source))
    bare = trace.replace(columns=trace.columns._replace(time_ns=None))
    compare_command._show(compare(bare, lost))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "4 events of 2 processes, 0 messages sent; of 6 pairs of events 2 are ordered by "
        "happened-before, 4 concurrent",
        "unknown: 1 receive of a message whose send is not in the log; counted as if nothing "
        "had been received",
        "",
    ]
    why = "this log has no times of the machines' physical clocks, which are needed here"
    assert lines[-3:] == ["", f"hybrid: {why}", f"physical: {why}"]
    assert [line.split() for line in lines[-5:-3]] == [[each, *"-----"] for each in
                                                       ("hybrid", "physical")]  # fmt: skip


def test_the_command_prints_every_clock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = driftlab.Scenario(rates=[6, 3, 1], seconds=20, clock="hybrid", offset_ms=[0, 500, 0])
    driftlab.simulate(scenario, out=tmp_path / "run")
    assert main(["compare", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    for line in ("lamport", "vector", "matrix", "hybrid", "physical", "hybrid, as logged"):
        assert f"\n{line} " in said
    assert main(["compare", str(tmp_path / "run"), "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert isinstance(driftlab.read(tmp_path / "run"), History)
    assert [each["wrong"] > 0 for each in plain["clocks"]] == [False] * 4 + [True] + [False] * 2
    assert plain["clocks"][3]["offset_ns_max"] > 400_000_000
