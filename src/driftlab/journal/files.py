"""Reading a file of text, or saying why not.

What may be opened: ordinary files, which can be read twice and come to an end.

A log is read more than once: its head says what it is, then all of it is read.
A pipe gives its bytes only once, one that nobody writes to never answers, and
a device may have no end; so they are refused before anything is opened.

The bytes of a log, in stretches of whole lines; through gzip where that is what the file is.

Memory is bounded whatever a file holds: a stretch has about STRETCH_BYTES, a
line at most LINE_BYTES_MAX. A longer one is passed over, and told. Of a gzip
file that is cut off or damaged everything that could be unpacked counts.
"""

import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from driftlab.errors import DriftlabError
from driftlab.journal.gunzip import (
    BAD_CHECKSUM,
    CUT_OFF,
    DAMAGED,
    GZIP_MAGIC,
    GunzipError,
    gunzipped,
)

if TYPE_CHECKING:  # a simulation reads no files, and need not pay for it
    from pathlib import Path


class UnreadableError(DriftlabError):
    """A file or folder that cannot be read as a journal or a run."""


def read_text(path: str | os.PathLike[str]) -> str:
    """Return the text of a file. Raises UnreadableError."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{path}: not UTF-8 text (byte {error.start})") from error


_SHOWN_CHARS_MAX: Final = 200  # of a path


def exists(path: "Path") -> bool:
    """Whether there is anything at a path. Raises UnreadableError where that cannot be told."""
    return _mode(path) is not None


def require_regular_file(path: "Path") -> None:
    """Raise UnreadableError for what is neither a file nor a folder, nor missing."""
    mode = _mode(path)
    if mode is not None and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UnreadableError(f"{path}: no ordinary file; save it to a file first")


def begins_with(path: "Path", magic: bytes) -> bool:
    """Whether a file begins with certain bytes. Raises UnreadableError."""
    require_regular_file(path)
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error


def _mode(path: "Path") -> int | None:
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UnreadableError(f"{_shown(path)}: {error.strerror}") from error
    except ValueError as error:  # a byte of 0 in it
        raise UnreadableError(f"{_shown(path)!r}: {error}") from None


def _shown(path: "Path") -> str:
    text = str(path)
    return text if len(text) <= _SHOWN_CHARS_MAX else f"{text[:_SHOWN_CHARS_MAX]}…"


LINE_BYTES_MAX: Final = 1 << 26  # 64 MiB; what a tick may find is far below
TOO_LONG: Final = f"longer than {LINE_BYTES_MAX:,} bytes, the limit of a line"
CHUNK_BYTES: Final = 1 << 23  # 8 MiB, read at once
_DAMAGES: Final = {
    CUT_OFF: "the gzip file is cut off here; copy it again to have the rest",
    DAMAGED: "the gzip file is damaged from here on",
    BAD_CHECKSUM: "a wrong checksum ends the gzip file here; the lines above may be damaged",
}


class LineChunk(NamedTuple):
    """Some lines of a file, one after the other.

    text: whole lines; after the last one of a file a piece of a line may follow.
    passed: instead of a text, one line longer than LINE_BYTES_MAX, with or
    without (`torn`) its end. damage: why the file cannot be read any further.
    """

    text: bytes
    passed: bool = False
    torn: bool = False
    damage: str | None = None


def line_chunks(path: "Path", size: int = CHUNK_BYTES) -> Iterator[LineChunk]:
    """Read a file from its begin to its end. Raises UnreadableError."""
    require_regular_file(path)
    try:
        yield from _whole_lines(_chunks(path, size), LINE_BYTES_MAX)
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error


def _whole_lines(chunks: Iterator[bytes], longest: int) -> Iterator[LineChunk]:
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
                yield LineChunk(b"", passed=True)
                too_long, chunk = False, chunk[begin:]
            end = chunk.rfind(b"\n") + 1
            if end:
                yield LineChunk(rest + chunk[:end])
                rest = chunk[end:]
            else:
                rest += chunk
            if len(rest) > longest:
                rest, too_long = b"", True
    except GunzipError as error:
        damage = _DAMAGES[error.kind]
    if too_long:
        yield LineChunk(b"", passed=True, torn=True)
    if rest and (damage is None or damage == _DAMAGES[BAD_CHECKSUM]):
        yield LineChunk(rest, torn=True)
    if damage:
        yield LineChunk(b"", damage=damage)


def _chunks(path: "Path", size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        chunk = file.read(size)
        if chunk.startswith(GZIP_MAGIC):
            yield from gunzipped(file.read, chunk, size)
            return
        while chunk:
            yield chunk
            chunk = file.read(size)


def size_of(path: "Path") -> int:
    """Return about how many bytes of text a file has. Raises UnreadableError."""
    is_packed = begins_with(path, GZIP_MAGIC)
    try:
        return path.stat().st_size * (_GZIP_RATIO if is_packed else 1)
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error


_GZIP_RATIO: Final = 5  # what gzip makes of a journal, roughly


def unpacked_chunks(file: BinaryIO, first: bytes, size: int) -> Iterator[bytes]:
    """Yield the bytes of an open file, decompressed if gzip compressed them.

    `first`: what was read of the file already, its beginning, at least two bytes
    where there are so many. `size`: bytes to read, and to yield, at once. Raises
    GunzipError, once everything before the damage was yielded, and OSError.
    """
    if first.startswith(GZIP_MAGIC):
        yield from gunzipped(file.read, first, size)
        return
    while first:
        yield first
        first = file.read(size)
