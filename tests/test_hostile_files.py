"""What a file claims bounds neither memory nor time: one line, status 2; large scenarios work."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

import driftlab
from driftlab.errors import DriftlabError
from driftlab.history.parquet import KEY, PackError, unpack
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import ScenarioError
from driftlab.theory.formulas import DieProbabilities, inflow, queue_spread
from driftlab.toml_text import load_toml
from tests.started import DRIFTLAB, linux_only
from tests.started import driftlab as command

MEMORY_MIB = 700  # generous: libraries alone take up to 250
SECONDS = 40  # of processor time, on a busy computer
# Reports a command's status, peak memory in KiB and processor time beside what it printed.
MEASURED = """
import resource, subprocess, sys
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
done = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
peak = used.ru_maxrss // (1024 if sys.platform == "darwin" else 1)
print(done.returncode, peak, used.ru_utime + used.ru_stime)
"""


class Measured(NamedTuple):
    """A command's status, its standard error, and what it took."""

    status: int
    error: str
    mib: float
    seconds: float


def measured(*arguments: str | Path, cwd: Path | None = None) -> Measured:
    call = [sys.executable, "-c", MEASURED, str(SECONDS), *DRIFTLAB, *map(str, arguments)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=200, cwd=cwd, check=False)
    status, peak, seconds = done.stdout.split()
    return Measured(int(status), done.stderr, int(peak) / 1024, float(seconds))


DEEP_TOML = {
    "header": "[" + ".".join("a" * 200_000) + "]\n",
    "dotted": ".".join("a" * 30_000) + " = 1\n",
    "quoted": "x = 1\n[" + " . ".join(['"a b"'] * 8_000) + "]\n",
    "inline": "x = " + "{a = " * 3_000 + "1" + "}" * 3_000,
    "array": "x = " + "[" * 5_000 + "]" * 5_000,
}


@pytest.mark.parametrize("kind", DEEP_TOML)
@pytest.mark.parametrize("command", [["simulate"], ["study"], ["check", "run", "--reading"]])
def test_toml_nested_deep_takes_neither_time_nor_memory(
    tmp_path: Path, kind: str, command: list[str]
) -> None:
    driftlab.simulate(Scenario(rates=[3, 2], seconds=2, seed=1), out=tmp_path / "run")
    (tmp_path / "deep.toml").write_text(DEEP_TOML[kind])
    done = measured(*command, "deep.toml", cwd=tmp_path)
    assert_refused(done)
    assert "nested too deep" in done.error
    assert done.seconds < 5


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("a.b.c = 1", {"a": {"b": {"c": 1}}}),
        ("\ufeffa = 1", {"a": 1}),
        ('a = "1.2.' + "3." * 90 + '"', {"a": "1.2." + "3." * 90}),
        (".".join("a" * 30) + " = 1", None),
    ],
)
def test_toml_that_people_write_is_read(text: str, keys: dict[str, Any] | None) -> None:
    found = load_toml(text)
    assert keys is None or found == keys


def assert_refused(done: Measured) -> None:
    assert (done.status, done.error.count("\n")) == (2, 1), done
    assert len(done.error) < 2_000
    assert done.mib < MEMORY_MIB
    assert done.seconds < SECONDS


SMALL_AND_HUGE = {
    "nested": "rates = " + "[" * 5_000 + "]" * 5_000,
    "nested tables": "a = " + "{a = " * 2_000 + "1" + "}" * 2_000,
    "dotted": ".".join(["a"] * 5_000) + " = 1",
    "regular": 'machines = 1000000\ntopology = "regular:1000"',
    "regular, dense": 'machines = 100000\ntopology = "regular:99998"',
    "vector": 'machines = 1000000\nclock = "vector"',
    "digits": "seed = " + "9" * 100_000,
    "same names": "names = [" + ",".join(['"a"'] * 300_000) + "]",
    "long text": 'rates = "' + "x" * 1_000_000 + '"',
    "links": 'topology = "' + ",".join(f"A{i}-A{i + 1}" for i in range(50_000)) + '"',
    "latencies": "[latencies]\n" + "".join(f'"A>B{i}" = "fixed:1"\n' for i in range(50_000)),
    "machines": "machines = 1000001",
    "runs": "runs = 1000000001",
    "tables": "[[faults]]\n" * 50_000,
}


@pytest.mark.parametrize("text", SMALL_AND_HUGE.values(), ids=SMALL_AND_HUGE)
def test_a_scenario_that_claims_too_much_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.toml"
    file.write_text(text)
    assert_refused(measured("simulate", file))
    with pytest.raises(ScenarioError):
        Scenario.from_toml(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("simulate", "runs = 1000000000\nrates = [6, 3, 1]\nmachines = 3"),
        ("simulate", "runs = 1000000000\nmachines = 1000"),
        ("predict", "rates = [1, 2]\nmachines = 1000000"),
        ("run", "machines = 1000000"), ("machine A", "machines = 1000000"),
        ("predict", "rates = [" + "1," * 20_000 + "]"),
    ],
)  # fmt: skip
def test_a_command_that_would_need_more_than_there_is_says_so(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / "x.toml").write_text(text)
    assert_refused(measured(*name.split(), "x.toml", cwd=tmp_path))


