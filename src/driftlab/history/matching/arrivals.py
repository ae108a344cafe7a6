"""Which send each message belongs to that a tick found in its sockets, received later or not.

A name that no send has is looked for by its place on its channel, between two
messages whose sends are known, and among the names that wrongly counted sends
should have had, as `matching` does for receives.
"""

from typing import NamedTuple

import numpy as np

from driftlab.history.matching.keys import arrival_names, receive_names
from driftlab.history.matching.match import (
    LEFT_MAX,
    channel_sends,
    match_by_channel_position,
    processes_with_gaps,
    sends_of,
)
from driftlab.history.matching.messages import UNMATCHED, Messages
from driftlab.history.matching.send_index import Recipients
from driftlab.history.trace import Trace
from driftlab.model.columns import Array


class MatchedArrivals(NamedTuple):
    """The messages that ticks found, in the order of `trace.arrivals`.

    source i8: the row of each one's send, else UNMATCHED. by_place i8: numbers
    of those, rising, that nobody received and that were found by their place.
    """

    source: Array
    by_place: Array


def match_arrivals(trace: Trace, messages: Messages) -> MatchedArrivals:
    """Match what ticks found with sends.

    Messages are named as their receives were found to be; see `matching`.
    Nothing is found where the trace has no arrivals.
    """
    held, nothing = trace.arrivals, np.zeros(0, np.int64)
    if held is None or trace.columns.clock is None:
        return MatchedArrivals(np.full(0 if held is None else len(held.sender), UNMATCHED), nothing)
    to = np.repeat(trace.process_column(), np.diff(held.starts))
    found = sends_of(trace, messages, held.sender, held.stamp, to)
    left = np.flatnonzero(found == UNMATCHED)
    if trace.columns.sender is None or trace.columns.stamp is None:
        return MatchedArrivals(found, nothing)
    left = left[~np.isin(arrival_names(trace)[left], receive_names(trace)[1])]
    if not 0 < len(left) <= LEFT_MAX or trace.columns.target is None:
        return MatchedArrivals(found, nothing)
    return MatchedArrivals(found, _by_place(trace, left, to, found))


def _by_place(trace: Trace, left: Array, to: Array, found: Array) -> Array:
    """Match what is left by its place on its channel; change `found`, return what was matched."""
    held = trace.arrivals
    assert held is not None
    lacking, reach, filled = processes_with_gaps(trace), Recipients(trace), list[int]()
    channels = {(int(held.sender[each]), int(to[each])) for each in left.tolist()}
    for one, other in sorted(each for each in channels if not lacking & set(each)):
        mine = np.flatnonzero((held.sender == one) & (to == other))
        mine = mine[(found[mine] >= 0) | np.isin(mine, left)]
        sends = channel_sends(trace, reach, one, other)
        sends = sends[~np.isin(sends, found[mine])]
        filled += match_by_channel_position(mine, sends, found)
        filled += _miscounted(trace, mine[found[mine] < 0], sends, found)
    return np.array(sorted(filled), np.int64)


def _miscounted(trace: Trace, mine: Array, sends: Array, found: Array) -> list[int]:
    """Match arrivals of a channel with sends whose clock, rightly counted, would be their name."""
    clock, held = trace.columns.clock, trace.arrivals
    assert held is not None
    sends = sends[sends > trace.starts[trace.process_of(int(sends[0]))]] if len(sends) else sends
    should = {int(clock[row - 1]) + 1: row for row in sends[::-1].tolist()}
    fitting = [each for each in mine.tolist() if int(held.stamp[each]) in should]
    found[fitting] = [should[int(held.stamp[each])] for each in fitting]
    return fitting
