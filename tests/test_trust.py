"""Code is not executed because data name it: every command, Python, and the store of digests."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import driftlab
from driftlab.api import trust
from driftlab.api.replay_and_twin import replay_runs, twin_runs
from driftlab.api.trust import UntrustedProcessError
from tests.started import started

CODE = """
import pathlib
from driftlab import Process, Send

pathlib.Path(r"{mark}").touch()


class Ring(Process):
    def idle(self):
        return Send(self.machine.peers[0])

    def receive(self, message):
        return None
"""


class Download:
    """A folder from somewhere: a scenario, a run of it, and the process that both name."""

    def __init__(self, folder: Path) -> None:
        self.mark = folder / "executed"
        self.file = folder / "ring.py"
        self.file.write_text(CODE.format(mark=self.mark))
        self.scenario = folder / "ring.toml"
        self.scenario.write_text(
            'rates = [50, 20]\nseconds = 0.2\nseed = 1\nprocess = "ring.py:Ring"\n'
        )
        self.run = folder / "run"
        named = driftlab.Scenario.from_toml(self.scenario.read_text())
        driftlab.simulate(named.replace(process=f"{self.file}:Ring"), out=self.run)
        self.forget()

    def forget(self) -> None:
        """Make it as if it came from somebody else."""
        self.mark.unlink(missing_ok=True)
        shutil.rmtree(os.environ["XDG_STATE_HOME"], ignore_errors=True)


@pytest.fixture
def download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Download:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "download"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    return Download(folder)


def command(*arguments: str | Path) -> tuple[int, str]:
    with started(*arguments) as process:
        _, stderr = process.communicate(timeout=60)
    return process.returncode, stderr


MACHINE = ("--at", "A=127.0.0.1:0", "--at", "B=127.0.0.1:1", "--run-id", "r")
COMMANDS: dict[str, Callable[[Download], list[str | Path]]] = {
    "run": lambda d: ["run", d.scenario, "--out", "out"],
    "simulate": lambda d: ["simulate", d.scenario],
    "repeat": lambda d: ["simulate", d.run / "scenario.toml"],
    "machine": lambda d: ["machine", "A", d.scenario, *MACHINE],
    "replay": lambda d: ["replay", d.run],
    "twin": lambda d: ["twin", d.run],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_process_that_only_data_name_is_not_executed(name: str, download: Download) -> None:
    status, stderr = command(*COMMANDS[name](download))
    assert not download.mark.exists()
    assert status == 2
    assert stderr.count("\n") == 1
    assert f"{download.file}:Ring would be executed" in stderr
    assert "--trust" in stderr


@pytest.mark.parametrize("name", ["run", "simulate", "replay", "twin"])
def test_trust_is_given_once_and_remembered_for_that_content(name: str, download: Download) -> None:
    arguments = COMMANDS[name](download)
    status, stderr = command(*arguments, "--trust")
    assert status == 0
    assert "driftlab:" not in stderr
    assert download.mark.exists()
    shutil.rmtree("out", ignore_errors=True)
    assert command(*arguments)[0] == 0
    download.file.write_text(download.file.read_text() + "# changed\n")
    shutil.rmtree("out", ignore_errors=True)
    assert command(*arguments)[0] == 2


def test_what_was_run_by_name_may_be_named_by_a_scenario_afterwards(download: Download) -> None:
    assert command("simulate", f"{download.file}:Ring", "--rates", "5,2", "--seconds", "1")[0] == 0
    assert command("simulate", download.scenario)[0] == 0
    assert command("replay", download.run)[0] == 0


def test_flags_and_arguments_name_a_process(download: Download) -> None:
    named = ("--process", f"{download.file}:Ring")
    assert command("simulate", download.scenario, *named)[0] == 0


def test_python_refuses_and_trusts_likewise(download: Download) -> None:
    scenario = driftlab.Scenario.from_toml(
        download.scenario.read_text().replace("ring.py", str(download.file))
    )
    calls: list[Callable[..., object]] = [
        lambda **trusted: driftlab.simulate(scenario, **trusted),
        lambda **trusted: driftlab.simulate_run(scenario, **trusted),
        lambda **trusted: driftlab.simulate_runs(scenario.replace(runs=2), **trusted),
        lambda **trusted: driftlab.run(scenario, **trusted),
        lambda **trusted: replay_runs(download.run, **trusted),
        lambda **trusted: twin_runs(download.run, **trusted),
        lambda **trusted: driftlab.simulate(driftlab.read_runs(download.run)[0], **trusted),
    ]
    for call in calls:
        with pytest.raises(UntrustedProcessError, match="trust=True"):
            call()
        assert not download.mark.exists()
    for call in calls:
        call(trust=True)
        shutil.rmtree(os.environ["XDG_STATE_HOME"])
    assert download.mark.exists()


def test_a_process_is_found_beside_its_scenario_wherever_the_command_runs(
    download: Download, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "ring.py"
    elsewhere.write_text("raise SystemExit('the wrong file')")
    assert command("simulate", download.scenario, "--trust")[0] == 0
    assert command("run", download.scenario, "--trust", "--out", "out")[0] == 0


@pytest.mark.parametrize("damage", [b"\xff\x00nonsense", b"{}\n" * 1000, b"a" * 64 + b"b\n"])
def test_a_damaged_store_trusts_nothing_and_learns_again(download: Download, damage: bytes) -> None:
    store = Path(os.environ["XDG_STATE_HOME"]) / "driftlab" / trust.STORE
    store.parent.mkdir(parents=True)
    store.write_bytes(damage)
    assert command("simulate", download.scenario)[0] == 2
    assert command("simulate", download.scenario, "--trust")[0] == 0
    assert command("simulate", download.scenario)[0] == 0


def _state_is_a_file(store: Path) -> None:
    store.parent.parent.write_text("a file, not a folder")


def _store_is_a_folder(store: Path) -> None:
    store.mkdir(parents=True)


def _store_is_a_pipe(store: Path) -> None:
    store.parent.mkdir(parents=True)
    os.mkfifo(store)


def _store_is_a_device(store: Path) -> None:
    store.parent.mkdir(parents=True)
    store.symlink_to("/dev/null")


@pytest.mark.parametrize(
    "spoil", [_state_is_a_file, _store_is_a_folder, _store_is_a_pipe, _store_is_a_device]
)
def test_a_store_that_cannot_be_written_costs_a_line_and_not_the_run(
    download: Download, spoil: Callable[[Path], None]
) -> None:
    spoil(Path(os.environ["XDG_STATE_HOME"]) / "driftlab" / trust.STORE)
    assert command("simulate", download.scenario)[0] == 2
    commands: list[list[str | Path]] = [
        ["simulate", download.scenario, "--trust"],
        ["run", download.scenario, "--trust", "--out", "out"],
    ]
    for arguments in commands:
        status, stderr = command(*arguments)
        assert status == 0
        assert stderr.count(f"cannot remember that {download.file} was run: ") == 1


def test_the_die_needs_no_trust_and_reads_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "_remembered", None)
    scenario = driftlab.Scenario.from_toml('rates = [5, 2]\nseconds = 1\nprocess = "die"\n')
    assert trust.admit_process(scenario) is scenario
