"""Driftlab's machines and bare processes, started for a measurement and never left behind."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic_ns
from typing import NamedTuple

from driftlab.history.run_reader import run_journals
from driftlab.journal.run_folder import new_run_id
from driftlab.real.launcher import _Launch, _Signals, launch
from driftlab.scenario.plan import plan_run
from driftlab.scenario.scenario import Scenario

ROOT = Path(__file__).parent.parent
PASS = (sys.executable, "-c", "pass")

Lateness = list[list[int]]  # of every process, of every tick, in nanoseconds


class Mesh(NamedTuple):
    """A complete mesh: how long it took from the launcher's first call, and its workers."""

    seconds: float
    pids: list[int]


def lateness_of(scenario: Scenario) -> Lateness | None:
    """Run a scenario for real and read the lateness from its journals; None if cut short."""
    with TemporaryDirectory() as folder:
        where = Path(folder)
        outcome = launch(plan_run(scenario, 1), folder, new_run_id(), scenario.order)
        if outcome.interrupted:
            raise KeyboardInterrupt
        if not outcome.is_whole:
            return None
        trace = run_journals(where).trace()
        assert trace.columns.late_ns is not None
        return [
            trace.columns.late_ns[trace.rows_of(process)].tolist()
            for process in range(trace.processes)
        ]


@contextmanager
def mesh_of(machines: int, key: bytes | None = None) -> Iterator[Mesh]:
    """Start a mesh inside this process's own launcher and end it when the block ends.

    key: the key of the run, None for none.

    It reaches into the launcher, to stop the clock when every worker has
    reported ready: the run itself never starts.
    """
    scenario = Scenario(machines=machines)
    plans = plan_run(scenario, 1)
    with TemporaryDirectory() as folder:
        start = _Launch(plans, folder, new_run_id(), "peers", _Signals(), lambda ns: None, key)
        began_ns = monotonic_ns()
        try:
            start._spawn()
            start._await_mesh()
            seconds = (monotonic_ns() - began_ns) / 1e9
            yield Mesh(seconds, [worker.process.pid for worker in start._workers])
        finally:
            start._kill_and_reap()


@contextmanager
def children(
    commands: Sequence[Sequence[str]], pass_fds: Sequence[int] = ()
) -> Iterator[list[subprocess.Popen[str]]]:
    """Start processes with pipes; none outlives the block."""
    started: list[subprocess.Popen[str]] = []
    try:
        started.extend(_child(command, pass_fds) for command in commands)
        yield started
    finally:
        for child in started:
            if child.poll() is None:
                child.kill()
            child.communicate()


def _child(command: Sequence[str], pass_fds: Sequence[int]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        pass_fds=pass_fds,
    )


def seconds_of(command: Sequence[str], at_once: int = 1) -> float:
    """Time processes started at once, from before the first until the last is reaped."""
    began_ns = monotonic_ns()
    started = [
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        for _ in range(at_once)
    ]
    codes = [child.wait() for child in started]
    seconds = (monotonic_ns() - began_ns) / 1e9
    if any(codes):
        raise RuntimeError(f"{' '.join(command)}: ended with status {max(codes, key=abs)}")
    return seconds


def compile_ahead() -> None:
    """Make the measured package what an installed one is: compiled before its first start."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    folders = [str(ROOT / "src" / "driftlab"), str(ROOT / "benchmarks")]
    subprocess.run([sys.executable, "-m", "compileall", "-q", *folders], check=True)


def console_script() -> str:
    """Return the path of the `driftlab` command beside this interpreter."""
    return str(Path(sys.executable).parent / "driftlab")
