"""Lamport's clock: the clock condition, and the exact step.

Lamport 1978: if a happened before b then C(a) < C(b). It is enough to look at
the steps of which happened-before is made: from one event of a process to the
next, and from a send to its receive.
"""

from typing import NamedTuple

import numpy as np

from driftlab.history.matching.messages import UNMATCHED
from driftlab.history.trace import Trace
from driftlab.judge.clock_condition import known_before, unordered
from driftlab.judge.context import Context, Explanation, Findings, Rule, findings
from driftlab.judge.inbox import receives_several
from driftlab.model.columns import MISSING, NO_TARGET, Array


def _has_clock(case: Context) -> bool:
    return case.columns.clock is not None and bool((case.columns.clock != MISSING).any())


class Unordered(NamedTuple):
    """Rows that break the clock condition, each told once.

    by_message: not above the send of their message. by_program: not above the
    event before. raised: not below the event after, which goes on from where
    the clock should have stood.
    """

    by_message: Array
    by_program: Array
    raised: Array


def _condition(case: Context) -> Findings:
    """C(a) < C(b) for each step of happened-before."""
    of = _unordered(case)
    rows = np.concatenate(of)
    clock = case.columns.clock
    ends = np.cumsum([len(each) for each in of])

    def tell(number: int) -> Explanation:
        row = int(rows[number])
        if number >= ends[1]:
            return Explanation(
                f"clock below {clock[row + 1]}, that of the event after",
                f"clock {clock[row]}",
                (row, row + 1),
            )
        is_message = number < ends[0]
        before = _source(case, row) if is_message else known_before(case.trace, row)
        assert before is not None
        what = "the send" if is_message else "the event before"
        more = _carried(case, row) if is_message else ""
        return Explanation(
            f"clock above {clock[before]}, that of {what}",
            f"clock {clock[row]}{more}",
            (before, row),
        )

    return findings(rows, tell)


def _unordered(case: Context) -> Unordered:
    found: Unordered = case.cached("unordered", _find_unordered)
    return found


def _find_unordered(case: Context) -> Unordered:
    """Find the rows that break the clock condition.

    A message whose event's messages carry different stamps left at the count
    that it carries, and one that carries another name than its event's clock
    names it is not held against that clock: these are told by other rules.
    """
    by_program, by_message = unordered(case.trace, case.messages)
    for named in (case.messages.stamp_per_target, case.messages.matched_by_position):
        by_message = np.setdiff1d(by_message, named)
    slips = _steps(case).slips
    clock = case.columns.clock
    raised = slips[clock[slips + 1] <= clock[slips]]
    by_program = np.setdiff1d(by_program, np.concatenate([by_message, slips + 1]))
    return Unordered(by_message, by_program, raised)


def _source(case: Context, row: int) -> int:
    """Return the row of the message of an event that its clock is not above."""
    clock = case.columns.clock
    source = int(case.messages.source[row])
    if source >= 0 and clock[source] != MISSING and clock[source] >= clock[row]:
        return source
    more = case.sources_of(row)
    return next((each for each in more if clock[each] >= clock[row]), source)


def _carried(case: Context, row: int) -> str:
    if int(case.messages.sender[row]) in case.messages.stamp_before_send:
        return f"; the message carried {case.columns.stamp[row]}, the clock before the send"
    return ""


def counts_per_target(case: Context) -> Array:
    """Whether an event with several targets moved the clock once for each of them."""
    target, clock = case.columns.target, case.columns.clock
    mask = np.zeros(len(case), bool)
    if target is None:
        return mask
    step = clock - case.before(clock, 0)
    for row in np.flatnonzero((target < 0) & (target != NO_TARGET) & (step > 1)).tolist():
        mask[row] = step[row] == len(case.trace.targets_of(row))
    mask[case.messages.source[case.messages.matched_by_position]] = (
        False  # all its messages say otherwise
    )
    steps = _steps(case)
    mask[steps.slips] = False
    mask &= ~case.is_receive & ~case.after_gap & ~case.begins_anywhere
    # Right after an event whose clock is wrong, the step says nothing of this one.
    off = steps.judged & (clock != steps.expected) & ~mask & case.has_before
    mask[1:] &= ~(off[:-1] & ~case.is_first[1:])
    return mask


