"""Vector clocks that are written before the own entry is incremented.

Every line then shows one event of its own process less than it should, but the
events of others as they are: what a message brought counts its send. So the first
line of every process shows 0 or nothing for itself, and an entry for another process
belongs to an event that shows one less. A clock that only begins at 0, and counts
its events from there in every entry, is not taken for one that is written early: its
entries fit the events that show the same.
"""

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.errors import counted
from driftlab.history.conventions.queue import EXCEPTIONS_SHARE
from driftlab.history.matching.by_vector_clock import implied_messages
from driftlab.history.trace import Trace
from driftlab.model.columns import Timestamps, starts_of


def with_own_events(trace: Trace) -> Trace | None:
    """Return the trace with one more in the own entry of each event, None without vector clocks."""
    held = trace.timestamps
    if held is None or held.clock != "vector":
        return None
    process = trace.process_column()
    row = np.repeat(np.arange(len(trace)), np.diff(held.starts))
    is_own = held.entries == process[row]
    lacks = np.ones(len(trace), bool)
    lacks[row[is_own]] = False
    begins = np.zeros(len(trace), bool)  # where a clock may hold nothing yet
    begins[trace.starts[:-1][np.diff(trace.starts) > 0]] = True
    added = np.flatnonzero(lacks & (begins | (np.diff(held.starts) > 0)))
    rows = np.concatenate([row, added])
    entries = np.concatenate([held.entries, process[added]]).astype(np.int32)
    values = np.concatenate([held.values + is_own, np.ones(len(added), np.int64)])
    order = np.lexsort((entries, rows))
    starts = starts_of(np.bincount(rows, minlength=len(trace)))
    return trace.replace(timestamps=Timestamps(held.clock, starts, entries[order], values[order]))


def recognized_own_events(trace: Trace) -> tuple[Trace, str] | None:
    """Return the trace with one more in each own entry, and what shows it; None if nothing does."""
    held = trace.timestamps
    if held is None or held.clock != "vector" or not _begins_at_0(trace, held):
        return None
    shifted = with_own_events(trace)
    if shifted is None:
        return None
    (fit, now), (fit_shifted, then) = _fitting(trace), _fitting(shifted)
    if now - fit <= EXCEPTIONS_SHARE * (then - fit_shifted):
        return None
    return (
        shifted,
        f"as {fit_shifted} of {counted(then, 'message')} {'show' if then > 1 else 'shows'}",
    )


def _begins_at_0(trace: Trace, held: Timestamps) -> bool:
    """Whether no process has counted itself in the first line of its log."""
    for process, first in enumerate(trace.starts[:-1].tolist()):
        if first < trace.starts[process + 1]:
            part = slice(int(held.starts[first]), int(held.starts[first + 1]))
            if (held.values[part][held.entries[part] == process] != 0).any():
                return False
    return True


def _fitting(trace: Trace) -> tuple[int, int]:
    """Return how many messages the clocks imply that fit their sends, and how many in all.

    One fits if its receive knows all that its send knew.
    """
    messages, held = implied_messages(trace), trace.timestamps
    assert held is not None
    receives = np.concatenate([messages.receives, messages.extra_receives])
    sends = np.concatenate([messages.source[messages.receives], messages.extra_sends])
    every = int((messages.sender >= 0).sum()) + len(messages.extra_receives)
    counts = np.diff(held.starts)[sends]
    ends = np.cumsum(counts)
    offset = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
    place = np.repeat(held.starts[sends], counts) + offset
    pair = np.repeat(np.arange(len(sends)), counts)
    known = _entries_at(trace, held, receives[pair], held.entries[place])
    fits: BoolArray = np.ones(len(sends), bool)
    fits[pair[known < held.values[place]]] = False
    return int(fits.sum()), every


def _entries_at(trace: Trace, held: Timestamps, rows: IntArray, entries: IntArray) -> IntArray:
    """Return entries of the timestamps of some rows, 0 where there is none."""
    width = trace.processes
    keys = np.repeat(np.arange(len(trace)), np.diff(held.starts)) * width + held.entries
    wanted = rows * width + entries
    if not len(keys):
        return np.zeros(len(wanted), np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, held.values[place], 0)
