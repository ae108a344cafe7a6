"""Message matching: which strategies there are, and in which order they apply.

Program order and matched messages are all that happened-before is made from. The
strategies of STRATEGIES apply one after the other, each to the receives that the
ones before left unmatched; what the last one leaves stays UNMATCHED. A trace may
name those that are to be used (`Trace.strategies`), in an order of its own. Within
`stamp`, where a receive names its message by (sender, stamp), those of
NAMED_MESSAGE_STRATEGIES apply in the same way.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from driftlab.errors import DriftlabError, counted
from driftlab.history.matching.by_id import match_by_id
from driftlab.history.matching.by_position import match_by_position
from driftlab.history.matching.by_stamp import (
    match_miscounted_sends,
    match_misdelivered,
    match_stamps,
    match_stamps_after_send,
    match_stamps_before_send,
    match_stamps_per_target,
)
from driftlab.history.matching.by_unique_stamp import match_by_unique_stamp
from driftlab.history.matching.by_vector_clock import match_by_vector_clock
from driftlab.history.matching.channel_repair import match_by_channel_position
from driftlab.history.matching.left_over import match_left_over
from driftlab.history.matching.matching import Matching
from driftlab.history.matching.messages import UNMATCHED, Messages
from driftlab.history.matching.named_receives import NamedReceives
from driftlab.history.missing_fields import is_receive
from driftlab.history.trace import Trace
from driftlab.model.columns import MISSING, NOBODY

NO_MATCHING: Final = "none"


class NoSuchStrategyError(DriftlabError):
    """A strategy was named that does not exist; the message lists those that do."""


class NamedMessageStrategy(NamedTuple):
    """A way to match receives that name their message by (sender, stamp)."""

    name: str
    match: Callable[[NamedReceives], None]


class Strategy(NamedTuple):
    """A way to match messages.

    match: matches receives that are unmatched yet, as far as the log supports it.
    how: what it matches by, for people, if a receive does not name its message; else "".
    """

    name: str
    match: Callable[[Matching], None]
    how: str = ""


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


def match_by_stamp(matching: Matching) -> None:
    """Match receives that name their message by (sender, stamp)."""
    of = matching.trace.columns
    if of.sender is None or of.stamp is None or of.clock is None:
        return
    rows = matching.unmatched()
    is_named = (of.sender[rows] != NOBODY) & (of.stamp[rows] != MISSING)
    if not is_named.any():
        return
    if not is_named.all():
        rows = rows[is_named]
    receives = NamedReceives(matching.trace, rows)
    for strategy in NAMED_MESSAGE_STRATEGIES:
        strategy.match(receives)
    receives.write(matching)


def match_by_vectors(matching: Matching) -> None:
    """Match what vector clocks imply, then what that leaves over on channels of the log."""
    match_by_vector_clock(matching)
    match_left_over(matching)


# In the order in which they apply: first what names a message, then what implies it.
STRATEGIES: Final = (
    Strategy("id", match_by_id),
    Strategy("stamp", match_by_stamp),
    Strategy("unique-stamp", match_by_unique_stamp, "a stamp that only one process can have sent"),
    Strategy("position", match_by_position, "their order on the channel"),
    Strategy("vector-clock", match_by_vectors, "the vector clocks"),
)


def checked_strategies(names: Sequence[str] | str | None) -> tuple[str, ...]:
    """Return names of strategies, given as a list or separated by commas, in that order.

    `none` alone is the name of no matching. Raises NoSuchStrategyError.
    """
    given = names.split(",") if isinstance(names, str) else names or ()
    wanted = tuple(name.strip() for name in given)
    known = [strategy.name for strategy in STRATEGIES]
    for name in wanted:
        if name not in known and wanted != (NO_MATCHING,):
            if name == NO_MATCHING:
                raise NoSuchStrategyError("--match none: stands alone, it is no matching at all")
            ways = ", ".join([*known, NO_MATCHING])
            raise NoSuchStrategyError(f"--match {name or repr(name)}: there are {ways}")
    return wanted


def match(trace: Trace) -> Messages:
    """Match the receives of a trace with its sends, by `trace.strategies` or all there are."""
    chosen = tuple(trace.strategies) or tuple(strategy.name for strategy in STRATEGIES)
    by_name = {strategy.name: strategy for strategy in STRATEGIES}
    matching = Matching(trace, chosen)
    for name in chosen:
        if name in by_name:
            _apply(by_name[name], matching)
    return matching.messages()


def _apply(strategy: Strategy, matching: Matching) -> None:
    """Match what one strategy can match, and note how much, or which receives, that is."""
    before = matching.matched
    source = matching.source.copy() if strategy.how else None
    strategy.match(matching)
    found = matching.matched - before
    if not found:
        return
    name = strategy.name
    matching.matched_by[name] = matching.matched_by.get(name, 0) + found
    if source is not None:
        rows = np.flatnonzero((source < 0) & (matching.source >= 0))
        matching.assumed_by[name] = np.union1d(matching.assumed_by.get(name, rows[:0]), rows)


def unmatched_receives(trace: Trace, messages: Messages) -> int:
    """Return how many receives have no send in the log, as far as it could be found."""
    return int(np.count_nonzero((messages.source == UNMATCHED) & is_receive(trace)))


def unmatched_line(trace: Trace, messages: Messages) -> str:
    """Return what to say where receives have no send, so that their order is not known; or ""."""
    unmatched = unmatched_receives(trace, messages)
    if not unmatched:
        return ""
    receives = int(np.count_nonzero(is_receive(trace)))
    return (
        f"{unmatched} of {counted(receives, 'receive')} "
        f"{'is' if unmatched == 1 else 'are'} matched with no send: what happened before "
        f"{'it' if unmatched == 1 else 'them'} in other processes is not known"
    )


def assumed_lines(messages: Messages, rows: Sequence[int] | None = None) -> list[str]:
    """Return how receives that do not name their message were matched, a line for each way.

    rows: only of the receives among these.
    """
    lines = []
    for strategy in STRATEGIES:
        count = messages.matched_by.get(strategy.name, 0)
        if strategy.how and count and rows is not None:
            count = int(np.isin(messages.assumed_by[strategy.name], rows).sum())
        if strategy.how and count:
            how = strategy.how.replace("their ", "its ") if count == 1 else strategy.how
            lines.append(f"{counted(count, 'receive')} matched by {how} (--match)")
    repeated = messages.repeated_ids
    if rows is not None:
        repeated = repeated[np.isin(repeated, rows)]
    if len(repeated):
        unknown = int(np.isin(messages.ambiguous, repeated).sum())
        receives = counted(len(repeated), "receive")
        if unknown == len(repeated):
            lines.append(f"message ids repeat: {receives} may have any of several senders")
            return lines
        lines.append(
            f"message ids repeat: {receives} matched by id, sender, "
            "target and order on the channel (--match)"
        )
        if unknown:
            lines[-1] += f", but for {unknown}, which may have any of several senders"
    return lines
