"""Whether every message that was received, or found, was sent to its receiver.

Rule: `from-nowhere`. Limit: a send that may be missing from its sender's log (gaps, a log
that breaks off or is missing), or that may be that of a receive without a name, leaves the
question undecided. So does a stamp that may be the clock of several sends: such a message
has no send because it may have several, and not because nobody sent it. And so does an id
that several sends have, where nearly all ids are of one and the receive does not name its
sender: the id of one of them may be wrong.
"""

from collections import Counter
from functools import reduce

import numpy as np

from driftlab.arrays import IntArray
from driftlab.history.conventions.lines import writes_line_per_target
from driftlab.history.conventions.queue import outweigh
from driftlab.history.matching.messages import UNMATCHED, arrival_names, receive_names
from driftlab.history.matching.send_index import untargeted_sends
from driftlab.judge.context import (
    NO_ROWS,
    Context,
    Explanation,
    Findings,
    Rule,
    findings_by_kind,
    messages_received,
    required,
)
from driftlab.judge.vectors import counts_unheard_events
from driftlab.model.columns import MISSING, NOBODY, RECEIVE, Arrivals


def has_name(context: Context, row: int) -> bool:
    """Whether a receive names its message: only then can its send be known to be missing."""
    of = context.columns
    if of.received is not None and of.received[row] != MISSING:
        return True
    if context.messages.sender[row] == NOBODY and of.stamp is None:
        return context.trace.timestamps is not None and bool(of.kind[row] != RECEIVE)
    return of.stamp is None or bool(of.stamp[row] != MISSING)


def is_clock_of_sends(context: Context, row: int) -> bool:
    """Whether the stamp that alone names a message is the clock of a send to its receiver.

    Not if more messages of this stamp came to the receiver than were sent.
    """
    of = context.columns
    if of.stamp is None or of.clock is None or of.stamp[row] == MISSING:
        return False
    if of.received is not None and of.received[row] != MISSING:
        return False
    name = context.trace.process_of(row), int(of.stamp[row])
    came, sent = context.cached("stamps of sends", _count_stamps)
    return bool(came[name] <= sent[name] + sent[None, name[1]] - sent[None, *name])


def _count_stamps(
    context: Context,
) -> tuple[Counter[tuple[int, int]], Counter[tuple[int | None, ...]]]:
    """Return how many messages came to each process with each stamp, and how many were sent.

    What was sent to nobody who is named counts for (None, stamp), and for (None, process,
    stamp) of its own sender, which it did not go to.
    """
    of, process = context.columns, context.process
    stamp, clock = of.stamp, of.clock
    assert stamp is not None
    assert clock is not None
    rows = np.flatnonzero(context.is_receive & (stamp != MISSING))
    came = Counter(zip(process[rows].tolist(), stamp[rows].tolist(), strict=True))
    carried = clock - np.isin(process, list(context.messages.stamp_before_send))
    sent: Counter[tuple[int | None, ...]] = Counter()
    if of.target is not None:
        sends, targets = context.sent_messages
        sent.update(zip(targets.tolist(), carried[sends].tolist(), strict=True))
    unnamed = untargeted_sends(context.trace)
    stamps = carried[unnamed].tolist()
    sent.update((None, each) for each in stamps)
    sent.update(
        (None, own, each) for own, each in zip(process[unnamed].tolist(), stamps, strict=True)
    )
    return came, sent


_SEND_MAY_BE_MISSING = (
    "the receive names no message, or the send may be missing from the sender's log"
)
_LINES_MAY_BE_MISSING = (
    "its send is the first of a log that writes a line for each target: those before may be missing"
)
_ID_MAY_BE_WRONG = "several sends have its id, though nearly all ids are of one: one may be wrong"


