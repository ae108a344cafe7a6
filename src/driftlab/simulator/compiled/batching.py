"""Batches of short runs in lockstep: one tick of one machine in 16 runs at a time, unbranched.

Runs of three machines whose ticks come in the same order differ only in their
dice. They are the lanes of one batch: a step is one machine's tick in all of
them, so that its number and the machine are the same for all, and what a
branch would decide is computed for each lane instead (a mispredicted branch
costs more than the rest of a tick).

First every run's ticks are put in order and the order is hashed into one word;
runs with the same word may share a batch. Where two ticks of a run share an
instant the word is UNBATCHABLE.

A machine's inbox is two rings, one for each sender. A message carries its
position in the order of the queue: in "peers" order the number of the
receiver's tick that finds it and then the sender, in "arrival" order the
number of the step. The front of the inbox is the lesser of the two fronts. A
ring holds RING_MESSAGES, which stay in the fastest cache, or LARGE_RING_MESSAGES
where a queue is expected to grow, or has outgrown the others. A run that needs
more is simulated again by `run_kernel`, as are runs that are UNBATCHABLE or whose
order few others share.

Scenarios that differ in nothing but the die share the order of the ticks of each
run, and so their batches: row `k` of the metrics then has die `k % dice`.

Parameters have the same meaning everywhere (see `run_kernel` for the others):
`state` is an int64 array of MACHINES blocks of STRIDE numbers, see below;
`rings` an int64 array of RINGS rings of `size` messages (a power of two), of which
every lane has its own side by side; a message is its position in the queue shifted
left by 32 bits, plus a stamp; `dice` an int64 array, of each die the three bounds
below which a free tick sends to the lower peer, to the higher, and to both; `bounds`
the same of every lane; `batches` an int64 array of shape (batches, LANES) of rows of
the metrics, -1 where a lane is empty; `tick` the number of a machine's tick.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.machine.process import roll
from driftlab.model.digest import ALL_PEERS, RECEIVE, SEND
from driftlab.model.random_streams import DIE_BITS, WORD_BITS, Purpose
from driftlab.model.schedule import NS_PER_SECOND
from driftlab.scenario.validate import WAITING_MESSAGES_MAX
from driftlab.simulator.compiled.calendar_queue import fill
from driftlab.simulator.compiled.eligibility import BATCH_RUNS_MIN, CACHE
from driftlab.simulator.compiled.jit_rules import (
    draw,
    finish,
    hash_event,
    jit,
    jit_inline,
    merge,
    mix_in,
    stream,
)
from driftlab.simulator.compiled.run_kernel import begin, draw_rates

if TYPE_CHECKING:
    from driftlab.simulator.compiled.memory_layout import Arena, Figures

LANES: Final = 16
RING_MESSAGES: Final = 64
LARGE_RING_MESSAGES: Final = 512
MACHINES: Final = 3
RINGS: Final = 2 * MACHINES  # two a machine: of the lower of its peers, and of the higher

LANES_MIN: Final = LANES // 2  # fewer in a batch are faster one after the other
PERIOD_TICKS_MAX: Final = 128  # of a longer schedule hardly two runs share the order
RUN_TICKS_MAX: Final = 2**20  # a long run's queue outgrows the rings
SLICE_TICKS: Final = 2**23  # between two reports of progress
_FITTING_MIN: Final = 0.5  # give up if a smaller share of a slice's runs has fitted the rings
_DEVIATIONS: Final = 2  # of the messages that come, by which a queue may outgrow what is expected

UNBATCHABLE: Final = np.uint64(0)
_DIE: Final = np.uint64(Purpose.DIE)
_BEGIN: Final = np.uint64(0x9E3779B97F4A7C15)  # of an order's word; 0 would hash to itself
_NEVER: Final = np.int64(2**63 - 1)  # the position of the front of an empty ring
_STAMP: Final = np.int64(2**32 - 1)
_STAMP_BITS: Final = 32
_SPARE_BITS: Final = np.uint64(WORD_BITS - DIE_BITS)
_NONE: Final = np.uint64(0)

# The state of a machine: rows of LANES numbers. How many messages were taken out of a ring
# gives the place of its front, and so counts the receives.
DIE, DIGEST, CLOCK, SENDS, QUEUE_SUM, QUEUE_MAX, QUEUE, JUMP_MAX, FIRST_CLOCK = (
    row * LANES for row in range(9)
)
HEAD_LOW, HEAD_HIGH, TAIL_LOW, TAIL_HIGH = (row * LANES for row in range(9, 13))
FRONT_LOW, FRONT_HIGH, SENDS_LOW, SENDS_HIGH = (row * LANES for row in range(13, 17))
STRIDE: Final = 17 * LANES
BOTH: Final = 2 * LANES  # where the third of the bounds begins


@jit
def take_step(
    state: Any, rings: Any, size: Any, bounds: Any, i: Any, tick: Any, order_low: Any,
    order_high: Any,
) -> None:  # fmt: skip
    """Let machine `i` take tick number `tick` in every lane.

    `order_low` and `order_high` are the positions that its messages get in the
    queues of its lower and its higher peer.
    """
    low, high = (1 if i == 0 else 0), (1 if i == 2 else 2)
    peek_fronts(state, rings, size, i)
    step_lanes(state, bounds, i, tick, low + 1, high + 1)
    if tick == 0:
        base = i * STRIDE
        for lane in range(LANES):
            state[np.uint64(base + FIRST_CLOCK + lane)] = state[np.uint64(base + CLOCK + lane)]
            state[np.uint64(base + JUMP_MAX + lane)] = 0
    enqueue(state, rings, size, i, low, SENDS_LOW, order_low)
    enqueue(state, rings, size, i, high, SENDS_HIGH, order_high)


@jit_inline
def peek_fronts(state: Any, rings: Any, size: Any, i: Any) -> None:
    """Copy the fronts of the two rings of machine `i` into the state."""
    mask = size - 1
    base, ring = i * STRIDE, 2 * i * LANES * size
    for lane in range(LANES):
        at, place = base + lane, ring + lane
        low = place + (state[np.uint64(at + HEAD_LOW)] & mask) * LANES
        high = place + LANES * size + (state[np.uint64(at + HEAD_HIGH)] & mask) * LANES
        state[np.uint64(at + FRONT_LOW)] = rings[np.uint64(low)]
        state[np.uint64(at + FRONT_HIGH)] = rings[np.uint64(high)]


@jit_inline
def step_lanes(state: Any, bounds: Any, i: Any, tick: Any, name_low: Any, name_high: Any) -> None:
    """Update the machine; the state then holds its targets."""
    base = i * STRIDE
    word = np.uint64(tick)
    # The hash is a sum over the fields, so the part of the kind can be computed in advance.
    from_low, from_high = (
        event_kind_weight(RECEIVE, name_low),
        event_kind_weight(RECEIVE, name_high),
    )
    at_low, at_high, at_both = (
        event_kind_weight(SEND, 1),
        event_kind_weight(SEND, 2),
        event_kind_weight(SEND, ALL_PEERS),
    )
    for lane in range(LANES):
        at = base + lane
        head_low, head_high = state[np.uint64(at + HEAD_LOW)], state[np.uint64(at + HEAD_HIGH)]
        size_low = state[np.uint64(at + TAIL_LOW)] - head_low
        size_high = state[np.uint64(at + TAIL_HIGH)] - head_high
        front_low = state[np.uint64(at + FRONT_LOW)] if size_low > 0 else _NEVER
        front_high = state[np.uint64(at + FRONT_HIGH)] if size_high > 0 else _NEVER
        is_high = front_high < front_low
        front = front_high if is_high else front_low
        is_free = front == _NEVER
        has = np.int64(0) if is_free else np.int64(1)
        takes_high = np.int64(1) if is_high else np.int64(0)
        state[np.uint64(at + HEAD_LOW)] = head_low + (has - takes_high)
        state[np.uint64(at + HEAD_HIGH)] = head_high + takes_high
        stamp = np.int64(0) if is_free else front & _STAMP
        before = state[np.uint64(at + CLOCK)]
        clock = merge(before, stamp)
        queue = size_low + size_high - has
        die = np.int64(draw(np.uint64(state[np.uint64(at + DIE)]), word) >> _SPARE_BITS)
        die = die if is_free else _NEVER
        below_low = bounds[np.uint64(lane)]
        below_high, below_both = bounds[np.uint64(LANES + lane)], bounds[np.uint64(BOTH + lane)]
        to_low, to_high = die < below_low, (die >= below_low) & (die < below_high)
        to_both = (die >= below_high) & (die < below_both)
        state[np.uint64(at + SENDS_LOW)] = np.int64(1) if to_low | to_both else np.int64(0)
        state[np.uint64(at + SENDS_HIGH)] = np.int64(1) if to_high | to_both else np.int64(0)
        state[np.uint64(at + SENDS)] += np.int64(1) if die < below_both else np.int64(0)
        kind = from_high if is_high else from_low
        kind = _NONE if is_free else kind
        kind = at_low if to_low else kind
        kind = at_high if to_high else kind
        kind = at_both if to_both else kind
        weight = kind + hash_event(
            word, _NONE, _NONE, np.uint64(stamp), np.uint64(clock), np.uint64(queue)
        )
        folded = mix_in(np.uint64(state[np.uint64(at + DIGEST)]), weight)
        state[np.uint64(at + DIGEST)] = np.int64(folded)
        state[np.uint64(at + CLOCK)] = clock
        state[np.uint64(at + QUEUE_SUM)] += queue
        state[np.uint64(at + QUEUE)] = queue
        state[np.uint64(at + QUEUE_MAX)] = max(state[np.uint64(at + QUEUE_MAX)], queue)
        state[np.uint64(at + JUMP_MAX)] = max(state[np.uint64(at + JUMP_MAX)], clock - before)


@jit_inline
def event_kind_weight(kind: Any, other: Any) -> Any:
    """Return the part of an event's hash that its kind and the other machine contribute."""
    return hash_event(_NONE, np.uint64(kind), np.uint64(other), _NONE, _NONE, _NONE)


