"""Simulating a scenario: one run or millions, by the engine that is the fastest for it."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Literal

from driftlab.api.general import OnBeat, make_machines, simulate_one
from driftlab.api.outcome import Run, raise_failures
from driftlab.hosts.loading import load_process
from driftlab.hosts.run_folder import claim, fresh_folder
from driftlab.planning import plan_run
from driftlab.scenario import Scenario

if TYPE_CHECKING:
    from pathlib import Path

Record = Literal["all", "summary"]
OnProgress = Callable[[int, int], None]  # told how many ticks were taken, of how many in all

TICKS_WORTH_A_POOL = 200_000  # about a second of work, against 0.2 s to start the processes
RUNS_HANDED_OVER = 64  # at once to one worker


def simulate(
    scenario: Scenario, *, record: Record = "summary", out: "str | Path | None" = None
) -> Run | list[Run]:
    """Simulate a scenario: the same machines, deterministic, in no time.

    With `record="all"` every run leaves journals, like a real one, in the
    folder `out` or a new one; with "summary" only the figures are kept.
    Returns the run, or a list of them if the scenario asks for more than one.
    Raises DriftlabError; where a process of the user failed that is
    ProcessesFailedError, after all else is done.
    """
    load_process(scenario.process)
    folder = None
    if record == "all":
        folder = str(out) if out else fresh_folder()
    runs = list(simulate_each(scenario, folder))
    raise_failures(runs)
    return runs[0] if scenario.runs == 1 else runs


def simulate_each(
    scenario: Scenario,
    out: "str | Path | None" = None,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[Run]:
    """Yield the simulated runs of a scenario, in order; `out` is where journals go, if anywhere.

    Where it is worth it the work is shared among `workers` processes, one a
    core if not said; what comes out does not depend on how many.
    """
    load_process(scenario.process)
    folder = None if out is None else str(out)
    if folder is not None and scenario.runs > 1:
        make_machines(scenario, plan_run(scenario, scenario.first_run))  # raises before the claim
        claim(folder, scenario)
    tell = _Teller(scenario.expected_ticks, on_progress)
    for run in _general(scenario, folder, workers or os.cpu_count() or 1, tell.beat):
        tell.done(run)
        yield run


class _Teller:
    """Adds up what was done, run by run and within the run in hand."""

    def __init__(self, total: int, on_progress: OnProgress | None) -> None:
        self._total = total
        self._done = 0
        self._tell = on_progress

    def done(self, run: Run) -> None:
        """Count a run that is over."""
        self._done += run.ticks
        self.beat(0)

    def beat(self, ticks: int) -> None:
        """Tell how far it is, with so many ticks of the run in hand."""
        if self._tell is not None:
            self._tell(self._done + ticks, max(self._total, self._done + ticks))


def _general(
    scenario: Scenario, folder: str | None, workers: int, on_beat: OnBeat
) -> Iterator[Run]:
    """Simulate every run by the general engine, on several processes where that is worth it."""
    if workers == 1 or scenario.runs == 1 or scenario.expected_ticks < TICKS_WORTH_A_POOL:
        for number in scenario.run_numbers:
            yield simulate_one(scenario, number, folder, on_beat)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    share = max(1, min(RUNS_HANDED_OVER, scenario.runs // (4 * workers)))
    work = partial(simulate_one, scenario, out=folder)
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, scenario.run_numbers, chunksize=share)
