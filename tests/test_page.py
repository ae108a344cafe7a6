"""The diagram page in a real browser: what is drawn, every interaction, and who is refused.

One browser and one server serve all tests. What the page says of causes, cuts and chains is
held against the Python library's answer about the same run.
"""

import base64
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import driftlab
from driftlab.api.diagram import columns_of
from driftlab.api.history import History
from driftlab.api.read import read
from driftlab.cli.main import main
from driftlab.diagram import overview
from driftlab.diagram.overview import overview_of
from driftlab.model.columns import RECEIVE
from driftlab.view.bench import RunBench
from driftlab.view.served_history import ServedHistory
from tests.browser.chromium import NoBrowserError, launched
from tests.browser.shown_page import ShownPage
from tests.served import Client, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

BLUE = (0, 114, 178)  # of the first machine, in figures too
WIDE: Any = {"width": 1280, "height": 800}
SIZES = {
    "1280x800": (1280, 800, 1), "1600x900": (1600, 900, 1), "phone": (390, 844, 2),
    "zoomed to 200 %": (640, 400, 2),
}  # fmt: skip
MARKUP = """process,kind,clock,event,time
<img src=x onerror=alert(1)>,send,1,<b>bold</b>,0
"B""><script>alert(2)</script>",receive,2,got <i>it</i>,5
"""


class Site(NamedTuple):
    """What is served: addresses of runs by name, and the runs themselves."""

    client: Client
    folder: Path
    histories: dict[str, History]

    @property
    def base(self) -> str:
        return f"http://{self.client.host}:{self.client.port}{self.client.base}"

    def address(self, run: str, view: str = "") -> str:
        return f"{self.base}diagram/{run}/" + (f"#{view}" if view else "")


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    playwright = pytest.importorskip("playwright.sync_api", reason="install playwright")
    with playwright.sync_playwright() as started:
        try:
            browser = launched(started)
        except NoBrowserError as error:
            pytest.skip(str(error))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("runs")
    variants: dict[str, dict[str, Any]] = {
        "standard": {"seed": 4},
        "other": {"seed": 4, "rates": [6, 3, 2]},
        "dense": {"rates": [200, 150, 100, 50], "seconds": 60, "seed": 2},
    }
    for name, more in variants.items():
        keys: dict[str, Any] = {"rates": [6, 3, 1], "seconds": 60, **more}
        driftlab.simulate(driftlab.Scenario(**keys), out=folder / name)
    violated(folder / "standard", folder / "violated")
    names = ("standard", "other", "dense", "violated")
    histories = {name: read(folder / name) for name in names}
    with served({}, RunBench(folder)) as client:
        yield Site(client, folder, histories)


def violated(folder: Path, copy: Path) -> None:
    """Copy a run in which three receives of B have a clock below that of their send."""
    shutil.copytree(folder, copy)
    lines = (copy / "B.log").read_text().splitlines()
    changed = 0
    for number, line in enumerate(lines):
        fields = line.split("\t")
        if changed < 3 and len(fields) > 8 and fields[4] == "receive" and int(fields[6]) > 60:
            fields[8] = str(int(fields[6]) - 2)
            lines[number] = "\t".join(fields)
            changed += 1
    (copy / "B.log").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def context(browser: "Browser") -> Iterator["BrowserContext"]:
    context = browser.new_context(viewport=WIDE, color_scheme="light")
    yield context
    context.close()


@pytest.fixture(scope="module")
def one_page(context: "BrowserContext") -> ShownPage:
    return ShownPage(context)


@pytest.fixture
def page(one_page: ShownPage) -> Iterator[ShownPage]:
    """The page that all tests share; it must never have thrown, nor opened a dialog."""
    one_page.requests.clear()
    yield one_page
    assert one_page.problems == []


@contextmanager
def page_of(browser: "Browser", *paths: Path) -> Iterator[ShownPage]:
    """Serve one path, or two one above the other, and yield a page that shows them."""
    shown = {
        str(number): ServedHistory(path.name, partial(read, path))
        for number, path in enumerate(paths)
    }
    context = browser.new_context(viewport=WIDE)
    with served(shown) as client:
        page = ShownPage(context)
        yield page.open(f"http://{client.host}:{client.port}{client.base}diagram/0/")
        assert page.problems == []
    context.close()


def row_of(history: History, lane: int, index: int) -> int:
    return int(history.trace.starts[lane]) + index


# What is drawn.


def test_lanes_events_and_arrows_are_drawn_in_the_colours_of_the_figures(
    page: ShownPage, site: Site
) -> None:
    page.open(site.address("standard", "span=1e10_1.6e10"))
    assert page.text("#title") == "standard"
    assert [page.text(f".lane:nth-child({n}) .label") for n in (1, 2, 3)] == ["A", "B", "C"]
    trace = site.histories["standard"].trace
    sends = [row for row in range(60, 90) if trace.columns.kind[row] == 1]
    assert page.pixel(*page.place(sends[0])) == BLUE
    assert "every event drawn" in page.text("#status")
    assert f"{int(trace.starts[-1])} events" in page.text("#status")


def test_a_dense_run_counts_every_event_and_is_sharp_when_near(page: ShownPage, site: Site) -> None:
    page.open(site.address("dense"))
    assert page.js("driftlabPage.panes[0].tiles.level") != "exact"
    assert page.coloured() > 10_000
    page.js("driftlabPage.show(30e9, 31e9)")
    assert page.settle().js("driftlabPage.panes[0].tiles.level") == "exact"


WRITTEN = """
  window.written = new Map();
  const write = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    const half = this.measureText(text).width / 2;
    const all = window.written.get(this.canvas) ?? [];
    window.written.set(this.canvas, [...all, { text, x, y: Math.round(y), half }]);
    return write.call(this, text, x, y);
  };
"""
ACROSS = """() => {
  const tiles = [...driftlabPage.panes[0].tiles.tiles.values()].sort((a, b) => a.begin - b.begin);
  const found = [];
  tiles.forEach((tile, i) => {
    const next = tiles[i + 1];
    if (!next || Math.abs(next.begin - tile.end) > 1e-6 * (tile.end - tile.begin)) return;
    const over = (canvas, edge) => (window.written.get(canvas) ?? [])
      .filter((one) => Math.abs(one.x - edge) < one.half - 0.5)
      .map((one) => `${one.text} at ${Math.round(one.x - edge)}, ${one.y}`).sort();
    found.push([over(tile.canvas, tile.canvas.width), over(next.canvas, 0)]);
  });
  return found;
}"""


def test_no_clock_is_cut_where_two_tiles_meet(browser: "Browser", tmp_path: Path) -> None:
    log = tmp_path / "large.csv"
    lines = [
        f"{name},internal,{7_000_000 + 3 * at},{at * step}"
        for name, step in (("A", 10), ("B", 13))
        for at in range(300)
    ]
    log.write_text("\n".join(["process,kind,clock,time", *lines, ""]))
    context = browser.new_context(viewport=WIDE)
    page = ShownPage(context)
    page.page.add_init_script(WRITTEN)
    across = 0
    with served({"0": ServedHistory("large", partial(read, log))}) as client:
        page.open(f"http://{client.host}:{client.port}{client.base}diagram/0/#span=0_100")
        for begin in range(20):
            page.js(f"driftlabPage.state.set({{begin: {begin * 101}, end: {begin * 101 + 125}}})")
            page.settle()
            for left, right in page.js(ACROSS):
                assert left == right
                across += len(left)
    assert across > 10
    assert page.problems == []
    context.close()


