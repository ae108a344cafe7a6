"""Claims about jumps: which events raise a clock by more than 1.

A law about "a jump" is judged event by event. The last event of a machine that was no
receive, or had emptied its queue, means that the next message has not waited.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from driftlab.analysis.statistics import Estimate
from driftlab.arrays import BoolArray, IntArray
from driftlab.model.columns import INTERNAL, RECEIVE
from driftlab.study.claims.criteria import (
    FREQUENCY_MARGIN,
    ClaimFinding,
    Decision,
    average,
    comparison,
    every,
    law,
    rank_correlation,
    share,
    share_difference,
    under,
)
from driftlab.study.claims.events import P1, P2, P3, EventTable
from driftlab.study.claims.wording import number, of, percent

TWICE: Final = 2  # how many times faster P1 must be for its clock to be the highest always
FIRST_TICKS: Final = 2  # of a machine, in which its clock may still be level with the others'
RECENT_S: Final = 1.0
LONG_AGO_S: Final = 4.0


def _judged(
    table: EventTable,
    events: BoolArray,
    happens: BoolArray,
    what: str,
    conditions: Sequence[tuple[str, BoolArray]] = (),
    *,
    never: bool = False,
) -> ClaimFinding:
    """Judge the law that something happens at each of some events, or never does.

    happens: whether it does, by row. what: the events in words, as in `P1's receives jump`.
    conditions: under which it may hold, the weakest first, each with its events.
    """
    exceptions = happens if never else ~happens

    def verdict_on(rows: BoolArray) -> tuple[Decision, IntArray, IntArray]:
        broken, all_of = table.count_by_run(rows & exceptions), table.count_by_run(rows)
        return law(broken, all_of), broken, all_of

    judged, broken, count = verdict_on(events)
    tried = [(name, verdict_on(events & rows)) for name, rows in conditions]
    verdict, condition = under(judged, [(name, found[0]) for name, found in tried])
    estimate = share(count - broken if not never else broken, count)
    text = [f"{percent(estimate)} of {what}."]
    text += [_tried(name, *each) for name, each in tried]
    return ClaimFinding(
        verdict, estimate, f"{percent(estimate)} jump", " ".join(text), table.runs, condition
    )


def _tried(condition: str, verdict: Decision, broken: IntArray, count: IntArray) -> str:
    """Return what was found under a condition, as a sentence."""
    few = ", too few to decide" if verdict is Decision.UNDECIDED else ""
    return f"Exceptions if {condition}: {of(broken, count)}{few}."


def jump_needs_higher_stamp(table: EventTable) -> ClaimFinding:
    """Judge that a clock jumps exactly when a message with a higher clock is received."""
    higher = table.receives & (table.stamp > table.clock[table.before])
    events = ~table.is_first
    exceptions = table.count_by_run(events & (table.jumps != higher))
    count = table.count_by_run(events)
    estimate = share(exceptions, count)
    return ClaimFinding(
        law(exceptions, count),
        estimate,
        f"{of(exceptions, count)} otherwise",
        f"{of(exceptions, count)} events were otherwise: a jump without a higher clock "
        "received, or a higher clock without a jump.",
        table.runs,
    )


def higher_because_faster(table: EventTable) -> ClaimFinding:
    """Judge that a sender's clock was higher because its rate is higher."""
    jumps = table.count_by_run(table.jumps)
    faster, equal, slower = (
        table.count_by_run(table.jumps & rows)
        for rows in (
            table.sender_rate > table.rate,
            table.sender_rate == table.rate,
            table.sender_rate < table.rate,
        )
    )
    r1, r2, r3 = table.row_rates
    apart = table.jumps & (r1 >= TWICE * r2) & (r2 >= TWICE * r3)
    among = table.count_by_run(apart)
    far = share(table.count_by_run(apart & (table.sender_rate > table.rate)), among)
    estimate = share(faster, jumps)
    return ClaimFinding(
        law(jumps - faster, jumps),
        estimate,
        f"{percent(estimate)} faster",
        f"The sender was faster at {percent(estimate)} of the jumps, as fast at "
        f"{percent(share(equal, jumps))} and slower at {percent(share(slower, jumps))}: it "
        "passed on a clock that it had received. Where each machine is at least twice as fast "
        f"as the next it was faster at {percent(far, 2)}.",
        table.runs,
    )


