"""Figures over time: clocks, drift, jumps, queues and lateness of the machines of runs."""

from collections.abc import Callable, Sequence
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Final

from driftlab.analysis.statistics import Estimate, mean_estimate
from driftlab.arrays import IntArray
from driftlab.errors import counted
from driftlab.figures.figure import NOTHING, Figure, NoDataError, number, rate_text, signed
from driftlab.figures.lines import (
    ROWS_OF_MACHINES_MAX,
    WIDTHS,
    Line,
    drawn_lines,
    in_rows,
    labels_in_order,
    labels_of,
    left_out,
    line_chart,
    line_frame,
    lines_of,
    machine_encodings,
    own_axes,
    with_mark,
)
from driftlab.figures.palette import INK
from driftlab.figures.run_columns import NS_PER_MS, Points, RunColumns
from driftlab.figures.spec import Spec, category, quantity
from driftlab.figures.theory_of_runs import machine_of, prediction_of, queue_curve
from driftlab.figures.wording import about_runs, joined, same_rates, sentence, whom, whose
from driftlab.lazy import np, pl

if TYPE_CHECKING:
    from driftlab.theory.prediction import MachinePrediction

LATE_SHOWN_MIN_MS: Final = 0.001  # on a logarithmic axis
QUEUE_SHOWN_MIN: Final = 4.0  # messages that the vertical axis goes up to
SAME_SHARE: Final = 0.02  # rates that differ by less are said to be one
SAME_PACE: Final = 0.05  # of a rate: growths within it are said to be as fast
NO_DIFFERENCE: Final = 0.001  # of a rate: so little is none, even where an interval excludes 0
NO_CLOCKS: Final = "the log has no Lamport clocks (driftlab restamp computes them)"
FEW_EVENTS: Final = "no machine has two events"
NO_TIMES: Final = "the log has no times, so clocks cannot be compared at one instant"


def clock_figure(runs: Sequence[RunColumns]) -> Figure:
    """Draw the clock of every machine over time."""
    require(runs, "clock", "clock", NO_CLOCKS)
    lines = lines_of("clock", runs, lambda run, p: run.points(p, column_of(run, "clock")))
    drawn = drawn_lines(lines)
    frame = line_frame(drawn)
    chart = line_chart(drawn, "Lamport clock")
    labels = labels_in_order(drawn)
    if len(labels) <= len(WIDTHS) and len(runs) == 1:  # clocks that rise together cover one another
        scale = {"domain": labels, "range": list(WIDTHS[: len(labels)])}
        chart["encoding"]["strokeWidth"] = category("machine", scale=scale, legend=None)
    growths = growths_of(runs, lambda run, p: run.growth(p, run.column("clock")))
    is_timed = runs[0].has_times and bool(growths)
    slopes = (
        {label: each.value for label, each in growths.items()}
        if is_timed
        else slopes_by_machine(lines)
    )
    unit = "a second" if is_timed else "an event"
    title = _clock_title(slopes, runs, unit) + _too_few_rises(lines, slopes)
    caption = f"Clock after every event. {about_runs(runs)}{left_out(runs, drawn)}"
    return Figure("clock", title, caption, chart, frame)


def _clock_title(slopes: dict[str, float], runs: Sequence[RunColumns], unit: str) -> str:
    if not slopes:
        return f"How fast the clocks rise is not known: {FEW_EVENTS}"
    groups: list[tuple[float, list[str]]] = []
    for label, slope in sorted(slopes.items(), key=lambda item: -item[1]):
        if groups and abs(groups[-1][0] - slope) <= SAME_SHARE * abs(groups[-1][0]):
            groups[-1][1].append(label)
        else:
            groups.append((slope, [label]))
    prediction = prediction_of(runs)
    parts: list[str] = []
    for slope, labels in groups[:3]:
        machine = machine_of(prediction, labels[0])
        theory = "" if machine is None else f" (theory: {rate_text(machine.clock_per_second)})"
        of_all = len(groups) == 1 and len(labels) == runs[0].trace.processes > 1
        owners = "all" if of_all else joined([whose(label) for label in labels])
        if parts:
            parts.append(f"{owners} by {rate_text(slope)}{theory}")
        else:
            verb = "clock rises" if len(labels) == 1 else "clocks rise"
            parts.append(f"{owners} {verb} by {rate_text(slope)} {unit}{theory}")
    more = [f"and {len(groups) - 3} further rates"] if len(groups) > 3 else []
    return sentence(", ".join([*parts, *more]))


