"""The accelerated build: refused where it does not fit, never half made, the same in all."""

import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import driftlab
from driftlab import accelerated
from driftlab.accelerated import CURRENT, MODULES, compiled, is_in_use, write_current
from driftlab.api import acceleration
from driftlab.api.acceleration import accelerate, remove_acceleration
from driftlab.api.simulate_one import simulate_into
from driftlab.errors import DriftlabError
from driftlab.machine.machine import Machine
from driftlab.machine.process import Die, ProcessContext, RandomStream
from driftlab.model.event import Event, Message
from driftlab.scenario.plan import plan_run
from driftlab.simulator.engine import NetworkConfig, each_event, simulate_run

SHOW = """
import os, driftlab
from driftlab import accelerated
run = driftlab.simulate_run(driftlab.Scenario(rates=[6, 3, 1], seconds=10))
print(accelerated.description(), run.digest, os.environ.get("DRIFTLAB_ACCELERATED"))
"""
DIGEST = "5454248996560125451"


def shown(cache: Path, wanted: str | None = None) -> tuple[list[str], list[str], int]:
    """Return what a process prints, its errors, and its status, with a cache of its own."""
    variables = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    variables.pop("DRIFTLAB_ACCELERATED", None)
    if wanted is not None:
        variables["DRIFTLAB_ACCELERATED"] = wanted
    command = [sys.executable, "-c", SHOW]
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    return done.stdout.split(), done.stderr.splitlines(), done.returncode


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the builds in a cache of its own, with a build that nobody compiled."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = accelerated.builds_folder()
    assert folder is not None
    (Path(folder) / "build-1").mkdir(parents=True)
    for module in MODULES:
        Path(compiled(folder, "build-1", module)).write_bytes(b"no machine code")
    write_current(folder, "build-1")
    return Path(folder)


def replace_line(number: int) -> Callable[[Path], None]:
    def damage(builds: Path) -> None:
        lines = (builds / CURRENT).read_text().splitlines()
        lines[number] = f"{lines[number]}, but another"
        (builds / CURRENT).write_text("\n".join(lines))

    return damage


def replace_with_pipe(builds: Path) -> None:
    (builds / CURRENT).unlink()
    os.mkfifo(builds / CURRENT)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "another Python": (replace_line(0), "another Python made it"),
    "other sources": (replace_line(1), "it was made from other sources"),
    "cut short": (lambda builds: os.truncate(builds / CURRENT, 5), "it cannot be read"),
    "no text": (lambda builds: (builds / CURRENT).write_bytes(b"\xff\xfe"), "it cannot be read"),
    "a pipe": (replace_with_pipe, "it cannot be read"),
    "a module is missing": (
        lambda builds: os.unlink(builds / "build-1" / "machine.machine.so"), "it cannot be read",
    ),
    "a module is cut short": (
        lambda builds: os.truncate(builds / "build-1" / "machine.machine.so", 3), "it is damaged",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGES)
def test_a_build_that_does_not_fit_is_refused_with_one_line_and_ignored(
    what: str, builds: Path, tmp_path: Path
) -> None:
    damage, reason = DAMAGES[what]
    damage(builds)
    printed, errors, status = shown(tmp_path)
    assert status == 0
    assert printed == ["pure", "Python", DIGEST, "0"]  # 0: what it starts says nothing more
    assert len(errors) == 1, errors
    assert reason in errors[0]
    assert "`driftlab accelerate` makes it anew" in errors[0]
    assert shown(tmp_path, "0") == (printed, [], 0)
    _, errors, status = shown(tmp_path, "1")
    assert status == 1
    assert reason in errors[-1]


def test_without_a_build_everything_works_and_nothing_is_said(tmp_path: Path) -> None:
    assert shown(tmp_path) == (["pure", "Python", DIGEST, "None"], [], 0)
    _, errors, status = shown(tmp_path, "1")
    assert status == 1
    assert errors[-1].endswith("DRIFTLAB_ACCELERATED is 1, and there is no accelerated build")


