"""What is made of a diagram: marks, texts, commands, pictures, and the page that opens offline."""

import base64
import json
import re
import shlex
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest

import driftlab
from driftlab.api.diagram import SpaceTimeDiagram, UnknownDiagramFileError, columns_of
from driftlab.api.history import DRAWN_WHOLE_MAX, History
from driftlab.api.simulate_one import simulated_trace
from driftlab.cli.commands import COMMANDS
from driftlab.cli.flags import chosen_scenario
from driftlab.cli.main import command_parser
from driftlab.diagram import marks
from driftlab.diagram.command_line import command_line
from driftlab.diagram.event_texts import TextSearch, texts_block
from driftlab.diagram.marks import marks_of
from driftlab.diagram.offline import PAGE_FOLDER, Page, PageError, bundle, offline_page
from driftlab.diagram.svg import EVENTS_MAX, NAME_MAX, axis_places, svg_of
from driftlab.scenario.scenario import Scenario
from tests.containers import embedded, script
from tests.test_view_server import LOG

SVG = "{http://www.w3.org/2000/svg}"
NODE = which("node")
HOSTILE = "</script><script>alert(1)</script><!-- \u2028 & \" ' ]]>"


def simulated_history(**keys: Any) -> History:
    scenario = Scenario.from_dict({"rates": [6, 3, 1], "seconds": 20, "seed": 3, **keys})
    return History(simulated_trace(scenario, 1)[0])


@pytest.fixture
def violated(tmp_path: Path) -> History:
    (tmp_path / "a.csv").write_text(LOG)
    return driftlab.read(tmp_path / "a.csv")


# Marks.


def test_every_violation_is_marked_whether_it_has_words_or_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trace = simulated_history().trace
    assert trace.columns.clock is not None
    clock = trace.columns.clock.copy()
    clock[20:40] = 5
    verdict = History(trace.replace(columns=trace.columns._replace(clock=clock))).check()
    total = sum(verdict.counts.values())
    assert total > 2
    for worded, rows in ((1000, 1000), (2, 1000), (1, 1), (0, 0)):
        monkeypatch.setattr(marks, "WORDED_MAX", worded)
        monkeypatch.setattr(marks, "ROWS_MAX", rows)
        found = marks_of(verdict)
        marked = [(each["rule"], each["rows"][0]) for each in found["violations"]]
        marked += [(rule, row) for rule, those in found["more"].items() for row in those]
        assert len(marked) + found["left_out"] == total
        expected = [(each.rule, each.row) for each in verdict.violations]
        assert set(marked) <= set(expected)
        assert found["left_out"] == 0 or rows < 1000


def test_a_history_of_which_nothing_can_be_judged_neither_holds_nor_not(tmp_path: Path) -> None:
    log = tmp_path / "a.csv"
    log.write_text("process,event\na,x\n")
    found = marks_of(driftlab.read(log).check())
    assert found["holds"] is None
    assert found["headline"].startswith("undecided")


# Texts.


def test_texts_are_written_up_to_a_size_and_no_further(violated: History) -> None:
    whole, rows = texts_block(violated.trace, 10**6)
    assert rows == 4
    assert [json.loads(line)[0] for line in whole.splitlines()] == [0, 1, 2, 3]
    assert json.loads(whole.splitlines()[0])[1] == {"event": "asks <b>for</b> 7"}
    part, rows = texts_block(violated.trace, len(whole) // 2)
    assert 0 < rows < 4
    assert len(part) <= len(whole) // 2


def test_a_search_may_be_of_one_column(violated: History) -> None:
    search = TextSearch(violated.trace)
    assert search.rows("7", "event").tolist() == [0, 2]
    assert search.rows("7", "recorded").tolist() == []


# Commands.


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(rates=[6, 3, 1], seed=7),
        Scenario(rates="1..6", machines=5, runs=3, first_run=4),
        Scenario(rates=[0.1, 1 / 3], send_one=0.25, send_all=0.125, phase="aligned"),
        Scenario(rates=[1, 2], names=["x", "y-1"], process="my ring.py:Ring"),
        Scenario(machines=4, latency="lognormal:0.1,0.5", order="arrival", clock="hybrid"),
        Scenario(rates=[1, 2], offset_ms=[1.5, -2], skew_ppm=[0, 7], speed=12.5, seconds=0.5),
    ],
)
def test_the_command_of_a_scenario_describes_the_same_scenario(scenario: Scenario) -> None:
    line = command_line(scenario, "simulate")
    assert line is not None
    _, verb, *flags = shlex.split(line)
    joined = [f"{flag}={value}" for flag, value in zip(flags[::2], flags[1::2], strict=True)]
    options = command_parser(verb).parse_args(joined)
    assert chosen_scenario(options, fresh_seed=False) == scenario
    assert verb in COMMANDS


