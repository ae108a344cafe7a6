"""A history in one Parquet file: its events in columns, all else in the file's metadata.

A row of the file is an event, in the order of `Trace`, under the names of the
frame (`driftlab.trace.frame`); what a trace knows beside its events stands as
JSON in the file's metadata under `driftlab-history`, which is how such a file
is known. The rows come in parts of bounded size, so a history of any length is
written in bounded memory; and it can be scanned without being loaded.

Columns that the frame does not have: `after_hole` (whether something of the
process is missing before this event), `target` (the number, see `Columns`),
`found_sender` and `found_stamp` (lists), `file`, `sent`, `received`; and the
`timestamp` is numbers, not text.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, Final

from driftlab.errors import DriftlabError
from driftlab.trace.gather import Gathering
from driftlab.trace.parts import OWN, ROWS_AT_ONCE, Layout, Part, empty_frame, frame_of_part
from driftlab.trace.reading import Piece
from driftlab.trace.rows import Rows
from driftlab.trace.trace import Trace
from driftlab.trace.trace_columns import Array, Arrivals, Columns, Timestamps

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
    pieces: Iterable[Piece], gathering: Gathering, clock: str, path: Path, scenario: str | None
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


def _gathered_parts(pieces: Iterable[Piece], gathering: Gathering) -> Iterator[Part]:
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
            holes = trace.holes[np.searchsorted(trace.holes, low) :]
            holes = holes[: np.searchsorted(holes, high)] - low
            texts = {text: values[low:high] for text, values in trace.texts.items()}
            yield Part(process, low - start, _slice(trace, low, high), holes, texts)


def _slice(trace: Trace, low: int, high: int) -> Rows:
    columns = Columns(*(None if each is None else each[low:high] for each in trace.columns))
    stamps = trace.timestamps
    return Rows(
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
    "starts", "sets", "peers", "authors", "files", "unread", "absent", "scenario"
)  # fmt: skip


def _metadata(
    layout: Layout, known: Mapping[str, Any], clock: str | None, texts: Mapping[str, str]
) -> dict[str, str]:
    authors = [{**each._asdict(), "lost": sorted(each.lost)} for each in known["authors"]]
    told = {key: known[key] for key in _KNOWN} | {
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
