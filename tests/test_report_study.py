"""Reports of studies and sweeps: what differs, what is not shown, where the boundary lies."""

import json
import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlab.analysis.statistics import Estimate
from driftlab.cli import study as study_command
from driftlab.cli.main import main
from driftlab.report import differences, sweep_report
from driftlab.report.document import Document
from driftlab.report.files import write_report
from driftlab.report.measures import Measure, rank_names
from driftlab.report.reports import report_on
from driftlab.report.study_report import describe_conditions, report_on_study
from driftlab.report.sweep_report import Sweep, queue_cells, report_on_cells
from driftlab.report.wording import bounds_text
from driftlab.scenario.scenario import Scenario
from driftlab.study.differences import Difference
from driftlab.study.published import PublishedSummary
from driftlab.study.study import StudyResult, run_study
from driftlab.study.study_file import parse_study
from driftlab.study.sweep import sweep

RANKS = rank_names(3)
STUDY = """
question = "Do <b>closer</b> rates shorten the queue?"
runs = 2
simulated_runs = 40
compare = ["clock", "queue_last", "jump_max"]
figures = ["comparison"]
tables = ["conditions", "differences"]
[base]
rates = [6, 3, 1]
seconds = 60
[conditions.wide]
[conditions.close]
rates = [4, 3, 3]
[conditions.again]
"""


def difference(value: float, low: float | None, high: float | None, **about: object) -> Difference:
    kept = {
        "condition": "close", "baseline": "wide", "rank": 3, "metric": "queue_last", "pairs": 40,
        "identical": False,
    } | about  # fmt: skip
    return Difference(**kept, estimate=Estimate(value, low, high))  # type: ignore[arg-type]


MEANS = {("drift", 2): -4.0, ("drift", 3): -60.0}


def reported(*some: Difference) -> list[str]:
    return [finding.text for finding in differences.differ(some, RANKS, MEANS)]


def test_only_what_excludes_0_is_said_to_differ_a_sentence_a_figure() -> None:
    middle = difference(0.4, 0.2, 0.6, rank=2)
    clock = difference(8.6, 7.1, 10.0, metric="clock", rank=1)
    unsure = difference(0.3, -0.2, 0.8, rank=1)
    assert reported(difference(-8.6, -10.0, -7.1), clock, middle, unsure) == [
        "The last queue is shorter for the slowest machine by 8.6 (7.1 to 10.0); it is longer for "
        "the middle machine by 0.40 (0.20 to 0.60).",
        "The last clock is higher for the fastest machine by 8.6 (7.1 to 10.0).",
    ]
    assert reported(unsure) == []
    hidden = differences.not_shown([unsure, difference(-8.6, -10.0, -7.1)], RANKS)
    assert hidden is not None
    assert hidden.text.endswith("does not mean equal: last queue of the fastest machine.")
    assert differences.not_shown([difference(-8.6, -10.0, -7.1)], RANKS) is None


def test_drift_is_closer_or_further_never_higher() -> None:
    def drift(value: float, rank: int) -> Difference:
        return difference(value, value - 1, value + 1, metric="drift", rank=rank)

    assert reported(drift(33.0, 3), drift(3.0, 2)) == [
        "At the end of the run, in ticks, clocks are closer to the fastest machine's, the slowest "
        "machine's by 33.0 (32.0 to 34.0) and the middle machine's by 3.0 (2.0 to 4.0)."
    ]
    assert (
        "further behind the fastest machine's, the slowest machine's by 5"
        in reported(drift(-5, 3))[0]
    )
    assert (
        "further ahead of the fastest machine's" in reported(drift(9, 2))[0]
    )  # from behind to ahead


def test_one_pair_shows_nothing() -> None:
    one = difference(5.0, None, None, pairs=1)
    assert reported(one) == []
    hidden = differences.not_shown([one], RANKS)
    assert hidden is not None
    assert hidden.text.startswith("One run of each condition gives no interval")


