"""Messages by name in an inbox: which arrival each receive took.

A message is named by (sender, stamp) and its receiver. Names that should not
come again may do so in a log that is wrong, so the k-th of equal names is
matched with the k-th.
"""

import numpy as np

from driftlab.history.trace import Trace
from driftlab.model.columns import MISSING, NOBODY, Array


def occurrences(keys: Array) -> Array:
    """Return how often each key stood before it."""
    order = np.argsort(keys, kind="stable")
    sorted_keys = keys[order]
    begins = np.ones(len(keys), bool)
    begins[1:] = sorted_keys[1:] != sorted_keys[:-1]
    place = np.arange(len(keys))
    counts = np.empty(len(keys), np.int64)
    counts[order] = place - np.maximum.accumulate(np.where(begins, place, 0))
    return counts


def same_places(keys: Array, others: Array) -> Array:
    """Return where each key stands among others, the k-th of equal ones for the k-th; -1 if not."""
    if not len(others):
        return np.full(len(keys), -1, np.int64)
    span = max(len(keys), len(others)) + 1
    few = np.unique(np.concatenate([keys, others]))
    mine = np.searchsorted(few, keys) * span + occurrences(keys)
    theirs = np.searchsorted(few, others) * span + occurrences(others)
    order = np.argsort(theirs)
    place = np.minimum(np.searchsorted(theirs[order], mine), len(others) - 1)
    found: Array = np.where(theirs[order][place] == mine, order[place], -1)
    return found


def receive_names(trace: Trace) -> tuple[Array, Array]:
    """Return the rows that received a message with a name, and a number for each name."""
    of = trace.columns
    rows = np.flatnonzero((of.sender != NOBODY) & (of.stamp != MISSING))
    to = np.searchsorted(trace.starts, rows, side="right") - 1
    return rows, _numbered(trace, of.sender[rows], of.stamp[rows], to)


def arrival_names(trace: Trace) -> Array:
    """Return the number of the name of every arrival, as `receive_names` numbers them."""
    held = trace.arrivals
    if held is None:
        return np.zeros(0, np.int64)
    to = trace.process_column()[arrival_rows(trace)]
    return _numbered(trace, held.sender, held.stamp, to)


def arrival_rows(trace: Trace) -> Array:
    """Return of each arrival the row of the tick that found it."""
    held = trace.arrivals
    counts = np.diff(held.starts) if held is not None else np.zeros(0, np.int64)
    return np.repeat(np.arange(len(counts)), counts)


def _numbered(trace: Trace, sender: Array, stamp: Array, to: Array) -> Array:
    """Number messages by (stamp, sender, receiver); equal numbers, equal names."""
    of, held = trace.columns, trace.arrivals
    known = [of.stamp] if held is None else [of.stamp, held.stamp]
    ranks = np.searchsorted(np.unique(np.concatenate(known)), stamp).astype(np.int64)
    return (ranks * trace.processes + sender) * trace.processes + to


def arrivals_taken(trace: Trace) -> tuple[Array, Array]:
    """Return the rows that received, and of each the number of its arrival, -1 if none by then."""
    rows, keys = receive_names(trace)
    places = same_places(keys, arrival_names(trace))
    if len(arrival_rows(trace)):
        places[(places >= 0) & (arrival_rows(trace)[places] > rows)] = -1
    return rows, places
