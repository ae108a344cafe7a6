"""The figure that puts what was measured beside what theory predicts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from driftlab.analysis.against_theory import Figure as TheoryFigure
from driftlab.analysis.against_theory import compare_with_theory
from driftlab.analysis.metrics import MachineMetrics
from driftlab.analysis.statistics import mean_estimate
from driftlab.errors import counted
from driftlab.figures.figure import Figure, NoDataError, titled
from driftlab.figures.palette import INK, machine_colour
from driftlab.figures.run_columns import RunColumns
from driftlab.figures.theory_of_runs import predicted
from driftlab.figures.wording import about_runs, about_scenario, joined, same_rates
from driftlab.lazy import pl
from driftlab.theory.prediction import NoTheoryError

if TYPE_CHECKING:
    from driftlab.scenario.scenario import Scenario

MACHINES_MAX: Final = 24
# Of each figure the title of its axis. The mean jump is not among them: it is the clock over
# the number of events, and says nothing more.
FIGURES: Final = {
    "rate": "ticks a second",
    "clock": "last clock",
    "queue": "last queue, messages",
    "receives": "share of receives",
}


def prediction_figure(runs: Sequence[RunColumns]) -> Figure:
    """Draw measurement beside prediction, of recorded runs."""
    scenario = runs[0].scenario
    if scenario is None:
        raise NoDataError("prediction: the log does not say which scenario it is of")
    if not same_rates(runs):
        raise NoDataError("prediction: the rates differ from run to run")
    for key in ("clock", "queue"):
        if any(run.column(key) is None for run in runs):
            raise NoDataError(f"prediction: the log has no {key} to compare")
    return prediction_of_metrics(
        scenario.for_run(scenario.first_run), [run.metrics() for run in runs], about_runs(runs)
    )


def prediction_of_metrics(
    scenario: "Scenario", runs: Sequence[Sequence[MachineMetrics]], about: str | None = None
) -> Figure:
    """Draw measurement beside prediction, of runs whose metrics are known.

    scenario: of one run. runs: of each the metrics of its machines, in their order.
    about: which runs they are, in words. Raise NoDataError if theory does not cover them.
    """
    import altair as alt

    try:
        prediction = predicted(scenario)
    except NoTheoryError as error:
        raise NoDataError(f"prediction: {error}") from None
    compared = compare_with_theory(prediction, runs)
    measure: dict[str, Any] = {
        "rate": lambda m: m.achieved_rate,
        "clock": lambda m: m.clock,
        "queue": lambda m: m.queue.last,
        "receives": lambda m: m.events["receive"] / max(m.ticks, 1),
    }
    names = [machine.name for machine in prediction.machines][:MACHINES_MAX]
    saturated = {machine.name for machine in prediction.machines if machine.queue != "stable"}
    rows = []
    for each in compared:
        if each.machine not in names or each.figure not in measure or _is_rough(each, saturated):
            continue
        place = names.index(each.machine)
        estimate = mean_estimate([measure[each.figure](run[place]) for run in runs])
        rows.append(
            {
                "figure": each.figure, "machine": each.machine, "predicted": each.predicted,
                "low": max(0.0, each.predicted - each.allowed),
                "high": each.predicted + each.allowed,
                "measured": each.measured, "measured_low": estimate.low,
                "measured_high": estimate.high, "agrees": each.agrees,
            }
        )  # fmt: skip
    frame = pl.DataFrame(
        rows, schema_overrides={"measured_low": pl.Float64, "measured_high": pl.Float64}
    )
    panels = [
        _panel(frame.filter(pl.col("figure") == name), axis, names, is_first=not place)
        for place, (name, axis) in enumerate(FIGURES.items())
    ]
    chart = alt.concat(*panels, columns=2, spacing=24)
    wrong = frame.filter(~pl.col("agrees"))
    title = (
        f"Measurement and theory agree in all {counted(len(frame), 'figure')}"
        if not len(wrong)
        else f"Measurement and theory differ in {len(wrong)} of {counted(len(frame), 'figure')}: "
        + joined([f"{row['machine']}'s {row['figure']}" for row in wrong.to_dicts()])
    )
    interval = " with its 95 % interval" if len(runs) > 1 else " (one run: no interval is known)"
    about = about or f"{counted(len(runs), 'run')} of {about_scenario(scenario)}."
    caption = (
        f"Dots: measured{interval}, crosses where it differs. Diamonds: predicted; bars: what "
        f"chance and the method's error allow (all but one figure in a thousand). {about}"
    )
    return Figure("prediction", title, caption, titled(chart, title, caption), frame)


def _is_rough(figure: TheoryFigure, saturated: set[str]) -> bool:
    """Whether a closed form is only of the long run: the receives of a queue that begins empty."""
    return figure.figure == "receives" and figure.machine in saturated


def _panel(frame: "pl.DataFrame", axis: str, names: Sequence[str], *, is_first: bool) -> Any:
    """Return the chart of one figure: a row a machine."""
    import altair as alt

    height = max(70, 26 * len(names))
    base = alt.Chart(frame, width=270, height=height)
    y = alt.Y("machine:N", sort=list(names), title=None)
    colour = alt.Color(
        "machine:N", legend=None,
        scale=alt.Scale(domain=list(names),
                        range=[machine_colour(place) for place in range(len(names))]),
    )  # fmt: skip
    x = alt.X("predicted:Q", title=axis, scale=alt.Scale(zero=False),
              axis=alt.Axis(tickCount=4, labelOverlap=True))  # fmt: skip
    allowed = base.mark_bar(height=9, color="#DDDDDD").encode(
        x=alt.X("low:Q", title=axis), x2="high:Q", y=y
    )
    expected = base.mark_point(shape="diamond", size=70, filled=False, color=INK).encode(x=x, y=y)
    interval = base.mark_rule(strokeWidth=2).encode(
        x="measured_low:Q", x2="measured_high:Q", y=y, color=colour
    )
    dots = base.mark_point(filled=True, size=45, opacity=1).encode(
        x="measured:Q", y=y, color=colour,
        shape=alt.condition("datum.agrees", alt.value("circle"), alt.value("cross")),
        tooltip=["machine:N", "measured:Q", "predicted:Q", "low:Q", "high:Q"],
    )  # fmt: skip
    return alt.layer(allowed, expected, interval, dots)
