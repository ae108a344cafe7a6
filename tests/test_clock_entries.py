"""Clocks that no event can have are violations of `clock-entry`, not lines that are unread."""

from pathlib import Path

import pytest

import driftlab
from driftlab.foreign.clock_values import InvalidClockError, read_clock
from driftlab.judge.checker import Verdict
from tests.small_logs import table

INVALID_ENTRIES = {
    "negative": ("-2", "entry A: -2"),
    "a fraction": ("2.5", "entry A: 2.5"),
    "a text": ('"two"', 'entry A: "two"'),
    "a text that is a number": ('"-2"', "entry A: -2"),
    "beyond 64 bits": ("9223372036854775808", "entry A: 9223372036854775808"),
    "true": ("true", "entry A: true"),
    "a list": ("[2]", "entry A: [2]"),
}


def only_invalid(verdict: Verdict) -> list[tuple[str, str]]:
    """Return the events and what was found there; nothing else may be violated or unread."""
    assert {name for name, count in verdict.counts.items() if count} <= {"clock-entry"}
    assert verdict.unread_lines == 0
    return [(f"{each.process}:{each.index}", each.found) for each in verdict.violations]


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize(("entry", "found"), INVALID_ENTRIES.values(), ids=INVALID_ENTRIES)
def test_an_entry_that_no_clock_has_is_a_violation_whatever_the_log_says_of_itself(
    entry: str, found: str, complete: bool, tmp_path: Path
) -> None:
    log = 'A {"A":1}\nA {"A":%s}\nA {"A":3}\nB {"B":1}'
    verdict = table(tmp_path, "process vector", log % entry).check(complete=complete)
    assert only_invalid(verdict) == [("A:1", found)]
    assert verdict.violations[0].expected == "whole numbers from 0 to 2^63-1"
    assert (verdict.events, verdict.violations[0].line) == (4, 3)
    assert verdict.unknown_counts["vector-own"] == 2  # the event itself and the next
    right = table(tmp_path, "process vector", log % "2").check(complete=complete)
    assert right.holds
    assert (right.unknown, "clock-entry" in right.not_applied) == (0, True)


@pytest.mark.parametrize("number", ["2.0", "2e0", '"2"'])
def test_a_whole_number_is_one_however_it_is_written(number: str, tmp_path: Path) -> None:
    log = f'A {{"A":1}}\nA {{"A":{number}}}\nA {{"A":3}}'
    assert table(tmp_path, "process vector", log).check(complete=True).holds


@pytest.mark.parametrize("column", ["lamport", "clock", "Lamport_Clock", "lc"])
def test_lamport_clocks_are_whole_and_not_negative(column: str, tmp_path: Path) -> None:
    clocks = ["1", "-2", "3", "4.5", "5", "99999999999999999999", "7", "what", "9", "-", "11"]
    log = "\n".join(f"A {clock}" for clock in clocks)
    verdict = table(tmp_path, f"process {column}", log).check()
    found = only_invalid(verdict)
    assert [event for event, _ in found] == ["A:1", "A:3", "A:5", "A:7"]
    assert [text.split()[1] for _, text in found] == [clocks[row] for row in (1, 3, 5, 7)]
    assert verdict.unknown_counts["lamport-step"] == 4  # the events after these, not after "-"


@pytest.mark.parametrize("first", ["-1", "1"])
def test_a_column_of_negative_numbers_alone_is_one_of_invalid_clocks(
    first: str, tmp_path: Path
) -> None:
    verdict = table(tmp_path, "process clock", f"A {first}\nA -2\nA -3").check()
    assert verdict.counts["clock-entry"] == (3 if first == "-1" else 2)


@pytest.mark.parametrize("values", ["0.5 1.5 3", "10:00:01 10:00:02 3", "a b 1"])
def test_a_column_of_other_things_is_no_column_of_clocks(values: str, tmp_path: Path) -> None:
    """Seconds, times or words in a column `clock` are not held against anybody."""
    log = "\n".join(f"A {value}" for value in values.split())
    trace = table(tmp_path, "process clock", log).trace
    assert (len(trace), len(trace.invalid_clocks.rows)) == (1, 0)
    assert "neither a whole number nor an object" in trace.unread[0].reason


@pytest.mark.parametrize(
    ("columns", "right", "wrong"),
    [
        ("process vector", "A [1,0]\nB [0,1]\nA [2,0]", ("[2,0]", "[2,-7]")),
        ("process vector", "A [1,0]\nB [0,1]\nA [2,0]", ("[2,0]", "[2.5,0]")),
        ("process vector", "A [1,0]\nB [0,1]\nA [2,0]", ("[2,0]", "(2,-1)")),
        ("process vector", "A 1.0\nB 0.1\nA 2.0", ("2.0", "2.-1")),
        ("process matrix", "A 1.0/0.0\nB 0.0/0.1\nA 2.0/0.0", ("2.0/0.0", "2.0/0.-3")),
    ],
)
def test_in_lists_and_dotted_timestamps_too(
    columns: str, right: str, wrong: tuple[str, str], tmp_path: Path
) -> None:
    assert table(tmp_path, columns, right).check().holds
    verdict = table(tmp_path, columns, right.replace(*wrong)).check()
    assert [event for event, _ in only_invalid(verdict)] == ["A:1"]


def test_in_shiviz_text_the_event_keeps_its_place(tmp_path: Path) -> None:
    lines = ['a {"a":1}\nasks\n', 'b {"a":1, "b":1}\nhears\n', 'b {"a":1, "b":-5}\ntells\n',
             'b {"a":1, "b":3}\nrests\n']  # fmt: skip
    (tmp_path / "log.txt").write_text("".join(lines))
    verdict = driftlab.read(tmp_path / "log.txt").check()
    assert only_invalid(verdict) == [("b:1", "entry b: -5")]
    assert (verdict.violations[0].line, verdict.events) == (5, 4)


def test_what_is_no_clock_at_all_is_none(tmp_path: Path) -> None:
    verdict = table(tmp_path, "process clock kind", "A 1 send\nA - send\nA null send\nA 2 send")
    assert verdict.check().holds


def test_a_name_twice_is_no_clock_and_no_invalid_one() -> None:
    with pytest.raises(Exception, match="names A twice") as caught:
        read_clock('{"A":1,"A":2}')
    assert not isinstance(caught.value, InvalidClockError)


def test_a_clock_that_is_computed_anew_is_valid(tmp_path: Path) -> None:
    history = table(tmp_path, "process vector", 'A {"A":1}\nA {"A":-2}\nB {"B":1}')
    assert not history.check().holds
    for clock in ("lamport", "vector"):
        verdict = history.restamp(clock).check()
        assert "clock-entry" in verdict.not_applied
