"""A report as people get it: the folder, what it says of odd runs, and that nobody breaks it."""

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import driftlab
from driftlab.cli.main import main
from driftlab.history.trace import Trace
from driftlab.report.document import Document
from driftlab.report.files import PathTakenError, write_report
from driftlab.report.render import code_block, inline_svg, markdown_of, markdown_text, prose
from driftlab.report.reports import report_on
from driftlab.report.run_report import report_on_groups
from driftlab.report.sources import ReportedRun, ReportedRuns
from driftlab.scenario.scenario import Scenario

NOT_OF_TABLES = {"clocks-hold", "clocks-violated", "broken", "unread", "more", "missing"}
WORDS_WITH_NUMBERS = (
    "95 %", r"from \d+ parts", r"over \d+ runs", r"in each of \d+ \w+", "1 interval in 20",
    "more than 1 at once", "within 10 %", r"[Oo]f \d+ runs", "excludes 0",
)  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one simulated run, several, and some of different scenarios."""
    folder = tmp_path_factory.mktemp("runs")
    one = Scenario(rates=[6, 3, 1], seconds=60, seed=3)
    driftlab.simulate(one, out=folder / "one")
    driftlab.simulate(Scenario(seconds=60, seed=2, runs=4), out=folder / "four")
    driftlab.simulate(one, out=folder / "mixed" / "a")
    driftlab.simulate(one.replace(seed=4), out=folder / "mixed" / "b")
    driftlab.simulate(one.replace(faces=5), out=folder / "mixed" / "c")
    return folder


@pytest.fixture(scope="module")
def documents(runs: Path) -> dict[str, Document]:
    """Return the reports about all of them."""
    return {name: report_on(runs / name) for name in ("one", "four", "mixed")}


@pytest.fixture(scope="module")
def written(documents: dict[str, Document], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the report of one run."""
    out = tmp_path_factory.mktemp("report") / "out"
    write_report(documents["one"], out)
    return out


def texts(document: Document) -> list[str]:
    return [finding.text for finding in document.findings]


def kinds(document: Document) -> set[str]:
    return {finding.kind for finding in document.findings}


def headings(document: Document) -> list[str]:
    return [section.heading for section in document.sections]


def numbers_of_tables(document: Document) -> Iterator[float]:
    for table in document.tables:
        for row in table.frame.rows():
            yield from (float(value) for value in row if isinstance(value, int | float))


@pytest.mark.parametrize("name", ["one", "four"])
def test_the_numbers_of_the_text_are_those_of_the_tables(
    documents: dict[str, Document], name: str
) -> None:
    document = documents[name]
    known = [abs(value) for value in numbers_of_tables(document)]
    checked = 0
    for finding in document.findings:
        if finding.kind in NOT_OF_TABLES:
            continue
        text = re.sub("|".join(WORDS_WITH_NUMBERS), "", finding.text)
        for token in re.findall(r"\d+(?:\.\d+)?", text):
            decimals = len(token.partition(".")[2])
            shown = {f"{factor * value:.{decimals}f}" for value in known for factor in (1, 100)}
            assert token in shown, f"{token} in: {finding.text}"
            checked += 1
    assert checked > 30


