"""Real runs: the machines, their journals, and what is left when something breaks."""

import os
import random
import resource
import selectors
import signal
import time
from pathlib import Path

import pytest

import driftlab
from driftlab.api.run_real import RunStart, run_each
from driftlab.machine.replay import Input, ReplayDifference, replay
from driftlab.model.event import Kind
from driftlab.scenario.plan import plan_run
from tests.journals import Journal, read_journals
from tests.started import driftlab as command
from tests.started import eventually, is_alive, lines_of, linux_only, pid_of, started

PROCESSES = Path(__file__).parent / "processes.py"
FAST = ("--rates", "60,30,10", "--seconds", "2", "--seed", "3")


def judged(journals: list[Journal]) -> None:
    """Check everything that must hold for a run's journals, even if machines were killed."""
    verdict = driftlab.read(journals[0].path.parent).check(without=["pacing"])
    assert verdict.holds, list(verdict.violations)[:5]
    sent: dict[tuple[str, str], list[int]] = {}
    for journal in journals:
        for entry in journal.entries:
            if entry.event.kind is Kind.SEND:
                for target in entry.event.targets:
                    sent.setdefault((journal.machine, target), []).append(entry.event.clock)
    for journal in journals:
        one_operation_a_tick(journal)
        for peer in journal.header["peers"].split(","):
            found = [m.stamp for entry in journal.entries for m in entry.found if m.sender == peer]
            there = sent.get((peer, journal.machine), [])
            assert found == there[: len(found)], "each channel is FIFO and invents nothing"


def one_operation_a_tick(journal: Journal) -> None:
    """Check the rules of one machine, computed again from the messages that it found."""
    clock, queue = 0, list[tuple[str, int]]()
    for tick, entry in enumerate(journal.entries):
        event = entry.event
        assert event.tick == tick
        assert 0 <= entry.instant.late_ns < 30_000_000_000
        queue += [(message.sender, message.stamp) for message in entry.found]
        if queue:
            sender, stamp = queue.pop(0)
            assert (event.kind, event.sender, event.stamp) == (Kind.RECEIVE, sender, stamp)
            clock = max(clock, stamp) + 1
        else:
            assert event.kind is not Kind.RECEIVE
            clock += 1
        assert (event.clock, event.queue) == (clock, len(queue))


def difference(
    journal: Journal, scenario: driftlab.Scenario, run: int = 1
) -> ReplayDifference | None:
    """Replay a journal with the same machine, tick by tick."""
    plan = next(plan for plan in plan_run(scenario, run) if plan.name == journal.machine)
    inputs = [Input(entry.event, entry.found, entry.instant.time_ns) for entry in journal.entries]
    return replay(plan, inputs)


@pytest.mark.parametrize("order", ["peers", "arrival"])
@pytest.mark.parametrize("phase", ["random", "aligned"])
def test_a_real_run_keeps_every_rule_and_its_replay_gives_the_same_events(
    tmp_path: Path, phase: str, order: str
) -> None:
    scenario = driftlab.Scenario.from_dict(
        {"rates": [60, 30, 10, 45.5], "seconds": 2, "seed": 9, "phase": phase, "order": order}
    )
    run = driftlab.run(scenario, tmp_path / "run")
    assert isinstance(run, driftlab.Run)
    journals = read_journals(tmp_path / "run")
    judged(journals)
    assert [machine.ticks for machine in run.machines] == [120, 60, 20, 91]
    assert set(run.ends.values()) == {"complete"}
    for journal in journals:
        assert not journal.torn
        assert journal.unread == []
        assert difference(journal, scenario) is None


