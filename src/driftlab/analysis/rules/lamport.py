"""Lamport's clock: the clock condition, and the exact step.

Lamport 1978: if a happened before b then C(a) < C(b). It is enough to look at
the steps of which happened-before is made: from one event of a process to the
next, and from a send to its receive.
"""

import numpy as np

from driftlab.analysis.conditions import known_before, unordered
from driftlab.analysis.rules.case import Case
from driftlab.analysis.rules.rule import Findings, Rule, Telling, findings
from driftlab.trace.trace import MISSING, NO_TARGET, Array


def _has_clock(case: Case) -> bool:
    return case.columns.clock is not None and bool((case.columns.clock != MISSING).any())


def _condition(case: Case) -> Findings:
    """C(a) < C(b) for each step of happened-before."""
    by_process, by_message = _violations(case)
    rows = np.concatenate([by_message, by_process])
    clock = case.columns.clock

    def tell(number: int) -> Telling:
        row = int(rows[number])
        is_message = number < len(by_message)
        before = _source(case, row) if is_message else known_before(case.trace, row)
        assert before is not None
        what = "the send" if is_message else "the event before"
        more = _carried(case, row) if is_message else ""
        return Telling(
            f"clock above {clock[before]}, that of {what}",
            f"clock {clock[row]}{more}",
            (before, row),
        )

    return findings(rows, tell)


def _violations(case: Case) -> tuple[Array, Array]:
    """Return the rows not above the event before, and those not above their message only.

    A message of an event whose messages carry different stamps left at the
    count that it carries; that is judged by another rule.
    """
    by_process, by_message = unordered(case.trace, case.messages)
    by_message = np.setdiff1d(by_message, case.messages.uneven)
    return np.setdiff1d(by_process, by_message), by_message


def _source(case: Case, row: int) -> int:
    """Return the row of the message of an event that its clock is not above."""
    clock = case.columns.clock
    source = int(case.messages.source[row])
    if source >= 0 and clock[source] != MISSING and clock[source] >= clock[row]:
        return source
    of = case.messages
    more = of.more_from[of.more_to == row].tolist()
    return next((each for each in more if clock[each] >= clock[row]), source)


def _carried(case: Case, row: int) -> str:
    if int(case.messages.sender[row]) in case.messages.early:
        return f"; the message carried {case.columns.stamp[row]}, the clock before the send"
    return ""


def is_counted_apart(case: Case) -> Array:
    """Whether an event with several targets moved the clock once for each of them."""
    target, clock = case.columns.target, case.columns.clock
    mask = np.zeros(len(case), bool)
    if target is None:
        return mask
    step = clock - case.before(clock, 0)
    for row in np.flatnonzero((target < 0) & (target != NO_TARGET) & (step > 1)).tolist():
        mask[row] = step[row] == len(case.trace.targets_of(row))
    return mask & ~case.after_hole & ~case.begins_anywhere


def _step(case: Case) -> Findings:
    """C(b) = max(C(a), stamp) + 1, or C(a) + 1: neither more nor less."""
    clock = case.columns.clock
    before = case.before(clock, 0)
    came = _came(case)
    expected = np.maximum(before, came) + 1
    judged = (clock != MISSING) & (before != MISSING) & ~case.begins_anywhere
    wrong = judged & (clock != expected)
    for rows in _violations(case):
        wrong[rows] = False  # told by the clock condition
    wrong &= ~is_counted_apart(case)  # told by send-to-all
    wrong &= ~case.after_hole
    unknown = judged & case.after_hole
    rows = np.flatnonzero(wrong)

    def tell(number: int) -> Telling:
        row = int(rows[number])
        source = int(case.messages.source[row])
        own = (row - 1,) if not case.is_first[row] else ()
        if came[row] == _NOTHING:
            return Telling(
                f"clock {before[row]} + 1 = {expected[row]}", f"clock {clock[row]}", (*own, row)
            )
        return Telling(
            f"clock max({before[row]}, {came[row]}) + 1 = {expected[row]}",
            f"clock {clock[row]}",
            (*own, *((source,) if source >= 0 else ()), row),
        )

    return findings(rows, tell, unknown, "the event before is missing")


_NOTHING = -(2**62)


def _came(case: Case) -> Array:
    """Return the clock of what each event received, far below all clocks where nothing was."""
    of, messages = case.columns, case.messages
    came = np.full(len(case), _NOTHING, np.int64)
    to, came_from = case.pairs
    known = of.clock[came_from] != MISSING
    np.maximum.at(came, to[known], of.clock[came_from][known])
    if of.stamp is not None:
        named = (of.stamp != MISSING) & case.is_receive
        lone = named & (messages.source < 0)
        came[lone] = of.stamp[lone]
        came[messages.uneven] = of.stamp[messages.uneven]
    return came


def _stamp(case: Case) -> Findings:
    """A message carries the clock of its send, counted.

    Where stamps from before the count make a receive no later than its send,
    the clock condition tells of it; this is for those that did no such harm.
    """
    early = np.array(sorted(case.messages.early), np.int64)
    rows = case.matched[np.isin(case.messages.sender[case.matched], early)]
    if np.isin(rows, _violations(case)[1]).any():
        rows = rows[:0]

    def tell(number: int) -> Telling:
        row = int(rows[number])
        source = int(case.messages.source[row])
        return Telling(
            f"stamp {case.columns.clock[source]}, the clock of the send",
            f"stamp {case.columns.stamp[row]}, the clock before it",
            (source, row),
        )

    return findings(rows, tell)


def _has_stamps(case: Case) -> bool:
    return _has_clock(case) and case.columns.stamp is not None


STAMP = Rule("stamp", "a message carries the clock of its send", _has_stamps, _stamp)
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
