"""The tutorial can be followed from top to bottom; real minutes are taken in seconds."""

import re
from pathlib import Path

from tests.test_docs import blocks_of, shell

REAL_RUN = re.compile(r"^driftlab run ")
SPEED = 200


def test_the_tutorial_ends_with_a_lab_report(tmp_path: Path) -> None:
    commands = [
        line
        for language, text in blocks_of("tutorial.md")
        if language == "sh"
        for line in text.splitlines()
    ]
    for command in commands:
        shell(REAL_RUN.sub(f"driftlab run --speed {SPEED} ", command), tmp_path)
    assert len(commands) == 8
    assert "<svg" not in (tmp_path / "first.html").read_text()[:200]
    assert "question = " in (tmp_path / "mine.toml").read_text()
    for name in ("report", "variations/report"):
        text = (tmp_path / name / "report.md").read_text()
        assert "**Question.**" in text
        assert (tmp_path / name / "report.html").stat().st_size > 50_000
    assert "is not shown" in text or "Not shown to differ" in text


def test_the_tutorial_names_only_events_that_its_run_has(tmp_path: Path) -> None:
    """C takes 60 ticks and A 360: the events of the page's last example are there."""
    names = re.findall(r"`driftlab why first (\w):(\d+) (\w):(\d+)`", tutorial_text())
    assert names == [("C", "20", "A", "100")]
    assert int(names[0][1]) < 60
    assert int(names[0][3]) < 360


def tutorial_text() -> str:
    return (Path(__file__).parent.parent / "docs" / "tutorial.md").read_text()
