"""A million machines in one simulation: memory and speed of a process that does nothing else.

Memory is the peak resident set (VmHWM, Linux only: getrusage would include the
process that started this one) above that after three machines, per machine.
"""

import json
import subprocess
from statistics import median
from sys import executable
from typing import Any

from benchmarks.tables import Cell, Table, progress

MACHINES = 1_000_000
BYTES_TARGET = 300
SPEED_TARGET = 2  # million ticks a second
SENDING = {"send_one": 0.3}
CASES: dict[str, dict[str, Any]] = {
    "mesh": {**SENDING},
    "ring": {**SENDING, "topology": "ring"},
    "ring, latency": {**SENDING, "topology": "ring", "latency": "fixed:0.1"},
}
PROGRAM = """
import json, re, sys, time
from pathlib import Path
from driftlab.simulator.compiled.engine import simulate_runs
from driftlab.scenario.scenario import Scenario
keys, machines = json.loads(sys.argv[1]), int(sys.argv[2])
status = Path("/proc/self/status")
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) * 1024
simulate_runs(Scenario(machines=3, **keys))
base, begun = peak(), time.perf_counter()
figures = simulate_runs(Scenario(machines=machines, **keys))
passed = time.perf_counter() - begun
ticks = int(figures.internal.sum() + figures.send.sum() + figures.receive.sum())
print(json.dumps([(peak() - base) / machines, ticks / passed / 1e6, ticks]))
"""


def million_table(quick: bool) -> Table:
    """Measure memory and time of a million machines in a mesh and in a ring."""
    machines, seconds, repetitions = (100_000, 3, 1) if quick else (MACHINES, 6, 3)
    return Table(
        "A million machines",
        f"{machines:,} machines with whole rates drawn from 1 to 6, {seconds} s of scenario time, "
        "send_one 0.3; the whole call. Memory: peak resident set above that after a run of 3 "
        f"machines. A new process each time, medians of {repetitions}.",
        ("links", "ticks", "bytes a machine", "target", "million ticks a second", "target "),
        [_row(words, machines, seconds, repetitions) for words in CASES],
    )


def _row(words: str, machines: int, seconds: int, repetitions: int) -> tuple[Cell, ...]:
    progress(f"simulator: {machines:,} machines, {words}")
    keys = json.dumps({**CASES[words], "seconds": seconds})
    command = [executable, "-c", PROGRAM, keys, str(machines)]
    found = [
        json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
        for _ in range(repetitions)
    ]
    weight, speed = (median(one[k] for one in found) for k in (0, 1))
    return (
        words, int(found[0][2]), weight, f"below {BYTES_TARGET}", speed, f"at least {SPEED_TARGET}"
    )  # fmt: skip
