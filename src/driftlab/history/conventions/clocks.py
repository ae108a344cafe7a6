"""When a log writes its Lamport clocks: after their increment, as we do, or before.

Before the increment, every line shows one less than the clock of its event; before
the event, every line shows the clock of the event before. In both the messages show
it: they carry one more than the line of their send. A machine that stamps its
messages with the clock from before the increment does the opposite (they carry one
less), or, if it also writes its lines then, the same as the line: neither is taken
for a convention. Nor is `max(C + 1, stamp)` at a receive, whose messages carry the
clocks of their sends. So at least one message must carry what no send of its sender
has, and one more than a send has, or an event must have the clock 0, from before the
first increment; then all messages, and how clocks move at receives, must agree.

Without messages that say what they carried, only clocks from before the event show
themselves: see `unstamped`.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from driftlab.arrays import BoolArray, IntArray
from driftlab.errors import counted
from driftlab.history.conventions.queue import (
    EXCEPTIONS_SHARE,
    OUTWEIGH_ONE_MIN,
    is_far_less,
    outweigh,
)
from driftlab.history.conventions.unstamped import shows_clock_of_event_before
from driftlab.history.conventions.vectors import recognized_own_events, with_own_events
from driftlab.history.matching.send_index import SendIndex
from driftlab.history.missing_fields import may_be_receive
from driftlab.history.trace import Trace, WrittenClocks, processes_of
from driftlab.lazy import np
from driftlab.model.columns import MISSING, RECEIVE, UNKNOWN_KIND

CLOCK_BEFORE_INCREMENT: Final = "clock-before-increment"
CLOCK_BEFORE_EVENT: Final = "clock-before-event"
_CLOCK_MAX: Final = 2**63 - 1
_WORDS: Final = {
    CLOCK_BEFORE_INCREMENT: "clocks are written before their increment",
    CLOCK_BEFORE_EVENT: "clocks are written before their event",
}


class _Steps(NamedTuple):
    """How many receives show by the clocks around them how clocks are written.

    increment, event: that fit lines before the increment, or before the event, and not
    lines after the increment; not_increment, not_event: the other way round.
    increment_misfits, event_misfits: that do not fit those conventions.
    """

    increment: int
    not_increment: int
    event: int
    not_event: int
    increment_misfits: int
    event_misfits: int

    def misfits(self, name: str) -> int:
        """Return how many receives do not fit a convention."""
        return self.increment_misfits if name == CLOCK_BEFORE_INCREMENT else self.event_misfits

    def convention(self) -> str | None:
        """Return the convention that the steps agree with, None if they agree with ours alone.

        Where they agree with both, these read the same clocks but for the last lines.
        """
        may_be_event = self.event > 0 and outweigh(self.event, self.not_event)
        if outweigh(self.increment, self.not_increment) and not (
            may_be_event and self.event_misfits < self.increment_misfits
        ):
            return CLOCK_BEFORE_INCREMENT
        return CLOCK_BEFORE_EVENT if may_be_event else None


def recognize_clocks(trace: Trace) -> Trace:
    """Return the trace with clocks as they are after their increment, if the log shows how."""
    trace = trace.replace(written=WrittenClocks(trace.columns.clock, trace.timestamps))
    found = recognized_own_events(trace)
    if found is not None and found.reason:
        trace = _with_vectors_said(found.trace, found.reason)
    elif found is not None:
        line = (
            "own entries of vector clocks may be written before their increment "
            f"({CLOCK_BEFORE_INCREMENT}), or after: undecided"
        )
        trace = found.trace.replace(assumed=[*found.trace.assumed, line])
    return _recognize_lamport(trace)


def _recognize_lamport(trace: Trace) -> Trace:
    of = trace.columns
    if of.clock is None:
        return trace
    if of.stamp is None or (of.stamp == MISSING).all():
        later = trace.replace(columns=of._replace(clock=clocks_of_next(trace, of.clock)))
        reason = shows_clock_of_event_before(trace, later)
        return _translated(trace, of.clock, CLOCK_BEFORE_EVENT, reason) if reason else trace
    if of.sender is None:
        return trace
    receives: IntArray = np.flatnonzero((of.sender >= 0) & (of.stamp != MISSING))
    if not len(receives):
        return trace
    steps = _steps(trace, of.clock, of.stamp, receives)
    name = steps.convention()
    if name is None or steps.misfits(name) * EXCEPTIONS_SHARE > len(receives):
        shown = _convention_of_messages(trace, of.clock, of.sender, of.stamp, receives)
        name = shown or name
    if name is None:
        return trace
    is_shown = steps.increment + steps.event > 0
    misfits = steps.misfits(name)
    has_0 = bool((of.clock == 0).any())
    messages = _messagesone_more(
        trace, of.sender, of.stamp, receives, is_shown=is_shown, has_0=has_0,
        steps_agree=is_shown and misfits * EXCEPTIONS_SHARE <= len(receives),
    )  # fmt: skip
    if not messages:
        may_be = has_0 or not _begins_at_1(trace, of.clock)
        is_open = may_be and _sends_are_absent(trace, of.sender, of.stamp, receives)
        return _left_open(trace, name) if is_open else trace
    reason = f"as {messages} of {counted(len(receives), 'message')} " + (
        "show" if len(receives) > 1 else "shows"
    )
    return _translated(trace, of.clock, name, reason)


def _convention_of_messages(
    trace: Trace, clock: IntArray, sender: IntArray, stamp: IntArray, receives: IntArray
) -> str | None:
    """Return the convention of a log whose receives follow none; None if messages show none.

    A program that errs at its receives may write its clocks early all the same. Then a
    clock is 0, all messages carry one more than the lines of their sends, and few receives
    go on from their message by our way.
    """
    now, carried, later = clock[receives], stamp[receives], next_in_process(trace, clock)[receives]
    before = np.concatenate([clock[:1], clock[:-1]])[receives]
    tells = carried > before  # else the clock moves by one either way
    if not (clock == 0).any() or EXCEPTIONS_SHARE * (now == carried + 1)[tells].sum() > tells.sum():
        return None
    sends, to = SendIndex(trace), processes_of(trace, receives).astype(np.int32)
    if not all(sends.find(sender[receives], carried - 1, to) >= 0):
        return None
    if len(receives) < OUTWEIGH_ONE_MIN or (sends.find(sender[receives], carried, to) >= 0).all():
        return None
    if (now + 1 >= carried).all():
        return CLOCK_BEFORE_INCREMENT
    fits_event = (later == MISSING) | (later >= np.maximum(now, carried))
    return CLOCK_BEFORE_EVENT if fits_event.all() else None


def _sends_are_absent(trace: Trace, sender: IntArray, stamp: IntArray, receives: IntArray) -> bool:
    """Whether no send of a logged process shows what clocks its messages carry."""
    is_logged = np.diff(trace.starts)[sender[receives]] > 0
    logged = receives[is_logged]
    sends, to = SendIndex(trace), processes_of(trace, logged).astype(np.int32)
    found = [sends.find(sender[logged], stamp[logged] + shift, to) >= 0 for shift in (0, -1, 1)]
    return not is_logged.all() and not np.any(found)


def _begins_at_1(trace: Trace, clock: IntArray) -> bool:
    """Whether a process begins with the clock 1 where it received nothing: after its event."""
    firsts = trace.starts[:-1][np.diff(trace.starts) > 0]
    firsts = firsts[~may_have_received(trace)[firsts]]
    return bool((clock[firsts] == 1).any())


def _left_open(trace: Trace, name: str) -> Trace:
    line = (
        f"{_WORDS[name].replace('are', 'may be', 1)} ({name}): those who sent the messages that "
        "would show it have no log: undecided"
    )
    return trace.replace(assumed=[*trace.assumed, line], is_clock_unsure=True)


def assume_clocks(trace: Trace, names: Sequence[str]) -> Trace:
    """Return the trace with clocks as they are after their increment, by a named convention."""
    reason = f"--assume {names[0]}"
    vectors = with_own_events(trace) if names[0] == CLOCK_BEFORE_INCREMENT else None
    if vectors is not None:
        trace = _with_vectors_said(vectors, reason)
    if trace.columns.clock is None:
        return trace
    return _translated(trace, trace.columns.clock, names[0], reason)


def _with_vectors_said(trace: Trace, reason: str) -> Trace:
    line = f"vector clocks are written before their increment ({reason}); 1 is added to own entries"
    return trace.replace(assumed=[*trace.assumed, line])


def _translated(trace: Trace, clock: IntArray, name: str, reason: str) -> Trace:
    if name == CLOCK_BEFORE_EVENT:
        after, shown = clocks_of_next(trace, clock), "that of the next line is taken"
    else:
        after, shown = one_more(clock), "1 is added"
    line = f"{_WORDS[name]} ({reason}); {shown}"
    return trace.replace(
        columns=trace.columns._replace(clock=after), assumed=[*trace.assumed, line]
    )


def one_more(clock: IntArray) -> IntArray:
    """Return clocks one more, where there are any."""
    more: IntArray = np.where((clock == MISSING) | (clock == _CLOCK_MAX), clock, clock + 1)
    return more


def next_in_process(trace: Trace, clock: IntArray) -> IntArray:
    """Return the clock of the event after each one, MISSING where it is not known."""
    after = np.full_like(clock, MISSING)
    after[:-1] = clock[1:]
    lasts = np.concatenate([trace.starts[1:], trace.gaps]) - 1
    after[lasts[lasts >= 0]] = MISSING
    return after


def clocks_of_next(trace: Trace, clock: IntArray) -> IntArray:
    """Return the clock that the next line shows; without one a receive has none."""
    after, of = next_in_process(trace, clock), trace.columns
    last = (after == MISSING) & (clock != MISSING) & ~may_be_receive(trace)
    if of.received is not None:  # whether it is the name of a message received is not said
        last &= (of.kind != UNKNOWN_KIND) | (of.received == MISSING)
    return np.where(last, one_more(clock), after)


def _steps(trace: Trace, clock: IntArray, stamp: IntArray, receives: IntArray) -> _Steps:
    """Count the receives whose clock, or the next one, shows when clocks are written."""
    before = np.concatenate([clock[:1], clock[:-1]])
    before[trace.starts[:-1][trace.starts[:-1] < len(clock)]] = MISSING
    before[trace.gaps] = MISSING
    now, carried, earlier = clock[receives], stamp[receives], before[receives]
    later = next_in_process(trace, clock)[receives]
    known: BoolArray = now != MISSING
    begins = earlier == MISSING  # and may have had any clock before
    ends = later == MISSING  # what the receive did to the clock is not written
    after = np.where(begins, now > carried, now == np.maximum(earlier, carried) + 1) & known
    increment = np.where(begins, now >= carried, now == np.maximum(earlier + 1, carried)) & known
    # Before the event a line shows what the event before left: one more, if that was no receive.
    was_step = np.zeros(len(clock), bool)
    was_step[1:] = ~may_have_received(trace)[:-1]
    is_own = begins | ~was_step[receives] | (now == earlier + 1)
    event = known & is_own & (ends | (later == np.maximum(now, carried) + 1))
    masks = (
        increment & ~after,
        after & ~increment,
        event & ~after,
        after & ~event,
        known & ~increment,
        known & ~event,
    )
    return _Steps(*(int(mask.sum()) for mask in masks))


def may_have_received(trace: Trace) -> BoolArray:
    """Whether an event received a message, as the log says, or does not say what it is."""
    of = trace.columns
    mask: BoolArray = (of.kind == RECEIVE) | (of.kind == UNKNOWN_KIND)
    return mask if of.sender is None else mask | (of.sender >= 0)


def _messagesone_more(
    trace: Trace,
    sender: IntArray,
    stamp: IntArray,
    receives: IntArray,
    *,
    is_shown: bool,
    has_0: bool,
    steps_agree: bool,
) -> int:
    """Return how many messages carry one more than their send shows; 0 if they do not show it.

    is_shown: whether the steps speak for it too. has_0: whether any event has the clock 0.
    steps_agree: whether nearly all steps fit it; then the messages need not be as many.
    """
    sends, to = SendIndex(trace), processes_of(trace, receives).astype(np.int32)
    by, carried = sender[receives], stamp[receives]
    same, one_more, one_less = (sends.find(by, carried + shift, to) >= 0 for shift in (0, -1, 1))
    proofs, against = int((one_more & ~same).sum()), int((same & ~one_more).sum())
    fitting, opposite = int(one_more.sum()), int(one_less.sum())
    is_more = outweigh(proofs, against) or (steps_agree and is_far_less(against, proofs))
    if not (proofs or has_0) or not is_more:
        return 0
    return fitting if fitting > opposite or (fitting == opposite and (is_shown or has_0)) else 0