def test_a_compiler_that_fails_half_way_leaves_what_was_there(
    builds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text(
        f"#!/bin/sh\nif mkdir {tmp_path}/first 2>/dev/null; then exit 0; fi\n"
        "echo 'x.c:1: error: no space left on device' >&2\nexit 1\n"
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    before = (builds / CURRENT).read_text()
    with pytest.raises(DriftlabError, match=r"cannot be compiled: cc: .*no space left") as caught:
        accelerate()
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in builds.iterdir()) == ["build-1", CURRENT]
    assert (builds / CURRENT).read_text() == before


def test_what_is_missing_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CC", "no-such-compiler -x")
    with pytest.raises(DriftlabError, match="there is no no-such-compiler"):
        accelerate()
    monkeypatch.setattr(acceleration, "find_spec", lambda name: None)
    with pytest.raises(DriftlabError, match=r"pip install 'driftlab\[accelerated\]'"):
        accelerate()
    assert list(tmp_path.iterdir()) == []


def test_a_build_that_is_removed_is_gone(builds: Path, tmp_path: Path) -> None:
    assert remove_acceleration()
    assert not remove_acceleration()
    assert not builds.exists()
    assert shown(tmp_path)[0][0] == "pure"


def test_every_module_of_the_build_is_used_or_none() -> None:
    loaded = [import_module(f"driftlab.{name}") for name in MODULES]
    suffixes = {Path(str(module.__file__)).suffix for module in loaded}
    assert suffixes == {".so" if is_in_use() else ".py"}
    assert is_in_use() == (os.environ["DRIFTLAB_ACCELERATED"] == "1")


class Chatty(driftlab.Process):
    """Uses all that a process has: draws, payloads, records, several targets."""

    def idle(self) -> object:  # type: ignore[override]
        machine = self.machine
        share = machine.random.uniform()
        if share < 0.3:
            to = machine.random.choice(machine.peers)
            return [driftlab.Send(to, {"share": share}), driftlab.Record(machine.random.below(9))]
        if share < 0.4:
            return driftlab.Send(machine.peers, machine.clock)
        return driftlab.Send([*machine.peers[:2]]) if machine.random.chance(0.2) else None

    def receive(self, message: Message) -> driftlab.Send | None:
        return driftlab.Send(message.sender) if self.machine.tick % 5 == 0 else None


LATENCIES = ("none", "fixed:0.1", "uniform:0.05..0.2", "exponential:0.2", "lognormal:0.1,0.5")


def events_digest() -> str:
    """Return a digest of every event of some runs of a user's process."""
    digest = sha256()
    for number, latency in enumerate(LATENCIES):
        for order in ("peers", "arrival"):
            scenario = driftlab.Scenario(
                rates=[7, 5, 3, 1], seconds=20, seed=number, latency=latency, order=order,
                clock=("lamport", "vector", "hybrid")[number % 3], process=f"{__file__}:Chatty",
                offset_ms=[5, 0, -3, 0], skew_ppm=[0, 50_000, 0, 0],
            )  # fmt: skip

            def add(place: int, event: Event, due_ns: int, found: object) -> None:
                digest.update(repr((place, tuple(event), due_ns, found)).encode())

            simulate_into(scenario, 1, each_event(add))
    return digest.hexdigest()


def test_a_users_process_gives_the_same_events_in_either_build() -> None:
    code = "from tests.test_accelerated import events_digest as d; print(d())"
    variables = os.environ | {"DRIFTLAB_ACCELERATED": "0"}
    root = Path(__file__).parent.parent
    pure = subprocess.check_output([sys.executable, "-c", code], env=variables, text=True, cwd=root)
    assert pure.split() == [events_digest()]


class LoadedDraws(RandomStream):
    """Draws the same word always."""

    def word(self) -> int:
        return 1 << 63


class CountingMachine(Machine):
    """Counts its ticks."""

    ticks = 0

    def tick_row(self, tick: int, found: object, now_ns: int) -> tuple[Any, Any]:
        self.ticks += 1
        return super().tick_row(tick, found, now_ns)  # type: ignore[arg-type]


class SilentDie(Die):
    """A die that falls on no face."""

    def idle(self) -> None:
        return None


def test_a_subclass_overrides_what_is_compiled() -> None:
    scenario = driftlab.Scenario(rates=[6, 3, 1], seconds=10)
    plans = plan_run(scenario, 1)
    machines = [
        CountingMachine(plan, lambda machine: SilentDie(machine, (1 << 40, 1 << 40)))
        for plan in plans
    ]
    events: list[Event] = []
    simulate_run(
        plans, machines, NetworkConfig(),
        each_event(lambda at, event, due, found: events.append(event)),
    )  # fmt: skip
    assert [machine.ticks for machine in machines] == [plan.ticks for plan in plans]
    assert {str(event.kind) for event in events} == {"internal"}
    context = ProcessContext("A", 0, ("A", "B"), ("B",), 1)
    loaded = LoadedDraws(1, context)
    assert loaded.uniform() == 0.5
    assert loaded.below(10) == 5
    assert loaded.choice(["a", "b"]) == "b"
    assert not loaded.chance(0.5)