def _too_few_rises(lines: Sequence[Line], slopes: dict[str, float]) -> str:
    """Return whose clock rises at a rate that is not known, though others' rates are."""
    rest = [label for label in labels_in_order(lines) if label not in slopes]
    if not rest or not slopes:
        return ""
    return f"; {joined([whose(label) for label in rest])}: too few events for a rate"


def drift_figure(runs: Sequence[RunColumns]) -> Figure:
    """Draw the clock of every machine less that of the fastest at the same instant."""
    require(runs, "drift", "clock", NO_CLOCKS)
    require_times(runs, "drift")
    if runs[0].trace.processes < 2:
        raise NoDataError("drift: there is one machine, and drift is between two")
    lines = lines_of("drift", runs, _drift_of)
    drawn = drawn_lines(lines)
    frame = line_frame(drawn)
    reference = _reference(runs)
    y = f"clock less {reference}'s" if same_rates(runs) else "clock less the fastest's"
    chart = in_rows(line_chart(drawn, y, margin=True), drawn, same_scale=False)
    slopes = growths_of(runs, lambda run, p: run.drift_slopes().get(p))
    title = _drift_title(slopes, lines, runs, reference)
    caption = (
        f"Difference of the clocks at the same instant. {own_axes(drawn)}"
        f"{_interval_words(slopes, runs)}"
        f"{about_runs(runs)}{_own_clocks(runs)}{left_out(runs, drawn)}"
    )
    return Figure("drift", title, caption, chart, frame)


def _drift_of(run: RunColumns, process: int) -> Points | None:
    """Return the drift of a machine at each of its events and those of the fastest one."""
    first = run.speed_order[0]
    if process == first:
        return None
    own, other = (run.points(p, column_of(run, "clock")) for p in (process, first))
    if not len(own.places) or not len(other.places):
        return None
    places = np.concatenate([own.places, other.places])
    places.sort(kind="stable")  # which merges what is sorted
    here, there = (np.searchsorted(each.places, places, side="right") for each in (own, other))
    both = (here > 0) & (there > 0)  # before its first event a machine has no clock in the log
    return Points(places[both], own.values[here[both] - 1] - other.values[there[both] - 1])


def _reference(runs: Sequence[RunColumns]) -> str:
    return runs[0].names[runs[0].speed_order[0]] if same_rates(runs) else "the fastest machine"


def _drift_title(
    slopes: dict[str, Estimate], lines: Sequence[Line], runs: Sequence[RunColumns], reference: str
) -> str:
    falling = [label for label, slope in slopes.items() if slope.excludes(0) and slope.value < 0]
    open_ones = without_interval(lines, slopes)
    if falling:
        label = min(falling, key=lambda each: slopes[each].value)
        machine = machine_of(prediction_of(runs), label)
        theory = "" if machine is None else f"; theory: {rate_text(-machine.drift_per_second)}"
        others = [whom(one) for one in falling if one != label]
        more = f" ({joined(others)} too, more slowly)" if others else ""
        return sentence(
            f"{whom(label)} falls behind {reference} by {rate_text(-slopes[label].value)} ticks "
            f"a second{theory}{more}{_rest_open(open_ones, [whom(one) for one in open_ones])}"
        )
    if not slopes:
        return f"Whether a machine falls behind {reference} is not known: {FEW_EVENTS}"
    some = [line for line in lines if not open_ones or line.label in open_ones]
    furthest = min(some, key=lambda line: float(line.points.values.min()))
    behind = counted(max(0, -int(furthest.points.values.min())), "tick")
    if open_ones:
        expected = machine_of(prediction_of(runs), furthest.label)
        theory = (
            ""
            if expected is None or expected.drift_per_second > -NOTHING
            else f"; theory: by {rate_text(-expected.drift_per_second)} a second"
        )
        verb = "falls" if len(open_ones) == 1 else "fall"
        return (
            f"Too few events to say whether {joined([whom(one) for one in open_ones])} {verb} "
            f"behind {reference}: {whom(furthest.label)} is at most {behind} behind{theory}"
        )
    if len(runs) == 1:
        return (
            f"No machine keeps falling behind {reference}: {whom(furthest.label)} is at most "
            f"{behind} behind"
        )
    return (
        f"On average over {len(runs)} runs no machine falls behind {reference} by more than "
        f"chance; the furthest, {whom(furthest.label)} of run {furthest.run}, is up to {behind} "
        "behind"
    )