def test_nothing_is_blank_while_panning_and_zooming(page: ShownPage, site: Site) -> None:
    page.open(site.address("dense", "span=2e10_2.4e10"))
    before = page.coloured()
    # Drawn in the same task as the change: no tile of the new place can be there yet.
    for act in ("driftlabPage.pan(3)", "driftlabPage.zoom(6, 0.5)", "driftlabPage.zoom(0.1, 0.5)"):
        left, right = page.coloured_at_once(act, 0, 0.3), page.coloured_at_once("", 0.7, 1)
        assert min(left, right) > 0.02 * before
    page.settle()


# Moving about.


def test_dragging_pans(page: ShownPage, site: Site) -> None:
    page.open(site.address("standard", "span=2e10_3e10"))
    box = page.box(".drawing")
    middle = box["y"] + 140
    page.drag((box["x"] + 500, middle), (box["x"] + 300, middle))
    begin, end = page.span()
    moved = 200 / box["width"] * 1e10
    assert begin == pytest.approx(2e10 + moved, rel=1e-3)
    assert end - begin == pytest.approx(1e10)


def test_the_wheel_zooms_about_the_pointer_and_a_double_click_shows_all(
    page: ShownPage, site: Site
) -> None:
    page.open(site.address("standard", "span=2e10_3e10"))
    box = page.box(".drawing")
    page.page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 90)
    page.page.mouse.wheel(0, -300)
    begin, end = page.settle().span()
    assert end - begin < 0.8e10
    assert begin + (end - begin) / 4 == pytest.approx(2.25e10, rel=1e-3)
    page.page.mouse.wheel(200, 0)
    assert page.settle().span()[0] > begin
    page.page.mouse.dblclick(box["x"] + 200, box["y"] + 40)
    page.settle()
    assert page.view()["begin"] is None
    assert page.span()[0] < 1e9 < 59e9 < page.span()[1]


def test_shift_and_drag_choose_a_span(page: ShownPage, site: Site) -> None:
    page.open(site.address("standard", "span=0_4e10"))
    box = page.box(".drawing")
    page.page.keyboard.down("Shift")
    page.drag(
        (box["x"] + box["width"] / 4, box["y"] + 60), (box["x"] + box["width"] / 2, box["y"] + 60)
    )
    page.page.keyboard.up("Shift")
    assert page.span() == pytest.approx((1e10, 2e10), rel=2e-3)


def test_the_strip_of_the_whole_run_moves_what_is_shown(page: ShownPage, site: Site) -> None:
    page.open(site.address("standard", "span=0_1e10"))
    box = page.box("#minimap")
    page.page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + 20)
    begin, end = page.settle().span()
    assert (begin + end) / 2 == pytest.approx(45e9, rel=0.03)
    page.page.focus("#minimap")
    page.press("ArrowLeft")
    assert page.span()[0] < begin


def test_two_fingers_pinch(browser: "Browser", site: Site) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = ShownPage(context).open(site.address("standard", "span=2e10_3e10"))
    box = page.box(".drawing")
    touch = context.new_cdp_session(page.page)
    x, y = box["x"] + box["width"] / 2, box["y"] + 80

    def send(kind: str, apart: float) -> None:
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        at = [] if kind == "touchEnd" else points
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    send("touchStart", 40)
    for apart in (50, 60, 80):
        send("touchMove", apart)
    send("touchEnd", 80)
    begin, end = page.settle().span()
    assert end - begin == pytest.approx(0.5e10, rel=0.1)
    assert page.problems == []
    context.close()


# Events.


def test_hovering_tells_an_event(page: ShownPage, site: Site) -> None:
    page.open(site.address("standard", "span=1e10_1.2e10"))
    row = row_of(site.histories["standard"], 0, 64)
    page.page.mouse.move(*page.place(row))
    page.until("!document.querySelector('.tip').hidden")
    assert page.text(".tip").startswith("A:64 ")
    page.page.mouse.move(*(page.box(".drawing")[side] + 3 for side in ("x", "y")))
    page.until("document.querySelector('.tip').hidden")


def test_what_is_told_under_the_pointer_goes_when_the_view_moves(
    page: ShownPage, site: Site
) -> None:
    page.open(site.address("standard", "span=1e10_1.6e10"))
    x, y = page.place(row_of(site.histories["standard"], 1, 40))
    page.page.mouse.move(x, y)
    page.until("!document.querySelector('.tip').hidden")
    for act in ("pan(0.02)", "zoom(0.7, 0.1)", "setAxis('index')"):
        page.page.mouse.move(x + 1, y)
        page.until("!document.querySelector('.tip').hidden || true")
        page.js(f"driftlabPage.{act}")
        page.settle()
        page.page.wait_for_timeout(400)
        told = page.js("(document.querySelector('.tip:not([hidden])')?.textContent ?? '')")
        under = page.js(
            "(async ([x, y]) => { const p = driftlabPage.panes[0], b = p.drawing"
            ".getBoundingClientRect(); const row = await p.pointer.eventAt({x: x - b.left,"
            " y: y - b.top}, 'test'); return row < 0 ? '' : p.run.nameOf(row); })",
            [x + 1, y],
        )
        assert told.partition(" ")[0] == under
    page.page.mouse.move(2, 2)


def test_a_click_shades_past_future_and_concurrent_as_the_library_has_them(
    page: ShownPage, site: Site
) -> None:
    history = site.histories["standard"]
    page.open(site.address("standard", "span=1e10_1.6e10"))
    row = row_of(history, 1, 40)
    page.click(row)
    selection = page.js("driftlabPage.panes[0].marks.selection")
    past = [int(count) for count in history.order.past(row)]
    future = [int(first) for first in history.order.future(row) - history.trace.starts[:-1]]
    assert [selection["past"][lane] for lane in range(3)] == past
    assert [selection["future"][lane] for lane in range(3)] == future
    lengths = [int(n) for n in history.trace.starts[1:] - history.trace.starts[:-1]]
    after = sum(lengths) - sum(future)
    text = page.text("#panel-event")
    assert f"{sum(past)} happened before it" in text
    assert f"{after} happened after it" in text
    assert f"{sum(lengths) - sum(past) - after - 1} concurrent with it" in text
    assert "B:40" in page.text("#panel-event h2")
    assert "B:40" in page.text("#said")
    x, y = page.place(row)
    assert page.pixel(x - 30, y - 40) != page.pixel(x + 30, y - 40), "two shades"
    page.click(row)
    assert page.view()["selected"] is None


def test_a_second_click_shows_the_chain_or_that_there_is_none(page: ShownPage, site: Site) -> None:
    history = site.histories["standard"]
    page.open(site.address("standard", "span=1e10_2e10"))
    first = row_of(history, 0, 65)
    later = int(history.order.future(first)[2])
    beside = later - 1
    page.click(first)
    page.click(later)
    chain = page.js("Array.from(driftlabPage.panes[0].marks.chain.rows)")
    assert (chain[0], chain[-1]) == (first, later)
    assert all(history.order.happened_before(*two) for two in pairwise(chain))
    assert "A chain of 1 message" in page.text("#panel-event")
    page.click(first)  # a third click begins anew
    page.click(beside)
    assert "Concurrent" in page.text("#panel-event")
    assert not history.order.happened_before(first, beside)


