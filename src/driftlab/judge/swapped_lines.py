"""Lines of one process that stand in another order than its events happened in.

A log without ticks gives the order of events by the order of its lines alone. If two
lines changed places, rules are violated at both and at the lines after them, and none
of these violations says why. Here the events of a process are put in the order of
their own entries in the vector clock, or of their Lamport clocks, and judged again. If
the clocks then hold, the lines that stand elsewhere are named: a remark beside the
violations, which remain.

Limit: the order of clocks is taken only within parts without gaps where no clock
occurs twice and, of own entries, none is left out.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.matching.match import match
from driftlab.history.matching.repair import repair_names
from driftlab.history.rows import take_rows
from driftlab.history.trace import Trace
from driftlab.judge.clock_condition import has_clock, lamport_steps
from driftlab.judge.context import Context, Findings, Rule
from driftlab.judge.diagnosis.diagnose import PLAIN_NAMES, Fault
from driftlab.model.columns import MISSING

LINES_NAMED_MAX: Final = 5  # of the lines that changed places in one circle
CIRCLES_NAMED_MAX: Final = 3
CLOCK_RULES: Final = frozenset(
    {"clock-condition", "lamport-step", "vector-back", "vector-merge", "vector-own", "vector-ahead"}
)


class _Order(NamedTuple):
    """Rows in the order of their clocks: where each process's rows come from; what the clock is."""

    rows: IntArray
    processes: list[int]
    clock: str


class Reordered(NamedTuple):
    """Processes whose clocks hold once their lines are put in the order of the clocks.

    processes: their positions. lines: how many lines of each stand in the places of others.
    all_holds: whether no rule is violated then, at any process. remarks: a line for each.
    """

    processes: tuple[int, ...] = ()
    lines: tuple[int, ...] = ()
    all_holds: bool = False
    remarks: tuple[str, ...] = ()


def changed_places(
    context: Context, found: Mapping[str, Findings], rules: Mapping[str, Rule]
) -> Reordered:
    """Return the processes of which lines changed places.

    found: by the name of each rule that was applied, what it found. rules: all, by name.
    """
    if not any(len(each.rows) for name, each in found.items() if name in CLOCK_RULES):
        return Reordered()
    applied = [rules[name] for name in found]
    reordered: Reordered = context.cached("changed places", lambda each: _reordered(each, applied))
    return reordered


def _reordered(context: Context, rules: Sequence[Rule]) -> Reordered:
    order = _order_of_clocks(context.original)
    if order is None:
        return Reordered()
    again = _judged_again(context.original, order)
    broken = _broken_processes(again, [rule for rule in rules if rule.name in CLOCK_RULES])
    broken |= _processes_that_jump(context, again)
    holding = [process for process in order.processes if process not in broken]
    others = [rule for rule in rules if rule.name not in CLOCK_RULES]
    all_holds = not broken and not _broken_processes(again, others)
    moved = context.process[order.rows != np.arange(len(order.rows))]
    remarks = [
        f"in the order of {order.clock} "
        f"{'all holds' if all_holds else f'the clocks of {context.trace.names[process]} hold'}: "
        f"{_circles(context.original, order.rows, process)}"
        for process in holding
    ]
    lines = [int(np.count_nonzero(moved == process)) for process in holding]
    return Reordered(tuple(holding), tuple(lines), all_holds, tuple(remarks))


def _judged_again(trace: Trace, order: _Order) -> Context:
    """Return the history with its events in another order."""
    repaired = repair_names(take_rows(trace, order.rows))
    return Context(repaired, match(repaired.trace), repaired.trace)


def _broken_processes(context: Context, rules: Sequence[Rule]) -> set[int]:
    """Return the processes at whose events any of some rules is violated."""
    rows = [rule.judge(context).rows for rule in rules if rule.questions(context)]
    every = np.concatenate([np.zeros(0, np.int64), *rows])
    return set(context.process[every].tolist())


def _processes_that_jump(context: Context, again: Context) -> set[int]:
    """Return the processes of which more clocks jump in the other order than in that of the log.

    At events of no known kind, of which it is not known whether they may.
    """
    if not has_clock(context):
        return set()
    now, then = (
        np.bincount(each.process[lamport_steps(each).may_jump], minlength=each.trace.processes)
        for each in (context, again)
    )
    return set(np.flatnonzero(then > now).tolist())


