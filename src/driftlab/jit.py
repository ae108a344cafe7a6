"""Loops over columns that cannot be written as array operations: plain or compiled.

A loop is a Python function of arrays and whole numbers that writes into arrays
it is given. Over few rows it runs as it stands, over lists; over many it is
compiled by numba, which takes a second or more the first time and is kept. It
may call nothing but what is written in it. Both ways are the same source, so
they give the same.
"""

import hashlib
import inspect
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

ROWS_COMPILED_MIN: Final = 500_000  # below this a loop in Python is over before one is compiled


class Loop:
    """A loop, as a decorator."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.plain = function
        self.__doc__ = function.__doc__

    @cached_property
    def compiled(self) -> Callable[..., Any]:
        """The loop as machine code, kept between runs. Imports numba."""
        import numba
        from numba import config as numba_config

        config: Any = numba_config
        before = config.CACHE_DIR
        folder = self._folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            config.CACHE_DIR = str(folder)
            keep = os.access(folder, os.W_OK)
        except OSError:  # no home, or one that cannot be written to: compile every time
            keep = False
        try:
            made: Callable[..., Any] = numba.njit(cache=keep, nogil=True, error_model="numpy")(
                self.plain
            )
        finally:
            config.CACHE_DIR = before
        return made

    def _folder(self) -> Path:
        source = Path(inspect.getfile(self.plain)).read_bytes()
        above = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        return Path(above) / "driftlab" / f"loops-{hashlib.sha256(source).hexdigest()[:16]}"

    def __call__(self, rows: int, inputs: Sequence[Any], outputs: Sequence[Any] = ()) -> Any:
        """Run it over `rows` rows, compiled if that is worth it; `outputs` change in place.

        The function takes the inputs, then the outputs, which are arrays.
        """
        if rows >= ROWS_COMPILED_MIN:
            return self.compiled(*inputs, *outputs)
        lists = [each.tolist() for each in outputs]
        held = [each.tolist() if hasattr(each, "tolist") else each for each in inputs]
        result = self.plain(*held, *lists)
        for array, values in zip(outputs, lists, strict=True):
            array[...] = values
        return result
