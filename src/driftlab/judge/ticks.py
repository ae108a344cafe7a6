"""Ticks: in order, due where they should be, and begun when they were due.

Rules: `process-order` needs ticks; `due` needs due times and rates (our
journals); `pacing` needs the rates that real machines were to keep, and due
times or times.

Limit: ticks that are missing are a gap in the log and undecided. A machine that
falls behind by less than DRIFT_MAX of the time, or DRIFT_NS_MIN, may just have
waited for a processor and keeps its rate.
"""

from typing import Final

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.tick_repair import repaired_ticks
from driftlab.history.trace import ProcessInfo
from driftlab.judge.context import (
    Context,
    Explanation,
    Findings,
    Rule,
    count_of,
    findings,
    findings_by_kind,
    required,
)
from driftlab.model.columns import MISSING
from driftlab.model.schedule import Schedule, as_fraction

DRIFT_MAX: Final = 0.01  # of the time that passed: a machine that loses more is too slow
DRIFT_NS_MIN: Final = 50_000_000
EVENTS_MIN: Final = 8  # fewer are too few events to judge a quarter of them
EVENTS_SLOW_MIN: Final = 3  # with fewer than EVENTS_MIN, all must have taken SLOW_PERIODS
SLOW_PERIODS: Final = 2

# process-order.


def _judge_process_order(context: Context) -> Findings:
    """Judge that a process's events are logged in the order of its ticks, which begin in order."""
    of = context.columns
    tick, right = required(of.tick), repaired_ticks(context.trace)
    before = context.before(right, -1)
    misplaced = (tick != MISSING) & (before != MISSING) & ((tick < before) | (tick != right))
    above: BoolArray = np.zeros(len(context), bool)
    if of.line is not None:
        above = ~context.is_first & (of.line < context.before(of.line, 0)) & ~misplaced
    late = _begins_after_next(context) & ~misplaced & ~above
    missing = context.after_gap & (before != MISSING) & (right > before + 1)

    def explain_misplaced(row: int, _: int) -> Explanation:
        return Explanation(f"tick {before[row] + 1}", f"tick {tick[row]}", (row - 1, row))

    def explain_above(row: int, _: int) -> Explanation:
        line = required(of.line)
        return Explanation(
            f"tick {tick[row]} below tick {tick[row - 1]}, which is in line {line[row - 1]}",
            f"above it, in line {line[row]}",
            (row - 1, row),
        )

    def explain_late(row: int, _: int) -> Explanation:
        began = context.begins_ns
        return Explanation(
            f"begun before tick {tick[row + 1]}, which began at {began[row + 1]} ns",
            f"begun at {began[row]} ns",
            (row, row + 1),
        )

    return findings_by_kind(
        (np.flatnonzero(misplaced), explain_misplaced),
        (np.flatnonzero(above), explain_above),
        (np.flatnonzero(late), explain_late),
        unknown=missing | _breaks_off(context),
        reason="ticks before this one are missing, or the log breaks off after it",
    )


def _breaks_off(context: Context) -> BoolArray:
    """Whether a row is the last of a process whose log does not say that it is complete."""
    mask = np.zeros(len(context), bool)
    if len(context.trace.process_info):
        has_events = np.diff(context.trace.starts) > 0
        mask[context.trace.starts[1:][context.may_go_on & has_events] - 1] = True
    return mask


def _begins_after_next(context: Context) -> BoolArray:
    """Whether a tick began, as its log says, after the next one of its process had begun."""
    of = context.columns
    mask = np.zeros(len(context), bool)
    if of.late_ns is not None and of.due_ns is not None:
        began = context.begins_ns
        mask[:-1] = (began[:-1] > began[1:]) & ~context.is_first[1:]
    return mask


# due.


def _judge_due(context: Context) -> Findings:
    """Judge that tick k is due at phase + k / rate, to the nanosecond, and not begun before."""
    of = context.columns
    tick, due = required(of.tick), required(of.due_ns)
    expected = np.full(len(context), MISSING, np.int64)
    for process in range(context.trace.processes):
        description = context.description_of(process)
        begin, end = context.trace.starts[process : process + 2].tolist()
        if description.rate is not None and description.phase_ns is not None:
            schedule = _schedule(description, description.rate, description.phase_ns)
            expected[begin:end] = _due_times(schedule, tick[begin:end])
    misplaced = (expected != MISSING) & (due != expected)
    misplaced &= tick == repaired_ticks(context.trace)  # else `process-order` reports the tick
    early: BoolArray = np.zeros(len(context), bool)
    if of.late_ns is not None:
        early = (of.late_ns < 0) & (of.late_ns != MISSING) & ~misplaced

    def explain_misplaced(row: int, _: int) -> Explanation:
        return Explanation(
            f"tick {tick[row]} due at {expected[row]} ns", f"due at {due[row]} ns", (row,)
        )

    def explain_early(row: int, _: int) -> Explanation:
        early_ns = -int(required(of.late_ns)[row])
        return Explanation("begun no earlier than due", f"begun {early_ns} ns early", (row,))

    return findings_by_kind(
        (np.flatnonzero(misplaced), explain_misplaced), (np.flatnonzero(early), explain_early)
    )


def _schedule(description: ProcessInfo, rate: float, phase_ns: int) -> Schedule:
    ticks, speed = as_fraction(rate), as_fraction(1 if description.simulated else description.speed)
    return Schedule(
        ticks.numerator, ticks.denominator, phase_ns, speed.numerator, speed.denominator
    )


