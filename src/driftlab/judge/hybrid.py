"""Hybrid logical clocks: the clock condition, the bound by physical time, the counter.

Kulkarni and others, OPODIS 2014, figure 5. Of (l, c): l is the greatest of the
own physical time and what the event before and the messages had; c counts on
where l was theirs, and begins at 0 where physical time has moved on.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from driftlab.history.matching.messages import NOTHING, UNMATCHED
from driftlab.judge.context import Context, Explanation, Findings, Rule, findings
from driftlab.judge.vectors import is_stamped, table
from driftlab.model.columns import MISSING, Array

HOLDS, CONDITION, BOUND, STEP = range(4)
_NEVER = -(2**62) - 1


class Steps(NamedTuple):
    """What is wrong with each event's step, what it should be, and from which row that comes."""

    verdict: Array
    physical: Array  # l
    logical: Array  # c
    latest: tuple[Array, Array]  # the greatest (l, c) of the event before and the messages
    origin: Array  # its row, -1 where there is none
    is_unknown: Array


def _steps(case: Context) -> Steps:
    held = case.trace.timestamps
    assert held is not None
    numbers = table(held, np.arange(len(case)), 2)
    physical, logical = numbers[:, 0], numbers[:, 1]
    stamped = is_stamped(held)
    latest = _latest(case, physical, logical, stamped)
    latest_l, latest_c, origin = latest
    above = (physical > latest_l) | ((physical == latest_l) & (logical > latest_c))
    verdict = np.zeros(len(case), np.uint8)
    known = stamped & (case.has_before | case.is_first) & ~case.after_gap
    known &= case.is_first | np.concatenate([[True], stamped[:-1]])
    time = case.columns.time_ns
    if time is not None:
        to, came_from = case.pairs
        heard = np.ones(len(case), bool)
        heard[to[~stamped[came_from]]] = False  # a message whose timestamp is not known
        exact = known & heard & (time != MISSING) & (case.messages.source != UNMATCHED)
        exact &= ~case.begins_anywhere
        expected_l = np.maximum(time, latest_l)
        expected_c = np.where(time > latest_l, 0, latest_c + 1)
        verdict[exact & (logical != expected_c)] = STEP
        verdict[exact & (physical != expected_l)] = BOUND
        fits = _after_slip(case, verdict, expected_l, expected_c, (physical, logical))
    else:
        fits = np.zeros(len(case), bool)
    verdict[stamped & ~above & ~fits] = CONDITION
    _clear_misled(case, verdict, origin)
    return Steps(verdict, physical, logical, (latest_l, latest_c), origin, ~known)


def _clear_misled(case: Context, verdict: Array, origin: Array) -> None:
    """Clear events that are wrong only beside one that is: that one alone is blamed.

    An event that is not above the one before it, whose step was not right; and a
    receive of a message from an event that is wrong though its process goes on
    as it should.
    """
    before = np.arange(len(case)) - 1
    below = (verdict == CONDITION) & (origin >= 0) & (origin == before)
    cleared = np.flatnonzero(below & np.isin(verdict[origin], (BOUND, STEP)))
    slips = verdict != HOLDS
    slips[:-1] &= (verdict[1:] == HOLDS) | case.is_first[1:]
    to, came_from = case.pairs
    misled = to[(verdict[to] != HOLDS) & slips[came_from]]
    verdict[cleared] = HOLDS
    verdict[misled] = HOLDS


def _after_slip(
    case: Context, verdict: Array, expected_l: Array, expected_c: Array, stood: tuple[Array, Array]
) -> Array:
    """Whether an event goes on from where the one before it should have stood, and did not.

    Then that one alone is blamed. Only of events that received nothing.
    """
    time = case.columns.time_ns
    fits = np.zeros(len(case), bool)
    rows = np.flatnonzero((verdict[:-1] != HOLDS) & case.has_before[1:]) + 1
    rows = rows[case.messages.source[rows] == NOTHING]
    should_l, should_c = expected_l[rows - 1], expected_c[rows - 1]
    went_on_l = np.maximum(time[rows], should_l)
    went_on_c = np.where(time[rows] > should_l, 0, should_c + 1)
    fits[rows] = (stood[0][rows] == went_on_l) & (stood[1][rows] == went_on_c)
    verdict[fits] = HOLDS
    return fits


