"""Consecutive events of one process as a frame: the columns of a packed history.

Every part of one file has the same columns, in the same order, whatever is in
it: what they have in common is a `Layout`.

A history in one Parquet file: its events in columns, all else in the file's metadata.

A row of the file is an event, in the order of `Trace`, under the names of the
frame (`driftlab.trace.frame`); what a trace knows beside its events stands as
JSON in the file's metadata under `driftlab-history`, which is how such a file
is known. The rows come in parts of bounded size, so a history of any length is
written in bounded memory; and it can be scanned without being loaded.

Columns that the frame does not have: `after_hole` (whether something of the
process is missing before this event), `target` (the number, see `Columns`),
`found_sender` and `found_stamp` (lists), `file`, `sent`, `received`; and the
`timestamp` is numbers, not text.

A packed history back into a trace: what `packed` wrote, exactly.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

from driftlab.errors import DriftlabError
from driftlab.history.run_reader import TraceBuilder
from driftlab.history.tick_repair import in_tick_order
from driftlab.history.trace import ProcessInfo, Trace, UnreadLine
from driftlab.journal.journal_columns import JournalColumns, columns_of_entries
from driftlab.journal.reader import JournalChunk
from driftlab.model.columns import (
    EVERY_PEER,
    KINDS,
    MISSING,
    NO_TARGET,
    NOBODY,
    SET_FIRST,
    Array,
    Arrivals,
    Columns,
    Timestamps,
    starts_of,
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
    rows: JournalColumns
    gaps: Array
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
    rows = columns_of_entries([], [], {}, clock)
    full = Columns(*(np.zeros(0, np.int64) if each is None else each for each in rows.columns))
    return frame_of_part(Part(0, 0, rows._replace(columns=full), np.zeros(0, np.int64), {}), layout)


def frame_of_part(part: Part, layout: Layout) -> Any:
    """Return a part of a history as a frame, its columns in the order of the file."""
    import numpy as np
    import polars as pl

    of, count = part.rows.columns, part.rows.events
    names = pl.Series(list(layout.names), dtype=pl.Enum(list(layout.names)))
    hole = np.zeros(count, bool)
    hole[part.gaps] = True
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


KEY: Final = "driftlab-history"
VERSION: Final = 1
PACK_SUFFIX: Final = ".parquet"


class PackError(DriftlabError):
    """A packed history that cannot be written or read, and why."""


def require_new(path: Path) -> None:
    """Raise PackError if there is such a file."""
    if path.exists():
        raise PackError(f"{path} exists; it is never overwritten: name another file with --out")


def pack_trace(trace: Trace, path: Path) -> None:
    """Write a trace into a new file. Raises PackError."""
    layout = Layout(
        names=trace.names,
        there=frozenset(k for k, v in trace.columns._asdict().items() if v is not None),
        texts={text: f"text_{text}" if text in OWN else text for text in trace.texts},
        width=_width(trace),
        has_arrivals=trace.arrivals is not None,
        peers_of=trace.peers_of,
        sets=lambda: trace.sets,
    )
    known = {key: getattr(trace, key) for key in _KNOWN}
    clock = None if trace.timestamps is None else trace.timestamps.clock
    frames = (frame_of_part(part, layout) for part in _parts(trace))
    _write(path, frames, empty_frame(layout), lambda: _metadata(layout, known, clock, layout.texts))


def pack_pieces(
    pieces: Iterable[JournalChunk],
    gathering: TraceBuilder,
    clock: str,
    path: Path,
    scenario: str | None,
) -> int:
    """Write the pieces of a run into a new file as they come; return how many events there are.

    Raises PackError, and what reading the pieces raises.
    """
    size = len(gathering.names)
    layout = Layout(
        names=gathering.names,
        there=frozenset(Columns._fields) - {"file", "sent", "received"},
        texts={"recorded": "recorded"},
        width={"lamport": None, "hybrid": 2, "vector": size, "matrix": size * size}[clock],
        has_arrivals=True,
        peers_of=lambda process: (),
        sets=lambda: gathering.sets.members,
    )

    def known() -> dict[str, str]:
        told = {**gathering.known(), "scenario": scenario, "journals": True}
        texts = layout.texts if gathering.has_texts else {}
        return _metadata(layout, told, None if clock == "lamport" else clock, texts)

    frames = (frame_of_part(part, layout) for part in _gathered_parts(pieces, gathering))
    _write(path, frames, empty_frame(layout), known)
    return sum(gathering.counts)


def _gathered_parts(pieces: Iterable[JournalChunk], gathering: TraceBuilder) -> Iterator[Part]:
    for piece in pieces:
        first = gathering.counts[piece.process]
        rows = gathering.add(piece)
        texts = {} if rows.recorded is None else {"recorded": rows.recorded}
        yield Part(piece.process, first, rows, gathering.gaps, texts)


def _parts(trace: Trace) -> Iterator[Part]:
    import numpy as np

    for process in range(trace.processes):
        start, stop = int(trace.starts[process]), int(trace.starts[process + 1])
        for low in range(start, stop, ROWS_AT_ONCE):
            high = min(low + ROWS_AT_ONCE, stop)
            holes = trace.gaps[np.searchsorted(trace.gaps, low) :]
            holes = holes[: np.searchsorted(holes, high)] - low
            texts = {text: values[low:high] for text, values in trace.texts.items()}
            yield Part(process, low - start, _slice(trace, low, high), holes, texts)


def _slice(trace: Trace, low: int, high: int) -> JournalColumns:
    columns = Columns(*(None if each is None else each[low:high] for each in trace.columns))
    stamps = trace.timestamps
    return JournalColumns(
        columns,
        (),
        Arrivals(*_ragged_slice(trace.arrivals or _nothing(high), low, high)),
        stamps and Timestamps(stamps.clock, *_ragged_slice(stamps[1:], low, high)),
        None,
    )


def _ragged_slice(ragged: tuple[Array, ...], low: int, high: int) -> list[Array]:
    starts, *others = ragged
    begin, end = int(starts[low]), int(starts[high])
    return [starts[low : high + 1] - begin, *(each[begin:end] for each in others)]


def _nothing(rows: int) -> tuple[Array, ...]:
    import numpy as np

    return np.zeros(rows + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int64)


def _width(trace: Trace) -> int | None:
    """Return how many numbers every timestamp has if all of them are written out, else 0."""
    import numpy as np

    stamps = trace.timestamps
    if stamps is None:
        return None
    counts = np.diff(stamps.starts)
    width = int(counts.max()) if len(counts) else 0
    is_dense = bool(np.isin(counts, (0, width)).all()) and width > 0
    if is_dense:
        is_dense = bool((stamps.entries.reshape(-1, width) == np.arange(width)).all())
    return width if is_dense else 0


_KNOWN: Final = (
    "starts", "sets", "peers", "process_info", "files", "unread", "missing_processes", "scenario"
)  # fmt: skip
_KEYS: Final = {"process_info": "authors", "missing_processes": "absent"}  # as version 1 has them


def _metadata(
    layout: Layout, known: Mapping[str, Any], clock: str | None, texts: Mapping[str, str]
) -> dict[str, str]:
    authors = [{**each._asdict(), "lost": sorted(each.lost)} for each in known["process_info"]]
    told = {_KEYS.get(key, key): known[key] for key in _KNOWN} | {
        "version": VERSION,
        "journals": known.get("journals", False),  # rows as their lines stood, not yet in order
        "names": list(layout.names),
        "starts": known["starts"].tolist(),
        "sets": [[int(place) for place in members] for members in known["sets"]],
        "authors": authors,
        "unread": [list(one) for one in known["unread"]],
        "clock": clock,
        "texts": dict(texts),
    }
    return {KEY: json.dumps(told, separators=(",", ":"))}


def _write(
    path: Path, frames: Iterator[Any], empty: Any, known: Callable[[], dict[str, str]]
) -> None:
    """Write frames into a new file, `known` being asked when all have come."""
    import polars as pl
    from polars.io.plugins import register_io_source

    failed: list[BaseException] = []

    def source(columns: Any, predicate: Any, rows: Any, batch: Any) -> Iterator[Any]:
        try:
            yield from chain([empty], frames)
        except BaseException as error:  # told below, as it is, whatever the engine makes of it
            failed.append(error)

    part = path.with_name(f".{path.name}.part")
    try:
        with path.open("xb"):  # ours from here on: nobody else can have it
            pass
    except FileExistsError:
        require_new(path)
        raise
    except OSError as error:
        raise PackError(f"cannot write {path}: {error.strerror}") from error
    try:
        register_io_source(source, schema=empty.schema).sink_parquet(
            part, metadata=lambda context: known(), row_group_size=ROWS_AT_ONCE
        )
        if failed:
            raise failed[0]
        os.replace(part, path)
    except BaseException as error:
        for each in (part, path):
            with suppress(OSError):
                each.unlink()
        if isinstance(error, OSError | pl.exceptions.PolarsError):
            raise PackError(f"cannot write {path}: {error}") from error
        raise


PARQUET_MAGIC: Final = b"PAR1"


def is_packed(path: Path) -> bool:
    """Whether a file is a packed history: Parquet with our key in its metadata."""
    return _describe_error(path) is not None


def unpack(path: Path) -> Trace:
    """Read a packed history. Raises PackError."""
    import numpy as np
    import polars as pl

    told = _describe_error(path)
    if told is None:
        raise PackError(f"{path}: not a packed history; `driftlab pack RUN` makes one")
    try:
        known = json.loads(told)
        if known["version"] != VERSION:
            raise PackError(
                f"{path}: packed in version {known['version']}; this driftlab reads {VERSION}"
            )
        frame = _File(path)
        trace = Trace(
            known["names"],
            np.array(known["starts"], np.int64),
            _columns(frame),
            peers=known["peers"],
            sets=[tuple(members) for members in known["sets"]],
            timestamps=_read_timestamps(frame, known["clock"]),
            arrivals=_arrivals(frame),
            texts={text: _texts(frame, column) for text, column in known["texts"].items()},
            process_info=[_author(each) for each in known["authors"]],
            files=known["files"],
            unread=[UnreadLine(*one) for one in known["unread"]],
            gaps=frame["after_hole"].arg_true().to_numpy().astype(np.int64),
            missing_processes=known["absent"],
            scenario=known["scenario"],
        )
        return in_tick_order(trace) if known["journals"] else trace
    except (KeyError, TypeError, ValueError, OSError, pl.exceptions.PolarsError) as error:
        raise PackError(f"{path}: a damaged packed history: {str(error)[:200]!r}") from None


class _File:
    """The columns of a file, each read when it is asked for, and not kept."""

    def __init__(self, path: Path) -> None:
        import polars as pl

        self._path = path
        self.columns = list(pl.read_parquet_schema(path))

    def __getitem__(self, name: str) -> Any:
        import polars as pl

        return pl.read_parquet(self._path, columns=[name])[name]


def _describe_error(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            if file.read(len(PARQUET_MAGIC)) != PARQUET_MAGIC:
                return None
    except OSError as error:
        raise PackError(f"{path}: {error.strerror or error}") from error
    import polars as pl  # only now: it takes longer to load than most logs to read

    try:
        return pl.read_parquet_metadata(path).get(KEY)
    except OSError as error:
        raise PackError(f"{path}: {error.strerror or error}") from error
    except pl.exceptions.PolarsError as error:
        raise PackError(f"{path}: a damaged Parquet file: {str(error)[:200]!r}") from None


def _columns(frame: _File) -> Columns:
    import numpy as np

    def column(name: str) -> Array:
        if name not in frame.columns:
            return None
        series = frame[name]
        if name in ("kind", "sender"):
            series = series.to_physical()
        if name == "kind":
            return series.to_numpy().astype(np.uint8)
        if name == "sender":
            return series.cast(_signed()).fill_null(NOBODY).to_numpy()
        return series.fill_null(MISSING).to_numpy() if series.null_count() else series.to_numpy()

    return Columns(**{name: column(name) for name in Columns._fields})


def _signed() -> Any:
    import polars as pl

    return pl.Int32


def _flat(lists: Any) -> Any:
    """Return what the lists of a series hold, one after the other."""
    return lists.filter(lists.list.len() > 0).explode()


def _starts(lists: Any) -> Array:
    return starts_of(lists.list.len().fill_null(0).to_numpy())


def _arrivals(frame: _File) -> Arrivals | None:
    if "found_sender" not in frame.columns:
        return None
    lists = frame["found_sender"]
    sender = _flat(lists).to_physical().cast(_signed()).to_numpy()
    return Arrivals(_starts(lists), sender, _flat(frame["found_stamp"]).to_numpy())


def _read_timestamps(frame: _File, clock: str | None) -> Timestamps | None:
    import numpy as np

    if clock is None:
        return None
    if "timestamp" not in frame.columns:
        entries, values = frame["timestamp_entry"], frame["timestamp_value"]
        flat = (_flat(each).to_numpy() for each in (entries, values))
        return Timestamps(clock, _starts(entries), *flat)
    dense = frame["timestamp"]
    there = dense.is_not_null()
    values = dense.drop_nulls().to_numpy()
    starts = starts_of(there.to_numpy() * values.shape[1])
    entries = np.tile(np.arange(values.shape[1], dtype=np.int32), len(values))
    return Timestamps(clock, starts, entries, values.reshape(-1))


def _texts(frame: _File, column: str) -> Sequence[str | None]:
    texts: list[str | None] = frame[column].to_list()
    return texts


def _author(told: Mapping[str, Any]) -> ProcessInfo:
    return ProcessInfo(**{**told, "lost": frozenset(told["lost"])})
