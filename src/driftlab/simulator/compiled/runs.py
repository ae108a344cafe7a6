"""One run after the other: what a run starts from, and the loop over its windows."""

from typing import Any

import numpy as np
from numba import njit

from driftlab.model.random_streams import Purpose
from driftlab.model.schedule import NS_PER_SECOND
from driftlab.simulator.compiled.calendar_queue import fill
from driftlab.simulator.compiled.jit_cache import numba_cache_options
from driftlab.simulator.compiled.jit_rules import draw, phase_ns, stream, uniform_below
from driftlab.simulator.compiled.mailbox import ZERO, jit
from driftlab.simulator.compiled.records import DONE, FULL, RUNNING
from driftlab.simulator.compiled.run_metrics import store_metrics
from driftlab.simulator.compiled.ticks import take_ticks

_RATE = np.uint64(Purpose.RATE)
_PHASE = np.uint64(Purpose.PHASE)
_DIE = np.uint64(Purpose.DIE)
_LATENCY = np.uint64(Purpose.LATENCY)
_FIRST = np.uint64(0)
_SECOND_NS = np.uint64(NS_PER_SECOND)


@jit
def draw_rates(run: Any, cursors: Any, low: Any, count: Any) -> None:
    """Draw whole rates for a run, as `Scenario.rates_of` does."""
    for i in range(len(cursors)):
        key = stream(run.seed, run.number, np.uint64(i), _RATE)
        rate = low + uniform_below(draw(key, _FIRST), count)
        cursor = cursors[i]
        cursor.whole = np.int64(_SECOND_NS // rate)
        cursor.part = np.int64(_SECOND_NS % rate)
        cursor.rate = np.int64(rate)
        cursor.scale = np.uint64(1)


@jit
def begin(run: Any, cursors: Any, machines: Any, phases: Any, delay: Any) -> None:
    """Put a run at its beginning: no message anywhere, every clock 0.

    `phases` are those of the machines whose phase is not worked out here.
    """
    run.free, run.top = ZERO, ZERO
    run.waiting = run.ticks = run.row = run.stashed = 0
    run.base = run.filled = run.entry = run.repeat = 0
    run.status, run.stopped = RUNNING, -1
    for i in range(len(machines)):
        machine, cursor, process = machines[i], cursors[i], np.uint64(i)
        machine.die = stream(run.seed, run.number, process, _DIE)
        if delay is not None:
            machine.delays = stream(run.seed, run.number, process, _LATENCY)
        machine.digest = _FIRST
        machine.clock = machine.tick = machine.queue_sum = machine.jump_max = 0
        machine.first_clock = machine.sends = machine.receives = 0
        machine.head = machine.tail = machine.settled = machine.flight = ZERO
        machine.queue = machine.fresh = machine.queue_max = ZERO
        cursor.rest = 0
        if run.aligned:
            cursor.due = 0
        elif cursor.scale != 0:
            word = draw(stream(run.seed, run.number, process, _PHASE), _FIRST)
            cursor.due = np.int64(phase_ns(word, np.uint64(cursor.rate), cursor.scale))
        else:
            cursor.due = phases[i]
    if delay is not None:
        delay.latest[:] = 0


@jit
def advance(
    run: Any, cursors: Any, machines: Any, pool: Any, window: Any, links: Any, stash: Any,
    delay: Any, history: Any, budget: Any,
) -> None:  # fmt: skip
    """Go on with a run for about `budget` ticks, to its end, or until there is no room."""
    until = run.ticks + budget
    run.status = RUNNING
    while run.status == RUNNING and run.ticks < until:
        if run.period > 0:
            repeat_window(run, cursors, machines, pool, window, links, stash, delay, history, until)
        elif run.entry < run.filled:
            last = run.filled
            take_ticks(run, machines, pool, window, last, 1, links, stash, delay, history)
            run.repeat = 0
            if run.status == RUNNING:
                run.base += run.window
                run.filled = run.entry = 0
        elif run.base >= run.horizon:
            run.status = DONE
        else:
            fill(run, cursors, window, min(run.base + run.window, run.horizon))
            if run.filled == 0:
                run.base += run.window


@jit
def repeat_window(
    run: Any, cursors: Any, machines: Any, pool: Any, window: Any, links: Any, stash: Any,
    delay: Any, history: Any, until: Any,
) -> None:  # fmt: skip
    """Go on with a run whose schedule repeats: whole periods first, then a part of one."""
    if run.filled == 0:
        fill(run, cursors, window, run.period)
    whole = run.horizon // run.period
    if run.repeat < whole:
        repeats = run.repeat + 1 + (until - run.ticks) // run.filled
        last = run.filled
        take_ticks(
            run, machines, pool, window, last, min(whole, repeats), links, stash, delay, history
        )
        return
    last = np.searchsorted(window.dues[: run.filled], run.horizon % run.period)
    if run.repeat == whole and run.entry < last:
        take_ticks(run, machines, pool, window, last, whole + 1, links, stash, delay, history)
        if run.status == FULL:
            return
    run.status = DONE


with numba_cache_options() as options:

    @njit(error_model="numpy", nogil=True, **options)
    def run_some(
        run: Any, cursors: Any, machines: Any, pool: Any, window: Any, links: Any, stash: Any,
        delay: Any, history: Any, phases: Any, rates: Any, figures: Any, row: Any, end: Any,
        budget: Any,
    ) -> Any:  # fmt: skip
        """Simulate the runs from `row` to `end`, or about `budget` ticks of them.

        Returns the row of the run that is not finished, which the next call goes on with.
        """
        while row < end and budget > 0:
            if run.status == DONE:
                run.number = figures.numbers[row]
                if rates[1] > 0:
                    draw_rates(run, cursors, rates[0], rates[1])
                    for i in range(len(cursors)):
                        figures.rates[row, i] = cursors[i].rate
                begin(run, cursors, machines, phases[row % len(phases)], delay)
                for i in range(len(cursors)):
                    figures.first_due_ns[row, i] = cursors[i].due
            before = run.ticks
            advance(run, cursors, machines, pool, window, links, stash, delay, history, budget)
            budget -= run.ticks - before
            if run.status == FULL and run.room < run.most:
                return row
            if run.status != RUNNING:
                store_metrics(figures, row, machines, run.stopped if run.status == FULL else -1)
                run.status = DONE
                row += 1
        return row
