"""A run in one Parquet file comes back as it was; whatever the trace, and however long."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import driftlab
from driftlab.api.export import PackingError, pack
from driftlab.history import parquet
from driftlab.history.parquet import PackError, pack_trace, unpack
from driftlab.history.trace import ProcessInfo, Trace, UnreadLine
from driftlab.journal import reader
from driftlab.model.columns import (
    KINDS,
    MISSING,
    NOBODY,
    SET_FIRST,
    Arrivals,
    Columns,
    Timestamps,
    starts_of,
)
from tests.processes import Chatter
from tests.started import driftlab as command
from tests.started import linux_only, peak_memory
from tests.traces import differences, simulated

whole = st.integers(-(2**63), 2**63 - 1)


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """Any trace: columns that are there or not, dense timestamps or sparse ones, odd names."""
    names = draw(st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=4, unique=True))
    counts = draw(st.lists(st.integers(0, 5), min_size=len(names), max_size=len(names)))
    rows = sum(counts)
    sets = draw(st.lists(st.lists(place := st.integers(0, len(names) - 1)).map(tuple), max_size=3))

    def column(values: st.SearchStrategy[Any], kind: Any = np.int64) -> Any:
        return np.array(draw(st.lists(values, min_size=rows, max_size=rows)), kind)

    def maybe(values: st.SearchStrategy[Any], kind: Any = np.int64) -> Any:
        return column(values, kind) if draw(st.booleans()) else None

    target = st.integers(SET_FIRST - len(sets) + 1, len(names) - 1)
    texts = st.text(max_size=3).filter(bool)
    stamps = draw(st.sampled_from(["no", "dense", "sparse"]))
    return Trace(
        names,
        starts_of(counts),
        Columns(
            kind=column(st.integers(0, len(KINDS) - 1), np.uint8),
            clock=maybe(whole | st.just(MISSING)),
            sender=maybe(place | st.just(NOBODY), np.int32),
            stamp=maybe(whole),
            target=maybe(target, np.int32),
            time_ns=maybe(whole),
            line=maybe(whole),
            file=maybe(st.integers(0, 3), np.int32),
            sent=maybe(whole),
            received=maybe(whole | st.just(MISSING)),
        ),
        peers=draw(st.none() | st.just([tuple(range(len(names)))] * len(names))),
        sets=sets,
        timestamps=draw(timestamps(rows, len(names), stamps)),
        arrivals=draw(st.none() | arrivals(rows, len(names))),
        texts={
            key: draw(st.lists(st.none() | st.text(max_size=3), min_size=rows, max_size=rows))
            for key in draw(st.lists(texts | st.sampled_from(["event", "line", "kind"]), max_size=2,
                                     unique=True))
        },
        process_info=draw(st.sampled_from(
            [[], [ProcessInfo(2.5, 1, 7, True, True, frozenset({"B", "A"}), "x"),
                  *[ProcessInfo()] * (len(names) - 1)]])),
        files=["a.log", "b", "c", "d"],
        unread=[UnreadLine("a.log", 3, "why \ud7ff not")],
        gaps=np.array(sorted(draw(st.sets(st.integers(0, rows - 1)))) if rows else [], np.int64),
        missing_processes=names[:1],
        scenario=draw(st.none() | st.text()),
    )  # fmt: skip


@st.composite
def timestamps(draw: st.DrawFn, rows: int, names: int, how: str) -> Timestamps | None:
    if how == "no":
        return None
    has = draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
    of_row = st.sets(st.integers(0, names - 1)).map(sorted)
    entries = [
        (list(range(names)) if how == "dense" else draw(of_row)) if each else [] for each in has
    ]
    flat = [entry for each in entries for entry in each]
    values = draw(st.lists(whole, min_size=len(flat), max_size=len(flat)))
    starts = starts_of([len(each) for each in entries])
    return Timestamps("vector", starts, np.array(flat, np.int32), np.array(values, np.int64))


@st.composite
def arrivals(draw: st.DrawFn, rows: int, names: int) -> Arrivals:
    starts = starts_of(draw(st.lists(st.integers(0, 3), min_size=rows, max_size=rows)))
    count = int(starts[-1])
    sender = draw(st.lists(st.integers(0, names - 1), min_size=count, max_size=count))
    stamp = draw(st.lists(whole, min_size=count, max_size=count))
    return Arrivals(starts, np.array(sender, np.int32), np.array(stamp, np.int64))


@settings(max_examples=60)
@given(traces())
def test_any_trace_survives_its_file(
    tmp_path_factory: pytest.TempPathFactory, trace: Trace
) -> None:
    path = tmp_path_factory.mktemp("pack") / "x.parquet"
    pack_trace(trace, path)
    assert differences(unpack(path), trace) == []


@pytest.mark.parametrize(
    "more",
    [{}, {"clock": "vector"}, {"clock": "matrix"}, {"clock": "hybrid", "offset_ms": [-9, 0, 0, 0]},
     {"process": Chatter}],
)  # fmt: skip
@pytest.mark.parametrize("scanned", [True, False])
def test_a_packed_run_is_read_as_the_same_history(
    tmp_path: Path, more: dict[str, Any], scanned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = simulated(tmp_path / "run", **more)
    (run / "D.log").unlink()
    text = (run / "A.log").read_text().splitlines(keepends=True)
    (run / "A.log").write_text("".join([*text[:9], "?\n", *text[11:40], "torn"]))
    before = driftlab.read(run)
    monkeypatch.setattr(reader, "SCAN_BYTES_MIN", 0 if scanned else 1 << 60)
    monkeypatch.setattr(reader, "CHUNK_BYTES", 1000)
    (done,) = pack(run)
    assert (done.path, done.source) == (tmp_path / "run.parquet", run)
    assert done.events == len(before)
    assert done.unread == before.trace.unread
    assert len(done.unread) == 2
    after = driftlab.read(done.path)
    assert differences(after.trace, before.trace) == []
    assert after.events.equals(before.events)
    assert after.trace.source_of(3) == ("A.log", 7)


def test_the_histories_of_both_engines_can_be_packed(tmp_path: Path) -> None:
    run = driftlab.simulate(driftlab.Scenario(rates=[6, 3, 1], faces=3), record="all")
    assert isinstance(run, driftlab.Run)
    trace = run.history.trace
    pack_trace(trace, tmp_path / "x.parquet")
    back = unpack(tmp_path / "x.parquet")
    assert differences(back, trace) in ([], ["authors"])
    assert list(back.process_info) == list(trace.process_info)


def test_a_long_process_is_packed_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = driftlab.read(simulated(tmp_path / "run")).trace
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 7)
    pack_trace(trace, tmp_path / "x.parquet")
    assert differences(unpack(tmp_path / "x.parquet"), trace) == []


def test_a_packed_run_can_be_scanned_by_name(tmp_path: Path) -> None:
    run = simulated(tmp_path / "run")
    frame = driftlab.read(run).events
    pack(run)
    lazy = pl.scan_parquet(tmp_path / "run.parquet")
    receives = lazy.filter(pl.col("kind") == "receive", pl.col("process") == "B").collect()
    expected = frame.filter(frame["kind"] == "receive", frame["process"] == "B")
    for key in ("tick", "clock", "queue", "stamp", "due_ns", "time_ns", "line"):
        assert receives[key].equals(expected[key])
    for key in ("sender", "process"):
        assert receives[key].cast(pl.String).to_list() == expected[key].to_list()
    sent = lazy.select(pl.col("targets").list.len().sum()).collect().item()
    assert sent == frame["targets"].list.len().sum()


def test_a_file_is_never_overwritten_and_a_failure_leaves_none(tmp_path: Path) -> None:
    run = simulated(tmp_path / "run")
    out = tmp_path / "run.parquet"
    out.write_text("mine")
    with pytest.raises(PackError, match=r"run.parquet exists; it is never overwritten: .* --out"):
        pack(run)
    assert out.read_text() == "mine"
    with pytest.raises(PackError, match=r"cannot write .*: No such file"):
        pack(run, tmp_path / "nowhere" / "x.parquet")
    (run / "D.log").write_bytes(b"\x1f\x8bnonsense")
    with pytest.raises(driftlab.DriftlabError, match=r"D\.log"):
        pack(run, tmp_path / "x.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run.parquet"]


def test_what_fails_in_the_middle_is_told_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = simulated(tmp_path / "run")

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(reader, "columns_of_entries", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack(run)
    monkeypatch.undo()
    monkeypatch.setattr(parquet, "frame_of_group", lambda *_: interrupted())
    with pytest.raises(KeyboardInterrupt):
        pack(run)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_several_runs_become_a_file_each(tmp_path: Path) -> None:
    runs = simulated(tmp_path / "runs", runs=3)
    made = pack(runs)
    assert [each.path for each in made] == [runs / f"run-{n}.parquet" for n in (1, 2, 3)]
    assert [each.events for each in made] == [120] * 3
    with pytest.raises(PackError, match=r"run-1\.parquet exists"):
        pack(runs)
    there = pack(runs, tmp_path / "there" / "packed")
    assert there[2].path == tmp_path / "there" / "packed" / "run-3.parquet"
    with pytest.raises(PackingError, match="of several runs --out names a folder"):
        pack(runs, runs / "run-1.parquet")
    history, again = (driftlab.read(each[1].path) for each in (made, there))
    assert differences(history.trace, again.trace) == []


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    run = simulated(tmp_path / "run")
    with (run / "A.log").open("a") as file:
        file.write("?\n")
    done = command("pack", run, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == {
        "packed": [
            {
                "file": f"{run}.parquet",
                "run": str(run),
                "events": 120,
                "bytes": run.with_suffix(".parquet").stat().st_size,
                "unread": 1,
            }
        ]
    }
    said = command("pack", run / "A.log", "--out", tmp_path / "a.parquet").stdout
    assert said.startswith(f"{tmp_path}/a.parquet: 60 events, ")
    assert "1 line unread, the first: " in said
    again = command("pack", run)
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1
    assert "exists" in again.stderr


def test_a_pack_can_be_packed_again_and_stays_the_same(tmp_path: Path) -> None:
    run = simulated(tmp_path / "run", clock="vector")
    (first,) = pack(run)
    (second,) = pack(first.path, tmp_path / "again.parquet")
    assert differences(unpack(second.path), unpack(first.path)) == []


def test_parquet_that_is_not_ours_or_is_damaged_is_told(tmp_path: Path) -> None:
    run = simulated(tmp_path / "run")
    (done,) = pack(run)
    whole = done.path.read_bytes()
    other = tmp_path / "other.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(other)
    with pytest.raises(PackError, match="not a packed history; `driftlab pack RUN` makes one"):
        unpack(other)
    for cut in (5, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.parquet").write_bytes(whole[:cut])
        with pytest.raises(PackError, match=r"cut\.parquet: a damaged Parquet file") as error:
            driftlab.read(tmp_path / "cut.parquet")
        assert "\n" not in str(error.value)
    (tmp_path / "cut.parquet").write_bytes(whole.replace(b'"version":1', b'"version":7'))
    with pytest.raises(PackError, match="packed in version 7; this driftlab reads 1"):
        driftlab.read(tmp_path / "cut.parquet")


@linux_only
def test_packing_needs_memory_that_does_not_grow_with_the_journals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 8 and of 64 MB; what a run in memory would take is a multiple of what is allowed."""
    monkeypatch.setattr(reader, "SCAN_BYTES_MIN", 0)
    run = simulated(tmp_path / "run", seconds=2000)
    size = sum(path.stat().st_size for path in run.glob("*.log"))
    grown = {}
    for megabytes in (8, 64):
        for path in run.glob("*.log"):
            lines = path.read_bytes().splitlines(keepends=True)
            path.write_bytes(lines[0] + b"".join(lines[1:]) * (megabytes * 1_000_000 // size))
        with peak_memory() as grown_mib:
            pack(run, tmp_path / f"{megabytes}.parquet")
        grown[megabytes] = grown_mib()
        size = sum(path.stat().st_size for path in run.glob("*.log"))
    assert grown[64] < grown[8] + 150