def test_why_shows_the_chain_that_led_to_an_event(page: ShownPage, site: Site) -> None:
    page.open(site.address("standard", "event=1.50"))
    page.page.click("text=Why")
    page.settle()
    row = row_of(site.histories["standard"], 1, 50)
    chain = page.js("Array.from(driftlabPage.panes[0].marks.chain.rows)")
    assert chain[-1] == row
    order = site.histories["standard"].order
    assert all(order.happened_before(*two) for two in pairwise(chain))
    assert "Why B:50" in page.text("#panel-event")


def test_chains_and_cuts_lead_to_where_messages_were_found(page: ShownPage, site: Site) -> None:
    """As the arrows do: from there to its receive a message waits in the inbox, on the lane."""
    of = columns_of(site.histories["standard"], "").columns
    found = {
        (int(send), int(receive)): int(tick)
        for send, receive, tick in zip(of["m_send"], of["m_receive"], of["m_found"], strict=True)
    }
    row = row_of(site.histories["standard"], 2, 57)
    view = "event=2.57&why=1&cut=0.300.150.20"
    for arrow in ("found", "receive"):
        page.open(site.address("standard", f"{view}&arrow={arrow}"))
        rows = list(page.js("driftlabPage.panes[0].marks.chain.rows"))
        ends = list(page.js("driftlabPage.panes[0].marks.chain.found"))
        assert rows[-1] == row
        pairs = list(zip(pairwise(rows), ends[1:], strict=True))
        hops = [(pair, end) for pair, end in pairs if pair in found]
        assert len(hops) > 2
        late = 0
        for pair, end in hops:
            tick = found[pair] if arrow == "found" else pair[1]
            assert end == pytest.approx(float(of["time"][tick]), abs=2)
            late += tick < pair[1]
        assert (late > 0) == (arrow == "found")
        cut = page.js(
            "(() => { const { send, receive, found } = driftlabPage.panes[0].marks.cut"
            ".flyingMessages; return [[...send], [...receive], [...found.rows]]; })()"
        )
        for send, receive, tick in zip(*cut, strict=True):
            assert tick == (found[send, receive] if arrow == "found" else receive)


def test_the_table_of_neighbours_leads_on(page: ShownPage, site: Site) -> None:
    page.open(site.address("standard", "event=0.64"))
    page.page.click("#panel-event table >> text=A:65")
    page.settle()
    assert page.view()["selected"] == {"run": 0, "lane": 0, "index": 65}


# Cuts.


