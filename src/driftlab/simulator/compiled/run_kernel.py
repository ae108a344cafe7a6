"""The kernel that simulates runs one after the other: their start, their ticks, their metrics.

The inner loop (`take_ticks`) takes one tick after the other and does what
`machine.machine` does. A message sent at an instant is found by ticks strictly
later. With latency the comparison with its arrival ensures that. Without,
messages go straight into the inbox, and those sent by ticks that share their
instant are deferred until the last tick of that instant was taken.

The inner loop counts in local variables and so in registers; the record of the
run holds the counts between two calls.

Parameters have the same meaning everywhere:
`run` is a record of `memory_layout.RUN`; `cursors` and `machines` are arrays
of CURSOR and MACHINE records, one a machine; `pool` an array of messages;
`window` a `Window`; `links` the positions of every machine's peers, one
machine's after the other's; `deferred` int64 pairs of a sender and whom it
sends to; `delay` a `Delay`, None without latency; `history` the
`EventArrays` to be written, None where only metrics are kept; `figures` the
`Figures`, of which the kernel writes one row a run. `i` is a machine's
position in name order; times are nanoseconds from the start of the run.
`choice` is an index among a sender's peers, or EVERY_PEER or INTERNAL.
(The parameters are `Any`; see `mailbox`.)
"""

from typing import Any, Final

import numpy as np

from driftlab.machine.process import EVERY_PEER, INTERNAL
from driftlab.model import digest
from driftlab.model.random_streams import Purpose
from driftlab.model.schedule import NS_PER_SECOND
from driftlab.simulator.compiled.calendar_queue import fill
from driftlab.simulator.compiled.eligibility import CACHE
from driftlab.simulator.compiled.jit_rules import (
    draw,
    exponential_ns,
    finish,
    hash_event,
    jit,
    jit_inline,
    lognormal_ns,
    merge,
    mix_in,
    phase_ns,
    roll,
    step,
    stream,
    uniform_below,
    uniform_ns,
)
from driftlab.simulator.compiled.mailbox import (
    ZERO,
    append,
    deliver_due,
    enqueue_in_flight,
    sort_arrivals,
)

RUNNING: Final = 0
DONE: Final = 1
FULL: Final = 2  # the next tick sends more messages than the pool has room for

FIXED, UNIFORM, EXPONENTIAL, LOGNORMAL = 0, 1, 2, 3
KINDS_OF_LATENCY: Final = {"none": 0, "fixed": 0, "uniform": 1, "exponential": 2, "lognormal": 3}

_INTERNAL: Final = np.uint64(digest.INTERNAL)
_SEND: Final = np.uint64(digest.SEND)
_RECEIVE: Final = np.uint64(digest.RECEIVE)
_ALL_PEERS: Final = np.uint64(digest.ALL_PEERS)
_NONE: Final = np.uint64(0)
_ONE: Final = np.uint64(1)
_RATE: Final = np.uint64(Purpose.RATE)
_PHASE: Final = np.uint64(Purpose.PHASE)
_DIE: Final = np.uint64(Purpose.DIE)
_LATENCY: Final = np.uint64(Purpose.LATENCY)
_FIRST: Final = np.uint64(0)
_SECOND_NS: Final = np.uint64(NS_PER_SECOND)


@jit
def take_ticks(  # noqa: C901 - one loop, so that what it counts stays in registers
    run: Any, machines: Any, pool: Any, window: Any, last: Any, repeats: Any,
    links: Any, deferred: Any, delay: Any, history: Any,
) -> None:  # fmt: skip
    """Take the window's ticks before entry `last`, `repeats` times, or until the pool is full."""
    entries, dues, tied = window.machines, window.dues, window.tied
    capacity, period, mesh, by_sender = run.capacity, run.period, run.mesh, run.by_sender
    one_below, all_below = run.one_below, run.all_below
    free, top, waiting = run.free, run.top, run.waiting
    count, row, e, repeat = run.deferred, run.row, run.entry, run.repetition
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
                    sort_arrivals(machine, pool)
                free = receive(machine, i, pool, free, queue - 1, now, row, history)
                waiting -= 1
            else:
                word = draw(machine.die, np.uint64(machine.tick))
                choice = np.int64(roll(word, one_below, all_below, np.uint64(machine.peers)))
                if choice == INTERNAL:
                    step_alone(machine, i, _INTERNAL, _NONE, choice, now, row, history)
                else:
                    need = np.int64(1)
                    if choice == EVERY_PEER:
                        need = np.int64(machine.peers)
                        choice = np.int64(0) if need == 1 else choice
                    if waiting + need > capacity:
                        run.status, run.stopped = FULL, now
                        break
                    waiting += need
                    machine.sends += 1
                    other = _ALL_PEERS if choice < 0 else np.uint64(choice + 1)
                    step_alone(machine, i, _SEND, other, choice, now, row, history)
                    if delay is not None:
                        free, top = send_later(
                            machines, pool, links, mesh, i, choice, free, top, delay, now
                        )
                    elif tied[np.uint64(e)] == 0:
                        free, top = send(machines, pool, links, mesh, i, choice, free, top)
                    else:
                        deferred[count, 0], deferred[count, 1] = i, choice
                        count += 1
            if history is not None:
                row += 1
            if delay is None and count > 0 and tied[np.uint64(e)] == 2:
                free, top = send_deferred(machines, pool, links, mesh, deferred, count, free, top)
                count = 0
            e += 1
        if e < last:
            break
        taken += last
        e = 0
        repeat += 1
        base += period
    run.free, run.top, run.waiting = free, top, waiting
    run.deferred, run.row, run.entry, run.repetition = count, row, e, repeat
    run.ticks += taken + e


