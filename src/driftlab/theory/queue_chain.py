"""The lengths of all queues, exactly, as a Markov chain along the schedule of ticks.

Clocks do not matter for queues: a tick either takes a message or rolls the die. So the
joint distribution of the queue lengths after every tick is carried along, as a table
with an axis a machine. Exact for a mesh without latency and given phases, up to the
truncation of the table (PROBABILITY_LOST_MAX); averaged over a few draws of the phases.
"""

from collections.abc import Sequence
from math import ceil, sqrt
from typing import Final, NamedTuple

from driftlab.arrays import FloatArray
from driftlab.lazy import np
from driftlab.theory.clock_chain import spread_phases, ticking_instants
from driftlab.theory.formulas import Die, inflow, mean_queue, queue_spread

WORK_MAX: Final = 2e8  # numbers that are touched, ticks times the size of the table
DRAWS: Final = 3  # of the phases
SPREADS: Final = 9  # standard deviations above the mean that the table reaches
PROBABILITY_LOST_MAX: Final = 1e-4  # beyond the table's end, in all


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
        return float(self.last @ np.arange(len(self.last)))

    @property
    def last_sd(self) -> float:
        """The standard deviation of the length at the end."""
        lengths = np.arange(len(self.last))
        return sqrt(max(float(self.last @ lengths**2) - self.last_mean**2, 0.0))

    def quantile(self, share: float) -> int:
        """Return the smallest length that is exceeded with probability at most 1 - share."""
        return int(np.searchsorted(np.cumsum(self.last), share - 1e-12))


def queue_lengths(
    rates: Sequence[float], die: Die, seconds: float, *, aligned: bool = False
) -> list[QueueLengths]:
    """Return the queue of each machine of a run that starts empty.

    rates: ticks a second. seconds: the length of the run. aligned: whether all machines
    tick first at the same instant. Raises TooLargeError.
    """
    shape = tuple(_table_length(rates, die, seconds, machine) for machine in range(len(rates)))
    draws = 1 if aligned else DRAWS
    size = 1.0
    for length in shape:
        size *= length
    if size * sum(rates) * seconds * draws > WORK_MAX:
        raise TooLargeError("the queues are too many, or too long")
    found = [
        _Chain(rates, die, shape).run(spread_phases(len(rates), draw, aligned), seconds)
        for draw in range(draws)
    ]
    return [
        QueueLengths(
            np.sum([each[machine].last for each in found], axis=0) / draws,
            sum(each[machine].mean for each in found) / draws,
            sum(each[machine].receives for each in found) / draws,
        )
        for machine in range(len(rates))
    ]


def _table_length(rates: Sequence[float], die: Die, seconds: float, machine: int) -> int:
    """Return how many lengths of a machine's queue the table has."""
    flow = inflow(rates, die, machine)
    if flow.rate <= 0:
        return 1
    rate = rates[machine]
    spread = queue_spread(flow, rate, seconds)
    return 8 + ceil(mean_queue(flow, rate, seconds) + SPREADS * (spread + 0.5))


class _Chain:
    """One draw of the phases: a table of the probabilities of all lengths together."""

    def __init__(self, rates: Sequence[float], die: Die, shape: tuple[int, ...]) -> None:
        self._rates = rates
        self._each = die.send_one / max(len(rates) - 1, 1)
        self._all = die.send_all
        self._table: FloatArray = np.zeros(shape)
        self._table[(0,) * len(rates)] = 1.0

    def run(self, phases: Sequence[float], seconds: float) -> list[QueueLengths]:
        """Return the queues of one draw."""
        machines = len(self._rates)
        ticks, sums, receives = [0] * machines, [0.0] * machines, [0.0] * machines
        last = [self._marginal(machine) for machine in range(machines)]
        for now, due in ticking_instants(self._rates, phases):
            if now >= seconds:
                break
            for machine in due:
                found = self._marginal(machine)
                last[machine] = np.append(found[1:], 0.0)  # after the removal
                last[machine][0] += found[0]
                ticks[machine] += 1
                receives[machine] += 1 - float(found[0])
                sums[machine] += float(last[machine] @ np.arange(len(found)))
            self._tick_together(due)
        if 1 - self._table.sum() > PROBABILITY_LOST_MAX:
            raise TooLargeError("a queue outgrew the table")
        return [
            QueueLengths(
                last[machine],
                sums[machine] / max(ticks[machine], 1),
                receives[machine] / max(ticks[machine], 1),
            )
            for machine in range(machines)
        ]

    def _marginal(self, machine: int) -> FloatArray:
        others = tuple(axis for axis in range(len(self._rates)) if axis != machine)
        lengths: FloatArray = self._table.sum(axis=others)
        return lengths

    def _tick_together(self, due: Sequence[int]) -> None:
        """Let machines tick at one instant: none finds what another sends at it."""
        cases: list[tuple[FloatArray, tuple[int, ...]]] = [(self._table, ())]
        for machine in due:
            cases = [
                (part, (*free, *((machine,) if is_free else ())))
                for table, free in cases
                for part, is_free in (
                    (_with_empty_queue(table, machine), True),
                    (_with_one_taken(table, machine), False),
                )
            ]
        after = np.zeros_like(self._table)
        for table, free in cases:
            for machine in free:
                table = self._after_die(table, machine)
            after += table
        self._table = after

    def _after_die(self, table: FloatArray, machine: int) -> FloatArray:
        """Return the table after a free tick of a machine."""
        peers = [peer for peer in range(len(self._rates)) if peer != machine]
        after = table * (1 - self._all - self._each * len(peers))
        for peer in peers:
            after += self._each * _with_one_more(table, peer)
        if self._all:
            for peer in peers:
                table = _with_one_more(table, peer)
            after += self._all * table
        return after


def _slice(table: FloatArray, machine: int, part: slice) -> tuple[slice, ...]:
    return tuple(part if axis == machine else slice(None) for axis in range(table.ndim))


def _with_empty_queue(table: FloatArray, machine: int) -> FloatArray:
    kept = np.zeros_like(table)
    first = _slice(table, machine, slice(0, 1))
    kept[first] = table[first]
    return kept


def _with_one_taken(table: FloatArray, machine: int) -> FloatArray:
    moved = np.zeros_like(table)
    moved[_slice(table, machine, slice(0, -1))] = table[_slice(table, machine, slice(1, None))]
    return moved


def _with_one_more(table: FloatArray, machine: int) -> FloatArray:
    """Return the table with every length of a machine one greater; what leaves it is lost."""
    moved = np.zeros_like(table)
    moved[_slice(table, machine, slice(1, None))] = table[_slice(table, machine, slice(0, -1))]
    return moved
