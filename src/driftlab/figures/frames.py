"""Figures of many runs, from frames: the phase diagram, prediction, conditions beside one another.

A frame is that of a sweep (a row a cell and machine, means over its runs) or of runs (a row
a run and machine, with the condition first). Ranks of speed count from 1, the fastest.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from driftlab.analysis.over_runs import rank_name, size_of_all
from driftlab.analysis.statistics import Estimate, mean_difference, mean_estimate
from driftlab.errors import counted
from driftlab.figures.figure import (
    HEIGHT,
    ROWS_MAX,
    WIDTH,
    Figure,
    NoDataError,
    number,
)
from driftlab.figures.palette import FAINT, INK, PHASE_COLOURS, machine_colour
from driftlab.figures.spec import Spec, category, colours, hint, quantity
from driftlab.figures.wording import about_scenario, sentence, whose
from driftlab.lazy import np, pl
from driftlab.theory.formulas import CRITICAL_SHARE, DieProbabilities, classify, inflow, mean_queue

if TYPE_CHECKING:
    from driftlab.scenario.scenario import Scenario

PHASES: Final = ("stable", "critical", "diverges")
SHAPES: Final = ("circle", "square", "triangle-up")  # of the phases, for who sees no colours
SPREAD: Final = 0.36  # of the distance of two dice, over which cells of one place are spread
STEP: Final = 0.07  # between two of them
HEADLINES: Final = ("drift", "jump_max", "queue_last", "queue_max")  # that titles speak of
# Of each figure the title of its axis, and its words.
COMPARED: Final = {
    "clock": ("last clock", "clock"),
    "drift": ("drift at the end, ticks", "drift at the end"),
    "jump_max": ("largest jump, ticks", "largest jump"),
    "queue_last": ("last queue, messages", "last queue"),
    "queue_max": ("longest queue, messages", "longest queue"),
    "receives": ("share of receives", "share of receives"),
}
# Labels stand below their ticks also at both ends, where they would otherwise meet the next ones.
PANEL_AXIS: Final = {"tickCount": 5, "labelFlush": False}
RANKS_MAX: Final = 6
CONDITIONS_MAX: Final = 12


# The phase diagram.


def phase_figure(frame: "pl.DataFrame", scenario: "Scenario | None" = None) -> Figure:
    """Draw which queues of the slowest machines diverge, beside the predicted boundary.

    frame: of a sweep over rates, dice or both (`over_faces`), or of a study whose conditions
    have dice in a column of that name. scenario: what the sweep did not change.
    Raise NoDataError if a cell has drawn rates, or no die.
    """
    if scenario is None:
        raise NoDataError("phase: the table does not say of which scenario it is")
    cells = phase_cells(frame, scenario)
    points = _spread(cells)
    decided = cells.filter((pl.col("predicted") != "critical") & (pl.col("measured") != "critical"))
    wrong = decided.filter(pl.col("predicted") != pl.col("measured"))
    machines = int(cells["machines"][0])
    others = " + ".join(f"r{k}" for k in range(1, machines))
    ratio = f"({others})/r{machines}" if machines > 2 else "r1/r2"
    axis = f"{ratio}, rates of the machines, fastest first"
    dice = sorted(cells["faces"].unique().to_list())
    x = quantity("ratio", axis)
    y = quantity(
        "place", "faces of the die",
        scale={"domain": [dice[0] - 1, dice[-1] + 1], "nice": False},
        axis={"values": dice, "grid": False},
    )  # fmt: skip
    legend = {"title": None, "orient": "top", "symbolSize": 90}
    phases, palette = list(PHASES), [PHASE_COLOURS[phase] for phase in PHASES]
    boundary = {"data": {"values": _boundary(machines, dice).to_dicts()}}
    layers: list[Spec] = [
        {
            **boundary,
            "mark": {"type": "area", "color": "#BBBBBB", "opacity": 0.35},
            "encoding": {"y": y, "x": quantity("low", axis), "x2": {"field": "high"}},
        },
        {
            **boundary,
            "mark": {"type": "line", "color": INK, "strokeDash": [6, 4]},
            "encoding": {"y": y, "x": x, "order": quantity("place")},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 34, "fillOpacity": 0.85},
            "encoding": {
                "x": x,
                "y": y,
                "color": category("measured", **colours(phases, palette, legend)),
                "shape": category(
                    "measured", legend=legend, scale={"domain": phases, "range": list(SHAPES)}
                ),
                "tooltip": hint("rates", "measured", "predicted", faces="d", load=".2f"),
            },
        },
    ]
    chart: Spec = {"width": WIDTH, "height": HEIGHT + 60, "layer": layers}
    title = _phase_title(cells, decided, wrong)
    runs = _runs_of(frame)
    caption = (
        "The queue of the slowest machine, by messages that arrive over its ticks (measured): "
        f"critical within {100 * CRITICAL_SHARE:.0f} % of 1. Dashed: the predicted boundary; grey: "
        f"critical by prediction; cells that are neither by both are clear. "
        f"{counted(len(cells), 'cell')}{runs}, "
        f"{number(float(scenario.seconds))} s each; cells of one place are spread a little."
    )
    return Figure("phase", title, caption, chart, points)


def _phase_title(cells: "pl.DataFrame", decided: "pl.DataFrame", wrong: "pl.DataFrame") -> str:
    diverging = int((cells["measured"] == "diverges").sum())
    head = f"The slowest queue diverges in {diverging} of {counted(len(cells), 'cell')}"
    if not len(decided):
        return f"{head}; none is further than {100 * CRITICAL_SHARE:.0f} % from the boundary"
    if not len(wrong):
        return f"{head}; all {counted(len(decided), 'clear cell')} are as predicted"
    return f"{head}; {len(wrong)} of {len(decided)} clear cells are not as predicted"


def phase_cells(frame: "pl.DataFrame", scenario: "Scenario", name: str = "phase") -> "pl.DataFrame":
    """Return a row a cell: rates, ratio, faces, the load measured and predicted, both phases.

    name: of the figure that needs them; the others are those of `phase_figure`. The measured
    load is the messages that came, taken or waiting, over the ticks: 1 where just as many
    come as can be taken.
    """
    keys = cell_keys(frame, name)
    for key in ("rate", "events_receive", "events_send", "events_internal", "queue_last"):
        if key not in frame.columns:
            raise NoDataError(f"{name}: the table has no column {key}")
    if _has_drawn_rates(frame, keys):
        raise NoDataError(f"{name}: the rates were drawn; sweep over rates to have cells of each")
    faces = pl.col("over_faces") if "over_faces" in keys else pl.lit(scenario.faces)
    if "over_faces" not in keys and scenario.faces is None:
        raise NoDataError(f"{name}: the axis is of the faces of the die, and there is no die")
    ticks = pl.col("events_receive") + pl.col("events_send") + pl.col("events_internal")
    # A study has a row a run: its cells are means over them.
    machine = [*keys, *(["name"] if "name" in frame.columns else ["rank"])]
    means = (
        frame.with_columns(faces=faces.cast(pl.Float64), ticks=ticks)
        .group_by(machine, maintain_order=True)
        .agg(pl.col("rate", "faces", "ticks", "events_receive", "queue_last").mean())
        .sort("rate", descending=True, maintain_order=True)
    )
    cells = means.group_by(keys, maintain_order=True).agg(
        machines=pl.len(),
        every_rate=pl.col("rate"),
        faces=pl.col("faces").first(),
        ratio=(pl.col("rate").sum() - pl.col("rate").last()) / pl.col("rate").last(),
        load=(pl.col("events_receive").last() + pl.col("queue_last").last())
        / pl.col("ticks").last(),
    )
    if cells["machines"].n_unique() > 1 or int(cells["machines"][0]) < 2:
        raise NoDataError(f"{name}: the cells must all have the same number of machines, 2 or more")
    loads = [
        inflow(rates, DieProbabilities.of_faces(faces), len(rates) - 1).load
        for rates, faces in zip(
            cells["every_rate"].to_list(), cells["faces"].to_list(), strict=True
        )
    ]
    return cells.with_columns(
        rates=pl.Series([",".join(f"{r:g}" for r in rates) for rates in cells["every_rate"]]),
        predicted_load=pl.Series(loads, dtype=pl.Float64),
        predicted=pl.Series(list(map(classify, loads)), dtype=pl.String),
        measured=pl.Series([classify(load) for load in cells["load"]], dtype=pl.String),
    ).drop("every_rate")


def cell_keys(frame: "pl.DataFrame", figure: str) -> list[str]:
    """Return the columns that tell cells or conditions apart."""
    keys = [name for name in frame.columns if name.startswith("over_") or name == "condition"]
    if not keys:
        raise NoDataError(f"{figure}: the table is of one scenario, and a diagram is of many")
    return keys


def _has_drawn_rates(frame: "pl.DataFrame", keys: Sequence[str]) -> bool:
    """Whether the machines of a cell have other rates in other runs, and so no names."""
    if "name" not in frame.columns:
        return False
    rates = frame.group_by(*keys, "name").agg(pl.col("rate").n_unique())
    return bool(frame["name"].null_count()) or bool((rates["rate"] > 1).any())


def _spread(cells: "pl.DataFrame") -> "pl.DataFrame":
    """Return cells with a vertical place each: those of one die and ratio beside one another."""
    if len(cells) > ROWS_MAX:
        raise NoDataError(f"phase: {len(cells)} cells; at most {ROWS_MAX} can be drawn")
    at = [pl.col("faces"), pl.col("ratio").round(6)]
    rank, count = pl.int_range(pl.len()).over(at), pl.len().over(at)
    step = pl.min_horizontal(pl.lit(STEP), 2 * SPREAD / count)
    place = pl.col("faces") + (rank - (count - 1) / 2) * step
    return cells.with_columns(place=place)


def _boundary(machines: int, dice: Sequence[float]) -> "pl.DataFrame":
    """Return the predicted boundary: the ratio at which a + load of 1 is reached, by faces.

    With q = 2/D and m = N - 1 live peers: (1 + (m - 1) q)/q. Three machines: 1 + D/2.
    """
    places = np.linspace(dice[0] - 1, dice[-1] + 1, 50)
    places = places[places > 0]
    q = (2 / (machines - 1) + 1) / places if machines > 1 else places
    ratio = (1 + (machines - 2) * q) / q
    return pl.DataFrame(
        {
            "place": places, "ratio": ratio, "low": ratio * (1 - CRITICAL_SHARE),
            "high": ratio * (1 + CRITICAL_SHARE),
        }
    )  # fmt: skip


def _runs_of(frame: "pl.DataFrame") -> str:
    if "runs" in frame.columns and len(frame):
        low, high = int(frame["runs"].to_numpy().min()), int(frame["runs"].to_numpy().max())
        return f" of {counted(low, 'run')}" if low == high else f" of {low} to {high} runs"
    return f" of {counted(frame['run'].n_unique(), 'run')}" if "run" in frame.columns else ""


# Prediction beside measurement.


def sweep_prediction_figure(frame: "pl.DataFrame", scenario: "Scenario | None" = None) -> Figure:
    """Draw the mean last queue of every machine of a sweep against its prediction.

    The parameters are those of `phase_figure`.
    """
    if scenario is None:
        raise NoDataError("prediction: the table does not say of which scenario it is")
    data = _last_queues(frame, scenario)
    worst = data.row(int(data["difference"].abs().arg_max() or 0), named=True)
    if len(data) > ROWS_MAX:
        data = data.sort(pl.col("difference").abs(), descending=True).head(ROWS_MAX)
    top = max(1.0, float(data.select(pl.max_horizontal("predicted", "measured").max()).item()))
    scale = {"type": "symlog", "constant": 1, "domain": [0, top]}
    axis = {"values": [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000]}
    ranks = sorted(data["rank"].unique().to_list())
    labels = data.sort("rank")["machine"].unique(maintain_order=True).to_list()
    x = quantity("predicted", "predicted last queue, messages", scale=scale, axis=axis)
    y = quantity("measured", "measured, mean over the runs", scale=scale, axis=axis)
    ends = [{"predicted": 0, "measured": 0}, {"predicted": top, "measured": top}]
    layers: list[Spec] = [
        {
            "data": {"values": ends},
            "mark": {"type": "line", "color": FAINT, "strokeDash": [6, 4]},
            "encoding": {"x": x, "y": y},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 22, "fillOpacity": 0.7},
            "encoding": {
                "x": x,
                "y": y,
                "color": category("machine", **_rank_colours(ranks, labels)),
                "tooltip": hint("machine", "rates", faces="d", predicted=".4~g", measured=".4~g"),
            },
        },
    ]
    chart: Spec = {"width": WIDTH, "height": HEIGHT + 60, "layer": layers}
    title = (
        f"Mean queues are at most {number(abs(worst['difference']), 2)} messages from theory "
        f"({worst['faces']:g} faces, rates {worst['rates']})"
    )
    caption = (
        "Mean last queue of every machine against the closed form (reflected Brownian motion). "
        f"Dashed: equality. {counted(len(data), 'machine')}{_runs_of(frame)}, "
        f"{number(float(scenario.seconds))} s each."
    )
    return Figure("prediction", title, caption, chart, data)


def _last_queues(frame: "pl.DataFrame", scenario: "Scenario") -> "pl.DataFrame":
    keys = cell_keys(frame, "prediction")
    cells = phase_cells(frame, scenario, "prediction").select("rates", "faces", *keys)
    joined = frame.join(cells, on=keys, how="inner", nulls_equal=True)
    seconds = float(scenario.seconds)
    kept: dict[tuple[str, float], list[float]] = {}
    for text, faces in cells.select("rates", "faces").unique().iter_rows():
        rates, die = [float(rate) for rate in text.split(",")], DieProbabilities.of_faces(faces)
        flows = [inflow(rates, die, place) for place in range(len(rates))]
        kept[text, faces] = [
            mean_queue(flow, rate, seconds) for flow, rate in zip(flows, rates, strict=True)
        ]
    machine_keys = joined.select("rates", "faces", "rank").iter_rows()
    predicted = [kept[text, faces][rank - 1] for text, faces, rank in machine_keys]
    machines = size_of_all(joined, "rates")
    return joined.select(
        "rates",
        "faces",
        "rank",
        machine=pl.Series([rank_name(rank, machines) for rank in joined["rank"]]),
        predicted=pl.Series(predicted, dtype=pl.Float64),
        measured=pl.col("queue_last").cast(pl.Float64),
    ).with_columns(difference=pl.col("measured") - pl.col("predicted"))


def _rank_colours(ranks: Sequence[int], labels: list[str]) -> Spec:
    return colours(labels, [machine_colour(rank - 1) for rank in ranks], {})


# Conditions beside one another.


def comparison_figure(
    frame: "pl.DataFrame",
    scenario: "Scenario | None" = None,
    compare: Sequence[str] | None = None,
) -> Figure:
    """Draw the means of every condition with 95 % intervals, and say what differs most.

    frame: a row a run and machine, with `condition`, the first one being compared with.
    Runs of one number are pairs: their differences are of the condition. scenario: that of
    the first condition. compare: the figures that the question is about, which the title
    speaks of if it can; None: any.
    """
    if "condition" not in frame.columns:
        raise NoDataError("comparison: the table has no conditions")
    conditions = frame["condition"].unique(maintain_order=True).to_list()[:CONDITIONS_MAX]
    if len(conditions) < 2:
        raise NoDataError("comparison: there is one condition, and nothing to compare it with")
    frame = comparable(frame)
    machines = size_of_all(frame, "condition")
    shown = shown_ranks(frame)
    data = _means(frame, conditions, shown, machines)
    panels = [
        _condition_panel(key, axis, conditions, shown, machines)
        for key, (axis, _) in COMPARED.items()
    ]
    chart: Spec = {"concat": panels, "columns": 2, "spacing": 24}
    asked = HEADLINES if compare is None else [key for key in HEADLINES if key in compare]
    title = _difference_title(frame, conditions, shown, machines, asked or HEADLINES)
    runs = [int(frame.filter(pl.col("condition") == each)["run"].n_unique()) for each in conditions]
    many = counted(runs[0], "run") if len(set(runs)) == 1 else f"{min(runs)} to {max(runs)} runs"
    about = ""
    if scenario is not None:
        words = about_scenario(scenario, with_rates=not _has_drawn_rates(frame, ["condition"]))
        about = f" {conditions[0]}: {words}."
    caption = (
        f"Means over {many} of each condition with their 95 % intervals, by rank of speed in each "
        f"run. Differences are of pairs of runs with the same draws.{about}"
    )
    return Figure("comparison", title, caption, chart, data)


def means_figure(frame: "pl.DataFrame") -> Figure:
    """Draw the means of many runs of one scenario with 95 % intervals, by rank of speed.

    frame: a row a run and machine.
    """
    one = comparable(frame).with_columns(condition=pl.lit("all runs"))
    machines = int(one["rank"].to_numpy().max())
    ranks = shown_ranks(one)
    data = _means(one, ["all runs"], ranks, machines)
    panels = [
        _condition_panel(key, axis, ["all runs"], ranks, machines)
        for key, (axis, _) in COMPARED.items()
    ]
    queue = data.filter((pl.col("figure") == "queue_last") & (pl.col("rank") == ranks[-1]))
    mean, low, high = queue.select("mean", "low", "high").row(0)
    interval = "" if low is None else f" ({number(low)} to {number(high)})"
    label = whose(rank_name(ranks[-1], machines))
    title = sentence(f"{label} last queue is {number(mean)} messages on average{interval}")
    runs = counted(frame["run"].n_unique(), "run")
    caption = f"Means over {runs} with their 95 % intervals, by rank of speed in each run."
    chart: Spec = {"concat": panels, "columns": 2, "spacing": 24}
    return Figure("means", title, caption, chart, data)


def comparable(frame: "pl.DataFrame") -> "pl.DataFrame":
    """Return a frame of runs with the share of receives."""
    ticks = pl.col("events_internal") + pl.col("events_send") + pl.col("events_receive")
    return frame.with_columns(receives=pl.col("events_receive") / ticks)


def shown_ranks(frame: "pl.DataFrame") -> list[int]:
    """Return the ranks that are drawn: all of few machines, else the first, middle and last."""
    ranks: list[int] = sorted(frame["rank"].unique().to_list())
    return ranks if len(ranks) <= RANKS_MAX else [ranks[0], ranks[len(ranks) // 2], ranks[-1]]


def _means(
    frame: "pl.DataFrame", conditions: Sequence[str], ranks: Sequence[int], machines: int
) -> "pl.DataFrame":
    rows: list[dict[str, Any]] = []
    groups = frame.partition_by("condition", "rank", as_dict=True, maintain_order=True)
    for key in COMPARED:
        for condition in conditions:
            for rank in ranks:
                group = groups.get((condition, rank))
                values = [] if group is None else group[key].drop_nulls().to_list()
                if not values or (key == "drift" and rank == 1):
                    continue
                mean, low, high = mean_estimate(values)
                rows.append(
                    {
                        "figure": key, "condition": condition, "rank": rank,
                        "machine": rank_name(rank, machines), "mean": mean, "low": low,
                        "high": high, "runs": len(values),
                    }
                )  # fmt: skip
    return pl.DataFrame(rows, schema_overrides={"low": pl.Float64, "high": pl.Float64})


def _condition_panel(
    figure: str, axis: str, conditions: list[str], ranks: Sequence[int], machines: int
) -> Spec:
    """Return the chart of one figure: conditions below one another, machines beside."""
    labels = [rank_name(rank, machines) for rank in ranks]
    common = {
        "y": category("condition", sort=conditions),
        "yOffset": category("machine", sort=labels),
        "color": category("machine", **_rank_colours(ranks, labels)),
    }
    tooltip = hint("condition", "machine", mean=".5~g", low=".5~g", high=".5~g", runs="d")
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {
                "x": quantity("low", axis, axis=dict(PANEL_AXIS)), "x2": {"field": "high"},
                **common,
            },
        },
        {
            "mark": {"type": "point", "filled": True, "size": 45, "opacity": 1},
            "encoding": {
                "x": quantity("mean", axis, scale={"zero": False}, axis=dict(PANEL_AXIS)),
                "tooltip": tooltip, **common,
            },
        },
    ]  # fmt: skip
    return {
        "width": 270,
        "height": max(80, 16 * len(conditions) * len(ranks)),
        "transform": [{"filter": f"datum.figure === '{figure}'"}],
        "layer": layers,
    }


def _difference_title(
    frame: "pl.DataFrame",
    conditions: Sequence[str],
    ranks: Sequence[int],
    machines: int,
    keys: Sequence[str],
) -> str:
    """Return the difference that is clearest: the most widths of its interval from 0.

    One that is the same in every pair has an interval without a width, which says nothing of
    its chance: it is taken if there is no other. keys: of the figures to look at.
    """
    clearest: tuple[float, str] | None = None
    for other in conditions[1:]:
        for rank in ranks:
            for key in keys:
                words = COMPARED[key][1]
                found = paired_difference(frame, key, rank, conditions[0], other)
                if (
                    found is None
                    or found.low is None
                    or found.high is None
                    or not found.excludes(0)
                ):
                    continue
                width = found.high - found.low
                clear = abs(found.value) / width if width > 0 else 0.0
                if clearest is not None and clear <= clearest[0]:
                    continue
                less = "lower" if found.value < 0 else "higher"
                low, high = sorted((abs(found.low), abs(found.high)))
                interval = f"{number(low)} to {number(high)}" if width > 0 else "in every pair"
                text = (
                    f"{whose(rank_name(rank, machines))} {words} is {number(abs(found.value))} "
                    f"{less} in {other} than in {conditions[0]} ({interval})"
                )
                clearest = clear, text
    if clearest is None:
        return f"No figure differs between {' and '.join(conditions[:3])} by more than chance"
    return sentence(clearest[1])


def paired_difference(
    frame: "pl.DataFrame", key: str, rank: int, base: str, other: str
) -> Estimate | None:
    """Return a metric of one condition less another's, of pairs of runs; None if there are none.

    key: of the metric. rank: of the machine. base, other: names of the conditions.
    """
    one, two = (
        frame.filter((pl.col("condition") == name) & (pl.col("rank") == rank)).select("run", key)
        for name in (base, other)
    )
    pairs = one.join(two, on="run", how="inner", suffix="_other").drop_nulls()
    if not len(pairs):
        return None
    return mean_difference(pairs[key].to_list(), pairs[f"{key}_other"].to_list())
