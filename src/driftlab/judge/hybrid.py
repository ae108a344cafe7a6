"""Hybrid logical clocks: the clock condition, the bound by physical time, the counter.

Rules: `hybrid-condition` needs timestamps of a hybrid clock; `hybrid-bound` and
`hybrid-step` need the physical times of events too.

Kulkarni and others, OPODIS 2014, figure 5. A timestamp is (l, c): l is the
greatest of the own physical time and the l of the event before and of the
messages; c counts up while l is one of theirs, and begins at 0 when physical
time has moved on. A timestamp violates one rule: the first of those above.

Limit: without physical times only the condition can be judged; a step after a
gap, an event without a timestamp or a message whose send is not logged is not
judged exactly.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.messages import NOTHING, UNMATCHED
from driftlab.judge.context import (
    NO_ROWS,
    Context,
    Explanation,
    Findings,
    Rule,
    count_of,
    findings,
    is_stamped,
    required,
    timestamp_table,
)
from driftlab.model.columns import MISSING

CORRECT, CONDITION, BOUND, STEP = range(4)
_NEVER = -(2**62) - 1  # an l below all others


class HybridTimes(NamedTuple):
    """Timestamps in two columns i8: l, the greatest physical time known, and c, the counter."""

    physical: IntArray
    counter: IntArray

    def is_above(self, other: "HybridTimes") -> BoolArray:
        """Whether each (l, c) is greater than the other."""
        above: BoolArray = self.physical > other.physical
        above |= (self.physical == other.physical) & (self.counter > other.counter)
        return above

    def at(self, rows: IntArray) -> "HybridTimes":
        """Return the timestamps of some rows."""
        return HybridTimes(self.physical[rows], self.counter[rows])


class HybridSteps(NamedTuple):
    """What is wrong with each event's step, and what it starts from.

    verdict u1: one of the above. times: the timestamps as logged. latest: the
    greatest timestamps that each must exceed, and origin i8 the rows where
    these are, -1 where there is none. is_exact: whether the step could be judged
    exactly. is_unknown: whether it could not, though it is not the first of a log.
    """

    verdict: IntArray
    times: HybridTimes
    latest: HybridTimes
    origin: IntArray
    is_exact: BoolArray
    is_unknown: BoolArray


def _steps(context: Context) -> HybridSteps:
    steps: HybridSteps = context.cached("hybrid steps", _find_steps)
    return steps


def _find_steps(context: Context) -> HybridSteps:
    """Judge the step of every event."""
    held = context.trace.timestamps
    assert held is not None
    times = HybridTimes(*timestamp_table(held, np.arange(len(context)), 2).T)
    stamped = is_stamped(held)
    latest, origin = _latest_known(context, times, stamped)
    verdict = np.zeros(len(context), np.uint8)
    known: BoolArray = stamped & (context.has_before | context.is_first) & ~context.after_gap
    known &= context.is_first | np.concatenate([[True], stamped[:-1]])
    goes_on, exact = np.zeros(len(context), bool), np.zeros(len(context), bool)
    if context.columns.time_ns is not None:
        expected = _expected(context.columns.time_ns, latest)
        exact = known & _is_exact(context, stamped)
        verdict[exact & (times.counter != expected.counter)] = STEP
        verdict[exact & (times.physical != expected.physical)] = BOUND
        goes_on = _clear_after_isolated_error(context, verdict, times, expected)
    verdict[stamped & ~times.is_above(latest) & ~goes_on] = CONDITION
    _clear_misled(context, verdict, origin)
    unknown = ~known | (~exact & ~context.starts_late)
    return HybridSteps(verdict, times, latest, origin, exact, unknown)


def _latest_known(
    context: Context, times: HybridTimes, stamped: BoolArray
) -> tuple[HybridTimes, IntArray]:
    """Return of each event the greatest timestamp that it must exceed, and its row."""
    latest = HybridTimes(context.before(times.physical, _NEVER), context.before(times.counter, 0))
    origin = np.where(context.is_first, -1, np.arange(len(context)) - 1)
    no_before = ~context.is_first & ~np.concatenate([[True], stamped[:-1]])
    latest.physical[no_before], origin[no_before] = _NEVER, -1
    receives, sends = context.pairs
    has = stamped[sends]
    row, source = _greatest_received(receives[has], sends[has], times)
    greater = times.at(source).is_above(latest.at(row))
    row, source = row[greater], source[greater]
    latest.physical[row], latest.counter[row] = times.at(source)
    origin[row] = source
    return latest, origin


def _greatest_received(
    receives: IntArray, sends: IntArray, times: HybridTimes
) -> tuple[IntArray, IntArray]:
    """Return each receive once, with the send that had the greatest timestamp."""
    physical, counter = times.at(sends)
    order = np.lexsort((counter, physical, receives))
    receives, sends = receives[order], sends[order]
    is_last = np.ones(len(receives), bool)
    is_last[:-1] = receives[1:] != receives[:-1]
    return receives[is_last], sends[is_last]


def _expected(time_ns: IntArray, latest: HybridTimes) -> HybridTimes:
    """Return the timestamps of events at these physical times, after the latest known."""
    return HybridTimes(
        np.maximum(time_ns, latest.physical),
        np.where(time_ns > latest.physical, 0, latest.counter + 1),
    )


def _is_exact(context: Context, stamped: BoolArray) -> BoolArray:
    """Whether an event's physical time, and the timestamps of all its messages, are known."""
    exact: BoolArray = required(context.columns.time_ns) != MISSING
    exact &= (context.messages.source != UNMATCHED) & ~context.starts_late
    receives, sends = context.pairs
    exact[receives[~stamped[sends]]] = False
    return exact