@jit_inline
def enqueue(
    state: Any, rings: Any, size: Any, i: Any, receiver: Any, sends: Any, order: Any
) -> None:
    """Append the messages of machine `i` to a peer's ring, in the lanes where `sends` is 1.

    A lane that sends nothing writes, too, to a place that the next message overwrites.
    """
    which = 0 if i == (1 if receiver == 0 else 0) else 1
    base, theirs = i * STRIDE, receiver * STRIDE + TAIL_LOW + which * LANES
    mask = size - 1
    ring = (2 * receiver + which) * LANES * size
    place = order << _STAMP_BITS
    for lane in range(LANES):
        tail = state[np.uint64(theirs + lane)]
        at = ring + lane + (tail & mask) * LANES
        rings[np.uint64(at)] = place | state[np.uint64(base + CLOCK + lane)]
    for lane in range(LANES):
        state[np.uint64(theirs + lane)] += state[np.uint64(base + sends + lane)]


@jit
def run_order(
    state: Any, rings: Any, size: Any, bounds: Any, entries: Any, filled: Any, repeats: Any,
    last: Any, by_sender: Any, ticks: Any,
) -> None:  # fmt: skip
    """Take all ticks of a batch in the order of `entries`, the machines; count them in `ticks`.

    The `filled` entries are taken `repeats` times, then the first `last` of them.
    """
    number = 0
    for repeat in range(repeats + 1):
        for e in range(filled if repeat < repeats else last):
            i = np.int64(entries[np.uint64(e)])
            low, high = (1 if i == 0 else 0), (1 if i == 2 else 2)
            # Of two messages that one tick finds, the lower sender's comes first.
            order_low = 2 * ticks[low] + (1 if i > high else 0) if by_sender else number
            order_high = 2 * ticks[high] + (1 if i > low else 0) if by_sender else number
            take_step(state, rings, size, bounds, i, ticks[i], order_low, order_high)
            ticks[i] += 1
            number += 1


