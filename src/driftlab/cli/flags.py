"""The commands, their flags, and what the values of flags describe: a scenario, an event, a number.

A flag of one name means the same in every command. `--help` needs only the
upper part of this module; what reads files or checks scenarios is imported by
the functions that use it.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from driftlab.errors import DriftlabError

if TYPE_CHECKING:
    from driftlab.scenario.scenario import Scenario

ANY_LOG: Final = "folder of a run, a journal, a packed run, or the log of another program"
SCENARIO_FLAGS: Final = (
    (
        "--rates",
        "RATES",
        "ticks per second: one number for each machine (6,3,1), or a range of whole numbers "
        "(1..6) from which every run draws a rate for each machine (default: 1..6)",
    ),
    ("--machines", "N", "number of machines (default: 3, or the number of rates or names)"),
    ("--names", "NAMES", "machine names, in the order of the rates (default: A,B,C,…)"),
    ("--seconds", "S", "length of a run, in seconds of scenario time (default: 60)"),
    ("--runs", "R", "number of runs (default: 1)"),
    (
        "--first-run",
        "K",
        "number of the first run; the number of a run selects its random draws (default: 1)",
    ),
    ("--faces", "D", "faces of the die that a machine rolls when its inbox is empty (default: 10)"),
    ("--send-one", "P", "instead of a die: the probability of sending to one random peer"),
    ("--send-all", "P", "instead of a die: the probability of sending to every peer"),
    ("--seed", "S", "whole number that determines every random draw (default: {seed})"),
    ("--speed", "X", "run X times faster than real time (default: 1)"),
    (
        "--phase",
        "PHASE",
        "where a machine's first tick falls: at a `random` point of its first period, or "
        "`aligned` with the start (default: random)",
    ),
    (
        "--topology",
        "TOPOLOGY",
        "who can send to whom: mesh, ring, star, regular:D (a random graph of degree D), or a "
        "list of links, A-B,B-C (default: mesh)",
    ),
    (
        "--latency",
        "LATENCY",
        "message latency in seconds of scenario time, only in simulations: fixed:S, "
        "uniform:LOW..HIGH, exponential:MEAN or lognormal:MEDIAN,SIGMA (default: none)",
    ),
    (
        "--clock",
        "CLOCK",
        "clock to keep besides the Lamport clock: vector, matrix or hybrid (default: none)",
    ),
    (
        "--process",
        "FILE.py:CLASS",
        "process to run on every machine (default: the built-in die of the assignment)",
    ),
    (
        "--offset-ms",
        "MS",
        "initial error of each machine's physical clock, in milliseconds (0,50,-20; default: 0)",
    ),
    (
        "--skew-ppm",
        "PPM",
        "rate error of each machine's physical clock, in parts per million (0,100,-50; default: 0)",
    ),
    (
        "--order",
        "ORDER",
        "how messages enter the inbox: `peers` empties one socket after the other at each tick, "
        "`arrival` queues messages as they arrive (default: peers)",
    ),
)
DIGITS_MAX: Final = 15  # of a number; each such number is exact as a float
# A flag replaces these keys of a scenario file.
_REPLACES: Final = {
    "rates": ("machines",),
    "faces": ("send_one", "send_all"),
    "send_one": ("faces",),
    "send_all": ("faces",),
}


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


class UnknownScenarioError(DriftlabError):
    """A scenario that is neither a file nor built in."""


def add_scenario(parser: argparse.ArgumentParser, seed: str = "a new one, which is shown") -> None:
    """Add the scenario and the flags that change it; `seed` describes the default seed."""
    parser.add_argument(
        "scenario",
        nargs="?",
        metavar="SCENARIO",
        help="a TOML file, the name of a built-in scenario, or a process of your own, "
        "mine.py:Ring (default: three machines with the defaults below)",
    )
    group = parser.add_argument_group("scenario (flags override the file)")
    for name, metavar, text in SCENARIO_FLAGS:
        group.add_argument(name, metavar=metavar, help=text.format(seed=seed))


def add_output(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the flags that choose what a run writes and prints, and return their group."""
    group = parser.add_argument_group("output")
    group.add_argument(
        "--out", metavar="DIR", help="folder for the logs (default: a new one below runs/)"
    )
    add_json(group)
    group.add_argument(
        "--quiet", action="store_true", help="print only the folder that holds the logs"
    )
    return group


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab run`."""
    add_scenario(parser)
    add_trust(parser)
    add_key(add_output(parser))


def add_simulate(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab simulate`."""
    add_scenario(parser)
    add_trust(parser)
    parser.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="spread the runs over the workers of a Dask scheduler (default: over all cores)",
    )
    add_output(parser).add_argument(
        "--record",
        choices=("all", "summary"),
        help="`all` writes logs like those of a real run, `summary` only computes the figures "
        "(default: all with --out or up to 20 runs, 100 machines and 1,000,000 ticks)",
    )


def add_predict(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab predict`."""
    add_scenario(parser, seed="1")
    group = parser.add_argument_group("prediction")
    group.add_argument(
        "--quick", action="store_true",
        help="closed forms alone, at once (default: chains where they stay small)",
    )  # fmt: skip
    group.add_argument(
        "--against", metavar="RUN",
        help="folder of a run, or of several, whose scenario to predict and whose figures to "
        "show beside the prediction",
    )  # fmt: skip
    add_json(group)


