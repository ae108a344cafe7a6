"""Modules that are imported when they are first used, NumPy and Polars among them.

A worker process and a small simulation start without either, since importing
them takes longer than simulating a minute. Modules on their way write
`from driftlab.lazy import np`; modules that nothing light imports say
`import numpy as np`. Functions that numba compiles need the latter: it looks at
what a global name is bound to.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = ["LazyModule", "np", "pl"]

if TYPE_CHECKING:
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


if not TYPE_CHECKING:  # to a type checker these are the modules themselves
    np = LazyModule("numpy")
    pl = LazyModule("polars")