@jit_inline
def receive(
    machine: Any, i: Any, pool: Any, free: Any, queue: Any, now: Any, row: Any, history: Any
) -> Any:
    """Receive the front message, leaving `queue`; return the first free place in the pool."""
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
def step_alone(
    machine: Any, i: Any, kind: Any, other: Any, choice: Any, now: Any, row: Any, history: Any
) -> None:
    """Apply an internal event or a send to the machine itself."""
    tick = machine.tick
    clock = step(machine.clock)
    weight = hash_event(np.uint64(tick), kind, other, _NONE, np.uint64(clock), _NONE)
    machine.clock = clock
    machine.digest = mix_in(machine.digest, weight)
    machine.tick = tick + 1
    if history is not None:
        write(history, row, now, i, tick, kind, -1, 0, choice, clock, 0)


@jit_inline
def send_deferred(
    machines: Any, pool: Any, links: Any, mesh: Any, deferred: Any, count: Any, free: Any, top: Any
) -> Any:
    """Send what was deferred because other machines have a tick at the same instant."""
    for k in range(count):
        sender, choice = np.uint32(deferred[k, 0]), np.int64(deferred[k, 1])
        free, top = send(machines, pool, links, mesh, sender, choice, free, top)
    return free, top


@jit_inline
def target_of(links: Any, mesh: Any, machine: Any, sender: Any, k: Any) -> Any:
    """Return the position of a sender's peer number `k`; those of a mesh are not listed."""
    if mesh:
        return np.uint32(k if k < sender else k + 1)
    return np.uint32(links[np.uint64(machine.links + k)])


@jit_inline
def take_place(pool: Any, free: Any, top: Any, sender: Any, stamp: Any) -> Any:
    """Store a message in the pool; return its place, and what is free after that."""
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
    """Append a machine's message to the inbox of a peer, or of every peer."""
    machine = machines[i]
    stamp = machine.clock
    first, end = (choice, choice + 1) if choice >= 0 else (0, np.int64(machine.peers))
    for k in range(first, end):
        place, free, top = take_place(pool, free, top, i, stamp)
        append(machines[target_of(links, mesh, machine, i, k)], pool, place)
    return free, top


@jit_inline
def send_later(
    machines: Any, pool: Any, links: Any, mesh: Any, i: Any, choice: Any, free: Any, top: Any,
    delay: Any, now: Any,
) -> Any:  # fmt: skip
    """Put a machine's message in flight to a peer, or to every peer; after its tick was counted."""
    machine = machines[i]
    stamp = machine.clock
    key = draw(machine.delays, np.uint64(machine.tick - 1))
    first, end = (choice, choice + 1) if choice >= 0 else (0, np.int64(machine.peers))
    for k in range(first, end):
        place, free, top = take_place(pool, free, top, i, stamp)
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
    """Return the latency for a random word: `Latency.sample_ns`."""
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
    """Write one event to its row of the history."""
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


@jit_inline
def store_metrics(figures: Any, row: Any, machines: Any, stopped_ns: Any) -> None:
    """Store the metrics of a run that has ended, at `stopped_ns` if early, else -1."""
    digest = np.uint64(0)
    for i in range(len(machines)):
        machine = machines[i]
        figures.internal[row, i] = machine.tick - machine.sends - machine.receives
        figures.send[row, i] = machine.sends
        figures.receive[row, i] = machine.receives
        figures.clock[row, i] = machine.clock
        # Only a receive can have another first clock, or a jump above 1.
        figures.first_clock[row, i] = max(machine.first_clock, min(machine.tick, 1))
        figures.jump_max[row, i] = max(machine.jump_max, 1) if machine.tick > 1 else 0
        figures.queue_sum[row, i] = machine.queue_sum
        figures.queue_max[row, i] = machine.queue_max
        figures.queue_last[row, i] = machine.queue
        digest = finish(digest, machine.digest)
    figures.digest[row] = digest
    figures.stopped_ns[row] = stopped_ns


