"""The incoming messages of one machine: a linked list and a heap in one pool of messages.

The inbox is a linked list. Without latency a message is appended the moment it
is sent; in "peers" order the messages that came since the machine's last tick
are sorted when it ticks. With latency, messages in flight wait in a pairing
heap of the receiver (Fredman, Sedgewick, Sleator and Tarjan, "The Pairing
Heap", Algorithmica 1, 1986), ordered by (arrival, sender, stamp): an insertion
costs one comparison, a removal an amortized logarithm.

`machine` is a record of `memory_layout.MACHINE`, `pool` an array of MESSAGE or
IN_FLIGHT_MESSAGE; a message is named by its index in the pool, 0 meaning none.
(Kernels have `Any` parameters: only Numba knows the fields of a record as
attributes, and it compiles one version for each combination of types.)
"""

from typing import Any

import numpy as np

from driftlab.simulator.compiled.jit_rules import jit, jit_inline

ZERO = np.uint32(0)
ONE = np.uint32(1)


@jit_inline
def append(machine: Any, pool: Any, place: Any) -> None:
    """Append the message at `place` to a machine's inbox."""
    pool[place].next = ZERO
    if machine.queue + machine.fresh == 0:
        machine.head = place
    else:
        pool[machine.tail].next = place
    machine.tail = place
    machine.fresh = machine.fresh + ONE


@jit
def sort_arrivals(machine: Any, pool: Any) -> None:
    """Sort the messages that came since the last tick by sender, stably."""
    first = machine.head if machine.queue == 0 else pool[machine.settled].next
    second = pool[first].next
    if machine.fresh == 2:
        if pool[second].sender < pool[first].sender:
            pool[first].sender, pool[second].sender = pool[second].sender, pool[first].sender
            pool[first].stamp, pool[second].stamp = pool[second].stamp, pool[first].stamp
        return
    first = sorted_by_sender(pool, first)
    if machine.queue == 0:
        machine.head = first
    else:
        pool[machine.settled].next = first
    while pool[first].next != 0:
        first = pool[first].next
    machine.tail = first


@jit
def sorted_by_sender(pool: Any, first: Any) -> Any:
    """Sort a linked list by merging runs of doubling length; return its new first message."""
    width = 1
    while True:
        left, first, last, merges = first, ZERO, ZERO, 0
        while left != 0:
            merges += 1
            right, ours = left, 0
            while ours < width and right != 0:
                ours += 1
                right = pool[right].next
            theirs = width
            while ours > 0 or (theirs > 0 and right != 0):
                from_left = ours > 0 and (
                    theirs == 0 or right == 0 or pool[left].sender <= pool[right].sender
                )
                if from_left:
                    taken, left, ours = left, pool[left].next, ours - 1
                else:
                    taken, right, theirs = right, pool[right].next, theirs - 1
                if last == 0:
                    first = taken
                else:
                    pool[last].next = taken
                last = taken
            left = right
        pool[last].next = ZERO
        if merges <= 1:
            return first
        width *= 2


@jit_inline
def is_before(one: Any, other: Any) -> Any:
    """Whether one message in flight arrives before another."""
    if one.arrival != other.arrival:
        return one.arrival < other.arrival
    if one.sender != other.sender:
        return one.sender < other.sender
    return one.stamp < other.stamp


@jit_inline
def meld(pool: Any, one: Any, other: Any) -> Any:
    """Join two heaps and return the root of the result."""
    if is_before(pool[other], pool[one]):
        one, other = other, one
    pool[other].next = pool[one].child
    pool[one].child = other
    return one


@jit
def remove_root(pool: Any, root: Any) -> Any:
    """Remove the root of a heap, joining its children in pairs; return the new root or 0."""
    place, paired = pool[root].child, ZERO
    while place != 0:
        sibling = pool[place].next
        if sibling == 0:
            pool[place].next = paired
            paired = place
            break
        rest = pool[sibling].next
        joined = meld(pool, place, sibling)
        pool[joined].next = paired
        paired = joined
        place = rest
    if paired == 0:
        return ZERO
    root, place = paired, pool[paired].next
    while place != 0:
        rest = pool[place].next
        root = meld(pool, root, place)
        place = rest
    pool[root].next = ZERO
    return root


@jit_inline
def deliver_due(machine: Any, pool: Any, now_ns: Any) -> None:
    """Move the messages that arrived strictly before an instant into the inbox."""
    place = machine.flight
    while place != 0 and pool[place].arrival < now_ns:
        rest = remove_root(pool, place)
        append(machine, pool, place)
        place = rest
    machine.flight = place


@jit_inline
def enqueue_in_flight(machine: Any, pool: Any, place: Any, arrival_ns: Any) -> None:
    """Add the message at `place` to those in flight to a machine."""
    pool[place].arrival = arrival_ns
    pool[place].child = ZERO
    pool[place].next = ZERO
    machine.flight = place if machine.flight == 0 else meld(pool, machine.flight, place)
