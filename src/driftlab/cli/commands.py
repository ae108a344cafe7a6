"""Every command: its summary, its example, and its flags.

The modules of the commands are imported only when they run, so that `--help` answers at
once; flags that several commands share are in `flags`.
"""

import argparse
from collections.abc import Callable
from typing import Final

from driftlab.cli.flags import (
    ANY_LOG,
    add_format,
    add_json,
    add_key,
    add_output,
    add_scenario,
    add_shown_live,
    add_trust,
)


class Command:
    """A command of `driftlab`.

    add_flags: adds its flags to a parser.
    summary: what it does, for the list of commands and as the head of its own help.
    example: a command line that shows it.
    """

    __slots__ = ("add_flags", "example", "summary")

    def __init__(
        self, add_flags: Callable[[argparse.ArgumentParser], None], summary: str, example: str
    ) -> None:
        self.add_flags = add_flags
        self.summary = summary
        self.example = example


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab run`."""
    add_scenario(parser)
    add_trust(parser)
    add_key(add_shown_live(add_output(parser)))


def add_accelerate(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab accelerate`."""
    parser.add_argument(
        "--remove", action="store_true", help="remove what was compiled, and use the source again"
    )


def add_simulate(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab simulate`."""
    add_scenario(parser)
    add_trust(parser)
    parser.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="spread the runs over the workers of a Dask scheduler (default: over all cores)",
    )
    add_shown_live(add_output(parser)).add_argument(
        "--record",
        choices=("all", "summary"),
        help="`all` writes logs like those of a real run, `summary` only computes the figures "
        "(default: all with --out or up to 20 runs, 100 machines and 1,000,000 ticks)",
    )


