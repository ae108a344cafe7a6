"""A machine's inbox: one operation a tick, messages taken in FIFO order, consistent lengths.

Rules: `inbox-order` needs what each tick found (our journals); `queue` needs
queue lengths; `one-operation` needs ticks or queue lengths.

At every tick a machine takes in what its sockets hold, in order, then takes one
message off the front if there is any, and records the length that is left.
Where the log says what each tick found, every message is followed. Limit: where
it does not, a length can only be seen to fall too fast, and a message is known to
have waited only if the event before left it. One that is counted after an event
that took none may have come in between. If no event of the log leaves a message that
waited, all such are taken to have, which is said (`assumed_of_queues`); else whether
they waited is undecided.
"""

from typing import NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.errors import counted
from driftlab.history.matching.messages import (
    NOTHING,
    UNMATCHED,
    arrival_names,
    arrivals_taken,
    occurrences,
)
from driftlab.history.tick_repair import repaired_ticks
from driftlab.judge.context import (
    NO_ROWS,
    Context,
    Explanation,
    Findings,
    Rule,
    count_of,
    findings,
    findings_by_kind,
    received_keys,
    required,
)
from driftlab.model.columns import (
    INTERNAL,
    MISSING,
    NO_TARGET,
    NOBODY,
    RECEIVE,
    SEND,
    UNKNOWN_KIND,
    Arrivals,
)

_KIND_NAMES = ("an internal event", "a send", "a receive", "an event")

# Every message followed through its inbox.


class Inboxes(NamedTuple):
    """What became of every arrival, in all inboxes. Arrivals are numbered as in the trace.

    receives i8: rows, and taken i8: of each the number of the arrival it took, -1
    if its message had not been found by then.
    front i8: the greatest number taken in the process up to each receive.
    skipped_by i8: of every arrival that was never taken though a later one was,
    the row that took the later one; rising.
    repeats i8: numbers of arrivals that had come before, or that nobody sent, and
    that were not taken.
    """

    receives: IntArray
    taken: IntArray
    front: IntArray
    skipped_by: IntArray
    repeats: IntArray


def _inboxes(context: Context) -> Inboxes:
    inboxes: Inboxes = context.cached("inboxes", _follow_inboxes)
    return inboxes


def _follow_inboxes(context: Context) -> Inboxes:
    """Follow every message through its inbox."""
    receives, taken = arrivals_taken(context.trace)
    found_at = context.arrival_rows
    process = context.process[receives]
    first = np.searchsorted(found_at, context.trace.starts[process])
    # Arrivals of a later process have greater numbers, so one running maximum serves all.
    reached = np.where(taken >= 0, taken, first - 1)
    front = np.maximum.accumulate(reached) if len(reached) else reached
    is_taken = np.zeros(len(found_at), bool)
    is_taken[taken[taken >= 0]] = True
    last = np.full(context.trace.processes, -1, np.int64)
    np.maximum.at(last, process, front)
    passed = np.arange(len(found_at)) < last[context.process[found_at]]
    again = occurrences(arrival_names(context.trace)) > 0
    repeats = np.flatnonzero(~is_taken & (again | (context.arrival_sources == UNMATCHED)))
    skipped = np.setdiff1d(np.flatnonzero(~is_taken & passed), repeats)
    skipped_by = NO_ROWS
    if len(skipped):
        skipped_by = receives[np.searchsorted(front, skipped, side="right")]
    return Inboxes(receives, taken, front, skipped_by, repeats)


class Skips(NamedTuple):
    """Rows that took a message in front of which others were not taken, once for each of these.

    taken_too: the inbox is shorter by them, so they were taken at once.
    still_waiting: it is not, so they wait still. undecided: of processes whose
    log has gaps.
    """

    taken_too: IntArray
    still_waiting: IntArray
    undecided: IntArray


def _skips(context: Context) -> Skips:
    queue = context.columns.queue
    if context.trace.arrivals is None or queue is None:
        return Skips(NO_ROWS, NO_ROWS, NO_ROWS)
    inboxes = _inboxes(context)
    has_gaps = context.has_gaps[context.process[inboxes.skipped_by]]
    rows = inboxes.skipped_by[~has_gaps]
    is_short = _expected_lengths(context).by_event > queue
    place = np.searchsorted(inboxes.receives, rows)
    before = inboxes.receives[np.maximum(place - 1, 0)]
    same_process = context.process[before] == context.process[rows]
    taken_too = is_short[rows] | (is_short[before] & same_process)
    return Skips(rows[taken_too], rows[~taken_too], inboxes.skipped_by[has_gaps])


def receives_several(context: Context) -> IntArray:
    """Return the rows that took more messages than one, or whose process did just before."""
    return np.unique(_skips(context).taken_too)


