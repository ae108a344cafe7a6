"""Vector clocks with the sender and the targets of each line: no fault on a channel holds."""

from pathlib import Path

import pytest

import driftlab
from driftlab.api.preview import preview
from driftlab.judge.checker import Verdict
from tests.small_logs import table, undecided

COLUMNS = "process kind clock sender targets"


def channel(sent: int, *received: int) -> str:
    """Return a log of one channel: what each receive knows of the sender."""
    sends = [f"a send {{a:{number}}} - b" for number in range(1, sent + 1)]
    receives = [f"b receive {{a:{known},b:{place}}} a -" for place, known in enumerate(received, 1)]
    return "\n".join([*sends, *receives])


def judged(folder: Path, events: str) -> Verdict:
    return table(folder, COLUMNS, events).check(complete=True)


@pytest.mark.parametrize(
    ("sent", "received", "found"),
    [
        (3, (1, 2, 3), {}),
        (4, (1, 2), {}),  # two are in flight
        (3, (1, 3), {"lost-message": "a:1"}),
        (2, (1, 1, 2), {"delivered-twice": "b:1"}),
        (3, (2, 2, 3), {"fifo": "b:1"}),
        (4, (1, 1, 3), {"vector-merge": "b:1"}),
        (3, (1, 1, 3), {"vector-merge": "b:1"}),
    ],
)
def test_what_vector_clocks_leave_over_is_named(
    tmp_path: Path, sent: int, received: tuple[int, ...], found: dict[str, str]
) -> None:
    verdict = judged(tmp_path, channel(sent, *received))
    assert {each.rule: f"{each.process}:{each.index}" for each in verdict.violations} == found
    assert not verdict.unknown
    (run,) = preview(tmp_path / "log.csv").runs
    assert run.matched == sum(run.matched_by.values()) == len(received)


def test_what_may_be_lost_or_repeated_is_undecided(tmp_path: Path) -> None:
    """Of three sends between two receives one may have come, and two are lost."""
    verdict = judged(tmp_path, channel(5, 1, 1, 5))
    assert not verdict.violations
    rules = {rule for rule, *_ in undecided(verdict)}
    assert {"from-nowhere", "delivered-twice", "lost-message"} <= rules
    (run,) = preview(tmp_path / "log.csv").runs
    assert run.receives == 3
    assert run.matched == sum(run.matched_by.values()) == 2


def test_a_receive_that_learned_only_of_others_names_a_wrong_sender(tmp_path: Path) -> None:
    events = """
        a send {a:1} - c
        b send {b:1} - c
        a send {a:2} - c
        c receive {a:1,c:1} a -
        c receive {a:1,b:1,c:2} b -
        c receive {a:2,b:1,c:3} a -
    """
    assert judged(tmp_path, events).holds
    wrong = events.replace("c:2} b", "c:2} a")
    verdict = judged(tmp_path, wrong)
    assert {(each.rule, each.line) for each in verdict.violations} == {("vector-ahead", 6)}


def test_a_line_that_is_missing_is_no_lost_message(tmp_path: Path) -> None:
    lines = channel(3, 1, 2, 3).splitlines()
    verdict = judged(tmp_path, "\n".join([*lines[:4], lines[5]]))
    assert {each.rule for each in verdict.violations} == {"vector-own"}
    assert {rule for rule, *_ in undecided(verdict)} == {"lost-message"}
    called = channel(3, 1, 2, 3).replace("b receive {a:2,b:2} a", "b internal {a:2,b:2} -")
    verdict = judged(tmp_path, called)
    assert {each.rule for each in verdict.violations} == {"vector-ahead"}
    assert {rule for rule, *_ in undecided(verdict)} == {"lost-message"}


def test_without_targets_messages_are_only_implied(tmp_path: Path) -> None:
    events = channel(3, 1, 3).replace("- b", "- -")
    history = driftlab.read(_written(tmp_path, events))
    assert history.messages.implied
    assert history.check().holds


def _written(folder: Path, events: str) -> Path:
    table(folder, "process kind clock sender other", events)
    return folder / "log.csv"


SENDS = (5, 6, 8, 11, 13, 16, 23, 31, 36, 44, 45, 48, 56, 58, 61, 70, 72, 73, 75, 77, 86, 87, 90)


def test_a_line_that_is_missing_beside_one_that_is_wrong_makes_no_merge_wrong(
    tmp_path: Path,
) -> None:
    """By their order receives after the send that is missing would have taken later ones."""
    kinds = {own: "send" if own in SENDS else "internal" for own in range(1, 93)}
    lines = [(own, f"a {kind} {{a:{own}}}") for own, kind in kinds.items()]
    receives = [f"b receive {{a:{own},b:{at}}}" for at, own in enumerate(SENDS[:15], 1)]
    right = "\n".join([*(line for _, line in lines), *receives])
    verdict = table(tmp_path, "process kind clock", right).check()
    assert (verdict.verdict, verdict.unknown) == ("holds", 0)
    wrong = [line for own, line in lines if not 33 <= own <= 37]
    wrong[12] = "a send {a:53}"  # the 13th event
    verdict = table(tmp_path, "process kind clock", "\n".join([*wrong, *receives])).check()
    assert {each.rule for each in verdict.violations} == {"vector-own"}
