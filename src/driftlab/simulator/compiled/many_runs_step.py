"""One step of many short runs in lockstep: a tick in each of 16 runs at a time, unbranched.

The runs of three machines, A, B and C, are the lanes of a batch. At a step every lane takes
the next tick of its own run, of whichever machine that is: the numbers of all three machines
are read, those of one are chosen, and all are written back, changed or not. So a step is the
same instructions for every lane, on vectors, and what a branch would decide is computed (a
mispredicted branch costs more than the rest of a tick). Where all lanes have the same machine's
tick, only its numbers are touched, which takes two thirds of the time.

A machine's inbox is two rings, one for each sender. A message carries its position in the
order of the queue: in "peers" order the number of the receiver's tick that finds it and then
the sender, in "arrival" order the number of the step. The front of the inbox is the lesser of
the two fronts. The word of a ring counts the messages that were taken out, and above these
bits those that were put in. The limit: a ring that is full is overwritten, which the length of
the inbox shows (`many_runs_kernel` then discards the run).

Parameters have the same meaning everywhere: `state` is an int64 array of MACHINES blocks of
STRIDE numbers and then of SCRATCH, see below; `rings` an int64 array of RINGS rings of `size`
messages (a power of two), of which every lane has its own side by side; a message is its
position in the queue shifted left by 32 bits, plus a stamp; `bounds` an int64 array, of each
lane the three bounds below which a free tick sends to the lower peer, to the higher, and to
both; `plan` an int64 array, of each step of a period PLAN_STRIDE numbers, see below; `step` the
index of the first of them. Lane 7 of any row is 7 places after its first number.
"""

from typing import Any, Final

import numpy as np

from driftlab.model.digest import ALL_PEERS, RECEIVE, SEND
from driftlab.model.random_streams import DIE_BITS, WORD_BITS
from driftlab.simulator.compiled.jit_rules import draw, hash_event, jit, jit_inline, merge, mix_in

LANES: Final = 16
MACHINES: Final = 3
RINGS: Final = 2 * MACHINES  # two a machine: of the lower of its peers, and of the higher

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
HEAD: Final = np.int64(2**32 - 1)  # of the word of a ring: how many messages were taken out
QUEUES: Final = np.int64(2**40 - 1)  # of COUNTS: the sum of the lengths of its inbox
SENDS_BITS: Final = 40  # above it: how many ticks have sent

# A step of a plan: rows that say whose tick it is, its number within the period, and the parts
# that the period adds to the positions of its messages to the lower and to the higher peer.
WHO, TICK, ORDER_LOW, ORDER_HIGH = (row * LANES for row in range(4))
PLAN_STRIDE: Final = 4 * LANES
NO_MACHINE: Final = MACHINES  # the lane rests
BOTH: Final = 2 * LANES  # where the third of the bounds begins

at: Final = np.uint64  # an index that is known not to be negative

_NEVER: Final = np.int64(2**63 - 1)  # the position of the front of an empty ring
_STAMP: Final = np.int64(2**32 - 1)
_STAMP_BITS: Final = 32
_TAIL_BITS: Final = 32  # of the word of a ring: above these, how many messages were put in
_SPARE_BITS: Final = np.uint64(WORD_BITS - DIE_BITS)
_NONE: Final = np.uint64(0)


@jit_inline
def pick(is_a: Any, is_b: Any, a: Any, b: Any, c: Any) -> Any:
    """Return the number of the machine whose turn it is."""
    return a if is_a else (b if is_b else c)


