"""From a path to a history: what can be read, and one line for what cannot."""

import gzip
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import driftlab
from driftlab.api.read import find_journals
from driftlab.history.run_reader import describe_process
from driftlab.history.tick_repair import repaired_ticks
from driftlab.journal import files, reader
from driftlab.journal.files import UnreadableError
from tests.journals import read_journal
from tests.started import driftlab as command
from tests.started import linux_only, peak_memory
from tests.traces import differences, simulated

NOBODY_ID = 65_534


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("original") / "run")


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Path:
    shutil.copytree(original, tmp_path / "run")
    return tmp_path / "run"


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


# What can be read.


def test_a_run_folder_has_its_scenario_and_without_it_the_same_events(run: Path) -> None:
    whole = driftlab.read(run)
    assert whole.names == ["A", "B", "C", "D"]
    made_by = f"# made by driftlab {driftlab.__version__}\n"
    assert made_by + (whole.trace.scenario or "") == (run / "scenario.toml").read_text()
    (run / "scenario.toml").unlink()
    bare = driftlab.read(run)
    assert differences(whole.trace, bare.trace) == ["scenario"]


@pytest.mark.parametrize("clock", ["lamport", "vector"])
def test_one_journal_is_a_history_whose_other_processes_are_absent(
    tmp_path: Path, clock: str
) -> None:
    folder = simulated(tmp_path / "run", clock=clock)
    whole = driftlab.read(folder)
    for place, name in enumerate(whole.names):
        alone = driftlab.read(folder / f"{name}.log")
        assert alone.names == whole.names
        assert alone.trace.missing_processes == [other for other in whole.names if other != name]
        rows = whole.events.filter(whole.events["process"] == name)
        assert alone.events.equals(rows)
        assert alone.trace.starts[place + 1] - alone.trace.starts[place] == len(rows)


def test_more_than_26_machines_stand_in_their_order_not_in_the_alphabet(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "run", rates=[1] * 30, seconds=2)
    names = driftlab.read(folder).names
    assert names[25:28] == ["Z", "AA", "AB"]
    (folder / "scenario.toml").unlink()
    assert driftlab.read(folder).names == names
    assert driftlab.read(folder / "AB.log").names == names


def test_in_a_ring_the_journals_tell_the_order_and_one_alone_does_not(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "run", rates=[1] * 30, seconds=2, topology="ring", clock="vector")
    whole = driftlab.read(folder)
    (folder / "scenario.toml").unlink()
    assert differences(driftlab.read(folder).trace, whole.trace) == ["scenario"]
    with pytest.raises(UnreadableError, match="only the other journals or"):
        driftlab.read(folder / "B.log")


def test_journals_that_are_gzipped_are_the_same(run: Path) -> None:
    whole = driftlab.read(run).trace
    for path in [run / "A.log", run / "C.log"]:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    packed = driftlab.read(run).trace
    assert differences(packed, whole) == ["files"]
    assert [Path(file).name for file in packed.files] == ["A.log.gz", "B.log", "C.log.gz", "D.log"]
    assert len(driftlab.read(run / "A.log.gz")) == 60


def test_a_gzip_file_that_is_cut_is_told_of_and_the_rest_counts(run: Path) -> None:
    text = (run / "A.log").read_bytes()
    (run / "A.log").unlink()
    (run / "A.log.gz").write_bytes(gzip.compress(text)[:-400])
    trace = driftlab.read(run).trace
    assert 0 < trace.starts[1] < 60
    assert not trace.process_info[0].ended
    reasons = [one.reason for one in trace.unread]
    assert "the gzip file is cut off here; copy it again to have the rest" in reasons
    assert {Path(one.file).name for one in trace.unread} == {"A.log.gz"}


