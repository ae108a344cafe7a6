"""All clocks side by side over one history: what each costs, and what it gets wrong.

The clocks of the catalogue are computed from happened-before (see `restamp`); beside them
stand the machines' physical clocks, and the clocks that the log has, as they are. For
each clock:

- the pairs that it orders wrongly: a happened before b, but the clock does not say
  so. The clock condition (Lamport 1978) says that there are none.
- the concurrent pairs that it orders all the same, so that their concurrency is
  hidden. Only a strongly consistent clock, as vector and matrix clocks are, has none.
- the bytes of its timestamps, as text on the wire, in every message sent.

Clocks that are one number order events by value; breaking ties by process would
order the rest of the pairs too.

How pairs are counted. Entry j of an event's vector clock is how many events of
process j are in its past, and these are the first ones. So the ordered pairs are
counted by summing entries, in time proportional to events times processes; by
that count the vector and the matrix clock computed here have no wrong or hidden
pair. A clock of one number is counted exactly too. If it rises along every process
and over every message, no pair is wrong. Otherwise events are inserted from the
greatest value down into one Fenwick tree a process ("A new data structure for
cumulative frequency tables", Software: Practice and Experience 24, 1994), which
counts how many of a process's first events are in it: events times processes times
a logarithm. A partial order is compared pair by pair: all pairs of a short history,
else a sample, reported as such, with an interval.

How bytes are counted. A timestamp is its numbers in decimal with one separator
between them (see docs/wire.md), so its size is a sum. No text is made.
"""

from collections.abc import Callable, Iterator
from math import sqrt
from operator import lt
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.analysis.restamp import (
    COLUMN_RULES,
    CausalOrder,
    RestampError,
    causal_order,
    compute_timestamps,
    differing_rows,
    hybrid_clocks,
    last_known_rows,
    numbers_per_timestamp,
    physical_times_ns,
    recompute_lamport,
    require_computable,
    vector_clocks,
)
from driftlab.arrays import BoolArray, IntArray
from driftlab.clocks.catalogue import CLOCKS, LAMPORT
from driftlab.history.matching.messages import UNMATCHED, Messages
from driftlab.history.trace import Trace
from driftlab.jit import Loop
from driftlab.model.columns import (
    EVERY_PEER,
    MISSING,
    NO_TARGET,
    SET_FIRST,
    Timestamps,
    starts_of,
    timestamp_texts,
)
from driftlab.model.random_streams import mix

PHYSICAL: Final = "physical"
ALL_PAIRS_EVENTS_MAX: Final = 1_500  # of longer histories a sample of pairs is drawn
PAIRS_DRAWN: Final = 200_000  # pairs of an event with itself among them, which do not count
_Z_95: Final = 1.959964  # standard deviations on each side of a normal mean that hold 95 %
_STEPS_PER_NUMBER: Final = 20  # of a Fenwick tree, to estimate when compiling is worth it
_WORD_STRIDE: Final = 0x9E3779B97F4A7C15  # odd: numbers of draws become words far apart
_QUERY_GREATER, _INSERT, _QUERY_AS_GREAT = 0, 1, 2  # phases for the events of one value
_DIGITS_MAX: Final = 19  # of a number of 64 bits


# The result


class Bytes(NamedTuple):
    """The sizes of a clock's timestamps in all messages sent, as text on the wire, bytes."""

    mean: float
    max: int
    total: int


