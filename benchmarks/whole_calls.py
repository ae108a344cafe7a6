"""What a user calls, whole: many runs beside their kernels, and a recorded run to its verdict."""

from collections.abc import Callable
from functools import partial
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import polars as pl

import driftlab
from benchmarks.reference import compile_reference, reference_input, run_reference
from benchmarks.tables import NONE, Cell, Table, compare, progress
from driftlab.scenario.scenario import Scenario
from driftlab.simulator.compiled.engine import record_run, simulate_runs

KERNELS_TARGET = 0.8
SECONDS_TARGETS = {"simulate": 0.7, "events": 0.3, "check": 1.5}  # of six million events


def whole_calls_table(quick: bool) -> Table:
    """Time `driftlab.simulate` of many runs beside the call of the kernels in it, all cores."""
    runs, repetitions = (2_000, 3) if quick else (100_000, 9)
    rows: list[tuple[Cell, ...]] = []
    for rates in ((6, 3, 1), "1..6"):
        progress(f"simulator: the whole call, {runs} runs of {rates}")
        scenario = Scenario(rates=rates, seconds=60, runs=runs)
        figures = simulate_runs(scenario)  # compiled, if it was not before
        ticks = int((figures.internal + figures.send + figures.receive).sum())
        driftlab.simulate(scenario)
        pairs = [
            (
                ticks / _seconds(partial(driftlab.simulate, scenario)) / 1e6,
                ticks / _seconds(partial(simulate_runs, scenario)) / 1e6,
            )
            for _ in range(repetitions)
        ]
        found = compare([whole for whole, _ in pairs], [kernels for _, kernels in pairs])
        rows.append(
            (
                str(rates), runs, found.ours, found.bare, found.ratio, found.spread,
                f"at least {KERNELS_TARGET}",
            )
        )  # fmt: skip
    return Table(
        "The whole call of many runs",
        "`driftlab.simulate` of minutes of 3 machines in a process that did so before, beside the "
        f"kernels alone, on all cores; medians of {repetitions}, in turn.",
        (
            "rates", "runs", "million ticks a second", "kernels", "ratio", "of single repetitions",
            "target",
        ),
        rows,
    )  # fmt: skip


def recorded_table(quick: bool) -> Table:
    """Time a recorded run of the die, its frame and its verdict, beside C and a copy in Polars."""
    seconds, repetitions = (60_000, 3) if quick else (600_000, 9)
    scenario = Scenario(rates=(6, 3, 1), seconds=seconds)
    times: dict[str, list[float]] = {name: [] for name in (*SECONDS_TARGETS, "C", "copy")}
    progress("simulator: a recorded run, its frame, its verdict")
    record_run(scenario.replace(seconds=10), 1)  # compiled, if it was not before
    with TemporaryDirectory() as folder:
        program, text = compile_reference(folder), reference_input(scenario, 1, recorded=True)
        for _ in range(repetitions + 1):
            times["C"].append(run_reference(program, text).seconds)
            run = _timed(times["simulate"], partial(driftlab.simulate, scenario, record="all"))
            frame = _timed(times["events"], partial(getattr, run.history, "events"))
            verdict = _timed(times["check"], run.history.check)
            if not verdict.holds or len(frame) != 10 * seconds:
                raise RuntimeError("the history is not right")
            _timed(times["copy"], partial(_copy_backwards, frame))
            del run, frame, verdict
    rows: list[tuple[Cell, ...]] = []
    for name, words, beside in (
        ("simulate", '`simulate(record="all")`', "C"),
        ("events", "then `history.events`", "copy"),
        ("check", "then `history.check()`", "copy"),
    ):
        found = compare(times[name][1:], times[beside][1:])
        target = NONE if quick else f"at most {SECONDS_TARGETS[name]} s"
        rows.append((words, found.ours, target, beside, found.bare, found.ratio, found.spread))
    return Table(
        "A recorded run, its frame and its verdict",
        f"{10 * seconds:,} events of 3 machines with a die of 10, in one process, one after the "
        "other; beside the C program that keeps the same history, and beside Polars copying that "
        f"frame in the opposite order. Medians of {repetitions} after one that is not counted.",
        ("call", "seconds", "target", "beside", "seconds ", "ratio", "of single repetitions"),
        rows,
    )


def _copy_backwards(frame: pl.DataFrame) -> pl.DataFrame:
    return frame[::-1].rechunk()


def _timed(times: list[float], call: Callable[[], Any]) -> Any:
    begun = perf_counter()
    result = call()
    times.append(perf_counter() - begun)
    return result


def _seconds(call: Callable[[], Any]) -> float:
    times: list[float] = []
    _timed(times, call)
    return times[0]
