"""A log from standard input, `-`: kept in a file while it is read, whatever its format.

The invariant: every byte that was read is judged. Ctrl-C ends the reading, not the
command: what had arrived by then is kept, but for a last line that had only begun. The
limit: the input must fit on the disk that holds temporary files, and, as every log,
in memory.
"""

import argparse
import os
import select
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import BinaryIO, Final, NamedTuple

from driftlab.errors import DriftlabError

STANDARD_INPUT: Final = "-"  # in place of a path
NAME: Final = "<stdin>"  # in messages
BLOCK_BYTES: Final = 1 << 20
PIPE_BYTES_MAX: Final = 1 << 20  # that a pipe may still hold when the reading is interrupted
TAIL_BYTES: Final = 1 << 16  # looked at in one step to find the end of the last line
_BINARY_MAGICS: Final = (b"\x1f\x8b", b"PAR1")  # of files that are not cut at a line end


class StandardInputError(DriftlabError):
    """Standard input cannot be read or kept."""


class Spooled(NamedTuple):
    """What came from standard input.

    path: the file that holds it. interrupted: whether Ctrl-C ended the reading.
    """

    path: Path
    interrupted: bool

    def named(self, text: str) -> str:
        """Return a message with the name of standard input for that of the file."""
        return text.replace(str(self.path), NAME)


@contextmanager
def spooled_input() -> Iterator[Spooled]:
    """Read standard input to its end, or until Ctrl-C; yield the file, which is then removed.

    Raise StandardInputError if standard input is closed, or cannot be kept.
    """
    from tempfile import TemporaryDirectory  # takes a while to import

    if sys.stdin is None or sys.stdin.closed:
        raise StandardInputError(f"{NAME}: is closed; pipe a log to it: program | driftlab check -")
    source = sys.stdin.fileno()
    if os.isatty(source):
        print(
            "driftlab: reading a log from the terminal; end it with Ctrl-D, or pipe one: "
            "program | driftlab check -",
            file=sys.stderr,
        )
    with TemporaryDirectory(prefix="driftlab-") as folder:
        path = Path(folder) / NAME
        try:
            with path.open("w+b") as file:
                interrupted = _Copying(source, file).run()
                if interrupted:
                    _cut_last_line(file)
        except OSError as error:
            raise StandardInputError(f"{NAME}: cannot be kept: {error.strerror}") from error
        yield Spooled(path, interrupted)


def run_on_input(main: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Run a command whose `path` is standard input; Ctrl-C while it is read ends the command."""
    with spooled_input() as spooled:
        if spooled.interrupted:
            raise KeyboardInterrupt
        options.path = str(spooled.path)
        try:
            return main(options)
        except DriftlabError as error:
            raise StandardInputError(spooled.named(str(error))) from error


class _Copying:
    """Copies a descriptor to a file; an interrupt stops it between two blocks, never in one."""

    def __init__(self, source: int, file: BinaryIO) -> None:
        self._source = source
        self._file = file
        self._waiting = False
        self._interrupted = False

    def run(self) -> bool:
        """Copy to the end of the input; return whether it was interrupted before."""
        before = signal.getsignal(signal.SIGINT)
        if before is signal.default_int_handler:  # a background job ignores it
            signal.signal(signal.SIGINT, self._interrupt)
        try:
            while self._wait():
                block = self._read()
                if not block:
                    return False
                self._file.write(block)
                self._file.flush()
            self._drain()
            return True
        finally:
            signal.signal(signal.SIGINT, before)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._interrupted = True
        if self._waiting:
            raise KeyboardInterrupt

    def _wait(self) -> bool:
        """Wait until there is something to read; return whether to go on."""
        try:
            self._waiting = True
            if not self._interrupted:
                select.select([self._source], [], [])
        except KeyboardInterrupt:
            pass
        finally:
            self._waiting = False
        return not self._interrupted

    def _drain(self) -> None:
        """Copy what the pipe still holds; its writer may never stop."""
        if stat.S_ISREG(os.fstat(self._source).st_mode):
            return
        left = PIPE_BYTES_MAX
        while left > 0 and select.select([self._source], [], [], 0)[0]:
            block = self._read()
            if not block:
                return
            self._file.write(block)
            left -= len(block)

    def _read(self) -> bytes:
        try:
            return os.read(self._source, BLOCK_BYTES)
        except OSError as error:
            raise StandardInputError(f"{NAME}: cannot be read: {error.strerror}") from error


def _cut_last_line(file: BinaryIO) -> None:
    """Leave out a last line that had only begun: half of a number is another number.

    Of a compressed file, or one without any line end, the reader of its format knows.
    """
    file.flush()
    file.seek(0)
    if file.read(len(_BINARY_MAGICS[1])).startswith(_BINARY_MAGICS):
        return
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        begin = max(0, end - TAIL_BYTES)
        file.seek(begin)
        place = file.read(end - begin).rfind(b"\n")
        if place >= 0:
            file.truncate(begin + place + 1)
            return
        end = begin
