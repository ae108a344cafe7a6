"""The verdict: which rules apply, how events are described, what is counted and shown."""

from pathlib import Path

import numpy as np
import pytest

import driftlab
from driftlab.api.check import NothingJudgedError, judge_path
from driftlab.cli.main import main
from driftlab.history.trace import ProcessInfo
from driftlab.judge.checker import RULES, NoSuchRuleError, Unknown, Violation, chosen_rules
from driftlab.judge.context import is_stamped, own_entries, timestamp_table
from driftlab.model.columns import EVERY_PEER, NO_TARGET, SET_FIRST, Timestamps
from tests.small_logs import (
    GOOD,
    MESSAGE_UNKNOWN,
    SEND_UNKNOWN,
    STEP_UNKNOWN,
    TICKS_MISSING,
    Csv,
    Log,
    edit,
    journals,
    reported,
    table,
    undecided,
    verdict_on,
)

MESSAGE_RULES = {"from-nowhere", "before-sent", "delivered-twice", "fifo"}
TARGET_RULES = {"lost-message", "send-to-all"}
CLOCK_RULES = {"clock-condition", "lamport-step"}
VECTOR_RULES = {"vector-back", "vector-merge", "vector-own", "vector-ahead"}
JOURNAL_RULES = CLOCK_RULES | MESSAGE_RULES | TARGET_RULES | {
    "stamp", "process-order", "inbox-order", "queue", "one-operation", "due", "time-back",
}  # fmt: skip
# One event of each machine: no step, and no message.
LONE_RULES = {"lamport-step", "process-order", "queue", "one-operation", "due"}
VECTOR = {"": {"clock": "vector", "process": "die"}}
HYBRID = {"": {"clock": "hybrid", "process": "die"}}
MATRIX = {"": {"clock": "matrix", "process": "die"}}


def plain(timestamps: str, **headers: object) -> Log:
    """Return a run of two machines of one event each, with these timestamps."""
    of_a, of_b = timestamps.split()
    event = "internal - - - 1 0 - "
    return {"A": event + of_a, "B": event + of_b, **headers}


