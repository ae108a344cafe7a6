"""Replay: the recorded inputs, fed to a new machine, must give the recorded events.

A difference means that the machine's effects depended on something that is not
recorded, or that the journal or the process was changed.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from driftlab.machine.machine import Machine, ProcessError, ProcessType
from driftlab.model.event import Event, Message
from driftlab.scenario.plan import MachinePlan


class Input(NamedTuple):
    """The inputs of one tick, and the event that they gave.

    found: the messages that arrived, in queue order.
    now_ns: what the machine's physical clock showed, in nanoseconds.
    """

    event: Event
    found: Sequence[Message]
    now_ns: int


class ReplayDifference(NamedTuple):
    """The first event that a replay does not repeat.

    `replayed` is the message of the error if the process failed instead.
    """

    recorded: Event
    replayed: Event | str


def replay(
    plan: MachinePlan, recorded: Iterable[Input], process: ProcessType | None = None
) -> ReplayDifference | None:
    """Return the first difference between a replay and what was recorded, None if none.

    Args: the plan of the machine, its recorded ticks from the first on, and its
    process, by default the die of the assignment. Raise ProcessError if the
    process cannot be created.
    """
    machine = Machine(plan, process)
    for tick, (event, found, now_ns) in enumerate(recorded):
        try:
            replayed, _ = machine.tick(tick, found, now_ns)
        except ProcessError as error:
            return ReplayDifference(event, str(error))
        if replayed != event:
            return ReplayDifference(event, replayed)
    return None
