"""The judge names each planted fault by its rule, and no other; what is right it lets be."""

import ast
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import driftlab
from driftlab.judge.checker import RULES
from tests.wrong_machines import write_run

# What a wrong machine does, the clock it keeps, and the one rule that names it.
FAULTS = {
    "stamps-before": ("lamport", "clock-condition"),
    "max-of-next": ("lamport", "clock-condition"),
    "max-only": ("lamport", "clock-condition"),
    "adds-two": ("lamport", "lamport-step"),
    "steps-by-two": ("lamport", "lamport-step"),
    "counts-twice": ("lamport", "send-to-all"),
    "reaches-one": ("lamport", "send-to-all"),
    "takes-two": ("lamport", "one-operation"),
    "takes-none": ("lamport", "one-operation"),
    "sorts-as-text": ("lamport", "inbox-order"),
    "loses-rest": ("lamport", "lost-message"),
    "delivered-twice": ("lamport", "delivered-twice"),
    "overtakes": ("lamport", "fifo"),
    "from-nowhere": ("lamport", "from-nowhere"),
    "one-peer-twice": ("lamport", "peer-choice"),
    "sleeps-after-work": ("lamport", "pacing"),
    "sleeps-60": ("lamport", "pacing"),
    "due-by-adding": ("lamport", "due"),
    "not-merged": ("vector", "vector-merge"),
    "merges-all-but-one": ("vector", "vector-merge"),
    "takes-over": ("vector", "vector-back"),
    "goes-back": ("vector", "vector-back"),
    "gap": ("vector", "vector-own"),
    "duplicate": ("vector", "vector-own"),
    "ahead": ("vector", "vector-ahead"),
    "matrix-not-merged": ("matrix", "matrix-merge"),
    "hybrid-not-merged": ("hybrid", "hybrid-condition"),
    "hybrid-ahead": ("hybrid", "hybrid-bound"),
    "hybrid-never-0": ("hybrid", "hybrid-step"),
}


def test_the_machines_that_are_judged_use_nothing_of_what_judges_them() -> None:
    source = (Path(__file__).parent / "wrong_machines.py").read_text()
    imports = [part for part in ast.walk(ast.parse(source)) if isinstance(part, ast.Import)]
    froms = [part for part in ast.walk(ast.parse(source)) if isinstance(part, ast.ImportFrom)]
    modules = [alias.name for part in imports for alias in part.names]
    modules += [part.module or "" for part in froms]
    assert not [name for name in modules if name.split(".")[0] in ("driftlab", "tests", "")]


# Seen where the message was received, or not: by another machine than the wrong one.
REPORTED_AT_OTHERS = {"stamps-before", "loses-rest"}


def broken(history: driftlab.History) -> set[str]:
    return {name for name, count in history.check().counts.items() if count}


@pytest.mark.parametrize("clock", ["lamport", "vector", "matrix", "hybrid"])
def test_right_machines_violate_nothing(clock: str, tmp_path: Path) -> None:
    for seed in range(5):
        verdict = driftlab.read(write_run(tmp_path, clock=clock, seed=seed)).check()
        assert verdict.holds, list(verdict.violations)
        assert verdict.unknown == len(verdict.unread) == 0
        assert verdict.messages > 50


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named_by_its_rule_and_by_no_other(fault: str, tmp_path: Path) -> None:
    clock, rule = FAULTS[fault]
    for seed in range(3):
        history = driftlab.read(write_run(tmp_path, fault, clock=clock, seed=seed))
        assert broken(history) == {rule}, list(history.check().violations)[:5]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_one_machine_is_named_at_that_machine(fault: str, tmp_path: Path) -> None:
    clock, rule = FAULTS[fault]
    wrong = "A" if fault == "one-peer-twice" else "C"  # which sends too little for that
    folder = write_run(tmp_path, fault, clock=clock, wrong=wrong, seconds=120)
    verdict = driftlab.read(folder).check()
    if fault == "stamps-before":  # the slowest machine's stamps do no harm: all are below
        rule = "stamp"
    assert {name for name, count in verdict.counts.items() if count} == {rule}
    for each in verdict.violations:  # it is the machine itself, or the sender of the message
        senders = {event.split(":")[0] for event in each.witness}
        assert wrong in senders | {each.process, each.expected[0]}, each
        assert fault in REPORTED_AT_OTHERS or each.process == wrong, each


def test_every_rule_is_violated_by_some_fault() -> None:
    elsewhere = {"process-order", "queue", "before-sent", "stamp"}  # in edits and other logs
    elsewhere |= {"clock-entry", "time-back", "time-skew"}  # in test_judge_time, test_clock_entries
    assert {rule for _, rule in FAULTS.values()} | elsewhere == set(RULES)


