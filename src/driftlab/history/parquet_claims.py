"""Whether what a Parquet file claims about itself can be: anybody may have written it.

A few bytes can claim billions of rows, and the metadata of a packed run may contradict its
rows. Both are found before anything is built of them. The limits: a file may unpack to
CELLS_PER_BYTE times its size and more; that what is consistent is also true, no check shows.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from driftlab.errors import counted
from driftlab.history.trace import Trace
from driftlab.lazy import np, pl
from driftlab.model.columns import KINDS, NOBODY, SET_FIRST, Columns

CELLS_ALWAYS: Final = 5_000_000  # any file may have these, whatever its size
CELLS_PER_BYTE: Final = 32  # of the file; those of real runs have one or two
TEXT_BYTES_ALWAYS: Final = 1 << 28
OF_JOURNALS: Final = tuple(
    name for name in Columns._fields if name not in ("file", "sent", "received")
)
TEXT_PER_BYTE: Final = 200  # what texts take unpacked, for a byte of the file


def source_of(path: Path) -> Path | bytes:
    """Return what Polars is given to read: the path, or the bytes if its name is not UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return path.read_bytes()
    return path


class ClaimError(ValueError):
    """A file claims what cannot be."""


def require_plausible_size(path: Path) -> None:
    """Raise ClaimError if a Parquet file claims far more than its bytes can hold.

    May raise OSError and PolarsError, too.
    """
    size = path.stat().st_size
    frame = pl.scan_parquet(source_of(path), glob=False)
    schema = frame.collect_schema()
    rows = int(frame.select(pl.len()).collect().item())
    if rows * len(schema) > max(CELLS_ALWAYS, CELLS_PER_BYTE * size):
        raise ClaimError(
            f"claims {rows} rows of {len(schema)} columns, which {size} bytes do not hold"
        )
    texts = [name for name, kind in schema.items() if kind == pl.String]
    if texts and rows:
        lengths = frame.select(pl.col(texts).str.len_bytes().cast(pl.UInt64).sum())
        held = sum(lengths.collect(engine="streaming").row(0))
        if held > max(TEXT_BYTES_ALWAYS, TEXT_PER_BYTE * size):
            raise ClaimError(f"unpacks to {held} bytes of text, which {size} bytes do not hold")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_list(value: object, each: Callable[[object], bool]) -> bool:
    return isinstance(value, list) and all(map(each, value))


def _is_unread(value: object) -> bool:
    return (
        isinstance(value, list) and len(value) in (3, 4) and _is_text(value[0])
        and _is_count(value[1]) and _is_text(value[2]) and all(map(_is_count, value[3:]))
    )  # fmt: skip


def _is_author(value: object) -> bool:
    if not isinstance(value, dict) or not _is_list(value.get("lost"), _is_text):
        return False
    numbers = [value.get(key) for key in ("rate", "speed", "phase_ns")]
    process = value.get("process")
    return (
        all(each is None or isinstance(each, int | float) for each in numbers)
        and numbers[1] is not None and (process is None or _is_text(process))
    )  # fmt: skip


def require_known_types(document: Mapping[str, Any]) -> None:
    """Raise ClaimError if a value in the metadata of a packed run has another type than ours."""
    scenario, names = document["scenario"], document["names"]
    checks = {
        "names": _is_list(names, _is_text) and len(set(names)) == len(names) > 0,
        "starts": _is_list(document["starts"], _is_count),
        "sets": _is_list(document["sets"], lambda each: _is_list(each, _is_count)),
        "peers": document["peers"] is None
        or _is_list(document["peers"], lambda each: _is_list(each, _is_count)),
        "authors": _is_list(document["authors"], _is_author),
        "files": _is_list(document["files"], _is_text),
        "unread": _is_list(document["unread"], _is_unread),
        "absent": _is_list(document["absent"], _is_text),
        "scenario": scenario is None or _is_text(scenario),
        "texts": isinstance(document["texts"], dict)
        and all(map(_is_text, document["texts"].values())),
    }
    for key, is_ours in checks.items():
        if not is_ours:
            raise ClaimError(f"{key}: has a form that no packed run has")


def require_consistent(trace: Trace, *, is_of_journals: bool) -> None:
    """Raise ClaimError if the parts of a trace contradict each other.

    is_of_journals: whether it has all columns of a journal.
    """
    rows, processes = len(trace.columns.kind), len(trace.names)
    starts = trace.starts
    is_whole = len(starts) == processes + 1 and starts[0] == 0 and starts[-1] == rows
    if not is_whole or (np.diff(starts) < 0).any():
        raise ClaimError(
            f"starts: do not divide {counted(rows, 'event')} among {counted(processes, 'process')}"
        )
    for name, column in trace.columns._asdict().items():
        if column is not None and (len(column) != rows or column.dtype.kind not in "iu"):
            raise ClaimError(f"{name}: is not a column of {counted(rows, 'whole number')}")
    if is_of_journals:
        absent = [name for name in OF_JOURNALS if getattr(trace.columns, name) is None]
        if absent or trace.arrivals is None:
            raise ClaimError(f"{', '.join(absent) or 'found_sender'}: a column that is not there")
    members: list[Sequence[int]] = [*trace.sets, *(trace.peers or ())]
    if any(place >= processes for each in members for place in each):
        raise ClaimError("sets or peers: name a process that is not there")
    if trace.peers is not None and len(trace.peers) != processes:
        raise ClaimError("peers: are not those of the processes")
    if len(trace.process_info) not in (0, processes):
        raise ClaimError("authors: are not the processes")
    _require_values(trace)


def _require_values(trace: Trace) -> None:
    """Raise ClaimError if a value of a trace names what is not there."""
    rows, processes = len(trace.columns.kind), len(trace.names)
    columns = trace.columns
    _require_within("kind", columns.kind, 0, len(KINDS) - 1)
    _require_within("sender", columns.sender, NOBODY, processes - 1)
    _require_within("target", columns.target, SET_FIRST + 1 - len(trace.sets), processes - 1)
    _require_within("file", columns.file, 0, max(len(trace.files) - 1, 0))
    if trace.arrivals is not None:
        _require_within("found_sender", trace.arrivals.sender, 0, processes - 1)
        starts, sender, stamp = trace.arrivals
        if len(starts) != rows + 1 or len(stamp) != len(sender):
            raise ClaimError("found_sender and found_stamp: are not of the same messages")
    stamps = trace.timestamps
    if stamps is not None and not (
        len(stamps.starts) == rows + 1 and len(stamps.entries) == len(stamps.values)
    ):
        raise ClaimError("timestamps: are not one for each event")
    if any(len(texts) != rows for texts in trace.texts.values()):
        raise ClaimError("texts: are not one for each event")


def _require_within(name: str, column: Any, low: int, high: int) -> None:
    if column is not None and len(column) and not (low <= column.min() and column.max() <= high):
        raise ClaimError(f"{name}: has a value that is not from {low} to {high}")