APPLIED: dict[str, tuple[Log, set[str]]] = {
    "a simulated run": (GOOD, JOURNAL_RULES | {"peer-choice"}),
    "a real run": ({**GOOD, "headers": {"": {"world": "real"}}},
                   JOURNAL_RULES | {"peer-choice", "pacing"}),
    "two machines without messages": (
        {"A": "internal - - - 1 0 -", "B": "internal - - - 1 0 -"}, LONE_RULES),
    "sends that were not received": (
        {"A": "send - - B 1 0 -", "B": "internal - - - 1 0 -"}, LONE_RULES),
    "a send to two that was not received": (
        {"A": "send - - B,C 1 0 -", "B": "internal - - - 1 0 -", "C": "internal - - - 1 0 -"},
        LONE_RULES | {"send-to-all"}),
    "vector clocks": (
        plain("1.0 0.1", headers=VECTOR), LONE_RULES | {"vector-own", "vector-ahead"}),
    "matrix clocks": (
        plain("1.0/0.0 0.0/0.1", headers=MATRIX),
        LONE_RULES | {"vector-own", "vector-ahead", "matrix-merge"}),
    "hybrid clocks": (
        plain("0.0 0.0", headers=HYBRID), LONE_RULES | {"hybrid-bound", "hybrid-step"}),
    "a clock of each process in a table": (Csv("process clock", "A 1\nB 1"), set()),
    "clocks in a table": (Csv("process clock", "A 1\nB 1\nB 2"), CLOCK_RULES),
    "a column of clocks without one clock": (
        Csv("process clock tick", "A - 0\nB - 0"), {"process-order", "one-operation"}),
    "a queue of each process in a table": (Csv("process queue", "A 0\nB 0"), set()),
    "queues in a table": (
        Csv("process queue kind", "A 0 internal\nA 0 internal"), {"queue", "one-operation"}),
    "queues of receives": (
        Csv("process queue kind sender", "A 1 receive B\nA 0 receive B"),
        {"queue", "from-nowhere"}),
    "a column of queues without one length": (
        Csv("process queue clock", "A - 1\nA - 2"), CLOCK_RULES),
    "a vector of each process in a table": (
        Csv("process vector", 'A {"A":1}\nB {"B":1}'), {"vector-own", "vector-ahead"}),
    "vectors in a table": (
        Csv("process vector", 'A {"A":1}\nA {"A":2}'), VECTOR_RULES - {"vector-merge"}),
    "a column of vectors without one entry": (Csv("process vector", "A {}\nA {}"), set()),
    "vectors that imply messages": (
        Csv("process vector targets", 'A {"A":1} B\nB {"A":1,"B":1} -'),
        VECTOR_RULES - {"vector-back"} | MESSAGE_RULES - {"delivered-twice"}),
    "a hybrid timestamp of each process": (Csv("process hybrid time", "A 1.0 1\nB 1.0 1"), set()),
    "hybrid timestamps without times": (Csv("process hybrid", "A 1.0\nA 1.1"),
                                        {"hybrid-condition"}),
    "hybrid timestamps with times": (
        Csv("process hybrid time", "A 1.0 1\nA 1.1 1"),
        {"hybrid-condition", "hybrid-bound", "hybrid-step", "time-back"}),
    "identifiers": (
        Csv("process kind sent received targets", "A send m - B\nB receive - m -"),
        MESSAGE_RULES | {"lost-message"}),
    "identifiers of a send to two": (
        Csv("process kind sent received targets", "A send m - B,C\nB receive - m -"),
        MESSAGE_RULES | TARGET_RULES),
    "identifiers without targets": (
        Csv("process kind sent received", "A send m -\nB receive - m"), MESSAGE_RULES),
    "a receive that says nothing else": (
        Csv("process kind clock", "A receive 1\nB internal 1"), CLOCK_RULES | {"from-nowhere"}),
    "a stamp whose sender is not known": (
        Csv("process kind clock stamp", "A receive 2 1"), {"clock-condition", "from-nowhere"}),
    "stamps": (
        Csv("process clock kind sender stamp", "A 1 send - -\nB 2 receive A 1"),
        MESSAGE_RULES | {"clock-condition", "stamp"}),
    "few times and rates": (Csv("process time clock", "A 1 1\nB 1 1", (1, 1)), set()),
    "times and rates": (
        Csv("process time", "A 0\nA 1000000000\nA 2000000000", (1,)), {"pacing", "time-back"}),
    "rates without times": (Csv("process clock", "A 1\nA 2\nA 3", (1,)), CLOCK_RULES),
    "times of messages in both directions": (
        Csv("process time kind sent received",
            "A 1 send m -\nB 2 receive - m\nB 3 send n -\nA 4 receive - n"),
        MESSAGE_RULES | {"time-back", "time-skew"}),
    "times of messages in one direction": (
        Csv("process time kind sent received", "A 1 send m -\nB 2 receive - m"), MESSAGE_RULES),
    "an entry that no clock has": (Csv("process vector", 'A {"A":-1}'), {"clock-entry"}),
}  # fmt: skip


@pytest.mark.parametrize(("log", "rules"), APPLIED.values(), ids=APPLIED)
def test_the_rules_that_apply_are_those_that_have_what_they_need(
    log: Log, rules: set[str], tmp_path: Path
) -> None:
    verdict = verdict_on(tmp_path / "log", log)
    assert list(verdict.unknown_counts) == [name for name in RULES if name in rules]
    assert verdict.not_applied == [name for name in RULES if name not in rules]


