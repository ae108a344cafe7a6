"""No text of a log comes into a picture or a page that the file cannot hold."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from driftlab.api.read import read
from driftlab.cli.main import main
from driftlab.figures.figure import Figure
from driftlab.figures.output import SUFFIXES, render
from driftlab.figures.run_figures import run_figures
from driftlab.plain_text import plain, plain_lines
from driftlab.report.files import write_report
from driftlab.report.run_report import report_on_runs

NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# A character of every kind that is escaped, among the ends of their ranges.
UNSAFE = "\x00\x07\x0b\x1b\x1f\x7f\x85\x9f\u00ad\u202e\u2066\ufeff\ufffe\uffff\U000e0041"
# What an escape turns into once more, if anything reads it as one; and what ends a quoted text.
ESCAPES = ("\\x1b", "\\u0000", "\\", "\\'", "'", '"', "\\n", "${1}")


def log_of(names: "list[str]", path: Path, events: int = 15) -> Path:
    """Write a log of JSON lines whose processes have these names."""
    lines = [
        {"process": name, "time": 0.1 * (tick * len(names) + place), "lamport": 1 + tick * place,
         "event": "x", "queue": tick % 3}
        for tick in range(events)
        for place, name in enumerate(names)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return logs in which each strange name is among the machines, and one is the fastest."""
    folder = tmp_path_factory.mktemp("names")
    unsafe = [f"{place}{character}" for place, character in enumerate(UNSAFE)]
    groups = [unsafe[:6], unsafe[6:11], unsafe[11:], list(ESCAPES[:4]), list(ESCAPES[4:])]
    groups += [[name, "q"] for name in ("\x1b[31m", *ESCAPES)]
    return [log_of(names, folder / f"{place}.jsonl") for place, names in enumerate(groups)]


def figures_of(log: Path) -> list[Figure]:
    return run_figures(read(log).trace)


def test_every_unsafe_character_is_written_by_its_code() -> None:
    shown = plain(UNSAFE + "\ud800")
    assert shown.isprintable()
    assert NOT_XML.search(shown) is None
    assert shown.encode().decode("unicode_escape").startswith("\x00\x07\x0b\x1b")
    assert plain("\u00e9 \u200d \u65e5") == "\u00e9 \u200d \u65e5"
    assert plain_lines("a\nb\x07") == "a\nb\\x07"


def test_every_name_can_be_drawn(logs: list[Path]) -> None:
    for log in logs:
        figures = figures_of(log)
        for figure in figures:
            picture = render([figure], ".svg").decode()
            assert NOT_XML.search(picture) is None
            ElementTree.fromstring(picture)
        for suffix in SUFFIXES:
            content = render(figures, suffix)
            if suffix == ".html":
                page = content.decode()
                assert NOT_XML.search(page[page.index("<body>") :]) is None


def test_names_are_told_apart_and_shown_by_their_codes(tmp_path: Path) -> None:
    log = log_of(["\x1b[31m", "\x07", "q"], tmp_path / "log.jsonl")
    clock = next(figure for figure in figures_of(log) if figure.name == "clock")
    assert clock.data["machine"].unique().sort().to_list() == ["\\x07", "\\x1b[31m", "q"]
    picture = render([clock], ".svg").decode()
    assert "\\x1b[31m" in picture
    assert "\\x07" in picture


def test_every_name_can_be_reported(logs: list[Path], tmp_path: Path) -> None:
    for log in logs[:5]:
        out = tmp_path / log.stem
        write_report(report_on_runs(log), out)
        for path in [*out.glob("*.*"), *out.glob("figures/*.svg")]:
            assert NOT_XML.search(path.read_text()) is None, path
            assert "\u202e" not in path.read_text()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_commands_draw_a_log_with_such_names(
    suffix: str, logs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"figures{suffix}"
    assert main(["plot", str(logs[0]), "clock", "--out", str(out)]) == 0
    assert NOT_XML.search(capsys.readouterr().out) is None
    assert out.stat().st_size > 0
