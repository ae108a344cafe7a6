"""A sweep: its grid, its means, its file, and that a kill loses and repeats nothing."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import driftlab
from driftlab.analysis.statistics import mean_estimate
from driftlab.cli.main import main
from driftlab.scenario.validate import ScenarioError
from driftlab.study.cell_means import METRICS, Moments, moments_of_runs
from driftlab.study.grid import Grid, GridError, parse_over
from driftlab.study.sweep import run_sweep, sweep
from driftlab.study.sweep_parts import Parts, SweepFileError, read_description

BASE = driftlab.Scenario(seconds=5, seed=3)
OVER = {"rates": "6,3..4,1", "faces": [3, 10]}


# The grid.


def values_of(text: str) -> list[Any]:
    (name, values), = parse_over([text]).items()  # fmt: skip
    return list(Grid(BASE, {name: values}).to_dict()[name])


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("faces=3,4,10", [3, 4, 10]),
        ("faces = 3..6", [3, 4, 5, 6]),
        ("rates=1..2,1..2,1", ["1,1,1", "1,2,1", "2,1,1", "2,2,1"]),
        ("rates=6,3,1;6,5,4", ["6,3,1", "6,5,4"]),
        ("rates=1..6;3..4", ["1..6", "3..4"]),
        ("phase=random,aligned", ["random", "aligned"]),
        ("latency=none;lognormal:0.1,0.5", ["none", "lognormal:0.1,0.5"]),
        ("send-one=0.2,0.4", [0.2, 0.4]),
        ("topology=mesh;A-B,B-C", ["mesh", "A-B,B-C"]),
    ],
)
def test_the_values_of_a_field_are_read_as_they_are_written(text: str, values: list[Any]) -> None:
    assert values_of(text) == values


@pytest.mark.parametrize(
    ("over", "told"),
    [
        (["faces"], "expected FIELD=VALUES"),
        (["faces="], "expected FIELD=VALUES"),
        (["faces=3", "faces=4"], "given twice"),
        (["faces=3,3"], "3 is given twice"),
        (["rates=6,3;6.0,3"], "6,3 is given twice"),
        (["face=3"], "no such field of a scenario; allowed: rates"),
        (["runs=3"], "runs: cannot be swept"),
        (["latencies=1"], "latencies: cannot be swept"),
        (["faces=2"], "faces: 2 is not allowed"),
        (["faces=6..3"], "the lower number comes first"),
        (["seed=0..9999999"], "at most 200,000"),
        (["rates=1..99,1..99,1..99"], "at most 200,000"),
        (["faces=3", "send_one=0.5"], "faces=3, send_one=0.5: faces and send_one"),
        (["names=A,B"], "names gives 2"),
    ],
)  # fmt: skip
def test_a_grid_that_cannot_be_is_refused_in_one_line(over: list[str], told: str) -> None:
    base = driftlab.Scenario(rates=[6, 3, 1])
    with pytest.raises((GridError, ScenarioError)) as error:
        list(Grid(base, parse_over(over)).cells())
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_swept_die_or_number_of_machines_replaces_that_of_the_base() -> None:
    base = driftlab.Scenario(rates=[6, 3, 1], send_one=0.3)
    assert [cell.scenario.faces for cell in Grid(base, {"faces": [4, 5]}).cells()] == [4, 5]
    drawn = driftlab.Scenario(rates="1..6", machines=4)
    grid = Grid(drawn, {"rates": "6,3;5,4,3"})
    assert [cell.scenario.size for cell in grid.cells()] == [2, 3]


# The rows.


def test_a_row_holds_what_the_runs_of_its_cell_say() -> None:
    frame = sweep(BASE, OVER, 120)
    assert frame["cell"].to_list() == [cell for cell in range(4) for _ in "ABC"]
    assert frame["over_rates"].unique(maintain_order=True).to_list() == ["6,3,1", "6,4,1"]
    for row in frame.iter_rows(named=True):
        rates = [float(rate) for rate in row["over_rates"].split(",")]
        scenario = BASE.replace(rates=rates, faces=row["over_faces"], runs=120)
        runs = driftlab.simulate_runs(scenario).frame.filter(name=row["name"])
        assert (row["rank"], row["rate"], row["runs"]) == (runs["rank"][0], runs["rate"][0], 120)
        for metric in METRICS:
            found = mean_estimate(runs[metric].to_numpy())
            names = (metric, f"{metric}_ci95_low", f"{metric}_ci95_high")
            assert [row[name] for name in names] == pytest.approx(list(found), abs=1e-9)
            extremes = (runs[metric].min(), runs[metric].max())
            assert (row[f"{metric}_min"], row[f"{metric}_max"]) == pytest.approx(extremes)


def test_where_rates_are_drawn_machines_are_told_apart_by_rank() -> None:
    frame = sweep(BASE, {"rates": ["1..6", "3..4"]}, 300)
    assert frame["name"].null_count() == len(frame)
    for text, rows in frame.group_by("over_rates"):
        runs = driftlab.simulate_runs(BASE.replace(rates=text[0], runs=300)).frame
        expected = runs.group_by("rank").agg(pl.col("rate", "clock").mean()).sort("rank")
        assert rows.select("rank", "rate", "clock").equals(expected)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
)
def test_moments_of_parts_are_those_of_the_whole(one: list[float], other: list[float]) -> None:
    def of(values: list[float]) -> Moments:
        every = np.array(values)
        apart = np.array([[((every - every.mean()) ** 2).sum()]])
        return Moments(
            len(values), 0, np.array([[every.mean()]]), apart,
            np.array([[every.min()]]), np.array([[every.max()]]),
        )  # fmt: skip

    both, whole = of(one).then(of(other)), of(one + other)
    assert both.runs == whole.runs
    for part, expected in zip(both[2:], whole[2:], strict=True):
        assert part == pytest.approx(expected, rel=1e-6, abs=1e-3)


ENGINES: dict[str, list[Any]] = {
    "clock": ["lamport", "vector"],
    "rates": ["1..6"],
    "faces": [4, 10],
}


def test_rows_depend_neither_on_cores_nor_on_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("driftlab.study.sweep.BLOCK_TICKS", 2_000)
    rows = sweep(BASE, ENGINES, 200, workers=1)
    assert sweep(BASE, ENGINES, 200, workers=3).equals(rows)
    monkeypatch.setattr("driftlab.study.sweep._is_worth_compiled", lambda cells: False)
    assert sweep(BASE, ENGINES, 200, workers=1).equals(rows)
    same = [rows.filter(over_clock=clock).drop("cell", "over_clock") for clock in ENGINES["clock"]]
    assert same[0].equals(same[1])  # a clock beside Lamport's changes nothing of it


def test_a_cell_of_one_run_has_no_interval() -> None:
    frame = sweep(BASE, {"rates": ["6,3,1", "2,1"]}, 1)
    assert frame["clock_ci95_low"].null_count() == len(frame) == 5
    assert frame["clock"].equals(frame["clock_max"])


def test_runs_that_end_early_are_counted() -> None:
    runs = driftlab.simulate_runs(BASE.replace(runs=3))
    assert moments_of_runs(runs).incomplete == 0


# The file.


def swept(out: Path, *flags: str) -> list[str]:
    grid = ["--over", "faces=3,4,10", "--rates", "6,3,1", "--seconds", "5", "--runs", "40"]
    return ["sweep", *grid, "--out", str(out), *flags]


def test_the_file_says_what_made_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sweep.parquet"
    assert main(swept(out, "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["cells"], told["resumed_cells"], told["simulated_cells"]) == (3, 0, 3)
    about = read_description(out)
    assert (about["version"], about["grid"]) == (driftlab.__version__, {"faces": [3, 4, 10]})
    assert driftlab.Scenario.from_toml(about["scenario"]).rates == (6, 3, 1)
    assert pl.read_parquet(out).height == told["rows"] == 9
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.parquet"]
    assert main(swept(out)) == 2
    assert "exists" in capsys.readouterr().err
    assert main(swept(out, "--overwrite", "--quiet")) == 0


def begun(out: Path, over: dict[str, Any], runs: int, cells: list[int]) -> Parts:
    """Leave what a killed sweep leaves, with these cells finished."""
    grid = Grid(BASE.replace(runs=runs), over)
    whole, _ = run_sweep(grid, None)
    from driftlab.study.sweep import sweep_description

    parts = Parts(out, sweep_description(grid))
    with parts.opened(discard=False):
        for cell in cells:
            parts.add(whole.filter(cell=cell))
    return parts


def test_a_sweep_goes_on_from_finished_cells_and_repeats_none(tmp_path: Path) -> None:
    out, over = tmp_path / "sweep.parquet", {"faces": [3, 4, 5, 10]}
    parts = begun(out, over, 30, [2, 0, 1])
    part = next(parts.folder.glob("cells-0000002-*.parquet"))
    part.write_bytes(part.read_bytes()[:-9])  # a disk that lied
    (parts.folder / "cells-0000003-0.parquet.unfinished").write_bytes(b"PAR1")
    grid = Grid(BASE.replace(runs=30), over)
    frame, summary = run_sweep(grid, out)
    assert (summary.found, summary.damaged) == (2, 1)
    assert frame.equals(sweep(BASE, over, 30))
    assert not parts.folder.exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": "0.0.9"}, "another version of driftlab (0.0.9; now 0.1.0)"),
        ({"grid": {"faces": [3]}}, "another grid (faces 3; now faces 3, 10)"),
        ({"grid": {"order": ["peers"]}}, "another grid (no faces; now faces 3, 10)"),
        ({"runs": 7}, "another number of runs (7; now 30)"),
        ({"scenario": "seed = 9"}, "another scenario (seed 9; now seed 3)"),
    ],
)
def test_a_sweep_of_another_version_or_grid_is_not_gone_on_with(
    change: dict[str, Any], told: str, tmp_path: Path
) -> None:
    out, over = tmp_path / "sweep.parquet", {"faces": [3, 10]}
    parts = begun(out, over, 30, [0])
    description = parts.folder / "sweep.json"
    description.write_text(json.dumps(json.loads(description.read_text()) | change))
    grid = Grid(BASE.replace(runs=30), over)
    with pytest.raises(SweepFileError) as error:
        run_sweep(grid, out)
    assert told in str(error.value)
    assert len(list(parts.folder.glob("cells-*.parquet"))) == 1  # nothing is lost
    _, summary = run_sweep(grid, out, overwrite=True)
    assert summary.found == 0


def test_two_sweeps_never_write_to_one_file(tmp_path: Path) -> None:
    out = tmp_path / "sweep.parquet"
    parts = begun(out, OVER, 5, [0])
    grid = Grid(BASE.replace(runs=5), OVER)
    with parts.opened(discard=False), pytest.raises(SweepFileError, match="another sweep is wri"):
        run_sweep(grid, out)


def test_an_interrupt_keeps_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from driftlab.study import sweep as module

    out, simulate_unit = tmp_path / "sweep.parquet", module.simulate_unit

    def interrupted(unit: module.Unit) -> Any:
        if unit.cells[0].number == 2:
            raise KeyboardInterrupt
        return simulate_unit(unit)

    grid = Grid(BASE.replace(runs=5), {"rates": ["3,2", "4,2", "5,2", "6,2"]})
    monkeypatch.setattr(module, "simulate_unit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(grid, out, workers=1)
    monkeypatch.setattr(module, "simulate_unit", simulate_unit)
    assert run_sweep(grid, out)[1].found == 2


def is_alive(process: int) -> bool:
    """Whether a process runs, and is no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# A sweep that kills itself as soon as it has written its second part, so that no test has to be
