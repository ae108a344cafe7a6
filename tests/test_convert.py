"""`driftlab convert`: what any log holds, in the format of another tool."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

import driftlab
from driftlab.cli.main import main
from driftlab.foreign import read_executions, read_log
from driftlab.history.trace import Trace
from tests.executions import edges_of, told_of, values

SHIVIZ = 'A {"A":1}\nasks\nnoise\nB {"A":1, "B":1}\nis asked\n'
ASKED = {(("A", 0), ("B", 0))}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "in.log"
    path.write_text(SHIVIZ)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose machines kept vector clocks, as journals."""
    folder = tmp_path_factory.mktemp("run") / "run"
    driftlab.simulate(driftlab.Scenario(rates=[6, 3, 1], seconds=10, seed=1, clock="vector"),
                      record="all", out=folder)  # fmt: skip
    return folder


def test_it_says_what_was_written_and_what_could_not_be_read(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    assert main(["convert", str(log), str(out), "--to", "chrome"]) == 0
    assert capsys.readouterr().out == (
        f"2 events of 2 processes: {out}\nunread     {log.name}:3 matches nothing: noise\n"
        "assumed    1 receive matched by the vector clocks (--match)\nlost       1 unread line\n"
    )
    assert edges_of(read_log(out)[0]) == ASKED
    assert main(["convert", str(log), str(out), "--to", "chrome", "--json"]) == 2
    assert "exists already; give another name, or --overwrite" in capsys.readouterr().err
    assert main(["convert", str(log), str(out), "--to", "chrome", "--json", "--overwrite"]) == 0
    unread = [{"file": log.name, "line": 3, "reason": "matches nothing: noise", "lines": 1}]
    assert json.loads(capsys.readouterr().out) == {
        "events": 2, "processes": 2, "executions": 1, "unread": unread,
        "lost": ["1 unread line"], "assumed": ["1 receive matched by the vector clocks (--match)"],
    }  # fmt: skip


@pytest.mark.parametrize("name", ["shiviz", "tsviz", "govector", "tracing", "csv", "parquet"])
def test_a_run_of_ours_can_be_written_in_every_format(run: Path, tmp_path: Path, name: str) -> None:
    ours = driftlab.read(run)
    out = tmp_path / ("logs" if name == "govector" else f"x.{name}")
    assert main(["convert", str(run), str(out), "--to", name]) == 0
    (found,) = read_log(out)
    keys = ["time_ns", "vector"]
    keys += ["kind", "clock", "sender", "targets", "queue"] if name != "govector" else []
    assert told_of(found, keys) == told_of(ours.trace, keys)
    if name != "govector":
        assert edges_of(found) == edges_of(ours.trace)


@pytest.mark.parametrize("clock", ["vector", "matrix"])
@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_a_machine_without_events_keeps_its_place_in_the_timestamps(
    clock: str, name: str, tmp_path: Path
) -> None:
    scenario = driftlab.Scenario(rates=[20, 0.001, 20], seconds=4, seed=1, clock=clock)
    driftlab.simulate(scenario, record="all", out=tmp_path / "run")
    ours, out = driftlab.read(tmp_path / "run"), tmp_path / f"x.{name}"
    assert [len(part) for part in ours.events.partition_by("process")] == [80, 80]
    assert main(["convert", str(tmp_path / "run"), str(out), "--to", name]) == 0
    table = driftlab.read(out, format=name)
    assert table.check().holds
    names = {place: table.trace.names.index(each) for place, each in enumerate("ABC")}
    told = [entries_of(each.trace) for each in (ours, table)]
    for mine, theirs in zip(*told, strict=True):
        moved = {(names[row], names[column]): value for (row, column), value in mine.items()}
        assert theirs == moved


def entries_of(trace: Trace) -> list[dict[tuple[int, int], int]]:
    """Return each event's entries above 0 by row (0 of a vector) and column."""
    held = trace.timestamps
    assert held is not None
    found = []
    for begin, end in pairwise(held.starts.tolist()):
        entries, values = held.entries[begin:end].tolist(), held.values[begin:end].tolist()
        pairs = zip(entries, values, strict=True)
        found.append({divmod(entry, trace.processes): value for entry, value in pairs if value})
    return found


def test_a_run_without_vector_clocks_gets_them(tmp_path: Path) -> None:
    pytest.importorskip("driftlab.analysis.restamp")
    folder = tmp_path / "run"
    scenario = driftlab.Scenario(rates=[6, 3, 1], seconds=10, seed=1)
    driftlab.simulate(scenario, record="all", out=folder)
    assert main(["convert", str(folder), str(tmp_path / "x.log"), "--to", "shiviz"]) == 0
    (found,) = read_log(tmp_path / "x.log")
    assert edges_of(found) == edges_of(driftlab.read(folder).trace)


def test_all_executions_are_written_with_their_labels(tmp_path: Path) -> None:
    path, out = tmp_path / "in.log", tmp_path / "out.log"
    path.write_text(f"-- x --\n{SHIVIZ}-- y --\n{SHIVIZ}")
    flags = ["--from", "shiviz", "--delimiter", "-- (?<trace>.*) --"]
    assert main(["convert", str(path), str(out), "--to", "shiviz", *flags]) == 0
    assert [each.label for each in read_executions(out)] == ["x", "y"]
    one = tmp_path / "one.csv"
    assert main(["convert", str(out), str(one), "--to", "csv"]) == 2
    assert main(["convert", str(out), str(one), "--to", "csv", "--execution", "y"]) == 0
    assert len(driftlab.read(one)) == 2


def test_flags_say_how_a_log_is_read(tmp_path: Path) -> None:
    path, out = tmp_path / "in.log", tmp_path / "out.csv"
    path.write_bytes("é 5 a\nB 6 b\n".encode("latin-1"))
    flags = ["--pattern", r"^(?<host>B) (?<time>\d) (?<event>.)", "--encoding", "latin-1",
             "--pattern", r"^(?<host>.) (?<time>\d) (?<event>.)", "--time-unit", "ms"]  # fmt: skip
    assert main(["convert", str(path), str(out), "--to", "csv", *flags]) == 0
    trace = driftlab.read(out).trace
    assert list(trace.names) == ["é", "B"]
    assert values(trace, "time_ns") == [5_000_000, 6_000_000]


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["in.log", "in.log", "--to", "csv"], "is the input"),
        (["in.log", "out", "--to", "xml"], "--to xml: there are shiviz, tsviz"),
        (["in.log", "out", "--to", "text"], "--to text: there are shiviz, tsviz"),
        (["in.log", "out", "--to", "tsviz"], "tsviz: the log has no times to write"),
        (["in.log", "no/such/out", "--to", "csv"], "no/such/out: "),
        (["in.log", "in.log/x", "--to", "shiviz"], "in.log/x: "),
        (["gone.log", "out", "--to", "csv"], "gone.log: "),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    log: Path, flags: list[str], says: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(log.parent)
    assert main(["convert", *flags]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
