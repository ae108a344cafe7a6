"""A sweep: every cell of a grid simulated many times, a row a cell and machine.

The cells are simulated on all cores or on a Dask cluster, each cell's runs having the
same numbers, so that cells are paired: the same draws mapped to each cell's rates. Cells
that differ in nothing but the die are simulated together, where the compiled engine
takes them (`simulator/compiled/many_runs_kernel.py`). The rows do not depend on who simulated
which cell, nor on how often the sweep was killed.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import reduce
from itertools import groupby
from pathlib import Path
from time import monotonic
from typing import Any, Final, NamedTuple

import polars as pl

import driftlab
from driftlab.api.engine_choice import LOADING_MIN_S, general_s, needs_compiling
from driftlab.api.runs import Runs
from driftlab.api.simulate_one import simulate_one
from driftlab.api.trust import admit_process
from driftlab.errors import DriftlabError
from driftlab.interrupts import INTERRUPT_SECONDS, deferred_interrupts, handle_nothing
from driftlab.machine.process_loader import (
    forbid_reentrant_run,
    load_process,
)
from driftlab.scenario.scenario import Scenario
from driftlab.study.cell_means import Moments, cell_frame, moments_of, moments_of_runs
from driftlab.study.grid import Cell, Grid
from driftlab.study.sweep_parts import Parts, SweepFileError

FORMAT: Final = 1
BLOCK_TICKS: Final = 700_000  # of the runs that are averaged together; two seconds, or few ms
BLOCK_MACHINES: Final = 250_000  # machines times runs of these, at most
BLOCKS_COMPILED: Final = 8  # in a unit of the compiled engine, whose batches want many runs
UNIT_DICE_MAX: Final = 16  # cells in one unit
UNITS_AHEAD: Final = 4  # submitted for every core, so that none waits
FLUSH_S: Final = 0.5  # finished cells are written at least this often
TICKS_WORTH_COMPILING: Final = 5_000_000  # where nothing was compiled before
SECONDS_WORTH_PROCESSES: Final = 1.0
DASK_RETRIES: Final = 3  # of a unit whose worker is lost

OnProgress = Callable[["SweepProgress"], None]
Over = Mapping[str, str | Iterable[Any]]


class SweepProgress(NamedTuple):
    """How far a sweep is, in cells: those found finished at the start, finished now, all.

    ticks, ticks_expected: the same of ticks, without those found.
    """

    found: int
    done: int
    cells: int
    ticks: float
    ticks_expected: float


class SweepSummary(NamedTuple):
    """What a sweep did: cells in all, found finished, damaged parts, runs that ended early."""

    cells: int
    found: int
    damaged: int
    incomplete: int
    rows: int


class Unit(NamedTuple):
    """A unit of work: the same runs of cells that differ in nothing but the die."""

    group: int
    cells: tuple[Cell, ...]
    numbers: range
    compiled: bool


def sweep(
    base: Scenario,
    over: Over,
    runs: int = 1000,
    out: str | Path | None = None,
    *,
    workers: int | None = None,
    dask: str | None = None,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
    trust: bool = False,
) -> pl.DataFrame:
    """Simulate every cell of a grid of scenarios, and return a row a cell and machine.

    Args:
        base: the scenario that gives all fields that are not swept.
        over: the swept fields, each with its values: a list of them, or text as in
            `driftlab sweep --over` ("1..6,1..6,1..6"); the last varies the fastest.
        runs: how many runs each cell has; their numbers begin at `base.first_run`.
        out: a Parquet file to write. Until it is whole its cells are in a folder beside
            it, from which the same call goes on after a crash.
        workers: how many cores to use, by default all; the rows are the same.
        dask: the address of a Dask scheduler whose workers simulate instead.
        overwrite: whether to replace `out`, and parts of another sweep.
        on_progress: called when cells were finished.
        trust: whether a process that only a scenario file names may be executed.

    Columns: `cell`; `over_…`, the values of the swept fields; `name`, null where rates
    are drawn; `rank` of speed; `rate`; `runs`; `runs_incomplete`; then of each metric its
    mean over runs, under its name in `Runs.frame`, and with `_ci95_low` and `_ci95_high`
    the 95 % interval of that mean, with `_min` and `_max` the extremes of single runs.

    Raises DriftlabError if the grid is invalid, or the file exists or cannot be written.
    """
    grid = Grid(base.replace(runs=runs), over)
    path = None if out is None else Path(out)
    frame, _ = run_sweep(
        grid,
        path,
        workers=workers,
        dask=dask,
        overwrite=overwrite,
        on_progress=on_progress,
        trust=trust,
    )
    return frame


def run_sweep(
    grid: Grid,
    out: Path | None,
    *,
    workers: int | None = None,
    dask: str | None = None,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
    trust: bool = False,
) -> tuple[pl.DataFrame, SweepSummary]:
    """Sweep a grid and return its rows and what was done.

    The other parameters, and what it raises, are those of `sweep`.
    """
    forbid_reentrant_run()
    if workers is not None and workers < 1:
        raise DriftlabError(f"workers: {workers} is not allowed; from 1, or None for all cores")
    cells = _checked(grid, trust)
    if out is not None and out.exists() and not overwrite:
        raise SweepFileError(f"{out} exists; name another file, or replace it with --overwrite")
    if out is None:
        collected: list[pl.DataFrame] = []
        _simulate(grid, cells, set(), collected.append, workers, dask, on_progress)
        frame = pl.concat(collected, how="vertical_relaxed").sort("cell", maintain_order=True)
        return frame, _summary(frame, cells, 0, 0)
    parts = Parts(out, sweep_description(grid))
    with parts.opened(discard=overwrite):
        found, damaged = len(parts.finished), parts.damaged
        _simulate(grid, cells, parts.finished, parts.add, workers, dask, on_progress)
        parts.merge()
    frame = pl.read_parquet(out)
    return frame, _summary(frame, cells, found, damaged)


def sweep_description(grid: Grid) -> dict[str, Any]:
    """Return what a sweep's file says of it: version, base scenario, swept fields, runs."""
    return {
        "format": FORMAT,
        "version": driftlab.__version__,
        "scenario": grid.base.to_toml(),
        "grid": grid.to_dict(),
        "runs": grid.base.runs,
        "cells": len(grid),
    }


