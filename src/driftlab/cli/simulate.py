"""`driftlab simulate`: the same machines in simulated time."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from driftlab.api.outcome import Run
from driftlab.api.simulated import OnProgress, simulate_each
from driftlab.cli import output
from driftlab.cli.choosing import chosen_scenario
from driftlab.errors import DriftlabError
from driftlab.hosts.loading import load_process
from driftlab.hosts.run_folder import fresh_folder, leave_if_empty
from driftlab.scenario import Scenario

# Larger scenarios leave journals only if told so.
RUNS_RECORDED_UNASKED = 20
MACHINES_RECORDED_UNASKED = 100
TICKS_RECORDED_UNASKED = 1_000_000
TICKS_UNWATCHED_MAX = 1_000_000  # fewer are done before a bar would be seen


def main(options: argparse.Namespace) -> int:
    """Simulate a scenario and return the exit status."""
    scenario = chosen_scenario(options, fresh_seed=True)
    load_process(scenario.process)
    folder = _folder(options, scenario)
    try:
        with _progress(options, scenario) as on_progress:
            runs = list(simulate_each(scenario, folder, dask=options.dask, on_progress=on_progress))
    except BaseException:
        if folder and not options.out:
            leave_if_empty(folder)
        raise
    _show(options, scenario, folder, runs)
    return 0 if all(run.is_whole for run in runs) else output.EXIT_NOT_WHOLE


def _show(
    options: argparse.Namespace, scenario: Scenario, folder: str | None, runs: Sequence[Run]
) -> None:
    if options.json:
        output.print_json(scenario, runs)
    elif options.quiet:
        if folder:
            print(folder)
    else:
        output.print_runs(runs)
        if folder:
            output.print_next(scenario, folder, runs, "simulate")
        else:
            output.print_seed(scenario)
            if not options.record:
                print("logs       none, unasked, of so much; --out DIR writes them")


@contextmanager
def _progress(options: argparse.Namespace, scenario: Scenario) -> Iterator[OnProgress | None]:
    """Give what shows a progress bar, where there is much to do and somebody looks."""
    few = scenario.expected_ticks < TICKS_UNWATCHED_MAX
    if options.quiet or few or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    from driftlab.cli.console import make_console

    columns = (TextColumn("simulating"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
               TextColumn("{task.completed:,.0f} of {task.total:,.0f} ticks"))  # fmt: skip
    with Progress(*columns, console=make_console(sys.stderr), transient=True) as bar:
        task = bar.add_task("simulating", total=scenario.expected_ticks)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _is_small(scenario: Scenario) -> bool:
    return (
        scenario.runs <= RUNS_RECORDED_UNASKED
        and scenario.size <= MACHINES_RECORDED_UNASKED
        and scenario.expected_ticks <= TICKS_RECORDED_UNASKED
    )


def _folder(options: argparse.Namespace, scenario: Scenario) -> str | None:
    unasked = "all" if options.out or (not options.dask and _is_small(scenario)) else "summary"
    if (options.record or unasked) == "all":
        return str(options.out) if options.out else fresh_folder()
    if options.out:
        raise DriftlabError("--out: nothing is written with --record summary; leave one out")
    return None
