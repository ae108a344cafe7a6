"""A process: what a machine does at its ticks. The notes' die is one; users write their own.

A process is asked one thing a tick: `receive` where the inbox holds a message,
otherwise `idle`. It answers with effects, which are values. What it keeps
between ticks is its own; name, peers, clock, time and dice it asks of
`self.machine`. It never learns which world it is in, so it runs in both.

What a process can see of the machine that runs it, and nothing of the world it is in.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

from driftlab.clocks.clock import Timestamp
from driftlab.machine.effects import Effects
from driftlab.model.event import Message
from driftlab.model.random_streams import BLOCK_WORDS, draw, draw_block, uniform_below


class Process:
    """The base of every process. Override `idle`, `receive`, or both; the rest does nothing."""

    def __init__(self, machine: ProcessContext) -> None:
        self.machine = machine

    def idle(self) -> Effects:
        """Say what is to be done at a tick whose inbox is empty."""
        return None

    def receive(self, message: Message) -> Effects:
        """Say what is to be done about the front message of the inbox."""
        return None


Option = TypeVar("Option")

_BLOCK_AFTER_TICKS: Final = 4  # a process that drew within so many ticks gets a block of draws


class RandomStream:
    """A random stream of one process: the same in both worlds, whatever else happens.

    The first word of tick k is draw number k of the process's stream; further
    words of the same tick are draws of a stream that begins with that word.
    """

    __slots__ = ("_block", "_block_tick", "_count", "_first", "_stream", "_tick", "_view")

    def __init__(self, stream: int, view: "ProcessContext") -> None:
        self._stream = stream
        self._view = view
        self._tick = -_BLOCK_AFTER_TICKS - 1  # of the last draw
        self._first = 0
        self._block: tuple[int, ...] = ()
        self._block_tick = -BLOCK_WORDS  # of the block's first word
        self._count = 0

    def word(self) -> int:
        """Return a whole number, uniform in 0 .. 2**64 - 1."""
        tick = self._view.tick
        if tick == self._tick:
            self._count += 1
            return draw(self._first, self._count)
        place = tick - self._block_tick
        word = self._block[place] if 0 <= place < BLOCK_WORDS else self._new_first(tick)
        self._first = word
        self._tick = tick
        self._count = 0
        return word

    def _new_first(self, tick: int) -> int:
        """Return the first word of a tick that is not in the block, and see to a new block."""
        if not 0 < tick - self._tick <= _BLOCK_AFTER_TICKS:
            return draw(self._stream, tick)
        self._block = draw_block(self._stream, tick)
        self._block_tick = tick
        return self._block[0]

    def below(self, bound: int) -> int:
        """Return a whole number, uniform in 0 .. bound - 1. Raises ValueError below 1."""
        if bound < 1:
            raise ValueError(f"below({bound}): there is no number in 0 .. {bound - 1}")
        return uniform_below(self.word(), bound)

    def uniform(self) -> float:
        """Return a number, uniform in [0, 1)."""
        return (self.word() >> 11) * 2.0**-53

    def chance(self, probability: float) -> bool:
        """Return True with a probability."""
        return self.uniform() < probability

    def choice(self, options: Sequence[Option]) -> Option:
        """Return one of several, each as likely. Raises ValueError if there is none."""
        return options[self.below(len(options))]


class ProcessContext:
    """The machine as its process sees it.

    name: the process's own name.
    position: its place in name order, from 0.
    names: the names of all processes, in name order; `size` is how many.
    peers: the names of those it can send to, in name order.
    tick: the number of this tick, from 0.
    clock: the Lamport clock of this event; what is sent now carries it.
    timestamp: that of the run's further clock, None if it keeps none.
    now_ns: the machine's physical clock at the begin of this tick, whole nanoseconds.
    queue: how many messages are left in the inbox.
    random: its own stream of draws.
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
