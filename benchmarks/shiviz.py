"""ShiViz logs: read, matched and judged, from 1,000 events to a million, and as a whole process.

The same events as CSV and as JSON lines are checked in turn with them; processor time and
memory of `driftlab check` on each are those of a process of its own.

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
from typing import NamedTuple

from benchmarks.tables import Cell, Table, progress
from driftlab.foreign import read_log
from driftlab.history.matching.match import match
from driftlab.history.matching.repair import repair_names
from driftlab.judge.checker import chosen_rules, judge

PROCESSES = 8
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
WHOLE = 50_000
WHOLE_SECONDS_TARGET = 1.0
PAIRS = 15
PEAK_MB_TARGET = 600
JSON_RATIO_TARGET = 1.5
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
        forms = _forms(logs[-1], sizes[-1], 3 if quick else PAIRS)
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
        Table(
            f"The same {sizes[-1]:,} events in three formats",
            "`driftlab check` as a process of its own, in turn, "
            f"{3 if quick else PAIRS} repetitions; medians of its processor time.",
            ("format", "MB", "processor s", "ratio to ShiViz", "peak MB", "target"),
            forms,
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


def _forms(log: Path, events: int, repetitions: int) -> list[tuple[Cell, ...]]:
    """Check the same events as ShiViz text, CSV and JSON lines in turn."""
    logs = [log, *_write_forms(log)]
    used: list[list[_Used]] = [[] for _ in logs]
    for repetition in range(repetitions):
        progress(f"shiviz: {events:,} events in three formats, {repetition + 1} of {repetitions}")
        for each, path in zip(used, logs, strict=True):
            each.append(_used([sys.executable, "-m", "driftlab", "check", str(path)]))
    rows: list[tuple[Cell, ...]] = []
    for name, path, each in zip(("ShiViz", "CSV", "JSON lines"), logs, used, strict=True):
        seconds = median(one.seconds for one in each)
        pairs = [one.seconds / other.seconds for one, other in zip(each, used[0], strict=True)]
        peak = max(one.peak_mb for one in each)
        target = f"below {PEAK_MB_TARGET} MB; JSON lines at most {JSON_RATIO_TARGET}"
        rows.append((name, path.stat().st_size / 1e6, seconds, median(pairs), peak, target))
    return rows


def _write_forms(log: Path) -> list[Path]:
    """Write the events of a log as CSV and as JSON lines; return the paths."""
    table, lines = log.with_suffix(".csv"), log.with_suffix(".jsonl")
    with (
        log.open(encoding="utf-8") as file,
        table.open("w", encoding="utf-8") as csv,
        lines.open("w", encoding="utf-8") as jsonl,
    ):
        csv.write("host,clock,event\n")
        for _ in range(3):
            next(file)
        for head, text in zip(file, file, strict=True):
            host, _, clock = head.rstrip().partition(" ")
            quoted = clock.replace('"', '""')
            csv.write(f'{host},"{quoted}",{text}')
            jsonl.write(f'{{"host": "{host}", "clock": {clock}, "event": "{text.rstrip()}"}}\n')
    return [table, lines]


class _Used(NamedTuple):
    """What a command took: processor time, its own processes' included, and most memory, MB."""

    seconds: float
    peak_mb: float


def _used(command: list[str]) -> _Used:
    """Run a command and return what it took, as the system counts it.

    A small process starts it: a child begins with the peak of its parent.
    """
    code = (
        "import resource, subprocess, sys; "
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True); "
        "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command], check=True, capture_output=True, text=True
    )
    seconds, peak = done.stdout.split()
    return _Used(float(seconds), int(peak) / (1e6 if sys.platform == "darwin" else 1e3))


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
