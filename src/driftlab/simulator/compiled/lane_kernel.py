"""Many short runs in lockstep: one tick of one machine in many runs at a time, without a branch.

Runs of three machines whose ticks come in the same order differ only in their
dice. They stand side by side as lanes: a step is one machine's tick in all of
them, so that its number, and whose turn it is, are the same for all, and what
a branch would decide is computed for each lane instead (a wrongly guessed
branch costs more than all the rest of a tick).

A machine's inbox is two rings, one a sender. A message carries its place in
the order of the queue: in "peers" order the number of the receiver's tick that
finds it and then the sender, in "arrival" order the number of the step. The
front of the inbox is the lesser of the two fronts. A ring holds RING_MESSAGES;
a run that needs more is simulated once more by the general loop, as are those
whose ticks share an instant.
"""

from typing import Any, Final

import numpy as np

from driftlab.model.digest import ALL_PEERS, RECEIVE, SEND
from driftlab.model.random_streams import DIE_BITS, WORD_BITS
from driftlab.simulator.compiled.jit_rules import draw, hash_event, merge, mix_in
from driftlab.simulator.compiled.mailbox import jit, jit_inline

LANES: Final = 16
RING_MESSAGES: Final = 64
MACHINES: Final = 3
RING_STRIDE: Final = RING_MESSAGES + 8  # a cache line more, so that lanes do not share their sets
RINGS: Final = 2 * MACHINES  # two a machine: of the lower of its peers, and of the higher

_RING_MASK: Final = np.int64(RING_MESSAGES - 1)
_NEVER: Final = np.int64(2**63 - 1)  # where an empty ring's front stands in the queue
_STAMP: Final = np.int64(2**32 - 1)
_STAMP_BITS: Final = 32
_SPARE_BITS: Final = np.uint64(WORD_BITS - DIE_BITS)
_NONE: Final = np.uint64(0)

# What each machine has of each lane, as rows of LANES numbers. How many messages were taken
# out of a ring is where its front is, and so a count of receives too.
DIE, DIGEST, CLOCK, SENDS, QUEUE_SUM, QUEUE_MAX, QUEUE, JUMP_MAX, FIRST_CLOCK = (
    row * LANES for row in range(9)
)
HEAD_LOW, HEAD_HIGH, TAIL_LOW, TAIL_HIGH = (row * LANES for row in range(9, 13))
FRONT_LOW, FRONT_HIGH, SENDS_LOW, SENDS_HIGH = (row * LANES for row in range(13, 17))
STRIDE: Final = 17 * LANES


@jit
def take_step(
    state: Any, rings: Any, bounds: Any, i: Any, tick: Any, order_low: Any, order_high: Any
) -> None:
    """Let machine `i` take tick number `tick` in every lane.

    The orders are where its messages come in the queues of its two peers;
    `bounds` cut the bits of the die: below the first to the lower peer, below
    the second to the higher, below the third to both.
    """
    low, high = (1 if i == 0 else 0), (1 if i == 2 else 2)
    peek_fronts(state, rings, i)
    step_lanes(state, i, tick, low + 1, high + 1, bounds[0], bounds[1], bounds[2])
    if tick == 0:
        base = i * STRIDE
        for lane in range(LANES):
            state[np.uint64(base + FIRST_CLOCK + lane)] = state[np.uint64(base + CLOCK + lane)]
            state[np.uint64(base + JUMP_MAX + lane)] = 0
    enqueue(state, rings, i, low, SENDS_LOW, order_low)
    enqueue(state, rings, i, high, SENDS_HIGH, order_high)


@jit_inline
def peek_fronts(state: Any, rings: Any, i: Any) -> None:
    """Look at the fronts of the two rings of machine `i`."""
    base, ring = i * STRIDE, 2 * i * LANES * RING_STRIDE
    for lane in range(LANES):
        at, place = base + lane, ring + lane * RING_STRIDE
        low = place + (state[np.uint64(at + HEAD_LOW)] & _RING_MASK)
        high = place + LANES * RING_STRIDE + (state[np.uint64(at + HEAD_HIGH)] & _RING_MASK)
        state[np.uint64(at + FRONT_LOW)] = rings[np.uint64(low)]
        state[np.uint64(at + FRONT_HIGH)] = rings[np.uint64(high)]


@jit_inline
def step_lanes(
    state: Any, i: Any, tick: Any, name_low: Any, name_high: Any, below_low: Any, below_high: Any,
    below_both: Any,
) -> None:  # fmt: skip
    """Do what the tick does to the machine itself; leave in the state whom it sends to."""
    base = i * STRIDE
    word = np.uint64(tick)
    # A weight is a sum over the fields, so that what differs by kind can be worked out before.
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
    """Return the part of an event's weight that tells its kind and who else takes part."""
    return hash_event(_NONE, np.uint64(kind), np.uint64(other), _NONE, _NONE, _NONE)


@jit_inline
def enqueue(state: Any, rings: Any, i: Any, receiver: Any, sends: Any, order: Any) -> None:
    """Put the messages of machine `i` into a peer's ring; what is not sent is overwritten."""
    which = 0 if i == (1 if receiver == 0 else 0) else 1
    base, theirs = i * STRIDE, receiver * STRIDE + TAIL_LOW + which * LANES
    ring = (2 * receiver + which) * LANES * RING_STRIDE
    place = order << _STAMP_BITS
    for lane in range(LANES):
        tail = state[np.uint64(theirs + lane)]
        at = ring + lane * RING_STRIDE + (tail & _RING_MASK)
        rings[np.uint64(at)] = place | state[np.uint64(base + CLOCK + lane)]
    for lane in range(LANES):
        state[np.uint64(theirs + lane)] += state[np.uint64(base + sends + lane)]


@jit
def run_order(
    state: Any, rings: Any, bounds: Any, entries: Any, filled: Any, repeats: Any, last: Any,
    by_sender: Any, ticks: Any,
) -> None:  # fmt: skip
    """Take all ticks of some runs that take them in the order of `entries`; count them."""
    number = 0
    for repeat in range(repeats + 1):
        for e in range(filled if repeat < repeats else last):
            i = np.int64(entries[np.uint64(e)])
            low, high = (1 if i == 0 else 0), (1 if i == 2 else 2)
            # Of two messages that one tick finds, that of the lower sender comes first.
            order_low = 2 * ticks[low] + (1 if i > high else 0) if by_sender else number
            order_high = 2 * ticks[high] + (1 if i > low else 0) if by_sender else number
            take_step(state, rings, bounds, i, ticks[i], order_low, order_high)
            ticks[i] += 1
            number += 1
