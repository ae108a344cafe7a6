"""The bytes of a file, unpacked where it is packed by gzip, a block at a time.

A packed file that breaks off gives what was before: a machine that is killed
leaves such a file behind. Then BreaksOffError is raised, once all is given.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from driftlab.journal.files import BAD_CHECKSUM, CUT_OFF, DAMAGED, GunzipError, read_blocks

BLOCK_BYTES: Final = 8 << 20
_REASONS: Final = {
    CUT_OFF: "the gzip file breaks off here; what was before it is read",
    DAMAGED: "the gzip file is damaged from here on",
    BAD_CHECKSUM: "a wrong checksum ends the gzip file here; the lines above may be damaged",
}


class BreaksOffError(Exception):
    """A packed file ends before its end, or is damaged."""


def gunzipped_blocks(path: Path, size: int | None = None) -> Iterator[bytes]:
    """Yield a file's bytes in blocks of at most `size`, BLOCK_BYTES if none is given.

    What stands before damage may come in smaller blocks, the last of them in a
    larger one. Raises UnreadableError, and BreaksOffError once all is given
    that there is.
    """
    try:
        yield from read_blocks(path, size or BLOCK_BYTES)
    except GunzipError as error:
        raise BreaksOffError(_REASONS[error.kind]) from None
