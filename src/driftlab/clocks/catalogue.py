"""The catalogue of clocks: one entry for each.

A further clock is one module beside these and one entry in `CLOCKS`. A clock's
module is imported only when it is chosen, so that a worker starts without the
others.

The clock that a run keeps beside the Lamport clock that names its messages.

The Lamport clock is always kept; a run whose clock it is keeps no other.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

from driftlab.clocks.clock import Clock, Timestamp, TimestampError

# What fits a frame of 65,536 bytes, names of targets beside it, with 19 digits in every entry.
VECTOR_PROCESSES_MAX: Final = 2_000  # 40,000 characters
MATRIX_PROCESSES_MAX: Final = 50  # 50 x 50 entries: 50,000 characters


class ClockKind(NamedTuple):
    """A clock of the catalogue.

    `module_name`, `clock_name` and `timestamp_name` say where its two types are
    written. `is_strong` is whether it satisfies the strong clock condition.
    `processes_max` is how many processes it can count, None for any number.
    """

    module_name: str
    clock_name: str
    timestamp_name: str
    purpose: str
    is_strong: bool
    processes_max: int | None

    @property
    def clock(self) -> Callable[[int, int], Clock[Any]]:
        """What makes the clock of process i (from 0) of n. Imports the module."""
        made: Callable[[int, int], Clock[Any]] = self._load(self.clock_name)
        return made

    @property
    def timestamp(self) -> type[Timestamp]:
        """The type of its timestamps. Imports the module."""
        loaded: type[Timestamp] = self._load(self.timestamp_name)
        return loaded

    def _load(self, name: str) -> Any:
        return getattr(import_module(f"driftlab.clocks.{self.module_name}"), name)


CLOCKS: Final[dict[str, ClockKind]] = {
    "lamport": ClockKind(
        module_name="lamport",
        clock_name="LamportClock",
        timestamp_name="LamportTimestamp",
        purpose="one number: agrees with happened-before, cannot tell concurrency",
        is_strong=False,
        processes_max=None,
    ),
    "vector": ClockKind(
        module_name="vector",
        clock_name="VectorClock",
        timestamp_name="VectorTimestamp",
        purpose="a number for each process: tells happened-before and concurrency exactly",
        is_strong=True,
        processes_max=VECTOR_PROCESSES_MAX,
    ),
    "matrix": ClockKind(
        module_name="matrix",
        clock_name="MatrixClock",
        timestamp_name="MatrixTimestamp",
        purpose="a vector for each process: tells also what everyone is known to know",
        is_strong=True,
        processes_max=MATRIX_PROCESSES_MAX,
    ),
    "hybrid": ClockKind(
        module_name="hybrid",
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


NO_OTHER = "lamport"

Decode = Callable[[str, str], Timestamp]  # a process's name and a text to its timestamp


def clock_of(name: str, process: int, processes: int) -> Clock[Any] | None:
    """Return the further clock of process `process` (from 0) of so many, None if there is none."""
    return None if name == NO_OTHER else CLOCKS[name].clock(process, processes)


def decoder_of(name: str, places: Mapping[str, int], processes: int) -> Decode | None:
    """Return what reads timestamps, None if there are none; `places` are positions by name.

    It raises TimestampError.
    """
    if name == NO_OTHER:
        return None
    read = CLOCKS[name].timestamp.decode

    def decode(process: str, text: str) -> Timestamp:
        if process not in places:
            raise TimestampError(f"a timestamp of {process}, which is no process of this run")
        return read(text, places[process], processes)

    return decode
