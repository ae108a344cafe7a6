"""The clock condition: if one event happened before another, its clock is smaller.

Rule: `clock-condition`. It needs Lamport clocks.

The condition holds for all pairs of events if it holds for every event and the
one before it in its process, and for every receive and its send: happened-before
is the transitive closure of these steps (Lamport 1978). So one look at each
event is enough. A receive whose send is not known is judged by its stamp: whoever sent
the message, the clock of the send was at least that. What the rule cannot see: a
clock that moves by more than one keeps the condition; `lamport-step` judges that.

`unordered` finds the steps; the rule then blames one event for each, so it also
has to know what each clock should have been (`lamport_steps`).
"""

from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.messages import NOTHING, UNMATCHED, Messages
from driftlab.history.trace import Trace
from driftlab.jit import Loop
from driftlab.judge.context import (
    Context,
    Explanation,
    Findings,
    Rule,
    count_of,
    findings_by_kind,
    is_stamped,
    required,
)
from driftlab.model.columns import MISSING

BLOCK_ROWS: Final = 1_000_000  # looked at together, so that room for that many findings is enough
NOTHING_RECEIVED: Final = -(2**62)  # far below all clocks

# Every step of happened-before that breaks the condition.


class Unordered(NamedTuple):
    """Rows, rising, whose Lamport clock is not greater than that of an event just before them.

    by_program i8: not greater than the clock of the event before in the process
    (the last one that has a clock). by_message i8: not greater than the clock
    of the send of a message that the event received.
    """

    by_program: IntArray
    by_message: IntArray


def unordered(trace: Trace, messages: Messages) -> Unordered:
    """Return every event whose Lamport clock breaks the clock condition with a direct cause.

    trace, messages: the history; without Lamport clocks nothing is found.
    Takes time linear in rows, and memory for BLOCK_ROWS findings beside those found.
    """
    clock = trace.columns.clock
    nothing = np.zeros(0, np.int64)
    if clock is None or not len(trace):
        return Unordered(nothing, nothing)
    starts, rows = trace.starts, len(trace)
    room = [np.empty(min(BLOCK_ROWS, rows), np.int64) for _ in range(2)]
    found: tuple[list[IntArray], list[IntArray]] = ([], [])
    known = MISSING
    for begin in range(0, rows, BLOCK_ROWS):
        end = min(begin + BLOCK_ROWS, rows)
        process = trace.process_of(begin)
        inputs = (clock, messages.source, starts, process, begin, end, known, MISSING)
        *counts, known = _unordered_in_block(rows, inputs, room)
        for kept, held, count in zip(found, room, counts, strict=True):
            kept.append(held[:count].copy())
    by_program, by_message = (np.concatenate(pieces) for pieces in found)
    return Unordered(by_program, _with_extra_messages(clock, messages, by_message))


@Loop
def _unordered_in_block(
    clock: Any,  # arrays here, or lists where the loop runs uncompiled
    source: Any,
    starts: Any,
    process: int,
    begin: int,
    end: int,
    known: int,
    missing: int,
    by_program: Any,
    by_message: Any,
) -> tuple[int, int, int]:
    """Look at the rows of one block. `known`: the last clock before it in its process."""
    programs = 0
    messages = 0
    row = begin
    while row < end:
        if row == starts[process]:
            known = missing
        until = min(end, starts[process + 1])
        process += 1
        while row < until:
            mine = clock[row]
            if mine != missing:
                if mine <= known:
                    by_program[programs] = row
                    programs += 1
                known = mine
                sent = source[row]
                if sent >= 0:
                    theirs = clock[sent]
                    if mine <= theirs:
                        by_message[messages] = row
                        messages += 1
            row += 1
    return programs, messages, known


