"""What the compiled engine costs before its first tick, and when it is chosen all the same."""

import json
import os
import subprocess
from statistics import median
from sys import executable
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.tables import NONE, Cell, Table, compare, progress

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
CHOICE = """
import json, sys
from time import perf_counter
import driftlab
from driftlab.api import simulate as api
engine, runs, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if engine != "chosen":
    api.choose_engine = lambda *scenario, **options: engine
times = []
for _ in range(2):
    begun = perf_counter()
    for number in range(1, calls + 1):
        driftlab.simulate(
            driftlab.Scenario(rates=[6, 6, 1], seconds=60, runs=runs, first_run=number)
        )
    times.append(perf_counter() - begun)
print(json.dumps(times))
"""
ENGINES = ("chosen", "general", "processes", "compiled")
RUNS = (1, 20, 100, 200, 384, 385, 1_000, 10_000)
SLOW_RUNS_MAX = 1_000  # more take the general engine long, and are never its
CALLS = 200
CASES = {
    "figures": PROGRAM.format(latency="none", call=FIGURES),
    "figures, latency": PROGRAM.format(latency="exponential:0.1", call=FIGURES),
    "history": PROGRAM.format(latency="none", call=HISTORY),
    "history, latency": PROGRAM.format(latency="exponential:0.1", call=HISTORY),
}


def start_table(quick: bool) -> Table:
    """Time whole processes that simulate one minute of 6,3,1: figures alone, and the history."""
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


def choice_table(quick: bool) -> Table:
    """Time `driftlab.simulate` against the number of runs, with the engine chosen and with each."""
    repetitions = 1 if quick else 7
    rows: list[tuple[Cell, ...]] = []
    for runs in RUNS:
        progress(f"simulator: choice of the engine, {runs} runs")
        rows.append(_choice_row(f"{runs:,}", runs, 1, repetitions))
    progress(f"simulator: choice of the engine, {CALLS} calls")
    rows.append(_choice_row(f"{CALLS} calls of 1", 1, CALLS, repetitions))
    return Table(
        "Choice of the engine",
        "`driftlab.simulate` of minutes of 6,6,1, 780 ticks each, with the compiled code kept "
        "from before: the first call in a process, with the engine that it chooses and with each "
        "alone, and the same call once more. To the best: the time with the chosen engine to the "
        f"least of the three, medians of {repetitions}, in turn.",
        (
            "runs", "first call, ms", "general", "processes", "compiled", "to the best",
            "second call, ms", "general ", "processes ", "compiled ", "to the best ",
        ),
        rows,
    )  # fmt: skip


def _choice_row(words: str, runs: int, calls: int, repetitions: int) -> tuple[Cell, ...]:
    """Time each engine; one that would take very long is left out."""
    engines = [
        name for name in ENGINES
        if not (name in ("general", "processes") and runs > SLOW_RUNS_MAX)
        and not (name == "processes" and runs == 1)
    ]  # fmt: skip
    times: dict[str, list[list[float]]] = {name: [] for name in engines}
    for _ in range(repetitions):
        for name in engines:
            command = [executable, "-c", CHOICE, name, str(runs), str(calls)]
            done = subprocess.run(command, capture_output=True, check=True, text=True)
            times[name].append(json.loads(done.stdout))
    cells: list[Cell] = [words]
    for call in (0, 1):
        found = {name: median(one[call] * 1e3 for one in times[name]) for name in engines}
        best = min(found[name] for name in engines[1:])
        cells += [found.get(name, NONE) for name in ENGINES]
        cells.append(found["chosen"] / best)
    return tuple(cells)
