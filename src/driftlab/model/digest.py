"""The digest of a run: one 64-bit word, the same for two engines if they agree.

Every event of a machine is mixed into that machine's word, in the order of its
ticks. At the end the words of all machines are mixed into one, in name order.
So the digest depends on what each machine did and not on the order in which an
engine visited the machines.

An event is first hashed: each field is multiplied by an odd number of its own,
and the products are summed modulo 2**64. The hash is then mixed in by a
multiplication and a rotation, which are bijections. Hence a change of one
field of one event always changes the digest; two other histories have the same
digest by chance once in 2**64. It detects mistakes, not forgery.

The functions of whole numbers are also compiled, and written once more in the
C program of the benchmarks; `random_streams` says what that demands of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from driftlab.model.event import Event, EventRow
from driftlab.model.random_streams import mix

INTERNAL: Final = 0
SEND: Final = 1
RECEIVE: Final = 2
KINDS: Final = ("internal", "send", "receive")

NO_PARTNER: Final = 0  # neither a sender nor a target
ALL_PEERS: Final = (1 << 32) - 1  # several targets, which are then all peers

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
    """Return the digest `word` with one more word mixed in."""
    word = ((word ^ more) * _MULTIPLIER) & _MASK
    return ((word << _ROTATION) & _MASK) | (word >> _ROTATION_REST)


def hash_event(tick: int, kind: int, partner: int, stamp: int, clock: int, queue: int) -> int:
    """Return the hash of one event.

    Args:
        tick: the number of the tick.
        kind: INTERNAL, SEND or RECEIVE.
        partner: of a receive the sender's position plus 1, of a send to one peer
            its index among the peers plus 1, of a send to several ALL_PEERS, of
            an internal event NO_PARTNER.
        stamp: the Lamport clock that the received message carried, else 0.
        clock: the Lamport clock of the event.
        queue: the number of messages left in the inbox.
    """
    return (
        tick * _TICK
        + kind * _KIND
        + partner * _PARTNER
        + stamp * _STAMP
        + clock * _CLOCK
        + queue * _QUEUE
    ) & _MASK


def finish(digest: int, machine: int) -> int:
    """Return the digest of a run with the word of the next machine in name order mixed in."""
    return mix_in(digest, mix(machine))


def digest_of(history: Iterable[Event], names: Sequence[str], peers: Sequence[str]) -> int:
    """Return the word of one machine of a run.

    Args: all its events in order, the names of all processes in name order, and
    the names of the machine's peers in name order.
    """
    machine = MachineDigest({name: position for position, name in enumerate(names)}, peers)
    for event in history:
        machine.add(event)
    return machine.word


class MachineDigest:
    """The word of one machine, computed event by event.

    Args: the positions of all processes by name, and the names of the machine's
    peers in name order.
    """

    __slots__ = ("_indices", "_positions", "word")

    def __init__(self, positions: Mapping[str, int], peers: Sequence[str]) -> None:
        self.word = 0
        self._positions = positions
        self._indices = {name: index for index, name in enumerate(peers)}

    def add(self, event: Event | EventRow) -> None:
        """Mix the next event in."""
        _, tick, kind, sender, stamp, targets, clock, queue, _, _ = event
        partner = NO_PARTNER
        if sender is not None:
            partner = self._positions[sender] + 1
        elif targets:
            partner = self._indices[targets[0]] + 1 if len(targets) == 1 else ALL_PEERS
        word = hash_event(tick, KINDS.index(kind), partner, stamp or 0, clock, queue)
        self.word = mix_in(self.word, word)


def digest_of_run(machines: Iterable[int]) -> int:
    """Return the digest of a run from the words of its machines, in name order."""
    digest = 0
    for machine in machines:
        digest = finish(digest, machine)
    return digest
