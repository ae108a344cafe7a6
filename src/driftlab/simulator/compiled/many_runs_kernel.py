"""Many short runs in lockstep: one tick in each of 16 runs at a time, without branches.

The runs of three machines are the lanes of a batch. At a step every lane takes the next
tick of its own run, of whichever machine that is: the numbers of all three machines are
read, those of one are chosen, and all are written back, changed or not. So a step is the
same instructions for every lane, on vectors, and what a branch would decide is computed
(a mispredicted branch costs more than the rest of a tick). Runs share nothing but the
number of their steps, so a batch takes runs with about as many ticks, whatever their
rates and phases.

The ticks of one period are put in order once for each lane: its *plan*. A lane in which
two ticks share an instant is left to `run_kernel`, as is one whose queue outgrows its ring.

A machine's inbox is two rings, one for each sender. A message carries its position in the
order of the queue: in "peers" order the number of the receiver's tick that finds it and
then the sender, in "arrival" order the number of the step. The front of the inbox is the
lesser of the two fronts. A ring holds RING_MESSAGES, which stay in a fast cache, or
LARGE_RING_MESSAGES where a queue is expected to grow, or has outgrown the others.

Scenarios that differ in nothing but the die share the plan of each run: row `k` of the
metrics then has die `k % dice`.

Parameters have the same meaning everywhere (see `run_kernel` for the others):
`state` is an int64 array of MACHINES blocks of STRIDE numbers and then of SCRATCH, see
below; `plan` an int64 array, of each step of a period PLAN_ROWS rows of LANES numbers;
`rings` an int64 array of RINGS rings of `size` messages (a power of two), of which
every lane has its own side by side; a message is its position in the queue shifted
left by 32 bits, plus a stamp; `dice` an int64 array, of each die the three bounds
below which a free tick sends to the lower peer, to the higher, and to both; `bounds`
the same of every lane; `batches` an int64 array of shape (batches, LANES) of rows of
the metrics, -1 where a lane is empty.
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
from driftlab.simulator.compiled.calendar_queue import next_due
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
from driftlab.simulator.compiled.run_kernel import begin, draw_rates, set_rate

if TYPE_CHECKING:
    from driftlab.simulator.compiled.memory_layout import Arena, Figures

LANES: Final = 16
RING_MESSAGES: Final = 64
LARGE_RING_MESSAGES: Final = 512
MACHINES: Final = 3
RINGS: Final = 2 * MACHINES  # two a machine: of the lower of its peers, and of the higher

LANES_MIN: Final = LANES // 2  # fewer in a batch are faster one after the other
PERIOD_TICKS_MAX: Final = 128  # a longer plan would not stay in a fast cache
RUN_TICKS_MAX: Final = 2**20  # a long run's queue outgrows the rings
SLICE_TICKS: Final = 2**23  # between two reports of progress
_FITTING_MIN: Final = 0.5  # give up if a smaller share of a slice's runs has fitted the rings
_DEVIATIONS: Final = 2  # of the messages that come, by which a queue may outgrow what is expected

at: Final = np.uint64  # an index that is known not to be negative

_NEVER: Final = np.int64(2**63 - 1)  # the position of the front of an empty ring
_STAMP: Final = np.int64(2**32 - 1)
_STAMP_BITS: Final = 32
_HEAD: Final = np.int64(2**32 - 1)  # of a ring's word: how many messages were taken out
_TAIL_BITS: Final = 32  # above them: how many were put in
_QUEUES: Final = np.int64(2**40 - 1)  # of COUNTS: the sum of the lengths of its inbox
_SENDS_BITS: Final = 40  # above it: how many ticks have sent
_SPARE_BITS: Final = np.uint64(WORD_BITS - DIE_BITS)
_NONE: Final = np.uint64(0)
_NO_MACHINE: Final = MACHINES  # in a plan: the lane rests
_DIE: Final = np.uint64(Purpose.DIE)
_BEGIN: Final = np.uint64(0x9E3779B97F4A7C15)  # of an order's word; 0 would hash to itself
TIED: Final = np.uint64(0)  # instead of an order's word: two ticks share an instant
UNKNOWN: Final = np.uint64(1)

# The state of a machine: rows of LANES numbers. LOW and HIGH are its rings; TICKS is how many
# ticks it has taken in earlier periods, ORDERS what that adds to the position of a message to it.
DIE, DIGEST, CLOCK, COUNTS, QUEUE_MAX, JUMP_MAX, LOW, HIGH, TICKS, ORDERS, QUEUE, FIRST_CLOCK = (
    row * LANES for row in range(12)
)
STRIDE: Final = 12 * LANES
A, B, C = (i * STRIDE for i in range(MACHINES))
# Beyond the machines: the fronts of the two rings; the messages to both peers, and their places.
FRONT_LOW, FRONT_HIGH, MESSAGE_LOW, MESSAGE_HIGH, PLACE_LOW, PLACE_HIGH = (
    MACHINES * STRIDE + row * LANES for row in range(6)
)
SCRATCH: Final = 6 * LANES

# A step of a plan: whose tick, its number within the period, and the parts that the period
# adds to the positions of its messages to the lower and to the higher peer.
WHO, TICK, ORDER_LOW, ORDER_HIGH = (row * LANES for row in range(4))
PLAN_STRIDE: Final = 4 * LANES
BOTH: Final = 2 * LANES  # where the third of the bounds begins


@jit_inline
def pick(is_a: Any, is_b: Any, a: Any, b: Any, c: Any) -> Any:
    """Return the number of the machine whose turn it is."""
    return a if is_a else (b if is_b else c)


@jit_inline
def take_step(
    state: Any, rings: Any, size: Any, bounds: Any, plan: Any, step: Any, common: Any
) -> None:  # fmt: skip
    """Let every lane take the tick that its plan has at `step`, the index of its first row.

    `common` is the machine whose turn it is in all lanes, -1 if that is not one.
    """
    # A number that the compiler knows: only then does it see which rows are apart.
    if common == 0:
        peek_common(state, rings, size, np.int64(0))
        step_common(state, size, bounds, plan, step, np.int64(0))
    elif common == 1:
        peek_common(state, rings, size, np.int64(1))
        step_common(state, size, bounds, plan, step, np.int64(1))
    elif common == 2:
        peek_common(state, rings, size, np.int64(2))
        step_common(state, size, bounds, plan, step, np.int64(2))
    else:
        peek_fronts(state, rings, size, plan, step)
        step_lanes(state, size, bounds, plan, step)
    for lane in range(LANES):  # a lane that sends nothing writes where the next message will be
        rings[at(state[at(PLACE_LOW + lane)])] = state[at(MESSAGE_LOW + lane)]
        rings[at(state[at(PLACE_HIGH + lane)])] = state[np.uint64(MESSAGE_HIGH + lane)]


@jit_inline
def peek_common(state: Any, rings: Any, size: Any, i: Any) -> None:
    """Copy the fronts of the two rings of machine `i`, in every lane."""
    base, mask, ring = i * STRIDE, size - 1, 2 * i * size * LANES
    for lane in range(LANES):
        low, high = state[at(base + LOW + lane)], state[at(base + HIGH + lane)]
        state[at(FRONT_LOW + lane)] = rings[at(ring + (low & mask) * LANES + lane)]
        state[at(FRONT_HIGH + lane)] = rings[
            np.uint64(ring + (size + (high & mask)) * LANES + lane)
        ]


@jit_inline
def peek_fronts(state: Any, rings: Any, size: Any, plan: Any, step: Any) -> None:
    """Copy the fronts of the two rings of each lane's machine."""
    mask = size - 1
    for lane in range(LANES):
        who = plan[at(step + WHO + lane)]
        who = 0 if who == _NO_MACHINE else who
        low, high = (
            state[at(who * STRIDE + LOW + lane)],
            state[at(who * STRIDE + HIGH + lane)],
        )
        ring = 2 * who * size
        state[at(FRONT_LOW + lane)] = rings[at((ring + (low & mask)) * LANES + lane)]
        state[at(FRONT_HIGH + lane)] = rings[
            np.uint64((ring + size + (high & mask)) * LANES + lane)
        ]