def rate_difference_drives_jumps(table: EventTable) -> ClaimFinding:
    """Judge that the difference of rates is a major factor of the jumps."""
    rates = table.rates
    difference, ratio = rates[:, :1] - rates[:, 1:], rates[:, :1] / rates[:, 1:]
    largest = table.by_machine(table.jump, np.maximum)[:, 1:]
    events = np.diff(table.starts).reshape(-1, 3)
    firsts = table.clock[table.starts[:-1]].reshape(-1, 3)
    average = ((table.last(table.clock) - firsts) / np.maximum(events - 1, 1))[:, 1:]
    by_difference = [rank_correlation(difference, each) for each in (average, largest)]
    by_ratio = [rank_correlation(ratio, each) for each in (average, largest)]
    mean, top = by_difference
    judged = [comparison(each) for each in (top, mean)]
    conditions = [("of the largest jump", judged[0]), ("of the mean jump", judged[1])]
    verdict, condition = under(every(judged), conditions)
    return ClaimFinding(
        verdict,
        top,
        f"rank corr. {number(top)}",
        f"Rank correlation of r1 - r with the largest jump of P2 and P3: {number(top)}; with "
        f"their mean jump: {number(mean)}. Of the ratio r1/r: {number(by_ratio[1])} and "
        f"{number(by_ratio[0])}. The mean is not a finding of its own: it is the rise of the "
        "clock over the number of events.",
        table.runs,
        condition,
    )


# Messages from faster machines. Once P1 is at least twice as fast as P2, nothing raises its
# clock, so no clock is above it but in the first ticks.


def _not_waited(table: EventTable) -> BoolArray:
    """Whether the event before was not a receive, so that a message came after it."""
    fresh: BoolArray = (table.kind[table.before] != RECEIVE) & (table.tick >= FIRST_TICKS)
    return fresh


FRESH: Final = (
    "r1 >= 2 r2, the sender is P1, and the receiver's last event was no receive (and not "
    "one of its first two)"
)


def message_from_faster_jumps(table: EventTable) -> ClaimFinding:
    """Judge that a faster machine's message causes a jump, unless a still faster one did."""
    r1, r2, _ = table.row_rates
    from_p1 = table.sender == P1
    faster = table.receives & (table.sender_rate > table.rate)
    last = table.row_before(table.jumps & from_p1 & (table.sender_rate > table.rate))
    recently = (last >= 0) & (table.time_ns - table.time_ns[last] <= RECENT_S * 1e9)
    still_faster = table.sender_rate < r1
    excused = still_faster & recently
    finding = _judged(
        table,
        faster & ~excused,
        table.jumps,
        f"messages from a faster machine jump, without those within {RECENT_S:g} s of a jump "
        "at a still faster one's",
        [(FRESH, from_p1 & (r1 >= TWICE * r2) & _not_waited(table))],
    )
    fastest = faster & ~still_faster
    alone = share(table.count_by_run(fastest & table.jumps), table.count_by_run(fastest))
    return finding._replace(
        text=f"{finding.text} Of the fastest machine's own messages, which nothing excuses: "
        f"{percent(alone)}; the others came to a clock that was level or ahead."
    )


def p3_jumps_after_internal(table: EventTable) -> ClaimFinding:
    """Judge that P3 jumps at a message if its last event was internal."""
    r1, r2, r3 = table.row_rates
    after = table.receives & (table.kind[table.before] == INTERNAL)
    events = after & (table.rank == P3) & (r2 > r3)
    return _judged(
        table,
        events,
        table.jumps,
        "P3's receives after an internal event jump, where P1 and P2 are faster",
        [(FRESH, (table.sender == P1) & (r1 >= TWICE * r2) & (table.tick >= FIRST_TICKS))],
    )


def p3_jumps_p1_after_p2(table: EventTable) -> ClaimFinding:
    """Judge that P3 jumps at P1's message if its last event was a receive from P2."""
    r1, r2, r3 = table.row_rates
    after_p2 = (table.kind[table.before] == RECEIVE) & (table.sender[table.before] == P2)
    events = table.receives & (table.rank == P3) & (table.sender == P1) & after_p2
    condition = "r1 >= 2 r2 and P1's message came after P3 took P2's"
    empty = (r1 >= TWICE * r2) & (table.queue[table.before] == 0) & (table.tick >= FIRST_TICKS)
    return _judged(
        table,
        events & (r1 > r2) & (r2 > r3),
        table.jumps,
        "P3's receives from P1 right after one from P2 jump",
        [(condition, empty)],
    )


def p2_shielded_by_recent_p1(table: EventTable) -> ClaimFinding:
    """Judge that P2's message moves P3 unless P1's came recently."""
    _, r2, r3 = table.row_rates
    from_p1 = table.row_before(table.receives & (table.sender == P1))
    age_ns = np.where(from_p1 < 0, np.inf, table.time_ns - table.time_ns[from_p1])
    events = table.receives & (table.rank == P3) & (table.sender == P2) & (r2 > r3)

    def parts(rows: BoolArray) -> tuple[IntArray, IntArray]:
        return table.count_by_run(rows & table.jumps), table.count_by_run(rows)

    edges = (0.0, 0.5, RECENT_S, 2.0, LONG_AGO_S, np.inf)
    by_age = [
        (low, high, parts(events & (age_ns > low * 1e9) & (age_ns <= high * 1e9)))
        for low, high in pairwise(edges)
    ]
    recent, old = parts(events & (age_ns <= RECENT_S * 1e9)), by_age[-1][2]
    gap = share_difference(*old, *recent)
    tendency = comparison(gap, margin=FREQUENCY_MARGIN)
    verdict = law(old[1] - old[0], old[1]) if tendency is Decision.HOLDS else tendency
    condition = "read as a tendency: the older P1's last message, the more often"
    verdict, named = under(verdict, [(condition, tendency)])
    shares = "; ".join(f"{_ages(low, high)} {percent(share(*each))}" for low, high, each in by_age)
    return ClaimFinding(
        verdict,
        gap,
        f"{percent(gap)} more often",
        f"P2's messages that move P3, by the age of P1's last one: {shares}. "
        f"More than {LONG_AGO_S:g} s against at most {RECENT_S:g} s: {percent(gap)} more "
        "often.",
        table.runs,
        named,
    )


