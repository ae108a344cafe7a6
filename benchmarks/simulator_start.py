"""What the compiled engine costs before its first tick: importing it, loading it, compiling it."""

import os
import subprocess
from sys import executable
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.tables import Cell, Table, compare, progress

PROGRAM = """
from driftlab.scenario.scenario import Scenario
from driftlab.simulator.compiled.engine import record_run, simulate_runs
scenario = Scenario(rates=[6, 3, 1], seconds=60, latency={latency!r})
{call}
"""
FIGURES = "simulate_runs(scenario)"
HISTORY = "record_run(scenario, 1)"
GENERAL = """
from driftlab.api.simulate import simulate
from driftlab.scenario.scenario import Scenario
simulate(Scenario(rates=[6, 3, 1], seconds=60))
"""
CASES = {
    "figures": PROGRAM.format(latency="none", call=FIGURES),
    "figures, latency": PROGRAM.format(latency="exponential:0.1", call=FIGURES),
    "history": PROGRAM.format(latency="none", call=HISTORY),
    "history, latency": PROGRAM.format(latency="exponential:0.1", call=HISTORY),
}


def start_table(quick: bool) -> Table:
    """Time whole processes that simulate one minute of the notes, with nothing kept and all."""
    repetitions = 1 if quick else 5
    rows: list[tuple[Cell, ...]] = []
    for words, program in CASES.items():
        progress(f"simulator: start, {words}")
        with TemporaryDirectory() as folder:
            cold = _seconds(program, folder)
            warm = [_seconds(program, folder) for _ in range(repetitions)]
            general = [_seconds(GENERAL, folder) for _ in range(repetitions)]
        found = compare(warm, general)
        rows.append((words, cold, found.ours, found.bare, found.ratio))
    return Table(
        "Start of the compiled engine",
        "A whole process that simulates one minute of 6,3,1: with nothing compiled yet (one "
        "time), with the compiled code kept from before, and with the general engine; medians of "
        f"{repetitions}.",
        ("what", "compiling, s", "compiled before, s", "general engine, s", "ratio"),
        rows,
    )


def _seconds(program: str, folder: str) -> float:
    environment = {**os.environ, "XDG_CACHE_HOME": folder}
    begun = perf_counter()
    subprocess.run([executable, "-c", program], env=environment, check=True)
    return perf_counter() - begun