@pytest.mark.parametrize("left_out", ["", "F", "J"])
def test_a_die_that_never_falls_on_one_peer_is_named_too(left_out: str, tmp_path: Path) -> None:
    peers = [name for name in "BCDEFGHIJ" if name != left_out]
    lines = [
        "# driftlab-journal 1 machine=A index=0 peers=B,C,D,E,F,G,H,I,J rate=1 seed=1 run=1 "
        "phase_ns=0 speed=1 world=simulated",
        "# columns names=time,due_ns,late_ns,tick,kind,sender,stamp,targets,clock,queue,found",
    ]
    for tick in range(400):
        cells = ["1970-01-01T00:00:00Z", f"{tick * 10**9}", "0", f"{tick}", "send", "-", "-"]
        lines.append("\t".join([*cells, peers[tick % len(peers)], f"{tick + 1}", "0", "-"]))
    path = tmp_path / "A.log"
    path.write_text("\n".join([*lines, ""]))
    verdict = driftlab.read(path).check()
    assert {name for name, count in verdict.counts.items() if count} == (
        {"peer-choice"} if left_out else set()
    )
    assert [each.found for each in verdict.violations] == ([f"0 to {left_out}"] if left_out else [])


# A good history, edited: what one edit does is named by one rule.


def edited(folder: Path, name: str, edit: Callable[[list[list[str]]], object]) -> driftlab.History:
    """Change the events of one journal, each a list of its columns, and read the run."""
    path = folder / f"{name}.log"
    lines = path.read_text().splitlines(keepends=True)
    notes = [line for line in lines if line.startswith("#")]
    events = [line.rstrip("\n").split("\t") for line in lines if not line.startswith("#")]
    edit(events)
    written = ["\t".join(event) + "\n" for event in events]
    path.write_text("".join([*notes[:-1], *written, notes[-1]]))
    return driftlab.read(folder)


TICK, LATE, CLOCK, QUEUE = 3, 2, 8, 9


def place_of(events: list[list[str]], kind: str, beyond: int = 20) -> int:
    return next(place for place, each in enumerate(events) if place > beyond and each[4] == kind)


def swap(events: list[list[str]]) -> None:
    events[30], events[31] = events[31], events[30]


def raise_queue(events: list[list[str]]) -> None:
    events[40][QUEUE] = str(int(events[40][QUEUE]) + 5)


def begin_late(events: list[list[str]]) -> None:
    events[30][LATE] = str(20 * 10**9)


def lower_clock(events: list[list[str]]) -> None:
    events[place_of(events, "internal")][CLOCK] = "3"


def lower_sent_clock(events: list[list[str]]) -> None:
    events[place_of(events, "send")][CLOCK] = "3"


def raise_clock(events: list[list[str]]) -> None:
    events[place_of(events, "internal")][CLOCK] = "5000"


def wrong_stamp(events: list[list[str]]) -> None:
    events[place_of(events, "receive")][6] = "7777"


def wrong_found(events: list[list[str]]) -> None:
    event = events[place_of(events, "receive")]
    event[-1] = event[-1].replace(f"{event[5]}:{event[6]}", f"{event[5]}:7777")


def wrong_tick(events: list[list[str]]) -> None:
    events[30][TICK] = "500"


def wrong_kind(events: list[list[str]]) -> None:
    events[place_of(events, "receive")][4] = "internal"


def begin_early(events: list[list[str]]) -> None:
    events[25][LATE] = "-5"


def find_twice(events: list[list[str]]) -> None:
    event = next(each for each in events[20:] if each[-1] != "-")
    event[-1] += f",{event[-1].split(',')[0]}"


def find_again_later(events: list[list[str]]) -> None:
    first, *_, later = (each for each in events[20:60] if each[-1] != "-")
    later[-1] += f",{first[-1].split(',')[0]}"


def find_out_of_turn(events: list[list[str]]) -> None:
    event = next(each for each in events[5:] if "," in each[-1])
    event[-1] = ",".join(reversed(event[-1].split(",")))


def receive_twice(events: list[list[str]]) -> None:
    place = next(
        place
        for place in range(20, len(events))
        if (events[place - 1][4], events[place][4], events[place][QUEUE])
        == ("receive", "internal", "0")
    )
    events[place][4:7] = events[place - 1][4:7]


