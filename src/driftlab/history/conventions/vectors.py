"""Vector clocks that are written before the own entry is incremented.

Every line then shows one event of its own process less than it should, but the
events of others as they are: what a message brought counts its send. So the first
line of every process shows 0 or nothing for itself, and an entry for another process
belongs to an event that shows one less. A clock that only begins at 0, and counts
its events from there in every entry, is not taken for one that is written early: its
entries fit the events that show the same.

Where damaged lines fit neither way, the one is taken that leaves far fewer of them. If
neither does, or the first lines of most processes are missing, it is undecided: then
no message is taken from an entry, and no entry is too great by one.
"""

from typing import NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.errors import counted
from driftlab.history.conventions.queue import EXCEPTIONS_SHARE, is_far_less
from driftlab.history.matching.by_vector_clock import implied_messages
from driftlab.history.matching.match import match
from driftlab.history.missing_fields import may_be_receive
from driftlab.history.trace import Trace, processes_of
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


def with_vectors_of_next(trace: Trace) -> Trace | None:
    """Return the trace with the vector of the next line at each event, None without vectors.

    At the last line of a process a receive has none; of another event the own entry is one
    more.
    """
    held, more = trace.timestamps, with_own_events(trace)
    if held is None or more is None or more.timestamps is None:
        return None
    then = more.timestamps
    rows = np.arange(len(trace))
    is_last = np.zeros(len(trace), bool)
    lasts = np.concatenate([trace.starts[1:], trace.gaps]) - 1
    is_last[lasts[lasts >= 0]] = True
    source = np.where(is_last, rows, rows + 1)
    counts = np.where(
        is_last, np.diff(then.starts), np.diff(held.starts)[np.minimum(source, len(rows) - 1)]
    )
    counts[is_last & may_be_receive(trace)] = 0
    begins = np.where(is_last, then.starts[:-1], held.starts[:-1][source] + len(then.entries))
    place = np.repeat(begins - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
    entries = np.concatenate([then.entries, held.entries])[place]
    values = np.concatenate([then.values, held.values])[place]
    return trace.replace(timestamps=Timestamps(held.clock, starts_of(counts), entries, values))


class OwnEntries(NamedTuple):
    """How a log that begins at 0 seems to write own entries.

    trace: with one more in each, if they are written early. reason: what shows that, in
    words; "" if it is undecided.
    """

    trace: Trace
    reason: str


def recognized_own_events(trace: Trace) -> OwnEntries | None:
    """Return how own entries are written; None where nothing says that they are early."""
    held = trace.timestamps
    if held is None or held.clock != "vector":
        return None
    first = first_own_entries(trace, held)
    if (first == 1).all():
        return None
    shifted = with_own_events(trace)
    if shifted is None:
        return None
    named, ours, theirs = _named_messages(trace, held)
    fit_now = ours
    if named:
        fit, misfits, misfits_now = theirs, named - theirs, named - ours
        then = named
    else:
        (fit_now, now), (fit, then) = _fitting(trace), _fitting(shifted)
        misfits, misfits_now = then - fit, now - fit_now
    is_rare = misfits * EXCEPTIONS_SHARE <= then
    if 2 * np.count_nonzero(first == 0) < len(first):  # the first lines may be missing
        is_open = is_rare and is_far_less(misfits, misfits_now)
    elif misfits_now > misfits and (is_rare or is_far_less(misfits, misfits_now)):
        messages = counted(then, "message")
        return OwnEntries(shifted, f"as {fit} of {messages} {'show' if then > 1 else 'shows'}")
    else:
        # Where many fit neither way, it is no damage: then a wrong program stays wrong.
        is_said = misfits_now > 0 or fit_now == 0
        is_open = is_rare and is_said and not is_far_less(misfits_now, misfits)
    return OwnEntries(trace.replace(is_own_entry_unsure=True), "") if is_open else None


def first_own_entries(trace: Trace, held: Timestamps) -> IntArray:
    """Return the own entry in the first line of each process.

    One that no clock ever counts is called otherwise there, and says nothing.
    """
    firsts = trace.starts[:-1][np.diff(trace.starts) > 0]
    process = processes_of(trace, firsts)
    counted_ever = np.zeros(trace.processes, bool)
    counted_ever[held.entries[held.values > 0]] = True
    says = counted_ever[process]
    return entries_at(trace, held, firsts[says], process[says])


def _named_messages(trace: Trace, held: Timestamps) -> tuple[int, int, int]:
    """Return how many messages that the log names show how own entries are written.

    These are the ones of which the receiver newly knows the send, or the event after it.
    Beside their number, how many show that entries count their own event, and how many that
    they do not.
    """
    of = trace.columns
    if of.received is None and (of.stamp is None or of.sender is None):
        return 0, 0, 0
    messages = match(trace.replace(strategies=("id", "stamp")))
    receives = messages.receives[messages.source[messages.receives] >= 0]
    receives = receives[receives > 0]
    sends = messages.source[receives]
    sender = processes_of(trace, sends)
    sent = entries_at(trace, held, sends, sender)
    known = entries_at(trace, held, receives, sender)
    before = entries_at(trace, held, receives - 1, sender)
    before[processes_of(trace, receives - 1) != processes_of(trace, receives)] = 0
    has_clock = held.starts[receives + 1] > held.starts[receives]
    is_new = (known > before) & has_clock & (before <= sent)
    ours, theirs = is_new & (known == sent), is_new & (known == sent + 1)
    return int((ours | theirs).sum()), int(ours.sum()), int(theirs.sum())


def _fitting(trace: Trace) -> tuple[int, int]:
    """Return how many messages the clocks imply that fit their sends, and how many in all.

    One fits if its receive knows all that its send knew, and its send does not know it.
    What was sent by events that are not logged is not counted, but what was by one that
    is, and says that it sent nothing.
    """
    messages, held = implied_messages(trace), trace.timestamps
    assert held is not None
    receives = np.concatenate([messages.receives, messages.extra_receives])
    sends = np.concatenate([messages.source[messages.receives], messages.extra_sends])
    receives, sends = receives[sends >= 0], sends[sends >= 0]
    counts = np.diff(held.starts)[sends]
    ends = np.cumsum(counts)
    offset = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
    place = np.repeat(held.starts[sends], counts) + offset
    pair = np.repeat(np.arange(len(sends)), counts)
    known = entries_at(trace, held, receives[pair], held.entries[place])
    receiver = processes_of(trace, receives)
    own = entries_at(trace, held, receives, receiver)
    carried = entries_at(trace, held, sends, receiver)
    fits: BoolArray = (carried < own) | (own == 0)
    fits[pair[known < held.values[place]]] = False
    unsent = np.flatnonzero((messages.source < 0) & (messages.sender >= 0))
    sender = messages.sender[unsent].astype(np.int64)
    lasts = trace.starts[1:] - 1
    most = np.where(np.diff(trace.starts) > 0, own_entries_of(trace, held)[lasts], 0)
    is_logged = entries_at(trace, held, unsent, sender) <= most[sender]
    return int(fits.sum()), len(sends) + int(is_logged.sum())


def own_entries_of(trace: Trace, held: Timestamps) -> IntArray:
    """Return of each event the entry for its own process."""
    return entries_at(trace, held, np.arange(len(trace)), trace.process_column().astype(np.int64))


def entries_at(trace: Trace, held: Timestamps, rows: IntArray, entries: IntArray) -> IntArray:
    """Return entries of the timestamps of some rows, 0 where there is none."""
    width = trace.processes
    keys = np.repeat(np.arange(len(trace)), np.diff(held.starts)) * width + held.entries
    wanted = rows * width + entries
    if not len(keys):
        return np.zeros(len(wanted), np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, held.values[place], 0)
