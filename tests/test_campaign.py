"""A short campaign against the judge, and a log of each kind that the long ones got wrong."""

import json
from pathlib import Path

import numpy as np
import pytest

import driftlab
from tests.campaign import run
from tests.log_formats import ANY_FIELDS, ARROWS, SPANS, VECTORS

FORMATS = [*ANY_FIELDS, *VECTORS, *ARROWS, *SPANS, "journal"]


def test_a_campaign_breaks_no_promise() -> None:
    found = run(len(FORMATS), 11)
    assert found.broken == []
    assert found.trials > 10 * len(FORMATS)


def test_one_message_that_comes_early_does_not_accuse_those_it_overtook(tmp_path: Path) -> None:
    sends = "".join(f"a,send,{n},,,b\n" for n in range(1, 8))
    order = (6, 1, 2, 3, 4, 5, 7)
    receives = "".join(f"b,receive,{9 + at},a,{n},\n" for at, n in enumerate(order))
    path = tmp_path / "log.csv"
    path.write_text("process,kind,lamport,sender,stamp,targets\n" + sends + receives)
    verdict = driftlab.read(path).check(only=["fifo", "lost-message"])
    assert [(each.rule, each.line) for each in verdict.violations] == [("fifo", 9)]


def test_a_name_that_comes_too_early_loses_none_before_it(tmp_path: Path) -> None:
    """B's first receive is written with the name of a message that is under way."""
    sends = "".join(f"a,send,{n},,,b\n" for n in range(1, 8))
    receives = "".join(f"b,receive,{9 + at},a,{n},\n" for at, n in enumerate((7, 2, 3)))
    path = tmp_path / "log.csv"
    path.write_text("process,kind,lamport,sender,stamp,targets\n" + sends + receives)
    verdict = driftlab.read(path).check(only=["fifo", "lost-message"])
    lines = {each.line for each in verdict.violations}
    assert 9 in lines
    assert not lines & {5, 6, 7}  # what was sent after the last that came in its turn


@pytest.mark.parametrize("garbage", ["A", "restarting …", '"'])
def test_a_line_that_is_no_event_moves_no_other(tmp_path: Path, garbage: str) -> None:
    """Of a log with its text beside the clock the text and the lines stay as they are."""
    lines = [f'A {{"A":{n}}} step {n}' for n in range(1, 7)]
    path = tmp_path / "log.txt"
    path.write_text("\n".join([*lines[:3], garbage, *lines[3:], ""]))
    trace = driftlab.read(path, format="shiviz").trace
    assert list(trace.texts["event"]) == [f"step {n}" for n in range(1, 7)]
    assert [trace.source_of(row)[1] for row in range(6)] == [1, 2, 3, 5, 6, 7]
    assert [each.line for each in trace.unread] == [4]


def test_clocks_stay_with_their_events_where_they_name_fewer_processes(tmp_path: Path) -> None:
    """More processes than clocks have names for, and the names in another order."""
    clocks = [
        {"b": n, "q": n + 10, "a": n + 20} if n % 2 else {"q": n, "a": n + 5} for n in range(1, 9)
    ]
    records = [{"host": host, "clock": clock} for host in ("q", "r", "z") for clock in clocks]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    trace = driftlab.read(path, assume="none").trace
    held = trace.timestamps
    assert held is not None
    found = []
    for begin, end in zip(held.starts[:-1].tolist(), held.starts[1:].tolist(), strict=True):
        names = [trace.names[place] for place in held.entries[begin:end].tolist()]
        found.append(dict(zip(names, held.values[begin:end].tolist(), strict=True)))
    assert found == clocks * 3


def test_a_process_that_clocks_call_otherwise_is_not_judged_by_its_own_entry(
    tmp_path: Path,
) -> None:
    clocks = [("t1", {"a": 1}), ("t1", {"a": 2}), ("b", {"a": 2, "b": 1}), ("b", {"a": 2, "b": 2})]
    path = tmp_path / "log.jsonl"
    path.write_text(
        "".join(json.dumps({"host": host, "clock": clock}) + "\n" for host, clock in clocks)
    )
    verdict = driftlab.read(path).check()
    assert verdict.counts["vector-own"] == 0
    assert {each.process for each in verdict.unknowns()} >= {"t1"}
    assert driftlab.read(path, aliases={"t1": "a"}).check().holds


