"""The `driftlab` command: its parser, and the exit status of each kind of error.

Exit status: 0 done; 1 a judge found violations, or two runs differ; 2 the input
or the command cannot be used (one line on standard error says why); 3 a machine
was lost (what it recorded is kept); 70 a bug of driftlab (traceback);
130 interrupted; 141 the reader of the output has left.
"""

import argparse
import errno
import gc
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

import driftlab
from driftlab import accelerated
from driftlab.cli import EXIT_BROKEN_PIPE, EXIT_BUG, EXIT_INTERRUPTED, EXIT_UNUSABLE, terminal
from driftlab.cli.commands import COMMANDS, Command
from driftlab.cli.flags import format_options
from driftlab.errors import DriftlabError, did_you_mean, nearest_line, require_supported_system
from driftlab.freezing import freeze_until_exit
from driftlab.plain_text import plain

_COMMAND_WIDTH = 14  # of the longest command, indented; argparse forgets the indentation


class _Formatter(argparse.HelpFormatter):
    """A formatter that finds the terminal's width without what argparse imports for it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_width() - 2)
        self._action_max_length = _COMMAND_WIDTH


def _width() -> int:
    with suppress(OSError, ValueError):
        return int(os.environ.get("COLUMNS", 0)) or os.get_terminal_size(1).columns
    return 80


class _Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line, with the flag that was probably meant."""

    given: Sequence[str] = ()  # the arguments of the command line

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=_Formatter, **options)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write a message; argparse would ignore a disk that is full."""
        stream = file or sys.stderr
        if message and stream is not None:
            stream.write(message)

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with status 2."""
        known = self._option_string_actions
        flags_given = [word.partition("=")[0] for word in self.given if word.startswith("--")]
        unknown = [flag for flag in flags_given if len(flag) > 2 and flag not in known]
        meant = did_you_mean(unknown[0], known) if unknown else ""
        line = plain(f"{self.prog}: {message}{meant}")
        self.exit(EXIT_UNUSABLE, f"{line}{'' if meant else ';'} see {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(
        prog="driftlab",
        description="A laboratory for logical time: machines with different clock rates, each "
        "with a Lamport clock, exchange messages over TCP or in a simulator.",
        epilog="Start with: driftlab run --seconds 10. Then see: driftlab COMMAND --help.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"driftlab {driftlab.__version__} ({accelerated.description()})",
    )
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog="driftlab"
    )
    for name, about in COMMANDS.items():
        command = commands.add_parser(name, help=about.summary, **_texts(about))
        about.add_flags(command)
        command.set_defaults(command=name)
    return parser


def command_parser(name: str) -> argparse.ArgumentParser:
    """Return the parser of one command."""
    about = COMMANDS[name]
    command = _Parser(prog=f"driftlab {name}", **_texts(about))
    about.add_flags(command)
    command.set_defaults(command=name)
    return command