# inbox-order.


def _judge_inbox_order(context: Context) -> Findings:
    """Judge that messages are taken in the order in which they were found."""
    inboxes = _inboxes(context)
    receives, taken, front = inboxes.receives, inboxes.taken, inboxes.front
    has_gaps = context.has_gaps[context.process[receives]]
    front_before = np.concatenate([[-1], front[:-1]]) if len(front) else front
    late = np.flatnonzero((taken >= 0) & (taken < front_before))
    unfound: BoolArray = (taken < 0) & (context.messages.source[receives] >= 0)
    unfound &= ~np.isin(receives, _received_again(context))
    lacking = receives[unfound & ~has_gaps]
    passing = np.setdiff1d(_skips(context).still_waiting, np.concatenate([receives[late], lacking]))

    def proof(row: int) -> tuple[int, ...]:
        source = int(context.messages.source[row])
        return (source, row) if source >= 0 else (row,)

    def explain_late(row: int, number: int) -> Explanation:
        held, other = _arrivals(context), int(front_before[late[number]])
        sender = context.trace.names[int(held.sender[other])]
        message = f"the message from {sender} with clock {held.stamp[other]}"
        return Explanation(
            f"taken before {message}, which was found later", "taken after it", proof(row)
        )

    def explain_unfound(row: int, _: int) -> Explanation:
        expected = "a message that was found at this tick or before"
        return Explanation(expected, "its message was not found by then", proof(row))

    def explain_passing(row: int, _: int) -> Explanation:
        expected = "the message at the front of the inbox"
        return Explanation(expected, "a message behind one that still waits", proof(row))

    return findings_by_kind(
        (receives[late], explain_late),
        (lacking, explain_unfound),
        (passing, explain_passing),
        unknown=receives[unfound & has_gaps],
        reason="the message may have been found where the log has a gap",
    )


def _arrivals(context: Context) -> Arrivals:
    held = context.trace.arrivals
    assert held is not None
    return held


def _received_again(context: Context) -> IntArray:
    """Return rows that receive what was received before, which `delivered-twice` reports."""
    rows, keys = received_keys(context)
    return rows[occurrences(keys) > 0]


# one-operation.

_TAKEN_IN_GAP = "the messages in front may have been taken where the log has a gap"
_MAY_HAVE_WAITED = "took no message; one may have waited, or have come before the queue was counted"


def _judge_one_operation(context: Context) -> Findings:
    """Judge that a tick is one operation: it takes the message that waits, and only one."""
    tick = context.columns.tick
    again = np.zeros(len(context), bool)
    if tick is not None:
        ticks = repaired_ticks(context.trace)
        again = ~context.is_first & (ticks == context.before(ticks, -1)) & (tick != MISSING)
    mixed = mixes_operations(context) & ~again
    idle = _is_idle(context) & ~again & ~mixed
    skips = _skips(context)
    taking_several, skipped = np.unique(skips.taken_too, return_counts=True)

    def explain_again(row: int, _: int) -> Explanation:
        found = f"a second event in tick {required(tick)[row]}"
        return Explanation("one event a tick", found, (row - 1, row))

    def explain_idle(row: int, _: int) -> Explanation:
        return Explanation(
            "a receive, because a message was waiting",
            f"{_kind_name(context, row)}, no message taken",
            context.step_proof(row),
        )

    def explain_several(row: int, number: int) -> Explanation:
        count = int(skipped[number])
        return Explanation(
            "one message taken, the one at the front",
            f"{count} {'message' if count == 1 else 'messages'} in front of it taken too, "
            "or passed over",
            (row,),
        )

    def explain_mixed(row: int, _: int) -> Explanation:
        return Explanation(
            "one operation, under the name of its kind", _operations(context, row), (row,)
        )

    unknown, reason = skips.undecided, _TAKEN_IN_GAP
    if context.trace.arrivals is None:
        may_be = _may_be_idle(context) & ~again & ~mixed
        if not idle.any():
            may_be &= ~_came_meanwhile(context)
        unknown, reason = np.flatnonzero(may_be), _MAY_HAVE_WAITED
    return findings_by_kind(
        (np.flatnonzero(again), explain_again),
        (np.flatnonzero(idle), explain_idle),
        (taking_several, explain_several),
        (np.flatnonzero(mixed), explain_mixed),
        unknown=unknown,
        reason=reason,
    )


def mixes_operations(context: Context) -> BoolArray:
    """Whether a journal calls an event what it is not, or a tick of the die did two things.

    Internal, though a message was received; a receive that also sent.
    """
    mixed: BoolArray = context.cached("mixed operations", _find_mixed_operations)
    return mixed


