"""`driftlab run`: run the machines as processes that talk over TCP."""

import argparse
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

from driftlab.api.run import Run
from driftlab.api.run_real import OnBeat, require_real, run_each
from driftlab.api.runs import Runs
from driftlab.api.trust import admit_process
from driftlab.cli import EXIT_INTERRUPTED, EXIT_NOT_WHOLE, runs_output
from driftlab.cli.flags import chosen_scenario
from driftlab.cli.terminal import discarding_output, print_line
from driftlab.errors import DriftlabError
from driftlab.journal.run_folder import fresh_folder, remove_if_empty
from driftlab.real.launcher import reserve_file_descriptors
from driftlab.scenario.scenario import Scenario


def main(options: argparse.Namespace) -> int:
    """Run a scenario with real machines and return the exit status."""
    scenario = admit_process(chosen_scenario(options, fresh_seed=True), trust=options.trust)
    reserve_file_descriptors(scenario.size)
    require_real(scenario)
    folder = Path(options.out or fresh_folder())
    if not options.view:
        return _run(options, scenario, folder)
    from driftlab.cli.live_page import with_page

    return with_page(folder, scenario, partial(_run, options, scenario, folder))


def _run(options: argparse.Namespace, scenario: Scenario, folder: Path) -> int:
    """Run a scenario, show what it did, and return the exit status."""
    runs: list[Run] = []
    interrupted = False
    try:
        with _display(options, scenario) as display:
            for run in run_each(scenario, folder, display, key=options.key):
                runs.append(run)  # noqa: PERF402 - earlier runs are shown if a later one fails
    except KeyboardInterrupt:  # between two runs
        interrupted = True
    except DriftlabError:
        if runs:
            _show(options, folder, Runs(scenario, [runs]))
        elif not options.out:
            remove_if_empty(folder)
        raise
    if not runs:
        remove_if_empty(folder)
        return EXIT_INTERRUPTED
    if interrupted or runs[-1].interrupted:
        with discarding_output():  # the terminal may be what has ended
            _show(options, folder, Runs(scenario, [runs]))
        return EXIT_INTERRUPTED
    _show(options, folder, Runs(scenario, [runs]))
    is_good = all(run.is_whole and not run.has_refusals for run in runs)
    return 0 if is_good else EXIT_NOT_WHOLE


def _show(options: argparse.Namespace, folder: Path, runs: Runs) -> None:
    scenario = runs.scenario
    if options.json:
        runs_output.print_json(scenario, runs)
    elif options.quiet:
        print_line(str(folder))
        runs_output.print_if_lost(runs)
    else:
        runs_output.print_runs(runs)
        runs_output.print_next(scenario, folder, runs)


def _display(options: argparse.Namespace, scenario: Scenario) -> AbstractContextManager[OnBeat]:
    if options.quiet:
        return nullcontext(lambda start, elapsed_ns: None)
    from driftlab.cli.display import Display

    return Display(scenario.run_numbers)
