"""What channels promise: nothing from nowhere, nothing twice, nothing lost, nothing overtakes.

A channel is one direction between two processes. It is judged by what arrived,
where the log says what each tick found, else by what was received.

What is sent arrives: nothing vanishes on the way, a send to several reaches them all.

A message that never came is in flight as long as nothing that was sent after it
on the same channel has come; after that it is lost. Where a channel broke, or
the receiver's log has holes, nothing can be said.
"""

import numpy as np

from driftlab.history.matching.keys import arrival_names, occurrences, receive_names
from driftlab.history.matching.messages import UNMATCHED
from driftlab.judge.context import (
    NO_ROWS,
    Context,
    Explanation,
    Findings,
    Rule,
    arrived_keys,
    findings,
    received_keys,
)
from driftlab.judge.inbox import mixes_operations
from driftlab.judge.lamport import counts_per_target
from driftlab.model.columns import MISSING, NO_TARGET, NOBODY, RECEIVE, Array


def has_messages(case: Context) -> bool:
    """Whether a history has any message, matched or not."""
    return bool((case.messages.source != -1).any()) or bool(case.is_receive.any())


# From nowhere.

_HIDDEN = "it names no message, or the send may be where the sender's log has a hole or ends"


def _from_nowhere(case: Context) -> Findings:
    """Every message that was received, or found, was sent, and to whom it came."""
    lone = np.flatnonzero(case.messages.source == UNMATCHED)
    extra = case.messages.extra_receives[case.messages.extra_sends < 0]
    rows = np.union1d(lone, extra)
    may_be = np.array([_may_be_missing(case, row) for row in rows.tolist()], bool)
    astray, found = case.messages.misdelivered, _found_only(case)
    wrong = np.concatenate([rows[~may_be], astray, case.arrival_rows[found]])
    ends = np.cumsum([len(rows[~may_be]), len(astray)])

    def tell(number: int) -> Explanation:
        row = int(wrong[number])
        if number >= ends[1]:
            return _told_found(case, row, int(found[number - ends[1]]))
        what = f"a send by {_sender(case, row)} {_named(case, row)}"
        if number < ends[0]:
            return Explanation(what, "no such send", (row,))
        send = int(case.messages.source[row])
        to = " and ".join(case.trace.names[place] for place in case.trace.targets_of(send))
        return Explanation(what, f"{case.name(send)} sent it to {to}", (send, row))

    return findings(wrong, tell, rows[may_be], _HIDDEN)


def _found_only(case: Context) -> Array:
    """Return the numbers of arrivals that nobody sent and nobody received, as far as is known."""
    held, clock = case.trace.arrivals, case.columns.clock
    if held is None or clock is None:
        return NO_ROWS
    lone = np.flatnonzero(case.arrival_sources == UNMATCHED)
    names = arrival_names(case.trace)[lone]
    lone = lone[~np.isin(names, receive_names(case.trace)[1])]
    return np.array([each for each in lone.tolist() if not _may_be_sent(case, each)], np.int64)


def _may_be_sent(case: Context, arrival: int) -> bool:
    held = case.trace.arrivals
    assert held is not None
    sender, stamp = int(held.sender[arrival]), int(held.stamp[arrival])
    return bool(case.is_absent[sender]) or _gaps(case).may_hide(sender, stamp)


def _told_found(case: Context, row: int, arrival: int) -> Explanation:
    held = case.trace.arrivals
    assert held is not None
    name, stamp = case.trace.names[int(held.sender[arrival])], int(held.stamp[arrival])
    to = case.trace.names[case.trace.process_of(row)]
    return Explanation(f"a send by {name} to {to} with clock {stamp}", "no such send", (row,))


def _sender(case: Context, row: int) -> str:
    place = int(case.messages.sender[row])
    return "somebody" if place == NOBODY else case.trace.names[place]


def _named(case: Context, row: int) -> str:
    of = case.columns
    to = case.trace.names[case.trace.process_of(row)]
    if of.received is not None and of.received[row] != MISSING:
        return f"to {to} of message {of.received[row]}"
    if of.stamp is not None and of.stamp[row] != MISSING:
        return f"to {to} with clock {of.stamp[row]}"
    return f"to {to}"


def _has_name(case: Context, row: int) -> bool:
    """Whether a receive names its message: without its name no send can be told to be missing."""
    of = case.columns
    if of.received is not None and of.received[row] != MISSING:
        return True
    if case.messages.sender[row] == NOBODY and of.stamp is None:
        return case.trace.timestamps is not None and bool(case.columns.kind[row] != RECEIVE)
    return of.stamp is None or bool(of.stamp[row] != MISSING)


