"""What clocks say for and against matching the messages of a channel in their order.

The assumed order may be wrong: messages may have been lost on the way, or
reordered. A receive's own clock shows which sends fit it, whoever wrote the log:
a step that goes beyond the event before was caused by a send with exactly that
value, any other step by a send with at most the value known before. So every
receive accepts an interval of values. The order *contradicts* the receives that
do not accept the send that they were given.

The clocks speak against the order if another assignment of the channel's sends
explains them (the greatest matching of intervals and points, found by earliest
deadline: Glover 1967). A receive that accepts no send
at all has a wrong clock in any case, and keeps the send that it was given; such
receives must be few, as single errors are, and none of the others may be
contradicted. One receive may take any send that is left over, or none, if the order
contradicts half of the others: its line may be damaged. Nor is the order taken if
stretches of receives fit the sends one or a few places further, or before, and all but
single errors are explained by that with fewer damaged lines than there are wrong clocks
(the alignment of two sequences, with few gaps). That needs a clock which a message set:
a program that never takes over a clock is wrong, not misread. Where a message may have been
delivered twice, several receives may take one send. Where no event of the sender has
the value, its send may be missing from the log; then the receives after it took
earlier sends. Where no other assignment explains the clocks, they are wrong however
the messages are matched.
"""

from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.messages import paired_positions

SINGLE_ERRORS_SHARE: Final = 0.1  # of a channel's receives; more wrong clocks are a wrong program
CONTRADICTED_MIN: Final = 5  # receives, so many that one line that is damaged explains more
SHIFT_MAX: Final = 3  # places by which a stretch of receives may be off, each for a damaged line
SHIFTS_MAX: Final = 4  # how often that may change on a channel


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

    def accept(self, sent: IntArray) -> BoolArray:
        """Whether each receive accepts a send with the value beside it, if its clock says any."""
        accept: BoolArray = np.where(self.is_exact, sent == self.value, sent <= self.value)
        return accept


def accepted(before: IntArray, after: IntArray, has_before: BoolArray, has: BoolArray) -> Accepted:
    """Return what receives accept.

    before, after i8: the value known before the message, and the least value that
    its send must have had to lead to what was known after it. has_before, has:
    whether these are known. A value that decreased says nothing: it is wrong in any case.
    """
    is_unknown = ~has | (has_before & (after < before))
    return Accepted(after, has_before & (after > before) & ~is_unknown, is_unknown)


def speak_against(
    place: IntArray,
    channel: IntArray,
    accepts: Accepted,
    sent: IntArray,
    sent_channel: IntArray,
    is_free: BoolArray,
    may_repeat: BoolArray,
    is_unlogged: BoolArray,
    moved: IntArray,
) -> BoolArray:
    """Whether clocks speak against the order of each of some channels.

    place i8: where in `sent` the send of each receive stands; channel i8: of each
    receive the number of its channel. sent i8, sent_channel i8: the values and the
    channels of sends; is_free: whether receives of the channel may have taken them.
    may_repeat: of each channel whether several receives may have taken the same send.
    is_unlogged: of each receive whether the send with the value that it would accept may
    be missing from its sender's log. moved i8: of each channel how often the clocks at its
    ends fall, so that lines there have changed places in any case.
    """
    channels = len(may_repeat)
    judged, given = ~accepts.is_unknown, sent[place]
    values = np.unique(sent)
    width = len(values) + 1
    key = sent_channel * width + np.searchsorted(values, sent)
    low = channel * width + np.searchsorted(values, accepts.value)
    limit = channel * width + np.searchsorted(values, accepts.value, "right")
    low = np.where(accepts.is_exact, low, channel * width)
    free = np.sort(key[is_free])
    has_any = np.searchsorted(free, limit) > np.searchsorted(free, low)

    searching = judged & has_any
    exact = np.flatnonzero(searching & accepts.is_exact)
    bounded = np.flatnonzero(searching & ~accepts.is_exact)

    def most_matched(is_free: BoolArray) -> IntArray:
        """Return of each channel how many receives can take a send each that they accept."""
        is_free = is_free.copy()
        free_at = np.flatnonzero(is_free)
        paired = paired_positions(low[exact], key[free_at])
        matched: IntArray = np.bincount(channel[exact[paired >= 0]], minlength=channels)
        is_free[free_at[paired[paired >= 0]]] = False
        return matched + _greatest_matching(limit[bounded], np.sort(key[is_free]), width, channels)

    is_left = is_free.copy()
    is_left[place[~searching]] = False
    matched = most_matched(is_left)
    fits = accepts.accept(given)
    contradicted = np.bincount(channel[judged & ~fits], minlength=channels)
    count = np.bincount(channel[judged], minlength=channels)
    hopeless = np.bincount(channel[judged & ~has_any], minlength=channels)
    rest = np.where(may_repeat, 0, count - matched - hopeless)
    single_errors = np.maximum(1, (SINGLE_ERRORS_SHARE * count).astype(np.int64))
    explains = (rest == 0) & (hopeless <= single_errors)
    against: BoolArray = (contradicted > hopeless) & explains
    # Or all receives but one, whose line is damaged, or stands elsewhere, may have taken others.
    every = np.bincount(channel, minlength=channels)
    several = (contradicted >= CONTRADICTED_MIN) & (2 * contradicted >= every)
    if (several & ~against).any():
        misfits = every - most_matched(is_free)
        against |= several & (misfits == 1)

    # Or the receives that accept no send took messages whose sends are not logged.
    unsent = judged & ~has_any & accepts.is_exact & is_unlogged
    before: IntArray = np.cumsum(unsent) - unsent
    earlier: IntArray = before - before[np.searchsorted(channel, channel)]
    shifted = sent[np.maximum(place - earlier, 0)]
    misfit = searching & ~accepts.accept(shifted)
    unsent_in = np.bincount(channel[unsent], minlength=channels)
    against |= (
        (unsent_in > 0)
        & (np.bincount(channel[misfit], minlength=channels) == 0)
        & (hopeless - unsent_in <= single_errors)
    )

    # Or stretches of the receives took the sends some places off.
    doubtful = ~against & (contradicted > 0)
    if doubtful.any():
        at = np.flatnonzero(doubtful[channel])
        fits_shifted, is_outside = _fits_shifted(
            place[at], channel[at], accepts.at(at), sent, sent_channel
        )
        is_outside |= unsent[at] & ~fits_shifted  # the line of its send is missing
        is_merged = fits_shifted.any(axis=0) & accepts.is_exact[at]
        merged = np.bincount(channel[at][is_merged], minlength=channels)
        errors, outside = _best_alignments(fits_shifted, is_outside, channel[at], channels)
        shifts = np.arange(SHIFTS_MAX + 1)[:, None]
        lines = errors + np.maximum(shifts - moved, 0)
        explains = (lines < contradicted) & (errors - outside <= single_errors)
        against |= (merged > 0) & explains.any(axis=0)
    return against


