"""`driftlab run`: the machines for real."""

import argparse
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from driftlab import api
from driftlab.cli import output
from driftlab.cli.choosing import chosen_scenario
from driftlab.hosts.run_folder import default_folder

EXIT_NOT_WHOLE = 3
EXIT_INTERRUPTED = 130


def main(options: argparse.Namespace) -> int:
    """Run a scenario for real and return the exit status."""
    scenario = chosen_scenario(options, fresh_seed=True)
    folder = Path(options.out) if options.out else default_folder()
    runs: list[api.Run] = []
    with _display(options, scenario.runs) as display:
        runs += api.run_each(scenario, folder, display)
    if options.json:
        output.print_json(scenario, runs)
    elif options.quiet:
        print(folder)
    else:
        output.print_runs(runs)
        output.print_next(scenario, str(folder), runs)
    if runs[-1].interrupted:
        return EXIT_INTERRUPTED
    return 0 if all(run.is_whole for run in runs) else EXIT_NOT_WHOLE


def _display(options: argparse.Namespace, runs: int) -> AbstractContextManager[api.OnBeat]:
    if options.quiet:
        return nullcontext(lambda start, elapsed_ns: None)
    from driftlab.cli.display import Display

    return Display(runs)
