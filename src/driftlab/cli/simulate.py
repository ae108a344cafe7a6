"""`driftlab simulate`: the same machines in simulated time."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from driftlab.api.parallel import is_cold, is_worth_compiling
from driftlab.api.run import Run
from driftlab.api.simulate import OnProgress, simulate_each
from driftlab.cli import output
from driftlab.cli.flags import chosen_scenario
from driftlab.errors import DriftlabError
from driftlab.journal.run_folder import fresh_folder, remove_if_empty
from driftlab.machine.process_loader import load_process
from driftlab.scenario.scenario import Scenario

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
    runs: list[Run] = []
    interrupted = False
    try:
        with _progress(options, scenario) as on_progress:
            for run in simulate_each(scenario, folder, dask=options.dask, on_progress=on_progress):
                runs.append(run)  # noqa: PERF402 - what is done counts if it is interrupted
    except KeyboardInterrupt:
        interrupted = True
        of = f"{len(runs)} of {scenario.runs} runs are whole"
        print(f"driftlab: interrupted; {of}{f', in {folder}' if folder else ''}", file=sys.stderr)
    except BaseException:
        if folder and not options.out:
            remove_if_empty(folder)
        raise
    if runs or options.json:
        _show(options, scenario, folder, runs)
    if interrupted:
        return output.EXIT_INTERRUPTED
    return 0 if all(run.is_whole for run in runs) else output.EXIT_NOT_WHOLE


def _show(
    options: argparse.Namespace, scenario: Scenario, folder: str | None, runs: Sequence[Run]
) -> None:
    if options.json:
        output.print_json(scenario, runs)
    elif options.quiet:
        if folder:
            print(folder)
        output.print_if_lost(runs)
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
    if scenario.expected_ticks < TICKS_UNWATCHED_MAX:
        yield None
        return
    with _terminated_like_interrupted():
        if not options.quiet and is_worth_compiling(scenario) and is_cold():
            print("compiling the engine: some ten to twenty seconds, once", file=sys.stderr)
        if options.quiet or not sys.stderr.isatty():
            yield None
            return
        with _bar(scenario) as on_progress:
            yield on_progress


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Take SIGTERM for a Ctrl-C: what was recorded is closed in order."""
    import signal  # heavier than it looks; what is over in no time need not pay for it

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _bar(scenario: Scenario) -> Iterator[OnProgress]:
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("simulating"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
               TextColumn("{task.completed:,.0f} of {task.total:,.0f} ticks"))  # fmt: skip
    with Progress(*columns, console=output.make_console(sys.stderr), transient=True) as bar:
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
