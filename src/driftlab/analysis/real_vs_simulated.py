"""A real run beside its simulation: the same dice, so where they part, and why.

The two part where the world put a message on the other side of a tick: it was
found at one tick in the real run and at another in the simulation. From there
on the clocks, and all that follows from them, may differ. Only the first
parting of each machine is told, because later ones may follow from it; of all
machines, the one that comes first in time is the cause of the others.
"""

from collections.abc import Sequence
from typing import NamedTuple

from driftlab.journal.format import Entry
from driftlab.model.event import Event, Message


class Divergence(NamedTuple):
    """Where one machine's runs part: the tick, when it was due, the two events and finds.

    `message` is the first message, by sender and stamp, that was found at this
    tick in one run only, and the ticks at which each found it (None: never).
    It is None where both found the same messages; `found_alike` is whether in
    the same order, too.
    """

    machine: str
    tick: int
    due_ns: int
    real: Event
    simulated: Event
    message: tuple[str, int] | None
    real_tick: int | None
    simulated_tick: int | None
    found_alike: bool


class MachineTwin(NamedTuple):
    """One machine in both worlds: its events, how many are the same from the start, the parting."""

    machine: str
    events: int
    same: int
    parting: Divergence | None


def compare_machine(machine: str, real: Sequence[Entry], simulated: Sequence[Entry]) -> MachineTwin:
    """Set one machine's real entries beside its simulated ones."""
    for tick, (one, other) in enumerate(zip(real, simulated, strict=False)):
        if _without_timestamps(one) != _without_timestamps(other):
            return MachineTwin(
                machine, len(real), tick, _divergence(machine, tick, real, simulated)
            )
    return MachineTwin(machine, len(real), min(len(real), len(simulated)), None)


def _without_timestamps(entry: Entry) -> tuple[Event, list[Message]]:
    """Leave out what the further clock says: it follows from the rest, or from the time of day."""
    found = [message._replace(timestamp=None) for message in entry.found]
    return entry.event._replace(timestamp=None), found


def first_divergence(twins: Sequence[MachineTwin]) -> Divergence | None:
    """Return the parting that comes first in time: the others may follow from it."""
    partings = [each.parting for each in twins if each.parting is not None]
    return min(partings, key=lambda parting: parting.due_ns, default=None)


def _divergence(
    machine: str, tick: int, real: Sequence[Entry], simulated: Sequence[Entry]
) -> Divergence:
    one, other = real[tick], simulated[tick]
    ours, theirs = ([_identity(message) for message in entry.found] for entry in (one, other))
    only = [each for each in ours if each not in theirs] + [
        each for each in theirs if each not in ours
    ]
    message = only[0] if only else None
    return Divergence(
        machine,
        tick,
        other.instant.due_ns,
        one.event,
        other.event,
        message,
        _tick_of(message, real),
        _tick_of(message, simulated),
        ours == theirs,
    )


def _identity(message: Message) -> tuple[str, int]:
    return message.sender, message.stamp


def _tick_of(message: tuple[str, int] | None, entries: Sequence[Entry]) -> int | None:
    if message is None:
        return None
    ticks = (tick for tick, entry in enumerate(entries) if message in map(_identity, entry.found))
    return next(ticks, None)
