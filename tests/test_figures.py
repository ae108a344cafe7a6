"""Figures show the data: extremes are kept, titles are computed, a machine has one colour."""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import driftlab
from driftlab import Scenario
from driftlab.analysis.over_runs import over_runs
from driftlab.analysis.run_statistics import run_statistics
from driftlab.analysis.statistics import Estimate
from driftlab.arrays import IntArray
from driftlab.figures.figure import ROWS_MAX, Figure, NoDataError
from driftlab.figures.frame_figures import draw_frame
from driftlab.figures.frames import means_figure, phase_cells
from driftlab.figures.lines import extreme_rows
from driftlab.figures.output import html, javascript, render, save, svg
from driftlab.figures.over_time import growths_of, real_title, ticks_a_second
from driftlab.figures.palette import OKABE_ITO, machine_colours
from driftlab.figures.run_columns import RunColumns
from driftlab.figures.run_figures import RUN_FIGURES, draw_runs, run_figures
from driftlab.figures.spec import zoomable
from driftlab.history.trace import ProcessInfo, Trace
from driftlab.model.columns import INTERNAL, MISSING, RECEIVE, UNKNOWN_KIND, Columns
from driftlab.study.claims.registry import NoSuchClaimError, claims_named
from driftlab.study.study_file import StudyError, load_study

SECOND = 10**9
DIVERGING = Scenario(rates=[6, 3, 1], seconds=60, seed=1)
STABLE = Scenario(rates=[6, 5, 4], seconds=60, seed=1)


def trace_of(scenario: Scenario) -> Trace:
    return driftlab.simulate_run(scenario, record="all").history.trace


DIVERGING_TRACE = trace_of(DIVERGING)


def made(
    clock: Sequence[IntArray],
    *,
    queue: Sequence[IntArray] | None = None,
    rates: Sequence[float] | None = None,
    late_ns: int | None = None,
    names: Sequence[str] | None = None,
) -> Trace:
    """Return a trace of machines with these clocks and queues, a tick a second unless said."""
    counts = [len(each) for each in clock]
    rate_of = rates or [1.0] * len(clock)
    due = [
        (np.arange(count) * SECOND / rate).astype(np.int64)
        for count, rate in zip(counts, rate_of, strict=True)
    ]
    rows = sum(counts)
    return Trace(
        list(names or "ABCDEFGHIJ"[: len(clock)]),
        np.concatenate([[0], np.cumsum(counts)]),
        Columns(
            kind=np.full(rows, INTERNAL, np.uint8),
            clock=np.concatenate(clock),
            queue=None if queue is None else np.concatenate(queue),
            due_ns=np.concatenate(due),
            late_ns=None if late_ns is None else np.full(rows, late_ns, np.int64),
        ),
        process_info=[
            ProcessInfo(rate=rate, simulated=late_ns is None, from_start=True) for rate in rate_of
        ],
    )


def parts_of(spec: Any) -> Iterator[dict[str, Any]]:
    if isinstance(spec, dict):
        yield spec
        for each in spec.values():
            yield from parts_of(each)
    if isinstance(spec, list):
        for each in spec:
            yield from parts_of(each)


# Extremes.


@given(
    st.lists(st.integers(-50, 50), min_size=1, max_size=400),
    st.integers(1, 30),
    st.randoms(use_true_random=False),
)
def test_every_column_of_pixels_keeps_its_extremes(
    values: list[int], columns: int, random: Any
) -> None:
    places = np.cumsum([random.choice((0.0, 0.0, 0.5, 3.0)) for _ in values])
    rows = extreme_rows(places, np.array(values), columns)
    assert (np.diff(rows) > 0).all()
    assert len(rows) <= max(2 * columns, 1)
    edges = np.linspace(places[0], places[-1], columns + 1)[1:-1]
    column = np.searchsorted(edges, places, side="right")
    for each in set(column.tolist()):
        inside = np.flatnonzero(column == each)
        kept = np.intersect1d(rows, inside)
        all_values = np.array(values)
        assert all_values[kept].max() == all_values[inside].max()
        assert all_values[kept].min() == all_values[inside].min()


