"""The C floor: compile it, hand it a run, read back its digest and its time."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from driftlab.model.random_streams import Purpose, stream
from driftlab.network.latency import Latency, logarithms
from driftlab.scenario.plan import schedule_of
from driftlab.scenario.scenario import Scenario
from driftlab.simulator.compiled.memory_layout import allocate

SOURCE = Path(__file__).parent / "floor.c"
KINDS = {"none": 0, "fixed": 1, "uniform": 2, "exponential": 3}


class Floor(NamedTuple):
    """What the C program gave back."""

    digest: int
    ticks: int
    seconds: float


def compile_floor(folder: str) -> str:
    program = str(Path(folder) / "floor")
    flags = ["-O3", "-march=native", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["gcc", *flags, "-o", program, str(SOURCE)], check=True)
    return program


def floor_text(scenario: Scenario, number: int, *, recorded: bool = False) -> str:
    """Return a run as the C program reads it: the same layout as the compiled engine's."""
    space = allocate(scenario, number)
    run, latency = space.run, scenario.message_latency
    names = ("one_below", "all_below", "by_sender", "horizon", "period", "window", "shift")
    plan = [schedule_of(scenario, number, i, r) for i, r in enumerate(scenario.rates_of(number))]
    ticks = sum(schedule.ticks_before(scenario.horizon_ns) for schedule in plan)
    head = [
        scenario.size, *(int(run[name]) for name in names),
        len(space.window.buckets), len(space.window.dues),
        KINDS[latency.kind], latency.first, _second(latency), int(recorded), ticks,
    ]  # fmt: skip
    lines = [" ".join(map(str, head))]
    for i, schedule in enumerate(plan):
        keys = [stream(scenario.seed, number, i, p) for p in (Purpose.DIE, Purpose.LATENCY)]
        cursor = [int(space.cursors[i][name]) for name in ("whole", "part", "rate")]
        lines.append(" ".join(map(str, [*keys, schedule.phase_ns, *cursor])))
    if latency.kind == "exponential":
        lines.append(" ".join(map(str, logarithms())))
    return "\n".join(lines) + "\n"


def run_floor(program: str, text: str) -> Floor:
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    digest, ticks, nanoseconds = map(int, done.stdout.split())
    return Floor(digest, ticks, nanoseconds / 1e9)


def _second(latency: Latency) -> int:
    return latency.second - latency.first + 1 if latency.kind == "uniform" else latency.second
