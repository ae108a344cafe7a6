"""The other ways in which a log may write its clocks than the one that it is read by.

A short log, or one that begins late, may not show when its clocks are written: after their
increment, before it, or before their event. Then what one way makes of it must not be
called wrong if another explains all of it (`judge.other_readings`). A log that we wrote,
or whose convention is named, has no other readings.
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
    first_own_entries,
    own_entries_of,
    with_own_events,
    with_vectors_of_next,
)
from driftlab.history.trace import Trace
from driftlab.lazy import np
from driftlab.model.columns import MISSING, Timestamps

CLOCK_AFTER_INCREMENT: Final = "clock-after-increment"
_WAYS: Final = (CLOCK_BEFORE_INCREMENT, CLOCK_BEFORE_EVENT, CLOCK_AFTER_INCREMENT)


class OtherReading(NamedTuple):
    """A log read by other conventions. lamport, vector: their names, "" without such clocks."""

    lamport: str
    vector: str
    trace: Trace


def other_readings(trace: Trace) -> Iterator[OtherReading]:
    """Yield a log by all conventions of its clocks; those that both clocks share first."""
    written = trace.written
    if written is None:
        return
    held = written.timestamps
    of_clock = ("",) if written.clock is None else _ways_of_lamport(trace, written.clock)
    of_vector: Sequence[str] = ("",)
    if held is not None and held.clock == "vector":
        of_vector = _ways_of_vectors(trace, held)
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
        yield OtherReading(lamport, vector, other)


def _ways(begins: IntArray, *, is_step_by_step: bool) -> Sequence[str]:
    """Return the conventions that clocks may follow.

    begins: the first clocks, or own entries, of processes that received nothing before. If all
    are 1, the log begins with the first events, and has their clocks after them.
    is_step_by_step: whether they rise from line to line as clocks do by any convention.
    """
    is_known = len(begins) > 0 and bool((begins == 1).all())
    return _WAYS if is_step_by_step and not is_known else (CLOCK_AFTER_INCREMENT,)


def _ways_of_lamport(trace: Trace, clock: IntArray) -> Sequence[str]:
    firsts = trace.starts[:-1][np.diff(trace.starts) > 0]
    is_own, following = ~may_have_received(trace), next_in_process(trace, clock)
    knows_next = (following != MISSING) & (clock != MISSING)
    rises = bool((following > clock)[knows_next].all())
    own_firsts = firsts[is_own[firsts]]
    begins_well = (following == clock + 1) | ~knows_next
    return _ways(clock[own_firsts], is_step_by_step=rises and bool(begins_well[own_firsts].all()))


def _ways_of_vectors(trace: Trace, held: Timestamps) -> Sequence[str]:
    own = own_entries_of(trace, held)
    own[np.diff(held.starts) == 0] = MISSING
    following = next_in_process(trace, own)
    knows_next = (following != MISSING) & (own != MISSING)
    steps = bool((following == own + 1)[knows_next].all())
    return _ways(first_own_entries(trace, held), is_step_by_step=steps)