# quicker than the cells that remain. Before it dies it prints the processes that simulate.
# Every cell is a part of its own, however fast they come.
KILLED = """
import os, signal, sys
from pathlib import Path
import driftlab.study.sweep
from driftlab.cli.main import main
from driftlab.study.sweep_parts import Parts

driftlab.study.sweep.FLUSH_S = 0

def add(self, frame, write=Parts.add, written=[]):
    write(self, frame)
    written.append(frame)
    if len(written) == 2:
        own = os.getpid()
        print(Path(f"/proc/{own}/task/{own}/children").read_text(), flush=True)
        os.kill(own, signal.SIGKILL)

Parts.add = add
main(sys.argv[1:])
"""


def test_a_killed_sweep_loses_and_repeats_no_finished_cell(tmp_path: Path) -> None:
    """With SIGKILL, several times, while processes simulate; none of these is left behind."""
    out = tmp_path / "sweep.parquet"
    rates = "6,3,1;6,4,1;6,5,1;5,3,1;5,2,1;4,3,1"
    grid = ["--over", f"rates={rates}", "--clock", "vector", "--runs", "150", "--workers", "2"]
    command = ["sweep", *grid, "--out", str(out), "--json"]
    folder, workers, parts = tmp_path / "sweep.parquet.parts", set[int](), set[Path]()
    for kills in (1, 2):
        process = subprocess.run(
            [sys.executable, "-c", KILLED, *command], capture_output=True, text=True, timeout=60
        )
        assert process.returncode == -signal.SIGKILL, process.stderr
        workers.update(map(int, process.stdout.split()))
        assert parts <= set(folder.glob("cells-*.parquet"))
        parts = set(folder.glob("cells-*.parquet"))
        assert len(parts) == 2 * kills
    finished = sum(pl.read_parquet(path)["cell"].n_unique() for path in parts)
    done = subprocess.run(
        [sys.executable, "-m", "driftlab", *command],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    summary = json.loads(done.stdout)
    assert summary["resumed_cells"] == finished >= 4
    assert summary["simulated_cells"] == 6 - finished
    base = driftlab.Scenario(clock="vector")
    assert pl.read_parquet(out).equals(sweep(base.replace(clock="lamport"), {"rates": rates}, 150))
    deadline = time.monotonic() + 10
    while any(map(is_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [worker for worker in workers if is_alive(worker)] == []
    assert workers


@settings(max_examples=5, deadline=None)
@given(st.binary(max_size=300))
def test_a_part_is_recognised_by_its_bytes_whatever_they_are(junk: bytes) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        out = Path(folder) / "sweep.parquet"
        parts = begun(out, {"faces": [3]}, 2, [])
        (parts.folder / "cells-0000000-0123456789abcdef.parquet").write_bytes(junk)
        _, summary = run_sweep(Grid(BASE.replace(runs=2), {"faces": [3]}), out)
        assert (summary.found, summary.damaged) == (0, 1)
