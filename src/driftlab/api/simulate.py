"""Simulate a scenario, one run or millions, with the engine that is the fastest for it."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, Literal

from driftlab.api.engine_choice import choose_engine, general_s, worker_count
from driftlab.api.run import Run, raise_failures
from driftlab.api.runs import Runs
from driftlab.api.simulate_one import make_machines, simulate_one
from driftlab.api.trust import admit_process
from driftlab.errors import DriftlabError
from driftlab.journal.run_folder import create_run_folder
from driftlab.machine.process_loader import (
    DIE,
    forbid_reentrant_run,
    load_process,
)
from driftlab.scenario.plan import plan_run
from driftlab.scenario.scenario import Scenario, require_scenario

if TYPE_CHECKING:
    from pathlib import Path

Recording = Literal["all", "summary"]
RUN_BYTES = 350  # of memory for the figures of a run, and of each machine in it; measured
MACHINE_BYTES = 100
FIGURES_BYTES_ALWAYS = 1 << 30  # every computer has that
Blocks = Generator[Sequence[Run], None, None]
OnProgress = Callable[[int, int], None]  # called with the ticks done and expected


def simulate(
    scenario: Scenario,
    *,
    record: Recording = "summary",
    out: "str | Path | None" = None,
    workers: int | None = None,
    dask: str | None = None,
    on_progress: OnProgress | None = None,
    trust: bool = False,
) -> Run | Runs:
    """Run the same machines in a deterministic simulator, as fast as it can.

    Args:
        scenario: what to simulate.
        record: "summary" keeps the metrics of each run, "all" its history, too.
        out: a folder for journals like those of real runs; it must not hold a run.
        workers: how many cores to use, by default all; the results are the same.
        dask: the address of a Dask scheduler whose workers simulate instead.
        on_progress: called periodically with the ticks done and expected.
        trust: whether a process that only a scenario file names may be executed.

    Returns the run, or the runs if the scenario has more than one; `simulate_run` and
    `simulate_runs` always return the one or the other. Raises DriftlabError:
    ProcessesFailedError, after everything else is done, if the user's process has failed
    in a run. Ctrl-C raises KeyboardInterrupt at once and leaves no process behind; journals
    of the runs that were done stay.
    """
    runs = simulate_runs(
        scenario,
        record=record,
        out=out,
        workers=workers,
        dask=dask,
        on_progress=on_progress,
        trust=trust,
    )
    return runs[0] if scenario.runs == 1 else runs


def simulate_run(
    scenario: Scenario,
    *,
    record: Recording = "summary",
    out: "str | Path | None" = None,
    trust: bool = False,
) -> Run:
    """Simulate one run and return it; raise DriftlabError if the scenario has several.

    The parameters are those of `simulate`.
    """
    require_scenario(scenario)
    if scenario.runs != 1:
        raise DriftlabError(
            f"simulate_run: the scenario has {scenario.runs} runs; "
            "use simulate_runs, or scenario.replace(runs=1)"
        )
    return simulate_runs(scenario, record=record, out=out, trust=trust)[0]


def simulate_runs(
    scenario: Scenario,
    *,
    record: Recording = "summary",
    out: "str | Path | None" = None,
    workers: int | None = None,
    dask: str | None = None,
    on_progress: OnProgress | None = None,
    trust: bool = False,
) -> Runs:
    """Simulate all runs of a scenario, one or millions, and return them as `Runs`.

    The parameters, and what it raises, are those of `simulate`.
    """
    if record not in ("all", "summary"):
        raise DriftlabError(f"record: {record!r} is not known; allowed: all or summary")
    require_scenario(scenario)
    require_memory(scenario)
    blocks = simulate_blocks(
        scenario,
        out,
        keep=record == "all",
        workers=workers,
        dask=dask,
        on_progress=on_progress,
        trust=trust,
    )
    with closing(blocks):  # whose processes then end, were this interrupted
        runs = Runs(scenario, blocks)
    raise_failures(runs, runs.incomplete())
    return runs


def simulate_each(
    scenario: Scenario,
    out: "str | Path | None" = None,
    *,
    keep: bool = False,
    workers: int | None = None,
    dask: str | None = None,
    on_progress: OnProgress | None = None,
    trust: bool = False,
) -> Iterator[Run]:
    """Yield the simulated runs of a scenario in order, one at a time.

    The parameters, and what it raises, are those of `simulate_blocks`.
    """
    blocks = simulate_blocks(
        scenario, out, keep=keep, workers=workers, dask=dask, on_progress=on_progress, trust=trust
    )
    return chain.from_iterable(blocks)


def simulate_blocks(
    scenario: Scenario,
    out: "str | Path | None" = None,
    *,
    keep: bool = False,
    workers: int | None = None,
    dask: str | None = None,
    on_progress: OnProgress | None = None,
    trust: bool = False,
) -> Blocks:
    """Yield the simulated runs of a scenario in order, some at a time, for `Runs`.

    A caller that may not exhaust it closes it: the processes that simulate end with it.

    keep: whether each run has its history. The other parameters are those of `simulate`.
    Raises DriftlabError.
    """
    forbid_reentrant_run()
    require_scenario(scenario)
    scenario = admit_process(scenario, trust=trust)
    load_process(scenario.process)
    if workers is not None and workers < 1:
        raise DriftlabError(f"workers: {workers} is not allowed; from 1, or None for all cores")
    folder = None if out is None else str(out)
    if dask is not None and (keep or folder):
        raise DriftlabError("dask: its workers keep figures only; no history, and no folder (out)")
    if folder is not None and scenario.runs > 1:
        make_machines(scenario, plan_run(scenario, scenario.first_run))  # raises early
        create_run_folder(folder, scenario)
    progress = _Progress(scenario.expected_ticks, on_progress)
    if dask is not None:
        from driftlab.api.parallel import on_dask

        return progress.count(on_dask(scenario, dask))
    cores, journals = worker_count(workers), folder is not None
    spent_s = _SPENT_S[0]
    engine = choose_engine(scenario, cores, history=keep, journals=journals, spent_s=spent_s)
    if engine == "compiled":
        return _compiled(scenario, keep, cores, progress)
    if engine == "processes":
        from driftlab.api.parallel import on_processes

        return progress.count(on_processes(scenario, cores, folder))
    if not journals and scenario.process == DIE and scenario.clock == "lamport":
        _SPENT_S[0] += general_s(scenario, history=keep)
    return progress.count(_one_by_one(scenario, folder, keep, progress.report))


def require_memory(scenario: Scenario) -> None:
    """Raise DriftlabError if the figures of all runs need more memory than this computer has."""
    needed = scenario.runs * (RUN_BYTES + MACHINE_BYTES * scenario.size)
    if needed <= FIGURES_BYTES_ALWAYS:
        return
    import os

    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise DriftlabError(
            f"runs: the figures of {scenario.runs} runs would take about {needed >> 30:,} GiB of "
            f"memory, and this computer has {there >> 30:,} GiB; simulate fewer at a time "
            "(--runs, --first-run)"
        )


_SPENT_S = [0.0]  # about how long this process was busy with what could have run compiled


class _Progress:
    """The ticks done so far: those of whole runs, and of the run that is being simulated."""

    def __init__(self, total: int, on_progress: OnProgress | None) -> None:
        self._total = total
        self._done = 0
        self._on_progress = on_progress

    def count(self, blocks: Blocks) -> Blocks:
        """Yield the runs, and report each block of them."""
        with closing(blocks):
            for block in blocks:
                if self._on_progress is not None:
                    self._done += sum(run.ticks for run in block)
                    self.report(0)
                yield block

    def report(self, ticks: int) -> None:
        """Report the progress, with these ticks of the current run."""
        if self._on_progress is not None:
            self._on_progress(self._done + ticks, max(self._total, self._done + ticks))


def _compiled(scenario: Scenario, keep: bool, workers: int, progress: _Progress) -> Blocks:
    from driftlab.api.compiled_runs import record_compiled, simulate_compiled

    if keep:
        return ([run] for run in record_compiled(scenario, progress.report))
    return simulate_compiled(scenario, workers, progress.report)


def _one_by_one(
    scenario: Scenario, folder: str | None, keep: bool, on_ticks: Callable[[int], None]
) -> Blocks:
    """Simulate one run after the other with the general engine, in this process."""
    for number in scenario.run_numbers:
        yield [simulate_one(scenario, number, folder, on_ticks, keep=keep)]
