"""The public face of the compiled engine: many runs for their figures, one for its history.

What comes out is bit for bit what the general engine gives. It does not depend
on the number of cores, on which core took which run, or on where a run was
interrupted to tell of its progress.

The limit: messages waiting in all inboxes and on the way together are at most
WAITING_MESSAGES_MAX; a run whose next tick would send more ends there, and
says so.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from threading import Event
from time import perf_counter
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.errors import DriftlabError
from driftlab.scenario.plan import schedule_of
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import WAITING_MESSAGES_MAX
from driftlab.simulator.compiled import records
from driftlab.simulator.compiled.batching import can_batch, run_batches
from driftlab.simulator.compiled.eligibility import fixed_rates, incompatibility
from driftlab.simulator.compiled.memory_layout import (
    ROOM_FIRST,
    Arena,
    allocate,
    precomputed_phases,
)
from driftlab.simulator.compiled.records import Array, EventColumns
from driftlab.simulator.compiled.run_metrics import Figures, empty
from driftlab.simulator.compiled.runs import run_some

EVENTS_MAX: Final = 2**32 - 1  # of one history: clocks, stamps and ticks are kept in 32 bits
SLICE_SECONDS: Final = 0.1  # between two calls of `on_progress`, and two looks for Ctrl-C
SLICE_TICKS_FIRST: Final = 1_000_000
SLICE_TICKS_MIN: Final = 1_000
RUNS_HANDED_OVER: Final = 2**14  # at most at once to one core
SHARES_EACH: Final = 2  # for each of several cores, where there are so many
TICKS_A_SHARE_LEAST: Final = 600_000  # fewer are done before another core has begun

Progress = Callable[[int, int], None]

__all__ = ["EventColumns", "Figures", "Recorded", "incompatibility", "record_run", "simulate_runs"]


class NotCompiledError(DriftlabError):
    """A scenario to which the compiled engine does not apply."""


class Recorded(NamedTuple):
    """One run with all its events."""

    history: EventColumns
    figures: Figures


def simulate_runs(
    scenario: Scenario,
    numbers: Sequence[int] | None = None,
    *,
    cores: int | None = None,
    on_progress: Progress | None = None,
    waiting_max: int = WAITING_MESSAGES_MAX,
    repeats: bool = True,
) -> Figures:
    """Simulate runs and return their figures, in the order of `numbers`.

    `on_progress` is called in this thread about ten times a second with the
    ticks done and expected. `repeats` False does without a schedule that
    repeats. Raises NotCompiledError.
    """
    _demand_compiled(scenario)
    numbers = scenario.run_numbers if numbers is None else numbers
    figures = empty(numbers, scenario.size)
    figures.rates[:] = fixed_rates(scenario) or 0
    job = _Job(scenario, figures, waiting_max, repeats)
    shares = list(_shares(scenario, len(figures.numbers), cores or os.cpu_count() or 1))
    workers = min(len(shares), cores or os.cpu_count() or 1)
    total = scenario.expected_ticks * len(figures.numbers) // scenario.runs
    if workers <= 1:
        core = _Core(job)
        for share in shares:
            for _ in core.slices(share):
                _tell(on_progress, job, total)
    else:
        _share_out(job, shares, workers, on_progress, total)
    return figures


def record_run(
    scenario: Scenario,
    number: int,
    *,
    on_progress: Progress | None = None,
    waiting_max: int = WAITING_MESSAGES_MAX,
    repeats: bool = True,
) -> Recorded:
    """Simulate one run and return every event of it. Raises NotCompiledError."""
    _demand_compiled(scenario)
    ticks = _ticks(scenario, number)
    if ticks > EVENTS_MAX:
        raise NotCompiledError(f"a history of {ticks} events; at most {EVENTS_MAX} are kept")
    figures = empty([number], scenario.size)
    figures.rates[:] = fixed_rates(scenario) or 0
    history = _history(ticks)
    job = _Job(scenario, figures, waiting_max, repeats, history)
    for _ in _Core(job).slices(range(1)):
        _tell(on_progress, job, ticks)
    return Recorded(EventColumns(*(column[: job.done] for column in history)), figures)


def _demand_compiled(scenario: Scenario) -> None:
    reason = incompatibility(scenario)
    if reason is not None:
        raise NotCompiledError(reason)


class _Job:
    """Some runs being simulated: what is asked for, and how far they are."""

    def __init__(
        self,
        scenario: Scenario,
        figures: Figures,
        waiting_max: int,
        repeats: bool,
        history: EventColumns | None = None,
    ) -> None:
        self.scenario = scenario
        self.figures = figures
        self.history = history
        self.waiting_max = waiting_max
        self.repeats = repeats
        self.stop = Event()
        self.ticks: dict[int, int] = {}  # by first row of a share

    @property
    def done(self) -> int:
        """How many ticks have been taken."""
        return sum(list(self.ticks.values()))


class _Core:
    """One core's part in a job: its memory, which serves one share after the other."""

    def __init__(self, job: _Job) -> None:
        self._job = job
        self._space: Arena | None = None
        self._pool = np.zeros(0)
        self._budget = SLICE_TICKS_FIRST

    def slices(self, share: range) -> Iterator[None]:
        """Simulate a share of the runs, slice by slice of about SLICE_SECONDS."""
        job, space = self._job, self._space_for(share)
        own = _rows(job.figures, slice(share.start, share.stop))
        phases = precomputed_phases(job.scenario, space.cursors, own.numbers)
        job.ticks[share.start] = 0
        if job.history is not None or not can_batch(space, len(share), job.waiting_max):
            yield from self._one_by_one(share.start, space, phases, own)
            return
        done = np.zeros(len(share), np.bool_)
        for ticks in run_batches(space, phases, own, done):
            job.ticks[share.start] += ticks
            yield
            if job.stop.is_set():
                return
        if not done.all():
            left = _rows(own, np.flatnonzero(~done))
            phases = phases[~done] if len(phases) > 1 else phases
            yield from self._one_by_one(share.start, space, phases, left)
            for table, part in zip(own, left, strict=True):
                table[~done] = part
        job.ticks[share.start] = _ticks_of(own, len(share), space)

    def _one_by_one(self, key: int, space: Arena, phases: Array, own: Figures) -> Iterator[None]:
        job, row = self._job, 0
        before = job.ticks[key]
        space.run["status"] = records.DONE
        while row < len(own.numbers) and not job.stop.is_set():
            begun = perf_counter()
            row = self._go_on(space, phases, own, row)
            if space.run["status"] == records.FULL:
                self._pool = _larger(space, self._pool)
                continue
            job.ticks[key] = before + _ticks_of(own, row, space)
            yield
            if row < len(own.numbers):  # the budget was what ended it
                faster = min(4.0, SLICE_SECONDS / max(perf_counter() - begun, 1e-3))
                self._budget = max(SLICE_TICKS_MIN, int(self._budget * faster))

    def _space_for(self, share: range) -> Arena:
        """Return the memory, laid out anew where the links of a run are drawn."""
        job = self._job
        if self._space is None or job.scenario.topology.startswith("regular"):
            number = int(job.figures.numbers[share.start])
            self._space = allocate(job.scenario, number, repeats=job.repeats)
            self._space.run["most"] = job.waiting_max
            self._pool = _pool(self._space, min(ROOM_FIRST, job.waiting_max))
        return self._space

    def _go_on(self, space: Arena, phases: Array, own: Figures, row: int) -> int:
        return int(
            run_some(
                space.run, space.cursors, space.machines, self._pool, space.window, space.links,
                space.stash, space.delay, self._job.history, phases, space.rates, own, row,
                len(own.numbers), self._budget,
            )
        )  # fmt: skip


