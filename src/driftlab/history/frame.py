"""A trace as a frame of Polars: one row an event, names written out.

Rows are those of the trace: process after process, each in the order of its
events. Only columns that the log has are there.
"""

from typing import Any

from driftlab.history.trace import Trace
from driftlab.model.columns import EVERY_PEER, KINDS, MISSING, NO_TARGET, SET_FIRST, Array

_PLAIN = ("tick", "due_ns", "late_ns", "time_ns", "clock", "queue")


def frame_of(trace: Trace) -> Any:
    """Return the events as a frame of Polars.

    Columns: process, index (from 0 within the process), kind; tick, due_ns,
    late_ns, time_ns, clock, queue, sender, stamp, targets (a list of names),
    timestamp (its text) and line, as far as the log has them; and the texts of
    the trace. What a row does not have is null.
    """
    import numpy as np
    import polars as pl

    of = trace.columns
    names = pl.Series(list(trace.names), dtype=pl.String)
    place = trace.process_column()
    frame: dict[str, Any] = {
        "process": names.gather(pl.Series(place)),
        "index": pl.Series(np.arange(len(trace)) - trace.starts[place] if len(trace) else [],
                           dtype=pl.Int64),
        "kind": pl.Series(KINDS).gather(pl.Series(of.kind)).cast(pl.Enum(KINDS)),
    }  # fmt: skip
    for key in _PLAIN:
        column = getattr(of, key)
        if column is not None:
            frame[key] = _with_nulls(column)
    if of.sender is not None:
        frame["sender"] = names.gather(pl.Series(of.sender).cast(pl.UInt32, strict=False))
    if of.stamp is not None:
        frame["stamp"] = _with_nulls(of.stamp)
    if of.target is not None:
        frame["targets"] = _targets(trace, place)
    if trace.timestamps is not None:
        frame["timestamp"] = pl.Series(trace.timestamp_texts(), dtype=pl.String)
    for key, texts in trace.texts.items():
        frame[key] = pl.Series(texts, dtype=pl.String)
    if of.line is not None:
        frame["line"] = _with_nulls(of.line)
    return pl.DataFrame(frame)


def _with_nulls(column: Array) -> Any:
    import polars as pl

    series = pl.Series(column).cast(pl.Int64)
    missing = column == MISSING
    return series if not missing.any() else series.set(pl.Series(missing), None)


def _targets(trace: Trace, place: Array) -> Any:
    """Return whom each event sends to, as a series of lists of names."""
    import numpy as np
    import polars as pl

    every: dict[int, list[str]] = {}

    def written(process: int, target: int) -> list[str]:
        if target == NO_TARGET:
            return []
        if target >= 0:
            return [trace.names[target]]
        if target == EVERY_PEER:
            if process not in every:
                every[process] = [trace.names[peer] for peer in trace.peers_of(process)]
            return every[process]
        return [trace.names[one] for one in trace.sets[SET_FIRST - target]]

    # The same few are sent to again and again: each is written out once.
    low, high = SET_FIRST - len(trace.sets), trace.processes
    codes = place.astype(np.int64) * (high - low + 1) + (trace.columns.target - low)
    few, places = np.unique(codes, return_inverse=True)
    width = high - low + 1
    lists = [written(code // width, code % width + low) for code in few.tolist()]
    return pl.Series(lists, dtype=pl.List(pl.String)).gather(pl.Series(places))
