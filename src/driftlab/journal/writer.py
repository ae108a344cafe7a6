"""A journal being written: every line is with the operating system when the call returns.

One `write` per line, nothing buffered: killing the process at any instant loses
no line that was written. A file that exists is never touched.
"""

import os
from collections.abc import Sequence

from driftlab.errors import DriftlabError
from driftlab.journal.format import format_event, format_note
from driftlab.model.event import Event, Message


class JournalFileError(DriftlabError):
    """A journal that cannot be created or written, and why."""


class JournalFile:
    """An append-only journal.

    path: of a file that must not exist. more_columns: whether events have all
    thirteen columns. Raise JournalFileError if it cannot be created or written.
    """

    def __init__(self, path: str, *, more_columns: bool = False) -> None:
        self.path = path
        self._more_columns = more_columns
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        try:
            self._fd = os.open(path, flags, 0o644)
        except FileExistsError:
            raise JournalFileError(
                f"{path} exists; a journal is never overwritten: name another folder with --out"
            ) from None
        except OSError as error:
            raise JournalFileError(f"cannot create {path}: {error.strerror}") from error

    def append(
        self, event: Event, time_ns: int, due_ns: int, late_ns: int, found: Sequence[Message]
    ) -> None:
        """Write one event. Raise JournalFileError if it cannot be written.

        The parameters are those of `format_event`.
        """
        more = self._more_columns
        self._write(format_event(event, time_ns, due_ns, late_ns, found, more_columns=more))

    def note(self, topic: str, fields: dict[str, object]) -> None:
        """Write one line about the machine. Raise JournalFileError if it cannot be written.

        topic, fields: those of `format_note`.
        """
        self._write(format_note(topic, fields))

    def _write(self, line: str) -> None:
        rest = line.encode()
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            name = os.path.basename(self.path)  # pathlib is heavy for a worker
            raise JournalFileError(f"cannot write {name}: {error.strerror}") from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)
