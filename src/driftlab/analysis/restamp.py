"""Restamping: any clock of the catalogue, computed afterwards over an existing history.

A logical clock follows from happened-before alone (a hybrid clock from physical
time too). So it can be computed for every history whose messages are known,
whichever clock its program kept, or none, and it equals what a correct run would
have recorded. A short history runs through the very clocks that machines run; a
longer one, or one with events that received several messages, through the same
rules over columns. One clock is replaced and the rest of the log stays. Because
Lamport clocks name the messages, replacing them replaces the stamps too.

The limits: of a message whose send is not in the log only the stamp is known.
Lamport clocks take that stamp as it is. To every other clock the receive is an
event that received nothing, and the message then carries a timestamp that is
below every event's. Events that are missing in a gap are not counted.

The rules over columns are those of `clocks.lamport`, `clocks.vector`,
`clocks.matrix` and `clocks.hybrid`, with one addition that a running machine
never needs: an event that received several messages is later than all of them.
Sources: Lamport, "Time, clocks, and the ordering of events in a distributed
system" (1978); Fidge (1988) and Mattern (1989) for vector clocks; Wuu and
Bernstein, "Efficient solutions to the replicated log and dictionary problems"
(1984) for matrix clocks; Kulkarni, Demirbas, Madappa, Avva and Leone, "Logical
physical clocks" (2014) for hybrid clocks.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, ByteArray, IntArray
from driftlab.clocks.catalogue import CLOCKS, require_fits
from driftlab.clocks.clock import ENTRY_MAX
from driftlab.errors import DriftlabError
from driftlab.history.happened_before import HappenedBefore
from driftlab.history.matching.arrivals import match_arrivals
from driftlab.history.matching.messages import UNMATCHED, Messages
from driftlab.history.trace import Trace
from driftlab.history.vector_times import vectors as vector_times
from driftlab.jit import Loop
from driftlab.model.columns import MISSING, Timestamps, from_texts, starts_of, text_at

EVENTS_ONE_BY_ONE_MAX: Final = 10_000  # longer histories are computed over columns
COLUMN_RULES: Final = ("vector", "matrix", "hybrid")  # clocks that are computed over columns
NUMBERS_MAX: Final = 2_000_000_000  # in all timestamps together; each takes 12 bytes
ZERO_STAMP: Final = 0  # below every Lamport clock


class RestampError(DriftlabError):
    """A clock cannot be computed over a history; the text says why."""


# The causal order, which every clock follows from


class ReceivedSends(NamedTuple):
    """The sends whose messages each event received, as far as they are in the trace.

    Row i's are rows[starts[i]:starts[i + 1]]; starts i8, rows i8.
    """

    starts: IntArray
    rows: IntArray


class CausalOrder(NamedTuple):
    """A history in an order in which its events may have happened.

    order i8: all rows, each after every row that happened before it.
    first u1: whether a row is the first event of its process.
    """

    trace: Trace
    messages: Messages
    order: IntArray
    first: ByteArray
    sources: ReceivedSends


def received_sends(messages: Messages) -> ReceivedSends:
    """Return the sends of the messages that each event received."""
    receives = messages.receives
    sends = messages.source[receives]
    if len(messages.extra_receives):
        receives = np.concatenate([receives, messages.extra_receives])
        order = np.argsort(receives, kind="stable")
        receives = receives[order]
        sends = np.concatenate([sends, messages.extra_sends])[order]
    counts = np.bincount(receives, minlength=len(messages.source))
    return ReceivedSends(starts_of(counts), sends)


def causal_order(trace: Trace, messages: Messages) -> CausalOrder:
    """Return a causal order. Raise CycleError if an event happened before itself."""
    first = np.zeros(len(trace), np.uint8)
    first[trace.starts[:-1][np.diff(trace.starts) > 0]] = 1
    order = HappenedBefore(trace, messages).causal_order()
    return CausalOrder(trace, messages, order, first, received_sends(messages))


# The rules of the clocks, over columns


def lamport_clocks(causal: CausalOrder, floor: IntArray) -> IntArray:
    """Return the Lamport clock of every event, i8.

    floor i8: a number that each event's clock exceeds in any case, 0 for none.
    """
    clock = np.zeros(len(causal.order), np.int64)
    _lamport(len(causal.order), (causal.order, causal.first, *causal.sources, floor), (clock,))
    return clock


@Loop
def _lamport(  # called with arrays when compiled, else with lists
    order: IntArray,
    first: ByteArray,
    starts: IntArray,
    sends: IntArray,
    floor: IntArray,
    clock: IntArray,
) -> None:
    """Set every event's clock to one more than the latest that came before it."""
    for row in order:
        latest = floor[row]
        if not first[row] and clock[row - 1] > latest:
            latest = clock[row - 1]
        for at in range(starts[row], starts[row + 1]):
            stamp = clock[sends[at]]
            if stamp > latest:
                latest = stamp
        clock[row] = latest + 1


