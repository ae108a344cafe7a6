#!/usr/bin/env python3
"""Run and test driftlab from a clone: `python3 lab.py run`, `python3 lab.py test`.

Needs Python 3.11 or newer, pip and git, and no preparation: each command makes
an environment below `.lab`, or renews it if its inputs have changed, and runs in
it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE / ".lab"
# Most tests wait for real machines or processes, so three at a time keep two cores busy.
THREE_AT_A_TIME = ["-n", "3", "--dist", "worksteal"]
USAGE = """usage: python3 lab.py COMMAND [flags]

  run [flags]   run the machines, as `driftlab run` does
  driftlab ...  run any driftlab command, such as `driftlab --help`
  test          run every check: lint, types, tests, coverage (what CI runs)
  soak          run the long tests
  bench         run the benchmarks; flags are those of `python -m benchmarks`
  env           make the development environment and print its folder

Each command makes its environment below .lab when it is first used.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command that the first argument names and return the exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036 - an older Python may run this file
        print(f"driftlab needs Python 3.11 or newer; this is {sys.version.split()[0]}")
        return 2
    os.environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    command, flags = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    if command == "run":
        _become(_user_environment(), "driftlab", ["run", *flags])
    elif command == "driftlab":
        _become(_user_environment(), "driftlab", flags)
    elif command == "test" and not flags:
        return _test()
    elif command == "soak":
        _become(_developer_environment(), "pytest", ["-m", "slow", *flags], str(HERE))
    elif command == "bench":
        _become(_developer_environment(), "python", ["-m", "benchmarks", *flags], str(HERE))
    elif command == "env" and not flags:
        print(_developer_environment())
        return 0
    if command in ("help", "--help", "-h"):
        print(USAGE, end="")
        return 0
    problem = ""
    if arguments:
        given = " ".join(arguments)
        hint = f"a command of driftlab is run by: python3 {sys.argv[0]} driftlab {given}"
        problem = f"lab.py: there is no `{given}`; {hint}\n\n"
    print(problem + USAGE, end="", file=sys.stderr)
    return 2


def _become(environment: Path, program: str, arguments: Sequence[str], folder: str = ".") -> None:
    """Replace this process with a program of an environment, so that it gets signals itself."""
    os.chdir(folder)
    os.environ["DRIFTLAB_COMMAND"] = f"python3 {sys.argv[0]} driftlab"
    path = str(environment / "bin" / program)
    os.execv(path, [path, *arguments])


def _test() -> int:
    """Run every check, print those that failed, and return the exit status."""
    environment = _developer_environment()
    checks = {
        "lint": ("ruff", ["check", "."]),
        "format": ("ruff", ["format", "--check", "."]),
        "types": ("mypy", []),
        # Tests start hundreds of short processes, which should not compile the same files again.
        "bytecode": ("python", ["-m", "compileall", "-q", "src", "tests"]),
        "erase": ("coverage", ["erase"]),
        # Tests have time limits, and compiling takes as long as many of them.
        "compile": ("python", ["-m", "tests.warm_up"]),
        "browser": ("python", ["-m", "tests.browser.chromium"]),
        "tests": (
            "coverage",
            ["run", "-m", "pytest", "-m", "not slow", "--durations=40", *THREE_AT_A_TIME],
        ),
        "accelerated": ("python", ["-m", "tests.accelerated_build"]),
        "combine": ("coverage", ["combine", "--quiet"]),
        "coverage": ("coverage", ["report"]),
    }
    failed = [name for name, call in checks.items() if _check(environment, name, *call)]
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def _check(environment: Path, name: str, program: str, arguments: Sequence[str]) -> int:
    print(f"\n== {name}", flush=True)
    return subprocess.call([str(environment / "bin" / program), *arguments], cwd=HERE)


def _user_environment() -> Path:
    sources = sorted(
        path
        for path in (HERE / "src").rglob("*")  # the page's modules and styles too
        if path.is_file() and "__pycache__" not in path.parts
    )
    return _environment("user", [HERE / "pyproject.toml", *sources], [["install", "-q", str(HERE)]])


def _developer_environment() -> Path:
    locked = ["install", "-q", "--require-hashes", "-r", str(HERE / "dev.lock")]
    ours = ["install", "-q", "--no-deps", "--no-build-isolation", "-e", str(HERE)]
    return _environment("dev", [HERE / "pyproject.toml", HERE / "dev.lock"], [locked, ours])


def _environment(name: str, inputs: Sequence[Path], installs: Sequence[Sequence[str]]) -> Path:
    """Return the folder of an environment, made or renewed if it does not fit its inputs.

    name: of the folder below `.lab`. inputs: the files it depends on. installs: the
    arguments of pip, one call each.
    """
    folder = ENVIRONMENTS / name
    stamp = folder / "made-from"
    digest = hashlib.sha256(f"{sys.executable} {sys.version}".encode())
    for path in inputs:
        digest.update(str(path.relative_to(HERE)).encode() + path.read_bytes())
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return folder
    print(f"making the environment {folder.relative_to(HERE)} …", file=sys.stderr, flush=True)
    # -P: no module in the working folder takes the place of one of the standard library.
    # Some systems ship venv without pip; the pip of this Python installs into the environment.
    _run([sys.executable, "-P", "-m", "venv", "--clear", "--without-pip", str(folder)])
    pip = [sys.executable, "-P", "-m", "pip", "--python", str(folder / "bin" / "python")]
    for install in installs:
        _run([*pip, *install])
    stamp.write_text(digest.hexdigest())
    return folder


def _run(command: Sequence[str]) -> None:
    status = subprocess.call(command)
    if status:
        print(f"failed: {' '.join(command)}", file=sys.stderr)
        sys.exit(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
