"""The events of many runs of three machines in one table, a column a field.

Rows are sorted by run, rank and tick, where rank 0, 1 and 2 is the fastest, the middle
and the slowest machine of a run, P1, P2 and P3 of the claims; of equal rates the first
in name order has the lower rank, and a claim about a faster machine asks the rates. So
the row before an event is the event before it, but where `is_first` says that there is
none. A receive knows the row of the send that it received, so its message has an age.

Time is scenario time; of a real run it is when a tick really began.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, FloatArray, IntArray
from driftlab.model.columns import RECEIVE, SEND

MACHINES: Final = 3
P1, P2, P3 = range(MACHINES)  # ranks
NONE: Final = -1  # in `sender` and `sent`: no message, or its send is not recorded


class RunEvents(NamedTuple):
    """The events of one run: a column a field, a machine by its position in name order.

    loads: of each machine's queue, which diverges if that is above 1 (`theory.formulas`).
    The events of one machine are in their order; is_first: whether the log lacks what
    was before an event (None: of a complete log).
    """

    seed: int
    number: int
    rates: Sequence[float]
    loads: Sequence[float]
    process: IntArray
    kind: IntArray
    clock: IntArray
    sender: IntArray
    stamp: IntArray
    queue: IntArray
    time_ns: IntArray
    is_first: BoolArray | None = None
    late_ticks: int = 0


class EventTable:
    """The events of all runs of one condition.

    names: the seed and the number of each run. late_ticks: of all of them. rates, loads
    f8, shape (runs, 3): by rank. position, shape (runs, 3): in name order, of each rank.
    run, rank, kind, clock, sender (a rank), stamp, queue, time_ns: of each row.
    """

    def __init__(self, runs: Sequence[RunEvents]) -> None:
        """Put the events of at least one run into one table; every machine has events."""
        self.names = [(each.seed, each.number) for each in runs]
        self.late_ticks = sum(each.late_ticks for each in runs)
        asked = np.array([each.rates for each in runs], np.float64)
        self.position: IntArray = np.argsort(-asked, axis=1, kind="stable")
        self.rates: FloatArray = np.take_along_axis(asked, self.position, axis=1)
        loads = np.array([each.loads for each in runs], np.float64)
        self.loads: FloatArray = np.take_along_axis(loads, self.position, axis=1)
        ranks = np.argsort(self.position, axis=1).astype(np.int8)
        run = np.repeat(np.arange(len(runs)), [len(each.kind) for each in runs])
        process = np.concatenate([each.process for each in runs]).astype(np.int64)
        group = run * MACHINES + ranks[run, process]
        order = np.argsort(group, kind="stable")
        self._group = group[order]
        self.run: IntArray = run[order]
        self.rank: IntArray = self._group - MACHINES * self.run
        self.kind = _column([each.kind for each in runs], order)
        self.clock = _column([each.clock for each in runs], order)
        self.stamp = _column([each.stamp for each in runs], order)
        self.queue = _column([each.queue for each in runs], order)
        self.time_ns = _column([each.time_ns for each in runs], order)
        sender = _column([each.sender for each in runs], order)
        self.sender: IntArray = np.where(sender < 0, NONE, ranks[self.run, sender])
        self.is_first: BoolArray = np.r_[True, self._group[1:] != self._group[:-1]]
        flags = [
            np.zeros(len(each.kind), np.bool_) if each.is_first is None else each.is_first
            for each in runs
        ]
        self.is_first |= np.concatenate(flags)[order]

    def __len__(self) -> int:
        return len(self.run)

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return len(self.names)

    @cached_property
    def tick(self) -> IntArray:
        """The number of each event among the recorded ones of its machine, from 0."""
        numbers: IntArray = np.arange(len(self)) - self.starts[self._group]
        return numbers

    @cached_property
    def row_rates(self) -> FloatArray:
        """The rates of P1, P2 and P3 in the run of each event, shape (3, rows)."""
        return np.ascontiguousarray(self.rates[self.run].T)

    @cached_property
    def before(self) -> IntArray:
        """The row of the event before each; of a first one its own."""
        rows = np.arange(len(self))
        return np.where(self.is_first, rows, rows - 1)

    @cached_property
    def starts(self) -> IntArray:
        """Where the rows of each run and rank begin, and the end: row = run * 3 + rank."""
        counts = np.bincount(self._group, minlength=self.runs * MACHINES)
        starts: IntArray = np.r_[0, np.cumsum(counts)]
        return starts

    @cached_property
    def jump(self) -> IntArray:
        """By how much each event raised the clock; 1 of a first event, which has no jump."""
        jump: IntArray = np.diff(self.clock, prepend=0)
        jump[self.is_first] = 1
        return jump

    @cached_property
    def jumps(self) -> BoolArray:
        """Whether an event raised the clock by more than 1."""
        return self.jump > 1

    @cached_property
    def receives(self) -> BoolArray:
        """Whether an event is a receive that has an event before it."""
        receives: BoolArray = (self.kind == RECEIVE) & ~self.is_first
        return receives

    @cached_property
    def rate(self) -> FloatArray:
        """The rate of each event's machine."""
        return self.rates[self.run, self.rank]

    @cached_property
    def sender_rate(self) -> FloatArray:
        """The rate of the sender of each event's message; meaningless where there is none."""
        return self.rates[self.run, self.sender]

    @cached_property
    def sent(self) -> IntArray:
        """The row of the send of each receive's message, NONE where it is not recorded.

        A message is named by its sender and its stamp, the clock of its send.
        """
        names = self._group * 2**40 + self.clock
        names = np.maximum.accumulate(names)  # a clock that falls names no message
        wanted = (self.run * MACHINES + self.sender) * 2**40 + self.stamp
        at = np.minimum(np.searchsorted(names, wanted), len(self) - 1)
        found = (self.kind == RECEIVE) & (names[at] == wanted) & (self.kind[at] == SEND)
        return np.where(found, at, NONE)

    @cached_property
    def age_s(self) -> FloatArray:
        """How long before each receive its message was sent; not a number if unknown."""
        return np.where(self.sent < 0, np.nan, (self.time_ns - self.time_ns[self.sent]) / 1e9)

    def row_before(self, wanted: BoolArray) -> IntArray:
        """Return, for each event, the last earlier row of its machine that is wanted, or NONE."""
        rows = np.where(wanted, np.arange(len(self)), NONE)
        last = np.maximum.accumulate(np.r_[NONE, rows[:-1]])
        begin = self.starts[self._group]
        return np.where(last >= begin, last, NONE)

    def count_by_run(self, wanted: BoolArray) -> IntArray:
        """Return how many wanted events each run has."""
        return np.bincount(self.run[wanted], minlength=self.runs)

    def sum_by_run(self, values: FloatArray | IntArray, wanted: BoolArray) -> FloatArray:
        """Return the sum of a column over the wanted events of each run."""
        sums = np.bincount(self.run[wanted], weights=values[wanted], minlength=self.runs)
        return sums.astype(np.float64)

    def count_by_machine(self, wanted: BoolArray) -> IntArray:
        """Return how many wanted events each machine has, shape (runs, 3)."""
        counts = np.bincount(self._group[wanted], minlength=self.runs * MACHINES)
        return counts.reshape(self.runs, MACHINES)

    def by_machine(self, values: IntArray, reduce: np.ufunc) -> IntArray:
        """Return a column reduced over each machine, shape (runs, 3); machines have events."""
        table: IntArray = reduce.reduceat(values, self.starts[:-1]).reshape(self.runs, MACHINES)
        return table

    def last(self, values: IntArray) -> IntArray:
        """Return the last value of a column of each machine, shape (runs, 3)."""
        return values[self.starts[1:] - 1].reshape(self.runs, MACHINES)


def _column(parts: Sequence[IntArray], order: IntArray) -> IntArray:
    return np.concatenate(parts).astype(np.int64)[order]
