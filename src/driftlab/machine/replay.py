"""Replay: a machine is fed again what it found, and must do again what it did.

A difference means that a machine's effects depended on something that was not
recorded, or that the journal was changed: a bug either way.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from driftlab.event import Event, Message
from driftlab.machine.effects import Record
from driftlab.machine.machine import Machine
from driftlab.plan import MachinePlan


class Difference(NamedTuple):
    """The first event that a replay does not repeat: what was recorded, what came out."""

    recorded: Event
    replayed: Event


def replay(
    plan: MachinePlan, recorded: Iterable[tuple[Event, Sequence[Message]]]
) -> Difference | None:
    """Feed a machine what each tick found; return the first difference, None if there is none."""
    machine = Machine(plan)
    for number, (event, found) in enumerate(recorded):
        for effect in machine.tick(number, found):
            if isinstance(effect, Record) and effect.event != event:
                return Difference(event, effect.event)
    return None
