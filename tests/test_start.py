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
    *(f"{name} --help" for name in COMMANDS if name != "help"),
    *(f"{name} --nonsense" for name in COMMANDS if name != "help"),
    "--help", "--version", "--nonsense", "simulate", "simulate a b",
    "simulate a --rates", "simulate --rates 6,3,1 --runs=5 a.toml --json",
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


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("simulate --rat 1,2", "unrecognized arguments: --rat; did you mean --rates? "),
        ("run --rate 1,2", "unrecognized arguments: --rate; did you mean --rates? "),
        ("run --second 1", "unrecognized arguments: --second; did you mean --seconds? "),
        ("sim", "there is no command sim; did you mean simulate?"),
        ("re", "there is no command re; see driftlab --help"),
        ("simulte", "there is no command simulte; did you mean simulate?"),
        ("stat x", "there is no command stat; did you mean stats"),
        ("qqqq", "there is no command qqqq; see driftlab --help"),
        ("", ""),
    ],
)
def test_a_mistake_is_answered_with_what_is_near(line: str, said: str) -> None:
    status, _, errors = outcome(parse, line.split())
    assert status == 2
    assert said in errors
    assert errors.count("\n") <= 1


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "help"])
def test_help_of_a_command_is_that_of_its_flag(name: str) -> None:
    assert outcome(parse, ["help", name]) == outcome(parse, [name, "--help"])
    assert outcome(parse, ["help", name])[0] == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_every_command_and_the_flags_of_each(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from driftlab.cli.main import main

    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for name in COMMANDS:
        assert name in script
    for flag in ("rates", "pattern", "against", "trust", "overwrite"):
        assert flag in script


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
            "main", "commands", "flags", "simulate", "output", "runs_output", "terminal",
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