@jit
def order_ticks(
    run: Any, cursors: Any, machines: Any, window: Any, phases: Any, rates: Any, figures: Any,
    row: Any,
) -> Any:  # fmt: skip
    """Order the ticks of one run; return how many of a last, partial period belong to it."""
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
def load_batch(run: Any, state: Any, figures: Any, dice: Any, bounds: Any, batch: Any) -> None:
    """Reset every lane to the start of its run, with its die."""
    state[:] = 0
    for lane in range(LANES):
        if batch[lane] >= 0:
            number = figures.numbers[batch[lane]]
            for bound in range(3):
                bounds[bound * LANES + lane] = dice[batch[lane] % len(dice), bound]
            for i in range(MACHINES):
                die = stream(run.seed, number, np.uint64(i), _DIE)
                state[i * STRIDE + DIE + lane] = np.int64(die)


@jit
def store_lane(state: Any, figures: Any, size: Any, row: Any, lane: Any, ticks: Any) -> Any:
    """Store the metrics of one lane; return whether its rings were large enough."""
    digest, most = np.uint64(0), 0
    for i in range(MACHINES):
        at = i * STRIDE + lane
        receives = state[at + HEAD_LOW] + state[at + HEAD_HIGH]
        figures.internal[row, i] = ticks[i] - state[at + SENDS] - receives
        figures.send[row, i] = state[at + SENDS]
        figures.receive[row, i] = receives
        figures.clock[row, i] = state[at + CLOCK]
        figures.first_clock[row, i] = state[at + FIRST_CLOCK]
        figures.jump_max[row, i] = state[at + JUMP_MAX]
        figures.queue_sum[row, i] = state[at + QUEUE_SUM]
        figures.queue_max[row, i] = state[at + QUEUE_MAX]
        figures.queue_last[row, i] = state[at + QUEUE]
        most = max(most, state[at + QUEUE_MAX])
        digest = finish(digest, np.uint64(state[at + DIGEST]))
    figures.digest[row] = digest
    figures.stopped_ns[row] = -1
    return most < size - 1  # the place at the tail is written even if nothing is sent


