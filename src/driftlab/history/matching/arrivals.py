"""Matching of arrivals: the send of each message that a tick found in its sockets.

A journal records arrivals as well as receives. Most messages are received
later; one that is not has no receive that could be matched. An arrival is
matched by the convention that its sender's receives were found to follow. If no
send has its name, it is matched by its position on its channel, or with a send
that should have had its stamp as a clock, as receives are.
"""

from typing import NamedTuple

import numpy as np

from driftlab.arrays import IntArray
from driftlab.history.matching.channel_repair import (
    UNMATCHED_MAX,
    channel_sends,
    channels_without_gaps,
    match_channel,
)
from driftlab.history.matching.messages import UNMATCHED, Messages, arrival_names, receive_names
from driftlab.history.matching.send_index import Recipients, SendIndex
from driftlab.history.trace import Trace, processes_of
from driftlab.model.columns import Arrivals


class MatchedArrivals(NamedTuple):
    """The messages that ticks found, in the order of `trace.arrivals`.

    source i8: the row of each one's send, else UNMATCHED. by_place i8: numbers,
    rising, of those that nobody received and whose stamp is not their send's clock.
    """

    source: IntArray
    by_place: IntArray


def match_arrivals(trace: Trace, messages: Messages) -> MatchedArrivals:
    """Match what ticks found with sends; a trace without arrivals has none.

    messages: the matched receives of the trace.
    """
    arrivals, nothing = trace.arrivals, np.zeros(0, np.int64)
    if arrivals is None or trace.columns.clock is None:
        count = 0 if arrivals is None else len(arrivals.sender)
        return MatchedArrivals(np.full(count, UNMATCHED), nothing)
    to = np.repeat(trace.process_column(), np.diff(arrivals.starts))
    source = _by_known_convention(trace, messages, arrivals, to)
    if trace.columns.sender is None or trace.columns.stamp is None:
        return MatchedArrivals(source, nothing)
    unmatched = np.flatnonzero(source == UNMATCHED)
    unmatched = unmatched[~np.isin(arrival_names(trace)[unmatched], receive_names(trace)[1])]
    if not 0 < len(unmatched) <= UNMATCHED_MAX or trace.columns.target is None:
        return MatchedArrivals(source, nothing)
    return MatchedArrivals(source, _by_channel(trace, arrivals, to, unmatched, source))


def _by_known_convention(
    trace: Trace, messages: Messages, arrivals: Arrivals, to: IntArray
) -> IntArray:
    """Return the sends of arrivals as their names are known to be meant, UNMATCHED where none is.

    Known are the senders with stamps from before their sends, and the stamps of
    single messages that are not their sends' clocks.
    """
    is_before = np.isin(arrivals.sender, list(messages.stamp_before_send))
    source = SendIndex(trace).find(arrivals.sender, arrivals.stamp + is_before, to)
    rows = np.concatenate([messages.stamp_per_target, messages.matched_by_position])
    if not len(rows):
        return source
    of = trace.columns
    assert of.sender is not None
    assert of.stamp is not None
    names = zip(
        of.sender[rows].tolist(), of.stamp[rows].tolist(), processes_of(trace, rows).tolist(),
        strict=True,
    )  # fmt: skip
    known = dict(zip(names, messages.source[rows].tolist(), strict=True))
    for place in np.flatnonzero(source < 0).tolist():
        name = int(arrivals.sender[place]), int(arrivals.stamp[place]), int(to[place])
        source[place] = known.get(name, UNMATCHED)
    return source


def _by_channel(
    trace: Trace, arrivals: Arrivals, to: IntArray, unmatched: IntArray, source: IntArray
) -> IntArray:
    """Match arrivals by their positions on their channels, then by their sends' expected clocks.

    Fill `source`; return the places of the arrivals that were matched, rising.
    """
    recipients, matched = Recipients(trace), list[int]()
    for channel in channels_without_gaps(trace, arrivals.sender, to, unmatched):
        mine = np.flatnonzero((arrivals.sender == channel[0]) & (to == channel[1]))
        mine = mine[(source[mine] >= 0) | np.isin(mine, unmatched)]
        sends = channel_sends(trace, recipients, *channel)
        sends = sends[~np.isin(sends, source[mine])]
        matched += match_channel(mine, sends, source)
        matched += _by_expected_clock(trace, arrivals, mine[source[mine] < 0], sends, source)
    return np.array(sorted(matched), np.int64)


def _by_expected_clock(
    trace: Trace, arrivals: Arrivals, mine: IntArray, sends: IntArray, source: IntArray
) -> list[int]:
    """Match arrivals of a channel with sends that, rightly counted, would have their stamps.

    mine: places of the arrivals. sends: rows of the channel's sends that nothing
    was matched with. Fill `source`; return the places that were matched.
    """
    clock = trace.columns.clock
    assert clock is not None
    if len(sends):  # the event before the first of a process is not known
        sends = sends[sends > trace.starts[trace.process_of(int(sends[0]))]]
    expected = {int(clock[row - 1]) + 1: row for row in sends[::-1].tolist()}
    matched = [place for place in mine.tolist() if int(arrivals.stamp[place]) in expected]
    source[matched] = [expected[int(arrivals.stamp[place])] for place in matched]
    return matched
