"""A short campaign against the judge, and a log of each kind that the long ones got wrong."""

import json
from pathlib import Path
from typing import Any

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


# An order of messages that one line has put off by a place.

NAMELESS = "process,kind,lamport,sender,targets\n"


def _nameless(path: Path, sends: list[str], clocks: list[int]) -> driftlab.History:
    """Return a log of sends of a, and of receives of b with these clocks and no stamps."""
    receives = [f"b,receive,{clock},a,\n" for clock in clocks]
    path.write_text(NAMELESS + "".join([*sends, *receives, "c,internal,1,,\n"]))
    return driftlab.read(path)


def _sends(*clocks: int) -> list[str]:
    """Return the events of a, of which those with these clocks are sends to b."""
    return [
        f"a,send,{at},,b\n" if at in clocks else f"a,internal,{at},,\n"
        for at in range(1, max(clocks) + 1)
    ]


# Of the last two alone, as many clocks are wrong by the one reading as lines by the other.
@pytest.mark.parametrize("at", range(4))
def test_receives_that_fit_the_sends_some_places_off_are_not_blamed(
    at: int, tmp_path: Path
) -> None:
    """Whichever line moves: a send that is called otherwise, or a receive that is."""
    times = [10 * n for n in range(1, 8)]  # the last is in flight, so the counts agree
    right = [time + 1 for time in times[:6]]
    verdict = _nameless(tmp_path / "right.csv", _sends(*times), right).check()
    assert verdict.holds
    assert not verdict.unknown
    sends = _sends(*times)
    sends[times[at] - 1] = f"a,internal,{times[at]},,\n"
    assert _nameless(tmp_path / "send.csv", sends, right).check().holds
    clocks = [*right[:at], right[at] - 5, *right[at:]]  # which came from c
    verdict = _nameless(tmp_path / "receive.csv", _sends(*times), clocks).check()
    assert {each.line for each in verdict.violations} <= {len(sends) + 2 + at}


@pytest.mark.parametrize("take", [lambda own, sent: max(own, sent), lambda own, sent: own + 1])
def test_receives_that_fit_no_sends_some_places_off_are_wrong(take: Any, tmp_path: Path) -> None:
    """A program that takes the greater of both, or none, is wrong by any order."""
    times, clocks, own = [10 * n for n in range(1, 9)], [], 1
    for time in times:
        own = take(own, time)
        clocks.append(own)
    verdict = _nameless(tmp_path / "log.csv", _sends(*times), clocks).check()
    assert verdict.counts["clock-condition"] >= len(times) - 1


def test_two_processes_of_which_one_channel_is_doubtful_may_be_three(tmp_path: Path) -> None:
    """No send says to whom, and what b received is not what a sent."""
    head = "process,kind,lamport\n"
    a = "".join(f"a,{kind},{n}\n" for n, kind in enumerate(["send"] * 8 + ["internal"] * 8, 1))
    b = "b,internal,1\nb,receive,4\nb,receive,8\nb,send,9\nb,send,10\n"
    path = tmp_path / "log.csv"
    path.write_text(head + a + "a,receive,20\n" + b)
    assert not (driftlab.read(path).messages.source >= 0).any()


def test_a_receive_without_the_name_that_others_have_takes_no_send_of_its_own(
    tmp_path: Path,
) -> None:
    """The log breaks off: a third process may have sent what names no message."""
    lines = [
        {"process": "a", "kind": "send", "lamport": 1, "message": "m1"},
        {"process": "b", "kind": "receive", "lamport": 2, "message": "m1"},
        *({"process": "a", "kind": "internal", "lamport": n} for n in range(2, 6)),
        {"process": "a", "kind": "send", "lamport": 6},
        {"process": "b", "kind": "receive", "lamport": 4},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    path = tmp_path / "log.jsonl"
    path.write_text(text)
    assert driftlab.read(path).check().counts["clock-condition"] == 1
    path.write_text(text + '{"process": "c", "kind": "se')
    assert not any(driftlab.read(path).check().counts.values())


# A convention that few lines show, and one of them is damaged.


def _early_clocks(messages: int) -> list[dict[str, Any]]:
    """Return the lines of a and b, own entries before their increment, a message each way."""
    own = {"a": 0, "b": 0}
    lines: list[dict[str, Any]] = []
    for number in range(messages):
        sender, to = ("a", "b") if number % 2 == 0 else ("b", "a")
        for name, is_receive in ((sender, False), (sender, False), (to, True)):
            entries = {name: own[name]}
            own[name] += 1
            other = "b" if name == "a" else "a"
            heard = own[other] if is_receive else _heard(lines, name, other)
            lines.append({"host": name, "clock": entries | ({other: heard} if heard else {})})
    return lines


def _heard(lines: list[dict[str, Any]], name: str, other: str) -> int:
    """Return what the last line of a process shows for the other."""
    own = [line["clock"].get(other, 0) for line in lines if line["host"] == name]
    return own[-1] if own else 0


def test_one_edited_entry_hides_no_convention_and_accuses_nobody(tmp_path: Path) -> None:
    whole = _early_clocks(12)
    path = tmp_path / "log.jsonl"
    for at in range(2, len(whole)):
        lines = [{**line, "clock": dict(line["clock"])} for line in whole]
        host = lines[at]["host"]
        lines[at]["clock"][host] += 40
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        own = [number for number, line in enumerate(lines, 1) if line["host"] == host]
        place = own.index(at + 1)
        near = {*own[max(place - 1, 0) : place + 2]}
        later = {each + 1 for each in range(at, min(at + 4, len(whole)))}
        lines_found = {each.line for each in driftlab.read(path).check().violations}
        assert lines_found <= near | later, at


def test_first_lines_that_are_missing_leave_own_entries_open(tmp_path: Path) -> None:
    """Entries are one above the sends everywhere, and no process shows its beginning."""
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in _early_clocks(12)[5:]))
    history = driftlab.read(path)
    assert any("own entries" in line for line in history.trace.assumed)
    assert not any(history.check().counts.values())
