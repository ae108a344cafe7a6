"""The order of ticks: the due times of a window of time, sorted with buckets.

Due times depend on no event, so the ticks of a window of time are sorted
before any of them is taken: the due times of every machine are listed,
distributed into buckets of equal length that hold about one tick each, and
sorted within each bucket. This costs constant time per tick for any number of
machines, where a heap costs a logarithm; it is a calendar queue (Brown, CACM
31(10), 1988) whose events are all known in advance.

Where the rates have a hyperperiod (a whole number of nanoseconds after which
all due times repeat) one window of that length serves for the whole run.

Ticks are ordered by (due time, process). Due times are exact: each is the one
before plus the period's whole nanoseconds, and the remainder is carried on as
a fraction (Bresenham, IBM Systems Journal 4(1), 1965).

`run` is a record of `memory_layout.RUN`, `cursors` an array of CURSOR with an
entry for each machine, `window` a `Window`. All times are nanoseconds.
"""

from typing import Any, Final

import numpy as np

from driftlab.simulator.compiled.jit_rules import jit, jit_inline

INSERTION_MAX: Final = 24  # ticks of one bucket that are sorted by insertion


@jit
def fill(run: Any, cursors: Any, window: Any, until_ns: Any) -> None:
    """Fill the window with the ticks from its beginning until an instant, in order."""
    filled = distribute(run, cursors, window, until_ns)
    scatter(run, window, filled)
    sort(window, filled)
    mark_ties(window, filled)
    run.filled = filled
    run.entry = 0


@jit_inline
def distribute(run: Any, cursors: Any, window: Any, until_ns: Any) -> Any:
    """List the due times of every machine, count them by bucket, and return their number."""
    machines, dues, buckets = window.unsorted_machines, window.unsorted_dues, window.buckets
    base, shift = run.window_begin, run.shift
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
            due, rest = next_due(cursor, due, rest)
        cursor.due, cursor.rest = due, rest
    return np.int64(filled)


@jit_inline
def next_due(cursor: Any, due: Any, rest: Any) -> Any:
    """Return the due time after `due`, and the fraction that is left after rounding it down."""
    due += cursor.whole
    rest += cursor.part
    if rest >= cursor.rate:
        rest -= cursor.rate
        due += 1
    return due, rest


@jit_inline
def scatter(run: Any, window: Any, filled: Any) -> None:
    """Move the ticks to their buckets, stably (the second half of a counting sort)."""
    buckets, base, shift = window.buckets, run.window_begin, run.shift
    begin = 0
    for b in range(len(buckets)):
        count = buckets[np.uint64(b)]
        buckets[np.uint64(b)] = begin
        begin += count
    for k in range(filled):
        due = window.unsorted_dues[np.uint64(k)]
        bucket = np.uint64((due - base) >> shift)
        place = np.uint64(buckets[bucket])
        buckets[bucket] += 1
        window.dues[place] = due
        window.machines[place] = window.unsorted_machines[np.uint64(k)]


@jit_inline
def sort(window: Any, filled: Any) -> None:
    """Sort each bucket by due time; ticks of one instant stay in the order of processes."""
    buckets, dues, machines = window.buckets, window.dues, window.machines
    begin = 0
    for b in range(len(buckets)):
        end = buckets[np.uint64(b)]
        if end - begin > INSERTION_MAX:
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
    """Merge sort a full bucket, so that no choice of rates takes quadratic time."""
    dues, machines = window.dues, window.machines
    width = 1
    while width < end - begin:
        for left in range(begin, end, 2 * width):
            middle, right = min(left + width, end), min(left + 2 * width, end)
            i, j = left, middle
            for k in range(left, right):
                if i < middle and (j >= right or dues[i] <= dues[j]):
                    window.unsorted_dues[k], window.unsorted_machines[k] = dues[i], machines[i]
                    i += 1
                else:
                    window.unsorted_dues[k], window.unsorted_machines[k] = dues[j], machines[j]
                    j += 1
        for k in range(begin, end):
            dues[k], machines[k] = window.unsorted_dues[k], window.unsorted_machines[k]
        width *= 2


@jit_inline
def mark_ties(window: Any, filled: Any) -> None:
    """Mark ticks of one instant: 1 if the next tick is due then, too, 2 on the last of several."""
    dues, tied = window.dues, window.tied
    before = False
    for k in range(filled):
        after = k + 1 < filled and dues[np.uint64(k)] == dues[np.uint64(k + 1)]
        tied[np.uint64(k)] = 1 if after else (2 if before else 0)
        before = after
