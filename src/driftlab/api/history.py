"""A history for its users: its events, happened-before among them, cuts, and the judge.

An event is named by its row in `events`, or by its process and its number
there, `("A", 17)` or `"A:17"`. Nothing is computed before it is asked for.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.errors import DriftlabError, counted
from driftlab.history import cuts
from driftlab.history.causal_paths import MessageLinks
from driftlab.history.cuts import NoSuchCutError
from driftlab.history.frame import frame_of
from driftlab.history.happened_before import HappenedBefore
from driftlab.history.matching.match import assumed_lines, match, unmatched_line, unmatched_receives
from driftlab.history.matching.messages import Messages
from driftlab.history.matching.repair import RepairedTrace, repair_names
from driftlab.history.trace import Trace, processes_of
from driftlab.lazy import pl
from driftlab.model.columns import MISSING

if TYPE_CHECKING:
    from driftlab.analysis.compare_clocks import Comparison
    from driftlab.analysis.offsets import Offsets
    from driftlab.analysis.run_statistics import RunStatistics
    from driftlab.api.diagram import SpaceTimeDiagram
    from driftlab.api.plot import Plots
    from driftlab.judge.checker import Verdict

EventName = int | str | tuple[str, int]
CUT_ARGUMENTS = "counts, at_ns, clock, containing, before"
DRAWN_WHOLE_MAX = 400  # events of a history that shows its diagram in a notebook
NAMES_SHOWN_MAX = 10  # processes that a message lists
INDEX_DIGITS_MAX = 18  # of an event's number in a name like A:17


class NoSuchEventError(DriftlabError):
    """The history has no such event."""


class WrongRatesError(DriftlabError):
    """The rates do not fit the processes of a history."""


class Cut:
    """A cut of a history: the first events of each process, up to a frontier.

    frontier i8: how many events of each process are inside, in the order of the
    history's `names`.
    """

    def __init__(
        self, order: HappenedBefore, events: Callable[[], "pl.DataFrame"], frontier: IntArray
    ) -> None:
        """Make a cut; `events` returns the frame of all events of the history."""
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
    def events(self) -> "pl.DataFrame":
        """The events inside, as slices of the history's frame."""
        trace = self._order.trace
        return _slices(self._events(), trace.starts[:-1], cuts.end_rows(trace, self.frontier))

    @property
    def is_consistent(self) -> bool:
        """Whether the cut contains the past of every event in it: a possible global state."""
        return not len(self._violations.sent)

    @cached_property
    def _violations(self) -> MessageLinks:
        return cuts.violations(self._order.trace, self._order.messages, self.frontier)

    @property
    def violations(self) -> "pl.DataFrame":
        """The messages received inside and sent outside, as a frame with a row each.

        Columns: process and index of the send; target, the process that received
        the message; received, the index of the receive.
        """
        links = self._violations
        return _message_frame(self._order.trace, links.sent, links.receiver, links.received)

    @cached_property
    def in_flight(self) -> "pl.DataFrame":
        """The copies of messages sent inside and not received inside, as a frame.

        Columns as in `violations`. target is null where the log does not name it,
        received is null where no event received the copy.
        """
        messages = cuts.in_flight(self._order.trace, self._order.messages, self.frontier)
        return _message_frame(self._order.trace, *messages)

    @cached_property
    def snapshot(self) -> "pl.DataFrame":
        """The state of each process along the cut, as a frame with a row each.

        Columns: process; events, how many are inside; index of the last of them;
        clock and queue after it. The last three are null where there is none.
        """
        trace = self._order.trace
        events, _, clock, queue = cuts.snapshot(trace, self.frontier)
        return pl.DataFrame(
            {
                "process": pl.Series(list(trace.names), dtype=pl.String),
                "events": events,
                "index": _nullable(events - 1, events == 0),
                "clock": _nullable(clock, clock == MISSING),
                "queue": _nullable(queue, queue == MISSING),
            }
        )


def _slices(events: "pl.DataFrame", begins: IntArray, ends: IntArray) -> "pl.DataFrame":
    """Return the rows `begins[p]` to `ends[p]` of a frame for every p, without copying them."""
    slices = [
        events.slice(begin, end - begin)
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
        if begin < end
    ]
    return pl.concat(slices, rechunk=False) if slices else events.clear()


