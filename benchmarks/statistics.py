"""Statistics of long histories beside the same group-by written in Polars; and of many runs.

The histories are simulated; a longer one repeats the same run in sequence. Polars works in
this process, on the same columns in the same memory, and the benchmark fails if what both
compute differs. Ours also computes the growths of queues and clocks and the drifts.
"""

import sys
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl

import driftlab
from benchmarks.history import _peak, _reset_peak
from benchmarks.machines import console_script, seconds_of
from benchmarks.tables import Cell, Table, compare, progress
from driftlab.analysis.run_statistics import run_statistics
from driftlab.arrays import AnyArray
from driftlab.history.trace import Trace
from driftlab.model.columns import Columns

SPEED_TARGET = 0.5  # of Polars' speed
MEMORY_TARGET = 2  # times the columns
COMMAND_TARGET = 1.5  # times the call
PROCESSES = 16
RUNS, RUNS_QUICK = 100_000, 10_000
SHARES = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}
_HEADS = (
    "events", "million events a second", "Polars", "ratio", "of single repetitions", "target",
    "memory", "Polars' memory", "target ",
)  # fmt: skip
_CALL = """
import driftlab, sys, time
scenario = driftlab.Scenario(rates=[6, 3, 1], runs=int(sys.argv[1]), seed=1)
begin = time.perf_counter()
driftlab.simulate(scenario)
print(time.perf_counter() - begin)
"""


def measure(quick: bool) -> list[Table]:
    """Measure statistics of events, and of many simulated runs."""
    once = _simulated(1_000_000 if quick else 10_000_000)
    sizes = [(once, 3 if quick else 7)]
    sizes += [] if quick else [(_repeated(once, 10), 3)]
    rows = [_row(trace, repetitions) for trace, repetitions in sizes]
    return [
        Table(
            "Statistics of events",
            f"`run_statistics` of the events of {PROCESSES} simulated processes in memory: kinds, "
            "mean, sd, quantiles and maximum of jumps and queues, growths and drifts with "
            "intervals; beside Polars' group-by of the same kinds, jumps and queues. Medians of "
            "interleaved repetitions after a warm-up. Memory: the columns (25 bytes an event) "
            "and the peak of what is held besides, relative to the columns.",
            _HEADS,
            rows,
        ),
        Table(
            "Statistics of many runs",
            "`driftlab simulate --rates 6,3,1` as a whole process, beside the call "
            "`driftlab.simulate` in another one, its imports left out. Medians of interleaved "
            "repetitions after a warm-up.",
            ("runs", "command, s", "call, s", "ratio", "of single pairs", "target"),
            [_runs_row(RUNS_QUICK if quick else RUNS, 3 if quick else 7)],
        ),
    ]


def _simulated(rows: int) -> Trace:
    """Simulate 16 processes at 1 to 6 ticks a second until they have about `rows` events."""
    progress(f"statistics: simulating {rows:,} events")
    rates = tuple(float(place % 6 + 1) for place in range(PROCESSES))
    seconds = round(rows / sum(rates))
    scenario = driftlab.Scenario(rates=rates, seconds=seconds, send_one=0.3, seed=1)
    trace = driftlab.simulate_runs(scenario, record="all")[0].history.trace
    of = trace.columns
    columns = Columns(kind=of.kind, clock=of.clock, queue=of.queue, due_ns=of.due_ns)
    return trace.replace(columns=columns, scenario=None)


def _repeated(once: Trace, times: int) -> Trace:
    """Return a run repeated in sequence: each process goes on from its last clock and time."""
    starts = once.starts * times

    def repeated(column: AnyArray | None, gains: bool) -> AnyArray:
        assert column is not None
        gain = int(column.max()) if gains else 0
        out = np.empty(int(starts[-1]), column.dtype)
        for process in range(PROCESSES):
            part = column[once.rows_of(process)]
            for number in range(times):
                begin = int(starts[process]) + number * len(part)
                out[begin : begin + len(part)] = part + number * gain if gain else part
        return out

    of = once.columns
    columns = Columns(
        kind=repeated(of.kind, False),
        clock=repeated(of.clock, True),
        queue=repeated(of.queue, False),
        due_ns=repeated(of.due_ns, True),
    )
    return once.replace(starts=starts, columns=columns)


def _row(trace: Trace, repetitions: int) -> tuple[Cell, ...]:
    progress(f"statistics: {len(trace):,} events")
    frame = pl.DataFrame(
        {
            "process": trace.process_column(),
            "kind": trace.columns.kind,
            "clock": trace.columns.clock,
            "queue": trace.columns.queue,
        }
    )
    columns = sum(column.nbytes for column in trace.columns if column is not None)
    ours, bare, held, held_bare = [], [], [], []
    for _ in range(repetitions + 1):
        found, seconds, peak = _measured(lambda: run_statistics(trace).machines)
        ours.append(len(trace) / seconds / 1e6)
        held.append(peak)
        expected, seconds, peak = _measured(lambda: _grouped(frame))
        bare.append(len(trace) / seconds / 1e6)
        held_bare.append(peak)
        _require_equal(found, expected)
    known = compare(ours[1:], bare[1:])
    return (
        len(trace), known.ours, known.bare, known.ratio, known.spread,
        f"at least {SPEED_TARGET}", 1 + max(held[1:]) / columns,
        1 + max(held_bare[1:]) / columns, f"below {MEMORY_TARGET}",
    )  # fmt: skip


def _measured(work: Any) -> tuple[Any, float, int]:
    """Return what a call returns, its seconds, and by how much resident memory peaked, in bytes."""
    before = _reset_peak()
    begin = perf_counter()
    result = work()
    return result, perf_counter() - begin, _peak() - before


def _grouped(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return what Polars finds of each process."""
    kinds = [
        (pl.col("kind") == kind).sum().alias(f"events_{name}")
        for kind, name in enumerate(("internal", "send", "receive"))
    ]
    figures = {"jump": pl.col("clock").diff(), "queue": pl.col("queue")}
    spreads = [
        expression.alias(f"{figure}_{name}")
        for figure, column in figures.items()
        for name, expression in {
            "mean": column.mean(),
            "sd": column.std(),
            "max": column.max(),
            **{
                name: column.quantile(share, interpolation="higher")
                for name, share in SHARES.items()
            },
        }.items()
    ]
    last = [pl.col("clock").last(), pl.col("queue").last().alias("queue_last")]
    grouped = frame.group_by("process", maintain_order=True).agg(*kinds, *spreads, *last)
    return grouped.to_dicts()


def _require_equal(ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        for name, value in other.items():
            # A quantile of Polars is of a rank that may be one higher.
            slack = 1 if "_p" in name else 1e-6 * max(1, abs(value))
            if name != "process" and abs(one[name] - value) > slack:
                raise RuntimeError(f"{one['name']}: {name} is {one[name]}; Polars says {value}")


def _runs_row(runs: int, repetitions: int) -> tuple[Cell, ...]:
    progress(f"statistics: {runs:,} runs")
    command = (
        console_script(), "simulate", "--rates", "6,3,1", "--seed", "1", "--runs", str(runs)
    )  # fmt: skip
    pairs = [(seconds_of(command), _call_seconds(runs)) for _ in range(repetitions + 1)][1:]
    found = compare(*zip(*pairs, strict=True))
    return runs, found.ours, found.bare, found.ratio, found.spread, f"at most {COMMAND_TARGET}"


def _call_seconds(runs: int) -> float:
    from subprocess import run

    done = run([sys.executable, "-c", _CALL, str(runs)], capture_output=True, text=True, check=True)
    return float(done.stdout)
