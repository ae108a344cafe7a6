"""The ticks of all machines of a run, in the order in which an engine takes them.

The order is by (due time, position of the machine). Nothing that happens in a
run changes when a tick is due. So no heap of events is needed: the ticks of a
batch, all those of an interval of time, are sorted at once.

If the schedules have a hyperperiod (the least whole number of nanoseconds in
which each has a whole number of ticks) that is short enough, their order
repeats: a machine with m ticks in it has tick k + m due exactly one hyperperiod
after tick k. Then a batch of whole hyperperiods is sorted once and used again
and again. The ticks after the last whole batch, and those of schedules without
a short hyperperiod, are sorted batch by batch.
"""

from array import array
from collections.abc import Iterator, Sequence
from math import gcd, lcm
from operator import itemgetter
from typing import Final

from driftlab.model.schedule import NS_PER_SECOND, Schedule
from driftlab.scenario.plan import MachinePlan

BATCH_TICKS: Final = 4096  # about, in one batch; more if there are many machines:
BATCH_TICKS_EACH: Final = 4  # at least, for each machine, on average


# Ticks in order: their due times in ns, and the positions of their machines.
TickBatch = tuple[Sequence[int], Sequence[int]]


def tick_batches(plans: Sequence[MachinePlan]) -> Iterator[tuple[int, TickBatch]]:
    """Yield the ticks of a run in batches, in order; with each a time to add to its due times.

    `plans` are those of all machines, in the order of their positions. The time
    is in nanoseconds.
    """
    schedules = [plan.schedule for plan in plans]
    length_ns, counts = _choose_batch_length(schedules)
    batches = 0
    if counts:
        batches = min(plan.ticks // count for plan, count in zip(plans, counts, strict=True))
    if batches:
        batch = _sorted_ticks(schedules, [0] * len(plans), counts)
        for number in range(batches):
            yield number * length_ns, batch
    next_ticks = [batches * count for count in counts] or [0] * len(plans)
    last_ticks = [plan.ticks for plan in plans]
    while next_ticks != last_ticks:
        batches += 1
        ends = [min(plan.ticks, plan.schedule.ticks_before(batches * length_ns)) for plan in plans]
        yield 0, _sorted_ticks(schedules, next_ticks, ends)
        next_ticks = ends


def _choose_batch_length(schedules: Sequence[Schedule]) -> tuple[int, list[int]]:
    """Return the length of a batch in ns, and the number of each machine's ticks in it.

    The list of numbers is empty if the hyperperiod is longer than a batch.
    """
    ticks_per_ns = sum(each.rate_num / each.rate_den for each in schedules) / NS_PER_SECOND
    length_ns = max(1, int(max(BATCH_TICKS, BATCH_TICKS_EACH * len(schedules)) / ticks_per_ns))
    hyperperiod = hyperperiod_ns(schedules)
    if hyperperiod > length_ns:
        return length_ns, []
    length_ns -= length_ns % hyperperiod
    periods = ((NS_PER_SECOND * each.rate_den, each.rate_num) for each in schedules)
    return length_ns, [length_ns * rate // period for period, rate in periods]


def hyperperiod_ns(schedules: Sequence[Schedule]) -> int:
    """Return the least number of ns in which each schedule has a whole number of ticks."""
    periods = ((NS_PER_SECOND * each.rate_den, each.rate_num) for each in schedules)
    return lcm(*(period // gcd(period, rate) for period, rate in periods))


def _sorted_ticks(
    schedules: Sequence[Schedule], begins: Sequence[int], ends: Sequence[int]
) -> TickBatch:
    """Return, for each machine, the ticks from one number to before another, sorted together."""
    ticks: list[tuple[int, int]] = []
    for position, schedule in enumerate(schedules):
        ticks += [(due, position) for due in schedule.dues(begins[position], ends[position])]
    ticks.sort(key=itemgetter(0))  # stable: ticks due together stay in the order of positions
    # Unlike the tuples, arrays are contiguous in memory.
    return array("q", [due for due, _ in ticks]), array("q", [each for _, each in ticks])
