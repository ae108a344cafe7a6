"""Figures of how often: jumps by their size, and events by their kind."""

from collections.abc import Sequence
from typing import Any, Final

from driftlab.errors import counted
from driftlab.figures.figure import HEIGHT, WIDTH, Figure, NoDataError, number
from driftlab.figures.lines import (
    Line,
    drawn_lines,
    labels_in_order,
    labels_of,
    left_out,
    lines_of,
    machine_encodings,
    own_axes,
)
from driftlab.figures.over_time import NO_CLOCKS, column_of, require
from driftlab.figures.palette import INK, KIND_COLOURS
from driftlab.figures.run_columns import RunColumns
from driftlab.figures.spec import Spec, category, colours, hint, quantity, rows_of_machines
from driftlab.figures.theory_of_runs import machine_of, prediction_of
from driftlab.figures.wording import about_runs, same_rates, sentence, whom, whose
from driftlab.lazy import np, pl
from driftlab.model.columns import KINDS, UNKNOWN_KIND

BINS_MAX: Final = 60
MACHINES_IN_BARS_MAX: Final = 24


def jump_histogram_figure(runs: Sequence[RunColumns]) -> Figure:
    """Draw the share of every size of a jump, machine by machine."""
    require(runs, "jump-histogram", "clock", NO_CLOCKS)
    every = lines_of("jump-histogram", runs, lambda run, p: run.jumps(p, column_of(run, "clock")))
    lines = drawn_lines(every)
    low = min(int(line.points.values.min()) for line in lines)
    high = max(int(line.points.values.max()) for line in lines)
    width = max(1, -(-(high - low + 1) // BINS_MAX))
    frame = _histogram(lines, low, high, width)
    expected = _geometric(runs, low, high, width)
    labels = labels_in_order(lines)
    encodings = machine_encodings(lines, filled=True)
    encodings.pop("detail", None)
    # A zero of the axis in the middle of the first bin would be a line through it.
    x = quantity(
        "jump", "jump, ticks" + (f" (bins of {width})" if width > 1 else ""),
        scale={"domain": [low - 0.5, high + 0.5], "nice": False}, axis={"tickMinStep": 1},
    )  # fmt: skip
    axis = {"format": "%", "tickCount": 4}
    bar = max(2.0, min(40.0, 0.8 * WIDTH * width / (high - low + 1)))
    bars: Spec = {
        "mark": {"type": "bar", "size": bar},
        "encoding": {
            "x": x,
            "y": quantity("share", "share of events", axis=axis),
            "tooltip": hint("machine", jump=".6~f", share=".2%", events="d"),
            **encodings,
        },
    }
    layers = [bars]
    data = frame
    if len(expected):
        data = pl.concat([frame, expected], how="diagonal")
        mark = {"type": "point", "shape": "diamond", "filled": False, "color": INK, "size": 30}
        layers.append(
            {
                "mark": {**mark, "strokeWidth": 1.2},
                "encoding": {"x": x, "y": quantity("predicted", "share of events", axis=axis)},
            }
        )
    inner = {"width": WIDTH, "layer": layers}
    chart = rows_of_machines(inner, labels, HEIGHT, same_scale=False)
    title = _histogram_title(every)
    theory = (
        "Diamonds: geometric jumps, as theory predicts of a saturated machine (exact with one "
        "sender). "
        if len(expected)
        else ""
    )
    caption = (
        "Share of the events by the difference between their clock and that of the event before. "
        f"{own_axes(lines)}"
        f"{theory}{about_runs(runs)}{left_out(runs, lines)}"
    )
    return Figure("jump-histogram", title, caption, chart, data)


def _histogram(lines: Sequence[Line], low: int, high: int, width: int) -> "pl.DataFrame":
    bins = (high - low) // width + 1
    counts: dict[str, Any] = {}
    for line in lines:
        found = np.bincount((line.points.values - low) // width, minlength=bins)
        counts[line.label] = counts.get(line.label, 0) + found
    middle = low + np.arange(bins) * width + (width - 1) / 2
    return pl.concat(
        pl.DataFrame(
            {
                "machine": [label] * bins,
                "jump": middle,
                "events": found,
                "share": found / found.sum(),
            },
            schema_overrides={"events": pl.Int64},
        ).filter(pl.col("events") > 0)
        for label, found in counts.items()
    )


def _geometric(runs: Sequence[RunColumns], low: int, high: int, width: int) -> "pl.DataFrame":
    """Return the predicted shares of the jumps of machines that are saturated."""
    prediction = prediction_of(runs)
    rows: list[dict[str, Any]] = []
    for machine in () if prediction is None else prediction.machines:
        if machine.queue != "diverges" or prediction is None:
            continue
        # Of a saturated machine the mean jump is 1/p.
        p = 1 / (machine.jump["mean"] or 1)
        rows += [
            {
                "machine": machine.name,
                "jump": begin + (width - 1) / 2,
                "predicted": (1 - p) ** (begin - 1) - (1 - p) ** (begin - 1 + width),
            }
            for begin in range(max(low, 1), high + 1, width)
        ]
    return pl.DataFrame(rows)


def _histogram_title(lines: Sequence[Line]) -> str:
    by_machine: dict[str, list[Any]] = {}
    for line in lines:
        by_machine.setdefault(line.label, []).append(line.points.values)
    jumps = {label: np.concatenate(each) for label, each in by_machine.items()}
    top = max(jumps, key=lambda label: float(np.quantile(jumps[label], 0.95)))
    if int(jumps[top].max()) <= 1:
        return "Every jump is 1: no clock learns anything newer from a message"
    half, most = np.quantile(jumps[top], [0.5, 0.95], method="inverted_cdf").tolist()
    ones = {label: float((each == 1).mean()) for label, each in jumps.items()}
    steady = max(ones, key=lambda label: ones[label])
    share = "all" if ones[steady] == 1 else f"{min(99.0, 100 * ones[steady]):.0f} %"
    rest = f"; {share} of {whose(steady)} are 1" if steady != top else ""
    middle = "1" if half == 1 else f"at most {half}"
    return f"Of {whose(top)} jumps half are {middle} and 95 % at most {most} ticks{rest}"


def events_figure(runs: Sequence[RunColumns]) -> Figure:
    """Draw the share of every kind of event, machine by machine."""
    counts, shares, positions = _kinds(runs)
    if not counts:
        raise NoDataError("events: there is no event")
    if all(int(each[:UNKNOWN_KIND].sum()) == 0 for each in counts.values()):
        raise NoDataError("events: the log does not say what kinds its events are of")
    labels = sorted(counts, key=lambda label: positions[label])[:MACHINES_IN_BARS_MAX]
    prediction = prediction_of(runs)
    rows: list[dict[str, Any]] = []
    for label in labels:
        machine = machine_of(prediction, label)
        begin = 0.0
        for kind, count in zip(KINDS, counts[label].tolist(), strict=True):
            if not count:
                continue
            share = float(shares[label][KINDS.index(kind)])
            rows.append(
                {
                    "machine": label, "kind": kind, "events": count, "share": share,
                    "from": begin, "to": begin + share,
                    "predicted": None if machine is None else machine.events.get(kind),
                }
            )  # fmt: skip
            begin += share
    frame = pl.DataFrame(rows, schema_overrides={"predicted": pl.Float64})
    kinds = [kind for kind in KINDS if kind in frame["kind"].unique()]
    y = category("machine", sort=labels)
    bars: Spec = {
        "mark": "bar",
        "encoding": {
            "x": quantity("from", "share of events", axis={"format": "%"},
                          scale={"domain": [0, 1]}),
            "x2": {"field": "to"},
            "y": y,
            "color": category("kind", sort=kinds,
                              **colours(kinds, [KIND_COLOURS[kind] for kind in kinds], {})),
            "tooltip": hint("machine", "kind", events="d", share=".1%", predicted=".1%"),
        },
    }  # fmt: skip
    texts: Spec = {
        "transform": [
            {"filter": "datum.share > 0.06"},
            {"calculate": "(datum.from + datum.to) / 2", "as": "middle"},
        ],
        "mark": {"type": "text", "fontSize": 13},
        "encoding": {
            "x": quantity("middle", "share of events"),
            "y": y,
            "text": {"field": "share", "type": "quantitative", "format": ".0%"},
            "color": {
                "condition": {"test": "datum.kind == 'receive'", "value": "white"}, "value": INK
            },
        },
    }  # fmt: skip
    chart = {"width": WIDTH, "height": max(120, 44 * len(labels)), "layer": [bars, texts]}
    title = _events_title(frame, prediction is not None)
    many = f" The first {len(labels)} of {len(counts)} machines." if len(labels) < len(
        counts) else ""  # fmt: skip
    means = "Means of the runs' shares. " if len(runs) > 1 else ""
    caption = f"What the machines did in each event. {means}{about_runs(runs)}{many}"
    return Figure("events", title, caption, chart, frame)


def _kinds(
    runs: Sequence[RunColumns],
) -> tuple[dict[str, Any], dict[str, Any], dict[str, int]]:
    """Return the events of each kind of every machine: how many, and their mean share of a run.

    Also the position of its colour. The mean over runs is that of `driftlab stats`.
    """
    by_rank = not same_rates(runs)
    counts: dict[str, Any] = {}
    shares: dict[str, list[Any]] = {}
    positions: dict[str, int] = {}
    for run in runs:
        for process, (label, position) in enumerate(labels_of(run, by_rank=by_rank)):
            kinds = run.trace.columns.kind[run.trace.rows_of(process)]
            if len(kinds):
                found = np.bincount(kinds, minlength=len(KINDS))
                counts[label] = counts.get(label, 0) + found
                shares.setdefault(label, []).append(found / len(kinds))
                positions[label] = position
    means = {label: np.mean(each, axis=0) for label, each in shares.items()}
    return counts, means, positions


def _events_title(frame: "pl.DataFrame", has_theory: bool) -> str:
    receives = frame.filter(pl.col("kind") == "receive").sort("share", descending=True)
    if not len(receives):
        events = counted(int(frame["events"].sum()), "event")
        if "unsaid" in frame["kind"]:
            return f"Of {events} none is said to receive a message"
        return f"No message was received among {events}"
    first = receives.row(0, named=True)
    theory = (
        f" (theory: {100 * first['predicted']:.0f} %)"
        if has_theory and first["predicted"] is not None
        else ""
    )
    title = f"{whom(first['machine'])} receives in {100 * first['share']:.0f} % of its events"
    title += theory
    if len(receives) > 1:
        last = receives.row(-1, named=True)
        title += f", {whom(last['machine'])} in {number(100 * last['share'], 2)} %"
    return sentence(title)
