"""One run of a scenario by the general engine, with whatever is to be kept of it."""

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout

from driftlab.analysis.metrics import Tally, achieved_rate, with_drift
from driftlab.api.run import Run, stopped
from driftlab.journal.format import COMPLETE, Entry, Instant
from driftlab.journal.run_folder import create_run_folder, run_folder
from driftlab.machine.machine import Machine
from driftlab.machine.process_loader import DIE, load_process
from driftlab.model.digest import MachineDigest, digest_of_run
from driftlab.model.event import Event, Message
from driftlab.scenario.plan import MachinePlan, plan_run
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import WAITING_MESSAGES_MAX
from driftlab.simulator.engine import NetworkConfig, RunEnd, Sink, simulate_run
from driftlab.simulator.journals import SimulatedJournals

OnTicks = Callable[[int], None]

Row = tuple[int, int, Event]  # when it was due, the position of the process, the event

INTERRUPTED = "interrupted"


def simulate_one(
    scenario: Scenario,
    number: int,
    out: str | None = None,
    on_beat: OnTicks | None = None,
    *,
    keep: bool = False,
) -> Run:
    """Simulate one run; its journals go below `out`, if that is given. Raises DriftlabError.

    With `keep` the run has its history.
    """
    alone = scenario.for_run(number)
    plans = plan_run(alone, number)
    machines = make_machines(alone, plans)
    tallies, rows = [Tally() for _ in plans], list[Row]()
    digests = _digests(alone, plans)
    sinks = [_counting(tallies)]
    sinks += [_digesting(digests)] if digests else []
    sinks += [_keeping(rows)] if keep else []
    if out is None:
        reasons = _reasons(plans, _run(alone, plans, machines, _each_of(sinks), on_beat))
        run = _run_of(scenario, number, plans, tallies, reasons, None)
    else:
        folder = run_folder(out, scenario, number)
        create_run_folder(folder, alone)
        journals = SimulatedJournals(plans, folder)
        reasons = [INTERRUPTED] * len(plans)
        try:
            sink = _each_of([*sinks, journals.add])
            reasons = _reasons(plans, _run(alone, plans, machines, sink, on_beat))
        finally:
            journals.close(reasons)
        run = _run_of(scenario, number, plans, tallies, reasons, folder)
    run.digest = digest_of_run(each.word for each in digests) if digests else None
    if keep:
        from driftlab.api.history import History  # loads numpy
        from driftlab.history.simulated import trace_of

        run.with_history(History(trace_of(alone, number, rows)))
    return run


def _digests(scenario: Scenario, plans: Sequence[MachinePlan]) -> list[MachineDigest]:
    """Return what makes the digest; none where a process of the user may do what it cannot tell."""
    if scenario.process != DIE:
        return []
    positions = {plan.name: plan.position for plan in plans}
    return [MachineDigest(positions, plan.peers) for plan in plans]


def _digesting(digests: Sequence[MachineDigest]) -> Sink:
    adds = [digest.add for digest in digests]
    return lambda position, event, due_ns, found: adds[position](event)


def _counting(tallies: Sequence[Tally]) -> Sink:
    adds = [tally.add for tally in tallies]
    return lambda position, event, due_ns, found: adds[position](event)


def _keeping(rows: list[Row]) -> Sink:
    return lambda position, event, due_ns, found: rows.append((due_ns, position, event))


def _each_of(sinks: Sequence[Sink]) -> Sink:
    """Return a sink that hands what it gets to each of several."""
    if len(sinks) == 1:
        return sinks[0]

    def hand_on(position: int, event: Event, due_ns: int, found: Sequence[Message]) -> None:
        for sink in sinks:
            sink(position, event, due_ns, found)

    return hand_on


def entries_of(scenario: Scenario, number: int | None = None) -> list[list[Entry]]:
    """Simulate a run, the first if not said which, and return every machine's entries."""
    number = scenario.first_run if number is None else number
    plans = plan_run(scenario, number)
    entries: list[list[Entry]] = [[] for _ in plans]

    def keep(position: int, event: Event, due_ns: int, found: Sequence[Message]) -> None:
        now_ns = plans[position].physical.reading_ns(due_ns, due_ns)
        entries[position].append(Entry(event, Instant(now_ns, due_ns, 0), found))

    _run(scenario, plans, make_machines(scenario, plans), keep, None)
    return entries


def make_machines(scenario: Scenario, plans: Sequence[MachinePlan]) -> list[Machine]:
    """Make the machines of a run. Raises ProcessError."""
    process = load_process(scenario.process)
    with stdout_to_stderr(scenario):
        return [Machine(plan, process) for plan in plans]


def stdout_to_stderr(scenario: Scenario) -> AbstractContextManager[object]:
    """Keep standard output for what was asked for: a process of the user may print."""
    return nullcontext() if scenario.process == DIE else redirect_stdout(sys.stderr)


def _run(
    scenario: Scenario,
    plans: Sequence[MachinePlan],
    machines: Sequence[Machine],
    sink: Sink,
    on_beat: OnTicks | None,
) -> RunEnd:
    ways = NetworkConfig(scenario.order, scenario.message_latency, scenario.channel_latencies())
    with stdout_to_stderr(scenario):
        return simulate_run(plans, machines, ways, sink, on_beat)


def _reasons(plans: Sequence[MachinePlan], ending: RunEnd) -> list[str]:
    """Say of each machine how it ended."""
    whole = COMPLETE
    if ending.stopped_ns is not None:
        whole = stopped(ending.stopped_ns, WAITING_MESSAGES_MAX)
    return [ending.failures.get(plan.position, whole) for plan in plans]


def _run_of(
    scenario: Scenario,
    number: int,
    plans: Sequence[MachinePlan],
    tallies: Sequence[Tally],
    reasons: Sequence[str],
    folder: str | None,
) -> Run:
    machines = [
        tally.summary(plan.name, plan.rate, _achieved(plan, tally.ticks, scenario.seconds))
        for plan, tally in zip(plans, tallies, strict=True)
    ]
    ends = None
    if any(reason != COMPLETE for reason in reasons):
        ends = {plan.name: reason for plan, reason in zip(plans, reasons, strict=True)}
    return Run(scenario, number, with_drift(machines), folder=folder, ends=ends)


def _achieved(plan: MachinePlan, ticks: int, seconds: float) -> float:
    if not ticks:
        return 0.0
    between_ns = plan.schedule.due_ns(ticks - 1) - plan.schedule.due_ns(0)
    return achieved_rate(ticks, between_ns, seconds)
