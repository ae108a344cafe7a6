"""What is written to a terminal: text of files and peers in it never controls the terminal.

Invariant: `PlainStream` stands before both standard streams while a command runs, so every
text that is printed, whoever made it, leaves escaped (see `driftlab.plain_text`). A line end
stays a line end there; `plain` escapes it too, for a text that must stay in its line or its
cell. JSON is ASCII and passes unchanged.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TextIO, cast

from driftlab.plain_text import plain, plain_lines

_COLOURS: Final = {"good": "32", "bad": "31", "open": "33"}  # green, red, yellow


class PlainStream:
    """A text stream that escapes what is written to it and is otherwise the one below."""

    def __init__(self, below: TextIO) -> None:
        self.below = below

    def write(self, text: str) -> int:
        """Write a text, escaped; return how long it was."""
        self.below.write(plain_lines(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts, escaped."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)


@contextmanager
def plain_streams() -> Iterator[None]:
    """Put a `PlainStream` before each standard stream that there is."""
    before = sys.stdout, sys.stderr
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, PlainStream):
            setattr(sys, name, cast("TextIO", PlainStream(stream)))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def unescaped(stream: TextIO) -> TextIO:
    """Return the stream below a `PlainStream`, for who escapes texts and styles them itself."""
    return stream.below if isinstance(stream, PlainStream) else stream


def table_stream() -> TextIO:
    """Return where a table for programs goes: as it is, but escaped where a person looks at it."""
    return sys.stdout if sys.stdout.isatty() else unescaped(sys.stdout)


def open_closed_streams() -> None:
    """Open the null device where a standard stream is closed (`>&-`).

    Otherwise the next file that is opened, a journal perhaps, would take its number, and
    receive what is meant for the stream. `sys.stdin` stays None: whoever reads it gets an error.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
        if number and getattr(sys, name) is None:
            # Kept open, as a standard stream is; hence no context manager.
            stream = open(number, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
            setattr(sys, name, stream)


def discard_output() -> None:
    """Discard what cannot be written of the standard streams, so that exiting does not fail."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            ignore_broken_pipe(stream)


@contextmanager
def discarding_output() -> Iterator[None]:
    """Discard output that cannot be written: what was done counts, and the exit status says it."""
    try:
        yield
        sys.stdout.flush()
    except OSError:
        discard_output()


def ignore_broken_pipe(stream: TextIO) -> None:
    """Discard what is still buffered for a stream, so that flushing it at exit cannot fail."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def print_line(text: str) -> None:
    """Print a text, whatever is in it, as one line."""
    print(plain(text))


def print_error(text: str) -> None:
    """Print one line on standard error; one that cannot be written is left out."""
    print_note(f"driftlab: {text}")


def print_note(text: str) -> None:
    """Print a text, whatever is in it, as one line on standard error, if that can be written."""
    with suppress(OSError, ValueError):
        print(plain(text), file=sys.stderr, flush=True)


def print_verdict(line: str, kind: str) -> None:
    """Print a line, its first word coloured if standard output is a terminal.

    kind: `good`, `bad` or `open`. The environment variable NO_COLOR leaves colours out.
    """
    if not has_colours():
        print(line)
        return
    word, blank, rest = plain_lines(line).partition(" ")
    sys.stdout.flush()
    unescaped(sys.stdout).write(f"\x1b[1;{_COLOURS[kind]}m{word}\x1b[0m{blank}{rest}\n")


def has_colours() -> bool:
    """Whether standard output is a terminal that shows colours, and they are wanted."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb":
        return False
    with suppress(OSError, ValueError):
        return sys.stdout.isatty()
    return False
