"""`driftlab sweep`: simulate every cell of a grid of scenarios."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import polars as pl

import driftlab
from driftlab.cli import EXIT_INTERRUPTED, EXIT_NOT_WHOLE
from driftlab.cli.flags import chosen_scenario
from driftlab.cli.output import four_digits, table
from driftlab.cli.progress import Progress, duration
from driftlab.errors import DriftlabError, counted
from driftlab.study.grid import Grid, parse_over, shown
from driftlab.study.sweep import SweepProgress, SweepSummary, run_sweep
from driftlab.study.sweep_parts import PARTS_SUFFIX

RUNS_DEFAULT: Final = 1000
ROWS_SHOWN: Final = 12


def main(options: argparse.Namespace) -> int:
    """Sweep a grid, write its file and return the exit status."""
    if options.runs is None:
        options.runs = RUNS_DEFAULT
    base = chosen_scenario(options, fresh_seed=False)
    grid = Grid(base, parse_over(options.over))
    out, begun = Path(options.out), perf_counter()
    with Progress("sweep", quiet=options.quiet) as progress:
        try:
            frame, summary = run_sweep(
                grid,
                out,
                workers=_workers(options.workers),
                dask=options.dask,
                overwrite=options.overwrite,
                trust=options.trust,
                on_progress=lambda now: progress.show(*_shown(now)),
            )
        except KeyboardInterrupt:
            print(
                f"driftlab: interrupted; finished cells are kept in {out}{PARTS_SUFFIX}; "
                "the same command goes on from there",
                file=sys.stderr,
            )
            return EXIT_INTERRUPTED
    seconds = perf_counter() - begun
    if options.json:
        print(json.dumps(_document(grid, summary, frame, out, seconds), indent=2))
    elif not options.quiet:
        _print(grid, summary, frame, out, seconds)
    return EXIT_NOT_WHOLE if summary.incomplete else 0


def _workers(given: str | None) -> int | None:
    if given is None:
        return None
    if not given.isdecimal() or not 0 < int(given) < 10_000:
        raise DriftlabError(f"--workers {given}: give the number of cores to use, from 1")
    return int(given)


def _shown(now: SweepProgress) -> tuple[float, str]:
    text = f"{now.found + now.done} of {counted(now.cells, 'cell')}"
    return now.ticks / max(now.ticks_expected, 1), text


def _document(
    grid: Grid, summary: SweepSummary, frame: pl.DataFrame, out: Path, seconds: float
) -> dict[str, Any]:
    return {
        "out": str(out),
        "version": driftlab.__version__,
        "scenario": grid.base.to_dict() | {"rates": shown(grid.base.rates)},
        "over": grid.to_dict(),
        "cells": summary.cells,
        "runs": grid.base.runs,
        "rows": summary.rows,
        "resumed_cells": summary.found,
        "simulated_cells": summary.cells - summary.found,
        "damaged_parts": summary.damaged,
        "incomplete_runs": summary.incomplete,
        "seconds": round(seconds, 3),
        "columns": frame.columns,
    }


def _print(
    grid: Grid, summary: SweepSummary, frame: pl.DataFrame, out: Path, seconds: float
) -> None:
    runs = counted(grid.base.runs, "run")
    print(f"{counted(summary.cells, 'cell')} of {runs} each, means over runs\n")
    print(_table(list(grid.fields), frame))
    print()
    print(f"written    {out} ({counted(summary.rows, 'row')}, {duration(seconds)})")
    print(f"seed       {grid.base.seed}")
    if summary.found:
        print(f"resumed    {counted(summary.found, 'cell')} finished before")
    if summary.damaged:
        print(f"damaged    {counted(summary.damaged, 'part')}; the cells were simulated again")
    if summary.incomplete:
        print(f"incomplete {counted(summary.incomplete, 'run')}, in which a machine stopped early")


def _table(fields: Sequence[str], frame: pl.DataFrame) -> str:
    """Return the rows with the longest queues, those that a sweep is most often made for."""
    top = frame.sort("queue_last", descending=True, nulls_last=True).head(ROWS_SHOWN)
    heads = [
        *fields, "machine", "rate", "clock", "± ci95", "jump\nmean/max", "last\nqueue",
        "± ci95",
    ]  # fmt: skip
    rows = [
        [
            *(str(row[f"over_{field}"]) for field in fields),
            row["name"] or f"rank {row['rank']}",
            four_digits(row["rate"]),
            f"{row['clock']:.1f}",
            _half(row, "clock"),
            f"{row['jump_mean']:.2f}/{row['jump_max']:.1f}",
            f"{row['queue_last']:.2f}",
            _half(row, "queue_last"),
        ]
        for row in top.iter_rows(named=True)
    ]
    more = frame.height - len(rows)
    text = table(heads, rows, left=len(fields) + 1)
    return text + (
        f"\n… the longest queues; {counted(more, 'more row')} in the file" if more else ""
    )


def _half(row: dict[str, Any], metric: str) -> str:
    high = row[f"{metric}_ci95_high"]
    return "-" if high is None else f"{high - row[metric]:.2f}"
