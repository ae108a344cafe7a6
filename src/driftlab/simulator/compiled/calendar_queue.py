"""Which tick comes next: the due times of a window of time, sorted by buckets.

Due times depend on nothing that happens, so the ticks of a stretch of time can
be put in order before any of them is taken: each machine's due times are
written down, dealt into buckets of equal length, about one tick each, and the
few of one bucket are sorted among themselves. That costs the same for a tick
whatever the number of machines, where a heap costs a logarithm; it is a
calendar queue (Brown, CACM 31(10), 1988) for events that are all known.

Where the rates have a hyperperiod (a whole number of nanoseconds after which
all due times repeat) one window of that length serves for the whole run.

Ticks are in the order of (due time, process). Due times are exact: the next is
the last plus the period's whole nanoseconds, and what is left over is carried
on as a fraction (Bresenham, IBM Systems Journal 4(1), 1965).
"""

from typing import Any, Final

import numpy as np

from driftlab.simulator.compiled.mailbox import jit, jit_inline

FEW: Final = 24  # so many of one bucket are sorted by insertion


@jit
def fill(run: Any, cursors: Any, window: Any, until_ns: Any) -> None:
    """Write down the ticks that are due from the window's beginning until an instant."""
    filled = distribute(run, cursors, window, until_ns)
    scatter(run, window, filled)
    sort(window, filled)
    mark_ties(window, filled)
    run.filled = filled
    run.entry = 0


@jit_inline
def distribute(run: Any, cursors: Any, window: Any, until_ns: Any) -> Any:
    """Write down each machine's due times, and count them by bucket."""
    machines, dues, buckets = window.loose_machines, window.loose_dues, window.buckets
    base, shift = run.base, run.shift
    buckets[:] = 0
    filled = np.uint64(0)
    for i in range(len(cursors)):
        cursor = cursors[np.uint64(i)]
        due, rest = cursor.due, cursor.rest
        while due < until_ns:
            machines[filled] = i
            dues[filled] = due
            buckets[np.uint64((due - base) >> shift)] += 1
            filled += np.uint64(1)
            due += cursor.whole
            rest += cursor.part
            if rest >= cursor.rate:
                rest -= cursor.rate
                due += 1
        cursor.due, cursor.rest = due, rest
    return np.int64(filled)


@jit_inline
def scatter(run: Any, window: Any, filled: Any) -> None:
    """Deal the ticks into their buckets; those of one bucket stay as they were."""
    buckets, base, shift = window.buckets, run.base, run.shift
    begin = 0
    for b in range(len(buckets)):
        count = buckets[np.uint64(b)]
        buckets[np.uint64(b)] = begin
        begin += count
    for k in range(filled):
        due = window.loose_dues[np.uint64(k)]
        bucket = np.uint64((due - base) >> shift)
        place = np.uint64(buckets[bucket])
        buckets[bucket] += 1
        window.dues[place] = due
        window.machines[place] = window.loose_machines[np.uint64(k)]


@jit_inline
def sort(window: Any, filled: Any) -> None:
    """Sort each bucket by due time; ticks of one instant stay in the order of the machines."""
    buckets, dues, machines = window.buckets, window.dues, window.machines
    begin = 0
    for b in range(len(buckets)):
        end = buckets[np.uint64(b)]
        if end - begin > FEW:
            sort_many(window, begin, end)
        begin = end
    for k in range(1, filled):
        due = dues[np.uint64(k)]
        if dues[np.uint64(k - 1)] > due:
            machine, hole = machines[np.uint64(k)], k
            while hole > 0 and dues[np.uint64(hole - 1)] > due:
                dues[np.uint64(hole)] = dues[np.uint64(hole - 1)]
                machines[np.uint64(hole)] = machines[np.uint64(hole - 1)]
                hole -= 1
            dues[np.uint64(hole)] = due
            machines[np.uint64(hole)] = machine


@jit
def sort_many(window: Any, begin: Any, end: Any) -> None:
    """Sort a full bucket by merging, so that no set of rates takes a square of their number."""
    dues, machines = window.dues, window.machines
    width = 1
    while width < end - begin:
        for left in range(begin, end, 2 * width):
            middle, right = min(left + width, end), min(left + 2 * width, end)
            i, j = left, middle
            for k in range(left, right):
                if i < middle and (j >= right or dues[i] <= dues[j]):
                    window.loose_dues[k], window.loose_machines[k] = dues[i], machines[i]
                    i += 1
                else:
                    window.loose_dues[k], window.loose_machines[k] = dues[j], machines[j]
                    j += 1
        for k in range(begin, end):
            dues[k], machines[k] = window.loose_dues[k], window.loose_machines[k]
        width *= 2


@jit_inline
def mark_ties(window: Any, filled: Any) -> None:
    """Mark the ticks of one instant: 1 if the next is due then too, 2 if only the one before."""
    dues, tied = window.dues, window.tied
    before = False
    for k in range(filled):
        after = k + 1 < filled and dues[np.uint64(k)] == dues[np.uint64(k + 1)]
        tied[np.uint64(k)] = 1 if after else (2 if before else 0)
        before = after
