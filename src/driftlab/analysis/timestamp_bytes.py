"""How many bytes timestamps take as text on the wire, over columns, none written out.

A timestamp is its numbers in decimal digits with one sign between them (see
docs/wire.md), so its size is a sum; of a matrix, whose rows are timestamps of
earlier events, a sum of sums.
"""

from typing import Final

import numpy as np

from driftlab.analysis.column_clocks import latest_known
from driftlab.history.matching.messages import Messages
from driftlab.history.trace import Trace
from driftlab.model.columns import EVERY_PEER, NO_TARGET, SET_FIRST, Array, Timestamps

_DIGITS_MAX: Final = 19  # of a number of 64 bits


def digits(numbers: Array) -> Array:
    """Return how many characters each whole number has in decimal, its sign too, i8."""
    powers = 10 ** np.arange(1, _DIGITS_MAX, dtype=np.int64)
    size = np.searchsorted(powers, np.abs(numbers), side="right") + 1
    return (size + (numbers < 0)).astype(np.int64)


def numbers_sizes(numbers: Array) -> Array:
    """Return the sizes of timestamps given as a row of numbers each."""
    sizes = np.full(len(numbers), max(numbers.shape[1] - 1, 0), np.int64)
    for column in range(numbers.shape[1]):
        sizes += digits(numbers[:, column])
    return sizes


def matrix_sizes(trace: Trace, vectors: Array, sizes: Array) -> Array:
    """Return the sizes of matrix timestamps, from the vectors and their sizes."""
    width = vectors.shape[1]
    zeros = 2 * width - 1
    whole = np.full(len(vectors), max(width - 1, 0), np.int64)
    for process in range(width):
        last = latest_known(trace, vectors, process)
        whole += np.where(last >= 0, sizes[last], zeros)
    return whole


def entry_sizes(held: Timestamps, processes: int) -> Array:
    """Return the sizes of timestamps as a log has them; entries that are not there are 0."""
    width = {"vector": processes, "matrix": processes**2}.get(held.clock, 2)
    count = np.diff(held.starts)
    total = np.concatenate([[0], np.cumsum(digits(held.values))])
    size = total[held.starts[1:]] - total[held.starts[:-1]] + (width - count) + width - 1
    return np.where(count > 0, size, 0)


def messages_sent(trace: Trace, messages: Messages) -> Array:
    """Return how many messages each event sent: as the log tells, else as were received."""
    rows = len(trace)
    target = trace.columns.target
    if target is None:
        received = messages.source[messages.receives]
        return np.bincount(np.concatenate([received, messages.extra_sends]), minlength=rows)
    sent = (target != NO_TARGET).astype(np.int64)
    every = np.flatnonzero(target == EVERY_PEER)
    if len(every):
        sent[every] = _peers(trace)[trace.process_column()[every]]
    for number, members in enumerate(trace.sets):
        sent[target == SET_FIRST - number] = len(members)
    return sent


def _peers(trace: Trace) -> Array:
    if trace.peers is None:
        return np.full(trace.processes, trace.processes - 1)
    return np.array([len(peers) for peers in trace.peers])
