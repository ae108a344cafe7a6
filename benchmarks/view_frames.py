"""Frames of the diagram page in a headless Chromium without a graphics card.

A scripted view pans over the run while it zooms from the whole into a millionth of it and
back. Beside it, in the same run, an empty page that animates: what the computer takes for a
frame in which nothing is done.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.tables import NONE, Cell, Table, progress
from driftlab.api.history import History
from driftlab.history.matching.messages import NOTHING, Messages
from driftlab.history.trace import ProcessInfo, Trace
from driftlab.model.columns import INTERNAL, NO_TARGET, NOBODY, RECEIVE, SEND, Columns
from driftlab.view.page_server import PageServer
from driftlab.view.served_history import ServedHistory
from driftlab.view.server import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FRAME_MS = 33  # p95, or one display interval above the empty page's
PROCESSOR_MS = 15
SHARP_MS = 250  # p95, up to 100 lanes
PAINT_S = 1.0
MEMORY_MB = 600
CONES_MS = 100
WHY_MS = 150

ANIMATE = """
async ([seconds]) => {
  const frames = [];
  const page = window.driftlabPage;
  const whole = page ? page.whole() : [0, 1];
  const box = page ? null : document.body.appendChild(document.createElement("div"));
  if (box) box.textContent = "■";
  await new Promise((done) => {
    let begun = null, last = null;
    const step = (now) => {
      if (begun === null) begun = now; else frames.push(now - last);
      last = now;
      const share = (now - begun) / 1000 / seconds;
      if (share > 1) return done();
      const span = (whole[1] - whole[0]) * Math.pow(10, -6 * Math.sin(Math.PI * share));
      const middle = whole[0] + (whole[1] - whole[0]) * (0.3 + 0.4 * share);
      if (page) page.show(middle - span / 2, middle + span / 2);
      else box.style.transform = `translateX(${share * 500}px)`;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
  return frames;
}
"""
SHARP = """
async ([jumps]) => {
  const page = window.driftlabPage, pane = page.panes[0], found = [];
  const whole = page.whole(), all = whole[1] - whole[0];
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  for (let jump = 0; jump < jumps; jump++) {
    const span = all * Math.pow(10, -6 * ((jump * 0.618) % 1));
    const middle = whole[0] + all * ((jump * 0.382 + 0.05) % 1);
    const begun = performance.now();
    page.show(middle - span / 2, middle + span / 2);
    await frame(); await frame();
    while (!pane.tiles.isSharp && performance.now() - begun < 5000) await frame();
    found.push(performance.now() - begun);
  }
  return found;
}
"""
ASK = """
async ([calls]) => {
  const engine = window.driftlabPage.runs[0].engine, found = [];
  for (const [names, row] of calls) {
    const begun = performance.now();
    for (const name of names) await engine.call(name, row);
    found.push(performance.now() - begun);
  }
  return found;
}
"""


class _Unjudged(ServedHistory):
    """A history that is shown and not judged, so that the processor has nothing else to do."""

    def judge(self) -> None:
        """Do nothing."""

    @property
    def marks(self) -> Mapping[str, Any]:
        """An empty verdict."""
        return {"headline": "not judged", "holds": None, "violations": [], "undecided": 0}


def measure(quick: bool) -> list[Table]:
    """Return the tables of frames and of answers; none where there is no browser."""
    try:
        from playwright.sync_api import sync_playwright
        from tests.browser.chromium import NoBrowserError, launched
    except ImportError as error:
        progress(f"view-frames: not measured: {error}")
        return []
    events = 200_000 if quick else 10_000_000
    lanes = (3, 16) if quick else (3, 16, 100, 1000)
    frames: list[tuple[Cell, ...]] = []
    answers: list[tuple[Cell, ...]] = []
    with sync_playwright() as playwright:
        try:
            browser = launched(playwright)
        except NoBrowserError as error:
            progress(f"view-frames: not measured: {error}")
            return []
        for count in lanes:
            progress(f"{events} events of {count} lanes")
            shown = _Unjudged("run", lambda count=count: history(events, count))  # type: ignore[misc]
            shown.read_now()
            with _served(shown) as address:
                row, answer = _measured(browser, address, events, count, 2 if quick else 8)
            frames.append(row)
            answers.append(answer)
        browser.close()
    how = (
        "1600 x 900 pixels, headless Chromium without a graphics card. Frame times p50 and p95 of "
        "a scripted pan and zoom over all zooms, beside those of an empty animating page in the "
        "same run. Processor: of the renderer a frame, above the empty page's. Sharp: p95 of 40 "
        "jumps to anywhere. Paint: from the navigation."
    )
    heads = (
        "lanes", "events", "p50, ms", "p95, ms", "empty p50", "empty p95", "processor, ms",
        "sharp p95, ms", "paint, s", "renderer, MB",
    )  # fmt: skip
    target = (
        "target", NONE, NONE, f"{FRAME_MS}", NONE, NONE, f"{PROCESSOR_MS}", f"{SHARP_MS}",
        f"{PAINT_S}", f"{MEMORY_MB}",
    )  # fmt: skip
    return [
        Table("Frames of the diagram page", how, heads, [*frames, target]),
        Table(
            "Past, future and why, asked of the page's engine",
            f"p95 of 60 events spread over the run; targets {CONES_MS} and {WHY_MS} ms.",
            ("lanes", "events", "past and future, ms", "why, ms"),
            answers,
        ),
    ]


def _measured(
    browser: "Browser", address: str, events: int, lanes: int, seconds: float
) -> tuple[tuple[Cell, ...], tuple[Cell, ...]]:
    """Return the row of frames, and the row of answers, of one history."""
    context = browser.new_context(
        viewport={"width": 1600, "height": 900},
        bypass_csp=True,  # to wait for a condition is to evaluate a text
    )
    empty = context.new_page()
    empty.goto("data:text/html,<title>empty</title>")
    empty_frames, empty_ms = _animated(browser, empty, seconds)
    empty.close()
    page = context.new_page()
    page.goto(f"{address}diagram/0/")
    page.wait_for_function("window.driftlabPage?.performance?.painted", timeout=120_000)
    painted = float(page.evaluate("window.driftlabPage.performance.painted")) / 1e3
    page.wait_for_function("window.driftlabPage.panes[0].tiles.isSharp", timeout=120_000)
    times, used = _animated(browser, page, seconds)
    sharp = page.evaluate(SHARP, [40])
    rows = np.linspace(0, events - 1, 60).astype(int).tolist()
    cones = page.evaluate(ASK, [[[["past", "future"], row] for row in rows]])
    whys = page.evaluate(ASK, [[[["why"], row] for row in rows]])
    memory = renderer_memory_mb(browser)
    context.close()
    frame_row = (
        lanes, events, _at(times, 50), _at(times, 95), _at(empty_frames, 50),
        _at(empty_frames, 95), used - empty_ms, _at(sharp, 95), painted, memory,
    )  # fmt: skip
    return frame_row, (lanes, events, _at(cones, 95), _at(whys, 95))


def _at(values: list[float], percent: float) -> float:
    return float(np.percentile(values, percent))


def _animated(browser: "Browser", page: "Page", seconds: float) -> tuple[list[float], float]:
    """Return the frame times of a page that animates, and the renderers' processor ms a frame."""
    page.bring_to_front()
    before = _renderer_seconds(browser)
    frames: list[float] = page.evaluate(ANIMATE, [seconds])
    used = _renderer_seconds(browser) - before
    return frames, used * 1e3 / max(1, len(frames))


def _renderer_seconds(browser: "Browser") -> float:
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return float(sum(each["cpuTime"] for each in processes if each["type"] == "renderer"))


def renderer_memory_mb(browser: "Browser") -> float:
    """Return the memory of the largest renderer, in MB. Linux only; else 0."""
    from pathlib import Path

    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    largest = 0.0
    for each in processes:
        status = Path(f"/proc/{each['id']}/status")
        if each["type"] == "renderer" and status.exists():
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
            largest = max(largest, int(lines.get("RssAnon", "0 kB").split()[0]) / 1024)
    return largest


@contextmanager
def _served(shown: ServedHistory) -> Iterator[str]:
    site = Site({"0": shown})
    server = PageServer(site.app)
    site.is_stopping = lambda: server.is_stopping
    try:
        yield server.address
    finally:
        server.stop()


def history(events: int, lanes: int) -> History:
    """Return a made history: lanes of different rates, a third of their events sends.

    A message is received by the first event of a random other lane that begins some time later
    and receives no other.
    """
    rng = np.random.default_rng(7)
    shares = np.linspace(1, 4, lanes)
    counts = np.maximum(1, (shares / shares.sum() * events).astype(np.int64))
    starts = np.concatenate([[0], np.cumsum(counts)])
    total, end_ns = int(starts[-1]), 10**9 * 600
    time = np.concatenate(
        [np.sort(rng.integers(0, end_ns, count)) for count in counts.tolist()]
    ).astype(np.int64)
    lane_of = np.repeat(np.arange(lanes), counts)
    sends = np.flatnonzero(rng.random(total) < 0.33)
    to = (lane_of[sends] + rng.integers(1, max(2, lanes), len(sends))) % lanes
    sends, to = sends[to != lane_of[sends]], to[to != lane_of[sends]]
    arrive = time[sends] + rng.exponential(5e7, len(sends)).astype(np.int64)
    receives = np.empty(len(sends), np.int64)
    order = np.argsort(to, kind="stable")
    bounds = np.searchsorted(to[order], np.arange(lanes + 1))
    for lane in range(lanes):
        mine = order[bounds[lane] : bounds[lane + 1]]
        receives[mine] = starts[lane] + time[starts[lane] : starts[lane + 1]].searchsorted(
            arrive[mine]
        )
    is_inside = receives < starts[to + 1]
    is_inside &= ~np.isin(receives, sends)
    sends, to, receives = sends[is_inside], to[is_inside], receives[is_inside]
    receives, first = np.unique(receives, return_index=True)
    sends, to = sends[first], to[first]
    kind = np.full(total, INTERNAL, np.uint8)
    kind[sends], kind[receives] = SEND, RECEIVE
    target = np.full(total, NO_TARGET, np.int32)
    target[sends] = to
    source = np.full(total, NOTHING, np.int64)
    source[receives] = sends
    sender = np.full(total, NOBODY, np.int32)
    sender[receives] = lane_of[sends]
    clock = np.empty(total, np.int64)
    clock[np.argsort(time, kind="stable")] = np.arange(1, total + 1)
    trace = Trace(
        [f"m{lane}" for lane in range(lanes)],
        starts,
        Columns(
            kind=kind, clock=clock, target=target, due_ns=time,
            queue=np.abs(np.cumsum(rng.integers(-1, 2, total))) % 50,
        ),
        process_info=[ProcessInfo(rate=float(count) / 600) for count in counts.tolist()],
    )  # fmt: skip
    nothing = np.zeros(0, np.int64)
    return History(trace, messages=Messages(source, sender, nothing, nothing))
