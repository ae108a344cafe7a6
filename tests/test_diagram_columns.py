"""The columns of a diagram: what the trace says, its messages, and where they were found."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given

import driftlab
from driftlab.api.diagram import columns_of
from driftlab.api.history import History
from driftlab.api.simulate_one import simulated_trace
from driftlab.diagram.columns import NOT_FOUND, Diagram, diagram_of
from driftlab.diagram.intact_messages import intact_messages
from driftlab.diagram.part import first_part, part_of, span_of
from driftlab.history.matching.match import match
from driftlab.history.trace import Trace
from driftlab.model.columns import MISSING, RECEIVE, Columns
from driftlab.scenario.scenario import Scenario
from tests.executions import executions
from tests.histories import Tiny, tinies
from tests.traces import simulated

SCENARIOS = (
    {"rates": [6, 3, 1], "seed": 3},
    {"rates": [20, 20, 1], "faces": 4, "seed": 5},
    {"rates": [3, 5, 2, 4, 1], "topology": "ring", "send_all": 0.3, "send_one": 0.3},
    {"rates": [2, 3, 4, 5], "topology": "star", "latency": "exponential:0.4"},
    {"rates": [9, 4, 2, 7], "order": "arrival", "latency": "uniform:0.01..2", "faces": 3},
    {"rates": [6, 3, 1], "offset_ms": [0, 400, -300], "skew_ppm": [0, 900, -900]},
)


def trace_of(**keys: object) -> Trace:
    return simulated_trace(Scenario.from_dict({"seconds": 20, **keys}), 1)[0]


def same(one: Diagram, other: Diagram) -> bool:
    return one.columns.keys() == other.columns.keys() and all(
        np.array_equal(column, other.columns[name], equal_nan=column.dtype.kind == "f")
        for name, column in one.columns.items()
    )


@pytest.mark.parametrize("keys", SCENARIOS)
def test_a_whole_run_is_matched_at_once_as_by_the_general_matching(keys: dict[str, object]) -> None:
    trace = trace_of(**keys)
    quick, general = intact_messages(trace), match(trace)
    assert quick is not None
    assert quick.source.tolist() == general.source.tolist()
    assert quick.sender.tolist() == general.sender.tolist()
    assert same(diagram_of(trace, quick), diagram_of(trace, general))


def test_a_run_in_which_any_number_is_changed_is_matched_as_by_the_general_matching() -> None:
    dice, said = Random(7), 0
    for _ in range(300):
        trace = trace_of(**SCENARIOS[dice.randrange(len(SCENARIOS))], seconds=6)
        name = dice.choice(["clock", "sender", "stamp", "target", "kind"])
        column = getattr(trace.columns, name).copy()
        row = dice.randrange(len(column))
        column[row] = dice.choice([int(column[dice.randrange(len(column))]), int(column[row]) + 1])
        damaged = trace.replace(columns=trace.columns._replace(**{name: column}))
        quick = intact_messages(damaged)
        if quick is not None:
            said += 1
            assert quick.source.tolist() == match(damaged).source.tolist(), (name, row)
    assert said < 290  # most damage is seen


def test_a_stamp_that_no_send_has_is_left_to_the_general_matching() -> None:
    trace = trace_of(**SCENARIOS[0])
    of = trace.columns
    assert of.clock is not None
    assert of.stamp is not None
    assert of.sender is not None
    tried = 0
    for row in np.flatnonzero(of.kind == RECEIVE).tolist():
        lane = trace.rows_of(int(of.sender[row]))
        free = set(range(1, int(of.clock[lane].max()))) - set(of.clock[lane].tolist())
        for stamp in sorted(free)[:3]:
            changed = of.stamp.copy()
            changed[row] = stamp
            damaged = trace.replace(columns=of._replace(stamp=changed))
            assert intact_messages(damaged) is None
            tried += 1
    assert tried > 10


def test_a_stamp_just_below_the_clock_of_its_send_is_left_to_the_general_matching() -> None:
    trace = trace_of(**SCENARIOS[0])
    of = trace.columns
    assert of.clock is not None
    assert of.stamp is not None
    has_stamp = of.stamp != MISSING
    for less, is_said in ((0, True), (1, False)):
        stamp = np.where(has_stamp, of.stamp * 2 - less, MISSING)
        changed = trace.replace(columns=of._replace(clock=of.clock * 2, stamp=stamp))
        assert (intact_messages(changed) is not None) is is_said


@given(executions())
def test_an_execution_of_another_program_is_drawn_with_the_messages_matched(trace: Trace) -> None:
    messages = match(trace)
    diagram = diagram_of(trace, messages)
    pairs = set(zip(diagram.columns["m_receive"].tolist(), diagram.columns["m_send"].tolist(),
                    strict=True))  # fmt: skip
    receives = messages.receives.tolist()
    expected = {(row, int(messages.source[row])) for row in receives}
    extra = zip(messages.extra_receives.tolist(), messages.extra_sends.tolist(), strict=True)
    assert pairs == expected | set(extra)
    assert (np.diff(diagram.columns["m_receive"]) >= 0).all()
    assert [lane.name for lane in diagram.lanes] == list(trace.names)
    assert [lane.start for lane in diagram.lanes] == trace.starts[:-1].tolist()


@given(tinies())
def test_a_history_with_cycles_and_several_messages_an_event_is_drawn(each: Tiny) -> None:
    diagram = diagram_of(each.trace, each.messages)
    drawn = zip(diagram.columns["m_send"].tolist(), diagram.columns["m_receive"].tolist(),
                strict=True)  # fmt: skip
    assert set(drawn) == set(each.pairs)


@pytest.mark.parametrize("keys", SCENARIOS)
def test_each_message_was_found_at_the_tick_whose_arrivals_have_it(keys: dict[str, object]) -> None:
    trace = trace_of(**keys)
    diagram = columns_of(History(trace), "")
    of, arrivals = diagram.columns, trace.arrivals
    assert arrivals is not None
    found = sorted(
        (int(arrivals.sender[at]), int(arrivals.stamp[at]), row)
        for row in range(len(trace))
        for at in range(int(arrivals.starts[row]), int(arrivals.starts[row + 1]))
    )
    assert trace.columns.clock is not None
    drawn = sorted(
        (trace.process_of(send), int(trace.columns.clock[send]), row)
        for sends, rows in (("m_send", "m_found"), ("w_send", "w_found"))
        if sends in of
        for send, row in zip(of[sends].tolist(), of[rows].tolist(), strict=True)
    )
    assert drawn == found
    assert (of["m_found"] <= of["m_receive"]).all()


def test_a_log_without_arrivals_says_that_nothing_is_known_of_them(tmp_path: Path) -> None:
    log = tmp_path / "a.csv"
    log.write_text("process,kind,lamport,sender,targets\na,send,1,,b\nb,receive,2,a,\n")
    diagram = columns_of(driftlab.read(log), "")
    assert diagram.columns["m_found"].tolist() == [NOT_FOUND]
    assert diagram.time_meaning is None
    assert "time" not in diagram.columns


def test_times_of_a_run_are_those_at_which_ticks_began_in_scenario_time(tmp_path: Path) -> None:
    run = driftlab.run(Scenario(rates=[20, 10], seconds=4, speed=10), out=tmp_path / "run")
    trace = run.history.trace  # type: ignore[union-attr]
    diagram = columns_of(History(trace), "")
    due, late = trace.columns.due_ns, trace.columns.late_ns
    assert due is not None
    assert late is not None
    assert diagram.time_meaning == "scenario"
    assert diagram.is_real
    np.testing.assert_allclose(diagram.columns["time"], (due + late) * 10)
    # Both clocks passed about the same time since the start.
    assert np.abs(diagram.columns["own"] - diagram.columns["time"]).max() < 1e9
    np.testing.assert_allclose(diagram.columns["late"], late, rtol=1e-6)


def test_own_clocks_that_were_set_wrong_have_a_column_of_their_own() -> None:
    right, wrong = trace_of(**SCENARIOS[0]), trace_of(**SCENARIOS[5])
    assert "own" not in columns_of(History(right), "").columns
    of = columns_of(History(wrong), "").columns
    ahead = of["own"] - of["time"]
    starts = wrong.starts[:-1]
    assert (ahead[starts] / 1e6).round().tolist() == [0, 400, -300]


def test_what_is_missing_is_missing_and_no_number() -> None:
    trace = Trace(
        ["A"],
        np.array([0, 3]),
        Columns(
            kind=np.array([0, 1, 2], np.uint8),
            clock=np.array([1, MISSING, 3]),
            queue=np.array([MISSING, 0, 2**40]),
            time_ns=np.array([10**18 + 5, MISSING, 10**18]),
        ),
    )
    of = diagram_of(trace, match(trace)).columns
    assert of["clock"].tolist() == [1, -1, 3]
    assert of["queue"].tolist() == [-1, 0, -1]
    assert of["time"][0] == 5  # relative to the least
    assert np.isnan(of["time"][1])


def test_clocks_beyond_32_bits_and_times_that_are_far_apart_are_floats() -> None:
    trace = Trace(
        ["A"],
        np.array([0, 2]),
        Columns(
            kind=np.zeros(2, np.uint8),
            clock=np.array([2**40 + 1, 2**62]),
            time_ns=np.array([-(2**62) - 5, 2**62]),
        ),
    )
    of = diagram_of(trace, match(trace)).columns
    assert of["clock"].tolist() == [2**40 + 1, 2.0**62]
    assert of["time"].tolist() == [0, 2.0**63]


def test_a_tick_is_left_out_where_it_is_the_number_of_the_event(tmp_path: Path) -> None:
    folder = simulated(tmp_path)
    assert "tick" not in columns_of(driftlab.read(folder), "").columns
    log = folder / "A.log"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:5] + lines[6:]))
    diagram = columns_of(driftlab.read(folder), "")
    trace = driftlab.read(folder).trace
    assert trace.columns.tick is not None
    assert diagram.columns["tick"].tolist() == trace.columns.tick.tolist()
    assert diagram.columns["gap"].tolist() == trace.gaps.tolist()
    assert any("missing" in remark for remark in diagram.remarks)


def test_the_columns_of_no_events_are_empty() -> None:
    trace = Trace(["A", "B"], np.zeros(3, np.int64), Columns(kind=np.zeros(0, np.uint8)))
    diagram = diagram_of(trace, match(trace))
    assert (diagram.events, diagram.messages, len(diagram.lanes)) == (0, 0, 2)


# Parts.


def test_a_part_has_the_events_of_a_span_and_the_messages_between_them() -> None:
    history = History(trace_of(**SCENARIOS[1]))
    whole = columns_of(history, "")
    part = span_of(whole, 5e9, 12e9)
    time = whole.columns["time"]
    rows = np.flatnonzero((time >= 5e9) & (time < 12e9))
    assert part.columns["time"].tolist() == time[rows].tolist()
    kept = {row: new for new, row in enumerate(rows.tolist())}
    pairs = zip(whole.columns["m_send"].tolist(), whole.columns["m_receive"].tolist(), strict=True)
    expected = [(kept[send], kept[row]) for send, row in pairs if send in kept and row in kept]
    found = zip(part.columns["m_send"].tolist(), part.columns["m_receive"].tolist(), strict=True)
    assert list(found) == expected
    assert sum(lane.end - lane.start for lane in part.lanes) == part.events == len(rows)
    assert "a part of the log" in part.remarks[-1]


@pytest.mark.parametrize("keys", SCENARIOS)
def test_a_send_whose_message_leaves_a_part_is_not_in_flight_there(keys: dict[str, object]) -> None:
    whole = columns_of(History(trace_of(**keys)), "")
    part = span_of(whole, 5e9, 12e9)
    of, time = whole.columns, whole.columns["time"]
    is_inside = (time >= 5e9) & (time < 12e9)
    new = np.cumsum(is_inside) - 1
    leaves = of["m_send"][is_inside[of["m_send"]] & ~is_inside[of["m_receive"]]].tolist()
    if "w_send" in of:
        leaves += of["w_send"][is_inside[of["w_send"]] & ~is_inside[of["w_found"]]].tolist()
    assert all(part.columns["target"][new[row]] == -2 for row in leaves)
    stays = set(np.flatnonzero(is_inside & (of["kind"] == 1)).tolist()) - set(leaves)
    assert all(part.columns["target"][new[row]] == of["target"][row] for row in stays)


def test_some_messages_do_leave_a_part() -> None:
    whole = columns_of(History(trace_of(**SCENARIOS[3])), "")
    part = span_of(whole, 5e9, 12e9)
    sends = part.columns["kind"] == 1
    assert 0 < np.count_nonzero(part.columns["target"][sends] == -2) < np.count_nonzero(sends)


@pytest.mark.parametrize("events_max", [1, 7, 100, 399])
def test_the_first_part_has_at_most_so_many_events_and_ends_at_one_instant(events_max: int) -> None:
    whole = columns_of(History(trace_of(**SCENARIOS[0], seconds=60)), "")
    part = first_part(whole, events_max)
    assert 0 < part.events <= events_max or events_max == 1
    last = max((part.columns["time"].max() if part.events else 0), 0)
    assert part.events == np.count_nonzero(whole.columns["time"] <= last) or not part.events
    assert first_part(whole, whole.events) is whole


def test_a_part_keeps_the_violations_of_its_events() -> None:
    whole = columns_of(History(trace_of(**SCENARIOS[0])), "")
    marked = whole._replace(
        verdict={
            "headline": "", "holds": False, "undecided": 0, "more": {"fifo": [2, 150]},
            "violations": [{"rule": "a", "text": "", "rows": [1, 0]},
                           {"rule": "b", "text": "", "rows": [140, 1]}],
        }
    )  # fmt: skip
    lanes = len(whole.lanes)
    ends = np.array([10] + [0] * (lanes - 1))
    part = part_of(marked, np.zeros(lanes, np.int64), ends)
    assert part.verdict is not None
    assert [each["rows"] for each in part.verdict["violations"]] == [[1, 0]]
    assert part.verdict["more"] == {"fifo": [2]}
    assert (part.columns["kind"] == RECEIVE).sum() <= 10
