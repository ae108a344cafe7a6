"""The lengths of all queues, exactly, as a Markov chain along the schedule of ticks.

Clocks do not matter for queues: a tick either takes a message or rolls the die. So the
joint distribution of the queue lengths is carried from tick to tick, as a table with
an axis a machine. Exact for a mesh without latency and given phases, but for lengths
whose probability is below NEGLIGIBLE; averaged over a few draws of the phases.

A tick of a machine that finds a message only moves the origin of the machine's axis:
nothing is copied. Work is done for the states in which the machine's queue is empty,
one slice of the table; of a machine whose queue has left 0 for good there are none.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod, sqrt
from typing import Final, NamedTuple

from driftlab.arrays import FloatArray
from driftlab.lazy import np
from driftlab.theory.clock_chain import spread_phases, ticking_instants
from driftlab.theory.formulas import DieProbabilities

WORK_MAX: Final = 1_500_000_000  # numbers that are touched, before the chain gives up
INSTANT_WORK: Final = 30_000  # an instant takes as long as touching so many numbers
TABLE_MAX: Final = 4_000_000  # numbers in the table
DRAWS: Final = 5  # of the phases
ROOM: Final = 8  # messages by which a queue can grow before the table is laid out anew
NEGLIGIBLE: Final = 1e-11  # probability that is cut off at either end of an axis


class TooLargeError(Exception):
    """The table would be too large, or too many ticks would pass over it."""


class QueueLengths(NamedTuple):
    """One machine's queue. last: probabilities of the length after its last event, from 0.

    mean: over all its events, of the length after each. receives: the share of its
    ticks that took a message.
    """

    last: FloatArray
    mean: float
    receives: float

    @property
    def last_mean(self) -> float:
        """The mean length at the end."""
        return float((self.last * np.arange(len(self.last))).sum())

    @property
    def last_sd(self) -> float:
        """The standard deviation of the length at the end."""
        squares = np.arange(len(self.last)) ** 2
        return sqrt(max(float((self.last * squares).sum()) - self.last_mean**2, 0.0))

    def quantile(self, share: float) -> int:
        """Return the smallest length that is exceeded with probability at most 1 - share."""
        return int(np.searchsorted(np.cumsum(self.last), share - 1e-12))


def queue_lengths(
    rates: Sequence[float], die: DieProbabilities, seconds: float, *, aligned: bool = False
) -> list[QueueLengths]:
    """Return the queue of each machine of a run that starts empty.

    rates: ticks a second. seconds: the length of the run. aligned: whether all machines
    tick first at the same instant. Raises TooLargeError.
    """
    instants = sum(rates) * seconds * INSTANT_WORK
    if instants > WORK_MAX / 2:
        raise TooLargeError("the run has too many ticks")
    draws = 1 if aligned or instants * DRAWS > WORK_MAX else DRAWS
    allowed = WORK_MAX / draws
    found = [
        _Chain(rates, die, allowed).run(
            spread_phases(len(rates), draw, draws, aligned=aligned), seconds
        )
        for draw in range(draws)
    ]
    return [_mean_of([each[machine] for each in found]) for machine in range(len(rates))]


def _mean_of(draws: Sequence[QueueLengths]) -> QueueLengths:
    last = np.zeros(max(len(each.last) for each in draws))
    for each in draws:
        last[: len(each.last)] += each.last / len(draws)
    count = len(draws)
    return QueueLengths(
        last, sum(each.mean for each in draws) / count, sum(each.receives for each in draws) / count
    )


class _Chain:
    """One draw of the phases: a table of the probabilities of all lengths together.

    The table holds the lengths from `_low` of each machine on. Length 0 of machine i would
    be at place `_zero[i]` of its axis, which is below 0 where no short queue is possible;
    places from `_end[i]` on are empty.
    """

    def __init__(self, rates: Sequence[float], die: DieProbabilities, work_max: float) -> None:
        machines = len(rates)
        self._rates = rates
        self._each = die.send_one / max(machines - 1, 1)
        self._all = die.send_all
        self._work = work_max
        self._zero, self._end = [0] * machines, [1] * machines
        self._table: FloatArray = np.ones((1,) * machines)
        self._lay_out()

    def run(self, phases: Sequence[float], seconds: float) -> list[QueueLengths]:
        """Return the queues of one draw."""
        machines = len(self._rates)
        ticks, sums, receives = [0] * machines, [0.0] * machines, [0.0] * machines
        lengths = [0.0] * machines
        last: list[FloatArray] = [np.ones(1)] * machines
        to_peer = self._each + self._all
        for now, due in ticking_instants(self._rates, phases):
            if now >= seconds:
                break
            if any(self._end[i] + len(due) > size for i, size in enumerate(self._table.shape)):
                self._lay_out()
            empty = [float(self._where({machine: 0}).sum()) for machine in due]
            for machine, share in zip(due, empty, strict=True):
                ticks[machine] += 1
                receives[machine] += 1 - share
                lengths[machine] -= 1 - share
                sums[machine] += lengths[machine]
                if now + 1 / self._rates[machine] >= seconds - 1e-9:
                    last[machine] = self._after_removal(machine)
            for machine, share in zip(due, empty, strict=True):
                for peer in range(machines):
                    lengths[peer] += to_peer * share if peer != machine else 0.0
            self._tick_together(due)
        return [
            QueueLengths(
                last[machine],
                sums[machine] / max(ticks[machine], 1),
                receives[machine] / max(ticks[machine], 1),
            )
            for machine in range(machines)
        ]

    def _where(self, fixed: dict[int, int]) -> FloatArray:
        """Return the part of the table in which queues have these lengths; every axis stays.

        fixed: of a machine, 0 for an empty queue, 1 for any other.
        """
        part = []
        for machine, (zero, end) in enumerate(zip(self._zero, self._end, strict=True)):
            first = max(zero, 0)
            match fixed.get(machine):
                case 0:
                    part.append(slice(first, min(zero + 1, end) if zero >= 0 else first))
                case 1:
                    part.append(slice(max(zero + 1, 0), end))
                case _:
                    part.append(slice(first, end))
        return self._table[tuple(part)]

    def _after_removal(self, machine: int) -> FloatArray:
        """Return the probabilities of a machine's queue lengths after it took a message."""
        others = tuple(axis for axis in range(len(self._rates)) if axis != machine)
        found: FloatArray = self._where({}).sum(axis=others)
        below = max(-self._zero[machine], 0)
        lengths = np.append(np.zeros(below), found)
        after: FloatArray = np.append(lengths[1:], 0.0)
        after[0] += lengths[0]
        return after

    def _tick_together(self, due: Sequence[int]) -> None:
        """Let machines tick at one instant: none finds what another sends at it."""
        free_parts = list(self._free_parts(due))
        for machine in due:
            self._zero[machine] += 1
        for free, firsts, part in free_parts:
            for machine in free:
                part = self._after_die(part, machine)
            self._work -= 8 * part.size
            self._add(firsts, part)
        self._work -= INSTANT_WORK
        if self._work < 0:
            raise TooLargeError("the queues are too many, or too long")

    def _free_parts(
        self, due: Sequence[int]
    ) -> Iterator[tuple[tuple[int, ...], list[int], FloatArray]]:
        """Yield copies of the parts of the table in which some machines are free.

        Each with the free machines, and the lengths at the first place of each axis after
        the others of `due` have taken a message.
        """
        for is_free in product((True, False), repeat=len(due)):
            free = tuple(machine for machine, it in zip(due, is_free, strict=True) if it)
            if not free:
                continue
            fixed = {machine: 0 if it else 1 for machine, it in zip(due, is_free, strict=True)}
            part = self._where(fixed)
            if part.size:
                firsts = [
                    max(-zero, 1 if fixed.get(machine) == 1 else 0) - (fixed.get(machine) == 1)
                    for machine, zero in enumerate(self._zero)
                ]
                yield free, firsts, part.copy()

    def _add(self, firsts: Sequence[int], part: FloatArray) -> None:
        """Add probabilities to the table. firsts: the length at the first place of each axis."""
        places = []
        for machine, (first, size) in enumerate(zip(firsts, part.shape, strict=True)):
            begin = self._zero[machine] + first
            places.append(slice(begin, begin + size))
            self._end[machine] = max(self._end[machine], begin + size)
        self._table[tuple(places)] += part

    def _after_die(self, part: FloatArray, machine: int) -> FloatArray:
        """Return part of the table after a free tick of a machine, a place longer for its peers."""
        peers = [peer for peer in range(len(self._rates)) if peer != machine]
        after = np.zeros([size + (axis != machine) for axis, size in enumerate(part.shape)])
        nothing = 1 - self._all - self._each * len(peers)
        for share, targets in (
            (nothing, []),
            *((self._each, [peer]) for peer in peers),
            (self._all, peers),
        ):
            if share > 0:
                moved = tuple(
                    slice(axis in targets, size + (axis in targets))
                    for axis, size in enumerate(part.shape)
                )
                after[moved] += share * part
        return after

    def _lay_out(self) -> None:
        """Copy the table into a new one with room, without ends that are as good as empty."""
        held = self._where({})
        keep, zero = [], []
        for machine, first in enumerate(self._zero):
            others = tuple(axis for axis in range(held.ndim) if axis != machine)
            below = np.cumsum(held.sum(axis=others))
            begin = int(np.searchsorted(below, NEGLIGIBLE)) if len(below) > 1 else 0
            end = int(np.searchsorted(below, below[-1] - NEGLIGIBLE)) + 1
            keep.append(slice(begin, max(end, begin + 1)))
            zero.append(min(first, 0) - begin)
        held = held[tuple(keep)]
        shape = [size + ROOM + len(self._rates) for size in held.shape]
        if prod(shape) > TABLE_MAX:
            raise TooLargeError("the queues are too many, or too long")
        self._work -= prod(shape)
        self._table = np.zeros(shape)
        self._table[tuple(slice(0, size) for size in held.shape)] = held
        self._zero, self._end = zero, list(held.shape)
