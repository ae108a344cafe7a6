"""All clocks side by side over one history: what each costs, and what it tells wrongly or not.

Four clocks are computed from happened-before (see `restamp`); beside them stand
the machines' physical clocks, and the clocks that the log itself has, as they
are. Of each: the pairs that it orders wrongly (a happened before b, but the
clock does not say so), which a right clock has none of; the concurrent pairs
that it puts in an order, as if it knew, which only a strong clock has none of;
and the bytes of its timestamps, as text on the wire, of every message sent.

Clocks of one number order by value: the tie-break by process would order the
rest of the pairs too. Of the vector and the matrix clock computed here both
counts are 0, because happened-before is counted by those vectors.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.analysis.column_clocks import causal_order, hybrid_clocks, vector_clocks
from driftlab.analysis.order_errors import (
    Counted,
    PairOrder,
    count_pairs,
    count_total,
    interval,
    pair_order,
)
from driftlab.analysis.restamp import (
    RestampError,
    lamport_clock,
    physical_ns,
    require_possible,
    rows_differing,
    timestamps_of,
)
from driftlab.analysis.timestamp_bytes import (
    digits,
    entry_sizes,
    matrix_sizes,
    messages_sent,
    numbers_sizes,
)
from driftlab.history.matching.messages import UNMATCHED, Messages
from driftlab.history.trace import Trace
from driftlab.model.columns import MISSING, Array, Timestamps

PHYSICAL: Final = "physical"


class Bytes(NamedTuple):
    """The sizes of timestamps in messages, as text on the wire: bytes."""

    mean: float
    max: int
    total: int


class Compared(NamedTuple):
    """One clock over one history.

    clock: a name of the catalogue, or `physical`. logged: whether it is the
    log's own. wrong, hidden: pairs, see above; None where `why_not` says why.
    sample: how many pairs were drawn where these are estimates, with their
    intervals of 95 %; None where they are exact. differ: of a logged clock, how
    many events have another timestamp than the right one. offset_ns_max,
    counter_max: of a hybrid clock, how far it was ahead of the machine's own,
    and how far it counted.
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

    messages: how many were sent, as far as the log tells. unknown: receives of
    messages whose send is not in it. pairs are of two events each.
    """

    events: int
    processes: int
    messages: int
    unknown: int
    pairs: int
    ordered: int
    concurrent: int
    clocks: tuple[Compared, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the names of the JSON interface."""
        return {**self._asdict(), "clocks": [each.to_dict() for each in self.clocks]}


class _History(NamedTuple):
    """What all clocks are compared over: the order, the messages sent by each event, times."""

    order: PairOrder
    messages: Messages
    sent: Array
    times: Array | None
    why_no_times: str | None

    @property
    def trace(self) -> Trace:
        return self.order.of.trace

    def bytes(self, sizes: Array) -> Bytes | None:
        """Return the sizes of the timestamps of all messages, from that of each event's."""
        sending = self.sent > 0
        count = int(self.sent.sum())
        if not count:
            return None
        total = int((sizes * self.sent).sum())
        return Bytes(total / count, int(sizes[sending].max()), total)


def compare(trace: Trace, messages: Messages) -> Comparison:
    """Set all clocks side by side. Raises RestampError where there are too many, CycleError."""
    require_possible(trace, "vector")
    of = causal_order(trace, messages)
    order = pair_order(of, vector_clocks(of))
    try:
        times, why = physical_ns(trace), None
    except RestampError as error:
        times, why = None, str(error)
    history = _History(order, messages, messages_sent(trace, messages), times, why)
    rows = len(trace)
    return Comparison(
        rows,
        trace.processes,
        int(history.sent.sum()),
        int((messages.source == UNMATCHED).sum()),
        rows * (rows - 1) // 2,
        order.ordered,
        order.concurrent,
        tuple(_clocks(history)),
    )


def _clocks(history: _History) -> Iterator[Compared]:
    lamport, _ = lamport_clock(history.order.of, history.messages)
    yield _total(history, "lamport", lamport, digits(lamport))
    vectors = history.order.vectors
    right = _told(history, Counted(0, 0, history.order.ordered, history.order.concurrent))
    sizes = numbers_sizes(vectors)
    yield right._replace(clock="vector", bytes=history.bytes(sizes))
    yield right._replace(
        clock="matrix", bytes=history.bytes(matrix_sizes(history.trace, vectors, sizes))
    )
    if history.times is None:
        yield Compared("hybrid", why_not=history.why_no_times)
        yield Compared(PHYSICAL, why_not=history.why_no_times)
    else:
        yield _hybrid(history, *hybrid_clocks(history.order.of, history.times))
        yield _total(history, PHYSICAL, history.times, digits(history.times))
    if history.trace.columns.clock is not None:
        yield _logged_lamport(history, history.trace.columns.clock, lamport)
    if history.trace.timestamps is not None:
        yield _logged(history, history.trace.timestamps)