def test_one_extreme_point_among_millions_is_in_the_figure() -> None:
    count, at = 2_000_000, 1_234_567
    queue, clock = np.zeros(count, np.int64), np.arange(1, count + 1)
    queue[at], other = 7, np.arange(1, count + 1)
    other[at] = 5  # far behind, for one event
    trace = made([clock, other], queue=[queue, np.zeros(count, np.int64)])
    [longest] = run_figures(trace, names=["queue"])
    assert longest.data.filter(pl.col("value") == 7)["place"].to_list() == [at]
    assert len(longest.data) <= ROWS_MAX
    [drift] = run_figures(trace, names=["drift"])
    assert drift.data["value"].to_numpy().min() == 5 - (at + 1)
    assert len(drift.data) <= ROWS_MAX
    [jumps] = run_figures(trace, names=["jumps"])
    assert jumps.data["value"].to_numpy().max() == at + 2 - 5


def test_many_machines_and_runs_stay_below_the_limit_and_it_is_said() -> None:
    rng = np.random.default_rng(1)
    clocks = [np.cumsum(rng.integers(1, 4, 1000)) for _ in range(40)]
    queues = [np.zeros(1000, np.int64) for _ in range(40)]
    queues[17][123] = 9
    trace = made(clocks, queue=queues, names=[f"m{k}" for k in range(40)])
    runs = [RunColumns(trace, number=number) for number in range(1, 12)]
    for figure in draw_runs(runs).figures:
        assert len(figure.data) <= ROWS_MAX
    [figure] = draw_runs(runs, ["queue"]).figures
    assert "m17" in figure.data["machine"].to_list()
    assert "12 of 40 machines" in figure.caption
    assert "first 8 of 11 runs" in figure.caption


# Titles.


def test_titles_state_what_the_data_say() -> None:
    still = np.zeros(60, np.int64)
    grows, steps = np.arange(1, 61) // 2, np.arange(1, 61)
    [figure] = run_figures(made([steps, steps], queue=[still, grows]), names=["queue"])
    assert figure.title == "B's queue grows by 0.50 messages a second"
    assert "B +0.50 (" in figure.caption
    [figure] = run_figures(made([steps, steps], queue=[grows, still]), names=["queue"])
    assert figure.title == "A's queue grows by 0.50 messages a second"
    once = still.copy()
    once[7] = 3
    [figure] = run_figures(made([steps, steps], queue=[still, once]), names=["queue"])
    assert figure.title == "No queue grows: the longest, B's, has at most 3"


def test_titles_of_clocks_name_the_rates_and_who_falls_behind() -> None:
    fast, slow = 3 * np.arange(1, 61), np.arange(1, 61)
    titles = {figure.name: figure.title for figure in run_figures(made([fast, fast, slow]))}
    assert titles["clock"] == "A's and B's clocks rise by 3.00 a second, C's by 1.00"
    assert titles["drift"] == "C falls behind A by 2.00 ticks a second"
    assert titles["jumps"] == "A's largest jump is 3; B's 3 and C's 1"
    assert titles["events"].startswith("No message was received")
    same = {figure.name: figure.title for figure in run_figures(made([fast, fast]))}
    assert same["clock"] == "All clocks rise by 3.00 a second"
    assert same["drift"].startswith("No machine keeps falling behind A")


def test_a_run_beside_theory_says_both() -> None:
    figures = {figure.name: figure for figure in run_figures(DIVERGING_TRACE)}
    assert set(figures) == set(RUN_FIGURES) - {"lateness"}
    assert "theory: 0.50" in figures["queue"].title
    assert "theory: 2.00" in figures["drift"].title
    curve = figures["queue"].data.filter(pl.col("what") == "predicted")
    end = curve.filter(pl.col("place") == 60).row(0, named=True)
    assert end["machine"] == "C"
    assert end["value"] == pytest.approx(30.6, abs=0.2)
    assert end["low"] < 22 < 39 < end["high"]
    assert figures["prediction"].title == "Measurement and theory agree in all 11 figures"
    for figure in figures.values():
        assert "1 simulated run of 3 machines with rates 6,3,1" in figure.caption


def test_a_run_that_is_not_as_predicted_is_marked() -> None:
    columns = DIVERGING_TRACE.columns
    assert columns.queue is not None
    queue = columns.queue.copy()
    queue[DIVERGING_TRACE.rows_of(1)] += 40
    trace = DIVERGING_TRACE.replace(columns=columns._replace(queue=queue))
    [figure] = run_figures(trace, names=["prediction"])
    assert figure.title == "Measurement and theory differ in 1 of 11 figures: B's queue"
    wrong = figure.data.filter(~pl.col("agrees"))
    assert wrong.select("machine", "figure").rows() == [("B", "queue")]


