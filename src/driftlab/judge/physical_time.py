"""Physical time: it does not go back in a process, nor from the send of a message to its receive.

Rules: `time-back` needs times; `time-skew` needs times and messages in both
directions between two processes, in another tool's log (in ours `before-sent`
judges the order of ticks in time).

Machines' clocks differ, so a receive may well show an earlier time than its send.
But one offset between two clocks has to explain all messages between them: if B's
clock is ahead of A's by d, then receive - send is at least d from A to B, and at
least -d from B to A, so the least of the one and the least of the other add up to
no less than 0. In t seconds the offset of two clocks may change by DRIFT_MAX · t: a
quartz is right to 100 millionths, and NTP corrects by at most 500. A line may be
written later than what it tells happened: what is within LOG_DELAY_NS_MAX, or what
the resolution of the times hides, is undecided.

Limits: times of day are taken to have passed midnight where they fall by more than
eleven hours, and to be undecided where they fall by more than one: the process may have
been silent until the next day. Where many times go back in a process, the log does not stand in the
order of its times; then that is one undecided question. A contradiction that only
three processes together show is not seen; `driftlab offsets` looks at all.
"""

from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import AnyArray, BoolArray, IntArray
from driftlab.judge.context import (
    Context,
    Explanation,
    Findings,
    Rule,
    count_of,
    findings,
    required,
)
from driftlab.model.columns import MISSING

DAY_NS: Final = 86_400_000_000_000
NEXT_DAY_NS: Final = 39_600_000_000_000  # 11 h: a time of day that falls by more passed 12
SILENT_NS: Final = 3_600_000_000_000  # 1 h: one that falls by more may have been silent for long
YEAR_NS: Final = 366 * DAY_NS  # times below have no date
DRIFT_MAX: Final = 0.002  # of the offset of two clocks, seconds a second
LOG_DELAY_NS_MAX: Final = 100_000_000
TIMES_BACK_MIN: Final = 3  # a process may have so many, whatever its number of events
TIMES_BACK_SHARE_MAX: Final = 0.1  # with more its lines stand in another order

_RESOLUTIONS_NS: Final = (1_000_000_000, 1_000_000, 1_000)

# time-back.


class TimeSteps(NamedTuple):
    """The steps from one event of a process that has a time to the next that has one.

    rows, before i8: the later and the earlier event of each. back: whether the time
    of the later is earlier. is_sorted: whether the process of each has few of those.
    may_be_next_day: whether the later time of day may be that of the next day.
    """

    rows: IntArray
    before: IntArray
    back: BoolArray
    is_sorted: BoolArray
    may_be_next_day: BoolArray


def _time_steps(context: Context) -> TimeSteps:
    steps: TimeSteps = context.cached("time steps", _find_time_steps)
    return steps


def _find_time_steps(context: Context) -> TimeSteps:
    time = required(context.columns.time_ns)
    timed = np.flatnonzero(time != MISSING)
    process = context.process[timed]
    follows = process[1:] == process[:-1]
    rows, before = timed[1:][follows], timed[:-1][follows]
    back: BoolArray = time[rows] < time[before]
    may_be_next_day = np.zeros(len(rows), bool)
    if back.any():
        fell = time[before] - time[rows]
        back &= ~((fell > NEXT_DAY_NS) & _is_of_day(time[timed]))
        back &= ~_began_earlier(context, rows, before)
        may_be_next_day = back & (fell > SILENT_NS) & _has_no_date(time[timed])
        back &= ~may_be_next_day
    of_step = context.process[rows]
    steps = np.bincount(of_step, minlength=context.trace.processes)
    times_back = np.bincount(of_step[back], minlength=context.trace.processes)
    is_sorted = times_back <= np.maximum(TIMES_BACK_MIN, steps * TIMES_BACK_SHARE_MAX)
    return TimeSteps(rows, before, back, is_sorted[of_step], may_be_next_day)


def _is_of_day(times: IntArray) -> bool:
    """Whether times count from midnight."""
    return bool(len(times)) and bool(times.min() >= 0) and bool(times.max() < DAY_NS)


def _has_no_date(times: IntArray) -> bool:
    """Whether times count from some midnight, or from the start of a run."""
    return bool(len(times)) and bool(times.min() >= 0) and bool(times.max() < YEAR_NS)


def _began_earlier(context: Context, rows: IntArray, before: IntArray) -> BoolArray:
    """Whether ticks began before others that come before them, which `process-order` reports."""
    of = context.columns
    if of.due_ns is None or of.late_ns is None:
        return np.zeros(len(rows), bool)
    earlier: BoolArray = context.begins_ns[rows] < context.begins_ns[before]
    return earlier


