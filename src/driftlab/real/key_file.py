"""Key files: the secret that lets a machine into a run.

A key file is one line, `driftlab-key 1` and 64 hexadecimal digits. Only its owner may
read it; a file that others can read is refused, as ssh does.
"""

import os
import re
import stat
from typing import Final

from driftlab.errors import DriftlabError
from driftlab.network.sealing import KEY_BYTES

_FILE_BYTES_MAX: Final = 4_096
_LINE = re.compile(rb"driftlab-key 1 ([0-9a-f]{64})\n?")


class KeyFileError(DriftlabError):
    """A key file cannot be used; the message says why."""


def make_key(path: str) -> None:
    """Write a new key, readable by its owner alone.

    Raise KeyFileError if the file exists, or cannot be written. `-` is not standard output
    here, as users of other programs may expect: a key is not for a terminal or a pipe.
    """
    if path == "-":
        raise KeyFileError("-: a key is written to a file, not to standard output; name one")
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{path}: is there already; a key is never replaced") from None
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from None
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(b"driftlab-key 1 " + os.urandom(KEY_BYTES).hex().encode() + b"\n")
    except OSError as error:  # a full disk: half a key is worse than none
        os.unlink(path)
        raise KeyFileError(f"{path}: {error.strerror}") from None


def load_key(path: str) -> bytes:
    """Return the key in a file. Raise KeyFileError if others may read it, or it is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a FIFO must not block
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise KeyFileError(f"{path}: is not a regular file")
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyFileError(f"{path}: others can read or write it; chmod 600 {path}")
        text = os.read(fd, _FILE_BYTES_MAX)
    finally:
        os.close(fd)
    match = _LINE.fullmatch(text)
    if match is None:
        raise KeyFileError(f"{path}: {_fault(text)}; make one with: driftlab key FILE")
    return bytes.fromhex(match[1].decode())


def _fault(text: bytes) -> str:
    """Return what is wrong with the content of a key file, without any of it."""
    if not text:
        return "is empty"
    begin, _, digits = text.rstrip(b"\n").rpartition(b" ")
    if begin == b"driftlab-key 1" and re.fullmatch(rb"[0-9a-f]*", digits):
        return f"is not a key: it has {len(digits)} hexadecimal digits, not {2 * KEY_BYTES}"
    if b"\n" in text.rstrip(b"\n") and text.startswith(b"driftlab-key"):
        return "is not a key: it has more than one line"
    return "is not a key: a line `driftlab-key 1` and its digits is expected"
