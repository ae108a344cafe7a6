"""The page of documentation: its examples run, and its pictures are what they write."""

from pathlib import Path

from tests.test_docs import DOCS, blocks_of, shell


def test_the_page_of_the_diagram_can_be_followed_from_top_to_bottom(tmp_path: Path) -> None:
    printed, outputs = "", 0
    for language, text in blocks_of("view.md"):
        if language == "python":
            first, _, _ = text.partition("\n")
            (tmp_path / first.removeprefix("# ")).write_text(text)
        elif language == "sh":
            printed = [shell(command, tmp_path) for command in text.splitlines()][-1]
        elif not text.startswith("driftlab"):  # of those nobody waits for the end
            assert printed == text
            outputs += 1
    assert outputs == 1
    for name in ("minute.svg", "saturated.svg"):
        assert (DOCS / "pictures" / name).read_text() == (tmp_path / name).read_text(), (
            f"copy the file that the page's commands write: docs/pictures/{name}"
        )
    for name in ("minute.html", "minute.png", "ten-seconds.html"):
        assert (tmp_path / name).stat().st_size > 10_000