class ClockCosts(NamedTuple):
    """One clock over one history.

    clock: a name of the catalogue, or `physical`. logged: whether it is the log's own.
    wrong: pairs that it orders wrongly. hidden: concurrent pairs that it orders;
    hidden_share: their share of all concurrent pairs. None where `why_not` says why.
    sample: how many pairs were drawn where wrong and hidden are estimates; their
    95 % intervals stand beside. None where both are exact.
    bytes: None where no message was sent.
    differ: of a logged clock, how many events have another timestamp than the right one.
    offset_ns_max: of a hybrid clock, how far it was ahead of the machine's own clock at
    most, ns. counter_max: the greatest value of its counter.
    """

    clock: str
    logged: bool = False
    wrong: int | None = None
    hidden: int | None = None
    hidden_share: float | None = None
    sample: int | None = None
    wrong_interval: tuple[int, int] | None = None
    hidden_interval: tuple[int, int] | None = None
    bytes: Bytes | None = None
    differ: int | None = None
    offset_ns_max: int | None = None
    counter_max: int | None = None
    why_not: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the names of the JSON interface."""
        return {**self._asdict(), "bytes": None if self.bytes is None else self.bytes._asdict()}


class Comparison(NamedTuple):
    """All clocks over one history.

    messages: how many were sent, as far as the log says. unknown: receives of messages
    whose send is not in the log. pairs: of two events each; ordered by happened-before
    or concurrent.
    """

    events: int
    processes: int
    messages: int
    unknown: int
    pairs: int
    ordered: int
    concurrent: int
    clocks: tuple[ClockCosts, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the names of the JSON interface."""
        return {**self._asdict(), "clocks": [each.to_dict() for each in self.clocks]}


# Pairs of events


class PairOrder(NamedTuple):
    """Happened-before, as arrays that answer for many pairs at once.

    vectors i4 (rows, processes): the vector clock of every event.
    process i4, number i8: of each row the position of its process, and the number of
    the event there, from 1.
    ordered, concurrent: how many pairs of events are.
    """

    causal: CausalOrder
    vectors: IntArray
    process: IntArray
    number: IntArray
    ordered: int
    concurrent: int

    def before(self, a: IntArray, b: IntArray) -> BoolArray:
        """Whether the events of rows a happened before those of rows b; true for equal rows."""
        return np.asarray(self.vectors[b, self.process[a]] >= self.number[a])


class PairCounts(NamedTuple):
    """How a clock orders pairs of events.

    wrong: pairs that it orders wrongly. hidden: concurrent pairs that it orders.
    ordered, concurrent: how many pairs were looked at. sample: how many were drawn,
    None where all were looked at.
    """

    wrong: int
    hidden: int
    ordered: int
    concurrent: int
    sample: int | None = None


Precedes = Callable[[IntArray, IntArray], BoolArray]  # of rows a and b: a clock puts a before b