def test_a_cut_lists_what_is_in_flight_and_its_frontier_is_dragged(
    page: ShownPage, site: Site
) -> None:
    history = site.histories["standard"]
    page.open(site.address("standard", "span=1e10_1.6e10&event=0.75"))
    page.page.click("text=Cut here")
    page.settle()
    assert "Consistent" in page.text("#cut-verdict")
    frontier = page.view()["cut"]["frontier"]
    cut = history.cut(dict(zip(history.names, frontier, strict=True)))
    assert cut.is_consistent
    flying = page.js("driftlabPage.panes[0].marks.cut.flyingMessages.send.length")
    lost = page.js("driftlabPage.panes[0].marks.cut.undelivered.length")
    assert flying + lost == cut.in_flight.height
    handle = page.box('.handle[data-lane="1"]')
    begin = (handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    page.drag(begin, (begin[0] + 440, begin[1]))
    moved = page.view()["cut"]["frontier"]
    assert moved[1] > frontier[1]
    assert [moved[0], moved[2]] == [frontier[0], frontier[2]]
    later = history.cut(dict(zip(history.names, moved, strict=True)))
    assert not later.is_consistent
    assert "Not consistent" in page.text("#cut-verdict")
    wrong = page.js("driftlabPage.panes[0].marks.cut.wrongMessages.receive.length")
    assert wrong == later.violations.height
    assert page.js("document.querySelector('.handle[data-lane=\"1\"]').hasAttribute('data-wrong')")
    box = page.box('.handle[data-lane="1"]')
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.3
    red, green, _ = page.pixel(x, y)
    assert red > 150 > 80 > green, "the frontier is drawn, and red"
    red, green, _ = page.pixel(x - 20, y)
    assert red > green + 15, "so is the part of the lane that is wrong"
    page.page.click("text=Make it consistent")
    page.settle()
    assert "Consistent" in page.text("#cut-verdict")
    page.page.fill('#panel-cut input[data-lane="2"]', "0")
    page.page.keyboard.press("Tab")
    assert page.settle().view()["cut"]["frontier"][2] == 0
    page.page.click("text=Remove the cut")
    assert page.settle().view()["cut"] is None


# Violations and search.


def test_violations_are_marked_at_every_level_and_stepped_through(
    page: ShownPage, site: Site
) -> None:
    page.open(site.address("violated"))
    page.until("driftlabPage.runs[0].verdict")
    page.settle()
    assert page.page.get_attribute("#verdict", "data-holds") == "no"
    report = site.histories["violated"].check()
    count = page.js("driftlabPage.runs[0].verdict.violations.length")
    assert count == len(report.violations) == 3
    page.on_diagram().press("n")
    assert page.view()["violation"] == 0
    assert "Violation 1 of 3" in page.text("#said")
    x, y = page.place(int(page.js("driftlabPage.runs[0].verdict.violations[1].rows[0]")))
    red, green, blue = page.pixel(x, y)
    assert red > 150 > 60 > max(green, blue), "drawn on top of the whole run"
    page.press("n", "n", "n")
    assert page.view()["violation"] == 0
    page.press("p")
    assert page.view()["violation"] == 2
    page.press("0")
    assert page.js("driftlabPage.panes[0].marks.violations.rows.length") > 2


def test_search_marks_hits_and_steps_through_them(page: ShownPage, site: Site) -> None:
    page.open(site.address("standard"))
    page.on_diagram().press("/")
    page.page.keyboard.type("receive lane:B")
    page.until("document.getElementById('hits').textContent.includes('hit')")
    page.settle()
    trace = site.histories["standard"].trace
    lane = slice(int(trace.starts[1]), int(trace.starts[2]))
    expected = [lane.start + at for at, kind in enumerate(trace.columns.kind[lane]) if kind == 2]
    assert page.js("Array.from(driftlabPage.hitsOf(driftlabPage.runs[0]).rows)") == expected
    page.press("Enter", "Escape", "j", "j")
    assert page.view()["selected"] == {"run": 0, "lane": 1, "index": expected[2] - lane.start}
    page.press("k")
    assert page.view()["selected"]["index"] == expected[1] - lane.start
    page.page.fill("#query", "send A->B .. receive B within 3")
    page.until("driftlabPage.state.view.query.includes('within') && !driftlabPage.searchError")
    page.settle()
    page.page.fill("#query", "clock:nothing")
    page.until("driftlabPage.searchError")
    page.settle()
    page.page.fill("#query", "")
    page.until("!driftlabPage.state.view.query")
    page.settle()


# Lanes.


def order_of(page: ShownPage) -> list[int]:
    return [int(lane) for lane in page.js("Array.from(driftlabPage.panes[0].visible)")]


def test_lanes_are_dragged_hidden_pinned_and_ordered(page: ShownPage, site: Site) -> None:
    page.open(site.address("dense"))
    first = page.box(".lane:nth-child(1) .swatch")
    third = page.box(".lane:nth-child(3) .swatch")
    page.drag((first["x"] + 2, first["y"]), (third["x"] + 2, third["y"] + 40))
    assert order_of(page) == [1, 2, 0, 3]
    page.page.hover(".lane[data-lane='3']")
    page.page.click("button[aria-label='Pin D to the top']")
    assert order_of(page.settle()) == [3, 1, 2, 0]
    page.page.hover(".lane[data-lane='1']")
    page.page.click("button[aria-label='Hide B']")
    assert order_of(page.settle()) == [3, 2, 0]
    page.on_diagram().press("H")
    assert order_of(page) == [3, 1, 2, 0]
    page.page.select_option("#lanes", "recorded")
    assert order_of(page.settle()) == [0, 1, 2, 3]
    page.press("f")
    assert sorted(order_of(page)) == [0, 1, 2, 3]
    page.page.focus(".lane .label")
    top = order_of(page)[0]
    page.press("Alt+ArrowDown")
    assert order_of(page)[1] == top


# Axes, colours, plots, address.


def test_pinned_lanes_stay_when_the_others_are_scrolled(page: ShownPage, site: Site) -> None:
    page.open(site.address("standard", "pin=2&height=260"))
    names = "[...document.querySelectorAll('.pane .lane .label')].map((each) => each.textContent)"
    top = page.js("driftlabPage.panes[0].yOf(2)")
    assert page.js(names)[0] == "C"
    page.js("driftlabPage.laneActs.scrollBy(driftlabPage.panes[0], 500)")
    page.settle()
    assert page.js("driftlabPage.panes[0].scroll()") > 130
    assert page.js("driftlabPage.panes[0].yOf(2)") == top
    assert page.js("driftlabPage.panes[0].laneAt(driftlabPage.panes[0].yOf(2))") == 2
    assert page.js("driftlabPage.panes[0].yOf(0)") < 24, "A is covered"
    assert page.js(names) == ["C", "B"]
    # Its events are where they seem to be: a click on one selects it.
    row = int(page.js("driftlabPage.runs[0].starts[2]")) + 20
    page.click(row)
    assert page.view()["selected"] == {"run": 0, "lane": 2, "index": 20}
    assert page.box(".pane .lane")["y"] < page.box(".pane .lane:nth-of-type(2)")["y"]


def test_clocks_and_queues_stay_what_they_are_until_the_next_event(
    page: ShownPage, site: Site
) -> None:
    # C does one tick a second: one of them is in view, and none near its edges.
    first = page.open(site.address("standard", "plots=clock.queue")).js(
        "driftlabPage.runs[0].positions('time', false, [driftlabPage.runs[0].starts[2] + 24])"
    )[0]
    page.js(f"driftlabPage.show({first} - 4e8, {first} + 5e8)")
    page.settle()
    page.until("driftlabPage.panes[0].plots.sheets.size === 2")
    clocks = site.histories["standard"].trace.columns.clock
    assert clocks is not None
    row = row_of(site.histories["standard"], 2, 24)
    before, after = int(clocks[row - 1]), int(clocks[row])
    ranges = page.js("Object.fromEntries(driftlabPage.panes[0].plots.ranges)")
    assert ranges["clock"][0] == before < after
    box, side = page.box(".pane canvas"), page.box(".plot-name")
    for x, clock in ((4, before), (box["width"] - 4, after)):
        share = (clock - ranges["clock"][0]) / (ranges["clock"][1] - ranges["clock"][0])
        y = side["y"] - 2 + 56 - share * 48
        assert any(is_green(page.pixel(box["x"] + x, y + by)) for by in (-1.5, -0.5, 0.5, 1.5))


def test_a_clock_that_falls_is_plotted_where_it_stays(browser: "Browser", tmp_path: Path) -> None:
    log = tmp_path / "fall.csv"
    clocks = (1, 3, 5, 4, 9, 11)
    lines = [f"A,internal,{clock},{at}" for at, clock in enumerate(clocks)]
    log.write_text("\n".join(["process,kind,clock,time", *lines, ""]))
    with page_of(browser, log) as page:
        page.page.select_option("#axis", "clock")
        page.settle()
        page.until("driftlabPage.panes[0].plots.ranges.get('clock')?.[1] === 11")
        box, name = page.box(".pane canvas"), page.box(".plot-name")
        for clock, stays_at in ((2, 1), (4, 3), (6, 4), (8.5, 4), (10, 9)):
            x = box["x"] + page.js(f"driftlabPage.panes[0].xOf({clock})")
            y = name["y"] - 2 + 56 - (stays_at - 1) / 10 * 48
            inks = [sum(page.pixel(x, y + by)) for by in (-1.5, -0.5, 0.5, 1.5)]
            assert min(inks) < 500, (clock, stays_at)


def is_green(pixel: tuple[int, ...]) -> bool:
    """Whether a pixel has the colour of the third machine."""
    red, green, blue = pixel
    return green > red + 60 and green > blue


def test_every_axis_is_shown_and_keeps_the_events_in_view(page: ShownPage, site: Site) -> None:
    page.open(site.address("standard", "span=1e10_2e10"))
    axes = page.js("[...document.querySelectorAll('#axis option')].map((one) => one.value)")
    assert {"time", "clock", "index", "chain"} <= set(axes)
    for axis in axes:
        page.page.select_option("#axis", axis)
        page.settle()
        assert page.view()["axis"] == axis
        assert page.coloured() > 100
    page.page.select_option("#axis", "time")
    begin, end = page.settle().span()
    assert begin < 1.1e10
    assert end > 1.9e10
    page.page.check("#idle")
    assert page.settle().view()["idle"]
    page.page.uncheck("#idle")
    page.settle()


def test_plots_and_colours_are_chosen(page: ShownPage, site: Site) -> None:
    page.open(site.address("dense", "plots=none"))
    plain = page.coloured()
    for key, name in (("1", "clock"), ("2", "drift"), ("3", "queue")):
        page.on_diagram().press(key)
        assert name in page.view()["plots"]
    names = "[...document.querySelectorAll('.plot-name b')].map((one) => one.textContent)"
    assert page.js(names) == ["Clock", "Drift", "Queue"]
    page.press("1", "2", "3")
    for colour in ("receives", "queue", "jump", "violations"):
        page.page.select_option("#colour", colour)
        page.settle()
        assert page.coloured() > 0
    assert plain > 0


def test_the_address_opens_the_same_picture_again(page: ShownPage, site: Site) -> None:
    page.open(site.address("standard", "span=1e10_1.6e10&event=0.65"))
    page.page.select_option("#axis", "index")
    page.settle().on_diagram().press("x", "3", "]", "r", "b", "ArrowRight", "c", "P")
    page.page.fill("#query", "receive")
    page.until("driftlabPage.state.view.query === 'receive'")
    page.settle()
    address = page.page.url
    view = page.view()
    picture = page.js("driftlabPage.panes[0].draw() ?? driftlabPage.panes[0].canvas.toDataURL()")
    page.open(address)
    assert page.view() == view
    again = page.js("driftlabPage.panes[0].draw() ?? driftlabPage.panes[0].canvas.toDataURL()")
    assert again == picture


def test_an_address_of_nonsense_shows_the_run(page: ShownPage, site: Site) -> None:
    page.open(
        site.address("standard", "axis=nothing&span=9_1&event=7.7&cut=x&lanes=99.1&height=-3")
    )
    assert order_of(page) == [1, 0, 2]
    assert page.coloured() > 100
    assert "not in this run" in page.text("#notices")


# Two runs.


def test_two_runs_stand_one_above_the_other_with_their_first_divergence(
    browser: "Browser", site: Site
) -> None:
    with page_of(browser, site.folder / "standard", site.folder / "other") as page:
        page.until("driftlabPage.divergence")
        page.settle().on_diagram().press("v")
        assert page.js("driftlabPage.panes.length") == 2
        row = page.js("driftlabPage.divergence.rows[0]")
        assert page.view()["selected"] == page.js(f"driftlabPage.runs[0].refOf({row})")
        assert "First divergence" in page.text("#panel-violations")
        assert page.box(".pane >> nth=0")["y"] < page.box(".pane >> nth=1")["y"]
        assert page.coloured(pane=1) > 100


# Keys, and whoever cannot see the picture.


def test_everything_can_be_done_with_the_keyboard_alone(page: ShownPage, site: Site) -> None:
    page.open(site.address("standard", "span=1e10_1.6e10"))
    page.page.keyboard.press("Tab")
    assert page.js("document.activeElement.id") == "skip"
    page.page.keyboard.press("Enter")
    assert page.js("document.activeElement.tagName") == "CANVAS"
    page.press("ArrowRight")
    first = page.view()["selected"]
    assert first is not None
    page.press("ArrowRight")
    assert page.view()["selected"]["index"] == first["index"] + 1
    page.press("ArrowUp")
    assert page.view()["selected"]["lane"] == first["lane"] - 1
    page.press("b", "ArrowRight", "ArrowRight", "c")
    assert page.view()["second"] is not None
    page.press("Escape", "w")
    assert page.view()["why"]
    page.press("Escape", "m", "x")
    assert page.view()["cut"] is not None
    frontier = page.view()["cut"]["frontier"][0]
    page.page.focus('.handle[data-lane="0"]')
    page.press("ArrowLeft")
    assert page.view()["cut"]["frontier"][0] == frontier - 1
    page.on_diagram().press("Escape", "Escape")
    assert page.view()["cut"] is None
    begin = page.span()
    page.press("+")
    assert page.span()[1] - page.span()[0] == pytest.approx((begin[1] - begin[0]) / 2)
    page.press("Shift+ArrowRight", "0", "Home", "End", "a", "d", "i")
    page.press("?")
    assert page.js("document.getElementById('keys').open")
    assert "follow its message" in page.text("#keys")
    page.press("Escape")
    assert not page.js("document.getElementById('keys').open")


def test_every_key_is_listed_once() -> None:
    text = (Path(driftlab.__file__).parent / "diagram/page/keys.js").read_text()
    keys = re.findall(r"keys: \[([^\]]+)\]", text)
    names = [name for group in keys for name in re.findall(r'"([^"]+)"', group)]
    assert len(names) == len(set(names))


def test_the_focus_is_seen_and_the_selection_is_told(page: ShownPage, site: Site) -> None:
    page.open(site.address("standard"))
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Tab")
    style = page.js("getComputedStyle(document.activeElement).outlineStyle")
    assert style == "solid"
    assert page.page.get_attribute("#said", "aria-live") == "polite"
    page.on_diagram().press("ArrowRight")
    assert "before it" in page.text("#said")
    assert page.page.locator("#panel-event table caption").inner_text() == "Events around it"
    page.press("x", "Escape", "Escape")
    assert page.text("#said") == "Nothing is selected."


@pytest.mark.parametrize("run", ["standard", "violated"])
def test_axe_finds_nothing(page: ShownPage, site: Site, run: str) -> None:
    axe = axe_source()
    page.open(site.address(run, "event=0.64&cut=0.70.40.10"))
    for theme in ("light", "dark"):
        page.js(f"driftlabPage.state.set({{theme: '{theme}', panel: 'event'}})")
        page.settle().js(axe)
        assert problems_by_axe(page) == []


def test_axe_finds_nothing_on_the_bench(context: "BrowserContext", site: Site) -> None:
    axe = axe_source()
    page = ShownPage(context)
    page.page.goto(site.base)
    page.until("document.querySelector('#runs td a') && document.querySelector('#command code')")
    page.js(axe)
    assert problems_by_axe(page) == []
    page.close()


def axe_source() -> str:
    """Return axe-core; skip where it is not there: it is no part of the repository."""
    named = os.environ.get("DRIFTLAB_AXE")
    place = Path(named) if named else Path.home() / ".cache/driftlab/axe.min.js"
    if not place.is_file():
        pytest.skip(f"no axe-core: npm install axe-core, and set DRIFTLAB_AXE (or have {place})")
    return place.read_text(encoding="utf-8")


def problems_by_axe(page: ShownPage) -> list[Any]:
    found = page.js(
        "async () => (await axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice']}))"
        ".violations.map((one) => [one.id, one.nodes.map((node) => node.html.slice(0, 160))])"
    )
    assert isinstance(found, list)
    return found


# Themes and sizes.


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_system_and_its_own_switch(
    browser: "Browser", site: Site, scheme: Any
) -> None:
    context = browser.new_context(viewport=WIDE, color_scheme=scheme, reduced_motion="reduce")
    page = ShownPage(context).open(site.address("standard"))
    x, y = page.box(".drawing")["x"] + 300, page.box(".drawing")["y"] + 30
    assert (sum(page.pixel(x, y)) < 200) == (scheme == "dark")
    other = "light" if scheme == "dark" else "dark"
    while page.view()["theme"] != other:
        page.page.click("#theme")
    page.settle()
    assert (sum(page.pixel(x, y)) < 200) == (other == "dark")
    assert f"theme={other}" in page.page.url
    assert page.problems == []
    context.close()


EDGES = """async (png) => {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  const [w, h] = [canvas.width, canvas.height] = [image.width, image.height];
  const ctx = canvas.getContext("2d");
  ctx.drawImage(image, 0, 0);
  const pixels = ctx.getImageData(3, 3, w - 6, h - 6).data; // without its border
  const grey = Array.from({ length: pixels.length / 4 },
    (_, i) => (pixels[4 * i] + pixels[4 * i + 1] + pixels[4 * i + 2]) / 3);
  const rows = Array.from({ length: h - 6 }, (_, y) => grey.slice(y * (w - 6), (y + 1) * (w - 6)));
  return Math.max(...rows.map((row) =>
    row.filter((value, x) => x > 0 && Math.abs(value - row[x - 1]) > 40).length));
}"""


@pytest.mark.parametrize("forced", ["active", "none"])
def test_what_stands_on_each_button_can_be_read(
    browser: "Browser", site: Site, forced: Any
) -> None:
    context = browser.new_context(viewport=WIDE, forced_colors=forced)
    reader = context.new_page()
    page = ShownPage(context).open(site.address("standard", "event=1.75&cut=0.50.76.0&panel=cut"))
    page.until("driftlabPage.runs[0].verdict")
    buttons = page.page.locator("button:visible:not(.handle)").all()
    texts = [button.inner_text() for button in buttons]
    assert {"Make it consistent", "Keys ?", "Cut", "Whole"} <= set(texts)
    for button, text in list(zip(buttons, texts, strict=True))[:40]:
        png = base64.b64encode(button.screenshot()).decode()
        letters = len(re.sub(r"[\s.]", "", text))
        assert reader.evaluate(EDGES, png) >= letters, text  # strokes in a row of pixels
    context.close()


def test_forced_colours_are_taken(browser: "Browser", site: Site) -> None:
    context = browser.new_context(viewport=WIDE, forced_colors="active")
    page = ShownPage(context).open(site.address("standard", "event=0.64"))
    assert page.coloured() > 100
    assert page.problems == []
    context.close()


OVERLAPS = """() => {
  const names = [".top", ".tools", "#diagram", "#panel", "#minimap", "#status"];
  const boxes = names.map((name) => document.querySelector(name).getBoundingClientRect());
  const found = [];
  boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b, j) => {
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 1 && high > 1) found.push([names[i], names[i + 1 + j]]);
  }));
  const each = "#bench, h1, #verdict, #query, .right button, .tools > *, .lane, .plot-name";
  const items = [...document.querySelectorAll(each)].filter((one) => one.getClientRects().length);
  if (document.querySelector("h1").getBoundingClientRect().width < 30) found.push("no title");
  items.forEach((one, i) => items.slice(i + 1).forEach((other) => {
    const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 1 && high > 1) found.push([one.className || one.id, other.className || other.id]);
  }));
  if (document.documentElement.scrollWidth > innerWidth) found.push("wider than the window");
  return found;
}"""


@pytest.mark.parametrize("size", SIZES)
def test_nothing_overlaps(browser: "Browser", site: Site, size: str) -> None:
    width, height, scale = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, device_scale_factor=scale
    )
    page = ShownPage(context).open(site.address("violated", "event=0.64"))
    page.until("driftlabPage.runs[0].verdict")
    assert page.settle().js(OVERLAPS) == []
    assert page.box(".drawing")["height"] > 120
    page.page.goto(site.base)
    page.until("document.querySelector('#runs td a')")
    assert page.js("document.documentElement.scrollWidth <= innerWidth")
    assert page.problems == []
    context.close()


