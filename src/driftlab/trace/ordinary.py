"""What may be opened: ordinary files, which can be read twice and come to an end.

A log is read more than once: its head says what it is, then all of it is read.
A pipe gives its bytes only once, one that nobody writes to never answers, and
a device may have no end; so they are refused before anything is opened.
"""

import os
import stat
from pathlib import Path
from typing import Final

from driftlab.trace.files import UnreadableError

_SHOWN_CHARS_MAX: Final = 200  # of a path


def exists(path: Path) -> bool:
    """Whether there is anything at a path. Raises UnreadableError where that cannot be told."""
    return _mode(path) is not None


def require_ordinary(path: Path) -> None:
    """Raise UnreadableError for what is neither a file nor a folder, nor missing."""
    mode = _mode(path)
    if mode is not None and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UnreadableError(f"{path}: no ordinary file; save it to a file first")


def begins_with(path: Path, magic: bytes) -> bool:
    """Whether a file begins with certain bytes. Raises UnreadableError."""
    require_ordinary(path)
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error


def _mode(path: Path) -> int | None:
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UnreadableError(f"{_shown(path)}: {error.strerror}") from error
    except ValueError as error:  # a byte of 0 in it
        raise UnreadableError(f"{_shown(path)!r}: {error}") from None


def _shown(path: Path) -> str:
    text = str(path)
    return text if len(text) <= _SHOWN_CHARS_MAX else f"{text[:_SHOWN_CHARS_MAX]}…"