def test_a_late_run_says_so_in_every_figure() -> None:
    clock = np.arange(1, 61)
    late = made([clock, clock], queue=[clock * 0, clock * 0], late_ns=2 * SECOND)
    for figure in run_figures(late):
        assert "Late: 120 ticks began more than a period late; lower --speed" in figure.caption
    [figure] = run_figures(late, names=["lateness"])
    assert "the latest 2000 ms" in figure.title.replace("2e+03", "2000").replace(",", "")
    [figure] = run_figures(made([clock], late_ns=SECOND // 1000), names=["lateness"])
    assert "period" not in figure.title + figure.caption


def test_several_runs_give_an_interval_over_runs() -> None:
    runs = driftlab.simulate_runs(DIVERGING.replace(runs=5), record="all")
    columns = [RunColumns(run.history.trace, number=run.number) for run in runs]
    [figure] = draw_runs(columns, ["queue"]).figures
    assert "5 simulated runs" in figure.caption
    assert "95 % interval of 5 runs" in figure.caption
    last = runs.frame.filter(pl.col("name") == "C")["queue_last"].to_numpy().mean() / 60
    assert f"by {last:.2f} messages" in figure.title
    drawn = driftlab.simulate_runs(Scenario(rates="1..6", seconds=20, runs=3, seed=1), record="all")
    columns = [RunColumns(run.history.trace, number=run.number) for run in drawn]
    [figure] = draw_runs(columns, ["clock"]).figures
    assert set(figure.data["machine"].unique()) == {"fastest", "middle", "slowest"}
    with pytest.raises(NoDataError, match="rates differ"):
        draw_runs(columns, ["prediction"])


# What cannot be drawn.


@pytest.mark.parametrize(
    ("column", "names", "reason"),
    [
        ("queue", ["queue"], "the log has no queue lengths"),
        ("clock", ["clock", "drift", "jumps", "jump-histogram"], "the log has no Lamport clocks"),
    ],
)
def test_a_missing_column_is_the_reason(column: str, names: list[str], reason: str) -> None:
    missing: Any = np.full(len(DIVERGING_TRACE), MISSING)
    for nothing in (None, missing):
        columns = DIVERGING_TRACE.columns._replace(**dict[str, Any]({column: nothing}))
        trace = DIVERGING_TRACE.replace(columns=columns)
        drawn = draw_runs([RunColumns(trace)])
        for name in names:
            with pytest.raises(NoDataError, match=f"^{name}: {reason}"):
                run_figures(trace, names=[name])
            assert any(line.startswith(f"{name}: ") for line in drawn.left_out)
            assert name not in [figure.name for figure in drawn.figures]


def test_without_times_events_stand_in_their_order() -> None:
    columns = DIVERGING_TRACE.columns._replace(due_ns=None, time_ns=None)
    trace = DIVERGING_TRACE.replace(columns=columns)
    [figure] = run_figures(trace, names=["clock"])
    axes = [part["x"]["title"] for part in parts_of(figure.spec) if "x" in part]
    assert axes == ["event of the machine (the log has no times)"]
    with pytest.raises(NoDataError, match="drift: the log has no times"):
        run_figures(trace, names=["drift"])


def test_kinds_that_a_log_does_not_say_are_not_counted_as_none() -> None:
    trace = made([np.arange(1, 9)])
    unsaid = np.full(8, UNKNOWN_KIND, np.uint8)
    columns = trace.columns
    with pytest.raises(NoDataError, match="does not say what kinds"):
        run_figures(trace.replace(columns=columns._replace(kind=unsaid)), names=["events"])
    unsaid[0] = INTERNAL
    [figure] = run_figures(trace.replace(columns=columns._replace(kind=unsaid)), names=["events"])
    assert figure.title == "Of 8 events none is said to receive a message"


def test_other_reasons() -> None:
    with pytest.raises(NoDataError, match="lateness: simulated machines are never late"):
        run_figures(DIVERGING_TRACE, names=["lateness"])
    with pytest.raises(NoDataError, match="no figure of a run; there are clock, drift"):
        run_figures(DIVERGING_TRACE, names=["pie"])
    with pytest.raises(NoDataError, match="drift is between two"):
        run_figures(made([np.arange(1, 9)]), names=["drift"])


def test_a_machine_without_events_is_not_among_all() -> None:
    scenario = Scenario(rates=[6, 3, 0.01], seconds=10, seed=3)
    trace = driftlab.simulate_run(scenario, record="all").history.trace
    assert trace.starts[2] == trace.starts[3] == len(trace)  # C has none
    titles = {figure.name: figure.title for figure in run_figures(trace)}
    assert titles["clock"].startswith("B's and A's clocks rise")
    assert titles["queue"].startswith("No queue grows: A's and B's stay empty")


def test_an_empty_machine_and_one_event_are_drawn() -> None:
    some, none, one = np.arange(1, 9), np.zeros(0, np.int64), np.array([1])
    trace = made([some, none, one], queue=[some * 0, none, one * 0])
    names = [figure.name for figure in run_figures(trace)]
    assert {"clock", "queue", "events"} <= set(names)
    empty = made([none, none], queue=[none, none])
    with pytest.raises(NoDataError):
        run_figures(empty)


# Colours.


def test_a_machine_has_one_colour_in_every_figure() -> None:
    trace = trace_of(STABLE)
    expected = machine_colours(trace.names)
    assert list(expected.values()) == list(OKABE_ITO[:3])
    seen = 0
    for figure in run_figures(trace):
        for part in parts_of(figure.spec):
            colour = part.get("color")
            if isinstance(colour, dict) and colour.get("field") == "machine":
                scale = colour["scale"]
                found = dict(zip(scale["domain"], scale["range"], strict=True))
                assert found.items() <= expected.items()
                seen += 1
    assert seen > 8


def test_more_machines_than_colours_have_dashes() -> None:
    clocks = [np.arange(1, 9) * (k + 1) for k in range(10)]
    [figure] = run_figures(made(clocks), names=["clock"])
    [dash] = [part["strokeDash"] for part in parts_of(figure.spec) if "strokeDash" in part][:1]
    assert dash["scale"]["range"][0] != dash["scale"]["range"][8]


# Sweeps and studies.


def sweep_frame(moved: float = 0) -> pl.DataFrame:
    """Return the table of a small sweep, in which one cell's queue is `moved` messages longer."""
    is_moved = (pl.col("over_faces") == 10) & (pl.col("over_rates") == "6,5,4")
    longer = pl.when(is_moved).then(moved).otherwise(0)
    return simulated_sweep().with_columns(pl.col("queue_last") + longer)


@cache
def simulated_sweep() -> pl.DataFrame:
    parts = []
    for faces in (3, 10):
        for rates in ([6, 3, 1], [6, 5, 4], [6, 6, 1], [6, 5, 2]):
            scenario = Scenario(rates=rates, faces=faces, seconds=60, runs=20, seed=1)
            runs = driftlab.simulate_runs(scenario, workers=1)
            metrics = pl.col("^events_.*$", "queue_last").mean()
            frame = runs.frame.group_by("name", "rank", "rate", maintain_order=True).agg(metrics)
            parts.append(
                frame.with_columns(
                    over_rates=pl.lit(",".join(map(str, rates))),
                    over_faces=pl.lit(faces),
                    runs=pl.lit(20),
                )
            )
    return pl.concat(parts)


def test_the_phase_diagram_holds_measurement_beside_the_boundary() -> None:
    scenario = Scenario(rates=[6, 3, 1], seconds=60)
    cells = phase_cells(sweep_frame(), scenario)
    at = {(row["rates"], row["faces"]): row for row in cells.to_dicts()}
    assert at["6,3,1", 10.0]["predicted"] == at["6,3,1", 10.0]["measured"] == "diverges"
    assert at["6,5,4", 10.0]["predicted"] == at["6,5,4", 10.0]["measured"] == "stable"
    assert at["6,5,2", 10.0]["predicted"] == "critical"
    figures = draw_frame(sweep_frame(), scenario).figures
    assert [figure.name for figure in figures] == ["phase", "prediction"]
    assert "clear cells are as predicted" in figures[0].title
    boundary = next(
        part["data"]["values"]
        for part in parts_of(figures[0].spec)
        if "values" in part.get("data", {})
    )
    assert all(row["ratio"] == pytest.approx(1 + row["place"] / 2) for row in boundary)
    wrong = draw_frame(sweep_frame(moved=400), scenario).figures
    assert "1 of" in wrong[0].title
    assert wrong[0].title.endswith("not as predicted")
    assert "rates 6,5,4" in wrong[1].title


def study_frame(shift: int) -> pl.DataFrame:
    base = driftlab.simulate_runs(Scenario(rates="1..6", seconds=20, runs=60, seed=1), workers=1)
    one = base.frame.select(pl.lit("base").alias("condition"), pl.all())
    other = one.with_columns(
        condition=pl.lit("longer"),
        queue_last=pl.col("queue_last") + pl.when(pl.col("rank") == 3).then(shift).otherwise(0),
    )
    return pl.concat([one, other])


def test_conditions_differ_by_what_pairs_of_runs_differ_by() -> None:
    [figure] = draw_frame(study_frame(4), None, ["comparison"]).figures
    assert figure.title == (
        "The slowest machine's last queue is 4 higher in longer than in base (in every pair)"
    )
    assert "60 runs of each condition" in figure.caption
    [figure] = draw_frame(study_frame(4), None, ["comparison"], ["queue_max"]).figures
    assert figure.title == "No figure differs between base and longer by more than chance"
    [figure] = draw_frame(study_frame(0), None, ["comparison"]).figures
    assert figure.title == "No figure differs between base and longer by more than chance"
    with pytest.raises(NoDataError, match="phase: the rates were drawn"):
        draw_frame(study_frame(0), Scenario(rates="1..6"), ["phase"])
    assert "last queue is" in means_figure(study_frame(0).drop("condition")).title


def test_a_difference_that_is_the_same_in_every_pair_is_not_the_clearest() -> None:
    """Five whole numbers may agree by chance, and their interval has no width."""
    frame = study_frame(4)
    jumps = pl.col("jump_max") + pl.when(condition="longer").then(9 + pl.col("run") % 2).otherwise(
        0
    )
    [figure] = draw_frame(frame.with_columns(jump_max=jumps), None, ["comparison"]).figures
    assert "largest jump is 9.5 higher in longer than in base" in figure.title


@pytest.mark.parametrize(
    ("rates", "words"), [("1..6", "3 machines, rates drawn"), ([6, 5], "2 machines with rates 6,5")]
)
def test_a_comparison_says_of_which_rates_the_first_condition_is(
    rates: str | list[float], words: str
) -> None:
    scenario = Scenario(rates=rates, seconds=20, runs=20)
    frame = driftlab.simulate_runs(scenario, workers=1).frame
    both = [frame.select(pl.lit(name).alias("condition"), pl.all()) for name in ("one", "two")]
    [figure] = draw_frame(pl.concat(both), scenario, ["comparison"]).figures
    assert f" one: {words}, a die of" in figure.caption


# Files.


def every_figure() -> list[Figure]:
    real = DIVERGING_TRACE.replace(
        columns=DIVERGING_TRACE.columns._replace(late_ns=np.arange(len(DIVERGING_TRACE)) * 1000),
        process_info=[ProcessInfo(rate=rate) for rate in (6.0, 3.0, 1.0)],
    )
    return [
        *run_figures(real),
        *draw_frame(sweep_frame(), Scenario(rates=[6, 3, 1], seconds=60)).figures,
        *draw_frame(study_frame(4), None, ["comparison"]).figures,
        means_figure(study_frame(4).drop("condition")),
    ]


def test_every_figure_is_a_valid_chart_of_altair_and_is_drawn() -> None:
    for figure in every_figure():
        chart: Any = figure.chart  # Altair holds it against the schema of Vega-Lite
        assert chart.title.text
        picture = svg(figure)
        assert picture.startswith("<svg")
        assert figure.title.split()[0] in picture
        assert len(picture) < 600_000


def test_files_by_their_suffixes(tmp_path: Path) -> None:
    figures = run_figures(DIVERGING_TRACE, names=["queue", "events"])
    for suffix, magic in ((".svg", b"<svg"), (".png", b"\x89PNG"), (".pdf", b"%PDF")):
        assert render(figures, suffix).startswith(magic)
    path = save(figures, tmp_path / "x.PNG")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [each.name for each in tmp_path.iterdir()] == ["x.PNG"]
    with pytest.raises(driftlab.DriftlabError, match=r"\.svg, \.png, \.pdf, \.html"):
        save(figures, tmp_path / "x.gif")


def test_marks_end_at_the_frame_where_a_page_zooms_and_nowhere_else() -> None:
    def marks(spec: Any) -> Iterator[Any]:
        if isinstance(spec, dict):
            if "mark" in spec:
                yield spec["mark"]
            for part in spec.values():
                yield from marks(part)
        elif isinstance(spec, list):
            for part in spec:
                yield from marks(part)

    for figure in every_figure():
        assert '"clip"' not in json.dumps(figure.spec)
        spec = zoomable(figure.spec)
        zooms = '"bind": "scales"' in json.dumps(spec)
        assert zooms or figure.name not in ZOOMING
        assert not zooms or all(mark["clip"] for mark in marks(spec))


ZOOMING = {
    "clock", "drift", "drift-real", "jumps", "jump-histogram", "queue", "lateness", "phase",
}  # fmt: skip


def test_a_page_works_offline_and_trusts_no_name() -> None:
    hostile = "</script><script>alert(1)</script>"
    trace = made([np.arange(1, 9)] * 2, names=[hostile, "B"])
    page = html(run_figures(trace, names=["clock", "events"]))
    own = page.replace(javascript(), "")
    assert javascript() in page
    assert hostile not in own
    assert own.count("<script") == 2
    for remote in ("src=", "@import", "<link"):
        assert remote not in own
    assert hostile not in svg(run_figures(trace, names=["clock"])[0])


def test_the_javascript_is_bundled_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import vl_convert

    made_by: list[int] = []

    def bundle() -> str:
        made_by.append(1)
        return "let a = '</script>';"

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(vl_convert, "javascript_bundle", bundle)
    first = javascript()
    assert javascript() == first
    assert made_by == [1]
    assert "</script" not in first
    [kept] = (tmp_path / "driftlab").iterdir()
    kept.write_text(first[:10])  # half a file is made again
    assert javascript() == first
    assert made_by == [1, 1]


def test_receives_count_as_kinds() -> None:
    kinds = np.array([INTERNAL, RECEIVE, RECEIVE, RECEIVE], np.uint8)
    trace = made([np.arange(1, 5)])
    trace = trace.replace(columns=trace.columns._replace(kind=kinds))
    [figure] = run_figures(trace, names=["events"])
    assert figure.title == "A receives in 75 % of its events"


# Titles and tables of one truth.


def drawn_runs(count: int) -> list[RunColumns]:
    scenario = Scenario(rates="1..6", seconds=60, seed=7, runs=count)
    return [
        RunColumns(run.history.trace, run.scenario)
        for run in driftlab.simulate_runs(scenario, record="all")
    ]


def test_growths_and_shares_of_titles_are_the_means_of_the_statistics() -> None:
    """Also of runs that are too many to be drawn."""
    runs = drawn_runs(11)
    frames = [
        run_statistics(run.trace).frame().with_columns(run=pl.lit(number))
        for number, run in enumerate(runs)
    ]
    found = {
        (row["machine"], row["figure"]): row["mean"]
        for row in over_runs(pl.concat(frames), "rank").to_dicts()
    }
    clock, events = draw_runs(runs, ["clock", "events"]).figures
    assert f" by {found['fastest', 'clock_per_second']:.2f} a second" in clock.title
    share = 100 * found["slowest", "utilisation"]
    assert events.title.startswith(f"The slowest machine receives in {share:.0f} %")
    assert "Means of the runs' shares" in events.caption
    [alone] = draw_runs(runs[:1], ["clock"]).figures
    fastest = max(row["clock_per_second"] for row in run_statistics(runs[0].trace).machines)
    assert f" by {fastest:.2f} a second" in alone.title


def estimate(value: float, half: float) -> Estimate:
    return Estimate(value, value - half, value + half)


@pytest.mark.parametrize(
    ("slopes", "title"),
    [
        (
            {"A": estimate(0.0, 0.1), "C": estimate(-2.0, 0.3)},
            "A's clock rises as fast as 6 ticks a second; C's falls behind by 2.00 a second",
        ),
        (
            {"A": estimate(1.0, 0.1), "B": estimate(0.5, 5)},
            "A's clock rises faster than 6 ticks a second, by 17 %; of B's nothing is shown",
        ),
        (
            {"A": estimate(-3.0, 1), "B": estimate(-4.0, 1)},
            "B's clock falls behind 6 ticks a second by 4.00 a second (A's too, more slowly)",
        ),
        (
            {"A": estimate(0.0, 0.1), "B": estimate(0.1, 0.1)},
            "All clocks rise as fast as 6 ticks a second",
        ),
        (
            {"A": estimate(-0.0011, 0.0005), "C": estimate(-2.0, 0.3)},
            "A's clock rises as fast as 6 ticks a second; C's falls behind by 2.00 a second",
        ),
        (
            {"A": estimate(0.0011, 0.0005)},
            "A's clock rises as fast as 6 ticks a second",
        ),
    ],
)
def test_titles_say_no_more_of_the_pace_than_intervals_show(
    slopes: dict[str, Estimate], title: str
) -> None:
    assert real_title(slopes, 6.0, same=True, several=False) == title


def test_what_is_not_shown_is_no_statement() -> None:
    slopes = {"fastest": estimate(0.0, 2), "slowest": estimate(-0.3, 1.2)}
    title = real_title(slopes, 6.0, same=False, several=True)
    assert title.startswith("Nothing is shown about the pace of the clocks: the runs differ")
    assert "as fast" not in title


@pytest.mark.parametrize(("rate", "words"), [(1, "1 tick a second"), (6, "6 ticks a second")])
def test_one_tick_is_not_ticks(rate: float, words: str) -> None:
    assert ticks_a_second(rate) == words


def test_rows_have_the_names_of_their_machines_and_say_that_their_axes_differ() -> None:
    trace = trace_of(Scenario(rates=[6, 3, 1], seconds=20, seed=1))
    for figure in run_figures(trace, names=["drift", "jump-histogram"]):
        assert "Each row has a vertical axis of its own." in figure.caption
        assert "labelOrient" in figure.spec["facet"]["row"]["header"]
    [drift] = run_figures(trace, names=["drift"])
    assert drift.spec["spec"]["encoding"]["y"]["scale"]["padding"] > 0


def test_the_machines_that_a_comparison_leaves_out_are_named() -> None:
    [figure] = run_figures(trace_of(Scenario(rates=[6, 3, 1], seed=1)), names=["prediction"])
    assert "No share of receives of C" in figure.caption
    [figure] = run_figures(trace_of(Scenario(rates=[4, 4, 4], seed=1)), names=["prediction"])
    assert "No share" not in figure.caption


def test_a_run_without_events_says_so_once() -> None:
    trace = trace_of(Scenario(rates=[0.01, 0.01], seconds=1, seed=3))
    with pytest.raises(NoDataError) as error:
        run_figures(trace)
    assert str(error.value).count("no machine took a tick") == 1
    assert "clock" not in str(error.value)
    reasons = run_statistics(trace).reasons
    assert reasons == ["A, B: no event, so nothing is known"]


def test_a_run_of_one_tick_has_no_growth_to_speak_of() -> None:
    drawn = draw_runs([RunColumns(trace_of(Scenario(rates=[1, 1], seconds=1, seed=3)))])
    titles = {figure.name: figure.title for figure in drawn.figures}
    assert "no machine has two events" in titles["clock"]
    assert "no machine has two events" in titles["drift"]
    assert "drift-real" not in titles
    assert all(titles.values())


def test_logs_that_end_at_different_times_say_that_last_clocks_do_not_compare() -> None:
    steps = np.arange(1, 61)
    (line,) = [
        line
        for line in run_statistics(made([steps, steps[:20]])).reasons
        if "not of one instant" in line
    ]
    assert line.startswith("drift: the log of B ends at 20 s and the last at 60 s")
    assert not any("instant" in line for line in run_statistics(made([steps, steps])).reasons)


# Too few events, and what comes of rounding.


def titles_of(trace: Trace) -> dict[str, str]:
    return {figure.name: figure.title for figure in run_figures(trace)}


@pytest.mark.parametrize("events", [1, 2, 9])
def test_of_too_few_events_nothing_is_said_that_needs_an_interval(events: int) -> None:
    many, few = 3 * np.arange(1, 41), np.arange(1, events + 1)
    titles = titles_of(made([many, few], queue=[many * 0, few]))
    assert titles["queue"].startswith("Too few events to say whether B's queue grows: the longest,")
    assert f"has at most {events}" in titles["queue"]
    if events > 1:
        assert titles["drift"].startswith("Too few events to say whether B falls behind A: B is")
    titles = titles_of(made([few, few, many], queue=[few, few, many * 0]))
    assert titles["queue"].startswith("Too few events to say whether A's and B's queues grow: ")
    titles = titles_of(made([many, few], queue=[many, few]))
    assert titles["queue"].startswith("A's queue grows by 3.00 messages a second")
    assert titles["queue"].endswith("; too few events to say whether B's does")


def test_ten_events_are_enough_for_an_interval() -> None:
    steps = np.arange(1, 11)
    titles = titles_of(made([3 * steps, steps], queue=[steps * 0, steps]))
    assert not any("too few" in title.lower() for title in titles.values()), titles


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        (Scenario(rates=[6, 3, 1], seconds=8, seed=1), "; theory: C's does"),
        (Scenario(rates=[6, 3], seconds=2, seed=1, faces=3), ""),
    ],
)
def test_a_short_run_of_the_simulator_leaves_open_what_it_does_not_show(
    scenario: Scenario, expected: str
) -> None:
    titles = titles_of(trace_of(scenario))
    for name in ("queue", "drift"):
        assert titles[name].startswith("Too few events to say whether "), titles
    assert titles["queue"].endswith(expected)


