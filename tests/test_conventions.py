"""Conventions: logs that write the same runs in different ways are read as the same runs.

And what a wrong machine does stays wrong, however its log is written.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import driftlab
from driftlab.history.conventions.recognize import CONVENTIONS, NoSuchConventionError
from driftlab.history.trace import Trace
from driftlab.model.columns import MISSING
from tests.small_logs import MAY_HAVE_WAITED, table, undecided
from tests.written_logs import (
    CLOCKS,
    LINES,
    QUEUES,
    VECTOR_PATTERN,
    Convention,
    Line,
    broadcast_first,
    clock_before_event,
    clock_before_increment,
    line_per_target,
    no_targets,
    queue_before_take,
    queue_of_receives,
    run_of,
    table_of,
    vector_lines,
    written,
)

COLUMNS = "process kind lamport queue sender stamp targets"
# Faults that a table of these columns shows at all.
FAULTS = (
    "stamps-before", "max-only", "max-of-next", "adds-two", "steps-by-two", "counts-twice",
    "reaches-one", "takes-two", "takes-none", "loses-rest", "overtakes", "delivered-twice",
)  # fmt: skip

RunKey = tuple[str, int, tuple[int, ...]]
_RUNS: dict[RunKey, list[Line]] = {}


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that runs the machines of the assignment, each run once."""

    def run(fault: str = "", seed: int = 1, rates: tuple[int, ...] = (6, 5, 2)) -> list[Line]:
        key = (fault, seed, rates)
        if key not in _RUNS:
            folder = tmp_path_factory.mktemp("run")
            _RUNS[key] = run_of(folder, fault, seed=seed, rates=rates, seconds=40)
        return _RUNS[key]

    return run


def read(path: Path, lines: Sequence[Line], **options: Any) -> driftlab.History:
    return driftlab.read(table_of(path, lines), **options)


def same_events(one: Trace, other: Trace) -> bool:
    """Whether two logs say the same of all events, but for the clock of a last event."""
    last = np.zeros(len(one), bool)
    last[one.starts[1:] - 1] = True
    for name in ("kind", "clock", "queue", "sender", "stamp"):
        mine, theirs = getattr(one.columns, name), getattr(other.columns, name)
        if (mine is None) != (theirs is None):
            return False
        if mine is not None:
            unknown = last & (theirs == MISSING) & (name == "clock")
            if len(mine) != len(theirs) or ((mine != theirs) & ~unknown).any():
                return False
    return [one.targets_of(row) for row in range(len(one))] == [
        other.targets_of(row) for row in range(len(other))
    ]


# Right logs, in every way of writing them.


