"""Pairs of events: how many are ordered by happened-before, and what a clock makes of them.

Entry j of an event's vector time is how many events of process j are in its
past, and they are the first ones. So the pairs (a, b) with a before b are
counted by adding entries up, in time proportional to events times processes.

What a clock of one number does wrong, a before b but C(a) >= C(b), is counted
exactly too. If it rises along every step of a process and over every message
there is none. If not, events are taken from the greatest value down into a
Fenwick tree a process ("A New Data Structure for Cumulative Frequency Tables",
Software: Practice and Experience 24, 1994), which tells how many of a prefix
are in it already: events times processes times a logarithm.

Orders that are not total are compared pair by pair, all pairs of a short
history, else a sample that is named, with an interval.
"""

from collections.abc import Callable
from math import sqrt
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.analysis.column_clocks import CausalOrder
from driftlab.jit import Loop
from driftlab.model.columns import Array
from driftlab.model.random_streams import mix

ALL_PAIRS_EVENTS_MAX: Final = 1_500  # of longer histories pairs are drawn
PAIRS_DRAWN: Final = 200_000
_DEVIATIONS: Final = 1.959964  # of a normal distribution: 95 % lie within so many
_STEPS_PER_NUMBER: Final = 20  # in the tree, to tell when compiling is worth it
_SPREAD: Final = 0x9E3779B97F4A7C15  # odd: numbers of draws become words far apart

_GREATER, _PUT_IN, _AS_GREAT = 0, 1, 2  # steps of counting

Before = Callable[[Array, Array], Array]  # rows a and b: does the clock put a before b?


class PairOrder(NamedTuple):
    """Happened-before, ready to be asked for many pairs at once.

    vectors i4: the vector time of every event. process i4 and number i8: whose
    event a row is, and which, from 1. ordered, concurrent: how many pairs are.
    """

    of: CausalOrder
    vectors: Array
    process: Array
    number: Array
    ordered: int
    concurrent: int

    def before(self, a: Array, b: Array) -> Array:
        """Whether the events of rows a happened before those of rows b; not for equal rows."""
        answer: Array = self.vectors[b, self.process[a]] >= self.number[a]
        return answer


class Counted(NamedTuple):
    """Pairs that a clock gets wrong, and concurrent pairs that it orders.

    `ordered` and `concurrent` are how many pairs were looked at; `sample` is how
    many were drawn, None where all were looked at.
    """

    wrong: int
    hidden: int
    ordered: int
    concurrent: int
    sample: int | None = None


def pair_order(of: CausalOrder, vectors: Array) -> PairOrder:
    """Return happened-before as vector times tell it, and how many pairs it orders."""
    process = of.trace.process_column()
    rows = len(process)
    ordered = int(vectors.sum(dtype=np.int64)) - rows
    number = np.arange(1, rows + 1) - of.trace.starts[process] if rows else np.zeros(0, np.int64)
    return PairOrder(of, vectors, process, number, ordered, rows * (rows - 1) // 2 - ordered)


def count_total(order: PairOrder, value: Array) -> Counted:
    """Count for a clock of one number, i8, an event: by value, ties are not ordered."""
    _, sizes = np.unique(value, return_counts=True)
    ties = int((sizes * (sizes - 1) // 2).sum())
    wrong, tied = (0, 0) if _rises(order.of, value) else _misordered(order, value)
    hidden = order.concurrent - (ties - tied)
    return Counted(wrong, hidden, order.ordered, order.concurrent)


def _rises(of: CausalOrder, value: Array) -> bool:
    """Whether a clock rises from each event to the next, and from each send to its receive."""
    steps = (value[1:] > value[:-1]) | (of.first[1:] == 1)
    to = np.repeat(np.arange(len(value)), np.diff(of.sources.starts))
    return bool(steps.all() and (value[of.sources.rows] < value[to]).all())


def _misordered(order: PairOrder, value: Array) -> tuple[int, int]:
    """Return how many ordered pairs have C(a) >= C(b), and how many of them the same."""
    rows, width = order.vectors.shape
    # Of all events of one value: count before any is in the tree, put in all, count again.
    _, rank = np.unique(-value, return_inverse=True)
    turn = np.concatenate([rank * 3 + step for step in (_GREATER, _PUT_IN, _AS_GREAT)])
    turns = np.argsort(turn, kind="stable")
    counts = np.zeros(3, np.int64)
    _count(
        rows * width * _STEPS_PER_NUMBER,
        (turns % rows, turns // rows, order.process, order.number, order.of.trace.starts,
         order.vectors.ravel(), width),
        (np.zeros(rows, np.int64), counts),
    )  # fmt: skip
    wrong = int(counts[_AS_GREAT]) - rows  # each event found itself
    return wrong, wrong - int(counts[_GREATER])


@Loop
def _count(events, steps, process, number, starts, vectors, width, tree, counts):  # type: ignore[no-untyped-def]  # a loop over arrays: numba finds their types
    """Put events into the tree of their process, or count those in it of an event's past."""
    for turn in range(len(events)):
        row = events[turn]
        if steps[turn] == _PUT_IN:
            base = starts[process[row]] - 1
            size = starts[process[row] + 1] - starts[process[row]]
            at = number[row]
            while at <= size:
                tree[base + at] += 1
                at += at & -at
        else:
            found = 0
            for other in range(width):
                base = starts[other] - 1
                at = vectors[row * width + other]
                while at > 0:
                    found += tree[base + at]
                    at -= at & -at
            counts[steps[turn]] += found


def count_pairs(order: PairOrder, rows: Array, before: Before) -> Counted:
    """Count for any clock, over the pairs of some rows: all of few, else PAIRS_DRAWN of them."""
    if len(rows) <= ALL_PAIRS_EVENTS_MAX:
        parts = [_look(order, rows[:at], rows[at : at + 1], before) for at in range(1, len(rows))]
        return Counted(*(sum(part) for part in zip(*parts, strict=True))) if parts else _NOTHING
    numbers: Any = np.arange(1, 2 * PAIRS_DRAWN + 1, dtype=np.uint64)
    words: Any = mix(numbers * np.uint64(_SPREAD))
    a, b = rows[(words % np.uint64(len(rows))).astype(np.int64)].reshape(2, -1)
    a, b = a[a != b], b[a != b]
    return Counted(*_look(order, a, b, before), sample=len(a))


_NOTHING: Final = Counted(0, 0, 0, 0)


def _look(order: PairOrder, a: Array, b: Array, before: Before) -> tuple[int, int, int, int]:
    a, b = np.broadcast_arrays(a, b)
    forth, back = order.before(a, b), order.before(b, a)
    less, more = before(a, b), before(b, a)
    wrong = (forth & ~less) | (back & ~more)
    concurrent = ~(forth | back)
    hidden = concurrent & (less | more)
    ordered = int(len(a) - concurrent.sum())
    return int(wrong.sum()), int(hidden.sum()), ordered, int(concurrent.sum())


def interval(found: int, drawn: int) -> tuple[float, float]:
    """Return within which shares, of 95 % of such samples, the true one lies (Wilson 1927)."""
    if not drawn:
        return 0.0, 1.0
    share, z = found / drawn, _DEVIATIONS
    middle = share + z * z / (2 * drawn)
    half = z * sqrt(share * (1 - share) / drawn + z * z / (4 * drawn * drawn))
    whole = 1 + z * z / drawn
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)
