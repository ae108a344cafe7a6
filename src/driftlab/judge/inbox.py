"""A machine and its inbox: one operation a tick, the front first, a length that adds up.

At every tick a machine takes in what its sockets hold, in order, then takes one
message off the front if there is any, and records the length that is left.
Where the log says what each tick found, all of that can be followed message by
message; where it does not, a length can only be seen to fall too fast.
"""

from typing import NamedTuple

import numpy as np

from driftlab.history.matching.keys import arrival_names, arrivals_taken, occurrences
from driftlab.history.matching.messages import UNMATCHED
from driftlab.history.tick_repair import repaired_ticks
from driftlab.judge.context import (
    NO_ROWS,
    Context,
    Explanation,
    Findings,
    Rule,
    findings,
    received_keys,
)
from driftlab.model.columns import (
    INTERNAL,
    MISSING,
    NO_TARGET,
    NOBODY,
    RECEIVE,
    SEND,
    UNKNOWN_KIND,
    Array,
)


class Inboxes(NamedTuple):
    """What became of every message that arrived, in every inbox.

    rows, places: the receives, and of each the number of its arrival, -1 if
    there was none by then. front: the greatest of these numbers up to there.
    skipped: numbers of arrivals that were never taken though later ones were.
    skipping: of each of them the row that took a later one. again: numbers of
    arrivals that had come before, or that nobody sent, and that were not taken.
    """

    rows: Array
    places: Array
    front: Array
    skipped: Array
    skipping: Array
    again: Array


def _inboxes(case: Context) -> Inboxes:
    """Follow every message through its inbox."""
    rows, places = arrivals_taken(case.trace)
    arrived = case.arrival_rows
    first = np.searchsorted(case.arrival_rows, case.trace.starts[case.process[rows]])
    front = _front(case.process[rows], np.where(places >= 0, places, first - 1))
    taken = np.zeros(len(arrived), bool)
    taken[places[places >= 0]] = True
    last = np.full(case.trace.processes, -1, np.int64)
    np.maximum.at(last, case.process[rows], front)
    owner = case.process[case.arrival_rows]
    skipped = np.flatnonzero(~taken & (np.arange(len(arrived)) < last[owner]))
    again = occurrences(arrival_names(case.trace)) > 0
    again = np.flatnonzero(~taken & (again | (case.arrival_sources == UNMATCHED)))
    skipped = np.setdiff1d(skipped, again)
    # Fronts rise along the rows: all of one process lie below all of the next.
    skipping = rows[np.searchsorted(front, skipped, side="right")] if len(skipped) else NO_ROWS
    return Inboxes(rows, places, front, skipped, skipping, again)


def _front(process: Array, places: Array) -> Array:
    """Return the greatest place so far; of a later process all places are greater."""
    return np.maximum.accumulate(places) if len(places) else places


def _followed(case: Context) -> Inboxes:
    inboxes: Inboxes = case.cached("inboxes", _inboxes)
    return inboxes


# The order of the inbox.


def _inbox_order(case: Context) -> Findings:
    """Messages are taken in the order in which they were found."""
    of = _followed(case)
    holed = case.has_gaps[case.process[of.rows]]
    before = np.concatenate([[-1], of.front[:-1]]) if len(of.front) else of.front
    behind = (of.places >= 0) & (of.places < before)
    unfound = (of.places < 0) & (case.messages.source[of.rows] >= 0)
    unfound &= ~np.isin(of.rows, _twice_rows(case))
    wrong = np.flatnonzero(behind | (unfound & ~holed))
    passing = np.setdiff1d(_skips(case).waiting, of.rows[wrong])
    rows = np.concatenate([of.rows[wrong], passing])

    def tell(number: int) -> Explanation:
        row = int(rows[number])
        source = int(case.messages.source[row])
        proof = (source, row) if source >= 0 else (row,)
        if number >= len(wrong):
            return Explanation(
                "the front of the inbox", "a message behind one that still waits", proof
            )
        place = int(of.places[wrong[number]])
        if place < 0:
            return Explanation(
                "a message that was found at this tick or before", "none such", proof
            )
        other = int(before[wrong[number]])
        held = case.trace.arrivals
        assert held is not None
        name = case.trace.names[int(held.sender[other])]
        return Explanation(
            f"taken before the message of {name} with clock {held.stamp[other]}, found after it",
            "taken after that",
            proof,
        )

    return findings(rows, tell, of.rows[unfound & holed], "it may have been found in a hole")


