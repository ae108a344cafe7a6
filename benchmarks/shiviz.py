"""ShiViz logs: read and matched, from a thousand events to a million, and as a whole process.

The logs are random executions with right vector clocks, eight processes, half
of whose events receive a message; every clock soon has eight entries.
"""

import subprocess
import sys
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.tables import Cell, Table, progress
from driftlab.analysis.matching import match
from driftlab.trace.formats import read_log

PROCESSES = 8
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
WHOLE = 50_000
WHOLE_SECONDS_TARGET = 1.0
HEADER = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)"
COMMAND = (
    "import sys, driftlab; history = driftlab.read(sys.argv[1]); "
    "print(len(history), len(history.messages.receives))"
)


def measure(quick: bool) -> list[Table]:
    """Measure both and return the tables."""
    repetitions = 3 if quick else 7
    with TemporaryDirectory() as name:
        folder = Path(name)
        sizes = SIZES[:5] if quick else SIZES
        logs = [_write(folder, events) for events in sizes]
        curve = [_row(log, events, repetitions) for log, events in zip(logs, sizes, strict=True)]
        whole = _whole(_write(folder, WHOLE), repetitions)
    return [
        Table(
            "ShiViz logs, read and matched",
            f"Random executions of {PROCESSES} processes, in one process of Python that has "
            f"everything loaded; medians of {repetitions} repetitions.",
            ("events", "MB", "read, s", "match, s", "µs an event"),
            curve,
        ),
        Table(
            f"A ShiViz log of {WHOLE:,} events as a whole process",
            f"`python -c '{COMMAND}' x.log`, start of Python and loading of everything counted; "
            f"{repetitions} repetitions, interleaved with `python -c 'import numpy'`.",
            ("what", "median, s", "least, s", "most, s", "target"),
            whole,
        ),
    ]


def _write(folder: Path, events: int) -> Path:
    """Write a log of a random execution."""
    draw = Random(events)
    vectors = [[0] * PROCESSES for _ in range(PROCESSES)]
    path = folder / f"{events}.log"
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{HEADER}\n\n\n")
        for number in range(events):
            place, sender = draw.randrange(PROCESSES), draw.randrange(PROCESSES)
            vector = vectors[place]
            vector[place] += 1
            if draw.random() < 0.5:
                vector[:] = map(max, vector, vectors[sender])
            clock = ", ".join(f'"machine{at}":{count}' for at, count in enumerate(vector) if count)
            file.write(f"machine{place} {{{clock}}}\nevent {number}\n")
    return path


def _row(log: Path, events: int, repetitions: int) -> tuple[Cell, ...]:
    progress(f"shiviz: {events:,} events")
    reads, matches = [], []
    for _ in range(repetitions):
        begun = perf_counter()
        (trace,) = read_log(log)
        done = perf_counter()
        match(trace)
        reads.append(done - begun)
        matches.append(perf_counter() - done)
    together = (median(reads) + median(matches)) / events * 1e6
    return (events, log.stat().st_size / 1e6, median(reads), median(matches), together)


def _whole(log: Path, repetitions: int) -> list[tuple[Cell, ...]]:
    progress(f"shiviz: {WHOLE:,} events, whole processes")
    times: dict[str, list[float]] = {"read and matched": [], "`import numpy`, nothing else": []}
    for _ in range(repetitions):
        for what, code in zip(times, (COMMAND, "import numpy"), strict=True):
            begun = perf_counter()
            subprocess.run([sys.executable, "-c", code, str(log)], check=True, capture_output=True)
            times[what].append(perf_counter() - begun)
    targets = (f"below {WHOLE_SECONDS_TARGET:g}, judged too", "-")
    return [
        (what, median(each), min(each), max(each), target)
        for (what, each), target in zip(times.items(), targets, strict=True)
    ]