def drift_real_figure(runs: Sequence[RunColumns]) -> Figure:
    """Draw every clock less what a clock would show that ticks as often as the fastest machine."""
    require(runs, "drift-real", "clock", NO_CLOCKS)
    require_times(runs, "drift-real")

    def points_of(run: RunColumns, process: int) -> Points:
        places, clock = run.points(process, column_of(run, "clock"))
        return Points(places, clock - _top_rate(run) * places)

    lines = lines_of("drift-real", runs, points_of)
    drawn = drawn_lines(lines)
    frame = line_frame(drawn)
    rate = _top_rate(runs[0])
    axis = f"clock less {ticks_a_second(rate)}" if same_rates(runs) else (
        "clock less the ticks of the fastest machine"
    )  # fmt: skip
    chart = line_chart(drawn, axis, whole=False, margin=True)
    slopes = growths_of(runs, _real_drift)
    if not slopes:
        raise NoDataError(f"drift-real: {FEW_EVENTS}")
    title = real_title(slopes, rate, same=same_rates(runs), several=len(runs) > 1)
    caption = (
        "Lamport clocks against real time, counted at the rate of the fastest machine. "
        f"{_interval_words(slopes, runs)}{about_runs(runs)}{_own_clocks(runs)}"
        f"{left_out(runs, drawn)}"
    )
    return Figure("drift-real", title, caption, chart, frame)


def _top_rate(run: RunColumns) -> float:
    """Return the rate of the fastest machine: as asked, or where that is not known as it was."""
    if run.rates is not None:
        return max(run.rates)
    return run.achieved_rate(run.speed_order[0]) or 1.0


def _real_drift(run: RunColumns, process: int) -> Estimate | None:
    """Return how fast a clock rises beyond the rate of the fastest machine."""
    growth, rate = run.growth(process, run.column("clock")), _top_rate(run)
    if growth is None or growth.low is None or growth.high is None:
        return None if growth is None else Estimate(growth.value - rate, None, None)
    return Estimate(growth.value - rate, growth.low - rate, growth.high - rate)


def without_interval(lines: Sequence[Line], slopes: dict[str, Estimate]) -> list[str]:
    """Return the machines with so few events that the change of their values has no interval."""
    known = {label for label, slope in slopes.items() if slope.ci95 is not None}
    return [label for label in labels_in_order(lines) if label not in known]


def _rest_open(labels: Sequence[str], owners: Sequence[str]) -> str:
    """Return that nothing can be said of further machines, though of others it can."""
    if not labels:
        return ""
    return (
        f"; too few events to say whether {joined(owners)} {'does' if len(labels) == 1 else 'do'}"
    )


def ticks_a_second(rate: float) -> str:
    """Return a rate in words: `6 ticks a second`, `1 tick a second`."""
    text = number(rate)
    return f"{text} tick{'' if text == '1' else 's'} a second"


