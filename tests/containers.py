"""Containers of diagrams read back: what the engine does in JavaScript, once more in Python."""

import base64
import json
import re
import zlib
from typing import Any, NamedTuple

import numpy as np

from driftlab.arrays import AnyArray

TYPES = {"u1": "u1", "i4": "<i4", "f4": "<f4", "f8": "<f8"}


class Container(NamedTuple):
    """A header and its columns."""

    header: dict[str, Any]
    columns: dict[str, AnyArray]


def decoded(content: bytes) -> Container:
    """Read a container, by the words of `diagram.encoding` alone."""
    assert content[:8] == b"DRIFTLD1"
    length = int.from_bytes(content[8:12], "little")
    header = json.loads(content[12 : 12 + length])
    first = (12 + length + 7) // 8 * 8
    assert not any(content[12 + length : first])
    columns = {}
    for about in header["columns"]:
        begin = first + about["offset"]
        assert begin % 8 == 0
        part = content[begin : begin + about["length"]]
        columns[about["name"]] = _column(about, part)
        assert len(columns[about["name"]]) == about["count"]
    return Container(header, columns)


def _column(about: dict[str, Any], part: bytes) -> AnyArray:
    kind = np.dtype(TYPES[about["type"]])
    if about["encoding"] == "raw":
        return np.frombuffer(part, kind)
    assert about["encoding"] == "delta"
    numbers: list[float] = []
    before = code = shift = 0
    for byte in part:
        code |= (byte & 127) << shift
        shift += 7
        if byte & 128:
            continue
        if kind.kind == "f" and code == 0:
            numbers.append(np.nan)
        else:
            code -= kind.kind == "f"
            before += (code >> 1) ^ -(code & 1)
            numbers.append(before)
        code = shift = 0
    return np.array(numbers, kind)


def embedded(page: str) -> list[Container]:
    """Return the containers of an offline page."""
    about = json.loads(script(page, "offline"))
    return [
        decoded(zlib.decompress(base64.b64decode(script(page, name)))) for name in about["data"]
    ]


def script(page: str, name: str) -> str:
    """Return the text of the script element with an id."""
    found = re.search(rf'<script type="[\w/]+" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found, name
    return found[1]