def _summary(frame: pl.DataFrame, cells: Sequence[Cell], found: int, damaged: int) -> SweepSummary:
    of_cells = frame.unique("cell")["runs_incomplete"].sum()
    return SweepSummary(len(cells), found, damaged, int(of_cells), frame.height)


def _checked(grid: Grid, trust: bool) -> list[Cell]:
    """Return the cells. Raise DriftlabError if one is not a scenario that can be simulated."""
    cells, known = [], set()
    for cell in grid.cells():
        scenario = admit_process(cell.scenario, trust=trust)
        if scenario.process not in known:
            known.add(scenario.process)
            load_process(scenario.process)
        cells.append(cell._replace(scenario=scenario))
    return cells


# Units of work.


def _units(cells: Sequence[Cell], *, compiled: bool) -> list[Unit]:
    """Divide the runs of cells into units, group by group of cells."""
    units: list[Unit] = []
    for group, (is_compiled, some) in enumerate(_groups(cells, compiled=compiled)):
        scenario = some[0].scenario
        numbers = scenario.run_numbers
        size = _block_runs(scenario) * (BLOCKS_COMPILED if is_compiled else 1)
        units += [
            Unit(group, some, numbers[first : first + size], is_compiled)
            for first in range(0, len(numbers), size)
        ]
    return units