def pair_order(causal: CausalOrder, vectors: IntArray) -> PairOrder:
    """Return happened-before among all pairs of events.

    causal: the trace and its messages in causal order. vectors: the vector clock of
    every event, one event a row, one process a column.
    """
    process = causal.trace.process_column()
    rows = len(process)
    ordered = int(vectors.sum(dtype=np.int64)) - rows
    number = np.arange(1, rows + 1) - causal.trace.starts[process]
    return PairOrder(causal, vectors, process, number, ordered, rows * (rows - 1) // 2 - ordered)


def count_scalar_clock(order: PairOrder, value: IntArray) -> PairCounts:
    """Count exactly for a clock that is one number, i8, an event; equal numbers do not order."""
    _, sizes = np.unique(value, return_counts=True)
    ties = int((sizes * (sizes - 1) // 2).sum())
    is_right = _satisfies_clock_condition(order.causal, value)
    wrong, ordered_ties = (0, 0) if is_right else _count_misordered(order, value)
    hidden = order.concurrent - (ties - ordered_ties)
    return PairCounts(wrong, hidden, order.ordered, order.concurrent)


def _satisfies_clock_condition(causal: CausalOrder, value: IntArray) -> bool:
    """Whether a clock rises from each event to the next, and from each send to its receive."""
    rises = (value[1:] > value[:-1]) | (causal.first[1:] == 1)
    receives = np.repeat(np.arange(len(value)), np.diff(causal.sources.starts))
    return bool(rises.all() and (value[causal.sources.rows] < value[receives]).all())


def _count_misordered(order: PairOrder, value: IntArray) -> tuple[int, int]:
    """Return how many pairs a before b have C(a) >= C(b), and how many C(a) = C(b)."""
    rows, width = order.vectors.shape
    # For all events of one value: query before any is in the tree, insert all, query again.
    _, rank = np.unique(-value, return_inverse=True)
    phase = np.concatenate([rank * 3 + each for each in (_QUERY_GREATER, _INSERT, _QUERY_AS_GREAT)])
    schedule = np.argsort(phase, kind="stable")
    counts = np.zeros(3, np.int64)
    _fenwick_counts(
        rows * width * _STEPS_PER_NUMBER,
        (schedule % rows, schedule // rows, order.process, order.number,
         order.causal.trace.starts, order.vectors.ravel(), width),
        (np.zeros(rows, np.int64), counts),
    )  # fmt: skip
    wrong = int(counts[_QUERY_AS_GREAT]) - rows  # each event is in its own prefix
    return wrong, wrong - int(counts[_QUERY_GREATER])


@Loop
def _fenwick_counts(  # called with arrays when compiled, else with lists
    events: IntArray,
    phases: IntArray,
    process: IntArray,
    number: IntArray,
    starts: IntArray,
    vectors: IntArray,
    width: int,
    tree: IntArray,
    counts: IntArray,
) -> None:
    """Insert events into the tree of their process, or count those there of an event's past."""
    for step in range(len(events)):
        row = events[step]
        if phases[step] == _INSERT:
            base = starts[process[row]] - 1
            size = starts[process[row] + 1] - starts[process[row]]
            at = number[row]
            while at <= size:
                tree[base + at] += 1
                at += at & -at
        else:
            found = 0
            for other in range(width):
                base = starts[other] - 1
                at = vectors[row * width + other]
                while at > 0:
                    found += tree[base + at]
                    at -= at & -at
            counts[phases[step]] += found


def count_pairwise(order: PairOrder, rows: IntArray, precedes: Precedes) -> PairCounts:
    """Count for any clock over the pairs of some rows.

    order: happened-before among the events. rows: i8, rising. precedes: whether the
    clock orders each event of one array before that of another.
    All pairs of up to ALL_PAIRS_EVENTS_MAX rows are looked at, else PAIRS_DRAWN at most
    are drawn, the same ones every time.
    """
    if len(rows) <= ALL_PAIRS_EVENTS_MAX:
        counts = [
            _classify(order, rows[:at], rows[at : at + 1], precedes) for at in range(1, len(rows))
        ]
        return PairCounts(*map(sum, zip(*counts, strict=True))) if counts else _NO_PAIRS
    numbers: Any = np.arange(1, 2 * PAIRS_DRAWN + 1, dtype=np.uint64)
    words: Any = mix(numbers * np.uint64(_WORD_STRIDE))  # typed for one word, works on arrays too
    a, b = rows[(words % np.uint64(len(rows))).astype(np.int64)].reshape(2, -1)
    a, b = a[a != b], b[a != b]
    return PairCounts(*_classify(order, a, b, precedes), sample=len(a))


_NO_PAIRS: Final = PairCounts(0, 0, 0, 0)


def _classify(
    order: PairOrder, a: IntArray, b: IntArray, precedes: Precedes
) -> tuple[int, int, int, int]:
    """Return how many pairs of different rows are wrong, hidden, ordered and concurrent."""
    a, b = np.broadcast_arrays(a, b)
    forth, back = order.before(a, b), order.before(b, a)
    less, greater = precedes(a, b), precedes(b, a)
    wrong = (forth & ~less) | (back & ~greater)
    concurrent = ~(forth | back)
    hidden = concurrent & (less | greater)
    ordered = int(len(a) - concurrent.sum())
    return int(wrong.sum()), int(hidden.sum()), ordered, int(concurrent.sum())


def wilson_interval(found: int, drawn: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share, of which `found` of `drawn` were seen.

    Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
    """
    if not drawn:
        return 0.0, 1.0
    share, z = found / drawn, _Z_95
    middle = share + z * z / (2 * drawn)
    half = z * sqrt(share * (1 - share) / drawn + z * z / (4 * drawn * drawn))
    whole = 1 + z * z / drawn
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)


# Bytes of timestamps


def decimal_sizes(numbers: IntArray) -> IntArray:
    """Return how many characters each whole number has in decimal, with its sign, i8."""
    powers = 10 ** np.arange(1, _DIGITS_MAX, dtype=np.int64)
    size = np.searchsorted(powers, np.abs(numbers), side="right") + 1
    return np.asarray(size + (numbers < 0), np.int64)


def vector_sizes(vectors: IntArray) -> IntArray:
    """Return the sizes of timestamps that are one row of numbers each, bytes, i8."""
    sizes = np.full(len(vectors), max(vectors.shape[1] - 1, 0), np.int64)
    for column in range(vectors.shape[1]):
        sizes += decimal_sizes(vectors[:, column])
    return sizes


def matrix_sizes(trace: Trace, vectors: IntArray, sizes: IntArray) -> IntArray:
    """Return the sizes of matrix timestamps, bytes, i8.

    The rows of a matrix are the vectors of earlier events, and `sizes` those of the
    vectors, so the matrices themselves are not needed.
    """
    width = vectors.shape[1]
    zeros = 2 * width - 1
    total = np.full(len(vectors), max(width - 1, 0), np.int64)
    for process in range(width):
        last = last_known_rows(trace, vectors, process)
        total += np.where(last >= 0, sizes[last], zeros)
    return total


def logged_sizes(held: Timestamps, processes: int) -> IntArray:
    """Return the sizes of timestamps as the log has them, bytes, i8; 0 for events without one.

    An entry that is not there is written as 0.

    held: the timestamps. processes: how many the run has.
    """
    width = numbers_per_timestamp(held.clock, processes)
    count = np.diff(held.starts)
    total = starts_of(decimal_sizes(held.values))
    size = total[held.starts[1:]] - total[held.starts[:-1]] + (width - count) + width - 1
    return np.where(count > 0, size, 0)


def messages_sent_by_event(trace: Trace, messages: Messages) -> IntArray:
    """Return how many messages each event sent, i8.

    By its targets where the log has them; else as many as were received from it.
    """
    rows = len(trace)
    target = trace.columns.target
    if target is None:
        sends = np.concatenate([messages.source[messages.receives], messages.extra_sends])
        return np.bincount(sends, minlength=rows)
    sent: IntArray = (target != NO_TARGET).astype(np.int64)
    every = np.flatnonzero(target == EVERY_PEER)
    if len(every):
        sent[every] = _peer_counts(trace)[trace.process_column()[every]]
    for number, members in enumerate(trace.sets):
        sent[target == SET_FIRST - number] = len(members)
    return sent


def _peer_counts(trace: Trace) -> IntArray:
    if trace.peers is None:  # a mesh
        return np.full(trace.processes, trace.processes - 1)
    return np.array([len(peers) for peers in trace.peers])


# One clock after the other


class _ComparedHistory(NamedTuple):
    """A history as every clock is compared over it.

    sent i8: how many messages each event sent. times_ns i8: the physical clock at each
    event, None where `why_no_times` says why.
    """

    order: PairOrder
    sent: IntArray
    times_ns: IntArray | None
    why_no_times: str | None

    @property
    def trace(self) -> Trace:
        return self.order.causal.trace

    def bytes(self, sizes: IntArray) -> Bytes | None:
        """Return the sizes of the timestamps of all messages, from the size at each event."""
        count = int(self.sent.sum())
        if not count:
            return None
        total = int((sizes * self.sent).sum())
        return Bytes(total / count, int(sizes[self.sent > 0].max()), total)

    def flawless(self) -> "ClockCosts":
        """Return the report of a clock that orders exactly the pairs that happened-before does."""
        return _from_counts(self, PairCounts(0, 0, self.order.ordered, self.order.concurrent))


def compare(trace: Trace, messages: Messages) -> Comparison:
    """Compare all clocks over one history.

    Raise RestampError if there are too many processes or events for a vector clock, and
    CycleError if an event happened before itself.
    """
    require_computable(trace, "vector")
    causal = causal_order(trace, messages)
    order = pair_order(causal, vector_clocks(causal))
    try:
        times_ns, why = physical_times_ns(trace), None
    except RestampError as error:
        times_ns, why = None, str(error)
    history = _ComparedHistory(order, messages_sent_by_event(trace, messages), times_ns, why)
    rows = len(trace)
    return Comparison(
        rows,
        trace.processes,
        int(history.sent.sum()),
        int((messages.source == UNMATCHED).sum()),
        rows * (rows - 1) // 2,
        order.ordered,
        order.concurrent,
        tuple(_compare_all(history)),
    )


def _compare_all(history: _ComparedHistory) -> Iterator[ClockCosts]:
    trace, vectors = history.trace, history.order.vectors
    lamport, _ = recompute_lamport(history.order.causal)
    yield _compare_scalar(history, "lamport", lamport, decimal_sizes(lamport))
    sizes = vector_sizes(vectors)
    right = history.flawless()
    yield right._replace(clock="vector", bytes=history.bytes(sizes))
    matrices = history.bytes(matrix_sizes(trace, vectors, sizes))
    yield right._replace(clock="matrix", bytes=matrices)
    if history.times_ns is None:
        yield ClockCosts("hybrid", why_not=history.why_no_times)
        yield ClockCosts(PHYSICAL, why_not=history.why_no_times)
    else:
        yield _compare_hybrid(history, *hybrid_clocks(history.order.causal, history.times_ns))
        sizes = decimal_sizes(history.times_ns)
        yield _compare_scalar(history, PHYSICAL, history.times_ns, sizes)
    for clock in CLOCKS:
        if clock not in (LAMPORT, *COLUMN_RULES):
            yield _compare_by_class(history, clock)
    if trace.columns.clock is not None:
        yield _compare_logged_lamport(history, trace.columns.clock, lamport)
    if trace.timestamps is not None:
        yield _compare_logged(history, trace.timestamps)


def _compare_by_class(history: _ComparedHistory, clock: str) -> ClockCosts:
    """Compare a clock that has no rule over columns, as its class issues it."""
    try:
        require_computable(history.trace, clock)
        held = compute_timestamps(history.order.causal, clock)
    except RestampError as error:
        return ClockCosts(clock, why_not=str(error))
    precedes = _class_order(history.trace, held)
    counts = count_pairwise(history.order, np.arange(len(history.trace)), precedes)
    sizes = logged_sizes(held, history.trace.processes)
    return _from_counts(history, counts)._replace(clock=clock, bytes=history.bytes(sizes))


def _compare_scalar(
    history: _ComparedHistory, clock: str, value: IntArray, sizes: IntArray
) -> ClockCosts:
    """Compare a clock of one number an event, given the sizes of its timestamps."""
    counts = count_scalar_clock(history.order, value)
    return _from_counts(history, counts)._replace(clock=clock, bytes=history.bytes(sizes))


def _compare_hybrid(history: _ComparedHistory, physical: IntArray, counter: IntArray) -> ClockCosts:
    """Compare a hybrid clock, which is ordered by its physical part, ns, then its counter."""
    sizes = decimal_sizes(physical) + 1 + decimal_sizes(counter)
    found = _compare_scalar(history, "hybrid", _ranks(physical, counter), sizes)
    if not len(physical):
        return found
    times_ns = history.times_ns
    ahead = None if times_ns is None else int((physical - times_ns).max())
    return found._replace(offset_ns_max=ahead, counter_max=int(counter.max()))


def _ranks(high: IntArray, low: IntArray) -> IntArray:
    """Return whole numbers that are ordered as the pairs (high, low) are; equal ones for equal."""
    order = np.lexsort((low, high))
    rises = np.ones(len(order), bool)
    rises[1:] = (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0)
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.cumsum(rises)
    return ranks


def _from_counts(history: _ComparedHistory, counts: PairCounts) -> ClockCosts:
    """Return the report of counts, scaled up to all pairs if they are of a sample."""
    share = counts.hidden / counts.concurrent if counts.concurrent else 0.0
    if counts.sample is None:
        return ClockCosts("", wrong=counts.wrong, hidden=counts.hidden, hidden_share=share)
    sample, pairs = counts.sample, len(history.trace) * (len(history.trace) - 1) // 2

    def scaled(found: int) -> tuple[int, tuple[int, int]]:
        low, high = wilson_interval(found, sample)
        return round(found / (sample or 1) * pairs), (int(low * pairs), int(high * pairs))

    wrong, wrong_interval = scaled(counts.wrong)
    hidden, hidden_interval = scaled(counts.hidden)
    return ClockCosts(
        "", False, wrong, hidden, share, sample, wrong_interval, hidden_interval
    )  # fmt: skip


def _compare_logged_lamport(
    history: _ComparedHistory, clock: IntArray, right: IntArray
) -> ClockCosts:
    """Compare the log's Lamport clock, as it is, with the right one."""
    known = np.flatnonzero(clock != MISSING)
    if len(known) == len(clock):
        found = _compare_scalar(history, "lamport", clock, decimal_sizes(clock))
    else:
        counts = count_pairwise(history.order, known, _scalar_order(clock))
        found = _from_counts(history, counts)._replace(
            clock="lamport", why_not=_lacking_remark(clock, known)
        )
    return found._replace(logged=True, differ=int((clock != right).sum()))


def _scalar_order(value: IntArray) -> Precedes:
    return lambda a, b: value[a] < value[b]


def _lacking_remark(events: IntArray, known: IntArray) -> str:
    lacking = len(events) - len(known)
    verb = "event has" if lacking == 1 else "events have"
    return f"{lacking} {verb} none; pairs are of the others"


def _compare_logged(history: _ComparedHistory, held: Timestamps) -> ClockCosts:
    """Compare the log's additional clock, as it is."""
    known = np.flatnonzero(np.diff(held.starts) > 0)
    is_complete = len(known) == len(history.trace)
    differ = _count_logged_differing(history, held)
    if held.clock == "hybrid":
        physical, counter = _entry_column(held, 0), _entry_column(held, 1)
        if is_complete:
            found = _compare_hybrid(history, physical, counter)
        else:
            precedes = _scalar_order(_ranks(physical, counter))
            found = _from_counts(history, count_pairwise(history.order, known, precedes))
    elif differ == 0 and CLOCKS[held.clock].is_strong:
        found = history.flawless()
    else:
        is_vector = held.clock in ("vector", "matrix")
        precedes = (_vector_order if is_vector else _class_order)(history.trace, held)
        found = _from_counts(history, count_pairwise(history.order, known, precedes))
    return found._replace(
        clock=held.clock,
        logged=True,
        differ=differ,
        bytes=history.bytes(logged_sizes(held, history.trace.processes)),
        why_not=None if is_complete else _lacking_remark(history.sent, known),
    )


def _count_logged_differing(history: _ComparedHistory, held: Timestamps) -> int | None:
    """Return how many logged timestamps are not what the clock would have issued.

    None where the clock cannot be computed.
    """
    try:
        require_computable(history.trace, held.clock)
    except RestampError:
        return None
    return int(differing_rows(held, compute_timestamps(history.order.causal, held.clock)).sum())


def _entry_column(held: Timestamps, entry: int) -> IntArray:
    """Return one entry of every timestamp, 0 where it is not there, i8."""
    column = np.zeros(len(held.starts) - 1, np.int64)
    row = np.repeat(np.arange(len(column)), np.diff(held.starts))
    mine = held.entries == entry
    column[row[mine]] = held.values[mine]
    return column


def _class_order(trace: Trace, held: Timestamps) -> Precedes:
    """Return the order that the timestamps' own class defines, for a clock of any kind."""
    decode, processes = CLOCKS[held.clock].timestamp.decode, trace.processes
    texts = timestamp_texts(held, processes)
    stamps = np.empty(len(texts), object)
    for row, (text, process) in enumerate(zip(texts, trace.process_column().tolist(), strict=True)):
        stamps[row] = None if text is None else decode(text, process, processes)
    precedes = np.frompyfunc(lt, 2, 1)
    return lambda a, b: np.asarray(precedes(stamps[a], stamps[b]), bool)


def _vector_order(trace: Trace, held: Timestamps) -> Precedes:
    """Return the order of logged vectors: a <= b in every entry, and not equal.

    Of a matrix an event's own row counts, which is its vector.
    """
    width = trace.processes
    process = trace.process_column()
    row = np.repeat(np.arange(len(trace)), np.diff(held.starts))
    entry = held.entries.astype(np.int64)
    mine = np.ones(len(entry), bool)
    if held.clock == "matrix":
        mine = entry // width == process[row]
        entry = entry % width
    vectors = np.zeros((len(trace), width), np.int64)
    vectors[row[mine], entry[mine]] = held.values[mine]

    def precedes(a: IntArray, b: IntArray) -> BoolArray:
        at_most = (vectors[a] <= vectors[b]).all(axis=-1)
        return np.asarray(at_most & (vectors[a] != vectors[b]).any(axis=-1))

    return precedes
