"""What a reliable FIFO channel promises: nothing duplicated, overtaken or lost.

Rules: `delivered-twice` and `fifo` need messages; `lost-message` and `send-to-all`
also need the processes that each event sent to. That nothing is invented is judged
in `unsent_messages`.

A channel is one direction between two processes. It is judged by what arrived,
where the log says what each tick found, else by what was received.

A message that never came is in flight as long as nothing sent after it on the
same channel has come; after that it is lost. Limit: a send or a receive that may be
missing from a log (gaps, a late start, a log that breaks off or is missing, a receive
that names no message) leaves its question undecided, and so does a broken channel.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.by_vector_clock import EntryTable
from driftlab.history.matching.messages import occurrences
from driftlab.history.trace import processes_of
from driftlab.judge.clock_condition import has_clock, lamport_steps
from driftlab.judge.context import (
    NO_ROWS,
    Context,
    Explanation,
    Findings,
    Rule,
    arrived_keys,
    count_of,
    findings,
    findings_by_kind,
    is_stamped,
    received_keys,
    required,
)
from driftlab.judge.inbox import mixes_operations
from driftlab.judge.lamport import counts_per_target
from driftlab.judge.unsent_messages import address_of, sender_name
from driftlab.model.columns import NO_TARGET, NOBODY

TABLE_FACTOR: Final = 8  # a table of truth values as long as that many keys takes their memory

# delivered-twice.

_MAY_BE_AGAIN = "the receive names no message, and may be that of one that came before"


def _judge_delivered_twice(context: Context) -> Findings:
    """Judge that no message is received, or found, twice by the same process."""
    rows, keys = received_keys(context)
    first, again = _repeats(keys)
    first_rows, rows_again = rows[first], rows[again]
    if context.trace.arrivals is not None:
        arrived = arrived_keys(context)
        first, again_arrived = _repeats(arrived)
        new = ~np.isin(arrived[again_arrived], keys[again])
        first_rows = np.concatenate([first_rows, context.arrival_rows[first[new]]])
        rows_again = np.concatenate([rows_again, context.arrival_rows[again_arrived[new]]])

    def explain(number: int) -> Explanation:
        row, before = int(rows_again[number]), int(first_rows[number])
        source = int(context.messages.source[before])
        message = f"the message from {sender_name(context, before)} {address_of(context, before)}"
        return Explanation(
            "each message delivered once",
            f"{message}, delivered again",
            (*((source,) if source >= 0 else ()), before, row),
        )

    unnamed = np.flatnonzero(context.names_no_message) if _is_by_vectors(context) else NO_ROWS
    return findings(rows_again, explain, unnamed, _MAY_BE_AGAIN)


def _is_by_vectors(context: Context) -> bool:
    """Whether messages are those that vector clocks show on channels that the log names."""
    of = context.columns
    if of.received is not None or of.stamp is not None or not _has_targets(context):
        return False
    return len(context.messages.assumed_by.get("vector-clock", NO_ROWS)) > 0


def _repeats(keys: IntArray) -> tuple[IntArray, IntArray]:
    """Return the places of keys that were there before: where each was first, where it is again."""
    again = np.flatnonzero(occurrences(keys) > 0)
    unique, first = np.unique(keys, return_index=True)
    return first[np.searchsorted(unique, keys[again])], again


# fifo.


def _deliveries_in_order(context: Context) -> int:
    """Return how many deliveries are on channels that keep their order, by more than assumption."""
    if context.trace.may_overtake:
        return 0
    assumed = len(context.messages.assumed_order)
    return max(0, _deliveries(context) - assumed)


def _judge_fifo(context: Context) -> Findings:
    """Judge that messages arrive on a channel in the order in which they were sent.

    Of each channel as few messages are reported as explain its order: all others come
    in the order in which they were sent. So one message that comes far too early does not
    accuse each of those that it overtook. Left to other rules: what came a second time, and
    what was found late but received in its turn. Not judged is what was matched by assuming
    this order.
    """
    rows, sends = _ordered_deliveries(context)
    channel, order = _by_channel(context, rows, sends)
    misplaced = _misplaced(channel[order], sends[order])
    if context.trace.arrivals is not None:
        left = _is_left_to_others(context, order[misplaced.place], misplaced)
        misplaced = Misplaced(*(each[~left] for each in misplaced))
    wrong = rows[order[misplaced.place]]

    def explain(number: int) -> Explanation:
        mine, other = int(misplaced.before[number]), int(misplaced.after[number])
        early_name, late_name = context.event_name(mine), context.event_name(other)
        return Explanation(
            f"the message of {early_name} before that of {late_name}, which was sent later",
            f"the message of {early_name} after that of {late_name}",
            (mine, other, int(wrong[number])),
        )

    return findings(wrong, explain)


class Misplaced(NamedTuple):
    """Deliveries that do not come in the order of their sends.

    place i8: of each delivery, rising. before, after i8: rows of two sends, one of which is
    its own, in the order in which they were sent; their messages came the other way round.
    """

    place: IntArray
    before: IntArray
    after: IntArray


def _misplaced(channel: IntArray, sends: IntArray) -> Misplaced:
    """Return the fewest deliveries without which each channel keeps its order.

    channel: of each delivery, equal ones adjacent. sends: the row of its send.
    """
    latest = _running_max(channel, sends)
    broken = np.unique(channel[sends < latest])
    place: list[int] = []
    before: list[int] = []
    after: list[int] = []
    for begin, end in zip(
        np.searchsorted(channel, broken).tolist(),
        np.searchsorted(channel, broken, side="right").tolist(),
        strict=True,
    ):
        own = sends[begin:end]
        soonest = np.minimum.accumulate(own[::-1])[::-1]  # the first send of what is still to come
        for at in _out_of_order(own.tolist()):
            mine, other = int(own[at]), int(latest[begin + at])
            place.append(begin + at)
            before.append(mine if mine < other else int(soonest[at]))
            after.append(max(mine, other))
    return Misplaced(*(np.array(each, np.int64) for each in (place, before, after)))


def _out_of_order(values: Sequence[int]) -> list[int]:
    """Return the places of the fewest values without which the others never fall.

    Where there is a choice the value that stands first is kept. The longest subsequence
    that never falls is found by patience sorting (Fredman 1975), from the end.
    """
    ends: list[int] = []  # of each length, minus the first value of the best subsequence
    last: list[int] = []  # and its place
    after = [-1] * len(values)
    for place in range(len(values) - 1, -1, -1):
        length = bisect_right(ends, -values[place])
        after[place] = last[length - 1] if length else -1
        ends[length : length + 1] = [-values[place]]
        last[length : length + 1] = [place]
    kept = set()
    place = last[-1] if last else -1
    while place >= 0:
        kept.add(place)
        place = after[place]
    return [place for place in range(len(values)) if place not in kept]


def _ordered_deliveries(context: Context) -> tuple[IntArray, IntArray]:
    """Return the deliveries whose order is not one that their matching assumed."""
    rows, sends = context.deliveries
    if len(context.messages.assumed_order):
        known = ~np.isin(rows, context.messages.assumed_order)
        rows, sends = rows[known], sends[known]
    return rows, sends


def _is_left_to_others(context: Context, late: IntArray, misplaced: Misplaced) -> BoolArray:
    """Whether an arrival came before, or its message was received in its turn.

    late: numbers of the arrivals.
    """
    again = occurrences(arrived_keys(context))[late] > 0
    to = context.process[context.arrival_rows[late]]
    in_turn = [
        0 <= _first_receive(context, mine, place) < _first_receive(context, other, place)
        for mine, other, place in zip(
            misplaced.before.tolist(), misplaced.after.tolist(), to.tolist(), strict=True
        )
    ]
    left: BoolArray = again | np.array(in_turn, bool)
    return left


def _first_receive(context: Context, send: int, to: int) -> int:
    """Return the row of the first receive, by a process, of what an event sent; -1 if none."""
    low, high = context.trace.starts[to : to + 2].tolist()
    return min((row for row in context.receives_of(send) if low <= row < high), default=-1)


def _by_channel(context: Context, rows: IntArray, sends: IntArray) -> tuple[IntArray, IntArray]:
    """Return a number for the channel of each delivery, and the order that groups channels.

    The order leaves out what has no send.
    """
    senders = processes_of(context.trace, sends)
    channel = context.process[rows].astype(np.int64) * context.trace.processes + senders
    order = np.argsort(channel, kind="stable")
    return channel, order[sends[order] >= 0]


def _running_max(group: IntArray, values: IntArray) -> IntArray:
    """Return the greatest value so far within each group; equal groups are adjacent."""
    if not len(values):
        return values
    rank = np.cumsum(np.concatenate([[False], group[1:] != group[:-1]]))
    span = int(values.max()) + 1
    raised: IntArray = np.maximum.accumulate(values + rank * span) - rank * span
    return raised


# lost-message and send-to-all: messages that never came.

_MAY_HAVE_COME = (
    "the channel broke, or not every receive is known: gaps, a late start or unnamed messages"
)


class Losses(NamedTuple):
    """Messages that came, and those that never came though later ones on their channel did.

    Among the latter are those of which the log leaves open whether they came.

    rows i8: of the sends. to i8: positions of the targets.
    for_lost_message, for_send_to_all: which rule each is a question of; only where
    receives name no message it is one of both. undecided: whether the message may
    have come, or its channel broke.
    came, came_of_several: how many messages came, and how many of those were sent
    to several targets.
    """

    rows: IntArray
    to: IntArray
    for_lost_message: BoolArray
    for_send_to_all: BoolArray
    undecided: BoolArray
    came: int
    came_of_several: int


def losses_of(context: Context) -> Losses:
    """Return the messages that later ones of their channel overtook; needs targets."""
    losses: Losses = context.cached("losses", _find_losses)
    return losses


def _find_losses(context: Context) -> Losses:
    """Find lost messages, and say which are for `send-to-all` to report.

    A sender that does not send to all is distinguished from a receiver that loses
    what it is sent: of the latter, messages sent to it alone are lost too, sooner or
    later. Where receives name no message, that cannot be known either.
    """
    came, rows, to, overtaken = _fates(context)
    kept = overtaken | _may_be_unnamed(context, rows, to)
    rows, to, overtaken = rows[kept], to[kept], overtaken[kept]
    target, senders = required(context.columns.target), context.process[rows]
    single = overtaken & (target[rows] >= 0)
    suspect = np.isin(senders, senders[single]) | np.isin(to, to[single])
    undecided = ~overtaken
    undecided[overtaken] = _may_have_come(context, rows[overtaken], to[overtaken])
    is_open = ~overtaken | context.has_unnamed_messages[to]
    several = target[rows] < 0
    return Losses(
        rows,
        to,
        for_lost_message=~several | suspect | is_open,
        for_send_to_all=several & (~suspect | is_open),
        undecided=undecided,
        came=len(came),
        came_of_several=count_of(target[came] < 0),
    )


def _fates(context: Context) -> tuple[IntArray, IntArray, IntArray, BoolArray]:
    """Return messages that came, and those not known to have come.

    Of the former the rows of the sends; of the latter these, the targets, and whether a
    later message of the same channel came.
    """
    rows, to = context.sent_messages
    width = context.trace.processes
    there, sends = _deliveries_with_send(context)
    came = sends * width + context.process[there]
    if context.trace.arrivals is not None:  # what was received came, whatever was found
        receives = context.messages.receives
        received = context.messages.source[receives] * width + context.process[receives]
        came = np.concatenate([came, received])
    lost = ~_are_among(rows * width + to, came, len(context) * width)
    that_came = rows[~lost]
    if len(context.messages.misdelivered):  # they went elsewhere
        lost &= ~np.isin(rows, context.messages.source[context.messages.misdelivered])
    lost &= ~mixes_operations(context)[rows]  # whether it was sent at all is in question
    rows, to = rows[lost], to[lost]
    channel = context.process[rows].astype(np.int64) * width + to
    came_on = _deliveries_by_channel(context)
    if not len(came_on.channels):
        return that_came, rows, to, np.zeros(len(rows), bool)
    place = np.minimum(np.searchsorted(came_on.channels, channel), len(came_on.channels) - 1)
    last = came_on.sends[came_on.begins[place + 1] - 1]
    overtaken: BoolArray = (came_on.channels[place] == channel) & (last > rows)
    return that_came, rows, to, overtaken


def _are_among(keys: IntArray, others: IntArray, size: int) -> BoolArray:
    """Whether each key is among others. All are from 0 to below `size`."""
    if size <= TABLE_FACTOR * (len(keys) + len(others)):
        is_there = np.zeros(size, bool)
        is_there[others] = True
        return is_there[keys]
    others = np.sort(others)
    mask: BoolArray = np.append(others, -1)[np.searchsorted(others, keys)] == keys
    return mask


def _may_be_unnamed(context: Context, rows: IntArray, to: IntArray) -> BoolArray:
    """Whether receives that name no message may have received messages, or later ones.

    rows: of the sends of messages that are not known to have come. to: their targets.
    Of the last message of a channel that is not asked: no later one can have come.
    """
    unnamed = np.flatnonzero(context.names_no_message)
    if not len(unnamed):
        return np.zeros(len(rows), bool)
    width = context.trace.processes
    senders, receivers = context.messages.sender[unnamed], context.process[unnamed]
    channel = context.process[rows].astype(np.int64) * width + to
    mask: BoolArray = np.isin(channel, senders.astype(np.int64) * width + receivers)
    mask |= np.isin(to, receivers[senders == NOBODY])
    sent, sent_to = context.sent_messages
    channels, place = np.unique(
        context.process[sent].astype(np.int64) * width + sent_to, return_inverse=True
    )
    last = np.zeros(len(channels), np.int64)
    np.maximum.at(last, place, sent)
    mask &= rows < last[np.searchsorted(channels, channel)]
    return mask


def _deliveries_with_send(context: Context) -> tuple[IntArray, IntArray]:
    """Return the deliveries whose sends are known: rows where they came, rows of the sends."""
    there, sends = context.deliveries
    keep = sends >= 0
    return there[keep], sends[keep]


class ChannelDeliveries(NamedTuple):
    """What came on each channel on which anything came.

    channels i8, rising: sender * processes + receiver. sends i8: those of
    channel k, rising, are sends[begins[k]:begins[k + 1]].
    """

    channels: IntArray
    begins: IntArray
    sends: IntArray

    def of(self, channel: int) -> IntArray:
        """Return the rows of the sends whose messages came on a channel, rising."""
        place = int(np.searchsorted(self.channels, channel))
        return self.sends[self.begins[place] : self.begins[place + 1]]


def _deliveries_by_channel(context: Context) -> ChannelDeliveries:
    deliveries: ChannelDeliveries = context.cached("deliveries by channel", _group_deliveries)
    return deliveries


def _group_deliveries(context: Context) -> ChannelDeliveries:
    """Group deliveries by channels, but for those that `fifo` reports as out of order.

    What was sent before such a one need not have come before it.
    """
    there, sends = _deliveries_with_send(context)
    channel, order = _by_channel(context, there, sends)
    misplaced = order[_misplaced(channel[order], sends[order]).place]
    there, sends = np.delete(there, misplaced), np.delete(sends, misplaced)
    senders = context.process[sends].astype(np.int64)
    channel = senders * context.trace.processes + context.process[there]
    order = np.lexsort((sends, channel))
    channels, begins = np.unique(channel[order], return_index=True)
    return ChannelDeliveries(channels, np.append(begins, len(order)), sends[order])


def _may_have_come(context: Context, rows: IntArray, to: IntArray) -> BoolArray:
    """Whether messages that seem lost may have come, or their channel broke.

    They may have come if the receiver's log has gaps, or receives that name no
    message, or may start late and has nothing of the channel sent before them.
    """
    names = context.trace.names
    broke = [
        names[place] in context.description_of(sender).lost
        or names[sender] in context.description_of(place).lost
        for sender, place in zip(context.process[rows].tolist(), to.tolist(), strict=True)
    ]
    came_on = _deliveries_by_channel(context)
    channel = context.process[rows].astype(np.int64) * context.trace.processes + to
    first = came_on.sends[came_on.begins[np.searchsorted(came_on.channels, channel)]]
    before_all = (first > rows) & context.may_lack_first[to]
    unnamed = context.has_unnamed_messages[to] | _leave_out_events(context)[to]
    unnamed = unnamed | _are_heard_of(context, rows, to)
    undecided: BoolArray = context.has_gaps[to] | unnamed | before_all | np.array(broke, bool)
    return undecided


def _are_heard_of(context: Context, rows: IntArray, to: IntArray) -> BoolArray:
    """Whether a process newly knows of just the sends of messages that seem lost, and none says so.

    By its vector clock, at an event whose message did not carry that: it may be called
    otherwise, or name another sender. Only where no message is named.
    """
    of, held = context.columns, context.trace.timestamps
    heard = np.zeros(len(rows), bool)
    if held is None or held.clock != "vector" or of.received is not None or of.stamp is not None:
        return heard
    table = EntryTable(held, len(context), context.trace.processes)
    receives, sends = context.pairs
    senders = context.process[rows].astype(np.int64)
    channel = senders * context.trace.processes + to
    for code in np.unique(channel).tolist():
        sender, place = divmod(code, context.trace.processes)
        begin, end = context.trace.starts[place : place + 2].tolist()
        known = table.at(np.arange(begin, end), np.full(end - begin, sender))
        carried = np.zeros(end - begin, np.int64)
        mine = (receives >= begin) & (receives < end)
        entries = table.at(sends[mine], np.full(int(mine.sum()), sender))
        np.maximum.at(carried, receives[mine] - begin, entries)
        unsaid = known[(known > np.append(0, known[:-1])) & (carried < known)]
        lost = channel == code
        heard[lost] = np.isin(table.at(rows[lost], senders[lost]), unsaid)
    return heard


def _leave_out_events(context: Context) -> BoolArray:
    """Of each process whether its own vector entries leave out numbers: receives may be missing.

    Only where vector clocks show the messages.
    """
    mask = np.zeros(context.trace.processes, bool)
    held = context.trace.timestamps
    if held is None or held.clock != "vector" or not _is_by_vectors(context):
        return mask
    rows = np.flatnonzero(is_stamped(held))
    own = EntryTable(held, len(context), context.trace.processes).at(rows, context.process[rows])
    same = context.process[rows[1:]] == context.process[rows[:-1]]
    mask[context.process[rows[1:][same & (np.diff(own) > 1)]]] = True
    return mask


def _next_delivered(context: Context, row: int, to: int) -> int:
    """Return the row of the next send on the same channel whose message came."""
    channel = int(context.process[row]) * context.trace.processes + to
    sends = _deliveries_by_channel(context).of(channel)
    return int(sends[np.searchsorted(sends, row, side="right")])


def _judge_lost_message(context: Context) -> Findings:
    """Judge that no message vanishes from a channel on which later ones arrive."""
    rows, to, judged, _, undecided, *_ = losses_of(context)
    lost = judged & ~undecided
    wrong, receivers = rows[lost], to[lost]

    def explain(number: int) -> Explanation:
        row, place = int(wrong[number]), int(receivers[number])
        later, name = _next_delivered(context, row, place), context.trace.names[place]
        return Explanation(
            f"{name} gets this message before that of {context.event_name(later)}",
            f"{name} got only the later one",
            (row, later),
        )

    return findings(wrong, explain, rows[judged & undecided], _MAY_HAVE_COME)


def _judge_send_to_all(context: Context) -> Findings:
    """Judge that a send to several is one event, with one stamp, and reaches every target."""
    uneven = context.messages.source[context.messages.stamp_per_target]
    has_clock = context.columns.clock is not None
    counted = np.flatnonzero(counts_per_target(context)) if has_clock else NO_ROWS
    rows, to, _, judged, undecided, *_ = losses_of(context)
    lost = judged & ~undecided
    missed = to[lost]

    def explain_lost(row: int, number: int) -> Explanation:
        place = int(missed[number])
        return Explanation(
            f"reaches {context.target_names(row)}",
            f"never reached {context.trace.names[place]}, though a later message did",
            (row, _next_delivered(context, row, place)),
        )

    return findings_by_kind(
        (np.union1d(uneven, counted), lambda row, _: _explain_several_steps(context, row)),
        (rows[lost], explain_lost),
        unknown=rows[judged & undecided],
        reason=_MAY_HAVE_COME,
    )


def _explain_several_steps(context: Context, row: int) -> Explanation:
    clock, stamp = required(context.columns.clock), context.columns.stamp
    receives = context.receives_of(row)
    before = 0 if context.is_first[row] else clock[row - 1]
    stamps = [
        f"{stamp[each]} at {context.event_name(each)}" for each in receives if stamp is not None
    ]
    return Explanation(
        f"one step, from {before} to {before + 1}, and one stamp, {before + 1}, "
        f"to {context.target_names(row)}",
        f"clock {clock[row]}" + (f", stamps {', '.join(stamps)}" if stamps else ""),
        (*context.step_proof(row), *receives),
    )


def _has_targets(context: Context) -> bool:
    """Whether the log has the targets of events, and names messages, if only by stamps."""
    target = context.columns.target
    if target is None or context.messages.implied:
        return False
    return bool((target != NO_TARGET).any())


# How much there is to judge.


def _named_messages_that_came(context: Context) -> int:
    """Return how many messages were received, and found, that a name or a send identifies."""
    found = 0 if context.trace.arrivals is None else len(context.arrival_rows)
    if _is_by_vectors(context):
        found += count_of(context.names_no_message)
    return len(received_keys(context)[0]) + found


def _deliveries(context: Context) -> int:
    """Return how many messages came whose send is known."""
    return count_of(context.deliveries[1] >= 0)


def _messages_that_may_be_lost(context: Context) -> int:
    """Return how many messages came, or should have: a later one on their channel came."""
    if not _has_targets(context):
        return 0
    losses = losses_of(context)
    return losses.came + count_of(losses.for_lost_message)


def _sends_to_several(context: Context) -> int:
    """Return how many sends to several moved a clock, and how many of their messages came."""
    if not _has_targets(context):
        return 0
    losses, counted = losses_of(context), 0
    if has_clock(context):
        target, judged = required(context.columns.target), lamport_steps(context).judged
        counted = count_of((target < 0) & (target != NO_TARGET) & judged)
    return counted + losses.came_of_several + count_of(losses.for_send_to_all)


DELIVERED_TWICE = Rule(
    "delivered-twice",
    "no message is delivered twice",
    _named_messages_that_came,
    _judge_delivered_twice,
)
FIFO = Rule(
    "fifo",
    "on a channel messages arrive in the order in which they were sent",
    _deliveries_in_order,
    _judge_fifo,
)
LOST_MESSAGE = Rule(
    "lost-message",
    "no message vanishes from a channel on which later ones arrive",
    _messages_that_may_be_lost,
    _judge_lost_message,
)
SEND_TO_ALL = Rule(
    "send-to-all",
    "a send to several is one event with one stamp, and reaches every one of them",
    _sends_to_several,
    _judge_send_to_all,
)
