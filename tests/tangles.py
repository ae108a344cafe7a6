"""Histories of any size, seeded, with everything that a damaged log may have."""

import random
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from driftlab.arrays import IntArray
from driftlab.history.trace import Trace
from driftlab.model.columns import EVERY_PEER, MISSING, SET_FIRST
from tests.drawn_histories import present
from tests.histories import Tiny, tiny


def tangle(seed: int) -> Tiny:
    """A history of up to some hundred events and thirty lanes; every third seed has cycles.

    An event may send to several lanes, and receive several messages, one of them twice.
    """
    draw = random.Random(seed)
    lanes = draw.choice([1, 2, 3, 5, 9, 30])
    rows = draw.choice([1, 2, 20, 100, 400, 400, 400])
    bounds = sorted(draw.randrange(rows + 1) for _ in range(lanes - 1))
    starts = [0, *bounds, rows]
    when = [draw.random() for _ in range(rows)]
    for begin, end in pairwise(starts):
        when[begin:end] = sorted(when[begin:end])
    delay = draw.choice([0.003, 0.05, 1])
    pairs: set[tuple[int, int]] = set()
    for _ in range(draw.choice([rows, 3 * rows, 6 * rows])):
        sent = (
            draw.choice(sorted(pairs))[0] if pairs and draw.random() < 0.3 else draw.randrange(rows)
        )
        lane = draw.randrange(lanes)
        at = when[sent] + draw.expovariate(1) * delay
        received = bisect_right(when, at, starts[lane], starts[lane + 1])
        if received < starts[lane + 1] and received != sent:
            is_backwards = seed % 3 == 0 and draw.random() < 0.02
            pairs.add((received, sent) if is_backwards else (sent, received))
    lost = frozenset(draw.randrange(rows) for _ in range(draw.choice([0, 0, 3])))
    return tiny_of_many(starts, frozenset(pairs), lost)


def tiny_of_many(
    starts: Sequence[int], pairs: frozenset[tuple[int, int]], lost: frozenset[int]
) -> Tiny:
    """Do as `tiny`, for more lanes than it has names for."""
    few = tiny([0, starts[-1]], frozenset())
    whole = tiny(starts, pairs, lost)
    names = [f"P{place}" for place in range(len(starts) - 1)]
    return few._replace(
        trace=whole.trace.replace(names=names), messages=whole.messages, pairs=pairs
    )


def with_values(trace: Trace, seed: int) -> Trace:
    """Give events times and clocks, some missing and some falling, and queues."""
    draw = np.random.default_rng(seed)
    rows = len(trace)

    def column(high: int, *, missing: float) -> IntArray:
        values: IntArray = draw.integers(0, high, rows)
        for begin, end in zip(trace.starts[:-1].tolist(), trace.starts[1:].tolist(), strict=True):
            values[begin:end].sort()
        falls = draw.random(rows) < draw.choice([0, 0.1])
        values[falls] = draw.integers(0, high, int(falls.sum()))
        values[draw.random(rows) < missing] = MISSING
        return values

    columns = trace.columns._replace(
        time_ns=column(10 ** int(draw.integers(1, 14)), missing=draw.choice([0, 0.2])),
        clock=column(int(draw.choice([50, 2**33])), missing=draw.choice([0, 0.2])),
        queue=draw.integers(0, 9, rows),
    )
    return trace.replace(columns=columns)


def with_lost_copies(each: Tiny, seed: int) -> Tiny:
    """Let events name targets that never received: a lane, several, or every peer."""
    draw = random.Random(seed)
    trace, lanes = each.trace, each.trace.processes
    target = present(trace.columns.target).copy()
    sets = [*trace.sets, tuple(sorted(draw.sample(range(lanes), min(lanes, 3))))]
    for row in draw.sample(range(len(trace)), len(trace) // 4):
        target[row] = draw.choice([draw.randrange(lanes), EVERY_PEER, SET_FIRST - len(sets) + 1])
    peers = [sorted(draw.sample(range(lanes), draw.randint(0, lanes))) for _ in range(lanes)]
    return each._replace(
        trace=trace.replace(
            columns=trace.columns._replace(target=target),
            sets=sets,
            peers=draw.choice([None, peers]),
        )
    )
