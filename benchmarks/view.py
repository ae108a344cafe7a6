"""The diagram page without a browser: from the command to the columns, files, machines followed.

The frames of the page itself are in `view_frames`.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, time
from urllib.parse import urlsplit

import numpy as np

import driftlab
from benchmarks.tables import NONE, Cell, Table, progress
from driftlab.api.diagram import columns_of
from driftlab.api.history import History
from driftlab.diagram.encoding import container_parts, header_of
from driftlab.diagram.offline import Page, offline_page
from driftlab.scenario.scenario import Scenario

FIRST_S = {"packed": 2.5, "folder": 3.0}  # from the command to the first column, at most
FILE_MB = {1_000_000: 5, 10_000_000: 45}
LATENESS_RATIO = 1.2  # of machines that are followed, to those that are not
NEWEST_MS = 300
STARTED_S = 3  # from the beginning of a run until its server has started, whose start counts apart
DRIFTLAB = [sys.executable, "-m", "driftlab"]


def measure(quick: bool) -> list[Table]:
    """Return the tables of columns and files, of the server, and of machines followed."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        events = 100_000 if quick else 1_000_000
        progress(f"a run of {events} events")
        run = folder / "run"
        driftlab.simulate(scenario_of(events), out=run)
        packed = folder / "run.parquet"
        subprocess.run([*DRIFTLAB, "pack", run, "--out", packed], check=True, capture_output=True)
        return [
            _of_columns(run, quick),
            _of_first(run, packed, 2 if quick else 5),
            _of_followed(folder, quick),
        ]


def scenario_of(events: int) -> Scenario:
    """Return a scenario of 16 machines with about some number of events."""
    rates = [100 + 60 * machine for machine in range(16)]
    return Scenario(rates=rates, seconds=events / sum(rates), seed=9)


# Columns and files.


def _of_columns(run: Path, quick: bool) -> Table:
    histories = [driftlab.read(run)]
    if not quick:
        progress("10,000,000 events in memory")
        simulated = driftlab.simulate_run(scenario_of(10_000_000), record="all")
        histories.append(simulated.history)
    rows: list[tuple[Cell, ...]] = []
    for history in histories:
        progress(f"columns of {len(history)} events")
        begin = perf_counter()
        diagram = columns_of(History(history.trace), "")
        columns_s = perf_counter() - begin
        raw = sum(map(len, container_parts(header_of(diagram), diagram.columns)))
        begin = perf_counter()
        page = len(offline_page([Page(diagram)])) - len(_empty_page(diagram.title))
        rows.append(
            (
                len(history), columns_s, raw / 1e6, perf_counter() - begin, page / 1e6,
                next((f"at most {mb}" for n, mb in FILE_MB.items() if len(history) > n / 2), NONE)
                if not quick else NONE,
            )
        )  # fmt: skip
    how = (
        "Columns: made from the arrays of a history, messages matched among them. Served: the "
        "container as it is. File: what the columns add to the offline page, in base64. The long "
        "run has no arrivals."
    )
    heads = ("events", "columns, s", "served, MB", "file, s", "file, MB", "target, MB")
    return Table("Columns and files of a diagram", how, heads, rows)


def _empty_page(title: str) -> bytes:
    history = driftlab.simulate_run(Scenario(rates=[1, 1], seconds=1), record="all").history
    return offline_page([Page(columns_of(history, title))])


# From the command to the first column.


def _of_first(run: Path, packed: Path, repeats: int) -> Table:
    rows: list[tuple[Cell, ...]] = []
    events = len(driftlab.read(run))
    for kind, path in (("packed", packed), ("folder", run)):
        times = [_first(path) for _ in range(repeats)]
        address, first, all_of_it = (median(each) for each in zip(*times, strict=True))
        rows.append((kind, events, address, first, all_of_it, f"below {FIRST_S[kind]}"))
    how = "Seconds from the start of `driftlab view PATH`; medians, the caches filled."
    heads = ("path", "events", "address printed", "first byte of columns", "all columns", "target")
    return Table("From the command to the columns", how, heads, rows)


def _first(path: Path) -> tuple[float, float, float]:
    """Return when the address was printed, and when the first and all bytes were there, in s."""
    progress(f"view {path.name}")
    begin = perf_counter()
    with viewed("view", path, "--no-browser") as address:
        printed = perf_counter() - begin
        parts = urlsplit(address)
        connection = HTTPConnection(str(parts.hostname), parts.port, timeout=100)
        connection.request("GET", f"{parts.path}diagram/0/data")
        answer = connection.getresponse()
        answer.read(1)
        first = perf_counter() - begin
        answer.read()
        whole = perf_counter() - begin
        connection.close()
    return printed, first, whole