def _message_frame(
    trace: Trace, send: IntArray, target: IntArray, receive: IntArray
) -> "pl.DataFrame":
    """Return messages as a frame; `target` and `receive` may hold cuts.NOWHERE."""
    names = pl.Series(list(trace.names), dtype=pl.String)
    sender = processes_of(trace, send)
    receiver = processes_of(trace, np.maximum(receive, 0))
    received = receive - trace.starts[receiver] if len(receive) else receive
    return pl.DataFrame(
        {
            "process": names.gather(pl.Series(sender, dtype=pl.UInt32)),
            "index": send - trace.starts[sender] if len(send) else send,
            "target": names.gather(_nullable(target, target < 0).cast(pl.UInt32)),
            "received": _nullable(received, receive < 0),
        }
    )


def _nullable(column: IntArray, is_null: BoolArray) -> "pl.Series":
    return pl.Series(column, dtype=pl.Int64).set(pl.Series(is_null, dtype=pl.Boolean), None)


class History:
    """Every event of a run, and what follows from the events.

    events: a Polars frame, a row for each event, process after process.
    names: of the processes.
    trace: the columns as arrays, and what is known of the log.
    name: which of several runs it is.
    """

    def __init__(self, trace: Trace, name: str = "", *, messages: Messages | None = None) -> None:
        """Make a history of a trace.

        name: which of several runs it is. messages: the matched messages, where
        they are known already; otherwise they are matched when they are needed.
        """
        self.trace = trace
        self.name = name
        self._known_messages = messages

    def with_rates(self, rates: Sequence[float]) -> "History":
        """Return the history with the nominal rates of its processes, so that `pacing` applies.

        rates: ticks a second, one for each process, in the order of their names
        (of a run of driftlab: in the order of its machines).

        Raise WrongRatesError unless there is a rate above 0 for each process.
        """
        if len(rates) != self.trace.processes or not all(0 < rate < 1e12 for rate in rates):
            raise WrongRatesError(
                f"rates: {len(rates)} given; expected one above 0 for each of "
                f"{self.trace.processes} processes, {', '.join(self.names[:NAMES_SHOWN_MAX])}"
            )
        if len(self.trace.process_info):  # a run of ours: the machines have their own order
            return History(self.trace.with_rates(list(rates)), self.name)
        places = {name: place for place, name in enumerate(sorted(self.names))}
        by_name = [rates[places[name]] for name in self.names]
        return History(self.trace.with_rates(by_name), self.name)

    @property
    def names(self) -> list[str]:
        """The names of the processes."""
        return list(self.trace.names)

    def __len__(self) -> int:
        return len(self.trace)

    def __repr__(self) -> str:
        return f"History({_size(self)})"

    def restamp(self, clock: str) -> "History":
        """Return the same history with a clock computed anew; see `driftlab.analysis.restamp`."""
        from driftlab.analysis.restamp import restamp, restamped_messages

        return History(
            restamp(self.trace, self.messages, clock),
            self.name,
            messages=restamped_messages(self.messages, clock),
        )

    def compare(self) -> "Comparison":
        """Compare all clocks over this history; see `driftlab.analysis.compare_clocks`."""
        from driftlab.analysis.compare_clocks import compare

        return compare(self.trace, self.messages)

    def offsets(self) -> "Offsets":
        """Estimate the offsets of the machines' own clocks; see `driftlab.analysis.offsets`."""
        from driftlab.analysis.offsets import estimate_offsets

        return estimate_offsets(self.trace, self.messages)

    @property
    def plot(self) -> "Plots":
        """The figures of the history as charts of Altair: `history.plot.queues()`."""
        from driftlab.api.plot import Plots
        from driftlab.figures.run_columns import RunColumns

        return Plots(lambda: [RunColumns(self.trace)])

    def diagram(
        self, title: str = "", *, span: tuple[float, float] | None = None
    ) -> "SpaceTimeDiagram":
        """Return the space-time diagram: it shows itself in a notebook, and writes files.

        title: what stands above it. span: the seconds of the time axis from which and to which
        it is drawn; None for all. See `driftlab.api.diagram`.
        """
        from driftlab.api.diagram import SpaceTimeDiagram

        return SpaceTimeDiagram(self, title, span)

    def stats(self) -> "pl.DataFrame":
        """Return the statistics of each machine as a frame; docs/figures.md has the columns.

        What the log does not say is null; `stats_reasons` says why.
        """
        return self._statistics.frame()

    @property
    def stats_reasons(self) -> list[str]:
        """Why some of `stats` are null, and what limits others, a line each."""
        return list(self._statistics.reasons)

    @cached_property
    def _statistics(self) -> "RunStatistics":
        from driftlab.analysis.run_statistics import run_statistics

        return run_statistics(self.trace)

    def drifts(self, instants: int | None = None) -> "pl.DataFrame":
        """Return the drift of every pair of machines over time: machine, reference, time, drift.

        instants: how many, evenly spaced; by default 241. See `driftlab.analysis.drift`.
        """
        from driftlab.analysis.drift import INSTANTS, drift_over_time

        return drift_over_time(self.trace, instants=INSTANTS if instants is None else instants)

    def drift_slopes(self) -> "pl.DataFrame":
        """Return how fast every pair of machines drifts apart, with 95 % intervals."""
        return self._statistics.slopes

    def _repr_html_(self) -> str:
        from driftlab.api.notebook import shown

        plot, trace = self.plot, self.trace
        named = f"{self.name}: " if self.name else ""
        rows = [trace.rows_of(process) for process in range(trace.processes)]
        last = [self._last_values(each) for each in rows]
        return shown(
            f"{named}{_size(self)}",
            ("process", "events", "last clock, ticks", "last queue, messages"),
            (
                (name, each.stop - each.start, *values)
                for name, each, values in zip(self.names, rows, last, strict=True)
            ),
            [partial(plot.figure, name) for name in ("queue", "clock", "events")],
            diagram=self._small_diagram(),
        )

    def _small_diagram(self) -> str:
        """Return a picture of the space-time diagram of a small history, empty of a larger one."""
        if not 0 < len(self) <= DRAWN_WHOLE_MAX:
            return ""
        from driftlab.api.diagram import columns_of
        from driftlab.diagram.svg import svg_of

        return svg_of(columns_of(self, self.name))

    def _last_values(self, rows: slice) -> list[int | None]:
        """Return the clock and the queue after the last of some rows, None where not known."""
        found: list[int | None] = []
        for column in (self.trace.columns.clock, self.trace.columns.queue):
            value = (
                None if column is None or rows.stop == rows.start else int(column[rows.stop - 1])
            )
            found.append(None if value == MISSING else value)
        return found

    @cached_property
    def events(self) -> "pl.DataFrame":
        """The events as a Polars frame; see `driftlab.history.frame`."""
        from driftlab.api.event_frame import EventFrame

        return EventFrame(frame_of(self.trace))

    @cached_property
    def messages(self) -> Messages:
        """The matched messages: the send of each receive."""
        if self._known_messages is not None:
            return self._known_messages
        return match(self._repaired.trace)

    @property
    def assumed(self) -> list[str]:
        """What was assumed to read the log and to match its messages, a line each."""
        return [*self.trace.assumed, *assumed_lines(self.messages)]

    @property
    def unmatched(self) -> int:
        """How many receives have no send in the log: what happened before them is not known."""
        return unmatched_receives(self.trace, self.messages)

    @property
    def unmatched_line(self) -> str:
        """What to say of these receives; empty where there are none."""
        return unmatched_line(self.trace, self.messages)

    @cached_property
    def _repaired(self) -> RepairedTrace:
        return repair_names(self.trace)

    def check(
        self, *, only: Sequence[str] = (), without: Sequence[str] = (), complete: bool = False
    ) -> "Verdict":
        """Judge the history by every rule, by `only` some, or by all `without` some.

        complete: whether the log holds every event, so that what only an absent
        event could explain is a violation.

        Raise NoSuchRuleError if a rule has no such name.
        """
        from driftlab.judge.checker import chosen_rules, judge

        rules = chosen_rules(only, without)
        return judge(self.trace, self._repaired, self.messages, rules, complete=complete)

    @cached_property
    def order(self) -> HappenedBefore:
        """Happened-before among the rows; see `driftlab.history.happened_before`."""
        return HappenedBefore(self.trace, self.messages)

    def happened_before(self, first: EventName, second: EventName) -> bool:
        """Whether one event happened before another. Raise NoSuchEventError."""
        return self.order.happened_before(self.row(first), self.row(second))

    @overload
    def concurrent(self, first: EventName, second: EventName) -> bool: ...

    @overload
    def concurrent(self, first: EventName, second: None = None) -> "pl.DataFrame": ...

    def concurrent(
        self, first: EventName, second: EventName | None = None
    ) -> "bool | pl.DataFrame":
        """Whether neither of two events happened before the other.

        Given one event, return all events concurrent with it, as slices of
        `events`. Raise NoSuchEventError.
        """
        row = self.row(first)
        if second is not None:
            return self.order.concurrent(row, self.row(second))
        return _slices(self.events, *self.order.concurrent_ranges(row))

    def past(self, event: EventName) -> "pl.DataFrame":
        """Return the events that happened before one, as slices of `events`.

        Raise NoSuchEventError.
        """
        starts = self.trace.starts[:-1]
        return _slices(self.events, starts, starts + self.order.past(self.row(event)))

    def future(self, event: EventName) -> "pl.DataFrame":
        """Return the events that one happened before, as slices of `events`.

        Raise NoSuchEventError.
        """
        return _slices(self.events, self.order.future(self.row(event)), self.trace.starts[1:])

    def why(self, first: EventName, second: EventName) -> "pl.DataFrame":
        """Return the rows of `events` that show how one event happened before another.

        They are the first event, each send and its receive, and the second, on a
        chain with the fewest messages. There are none if the first event did not
        happen before the second. Raise NoSuchEventError.
        """
        return self.events[self.order.causal_chain(self.row(first), self.row(second))]

    def cut(
        self,
        counts: Mapping[str, int] | None = None,
        *,
        at_ns: int | None = None,
        clock: int | None = None,
        containing: EventName | None = None,
        before: EventName | None = None,
    ) -> Cut:
        """Return a cut. Give exactly one of the arguments.

        counts: how many events of each process are inside, by name; none of a
        process that is not named.
        at_ns: the events that began up to this real time after the start, in
        nanoseconds (see `driftlab.history.cuts.by_time`).
        clock: the events up to this Lamport clock.
        containing: an event; the smallest consistent cut with it.
        before: an event; the largest consistent cut without it.

        Raise NoSuchCutError or NoSuchEventError.
        """
        given = [each for each in (counts, at_ns, clock, containing, before) if each is not None]
        if len(given) != 1:
            raise NoSuchCutError(
                f"a cut is given in one way, by one of {CUT_ARGUMENTS}; got {len(given)}"
            )
        if at_ns is not None:
            frontier = cuts.by_time(self.trace, at_ns)
        elif clock is not None:
            frontier = cuts.by_clock(self.trace, clock)
        elif containing is not None:
            frontier = cuts.containing(self.order, self.row(containing))
        elif before is not None:
            frontier = cuts.before(self.order, self.row(before))
        else:
            frontier = cuts.by_names(self.trace, counts or {})
        return Cut(self.order, lambda: self.events, frontier)

    def row(self, event: EventName) -> int:
        """Return the row of an event. Raise NoSuchEventError."""
        given: Any = event  # a caller may pass anything
        if isinstance(event, str):
            name, _, index = event.rpartition(":")
            if _is_number(index):
                given = (name, int(index))
        if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], int):
            return self._row_within(*given)
        try:
            row = operator.index(given)
        except TypeError:
            raise NoSuchEventError(
                f"{event!r} does not name an event; give its row, 'A:17' or ('A', 17)"
            ) from None
        if not 0 <= row < len(self):
            raise NoSuchEventError(f"event {row}: there are rows 0 to {len(self) - 1}")
        return row

    def _row_within(self, name: str, index: int) -> int:
        if name not in self.trace.names:
            raise NoSuchEventError(f"there is no process {name}")
        process = list(self.trace.names).index(name)
        start, end = self.trace.starts[[process, process + 1]].tolist()
        if not 0 <= index < end - start:
            there = f"events 0 to {end - start - 1}, not {index}" if end > start else "no events"
            raise NoSuchEventError(f"{name} has {there}")
        return int(start) + index


def _size(history: History) -> str:
    processes = counted(history.trace.processes, "process")
    return f"{counted(len(history), 'event')} of {processes}"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= INDEX_DIGITS_MAX
