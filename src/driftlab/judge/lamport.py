"""Lamport's clock to the exact value: every step, and every stamp that a message carries.

Rules: `lamport-step` needs Lamport clocks; `stamp` needs the stamps of messages
too. (`clock-condition` is in `clock_condition`.)

Each clock is judged from what its neighbours wrote, so one wrong clock does not
make the later ones wrong. Limit: where the event before or the message received
is not known, the step is undecided; where a log may begin late, its first clock
is taken as it is.
"""

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.errors import counted
from driftlab.history.trace import Trace
from driftlab.judge.clock_condition import (
    NOTHING_RECEIVED,
    condition_violations,
    has_clock,
    lamport_steps,
)
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
from driftlab.judge.inbox import receives_several
from driftlab.model.columns import MISSING, NO_TARGET

# lamport-step.


def _judge_step(context: Context) -> Findings:
    """Judge C(b) = max(C(a), stamp) + 1, or C(a) + 1: neither more nor less.

    Left to other rules: what breaks the clock condition, an event that took
    several messages at once, and one that counted once for each target.
    """
    clock, steps = required(context.columns.clock), lamport_steps(context)
    before, received, expected = steps.before, steps.received, steps.expected
    wrong = steps.judged & ~context.after_gap & (clock != expected)
    wrong &= ~counts_per_target(context)
    wrong[steps.isolated_errors + 1] = False  # right, though it does not follow from a wrong clock
    for rows in (*condition_violations(context), receives_several(context)):
        wrong[rows] = False
    rows = np.flatnonzero(wrong)

    def explain(number: int) -> Explanation:
        row = int(rows[number])
        if received[row] == NOTHING_RECEIVED:
            step, sends = f"{before[row]} + 1", []
        else:
            step = f"max({before[row]}, {received[row]}) + 1"
            sends = [send for send in [int(context.messages.source[row])] if send >= 0]
        return Explanation(
            f"clock {step} = {expected[row]}",
            f"clock {clock[row]}",
            context.step_proof(row, *sends),
        )

    reason = "the clock of the event before, or what was received, is not known"
    if lamport_steps(context).may_jump.any():
        reason += ", or whether it received anything"
    return findings(rows, explain, _undecided_steps(context), reason)


def _undecided_steps(context: Context) -> BoolArray:
    """Whether an event has a clock, and it is not known what that should be.

    An event after one without a clock is not asked about, unless that had one which
    no event can have.
    """
    clock, steps = required(context.columns.clock), lamport_steps(context)
    unknown: BoolArray = (steps.judged & context.after_gap) | steps.lacks_message
    unknown[1:] |= context.has_invalid_clock[:-1] & ~context.is_first[1:]
    unknown |= steps.may_jump
    unknown &= clock != MISSING
    return unknown


def jumps_of_unsaid_kind(context: Context) -> list[str]:
    """Return what to say of clocks that move by more than one at events of no known kind."""
    jumps = count_of(lamport_steps(context).may_jump)
    if not jumps:
        return []
    return [
        f"the kind of {counted(jumps, 'event')} whose clock moves by more than 1 is not known; say "
        "which are sent and received: --field kind=COLUMN or --kind WORD=KIND"
    ]


def _steps_asked_about(context: Context) -> int:
    if not has_clock(context):
        return 0
    return count_of(lamport_steps(context).judged | _undecided_steps(context))


def counts_per_target(context: Context) -> BoolArray:
    """Whether an event with several targets moved the clock once for each of them.

    Events whose clock is wrong for another reason are left out: one that stands
    alone with it, one right after a wrong clock, and one all of whose messages
    carry the clock that it should have had.
    """
    mask = np.zeros(len(context), bool)
    target = context.columns.target
    if target is None:
        return mask
    clock, steps = required(context.columns.clock), lamport_steps(context)
    step = clock - steps.before
    for row in np.flatnonzero((target < 0) & (target != NO_TARGET) & (step > 1)).tolist():
        mask[row] = step[row] == len(context.trace.targets_of(row))
    mask[context.messages.source[context.messages.matched_by_position]] = False
    mask[steps.isolated_errors] = False
    mask &= ~context.is_receive & ~context.after_gap & ~context.starts_late
    off = steps.judged & (clock != steps.expected) & ~mask & context.has_before
    mask[1:] &= ~(off[:-1] & ~context.is_first[1:])
    return mask


# stamp.