def _rows(figures: Figures, which: Any) -> Figures:
    """Return the figures of some rows: the same memory for a slice, a copy for a choice."""
    return Figures(*(table[which] for table in figures))


def _ticks_of(own: Figures, row: int, space: Arena) -> int:
    """Count the ticks of the rows that are done, and of the run in progress."""
    done = own.internal[:row].sum() + own.send[:row].sum() + own.receive[:row].sum()
    return int(done) + (0 if space.run["status"] == records.DONE else int(space.run["ticks"]))


def _pool(space: Arena, room: int) -> Array:
    space.run["room"] = room
    kind = records.MESSAGE if space.delay is None else records.FLYING_MESSAGE
    return np.zeros(room + 1, kind)


def _larger(space: Arena, pool: Array) -> Array:
    """Return a pool of twice the room, with the messages that were there."""
    larger = _pool(space, min(2 * int(space.run["room"]), int(space.run["most"])))
    used = int(space.run["top"]) + 1
    larger[:used] = pool[:used]
    return larger


def _shares(scenario: Scenario, runs: int, cores: int) -> Iterator[range]:
    """Divide the runs evenly; where links are drawn for every run, each is a share of its own."""
    if scenario.topology.startswith("regular"):
        size = 1
    else:
        least = 1 if cores == 1 else SHARES_EACH  # a slower core leaves its last to another
        each = max(least, -(-runs // (cores * RUNS_HANDED_OVER)))
        few = TICKS_A_SHARE_LEAST // max(1, scenario.expected_ticks // scenario.runs)
        size = max(-(-runs // (cores * each)), few, 1)
    for first in range(0, runs, size):
        yield range(first, min(first + size, runs))


def _share_out(
    job: _Job, shares: Sequence[range], workers: int, on_progress: Progress | None, total: int
) -> None:
    todo = iter(shares)

    def work() -> None:
        core = _Core(job)
        for share in todo:  # one step of an iterator of a list is never shared by two threads
            for _ in core.slices(share):
                pass

    with ThreadPoolExecutor(workers) as pool:
        pending = {pool.submit(work) for _ in range(workers)}
        try:
            while pending:
                done, pending = wait(pending, SLICE_SECONDS, FIRST_COMPLETED)
                for each in done:
                    each.result()
                _tell(on_progress, job, total)
        finally:
            job.stop.set()


def _tell(on_progress: Progress | None, job: _Job, total: int) -> None:
    if on_progress is not None:
        on_progress(job.done, total)


def _ticks(scenario: Scenario, number: int) -> int:
    """Count the ticks of one run exactly."""
    rates = scenario.rates_of(number)
    schedules = (schedule_of(scenario, number, i, rate) for i, rate in enumerate(rates))
    return sum(schedule.ticks_before(scenario.horizon_ns) for schedule in schedules)


def _history(ticks: int) -> EventColumns:
    kinds = ("i8", "u4", "u4", "u1", "i4", "u4", "i4", "u4", "u4")
    return EventColumns(*(np.empty(ticks, kind) for kind in kinds))
