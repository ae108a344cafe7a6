"""Logs that do not show when their clocks are written: another way may explain what seems wrong.

Each kind has right logs, in which nothing is violated, and wrong programs, whose faults no
other way of writing hides.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

import driftlab
from driftlab.judge.checker import Verdict
from tests.log_formats import run_lines
from tests.small_logs import table
from tests.written_logs import (
    Line,
    clock_before_event,
    clock_before_increment,
    own_entry_before_event,
)

WORDS = {"send": "emit", "receive": "absorb", "internal": "churn"}
NAMES = ("", "sender", "sender stamp", "message")
CALLED = {"vector": "clock", "message": "message_id"}


def vector_before_event(lines: Sequence[Line]) -> list[Line]:
    """Write the vector time that the event before left."""
    last: dict[str, str] = {}
    written = []
    for line in lines:
        written.append(line._replace(vector=last.get(line.process, "{}")))
        last[line.process] = line.vector
    return written


CLOCKS = {
    "lamport-before-increment": ("lamport", clock_before_increment),
    "lamport-before-event": ("lamport", clock_before_event),
    "vector-before-increment": ("vector", own_entry_before_event),
    "vector-before-event": ("vector", vector_before_event),
}


def log_of(folder: Path, lines: Sequence[Line], fields: Sequence[str], kinds: str) -> Path:
    """Write lines as a table. kinds: whether they are said, in words of our own, or not at all."""
    rows = []
    for line in lines:
        of = line._replace(kind=WORDS[line.kind] if kinds == "own words" else line.kind)
        rows.append([getattr(of, field) for field in fields])
    text = [",".join(CALLED.get(field, field) for field in fields)]
    text += [
        ",".join('"' + cell.replace('"', '""') + '"' if '"' in cell or "," in cell else cell
                 for cell in row)
        for row in rows
    ]  # fmt: skip
    path = folder / "log.csv"
    path.write_text("\n".join([*text, ""]))
    return path


@pytest.mark.parametrize("kinds", ["said", "own words", "none"])
@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("clock", CLOCKS)
def test_right_logs_that_begin_late_break_no_rule(
    clock: str, names: str, kinds: str, tmp_path: Path
) -> None:
    field, write = CLOCKS[clock]
    fields = ["process", *(["kind"] if kinds != "none" else []), field, *names.split()]
    for seed in range(8):
        seconds = 2 + seed
        lines, _ = run_lines(clock="vector", seed=seed, seconds=seconds, rates=(6, 5, 2))
        late = sorted(write(lines), key=lambda line: int(line.time))[12 + 3 * seed :]
        verdict = driftlab.read(log_of(tmp_path, late, fields, kinds)).check()
        assert not verdict.violations, (seed, list(verdict.violations)[:2])


FAULTS = {
    "max-only": "max(C, stamp) at a receive",
    "max-of-next": "max(C + 1, stamp) at a receive",
    "adds-two": "adds 2 at a receive",
    "steps-by-two": "counts 2 at an internal event",
}


@pytest.mark.parametrize("names", ["message", "sender targets", "stamp"])
@pytest.mark.parametrize("write", [clock_before_increment, clock_before_event])
@pytest.mark.parametrize("fault", FAULTS)
def test_programs_that_err_and_write_their_clocks_early_are_named(
    fault: str, write: object, names: str, tmp_path: Path
) -> None:
    assert callable(write)
    lines, _ = run_lines(clock="lamport", seed=1, seconds=40, rates=(6, 5, 2), fault=fault)
    fields = ["process", "kind", "lamport", *names.split()]
    verdict = driftlab.read(log_of(tmp_path, write(lines), fields, "said")).check()
    assert verdict.verdict == "violated"
    assert any(FAULTS[fault] in each.name for each in verdict.faults), verdict.faults


def judged(folder: Path, events: str, columns: str) -> Verdict:
    return table(folder, columns, events).check()


EARLY = """
    a internal 13 - -
    a send 14 - m1
    a internal 15 - -
    b receive 3 a m1
    b internal 16 - -
