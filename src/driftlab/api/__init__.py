"""The public Python interface: run, simulate, read back. Here the two wings meet."""

from driftlab.api.real import OnBeat, RunStart, one_run, require_real, run, run_each
from driftlab.api.recorded import Run, read_journals, read_runs, read_scenario
from driftlab.api.simulated import Replay, replay_runs, simulate, simulate_each, twin_runs
from driftlab.hosts.loading import load_process

__all__ = [
    "OnBeat",
    "Replay",
    "Run",
    "RunStart",
    "load_process",
    "one_run",
    "read_journals",
    "read_runs",
    "read_scenario",
    "replay_runs",
    "require_real",
    "run",
    "run_each",
    "simulate",
    "simulate_each",
    "twin_runs",
]
