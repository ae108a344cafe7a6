"""Batches of runs for the lockstep: where it applies, and which run stands beside which."""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from driftlab.machine.die_process import roll
from driftlab.model.random_streams import DIE_BITS, WORD_BITS
from driftlab.simulator.compiled.batch_kernels import (
    UNBATCHABLE,
    run_batch_kernel,
    tick_order_words,
)
from driftlab.simulator.compiled.lane_kernel import (
    LANES,
    MACHINES,
    RING_MESSAGES,
    RING_STRIDE,
    RINGS,
    STRIDE,
)
from driftlab.simulator.compiled.memory_layout import Arena
from driftlab.simulator.compiled.records import Array
from driftlab.simulator.compiled.run_metrics import Figures

RUNS_MIN: Final = 64  # fewer hardly ever share the order of their ticks
LANES_MIN: Final = LANES // 2  # fewer in a batch are faster one after the other
PERIOD_TICKS_MAX: Final = 128  # of a longer schedule hardly two runs share the order
RUN_TICKS_MAX: Final = 2**20  # a long run's queue outgrows the rings
SLICE_TICKS: Final = 2**23  # between two signs of progress
_HOPELESS: Final = 0.5  # give up where more than this share of a slice was in vain


def can_batch(space: Arena, runs: int, waiting_max: int) -> bool:
    """Whether runs of a scenario may be tried in lockstep."""
    run = space.run
    if len(space.machines) != MACHINES or not run["mesh"] or space.delay is not None:
        return False
    return bool(
        run["period"] > 0
        and runs >= RUNS_MIN
        and waiting_max > RINGS * RING_MESSAGES
        and len(space.window.dues) <= PERIOD_TICKS_MAX
        and _run_ticks(space) <= RUN_TICKS_MAX
    )


def _run_ticks(space: Arena) -> int:
    """Return about how many ticks a run takes, rather more."""
    return (int(space.run["horizon"]) // int(space.run["period"]) + 1) * len(space.window.dues)


def run_batches(space: Arena, phases: Array, own: Figures, done: Array) -> Iterator[int]:
    """Simulate what runs in lockstep of some runs, and tell of the ticks of each slice.

    Sets `done` for the runs whose figures are there.
    """
    most = (space.run, space.cursors, space.machines, space.window, phases, space.rates, own)
    words = np.zeros(len(own.numbers), np.uint64)
    tick_order_words(*most, words)
    batches = _batches(words)
    state = np.zeros(MACHINES * STRIDE, np.int64)
    rings = np.zeros(RINGS * LANES * RING_STRIDE, np.int64)
    at_once = max(1, SLICE_TICKS // (LANES * _run_ticks(space)))
    for first in range(0, len(batches), at_once):
        some = batches[first : first + at_once]
        ticks = run_batch_kernel(*most, state, rings, _bounds(space.run), some, done)
        yield int(ticks)
        if done[some[some >= 0]].mean() < _HOPELESS:
            return


def _batches(words: Array) -> Array:
    """Put rows with the same word beside each other, -1 where a batch is not full."""
    order = np.argsort(words, kind="stable")
    ordered = words[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sizes = np.diff(np.r_[begins, len(words)])
    within = np.arange(len(words)) - np.repeat(begins, sizes)
    fresh = within % LANES == 0  # the first of a batch
    batch = np.cumsum(fresh) - 1
    batches = np.full((int(batch[-1]) + 1, LANES), -1, np.int64)
    batches[batch, within % LANES] = order
    lonely = words[batches[:, 0]] == UNBATCHABLE
    full: Array = batches[((batches >= 0).sum(1) >= LANES_MIN) & ~lonely]
    return full


def _bounds(run: Any) -> Array:
    """Return the bits below which the die says the first peer, the second, and both."""
    one, both = int(run["one_below"]), int(run["all_below"])
    second = bisect_left(
        range(one), 1, key=lambda bits: roll(bits << (WORD_BITS - DIE_BITS), one, both, 2)
    )
    return np.array([second, one, both], np.int64)