def _due_times(schedule: Schedule, tick: IntArray) -> IntArray:
    """Return when ticks are due, in nanoseconds after the start."""
    if not len(tick) or int(tick.min()) < 0 or _needs_big_numbers(schedule, int(tick.max()) + 1):
        return np.array([_due_ns(schedule, each) for each in tick.tolist()], np.int64)
    due = schedule.phase_ns + tick * (10**9 * schedule.rate_den) // schedule.rate_num
    real: IntArray = due * schedule.speed_den // schedule.speed_num
    return real


def _due_ns(schedule: Schedule, tick: int) -> int:
    """Return when a tick is due, as far as a column can hold it."""
    return min(schedule.due_real_ns(tick), 2**63 - 1) if tick >= 0 else MISSING


def _needs_big_numbers(schedule: Schedule, ticks: int) -> bool:
    """Whether the due times of that many ticks need more than 64 bits on the way."""
    widest = ticks * 10**9 * schedule.rate_den
    return widest >= 2**62 or (widest + schedule.phase_ns) * schedule.speed_den >= 2**62


# pacing.


def _judge_pacing(context: Context) -> Findings:
    """Judge that a machine keeps its rate: it does not fall behind further and further."""
    slow: dict[int, Explanation] = {}
    for process in range(context.trace.processes):
        begin, end = context.trace.starts[process : process + 2].tolist()
        rate = _achieved_rate(context, process, begin, end)
        if rate is not None:
            slow[end - 1] = Explanation(
                f"{context.description_of(process).rate:g} ticks/s",
                f"{rate:.4g} ticks/s",
                (begin, end - 1),
            )
    rows = np.array(list(slow), np.int64)
    return findings(rows, lambda number: slow[int(rows[number])])


def _achieved_rate(context: Context, process: int, begin: int, end: int) -> float | None:
    """Return the rate that a process achieved if it did not keep its own, else None.

    begin, end: its rows. It does not keep its rate if its median lateness grows
    from the first quarter of its ticks to the last by more than is allowed.
    """
    of, description = context.columns, context.description_of(process)
    if description.rate is None or not _is_paced(context, process, begin, end):
        return None
    if end - begin < EVENTS_MIN:
        return _rate_of_few(context, description.rate, begin, end)
    if of.late_ns is None or of.due_ns is None:
        return _rate_without_due_times(context, description.rate, begin, end)
    late, quarter = of.late_ns[begin:end], (end - begin) // 4
    fell_behind = float(np.median(late[-quarter:]) - np.median(late[:quarter]))
    passed = int(of.due_ns[end - 1] - of.due_ns[begin])
    if fell_behind <= max(DRIFT_NS_MIN, DRIFT_MAX * passed):
        return None
    return float(description.rate * passed / (passed + late[-1] - late[0]))


def _rate_of_few(context: Context, rate: float, begin: int, end: int) -> float | None:
    """Return the rate of a process with few events if it took far too long for each of them.

    One that was held up once catches up after that.
    """
    of = context.columns
    if of.due_ns is None or of.late_ns is None:
        steps = np.diff(required(of.time_ns)[begin:end])
        periods = np.full(len(steps), 1e9 / rate)
    else:
        steps, periods = np.diff(context.begins_ns[begin:end]), np.diff(of.due_ns[begin:end])
    if (steps <= SLOW_PERIODS * periods).any():
        return None
    return float(rate * periods.sum() / steps.sum())


def _rate_without_due_times(context: Context, rate: float, begin: int, end: int) -> float | None:
    """Return the rate of a process by its events' times, if it is not the one to keep."""
    time = required(context.columns.time_ns)
    passed, expected = int(time[end - 1] - time[begin]), (end - 1 - begin) / rate * 1e9
    if abs(passed - expected) <= max(DRIFT_NS_MIN, DRIFT_MAX * expected):
        return None
    return (end - 1 - begin) * 1e9 / max(passed, 1)


def _ticks(context: Context) -> int:
    """Return how many events say in which tick they were, or whether their log breaks off."""
    tick = context.columns.tick
    return 0 if tick is None else count_of((tick != MISSING) | _breaks_off(context))


def _due_ticks(context: Context) -> int:
    """Return how many ticks say when they were due, or how late they began."""
    of, described = context.columns, context.trace.process_info
    if of.due_ns is None or of.tick is None or not len(described):
        return 0
    if of.late_ns is not None:
        return len(context)
    counts = np.diff(context.trace.starts).tolist()
    return sum(
        count
        for description, count in zip(described, counts, strict=True)
        if description.rate is not None and description.phase_ns is not None
    )


def _paced_processes(context: Context) -> int:
    """Return how many processes of a real run have a rate to keep, and enough times to judge."""
    return sum(
        _is_paced(context, process, *context.trace.starts[process : process + 2].tolist())
        for process in range(len(context.trace.process_info))
    )


def _is_paced(context: Context, process: int, begin: int, end: int) -> bool:
    """Whether it can be judged if a process, with these rows, kept its rate."""
    of, description = context.columns, context.description_of(process)
    if not description.rate or description.simulated or end - begin < EVENTS_SLOW_MIN:
        return False
    if of.late_ns is not None and of.due_ns is not None:
        return True
    time, has_gaps = of.time_ns, bool(context.has_gaps[process])
    return time is not None and not has_gaps and not bool((time[begin:end] == MISSING).any())


PROCESS_ORDER = Rule(
    "process-order",
    "the events of a process stand in its log in the order of its ticks, which begin in order",
    _ticks,
    _judge_process_order,
)
DUE = Rule(
    "due", "tick k is due at phase + k / rate, and begins no earlier", _due_ticks, _judge_due
)
PACING = Rule("pacing", "a machine keeps its rate", _paced_processes, _judge_pacing)