def _judge_time_back(context: Context) -> Findings:
    """Judge that the time of an event is no earlier than that of the event before."""
    steps, time = _time_steps(context), required(context.columns.time_ns)
    wrong = steps.back & steps.is_sorted
    rows, before = steps.rows[wrong], steps.before[wrong]
    unsorted = steps.rows[steps.back & ~steps.is_sorted]
    _, first = np.unique(context.process[unsorted], return_index=True)

    def explain(number: int) -> Explanation:
        row, earlier = int(rows[number]), int(before[number])
        by = _duration(int(time[earlier] - time[row]))
        return Explanation(
            f"time no earlier than {time[earlier]} ns, that of the event before",
            f"time {time[row]} ns, {by} earlier",
            (earlier, row),
        )

    next_day = steps.rows[steps.may_be_next_day]
    reason = (
        "many times of this process go back: its lines stand in another order"
        if len(unsorted)
        else "it went back, or is a time of the next day: the times have no date"
    )
    return findings(rows, explain, np.union1d(unsorted[first], next_day), reason)


def _duration(ns: int) -> str:
    """Return a time span in words."""
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if ns >= size:
            return f"{ns / size:.6g} {unit}"
    return f"{ns} ns"


def _timed_steps(context: Context) -> int:
    """Return how many events have a time, and one with a time before them in their process."""
    if context.columns.time_ns is None:
        return 0
    steps = _time_steps(context)
    unsorted = np.unique(context.process[steps.rows[~steps.is_sorted]])
    return count_of(steps.is_sorted) + len(unsorted)


# time-skew.


class TimedMessages(NamedTuple):
    """Messages between pairs of processes that have some in both directions.

    sends, receives i8: their rows, pair after pair. pair i8: a number for each pair.
    forward: whether from the process that comes first in the trace. took, at i8: the time
    of the receive less that of the send, and which of the two that process has.
    """

    sends: IntArray
    receives: IntArray
    pair: IntArray
    forward: BoolArray
    took: IntArray
    at: IntArray

    def select(self, chosen: AnyArray) -> "TimedMessages":
        """Return some of them, by a mask or by numbers."""
        sends, receives, pair, forward, took, at = self
        return TimedMessages(
            sends[chosen], receives[chosen], pair[chosen], forward[chosen], took[chosen], at[chosen]
        )


class Contradiction(NamedTuple):
    """Two messages in opposite directions that no offset explains, and by how much, ns.

    earlier, later: their numbers among the timed messages.
    """

    earlier: int
    later: int
    excess_ns: int


def _timed_messages(context: Context) -> TimedMessages:
    messages: TimedMessages = context.cached("timed messages", _find_timed_messages)
    return messages


def _find_timed_messages(context: Context) -> TimedMessages:
    time = _times_over_midnight(context)
    receives, sends = context.pairs
    keep = (time[receives] != MISSING) & (time[sends] != MISSING)
    steps = _time_steps(context)
    if steps.may_be_next_day.any():  # from there on the day is not known
        of = context.process[steps.rows[steps.may_be_next_day]]
        keep &= ~(np.isin(context.process[receives], of) | np.isin(context.process[sends], of))
    receives, sends = receives[keep], sends[keep]
    to, by = context.process[receives].astype(np.int64), context.process[sends].astype(np.int64)
    pair = np.minimum(to, by) * context.trace.processes + np.maximum(to, by)
    order = np.argsort(pair, kind="stable")
    every = TimedMessages(
        sends,
        receives,
        pair,
        by < to,
        time[receives] - time[sends],
        np.where(by < to, time[sends], time[receives]),
    ).select(order[(to != by)[order]])
    if not len(every.pair):
        return every
    number = np.cumsum(np.concatenate([[0], every.pair[1:] != every.pair[:-1]]))
    both = np.bincount(number[every.forward], minlength=number[-1] + 1) > 0
    both &= np.bincount(number[~every.forward], minlength=number[-1] + 1) > 0
    return every.select(both[number])


