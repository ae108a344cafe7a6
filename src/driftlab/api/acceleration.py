"""Making and removing the accelerated build of this installation.

Cython translates each module to C, with the types of the `.pxd` file beside it, and the C
compiler that Python itself was built with makes machine code. A build is used only when it is
whole and has simulated the same runs as the source; until then what was there stays.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from typing import Final

from driftlab.accelerated import (
    CURRENT,
    MODULES,
    VARIABLE,
    builds_folder,
    compiled,
    source_path,
    write_current,
)
from driftlab.errors import DriftlabError

INSTALL: Final = "pip install 'driftlab[accelerated]'"

# Simulates in a process that uses a build or, without arguments, none; prints what came out.
_TRIAL: Final = """
import sys
from driftlab import accelerated
if sys.argv[1:]:
    accelerated.load_from(*sys.argv[1:])
from driftlab import Scenario
from driftlab.api.simulate_one import simulate_one
for latency in ("none", "exponential:0.2"):
    for clock in ("lamport", "vector"):
        for order in ("peers", "arrival"):
            scenario = Scenario(rates=[6, 3, 1], latency=latency, clock=clock, order=order)
            for keep in (False, True):
                print(simulate_one(scenario, 1, keep=keep).digest)
"""


class NoCompilerError(DriftlabError):
    """What is needed to make a build is not installed; the message says what."""


def accelerate(on_module: Callable[[str], None] = lambda module: None) -> str:
    """Make the accelerated build of this installation and return its folder.

    on_module: called with each module's name as it is compiled, from several threads. Raise
    DriftlabError if Cython, a C compiler or a place is missing, if compiling fails, or if what
    was compiled does not simulate the same; the build that was there before then stays.
    """
    linker = _linker()
    folder = builds_folder()
    if folder is None:
        raise DriftlabError("there is no cache folder: neither XDG_CACHE_HOME nor HOME names one")
    try:
        os.makedirs(folder, exist_ok=True)
        build = tempfile.mkdtemp(prefix="build-", dir=folder)
    except OSError as error:
        raise DriftlabError(f"{error.filename}: {error.strerror}") from None
    name = os.path.basename(build)
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for module in pool.map(lambda each: _compile(folder, name, each, linker), MODULES):
                on_module(module)
        if _simulated() != _simulated(folder, name):
            raise DriftlabError("the compiled modules do not simulate the same; they are not used")
        write_current(folder, name)
    except BaseException:
        shutil.rmtree(build, ignore_errors=True)
        raise
    _remove_builds(folder, name)
    return build


def remove_acceleration() -> bool:
    """Remove the accelerated build of this installation; return whether there was one."""
    folder = builds_folder()
    if folder is None or not os.path.exists(os.path.join(folder, CURRENT)):
        return False
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, CURRENT))
    shutil.rmtree(folder, ignore_errors=True)
    return True


def _remove_builds(folder: str, kept: str) -> None:
    for name in os.listdir(folder):
        if name.startswith("build-") and name != kept:
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)


def _linker() -> list[str]:
    """Return the command that compiles and links a module, without its files."""
    if find_spec("Cython") is None:
        raise NoCompilerError(f"the accelerated build needs Cython: {INSTALL}")
    command = shlex.split(sysconfig.get_config_var("LDSHARED") or "cc -shared")
    if os.environ.get("CC"):
        command[:1] = shlex.split(os.environ["CC"])
    if shutil.which(command[0]) is None:
        raise NoCompilerError(f"the accelerated build needs a C compiler; there is no {command[0]}")
    return [*command, "-O2", "-fPIC", "-w", f"-I{sysconfig.get_path('include')}"]


def _compile(folder: str, build: str, module: str, linker: Sequence[str]) -> str:
    """Compile one module and return its name."""
    source, target = source_path(module), compiled(folder, build, module)
    in_c = f"{target}.c"
    root = os.path.dirname(source_path("__init__"))
    cython = ("-3", "-X", "annotation_typing=False", "-I", os.path.dirname(root))
    name = ("--module-name", f"driftlab.{module}")
    _call(module, [sys.executable, "-P", "-m", "cython", *cython, *name, "-o", in_c, source])
    _call(module, [*linker, in_c, "-o", target])
    os.unlink(in_c)
    return module


def _call(module: str, command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
        )
    except OSError as error:
        raise DriftlabError(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        said = next((line for line in lines if "error" in line.lower()), "".join(lines[-1:]))
        reason = said or f"it ended with status {done.returncode}"
        raise DriftlabError(
            f"{module} cannot be compiled: {os.path.basename(command[0])}: {reason}"
        )


def _simulated(*build: str) -> str:
    """Return the digests of some runs, simulated in a new process by a build or without one."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", _TRIAL, *build],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
        env=os.environ | {VARIABLE: "0"},
    )  # fmt: skip
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
        raise DriftlabError(f"the compiled modules do not run: {said[0]}")
    return done.stdout
