"""What figures need of a recorded run: times, clocks, queues, kinds and lateness of each machine.

Times are seconds of scenario time since the start, where the log says when ticks were
due; else those of the machines' own clocks, since the first of them; else there are none.
A value that a log does not have is left out with its row.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from driftlab.analysis.metrics import Counters, MachineMetrics, fastest, machine_metrics
from driftlab.arrays import BoolArray, FloatArray, IntArray
from driftlab.errors import DriftlabError
from driftlab.history.trace import ProcessInfo, Trace
from driftlab.lazy import np
from driftlab.model.columns import INTERNAL, MISSING, RECEIVE, SEND
from driftlab.model.schedule import NS_PER_SECOND

if TYPE_CHECKING:
    from driftlab.scenario.scenario import Scenario

NS_PER_MS: Final = 1e6


class Points(NamedTuple):
    """The points of one machine: places along the time axis, rising, and values."""

    places: IntArray | FloatArray
    values: IntArray | FloatArray


class RunColumns:
    """The columns of one run as figures need them.

    trace: of the run. scenario: of this run alone, None of another program's log.
    number: of the run, which tells several apart; None: as the scenario says.
    """

    def __init__(
        self, trace: Trace, scenario: "Scenario | None" = None, *, number: int | None = None
    ) -> None:
        self.trace = trace
        self.scenario = _own_scenario(trace) if scenario is None else scenario
        if number is None:
            number = 1 if self.scenario is None else self.scenario.first_run
        self.number = number

    @property
    def names(self) -> list[str]:
        """The names of the machines, in the order of the run."""
        return list(self.trace.names)

    def about(self, process: int) -> ProcessInfo:
        """Return what the log says about a machine."""
        known = self.trace.process_info
        return known[process] if len(known) else ProcessInfo()

    @cached_property
    def rates(self) -> "list[float] | None":
        """The rates that the machines were to keep, None unless the log says all of them."""
        rates = [self.about(process).rate for process in range(self.trace.processes)]
        return None if None in rates or not rates else [float(rate or 0) for rate in rates]

    @cached_property
    def has_due_times(self) -> bool:
        """Whether the log says when ticks were due, so that all times are of one clock."""
        due = self.trace.columns.due_ns
        return due is not None and len(due) > 0 and not bool((due == MISSING).all())

    @cached_property
    def times(self) -> "FloatArray | None":
        """The time of every row, NaN where it is missing; None if the log has none."""
        columns = self.trace.columns
        if self.has_due_times:
            assert columns.due_ns is not None
            times = _seconds(columns.due_ns)
            if columns.late_ns is not None:
                times += np.nan_to_num(_seconds(columns.late_ns))
            for process in range(self.trace.processes):
                about = self.about(process)
                if not about.simulated and about.speed != 1:
                    times[self.trace.rows_of(process)] *= about.speed
            return times
        own = columns.time_ns
        if own is None or not len(own) or bool((own == MISSING).all()):
            return None
        first = int(own[own != MISSING].min())  # whole numbers: floats lose the nanoseconds
        return _seconds(np.where(own == MISSING, MISSING, own - first))

    @property
    def axis(self) -> str:
        """What the time axis shows."""
        if self.times is None:
            return "event of the machine (the log has no times)"
        return "time, s" if self.has_due_times else "time of the machines' own clocks, s"

    def values(self, key: str) -> "IntArray | None":
        """Return a column of whole numbers, None if the log has none of it."""
        column: IntArray | None = getattr(self.trace.columns, key)
        if column is None or not len(column) or bool((column == MISSING).all()):
            return None
        return column

    def points(self, process: int, column: IntArray) -> Points:
        """Return a column of one machine against time, or against the number of the event."""
        rows = self.trace.rows_of(process)
        values = column[rows]
        places: IntArray | FloatArray = (
            np.arange(len(values)) if self.times is None else self.times[rows]
        )
        return _sorted(places, values, values != MISSING)

    def jumps(self, process: int, clock: IntArray) -> Points:
        """Return the jump at every event that has one before it, with no events missing between."""
        rows = self.trace.rows_of(process)
        values = clock[rows]
        places: IntArray | FloatArray = (
            np.arange(len(values)) if self.times is None else self.times[rows]
        )
        known = (values[1:] != MISSING) & (values[:-1] != MISSING)
        gaps = self.trace.gaps
        inside = gaps[(gaps > rows.start) & (gaps < rows.stop)] - rows.start - 1
        known[inside] = False
        return _sorted(places[1:], np.where(known, values[1:] - values[:-1], 0), known)

    @cached_property
    def is_simulated(self) -> bool:
        """Whether nothing could be late."""
        return any(self.about(process).simulated for process in range(self.trace.processes))

    @cached_property
    def late_ticks(self) -> int:
        """How many ticks of a real run began more than a period late."""
        late, rates = self.values("late_ns"), self.rates
        if late is None or rates is None or self.is_simulated:
            return 0
        return sum(
            int(np.count_nonzero(late[self.trace.rows_of(p)] * (rate * self.about(p).speed)
                                 > NS_PER_SECOND))
            for p, rate in enumerate(rates)
        )  # fmt: skip

    def metrics(self) -> list[MachineMetrics]:
        """Return the metrics of the machines, of a log with clocks, queues and due times."""
        rates, times = self.rates, self.times
        assert rates is not None
        assert times is not None
        counters = [self._counters(process) for process in range(self.trace.processes)]
        fastest_clock = counters[fastest(rates)].clock
        seconds = 1.0 if self.scenario is None else float(self.scenario.seconds)
        between = [times[self.trace.rows_of(p)] for p in range(self.trace.processes)]
        return [
            machine_metrics(
                name, rate, counters[p], seconds=seconds, fastest_clock=fastest_clock,
                between_ns=round(np.ptp(between[p]) * NS_PER_SECOND) if len(between[p]) else 0,
            )
            for p, (name, rate) in enumerate(zip(self.names, rates, strict=True))
        ]  # fmt: skip

    def _counters(self, process: int) -> Counters:
        rows, columns = self.trace.rows_of(process), self.trace.columns
        assert columns.clock is not None
        assert columns.queue is not None
        kind, clock, queue = columns.kind[rows], columns.clock[rows], columns.queue[rows]
        if not len(clock):
            return Counters()
        return Counters(
            *(int(np.count_nonzero(kind == each)) for each in (INTERNAL, SEND, RECEIVE)),
            int(clock[0]), int(clock[-1]), int(np.diff(clock).max(initial=0)),
            int(queue.sum()), int(queue.max()), int(queue[-1]),
        )  # fmt: skip


def _own_scenario(trace: Trace) -> "Scenario | None":
    if trace.scenario is None:
        return None
    from driftlab.scenario.scenario import Scenario

    try:
        return Scenario.from_toml(trace.scenario)
    except (
        DriftlabError
    ):  # a file of its own that no longer fits: the events are drawn all the same
        return None


def _seconds(column: IntArray) -> FloatArray:
    """Return nanoseconds as seconds, NaN where they are missing."""
    seconds = column / NS_PER_SECOND
    seconds[column == MISSING] = np.nan
    return seconds


def _sorted(
    places: IntArray | FloatArray, values: IntArray | FloatArray, known: BoolArray
) -> Points:
    """Return the points that are known, by rising places: a machine's own clock may step back."""
    if places.dtype.kind == "f":
        known = known & ~np.isnan(places)
    if not known.all():
        places, values = places[known], values[known]
    if len(places) > 1 and bool((places[1:] < places[:-1]).any()):
        order = np.argsort(places, kind="stable")
        places, values = places[order], values[order]
    return Points(places, values)
