"""Many short runs of three machines in lockstep: their plans, their batches, their metrics.

A batch is LANES runs that take their ticks side by side (`many_runs_step`). They share
nothing but the number of their steps, so a batch takes runs with about as many ticks, whatever
their rates and phases. The ticks of one period are put in order once for each lane: its *plan*.
Runs of the same rates often have the same order of ticks; these stand together, because a
step is faster where all lanes have the same machine's tick, and a plan is then copied.

A ring of messages holds RING_MESSAGES, which stay in a fast cache, or LARGE_RING_MESSAGES where
a queue is expected to grow, or has outgrown the others. A run that needs more is simulated
again by `run_kernel`, as is one in which two ticks share an instant.

Scenarios that differ in nothing but the die share the plan of each run: row `k` of the metrics
then has die `k % dice`.

Parameters have the same meaning everywhere (see `run_kernel` and `many_runs_step` for the
others): `dice` is an int64 array, of each die the three bounds below which a free tick sends to
the lower peer, to the higher, and to both; `batches` an int64 array of shape (batches, LANES)
of rows of the metrics, -1 where a lane is empty; `words` of each row the hash of the order of its
ticks, or TIED or UNKNOWN; `in_period` and `ticks` of every machine and lane how many ticks it
takes in a period, and altogether.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.machine.process import roll
from driftlab.model.random_streams import DIE_BITS, WORD_BITS, Purpose
from driftlab.model.schedule import NS_PER_SECOND
from driftlab.scenario.validate import WAITING_MESSAGES_MAX
from driftlab.simulator.compiled.calendar_queue import next_due
from driftlab.simulator.compiled.eligibility import BATCH_RUNS_MIN, CACHE
from driftlab.simulator.compiled.jit_rules import finish, jit, jit_inline, mix_in, stream
from driftlab.simulator.compiled.many_runs_step import (
    CLOCK,
    COUNTS,
    DIE,
    DIGEST,
    FIRST_CLOCK,
    HEAD,
    HIGH,
    JUMP_MAX,
    LANES,
    LOW,
    MACHINES,
    NO_MACHINE,
    ORDER_HIGH,
    ORDER_LOW,
    ORDERS,
    PLAN_STRIDE,
    QUEUE,
    QUEUE_MAX,
    QUEUES,
    RINGS,
    SCRATCH,
    SENDS_BITS,
    STRIDE,
    TICK,
    TICKS,
    WHO,
    at,
    keep_first_clocks,
    keep_queues,
    take_step,
)
from driftlab.simulator.compiled.run_kernel import begin, draw_rates, set_rate

if TYPE_CHECKING:
    from driftlab.simulator.compiled.memory_layout import Arena, Figures

RING_MESSAGES: Final = 64
LARGE_RING_MESSAGES: Final = 512
LANES_MIN: Final = LANES // 2  # fewer in a batch are faster one after the other
PERIOD_TICKS_MAX: Final = 128  # a longer plan would not stay in a fast cache
RUN_TICKS_MAX: Final = 2**20  # a long run's queue outgrows the rings
SLICE_TICKS: Final = 2**23  # between two reports of progress
_FITTING_MIN: Final = 0.5  # give up if a smaller share of a slice's runs has fitted the rings
_DEVIATIONS: Final = 2  # of the messages that come, by which a queue may outgrow what is expected

TIED: Final = np.uint64(0)  # instead of an order's word: two ticks share an instant
UNKNOWN: Final = np.uint64(1)
_BEGIN: Final = np.uint64(0x9E3779B97F4A7C15)  # of an order's word; 0 would hash to itself
_DIE: Final = np.uint64(Purpose.DIE)


@jit
def run_plan(
    state: Any, rings: Any, size: Any, bounds: Any, plan: Any, turns: Any, steps: Any,
    last_steps: Any, repeats: Any, in_period: Any, by_sender: Any,
) -> None:  # fmt: skip
    """Take the plan's `steps` of a period `repeats` times, then its `last_steps` after these.

    `in_period` is how many ticks each machine takes in a period, in every lane.
    """
    for e in range(steps + last_steps):
        who = plan[at(e * PLAN_STRIDE + WHO)]
        is_one = who != NO_MACHINE
        for lane in range(LANES):
            is_one &= plan[at(e * PLAN_STRIDE + WHO + lane)] == who
        turns[at(e)] = who if is_one else -1
    for repeat in range(repeats + 1):
        first, count = (0, steps) if repeat < repeats else (steps, last_steps)
        for e in range(first, first + count):
            step = e * PLAN_STRIDE
            take_step(state, rings, size, bounds, plan, step, turns[at(e)])
            if repeat == 0:
                keep_first_clocks(state, plan, step)
            if repeat >= repeats - 1:
                keep_queues(state, plan, step)
        for i in range(MACHINES):
            for lane in range(LANES):
                taken = in_period[at(i * LANES + lane)]
                state[at(i * STRIDE + TICKS + lane)] += taken
                state[at(i * STRIDE + ORDERS + lane)] += 2 * taken if by_sender else steps


@jit
def begin_run(
    run: Any, cursors: Any, machines: Any, phases: Any, rates: Any, figures: Any, row: Any
) -> None:  # fmt: skip
    """Set rates and first due times to those of one run."""
    run.number = figures.numbers[row]
    if rates[1] > 0:
        for i in range(MACHINES):
            set_rate(cursors[i], np.uint64(figures.rates[row, i]))
    begin(run, cursors, machines, phases[row % len(phases)], None)
    for i in range(MACHINES):
        figures.first_due_ns[row, i] = cursors[i].due


@jit
def plan_lane(
    run: Any, cursors: Any, plan: Any, steps: Any, lane: Any, in_period: Any, ticks: Any
) -> Any:  # fmt: skip
    """Write the plan of a run into a lane, from the rates and first due times of `cursors`.

    Return how many steps it has in a period, and how many in a last, partial one; -1 for the
    latter if two ticks share an instant.
    """
    partial = run.horizon % run.period
    zero: Any = np.int64(0)
    filled, last, is_tied = zero, zero, False
    for each in range(MACHINES):
        in_period[at(each * LANES + lane)], ticks[at(each * LANES + lane)] = 0, 0
    while True:
        a, b, c = cursors[0].due, cursors[1].due, cursors[2].due
        i: Any = np.int64(0) if (a <= b) & (a <= c) else (np.int64(1) if b <= c else np.int64(2))
        due = min(a, b, c)
        if due >= run.period:
            break
        is_tied |= ((a == b) & (a == due)) | ((c == due) & ((a == c) | (b == c)))
        low = np.int64(1) if i == 0 else np.int64(0)
        high = np.int64(1) if i == 2 else np.int64(2)
        # Of two messages that one tick finds, the lower sender's comes first.
        order_low, order_high = filled, filled
        if run.by_sender:
            order_low = 2 * in_period[at(low * LANES + lane)] + (1 if i == 2 else 0)
            order_high = 2 * in_period[at(high * LANES + lane)] + (0 if i == 0 else 1)
        own = np.uint64(i * LANES + lane)
        is_last = due < partial
        for first in range(2 if is_last else 1):
            row = (first * steps + filled) * PLAN_STRIDE + lane
            plan[at(row + WHO)] = i
            plan[at(row + TICK)] = in_period[own]
            plan[at(row + ORDER_LOW)] = order_low
            plan[at(row + ORDER_HIGH)] = order_high
        last += 1 if is_last else 0
        ticks[own] += 1 if is_last else 0
        in_period[own] += 1
        filled += 1
        cursor = cursors[at(i)]
        cursor.due, cursor.rest = next_due(cursor, due, cursor.rest)
    for i in range(MACHINES):
        own = np.uint64(i * LANES + lane)
        ticks[own] += (run.horizon // run.period) * in_period[own]
    return filled, -1 if is_tied else last


@jit_inline
def rest_lane(plan: Any, steps: Any, lane: Any) -> None:
    """Let a lane rest at every step."""
    for e in range(2 * steps):
        plan[at(e * PLAN_STRIDE + WHO + lane)] = NO_MACHINE


@jit
def load_like(
    plan: Any, steps: Any, last_steps: Any, lane: Any, in_period: Any, ticks: Any
) -> None:  # fmt: skip
    """Give a lane the plan of the lane before it."""
    for first, count in ((0, steps), (steps, last_steps)):
        for e in range(first, first + count):
            for row in (WHO, TICK, ORDER_LOW, ORDER_HIGH):
                place = e * PLAN_STRIDE + row + lane
                plan[at(place)] = plan[at(place - 1)]
    for i in range(MACHINES):
        place = i * LANES + lane
        in_period[at(place)], ticks[at(place)] = (
            in_period[at(place - 1)],
            ticks[at(place - 1)],
        )


@jit_inline
def is_planned_alike(figures: Any, words: Any, row: Any, before: Any) -> Any:
    """Whether the run of a row, if there is one, is known to have the plan of another."""
    if row < 0 or figures.numbers[row] == figures.numbers[before]:
        return True
    return words[row] == words[before] and words[row] > UNKNOWN


@jit
def load_die(
    run: Any, figures: Any, state: Any, dice: Any, bounds: Any, row: Any, lane: Any
) -> None:  # fmt: skip
    """Give a lane the streams of dice of its run, and the bounds of its die."""
    for i in range(MACHINES):
        key = stream(run.seed, figures.numbers[row], np.uint64(i), _DIE)
        state[at(i * STRIDE + DIE + lane)] = np.int64(key)
    for bound in range(3):
        bounds[bound * LANES + lane] = dice[row % len(dice), bound]


@jit
def load_batch(
    run: Any, cursors: Any, machines: Any, phases: Any, rates: Any, figures: Any, words: Any,
    state: Any, plan: Any, steps: Any, dice: Any, bounds: Any, batch: Any, in_period: Any,
    ticks: Any,
) -> Any:  # fmt: skip
    """Reset every lane to the start of its run, with its die and its plan.

    Returns how many steps the last, partial period has, and in a word the lanes to be used.
    """
    state[:] = 0
    for lane in range(LANES):
        rest_lane(plan, steps, lane)
    last_steps, used, like = np.int64(0), np.int64(0), False
    for lane in range(LANES):
        row, before = batch[lane], batch[max(lane - 1, 0)]
        if like and is_planned_alike(figures, words, row, before):
            load_like(plan, steps, last_steps, lane, in_period, ticks)
            if row >= 0 and words[row] == UNKNOWN:
                for i in range(MACHINES):
                    figures.first_due_ns[row, i] = figures.first_due_ns[before, i]
        elif row >= 0:
            begin_run(run, cursors, machines, phases, rates, figures, row)
            _, last = plan_lane(run, cursors, plan, steps, lane, in_period, ticks)
            like = last >= 0
            last_steps = max(last_steps, last)
            if not like:
                rest_lane(plan, steps, lane)
        if row >= 0 and like:
            used |= 1 << lane
            load_die(run, figures, state, dice, bounds, row, lane)
    return last_steps, used


@jit
def store_lane(state: Any, figures: Any, size: Any, row: Any, lane: Any, ticks: Any) -> Any:
    """Store the metrics of one lane; return whether its rings were large enough."""
    digest, most = np.uint64(0), 0
    for i in range(MACHINES):
        base = i * STRIDE + lane
        receives = (state[base + LOW] & HEAD) + (state[base + HIGH] & HEAD)
        sends = state[base + COUNTS] >> SENDS_BITS
        figures.internal[row, i] = ticks[i * LANES + lane] - sends - receives
        figures.send[row, i] = sends
        figures.receive[row, i] = receives
        figures.clock[row, i] = state[base + CLOCK]
        figures.first_clock[row, i] = state[base + FIRST_CLOCK]
        figures.jump_max[row, i] = state[base + JUMP_MAX]
        figures.queue_sum[row, i] = state[base + COUNTS] & QUEUES
        figures.queue_max[row, i] = state[base + QUEUE_MAX]
        figures.queue_last[row, i] = state[base + QUEUE]
        most = max(most, state[base + QUEUE_MAX])
        digest = finish(digest, np.uint64(state[base + DIGEST]))
    figures.digest[row] = digest
    figures.stopped_ns[row] = -1
    return most < size - 1  # the place at the tail is written even if nothing is sent


@CACHE.jit
def tick_order_words(
    run: Any, cursors: Any, machines: Any, phases: Any, rates: Any, figures: Any, plan: Any,
    words: Any,
) -> None:  # fmt: skip
    """Hash the order of each run's ticks into `words`, or draw its rates, where these are drawn.

    Runs of the same rates often have the same order, others hardly ever: that is UNKNOWN.
    """
    counts, ticks = np.zeros(MACHINES * LANES, np.int64), np.zeros(MACHINES * LANES, np.int64)
    steps = len(plan) // (2 * PLAN_STRIDE)
    for row in range(len(words)):
        words[row] = UNKNOWN
        if rates[1] > 0:
            run.number = figures.numbers[row]
            draw_rates(run, cursors, rates[0], rates[1])
            for i in range(MACHINES):
                figures.rates[row, i] = cursors[i].rate
            continue
        begin_run(run, cursors, machines, phases, rates, figures, row)
        filled, last = plan_lane(run, cursors, plan, steps, np.int64(0), counts, ticks)
        # Each number is hashed on its own: their sums may be alike.
        word = mix_in(mix_in(_BEGIN, np.uint64(last)), np.uint64(filled))
        for e in range(filled):
            word = mix_in(word, np.uint64(plan[at(e * PLAN_STRIDE + WHO)]))
        words[row] = max(word, UNKNOWN) if last >= 0 else TIED


@CACHE.jit
def run_batch_kernel(
    run: Any, cursors: Any, machines: Any, phases: Any, rates: Any, figures: Any, words: Any,
    state: Any, plan: Any, rings: Any, size: Any, dice: Any, batches: Any, fits: Any,
) -> Any:  # fmt: skip
    """Simulate batches of runs; set `fits` for those whose metrics hold.

    Returns the number of their ticks.
    """
    bounds, taken = np.zeros(3 * LANES, np.int64), 0
    in_period, ticks = np.zeros(MACHINES * LANES, np.int64), np.zeros(MACHINES * LANES, np.int64)
    turns = np.zeros(len(plan) // PLAN_STRIDE, np.int64)
    for k in range(len(batches)):
        batch = batches[k]
        steps = np.int64(0)
        for lane in range(LANES):
            if batch[lane] >= 0:
                per_second = 0.0
                for i in range(MACHINES):
                    per_second += figures.rates[batch[lane], i]
                steps = max(steps, np.int64(per_second * run.period / NS_PER_SECOND + 0.5))
        last_steps, used = load_batch(
            run, cursors, machines, phases, rates, figures, words, state, plan, steps, dice,
            bounds, batch, in_period, ticks,
        )  # fmt: skip
        run_plan(
            state, rings, size, bounds, plan, turns, steps, last_steps,
            run.horizon // run.period, in_period, run.by_sender,
        )  # fmt: skip
        for lane in range(LANES):
            row = batch[lane]
            if used >> lane & 1 and store_lane(state, figures, size, row, lane, ticks):
                fits[row] = True
                for i in range(MACHINES):
                    taken += ticks[i * LANES + lane]
    return taken


def can_batch(arena: "Arena", runs: int, waiting_max: int) -> bool:
    """Whether it is worth trying to simulate `runs` runs of a scenario in batches.

    arena: the scenario's memory. waiting_max: how many messages may wait before a run ends.
    """
    run = arena.run
    if len(arena.machines) != MACHINES or not run["mesh"] or arena.delay is not None:
        return False
    return bool(
        run["period"] > 0
        and runs >= BATCH_RUNS_MIN
        and waiting_max > RINGS * RING_MESSAGES
        and len(arena.window.dues) <= PERIOD_TICKS_MAX
        and _run_ticks(arena) <= RUN_TICKS_MAX
    )


def _run_ticks(arena: "Arena") -> int:
    """Return an upper bound of the ticks of a run, a good one."""
    return (int(arena.run["horizon"]) // int(arena.run["period"]) + 1) * len(arena.window.dues)


def run_batches(
    arena: "Arena",
    phases: IntArray,
    figures: "Figures",
    done: BoolArray,
    *,
    dice: Sequence[tuple[int, int]] = (),
    waiting_max: int = WAITING_MESSAGES_MAX,
) -> Iterator[int]:
    """Simulate the runs that share the order of their ticks; yield the ticks of each slice.

    Sets `done` for the runs whose metrics were stored. The arguments are those
    of `run_kernel.run_some`.

    dice: the bounds of several dice (see `Scenario.die`), each run having a row for each
    die after the other; by default that of the arena. waiting_max: how many messages may
    wait before a run ends.
    """
    bounds = np.array([_bounds(*die) for die in dice or [_die_of(arena)]], np.int64)
    plan = np.zeros(2 * PLAN_STRIDE * len(arena.window.dues), np.int64)
    words = _words(arena, phases, figures, len(bounds), plan)
    grows = _is_to_outgrow(arena, figures, bounds)
    order = np.lexsort((words, figures.rates.sum(axis=1)))
    order = order[words[order] != TIED]
    state = np.zeros(MACHINES * STRIDE + SCRATCH, np.int64)
    at_once = max(1, SLICE_TICKS // (LANES * _run_ticks(arena)))
    for size in (RING_MESSAGES, LARGE_RING_MESSAGES):
        if waiting_max <= RINGS * size:
            return
        left = ~done & ~grows if size == RING_MESSAGES else ~done
        batches = _batches(order[left[order]])
        rings = np.zeros(RINGS * LANES * size, np.int64)
        for first in range(0, len(batches), at_once):
            some = batches[first : first + at_once]
            taken = run_batch_kernel(
                arena.run, arena.cursors, arena.machines, phases, arena.rates, figures, words,
                state, plan, rings, size, bounds, some, done,
            )  # fmt: skip
            yield int(taken)
            if done[some[some >= 0]].mean() < _FITTING_MIN:
                break


def _words(
    arena: "Arena", phases: IntArray, figures: "Figures", dice: int, plan: IntArray
) -> IntArray:
    """Return what is known of the order of each row's ticks; what a die changes is not in it."""
    memory = (arena.run, arena.cursors, arena.machines)
    if dice == 1:
        words = np.zeros(len(figures.numbers), np.uint64)
        tick_order_words(*memory, phases, arena.rates, figures, plan, words)
        return words
    firsts = figures.of_rows(np.arange(0, len(figures.numbers), dice))
    words = np.zeros(len(firsts.numbers), np.uint64)
    of_firsts = np.ascontiguousarray(phases[::dice]) if len(phases) > 1 else phases
    tick_order_words(*memory, of_firsts, arena.rates, firsts, plan, words)
    figures.first_due_ns[:] = np.repeat(firsts.first_due_ns, dice, axis=0)
    figures.rates[:] = np.repeat(firsts.rates, dice, axis=0)
    return np.repeat(words, dice)


