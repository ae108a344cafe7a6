"""Ctrl-C in simulations: it is heard at once, what is done is kept, and no process is left."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

import driftlab
from driftlab.api.parallel import process_pool
from driftlab.simulator.compiled import engine
from tests.started import LINUX, eventually, is_alive, linux_only, started

PROCESSES = Path(__file__).with_name("processes.py")
AT_ONCE_S = 12.0  # much less than the work that is left, on a busy computer


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started. Linux only."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def interrupted(process: "subprocess.Popen[str]", number: int = signal.SIGINT) -> tuple[str, str]:
    """Interrupt a command and its process group, as a terminal does; return its output."""
    children = children_of(process.pid) if LINUX else []
    before = time.monotonic()
    os.killpg(process.pid, number)
    output, errors = process.communicate(timeout=60)
    assert time.monotonic() - before < AT_ONCE_S
    eventually(lambda: not any(map(is_alive, children)))
    return output, errors


# Of these runs each takes a moment, and all of them many minutes.
RUNS = 2_000
SCENARIO = ["--rates", "60,30,10", "--seconds", "60", "--runs", str(RUNS)]


@pytest.mark.parametrize("clock", [["--clock", "vector"], ["--process", f"{PROCESSES}:Chatter"]])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_runs_that_are_done_are_kept_and_shown(
    clock: Sequence[str], number: signal.Signals, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with started("simulate", *SCENARIO, *clock, "--out", out, "--json") as process:
        eventually((out / "run-0040").exists)
        output, errors = interrupted(process, number)
        assert process.returncode == 130
    said = re.fullmatch(rf"driftlab: interrupted; (\d+) of {RUNS} runs are whole, in .*\n", errors)
    assert said is not None, errors
    shown = json.loads(output)["runs"]
    assert 0 < len(shown) == int(said[1]) < RUNS
    for run in shown:
        assert set(run["ends"].values()) == {"complete"}
    ended = [[path.read_text().splitlines()[-1] for path in run.glob("*.log")]
             for run in out.glob("run-*")]  # fmt: skip
    assert len(shown) == sum(all("=complete" in end for end in each) for each in ended)
    # What was going on was ended in order: every journal says how it ended.
    for path in out.glob("*/*.log"):
        assert re.search(r"reason=(complete|interrupted)", path.read_text().splitlines()[-1]), path


SCRIPT = """
import driftlab
driftlab.simulate(
    driftlab.Scenario(rates=[60, 30, 10], seconds=600, runs=1_000_000{more}),
    on_progress=lambda done, total: print(done, flush=True),
)
"""


@linux_only
@pytest.mark.parametrize("more", ["", ', clock="vector"'])
def test_python_raises_keyboard_interrupt_and_leaves_no_process(more: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(more=more)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline()  # it has begun
        _, errors = interrupted(process)
        assert process.returncode == -signal.SIGINT
        assert errors.rstrip().endswith("KeyboardInterrupt")
    finally:
        process.kill()
        process.communicate()


def test_a_process_of_the_user_that_hangs_does_not_hold_an_interrupt(tmp_path: Path) -> None:
    """It is killed, after a while in which journals could have been ended."""
    mine = tmp_path / "mine.py"
    mine.write_text(
        "import signal\nfrom pathlib import Path\nfrom driftlab import Process\n\n"
        "class Deaf(Process):\n"
        "    def idle(self):\n"
        "        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n"
        f"        Path({str(tmp_path / 'begun')!r}).touch()\n"
        "        while True:\n"
        "            pass\n"
    )
    arguments = ["--rates", "60,30,10", "--seconds", "60", "--runs", str(RUNS)]
    with started("simulate", f"{mine}:Deaf", *arguments) as process:
        eventually((tmp_path / "begun").exists)
        _, errors = interrupted(process)
        assert process.returncode == 130
    assert errors == f"driftlab: interrupted; 0 of {RUNS} runs are whole\n"


def test_threads_begin_no_further_share_after_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []
    slices = engine._Core.slices

    def counted(self: engine._Core, share: range) -> object:
        begun.append(share)
        return slices(self, share)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine._Core, "slices", counted)
    scenario = driftlab.Scenario(rates=[6, 3, 1], seconds=60, runs=1_000_000)
    with pytest.raises(KeyboardInterrupt):
        engine.simulate_runs(scenario, cores=2, on_progress=stop)
    assert len(begun) < 20  # of more than sixty


def large_result(marker: str) -> bytes:
    """Say that it is about to return what takes a while to be sent."""
    Path(marker).touch()
    return bytes(LARGE)


LARGE = 100_000_000


def test_a_result_that_is_on_its_way_arrives_though_its_process_is_stopped(tmp_path: Path) -> None:
    marker = tmp_path / "returning"
    with suppress(KeyboardInterrupt), process_pool(2) as pool:
        future = pool.submit(large_result, str(marker))
        eventually(marker.exists)
        raise KeyboardInterrupt
    assert future.exception(timeout=20) is None
    assert len(future.result()) == LARGE
