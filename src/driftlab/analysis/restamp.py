"""Any clock of the catalogue, computed afterwards over the same history.

A clock follows from happened-before alone (the hybrid clock from physical time
too), so it can be had from any history whose messages are known, whatever
clock its program kept, or none. A history that is not too long goes event by
event through the very clocks that machines run; a longer one, or one in which
events received several messages, through the same rules over columns. Both
give the same, and give exactly what a correct run recorded.

One clock is replaced, all else is left as the log has it. The Lamport clock
also names the messages: where it is replaced, so are the stamps.

The limit: of a message whose send is not in the log nothing is known but the
stamp that it carried. Lamport clocks take that for what it is; to all others
its receive is an event that received nothing, and the message carries their
timestamp of nothing, which no event is before. Events that a hole has swallowed
are not counted.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from driftlab.analysis.column_clocks import (
    CausalOrder,
    causal_order,
    hybrid_clocks,
    lamport_clocks,
    matrix_clocks,
    vector_clocks,
)
from driftlab.clocks.catalogue import CLOCKS, require_fits
from driftlab.clocks.clock import ENTRY_MAX
from driftlab.errors import DriftlabError
from driftlab.history.matching.arrivals import match_arrivals
from driftlab.history.matching.messages import UNMATCHED, Messages
from driftlab.history.trace import Trace
from driftlab.model.columns import MISSING, Array, Timestamps, from_texts, text_at

EVENTS_ONE_BY_ONE_MAX: Final = 10_000  # more go through columns
NUMBERS_MAX: Final = 2_000_000_000  # in all timestamps together; each takes 12 bytes
STAMP_OF_NOTHING: Final = 0  # no Lamport clock is below it


class RestampError(DriftlabError):
    """A clock that cannot be computed over a history, and why."""


def restamped(trace: Trace, messages: Messages, clock: str) -> Trace:
    """Return the same trace with the clock of this name computed anew.

    Rows, and so the messages, stay what they are. Raises RestampError where
    there is no such clock, it cannot count so many processes, or needs times
    that the log does not have; CycleError where events happened before
    themselves.
    """
    require_possible(trace, clock)
    of = causal_order(trace, messages)
    if clock == "lamport":
        return _with_lamport_clock(of, messages)
    if len(trace) <= EVENTS_ONE_BY_ONE_MAX and not len(messages.extra_receives):
        texts = [stamp.encode() for stamp in issued(of, clock)]
        return changed(trace, timestamps=from_texts(clock, texts))
    return changed(trace, timestamps=timestamps_of(of, clock))


def require_possible(trace: Trace, clock: str) -> None:
    """Raise RestampError if a clock cannot be computed over a trace, for lack of room or times."""
    try:
        require_fits(clock, trace.processes)
    except ValueError as error:
        raise RestampError(str(error)) from None
    if clock == "hybrid":
        physical_ns(trace)
    numbers = len(trace) * width_of(clock, trace.processes)
    if numbers > NUMBERS_MAX:
        raise RestampError(
            f"{clock} timestamps of {len(trace)} events of {trace.processes} processes have "
            f"{numbers} numbers; the limit is {NUMBERS_MAX}"
        )


def width_of(clock: str, processes: int) -> int:
    """Return how many numbers a timestamp has."""
    return {"vector": processes, "matrix": processes**2, "hybrid": 2}.get(clock, 1)


def physical_ns(trace: Trace) -> Array:
    """Return what each process's own clock showed at each event: `time_ns`, else when it began.

    Nanoseconds, i8. Raises RestampError where the log does not say.
    """
    of = trace.columns
    if of.time_ns is not None:
        times = of.time_ns
    elif of.due_ns is not None:
        times = of.due_ns if of.late_ns is None else of.due_ns + of.late_ns
    else:
        raise RestampError("this log has no times of the machines' own clocks, which this needs")
    missing = np.flatnonzero(times == MISSING)
    if len(missing):
        name, index = trace.place(int(missing[0]))
        raise RestampError(
            f"{len(missing)} events have no time, the first is {name}'s event {index}; "
            "this needs one of each"
        )
    return times


def issued(of: CausalOrder, clock: str) -> list[Any]:
    """Return the timestamp of every event, as the clocks of the catalogue issue them.

    For histories in which no event received several messages.
    """
    trace, (got, sources) = of.trace, of.sources
    make, processes = CLOCKS[clock].clock, trace.processes
    clocks = [make(place, processes) for place in range(processes)]
    now_ns = physical_ns(trace).tolist() if clock == "hybrid" else [0] * len(trace)
    process = trace.process_column().tolist()
    count, first = np.diff(got).tolist(), got.tolist()
    stamps: list[Any] = [None] * len(trace)
    for row in of.order.tolist():
        own, now = clocks[process[row]], now_ns[row]
        sent = stamps[sources[first[row]]] if count[row] else None
        stamps[row] = own.tick(now) if sent is None else own.merge(sent, now)
    return stamps


def timestamps_of(of: CausalOrder, clock: str) -> Timestamps:
    """Return the timestamps of a further clock, by its rule over columns."""
    if clock == "hybrid":
        return _dense(clock, np.stack(hybrid_clocks(of, physical_ns(of.trace)), axis=1))
    vectors = vector_clocks(of)
    return _dense(clock, vectors if clock == "vector" else matrix_clocks(of.trace, vectors))


def _dense(clock: str, numbers: Array) -> Timestamps:
    rows, width = numbers.shape
    return Timestamps(
        clock,
        np.arange(rows + 1, dtype=np.int64) * width,
        np.tile(np.arange(width, dtype=np.int32), rows),
        numbers.ravel().astype(np.int64),
    )


def text_of_nothing(clock: str, processes: int) -> str:
    """Return the timestamp that no event is before: to receive it is as to receive nothing."""
    if clock == "hybrid":
        return f"{-ENTRY_MAX}.0"
    row = ".".join(["0"] * processes)
    return row if clock == "vector" else "/".join([row] * processes)


def lamport_clock(of: CausalOrder, messages: Messages) -> tuple[Array, bool]:
    """Return every event's Lamport clock, and whether stamps of unknown sends count in it.

    They do unless one of them is, now, the clock of an event of its sender: so
    the clocks of that sender are others than were logged, and it would name
    another message.
    """
    columns = of.trace.columns
    none = np.zeros(len(of.trace), np.int64)
    if columns.stamp is None or columns.sender is None:
        return lamport_clocks(of, none), False
    unknown = (messages.source == UNMATCHED) & (columns.stamp > 0)
    clock = lamport_clocks(of, np.where(unknown, columns.stamp, 0))
    for sender in np.unique(columns.sender[unknown]).tolist():
        stamps = columns.stamp[unknown & (columns.sender == sender)]
        if np.isin(stamps, clock[slice(*of.trace.starts[sender : sender + 2])]).any():
            return lamport_clocks(of, none), False
    return clock, True


def _with_lamport_clock(of: CausalOrder, messages: Messages) -> Trace:
    """Return the trace with Lamport clocks computed anew, its messages named by them."""
    trace = of.trace
    clock, counts = lamport_clock(of, messages)
    columns, arrivals = trace.columns._replace(clock=clock), trace.arrivals
    if columns.stamp is not None:
        stamps = _stamps(clock, messages.source, columns.stamp, counts=counts)
        columns = columns._replace(stamp=stamps)
    if arrivals is not None:
        sources = match_arrivals(trace, messages).source
        stamps = _stamps(clock, sources, arrivals.stamp, counts=counts)
        arrivals = arrivals._replace(stamp=stamps)
    return changed(trace, columns=columns, arrivals=arrivals)


def _stamps(clock: Array, source: Array, carried: Array, *, counts: bool) -> Array:
    """Return the clocks of sends; of an unknown one what was carried, if that counts."""
    stamps = carried.copy()
    known = source >= 0
    stamps[known] = clock[source[known]]
    if not counts:
        stamps[(source == UNMATCHED) & (carried != MISSING)] = STAMP_OF_NOTHING
    return stamps


def changed(trace: Trace, **parts: Any) -> Trace:
    """Return the trace with some of its parts exchanged; the others are shared."""
    kept = {key: getattr(trace, key) for key in trace.__slots__}
    kept.update(parts)
    return Trace(kept.pop("names"), kept.pop("starts"), kept.pop("columns"), **kept)


def messages_of(messages: Messages, clock: str) -> Messages:
    """Return the messages of the trace when it is restamped: the same, rightly named."""
    if clock != "lamport":
        return messages
    return messages._replace(
        stamp_before_send=frozenset(), stamp_per_target=messages.extra_receives[:0]
    )


def unknown_receives(messages: Messages) -> int:
    """Return how many events received a message whose send is not known."""
    return int((messages.source == UNMATCHED).sum())


def timestamp_texts(trace: Trace, clock: str, rows: Sequence[int]) -> list[str | None]:
    """Return some events' timestamps of one clock as it writes them."""
    if clock == "lamport":
        return [str(int(trace.columns.clock[row])) for row in rows]
    held = trace.timestamps
    assert held is not None
    return [text_at(held, row, trace.processes) for row in rows]


def differing(logged: Trace, anew: Trace, clock: str) -> int | None:
    """Return how many events have another timestamp than was logged; None where none was."""
    if clock == "lamport":
        if logged.columns.clock is None:
            return None
        return int((logged.columns.clock != anew.columns.clock).sum())
    if logged.timestamps is None or logged.timestamps.clock != clock:
        return None
    assert anew.timestamps is not None
    return int(rows_differing(logged.timestamps, anew.timestamps).sum())


def rows_differing(logged: Timestamps, right: Timestamps) -> Array:
    """Return of each event whether its logged timestamp is another than the right one, or none.

    `right` has the same number of entries, all of them, at every event.
    """
    rows = len(right.starts) - 1
    whole = right.values.reshape(rows, -1) if rows else np.zeros((0, 1), np.int64)
    entries = np.zeros_like(whole)
    entries[np.repeat(np.arange(rows), np.diff(logged.starts)), logged.entries] = logged.values
    answer: Array = (np.diff(logged.starts) == 0) | (entries != whole).any(axis=1)
    return answer