@pytest.mark.parametrize("rates", [(6, 5, 2), (6, 3, 1), (2, 2, 2)])
@pytest.mark.parametrize("lines", LINES)
@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("queue", QUEUES)
def test_a_right_run_holds_and_is_read_as_it_was_however_it_is_written(
    queue: str, clock: str, lines: str, rates: tuple[int, ...], runs: Any, tmp_path: Path
) -> None:
    right = runs(rates=rates)
    how = (*QUEUES[queue], *CLOCKS[clock], *LINES[lines])
    history = read(tmp_path / "log.csv", written(right, *how))
    assert history.check().holds
    is_unsure = queue == "queue of receives before"
    assert (len(history.trace.unsure_queue) > 0) == is_unsure
    said = [
        *["each target"] * (lines not in ("line per event", "no targets")),
        *["before their"] * (clock != "clock after"),
        *["the message that is taken"] * ("before" in queue),
    ]
    assert len(history.trace.assumed) == len(said)
    assert all(words in line for words, line in zip(said, history.trace.assumed, strict=True))
    if not is_unsure:
        columns = [each for each in how if each in (queue_of_receives, no_targets)]
        plain = read(tmp_path / "plain.csv", written(right, *columns), assume="none")
        assert same_events(plain.trace, history.trace)
        assert not plain.trace.assumed


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(1, 10**6),
    rates=st.lists(st.integers(1, 6), min_size=3, max_size=3).map(tuple),
    seconds=st.integers(1, 30),
    queue=st.sampled_from(list(QUEUES)),
    clock=st.sampled_from(list(CLOCKS)),
    lines=st.sampled_from(list(LINES)),
)
def test_any_right_run_holds_however_short_and_however_it_is_written(
    seed: int, rates: tuple[int, ...], seconds: int, queue: str, clock: str, lines: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("run")
    right = run_of(folder, seed=seed, rates=rates, seconds=seconds)
    how = (*QUEUES[queue], *CLOCKS[clock], *LINES[lines])
    verdict = read(folder / "log.csv", written(right, *how)).check()
    assert not verdict.violations, [str(each) for each in verdict.violations]


# Wrong machines, in every way of writing their logs.


def is_found(history: driftlab.History) -> bool:
    """Whether a fault was reported, or a question is left open."""
    verdict = history.check()
    return not verdict.holds or verdict.unknown > 0


@pytest.mark.parametrize("fault", FAULTS)
def test_no_convention_excuses_a_wrong_machine(fault: str, runs: Any, tmp_path: Path) -> None:
    wrong = runs(fault)
    for queue, clock, lines in itertools.product(QUEUES, CLOCKS, LINES):
        columns = [each for each in (*QUEUES[queue], *LINES[lines]) if each is queue_of_receives]
        columns += [each for each in LINES[lines] if each is no_targets]
        plain = read(tmp_path / "plain.csv", written(wrong, *columns), assume="none")
        if plain.check().holds:
            continue  # without these columns nobody could see it
        how = (*QUEUES[queue], *CLOCKS[clock], *LINES[lines])
        assert is_found(read(tmp_path / "log.csv", written(wrong, *how))), (queue, clock, lines)


@pytest.mark.parametrize("assumed", CONVENTIONS)
@pytest.mark.parametrize("fault", FAULTS)
def test_no_convention_that_is_forced_excuses_one(
    fault: str, assumed: str, runs: Any, tmp_path: Path
) -> None:
    wrong = runs(fault)
    ways: list[tuple[Convention, ...]] = [
        (),
        (queue_before_take,),
        (clock_before_increment,),
        (clock_before_event,),
        (line_per_target,),
        (broadcast_first,),
        (queue_before_take, clock_before_increment, line_per_target),
    ]
    for how in ways:
        history = read(tmp_path / "log.csv", written(wrong, *how), assume=assumed)
        assert is_found(history), how


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    fault=st.sampled_from(FAULTS),
    seed=st.integers(1, 10**6),
    rates=st.lists(st.integers(1, 6), min_size=3, max_size=3).map(tuple),
    wrong=st.sampled_from(["ABC", "A", "B", "C"]),
    queue=st.sampled_from(list(QUEUES)),
    clock=st.sampled_from(list(CLOCKS)),
    lines=st.sampled_from(list(LINES)),
    assume=st.sampled_from([None, "none", *CONVENTIONS]),
)
def test_what_is_found_in_the_plain_log_is_found_in_every_other(
    fault: str, seed: int, rates: tuple[int, ...], wrong: str, queue: str, clock: str, lines: str,
    assume: str | None, tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("run")
    events = run_of(folder, fault, seed=seed, rates=rates, seconds=30, wrong=wrong)
    how = (*QUEUES[queue], *CLOCKS[clock], *LINES[lines])
    columns = [each for each in how if each in (queue_of_receives, no_targets)]
    plain = read(folder / "plain.csv", written(events, *columns), assume="none")
    if not plain.check().holds:
        assert is_found(read(folder / "log.csv", written(events, *how), assume=assume))


# Small logs, line by line.


def log(folder: Path, events: str, columns: str = COLUMNS, **options: Any) -> driftlab.History:
    return table(folder, columns, events, **options)


def test_a_message_may_come_between_the_look_into_the_queue_and_the_count(tmp_path: Path) -> None:
    """All did, if the log shows none that waited; else it is a question."""
    events = """
        a internal 1 0 - - -
        a internal 2 {} - - -
        a receive 3 0 b 1 -
        a internal 4 1 - - -
        a receive 5 0 b 2 -
        b send 1 0 - - a
        b send 2 0 - - a
    """
    verdict = log(tmp_path, events.format(1)).check()
    assert verdict.holds
    assert undecided(verdict) == []
    assert verdict.assumed == [
        "what is counted after 2 events that took none came after the look into the queue: no "
        "event of the log leaves a message that waited"
    ]
    left = events.replace("a internal 1 0", "a internal 1 1").format(1)
    verdict = log(tmp_path, left).check()
    assert [(each.rule, each.line) for each in verdict.violations] == [("one-operation", 3)]
    assert ("one-operation", "a:3", MAY_HAVE_WAITED) in undecided(verdict)
    assert verdict.assumed == []


BEFORE_TAKE = """
    a internal 1 0 - - -
    a receive 3 1 b 2 -
    a internal 4 0 - - -
    a receive 6 2 b 5 -
    a receive 8 1 b 7 -
    a send 9 0 - - b
    b internal 1 0 - - -
    b send 2 0 - - a
    b internal 3 0 - - -
    b internal 4 0 - - -
    b send 5 0 - - a
    b internal 6 0 - - -
    b send 7 0 - - a
"""


def test_a_queue_that_counts_the_message_taken_is_recognized_and_said(tmp_path: Path) -> None:
    history = log(tmp_path, BEFORE_TAKE)
    assert history.trace.assumed == [
        "queue lengths count the message that is taken (as 3 of 3 receives show); it is subtracted"
    ]
    assert history.trace.columns.queue is not None
    assert history.trace.columns.queue[:6].tolist() == [0, 0, 0, 1, 0, 0]
    assert history.check().holds
    for other in ("none", "queue-after-take"):
        assert log(tmp_path, BEFORE_TAKE, assume=other).check().counts["queue"] == 2


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("a receive 8 1", "a receive 8 0", "queue"),  # not even the message taken
        ("a internal 4 0", "a internal 4 1", None),  # it came meanwhile, which is said
        ("a receive 6 2", "a receive 6 4", "queue"),  # three at once
    ],
)
def test_a_wrong_line_among_lines_that_count_before_the_take_is_reported(
    old: str, new: str, rule: str | None, tmp_path: Path
) -> None:
    many = BEFORE_TAKE.replace(old, new)
    first = 9
    for number in range(12):  # right lines that speak for the convention
        clock = first + 2 * number
        many += f"    b internal {clock - 1} 0 - - -\n    b send {clock} 0 - - a\n"
        many += f"    a receive {clock + 1} 1 b {clock} -\n    a internal {clock + 2} 0 - - -\n"
    many = many.replace("    a send 9 0 - - b\n", "")
    verdict = log(tmp_path, many).check()
    assert [line[:42] for line in verdict._context.trace.assumed] == [
        "queue lengths count the message that is ta"
    ]
    if rule is None:
        assert verdict.holds
        assert undecided(verdict) == []
        assert "what is counted after 1 event that took none came after" in verdict.assumed[-1]
    else:
        assert [each.rule for each in verdict.violations] == [rule]