def _with_extra_messages(clock: IntArray, messages: Messages, rows: IntArray) -> IntArray:
    """Add the rows whose clock is not greater than that of a further message they received."""
    if not len(messages.extra_receives):
        return rows
    known = messages.extra_sends >= 0
    to, sent = messages.extra_receives[known], messages.extra_sends[known]
    broken = (clock[to] <= clock[sent]) & (clock[to] != MISSING)
    return np.union1d(rows, to[broken])


def known_before(trace: Trace, row: int) -> int | None:
    """Return the row of the last event before one in its process that has a Lamport clock."""
    start, clock = int(trace.starts[trace.process_of(row)]), required(trace.columns.clock)
    end, width = row, 1
    while end > start:  # mostly the one right before: look back in steps that grow
        begin = max(start, end - width)
        known = np.flatnonzero(clock[begin:end] != MISSING)
        if len(known):
            return begin + int(known[-1])
        end, width = begin, width * 2
    return None


# What every clock should be.


class LamportSteps(NamedTuple):
    """What each clock should be after the event before and the messages received.

    before i8: the clock of the event before. received i8: the greatest clock
    received, NOTHING_RECEIVED where none was. expected i8: what follows from
    both. judged: whether that is known. lacks_message: whether what was received
    is not known. may_jump: whether the clock moves by more than one where the log does not
    say if anything was received. isolated_errors i8: rows, rising, whose clock is wrong though the
    next event goes on as if it were right.
    """

    before: IntArray
    received: IntArray
    expected: IntArray
    judged: BoolArray
    lacks_message: BoolArray
    may_jump: BoolArray
    isolated_errors: IntArray


def lamport_steps(context: Context) -> LamportSteps:
    """Return what each clock should be."""
    steps: LamportSteps = context.cached("lamport steps", _find_steps)
    return steps


def _find_steps(context: Context) -> LamportSteps:
    clock = required(context.columns.clock)
    before, received = context.before(clock, 0), _received_clock(context, clock)
    expected = np.maximum(before, received) + 1
    judged: BoolArray = (clock != MISSING) & (before != MISSING) & ~_begins(context, clock)
    lacks: BoolArray = (context.messages.source == UNMATCHED) | (context.messages.source >= 0)
    # A message of which nothing is known may have set a clock that the others do not explain.
    nameless = context.messages.source == UNMATCHED
    if context.columns.stamp is not None:
        nameless &= context.columns.stamp == MISSING
    lacks &= (received == NOTHING_RECEIVED) | (nameless & (clock > expected))
    lacks[context.messages.carried_unknown] = True
    judged &= ~lacks
    if context.trace.is_clock_unsure:
        is_open = _may_be_early(context, clock)
        lacks |= is_open
        judged &= ~is_open
    # The first event of a log is not judged, but the next may show what its clock should be.
    seen = judged | (context.starts_late & (clock != MISSING))
    wrong = np.flatnonzero(seen & ~context.after_gap & (clock != expected))
    wrong = wrong[wrong + 1 < len(context)]
    after = wrong + 1
    follows = context.has_before[after] & judged[after]
    went_on = clock[after] == np.maximum(expected[wrong], received[after]) + 1
    is_certain = judged[wrong] | (clock[after] <= clock[wrong]) | (clock[wrong] <= received[wrong])
    isolated = wrong[follows & went_on & is_certain & (clock[after] != expected[after])]
    may_jump = judged & _may_be_unsaid_receive(context) & context.has_before & (clock > expected)
    may_jump[isolated] = False
    may_jump[isolated + 1] = False
    judged &= ~may_jump
    return LamportSteps(before, received, expected, judged, lacks, may_jump, isolated)


def _may_be_early(context: Context, clock: IntArray) -> BoolArray:
    """Whether an event's clock may be right if clocks are written before their event.

    That is a receive of a send that is not logged, and the event after it, whose line
    may show what the message brought.
    """
    stamp = required(context.columns.stamp)
    unsent = (context.messages.source == UNMATCHED) & (stamp != MISSING)
    may_be: BoolArray = unsent & (clock <= stamp)
    after = np.flatnonzero(unsent[:-1] & context.has_before[1:]) + 1
    brought = np.maximum(clock[after - 1], stamp[after - 1]) + 1
    may_be[after[clock[after] == brought]] = True
    return may_be