def real_title(slopes: dict[str, Estimate], rate: float, *, same: bool, several: bool) -> str:
    """Return which clocks keep up with real time, only as far as the intervals show it.

    slopes: how fast each clock rises beyond the rate. same: whether all runs have one rate.
    """
    of_rate = ticks_a_second(rate) if same else "the fastest machine's ticks"
    apart = {
        label: each
        for label, each in slopes.items()
        if each.excludes(0) and not each.within(-NO_DIFFERENCE * rate, NO_DIFFERENCE * rate)
    }
    fast = {label: each for label, each in apart.items() if each.value > 0}
    slow = {label: each for label, each in apart.items() if each.value < 0}
    even = [
        label
        for label, each in slopes.items()
        if label not in fast and label not in slow and _is_even(each, rate)
    ]
    open_ones = [label for label in slopes if label not in {*fast, *slow, *even}]
    parts = []
    if fast:
        top = max(fast, key=lambda label: fast[label].value)
        share = f", by {number(100 * fast[top].value / rate, 2)} %" if same else ""
        others = [whose(label) for label in fast if label != top]
        more = f" ({joined(others)} too)" if others else ""
        pace = "it ticks" if top == "fastest" else of_rate
        parts.append(f"{whose(top)} clock rises faster than {pace}{share}{more}")
    if even:
        is_all = len(even) == len(slopes) > 1
        owners = "all" if is_all else joined([whose(label) for label in even])
        rise = "clocks rise" if len(even) > 1 else "clock rises"
        parts.append(f"{owners} {rise} as fast as {of_rate}")
    if slow:
        low = min(slow, key=lambda label: slow[label].value)
        others = [whose(label) for label in slow if label != low]
        more = f" ({joined(others)} too, more slowly)" if others else ""
        what = "" if parts else " clock"
        parts.append(
            f"{whose(low)}{what} falls behind{'' if parts else f' {of_rate}'} by "
            f"{rate_text(-slow[low].value)} a second{more}"
        )
    if open_ones and not parts:
        low = min(open_ones, key=lambda label: slopes[label].value)
        is_few = slopes[low].ci95 is None
        reason = (
            "there are too few events for an interval"
            if is_few
            else f"{'the runs differ' if several else 'the parts of the run differ'} too much"
        )
        parts = [
            f"Nothing is shown about the pace of the clocks: {reason} "
            f"({_beyond(low, slopes[low], of_rate)})"
        ]
    elif open_ones:
        parts.append(f"of {joined([whose(label) for label in open_ones])} nothing is shown")
    return sentence("; ".join(parts))


def _is_even(slope: Estimate, rate: float) -> bool:
    """Whether a clock is shown to rise at a rate, but for SAME_PACE of it."""
    return slope.within(-SAME_PACE * rate, SAME_PACE * rate)


def _beyond(label: str, slope: Estimate, of_rate: str) -> str:
    interval = (
        ""
        if slope.low is None or slope.high is None
        else f", {signed(slope.low)} to {signed(slope.high)}"
    )
    return f"against {of_rate} {whose(label)} gains {signed(slope.value)} a second{interval}"


def jumps_figure(runs: Sequence[RunColumns]) -> Figure:
    """Draw the jump of the clock at every event over time, machine by machine."""
    require(runs, "jumps", "clock", NO_CLOCKS)
    lines = lines_of("jumps", runs, lambda run, p: run.jumps(p, column_of(run, "clock")))
    drawn = drawn_lines(lines)
    frame = line_frame(drawn)
    chart = line_chart(drawn, "jump, ticks")
    colour = machine_encodings(drawn, filled=True)["color"]
    if len(labels_in_order(drawn)) > ROWS_OF_MACHINES_MAX:
        chart = with_mark(chart, {"type": "point", "filled": True}, color=colour)
    else:
        bars = with_mark(chart, {"type": "bar", "width": 2}, color=colour, y2={"datum": 0})
        chart = in_rows(bars, drawn, same_scale=True)
    title = largest_jump_title(lines, runs)
    caption = (
        "Jump: the clock after an event less that after the machine's event before; 1 if nothing "
        f"newer was received. {about_runs(runs)}{left_out(runs, drawn)}"
    )
    return Figure("jumps", title, caption, chart, frame)


