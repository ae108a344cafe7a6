"""Matching by message id: the log names each message by one id at its send and its receive.

An id names a message wherever it went, so a receive by a process that is not a
target of the send is matched, and noted as misdelivered. An id that several sends
have (counters of each sender, a reply with the id of its request, a counter that
wraps around) names a message only together with its sender, its target and its place
on the channel. A receive may belong to the sends of its id by the process that it
names, to its own process, as far as the log says who sent and to whom; never to a
send of the receiver itself, unless that names it. Of several such sends

- a clock may show which it is: the one send whose own entry is what the receive newly
  knows of its sender, or whose Lamport clock set that of the receive;
- else the senders must be the same, and the k-th receive of an id takes the k-th send
  on its channel, if nothing was lost then, and the channel keeps its order. If not, a
  sequence in order is taken (Hunt and Szymanski 1977) from which the fewest messages
  are lost, repeated or overtaken: of the other receives each takes a send that is left
  over, or repeats the last one of its id.

A receive whose sends have several senders is ambiguous: it names no message.
"""

from bisect import bisect_left
from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.by_vector_clock import EntryTable, stamped_row_before
from driftlab.history.matching.matching import Matching
from driftlab.history.matching.messages import UNMATCHED, occurrences, paired_positions
from driftlab.history.matching.send_index import Recipients, sent_messages
from driftlab.history.trace import Trace, processes_of
from driftlab.model.columns import MISSING, NO_TARGET, NOBODY

PAIRS_MAX: Final = 2_000_000  # of equal ids; beyond it a receive has only sends near its place
NEAR: Final = 4  # sends of an id before the place of a receive, and as many after it


class RepeatedIds(NamedTuple):
    """The sends of receives with ids.

    source i8: of each receive the row of its send, else UNMATCHED. is_ambiguous: whether
    it may be that of several senders.
    """

    source: IntArray
    is_ambiguous: BoolArray


class _Pairs(NamedTuple):
    """Which sends each of some receives may belong to: places of the receives, rising; sends."""

    place: IntArray
    send: IntArray

    def select(self, mask: BoolArray) -> "_Pairs":
        return _Pairs(self.place[mask], self.send[mask])

    def counts(self, receives: int) -> IntArray:
        """Return of each receive how many sends it may belong to."""
        count: IntArray = np.bincount(self.place, minlength=receives)
        return count


def match_repeated_ids(
    trace: Trace, receives: IntArray, source: IntArray, repeats: BoolArray
) -> RepeatedIds:
    """Match the receives whose ids several sends have.

    receives i8: rows of all receives with ids, rising. source i8: the sends of the
    others, else UNMATCHED. repeats: whether the id of a receive has several sends.
    """
    at = np.flatnonzero(repeats)
    rows, width = receives[at], trace.processes
    pairs = _possible(trace, rows, _of_equal_ids(trace, rows))
    pairs = _shown_by_clocks(trace, rows, pairs)
    sender = processes_of(trace, pairs.send)
    first = np.full(len(at), width)
    np.minimum.at(first, pairs.place, sender)
    last = np.full(len(at), NOBODY)
    np.maximum.at(last, pairs.place, sender)
    is_one = first == last
    pairs = pairs.select(is_one[pairs.place])

    source, is_ambiguous = source.copy(), np.zeros(len(receives), bool)
    source[at] = UNMATCHED
    is_ambiguous[at] = first < last
    if not len(pairs.place):  # too many to tell
        is_ambiguous[at] = True
    # The messages of a channel whose ids are not repeated show where the others stand.
    others = np.flatnonzero(~repeats & (source >= 0))
    channel = np.full(len(receives), -1)
    to = processes_of(trace, receives)
    channel[at[is_one]] = first[is_one] * width + to[at[is_one]]
    channel[others] = processes_of(trace, source[others]) * width + to[others]
    order = np.concatenate([others, at[pairs.place]])
    sends = np.concatenate([source[others], pairs.send])
    rank = np.lexsort((sends, order, channel[order]))
    order, sends = order[rank], sends[rank]
    wanted = np.unique(channel[at[is_one]])
    begins = np.searchsorted(channel[order], wanted, "left")
    ends = np.searchsorted(channel[order], wanted, "right")
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        mine = order[begin:end]
        places, number = np.unique(mine, return_inverse=True)
        own = _Pairs(number, sends[begin:end])
        on_channel = _sent_on(trace, int(channel[places[0]]), own.send)
        source[places] = _in_order(trace, receives[places], own, on_channel)
    return RepeatedIds(source, is_ambiguous)