def test_a_queue_that_fits_both_ways_is_said_to(tmp_path: Path) -> None:
    events = """
        a internal 1 0 - - -
        a receive 3 2 b 2 -
        a receive 4 1 b 3 -
        b internal 1 0 - - -
        b send 2 0 - - a
        b send 3 0 - - a
    """
    history = log(tmp_path, events)
    assert history.check().holds
    assert history.trace.assumed == [
        "queue lengths may count the message that is taken or not: all 2 receives fit both ways"
    ]


def test_processes_that_count_in_different_ways_are_named(tmp_path: Path) -> None:
    other = "".join(
        f"    b receive {at} 0 a {at - 1} -\n    b internal {at + 1} 0 - - -\n"
        for at in (10, 12, 14)
    )
    history = log(tmp_path, BEFORE_TAKE + other)
    assert history.trace.assumed == [
        "queue lengths of a seem to count the message that is taken, those of b do not: taken as "
        "counted after the take"
    ]
    assert not history.check().holds


def test_a_few_lines_that_disagree_on_how_a_queue_is_counted_leave_it_open(
    tmp_path: Path,
) -> None:
    """Any of them may be the damaged one, so none is a violation and none is excused."""
    called_otherwise = "    b receive 10 0 a 9 -\n    b internal 11 0 - - -\n"
    history = log(tmp_path, BEFORE_TAKE + called_otherwise)
    verdict = history.check()
    assert "undecided" in history.trace.assumed[0]
    assert not [each for each in verdict.violations if each.rule == "queue"]
    assert ("queue", "a:2") in [(rule, event) for rule, event, _ in undecided(verdict)]


