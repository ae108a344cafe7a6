"""Reading a file of text, or saying why not."""

import os

from driftlab.errors import DriftlabError


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