@pytest.mark.parametrize(("log", "rules"), APPLIED.values(), ids=APPLIED)
def test_a_rule_that_decided_nothing_is_not_said_to_hold(
    log: Log, rules: set[str], tmp_path: Path
) -> None:
    verdict = verdict_on(tmp_path / "log", log)
    assert set(verdict.judged_counts) == rules
    decided = {name for name, count in verdict.judged_counts.items() if count}
    assert set(verdict.counts) == decided
    assert verdict.judged == sum(verdict.judged_counts.values())
    assert all(verdict.judged_counts[name] >= count for name, count in verdict.counts.items())
    for name in rules - decided:
        assert verdict.unknown_counts[name] > 0
    expected = "violated" if any(verdict.counts.values()) else "holds" if decided else "undecided"
    assert (verdict.verdict, verdict.holds) == (expected, expected == "holds")


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("columns", ["process event", "process event time_ns lamport queue tick"])
def test_no_rule_holds_for_a_log_that_has_nothing_for_it(
    rule: str, columns: str, tmp_path: Path
) -> None:
    cells = " ".join(["A", "red", *["-"] * (len(columns.split()) - 2)])
    verdict = table(tmp_path, columns, cells).check(only=rule)
    assert (verdict.counts, verdict.unknown_counts, verdict.not_applied) == ({}, {}, [rule])
    assert (verdict.verdict, verdict.judged, verdict.holds) == ("undecided", 0, False)
    assert (list(verdict.violations), list(verdict.unknowns())) == ([], [])


def test_rules_are_chosen_by_name_in_their_own_order() -> None:
    assert [rule.name for rule in chosen_rules()] == list(RULES)
    assert [rule.name for rule in chosen_rules(["fifo", "stamp"])] == ["stamp", "fifo"]
    assert [rule.name for rule in chosen_rules("fifo")] == ["fifo"]
    assert [rule.name for rule in chosen_rules(["fifo", "due"], "fifo")] == ["due"]
    rest = [name for name in RULES if name != "due"]
    assert [rule.name for rule in chosen_rules(without=["due"])] == rest
    for names in ({"only": ["nothing"]}, {"without": "nothing"}):
        with pytest.raises(NoSuchRuleError) as caught:
            chosen_rules(**names)
        assert str(caught.value) == f"there is no rule 'nothing'; there are {', '.join(RULES)}"


THREE_WRONG = (
    "A 1 one internal\nA 1 two internal\nA 1 three internal\nA 1 four internal\nA 5 five internal"
)


def test_violations_are_a_sequence_and_are_put_into_words_one_by_one(tmp_path: Path) -> None:
    verdict = table(tmp_path, "process clock event kind", THREE_WRONG).check()
    violations = verdict.violations
    assert violations[0] == Violation(
        rule="clock-condition", file="log.csv", line=3, process="A", index=1, row=1,
        expected="clock above 1, the clock of the event before", found="clock 1",
        witness=("A:0 internal clock 1 (log.csv:2)", "A:1 internal clock 1 (log.csv:3)"),
        rows=(0, 1),
    )  # fmt: skip
    assert [each.rule for each in violations] == ["clock-condition"] * 3 + ["lamport-step"]
    assert [each.index for each in violations] == [1, 2, 3, 4]
    assert (len(violations), violations[-1].index, violations[3].index) == (4, 4, 4)
    assert [each.index for each in violations[1:3]] == [2, 3]
    assert [each.index for each in violations[::-2]] == [4, 2]
    assert [each.index for each in violations.of("clock-condition", 2)] == [1, 2]
    assert [each.index for each in violations.of("clock-condition", 9)] == [1, 2, 3]
    assert [each.index for each in violations.of("lamport-step")] == [4]
    assert violations.of("clock-condition", 0) == violations.of("fifo") == []
    for place in (4, -5):
        with pytest.raises(IndexError):
            violations[place]
    assert verdict.counts == {"clock-condition": 3, "lamport-step": 1}
    assert not verdict.holds
    assert repr(verdict) == (
        "Verdict(violated, 5 events, violations: {'clock-condition': 3, 'lamport-step': 1})"
    )