@pytest.mark.parametrize("topology", ["ring", "star", "regular:2", "A-B,B-C,C-D,D-E"])
def test_machines_that_are_not_linked_exchange_no_messages(tmp_path: Path, topology: str) -> None:
    scenario = driftlab.Scenario(rates=[50, 40, 30, 20, 25], seconds=1.5, topology=topology)
    driftlab.run(scenario, tmp_path / "run")
    journals = read_journals(tmp_path / "run")
    judged(journals)
    names, near = scenario.machine_names(), scenario.neighbours(1)
    for position, journal in enumerate(journals):
        peers = {names[other] for other in near[position]}
        assert set(journal.header["peers"].split(",")) == peers
        assert {peer for entry in journal.entries for peer in entry.event.targets} <= peers
        assert difference(journal, scenario) is None


def test_a_run_is_repeated_from_its_folder_with_the_same_random_numbers(tmp_path: Path) -> None:
    from driftlab.journal.run_folder import read_scenario

    first = driftlab.run(driftlab.Scenario(rates="2..9", seconds=1, seed=11), tmp_path / "a")
    again = driftlab.run(read_scenario(tmp_path / "a" / "scenario.toml"), tmp_path / "b")
    assert isinstance(first, driftlab.Run)
    assert isinstance(again, driftlab.Run)
    assert again.scenario == first.scenario
    assert [m.rate for m in again.machines] == [m.rate for m in first.machines]
    phases = [
        [journal.header["phase_ns"] for journal in read_journals(tmp_path / folder)]
        for folder in "ab"
    ]
    assert phases[0] == phases[1]


def test_each_of_several_runs_has_its_own_random_numbers_and_folder(tmp_path: Path) -> None:
    scenario = driftlab.Scenario(rates="1..9", seconds=1, seed=2, runs=3, speed=4)
    runs = driftlab.run(scenario, tmp_path / "runs")
    assert isinstance(runs, driftlab.Runs)
    assert [run.scenario.first_run for run in runs] == [1, 2, 3]
    assert len({run.scenario.rates for run in runs}) == 3
    scenario_again, runs_again = driftlab.read_runs(tmp_path / "runs")
    assert scenario_again == scenario
    assert [run.machines for run in runs_again] == [run.machines for run in runs]


def test_a_progress_callback_that_raises_ends_the_run_in_order_and_keeps_its_journals(
    tmp_path: Path,
) -> None:
    def fail(start: RunStart, elapsed_ns: int) -> None:
        if elapsed_ns > 300_000_000:
            raise KeyError("mine")

    scenario = driftlab.Scenario(rates=[60, 30], seconds=60)
    with pytest.raises(KeyError, match="mine"):
        list(run_each(scenario, tmp_path / "run", fail))
    journals = read_journals(tmp_path / "run")
    judged(journals)
    for journal in journals:
        assert len(journal.entries) > 5
        assert journal.notes[-1].fields["reason"] == "the launcher failed"
        assert not is_alive(int(journal.header["pid"]))


def test_finished_runs_stay_if_a_later_one_cannot_start(tmp_path: Path) -> None:
    (tmp_path / "out" / "run-2").mkdir(parents=True)
    (tmp_path / "out" / "run-2" / "A.log").write_text("mine\n")
    flags = ("--rates", "60,30", "--seconds", "0.5", "--runs", "3")
    with started("run", *flags, "--out", tmp_path / "out") as process:
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "run-2 already holds a run" in stderr
    assert "run-1" in stdout
    _, runs = driftlab.read_runs(tmp_path / "out" / "run-1")
    assert runs[0].is_whole
    assert (tmp_path / "out" / "scenario.toml").exists()
    assert (tmp_path / "out" / "run-2" / "A.log").read_text() == "mine\n"


def test_an_abandoned_iteration_keeps_the_finished_runs(tmp_path: Path) -> None:
    runs = run_each(driftlab.Scenario(rates=[60, 30], seconds=0.5, runs=3), tmp_path / "out")
    first = next(runs)
    del runs
    scenario, again = driftlab.read_runs(tmp_path / "out")
    assert scenario.runs == 3
    assert [run.machines for run in again] == [first.machines]


