"""What clocks say for and against matching the messages of a channel in their order.

The assumed order may be wrong: messages may have been lost on the way, or
reordered. A receive's own clock shows which sends fit it, whoever wrote the log:
a step that goes beyond the event before was caused by a send with exactly that
value, any other step by a send with at most the value known before. So every
receive accepts an interval of values. The order *contradicts* as many receives as
do not accept the send that they were given; `excess` compares that with the
least that any other assignment of the channel's sends contradicts (the greatest
matching of intervals and points, found by earliest deadline: Glover 1967). Where
another assignment contradicts less, the clocks speak against the order. Where none
does, the order explains as much as can be explained, and what it contradicts is
wrong however the messages are matched.
"""

from typing import NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.messages import paired_positions


class Accepted(NamedTuple):
    """Which values of a send each of some receives accepts.

    value i8: exactly this one where `is_exact`, else this one or less.
    is_unknown: whether the receive accepts anything, because its clock says nothing.
    """

    value: IntArray
    is_exact: BoolArray
    is_unknown: BoolArray

    def at(self, places: IntArray) -> "Accepted":
        """Return what some of the receives accept."""
        return Accepted(self.value[places], self.is_exact[places], self.is_unknown[places])


def accepted(before: IntArray, after: IntArray, has_before: BoolArray, has: BoolArray) -> Accepted:
    """Return what receives accept.

    before, after i8: the value known before the message, and the least value that
    its send must have had to lead to what was known after it. has_before, has:
    whether these are known. A value that decreased says nothing: it is wrong in any case.
    """
    is_unknown = ~has | (has_before & (after < before))
    return Accepted(after, has_before & (after > before) & ~is_unknown, is_unknown)


def excess(
    given: IntArray, channel: IntArray, accepts: Accepted, sent: IntArray, sent_channel: IntArray
) -> IntArray:
    """Return for each channel how many receives its order contradicts beyond what it must.

    given i8: the value of the send that each receive was given; channel i8: numbers
    of channels, rising, for each receive. sent i8, sent_channel i8: the values of
    all sends that the receives of a channel may have taken, and their channels.
    """
    channels = 1 + int(max(channel.max(initial=-1), sent_channel.max(initial=-1)))
    judged = ~accepts.is_unknown
    fits = np.where(accepts.is_exact, given == accepts.value, given <= accepts.value)
    contradicted = np.bincount(channel[judged & ~fits], minlength=channels)
    values = np.unique(sent)
    width = len(values) + 1
    sent_key = sent_channel * width + np.searchsorted(values, sent)

    exact = np.flatnonzero(judged & accepts.is_exact)
    rank = np.minimum(np.searchsorted(values, accepts.value[exact]), max(len(values) - 1, 0))
    is_sent = (
        np.zeros(len(exact), bool) if not len(values) else values[rank] == accepts.value[exact]
    )
    paired = paired_positions(channel[exact[is_sent]] * width + rank[is_sent], sent_key)
    matched = np.bincount(channel[exact[is_sent]][paired >= 0], minlength=channels)

    left = np.ones(len(sent), bool)
    left[paired[paired >= 0]] = False
    bounded = np.flatnonzero(judged & ~accepts.is_exact)
    matched += _greatest_matching(
        channel[bounded] * width + np.searchsorted(values, accepts.value[bounded], "right"),
        np.sort(sent_key[left]), width, channels,
    )  # fmt: skip
    least = np.bincount(channel[judged], minlength=channels) - matched
    return contradicted - least


def _greatest_matching(limits: IntArray, sent: IntArray, width: int, channels: int) -> IntArray:
    """Return for each channel how many receives can take a send each below their limits.

    limits: channel * width + how many distinct values a receive accepts. sent: channel *
    width + rank of the value, rising.
    """
    count = np.zeros(channels, np.int64)
    if not len(limits):
        return count
    limits = np.sort(limits)
    channel = np.minimum(limits // width, channels - 1)
    begins = np.flatnonzero(np.append(True, channel[1:] != channel[:-1]))
    sizes = np.diff(np.append(begins, len(limits)))
    within = np.arange(len(limits)) - np.repeat(begins, sizes)
    available = np.searchsorted(sent, limits) - np.searchsorted(sent, channel * width)
    # After k + 1 receives, in the order of their limits, at most `available` sends are taken.
    spare = np.minimum.reduceat(available - within, begins) - 1
    count[channel[begins]] = sizes + np.minimum(spare, 0)
    return count