def test_lengths_of_receives_alone_leave_open_whether_a_message_was_left(tmp_path: Path) -> None:
    receives = "\n".join(
        line if "receive" in line else line.replace(" 0 ", " - ", 1)
        for line in BEFORE_TAKE.splitlines()
    )
    history = log(tmp_path, receives)
    verdict = history.check()
    assert verdict.holds
    assert [(rule, event) for rule, event, _ in undecided(verdict)] == [
        ("one-operation", "a:2"), ("one-operation", "a:5")
    ]  # fmt: skip
    assert "undecided" in history.trace.assumed[0]
    assert not log(tmp_path, receives, assume="queue-after-take").check().holds
    sure = log(tmp_path, receives, assume="queue-before-take").check()
    assert sure.holds
    assert not sure.unknown


BEFORE_INCREMENT = """
    a internal 0 - - - -
    a send 1 - - - b
    a receive 5 - b 5 -
    a internal 6 - - - -
    b internal 0 - - - -
    b receive 2 - a 2 -
    b internal 3 - - - -
    b send 4 - - - a
"""


def test_clocks_before_their_increment_are_recognized_and_said(tmp_path: Path) -> None:
    history = log(tmp_path, BEFORE_INCREMENT)
    assert history.trace.assumed == [
        "clocks are written before their increment (as 2 of 2 messages show); 1 is added"
    ]
    assert history.check().holds
    assert not log(tmp_path, BEFORE_INCREMENT, assume="none").check().holds


def test_stamps_from_before_the_increment_are_a_fault_however_lines_are_written(
    tmp_path: Path,
) -> None:
    """Lines before the increment, and messages that carry the same as the line of their send."""
    wrong = """
        a internal 0 - - - -
        a send 1 - - - b
        a receive 4 - b 4 -
        a internal 5 - - - -
        b internal 0 - - - -
        b receive 1 - a 1 -
        b internal 2 - - - -
        b internal 3 - - - -
        b send 4 - - - a
    """
    for assume in (None, "none", *CONVENTIONS):
        verdict = log(tmp_path, wrong, assume=assume).check()
        assert not verdict.holds, assume


def test_messages_that_carry_the_clocks_of_sends_do_not_show_lines_before_the_increment(
    tmp_path: Path,
) -> None:
    """A machine that takes max(C + 1, stamp), though each message might be the one before."""
    wrong = """
        a send 1 - - - b
        a send 2 - - - b
        a send 3 - - - b
        b internal 1 - - - -
        b receive 2 - a 2 -
        b receive 3 - a 3 -
    """
    history = log(tmp_path, wrong)
    assert not history.trace.assumed
    assert history.check().counts["clock-condition"] == 2


# Vector clocks before their increment.


@pytest.mark.parametrize("seed", range(1, 5))
def test_vector_clocks_before_their_increment_are_recognized(seed: int, tmp_path: Path) -> None:
    (tmp_path / "late.log").write_text(vector_lines(tmp_path / "run", early=False, seed=seed))
    (tmp_path / "early.log").write_text(vector_lines(tmp_path / "run", early=True, seed=seed))
    late = driftlab.read(tmp_path / "late.log", pattern=[VECTOR_PATTERN])
    early = driftlab.read(tmp_path / "early.log", pattern=[VECTOR_PATTERN])
    assert late.trace.timestamp_texts() == early.trace.timestamp_texts()
    assert not late.trace.assumed
    assert early.trace.assumed[0].startswith("vector clocks are written before their increment (")
    assert early.check().holds
    raw = driftlab.read(tmp_path / "early.log", pattern=[VECTOR_PATTERN], assume="none")
    assert not raw.check().holds


