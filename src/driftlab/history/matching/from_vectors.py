"""Messages of a log that has vector timestamps and nothing else: what they imply.

An event whose entry for another process is greater than that of the event
before it has heard of that process: it received a message, at least through
others, from the event that the entry counts. These are the log's own words, so
the order that follows is not independent of its clock; what can be judged is
whether it contradicts itself.

Of all that an event has heard of, only what no other source of it had heard of
before is a message. The one with the greatest sum of entries comes first: in a
log that tells the truth nothing that is heard of at the same time can cover
it. Each turn takes one message of every event and what it covers, so a usual
log takes one or two turns over what is new; the work is that of sorting.
"""

from typing import Final, NamedTuple

import numpy as np

from driftlab.history.matching.messages import NOTHING, UNMATCHED, Messages
from driftlab.history.trace import Trace
from driftlab.model.columns import NOBODY, RECEIVE, UNKNOWN_KIND, Array, Timestamps

TURNS_MAX: Final = 64  # messages of one event after which the rest is kept as it is


class _News(NamedTuple):
    """Entries that are greater than before: the rows, whose entry, its value, the source's row."""

    row: Array
    process: Array
    value: Array
    source: Array

    def only(self, chosen: Array) -> "_News":
        return _News(*(column[chosen] for column in self))


class _Entries:
    """Looks up entries of timestamps by row and process."""

    def __init__(self, held: Timestamps, rows: int, processes: int) -> None:
        self.processes = processes
        self.row = np.repeat(np.arange(rows), np.diff(held.starts))
        self.process = held.entries.astype(np.int64)
        self.values = held.values
        self._is_full = len(held.values) == rows * processes
        self._keys: Array = None if self._is_full else self.row * processes + self.process

    def at(self, row: Array, process: Array) -> Array:
        """Return the entries, 0 where there is none."""
        keys = row * self.processes + process
        if self._is_full:
            return self.values[keys]
        if not len(self.values):
            return np.zeros(len(keys), np.int64)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self.values) - 1)
        return np.where(self._keys[places] == keys, self.values[places], 0)


def messages_from_vectors(trace: Trace) -> Messages:
    """Return the messages that vector timestamps imply.

    `source` is UNMATCHED where what an event has heard of is no event of the
    trace; further messages of such an event, and of any other, are in `more_to`
    and `more_from`. Without vector timestamps nothing is implied.
    """
    rows = len(trace)
    source = np.full(rows, NOTHING, np.int64)
    sender = np.full(rows, NOBODY, np.int32)
    nothing = np.zeros(0, np.int64)
    held = trace.timestamps
    if held is None or held.clock != "vector" or not len(held.values):
        return Messages(source, sender, nothing, nothing, stamp_per_target=nothing)
    entries = _Entries(held, rows, trace.processes)
    place = trace.process_column().astype(np.int64)
    news = _direct(_news(trace, held, entries, place), entries, held)
    first, more = _split_first(news)
    source[first.row] = first.source
    sender[first.row] = first.process
    return Messages(source, sender, more.row, more.source, stamp_per_target=nothing, implied=True)


def _news(trace: Trace, held: Timestamps, entries: _Entries, place: Array) -> _News:
    """Return all entries for other processes that are greater than in the event before."""
    before = _before(trace, held)
    earlier = before[entries.row]
    known = np.zeros(len(entries.values), np.int64)
    has = earlier >= 0
    known[has] = entries.at(earlier[has], entries.process[has])
    is_new = (entries.values > known) & (entries.process != place[entries.row])
    is_new &= _can_be_heard(trace, entries)
    row, process, value = (
        column[is_new] for column in (entries.row, entries.process, entries.values)
    )
    return _News(row, process, value, _sources(trace, entries, place, process, value))


def _can_be_heard(trace: Trace, entries: _Entries) -> Array:
    """Whether an event may have received what an entry tells of, as far as the log says.

    An event that the log calls internal or a send received nothing; one whose
    sender the log names received only from it.
    """
    of = trace.columns
    heard: Array = ((of.kind == UNKNOWN_KIND) | (of.kind == RECEIVE))[entries.row]
    if of.sender is not None:
        named = of.sender[entries.row]
        heard &= (named == NOBODY) | (named == entries.process)
    return heard


def _before(trace: Trace, held: Timestamps) -> Array:
    """Return of each row the row before it that has a timestamp, in its process; else -1."""
    rows = np.arange(len(trace))
    stamped = np.where(np.diff(held.starts) > 0, rows, -1)
    last = np.concatenate([[-1], np.maximum.accumulate(stamped)[:-1]])
    return np.where(last >= trace.starts[trace.process_column()], last, -1)


def _sources(trace: Trace, entries: _Entries, place: Array, process: Array, value: Array) -> Array:
    """Return the rows whose own entry the values are, the first of several; else UNMATCHED."""
    rows = np.arange(len(trace))
    own = entries.at(rows, place)
    # Own entries may be any numbers: their ranks stand for them.
    ranks, rank = np.unique(own, return_inverse=True)
    keys = place * (len(ranks) + 1) + rank
    order = rows if (np.diff(keys) >= 0).all() else np.argsort(keys, kind="stable")
    keys = keys[order]
    wanted = np.minimum(np.searchsorted(ranks, value), len(ranks) - 1)
    is_own = ranks[wanted] == value
    sought = process * (len(ranks) + 1) + wanted
    found = np.minimum(np.searchsorted(keys, sought), len(keys) - 1)
    return np.where(is_own & (keys[found] == sought), order[found], UNMATCHED)


def _direct(news: _News, entries: _Entries, held: Timestamps) -> _News:
    """Leave out what an event has heard of through another of its messages."""
    sums = np.concatenate([[0.0], np.cumsum(held.values, dtype=np.float64)])
    weight = sums[held.starts[1:]] - sums[held.starts[:-1]]
    heavy = np.where(news.source >= 0, weight[np.maximum(news.source, 0)], -1.0)
    order = np.lexsort((-heavy, news.row))
    left, done = news.only(order), []
    for _ in range(TURNS_MAX):
        if not len(left.row):
            break
        is_first = np.concatenate([[True], left.row[1:] != left.row[:-1]])
        done.append(left.only(is_first))
        through = left.source[
            np.maximum.accumulate(np.where(is_first, np.arange(len(is_first)), 0))
        ]
        through, left = through[~is_first], left.only(~is_first)
        told = np.zeros(len(through), np.int64)
        real = through >= 0
        told[real] = entries.at(through[real], left.process[real])
        left = left.only(told < left.value)
    direct = _News(*(np.concatenate(columns) for columns in zip(*done, left, strict=True)))
    return direct.only(np.lexsort((np.arange(len(direct.row)), direct.row)))


def _split_first(news: _News) -> tuple[_News, _News]:
    """Return one message of each event, an unmatched one if there is one, and all others."""
    order = np.lexsort((news.source >= 0, news.row))
    news = news.only(order)
    is_first = np.ones(len(news.row), bool)
    is_first[1:] = news.row[1:] != news.row[:-1]
    more = news.only(~is_first)
    return news.only(is_first), more.only(more.source >= 0)