# Live, and when the server is gone.


def test_a_run_is_started_on_the_bench_and_followed_live(
    context: "BrowserContext", site: Site
) -> None:
    page = ShownPage(context)
    page.page.goto(site.base)
    page.until("document.querySelector('#command code')")
    assert page.page.locator("#runs tbody tr").count() == 4
    page.page.fill("#field-rates", "six")
    page.until("document.getElementById('field-rates').getAttribute('aria-invalid') === 'true'")
    page.page.check("input[value=real]")
    for name, value in {"rates": "40,30,20", "seconds": "40", "speed": "10", "seed": "7"}.items():
        page.page.fill(f"#field-{name}", value)
    page.until("document.querySelector('#command code').textContent.includes('--seed 7')")
    assert page.text("#command code").startswith("driftlab run ")
    page.page.click("#start")
    page.page.wait_for_url("**/diagram/*/")
    page.until("window.driftlabPage?.runs[0]?.events > 300")
    newest = "driftlabPage.whole()[1] <= driftlabPage.span().end"
    assert page.js(newest), "the newest event is on the screen"
    page.js("driftlabPage.pan(-0.5)")
    assert page.view()["follow"] is False
    begin = page.span()[0]
    seen = page.js("driftlabPage.runs[0].events")
    page.until(f"driftlabPage.runs[0].events > {seen} + 100")
    assert page.span()[0] == begin, "panned by hand: it stays"
    page.js("driftlabPage.live.connection.abort()")
    page.until("document.getElementById('notices').textContent.includes('Not connected')")
    page.until("!document.getElementById('notices').textContent.includes('Not connected')")
    page.page.click("#live")
    page.until(newest)
    assert page.js("driftlabPage.live.newestAge") < 3000
    page.until("!driftlabPage.info.live && driftlabPage.runs[0].verdict", 30)
    assert page.js("driftlabPage.runs[0].events") == 3600
    assert page.js("driftlabPage.live.received") == 3600, "no event twice, none left out"
    assert "has ended" in page.text("#notices")
    assert page.problems == []
    page.page.goto(site.base)
    page.until("document.querySelectorAll('#runs tbody tr').length === 5")
    page.page.click("#runs tbody tr >> nth=0 >> text=Another seed")
    assert page.page.input_value("#field-rates") == "40,30,20"
    assert page.page.input_value("#field-seed") != "7"
    page.close()