@jit_inline
def front_of(low: Any, high: Any, first: Any, second: Any) -> Any:
    """Look at the inbox of a machine, whose rings are `low` and `high` with these fronts.

    Return whether it is empty, whether its front is in the higher ring, the stamp there,
    and the length of the inbox without it.
    """
    size_low, size_high = waiting(low), waiting(high)
    front_low = first if size_low > 0 else _NEVER
    front_high = second if size_high > 0 else _NEVER
    is_high = front_high < front_low
    front = front_high if is_high else front_low
    is_free = front == _NEVER
    stamp = np.int64(0) if is_free else front & _STAMP
    queue = size_low + size_high - (np.int64(0) if is_free else np.int64(1))
    return is_free, is_high, stamp, queue


@jit_inline
def waiting(ring: Any) -> Any:
    """Return how many messages are in a ring."""
    return (ring >> _TAIL_BITS) - (ring & _HEAD)


@jit_inline
def throw(
    key: Any, word: Any, is_free: Any, below_low: Any, below_high: Any, below_both: Any
) -> Any:
    """Throw the die if there is no message; return whether it sends to each peer, and to both."""
    die = np.int64(draw(np.uint64(key), word) >> _SPARE_BITS)
    die = die if is_free else _NEVER
    to_low, to_high = die < below_low, (die >= below_low) & (die < below_high)
    to_both = (die >= below_high) & (die < below_both)
    return to_low, to_high, to_both


