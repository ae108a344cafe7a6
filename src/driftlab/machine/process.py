"""A process: what a machine does at its ticks, what it can see of its machine, and the die.

A machine calls its process once a tick: `receive` if its inbox holds a message,
otherwise `idle`. The process returns effects, which are values. It keeps its
state in itself, and reads its name, peers, clock, time and random numbers from
`self.machine`. It cannot find out whether it runs for real or in a simulation,
so the same process runs in both.

The process of the assignment is a die that decides what a tick without a message
does. With D faces and three machines, face 1 sends to the first peer, face 2 to the
second, face 3 to both; any other face is an internal event. For any number of
machines: with probability `send_one` send to one peer, drawn uniformly, with
probability `send_all` to every peer. One rule covers both, and one draw
decides: the range below the first bound is divided evenly among the peers,
which for three machines are faces 1 and 2.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

from driftlab.clocks.clock import Timestamp
from driftlab.machine.effects import Effects, Send
from driftlab.model.event import Message
from driftlab.model.random_streams import (
    BLOCK_WORDS,
    DIE_BITS,
    IS_ACCELERATED,
    WORD_BITS,
    draw,
    draw_block,
    uniform_below,
)

Option = TypeVar("Option")

_BLOCK_GAP_TICKS: Final = 4  # after draws at most this far apart a block is computed


class RandomStream:
    """The random numbers of one process, the same in a real run and a simulation.

    The first word of tick k is draw number k of the process's stream. Further
    words of the same tick are draws of a stream whose key is that first word.
    """

    __slots__ = ("_block", "_block_tick", "_context", "_count", "_first", "_stream", "_tick")

    def __init__(self, stream: int, context: "ProcessContext") -> None:
        self._stream = stream
        self._context = context
        self._tick = -_BLOCK_GAP_TICKS - 1  # of the last draw
        self._first = 0  # the first word of that tick
        self._count = 0  # of further words drawn at that tick
        self._block: Sequence[int] = ()
        self._block_tick = -BLOCK_WORDS  # the tick of the block's first word

    def word(self) -> int:
        """Return a whole number, uniform in 0 .. 2**64 - 1."""
        tick = self._context.tick
        if tick == self._tick:
            self._count += 1
            return draw(self._first, self._count)
        index = tick - self._block_tick
        word = self._block[index] if 0 <= index < BLOCK_WORDS else self._first_word(tick)
        self._first = word
        self._tick = tick
        self._count = 0
        return word

    def _first_word(self, tick: int) -> int:
        """Return the first word of a tick outside the block; compute a new block if that pays."""
        if IS_ACCELERATED or not 0 < tick - self._tick <= _BLOCK_GAP_TICKS:
            return draw(self._stream, tick)
        self._block = draw_block(self._stream, tick)
        self._block_tick = tick
        return self._block[0]

    def below(self, bound: int) -> int:
        """Return a whole number, uniform in 0 .. bound - 1. Raise ValueError if bound < 1."""
        if bound < 1:
            raise ValueError(f"below({bound}): there is no number in 0 .. {bound - 1}")
        return uniform_below(self.word(), bound)

    def uniform(self) -> float:
        """Return a number, uniform in [0, 1)."""
        return (self.word() >> 11) * 2.0**-53

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self.uniform() < probability

    def choice(self, options: Sequence[Option]) -> Option:
        """Return one of the options, each equally likely. Raise ValueError if there are none."""
        return options[self.below(len(options))]


class ProcessContext:
    """A machine as its process sees it.

    name: the name of the process.
    position: its index in name order, from 0.
    names: the names of all processes, in name order; `size` is their number.
    peers: the names of the processes that it can send to, in name order.
    tick: the number of the current tick, from 0.
    clock: the Lamport clock of the current event; messages sent now carry it.
    timestamp: the timestamp of the run's additional clock, None if it has none.
    now_ns: the machine's physical clock at the beginning of the tick, in whole
        nanoseconds.
    queue: the number of messages left in the inbox.
    random: the process's own random numbers.
    """

    __slots__ = (
        "clock", "name", "names", "now_ns", "peers", "position", "queue", "random", "size", "tick",
        "timestamp",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        position: int,
        names: tuple[str, ...],
        peers: tuple[str, ...],
        stream: int,
    ) -> None:
        self.name = name
        self.position = position
        self.names = names
        self.size = len(names)
        self.peers = peers
        self.tick = 0
        self.clock = 0
        self.timestamp: Timestamp | None = None
        self.now_ns = 0
        self.queue = 0
        self.random = RandomStream(stream, self)


class Process:
    """The base class of processes: override `idle`, `receive`, or both; by default they do nothing.

    A process that overrides `__init__` calls `super().__init__(machine)`.
    """

    def __init__(self, machine: ProcessContext) -> None:
        self.machine = machine

    def idle(self) -> Effects:
        """Return what to do at a tick with an empty inbox."""
        return None

    def receive(self, message: Message) -> Effects:
        """Return what to do about `message`, which was at the front of the inbox."""
        return None


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
