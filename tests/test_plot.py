"""`driftlab plot`, and figures in notebooks: files, exit statuses, reasons, and no network."""

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import driftlab
from driftlab import Scenario
from driftlab.api.event_frame import MissingLibraryError
from driftlab.cli.main import main
from driftlab.figures.figure import NoDataError
from driftlab.history.parquet import STUDY_KEY, SWEEP_KEY
from driftlab.judge.verdict_html import BAR_WIDTH
from driftlab.study.figures_of import figures_of
from tests.test_figures import study_frame, sweep_frame

PAGE_MAX = 200_000  # bytes that a notebook gets of one object


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run, three runs, packed runs, logs, a sweep and a study."""
    at = tmp_path_factory.mktemp("plot")
    short = Scenario(rates=[6, 3, 1], seconds=20, seed=1)
    driftlab.simulate(short, out=at / "run")
    driftlab.simulate(short.replace(runs=3), out=at / "three")
    driftlab.pack(at / "run", at / "packed.parquet")
    (at / "mixed").mkdir()
    for faces in (3, 10):
        driftlab.simulate(short.replace(faces=faces), out=at / "mixed" / f"run-{faces}")
    (at / "own.txt").write_text(
        "".join(f"{second};{name};{second * rate}\n" for second in range(1, 30)
                for name, rate in (("p", 3), ("q", 1)))
    )  # fmt: skip
    about = json.dumps({"scenario": Scenario(rates=[6, 3, 1]).to_toml()})
    sweep_frame().write_parquet(at / "sweep.parquet", metadata={SWEEP_KEY: about})
    (at / "study").mkdir()
    (at / "study" / "study.toml").write_text('question = "?"\n')
    scenarios = {"base": Scenario(rates="1..6", seconds=20).to_toml()}
    study_frame(4).write_parquet(
        at / "study" / "runs.parquet", metadata={STUDY_KEY: json.dumps({"scenarios": scenarios})}
    )
    return at


def plot(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main(["plot", *map(str, arguments)])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_a_run_is_drawn_into_a_page_and_one_figure_into_a_picture(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, _ = plot(capsys, folder / "run")
    assert status == 0
    assert out.splitlines()[-1].split() == ["written", "run-figures.html"]
    assert "left out        lateness: simulated machines are never late" in out
    assert "vegaEmbed" in (tmp_path / "run-figures.html").read_text()
    status, out, _ = plot(capsys, folder / "packed.parquet", "queues")
    assert out.splitlines()[-1].split() == ["written", "packed-queue.svg"]
    assert (tmp_path / "packed-queue.svg").read_text().startswith("<svg")
    assert "queue           C's queue" in out


def test_json_lists_what_was_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.svg"
    status, out, _ = plot(capsys, folder / "three", "--out", file, "--json")
    document = json.loads(out)
    assert (status, document["files"]) == (0, [str(file)])
    assert [each["name"] for each in document["figures"]][:2] == ["clock", "drift"]
    assert "3 simulated runs" in document["figures"][0]["caption"]
    assert document["left_out"] == ["lateness: simulated machines are never late"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("run", "lateness"), "lateness: simulated machines are never late"),
        (("run", "pie"), "pie: no figure of a run; there are clock"),
        (("sweep.parquet", "pie"), "there are phase, comparison, prediction"),
        (("sweep.parquet", "comparison"), "comparison: the table has no conditions"),
        (("mixed",), "are runs of different scenarios"),
        (("nowhere",), "no such file"),
    ],
)
def test_what_cannot_be_drawn_is_status_2_and_writes_nothing(
    arguments: tuple[str, ...],
    reason: str,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, *names = arguments
    status, out, err = plot(capsys, folder / path, *names, "--out", tmp_path / "x.html")
    assert (status, out) == (2, "")
    assert reason in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_exists_is_kept_unless_it_is_to_be_replaced(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.svg"
    file.write_text("mine")
    status, _, err = plot(capsys, folder / "run", "events", "--out", file)
    assert (status, file.read_text()) == (2, "mine")
    assert "--overwrite" in err
    assert plot(capsys, folder / "run", "events", "--out", file, "--overwrite")[0] == 0
    assert file.read_text().startswith("<svg")
    assert plot(capsys, folder / "run", "--out", tmp_path / "x.gif")[0] == 2
    status, _, err = plot(capsys, folder / "run", "--out", tmp_path / "no" / "x.svg")
    assert (status, "there is no folder" in err) == (2, True)


def test_another_programs_log_is_drawn_as_its_flags_say(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pattern = r"(?<time>\d+);(?<host>\w+);(?<clock>\d+)"
    status, out, _ = plot(
        capsys, folder / "own.txt", "--pattern", pattern, "--time-unit", "s", "--out",
        tmp_path / "x.html", "--json",
    )  # fmt: skip
    document = json.loads(out)
    assert status == 0
    titles = {each["name"]: each["title"] for each in document["figures"]}
    assert titles["clock"] == "p's clock rises by 3.00 a second, q's by 1.00"
    assert "queue: the log has no queue lengths" in document["left_out"]


def test_flags_may_stand_among_the_names_of_figures(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.svg"
    status, out, _ = plot(capsys, folder / "run", "clock", "--out", file, "events", "--json")
    assert status == 0
    assert [each["name"] for each in json.loads(out)["figures"]] == ["clock", "events"]


def test_sweeps_and_studies_are_drawn(folder: Path) -> None:
    names = [figure.name for figure in figures_of(folder / "sweep.parquet").figures]
    assert names == ["phase", "prediction"]
    study = figures_of(folder / "study")
    assert [figure.name for figure in study.figures] == ["comparison"]
    assert "rates drawn" in study.figures[0].caption


def test_run_plot_gives_charts_of_altair() -> None:
    import altair as alt

    scenario = Scenario(rates=[6, 3, 1], seconds=20, seed=1)
    run = driftlab.simulate_run(scenario, record="all")
    assert isinstance(run.plot.queues(), alt.LayerChart)
    assert isinstance(run.history.plot.clocks(), alt.Chart)
    for chart in (run.plot.drift("real time"), run.plot.jumps(histogram=True), run.plot.events()):
        assert isinstance(chart, alt.TopLevelMixin)
    with pytest.raises(NoDataError, match="never late"):
        run.plot.lateness()
    with pytest.raises(ValueError, match="real time"):
        run.plot.drift("nothing")  # type: ignore[arg-type]
    runs = driftlab.simulate_runs(scenario.replace(runs=30))
    assert isinstance(runs.plot.prediction(), alt.ConcatChart)
    drawn = driftlab.simulate_runs(Scenario(rates="1..6", seconds=5, runs=30, seed=1))
    with pytest.raises(NoDataError, match="rates differ"):
        drawn.plot.prediction()


def test_notebooks_show_a_table_and_a_figure_without_a_network() -> None:
    scenario = Scenario(rates=[6, 3, 1], seconds=60, seed=1)
    run = driftlab.simulate_run(scenario, record="all")
    shown: list[Any] = [
        run,
        driftlab.simulate_run(scenario),
        driftlab.simulate_runs(scenario.replace(runs=5), record="all"),
        driftlab.simulate_runs(scenario.replace(runs=50)),
        driftlab.simulate_runs(Scenario(rates="1..6", seconds=5, runs=30, seed=1)),
        run.history,
        driftlab.History(run.history.trace.replace(names=["<b>", "B", "C"])),
        run.history.check(),
    ]
    for each in shown:
        page = each._repr_html_()
        assert len(page) < PAGE_MAX
        assert "<table" in page
        assert "data:image/svg+xml" in page or "<svg" in page
        assert "http" not in page
        assert "<b>" not in page
        cells = re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", page)
        assert not [cell for cell in cells if "_" in cell]  # words, no names of columns
    assert "largest jump, ticks" in shown[0]._repr_html_()
    assert "largest jump, ticks" in shown[2]._repr_html_()


def test_a_violated_verdict_shows_what_is_violated() -> None:
    history = driftlab.simulate_run(Scenario(rates=[6, 3], seconds=5), record="all").history
    clock = history.trace.columns.clock
    assert clock is not None
    clock = clock.copy()
    clock[4] = 1
    broken = history.trace.replace(columns=history.trace.columns._replace(clock=clock))
    page = driftlab.History(broken).check()._repr_html_()
    assert page.count("<li>") > 0
    assert 'aria-label="0 of' in page
    assert "violated: " in page


def test_events_to_pandas_works_or_says_what_to_install() -> None:
    events = driftlab.simulate_run(Scenario(rates=[6, 3], seconds=2), record="all").history.events
    assert isinstance(events, pl.DataFrame)
    if find_spec("pandas") and find_spec("pyarrow"):
        assert len(events.to_pandas()) == len(events)
    else:
        with pytest.raises(MissingLibraryError, match="pip install pandas pyarrow"):
            events.to_pandas()


def test_several_paths_of_one_scenario_are_drawn_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    short = Scenario(rates=[6, 3, 1], seconds=20)
    for seed in (1, 2):
        driftlab.simulate(short.replace(seed=seed), out=f"p{seed}")
    driftlab.simulate(short.replace(rates=[5, 3, 1]), out="other")
    status, out, _ = plot(capsys, "p1", "p2", "queue", "--json")
    assert status == 0
    document = json.loads(out)
    assert document["files"] == ["p1-queue.svg"]
    assert "2 simulated runs of 3 machines with rates 6,3,1" in document["figures"][0]["caption"]
    status, out, err = plot(capsys, "p1", "other", "queue", "--out", "x.svg")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "p1 and other are of different scenarios" in err
    status, _, err = plot(capsys, "p1", "missing")
    assert (status, err.count("\n")) == (2, 1)
    assert "missing: no figure of a run" in err


def test_rates_differ_within_a_figure_only_where_one_scenario_drew_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    fixed = Scenario(rates=[6, 3, 1], seconds=20)
    for name, scenario in {
        "mixed/a": fixed,
        "mixed/b": fixed.replace(rates=[6, 5, 2]),
        "seeds/a": fixed,
        "seeds/b": fixed.replace(seed=7),
        "drawn": Scenario(rates="1..6", seconds=20, runs=3),
    }.items():
        driftlab.simulate(scenario, out=name)
    status, _, err = plot(capsys, "mixed", "queue")
    assert (status, err.count("\n")) == (2, 1)
    assert "mixed: a and b are runs of different scenarios" in err
    assert plot(capsys, "mixed/a", "mixed/b")[0] == 2
    for paths in (["drawn"], ["drawn/run-1", "drawn/run-3"]):
        status, out, _ = plot(capsys, *paths, "clock", "--json", "--overwrite")
        assert status == 0
        assert "rates drawn" in json.loads(out)["figures"][0]["caption"]
    runs = figures_of("seeds", ["clock"]).figures[0].data["run"]
    assert runs.unique().sort().to_list() == [1, 2]  # though each is run 1 of its seed


def test_a_sweep_that_was_killed_is_not_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.parquet"
    parts = tmp_path / "s.parquet.parts"
    parts.mkdir()
    (parts / "cells-0000000-ab.parquet").write_bytes(b"PAR1")
    for path in (out, parts):
        for command in ("plot", "report"):
            assert main([command, str(path), "--out", str(tmp_path / "x.html")]) == 2
            err = capsys.readouterr().err
            assert f"{path}: a sweep that was interrupted; its finished cells are in {parts}" in err
    assert len(list(tmp_path.iterdir())) == 1


def test_an_interrupted_study_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study.toml").write_text('question = "?"\n')
    for command in ("plot", "stats"):
        assert main([command, str(tmp_path)]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert "interrupted" in err
        assert f"driftlab study {tmp_path}/study.toml --out {tmp_path}" in err


def test_bars_of_a_verdict_are_as_long_as_what_was_judged(folder: Path) -> None:
    page = driftlab.read(folder / "run").check()._repr_html_()
    widths = {int(width) for width in re.findall(r'<rect width="(\d+)"', page)}
    assert max(widths) == BAR_WIDTH
    assert len(widths) > 1