def test_a_clock_that_ticks_exactly_at_its_rate_is_not_said_to_fall_behind() -> None:
    for rate in (6.0, 0.7, 3.3, 1 / 3):  # none of them a sum of powers of two alone
        steps = np.arange(1, 121)
        titles = titles_of(made([steps, steps // 4 + 1], rates=[rate, rate]))
        assert f"A's clock rises as fast as {ticks_a_second(rate)}" in titles["drift-real"]
        assert "A's too" not in titles["drift-real"]
        alone = titles_of(made([steps], rates=[rate]))
        assert alone["drift-real"] == f"A's clock rises as fast as {ticks_a_second(rate)}"


def test_what_comes_of_rounding_is_no_growth() -> None:
    run = RunColumns(DIVERGING_TRACE)
    tiny = Estimate(-2e-15, -3e-15, -1e-15)
    growths = growths_of([run], lambda _run, _process: tiny)
    assert growths == dict.fromkeys("ABC", Estimate(0.0, 0.0, 0.0))
    assert not any(each.excludes(0) for each in growths.values())
    title = real_title({"A": tiny}, 6.0, same=True, several=False)
    assert title == "A's clock rises as fast as 6 ticks a second"


def test_a_run_without_one_of_its_journals_says_of_no_clock_that_it_falls_behind_by_0(
    tmp_path: Path,
) -> None:
    for seed in range(1, 4):
        folder = tmp_path / str(seed)
        driftlab.simulate(Scenario(rates=[6, 3, 1], seconds=60, seed=seed), out=folder)
        (folder / "B.log").unlink()
        for path in (folder, folder / "A.log"):
            [figure] = run_figures(driftlab.read(path).trace, names=["drift-real"])
            assert figure.title.startswith("A's clock rises as fast as 6 ticks a second"), path
            assert "A's too" not in figure.title


def test_a_pace_without_an_interval_is_not_shown() -> None:
    title = real_title({"A": Estimate(0.0, None, None)}, 6.0, same=True, several=False)
    assert title.startswith("Nothing is shown about the pace of the clocks: there are too few")


@pytest.mark.parametrize("has_times", [True, False])
def test_one_event_has_no_rate(has_times: bool) -> None:
    trace = made([3 * np.arange(1, 41), np.array([5])])
    if not has_times:
        trace = trace.replace(columns=trace.columns._replace(due_ns=None))
    title = titles_of(trace)["clock"]
    assert title.startswith("A's clock rises by 3.00 a")
    assert title.endswith("; B's: too few events for a rate")


def test_a_list_of_rates_has_no_separators_of_thousands() -> None:
    trace = trace_of(Scenario(rates=[3000, 2000, 1000], seconds=1, seed=1))
    assert all("rates 3000,2000,1000" in each.caption for each in run_figures(trace))


def test_numbers_agree_with_their_verbs() -> None:
    still, none = np.zeros(40, np.int64), np.zeros(0, np.int64)
    title = titles_of(made([np.arange(1, 41), none], queue=[still, none]))["queue"]
    assert title == "No queue grows: A's stays empty"


def test_a_figure_that_is_named_twice_is_drawn_once() -> None:
    names = ["queue", "clock", "queue"]
    figures = run_figures(DIVERGING_TRACE, names=names)
    assert [figure.name for figure in figures] == ["queue", "clock"]
    cells = draw_frame(sweep_frame(), Scenario(rates=[6, 3, 1]), ["phase", "phase"])
    assert [figure.name for figure in cells.figures] == ["phase"]


def test_a_misspelled_name_is_guessed() -> None:
    with pytest.raises(NoDataError, match=r"; did you mean queue\?$"):
        run_figures(DIVERGING_TRACE, names=["quue"])
    with pytest.raises(NoDataError, match=r"; did you mean phase\?$"):
        draw_frame(sweep_frame(), None, ["phsae"])
    with pytest.raises(NoDataError, match=r"there are clock, [^?]*$"):
        run_figures(DIVERGING_TRACE, names=["xyzzy"])
    with pytest.raises(StudyError, match=r"; did you mean assignment\?$"):
        load_study("assigment")
    with pytest.raises(NoSuchClaimError, match=r"; did you mean fastest-never-jumps\?$"):
        claims_named(["fastest-never-jump"])
