"""What figures need of a recorded run: times, clocks, queues and lateness of each machine.

Times are seconds of scenario time since the start (see `analysis.run_times`); where a log
has none, events stand in their order. A value that a log does not have is left out.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from driftlab.analysis.drift import pair_slopes
from driftlab.analysis.metrics import MachineMetrics, slow_line
from driftlab.analysis.run_statistics import late_ticks, metrics_of_trace
from driftlab.analysis.run_times import RunTimes, said_of, speed_order
from driftlab.analysis.statistics import Estimate
from driftlab.arrays import FloatArray, IntArray
from driftlab.errors import DriftlabError
from driftlab.history.trace import ProcessInfo, Trace
from driftlab.lazy import np
from driftlab.model.columns import MISSING

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
        seconds = None if self.scenario is None else float(self.scenario.seconds)
        self._times = RunTimes(trace, seconds, None)
        self._places: dict[int, IntArray | FloatArray] = {}

    @property
    def names(self) -> list[str]:
        """The names of the machines, in the order of the run."""
        return list(self.trace.names)

    def about(self, process: int) -> ProcessInfo:
        """Return what the log says about a machine."""
        return said_of(self.trace, process)

    @cached_property
    def rates(self) -> "list[float] | None":
        """The rates that the machines were to keep, None unless the log says all of them."""
        rates = [self.about(process).rate for process in range(self.trace.processes)]
        return None if None in rates or not rates else [float(rate or 0) for rate in rates]

    @cached_property
    def speed_order(self) -> list[int]:
        """The machines from the fastest to the slowest, where need be by how often they acted."""
        machines = range(self.trace.processes)
        known = [self.about(process).rate for process in machines]
        order = speed_order(known, [self._times.achieved_rate(process) for process in machines])
        return order or sorted(machines, key=lambda process: -self._times.events(process))

    @cached_property
    def has_times(self) -> bool:
        """Whether the log says when its events were."""
        return self._times.are_known and any(
            column is not None and len(column) > 0 and not bool((column == MISSING).all())
            for column in (self.trace.columns.due_ns, self.trace.columns.time_ns)
        )

    @property
    def own_clocks(self) -> bool:
        """Whether the times are those of the machines' own clocks."""
        return self._times.own_clocks

    @property
    def axis(self) -> str:
        """What the time axis shows."""
        if not self.has_times:
            return "event of the machine (the log has no times)"
        return "time of the machines' own clocks, s" if self.own_clocks else "time, s"

    def column(self, key: str) -> "IntArray | None":
        """Return a column of whole numbers, None if the log has none of it."""
        column: IntArray | None = getattr(self.trace.columns, key)
        if column is None or not len(column) or bool((column == MISSING).all()):
            return None
        return column

    def places(self, process: int) -> IntArray | FloatArray:
        """Return when each event of a machine was, in seconds, or its number if nobody knows."""
        if process not in self._places:
            self._places[process] = (
                self._times.seconds_of(process)
                if self.has_times
                else np.arange(self._times.events(process))
            )
        return self._places[process]

    def points(self, process: int, column: IntArray) -> Points:
        """Return a column of one machine over time."""
        values, places = column[self.trace.rows_of(process)], self.places(process)
        known = values != MISSING
        return Points(places, values) if known.all() else Points(places[known], values[known])

    def jumps(self, process: int, clock: IntArray) -> Points:
        """Return the jump at every event that has one before it, with no events missing between."""
        rows = self.trace.rows_of(process)
        values = clock[rows]
        known = (values[1:] != MISSING) & (values[:-1] != MISSING)
        gaps = self.trace.gaps
        known[gaps[(gaps > rows.start) & (gaps < rows.stop)] - rows.start - 1] = False
        jumps = values[1:][known] - values[:-1][known]
        return Points(self.places(process)[1:][known], jumps)

    def growth(self, process: int, column: IntArray | None) -> Estimate | None:
        """Return how fast a column of a machine grows a second, as `driftlab stats` does."""
        value, low, high = self._times.growth(process, column)
        return None if value is None else Estimate(value, low, high)

    def drift_slopes(self) -> dict[int, Estimate]:
        """Return how fast each machine drifts from the fastest, as `driftlab stats` does."""
        order = self.speed_order
        pairs = [(process, order[0]) for process in order]
        slopes = dict(zip(order, pair_slopes(self._times, pairs), strict=True))
        return {
            process: Estimate(value, low, high)
            for process, (value, low, high) in slopes.items()
            if value is not None and process != self.speed_order[0]
        }

    def achieved_rate(self, process: int) -> float | None:
        """Return the events per second of a machine, None if the log does not say."""
        return self._times.achieved_rate(process) if self.has_times else None

    @cached_property
    def is_simulated(self) -> bool:
        """Whether nothing could be late."""
        return any(self.about(process).simulated for process in range(self.trace.processes))

    @cached_property
    def late_ticks(self) -> int:
        """How many ticks of a real run began more than a period late."""
        return sum(self.late_ticks_of(process) for process in range(len(self.rates or ())))

    def late_ticks_of(self, process: int) -> int:
        """Return how many ticks of a machine began more than a period late."""
        rate = 0.0 if self.rates is None else self.rates[process]
        return late_ticks(self.trace, process, rate * self.about(process).speed) or 0

    def slow_lines(self) -> list[str]:
        """Return a line for every real machine that missed the rate that it was to keep."""
        if self.is_simulated or self.rates is None or not self.has_times:
            return []
        lines = []
        for process, (name, rate) in enumerate(zip(self.names, self.rates, strict=True)):
            achieved, ticks = self.achieved_rate(process), self._times.events(process)
            if achieved is not None:
                line = slow_line(name, rate, achieved, ticks, self.late_ticks_of(process))
                lines += [] if line is None else [line]
        return lines

    def metrics(self) -> tuple[MachineMetrics, ...]:
        """Return the metrics of the machines of a run of driftlab's own."""
        trace, seconds = self.trace, 1.0
        if self.scenario is not None:
            seconds = float(self.scenario.seconds)
        if trace.columns.late_ns is None:  # simulated: nothing is late
            late = np.zeros(len(trace), np.int64)
            trace = trace.replace(columns=trace.columns._replace(late_ns=late))
        return metrics_of_trace(
            trace, range(trace.processes), seconds=seconds, speed=self._times.speed
        )


def _own_scenario(trace: Trace) -> "Scenario | None":
    if trace.scenario is None:
        return None
    from driftlab.scenario.scenario import Scenario

    try:
        return Scenario.from_toml(trace.scenario)
    except DriftlabError:  # it is no longer valid here: the events are drawn all the same
        return None