def test_a_run_with_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with started("run", *FAST, "--out", folder, ignored=[signal.SIGHUP]) as process:
        eventually(lambda: lines_of(folder / "A.log") > 5)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_tests_can_interrupt_a_command_though_their_own_parent_ignored_sigint(
    tmp_path: Path,
) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a background job of a script
    try:
        with started("run", "--rates", "50,50", "--seconds", "60", "--out", tmp_path) as process:
            eventually(lambda: lines_of(tmp_path / "A.log") > 5)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.returncode == 130


def test_a_worker_killed_by_sighup_is_reported_by_the_name_of_the_signal(tmp_path: Path) -> None:
    """SIGHUP is signal 1, the smallest exit code that means a signal."""
    folder = tmp_path / "run"
    with started("run", *FAST, "--out", folder) as process:
        eventually(lambda: lines_of(folder / "B.log") > 5)
        os.kill(pid_of(folder, "B"), signal.SIGHUP)
        stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "B: killed by SIGHUP" in stdout


class CountingSelector(selectors.DefaultSelector):
    """Counts how often the launcher asks for its workers' reports."""

    calls = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        CountingSelector.calls += 1
        return super().select(timeout)


def test_the_launcher_and_the_workers_do_not_wait_busily(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two machines with two ticks a second need next to no processor time."""
    monkeypatch.setattr(selectors, "DefaultSelector", CountingSelector)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    own_before_ns = time.process_time_ns()
    run = driftlab.run(driftlab.Scenario(rates=[2, 2], seconds=5), tmp_path / "run")
    own_ns = time.process_time_ns() - own_before_ns
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    workers_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert isinstance(run, driftlab.Run)
    assert own_ns < 1.5e9
    assert workers_s < 2.5
    assert CountingSelector.calls < 200  # five times a second, and at each report


def test_a_replay_with_another_seed_differs(tmp_path: Path) -> None:
    scenario = driftlab.Scenario(rates=[60, 30], seconds=1, seed=9)
    driftlab.run(scenario, tmp_path / "run")
    for journal in read_journals(tmp_path / "run"):
        found = difference(journal, scenario.replace(seed=10))
        assert found is not None
        assert found.recorded != found.replayed
        assert not isinstance(found.replayed, str)
        assert found.recorded.tick == found.replayed.tick


@pytest.mark.parametrize("attempt", range(6))
def test_a_machine_killed_at_any_instant_leaves_a_journal_that_reads_back(
    tmp_path: Path, attempt: int
) -> None:
    folder = tmp_path / "run"
    victim = "ABC"[attempt % 3]
    with started("run", "--rates", "400,300,200", "--seconds", "2", "--out", folder) as process:
        goal = random.Random(attempt).randrange(1, 200)
        eventually(lambda: lines_of(folder / f"{victim}.log") >= goal)
        os.kill(pid_of(folder, victim), signal.SIGKILL)
        stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert f"{victim}: killed by SIGKILL" in stdout
    assert command("replay", folder).returncode == 0
    journals = read_journals(folder)
    judged(journals)
    for journal in journals:
        assert journal.unread == []
        killed = journal.machine == victim
        assert bool(journal.notes_on("end")) != killed
        ticks = {"A": 800, "B": 600, "C": 400}[journal.machine]
        assert (len(journal.entries) < ticks) if killed else (len(journal.entries) == ticks)
        if not killed:
            incidents = [note.fields for note in journal.notes_on("incident")]
            assert {"peer-closed", "channel-lost"} <= {fields["what"] for fields in incidents}
            assert {fields["peer"] for fields in incidents} == {victim}


@linux_only
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_hangs_ends_with_its_launcher(
    tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "run"
    flags = ("--rates", "50,50", "--seconds", "60", "--process", f"{PROCESSES}:Hangs")
    with started("run", *flags, "--out", folder) as process:
        eventually(lambda: (folder / "B.log").exists() and (folder / "B.log").stat().st_size > 0)
        eventually(lambda: (folder / "B.log").read_text().count("\tinternal\t") == 2)
        pids = [pid_of(folder, name) for name in "AB"]
        process.send_signal(number)
        stdout, _ = process.communicate(timeout=60)
        eventually(lambda: not any(map(is_alive, pids)))
    if number == signal.SIGTERM:
        assert process.returncode == 130
        assert "B: did not stop within 5 s, and was killed by the launcher" in stdout


def test_a_killed_launcher_leaves_no_worker_and_journals_that_say_why(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with started("run", "--rates", "50,50,50", "--seconds", "60", "--out", folder) as process:
        eventually(lambda: all(lines_of(folder / f"{name}.log") > 5 for name in "ABC"))
        pids = [pid_of(folder, name) for name in "ABC"]
        assert all(is_alive(pid) for pid in pids)
        process.kill()
        eventually(lambda: not any(is_alive(pid) for pid in pids))
    for journal in read_journals(folder):
        assert journal.notes[-1].fields["reason"] == "launcher gone"
        assert not journal.torn


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_stop_cleanly_and_keep_what_was_recorded(
    tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "run"
    with started("run", "--rates", "50,50,50", "--seconds", "60", "--out", folder) as process:
        eventually(lambda: all(lines_of(folder / f"{name}.log") > 5 for name in "ABC"))
        pids = [pid_of(folder, name) for name in "ABC"]
        os.killpg(process.pid, number)  # as a terminal does: to all of the foreground
        stdout, _ = process.communicate(timeout=20)
        assert process.returncode == 130
        assert not any(is_alive(pid) for pid in pids)
    journals = read_journals(folder)
    judged(journals)
    for journal in journals:
        assert journal.notes[-1].fields["reason"] == "interrupted"
        assert journal.notes_on("incident") == []
        assert f"{journal.machine}: interrupted, after {len(journal.entries)} ticks" in stdout


def test_of_two_runs_in_one_folder_exactly_one_succeeds(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with (
        started("run", *FAST, "--out", folder, "--json") as one,
        started("run", *FAST, "--out", folder, "--json") as other,
    ):
        outputs = [process.communicate(timeout=60) for process in (one, other)]
    assert sorted([one.returncode, other.returncode]) == [0, 2]
    (message,) = [stderr for _, stderr in outputs if "already holds a run" in stderr]
    assert "--out" in message
    judged(read_journals(folder))
    assert [len(journal.entries) for journal in read_journals(folder)] == [120, 60, 20]


@linux_only
def test_a_full_disk_ends_one_machine_with_a_clear_error_and_no_other(tmp_path: Path) -> None:
    """The kernel's file-size limit, set on one worker, stands in for the disk."""
    folder = tmp_path / "run"
    with started("run", "--rates", "200,200,200", "--seconds", "2", "--out", folder) as process:
        eventually(lambda: lines_of(folder / "B.log") > 20)
        limit = (folder / "B.log").stat().st_size + 5000
        resource.prlimit(pid_of(folder, "B"), resource.RLIMIT_FSIZE, (limit, limit))
        stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "B: cannot write B.log: File too large" in stdout
    journals = read_journals(folder)
    judged(journals)
    assert [len(journal.entries) for journal in journals if journal.machine != "B"] == [400, 400]
    cut = (folder / "B.log").read_bytes()
    assert len(cut) == limit
    assert journals[1].torn == (not cut.endswith(b"\n"))


def test_a_stopped_machine_takes_its_ticks_late_and_skips_none(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with started("run", "--rates", "100,100,100", "--seconds", "2", "--out", folder) as process:
        eventually(lambda: lines_of(folder / "C.log") > 20)
        pid = pid_of(folder, "C")
        os.kill(pid, signal.SIGSTOP)
        before = lines_of(folder / "A.log")
        eventually(lambda: lines_of(folder / "A.log") > before + 50)
        os.kill(pid, signal.SIGCONT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    journals = read_journals(folder)
    judged(journals)
    assert [len(journal.entries) for journal in journals] == [200, 200, 200]
    assert max(entry.instant.late_ns for entry in journals[2].entries) > 400_000_000
    assert all(not journal.notes_on("incident") for journal in journals)