def test_a_scenario_that_flags_cannot_say_has_no_command() -> None:
    scenario = Scenario(rates=[1, 2], latencies={"A>B": "fixed:1"})
    assert command_line(scenario, "simulate") is None


# Pictures.


def test_a_picture_has_every_event_and_every_message_of_its_span() -> None:
    diagram = columns_of(simulated_history(), "three")
    root = ET.fromstring(svg_of(diagram))
    receives = int((diagram.columns["kind"] == 2).sum())
    assert len(root.findall(f".//{SVG}circle")) == diagram.events - receives
    assert len(squares_of(root)) == receives
    arrows = root.findall(f".//{SVG}g/{SVG}path")
    waiting = len(diagram.columns.get("w_send", ()))
    assert len(arrows) == diagram.messages + waiting


def squares_of(root: ET.Element) -> list[ET.Element]:
    return [each for each in root.findall(f"{SVG}rect") if each.get("width") == "5.4"]


def test_a_dense_picture_counts_every_event() -> None:
    diagram = columns_of(simulated_history(rates=[200, 150, 90], seconds=20), "dense")
    assert diagram.events > EVENTS_MAX
    root = ET.fromstring(svg_of(diagram))
    assert not root.findall(f".//{SVG}circle")
    bars = [path.get("d") for path in root.findall(f"./{SVG}path") if path.get("fill") != "none"]
    assert len(bars) == 2 * 3  # events and receives of each lane
    heights = []
    for path in bars[::2]:
        assert path is not None
        base = float(re.match(r"M[\d.]+ ([\d.]+)", path)[1])  # type: ignore[index]
        heights.append(sum(base - float(top) for top in re.findall(r"V([\d.]+)H", path)))
    counts = [lane.end - lane.start for lane in diagram.lanes]
    ratios = np.array(heights) / counts
    np.testing.assert_allclose(ratios, ratios[0], rtol=0.02)


def test_names_and_titles_are_no_markup_in_a_picture(tmp_path: Path) -> None:
    log = tmp_path / "a.csv"
    log.write_text('process,kind,lamport\n"<b>&\x07",internal,1\n')
    root = ET.fromstring(svg_of(columns_of(driftlab.read(log), HOSTILE)))
    texts = [each.text for each in root.findall(f"{SVG}text")]
    assert any(text is not None and text.startswith("</script>") for text in texts)
    assert any(text is not None and text.startswith("<b>&") for text in texts)


def test_long_names_that_differ_at_the_end_differ_in_a_picture(tmp_path: Path) -> None:
    names = [f"<b>&{'x' * 150}-{number:05d}" for number in range(3)]
    log = tmp_path / "a.csv"
    log.write_text("process,kind,lamport\n" + "".join(f'"{each}",internal,1\n' for each in names))
    root = ET.fromstring(svg_of(columns_of(driftlab.read(log), "")))
    titles = list(root.iter(f"{SVG}title"))
    assert [each.text for each in titles] == names
    assert [(each.tail or "")[-6:] for each in titles] == [each[-6:] for each in names]
    assert all(len(each.tail or "") <= NAME_MAX for each in titles)


@pytest.mark.parametrize(
    "log",
    ["process,kind\na,internal\n", "process,kind,lamport\na,internal,1\n", LOG,
     "process,time\na,2026-01-01T00:00:00Z\n"],
)  # fmt: skip
def test_a_log_of_any_columns_has_a_picture(tmp_path: Path, log: str) -> None:
    (tmp_path / "a.csv").write_text(log)
    history = driftlab.read(tmp_path / "a.csv")
    for span in (None, (0.0, 1.0), (100.0, 200.0)):
        ET.fromstring(svg_of(columns_of(history, "x"), span))


