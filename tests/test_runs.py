"""`Runs`: a sequence of runs whose metrics are one frame, however the runs are kept."""

import polars as pl
import pytest

import driftlab
from driftlab.api.runs import FRAME_COLUMNS, Runs
from driftlab.api.simulate import simulate_each

DRAWN = driftlab.Scenario(rates="1..6", machines=3, seconds=20, runs=300, seed=5)
ODD = driftlab.Scenario(rates=[6, 2.7, 1 / 3, 0.01], seconds=3, runs=200, seed=2)


@pytest.mark.parametrize("scenario", [DRAWN, ODD])
def test_the_frame_of_arrays_is_that_of_the_run_objects(scenario: driftlab.Scenario) -> None:
    runs = driftlab.simulate_runs(scenario)
    assert runs.frame.equals(Runs(scenario, [list(runs)]).frame)
    assert runs.frame.columns == list(FRAME_COLUMNS)


def test_blocks_of_both_forms_keep_their_order() -> None:
    compiled = driftlab.simulate_runs(DRAWN)
    mixed = Runs(DRAWN, [[compiled[0]], compiled[1:250], [compiled[250]], list(compiled[251:])])
    assert mixed == compiled
    assert mixed.frame.equals(compiled.frame)


def test_a_frame_has_a_row_a_run_and_machine_under_the_names_of_json() -> None:
    runs = driftlab.simulate_runs(DRAWN)
    machine = runs[17].machines[2]
    row = runs.frame.row(17 * 3 + 2, named=True)
    flat = {
        (f"{key}_{inner}" if inner else key): value
        for key, part in machine.to_dict().items()
        for inner, value in (part.items() if isinstance(part, dict) else [("", part)])
    }
    assert {key: row[key] for key in flat} == flat
    assert (row["run"], row["end"]) == (18, "complete")
    assert row["lateness_us_p50"] is None


def test_ranks_are_by_rate_and_equals_by_name() -> None:
    frame = driftlab.simulate_runs(driftlab.Scenario(rates=[2, 5, 2, 6], seconds=1)).frame
    assert frame.select("name", "rank").rows() == [("A", 3), ("B", 2), ("C", 4), ("D", 1)]


def test_slices_and_places_from_the_end_are_those_of_a_list() -> None:
    runs = driftlab.simulate_runs(DRAWN)
    every = list(simulate_each(DRAWN))
    assert runs == every
    assert runs[-1] == every[-1]
    assert runs[5:9] == every[5:9]
    assert isinstance(runs[5:9], Runs)
    with pytest.raises(IndexError):
        runs[300]


def test_one_run_or_many_have_a_type_each() -> None:
    one = DRAWN.replace(runs=1)
    assert isinstance(driftlab.simulate_run(one), driftlab.Run)
    assert list(driftlab.simulate_runs(one)) == [driftlab.simulate_run(one)]
    with pytest.raises(driftlab.DriftlabError, match="300 runs; use simulate_runs"):
        driftlab.simulate_run(DRAWN)


def test_a_frame_without_runs_has_its_columns() -> None:
    frame = Runs(DRAWN, []).frame
    assert frame.columns == list(FRAME_COLUMNS)
    assert frame.height == 0
    assert frame.schema["late_ticks"] == pl.Int64
