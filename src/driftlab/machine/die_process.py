"""The process of the assignment: a die decides what a tick without a message does.

With D faces and three machines, face 1 sends to the first peer, face 2 to the
second, face 3 to both; any other face is an internal event. For any number of
machines: with probability `send_one` send to one peer, drawn uniformly, with
probability `send_all` to every peer. One rule covers both, and one draw
decides: the range below the first bound is divided evenly among the peers,
which for three machines are faces 1 and 2.
"""

from driftlab.machine.effects import Send
from driftlab.machine.process import Process, ProcessContext
from driftlab.model.random_streams import DIE_BITS, WORD_BITS

INTERNAL = -2
EVERY_PEER = -1

_new = tuple.__new__  # creates a Send faster than its constructor


def roll(word: int, one_below: int, all_below: int, peers: int) -> int:
    """Return INTERNAL, EVERY_PEER, or the index of one peer in 0 .. peers - 1.

    Args: a 64-bit random word, the two bounds of `Scenario.die`, and the number
    of peers.
    """
    bits = word >> (WORD_BITS - DIE_BITS)
    if bits < one_below:
        return bits * peers // one_below
    if bits < all_below:
        return EVERY_PEER
    return INTERNAL


class Die(Process):
    """Roll a die at every tick without a message; do nothing about a message."""

    def __init__(self, machine: ProcessContext, die: tuple[int, int]) -> None:
        super().__init__(machine)
        self._one_below, self._all_below = die
        self._internal_from = (
            self._all_below << WORD_BITS - DIE_BITS
        )  # every word from here on is INTERNAL
        self._peers = machine.peers
        self._random = machine.random

    def idle(self) -> Send | None:
        """Roll the die: send to one peer, to every peer, or to nobody."""
        word = self._random.word()
        if word >= self._internal_from:
            return None
        peers = self._peers
        choice = roll(word, self._one_below, self._all_below, len(peers))
        return _new(Send, (peers if choice == EVERY_PEER else peers[choice], None))