def test_a_thousand_lanes_have_a_picture() -> None:
    diagram = columns_of(simulated_history(rates="1..6", machines=1000, seconds=1), "")
    root = ET.fromstring(svg_of(diagram))
    assert int(root.get("height", "0")) < 10_000


def simulated_places(values: list[float]) -> list[float]:
    diagram = columns_of(simulated_history(seconds=1, rates=[len(values), 1]), "")
    time = diagram.columns["time"].copy()
    time[: len(values)] = values
    changed = diagram._replace(columns={**diagram.columns, "time": time})
    return list(map(float, axis_places(changed)))


def test_an_event_whose_time_falls_stands_no_further_left_than_those_before_it() -> None:
    assert simulated_places([1, 5, 3, 6])[:4] == [1, 5, 5, 6]
    assert simulated_places([1, float("nan"), 3, 2])[:4] == [1, 1, 3, 3]


# The page that opens offline.


def test_the_offline_page_asks_for_nothing(violated: History) -> None:
    page = violated.diagram().html().decode()
    assert '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';' in page
    head = page[: page.index("<body")]
    outside = re.sub(r"(?s)<script.*?</script>|<style>.*?</style>", "", page)
    for found in re.findall(r"""\b(?:src|href)\s*=\s*["']([^"']*)""", outside):
        assert not found.startswith(("http", "//", "../", "static")), found
    assert "importmap" in head
    imports = json.loads(re.search(r'<script type="importmap">(.*?)</script>', page)[1])["imports"]  # type: ignore[index]
    modules = {path.relative_to(PAGE_FOLDER).as_posix() for path in PAGE_FOLDER.rglob("*.js")}
    assert "driftlab/main.js" in imports
    assert set(imports) < {f"driftlab/{name}" for name in modules}  # the engine is in the worker
    assert all(address.startswith("data:text/javascript;base64,") for address in imports.values())


def test_modules_import_by_the_names_of_the_map(violated: History) -> None:
    page = violated.diagram().html().decode()
    imports = json.loads(re.search(r'<script type="importmap">(.*?)</script>', page)[1])["imports"]  # type: ignore[index]
    for address in imports.values():
        text = base64.b64decode(address.partition(",")[2]).decode()
        for found in re.findall(r"""\bfrom\s+["']([^"']+)["']""", text):
            assert found in imports, found