@CACHE.jit
def tick_order_words(
    run: Any, cursors: Any, machines: Any, window: Any, phases: Any, rates: Any,
    figures: Any, words: Any,
) -> None:  # fmt: skip
    """Order the ticks of each run and store the hash of that order in `words`."""
    for row in range(len(words)):
        last = order_ticks(run, cursors, machines, window, phases, rates, figures, row)
        # Each number is hashed on its own: their sums may be alike.
        word, ties = mix_in(mix_in(_BEGIN, np.uint64(last)), np.uint64(run.filled)), 0
        for e in range(run.filled):
            word = mix_in(word, np.uint64(window.machines[np.uint64(e)]))
            ties += window.tied[np.uint64(e)]
        words[row] = word if ties == 0 else UNBATCHABLE


@CACHE.jit
def run_batch_kernel(
    run: Any, cursors: Any, machines: Any, window: Any, phases: Any, rates: Any,
    figures: Any, state: Any, rings: Any, size: Any, dice: Any, batches: Any, fits: Any,
) -> Any:  # fmt: skip
    """Simulate batches of runs; set `fits` for those whose metrics hold.

    Returns the number of their ticks.
    """
    ticks, bounds, taken = np.zeros(MACHINES, np.int64), np.zeros(3 * LANES, np.int64), 0
    for k in range(len(batches)):
        batch = batches[k]
        last = order_ticks(run, cursors, machines, window, phases, rates, figures, batch[0])
        load_batch(run, state, figures, dice, bounds, batch)
        ticks[:] = 0
        repeats = run.horizon // run.period
        run_order(
            state, rings, size, bounds, window.machines, run.filled, repeats, last,
            run.by_sender, ticks,
        )  # fmt: skip
        for lane in range(LANES):
            row = batch[lane]
            if row >= 0 and store_lane(state, figures, size, row, lane, ticks):
                fits[row] = True
                taken += ticks.sum()
    return taken


