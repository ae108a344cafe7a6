"""Matching by vector clock: the messages that a log of vector timestamps alone implies.

An event whose entry for another process is greater than the entry of the event
before it learned of that process: it received a message, directly or through
others, from the event that the entry counts (Fidge 1988, Mattern 1989). This
order rests on the log's own timestamps, so it is not independent of its clock;
what can be judged is whether the clock contradicts itself.

Of the events that an event newly depends on, only those not already known to
another are its senders: a transitive reduction. The source with the greatest sum
of entries is taken first, since in a correct log no other new source can have
it in its past. Each round takes one source of every event and removes what that
source had learned of. A usual log takes one or two rounds, so the cost is that
of sorting.
"""

from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import AnyArray, BoolArray, FloatArray, IntArray
from driftlab.history.matching.matching import Matching
from driftlab.history.matching.messages import NOTHING, UNMATCHED, Messages
from driftlab.history.matching.send_index import Recipients
from driftlab.history.trace import Trace
from driftlab.model.columns import (
    INTERNAL,
    MISSING,
    NO_TARGET,
    NOBODY,
    RECEIVE,
    SEND,
    UNKNOWN_KIND,
    Timestamps,
)

ROWS_AT_ONCE: Final = 50_000  # whose entries are compared with those before
ROUNDS_MAX: Final = 64  # messages of one event after which the other sources are kept unreduced


class _NewEntries(NamedTuple):
    """Entries greater than in the event before: row, process and value, and the source's row."""

    row: IntArray
    process: IntArray
    value: IntArray
    source: IntArray

    def select(self, chosen: AnyArray) -> "_NewEntries":
        """Return some of them, by a mask or by places."""
        return _NewEntries(*(column[chosen] for column in self))


class EntryTable:
    """Looks up entries of timestamps by row and process."""

    def __init__(self, timestamps: Timestamps, rows: int, processes: int) -> None:
        self.processes = processes
        self.starts = timestamps.starts
        self.rows = rows
        self.process = timestamps.entries
        self.values = timestamps.values
        self._is_full = len(timestamps.values) == rows * processes

    @cached_property
    def _keys(self) -> IntArray:
        """The place of each entry in a full table, rising."""
        first = np.arange(self.rows) * self.processes
        keys: IntArray = np.repeat(first, np.diff(self.starts))
        keys += self.process
        return keys

    def at(self, row: IntArray, process: IntArray) -> IntArray:
        """Return the entries of some rows for some processes, 0 where there is none."""
        keys = row.astype(np.int64) * self.processes + process
        if self._is_full:
            entries: IntArray = self.values[keys]
            return entries
        if not len(self.values):
            return np.zeros(len(keys), np.int64)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self.values) - 1)
        return np.where(self._keys[places] == keys, self.values[places], 0)


def match_by_vector_clock(matching: Matching) -> None:
    """Match the receives left over with the messages that vector timestamps imply.

    Where the log names messages or channels, these are receives that name none. Where it
    does not, they are all events that may have received something, and an event that
    learned nothing received nothing that matters.
    """
    trace = matching.trace
    if trace.timestamps is None or trace.timestamps.clock != "vector":
        return
    of = trace.columns
    has_stamps = of.sender is not None and of.stamp is not None and of.clock is not None
    if names_channels(trace) or matching.names_by_id or (has_stamps and matching.uses("stamp")):
        rows = matching.nameless()
        if not len(rows):
            return
        implied = implied_messages(trace)
        rows = rows[implied.source[rows] >= 0]
        if names_channels(trace):
            rows = rows[_are_sent_here(matching, rows, implied.source[rows])]
        matching.take(rows, implied.source[rows])
    else:
        implied = implied_messages(trace)
        rows = np.flatnonzero(matching.source < 0)
        matching.replace(rows, implied.source[rows])
        found_any = bool((implied.source[rows] >= 0).any())
        matching.implied = implied.implied and (found_any or len(rows) == len(trace))
        matching.name_senders(rows, implied.sender[rows])
    extra = np.isin(implied.extra_receives, rows)
    matching.extra_receives = implied.extra_receives[extra]
    matching.extra_sends = implied.extra_sends[extra]