@jit_inline
def take_step(
    state: Any, rings: Any, size: Any, bounds: Any, plan: Any, step: Any, turn: Any
) -> None:  # fmt: skip
    """Let every lane take the tick that its plan has at `step`, the index of its first row.

    `turn` is the machine whose turn it is in all lanes, -1 if that is not one.
    """
    # A number that the compiler knows: only then does it see which rows are apart.
    if turn == 0:
        peek_one_machine(state, rings, size, np.int64(0))
        step_one_machine(state, size, bounds, plan, step, np.int64(0))
    elif turn == 1:
        peek_one_machine(state, rings, size, np.int64(1))
        step_one_machine(state, size, bounds, plan, step, np.int64(1))
    elif turn == 2:
        peek_one_machine(state, rings, size, np.int64(2))
        step_one_machine(state, size, bounds, plan, step, np.int64(2))
    else:
        peek_fronts(state, rings, size, plan, step)
        step_lanes(state, size, bounds, plan, step)
    for lane in range(LANES):  # a lane that sends nothing writes where the next message will be
        rings[at(state[at(PLACE_LOW + lane)])] = state[at(MESSAGE_LOW + lane)]
        rings[at(state[at(PLACE_HIGH + lane)])] = state[np.uint64(MESSAGE_HIGH + lane)]


@jit_inline
def peek_one_machine(state: Any, rings: Any, size: Any, i: Any) -> None:
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
        who = 0 if who == NO_MACHINE else who
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
    return (ring >> _TAIL_BITS) - (ring & HEAD)


@jit_inline
def roll_die(
    key: Any, word: Any, is_free: Any, below_low: Any, below_high: Any, below_both: Any
) -> Any:
    """Roll the die if there is no message; return whether it sends to each peer, and to both.

    key: of the machine's stream. word: the number of the tick. below_low, below_high,
    below_both: the bounds below which it sends to the lower peer, to the higher, to both.
    """
    die = np.int64(draw(np.uint64(key), word) >> _SPARE_BITS)
    die = die if is_free else _NEVER
    to_low, to_high = die < below_low, (die >= below_low) & (die < below_high)
    to_both = (die >= below_high) & (die < below_both)
    return to_low, to_high, to_both


@jit_inline
def digest_after(
    digest: Any, word: Any, from_low: Any, from_high: Any, is_free: Any, is_high: Any,
    to_low: Any, to_high: Any, to_both: Any, stamp: Any, clock: Any, queue: Any,
) -> Any:  # fmt: skip
    """Return the digest of a machine after its tick.

    word: the number of the tick. from_low, from_high: what a receive from the lower or the
    higher peer contributes to the hash of its event (`event_kind_weight`).
    """
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
def step_one_machine(state: Any, size: Any, bounds: Any, plan: Any, step: Any, i: Any) -> None:
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
        to_low, to_high, to_both = roll_die(
            state[at(base + DIE + lane)], word, is_free,
            bounds[at(lane)], bounds[at(LANES + lane)], bounds[at(BOTH + lane)],
        )  # fmt: skip
        sends = one(to_low | to_high | to_both)
        state[at(base + DIGEST + lane)] = digest_after(
            state[at(base + DIGEST + lane)], word, from_low, from_high, is_free, is_high,
            to_low, to_high, to_both, stamp, clock, queue,
        )  # fmt: skip
        state[at(base + CLOCK + lane)] = clock
        state[at(base + COUNTS + lane)] += queue + (sends << SENDS_BITS)
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
def count_tick(
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
        to_low, to_high, to_both = roll_die(
            pick(is_a, is_b, a_die, b_die, c_die), word, is_free,
            bounds[at(lane)], bounds[at(LANES + lane)], bounds[at(BOTH + lane)],
        )  # fmt: skip
        sends = one(to_low | to_high | to_both)
        a_digest, b_digest, c_digest = (
            state[at(A + DIGEST + lane)], state[at(B + DIGEST + lane)], state[at(C + DIGEST + lane)]
        )  # fmt: skip
        digest = digest_after(
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
        count = queue + (sends << SENDS_BITS)
        jump = clock - before if tick > 0 else zero
        count_tick(state, np.int64(A), lane, is_a, count, queue, jump)
        count_tick(state, np.int64(B), lane, is_b, count, queue, jump)
        count_tick(state, np.int64(C), lane, is_c, count, queue, jump)
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