def test_a_machine_without_a_journal_is_absent_and_so_is_one_with_an_empty_one(run: Path) -> None:
    (run / "B.log").unlink()
    (run / "C.log").write_bytes(b"")
    trace = driftlab.read(run).trace
    assert trace.missing_processes == ["B", "C"]
    assert [(Path(one.file).name, one.line) for one in trace.unread] == [("C.log", 1)]
    assert "killed before" in trace.unread[0].reason


def test_line_ends_of_windows_are_line_ends(run: Path) -> None:
    whole = driftlab.read(run).trace
    lines = (run / "A.log").read_bytes().split(b"\n")
    (run / "A.log").write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines[:20]) + b"\n" +
                                b"\n".join(lines[20:]))  # fmt: skip
    assert differences(driftlab.read(run).trace, whole) == []


def test_several_runs_are_read_all_at_once_and_not_as_one(tmp_path: Path) -> None:
    folder = simulated(tmp_path / "runs", runs=3)
    histories = driftlab.read_all(folder)
    assert [len(history) for history in histories] == [120] * 3
    made_by = f"# made by driftlab {driftlab.__version__}\n"
    assert [made_by + (h.trace.scenario or "") for h in histories] == [
        (folder / f"run-{number}" / "scenario.toml").read_text() for number in (1, 2, 3)
    ]
    with pytest.raises(driftlab.SeveralRunsError, match=r"holds 3 runs; .* driftlab.read_all"):
        driftlab.read(folder)
    (folder / "scenario.toml").unlink()
    assert len(driftlab.read_all(folder)) == 3
    assert len(driftlab.read_all(folder / "run-2")) == 1


def test_a_line_that_does_not_fit_into_the_run_is_unread_and_leaves_a_hole(run: Path) -> None:
    """A name of nobody, numbers that no column holds: each reported, none ends the reading."""
    lines = (run / "A.log").read_text().splitlines()
    cells = {at: lines[at].split("\t") for at in (5, 8, 11, 14)}
    cells[5][7], cells[8][10] = "Nobody", f"B:{2**63}"
    cells[11][8], cells[14][0] = str(2**64), "9999-12-31T23:59:59Z"
    for at, line in cells.items():
        lines[at] = "\t".join(line)
    (run / "A.log").write_text("\n".join(lines) + "\n")
    trace = driftlab.read(run).trace
    assert [one.line for one in trace.unread] == [6, 9, 12, 15]
    assert ["64 bits" in one.reason for one in trace.unread] == [False, True, True, True]
    assert "'Nobody', which is no process of this run" in trace.unread[0].reason
    assert trace.columns.line is not None
    assert trace.columns.line[trace.gaps].tolist() == [7, 10, 13, 16]


# What cannot be read: one line, with the file, and what to do.


def two_runs_mixed(run: Path) -> None:
    other = simulated(run.parent / "other", seed=4)
    shutil.copy(other / "B.log", run / "B.log")


def other_run_number(run: Path) -> None:
    (run / "scenario.toml").unlink()
    changed(run / "B.log", " run=1 ", " run=2 ")


def utf_16(run: Path) -> None:
    (run / "A.log").write_text((run / "A.log").read_text(), encoding="utf-16")


def carriage_returns(run: Path) -> None:
    (run / "A.log").write_bytes((run / "A.log").read_bytes().replace(b"\n", b"\r"))


def header(old: str, new: str) -> Callable[[Path], None]:
    return lambda run: changed(run / "A.log", old, new)


def nothing_left(run: Path) -> None:
    for path in run.iterdir():
        path.unlink()


def no_journals(run: Path) -> None:
    for path in run.glob("*.log"):
        path.unlink()


def only_empty(run: Path) -> None:
    for path in run.glob("*.log"):
        path.write_bytes(b"")


def stranger(run: Path) -> None:
    shutil.copy(run / "A.log", run / "Z.log")
    changed(run / "Z.log", "machine=A", "machine=Z")


