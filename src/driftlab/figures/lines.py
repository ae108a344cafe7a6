"""Lines over time: a line a machine and run, of which the extremes of every pixel are drawn.

A line through the lowest and the highest point of every column of pixels covers exactly
the pixels that a line through all points covers, but for the first and the last point of a
column. No point is sampled: the extreme ones of a run are always among those that stay.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from driftlab.analysis.over_runs import rank_name
from driftlab.arrays import FloatArray, IntArray
from driftlab.figures.figure import HEIGHT, ROWS_MAX, WIDTH, NoDataError
from driftlab.figures.palette import OKABE_ITO, machine_colour, machine_dash
from driftlab.figures.run_columns import Points, RunColumns
from driftlab.figures.spec import Spec, category, colours, hint, quantity, rows_of_machines
from driftlab.figures.wording import same_rates
from driftlab.lazy import np, pl

COLUMNS_MIN: Final = 20  # of pixels, however many lines share them


def extreme_rows(
    places: IntArray | FloatArray, values: IntArray | FloatArray, columns: int
) -> IntArray:
    """Return the rows of the points that are drawn, rising by their places.

    places, values: of each point, along both axes; the places rise. columns: into how
    many of equal width the places are cut. Each keeps its lowest and its highest point,
    of equals the first; points that are no more than that all stay.
    """
    count = len(places)
    if count <= 2 * columns:
        return np.arange(count)
    first, last = float(places[0]), float(places[-1])
    edges = np.searchsorted(places, np.linspace(first, last, columns + 1)[1:-1], side="left")
    bounds = np.unique(np.concatenate([[0], edges, [count]])).tolist()
    kept: list[int] = []
    for begin, end in pairwise(bounds):
        part = values[begin:end]
        low, high = begin + int(part.argmin()), begin + int(part.argmax())
        kept += [low] if low == high else sorted((low, high))
    return np.array(kept, dtype=np.int64)


def columns_for(lines: int, width: int, rows_max: int) -> int:
    """Return into how many columns each of some lines is cut.

    At most a column a pixel of `width`, and so many that all lines together have at most
    `rows_max` points. Where lines are many columns are wider, and still keep their extremes.
    """
    return max(COLUMNS_MIN, min(width, rows_max // (2 * max(lines, 1))))


ROWS_OF_MACHINES_MAX: Final = 6  # that stand below one another, each with axes of its own
MARGIN: Final = 8  # pixels between an extreme and the frame
WIDTHS: Final = (4.0, 2.6, 1.4)  # of lines that cover one another, the first ones below
RUNS_DRAWN_MAX: Final = 8
MACHINES_DRAWN_MAX: Final = 12  # half of them those with the highest values, half the lowest
ROWS_FOR_THEORY: Final = 700  # of ROWS_MAX, left for what is predicted


class Line(NamedTuple):
    """The points of one machine in one run.

    label: of the machine, the same in all runs. position: of its colour. run: its number.
    columns, process: where the points are from.
    """

    label: str
    position: int
    run: int
    points: Points
    columns: RunColumns
    process: int


PointsOf = Callable[[RunColumns, int], "Points | None"]


def lines_of(name: str, runs: Sequence[RunColumns], points_of: PointsOf) -> list[Line]:
    """Return a line for every machine of the first RUNS_DRAWN_MAX runs.

    points_of: gives the points of a machine of a run, None for no line. Raise NoDataError,
    which begins with the name of the figure, if no line has a point.
    """
    by_rank = not same_rates(runs)
    found = []
    for run in runs[:RUNS_DRAWN_MAX]:
        for process, (label, position) in enumerate(labels_of(run, by_rank=by_rank)):
            points = points_of(run, process)
            if points is not None and len(points.places):
                found.append(Line(label, position, run.number, points, run, process))
    if not found:
        raise NoDataError(f"{name}: the log has no events of which it can be drawn")
    return found


def labels_of(run: RunColumns, *, by_rank: bool) -> list[tuple[str, int]]:
    """Return the label of each machine and the position of its colour.

    by_rank: whether machines are called by their rank of speed, because their rates differ
    from run to run.
    """
    if not by_rank or run.rates is None:
        return [(name, place) for place, name in enumerate(run.names)]
    ranks = {process: rank for rank, process in enumerate(run.speed_order)}
    return [
        (rank_name(ranks[process] + 1, len(ranks)), ranks[process])
        for process in range(len(run.names))
    ]


def drawn_lines(lines: Sequence[Line]) -> list[Line]:
    """Return the lines of at most MACHINES_DRAWN_MAX machines: of the highest and lowest values."""
    highest: dict[str, float] = {}
    lowest: dict[str, float] = {}
    for line in lines:
        values = line.points.values
        highest[line.label] = max(float(values.max()), highest.get(line.label, -np.inf))
        lowest[line.label] = min(float(values.min()), lowest.get(line.label, np.inf))
    if len(highest) <= MACHINES_DRAWN_MAX:
        return list(lines)
    half = MACHINES_DRAWN_MAX // 2
    chosen = set(sorted(highest, key=lambda label: -highest[label])[:half])
    rest = (label for label in sorted(lowest, key=lambda label: lowest[label]))
    chosen.update([label for label in rest if label not in chosen][: MACHINES_DRAWN_MAX - half])
    return [line for line in lines if line.label in chosen]


def line_frame(lines: Sequence[Line]) -> "pl.DataFrame":
    """Return what is drawn of lines: machine, run, place along the axis, and value."""
    columns = columns_for(len(lines), WIDTH, ROWS_MAX - ROWS_FOR_THEORY)
    parts = []
    for line in lines:
        places, values = line.points
        rows = extreme_rows(places, values, columns)
        parts.append(
            pl.DataFrame(
                {
                    "machine": pl.repeat(line.label, len(rows), eager=True, dtype=pl.String),
                    "run": pl.repeat(line.run, len(rows), eager=True, dtype=pl.Int64),
                    "place": places[rows],
                    "value": values[rows],
                },
                schema_overrides={"place": pl.Float64, "value": pl.Float64},
            )
        )
    return pl.concat(parts)


def labels_in_order(lines: Sequence[Line]) -> list[str]:
    """Return the labels of the machines of lines, each once, in the order of their colours."""
    return list(dict.fromkeys(line.label for line in sorted(lines, key=lambda line: line.position)))


def left_out(runs: Sequence[RunColumns], drawn: Sequence[Line]) -> str:
    """Return a sentence on the runs and machines that are not drawn, empty if there are none."""
    words = []
    machines = len({line.label for line in drawn})
    if len(runs) > RUNS_DRAWN_MAX:
        words.append(f"the first {RUNS_DRAWN_MAX} of {len(runs)} runs")
    if machines < len(runs[0].names) and machines == MACHINES_DRAWN_MAX:
        words.append(
            f"{machines} of {len(runs[0].names)} machines, those with the highest and lowest values"
        )
    return f" Drawn: {'; '.join(words)}." if words else ""


def machine_encodings(lines: Sequence[Line], *, filled: bool = False) -> Spec:
    """Return the encodings that tell machines and runs apart.

    filled: whether marks are filled, as bars are, and not lines.
    """
    positions = {line.label: line.position for line in lines}
    labels = labels_in_order(lines)
    symbol = {
        "symbolType": "square" if filled else "stroke",
        "symbolSize": 150,
        "symbolStrokeWidth": 0 if filled else 5,
    }
    values = [machine_colour(positions[label]) for label in labels]
    encodings: Spec = {
        "color": category("machine", **colours(labels, values, symbol if len(labels) > 1 else None))
    }
    if max(positions.values()) >= len(OKABE_ITO):
        dashes = [machine_dash(positions[label]) for label in labels]
        encodings["strokeDash"] = category(
            "machine", scale={"domain": labels, "range": dashes}, legend=None
        )
    if len({line.run for line in lines}) > 1:
        encodings["detail"] = {"field": "run", "type": "nominal"}
    return encodings


def in_rows(chart: Spec, lines: Sequence[Line], *, same_scale: bool) -> Spec:
    """Return a chart with a row for each machine, where these are few; else as it is.

    same_scale: whether all rows have the same vertical axis.
    """
    labels = labels_in_order(lines)
    if len(labels) > ROWS_OF_MACHINES_MAX:
        return chart
    return rows_of_machines(chart, labels, HEIGHT, same_scale=same_scale)


def own_axes(lines: Sequence[Line]) -> str:
    """Return a sentence on rows that have vertical axes of their own; empty if there is one."""
    rows = len(labels_in_order(lines))
    return "Each row has a vertical axis of its own. " if 1 < rows <= ROWS_OF_MACHINES_MAX else ""


def place_axis(lines: Sequence[Line]) -> Spec:
    """Return the encoding of the time axis, from 0 where the lines begin near it."""
    first = min(float(line.points.places[0]) for line in lines)
    last = max(float(line.points.places[-1]) for line in lines)
    columns = lines[0].columns
    if columns.scenario is not None and columns.has_times and not columns.own_clocks:
        last = max(last, float(columns.scenario.seconds))
    begin = 0 if 0 < first < 0.1 * last else first
    return quantity("place", columns.axis, scale={"domain": [begin, last], "nice": False})


def line_chart(lines: Sequence[Line], y: str, *, whole: bool = True, margin: bool = False) -> Spec:
    """Return the chart of lines.

    y: the title of the vertical axis. whole: whether values are whole numbers.
    margin: whether the axis goes on beyond the extremes, so that none lies on the frame;
    of values that begin at 0 it does so above anyway.
    """
    axis = {"axis": {"tickMinStep": 1}} if whole else {}
    scale = {"scale": {"padding": MARGIN, "nice": False}} if margin else {}
    several = len({line.run for line in lines}) > 1
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "mark": {
            "type": "line",
            "interpolate": "step-after",
            "strokeWidth": 1.2 if several else 1.8,
            "strokeOpacity": 0.75 if several else 1,  # `opacity` draws each line on a layer
        },
        "encoding": {
            "x": place_axis(lines),
            "y": quantity("value", y, **axis, **scale),
            "tooltip": hint("machine", *(["run"] if several else []), place=".4~f", value=".6~f"),
            **machine_encodings(lines),
        },
    }


def with_mark(chart: Spec, mark: Spec, **encodings: Any) -> Spec:
    """Return a chart with another mark, and some encodings changed."""
    return {**chart, "mark": mark, "encoding": {**chart["encoding"], **encodings}}
