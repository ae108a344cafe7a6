"""The plan of one machine: in plain numbers, all that its scenario decides.

A plan is what a host needs and no more. It is small, exact and light to
import, so a worker can be handed its own part and nothing else.
"""

from typing import NamedTuple

from driftlab.schedule import Schedule


class MachinePlan(NamedTuple):
    """One machine of one run.

    `peers` are those it is linked to, in name order. `die` holds the two bounds of
    `Scenario.die`, `die_stream` the key of the machine's draws. `ticks` is how
    many it will take, `end_ns` the end of the run in scenario time.
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
