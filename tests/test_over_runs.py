"""Figures over runs: means with intervals, true maxima, ranks of speed, whole runs alone."""

import pickle
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import driftlab
from driftlab.analysis.over_runs import over_runs, over_runs_document, rank_name
from driftlab.analysis.statistics import mean_estimate
from driftlab.api.run import NotRecordedError
from driftlab.journal.files import UnreadableError

DRAWN = driftlab.Scenario(rates="1..6", seconds=20, runs=40, seed=5)
FIXED = driftlab.Scenario(rates=[6, 3, 1], seconds=20, runs=40, seed=5)


def row_of(summary: pl.DataFrame, machine: str, figure: str) -> dict[str, Any]:
    (row,) = summary.filter(machine=machine, figure=figure).to_dicts()
    return row


def test_a_mean_over_runs_has_students_interval_and_the_true_extremes() -> None:
    runs = driftlab.simulate_runs(FIXED)
    for figure in ("clock", "jump_max", "queue_last"):
        values = runs.frame.filter(name="C")[figure].to_list()
        expected = mean_estimate(values)
        row = row_of(runs.stats(), "C", figure)
        assert row["mean"] == pytest.approx(expected.value)
        assert row["runs"] == 40
        assert [row["mean_low"], row["mean_high"]] == pytest.approx(expected.ci95)
        assert (row["min"], row["max"]) == (min(values), max(values))
    maxima = row_of(runs.stats(), "C", "jump_max")
    assert maxima["mean"] < maxima["max"]


def test_where_rates_are_drawn_machines_are_put_together_by_rank() -> None:
    runs = driftlab.simulate_runs(DRAWN)
    summary = runs.stats()
    assert summary["machine"].unique(maintain_order=True).to_list() == [
        "fastest", "middle", "slowest",
    ]  # fmt: skip
    rates = [sorted((machine.rate for machine in run.machines), reverse=True) for run in runs]
    for place, rank in enumerate(("fastest", "middle", "slowest")):
        expected = sum(each[place] for each in rates) / len(rates)
        assert row_of(summary, rank, "rate")["mean"] == pytest.approx(expected)


def test_ranks_have_names_that_say_their_order() -> None:
    assert [rank_name(rank, 2) for rank in (1, 2)] == ["fastest", "slowest"]
    assert [rank_name(rank, 4) for rank in (1, 2, 3, 4)] == [
        "fastest", "rank 2", "rank 3", "slowest",
    ]  # fmt: skip


def test_one_run_has_a_mean_and_no_interval() -> None:
    summary = driftlab.simulate_runs(FIXED.replace(runs=1)).stats()
    row = row_of(summary, "C", "clock")
    assert row["mean"] == row["min"] == row["max"]
    assert row["mean_low"] is row["sd"] is None
    assert over_runs_document(summary)["C"]["clock"]["ci95"] is None


def test_a_run_that_lost_a_machine_counts_in_no_mean() -> None:
    frame = driftlab.simulate_runs(FIXED).frame
    lost = frame.with_columns(
        end=pl.when((pl.col("run") == 3) & (pl.col("name") == "A"))
        .then(pl.lit("killed by SIGKILL"))
        .otherwise(pl.col("end"))
    )
    expected = over_runs(frame.filter(pl.col("run") != 3), "name")
    assert over_runs(lost, "name").equals(expected)
    assert over_runs(frame.with_columns(end=pl.lit("cut off")), "name").height == 0


def test_the_document_has_the_names_of_the_interface() -> None:
    document = over_runs_document(driftlab.simulate_runs(FIXED).stats())
    assert list(document) == ["A", "B", "C"]
    assert {"clock", "jump_max", "queue_last", "queue_max", "utilisation"} <= set(document["C"])
    clock = document["C"]["clock"]
    assert set(clock) >= {"mean", "ci95", "min", "max"}
    assert isinstance(clock["min"], int)
    assert clock["min"] <= clock["ci95"][0] < clock["mean"] < clock["ci95"][1] <= clock["max"]


# What a run says of itself.


def test_a_real_run_has_its_history_in_its_journals(tmp_path: Path) -> None:
    scenario = driftlab.Scenario(rates=[60, 30, 10], seconds=1, runs=2, seed=3)
    runs = driftlab.run(scenario, out=tmp_path / "run")
    assert isinstance(runs, driftlab.Runs)
    for run in runs:
        assert run.folder is not None
        assert run.history.events.equals(driftlab.read(run.folder).events)
        assert run.history is run.history
        frame = run.stats()
        assert frame["clock"].to_list() == [machine.clock for machine in run.machines]
        assert frame["lateness_us_max"].to_list() == [
            machine.lateness_us.max if machine.lateness_us else None for machine in run.machines
        ]
        assert frame["late_ticks"].to_list() == [machine.late_ticks for machine in run.machines]


def test_a_simulated_run_with_journals_has_a_history_and_pickles_small(tmp_path: Path) -> None:
    scenario = FIXED.replace(runs=1, seconds=600)
    run = driftlab.simulate_run(scenario, out=tmp_path / "run")
    whole = driftlab.simulate_run(scenario, record="all")
    assert run.stats().equals(whole.stats())
    again = pickle.loads(pickle.dumps(run))
    assert again == run
    assert len(pickle.dumps(run)) < 4000
    assert len(again.history) == len(run.history) == run.ticks
    held = pickle.loads(pickle.dumps(whole))
    assert len(held.history) == run.ticks  # which is nowhere else
    shutil.rmtree(tmp_path / "run")
    assert len(run.history) == run.ticks
    with pytest.raises(UnreadableError, match="No such file"):
        _ = pickle.loads(pickle.dumps(run)).history


def test_a_run_that_kept_nothing_says_how_to_keep_it() -> None:
    with pytest.raises(NotRecordedError, match='simulate with record="all" or out="FOLDER"'):
        _ = driftlab.simulate_run(FIXED.replace(runs=1)).history
