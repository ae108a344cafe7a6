"""The bytes of a log, in stretches of whole lines; through gzip where that is what the file is.

Memory is bounded whatever a file holds: a stretch has about STRETCH_BYTES, a
line at most LINE_BYTES_MAX. A longer one is passed over, and told. Of a gzip
file that is cut off or damaged everything that could be unpacked counts.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from driftlab.trace.files import UnreadableError

LINE_BYTES_MAX: Final = 1 << 26  # 64 MiB; what a tick may find is far below
TOO_LONG: Final = f"longer than {LINE_BYTES_MAX:,} bytes, the limit of a line"
STRETCH_BYTES: Final = 1 << 23  # 8 MiB, read at once
GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 31  # zlib's word for: with a header of gzip


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


class _DamagedError(Exception):
    """A gzip file that cannot be unpacked any further."""


def stretches(path: Path, size: int = STRETCH_BYTES) -> Iterator[Stretch]:
    """Read a file from its begin to its end. Raises UnreadableError."""
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
    except _DamagedError as error:
        damage = str(error)
    if too_long:
        yield Stretch(b"", passed=True, torn=True)
    if rest:
        yield Stretch(rest, torn=True)
    if damage:
        yield Stretch(b"", damage=damage)


def _chunks(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        chunk = file.read(size)
        if chunk.startswith(GZIP_MAGIC):
            yield from _unpacked(chunk, iter(lambda: file.read(size), b""), size)
            return
        while chunk:
            yield chunk
            chunk = file.read(size)


def _unpacked(first: bytes, more: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Unpack gzip, of one part or of several, never more than `size` bytes at once."""
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    packed = first
    try:
        while True:
            if not packed:
                packed = next(more, b"")
                if not packed:
                    break
            if unpacker.eof:
                unpacker = zlib.decompressobj(_GZIP_WINDOW)
            text = unpacker.decompress(packed, size)
            packed = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            if text:
                yield text
    except zlib.error as error:
        raise _DamagedError(f"the gzip file is damaged from here on: {error}") from None
    if not unpacker.eof:
        raise _DamagedError("the gzip file is cut off here; copy it again to have the rest")


def size_of(path: Path) -> int:
    """Return about how many bytes of text a file has. Raises UnreadableError."""
    try:
        with path.open("rb") as file:
            is_packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        return path.stat().st_size * (_PACKED_TO if is_packed else 1)
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error


_PACKED_TO: Final = 5  # what gzip makes of a journal, roughly