@contextmanager
def viewed(*arguments: str | Path) -> Iterator[str]:
    """Start a command that serves, and yield the address."""
    process = subprocess.Popen([*DRIFTLAB, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


# Machines that are followed.


def _of_followed(folder: Path, quick: bool) -> Table:
    seconds, repeats = (6, 1) if quick else (20, 5)
    rows: list[tuple[Cell, ...]] = []
    followed: list[float] = []
    alone: list[float] = []
    ages: list[float] = []
    for repeat in range(repeats):  # in turn, so that a busy moment hits both
        for is_followed, found in ((False, alone), (True, followed)):
            progress(f"20 machines, {'followed' if is_followed else 'alone'}")
            run = folder / f"run-{repeat}-{is_followed}"
            found.append(_lateness(run, seconds, ages if is_followed else None))
    ratio = median(followed) / median(alone)
    rows.append(("alone", median(alone) / 1e3, 1.0, NONE, NONE))
    newest = float(np.percentile(ages, 95)) if ages else 0.0
    rows.append(
        ("followed", median(followed) / 1e3, ratio, newest, f"below {LATENESS_RATIO}; {NEWEST_MS}")
    )
    how = (
        "20 machines at 100 ticks a second. Lateness: p99 over all machines after the first "
        f"{STARTED_S} s, in which the server starts; median of runs that take turns. Newest: how "
        "old the newest event is that a page has, just before the next frame comes, p95."
    )
    heads = ("machines", "lateness p99, ms", "times alone", "newest, ms", "target")
    return Table("Machines that are followed", how, heads, rows)


def _lateness(run: Path, seconds: int, ages: list[float] | None) -> float:
    """Return the p99 of lateness of a run, microseconds; ages: a page follows, and adds to it."""
    rates = ",".join(["100"] * 20)
    command = [*DRIFTLAB, "run", "--rates", rates, "--seconds", str(seconds), "--out", str(run)]
    process = subprocess.Popen([*command, "--quiet"], stdout=subprocess.DEVNULL)
    frames: list[tuple[float, bytes]] = []
    with nullcontext() if ages is None else _followed(run, frames):
        process.wait()
    if ages is not None:
        ages += _ages(run, frames)
    history = driftlab.read(run)
    late, due = history.trace.columns.late_ns, history.trace.columns.due_ns
    assert late is not None
    assert due is not None
    return float(np.percentile(late[due > STARTED_S * 1e9], 99)) / 1e3


@contextmanager
def _followed(run: Path, frames: list[tuple[float, bytes]]) -> Iterator[None]:
    """Have a server in a process of its own follow a run, and take frames, with their times."""
    while not (run / "scenario.toml").exists() or not any(run.glob("*.log")):
        threading.Event().wait(0.02)
    with viewed("view", run, "--no-browser") as address:
        reader = threading.Thread(target=_read_frames, args=(address, frames))
        reader.start()
        yield
        reader.join(30)


def _read_frames(address: str, frames: list[tuple[float, bytes]]) -> None:
    """Take frames as they come; what is in them is looked at when the run is over."""
    parts = urlsplit(address)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=100)
    connection.request("GET", f"{parts.path}diagram/0/live")
    answer = connection.getresponse()
    while head := answer.read(4):
        frame = answer.read(int.from_bytes(head, "little"))
        frames.append((time(), frame))
    connection.close()


def _ages(run: Path, frames: list[tuple[float, bytes]]) -> list[float]:
    """Return how old the newest event was that a page had, just before each frame came, in ms.

    Before, not after: in between no event gets onto the screen, however old the newest is.
    """
    trace = driftlab.read(run).trace
    when = trace.columns.time_ns
    assert when is not None
    newest_ms, ages = 0.0, []
    for arrived, frame in frames:
        length = int.from_bytes(frame[8:12], "little")
        header = json.loads(frame[12 : 12 + length])
        if newest_ms and "ended" not in header:
            ages.append(arrived * 1e3 - newest_ms)
        for lane, first, count in header["lane_rows"]:
            row = int(trace.starts[lane]) + first + count - 1
            newest_ms = max(newest_ms, float(when[row]) / 1e6)
    return ages