@pytest.mark.parametrize(
    ("edit", "rule"),
    [
        (receive_twice, "delivered-twice"),
        (find_twice, "delivered-twice"),
        (find_again_later, "delivered-twice"),
        (swap, "process-order"),
        (raise_queue, "queue"),
        (begin_late, "process-order"),
        (lower_clock, "clock-condition"),
        (lower_sent_clock, "clock-condition"),
        (raise_clock, "clock-condition"),
        (wrong_stamp, "stamp"),
        (wrong_found, "stamp"),
        (wrong_tick, "process-order"),
        (wrong_kind, "one-operation"),
        (begin_early, "due"),
    ],
)
def test_an_edit_of_a_good_history_is_named_by_its_rule_and_by_no_other(
    edit: Callable[[list[list[str]]], object], rule: str, tmp_path: Path
) -> None:
    for seed in range(4):
        history = edited(write_run(tmp_path, seed=seed), "A", edit)
        assert broken(history) == {rule}, list(history.check().violations)
        assert history.check().unknown == 0


def find_again_what_waits(events: list[list[str]]) -> None:
    """Of the messages that still wait at the end, find the first once more in the last tick."""
    found = [one for event in events for one in event[-1].split(",") if one != "-"]
    received = sum(event[4] == "receive" for event in events)
    assert len(found) > received
    events[-1][-1] = ",".join([*events[-1][-1].replace("-", "").split(","), found[received]])
    events[-1][-1] = events[-1][-1].lstrip(",")


def take_the_second(events: list[list[str]]) -> None:
    """Let the last tick take the message behind the one whose turn it is."""
    found = [one for event in events for one in event[-1].split(",") if one != "-"]
    received = sum(event[4] == "receive" for event in events)
    assert len(found) > received
    events[-1][5:7] = found[received].split(":")
    events[-1][CLOCK] = str(max(int(events[-2][CLOCK]), int(events[-1][6])) + 1)


@pytest.mark.parametrize(
    ("edit", "rule"),
    [(find_again_what_waits, "delivered-twice"), (take_the_second, "inbox-order")],
)
def test_an_edit_of_a_full_inbox_is_named_by_its_rule_and_by_no_other(
    edit: Callable[[list[list[str]]], object], rule: str, tmp_path: Path
) -> None:
    for seed in range(4):
        history = edited(write_run(tmp_path, seed=seed, rates=(6, 5, 1)), "C", edit)
        assert broken(history) == {rule}, list(history.check().violations)


def test_what_a_broken_channel_lost_is_undecided(tmp_path: Path) -> None:
    write_run(tmp_path, "loses-rest", seed=3)
    assert broken(driftlab.read(tmp_path)) == {"lost-message"}
    for path in tmp_path.glob("*.log"):
        peers = [name for name in "ABC" if name != path.stem]
        lines = path.read_text().splitlines()
        lines[2:2] = [
            f"# incident time=- what=channel-lost peer={peer} reason=reset" for peer in peers
        ]
        path.write_text("\n".join([*lines, ""]))
    verdict = driftlab.read(tmp_path).check()
    assert verdict.holds, list(verdict.violations)
    assert {each.rule for each in verdict.unknowns()} == {"lost-message"}


def test_messages_found_out_of_turn_and_received_in_turn_are_one_violation(tmp_path: Path) -> None:
    for seed in range(6):
        history = edited(write_run(tmp_path, seed=seed), "C", find_out_of_turn)
        assert broken(history) == {"inbox-order"}, list(history.check().violations)


def test_a_violation_names_file_line_expected_found_and_a_chain(tmp_path: Path) -> None:
    history = edited(write_run(tmp_path), "A", raise_queue)
    (violation,) = history.check().violations
    assert (violation.process, violation.index, violation.rule) == ("A", 40, "queue")
    assert Path(violation.file or "").name == "A.log"
    line = (tmp_path / "A.log").read_text().splitlines()[(violation.line or 0) - 1]
    assert line.split("\t")[TICK] == "40"
    assert violation.found == f"queue {line.split(chr(9))[QUEUE]}"
    assert violation.rows == (39, 40)
    assert violation.witness[1].startswith("A:40 ")


# Holes: unknown, never bad.


def drop(count: int, place: int) -> Callable[[list[list[str]]], object]:
    return lambda events: events.__delitem__(slice(place, place + count))


@pytest.mark.parametrize("clock", ["lamport", "vector", "matrix", "hybrid"])
@pytest.mark.parametrize("name", ["A", "B", "C"])
@pytest.mark.parametrize(("count", "place"), [(1, 0), (1, 33), (7, 20), (60, 30)])
def test_missing_events_are_unknown_and_never_bad(
    clock: str, name: str, count: int, place: int, tmp_path: Path
) -> None:
    verdict = edited(write_run(tmp_path, clock=clock), name, drop(count, place)).check()
    assert verdict.holds, list(verdict.violations)
    assert verdict.unknown > 0
    assert {each.process for each in verdict.unknowns()} >= {name}


