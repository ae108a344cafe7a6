"""The model of the assignment, written for each of the engines to be compared.

A child process measures one of them: `python -m benchmarks.die_programs ours-die 3 40000`
prints a line of JSON. What is timed is the run alone, without imports and
preparations.
"""

import json
import random
import sys
from array import array
from collections import deque
from collections.abc import Callable, Generator, Sequence
from heapq import heapify, heappop, heapreplace
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import driftlab
from benchmarks import user_processes
from benchmarks.user_processes import Dice, ManyDice
from driftlab.machine.machine import Machine
from driftlab.machine.process import EVERY_PEER, INTERNAL, roll
from driftlab.model.event import Event, EventBatch, Message
from driftlab.model.random_streams import DIE_BITS, draw
from driftlab.scenario.plan import MachinePlan, plan_run
from driftlab.scenario.scenario import Scenario
from driftlab.simulator.engine import NetworkConfig, Sink, simulate_run

Coming = Generator[Any, Any, None]  # what waits for its next tick

RATES_OF_THREE = (6.0, 3.0, 1.0)


class Outcome(NamedTuple):
    """One run: its time, its number of ticks or events, the last clocks, and memory growth."""

    seconds: float
    events: int
    clocks: list[int]
    grown_bytes: int


def scenario_of(machines: int, ticks: int, order: str = "arrival") -> Scenario:
    """Return the model: three machines at 6, 3 and 1 ticks/s, or many at 1 to 6 ticks/s.

    Many machines send to one peer with a probability of 0.3 and never to all,
    which would overload them.
    """
    if machines == len(RATES_OF_THREE):
        seconds = ticks / sum(RATES_OF_THREE)
        return Scenario(rates=RATES_OF_THREE, seconds=seconds, order=order)
    rates = tuple(float(i % 6 + 1) for i in range(machines))
    seconds = round(ticks / sum(rates), 3)
    return Scenario(rates=rates, seconds=seconds, send_one=0.3, send_all=0, order=order)


class History:
    """The whole history in memory: every event, its due time, and the messages found."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.dues = array("q")
        self.finds: list[Sequence[Message]] = []

    def sink(self) -> Sink:
        """Return a sink that appends to this history."""

        def keep(batch: EventBatch) -> None:
            self.events += map(Event._make, batch.rows)
            self.dues.extend(batch.dues_ns)
            self.finds += batch.found

        return keep


def ours(machines: int, ticks: int, order: str, own: bool) -> Outcome:
    """Run the general engine with everything recorded; `own`: with a user's process."""
    plans = plan_run(scenario_of(machines, ticks, order), 1)
    process = (Dice if machines == len(RATES_OF_THREE) else ManyDice) if own else None
    made = [Machine(plan, process) for plan in plans]
    history = History()
    before, began = _resident_bytes(), process_time()
    simulate_run(plans, made, NetworkConfig(order), history.sink())
    seconds = process_time() - began
    grown = _resident_bytes() - before
    return Outcome(seconds, len(history.events), [machine.clock for machine in made], grown)


def whole_call(machines: int, ticks: int) -> Outcome:
    """What a user calls: a user's process, and its history and figures ready at the end."""
    process = (
        f"{user_processes.__file__}:{'Dice' if machines == len(RATES_OF_THREE) else 'ManyDice'}"
    )
    scenario = scenario_of(machines, ticks).replace(process=process)
    _ = driftlab.simulate_run(scenario.replace(seconds=1), record="all").history  # imports
    before, began = _resident_bytes(), process_time()
    run = driftlab.simulate_run(scenario, record="all")
    events = len(run.history.trace)
    seconds = process_time() - began
    grown = _resident_bytes() - before
    return Outcome(seconds, events, [each.clock for each in run.machines], grown)


class Model:
    """The data of the other programs: plans as plain lists, and the last clocks."""

    def __init__(self, machines: int, ticks: int) -> None:
        scenario = scenario_of(machines, ticks)
        self.plans = plan_run(scenario, 1)
        self.size = machines
        self.one, self.all = (bound / 2**DIE_BITS for bound in scenario.die)
        self.clocks = [0] * machines
        self.inboxes: list[deque[int]] = [deque() for _ in self.plans]
        self.posts = [inbox.append for inbox in self.inboxes]

    @property
    def ticks(self) -> int:
        return sum(plan.ticks for plan in self.plans)


def simpy(model: Model, keyed: bool) -> Callable[[], object]:
    """SimPy, a generator a machine; with its own fastest dice, or with our draws and due times."""
    from simpy import Environment

    environment = Environment()
    for plan in model.plans:
        machine = _keyed_machine if keyed else _machine
        environment.process(machine(model, plan, environment.timeout))
    return environment.run


