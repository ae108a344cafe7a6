"""`driftlab accelerate`: compile the modules of a tick's path for this Python."""

import argparse

from driftlab.accelerated import MODULES
from driftlab.api.acceleration import accelerate, remove_acceleration
from driftlab.cli.terminal import print_line
from driftlab.errors import counted


def main(options: argparse.Namespace) -> int:
    """Make the accelerated build, or remove it, say so, and return the exit status."""
    if options.remove:
        was_there = remove_acceleration()
        print_line("removed" if was_there else "there is no accelerated build")
        return 0
    folder = accelerate(lambda module: print_line(f"compiled   {module}"))
    print_line(f"{counted(len(MODULES), 'module')} in {folder}")
    return 0
