"""The bytes of a log file, in chunks of whole lines, through gzip where the file is compressed.

Only regular files are opened. A log is read more than once (its head says what
it is), a pipe gives its bytes only once, one without a writer never answers,
and a device may have no end.

A gzip file that unpacks to more than UNPACKED_RATIO_MAX times its size is refused: nobody
logs that, and a few bytes would take hours.

Memory is bounded whatever a file holds: a chunk has about CHUNK_BYTES, a line
at most LINE_BYTES_MAX; a longer line is skipped and reported. Of a damaged or
truncated gzip file every byte is given that zlib can decompress, and then the
reason why there are no more. The limit: a damaged stretch may decompress to
wrong bytes for a while before anything contradicts them; only the checksum at
the end of the file reveals that.
"""

import os
import stat
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from driftlab.errors import DriftlabError

if TYPE_CHECKING:  # a simulation reads no files, and need not pay for it
    from pathlib import Path

GZIP_MAGIC: Final = b"\x1f\x8b"
LINE_BYTES_MAX: Final = 1 << 26  # 64 MiB; what a tick may find is far below
TOO_LONG: Final = f"longer than {LINE_BYTES_MAX:,} bytes, the limit of a line"
UNPACKED_BYTES_ALWAYS: Final = 1 << 28  # 256 MiB; any gzip file may unpack to that
UNPACKED_RATIO_MAX: Final = 200  # beyond it; journals have 5, logs that repeat themselves 100
TEXT_BYTES_MAX: Final = 1 << 24  # 16 MiB; a scenario, or how a log is read
CHUNK_BYTES: Final = 1 << 23  # 8 MiB, read at once

CUT_OFF: Final = "cut off"
DAMAGED: Final = "damaged"
BAD_CHECKSUM: Final = "bad checksum"
_DAMAGE_REASONS: Final = {
    CUT_OFF: "the gzip file is cut off here; copy it again to have the rest",
    DAMAGED: "the gzip file is damaged from here on",
    BAD_CHECKSUM: "a wrong checksum ends the gzip file here; the lines above may be damaged",
}

_PATH_CHARACTERS_SHOWN_MAX: Final = 200
_GZIP_RATIO: Final = 5  # roughly, of a journal
_GZIP_WINDOW_BITS: Final = 31  # zlib's code for: with a gzip header
_STEP_BYTES: Final = ((1 << 10, 1 << 16), (1, 1))  # after an error: compressed, decompressed
_CHECKSUM_ERRORS: Final = ("incorrect data check", "incorrect length check")  # zlib's words


class UnreadableError(DriftlabError):
    """A file or folder that cannot be read as a log."""


class GunzipError(Exception):
    """A gzip file ends too early or is damaged: `kind` is CUT_OFF, DAMAGED or BAD_CHECKSUM."""

    def __init__(self, kind: str, reason: str = "") -> None:
        super().__init__(reason or kind)
        self.kind = kind


class UnreadLine(NamedTuple):
    """A line, or a stretch that begins there, that could not be read.

    file: name of the file. line: its number, from 1. reason: why. lines: how many
    there are.
    """

    file: str
    line: int
    reason: str
    lines: int = 1


class LineChunk(NamedTuple):
    """Consecutive lines of a file.

    text: whole lines; only the last line of a file may lack its line end.
    skipped: there is no text, but one line longer than LINE_BYTES_MAX.
    torn: whether the file ends here in the middle of a line.
    damage: why the file cannot be read any further, else None.
    """

    text: bytes
    skipped: bool = False
    torn: bool = False
    damage: str | None = None


def read_text(path: str | os.PathLike[str]) -> str:
    """Return the text of a small file.

    Raise UnreadableError if it is not a regular file, has more than TEXT_BYTES_MAX, or is not
    UTF-8. Nothing else is waited for or read: a pipe may have no writer, a device no end.
    """
    try:
        with open_regular(path) as file:
            text = file.read(TEXT_BYTES_MAX + 1)
        if len(text) > TEXT_BYTES_MAX:
            raise UnreadableError(f"{path}: longer than {TEXT_BYTES_MAX:,} bytes, the limit")
        return text.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{path}: not UTF-8 text (byte {error.start})") from error


