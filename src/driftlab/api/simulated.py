"""Simulating a scenario, and setting a simulation beside what is recorded."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, cast

from driftlab.analysis.summary import Tally, achieved_rate, with_drift
from driftlab.analysis.twin import MachineTwin, twin
from driftlab.api.real import one_run, raise_failures
from driftlab.api.recorded import Run, decoder, read_runs
from driftlab.event import Event, Message
from driftlab.hosts.loading import DIE, load_process
from driftlab.hosts.run_folder import claim, fresh_folder, run_folder
from driftlab.hosts.simulated_journals import SimulatedJournals
from driftlab.hosts.simulator import WAITING_MESSAGES_MAX, Ending, Sink, Ways, simulate_run
from driftlab.machine.machine import Machine
from driftlab.machine.replay import Difference, Input, replay
from driftlab.plan import MachinePlan
from driftlab.planning import plan_run
from driftlab.scenario import Scenario
from driftlab.trace.journal import COMPLETE, Entry, Instant
from driftlab.trace.reading import Journal, UnreadableError, journals_of

Record = Literal["all", "summary"]
OnBeat = Callable[[int], None]

INTERRUPTED = "interrupted"
TICKS_WORTH_A_POOL = 200_000  # about a second of work, against 0.2 s to start the processes
RUNS_HANDED_OVER = 64  # at once to one worker


def simulate(
    scenario: Scenario, *, record: Record = "summary", out: str | Path | None = None
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
        folder = Path(out) if out else fresh_folder()
    runs = list(simulate_each(scenario, folder))
    raise_failures(runs)
    return runs[0] if scenario.runs == 1 else runs


def simulate_each(
    scenario: Scenario,
    out: Path | None,
    workers: int | None = None,
    on_beat: OnBeat | None = None,
) -> Iterator[Run]:
    """Yield the simulated runs of a scenario, in order; `out` is where journals go, if anywhere.

    Where it is worth it the work is shared among `workers` processes, one a
    core if not said; what comes out does not depend on how many. `on_beat` is
    told now and then how many ticks of the run in hand were taken.
    """
    load_process(scenario.process)
    if out is not None and scenario.runs > 1:
        _machines(scenario, plan_run(scenario, scenario.first_run))  # raises before all is claimed
        claim(out, scenario)
    workers = workers or os.cpu_count() or 1
    if workers == 1 or _expected_ticks(scenario) < TICKS_WORTH_A_POOL:
        for number in scenario.run_numbers:
            yield _simulate_one(scenario, out, number, on_beat)
        return
    simulate_one = partial(_simulate_one, scenario, out)
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
    simulated = dict(zip((plan.name for plan in plans), entries_of(scenario, plans), strict=True))
    twins = []
    for journal in journals_of(folder, decoder(scenario)):
        if journal.machine not in simulated:
            raise UnreadableError(f"{journal.path}: {journal.machine} is not of this scenario")
        twins.append(twin(journal.machine, journal.entries, simulated[journal.machine]))
    return folder, twins


def entries_of(scenario: Scenario, plans: Sequence[MachinePlan]) -> list[list[Entry]]:
    """Simulate a run and return every machine's entries."""
    entries: list[list[Entry]] = [[] for _ in plans]

    def keep(position: int, event: Event, due_ns: int, found: Sequence[Message]) -> None:
        now_ns = plans[position].physical.reading_ns(due_ns, due_ns)
        entries[position].append(Entry(event, Instant(now_ns, due_ns, 0), found))

    _run_general(scenario, plans, _machines(scenario, plans), keep)
    return entries


def _run_general(
    scenario: Scenario,
    plans: Sequence[MachinePlan],
    machines: Sequence[Machine],
    sink: Sink,
    on_beat: OnBeat | None = None,
) -> Ending:
    """Run the general engine; what a process of the user prints goes to standard error."""
    ways = Ways(scenario.order, scenario.message_latency, scenario.channel_latencies())
    with _prints_aside(scenario):
        return simulate_run(plans, machines, ways, sink, on_beat)