def test_a_server_that_is_gone_is_said_and_found_again(
    context: "BrowserContext", site: Site
) -> None:
    page = ShownPage(context).open(site.address("standard"))
    context.set_offline(True)
    page.until("document.getElementById('notices').textContent.includes('Not connected')")
    page.on_diagram().press("ArrowRight", "w")
    assert page.view()["why"], "what the page has it still shows"
    context.set_offline(False)
    page.until("!document.getElementById('notices').textContent.includes('Not connected')")
    assert page.problems == []
    page.close()


def test_a_server_that_was_started_anew_is_said(
    browser: "Browser", site: Site, tmp_path: Path
) -> None:
    folder = site.folder / "standard"
    shown = {"0": ServedHistory("run", lambda: read(folder), folder)}
    with served(shown) as client:
        address, port = f"http://{client.host}:{client.port}{client.base}diagram/0/", client.port
        context = browser.new_context(viewport=WIDE)
        page = ShownPage(context).open(address)
    with served(shown, port=port):
        page.until(
            "document.getElementById('notices').textContent.includes('was started anew')", 30
        )
    assert page.coloured() > 100, "what it has it still shows"
    assert page.problems == []
    context.close()


# A long run, while it is being read.


@pytest.fixture
def being_read(
    browser: "Browser", site: Site, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[ShownPage, list[History | Exception], Event]]:
    """A page of a run that is read when told so, as what is put into the list."""
    monkeypatch.setattr(overview, "EVENTS_MIN", 1000)
    results, may_read = list[History | Exception](), Event()
    known = overview_of(columns_of(site.histories["dense"], "long"))

    def read_late() -> History:
        assert may_read.wait(60)
        if isinstance(results[0], Exception):
            raise results[0]
        return results[0]

    shown = ServedHistory("long", read_late, look=lambda title: known)
    with served({"0": shown}) as client:
        context = browser.new_context(viewport=WIDE, color_scheme="light")
        page = ShownPage(context)
        page.page.goto(f"http://{client.host}:{client.port}{client.base}diagram/0/")
        page.until("window.driftlabPage?.panes[0]?.tiles.isSharp")
        yield page, results, may_read
        may_read.set()
        context.close()