SENDS = "process,kind,lamport,targets\n"


def test_one_damaged_line_does_not_undo_a_convention_of_lines(tmp_path: Path) -> None:
    """A line for all whose clock is damaged is no send in one line."""
    groups = "".join(f"a,send,{n},b\na,send,{n},c\na,send,{n},all\n" for n in range(1, 6))
    path = tmp_path / "log.csv"
    path.write_text(
        SENDS + groups.replace("a,send,3,all", "a,send,9,all") + "b,internal,1,\nc,internal,1,\n"
    )
    verdict = driftlab.read(path).check()
    assert {each.line for each in verdict.violations} <= {10, 11}


def test_a_process_that_only_a_damaged_line_names_is_no_peer(tmp_path: Path) -> None:
    groups = "".join(f"a,send,{n},all\na,send,{n},b\n" for n in range(1, 6))
    path = tmp_path / "log.csv"
    path.write_text(SENDS + groups + "a,send,6,garbled\nb,internal,1,\n")
    assert driftlab.read(path).check(only=["clock-condition"]).holds


def test_an_internal_event_told_nobody(tmp_path: Path) -> None:
    log = [("a", "internal", {"a": 1}), ("b", "receive", {"a": 1, "b": 1})]
    path = tmp_path / "log.jsonl"
    path.write_text(
        "".join(json.dumps({"host": h, "kind": k, "clock": c}) + "\n" for h, k, c in log)
    )
    history = driftlab.read(path)
    assert not (history.messages.source >= 0).any()
    assert any(each.process == "b" for each in history.check().unknowns())


def test_own_entries_before_their_event_are_known_with_a_first_line_missing(tmp_path: Path) -> None:
    """Ten messages from a to b and back; a's first line is lost."""
    a, b, lines = 0, 0, []
    for _ in range(10):
        a += 1
        lines += [("a", {"a": a - 1, "b": b}), ("a", {"a": a, "b": b})]
        a += 1
        b += 1
        lines += [("b", {"a": a, "b": b - 1}), ("b", {"a": a, "b": b})]
        b += 1
        a += 1
        lines += [("a", {"a": a - 1, "b": b})]
    path = tmp_path / "log.jsonl"
    whole = [json.dumps({"host": host, "clock": clock}) + "\n" for host, clock in lines]
    for kept in (whole, whole[1:]):
        path.write_text("".join(kept))
        history = driftlab.read(path)
        assert any("own entries" in line for line in history.trace.assumed)
        assert not any(history.check().counts.values())


def test_a_damaged_line_does_not_accuse_the_receives_matched_by_position(tmp_path: Path) -> None:
    """One of twelve sends is written as one to c: the order of the others is not shifted."""
    sends = [f"a,send,{10 * n},,b" for n in range(1, 13)]
    receives = [
        f"b,{kind}"
        for n in range(1, 12)
        for kind in (f"receive,{10 * n + 1},a,", f"internal,{10 * n + 2},,")
    ]
    text = "process,kind,lamport,sender,targets\n"
    path = tmp_path / "log.csv"
    sends[2] = "a,send,30,,c"
    path.write_text("\n".join([text.strip(), *sends, *receives, "c,internal,1,,", ""]))
    verdict = driftlab.read(path).check(only=["clock-condition"])
    assert not np.any([each.process == "b" for each in verdict.violations])


def test_an_event_of_a_kind_that_is_cut_off_may_be_a_receive(tmp_path: Path) -> None:
    lines = ["process,kind,lamport,queue,message", "a,send,1,0,m1", "a,send,2,0,m2"]
    lines += [f"a,internal,{n},0," for n in range(3, 16)]
    lines += ["b,receive,2,1,m1", "b,recei,3,1,"]
    path = tmp_path / "log.csv"
    path.write_text("\n".join([*lines, ""]))
    assert driftlab.read(path).check(only=["one-operation"]).counts.get("one-operation", 0) == 0