def _block_runs(scenario: Scenario) -> int:
    """Return how many runs of a cell are averaged together, before these means are.

    Sums depend on the division in their last bits, so it is always the same.
    """
    each = max(1, scenario.expected_ticks // scenario.runs)
    return max(1, min(BLOCK_TICKS // each, BLOCK_MACHINES // scenario.size))


def _groups(cells: Sequence[Cell], *, compiled: bool) -> Iterator[tuple[bool, tuple[Cell, ...]]]:
    """Yield groups of cells, and whether the compiled engine simulates them: of one alike."""
    from driftlab.simulator.compiled.eligibility import incompatibility

    def but_die(cell: Cell) -> str:
        return str([
            getattr(cell.scenario, key)
            for key in Scenario.__slots__
            if key not in ("faces", "send_one", "send_all")
        ])  # fmt: skip

    for _, same in groupby(sorted(cells, key=but_die), but_die):
        alike = list(same)
        if compiled and incompatibility(alike[0].scenario) is None:
            for first in range(0, len(alike), UNIT_DICE_MAX):
                yield True, tuple(alike[first : first + UNIT_DICE_MAX])
        else:
            yield from ((False, (cell,)) for cell in alike)


def _is_worth_compiled(cells: Sequence[Cell]) -> bool:
    """Whether loading the compiled engine, or compiling it first, is worth it."""
    from driftlab.simulator.compiled.eligibility import incompatibility, loading_s

    able = [cell.scenario for cell in cells if incompatibility(cell.scenario) is None]
    if not able:
        return False
    if needs_compiling(able[0]):
        return sum(each.expected_ticks for each in able) > TICKS_WORTH_COMPILING
    least = max(LOADING_MIN_S, loading_s(able[0], history=False))
    return sum(map(general_s, able)) > least


def simulate_unit(unit: Unit) -> list[list[Moments]]:
    """Simulate the runs of a unit, here; return for each of its cells the moments of blocks."""
    scenarios = [cell.scenario for cell in unit.cells]
    block = _block_runs(scenarios[0])
    if not unit.compiled:
        scenario = scenarios[0]
        runs = Runs(scenario, [[simulate_one(scenario, number) for number in unit.numbers]])
        return [[moments_of_runs(runs)]]
    from driftlab.api.compiled_runs import metric_tables
    from driftlab.simulator.compiled.engine import simulate_dice

    every = simulate_dice(scenarios, unit.numbers, cores=1)
    moments: list[list[Moments]] = []
    for scenario, figures in zip(scenarios, every, strict=True):
        tables = metric_tables(figures, scenario.seconds)
        stopped = figures.stopped_ns >= 0
        blocks = [slice(first, first + block) for first in range(0, len(unit.numbers), block)]
        moments.append([
            moments_of(
                scenario,
                {name: table[rows] for name, table in tables.items()},
                int(stopped[rows].sum()),
            )
            for rows in blocks
        ])  # fmt: skip
    return moments


# Simulated.


def _simulate(
    grid: Grid,
    cells: Sequence[Cell],
    finished: set[int],
    write: Callable[[pl.DataFrame], None],
    workers: int | None,
    dask: str | None,
    on_progress: OnProgress | None,
) -> None:
    """Simulate the cells that are not finished and give their rows to `write`."""
    found = len(finished)
    left = [cell for cell in cells if cell.number not in finished]
    compiled = bool(left) and (dask is not None or _is_worth_compiled(left))
    units = _units(left, compiled=compiled)
    expected = float(sum(cell.scenario.expected_ticks for cell in left))
    gathered = _Gathered(grid, units, write)
    with _executors(units, workers, dask) as choose:
        ticks = 0.0
        try:
            for number, moments in _completed(units, choose):
                gathered.add(number, moments)
                ticks += _ticks(units[number])
                if gathered.flush() and on_progress is not None:
                    on_progress(SweepProgress(found, gathered.written, len(cells), ticks, expected))
        finally:  # an interrupt, too, keeps what is done
            gathered.flush(at_once=True)
    if on_progress is not None:
        on_progress(SweepProgress(found, gathered.written, len(cells), expected, expected))


def _ticks(unit: Unit) -> float:
    return sum(
        cell.scenario.expected_ticks / cell.scenario.runs * len(unit.numbers) for cell in unit.cells
    )


class _Gathered:
    """The moments of units as they come, in any order, and the cells that they finish."""

    def __init__(
        self, grid: Grid, units: Sequence[Unit], write: Callable[[pl.DataFrame], None]
    ) -> None:
        self.written = 0  # cells
        self._fields = tuple(grid.fields)
        self._write = write
        self._units = units
        self._of_group: dict[int, list[int]] = {}
        for number, unit in enumerate(units):
            self._of_group.setdefault(unit.group, []).append(number)
        self._moments: dict[int, list[list[Moments]]] = {}  # of units: by cell, and block
        self._done: list[tuple[Cell, Moments]] = []
        self._flushed = monotonic()

    def add(self, number: int, moments: list[list[Moments]]) -> None:
        """Take the moments of a unit; if it is the last of its group, finish the cells."""
        self._moments[number] = moments
        unit = self._units[number]
        numbers = self._of_group[unit.group]
        if any(each not in self._moments for each in numbers):
            return
        parts = [self._moments.pop(each) for each in numbers]
        for place, cell in enumerate(unit.cells):
            blocks = [block for part in parts for block in part[place]]
            self._done.append((cell, reduce(Moments.then, blocks)))

    def flush(self, *, at_once: bool = False) -> bool:
        """Write the cells that are done, if it is time or `at_once`; return whether any was."""
        if not self._done or not (at_once or monotonic() - self._flushed >= FLUSH_S):
            return False
        self._done.sort(key=lambda each: each[0].number)
        self._write(cell_frame(self._fields, self._done))
        self.written += len(self._done)
        self._done.clear()
        self._flushed = monotonic()
        return True


class _Pools(NamedTuple):
    """The executor of each unit, how many units each is given at a time, and signals held back.

    handle_interrupts: to be called where no lock of an executor is held.
    """

    of: Callable[[Unit], Executor | None]
    ahead: int
    handle_interrupts: Callable[[], None]


@contextmanager
def _executors(units: Sequence[Unit], workers: int | None, dask: str | None) -> Iterator[_Pools]:
    """Yield who simulates which unit: threads the compiled ones, processes the others.

    None where this thread does it, since there is too little to start anybody.
    """
    from driftlab.api.parallel import dask_client, dask_errors, process_pool

    if dask is not None:
        client = dask_client(dask)
        try:
            slots = max(1, sum(client.nthreads().values()))
            pool = client.get_executor(pure=False, retries=DASK_RETRIES)
            with dask_errors(), deferred_interrupts() as handle:
                yield _Pools(lambda unit: pool, UNITS_AHEAD * slots, handle)
        finally:
            client.close()
        return
    cores = workers or os.cpu_count() or 1
    general = [cell.scenario for unit in units if not unit.compiled for cell in unit.cells]
    many = len(units) > 1 and cores > 1
    threads_context: AbstractContextManager[Executor | None] = nullcontext(None)
    processes: AbstractContextManager[Executor | None] = nullcontext(None)
    if many and any(unit.compiled for unit in units):
        threads_context = ThreadPoolExecutor(cores)
    if many and sum(map(general_s, set(general))) > SECONDS_WORTH_PROCESSES:
        processes = process_pool(cores)
    are_alone = isinstance(threads_context, nullcontext) and isinstance(processes, nullcontext)
    held_back = nullcontext(handle_nothing) if are_alone else deferred_interrupts()
    with held_back as handle, threads_context as threads, processes as others:
        yield _Pools(lambda unit: threads if unit.compiled else others, UNITS_AHEAD * cores, handle)


def _completed(units: Sequence[Unit], pools: _Pools) -> Iterator[tuple[int, list[list[Moments]]]]:
    """Yield the results of all units as they come, a few submitted ahead."""
    pending: dict[Future[list[list[Moments]]], int] = {}
    try:
        for number, unit in enumerate(units):
            pool = pools.of(unit)
            if pool is None:
                yield number, simulate_unit(unit)
                pools.handle_interrupts()
                continue
            pending[pool.submit(simulate_unit, unit)] = number
            if len(pending) >= pools.ahead:
                yield from _next(pending, pools.handle_interrupts)
        while pending:
            yield from _next(pending, pools.handle_interrupts)
    finally:
        for future in pending:
            future.cancel()


def _next(
    pending: dict[Future[list[list[Moments]]], int], handle_interrupts: Callable[[], None]
) -> Iterator[tuple[int, list[list[Moments]]]]:
    done: set[Future[list[list[Moments]]]] = set()
    while not done:
        done, _ = wait(pending, INTERRUPT_SECONDS, FIRST_COMPLETED)
        handle_interrupts()
    for future in done:
        yield pending.pop(future), future.result()
