"""Simulating a scenario: one run or millions, by the engine that is the fastest for it."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

from driftlab.api.general_engine import make_machines, simulate_one
from driftlab.api.parallel import is_worth_compiling, on_dask, on_processes, worker_count
from driftlab.api.run import Run, raise_failures
from driftlab.errors import DriftlabError
from driftlab.journal.run_folder import create_run_folder
from driftlab.machine.process_loader import (
    forbid_reentrant_run,
    load_process,
    with_absolute_process_path,
)
from driftlab.scenario.plan import plan_run
from driftlab.scenario.scenario import Scenario

if TYPE_CHECKING:
    from pathlib import Path

Record = Literal["all", "summary"]
OnProgress = Callable[[int, int], None]  # told how many ticks were taken, of how many in all

TICKS_WORTH_A_POOL = 200_000  # about a second of work, against 0.2 s to start the processes


def simulate(
    scenario: Scenario,
    *,
    record: Record = "summary",
    out: "str | Path | None" = None,
    workers: int | None = None,
    dask: str | None = None,
    on_progress: OnProgress | None = None,
) -> Run | list[Run]:
    """Simulate a scenario: the same machines, deterministic, in no time.

    record: "summary" keeps the figures of each run, "all" its history too.
    out: a folder for journals like those of real runs; it must not hold a run.
    workers: how many cores to use, all if not said; it does not show in the
        results.
    dask: the address of a Dask scheduler whose workers are to do it instead.
    on_progress: told now and then how many ticks were taken, of how many.

    Returns the run, or a list of them if the scenario asks for more than one.
    Raises DriftlabError; where a process of the user failed that is
    ProcessesFailedError, after all else is done.
    """
    if record not in ("all", "summary"):
        raise DriftlabError(f"record: {record!r} is not known; allowed: all or summary")
    runs = list(
        simulate_each(
            scenario, out, keep=record == "all", workers=workers, dask=dask, on_progress=on_progress
        )
    )
    raise_failures(runs)
    return runs[0] if scenario.runs == 1 else runs


def simulate_each(
    scenario: Scenario,
    out: "str | Path | None" = None,
    *,
    keep: bool = False,
    workers: int | None = None,
    dask: str | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[Run]:
    """Yield the simulated runs of a scenario, in order, each with its history if `keep`.

    The other parameters are those of `simulate`. Raises DriftlabError.
    """
    forbid_reentrant_run()
    _demand_scenario(scenario)
    load_process(scenario.process)
    scenario = with_absolute_process_path(scenario)
    if workers is not None and workers < 1:
        raise DriftlabError(f"workers: {workers} is not allowed; from 1, or None for all cores")
    folder = None if out is None else str(out)
    if dask is not None and (keep or folder):
        raise DriftlabError("dask: its workers keep figures only; no history, and no folder (out)")
    if folder is not None and scenario.runs > 1:
        make_machines(scenario, plan_run(scenario, scenario.first_run))  # raises before the claim
        create_run_folder(folder, scenario)
    tell = _Progress(scenario.expected_ticks, on_progress)
    if dask is not None:
        return tell.through(on_dask(scenario, dask))
    if folder is None and is_worth_compiling(scenario):
        return _compiled(scenario, keep, worker_count(workers), tell)
    return tell.through(_general(scenario, folder, keep, worker_count(workers), tell.beat))


def _demand_scenario(scenario: object) -> None:
    if not isinstance(scenario, Scenario):
        raise TypeError(
            f"{scenario!r} is no Scenario; make one: driftlab.Scenario(rates=[6, 3, 1])"
        )


class _Progress:
    """Adds up what was done, run by run and within the run in hand."""

    def __init__(self, total: int, on_progress: OnProgress | None) -> None:
        self._total = total
        self._done = 0
        self._tell = on_progress

    def through(self, runs: Iterator[Run]) -> Iterator[Run]:
        """Count runs as they come."""
        for run in runs:
            if self._tell is not None:
                self._done += run.ticks
                self.beat(0)
            yield run

    def beat(self, ticks: int) -> None:
        """Tell how far it is, with so many ticks of the run in hand."""
        if self._tell is not None:
            self._tell(self._done + ticks, max(self._total, self._done + ticks))


def _compiled(scenario: Scenario, keep: bool, workers: int, tell: _Progress) -> Iterator[Run]:
    from driftlab.api.compiled_runs import record_compiled, simulate_compiled

    if keep:
        return record_compiled(scenario, tell.beat)
    return simulate_compiled(scenario, workers, tell.beat)


def _general(
    scenario: Scenario, folder: str | None, keep: bool, workers: int, on_beat: Callable[[int], None]
) -> Iterator[Run]:
    """Simulate every run by the general engine, on several processes where that is worth it."""
    many = scenario.runs > 1 and scenario.expected_ticks >= TICKS_WORTH_A_POOL
    if workers > 1 and many and not keep:
        yield from on_processes(scenario, workers, folder)
        return
    for number in scenario.run_numbers:
        yield simulate_one(scenario, number, folder, on_beat, keep=keep)
