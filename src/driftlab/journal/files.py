"""What gzip packed, as far as it can be unpacked, whatever happened to the file.

The invariant: every byte that zlib can give before the damage is given, and
then why there are no more. zlib keeps back what it had found in a call that
fails, so such a call is made again from a copy, in ever smaller steps.

The limit: a damaged stretch may go on giving wrong bytes for a while before
anything contradicts them. The checksum at the end then tells so.

Reading a file of text, or saying why not.

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
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from driftlab.errors import DriftlabError

GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 31  # zlib's word for: with a header of gzip
_STEPS_BYTES: Final = ((1 << 10, 1 << 16), (1, 1))  # once a call failed: packed bytes, unpacked
_CHECKS: Final = ("incorrect data check", "incorrect length check")  # as zlib says it

CUT_OFF: Final = "cut off"
DAMAGED: Final = "damaged"
BAD_CHECKSUM: Final = "bad checksum"


class GunzipError(Exception):
    """There is no more of a packed file: `kind` is CUT_OFF, DAMAGED or BAD_CHECKSUM."""

    def __init__(self, kind: str, reason: str = "") -> None:
        super().__init__(reason or kind)
        self.kind = kind


def gunzipped(read: Callable[[int], bytes], packed: bytes, size: int) -> Iterator[bytes]:
    """Yield what a packed file holds, of one part or of several, at most `size` bytes at once.

    `packed`: its first bytes; `read`: gives more of them, and at last none.
    Zeros after a part are passed over. Raises GunzipError once all is given.
    """
    unzip: Any = zlib.decompressobj(_GZIP_WINDOW)
    while packed:
        before = unzip.copy()
        try:
            block = unzip.decompress(packed, size)
        except zlib.error:
            yield from _in_blocks(_step_by_step(before, packed), size)
            raise AssertionError("what failed once fails again") from None
        if block:
            yield block
        packed = unzip.unused_data.lstrip(b"\0") if unzip.eof else unzip.unconsumed_tail
        packed = packed or read(size)
        if unzip.eof:
            packed = packed.lstrip(b"\0") or _next_part(read, size)
            if packed:
                unzip = zlib.decompressobj(_GZIP_WINDOW)
    if not unzip.eof:
        raise GunzipError(CUT_OFF)


def _next_part(read: Callable[[int], bytes], size: int) -> bytes:
    """Return the first bytes that are not zeros, or none."""
    while block := read(size):
        if rest := block.lstrip(b"\0"):
            return rest
    return b""


def _step_by_step(unzip: Any, packed: bytes, level: int = 0) -> Iterator[bytes]:
    """Unpack again what failed, in steps so small that nothing is lost. Raises GunzipError."""
    step, at_once = _STEPS_BYTES[level]
    for begin in range(0, len(packed), step):
        rest, before = packed[begin : begin + step], unzip.copy()
        given: list[bytes] = []
        try:
            while rest or (given and len(given[-1]) == at_once):
                given.append(unzip.decompress(rest, at_once))
                rest = unzip.unconsumed_tail
        except zlib.error as error:
            if level + 1 < len(_STEPS_BYTES):
                yield from _step_by_step(before, packed[begin : begin + step], level + 1)
            yield b"".join(given)
            raise _gunzip_error(error) from None
        yield b"".join(given)


def _in_blocks(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Put small pieces together to blocks of about `size` bytes; an error comes after them."""
    held: list[bytes] = []
    length = 0
    try:
        for piece in pieces:
            held.append(piece)
            length += len(piece)
            if length >= size:
                yield b"".join(held)
                held, length = [], 0
    except GunzipError as error:
        if length:
            yield b"".join(held)
        raise error from None


def _gunzip_error(error: zlib.error) -> GunzipError:
    is_check = any(check in str(error) for check in _CHECKS)
    return GunzipError(BAD_CHECKSUM if is_check else DAMAGED, str(error))


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
