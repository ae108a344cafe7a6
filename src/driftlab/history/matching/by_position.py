"""Matching by position: the k-th receive of a channel takes the k-th message sent on it.

For receives that name their sender but not their message, and for those that name
neither, where one process alone sends to the receiver. It is assumed that channels
are first in, first out, and that nothing is delivered twice. Then the order is the
only possible one

- where the channel has as many receives as sends, in all or between two messages
  that are matched by their names;
- where it has fewer receives, and nothing was lost: the sends left over have clocks
  above the receiver's last, or are all in its last queue;
- else up to the last receive whose clock was set by its message, because the clock
  of the k-th receive then shows the k-th send.

A channel is not matched in this way where events may be missing (gaps, no log, kinds
or targets that are not known, receives whose message was never sent), where named
messages are out of order, where its order would close a causal cycle, or where
clocks speak against it (`clock_evidence`): then a message may have been lost, or
overtaken, and it is not known which is which. Of two processes each is taken to send
to the other, if no send says to whom: what speaks against one channel then speaks
against both.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.acyclic import leaves_order
from driftlab.history.matching.by_vector_clock import EntryTable, stamped_row_before
from driftlab.history.matching.clock_evidence import (
    SHIFTS_MAX,
    SINGLE_ERRORS_SHARE,
    Accepted,
    accepted,
    speak_against,
)
from driftlab.history.matching.matching import NO_ROWS, Matching
from driftlab.history.matching.messages import NOTHING, UNMATCHED
from driftlab.history.matching.send_index import sent_messages, untargeted_sends
from driftlab.history.missing_fields import begins_late
from driftlab.history.trace import Trace, processes_of, processes_with_gaps
from driftlab.model.columns import MISSING, NOBODY, RECEIVE, SEND, UNKNOWN_KIND

OPEN = -1  # in `sent_at`: a receive that is to be matched


def match_by_position(matching: Matching) -> None:
    """Match receives without a name by their order on their channels."""
    rows = matching.nameless()
    if not len(rows):
        return
    sends = Sends(matching.trace, names_by_id=matching.names_by_id)
    if not sends.are_known:
        return
    rows, sender = _with_sender(matching, rows, sends)
    ends = _ends(matching, rows, sender, sends)
    if not len(ends.rows):
        return
    place = _places(matching, ends, sends, _may_be_of_others(matching, ends, sends))
    chosen = np.flatnonzero((place >= 0) & (ends.sent_at == OPEN))
    rows, given = ends.rows[chosen], ends.sends[place[chosen]]
    kept = leaves_order(matching, rows, given, ends.channel[chosen])
    rows, given = rows[kept], given[kept]
    matching.take(rows, given)
    order = np.argsort(rows)
    rows, given = rows[order], given[order]
    matching.assumed_order = np.union1d(matching.assumed_order, rows)
    matching.carried_unknown = np.union1d(
        matching.carried_unknown, rows[_is_miscounted(matching, given)]
    )


# Channels, and what was sent on them.


class Sends:
    """The messages that a log says were sent, and the processes of which that is not certain.

    are_known: whether the log says who was sent to. rows, to i8: of each message the
    row of its send and its receiver. channel i8: sender * processes + receiver.
    """

    def __init__(self, trace: Trace, *, names_by_id: bool) -> None:
        self.trace = trace
        of = trace.columns
        # Where an id was not read, a third process may not have been either.
        are_two = trace.processes == 2 and not (names_by_id and trace.unread)
        self.are_known = of.target is not None or are_two
        if of.target is not None:
            rows, to = sent_messages(trace)
        else:  # of two processes each sends to the other
            rows = np.flatnonzero(of.kind == SEND)
            to = 1 - processes_of(trace, rows)
        process = processes_of(trace, rows)
        is_other = process != to
        self.rows, self.to = rows[is_other], to[is_other]
        self.channel = process[is_other] * trace.processes + self.to

    @cached_property
    def is_certain(self) -> BoolArray:
        """Of each process whether all that it sent is known."""
        trace, certain = self.trace, is_whole(self.trace)
        vague = untargeted_sends(trace)
        if trace.columns.target is None:
            vague = vague[trace.columns.kind[vague] == UNKNOWN_KIND]
        certain[processes_of(trace, vague)] = False
        return certain


def is_whole(trace: Trace) -> BoolArray:
    """Of each process whether its log holds all of its events, as far as it says."""
    whole: BoolArray = np.diff(trace.starts) > 0
    whole[processes_with_gaps(trace)] = False
    late = [not each.from_start for each in trace.process_info]
    whole[: len(late)] &= ~np.array(late, bool)
    whole[processes_of(trace, _called_otherwise(trace))] = False
    return whole


def _called_otherwise(trace: Trace) -> IntArray:
    """Return the rows whose kind does not go with what they say, in a log where all others do.

    Where receives say how long the queue was, and other events do not, one that does
    either without the other may have been called by the name of another kind.
    """
    queue = trace.columns.queue
    if queue is None:
        return NO_ROWS
    says, receives = queue != MISSING, trace.columns.kind == RECEIVE
    odd = np.flatnonzero(says != receives)
    is_rare = len(odd) <= SINGLE_ERRORS_SHARE * min(receives.sum(), (~receives).sum())
    return odd if is_rare else NO_ROWS


def _with_sender(matching: Matching, rows: IntArray, sends: Sends) -> tuple[IntArray, IntArray]:
    """Return the receives whose sender is known, and the sender of each.

    It is named, or the only process that sends to the receiver, if all is known that
    the others sent.
    """
    width = matching.trace.processes
    sender = matching.sender[rows].astype(np.int64)
    channels = np.unique(sends.channel)
    to = channels % width
    only = np.full(width, NOBODY, np.int64)
    only[to] = channels // width
    only[np.bincount(to, minlength=width) != 1] = NOBODY
    uncertain = ~sends.is_certain
    only[uncertain.sum() - uncertain > 0] = NOBODY  # another process is uncertain
    sender = np.where(sender == NOBODY, only[processes_of(matching.trace, rows)], sender)
    return rows[sender != NOBODY], sender[sender != NOBODY]


class _Ends(NamedTuple):
    """Both ends of some channels: what was received on each, and what was sent, in order.

    codes i8: of the channels, sender * processes + receiver, rising.
    channel i8: of each receive the number of its channel, rising; rows i8: rising
    within a channel; sent_at i8: where its send stands in `sends`, OPEN for those to
    be matched. send_channel, sends i8: the same of the sends.
    has_order: of each channel whether its named messages are in order.
    """

    codes: IntArray
    channel: IntArray
    rows: IntArray
    sent_at: IntArray
    send_channel: IntArray
    sends: IntArray
    has_order: BoolArray

    @property
    def receive_begins(self) -> IntArray:
        """Where the receives of each channel begin, and the end."""
        return np.searchsorted(self.channel, np.arange(len(self.codes) + 1))

    @property
    def send_begins(self) -> IntArray:
        """Where the sends of each channel begin, and the end."""
        return np.searchsorted(self.send_channel, np.arange(len(self.codes) + 1))


def _ends(matching: Matching, rows: IntArray, sender: IntArray, sends: Sends) -> _Ends:
    """Return the channels of some receives without a name, but for those that are uncertain."""
    trace, width = matching.trace, matching.trace.processes
    channel = sender * width + processes_of(trace, rows)
    codes = np.setdiff1d(channel, _blocked(matching, rows, sender))
    codes = codes[sends.is_certain[codes // width] & is_whole(trace)[codes % width]]

    named = np.flatnonzero(matching.source >= 0)
    named_source = matching.source[named]
    if len(matching.extra_receives):
        named = np.concatenate([named, matching.extra_receives])
        named_source = np.concatenate([named_source, matching.extra_sends])
    named_channel = processes_of(trace, named_source) * width + processes_of(trace, named)
    all_rows = np.concatenate([rows, named])
    all_channels = np.concatenate([channel, named_channel])
    source = np.concatenate([np.full(len(rows), OPEN), named_source])
    order = np.flatnonzero(np.isin(all_channels, codes))
    order = order[np.lexsort((all_rows[order], all_channels[order]))]
    all_rows, source = all_rows[order], source[order]
    number = np.searchsorted(codes, all_channels[order])

    mine = np.flatnonzero(np.isin(sends.channel, codes))
    mine = mine[np.lexsort((sends.rows[mine], sends.channel[mine]))]
    send_channel, send_rows = np.searchsorted(codes, sends.channel[mine]), sends.rows[mine]
    keys = send_channel * len(trace) + send_rows
    wanted = number * len(trace) + source
    at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    is_sent = np.zeros(len(wanted), bool) if not len(keys) else keys[at] == wanted
    keep = (source == OPEN) | is_sent  # a message sent to another process is on no channel
    at = np.where(source == OPEN, OPEN, at)[keep]
    all_rows, number = all_rows[keep], number[keep]
    known = np.flatnonzero(at != OPEN)
    backwards = (np.diff(number[known]) == 0) & (np.diff(at[known]) <= 0)
    has_order = np.ones(len(codes), bool)
    has_order[number[known[1:][backwards]]] = False
    return _Ends(codes, number, all_rows, at, send_channel, send_rows, has_order)


def _blocked(matching: Matching, rows: IntArray, sender: IntArray) -> IntArray:
    """Return the channels on which more may have been received than some receives.

    rows, sender: of the receives that are to be matched. Others have no send, and may
    be of the channel: they name its sender, or none.
    """
    trace, width = matching.trace, matching.trace.processes
    others = np.setdiff1d(np.flatnonzero(matching.source == UNMATCHED), rows)
    to, named = processes_of(trace, others), matching.sender[others].astype(np.int64)
    channel = sender * width + processes_of(trace, rows)
    from_anybody = np.isin(channel % width, to[named == NOBODY])
    return np.concatenate([channel[from_anybody], (named * width + to)[named != NOBODY]])


# Which send each receive takes.


def _may_be_of_others(matching: Matching, ends: _Ends, sends: Sends) -> BoolArray:
    """Whether each channel has receives that may be of sends without a line.

    All may in a log that begins late. Those of a process without a log do not name their
    sender, and another receive shows that there is such a process: nobody whose log is
    there sends to its process.
    """
    trace, channels = matching.trace, np.zeros(len(ends.codes), bool)
    if begins_late(trace):
        return ~channels  # the first sends, or receives, of each channel may be missing
    nameless = ends.rows[(ends.sent_at == OPEN) & (matching.sender[ends.rows] == NOBODY)]
    unmatched = np.flatnonzero(matching.source == UNMATCHED)
    unmatched = unmatched[matching.sender[unmatched] == NOBODY]
    if len(np.setdiff1d(processes_of(trace, unmatched), sends.to)):
        channels[ends.channel[np.isin(ends.rows, nameless)]] = True
    return channels


def _places(matching: Matching, ends: _Ends, sends: Sends, may_be_of_others: BoolArray) -> IntArray:
    """Return where in `ends.sends` the send of each receive stands, -1 where that is not known."""
    begins, send_begins = ends.receive_begins, ends.send_begins
    first, first_send = begins[ends.channel], send_begins[ends.channel]
    end, end_send = begins[ends.channel + 1], send_begins[ends.channel + 1]
    every = np.arange(len(ends.rows))
    number = every - first
    is_named = ends.sent_at != OPEN
    shift = ends.sent_at - first_send - number  # of a named message
    last = np.maximum.accumulate(np.where(is_named, every, -1))
    shift_before = np.where(last >= first, shift[np.maximum(last, 0)], 0)
    following = np.minimum.accumulate(np.where(is_named, every, len(every))[::-1])[::-1]
    is_tail = following >= end
    shift_after = shift[np.minimum(following, len(every) - 1)]
    place = first_send + number + shift_before
    # After the last named message, the sends that are left over may be in flight.
    left_over = end_send - first_send - (end - first) - shift_before
    known = np.where(is_tail, left_over >= 0, shift_after == shift_before)
    known &= ends.has_order[ends.channel] & ~is_named
    may_be_lost = is_tail & ~_are_in_flight(matching, ends, sends, left_over)
    may_repeat = np.zeros(len(ends.codes), bool)
    may_repeat[ends.channel[may_be_lost]] = True
    accepts, known = _agreed_by_clocks(
        matching.trace, ends, place, known, may_repeat, may_be_of_others
    )
    last_shown = _set_by_message(ends, accepts, known)[ends.channel]
    known &= ~may_be_lost | (every <= last_shown)
    return np.where(known, place, -1)


def _agreed_by_clocks(
    trace: Trace,
    ends: _Ends,
    place: IntArray,
    known: BoolArray,
    may_repeat: BoolArray,
    may_be_of_others: BoolArray,
) -> tuple[list[Accepted], BoolArray]:
    """Leave out the channels against whose order a clock speaks.

    may_repeat: of each channel whether a message may have been delivered on it twice.
    may_be_of_others: whether its receives may be of sends without a line; then all must fit.
    Return what the receives accept by each clock, and whether their place is known.
    """
    accepts = []
    for value, receive in _clocks(trace, ends):
        sent = value[ends.sends]
        lacks = np.zeros(len(ends.codes), bool)
        lacks[ends.send_channel[sent == MISSING]] = True
        receive = receive._replace(is_unknown=receive.is_unknown | lacks[ends.channel])
        accepts.append(receive)
        at = np.flatnonzero(known)
        free = ~lacks[ends.send_channel]
        free[ends.sent_at[ends.sent_at != OPEN]] = False
        chosen = receive.at(at)
        senders = ends.codes[ends.channel[at]] // trace.processes
        against = speak_against(
            place[at], ends.channel[at], chosen, sent, ends.send_channel, free, may_repeat,
            _is_unlogged(trace, value, senders, chosen.value), _moved(trace, value, ends.codes),
        )  # fmt: skip
        if value is not trace.columns.clock:
            against |= _told_by_receives(trace, value, ends, chosen, at)
        misfits = ~chosen.is_unknown & ~chosen.accept(sent[place[at]])
        against |= may_be_of_others & (
            np.bincount(ends.channel[at][misfits], minlength=len(against)) > 0
        )
        if trace.columns.target is None:  # who was sent to is a guess, for both channels the same
            against |= against.any()
        known = known & ~against[ends.channel]
    return accepts, known


def _clocks(trace: Trace, ends: _Ends) -> list[tuple[IntArray, Accepted]]:
    """Return for each clock of the log the value of each event as a send, and what receives accept.

    Of a vector clock that is the own entry of the send, and the entry for the sender.
    """
    clocks, rows, clock = [], ends.rows, trace.columns.clock
    is_first = np.isin(rows, trace.starts)
    if clock is not None:
        before = np.where(is_first, MISSING, clock[np.maximum(rows - 1, 0)])
        after = np.where(clock[rows] == MISSING, MISSING, clock[rows] - 1)
        receives = accepted(before, after, before != MISSING, clock[rows] != MISSING)
        clocks.append((clock, receives))
    held = trace.timestamps
    if held is not None and held.clock == "vector" and len(held.values):
        table = EntryTable(held, len(trace), trace.processes)
        is_stamped = np.diff(held.starts) > 0
        own = table.at(np.arange(len(trace)), trace.process_column().astype(np.int64))
        sender = ends.codes[ends.channel] // trace.processes
        last = stamped_row_before(trace, held)[rows]
        follows = (last == rows - 1) & ~is_first
        before = np.where(follows, table.at(np.maximum(last, 0), sender), 0)
        follows |= is_first & (own[rows] == 1)  # nothing was known before a first event
        receives = accepted(before, table.at(rows, sender), follows, is_stamped[rows])
        clocks.append((np.where(is_stamped, own, MISSING), receives))
    return clocks


def _told_by_receives(
    trace: Trace, own: IntArray, ends: _Ends, accepts: Accepted, at: IntArray
) -> BoolArray:
    """Whether single receives of each channel know of an event that is called a receive.

    It may have sent too, or be a send that is called otherwise: the sends are not known
    then. own: the own entry of each event. accepts: what the receives `at` accept.
    """
    sender = ends.codes[ends.channel[at]] // trace.processes
    receives = np.flatnonzero(trace.columns.kind == RECEIVE)
    stated = _is_value_of(trace, own, receives, sender, accepts.value)
    stated &= ~_is_value_of(trace, own, ends.sends, sender, accepts.value)
    stated &= accepts.is_exact & ~accepts.is_unknown
    count, every = (
        np.bincount(ends.channel[rows], minlength=len(ends.codes)) for rows in (at[stated], at)
    )
    is_single: BoolArray = (count > 0) & (count <= np.maximum(1, SINGLE_ERRORS_SHARE * every))
    return is_single


def _moved(trace: Trace, column: IntArray, codes: IntArray) -> IntArray:
    """Return of each channel how often the values of its processes do not rise.

    So it is where a line moved, or stands twice. column: the value of each event. 0 where they
    fall so often that it is no damage.
    """
    falls = 1 + np.flatnonzero((column[1:] <= column[:-1]) & (column[1:] != MISSING))
    falls = falls[~np.isin(falls, trace.starts)]
    count = np.bincount(processes_of(trace, falls), minlength=trace.processes)
    count[count > SHIFTS_MAX] = 0
    moved: IntArray = count[codes // trace.processes] + count[codes % trace.processes]
    return moved


def _is_unlogged(trace: Trace, column: IntArray, process: IntArray, values: IntArray) -> BoolArray:
    """Whether no event of each process has the value beside it, but one may be missing that had.

    column: the value of each event, rising in a process. A value above that of the
    process's last event is none that is missing before it.
    """
    is_of_event = _is_value_of(trace, column, np.arange(len(trace)), process, values)
    unlogged: BoolArray = ~is_of_event & (values < column[trace.starts[1:] - 1][process])
    return unlogged


def _is_value_of(
    trace: Trace, column: IntArray, rows: IntArray, process: IntArray, values: IntArray
) -> BoolArray:
    """Whether some event of each process has the value beside it; of the events of `rows`.

    column: the value of each event.
    """
    if not len(rows):
        return np.zeros(len(values), bool)
    ranks, rank = np.unique(column[rows], return_inverse=True)
    keys = processes_of(trace, rows) * len(ranks) + rank
    place = np.minimum(np.searchsorted(ranks, values), len(ranks) - 1)
    found: BoolArray = (ranks[place] == values) & np.isin(process * len(ranks) + place, keys)
    return found


def _set_by_message(ends: _Ends, accepts: list[Accepted], known: BoolArray) -> IntArray:
    """Return for each channel the last receive one of whose clocks its message set, else -1."""
    last = np.full(len(ends.codes), -1)
    for receives in accepts:
        at = np.flatnonzero(known & receives.is_exact & ~receives.is_unknown)
        np.maximum.at(last, ends.channel[at], at)
    return last


def _are_in_flight(matching: Matching, ends: _Ends, sends: Sends, left_over: IntArray) -> BoolArray:
    """Whether all messages of a channel that no receive takes were not received by the end.

    left_over: for each receive, how many last sends of its channel that are.
    """
    in_flight: BoolArray = left_over == 0
    trace, channel = matching.trace, ends.channel
    clock, queue = trace.columns.clock, trace.columns.queue
    lasts = trace.starts[1:] - 1  # of processes without a log too, which have no channel here
    width = trace.processes
    to = ends.codes[channel] % width
    first_left = ends.send_begins[channel + 1] - np.maximum(left_over, 0)
    if clock is not None and len(ends.sends):
        # A send whose clock is above the receiver's last was received by no event there.
        last_clock = clock[lasts[to]]
        is_above = clock[ends.sends] > clock[lasts[ends.codes % width]][ends.send_channel]
        above = np.bincount(ends.send_channel[is_above], minlength=len(ends.codes))[channel]
        begins_above = clock[ends.sends[np.minimum(first_left, len(ends.sends) - 1)]] > last_clock
        in_flight |= (above == left_over) & begins_above & (last_clock != MISSING)
    if queue is not None and sends.is_certain.all():
        received = np.bincount(
            np.concatenate([
                processes_of(trace, np.flatnonzero(matching.source != NOTHING)),
                processes_of(trace, matching.extra_receives),
            ]),
            minlength=width,
        )  # fmt: skip
        waiting = np.bincount(sends.to, minlength=width) - received
        in_flight |= (queue[lasts] == waiting)[to]
    return in_flight


def _is_miscounted(matching: Matching, sends: IntArray) -> BoolArray:
    """Whether sends have a clock that does not follow from that of the event before.

    What their messages carried is then not known: it may be what the clock should be.
    """
    trace, clock = matching.trace, matching.trace.columns.clock
    if clock is None:
        return np.zeros(len(sends), bool)
    before = clock[np.maximum(sends - 1, 0)]
    follows = ~np.isin(sends, trace.starts) & (matching.source[sends] == NOTHING)
    miscounted: BoolArray = follows & (before != MISSING) & (clock[sends] != before + 1)
    return miscounted
