"""Cuts: the laws of a lattice, messages in flight, and both from Python and the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import driftlab
from driftlab.api.history import History, NoSuchEventError
from driftlab.arrays import IntArray
from driftlab.cli.main import main
from driftlab.history import cuts
from driftlab.history.cuts import NOWHERE, NoSuchCutError
from driftlab.history.happened_before import HappenedBefore
from driftlab.model.columns import EVERY_PEER, MISSING, NO_TARGET, SEND
from tests.histories import Tiny, tinies, tiny


@st.composite
def frontiers(draw: st.DrawFn, each: Tiny) -> IntArray:
    most = (each.trace.starts[1:] - each.trace.starts[:-1]).tolist()
    return np.array([draw(st.integers(0, count)) for count in most], np.int64)


def inside(each: Tiny, frontier: IntArray) -> set[int]:
    begins = each.trace.starts.tolist()
    return {row for begin, count in zip(begins, frontier.tolist(), strict=False)
            for row in range(begin, begin + count)}  # fmt: skip


def is_closed(each: Tiny, rows: set[int]) -> bool:
    return all(first in rows for first, second in each.closure() if second in rows)


def is_consistent(each: Tiny, frontier: IntArray) -> bool:
    return cuts.is_consistent(each.trace, each.messages, frontier)


@given(st.data(), tinies())
def test_a_cut_is_consistent_if_it_contains_the_past_of_its_events(
    data: st.DataObject, each: Tiny
) -> None:
    frontier = data.draw(frontiers(each))
    rows = inside(each, frontier)
    assert is_consistent(each, frontier) == is_closed(each, rows)
    wrong = cuts.violations(each.trace, each.messages, frontier)
    found = set(zip(wrong.sent.tolist(), wrong.received.tolist(), strict=True))
    assert found == {pair for pair in each.pairs if pair[1] in rows and pair[0] not in rows}


@given(st.data(), tinies())
def test_union_and_intersection_of_consistent_cuts_are_consistent(
    data: st.DataObject, each: Tiny
) -> None:
    order = HappenedBefore(each.trace, each.messages)
    one, other = (consistent(data, each, order) for _ in range(2))
    assert is_consistent(each, np.maximum(one, other))
    assert is_consistent(each, np.minimum(one, other))


def consistent(data: st.DataObject, each: Tiny, order: HappenedBefore) -> IntArray:
    """Draw a consistent cut: the union of some pasts, with their events."""
    rows = data.draw(st.sets(st.sampled_from(each.rows))) if len(each.trace) else set()
    some = [cuts.containing(order, row) for row in rows]
    frontier: IntArray = np.max([np.zeros(each.trace.processes, np.int64), *some], axis=0)
    return frontier


def targets(each: Tiny) -> IntArray:
    """Return the column of targets, which a test may write to."""
    assert each.trace.columns.target is not None
    return each.trace.columns.target


@given(st.data(), tinies())
def test_the_smallest_cut_with_an_event_is_it_and_its_past(data: st.DataObject, each: Tiny) -> None:
    order, frontier = HappenedBefore(each.trace, each.messages), data.draw(frontiers(each))
    for row in each.rows:
        smallest = cuts.containing(order, row)
        past = {first for first, second in each.closure() if second == row}
        assert inside(each, smallest) == past | {row}
        if is_consistent(each, frontier) and row in inside(each, frontier):
            assert (smallest <= frontier).all()


@given(st.data(), tinies())
def test_the_largest_cut_without_an_event_lacks_it_and_its_future(
    data: st.DataObject, each: Tiny
) -> None:
    order, frontier = HappenedBefore(each.trace, each.messages), data.draw(frontiers(each))
    for row in each.rows:
        largest = cuts.before(order, row)
        future = {second for first, second in each.closure() if first == row}
        assert inside(each, largest) == set(each.rows) - future - {row}
        if is_consistent(each, frontier) and row not in inside(each, frontier):
            assert (frontier <= largest).all()


def copies(each: Tiny, rows: set[int]) -> list[tuple[int, int, int]]:
    """Return by brute force what is in flight: send, target and the first receive outside."""
    there: dict[tuple[int, int], list[int]] = {}
    for sent in rows:
        for target in each.trace.targets_of(sent):
            there[sent, target] = []
    arrived = set()
    for sent, received in each.pairs:
        copy = sent, each.trace.process_of(received)
        if sent in rows and received in rows:
            arrived.add(copy)
        elif sent in rows:
            there.setdefault(copy, []).append(received)
    return sorted(
        (*copy, min(found, default=NOWHERE)) for copy, found in there.items() if copy not in arrived
    )


@given(st.data(), tinies(), st.sampled_from([1, 9, 1000]))
def test_in_flight_is_every_copy_sent_inside_and_not_received_inside(
    data: st.DataObject, each: Tiny, together: int
) -> None:
    """Even where the log names other targets than the processes that received."""
    target = targets(each)
    codes = st.sampled_from([*[None] * 9, EVERY_PEER, NO_TARGET, *range(each.trace.processes)])
    for row in each.rows:
        code = data.draw(codes)
        target[row] = target[row] if code is None else code
    frontier = data.draw(frontiers(each))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuts, "COPIES_MAX", together)
        found = cuts.in_flight(each.trace, each.messages, frontier)
    assert list(zip(*(column.tolist() for column in found), strict=True)) == copies(
        each, inside(each, frontier)
    )


def test_where_a_log_names_no_targets_a_send_that_nobody_received_is_in_flight_to_nobody() -> None:
    each = tiny([0, 3, 4], frozenset({(0, 3)}))
    kind = each.trace.columns.kind
    kind[1] = SEND
    each.trace.columns = each.trace.columns._replace(target=None)
    for counts, expected in (
        ([3, 0], [(0, 1, 3), (1, NOWHERE, NOWHERE)]),
        ([3, 1], [(1, NOWHERE, NOWHERE)]),
        ([1, 1], []),
    ):
        found = cuts.in_flight(each.trace, each.messages, np.array(counts))
        assert list(zip(*(column.tolist() for column in found), strict=True)) == expected


def test_a_broadcast_outside_takes_nothing_from_one_inside() -> None:
    each = tiny([0, 2, 3, 4], frozenset({(1, 3)}))
    targets(each)[:3] = EVERY_PEER
    found = cuts.in_flight(each.trace, each.messages, np.array([1, 1, 1]))
    assert list(zip(found.send, found.target, strict=True)) == [(0, 1), (0, 2), (2, 0), (2, 2)]


def test_a_message_of_an_event_without_targets_is_no_copy_of_the_next_broadcast() -> None:
    each = tiny([0, 3, 4, 5], frozenset({(1, 3)}))
    targets(each)[:3] = EVERY_PEER, NO_TARGET, EVERY_PEER
    found = cuts.in_flight(each.trace, each.messages, np.array([3, 1, 1]))
    assert list(zip(found.send, found.target, strict=True)) == [(0, 1), (0, 2), (2, 1), (2, 2)]


def test_events_of_one_process_may_have_different_targets() -> None:
    each = tiny([0, 3, 4, 5, 6], frozenset({(0, 3), (0, 4), (1, 3), (1, 5)}))
    targets(each)[2] = EVERY_PEER
    found = cuts.in_flight(each.trace, each.messages, np.array([3, 0, 0, 0]))
    assert list(zip(found.send, found.target, strict=True)) == [
        (0, 1),
        (0, 2),
        (1, 1),
        (1, 3),
        (2, 1),
        (2, 2),
        (2, 3),
    ]


def test_of_a_copy_that_was_received_twice_the_first_receive_counts() -> None:
    each = tiny([0, 1, 3], frozenset({(0, 1), (0, 2)}))
    found = cuts.in_flight(each.trace, each.messages, np.array([1, 0]))
    assert [column.tolist() for column in found] == [[0], [1], [1]]
    assert not len(cuts.in_flight(each.trace, each.messages, np.array([1, 1])).send)


def timed(each: Tiny, **columns: list[int]) -> Tiny:
    arrays = {name: np.array(values, np.int64) for name, values in columns.items()}
    each.trace.columns = each.trace.columns._replace(**arrays)
    return each


def test_a_cut_by_time_ends_each_process_before_its_first_later_event() -> None:
    each = timed(tiny([0, 4, 4, 6], frozenset()), due_ns=[0, 10, 20, 5, 3, MISSING],
                 late_ns=[1, 1, MISSING, 0, 0, -1])  # fmt: skip
    assert cuts.by_time(each.trace, 0).tolist() == [0, 0, 0]
    assert cuts.by_time(each.trace, 10).tolist() == [1, 0, 2]
    assert cuts.by_time(each.trace, 19).tolist() == [2, 0, 2]
    assert cuts.by_time(each.trace, 20).tolist() == [4, 0, 2]


def test_without_lateness_an_event_began_when_it_was_due() -> None:
    each = timed(tiny([0, 3], frozenset()), due_ns=[0, 10, 20])
    assert [cuts.by_time(each.trace, at).tolist() for at in (9, 10, 19)] == [[1], [2], [2]]


def test_a_cut_by_counts_may_have_every_event_and_none() -> None:
    trace = tiny([0, 3, 5], frozenset()).trace
    assert cuts.by_counts(trace, [3, 0]).tolist() == [3, 0]
    assert cuts.by_names(trace, {"B": 2}).tolist() == [0, 2]


def test_without_due_times_a_cut_by_time_counts_from_the_earliest_event() -> None:
    each = timed(tiny([0, 2, 3], frozenset()), time_ns=[1007, 1010, 1005])
    assert cuts.by_time(each.trace, 2).tolist() == [1, 1]
    with pytest.raises(NoSuchCutError, match="no times"):
        cuts.by_time(tiny([0, 1], frozenset()).trace, 2)


def test_a_cut_by_clock_ends_each_process_before_its_first_greater_clock() -> None:
    each = timed(tiny([0, 4, 5], frozenset()), clock=[1, MISSING, 5, 2, 7])
    assert cuts.by_clock(each.trace, 4).tolist() == [2, 0]
    assert cuts.by_clock(each.trace, 7).tolist() == [4, 1]
    with pytest.raises(NoSuchCutError, match="no Lamport clocks"):
        cuts.by_clock(tiny([0, 1], frozenset()).trace, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cuts") / "run"
    scenario = driftlab.Scenario(rates=(6, 3, 1), seconds=20, seed=3, clock="vector")
    driftlab.simulate(scenario, record="all", out=folder)
    return folder


@pytest.fixture(scope="module")
def history(folder: Path) -> History:
    return driftlab.read(folder)


def test_the_order_is_that_of_the_recorded_vector_timestamps(history: History) -> None:
    """The strong clock condition: the index is computed without the clock."""
    stamps = [tuple(map(int, one.split("."))) for one in history.events["timestamp"]]
    for first in range(0, len(history), 7):
        for second in range(0, len(history), 5):
            below = all(a <= b for a, b in zip(stamps[first], stamps[second], strict=True))
            assert history.happened_before(first, second) == (below and first != second)


def test_past_future_and_concurrent_partition_the_events(history: History) -> None:
    for event in (("A", 40), ("C", 0), ("C", 19), 0):
        frames = [history.past(event), history.future(event), history.concurrent(event)]
        row = history.row(event)
        assert sum(map(len, frames)) == len(history) - 1
        for frame, before, after in zip(frames, (1, 0, 0), (0, 1, 0), strict=True):
            for name, index in frame.select("process", "index").rows():
                assert history.happened_before((name, index), row) == before
                assert history.happened_before(row, (name, index)) == after
                assert history.concurrent((name, index), row) == (not before and not after)


def test_why_shows_the_chain_and_nothing_where_there_is_none(history: History) -> None:
    chain = history.why(("A", 3), ("C", 15))
    assert chain.columns == history.events.columns
    events = chain.select("process", "index").rows()
    assert (events[0], events[-1]) == (("A", 3), ("C", 15))
    assert len(history.why(("C", 15), ("A", 3))) == 0
    with pytest.raises(NoSuchEventError, match="C has events 0 to 19, not 20"):
        history.why(("A", 3), ("C", 20))


def test_cuts_by_time_and_clock_of_a_good_run_are_consistent(history: History) -> None:
    for step in range(21):
        assert history.cut(at_ns=step * 10**9).is_consistent
        assert history.cut(clock=step * 6).is_consistent
    everything = history.cut(at_ns=20 * 10**9)
    assert len(everything.events) == len(history)
    assert history.cut(clock=0).counts == {"A": 0, "B": 0, "C": 0}


def test_a_snapshot_has_the_queues_and_in_flight_has_their_messages(history: History) -> None:
    """A message in an inbox is in flight: it is not received yet."""
    events, frame = history.events, history.cut(at_ns=15 * 10**9)
    snapshot = frame.snapshot
    assert snapshot["events"].to_list() == list(frame.counts.values())
    waiting = dict(frame.in_flight.group_by("target").len().rows())
    for name, count, index, clock, queue in snapshot.rows():
        last = events.row(history.row((name, index)), named=True)
        assert (count, clock, queue) == (index + 1, last["clock"], last["queue"])
        assert queue <= waiting.get(name, 0)


def test_a_cut_by_numbers_may_be_inconsistent_and_says_by_which_messages(history: History) -> None:
    cut = history.cut({"B": 40})
    assert not cut.is_consistent
    assert set(cut.violations["target"]) == {"B"}
    assert set(cut.violations["process"]) <= {"A", "C"}
    for process, index, target, received in cut.violations.rows():
        assert history.happened_before((process, index), (target, received))
        assert received < 40
    assert history.cut(containing=("B", 39)).counts["B"] == 40
    assert history.cut(before=("B", 39)).counts["B"] == 39
    assert repr(history.cut(before=("A", 0))).startswith("Cut({'A': 0, ")
    assert len(history.cut({}).events) == 0


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "in one way"),
        ({"clock": 1, "at_ns": 1}, "in one way"),
        ({"counts": {"Q": 1}}, "no process Q"),
        ({"counts": {"A": 121}}, "A has 120 events: 121 cannot be inside"),
        ({"counts": {"A": -1}}, "A has 120 events: -1 cannot be inside"),
        ({"before": ("Q", 1)}, "no process Q"),
    ],
)
def test_a_cut_that_cannot_be_made_says_why(
    history: History, asked: dict[str, Any], says: str
) -> None:
    with pytest.raises(driftlab.DriftlabError, match=says):
        history.cut(**asked)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (3.5, "3.5 does not name an event; give its row, 'A:17' or ('A', 17)"),
        (-1, "event -1: there are rows 0 to 199"),
        (200, "event 200: there are rows 0 to 199"),
        ("A", "'A' does not name an event; give its row, 'A:17' or ('A', 17)"),
        ("A:x", "'A:x' does not name an event; give its row, 'A:17' or ('A', 17)"),
        (":1", "there is no process "),
        ("Q:1", "there is no process Q"),
        ("A:120", "A has events 0 to 119, not 120"),
        (("A", -1), "A has events 0 to 119, not -1"),
        ("A:" + "9" * 18, f"A has events 0 to 119, not {10**18 - 1}"),
        (
            "A:1" + "0" * 18,
            f"'A:{10**18}' does not name an event; give its row, 'A:17' or ('A', 17)",
        ),
    ],
)
def test_a_name_of_no_event_says_which_there_are(history: History, event: Any, says: str) -> None:
    with pytest.raises(NoSuchEventError) as caught:
        history.row(event)
    assert str(caught.value) == says


def test_rows_and_names_name_the_same_events(history: History) -> None:
    assert [history.row(each) for each in (0, "A:0", ("A", 119), "B:0", ("C", 19), 199)] == [
        0, 0, 119, 120, 199, 199
    ]  # fmt: skip


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(one) for one in arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "asked"),
    [
        (("--at", "7.5"), {"at_ns": 7_500_000_000}),
        (("--clock", "30"), {"clock": 30}),
        (("--containing", "C:15"), {"containing": ("C", 15)}),
        (("--before", "B:20"), {"before": ("B", 20)}),
        (("--events", "A=30,B=40"), {"counts": {"A": 30, "B": 40}}),
    ],
)
def test_the_command_makes_the_cut_that_python_makes(
    history: History,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    flags: tuple[str, str],
    asked: dict[str, Any],
) -> None:
    cut = history.cut(**asked)
    document = json.loads(said(capsys, "cut", folder, *flags, "--json"))
    assert document == {
        "consistent": cut.is_consistent,
        "processes": cut.snapshot.to_dicts(),
        "violations": cut.violations.to_dicts(),
        "in_flight": cut.in_flight.to_dicts(),
        "assumed": [],
        "unknown": 0,
    }
    text = said(capsys, "cut", folder, *flags)
    assert text.count("\n  ") == sum(min(len(each), 20) for each in (cut.violations, cut.in_flight))
    could = "could" if cut.is_consistent else "could not"
    assert f"consistent: the run {could} have been in this global state\n" in text
    assert ("not consistent" in text) != cut.is_consistent


def test_the_command_why_shows_the_chain_by_file_and_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, "why", folder, "A:3", "C:15")
    assert text.startswith("A:3 happened before C:15\n")
    assert "A.log:" in text
    document = json.loads(said(capsys, "why", folder, "A:3", "C:15", "--json"))
    assert document["relation"] == "before"
    for step in document["chain"]:
        line = (folder / Path(step["file"]).name).read_text().splitlines()[step["line"] - 1]
        assert f" {step['kind']} " in f" {line.replace(chr(9), ' ')} "
    back = said(capsys, "why", folder, "C:15", "A:3")
    assert back.startswith("C:15 did not happen before A:3; A:3 happened before C:15\n")
    concurrent = "C:1 and A:5 are concurrent: neither happened before the other\n"
    assert said(capsys, "why", folder, "C:1", "A:5") == concurrent
    same = "C:1 and C:1 are one event, and no event happened before itself\n"
    assert said(capsys, "why", folder, "C:1", "C:1") == same


@pytest.mark.parametrize("word", ["A", "A:", ":3", "A:-1", "A:x"])
def test_a_wrong_name_of_an_event_gets_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    assert main(["why", str(folder), word, "B:1"]) == 2
    assert "like A:17" in capsys.readouterr().err
    assert main(["cut", str(folder), "--events", f"{word},{word}"]) == 2
    assert main(["cut", str(folder), "--at", word]) == 2
    assert main(["cut", str(folder), "--clock", "nan"]) == 2