def faults_of_order(
    faults: Sequence[Fault], reordered: Reordered, names: Sequence[str]
) -> list[Fault]:
    """Return faults with one for lines out of order in the place of those that it explains.

    These are all, if all holds in the other order; else those of the clocks of its processes.
    names: of all processes.
    """
    if not reordered.processes:
        return list(faults)
    places = {names[process] for process in reordered.processes}
    explained = [
        each
        for each in faults
        if reordered.all_holds or (each.rule in CLOCK_RULES and places.issuperset(each.processes))
    ]
    if not explained:
        return list(faults)
    rule = next((each.rule for each in explained if each.rule in CLOCK_RULES), explained[0].rule)
    shown = tuple(names[process] for process in reordered.processes)
    fault = Fault(PLAIN_NAMES["process-order"], rule, shown, sum(reordered.lines))
    first = faults.index(explained[0])
    left = [each for each in faults if each not in explained]
    return [*left[:first], fault, *left[first:]]


# The order of the clocks.


def _order_of_clocks(trace: Trace) -> _Order | None:
    """Return the rows in the order of their clocks, None if they stand in it or it is not known."""
    if trace.columns.tick is not None or trace.arrivals is not None or not len(trace):
        return None  # whose lines are put in the order of the ticks
    held, clock = trace.timestamps, trace.columns.clock
    if held is not None and held.clock == "vector":
        found = _sorted_processes(trace, _own_entries(trace), is_counted=True)
        if found is not None:
            return _Order(*found, "the own entries")
    if clock is not None:
        found = _sorted_processes(trace, clock, is_counted=False)
        if found is not None:
            return _Order(*found, "the Lamport clocks")
    return None


def _own_entries(trace: Trace) -> IntArray:
    """Return the own entry of every event, MISSING where there is none."""
    held = trace.timestamps
    assert held is not None
    row = np.repeat(np.arange(len(trace)), np.diff(held.starts))
    own = held.entries == trace.process_column()[row]
    found = np.full(len(trace), MISSING, np.int64)
    found[row[own]] = held.values[own]
    return found


def _sorted_processes(
    trace: Trace, clock: IntArray, *, is_counted: bool
) -> tuple[IntArray, list[int]] | None:
    """Return the rows in the order of a clock, and which processes it puts in another order.

    is_counted: whether the clock leaves out no number. None if no process is sorted.
    """
    down = np.flatnonzero(clock[1:] < clock[:-1]) + 1
    processes = np.unique(np.searchsorted(trace.starts, down, side="right") - 1)
    rows, changed = np.arange(len(trace)), []
    for process in processes.tolist():
        begin, end = trace.starts[process : process + 2].tolist()
        gaps = trace.gaps[(trace.gaps > begin) & (trace.gaps < end)].tolist()
        new = [_sorted_part(clock, *part, is_counted) for part in pairwise([begin, *gaps, end])]
        if all(part is not None for part in new):
            rows[begin:end] = np.concatenate([part for part in new if part is not None])
            if (rows[begin:end] != np.arange(begin, end)).any():
                changed.append(process)
    return (rows, changed) if changed else None


def _sorted_part(clock: IntArray, begin: int, end: int, is_counted: bool) -> IntArray | None:
    """Return the rows of a part in the order of their clocks; None if that is not one order."""
    part = clock[begin:end]
    order = np.argsort(part, kind="stable")
    steps = np.diff(part[order])
    is_one: BoolArray = steps == 1 if is_counted else steps > 0
    if not is_one.all() or (part == MISSING).any():
        return None
    places: IntArray = order + begin
    return places


# Words.


def _circles(trace: Trace, rows: IntArray, process: int) -> str:
    """Return which lines stand in the places of which others: `a:3 and a:5 have changed places`."""
    begin, end = trace.starts[process : process + 2].tolist()
    comes_from = dict(enumerate(rows[begin:end].tolist(), begin))
    circles, seen = [], set[int]()
    for row in range(begin, end):
        if row in seen or comes_from[row] == row:
            continue
        circle = [row]
        while (after := comes_from[circle[-1]]) != row:
            circle.append(after)
        seen.update(circle)
        circles.append(sorted(circle))
    shown = [f"{_lines(trace, circle)} have changed places" for circle in circles]
    more = len(shown) - CIRCLES_NAMED_MAX
    rest = [f"{len(seen)} lines in all stand in places of others"] if more > 0 else []
    return ", ".join([*shown[:CIRCLES_NAMED_MAX], *rest])


def _lines(trace: Trace, rows: Sequence[int]) -> str:
    names = [_place(trace, row) for row in rows[:LINES_NAMED_MAX]]
    if len(rows) > LINES_NAMED_MAX:
        names.append(f"{len(rows) - LINES_NAMED_MAX} more")
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _place(trace: Trace, row: int) -> str:
    file, line = trace.source_of(row)
    name, index = trace.place(row)
    return f"{name}:{index}" if file is None else f"{file}:{line}"
