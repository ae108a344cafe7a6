"""The catalogue of clocks: one entry for each.

A further clock is one room beside these and one entry in `CLOCKS`. A clock's
room is imported only when it is chosen, so that a worker starts without the
others.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, NamedTuple

from driftlab.clocks.clock import Clock, Timestamp

# What fits a frame of 65,536 bytes, names of targets beside it, with 19 digits in every entry.
VECTOR_PROCESSES_MAX: Final = 2_000  # 40,000 characters
MATRIX_PROCESSES_MAX: Final = 50  # 50 x 50 entries: 50,000 characters


class ClockKind(NamedTuple):
    """A clock of the catalogue.

    `room`, `clock_name` and `timestamp_name` say where its two types are
    written. `is_strong` is whether it satisfies the strong clock condition.
    `processes_max` is how many processes it can count, None for any number.
    """

    room: str
    clock_name: str
    timestamp_name: str
    purpose: str
    is_strong: bool
    processes_max: int | None

    @property
    def clock(self) -> Callable[[int, int], Clock[Any]]:
        """What makes the clock of process i (from 0) of n. Imports the room."""
        made: Callable[[int, int], Clock[Any]] = self._load(self.clock_name)
        return made

    @property
    def timestamp(self) -> type[Timestamp]:
        """The type of its timestamps. Imports the room."""
        loaded: type[Timestamp] = self._load(self.timestamp_name)
        return loaded

    def _load(self, name: str) -> Any:
        return getattr(import_module(f"driftlab.clocks.{self.room}"), name)


CLOCKS: Final[dict[str, ClockKind]] = {
    "lamport": ClockKind(
        room="lamport",
        clock_name="LamportClock",
        timestamp_name="LamportTimestamp",
        purpose="one number: agrees with happened-before, cannot tell concurrency",
        is_strong=False,
        processes_max=None,
    ),
    "vector": ClockKind(
        room="vector",
        clock_name="VectorClock",
        timestamp_name="VectorTimestamp",
        purpose="a number for each process: tells happened-before and concurrency exactly",
        is_strong=True,
        processes_max=VECTOR_PROCESSES_MAX,
    ),
    "matrix": ClockKind(
        room="matrix",
        clock_name="MatrixClock",
        timestamp_name="MatrixTimestamp",
        purpose="a vector for each process: tells also what everyone is known to know",
        is_strong=True,
        processes_max=MATRIX_PROCESSES_MAX,
    ),
    "hybrid": ClockKind(
        room="hybrid",
        clock_name="HybridClock",
        timestamp_name="HybridTimestamp",
        purpose="physical time and a counter: agrees with happened-before, stays close to time",
        is_strong=False,
        processes_max=None,
    ),
}


def require_fits(name: str, processes: int) -> None:
    """Raise ValueError unless the clock of this name exists and can count so many processes."""
    if name not in CLOCKS:
        raise ValueError(f"there is no clock {name!r}; there are {', '.join(CLOCKS)}")
    limit = CLOCKS[name].processes_max
    if limit is not None and processes > limit:
        raise ValueError(
            f"{processes} processes are too many for the {name} clock, whose timestamps "
            f"must fit a frame; the limit is {limit}"
        )
