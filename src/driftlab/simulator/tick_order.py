"""When which machine ticks, all machines together, in the order of an engine's work.

The order is by (due time, position of the machine). Nothing that happens in a
run can change when a tick is due, so no heap of events is needed: all the ticks
of a stretch of time are put in order at once.

If every rate fits a common period exactly, to the nanosecond, so does the
order: tick k + m is due exactly one period after tick k, where m is the ticks
of one period. Then one stretch of whole periods is put in order, and serves
again and again. What is left, or has no such period, is ordered as it comes.
"""

from array import array
from collections.abc import Iterator, Sequence
from math import gcd, lcm
from operator import itemgetter
from typing import Final, NamedTuple

from driftlab.model.schedule import NS_PER_SECOND, Schedule
from driftlab.scenario.plan import MachinePlan

BATCH_TICKS: Final = 4096  # at least, where there are so many
BATCH_TICKS_EACH: Final = 4  # for a machine, on average


class TickBatch(NamedTuple):
    """Ticks in order: when each is due, in ns, and the position of its machine."""

    dues: Sequence[int]
    positions: Sequence[int]


def tick_batches(plans: Sequence[MachinePlan]) -> Iterator[tuple[int, TickBatch]]:
    """Yield every tick of a run, in order, in stretches; `plans` are in the order of positions.

    With each comes a time in ns that is to be added to when its ticks are due.
    """
    schedules = [plan.schedule for plan in plans]
    length_ns, each = _choose_batch_length(schedules)
    times = min(plan.ticks // ticks for plan, ticks in zip(plans, each, strict=True)) if each else 0
    if times:
        stretch = _sorted_ticks(schedules, [0] * len(plans), each)
        for number in range(times):
            yield number * length_ns, stretch
    next_ticks = [times * ticks for ticks in each] or [0] * len(plans)
    last_ticks = [plan.ticks for plan in plans]
    while next_ticks != last_ticks:
        times += 1
        ends = [min(plan.ticks, plan.schedule.ticks_before(times * length_ns)) for plan in plans]
        yield 0, _sorted_ticks(schedules, next_ticks, ends)
        next_ticks = ends


def _choose_batch_length(schedules: Sequence[Schedule]) -> tuple[int, list[int]]:
    """Choose the length of a stretch, in ns, and count each machine's ticks in it.

    There are no such counts, but an empty list, if no common period fits in.
    """
    per_ns = sum(each.rate_num / each.rate_den for each in schedules) / NS_PER_SECOND
    length_ns = max(1, int(max(BATCH_TICKS, BATCH_TICKS_EACH * len(schedules)) / per_ns))
    period_ns = common_period_ns(schedules)
    if period_ns > length_ns:
        return length_ns, []
    length_ns -= length_ns % period_ns
    periods = ((NS_PER_SECOND * each.rate_den, each.rate_num) for each in schedules)
    return length_ns, [length_ns * rate // period for period, rate in periods]


def common_period_ns(schedules: Sequence[Schedule]) -> int:
    """Return the least whole number of ns in which every schedule has a whole number of ticks."""
    periods = ((NS_PER_SECOND * each.rate_den, each.rate_num) for each in schedules)
    return lcm(*(period // gcd(period, rate) for period, rate in periods))


def _sorted_ticks(
    schedules: Sequence[Schedule], begins: Sequence[int], ends: Sequence[int]
) -> TickBatch:
    """Put in order, for every machine, the ticks from one number to before another."""
    ticks: list[tuple[int, int]] = []
    for position, schedule in enumerate(schedules):
        ticks += [(due, position) for due in schedule.dues(begins[position], ends[position])]
    ticks.sort(key=itemgetter(0))  # stable: machines that are due together stay in order
    # Arrays lie in memory in order too, which the tuples do not.
    return TickBatch(array("q", [due for due, _ in ticks]), array("q", [each for _, each in ticks]))