def _of_equal_ids(trace: Trace, rows: IntArray) -> _Pairs:
    """Return all sends with the id of each receive, or those near its place if too many."""
    of = trace.columns
    assert of.sent is not None
    assert of.received is not None
    sends = np.flatnonzero(of.sent != MISSING)
    sends = sends[np.argsort(of.sent[sends], kind="stable")]
    ids, wanted = of.sent[sends], of.received[rows]
    begin, end = np.searchsorted(ids, wanted, "left"), np.searchsorted(ids, wanted, "right")
    if (end - begin).sum() > PAIRS_MAX:
        return _near(trace, rows)
    return _ranges(sends, begin, end)


def _ranges(sends: IntArray, begin: IntArray, end: IntArray) -> _Pairs:
    """Return for each receive the sends from one place to another."""
    counts = end - begin
    place = np.repeat(np.arange(len(begin)), counts)
    offset = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
    return _Pairs(place, sends[np.repeat(begin, counts) + offset])


def _near(trace: Trace, rows: IntArray) -> _Pairs:
    """Return the sends with the id of each receive on its channel that stand near its own place.

    Its place is how many receives of the id the channel had before. Nothing is returned for
    receives that do not name their sender, or where the log names no targets.
    """
    of = trace.columns
    assert of.sent is not None
    assert of.received is not None
    if of.target is None or of.sender is None:
        return _Pairs(rows[:0], rows[:0])
    width = trace.processes
    sends, to = sent_messages(trace)
    order = np.lexsort((sends, to))
    order = order[of.sent[sends[order]] != MISSING]
    sends, to = sends[order], to[order]
    ids = np.unique(np.concatenate([of.sent[sends], of.received[rows]]))
    sent = (np.searchsorted(ids, of.sent[sends]) * width + processes_of(trace, sends)) * width + to
    received = np.searchsorted(ids, of.received[rows]) * width + of.sender[rows]
    received = received * width + processes_of(trace, rows)
    order = np.argsort(sent, kind="stable")
    sends, sent = sends[order], sent[order]
    first, last = np.searchsorted(sent, received, "left"), np.searchsorted(sent, received, "right")
    own = first + occurrences(received)
    begin = np.clip(own - NEAR, first, last)
    end = np.where(of.sender[rows] == NOBODY, begin, np.clip(own + NEAR + 1, first, last))
    return _ranges(sends, begin, end)


def _possible(trace: Trace, rows: IntArray, pairs: _Pairs) -> _Pairs:
    """Leave out the sends that, by what the log names, are not those of the receives.

    A message that only one send of its sender can be, but that went to another process by
    what the send says, stays: it was misdelivered.
    """
    of = trace.columns
    sender = processes_of(trace, pairs.send).astype(np.int32)
    to = processes_of(trace, rows)[pairs.place].astype(np.int32)
    names_target = np.zeros(len(to), bool)
    if of.target is not None:
        names_target = of.target[pairs.send] != NO_TARGET
    reaches = Recipients(trace).include(pairs.send, sender, to)
    reaches |= ~names_target & (sender != to)
    named = np.full(len(rows), NOBODY) if of.sender is None else of.sender[rows]
    is_named = (named == NOBODY)[pairs.place] | (sender == named[pairs.place])
    fits = reaches & is_named
    has_any = pairs.select(fits).counts(len(rows)) > 0
    elsewhere = is_named & (named != NOBODY)[pairs.place] & (sender != to) & ~has_any[pairs.place]
    is_sole = pairs.select(elsewhere).counts(len(rows)) == 1
    return pairs.select(fits | (elsewhere & is_sole[pairs.place]))


