"""The notes' workload: the die that decides what a free tick does.

With D faces and three machines, face 1 sends to the first peer, face 2 to the
second, face 3 to both, any other is internal. For any number of machines that
is: with probability `send_one` to one peer drawn uniformly, with `send_all` to
every peer. One rule covers both, and one draw decides: the bits below the
first bound are cut into equal parts, one a peer, which for three machines are
the notes' faces 1 and 2.
"""

from driftlab.machine.effects import Send
from driftlab.machine.process import Process, ProcessContext
from driftlab.model.random_streams import DIE_BITS, WORD_BITS

INTERNAL = -2
EVERY_PEER = -1

_new = tuple.__new__  # of a named tuple: faster than by its fields


def roll(word: int, one_below: int, all_below: int, peers: int) -> int:
    """Decide a free tick from one 64-bit word.

    Returns INTERNAL, EVERY_PEER, or the index of one peer in 0 .. peers - 1.
    `one_below` and `all_below` are the bounds of `Scenario.die`.
    """
    bits = word >> (WORD_BITS - DIE_BITS)
    if bits < one_below:
        return bits * peers // one_below
    if bits < all_below:
        return EVERY_PEER
    return INTERNAL


class Die(Process):
    """The notes' process: it rolls a die at every free tick, and does nothing about a message."""

    def __init__(self, machine: ProcessContext, die: tuple[int, int]) -> None:
        super().__init__(machine)
        self._one_below, self._all_below = die
        self._internal_from = self._all_below << WORD_BITS - DIE_BITS  # roll says so of all words
        self._peers = machine.peers
        self._draws = machine.random

    def idle(self) -> Send | None:
        """Roll the die: send to one peer, to every peer, or do something internal."""
        word = self._draws.word()
        if word >= self._internal_from:
            return None
        peers = self._peers
        choice = roll(word, self._one_below, self._all_below, len(peers))
        return _new(Send, (peers if choice == EVERY_PEER else peers[choice], None))