def _machines(scenario: Scenario, plans: Sequence[MachinePlan]) -> list[Machine]:
    """Make the machines. Raises ProcessError."""
    process = load_process(scenario.process)
    with _prints_aside(scenario):
        return [Machine(plan, process) for plan in plans]


def _prints_aside(scenario: Scenario) -> AbstractContextManager[object]:
    """Keep standard output for what was asked for: a process of the user may print."""
    return nullcontext() if scenario.process == DIE else redirect_stdout(sys.stderr)


def _simulate_one(
    scenario: Scenario, out: Path | None, number: int, on_beat: OnBeat | None = None
) -> Run:
    alone = one_run(scenario, number)
    plans = plan_run(alone, number)
    machines = _machines(alone, plans)
    tallies = [Tally() for _ in plans]
    if out is None:
        ending = _run_general(alone, plans, machines, _tallying(tallies), on_beat)
        return _run_of(alone, None, plans, tallies, _reasons(plans, ending))
    folder = run_folder(out, scenario, number)
    claim(folder, alone)
    journals = SimulatedJournals(plans, str(folder))
    tally = _tallying(tallies)

    def record(position: int, event: Event, due_ns: int, found: Sequence[Message]) -> None:
        tally(position, event, due_ns, found)
        journals.add(position, event, due_ns, found)

    reasons = [INTERRUPTED] * len(plans)
    try:
        reasons = _reasons(plans, _run_general(alone, plans, machines, record, on_beat))
    finally:
        journals.close(reasons)
    return _run_of(alone, folder, plans, tallies, reasons)


def _tallying(tallies: Sequence[Tally]) -> Sink:
    adds = [tally.add for tally in tallies]
    return lambda position, event, due_ns, found: adds[position](event)


def _reasons(plans: Sequence[MachinePlan], ending: Ending) -> list[str]:
    """Say of each machine how it ended."""
    whole = COMPLETE
    if ending.stopped_ns is not None:
        whole = (
            f"stopped at {ending.stopped_ns / 1e9:.3f} s: over {WAITING_MESSAGES_MAX} messages "
            "wait, which is the limit"
        )
    return [ending.failures.get(plan.position, whole) for plan in plans]


def _run_of(
    scenario: Scenario,
    folder: Path | None,
    plans: Sequence[MachinePlan],
    tallies: Sequence[Tally],
    reasons: Sequence[str],
) -> Run:
    nothing = dict.fromkeys((plan.name for plan in plans), 0)
    machines = [
        tally.summary(plan.name, plan.rate, _achieved(plan, tally.ticks, scenario.seconds))
        for plan, tally in zip(plans, tallies, strict=True)
    ]
    return Run(
        scenario=scenario,
        folder=folder,
        machines=with_drift(machines),
        ends=dict(zip(nothing, reasons, strict=True)),
        incidents=nothing,
        undelivered=nothing,
        unread=nothing,
    )


def _achieved(plan: MachinePlan, ticks: int, seconds: float) -> float:
    if not ticks:
        return 0.0
    between_ns = plan.schedule.due_ns(ticks - 1) - plan.schedule.due_ns(0)
    return achieved_rate(ticks, between_ns, seconds)


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
    scenario = run.scenario
    plans = {plan.name: plan for plan in plan_run(scenario, scenario.first_run)}
    process = load_process(scenario.process)
    for journal in journals_of(cast(Path, run.folder), decoder(scenario)):
        if journal.machine not in plans:
            raise UnreadableError(f"{journal.path}: {journal.machine} is not of this scenario")
        with _prints_aside(scenario):
            difference = replay(plans[journal.machine], inputs_of(journal), process)
        yield Replay(journal.path, journal.machine, len(journal.entries), difference)


def inputs_of(journal: Journal) -> list[Input]:
    """Return what a journal says that each tick was given, and the event that came of it."""
    return [Input(entry.event, entry.found, entry.instant.time_ns) for entry in journal.entries]
