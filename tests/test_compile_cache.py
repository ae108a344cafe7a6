"""The cache of compiled code: it knows its sources, and its faults cost time, never the run."""

import ast
import ctypes
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import driftlab
from driftlab.jit import CompileCache, label
from driftlab.simulator.compiled import (
    calendar_queue,
    eligibility,
    jit_rules,
    mailbox,
    many_runs_kernel,
    many_runs_step,
    run_kernel,
)
from driftlab.simulator.compiled.eligibility import CACHE
from tests.started import DRIFTLAB, linux_only

PACKAGE = Path(driftlab.__file__).parent
KERNELS = (many_runs_kernel, many_runs_step, calendar_queue, jit_rules, mailbox, run_kernel)


def compiled_functions() -> list[FunctionType]:
    """Return every function that is compiled into a kernel, the rules of the machines, too."""
    return [
        value.py_func
        for module in KERNELS
        for value in vars(module).values()
        if hasattr(value, "py_func")
    ]


def imports_of(path: str) -> dict[str, str]:
    """Return the names that a file imports from driftlab, each with the file it is from."""
    imports = {}
    for part in ast.walk(ast.parse(Path(path).read_text())):
        if isinstance(part, ast.ImportFrom) and (part.module or "").startswith("driftlab."):
            for alias in part.names:
                inner = PACKAGE.parent.joinpath(*str(part.module).split("."), f"{alias.name}.py")
                outer = PACKAGE.parent.joinpath(*str(part.module).split(".")).with_suffix(".py")
                imports[alias.asname or alias.name] = str(inner if inner.exists() else outer)
    return imports


def constants_of(path: str) -> set[str]:
    """Return the names that the assignments of a file mention, outside its functions."""
    tree = ast.parse(Path(path).read_text())
    return {
        name.id
        for part in tree.body
        if isinstance(part, ast.Assign | ast.AnnAssign)
        for name in ast.walk(part)
        if isinstance(name, ast.Name)
    }


def test_the_engines_cache_knows_every_source_of_the_kernels() -> None:
    """The files of all compiled functions, and of the rules and numbers that they import."""
    functions = compiled_functions()
    assert len(functions) > 50
    sources = {function.__code__.co_filename for function in functions}
    for path in sorted(sources):
        used = constants_of(path).union(
            *(function.__code__.co_names for function in functions
              if function.__code__.co_filename == path)
        )  # fmt: skip
        sources |= {file for name, file in imports_of(path).items() if name in used}
    # The cache itself, and the widths and limits of Python's own code, are not compiled.
    sources -= {eligibility.__file__}
    assert sources == set(CACHE.sources)
    assert many_runs_step.MACHINES == eligibility.BATCH_MACHINES


def test_another_source_has_another_folder(tmp_path: Path) -> None:
    one, other = tmp_path / "one.py", tmp_path / "other.py"
    one.write_text("a = 1")
    other.write_text("b = 2")

    def folder(*sources: Path) -> str | None:
        return CompileCache("test", [str(source) for source in sources]).folder

    before = folder(one, other)
    assert before is not None
    assert before == folder(one, other)
    other.write_text("b = 3")
    assert folder(one, other) not in (before, None)
    assert folder(one) != folder(other) != before


def test_labels_name_the_function_and_the_arguments_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert label("run_some", ["delay", "history"]) == "run_some.no_delay.no_history"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = CompileCache("test", [__file__])
    assert not cache.has("add")
    assert cache.folder is not None

    def add(a: object, b: object) -> object:
        return a if b is None else b

    dispatcher = cache.jit(add)
    assert (dispatcher(1, None), dispatcher(1, 2)) == (1, 2)
    assert cache.loaded == {"add", "add.no_b"}
    assert cache.has("add")
    assert cache.has("add.no_b")
    assert not cache.has("add.no_a")
    assert not cache.has("ad")


# Faults, in processes of their own: each has one warning, and the right result.

LOOP = """
from driftlab.jit import Loop

@Loop
def add_up(numbers, totals):
    total = 0
    for place in range(len(numbers)):
        total += numbers[place]
        totals[place] = total
    return total
"""
PROGRAM = """
import sys
import numpy as np
from loop import add_up
add_up.compiled
if sys.argv[1:] == ["delete"]:
    import shutil, os
    shutil.rmtree(os.environ["XDG_CACHE_HOME"])
totals = np.zeros(9, np.int64)
print(add_up.compiled(np.arange(9), totals), totals.tolist())
if sys.argv[1:] == ["twice"]:
    add_up.compiled(np.arange(9.0), np.zeros(9))  # another signature, another file
"""
RIGHT = "36 [0, 1, 3, 6, 10, 15, 21, 28, 36]\n"


Done = subprocess.CompletedProcess[str]


def run_loop(folder: Path, *arguments: str, **options: Any) -> Done:
    """Run a program with a loop, in a process with a cache of its own below a folder."""
    (folder / "loop.py").write_text(LOOP)
    (folder / "program.py").write_text(PROGRAM)
    bare = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    settings = {**bare, "XDG_CACHE_HOME": str(folder / "cache"), **options.pop("environment", {})}
    done: Done = subprocess.run(
        [sys.executable, str(folder / "program.py"), *arguments],
        capture_output=True, text=True, timeout=100, check=False, env=settings, **options,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, RIGHT), done.stderr
    return done