def _twice_rows(case: Context) -> Array:
    """Return rows that receive what was received before: told by another rule."""
    rows, keys = received_keys(case)
    return rows[occurrences(keys) > 0]


# One operation.


def _one_operation(case: Context) -> Findings:
    """A tick is one operation: it takes the message that waits, and only one."""
    tick = case.columns.tick
    again = np.zeros(len(case), bool)
    if tick is not None:
        ticks = repaired_ticks(case.trace)
        again = ~case.is_first & (ticks == case.before(ticks, -1)) & (tick != MISSING)
    idle = _idle(case)
    skips = _skips(case)
    skipping, counts = np.unique(skips.gone, return_counts=True)
    mixed = mixes_operations(case) & ~again
    parts = [np.flatnonzero(again), np.flatnonzero(idle & ~again & ~mixed), skipping]
    rows = np.concatenate([*parts, np.flatnonzero(mixed)])
    ends = np.cumsum([len(part) for part in parts])

    def tell(number: int) -> Explanation:
        row = int(rows[number])
        if number < ends[0]:
            return Explanation(
                "one event a tick", f"a second event in tick {tick[row]}", (row - 1, row)
            )
        if number < ends[1]:
            return Explanation(
                "a receive, for a message was waiting", f"{_kind(case, row)}, no message taken",
                (row,) if case.is_first[row] else (row - 1, row),
            )  # fmt: skip
        if number >= ends[2]:
            return Explanation("one operation, and its kind", f"{_deeds(case, row)}", (row,))
        many = int(counts[number - ends[1]])
        return Explanation(
            "one message taken, that at the front",
            f"{many} in front of it taken with it or passed over",
            (row,),
        )

    return findings(rows, tell, skips.holed, "it may have been taken in a hole")


def mixes_operations(case: Context) -> Array:
    """Whether a journal calls an event what it is not, or a tick of the die did two things.

    Internal, though a message was received; a receive that also sent.
    """
    of = case.columns
    if of.target is None or of.sender is None or not len(case.trace.process_info):
        return np.zeros(len(case), bool)
    received, sent = of.sender != NOBODY, of.target != NO_TARGET
    right = np.where(received, RECEIVE, np.where(sent, SEND, INTERNAL))
    mixed: Array = (of.kind != right) & (of.kind != UNKNOWN_KIND)
    is_die = np.array([author.process == "die" for author in case.trace.process_info], bool)
    return mixed | (received & sent & is_die[case.process])


def _deeds(case: Context, row: int) -> str:
    of, names = case.columns, case.trace.names
    by = f", received from {names[int(of.sender[row])]}" if of.sender[row] != NOBODY else ""
    to = [names[place] for place in case.trace.targets_of(row)]
    return f"{_kind(case, row)}{by}" + (f", sent to {' and '.join(to)}" if to else "")


def _kind(case: Context, row: int) -> str:
    return ("an internal event", "a send", "a receive", "an event")[int(case.columns.kind[row])]


def _idle(case: Context) -> Array:
    """Whether a message waited at an event that took none."""
    queue = case.columns.queue
    if queue is None:
        return np.zeros(len(case), bool)
    none_taken = ~case.may_receive & (case.messages.source == -1) & (queue != MISSING)
    if case.trace.arrivals is None:
        return none_taken & (queue > 0)
    local, summed = _lengths(case)
    return none_taken & (np.minimum(local, summed) > 0)


def receives_several(case: Context) -> Array:
    """Return rows that took more messages than one, as their inbox tells, or the one before."""
    if not _has_arrivals(case) or case.columns.queue is None:
        return NO_ROWS
    rows: Array = np.unique(_skips(case).gone)
    return rows


class Skips(NamedTuple):
    """Rows that took a message in front of which others were not taken, once for each of these.

    gone: the inbox fell short by them, so they were taken too. waiting: it did
    not, so they wait still. holed: of processes whose log has holes.
    """

    gone: Array
    waiting: Array
    holed: Array