def _ages(low: float, high: float) -> str:
    return f"over {low:g} s" if np.isinf(high) else f"{low:g} to {high:g} s"


def p2_jumps_at_p1(table: EventTable) -> ClaimFinding:
    """Judge that P2 jumps at P1's messages."""
    r1, r2, _ = table.row_rates
    return _judged(
        table,
        table.receives & (table.rank == P2) & (table.sender == P1) & (r1 > r2),
        table.jumps,
        "P2's receives from P1 jump, where P1 is faster",
        [(FRESH, (r1 >= TWICE * r2) & _not_waited(table))],
    )


def fastest_never_jumps(table: EventTable) -> ClaimFinding:
    """Judge that the fastest machine has no jumps."""
    r1, r2, _ = table.row_rates
    events = table.receives & (table.rank == P1)
    finding = _judged(
        table,
        events & (r1 > r2),
        table.jumps,
        "the receives of the fastest machine jump",
        [("r1 >= 2 r2", r1 >= TWICE * r2)],
        never=True,
    )
    bands = ((1.0, 1.25), (1.25, 1.5), (1.5, 2.0))
    shares = []
    for low, high in bands:
        rows = events & (r1 > low * r2) & (r1 <= high * r2) & (r1 < TWICE * r2)
        part = share(table.count_by_run(rows & table.jumps), table.count_by_run(rows))
        shares.append(f"up to {high:g} {percent(part)}")
    tied = events & (r1 == r2)
    ties = share(table.count_by_run(tied & table.jumps), table.count_by_run(tied))
    return finding._replace(
        text=f"{finding.text} By r1/r2: {', '.join(shares)}. Where two are the fastest, of "
        f"one of them: {percent(ties)}, not counted above."
    )


def p3_never_jumps(table: EventTable) -> ClaimFinding:
    """Judge that P3 has no jumps."""
    _, r2, r3 = table.row_rates
    return _judged(
        table,
        table.receives & (table.rank == P3) & (r2 > r3),
        table.jumps,
        "the receives of the slowest machine jump",
        never=True,
    )


def equal_rates_no_jumps(
    free: EventTable,
    aligned: EventTable | None = None,
    late: EventTable | None = None,
    aligned_late: EventTable | None = None,
) -> ClaimFinding:
    """Judge that machines of equal rates have no jumps.

    free, aligned: phases; late: with a latency. Those that there are are judged together.
    """
    named = [
        ("free phases", free),
        ("aligned phases", aligned),
        ("free phases and a latency", late),
        ("aligned phases and a latency", aligned_late),
    ]
    counts = [
        (name, *_equal_counts(table), table.runs) for name, table in named if table is not None
    ]
    jumps = np.concatenate([each[1] for each in counts])
    events = np.concatenate([each[2] for each in counts])
    locked = [each for each in counts if each[0].startswith("aligned")]
    conditions = []
    if locked:
        judged = law(
            np.concatenate([each[1] for each in locked]),
            np.concatenate([each[2] for each in locked]),
        )
        conditions = [("the phases are aligned and messages come between the ticks", judged)]
    verdict, condition = under(law(jumps, events), conditions)
    shares = "; ".join(f"{name} {percent(share(part, all_of))}" for name, part, all_of, _ in counts)
    estimate = share(counts[0][1], counts[0][2])
    return ClaimFinding(
        verdict,
        estimate,
        f"{percent(estimate)} jump",
        f"Share of events that jump: {shares}. The mean jump with free phases is "
        f"{number(_mean_jump(free), 3)}: so much faster than their ticks the clocks rise.",
        sum(each[3] for each in counts),
        condition,
    )


def _mean_jump(table: EventTable) -> Estimate:
    """Return the mean of all jumps where all rates are equal."""
    equal = ~table.is_first & (table.rates[:, P1] == table.rates[:, P3])[table.run]
    return average(table.sum_by_run(table.jump, equal), table.count_by_run(equal))


def _equal_counts(table: EventTable) -> tuple[IntArray, IntArray]:
    equal = table.rates[:, P1] == table.rates[:, P3]
    rows = ~table.is_first & equal[table.run]
    return table.count_by_run(rows & table.jumps), table.count_by_run(rows)
