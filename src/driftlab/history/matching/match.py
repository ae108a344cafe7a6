"""Message matching: which strategy applies, and in which order.

Program order and matched messages are all that happened-before is made from.
The strategy for a log is the first of STRATEGIES that has what it needs there.
Where a log names messages by (sender, stamp), the strategies of
NAMED_MESSAGE_STRATEGIES apply one after the other, each to the receives that
the ones before left unmatched; what the last one leaves stays UNMATCHED.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from driftlab.errors import DriftlabError
from driftlab.history.matching.by_channel_position import match_by_channel_position
from driftlab.history.matching.by_id import has_message_ids, match_by_id
from driftlab.history.matching.by_stamp import (
    has_stamps,
    match_miscounted_sends,
    match_misdelivered,
    match_stamps,
    match_stamps_after_send,
    match_stamps_before_send,
    match_stamps_per_target,
)
from driftlab.history.matching.by_vector_clock import has_vector_clock, match_by_vector_clock
from driftlab.history.matching.messages import NOTHING, UNMATCHED, Messages
from driftlab.history.matching.named_receives import NamedReceives
from driftlab.history.trace import Trace
from driftlab.model.columns import NOBODY, RECEIVE


class NoSuchStrategyError(DriftlabError):
    """A strategy was named that does not exist; the message lists those that do."""


class NamedMessageStrategy(NamedTuple):
    """A way to match receives that name their message by (sender, stamp)."""

    name: str
    match: Callable[[NamedReceives], None]


class Strategy(NamedTuple):
    """A way to match the messages of a log, and a test whether the log supports it."""

    name: str
    applies: Callable[[Trace], bool]
    match: Callable[[Trace], Messages]


NAMED_MESSAGE_STRATEGIES: Final = (
    # The stamp is the clock of the send.
    NamedMessageStrategy("stamp", match_stamps),
    # A sender's messages carry the clock before its send was counted, or one more.
    NamedMessageStrategy("stamp before send", match_stamps_before_send),
    NamedMessageStrategy("stamp after send", match_stamps_after_send),
    # The sender counts once for each target.
    NamedMessageStrategy("stamp per target", match_stamps_per_target),
    # One name is wrong: the clock of the send, then any that the channel's order resolves.
    NamedMessageStrategy("miscounted send", match_miscounted_sends),
    NamedMessageStrategy("channel position", match_by_channel_position),
    # The message came to another process than it was sent to.
    NamedMessageStrategy("misdelivered", match_misdelivered),
)


def match_named_messages(trace: Trace) -> Messages:
    """Match receives that name their message by (sender, stamp)."""
    receives = NamedReceives(trace)
    for strategy in NAMED_MESSAGE_STRATEGIES:
        strategy.match(receives)
    return receives.messages()


def leave_unmatched(trace: Trace) -> Messages:
    """Match nothing: every receive is UNMATCHED."""
    of, nothing = trace.columns, np.zeros(0, np.int64)
    source = np.where(of.kind == RECEIVE, UNMATCHED, NOTHING)
    sender = np.full(len(trace), NOBODY, np.int32) if of.sender is None else of.sender
    return Messages(source, sender, nothing, nothing)


STRATEGIES: Final = (
    Strategy("id", has_message_ids, match_by_id),
    Strategy("stamp", has_stamps, match_named_messages),
    Strategy("vector clock", has_vector_clock, match_by_vector_clock),
    Strategy("none", lambda _: True, leave_unmatched),
)


def checked_strategies(names: Sequence[str] | str | None) -> tuple[str, ...]:
    """Return names of strategies, given as a list or separated by commas, in that order.

    Raises NoSuchStrategyError.
    """
    given = names.split(",") if isinstance(names, str) else names or ()
    for name in given:
        if name not in {strategy.name for strategy in STRATEGIES}:
            known = ", ".join(strategy.name for strategy in STRATEGIES)
            raise NoSuchStrategyError(f"--match {name}: there are {known}")
    return tuple(given)


def match(trace: Trace) -> Messages:
    """Match the receives of a trace with its sends, by the first strategy that applies."""
    return next(each for each in STRATEGIES if each.applies(trace)).match(trace)
