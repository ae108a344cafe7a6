"""driftlab commands as processes, and waiting for their effects."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.journals import Journal, read_journal

DRIFTLAB = [sys.executable, "-m", "driftlab"]
PATIENCE_S = 30.0

LINUX = sys.platform.startswith("linux")
linux_only = pytest.mark.skipif(not LINUX, reason="uses /proc, /dev/full, prlimit or SIOCOUTQ")


def driftlab(
    *arguments: str | Path, cwd: Path | None = None, prepare: Callable[[], None] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end; `prepare` runs in the child first, which is then not covered."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return subprocess.run(
        [*DRIFTLAB, *map(str, arguments)],
        capture_output=True, text=True, timeout=100, cwd=cwd, preexec_fn=prepare, check=False,
        env=bare if prepare else None,
    )  # fmt: skip


def is_part(one: Any, other: Any) -> bool:
    """Whether a JSON document has all that another says, and perhaps more in its tables."""
    if isinstance(one, dict):
        return all(key in other and is_part(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_part, one, other))
    return bool(one == other)


@contextmanager
def started(
    *arguments: str | Path, ignored: Container[signal.Signals] = ()
) -> Iterator["subprocess.Popen[str]"]:
    """Start a command, which is killed at the end if it still runs.

    Whatever the parent of the tests ignores (SIGINT in a background job, SIGHUP
    under nohup), the command ignores only the signals in `ignored`.
    """

    def set_signals() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

    process = subprocess.Popen(
        [*DRIFTLAB, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0,
        preexec_fn=set_signals,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds; fail if it takes too long."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / 0.005)):
        if holds():
            return
        pause.wait(0.005)
    raise AssertionError(f"not within {PATIENCE_S:g} s")


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        os.kill(pid, 0)
        if LINUX:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
    return state.stdout.strip() not in (b"", b"Z")


def lines_of(path: Path) -> int:
    """Return the number of events in a journal that is still being written."""
    if not path.exists():
        return 0
    return sum(line[:1].isdigit() for line in path.read_text().splitlines())


def pid_of(folder: Path, machine: str) -> int:
    return int(read_journal(folder / f"{machine}.log").header["pid"])


@contextmanager
def peak_memory() -> Iterator[Callable[[], float]]:
    """Yield a function that returns how much peak memory has grown, in MiB. Linux only."""
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak to the present size
    before = _peak_kib()
    yield lambda: (_peak_kib() - before) / 1024


def _peak_kib() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def reasons(journal: Journal) -> list[str]:
    """Return `what: reason` of each incident."""
    return [
        f"{note.fields['what']}: {note.fields['reason']}" for note in journal.notes_on("incident")
    ]