def _shown_by_clocks(trace: Trace, rows: IntArray, pairs: _Pairs) -> _Pairs:
    """Leave out the other sends where a clock shows one of several to be that of a receive."""
    for shown in (_shown_by_vectors(trace, rows, pairs), _shown_by_lamport(trace, rows, pairs)):
        if shown is None:
            continue
        is_decided = pairs.select(shown).counts(len(rows)) == 1
        keep = shown | ~is_decided[pairs.place]
        return pairs.select(keep)
    return pairs


def _shown_by_vectors(trace: Trace, rows: IntArray, pairs: _Pairs) -> BoolArray | None:
    """Whether each receive newly knows just so many events of the sender; None without clocks."""
    held = trace.timestamps
    if held is None or held.clock != "vector" or not len(held.values):
        return None
    table = EntryTable(held, len(trace), trace.processes)
    sender = processes_of(trace, pairs.send).astype(np.int64)
    receive = rows[pairs.place]
    known = table.at(receive, sender)
    last = stamped_row_before(trace, held)[receive]
    before = np.where(last >= 0, table.at(np.maximum(last, 0), sender), 0)
    shown: BoolArray = (known > before) & (table.at(pairs.send, sender) == known)
    return shown


def _shown_by_lamport(trace: Trace, rows: IntArray, pairs: _Pairs) -> BoolArray | None:
    """Whether the clock of each receive is just one more than that of the send, by the message."""
    clock = trace.columns.clock
    if clock is None:
        return None
    receive = rows[pairs.place]
    is_first = np.isin(receive, trace.starts[:-1])
    before = clock[np.maximum(receive - 1, 0)]
    now = clock[receive]
    is_set = ~is_first & (now != MISSING) & (before != MISSING) & (now > before + 1)
    shown: BoolArray = is_set & (clock[pairs.send] == now - 1)
    return shown


# The order on one channel.


def _sent_on(trace: Trace, channel: int, known: IntArray) -> IntArray:
    """Return the rows of all sends on a channel, as far as the log says, and of some known ones."""
    sender, to = divmod(channel, trace.processes)
    if trace.columns.target is None:
        return np.unique(known)
    recipients = Recipients(trace)
    rows = np.arange(*trace.starts[sender : sender + 2].tolist())
    reaches = recipients.include(rows, np.full(len(rows), sender), np.full(len(rows), to))
    return np.union1d(rows[reaches], known)


def _in_order(trace: Trace, rows: IntArray, pairs: _Pairs, sends: IntArray) -> IntArray:
    """Return the sends of the receives of one channel, each one of those that it may have.

    rows i8: of the receives, rising. pairs: of each the sends, rising. sends: all of the
    channel, rising.
    """
    received = trace.columns.received
    assert received is not None
    number = np.searchsorted(sends, pairs.send)
    sent = trace.columns.sent
    assert sent is not None
    kth = paired_positions(received[rows], sent[sends])
    allowed = np.isin(np.arange(len(rows)) * len(sends) + kth, pairs.place * len(sends) + number)
    is_possible = bool(((kth >= 0) & allowed).all())
    if is_possible and (kth == np.arange(len(rows))).all():
        return sends[kth]
    begins = np.searchsorted(pairs.place, np.arange(len(rows) + 1)).tolist()
    options = number.tolist()
    choices = [options[begins[k] : begins[k + 1]] for k in range(len(rows))]
    in_order = _with_rest(choices, _in_best_order(choices))
    if is_possible and _faults(kth.tolist()) <= _faults(in_order):
        return sends[kth]
    return sends[in_order]


