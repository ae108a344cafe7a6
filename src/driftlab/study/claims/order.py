"""Claims about the order of messages: of one sender, of several, and how clocks order them."""

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.model.columns import SEND
from driftlab.study.claims.criteria import (
    CLOCK_MARGIN,
    QUEUE_MARGIN,
    ClaimFinding,
    Decision,
    comparison,
    equality,
    every,
    law,
    mean,
    possibility,
    share,
    share_difference,
    under,
)
from driftlab.study.claims.events import MACHINES, NONE, EventTable
from driftlab.study.claims.variations import paired_rows
from driftlab.study.claims.wording import of, percent, signed


def draining_reorders(peers: EventTable, arrival: EventTable | None = None) -> ClaimFinding:
    """Judge that emptying one socket before the next changes the order of messages.

    peers, arrival: how messages enter the inbox. Neighbouring messages of different
    senders in one inbox are reordered if the later one was sent first; without latency
    that is when it came.
    """
    moved, count = _reordered(peers)
    estimate = share(moved, count)
    verdict = possibility(moved, count)
    text = f"{percent(estimate)} of neighbouring messages of different senders are out of order."
    if arrival is not None:
        mine, theirs = paired_rows(peers, arrival)
        other = _reordered(arrival)
        difference = share_difference(moved[mine], count[mine], other[0][theirs], other[1][theirs])
        verdict = every([verdict, comparison(difference)])
        text += f" If they are queued as they come: {percent(share(*other))}."
    return ClaimFinding(verdict, estimate, f"{percent(estimate)} reordered", text, peers.runs)


def _reordered(table: EventTable) -> tuple[IntArray, IntArray]:
    """Return how many neighbours in an inbox are out of order, and how many there are, by run."""
    before = table.row_before(table.sent != NONE)
    both = (table.sent != NONE) & (before != NONE)
    both &= table.sender != table.sender[before]
    earlier = table.time_ns[table.sent] < table.time_ns[table.sent[before]]
    return table.count_by_run(both & earlier), table.count_by_run(both)


def tcp_reorders_one_sender(table: EventTable, *, real: bool = False) -> ClaimFinding:
    """Judge that messages of one sender may arrive out of order over TCP.

    real: whether the runs are real. A simulated channel keeps the order because TCP does,
    so a simulation shows that the model agrees, not what TCP does.
    """
    overtaken = np.zeros(table.runs, np.int64)
    count = np.zeros(table.runs, np.int64)
    for sender in range(MACHINES):
        from_one = table.receives & (table.sender == sender)
        before = table.row_before(from_one)
        both = from_one & (before != NONE)
        overtaken += table.count_by_run(both & (table.stamp < table.stamp[before]))
        count += table.count_by_run(both)
    kind = "real" if real else "simulated"
    return ClaimFinding(
        possibility(overtaken, count),
        share(overtaken, count),
        f"{of(overtaken, count)} {kind}",
        f"{of(overtaken, count)} {kind} messages were taken after a later one of their sender. "
        + (
            "All went over one connection a channel; with a connection a message, or with "
            "datagrams, they may."
            if real
            else "A simulated channel keeps the order by construction; --real asks TCP."
        ),
        table.runs,
    )


def physical_clocks_needed(table: EventTable) -> ClaimFinding:
    """Judge that only physical clocks can order messages of several senders.

    (clock, process) is a total order, and orders the messages too if it contradicts no
    causal order; what is left for physical clocks is the order in real time.
    """
    caused = table.sent != NONE
    against = np.zeros(len(table), np.bool_)
    against[caused] = table.clock[caused] <= table.clock[table.sent[caused]]
    follows = ~table.is_first
    against_before = follows & (table.clock <= table.clock[table.before])
    wrong = table.count_by_run(against) + table.count_by_run(against_before)
    links = table.count_by_run(caused) + table.count_by_run(follows)
    turned, pairs = _sends_against_time(table)
    estimate = share(turned, pairs)
    agrees, differs = law(wrong, links), possibility(turned, pairs)
    if agrees is Decision.UNDECIDED or differs is Decision.UNDECIDED:
        verdict, condition = Decision.UNDECIDED, ""
    elif agrees is Decision.DOES_NOT_HOLD:
        verdict, condition = Decision.HOLDS, ""
    else:
        order = "the order wanted is that of real time, not one that respects causality"
        verdict, condition = under(Decision.DOES_NOT_HOLD, [(order, differs)])
    return ClaimFinding(
        verdict,
        estimate,
        f"{percent(estimate)} turned",
        f"The order by (clock, process), which is total, contradicts {of(wrong, links)} causal "
        f"links; of neighbouring sends of different machines it turns {percent(estimate)} "
        "against real time.",
        table.runs,
        condition,
    )


