"""A sweep and a study as whole processes: the phase diagram, and the assignment's conditions.

The phase diagram: all 216 triples of rates from 1 to 6 with four dice, 1,000 runs of a
minute each, written to a file. Beside it what the compiled engine does with many equal
short runs (see `simulator.many_table`), on as many cores.
"""

import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.tables import Cell, Table, compare, progress
from driftlab.scenario.scenario import Scenario
from driftlab.simulator.compiled.engine import simulate_runs

PHASE_TARGET = 0.5
STUDY_TARGET = 10
RATES, DICE = "1..6,1..6,1..6", "3,4,5,10"
TICKS_A_DIE = 216 * 630 * 1_000  # the mean of three rates is 3.5
BARE = "import numpy, polars, altair, vl_convert"


def measure(quick: bool) -> list[Table]:
    """Measure both and return the tables."""
    return [phase_table(quick), study_table(quick)]


def phase_table(quick: bool) -> Table:
    """Compare the sweep of the phase diagram with equal short runs."""
    repetitions, dice = (2 if quick else 7), DICE
    rows: list[tuple[Cell, ...]] = []
    for cores in (1, 2):
        progress(f"sweep: phase diagram, {cores} cores")
        pairs = [(_phase(cores, dice), _lockstep(cores)) for _ in range(repetitions + 1)][1:]
        found = compare([ours for ours, _ in pairs], [bare for _, bare in pairs])
        rows.append((
            cores, found.ours, found.bare, found.ratio, found.spread, f"at least {PHASE_TARGET}",
        ))  # fmt: skip
    return Table(
        "Phase diagram",
        "`driftlab sweep` of all 216 triples of rates from 1 to 6 with the dice "
        f"{dice}, 1,000 runs of a minute each, the whole process with its file; beside it "
        "100,000 runs of a minute of 6,3,1 by the compiled engine, the call alone. Million ticks "
        f"a second, interleaved, medians of {repetitions} after one that is not counted.",
        ("cores", "sweep", "engine", "ratio", "of single repetitions", "target"),
        rows,
    )


def _phase(cores: int, dice: str) -> float:
    with TemporaryDirectory() as folder:
        out = str(Path(folder) / "phase.parquet")
        seconds = _seconds(
            [
                "-m", "driftlab", "sweep", "--over", f"rates={RATES}", "--over", f"faces={dice}",
                "--runs", "1000", "--workers", str(cores), "--out", out, "--quiet",
            ]
        )  # fmt: skip
    return TICKS_A_DIE * (dice.count(",") + 1) / seconds / 1e6


def _lockstep(cores: int) -> float:
    begun = perf_counter()
    simulate_runs(Scenario(rates=(6, 3, 1), seconds=60, runs=100_000), cores=cores)
    return 60_000_000 / (perf_counter() - begun) / 1e6


def study_table(quick: bool) -> Table:
    """Compare the simulated study of the assignment with the import of the libraries."""
    repetitions = 3 if quick else 9
    progress("study: assignment")
    ours, bare = [], []
    with TemporaryDirectory() as folder:
        for number in range(repetitions + 1):
            out = str(Path(folder) / str(number))
            words = ["-m", "driftlab", "study", "assignment", "--simulated", "--out", out]
            ours.append(_seconds([*words, "--quiet"]))
            bare.append(_seconds(["-c", BARE]))
    found = compare(ours[1:], bare[1:])
    return Table(
        "Study of the assignment",
        "`driftlab study assignment --simulated` (3 conditions of 400 runs) as a whole process, "
        f'beside `python -c "{BARE}"`; interleaved, medians of {repetitions} after one that is '
        "not counted.",
        ("study, s", "import, s", "ratio", "of single repetitions", "target"),
        [(median(ours[1:]), found.bare, found.ratio, found.spread, f"below {STUDY_TARGET}")],
    )


def _seconds(arguments: list[str]) -> float:
    begun = perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - begun
