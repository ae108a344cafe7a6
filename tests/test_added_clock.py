"""An additional clock is one module and one entry: every command takes it, real machines too.

The package is copied, and a clock is added to the copy as a person would add it. Three
are added, of three shapes: a plausible clock (Torres-Rojas and Ahamad, "Plausible
clocks", Distributed Computing 12, 1999), whose few entries are shared by all processes;
and the classes of vector and matrix clocks under names that nothing else knows.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import driftlab
from driftlab.errors import DriftlabError

PACKAGE = Path(driftlab.__file__).parent

MODULE = '''
"""A plausible clock of three entries: process p counts in entry p mod 3."""

from typing import NamedTuple

from driftlab.clocks.clock import join_numbers, split_numbers


class Stamp(NamedTuple):
    """The three entries, in partial order."""

    entries: tuple[int, ...]

    def __lt__(self, other):
        return self != other and all(a <= b for a, b in zip(self.entries, other.entries))

    def encode(self):
        return join_numbers(self.entries)

    @classmethod
    def decode(cls, text, process, processes):
        return cls(split_numbers(text, 3))


class PlausibleClock:
    """Counts its own events, and merges the entries that it receives."""

    def __init__(self, process, processes):
        self.entries, self.own, self.now = [0, 0, 0], process % 3, None

    def tick(self, now_ns):
        self.entries[self.own] += 1
        self.now = Stamp(tuple(self.entries))
        return self.now

    def merge(self, timestamp, now_ns):
        self.entries = [*map(max, self.entries, timestamp.entries)]
        return self.tick(now_ns)
'''

ENTRIES = """
CLOCKS["plausible"] = ClockKind(
    module_name="plausible",
    clock_name="PlausibleClock",
    timestamp_name="Stamp",
    purpose="three numbers, whatever the number of processes",
    shape=lambda processes: (1, 3),
    is_strong=False,
    counts_events=False,
    reads_time=False,
    processes_max=None,
)
CLOCKS["mine"] = ClockKind(
    module_name="vector",
    clock_name="VectorClock",
    timestamp_name="VectorTimestamp",
    purpose="a vector clock by another name",
    shape=lambda processes: (1, processes),
    is_strong=True,
    counts_events=True,
    reads_time=False,
    processes_max=50,
)
CLOCKS["ours"] = ClockKind(
    module_name="matrix",
    clock_name="MatrixClock",
    timestamp_name="MatrixTimestamp",
    purpose="a matrix clock by another name",
    shape=lambda processes: (processes, processes),
    is_strong=True,
    counts_events=True,
    reads_time=False,
    processes_max=50,
)
"""
ADDED = ("plausible", "mine", "ours")
NUMBERS = {"plausible": 3, "mine": 4, "ours": 16}  # of a timestamp of four processes

Command = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Return a function that runs a command of a copy with the added clocks, for its JSON."""
    root = tmp_path_factory.mktemp("added")
    copy = root / "driftlab"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "clocks" / "plausible.py").write_text(MODULE)
    with (copy / "clocks" / "catalogue.py").open("a") as catalogue:
        catalogue.write(ENTRIES)
    environment = {**os.environ, "PYTHONPATH": str(root)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(*arguments: str | Path) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "driftlab", *map(str, arguments), "--json"],
            capture_output=True,
            text=True,
            env=environment,
            cwd=root,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    return run


def stamps_of(path: Path, clock: str) -> list[str]:
    """Return the timestamps in a table, in the order of its rows."""
    with path.open(newline="") as file:
        return [row[clock] for row in csv.DictReader(file)]


def journal_stamps(folder: Path) -> list[str]:
    """Return the timestamps in the journals of a run, process after process."""
    lines = [
        line.split("\t")
        for path in sorted(folder.glob("*.log"))
        for line in path.read_text().splitlines()
    ]
    stamps = [cells[11] for cells in lines if len(cells) == 13]
    assert stamps
    return stamps