def test_what_is_the_same_in_every_pair_is_said_to_be_the_same() -> None:
    same = difference(0.0, 0.0, 0.0, identical=True)
    found = differences.identical([same, difference(1.0, 0.5, 1.5)], RANKS)
    assert found is not None
    assert "The same in each of 40 pairs of runs: last queue" in found.text
    assert differences.not_shown([same], RANKS) is None
    assert differences.identical([difference(0.0, -1.0, 1.0)], RANKS) is None


def test_chance_is_counted() -> None:
    found = differences.chance([difference(1.0, 0.5, 1.5)] * 40)
    assert found is not None
    assert "40 intervals" in found.text
    assert "about 2 of them" in found.text
    assert differences.chance([difference(1.0, 0.5, 1.5)]) is None


@pytest.fixture(scope="module")
def result() -> StudyResult:
    """Return a small study, simulated."""
    return run_study(parse_study(STUDY, "rates", "rates.toml"), simulated=True)


def texts(document: Document) -> str:
    return "\n".join(finding.text for finding in document.findings)


def test_a_study_is_reported_with_its_question_and_each_condition(
    result: StudyResult, tmp_path: Path
) -> None:
    document = report_on_study(result)
    assert document.introduction == "Do <b>closer</b> rates shorten the queue?"
    headings = [section.heading for section in document.sections]
    assert "close compared with wide" in headings
    said = texts(document)
    assert re.search(
        r"The last queue is shorter for the slowest machine by [\d.]+ \([\d.]+ to [\d.]+\)\.", said
    )
    assert "Every figure is the same in each of 40 pairs of runs." in said  # again
    assert "wide: by theory a queue diverges, the slowest machine's in 40 of 40 runs." in said
    assert "close: by theory no queue diverges in any of 40 runs." in said
    write_report(document, tmp_path / "out")
    assert "<b>" not in (tmp_path / "out" / "report.html").read_text()
    assert "<b>" not in (tmp_path / "out" / "report.md").read_text()
    frame = pl.read_csv(tmp_path / "out" / "tables" / "differences.csv")
    shown = frame.filter(pl.col("metric") == "queue_last", pl.col("condition") == "close")
    value = shown.filter(pl.col("rank") == 3)["difference"].item()
    assert re.search(rf"shorter for the slowest machine by {abs(value):.1f}\d? \(", said)


def test_late_and_broken_real_runs_of_a_study_are_named(result: StudyResult) -> None:
    is_one = (pl.col("condition") == "close") & (pl.col("run") == 1) & (pl.col("name") == "B")
    frame = result.frame.with_columns(
        late_ticks=pl.when(is_one).then(49).otherwise(0),
        end=pl.when(is_one).then(pl.lit("killed by SIGKILL")).otherwise(pl.col("end")),
        achieved_rate=pl.when(is_one).then(2.7).otherwise(pl.col("achieved_rate")),
    )
    planted = StudyResult(result.study, False, frame, None, None, "0.1.0")
    warned = [finding.text for finding in report_on_study(planted).warnings]
    assert any(text.startswith("late: 49 ticks of close") for text in warned)
    assert any("In 1 case of close a machine did not keep its rate" in text for text in warned)
    assert any("B (close, run 1) did not take every tick (killed by" in text for text in warned)


def test_conditions_are_described_by_what_they_change() -> None:
    base = Scenario(rates="1..6")
    words = describe_conditions({"a": base, "b": base.replace(faces=5), "c": base})
    assert words["a"].startswith("rates 1..6, faces 10")
    assert words["b"] == "faces 5"
    assert words["c"] == "the same"