class Page(HTMLParser):
    """What a page loads, and the identifiers in it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            is_link = name in ("src", "href", "xlink:href", "srcset", "data", "action")
            if is_link and not str(value).startswith("#"):
                self.loads.append(str(value))


def test_the_page_needs_no_other_file_and_has_every_figure_twice(written: Path) -> None:
    page = Page()
    text = (written / "report.html").read_text()
    page.feed(text)
    names = [path.stem for path in (written / "figures").glob("*.svg")]
    assert page.loads == []
    assert "script" not in page.tags
    assert "url(http" not in text
    assert "@import" not in text
    assert page.tags.count("svg") == 2 * len(names)  # for wide and for narrow screens
    assert len(page.ids) == len(set(page.ids))


def test_every_figure_is_there_in_three_forms_and_with_its_numbers(written: Path) -> None:
    names = {path.stem for path in (written / "figures").glob("*.svg")}
    assert {"clock", "drift", "jumps", "queue", "events", "prediction"} <= names
    for name in names:
        assert (written / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (written / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (written / "tables" / f"figure-{name}.csv").stat().st_size > 20


def test_the_markdown_links_to_what_is_there_and_leaves_room_for_answers(written: Path) -> None:
    text = (written / "report.md").read_text()
    links = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    tables = re.findall(r"`(tables/[^`]+)`", text)
    assert len(links) > 5
    assert len(tables) > 5
    assert all((written / link).is_file() for link in (*links, *tables))
    assert text.count("**Question.**") == text.count("*Answer:*") > 2
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)


def test_of_one_run_no_interval_over_runs_is_claimed_and_of_several_each_has_one(
    documents: dict[str, Document],
) -> None:
    assert not any("over " in text and "runs)" in text for text in texts(documents["one"]))
    several = documents["four"]
    assert any("over 4 runs" in text for text in texts(several))
    assert any(text.startswith("The slowest machine") for text in texts(several))
    assert "runs" in {table.name for table in several.tables}


def test_runs_of_different_scenarios_are_told_apart(documents: dict[str, Document]) -> None:
    document = documents["mixed"]
    parts = [heading for heading in headings(document) if heading.startswith("Scenario")]
    assert len(parts) == 2
    assert "2 runs" in parts[0]
    for things in (document.figures, document.tables):
        names = [each.name for each in things]
        assert len(names) == len(set(names))
        assert {name.split("-")[1] for name in names} == {"1", "2"}


# Odd runs.


def doctored(history: driftlab.History, scenario: Scenario, **changes: object) -> Document:
    """Return the report of a run whose trace was changed."""
    trace: Trace = history.trace.replace(**changes)
    run = ReportedRun("run", driftlab.History(trace), scenario, {})
    return report_on_groups([ReportedRuns(scenario, [run])], "run")


def test_a_late_run_says_so_first(runs: Path) -> None:
    history = driftlab.read(runs / "one")
    trace = history.trace
    late = np.zeros(len(trace), np.int64)
    rows = trace.rows_of(0)
    late[rows.start + 5 : rows.start + 54] = 10**9  # 49 of A's ticks, of 1/6 s
    document = doctored(
        history,
        Scenario(rates=[6, 3, 1], seconds=60, seed=3),
        columns=trace.columns._replace(late_ns=late),
        process_info=[info._replace(simulated=False) for info in trace.process_info],
    )
    first = document.warnings[0].text
    assert first.startswith("late: 49 ticks of A (13.6 % of them) began more than a period late; ")
    assert "another experiment" in first
    assert "lateness" in kinds(document)
    text = markdown_of(document)
    assert text.index("late: 49 ticks") < text.index("## Rates")
    assert "a tick of A, 1000 ms after" in text  # one unit in sentences, tables and figures
    [table] = [each for each in document.tables if each.name == "rates"]
    place = table.heads.index("largest lateness, ms")
    assert [row[place] for row in table.rows] == ["1000", "0", "0"]
    assert table.frame["lateness_us_max"].to_list() == [1e6, 0, 0]
    assert "µs" not in text


def test_a_broken_run_names_the_machines_that_broke(runs: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(runs / "one", broken)
    lines = (broken / "B.log").read_text().splitlines(keepends=True)
    (broken / "B.log").write_text("".join(lines[:60]) + lines[60][:9])
    (broken / "C.log").unlink()
    document = report_on(broken)
    warned = " ".join(finding.text for finding in document.warnings)
    assert "B did not take every tick (cut off)" in warned
    assert "C did not take every tick (no journal)" in warned
    assert "1 line of the logs could not be read and is in no figure." in warned
    assert "(cut off)" in markdown_of(document)


def test_a_run_that_is_not_whole_is_in_no_mean_but_in_the_table_of_runs(
    runs: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "four"
    shutil.copytree(runs / "four", broken)
    journal = broken / "run-2" / "B.log"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:40]))
    document = report_on(broken)
    warned = [finding.text for finding in document.warnings]
    assert any(text.startswith("1 of 4 runs is incomplete and left out") for text in warned)
    assert any("B (run run-2) did not take every tick" in text for text in warned)
    tables = {table.name: table.frame for table in document.tables}
    assert tables["clocks"]["runs"].to_list() == [3, 3, 3]
    assert tables["runs"]["run"].n_unique() == 4
    assert any("over 3 runs" in text for text in texts(document))


def test_a_machine_without_events_and_one_with_a_single_event(tmp_path: Path) -> None:
    scenario = Scenario(rates=[0.01, 0.1, 6], seconds=10, phase="aligned", seed=4)
    driftlab.simulate(scenario, out=tmp_path / "run")
    (tmp_path / "run" / "A.log").write_text("")
    document = report_on(tmp_path / "run")
    said = " ".join(texts(document))
    assert "B has one event in its log" in said
    assert "B's queue" not in said
    assert "| B | 1 |" in markdown_of(document)


HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Return a log whose processes have names that are markup."""
    rows = [
        f"{HOSTILE},1,internal,2026-01-01T00:00:00Z",
        f"{HOSTILE},2,send,2026-01-01T00:00:01Z",
        f"{HOSTILE},3,internal,2026-01-01T00:00:02Z",
        "a|b `c` *d* _e_ [f](g) ]]>,3,receive,2026-01-01T00:00:03Z",
        "a|b `c` *d* _e_ [f](g) ]]>,9,internal,2026-01-01T00:00:04Z",
    ]
    log = tmp_path / "hostile.csv"
    log.write_text("\n".join(["host,clock,event,time", *rows]) + "\n")
    return log


