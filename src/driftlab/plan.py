"""The plan of one machine: in plain numbers, all that its scenario decides.

A plan is what a host needs and no more. It is small, exact and light to
import, so a worker can be handed its own part and nothing else.
"""

from typing import NamedTuple

from driftlab.physical import PhysicalClock
from driftlab.schedule import Schedule


class MachinePlan(NamedTuple):
    """One machine of one run.

    `position` is its place in name order, `names` are those of all machines. `peers` are those
    it is linked to, in name order, `places` their positions. `die` holds the
    two bounds of `Scenario.die`, `die_stream` the key of the machine's draws.
    `ticks` is how many it will take, `end_ns` the end of the run in scenario
    time. `clock` names the clock that the run keeps, `process` what the
    machine runs, `physical` says how its physical clock is off.
    """

    name: str
    position: int
    peers: tuple[str, ...]
    rate: float
    schedule: Schedule
    ticks: int
    end_ns: int
    die: tuple[int, int]
    die_stream: int
    seed: int
    run: int
    names: tuple[str, ...]
    places: tuple[int, ...]
    clock: str = "lamport"
    process: str = "die"
    physical: PhysicalClock = PhysicalClock()

    @property
    def size(self) -> int:
        """How many machines there are."""
        return len(self.names)
