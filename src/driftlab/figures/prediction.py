"""The figure that puts what was measured beside what theory predicts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from driftlab.analysis.against_theory import compare_with_theory, lacks_receives
from driftlab.analysis.metrics import MachineMetrics
from driftlab.analysis.statistics import mean_estimate
from driftlab.errors import counted
from driftlab.figures.figure import Figure, NoDataError
from driftlab.figures.palette import INK, machine_colour
from driftlab.figures.run_columns import RunColumns
from driftlab.figures.spec import Spec, category, colours, hint, quantity
from driftlab.figures.theory_of_runs import predicted
from driftlab.figures.wording import about_runs, about_scenario, joined, same_rates
from driftlab.lazy import pl
from driftlab.theory.prediction import NoTheoryError, Prediction

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
    rows = []
    for each in compared:
        if each.machine not in names or each.figure not in measure:
            continue
        place = names.index(each.machine)
        estimate = mean_estimate(
            [measure[each.figure](run[place]) for run in runs if run[place].ticks]
        )
        rows.append(
            {
                "figure": each.figure, "machine": each.machine, "predicted": each.predicted,
                "low": max(0.0, each.predicted - each.allowed),
                "high": each.predicted + each.allowed,
                "measured": each.measured, "measured_low": estimate.low,
                "measured_high": estimate.high, "agrees": each.agrees,
            }
        )  # fmt: skip
    if not rows:
        raise NoDataError("prediction: no machine took a tick, so nothing was measured")
    frame = pl.DataFrame(
        rows, schema_overrides={"measured_low": pl.Float64, "measured_high": pl.Float64}
    )
    panels = [_panel(name, axis, names) for name, axis in FIGURES.items()]
    chart: Spec = {"concat": panels, "columns": 2, "spacing": 24}
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
        f"chance and the method's error allow (all but one figure in a thousand). "
        f"{_not_shown(prediction, names)}{about}"
    )
    return Figure("prediction", title, caption, chart, frame)


def _not_shown(prediction: Prediction, names: Sequence[str]) -> str:
    """Return a sentence on the machines whose share of receives is not shown, and why."""
    lacking = [each.name for each in prediction.machines if lacks_receives(each)]
    shown = [name for name in lacking if name in names]
    if not shown:
        return ""
    return (
        f"No share of receives of {joined(shown)}: the closed form knows it in the long run only "
        "(driftlab predict --against has the chain). "
    )


def _panel(figure: str, axis: str, names: list[str]) -> Spec:
    """Return the chart of one figure: a row a machine."""
    y = category("machine", sort=names)
    palette = [machine_colour(place) for place in range(len(names))]
    colour = category("machine", **colours(names, palette, None))

    def x(field: str) -> Spec:
        return quantity(
            field, axis, scale={"zero": False, "padding": 10, "nice": False}, axis={"tickCount": 4}
        )

    layers: list[Spec] = [
        {
            "mark": {"type": "bar", "height": 9, "color": "#DDDDDD"},
            "encoding": {"x": x("low"), "x2": {"field": "high"}, "y": y},
        },
        {
            "mark": {"type": "point", "shape": "diamond", "size": 70, "color": INK},
            "encoding": {"x": x("predicted"), "y": y},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {
                "x": x("measured_low"), "x2": {"field": "measured_high"}, "y": y, "color": colour
            },
        },
        {
            "mark": {"type": "point", "filled": True, "size": 45, "opacity": 1},
            "encoding": {
                "x": x("measured"),
                "y": y,
                "color": colour,
                "shape": {
                    "condition": {"test": "datum.agrees", "value": "circle"}, "value": "cross"
                },
                "tooltip": hint(
                    "machine", measured=".5~g", predicted=".5~g", low=".5~g", high=".5~g"
                ),
            },
        },
    ]  # fmt: skip
    return {
        "width": 270,
        "height": max(70, 26 * len(names)),
        "transform": [{"filter": f"datum.figure === '{figure}'"}],
        "layer": layers,
    }
