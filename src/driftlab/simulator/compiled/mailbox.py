"""The incoming messages of one machine, as lists and a heap in one pool of messages.

The inbox proper is a linked list. Without latency a message is appended the
moment it is sent; the part that came since the machine's last tick is put in
order when the machine looks. With latency what is under way stands in a
pairing heap of the receiver (Fredman, Sedgewick, Sleator and Tarjan, "The
Pairing Heap", Algorithmica 1, 1986), ordered by (arrival, sender, stamp): to
add costs one comparison, to take the first out a logarithm in the long run.
"""

from typing import Any

import numpy as np
from numba import njit

jit_inline = njit(error_model="numpy", nogil=True, forceinline=True)
jit = njit(error_model="numpy", nogil=True)

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
def put_in_order(machine: Any, pool: Any) -> None:
    """Sort what came since the last tick by sender, the messages of one sender as they came."""
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
    """Whether one message under way comes out before another."""
    if one.arrival != other.arrival:
        return one.arrival < other.arrival
    if one.sender != other.sender:
        return one.sender < other.sender
    return one.stamp < other.stamp


@jit_inline
def meld(pool: Any, one: Any, other: Any) -> Any:
    """Join two heaps and return the root."""
    if is_before(pool[other], pool[one]):
        one, other = other, one
    pool[other].next = pool[one].child
    pool[one].child = other
    return one


@jit
def without_root(pool: Any, root: Any) -> Any:
    """Return the root of a heap whose root is taken out, 0 if nothing is left."""
    place, paired = pool[root].child, ZERO
    while place != 0:
        brother = pool[place].next
        if brother == 0:
            pool[place].next = paired
            paired = place
            break
        rest = pool[brother].next
        joined = meld(pool, place, brother)
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
    """Move what has arrived strictly before an instant into the inbox."""
    place = machine.flight
    while place != 0 and pool[place].arrival < now_ns:
        rest = without_root(pool, place)
        append(machine, pool, place)
        place = rest
    machine.flight = place


@jit_inline
def enqueue_in_flight(machine: Any, pool: Any, place: Any, arrival_ns: Any) -> None:
    """Put the message at `place` on its way to a machine."""
    pool[place].arrival = arrival_ns
    pool[place].child = ZERO
    pool[place].next = ZERO
    machine.flight = place if machine.flight == 0 else meld(pool, machine.flight, place)
