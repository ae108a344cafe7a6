"""`driftlab predict`: its output, and recorded runs beside it."""

import csv
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from benchmarks.theory import DICE, TRIPLES, compare_cell

import driftlab
from driftlab import Scenario
from driftlab.analysis.against_theory import compare_with_theory
from driftlab.api.against_theory import compare_with_prediction
from driftlab.api.read_run import version_at
from driftlab.cli.main import main
from driftlab.cli.output import four_digits
from driftlab.cli.predict import _allowed
from driftlab.errors import SystemNotSupportedError
from driftlab.theory.prediction import predict
from tests.started import driftlab as command

# By how many messages the mean queue after 60 s may be off, by the faces of the die.
QUEUE_ERRORS = {10: 0.84, 5: 1.5, 4: 1.75, 3: 2.15}
# Cells that were hard: near critical, many states, one machine far slower, equal rates.
CELLS = [
    (10, (6, 6, 6)), (10, (6, 1, 1)), (10, (3, 5, 6)), (5, (3, 5, 5)), (4, (5, 4, 4)),
    (4, (3, 6, 2)), (3, (4, 3, 3)), (3, (1, 6, 4)),
]  # fmt: skip


def recorded(folder: Path, **keys: object) -> Path:
    """Simulate a scenario with journals."""
    driftlab.simulate(Scenario.from_dict(keys), out=folder)
    return folder


@pytest.mark.parametrize(("faces", "rates"), CELLS)
def test_predictions_agree_with_simulations(faces: int, rates: tuple[int, ...]) -> None:
    """A sample of `python -m benchmarks theory`, which compares all 864 cells."""
    runs = 400
    cell = compare_cell(faces, rates, long_runs=20, minute_runs=runs)
    assert cell.wrong == 0
    found = {(each.figure, each.machine): each for each in cell.differences}
    for (figure, machine), each in found.items():
        if figure == "clock rate, chain, %":
            assert abs(each.difference) < 0.5
        if figure == "clock rate, saturated, %":
            assert abs(each.difference) < 1
        if figure == "last queue, chain, messages":
            spread = found["sd of the last queue, chain, messages", machine].measured
            assert abs(each.difference) < QUEUE_ERRORS[faces] + 3 * spread / runs**0.5
        if figure == "last clock, ticks":
            assert abs(each.difference) < 6
        if figure.startswith("largest jump"):
            assert abs(each.difference) < 3.5


@pytest.mark.slow
@pytest.mark.timeout(900)  # 864 cells of 400 runs, each beside its chain
def test_every_cell_is_classified_and_its_clock_rate_found() -> None:
    for faces in DICE:
        for rates in TRIPLES:
            cell = compare_cell(faces, rates)
            assert cell.wrong == 0, (faces, rates)
            for each in cell.differences:
                if each.figure == "clock rate, chain, %":
                    assert abs(each.difference) < 0.5, each
                if each.figure == "last queue, chain, messages":
                    assert abs(each.difference) < QUEUE_ERRORS[faces], each


def test_a_second_machine_that_saturates_sends_nothing() -> None:
    """6,1,1: the queues grow by q r1 - 1 = 0.2 a second, not by q (r1 + r2)/(1 + q) - 1."""
    found = predict(Scenario(rates=[6, 1, 1]))
    assert [round(each.queue_per_second, 6) for each in found.machines] == [0, 0.2, 0.2]
    assert [each.queue for each in found.machines] == ["stable", "diverges", "diverges"]
    runs = driftlab.simulate_runs(Scenario(rates=[6, 1, 1], seconds=4000, runs=200))
    last = runs.frame.filter(runs.frame["name"] == "C")["queue_last"].to_numpy() / 4000
    assert 0.193 < last.mean() < 0.207


def test_a_minute_is_predicted_at_once() -> None:
    """In processor time, which other processes change little."""
    for flags, limit in ((("--quick",), 0.5), ((), 3.0)):
        begin = processor_seconds()
        done = command("predict", "--rates", "6,5,5", "--faces", "3", *flags)
        assert done.returncode == 0
        assert processor_seconds() - begin < limit


def processor_seconds() -> float:
    """Return the processor time of the processes that ended."""
    times = os.times()
    return times.children_user + times.children_system


