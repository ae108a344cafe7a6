"""The catalogue of clocks, by name, and the clock that a run keeps in addition to Lamport's.

To add a clock, write one module in this folder and one entry in `CLOCKS`. What
readers and writers need to know of it is in its entry. The module of a clock is
imported only when a run uses it, so that a worker starts without the others.

The limit: an added clock is computed afterwards event by event, by its class, and is
held against no rule of its own. Computing over columns (`analysis/restamp.py`), rules
(`judge/`) and the help of `--clock` (`cli/flags.py`) are written for a clock by name.

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

Shape = Callable[[int], tuple[int, int]]  # processes -> (rows, numbers in each)
DecodeTimestamp = Callable[[str, str], Timestamp]  # (name of the process, text)


class ClockKind:
    """An entry of the catalogue.

    module_name, clock_name, timestamp_name: the module of this folder that
        defines the clock, and the names of its two classes.
    purpose: one line for people.
    shape: given the number of processes, how many rows a timestamp has, and how many
        numbers each row. Its text has dots between numbers and slashes between rows,
        and `decode` accepts any numbers from 0 to ENTRY_MAX.
    is_strong: whether the clock satisfies the strong clock condition.
    counts_events: whether number j of a row counts events of process j, one by one.
        If there are several rows, row i is what process i is known to know.
    reads_time: whether it reads the machine's physical clock.
    processes_max: the largest number of processes, None if unlimited.
    """

    __slots__ = (
        "clock_name", "counts_events", "is_strong", "module_name", "processes_max", "purpose",
        "reads_time", "shape", "timestamp_name",
    )  # fmt: skip

    def __init__(
        self,
        *,
        module_name: str,
        clock_name: str,
        timestamp_name: str,
        purpose: str,
        shape: Shape,
        is_strong: bool,
        counts_events: bool,
        reads_time: bool,
        processes_max: int | None,
    ) -> None:
        self.module_name = module_name
        self.clock_name = clock_name
        self.timestamp_name = timestamp_name
        self.purpose = purpose
        self.shape = shape
        self.is_strong = is_strong
        self.counts_events = counts_events
        self.reads_time = reads_time
        self.processes_max = processes_max

    def width(self, processes: int) -> int:
        """Return how many numbers a timestamp of a run of so many processes has."""
        rows, numbers = self.shape(processes)
        return rows * numbers

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
        shape=lambda processes: (1, 1),
        is_strong=False,
        counts_events=False,
        reads_time=False,
        processes_max=None,
    ),
    "vector": ClockKind(
        module_name="vector",
        clock_name="VectorClock",
        timestamp_name="VectorTimestamp",
        purpose="a number for each process: decides happened-before and concurrency exactly",
        shape=lambda processes: (1, processes),
        is_strong=True,
        counts_events=True,
        reads_time=False,
        processes_max=VECTOR_PROCESSES_MAX,
    ),
    "matrix": ClockKind(
        module_name="matrix",
        clock_name="MatrixClock",
        timestamp_name="MatrixTimestamp",
        purpose="a vector for each process: also bounds what every process knows",
        shape=lambda processes: (processes, processes),
        is_strong=True,
        counts_events=True,
        reads_time=False,
        processes_max=MATRIX_PROCESSES_MAX,
    ),
    "hybrid": ClockKind(
        module_name="hybrid",
        clock_name="HybridClock",
        timestamp_name="HybridTimestamp",
        purpose="physical time and a counter: agrees with happened-before, stays close to time",
        shape=lambda processes: (1, 2),
        is_strong=False,
        counts_events=False,
        reads_time=True,
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
