"""`driftlab plot` of a one-minute run, next to importing the libraries that draw; long runs.

The target is that of whole processes, from their start to their end. A long run is drawn
from columns in memory: its figures are made, not written.
"""

import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

import driftlab
from benchmarks.tables import NONE, Cell, Table, progress
from driftlab.figures.run_figures import run_figures
from driftlab.history.trace import ProcessInfo, Trace
from driftlab.model.columns import Columns

TIMES_TARGET = 3  # the time of importing the libraries
IMPORTS = "import altair, vl_convert"
LONG_NAMES = ("clock", "drift", "jumps", "queue")


def measure(quick: bool) -> list[Table]:
    """Return the tables of short runs, as whole processes, and of long ones, in memory."""
    return [_of_processes(3 if quick else 9), _of_long_runs(1_000_000 if quick else 10_000_000)]


def _seconds(command: Sequence[str], folder: Path) -> tuple[float, float]:
    """Return the elapsed and the processor time of a process."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return perf_counter() - begin, used


def _of_processes(repeats: int) -> Table:
    plot = [sys.executable, "-m", "driftlab", "plot", "run", "--overwrite"]
    commands = {
        f"python -c '{IMPORTS}'": [sys.executable, "-c", IMPORTS],
        "driftlab plot RUN (a page of 8 figures)": plot,
        "driftlab plot RUN queue (SVG)": [*plot, "queue"],
        "driftlab plot RUN --out x.svg (8 figures)": [*plot, "--out", "x.svg"],
        "driftlab plot RUN --out x.png (8 figures)": [*plot, "--out", "x.png"],
    }
    rows: list[tuple[Cell, ...]] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        scenario = driftlab.Scenario(rates=[6, 3, 1], seconds=60, seed=1)
        driftlab.simulate(scenario, out=folder / "run")
        for command in commands.values():
            _seconds(command, folder)  # the caches are filled
        times: dict[str, list[tuple[float, float]]] = {title: [] for title in commands}
        for _ in range(repeats):  # in turn, so that a busy moment hits all
            for title, command in commands.items():
                progress(title)
                times[title].append(_seconds(command, folder))
    base = [median(each) for each in zip(*next(iter(times.values())), strict=True)]
    for title, found in times.items():
        elapsed, used = (median(each) for each in zip(*found, strict=True))
        target = f"below {TIMES_TARGET}" if title.startswith("driftlab plot RUN (") else NONE
        ratios = elapsed / base[0], used / base[1]
        rows.append((title, elapsed * 1e3, ratios[0], used * 1e3, ratios[1], target))
    how = "A run of one minute; medians of processes started in turn, the caches filled."
    heads = ("process", "ms", "times import", "processor ms", "times import's", "target")
    return Table("Plots", how, heads, rows)


def _of_long_runs(events: int) -> Table:
    progress(f"{events} events")
    machines, rng = 4, np.random.default_rng(1)
    each = events // machines
    clock = [np.cumsum(rng.integers(1, 4, each)) for _ in range(machines)]
    queue = [np.abs(np.cumsum(rng.integers(-1, 2, each))) for _ in range(machines)]
    trace = Trace(
        list("ABCD"),
        np.arange(machines + 1) * each,
        Columns(
            kind=rng.integers(0, 3, each * machines).astype(np.uint8),
            clock=np.concatenate(clock),
            queue=np.concatenate(queue),
            due_ns=np.concatenate([np.arange(each) * 1_000_000] * machines),
        ),
        process_info=[ProcessInfo(rate=1000.0, simulated=True, from_start=True)] * machines,
    )
    rows: list[tuple[Cell, ...]] = []
    for name in LONG_NAMES:
        begin = perf_counter()
        [figure] = run_figures(trace, names=[name])
        rows.append((name, (perf_counter() - begin) * 1e3, len(figure.data)))
    how = f"Figures of {events:,} events of {machines} machines, from columns in memory."
    return Table("Long runs", how, ("figure", "ms", "rows drawn"), rows)
