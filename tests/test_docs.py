"""The examples of the documentation run and print what the documentation shows."""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from driftlab.analysis.run_statistics import STATISTICS_COLUMNS
from driftlab.cli.commands import COMMANDS
from tests.command_server import programs

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks_of(page: str) -> list[tuple[str, str]]:
    return BLOCK.findall((DOCS / page).read_text())


def shell(command: str, folder: Path) -> str:
    """Run a command as a reader would, and return what it prints."""
    path = os.pathsep.join([programs(), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "LC_ALL": "C"}
    environment.pop("COLUMNS", None)  # as wide as the pages show
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_page_of_processes_can_be_followed_from_top_to_bottom(tmp_path: Path) -> None:
    printed = ""
    commands = outputs = 0
    for language, text in blocks_of("processes.md"):
        if language == "python":
            first, _, _ = text.partition("\n")
            (tmp_path / first.removeprefix("# ")).write_text(text)
        elif language == "sh":
            for command in text.splitlines():
                printed = shell(command, tmp_path)
                commands += 1
        elif "process failed" not in text:
            assert printed == text
            outputs += 1
    assert (commands, outputs) == (11, 3)


def test_the_mutual_exclusion_of_the_page_excludes(tmp_path: Path) -> None:
    """In each run a process that enters leaves before another one enters."""
    for language, text in blocks_of("processes.md"):
        if language == "python" and text.startswith("# mutex.py"):
            (tmp_path / "mutex.py").write_text(text)
    flags = "--rates 9,5,4,1.5 --seconds 60 --latency lognormal:0.2,1 --runs 5 --seed 3"
    shell(f"driftlab simulate mutex.py:Mutex {flags} --out runs --quiet", tmp_path)
    for run in sorted((tmp_path / "runs").glob("run-*")):
        lines = shell("grep -hE 'enters|leaves' *.log | sort", run).splitlines()
        inside = [line.split("\t")[-1] for line in lines]
        assert len(inside) > 10
        assert inside[::2] == ['["enters"]'] * len(inside[::2])
        assert inside[1::2] == ['["leaves"]'] * len(inside[1::2])


def test_the_page_of_clocks_shows_what_its_example_prints(tmp_path: Path) -> None:
    blocks = [text for _, text in blocks_of("clocks.md")]
    (tmp_path / "clocks.py").write_text(blocks[0])
    assert shell(blocks[1], tmp_path) == blocks[2]


def test_the_page_of_histories_can_be_followed_from_top_to_bottom(tmp_path: Path) -> None:
    printed, outputs = "", 0
    for language, text in blocks_of("history.md"):
        if language == "python":
            first, _, _ = text.partition("\n")
            (tmp_path / first.removeprefix("# ")).write_text(text)
        elif language == "sh":
            printed = [shell(command, tmp_path) for command in text.splitlines()][-1]
        else:
            assert printed == text
            outputs += 1
    assert outputs == 2


@pytest.mark.parametrize(
    ("page", "examples"), [("checking.md", 6), ("order.md", 6), ("plots.md", 2)]
)
def test_the_pages_of_the_judge_can_be_followed_from_top_to_bottom(
    page: str, examples: int, tmp_path: Path
) -> None:
    printed, outputs = "", 0
    for language, text in blocks_of(page):
        if language == "python":
            first, _, _ = text.partition("\n")
            (tmp_path / first.removeprefix("# ")).write_text(text)
        elif language == "sh":
            printed = [shell(command, tmp_path) for command in text.splitlines()][-1]
        elif language == "":
            assert printed == text
            outputs += 1
    assert outputs == examples


def test_the_page_of_studies_can_be_followed_from_top_to_bottom(tmp_path: Path) -> None:
    printed, outputs = "", 0
    for language, text in blocks_of("studies.md"):
        if language == "python":
            first, _, _ = text.partition("\n")
            (tmp_path / first.removeprefix("# ")).write_text(text)
        elif language == "sh":
            printed = shell(f"{{ {text.strip()}; }} 2>&1", tmp_path)
        elif language == "toml":
            assert (tmp_path / "mine.toml").read_text() == text
        else:
            assert printed.startswith(text)
            outputs += 1
    assert outputs == 5


def test_the_page_of_formats_can_be_followed_from_top_to_bottom(tmp_path: Path) -> None:
    printed = ""
    outputs = 0
    for language, text in blocks_of("formats.md"):
        if language == "sh":
            printed = shell(text, tmp_path)
        else:
            assert printed == text
            outputs += 1
    assert outputs == 19


def test_the_page_of_metrics_can_be_followed_from_top_to_bottom(tmp_path: Path) -> None:
    printed, outputs = "", 0
    for language, text in blocks_of("figures.md"):
        if language == "python":
            first, _, _ = text.partition("\n")
            (tmp_path / first.removeprefix("# ")).write_text(text)
        elif language == "sh":
            printed = shell(text, tmp_path)
        else:
            assert printed.removeprefix("minute\n") == text  # --quiet prints the folder alone
            outputs += 1
    assert outputs == 4


def test_the_page_of_metrics_defines_every_statistic() -> None:
    page = (DOCS / "figures.md").read_text()
    stems = {name.removesuffix("_low").removesuffix("_high") for name in STATISTICS_COLUMNS}
    quantiles = re.compile(r"_p\d+$")
    for name in stems - {name for name in stems if quantiles.search(name)}:
        figure, _, part = name.partition("_")
        inside = figure in ("jump", "queue", "events", "lateness")
        assert f"`{figure}.{part}`" in page or f"`{figure if inside else name}" in page, name


def test_the_page_of_restamping_shows_what_its_examples_print(tmp_path: Path) -> None:
    printed = ""
    outputs = 0
    for language, text in blocks_of("restamp.md"):
        if language == "sh":
            for command in text.splitlines():
                printed = shell(command, tmp_path)
        else:
            assert printed.startswith(text)
            outputs += 1
    assert outputs == 3


def test_the_python_examples_of_the_readme_run(tmp_path: Path) -> None:
    """The Python examples and the process, unchanged."""
    text = (DOCS.parent / "README.md").read_text()
    examples = [code for language, code in BLOCK.findall(text) if language == "python"]
    assert len(examples) == 3
    for number, code in enumerate(examples):
        name = "ring.py" if code.startswith("# ring.py") else f"example{number}.py"
        (tmp_path / name).write_text(code)
        shell(f"python {name}", tmp_path)
    printed = shell(
        "driftlab simulate ring.py:Ring --rates 6,3,1 --clock vector --seed 1", tmp_path
    )
    assert "process failed" not in printed


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_a_page_links_only_to_what_is_there(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)", (DOCS / page).read_text()):
        assert target.startswith("http") or (DOCS / target).exists(), target


def test_every_flag_of_every_command_is_documented() -> None:
    pages = [ROOT / "README.md", *DOCS.glob("*.md")]
    text = "\n".join(page.read_text() for page in pages)
    documented = set(re.findall(r"--[a-z][a-z-]*", text))
    for command, about in COMMANDS.items():
        parser = argparse.ArgumentParser()
        about.add_flags(parser)
        flags = {flag for action in parser._actions for flag in action.option_strings}
        long = {flag for flag in flags if flag.startswith("--")}
        assert long - {"--help"} <= documented, command


def test_every_command_is_in_the_table_of_the_readme() -> None:
    rows = [row for row in (ROOT / "README.md").read_text().splitlines() if row.startswith("| `")]
    assert {word for row in rows for word in re.findall(r"\w+", row)} >= set(COMMANDS)


def test_the_readme_links_only_to_what_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text()):
        assert target.startswith("http") or (ROOT / target).exists(), target