class Steps(NamedTuple):
    """What each clock should be after the event before and what was received, and which are not.

    before, came, expected i8. judged: whether that can be said. slips: rows,
    rising, whose clock is wrong though the next event goes on as if it were
    right: there alone something else was written.
    """

    before: Array
    came: Array
    expected: Array
    judged: Array
    slips: Array


def _steps(case: Context) -> Steps:
    steps: Steps = case.cached("lamport steps", _find_steps)
    return steps


def _find_steps(case: Context) -> Steps:
    clock = case.columns.clock
    before, came = case.before(clock, 0), _received_clock(case)
    expected = np.maximum(before, came) + 1
    judged = (clock != MISSING) & (before != MISSING) & ~case.begins_anywhere
    judged &= (case.messages.source != UNMATCHED) | (came != _NOTHING)  # else who knows
    # Where a log begins is not judged, but what follows may tell what should have stood there.
    seen = judged | (case.begins_anywhere & (clock != MISSING))
    wrong = np.flatnonzero(seen & ~case.after_gap & (clock != expected))
    wrong = wrong[wrong + 1 < len(case)]
    after = wrong + 1
    follows = case.has_before[after] & judged[after]
    went_on = clock[after] == np.maximum(expected[wrong], came[after]) + 1
    is_told = judged[wrong] | (clock[after] <= clock[wrong]) | (clock[wrong] <= came[wrong])
    slips = wrong[follows & went_on & is_told & (clock[after] != expected[after])]
    return Steps(before, came, expected, judged, slips)


def _step(case: Context) -> Findings:
    """C(b) = max(C(a), stamp) + 1, or C(a) + 1: neither more nor less."""
    clock = case.columns.clock
    before, came, expected, judged, slips = _steps(case)
    wrong = judged & ~case.after_gap & (clock != expected) & ~counts_per_target(case)
    wrong[slips + 1] = False  # right, though it does not follow from what was written wrong
    for rows in (*_unordered(case), receives_several(case)):
        wrong[rows] = False  # told by other rules
    unnamed = (case.messages.source == UNMATCHED) & (came == _NOTHING) & (clock != MISSING)
    unknown = (judged & case.after_gap) | unnamed
    rows = np.flatnonzero(wrong)

    def tell(number: int) -> Explanation:
        row = int(rows[number])
        source = int(case.messages.source[row])
        own = (row - 1,) if not case.is_first[row] else ()
        if came[row] == _NOTHING:
            return Explanation(
                f"clock {before[row]} + 1 = {expected[row]}", f"clock {clock[row]}", (*own, row)
            )
        return Explanation(
            f"clock max({before[row]}, {came[row]}) + 1 = {expected[row]}",
            f"clock {clock[row]}",
            (*own, *((source,) if source >= 0 else ()), row),
        )

    reason = "the event before is missing, or what was received is not known"
    return findings(rows, tell, unknown, reason)


_NOTHING = -(2**62)


def _received_clock(case: Context) -> Array:
    """Return the clock of what each event received, far below all clocks where nothing was."""
    of, messages = case.columns, case.messages
    came = np.full(len(case), _NOTHING, np.int64)
    to, came_from = case.pairs
    known = of.clock[came_from] != MISSING
    np.maximum.at(came, to[known], of.clock[came_from][known])
    if of.stamp is not None:
        lone = (of.stamp != MISSING) & case.is_receive & (messages.source < 0)
        came[lone] = of.stamp[lone]
        came[messages.stamp_per_target] = of.stamp[messages.stamp_per_target]
        # What a message with a wrong name carried: its stamp, unless the clock says otherwise.
        rows = messages.matched_by_position
        before = case.before(of.clock, 0)[rows]
        by_send = of.clock[rows] == np.maximum(before, of.clock[messages.source[rows]]) + 1
        came[rows[~by_send]] = of.stamp[rows[~by_send]]
    return came