def warned(done: Done) -> bool:
    """Whether a process printed the one warning, and nothing else."""
    lines = done.stderr.splitlines()
    assert len(lines) <= 1, done.stderr
    return [line for line in lines if "the compile cache failed" in line] == lines != []


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "a few bytes": lambda content: content[:20],
    "cut off": lambda content: content[: len(content) // 2],
    "zeros": lambda content: bytes(len(content)),
    "garbage": lambda content: os.urandom(len(content)),
    "one bit": lambda content: content[:-5] + bytes([content[-5] ^ 4]) + content[-4:],
    "another pickle": lambda content: b"cbuiltins\nexit\n(tR.",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_file_is_replaced_with_one_warning(tmp_path: Path, fault: str) -> None:
    assert not warned(run_loop(tmp_path))
    before = files_of(tmp_path / "cache")
    assert len(before) == 1
    for path in before:
        path.write_bytes(FAULTS[fault](path.read_bytes()))
    assert warned(run_loop(tmp_path))
    assert files_of(tmp_path / "cache") == before
    times = [path.stat().st_mtime_ns for path in before]
    assert not warned(run_loop(tmp_path))
    assert [path.stat().st_mtime_ns for path in before] == times  # nothing was compiled


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)])
def test_what_is_not_a_regular_file_is_not_waited_for(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    assert not warned(run_loop(tmp_path))
    (path,) = files_of(tmp_path / "cache")
    path.unlink()
    make(path)
    assert warned(run_loop(tmp_path))
    assert path.is_dir() or not warned(run_loop(tmp_path))


def test_a_cache_that_cannot_be_a_folder_costs_one_warning(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")
    assert warned(run_loop(tmp_path, "twice"))
    assert (tmp_path / "cache").read_text() == "not a folder"


def test_a_user_without_a_home_gets_one_warning(tmp_path: Path) -> None:
    assert warned(run_loop(tmp_path, environment={"XDG_CACHE_HOME": "", "HOME": "relative"}))
    assert warned(
        run_loop(tmp_path, environment={"XDG_CACHE_HOME": "relative", "HOME": ""}, cwd=tmp_path)
    )
    assert {path.name for path in tmp_path.iterdir()} <= {"loop.py", "program.py", "__pycache__"}


def test_a_file_that_cannot_be_written_whole_is_not_left_behind(tmp_path: Path) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    assert warned(run_loop(tmp_path, preexec_fn=small_files))
    assert files_of(tmp_path / "cache") == []


def test_a_cache_that_is_deleted_meanwhile_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    assert not warned(run_loop(tmp_path, "delete"))
    assert len(files_of(tmp_path / "cache")) == 1


def obey_permissions() -> None:
    """Take from a process of root the right to write wherever it likes. Linux only."""
    drop_from_bounding_set, may_override_permissions = 24, 1
    ctypes.CDLL(None).prctl(drop_from_bounding_set, may_override_permissions, 0, 0, 0)


@linux_only
def test_a_read_only_cache_is_used_and_what_it_lacks_costs_one_warning(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o555)
    try:
        assert warned(run_loop(tmp_path, preexec_fn=obey_permissions))
        cache.chmod(0o755)
        assert not warned(run_loop(tmp_path))
        for folder in (cache, *(path for path in cache.rglob("*") if path.is_dir())):
            folder.chmod(0o555)
        assert not warned(run_loop(tmp_path, preexec_fn=obey_permissions))
        (path,) = files_of(cache)
        path.write_bytes(b"damaged")
        assert warned(run_loop(tmp_path, preexec_fn=obey_permissions))
    finally:
        for folder in (cache, *(path for path in cache.rglob("*") if path.is_dir())):
            folder.chmod(0o755)


def test_processes_may_compile_at_the_same_time(tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text(LOOP)
    (tmp_path / "program.py").write_text(PROGRAM)
    processes = [
        subprocess.Popen(
            [sys.executable, str(tmp_path / "program.py")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        )
        for _ in range(3)
    ]  # fmt: skip
    outputs = [process.communicate(timeout=100) for process in processes]
    assert outputs == [(RIGHT, "")] * 3
    assert len(files_of(tmp_path / "cache")) == 1


def kept_by(module: Path) -> Path:
    """Return the folder with the machine code that the loops of a module had before the tests."""
    folder = CompileCache(module.stem, [str(module)]).folder
    assert folder is not None
    return Path(folder)


@pytest.mark.timeout(400)  # it compiles
def test_a_damaged_kernel_of_the_engine_is_compiled_again(tmp_path: Path) -> None:
    """By the command line: the kernels of 10,000 runs, in a copy of the cache."""
    command = [*DRIFTLAB, "simulate", "--rates", "6,3,1", "--runs", "10000", "--seed", "1"]
    before = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    assert CACHE.folder is not None
    folder = tmp_path / "driftlab" / Path(CACHE.folder).name
    shutil.copytree(CACHE.folder, folder)
    damaged = [path for path in files_of(folder) if path.name.startswith("tick_order_words")]
    assert damaged
    for path in damaged:
        path.write_bytes(FAULTS["garbage"](path.read_bytes()))
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=300,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout == before.stdout
    assert warned(done)


@pytest.mark.timeout(400)  # it compiles
def test_a_damaged_scan_kernel_is_compiled_again(tmp_path: Path) -> None:
    script = (
        "import sys, driftlab; from driftlab.journal import reader\n"
        "reader.SCAN_BYTES_MIN = 1\n"
        "print(len(driftlab.read(sys.argv[1]).events))"
    )
    driftlab.simulate(driftlab.Scenario(rates=[6, 3, 1], seconds=10), out=tmp_path / "run")
    folder = kept_by(PACKAGE / "journal" / "scan_kernel.py")
    shutil.copytree(folder, tmp_path / "driftlab" / folder.name)
    for path in files_of(tmp_path / "driftlab"):
        path.write_bytes(FAULTS["zeros"](path.read_bytes()))
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "run")],
        capture_output=True, text=True, check=True, timeout=300,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout == "100\n"
    assert warned(done)