def add_predict(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab predict`."""
    add_scenario(parser, seed="1", rates="needed without SCENARIO: not drawn, one a machine")
    group = parser.add_argument_group("prediction")
    group.add_argument(
        "--quick", action="store_true",
        help="closed forms alone, at once (default: chains where they stay small)",
    )  # fmt: skip
    group.add_argument(
        "--against", metavar="RUN", nargs="+", default=[],
        help="run folders or packed runs, or folders of these: predict their own scenarios and "
        "show what they measured beside the prediction",
    )  # fmt: skip
    add_json(group)
    group.add_argument(
        "--csv", metavar="FILE", nargs="?", const="-",
        help="also write a row for each machine, or each figure compared, as CSV (without FILE, or "
        "-: print only this)",
    )  # fmt: skip
    group.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")


def add_claims(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab claims`."""
    parser.add_argument("ids", nargs="*", metavar="ID", help="explain only these claims")
    parser.add_argument(
        "--runs", metavar="N",
        help="simulate N standard runs, and two thirds of them of each variation (default: 1000); "
        "with --real, run N of each condition (default: 5)",
    )  # fmt: skip
    parser.add_argument(
        "--real", nargs="*", metavar="RUN",
        help="judge by real runs: these folders, or runs made now, one condition after the other",
    )  # fmt: skip
    parser.add_argument("--speed", metavar="X", help="of runs made now (default: 60)")
    parser.add_argument("--out", metavar="DIR", help="folder for them (default: below runs/)")
    parser.add_argument("--verbose", action="store_true", help="explain every verdict")
    parser.add_argument("--report", metavar="FOLDER", help="write a report, as driftlab report")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier report")
    add_json(parser)


def add_replayed(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab replay` and `twin`."""
    add_recorded(parser)
    add_trust(parser)


def add_recorded(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab replay` and `twin`, which read run folders."""
    parser.add_argument("run", metavar="RUN", help="folder of a run, or of several runs")
    add_json(parser)


def add_stats(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab stats`."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH",
        help=f"{ANY_LOG}, or a folder of runs; runs of different scenarios are kept apart",
    )  # fmt: skip
    parser.add_argument(
        "--rates", metavar="RATES",
        help="ticks per second that each process was to take (6,3,1; default: what the log says)",
    )  # fmt: skip
    add_format(parser)
    group = parser.add_argument_group("output")
    add_json(group)
    group.add_argument(
        "--csv", metavar="FILE",
        help="also write a row for each run and machine as CSV (-: print only this)",
    )  # fmt: skip
    group.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")


def add_check(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab check`."""
    parser.add_argument(
        "paths", nargs="*", metavar="PATH",
        help=f"{ANY_LOG}; - for standard input; several are judged each by itself",
    )  # fmt: skip
    parser.add_argument(
        "--submissions", action="store_true",
        help="judge everything that is directly in the folder PATH, each by itself",
    )  # fmt: skip
    group = parser.add_argument_group("rules")
    group.add_argument("--rules", action="store_true", help="list all rules and judge nothing")
    group.add_argument(
        "--only", metavar="RULES", action="append", default=[],
        help="apply only these rules (a,b,c; default: all that fit the log)",
    )  # fmt: skip
    group.add_argument(
        "--without", metavar="RULES", action="append", default=[], help="leave out these rules"
    )
    group.add_argument(
        "--rates", metavar="RATES",
        help="expected ticks per second of each process (6,3,1; default: what the log says)",
    )  # fmt: skip
    group.add_argument(
        "--complete", action="store_true",
        help="the log holds every event: what only an absent one could explain is a violation",
    )  # fmt: skip
    group.add_argument(
        "--strict", action="store_true",
        help="exit status 1 also where a line is unread or a question undecided",
    )  # fmt: skip
    add_format(parser)
    group = parser.add_argument_group("output")
    group.add_argument(
        "--preview", action="store_true",
        help="show how the log is read (columns, first events, messages) and judge nothing",
    )  # fmt: skip
    group.add_argument(
        "--limit", metavar="N",
        help="show at most N violations of each rule (default: 3, with --json: all)",
    )  # fmt: skip
    add_json(group)
    group.add_argument(
        "--quiet", action="store_true", help="print nothing: the exit status says it all"
    )
    group.add_argument(
        "--csv", metavar="FILE", help="also write a row for each path as CSV (-: print only this)"
    )
    group.add_argument(
        "--junit", metavar="FILE", help="also write a test case for each rule as JUnit's XML"
    )
    group.add_argument(
        "--github", action="store_true", help="also print annotations for GitHub Actions"
    )


def add_cut(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab cut`."""
    # argparse would put the flags of where to cut in one line, whatever its width.
    parser.usage = (
        "%(prog)s [-h] [--json] [how the log is read] PATH\n"
        "         (--at SECONDS | --clock N | --containing A:17 |\n"
        "          --before A:17 | --events A=10,B=7)"
    )
    parser.add_argument("path", metavar="PATH", help=ANY_LOG)
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
    """Add the flags of `driftlab why`."""
    parser.add_argument("path", metavar="PATH", help=ANY_LOG)
    parser.add_argument(
        "first", metavar="A:17", help="an event: its process and its number there, from 0"
    )
    parser.add_argument("second", metavar="B:3", help="another event")
    add_format(parser)
    add_json(parser)


def add_pack(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab pack`."""
    parser.add_argument("run", metavar="RUN", help="folder of a run, or of several runs")
    parser.add_argument(
        "--out", metavar="FILE",
        help="file to write, or the folder for several runs (default: RUN.parquet)",
    )  # fmt: skip
    add_json(parser)


def add_convert(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab convert`."""
    parser.add_argument("path", metavar="IN", help=ANY_LOG)
    parser.add_argument("out", metavar="OUT", help="file to write (govector: a file or a folder)")
    parser.add_argument(
        "--to", metavar="FORMAT", required=True,
        help="shiviz, tsviz, govector, tracing, chrome, json (lines; also jsonl), csv or parquet",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it exists")
    add_format(parser, "--from")
    add_json(parser)


def add_new_key(parser: argparse.ArgumentParser) -> None:
    """Add the argument of `driftlab key`."""
    parser.add_argument("file", metavar="FILE", help="file to write; it must not exist")


def add_completion(parser: argparse.ArgumentParser) -> None:
    """Add the argument of `driftlab completion`."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")


def add_help(parser: argparse.ArgumentParser) -> None:
    """Add the argument of `driftlab help`."""
    parser.add_argument("about", nargs="?", metavar="COMMAND", help="the command to explain")


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab machine`."""
    parser.add_argument("name", metavar="NAME", help="which machine of the scenario to run")
    add_scenario(parser, seed="1")
    add_trust(parser)
    group = parser.add_argument_group("addresses and start")
    group.add_argument(
        "--at", metavar="NAME=HOST:PORT", action="append", default=[],
        help="address of a machine; give one for every machine, this one included",
    )  # fmt: skip
    group.add_argument(
        "--listen", metavar="HOST:PORT", help="address to listen on (default: --at of this machine)"
    )
    group.add_argument(
        "--run-id", metavar="ID",
        help="word that all machines of the run share; needed without a key (default with "
        "one: a digest of the scenario)",
    )  # fmt: skip
    add_key(group)
    group.add_argument(
        "--insecure", action="store_true",
        help="use addresses beyond this computer without a key: anybody who reaches them can "
        "join the run and send what they like",
    )  # fmt: skip
    group.add_argument(
        "--start-at", metavar="UTC",
        help="common start, such as 2026-01-31T12:00:00Z (default: when all are connected)",
    )  # fmt: skip
    group = parser.add_argument_group("output")
    group.add_argument(
        "--out", metavar="DIR", default="runs/by-hand",
        help="folder for the log (default: runs/by-hand)",
    )  # fmt: skip
    group.add_argument("--quiet", action="store_true", help="print nothing")


def add_log(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab compare` and `offsets`, which read any log."""
    parser.add_argument("path", metavar="PATH", help=ANY_LOG)
    add_format(parser)
    add_json(parser)


def add_restamp(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab restamp`."""
    add_log(parser)
    parser.add_argument(
        "--clock", metavar="CLOCK", required=True,
        help="clock to compute: lamport, vector, matrix or hybrid",
    )  # fmt: skip
    parser.add_argument(
        "--out", metavar="OUT",
        help="new run folder, FILE.parquet or FILE.csv to write (default: print the first events)",
    )  # fmt: skip


def add_report(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab report`."""
    parser.add_argument(
        "path", metavar="PATH", nargs="+",
        help="folder of a run, of several runs or of a study, a sweep's Parquet file, a packed "
        "run, or the log of another program; several paths of runs are reported together",
    )  # fmt: skip
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        help="folder for the report (default: the first PATH's name with -report)",
    )
    parser.add_argument(
        "--overwrite", action="store_true",
        help="replace an earlier report in FOLDER; a changed report.md is kept as report.old.md",
    )  # fmt: skip
    add_format(parser)
    add_json(parser)


def add_plot(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab plot`."""
    parser.add_argument(
        "path", metavar="PATH",
        help=f"{ANY_LOG}; or folder of several runs, sweep (Parquet), or folder of a study",
    )  # fmt: skip
    parser.add_argument(
        "figures", nargs="*", default=[], metavar="FIGURE",
        help="of runs: clock, drift, drift-real (against real time), jumps, jump-histogram, queue, "
        "lateness, events, prediction; of sweeps and studies: phase, comparison, prediction "
        "(default: all that can be drawn)",
    )  # fmt: skip
    group = parser.add_argument_group("output")
    group.add_argument(
        "--out", metavar="FILE",
        help="file to write: .svg, .png, .pdf, or .html, which is interactive and works offline "
        "(default: in the working folder, named after PATH: SVG of one figure, HTML of several)",
    )  # fmt: skip
    group.add_argument("--overwrite", action="store_true", help="replace the file if it exists")
    add_json(group)
    add_format(parser)


def add_view(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab view`."""
    parser.add_argument(
        "paths", nargs="*", metavar="PATH",
        help=f"{ANY_LOG}; a sweep (Parquet) with --execution CELL; or a folder of runs (default: "
        "runs); a second PATH is shown below the first, with where they first differ",
    )  # fmt: skip
    group = parser.add_argument_group("server")
    group.add_argument(
        "--no-browser", dest="browser", action="store_false",
        help="print the address of the page, and do not open it",
    )  # fmt: skip
    group.add_argument(
        "--port", metavar="N", default="0", help="port to serve at (default: a free one)"
    )
    group.add_argument(
        "--host", metavar="NAME", default="127.0.0.1",
        help="address to serve at, for other computers too: whoever has the printed address can "
        "see the log, and start runs (default: 127.0.0.1, this computer alone)",
    )  # fmt: skip
    group = parser.add_argument_group("output, instead of a server")
    group.add_argument(
        "--out", metavar="FILE.html",
        help="one file that opens offline, with everything but runs that go on",
    )  # fmt: skip
    group.add_argument("--svg", metavar="FILE", help="a picture, for a paper")
    group.add_argument("--png", metavar="FILE", help="the same as PNG, two pixels for each")
    group.add_argument(
        "--span", metavar="BEGIN..END",
        help="seconds of the time axis to write (default: all), as in 12.5..14",
    )  # fmt: skip
    group.add_argument(
        "--events", metavar="N", default="1000000",
        help="most events in FILE.html; a longer log is cut there, which the page says "
        "(default: 1000000)",
    )  # fmt: skip
    group.add_argument("--overwrite", action="store_true", help="replace files that exist")
    add_format(parser)


def add_sweep(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab sweep`."""
    from driftlab.cli.study_flags import add_grid, add_sweep_output  # few commands need it

    add_grid(parser)
    add_scenario(parser, seed="1", runs=1000)
    add_trust(parser)
    add_json(add_sweep_output(parser))


def add_study(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab study`."""
    from driftlab.cli.study_flags import add_study_output, add_study_runs

    add_study_runs(parser)
    add_trust(parser)
    add_json(add_study_output(parser))


COMMANDS: Final = {
    "run": Command(
        add_run,
        "run the machines as processes that talk over TCP",
        "driftlab run --rates 6,3,1 --seconds 10",
    ),
    "simulate": Command(
        add_simulate,
        "run the same machines in a deterministic simulator",
        "driftlab simulate --rates 6,3,1 --runs 1000",
    ),
    "predict": Command(
        add_predict,
        "say what theory expects of a scenario: queues, clocks, jumps",
        "driftlab predict --rates 6,3,1",
    ),
    "claims": Command(
        add_claims,
        "judge statements about clocks, jumps and queues by many runs",
        "driftlab claims fastest-never-jumps",
    ),
    "sweep": Command(
        add_sweep,
        "simulate every cell of a grid of scenarios",
        "driftlab sweep --over rates=1..6,1..6,1..6 --over faces=4,10 --out phase.parquet",
    ),
    "study": Command(
        add_study,
        "answer a question by conditions that are compared",
        "driftlab study assignment --simulated",
    ),
    "check": Command(
        add_check,
        "judge the clocks in a log and explain every violation",
        "driftlab check runs/20261123-140000",
    ),
    "stats": Command(
        add_stats,
        "show the statistics of recorded runs and of other logs",
        "driftlab stats runs/20261123-140000",
    ),
    "plot": Command(
        add_plot,
        "draw clocks, drift, jumps and queues, and what theory predicts",
        "driftlab plot runs/20261123-140000 queue --out queue.svg",
    ),
    "view": Command(
        add_view,
        "show the space-time diagram in a browser, live too",
        "driftlab view runs/20261123-140000",
    ),
    "report": Command(
        add_report,
        "write a lab report: text, figures, tables, questions",
        "driftlab report runs/20261123-140000 --out report",
    ),
    "cut": Command(
        add_cut,
        "take a cut: each process's state and the messages in flight",
        "driftlab cut runs/20261123-140000 --at 30",
    ),
    "why": Command(
        add_why,
        "show how one event happened before another, message by message",
        "driftlab why runs/20261123-140000 A:17 B:3",
    ),
    "replay": Command(
        add_replayed,
        "feed recorded inputs to the machines again; compare the events",
        "driftlab replay runs/20261123-140000",
    ),
    "twin": Command(
        add_replayed,
        "compare a real run with its simulation: where do they diverge?",
        "driftlab twin runs/20261123-140000",
    ),
    "pack": Command(
        add_pack,
        "write a run to a single Parquet file",
        "driftlab pack runs/20261123-140000",
    ),
    "convert": Command(
        add_convert,
        "convert a log to another tool's format",
        "driftlab convert runs/20261123-140000 run.json --to chrome",
    ),
    "restamp": Command(
        add_restamp,
        "compute any clock over a recorded history",
        "driftlab restamp runs/20261123-140000 --clock vector",
    ),
    "compare": Command(
        add_log,
        "compare all clocks over one history",
        "driftlab compare runs/20261123-140000",
    ),
    "offsets": Command(
        add_log,
        "bound the offset and skew of physical clocks from messages",
        "driftlab offsets runs/20261123-140000",
    ),
    "scenarios": Command(add_json, "list the built-in scenarios", "driftlab run standard"),
    "machine": Command(
        add_machine,
        "run one machine by hand, its peers in other terminals",
        "driftlab machine A --rates 6,3 --at A=lab1:7101 --at B=lab2:7101 --key run.key",
    ),
    "key": Command(
        add_new_key, "make a key, so that only its holders join a run", "driftlab key run.key"
    ),
    "accelerate": Command(
        add_accelerate,
        "compile driftlab's own modules, to simulate your processes faster",
        "driftlab accelerate",
    ),
    "help": Command(add_help, "explain a command", "driftlab help run"),
    "completion": Command(
        add_completion,
        "print a script that completes commands, flags and values in a shell",
        'eval "$(driftlab completion bash)"',
    ),
}
