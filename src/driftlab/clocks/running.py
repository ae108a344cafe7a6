"""The clock that a run keeps beside the Lamport clock that names its messages.

The Lamport clock is always kept; a run whose clock it is keeps no other.
"""

from collections.abc import Callable, Mapping
from typing import Any

from driftlab.clocks.catalogue import CLOCKS
from driftlab.clocks.clock import Clock, Timestamp, TimestampError

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
