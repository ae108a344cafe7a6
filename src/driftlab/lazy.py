"""Modules that are imported, and patterns that are compiled, when they are first used.

A worker process and a small simulation start without either, since importing
them takes longer than simulating a minute. Modules on their way write
`from driftlab.lazy import np`; modules that nothing light imports say
`import numpy as np`. Functions that numba compiles need the latter: it looks at
what a global name is bound to.

A command that reads a log of another program has a hundred patterns at hand and uses a
few; to compile all of them takes as long as to judge a log of thousands of lines.
"""

from importlib import import_module
from typing import TYPE_CHECKING, cast

__all__ = ["LazyModule", "lazy_pattern", "np", "pl"]

if TYPE_CHECKING:
    import re

    import numpy as np
    import polars as pl


class LazyModule:
    """Stands for a module and imports it when one of its attributes is first used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> object:
        value = getattr(import_module(self._name), attribute)
        setattr(self, attribute, value)  # so that __getattr__ is not called again
        return value


class _LazyPattern:
    """Stands for a regular expression and compiles it when one of its methods is first used."""

    def __init__(self, expression: str, flags: int) -> None:
        self._expression = expression
        self._flags = flags

    def __getattr__(self, attribute: str) -> object:
        import re  # light commands use no pattern

        value = getattr(re.compile(self._expression, self._flags), attribute)
        setattr(self, attribute, value)  # so that __getattr__ is not called again
        return value


def lazy_pattern(expression: str, flags: int = 0) -> "re.Pattern[str]":
    """Return a compiled regular expression, which is compiled when it is first used.

    It has the methods and attributes of `re.Pattern`; only the functions of `re`, which take
    a pattern as their argument, do not know it.
    """
    return cast("re.Pattern[str]", _LazyPattern(expression, flags))


if not TYPE_CHECKING:  # to a type checker these are the modules themselves
    np = LazyModule("numpy")
    pl = LazyModule("polars")
