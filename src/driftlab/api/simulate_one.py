"""One run of a scenario by the general engine, and what is kept of it.

Sinks decide what is kept; they are given the events, a batch after the other: counters,
a digest, the history, journals. Metrics come from the counters alone, so a run
of any length takes no more memory than its machines and their messages.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from typing import TYPE_CHECKING, Final

from driftlab.analysis.metrics import (
    Counters,
    MachineMetrics,
    count_events,
    fastest,
    machine_metrics,
)
from driftlab.api.run import Run, stopped
from driftlab.journal.format import COMPLETE
from driftlab.journal.run_folder import create_run_folder, run_folder
from driftlab.journal.writer import SimulatedJournals
from driftlab.lazy import np
from driftlab.machine.machine import Machine
from driftlab.machine.process_loader import DIE, load_process
from driftlab.model.digest import MachineDigest, digest_of_run
from driftlab.model.event import EventBatch, EventRow, Kind, Message
from driftlab.scenario.plan import MachinePlan, plan_run
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import WAITING_MESSAGES_MAX
from driftlab.simulator.engine import NetworkConfig, RunEnd, Sink, simulate_run

if TYPE_CHECKING:
    from driftlab.history.simulated import EventColumns as _EventColumns
    from driftlab.history.trace import Trace

OnTicks = Callable[[int], None]  # called with how many ticks were taken so far

INTERRUPTED: Final = "interrupted"
EVENTS_HELD_MIN: Final = 512  # before they are counted, all machines together; more burden the GC
EVENTS_HELD_EACH: Final = 4  # of each machine on average, if there are very many


class EventCounter:
    """A sink that counts the events of every machine, many at a time."""

    def __init__(self, machines: int) -> None:
        self._held: list[list[EventRow]] = [[] for _ in range(machines)]
        self._counters = [Counters()] * machines
        self._room = self._size = max(EVENTS_HELD_MIN, EVENTS_HELD_EACH * machines)

    def add(self, batch: EventBatch) -> None:
        """Count the next events."""
        held = self._held
        for position, row in zip(batch.positions, batch.rows, strict=True):
            held[position].append(row)
        self._room -= len(batch.rows)
        if self._room <= 0:
            self._count()

    def counters(self) -> list[Counters]:
        """Return the counters of each machine so far."""
        self._count()
        return self._counters

    def _count(self) -> None:
        for position, rows in enumerate(self._held):
            if rows:
                _, _, kinds, _, _, _, clocks, queues, _, _ = zip(*rows, strict=True)
                counted = count_events(kinds, clocks, queues, send=Kind.SEND, receive=Kind.RECEIVE)
                self._counters[position] = self._counters[position].then(counted)
                rows.clear()
        self._room = self._size


def simulate_one(
    scenario: Scenario,
    number: int,
    out: str | None = None,
    on_beat: OnTicks | None = None,
    *,
    keep: bool = False,
) -> Run:
    """Simulate one run of a scenario.

    number: of the run. out: a folder below which its journals go, None to
    write none. on_beat: called periodically with how many ticks were taken.
    keep: whether the run has its history. Raise DriftlabError if the folder
    cannot be written, or a machine cannot be made.
    """
    alone = scenario.for_run(number)
    plans = plan_run(alone, number)
    machines = make_machines(alone, plans)
    digests = _digests(alone, plans)
    counted: EventCounter | _EventColumns
    if keep:
        from driftlab.history.simulated import EventColumns  # loads numpy

        counted = EventColumns(alone.machine_names(), alone.clock)
    else:
        counted = EventCounter(len(plans))
    sinks: list[Sink] = [counted.add]
    sinks += [_digesting(digests)] if digests else []
    if out is None:
        folder = None
        end = _run(alone, plans, machines, _each_of(sinks), on_beat, keep_found=False)
        reasons = _reasons(plans, end)
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
    trace = None
    if isinstance(counted, EventCounter):
        counters = counted.counters()
    else:
        trace, _ = counted.trace(alone, number)
        counters = _counters_of(trace)
    run = _run_of(scenario, number, plans, counters, reasons, folder)
    run.digest = digest_of_run(each.word for each in digests) if digests else None
    if trace is not None:
        from driftlab.api.history import History  # loads numpy

        run.with_history(History(trace))
    return run


def _counters_of(trace: "Trace") -> list[Counters]:
    """Return the counters of each machine, from the columns of its events."""
    kind, clock, queue = trace.columns.kind, trace.columns.clock, trace.columns.queue
    assert clock is not None
    assert queue is not None
    counters = []
    for process in range(trace.processes):
        rows = trace.rows_of(process)
        if rows.start == rows.stop:
            counters.append(Counters())
            continue
        internal, send, receive = np.bincount(kind[rows], minlength=3).tolist()
        clocks, queues = clock[rows], queue[rows]
        counters.append(
            Counters(
                internal,
                send,
                receive,
                first_clock=int(clocks[0]),
                clock=int(clocks[-1]),
                jump_max=int(np.diff(clocks).max(initial=0)),
                queue_sum=int(queues.sum()),
                queue_max=int(queues.max()),
                queue_last=int(queues[-1]),
            )
        )
    return counters


def _digests(scenario: Scenario, plans: Sequence[MachinePlan]) -> list[MachineDigest]:
    """Return the digests of the machines; none if they run a process of the user.

    Such a process may do what a digest does not cover.
    """
    if scenario.process != DIE:
        return []
    positions = {plan.name: plan.position for plan in plans}
    return [MachineDigest(positions, plan.peers) for plan in plans]


def _digesting(digests: Sequence[MachineDigest]) -> Sink:
    adds = [digest.add for digest in digests]

    def add_each(batch: EventBatch) -> None:
        for position, row in zip(batch.positions, batch.rows, strict=True):
            adds[position](row)

    return add_each


def _each_of(sinks: Sequence[Sink]) -> Sink:
    """Return a sink that passes the events to several sinks."""
    if len(sinks) == 1:
        return sinks[0]

    def pass_on(batch: EventBatch) -> None:
        for sink in sinks:
            sink(batch)

    return pass_on


def simulated_trace(scenario: Scenario, number: int) -> "tuple[Trace, list[Sequence[Message]]]":
    """Simulate one run; return its history, with arrivals, and what each of its rows found.

    number: of the run, from 1. Raise ProcessError if a machine cannot be made.
    """
    from driftlab.history.simulated import EventColumns  # loads numpy

    columns = EventColumns(scenario.machine_names(), scenario.clock, keep_found=True)
    simulate_into(scenario, number, columns.add)
    return columns.trace(scenario.for_run(number), number)


def simulate_into(scenario: Scenario, number: int, sink: Sink) -> RunEnd:
    """Simulate one run and give its events to a sink.

    number: of the run, from 1. sink: called with the events, many at a time. Raise
    ProcessError if a machine cannot be made.
    """
    plans = plan_run(scenario, number)
    return _run(scenario, plans, make_machines(scenario, plans), sink, None)


def make_machines(scenario: Scenario, plans: Sequence[MachinePlan]) -> list[Machine]:
    """Return the machines of a run. Raise ProcessError if a process of the user fails."""
    process = load_process(scenario.process)
    with stdout_to_stderr(scenario):
        return [Machine(plan, process) for plan in plans]


def stdout_to_stderr(scenario: Scenario) -> AbstractContextManager[object]:
    """Return a context in which what a process of the user prints goes to standard error."""
    return nullcontext() if scenario.process == DIE else redirect_stdout(sys.stderr)


def _run(
    scenario: Scenario,
    plans: Sequence[MachinePlan],
    machines: Sequence[Machine],
    sink: Sink,
    on_beat: OnTicks | None,
    *,
    keep_found: bool = True,
) -> RunEnd:
    network = NetworkConfig(scenario.order, scenario.message_latency, scenario.channel_latencies())
    with stdout_to_stderr(scenario):
        return simulate_run(plans, machines, network, sink, on_beat, keep_found=keep_found)


def _reasons(plans: Sequence[MachinePlan], end: RunEnd) -> list[str]:
    """Return how each machine ended."""
    whole = COMPLETE
    if end.stopped_ns is not None:
        whole = stopped(end.stopped_ns, WAITING_MESSAGES_MAX)
    return [end.failures.get(plan.position, whole) for plan in plans]


def _run_of(
    scenario: Scenario,
    number: int,
    plans: Sequence[MachinePlan],
    counters: Sequence[Counters],
    reasons: Sequence[str],
    folder: str | None,
) -> Run:
    fastest_clock = counters[fastest(plan.rate for plan in plans)].clock
    machines = tuple(
        _metrics(plan, count, scenario.seconds, fastest_clock)
        for plan, count in zip(plans, counters, strict=True)
    )
    ends = None
    if any(reason != COMPLETE for reason in reasons):
        ends = {plan.name: reason for plan, reason in zip(plans, reasons, strict=True)}
    return Run(scenario, number, machines, folder=folder, ends=ends)


def _metrics(
    plan: MachinePlan, counters: Counters, seconds: float, fastest_clock: int
) -> MachineMetrics:
    schedule, last = plan.schedule, max(counters.ticks - 1, 0)
    return machine_metrics(
        plan.name,
        plan.rate,
        counters,
        between_ns=schedule.due_ns(last) - schedule.due_ns(0),
        seconds=seconds,
        fastest_clock=fastest_clock,
    )
