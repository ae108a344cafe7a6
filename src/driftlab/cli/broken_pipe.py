"""When nobody reads any more, or the disk is full, what is still to be written vanishes."""

import os
from typing import IO


def ignore_broken_pipe(stream: IO[str]) -> None:
    """Let what is still buffered for a stream vanish at exit, instead of failing once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