def test_a_verdict_as_a_dictionary_lists_no_more_than_its_limit(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(
        "process,clock,event,kind\nA,1,,send\nA,1,two,\nA,1,,\nA,?!,,\nA,2,,receive\n"
        "A,2,,receive\nB,1,,\nB,?,,\n"
    )
    verdict = driftlab.read(tmp_path / "log.csv").check()
    document = verdict.to_dict(1)
    assert [each["index"] for each in document["violations"]] == [1]
    assert document["violations"][0]["witness"] == [
        "A:0 send clock 1 (log.csv:2)", "A:1 «two» clock 1 (log.csv:3)",
    ]  # fmt: skip
    assert document["violations"][0]["rows"] == [0, 1]
    assert document["counts"] == {"clock-condition": 3, "lamport-step": 0}
    assert [(each["rule"], each["index"]) for each in document["unknowns"]] == [
        ("clock-condition", 3), ("lamport-step", 3), ("from-nowhere", 3),
    ]  # fmt: skip
    assert (document["unknown"], document["unread"], document["in_flight"]) == (5, 2, None)
    assert [each["line"] for each in document["unread_lines"]] == [5]
    assert (document["verdict"], document["events"]) == ("violated", 6)
    assert len(verdict.to_dict()["unread_lines"]) == 2


def test_an_undecided_event_says_where_it_is(tmp_path: Path) -> None:
    verdict = table(tmp_path, "process clock kind", "B 1 internal\nA 1 receive").check()
    assert list(verdict.unknowns()) == [
        Unknown("clock-condition", "log.csv", 3, "A", 0, "what was received is not known"),
        Unknown("lamport-step", "log.csv", 3, "A", 0,
                "the clock of the event before, or what was received, is not known"),
        Unknown("from-nowhere", "log.csv", 3, "A", 0, SEND_UNKNOWN),
    ]  # fmt: skip
    assert verdict.unknown_counts["lamport-step"] == 1
    assert verdict.unknown == 3


def test_an_event_is_described_by_all_that_is_known_of_it(tmp_path: Path) -> None:
    def described(columns: str, events: str) -> list[str]:
        (violation,) = table(tmp_path, columns, events).check(only="clock-condition").violations
        return list(violation.witness)

    others = "".join(f"\n{name} 1 internal -" for name in "BCDEFG")
    sends = f"A 1 send B,C,D,E,F\nA 1 send B,C,D,E,F,G{others}"
    assert described("process clock kind targets", sends) == [
        "A:0 send to B,C,D,E,F clock 1 (log.csv:2)",
        "A:1 send to B,C,D,E,F,… clock 1 (log.csv:3)",
    ]  # fmt: skip
    forty = "x" * 40
    assert described("process clock event", f"A 1 {forty}\nA 1 {forty}y") == [
        f"A:0 «{forty}» clock 1 (log.csv:2)",
        f"A:1 «{forty}…» clock 1 (log.csv:3)",
    ]
    assert described(
        "process clock kind sender stamp event", "A 4 send - - one\nB 4 receive A 4 two"
    ) == ["A:0 send clock 4 (log.csv:2)", "B:0 receive from A clock 4 (log.csv:3)"]


def test_an_event_without_a_clock_or_a_file_is_described_without(tmp_path: Path) -> None:
    history = table(tmp_path, "process vector", 'A {"A":2}\nA {"A":1}')
    bare = driftlab.History(history.trace.replace(files=()))
    assert [list(each.witness) for each in bare.check().violations] == [["A:0 event", "A:1 event"]]
    assert [(each.file, each.line) for each in bare.check().violations] == [(None, None)]
    some = table(tmp_path, "process clock vector", 'A - {"A":2}\nA - {"A":1}\nB 1 {"B":1}')
    assert [list(each.witness) for each in some.check().violations] == [
        ["A:0 event (log.csv:2)", "A:1 event (log.csv:3)"],
    ]


@pytest.mark.parametrize(("count", "more"), [(10, ""), (11, " and 1 more")])
def test_remarks_name_ten_processes_without_a_log(count: int, more: str, tmp_path: Path) -> None:
    names = [f"X{number:02d}" for number in range(count)]
    events = "\n".join(f"A {k + 2} receive {name} {k + 1} red" for k, name in enumerate(names))
    verdict = table(tmp_path, "process clock kind sender stamp colour", events).check()
    assert verdict.remarks == [
        f"no log of {', '.join(names[:10])}{more}", "kept as text, not judged: colour",
    ]  # fmt: skip


def test_a_killed_machines_log_breaks_off_at_its_last_event(tmp_path: Path) -> None:
    history = journals(tmp_path, **GOOD, ended="B")
    assert history.check().remarks == [
        "the log of A breaks off at A:3", "the log of C breaks off at C:3",
    ]  # fmt: skip


def test_messages_and_processes_are_counted(tmp_path: Path) -> None:
    verdict = journals(tmp_path, **edit(GOOD, "C", ("receive A 3 - 4 0 A:3", ""))).check()
    assert (verdict.events, verdict.processes, verdict.messages) == (11, 3, 3)
    assert (verdict.in_flight, verdict.is_foreign, verdict.verdict) == (1, False, "holds")
    foreign = table(tmp_path / "foreign", "process clock", "A 1").check()
    assert (foreign.is_foreign, foreign.in_flight, foreign.messages) == (True, None, 0)


# As `driftlab check` prints it.


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    status = main(["check", *map(str, arguments)])
    return status, capsys.readouterr().out


def test_the_report_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log.csv").write_text(
        "process,clock,kind\nA,1,internal\nA,1,internal\nA,1,internal\nA,?,internal\n"
        "A,??,internal\nA,4,receive\nA,9,receive\nA,9,receive\n"
    )
    status, text = said(capsys, tmp_path / "log.csv", "--limit", "1")
    assert status == 1
    (unread, _) = driftlab.read(tmp_path / "log.csv").trace.unread
    assert (
        text
        == f"""\
violated: 6 events of 1 process, 3 messages received (of which 3 name no message), 2 lines unread
faults: does not count an internal event (A: 2 events); breaks clock-condition: if a
  happened before b, then C(a) < C(b) (A: 1 event)

rule             violations  undecided
──────────────────────────────────────
clock-condition           3          2
lamport-step              -          3
from-nowhere              -          3

hold: none
not applied: process-order, clock-entry, stamp, vector-back, vector-merge, vector-own,
             vector-ahead, matrix-merge, hybrid-condition, hybrid-bound, hybrid-step,
             before-sent, delivered-twice, fifo, lost-message, send-to-all, inbox-order,
             queue, one-operation, due, pacing, peer-choice, time-back, time-skew

clock-condition: if a happened before b, then C(a) < C(b); violated 3 times, the first 1 shown
  log.csv:3  A:1
    expected  clock above 1, the clock of the event before
    found     clock 1
    because   A:0 internal clock 1 (log.csv:2)
              A:1 internal clock 1 (log.csv:3)

could not be read: 2 lines in 2 places
  log.csv:5  {unread.reason}
  … and 1 more

undecided: 8 questions
  log.csv:7  A:3  clock-condition: {MESSAGE_UNKNOWN}
  log.csv:7  A:3  lamport-step: {STEP_UNKNOWN}
  log.csv:7  A:3  from-nowhere: {SEND_UNKNOWN}
  (the first 1 of each rule; --limit shows more)
"""
    )