def test_the_theory_of_a_long_run_takes_no_longer(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("seconds = 1000000000\nrates = [1000000000, 1]")
    done = measured("predict", tmp_path / "x.toml")
    assert (done.status, done.error) == (0, "")
    assert done.seconds < SECONDS


def test_the_spread_of_a_long_queue_is_that_of_its_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = inflow([600.0, 300.0, 1.0], DieProbabilities(0.2, 0.1), 2)
    exact = queue_spread(flow, 1.0, 400)
    monkeypatch.setattr("driftlab.theory.formulas.LENGTHS_MAX", 5_000)
    assert queue_spread(flow, 1.0, 400) == pytest.approx(exact, rel=1e-3)


@linux_only
@pytest.mark.parametrize("kind", ["fifo", "folder", "/dev/zero", "/dev/tty", "large", "socket"])
def test_a_scenario_that_is_no_small_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.toml"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "large":
        path.write_text(f"# {'x' * (1 << 24)}\n")
    elif kind == "socket":
        import socket

        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    else:
        path.symlink_to(kind)
    for name in ("simulate", "predict", "run"):
        assert_refused(measured(name, path))
    run = tmp_path / "run"
    run.mkdir()
    if kind != "socket":
        (run / "scenario.toml").symlink_to(path)
        for name in ("stats", "check", "replay", "pack", "twin"):
            assert_refused(measured(name, run))


@linux_only
@pytest.mark.parametrize("kind", ["fifo", "/dev/zero", "/dev/tty"])
def test_a_journal_that_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    driftlab.simulate(driftlab.Scenario(rates=[6, 3, 1], seconds=5), out=tmp_path)
    path = tmp_path / "B.log"
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(kind)
    for name in ("stats", "check", "pack", "plot", "report", "view --no-browser"):
        assert_refused(measured(*name.split(), tmp_path))


# A run folder whose scenario claims more than is there.


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "r"
    driftlab.simulate(Scenario(rates=[6, 3, 1], seconds=5, runs=3), out=folder)
    return folder


@pytest.mark.parametrize("name", ["stats", "check", "replay", "twin", "pack", "convert"])
def test_a_folder_is_read_by_the_runs_that_are_there(runs: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "r"
    folder.mkdir()
    text = (runs / "scenario.toml").read_text()
    (folder / "scenario.toml").write_text(text.replace("runs = 3", "runs = 1000000000"))
    for number in (2, 3):
        (folder / f"run-{number:010d}").symlink_to(runs / f"run-{number}")
    for other in ("run-2", "run-0000000000", "run-9999999999", "run-x", f"run-{'9' * 5000}"[:200]):
        (folder / other).mkdir()
    more: list[str | Path] = []
    if name == "convert":
        more = [tmp_path / "x.csv", "--to", "csv", "--execution", "1"]
    done = measured(name, folder, *more)
    assert (done.status, done.error) == (0, ""), done
    assert done.mib < MEMORY_MIB
    if name == "stats":
        found = json.loads(command("stats", folder, "--json").stdout)
        assert [run["folder"][-3:] for run in found["runs"]] == ["002", "003"]


@pytest.mark.parametrize("name", ["stats", "check", "replay", "twin", "pack"])
def test_a_scenario_of_a_million_machines_is_no_run_of_three(
    runs: Path, tmp_path: Path, name: str
) -> None:
    for journal in (runs / "run-1").glob("*.log"):
        (tmp_path / journal.name).symlink_to(journal)
    (tmp_path / "scenario.toml").write_text("machines = 1000000\n")
    assert_refused(measured(name, tmp_path))


# Files that unpack to far more than they are.


def packed_gzip(path: Path, block: bytes, times: int) -> None:
    with gzip.open(path, "wb") as file:
        for _ in range(times):
            file.write(block)


@pytest.mark.parametrize("format", [None, "json", "shiviz", "csv", "logfmt"])
def test_a_gzip_file_of_one_endless_line_is_refused(tmp_path: Path, format: str | None) -> None:
    packed_gzip(tmp_path / "x.log.gz", b'{"a":"' * (1 << 18), 600)
    more = [] if format is None else ["--format", format]
    assert_refused(measured("check", tmp_path / "x.log.gz", *more))


def test_a_journal_that_unpacks_to_an_endless_line_is_refused(runs: Path, tmp_path: Path) -> None:
    for each in (runs / "run-1").iterdir():
        (tmp_path / each.name).write_bytes(each.read_bytes())
    head = (tmp_path / "A.log").read_bytes()
    (tmp_path / "A.log").unlink()
    with gzip.open(tmp_path / "A.log.gz", "wb") as file:
        file.write(head)
        for _ in range(500):
            file.write(b"x" * (1 << 20))
    for name in ("stats", "check", "pack"):
        assert_refused(measured(name, tmp_path))


@pytest.mark.parametrize("text", ["x", "x" * 1_000])
def test_a_parquet_file_that_claims_more_than_it_holds_is_refused(
    tmp_path: Path, text: str
) -> None:
    rows = 20_000_000 if text == "x" else 1_600_000
    pl.DataFrame(
        {
            "host": pl.repeat("A", rows, eager=True),
            "clock": pl.repeat(1, rows, eager=True),
            "event": pl.repeat(text, rows, eager=True),
        }
    ).write_parquet(tmp_path / "x.parquet")
    assert_refused(measured("check", tmp_path / "x.parquet"))


# A packed run whose metadata is forged.

FORGED: dict[str, list[Any]] = {
    "version": [2, "1", None, 10**30, []],
    "names": [[], ["A"], ["A", "A", "A"], "ABC", [1, 2, 3], None, {"A": 1}, [*"ABCD"]],
    "starts": [[], [0, 10**18, 1, 2], [0, -1, 5, 9], "0", [0.5], None, [10**30, 1, 2, 3]],
    "sets": [None, [[99]], [["A"]], "x", [[-1]]],
    "peers": [[[0]], [[9], [9], [9]], "x", [["A"], [], []], 3],
    "authors": [None, [{}], [{"rate": 1}], "x", [[]] * 3, [{"lost": 5}] * 3],
    "files": [None, [], "abc", [1], [None] * 3],
    "unread": [None, [[]], [["a"]], [["a", "b", 3]], "x", [[1, 2, 3, 4, 5]]],
    "absent": [None, [1], 5],
    "scenario": [5, [], {}],
    "clock": ["vector", "no", 7, [], {}],
    "texts": [None, {"a": "nothing"}, {"a": 1}, [], {"recorded": "kind"}],
    "journals": [None, "x", []],
}  # fmt: skip


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    driftlab.simulate(Scenario(rates=[6, 3, 1], seconds=5), out=folder / "r")
    (done,) = driftlab.pack(folder / "r")
    return done.path


def forge(packed: Path, out: Path, change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads(pl.read_parquet_metadata(packed)[KEY])
    change(document)
    pl.read_parquet(packed).write_parquet(out, metadata={KEY: json.dumps(document)})


def forgeries() -> Iterator[tuple[str, Any]]:
    for key, values in FORGED.items():
        yield from ((key, value) for value in values)


@pytest.mark.parametrize(("key", "value"), list(forgeries()))
def test_forged_metadata_is_an_error_of_the_file_and_never_a_bug(
    packed: Path, tmp_path: Path, key: str, value: Any
) -> None:
    out = tmp_path / "x.parquet"
    forge(packed, out, lambda document: document.update({key: value}))
    try:
        verdict = driftlab.read(out).check()
    except DriftlabError:
        pass
    else:  # what it says is consistent, if not true
        assert verdict.counts is not None
        assert key in ("journals", "absent", "texts", "files", "scenario")


@pytest.mark.parametrize("key", FORGED)
def test_absent_metadata_is_an_error_of_the_file(packed: Path, tmp_path: Path, key: str) -> None:
    forge(packed, tmp_path / "x.parquet", lambda document: document.pop(key))
    with pytest.raises(PackError):
        unpack(tmp_path / "x.parquet")


def test_nested_metadata_and_scenarios_are_errors_of_the_file(packed: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.parquet"
    pl.read_parquet(packed).write_parquet(out, metadata={KEY: "[" * 100_000})
    assert_refused(measured("check", out))
    deep = "rates = " + "[" * 5_000
    forge(packed, out, lambda document: document.update(scenario=deep))
    for name in ("check", "compare", "offsets"):
        assert measured(name, out).status in (0, 2)


@pytest.mark.parametrize("column", ["kind", "sender", "target", "tick", "clock", "found_sender"])
@pytest.mark.parametrize("how", ["absent", "text", "float", "huge", "null"])
def test_forged_columns_are_an_error_of_the_file_and_never_a_bug(
    packed: Path, tmp_path: Path, column: str, how: str
) -> None:
    frame = pl.read_parquet(packed)
    changed = {
        "text": pl.lit("x"), "float": pl.lit(0.5), "huge": pl.lit(2**62), "null": pl.lit(None)
    }  # fmt: skip
    forged = (
        frame.drop(column) if how == "absent" else frame.with_columns(changed[how].alias(column))
    )
    forged.write_parquet(tmp_path / "x.parquet", metadata=pl.read_parquet_metadata(packed))
    with suppress(DriftlabError):
        driftlab.read(tmp_path / "x.parquet").check()


def test_ten_million_runs_are_simulated_where_there_is_memory() -> None:
    """Their figures take 6.5 GB: `require_memory` lets them pass on a computer with that."""
    from driftlab.api.simulate import require_memory

    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    if pages * size > 7e9:
        require_memory(Scenario(rates=[6, 3, 1], runs=10_000_000))
    require_memory(Scenario(rates=[6, 3, 1], runs=1_000_000))
    with pytest.raises(DriftlabError, match="GiB of memory"):
        require_memory(Scenario(rates=[6, 3, 1], runs=1_000_000_000))
