"""Clocks computed afterwards are those that a run would have kept, whatever the log."""

import codecs
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import driftlab
from driftlab.analysis import restamp as restamp_module
from driftlab.analysis.restamp import (
    EVENTS_ONE_BY_ONE_MAX,
    NUMBERS_MAX,
    RestampError,
    causal_order,
    compute_timestamps,
    count_differing,
    count_unknown_receives,
    issue_timestamps,
    lamport_clocks,
    numbers_per_timestamp,
    physical_times_ns,
    recompute_lamport,
    require_computable,
    restamp,
    restamped_messages,
    timestamps_as_text,
    zero_timestamp_text,
)
from driftlab.api.export import OutputError, write_restamped
from driftlab.api.replay_and_twin import replay_runs
from driftlab.cli.main import main
from driftlab.cli.restamp import EVENTS_SHOWN
from driftlab.clocks.catalogue import CLOCKS
from driftlab.history.happened_before import HappenedBefore
from driftlab.history.matching.messages import UNMATCHED, Messages
from driftlab.history.trace import Trace
from driftlab.history.vector_times import CycleError
from driftlab.jit import Loop
from driftlab.journal.run_folder import RunFolderError
from driftlab.model.columns import MISSING, NOBODY, Columns, from_rows
from tests.drawn_histories import (
    DrawnEvent,
    DrawnHistory,
    build_history,
    build_trace,
    histories,
    present,
)

FURTHER = [name for name in CLOCKS if name != "lamport"]
LOOPS = [name for name, value in vars(restamp_module).items() if isinstance(value, Loop)]

scenarios = st.builds(
    driftlab.Scenario,
    rates=st.lists(st.sampled_from([1, 2.5, 6, 9]), min_size=3, max_size=3),
    seconds=st.just(8),
    seed=st.integers(0, 999),
    clock=st.sampled_from(list(CLOCKS)),
    latency=st.sampled_from(["none", "exponential:0.3"]),
    offset_ms=st.just([0, 400, -300]),
    skew_ppm=st.just([0, 90_000, -40_000]),
)