def folder_named_as_a_journal(run: Path) -> None:
    (run / "A.log").unlink()
    (run / "A.log").mkdir()


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "empty folder": (
        nothing_left, "run: an empty folder; a run folder holds a NAME.log for each machine"),
    "only a scenario": (
        no_journals, "run: no journals here; a run folder holds a NAME.log for each"),
    "only empty journals": (only_empty, "its journals are empty: A.log, B.log, C.log, D.log"),
    "two runs": (two_runs_mixed, "runs: line 1 of A.log has seed=3, that of B.log seed=4"),
    "another run": (other_run_number, "A.log has run=1, that of B.log run=2; put each run into"),
    "the same twice": (
        lambda run: shutil.copy(run / "A.log", run / "A (1).log"),
        "A (1).log and A.log are both of machine A; keep one of them"),
    "a stranger": (stranger, "Z.log: line 1: machine Z is not of this run's scenario; move its"),
    "another scenario": (
        lambda run: changed(run / "scenario.toml", "seed = 3", "seed = 5"),
        "A.log: line 1 has seed=3, but"),
    "a folder A.log": (folder_named_as_a_journal, "A.log: Is a directory"),
    "UTF-16": (utf_16, "A.log: line 1: this looks like UTF-16; a journal is UTF-8 (iconv"),
    "CR alone": (carriage_returns, "A.log: line 1: its lines end in CR alone; end them in LF"),
    "rate nan": (header("rate=6", "rate=nan"), "A.log: line 1: rate='nan'; expected a positive"),
    "rate inf": (header("rate=6", "rate=1e999"), "A.log: line 1: rate='1e999'; expected"),
    "speed 0": (header("speed=1", "speed=0"), "A.log: line 1: speed='0'; expected a positive"),
    "phase": (header("phase_ns=", "phase_ns=x"), "A.log: line 1: phase_ns='x"),
    "phase too large": (header("phase_ns=", "phase_ns=999999999999"), "A.log: line 1: phase_ns="),
    "index": (header("index=0", "index=99999999999"), "A.log: line 1: index='99999999999'"),
    "clock": (header(" rate", " clock=sundial rate"), "clock='sundial'; expected lamport, vector"),
    "no journal": (
        lambda run: (run / "A.log").write_text("hello\nworld\n"), "A.log: line 1 is not `# drift"),
    "binary": (lambda run: (run / "A.log").write_bytes(bytes(range(256)) * 9), "A.log: line 1"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_told_in_one_line_with_its_file(run: Path, what: str) -> None:
    spoil, message = BAD[what]
    spoil(run)
    with pytest.raises(driftlab.DriftlabError) as error:
        driftlab.read(run)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert str(run) in str(error.value)


def test_bad_input_ends_a_command_with_status_2_and_one_line(run: Path) -> None:
    two_runs_mixed(run)
    done = command("pack", run)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"driftlab: {run}/B.log: line 1 has seed=4") or (
        done.stderr.startswith(f"driftlab: {run}: journals of different runs")
    )
    assert done.stderr.count("\n") == 1
    assert not run.with_name("run.parquet").exists()


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="nowhere: no such file or folder"):
        driftlab.read(tmp_path / "nowhere")


def test_an_empty_file_alone_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "A.log").write_bytes(b"")
    with pytest.raises(driftlab.DriftlabError, match=r"A\.log"):
        driftlab.read(tmp_path / "A.log")


def test_a_journal_that_may_not_be_read_is_named(run: Path) -> None:
    driftlab.read(run)  # all that is needed is loaded
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(run, folder / "run")
        (folder / "run" / "B.log").chmod(0)
        with without_the_rights_of_root(), pytest.raises(UnreadableError) as error:
            driftlab.read(folder / "run")
        assert str(error.value) == f"{folder}/run/B.log: Permission denied"


@contextmanager
def without_the_rights_of_root() -> Iterator[None]:
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(NOBODY_ID)
        yield
    finally:
        if user == 0:
            os.seteuid(0)