def hybrid_clocks(causal: CausalOrder, now_ns: IntArray) -> tuple[IntArray, IntArray]:
    """Return the physical part, ns, and the counter of every event's hybrid clock, i8 both.

    now_ns i8: what the physical clock of each event's process showed.
    """
    rows = len(causal.order)
    physical, counter = np.zeros((2, rows), np.int64)
    inputs = (causal.order, causal.first, *causal.sources, now_ns)
    _hybrid(rows, inputs, (physical, counter))
    return physical, counter


@Loop
def _hybrid(
    order: IntArray,
    first: ByteArray,
    starts: IntArray,
    sends: IntArray,
    now_ns: IntArray,
    physical: IntArray,
    counter: IntArray,
) -> None:
    """Follow physical time where it is ahead of everything before, and count where it is not."""
    for row in order:
        begin = starts[row]
        end = starts[row + 1]
        latest = row - 1  # the event with the greatest clock among those just before
        if first[row]:
            latest = sends[begin] if begin < end else -1
        for at in range(begin, end):
            send = sends[at]
            if physical[send] > physical[latest] or (
                physical[send] == physical[latest] and counter[send] > counter[latest]
            ):
                latest = send
        if latest < 0 or now_ns[row] > physical[latest]:
            physical[row] = now_ns[row]
            counter[row] = 0
        else:
            physical[row] = physical[latest]
            counter[row] = counter[latest] + 1


def vector_clocks(causal: CausalOrder) -> IntArray:
    """Return the vector clock of every event: i4, a row an event, an entry a process."""
    return vector_times(causal.trace, causal.messages)


def last_known_rows(trace: Trace, vectors: IntArray, process: int) -> IntArray:
    """Return the row of the last event of `process` in each event's past, -1 for none, i8.

    vectors: the vector clock of every event, one event a row. process: its position.
    """
    known = vectors[:, process].astype(np.int64)
    return np.where(known > 0, trace.starts[process] + known - 1, -1)


def matrix_clocks(trace: Trace, vectors: IntArray) -> IntArray:
    """Return the matrix clock of every event from the vector clocks: i4, row-major.

    Row j of an event's matrix is the vector clock of the last event of process j in
    its past, and entry j of the event's own vector clock is the number of that event.

    vectors: one event a row, one process a column.
    """
    rows, width = vectors.shape
    matrices = np.zeros((rows, width, width), np.int32)
    for process in range(width):
        last = last_known_rows(trace, vectors, process)
        known = last >= 0
        matrices[known, process] = vectors[last[known]]
    return matrices.reshape(rows, width * width)


def compute_timestamps(causal: CausalOrder, clock: str) -> Timestamps:
    """Return the timestamps of a clock: by its rule over columns, or by its class if it has none.

    Raise RestampError if the clock lacks physical times, or has no rule over columns and
    an event received several messages.
    """
    if clock not in COLUMN_RULES:
        if len(causal.messages.extra_receives):
            raise RestampError(
                f"the {clock} clock cannot be computed where an event received several messages"
            )
        return timestamps_by_class(causal, clock)
    if clock == "hybrid":
        parts = hybrid_clocks(causal, physical_times_ns(causal.trace))
        return _dense_timestamps(clock, np.stack(parts, axis=1))
    vectors = vector_clocks(causal)
    numbers = vectors if clock == "vector" else matrix_clocks(causal.trace, vectors)
    return _dense_timestamps(clock, numbers)


def _dense_timestamps(clock: str, numbers: IntArray) -> Timestamps:
    """Return timestamps of which every entry is there, from one row of numbers an event."""
    rows, width = numbers.shape
    return Timestamps(
        clock,
        np.arange(rows + 1, dtype=np.int64) * width,
        np.tile(np.arange(width, dtype=np.int32), rows),
        numbers.ravel().astype(np.int64),
    )


