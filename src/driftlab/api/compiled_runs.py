"""Runs of the compiled engine: made from its arrays when somebody looks at one.

A thousand runs of three machines, or one run of a million machines, stay
arrays; a `Run` or a `MachineMetrics` is made when it is asked for, and not kept.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Final, overload

import numpy as np

from driftlab.analysis.metrics import Counters, MachineMetrics, machine_metrics
from driftlab.api.history import History
from driftlab.api.run import Run, UniformMapping, stopped
from driftlab.api.runs import RunBlock, frame_schema
from driftlab.arrays import AnyArray, FloatArray, IntArray
from driftlab.history.simulated import trace_of_columns
from driftlab.journal.format import COMPLETE
from driftlab.lazy import pl
from driftlab.model.columns import Columns
from driftlab.model.schedule import NS_PER_SECOND, as_fraction
from driftlab.scenario.scenario import Scenario, default_name
from driftlab.scenario.validate import WAITING_MESSAGES_MAX
from driftlab.simulator.compiled.engine import Figures, record_run, simulate_runs
from driftlab.simulator.compiled.memory_layout import EventArrays

OnProgress = Callable[[int], None]  # called with how many ticks were taken so far

TICKS_AT_ONCE: Final = 100_000_000  # of each core: two seconds at most
CELLS_AT_ONCE: Final = 4_000_000  # machines times runs that are simulated together: some 350 MB


class MetricsTable(Sequence[MachineMetrics]):
    """The machines of one run, in name order, whose counters stay in the engine's arrays.

    figures: of several runs. row: of this run in them.
    """

    __slots__ = ("_fastest", "_figures", "_names", "_row", "_seconds")

    def __init__(self, figures: Figures, row: int, scenario: Scenario) -> None:
        self._figures = figures
        self._row = row
        self._fastest = int(figures.rates[row].argmax())
        self._names = scenario.names
        self._seconds = scenario.seconds

    def __len__(self) -> int:
        return int(self._figures.clock.shape[1])

    @overload
    def __getitem__(self, place: int) -> MachineMetrics: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[MachineMetrics, ...]: ...

    def __getitem__(self, place: int | slice) -> MachineMetrics | tuple[MachineMetrics, ...]:
        if isinstance(place, slice):
            return tuple(self._metrics(i) for i in range(*place.indices(len(self))))
        return self._metrics(range(len(self))[place])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(len(self))

    def __reduce__(self) -> tuple[type[tuple[Any, ...]], tuple[list[MachineMetrics]]]:
        return tuple, (list(self),)

    def _metrics(self, place: int) -> MachineMetrics:
        figures, row = self._figures, self._row
        counters = Counters(
            **{count: getattr(figures, count).item(row, place) for count in Counters.__slots__}
        )
        rate = figures.rates.item(row, place)
        return machine_metrics(
            self._names[place] if self._names else default_name(place),
            rate,
            counters,
            between_ns=_between_ns(counters.ticks, rate),
            seconds=self._seconds,
            fastest_clock=figures.clock.item(row, self._fastest),
        )

    @property
    def ticks(self) -> int:
        """How many ticks all machines took together."""
        figures, row = self._figures, self._row
        tables = (figures.internal, figures.send, figures.receive)
        return int(sum(table[row].sum() for table in tables))


def _between_ns(ticks: int, rate: float) -> int:
    """Return the time from the first to the last of some ticks, in nanoseconds."""
    whole = as_fraction(int(rate) if rate == int(rate) else rate)
    return (ticks - 1) * NS_PER_SECOND * whole.denominator // whole.numerator if ticks else 0


class CompiledRuns(RunBlock):
    """Runs that stay the engine's arrays; each is made a `Run` when it is asked for.

    numbers: of the runs, one for each row of the figures.
    """

    __slots__ = ("_figures", "_numbers", "_scenario")

    def __init__(self, scenario: Scenario, numbers: Sequence[int], figures: Figures) -> None:
        self._scenario = scenario
        self._numbers = numbers
        self._figures = figures

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> Run: ...

    @overload
    def __getitem__(self, place: slice) -> list[Run]: ...

    def __getitem__(self, place: int | slice) -> Run | list[Run]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        row = range(len(self))[place]
        return _run(self._scenario, self._numbers[row], self._figures, row, None)

    def incomplete(self) -> list[Run]:
        """Return the runs that ended because too many messages waited."""
        return [self[row] for row in np.flatnonzero(self._figures.stopped_ns >= 0).tolist()]

    def frame(self) -> "pl.DataFrame":
        """Return the metrics of the runs, see `Runs.frame`."""
        figures, scenario = self._figures, self._scenario
        runs, machines = figures.clock.shape
        columns = {"rank": _ranks(figures.rates), **metric_tables(figures, scenario.seconds)}
        names = pl.Series(list(scenario.machine_names()), dtype=pl.String)
        at = np.tile(np.arange(machines, dtype=np.uint32), runs)
        frame = pl.DataFrame(
            {
                "run": np.repeat(np.asarray(self._numbers, dtype=np.int64), machines),
                "name": names.gather(pl.Series(at)),
                **{name: np.ascontiguousarray(table).ravel() for name, table in columns.items()},
            }
        )
        stopped_ns = figures.stopped_ns.tolist() if (figures.stopped_ns >= 0).any() else None
        ends: pl.Expr | pl.Series = pl.lit(COMPLETE)
        if stopped_ns is not None:
            each = [COMPLETE if at_ns < 0 else _stopped(at_ns) for at_ns in stopped_ns]
            ends = pl.Series(each).gather(np.repeat(np.arange(runs, dtype=np.uint32), machines))
        nothing = {
            name: pl.lit(None, dtype=kind)
            for name, kind in frame_schema().items()
            if name not in (*frame.columns, "end")
        }
        frame = frame.with_columns(end=ends, **nothing)
        return frame.select(pl.col(name).cast(kind) for name, kind in frame_schema().items())


def metric_tables(figures: Figures, seconds: float) -> dict[str, AnyArray]:
    """Return the metrics of runs of so many seconds under the names of `Runs.frame`.

    Each is a table of shape (runs, machines).
    """
    runs = len(figures.clock)
    ticks = figures.internal + figures.send + figures.receive
    fastest_clock = figures.clock[np.arange(runs), figures.rates.argmax(axis=1)]
    return {
        "rate": figures.rates,
        "achieved_rate": _achieved_rates(figures.rates, ticks, seconds),
        "events_internal": figures.internal,
        "events_send": figures.send,
        "events_receive": figures.receive,
        "clock": figures.clock,
        "jump_mean": (figures.clock - figures.first_clock) / np.maximum(ticks - 1, 1),
        "jump_max": figures.jump_max,
        "queue_mean": figures.queue_sum / np.maximum(ticks, 1),
        "queue_max": figures.queue_max,
        "queue_last": figures.queue_last,
        "drift": figures.clock - fastest_clock[:, None],
    }


def _ranks(rates: FloatArray) -> IntArray:
    """Return the rank of each machine in its run; of equals, the first in name order."""
    ranks = np.empty(rates.shape, np.int64)
    order = np.argsort(-rates, axis=1, kind="stable")
    np.put_along_axis(ranks, order, np.arange(1, rates.shape[1] + 1)[None, :], axis=1)
    return ranks


def _achieved_rates(rates: FloatArray, ticks: IntArray, seconds: float) -> FloatArray:
    """Return what `machine_metrics` computes of each machine, for a table of them."""
    achieved = ticks / seconds
    for rate in np.unique(rates).tolist():
        of_rate = (rates == rate) & (ticks > 1)
        counts, which = np.unique(ticks[of_rate], return_inverse=True)  # few are different
        values = [
            (count - 1) * NS_PER_SECOND / max(_between_ns(count, rate), 1)
            for count in counts.tolist()
        ]
        achieved[of_rate] = np.asarray(values)[which] if values else ()
    return achieved


def simulate_compiled(
    scenario: Scenario, workers: int, on_progress: OnProgress
) -> Generator[CompiledRuns, None, None]:
    """Simulate the runs of a scenario and yield them in order, some at a time.

    These are at most CELLS_AT_ONCE, and about TICKS_AT_ONCE, so that an interrupt costs little.

    workers: how many cores to use. on_progress: called periodically.
    """
    numbers, done = scenario.run_numbers, 0
    ticks = max(1, scenario.expected_ticks // scenario.runs)
    at_once = max(1, min(CELLS_AT_ONCE // scenario.size, workers * TICKS_AT_ONCE // ticks))
    for first in range(0, len(numbers), at_once):
        some = numbers[first : first + at_once]
        figures = simulate_runs(
            scenario,
            some,
            cores=workers,
            on_progress=_beyond(done, on_progress),
            waiting_max=WAITING_MESSAGES_MAX,
        )
        done += sum(int(table.sum()) for table in (figures.internal, figures.send, figures.receive))
        yield CompiledRuns(scenario, some, figures)


def _beyond(done: int, on_progress: OnProgress) -> Callable[[int, int], None]:
    """Return a callback that adds the ticks that were taken before."""
    return lambda ticks, _: on_progress(done + ticks)


def _stopped(at_ns: int) -> str:
    return stopped(at_ns, WAITING_MESSAGES_MAX)


def record_compiled(scenario: Scenario, on_progress: OnProgress) -> Iterator[Run]:
    """Simulate the runs one after the other, and keep every event of them.

    on_progress: called periodically with how many ticks of all runs were taken.
    """
    done = 0
    for number in scenario.run_numbers:
        columns, figures = record_run(
            scenario,
            number,
            on_progress=_beyond(done, on_progress),
            waiting_max=WAITING_MESSAGES_MAX,
        )
        done += len(columns.tick)
        yield _with_history(scenario, number, columns, figures)


def _with_history(scenario: Scenario, number: int, kept: EventArrays, figures: Figures) -> Run:
    peers = None if scenario.topology == "mesh" else scenario.neighbours(number)
    columns = Columns(
        kept.kind, kept.clock, kept.sender, kept.stamp, kept.target, kept.queue, kept.tick,
        kept.due_ns,
    )  # fmt: skip
    history = History(trace_of_columns(scenario, number, kept.process, columns, peers))
    return _run(scenario, number, figures, 0, history)


def _run(
    scenario: Scenario, number: int, figures: Figures, row: int, history: History | None
) -> Run:
    at_ns = int(figures.stopped_ns[row])
    ends = None if at_ns < 0 else UniformMapping(scenario, _stopped(at_ns))
    machines = MetricsTable(figures, row, scenario)
    digest = int(figures.digest[row])
    return Run(scenario, number, machines, ends=ends, digest=digest, history=history)
