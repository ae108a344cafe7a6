"""What a worker is told when it starts: its plan, its peers' addresses, its files.

It travels as one line of JSON, so that a worker imports nothing but the
standard library and this.
"""

import json
from typing import Any, NamedTuple

from driftlab.clocks.physical_clock import PhysicalClock
from driftlab.model.schedule import Schedule
from driftlab.real.addresses import Address
from driftlab.scenario.plan import MachinePlan


class WorkerConfig(NamedTuple):
    """One worker's part of a run. `addresses` are those of `plan.peers`, in that order."""

    plan: MachinePlan
    addresses: tuple[Address, ...]
    run_id: str
    order: str
    journal: str

    def to_line(self) -> str:
        """Return the assignment as one line of JSON, line end included."""
        return json.dumps(self) + "\n"

    @classmethod
    def from_line(cls, line: str) -> "WorkerConfig":
        """Read what `to_line` wrote."""
        plan, addresses, *rest = json.loads(line)
        return cls(_plan(plan), tuple(Address(*address) for address in addresses), *rest)


def _plan(values: list[Any]) -> MachinePlan:
    plan = MachinePlan(*values)
    return plan._replace(
        peers=tuple(plan.peers),
        names=tuple(plan.names),
        places=tuple(plan.places),
        schedule=Schedule(*plan.schedule),
        die=(plan.die[0], plan.die[1]),
        physical=PhysicalClock(*plan.physical),
    )
