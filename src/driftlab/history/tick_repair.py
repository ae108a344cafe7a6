"""Journals put in the order of their ticks: what is missing, what stands twice.

A journal numbers its ticks, so the order in which a process's events happened
is known whatever became of its lines. Events that stand elsewhere in the file
are put where their tick belongs; their line numbers tell of it. A line that is
there twice is one event, and its copy is counted as unread. Where a number is
missing, events are missing: a hole. A line that could not be read is one only
if a tick is missing there.
"""

from typing import Any

from driftlab.history.trace import Trace, UnreadLine
from driftlab.model.columns import Array, Columns


def in_tick_order(trace: Trace) -> Trace:
    """Return the trace with every process's events in the order of their ticks, and its holes."""
    import numpy as np

    if not len(trace.columns.tick):
        return trace
    process = trace.process_column()
    tick = repaired_ticks(trace)
    same = process[1:] == process[:-1]
    if (tick[1:] <= tick[:-1])[same].any():
        order = np.lexsort((tick, process))  # stable: of one tick the line that comes first
        copies = _copies(trace, process, order)
        trace = _taken(trace, order[~copies], process, _told(trace, order, copies))
    trace.gaps = rows_after_gap(trace)
    return trace


def repaired_ticks(trace: Trace) -> Array:
    """Return the ticks, i8, each that alone does not fit between its neighbours made to fit.

    If the event before has tick k - 1, that after k + 1 and none has k, this is tick k.
    """
    import numpy as np

    tick = trace.columns.tick.copy()
    if len(tick) > 2:
        between = tick[:-2] + 2 == tick[2:]
        whole = trace.process_column()
        between &= whole[:-2] == whole[2:]
        place = np.flatnonzero(between & (tick[1:-1] != tick[:-2] + 1)) + 1
        for row in place[~_stands_elsewhere(trace, whole, place, tick)].tolist():
            tick[row] = tick[row - 1] + 1
    return tick


def _stands_elsewhere(trace: Trace, process: Array, place: Array, tick: Array) -> Array:
    """Whether the tick that would fit at each place is another event's: lines changed places."""
    import numpy as np

    found = np.zeros(len(place), bool)
    for one in np.unique(process[place]).tolist():
        mine = process[place] == one
        begin, end = trace.starts[[one, one + 1]].tolist()
        found[mine] = np.isin(tick[place[mine] - 1] + 1, trace.columns.tick[begin:end])
    return found


def _copies(trace: Trace, process: Array, order: Array) -> Array:
    """Whether each row, in the new order, says just what the one before says."""
    import numpy as np

    copies = np.zeros(len(order), bool)
    copies[1:] = process[order][1:] == process[order][:-1]
    for name, column in zip(Columns._fields, trace.columns, strict=True):
        if column is not None and name not in ("line", "file"):
            copies[1:] &= column[order][1:] == column[order][:-1]
    for place in np.flatnonzero(copies).tolist():
        rows = int(order[place - 1]), int(order[place])
        copies[place] = _further(trace, rows[0]) == _further(trace, rows[1])
    return copies


def _further(trace: Trace, row: int) -> list[object]:
    """Return what an event has beside the columns: what it found, its timestamp, its texts."""
    told: list[object] = [texts[row] for texts in trace.texts.values()]
    for held in (trace.timestamps, trace.arrivals):
        if held is not None:
            part = slice(int(held.starts[row]), int(held.starts[row + 1]))
            told += [values[part].tolist() for values in held[-2:]]
    return told


def _told(trace: Trace, order: Array, copies: Array) -> list[UnreadLine]:
    """Return the copies as lines that count for nothing."""
    import numpy as np

    told = []
    for place in np.flatnonzero(copies).tolist():
        file, line = trace.source_of(int(order[place]))
        _, first = trace.source_of(int(order[place - 1]))
        told.append(UnreadLine(file or "", line or 0, f"the same event as in line {first}"))
    return told


def _taken(trace: Trace, order: Array, process: Array, copies: list[UnreadLine]) -> Trace:
    """Return a trace of some rows, in an order that keeps processes together."""
    import numpy as np

    parts: dict[str, Any] = {name: getattr(trace, name) for name in Trace.__slots__}
    counts = np.bincount(process[order], minlength=trace.processes)
    parts["starts"] = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    columns = (None if column is None else column[order] for column in trace.columns)
    parts["columns"] = Columns(*columns)
    for name in ("timestamps", "arrivals"):
        if parts[name] is not None:
            parts[name] = _rows_of(parts[name], order)
    parts["texts"] = {
        name: [texts[row] for row in order.tolist()] for name, texts in trace.texts.items()
    }
    parts["unread"] = [*trace.unread, *copies]
    return Trace(**parts)


def _rows_of(held: Any, order: Array) -> Any:
    """Return some rows of timestamps or arrivals."""
    import numpy as np

    counts = held.starts[order + 1] - held.starts[order]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    begins = np.repeat(held.starts[order] - starts[:-1], counts)
    place = np.arange(starts[-1]) + begins
    flat = {
        name: getattr(held, name)[place] for name in held._fields if name not in ("clock", "starts")
    }
    return held._replace(starts=starts, **flat)


def rows_after_gap_since(last: int, tick: Array) -> Array:
    """Return the places in a stretch of one process before which ticks are missing.

    last: the tick before the stretch, -1 where there is none.
    """
    import numpy as np

    return np.flatnonzero(tick > np.concatenate([[last], tick[:-1]])[: len(tick)] + 1)


def rows_after_gap(trace: Trace) -> Array:
    """Return the rows before which ticks are missing."""
    import numpy as np

    tick = repaired_ticks(trace)
    before = np.concatenate([[-1], tick[:-1]])
    starts = trace.starts[:-1]
    before[starts[starts < len(tick)]] = -1
    return np.flatnonzero(tick > before + 1)