@pytest.mark.parametrize("clock", ["lamport", "vector", "matrix", "hybrid"])
def test_a_journal_that_breaks_off_or_is_not_there_leaves_the_rest_to_be_judged(
    clock: str, tmp_path: Path
) -> None:
    whole = (write_run(tmp_path, clock=clock) / "B.log").read_bytes()
    for size in (len(whole) // 2, len(whole) // 2 - 30, len(whole) // 3):
        (tmp_path / "B.log").write_bytes(whole[:size])
        verdict = driftlab.read(tmp_path).check()
        assert verdict.holds, list(verdict.violations)
        assert verdict.counts["from-nowhere"] == 0
        assert verdict.unknown > 0
    (tmp_path / "B.log").unlink()
    verdict = driftlab.read(tmp_path).check()
    assert verdict.holds, list(verdict.violations)
    assert "no log of B" in verdict.remarks


def test_a_line_that_stands_twice_is_one_event_and_counted(tmp_path: Path) -> None:
    history = edited(write_run(tmp_path), "A", lambda events: events.insert(31, events[30]))
    verdict = history.check()
    assert verdict.holds, list(verdict.violations)
    (copy,) = verdict.unread
    assert copy.reason == "the same event as in line 33"


def test_a_fault_beside_a_hole_is_still_found(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "max-only")
    verdict = edited(folder, "C", drop(5, 40)).check()
    assert verdict.counts["clock-condition"] > 0
    assert {name for name, count in verdict.counts.items() if count} == {"clock-condition"}


# Which rules.


def test_rules_can_be_switched_off_and_chosen(tmp_path: Path) -> None:
    history = driftlab.read(write_run(tmp_path, "max-only"))
    assert not history.check().holds
    assert history.check(without=["clock-condition"]).holds
    assert list(history.check(only=["queue", "fifo"]).counts) == ["fifo", "queue"]
    with pytest.raises(driftlab.DriftlabError, match="no rule 'fifi'; there are process-order"):
        history.check(without=["fifi"])


def test_the_page_has_a_section_with_a_picture_and_an_example_for_each_rule() -> None:
    page = (Path(__file__).parent.parent / "docs" / "checking.md").read_text()
    sections = page.split("\n### ")[1:]
    assert [section.split("\n")[0] for section in sections] == list(RULES)
    for section in sections:
        assert section.count("```text\n") == 2
        assert "expected  " in section
        assert "found     " in section


# Logs of vector clocks and nothing else.


def vector_log(tmp_path: Path, edit: Callable[[list[tuple[str, dict[str, int]]]], object]) -> Path:
    """Write a log of three processes in which messages go round, and edit its records."""
    clocks = {name: dict.fromkeys("abc", 0) for name in "abc"}
    records: list[tuple[str, dict[str, int]]] = []
    for number in range(60):
        name, before = "abc"[number % 3], "abc"[(number - 1) % 3]
        if number % 4 != 0:  # hears from the one before
            clocks[name] = {each: max(clocks[name][each], clocks[before][each]) for each in "abc"}
        clocks[name][name] += 1
        records.append((name, dict(clocks[name])))
    edit(records)
    lines = [f"{name} {json.dumps(clock)}\nevent\n" for name, clock in records]
    path = tmp_path / "log.txt"
    path.write_text("".join(lines))
    return path


def cycle(records: list[tuple[str, dict[str, int]]]) -> None:
    """Each of two events knows of the other."""
    records_of_both = [("a", 1, 0), ("b", 0, 1), ("a", 2, 2), ("b", 2, 2), ("a", 3, 2)]
    records[:] = [(name, {"a": a, "b": b, "c": 0}) for name, a, b in records_of_both]


@pytest.mark.parametrize(
    ("edit", "rule"),
    [
        (lambda records: None, None),
        (lambda records: records[31][1].update(b=99), "vector-own"),
        (lambda records: records[31][1].update(b=records[28][1]["b"]), "vector-own"),
        (lambda records: records[31][1].update(a=0), "vector-back"),
        (lambda records: records[31][1].update(c=500), "vector-ahead"),
        (lambda records: records[35][1].update(a=records[32][1]["a"]), "vector-merge"),
        (cycle, "before-sent"),
    ],
)
def test_a_log_of_vectors_alone_is_held_against_itself(
    edit: Callable[[list[tuple[str, dict[str, int]]]], object], rule: str | None, tmp_path: Path
) -> None:
    history = driftlab.read(vector_log(tmp_path, edit))
    assert broken(history) == ({rule} if rule else set()), list(history.check().violations)


def test_a_message_received_in_a_tick_that_was_over_before_its_send_is_named(
    tmp_path: Path,
) -> None:
    def delay(events: list[list[str]]) -> None:
        for event in events[40:]:
            event[LATE] = str(20 * 10**9)

    history = edited(write_run(tmp_path), "A", delay)
    assert broken(history) == {"before-sent"}
