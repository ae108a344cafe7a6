"""`driftlab simulate`: run the same machines in a deterministic simulator."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial

from driftlab.api.engine_choice import choose_engine, needs_compiling, worker_count
from driftlab.api.run import Run
from driftlab.api.runs import Runs
from driftlab.api.simulate import OnProgress, require_memory, simulate_blocks
from driftlab.api.trust import admit_process
from driftlab.cli import EXIT_INTERRUPTED, EXIT_NOT_WHOLE, runs_output
from driftlab.cli.flags import chosen_scenario
from driftlab.cli.output import make_console
from driftlab.cli.terminal import discarding_output, print_error, print_line
from driftlab.errors import DriftlabError, counted
from driftlab.journal.run_folder import fresh_folder, remove_if_empty
from driftlab.machine.process_loader import load_process
from driftlab.scenario.scenario import Scenario

# Larger scenarios write journals only with --out or --record all.
RUNS_RECORDED_MAX = 20
MACHINES_RECORDED_MAX = 100
TICKS_RECORDED_MAX = 1_000_000
TICKS_WITHOUT_PROGRESS_MAX = 1_000_000  # fewer are done before a progress bar would be seen


def main(options: argparse.Namespace) -> int:
    """Simulate a scenario and return the exit status."""
    chosen = chosen_scenario(options, fresh_seed=True)
    scenario = admit_process(chosen, trust=options.trust)
    require_memory(scenario)
    load_process(scenario.process)
    folder = _folder(options, scenario)
    if not options.view:
        return _simulate(options, scenario, folder)
    from driftlab.cli.live_page import with_page

    return with_page(folder, scenario, partial(_simulate, options, scenario, folder))


def _simulate(options: argparse.Namespace, scenario: Scenario, folder: str | None) -> int:
    """Simulate a scenario, show what it did, and return the exit status."""
    blocks: list[Sequence[Run]] = []
    interrupted = False
    try:
        with _progress(options, scenario) as on_progress:
            simulated = simulate_blocks(
                scenario, folder, dask=options.dask, on_progress=on_progress
            )
            with closing(simulated):
                for block in simulated:
                    blocks.append(block)  # noqa: PERF402 - an interrupt keeps the runs so far
    except KeyboardInterrupt:
        interrupted = True
        whole = sum(map(len, blocks))
        of = f"{whole} of {counted(scenario.runs, 'run')} {'is' if whole == 1 else 'are'} whole"
        print_error(f"interrupted; {of}{f', in {folder}' if folder else ''}")
    except BaseException:
        if folder and not options.out:
            remove_if_empty(folder)
        raise
    runs = Runs(scenario, blocks)
    if interrupted:
        with discarding_output():  # the terminal may be what has ended
            if len(runs) or options.json:
                _show(options, scenario, folder, runs)
        return EXIT_INTERRUPTED
    if len(runs) or options.json:
        _show(options, scenario, folder, runs)
    return EXIT_NOT_WHOLE if runs.incomplete() else 0


def _show(options: argparse.Namespace, scenario: Scenario, folder: str | None, runs: Runs) -> None:
    if options.json:
        runs_output.print_json(scenario, runs)
    elif options.quiet:
        if folder:
            print_line(folder)
        runs_output.print_if_lost(runs)
    else:
        runs_output.print_runs(runs)
        if folder:
            runs_output.print_next(scenario, folder, runs, "simulate")
        else:
            runs_output.print_seed(scenario)
            if not options.record:
                why = _too_much(scenario) or "a cluster keeps figures only"
                print(f"logs       none: {why}; use --out DIR to write them")


@contextmanager
def _progress(options: argparse.Namespace, scenario: Scenario) -> Iterator[OnProgress | None]:
    """Yield a callback that shows a progress bar, None for a short simulation or no terminal."""
    if scenario.expected_ticks < TICKS_WITHOUT_PROGRESS_MAX:
        yield None
        return
    from driftlab.interrupts import terminated_like_interrupted  # imports signal

    with terminated_like_interrupted():
        if not options.quiet and _must_compile(scenario):
            print("compiling the engine: some ten to twenty seconds, once", file=sys.stderr)
        if options.quiet or not sys.stderr.isatty():
            yield None
            return
        with _bar(scenario) as on_progress:
            yield on_progress


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
    bar = Progress(*columns, console=make_console(sys.stderr), transient=True)
    task = bar.add_task("simulating", total=scenario.expected_ticks)
    bar.start()
    try:
        yield lambda done, total: bar.update(task, completed=done, total=total)
    finally:
        with suppress(OSError):  # the terminal may be gone
            bar.stop()


def _must_compile(scenario: Scenario) -> bool:
    is_compiled = choose_engine(scenario, worker_count(None)) == "compiled"
    return is_compiled and needs_compiling(scenario)


def _too_much(scenario: Scenario) -> str | None:
    """Return why a scenario's journals are not written by default, None if they are."""
    if scenario.runs > RUNS_RECORDED_MAX:
        return f"more than {RUNS_RECORDED_MAX} runs"
    if scenario.size > MACHINES_RECORDED_MAX:
        return f"more than {MACHINES_RECORDED_MAX} machines"
    if scenario.expected_ticks > TICKS_RECORDED_MAX:
        return f"more than {TICKS_RECORDED_MAX:,} ticks"
    return None


def _folder(options: argparse.Namespace, scenario: Scenario) -> str | None:
    is_small = not options.dask and _too_much(scenario) is None
    default = "all" if options.out or is_small else "summary"
    if (options.record or default) == "all":
        return str(options.out) if options.out else fresh_folder()
    if options.out:
        raise DriftlabError("--out: nothing is written with --record summary; leave one out")
    return None