def _texts(about: Command) -> dict[str, Any]:
    """Return what a command's parser is made with: its help texts, no abbreviated flags."""
    description = about.summary[0].upper() + about.summary[1:]
    return {
        "description": description, "epilog": f"Example: {about.example}", "allow_abbrev": False
    }  # fmt: skip


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; on an error, or for help, print and exit.

    Usually the parser of one command is enough; building those of all commands
    takes longer than a short simulation.
    """
    if not arguments:  # as git does
        build_parser().print_help()
        sys.stdout.flush()
        terminal.print_error("name a command; see driftlab --help")
        raise SystemExit(EXIT_UNUSABLE)
    name, *others = arguments
    if name == "help":
        name, *others = [*others[:1], "--help"]
    if name in COMMANDS:
        parser = command_parser(name)
        parser.given = others  # type: ignore[attr-defined]  # for its usage errors
        if any(action.nargs == "*" for action in parser._get_positional_actions()):
            return parser.parse_intermixed_args(others)  # flags may stand among several names
        return parser.parse_args(others)
    if not name.startswith("-"):
        meant = nearest_line(name, COMMANDS) or "see driftlab --help"
        terminal.print_error(f"there is no command {name}; {meant}")
        raise SystemExit(EXIT_UNUSABLE)
    return build_parser().parse_args([name, *others])


def _values_joined(arguments: Sequence[str]) -> list[str]:
    """Join a flag and a value that begins with a dash, which argparse would take for a flag.

    That is a negative number, or the word of a log that `--kind` has: `-->=send`.
    """
    joined: list[str] = []
    for argument in arguments:
        is_negative = len(argument) > 1 and argument[0] == "-" and argument[1] in "0123456789."
        is_word = bool(joined) and joined[-1] == "--kind" and argument[:1] == "-"
        if (
            (is_negative or is_word)
            and joined
            and joined[-1].startswith("--")
            and "=" not in joined[-1]
        ):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if arguments is None:  # this process is ours alone
        gc.disable()
        terminal.open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):  # a log may hold half a character
        sys.stdout.reconfigure(errors="backslashreplace")
    with terminal.plain_streams():
        return _run_and_report(given, is_own_process=arguments is None)


def _run_and_report(given: Sequence[str], *, is_own_process: bool) -> int:
    """Run one command; report every error, and return the exit status."""
    try:
        return _run(given, is_own_process=is_own_process)
    except DriftlabError as error:
        notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        terminal.print_error(f"{error}{notes}")
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output has left, as `| head` does
        terminal.discard_output()
        return EXIT_BROKEN_PIPE
    except OSError as error:
        return _report_os_error(error)
    except MemoryError:
        terminal.print_error("not enough memory for this")
        return EXIT_UNUSABLE
    except (SystemExit, GeneratorExit):
        raise
    except BaseException:  # also a panic of Polars, which is no Exception
        return _report_bug()


def _run(given: Sequence[str], *, is_own_process: bool) -> int:
    try:
        options = parse(_values_joined(given))
    except SystemExit:  # after `--help` too: a reader that has left shows here, not at exit
        sys.stdout.flush()
        raise
    require_supported_system()
    command = import_module(f"driftlab.cli.{options.command}")
    if is_own_process:  # what was imported stays: never search it for garbage
        freeze_until_exit()
        gc.enable()
    reading = getattr(options, "reading", None)
    status: int
    try:
        if getattr(options, "path", None) == "-":  # `check` has several paths, and sees to them
            from driftlab.cli.standard_input import run_on_input

            status = run_on_input(command.main, options)
        else:
            status = command.main(options)
    except DriftlabError as error:
        if reading is not None and reading not in str(error):
            error.add_note(f"read as {reading} says")
        raise
    if getattr(options, "save_reading", None) is not None:
        _save_reading(options)
    sys.stdout.flush()
    return status


def _save_reading(options: argparse.Namespace) -> None:
    """Write how a log was read, once it was."""
    from driftlab.api.reading import save_reading

    save_reading(options.save_reading, format_options(options))


def _report_os_error(error: OSError) -> int:
    """Report an error of a named file or of a full disk in one line; any other is a bug."""
    if error.filename is not None:
        terminal.print_error(f"{os.fsdecode(error.filename)}: {error.strerror}")
        return EXIT_UNUSABLE
    if error.errno == errno.ENOENT and not _has_working_folder():
        terminal.print_error("the working folder is not there any more")
        return EXIT_UNUSABLE
    if error.errno in (errno.ENOSPC, errno.EIO, errno.EFBIG):
        terminal.print_error(f"cannot write the output: {error.strerror}")
        terminal.discard_output()
        return EXIT_UNUSABLE
    return _report_bug()


def _has_working_folder() -> bool:
    try:
        os.getcwd()
    except OSError:
        return False
    return True


def _report_bug() -> int:
    """Print the traceback of the exception being handled."""
    with suppress(OSError, ValueError):
        sys.excepthook(*sys.exc_info())
    terminal.print_error("this is a bug of driftlab; please report it")
    return EXIT_BUG


if __name__ == "__main__":
    sys.exit(main())
