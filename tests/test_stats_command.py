"""`driftlab stats` of runs and of other logs, and the summary after several runs."""

import csv
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import driftlab
from driftlab.analysis.run_statistics import STATISTICS_COLUMNS
from driftlab.cli.main import main
from driftlab.journal.format import COLUMNS as FIELDS
from tests.started import DRIFTLAB, is_part

FLAGS = ("--rates", "6,3,1", "--seed", "1")


def run_main(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main([str(each) for each in arguments])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def stats(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    status, out, err = run_main(capsys, "stats", *arguments, "--json")
    assert (status, err) == (0, "")
    return json.loads(out)


def simulated(folder: Path, **keys: Any) -> Path:
    driftlab.simulate(
        driftlab.Scenario(**{"rates": [6, 3, 1], "seconds": 20, "seed": 1, **keys}), out=folder
    )
    return folder


def test_the_document_of_a_run_has_its_statistics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = simulated(tmp_path / "run")
    document = stats(capsys, folder)
    (run,) = document["runs"]
    frame = driftlab.read(folder).stats()
    for machine, row in zip(run["machines"], frame.to_dicts(), strict=True):
        assert machine["jump"] == {
            name: row[f"jump_{name}"]
            for name in ("mean", "sd", "p5", "p25", "p50", "p75", "p95", "p99", "max")
        }
        assert machine["queue"]["per_second_ci95"] == [
            row["queue_per_second_low"], row["queue_per_second_high"],
        ]  # fmt: skip
        assert (machine["queue"]["last"], machine["utilisation"]) == (
            row["queue_last"], row["utilisation"],
        )  # fmt: skip
        assert "lateness_us" not in machine
    assert [(each["machine"], each["reference"]) for each in run["drift"]] == [
        ("B", "A"), ("C", "A"), ("C", "B"),
    ]  # fmt: skip
    assert "over_runs" not in document


def test_a_packed_run_has_the_statistics_of_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = simulated(tmp_path / "run")
    packed = driftlab.pack(folder)[0].path
    (one,), (other,) = (stats(capsys, path)["runs"] for path in (folder, packed))
    assert is_part(other["machines"], one["machines"])
    assert one["drift"] == other["drift"]


def test_runs_of_different_scenarios_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = simulated(tmp_path / "slow", runs=3)
    again = simulated(tmp_path / "again", seed=2)
    other = simulated(tmp_path / "other", faces=5)
    document = stats(capsys, slow, again, other)
    scenarios = document["scenarios"]
    assert [len(each["runs"]) for each in scenarios] == [4, 1]
    assert [each["scenario"]["faces"] for each in scenarios] == [10, 5]
    assert scenarios[0]["over_runs"]["C"]["clock"]["runs"] == 4
    assert "over_runs" not in scenarios[1]
    table = run_main(capsys, "stats", slow, again, other)[1]
    assert "1. 4 simulated runs of rates 6.0,3.0,1.0, faces 10: " in table.replace(
        "6,3,1", "6.0,3.0,1.0"
    )
    assert "2. 1 simulated run of" in table


def test_real_runs_are_told_apart_from_simulated_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = driftlab.Scenario(rates=[60, 30], seconds=0.5, seed=1)
    driftlab.simulate(scenario, out=tmp_path / "simulated")
    driftlab.run(scenario, out=tmp_path / "real")
    document = stats(capsys, tmp_path / "simulated", tmp_path / "real")
    assert len(document["scenarios"]) == 2
    copied = driftlab.pack(tmp_path / "real", tmp_path / "copy.parquet")[0].path
    document = stats(capsys, tmp_path / "real", copied)
    assert len(document["runs"]) == 1
    assert document["remarks"] == ["1 run was given twice and counted once"]


def test_a_restamped_copy_of_a_real_run_counts_with_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its scenario differs in the clock, but it is the same run."""
    driftlab.run(driftlab.Scenario(rates=[60, 30], seconds=0.5, seed=1), out=tmp_path / "run")
    simulated(tmp_path / "other")
    assert run_main(capsys, "restamp", tmp_path / "run", "--clock", "vector", "--out",
                    tmp_path / "vector")[0] == 0  # fmt: skip
    for paths in (["run", "vector"], ["vector", "run"], ["vector", "other", "run"]):
        document = stats(capsys, *(tmp_path / path for path in paths))
        groups = document.get("scenarios", [document])
        assert [len(each["runs"]) for each in groups] == [1] * (len(paths) - 1)
        assert groups[0]["remarks"] == ["1 run was given twice and counted once"]
        assert run_main(capsys, "stats", *(tmp_path / path for path in paths))[0] == 0


def test_a_run_given_twice_counts_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = simulated(tmp_path / "runs", runs=3)
    document = stats(capsys, folder, folder / "run-1", folder)
    assert len(document["runs"]) == 3
    assert document["remarks"] == ["4 runs were given twice and counted once"]
    assert document["over_runs"] == stats(capsys, folder)["over_runs"]


def test_single_runs_with_drawn_rates_go_by_rank(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = simulated(tmp_path / "runs", rates="1..6", runs=4)
    document = stats(capsys, folder / "run-2", folder / "run-4")
    assert list(document["over_runs"]) == ["fastest", "middle", "slowest"]


def test_the_summary_of_a_simulation_is_that_of_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("simulate", "--seed", "4", "--runs", "6", "--seconds", "20")
    _, printed, _ = run_main(capsys, *flags, "--out", tmp_path / "runs", "--json")
    document = json.loads(printed)
    assert list(document["over_runs"]) == ["fastest", "middle", "slowest"]
    read = stats(capsys, tmp_path / "runs")["over_runs"]
    for rank, figures in document["over_runs"].items():
        for figure, values in figures.items():
            for name, value in values.items():
                assert read[rank][figure][name] == pytest.approx(value, rel=1e-6), figure
    table = run_main(capsys, *flags, "--record", "summary")[1]
    assert "over 6 runs, by rank of speed, since rates are drawn" in table
    assert "mean is the mean of the runs' maxima, max the maximum of all runs" in table


def test_real_runs_end_with_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--rates", "60,30,10", "--seconds", "0.5", "--runs", "2", "--seed", "1")
    out = run_main(capsys, "run", *flags, "--out", tmp_path / "runs")[1]
    assert "over 2 runs, by machine" in out
    assert re.search(r"rate achieved +A ", out)
    assert set(stats(capsys, tmp_path / "runs")["over_runs"]["A"]) >= {"late_ticks", "clock"}


def test_an_incomplete_run_is_left_out_of_the_means_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = simulated(tmp_path / "runs", runs=3)
    (folder / "run-2" / "B.log").unlink()
    document = stats(capsys, folder)
    assert document["remarks"] == ["1 of 3 runs is incomplete and left out of the means"]
    assert document["over_runs"]["A"]["clock"]["runs"] == 2
    assert [len(run["machines"]) for run in document["runs"]] == [3, 2, 3]
    table = run_main(capsys, "stats", folder)[1]
    assert "run 2, B: no event, so nothing is known" in table
    assert "over 2 runs, by machine" in table


@pytest.mark.parametrize("speed", [1, 2])
def test_missing_lines_make_no_machine_slow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], speed: int
) -> None:
    """A line that cannot be read, or is not there, is a tick that was taken."""
    scenario = driftlab.Scenario(rates=[60, 20], seconds=2, seed=1, speed=speed)
    driftlab.run(scenario, out=tmp_path)
    whole = stats(capsys, tmp_path)["runs"][0]
    assert not [line for line in whole["remarks"] if "gaps" in line]
    path = tmp_path / "A.log"
    lines = path.read_text().splitlines(keepends=True)
    lines[40:60] = ["garbage {\n"]
    del lines[20:25]
    path.write_text("".join(lines))
    holed = stats(capsys, tmp_path)["runs"][0]
    before, after = whole["machines"][0], holed["machines"][0]
    assert sum(after["events"].values()) == sum(before["events"].values()) - 25
    assert after["achieved_rate"] == pytest.approx(before["achieved_rate"], rel=1e-9)
    assert [line for line in holed["remarks"] if "gaps: events of A are missing" in line]
    assert not [line for line in holed["remarks"] if line.startswith("slow") and "A " in line]
    printed = run_main(capsys, "stats", tmp_path)[1]
    assert "slow: A" not in printed


def late_run(folder: Path, count: int) -> None:
    """Make a real run, and write into a journal that its first ticks were late."""
    driftlab.run(driftlab.Scenario(rates=[20, 10], seconds=1, seed=1), out=folder)
    lines = (folder / "A.log").read_text().splitlines()
    place = FIELDS.index("late_ns")
    events = [number for number, line in enumerate(lines) if not line.startswith("#")]
    for number in events[:count]:
        cells = lines[number].split("\t")
        cells[place] = "60000000"  # a period is 50 ms
        lines[number] = "\t".join(cells)
    (folder / "A.log").write_text("\n".join(lines) + "\n")


def test_a_late_run_says_so_wherever_its_figures_stand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late_run(tmp_path / "run", 7)
    (run,) = stats(capsys, tmp_path / "run")["runs"]
    late = sum(machine["late_ticks"] for machine in run["machines"])
    assert late >= 7
    line = (
        f"late: {late} ticks began more than a period late; lower --speed or the number of machines"
    )
    assert line in run["remarks"]
    assert line in run_main(capsys, "stats", tmp_path / "run")[1]


# Logs of other programs.

TABLE = """process,what,lamport,time
A,send,1,1.0
B,receive,2,1.5
A,internal,2,2.0
C,internal,1,1.0
"""


def test_a_log_without_queue_gives_what_it_has_and_says_why_not_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.csv"
    log.write_text(TABLE)
    reading = ("--field", "kind=what", "--time-unit", "s")
    document = stats(capsys, log, *reading)
    assert document["scenario"] is None
    (run,) = document["runs"]
    first, second, _ = run["machines"]
    assert first["events"] == {"internal": 1, "send": 1, "receive": 0}
    assert (first["clock"], first["jump"]["max"], first["achieved_rate"]) == (2, 1, 1.0)
    assert first["queue"]["max"] is first["rate"] is second["jump"]["mean"] is None
    assert "queue: the log has no queue lengths" in run["remarks"]
    assert "B, C: 1 event, so no jump and no growth" in run["remarks"]
    rated = stats(capsys, log, *reading, "--rates", "2,1,1")["runs"][0]
    assert [machine["rate"] for machine in rated["machines"]] == [2, 1, 1]
    table = run_main(capsys, "stats", log, *reading)[1]
    assert "queue: the log has no queue lengths" in table


def test_a_log_of_vector_clocks_alone_says_that_it_has_no_lamport_clock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"host": "A", "clock": {"A": 1}}\n{"host": "B", "clock": {"A": 1, "B": 1}}\n')
    (run,) = stats(capsys, log)["runs"]
    assert [machine["clock"] for machine in run["machines"]] == [None, None]
    assert any("no Lamport clocks" in line for line in run["remarks"])
    assert any("no times" in line for line in run["remarks"])


def test_logs_of_other_programs_are_put_together_at_one_path_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        (tmp_path / "both" / name).mkdir(parents=True)
        (tmp_path / "both" / name / "log.csv").write_text(TABLE.replace("what", "kind"))
    document = stats(capsys, tmp_path / "both")
    assert document["over_runs"]["A"]["clock"]["runs"] == 2
    apart = stats(capsys, *(tmp_path / "both" / name / "log.csv" for name in ("one", "two")))
    assert [len(each["runs"]) for each in apart["scenarios"]] == [1, 1]


def test_a_log_is_read_from_standard_input(tmp_path: Path) -> None:
    text = TABLE.replace("what", "kind")
    command = [*DRIFTLAB, "stats", "-", "--format", "csv", "--json"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    assert run["path"] == "<stdin>"
    assert len(run["machines"]) == 3


# CSV.


def test_csv_has_a_row_a_run_and_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = simulated(tmp_path / "runs", runs=2)
    file = tmp_path / "stats.csv"
    assert run_main(capsys, "stats", folder, "--csv", file)[0] == 0
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert list(rows[0]) == ["scenario", "path", "run", *STATISTICS_COLUMNS]
    assert [(row["run"], row["name"]) for row in rows] == [
        (run, name) for run in ("run-1", "run-2") for name in "ABC"
    ]
    assert run_main(capsys, "stats", folder, "--csv", "-")[1] == file.read_text()
    status, _, error = run_main(capsys, "stats", folder, "--csv", file)
    assert (status, error) == (
        2, f"driftlab: --csv {file}: exists already; --overwrite replaces it\n"
    )  # fmt: skip
    assert run_main(capsys, "stats", folder, "--csv", file, "--overwrite")[0] == 0
    status, _, error = run_main(capsys, "stats", folder, "--csv", "-", "--json")
    assert (status, error.count("\n")) == (2, 1)


@pytest.mark.parametrize("arguments", [["nowhere"], ["nowhere", "--json"], ["--rates", "x", "."]])
def test_what_cannot_be_read_is_one_line_and_status_2(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = [str(tmp_path / each) if each == "nowhere" else each for each in arguments]
    status, out, error = run_main(capsys, "stats", *where)
    assert (status, out, error.count("\n")) == (2, "", 1)


def test_the_conditions_of_a_study_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Simulated, from its table; of real machines, from the runs, also of an interrupted one."""
    file = tmp_path / "mine.toml"
    file.write_text(
        'question = "?"\nruns = 2\nsimulated_runs = 3\n[base]\nseconds = 10\nrates = "1..6"\n'
        "[conditions.standard]\n[conditions.few]\nfaces = 3\n"
    )
    out = tmp_path / "study"
    assert main(["study", str(file), "--simulated", "--out", str(out), "--quiet"]) == 0
    capsys.readouterr()
    document = stats(capsys, out)
    assert list(document["conditions"]) == ["standard", "few"]
    assert document["conditions"]["few"]["over_runs"]["slowest"]["clock"]["runs"] == 3
    status, printed, _ = run_main(capsys, "stats", out)
    assert status == 0
    assert "1. standard\n" in printed
    assert "2. few\n" in printed
    (out / "runs.parquet").unlink()
    for name, faces in (("standard", 10), ("few", 3)):
        simulated(out / "runs" / name, rates="1..6", runs=2, faces=faces)
    kinds = {each["scenario"]["faces"]: each for each in stats(capsys, out)["scenarios"]}
    assert {faces: len(each["runs"]) for faces, each in kinds.items()} == {3: 2, 10: 2}


def test_a_sweep_is_named_with_what_reads_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sw.parquet"
    flags = ["--over", "faces=3,10", "--rates", "6,3,1", "--runs", "2", "--seconds", "5"]
    assert main(["sweep", *flags, "--out", str(path), "--quiet"]) == 0
    capsys.readouterr()
    status, out, err = run_main(capsys, "stats", path)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"driftlab plot {path}" in err
    assert f"driftlab report {path}" in err


def test_what_is_piped_is_as_wide_as_it_needs_whatever_the_environment_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many programs set COLUMNS for those that they start; lines stay whole for `grep`."""
    folder = simulated(tmp_path / "run", runs=2)
    monkeypatch.delenv("COLUMNS", raising=False)
    wide = run_main(capsys, "stats", folder)[1]
    monkeypatch.setenv("COLUMNS", "40")
    assert run_main(capsys, "stats", folder)[1] == wide


def test_a_printed_frame_shows_jumps_and_queues() -> None:
    run = driftlab.simulate_run(driftlab.Scenario(rates=[6, 3, 1], seconds=5), record="all")
    shown = str(run.stats())
    for name in ("name", "clock", "jump_max", "queue_max", "queue_last", "drift"):
        assert f" {name} " in shown
