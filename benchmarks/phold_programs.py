"""PHOLD, once in each of the engines that are set side by side.

Fujimoto, "Performance of Time Warp Under Synthetic Workloads" (1990): a fixed
number of messages circulates among processes; a process that receives one sends it on
to a random process, where it arrives after an exponential delay. One receive is
one event. A child process measures one engine, as in `die_programs`.
"""

import json
import sys
from collections.abc import Callable, Generator
from heapq import heapify, heapreplace
from math import log
from random import random
from time import process_time
from typing import Any, NamedTuple

import driftlab
from benchmarks import user_processes
from benchmarks.die_programs import History
from benchmarks.user_processes import JOBS, Phold
from driftlab.machine.machine import Machine
from driftlab.model.columns import RECEIVE
from driftlab.model.event import Kind
from driftlab.scenario.plan import plan_run
from driftlab.scenario.scenario import Scenario
from driftlab.simulator.engine import NetworkConfig, simulate_run

BUSY = 5.0  # ticks per second of a process, where JOBS messages, each a second on its way, come
POLLING = 20.0


class Count(NamedTuple):
    """One run: how long it took, and how many messages were received."""

    seconds: float
    events: int


def scenario_of(processes: int, events: int, rate: float) -> Scenario:
    """Return PHOLD as a scenario in which about so many messages are received."""
    received_per_second = processes * min(rate, JOBS) * 0.9
    return Scenario(
        rates=(rate,) * processes,
        seconds=round(events / received_per_second, 3),
        order="arrival",
        latency="exponential:1",
    )


def ours(processes: int, events: int, rate: float) -> Count:
    """Our general engine, a user's process, everything recorded."""
    scenario = scenario_of(processes, events, rate)
    plans = plan_run(scenario, 1)
    machines = [Machine(plan, Phold) for plan in plans]
    history = History()
    scenario.message_latency.sample_ns(0)  # makes the tables of logarithms
    began = process_time()
    simulate_run(
        plans, machines, NetworkConfig("arrival", scenario.message_latency), history.sink()
    )
    seconds = process_time() - began
    return Count(seconds, sum(event.kind is Kind.RECEIVE for event in history.events))


def whole_call(processes: int, events: int) -> Count:
    """What a user calls, with the history and the figures ready at the end."""
    scenario = scenario_of(processes, events, BUSY).replace(
        process=f"{user_processes.__file__}:Phold"
    )
    _ = driftlab.simulate_run(scenario.replace(seconds=0.5), record="all").history  # imports
    began = process_time()
    columns = driftlab.simulate_run(scenario, record="all").history.trace.columns
    seconds = process_time() - began
    return Count(seconds, int((columns.kind == RECEIVE).sum()))


def simpy(processes: int, events: int) -> Count:
    """SimPy at its fastest: a message is the generator, at a process after each delay."""
    from simpy import Environment

    environment = Environment()
    received = [0] * processes
    for _ in range(processes * JOBS):
        environment.process(_message(received, environment.timeout))
    return _timed(lambda: environment.run(until=events / (processes * JOBS)), received)


def salabim(processes: int, events: int) -> Count:
    """Salabim in the same way."""
    import salabim as sim

    sim.yieldless(False)
    environment = sim.Environment(trace=False)
    received = [0] * processes

    class Travelling(sim.Component):  # type: ignore[misc]
        def process(self) -> Generator[Any, Any, None]:
            yield from _message(received, self.hold)

    for _ in range(processes * JOBS):
        Travelling()
    return _timed(lambda: environment.run(till=events / (processes * JOBS)), received)


def _message(received: list[int], wait: Callable[[float], Any]) -> Generator[Any, Any, None]:
    processes = len(received)
    while True:
        yield wait(-log(1 - random()))
        received[int(random() * processes)] += 1


def heapq(processes: int, events: int) -> Count:
    """No framework: one loop and one heap."""
    received = [0] * processes

    def run() -> None:
        ready = [(-log(1 - random()), i % processes) for i in range(processes * JOBS)]
        heapify(ready)
        for _ in range(events):
            now, place = ready[0]
            received[place] += 1
            heapreplace(ready, (now - log(1 - random()), int(random() * processes)))

    return _timed(run, received)


def _timed(run: Callable[[], object], received: list[int]) -> Count:
    began = process_time()
    run()
    return Count(process_time() - began, sum(received))


PROGRAMS: dict[str, Callable[[int, int], Count]] = {
    "ours-whole": whole_call,
    "ours-busy": lambda processes, events: ours(processes, events, BUSY),
    "ours-polling": lambda processes, events: ours(processes, events, POLLING),
    "simpy": simpy,
    "salabim": salabim,
    "heapq": heapq,
}

if __name__ == "__main__":
    print(json.dumps(PROGRAMS[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3]))))