def _judge_unsent(context: Context) -> Findings:
    """Judge that every message that was received, or found, was sent to its receiver."""
    lone = np.flatnonzero(context.messages.source == UNMATCHED)
    extra = context.messages.extra_receives[context.messages.extra_sends < 0]
    rows = np.union1d(lone, extra)
    if context.messages.implied:  # by an entry that `vector-ahead` reports
        rows = np.setdiff1d(rows, counts_unheard_events(context))
    undecided = np.array([_may_be_sent(context, row) for row in rows.tolist()], bool)
    doubtful = np.setdiff1d(_of_doubtful_ids(context), [*rows, *context.messages.misdelivered])
    misdelivered = context.messages.misdelivered
    is_cut = (
        writes_line_per_target(context.trace)
        & context.is_first[context.messages.source[misdelivered]]
    )
    left_open = undecided.any() or not (len(doubtful) or is_cut.any())
    reasons = [_SEND_MAY_BE_MISSING] if left_open else []
    reasons += [_LINES_MAY_BE_MISSING] if is_cut.any() else []
    reasons += [_ID_MAY_BE_WRONG] if len(doubtful) else []
    arrivals = _unsent_arrivals(context)

    def explain_unsent(row: int, _: int) -> Explanation:
        return Explanation(_expected_send(context, row), "no such send", (row,))

    def explain_misdelivered(row: int, _: int) -> Explanation:
        send = int(context.messages.source[row])
        found = f"{context.event_name(send)} sent it to {context.target_names(send)}"
        return Explanation(_expected_send(context, row), found, (send, row))

    def explain_arrival(row: int, number: int) -> Explanation:
        held, arrival = _arrivals(context), int(arrivals[number])
        names = context.trace.names
        sender, to = names[int(held.sender[arrival])], names[context.trace.process_of(row)]
        expected = f"a send by {sender} to {to} with clock {held.stamp[arrival]}"
        return Explanation(expected, "no such send", (row,))

    return findings_by_kind(
        (rows[~undecided], explain_unsent),
        (misdelivered[~is_cut], explain_misdelivered),
        (context.arrival_rows[arrivals], explain_arrival),
        unknown=reduce(np.union1d, [rows[undecided], misdelivered[is_cut], doubtful]).astype(
            np.int64
        ),
        reason="; or ".join(reasons),
    )


def _of_doubtful_ids(context: Context) -> IntArray:
    """Return the receives without a sender whose ids several sends have, if nearly all are of one.

    Which of these sends is received may be known by its clock, but the id of another is then
    likely wrong, and whether its message came is not known.
    """
    sent, rows, sender = context.columns.sent, context.messages.repeated_ids, context.columns.sender
    if sent is None or not len(rows):
        return NO_ROWS
    counts = np.unique(sent[sent != MISSING], return_counts=True)[1]
    repeated = int(np.count_nonzero(counts > 1))
    if not outweigh(len(counts) - repeated, repeated):
        return NO_ROWS
    return rows if sender is None else rows[sender[rows] == NOBODY]


def _arrivals(context: Context) -> Arrivals:
    held = context.trace.arrivals
    assert held is not None
    return held


def _unsent_arrivals(context: Context) -> IntArray:
    """Return the numbers of arrivals that nobody sent, as far as is known, and nobody received."""
    held, clock = context.trace.arrivals, context.columns.clock
    if held is None or clock is None:
        return NO_ROWS
    lone = np.flatnonzero(context.arrival_sources == UNMATCHED)
    names = arrival_names(context.trace)[lone]
    lone = lone[~np.isin(names, receive_names(context.trace)[1])]
    unlogged = _unlogged_clocks(context)
    return np.array(
        [
            arrival
            for arrival, sender, stamp in zip(
                lone.tolist(), held.sender[lone].tolist(), held.stamp[lone].tolist(), strict=True
            )
            if not context.is_missing[sender] and not unlogged.may_include(sender, stamp)
        ],
        np.int64,
    )


def _expected_send(context: Context, row: int) -> str:
    """Return the send that a received message should have had, in words."""
    return f"a send by {sender_name(context, row)} {address_of(context, row)}"


