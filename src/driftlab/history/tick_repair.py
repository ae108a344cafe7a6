"""Events put in the order of their ticks: what is missing, what occurs twice.

A journal numbers its ticks, so the order in which the events of a process
happened is known whatever became of its lines. An event whose line stands
elsewhere is put where its tick belongs; its line number shows where it was. A
line that occurs twice is one event, and its copy counts as unread. If a number
is missing, events are missing: a gap. A line that could not be read is a gap
only if its tick is missing.
"""

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.rows import take_rows
from driftlab.history.trace import Trace, UnreadLine
from driftlab.lazy import np
from driftlab.model.columns import Columns


def in_tick_order(trace: Trace) -> Trace:
    """Return the trace with each process's events in the order of their ticks, and its gaps.

    It must have ticks.
    """
    if not len(trace):
        return trace
    process = trace.process_column()
    tick = repaired_ticks(trace)
    same = process[1:] == process[:-1]
    if (tick[1:] <= tick[:-1])[same].any():
        order = np.lexsort((tick, process))  # stable: of one tick the line that comes first
        copies = _copies(trace, process, order)
        unread = [*trace.unread, *_unread_copies(trace, order, copies)]
        trace = take_rows(trace, order[~copies]).replace(unread=unread)
    trace.gaps = rows_after_gap(trace)
    return trace


def repaired_ticks(trace: Trace) -> IntArray:
    """Return the ticks, i8, after repair of each single tick that does not fit its neighbours.

    If the event before has tick k - 1, the event after k + 1 and no event of
    the process has k, then this event has tick k. The trace must have ticks.
    """
    column = trace.columns.tick
    assert column is not None
    tick = column.copy()
    if len(tick) > 2:
        between = tick[:-2] + 2 == tick[2:]
        process = trace.process_column()
        between &= process[:-2] == process[2:]
        rows = np.flatnonzero(between & (tick[1:-1] != tick[:-2] + 1)) + 1
        for row in rows[~_occurs_elsewhere(trace, process, rows, tick)].tolist():
            tick[row] = tick[row - 1] + 1
    return tick


def _occurs_elsewhere(trace: Trace, process: IntArray, rows: IntArray, tick: IntArray) -> BoolArray:
    """Whether the tick that would fit at each row is that of another event: lines were swapped."""
    column = trace.columns.tick
    assert column is not None
    found = np.zeros(len(rows), bool)
    for one in set(process[rows].tolist()):  # np.unique would load numpy.ma, for few rows
        mine = process[rows] == one
        found[mine] = np.isin(tick[rows[mine] - 1] + 1, column[trace.rows_of(one)])
    return found


def _copies(trace: Trace, process: IntArray, order: IntArray) -> BoolArray:
    """Whether each row, in the new order, equals the row before it but for its line."""
    copies = np.zeros(len(order), bool)
    copies[1:] = process[order][1:] == process[order][:-1]
    for name, column in zip(Columns._fields, trace.columns, strict=True):
        if column is not None and name not in ("line", "file"):
            copies[1:] &= column[order][1:] == column[order][:-1]
    for place in np.flatnonzero(copies).tolist():
        before, row = int(order[place - 1]), int(order[place])
        copies[place] = _beside_columns(trace, before) == _beside_columns(trace, row)
    return copies


def _beside_columns(trace: Trace, row: int) -> list[object]:
    """Return what an event has besides its columns: arrivals, its timestamp, its texts."""
    values: list[object] = [texts[row] for texts in trace.texts.values()]
    for held in (trace.timestamps, trace.arrivals):
        if held is not None:
            part = slice(int(held.starts[row]), int(held.starts[row + 1]))
            columns: tuple[IntArray, IntArray] = (held[-2], held[-1])
            values += [column[part].tolist() for column in columns]
    return values


def _unread_copies(trace: Trace, order: IntArray, copies: BoolArray) -> list[UnreadLine]:
    """Return the copies as lines that were not read."""
    unread = []
    for place in np.flatnonzero(copies).tolist():
        file, line = trace.source_of(int(order[place]))
        _, first = trace.source_of(int(order[place - 1]))
        unread.append(UnreadLine(file or "", line or 0, f"the same event as in line {first}"))
    return unread


def rows_after_gap_since(last: int, tick: IntArray) -> IntArray:
    """Return the rows of a part of one process before which ticks are missing.

    last: the tick before the part, -1 at the start. tick: of each row.
    """
    return np.flatnonzero(tick > np.concatenate([[last], tick[:-1]])[: len(tick)] + 1)


def rows_after_gap(trace: Trace) -> IntArray:
    """Return the rows before which ticks are missing. The trace must have ticks."""
    tick = repaired_ticks(trace)
    before = np.concatenate([[-1], tick[:-1]])
    starts = trace.starts[:-1]
    before[starts[starts < len(tick)]] = -1
    return np.flatnonzero(tick > before + 1)
