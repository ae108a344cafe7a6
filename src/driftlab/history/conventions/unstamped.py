"""Lamport clocks that are written before their event, in logs whose messages carry no stamps.

Such a line shows the clock that the event before left, at a receive too; what the
message brought stands in the line after it. So a line after a receive jumps, though it
received nothing. Once each event has the clock of the next line, messages that are
matched by their ids or by their order must explain the jumps, and nearly all steps must
fit, of which more did not before. A single message does not show it, unless most
processes begin with 0: their first event has not been counted yet.

Limit: clocks that are written before their increment are one less at every line, and
without stamps nothing shows it, nor is there anything to judge.
"""

from typing import NamedTuple

from driftlab.arrays import BoolArray, IntArray
from driftlab.errors import counted
from driftlab.history.conventions.queue import EXCEPTIONS_SHARE, OUTWEIGH_ONE_MIN
from driftlab.history.matching.match import match
from driftlab.history.trace import Trace
from driftlab.lazy import np
from driftlab.model.columns import MISSING, RECEIVE


class _Steps(NamedTuple):
    """How many steps are known, how many of them do not fit, how many messages set a clock."""

    known: int
    misfits: int
    set_by_message: int


def shows_clock_of_event_before(trace: Trace, later: Trace) -> str:
    """Return what shows that clocks are written before their event, in words; "" if nothing does.

    later: the trace with the clock of the next line at each event.
    """
    clock, receives = trace.columns.clock, trace.columns.kind == RECEIVE
    if clock is None or not receives.any():
        return ""
    before = np.where(_has_before(trace), np.append(MISSING, clock[:-1]), MISSING)
    starts = trace.starts[:-1][np.diff(trace.starts) > 0]
    begin_with_0 = 2 * np.count_nonzero(clock[starts] == 0) >= len(starts)
    jumps = np.append(False, receives[:-1]) & (before != MISSING) & (clock > before + 1)
    if not (jumps if begin_with_0 else jumps & ~receives).any():
        return ""
    now, then = _count_steps(trace, before), _count_steps(later, clock)
    is_shown = then.set_by_message >= (1 if begin_with_0 else OUTWEIGH_ONE_MIN)
    if not is_shown or then.misfits * EXCEPTIONS_SHARE > then.known or now.misfits <= then.misfits:
        return ""
    several = "show" if then.set_by_message > 1 else "shows"
    return f"as {counted(then.set_by_message, 'message')} {several}"


def _has_before(trace: Trace) -> BoolArray:
    """Whether the row before each row is the event before in its process."""
    mask = np.ones(len(trace), bool)
    starts = trace.starts[:-1]
    mask[starts[starts < len(trace)]] = False
    mask[trace.gaps] = False
    return mask


def _count_steps(trace: Trace, before: IntArray) -> _Steps:
    """Count the steps of a trace: by one at each event, at a receive above its message too.

    before: the clock before each event, MISSING where it is not known.
    """
    clock, receives = trace.columns.clock, trace.columns.kind == RECEIVE
    assert clock is not None
    messages = match(trace)
    carried: IntArray = np.full(len(trace), MISSING)
    matched = messages.receives
    carried[matched] = clock[messages.source[matched]]
    has_clock = (clock != MISSING) & (~receives | (carried != MISSING))
    known = has_clock & (before != MISSING)
    fits = clock == np.maximum(before, carried) + 1
    is_below = has_clock & ~known & receives & (clock <= carried)
    is_set = known & fits & receives & (carried > before)
    masks = (known | is_below, (known & ~fits) | is_below, is_set)
    return _Steps(*(int(np.count_nonzero(mask)) for mask in masks))
