"""What a person or a script reads when a run is over."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from statistics import fmean, pstdev
from typing import Any

from driftlab.api import Run
from driftlab.scenario import Scenario
from driftlab.trace.journal import COMPLETE

COMMAND_VARIABLE = "DRIFTLAB_COMMAND"  # how the user called us, where not as `driftlab`
EXIT_NOT_WHOLE = 3  # a machine was lost
RUNS_LISTED_MAX = 20  # of more runs a table shows means
_TABLE_WIDTH = 120  # where standard output is not a terminal, nothing has to be squeezed


def print_json(scenario: Scenario, runs: Sequence[Run]) -> None:
    """Print the one JSON document of the interface."""
    document = {"scenario": scenario.to_dict(), "runs": [run.to_dict() for run in runs]}
    print(json.dumps(document, indent=2))


def print_runs(runs: Sequence[Run]) -> None:
    """Print a table of all machines of all runs, and below it whatever was not as it should be."""
    from driftlab.cli.console import make_console

    console = make_console(sys.stdout, width=None if sys.stdout.isatty() else _TABLE_WIDTH)
    console.print(_table(runs) if len(runs) <= RUNS_LISTED_MAX else _spread(runs))
    for run in runs:
        for line in oddities(run):
            console.print(line, markup=False)


def _spread(runs: Sequence[Run]) -> Any:
    """Return one row a machine: means over the runs, with the standard deviation of one run."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, title=f"{len(runs)} runs")
    heads = (
        "machine", "rate", "share of\nreceives", "last clock\nmean ± sd", "jump, mean\nmean/max",
        "last queue\nmean ± sd", "drift\nmean ± sd",
    )  # fmt: skip
    for head in heads:
        table.add_column(head, justify="left" if head == "machine" else "right")
    for machines in zip(*(run.machines for run in runs), strict=True):
        rates = {machine.rate for machine in machines}
        table.add_row(
            machines[0].name,
            f"{rates.pop():g}" if len(rates) == 1 else "drawn",
            f"{fmean(m.events['receive'] / max(m.ticks, 1) for m in machines):.2f}",
            _mean_and_deviation([machine.clock for machine in machines]),
            f"{fmean(m.jump.mean for m in machines):.2f}/{fmean(m.jump.max for m in machines):.0f}",
            _mean_and_deviation([machine.queue.last for machine in machines]),
            _mean_and_deviation([machine.drift for machine in machines]),
        )
    return table


def _mean_and_deviation(values: Sequence[float]) -> str:
    return f"{fmean(values):.1f} ± {pstdev(values):.1f}"


def _table(runs: Sequence[Run]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    many = len(runs) > 1
    heads = (["run"] if many else []) + [
        "machine", "rate\nasked", "\ngot", "events\nint/send/recv", "\nclock",
        "jump\nmean/max", "queue\nmax/last", "drift", "lateness, ms\np50/p99/max",
    ]  # fmt: skip
    for head in heads:
        table.add_column(head, justify="left" if head in ("run", "machine") else "right")
    for run in runs:
        for row in _rows(run):
            table.add_row(*([str(run.scenario.first_run)] if many else []), *row)
        if many:
            table.add_section()
    return table


def _rows(run: Run) -> list[list[str]]:
    return [
        [
            machine.name,
            f"{machine.rate:g}",
            f"{machine.achieved_rate:.4g}",
            "/".join(str(count) for count in machine.events.values()),
            str(machine.clock),
            f"{machine.jump.mean:.2f}/{machine.jump.max}",
            f"{machine.queue.max}/{machine.queue.last}",
            str(machine.drift),
            "/".join(f"{late / 1e3:.2f}" for late in machine.lateness_us)
            if machine.lateness_us
            else "-",
        ]
        for machine in run.machines
    ]


def oddities(run: Run) -> list[str]:
    """Return a line for everything that a reader of the table must know."""
    ticks = {machine.name: machine.ticks for machine in run.machines}
    lines = [
        f"{name}: {end}, after {ticks.get(name, 0)} ticks"
        for name, end in run.ends.items()
        if end != COMPLETE
    ]
    lines += [
        f"{name}: {count} incidents; see: grep incident {run.folder}/{name}.log"
        for name, count in run.incidents.items()
        if count
    ]
    lines += [
        f"{name}: {count} messages were not delivered"
        for name, count in run.undelivered.items()
        if count
    ]
    lines += [
        f"{name}: {count} lines of {run.folder}/{name}.log could not be read"
        for name, count in run.unread.items()
        if count
    ]
    return lines


def print_next(scenario: Scenario, folder: Path, runs: Sequence[Run], verb: str = "run") -> None:
    """Say where the logs are and what to do next, in commands that work as they stand."""
    one, command = runs[0], os.environ.get(COMMAND_VARIABLE, "driftlab")
    logs = f"{one.folder}/" if len(runs) == 1 else f"{folder}/run-*/"
    last = f"{one.folder}/{one.machines[-1].name}.log"
    names = [f"{machine.name}.log" for machine in one.machines]
    listed = names if len(names) <= 4 else [*names[:2], "…", names[-1]]
    print_seed(scenario)
    print(f"logs       {logs}  ({', '.join(listed)})")
    print(f"repeat     {command} {verb} {quote(f'{folder}/scenario.toml')}")
    print(f"figures    {command} stats {quote(str(folder))}")
    print(f"messages   grep receive {quote(last)} | head")


def print_seed(scenario: Scenario) -> None:
    """Say what it takes to throw the same dice again."""
    print(f"seed       {scenario.seed}")