@jit_inline
def fold(
    digest: Any, word: Any, from_low: Any, from_high: Any, is_free: Any, is_high: Any,
    to_low: Any, to_high: Any, to_both: Any, stamp: Any, clock: Any, queue: Any,
) -> Any:  # fmt: skip
    """Return the digest of a machine after its tick; `from_low` is what a receive weighs."""
    # The hash is a sum over the fields, so the part of the kind can be computed in advance.
    kind = from_high if is_high else from_low
    kind = _NONE if is_free else kind
    kind = event_kind_weight(SEND, 1) if to_low else kind
    kind = event_kind_weight(SEND, 2) if to_high else kind
    kind = event_kind_weight(SEND, ALL_PEERS) if to_both else kind
    weight = kind + hash_event(
        word, _NONE, _NONE, np.uint64(stamp), np.uint64(clock), np.uint64(queue)
    )
    return np.int64(mix_in(np.uint64(digest), weight))


@jit_inline
def one(condition: Any) -> Any:
    """Return 1 if a condition holds, else 0."""
    return np.int64(1) if condition else np.int64(0)


@jit_inline
def step_common(state: Any, size: Any, bounds: Any, plan: Any, step: Any, i: Any) -> None:
    """Update machine `i` of every lane, and say which messages go where."""
    mask, base = size - 1, i * STRIDE
    low_peer, high_peer = (1 if i == 0 else 0), (1 if i == 2 else 2)
    to_lower = low_peer * STRIDE + (HIGH if i == 2 else LOW)
    to_higher = high_peer * STRIDE + (LOW if i == 0 else HIGH)
    ring_low = 2 * low_peer + (1 if i == 2 else 0)
    ring_high = 2 * high_peer + (0 if i == 0 else 1)
    from_low = event_kind_weight(RECEIVE, low_peer + 1)
    from_high = event_kind_weight(RECEIVE, high_peer + 1)
    for lane in range(LANES):
        low, high = state[at(base + LOW + lane)], state[at(base + HIGH + lane)]
        is_free, is_high, stamp, queue = front_of(
            low, high, state[at(FRONT_LOW + lane)], state[at(FRONT_HIGH + lane)]
        )
        before = state[at(base + CLOCK + lane)]
        clock = merge(before, stamp)
        tick = state[at(base + TICKS + lane)] + plan[at(step + TICK + lane)]
        word = np.uint64(tick)
        to_low, to_high, to_both = throw(
            state[at(base + DIE + lane)], word, is_free,
            bounds[at(lane)], bounds[at(LANES + lane)], bounds[at(BOTH + lane)],
        )  # fmt: skip
        sends = one(to_low | to_high | to_both)
        state[at(base + DIGEST + lane)] = fold(
            state[at(base + DIGEST + lane)], word, from_low, from_high, is_free, is_high,
            to_low, to_high, to_both, stamp, clock, queue,
        )  # fmt: skip
        state[at(base + CLOCK + lane)] = clock
        state[at(base + COUNTS + lane)] += queue + (sends << _SENDS_BITS)
        state[at(base + QUEUE_MAX + lane)] = max(state[at(base + QUEUE_MAX + lane)], queue)
        jump = clock - before if tick > 0 else np.int64(0)
        state[at(base + JUMP_MAX + lane)] = max(state[at(base + JUMP_MAX + lane)], jump)
        takes_high = one(is_high)
        state[at(base + LOW + lane)] = low + (one(not is_free) - takes_high)
        state[at(base + HIGH + lane)] = high + takes_high
        order_low = state[at(low_peer * STRIDE + ORDERS + lane)] + plan[at(step + ORDER_LOW + lane)]
        order_high = (
            state[at(high_peer * STRIDE + ORDERS + lane)] + plan[at(step + ORDER_HIGH + lane)]
        )
        state[at(MESSAGE_LOW + lane)] = (order_low << _STAMP_BITS) | clock
        state[at(MESSAGE_HIGH + lane)] = (order_high << _STAMP_BITS) | clock
        lower, higher = state[at(to_lower + lane)], state[at(to_higher + lane)]
        tail_low, tail_high = lower >> _TAIL_BITS, higher >> _TAIL_BITS
        state[at(PLACE_LOW + lane)] = (ring_low * size + (tail_low & mask)) * LANES + lane
        state[at(PLACE_HIGH + lane)] = (ring_high * size + (tail_high & mask)) * LANES + lane
        state[at(to_lower + lane)] = lower + (one(to_low | to_both) << _TAIL_BITS)
        state[at(to_higher + lane)] = higher + (one(to_high | to_both) << _TAIL_BITS)


