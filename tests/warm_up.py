"""`python -m tests.warm_up`: compile everything that the tests run compiled, once.

Compiling takes half a minute of one core. The tests have time limits and run
in several processes, so it is done before them: by `conftest`, where anything
that may be compiled was imported, in one process while the others wait. The
tests have a compile cache of their own, `.lab/cache`; a mark in it says for
which sources it is complete.
"""

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parent.parent
CACHE_HOME = ROOT / ".lab" / "cache"
PACKAGE = ROOT / "src" / "driftlab"


def use_own_cache() -> None:
    """Let this process and those that it starts keep compiled code for the tests alone."""
    os.environ["XDG_CACHE_HOME"] = str(CACHE_HOME)


def use_own_state() -> None:
    """Let this process and those that it starts remember processes for these tests alone."""
    folder = tempfile.mkdtemp(prefix="driftlab-state-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["XDG_STATE_HOME"] = folder


def sources() -> list[Path]:
    """Return the files that anything is compiled from, and this one, which says what."""
    from driftlab.simulator.compiled.eligibility import CACHE

    loops = [path for path in PACKAGE.rglob("*.py") if "\n@Loop\n" in path.read_text()]
    return [*map(Path, CACHE.sources), *sorted(loops), Path(__file__)]


def warm_up() -> None:
    """Compile what is missing, in a process of its own, unless another process has done so."""
    digest = sha256(sys.version.encode())
    for path in sources():
        digest.update(path.read_bytes())
    CACHE_HOME.mkdir(parents=True, exist_ok=True)
    with open(CACHE_HOME / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = CACHE_HOME / f"complete-{digest.hexdigest()[:16]}"
        if not mark.exists():
            print("compiling for the tests …", file=sys.stderr, flush=True)
            bare = {name: value for name, value in os.environ.items() if name[:3] != "COV"}
            command = [sys.executable, "-m", "tests.warm_up", "here"]
            subprocess.run(command, check=True, cwd=ROOT, env=bare)
            mark.touch()


def compile_everything() -> None:
    """Call every kernel and every loop with the types that they are called with."""
    from tempfile import TemporaryDirectory

    import driftlab
    from driftlab import jit
    from driftlab.journal import reader
    from driftlab.simulator.compiled.engine import record_run, simulate_runs

    for latency in ("none", "fixed:1"):
        scenario = driftlab.Scenario(rates=[6, 3, 1], seconds=5, latency=latency, runs=64)
        simulate_runs(scenario, cores=1)
        simulate_runs(scenario, [1])
        record_run(scenario, 1)
    vars(jit)["ROWS_COMPILED_MIN"] = 1
    vars(reader)["SCAN_BYTES_MIN"] = 1
    for clock in ("lamport", "vector", "hybrid"):
        scenario = driftlab.Scenario(rates=[6, 3, 1], seconds=20, clock=clock, seed=1)
        with TemporaryDirectory() as folder:
            driftlab.simulate(scenario, out=f"{folder}/run")
            history = driftlab.read(f"{folder}/run")
            history.check()
            history.compare()
            history.why(("A", 3), ("B", 40))
            for other in ("lamport", "vector", "matrix", "hybrid"):
                history.restamp(other)


if __name__ == "__main__":
    use_own_cache()
    if sys.argv[1:] == ["here"]:
        compile_everything()
    else:
        warm_up()