def _sends_against_time(table: EventTable) -> tuple[IntArray, IntArray]:
    """Return how many neighbouring sends (clock, process) orders otherwise than time, by run."""
    rows = np.flatnonzero(table.kind == SEND)
    rows = rows[np.lexsort((table.time_ns[rows], table.run[rows]))]
    first, second = rows[:-1], rows[1:]
    neighbours = table.run[first] == table.run[second]
    neighbours &= table.rank[first] != table.rank[second]
    neighbours &= table.time_ns[first] != table.time_ns[second]
    position = table.position[table.run, table.rank]
    key = table.clock * MACHINES + position
    runs = table.run[first]
    turned = neighbours & (key[first] > key[second])
    return (
        np.bincount(runs[turned], minlength=table.runs),
        np.bincount(runs[neighbours], minlength=table.runs),
    )


def drain_order_is_as_good(peers: EventTable, arrival: EventTable) -> ClaimFinding:
    """Judge that appending one peer's messages, then the other's, is equally valid.

    peers, arrival: how messages enter the inbox. Equal are the last clocks within
    CLOCK_MARGIN and the largest and last queues within QUEUE_MARGIN.
    """
    mine, theirs = paired_rows(peers, arrival)
    clocks = [table.last(table.clock)[rows] for table, rows in ((peers, mine), (arrival, theirs))]
    clock = mean((clocks[0] / clocks[1] - 1).mean(axis=1))
    queues = []
    for figure in ("largest", "last"):
        ours, others = (
            (
                table.by_machine(table.queue, np.maximum)
                if figure == "largest"
                else table.last(table.queue)
            )[rows]
            for table, rows in ((peers, mine), (arrival, theirs))
        )
        queues.append(mean((ours - others).mean(axis=1)))
    verdicts = [
        equality(clock, 0.0, CLOCK_MARGIN),
        *(equality(each, 0.0, QUEUE_MARGIN) for each in queues),
    ]
    return ClaimFinding(
        every(verdicts),
        clock,
        f"clocks {percent(clock, 2)}",
        f"Socket by socket against order of arrival, same draws: last clocks differ by "
        f"{percent(clock, 2)}, the largest queues by {signed(queues[0], 2)} messages, the last "
        f"by {signed(queues[1], 2)}.",
        len(mine),
    )


def stamps_order_one_sender(table: EventTable) -> ClaimFinding:
    """Judge that clock values order the messages of one sender, as numbers or as text."""
    sends = table.kind == SEND
    before = table.row_before(sends)
    both = sends & (before != NONE)
    count = table.count_by_run(both)
    as_numbers = table.count_by_run(both & (table.clock <= table.clock[before]))
    texts = table.clock.astype(np.str_)
    as_text: BoolArray = np.zeros(len(table), np.bool_)
    as_text[both] = texts[both] <= texts[before[both]]
    texts_off = table.count_by_run(as_text)
    verdict, condition = law(as_numbers, count), ""
    if verdict is Decision.HOLDS:
        named = "they are compared as numbers, not as text"
        verdict, condition = under(law(texts_off, count), [(named, verdict)])
    estimate = share(as_numbers, count)
    return ClaimFinding(
        verdict,
        estimate,
        f"{of(as_numbers, count)} out of order",
        f"Of messages and the sender's one before, {of(as_numbers, count)} are out of order by "
        f"their clocks as numbers, {of(texts_off, count)} as text ('100' comes before '99').",
        table.runs,
        condition,
    )