@jit_inline
def tally(
    state: Any, base: Any, lane: Any, is_own: Any, count: Any, queue: Any, jump: Any
) -> None:  # fmt: skip
    """Count a tick in one lane for the machine at `base` if it is that machine's own."""
    zero = np.int64(0)
    most, longest = (
        state[at(base + QUEUE_MAX + lane)],
        state[at(base + JUMP_MAX + lane)],
    )
    state[at(base + COUNTS + lane)] += count if is_own else zero
    state[at(base + QUEUE_MAX + lane)] = max(most, queue if is_own else zero)
    state[at(base + JUMP_MAX + lane)] = max(longest, jump if is_own else zero)


@jit_inline
def step_lanes(state: Any, size: Any, bounds: Any, plan: Any, step: Any) -> None:
    """Update the machine of each lane, and say which messages go where."""
    mask, zero = size - 1, np.int64(0)
    from_a, from_b, from_c = (
        event_kind_weight(RECEIVE, 1),
        event_kind_weight(RECEIVE, 2),
        event_kind_weight(RECEIVE, 3),
    )
    for lane in range(LANES):
        who = plan[at(step + WHO + lane)]
        is_a, is_b, is_c = who == 0, who == 1, who == 2
        a_low, a_high = state[at(A + LOW + lane)], state[at(A + HIGH + lane)]
        b_low, b_high = state[at(B + LOW + lane)], state[at(B + HIGH + lane)]
        c_low, c_high = state[at(C + LOW + lane)], state[at(C + HIGH + lane)]
        is_free, is_high, stamp, queue = front_of(
            pick(is_a, is_b, a_low, b_low, c_low), pick(is_a, is_b, a_high, b_high, c_high),
            state[at(FRONT_LOW + lane)], state[at(FRONT_HIGH + lane)],
        )  # fmt: skip
        a_clock, b_clock, c_clock = (
            state[at(A + CLOCK + lane)], state[at(B + CLOCK + lane)], state[at(C + CLOCK + lane)]
        )  # fmt: skip
        before = pick(is_a, is_b, a_clock, b_clock, c_clock)
        clock = merge(before, stamp)
        a_ticks, b_ticks, c_ticks = (
            state[at(A + TICKS + lane)], state[at(B + TICKS + lane)], state[at(C + TICKS + lane)]
        )  # fmt: skip
        tick = pick(is_a, is_b, a_ticks, b_ticks, c_ticks) + plan[at(step + TICK + lane)]
        word = np.uint64(tick)
        a_die, b_die, c_die = (
            state[at(A + DIE + lane)], state[at(B + DIE + lane)], state[at(C + DIE + lane)]
        )  # fmt: skip
        to_low, to_high, to_both = throw(
            pick(is_a, is_b, a_die, b_die, c_die), word, is_free,
            bounds[at(lane)], bounds[at(LANES + lane)], bounds[at(BOTH + lane)],
        )  # fmt: skip
        sends = one(to_low | to_high | to_both)
        a_digest, b_digest, c_digest = (
            state[at(A + DIGEST + lane)], state[at(B + DIGEST + lane)], state[at(C + DIGEST + lane)]
        )  # fmt: skip
        digest = fold(
            pick(is_a, is_b, a_digest, b_digest, c_digest), word, from_b if is_a else from_a,
            from_b if is_c else from_c, is_free, is_high, to_low, to_high, to_both,
            stamp, clock, queue,
        )  # fmt: skip
        state[at(A + DIGEST + lane)] = digest if is_a else a_digest
        state[at(B + DIGEST + lane)] = digest if is_b else b_digest
        state[at(C + DIGEST + lane)] = digest if is_c else c_digest
        state[at(A + CLOCK + lane)] = clock if is_a else a_clock
        state[at(B + CLOCK + lane)] = clock if is_b else b_clock
        state[at(C + CLOCK + lane)] = clock if is_c else c_clock
        count = queue + (sends << _SENDS_BITS)
        jump = clock - before if tick > 0 else zero
        tally(state, np.int64(A), lane, is_a, count, queue, jump)
        tally(state, np.int64(B), lane, is_b, count, queue, jump)
        tally(state, np.int64(C), lane, is_c, count, queue, jump)
        # The rings: what was taken out of its own, what was put into those of its peers.
        out_high = one(is_high)
        out_low = one(not is_free) - out_high
        in_low, in_high = (
            one(to_low | to_both) << _TAIL_BITS, one(to_high | to_both) << _TAIL_BITS
        )  # fmt: skip
        state[at(A + LOW + lane)] = a_low + (out_low if is_a else (in_low if is_b else zero))
        state[at(A + HIGH + lane)] = a_high + (out_high if is_a else (in_low if is_c else zero))
        state[at(B + LOW + lane)] = b_low + (out_low if is_b else (in_low if is_a else zero))
        state[at(B + HIGH + lane)] = b_high + (out_high if is_b else (in_high if is_c else zero))
        state[at(C + LOW + lane)] = c_low + (out_low if is_c else (in_high if is_a else zero))
        state[at(C + HIGH + lane)] = c_high + (out_high if is_c else (in_high if is_b else zero))
        a_order, b_order, c_order = (
            state[at(A + ORDERS + lane)], state[at(B + ORDERS + lane)], state[at(C + ORDERS + lane)]
        )  # fmt: skip
        order_low = (b_order if is_a else a_order) + plan[at(step + ORDER_LOW + lane)]
        order_high = (b_order if is_c else c_order) + plan[at(step + ORDER_HIGH + lane)]
        state[at(MESSAGE_LOW + lane)] = (order_low << _STAMP_BITS) | clock
        state[at(MESSAGE_HIGH + lane)] = (order_high << _STAMP_BITS) | clock
        tail_low = pick(is_a, is_b, b_low, a_low, a_high) >> _TAIL_BITS
        tail_high = pick(is_a, is_b, c_low, c_high, b_high) >> _TAIL_BITS
        ring_low = pick(is_a, is_b, np.int64(2), zero, np.int64(1))
        ring_high = pick(is_a, is_b, np.int64(4), np.int64(5), np.int64(3))
        state[at(PLACE_LOW + lane)] = (ring_low * size + (tail_low & mask)) * LANES + lane
        state[at(PLACE_HIGH + lane)] = (ring_high * size + (tail_high & mask)) * LANES + lane


