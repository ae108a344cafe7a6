"""`driftlab check` as scripts and people meet it, on real runs and on wrong ones."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

import driftlab
from driftlab.judge.checker import RULES
from tests.started import driftlab as command
from tests.started import eventually, lines_of, pid_of, started
from tests.wrong_machines import write_run


def checked(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """Run `driftlab check … --json` and return its exit status and what it says."""
    done = command("check", *arguments, "--json")
    document: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, document


def test_the_json_has_the_names_of_the_interface(tmp_path: Path) -> None:
    status, right = checked(write_run(tmp_path))
    assert status == 0
    assert right["verdict"] == "holds"
    assert (right["unknown"], right["unread"], right["violations"]) == (0, 0, [])
    assert right["events"] == sum(lines_of(tmp_path / f"{name}.log") for name in "ABC")
    assert set(right["counts"]) < set(RULES)
    assert set(right["counts"].values()) == {0}
    status, wrong = checked(write_run(tmp_path, "max-only"))
    assert status == 1
    assert wrong["verdict"] == "violated"
    first = wrong["violations"][0]
    assert {"rule", "file", "line", "process", "expected", "found", "witness"} <= set(first)
    assert (first["rule"], first["file"]) == ("clock-condition", f"{first['process']}.log")
    assert len(wrong["violations"]) == wrong["counts"]["clock-condition"] > 10
    line = (tmp_path / first["file"]).read_text().splitlines()[first["line"] - 1]
    assert f"clock {line.split(chr(9))[8]}" == first["found"]


def test_a_limit_bounds_what_is_listed_and_not_what_is_counted(tmp_path: Path) -> None:
    write_run(tmp_path, "max-only")
    _, whole = checked(tmp_path)
    status, few = checked(tmp_path, "--limit", "2")
    assert status == 1
    assert few["counts"] == whole["counts"]
    assert few["violations"] == whole["violations"][:2]
    said = command("check", tmp_path, "--limit", "1")
    assert said.stdout.count("expected  ") == 1
    assert (
        f"; violated {whole['counts']['clock-condition']} times, the first 1 shown\n" in said.stdout
    )


def test_rules_are_left_out_chosen_and_listed(tmp_path: Path) -> None:
    write_run(tmp_path, "max-only")
    assert checked(tmp_path, "--without", "clock-condition")[0] == 0
    assert list(checked(tmp_path, "--only", "fifo,queue")[1]["counts"]) == ["fifo", "queue"]
    listed = command("check", "--rules")
    assert listed.returncode == 0
    assert [line.split()[0] for line in listed.stdout.splitlines()[2:]] == list(RULES)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nowhere",), "nowhere"),
        ((".",), "an empty folder"),
        ((".", "--only", "fifi"), "there is no rule 'fifi'"),
        ((".", "--limit", "-1"), "--limit: '-1'"),
        ((".", "--rates", "a"), "--rates: 'a'"),
        ((), "name a run folder"),
    ],
)
def test_what_cannot_be_used_gets_one_line_and_status_2(
    arguments: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    done = command("check", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_scripts_get_the_reason_why_nothing_could_be_read(tmp_path: Path) -> None:
    status, document = checked(tmp_path)
    assert status == 2
    assert document["verdict"] == "unreadable"
    assert "an empty folder" in document["reason"]


def test_lines_that_match_nothing_are_counted_and_shown_by_line(tmp_path: Path) -> None:
    write_run(tmp_path)
    lines = (tmp_path / "B.log").read_text().splitlines(keepends=True)
    lines[30] = "what is this\n"
    (tmp_path / "B.log").write_text("".join(lines))
    status, document = checked(tmp_path)
    assert (status, document["unread"]) == (0, 1)
    assert [(each["file"], each["line"]) for each in document["unread_lines"]] == [("B.log", 31)]
    assert document["unknown"] > 0
    assert ("B.log", 32) in {(each["file"], each["line"]) for each in document["unknowns"]}
    said = command("check", tmp_path).stdout
    assert "B.log:31  not an event" in said


def test_a_real_run_with_a_machine_killed_in_the_middle_holds(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    flags = ("--rates", "60,50,40,30,20", "--seconds", "3", "--clock", "vector")
    with started("run", *flags, "--out", folder) as process:
        eventually(lambda: lines_of(folder / "C.log") > 50)
        os.kill(pid_of(folder, "C"), signal.SIGKILL)
        process.communicate(timeout=60)
    status, document = checked(folder, "--without", "pacing")
    assert status == 0, document["violations"]
    assert document["events"] > 300
    assert document["in_flight"] > 0


def test_histories_of_simulations_hold_in_memory_and_on_disk(tmp_path: Path) -> None:
    scenario = driftlab.Scenario(
        machines=5, rates="1..6", seconds=30, latency="exponential:0.3", topology="ring",
        clock="hybrid", offset_ms=[0, 40, -500, 3, 9], seed=4,
    )  # fmt: skip
    run = driftlab.simulate(scenario, out=tmp_path / "run", record="all")
    assert isinstance(run, driftlab.Run)
    in_memory, on_disk = run.history.check(), driftlab.read(tmp_path / "run").check()
    assert in_memory.holds
    assert on_disk.holds
    assert in_memory.in_flight == on_disk.in_flight
    assert set(in_memory.counts) | {"inbox-order"} == set(on_disk.counts)


STUDENTS = """\
[10:00:00.100] VM A: internal, clock 1, queue 0
[10:00:00.200] VM A: sent to B, clock 2, queue 0
[10:00:00.300] VM B: received from A (2), clock {clock}, queue 0
[10:00:00.400] VM B: internal, clock 4, queue 0
"""
PATTERN = (
    r"\[(?<time>.*)\] VM (?<host>\w+): (?<kind>\w+)(?: to (?<targets>\w+)| from (?<sender>\w+)"
    r" \((?<stamp>\d+)\))?, clock (?<lamport>\d+), queue (?<queue>\d+)"
)


def test_a_students_log_is_judged_through_a_pattern(tmp_path: Path) -> None:
    log = tmp_path / "vm.txt"
    log.write_text(STUDENTS.format(clock=3))
    assert checked(log, "--pattern", PATTERN)[0] == 0
    log.write_text(STUDENTS.format(clock=2))
    status, document = checked(log, "--pattern", PATTERN)
    assert status == 1
    (violation,) = document["violations"]
    assert (violation["rule"], violation["line"]) == ("clock-condition", 3)


def test_receives_that_name_no_message_leave_their_step_unknown(tmp_path: Path) -> None:
    """The log that the assignment asks for: system time, queue length, clock, and no sender."""
    log = tmp_path / "log.csv"
    lines = "host,kind,clock,queue\nA,send,1,0\nB,internal,1,0\nB,receive,3,0\nB,send,4,0\n"
    log.write_text(lines)
    status, document = checked(log)  # only A can have sent it
    assert (status, document["counts"]["lamport-step"]) == (1, 1)
    log.write_text(lines + "C,send,2,0\n")
    status, document = checked(log)
    assert (status, document["counts"]["lamport-step"]) == (0, 0)
    unknown = {(each["line"], each["rule"]) for each in document["unknowns"]}
    assert unknown == {(4, "clock-condition"), (4, "lamport-step"), (4, "from-nowhere")}


def test_a_log_to_which_no_rule_applies_does_not_hold(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("host,event,colour\nA,starts,red\nA,stops,green\n")
    done = command("check", log, "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["verdict"]) == (2, "undecided")
    assert (document["events"], document["judged"], document["counts"]) == (2, 0, {})
    assert document["reason"] == (
        "the log has nothing that a rule judges; kept as text, not judged: colour; "
        "say what one means: --field NAME=COLUMN, where NAME is host, kind, lamport, clock, time, "
        "sender, targets, …"
    )
    assert done.stderr == f"driftlab: {log}: nothing could be judged: {document['reason']}\n"
    said = command("check", log)
    assert (said.returncode, said.stderr) == (2, done.stderr)
    assert said.stdout.startswith(
        "undecided: nothing could be judged "
        "(2 events of 1 process, 0 messages received, 0 lines unread)\n\nhold: none\n"
    )