def _may_be_unsaid_receive(context: Context) -> BoolArray:
    """Whether the log does not say of an event if it received, and no message of it is known.

    Then its clock may have moved on by any number.
    """
    may_be: BoolArray = context.may_receive & ~context.is_receive
    may_be &= context.messages.source == NOTHING
    held = context.trace.timestamps
    if held is not None and held.clock == "vector":  # it shows all that brought something new
        may_be &= ~is_stamped(held)
    return may_be


def _begins(context: Context, clock: IntArray) -> BoolArray:
    """Whether an event is the first of its log, and its clock is taken as it is.

    Of a whole log only where the clock is below 1: it began with a number of its own.
    """
    return context.is_first & (clock < 1) if context.is_whole else context.starts_late


def _received_clock(context: Context, clock: IntArray) -> IntArray:
    """Return the greatest clock that each event received, NOTHING_RECEIVED where none was."""
    of, messages = context.columns, context.messages
    received = np.full(len(context), NOTHING_RECEIVED, np.int64)
    to, sends = context.pairs
    known = clock[sends] != MISSING
    np.maximum.at(received, to[known], clock[sends][known])
    if of.stamp is not None:
        lone = (of.stamp != MISSING) & context.is_receive & (messages.source < 0)
        lone[to[~known]] = (of.stamp != MISSING)[to[~known]]
        received[lone] = of.stamp[lone]
        received[messages.stamp_per_target] = of.stamp[messages.stamp_per_target]
        # A message with a wrong name carried its stamp, unless the receiver's clock shows
        # that it carried the clock of its send.
        rows = messages.matched_by_position
        before = context.before(clock, 0)[rows]
        by_send = clock[rows] == np.maximum(before, clock[messages.source[rows]]) + 1
        received[rows[~by_send]] = of.stamp[rows[~by_send]]
    return received


# The rule.


class ConditionViolations(NamedTuple):
    """Rows that break the clock condition; each broken step is in one of the three.

    by_message i8: not above the send of a message. by_stamp i8: not above the clock
    that a message of an unknown send carried. by_program i8: not above the event
    before. by_next i8: not below the event after, which goes on from what this
    clock should have been.
    """

    by_message: IntArray
    by_stamp: IntArray
    by_program: IntArray
    by_next: IntArray


def condition_violations(context: Context) -> ConditionViolations:
    """Return the rows that break the clock condition.

    Left to other rules: an event whose messages carry different stamps
    (`send-to-all`), a message whose name is not the clock of its send (`stamp`),
    and one without a name whose send has a wrong clock; none is held against the
    clock of the send.
    """
    found: ConditionViolations = context.cached("condition violations", _find_violations)
    return found


def _find_violations(context: Context) -> ConditionViolations:
    by_program, by_message = unordered(context.trace, context.messages)
    messages = context.messages
    for rows in (
        messages.stamp_per_target, messages.matched_by_position, messages.carried_unknown
    ):  # fmt: skip
        by_message = np.setdiff1d(by_message, rows) if len(rows) else by_message
    isolated, clock = lamport_steps(context).isolated_errors, required(context.columns.clock)
    by_next = isolated[clock[isolated + 1] <= clock[isolated]]
    by_stamp = _not_above_stamp_rows(context, clock)
    blamed = np.concatenate([by_message, by_stamp, isolated + 1])
    return ConditionViolations(by_message, by_stamp, np.setdiff1d(by_program, blamed), by_next)