@jit_inline
def event_kind_weight(kind: Any, other: Any) -> Any:
    """Return the part of an event's hash that its kind and the other machine contribute."""
    return hash_event(_NONE, np.uint64(kind), np.uint64(other), _NONE, _NONE, _NONE)


@jit
def keep_first_clocks(state: Any, plan: Any, step: Any) -> None:
    """Keep the clock of each lane whose machine has just taken its first tick."""
    for i in range(MACHINES):
        base = i * STRIDE
        for lane in range(LANES):
            who, tick = plan[at(step + WHO + lane)], plan[at(step + TICK + lane)]
            clock, kept = (
                state[at(base + CLOCK + lane)],
                state[at(base + FIRST_CLOCK + lane)],
            )
            state[at(base + FIRST_CLOCK + lane)] = clock if (who == i) & (tick == 0) else kept


@jit
def keep_queues(state: Any, plan: Any, step: Any) -> None:
    """Keep the length of the inbox of each lane's machine, after its tick."""
    for i in range(MACHINES):
        base = i * STRIDE
        for lane in range(LANES):
            low, high = state[at(base + LOW + lane)], state[at(base + HIGH + lane)]
            queue = waiting(low) + waiting(high)
            is_own, kept = (
                plan[at(step + WHO + lane)] == i,
                state[at(base + QUEUE + lane)],
            )
            state[at(base + QUEUE + lane)] = queue if is_own else kept


