"""A span of a space-time diagram as SVG, for a paper: the same columns and colours as the page.

Where the span has few events, each is drawn, and each message as an arrow from its send to
the tick that found it, with the inbox as a band below the lane. Where it has many, every column
counts its events, receives darker, with the longest inbox in it as a line; nothing is sampled,
and the picture says so.
"""

from collections.abc import Iterator
from html import escape
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import FloatArray, IntArray
from driftlab.diagram.columns import Diagram, Lane
from driftlab.errors import counted
from driftlab.figures.palette import FAINT, GRID, INK, VERMILLION
from driftlab.model.columns import KINDS, RECEIVE

WIDTH: Final = 960  # pixels
NAMES_WIDTH: Final = 92  # left of the lanes
NAME_MAX: Final = 12  # characters of a name
LANE_HEIGHT: Final = 56
LANE_HEIGHT_MIN: Final = 6
LANES_HEIGHT_MAX: Final = 1200
TOP: Final = 46
BOTTOM: Final = 44
EVENTS_MAX: Final = 3000  # that are drawn one by one
COLUMN_PX: Final = 4  # of a column that counts
TICKS_MAX: Final = 10  # on the axis
BAND_MAX: Final = 0.42  # of a lane's height, that the longest inbox takes
NS_PER_S: Final = 1e9


class _Frame(NamedTuple):
    """Where things are: the span in units of the axis, and the lanes in pixels."""

    begin: float
    end: float
    width: int
    lane_height: float

    def x(self, values: FloatArray) -> FloatArray:
        """Return places on the axis in pixels."""
        room = self.width - NAMES_WIDTH - 16
        scaled: FloatArray = NAMES_WIDTH + (values - self.begin) / (self.end - self.begin) * room
        return scaled

    def y(self, lane: int) -> float:
        """Return the middle of a lane in pixels."""
        return TOP + (lane + 0.5) * self.lane_height


def svg_of(diagram: Diagram, span: tuple[float, float] | None = None, width: int = WIDTH) -> str:
    """Return a span of a diagram as SVG.

    span: of the time axis, seconds, or, of a log without times, clocks, or numbers of events;
    None for all of it. width: of the picture, pixels.
    """
    places = axis_places(diagram)
    known = places[~np.isnan(places)]
    scale = NS_PER_S if "time" in diagram.columns else 1.0
    if span is not None:
        begin, end = span[0] * scale, span[1] * scale
    else:
        begin, end = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if not end > begin:
        end = begin + (1e6 if scale > 1 else 1.0)
    lanes = max(1, len(diagram.lanes))
    height = min(LANE_HEIGHT, max(LANE_HEIGHT_MIN, LANES_HEIGHT_MAX / lanes))
    frame = _Frame(begin, end, width, height)
    inside = np.flatnonzero((places >= begin) & (places <= end))
    is_exact = len(inside) <= EVENTS_MAX
    body = [
        *_axis(diagram, frame),
        *_lanes(diagram, frame),
        *(_exact(diagram, frame, places, inside) if is_exact else _counts(diagram, frame, places)),
        *_violations(diagram, frame, places),
    ]
    total = round(TOP + lanes * height + BOTTOM)
    caption = _caption(diagram, len(inside), is_exact=is_exact)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{total}" '
            f'viewBox="0 0 {width} {total}" font-family="Helvetica, Arial, sans-serif" '
            f'role="img" aria-label="{escape(caption)}">',
            f'<rect width="{width}" height="{total}" fill="white"/>',
            f'<text x="12" y="20" font-size="14" font-weight="bold" fill="{INK}">'
            f"{_text(diagram.title, 100)}</text>",
            f'<text x="12" y="36" font-size="11" fill="{FAINT}">{_text(caption, 160)}</text>',
            *body,
            "</svg>",
            "",
        ]
    )


