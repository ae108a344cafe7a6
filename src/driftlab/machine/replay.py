"""Replay: a machine gets the recorded inputs once more and must produce the same events.

A difference means that a machine's effects depended on something that was not
recorded, or that the journal was changed.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from driftlab.machine.failure import ProcessError
from driftlab.machine.machine import Machine, ProcessType
from driftlab.model.event import Event, Message
from driftlab.scenario.plan import MachinePlan


class Input(NamedTuple):
    """The input of one tick, and the event that it led to.

    found: the messages in the sockets, in the order queued. now_ns: the reading
    of the machine's own clock, nanoseconds since 1970.
    """

    event: Event
    found: Sequence[Message]
    now_ns: int


class Difference(NamedTuple):
    """The first event that a replay does not repeat.

    replayed: the event that came out, or why the process failed instead.
    """

    recorded: Event
    replayed: Event | str


def replay(
    plan: MachinePlan, recorded: Iterable[Input], process: ProcessType | None = None
) -> Difference | None:
    """Replay a machine; return the first difference, None if there is none.

    recorded: its ticks from 0 on. process: the class of the user's process,
    None for the die.
    """
    machine = Machine(plan, process)
    for number, (event, found, now_ns) in enumerate(recorded):
        try:
            again, _ = machine.tick(number, found, now_ns)
        except ProcessError as error:
            return Difference(event, str(error))
        if again != event:
            return Difference(event, again)
    return None