def timestamps_by_class(causal: CausalOrder, clock: str) -> Timestamps:
    """Return the timestamps that the class of a clock issues; see `issue_timestamps`."""
    return from_texts(clock, [stamp.encode() for stamp in issue_timestamps(causal, clock)])


def issue_timestamps(causal: CausalOrder, clock: str) -> list[Any]:
    """Return the timestamp of every event, issued by the clocks that machines run.

    No event may have received several messages. The timestamps are values of the
    clock's own class. Raise RestampError if the hybrid clock lacks physical times.
    """
    trace, (starts, sends) = causal.trace, causal.sources
    make, processes = CLOCKS[clock].clock, trace.processes
    clocks = [make(position, processes) for position in range(processes)]
    now_ns = physical_times_ns(trace).tolist() if CLOCKS[clock].reads_time else [0] * len(trace)
    process = trace.process_column().tolist()
    counts, begins = np.diff(starts).tolist(), starts.tolist()
    stamps: list[Any] = [None] * len(trace)  # each clock has a class of timestamps of its own
    for row in causal.order.tolist():
        own, now = clocks[process[row]], now_ns[row]
        received = stamps[sends[begins[row]]] if counts[row] else None
        stamps[row] = own.tick(now) if received is None else own.merge(received, now)
    return stamps


def physical_times_ns(trace: Trace) -> IntArray:
    """Return what each process's physical clock showed at each event, ns, i8.

    That is `time_ns`, else when the tick began. Raise RestampError if the log lacks
    it for an event.
    """
    columns = trace.columns
    if columns.time_ns is not None:
        times = columns.time_ns
    elif columns.due_ns is not None:
        late_ns = columns.late_ns
        times = columns.due_ns if late_ns is None else columns.due_ns + late_ns
    else:
        raise RestampError(
            "this log has no times of the machines' physical clocks, which are needed here"
        )
    missing = np.flatnonzero(times == MISSING)
    if len(missing):
        name, index = trace.place(int(missing[0]))
        raise RestampError(
            f"every event needs a time, but {len(missing)} of {len(trace)} have none, "
            f"first {name}'s event {index}"
        )
    return times


# Restamping a trace


def restamp(trace: Trace, messages: Messages, clock: str) -> Trace:
    """Return the same trace with the clock of this name computed anew.

    Rows, and so the messages, stay what they are. Raise RestampError if there is no
    such clock, it cannot count so many processes, or it needs times that the log does
    not have; raise CycleError if an event happened before itself.
    """
    require_computable(trace, clock)
    causal = causal_order(trace, messages)
    if clock == "lamport":
        return _with_lamport_clock(causal)
    if len(trace) <= EVENTS_ONE_BY_ONE_MAX and not len(messages.extra_receives):
        stamps = timestamps_by_class(causal, clock)
    else:
        stamps = compute_timestamps(causal, clock)
    return trace.replace(timestamps=stamps, invalid_clocks=None)


def require_computable(trace: Trace, clock: str) -> None:
    """Raise RestampError if the clock is unknown, too large for the trace, or lacks times."""
    try:
        require_fits(clock, trace.processes)
    except ValueError as error:
        raise RestampError(str(error)) from None
    if CLOCKS[clock].reads_time:
        physical_times_ns(trace)
    numbers = len(trace) * numbers_per_timestamp(clock, trace.processes)
    if numbers > NUMBERS_MAX:
        raise RestampError(
            f"{clock} timestamps of {len(trace)} events of {trace.processes} processes have "
            f"{numbers} numbers; the limit is {NUMBERS_MAX}"
        )


def numbers_per_timestamp(clock: str, processes: int) -> int:
    """Return how many numbers one timestamp has.

    clock: the name of the clock. processes: how many the run has.
    """
    return CLOCKS[clock].width(processes)


def zero_timestamp_text(clock: str, processes: int) -> str:
    """Return the text of a timestamp below every event's; receiving it changes no clock."""
    kind = CLOCKS[clock]
    rows, width = kind.shape(processes)
    lowest = -ENTRY_MAX if kind.reads_time else 0
    return "/".join([".".join(map(str, [lowest] + [0] * (width - 1)))] * rows)