def _faults(taken: list[int]) -> int:
    """Return how many messages were lost, overtaken or repeated, if these sends were taken."""
    ends = _ascending([[each] for each in taken])[0]
    longest = len(ends)
    lost = max(taken) + 1 - len(set(taken))
    return lost + len(taken) - longest


Node = tuple[int, int, int]  # a place, its choice, and the number of the node before, or -1


def _in_best_order(choices: list[list[int]]) -> list[int]:
    """Return a choice for places so that they rise strictly; -1 for the others.

    There are as few other places, and choices passed over before the last, as there can be.
    """
    ends, nodes, last = _ascending(choices)
    chosen = [-1] * len(choices)
    costs = [(end - 2 * length, -length) for length, end in enumerate(ends, 1)]
    node = last[costs.index(min(costs))] if costs else -1
    while node >= 0:
        place, option, node = nodes[node]
        chosen[place] = option
    return chosen


def _ascending(choices: list[list[int]]) -> tuple[list[int], list[Node], list[int]]:
    """Return how the choices of some places can rise strictly.

    Of each length the least last choice; nodes; and the number of the last node of each.
    """
    ends: list[int] = []
    nodes: list[Node] = []
    last: list[int] = []
    for place, options in enumerate(choices):
        for option in reversed(options):  # so that a place is taken once
            length = bisect_left(ends, option)
            if length < len(ends) and ends[length] == option:
                continue
            nodes.append((place, option, last[length - 1] if length else -1))
            ends[length : length + 1] = [option]
            last[length : length + 1] = [len(nodes) - 1]
    return ends, nodes, last


def _with_rest(choices: list[list[int]], chosen: list[int]) -> list[int]:
    """Return the choices, and for the places without one a choice that is left over, if any is.

    Else the last choice taken before, of those that the place has: it is repeated. What is
    left over after the last of the channel has not come, unless there is no other.
    """
    taken = set(chosen)
    before, end = -1, max(chosen)
    result = list(chosen)
    for place, option in enumerate(chosen):
        if option >= 0:
            before = option
            continue
        free = [each for each in choices[place] if each not in taken]
        come = [each for each in free if each < end]
        earlier = [each for each in choices[place] if each <= before]
        result[place] = [*come[:1], *earlier[-1:], *free[:1], choices[place][0]][0]
        taken.add(result[place])
    return result


def match_by_id(matching: Matching) -> None:
    """Match each receive with the send of the same id."""
    of = matching.trace.columns
    if not matching.names_by_id or of.received is None or of.sent is None:
        return
    receives = np.flatnonzero(of.received != MISSING)
    sends = np.flatnonzero(of.sent != MISSING)
    order = np.argsort(of.sent[sends], kind="stable")
    sends = sends[order]
    ids = of.sent[sends]
    begin = np.searchsorted(ids, of.received[receives], "left")
    count = np.searchsorted(ids, of.received[receives], "right") - begin
    is_sent = count > 0
    source = np.full(len(receives), UNMATCHED)
    source[is_sent] = sends[begin[is_sent]]
    if (count > 1).any():
        repeats = count > 1
        matching.repeated_ids = receives[repeats]
        found = match_repeated_ids(matching.trace, receives, source, repeats)
        source = found.source
        matching.ambiguous = receives[found.is_ambiguous]
        is_sent = source >= 0
    rows, source = receives[is_sent], source[is_sent]
    matching.take(rows, source)
    matching.misdelivered = rows[_went_elsewhere(matching, rows, source)]


def _went_elsewhere(matching: Matching, rows: IntArray, source: IntArray) -> IntArray:
    """Return the places of receives that are by no target of their send."""
    target, process = matching.trace.columns.target, matching.trace.process_column()
    if target is None:
        return np.zeros(0, np.int64)
    reached = Recipients(matching.trace).include(source, process[source], process[rows])
    return np.flatnonzero(~reached & (target[source] != NO_TARGET))
