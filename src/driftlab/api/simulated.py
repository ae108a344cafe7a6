"""Simulating a scenario, and setting a simulation beside what is recorded."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, cast

from driftlab.analysis.summary import summarise, with_drift
from driftlab.analysis.twin import MachineTwin, twin
from driftlab.api.real import one_run
from driftlab.api.recorded import Run, read_runs
from driftlab.hosts.run_folder import claim, fresh_folder, run_folder
from driftlab.hosts.simulator import simulate_run, write_journals
from driftlab.machine.replay import Difference, replay
from driftlab.plan import MachinePlan
from driftlab.planning import plan_run
from driftlab.scenario import Scenario
from driftlab.trace.journal import COMPLETE, Entry
from driftlab.trace.reading import UnreadableError, journals_of

Record = Literal["all", "summary"]

TICKS_WORTH_A_POOL = 200_000  # about a second of work, against 0.2 s to start the processes
RUNS_HANDED_OVER = 64  # at once to one worker


def simulate(
    scenario: Scenario, *, record: Record = "summary", out: str | Path | None = None
) -> Run | list[Run]:
    """Simulate a scenario: the same machines, deterministic, in no time.

    With `record="all"` every run leaves journals, like a real one, in the
    folder `out` or a new one; with "summary" only the figures are kept.
    Returns the run, or a list of them if the scenario asks for more than one.
    Raises DriftlabError.
    """
    folder = None
    if record == "all":
        folder = Path(out) if out else fresh_folder()
    runs = list(simulate_each(scenario, folder))
    return runs[0] if scenario.runs == 1 else runs


def simulate_each(
    scenario: Scenario, out: Path | None, workers: int | None = None
) -> Iterator[Run]:
    """Yield the simulated runs of a scenario, in order; `out` is where journals go, if anywhere.

    Where it is worth it the work is shared among `workers` processes, one a
    core if not said; what comes out does not depend on how many.
    """
    if out is not None and scenario.runs > 1:
        claim(out, scenario)
    workers = workers or os.cpu_count() or 1
    simulate_one = partial(_simulate_one, scenario, out)
    if workers == 1 or _expected_ticks(scenario) < TICKS_WORTH_A_POOL:
        yield from map(simulate_one, scenario.run_numbers)
        return
    share = max(1, min(RUNS_HANDED_OVER, scenario.runs // (4 * workers)))
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(simulate_one, scenario.run_numbers, chunksize=share)


def _expected_ticks(scenario: Scenario) -> float:
    """Count the ticks of all runs, as if each had the rates of the first."""
    if scenario.runs == 1:
        return 0
    return scenario.runs * scenario.seconds * sum(scenario.rates_of(scenario.first_run))


def twin_runs(path: str | Path) -> list[tuple[Path, list[MachineTwin]]]:
    """Set each run of a folder beside the simulation of its scenario. Raises DriftlabError."""
    _, runs = read_runs(path)
    return [_twin_one(run.scenario, cast(Path, run.folder)) for run in runs]


def _twin_one(scenario: Scenario, folder: Path) -> tuple[Path, list[MachineTwin]]:
    plans = plan_run(scenario, scenario.first_run)
    simulated = dict(zip((plan.name for plan in plans), _entries(scenario, plans), strict=True))
    twins = []
    for journal in journals_of(folder):
        if journal.machine not in simulated:
            raise UnreadableError(f"{journal.path}: {journal.machine} is not of this scenario")
        twins.append(twin(journal.machine, journal.entries, simulated[journal.machine]))
    return folder, twins


def _entries(scenario: Scenario, plans: Sequence[MachinePlan]) -> list[list[Entry]]:
    """Simulate a run and return every machine's entries."""
    entries: list[list[Entry]] = [[] for _ in plans]
    simulate_run(
        plans,
        scenario.order,
        scenario.message_latency,
        lambda position, entry: entries[position].append(entry),
    )
    return entries


def _simulate_one(scenario: Scenario, out: Path | None, number: int) -> Run:
    alone = one_run(scenario, number)
    plans = plan_run(alone, number)
    entries = _entries(alone, plans)
    folder = None
    if out is not None:
        folder = run_folder(out, scenario, number)
        claim(folder, alone)
        write_journals(plans, entries, str(folder))
    nothing = dict.fromkeys((plan.name for plan in plans), 0)
    return Run(
        scenario=alone,
        folder=folder,
        machines=with_drift(
            [
                summarise(plan.name, plan.rate, 1, alone.seconds, lines, could_be_late=False)
                for plan, lines in zip(plans, entries, strict=True)
            ]
        ),
        ends=dict.fromkeys(nothing, COMPLETE),
        incidents=nothing,
        undelivered=nothing,
        unread=nothing,
    )


class Replay(NamedTuple):
    """One machine's replay: how many events its journal holds, and the first that differs."""

    journal: Path
    machine: str
    events: int
    difference: Difference | None


def replay_runs(path: str | Path) -> list[Replay]:
    """Replay every journal of a run folder, or of a folder of runs. Raises DriftlabError."""
    _, runs = read_runs(path)
    return [each for run in runs for each in _replay_one(run)]


def _replay_one(run: Run) -> Iterator[Replay]:
    plans = {plan.name: plan for plan in plan_run(run.scenario, run.scenario.first_run)}
    for journal in journals_of(cast(Path, run.folder)):
        if journal.machine not in plans:
            raise UnreadableError(f"{journal.path}: {journal.machine} is not of this scenario")
        recorded = [(entry.event, entry.found) for entry in journal.entries]
        difference = replay(plans[journal.machine], recorded)
        yield Replay(journal.path, journal.machine, len(recorded), difference)
