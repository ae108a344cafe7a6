"""Ticks: in order, due where they should be, begun when they were due."""

import numpy as np

from driftlab.history.tick_repair import repaired_ticks
from driftlab.history.trace import ProcessInfo
from driftlab.judge.context import Context, Explanation, Findings, Rule, findings
from driftlab.model.columns import MISSING, Array, Columns
from driftlab.model.schedule import Schedule
from driftlab.scenario.validate import as_fraction

DRIFT_MAX = 0.01  # of the time that passed: a machine that loses more does not keep its rate
DRIFT_NS_MIN = 50_000_000  # below this a machine may just have had to wait for a processor
EVENTS_MIN = 8  # a quarter of fewer says nothing
EVENTS_SLOW_MIN = 3  # of fewer than those, all must have taken SLOW_PERIODS: more than a pause
SLOW_PERIODS = 2


def _process_order(case: Context) -> Findings:
    """The events of a process stand in the log in the order of its ticks, which begin in order."""
    of = case.columns
    tick, line, right = of.tick, of.line, repaired_ticks(case.trace)
    before = case.before(right, -1)
    wrong = (tick != MISSING) & (before != MISSING) & ((tick < before) | (tick != right))
    above = np.zeros(len(case), bool)
    if line is not None:
        above = ~case.is_first & (line < case.before(line, 0)) & ~wrong
    late = _overtaken(case) & ~wrong & ~above
    rows = np.flatnonzero(wrong | above | late)

    def tell(number: int) -> Explanation:
        row = int(rows[number])
        if above[row]:
            return Explanation(
                f"tick {tick[row]} below tick {tick[row - 1]}, in line {line[row - 1]}",
                f"above it, in line {line[row]}",
                (row - 1, row),
            )
        if late[row]:
            return Explanation(
                f"begun before tick {tick[row + 1]}, which began at {_began(of)[row + 1]} ns",
                f"begun at {_began(of)[row]} ns",
                (row, row + 1),
            )
        return Explanation(f"tick {before[row] + 1}", f"tick {tick[row]}", (row - 1, row))

    missing = case.after_gap & (before != MISSING) & (right > before + 1)
    missing |= _breaks_off(case)
    return findings(rows, tell, missing, "ticks are missing, or its log ends here")


def _breaks_off(case: Context) -> Array:
    """Whether a row is the last of a process whose log tells that it is not whole."""
    mask = np.zeros(len(case), bool)
    if len(case.trace.process_info):
        last = case.trace.starts[1:][case.is_open & (np.diff(case.trace.starts) > 0)] - 1
        mask[last] = True
    return mask


def _overtaken(case: Context) -> Array:
    """Whether a tick began, as its log says, after the next one of its process had begun."""
    of = case.columns
    mask = np.zeros(len(case), bool)
    if of.late_ns is not None and of.due_ns is not None:
        began = _began(of)
        mask[:-1] = (began[:-1] > began[1:]) & ~case.is_first[1:]
    return mask


def _began(of: Columns) -> Array:
    return of.due_ns + of.late_ns


def _due(case: Context) -> Findings:
    """Tick k is due at phase + k / rate, to the nanosecond, and does not begin before."""
    of = case.columns
    expected = np.full(len(case), MISSING, np.int64)
    for process in range(case.trace.processes):
        author = case.author(process)
        if author.rate is not None and author.phase_ns is not None:
            begin, end = (int(case.trace.starts[process + step]) for step in (0, 1))
            expected[begin:end] = _dues(author, of.tick[begin:end])
    wrong = (expected != MISSING) & (of.due_ns != expected)
    wrong &= of.tick == repaired_ticks(case.trace)  # else the tick is wrong, and told of
    early = np.zeros(len(case), bool) if of.late_ns is None else of.late_ns < 0
    rows = np.flatnonzero(wrong | (early & (of.late_ns != MISSING)))

    def tell(number: int) -> Explanation:
        row = int(rows[number])
        if wrong[row]:
            return Explanation(
                f"tick {of.tick[row]} due at {expected[row]} ns", f"{of.due_ns[row]} ns", (row,)
            )
        return Explanation("begun when it was due", f"begun {-of.late_ns[row]} ns before", (row,))

    return findings(rows, tell)


def _dues(author: ProcessInfo, tick: Array) -> Array:
    """Return when ticks are due, in nanoseconds after the start."""
    assert author.rate is not None
    assert author.phase_ns is not None
    rate, speed = as_fraction(author.rate), as_fraction(1 if author.simulated else author.speed)
    schedule = Schedule(
        rate.numerator, rate.denominator, author.phase_ns, speed.numerator, speed.denominator
    )
    top = int(tick.max()) + 1 if len(tick) else 0
    if not len(tick) or int(tick.min()) < 0 or _is_large(schedule, top):
        dues = [_due_ns(schedule, each) for each in tick.tolist()]
        return np.array(dues, np.int64)
    due = schedule.phase_ns + tick * (10**9 * schedule.rate_den) // schedule.rate_num
    real: Array = due * schedule.speed_den // schedule.speed_num
    return real


