"""A verdict says what it rests on: unread lines, open questions, whole logs."""

import json
from pathlib import Path
from typing import Any

import pytest

import driftlab
from driftlab.cli.main import main
from driftlab.history.trace import UnreadLine
from driftlab.judge.checker import RULES
from tests.small_logs import (
    GOOD,
    MESSAGE_UNKNOWN,
    SEND_UNKNOWN,
    STEP_UNKNOWN,
    edit,
    journals,
    reported,
    table,
    undecided,
)

SENDS = "process clock kind sender stamp targets"
VECTORS = "process vector"


def check(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    """Return the exit status of `driftlab check`, and what it prints."""
    status = main(["check", *map(str, arguments)])
    return status, capsys.readouterr().out


def headline(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    status, text = check(capsys, *arguments)
    return status, text.splitlines()[0]


# Receives of messages that are not named.


def test_a_receive_at_or_below_its_own_stamp_breaks_the_clock_condition(tmp_path: Path) -> None:
    """Whoever sent it: two programs that carry the clock on to the receive as it is."""
    log = "a 1 send - - b\nb 1 receive - 1 -\nb 2 send - - a\na {} receive - 2 -"
    verdict = table(tmp_path, SENDS, log.format(2), match="none").check()
    assert verdict.counts["clock-condition"] == 2
    assert [each[:5] for each in reported(verdict)] == [
        ("clock-condition", "a:1", 5, "clock above 2, the stamp of its message", "clock 2"),
        ("clock-condition", "b:0", 3, "clock above 1, the stamp of its message", "clock 1"),
    ]
    assert verdict.in_flight is None
    assert "lost-message" in verdict.not_applied
    assert table(tmp_path, SENDS, log.format(1)).check().counts["clock-condition"] == 2
    right = "a 1 send - - b\nb 2 receive - 1 -\nb 3 send - - a\na 4 receive - 3 -"
    assert table(tmp_path, SENDS, right).check().counts["clock-condition"] == 0


@pytest.mark.parametrize("sender", ["-", "a"])
def test_receives_that_name_no_message_leave_it_open_which_were_received(
    sender: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = f"a 1 send - - b\nb 1 internal - - -\nb 2 receive {sender} - -\nb 3 receive {sender} - -"
    verdict = table(tmp_path, SENDS, log).check()
    assert (verdict.messages, verdict.unnamed_messages, verdict.in_flight) == (2, 2, None)
    assert set(verdict.counts) == {"clock-condition"}
    assert set(verdict.not_applied) >= {
        "fifo", "delivered-twice", "lost-message", "send-to-all", "before-sent", "stamp",
    }  # fmt: skip
    assert undecided(verdict) == [
        (rule, event, reason)
        for rule, reason in (
            ("clock-condition", MESSAGE_UNKNOWN),
            ("lamport-step", STEP_UNKNOWN),
            ("from-nowhere", SEND_UNKNOWN),
        )
        for event in ("b:1", "b:2")
    ]
    assert headline(capsys, tmp_path / "log.csv") == (
        0,
        "holds: 4 events of 2 processes, 2 messages received (of which 2 name no message), "
        "0 lines unread",
    )


def test_one_receive_that_names_its_message_is_judged_beside_one_that_does_not(
    tmp_path: Path,
) -> None:
    log = "a 1 send - - b\na 2 send - - b\nb 1 internal - - -\nb 2 receive a 1 -\nb 3 receive - - -"
    verdict = table(tmp_path, SENDS, log, match="stamp").check()
    assert (verdict.messages, verdict.unnamed_messages, verdict.in_flight) == (2, 1, None)
    assert (verdict.counts["fifo"], verdict.unknown_counts["clock-condition"]) == (0, 1)
    whole = log.replace("b 3 receive - - -", "b 3 receive a 2 -")
    assert table(tmp_path, SENDS, whole).check().in_flight == 0


STAMPED = """
    a 1 send - - b
    a 2 send - - b
    b 2 receive a 1 -
    b 3 receive a 2 -
    b 4 send - - a
    a 5 receive b 4 -
"""
STAMPED_BY_NOBODY = STAMPED.replace("receive a", "receive -").replace("receive b", "receive -")
BY_ID = "process kind sent received targets"
IDENTIFIED = """
    a send 1 - b
    a send 2 - b
    b receive - 1 -
    b receive - 2 -
"""
BY_SENDER = "process clock kind sender targets"
ORDERED = """
    a 1 send - b
    a 2 send - b
    b 2 receive a -
    b 3 receive a -
"""
NOT_MATCHED = [
    *((SENDS, STAMPED, ways) for ways in ("none", "id", "unique-stamp", "vector-clock")),
    *((SENDS, STAMPED_BY_NOBODY, ways) for ways in ("none", "id", "stamp")),
    *((BY_ID, IDENTIFIED, ways) for ways in ("none", "stamp", "vector-clock")),
    *((BY_SENDER, ORDERED, ways) for ways in ("none", "stamp", "vector-clock")),
]  # fmt: skip


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(("columns", "log", "ways"), NOT_MATCHED)
def test_receives_left_out_of_the_matching_are_undecided(
    columns: str, log: str, ways: str, whole: bool, tmp_path: Path
) -> None:
    """A right log is not violated by `--match`, and no fault is named; a part stays open."""
    history = table(tmp_path, columns, log, match=ways)
    verdict = history.check(complete=whole)
    assert not any(verdict.counts.values())
    assert not verdict.faults
    receives = log.count("receive")
    assert verdict.unknown_counts["from-nowhere"] == receives
    assert (verdict.unnamed_messages, verdict.in_flight) == (receives, None)
    assert verdict.unknown_counts["lost-message"] == 1  # the last of a channel is not lost
    assert table(tmp_path, columns, log).check(complete=whole).in_flight == 0


def test_names_that_may_not_be_used_do_not_make_two_messages_one(tmp_path: Path) -> None:
    again = STAMPED.replace("b 3 receive a 2 -", "b 3 receive a 1 -")
    assert table(tmp_path, SENDS, again).check().counts["delivered-twice"] == 1
    verdict = table(tmp_path, SENDS, again, match="none").check()
    assert "delivered-twice" in verdict.not_applied
    assert not any(verdict.counts.values())


@pytest.mark.parametrize("ways", [None, "stamp", "id,stamp", "stamp,position"])
def test_receives_that_were_to_be_matched_are_judged(ways: str | None, tmp_path: Path) -> None:
    """Of the strategies that are chosen, one goes by the name that the receive has."""
    invented = STAMPED.replace("a 5 receive b 4 -", "a 8 receive b 7 -")
    verdict = table(tmp_path, SENDS, invented, match=ways).check(complete=True)
    assert verdict.counts["from-nowhere"] == 1
    assert any("nobody sent" in fault.name for fault in verdict.faults)
    lost = STAMPED.replace("b 2 receive a 1 -", "b 1 internal - - -")
    verdict = table(tmp_path, SENDS, lost, match=ways).check()
    assert (verdict.counts["lost-message"], verdict.unknown_counts["lost-message"]) == (1, 0)


MAYBE_LOST = """
    a 1 send - {0}
    a 2 send - {0}
    a 3 send - {0}
    b 5 receive a -
    b 6 receive a -
    c 1 internal - -
"""


@pytest.mark.parametrize(
    ("to", "undecided_rules"),
    [("b", {"lost-message": 2}), ("b,c", {"lost-message": 2, "send-to-all": 2})],
)
def test_what_receives_without_a_name_may_have_received_is_not_said_to_be_lost_or_not(
    to: str, undecided_rules: dict[str, int], tmp_path: Path
) -> None:
    """Each message but the last of the channel may be the one of three that never came."""
    verdict = table(tmp_path, BY_SENDER, MAYBE_LOST.format(to)).check()
    assert verdict.unnamed_messages == 2
    for rule in ("lost-message", "send-to-all"):
        assert verdict.counts.get(rule, 0) == 0
        assert verdict.unknown_counts.get(rule, 0) == undecided_rules.get(rule, 0)
    whole = MAYBE_LOST.format(to).replace("b 5", "b 4 receive a -\nb 5")
    verdict = table(tmp_path, BY_SENDER, whole).check()
    assert verdict.unnamed_messages == 0
    assert verdict.unknown_counts.get("lost-message", 0) == 0


@pytest.mark.parametrize(("to", "rule"), [("b", "lost-message"), ("b,c", "send-to-all")])
def test_a_log_that_names_its_messages_says_which_are_lost(
    to: str, rule: str, tmp_path: Path
) -> None:
    """Receives without a name at another process, or from another sender, excuse nothing."""
    log = f"""
        a 1 send - - {to}
        a 2 send - - {to}
        a 3 send - - {to}
        b 1 internal - - -
        b 3 receive a 2 -
        b 4 receive a 3 -
        b 5 send - - d
        b 6 send - - d
        d 9 receive b - -
    """
    if "c" in to:
        log += "c 1 internal - - -\nc 2 receive a 1 -\nc 3 receive a 2 -\nc 4 receive a 3 -"
    verdict = table(tmp_path, SENDS, log).check()
    assert [each[:2] for each in reported(verdict)] == [(rule, "a:0")]
    open_events = [event for name, event, _ in undecided(verdict) if name == "lost-message"]
    assert open_events == ["b:3"]
    assert verdict.unknown_counts.get("send-to-all", 0) == 0


# The headline.


def unread(history: driftlab.History, *lines: int) -> driftlab.History:
    """Return a history with stretches of unread lines."""
    places = [UnreadLine("log.csv", 3, "matches nothing", each) for each in lines]
    return driftlab.History(history.trace.replace(unread=places), history.name)


def test_stretches_of_unread_lines_are_counted_by_line(tmp_path: Path) -> None:
    verdict = unread(table(tmp_path, "process clock", "A 1\nA 2"), 1, 96, 3).check()
    assert (verdict.unread_lines, len(verdict.unread)) == (100, 3)
    document = verdict.to_dict(1)
    assert (document["unread"], document["verdict"]) == (100, "holds")
    assert document["unread_lines"] == [
        {"file": "log.csv", "line": 3, "reason": "matches nothing", "lines": 1}
    ]


@pytest.mark.parametrize(
    ("columns", "log", "arguments", "says"),
    [
        ("process clock", "A 1\nA 2\nA ?\nA ?",
         (), "holds for the 2 events read; 2 lines unread (1 process, 0 messages received)"),
        (SENDS, "A 1 send - - B\nB 2 receive A 1 -\nA 2 send - - B\nA ? - - - -",
         (), "holds for the 3 events read; 1 line unread "
             "(2 processes, 1 message received, 1 in flight)"),
        ("process clock", "A 1\nA 1\nA ?",
         (), "violated: 2 events of 1 process, 0 messages received, 1 line unread"),
        ("process clock colour", "A ? red\nA 2 red",
         (), "undecided: nothing could be judged "
             "(1 event of 1 process, 0 messages received, 1 line unread)"),
        ("process clock", "A 1\nA 2", ("--only", "fifo"),
         "undecided: nothing could be judged "
         "(2 events of 1 process, 0 messages received, 0 lines unread)"),
        ("process clock kind", "A 2 receive\nB 2 receive", ("--without", "from-nowhere"),
         "undecided: nothing could be judged "
         "(2 events of 2 processes, 2 messages received (of which 2 name no message), "
         "0 lines unread)"),
    ],
)  # fmt: skip
def test_the_headline(
    columns: str, log: str, arguments: tuple[str, ...], says: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    table(tmp_path, columns, log)
    status, line = headline(capsys, tmp_path / "log.csv", *arguments)
    assert line == says
    assert status == {"holds": 0, "violated": 1, "undecided": 2}[says.split(":")[0].split()[0]]


def test_the_headline_of_several_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journals(tmp_path / "one", **GOOD)
    journals(tmp_path / "two", **edit(GOOD, "B", ("internal - - - 2 0 -", "% what")))
    assert headline(capsys, tmp_path) == (
        0,
        "holds for the 23 events read; 1 line unread "
        "(2 runs, 6 processes, 8 messages received, 0 in flight)",
    )


@pytest.mark.parametrize("width", [40, 80, 120])
def test_on_a_terminal_no_word_is_broken(
    width: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("check", "output"):
        monkeypatch.setattr(f"driftlab.cli.{module}.terminal_width", lambda: width)
    log = "\n".join(f"A {number} receive - - -\nA ? - - - -" for number in range(2, 30))
    table(tmp_path, SENDS, log)
    _, text = check(capsys, tmp_path / "log.csv")
    top, *_ = text.split("\n\n")
    assert " ".join(top.split()).startswith("holds for the 28 events read; 28 lines unread (")
    assert max(map(len, top.split("\n"))) <= width
    lists = text[text.index("hold, but ") : text.index("\n\ncould")]
    assert max(map(len, lists.split("\n"))) <= min(width, 88)


def test_of_some_runs_nothing_could_be_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, clocks in (("1", "A {}\nasks\n"), ("2", 'A {"A":1}\nasks\nA {"A":2}\nwaits\n')):
        (tmp_path / f"{name}.txt").write_text(clocks)
    text = "".join(
        f"=== Execution #{name} ===\n{(tmp_path / f'{name}.txt').read_text()}" for name in "12"
    )
    (tmp_path / "log.txt").write_text(text)
    delimiter = r"^=== Execution #(?<trace>\d+) ===$"
    log = ("--delimiter", delimiter, tmp_path / "log.txt")
    status, text = check(capsys, *log, "--only", "vector-back")
    assert status == 0
    assert text.startswith("holds: 2 runs, 3 events of 2 processes")
    assert text.splitlines()[-1].startswith("undecided in ")


# Undecided, strict.


def test_a_log_of_which_every_question_is_open_is_undecided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table(tmp_path, "process clock kind", "A 2 receive\nB 2 receive")
    status = main(["check", str(tmp_path / "log.csv"), "--json"])
    out, error = capsys.readouterr()
    document: dict[str, Any] = json.loads(out)
    assert (status, document["verdict"], document["counts"]) == (2, "undecided", {})
    assert (document["judged"], document["unknown"]) == (0, 6)
    assert document["reason"] == (
        "6 questions of clock-condition, lamport-step, from-nowhere, and none can be decided"
    )
    assert error.endswith(f"nothing could be judged: {document['reason']}\n")


def test_columns_that_nobody_knows_are_named_where_nothing_can_be_judged(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("Machine,Event,How late\n1,sends,3\n1,rests,4\n")
    verdict = driftlab.read(tmp_path / "log.csv").check()
    assert verdict.verdict == "undecided"
    assert "kept as text, not judged: How late" in verdict.reason_undecided


@pytest.mark.parametrize(
    ("log", "loose", "strict", "says"),
    [
        ("A 1 internal\nA 2 internal", 0, 0, ""),
        ("A 1 internal\nA 1 internal\nA ? internal", 1, 1, ""),
        ("A 1 internal\nA 2 internal\nA ? internal", 0, 1, "strict: 1 line unread"),
        ("A 1 internal\nA 3 receive", 0, 1, "strict: 3 questions undecided"),
        ("A 1 internal\nA 2 internal\nA ? internal\nA 3 receive", 0, 1,
         "strict: 1 line unread, 3 questions undecided"),
        ("A 3 receive", 2, 2, ""),
    ],
)  # fmt: skip
def test_strict_asks_for_every_line_and_every_question(
    log: str, loose: int, strict: int, says: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    table(tmp_path, "process clock kind", log)
    path = tmp_path / "log.csv"
    assert check(capsys, path)[0] == loose
    status, text = check(capsys, path, "--strict")
    assert status == strict
    assert [line for line in text.splitlines() if line.startswith("strict")] == [says][: bool(says)]
    assert check(capsys, path, "--strict", "--json")[0] == strict


# Complete.

RIGHT = 'a {"a":1}\na {"a":2}\nb {"b":1}\nb {"a":2,"b":2}'

WHAT_AN_ABSENT_EVENT_EXPLAINS = {
    "an entry from the future": (
        VECTORS, RIGHT, ('"a":2,', '"a":9,'),
        ("vector-ahead", "b:1", "entry a at most 2, as many events as a has", "a: 9")),
    "one event too many": (
        VECTORS, RIGHT, ('"a":2,', '"a":3,'),
        ("vector-ahead", "b:1", "entry a at most 2, as many events as a has", "a: 3")),
    "a component that nobody has": (
        VECTORS, RIGHT, ('"a":2,', '"a":2,"z":1,'),
        ("vector-ahead", "b:1", "entry z at most 0, as many events as z has", "z: 1")),
    "a first own entry other than 1": (
        VECTORS, RIGHT, ('a {"a":1}\n', ""), ("vector-own", "a:0", "own entry 1", "a: 2")),
    "a log that counts from 0": (
        VECTORS, 'a {"a":1}\na {"a":2}', ('{"a":1}\na {"a":2}', '{"a":0}\na {"a":1}'),
        ("vector-own", "a:0", "own entry 1", "a: 0")),
    "a first Lamport clock above 1": (
        "process clock", "a 1\na 2\nb 1", ("a 1\n", ""),
        ("lamport-step", "a:0", "clock 0 + 1 = 1", "clock 2")),
    "a receive whose send is nowhere, by its stamp": (
        SENDS, "a 1 send - - b\nb 2 receive a 1 -\nb 3 internal - - -",
        ("b 3 internal - - -", "b 9 receive a 8 -"),
        ("from-nowhere", "b:1", "a send by a to b with clock 8", "no such send")),
    "a receive from a process that has no log": (
        SENDS, "a 1 send - - b\nb 2 receive a 1 -\nb 3 internal - - -",
        ("b 3 internal - - -", "b 9 receive z 8 -"),
        ("from-nowhere", "b:1", "a send by z to b with clock 8", "no such send")),
    "a receive whose send is nowhere, by its identifier": (
        "process kind sent received", "a send m -\nb receive - m\nb internal - -",
        ("b internal - -", "b receive - n"),
        ("from-nowhere", "b:1", "a send by some process to b of message n", "no such send")),
}  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "right", "change", "violation"),
    WHAT_AN_ABSENT_EVENT_EXPLAINS.values(),
    ids=WHAT_AN_ABSENT_EVENT_EXPLAINS,
)
def test_what_only_an_absent_event_explains(
    columns: str, right: str, change: tuple[str, str], violation: tuple[str, ...], tmp_path: Path
) -> None:
    assert right.count(change[0]) == 1
    history = table(tmp_path, columns, right.replace(*change))
    loose = history.check()
    assert loose.verdict in ("holds", "undecided")
    found = [(each.rule, each.event, each.expected, each.found) for each in
             reported(history.check(complete=True))]  # fmt: skip
    assert found == [violation]
    whole = table(tmp_path, columns, right).check(complete=True)
    assert (whole.holds, whole.unknown) == (True, 0), reported(whole)


def test_a_process_that_is_not_in_its_own_clock(tmp_path: Path) -> None:
    """It counts its own event wherever the log begins, unless it counts from 0."""
    log = 'ann {"bob":1,"cid":2}\nbob {"bob":1}\nbob {"bob":2}'
    verdict = table(tmp_path, VECTORS, log).check()
    assert [each[:5] for each in reported(verdict)] == [
        ("vector-own", "ann:0", 2, "own entry at least 1: it counts the event itself", "ann: 0"),
    ]
    for more, found in (
        ('\nann {"ann":2,"bob":1,"cid":2}', ["ann:0"]),  # the entry is missing in the first
        ('\nann {"ann":1,"bob":1,"cid":2}', []),  # it counts from 0
    ):
        verdict = table(tmp_path, VECTORS, log + more).check()
        assert [each.event for each in reported(verdict)] == found
        complete = table(tmp_path, VECTORS, log + more).check(complete=True)
        assert "ann:0" in [each.event for each in reported(complete) if each.rule == "vector-own"]
    right = log.replace('{"bob":1,"cid":2}', '{"ann":1,"bob":1,"cid":2}')
    assert table(tmp_path, VECTORS, right).check().holds


def test_zeros_may_be_a_state_before_the_first_event(tmp_path: Path) -> None:
    verdict = table(tmp_path, VECTORS, 'a {"a":0,"b":0}\na {"a":1,"b":0}\nb {"b":1}').check()
    assert (verdict.holds, [each[:2] for each in undecided(verdict)]) == (
        True, [("vector-own", "a:0")],
    )  # fmt: skip


@pytest.mark.parametrize("lines", [1, 2])
def test_a_log_with_unread_lines_is_not_complete(
    lines: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table(tmp_path, "process clock", "a 7\na 8" + "\na ?" * lines)
    said = {
        1: "not judged as complete: 1 line is unread, and it may hold what is missing",
        2: "not judged as complete: 2 lines are unread, and they may hold what is missing",
    }[lines]
    status, text = check(capsys, tmp_path / "log.csv", "--complete")
    assert (status, text.splitlines()[-1]) == (0, said)
    assert check(capsys, tmp_path / "log.csv", "--complete", "--strict")[0] == 1
    table(tmp_path, "process clock", "a 7\na 8")
    assert check(capsys, tmp_path / "log.csv", "--complete")[0] == 1


def test_a_journal_that_breaks_off_is_not_complete(tmp_path: Path) -> None:
    verdict = journals(tmp_path, **GOOD, ended="BC").check(complete=True)
    assert verdict.remarks[0] == "not judged as complete: the log of A breaks off"
    assert journals(tmp_path, **GOOD).check(complete=True).remarks == []


def test_logs_of_ours_are_complete_and_hold(tmp_path: Path) -> None:
    for clock in ("lamport", "vector", "matrix", "hybrid"):
        driftlab.simulate(
            driftlab.Scenario(rates=[6, 3, 1], seconds=20, seed=2, clock=clock),
            out=tmp_path / clock,
        )
        verdict = driftlab.read(tmp_path / clock).check(complete=True)
        assert (verdict.holds, verdict.unknown, verdict.remarks) == (True, 0, [])
        assert set(verdict.counts) <= set(RULES)


def test_what_was_assumed_is_printed_and_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    history = table(tmp_path, "process clock", "A 1\nA 2")
    line = "queue counted before the take: explains all 3 lines"
    assumed = driftlab.History(history.trace.replace(assumed=[line])).check()
    assert assumed.assumed == assumed.to_dict()["assumed"] == [line]
    monkeypatch.setattr("driftlab.judge.checker.Verdict.assumed", [line])
    assert check(capsys, tmp_path / "log.csv")[1].splitlines()[-1] == f"assumed: {line}"
