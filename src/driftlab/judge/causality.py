"""Nothing is received before it was sent: not in causal order, not in time.

Histories that go in a circle: which messages close circles, each with its proof.

There are more circles than messages that make them. One is looked for, the
message of it whose absence lets the causal order go on furthest is taken out,
and so on until an order of all events is there.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from driftlab.history.happened_before import HappenedBefore
from driftlab.history.matching.messages import UNMATCHED, Messages
from driftlab.history.trace import Trace
from driftlab.history.vector_times import walk
from driftlab.judge.context import Context, Explanation, Findings, Rule, findings
from driftlab.judge.fifo_channels import has_messages
from driftlab.model.columns import Array


def _before_sent(case: Context) -> Findings:
    """No message is received before it is sent: not in causal order, not in time."""
    cycles = cycles_of(case.trace, case.messages)
    to, came_from = case.pairs
    early = _early_in_time(case, to, came_from)
    receives, sends = to[early], came_from[early]
    rows = np.concatenate([np.array([cycle[-1] for cycle in cycles], np.int64), receives])

    def tell(number: int) -> Explanation:
        if number < len(cycles):
            cycle = cycles[number]
            return Explanation(
                "no event in its own past",
                f"{case.name(cycle[-1])} happened before itself",
                tuple(cycle),
            )
        row, send = int(receives[number - len(cycles)]), int(sends[number - len(cycles)])
        return Explanation(
            f"a tick after {_began(case)[send]} ns, when it was sent",
            f"a tick at {_began(case)[row]} ns",
            (send, row),
        )

    return findings(rows, tell)


NS_ASIDE_MAX = 1_000_000_000  # how far apart machines that were started by hand may have begun


def _began(case: Context) -> Array:
    of = case.columns
    return of.due_ns if of.late_ns is None else of.due_ns + of.late_ns


def _early_in_time(case: Context, to: Array, came_from: Array) -> Array:
    """Whether a message was received in a tick that was over before the one that sent it.

    In simulated time a receive is strictly later. For real, a tick looks into
    its sockets after it began, and before the next begins.
    """
    of = case.columns
    if of.due_ns is None or not len(case.trace.process_info):
        return np.zeros(len(to), bool)
    began = _began(case)
    if case.author(0).simulated:
        return began[to] <= began[came_from]
    after = np.full(len(case), np.iinfo(np.int64).max // 2)  # the last tick may have been long
    after[:-1] = np.where(case.is_first[1:], after[:-1], began[1:])
    # A tick that began after the next one of its process did not: that is told of elsewhere.
    sane = began[came_from] <= after[came_from]
    return sane & (after[to] + NS_ASIDE_MAX < began[came_from])


BEFORE_SENT = Rule(
    "before-sent", "nothing is received before it was sent", has_messages, _before_sent
)


CYCLES_MAX: Final = 20  # that are looked for


def cycles_of(trace: Trace, messages: Messages) -> list[list[int]]:
    """Return cycles, each from the receive of a message that closes it back to that receive.

    Rows, each before the next, the last the first again. They are CYCLES_MAX at
    most; if they are fewer, no event is before itself without these messages.
    """
    found: list[list[int]] = []
    while len(found) < CYCLES_MAX:
        cycle = HappenedBefore(trace, messages).cycle()
        if not cycle:
            break
        rest = {pair: _without(messages, *pair) for pair in _messages_in(messages, cycle)}
        closing = max(rest, key=lambda pair: _placed(trace, rest[pair]))
        messages = rest[closing]
        place = cycle.index(closing[1])
        found.append([*cycle[place:-1], *cycle[:place], closing[1]])
    return found


def _messages_in(messages: Messages, cycle: Sequence[int]) -> list[tuple[int, int]]:
    """Return the messages along a cycle, each as its send and its receive."""
    return [(sent, to) for sent, to in pairwise(cycle) if sent in _sources(messages, to)]


def _sources(messages: Messages, row: int) -> list[int]:
    low, high = np.searchsorted(messages.extra_receives, (row, row + 1))
    return [int(messages.source[row]), *messages.extra_sends[low:high].tolist()]


def _without(messages: Messages, sent: int, to: int) -> Messages:
    """Return all messages but one."""
    if messages.source[to] == sent:
        source = messages.source.copy()
        source[to] = UNMATCHED
        return messages._replace(source=source)
    kept = (messages.extra_receives != to) | (messages.extra_sends != sent)
    return messages._replace(
        extra_receives=messages.extra_receives[kept], extra_sends=messages.extra_sends[kept]
    )


def _placed(trace: Trace, messages: Messages) -> int:
    """Return how many events stand in causal order before a cycle is met."""
    path = walk(trace, messages)
    return int((path.ends - path.begins).sum())
