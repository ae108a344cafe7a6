"""The inner loop: one tick after the other, each machine doing what `machine.machine` says.

A message sent at an instant is there for ticks strictly later. With latency
the comparison with its arrival sees to that. Without, messages go straight
into the inbox, and those sent by ticks that share their instant are held back
until the last tick of that instant was taken.

What the loop counts stays in local variables and so in registers; the record
of the run holds it between two calls.
"""

from typing import Any, Final

import numpy as np

from driftlab.machine.die_process import EVERY_PEER, INTERNAL
from driftlab.model import digest
from driftlab.simulator.compiled.jit_rules import (
    draw,
    exponential_ns,
    hash_event,
    lognormal_ns,
    merge,
    mix_in,
    roll,
    step,
    uniform_ns,
)
from driftlab.simulator.compiled.mailbox import (
    ZERO,
    append,
    deliver_due,
    enqueue_in_flight,
    jit,
    jit_inline,
    put_in_order,
)
from driftlab.simulator.compiled.records import FULL

FIXED, UNIFORM, EXPONENTIAL, LOGNORMAL = 0, 1, 2, 3
KINDS_OF_LATENCY: Final = {"none": 0, "fixed": 0, "uniform": 1, "exponential": 2, "lognormal": 3}

_INTERNAL: Final = np.uint64(digest.INTERNAL)
_SEND: Final = np.uint64(digest.SEND)
_RECEIVE: Final = np.uint64(digest.RECEIVE)
_EVERYBODY: Final = np.uint64(digest.ALL_PEERS)
_NONE: Final = np.uint64(0)
_ONE: Final = np.uint64(1)


@jit
def take_ticks(  # noqa: C901 - one loop, so that what it counts stays in registers
    run: Any, machines: Any, pool: Any, window: Any, last: Any, repeats: Any,
    links: Any, stash: Any, delay: Any, history: Any,
) -> None:  # fmt: skip
    """Take the ticks of a window up to `last`, `repeats` times over, or until there is no room."""
    entries, dues, tied = window.machines, window.dues, window.tied
    room, period, mesh, by_sender = run.room, run.period, run.mesh, run.by_sender
    one_below, all_below = run.one_below, run.all_below
    free, top, waiting = run.free, run.top, run.waiting
    stashed, row, e, repeat = run.stashed, run.row, run.entry, run.repeat
    base = repeat * period
    taken = -e
    while repeat < repeats:
        while e < last:
            i = entries[np.uint64(e)]
            machine = machines[i]
            now = dues[np.uint64(e)] + base
            if delay is not None:
                deliver_due(machine, pool, now)
            queue = np.int64(machine.queue) + np.int64(machine.fresh)
            if queue > 0:
                if machine.fresh > 1 and by_sender:
                    put_in_order(machine, pool)
                free = receive(machine, i, pool, free, queue - 1, now, row, history)
                waiting -= 1
            else:
                word = draw(machine.die, np.uint64(machine.tick))
                choice = np.int64(roll(word, one_below, all_below, np.uint64(machine.peers)))
                if choice == INTERNAL:
                    act(machine, i, _INTERNAL, _NONE, choice, now, row, history)
                else:
                    need = np.int64(1)
                    if choice == EVERY_PEER:
                        need = np.int64(machine.peers)
                        choice = np.int64(0) if need == 1 else choice
                    if waiting + need > room:
                        run.status, run.stopped = FULL, now
                        break
                    waiting += need
                    machine.sends += 1
                    other = _EVERYBODY if choice < 0 else np.uint64(choice + 1)
                    act(machine, i, _SEND, other, choice, now, row, history)
                    if delay is not None:
                        free, top = send_later(
                            machines, pool, links, mesh, i, choice, free, top, delay, now
                        )
                    elif tied[np.uint64(e)] == 0:
                        free, top = send(machines, pool, links, mesh, i, choice, free, top)
                    else:
                        stash[stashed, 0], stash[stashed, 1] = i, choice
                        stashed += 1
            if history is not None:
                row += 1
            if delay is None and stashed > 0 and tied[np.uint64(e)] == 2:
                free, top = send_stashed(machines, pool, links, mesh, stash, stashed, free, top)
                stashed = 0
            e += 1
        if e < last:
            break
        taken += last
        e = 0
        repeat += 1
        base += period
    run.free, run.top, run.waiting = free, top, waiting
    run.stashed, run.row, run.entry, run.repeat = stashed, row, e, repeat
    run.ticks += taken + e


