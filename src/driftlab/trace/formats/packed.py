"""The bytes of a file, unpacked where it is packed by gzip, a block at a time.

A packed file that breaks off gives what was before: a machine that is killed
leaves such a file behind. Then BreaksOffError is raised, once all is given.
"""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from driftlab.trace.files import UnreadableError

BLOCK_BYTES: Final = 8 << 20
GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP: Final = 31  # what zlib calls its window for gzip


class BreaksOffError(Exception):
    """A packed file ends before its end, or is damaged."""


def unpacked(path: Path, size: int | None = None) -> Iterator[bytes]:
    """Yield a file's bytes in blocks of at most `size`, BLOCK_BYTES if none is given.

    Raises UnreadableError, and BreaksOffError once all is given that there is.
    """
    size = size or BLOCK_BYTES
    try:
        with path.open("rb") as file:
            block = file.read(size)
            if block.startswith(GZIP_MAGIC):
                yield from _unzipped(file.read, block, size)
                return
            while block:
                yield block
                block = file.read(size)
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error


def _unzipped(read: Callable[[int], bytes], packed: bytes, size: int) -> Iterator[bytes]:
    """Yield what packed bytes hold; several packed files may stand one after the other."""
    unzip = zlib.decompressobj(_GZIP)
    while packed:
        try:
            block = unzip.decompress(packed, size)
        except zlib.error:
            raise BreaksOffError("the gzip file is damaged from here on") from None
        if block:
            yield block
        packed = unzip.unconsumed_tail or unzip.unused_data.lstrip(b"\0")
        if unzip.eof and packed:
            unzip = zlib.decompressobj(_GZIP)
        packed = packed or read(size)
        if unzip.eof and packed:
            unzip = zlib.decompressobj(_GZIP)
    if not unzip.eof:
        raise BreaksOffError("the gzip file breaks off here; what was before it is read")