@linux_only
@pytest.mark.parametrize(
    ("size", "scanned"),
    [(500_000_000, True), (300_000_000, False),
     pytest.param(10_000_000_000, True, marks=pytest.mark.slow)],
)  # fmt: skip
def test_a_line_of_gigabytes_is_passed_over_in_bounded_memory(
    run: Path, monkeypatch: pytest.MonkeyPatch, size: int, scanned: bool
) -> None:
    """A sparse file: a hole of zeros, which is one line, between two that are events."""
    monkeypatch.setattr(reader, "SCAN_BYTES_MIN", 0 if scanned else 1 << 60)
    monkeypatch.setattr(files, "LINE_BYTES_MAX", 1 << 20)
    text = (run / "A.log").read_bytes()
    lines = text.splitlines(keepends=True)
    with (run / "A.log").open("wb") as file:
        file.write(b"".join(lines[:20]))
        file.truncate(size)
        file.seek(size)
        file.write(b"\n" + b"".join(lines[20:]))
    with peak_memory() as grown_mib:
        trace = driftlab.read(run).trace
    assert grown_mib() < 150
    assert len(trace) == 120
    assert [(one.line, one.reason) for one in trace.unread] == [(21, files.TOO_LONG)]
    assert not len(trace.gaps)  # a line too many: no tick is missing


def test_the_last_line_of_a_journal_may_break_off_anywhere(run: Path) -> None:
    text = (run / "A.log").read_bytes()
    (run / "A.log").write_bytes(text[: text.rindex(b"# end") - 5])
    trace = driftlab.read(run).trace
    assert trace.starts[1] == 59
    assert [one.reason for one in trace.unread] == ["breaks off in the middle"]
    assert not trace.process_info[0].ended


def test_an_author_is_what_the_journal_says_of_its_machine(run: Path) -> None:
    changed(run / "A.log", "# end", "# incident what=channel-lost peer=C reason=x\n# end")
    author = describe_process(read_journal(run / "A.log").journal, 60)
    assert (author.rate, author.speed, author.simulated, author.ended) == (6, 1, True, True)
    assert author.lost == {"C"}
    due_ns = driftlab.read(run).trace.columns.due_ns
    assert due_ns is not None
    assert author.phase_ns == due_ns[0]


def test_a_journal_is_whole_if_its_last_line_counts_the_ticks_that_are_there(run: Path) -> None:
    journal = read_journal(run / "A.log").journal
    assert [describe_process(journal, ticks).ended for ticks in (58, 59, 60, 61)] == [
        False, False, True, True
    ]  # fmt: skip
    assert not describe_process(journal._replace(torn=True), 60).ended
    assert not describe_process(journal._replace(notes=journal.notes[:-1]), 60).ended
    with (run / "A.log").open("a") as file:
        file.write("2026-")
    trace = driftlab.read(run).trace
    assert [info.ended for info in trace.process_info] == [False, True, True, True]
    assert [(one.line, one.reason) for one in trace.unread] == [(65, "breaks off in the middle")]


def test_a_tick_that_alone_does_not_fit_its_neighbours_is_repaired(run: Path) -> None:
    """Also where a process has no more than three events, the middle one of them."""
    lines = (run / "A.log").read_text().splitlines(keepends=True)
    cells = lines[4].split("\t")
    cells[3] = "9"
    end = lines[-1].replace("ticks=60", "ticks=3")
    (run / "A.log").write_text("".join([*lines[:4], "\t".join(cells), lines[5], end]))
    trace = driftlab.read(run / "A.log").trace
    assert len(trace) == 3
    assert trace.columns.tick is not None
    assert trace.columns.tick.tolist() == [0, 9, 2]
    assert repaired_ticks(trace).tolist() == [0, 1, 2]
    assert not len(trace.gaps)


def test_what_is_no_journal_has_none(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    assert find_journals(tmp_path / "x.csv") == []
    assert find_journals(tmp_path) == []
