"""Which lines that could be of one send are not: what times, names of messages and words say.

The lines of one send are written at once, so they are much nearer to one another than
the events of their process usually are. They have the same kind and the same words, but
for names and numbers. A log that names a send once has that name in each of its lines.
One that names each message has another in each: that says nothing.

Limit: a machine that does not count its second send, and sends it as soon as another
program would have written its second line, writes the same lines.
"""

import re
from collections.abc import Sequence
from typing import Final

from driftlab.arrays import BoolArray, FloatArray, IntArray
from driftlab.history.trace import Trace
from driftlab.lazy import np
from driftlab.model.columns import MISSING

# Lines are near if this share of the usual distance is between them.
_NEAR_SHARE: Final = 0.1
# A busy process has events so close that lines of one send are hardly closer. Many pairs
# that are nearly all within this share are no coincidence: then all below 1 are near.
_REGULAR_SHARE: Final = 0.5
_REGULAR_PAIRS_MIN: Final = 5
_REGULAR_SHARE_OF_PAIRS: Final = 0.9
_UNITS_NS: Final = tuple(10**power for power in range(9, -1, -1))  # a second to 1 ns


def find_apart(trace: Trace, rows: IntArray, may_join: BoolArray, lone: BoolArray) -> IntArray:
    """Return those of the rows that are of another event than the row before.

    rows: rising; each could be of the same event as the row before it, as its clock says.
    may_join: all rows of which clocks and kinds say so, also those that are in no group.
    lone: which rows are a single target's own.
    """
    both = lone[rows] & lone[rows - 1]
    apart = _is_far(trace, rows, may_join) | _has_other_name(trace, rows, both)
    kind = trace.columns.kind
    apart |= both & (kind[rows] != kind[rows - 1])
    apart |= both & _says_other(trace.texts.get("event"), rows, trace.names)
    return rows[apart]


def _is_far(trace: Trace, rows: IntArray, may_join: BoolArray) -> BoolArray:
    """Whether the times of rows are too far from those of the rows before them."""
    time = trace.columns.time_ns
    far: BoolArray = np.zeros(len(rows), bool)
    if time is None:
        return far
    known = np.zeros(len(time), bool)
    known[1:] = (time[1:] != MISSING) & (time[:-1] != MISSING)
    distance = np.zeros(len(time), np.int64)
    distance[known] = np.abs(time[known] - time[np.flatnonzero(known) - 1])
    usual = _usual_distances(trace, distance, known & ~may_join)[trace.process_column()[rows]]
    timed = known[rows] & ~np.isnan(usual)
    found, usual = distance[rows][timed].astype(float), usual[timed]
    if not len(found):
        return far
    near = found <= _NEAR_SHARE * usual
    within = (found <= _REGULAR_SHARE * usual).sum()
    if len(found) >= _REGULAR_PAIRS_MIN and within >= _REGULAR_SHARE_OF_PAIRS * len(found):
        near |= found <= usual
    # Times that are written in whole units differ by one if the second line is past its end.
    past = ~near & (found <= _unit(time[time != MISSING]))
    if (near.sum() >= past.sum()) or not usual.any():
        near |= past
    far[timed] = ~near
    return far


def _usual_distances(trace: Trace, distance: IntArray, apart: BoolArray) -> FloatArray:
    """Return the median distance between events, for each process, NaN if there is none.

    apart: the rows that are certainly of another event than the row before, if they are
    not the first of a process. A process without such rows has the median of all.
    """
    apart = apart.copy()
    apart[trace.starts[:-1][trace.starts[:-1] < len(apart)]] = False
    apart[trace.gaps] = False
    usual = np.full(trace.processes, np.nan)
    if apart.any():
        usual[:] = np.median(distance[apart])
    for process in range(trace.processes):
        mine = slice(trace.starts[process], trace.starts[process + 1])
        if apart[mine].any():
            usual[process] = np.median(distance[mine][apart[mine]])
    return usual


def _unit(time: IntArray) -> int:
    """Return the largest unit, a power of ten of ns up to a second, that all times are in."""
    return next((unit for unit in _UNITS_NS if not (time % unit).any()), 1)


def _has_other_name(trace: Trace, rows: IntArray, both: BoolArray) -> BoolArray:
    """Whether rows name another message than the row before, in a log that names each send."""
    sent = trace.columns.sent
    if sent is None:
        return np.zeros(len(rows), bool)
    named = both & (sent[rows] != MISSING) & (sent[rows - 1] != MISSING)
    same: BoolArray = named & (sent[rows] == sent[rows - 1])
    other: BoolArray = named & ~same
    return other if same.any() else np.zeros(len(rows), bool)


def _says_other(
    texts: Sequence[str | None] | None, rows: IntArray, names: Sequence[str]
) -> BoolArray:
    """Whether rows say something else than the row before, but for names and numbers."""
    other: BoolArray = np.zeros(len(rows), bool)
    if texts is None:
        return other
    known = frozenset(name.lower() for name in names)
    for place, row in enumerate(rows.tolist()):
        here, before = texts[row], texts[row - 1]
        if here and before and here != before:
            other[place] = _words(here, known) != _words(before, known)
    return other


def _words(text: str, names: frozenset[str]) -> list[str]:
    """Return the words of a text that are no names of processes and have no digits."""
    words = re.findall(r"[\w-]+", text.lower())
    return [word for word in words if word not in names and not re.search(r"\d", word)]
