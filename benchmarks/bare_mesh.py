"""Runs a mesh of bare machines with the ticks and phases of a scenario."""

import json
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from selectors import EVENT_READ, DefaultSelector
from subprocess import Popen
from time import monotonic_ns

from benchmarks.machines import Lateness, children
from driftlab.real.launcher import GRACE_NS, START_LEAD_EACH_NS, START_LEAD_NS
from driftlab.scenario.plan import MachinePlan, plan_run
from driftlab.scenario.scenario import Scenario


def bare_lateness_of(scenario: Scenario) -> Lateness | None:
    """Run a scenario of whole rates with bare machines; None if they did not finish in time."""
    plans = plan_run(scenario, 1)
    with _listeners(len(plans)) as listeners:
        numbers = [listener.fileno() for listener in listeners]
        program = (sys.executable, "-m", "benchmarks.bare_machine")
        with children([(*program, str(fd)) for fd in numbers], numbers) as machines:
            first_lines = _first_lines(plans, listeners, scenario)
            for machine, line in zip(machines, first_lines, strict=True):
                _write_line(machine, line)
            for machine in machines:
                _read_line(machine)
            start_ns = monotonic_ns() + START_LEAD_NS + START_LEAD_EACH_NS * len(plans)
            for machine in machines:
                _write_line(machine, str(start_ns))
            if not _all_answer(machines, start_ns + scenario.horizon_ns + GRACE_NS):
                return None
            for machine in machines:
                _read_line(machine)  # done
                _write_line(machine, "print")
            return [[int(late) for late in _read_line(machine).split()] for machine in machines]


@contextmanager
def _listeners(count: int) -> Iterator[list[socket.socket]]:
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=count + 8) for _ in range(count)]
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.close()


def _first_lines(
    plans: Sequence[MachinePlan], listeners: Sequence[socket.socket], scenario: Scenario
) -> Iterator[str]:
    ports = [listener.getsockname()[1] for listener in listeners]
    for plan, own in zip(plans, ports, strict=True):
        others = [port for port in ports if port != own]
        phase_ns = plan.schedule.phase_ns
        yield json.dumps([others, scenario.faces, phase_ns, int(plan.rate), plan.ticks])


def _write_line(machine: Popen[str], line: str) -> None:
    assert machine.stdin is not None
    machine.stdin.write(line + "\n")
    machine.stdin.flush()


def _read_line(machine: Popen[str]) -> str:
    assert machine.stdout is not None
    return machine.stdout.readline()


def _all_answer(machines: Sequence[Popen[str]], deadline_ns: int) -> bool:
    """Wait until every machine has printed; return whether that was before the deadline."""
    with DefaultSelector() as selector:
        for machine in machines:
            assert machine.stdout is not None
            selector.register(machine.stdout, EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0, deadline_ns - monotonic_ns()) / 1e9)
            if not ready:
                return False
            for key, _ in ready:
                selector.unregister(key.fileobj)
    return True