@pytest.mark.skipif(NODE is None, reason="node runs the engine")
def test_the_worker_of_an_offline_page_is_one_script_that_answers(
    tmp_path: Path, violated: History
) -> None:
    assert NODE is not None
    page = violated.diagram().html().decode()
    worker = tmp_path / "worker.js"
    worker.write_text(script(page, "worker").replace("<\\/script", "</script"))
    encoded = script(page, "data-0")
    ask = tmp_path / "ask.cjs"
    ask.write_text(
        "const fs = require('fs');\n"
        "globalThis.self = globalThis; globalThis.importScripts = () => {};\n"
        "globalThis.postMessage = (answer) => {\n"
        "  console.log(JSON.stringify(answer, (k, v) => ArrayBuffer.isView(v) ? [...v] : v));\n"
        "};\n"
        f"(0, eval)(fs.readFileSync({str(worker)!r}, 'utf8'));\n"
        f"self.onmessage({{ data: {{ id: 1, call: 'open', args: [{{ base64: {encoded!r}, "
        "deflated: true }] } });\n"
        "setTimeout(() => self.onmessage({ data: { id: 2, call: 'past', args: [3] } }), 200);\n"
    )
    done = subprocess.run([NODE, ask], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answers = {answer["id"]: answer for answer in map(json.loads, done.stdout.splitlines())}
    assert answers[1]["result"]["header"]["events"] == 4
    assert answers[2]["result"] == violated.order.past(3).tolist()


def test_texts_of_a_log_are_no_markup_in_a_page(tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    rows = [{"host": HOSTILE, "clock": 1, "event": HOSTILE}, {"host": "b", "clock": 2}]
    log.write_text("\n".join(map(json.dumps, rows)))
    history = driftlab.read(log)
    page = history.diagram(HOSTILE).html().decode()
    assert HOSTILE not in page
    assert "<script>alert" not in page
    (container,) = embedded(page)
    assert container.header["title"] == HOSTILE
    assert HOSTILE in [lane["name"] for lane in container.header["lanes"]]


def test_modules_become_functions_whatever_they_call_their_names() -> None:
    modules = {
        "main.js": 'import { a, b as c } from "./in/one.js";\nimport "./two.js";\n'
        "const x = a + c;\n"
        "self.found = x;\n",
        "in/one.js": 'import { x } from "../two.js";\nexport const a = x;\nconst y = 2;\n'
        "export { y as b };\n",
        "two.js": 'export { x } from "./three.js";\n',
        "three.js": "export const x = 40;\nexport async function f() {}\nexport class C {}\n",
    }
    text = bundle(modules, "main.js")
    assert not re.search(r"^(import|export)\b", text, re.MULTILINE)
    if NODE is not None:
        run = f"globalThis.self = globalThis; (0, eval)({text!r}); console.log(self.found)"
        done = subprocess.run([NODE, "-e", run], capture_output=True, text=True, check=False)
        assert done.stdout.strip() == "42", done.stderr


@pytest.mark.parametrize(
    "modules",
    [{"main.js": 'import "./none.js";\n'},
     {"main.js": 'import "./a.js";\n', "a.js": 'import "./main.js";\n'}],
)  # fmt: skip
def test_modules_that_are_missing_or_circular_are_told(modules: dict[str, str]) -> None:
    with pytest.raises(PageError, match="cannot be one file"):
        bundle(modules, "main.js")


def test_the_page_opens_with_the_view_that_it_was_given() -> None:
    page = offline_page([Page(columns_of(simulated_history(), ""))], "axis=clock").decode()
    assert json.loads(script(page, "offline"))["view"] == "axis=clock"


# In Python.


def test_a_history_writes_its_diagram(tmp_path: Path, violated: History) -> None:
    diagram = violated.diagram("mine", span=(0, 2))
    for name, begin in (("a.html", b"<!doctype html>"), ("a.svg", b"<svg"), ("a.png", b"\x89PNG")):
        assert diagram.save(tmp_path / name) == tmp_path / name
        assert (tmp_path / name).read_bytes().startswith(begin)
    with pytest.raises(UnknownDiagramFileError, match=r"\.html, \.svg, \.png"):
        diagram.save(tmp_path / "a.pdf")
    assert repr(diagram) == "SpaceTimeDiagram(4 events)"


def test_a_notebook_shows_the_page_without_any_right(violated: History) -> None:
    from html import unescape

    shown = violated.diagram(HOSTILE)._repr_html_()
    assert shown.startswith('<iframe sandbox="allow-scripts" srcdoc="')
    assert HOSTILE not in shown
    page = unescape(shown[shown.index('srcdoc="') + 8 : shown.index('" style=')])
    (container,) = embedded(page)
    assert container.header["events"] == 4


def test_offsets_of_own_clocks_are_recovered_for_the_corrected_axis() -> None:
    history = simulated_history(
        rates=[20, 15, 12], offset_ms=[0, 400, -300], skew_ppm=[0, 5000, -8000], seconds=60
    )
    diagram = SpaceTimeDiagram(history).columns
    ahead = diagram.columns["own"] - diagram.columns["time"]
    for lane in diagram.lanes:
        assert lane.offset is not None
        begin, end = ahead[lane.start], ahead[lane.end - 1]
        assert abs(lane.offset.at0_ns - begin) < 0.1e9
        assert abs(lane.offset.at1_ns - end) < 0.1e9


def test_a_small_history_shows_its_diagram_in_a_notebook_and_a_large_one_does_not() -> None:
    small, large = simulated_history(), simulated_history(seconds=60)
    assert len(small) < DRAWN_WHOLE_MAX < len(large)
    pictures = [re.findall(r'alt="([^"]*)"', each._repr_html_()) for each in (small, large)]
    assert "space-time diagram" in pictures[0]
    assert "space-time diagram" not in pictures[1]
