"""Claims about rates, clocks and queues, and about the assignment's two variations.

A variation has the draws of the standard condition: run n of both has the same uniform
draws, so differences are taken run by run.
"""

from collections.abc import Callable

import numpy as np

from driftlab.analysis.statistics import Estimate
from driftlab.arrays import BoolArray, FloatArray, IntArray
from driftlab.study.claims.criteria import (
    CLOCK_MARGIN,
    FREQUENCY_MARGIN,
    QUEUE_MARGIN,
    ClaimFinding,
    Decision,
    average,
    comparison,
    equality,
    every,
    excess_of_pairs,
    mean,
    rank_correlation,
    ratio,
    share,
    under,
)
from driftlab.study.claims.events import P1, P3, EventTable
from driftlab.study.claims.wording import number, percent, signed
from driftlab.theory.formulas import CRITICAL_SHARE


def paired_rows(first: EventTable, second: EventTable) -> tuple[IntArray, IntArray]:
    """Return the rows of the runs that belong together: those of one seed and number.

    If there are none, runs are paired in their order: independent runs, a noisier
    difference.
    """
    places = {name: row for row, name in enumerate(second.names)}
    shared = [(row, places[name]) for row, name in enumerate(first.names) if name in places]
    if not shared:
        shared = [(row, row) for row in range(min(first.runs, second.runs))]
    rows = np.array(shared, np.int64)
    return rows[:, 0], rows[:, 1]


# Rates, clocks and queues.


def faster_rate_higher_clock(table: EventTable) -> ClaimFinding:
    """Judge that the faster the rate, the higher the clock.

    Of a machine slower than P1 it is asked how far its last clock is behind: in runs
    whose queues are all stable, and where its own queue diverges.
    """
    clocks, rates, loads = table.last(table.clock), table.rates, table.loads
    behind = 1 - clocks[:, 1:] / clocks[:, :1]
    slower = rates[:, 1:] < rates[:, :1]
    in_stable = slower & (loads.max(axis=1, keepdims=True) < 1 - CRITICAL_SHARE)
    in_diverging = slower & (loads[:, 1:] > 1 + CRITICAL_SHARE)
    stable, diverging = _of_chosen(behind, in_stable), _of_chosen(behind, in_diverging)
    judged = [comparison(each, margin=CLOCK_MARGIN) for each in (stable, diverging)]
    named = ("no queue diverges", "the slower machine's queue diverges")
    verdict, condition = under(every(judged), list(zip(named, judged, strict=True)))
    lags = [_ticks_behind(table, part) for part in (0.5, 1.0)]
    end, later = (_of_chosen(each, in_stable) for each in (lags[1], lags[1] - lags[0]))
    return ClaimFinding(
        verdict,
        stable,
        f"lag {percent(stable, 2)}",
        "How far the last clock of a slower machine is behind the fastest's: where no queue "
        f"diverges {percent(stable, 2)}, where its own does {percent(diverging)}. In the "
        f"first case that is a lag of {number(end, 1)}, of which the second half of the run "
        f"brought {signed(later)}: where stable, does a higher rate make a clock faster, or "
        "only keep it nearer?",
        table.runs,
        condition,
    )


def _of_chosen(values: FloatArray, chosen: BoolArray) -> Estimate:
    """Return the mean over the chosen machines, with its interval over runs."""
    return average(np.where(chosen, values, 0.0).sum(axis=1), chosen.sum(axis=1))


def _ticks_behind(table: EventTable, part: float) -> FloatArray:
    """Return how far the clocks of P2 and P3 are behind P1's after a part of each run."""
    until = part * np.maximum.reduceat(table.time_ns, table.starts[:-1:3])
    counts = table.count_by_machine(table.time_ns <= until[table.run])
    clocks = table.clock[table.starts[:-1].reshape(-1, 3) + np.maximum(counts - 1, 0)]
    return (clocks[:, :1] - clocks[:, 1:]).astype(np.float64)