def _find_mixed_operations(context: Context) -> BoolArray:
    of, described = context.columns, context.trace.process_info
    if of.target is None or of.sender is None or not len(described):
        return np.zeros(len(context), bool)
    received, sent = of.sender != NOBODY, of.target != NO_TARGET
    internal, send, receive = np.array([INTERNAL, SEND, RECEIVE], of.kind.dtype)
    right = np.where(received, receive, np.where(sent, send, internal))
    mixed: BoolArray = (of.kind != right) & (of.kind != UNKNOWN_KIND)
    both = np.flatnonzero(received & sent)
    if len(both):
        is_die = np.array([description.process == "die" for description in described], bool)
        mixed[both] |= is_die[context.process[both]]
    return mixed


def _operations(context: Context, row: int) -> str:
    """Return what an event did, in words."""
    sender = int(required(context.columns.sender)[row])
    words = [_kind_name(context, row)]
    words += [f"received from {context.trace.names[sender]}"] if sender != NOBODY else []
    words += [f"sent to {context.target_names(row)}"] if context.trace.targets_of(row) else []
    return ", ".join(words)


def _kind_name(context: Context, row: int) -> str:
    return _KIND_NAMES[int(context.columns.kind[row])]


def _is_idle(context: Context) -> BoolArray:
    """Whether a message waited at an event that took none.

    If none is counted after such an event, that is left to `queue`.
    """
    queue = context.columns.queue
    if queue is None:
        return np.zeros(len(context), bool)
    idle = _takes_none(context)
    if context.trace.arrivals is None:
        left = _left_before(context)
        waits = (left > 0) & (queue != 0) & ~_is_left_unsure(context)
    else:
        lengths = _expected_lengths(context)
        waits = (queue != MISSING) & (np.minimum(lengths.by_event, lengths.by_sum) > 0)
    idle &= waits
    return idle


def _may_be_idle(context: Context) -> BoolArray:
    """Whether a message may have waited at an event that took none; of a log without arrivals.

    One is counted after it that the event before did not leave, or it is not known
    whether what that event counted was left.
    """
    queue = context.columns.queue
    if queue is None:
        return np.zeros(len(context), bool)
    left = _left_before(context)
    may_be: BoolArray = ((queue > 0) & (left <= 0)) | _is_left_unsure(context)
    return _takes_none(context) & may_be


def _came_meanwhile(context: Context) -> BoolArray:
    """Whether a message is counted after an event that took none, and none was left before."""
    queue = context.columns.queue
    if queue is None or context.trace.arrivals is not None:
        return np.zeros(len(context), bool)
    nothing_left = (_left_before(context) == 0) | (context.is_first & ~context.after_gap)
    came: BoolArray = _takes_none(context) & (queue > 0) & nothing_left & ~_is_left_unsure(context)
    return came


def assumed_of_queues(context: Context) -> list[str]:
    """Return what `one-operation` assumes of the lengths of queues, a line each."""
    came = _came_meanwhile(context)
    if not came.any() or _is_idle(context).any():
        return []
    lines = counted(count_of(came), "event that took none", "events that took none")
    return [
        f"what is counted after {lines} came after the look into the queue: no event of the log "
        "leaves a message that waited"
    ]


def _takes_none(context: Context) -> BoolArray:
    """Whether an event is known to have received nothing."""
    none: BoolArray = ~context.may_receive & (context.messages.source == NOTHING)
    return none


def _left_before(context: Context) -> IntArray:
    """Return the length that the event before each one left, MISSING where it is not known."""
    left = context.before(required(context.columns.queue), MISSING)
    left[context.after_gap] = MISSING
    return left


def _is_left_unsure(context: Context) -> BoolArray:
    """Whether the event before may have counted the message that it took."""
    unsure = np.zeros(len(context), bool)
    after = context.trace.unsure_queue + 1
    unsure[after[after < len(unsure)]] = True
    return unsure


def _counts_nothing(context: Context) -> BoolArray:
    """Whether a receive has the length 0 in a log that counts the message that is taken."""
    unsure, nothing = context.trace.unsure_queue, np.zeros(len(context), bool)
    nothing[unsure[required(context.columns.queue)[unsure] == 0]] = True
    return nothing


# queue: the length of the inbox.


class ExpectedLengths(NamedTuple):
    """The length i8 that each event should leave in its inbox.

    by_event: from the length that the event before recorded. by_sum: from the
    start of the log, or the last gap, and all arrivals and receives since.
    """

    by_event: IntArray
    by_sum: IntArray


def _expected_lengths(context: Context) -> ExpectedLengths:
    lengths: ExpectedLengths = context.cached("lengths", _add_up)
    return lengths