def names_channels(trace: Trace) -> bool:
    """Whether a log names no message, but says what every event is, and to whom each send went.

    Then what was received is known, if not which message, and no message is only implied.
    """
    of = trace.columns
    if of.target is None or of.stamp is not None or of.received is not None:
        return False
    if not (of.kind == RECEIVE).any():
        return False
    has_target = of.target != NO_TARGET
    is_said = (of.kind != UNKNOWN_KIND) & (has_target | (of.kind != SEND))
    return bool(has_target.any() and is_said.all())


def _are_sent_here(matching: Matching, rows: IntArray, sends: IntArray) -> BoolArray:
    """Whether each send went to the process of its receive, which has no other receive of it."""
    process = matching.trace.process_column()
    reached = Recipients(matching.trace).include(sends, process[sends], process[rows])
    return reached & matching.is_free(sends, process[rows])


def implied_messages(trace: Trace) -> Messages:
    """Return the messages that vector timestamps imply.

    `source` is UNMATCHED where an event learned of one that is not in the trace.
    Further messages of an event are in `extra_receives` and `extra_sends`. A trace
    without vector timestamps has no messages.
    """
    rows = len(trace)
    source = np.full(rows, NOTHING, np.int64)
    sender = np.full(rows, NOBODY, np.int32)
    nothing = np.zeros(0, np.int64)
    timestamps = trace.timestamps
    if timestamps is None or timestamps.clock != "vector" or not len(timestamps.values):
        return Messages(source, sender, nothing, nothing)
    table = EntryTable(timestamps, rows, trace.processes)
    messages = _reduce(_new_entries(trace, timestamps, table), table, timestamps)
    first, extra = _split_first(messages)
    source[first.row] = first.source
    sender[first.row] = first.process
    if trace.columns.stamp is not None:  # of which several senders may be meant
        unknown = messages.row[messages.source < 0]
        several = unknown[1:][unknown[1:] == unknown[:-1]]
        sender[several] = NOBODY
    return Messages(source, sender, extra.row, extra.source, implied=True)


def _new_entries(trace: Trace, timestamps: Timestamps, table: EntryTable) -> _NewEntries:
    """Return all entries for other processes that are greater than in the event before."""
    own = trace.process_column().astype(np.int64)
    before = stamped_row_before(trace, timestamps)
    found = []
    for low in range(0, len(trace), ROWS_AT_ONCE):  # few arrays of all entries at once
        high = min(low + ROWS_AT_ONCE, len(trace))
        of = slice(int(table.starts[low]), int(table.starts[high]))
        row = np.repeat(np.arange(low, high), np.diff(table.starts[low : high + 1]))
        process, value = table.process[of], table.values[of]
        known = np.zeros(len(row), np.int64)
        row_before = before[row]
        has_before = row_before >= 0
        known[has_before] = table.at(row_before[has_before], process[has_before])
        is_new = (value > known) & (process != own[row]) & _may_be_received(trace, row, process)
        found.append(
            (row[is_new].astype(np.int64), process[is_new].astype(np.int64), value[is_new])
        )
    row, process, value = map(np.concatenate, zip(*found, strict=True))
    return _NewEntries(row, process, value, _sources(trace, table, own, process, value))


def _may_be_received(trace: Trace, row: IntArray, process: IntArray) -> BoolArray:
    """Whether, by what the log says, the event of a row may have received from a process.

    An internal event or a send received nothing; an event whose sender the log
    names received only from that one.
    """
    of = trace.columns
    may_be: BoolArray = ((of.kind == UNKNOWN_KIND) | (of.kind == RECEIVE))[row]
    if of.sender is not None:
        sender = of.sender[row]
        may_be &= (sender == NOBODY) | (sender == process)
    return may_be


