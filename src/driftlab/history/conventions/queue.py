"""When a log counts its queue: after a message is taken from it, as we do, or before.

Both ways agree on most lines. A receive that leaves nothing shows 0 if it counts
after the take, and at least 1 if it counts before. So what tells them apart is a
length above 0 at a receive and 0 at the next event, which took nothing: no machine
that counts after the take writes that, whatever else it does wrong, as long as it
takes nothing at an event that is no receive.

If so few lines show it that one of them may be damaged, and they disagree, it is
undecided at those that fit only the other way.

Limit: a log with lengths of receives alone cannot show this. If every receive shows
at least 1, and some are followed by an event that took nothing although 1 was left,
either the message taken is counted, or a message was left waiting. Which of the two
is undecided.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from driftlab.arrays import BoolArray, IntArray
from driftlab.errors import counted
from driftlab.history.missing_fields import is_receive, may_be_receive
from driftlab.history.trace import Trace
from driftlab.lazy import np
from driftlab.model.columns import MISSING

QUEUE_BEFORE_TAKE: Final = "queue-before-take"
EXCEPTIONS_SHARE: Final = 10  # a convention is taken if this many lines speak for it to one against
OUTWEIGH_ONE_MIN: Final = 3  # so many outweigh the only one against: it may be damaged


def outweigh(speak_for: int, against: int) -> bool:
    """Whether the lines that speak for a convention outweigh those against it."""
    is_single = against == 1 and speak_for >= OUTWEIGH_ONE_MIN
    return speak_for >= EXCEPTIONS_SHARE * against or is_single


def is_far_less(misfits: int, others: int) -> bool:
    """Whether so much fewer lines do not fit one way that the log does not follow the other.

    For logs with several damaged lines, where something else speaks for the one way too.
    """
    return others >= 2 * misfits and others - misfits >= OUTWEIGH_ONE_MIN


class _Fits(NamedTuple):
    """Which lines fit the two ways of counting; masks over all rows.

    receives: events that received, with a length. before, after: lines that fit only
    counting before the take, and only after it. misfits_before: that do not fit counting
    before. proofs: that no machine writes that counts after the take.
    """

    receives: BoolArray
    before: BoolArray
    after: BoolArray
    misfits_before: BoolArray
    proofs: BoolArray


def recognize_queue(trace: Trace) -> Trace:
    """Return the trace with lengths that are counted after the take, if the log shows how."""
    queue = trace.columns.queue
    if queue is None or trace.arrivals is not None:
        return trace
    receive = is_receive(trace)
    if not receive.any() or _is_only_after(queue, receive):
        return trace
    fits = _fits(trace, queue, receive)
    before, after = int(fits.before.sum()), int(fits.after.sum())
    receives = int(fits.receives.sum())
    if not receives:
        return trace
    if not before:
        if after or (fits.receives & fits.misfits_before).any():
            return trace
        fit = "fits" if receives == 1 else "fit"
        both = (
            f"queue lengths may count the message that is taken or not: {_all_of(receives)} {fit}"
        )
        return _with_line(trace, f"{both} both ways")
    unsure = np.flatnonzero(fits.before) - 1
    may_count = "queue lengths may count the message that is taken (queue-before-take), or"
    says_nothing = bool((queue[fits.before] == MISSING).all())  # of what is left at other events
    may_be_damaged = after > 0 and max(before, after) < OUTWEIGH_ONE_MIN
    if may_be_damaged and (fits.proofs.any() or (says_nothing and after == 1)):
        lines = counted(before, "line is", "lines are")
        return _with_line(trace, f"{may_count} {lines} wrong: undecided").replace(
            unsure_queue=unsure
        )
    if not outweigh(before, after):
        return _mixed(trace, fits)
    if not fits.proofs.any():
        waited = f"{counted(len(unsure), 'message')} waited at an event that took none"
        return _with_line(trace, f"{may_count} {waited}: undecided").replace(unsure_queue=unsure)
    fitting = receives - int((fits.receives & fits.misfits_before).sum())
    reason = f"as {fitting} of {counted(receives, 'receive')} {'show' if receives > 1 else 'shows'}"
    return _without_taken(trace, queue, reason)


def assume_queue(trace: Trace, _: Sequence[str]) -> Trace:
    """Return the trace with lengths that do not count the message taken any more."""
    queue = trace.columns.queue
    if queue is None or trace.arrivals is not None:
        return trace
    return _without_taken(trace, queue, f"--assume {QUEUE_BEFORE_TAKE}")


def _without_taken(trace: Trace, queue: IntArray, reason: str) -> Trace:
    receive = is_receive(trace)
    left = queue - (receive & (queue > 0))
    line = f"queue lengths count the message that is taken ({reason}); it is subtracted"
    return _with_line(trace, line).replace(
        columns=trace.columns._replace(queue=left),
        unsure_queue=np.flatnonzero(receive & (queue == 0)),  # what was taken is not counted
    )


def _is_only_after(queue: IntArray, receive: BoolArray) -> bool:
    """Whether a length can only be counted after the take, by a first and quick look.

    Only an event without a receive after a length above 0 can speak for the other way.
    """
    idle = ~receive[1:] & (queue[:-1] > 0)
    return not idle.any() and bool((receive & (queue == 0)).any())


def _fits(trace: Trace, queue: IntArray, receive: BoolArray) -> _Fits:
    """Hold every length, and the one before it, against both ways of counting.

    Only lines are compared that say whether they received.
    """
    none = ~may_be_receive(trace)
    counted_here = (queue != MISSING) & (receive | none)
    known = np.zeros(len(queue), bool)  # the event before and its length
    known[1:] = counted_here[:-1]
    known[trace.starts[:-1][trace.starts[:-1] < len(queue)]] = False
    known[trace.gaps] = False
    earlier = np.concatenate([queue[:1], queue[:-1]])
    took = np.concatenate([receive[:1], receive[:-1]])
    pair = known & counted_here
    idle = known & none
    not_after = (pair & (queue < earlier - receive)) | (idle & (earlier > 0))
    not_before = (pair & (queue < earlier - took)) | (idle & (earlier > took))
    not_before |= receive & counted_here & (queue < 1)
    return _Fits(
        receive & counted_here,
        not_after & ~not_before,
        not_before & ~not_after,
        not_before,
        pair & none & took & (queue < earlier) & ~not_before,
    )


def _mixed(trace: Trace, fits: _Fits) -> Trace:
    """Return the trace; if its processes count in different ways, with a line that says so."""
    process = trace.process_column()
    before, after, proofs = (
        np.bincount(process[mask], minlength=trace.processes)
        for mask in (fits.before, fits.after, fits.proofs)
    )
    count_before = (proofs > 0) & (before >= EXCEPTIONS_SHARE * after)
    count_after = (after > 0) & (after >= EXCEPTIONS_SHARE * before)
    if not (count_before.any() and count_after.any()):
        return trace
    one, other = (
        ", ".join(trace.names[place] for place in np.flatnonzero(mask).tolist())
        for mask in (count_before, count_after)
    )
    return _with_line(
        trace,
        f"queue lengths of {one} seem to count the message that is taken, those of {other} do "
        "not: taken as counted after the take",
    )


def _all_of(receives: int) -> str:
    return "the only receive" if receives == 1 else f"all {receives} receives"


def _with_line(trace: Trace, line: str) -> Trace:
    return trace.replace(assumed=[*trace.assumed, line])
