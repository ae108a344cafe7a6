"""The flags of every command. The same name means the same thing everywhere."""

import argparse
from typing import Any

SCENARIO_FLAGS = (
    ("--rates", "RATES", "ticks per second, one a machine (6,3,1), or drawn from a range (1..6)"),
    ("--machines", "N", "how many machines (default: 3, or as many as there are rates)"),
    ("--names", "NAMES", "their names, in the order of the rates (default: A,B,C,…)"),
    ("--seconds", "S", "length of a run in scenario time (default: 60)"),
    ("--runs", "R", "how many runs (default: 1; the notes: 5)"),
    ("--first-run", "K", "number of the first run; a run's dice depend on it (default: 1)"),
    ("--faces", "D", "faces of the die that a free tick rolls (default: 10)"),
    ("--send-one", "P", "instead of a die: the probability to send to one peer"),
    ("--send-all", "P", "instead of a die: the probability to send to every peer"),
    ("--seed", "S", "whole number that decides every draw (default: a new one, shown)"),
    ("--speed", "X", "everything X times faster than real time (default: 1)"),
    ("--phase", "PHASE", "first tick at a `random` place in its period, or `aligned`"),
    ("--topology", "TOPOLOGY", "mesh, ring, star, regular:D or links, A-B,B-C (default: mesh)"),
    (
        "--latency",
        "LATENCY",
        "in a simulation: fixed:S, uniform:LOW..HIGH, exponential:MEAN …",
    ),
    (
        "--clock",
        "CLOCK",
        "what is kept beside the Lamport clock: vector, matrix or hybrid",
    ),
    ("--process", "FILE.py:CLASS", "run a process of yours instead of the notes' die"),
    ("--offset-ms", "MS", "how far physical clocks are off, one number a machine (0,50,-20)"),
    ("--skew-ppm", "PPM", "and how much they gain, in parts per million (0,100,-50)"),
    ("--order", "ORDER", "queue messages by `peers`, one socket after the other, or by `arrival`"),
)


def add_scenario(parser: argparse.ArgumentParser) -> None:
    """Add the scenario and the flags that change it."""
    parser.add_argument(
        "scenario",
        nargs="?",
        metavar="SCENARIO",
        help="a TOML file, the name of a built-in one, or a process of yours, mine.py:Ring",
    )
    group = parser.add_argument_group("the scenario (flags win over a file)")
    for name, metavar, says in SCENARIO_FLAGS:
        group.add_argument(name, metavar=metavar, help=says)


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say what is printed."""
    group = parser.add_argument_group("output")
    add_json(group)
    group.add_argument("--quiet", action="store_true", help="print the folder and nothing else")


def add_run(parser: argparse.ArgumentParser) -> None:
    """Flags of `driftlab run`."""
    add_scenario(parser)
    parser.add_argument("--out", metavar="DIR", help="the run's folder (default: a new one)")
    add_output(parser)


def add_simulate(parser: argparse.ArgumentParser) -> None:
    """Flags of `driftlab simulate`."""
    add_scenario(parser)
    parser.add_argument(
        "--record", choices=("all", "summary"), help="journals like those of a real run, or figures"
    )
    parser.add_argument("--out", metavar="DIR", help="the runs' folder (default: a new one)")
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="share many runs among the workers of a Dask scheduler"
    )
    add_output(parser)


def add_recorded(parser: argparse.ArgumentParser) -> None:
    """Flags of the commands that read a run: `stats`, `replay` and `twin`."""
    parser.add_argument("run", metavar="RUN", help="a run's folder")
    add_json(parser)


def add_check(parser: argparse.ArgumentParser) -> None:
    """Flags of `driftlab check`."""
    parser.add_argument("path", nargs="?", metavar="PATH", help="a run folder, a journal or a log")
    group = parser.add_argument_group("the rules")
    group.add_argument("--rules", action="store_true", help="list all rules, and judge nothing")
    group.add_argument(
        "--only", metavar="RULES", action="append", default=[], help="apply these rules (a,b,c)"
    )
    group.add_argument(
        "--without", metavar="RULES", action="append", default=[], help="leave these rules out"
    )
    group.add_argument(
        "--rates", metavar="RATES",
        help="ticks per second that the processes were to keep (6,3,1), where the log does not say",
    )  # fmt: skip
    add_format(parser)
    group = parser.add_argument_group("output")
    group.add_argument(
        "--limit", metavar="N", help="list so many violations of each rule (default: 3, JSON: all)"
    )
    add_json(group)


def add_cut(parser: argparse.ArgumentParser) -> None:
    """Flags of `driftlab cut`."""
    parser.add_argument("path", metavar="PATH", help="a run folder, a journal or a log")
    group = parser.add_argument_group("where to cut").add_mutually_exclusive_group(required=True)
    group.add_argument(
        "--at", metavar="SECONDS", help="the events that began up to this real time after the start"
    )
    group.add_argument("--clock", metavar="N", help="the events up to this Lamport clock")
    group.add_argument(
        "--containing", metavar="A:17", help="the smallest consistent cut with this event"
    )
    group.add_argument(
        "--before", metavar="A:17", help="the largest consistent cut without this event"
    )
    group.add_argument(
        "--events", metavar="A=10,B=7", help="this number of first events of each process"
    )
    add_format(parser)
    add_json(parser)


def add_why(parser: argparse.ArgumentParser) -> None:
    """Flags of `driftlab why`."""
    parser.add_argument("path", metavar="PATH", help="a run folder, a journal or a log")
    parser.add_argument(
        "first", metavar="A:17", help="an event: its process and its number there, from 0"
    )
    parser.add_argument("second", metavar="B:3", help="another event")
    add_format(parser)
    add_json(parser)


def add_pack(parser: argparse.ArgumentParser) -> None:
    """Flags of `driftlab pack`."""
    parser.add_argument("run", metavar="RUN", help="a run's folder, or a folder of runs")
    parser.add_argument(
        "--out", metavar="FILE", help="the file (default: RUN.parquet); of several runs a folder"
    )
    add_json(parser)


def add_json(parser: argparse._ActionsContainer) -> None:
    """Flags of `driftlab scenarios`, and of all that print one thing."""
    parser.add_argument("--json", action="store_true", help="one JSON document, nothing else")


def add_format(parser: argparse.ArgumentParser, flag: str = "--format") -> None:
    """Add the flags that say how somebody else's log is to be read; see `format_options`."""
    group = parser.add_argument_group("the log of another program (found out where it can be)")
    group.add_argument(
        flag, dest="format", metavar="FORMAT",
        help="shiviz, tsviz, govector, tracing, chrome, csv, parquet or text",
    )  # fmt: skip
    group.add_argument(
        "--pattern", metavar="REGEX", action="append",
        help="what a record looks like, with groups such as (?<host>…) and (?<clock>…); "
        "of several the first wins",
    )  # fmt: skip
    group.add_argument("--delimiter", metavar="REGEX", help="what stands between two executions")
    group.add_argument("--execution", metavar="N", help="of several the Nth, or the one so named")
    group.add_argument("--encoding", metavar="NAME", help="of text (default: UTF-8, or its mark)")
    group.add_argument("--time-unit", metavar="UNIT", help="of whole numbers: ns, us, ms or s")