def _latest(
    case: Context, physical: Array, logical: Array, stamped: Array
) -> tuple[Array, Array, Array]:
    """Return of each event the greatest timestamp that it must exceed, and its row."""
    latest_l, latest_c = case.before(physical, _NEVER), case.before(logical, 0)
    origin = np.where(case.is_first, -1, np.arange(len(case)) - 1)
    no_before = ~case.is_first & ~np.concatenate([[True], stamped[:-1]])
    latest_l[no_before], origin[no_before] = _NEVER, -1
    to, came_from = case.pairs
    has = stamped[came_from]
    for row, source in zip(*_greatest(to[has], came_from[has], physical, logical), strict=True):
        greater = physical[source] > latest_l[row]
        greater |= (physical[source] == latest_l[row]) & (logical[source] > latest_c[row])
        row, source = row[greater], source[greater]
        latest_l[row], latest_c[row], origin[row] = physical[source], logical[source], source
    return latest_l, latest_c, origin


def _greatest(
    to: Array, source: Array, physical: Array, logical: Array
) -> tuple[list[Array], list[Array]]:
    """Return each receive once, with the greatest of its messages."""
    order = np.lexsort((logical[source], physical[source], to))
    to, source = to[order], source[order]
    is_last = np.ones(len(to), bool)
    is_last[:-1] = to[1:] != to[:-1]
    return [to[is_last]], [source[is_last]]


def _judged(case: Context) -> Steps:
    steps: Steps = case.cached("hybrid steps", _steps)
    return steps


def _rule(verdict: int) -> Callable[[Context], Findings]:
    def judge(case: Context) -> Findings:
        steps = _judged(case)
        rows = np.flatnonzero(steps.verdict == verdict)
        unknown = steps.is_unknown if verdict == STEP else np.zeros(0, np.int64)
        return findings(
            rows,
            lambda number: _tell(case, steps, int(rows[number])),
            unknown,
            "it has no timestamp, or what was before it is missing",
        )

    return judge


def _tell(case: Context, steps: Steps, row: int) -> Explanation:
    physical, logical = int(steps.physical[row]), int(steps.logical[row])
    latest_l, latest_c = int(steps.latest[0][row]), int(steps.latest[1][row])
    origin = int(steps.origin[row])
    proof = (origin, row) if origin >= 0 else (row,)
    found = f"({physical}, {logical})"
    if steps.verdict[row] == CONDITION:
        return Explanation(f"above ({latest_l}, {latest_c})", found, proof)
    time = int(case.columns.time_ns[row])
    wanted = (time, 0) if time > latest_l else (latest_l, latest_c + 1)
    why = "its physical time" if time > latest_l else f"that of {case.name(origin)}"
    return Explanation(f"({wanted[0]}, {wanted[1]}), from {why}", found, proof)


def _applies(case: Context) -> bool:
    held = case.trace.timestamps
    return held is not None and held.clock == "hybrid"


def _applies_with_time(case: Context) -> bool:
    return _applies(case) and case.columns.time_ns is not None


HYBRID_CONDITION = Rule(
    "hybrid-condition",
    "if a happened before b, then (l, c) of a is less",
    _applies,
    _rule(CONDITION),
)
HYBRID_BOUND = Rule(
    "hybrid-bound",
    "l is the greatest physical time in the past, so never behind the own and no further ahead",
    _applies_with_time,
    _rule(BOUND),
)
HYBRID_STEP = Rule(
    "hybrid-step",
    "c counts on while l stands, and falls to 0 when physical time moves on",
    _applies_with_time,
    _rule(STEP),
)
