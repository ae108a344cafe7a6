"""Timestamps of a further clock, between text and columns."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from driftlab.trace.trace import Trace
from driftlab.trace.trace_columns import Timestamps


def texts_of(trace: Trace) -> list[str | None]:
    """Return each event's timestamp as its clock writes it; None where it has none."""
    held = trace.timestamps
    if held is None:
        return [None] * len(trace)
    width = _width(held.clock, trace.processes)
    starts, entries, values = (each.tolist() for each in held[1:])
    texts: list[str | None] = []
    for begin, end in pairwise(starts):
        if begin == end:
            texts.append(None)
            continue
        numbers = [0] * width
        for place in range(begin, end):
            numbers[entries[place]] = values[place]
        texts.append(_text(held.clock, numbers, trace.processes))
    return texts


def text_at(held: Timestamps, row: int, processes: int) -> str | None:
    """Return one event's timestamp as its clock writes it; None where it has none."""
    begin, end = int(held.starts[row]), int(held.starts[row + 1])
    if begin == end:
        return None
    numbers = [0] * _width(held.clock, processes)
    for entry, value in zip(held.entries[begin:end], held.values[begin:end], strict=True):
        numbers[entry] = int(value)
    return _text(held.clock, numbers, processes)


def _width(clock: str, processes: int) -> int:
    """Return how many numbers a timestamp has."""
    return {"vector": processes, "matrix": processes**2, "hybrid": 2}[clock]


def _text(clock: str, numbers: Sequence[int], processes: int) -> str:
    if clock != "matrix":
        return ".".join(map(str, numbers))
    rows = (numbers[row * processes : (row + 1) * processes] for row in range(processes))
    return "/".join(".".join(map(str, row)) for row in rows)


def from_texts(clock: str, texts: Iterable[str | None]) -> Timestamps:
    """Read timestamps as `encode` writes them: whole numbers parted by dots, rows by slashes.

    Raises ValueError at what is no number.
    """
    rows = [
        None if text is None else [int(part) for part in text.replace("/", ".").split(".")]
        for text in texts
    ]
    return from_rows(clock, [None if row is None else dict(enumerate(row)) for row in rows])


def from_rows(clock: str, rows: Sequence[dict[int, int] | None]) -> Timestamps:
    """Put timestamps into columns: of each event its entries by number, or None."""
    import numpy as np

    starts = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row or ()) for row in rows], out=starts[1:])
    ordered = [sorted((row or {}).items()) for row in rows]
    entries = np.array([entry for row in ordered for entry, _ in row], np.int32)
    values = np.array([value for row in ordered for _, value in row], np.int64)
    return Timestamps(clock, starts, entries, values)
