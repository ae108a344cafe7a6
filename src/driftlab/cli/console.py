"""A rich console that leaves to us what it would decide behind our back.

Whether a stream is a terminal is asked of the stream, not of the environment,
and a reader that has left is an error like any other, not the end of the process.
"""

from typing import IO

from rich.console import Console


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Pass it on: `main` knows what to do."""
        raise BrokenPipeError


def make_console(stream: IO[str], width: int | None = None) -> Console:
    """Return a console that writes to `stream`."""
    return _Console(
        file=stream, width=width, highlight=False, soft_wrap=True, force_terminal=stream.isatty()
    )