def recompute_lamport(causal: CausalOrder) -> tuple[IntArray, bool]:
    """Return every event's Lamport clock, i8, and whether stamps of unknown sends count in it.

    They do unless one of them equals the recomputed clock of an event of its sender:
    then that sender's clocks are no longer those that were logged, and the stamp would
    name another message.
    """
    columns, messages = causal.trace.columns, causal.messages
    stamps, senders = columns.stamp, columns.sender
    no_floor = np.zeros(len(causal.trace), np.int64)
    if stamps is None or senders is None:
        return lamport_clocks(causal, no_floor), False
    unknown = (messages.source == UNMATCHED) & (stamps > 0)
    clock = lamport_clocks(causal, np.where(unknown, stamps, 0))
    for sender in np.unique(senders[unknown]).tolist():
        named = stamps[unknown & (senders == sender)]
        begin, end = causal.trace.starts[sender : sender + 2]
        if np.isin(named, clock[begin:end]).any():
            return lamport_clocks(causal, no_floor), False
    return clock, True


def _with_lamport_clock(causal: CausalOrder) -> Trace:
    """Return the trace with Lamport clocks computed anew, and its messages named by them."""
    trace = causal.trace
    clock, counts = recompute_lamport(causal)
    columns, arrivals = trace.columns._replace(clock=clock), trace.arrivals
    if columns.stamp is not None:
        stamps = _restamped_stamps(clock, causal.messages.source, columns.stamp, counts=counts)
        columns = columns._replace(stamp=stamps)
    if arrivals is not None:
        sources = match_arrivals(trace, causal.messages).source
        stamps = _restamped_stamps(clock, sources, arrivals.stamp, counts=counts)
        arrivals = arrivals._replace(stamp=stamps)
    return trace.replace(columns=columns, arrivals=arrivals, invalid_clocks=None)


def _restamped_stamps(
    clock: IntArray, source: IntArray, carried: IntArray, *, counts: bool
) -> IntArray:
    """Return the clocks of the sends; for an unknown send the stamp carried, if that counts."""
    stamps = carried.copy()
    known = source >= 0
    stamps[known] = clock[source[known]]
    if not counts:
        stamps[(source == UNMATCHED) & (carried != MISSING)] = ZERO_STAMP
    return stamps


def restamped_messages(messages: Messages, clock: str) -> Messages:
    """Return the messages of the restamped trace: the same ones, all named correctly."""
    if clock != "lamport":
        return messages
    return messages._replace(
        stamp_before_send=frozenset(),
        stamp_per_target=messages.extra_receives[:0],
        carried_unknown=messages.extra_receives[:0],
    )


# Comparing with what was logged


def count_unknown_receives(messages: Messages) -> int:
    """Return how many events received a message whose send is not in the log."""
    return int((messages.source == UNMATCHED).sum())


def timestamps_as_text(trace: Trace, clock: str, rows: Sequence[int]) -> list[str | None]:
    """Return the timestamps of one clock in some rows, as the clock writes them.

    The trace must have the clock. None for an event without a timestamp.
    """
    if clock == "lamport":
        clocks = trace.columns.clock
        assert clocks is not None
        return [str(int(clocks[row])) for row in rows]
    held = trace.timestamps
    assert held is not None
    return [text_at(held, row, trace.processes) for row in rows]


def count_differing(logged: Trace, restamped: Trace, clock: str) -> int | None:
    """Return how many events were logged with another timestamp; None if the log lacks the clock.

    The trace `restamped` must have the clock.
    """
    if clock == "lamport":
        clocks = logged.columns.clock
        return None if clocks is None else int((clocks != restamped.columns.clock).sum())
    if logged.timestamps is None or logged.timestamps.clock != clock:
        return None
    assert restamped.timestamps is not None
    return int(differing_rows(logged.timestamps, restamped.timestamps).sum())


def differing_rows(logged: Timestamps, right: Timestamps) -> BoolArray:
    """Return of each event whether it was logged with another timestamp than the right one.

    An event without a timestamp counts. `right` has all entries of every event.
    """
    rows = len(right.starts) - 1
    expected = right.values.reshape(rows, -1) if rows else np.zeros((0, 1), np.int64)
    entries = np.zeros_like(expected)
    entries[np.repeat(np.arange(rows), np.diff(logged.starts)), logged.entries] = logged.values
    return np.asarray((np.diff(logged.starts) == 0) | (entries != expected).any(axis=1))
