"""A part of a diagram: the events of a span, for a file that must not be too large."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from driftlab.arrays import AnyArray, IntArray
from driftlab.diagram.columns import NOT_FOUND, Diagram
from driftlab.errors import counted
from driftlab.model.columns import NO_TARGET

_ROWS: Final = ("m_send", "m_receive", "m_found", "w_send", "w_found", "gap")


def frontier(diagram: Diagram, instant_ns: float) -> IntArray:
    """Return of each lane how many events come before an instant of the time axis, i8.

    Without times it is the number of an event. Where times fall, the events up to the last
    that is before it count.
    """
    found = []
    time = diagram.columns.get("time")
    for lane in diagram.lanes:
        if time is None:
            found.append(min(max(0, int(instant_ns)), lane.end - lane.start))
            continue
        before = np.flatnonzero(time[lane.start : lane.end] < instant_ns)
        found.append(int(before[-1]) + 1 if len(before) else 0)
    return np.array(found, np.int64)


def first_part(diagram: Diagram, events_max: int) -> Diagram:
    """Return the beginning of a diagram with at most some number of events, itself if it has fewer.

    All lanes end at one instant of the time axis, or, without times, with the same number.
    """
    if diagram.events <= events_max:
        return diagram
    time = diagram.columns.get("time")
    if time is None:
        low, high = 0.0, float(max(lane.end - lane.start for lane in diagram.lanes))
    else:
        low, high = float(np.nanmin(time)), float(np.nanmax(time))
    ends: IntArray = np.zeros(len(diagram.lanes), np.int64)
    for _ in range(64):  # halving finds the instant to within a nanosecond
        middle = (low + high) / 2
        inside = frontier(diagram, middle)
        if inside.sum() <= events_max:
            low, ends = middle, inside
        else:
            high = middle
    return part_of(diagram, np.zeros(len(diagram.lanes), np.int64), ends)


def span_of(diagram: Diagram, begin_ns: float, end_ns: float) -> Diagram:
    """Return the events of a span of the time axis."""
    return part_of(diagram, frontier(diagram, begin_ns), frontier(diagram, end_ns))


def part_of(diagram: Diagram, begins: IntArray, ends: IntArray) -> Diagram:
    """Return some consecutive events of each lane, and the messages between them.

    begins, ends i8: of each lane the numbers of the first event inside and of the first after
    those. A message with an end outside is left out, and its send counts as sending nothing: it
    is not in flight.
    """
    ends = np.maximum(begins, ends)
    starts = np.array([lane.start for lane in diagram.lanes], np.int64)
    kept = np.zeros(diagram.events, bool)
    for first, last in zip((starts + begins).tolist(), (starts + ends).tolist(), strict=True):
        kept[first:last] = True
    rows = np.cumsum(kept) - 1  # the new row of each row that is kept
    columns = {name: column[kept] for name, column in diagram.columns.items() if name not in _ROWS}
    columns |= _messages(diagram, kept, rows, columns)
    new = np.concatenate([[0], np.cumsum(ends - begins)]).tolist()
    left_out = diagram.events - int(kept.sum())
    remark = (
        f"a part of the log: {diagram.events - left_out:,} of {diagram.events:,} events; of "
        "messages with an end outside nothing is shown"
    )
    return diagram._replace(
        lanes=[
            lane._replace(start=start, end=end)
            for lane, start, end in zip(diagram.lanes, new[:-1], new[1:], strict=True)
        ],
        columns=columns,
        remarks=[*diagram.remarks, remark],
        verdict=_verdict(diagram, kept, rows),
    )


def _messages(
    diagram: Diagram, kept: AnyArray, rows: IntArray, columns: dict[str, AnyArray]
) -> dict[str, AnyArray]:
    """Return the messages between kept rows; take the targets of the others out of `columns`."""
    of = diagram.columns
    inside = kept[of["m_send"]] & kept[of["m_receive"]]
    found = of["m_found"][inside]
    is_found = (found >= 0) & kept[np.maximum(found, 0)]
    messages = {
        "m_send": rows[of["m_send"][inside]].astype(np.int32),
        "m_receive": rows[of["m_receive"][inside]].astype(np.int32),
        "m_found": np.where(is_found, rows[np.maximum(found, 0)], NOT_FOUND).astype(np.int32),
    }
    cut = of["m_send"][~inside]
    if "w_send" in of:
        waiting = kept[of["w_send"]] & kept[of["w_found"]]
        cut = np.concatenate([cut, of["w_send"][~waiting]])
        messages["w_send"] = rows[of["w_send"][waiting]].astype(np.int32)
        messages["w_found"] = rows[of["w_found"][waiting]].astype(np.int32)
    if "gap" in of:
        messages["gap"] = rows[of["gap"][kept[of["gap"]]]].astype(np.int32)
    if "target" in columns:
        columns["target"][rows[cut[kept[cut]]]] = NO_TARGET
    return messages


def _verdict(diagram: Diagram, kept: AnyArray, rows: IntArray) -> dict[str, object] | None:
    """Return the verdict with the violations whose event is kept."""
    if diagram.verdict is None:
        return None
    verdict = dict(diagram.verdict)
    shown = [each for each in verdict["violations"] if kept[each["rows"][0]]]
    verdict["violations"] = [{**each, "rows": _kept(each["rows"], kept, rows)} for each in shown]
    verdict["more"] = {
        rule: _kept(those, kept, rows) for rule, those in verdict.get("more", {}).items()
    }
    lost = len(diagram.verdict["violations"]) - len(shown)
    if lost:
        words = counted(lost, "violation")
        verdict["remarks"] = [*verdict.get("remarks", ()), f"{words} outside of this part"]
    return verdict


def _kept(these: Sequence[int], kept: AnyArray, rows: IntArray) -> list[int]:
    return [int(rows[row]) for row in these if kept[row]]