def bigger_difference_bigger_queue(table: EventTable) -> ClaimFinding:
    """Judge that the bigger the difference of rates, the bigger the queue of the slowest.

    As a tendency, and as a law against the rival (r1 + r2)/r3: of two runs of which
    one has the bigger difference and the other the bigger ratio, which has the bigger queue?
    """
    rates = table.rates
    difference, ratio_of = rates[:, P1] - rates[:, P3], rates[:, :P3].sum(axis=1) / rates[:, P3]
    queue = table.by_machine(table.queue, np.maximum)[:, P3].astype(np.float64)
    tendency = rank_correlation(difference[:, None], queue[:, None])
    by_ratio = rank_correlation(ratio_of[:, None], queue[:, None])
    alike = _same_order(difference, ratio_of)
    rivals = excess_of_pairs(difference, queue, alike < 0)
    together = excess_of_pairs(difference, queue, alike > 0)
    verdict, condition = comparison(tendency), ""
    if verdict is Decision.HOLDS:
        named = "(r1 + r2)/r3 is bigger, too"
        verdict, condition = under(comparison(rivals), [(named, comparison(together))])
    reversed_pairs = [_reversed_share(each, queue) for each in (difference, ratio_of)]
    return ClaimFinding(
        verdict,
        tendency,
        f"rank corr. {number(tendency)}",
        f"Rank correlation of the slowest machine's largest queue with r1 - r3: "
        f"{number(tendency)}, with (r1 + r2)/r3: {number(by_ratio)}. Pairs of runs in the "
        f"reversed order: {100 * reversed_pairs[0]:.1f} % by the difference, "
        f"{100 * reversed_pairs[1]:.1f} % by the ratio. Where the two disagree, pairs in the "
        f"order of the difference less reversed ones: {percent(rivals)}.",
        table.runs,
        condition,
    )