def axis_places(diagram: Diagram) -> FloatArray:
    """Return where each event stands on the axis: its time, its clock, or its number in its lane.

    Where they fall within a lane, an event stands no further left than those before it.
    """
    axis = next((name for name in ("time", "clock") if name in diagram.columns), None)
    if axis is None:
        numbers = [np.arange(lane.end - lane.start, dtype=float) for lane in diagram.lanes]
        return np.concatenate(numbers) if numbers else np.zeros(0)
    places = diagram.columns[axis].astype(np.float64)
    if axis == "clock":
        places[places < 0] = np.nan
    for lane in diagram.lanes:
        rows = slice(lane.start, lane.end)
        places[rows] = np.fmax.accumulate(places[rows]) if lane.end > lane.start else places[rows]
    return places


def _caption(diagram: Diagram, events: int, *, is_exact: bool) -> str:
    how = "" if is_exact else "; counts in each column, receives darker, line: the longest inbox"
    lanes = counted(len(diagram.lanes), "process")
    verdict = "" if diagram.verdict is None else f"; {diagram.verdict['headline']}"
    return f"{events} of {counted(diagram.events, 'event')} of {lanes}{how}{verdict}"


def _text(text: str, most: int | None = None) -> str:
    """Return a text, or its beginning, that may stand in SVG: XML allows no control characters."""
    shown = text if most is None or len(text) <= most else f"{text[: most - 1]}…"
    return escape(
        "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in shown)
    )


def _name(name: str) -> str:
    """Return a name as SVG has it beside a lane: of a long one both ends, which may tell it."""
    if len(name) <= NAME_MAX:
        return _text(name)
    tail = NAME_MAX // 2
    return f"<title>{_text(name)}</title>{_text(f'{name[: NAME_MAX - tail - 1]}…{name[-tail:]}')}"


def _lanes(diagram: Diagram, frame: _Frame) -> Iterator[str]:
    for place, lane in enumerate(diagram.lanes):
        y = frame.y(place)
        yield (
            f'<line x1="{NAMES_WIDTH}" x2="{frame.width - 16}" y1="{y:.1f}" y2="{y:.1f}" '
            f'stroke="{GRID}"/>'
        )
        yield (
            f'<rect x="{NAMES_WIDTH - 9}" y="{y - frame.lane_height / 4:.1f}" width="4" '
            f'height="{frame.lane_height / 2:.1f}" fill="{lane.colour}"/>'
        )
        if frame.lane_height >= 9:
            yield (
                f'<text x="{NAMES_WIDTH - 14}" y="{y + 4:.1f}" font-size="12" text-anchor="end" '
                f'fill="{INK}">{_name(lane.name)}</text>'
            )


# Every event.


def _exact(diagram: Diagram, frame: _Frame, places: FloatArray, inside: IntArray) -> Iterator[str]:
    lane_of = np.repeat(
        np.arange(len(diagram.lanes)), [lane.end - lane.start for lane in diagram.lanes]
    )
    x = frame.x(places)
    yield from _bands(diagram, frame, x, inside, lane_of)
    yield from _arrows(diagram, frame, x, lane_of)
    for row in inside.tolist():
        kind, place = KINDS[int(diagram.columns["kind"][row])], int(lane_of[row])
        yield _symbol(kind, float(x[row]), frame.y(place), diagram.lanes[place].colour)


def _symbol(kind: str, x: float, y: float, colour: str) -> str:
    """Return the mark of an event: as on the page a disc, a square, or a ring."""
    if kind == "receive":
        return (
            f'<rect x="{x - 2.7:.1f}" y="{y - 2.7:.1f}" width="5.4" height="5.4" fill="{colour}"/>'
        )
    if kind == "send":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="white" stroke="{colour}"/>'


