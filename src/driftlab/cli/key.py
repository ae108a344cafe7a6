"""`driftlab key`: make the key of a run."""

import argparse

from driftlab.cli.terminal import print_line
from driftlab.real.key_file import make_key


def main(options: argparse.Namespace) -> int:
    """Write a new key and return the exit status."""
    make_key(options.file)
    print_line(f"{options.file}  give it to every machine of the run: --key {options.file}")
    return 0
