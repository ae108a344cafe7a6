"""A history as its users have it: the events, the order among them, and the judge.

Rows of `events` name the events: wherever an event is asked for, give its row,
or its process and its number within it, `("A", 17)` or `"A:17"`. Nothing is worked out
before it is asked for.
"""

import operator
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from driftlab.api.cut import Cut, between, frontier_of
from driftlab.errors import DriftlabError
from driftlab.history.frame import frame_of
from driftlab.history.happened_before import HappenedBefore
from driftlab.history.matching.match import match
from driftlab.history.matching.messages import Messages
from driftlab.history.matching.repair import RepairedTrace, repair_names
from driftlab.history.trace import Trace
from driftlab.judge.checker import Verdict, chosen_rules, judge

if TYPE_CHECKING:
    from driftlab.analysis.compare import Comparison
    from driftlab.analysis.offsets import Offsets

EventName = int | str | tuple[str, int]


class NoSuchEventError(DriftlabError):
    """A name of an event that is none of the history's."""


class WrongRatesError(DriftlabError):
    """Rates that do not fit the processes of a history."""


class History:
    """Every event of a run, and what follows from them.

    events: a frame of Polars, a row an event, process after process.
    names: of the processes.
    trace: the columns as arrays, and what is known of the log.
    name: which run of several it is.
    """

    def __init__(self, trace: Trace, name: str = "") -> None:
        self.trace = trace
        self.name = name

    def with_rates(self, rates: Sequence[float]) -> "History":
        """Return the history with the rates, in ticks a second, that its processes were to keep.

        For logs that do not say, in name order; then the rule `pacing` applies. Raises
        WrongRatesError unless there is a rate above 0 for each process.
        """
        if len(rates) != self.trace.processes or not all(0 < rate < 1e12 for rate in rates):
            raise WrongRatesError(
                f"rates: {len(rates)} given; expected one above 0 for each of "
                f"{self.trace.processes} processes, {', '.join(self.names[:10])}"
            )
        places = {name: place for place, name in enumerate(sorted(self.names))}
        by_name = [rates[places[name]] for name in self.names]
        if len(self.trace.process_info):  # of ours they have an order of their own
            by_name = list(rates)
        return History(self.trace.with_rates(by_name), self.name)

    @property
    def names(self) -> list[str]:
        """The names of the processes."""
        return list(self.trace.names)

    def __len__(self) -> int:
        return len(self.trace)

    def __repr__(self) -> str:
        return f"History({len(self)} events of {self.trace.processes} processes)"

    def restamp(self, clock: str) -> "History":
        """Return the same history with a clock computed anew; see `driftlab.analysis.restamp`."""
        from driftlab.analysis.restamp import restamp, restamped_messages

        history = History(restamp(self.trace, self.messages, clock), self.name)
        history.__dict__["messages"] = restamped_messages(self.messages, clock)
        return history

    def compare(self) -> "Comparison":
        """Set all clocks side by side over this history; see `driftlab.analysis.compare`."""
        from driftlab.analysis.compare import compare

        return compare(self.trace, self.messages)

    def offsets(self) -> "Offsets":
        """Return how far machines' own clocks are off; see `driftlab.analysis.offsets`."""
        from driftlab.analysis.offsets import estimate_offsets

        return estimate_offsets(self.trace, self.messages)

    @cached_property
    def events(self) -> Any:
        """The events as a frame of Polars; see `driftlab.trace.frame`."""
        return frame_of(self.trace)

    @cached_property
    def messages(self) -> Messages:
        """Which send each receive belongs to."""
        return match(self._mended.trace)

    @cached_property
    def _mended(self) -> RepairedTrace:
        return repair_names(self.trace)

    def check(self, *, only: Sequence[str] = (), without: Sequence[str] = ()) -> Verdict:
        """Hold the history against every rule, or `only` some, or all `without` some.

        Raises NoSuchRuleError.
        """
        return judge(self.trace, self._mended, self.messages, chosen_rules(only, without))

    @cached_property
    def order(self) -> HappenedBefore:
        """Happened-before among the rows; see `driftlab.analysis.order`."""
        return HappenedBefore(self.trace, self.messages)

    def happened_before(self, first: EventName, second: EventName) -> bool:
        """Whether one event happened before another. Raises NoSuchEventError."""
        return self.order.happened_before(self.row(first), self.row(second))

    def concurrent(self, first: EventName, second: EventName | None = None) -> Any:
        """Whether neither event happened before the other; given one event, all such others.

        These are a frame of slices of `events`. Raises NoSuchEventError.
        """
        row = self.row(first)
        if second is not None:
            return self.order.concurrent(row, self.row(second))
        return between(self.events, *self.order.concurrent_ranges(row))

    def past(self, event: EventName) -> Any:
        """Return what happened before an event, slices of `events`. Raises NoSuchEventError."""
        starts = self.trace.starts[:-1]
        return between(self.events, starts, starts + self.order.past(self.row(event)))

    def future(self, event: EventName) -> Any:
        """Return what an event happened before, slices of `events`. Raises NoSuchEventError."""
        return between(self.events, self.order.future(self.row(event)), self.trace.starts[1:])

    def why(self, first: EventName, second: EventName) -> Any:
        """Return the rows of `events` that show that one event happened before another.

        They are the first event, each send and its receive, and the second, with
        as few messages as can be; none if it did not. Raises NoSuchEventError.
        """
        return self.events[self.order.why(self.row(first), self.row(second))]

    def cut(
        self,
        counts: Mapping[str, int] | None = None,
        *,
        at_ns: int | None = None,
        clock: int | None = None,
        containing: EventName | None = None,
        before: EventName | None = None,
    ) -> Cut:
        """Return a cut, asked for in one of these ways.

        counts: how many events of each process are inside, by name; none of those not named.
        at_ns: what began up to this real time after the start (`analysis.cuts.by_time`).
        clock: the events up to this Lamport clock.
        containing: the smallest consistent cut with an event; before: the largest without.
        Raises NoSuchCutError and NoSuchEventError.
        """
        frontier = frontier_of(
            self.order,
            counts=counts,
            at_ns=at_ns,
            clock=clock,
            containing=None if containing is None else self.row(containing),
            before=None if before is None else self.row(before),
        )
        return Cut(self.order, lambda: self.events, frontier)

    def row(self, event: EventName) -> int:
        """Return the row of an event. Raises NoSuchEventError."""
        if isinstance(event, str):
            name, _, index = event.rpartition(":")
            event = (name, int(index) if index.isascii() and index.isdigit() else -1)
        given: Any = event  # may be anything
        if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], int):
            return self._row_within(*given)
        try:
            row = operator.index(given)
        except TypeError:
            raise NoSuchEventError(
                f"{event!r} names no event; give its row, or as in 'A:17' or ('A', 17)"
            ) from None
        if not 0 <= row < len(self):
            raise NoSuchEventError(f"event {row}: there are rows 0 to {len(self) - 1}")
        return row

    def _row_within(self, name: str, index: int) -> int:
        if name not in self.trace.names:
            raise NoSuchEventError(f"there is no process {name}")
        process = list(self.trace.names).index(name)
        start, end = (int(self.trace.starts[process + step]) for step in (0, 1))
        if not 0 <= index < end - start:
            raise NoSuchEventError(f"{name} has events 0 to {end - start - 1}, not {index}")
        return start + index