def test_the_report_says_once_and_shows_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table(tmp_path, "process clock kind sender", "A 1 internal -\nA 1 internal -\nA 2 receive Z")
    path = tmp_path / "log.csv"
    status, text = said(capsys, path, "--limit", "0", "--only", "clock-condition")
    assert (status, text) == (1, """\
violated: 3 events of 2 processes, 1 message received (of which 1 names no message), 0 lines unread
fault: breaks clock-condition: if a happened before b, then C(a) < C(b) (A: 1 event)

rule             violations  undecided
──────────────────────────────────────
clock-condition           1          1

hold: none

clock-condition: if a happened before b, then C(a) < C(b); violated once, none shown

undecided: 1 question
  (the first 0 of each rule; --limit shows more)

no log of Z
""")  # fmt: skip
    status, text = said(capsys, path, "--without", "clock-condition", "--limit", "1")
    assert status == 0
    assert text.splitlines()[-5:] == [
        "undecided: 2 questions",
        f"  log.csv:4  A:2  lamport-step: {STEP_UNKNOWN}",
        f"  log.csv:4  A:2  from-nowhere: {SEND_UNKNOWN}",
        "",
        "no log of Z",
    ]


def test_the_report_on_several_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each run is named where something is said of it, and the sums are of all."""
    journals(tmp_path / "one", **GOOD)
    wrong = edit(GOOD, "B", ("internal - - - 2 0", "internal - - - 1 0"))
    journals(tmp_path / "two", **edit(wrong, "C", ("receive A 3 - 4 0 A:3", "")), ended="BC")
    status, text = said(capsys, tmp_path)
    assert status == 1
    assert (
        text
        == f"""\