def test_a_long_run_is_painted_while_it_is_read_and_says_so(
    being_read: tuple[ShownPage, list[History | Exception], Event], site: Site
) -> None:
    page, results, may_read = being_read
    history = site.histories["dense"]
    assert page.text("#verdict") == "reading…"
    assert "counted by their times alone" in page.text("#status")
    assert "Click an event" in page.text("#panel-event")
    assert page.js("driftlabPage.runs[0].events") == len(history)
    assert page.coloured() > 1000
    # What is done meanwhile is done: a zoom at once, a question when there is an answer.
    whole = page.span()
    page.on_diagram().page.keyboard.press("+")
    begin, end = page.span()
    assert end - begin < whole[1] - whole[0]
    page.until("driftlabPage.panes[0].tiles.isSharp")
    page.page.keyboard.press("Enter")
    page.page.fill("#query", "receive")
    results.append(history)
    may_read.set()
    page.settle()
    page.until("document.getElementById('verdict').textContent !== 'reading…'")
    assert "counted by" not in page.text("#status")
    assert page.span() == (begin, end)
    receives = int((history.trace.columns.kind == RECEIVE).sum())
    page.until(f"document.getElementById('hits').textContent === '{receives:,} hits'")
    assert page.problems == []


def test_a_long_run_that_cannot_be_read_after_all_is_said(
    being_read: tuple[ShownPage, list[History | Exception], Event],
) -> None:
    page, results, may_read = being_read
    results.append(driftlab.DriftlabError("the file is damaged at its end"))
    may_read.set()
    page.until("document.getElementById('notices').textContent.includes('damaged at its end')")
    assert page.text("#verdict") == "not read"
    assert "counted by their times alone" in page.text("#status")
    assert page.problems == []


# Offline.


def test_the_offline_file_asks_nobody_for_anything(
    browser: "Browser", site: Site, tmp_path: Path
) -> None:
    file = tmp_path / "run.html"
    assert main(["view", str(site.folder / "violated"), "--out", str(file)]) == 0
    context = browser.new_context(viewport=WIDE, offline=True)
    page = ShownPage(context).open(f"{file.as_uri()}#span=1e10_1.6e10&event=1.40")
    assert page.coloured() > 100
    assert page.js("driftlabPage.runs[0].verdict.violations.length") == 3
    history = site.histories["violated"]
    counts = page.js("driftlabPage.panes[0].marks.selection.counts")
    assert counts["past"] == int(history.order.past(row_of(history, 1, 40)).sum())
    page.on_diagram().press("n", "x", "w")
    assert "Violation 1 of 3" in page.page.url or page.view()["violation"] == 0
    outside = [url for url in page.requests if not url.startswith(("file:", "data:", "blob:"))]
    assert outside == []
    assert page.problems == []
    cut = tmp_path / "cut.html"
    text = file.read_text()
    cut.write_text(text[: text.index('id="data-0"') + 2000])
    page.page.goto(cut.as_uri())
    page.page.wait_for_timeout(300)
    assert "cut off" in page.text("body") or "cannot" in page.text("body")
    context.close()


# Bad input and bad company.


def test_text_of_a_log_never_becomes_markup(browser: "Browser", tmp_path: Path) -> None:
    log = tmp_path / "<b>markup<b>.csv"
    log.write_text(MARKUP)
    with page_of(browser, log) as page:
        page.on_diagram().press("ArrowRight", "ArrowDown")
        assert page.text("#title") == "<b>markup<b>.csv"
        name = page.page.text_content(".lane:nth-child(1) .label")
        assert name == "<img src=x onerror=alert(1)>"
        assert "got <i>it</i>" in page.text("#panel-event")
        assert page.js("document.querySelectorAll('.pane img, #panel i, h1 b').length") == 0
        finds_text(page)
        file = tmp_path / "markup.html"
        assert main(["view", str(log), "--out", str(file)]) == 0
        page.open(file.as_uri()).on_diagram().press("ArrowRight", "ArrowDown")
        assert "got <i>it</i>" in page.text("#panel-event")
        assert page.js("document.querySelectorAll('.pane img, #panel i, h1 b').length") == 0
        finds_text(page)


def finds_text(page: ShownPage) -> None:
    page.page.fill("#query", "<i>")
    page.until("document.getElementById('hits').textContent.includes('1 hit')")
    page.settle()


def test_a_browser_without_the_features_is_told(browser: "Browser", site: Site) -> None:
    context = browser.new_context(viewport=WIDE)
    context.add_init_script("delete window.Worker; delete window.DecompressionStream")
    page = context.new_page()
    page.goto(site.address("standard"))
    text = page.inner_text("#diagram")
    assert "lacks Web Workers, decompression" in text
    context.close()


def test_logs_of_one_event_and_without_times_are_shown(browser: "Browser", tmp_path: Path) -> None:
    untimed, timed = tmp_path / "untimed.csv", tmp_path / "timed.csv"
    untimed.write_text("process,kind,clock\na,internal,1\n")
    timed.write_text("process,kind,clock,time\na,internal,1,5\nb,internal,1,7\n")
    with page_of(browser, untimed) as page:
        assert "no times" in page.text("#notices")
        assert "1 event," in page.text("#status")
        assert page.coloured() > 5
    with page_of(browser, timed, untimed) as page:
        assert page.js("driftlabPage.panes.length") == 2


LONG_NAME = "service-<b>é</b>&amp;-" + "x" * 170
FITS = """() => [...document.querySelectorAll(".lane .label")].map((label) => {
  const [own, tail] = [label, label.lastElementChild].map((one) => one.getBoundingClientRect());
  return {
    tail: label.lastElementChild.textContent, whole: label.textContent, title: label.title,
    spoken: label.getAttribute("aria-label"),
    isSeen: tail.right <= own.right + 1 && tail.width > 20,
    headIsSeen: label.firstElementChild.getBoundingClientRect().width > 10,
  };
})"""


@pytest.mark.parametrize("size", ["1280x800", "phone"])
def test_long_names_that_differ_at_the_end_can_be_told_apart(
    browser: "Browser", tmp_path: Path, size: str
) -> None:
    names = [f"{LONG_NAME}-{number:05d}" for number in range(30)]
    log = tmp_path / "long.csv"
    lines = [f"{name},send,1,m{at},{at}" for at, name in enumerate(names)]
    lines += [f"{name},receive,1,m{at},{at + 40}" for at, name in enumerate(names[1:])]
    log.write_text("\n".join(["process,kind,clock,message,time", *lines, ""]))
    with page_of(browser, log) as page:
        width, height, _ = SIZES[size]
        page.page.set_viewport_size({"width": width, "height": height})
        page.settle()
        shown = page.js(FITS)
        assert len(shown) > 10
        for place, (each, name) in enumerate(zip(shown, names, strict=False)):
            assert each["tail"].endswith(f"{place:05d}")
            assert each["isSeen"]
            assert each["headIsSeen"]
            assert each["whole"] == name
            assert each["title"].startswith(name)
            assert each["spoken"] == f"Lane {name}"
        # Nor is anything said of them wider than what it stands in.
        page.until("driftlabPage.runs[0].verdict")
        for view in ("event=1.1", "event=1.1&panel=violations", "cut=0.1.1&panel=cut", "panel=run"):
            page.js(f"location.hash = {view!r}")
            page.settle()
            page.page.wait_for_timeout(150)
            panel = "#panel-" + view.partition("panel=")[2] if "panel" in view else "#panel-event"
            assert names[1][-6:] in page.text(panel)
            assert page.js(f"document.querySelector('{panel}').scrollWidth") <= page.js(
                f"document.querySelector('{panel}').clientWidth"
            ), view
        name = page.js("document.querySelector('#panel-event .link')?.ariaLabel")
        assert name is None or LONG_NAME in name
        assert page.page.locator("b, img", has_text="é").count() == 0