@jit_inline
def receive(
    machine: Any, i: Any, pool: Any, free: Any, queue: Any, now: Any, row: Any, history: Any
) -> Any:
    """Take the front message, after which `queue` are left; return what is free then."""
    place = machine.head
    message = pool[place]
    stamp, sender, before, tick = message.stamp, message.sender, machine.clock, machine.tick
    machine.head = message.next
    machine.settled = machine.tail
    message.next = free
    clock = merge(before, stamp)
    if tick == 0:
        machine.first_clock = clock
    elif clock - before > machine.jump_max:
        machine.jump_max = clock - before
    machine.queue = np.uint32(queue)
    machine.fresh = ZERO
    machine.receives += 1
    machine.queue_sum += queue
    if queue > machine.queue_max:
        machine.queue_max = np.uint32(queue)
    weight = hash_event(
        np.uint64(tick), _RECEIVE, np.uint64(sender) + _ONE, np.uint64(stamp), np.uint64(clock),
        np.uint64(queue),
    )  # fmt: skip
    machine.clock = clock
    machine.digest = mix_in(machine.digest, weight)
    machine.tick = tick + 1
    if history is not None:
        write(history, row, now, i, tick, digest.RECEIVE, sender, stamp, INTERNAL, clock, queue)
    return place


@jit_inline
def act(
    machine: Any, i: Any, kind: Any, other: Any, choice: Any, now: Any, row: Any, history: Any
) -> None:
    """Do what a free tick does to the machine itself, be it internal or a send."""
    tick = machine.tick
    clock = step(machine.clock)
    weight = hash_event(np.uint64(tick), kind, other, _NONE, np.uint64(clock), _NONE)
    machine.clock = clock
    machine.digest = mix_in(machine.digest, weight)
    machine.tick = tick + 1
    if history is not None:
        write(history, row, now, i, tick, kind, -1, 0, choice, clock, 0)


@jit_inline
def send_stashed(
    machines: Any, pool: Any, links: Any, mesh: Any, stash: Any, stashed: Any, free: Any, top: Any
) -> Any:
    """Send what was held back because others tick at the same instant."""
    for k in range(stashed):
        sender, choice = np.uint32(stash[k, 0]), np.int64(stash[k, 1])
        free, top = send(machines, pool, links, mesh, sender, choice, free, top)
    return free, top


@jit_inline
def target_of(links: Any, mesh: Any, machine: Any, sender: Any, k: Any) -> Any:
    """Return the position of a sender's peer number `k`. Nobody lists the peers of a mesh."""
    if mesh:
        return np.uint32(k if k < sender else k + 1)
    return np.uint32(links[np.uint64(machine.links + k)])


@jit_inline
def placed(pool: Any, free: Any, top: Any, sender: Any, stamp: Any) -> Any:
    """Take a place in the pool for a message; return it, and what is free then."""
    if free != 0:
        place = free
        free = pool[place].next
    else:
        top = np.uint32(top + 1)
        place = top
    pool[place].stamp = stamp
    pool[place].sender = sender
    return place, free, top


@jit_inline
def send(
    machines: Any, pool: Any, links: Any, mesh: Any, i: Any, choice: Any, free: Any, top: Any
) -> Any:
    """Put a machine's message into the inbox of a peer, or of every peer."""
    machine = machines[i]
    stamp = machine.clock
    first, end = (choice, choice + 1) if choice >= 0 else (0, np.int64(machine.peers))
    for k in range(first, end):
        place, free, top = placed(pool, free, top, i, stamp)
        append(machines[target_of(links, mesh, machine, i, k)], pool, place)
    return free, top


@jit_inline
def send_later(
    machines: Any, pool: Any, links: Any, mesh: Any, i: Any, choice: Any, free: Any, top: Any,
    delay: Any, now: Any,
) -> Any:  # fmt: skip
    """Put a machine's message on its way to a peer, or to every peer; its tick is counted."""
    machine = machines[i]
    stamp = machine.clock
    key = draw(machine.delays, np.uint64(machine.tick - 1))
    first, end = (choice, choice + 1) if choice >= 0 else (0, np.int64(machine.peers))
    for k in range(first, end):
        place, free, top = placed(pool, free, top, i, stamp)
        target = target_of(links, mesh, machine, i, k)
        arrival = now + sample_ns(delay, draw(key, np.uint64(target)))
        if len(delay.latest) > 0:
            channel = np.uint64(machine.links + k)
            arrival = max(arrival, delay.latest[channel])
            delay.latest[channel] = arrival
        enqueue_in_flight(machines[target], pool, place, arrival)
    return free, top


@jit_inline
def sample_ns(delay: Any, word: Any) -> Any:
    """Return the latency that a word draws: `Latency.sample_ns`."""
    if delay.kind == UNIFORM:
        return np.int64(uniform_ns(delay.first, delay.second, word))
    if delay.kind == EXPONENTIAL:
        return np.int64(exponential_ns(delay.first, delay.tables[0], word))
    if delay.kind == LOGNORMAL:
        return np.int64(lognormal_ns(delay.first, *delay.tables, word))
    return np.int64(delay.first)


@jit_inline
def write(
    history: Any, row: Any, due: Any, process: Any, tick: Any, kind: Any, sender: Any, stamp: Any,
    target: Any, clock: Any, queue: Any,
) -> None:  # fmt: skip
    """Write one event into the history."""
    row = np.uint64(row)
    history.due_ns[row] = due
    history.process[row] = process
    history.tick[row] = tick
    history.kind[row] = kind
    history.sender[row] = sender
    history.stamp[row] = stamp
    history.target[row] = target
    history.clock[row] = clock
    history.queue[row] = queue