def open_regular(path: "str | os.PathLike[str]") -> BinaryIO:
    """Open a regular file to read its bytes. Raise OSError, UnreadableError if it is another."""
    file = open(path, "rb", opener=_open_without_waiting)  # noqa: SIM115 - the caller closes it
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise UnreadableError(f"{path}: not a regular file; save it to a file first")


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def exists(path: "Path") -> bool:
    """Whether there is anything at a path. Raise UnreadableError if the system does not say."""
    return _mode(path) is not None


def require_regular_file(path: "Path") -> None:
    """Raise UnreadableError if a path is neither a regular file, nor a folder, nor missing."""
    mode = _mode(path)
    if mode is not None and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UnreadableError(f"{path}: not a regular file; save it to a file first")


def begins_with(path: "Path", magic: bytes) -> bool:
    """Whether a file begins with certain bytes. Raise UnreadableError if it cannot be opened."""
    require_regular_file(path)
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error


def size_of(path: "Path") -> int:
    """Return about how many bytes of text a file has. Raise UnreadableError."""
    is_compressed = begins_with(path, GZIP_MAGIC)
    try:
        return path.stat().st_size * (_GZIP_RATIO if is_compressed else 1)
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error


def _mode(path: "Path") -> int | None:
    """Return the file mode of a path, None if nothing is there."""
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UnreadableError(f"{_shortened(path)}: {error.strerror}") from error
    except ValueError as error:  # a null byte in it
        raise UnreadableError(f"{_shortened(path)!r}: {error}") from None


def _shortened(path: "Path") -> str:
    text, limit = str(path), _PATH_CHARACTERS_SHOWN_MAX
    return text if len(text) <= limit else f"{text[:limit]}…"


# Chunks of lines.


def line_chunks(path: "Path", size: int = CHUNK_BYTES) -> Iterator[LineChunk]:
    """Yield a file in chunks of whole lines.

    size: bytes read at once; a chunk is larger only if a line is.
    Raise UnreadableError if the file cannot be opened or read.
    """
    yield from _whole_lines(read_blocks(path, size), LINE_BYTES_MAX)


def _whole_lines(blocks: Iterator[bytes], line_bytes_max: int) -> Iterator[LineChunk]:
    """Cut blocks at line ends."""
    rest: list[bytes] = []  # of a line that has not ended; joined once, however long it is
    held = 0  # bytes of it
    too_long = False  # within a line that is skipped
    damage = None
    try:
        for block in blocks:
            if too_long:
                begin = block.find(b"\n") + 1
                if not begin:
                    continue
                yield LineChunk(b"", skipped=True)
                too_long, block = False, block[begin:]
            end = block.rfind(b"\n") + 1
            if end:
                yield LineChunk(b"".join([*rest, block[:end]]))
                rest, held = [], 0
            rest.append(block[end:])
            held += len(block) - end
            if held > line_bytes_max:
                rest, held, too_long = [], 0, True
    except GunzipError as error:
        damage = _DAMAGE_REASONS[error.kind]
    if too_long:
        yield LineChunk(b"", skipped=True, torn=True)
    if held and (damage is None or damage == _DAMAGE_REASONS[BAD_CHECKSUM]):
        yield LineChunk(b"".join(rest), torn=True)
    if damage:
        yield LineChunk(b"", damage=damage)


# Blocks of bytes.


def read_blocks(path: "Path", size: int = CHUNK_BYTES) -> Iterator[bytes]:
    """Yield the bytes of a file, decompressed if it is a gzip file, in blocks of at most `size`.

    Before the end of a damaged gzip file blocks may be smaller, the last one
    larger. Raise UnreadableError if the file cannot be opened or read, and
    GunzipError, after every byte that there is, if a gzip file is not whole.
    """
    require_regular_file(path)
    try:
        with path.open("rb") as file:
            yield from unpacked_chunks(file, file.read(size), size)
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error


