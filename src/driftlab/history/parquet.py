"""A history in one Parquet file: `driftlab pack` writes it, `driftlab.read` reads it.

A row of the file is an event, in the order of `Trace`, under the names of the
frame (`history.frame`); what a trace has besides its events is JSON in the
file's metadata under `driftlab-history`, by which such a file is recognised.
Its version is 1. Reading gives back exactly the trace that was written.

The rows come in groups of bounded size, all with the same columns whatever is
in them, so a history of any length is written in bounded memory; and the file
can be scanned without being loaded.

Columns that the frame does not have: `after_hole` (whether events of the
process are missing before this one), `target` (the number, see `Columns`),
`found_sender` and `found_stamp` (lists), `file`, `sent`, `received`; and the
`timestamp` is numbers, not text.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

from driftlab.arrays import IntArray
from driftlab.clocks.catalogue import CLOCKS, LAMPORT
from driftlab.errors import DriftlabError
from driftlab.history.frame import as_index, target_lists, with_nulls
from driftlab.history.parquet_claims import (
    ClaimError,
    require_consistent,
    require_known_types,
    require_plausible_size,
    source_of,
)
from driftlab.history.run_reader import RunMetadata, TraceBuilder
from driftlab.history.tick_repair import in_tick_order
from driftlab.history.trace import ProcessInfo, Trace, UnreadLine
from driftlab.journal.journal_columns import JournalColumns, columns_of_entries, take_columns
from driftlab.journal.reader import JournalChunk
from driftlab.journal.whole_file import whole_file
from driftlab.lazy import np, pl
from driftlab.model.columns import KINDS, MISSING, NOBODY, Arrivals, Columns, Timestamps, starts_of
from driftlab.version import VERSION as DRIFTLAB_VERSION

PACK_SUFFIX: Final = ".parquet"
PARQUET_MAGIC: Final = b"PAR1"
# Keys in the metadata of tables of ours that are no history.
SWEEP_KEY: Final = "driftlab-sweep"  # the description of a sweep
STUDY_KEY: Final = "driftlab-study"  # that of a study's runs
STUDY_RUNS: Final = "runs.parquet"  # the file of the latter, in the folder of a study
KEY: Final = "driftlab-history"
VERSION: Final = 1
ROWS_AT_ONCE: Final = 1 << 17  # of a row group
_INTEGERS: Final = (
    "tick", "due_ns", "late_ns", "time_ns", "clock", "queue", "stamp", "line", "sent", "received"
)  # fmt: skip
_OWN: Final = {
    "process", "index", "kind", "after_hole", "sender", "targets", "target", "found_sender",
    "found_stamp", "timestamp", "timestamp_entry", "timestamp_value", "file", *_INTEGERS,
}  # fmt: skip


class PackError(DriftlabError):
    """A packed history that cannot be written or read, and why."""


class RowGroup(NamedTuple):
    """Consecutive events of one process.

    process: its position. first: the number of the first event within it.
    gaps: the rows, from 0, before which events are missing. texts: as in `Trace`.
    """

    process: int
    first: int
    rows: JournalColumns
    gaps: IntArray
    texts: Mapping[str, Sequence[str | None]]


class FileSchema(NamedTuple):
    """What all row groups of a file have in common.

    names: of the processes. columns: the names of those of `Columns` that
    there are. texts: the column for each text. width: numbers in a timestamp if
    all of them are written out, 0 if only some are, None if there are no
    timestamps. has_arrivals: whether what ticks found is there. peers_of: gives
    the peers of a process. sets: gives the sets of targets so far.
    """

    names: Sequence[str]
    columns: frozenset[str]
    texts: Mapping[str, str]
    width: int | None
    has_arrivals: bool
    peers_of: Callable[[int], Sequence[int]]
    sets: Callable[[], Sequence[Sequence[int]]]


# Written.


def require_new(path: Path) -> None:
    """Raise PackError if there is a file at a path."""
    if path.exists():
        raise PackError(f"{path} exists; it is never overwritten: name another file with --out")


def pack_trace(trace: Trace, path: Path) -> None:
    """Write a trace into a new file. Raise PackError if it exists or cannot be written."""
    schema = FileSchema(
        names=trace.names,
        columns=frozenset(k for k, v in trace.columns._asdict().items() if v is not None),
        texts={text: f"text_{text}" if text in _OWN else text for text in trace.texts},
        width=_width(trace.timestamps),
        has_arrivals=trace.arrivals is not None,
        peers_of=trace.peers_of,
        sets=lambda: trace.sets,
    )
    metadata = RunMetadata(*(getattr(trace, name) for name in RunMetadata._fields))
    clock = None if trace.timestamps is None else trace.timestamps.clock
    _write(
        path,
        _row_groups(trace),
        schema,
        lambda: _as_json(schema, metadata, clock=clock, texts=schema.texts,
                         scenario=trace.scenario, in_line_order=False),
    )  # fmt: skip


def pack_chunks(
    chunks: Iterable[JournalChunk],
    builder: TraceBuilder,
    clock: str,
    path: Path,
    scenario: str | None,
) -> int:
    """Write the chunks of a run's journals into a new file as they come.

    builder: a fresh one. clock: the additional clock of the run, or `lamport`.
    scenario: text of TOML, None if there is none. Return how many events there
    are. Raise PackError if the file exists or cannot be written, and
    UnreadableError if a journal cannot be read.
    """
    schema = FileSchema(
        names=builder.names,
        columns=frozenset(Columns._fields) - {"file", "sent", "received"},
        texts={"recorded": "recorded"},
        width=None if clock == LAMPORT else CLOCKS[clock].width(len(builder.names)),
        has_arrivals=True,
        peers_of=lambda process: (),
        sets=lambda: builder.sets.members,
    )
    _write(
        path,
        _row_groups_of_chunks(chunks, builder),
        schema,
        lambda: _as_json(schema, builder.metadata(), clock=None if clock == "lamport" else clock,
                         texts=schema.texts if builder.has_recorded else {}, scenario=scenario,
                         in_line_order=True),
    )  # fmt: skip
    return sum(builder.counts)


def _row_groups_of_chunks(
    chunks: Iterable[JournalChunk], builder: TraceBuilder
) -> Iterator[RowGroup]:
    for chunk in chunks:
        first = builder.counts[chunk.process]
        rows = builder.add(chunk)
        texts = {} if rows.recorded is None else {"recorded": rows.recorded}
        yield RowGroup(chunk.process, first, rows, builder.gaps, texts)


def _row_groups(trace: Trace) -> Iterator[RowGroup]:
    for process in range(trace.processes):
        rows = trace.rows_of(process)
        for low in range(rows.start, rows.stop, ROWS_AT_ONCE):
            high = min(low + ROWS_AT_ONCE, rows.stop)
            gaps = trace.gaps[slice(*np.searchsorted(trace.gaps, [low, high]))] - low
            texts = {text: values[low:high] for text, values in trace.texts.items()}
            yield RowGroup(process, low - rows.start, _slice(trace, low, high), gaps, texts)


def _slice(trace: Trace, low: int, high: int) -> JournalColumns:
    stamps, arrivals = trace.timestamps, trace.arrivals
    return JournalColumns(
        take_columns(trace.columns, slice(low, high)),
        (),
        _no_arrivals(high - low)
        if arrivals is None
        else Arrivals(*_ragged_slice(arrivals, low, high)),
        stamps and Timestamps(stamps.clock, *_ragged_slice(stamps[1:], low, high)),
        None,
    )


def _ragged_slice(ragged: Sequence[IntArray], low: int, high: int) -> list[IntArray]:
    starts, *others = ragged
    begin, end = int(starts[low]), int(starts[high])
    return [starts[low : high + 1] - begin, *(each[begin:end] for each in others)]


def _no_arrivals(rows: int) -> Arrivals:
    return Arrivals(np.zeros(rows + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int64))


def _width(stamps: Timestamps | None) -> int | None:
    """Return the width of a schema for these timestamps."""
    if stamps is None:
        return None
    counts = np.diff(stamps.starts)
    width = int(counts.max()) if len(counts) else 0
    is_dense = bool(np.isin(counts, (0, width)).all()) and width > 0
    if is_dense:
        is_dense = bool((stamps.entries.reshape(-1, width) == np.arange(width)).all())
    return width if is_dense else 0


def _as_json(
    schema: FileSchema,
    metadata: RunMetadata,
    *,
    clock: str | None,
    texts: Mapping[str, str],
    scenario: str | None,
    in_line_order: bool,
) -> dict[str, str]:
    """Return the metadata of a file, under the names of version 1."""
    document = {
        "starts": metadata.starts.tolist(),
        "sets": [[int(place) for place in members] for members in metadata.sets],
        "peers": metadata.peers,
        "authors": [
            {**each._asdict(), "lost": sorted(each.lost)} for each in metadata.process_info
        ],
        "files": metadata.files,
        "unread": [list(one) for one in metadata.unread],
        "absent": metadata.missing_processes,
        "scenario": scenario,
        "version": VERSION,
        "driftlab": DRIFTLAB_VERSION,  # by which it was packed
        "journals": in_line_order,  # rows as their lines stood, not yet in the order of ticks
        "names": list(schema.names),
        "clock": clock,
        "texts": dict(texts),
    }
    return {KEY: json.dumps(document, separators=(",", ":"))}


def _write(
    path: Path,
    groups: Iterator[RowGroup],
    schema: FileSchema,
    metadata: Callable[[], dict[str, str]],
) -> None:
    """Write row groups into a new file; `metadata` is called when all have come."""
    empty = _empty_frame(schema)
    failed: list[BaseException] = []

    def source(columns: Any, predicate: Any, rows: Any, batch: Any) -> Iterator["pl.DataFrame"]:
        try:
            yield from chain([empty], (frame_of_group(group, schema) for group in groups))
        except BaseException as error:  # raised below as it is, whatever Polars makes of it
            failed.append(error)

    try:
        with whole_file(path, replace=False) as unfinished:
            # Polars takes only paths of UTF-8, and a file that is open whatever its name.
            with unfinished.open("xb") as file:
                pl.io.plugins.register_io_source(source, schema=empty.schema).sink_parquet(
                    file, metadata=lambda context: metadata(), row_group_size=ROWS_AT_ONCE
                )
            if failed:
                raise failed[0]
    except FileExistsError:
        require_new(path)
        raise
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PackError(f"cannot write {path}: {reason}") from error


def _empty_frame(schema: FileSchema) -> "pl.DataFrame":
    """Return a frame without rows: which columns there are, and of which types."""
    clock = "lamport" if schema.width is None else "vector"
    rows = columns_of_entries([], [], {}, clock)
    no_rows = np.zeros(0, np.int64)
    columns = Columns(*(no_rows if each is None else each for each in rows.columns))
    return frame_of_group(RowGroup(0, 0, rows._replace(columns=columns), no_rows, {}), schema)


def frame_of_group(group: RowGroup, schema: FileSchema) -> "pl.DataFrame":
    """Return a row group as a frame, its columns in the order of the file."""
    columns, count = group.rows.columns, group.rows.events
    names = pl.Series(list(schema.names), dtype=pl.Enum(list(schema.names)))
    process = np.full(count, group.process, np.int32)
    after_gap = np.zeros(count, bool)
    after_gap[group.gaps] = True
    frame: dict[str, pl.Series] = {
        "process": names.gather(as_index(process)),
        "index": pl.Series(np.arange(group.first, group.first + count)),
        "kind": pl.Series(KINDS, dtype=pl.Enum(KINDS)).gather(pl.Series(columns.kind)),
        "after_hole": pl.Series(after_gap),
    }
    there = {key: getattr(columns, key) for key in schema.columns}
    frame |= {key: with_nulls(there[key]) for key in _INTEGERS if key in there}
    if "sender" in there:
        frame["sender"] = names.gather(as_index(there["sender"]))
    if "target" in there:
        target = there["target"]
        frame["target"] = pl.Series(target)
        frame["targets"] = target_lists(process, target, names, schema.peers_of, schema.sets())
    if "file" in there:
        frame["file"] = pl.Series(there["file"].astype(np.int32))
    if schema.has_arrivals:
        starts, sender, stamp = group.rows.arrivals
        frame["found_sender"] = _lists(starts, names.gather(as_index(sender)))
        frame["found_stamp"] = _lists(starts, pl.Series(stamp))
    if schema.width is not None and group.rows.timestamps is not None:
        frame |= _timestamp_columns(group.rows.timestamps, schema.width)
    for text, column in schema.texts.items():
        frame[column] = pl.Series(group.texts.get(text, [None] * count), dtype=pl.String)
    return pl.DataFrame(frame)


def _timestamp_columns(stamps: Timestamps, width: int) -> "dict[str, pl.Series]":
    if not width:
        entry, value = (_lists(stamps.starts, pl.Series(each)) for each in stamps[2:])
        return {"timestamp_entry": entry, "timestamp_value": value}
    there = np.diff(stamps.starts) > 0
    dense = pl.Series(stamps.values.reshape(-1, width), dtype=pl.Array(pl.Int64, width))
    return {"timestamp": dense.gather(as_index(np.where(there, np.cumsum(there) - 1, -1)))}


def _lists(starts: IntArray, flat: "pl.Series") -> "pl.Series":
    """Return a series of lists; row i has flat[starts[i]:starts[i + 1]]."""
    counts = np.diff(starts)
    some = np.flatnonzero(counts)
    row = pl.Series(np.repeat(np.arange(len(counts)), counts)).set_sorted()
    grouped = pl.DataFrame({"row": row, "value": flat}).group_by("row", maintain_order=True)
    lists = grouped.agg("value")["value"]
    index = np.full(len(counts), len(some), np.uint32)
    index[some] = np.arange(len(some))
    return lists.append(pl.Series("value", [[]], dtype=lists.dtype)).gather(pl.Series(index))


# Read.


def packed_by(path: Path) -> str | None:
    """Return the version of driftlab that packed a file, None if the file does not say."""
    text = _read_metadata(path)
    try:
        document = json.loads(text or "{}")
    except ValueError:
        return None
    version = document.get("driftlab") if isinstance(document, dict) else None
    return version if isinstance(version, str) else None


def is_packed(path: Path) -> bool:
    """Whether a file is a packed history. Raise PackError if it is a damaged Parquet file."""
    return _read_metadata(path) is not None


def table_of_ours(path: Path) -> str | None:
    """Return what a Parquet file of driftlab is that is no history: `sweep`, `study`, or None."""
    try:
        with path.open("rb") as file:  # Polars takes no path that is no text
            metadata = pl.read_parquet_metadata(file)
    except (OSError, pl.exceptions.PolarsError):
        return None  # whoever reads it says why
    kinds = {SWEEP_KEY: "sweep", STUDY_KEY: "study"}
    return next((kind for key, kind in kinds.items() if key in metadata), None)


def unpack(path: Path) -> Trace:
    """Read a packed history. Raise PackError if it is none, or is damaged."""
    text = _read_metadata(path)
    if text is None:
        raise PackError(f"{path}: not a packed history; `driftlab pack RUN` makes one")
    try:
        require_plausible_size(path)
        document = json.loads(text)
        if document["version"] != VERSION:
            raise PackError(
                f"{path}: packed in version {document['version']}; this driftlab reads {VERSION}"
            )
        if document["clock"] not in (None, *CLOCKS):
            raise PackError(
                f"{path}: has timestamps of the clock {document['clock']!r}, which is not known; "
                f"there are {', '.join(CLOCKS)}"
            )
        require_known_types(document)
        columns = _FileColumns(path)
        trace = Trace(
            document["names"],
            np.array(document["starts"], np.int64),
            _read_columns(columns),
            peers=document["peers"],
            sets=[tuple(members) for members in document["sets"]],
            timestamps=_read_timestamps(columns, document["clock"]),
            arrivals=_read_arrivals(columns),
            texts={text: columns[name].to_list() for text, name in document["texts"].items()},
            process_info=[
                ProcessInfo(**{**each, "lost": frozenset(each["lost"])})
                for each in document["authors"]
            ],
            files=document["files"],
            unread=[UnreadLine(*one) for one in document["unread"]],
            gaps=columns["after_hole"].arg_true().to_numpy().astype(np.int64),
            missing_processes=document["absent"],
            scenario=document["scenario"],
        )
        require_consistent(trace, is_of_journals=bool(document["journals"]))
        return in_tick_order(trace) if document["journals"] else trace
    except (
        ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError,
        ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException,
    ) as error:  # fmt: skip
        raise PackError(f"{path}: a damaged packed history: {str(error)[:200]!r}") from None


class _FileColumns:
    """The columns of a file, each read when it is asked for, and not kept."""

    def __init__(self, path: Path) -> None:
        self._source = source_of(path)
        self._names = set(pl.scan_parquet(self._source, glob=False).collect_schema())

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> "pl.Series":
        return pl.read_parquet(self._source, columns=[name], glob=False)[name]


def _read_metadata(path: Path) -> str | None:
    """Return the metadata under KEY of a file, None if it has none. Raise PackError."""
    try:
        with path.open("rb") as file:
            if file.read(len(PARQUET_MAGIC)) != PARQUET_MAGIC:
                return None
    except OSError as error:
        raise PackError(f"{path}: {error.strerror or error}") from error
    try:  # only now are Polars loaded, which takes longer than reading most logs
        return pl.read_parquet_metadata(source_of(path)).get(KEY)
    except OSError as error:
        raise PackError(f"{path}: {error.strerror or error}") from error
    except pl.exceptions.PolarsError as error:
        raise PackError(f"{path}: a damaged Parquet file: {str(error)[:200]!r}") from None


def _read_columns(columns: _FileColumns) -> Columns:
    kinds = columns["kind"]
    if kinds.dtype != pl.Enum(KINDS) or kinds.null_count():
        raise ClaimError("kind: is not a column of the kinds of events")
    kind = kinds.to_physical().to_numpy().astype(np.uint8)
    others = [name for name in Columns._fields if name != "kind" and name in columns]
    return Columns(kind, **{name: _read_column(name, columns[name]) for name in others})


def _read_column(name: str, series: "pl.Series") -> IntArray:
    if name == "sender":
        return series.to_physical().cast(pl.Int32).fill_null(NOBODY).to_numpy()
    return series.fill_null(MISSING).to_numpy() if series.null_count() else series.to_numpy()


def _read_arrivals(columns: _FileColumns) -> Arrivals | None:
    if "found_sender" not in columns:
        return None
    lists = columns["found_sender"]
    sender = _flat(lists).to_physical().cast(pl.Int32).to_numpy()
    return Arrivals(_starts(lists), sender, _flat(columns["found_stamp"]).to_numpy())


def _read_timestamps(columns: _FileColumns, clock: str | None) -> Timestamps | None:
    if clock is None:
        return None
    if "timestamp" not in columns:
        lists = columns["timestamp_entry"]
        values = _flat(columns["timestamp_value"]).to_numpy()
        return Timestamps(clock, _starts(lists), _flat(lists).to_numpy(), values)
    dense = columns["timestamp"]
    there = dense.is_not_null()
    values = dense.drop_nulls().to_numpy()
    starts = starts_of(there.to_numpy() * values.shape[1])
    entries = np.tile(np.arange(values.shape[1], dtype=np.int32), len(values))
    return Timestamps(clock, starts, entries, values.reshape(-1))


def _flat(lists: "pl.Series") -> "pl.Series":
    """Return the values of all lists, one list after the other."""
    return lists.filter(lists.list.len() > 0).explode()


def _starts(lists: "pl.Series") -> IntArray:
    return starts_of(lists.list.len().fill_null(0).to_numpy())
