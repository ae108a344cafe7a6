"""`driftlab simulate`: the same machines in simulated time."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from driftlab import api
from driftlab.cli import output
from driftlab.cli.choosing import chosen_scenario
from driftlab.errors import DriftlabError
from driftlab.hosts.run_folder import fresh_folder
from driftlab.scenario import Scenario

RUNS_RECORDED_UNASKED = 20  # more runs than this leave journals only if told so


def main(options: argparse.Namespace) -> int:
    """Simulate a scenario and return the exit status."""
    scenario = chosen_scenario(options, fresh_seed=True)
    api.load_process(scenario.process)
    folder = _folder(options, scenario)
    runs = _watched(api.simulate_each(scenario, folder), scenario.runs, options.quiet)
    if options.json:
        output.print_json(scenario, runs)
    elif options.quiet:
        print(folder if folder else "")
    else:
        output.print_runs(runs)
        if folder:
            output.print_next(scenario, folder, runs, "simulate")
        else:
            output.print_seed(scenario)
    return 0 if all(run.is_whole for run in runs) else output.EXIT_NOT_WHOLE


def _watched(runs: Iterable[api.Run], total: int, quiet: bool) -> list[api.Run]:
    """Collect the runs, behind a progress bar where there are many and somebody looks."""
    if quiet or total <= RUNS_RECORDED_UNASKED or not sys.stderr.isatty():
        return list(runs)
    from rich.progress import track

    from driftlab.cli.console import make_console

    return list(track(runs, "simulating", total, console=make_console(sys.stderr)))


def _folder(options: argparse.Namespace, scenario: Scenario) -> Path | None:
    unasked = "all" if options.out or scenario.runs <= RUNS_RECORDED_UNASKED else "summary"
    if (options.record or unasked) == "all":
        return Path(options.out) if options.out else fresh_folder()
    if options.out:
        raise DriftlabError("--out: nothing is written with --record summary; leave one out")
    return None
