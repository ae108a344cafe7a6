"""One 64-bit word for a whole run: two engines agree if it is the same.

Every event of a machine is folded into that machine's word, in the order of
its ticks; at the end the words of all machines are folded into one, in name
order. So the digest says nothing of the order in which an engine visited the
machines, and everything about what each of them did.

An event is first weighed: each field times an odd number of its own, summed
modulo 2**64. Then it is folded in by a multiplication and a rotation, which
are one-to-one. Hence a change of one field of one event always changes the
digest; of any other two histories the digests agree by chance once in 2**64.
It guards against mistakes, not against forgery.

The functions of whole numbers are also compiled and stand once more in the C
program of the benchmarks; see dice for what that asks of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from driftlab.model.event import Event
from driftlab.model.random_streams import mix

INTERNAL: Final = 0
SEND: Final = 1
RECEIVE: Final = 2
KINDS: Final = ("internal", "send", "receive")

NO_PARTNER: Final = 0  # no sender, no target
ALL_PEERS: Final = (1 << 32) - 1  # every peer is a target, and there is more than one

_MASK: Final = (1 << 64) - 1
_KIND: Final = 0x9E3779B97F4A7C15
_PARTNER: Final = 0xC2B2AE3D27D4EB4F
_STAMP: Final = 0x165667B19E3779F9
_TICK: Final = 0xD6E8FEB86659FD93
_CLOCK: Final = 0xA0761D6478BD642F
_QUEUE: Final = 0xE7037ED1A0B428DB
_MULTIPLIER: Final = 0xFF51AFD7ED558CCD
_ROTATION: Final = 29
_ROTATION_REST: Final = 64 - _ROTATION


def mix_in(word: int, more: int) -> int:
    """Fold one more word into a digest."""
    word = ((word ^ more) * _MULTIPLIER) & _MASK
    return ((word << _ROTATION) & _MASK) | (word >> _ROTATION_REST)


def hash_event(tick: int, kind: int, other: int, stamp: int, clock: int, queue: int) -> int:
    """Return the word of one event.

    `other` is of a receive the sender's position plus 1, of a send to one peer
    that peer's index among the peers plus 1, of a send to more EVERYBODY, of
    an internal event NOBODY. `stamp` is of the message received, else 0.
    """
    return (
        tick * _TICK
        + kind * _KIND
        + other * _PARTNER
        + stamp * _STAMP
        + clock * _CLOCK
        + queue * _QUEUE
    ) & _MASK


def finish(digest: int, machine: int) -> int:
    """Fold the word of the next machine in name order into the digest of the run."""
    return mix_in(digest, mix(machine))


def digest_of(history: Iterable[Event], names: Sequence[str], peers: Sequence[str]) -> int:
    """Return the word of one machine of a run.

    `history` is all its events in order, `names` the names of all processes in
    name order, `peers` those that it is linked to, in name order.
    """
    machine = MachineDigest({name: place for place, name in enumerate(names)}, peers)
    for event in history:
        machine.add(event)
    return machine.word


class MachineDigest:
    """The word of one machine of a run, event by event, in order.

    `positions` are those of all processes by name, `peers` those that the
    machine is linked to, in name order.
    """

    __slots__ = ("_indices", "_positions", "word")

    def __init__(self, positions: Mapping[str, int], peers: Sequence[str]) -> None:
        self.word = 0
        self._positions = positions
        self._indices = {name: index for index, name in enumerate(peers)}

    def add(self, event: Event) -> None:
        """Fold the next event in."""
        other = NO_PARTNER
        if event.sender is not None:
            other = self._positions[event.sender] + 1
        elif event.targets:
            single = len(event.targets) == 1
            other = self._indices[event.targets[0]] + 1 if single else ALL_PEERS
        kind = KINDS.index(event.kind)
        stamp = event.stamp or 0
        word = hash_event(event.tick, kind, other, stamp, event.clock, event.queue)
        self.word = mix_in(self.word, word)


def digest_of_run(machines: Iterable[int]) -> int:
    """Return the digest of a run from the words of its machines, in name order."""
    digest = 0
    for machine in machines:
        digest = finish(digest, machine)
    return digest