def _total(history: _History, clock: str, value: Array, sizes: Array) -> Compared:
    counted = count_total(history.order, value)
    return _told(history, counted)._replace(clock=clock, bytes=history.bytes(sizes))


def _hybrid(history: _History, physical: Array, logical: Array) -> Compared:
    """Compare a hybrid clock: by (l, c), which are put into one number, its rank."""
    sizes = digits(physical) + 1 + digits(logical)
    found = _total(history, "hybrid", _ranks(physical, logical), sizes)
    if not len(physical):
        return found
    ahead = None if history.times is None else int((physical - history.times).max())
    return found._replace(offset_ns_max=ahead, counter_max=int(logical.max()))


def _ranks(high: Array, low: Array) -> Array:
    """Return whole numbers that are ordered as pairs are; equal pairs get the same."""
    order = np.lexsort((low, high))
    rises = np.ones(len(order), bool)
    rises[1:] = (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0)
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.cumsum(rises)
    return ranks


def _told(history: _History, counted: Counted) -> Compared:
    """Put counts into a report, scaled up to all pairs where they are of a sample."""
    share = counted.hidden / counted.concurrent if counted.concurrent else 0.0
    if counted.sample is None:
        return Compared("", wrong=counted.wrong, hidden=counted.hidden, hidden_share=share)
    pairs = len(history.trace) * (len(history.trace) - 1) // 2

    def scaled(found: int) -> tuple[int, tuple[int, int]]:
        low, high = interval(found, counted.sample or 0)
        return round(found / (counted.sample or 1) * pairs), (int(low * pairs), int(high * pairs))

    (wrong, wrong_interval), (hidden, hidden_interval) = map(
        scaled, (counted.wrong, counted.hidden)
    )
    return Compared(
        "", False, wrong, hidden, share, counted.sample, wrong_interval, hidden_interval
    )  # fmt: skip


def _logged_lamport(history: _History, clock: Array, right: Array) -> Compared:
    there = np.flatnonzero(clock != MISSING)
    if len(there) == len(clock):
        found = _total(history, "lamport", clock, digits(clock))
    else:
        counted = count_pairs(history.order, there, lambda a, b: clock[a] < clock[b])
        found = _told(history, counted)._replace(clock="lamport", why_not=_lack(clock, there))
    return found._replace(logged=True, differ=int((clock != right).sum()))


def _lack(rows: Array, there: Array) -> str:
    return f"{len(rows) - len(there)} events have none; pairs are of the others"


def _logged(history: _History, held: Timestamps) -> Compared:
    """Compare the log's further clock as it is."""
    there = np.flatnonzero(np.diff(held.starts) > 0)
    is_whole = len(there) == len(history.trace)
    differ = _differing(history, held)
    if held.clock == "hybrid":
        physical, logical = _entry(held, 0), _entry(held, 1)
        found = _hybrid(history, physical, logical) if is_whole else _told(
            history,
            count_pairs(history.order, there, lambda a, b: _ranks(physical, logical)[a]
                        < _ranks(physical, logical)[b]),
        )  # fmt: skip
    elif differ == 0:
        found = _told(history, Counted(0, 0, history.order.ordered, history.order.concurrent))
    else:
        found = _told(history, count_pairs(history.order, there, _partial(history.trace, held)))
    return found._replace(
        clock=held.clock,
        logged=True,
        differ=differ,
        bytes=history.bytes(entry_sizes(held, history.trace.processes)),
        why_not=None if is_whole else _lack(history.sent, there),
    )


def _differing(history: _History, held: Timestamps) -> int | None:
    """Return how many logged timestamps are not what the clock would have issued."""
    if held.clock == "hybrid" and history.times is None:
        return None
    try:
        require_possible(history.trace, held.clock)
    except RestampError:
        return None
    return int(rows_differing(held, timestamps_of(history.order.of, held.clock)).sum())


def _entry(held: Timestamps, entry: int) -> Array:
    """Return one entry of every timestamp; 0 where it is not there."""
    column = np.zeros(len(held.starts) - 1, np.int64)
    row = np.repeat(np.arange(len(column)), np.diff(held.starts))
    mine = held.entries == entry
    column[row[mine]] = held.values[mine]
    return column


def _partial(trace: Trace, held: Timestamps) -> Any:
    """Return the order of logged vectors, of a matrix its own rows: none over, and not the same."""
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

    def before(a: Array, b: Array) -> Array:
        less: Array = (vectors[a] <= vectors[b]).all(axis=-1)
        return less & (vectors[a] != vectors[b]).any(axis=-1)

    return before
