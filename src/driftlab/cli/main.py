"""The `driftlab` command: the parser, and the exit status.

Exit status: 0 done; 1 a judge found violations; 2 the input or the command
could not be used (one line on standard error says why); 3 a run lost a machine
or ran out of time, what was recorded is kept; 130 interrupted.
"""

import argparse
import errno
import gc
import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

import driftlab
from driftlab.cli import flags
from driftlab.errors import DriftlabError

EXIT_UNUSABLE = 2
EXIT_INTERRUPTED = 130
EXIT_UNREAD = 141  # what a shell says of a command whose reader has left


# Every word of argparse would be looked up on the disk in translations that it does not have.
vars(argparse)["_"] = str


class _Formatter(argparse.HelpFormatter):
    """Finds the width of the terminal without the modules that argparse imports for it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_width() - 2)


def _width() -> int:
    with suppress(OSError, ValueError):
        return int(os.environ.get("COLUMNS", 0)) or os.get_terminal_size(1).columns
    return 80


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=_Formatter, **options)

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with status 2."""
        self.exit(EXIT_UNUSABLE, f"{self.prog}: {message}; see {self.prog} --help\n")


COMMANDS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], str]] = {
    "run": (flags.add_run, "run the machines for real and show what their clocks did"),
    "simulate": (flags.add_simulate, "run the same machines in a deterministic simulator"),
    "check": (flags.add_check, "judge a log: did its clocks tell the truth?"),
    "stats": (flags.add_recorded, "the figures of a recorded run"),
    "cut": (flags.add_cut, "a run as if it had stopped: what is in flight, all that is inside"),
    "why": (flags.add_why, "how one event happened before another, message by message"),
    "replay": (flags.add_recorded, "feed a run's recorded inputs to the machines again"),
    "twin": (flags.add_recorded, "a real run beside its simulation: where they part, and why"),
    "pack": (flags.add_pack, "put a run into one Parquet file, to keep or to compute with"),
    "convert": (flags.add_convert, "write a history as others' tools read it"),
    "restamp": (flags.add_restamp, "any clock, computed afterwards over the same history"),
    "compare": (flags.add_log, "all clocks side by side over one history"),
    "offsets": (flags.add_log, "how far machines' own clocks are off, from messages alone"),
    "scenarios": (flags.add_json, "list the built-in scenarios"),
    "machine": (flags.add_machine, "run one machine by hand, its peers in other terminals"),
}


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(
        prog="driftlab",
        description="The laboratory for logical time: machines with different clock speeds, "
        "a Lamport clock each, talking over TCP.",
        epilog="First thing to try: driftlab run --seconds 10",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"driftlab {driftlab.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, prog="driftlab")
    for name, (add_flags, says) in COMMANDS.items():
        command = commands.add_parser(name, help=says, description=says, allow_abbrev=False)
        add_flags(command)
        command.set_defaults(command=name)
    return parser


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; on an error, or for help, print and exit.

    Mostly the parser of one command is enough; the fifteen of all commands take
    longer to build than a short simulation.
    """
    name = arguments[0] if arguments else None
    if name not in COMMANDS:
        return build_parser().parse_args(arguments)
    add_flags, says = COMMANDS[name]
    command = _Parser(prog=f"driftlab {name}", description=says, allow_abbrev=False)
    add_flags(command)
    options, unknown = command.parse_known_args(arguments[1:])
    if unknown:  # which the parser of all commands reports
        return build_parser().parse_args(arguments)
    options.command = name
    return options


def _values_joined(arguments: Sequence[str]) -> list[str]:
    """Join a flag and a negative value that follows: `--rates -1,2` is a wrong rate, not a flag."""
    joined: list[str] = []
    for argument in arguments:
        is_negative = len(argument) > 1 and argument[0] == "-" and argument[1] in "0123456789."
        if is_negative and joined and joined[-1].startswith("--") and "=" not in joined[-1]:
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if arguments is None:  # this process is ours alone
        gc.disable()
    if isinstance(sys.stdout, io.TextIOWrapper):  # a log may hold half a character
        sys.stdout.reconfigure(errors="backslashreplace")
    options = parse(_values_joined(given))
    try:
        command = import_module(f"driftlab.cli.{options.command}")
        if arguments is None:  # what was imported stays: never search it for garbage
            gc.freeze()
            gc.enable()
        status: int = command.main(options)
        sys.stdout.flush()
    except DriftlabError as error:
        print(f"driftlab: {error}", file=sys.stderr)
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output has left, as `| head` does
        _ignore_broken_pipe()
        return EXIT_UNREAD
    except OSError as error:
        if error.filename is not None:
            print(f"driftlab: {error.filename}: {error.strerror}", file=sys.stderr)
            return EXIT_UNUSABLE
        if error.errno not in (errno.ENOSPC, errno.EIO, errno.EFBIG):
            raise
        print(f"driftlab: cannot write the output: {error.strerror}", file=sys.stderr)
        _ignore_broken_pipe()
        return EXIT_UNUSABLE
    return status


def _ignore_broken_pipe() -> None:
    from driftlab.cli.broken_pipe import ignore_broken_pipe  # seldom needed

    ignore_broken_pipe(sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
