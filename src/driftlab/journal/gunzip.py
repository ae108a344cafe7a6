"""What gzip packed, as far as it can be unpacked, whatever happened to the file.

The invariant: every byte that zlib can give before the damage is given, and
then why there are no more. zlib keeps back what it had found in a call that
fails, so such a call is made again from a copy, in ever smaller steps.

The limit: a damaged stretch may go on giving wrong bytes for a while before
anything contradicts them. The checksum at the end then tells so.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

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
            raise _told(error) from None
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


def _told(error: zlib.error) -> GunzipError:
    is_check = any(check in str(error) for check in _CHECKS)
    return GunzipError(BAD_CHECKSUM if is_check else DAMAGED, str(error))