violated: 2 runs, 23 events of 6 processes, 7 messages received, 1 in flight, 0 lines unread
fault: breaks clock-condition: if a happened before b, then C(a) < C(b) (B: 1 event)

rule             violations  undecided
──────────────────────────────────────
process-order             -          1
clock-condition           1          -

hold: lamport-step, stamp, from-nowhere, before-sent, delivered-twice, fifo,
      lost-message, send-to-all, inbox-order, queue, one-operation, due, peer-choice,
      time-back

clock-condition: if a happened before b, then C(a) < C(b); violated once in two
  B.log:4  B:1
    expected  clock above 1, the clock of the event before
    found     clock 1
    because   B:0 internal clock 1 (B.log:3)
              B:1 internal clock 1 (B.log:4)

undecided in two: 1 question
  A.log:6  A:3  process-order: {TICKS_MISSING}

two: the log of A breaks off at A:3
"""
    )
    both = judge_path(tmp_path)
    assert (both.verdict, both.unknown_of("process-order"), both.unknown_of("due")) == (
        "violated", 1, 0,
    )  # fmt: skip
    document = both.to_dict()
    assert document["counts"] == both.counts == {
        name: int(name == "clock-condition") for name in RULES
        if name in JOURNAL_RULES | {"peer-choice"}
    }  # fmt: skip
    assert [(each["run"], each["process"]) for each in document["violations"]] == [("two", "B")]
    assert [(each["run"], each["rule"]) for each in document["unknowns"]] == [
        ("two", "process-order")
    ]
    assert document["remarks"] == ["two: the log of A breaks off at A:3"]
    assert [(each["run"], each["verdict"], each["events"]) for each in document["runs"]] == [
        ("one", "holds", 12), ("two", "violated", 11),
    ]  # fmt: skip
    assert (document["events"], document["in_flight"], document["unread_lines"]) == (23, 1, [])


def test_a_log_to_which_no_chosen_rule_applies_cannot_be_judged(tmp_path: Path) -> None:
    table(tmp_path, "process clock", "A 1")
    path = tmp_path / "log.csv"
    judged = judge_path(path, only=["fifo", "due"])
    assert (judged.verdict, judged.holds, judged.judged) == ("undecided", False, 0)
    assert judged.reason_undecided == "no chosen rule applies (fifo, due)"
    assert judged.to_dict()["reason"] == judged.reason_undecided
    with pytest.raises(NothingJudgedError, match=r"log.csv: there is .*: no rule was chosen$"):
        judge_path(path, only=["fifo"], without=["fifo"])


def test_a_send_to_every_peer_is_one_to_each_of_them(tmp_path: Path) -> None:
    """However the columns say it: a set of targets, or EVERY_PEER."""
    history = table(
        tmp_path,
        "process clock kind sender stamp targets",
        """
        A 1 send - - B,C
        A 2 send - - B,C
        B 1 internal - - -
        B 3 receive A 2 -
        C 1 internal - - -
        C 2 receive A 1 -
        """,
    )
    target = history.trace.columns.target
    assert target is not None
    every = np.where(target == SET_FIRST, EVERY_PEER, target)
    assert sorted(every.tolist()) == [NO_TARGET] * 4 + [EVERY_PEER] * 2
    columns = history.trace.columns._replace(target=every)
    for trace in (history.trace, history.trace.replace(columns=columns, sets=())):
        verdict = driftlab.History(trace).check()
        assert verdict.in_flight == 1  # the other one never reached B
        assert [tuple(each) for each in reported(verdict)] == [
            ("send-to-all", "A:0", 2, "reaches B and C",
             "never reached B, though a later message did", "A:0 A:1"),
        ]  # fmt: skip


def test_sends_to_every_peer_are_to_peers_and_arrive(tmp_path: Path) -> None:
    history = journals(tmp_path, **GOOD)
    target = history.trace.columns.target
    assert target is not None
    columns = history.trace.columns._replace(target=np.where(target < -2, EVERY_PEER, target))
    verdict = driftlab.History(history.trace.replace(columns=columns, sets=())).check()
    assert reported(verdict) == []
    assert (verdict.in_flight, verdict.unknown, verdict.messages) == (0, 0, 4)


def test_entries_of_no_process_are_left_out_of_a_table_of_timestamps() -> None:
    starts, entries = np.array([0, 2, 2, 5]), np.array([0, 2, -1, 1, 0])
    held = Timestamps("vector", starts, entries, np.array([7, 9, 9, 4, 3]))
    assert timestamp_table(held, np.array([2, 1, 0]), 2).tolist() == [[3, 4], [0, 0], [7, 0]]
    assert timestamp_table(held, np.array([], np.int64), 2).tolist() == []
    assert is_stamped(held).tolist() == [True, False, True]
    own = own_entries(held, np.array([0, 1, 2]), np.array([0, 0, 1]))
    assert own.tolist() == [7, 0, 4]


WHOLE = ProcessInfo(ended=True, from_start=True)


def test_identifiers_in_whole_logs_are_from_nowhere_if_no_send_has_them(tmp_path: Path) -> None:
    """Logs that say that they are whole, as only ours do, and messages that have identifiers."""
    columns, events = "process kind sent received", "A send m1 -\nB receive - m2\nB receive - m1"
    log = table(tmp_path, columns, events)
    whole = driftlab.History(log.trace.replace(process_info=[WHOLE] * 2)).check()
    assert [tuple(each) for each in reported(whole)] == [
        ("from-nowhere", "B:0", 3, "a send by some process to B of message m2", "no such send",
         "B:0"),
    ]  # fmt: skip
    open_log = [WHOLE._replace(ended=False), WHOLE]
    verdict = driftlab.History(log.trace.replace(process_info=open_log)).check()
    assert [each[:2] for each in undecided(verdict)] == [("from-nowhere", "B:0")]
    assert verdict.holds


def test_a_receive_without_an_identifier_may_be_of_any_message(tmp_path: Path) -> None:
    events = "A send m1 -\nB receive - -\nB receive - m1"
    log = table(tmp_path, "process kind sent received", events)
    verdict = driftlab.History(log.trace.replace(process_info=[WHOLE] * 2)).check()
    assert [each[:2] for each in undecided(verdict)] == [("from-nowhere", "B:0")]
    assert verdict.holds


def test_only_processes_that_are_the_die_have_to_share_their_messages_out(tmp_path: Path) -> None:
    sends = "\n".join(f"send - - A {number} 0 -" for number in range(1, 61))
    idle = "internal - - - 1 0 -"
    history = journals(tmp_path, A=idle, B=sends, C=idle)
    assert history.check().counts["peer-choice"] == 1
    die, other, _ = history.trace.process_info
    mixed = [die, other._replace(process="mine.py:Mine"), die]
    verdict = driftlab.History(history.trace.replace(process_info=mixed)).check()
    assert "peer-choice" in verdict.not_applied


@pytest.mark.parametrize(("ended", "holds"), [("AB", False), ("B", True), ("A", False)])
def test_an_identifier_of_a_known_sender_depends_on_the_log_of_that_sender(
    ended: str, holds: bool, tmp_path: Path
) -> None:
    columns = "process kind sender sent received"
    events = "A send - m1 -\nB receive A - m2\nB receive A - m1"
    log = table(tmp_path, columns, events)
    whole = [WHOLE._replace(ended=name in ended) for name in "AB"]
    verdict = driftlab.History(log.trace.replace(process_info=whole)).check()
    found = [each[1:] for each in reported(verdict)]
    expected = ("B:0", 3, "a send by A to B of message m2", "no such send", "B:0")
    assert found == ([] if holds else [expected])
    assert [each[:2] for each in undecided(verdict)] == ([("from-nowhere", "B:0")] if holds else [])