def format_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the flags of `add_format` say, as `driftlab.read` takes it."""
    names = ("format", "pattern", "delimiter", "execution", "encoding", "time_unit")
    given = {name: getattr(options, name) for name in names}
    return {name: value for name, value in given.items() if value is not None}


def add_convert(parser: argparse.ArgumentParser) -> None:
    """Flags of `driftlab convert`."""
    parser.add_argument("path", metavar="IN", help="a run's folder, a journal, or another's log")
    parser.add_argument("out", metavar="OUT", help="the file to write (govector: or a folder)")
    parser.add_argument(
        "--to", metavar="FORMAT", required=True,
        help="shiviz, tsviz, govector, tracing, chrome, csv or parquet",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="write a file that is there anew")
    add_format(parser, "--from")
    add_json(parser)


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Flags of `driftlab machine`."""
    parser.add_argument("name", metavar="NAME", help="which machine of the scenario this is")
    add_scenario(parser)
    group = parser.add_argument_group("where the machines are")
    group.add_argument(
        "--at", metavar="NAME=HOST:PORT", action="append", default=[],
        help="the address of a machine; give one for each, its own too",
    )  # fmt: skip
    group.add_argument("--listen", metavar="HOST:PORT", help="listen here, not at --at NAME=…")
    group.add_argument("--run-id", metavar="ID", help="the same on all (from the scenario)")
    group.add_argument("--start-at", metavar="UTC", help="a common start, 2026-01-31T12:00:00Z")
    parser.add_argument("--out", metavar="DIR", default="runs/by-hand", help="the run's folder")
    parser.add_argument("--quiet", action="store_true", help="print nothing")


def add_log(parser: argparse.ArgumentParser) -> None:
    """Flags of the commands that read any log: `compare` and `offsets`."""
    parser.add_argument("path", metavar="PATH", help="a run's folder, a journal, or another's log")
    add_format(parser)
    add_json(parser)


def add_restamp(parser: argparse.ArgumentParser) -> None:
    """Flags of `driftlab restamp`."""
    add_log(parser)
    parser.add_argument(
        "--clock", metavar="CLOCK", required=True, help="lamport, vector, matrix or hybrid"
    )
    parser.add_argument(
        "--out", metavar="OUT",
        help="a new folder for journals with the clock, or FILE.parquet or FILE.csv",
    )  # fmt: skip