def add_trust(parser: argparse._ActionsContainer) -> None:
    """Add `--trust`."""
    parser.add_argument(
        "--trust", action="store_true",
        help="execute the process that the scenario names, though it was never run by name; "
        "this is remembered",
    )  # fmt: skip


def add_replayed(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab replay` and `twin`."""
    add_recorded(parser)
    add_trust(parser)


def add_recorded(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `driftlab stats`, `replay` and `twin`, which read run folders."""
    parser.add_argument("run", metavar="RUN", help="folder of a run, or of several runs")
    add_json(parser)


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


def add_json(parser: argparse._ActionsContainer) -> None:
    """Add `--json`, the only flag of `driftlab scenarios`."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document and nothing else"
    )


def add_format(parser: argparse.ArgumentParser, flag: str = "--format") -> None:
    """Add the flags that describe the log of another program; see `format_options`."""
    group = parser.add_argument_group("logs of other programs")
    group.add_argument(
        flag, dest="format", metavar="FORMAT",
        help="shiviz, tsviz, govector, tracing, chrome, json, otlp, jaeger, logfmt, syslog, edn, "
        "csv, parquet or text (default: detected from the name and the first lines)",
    )  # fmt: skip
    group.add_argument(
        "--pattern", metavar="REGEX", action="append",
        help="regular expression of a record, with groups such as (?<host>…) and (?<clock>…); "
        "if given several times, the first that matches a record is used",
    )  # fmt: skip
    group.add_argument(
        "--delimiter", metavar="REGEX", help="regular expression of what separates executions"
    )
    group.add_argument(
        "--execution", metavar="N",
        help="run or execution to read if there are several: its number from 1, or its name",
    )  # fmt: skip
    group.add_argument(
        "--encoding", metavar="NAME",
        help="text encoding (default: UTF-8, or the one of the byte order mark)",
    )  # fmt: skip
    group.add_argument(
        "--time-unit", metavar="UNIT",
        help="unit of times given as numbers: ns, us, ms or s (default: ns, or s if a number has "
        "a decimal point)",
    )  # fmt: skip
    group.add_argument(
        "--time-format", metavar="FORMAT",
        help="form of times given as text, as in %%m/%%d/%%Y %%H:%%M:%%S (default: ISO 8601 and "
        "other unambiguous forms)",
    )  # fmt: skip
    group.add_argument(
        "--field", metavar="NAME=PATH", action="append",
        help="column, or path of keys in JSON, that holds a field: clock=vc.map, host=meta.node",
    )  # fmt: skip
    group.add_argument(
        "--process-from", metavar="WHERE",
        help="take the process from the file: its `name`, its `folder`, or a regular expression "
        "with a group, machine_(\\d+) (default: the field host, else the name)",
    )  # fmt: skip
    group.add_argument(
        "--alias", metavar="A=B", action="append",
        help="the log also calls process B by the name A",
    )  # fmt: skip
    group.add_argument(
        "--match", metavar="WAYS",
        help="how to match receives with sends, in this order: id, stamp, unique-stamp, position, "
        "vector-clock, or none (default: all that apply, in this order)",
    )  # fmt: skip
    group.add_argument(
        "--assume", metavar="CONVENTION", action="append",
        help="how the log writes things down: line-per-target, broadcast-line, "
        "clock-before-increment, clock-before-event, queue-before-take, line-per-event, "
        "clock-after-increment, queue-after-take, or `none` (default: recognized)",
    )  # fmt: skip
    group.add_argument(
        "--reading", metavar="FILE",
        help="read the log as this file says, but for what other flags say",
    )  # fmt: skip
    group.add_argument(
        "--save-reading", metavar="FILE",
        help="write what these flags say to a file, for --reading",
    )  # fmt: skip


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


def add_key(parser: argparse._ActionsContainer) -> None:
    """Add `--key`."""
    parser.add_argument(
        "--key", metavar="FILE",
        help="key of the run, which all its machines have; only they can join "
        "(make one: driftlab key FILE)",
    )  # fmt: skip


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
    "check": Command(
        add_check,
        "judge the clocks in a log and explain every violation",
        "driftlab check runs/20261123-140000",
    ),
    "stats": Command(
        add_recorded,
        "show the figures of a recorded run",
        "driftlab stats runs/20261123-140000",
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
    "help": Command(add_help, "explain a command", "driftlab help run"),
    "completion": Command(
        add_completion,
        "print a script that completes commands and flags in a shell",
        'eval "$(driftlab completion bash)"',
    ),
}


def format_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the flags of `add_format` say, as arguments of `driftlab.read`."""
    names = (
        "format", "pattern", "delimiter", "execution", "encoding", "time_unit", "time_format",
        "process_from", "match", "assume",
    )  # fmt: skip
    given = {name: getattr(options, name) for name in names}
    given["fields"] = _pairs("--field", options.field)
    given["aliases"] = _pairs("--alias", options.alias)
    if options.save_reading is not None or options.reading is not None:
        from driftlab.api.reading import load_reading, merged_options, require_free

        if options.save_reading is not None:
            require_free(options.save_reading)
        reading = {} if options.reading is None else load_reading(options.reading)
        return merged_options(reading, given)
    return {name: value for name, value in given.items() if value is not None}


def _pairs(flag: str, given: Sequence[str] | None) -> dict[str, str] | None:
    """Return what a flag like `--alias A=B` says, by the text before the first `=`."""
    for text in given or ():
        if not all(text.partition("=")):
            raise DriftlabError(f"{flag} {text}: expected two names joined by =, as in A=B")
    return None if given is None else dict(text.split("=", 1) for text in given)


def chosen_scenario(options: argparse.Namespace, *, fresh_seed: bool) -> "Scenario":
    """Return the scenario that the arguments of `add_scenario` describe.

    fresh_seed: whether a scenario without a seed gets a new one, else its default.

    Raises UnknownScenarioError if there is no such file or built-in scenario, and
    ScenarioError if its keys or the flags make no valid scenario.
    """
    from driftlab.scenario.scenario import Scenario

    keys = _keys_of(options.scenario)
    given = _given_flags(options)
    for flag, value in given.items():
        if flag == "rates" and ".." in value:
            continue  # a range leaves the number of machines as it is
        for replaced in _REPLACES.get(flag, ()):
            keys.pop(replaced, None)
    keys |= given
    if fresh_seed:
        keys.setdefault("seed", int.from_bytes(os.urandom(4), "big"))
    return Scenario.from_dict(keys)


def _given_flags(options: argparse.Namespace) -> dict[str, Any]:
    names = (flag.removeprefix("--").replace("-", "_") for flag, _, _ in SCENARIO_FLAGS)
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _keys_of(scenario: str | None) -> dict[str, Any]:
    """Return the keys of a scenario file, a built-in scenario or a process."""
    if scenario is None:
        return {}
    if ".py:" in scenario:
        return {"process": scenario}
    from driftlab.scenario.builtin import BUILT_IN

    exists = os.path.exists(scenario)  # false too for a text that cannot be a path
    if scenario in BUILT_IN and not exists:
        return dict(BUILT_IN[scenario].keys)
    if not exists:
        raise UnknownScenarioError(
            f"{scenario}: no such file or built-in scenario; "
            f"the built-in scenarios are {', '.join(BUILT_IN)}"
        )
    if os.path.isdir(scenario):
        raise UnknownScenarioError(
            f"{scenario} is a folder; to repeat its run give {scenario.rstrip('/')}/scenario.toml"
        )
    if scenario.endswith(".py"):
        raise UnknownScenarioError(f"{scenario}: name its class too, as in {scenario}:Ring")
    return _keys_of_file(scenario)


def _keys_of_file(file: str) -> dict[str, Any]:
    """Return the keys of a TOML file; the process it names is looked for beside it."""
    from driftlab.journal.files import read_text
    from driftlab.scenario.scenario import ProcessFromFile, keys_from_toml
    from driftlab.scenario.validate import ScenarioError

    try:
        keys = keys_from_toml(read_text(file))
    except ScenarioError as error:
        raise ScenarioError(f"{file}: {error}") from None
    process = keys.get("process")
    if isinstance(process, ProcessFromFile):
        keys["process"] = process.beside(os.path.dirname(file))
    return keys


class WrongArgumentError(DriftlabError):
    """An argument is not the name of an event, a count or a number."""


def parse_event(word: str) -> tuple[str, int]:
    """Return the event of `A:17`: its process and its number there, from 0.

    Raise WrongArgumentError.
    """
    name, _, number = word.rpartition(":")
    if not name or not _is_whole(number):
        raise WrongArgumentError(
            f"{word}: name an event by its process and its number there, like A:17"
        )
    return name, int(number)


def parse_counts(words: str) -> dict[str, int]:
    """Return the numbers of events of `A=10,B=7`, by process. Raise WrongArgumentError."""
    counts: dict[str, int] = {}
    for word in words.split(","):
        name, _, number = word.rpartition("=")
        if not name or not _is_whole(number) or name in counts:
            raise WrongArgumentError(
                f"{words}: give each process's number of events, like A=10,B=7"
            )
        counts[name] = int(number)
    return counts


def parse_number(word: str, flag: str) -> float:
    """Return the number that a flag was given. Raise WrongArgumentError."""
    try:
        number = float(word)
    except ValueError:
        number = float("nan")
    if not abs(number) < 10**DIGITS_MAX:
        raise WrongArgumentError(f"{flag} {word}: give a number below 10^{DIGITS_MAX}")
    return number


def _is_whole(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= DIGITS_MAX
