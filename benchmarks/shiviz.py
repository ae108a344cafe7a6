"""ShiViz logs: read, matched and judged, from 1,000 events to a million, and as a whole process.

The logs are random executions of eight processes with correct vector clocks. Half
of the events receive a message, so every clock soon has eight entries.
"""

import subprocess
import sys
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.tables import Cell, Table, progress
from driftlab.foreign import read_log
from driftlab.history.matching.match import match
from driftlab.history.matching.repair import repair_names
from driftlab.judge.checker import chosen_rules, judge

PROCESSES = 8
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
WHOLE = 50_000
WHOLE_SECONDS_TARGET = 1.0
HEADER = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)"


def measure(quick: bool) -> list[Table]:
    """Measure reading, matching and judging, and the whole command; return the tables.

    `quick`: fewer sizes and repetitions.
    """
    repetitions = 3 if quick else 7
    with TemporaryDirectory() as name:
        folder = Path(name)
        sizes = SIZES[:5] if quick else SIZES
        logs = [_write(folder, events) for events in sizes]
        curve = [_row(log, events, repetitions) for log, events in zip(logs, sizes, strict=True)]
        whole = _whole(_write(folder, WHOLE), repetitions)
    return [
        Table(
            "ShiViz logs, read, matched and judged",
            f"Random executions of {PROCESSES} processes, in one Python process that has "
            f"everything loaded; medians of {repetitions} repetitions.",
            ("events", "MB", "read, s", "match, s", "judge, s", "µs an event"),
            curve,
        ),
        Table(
            f"A ShiViz log of {WHOLE:,} events as a whole process",
            "Start of Python and loading of everything counted; "
            f"{repetitions} repetitions, in turn.",
            ("what", "median, s", "least, s", "most, s", "target"),
            whole,
        ),
    ]


def _write(folder: Path, events: int) -> Path:
    """Write a log of a random execution of so many events into a folder; return its path."""
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
    reads, matches, judges = [], [], []
    for _ in range(repetitions):
        begun = perf_counter()
        (trace,) = read_log(log)
        done = perf_counter()
        messages = match(trace)
        matched = perf_counter()
        if not judge(trace, repair_names(trace), messages, chosen_rules()).holds:
            raise RuntimeError(f"{log}: is not judged to hold")
        judges.append(perf_counter() - matched)
        reads.append(done - begun)
        matches.append(matched - done)
    parts = [median(each) for each in (reads, matches, judges)]
    return (events, log.stat().st_size / 1e6, *parts, sum(parts) / events * 1e6)


def _whole(log: Path, repetitions: int) -> list[tuple[Cell, ...]]:
    progress(f"shiviz: {WHOLE:,} events, whole processes")
    check, import_numpy = "`driftlab check x.log`", "`python -c 'import numpy'`"
    commands = {check: ["-m", "driftlab", "check", str(log)], import_numpy: ["-c", "import numpy"]}
    times: dict[str, list[float]] = {check: [], import_numpy: []}
    for _ in range(repetitions):
        for what, command in commands.items():
            begun = perf_counter()
            subprocess.run([sys.executable, *command], check=True, capture_output=True)
            times[what].append(perf_counter() - begun)
    targets = (f"below {WHOLE_SECONDS_TARGET:g}", "-")
    return [
        (what, median(each), min(each), max(each), target)
        for (what, each), target in zip(times.items(), targets, strict=True)
    ]