def _judge_stamp(context: Context) -> Findings:
    """Judge that a message carries the clock of its send, and is found and received with it.

    Left to other rules: stamps from before the count that make a receive no
    later than its send (`clock-condition`), and a send whose own clock is wrong.
    """
    renamed = context.messages.matched_by_position
    renamed = renamed[_has_right_clock(context, context.messages.source[renamed])]
    found_misnamed = context.arrivals_by_position
    found_misnamed = found_misnamed[
        _has_right_clock(context, context.arrival_sources[found_misnamed])
    ]
    repaired = context.repaired
    return findings_by_kind(
        (_early_stamps(context), lambda row, _: _explain_early(context, row)),
        (renamed, lambda row, _: _explain_renamed(context, row)),
        (repaired.misnamed_receives, lambda row, _: _explain_misnamed_receive(context, row)),
        (
            repaired.found_at,
            lambda row, number: _explain_misnamed_arrival(
                context, row, int(repaired.misnamed_arrivals[number])
            ),
        ),
        (
            context.arrival_rows[found_misnamed],
            lambda row, number: _explain_unknown_arrival(context, row, int(found_misnamed[number])),
        ),
    )


def _has_right_clock(context: Context, sends: IntArray) -> BoolArray:
    """Whether the clocks of some sends are right, as far as is known."""
    steps, clock = lamport_steps(context), required(context.columns.clock)
    right: BoolArray = ~steps.judged[sends] | (clock[sends] == steps.expected[sends])
    return right


def _early_stamps(context: Context) -> IntArray:
    """Return receives from senders that stamp before counting, if that broke no clock condition."""
    early = np.array(sorted(context.messages.stamp_before_send), np.int64)
    receives = context.messages.receives
    rows = receives[np.isin(context.messages.sender[receives], early)]
    broken = condition_violations(context).by_message
    return rows[:0] if np.isin(rows, broken).any() else rows


def _explain_early(context: Context, row: int) -> Explanation:
    renamed = _explain_renamed(context, row)
    return renamed._replace(found=f"{renamed.found}, the clock before the send")


def _explain_renamed(context: Context, row: int) -> Explanation:
    source = int(context.messages.source[row])
    return Explanation(
        f"stamp {required(context.columns.clock)[source]}, the clock of the send",
        f"stamp {required(context.columns.stamp)[row]}",
        (source, row),
    )


def _explain_misnamed_receive(context: Context, row: int) -> Explanation:
    source = int(context.messages.source[row])
    return Explanation(
        f"{_message(context.trace, row)}, as it was found",
        _message(context.original, row),
        (source, row) if source >= 0 else (row,),
    )


def _message(trace: Trace, row: int) -> str:
    sender, stamp = required(trace.columns.sender)[row], required(trace.columns.stamp)[row]
    return f"stamp {stamp} from {trace.names[int(sender)]}"


def _explain_misnamed_arrival(context: Context, row: int, arrival: int) -> Explanation:
    return Explanation(
        f"found {_arrival(context.trace, arrival)}, as it was sent",
        f"found {_arrival(context.original, arrival)}",
        (row,),
    )


def _arrival(trace: Trace, arrival: int) -> str:
    held = trace.arrivals
    assert held is not None
    return f"{trace.names[int(held.sender[arrival])]}:{held.stamp[arrival]}"


def _explain_unknown_arrival(context: Context, row: int, arrival: int) -> Explanation:
    send, held = int(context.arrival_sources[arrival]), context.trace.arrivals
    assert held is not None
    name = context.trace.names[int(held.sender[arrival])]
    return Explanation(
        f"found {name}:{required(context.columns.clock)[send]}, as it was sent",
        f"found {_arrival(context.trace, arrival)}",
        (send, row),
    )


def _stamps(context: Context) -> int:
    """Return how many messages were received, or found, under a name that has a send."""
    stamp = context.columns.stamp
    if not has_clock(context) or stamp is None:
        return 0
    received = count_of((stamp != MISSING) & (context.messages.source >= 0))
    if context.trace.arrivals is None:
        return received
    misnamed = len(context.repaired.misnamed_receives) + len(context.repaired.misnamed_arrivals)
    return received + count_of(context.arrival_sources >= 0) + misnamed


STAMP = Rule(
    "stamp",
    "a message carries the clock of its send, and is found and received with it",
    _stamps,
    _judge_stamp,
)
LAMPORT_STEP = Rule(
    "lamport-step",
    "a clock moves by exactly 1, at a receive to exactly max(own, stamp) + 1",
    _steps_asked_about,
    _judge_step,
)