def _fits_shifted(
    place: IntArray,
    channel: IntArray,
    accepts: Accepted,
    sent: IntArray,
    sent_channel: IntArray,
) -> tuple[BoolArray, BoolArray]:
    """Whether each receive accepts the send some places off, and whether none is logged there.

    The rows are those of the shifts from -SHIFT_MAX to SHIFT_MAX; a receive whose clock
    says nothing accepts any.
    """
    at = place + np.arange(-SHIFT_MAX, SHIFT_MAX + 1)[:, None]
    begin, end = (np.searchsorted(sent_channel, channel, side) for side in ("left", "right"))
    is_outside = (at < begin) | (at >= end)
    value = sent[np.clip(at, 0, len(sent) - 1)]
    fits: BoolArray = (accepts.accept(value) & ~is_outside) | accepts.is_unknown
    return fits, is_outside & ~fits


def _best_alignments(
    fits: BoolArray, is_outside: BoolArray, channel: IntArray, channels: int
) -> tuple[IntArray, IntArray]:
    """Return how many receives do not fit at best, a row for each number of changes of shift.

    Beside it how many of these lie where no send is logged. Both have a column for each
    channel. fits, is_outside: as `_fits_shifted` returns them. channel i8: of each
    receive, rising.
    """
    count = len(channel)
    is_first = np.append(True, channel[1:] != channel[:-1])
    begins = np.flatnonzero(is_first)
    lasts = np.append(begins[1:], count) - 1
    number = np.cumsum(is_first) - 1
    # One number for both: a receive that does not fit is `unit`, and 1 less if it lies outside.
    unit = 2 * count + 2
    misfits = np.where(fits, 0, unit) - is_outside
    wrong = np.cumsum(misfits, axis=1)
    wrong -= (wrong[:, begins] - misfits[:, begins])[:, number]
    wrong_before = np.where(is_first, 0, wrong - misfits)
    # The least of all before within a channel: every channel begins below the one before.
    below = -number * (4 * (count + 1) * unit)
    cost = np.full(wrong.shape, 2 * (count + 1) * unit)
    cost[SHIFT_MAX] = wrong[SHIFT_MAX]
    errors = np.zeros((SHIFTS_MAX + 1, channels), np.int64)
    outside = np.zeros((SHIFTS_MAX + 1, channels), np.int64)
    for changes in range(SHIFTS_MAX + 1):
        best = cost[:, lasts].min(axis=0)
        errors[changes, channel[begins]] = -(-best // unit)
        outside[changes, channel[begins]] = -best % unit
        until = np.where(is_first, 0, np.append(0, cost.min(axis=0)[:-1]))
        least = np.minimum.accumulate(until - wrong_before + below, axis=1) - below
        cost = np.minimum(cost, least + wrong)
    return errors, outside


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