def _skips(case: Context) -> Skips:
    if case.trace.arrivals is None:
        return Skips(NO_ROWS, NO_ROWS, NO_ROWS)
    of = _followed(case)
    holed = case.has_gaps[case.process[of.skipping]]
    rows = of.skipping[~holed]
    is_short = _lengths(case)[0] > case.columns.queue
    before = of.rows[np.maximum(np.searchsorted(of.rows, rows) - 1, 0)]
    gone = is_short[rows] | (is_short[before] & (case.process[before] == case.process[rows]))
    return Skips(rows[gone], rows[~gone], of.skipping[holed])


# The length of the inbox.


def _lengths(case: Context) -> tuple[Array, Array]:
    """Return the length that each event should leave, by the one before and by all before."""
    lengths: tuple[Array, Array] = case.cached("lengths", _add_up)
    return lengths


def _add_up(case: Context) -> tuple[Array, Array]:
    held, queue = case.trace.arrivals, case.columns.queue
    assert held is not None
    change = np.diff(held.starts) - _uncounted(case)
    of = _followed(case)
    known = (of.places >= 0) | case.has_gaps[case.process[of.rows]]  # else from nowhere
    change[of.rows[known]] -= 1
    local = case.before(queue, 0) + change
    total = np.cumsum(change)
    begins = np.flatnonzero(case.is_first | case.after_gap)
    base = np.where(
        case.after_gap[begins], queue[begins] - total[begins], change[begins] - total[begins]
    )
    segment = np.searchsorted(begins, np.arange(len(case)), side="right") - 1
    return local, total + base[segment]


def _uncounted(case: Context) -> Array:
    """Return of each event how many messages it found once more and did not put into its inbox."""
    held, queue = case.trace.arrivals, case.columns.queue
    assert held is not None
    again = np.bincount(case.arrival_rows[_followed(case).again], minlength=len(case))
    counted = case.before(queue, 0) + np.diff(held.starts) - case.is_receive
    return np.where(counted - queue == again, again, 0)


def _queue(case: Context) -> Findings:
    """The length of an inbox is what it was, plus what arrived, less what was taken."""
    queue = case.columns.queue
    exact = case.trace.arrivals is not None
    judged = case.has_before | case.is_first
    judged &= ~case.after_gap & (queue != MISSING)
    taken = case.may_receive.astype(np.int64)
    expected = case.before(queue, 0) - taken
    if exact:
        expected, summed = _lengths(case)
        wrong = judged & (queue != expected) & (queue != summed) & ~_explained(case, expected)
    else:
        before = case.before(queue, MISSING)
        wrong = judged & (before != MISSING) & (queue < expected)
    rows = np.flatnonzero(wrong)
    least = "" if exact else "at least "

    def tell(number: int) -> Explanation:
        row = int(rows[number])
        own = (row - 1,) if not case.is_first[row] else ()
        return Explanation(f"queue {least}{expected[row]}", f"queue {queue[row]}", (*own, row))

    return findings(rows, tell, case.after_gap, "what arrived before is missing")


def _explained(case: Context, expected: Array) -> Array:
    """Whether a length is too small by the messages that were taken with it: told elsewhere."""
    of = _followed(case)
    many = np.bincount(of.skipping, minlength=len(case))
    short = expected - case.columns.queue
    explained = (short > 0) & (short == many)
    after = np.zeros(len(case), np.int64)  # those passed over by the next receive
    after[of.rows[:-1]] = many[of.rows[1:]]
    return explained | ((short > 0) & (short == after))


def _has_queue(case: Context) -> bool:
    return case.columns.queue is not None and bool((case.columns.queue != MISSING).any())


def _has_arrivals(case: Context) -> bool:
    return case.trace.arrivals is not None


def _has_ticks(case: Context) -> bool:
    return case.columns.tick is not None or _has_queue(case)


QUEUE = Rule("queue", "queue lengths are consistent with arrivals and removals", _has_queue, _queue)
INBOX_ORDER = Rule(
    "inbox-order",
    "messages are taken from the inbox in the order in which they were found",
    _has_arrivals,
    _inbox_order,
)
ONE_OPERATION = Rule(
    "one-operation",
    "a tick is one operation, and takes exactly one message if any waits",
    _has_ticks,
    _one_operation,
)