def test_of_two_logs_only_one_may_have_the_axis(browser: "Browser", tmp_path: Path) -> None:
    timed, untimed = tmp_path / "timed.csv", tmp_path / "untimed.csv"
    untimed.write_text("process,kind,clock,message\nA,send,1,m\nB,receive,2,m\n")
    timed.write_text("process,kind,clock,message,time\nA,send,1,m,0\nB,receive,2,m,3\n")
    for paths in ((timed, untimed), (untimed, timed)):
        with page_of(browser, *paths) as page:
            assert page.text("#title") == " and ".join(path.name for path in paths)
            assert "untimed.csv has no times: choose another axis" in page.text("#notices")
            assert "could not be drawn" not in page.text("#notices")
            # Every act is one of the log that has the axis, or is said not to be possible.
            box = page.box(".pane:nth-of-type(1) .drawing")
            page.page.mouse.click(box["x"] + 40, box["y"] + 60)
            page.page.check("#idle")
            page.on_diagram().press("ArrowRight", "ArrowDown", "x", "1", "2", "+", "w", "v", "f")
            assert "could not be drawn" not in page.text("#notices")
            page.page.select_option("#axis", "clock")
            page.settle()
            assert "untimed" not in page.text("#notices")
            assert page.coloured(pane=0) > 5
            assert page.coloured(pane=1) > 5


def test_a_log_without_times_says_which_axis_it_has(browser: "Browser", tmp_path: Path) -> None:
    clocks, vectors = tmp_path / "clocks.csv", tmp_path / "vectors.log"
    clocks.write_text("process,kind,clock,message\nA,send,1,m\nB,receive,2,m\n")
    vectors.write_text('a {"a":1}\nbegin\nb {"a":1, "b":1}\ngot it\n')
    for path, axis in ((clocks, "Lamport clock"), (vectors, "Longest chain")):
        with page_of(browser, path) as page:
            assert f"no times: the axis is “{axis}” instead" in page.text("#notices")
            page.page.select_option("#axis", "index")
            page.settle()
            assert "times" not in page.text("#notices")


def test_no_number_is_less_than_nothing_by_its_sign_alone(
    browser: "Browser", tmp_path: Path
) -> None:
    log = tmp_path / "zero.csv"
    log.write_text("process,kind,clock,time\nA,internal,1,0\nA,internal,2,3\n")
    with page_of(browser, log) as page:
        assert re.match(r"0\sns to 3\sns", page.text("#status"))


def test_as_many_messages_are_said_to_be_in_flight_as_there_are(
    browser: "Browser", tmp_path: Path
) -> None:
    log, count = tmp_path / "many.csv", 5_400
    lines = [f"A,send,{at + 1},m{at},{at}" for at in range(count)]
    lines += [f"B,receive,{count + at + 1},m{at},{count + at}" for at in range(count)]
    log.write_text("\n".join(["process,kind,clock,message,time", *lines, ""]))
    with page_of(browser, log) as page:
        page.js(f"location.hash = 'cut=0.{count}.0&panel=cut'")
        page.until("document.getElementById('in-flight')")
        assert page.settle().text("#in-flight") == "5,400 messages in flight"
        assert "and 5,200 more" in page.text("#panel-cut")
        assert "5,400 messages in flight" in page.page.text_content("#said")  # type: ignore[operator]
        page.js(f"location.hash = 'cut=0.0.{count}&panel=cut'")
        page.until("document.getElementById('cut-verdict').textContent.includes('Not')")
        assert "5,400 messages are received" in page.text("#cut-verdict")


def test_tiles_agree_on_messages_longer_than_they_look(browser: "Browser", tmp_path: Path) -> None:
    """At the zoom of every event no line may begin or end where two tiles meet."""
    log = tmp_path / "long.csv"
    lines = [f"A{at % 9},send,{at + 1},m{at},{at}" for at in range(60)]
    lines += [f"B{at % 7},receive,{100 + at},m{at},{300 + 9 * at}" for at in range(60)]
    log.write_text("\n".join(["process,kind,clock,message,time", *lines, ""]))
    with page_of(browser, log) as page:
        for begin, end in ((120, 190), (150, 180), (190, 260), (60, 300)):
            page.js(f"driftlabPage.state.set({{begin: {begin}, end: {end}}})")
            page.settle()
            edges = page.js(TILE_EDGES)
            assert edges
            for edge in edges:
                left, right = (page.js(INK, round(edge) + by) for by in (-2, 2))
                assert abs(left - right) < 0.08 * max(left, right) + 30, (begin, edge)


TILE_EDGES = """(() => {
  const { begin, end, width } = driftlabPage.panes[0].frameOf();
  const units = ((end - begin) / width) * 512;
  const places = [1, 2, 3].map((by) => (Math.floor(begin / units) + by) * units - begin);
  return places.map((place) => (512 * place) / units).filter((x) => x > 4 && x < width - 4);
})()"""
INK = """(x) => {
  const { canvas, lanesHeight } = driftlabPage.panes[0];
  driftlabPage.panes[0].draw();
  const pixels = canvas.getContext("2d").getImageData(x, 26, 1, lanesHeight - 4).data;
  let ink = 0;
  for (let i = 0; i < pixels.length; i += 4) {
    ink += 255 - Math.min(pixels[i], pixels[i + 1], pixels[i + 2]);
  }
  return ink / 100;
}"""


def test_a_log_that_cannot_be_read_is_said(browser: "Browser", tmp_path: Path) -> None:
    with served({"0": ServedHistory("none", lambda: read(tmp_path / "none.csv"))}) as client:
        context = browser.new_context(viewport=WIDE)
        page = ShownPage(context)
        page.page.goto(f"http://{client.host}:{client.port}{client.base}diagram/0/")
        page.until("document.getElementById('boot').textContent.includes('cannot be shown')")
        assert page.problems == []
        context.close()


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_a_foreign_origin_and_a_foreign_host_are_refused(
    site: Site, headers: dict[str, str]
) -> None:
    assert site.client.ask("runs").status == 200
    assert site.client.ask("runs", headers=headers).status in (400, 403, 404, 421)
    body = {"kind": "simulated", "rates": "1,1", "seconds": "1"}
    assert site.client.ask("start", "POST", body, headers).status in (400, 403, 404, 421)


def test_another_page_cannot_read_a_run(browser: "Browser", site: Site, tmp_path: Path) -> None:
    (tmp_path / "evil.html").write_text("<p>evil")
    context = browser.new_context()
    page = context.new_page()
    page.goto((tmp_path / "evil.html").as_uri())
    read_by = "async (url) => fetch(url).then((r) => r.text()).catch(() => 'refused')"
    assert page.evaluate(read_by, f"{site.base}runs") == "refused"
    context.close()