def can_batch(arena: "Arena", runs: int, waiting_max: int) -> bool:
    """Whether it is worth trying to simulate `runs` runs of a scenario in batches."""
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
    words = _words(arena, phases, figures, len(bounds))
    grows = _is_to_outgrow(arena, figures, bounds)
    state = np.zeros(MACHINES * STRIDE, np.int64)
    at_once = max(1, SLICE_TICKS // (LANES * _run_ticks(arena)))
    for size in (RING_MESSAGES, LARGE_RING_MESSAGES):
        if waiting_max <= RINGS * size:
            return
        rows = np.flatnonzero(~done & ~grows if size == RING_MESSAGES else ~done)
        batches = _batches(words[rows]) if len(rows) else np.zeros((0, LANES), np.int64)
        batches = np.where(batches >= 0, rows[batches], -1) if len(rows) else batches
        rings = np.zeros(RINGS * LANES * size, np.int64)
        for first in range(0, len(batches), at_once):
            some = batches[first : first + at_once]
            ticks = run_batch_kernel(
                arena.run, arena.cursors, arena.machines, arena.window, phases, arena.rates,
                figures, state, rings, size, bounds, some, done,
            )  # fmt: skip
            yield int(ticks)
            if done[some[some >= 0]].mean() < _FITTING_MIN:
                break


def _words(arena: "Arena", phases: IntArray, figures: "Figures", dice: int) -> IntArray:
    """Return the hash of the order of each row's ticks; what a die changes is not in it."""
    common = (arena.run, arena.cursors, arena.machines, arena.window)
    if dice == 1:
        words = np.zeros(len(figures.numbers), np.uint64)
        tick_order_words(*common, phases, arena.rates, figures, words)
        return words
    firsts = figures.of_rows(np.arange(0, len(figures.numbers), dice))
    words = np.zeros(len(firsts.numbers), np.uint64)
    of_firsts = np.ascontiguousarray(phases[::dice]) if len(phases) > 1 else phases
    tick_order_words(*common, of_firsts, arena.rates, firsts, words)
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


def _batches(words: IntArray) -> IntArray:
    """Return batches of rows with the same word, those with at least LANES_MIN."""
    order = np.argsort(words, kind="stable")
    ordered = words[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sizes = np.diff(np.r_[begins, len(words)])
    within = np.arange(len(words)) - np.repeat(begins, sizes)
    batch = np.cumsum(within % LANES == 0) - 1
    batches = np.full((int(batch[-1]) + 1, LANES), -1, np.int64)
    batches[batch, within % LANES] = order
    batchable = words[batches[:, 0]] != UNBATCHABLE
    full: IntArray = batches[((batches >= 0).sum(1) >= LANES_MIN) & batchable]
    return full


def _die_of(arena: "Arena") -> tuple[int, int]:
    return int(arena.run["one_below"]), int(arena.run["all_below"])


def _bounds(one: int, both: int) -> list[int]:
    """Return the bounds of the die's bits: below them go to the first peer, the second, both."""
    second = bisect_left(
        range(one), 1, key=lambda bits: roll(bits << (WORD_BITS - DIE_BITS), one, both, 2)
    )
    return [second, one, both]