def _may_be_missing(case: Context, row: int) -> bool:
    """Whether the send of an unmatched message may be there, or in what the log does not hold."""
    if not _has_name(case, row):
        return True
    sender = int(case.messages.sender[row])
    if sender == NOBODY:
        return bool(case.has_gaps.any() or case.is_open.any())
    if case.is_absent[sender]:
        return True
    of = case.columns
    if of.stamp is None or of.clock is None or of.stamp[row] == MISSING:
        return bool(case.has_gaps[sender] or case.is_open[sender])
    stamp = int(of.stamp[row])
    return _gaps(case).may_hide(sender, stamp)


def _gaps(case: Context) -> "_Gaps":
    gaps: _Gaps = case.cached("named gaps", _Gaps)
    return gaps


class _Gaps:
    """Where in each process's clocks events may be that its log does not hold."""

    def __init__(self, case: Context) -> None:
        self._case = case
        self._known: dict[int, tuple[Array, Array]] = {}

    def may_hide(self, sender: int, stamp: int) -> bool:
        """Whether an event with this clock may be missing from the sender's log."""
        if sender not in self._known:
            self._known[sender] = self._of(sender)
        low, high = self._known[sender]
        return bool(((low < stamp) & (stamp < high)).any())

    def _of(self, sender: int) -> tuple[Array, Array]:
        case, clock = self._case, self._case.columns.clock
        begin, end = (int(case.trace.starts[sender + step]) for step in (0, 1))
        holes = case.trace.gaps
        mine = holes[(holes >= begin) & (holes < end)]
        low = np.where(mine > begin, clock[np.maximum(mine - 1, 0)], MISSING)
        high = clock[mine]
        if begin < end and case.begins_anywhere[begin]:
            low, high = np.append(low, MISSING), np.append(high, clock[begin])
        if case.is_open[sender]:
            last = clock[begin:end].max() if begin < end else MISSING
            low, high = np.append(low, last), np.append(high, 2**63 - 1)
        return low, high


# Delivered twice.


def _twice(case: Context) -> Findings:
    """No message is received twice by the same process."""
    rows, keys = received_keys(case)
    first, again = _again(rows, keys)
    if case.trace.arrivals is not None:
        more_first, more_again = _arrived_again(case)
        new = ~np.isin(arrived_keys(case)[more_again], keys[np.isin(rows, again)])
        rows_again = case.arrival_rows[more_again[new]]
        first = np.concatenate([first, case.arrival_rows[more_first[new]]])
        again = np.concatenate([again, rows_again])

    def tell(number: int) -> Explanation:
        row, before = int(again[number]), int(first[number])
        source = int(case.messages.source[before])
        return Explanation(
            "each message once",
            f"the message of {_sender(case, before)} {_named(case, before)} again",
            (*((source,) if source >= 0 else ()), before, row),
        )

    return findings(again, tell)


def _again(rows: Array, keys: Array) -> tuple[Array, Array]:
    """Return of each key that comes again the row where it was first, and the row of each again."""
    again = np.flatnonzero(occurrences(keys) > 0)
    firsts = np.unique(keys, return_index=True)
    return rows[firsts[1][np.searchsorted(firsts[0], keys[again])]], rows[again]


def _arrived_again(case: Context) -> tuple[Array, Array]:
    keys = arrived_keys(case)
    return _again(np.arange(len(keys)), keys)


# First in, first out.


def _fifo(case: Context) -> Findings:
    """On one channel messages arrive in the order in which they were sent.

    What came a second time, or was found late but received in its turn, is told
    by other rules.
    """
    rows, sources = case.arrivals_or_receives
    channel, order = _by_channel(case, rows, sources)
    source = sources[order]
    latest = _running_max(channel[order], source)
    late = np.flatnonzero(source < latest)
    if case.trace.arrivals is not None:
        late = late[~_is_told_elsewhere(case, order[late], latest[late])]
    wrong = rows[order[late]]

    def tell(number: int) -> Explanation:
        row, mine, other = int(wrong[number]), int(source[late[number]]), int(latest[late[number]])
        sender = case.trace.names[case.trace.process_of(mine)]
        return Explanation(
            f"before the message that {sender} sent later, at {case.name(other)}",
            f"the message of {case.name(mine)} after that of {case.name(other)}",
            (mine, other, row),
        )

    return findings(wrong, tell)