def _stamp(case: Context) -> Findings:
    """A message carries the clock of its send, counted, and is found and received with it.

    Where stamps from before the count make a receive no later than its send,
    the clock condition tells of it; this is for those that did no such harm. A
    send whose own clock is wrong is told by the rules of that.
    """
    of, clock = _steps(case), case.columns.clock
    renamed = case.messages.matched_by_position
    sends = case.messages.source[renamed]
    renamed = renamed[~of.judged[sends] | (clock[sends] == of.expected[sends])]
    by_place = _misnamed(case)
    parts = [_early(case), renamed, case.repaired.misnamed_receives, case.repaired.found_at]
    rows = np.concatenate([*parts, case.arrival_rows[by_place]])
    ends = np.cumsum([len(each) for each in parts])

    def tell(number: int) -> Explanation:
        row = int(rows[number])
        if number >= ends[3]:
            return _told_misnamed(case, row, int(by_place[number - ends[3]]))
        if number >= ends[2]:
            return _told_misfound(case, row, int(case.repaired.misnamed_arrivals[number - ends[2]]))
        source = int(case.messages.source[row])
        witness = (source, row) if source >= 0 else (row,)
        if number >= ends[1]:
            return Explanation(
                f"{_message(case, case.trace, row)}, as it was found",
                _message(case, case.original, row),
                witness,
            )
        before = ", the clock before it" if number < ends[0] else ""
        return Explanation(
            f"stamp {case.columns.clock[source]}, the clock of the send",
            f"stamp {case.columns.stamp[row]}{before}",
            witness,
        )

    return findings(rows, tell)


def _early(case: Context) -> Array:
    """Return receives of senders whose stamps are early, if that did no harm."""
    early = np.array(sorted(case.messages.stamp_before_send), np.int64)
    rows = case.matched[np.isin(case.messages.sender[case.matched], early)]
    return rows[:0] if np.isin(rows, _unordered(case).by_message).any() else rows


def _misnamed(case: Context) -> Array:
    """Return numbers of arrivals under a name that no send has, of sends whose clock is right."""
    of, numbers = _steps(case), case.arrivals_by_place
    sends = case.arrival_sources[numbers]
    return numbers[~of.judged[sends] | (case.columns.clock[sends] == of.expected[sends])]


def _told_misnamed(case: Context, row: int, arrival: int) -> Explanation:
    held, send = case.trace.arrivals, int(case.arrival_sources[arrival])
    assert held is not None
    name = case.trace.names[int(held.sender[arrival])]
    return Explanation(
        f"found {name}:{case.columns.clock[send]}, as it was sent",
        f"found {name}:{held.stamp[arrival]}",
        (send, row),
    )


def _message(case: Context, trace: Trace, row: int) -> str:
    sender, stamp = trace.columns.sender[row], trace.columns.stamp[row]
    return f"stamp {stamp} of {case.trace.names[int(sender)]}"


def _told_misfound(case: Context, row: int, arrival: int) -> Explanation:
    """Tell of a message that a tick found under a wrong name."""
    held, before = case.trace.arrivals, case.original.arrivals
    assert held is not None
    assert before is not None
    names = case.trace.names
    return Explanation(
        f"found {names[int(held.sender[arrival])]}:{held.stamp[arrival]}, as it was sent",
        f"found {names[int(before.sender[arrival])]}:{before.stamp[arrival]}",
        (row,),
    )


def _has_stamps(case: Context) -> bool:
    return _has_clock(case) and case.columns.stamp is not None


STAMP = Rule(
    "stamp",
    "a message carries the clock of its send, and is found and received with it",
    _has_stamps,
    _stamp,
)
CLOCK_CONDITION = Rule(
    "clock-condition",
    "if a happened before b, then C(a) < C(b)",
    _has_clock,
    _condition,
)
LAMPORT_STEP = Rule(
    "lamport-step",
    "a clock moves by exactly 1, at a receive to exactly max(own, stamp) + 1",
    _has_clock,
    _step,
)