def unpacked_chunks(file: BinaryIO, first: bytes, size: int) -> Iterator[bytes]:
    """Yield the bytes of an open file, decompressed if gzip compressed them.

    first: the beginning of the file, which was read already, at least two bytes if
    it has them. size: bytes to read, and to yield, at once. Raise OSError, and
    GunzipError after every byte that there is, if a gzip file is not whole.
    """
    if first.startswith(GZIP_MAGIC):
        yield from _in_proportion(file, first, size)
        return
    while first:
        yield first
        first = file.read(size)


def _in_proportion(file: BinaryIO, first: bytes, size: int) -> Iterator[bytes]:
    """Yield what a gzip file holds; raise UnreadableError where it is out of all proportion."""
    packed, unpacked = len(first), 0

    def read(at_most: int) -> bytes:
        nonlocal packed
        block = file.read(at_most)
        packed += len(block)
        return block

    for block in _gunzipped(read, first, size):
        unpacked += len(block)
        if unpacked > max(UNPACKED_BYTES_ALWAYS, UNPACKED_RATIO_MAX * packed):
            raise UnreadableError(
                f"{file.name}: unpacks to more than {UNPACKED_RATIO_MAX} times its size, as no "
                "log does; unpack it yourself if you trust it"
            )
        yield block


def _gunzipped(read: Callable[[int], bytes], compressed: bytes, size: int) -> Iterator[bytes]:
    """Yield what a gzip file of one member or several holds, at most `size` bytes at once.

    read: gives more compressed bytes, none at the end. compressed: the first
    of them. Zeros after a member are skipped. Raise GunzipError at the end.
    """
    unzip: Any = zlib.decompressobj(_GZIP_WINDOW_BITS)
    while compressed:
        before = unzip.copy()
        try:
            block = unzip.decompress(compressed, size)
        except zlib.error:
            # zlib keeps back what it had found in a call that fails, so that
            # call is made again from a copy, in ever smaller steps.
            yield from _in_blocks(_step_by_step(before, compressed), size)
            raise AssertionError("what failed once fails again") from None
        if block:
            yield block
        compressed = unzip.unused_data.lstrip(b"\0") if unzip.eof else unzip.unconsumed_tail
        compressed = compressed or read(size)
        if unzip.eof:
            compressed = compressed.lstrip(b"\0") or _next_member(read, size)
            if compressed:
                unzip = zlib.decompressobj(_GZIP_WINDOW_BITS)
    if not unzip.eof:
        raise GunzipError(CUT_OFF)


def _next_member(read: Callable[[int], bytes], size: int) -> bytes:
    """Return the first bytes that are not zeros, empty if there are none."""
    while block := read(size):
        if rest := block.lstrip(b"\0"):
            return rest
    return b""


def _step_by_step(unzip: Any, compressed: bytes, level: int = 0) -> Iterator[bytes]:
    """Decompress again what failed, in steps so small that nothing is lost. Raise GunzipError."""
    step, at_once = _STEP_BYTES[level]
    for begin in range(0, len(compressed), step):
        rest, before = compressed[begin : begin + step], unzip.copy()
        given: list[bytes] = []
        try:
            while rest or (given and len(given[-1]) == at_once):
                given.append(unzip.decompress(rest, at_once))
                rest = unzip.unconsumed_tail
        except zlib.error as error:
            if level + 1 < len(_STEP_BYTES):
                yield from _step_by_step(before, compressed[begin : begin + step], level + 1)
            yield b"".join(given)
            raise _gunzip_error(error) from None
        yield b"".join(given)


def _in_blocks(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Join small pieces to blocks of about `size` bytes; an error is raised after them."""
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
    is_checksum = any(each in str(error) for each in _CHECKSUM_ERRORS)
    return GunzipError(BAD_CHECKSUM if is_checksum else DAMAGED, str(error))