# Sweeps.


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a sweep across the boundary."""
    path = tmp_path_factory.mktemp("sweep") / "sweep.parquet"
    over = {"rates": "6,3,1;6,6,2;6,5,4", "faces": "5,10"}
    sweep(Scenario(seconds=60), over, runs=60, out=path)
    return path


def test_a_sweep_is_reported_beside_the_predicted_boundary(file: Path, tmp_path: Path) -> None:
    document = report_on(file)
    said = texts(document)
    assert re.search(r"Theory agrees on (\d+) of the \1 that it does not call critical", said)
    assert (
        "10 faces: the slowest machine's queue diverges from a ratio of the others' rates to its "
        "own of 9.00 on, and is stable up to 2.75. Theory puts the boundary at 6.00." in said
    )
    assert {table.name for table in document.tables} == {"queues", "boundary", "cells"}
    assert "phase" in {figure.name for figure in document.figures}
    write_report(document, tmp_path / "out")
    boundary = pl.read_csv(tmp_path / "out" / "tables" / "boundary.csv")
    assert boundary["boundary"].to_list() == pytest.approx([3.5, 6.0])
    assert boundary["diverges_from"].to_list()[1] == 9.0


def read_back(file: Path) -> Sweep:
    return Sweep("sweep", Scenario(seconds=60), pl.read_parquet(file), "0.1.0")


def planted(file: Path, last: float, half: float) -> Sweep:
    """Return the sweep with the same last queue everywhere."""
    kept = read_back(file)
    frame = kept.frame.with_columns(
        queue_last=pl.lit(last), queue_last_ci95_low=pl.lit(last - half),
        queue_last_ci95_high=pl.lit(last + half),
    )  # fmt: skip
    return Sweep(kept.name, kept.base, frame, kept.version)


def test_queues_that_do_otherwise_than_theory_says_are_named(file: Path) -> None:
    cells, reason = queue_cells(planted(file, 500.0, 1.0))
    assert reason is None
    assert all(cell.measured == "diverges" for cell in cells)
    wrong = sweep_report.misfits(cells)
    assert wrong is not None
    assert "rate 6 of 6, 3, 1 (5 faces): theory stable, measured diverges" in wrong.text
    agreed = sweep_report.agreement(cells)
    assert agreed is not None
    assert agreed.kind == "boundary-differs"
    assert sweep_report.boundaries(cells) == []  # nothing is stable: there is no boundary to see


def test_queues_that_the_runs_do_not_decide_are_counted(file: Path) -> None:
    cells, _ = queue_cells(planted(file, 5.0, 100.0))
    found = sweep_report.undecided(cells)
    assert found is not None
    assert found.text.startswith(f"The runs do not decide {len(cells)} queues")
    assert sweep_report.agreement(cells) is None
    assert sweep_report.misfits(cells) is None


def test_cells_that_theory_does_not_cover_are_told_without_it(tmp_path: Path) -> None:
    frame = sweep(Scenario(seconds=10), {"latency": "none;fixed:0.5"}, runs=5)
    document = report_on_cells(Sweep("drawn", Scenario(seconds=10), frame, "0.1.0"))
    assert any("not covered by theory" in reason for reason in document.figures_absent)
    assert [table.name for table in document.tables] == ["cells"]
    write_report(document, tmp_path / "out")


def test_the_command_reports_a_study_and_refuses_one_that_is_not_whole(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_study(parse_study(STUDY, "rates", "rates.toml"), simulated=True, out=tmp_path / "study")
    command = ["report", str(tmp_path / "study"), "--out", str(tmp_path / "out"), "--json"]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)["findings"]
    assert "differs" in {each["kind"] for each in found}
    (tmp_path / "study" / "runs.parquet").unlink()
    assert main(["report", str(tmp_path / "study"), "--out", str(tmp_path / "no")]) == 2
    assert "interrupted, with no results yet; go on with it" in capsys.readouterr().err
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(file.read_bytes()[:5000])
    assert main(["report", str(broken), "--out", str(tmp_path / "no")]) == 2
    assert not (tmp_path / "no").exists()


@given(
    st.floats(-1e4, 1e4).filter(lambda value: not 0 < abs(value) < 1e-6),
    st.floats(0, 1e4),
)
def test_a_bound_that_is_not_0_is_not_written_as_0(low: float, width: float) -> None:
    if 0 < abs(low + width) < 1e-6:
        return
    middle = low + width / 2
    for text in (
        bounds_text(Measure(middle, low, low + width)),
        study_command._interval(difference(middle, low, low + width)),
    ):
        shown = [float(each.replace("\N{MINUS SIGN}", "-")) for each in text.split(" to ")]
        for bound, value in zip((low, low + width), shown, strict=True):
            assert (value == 0) == (bound == 0), text
    if low > 0:
        assert float(study_command._signed(difference(middle, low, low + width))) > 0


def test_bounds_have_no_more_digits_than_they_need() -> None:
    assert study_command._interval(difference(0.08, 0.0004, 0.16)) == "0.0004 to 0.1600"
    assert study_command._signed(difference(0.08, 0.0004, 0.16)) == "+0.0800"
    assert study_command._interval(difference(0.08, 0.02, 0.14)) == "0.02 to 0.14"
    assert study_command._interval(difference(0.08, 0.0, 0.16)) == "0.00 to 0.16"


UNEQUAL = """
question = "?"
runs = 2
simulated_runs = 4
compare = ["clock", "queue_last"]
figures = ["comparison"]
[base]
seconds = 20
[conditions.two]
rates = [6, 3]
[conditions.three]
rates = [6, 3, 1]
"""


def test_ranks_of_conditions_with_unequal_numbers_of_machines_have_one_name_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "unequal.toml"
    file.write_text(UNEQUAL)
    assert main(["study", str(file), "--simulated", "--out", str(tmp_path / "out")]) == 0
    document = report_on(tmp_path / "out")
    printed = capsys.readouterr().out + "".join(map(str, (each.rows for each in document.tables)))
    captions = " ".join(figure.title + figure.caption for figure in document.figures)
    compared = "\n".join(
        finding.text for section in document.sections if "compared" in section.heading
        for finding in section.findings
    )  # fmt: skip
    for text in (printed, captions, compared):
        assert "middle" not in text
        assert "slowest" not in text
    assert "rank 2" in printed
    assert "rank 3" in printed
    names = set(document.figures[0].data["machine"].to_list())
    assert names == {"fastest", "rank 2", "rank 3"}


def test_the_same_rates_in_another_order_are_told_apart(tmp_path: Path) -> None:
    rates = ([2, 1, 1], [1, 2, 1], [1, 1, 2])
    made = sweep(Scenario(faces=4, seconds=20, runs=3, seed=1), over={"rates": rates}, workers=1)
    cells, _ = queue_cells(Sweep("s", Scenario(faces=4, seconds=20), made, "1"))
    assert {(each.rates, each.machine) for each in cells} == {
        (tuple(map(float, each)), machine) for each in rates for machine in "ABC"
    }
    for each in cells:
        assert each.rates["ABC".index(each.machine)] == each.rates[each.place]
        assert each.is_slowest == (each.rank == 3)
    assert len({each.name for each in cells}) == len(cells)
    document = report_on_cells(Sweep("s", Scenario(faces=4, seconds=20), made, "1"))
    table = next(each for each in document.tables if each.name == "queues")
    places = [table.heads.index(head) for head in ("die", "rates, in order", "machine")]
    keys = [tuple(row[place] for place in places) for row in table.rows]
    assert len(set(keys)) == len(keys) > 3


@pytest.mark.parametrize("narrow", [None, "ranges too narrow: they take many"])
def test_a_published_row_without_an_explanation_has_a_whole_sentence(narrow: str | None) -> None:
    summary = PublishedSummary(
        "x, 6/3/1", "mean jump 1 of machine 2, range 2 to 3", None, None, None
    )
    text = summary.sentence(narrow)
    assert text.startswith("x, 6/3/1 lies outside: mean jump 1 of machine 2, range 2 to 3. ")
    assert re.search(r"\. \w[^.]*\.$", text)
    assert ("narrow" in text) == (narrow is not None)