@pytest.mark.parametrize(
    "flags",
    [
        ["--rates", "6,3,1"],
        ["--rates", "6,5,2", "--faces", "3"],
        ["--rates", "60,55.5,50.25", "--seconds", "3600", "--quick"],
        ["--rates", ",".join(["6"] * 60), "--send-one", "0.2", "--quick"],
    ],
)
def test_tables_fit_into_eighty_columns(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    if "60" in flags[1].split(",") or len(flags[1]) > 60:
        assert any("more machine" in line for line in lines) == (len(flags[1]) > 60)


def test_what_is_not_known_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--rates", "6,3,2"]) == 0
    assert "not known: the spread of the last clock of A, B, C" in capsys.readouterr().out


def test_csv_has_a_row_a_machine_and_a_row_a_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "--rates", "6,3,1", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["name"] for row in rows] == ["A", "B", "C"]
    assert rows[2]["queue"] == "diverges"
    assert float(rows[2]["queue_last_mean"]) == pytest.approx(30.2, abs=1)
    run = recorded(tmp_path / "run", rates=[6, 3, 1])
    assert main(["predict", "--against", str(run), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["rates"] for row in rows} == {"6/3/1"}
    assert {"predicted", "measured", "allowed", "agrees"} <= set(rows[0])


def test_runs_of_one_scenario_are_put_together_and_others_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = [recorded(tmp_path / str(seed), rates=[6, 3, 1], seed=seed) for seed in (1, 2)]
    other = recorded(tmp_path / "other", rates=[6, 5, 2], runs=3)
    first, second = compare_with_prediction([*same, other])
    assert (first.rates, first.runs) == ((6, 3, 1), 2)
    assert (second.rates, second.runs) == ((6, 5, 2), 3)
    assert all(figure.agrees for each in (first, second) for figure in each.figures)
    assert main(["predict", "--json", "--against", *map(str, same)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["against_runs"] == 2
    assert {"machines", "clock_rate", "against"} <= set(document)
    assert main(["predict", "--json", "--against", str(same[0]), str(other)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [len(each["machines"]) for each in document["scenarios"]] == [3, 3]


def test_drawn_rates_are_predicted_run_by_run(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "drawn", rates="1..6", runs=3, seed=4)
    drawn = [Scenario(rates="1..6", runs=3, seed=4).rates_of(run) for run in (1, 2, 3)]
    assert [each.rates for each in compare_with_prediction([folder], quick=True)] == drawn


def test_a_slow_run_is_compared_at_the_rates_it_achieved(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "slow", rates=[5.6, 2.8, 1])
    for path in folder.iterdir():
        text = path.read_text().replace("5.6, 2.8, 1", "6, 3, 1")
        path.write_text(text.replace(" rate=5.6 ", " rate=6 ").replace(" rate=2.8 ", " rate=3 "))
    (found,) = compare_with_prediction([folder])
    assert list(found.rates) == [6, 3, 1]
    assert [round(each.rate, 1) for each in found.prediction.machines] == [5.6, 2.8, 1.0]
    wrong = [(each.machine, each.figure) for each in found.figures if not each.agrees]
    assert wrong == [("A", "rate"), ("B", "rate")]
    assert "rates achieved" in found.remarks[0]
    assert "A 5.6" in found.remarks[0]


def test_what_disagrees_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = recorded(tmp_path / "run", rates=[6, 3, 1], faces=4)
    scenario = folder / "scenario.toml"
    scenario.write_text(scenario.read_text().replace("faces = 4", "faces = 10"))
    assert main(["predict", "--against", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "C        last queue, messages" in printed
    assert "differs" in printed


def test_windows_users_are_told_to_use_wsl(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert main(["simulate", "--rates", "6,3,1"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "WSL" in said
    with pytest.raises(SystemNotSupportedError, match="WSL"):
        driftlab.__getattr__("run")


def test_runs_and_packs_say_which_driftlab_made_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = recorded(tmp_path / "run", rates=[6, 3, 1], seconds=1)
    assert main(["stats", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == driftlab.__version__
    scenario = folder / "scenario.toml"
    scenario.write_text(scenario.read_text().partition("\n")[2])  # as older versions wrote it
    assert main(["stats", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] is None
    driftlab.pack(folder, tmp_path / "run.parquet")
    assert version_at(tmp_path / "run.parquet") == driftlab.__version__


FLAGGED_SCENARIOS: tuple[dict[str, Any], ...] = (
    {"rates": [6, 3, 1]},
    {"rates": [6, 5, 2], "faces": 3},
    {"rates": [6, 6, 6]},
    {"rates": [1, 1, 1]},
    {"rates": [6, 5, 4, 2]},
    {"rates": [6, 1, 1]},
    {"rates": [6, 3, 1], "seconds": 10},
    {"rates": [3, 4, 3], "phase": "aligned"},
)


@pytest.mark.parametrize("keys", FLAGGED_SCENARIOS, ids=str)
@pytest.mark.parametrize("quick", [False, True])
def test_single_runs_of_the_scenario_are_hardly_ever_said_to_differ(
    keys: dict[str, Any], quick: bool
) -> None:
    scenario = Scenario(runs=400, seed=5, **keys)
    prediction = predict(scenario, quick=quick)
    figures = [
        figure
        for run in driftlab.simulate_runs(scenario)
        for figure in compare_with_theory(prediction, [run.machines])
    ]
    wrong = [(each.machine, each.figure) for each in figures if not each.agrees]
    assert len(wrong) < 0.01 * len(figures)
    assert all(wrong.count(each) < 0.05 * 400 for each in set(wrong))


def test_the_mean_jump_is_allowed_what_the_clock_is() -> None:
    """Both are one measurement: the clock over the number of ticks."""
    scenario = Scenario(rates=[6, 3, 1], runs=40, seed=1)
    prediction = predict(scenario)
    for run in driftlab.simulate_runs(scenario):
        found = {
            (each.machine, each.figure): each
            for each in compare_with_theory(prediction, [run.machines])
        }
        for name, rate in zip("ABC", (6, 3, 1), strict=True):
            clock, jump = found[name, "clock"], found[name, "jump"]
            assert jump.allowed >= clock.allowed / (60 * rate) * 0.999


def test_a_wrong_die_and_wrong_rates_still_differ() -> None:
    runs = [run.machines for run in driftlab.simulate_runs(Scenario(rates=[6, 3, 1], runs=20))]
    for other in (Scenario(rates=[6, 3, 1], faces=4), Scenario(rates=[6, 4, 1])):
        figures = compare_with_theory(predict(other), runs)
        assert sum(not each.agrees for each in figures) >= 3


def test_what_was_not_measured_is_left_out(tmp_path: Path) -> None:
    """A machine with one tick has no jump and no rate; one without a tick has nothing."""
    (one,) = compare_with_prediction([recorded(tmp_path / "one", rates=[1, 1], seconds=1, seed=3)])
    assert {each.figure for each in one.figures} == {"clock", "queue", "receives"}
    assert all(each.agrees for each in one.figures)
    (none,) = compare_with_prediction(
        [recorded(tmp_path / "no", rates=[0.01, 0.01], seconds=1, seed=3)]
    )
    assert none.figures == ()
    assert "no machine took a tick" in none.remarks[-1]


@pytest.mark.parametrize(
    "flags", [["--rates", "6,3,1"], ["--faces", "4"], ["--seconds", "3"], ["standard"]]
)
def test_a_scenario_beside_recorded_runs_is_refused(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = recorded(tmp_path / "run", rates=[6, 3, 1])
    assert main(["predict", *flags, "--against", str(folder)]) == 2
    said = capsys.readouterr()
    assert flags[0] in said.err
    assert "scenarios of the runs themselves" in said.err
    assert said.out == ""


def test_a_folder_of_runs_of_different_scenarios_is_told_apart(tmp_path: Path) -> None:
    for seed in (1, 2):
        recorded(tmp_path / "mix" / f"p{seed}", rates=[6, 3, 1], seed=seed)
    recorded(tmp_path / "mix" / "q", rates=[6, 5, 2])
    first, second = compare_with_prediction([tmp_path / "mix"], quick=True)
    assert (first.rates, first.runs) == ((6, 3, 1), 2)
    assert (second.rates, second.runs) == ((6, 5, 2), 1)
    driftlab.pack(tmp_path / "mix" / "q", tmp_path / "q.parquet")
    (packed,) = compare_with_prediction([tmp_path / "q.parquet"], quick=True)
    assert packed.figures == second.figures


def test_a_log_of_another_program_has_no_prediction(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.csv"
    log.write_text("process,kind,lamport\nA,send,1\nB,receive,2\n")
    assert main(["predict", "--against", str(log)]) == 2
    assert "does not say which scenario" in capsys.readouterr().err


def test_a_run_whose_ticks_began_late_says_so_beside_its_prediction(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "late", rates=[6, 3, 1])
    for path in folder.glob("*.log"):
        text = path.read_text().replace(" world=simulated", "")
        lines = text.splitlines()
        at = next(i for i, line in enumerate(lines) if not line.startswith("#"))
        cells = lines[at].split("\t")
        cells[2] = "9000000000"
        lines[at] = "\t".join(cells)
        path.write_text("\n".join(lines) + "\n")
    (found,) = compare_with_prediction([folder], quick=True)
    assert any(line.startswith("late: 3 ticks") for line in found.remarks)
    assert found.to_dict()["against_remarks"] == list(found.remarks)


@pytest.mark.parametrize(
    ("value", "text"), [(0.0972, "0.097"), (9.44, "9.4"), (94.3, "94"), (172.4, "172")]
)
def test_what_is_allowed_has_two_digits_and_no_exponent(value: float, text: str) -> None:
    assert _allowed(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.9749, "0.9749"), (6.0, "6"), (602.14, "602.1"), (9999.7, "10000"), (3.6e6, "3600000")],
)
def test_rates_and_clocks_have_four_digits_and_no_exponent(value: float, text: str) -> None:
    assert four_digits(value) == text


def test_methods_are_named_once_for_several_scenarios(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = recorded(tmp_path / "drawn", rates="1..6", runs=3, seed=4, seconds=10)
    assert main(["predict", "--quick", "--against", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("flow balance; exact in the long run") == 1
    assert [f"measured in run {run} of" in printed for run in (1, 2, 3)] == [True] * 3
    assert max(map(len, printed.splitlines())) <= 80


@pytest.mark.parametrize("phase", ["random", "aligned"])
@pytest.mark.parametrize("quick", [False, True])
def test_of_less_than_one_tick_no_clock_is_predicted(phase: str, quick: bool) -> None:
    for rate in (0.001, 0.19, 0.2, 1):
        scenario = Scenario(rates=[6, 3, rate], seconds=5, seed=1, phase=phase)
        found = predict(scenario, quick=quick)
        slow = found.machines[2]
        is_idle = rate * 5 < 1
        assert (slow.clock_last["mean"] is None) == is_idle
        assert (slow.jump["mean"] is None) == is_idle
        assert any("C: due for less than one tick" in each for each in found.remarks) == is_idle
        assert found.machines[0].clock_last["mean"] is not None


def test_a_machine_without_a_tick_has_no_clock_in_the_table_and_none_to_compare(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "--rates", "6,3,0.001", "--seconds", "5"]) == 0
    clocks = capsys.readouterr().out.split("clock  last clock")[1]
    line = next(line for line in clocks.splitlines() if line.startswith("C "))
    assert line.split()[2] == "-"
    run = recorded(tmp_path / "run", rates=[6, 3, 0.15], seconds=5)
    [comparison] = compare_with_prediction([str(run)])
    kinds = {figure.figure for figure in comparison.figures if figure.machine == "C"}
    assert not kinds & {"clock", "jump"}


def test_csv_takes_a_file_and_prints_the_tables_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ["predict", "--rates", "6,3,1"]
    assert main([*asked, "--csv"]) == 0
    table = capsys.readouterr().out
    assert main([*asked, "--csv", "-"]) == 0
    assert capsys.readouterr().out == table
    assert main([*asked, "--csv", "out.csv"]) == 0
    assert "last clock" in capsys.readouterr().out
    assert Path("out.csv").read_text() == table
    Path("out.csv").write_text("mine")
    assert main([*asked, "--csv", "out.csv"]) == 2
    assert "out.csv: exists already; --overwrite" in capsys.readouterr().err
    assert Path("out.csv").read_text() == "mine"
    assert main([*asked, "--json", "--csv", "out.csv", "--overwrite"]) == 0
    assert json.loads(capsys.readouterr().out)["machines"]
    assert Path("out.csv").read_text() == table
    run = recorded(tmp_path / "run", rates=[6, 3, 1])
    assert main(["predict", "--against", str(run), "--csv", "against.csv"]) == 0
    assert "differ" in capsys.readouterr().out
    assert Path("against.csv").read_text().startswith("rates,machine,figure")


def test_a_scenario_after_csv_is_no_file_to_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text("rates = [6, 3, 1]\n")
    assert main(["predict", "--csv", "mine.toml"]) == 0
    assert capsys.readouterr().out.startswith("name,rate,")
    assert Path("mine.toml").read_text() == "rates = [6, 3, 1]\n"


def test_the_help_says_that_rates_are_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["predict", "--help"])
    assert "default: 1..6" not in " ".join(capsys.readouterr().out.split())
    assert main(["predict"]) == 2
    assert "give the rates of one run" in capsys.readouterr().err