@pytest.mark.parametrize("clock", ADDED)
def test_an_added_clock_passes_through_every_file(
    command: Command, clock: str, tmp_path: Path
) -> None:
    run, packed, table, again = (
        tmp_path / name for name in ("run", "run.parquet", "run.csv", "again.csv")
    )
    command("simulate", "--machines", "4", "--seconds", "20", "--seed", "5",
            "--clock", clock, "--out", run)  # fmt: skip
    issued = journal_stamps(run)
    assert {len(text.replace("/", ".").split(".")) for text in issued} == {NUMBERS[clock]}

    command("pack", run, "--out", packed)
    command("convert", packed, table, "--to", "csv")
    assert stamps_of(table, clock) == issued
    command("convert", table, again, "--to", "csv")
    assert stamps_of(again, clock) == issued
    clocks = command("compare", table)["clocks"]  # it is read as a clock, not as a text
    assert [row["differ"] for row in clocks if row["clock"] == clock] == [None, 0]

    events = {command("check", path)["events"] for path in (run, packed, table)}
    assert events == {len(issued)}


@pytest.mark.parametrize("clock", ADDED)
def test_an_added_clock_is_computed_afterwards_as_the_machines_issued_it(
    command: Command, clock: str, tmp_path: Path
) -> None:
    plain, kept, computed = tmp_path / "plain", tmp_path / "kept", tmp_path / "computed"
    scenario = ("--machines", "4", "--seconds", "20", "--seed", "5")
    command("simulate", *scenario, "--out", plain)
    command("simulate", *scenario, "--clock", clock, "--out", kept)
    command("restamp", plain, "--clock", clock, "--out", computed)
    assert journal_stamps(computed) == journal_stamps(kept)


@pytest.mark.parametrize("clock", ADDED)
def test_an_added_clock_is_compared_with_the_others(
    command: Command, clock: str, tmp_path: Path
) -> None:
    command("simulate", "--machines", "4", "--seconds", "20", "--seed", "5",
            "--clock", clock, "--out", tmp_path / "run")  # fmt: skip
    rows = [row for row in command("compare", tmp_path / "run")["clocks"] if row["clock"] == clock]
    computed, logged = rows
    assert logged["differ"] == 0
    assert [row["wrong"] for row in rows] == [0, 0]
    assert computed["bytes"] == logged["bytes"]
    assert computed["hidden"] == logged["hidden"]
    assert (computed["hidden"] == 0) == (clock != "plausible")


def test_a_driftlab_without_the_clock_says_so(command: Command, tmp_path: Path) -> None:
    run, packed = tmp_path / "run", tmp_path / "run.parquet"
    command("simulate", "--seconds", "5", "--clock", "plausible", "--out", run)
    command("pack", run, "--out", packed)
    (run / "scenario.toml").unlink()
    for path in (run, packed):
        with pytest.raises(DriftlabError, match=r"plausible.* lamport, vector, matrix, hybrid"):
            driftlab.read(path)


def test_an_event_that_received_several_messages_is_beyond_a_clocks_class(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = tmp_path / "log.txt"
    log.write_text('a {"a":1}\nx\nb {"b":1}\nx\nc {"a":1,"b":1,"c":1}\nx\n')
    history = driftlab.read(log)
    assert len(history.messages.extra_receives) == 1
    assert history.restamp("matrix").trace.timestamps is not None
    monkeypatch.setattr("driftlab.analysis.restamp.COLUMN_RULES", ())
    with pytest.raises(DriftlabError, match=r"matrix clock cannot be .* several messages"):
        history.restamp("matrix")


def test_real_machines_keep_an_added_clock(command: Command, tmp_path: Path) -> None:
    command("run", "--machines", "4", "--seconds", "10", "--speed", "20", "--seed", "5",
            "--clock", "plausible", "--out", tmp_path / "run")  # fmt: skip
    issued = journal_stamps(tmp_path / "run")
    assert {text.count(".") for text in issued} == {2}
    assert command("check", tmp_path / "run")["events"] == len(issued)