RING = """
from driftlab import Process, Record, Send


class Ring(Process):
    def idle(self):
        if self.machine.name == "A" and self.machine.tick == 0:
            return Send("B", 1)

    def receive(self, message):
        following = self.machine.names[(self.machine.position + 1) % self.machine.size]
        return [Record(message.payload), Send(following, message.payload + 1)]
"""


def test_of_a_process_of_ones_own_nothing_is_said_that_is_of_the_die(tmp_path: Path) -> None:
    (tmp_path / "ring.py").write_text(RING)
    process = f"{tmp_path / 'ring.py'}:Ring"
    scenario = Scenario(rates=[60, 1, 60], seconds=30, process=process, seed=1)
    driftlab.simulate(scenario, out=tmp_path / "run")
    document = report_on(tmp_path / "run")
    assert "of its own choice" not in " ".join(texts(document))
    assert {"utilisation", "clocks-hold"} <= kinds(document)
    assert "saturated" not in kinds(document)


def test_several_paths_are_one_report(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mixed = report_on(runs / "mixed" / "a", runs / "mixed" / "b", runs / "mixed" / "c")
    assert len([one for one in headings(mixed) if one.startswith("Scenario")]) == 2
    alike = report_on(runs / "mixed" / "a", runs / "mixed" / "b")
    assert any("over 2 runs" in text for text in texts(alike))
    twice = report_on(runs / "four", runs / "mixed" / "a")
    names = {name for table in twice.tables if "run" in table.frame.columns
             for name in table.frame["run"].to_list()}  # fmt: skip
    assert "four/run-1" in names
    assert main(["report", str(runs / "one"), str(runs / "one")]) == 2
    assert "given before" in capsys.readouterr().err


def test_what_is_no_run_is_reported_alone(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sweep.parquet"
    driftlab.sweep(Scenario(rates=[3, 2, 1], seconds=5), {"faces": [4, 10]}, runs=3, out=file)
    assert main(["report", str(runs / "one"), str(file)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "is a sweep, which is reported alone" in line


def test_late_ticks_are_said_once_in_a_report(runs: Path) -> None:
    history = driftlab.read(runs / "one")
    trace = history.trace
    late = np.zeros(len(trace), np.int64)
    for process in range(3):
        rows = trace.rows_of(process)
        late[rows.start + 2 : rows.start + 9] = 2 * 10**9
    document = doctored(
        history,
        Scenario(rates=[6, 3, 1], seconds=60, seed=3),
        columns=trace.columns._replace(late_ns=late),
        process_info=[info._replace(simulated=False) for info in trace.process_info],
    )
    assert markdown_of(document).lower().count("began more than a period late") == 1
    assert document.warnings[0].text.startswith("late: 21 ticks (A 7, B 7 and C 7; ")


def test_the_share_of_a_rate_is_called_what_it_is(runs: Path) -> None:
    """Late ticks are counted in a column of their own; the share is of the rate alone."""
    history = driftlab.read(runs / "one")
    trace = history.trace
    late = np.full(len(trace), 10**7, np.int64)
    late[::2] = 2 * 10**9
    document = doctored(
        history,
        Scenario(rates=[6, 3, 1], seconds=60, seed=3),
        columns=trace.columns._replace(late_ns=late),
        process_info=[info._replace(simulated=False) for info in trace.process_info],
    )
    table = next(each for each in document.tables if each.name == "rates")
    assert "in time" not in " ".join(table.heads)
    place = table.heads.index("achieved share of the rate")
    assert float(table.rows[0][place]) > 0.9
    assert float(table.rows[0][table.heads.index("late ticks")]) > 0


def test_names_that_are_markup_stay_names(hostile: Path, tmp_path: Path) -> None:
    document = report_on(hostile)
    assert any(HOSTILE in text for text in texts(document))
    write_report(document, tmp_path / "out")
    page, text = Page(), (tmp_path / "out" / "report.html").read_text()
    page.feed(text)
    assert "script" not in page.tags
    assert HOSTILE not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    markdown = (tmp_path / "out" / "report.md").read_text()
    assert "<script" not in markdown
    table = [line for line in markdown.splitlines() if line.startswith("| ")]
    columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table if r"a\|b" in line}
    heads = {len(re.findall(r"(?<!\\)\|", line)) for line in table if line.startswith("| machine")}
    assert columns <= heads


def test_a_foreign_log_says_which_figures_it_does_not_allow(hostile: Path) -> None:
    document = report_on(hostile)
    said = " ".join(document.figures_absent)
    assert "queue: the log has no queue lengths" in said
    assert "prediction: the log does not say which scenario it is of" in said
    assert "Queues" not in headings(document)
    assert "Beside theory" not in headings(document)
    assert "What was run" not in headings(document)


def test_markdown_shows_texts_as_they_are() -> None:
    assert markdown_text("1. a") == "1\\. a"
    assert markdown_text("# a\nb") == "\\# a b"
    assert markdown_text("vm_1 5.70 ticks") == "vm_1 5.70 ticks"
    assert markdown_text("_x_ & <b>") == "\\_x\\_ &amp; &lt;b&gt;"
    assert code_block("a\n```\nb").startswith("````\n")


def test_a_line_of_a_page_does_not_end_before_a_unit_or_within_a_flag() -> None:
    assert prose("9 s <b> 5 % of 3 sets; lower --speed") == (
        '9\xa0s &lt;b&gt; 5\xa0% of 3 sets; lower <span class="flag">--speed</span>'
    )


def test_identifiers_of_an_inline_picture_are_its_own() -> None:
    svg = '<?xml?><svg><clipPath id="c"/><g clip-path="url(#c)"/><use href="#c"/></svg>'
    assert inline_svg(svg, "queue") == (
        '<svg><clipPath id="queue-c"/><g clip-path="url(#queue-c)"/><use href="#queue-c"/></svg>'
    )


# The command.


def test_a_path_that_exists_is_refused_and_replaced_only_when_told(
    hostile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "made" / "out"
    command = ["report", str(hostile), "--execution", "1", "--out", str(out)]
    assert main([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {Path(file).name for file in document["files"]} >= {"report.html", "report.md"}
    assert document["findings"]
    assert main(command) == 2
    assert "exists; name another folder with --out" in capsys.readouterr().err

    (out / "report.md").write_text("what I wrote")
    (out / "notes.txt").write_text("mine")
    (out / "figures" / "stale.svg").write_text("old")
    assert main([*command, "--overwrite"]) == 0
    assert (out / "report.old.md").read_text() == "what I wrote"
    assert (out / "notes.txt").read_text() == "mine"
    assert not (out / "figures" / "stale.svg").exists()
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_a_file_is_never_replaced_by_a_folder(
    documents: dict[str, Document], tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(PathTakenError, match="is not a folder"):
        write_report(documents["one"], taken, overwrite=True)
    assert taken.read_text() == "mine"


def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path / "nothing")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
