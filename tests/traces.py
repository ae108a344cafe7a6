"""Traces compared column by column, and small runs with journals to read."""

from pathlib import Path
from typing import Any

import numpy as np

import driftlab
from driftlab.history.trace import Trace


def same(one: Any, other: Any) -> bool:
    """Whether two values of a trace are the same, arrays to the type of their numbers."""
    if one is None or other is None:
        return one is other
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def differences(one: Trace, other: Trace) -> list[str]:
    """Name what is not the same in two traces."""
    return [key for key in Trace.__slots__ if not same(getattr(one, key), getattr(other, key))]


def simulated(folder: Path, **more: Any) -> Path:
    """Simulate a small run into a folder, with journals, and return the folder."""
    keys = {"rates": [6, 3, 1, 2], "seconds": 10, "seed": 3, "faces": 4, **more}
    driftlab.simulate(driftlab.Scenario(**keys), out=folder)
    return folder