def _is_told_elsewhere(case: Context, late: Array, overtaking: Array) -> Array:
    """Whether arrivals that come late came before, or were received before what overtook them."""
    again = occurrences(arrived_keys(case))[late] > 0
    to = case.process[case.arrival_rows[late]].tolist()
    pairs = zip(case.arrival_sources[late].tolist(), overtaking.tolist(), to, strict=True)
    in_turn = [
        0 <= _received_at(case, mine, place) < _received_at(case, other, place)
        for mine, other, place in pairs
    ]
    told: Array = again | np.array(in_turn, bool)
    return told


def _received_at(case: Context, send: int, to: int) -> int:
    """Return the row of the first receive, by a process, of what an event sent; -1 if none."""
    low, high = case.trace.starts[[to, to + 1]].tolist()
    return min((row for row in case.receives_of(send) if low <= row < high), default=-1)


def _by_channel(case: Context, rows: Array, sources: Array) -> tuple[Array, Array]:
    """Return a number for each one's channel, and the order that puts channels together."""
    senders = np.searchsorted(case.trace.starts, sources, side="right") - 1
    channel = case.process[rows].astype(np.int64) * case.trace.processes + senders
    order = np.argsort(channel, kind="stable")
    return channel, order[sources[order] >= 0]


def _running_max(group: Array, values: Array) -> Array:
    """Return the greatest value so far within each group; groups stand together."""
    if not len(values):
        return values
    rank = np.cumsum(np.concatenate([[False], group[1:] != group[:-1]]))
    span = int(values.max()) + 1
    raised: Array = np.maximum.accumulate(values + rank * span) - rank * span
    return raised


FROM_NOWHERE = Rule("from-nowhere", "every message received was sent", has_messages, _from_nowhere)
DELIVERED_TWICE = Rule("delivered-twice", "no message is delivered twice", has_messages, _twice)
FIFO = Rule(
    "fifo", "on a channel messages arrive in the order in which they were sent", has_messages, _fifo
)


_MAY_BE = "the channel broke, or what came is not all known: holes, a later begin, receives unnamed"


def _lost_ones(case: Context) -> tuple[Array, Array]:
    """Return messages that never came though later ones did: rows of the sends, and the targets."""
    rows, to = case.sent
    width = case.trace.processes
    channel = case.process[rows].astype(np.int64) * width + to
    there, sources = _came(case)
    receives = case.matched  # what was received came, whatever was found
    keys = case.messages.source[receives] * width + case.process[receives]
    came_keys = np.sort(np.concatenate([sources * width + case.process[there], keys]))
    sent_keys = rows * width + to
    place = np.searchsorted(came_keys, sent_keys)
    lost = np.append(came_keys, -1)[place] != sent_keys
    if len(case.messages.misdelivered):  # they went elsewhere
        lost &= ~np.isin(rows, case.messages.source[case.messages.misdelivered])
    lost &= ~mixes_operations(case)[rows]  # that it was sent is told to be wrong
    rows, to, channel = rows[lost], to[lost], channel[lost]
    channels, begins, sources = case.cached("came by channel", _arrivals_by_channel)
    if not len(channels):
        return rows[:0], to[:0]
    place = np.minimum(np.searchsorted(channels, channel), len(channels) - 1)
    last = sources[begins[place + 1] - 1]
    overtaken = (channels[place] == channel) & (last > rows)
    return rows[overtaken], to[overtaken]


def _came(case: Context) -> tuple[Array, Array]:
    """Return what came in and is known to have been sent: rows of there, and of the sends."""
    there, sources = case.arrivals_or_receives
    keep = sources >= 0
    return there[keep], sources[keep]


def _arrivals_by_channel(case: Context) -> tuple[Array, Array, Array]:
    """Return the channels on which something came, and the rows of the sends of what came.

    A channel is sender * processes + receiver, rising; channel k's sends are
    begins[k]:begins[k + 1] of the last, rising.
    """
    there, sources = _came(case)
    channel = case.process[sources].astype(np.int64) * case.trace.processes + case.process[there]
    order = np.lexsort((sources, channel))
    channels, begins = np.unique(channel[order], return_index=True)
    return channels, np.append(begins, len(order)), sources[order]


def _losses(case: Context) -> tuple[Array, Array, Array]:
    """Return what `_find_losses` does, found once."""
    losses: tuple[Array, Array, Array] = case.cached("losses", _find_losses)
    return losses


