"""The diagram page from the command to what a user sees: first paint, files, runs that go on.

All in a headless Chromium without a graphics card. Frames over all zooms are in `view_frames`.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event
from time import sleep, time
from typing import TYPE_CHECKING, Any

import numpy as np

import driftlab
from benchmarks.tables import NONE, Cell, Table, progress
from benchmarks.view import DRIFTLAB, scenario_of, viewed
from benchmarks.view_frames import renderer_memory_mb
from driftlab.api.diagram import columns_of
from driftlab.diagram.offline import Page as OfflinePage
from driftlab.diagram.offline import offline_page
from driftlab.history.parquet import pack_trace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MILLION = 1_000_000
COMMAND_S = {"packed": 2.5, "folder": 3.0}  # from the command to the first paint, at most
PAINT_S = 1.0  # from the navigation
FILE_MB = {MILLION: 5, 10 * MILLION: 45}
FILE_S = {MILLION: 1.5, 10 * MILLION: 5.0}
LIVE_SECONDS = 40
LIVE_FRAME_MS = 33
LIVE_AGE_MS = 300
PATIENCE_MS = 120_000
WATCH = """
() => {
  const page = window.driftlabPage, pane = page.panes[0], feed = page.live;
  const seen = (window.seen = { frames: [], ages: [], last: null });
  let newest = null, before = pane.frameTimes.drawn;
  const step = (now) => {
    if (seen.last !== null) seen.frames.push(now - seen.last);
    seen.last = now;
    // What this frame shows was drawn before it: the age of its newest event when it is seen.
    if (pane.frameTimes.drawn !== before && newest !== null) seen.ages.push(Date.now() - newest);
    before = pane.frameTimes.drawn;
    newest = feed.newestMs ?? null;
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}
"""


def measure(quick: bool) -> list[Table]:
    """Return the tables; none where there is no browser."""
    try:
        from playwright.sync_api import sync_playwright
        from tests.browser.chromium import NoBrowserError, launched
    except ImportError as error:
        progress(f"view-pages: not measured: {error}")
        return []
    with sync_playwright() as playwright, TemporaryDirectory() as name:
        try:
            browser = launched(playwright)
        except NoBrowserError as error:
            progress(f"view-pages: not measured: {error}")
            return []
        sizes = (100_000,) if quick else (MILLION, 10 * MILLION)
        tables = [
            *_of_recorded(browser, Path(name), sizes, 1 if quick else 3),
            _of_live(browser, Path(name), 24 if quick else LIVE_SECONDS),
        ]
        browser.close()
    return tables


# Recorded runs: from the command, and as one file.


def _of_recorded(
    browser: "Browser", folder: Path, sizes: tuple[int, ...], repeats: int
) -> list[Table]:
    commands: list[tuple[Cell, ...]] = []
    offline: list[tuple[Cell, ...]] = []
    for size in sizes:
        progress(f"a run of {size} events")
        history = driftlab.simulate_run(scenario_of(size), record="all").history
        packed = folder / f"{size}.parquet"
        pack_trace(history.trace, packed)
        commands.append(_command_row(browser, "packed", packed, len(history), repeats))
        file = folder / f"{size}.html"
        file.write_bytes(offline_page([OfflinePage(columns_of(history, "run"))]))
        offline.append(_file_row(browser, file, len(history), size))
    run = folder / "run"
    driftlab.simulate(scenario_of(min(sizes[0], MILLION)), out=run)
    commands.append(_command_row(browser, "folder", run, len(driftlab.read(run)), repeats))
    return [
        Table(
            "From the command to the first paint",
            "Seconds, medians. Painted: the first lanes with their events, or with their counts "
            "while the rest is read. Complete: every event is there.",
            ("path", "events", "painted after the command", "after the navigation",
             "complete after the command", "targets"),
            commands,
        ),
        Table(
            "One file, opened offline",
            "Seconds from the navigation to the first paint. Requests: those that leave the page.",
            ("events", "file, MB", "painted, s", "renderer, MB", "requests", "targets"),
            offline,
        ),
    ]  # fmt: skip


def _command_row(
    browser: "Browser", kind: str, path: Path, events: int, repeats: int
) -> tuple[Cell, ...]:
    times = []
    for _ in range(repeats):
        progress(f"view {path.name}")
        begun = time()
        with viewed("view", path, "--no-browser") as address, _page(browser) as page:
            page.goto(address, wait_until="commit")
            marks = _marks(page)
        origin = marks["origin"] / 1e3
        painted, complete = marks["painted"] / 1e3, marks["opened"] / 1e3
        times.append((origin + painted - begun, painted, origin + complete - begun))
    targets = f"{COMMAND_S[kind]}; {PAINT_S}"
    return (kind, events, *(median(each) for each in zip(*times, strict=True)), targets)


def _file_row(browser: "Browser", file: Path, events: int, size: int) -> tuple[Cell, ...]:
    progress(f"{file.name} offline")
    requests: list[str] = []
    with _page(browser) as page:
        page.on("request", lambda request: requests.append(request.url))
        page.goto(file.as_uri(), wait_until="commit")
        painted = _marks(page)["painted"] / 1e3
        memory = renderer_memory_mb(browser)
    left = [url for url in requests if not url.startswith(("data:", "blob:", "file:"))]
    known = size in FILE_MB
    targets = f"{FILE_MB[size]} MB; {FILE_S[size]} s; no request" if known else NONE
    return (events, file.stat().st_size / 1e6, painted, memory, len(left), targets)


def _marks(page: "Page") -> dict[str, float]:
    """Return when a page had what, in milliseconds after `origin`, once it has everything."""
    page.wait_for_function("window.driftlabPage?.performance?.painted", timeout=PATIENCE_MS)
    marks: dict[str, float] = page.evaluate(
        "({...driftlabPage.performance, origin: performance.timeOrigin})"
    )
    return marks


@contextmanager
def _page(browser: "Browser") -> Iterator["Page"]:
    context = browser.new_context(
        viewport={"width": 1600, "height": 900},
        bypass_csp=True,  # to wait for a condition is to evaluate a text
    )
    yield context.new_page()
    context.close()


# Runs that go on.


def _of_live(browser: "Browser", folder: Path, seconds: int) -> Table:
    rows = [
        _live_row(browser, "20 machines, 100 ticks a second", _machines(folder / "live", seconds)),
        _live_row(browser, "5,000 events a second, from files", _files(folder, seconds)),
    ]
    how = (
        "Frame times and the age of the newest event on the screen, p50 and p95, while the page "
        "follows and does nothing else. Growth of the renderer: from a third of the time to the "
        "end, beside the bytes of the events that came."
    )
    heads = ("run", "p50, ms", "p95, ms", "newest p50, ms", "newest p95, ms", "grown, MB",
             "events, MB", "targets")  # fmt: skip
    return Table("Runs that go on, in a browser", how, heads, rows)


Started = Callable[[], Any]


def _machines(run: Path, seconds: int) -> tuple[Path, int, Started]:
    """Return a folder, the seconds, and what starts real machines that write there."""
    rates = ",".join(["100"] * 20)
    command = [*DRIFTLAB, "run", "--rates", rates, "--seconds", str(seconds), "--out", str(run)]
    return run, seconds, lambda: subprocess.Popen([*command, "--quiet"], stdout=subprocess.DEVNULL)


def _files(folder: Path, seconds: int) -> tuple[Path, int, Started]:
    """Return a folder, the seconds, and what starts to copy a simulated run there as it went."""
    whole, run = folder / "whole", folder / "fed"
    driftlab.simulate(driftlab.Scenario(rates=[250] * 20, seconds=seconds, seed=4), out=whole)
    command = [sys.executable, "-c", FEED, str(whole), str(run), str(seconds)]
    return run, seconds, lambda: subprocess.Popen(command)


FEED = """
import shutil, sys, time
from pathlib import Path
whole, run, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
texts = {path.name: path.read_bytes().splitlines(keepends=True) for path in whole.glob("*.log")}
run.mkdir()
shutil.copy(whole / "scenario.toml", run)
files = {name: (run / name).open("wb", buffering=0) for name in texts}
begun, written = time.time(), 0.0
while written < 1:
    share = min(1.0, (time.time() - begun) / seconds)
    for name, lines in texts.items():
        files[name].write(b"".join(lines[round(len(lines) * written):round(len(lines) * share)]))
    written = share
    time.sleep(0.02)
"""


def _live_row(browser: "Browser", name: str, what: tuple[Path, int, Started]) -> tuple[Cell, ...]:
    run, seconds, start = what
    targets = f"{LIVE_FRAME_MS}; {LIVE_AGE_MS}"
    progress(name)
    process = start()
    while not (run / "scenario.toml").exists() or not any(run.glob("*.log")):
        Event().wait(0.02)
    with viewed("view", run, "--no-browser") as address, _page(browser) as page:
        page.goto(address)
        page.wait_for_function(
            """window.driftlabPage?.performance
            && (driftlabPage.live.received || !driftlabPage.info.live)""",
            timeout=PATIENCE_MS,
        )
        if not page.evaluate("driftlabPage.info.live"):
            process.wait()
            return (f"{name}: over before the page was there", *[NONE] * 6, targets)
        page.evaluate(WATCH)
        sleep(seconds / 3)
        before, had = renderer_memory_mb(browser), page.evaluate("driftlabPage.live.received")
        sleep(seconds / 3)
        grown = renderer_memory_mb(browser) - before
        came = page.evaluate("driftlabPage.live.received") - had
        seen = page.evaluate("window.seen")
    process.wait()
    frames, ages = np.array(seen["frames"]), np.array(seen["ages"] or [np.nan])
    (p50, p95), (age50, age95) = (np.percentile(each, [50, 95]).tolist() for each in (frames, ages))
    return (name, p50, p95, age50, age95, grown, came * EVENT_BYTES / 1e6, targets)


EVENT_BYTES = 57  # of an event and its message in the engine, with room
