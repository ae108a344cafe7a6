"""`driftlab` starts lightly: one command's parser and modules, the same words as with all."""

import argparse
import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from driftlab.cli.commands import COMMANDS
from driftlab.cli.main import build_parser, parse

HEAVY = {
    "dataclasses", "inspect", "json", "locale", "logging", "multiprocessing", "numba", "numpy",
    "pathlib", "polars", "rich", "shutil", "signal", "tempfile", "threading",
}  # fmt: skip


def outcome(parsing: object, arguments: list[str]) -> tuple[object, str, str]:
    """Return what parsing gives or how it exits, and all that it prints."""
    out, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        try:
            result: object = vars(parsing(arguments))  # type: ignore[operator]
        except SystemExit as end:
            result = end.code
    return result, out.getvalue(), errors.getvalue()


def parse_with_all(arguments: list[str]) -> argparse.Namespace:
    """Parse with the parser of all commands; an unknown argument is reported by its command."""
    parser = build_parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.prog = f"driftlab {options.command}"
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return options


LINES = [
    *(f"{name} --help" for name in COMMANDS),
    *(f"{name} --nonsense" for name in COMMANDS),
    "", "--help", "--version", "nonsense", "--nonsense", "simulate", "simulate a b",
    "simulate a --rates", "simulate --rates 6,3,1 --runs=5 a.toml --json", "simulate --rat 1,2",
    "simulate --record none", "simulate --version", "simulate -- a", "simulate -x", "simulate -h",
    "check", "check a --only b --only c", "cut a", "cut a --at 1 --clock 2", "why a b c d",
    "machine", "machine A --at A=x:1 --at B=y:2", "restamp a", "convert a b --to csv", "pack",
    "scenarios --json", "scenarios x", "simulate --rates=-1,2",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_the_parser_of_one_command_does_what_that_of_all_does(line: str) -> None:
    arguments = line.split()
    expected = outcome(parse_with_all, arguments)
    assert outcome(parse, arguments) == expected
    assert not isinstance(expected[0], dict) or expected[0]["command"] == arguments[0]


def test_a_small_simulation_imports_little(tmp_path: Path) -> None:
    script = (
        "import sys; before = set(sys.modules); sys.argv = ['driftlab', *sys.argv[1:]];"
        "from driftlab.cli.main import main; status = main();"
        "print(*sorted(set(sys.modules) - before), file=sys.stderr); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "simulate", "--rates", "6,3,1"],
        capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path,
    )  # fmt: skip
    loaded = set(done.stderr.split())
    assert loaded & HEAVY == set()
    ours = {name for name in loaded if name.startswith("driftlab")}
    assert len(ours) < 60
    assert {name for name in ours if name.startswith("driftlab.cli.")} <= {
        f"driftlab.cli.{name}"
        for name in (
            "main", "commands", "flags", "simulate", "output", "runs_output",
        )
    }  # fmt: skip


def test_only_a_process_of_its_own_has_its_garbage_frozen() -> None:
    script = (
        "import gc, sys; from driftlab.cli.main import main\n"
        "main(['scenarios']); print(gc.isenabled(), gc.get_freeze_count())\n"
        "sys.argv = ['driftlab', 'scenarios']; main()\n"
        "print(gc.isenabled(), gc.get_freeze_count() > 1000)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(("True", "False"))]
    assert lines == ["True 0", "True True"]


def test_argparse_is_imported_without_gettext_and_others_still_get_it() -> None:
    script = (
        "import sys; from driftlab.cli.main import parse\n"
        "print('gettext' in sys.modules, parse(['scenarios']).command)\n"
        "import gettext; print(gettext.translation.__name__)\n"
        "parse(['simulate', '--rates'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["False", "scenarios", "translation"]
    assert done.stderr.startswith("driftlab simulate: argument --rates: expected one argument;")