def largest_jump_title(lines: Sequence[Line], runs: Sequence[RunColumns]) -> str:
    """Return which machine had the largest jump, and what theory expects."""
    largest: dict[str, int] = {}
    for line in lines:
        largest[line.label] = max(int(line.points.values.max()), largest.get(line.label, 0))
    top = max(largest, key=lambda label: largest[label])
    if largest[top] <= 1:
        return "No clock jumps: each rises by 1 at every event"
    machine = machine_of(prediction_of(runs), top)
    expected = None if machine is None else machine.jump["max"]
    theory = "" if expected is None or len(runs) > 1 else f" (theory: about {expected:.0f})"
    others = [f"{whose(label)} {value}" for label, value in largest.items() if label != top]
    rest = f"; {joined(others)}" if 0 < len(others) <= 5 else ""
    return sentence(f"{whose(top)} largest jump is {number(largest[top])}{theory}{rest}")


def queue_figure(runs: Sequence[RunColumns]) -> Figure:
    """Draw the queue of every machine over time, with the predicted growth."""
    require(runs, "queue", "queue", "the log has no queue lengths")
    lines = lines_of("queue", runs, lambda run, p: run.points(p, column_of(run, "queue")))
    drawn = drawn_lines(lines)
    frame = line_frame(drawn)
    chart = line_chart(drawn, "queue, messages")
    growths = growths_of(runs, lambda run, p: run.growth(p, run.column("queue")))
    growing = [label for label, each in growths.items() if each.excludes(0) and each.value > 0]
    predictions = _growing_predictions(runs)
    if not predictions and not growing:  # short queues cover one another
        top = max(QUEUE_SHOWN_MIN, float(frame["value"].to_numpy().max()))
        chart["encoding"]["y"] = quantity("value", "messages", scale={"domainMax": top})
        chart = in_rows(chart, drawn, same_scale=True)
    if predictions:
        chart = _with_predictions(chart)
        frame = pl.concat([frame.with_columns(what=pl.lit("measured")),
                           _curves(runs, predictions)], how="diagonal")  # fmt: skip
    title = _queue_title(lines, runs, growths, growing, predictions)
    band = "Dashed: the predicted mean, and the range of 95 % of all runs. " if predictions else ""
    words = _interval_words({label: growths[label] for label in growing}, runs)
    caption = (
        f"Messages in the inbox after every event. {band}{words}{about_runs(runs)}"
        f"{left_out(runs, drawn)}"
    )
    return Figure("queue", title, caption, chart, frame)


def _growing_predictions(runs: Sequence[RunColumns]) -> "list[MachinePrediction]":
    """Return the machines whose queues are predicted to grow, critical ones among them."""
    prediction = prediction_of(runs)
    if prediction is None or not runs[0].has_times:
        return []
    return [machine for machine in prediction.machines if machine.queue != "stable"][:4]


def _curves(
    runs: Sequence[RunColumns], predictions: "Sequence[MachinePrediction]"
) -> "pl.DataFrame":
    """Return the predicted queues over time as rows of the figure's data."""
    scenario = runs[0].scenario
    assert scenario is not None
    parts = []
    for machine in predictions:
        curve = queue_curve(scenario, runs[0].names.index(machine.name))
        parts.append(
            pl.DataFrame(
                {
                    "place": curve.seconds, "value": curve.mean, "low": curve.low,
                    "high": curve.high,
                }
            ).with_columns(machine=pl.lit(machine.name), what=pl.lit("predicted"))
        )  # fmt: skip
    return pl.concat(parts)


def _with_predictions(chart: Spec) -> Spec:
    """Return the chart of queues above the predicted ones: a range, a dashed line in it."""
    x, y = chart["encoding"]["x"], chart["encoding"]["y"]
    predicted = [{"filter": "datum.what === 'predicted'"}]
    band = {
        "transform": predicted,
        "mark": {"type": "area", "opacity": 0.15, "interpolate": "monotone"},
        "encoding": {
            "x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"},
            "color": chart["encoding"]["color"],
        },
    }  # fmt: skip
    mean = {
        "transform": predicted,
        "mark": {"type": "line", "strokeDash": [6, 4], "strokeWidth": 1.5, "color": INK},
        "encoding": {"x": x, "y": y, "detail": {"field": "machine", "type": "nominal"}},
    }
    outer = {key: chart[key] for key in ("width", "height")}
    inner = {key: value for key, value in chart.items() if key not in outer}
    measured = {**inner, "transform": [{"filter": "datum.what === 'measured'"}]}
    return {**outer, "layer": [band, mean, measured]}