"""
BY_ID = "process kind lamport sender message_id"


def test_what_is_left_open_says_how_else_the_clocks_may_be_written(tmp_path: Path) -> None:
    verdict = judged(tmp_path, EARLY, BY_ID)
    assert verdict.verdict == "holds"
    assert verdict.unknown_counts["clock-condition"] == 1
    line = "clocks may be written before their event (clock-before-event), or after: undecided"
    assert line in verdict.assumed
    assert any(line in each.reason for each in verdict.unknowns())
    path = tmp_path / "log.csv"
    after = driftlab.read(path, assume="clock-after-increment").check()
    assert after.counts["clock-condition"] == 1
    assert not driftlab.read(path, assume="clock-before-event").check().violations


@pytest.mark.parametrize(
    "wrong",
    [
        EARLY.replace("internal 16", "internal 15"),  # not above its message by any convention
        EARLY.replace("internal 15", "internal 14"),  # a clock that stands still
        "a send 5 - m1\nb receive 5 a m1",  # where nothing shows how any clock moves
        # It begins with the first events, so its clocks are those after them.
        EARLY.replace("internal 13", "internal 1").replace("send 14", "send 2")
        .replace("internal 15", "internal 3").replace("receive 3", "receive 2"),
    ],
)  # fmt: skip
def test_what_no_convention_explains_is_violated(wrong: str, tmp_path: Path) -> None:
    assert judged(tmp_path, wrong, BY_ID).counts["clock-condition"]


COLUMNS = "process kind lamport sender stamp"


def test_stamps_from_before_the_log_begins_do_not_show_how_a_program_stamps(
    tmp_path: Path,
) -> None:
    late = (
        "a send 23 - -\na internal 24 - -\nb receive 23 a 22\nb internal 24 - -\nc internal 9 - -"
    )
    assert not judged(tmp_path, late, COLUMNS).violations
    whole = "a internal 1 - -\na send 2 - -\nb receive 2 a 1\nb internal 3 - -\nc internal 1 - -"
    assert judged(tmp_path, whole, COLUMNS).counts["clock-condition"] == 1


def test_the_order_on_a_channel_says_nothing_where_its_first_sends_may_be_missing(
    tmp_path: Path,
) -> None:
    late = """
        a send 30 b -
        a send 31 b -
        b receive 6 - a
        b receive 32 - a
    """
    columns = "process kind lamport targets sender"
    assert not judged(tmp_path, late, columns).violations
    whole = late.replace("send 30", "send 1").replace("send 31", "send 2").replace(" 6", " 1")
    assert judged(tmp_path, whole, columns).violations


def test_a_message_of_which_nothing_is_known_may_set_a_clock(tmp_path: Path) -> None:
    events = """
        a internal 1 {a:1}
        a receive 26 {a:2,b:9,c:1}
        c send 1 {c:1}
    """
    columns = "process kind lamport clock"
    assert not judged(tmp_path, events, columns).violations
    assert judged(tmp_path, events.replace("b:9,", ""), columns).counts["lamport-step"] == 1


def test_stamps_without_senders_leave_the_clocks_open(tmp_path: Path) -> None:
    """Of clocks that begin with 0 and stamps alone nobody can say whose they are."""
    lines = """
        a - 0 - -
        a - 1 - -
        a - 2 - -
        a - 6 - 6
        b - 1 - 1
        b - 2 - -
        b - 3 - -
        b - 4 - -
        b - 5 - -
        c - 4 - 4
        c - 5 - -
    """
    verdict = table(tmp_path, "process kind lamport sender stamp", lines).check()
    assert not verdict.violations
    assert any("clock-before-increment" in line for line in verdict.assumed)


def test_a_receive_with_the_clock_0_is_written_before_its_event(tmp_path: Path) -> None:
    lines = "a send 0 m1\nb receive 0 m1"
    verdict = table(tmp_path, "process kind lamport message_id", lines).check()
    assert not verdict.violations
    assert any("clock-before-event" in line for line in verdict.assumed)
    lines = "a internal 1 -\na send 2 m1\nb receive 2 m1\nb internal 3 -"
    assert table(tmp_path, "process kind lamport message_id", lines).check().violations


def test_of_several_ways_the_one_that_leaves_nothing_wrong_counts(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(
        "".join(
            f'{{"host":"{host}","clock":{{"a":{a},"b":{b}}}}}\n'
            for host, a, b in [
                ("a", 2, 2), ("a", 3, 2), ("a", 4, 2), ("a", 5, 2), ("a", 6, 2), ("a", 7, 2),
                ("b", 0, 1), ("b", 4, 2), ("b", 5, 3), ("b", 5, 4), ("b", 5, 5),
            ]
        )
    )  # fmt: skip
    verdict = driftlab.read(tmp_path / "log.jsonl").check()
    assert not verdict.violations
    assert verdict.unknown


def test_lamport_clocks_say_that_own_entries_of_1_are_no_first_events(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(
        "".join(
            f'{{"host":"a","kind":"internal","lamport":{n + 1},"vc":{{"a":{n},"c":1}}}}\n'
            for n in (1, 2, 3)
        )
        + '{"host":"c","kind":"internal","lamport":1,"vc":{"c":1}}\n'
    )
    assert not driftlab.read(tmp_path / "log.jsonl").check().violations


def test_first_lines_that_are_missing_do_not_make_a_log_wrong(tmp_path: Path) -> None:
    """Without them all own entries begin with 1, as those after the first events do."""
    lines, _ = run_lines(clock="vector", seed=7, seconds=20, rates=(6, 5, 2))
    seen = set()
    kept = []
    for line in own_entry_before_event(lines):
        if line.process in seen:
            kept.append(line)
        seen.add(line.process)
    path = log_of(tmp_path, kept, ("process", "vector"), "none")
    assert not driftlab.read(path).check().violations
    # Nor do they excuse a single wrong entry.
    right = '{"host":"a","vc":{"a":1}}\n{"host":"a","vc":{"a":2},"mid":1,"kind":"send"}\n'
    wrong = '{"host":"b","vc":{"a":3,"b":1},"mid":1,"kind":"receive"}\n'
    (tmp_path / "log.jsonl").write_text(right + wrong)
    assert driftlab.read(tmp_path / "log.jsonl").check().counts["vector-ahead"] == 1


LATE_BY_ONE = """
A receive 1 A1B1 B|A internal 2 A2B1|A send 3 A3B1|A send 4 A4B1|A internal 5 A5B1
A receive 6 A6B1C4 C|A internal 7 A7B1C4|A internal 8 A8B1C4|A internal 9 A9B1C4
A send 10 A10B1C4|A internal 11 A11B1C4|B internal 1 B1|B internal 2 B2|B internal 3 B3
B internal 4 B4|B internal 5 B5|B send 6 B6|B send 7 B7|B receive 11 A11B8C4 A
B send 12 A11B9C4|B send 13 A11B10C4|B internal 14 A11B11C4|C receive 1 A1C0 A
C receive 2 A1B1C1 B|C internal 3 A1B1C2|C send 4 A1B1C3|C internal 5 A1B1C4
C receive 7 A1B7C5 B|C receive 11 A11B7C6 A|C receive 13 A11B10C7 B|C receive 14 A11B11C8 B
D receive 1 B1D0 B|D receive 4 A4B1D1 A
"""


def test_a_lamport_clock_of_1_is_no_first_event_where_own_entries_are_written_early(
    tmp_path: Path,
) -> None:
    """Then it may be written early too, and the log may begin with the second event."""
    path = tmp_path / "log.jsonl"
    lines = []
    for event in LATE_BY_ONE.strip().replace("\n", "|").split("|"):
        node, kind, clock, vector, *sender = event.split()
        entries = {name: int(count) for name, count in re.findall(r"([A-D])(\d+)", vector)}
        record = {"node": node, "kind": kind, "lamport": int(clock), "vc": entries}
        lines.append(json.dumps({**record, "from": sender[0] if sender else None}))
    path.write_text("\n".join([*lines, ""]))
    verdict = driftlab.read(path).check()
    assert any("vector clocks are written before their increment" in each
               for each in verdict.assumed)  # fmt: skip
    assert not verdict.violations


def read_text(folder: Path, text: str) -> Verdict:
    (folder / "log.csv").write_text(text)
    return driftlab.read(folder / "log.csv").check()


STAMPED = """\
process,kind,lamport,sender,stamp
B,{receive},24,A,24
A,{internal},25,,
C,{send},21,,
B,{receive},25,C,21
"""


def test_an_event_of_no_known_kind_shows_no_stamp_of_a_send(tmp_path: Path) -> None:
    open_kinds = STAMPED.format(receive="absorb", internal="churn", send="churn")
    verdict = read_text(tmp_path, open_kinds)
    assert (verdict.verdict, list(verdict.violations)) == ("holds", [])
    assert "may be written before their event" in verdict.assumed[-1]
    said = STAMPED.format(receive="receive", internal="internal", send="send")
    assert read_text(tmp_path, said).counts["clock-condition"] == 1


LAST = """\
process,lamport,stamp
A,6,
A,7,8
"""


def test_a_last_line_below_its_stamp_is_open_and_one_that_goes_on_is_wrong(tmp_path: Path) -> None:
    """By clocks before their events the last line does not show what the message did to it."""
    verdict = read_text(tmp_path, LAST)
    assert (verdict.counts["clock-condition"], verdict.unknown > 0) == (0, True)
    assert read_text(tmp_path, LAST + "A,8,\n").counts["clock-condition"] == 1


BOTH = """\
process,kind,lamport,vc,sender,stamp,targets
A,emit,1,"{""A"": 1}",,,B
A,churn,2,"{""A"": 2}",,,
A,emit,3,"{""A"": 3}",,,B
B,absorb,1,"{""B"": 1}",A,2,
B,churn,3,"{""A"": 2, ""B"": 2}",,,
"""


def test_lamport_clocks_that_are_early_leave_open_whether_vectors_are(tmp_path: Path) -> None:
    verdict = read_text(tmp_path, BOTH)
    assert (verdict.verdict, list(verdict.violations)) == ("holds", [])
    assert "vector clocks may be written before their event" in verdict.assumed[-1]
    wrong = BOTH.replace('3,"{""A"": 2, ""B"": 2}"', '3,"{""A"": 0, ""B"": 2}"')
    counts = read_text(tmp_path, wrong + 'B,churn,4,"{""A"": 2, ""B"": 3}",,,\n').counts
    assert counts["vector-merge"] == 1


CUT = """\
process,kind,lamport,sender,stamp,targets
A,absorb,11,B,11,
A,churn,12,,,
A,emit,13,,,B
A,absorb,14,C,14,
B,emit,10,,,C
B,emit,11,,,C
B,churn,12,,,
B,absorb,14,A,14,
C,absorb,11,B,11,
C,absorb,12,B,12,
C,emit,13,,,A
C,emit,13,,,B
C,emit,14,,,B
"""


def test_the_first_line_of_a_send_of_several_lines_may_be_missing(tmp_path: Path) -> None:
    """B sent its first message to A and C; the log begins with the line for C."""
    verdict = read_text(tmp_path, CUT)
    assert (verdict.verdict, list(verdict.violations)) == ("holds", [])
    assert "those before may be missing" in next(verdict.unknowns()).reason
    whole = CUT.replace("B,emit,10,,,C", "B,churn,9,,,\nB,emit,10,,,C")
    assert read_text(tmp_path, whole).counts["from-nowhere"] == 1


TOLD = """\
process,kind,lamport,vc,stamp
A,receive,14,"{""A"": 14, ""B"": 11, ""C"": 3}",13
B,internal,14,"{""B"": 12}",
C,receive,13,"{""C"": 8}",12
C,internal,14,"{""C"": 9}",
"""


def test_a_first_event_that_knows_of_several_does_not_say_who_sent(tmp_path: Path) -> None:
    """B sent, before its log begins; C, whose first clock is the stamp, did not."""
    verdict = read_text(tmp_path, TOLD)
    assert (verdict.verdict, list(verdict.violations)) == ("holds", [])
    assert ("from-nowhere", "A") in {(one.rule, one.process) for one in verdict.unknowns()}
    whole = driftlab.read(tmp_path / "log.csv").check(complete=True)
    assert whole.counts["from-nowhere"] >= 1