def _times_over_midnight(context: Context) -> IntArray:
    """Return the times; of day, where a process passed midnight, a day more from there on."""
    time = required(context.columns.time_ns)
    rows = np.flatnonzero(time != MISSING)
    if not _is_of_day(time[rows]):
        return time
    fell = np.zeros(len(rows), np.int64)
    fell[1:] = (time[rows[:-1]] - time[rows[1:]]) * ~context.is_first[rows[1:]]
    passed = np.where(fell > DAY_NS // 2, DAY_NS, np.where(fell > NEXT_DAY_NS, DAY_NS // 2, 0))
    since = np.cumsum(passed)
    first = np.searchsorted(rows, context.trace.starts[context.process[rows]])
    over = time.copy()
    over[rows] += since - since[first]
    return over


def _judge_time_skew(context: Context) -> Findings:
    """Judge that one offset explains the times of the messages between two processes."""
    messages = _timed_messages(context)
    slack = LOG_DELAY_NS_MAX + 2 * _resolution_ns(required(context.columns.time_ns))
    found = [_worst(messages, part) for part in _contradicting_pairs(messages)]
    certain = [each for each in found if each.excess_ns > slack]
    small = [each for each in found if 0 < each.excess_ns <= slack]
    rows, undecided = (
        messages.receives[np.array([each.later for each in some], np.int64)]
        for some in (certain, small)
    )
    return findings(
        rows,
        lambda number: _explain_skew(context, messages, certain[number]),
        undecided,
        f"no offset of the two clocks explains its time, if by no more than {_duration(slack)}",
    )


def _contradicting_pairs(messages: TimedMessages) -> list[IntArray]:
    """Return the messages, by number, of each pair whose offset would have to change."""
    if not len(messages.pair):
        return []
    begins = np.flatnonzero(np.concatenate([[True], messages.pair[1:] != messages.pair[:-1]]))
    most = np.iinfo(np.int64).max // 4
    least = [
        np.minimum.reduceat(np.where(mask, messages.took, most), begins)
        for mask in (messages.forward, ~messages.forward)
    ]
    ends = np.append(begins[1:], len(messages.pair))
    return [np.arange(begins[pair], ends[pair]) for pair in np.flatnonzero(least[0] + least[1] < 0)]


def _worst(messages: TimedMessages, numbers: IntArray) -> Contradiction:
    """Return the two messages of one pair of processes that contradict each other most.

    numbers: of its messages. Between two of them the offset may have changed: the
    least of `took` + `took` + drift * (time between them) is sought, along the time.
    """
    numbers = numbers[np.argsort(messages.at[numbers], kind="stable")]
    took, forward = messages.took[numbers], messages.forward[numbers]
    drift = (messages.at[numbers] - messages.at[numbers[0]]) // round(1 / DRIFT_MAX)
    best = Contradiction(0, 0, 0)
    for mask in (forward, ~forward):
        none = np.iinfo(np.int64).max // 4
        least_before = np.minimum.accumulate(np.where(mask, took - drift, none))
        total = np.where(mask, none, took + drift + least_before)
        later = int(total.argmin())
        if -int(total[later]) > best.excess_ns:
            earlier = int(np.flatnonzero(mask & (took - drift == least_before[later]))[0])
            best = Contradiction(int(numbers[earlier]), int(numbers[later]), -int(total[later]))
    return best


def _explain_skew(context: Context, messages: TimedMessages, found: Contradiction) -> Explanation:
    earlier, later = found.earlier, found.later
    names = context.trace.names
    by, to = (
        names[int(context.process[rows[later]])] for rows in (messages.sends, messages.receives)
    )
    took, other = int(messages.took[later]), int(messages.took[earlier])
    least, back = _signed(-other), _signed(other)
    return Explanation(
        f"at least {least} from {by} to {to}, since {back} passed from {to} to {by}",
        f"{_signed(took)}: {_duration(found.excess_ns)} less than any offset explains",
        tuple(
            int(rows[number])
            for number in (earlier, later)
            for rows in (messages.sends, messages.receives)
        ),
    )


def _signed(ns: int) -> str:
    return f"-{_duration(-ns)}" if ns < 0 else _duration(ns)


def _resolution_ns(time: IntArray) -> int:
    """Return the coarsest of some resolutions that all times have: 1 s, 1 ms, 1 us or 1 ns."""
    known = time[time != MISSING]
    return next((unit for unit in _RESOLUTIONS_NS if not (known % unit).any()), 1)


def _messages_both_ways(context: Context) -> int:
    """Return how many messages with times go between processes that both send to the other."""
    is_ours = context.columns.due_ns is not None or bool(len(context.trace.process_info))
    if context.columns.time_ns is None or is_ours:
        return 0
    return len(_timed_messages(context).pair)


TIME_BACK = Rule(
    "time-back", "a process's physical time never goes back", _timed_steps, _judge_time_back
)
TIME_SKEW = Rule(
    "time-skew",
    "one offset of two clocks explains the times of the messages between them",
    _messages_both_ways,
    _judge_time_skew,
)