def _same_order(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return 1 for each pair of runs that two figures order alike, -1 for a reversed one."""
    orders = [np.sign(each[:, None] - each[None, :]) for each in (first, second)]
    return np.asarray(orders[0] * orders[1])


def _reversed_share(first: FloatArray, second: FloatArray) -> float:
    """Return the share of reversed pairs among those that differ in both figures."""
    same = _same_order(first, second)
    return float((same < 0).sum() / max((same != 0).sum(), 1))


# The two variations.


def _frequency(standard: EventTable, other: EventTable) -> tuple[Estimate, str, int]:
    """Return the jumps an event over those of the standard condition, the two, and the runs."""
    mine, theirs = paired_rows(standard, other)
    counts = [
        (table.count_by_run(table.jumps)[rows], table.count_by_run(~table.is_first)[rows])
        for table, rows in ((standard, mine), (other, theirs))
    ]
    each = [percent(share(*some)) for some in counts]
    return ratio(*counts[1], *counts[0]), f"{each[1]} of the events jump, not {each[0]}", len(mine)


def narrow_rates_same_frequency(standard: EventTable, narrow: EventTable) -> ClaimFinding:
    """Judge that a smaller variation of rates leaves the frequency of jumps unchanged."""
    estimate, text, runs = _frequency(standard, narrow)
    verdict = equality(estimate, 1.0, FREQUENCY_MARGIN)
    text = f"With rates 3..4 {text}: {number(estimate)} times as many."
    return ClaimFinding(verdict, estimate, f"{number(estimate)} times", text, runs)


def less_internal_more_jumps(standard: EventTable, few: EventTable) -> ClaimFinding:
    """Judge that fewer internal events make jumps more frequent."""
    estimate, text, runs = _frequency(standard, few)
    text = f"With five faces {text}: {number(estimate)} times as many."
    verdict = comparison(estimate, 1.0, margin=FREQUENCY_MARGIN)
    return ClaimFinding(verdict, estimate, f"{number(estimate)} times", text, runs)


def narrow_rates_smaller_jumps(standard: EventTable, narrow: EventTable) -> ClaimFinding:
    """Judge that a smaller variation of rates makes jumps smaller."""
    return _smaller_jumps(standard, narrow, "rates 3..4")


def less_internal_smaller_jumps(standard: EventTable, few: EventTable) -> ClaimFinding:
    """Judge that fewer internal events make jumps smaller."""
    return _smaller_jumps(standard, few, "five faces")


def _smaller_jumps(standard: EventTable, other: EventTable, varied: str) -> ClaimFinding:
    """Judge that jumps, those above 1, are smaller: their mean, and the largest of a run."""
    mine, theirs = paired_rows(standard, other)
    sides = ((standard, mine), (other, theirs))
    sizes = [
        (table.sum_by_run(table.jump, table.jumps)[rows], table.count_by_run(table.jumps)[rows])
        for table, rows in sides
    ]
    every_event = [
        (
            table.sum_by_run(table.jump, ~table.is_first)[rows],
            table.count_by_run(~table.is_first)[rows],
        )
        for table, rows in sides
    ]
    tops = [
        table.by_machine(table.jump, np.maximum).max(axis=1)[rows].astype(np.float64)
        for table, rows in sides
    ]
    ones = np.ones(len(mine))
    average_size = ratio(*sizes[1], *sizes[0])
    top = ratio(tops[1], ones, tops[0], ones)
    identity = ratio(*every_event[1], *every_event[0])
    judged = [
        comparison(each, 1.0, below=True, margin=FREQUENCY_MARGIN) for each in (average_size, top)
    ]
    conditions = [("of their mean size", judged[0]), ("of the largest of a run", judged[1])]
    verdict, condition = under(every(judged), conditions)
    return ClaimFinding(
        verdict,
        average_size,
        f"{number(average_size)} times",
        f"With {varied} the mean jump above 1 is {number(average_size)} times as large, the "
        f"largest of a run {number(top)} times. The mean over all events, {number(identity)} "
        "times, is the rise of the clock over the number of events.",
        len(mine),
        condition,
    )


def narrow_rates_shorter_queue(standard: EventTable, narrow: EventTable) -> ClaimFinding:
    """Judge that a smaller variation of rates makes queues shorter."""
    return _queues(standard, narrow, "rates 3..4", below=True)


def less_internal_longer_queue(standard: EventTable, few: EventTable) -> ClaimFinding:
    """Judge that fewer internal events make queues longer."""
    return _queues(standard, few, "five faces", below=False)


def _queues(standard: EventTable, other: EventTable, varied: str, *, below: bool) -> ClaimFinding:
    """Judge the difference of the largest and of the last queue, of a run's longest ones."""
    largest, last, runs = _queue_differences(standard, other)
    top, end = mean(largest), mean(last)
    judged = [comparison(each, 0.0, below=below, margin=QUEUE_MARGIN) for each in (top, end)]
    conditions = [("of the largest queue", judged[0]), ("of the last queue", judged[1])]
    verdict, condition = under(every(judged), conditions)
    return ClaimFinding(
        verdict,
        top,
        f"{signed(top)} messages",
        f"With {varied} the largest queue of a run differs by {signed(top)} messages, the "
        f"longest at its end by {signed(end)}.",
        runs,
        condition,
    )


def _queue_differences(
    standard: EventTable, other: EventTable
) -> tuple[FloatArray, FloatArray, int]:
    """Return by how much a run's largest queue, and its longest last one, are longer."""
    mine, theirs = paired_rows(standard, other)

    def longer(queues_of: Callable[[EventTable], IntArray]) -> FloatArray:
        before, after = queues_of(standard).max(axis=1), queues_of(other).max(axis=1)
        return np.asarray(after[theirs] - before[mine], np.float64)

    largest = longer(lambda table: table.by_machine(table.queue, np.maximum))
    return largest, longer(lambda table: table.last(table.queue)), len(mine)


def both_variations_either_way(standard: EventTable, both: EventTable) -> ClaimFinding:
    """Judge that with both variations queues may be larger or smaller.

    Both must happen in more than FREQUENCY_MARGIN of the runs.
    """
    largest, _, runs = _queue_differences(standard, both)
    one = np.ones(runs, np.int64)
    larger, smaller = share((largest > 0).astype(int), one), share((largest < 0).astype(int), one)
    judged = [comparison(each, FREQUENCY_MARGIN) for each in (larger, smaller)]
    mine, _ = paired_rows(standard, both)
    diverges = standard.loads[mine].max(axis=1) > 1
    by_kind = [
        f"{signed(mean(largest[rows]))} where {what} without them"
        for rows, what in ((diverges, "a queue diverges"), (~diverges, "none diverges"))
        if rows.any()
    ]
    return ClaimFinding(
        every(judged),
        larger,
        f"{percent(larger)} larger",
        f"With both the largest queue of a run is larger in {percent(larger)} and smaller in "
        f"{percent(smaller)} of the runs. Mean difference in messages: {'; '.join(by_kind)}.",
        runs,
    )
