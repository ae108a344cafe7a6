"""Nothing is received before it was sent: not in causal order, and not in time.

Rule: `before-sent`. It needs messages; for the order in time also our journals'
due times. Limit: machines that were started by hand may have begun up to a
second apart (START_SKEW_NS_MAX), so a message that early is not reported.

A history whose messages close cycles has more cycles than messages that close
them. One cycle is found, and of its messages the message is removed whose removal
lets the ordering reach furthest; and so on, until all events can be ordered.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.happened_before import HappenedBefore
from driftlab.history.matching.messages import UNMATCHED, Messages
from driftlab.history.trace import Trace
from driftlab.history.vector_times import linear_extension
from driftlab.judge.context import (
    Context,
    Explanation,
    Findings,
    Rule,
    findings_by_kind,
)

START_SKEW_NS_MAX: Final = 1_000_000_000
CYCLES_MAX: Final = 20  # that are looked for


def _judge_before_sent(context: Context) -> Findings:
    cycles = cycles_of(context.trace, context.messages)
    receives, sends = context.pairs
    early = _is_early_in_time(context, receives, sends)
    receives, sends = receives[early], sends[early]

    def explain_cycle(row: int, number: int) -> Explanation:
        found = f"{context.event_name(row)} happened before itself"
        return Explanation("no event in its own past", found, tuple(cycles[number]))

    def explain_early(row: int, number: int) -> Explanation:
        began, send = context.begins_ns, int(sends[number])
        return Explanation(
            f"a tick after {began[send]} ns, when the message was sent",
            f"a tick at {began[row]} ns",
            (send, row),
        )

    closing = np.array([cycle[-1] for cycle in cycles], np.int64)
    return findings_by_kind((closing, explain_cycle), (receives, explain_early))


def _is_early_in_time(context: Context, receives: IntArray, sends: IntArray) -> BoolArray:
    """Whether a message was received in a tick that was over before the tick that sent it.

    In simulated time a receive is strictly later than its send. In a real run a
    tick looks into its sockets after it began, and before the next begins.
    """
    if context.columns.due_ns is None or not len(context.trace.process_info):
        return np.zeros(len(receives), bool)
    began = context.begins_ns
    if context.description_of(0).simulated:
        simulated: BoolArray = began[receives] <= began[sends]
        return simulated
    over = np.full(len(context), np.iinfo(np.int64).max // 2)  # the last tick may have been long
    over[:-1] = np.where(context.is_first[1:], over[:-1], began[1:])
    # A send that began after the next tick of its process is left to `process-order`.
    in_order = began[sends] <= over[sends]
    early: BoolArray = in_order & (over[receives] + START_SKEW_NS_MAX < began[sends])
    return early


def cycles_of(trace: Trace, messages: Messages) -> list[list[int]]:
    """Return causal cycles, each from the receive of a message that closes it back to there.

    A cycle is a list of rows, each before the next, the last the first again.
    Returns CYCLES_MAX at most; if fewer, no event precedes itself without the
    messages that close these.
    """
    found: list[list[int]] = []
    while len(found) < CYCLES_MAX:
        cycle = HappenedBefore(trace, messages).cycle()
        if not cycle:
            break
        rest = {pair: _without(messages, *pair) for pair in _messages_in(messages, cycle)}
        closing = max(rest, key=lambda pair: _ordered_events(trace, rest[pair]))
        messages = rest[closing]
        place = cycle.index(closing[1])
        found.append([*cycle[place:-1], *cycle[:place], closing[1]])
    return found


def _messages_in(messages: Messages, cycle: Sequence[int]) -> list[tuple[int, int]]:
    """Return the messages along a cycle, each as the rows of its send and its receive."""
    return [(send, to) for send, to in pairwise(cycle) if send in _sends_of(messages, to)]


def _sends_of(messages: Messages, row: int) -> list[int]:
    low, high = np.searchsorted(messages.extra_receives, (row, row + 1))
    return [int(messages.source[row]), *messages.extra_sends[low:high].tolist()]


def _without(messages: Messages, send: int, receive: int) -> Messages:
    """Return all messages but one."""
    if messages.source[receive] == send:
        source = messages.source.copy()
        source[receive] = UNMATCHED
        return messages._replace(source=source)
    kept = (messages.extra_receives != receive) | (messages.extra_sends != send)
    return messages._replace(
        extra_receives=messages.extra_receives[kept], extra_sends=messages.extra_sends[kept]
    )


def _ordered_events(trace: Trace, messages: Messages) -> int:
    """Return how many events can be put in causal order before a cycle is met."""
    path = linear_extension(trace, messages)
    return int((path.ends - path.begins).sum())


BEFORE_SENT = Rule(
    "before-sent",
    "nothing is received before it was sent",
    lambda context: len(context.pairs[0]),
    _judge_before_sent,
)