def stamped_row_before(trace: Trace, timestamps: Timestamps) -> IntArray:
    """Return for each row the last one before it in its process with a timestamp; else -1."""
    rows = np.arange(len(trace))
    stamped = np.where(np.diff(timestamps.starts) > 0, rows, -1)
    last = np.concatenate([[-1], np.maximum.accumulate(stamped)[:-1]])
    return np.where(last >= trace.starts[trace.process_column()], last, -1)


def _sources(
    trace: Trace, table: EntryTable, own: IntArray, process: IntArray, value: IntArray
) -> IntArray:
    """Return the rows of the events that entries count, UNMATCHED where there is none.

    They are the first events of `process` whose own entry is `value`. One that is said to be
    internal sent nothing, nor did a receive where the log says which events are sends.

    own: the process of each row.
    """
    rows = np.arange(len(trace))
    # Own entries may be any numbers: their ranks take their place in the keys.
    ranks, rank = np.unique(table.at(rows, own), return_inverse=True)
    keys = own * (len(ranks) + 1) + rank
    order = rows if (np.diff(keys) >= 0).all() else np.argsort(keys, kind="stable")
    keys = keys[order]
    wanted_rank = np.minimum(np.searchsorted(ranks, value), len(ranks) - 1)
    is_own_entry = ranks[wanted_rank] == value
    wanted = process * (len(ranks) + 1) + wanted_rank
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found = np.where(is_own_entry & (keys[place] == wanted), order[place], UNMATCHED)
    if trace.is_own_entry_unsure:
        found[:] = UNMATCHED  # it may be the event after it
    of = trace.columns
    told_nobody: BoolArray = of.kind == INTERNAL
    if bool((of.kind == SEND).any()):
        told_nobody |= of.kind == RECEIVE
    if of.target is not None:
        told_nobody &= of.target == NO_TARGET
    if of.sent is not None:
        told_nobody &= of.sent == MISSING
    found[(found >= 0) & told_nobody[np.maximum(found, 0)]] = UNMATCHED
    return found


def _reduce(entries: _NewEntries, table: EntryTable, timestamps: Timestamps) -> _NewEntries:
    """Remove what an event learned of through another of its sources; sort by row."""
    weight = _sums(timestamps)
    source_weight = np.where(entries.source >= 0, weight[np.maximum(entries.source, 0)], -1.0)
    rest, taken = entries.select(np.lexsort((-source_weight, entries.row))), []
    for _ in range(ROUNDS_MAX):
        if not len(rest.row):
            break
        is_first = np.concatenate([[True], rest.row[1:] != rest.row[:-1]])
        taken.append(rest.select(is_first))
        first = np.maximum.accumulate(np.where(is_first, np.arange(len(is_first)), 0))
        via, rest = rest.source[first][~is_first], rest.select(~is_first)
        known = np.zeros(len(via), np.int64)
        has_source = via >= 0
        known[has_source] = table.at(via[has_source], rest.process[has_source])
        rest = rest.select(known < rest.value)
    reduced = _NewEntries(*(np.concatenate(columns) for columns in zip(*taken, rest, strict=True)))
    return reduced.select(np.argsort(reduced.row, kind="stable"))


def _sums(timestamps: Timestamps) -> FloatArray:
    """Return the sum of each timestamp's entries, f8."""
    starts = timestamps.starts
    weight = np.zeros(len(starts) - 1)
    for low in range(0, len(weight), ROWS_AT_ONCE):
        high = min(low + ROWS_AT_ONCE, len(weight))
        values = timestamps.values[starts[low] : starts[high]]
        sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
        ends = starts[low : high + 1] - starts[low]
        weight[low:high] = sums[ends[1:]] - sums[ends[:-1]]
    return weight


def _split_first(entries: _NewEntries) -> tuple[_NewEntries, _NewEntries]:
    """Return one message of each event, an unmatched one if there is any, and all others."""
    entries = entries.select(np.lexsort((entries.source >= 0, entries.row)))
    is_first = np.ones(len(entries.row), bool)
    is_first[1:] = entries.row[1:] != entries.row[:-1]
    extra = entries.select(~is_first)
    return entries.select(is_first), extra.select(extra.source >= 0)