def _not_above_stamp_rows(context: Context, clock: IntArray) -> IntArray:
    """Return the receives of unknown sends whose clock is not above that of the send.

    That is the stamp, or one more where the sender stamps before it counts; so a
    receive at or below the stamp is wrong whoever sent the message.
    """
    stamp = context.columns.stamp
    if stamp is None:
        return np.zeros(0, np.int64)
    if context.trace.is_clock_unsure:
        return np.zeros(0, np.int64)
    rows = np.flatnonzero((context.messages.source == UNMATCHED) & (stamp != MISSING))
    not_above: IntArray = rows[(clock[rows] != MISSING) & (clock[rows] <= stamp[rows])]
    return not_above


def _judge_condition(context: Context) -> Findings:
    """Judge C(a) < C(b) for each step of happened-before."""
    found = condition_violations(context)
    return findings_by_kind(
        (found.by_message, lambda row, _: _not_above_send(context, row)),
        (found.by_stamp, lambda row, _: _not_above_stamp(context, row)),
        (found.by_program, lambda row, _: _not_above_before(context, row)),
        (found.by_next, lambda row, _: _not_below_next(context, row)),
        unknown=_lacks_message(context),
        reason="what was received is not known",
    )


def _lacks_message(context: Context) -> BoolArray:
    """Whether an event has a clock, and received a message of which no clock is known."""
    lacks: BoolArray = lamport_steps(context).lacks_message.copy()
    lacks &= required(context.columns.clock) != MISSING
    for rows in condition_violations(context):
        lacks[rows] = False
    return lacks


def _not_above_stamp(context: Context, row: int) -> Explanation:
    clock, stamp = required(context.columns.clock), required(context.columns.stamp)
    expected = f"clock above {stamp[row]}, the stamp of its message"
    return Explanation(expected, f"clock {clock[row]}", (row,))


def _not_above_send(context: Context, row: int) -> Explanation:
    clock, send = required(context.columns.clock), _send_not_below(context, row)
    return Explanation(
        f"clock above {clock[send]}, the clock of the send",
        f"clock {clock[row]}{_carried(context, row)}",
        (send, row),
    )


def _not_above_before(context: Context, row: int) -> Explanation:
    clock, before = required(context.columns.clock), known_before(context.trace, row)
    assert before is not None
    return Explanation(
        f"clock above {clock[before]}, the clock of the event before",
        f"clock {clock[row]}",
        (before, row),
    )


def _not_below_next(context: Context, row: int) -> Explanation:
    clock = required(context.columns.clock)
    return Explanation(
        f"clock below {clock[row + 1]}, the clock of the event after",
        f"clock {clock[row]}",
        (row, row + 1),
    )


def _send_not_below(context: Context, row: int) -> int:
    """Return the row of a send whose clock is not below that of its receive."""
    clock = required(context.columns.clock)
    source = int(context.messages.source[row])
    if source >= 0 and clock[source] >= clock[row]:
        return source
    return next(send for send in context.sends_of(row) if clock[send] >= clock[row])


def _carried(context: Context, row: int) -> str:
    if int(context.messages.sender[row]) in context.messages.stamp_before_send:
        stamp = required(context.columns.stamp)[row]
        return f"; the message carried {stamp}, the clock before the send"
    return ""


def has_clock(context: Context) -> bool:
    """Whether any event has a Lamport clock."""
    clock = context.columns.clock
    return clock is not None and bool((clock != MISSING).any())


def _steps_with_clocks(context: Context) -> int:
    """Return how many steps of happened-before there are between events with Lamport clocks."""
    if not has_clock(context):
        return 0
    has = required(context.columns.clock) != MISSING
    processes = int(np.count_nonzero(np.bincount(context.process[has])))
    receives, sends = context.pairs
    without_send = (context.messages.source == UNMATCHED) | lamport_steps(context).lacks_message
    by_message = count_of(has[receives] & has[sends]) + count_of(has & without_send)
    return count_of(has) - processes + by_message


CLOCK_CONDITION = Rule(
    "clock-condition",
    "if a happened before b, then C(a) < C(b)",
    _steps_with_clocks,
    _judge_condition,
)