def salabim(model: Model) -> Callable[[], object]:
    """Salabim with generators, its faster way, and its own dice as above."""
    import salabim

    sim: Any = salabim  # which has no types
    sim.yieldless(False)
    environment = sim.Environment(trace=False)

    class OfModel(sim.Component):  # type: ignore[misc]
        def setup(self, plan: MachinePlan) -> None:
            self.plan = plan

        def process(self) -> Coming:
            yield from _machine(model, self.plan, self.hold)

    for plan in model.plans:
        OfModel(plan=plan)
    run: Callable[[], object] = environment.run
    return run


def _machine(model: Model, plan: MachinePlan, wait: Callable[[float], Any]) -> Coming:
    """One machine, as a generator that waits for its ticks."""
    place, peers, one, every = plan.position, model.size - 1, model.one, model.all
    inbox, posts, rolled = model.inboxes[place], model.posts, random.random
    period, clock = 1 / plan.rate, 0
    yield wait(plan.schedule.phase_ns / 1e9)
    for _ in range(plan.ticks):
        if inbox:
            stamp = inbox.popleft()
            clock = (clock if clock > stamp else stamp) + 1
        else:
            clock += 1
            share = rolled()
            if share < one:
                target = int(share / one * peers)
                posts[target + (target >= place)](clock)
            elif share < every:
                for target, post in enumerate(posts):
                    if target != place:
                        post(clock)
        yield wait(period)
    model.clocks[place] = clock


def _keyed_machine(model: Model, plan: MachinePlan, wait: Callable[[int], Any]) -> Coming:
    """One machine with our draws and our due times, in whole nanoseconds."""
    place, peers, (one, every), key = plan.position, model.size - 1, plan.die, plan.die_stream
    inbox, posts, now_ns, clock = model.inboxes[place], model.posts, 0, 0
    for tick, due_ns in enumerate(plan.schedule.dues(0, plan.ticks)):
        yield wait(due_ns - now_ns)
        now_ns = due_ns
        if inbox:
            stamp = inbox.popleft()
            clock = (clock if clock > stamp else stamp) + 1
            continue
        clock += 1
        target = roll(draw(key, tick), one, every, peers)
        if target == EVERY_PEER:
            for other, post in enumerate(posts):
                if other != place:
                    post(clock)
        elif target != INTERNAL:
            posts[target + (target >= place)](clock)
    model.clocks[place] = clock


def heapq(model: Model) -> Callable[[], object]:
    """No framework: one loop, one heap, lists, and the dice as above."""

    def run() -> None:
        inboxes, posts, clocks = model.inboxes, model.posts, model.clocks
        one, every, peers, rolled = model.one, model.all, model.size - 1, random.random
        periods = [1 / plan.rate for plan in model.plans]
        left = [plan.ticks for plan in model.plans]
        ready = [(plan.schedule.phase_ns / 1e9, plan.position) for plan in model.plans]
        heapify(ready)
        while ready:
            now, place = ready[0]
            inbox, clock = inboxes[place], clocks[place]
            if inbox:
                stamp = inbox.popleft()
                clocks[place] = (clock if clock > stamp else stamp) + 1
            else:
                clocks[place] = clock = clock + 1
                share = rolled()
                if share < one:
                    target = int(share / one * peers)
                    posts[target + (target >= place)](clock)
                elif share < every:
                    for target, post in enumerate(posts):
                        if target != place:
                            post(clock)
            left[place] = rest = left[place] - 1
            if rest:
                heapreplace(ready, (now + periods[place], place))
            else:
                heappop(ready)

    return run


OTHERS: dict[str, Callable[[Model], Callable[[], object]]] = {
    "simpy": lambda model: simpy(model, keyed=False),
    "simpy-keyed": lambda model: simpy(model, keyed=True),
    "salabim": salabim,
    "heapq": heapq,
}
OURS: dict[str, Callable[[int, int], Outcome]] = {
    "ours-whole": whole_call,
    "ours-die": lambda machines, ticks: ours(machines, ticks, "arrival", own=False),
    "ours-own": lambda machines, ticks: ours(machines, ticks, "arrival", own=True),
    "ours-peers": lambda machines, ticks: ours(machines, ticks, "peers", own=False),
}


def measured(what: str, machines: int, ticks: int) -> Outcome:
    """Run one of the programs."""
    if what in OURS:
        return OURS[what](machines, ticks)
    model = Model(machines, ticks)
    run = OTHERS[what](model)
    before, began = _resident_bytes(), process_time()
    run()
    seconds = process_time() - began
    return Outcome(seconds, model.ticks, model.clocks, _resident_bytes() - before)


def _resident_bytes() -> int:
    """Linux only."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no Rss")


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