def _clear_after_isolated_error(
    context: Context, verdict: IntArray, times: HybridTimes, expected: HybridTimes
) -> BoolArray:
    """Clear events that follow correctly from the value the previous event should have had.

    Then only the event before is blamed. Of events that received nothing.
    Returns which they are.
    """
    goes_on = np.zeros(len(context), bool)
    rows = np.flatnonzero((verdict[:-1] != CORRECT) & context.has_before[1:]) + 1
    rows = rows[context.messages.source[rows] == NOTHING]
    should = _expected(required(context.columns.time_ns)[rows], expected.at(rows - 1))
    goes_on[rows] = (times.physical[rows] == should.physical) & (
        times.counter[rows] == should.counter
    )
    verdict[goes_on] = CORRECT
    return goes_on


def _clear_misled(context: Context, verdict: IntArray, origin: IntArray) -> None:
    """Clear events that are wrong only because a neighbour is; only the neighbour is blamed.

    They are an event that is not above the one before it, whose step was wrong;
    and a receive from an event that is wrong though its process goes on correctly.
    """
    before = np.arange(len(context)) - 1
    below = (verdict == CONDITION) & (origin >= 0) & (origin == before)
    cleared = np.flatnonzero(below & np.isin(verdict[origin], (BOUND, STEP)))
    isolated = verdict != CORRECT
    isolated[:-1] &= (verdict[1:] == CORRECT) | context.is_first[1:]
    receives, sends = context.pairs
    misled = receives[(verdict[receives] != CORRECT) & isolated[sends]]
    verdict[cleared] = CORRECT
    verdict[misled] = CORRECT


def _judge_hybrid(verdict: int) -> Callable[[Context], Findings]:
    """Return the function that picks the events with one verdict."""

    def judge(context: Context) -> Findings:
        steps = _steps(context)
        rows = np.flatnonzero(steps.verdict == verdict)
        return findings(
            rows,
            lambda number: _explain(context, steps, int(rows[number])),
            steps.is_unknown if verdict == STEP else NO_ROWS,  # reported once
            "its timestamp or time, or a timestamp that it follows from, is not known",
        )

    return judge


def _explain(context: Context, steps: HybridSteps, row: int) -> Explanation:
    physical, counter = int(steps.latest.physical[row]), int(steps.latest.counter[row])
    origin = int(steps.origin[row])
    witness = (origin, row) if origin >= 0 else (row,)
    found = f"({steps.times.physical[row]}, {steps.times.counter[row]})"
    if steps.verdict[row] == CONDITION:
        return Explanation(f"above ({physical}, {counter})", found, witness)
    time = int(required(context.columns.time_ns)[row])
    if time > physical:
        return Explanation(f"({time}, 0), from its physical time", found, witness)
    expected = f"({physical}, {counter + 1}), from the timestamp of {context.event_name(origin)}"
    return Explanation(expected, found, witness)


# How much there is to judge.


def _has_hybrid_clock(context: Context) -> bool:
    held = context.trace.timestamps
    return held is not None and held.clock == "hybrid" and bool(len(held.values))


def _events_after_others(context: Context) -> int:
    """Return how many events follow on one, in their process or by a message."""
    if not _has_hybrid_clock(context):
        return 0
    held = context.trace.timestamps
    assert held is not None
    return count_of(is_stamped(held) & (_steps(context).origin >= 0))


def _exact_steps(context: Context) -> int:
    has_times = _has_hybrid_clock(context) and context.columns.time_ns is not None
    return count_of(_steps(context).is_exact) if has_times else 0


def _all_steps(context: Context) -> int:
    has_times = _has_hybrid_clock(context) and context.columns.time_ns is not None
    steps = _steps(context) if has_times else None
    return 0 if steps is None else count_of(steps.is_exact | steps.is_unknown)


HYBRID_CONDITION = Rule(
    "hybrid-condition",
    "if a happened before b, then the timestamp (l, c) of a is less than that of b",
    _events_after_others,
    _judge_hybrid(CONDITION),
)
HYBRID_BOUND = Rule(
    "hybrid-bound",
    "l is the greatest physical time in the past: never behind the own, never further ahead",
    _exact_steps,
    _judge_hybrid(BOUND),
)
HYBRID_STEP = Rule(
    "hybrid-step",
    "c counts up while l stays, and returns to 0 when physical time moves on",
    _all_steps,
    _judge_hybrid(STEP),
)