@pytest.mark.parametrize(
    "fault", ["merges-all-but-one", "takes-over", "goes-back", "gap", "duplicate", "ahead"]
)
@pytest.mark.parametrize("assume", [None, "none", "clock-before-increment"])
@pytest.mark.parametrize("early", [False, True])
def test_a_wrong_vector_clock_stays_wrong(
    fault: str, assume: str | None, early: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a.log"
    path.write_text(vector_lines(tmp_path / "run", fault, early=early, seed=2))
    assert not driftlab.read(path, pattern=[VECTOR_PATTERN], assume=assume).check().holds


def test_a_vector_clock_that_only_begins_at_0_is_left_as_it_is(tmp_path: Path) -> None:
    """Every entry fits the event that shows the same."""
    path = tmp_path / "a.log"
    path.write_text('a {"a":0} x\na {"a":1} x\nb {"b":0} x\nb {"b":1,"a":1} x\nb {"b":2,"a":1} x\n')
    assert not driftlab.read(path, pattern=[VECTOR_PATTERN]).trace.assumed


# A send in several lines.

LINE_PER_TARGET = """
    a internal 1 - - - -
    a send 2 - - - b
    a send 2 - - - c
    a internal 3 - - - -
    b receive 3 - a 2 -
    c receive 3 - a 2 -
"""


def test_lines_of_one_send_are_one_event_with_the_number_of_the_first(tmp_path: Path) -> None:
    history = log(tmp_path, LINE_PER_TARGET)
    trace = history.trace
    assert trace.assumed == ["1 send is written as a line for each target: 2 lines are 1 event"]
    assert trace.targets_of(1) == (1, 2)
    assert [trace.source_of(row)[1] for row in range(len(trace))] == [2, 3, 5, 6, 7]
    assert history.check().holds


@pytest.mark.parametrize(
    "events",
    [
        LINE_PER_TARGET.replace("a send 2 - - - c", "a send 2 - - - b"),  # the same target
        LINE_PER_TARGET.replace("a send 2 - - - c", "a send 3 - - - c"),  # counted twice
        LINE_PER_TARGET.replace("a internal 1", "a internal 2"),  # not a send
        LINE_PER_TARGET.replace("a send 2 - - - c", "a internal 2 - - - -\n a send 2 - - - c"),
    ],
)
def test_other_lines_with_one_clock_stay_events_and_faults(events: str, tmp_path: Path) -> None:
    assert not log(tmp_path, events).check().holds
    assert not log(tmp_path, events, assume="line-per-target,broadcast-line").check().holds


def test_a_line_that_stands_twice_is_one_fault_beside_the_send(tmp_path: Path) -> None:
    events = LINE_PER_TARGET.replace("a send 2 - - - b", "a send 2 - - - b\n a send 2 - - - b")
    verdict = log(tmp_path, events).check()
    assert [(each.rule, each.line) for each in verdict.violations] == [("clock-condition", 4)]


@pytest.mark.parametrize(
    "lines",
    [
        ["send 2 - - - all", "send 2 - - - b", "send 2 - - - c"],
        ["send 2 - - - c", "send 2 - - - b", "send 2 - - - all"],
        ["send 2 - - - b,c", "send 2 - - - c", "send 2 - - - b"],
        ["send 2 - - - -", "send 2 - - - b", "send 2 - - - c"],
        ["BROADCAST 2 - - - -", "send 2 - - - b", "send 2 - - - c"],
        ["send 2 - - - b", "send 2 - - - c", "sent_to_all 2 - - - -"],
    ],
)
def test_a_line_for_all_beside_a_line_for_each_is_one_event(
    lines: list[str], tmp_path: Path
) -> None:
    written = "\n".join(f"a {line}" for line in lines)
    events = LINE_PER_TARGET.replace("a send 2 - - - b\n    a send 2 - - - c", written)
    history = log(tmp_path, events)
    assert len(history.trace) == 5
    assert history.trace.targets_of(1) == (1, 2)
    assert history.check().holds
    assert "one more for all: 3 lines are 1 event" in history.trace.assumed[0]


@pytest.mark.parametrize("head", ["send 2 - - - all", "BROADCAST 2 - - - -"])
def test_a_send_to_all_of_which_one_line_is_missing_is_no_convention(
    head: str, tmp_path: Path
) -> None:
    events = LINE_PER_TARGET.replace("a send 2 - - - c", f"a {head}")
    history = log(tmp_path, events)
    assert not history.trace.assumed
    assert not history.check().holds


def test_sends_that_are_one_line_elsewhere_are_not_joined(tmp_path: Path) -> None:
    events = LINE_PER_TARGET + "a send 4 - - - b,c\n b receive 5 - a 4 -\n c receive 5 - a 4 -"
    history = log(tmp_path, events)
    assert not history.check().holds
    assert history.trace.assumed == [
        "1 send to several processes is one line, 1 more may be written as a line for each "
        "target: these are taken as events of their own (--assume line-per-target joins them)"
    ]
    assert log(tmp_path, events, assume="line-per-target").check().holds


def test_joined_lines_keep_their_texts_queue_and_names_of_messages(tmp_path: Path) -> None:
    events = """
        a internal 1 0 - - starts x
        a send 2 0 b m1 - y
        a send 2 1 c m2 out z
        a internal 3 1 - - goes z
        b receive 3 0 - m1 in -
        c receive 3 0 - {} in -
    """
    columns = "process kind lamport queue targets message event note"
    history = log(tmp_path, events.format("m2"), columns)
    assert list(history.trace.texts["event"])[:2] == ["starts", "out"]
    assert history.trace.texts["note"] == ["x", "y", "z", None, None]
    assert history.trace.columns.queue is not None
    assert history.trace.columns.queue.tolist() == [0, 1, 1, 0, 0]
    verdict = history.check()
    assert (verdict.messages, verdict.in_flight) == (2, 0)
    assert [each.rule for each in verdict.violations] == ["one-operation"]
    astray = log(tmp_path, events.format("m1"), columns).check()  # what was sent to b
    assert "from-nowhere" in {each.rule for each in astray.violations}


def test_lines_without_lamport_clocks_are_joined_by_their_vector_clocks(tmp_path: Path) -> None:
    events = """
        a send b {"a":1}
        a send c {"a":1}
        a internal - {"a":2}
        b receive - {"a":1,"b":1}
        c receive - {"a":1,"c":1}
    """
    history = log(tmp_path, events, "process kind targets clock")
    assert len(history.trace) == 4
    assert history.check().holds
    assert not log(tmp_path, events, "process kind targets clock", assume="none").check().holds


def timed_sends(
    gaps: Sequence[int],
    *,
    unit: int = 1,
    step: int = 100,
    ids: str = "own",
    words: str = "sending to",
) -> str:
    """Return events of `a`, every `step` units or so: sends to b and c with one clock.

    gaps: how far the second line of each is after the first, in units. unit: in ns.
    ids: "own" of each line, "same" of both, "mixed": the first send has one, the others
    two. words: of second lines.
    """
    lines, time, clock = [], 1000, 0
    for number, gap in enumerate(gaps):
        same = ids == "same" or (ids == "mixed" and number == 0)
        first, second = f"m{2 * number}", f"m{2 * number + (not same)}"
        for kind in ("internal", "internal", "send"):
            time, clock = time + step - step // 10 + step * 7 // 100 * (clock % 4), clock + 1
            if kind == "internal":
                lines.append(f"a internal {clock} {time * unit} - - works")
        lines.append(f"a send {clock} {time * unit} b {first} sending~to~b")
        text = f"{words} c".replace(" ", "~")
        lines.append(f"a send {clock} {(time + gap) * unit} c {second} {text}")
        for receiver, name in (("b", first), ("c", second)):
            stamp = time + gap + 20
            lines.append(f"{receiver} receive {clock + 1} {stamp * unit} - {name} gets")
        time += gap
    return "\n".join(lines)


TIMED = "process kind lamport time targets message event"


@pytest.mark.parametrize("ids", ["own", "same"])
@pytest.mark.parametrize("unit", [1000, 1_000_000])
@pytest.mark.parametrize(
    "gaps",
    [[0], [1], [5], [0, 1, 5, 3], [30, 35, 40, 45, 20], [40, 30, 20, 35, 40, 33, 22, 11, 2, 80]],
)  # fmt: skip
def test_lines_of_one_send_are_near_in_time_and_one_event(
    gaps: list[int], unit: int, ids: str, tmp_path: Path
) -> None:
    history = log(tmp_path, timed_sends(gaps, unit=unit, ids=ids), TIMED)
    assert history.check().holds
    assert len(history.trace.assumed) == 1
    assert history.trace.assumed[0].startswith(f"{len(gaps)} send")


@pytest.mark.parametrize("ids", ["own", "same"])
@pytest.mark.parametrize("gaps", [[80], [95, 110], [60, 150, 400], [90] * 10, [80, 3, 90, 130]])
def test_a_second_send_that_is_not_counted_is_reported_where_times_tell(
    gaps: list[int], ids: str, tmp_path: Path
) -> None:
    events = timed_sends(gaps, unit=1000, ids=ids)
    history = log(tmp_path, events, TIMED)
    rules = [each.rule for each in history.check().violations if each.rule == "clock-condition"]
    assert len(rules) == len(gaps)
    assert "joins such lines" in history.trace.assumed[0]
    assert log(tmp_path, events, TIMED, assume="line-per-target").check().holds


def test_one_send_that_is_not_counted_is_reported_among_sends_that_are_near(
    tmp_path: Path,
) -> None:
    history = log(tmp_path, timed_sends([1, 2, 90, 3], unit=1000), TIMED)
    violations = history.check().violations
    assert [each.rule for each in violations] == ["clock-condition"]
    assert "3 sends are written as a line for each target" in history.trace.assumed[1]


def test_times_in_whole_units_may_differ_by_one(tmp_path: Path) -> None:
    """Unless no other send has both lines in one unit."""
    some = log(tmp_path, timed_sends([0, 1, 0], unit=10**9, step=5), TIMED)
    assert some.check().holds
    alone = log(tmp_path, timed_sends([1, 1], unit=10**9, step=5), TIMED)
    assert not alone.check().holds


def test_another_message_is_another_send_where_the_log_names_each_send_once(
    tmp_path: Path,
) -> None:
    columns = TIMED.replace("time", "note")
    named = log(tmp_path, timed_sends([0, 0], ids="mixed"), columns)
    assert [each.rule for each in named.check().violations] == ["clock-condition"]
    assert log(tmp_path, timed_sends([0, 0], ids="own"), columns).check().holds
    assert log(tmp_path, timed_sends([0, 0], ids="same"), columns).check().holds


def test_other_words_are_another_send(tmp_path: Path) -> None:
    columns = TIMED.replace("time", "note")
    history = log(tmp_path, timed_sends([0, 0], words="retry to"), columns)
    assert [each.rule for each in history.check().violations] == ["clock-condition"] * 2


def test_gaps_stay_where_they_were(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(
        "a send 1 b\na send 1 c\n%\na internal 3\na send 4 b\na send 4 c\na what 5\n"
        "b internal 1\nc internal 1\n"
    )
    history = driftlab.read(
        tmp_path / "a.log",
        pattern=[r"^(?<host>\w) (?<kind>send) (?<lamport>\d+) (?<targets>\w)$",
                 r"^(?<host>\w) (?<kind>internal) (?<lamport>\d+)$"],
    )  # fmt: skip
    trace = history.trace
    assert [trace.targets_of(row) for row in range(len(trace))][:3] == [(1, 2), (), (1, 2)]
    assert 1 in trace.gaps.tolist()
    assert max(trace.gaps.tolist()) < len(trace)


# Saying it by hand.


@pytest.mark.parametrize(
    "wrong",
    ["queue-first", "", "none,queue", "queue-before-take,queue-after-take",
     "clock-before-event,clock-before-increment", "line-per-event,broadcast-line"],
)  # fmt: skip
def test_a_convention_that_is_not_there_or_contradicts_another_is_an_error(
    wrong: str, tmp_path: Path
) -> None:
    with pytest.raises(NoSuchConventionError, match=r"--assume.*(there are|contradict)"):
        log(tmp_path, LINE_PER_TARGET, assume=wrong)


def test_none_recognizes_nothing_and_what_is_named_is_taken(tmp_path: Path) -> None:
    for named in ("none,line-per-target", ["none", "line-per-target"], "line-per-target"):
        history = log(tmp_path, LINE_PER_TARGET, assume=named)
        assert history.trace.assumed == [
            "1 send is written as a line for each target: 2 lines are 1 event "
            "(--assume line-per-target)"
        ]
    assert not log(tmp_path, LINE_PER_TARGET, assume="none").check().holds


def test_a_column_of_targets_without_any_says_nothing_of_the_sends(tmp_path: Path) -> None:
    events = LINE_PER_TARGET.replace(" - - - b", " - - - -").replace("    a send 2 - - - c\n", "")
    history = log(tmp_path, events)
    assert history.check().holds
    assert history.check().messages == 2


def test_one_line_of_few_does_not_say_how_queues_of_receives_are_counted(tmp_path: Path) -> None:
    """Where other events say no length, a receive with 0 among others may be damaged."""
    lines = """
        a receive 2 1
        a internal 3 -
        b receive 2 {queue}
        b internal 3 -
        b receive 4 1
    """
    columns = "process kind lamport queue"
    for queue in ("1", "0"):
        verdict = table(tmp_path, columns, lines.format(queue=queue)).check()
        assert not verdict.violations
        assert verdict.unknown
    # Other events that say what is left decide it.
    waits = lines.format(queue="0").replace("internal 3 -", "internal 3 1", 1)
    verdict = table(tmp_path, columns, waits).check()
    assert verdict.counts["one-operation"] == 1