@jit
def draw_rates(run: Any, cursors: Any, low: Any, count: Any) -> None:
    """Draw whole rates for a run from `low` on, `count` of them, as `Scenario.rates_of` does."""
    for i in range(len(cursors)):
        key = stream(run.seed, run.number, np.uint64(i), _RATE)
        set_rate(cursors[i], low + uniform_below(draw(key, _FIRST), count))


@jit_inline
def set_rate(cursor: Any, rate: Any) -> None:
    """Set the period of a machine with a whole rate."""
    cursor.whole = np.int64(_SECOND_NS // rate)
    cursor.part = np.int64(_SECOND_NS % rate)
    cursor.rate = np.int64(rate)
    cursor.scale = np.uint64(1)


@jit
def begin(run: Any, cursors: Any, machines: Any, phases: Any, delay: Any) -> None:
    """Reset everything to the start of run number `run.number`: no message, every clock 0.

    `phases` are the first due times of the machines whose `scale` is 0.
    """
    run.free, run.top = ZERO, ZERO
    run.waiting = run.ticks = run.row = run.deferred = 0
    run.window_begin = run.filled = run.entry = run.repetition = 0
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
    run: Any, cursors: Any, machines: Any, pool: Any, window: Any, links: Any, deferred: Any,
    delay: Any, history: Any, budget: Any,
) -> None:  # fmt: skip
    """Continue a run for about `budget` ticks, to its end, or until the pool is full."""
    until = run.ticks + budget
    run.status = RUNNING
    while run.status == RUNNING and run.ticks < until:
        if run.period > 0:
            repeat_window(
                run, cursors, machines, pool, window, links, deferred, delay, history, until
            )
        elif run.entry < run.filled:
            last = run.filled
            take_ticks(run, machines, pool, window, last, 1, links, deferred, delay, history)
            run.repetition = 0
            if run.status == RUNNING:
                run.window_begin += run.window
                run.filled = run.entry = 0
        elif run.window_begin >= run.horizon:
            run.status = DONE
        else:
            fill(run, cursors, window, min(run.window_begin + run.window, run.horizon))
            if run.filled == 0:
                run.window_begin += run.window


@jit
def repeat_window(
    run: Any, cursors: Any, machines: Any, pool: Any, window: Any, links: Any, deferred: Any,
    delay: Any, history: Any, until: Any,
) -> None:  # fmt: skip
    """Continue a run whose schedule repeats: whole periods, then a part of one."""
    if run.filled == 0:
        fill(run, cursors, window, run.period)
    whole = run.horizon // run.period
    if run.repetition < whole:
        repeats = run.repetition + 1 + (until - run.ticks) // run.filled
        last = run.filled
        take_ticks(
            run, machines, pool, window, last, min(whole, repeats), links, deferred, delay, history
        )
        return
    last = np.searchsorted(window.dues[: run.filled], run.horizon % run.period)
    if run.repetition == whole and run.entry < last:
        take_ticks(run, machines, pool, window, last, whole + 1, links, deferred, delay, history)
        if run.status == FULL:
            return
    run.status = DONE


@CACHE.jit
def run_some(
    run: Any, cursors: Any, machines: Any, pool: Any, window: Any, links: Any, deferred: Any,
    delay: Any, history: Any, phases: Any, rates: Any, figures: Any, row: Any, end: Any,
    budget: Any,
) -> Any:  # fmt: skip
    """Simulate the runs of rows `row` to `end` - 1, or about `budget` ticks of them.

    `phases` has a row for each run, or one for all; `rates` is the lowest rate
    that is drawn and how many there are, or 0, 0. Returns the row of the run
    that is unfinished: the next call continues it, with a larger pool if the
    status is FULL.
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
        advance(run, cursors, machines, pool, window, links, deferred, delay, history, budget)
        budget -= run.ticks - before
        if run.status == FULL and run.capacity < run.capacity_max:
            return row
        if run.status != RUNNING:
            store_metrics(figures, row, machines, run.stopped if run.status == FULL else -1)
            run.status = DONE
            row += 1
    return row