def sender_name(context: Context, row: int) -> str:
    """Return the name of the process that sent what an event received, if it is known."""
    place = int(context.messages.sender[row])
    return "some process" if place == NOBODY else context.trace.names[place]


def address_of(context: Context, row: int) -> str:
    """Return the process a received message was sent to, and its name if it has one."""
    of = context.columns
    to = context.trace.names[context.trace.process_of(row)]
    if of.received is not None and of.received[row] != MISSING:
        return f"to {to} of message {context.trace.message_name(int(of.received[row]))}"
    if of.stamp is not None and of.stamp[row] != MISSING:
        return f"to {to} with clock {of.stamp[row]}"
    return f"to {to}"


def _may_be_sent(context: Context, row: int) -> bool:
    """Whether an unmatched message may have been sent, by an event that is logged or is not."""
    if not has_name(context, row) or context.is_not_to_match[row]:
        return True
    sender = int(context.messages.sender[row])
    if sender == NOBODY:
        may_lack = bool(context.has_gaps.any() or context.may_go_on.any())
        return may_lack or is_clock_of_sends(context, row)
    if context.is_missing[sender]:
        return True
    is_named = context.columns.sender is not None and context.columns.sender[row] != NOBODY
    if not is_named and context.is_missing.any():
        return True  # that its clock knows of one sender does not say that the other sent nothing
    if context.names_no_message[row] and _may_be_left_over(context, row, sender):
        return True
    of = context.columns
    if of.stamp is None or of.clock is None or of.stamp[row] == MISSING:
        return bool(context.has_gaps[sender] or context.may_go_on[sender])
    return _unlogged_clocks(context).may_include(sender, int(of.stamp[row]))


def _may_be_left_over(context: Context, row: int, sender: int) -> bool:
    """Whether a send of a process may be that of a receive that names no message."""
    if context.columns.target is None:
        return True
    rows, to = context.sent_messages
    own = (context.process[rows] == sender) & (to == context.process[row])
    receives, sends = context.pairs
    came = sends[context.process[receives] == context.process[row]]
    return bool(len(np.setdiff1d(rows[own], came)))


def _unlogged_clocks(context: Context) -> "UnloggedClocks":
    clocks: UnloggedClocks = context.cached("unlogged clocks", UnloggedClocks)
    return clocks


class UnloggedClocks:
    """The Lamport clocks that events may have had which are missing from their process's log."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._intervals: dict[int, tuple[IntArray, IntArray]] = {}

    def may_include(self, process: int, clock: int) -> bool:
        """Whether an event with this clock may be missing from the log of a process."""
        if process not in self._intervals:
            self._intervals[process] = self._intervals_of(process)
        low, high = self._intervals[process]
        return bool(((low < clock) & (clock < high)).any())

    def _intervals_of(self, process: int) -> tuple[IntArray, IntArray]:
        """Return the open intervals of clocks that a log leaves out: where each begins, ends."""
        context, clock = self._context, required(self._context.columns.clock)
        begin, end = context.trace.starts[process : process + 2].tolist()
        gaps = context.trace.gaps
        mine = gaps[(gaps >= begin) & (gaps < end)]
        low = np.where(mine > begin, clock[np.maximum(mine - 1, 0)], MISSING)
        high = clock[mine]
        if begin < end and context.starts_late[begin]:
            low, high = np.append(low, MISSING), np.append(high, clock[begin])
        if context.may_go_on[process]:
            last = clock[begin:end].max() if begin < end else MISSING
            low, high = np.append(low, last), np.append(high, 2**63 - 1)
        return low, high


def _messages_that_came(context: Context) -> int:
    """Return how many messages were received, and how many were found by a tick."""
    found = 0 if context.trace.arrivals is None else len(context.arrival_rows)
    return messages_received(context) + found


FROM_NOWHERE = Rule(
    "from-nowhere", "every message received was sent", _messages_that_came, _judge_unsent
)
