"""Which runs can go in lockstep, and their way from dice to figures.

First every run's ticks are put in order, and the order is folded into one
word; runs with the same word share their order and can stand in the lanes of
one batch. Where two ticks of a run share an instant, the word is ALONE.
"""

from typing import Any, Final

import numpy as np
from numba import njit

from driftlab.model.random_streams import Purpose
from driftlab.simulator.compiled import lane_kernel as lanes_of
from driftlab.simulator.compiled.calendar_queue import fill
from driftlab.simulator.compiled.jit_cache import numba_cache_options
from driftlab.simulator.compiled.jit_rules import finish, mix_in, stream
from driftlab.simulator.compiled.lane_kernel import (
    LANES,
    MACHINES,
    RING_MESSAGES,
    STRIDE,
    run_order,
)
from driftlab.simulator.compiled.mailbox import jit
from driftlab.simulator.compiled.runs import begin, draw_rates

UNBATCHABLE: Final = np.uint64(0)
_DIE: Final = np.uint64(Purpose.DIE)


@jit
def order_ticks(
    run: Any, cursors: Any, machines: Any, window: Any, phases: Any, rates: Any, figures: Any,
    row: Any,
) -> Any:  # fmt: skip
    """Put the ticks of one run in order; return how many of a window there are at the end."""
    run.number = figures.numbers[row]
    if rates[1] > 0:
        draw_rates(run, cursors, rates[0], rates[1])
    begin(run, cursors, machines, phases[row % len(phases)], None)
    for i in range(MACHINES):
        figures.first_due_ns[row, i] = cursors[i].due
        if rates[1] > 0:
            figures.rates[row, i] = cursors[i].rate
    fill(run, cursors, window, run.period)
    rest, last = run.horizon % run.period, 0
    while last < run.filled and window.dues[last] < rest:
        last += 1
    return last


@jit
def load(run: Any, state: Any, figures: Any, batch: Any) -> None:
    """Put the runs of a batch at their beginning, one a lane."""
    state[:] = 0
    for lane in range(LANES):
        if batch[lane] >= 0:
            number = figures.numbers[batch[lane]]
            for i in range(MACHINES):
                die = stream(run.seed, number, np.uint64(i), _DIE)
                state[i * STRIDE + lanes_of.DIE + lane] = np.int64(die)


@jit
def store_lane(state: Any, figures: Any, row: Any, lane: Any, ticks: Any) -> Any:
    """Write down the figures of one lane; return whether its rings were large enough."""
    digest, most = np.uint64(0), 0
    for i in range(MACHINES):
        at = i * STRIDE + lane
        receives = state[at + lanes_of.HEAD_LOW] + state[at + lanes_of.HEAD_HIGH]
        figures.internal[row, i] = ticks[i] - state[at + lanes_of.SENDS] - receives
        figures.send[row, i] = state[at + lanes_of.SENDS]
        figures.receive[row, i] = receives
        figures.clock[row, i] = state[at + lanes_of.CLOCK]
        figures.first_clock[row, i] = state[at + lanes_of.FIRST_CLOCK]
        figures.jump_max[row, i] = state[at + lanes_of.JUMP_MAX]
        figures.queue_sum[row, i] = state[at + lanes_of.QUEUE_SUM]
        figures.queue_max[row, i] = state[at + lanes_of.QUEUE_MAX]
        figures.queue_last[row, i] = state[at + lanes_of.QUEUE]
        most = max(most, state[at + lanes_of.QUEUE_MAX])
        digest = finish(digest, np.uint64(state[at + lanes_of.DIGEST]))
    figures.digest[row] = digest
    figures.stopped_ns[row] = -1
    return most < RING_MESSAGES - 1  # the place at the tail is written even where nothing is sent


_BEGIN = np.uint64(0x9E3779B97F4A7C15)  # of the word of an order; not 0, which folds to itself

with numba_cache_options() as options:

    @njit(error_model="numpy", nogil=True, **options)
    def tick_order_words(
        run: Any, cursors: Any, machines: Any, window: Any, phases: Any, rates: Any,
        figures: Any, words: Any,
    ) -> None:  # fmt: skip
        """Put each run's ticks in order and write down the word of that order."""
        for row in range(len(words)):
            last = order_ticks(run, cursors, machines, window, phases, rates, figures, row)
            # Each number is folded into a word of its own: their difference would not tell them.
            word, ties = mix_in(mix_in(_BEGIN, np.uint64(last)), np.uint64(run.filled)), 0
            for e in range(run.filled):
                word = mix_in(word, np.uint64(window.machines[np.uint64(e)]))
                ties += window.tied[np.uint64(e)]
            words[row] = word if ties == 0 else UNBATCHABLE

    @njit(error_model="numpy", nogil=True, **options)
    def run_batch_kernel(
        run: Any, cursors: Any, machines: Any, window: Any, phases: Any, rates: Any,
        figures: Any, state: Any, rings: Any, bounds: Any, batches: Any, fits: Any,
    ) -> Any:  # fmt: skip
        """Simulate batches of rows, -1 where a lane stays empty.

        Sets `fits` for the runs whose figures hold, and returns the number of their ticks.
        """
        ticks, taken = np.zeros(MACHINES, np.int64), 0
        for k in range(len(batches)):
            batch = batches[k]
            last = order_ticks(run, cursors, machines, window, phases, rates, figures, batch[0])
            load(run, state, figures, batch)
            ticks[:] = 0
            repeats = run.horizon // run.period
            run_order(
                state, rings, bounds, window.machines, run.filled, repeats, last, run.by_sender,
                ticks,
            )  # fmt: skip
            for lane in range(LANES):
                row = batch[lane]
                if row >= 0 and store_lane(state, figures, row, lane, ticks):
                    fits[row] = True
                    taken += ticks.sum()
        return taken
