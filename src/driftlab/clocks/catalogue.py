"""The catalogue of clocks, by name, and the clock that a run keeps in addition to Lamport's.

To add a clock, write one module in this folder and one entry in `CLOCKS`. The
module of a clock is imported only when a run uses it, so that a worker starts
without the others.

Every machine keeps a Lamport clock, because the Lamport clock and the sender
name a message. A run whose clock is `lamport` keeps no other; any other clock
is kept in addition.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from driftlab.clocks.clock import Clock, Timestamp, TimestampError

# Limits chosen so that a timestamp with 19 digits in every entry, and the names of the targets,
# fit into a frame of 65,536 bytes.
VECTOR_PROCESSES_MAX: Final = 2_000  # 40,000 characters
MATRIX_PROCESSES_MAX: Final = 50  # 50 x 50 entries: 50,000 characters

LAMPORT: Final = "lamport"

DecodeTimestamp = Callable[[str, str], Timestamp]  # (name of the process, text)


class ClockKind:
    """An entry of the catalogue.

    module_name, clock_name, timestamp_name: the module of this folder that
        defines the clock, and the names of its two classes.
    purpose: one line for people.
    is_strong: whether the clock satisfies the strong clock condition.
    processes_max: the largest number of processes, None if unlimited.
    """

    __slots__ = (
        "clock_name", "is_strong", "module_name", "processes_max", "purpose", "timestamp_name",
    )  # fmt: skip

    def __init__(
        self,
        *,
        module_name: str,
        clock_name: str,
        timestamp_name: str,
        purpose: str,
        is_strong: bool,
        processes_max: int | None,
    ) -> None:
        self.module_name = module_name
        self.clock_name = clock_name
        self.timestamp_name = timestamp_name
        self.purpose = purpose
        self.is_strong = is_strong
        self.processes_max = processes_max

    @property
    def clock(self) -> Callable[[int, int], Clock[Any]]:
        """The clock class, called with a process's index and the number of processes."""
        loaded: Callable[[int, int], Clock[Any]] = self._load(self.clock_name)
        return loaded

    @property
    def timestamp(self) -> type[Timestamp]:
        """The timestamp class."""
        loaded: type[Timestamp] = self._load(self.timestamp_name)
        return loaded

    def _load(self, name: str) -> Any:
        return getattr(import_module(f"driftlab.clocks.{self.module_name}"), name)


CLOCKS: Final[dict[str, ClockKind]] = {
    "lamport": ClockKind(
        module_name="lamport",
        clock_name="LamportClock",
        timestamp_name="LamportTimestamp",
        purpose="one number: agrees with happened-before, does not show concurrency",
        is_strong=False,
        processes_max=None,
    ),
    "vector": ClockKind(
        module_name="vector",
        clock_name="VectorClock",
        timestamp_name="VectorTimestamp",
        purpose="a number for each process: decides happened-before and concurrency exactly",
        is_strong=True,
        processes_max=VECTOR_PROCESSES_MAX,
    ),
    "matrix": ClockKind(
        module_name="matrix",
        clock_name="MatrixClock",
        timestamp_name="MatrixTimestamp",
        purpose="a vector for each process: also bounds what every process knows",
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
    """Raise ValueError if there is no clock `name`, or if it cannot count `processes` processes."""
    if name not in CLOCKS:
        raise ValueError(f"there is no clock {name!r}; there are {', '.join(CLOCKS)}")
    limit = CLOCKS[name].processes_max
    if limit is not None and processes > limit:
        raise ValueError(
            f"{processes} processes are too many for the {name} clock, whose timestamps "
            f"must fit a frame; the limit is {limit}"
        )


def additional_clock(name: str, process: int, processes: int) -> Clock[Any] | None:
    """Return the clock that a process keeps in addition to its Lamport clock.

    Args: the clock's name in `CLOCKS`, the index of the process (from 0), and
    the number of processes. Return None if `name` is `lamport`. Raise
    ValueError if the index is out of range.
    """
    return None if name == LAMPORT else CLOCKS[name].clock(process, processes)


def timestamp_decoder(
    name: str, positions: Mapping[str, int], processes: int
) -> DecodeTimestamp | None:
    """Return the function that decodes the timestamps of a run's additional clock.

    Args: the clock's name in `CLOCKS`, the positions (from 0) of the processes
    whose timestamps will be decoded, by name, and the number of processes.
    Return None if `name` is `lamport`. The function returned raises
    TimestampError if the text is malformed or the process is unknown.
    """
    if name == LAMPORT:
        return None
    decode_text = CLOCKS[name].timestamp.decode

    def decode(process: str, text: str) -> Timestamp:
        if process not in positions:
            raise TimestampError(f"a timestamp of {process}, which is not a process of this run")
        return decode_text(text, positions[process], processes)

    return decode