def _all_stay_empty(lines: Sequence[Line], runs: Sequence[RunColumns]) -> str:
    """Return that all queues stay empty, or whose, if a machine has no event."""
    owners = labels_in_order(lines)
    if len(owners) == runs[0].trace.processes:
        return "all stay empty"
    verb = "stays" if len(owners) == 1 else "stay"
    return f"{joined([whose(label) for label in owners])} {verb} empty"


def _queue_title(
    lines: Sequence[Line],
    runs: Sequence[RunColumns],
    growths: dict[str, Estimate],
    growing: Sequence[str],
    predictions: "Sequence[MachinePrediction]",
) -> str:
    longest = max(lines, key=lambda line: int(line.points.values.max()))
    top = int(longest.points.values.max())
    open_ones = without_interval(lines, growths)
    if not growing:
        expected = [each.name for each in predictions if each.queue == "diverges"]
        does = "does" if len(expected) == 1 else "do"
        theory = (
            f"; theory: {joined([whose(each) for each in expected])} {does}" if expected else ""
        )
        holds = (
            f"the longest, {whose(longest.label)}, has at most {top}"
            if top
            else _all_stay_empty(lines, runs)
        )
        if open_ones:
            return _open_queues(open_ones, runs) + f": {holds}{theory}"
        grown = {line.run for line in lines if _grows(line)} if len(runs) > 1 else set()
        if grown:
            return (
                f"On average over {len(runs)} runs no queue grows by more than chance; in "
                f"{len(grown)} of {len({line.run for line in lines})} one does, the longest, "
                f"{whose(longest.label)}, to {top}"
            )
        return f"No queue grows: {holds}{theory}"
    label = max(growing, key=lambda each: growths[each].value)
    machine = machine_of(prediction_of(runs), label)
    theory = "" if machine is None else (
        "; theory: critical, it grows as the root of time" if machine.queue == "critical"
        else f"; theory: {rate_text(machine.queue_per_second)}" if machine.queue == "diverges"
        else "; theory: in the long run it does not"
    )  # fmt: skip
    others = [each for each in growing if each != label]
    more = f" ({joined([whose(each) for each in others])} too, more slowly)" if others else ""
    return sentence(
        f"{whose(label)} queue grows by {rate_text(growths[label].value)} messages a second"
        f"{theory}{more}{_rest_open(open_ones, [whose(each) for each in open_ones])}"
    )


def _open_queues(labels: Sequence[str], runs: Sequence[RunColumns]) -> str:
    """Return that nobody knows whether some queues grow, and why."""
    if not runs[0].has_times:
        return "Whether a queue grows is not known, for the log has no times"
    queues = "queue grows" if len(labels) == 1 else "queues grow"
    return f"Too few events to say whether {joined([whose(each) for each in labels])} {queues}"


def _grows(line: Line) -> bool:
    """Whether the queue of a machine grows in one run by more than chance."""
    growth = line.columns.growth(line.process, line.columns.column("queue"))
    return growth is not None and growth.exceeds(0)


def lateness_figure(runs: Sequence[RunColumns]) -> Figure:
    """Draw how much later than due every tick of real machines began."""
    if any(run.is_simulated for run in runs):
        raise NoDataError("lateness: simulated machines are never late")
    require(runs, "lateness", "late_ns", "the log does not say when ticks were due")

    def points_of(run: RunColumns, process: int) -> Points:
        places, late = run.points(process, column_of(run, "late_ns"))
        return Points(places, np.maximum(late / NS_PER_MS, LATE_SHOWN_MIN_MS))

    lines = lines_of("lateness", runs, points_of)
    drawn = drawn_lines(lines)
    frame = line_frame(drawn)
    late = np.concatenate([line.points.values for line in lines])
    if float(late.max()) <= LATE_SHOWN_MIN_MS:
        raise NoDataError("lateness: no tick was late")
    lowest, highest = float(late.min()), float(late.max())
    scale = {"type": "log", "domain": [_power(lowest, floor), _power(highest, ceil)]}
    chart = with_mark(
        line_chart(drawn, "lateness, ms"),
        {"type": "point", "filled": True, "size": 14, "fillOpacity": 0.8},
        y=quantity("value", "lateness, ms", scale=scale),
        color=machine_encodings(drawn, filled=True)["color"],
    )
    ticks = sum(run.late_ticks for run in runs)
    title = (
        f"Half of the ticks began at most {number(float(np.quantile(late, 0.5)), 2)} ms late, "
        f"the latest {number(float(late.max()), 2)} ms"
        + (f"; {ticks} more than a period" if ticks else "")
    )
    caption = (
        "How much later than due each tick began, in real time. "
        f"{about_runs(runs)}{left_out(runs, drawn)}"
    )
    return Figure("lateness", title, caption, chart, frame)


