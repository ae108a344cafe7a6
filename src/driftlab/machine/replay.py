"""Replay: a machine is fed again what it found, and must do again what it did.

A difference means that a machine's effects depended on something that was not
recorded, or that the journal was changed: a bug either way.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from driftlab.machine.machine import Machine, ProcessError, ProcessType
from driftlab.model.event import Event, Message
from driftlab.scenario.plan import MachinePlan


class Input(NamedTuple):
    """What one tick was given, and the event that came of it."""

    event: Event
    found: Sequence[Message]
    now_ns: int


class Difference(NamedTuple):
    """The first event that a replay does not repeat: what was recorded, what came out.

    `replayed` is a text where the process failed instead.
    """

    recorded: Event
    replayed: Event | str


def replay(
    plan: MachinePlan, recorded: Iterable[Input], process: ProcessType | None = None
) -> Difference | None:
    """Feed a machine what each tick found; return the first difference, None if there is none."""
    machine = Machine(plan, process)
    for number, (event, found, now_ns) in enumerate(recorded):
        try:
            again, _ = machine.tick(number, found, now_ns)
        except ProcessError as error:
            return Difference(event, str(error))
        if again != event:
            return Difference(event, again)
    return None
