"""`driftlab stats RUN`: the metrics of a recorded run."""

import argparse

from driftlab.api.read_run import read_runs, version_at
from driftlab.cli import output


def main(options: argparse.Namespace) -> int:
    """Print the metrics of a recorded run and return the exit status."""
    scenario, runs = read_runs(options.run)
    if options.json:
        output.print_json(scenario, runs, version=version_at(options.run))
    else:
        output.print_runs(runs)
    return 0
