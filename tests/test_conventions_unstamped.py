"""Clocks written before their event or increment, in logs that are short or carry no stamps."""

from pathlib import Path

import pytest

from driftlab.judge.checker import Verdict
from tests.small_logs import table, undecided

# A right program: each line shows the clock that the event before left.
BEFORE = """
    a internal 0 - - -
    a send 1 - b 1
    b internal 0 - - -
    b receive 1 a - 1
    b send 3 - a 2
    a internal 2 - - -
    a receive 3 b - 2
    a internal 5 - - -
"""
COLUMNS = "process kind lamport sender targets message_id"


def without(events: str, *columns: int) -> str:
    lines = [line.split() for line in events.strip().splitlines()]
    return "\n".join(
        " ".join("-" if place in columns else cell for place, cell in enumerate(line))
        for line in lines
    )


def judged(folder: Path, events: str, columns: str = COLUMNS) -> Verdict:
    return table(folder, columns, events).check()


@pytest.mark.parametrize("missing", [(), (5,), (3, 4), (3,)])
def test_clocks_before_their_event_are_recognized_without_stamps(
    tmp_path: Path, missing: tuple[int, ...]
) -> None:
    verdict = judged(tmp_path, without(BEFORE, *missing))
    assert verdict.holds, verdict.violations
    assert not verdict.unknown
    assert "clocks are written before their event (as 2 messages show)" in verdict.assumed[0]


def test_one_receive_that_ignores_its_message_is_no_convention(tmp_path: Path) -> None:
    """The line after it jumps, as in such logs, but the other receives fit ours."""
    right = """
        a internal 1 - - -
        a send 2 - b 1
        b internal 1 - - -
        b receive 3 a - 1
        b send 4 - a 2
        a internal 3 - - -
        a receive 5 b - 2
        a internal 6 - - -
    """
    assert judged(tmp_path, right).holds
    for line, wrong in ((" 3 a - 1", " 2 a - 1"), (" 5 b - 2", " 4 b - 2")):
        verdict = judged(tmp_path, right.replace(line, wrong))
        assert not verdict.holds
        assert not any("before their event" in line for line in verdict.assumed)


def test_clocks_before_their_event_keep_their_faults(tmp_path: Path) -> None:
    wrong = BEFORE.replace("a internal 5", "a internal 7")
    assert not judged(tmp_path, wrong).holds


@pytest.mark.parametrize(
    "events",
    [
        # An entry of an event that no line counts, unless own entries are written early.
        "a internal {a:0,b:0}\nb send {a:0,b:0}\na send {a:1,b:0}\na receive {a:2,b:1}",
        # The only line of a process.
        "a send {a:0}\na send {a:1}\nb receive {a:1,b:0}",
        # Entries fit both ways.
        "a send {a:0}\na send {a:1}\nb receive {a:1,b:0}\nc receive {a:1,c:0}\na send {a:2}",
    ],
)
def test_short_logs_whose_vector_clocks_begin_with_0_are_open(tmp_path: Path, events: str) -> None:
    verdict = judged(tmp_path, events, "process kind clock")
    assert not verdict.violations
    assert {rule for rule, *_ in undecided(verdict)} <= {"vector-own", "vector-ahead"}


def test_a_receive_that_does_not_count_itself_is_wrong_where_others_do(tmp_path: Path) -> None:
    verdict = judged(tmp_path, "a send {a:1}\nb receive {a:1,b:0}", "process kind clock")
    assert [each.rule for each in verdict.violations] == ["vector-own"]


def test_a_process_without_a_log_may_have_sent_what_names_no_sender(tmp_path: Path) -> None:
    """Nobody sends to b, which received: so there is a third, and a's message may be its too."""
    events = """
        a internal 1 - -
        b internal 1 - -
        b receive 2 - -
        a internal 2 - -
        b internal 3 - -
        a receive 3 - -
        b send 4 - a
    """
    columns = "process kind lamport sender targets"
    verdict = judged(tmp_path, events, columns)
    assert not verdict.violations
    assert verdict.unknown
    named = events.replace("a receive 3 - -", "a receive 3 b -")
    assert {each.rule for each in judged(tmp_path, named, columns).violations} == {
        "clock-condition"
    }
    alone = events.replace("b receive 2", "b internal 2")
    assert {each.rule for each in judged(tmp_path, alone, columns).violations} == {
        "clock-condition"
    }
