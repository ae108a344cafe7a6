"""The messages of a trace, and the names that a log gives them.

A matched message is a pair of rows: its send and its receive. A log names a
message by (sender, stamp), where the stamp is the Lamport clock that it
carries, and the process that receives it. A name stands at the receive and, in
a journal, at the arrival too, where a tick found the message in its sockets.
In a wrong log a name may repeat: then the k-th receive of a name takes the k-th
arrival of that name.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import IntArray
from driftlab.history.trace import Trace, processes_of
from driftlab.model.columns import MISSING, NOBODY

NOTHING: Final = -1  # in `source`: the event received no message
UNMATCHED: Final = -2  # in `source`: it received a message whose send is not in the trace
KEYS_END: Final = 2**62  # keys stay below it, so that their arithmetic fits into 64 bits

_NO_ROWS: Final = np.zeros(0, np.int64)
_NO_COUNTS: Final[Mapping[str, int]] = MappingProxyType({})
_NO_STRATEGIES: Final[Mapping[str, IntArray]] = MappingProxyType({})


class Messages(NamedTuple):
    """The messages of a trace, as pairs of rows, and how they were matched.

    source i8: for each event the row of the send of the message that it
    received, NOTHING or UNMATCHED.
    sender i4: for each event the position of the process of that row, or of the
    one that the log names; NOBODY where nothing was received.
    extra_receives, extra_sends i8: further messages of events that received
    several, as rows of the receive (rising) and of the send.
    stamp_before_send: positions of senders whose messages carry the clock from
    before the send.
    stamp_per_target i8: rows of receives of a message whose stamp is below its
    send's clock, because the sender counted once for each target.
    matched_by_position i8: rows of receives of a message whose stamp is not the
    clock of its send for another reason: one of the two is wrong, and the
    message was matched by its position on the channel or by the clock that its
    send should have had.
    implied: whether messages that the log does not name are those that its
    vector timestamps imply; a message that brought nothing new is not among them.
    misdelivered i8: rows of receives of a message that was sent to another process.
    assumed_order i8: rows of receives matched by their order on a channel that is
    assumed to keep the order of its messages.
    carried_unknown i8: rows of receives that do not say what their message carried,
    and whose send has a wrong clock.
    repeated_ids i8: rows of receives whose id several sends have. ambiguous i8: those
    of them of which it is not known which one's message they received.
    matched_by: how many receives each strategy matched, by its name, in the order
    in which they were applied.
    assumed_by: of each strategy that assumes something, rows i8 of the receives that
    it matched, by its name.
    """

    source: IntArray
    sender: IntArray
    extra_receives: IntArray
    extra_sends: IntArray
    stamp_before_send: frozenset[int] = frozenset()
    stamp_per_target: IntArray = _NO_ROWS
    matched_by_position: IntArray = _NO_ROWS
    implied: bool = False
    misdelivered: IntArray = _NO_ROWS
    assumed_order: IntArray = _NO_ROWS
    carried_unknown: IntArray = _NO_ROWS
    repeated_ids: IntArray = _NO_ROWS
    ambiguous: IntArray = _NO_ROWS
    matched_by: Mapping[str, int] = _NO_COUNTS
    assumed_by: Mapping[str, IntArray] = _NO_STRATEGIES

    @property
    def receives(self) -> IntArray:
        """Rows of the events that received a message whose send is in the trace, rising."""
        return np.flatnonzero(self.source >= 0)


def occurrences(keys: IntArray) -> IntArray:
    """Return how many equal keys precede each key."""
    order = np.argsort(keys, kind="stable")
    sorted_keys = keys[order]
    is_first = np.ones(len(keys), bool)
    is_first[1:] = sorted_keys[1:] != sorted_keys[:-1]
    place = np.arange(len(keys))
    counts = np.empty(len(keys), np.int64)
    counts[order] = place - np.maximum.accumulate(np.where(is_first, place, 0))
    return counts


def paired_positions(keys: IntArray, others: IntArray) -> IntArray:
    """Return the position of each key among others, -1 where there is none.

    The k-th of several equal keys is paired with the k-th of its equals there.
    """
    if not len(others):
        return np.full(len(keys), -1, np.int64)
    span = max(len(keys), len(others)) + 1
    distinct = np.unique(np.concatenate([keys, others]))
    mine = np.searchsorted(distinct, keys) * span + occurrences(keys)
    theirs = np.searchsorted(distinct, others) * span + occurrences(others)
    order = np.argsort(theirs)
    place = np.minimum(np.searchsorted(theirs[order], mine), len(others) - 1)
    return np.where(theirs[order][place] == mine, order[place], -1)


def receive_names(trace: Trace) -> tuple[IntArray, IntArray]:
    """Return the rows that received a message with a name, and a number for each name.

    The trace has the columns `sender` and `stamp`. Equal numbers mean equal names.
    """
    of = trace.columns
    assert of.sender is not None
    assert of.stamp is not None
    rows = np.flatnonzero((of.sender != NOBODY) & (of.stamp != MISSING))
    return rows, _name_numbers(trace, of.sender[rows], of.stamp[rows], processes_of(trace, rows))


def arrival_names(trace: Trace) -> IntArray:
    """Return the number of the name of each arrival, as `receive_names` numbers them."""
    arrivals = trace.arrivals
    if arrivals is None:
        return np.zeros(0, np.int64)
    to = trace.process_column()[arrival_rows(trace)]
    return _name_numbers(trace, arrivals.sender, arrivals.stamp, to)


def arrival_rows(trace: Trace) -> IntArray:
    """Return for each arrival the row of the tick that found it."""
    arrivals = trace.arrivals
    counts = np.diff(arrivals.starts) if arrivals is not None else np.zeros(0, np.int64)
    return np.repeat(np.arange(len(counts)), counts)


def _name_numbers(trace: Trace, sender: IntArray, stamp: IntArray, to: IntArray) -> IntArray:
    """Number names in the order of (stamp, sender, receiver)."""
    numbers = _stamp_numbers(trace, stamp)
    for place in (sender, to):
        numbers *= trace.processes
        numbers += place
    return numbers


def _stamp_numbers(trace: Trace, stamp: IntArray) -> IntArray:
    """Return a number for each stamp, i8, in the order of the stamps, small enough for a name's.

    It is the distance to the least stamp of the trace; if stamps are too far apart for
    that, the place among all of them.
    """
    of, arrivals = trace.columns, trace.arrivals
    assert of.stamp is not None
    stamps = [of.stamp[of.stamp != MISSING]]
    stamps += [] if arrivals is None else [arrivals.stamp]
    low = min((int(each.min()) for each in stamps if len(each)), default=0)
    high = max((int(each.max()) for each in stamps if len(each)), default=0)
    if (high - low + 1) * trace.processes**2 < KEYS_END:
        return stamp - low
    return np.searchsorted(np.unique(np.concatenate(stamps)), stamp).astype(np.int64)


def arrivals_taken(trace: Trace) -> tuple[IntArray, IntArray]:
    """Return the rows that received a message with a name, and the arrival that each took.

    Arrivals are numbered as they stand in the trace; -1 where none of that name
    had arrived by then.
    """
    rows, names = receive_names(trace)
    taken = paired_positions(names, arrival_names(trace))
    found_at = arrival_rows(trace)
    if len(found_at):
        taken[(taken >= 0) & (found_at[taken] > rows)] = -1
    return rows, taken
