"""The bytes of a log, in stretches of whole lines; through gzip where that is what the file is.

Memory is bounded whatever a file holds: a stretch has about STRETCH_BYTES, a
line at most LINE_BYTES_MAX. A longer one is passed over, and told. Of a gzip
file that is cut off or damaged everything that could be unpacked counts.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from driftlab.trace.files import UnreadableError
from driftlab.trace.gunzip import (
    BAD_CHECKSUM,
    CUT_OFF,
    DAMAGED,
    GZIP_MAGIC,
    GunzipError,
    gunzipped,
)
from driftlab.trace.ordinary import begins_with, require_ordinary

LINE_BYTES_MAX: Final = 1 << 26  # 64 MiB; what a tick may find is far below
TOO_LONG: Final = f"longer than {LINE_BYTES_MAX:,} bytes, the limit of a line"
STRETCH_BYTES: Final = 1 << 23  # 8 MiB, read at once
_DAMAGES: Final = {
    CUT_OFF: "the gzip file is cut off here; copy it again to have the rest",
    DAMAGED: "the gzip file is damaged from here on",
    BAD_CHECKSUM: "a wrong checksum ends the gzip file here; the lines above may be damaged",
}


class Stretch(NamedTuple):
    """Some lines of a file, one after the other.

    text: whole lines; after the last one of a file a piece of a line may follow.
    passed: instead of a text, one line longer than LINE_BYTES_MAX, with or
    without (`torn`) its end. damage: why the file cannot be read any further.
    """

    text: bytes
    passed: bool = False
    torn: bool = False
    damage: str | None = None


def stretches(path: Path, size: int = STRETCH_BYTES) -> Iterator[Stretch]:
    """Read a file from its begin to its end. Raises UnreadableError."""
    require_ordinary(path)
    try:
        yield from _in_lines(_chunks(path, size), LINE_BYTES_MAX)
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error


def _in_lines(chunks: Iterator[bytes], longest: int) -> Iterator[Stretch]:
    """Cut chunks at line ends."""
    rest = b""
    too_long = False  # within a line that is passed over
    damage = None
    try:
        for chunk in chunks:
            if too_long:
                begin = chunk.find(b"\n") + 1
                if not begin:
                    continue
                yield Stretch(b"", passed=True)
                too_long, chunk = False, chunk[begin:]
            end = chunk.rfind(b"\n") + 1
            if end:
                yield Stretch(rest + chunk[:end])
                rest = chunk[end:]
            else:
                rest += chunk
            if len(rest) > longest:
                rest, too_long = b"", True
    except GunzipError as error:
        damage = _DAMAGES[error.kind]
    if too_long:
        yield Stretch(b"", passed=True, torn=True)
    if rest and (damage is None or damage == _DAMAGES[BAD_CHECKSUM]):
        yield Stretch(rest, torn=True)
    if damage:
        yield Stretch(b"", damage=damage)


def _chunks(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        chunk = file.read(size)
        if chunk.startswith(GZIP_MAGIC):
            yield from gunzipped(file.read, chunk, size)
            return
        while chunk:
            yield chunk
            chunk = file.read(size)


def size_of(path: Path) -> int:
    """Return about how many bytes of text a file has. Raises UnreadableError."""
    is_packed = begins_with(path, GZIP_MAGIC)
    try:
        return path.stat().st_size * (_PACKED_TO if is_packed else 1)
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error


_PACKED_TO: Final = 5  # what gzip makes of a journal, roughly
