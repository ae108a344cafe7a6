"""All clocks side by side: the counts are those of looking at every pair."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import driftlab
from driftlab.analysis import compare as compare_module
from driftlab.analysis.compare import Compared, Comparison, compare, pair_order, wilson_interval
from driftlab.analysis.restamp import causal_order, restamp, vector_clocks
from driftlab.api.history import History
from driftlab.cli.main import main
from driftlab.clocks.catalogue import CLOCKS
from driftlab.history.matching.messages import UNMATCHED
from driftlab.model.columns import MISSING, from_rows
from tests.drawn_histories import DrawnHistory, histories, present

Less = Callable[[int, int], bool]  # of two drawn events


def by_name(comparison: Comparison) -> dict[tuple[str, bool], Compared]:
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


def assert_counts(found: Compared, history: DrawnHistory, less: Less) -> None:
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
    assert not isinstance(run, list)
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
    assert not isinstance(run, list)
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
    assert not isinstance(run, list)
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
