"""Histories that go in a circle: which messages close circles, each with its proof.

There are more circles than messages that make them. One is looked for, the
message of it whose absence lets the causal order go on furthest is taken out,
and so on until an order of all events is there.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from driftlab.analysis.messages import UNMATCHED, Messages
from driftlab.analysis.order import Order
from driftlab.analysis.vectors import walk
from driftlab.trace.trace import Trace

CYCLES_MAX: Final = 20  # that are looked for


def cycles_of(trace: Trace, messages: Messages) -> list[list[int]]:
    """Return cycles, each from the receive of a message that closes it back to that receive.

    Rows, each before the next, the last the first again. They are CYCLES_MAX at
    most; if they are fewer, no event is before itself without these messages.
    """
    found: list[list[int]] = []
    while len(found) < CYCLES_MAX:
        cycle = Order(trace, messages).cycle()
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
    low, high = np.searchsorted(messages.more_to, (row, row + 1))
    return [int(messages.source[row]), *messages.more_from[low:high].tolist()]


def _without(messages: Messages, sent: int, to: int) -> Messages:
    """Return all messages but one."""
    if messages.source[to] == sent:
        source = messages.source.copy()
        source[to] = UNMATCHED
        return messages._replace(source=source)
    kept = (messages.more_to != to) | (messages.more_from != sent)
    return messages._replace(more_to=messages.more_to[kept], more_from=messages.more_from[kept])


def _placed(trace: Trace, messages: Messages) -> int:
    """Return how many events stand in causal order before a cycle is met."""
    path = walk(trace, messages)
    return int((path.ends - path.begins).sum())
