"""A trace as a Polars frame: one row per event, names written out.

The rows are those of the trace: process after process, each in the order of its
events. Only columns that the log has are there.
"""

from collections.abc import Callable, Sequence
from typing import Final

from driftlab.arrays import IntArray
from driftlab.history.trace import Trace
from driftlab.lazy import np, pl
from driftlab.model.columns import EVERY_PEER, KINDS, MISSING, NO_TARGET, SET_FIRST

_INTEGERS: Final = ("tick", "due_ns", "late_ns", "time_ns", "clock", "queue")


def frame_of(trace: Trace) -> "pl.DataFrame":
    """Return the events as a frame.

    Its columns: process, index (from 0 within the process), kind; tick, due_ns,
    late_ns, time_ns, clock, queue, sender, stamp, targets (a list of names),
    timestamp (its text) and line, if the log has them; and the texts of the
    trace. A value that an event does not have is null.
    """
    columns = trace.columns
    names = pl.Series(list(trace.names), dtype=pl.String)
    place = trace.process_column()
    frame: dict[str, pl.Series] = {
        "process": names.gather(pl.Series(place)),
        "index": pl.Series(np.arange(len(trace)) - trace.starts[place] if len(trace) else [],
                           dtype=pl.Int64),
        "kind": pl.Series(KINDS).gather(pl.Series(columns.kind)).cast(pl.Enum(KINDS)),
    }  # fmt: skip
    for key in _INTEGERS:
        column = getattr(columns, key)
        if column is not None:
            frame[key] = with_nulls(column)
    if columns.sender is not None:
        frame["sender"] = names.gather(as_index(columns.sender))
    if columns.stamp is not None:
        frame["stamp"] = with_nulls(columns.stamp)
    if columns.target is not None:
        frame["targets"] = target_lists(place, columns.target, names, trace.peers_of, trace.sets)
    if trace.timestamps is not None:
        frame["timestamp"] = pl.Series(trace.timestamp_texts(), dtype=pl.String)
    for key, texts in trace.texts.items():
        frame[key] = pl.Series(list(texts), dtype=pl.String)
    if columns.line is not None:
        frame["line"] = with_nulls(columns.line)
    return pl.DataFrame(frame)


def with_nulls(column: IntArray) -> "pl.Series":
    """Return a column as a series of 64-bit integers, null instead of MISSING."""
    series = pl.Series(column.astype(np.int64, copy=False))
    missing = column == MISSING
    return series if not missing.any() else series.set(pl.Series(missing), None)


def as_index(places: IntArray) -> "pl.Series":
    """Return positions as a series to gather by, null instead of negative ones."""
    return pl.Series(places).cast(pl.UInt32, strict=False)


def target_lists(
    process: IntArray,
    target: IntArray,
    names: "pl.Series",
    peers_of: Callable[[int], Sequence[int]],
    sets: Sequence[Sequence[int]],
) -> "pl.Series":
    """Return the names of the processes to which each event sent, a list per event.

    process: the position of the process of each event. target: as in
    `Columns`. names: of the processes. peers_of: gives the peers of a process.
    sets: those that `target` refers to.
    """
    name_of = names.to_list()

    def targets(process: int, target: int) -> Sequence[int]:
        if target == NO_TARGET:
            return ()
        if target == EVERY_PEER:
            return peers_of(process)
        return (target,) if target >= 0 else sets[SET_FIRST - target]

    # The same few are sent to again and again: each is written out once.
    low = SET_FIRST - len(sets)
    width = len(names) - low + 1
    codes = process.astype(np.int64)
    codes *= width
    codes += target
    codes -= low
    few, index = _distinct(codes, width * len(names))
    lists = [
        [name_of[place] for place in targets(code // width, code % width + low)]
        for code in few.tolist()
    ]
    return pl.Series(lists, dtype=pl.List(names.dtype)).gather(pl.Series(index))


def _distinct(codes: IntArray, size: int) -> tuple[IntArray, IntArray]:
    """Return the different codes, rising, and of each code its place among these, u4.

    codes: from 0 to below `size`. Where that is no more than there are codes, they are
    looked up in a table, in a fraction of the time that sorting takes.
    """
    if size > len(codes):
        few, index = np.unique(codes, return_inverse=True)
        return few, index.astype(np.uint32)
    is_there = np.zeros(size, bool)
    is_there[codes] = True
    numbers = np.cumsum(is_there, dtype=np.uint32) - np.uint32(1)
    return np.flatnonzero(is_there), numbers[codes]
