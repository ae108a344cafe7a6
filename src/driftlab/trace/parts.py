"""Consecutive events of one process as a frame: the columns of a packed history.

Every part of one file has the same columns, in the same order, whatever is in
it: what they have in common is a `Layout`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from driftlab.trace.rows import Rows, rows_of
from driftlab.trace.trace_columns import (
    EVERY_PEER,
    KINDS,
    MISSING,
    NO_TARGET,
    SET_FIRST,
    Array,
    Columns,
    Timestamps,
)

ROWS_AT_ONCE: Final = 1 << 17  # of a part, and of a row group
WHOLE: Final = (
    "tick", "due_ns", "late_ns", "time_ns", "clock", "queue", "stamp", "line", "sent", "received"
)  # fmt: skip
OWN: Final = {
    "process", "index", "kind", "after_hole", "sender", "targets", "target", "found_sender",
    "found_stamp", "timestamp", "timestamp_entry", "timestamp_value", "file", *WHOLE,
}  # fmt: skip


class Part(NamedTuple):
    """Consecutive events of one process.

    first: the number of the first within it. holes: places among these rows.
    """

    process: int
    first: int
    rows: Rows
    holes: Array
    texts: Mapping[str, Sequence[str | None]]


class Layout(NamedTuple):
    """What all parts of a file have in common.

    there: names of the columns of `Columns` that it has. texts: columns by the
    name of the text. width: numbers in a timestamp where every one is written
    out, 0 where only some are, None where there are no timestamps.
    """

    names: Sequence[str]
    there: frozenset[str]
    texts: Mapping[str, str]
    width: int | None
    has_arrivals: bool
    peers_of: Callable[[int], Sequence[int]]
    sets: Callable[[], Sequence[Sequence[int]]]


def empty_frame(layout: Layout) -> Any:
    """Return a frame without rows: what columns there are."""
    import numpy as np

    clock = "lamport" if layout.width is None else "vector"
    rows = rows_of([], [], {}, clock)
    full = Columns(*(np.zeros(0, np.int64) if each is None else each for each in rows.columns))
    return frame_of_part(Part(0, 0, rows._replace(columns=full), np.zeros(0, np.int64), {}), layout)


def frame_of_part(part: Part, layout: Layout) -> Any:
    """Return a part of a history as a frame, its columns in the order of the file."""
    import numpy as np
    import polars as pl

    of, count = part.rows.columns, part.rows.events
    names = pl.Series(list(layout.names), dtype=pl.Enum(list(layout.names)))
    hole = np.zeros(count, bool)
    hole[part.holes] = True
    frame: dict[str, Any] = {
        "process": _all(names, part.process, count),
        "index": pl.Series(np.arange(part.first, part.first + count)),
        "kind": pl.Series(KINDS, dtype=pl.Enum(KINDS)).gather(pl.Series(of.kind)),
        "after_hole": pl.Series(hole),
    }
    for key in WHOLE:
        if key in layout.there:
            frame[key] = _with_nulls(getattr(of, key))
    if "sender" in layout.there:
        frame["sender"] = names.gather(_index(of.sender))
    if "target" in layout.there:
        frame["target"] = pl.Series(of.target)
        frame["targets"] = _targets(part, layout, names)
    if "file" in layout.there:
        frame["file"] = pl.Series(of.file.astype(np.int32))
    if layout.has_arrivals:
        starts, sender, stamp = part.rows.arrivals
        frame["found_sender"] = _lists(starts, names.gather(_index(sender)))
        frame["found_stamp"] = _lists(starts, pl.Series(stamp))
    if layout.width is not None and part.rows.timestamps is not None:
        frame |= _timestamps(part.rows.timestamps, layout.width)
    for text, column in layout.texts.items():
        frame[column] = pl.Series(part.texts.get(text, [None] * count), dtype=pl.String)
    return pl.DataFrame(frame)


def _all(names: Any, place: int, count: int) -> Any:
    return names.clear() if not len(names) else names.slice(place, 1).new_from_index(0, count)


def _index(places: Array) -> Any:
    """Return positions as a series, nothing where they are negative."""
    import numpy as np
    import polars as pl

    index = pl.Series(np.maximum(places, 0).astype(np.uint32))
    return index.set(pl.Series(places < 0), None) if len(places) else index


def _with_nulls(column: Array) -> Any:
    import numpy as np
    import polars as pl

    series = pl.Series(column.astype(np.int64, copy=False))
    missing = column == MISSING
    return series.set(pl.Series(missing), None) if missing.any() else series


def _targets(part: Part, layout: Layout, names: Any) -> Any:
    """Return whom each event sends to as a series of lists of names."""
    import numpy as np
    import polars as pl

    sets = layout.sets()

    def written(target: int) -> list[str]:
        if target == NO_TARGET:
            return []
        if target == EVERY_PEER:
            places: Sequence[int] = layout.peers_of(part.process)
        else:
            places = (target,) if target >= 0 else sets[SET_FIRST - target]
        return [layout.names[place] for place in places]

    few, index = np.unique(part.rows.columns.target, return_inverse=True)
    lists = pl.Series([written(target) for target in few.tolist()], dtype=pl.List(names.dtype))
    return lists.gather(pl.Series(index.astype(np.uint32)))


def _lists(starts: Array, flat: Any) -> Any:
    """Return a series of lists: row i's are flat[starts[i]:starts[i + 1]]."""
    import numpy as np
    import polars as pl

    counts = np.diff(starts)
    some = np.flatnonzero(counts)
    row = pl.Series(np.repeat(np.arange(len(counts)), counts)).set_sorted()
    grouped = pl.DataFrame({"row": row, "value": flat}).group_by("row", maintain_order=True)
    lists = grouped.agg("value")["value"]
    index = np.full(len(counts), len(some), np.uint32)
    index[some] = np.arange(len(some))
    return lists.append(pl.Series("value", [[]], dtype=lists.dtype)).gather(pl.Series(index))


def _timestamps(stamps: Timestamps, width: int) -> dict[str, Any]:
    import numpy as np
    import polars as pl

    if not width:
        entry, value = (_lists(stamps.starts, pl.Series(each)) for each in stamps[2:])
        return {"timestamp_entry": entry, "timestamp_value": value}
    there = np.diff(stamps.starts) > 0
    dense = pl.Series(stamps.values.reshape(-1, width), dtype=pl.Array(pl.Int64, width))
    return {"timestamp": dense.gather(_index(np.where(there, np.cumsum(there) - 1, -1)))}
