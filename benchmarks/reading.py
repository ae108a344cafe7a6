"""Journals into columns beside Polars' CSV reader on the same bytes, `stats` and `pack`.

Both read every column of every line; ours also looks up names and parses
timestamps, the time to nanoseconds and the messages that were found, and checks
every line. Polars leaves names, times and messages as text. `driftlab stats` is
measured beside `driftlab check` of the cheapest rule, as whole processes: both
read the same journals, and what each does besides should cost little. The files
are in the page cache. Memory is the largest resident set of a process of its own.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import polars as pl

import driftlab
from benchmarks.tables import NONE, Cell, Table, compare, progress
from driftlab.api.export import pack
from driftlab.history.run_reader import run_journals
from driftlab.journal import reader

READ_TARGET = 0.5
STATS_TARGET = 1.3
STATS_MACHINES, STATS_SECONDS = 20, 450  # 900,000 events
STATS_PAIRS = 9
HZ = 100
CASES: tuple[tuple[str, int, str, float], ...] = (  # machines, clock, share of the length
    ("20 machines", 20, "lamport", 1.0),
    ("16 machines, vector timestamps", 16, "vector", 0.1),
)
SECONDS, SECONDS_QUICK = 4000, 100
_READ_HEADS = (
    "journals", "megabytes", "million events", "ours, MB/s", "Polars, MB/s", "ratio",
    "of single repetitions", "target",
)  # fmt: skip
_STATS_HEADS = (
    "events", "driftlab stats, s", "driftlab check --only process-order, s", "ratio",
    "of single pairs", "target",
)  # fmt: skip
_PACK_HEADS = ("what", "seconds", "million events a second", "bytes an event", "peak memory, MiB")


def measure(quick: bool) -> list[Table]:
    """Measure everything and return the tables."""
    repetitions = 3 if quick else 5
    rows: list[tuple[Cell, ...]] = []
    with TemporaryDirectory() as name:
        folders = [_simulated(Path(name), case, quick) for case in CASES]
        for (words, *_), folder in zip(CASES, folders, strict=True):
            rows.append(_read_row(words, folder, repetitions))
        packed = _pack_rows(folders[0], Path(name), repetitions)
        stats = _stats_row(Path(name), quick)
    return [
        Table(
            "Reading journals",
            f"All columns, {os.cpu_count()} cores, medians of {repetitions} repetitions, "
            "interleaved with `polars.read_csv` of the same files, after one that is not counted.",
            _READ_HEADS,
            rows,
        ),
        Table(
            "Metrics of a recorded run",
            f"`driftlab stats` beside `driftlab check --only process-order` of the same folder, "
            f"{STATS_MACHINES} machines, whole processes, medians of {STATS_PAIRS} pairs.",
            _STATS_HEADS,
            [stats],
        ),
        Table(
            "Packing",
            "The journals of the first row above: written to one Parquet file, and read into "
            f"memory from either. Seconds are medians of {repetitions}, memory is the peak of a "
            "process that does nothing else, its libraries included.",
            _PACK_HEADS,
            packed,
        ),
    ]


def _simulated(above: Path, case: tuple[str, int, str, float], quick: bool) -> Path:
    words, machines, clock, share = case
    progress(f"reading: simulating {words}")
    seconds = (SECONDS_QUICK if quick else SECONDS) * share
    scenario = driftlab.Scenario(rates=[HZ] * machines, seconds=seconds, clock=clock, seed=1)
    driftlab.simulate(scenario, out=above / clock)
    return above / clock


def _read_row(words: str, folder: Path, repetitions: int) -> tuple[Cell, ...]:
    progress(f"reading: {words}")
    paths = sorted(folder.glob("*.log"))
    size = sum(path.stat().st_size for path in paths) / 1e6
    before, reader.SCAN_BYTES_MIN = reader.SCAN_BYTES_MIN, 0  # type: ignore[misc]
    events = len(run_journals(folder).trace())
    theirs = _polars(paths)
    if theirs != events:
        raise RuntimeError(f"Polars sees {theirs} events, we {events}")
    ours_speed, theirs_speed = [], []
    for _ in range(repetitions):
        ours_speed.append(size / _seconds(lambda: len(run_journals(folder).trace())))
        theirs_speed.append(size / _seconds(lambda: _polars(paths)))
    reader.SCAN_BYTES_MIN = before  # type: ignore[misc]
    found = compare(ours_speed, theirs_speed)
    return (
        words, size, events / 1e6, found.ours, found.bare, found.ratio, found.spread,
        f"at least {READ_TARGET}",
    )  # fmt: skip


def _stats_row(above: Path, quick: bool) -> tuple[Cell, ...]:
    progress("reading: driftlab stats")
    seconds = STATS_SECONDS / 10 if quick else STATS_SECONDS
    scenario = driftlab.Scenario(rates=[HZ] * STATS_MACHINES, seconds=seconds, seed=1)
    driftlab.simulate(scenario, out=above / "stats")
    command = [sys.executable, "-m", "driftlab"]
    stats = [*command, "stats", str(above / "stats")]
    check = [*command, "check", "--only", "process-order", str(above / "stats")]
    _command(check)  # compiles the reader if it is not yet
    pairs = [(_command(stats), _command(check)) for _ in range(STATS_PAIRS)]
    found = compare(*zip(*pairs, strict=True))
    events = int(STATS_MACHINES * HZ * seconds)
    return events, found.ours, found.bare, found.ratio, found.spread, f"at most {STATS_TARGET}"


def _command(words: Sequence[str]) -> float:
    return _seconds(lambda: subprocess.run(words, check=True, capture_output=True))


def _polars(paths: Sequence[Path]) -> int:
    """Read all columns as Polars does, and count the rows."""
    frames = [
        pl.read_csv(path, separator="\t", has_header=False, comment_prefix="#", quote_char=None)
        for path in paths
    ]
    return sum(len(frame) for frame in frames)


def _pack_rows(folder: Path, above: Path, repetitions: int) -> list[tuple[Cell, ...]]:
    progress("reading: packing")
    size = sum(path.stat().st_size for path in folder.glob("*.log"))
    file = above / "run.parquet"
    events = pack(folder, file)[0].events
    packing = [_packing(folder, above / f"{number}.parquet") for number in range(repetitions)]
    reading = [_seconds(lambda: len(driftlab.read(file))) for _ in range(repetitions)]
    journal = [_seconds(lambda: len(driftlab.read(folder))) for _ in range(repetitions)]
    rows: list[tuple[Cell, ...]] = []
    for words, seconds, taken, code in (
        ("driftlab pack", packing, NONE, "driftlab.pack({folder!r}, {out!r})"),
        ("read the file", reading, file.stat().st_size / events, "driftlab.read({file!r})"),
        ("read the journals", journal, size / events, "driftlab.read({folder!r})"),
    ):
        middle = sorted(seconds)[len(seconds) // 2]
        text = code.format(folder=str(folder), file=str(file), out=str(above / "peak.parquet"))
        rows.append((words, middle, events / 1e6 / middle, taken, _peak_mib(text)))
    rows.append(("only the libraries", NONE, NONE, NONE, _peak_mib("driftlab.read")))
    return rows


def _packing(folder: Path, file: Path) -> float:
    seconds = _seconds(lambda: pack(folder, file))
    file.unlink()
    return seconds


def _seconds(work: Callable[[], Any]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def _peak_mib(code: str) -> float:
    """Return the largest resident set of a Python process that does this, in MiB. Linux only."""
    peak_rss = "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    words = [sys.executable, "-c", f"import driftlab, numba, polars; {code}; {peak_rss}"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-2]) / 1024