def texts(trace: Trace) -> list[Any]:
    """Return what all clocks of a trace say, as plain values."""
    clock = trace.columns.clock
    return [None if clock is None else clock.tolist(), trace.timestamp_texts()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder whose clocks are off, and which keeps no additional clock."""
    return simulated(tmp_path / "plain", "lamport")


def simulated(out: Path, clock: str) -> Path:
    scenario = driftlab.Scenario(
        rates=[6, 3, 1], seconds=20, seed=2, clock=clock, latency="exponential:0.1",
        offset_ms=[0, 50, -20], skew_ppm=[0, 100, -50],
    )  # fmt: skip
    driftlab.simulate(scenario, out=out)
    return out


# The order, and the clocks, of any history


@given(histories())
def test_the_order_is_causal(history: DrawnHistory) -> None:
    order = HappenedBefore(history.trace, history.messages).causal_order().tolist()
    place = {row: number for number, row in enumerate(order)}
    assert len(place) == len(history.events)
    for event, past in enumerate(history.past):
        assert all(place[history.row[e]] < place[history.row[event]] for e in past)


@given(histories())
def test_lamport_is_the_length_of_the_longest_chain(history: DrawnHistory) -> None:
    trace = restamp(history.trace, history.messages, "lamport")
    clocks = present(trace.columns.clock)
    clock = [int(clocks[row]) for row in history.row]
    for event, past in enumerate(history.past):
        assert clock[event] == 1 + max((clock[e] for e in past), default=0)


@given(histories())
def test_a_vector_counts_the_past_and_a_matrix_its_last_events(history: DrawnHistory) -> None:
    causal = causal_order(history.trace, history.messages)
    counted = restamp_module.vector_clocks(causal)
    vectors = counted.tolist()
    width = history.processes
    matrices = restamp_module.matrix_clocks(history.trace, counted).tolist()

    def vector(event: int) -> list[int]:
        with_past = history.past[event] | {event}
        return [sum(history.events[e].process == p for e in with_past) for p in range(width)]

    for event, row in enumerate(history.row):
        assert vectors[row] == vector(event)
        for process in range(width):
            of_it = [e for e in history.past[event] | {event}
                     if history.events[e].process == process]  # fmt: skip
            expected = vector(max(of_it)) if of_it else [0] * width
            assert matrices[row][process * width : (process + 1) * width] == expected


@given(histories())
def test_a_hybrid_clock_is_the_latest_time_of_the_past_and_the_chain_that_has_it(
    history: DrawnHistory,
) -> None:
    texts = restamp(history.trace, history.messages, "hybrid").timestamp_texts()
    for event, past in enumerate(history.past):
        latest, count = (int(part) for part in (texts[history.row[event]] or "").split("."))
        assert latest == max(history.events[e].now_ns for e in past | {event})
        before = [(texts[history.row[e]] or "").split(".") for e in past]
        same = [int(number) for time, number in before if int(time) == latest]
        assert count == (max(same) + 1 if same else 0)


@pytest.mark.parametrize("clock", FURTHER)
@given(history=histories(sources_max=1))
def test_the_rules_over_columns_are_those_of_the_clocks(clock: str, history: DrawnHistory) -> None:
    causal = causal_order(history.trace, history.messages)
    held = compute_timestamps(causal, clock)
    whole = Trace(history.trace.names, history.trace.starts, history.trace.columns, timestamps=held)
    assert whole.timestamp_texts() == [stamp.encode() for stamp in issue_timestamps(causal, clock)]


@given(histories(sources_max=1))
def test_the_rule_of_lamport_over_columns_is_that_of_the_clock(history: DrawnHistory) -> None:
    causal = causal_order(history.trace, history.messages)
    clocks = lamport_clocks(causal, np.zeros(len(history.events), np.int64))
    assert clocks.tolist() == [stamp.clock for stamp in issue_timestamps(causal, "lamport")]


@pytest.mark.parametrize("name", LOOPS)
def test_a_compiled_loop_does_what_the_plain_one_does(name: str) -> None:
    events = [DrawnEvent(at * 7 % 4, (at - 3, at - 5) if at % 3 and at > 5 else (), at * 37 % 90)
              for at in range(300)]  # fmt: skip
    history = build_history(4, events)
    causal = causal_order(history.trace, history.messages)
    inputs: list[Any] = [causal.order, causal.first, *causal.sources]
    inputs += [history.trace.process_column(), 4] if name == "_vector" else [
        history.trace.columns.time_ns
    ]  # fmt: skip
    shape = {"_vector": (1, 1200), "_hybrid": (2, 300), "_lamport": (1, 300)}[name]
    loop = getattr(restamp_module, name)
    ways = [np.zeros(shape, np.int32 if name == "_vector" else np.int64) for _ in range(2)]
    loop.compiled(*inputs, *ways[0])
    loop(300, inputs, list(ways[1]))
    assert ways[0].any()
    assert (ways[0] == ways[1]).all()


# Simulated runs


@settings(max_examples=60)
@given(scenarios)
def test_a_run_restamped_with_its_clock_is_what_it_recorded(scenario: driftlab.Scenario) -> None:
    run = driftlab.simulate(scenario, record="all")
    assert isinstance(run, driftlab.Run)
    history = run.history
    assert texts(history.restamp(scenario.clock).trace) == texts(history.trace)


@settings(max_examples=60)
@given(scenarios, st.sampled_from(list(CLOCKS)))
def test_restamping_twice_is_restamping_once(scenario: driftlab.Scenario, clock: str) -> None:
    run = driftlab.simulate(scenario, record="all")
    assert isinstance(run, driftlab.Run)
    once = run.history.restamp(clock)
    again = driftlab.History(once.trace).restamp(clock)  # its messages matched anew
    assert texts(again.trace) == texts(once.trace)
    assert present(again.trace.columns.stamp).tolist() == present(once.trace.columns.stamp).tolist()


@pytest.mark.parametrize("clock", list(CLOCKS))
def test_a_restamped_folder_is_that_of_a_run_that_kept_the_clock(
    clock: str, folder: Path, tmp_path: Path
) -> None:
    write_restamped(driftlab.read(folder).restamp(clock), clock, tmp_path / "anew", folder)
    kept = simulated(tmp_path / "kept", clock)
    for path in sorted(kept.iterdir()):
        assert (tmp_path / "anew" / path.name).read_bytes() == path.read_bytes()


def test_a_real_run_restamped_is_what_its_machines_recorded(tmp_path: Path) -> None:
    driftlab.run(
        driftlab.Scenario(rates=[40, 30, 20], seconds=1, clock="hybrid", offset_ms=[0, 80, -50]),
        out=tmp_path / "run",
    )
    history = driftlab.read(tmp_path / "run")
    assert len(history) == 90
    assert texts(history.restamp("hybrid").trace) == texts(history.trace)


def test_lamport_restamped_repairs_wrong_clocks(folder: Path, tmp_path: Path) -> None:
    """All its clocks made three times as large, as a process might, that counts wrong."""
    for path in folder.glob("*.log"):
        lines = [line.split("\t") for line in path.read_text().splitlines()]
        for line in lines:
            if len(line) > 1:
                line[6] = line[6] if line[6] == "-" else str(3 * int(line[6]))
                line[8] = str(3 * int(line[8]))
                line[10] = ",".join(
                    f"{item[:2]}{3 * int(item[2:])}" for item in line[10].split(",") if item != "-"
                ) or "-"  # fmt: skip
        path.write_text("".join("\t".join(line) + "\n" for line in lines))
    write_restamped(
        driftlab.read(folder).restamp("lamport"), "lamport", tmp_path / "repaired", folder
    )
    right = simulated(tmp_path / "right", "lamport")
    for path in sorted(right.iterdir()):
        assert (tmp_path / "repaired" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("clock", list(CLOCKS))
def test_what_a_lost_journal_leaves_unknown_is_counted_and_still_replays(
    clock: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "B.log").unlink()
    with (folder / "A.log").open("r+b") as file:
        file.truncate(file.seek(0, 2) - 100)
    out = tmp_path / "anew"
    assert main(["restamp", str(folder), "--clock", clock, "--out", str(out)]) == 0
    assert "of a message whose send is not in the log" in capsys.readouterr().out
    history = driftlab.read(out)
    assert len(history) == len(driftlab.read(folder))
    if clock == "lamport":  # stamps of messages whose send is lost still say what they said
        assert texts(history.trace) == texts(driftlab.read(folder).trace)
    assert [one.reason for one in history.trace.unread] == ["breaks off in the middle"]
    assert texts(history.restamp(clock).trace) == texts(history.trace)
    assert all(each.difference is None for each in replay_runs(out))


def test_a_stamp_from_nowhere_that_would_name_another_message_is_none(folder: Path) -> None:
    """One stamp shows that the clocks of before are not those of now: no other counts either."""
    (folder / "B.log").unlink()
    history = driftlab.read(folder)
    messages = history.messages
    columns = history.trace.columns
    stamp = present(columns.stamp).copy()
    row = int(np.flatnonzero(messages.source >= 0)[-1])
    stamp[row] = 1  # the sender's first event has this clock, and is no send to it
    source = messages.source.copy()
    source[row] = UNMATCHED
    trace = history.trace.replace(columns=columns._replace(stamp=stamp))
    anew = restamp(trace, messages._replace(source=source), "lamport")
    assert set(present(anew.columns.stamp)[source == UNMATCHED].tolist()) == {0}
    assert anew.arrivals is not None
    assert set(anew.arrivals.stamp[anew.arrivals.sender == 1].tolist()) == {0}
    bare = trace.replace(columns=columns._replace(stamp=None, sender=None))
    alone = restamp(bare, messages._replace(source=source), "lamport")
    assert present(anew.columns.clock).tolist() == present(alone.columns.clock).tolist()


def test_payloads_and_what_was_recorded_stay(tmp_path: Path) -> None:
    process = tmp_path / "ring.py"
    process.write_text(
        "from driftlab import Process, Record, Send\n"
        "class Ring(Process):\n"
        "    def idle(self):\n"
        "        return [Send('B' if self.machine.name == 'A' else 'A', {'a b': 'x,y'})]\n"
        "    def receive(self, message):\n"
        "        return [Record(message.payload)]\n"
    )
    scenario = driftlab.Scenario(rates=[3, 2], seconds=9, process=f"{process}:Ring")
    driftlab.simulate(scenario, out=tmp_path / "plain")
    driftlab.simulate(scenario.replace(clock="vector"), out=tmp_path / "kept")
    plain = tmp_path / "plain"
    write_restamped(driftlab.read(plain).restamp("vector"), "vector", tmp_path / "anew", plain)
    for path in sorted((tmp_path / "kept").iterdir()):
        assert (tmp_path / "anew" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_events_are_written_with_their_timestamps(
    suffix: str, folder: Path, tmp_path: Path
) -> None:
    history = driftlab.read(folder).restamp("vector")
    out = tmp_path / f"events.{suffix}"
    write_restamped(history, "vector", out, folder)
    frame = pl.read_csv(out) if suffix == "csv" else pl.read_parquet(out)
    assert frame["timestamp"].to_list() == history.trace.timestamp_texts()
    with pytest.raises(OutputError, match="exists and is not overwritten"):
        write_restamped(history, "vector", out, folder)


# Exact values of a small history: A0 sends to B1 and to C0; B0 and C0 are first events


def small_history() -> DrawnHistory:
    return build_history(
        3, [DrawnEvent(0, (), 70), DrawnEvent(1, (), 50), DrawnEvent(1, (0,), 60),
            DrawnEvent(2, (0,), 90), DrawnEvent(1, (3, 2), 80), DrawnEvent(0, (), 71)],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("lamport", ["1", "2", "1", "2", "3", "2"]),
        ("vector", ["1.0.0", "2.0.0", "0.1.0", "1.2.0", "1.3.1", "1.0.1"]),
        ("hybrid", ["70.0", "71.0", "50.0", "70.1", "90.1", "90.0"]),
        (
            "matrix",
            ["1.0.0/0.0.0/0.0.0", "2.0.0/0.0.0/0.0.0", "0.0.0/0.1.0/0.0.0", "1.0.0/1.2.0/0.0.0",
             "1.0.0/1.3.1/1.0.1", "1.0.0/0.0.0/1.0.1"],
        ),
    ],
)  # fmt: skip
def test_the_timestamps_of_a_small_history_are_exact(clock: str, expected: list[str]) -> None:
    history = small_history()
    trace = restamp(history.trace, history.messages, clock)
    assert timestamps_as_text(trace, clock, range(6)) == expected
    assert count_differing(trace, trace, clock) == 0
    assert count_differing(history.trace, trace, clock) is None
    assert numbers_per_timestamp(clock, 3) == expected[0].count(".") + (
        1 if "/" not in expected[0] else 3
    )


def test_timestamps_that_differ_are_counted_each_once() -> None:
    history = small_history()
    right = restamp(history.trace, history.messages, "vector")
    rows: list[dict[int, int] | None] = [
        {0: 1}, {0: 2, 1: 9, 2: 9}, None, {0: 1, 1: 2, 2: 1}, {0: 1, 1: 3, 2: 1}, {2: 1}
    ]  # fmt: skip
    logged = right.replace(timestamps=from_rows("vector", rows))
    assert count_differing(logged, right, "vector") == 4
    assert count_differing(logged, right, "hybrid") is None
    lamport = restamp(history.trace, history.messages, "lamport")
    clocks = present(lamport.columns.clock).copy()
    clocks[[1, 4]] += 1
    wrong = lamport.replace(columns=lamport.columns._replace(clock=clocks))
    assert count_differing(wrong, lamport, "lamport") == 2


def test_physical_times_are_those_of_the_clocks_else_of_the_ticks() -> None:
    trace = small_history().trace
    columns = trace.columns._replace(due_ns=np.arange(6) * 10, late_ns=np.arange(6))
    assert physical_times_ns(trace.replace(columns=columns)).tolist() == [70, 71, 50, 60, 80, 90]
    columns = columns._replace(time_ns=None)
    assert physical_times_ns(trace.replace(columns=columns)).tolist() == [0, 11, 22, 33, 44, 55]
    columns = columns._replace(late_ns=None)
    assert physical_times_ns(trace.replace(columns=columns)).tolist() == [0, 10, 20, 30, 40, 50]
    due = np.array([0, 10, 20, MISSING, 40, MISSING])
    with pytest.raises(RestampError) as caught:
        physical_times_ns(trace.replace(columns=columns._replace(due_ns=due)))
    assert str(caught.value) == (
        "every event needs a time, but 2 of 6 have none, first P1's event 1"
    )


@pytest.mark.parametrize("events", [EVENTS_ONE_BY_ONE_MAX, EVENTS_ONE_BY_ONE_MAX + 1])
@pytest.mark.parametrize("clock", FURTHER)
def test_a_long_history_is_restamped_as_a_short_one(clock: str, events: int) -> None:
    """P0 has all events but the last two: P1's, which hears of P0, and P0's, which hears of it."""
    alone = events - 2
    drawn = [DrawnEvent(0, (), at) for at in range(alone)]
    drawn += [DrawnEvent(1, (alone - 1,), 0), DrawnEvent(0, (alone,), 0)]
    _, trace, messages = build_trace(2, drawn)
    restamped = restamp(trace, messages, clock)
    expected = {
        "vector": f"{alone + 1}.1",
        "matrix": f"{alone + 1}.1/{alone}.1",
        "hybrid": f"{alone - 1}.2",
    }
    assert timestamps_as_text(restamped, clock, [alone]) == [expected[clock]]


@pytest.mark.parametrize(
    ("clock", "processes", "most"),
    [("vector", 1, NUMBERS_MAX), ("vector", 2, NUMBERS_MAX // 2), ("matrix", 2, NUMBERS_MAX // 4)],
)
def test_so_many_numbers_are_computed_and_no_more(clock: str, processes: int, most: int) -> None:
    def trace_of(events: int) -> Trace:
        starts = np.array([0] * processes + [events])
        return Trace([f"P{at}" for at in range(processes)], starts, Columns(np.zeros(0, np.uint8)))

    require_computable(trace_of(most), clock)
    with pytest.raises(RestampError) as caught:
        require_computable(trace_of(most + 1), clock)
    numbers = NUMBERS_MAX + NUMBERS_MAX // most
    assert str(caught.value) == (
        f"{clock} timestamps of {most + 1} events of {processes} processes have {numbers} "
        f"numbers; the limit is {NUMBERS_MAX}"
    )


@pytest.mark.parametrize(
    ("clock", "text"),
    [("vector", "0.0.0"), ("matrix", "0.0.0/0.0.0/0.0.0"), ("hybrid", "-4611686018427387904.0")],
)
def test_receiving_the_zero_timestamp_changes_no_clock(clock: str, text: str) -> None:
    assert zero_timestamp_text(clock, 3) == text
    zero = CLOCKS[clock].timestamp.decode(text, 0, 3)
    make = CLOCKS[clock].clock
    one, other = make(1, 3), make(1, 3)
    assert one.merge(zero, -5).encode() == other.tick(-5).encode()


def test_restamped_lamport_messages_are_all_named_correctly() -> None:
    messages = small_history().messages._replace(
        stamp_before_send=frozenset({1}), stamp_per_target=np.array([3])
    )
    assert restamped_messages(messages, "vector") is messages
    anew = restamped_messages(messages, "lamport")
    assert (anew.stamp_before_send, anew.stamp_per_target.tolist()) == (frozenset(), [])
    assert anew.source is messages.source


def test_a_stamp_of_an_unknown_send_counts() -> None:
    """B's first event received a message with stamp 8, whose send is lost."""
    history = build_history(2, [DrawnEvent(1, (), 0), DrawnEvent(1, (), 0)], unknown=[0])
    columns = history.trace.columns._replace(
        sender=np.array([0, NOBODY]), stamp=np.array([8, MISSING])
    )
    trace = history.trace.replace(columns=columns)
    assert recompute_lamport(causal_order(trace, history.messages))[0].tolist() == [9, 10]
    anew = restamp(trace, history.messages, "lamport")
    assert present(anew.columns.stamp).tolist() == [8, MISSING]
    zero = trace.replace(columns=columns._replace(stamp=np.array([0, MISSING])))
    clock, counts = recompute_lamport(causal_order(zero, history.messages))
    assert (clock.tolist(), counts) == ([1, 2], True)
    assert count_unknown_receives(history.messages) == 1


def test_one_stamp_that_names_another_message_makes_none_of_its_sender_count() -> None:
    """B receives from A with stamps 8 and 1, and A's first event has clock 1; a third has none."""
    drawn = [DrawnEvent(0, (), 0), *(DrawnEvent(1, (), 0) for _ in range(3))]
    history = build_history(2, drawn, unknown=[1, 2, 3])
    columns = history.trace.columns._replace(
        sender=np.array([NOBODY, 0, 0, 0]), stamp=np.array([MISSING, 8, 1, MISSING])
    )
    anew = restamp(history.trace.replace(columns=columns), history.messages, "lamport")
    assert present(anew.columns.clock).tolist() == [1, 1, 2, 3]
    assert present(anew.columns.stamp).tolist() == [MISSING, 0, 0, MISSING]


def test_an_event_without_a_timestamp_differs_from_one_whose_timestamp_is_zero() -> None:
    history = build_history(1, [DrawnEvent(0, (), 0), DrawnEvent(0, (), 1)])
    right = restamp(history.trace, history.messages, "hybrid")
    assert right.timestamp_texts() == ["0.0", "1.0"]
    logged = right.replace(timestamps=from_rows("hybrid", [None, {0: 1}]))
    assert count_differing(logged, right, "hybrid") == 1


# Written folders


@pytest.mark.parametrize("clock", list(CLOCKS))
def test_a_gzipped_journal_is_written_without_gzip(
    clock: str, folder: Path, tmp_path: Path
) -> None:
    expected = tmp_path / "expected"
    write_restamped(driftlab.read(folder).restamp(clock), clock, expected, folder)
    for path in folder.glob("*.log"):
        (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    write_restamped(driftlab.read(folder).restamp(clock), clock, tmp_path / "anew", folder)
    for path in sorted(expected.iterdir()):
        assert (tmp_path / "anew" / path.name).read_bytes() == path.read_bytes()


def test_a_single_journal_is_restamped_alone(folder: Path, tmp_path: Path) -> None:
    journal = folder / "A.log"
    history = driftlab.read(journal).restamp("vector")
    write_restamped(history, "vector", tmp_path / "anew", journal)
    assert sorted(path.name for path in (tmp_path / "anew").iterdir()) == ["A.log", "scenario.toml"]
    assert texts(driftlab.read(tmp_path / "anew" / "A.log").trace) == texts(history.trace)


def test_a_mark_at_the_begin_of_a_journal_is_left_out(folder: Path, tmp_path: Path) -> None:
    """An editor put a byte order mark before the header, which must still get the clock."""
    write_restamped(
        driftlab.read(folder).restamp("vector"), "vector", tmp_path / "expected", folder
    )
    journal = folder / "A.log"
    journal.write_bytes(codecs.BOM_UTF8 + journal.read_bytes())
    write_restamped(driftlab.read(folder).restamp("vector"), "vector", tmp_path / "marked", folder)
    for path in sorted((tmp_path / "expected").iterdir()):
        assert (tmp_path / "marked" / path.name).read_bytes() == path.read_bytes()


def test_bytes_that_are_no_text_and_notes_stay(folder: Path, tmp_path: Path) -> None:
    odd = b"\xff\xfe no text \r\x0b\x85\n# note of mine\n"
    with (folder / "A.log").open("ab") as file:
        file.write(odd)
    write_restamped(driftlab.read(folder).restamp("vector"), "vector", tmp_path / "anew", folder)
    assert (tmp_path / "anew" / "A.log").read_bytes().endswith(odd)


def test_a_line_too_long_to_be_read_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = driftlab.read(folder).restamp("vector")
    with (folder / "A.log").open("ab") as file:
        file.write(b"#" + b"x" * 3000 + b"\n")
    monkeypatch.setattr("driftlab.journal.files.LINE_BYTES_MAX", 2000)
    monkeypatch.setattr("driftlab.journal.files.read_blocks", small_blocks)
    with pytest.raises(OutputError, match=r"A\.log: a line is longer than .*; --out out\.parquet"):
        write_restamped(history, "vector", tmp_path / "out", folder)
    assert not (tmp_path / "out").exists()


def small_blocks(path: Path, size: int) -> Iterator[bytes]:
    """Give a file in small pieces, so that a long line does not fit into one."""
    content = path.read_bytes()
    yield from (content[at : at + 700] for at in range(0, len(content), 700))


def test_a_journal_that_changed_since_it_was_read_is_refused(folder: Path, tmp_path: Path) -> None:
    history = driftlab.read(folder).restamp("vector")
    journal = folder / "A.log"
    lines = journal.read_text().splitlines(keepends=True)
    at = next(at for at, line in enumerate(lines) if "\t" in line and line.split("\t")[10] == "-\n")
    lines[at] = lines[at].replace("\t-\n", "\tB:1,B:2\n")
    journal.write_text("".join(lines))
    with pytest.raises(OutputError, match=r"A\.log is not what was read: 2 messages"):
        write_restamped(history, "vector", tmp_path / "out", folder)
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_to_is_named(folder: Path, tmp_path: Path) -> None:
    history = driftlab.read(folder).restamp("vector")
    with pytest.raises(OutputError, match=r"cannot write .*none/out\.csv: No such file"):
        write_restamped(history, "vector", tmp_path / "none" / "out.csv", folder)


def test_lists_are_written_to_csv_as_in_journals(folder: Path, tmp_path: Path) -> None:
    history = driftlab.read(folder).restamp("vector")
    write_restamped(history, "vector", tmp_path / "out.csv", folder)
    targets = pl.read_csv(tmp_path / "out.csv")["targets"].to_list()
    expected = [",".join(each) for each in history.events["targets"].to_list()]
    assert [each or "" for each in targets] == expected
    assert any("," in each for each in expected)


# The command


def test_the_command_prints_the_first_events_and_what_is_left(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["restamp", str(folder), "--clock", "lamport", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    first = plain.pop("first")
    assert plain == {
        "clock": "lamport", "events": 200, "unknown": 0, "holes": 0, "differ": 0, "out": None,
        "assumed": [],
    }  # fmt: skip
    assert len(first) == EVENTS_SHOWN
    assert first[0].keys() == {"process", "index", "kind", "sender", "timestamp"}
    frame = driftlab.read(folder).events.sort("due_ns", maintain_order=True)[:EVENTS_SHOWN]
    shown = [(each["process"], each["index"], each["timestamp"]) for each in first]
    expected = zip(frame["process"], frame["index"], frame["clock"].cast(str), strict=True)
    assert shown == list(expected)
    assert main(["restamp", str(folder), "--clock", "lamport"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[EVENTS_SHOWN + 2 :] == [
        "… and 188 more events",
        "",
        "differ     0 of 200 from what was logged",
        f"all        driftlab restamp {folder} --clock lamport --out DIR | FILE.parquet | FILE.csv",
    ]


def test_where_all_events_are_shown_no_more_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    driftlab.simulate(
        driftlab.Scenario(rates=[1, 1], seconds=EVENTS_SHOWN / 2), out=tmp_path / "run"
    )
    assert main(["restamp", str(tmp_path / "run"), "--clock", "vector"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[EVENTS_SHOWN + 2] == ""
    assert len(lines) == EVENTS_SHOWN + 4


def test_the_command_reports_gaps_and_unknown_sends(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = folder / "B.log"
    lines = journal.read_text().splitlines(keepends=True)
    events = [at for at, line in enumerate(lines) if "\tsend\t" in line]
    del lines[events[2]]
    journal.write_text("".join(lines))
    assert main(["restamp", str(folder), "--clock", "vector"]) == 0
    said = capsys.readouterr().out
    assert "\nunknown    1 receive of a message whose send is not in the log; " in said
    assert "\ngaps       1 place where events are missing, which no clock counts\n" in said


# What cannot be


def test_a_cycle_is_named_event_by_event() -> None:
    """P0's first event received what P1 sent after it had received what P0 sent then."""
    at = np.array([0, 2, 4], np.int64)
    trace = Trace(["P0", "P1"], at, Columns(np.array([2, 1, 2, 1], np.uint8)))
    none = np.zeros(0, np.int64)
    messages = Messages(np.array([3, -1, 1, -1]), np.array([1, -1, 0, -1]), none, none)
    with pytest.raises(CycleError) as caught:
        restamp(trace, messages, "vector")
    assert caught.value.rows == [0, 1, 2, 3, 0]
    assert "P0:0 -> P0:1 -> P1:0 -> P1:1 -> P0:0" in str(caught.value)


@pytest.mark.parametrize(
    ("clock", "processes", "says"),
    [
        ("vectr", 2, "there is no clock 'vectr'; there are lamport, vector, matrix, hybrid"),
        ("matrix", 51, "51 processes are too many for the matrix clock"),
        ("hybrid", 2, "this log has no times"),
    ],
)
def test_a_clock_that_cannot_be_computed_is_refused(clock: str, processes: int, says: str) -> None:
    history = build_history(processes, [DrawnEvent(0, (), 0)])
    bare = Trace(history.trace.names, history.trace.starts, Columns(history.trace.columns.kind))
    with pytest.raises(RestampError, match=says):
        restamp(bare, history.messages, clock)


def test_a_folder_that_holds_a_run_is_not_overwritten(folder: Path, tmp_path: Path) -> None:
    history = driftlab.read(folder).restamp("vector")
    before = (folder / "A.log").read_bytes()
    with pytest.raises(RunFolderError, match="already holds a run"):
        write_restamped(history, "vector", folder, folder)
    assert (folder / "A.log").read_bytes() == before
    run = driftlab.simulate(driftlab.Scenario(seconds=5), record="all")
    assert isinstance(run, driftlab.Run)
    with pytest.raises(RestampError, match=r"--out new\.parquet"):
        write_restamped(run.history.restamp("vector"), "vector", tmp_path / "new", folder)
    assert not (tmp_path / "new").exists()
