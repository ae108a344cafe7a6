"""When the events of a run were, and what a column was at an instant of real time.

Times are those at which ticks began, or, where a log does not say that, those that the
machines' own clocks showed. Of each process they never fall: an event without a time, or
with one before that of its predecessor, takes that of its predecessor.
"""

from collections.abc import Sequence
from typing import Final

from driftlab.analysis.metrics import achieved_rate
from driftlab.analysis.statistics import BLOCKS, growth_estimate
from driftlab.arrays import FloatArray, IntArray
from driftlab.history.trace import ProcessInfo, Trace
from driftlab.lazy import np
from driftlab.model.columns import MISSING
from driftlab.model.schedule import NS_PER_SECOND
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import ScenarioError

Growth = Sequence[float | None]  # a second, and its interval, as in `Estimate`
NO_GROWTH: Final = (None, None, None)
ROWS_AT_ONCE: Final = 1 << 18  # that are looked at together


class RunTimes:
    """When the events of a run were, in seconds of scenario time after its start.

    are_known: whether the log has times. own_clocks: whether they are those of the
    machines' own clocks; the start is then the earliest of them. speed: scenario time
    per real time.
    """

    def __init__(self, trace: Trace, seconds: float | None, speed: float | None) -> None:
        """See `run_statistics.statistics_of` for the parameters."""
        columns, first = trace.columns, said_of(trace, 0) if trace.processes else ProcessInfo()
        self.trace = trace
        self.speed = 1.0 if first.simulated else first.speed if speed is None else speed
        self.own_clocks = columns.due_ns is None and columns.time_ns is not None
        self.are_known = columns.due_ns is not None or columns.time_ns is not None
        self._seconds = _seconds_of(trace) if seconds is None else seconds
        self._origin_ns = 0
        if self.own_clocks and columns.time_ns is not None:
            kept = known(columns.time_ns)
            self._origin_ns = int(kept.min()) if len(kept) else 0
        self._edges: dict[int, tuple[int, int]] = {}  # the first and the last time of a process
        self._rising: set[int] = set()  # processes whose times are known to rise

    def of(self, process: int) -> IntArray:
        """Return when each event of a process was, nanoseconds of real time, never falling."""
        columns, rows = self.trace.columns, self.trace.rows_of(process)
        if columns.due_ns is not None:
            times = _begun(columns.due_ns[rows], columns.late_ns, rows)
        elif columns.time_ns is not None:
            times = columns.time_ns[rows]
        else:
            return np.zeros(0, np.int64)
        if process not in self._rising and not _rises(times):
            times = np.maximum.accumulate(times)
            times[times == MISSING] = self._origin_ns
        else:
            self._rising.add(process)
        if len(times):
            self._edges[process] = int(times[0]), int(times[-1])
        return times

    def _first_and_last(self, process: int) -> tuple[int, int] | None:
        if process not in self._edges:
            self.of(process)
        return self._edges.get(process)

    def achieved_rate(self, process: int) -> float | None:
        """Return the events per second of a process, None if the log does not say.

        Events that are missing between others count where their number is known: a line
        that cannot be read does not make a machine slow.
        """
        edges = self._first_and_last(process)
        events = events_spanned(self.trace, process, self.speed)
        if not self.are_known or (events < 2 and self._seconds is None):
            return None
        between_ns = edges[1] - edges[0] if edges else 0
        if events > 1 and not between_ns:
            return None
        return achieved_rate(events, between_ns, self._seconds or 1.0, self.speed)

    def span_s(self, process: int) -> tuple[float, float]:
        """Return from when to when a process is known to have gone on, in seconds.

        A process whose log begins with it began at 0, and went on for a period after its
        last event; of another only what lies between its events is known.
        """
        edges = self._first_and_last(process)
        if edges is None:
            return 0.0, 0.0
        begin_s, end_s = ((edge - self._origin_ns) * self.speed / NS_PER_SECOND for edge in edges)
        if said_of(self.trace, process).from_start:
            rate = self.achieved_rate(process)
            begin_s, end_s = 0.0, end_s + (1 / rate if rate and end_s > begin_s else 0.0)
        return begin_s, end_s if self._seconds is None else min(end_s, self._seconds)

    def values_at(
        self, process: int, column: IntArray, instants_s: FloatArray
    ) -> FloatArray | None:
        """Return a column of a process at some instants; None if it has no value.

        Before the first event it is 0 where the log begins with the process, else what it
        is at the first event. instants_s: seconds of scenario time after the start.
        """
        times, values = self.of(process), column[self.trace.rows_of(process)]
        if len(values) and int(values.min()) == MISSING:
            is_known = values != MISSING
            times, values = times[is_known], values[is_known]
        if not len(values):
            return None
        instants = np.round(instants_s * (NS_PER_SECOND / self.speed)).astype(np.int64)
        at = np.searchsorted(times, instants + self._origin_ns, side="right") - 1
        found = values[np.maximum(at, 0)].astype(np.float64)
        if said_of(self.trace, process).from_start:
            found[at < 0] = 0.0
        return found

    def seconds_of(self, process: int) -> FloatArray:
        """Return when each event of a process was, seconds of scenario time after the start."""
        seconds: FloatArray = (self.of(process) - self._origin_ns) * (self.speed / NS_PER_SECOND)
        return seconds

    def growth(self, process: int, column: IntArray | None) -> Growth:
        """Return how fast a column of a process grows a second, with its interval."""
        span = self.span_s(process)
        if column is None or not self.are_known or span[0] >= span[1]:
            return NO_GROWTH
        edges = edges_of(span)
        values = self.values_at_edges(process, column, edges)
        return growth_between(edges, values, self.events(process))

    def values_at_edges(
        self, process: int, column: IntArray, edges_s: FloatArray
    ) -> FloatArray | None:
        """Return a column of a process at the edges of blocks, the first before any event.

        A process whose log begins with it had nothing before, though its first tick may
        have been due at that very instant.
        """
        values = self.values_at(process, column, edges_s)
        if values is not None and edges_s[0] <= 0 and said_of(self.trace, process).from_start:
            values[0] = 0.0
        return values

    def events(self, process: int) -> int:
        """Return how many events a process has."""
        rows = self.trace.rows_of(process)
        return int(rows.stop - rows.start)


