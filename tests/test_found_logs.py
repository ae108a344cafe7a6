"""What stands in a folder is found: each run is read as itself, and nothing is passed over."""

import gc
import gzip
import os
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import driftlab
from driftlab.api.check import judge_path
from driftlab.api.convert import convert
from driftlab.api.write_restamped import write_restamped
from driftlab.foreign import log_file
from driftlab.foreign.log_file import LogFile
from driftlab.journal import files, reader
from driftlab.journal.files import UnreadableError, UnreadLine
from tests.executions import values
from tests.started import driftlab as command
from tests.started import linux_only
from tests.traces import differences, simulated

STAR: dict[str, Any] = {"topology": "star", "clock": "vector", "faces": 3, "seconds": 20}


@pytest.fixture(scope="module")
def star(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("star") / "runs", runs=3, **STAR)


@pytest.fixture
def packs(star: Path, tmp_path: Path) -> Path:
    driftlab.pack(star, tmp_path / "packs")
    return tmp_path / "packs"


def refused(path: Path, **options: Any) -> str:
    """Return why a path is not read, in one line."""
    with pytest.raises(driftlab.DriftlabError) as error:
        driftlab.read_all(path, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def names(path: Path) -> list[str]:
    return [history.name for history in driftlab.read_all(path)]


# Packed runs in a folder.


def test_packed_runs_in_a_folder_are_runs_of_their_own(star: Path, packs: Path) -> None:
    """Read as one run their events are interleaved, and hundreds of rules seem broken."""
    runs, folders = driftlab.read_all(packs), driftlab.read_all(star)
    assert [run.name for run in runs] == ["run-1", "run-2", "run-3"]
    assert [differences(run.trace, of.trace) for run, of in zip(runs, folders, strict=True)] == [
        [], [], []
    ]  # fmt: skip
    assert judge_path(packs).holds
    with pytest.raises(driftlab.SeveralRunsError, match=r"packs holds 3 runs.*run-1, run-2, run-3"):
        driftlab.read(packs)
    assert names(packs.parent) == names(packs)  # also where they stand one folder further down


def test_run_folders_and_packed_runs_in_one_folder_are_all_read(star: Path, packs: Path) -> None:
    shutil.copytree(star / "run-1", packs / "other")
    assert names(packs) == ["other", "run-1", "run-2", "run-3"]
    shutil.copy(packs / "run-1.parquet", packs / "other" / "more.parquet")
    shutil.copy(packs / "run-2.parquet", packs / "other.parquet")
    assert names(packs / "other") == ["other"]  # `more` holds the very run that stands there
    assert names(packs) == ["other", "other.parquet", "run-1", "run-2", "run-3"]


def test_a_packed_copy_beside_its_run_folder_is_that_run_and_another_one_is_not(
    star: Path, tmp_path: Path
) -> None:
    runs = shutil.copytree(star, tmp_path / "runs")
    driftlab.pack(runs)
    assert names(runs) == ["run-1", "run-2", "run-3"]
    shutil.copy(runs / "run-2.parquet", runs / "run-1.parquet")
    assert names(runs) == ["run-1", "run-2", "run-3", "run-1.parquet"]


def test_other_logs_among_packed_runs_are_named_and_what_is_no_log_is_not(packs: Path) -> None:
    (packs / "readme.txt").write_text("three runs of a star\n")
    assert len(names(packs)) == 3
    convert(packs / "run-1.parquet", packs / "trace.csv", "csv")
    assert (
        "packed runs (run-1.parquet, run-2.parquet, run-3.parquet) and other logs (trace.csv)"
        in (refused(packs))
    )


def test_packed_runs_are_read_where_their_run_folders_are_gone(star: Path, packs: Path) -> None:
    shutil.copy(star / "scenario.toml", packs)
    assert names(packs) == ["run-1", "run-2", "run-3"]
    for name in ("run-1", "run-2"):
        (packs / f"{name}.parquet").unlink()
    shutil.copy(star / "run-3" / "scenario.toml", packs)
    assert names(packs) == ["run-3"]
    (packs / "run-3.parquet").unlink()
    assert "no journals here" in refused(packs)


# One of the runs in a folder.


@pytest.mark.parametrize("chosen", ["2", "run-2", 2])
def test_execution_chooses_among_the_runs_of_a_folder(
    star: Path, packs: Path, chosen: str | int
) -> None:
    second = driftlab.read_all(star)[1].trace
    for folder in (star, packs):
        assert differences(driftlab.read(folder, execution=chosen).trace, second) == []
    assert "no run 4; it holds 3, by number or by name: run-1, run-2, run-3" in refused(
        star, execution="4"
    )


def test_a_chosen_run_is_restamped_from_its_own_journals(star: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = command("restamp", star, "--clock", "hybrid", "--execution", "2", "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    theirs, ours = driftlab.read(star / "run-2").trace, driftlab.read(out).trace
    assert set(differences(ours, theirs)) == {"timestamps", "scenario"}


def test_options_of_other_logs_are_refused_for_runs_of_ours_as_what_they_are(star: Path) -> None:
    assert "driftlab's own, which need no options (format)" in refused(star, format="csv")


# Logs of other programs: a folder is one run.


def two_runs(folder: Path) -> tuple[Path, Path]:
    one = simulated(folder / "one", rates=[5, 3, 2], seed=5)
    other = simulated(folder / "other", rates=[5, 4, 3], seed=5)
    return one, other


@pytest.mark.parametrize(
    ("to", "suffix"),
    [("csv", ".csv"), ("shiviz", ".log"), ("tsviz", ".log"), ("govector", "-Log.txt"),
     ("tracing", ".json"), ("chrome", ".json"), ("parquet", ".parquet")],
)  # fmt: skip
def test_two_runs_in_one_folder_are_not_read_as_one(tmp_path: Path, to: str, suffix: str) -> None:
    folder = tmp_path / "both"
    folder.mkdir()
    for run in two_runs(tmp_path):
        convert(run, folder / f"{run.name}{suffix}", to)
        assert len(driftlab.read(folder)) > 50  # one alone is read
        (folder / f"{run.name}{suffix}").rename(tmp_path / f"{run.name}{suffix}")
    for name in ("one", "other"):
        (tmp_path / f"{name}{suffix}").rename(folder / f"{name}{suffix}")
    message = f"process A has events in one{suffix} and in other{suffix}: these look like two runs"
    assert message in refused(folder)
    assert f"one by one, as {folder}/one{suffix}" in refused(folder)


@pytest.mark.parametrize("to", ["csv", "shiviz", "tsviz", "tracing"])
@pytest.mark.parametrize("by_process", [True, False])
def test_a_file_a_process_and_a_log_that_goes_on_in_the_next_file_are_one_run(
    tmp_path: Path, to: str, by_process: bool
) -> None:
    """The lines of a log of one run, split by process or after every 30 events."""
    run = simulated(tmp_path / "run", rates=[5, 3, 2], seed=5)
    convert(run, tmp_path / "whole", to)
    whole = driftlab.read(tmp_path / "whole").trace
    lines = (tmp_path / "whole").read_text().splitlines()
    heads = {"csv": 1, "shiviz": 3, "tsviz": 3, "tracing": 0}[to]
    each = {"csv": 1, "shiviz": 2, "tsviz": 2, "tracing": 1}[to]
    records = [lines[at : at + each] for at in range(heads, len(lines), each)]
    folder = tmp_path / "parts"
    folder.mkdir()
    starts = whole.starts.tolist() if by_process else [*range(0, len(records), 30), len(records)]
    for number, (begin, end) in enumerate(pairwise(starts)):
        texts = [*lines[:heads], *(line for one in records[begin:end] for line in one)]
        (folder / f"part-{number}.log").write_text("\n".join(texts) + "\n")
    read = driftlab.read(folder).trace
    assert set(differences(read, whole)) == {"columns", "files"}
    assert read.columns.kind.tolist() == whole.columns.kind.tolist()


def test_executions_that_govector_appends_in_a_file_a_process_are_still_read(
    tmp_path: Path,
) -> None:
    for name in "AB":
        texts = (f'=== Execution #{run}  ===\n{name} {{"{name}":1}}\nbegin\n' for run in (1, 2))
        (tmp_path / f"{name}-Log.txt").write_text("".join(texts))
    assert [len(run) for run in driftlab.read_all(tmp_path)] == [2, 2]


def test_files_that_a_pattern_describes_may_hold_any_lines_where_no_clock_tells(
    tmp_path: Path,
) -> None:
    for name in ("x.1", "x.2"):
        (tmp_path / name).write_text("A begins\nB begins\n")
    assert len(driftlab.read(tmp_path, pattern=r"(?<host>\S+) (?<event>.*)")) == 4
    for name in ("x.1", "x.2"):
        (tmp_path / name).write_text("A 1 begins\nB 1 begins\n")
    pattern = r"(?<host>\S+) (?<clock>\d+) (?<event>.*)"
    assert "process A has events in x.1 and in x.2" in refused(tmp_path, pattern=pattern)


@pytest.mark.parametrize(
    ("one", "other", "is_one_run"),
    [
        ("A,1,\nA,2,\n", "A,3,\n", True),
        ("A,1,\nA,2,\n", "A,2,\n", False),
        ("A,1,\nA,2,\n", "A,1,\n", False),
        ("B,9,\nA,1,\nA,,\n", "A,3,\n", False),  # the last one before has no clock
        ("A,1,\nA,2,\n", "A,,\nA,3,\n", False),
        ("A,,\n", "A,,\n", False),
        ("A,1,0\nA,3,2\n", "A,2,1\n", False),  # from one file to the other and back
        ("A,1,0\nA,2,1\n", "A,3,2\n", True),
        ('A,"{""A"":1,""B"":9}",\nB,"{""B"":1}",\n', 'A,"{""A"":2,""B"":3}",\n', True),
        ('A,"{""A"":1,""B"":9}",\nB,"{""B"":1}",\n', 'B,"{""A"":9,""B"":1}",\n', False),
        ('A,"{""A"":1}",\nB,"{""B"":1}",\n', 'B,"{""A"":9}",\nB,"{""B"":3}",\n', False),
    ],
)
def test_a_process_goes_on_in_the_next_file_if_its_clock_does(
    tmp_path: Path, one: str, other: str, is_one_run: bool
) -> None:
    head = "host,clock,index\n" if ",0\n" in one else "host,clock,x\n"
    (tmp_path / "1.csv").write_text(head + one)
    (tmp_path / "2.csv").write_text(head + other)
    if is_one_run:
        assert len(driftlab.read(tmp_path)) == (one + other).count("\n")
    else:
        assert "has events in 1.csv and in 2.csv: these look like two runs" in refused(tmp_path)


@pytest.mark.parametrize("is_on", [True, False])
def test_reading_leaves_the_garbage_collector_as_it_was(tmp_path: Path, is_on: bool) -> None:
    (tmp_path / "x.csv").write_text("host,clock\nA,1\n")
    was_on = gc.isenabled()
    try:
        (gc.enable if is_on else gc.disable)()
        driftlab.read(tmp_path / "x.csv")
        assert gc.isenabled() == is_on
    finally:
        (gc.enable if was_on else gc.disable)()


# Journals of two runs.


def test_journals_of_two_simulated_runs_of_one_seed_contradict_the_scenario(tmp_path: Path) -> None:
    one, other = two_runs(tmp_path)
    for name in "BC":
        shutil.copy(other / f"{name}.log", one)
    assert f"{one}/B.log: line 1 has rate=4, but {one}/scenario.toml rate=3; put each run" in (
        refused(one)
    )


def rewritten(old: str, new: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        text = (run / "B.log").read_text()
        assert old in text
        (run / "B.log").write_text(text.replace(old, new, 1))

    return change


CONTRADICTIONS = {
    "rate": (rewritten("rate=3", "rate=3.5"), "B.log: line 1 has rate=3.5, but"),
    "run": (rewritten("run=1", "run=2"), "run"),
    "peers": (rewritten("peers=A,C,D", "peers=A,C"), "B.log: line 1 has peers=A,C, but"),
    "index": (rewritten("index=1", "index=2"), "B.log: line 1 has index=2, but"),
    "world": (rewritten("world=simulated", "world=real"), "world=simulated, that of B.log world="),
}


@pytest.mark.parametrize("key", CONTRADICTIONS)
def test_a_header_that_contradicts_the_scenario_is_named(tmp_path: Path, key: str) -> None:
    run = simulated(tmp_path / "run")
    assert len(driftlab.read(run)) == 120
    spoil, says = CONTRADICTIONS[key]
    spoil(run)
    assert says in refused(run)


def test_the_speed_of_a_real_run_is_that_of_its_scenario_and_simulated_time_has_none(
    tmp_path: Path,
) -> None:
    run = simulated(tmp_path / "run", speed=5)
    assert "speed=1 " in (run / "A.log").read_text()
    assert len(driftlab.read(run)) == 120
    for path in run.glob("*.log"):
        path.write_text(path.read_text().replace("world=simulated", "world=real"))
    assert "A.log: line 1 has speed=1, but" in refused(run)
    for path in run.glob("*.log"):
        path.write_text(path.read_text().replace(" speed=1 ", " speed=5.0 "))
    assert len(driftlab.read(run)) == 120


def test_without_a_scenario_peers_that_contradict_each_other_are_of_two_runs(
    tmp_path: Path,
) -> None:
    mesh = simulated(tmp_path / "mesh")
    ring = simulated(tmp_path / "ring", topology="ring")
    (mesh / "scenario.toml").unlink()
    shutil.copy(ring / "C.log", mesh)
    assert "different runs: line 1 of A.log has C among its peers, that of C.log has no A" in (
        refused(mesh)
    )


# A journal alone.


@pytest.mark.parametrize("topology", ["ring", "star", "mesh"])
@pytest.mark.parametrize("clock", ["vector", "matrix", "lamport"])
def test_the_scenario_beside_one_journal_tells_who_the_others_are(
    tmp_path: Path, topology: str, clock: str
) -> None:
    run = simulated(tmp_path / "run", topology=topology, clock=clock)
    whole = driftlab.read(run)
    for name in whole.names:
        alone = driftlab.read(run / f"{name}.log")
        assert alone.names == whole.names
        assert alone.trace.missing_processes == [other for other in whole.names if other != name]
        assert not alone.trace.unread
        assert alone.events.equals(whole.events.filter(whole.events["process"] == name))
        assert alone.check().holds
        written = convert(run / f"{name}.log", tmp_path / f"{name}.shiviz", "shiviz")
        assert written.events == len(alone)


def test_a_scenario_beside_a_journal_that_is_not_its_own_is_ignored_and_reported(
    tmp_path: Path,
) -> None:
    run = simulated(tmp_path / "run", topology="star", clock="vector")
    own = (run / "scenario.toml").read_text()
    (run / "scenario.toml").write_text(own.replace("seed = 3", "seed = 4"))
    says = refused(run / "B.log")
    assert "only the other journals or scenario.toml name" in says
    assert f"line 1 has seed=3, but {run}/scenario.toml seed=4" in says
    (run / "scenario.toml").write_text("no scenario")
    assert "scenario.toml: not valid TOML" in refused(run / "B.log")
    mesh = simulated(tmp_path / "mesh", clock="vector")
    (mesh / "scenario.toml").write_text("no scenario")
    assert driftlab.read(mesh / "B.log").names == ["A", "B", "C", "D"]


# Damaged gzip.

BAD_CHECKSUM = "a wrong checksum ends the gzip file here; the lines above may be damaged"


def gzipped(run: Path, damage: Callable[[bytearray], None]) -> list[bytes]:
    """Pack A.log with a damage, and return its lines."""
    text = (run / "A.log").read_bytes()
    file = bytearray(gzip.compress(text))
    damage(file)
    (run / "A.log").unlink()
    (run / "A.log.gz").write_bytes(file)
    return text.splitlines()


def bit_of_the_checksum(file: bytearray) -> None:
    file[-6] ^= 1


def length_in_the_trailer(file: bytearray) -> None:
    file[-2] ^= 1


def fifty_bytes(file: bytearray) -> None:
    middle = len(file) // 2
    file[middle : middle + 50] = bytes(byte ^ 0xFF for byte in file[middle : middle + 50])


@pytest.mark.parametrize("scanned", [True, False])
@pytest.mark.parametrize("damage", [bit_of_the_checksum, length_in_the_trailer])
def test_a_wrong_checksum_is_reported_and_every_line_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scanned: bool, damage: Any
) -> None:
    monkeypatch.setattr(reader, "SCAN_BYTES_MIN", 0 if scanned else 1 << 60)
    run = simulated(tmp_path / "run")
    whole = driftlab.read(run).trace
    lines = gzipped(run, damage)
    trace = driftlab.read(run).trace
    assert differences(trace, whole) == ["files", "unread"]
    assert trace.unread == [UnreadLine("A.log.gz", len(lines) + 1, BAD_CHECKSUM)]


def test_of_a_gzip_file_damaged_in_the_middle_what_came_before_counts(tmp_path: Path) -> None:
    run = simulated(tmp_path / "run", rates=[400, 3], seconds=20)
    lines = gzipped(run, fifty_bytes)
    trace = driftlab.read(run).trace
    assert len(lines) / 4 < trace.starts[1] < len(lines) * 3 / 4
    whole = int(trace.starts[1])
    assert values(trace, "tick")[: whole - 5] == list(range(whole - 5))
    assert {one.file for one in trace.unread} == {"A.log.gz"}
    assert "damaged" in trace.unread[-1].reason
    assert trace.unread[0].line < trace.unread[-1].line + 1
    assert not trace.process_info[0].ended


@pytest.mark.parametrize("damage", [bit_of_the_checksum, fifty_bytes, lambda file: file.pop()])
def test_a_damaged_journal_cannot_be_written_again_but_its_events_can(
    tmp_path: Path, damage: Any
) -> None:
    run = simulated(tmp_path / "run", rates=[400, 3])
    gzipped(run, damage)
    history = driftlab.read(run).restamp("vector")
    with pytest.raises(driftlab.DriftlabError, match=r"A\.log\.gz: the gzip file is damaged.*csv"):
        write_restamped(history, "vector", tmp_path / "out", run)
    assert not (tmp_path / "out").exists()
    write_restamped(history, "vector", tmp_path / "out.csv", run)
    assert len(driftlab.read(tmp_path / "out.csv")) == len(history)


@pytest.mark.parametrize("size", [7, 100, 1 << 16])
def test_every_byte_before_damage_is_unpacked_whatever_is_read_at_once(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"".join(b"line %d %d\n" % (number, number**7) for number in range(5000))
    for damage in (bit_of_the_checksum, length_in_the_trailer):
        file = bytearray(gzip.compress(text))
        damage(file)
        (tmp_path / "x.gz").write_bytes(file)
        *pieces, last = files.line_chunks(tmp_path / "x.gz", size)
        assert b"".join(piece.text for piece in pieces) == text
        assert last.damage == BAD_CHECKSUM
        monkeypatch.setattr(log_file, "BLOCK_BYTES", size)
        found = LogFile(tmp_path / "x.gz").read_text()
        assert found.text.encode() == text
        assert found.unread == [UnreadLine(str(tmp_path / "x.gz"), 5001, BAD_CHECKSUM)]


def test_members_of_gzip_and_zeros_after_them_are_one_text(tmp_path: Path) -> None:
    parts = [b"one\n" * 9, b"two\n" * 9, b"three\n"]
    packed = bytes(5).join(gzip.compress(part) for part in parts) + bytes(20)
    (tmp_path / "x.gz").write_bytes(packed)
    for size in (2, 7, 30, 1 << 16):
        pieces = list(files.line_chunks(tmp_path / "x.gz", size))
        assert b"".join(piece.text for piece in pieces) == b"".join(parts)
        assert not any(piece.damage for piece in pieces)


# What is not a regular file.


@linux_only
@pytest.mark.parametrize("options", [{}, {"format": "csv"}])
def test_what_is_not_a_regular_file_is_refused_unopened(
    tmp_path: Path, options: dict[str, str]
) -> None:
    """A pipe without a writer is waited for without end when it is opened."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        assert refused(path, **options) == f"{path}: not a regular file; save it to a file first"


@linux_only
def test_a_pipe_among_the_journals_of_a_run_is_refused_unopened(tmp_path: Path) -> None:
    run = simulated(tmp_path / "run")
    for name in ("A.log", "scenario.toml"):
        (run / name).unlink()
        os.mkfifo(run / name)
        assert refused(run) == f"{run}/{name}: not a regular file; save it to a file first"


@pytest.mark.parametrize("options", [{}, {"format": "csv"}])
def test_a_path_that_no_system_takes_is_unreadable(options: dict[str, str]) -> None:
    with pytest.raises(UnreadableError, match=r"a…: File name too long"):
        driftlab.read("a" * 5000, **options)
    with pytest.raises(UnreadableError, match="null"):
        driftlab.read("a\0b", **options)


# Which format a log is in.


@pytest.mark.parametrize(
    "text",
    [
        '[main] {"[main]":1}\nbegin\n[main] {"[main]":2}\nend\n',
        '[1] {"[1]":1}\nbegin\n[1] {"[1]":2}\nend\n',
        '[INFO] begin\nA {"A":1}\n[INFO] end\nA {"A":2}\n',
        '[2026-01-01 12:00] begin\nA {"A":1}\nend\nA {"A":2}\n',
        '{main} {"{main}":1}\nbegin\n{main} {"{main}":2}\nend\n',
    ],
)
def test_a_line_that_begins_with_a_bracket_need_not_be_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.log").write_text(text)
    history = driftlab.read(tmp_path / "x.log")
    assert (len(history), len(history.names)) == (2, 1)
    assert not history.trace.unread


@pytest.mark.parametrize(
    "text", ['[\n {"a":1},\n {"b":2}\n]\n', '{"a": {"b":1}}\n{"a": {"b":2}}\n', '{"a":\n {"b":1']
)
def test_json_of_something_else_is_no_log(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    assert "which format is this?" in refused(tmp_path / "x.json")


# What to do about it.


def holding(**files: bytes) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        for name, content in files.items():
            (folder / name).write_bytes(content)

    return fill


def only_folders(folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "b").mkdir()


HOPELESS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "empty": (holding(x=b""), "x", "x: empty; expected a journal or another log"),
    "blank": (holding(x=b"\n \n"), "x", "x: empty; expected a journal or another log"),
    "no journals": (
        holding(readme=b"hello\n"), "", ": no journals here (NAME.log), and readme: which format"),
    "only folders": (only_folders, "", ": no journals, packed runs or other logs here, and no run "
                     "in its folders (a, b); a run folder holds a NAME.log for each machine"),
    "hidden files": (holding(**{".x": b"hello"}), "", ": an empty folder"),
    "gzipped Parquet": (
        holding(x=gzip.compress(b"PAR1" + bytes(99))), "x",
        "x: a gzipped file of Parquet; unpack it first (gunzip)"),
    "5 bytes of gzip": (
        holding(x=gzip.compress(b"hello")[:5]), "x",
        "x: the gzip file breaks off here, and nothing of it can be unpacked; copy it again"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOPELESS)
def test_what_cannot_be_read_is_reported_with_what_to_do(tmp_path: Path, what: str) -> None:
    fill, name, says = HOPELESS[what]
    fill(tmp_path)
    assert says in refused(tmp_path / name)