def _add_up(context: Context) -> ExpectedLengths:
    queue, inboxes = required(context.columns.queue), _inboxes(context)
    change = np.diff(_arrivals(context).starts) - _discarded_repeats(context)
    has_gaps = context.has_gaps[context.process[inboxes.receives]]
    change[inboxes.receives[(inboxes.taken >= 0) | has_gaps]] -= 1  # else it was never in
    total = np.cumsum(change)
    begins = np.flatnonzero(context.is_first | context.after_gap)
    base = np.where(context.after_gap[begins], queue[begins], change[begins]) - total[begins]
    segment = np.searchsorted(begins, np.arange(len(context)), side="right") - 1
    return ExpectedLengths(context.before(queue, 0) + change, total + base[segment])


def _discarded_repeats(context: Context) -> IntArray:
    """Return of each event how many messages it found once more and did not put into its inbox."""
    queue, held = required(context.columns.queue), _arrivals(context)
    repeats_at = context.arrival_rows[_inboxes(context).repeats]
    repeats = np.bincount(repeats_at, minlength=len(context))
    with_all = context.before(queue, 0) + np.diff(held.starts) - context.is_receive
    return np.where(with_all - queue == repeats, repeats, 0)


def _judge_queue(context: Context) -> Findings:
    """Judge that a length is what it was, plus what arrived, less what was taken."""
    queue = required(context.columns.queue)
    is_exact = context.trace.arrivals is not None
    judged: BoolArray = ~context.after_gap & (queue != MISSING)
    unknown, counts_nothing = context.after_gap, np.zeros(len(context), bool)
    if is_exact:
        expected, by_sum = _expected_lengths(context)
        wrong = judged & (queue != expected) & (queue != by_sum)
        wrong &= ~_is_short_by_skips(context, expected)
    else:
        before = context.before(queue, MISSING)
        expected = np.maximum(context.before(queue, 0) - context.may_receive, 0)
        wrong = judged & (before != MISSING) & (queue < expected)
        is_unsure = wrong & _is_left_unsure(context) & (queue == expected - 1)
        counts_nothing = _counts_nothing(context)
        unknown, wrong = unknown | is_unsure, (wrong & ~is_unsure) | counts_nothing
    rows = np.flatnonzero(wrong)
    least = "" if is_exact else "at least "

    def explain(number: int) -> Explanation:
        row = int(rows[number])
        if not is_exact and counts_nothing[row]:
            return Explanation("queue at least 1, with the message taken", "queue 0", (row,))
        return Explanation(
            f"queue {least}{expected[row]}", f"queue {queue[row]}", context.step_proof(row)
        )

    reason = "arrivals before this event are missing"
    if len(context.trace.unsure_queue):
        reason += ", or it is not known whether the length before counts the message taken"
    return findings(rows, explain, unknown, reason)


def _is_short_by_skips(context: Context, expected: IntArray) -> BoolArray:
    """Whether a length is short by messages taken at once, which `one-operation` reports."""
    inboxes = _inboxes(context)
    skipped = np.bincount(inboxes.skipped_by, minlength=len(context))
    short = expected - required(context.columns.queue)
    skipped_next = np.zeros(len(context), np.int64)  # by the next receive
    skipped_next[inboxes.receives[:-1]] = skipped[inboxes.receives[1:]]
    is_short: BoolArray = (short > 0) & ((short == skipped) | (short == skipped_next))
    return is_short


# How much there is to judge.


def _lengths(context: Context) -> int:
    """Return how many events say how long the inbox was, and it is known how long it was before."""
    queue = context.columns.queue
    if queue is None or not bool((queue != MISSING).any()):
        return 0
    judged = queue != MISSING
    if context.trace.arrivals is None:
        judged &= context.before(queue, MISSING) != MISSING
    return count_of(judged | context.after_gap | _counts_nothing(context))


def _messages_taken(context: Context) -> int:
    """Return how many messages were taken from inboxes of which it is known what they found."""
    return 0 if context.trace.arrivals is None else len(_inboxes(context).receives)


def _operations_done(context: Context) -> int:
    """Return how many events say in which tick they were, or took none where a length is known."""
    tick, queue = context.columns.tick, context.columns.queue
    asked = np.zeros(len(context), bool)
    if tick is not None:
        asked |= tick != MISSING
    if queue is not None:
        is_known = (queue != MISSING) | (_left_before(context) != MISSING)
        asked |= _takes_none(context) & (is_known | _is_left_unsure(context))
    return count_of(asked)


QUEUE = Rule(
    "queue", "queue lengths are consistent with arrivals and removals", _lengths, _judge_queue
)
INBOX_ORDER = Rule(
    "inbox-order",
    "messages are taken from the inbox in the order in which they were found",
    _messages_taken,
    _judge_inbox_order,
)
ONE_OPERATION = Rule(
    "one-operation",
    "a tick is one operation, and takes exactly one message if any waits",
    _operations_done,
    _judge_one_operation,
)