def _due_ns(schedule: Schedule, tick: int) -> int:
    """Return when a tick is due, as far as a column can hold it."""
    return min(schedule.due_real_ns(tick), 2**63 - 1) if tick >= 0 else MISSING


def _is_large(schedule: Schedule, ticks: int) -> bool:
    """Whether working out that many due times needs more than 64 bits."""
    widest = ticks * 10**9 * schedule.rate_den
    return widest >= 2**62 or (widest + schedule.phase_ns) * schedule.speed_den >= 2**62


def _pacing(case: Context) -> Findings:
    """A machine keeps its rate: it does not fall behind further and further."""
    slow = {}
    for process in range(case.trace.processes):
        begin, end = (int(case.trace.starts[process + step]) for step in (0, 1))
        told = _slow(case, case.author(process), begin, end)
        if told is not None:
            slow[end - 1] = told
    rows = np.array(list(slow), np.int64)
    return findings(rows, lambda number: slow[int(rows[number])])


def _slow(case: Context, author: ProcessInfo, begin: int, end: int) -> Explanation | None:
    """Say of a process that it does not keep its rate, if it does not."""
    of = case.columns
    if author.rate is None or author.simulated or end - begin < EVENTS_SLOW_MIN:
        return None
    has_due = of.late_ns is not None and of.due_ns is not None
    if not has_due and case.has_gaps[case.process[begin]]:
        return None  # how many ticks are missing is not known
    if end - begin < EVENTS_MIN:
        return _always_slow(case, author, begin, end)
    if not has_due:
        return _off(case, author.rate, begin, end)
    late, quarter = of.late_ns[begin:end], (end - begin) // 4
    fell_behind = float(np.median(late[-quarter:]) - np.median(late[:quarter]))
    passed = int(of.due_ns[end - 1] - of.due_ns[begin])
    if fell_behind <= max(DRIFT_NS_MIN, DRIFT_MAX * passed):
        return None
    achieved = author.rate * passed / (passed + late[-1] - late[0])
    return _told(author.rate, achieved, begin, end)


def _always_slow(case: Context, author: ProcessInfo, begin: int, end: int) -> Explanation | None:
    """Say of a process with few events that it took far too long for each, if it did.

    One that was held up once catches up after that.
    """
    of = case.columns
    assert author.rate is not None
    if of.due_ns is None or of.late_ns is None:
        if of.time_ns is None or (of.time_ns[begin:end] == MISSING).any():
            return None
        steps = np.diff(of.time_ns[begin:end])
        periods = np.full(len(steps), 1e9 / author.rate)
    else:
        steps, periods = np.diff(_began(of)[begin:end]), np.diff(of.due_ns[begin:end])
    if (steps <= SLOW_PERIODS * periods).any():
        return None
    return _told(author.rate, author.rate * periods.sum() / steps.sum(), begin, end)


def _off(case: Context, rate: float, begin: int, end: int) -> Explanation | None:
    """Say of a process without due times that it does not keep its rate, if it does not."""
    time = case.columns.time_ns
    if time is None or (time[begin:end] == MISSING).any():
        return None
    passed, expected = int(time[end - 1] - time[begin]), (end - 1 - begin) / rate * 1e9
    if abs(passed - expected) <= max(DRIFT_NS_MIN, DRIFT_MAX * expected):
        return None
    return _told(rate, (end - 1 - begin) * 1e9 / max(passed, 1), begin, end)


def _told(rate: float, achieved: float, begin: int, end: int) -> Explanation:
    return Explanation(f"{rate:g} ticks a second", f"{achieved:.4g}", (begin, end - 1))


def _has_due(case: Context) -> bool:
    of = case.columns
    return of.due_ns is not None and of.tick is not None and bool(len(case.trace.process_info))


def _has_pace(case: Context) -> bool:
    """Whether some process is known to be for real, with a rate that it was to keep."""
    authors = case.trace.process_info
    return bool(len(authors)) and not authors[0].simulated and any(each.rate for each in authors)


PROCESS_ORDER = Rule(
    "process-order",
    "the events of a process stand in the order of its ticks, which begin in order",
    lambda case: case.columns.tick is not None,
    _process_order,
)
DUE = Rule("due", "tick k is due at phase + k / rate, and begins no earlier", _has_due, _due)
PACING = Rule("pacing", "a machine keeps its rate", _has_pace, _pacing)
