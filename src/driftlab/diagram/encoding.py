"""The bytes of a diagram: one container, served as it is or embedded in a page.

A container is the magic, the length of the header (u4), the header as JSON in UTF-8, zero
bytes up to a multiple of 8, and the columns, each beginning at a multiple of 8. All numbers
are little-endian. The header has the fields of `Diagram`, and under `columns` of each its
name, type (u1, i4, f4, f8), count, encoding, offset from the first column's byte, and length.

Columns of a history (which are absent if the log has none):

- `kind` u1: 0 internal, 1 send, 2 receive, 3 unsaid.
- `time`, `own` f8: nanoseconds after the origin; NaN where missing. `own` is the machine's own
  clock where it differs.
- `clock` i4: the Lamport clock, -1 where missing; f8, as near as a float has it and NaN
  where missing, if one is 2^31 or more.
- `queue`, `tick` i4: -1 where missing; `tick` is absent if it is the event's number in its lane.
- `late` f4: nanoseconds, NaN where missing; absent if no event was late.
- `target` i4: a lane; -1 every peer; -2 nothing; -3 - k number k of the header's `sets`.
- `m_send`, `m_receive`, `m_found` i4: rows of each matched message, in the order of the
  receives; `m_found` -1 where it is not known when it was found.
- `w_send`, `w_found` i4: messages that were found and never received.
- `gap` i4: rows before which events of the process are missing.

Two encodings:

- `raw`: the array itself.
- `delta`: whole numbers as differences from the number before (from 0 at first), zigzag
  (0, -1, 1, -2 are 0, 1, 2, 3), LEB128 (seven bits a byte, the lowest first, the eighth bit
  says that more follow). In a column of floats 0 stands for NaN, which leaves the number
  before as it is, and every other code is one more. Numbers beyond 2^61 are cut to that.

In a file the whole container is deflated besides (zlib), and written in base64.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from driftlab.arrays import AnyArray, ByteArray, FloatArray, IntArray
from driftlab.diagram.columns import Diagram, Lane

MAGIC: Final = b"DRIFTLD1"
ALIGNMENT: Final = 8
WHOLE_MAX: Final = 2**61  # of a number in a `delta` column
TYPES: Final = {"u1": np.uint8, "i4": np.int32, "f4": np.float32, "f8": np.float64}
_VALUES_AT_ONCE: Final = 1 << 20  # that are written together; more would not stay in the caches


def encode(diagram: Diagram, *, compact: bool = False) -> bytes:
    """Return the container of a diagram; compact: smaller, with columns of differences."""
    return container(header_of(diagram), diagram.columns, compact=compact)


def header_of(diagram: Diagram) -> dict[str, Any]:
    """Return what a header says of a diagram, but for its columns."""
    return {
        "title": diagram.title,
        "events": diagram.events,
        "messages": diagram.messages,
        "lanes": [lane_object(each) for each in diagram.lanes],
        "origin_ns": str(diagram.origin_ns),
        "time_meaning": diagram.time_meaning,
        "has": {
            **{name: name in diagram.columns for name in ("time", "own", "clock", "queue", "late")},
            "found": bool((diagram.columns["m_found"] >= 0).any()) or "w_found" in diagram.columns,
            "real_time": diagram.is_real,
        },
        "sets": [list(each) for each in diagram.sets],
        "peers": None if diagram.peers is None else [list(each) for each in diagram.peers],
        "scenario": diagram.scenario,
        "command": diagram.command,
        "remarks": list(diagram.remarks),
        "verdict": diagram.verdict,
    }


def lane_object(lane: Lane) -> dict[str, Any]:
    """Return a lane as the header of a container has it."""
    offset = None if lane.offset is None else lane.offset._asdict()
    return {**lane._asdict(), "dash": list(lane.dash), "offset": offset}


def container(
    header: Mapping[str, Any], columns: Mapping[str, AnyArray], *, compact: bool = False
) -> bytes:
    """Return a container: a header and columns; see `container_parts`."""
    return b"".join(container_parts(header, columns, compact=compact))


def container_parts(
    header: Mapping[str, Any], columns: Mapping[str, AnyArray], *, compact: bool = False
) -> list[bytes | memoryview]:
    """Return the parts of a container, one after the other: columns are not copied.

    header: what it says besides the columns. columns: arrays by name, of a type in TYPES.
    compact: whether columns are differences.
    """
    rows: list[dict[str, Any]] = []
    parts: list[bytes | memoryview] = []
    at = 0
    for name, column in columns.items():
        kind = type_of(column)
        part = memoryview(b"")
        if len(column):
            written = encode_differences(column) if compact else _little_endian(column)
            part = written.view(np.uint8).data
        rows.append(
            {
                "name": name, "type": kind, "count": len(column),
                "encoding": "delta" if compact else "raw", "offset": at, "length": len(part),
            }
        )  # fmt: skip
        padding = -len(part) % ALIGNMENT
        parts += [part, bytes(padding)]
        at += len(part) + padding
    text = json.dumps({**header, "columns": rows}, ensure_ascii=False, allow_nan=False)
    head = text.encode("utf-8", "surrogatepass")
    begin = MAGIC + len(head).to_bytes(4, "little") + head
    return [begin, bytes(-len(begin) % ALIGNMENT), *parts]


def _little_endian(column: AnyArray) -> AnyArray:
    return np.ascontiguousarray(column, column.dtype.newbyteorder("<"))


def type_of(column: AnyArray) -> str:
    """Return the name of a column's type in a header. Raise KeyError if there is none."""
    return next(name for name, kind in TYPES.items() if column.dtype == np.dtype(kind))


# Differences.


def encode_differences(column: AnyArray) -> ByteArray:
    """Return a column in the encoding `delta`."""
    has_nan = column.dtype.kind == "f"
    codes = _codes_of_floats(column) if has_nan else _zigzag(column.astype(np.int64))
    return leb128(codes)


def _codes_of_floats(column: FloatArray) -> IntArray:
    is_nan = np.isnan(column)
    known = np.clip(np.round(column[~is_nan]), -WHOLE_MAX, WHOLE_MAX).astype(np.int64)
    codes = np.zeros(len(column), np.uint64)
    codes[~is_nan] = _zigzag(known) + np.uint64(1)
    return codes


def _zigzag(values: IntArray) -> IntArray:
    """Return the differences of values, from 0 at first, as u8 of zigzag."""
    differences = np.diff(values, prepend=np.int64(0))
    return ((differences << 1) ^ (differences >> 63)).astype(np.uint64)


def leb128(codes: IntArray) -> ByteArray:
    """Return numbers, u8, as LEB128."""
    parts = [
        _leb128(codes[begin : begin + _VALUES_AT_ONCE])
        for begin in range(0, len(codes), _VALUES_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint8)


def _leb128(codes: IntArray) -> ByteArray:
    largest = int(codes.max())
    if largest < 128:
        return codes.astype(np.uint8)
    lengths = np.ones(len(codes), np.int64)
    for bits in range(7, largest.bit_length(), 7):
        lengths += codes >= np.uint64(1 << bits)
    begins = np.cumsum(lengths) - lengths
    written = np.empty(int(lengths.sum()), np.uint8)
    left, at = codes, begins
    while len(left):
        more = left >= 128
        written[at] = (left & np.uint64(127)).astype(np.uint8) | (more.astype(np.uint8) << 7)
        left, at = left[more] >> np.uint64(7), at[more] + 1
    return written