def _power(value: float, rounded: Callable[[float], int]) -> float:
    """Return a power of ten near a value; rounded: its exponent."""
    return float(10.0 ** rounded(log10(value)))


# What several figures use.


def slopes_by_machine(lines: Sequence[Line]) -> dict[str, float]:
    """Return how much each machine's values rise per unit of the axis, the mean over its runs.

    One event, or events at one instant, say nothing of a rise.
    """
    slopes: dict[str, list[float]] = {}
    for line in lines:
        places, values = line.points
        span = float(places[-1] - places[0])
        rise = float(values[-1] - values[0])
        if span > 0:
            slopes.setdefault(line.label, []).append(rise / span)
    return {label: sum(each) / len(each) for label, each in slopes.items()}


def growths_of(
    runs: Sequence[RunColumns], growth: Callable[[RunColumns, int], Estimate | None]
) -> dict[str, Estimate]:
    """Return how fast a value of each machine grows a second, with its interval.

    runs: all, also those that are not drawn. growth: of a machine in one run, from parts of
    the run. Of several runs the growths themselves give the interval. This is the mean that
    `driftlab stats` gives over runs.
    """
    by_rank = not same_rates(runs)
    by_machine: dict[tuple[int, str], list[Estimate]] = {}
    for run in runs:
        for process, (label, position) in enumerate(labels_of(run, by_rank=by_rank)):
            estimate = growth(run, process)
            if estimate is not None:
                by_machine.setdefault((position, label), []).append(estimate)
    return {
        label: _rounded(
            found[0] if len(found) == 1 else mean_estimate([each.value for each in found])
        )
        for (_, label), found in sorted(by_machine.items())
    }


def _rounded(estimate: Estimate) -> Estimate:
    """Return an estimate in which what comes of rounding is 0, which an interval then holds."""
    value, low, high = (
        0.0 if each is not None and abs(each) < NOTHING else each for each in estimate
    )
    return Estimate(value or 0.0, low, high)


def _interval_words(slopes: dict[str, Estimate], runs: Sequence[RunColumns]) -> str:
    """Return the growths with their intervals in a sentence, empty if there are none."""
    known = [
        f"{label} {signed(each.value)} ({signed(each.low)} to {signed(each.high)})"
        for label, each in slopes.items()
        if each.low is not None and each.high is not None
    ]
    if not known or len(known) > 6:
        return ""
    means = f"of {len(runs)} runs" if len(runs) > 1 else "from ten parts of the run"
    return f"Change a second, with its 95 % interval {means}: {', '.join(known)}. "


def _own_clocks(runs: Sequence[RunColumns]) -> str:
    own = runs[0].own_clocks
    return " Times are those of the machines' own clocks, which may differ." if own else ""


def column_of(run: RunColumns, key: str) -> IntArray:
    """Return a column that is there; see `require`."""
    column = run.column(key)
    assert column is not None
    return column


def require(runs: Sequence[RunColumns], name: str, key: str, reason: str) -> None:
    """Raise NoDataError if a run lacks the column that a figure is of.

    name: of the figure. key: of the column. reason: why there may be no such column.
    """
    if any(run.column(key) is None for run in runs):
        raise NoDataError(f"{name}: {reason}")


def require_times(runs: Sequence[RunColumns], name: str) -> None:
    """Raise NoDataError if a run has no times."""
    if not all(run.has_times for run in runs):
        raise NoDataError(f"{name}: {NO_TIMES}")
