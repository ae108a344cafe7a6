"""Two network namespaces stand for two computers: a run with a key, and a cable that is pulled.

Namespaces need the rights of root and Linux's `ip`; without them these tests are not run.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest

import driftlab
from driftlab.real.key_file import make_key
from tests.journals import read_journals
from tests.reliability import _sent_and_found as sent_and_found
from tests.started import reasons

LOST_S: Final = 5  # in place of the 30 s of LOST_PEER_S
PORT: Final = 7101
RATE: Final = 50  # ticks a second of each machine
# The command, with another limit.
PROGRAM: Final = f"""
import sys
from driftlab.real import addresses
addresses.LOST_PEER_S = {LOST_S}
from driftlab.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


class Hosts(NamedTuple):
    """Two namespaces, connected by a cable: their names, and the ends of the cable."""

    names: tuple[str, str]
    ends: tuple[str, str]

    def address(self, place: int) -> str:
        return f"10.77.13.{place + 1}"

    def set_cable(self, state: str) -> None:
        """Pull the cable (`down`) at the second host, or plug it in (`up`)."""
        ip("-n", self.names[1], "link", "set", self.ends[1], state)


def ip(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True)


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    if shutil.which("ip") is None:
        pytest.skip("two network namespaces: `ip` (iproute2) is not installed here")
    number = os.getpid()
    two = Hosts((f"drift{number}a", f"drift{number}b"), (f"d{number}a", f"d{number}b"))
    with ExitStack() as stack:
        try:
            for name in two.names:
                ip("netns", "add", name)
                stack.callback(ip, "netns", "del", name)  # also takes its end of the cable
            ip("link", "add", two.ends[0], "type", "veth", "peer", "name", two.ends[1])
            for place, (name, end) in enumerate(zip(two.names, two.ends, strict=True)):
                ip("link", "set", end, "netns", name)
                ip("-n", name, "address", "add", f"{two.address(place)}/30", "dev", end)
                ip("-n", name, "link", "set", "lo", "up")
                ip("-n", name, "link", "set", end, "up")
        except (OSError, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", None) or error
            pytest.skip(f"two network namespaces may not be made here: {str(reason).strip()}")
        yield two


@contextmanager
def machines(
    hosts: Hosts, folder: Path, key: Path, seconds: int
) -> Iterator[list["subprocess.Popen[str]"]]:
    """Start machine A on the first host and machine B on the second."""
    at = [f"--at={name}={hosts.address(place)}:{PORT}" for place, name in enumerate("AB")]
    processes = []
    try:
        for name, namespace in zip("AB", hosts.names, strict=True):
            command = [
                "ip", "netns", "exec", namespace, sys.executable, "-c", PROGRAM, "machine", name,
                "--rates", f"{RATE},{RATE}", "--send-one", "0.8", "--seconds", str(seconds),
                "--key", str(key), "--out", str(folder), *at,
            ]  # fmt: skip
            processes.append(
                subprocess.Popen(
                    command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
                )
            )
        yield processes
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "run.key"
    make_key(str(path))
    return path


def ended(processes: list["subprocess.Popen[str]"]) -> list[int]:
    for process in processes:
        process.communicate(timeout=90)
    return [process.returncode for process in processes]


def test_two_hosts_with_a_key_make_a_run(hosts: Hosts, tmp_path: Path, key: Path) -> None:
    with machines(hosts, tmp_path / "run", key, 2) as processes:
        assert ended(processes) == [0, 0]
    journals = read_journals(tmp_path / "run")
    assert [reasons(journal) for journal in journals] == [[], []]
    assert driftlab.read(tmp_path / "run").check(without=["pacing"]).holds
    sent, found = sent_and_found(journals)
    assert sent == found > 20


def test_the_second_host_without_the_key_does_not_join(
    hosts: Hosts, tmp_path: Path, key: Path
) -> None:
    other = tmp_path / "other.key"
    make_key(str(other))
    # A is there for long, whether B had joined before it was killed or not.
    with machines(hosts, tmp_path / "run", key, 60) as (a, b):
        b.kill()
        b.wait()
        assert a.stderr is not None
        assert "listens on" in a.stderr.readline()  # before another takes its address
        with machines(hosts, tmp_path / "other", other, 60) as (_, intruder):
            lines = iter(a.stderr.readline, "")
            assert any("B does not prove that it has the key of this run" in line for line in lines)
            assert intruder.poll() is None
    journals = list((tmp_path / "other").glob("*.log"))
    assert not any("\t" in journal.read_text() for journal in journals)  # it took no tick


def test_a_pulled_cable_is_noticed_in_time_and_the_run_goes_on_when_it_is_back(
    hosts: Hosts, tmp_path: Path, key: Path
) -> None:
    folder = tmp_path / "run"
    with machines(hosts, folder, key, 600) as processes:
        until(lambda: received_by(folder, "B") > 20, 30)
        hosts.set_cable("down")
        pulled = time.monotonic()
        # Both sides notice both of their connections; a quarter more for the kernel's timers.
        until(lambda: all(is_lost(folder, name) for name in "AB"), LOST_S * 1.25 + 1)
        assert time.monotonic() - pulled > 1, "a cable that is back soon does no harm"
        before = received_by(folder, "A"), received_by(folder, "B")
        hosts.set_cable("up")
        until(lambda: received_by(folder, "A") > before[0] + 20, 30)
        until(lambda: received_by(folder, "B") > before[1] + 20, 30)
        away_s = time.monotonic() - pulled
        for process in processes:
            process.send_signal(signal.SIGINT)
        assert ended(processes) == [130, 130]
    journals = read_journals(folder)
    for journal in journals:
        ticks = [entry.event.tick for entry in journal.entries]
        assert ticks == list(range(len(ticks)))  # none was skipped, and none while it was away
        assert len(ticks) > away_s * RATE
        found = reasons(journal)
        assert any(reason.startswith("channel-open: connected again") for reason in found)
    assert driftlab.read(folder).check(without=["pacing"]).holds


def until(holds: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds:g} s"
        time.sleep(0.05)


def _text(folder: Path, name: str) -> str:
    path = folder / f"{name}.log"
    return path.read_text() if path.exists() else ""


def received_by(folder: Path, name: str) -> int:
    """Return how many messages a running machine has received."""
    return _text(folder, name).count("\treceive\t")


def is_lost(folder: Path, name: str) -> bool:
    """Whether a machine has noticed the end of both connections with its peer."""
    text = _text(folder, name)
    return "what=channel-lost" in text and "what=peer-closed" in text
