"""The C reference: compile it, give it a run, read its digest and its time."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from driftlab.model.random_streams import Purpose, stream
from driftlab.network.latency import Latency, logarithms
from driftlab.scenario.plan import schedule_of
from driftlab.scenario.scenario import Scenario
from driftlab.simulator.compiled.memory_layout import allocate

SOURCE = Path(__file__).parent / "reference.c"
KINDS = {"none": 0, "fixed": 1, "uniform": 2, "exponential": 3}


class ReferenceRun(NamedTuple):
    """The result of the C program."""

    digest: int
    ticks: int
    seconds: float


def compile_reference(folder: str) -> str:
    program = str(Path(folder) / "reference")
    flags = ["-O3", "-march=native", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["gcc", *flags, "-o", program, str(SOURCE)], check=True)
    return program


def reference_input(scenario: Scenario, number: int, *, recorded: bool = False) -> str:
    """Return a run as the C program reads it, with the compiled engine's windows and buckets."""
    arena = allocate(scenario, number)
    run, latency = arena.run, scenario.message_latency
    names = ("one_below", "all_below", "by_sender", "horizon", "period", "window", "shift")
    plan = [schedule_of(scenario, number, i, r) for i, r in enumerate(scenario.rates_of(number))]
    ticks = sum(schedule.ticks_before(scenario.horizon_ns) for schedule in plan)
    head = [
        scenario.size, *(int(run[name]) for name in names),
        len(arena.window.buckets), len(arena.window.dues),
        KINDS[latency.kind], latency.first, _second(latency), int(recorded), ticks,
    ]  # fmt: skip
    lines = [" ".join(map(str, head))]
    for i, schedule in enumerate(plan):
        keys = [stream(scenario.seed, number, i, p) for p in (Purpose.DIE, Purpose.LATENCY)]
        cursor = [int(arena.cursors[i][name]) for name in ("whole", "part", "rate")]
        lines.append(" ".join(map(str, [*keys, schedule.phase_ns, *cursor])))
    if latency.kind == "exponential":
        lines.append(" ".join(map(str, logarithms())))
    return "\n".join(lines) + "\n"


def run_reference(program: str, text: str) -> ReferenceRun:
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    digest, ticks, nanoseconds = map(int, done.stdout.split())
    return ReferenceRun(digest, ticks, nanoseconds / 1e9)


def _second(latency: Latency) -> int:
    return latency.second - latency.first + 1 if latency.kind == "uniform" else latency.second