def _arrows(diagram: Diagram, frame: _Frame, x: FloatArray, lane_of: IntArray) -> Iterator[str]:
    """Yield an arrow a message, from its send to the tick that found it, else to its receive."""
    of = diagram.columns
    ends = np.where(of["m_found"] >= 0, of["m_found"], of["m_receive"])
    sends = of["m_send"]
    if "w_send" in of:
        ends, sends = np.append(ends, of["w_found"]), np.append(sends, of["w_send"])
    left, right = frame.x(np.array([frame.begin, frame.end])).tolist()
    seen = np.flatnonzero(
        (np.maximum(x[sends], x[ends]) >= left)
        & (np.minimum(x[sends], x[ends]) <= right)
        & ~np.isnan(x[sends] + x[ends])
    )[: 2 * EVENTS_MAX]
    yield (
        f'<clipPath id="span"><rect x="{left:.1f}" y="0" width="{right - left:.1f}" '
        'height="99999"/></clipPath>'
    )
    yield '<g clip-path="url(#span)" fill="none" stroke-opacity="0.75">'
    for send, end in zip(sends[seen].tolist(), ends[seen].tolist(), strict=True):
        place, to = int(lane_of[send]), int(lane_of[end])
        colour = diagram.lanes[place].colour
        x1, y1, x2, y2 = x[send], frame.y(place), x[end], frame.y(to)
        head = _head(x1, y1, x2, y2)
        yield f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}{head}" stroke="{colour}"/>'
    yield "</g>"


def _head(x1: float, y1: float, x2: float, y2: float) -> str:
    """Return the head of an arrow as a path."""
    length = max(1e-9, float(np.hypot(x2 - x1, y2 - y1)))
    along_x, along_y = (x2 - x1) / length * 7, (y2 - y1) / length * 7
    parts = []
    for side in (0.42, -0.42):
        back_x, back_y = x2 - along_x - side * along_y, y2 - along_y + side * along_x
        parts.append(f"M{back_x:.1f} {back_y:.1f}L{x2:.1f} {y2:.1f}")
    return "".join(parts)


def _bands(
    diagram: Diagram, frame: _Frame, x: FloatArray, inside: IntArray, lane_of: IntArray
) -> Iterator[str]:
    """Yield the inbox of each lane as a band below it, as high as the queue."""
    queue = diagram.columns.get("queue")
    if queue is None or not len(inside) or int(queue[inside].max()) <= 0:
        return
    unit = BAND_MAX * frame.lane_height / int(queue[inside].max())
    for place, lane in enumerate(diagram.lanes):
        mine = inside[lane_of[inside] == place]
        if not len(mine):
            continue
        base, left = frame.y(place), float(frame.x(np.array([frame.begin]))[0])
        before = int(mine[0]) - 1
        at_left = max(0, int(queue[before])) if before >= lane.start else 0
        path = [f"M{left:.1f} {base:.1f}V{base + at_left * unit:.1f}"]
        path += [
            f"H{x[row]:.1f}V{base + max(0, int(queue[row])) * unit:.1f}" for row in mine.tolist()
        ]
        path.append(f"V{base:.1f}Z")
        yield f'<path d="{"".join(path)}" fill="{lane.colour}" fill-opacity="0.18"/>'


# Counts.


def _counts(diagram: Diagram, frame: _Frame, places: FloatArray) -> Iterator[str]:
    """Yield of each lane how many events and receives each column has, and the longest inbox."""
    columns = (frame.width - NAMES_WIDTH - 16) // COLUMN_PX
    edges = np.linspace(frame.begin, frame.end, columns + 1)
    x = frame.x(edges)
    rows = [_edge_rows(places, lane, edges) for lane in diagram.lanes]
    most = max((int(np.diff(each).max()) for each in rows), default=0)
    queue = diagram.columns.get("queue")
    longest = 0 if queue is None or not len(queue) else int(queue.max())
    receives = np.concatenate([[0], np.cumsum(diagram.columns["kind"] == RECEIVE)])
    unit = 0.84 * frame.lane_height / max(1, most)
    for place, (lane, each) in enumerate(zip(diagram.lanes, rows, strict=True)):
        base = frame.y(place) + 0.42 * frame.lane_height
        for counts, opacity in ((np.diff(each), 0.45), (np.diff(receives[each]), 1)):
            path = _steps(x, base, counts * unit)
            yield f'<path d="{path}" fill="{lane.colour}" fill-opacity="{opacity}"/>'
        if queue is not None and longest > 0:
            lengths = _longest(queue, each) * (0.84 * frame.lane_height / longest)
            path = _steps(x, base, lengths).removesuffix("Z")
            yield f'<path d="{path}" fill="none" stroke="{INK}" stroke-width="0.8"/>'


