"""The longer suite: many kills, many machines, and the standard minute against the theory."""

import os
import random
import signal
from itertools import pairwise
from pathlib import Path

import pytest

import driftlab
from tests.journals import read_journals
from tests.started import eventually, lines_of, pid_of, started
from tests.test_run import judged

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("attempt", range(60))
def test_sixty_kills_lose_no_recorded_event(tmp_path: Path, attempt: int) -> None:
    """Every message that another machine received was recorded by the killed one."""
    dice = random.Random(attempt)
    folder, victim = tmp_path / "run", dice.choice("ABC")
    flags = ("--rates", "1000,1000,1000", "--seconds", "1.5", "--send-one", "0.5")
    with started("run", *flags, "--out", folder) as process:
        goal = dice.randrange(1, 1000)
        eventually(lambda: lines_of(folder / f"{victim}.log") >= goal)
        os.kill(pid_of(folder, victim), signal.SIGKILL)
        process.communicate(timeout=60)
    assert process.returncode == 3
    judged(read_journals(folder))


def test_twenty_machines_at_100_hz_keep_every_rule_with_one_killed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    rates = ",".join(["100"] * 20)
    with started("run", "--rates", rates, "--seconds", "10", "--out", folder) as process:
        eventually(lambda: lines_of(folder / "G.log") > 300)
        os.kill(pid_of(folder, "G"), signal.SIGKILL)
        process.communicate(timeout=100)
    assert process.returncode == 3
    journals = read_journals(folder)
    judged(journals)
    whole = [journal for journal in journals if journal.machine != "G"]
    assert [len(journal.entries) for journal in whole] == [1000] * 19


def test_fifty_machines_mesh_and_keep_every_rule(tmp_path: Path) -> None:
    scenario = driftlab.Scenario(machines=50, seconds=20, speed=4, seed=1)
    run = driftlab.run(scenario, tmp_path / "run")
    assert isinstance(run, driftlab.Run)
    assert run.is_whole
    judged(read_journals(tmp_path / "run"))


# Final clocks of 60 s runs, mean and standard deviation, and the largest jump: docs of the model.
REFERENCE = {
    (6, 6, 6): ((405, 405, 405), 4),
    (6, 5, 4): ((371, 371, 370), 3),
    (6, 3, 2): ((360, 357, 355), 4),
    (6, 3, 1): ((360, 357, 237), 24),
    (5, 5, 1): ((322, 322, 192), 21),
}


@pytest.mark.parametrize("rates", REFERENCE)
def test_real_runs_scatter_around_the_reference_values(
    tmp_path: Path, rates: tuple[int, int, int]
) -> None:
    """Thirty runs: the mean of the final clocks lies within five standard errors, one clock more.

    The one clock allows for the rounding of the published means.
    """
    scenario = driftlab.Scenario(rates=rates, seconds=60, speed=60, runs=30, seed=8)
    runs = driftlab.run(scenario, tmp_path / "runs")
    assert isinstance(runs, driftlab.Runs)
    means, deviation = REFERENCE[rates]
    for position, mean in enumerate(means):
        clocks = [run.machines[position].clock for run in runs]
        assert abs(sum(clocks) / len(clocks) - mean) < 5 * deviation / len(runs) ** 0.5 + 1


def test_pacing_does_not_drift(tmp_path: Path) -> None:
    """The last ticks are as late as the first ones: no error accumulates."""
    scenario = driftlab.Scenario(rates=[100, 100], seconds=30, send_one=0.0)
    driftlab.run(scenario, tmp_path / "run")
    for journal in read_journals(tmp_path / "run"):
        late = [entry.instant.late_ns for entry in journal.entries]
        tenth = len(late) // 10
        first, last = sorted(late[:tenth])[tenth // 2], sorted(late[-tenth:])[tenth // 2]
        assert abs(last - first) < sorted(late)[int(0.99 * len(late))]
        due = [entry.instant.due_ns for entry in journal.entries]
        assert {after - before for before, after in pairwise(due)} == {10_000_000}
