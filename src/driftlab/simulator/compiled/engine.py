"""The interface of the compiled engine: many runs for their metrics, one for its history.

The results are bit for bit those of the general engine. They do not depend on
the number of cores, on which core simulated which run, or on where a run was
interrupted to report progress.

The limit: at most WAITING_MESSAGES_MAX messages wait in all inboxes and in
flight together; a run ends before the tick that would send more, and its
metrics say so.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from threading import Event
from time import perf_counter
from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import AnyArray, BoolArray, IntArray
from driftlab.errors import DriftlabError
from driftlab.interrupts import deferred_interrupts
from driftlab.scenario.plan import schedule_of
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import WAITING_MESSAGES_MAX
from driftlab.simulator.compiled.eligibility import fixed_rates, incompatibility
from driftlab.simulator.compiled.many_runs_kernel import can_batch, run_batches
from driftlab.simulator.compiled.memory_layout import (
    IN_FLIGHT_MESSAGE,
    MESSAGE,
    ROOM_FIRST,
    Arena,
    EventArrays,
    Figures,
    allocate,
    empty,
    precomputed_phases,
)
from driftlab.simulator.compiled.run_kernel import DONE, FULL, run_some

EVENTS_MAX: Final = 2**32 - 1  # of one history, whose clocks, stamps and ticks have 32 bits
SLICE_SECONDS: Final = 0.1  # between two calls of `on_progress`, and two checks for Ctrl-C
SLICE_TICKS_FIRST: Final = 1_000_000
SLICE_TICKS_MIN: Final = 1_000
SHARE_RUNS_MAX: Final = 2**14  # in one share of the runs, for one core
SHARES_PER_CORE: Final = 2  # a slower core leaves its last share to another
SHARE_TICKS_MIN: Final = 600_000  # fewer are done before another core has started

OnProgress = Callable[[int, int], None]

__all__ = [
    "EventArrays",
    "Figures",
    "Recorded",
    "incompatibility",
    "record_run",
    "simulate_dice",
    "simulate_runs",
]


class NotCompiledError(DriftlabError):
    """The compiled engine cannot simulate a scenario."""


class Recorded(NamedTuple):
    """One run with all its events."""

    history: EventArrays
    figures: Figures


def simulate_runs(
    scenario: Scenario,
    numbers: Sequence[int] | None = None,
    *,
    cores: int | None = None,
    on_progress: OnProgress | None = None,
    waiting_max: int = WAITING_MESSAGES_MAX,
    repeats: bool = True,
) -> Figures:
    """Simulate runs of a scenario and return their metrics, in the order of `numbers`.

    Args:
        numbers: which runs; by default those of the scenario.
        cores: how many threads simulate; by default one for each core.
        on_progress: called in this thread about ten times a second with the
            ticks done and expected.
        waiting_max: how many messages may wait before a run ends.
        repeats: False to compute every due time, even where the schedule repeats.

    Raises NotCompiledError.
    """
    _require_compatible(scenario)
    numbers = scenario.run_numbers if numbers is None else numbers
    figures = empty(numbers, scenario.size)
    figures.rates[:] = fixed_rates(scenario) or 0
    _simulate(_Job(scenario, figures, waiting_max, repeats), cores or 0, on_progress)
    return figures


def simulate_dice(
    scenarios: Sequence[Scenario],
    numbers: Sequence[int],
    *,
    cores: int | None = None,
    waiting_max: int = WAITING_MESSAGES_MAX,
) -> list[Figures]:
    """Simulate the same runs of scenarios that differ in nothing but the die, together.

    A run has the same ticks with each die, so that more runs share the order of their
    ticks and fill batches (see `many_runs_kernel`). The results are those of `simulate_runs` of
    each scenario. The parameters are those of `simulate_runs`. Raises NotCompiledError.
    """
    scenario, dice = scenarios[0], tuple(each.die for each in scenarios)
    _require_compatible(scenario)
    rows = [number for number in numbers for _ in dice]
    figures = empty(rows, scenario.size)
    figures.rates[:] = fixed_rates(scenario) or 0
    _simulate(_Job(scenario, figures, waiting_max, repeats=True, dice=dice), cores or 0, None)
    return [
        figures.of_rows(np.arange(die, len(figures.numbers), len(dice))) for die in range(len(dice))
    ]


def _simulate(job: "_Job", cores: int, on_progress: OnProgress | None) -> None:
    """Simulate the runs of a job on some cores, 0 for all."""
    scenario, rows = job.scenario, len(job.figures.numbers)
    runs = rows // len(job.dice)
    shares = [
        range(share.start * len(job.dice), share.stop * len(job.dice))
        for share in _shares(scenario, runs, cores or os.cpu_count() or 1)
    ]
    workers = min(len(shares), cores or os.cpu_count() or 1)
    total = scenario.expected_ticks * rows // scenario.runs
    if workers <= 1:
        core = _Core(job)
        for share in shares:
            for _ in core.slices(share):
                _report(on_progress, job, total)
    else:
        _run_on_threads(job, shares, workers, on_progress, total)


def record_run(
    scenario: Scenario,
    number: int,
    *,
    on_progress: OnProgress | None = None,
    waiting_max: int = WAITING_MESSAGES_MAX,
    repeats: bool = True,
) -> Recorded:
    """Simulate one run and return all its events and its metrics.

    number: of the run. The other parameters are those of `simulate_runs`. Raises
    NotCompiledError.
    """
    _require_compatible(scenario)
    ticks = _ticks(scenario, number)
    if ticks > EVENTS_MAX:
        raise NotCompiledError(f"a history of {ticks} events; at most {EVENTS_MAX} are kept")
    figures = empty([number], scenario.size)
    figures.rates[:] = fixed_rates(scenario) or 0
    history = _empty_history(ticks)
    job = _Job(scenario, figures, waiting_max, repeats, history)
    for _ in _Core(job).slices(range(1)):
        _report(on_progress, job, ticks)
    return Recorded(EventArrays(*(column[: job.done] for column in history)), figures)


def _require_compatible(scenario: Scenario) -> None:
    reason = incompatibility(scenario)
    if reason is not None:
        raise NotCompiledError(reason)


class _Job:
    """Runs to be simulated, and how far they are.

    dice: the bounds of several dice, each run having a row of the figures for each.
    """

    def __init__(
        self,
        scenario: Scenario,
        figures: Figures,
        waiting_max: int,
        repeats: bool,
        history: EventArrays | None = None,
        dice: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.scenario = scenario
        self.dice = dice or (scenario.die,)
        self.figures = figures
        self.history = history
        self.waiting_max = waiting_max
        self.repeats = repeats
        self.stop = Event()
        self.ticks: dict[int, int] = {}  # done so far, by the first row of a share

    @property
    def done(self) -> int:
        """The number of ticks taken so far."""
        return sum(list(self.ticks.values()))


class _Core:
    """One core that works on a job, with its memory, which serves one share after the other."""

    def __init__(self, job: _Job) -> None:
        self._job = job
        self._arena: Arena | None = None
        self._pool = np.zeros(0, MESSAGE)
        self._budget = SLICE_TICKS_FIRST

    def slices(self, share: range) -> Iterator[None]:
        """Simulate a share of the runs; yield after every slice of about SLICE_SECONDS."""
        job, arena = self._job, self._arena_for(share)
        own = job.figures.of_rows(slice(share.start, share.stop))
        phases = precomputed_phases(job.scenario, arena.cursors, own.numbers)
        job.ticks[share.start] = 0
        if job.history is not None or not can_batch(arena, len(share), job.waiting_max):
            yield from self._die_by_die(share.start, arena, phases, own, None)
            return
        done = np.zeros(len(share), np.bool_)
        for ticks in run_batches(
            arena, phases, own, done, dice=job.dice, waiting_max=job.waiting_max
        ):
            job.ticks[share.start] += ticks
            yield
            if job.stop.is_set():
                return
        if not done.all():
            yield from self._die_by_die(share.start, arena, phases, own, done)
        job.ticks[share.start] = _ticks_of(own, len(share), arena)

    def _die_by_die(
        self, key: int, arena: Arena, phases: IntArray, own: Figures, done: BoolArray | None
    ) -> Iterator[None]:
        """Simulate the runs that are not done, those of one die after those of another."""
        dice = self._job.dice
        if done is None and len(dice) == 1:
            yield from self._one_by_one(key, arena, phases, own)
            return
        for die, bounds in enumerate(dice):
            rows = np.arange(die, len(own.numbers), len(dice))
            rows = rows if done is None else rows[~done[rows]]
            if not len(rows):
                continue
            arena.run["one_below"], arena.run["all_below"] = bounds
            left = own.of_rows(rows)
            some = phases[rows] if len(phases) > 1 else phases
            yield from self._one_by_one(key, arena, some, left)
            for table, part in zip(own, left, strict=True):
                table[rows] = part

    def _one_by_one(self, key: int, arena: Arena, phases: IntArray, own: Figures) -> Iterator[None]:
        job, row = self._job, 0
        before = job.ticks[key]
        arena.run["status"] = DONE
        while row < len(own.numbers) and not job.stop.is_set():
            started = perf_counter()
            row = self._run_kernel(arena, phases, own, row)
            if arena.run["status"] == FULL:
                self._pool = _grown(arena, self._pool)
                continue
            job.ticks[key] = before + _ticks_of(own, row, arena)
            yield
            if row < len(own.numbers):  # the budget has ended it
                faster = min(4.0, SLICE_SECONDS / max(perf_counter() - started, 1e-3))
                self._budget = max(SLICE_TICKS_MIN, int(self._budget * faster))

    def _arena_for(self, share: range) -> Arena:
        """Return the memory, allocated anew if every run draws its links."""
        job = self._job
        if self._arena is None or job.scenario.topology.startswith("regular"):
            number = int(job.figures.numbers[share.start])
            self._arena = allocate(job.scenario, number, repeats=job.repeats)
            self._arena.run["capacity_max"] = job.waiting_max
            self._pool = _new_pool(self._arena, min(ROOM_FIRST, job.waiting_max))
        return self._arena

    def _run_kernel(self, arena: Arena, phases: IntArray, own: Figures, row: int) -> int:
        return int(
            run_some(
                arena.run, arena.cursors, arena.machines, self._pool, arena.window, arena.links,
                arena.deferred, arena.delay, self._job.history, phases, arena.rates, own, row,
                len(own.numbers), self._budget,
            )
        )  # fmt: skip


def _ticks_of(own: Figures, row: int, arena: Arena) -> int:
    """Return the number of ticks of the rows that are done and of the run in progress."""
    done = own.internal[:row].sum() + own.send[:row].sum() + own.receive[:row].sum()
    return int(done) + (0 if arena.run["status"] == DONE else int(arena.run["ticks"]))


def _new_pool(arena: Arena, capacity: int) -> AnyArray:
    """Return a pool for messages, and set its capacity; index 0 stays unused."""
    arena.run["capacity"] = capacity
    return np.zeros(capacity + 1, MESSAGE if arena.delay is None else IN_FLIGHT_MESSAGE)


def _grown(arena: Arena, pool: AnyArray) -> AnyArray:
    """Return a copy of a pool with twice the capacity."""
    run = arena.run
    larger = _new_pool(arena, min(2 * int(run["capacity"]), int(run["capacity_max"])))
    used = int(run["top"]) + 1
    larger[:used] = pool[:used]
    return larger


def _shares(scenario: Scenario, runs: int, cores: int) -> Iterator[range]:
    """Divide the rows evenly into shares: one a run if every run draws its links."""
    if scenario.topology.startswith("regular"):
        size = 1
    else:
        least = 1 if cores == 1 else SHARES_PER_CORE
        each = max(least, -(-runs // (cores * SHARE_RUNS_MAX)))
        few = SHARE_TICKS_MIN // max(1, scenario.expected_ticks // scenario.runs)
        size = max(-(-runs // (cores * each)), few, 1)
    for first in range(0, runs, size):
        yield range(first, min(first + size, runs))


def _run_on_threads(
    job: _Job, shares: Sequence[range], workers: int, on_progress: OnProgress | None, total: int
) -> None:
    todo = iter(shares)

    def work() -> None:
        core = _Core(job)
        for share in todo:  # one step of an iterator of a list is never shared by two threads
            if job.stop.is_set():
                return
            for _ in core.slices(share):
                pass

    with deferred_interrupts() as handle_interrupts, ThreadPoolExecutor(workers) as pool:
        pending = {pool.submit(work) for _ in range(workers)}
        try:
            while pending:
                done, pending = wait(pending, SLICE_SECONDS, FIRST_COMPLETED)
                for each in done:
                    each.result()
                handle_interrupts()
                _report(on_progress, job, total)
        finally:
            job.stop.set()


def _report(on_progress: OnProgress | None, job: _Job, total: int) -> None:
    if on_progress is not None:
        on_progress(job.done, total)


def _ticks(scenario: Scenario, number: int) -> int:
    """Return the exact number of ticks of one run."""
    rates = scenario.rates_of(number)
    schedules = (schedule_of(scenario, number, i, rate) for i, rate in enumerate(rates))
    return sum(schedule.ticks_before(scenario.horizon_ns) for schedule in schedules)


def _empty_history(ticks: int) -> EventArrays:
    kinds = ("i8", "u4", "u4", "u1", "i4", "u4", "i4", "u4", "u4")
    return EventArrays(*(np.empty(ticks, kind) for kind in kinds))