def _is_to_outgrow(arena: "Arena", figures: "Figures", bounds: IntArray) -> BoolArray:
    """Return for each row whether a queue is expected to outgrow a ring of RING_MESSAGES.

    An estimate by the flow of messages, as if the others never saturated: it decides how
    long a run takes, not what comes out.
    """
    whole = float(2**DIE_BITS)
    to_low, to_both = bounds[:, 0] / whole, (bounds[:, 2] - bounds[:, 1]) / whole
    chance = np.tile(to_low + to_both, len(figures.rates) // len(bounds))[:, None]
    seconds = float(arena.run["horizon"]) / NS_PER_SECOND
    rates = figures.rates
    comes = chance / (1 + chance) * (rates.sum(axis=1, keepdims=True) - rates) * seconds
    longest = np.maximum(comes - rates * seconds, 0) + _DEVIATIONS * np.sqrt(comes)
    grows = (comes > 0.5 * rates * seconds) & (longest > RING_MESSAGES)
    outgrown: BoolArray = np.any(grows, axis=1)
    return outgrown


def _batches(rows: IntArray) -> IntArray:
    """Return batches of rows in their order; without the last if it has less than LANES_MIN."""
    count = -(-len(rows) // LANES)
    lanes = np.full(count * LANES, -1, np.int64)
    lanes[: len(rows)] = rows
    batches = lanes.reshape(count, LANES)
    full: IntArray = batches[(batches >= 0).sum(axis=1) >= LANES_MIN]
    return full


def _die_of(arena: "Arena") -> tuple[int, int]:
    return int(arena.run["one_below"]), int(arena.run["all_below"])


def _bounds(one: int, both: int) -> list[int]:
    """Return the bounds of the die's bits: below them go to the first peer, the second, both."""
    second = bisect_left(
        range(one), 1, key=lambda bits: roll(bits << (WORD_BITS - DIE_BITS), one, both, 2)
    )
    return [second, one, both]