def _find_losses(case: Context) -> tuple[Array, Array, Array]:
    """Return lost messages, and of each whether only sends to several lose any there.

    That tells a sender that does not send to all from a receiver that loses
    whatever it is sent: of those a message to one is lost too, sooner or later.
    """
    rows, to = _lost_ones(case)
    target = case.columns.target[rows]
    single = target >= 0
    senders = case.process[rows]
    suspect = np.isin(senders, senders[single]) | np.isin(to, to[single])
    return rows, to, ~single & ~suspect


def _next_there(case: Context, row: int, to: int) -> int:
    """Return the row of the next send on the same channel whose message came."""
    channels, begins, sources = case.cached("came by channel", _arrivals_by_channel)
    channel = int(case.process[row]) * case.trace.processes + to
    place = int(np.searchsorted(channels, channel))
    mine = sources[begins[place] : begins[place + 1]]
    return int(mine[np.searchsorted(mine, row, side="right")])


def _excused(case: Context, rows: Array, to: Array) -> Array:
    """Whether a message may have come, or its channel broke: then nothing can be said.

    It may have come if the receiver's log has holes, or receives that name no
    message, or begins anywhere and has nothing of the channel that was sent before.
    """
    names = case.trace.names
    broke = [
        names[place] in case.author(sender).lost or names[sender] in case.author(place).lost
        for sender, place in zip(case.process[rows].tolist(), to.tolist(), strict=True)
    ]
    channels, begins, sources = case.cached("came by channel", _arrivals_by_channel)
    channel = case.process[rows].astype(np.int64) * case.trace.processes + to
    first = sources[begins[np.searchsorted(channels, channel)]]
    before = (first > rows) & case.may_lack_first[to]
    return case.has_gaps[to] | case.has_unnamed_messages[to] | before | np.array(broke, bool)


def _lost(case: Context) -> Findings:
    """A message does not vanish from a channel on which later ones arrive."""
    rows, to, of_several = _losses(case)
    excused = _excused(case, rows, to)
    mine = ~of_several & ~excused
    wrong, where = rows[mine], to[mine]

    def tell(number: int) -> Explanation:
        row, place = int(wrong[number]), int(where[number])
        other, name = _next_there(case, row, place), case.trace.names[place]
        return Explanation(
            f"{name} finds this message before that of {case.name(other)}",
            f"{name} found only that",
            (row, other),
        )

    return findings(wrong, tell, rows[~of_several & excused], _MAY_BE)


# To several.


def _send_to_all(case: Context) -> Findings:
    """A send to several is one event, with one stamp, and reaches every target."""
    uneven = case.messages.source[case.messages.stamp_per_target]
    counted = np.flatnonzero(counts_per_target(case)) if case.columns.clock is not None else NO_ROWS
    stamped = np.union1d(uneven, counted)
    rows, to, of_several = _losses(case)
    excused = _excused(case, rows, to)
    mine = of_several & ~excused
    wrong = np.concatenate([stamped, rows[mine]])

    def tell(number: int) -> Explanation:
        row = int(wrong[number])
        if number < len(stamped):
            return _told_apart(case, row)
        place = int(to[mine][number - len(stamped)])
        return Explanation(
            f"reaches {_listed(case, row)}",
            f"never came to {case.trace.names[place]}, though a later message did",
            (row, _next_there(case, row, place)),
        )

    return findings(wrong, tell, rows[of_several & excused], _MAY_BE)


def _listed(case: Context, row: int) -> str:
    return " and ".join(case.trace.names[place] for place in case.trace.targets_of(row))


def _told_apart(case: Context, row: int) -> Explanation:
    of = case.columns
    received = case.receives_of(row)
    stamps = [f"{of.stamp[each]} at {case.name(each)}" for each in received]
    before = (row - 1,) if not case.is_first[row] else ()
    stood = of.clock[row - 1] if before else 0
    return Explanation(
        f"one step, from {stood} to {stood + 1}, and that one stamp to {_listed(case, row)}",
        f"clock {of.clock[row]}" + (f", stamps {', '.join(stamps)}" if stamps else ""),
        (*before, row, *received),
    )


def _has_targets(case: Context) -> bool:
    """Whether the log says to whom events sent, and names messages, if only by their stamps."""
    if case.messages.implied:
        return False
    return case.columns.target is not None and bool((case.columns.target != NO_TARGET).any())


LOST_MESSAGE = Rule(
    "lost-message",
    "no message vanishes from a channel on which later ones arrive",
    _has_targets,
    _lost,
)
SEND_TO_ALL = Rule(
    "send-to-all",
    "a send to several is one event with one stamp, and reaches every one of them",
    _has_targets,
    _send_to_all,
)