def _edge_rows(places: FloatArray, lane: Lane, edges: FloatArray) -> IntArray:
    """Return the row of the first event at or after each edge; after the last, the first beyond."""
    mine = places[lane.start : lane.end]
    mine = mine[~np.isnan(mine)]
    at = np.append(mine.searchsorted(edges[:-1]), mine.searchsorted(edges[-1], side="right"))
    return at + lane.start


def _longest(queue: IntArray, rows: IntArray) -> IntArray:
    """Return the longest inbox of each column; between events it is what it was before."""
    found = np.zeros(len(rows) - 1, np.int64)
    before = 0
    for column, (begin, end) in enumerate(pairwise(rows.tolist())):
        inside = queue[begin:end]
        found[column] = max(before, int(inside.max()) if len(inside) else 0)
        before = int(inside[-1]) if len(inside) else before
    return np.maximum(found, 0)


def _steps(x: FloatArray, base: float, heights: FloatArray | IntArray) -> str:
    """Return a path along the tops of columns, closed along their feet."""
    steps = [f"V{base - top:.1f}H{edge:.1f}" for top, edge in zip(heights, x[1:], strict=True)]
    return f"M{x[0]:.1f} {base:.1f}{''.join(steps)}V{base:.1f}Z"


# Marks and the axis.


def _violations(diagram: Diagram, frame: _Frame, places: FloatArray) -> Iterator[str]:
    """Yield a ring around each event that violates a rule."""
    if diagram.verdict is None:
        return
    rows = {each["rows"][0] for each in diagram.verdict["violations"]}
    for more in diagram.verdict.get("more", {}).values():
        rows |= set(more)
    starts = np.array([lane.start for lane in diagram.lanes])
    for row in sorted(rows):
        if frame.begin <= places[row] <= frame.end:
            x = frame.x(places[row : row + 1])[0]
            y = frame.y(int(starts.searchsorted(row, side="right")) - 1)
            yield (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="none" stroke="{VERMILLION}" '
                'stroke-width="2"/>'
            )


def _axis(diagram: Diagram, frame: _Frame) -> Iterator[str]:
    has_time = "time" in diagram.columns
    scale = NS_PER_S if has_time else 1.0
    begin, end = frame.begin / scale, frame.end / scale
    step = _step((end - begin) / TICKS_MAX)
    step = step if has_time else max(1.0, step)
    y = TOP + max(1, len(diagram.lanes)) * frame.lane_height + 6
    first = np.ceil(begin / step) * step
    for value in np.arange(first, end + step / 1000, step).tolist():
        x = float(frame.x(np.array([value * scale]))[0])
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{y:.1f}" stroke="{GRID}"/>'
        yield (
            f'<text x="{x:.1f}" y="{y + 13:.1f}" font-size="11" text-anchor="middle" '
            f'fill="{FAINT}">{value:.9g}</text>'
        )
    meaning = {"scenario": "time, s", "own": "time of the processes' own clocks, s"}
    untimed = "Lamport clock" if "clock" in diagram.columns else "event of the process"
    label = meaning.get(diagram.time_meaning or "", f"{untimed} (the log has no times)")
    yield (
        f'<text x="{(NAMES_WIDTH + frame.width) / 2:.0f}" y="{y + 30:.1f}" font-size="11" '
        f'text-anchor="middle" fill="{FAINT}">{label}</text>'
    )


def _step(least: float) -> float:
    """Return the round number, 1, 2 or 5 times a power of ten, that is at least this."""
    power = 10.0 ** np.floor(np.log10(max(least, 1e-9)))
    return float(next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least))
