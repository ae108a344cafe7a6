"""A packed history back into a trace: what `packed` wrote, exactly."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from driftlab.trace.ordering import in_tick_order
from driftlab.trace.packed import KEY, VERSION, PackError
from driftlab.trace.trace import Author, Trace, Unread
from driftlab.trace.trace_columns import (
    MISSING,
    NOBODY,
    Array,
    Arrivals,
    Columns,
    Timestamps,
    starts_of,
)

PARQUET_MAGIC: Final = b"PAR1"


def is_packed(path: Path) -> bool:
    """Whether a file is a packed history: Parquet with our key in its metadata."""
    return _told(path) is not None


def unpack(path: Path) -> Trace:
    """Read a packed history. Raises PackError."""
    import numpy as np
    import polars as pl

    told = _told(path)
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
            timestamps=_timestamps(frame, known["clock"]),
            arrivals=_arrivals(frame),
            texts={text: _texts(frame, column) for text, column in known["texts"].items()},
            authors=[_author(each) for each in known["authors"]],
            files=known["files"],
            unread=[Unread(*one) for one in known["unread"]],
            holes=frame["after_hole"].arg_true().to_numpy().astype(np.int64),
            absent=known["absent"],
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


def _told(path: Path) -> str | None:
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


def _timestamps(frame: _File, clock: str | None) -> Timestamps | None:
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


def _author(told: Mapping[str, Any]) -> Author:
    return Author(**{**told, "lost": frozenset(told["lost"])})