def events_spanned(trace: Trace, process: int, speed: float) -> int:
    """Return how many events a process had from the first that is known to the last.

    Where the log has gaps, a machine that has a rate had as many as were due between those.
    speed: scenario time per real time.
    """
    rows, due_ns = trace.rows_of(process), trace.columns.due_ns
    events: int = rows.stop - rows.start
    rate = said_of(trace, process).rate
    first, end = np.searchsorted(trace.gaps, (rows.start + 1, rows.stop)).tolist()
    if first == end or due_ns is None or rate is None:
        return events
    between_ns = int(due_ns[rows.stop - 1] - due_ns[rows.start])
    return max(events, 1 + round(between_ns * rate * speed / NS_PER_SECOND))


def edges_of(span: tuple[float, float]) -> FloatArray:
    """Return the edges of the blocks that `growth_estimate` takes as independent."""
    edges: FloatArray = np.linspace(*span, BLOCKS + 1)
    return edges


def growth_between(edges: FloatArray, values: FloatArray | None, events: int) -> Growth:
    """Return the growth of a value that is known at the edges of blocks.

    events: how many there are; fewer than BLOCKS give no interval, and fewer than 2 nothing.
    """
    if values is None or events < 2:
        return NO_GROWTH
    found = growth_estimate(edges, values, float(edges[0]), float(edges[-1]))
    return found if events >= BLOCKS else (found.value, None, None)


def said_of(trace: Trace, process: int) -> ProcessInfo:
    """Return what the log says of a process besides its events."""
    return trace.process_info[process] if len(trace.process_info) else ProcessInfo()


def known(column: IntArray) -> IntArray:
    """Return the values of a column that the log has."""
    return column if not len(column) or int(column.min()) != MISSING else column[column != MISSING]


def speed_order(
    rates: Sequence[float | None], achieved: Sequence[float | None]
) -> list[int] | None:
    """Return the machines from the fastest to the slowest; of equals, the first comes first.

    rates, achieved: ticks per second, asked and reached; the latter count if one of the
    former is not known. None if these are not known either.
    """
    for each in (rates, achieved):
        speeds = [rate for rate in each if rate is not None]
        if len(speeds) == len(each):
            return sorted(range(len(speeds)), key=lambda place: -speeds[place])
    return None


def _begun(due_ns: IntArray, late: IntArray | None, rows: slice) -> IntArray:
    """Return when ticks began; MISSING where the log does not say when they were due."""
    if late is None:
        return due_ns
    late_ns = late[rows]
    if not len(due_ns) or MISSING not in (int(due_ns.min()), int(late_ns.min())):
        return due_ns + late_ns
    begun = np.where(late_ns == MISSING, due_ns, due_ns + late_ns)
    return np.where(due_ns == MISSING, MISSING, begun)


def _rises(times: IntArray) -> bool:
    """Whether times are known and never fall."""
    if not len(times) or times[0] == MISSING:
        return not len(times)
    return all(
        bool((times[begin + 1 : begin + ROWS_AT_ONCE + 1] >= part).all())
        for begin in range(0, len(times) - 1, ROWS_AT_ONCE)
        for part in [times[begin : begin + ROWS_AT_ONCE][: len(times) - 1 - begin]]
    )


def _seconds_of(trace: Trace) -> float | None:
    """Return the length of a run that its scenario says."""
    if trace.scenario is None:
        return None
    try:
        return Scenario.from_toml(trace.scenario).seconds
    except ScenarioError:  # a packed run that somebody edited
        return None