@jit
def run_plan(
    state: Any, rings: Any, size: Any, bounds: Any, plan: Any, common: Any, steps: Any,
    last_steps: Any, repeats: Any, in_period: Any, by_sender: Any,
) -> None:  # fmt: skip
    """Take the plan's `steps` of a period `repeats` times, then its `last_steps` after these.

    `in_period` is how many ticks each machine takes in a period, in every lane.
    """
    for e in range(steps + last_steps):
        who = plan[at(e * PLAN_STRIDE + WHO)]
        is_common = who != _NO_MACHINE
        for lane in range(LANES):
            is_common &= plan[at(e * PLAN_STRIDE + WHO + lane)] == who
        common[at(e)] = who if is_common else -1
    for repeat in range(repeats + 1):
        first, count = (0, steps) if repeat < repeats else (steps, last_steps)
        for e in range(first, first + count):
            step = e * PLAN_STRIDE
            take_step(state, rings, size, bounds, plan, step, common[at(e)])
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
    filled, last, is_tied = np.int64(0), np.int64(0), False
    for i in range(MACHINES):
        in_period[at(i * LANES + lane)] = ticks[at(i * LANES + lane)] = 0
    while True:
        a, b, c = cursors[0].due, cursors[1].due, cursors[2].due
        i = np.int64(0) if (a <= b) & (a <= c) else (np.int64(1) if b <= c else np.int64(2))
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
        plan[at(e * PLAN_STRIDE + WHO + lane)] = _NO_MACHINE


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
        is_known = like and (
            row < 0
            or figures.numbers[row] == figures.numbers[before]
            or (words[row] == words[before] and words[row] > UNKNOWN)
        )
        if is_known:
            load_like(plan, steps, last_steps, lane, in_period, ticks)
            if row >= 0 and figures.numbers[row] == figures.numbers[before]:
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
            for i in range(MACHINES):
                key = stream(run.seed, figures.numbers[row], np.uint64(i), _DIE)
                state[at(i * STRIDE + DIE + lane)] = np.int64(key)
            for bound in range(3):
                bounds[bound * LANES + lane] = dice[row % len(dice), bound]
    return last_steps, used


@jit
def store_lane(state: Any, figures: Any, size: Any, row: Any, lane: Any, ticks: Any) -> Any:
    """Store the metrics of one lane; return whether its rings were large enough."""
    digest, most = np.uint64(0), 0
    for i in range(MACHINES):
        base = i * STRIDE + lane
        receives = (state[base + LOW] & _HEAD) + (state[base + HIGH] & _HEAD)
        sends = state[base + COUNTS] >> _SENDS_BITS
        figures.internal[row, i] = ticks[i * LANES + lane] - sends - receives
        figures.send[row, i] = sends
        figures.receive[row, i] = receives
        figures.clock[row, i] = state[base + CLOCK]
        figures.first_clock[row, i] = state[base + FIRST_CLOCK]
        figures.jump_max[row, i] = state[base + JUMP_MAX]
        figures.queue_sum[row, i] = state[base + COUNTS] & _QUEUES
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
    common = np.zeros(len(plan) // PLAN_STRIDE, np.int64)
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
            state, rings, size, bounds, plan, common, steps, last_steps,
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
    common = (arena.run, arena.cursors, arena.machines)
    if dice == 1:
        words = np.zeros(len(figures.numbers), np.uint64)
        tick_order_words(*common, phases, arena.rates, figures, plan, words)
        return words
    firsts = figures.of_rows(np.arange(0, len(figures.numbers), dice))
    words = np.zeros(len(firsts.numbers), np.uint64)
    of_firsts = np.ascontiguousarray(phases[::dice]) if len(phases) > 1 else phases
    tick_order_words(*common, of_firsts, arena.rates, firsts, plan, words)
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
