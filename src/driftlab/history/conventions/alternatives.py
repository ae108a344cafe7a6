"""The alternative conventions by which a log may write its clocks.

A short log, or one that begins late, may not show when its clocks are written: after their
increment, before it, or before their event. Then what one way makes of it must not be
called wrong if another explains all of it (`judge.alternative_conventions`). A log that we wrote,
or whose convention is named, has no alternatives.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final, NamedTuple

from driftlab.arrays import IntArray
from driftlab.history.conventions.clocks import (
    CLOCK_BEFORE_EVENT,
    CLOCK_BEFORE_INCREMENT,
    clocks_of_next,
    may_have_received,
    next_in_process,
    one_more,
)
from driftlab.history.conventions.vectors import (
    entries_at,
    first_own_entries,
    own_entries_of,
    with_own_events,
    with_vectors_of_next,
)
from driftlab.history.missing_fields import first_own_rows
from driftlab.history.trace import Trace, WrittenClocks, processes_of
from driftlab.lazy import np
from driftlab.model.columns import MISSING, Timestamps

WRONG_MIN: Final = 3  # violations that outweigh first own entries of 1: lines may be missing
CLOCK_AFTER_INCREMENT: Final = "clock-after-increment"
_WAYS: Final = (CLOCK_BEFORE_EVENT, CLOCK_BEFORE_INCREMENT, CLOCK_AFTER_INCREMENT)


class Alternative(NamedTuple):
    """A log read by other conventions. lamport, vector: their names, "" without such clocks."""

    lamport: str
    vector: str
    trace: Trace


def alternatives(trace: Trace, *, may_err: bool = False, wrong: int = 0) -> Iterator[Alternative]:
    """Yield a log by all conventions of its clocks; those that both clocks share first.

    may_err: also by those that only a program can follow that errs. wrong: how many violations
    there are by our own. First own entries of 1 alone do not outweigh several.
    """
    written = trace.written
    if written is None:
        return
    held = written.timestamps
    of_clock: Sequence[str] = ("",)
    of_vector: Sequence[str] = ("",)
    if _begin_after_first_event(trace, written, wrong):
        return
    if written.clock is not None:
        of_clock = _WAYS if may_err else _ways_of_lamport(trace, written.clock)
    if held is not None and held.clock == "vector":
        of_vector = _WAYS if may_err else _ways_of_vectors(trace, held)
    pairs = sorted(product(of_clock, of_vector), key=lambda pair: "" not in pair and len(set(pair)))
    for lamport, vector in pairs:
        other = trace.replace(
            columns=trace.columns._replace(clock=written.clock), timestamps=held,
            is_own_entry_unsure=False, is_clock_unsure=False, written=None,
        )  # fmt: skip
        if written.clock is not None and lamport == CLOCK_BEFORE_INCREMENT:
            other = other.replace(columns=other.columns._replace(clock=one_more(written.clock)))
        elif written.clock is not None and lamport == CLOCK_BEFORE_EVENT:
            clock = clocks_of_next(other, written.clock)
            other = other.replace(columns=other.columns._replace(clock=clock))
        if vector == CLOCK_BEFORE_INCREMENT:
            other = with_own_events(other) or other
        elif vector == CLOCK_BEFORE_EVENT:
            other = with_vectors_of_next(other) or other
        yield Alternative(lamport, vector, other)


def _ways_of_lamport(trace: Trace, clock: IntArray) -> Sequence[str]:
    """Return the conventions that Lamport clocks may follow."""
    rows = np.flatnonzero(clock != MISSING)
    same = np.diff(processes_of(trace, rows)) == 0
    if (np.diff(clock[rows])[same] <= 0).any():
        return (CLOCK_AFTER_INCREMENT,)  # they rise by any convention
    return _WAYS if _begins_before_event(trace, clock) else _WAYS[1:]


def _begins_before_event(trace: Trace, clock: IntArray) -> bool:
    """Whether the first two lines of each process may be written before their events.

    Then the second shows what the first event, whose message may be known, made of its clock.
    """
    of, firsts = trace.columns, trace.starts[:-1][np.diff(trace.starts) > 0]
    following = next_in_process(trace, clock)[firsts]
    before, is_known = clock[firsts], ~may_have_received(trace)[firsts]
    if of.stamp is not None:
        has_stamp = of.stamp[firsts] != MISSING
        before = np.where(has_stamp, np.maximum(before, of.stamp[firsts]), before)
        is_known |= has_stamp
    is_known &= (clock[firsts] != MISSING) & (following != MISSING)
    return bool((following == before + 1)[is_known].all())


def _ways_of_vectors(trace: Trace, held: Timestamps) -> Sequence[str]:
    """Return the conventions that vector clocks may follow.

    By any of them own entries count one by one, and no entry goes back.
    """
    own = own_entries_of(trace, held)
    own[np.diff(held.starts) == 0] = MISSING
    following = next_in_process(trace, own)
    is_known = (following != MISSING) & (own != MISSING)
    row = np.repeat(np.arange(len(trace)), np.diff(held.starts))
    after = np.minimum(row + 1, len(trace) - 1)
    goes_back = is_known[row] & (entries_at(trace, held, after, held.entries) < held.values)
    may_be = (following == own + 1)[is_known].all() and not goes_back.any()
    return _WAYS if may_be else (CLOCK_AFTER_INCREMENT,)


def _begin_after_first_event(trace: Trace, written: WrittenClocks, wrong: int) -> bool:
    """Whether the first clocks, or own entries, of all processes are 1.

    Then the log begins with the first events, and has their clocks after them. Processes that
    may have received something before say nothing. It is not so if a clock is 0, or if the log
    shows that its Lamport clocks are written before their events.
    """
    clock, held = written.clock, written.timestamps
    now = trace.columns.clock
    if clock is not None and now is not None and len(now) == len(clock) and (now != clock).any():
        return False  # its clocks show that they are written early
    if clock is not None:
        begins = clock[first_own_rows(trace)]
        if (clock == 0).any() or (begins != 1).any():
            return False
        if len(begins):
            return True
    if held is None or held.clock != "vector" or wrong >= WRONG_MIN:
        return False
    begins = first_own_entries(trace, held)
    return len(begins) > 0 and bool((begins == 1).all())
