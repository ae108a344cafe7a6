"""A cut as its users have it: which events are inside, what is in flight, a snapshot along it."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from driftlab.history import cuts
from driftlab.history.causal_paths import processes_of
from driftlab.history.cuts import NoSuchCutError
from driftlab.history.happened_before import HappenedBefore
from driftlab.history.trace import Trace
from driftlab.model.columns import MISSING, Array

WAYS = "counts, at_ns, clock, containing, before"


class Cut:
    """Of every process its first so many events.

    frontier i8: how many of each process, in the order of `names`.
    """

    def __init__(self, order: HappenedBefore, events: Callable[[], Any], frontier: Array) -> None:
        self._order = order
        self._events = events
        self.frontier = frontier

    def __repr__(self) -> str:
        return f"Cut({self.counts})"

    @property
    def counts(self) -> dict[str, int]:
        """How many events of each process are inside, by name."""
        return dict(zip(self._order.trace.names, self.frontier.tolist(), strict=True))

    @property
    def events(self) -> Any:
        """The events inside, as slices of the history's frame."""
        trace = self._order.trace
        return between(self._events(), trace.starts[:-1], cuts.ends_of(trace, self.frontier))

    @property
    def is_consistent(self) -> bool:
        """Whether the past of every event inside is inside: whether a run can have stood so."""
        return not len(self._violations.sent)

    @cached_property
    def _violations(self) -> Any:
        return cuts.violations(self._order.trace, self._order.messages, self.frontier)

    @property
    def violations(self) -> Any:
        """The messages received inside and sent outside, a row each, as a frame of Polars.

        Columns: process and index of the send, then target and received, the
        process that received it and the index of that event.
        """
        known = self._violations
        return _messages(self._order.trace, known.sent, known.receiver, known.received)

    @cached_property
    def in_flight(self) -> Any:
        """The copies of messages sent inside and not received inside, as a frame of Polars.

        Columns as those of `violations`; target is null where the log names
        none, received where no event received it.
        """
        return _messages(
            self._order.trace,
            *cuts.in_flight(self._order.trace, self._order.messages, self.frontier),
        )

    @cached_property
    def snapshot(self) -> Any:
        """Every process along the cut, as a frame of Polars.

        Columns: process, events (how many are inside), index of the last of
        them, clock and queue after it; null where there is none.
        """
        import polars as pl

        trace = self._order.trace
        events, _, clock, queue = cuts.snapshot(trace, self.frontier)
        return pl.DataFrame(
            {
                "process": pl.Series(list(trace.names), dtype=pl.String),
                "events": events,
                "index": _or_null(events - 1, events == 0),
                "clock": _or_null(clock, clock == MISSING),
                "queue": _or_null(queue, queue == MISSING),
            }
        )


def between(events: Any, begins: Array, ends: Array) -> Any:
    """Return the rows `begins[p]` to `ends[p]` of a frame for every p, without a copy."""
    import polars as pl

    pieces = [
        events.slice(begin, end - begin)
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
        if begin < end
    ]
    return pl.concat(pieces, rechunk=False) if pieces else events.clear()


def _messages(trace: Trace, send: Array, target: Array, receive: Array) -> Any:
    """Return messages as a frame; `target` and `receive` may be NOWHERE."""
    import polars as pl

    names = pl.Series(list(trace.names), dtype=pl.String)
    sender = processes_of(trace, send)
    receiver = processes_of(trace, np.maximum(receive, 0))
    numbers = receive - trace.starts[receiver] if len(receive) else receive
    return pl.DataFrame(
        {
            "process": names.gather(pl.Series(sender, dtype=pl.UInt32)),
            "index": send - trace.starts[sender] if len(send) else send,
            "target": names.gather(_or_null(target, target < 0).cast(pl.UInt32)),
            "received": _or_null(numbers, receive < 0),
        }
    )


def _or_null(column: Array, is_null: Array) -> Any:
    import polars as pl

    return pl.Series(column, dtype=pl.Int64).set(pl.Series(is_null, dtype=pl.Boolean), None)


def frontier_of(
    order: HappenedBefore,
    *,
    counts: Mapping[str, int] | None,
    at_ns: int | None,
    clock: int | None,
    containing: int | None,
    before: int | None,
) -> Array:
    """Return the one frontier that was asked for. Raises NoSuchCutError unless it is one."""
    asked = [each for each in (counts, at_ns, clock, containing, before) if each is not None]
    if len(asked) != 1:
        raise NoSuchCutError(f"a cut is asked for in one way; give one of {WAYS}")
    if at_ns is not None:
        return cuts.by_time(order.trace, at_ns)
    if clock is not None:
        return cuts.by_clock(order.trace, clock)
    if containing is not None:
        return cuts.containing(order, containing)
    if before is not None:
        return cuts.before(order, before)
    return _by_names(order.trace, counts or {})


def _by_names(trace: Trace, counts: Mapping[str, int]) -> Array:
    places = {name: place for place, name in enumerate(trace.names)}
    numbers = np.zeros(trace.processes, np.int64)
    for name, count in counts.items():
        if name not in places:
            raise NoSuchCutError(f"there is no process {name}")
        numbers[places[name]] = count
    return cuts.by_counts(trace, numbers)
