"""Flags that commands share, and what their values describe: a scenario, an event, a number.

A flag of one name means the same in every command. `--help` needs only the
upper part of this module; what reads files or checks scenarios is imported by
the functions that use it.
"""

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from driftlab.errors import DriftlabError, nearest_line

if TYPE_CHECKING:
    from driftlab.scenario.scenario import Scenario

ANY_LOG: Final = "folder of a run, a journal, a packed run, or the log of another program"
SCENARIO_FLAGS: Final = (
    (
        "--rates",
        "RATES",
        "ticks per second: one number for each machine (6,3,1), or a range of whole numbers "
        "(1..6) from which every run draws a rate for each machine ({rates})",
    ),
    ("--machines", "N", "number of machines (default: 3, or the number of rates or names)"),
    ("--names", "NAMES", "machine names, in the order of the rates (default: A,B,C,…)"),
    ("--seconds", "S", "length of a run, in seconds of scenario time (default: 60)"),
    ("--runs", "R", "number of runs (default: {runs})"),
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


class UnknownScenarioError(DriftlabError):
    """A scenario that is neither a file nor built in."""


def add_scenario(
    parser: argparse.ArgumentParser,
    seed: str = "a new one, which is shown",
    runs: int = 1,
    rates: str = "default: 1..6",
) -> None:
    """Add the scenario and the flags that change it.

    seed: describes the default seed. runs: the default number of runs. rates: describes the
    default rates.
    """
    parser.add_argument(
        "scenario",
        nargs="?",
        metavar="SCENARIO",
        help="a TOML file, the name of a built-in scenario, or a process of your own, "
        "mine.py:Ring (default: three machines with the defaults below)",
    )
    group = parser.add_argument_group("scenario (flags override the file)")
    for name, metavar, text in SCENARIO_FLAGS:
        group.add_argument(
            name, metavar=metavar, help=text.format(seed=seed, runs=runs, rates=rates)
        )


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


def add_shown_live(group: argparse._ArgumentGroup) -> argparse._ArgumentGroup:
    """Add `--view` to the flags of what a run writes and prints, and return the group."""
    group.add_argument(
        "--view", action="store_true",
        help="show the machines in a browser while they run, and until Ctrl-C",
    )  # fmt: skip
    return group


def add_trust(parser: argparse._ActionsContainer) -> None:
    """Add `--trust`."""
    parser.add_argument(
        "--trust", action="store_true",
        help="execute the process that the scenario names, though it was never run by name; "
        "this is remembered",
    )  # fmt: skip


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
        "--kind", metavar="WORD=KIND", action="append",
        help="what a word of the log says of an event: tx=send, rx=receive, tick=internal",
    )  # fmt: skip
    group.add_argument(
        "--process-from", metavar="WHERE",
        help="take the process from the file: its `name`, its `folder`, or a regular expression "
        "with a group, machine_(\\d+) (default: the field host, else the name)",
    )  # fmt: skip
    group.add_argument(
        "--alias", metavar="A=B", action="append",
        help="the log also calls process B by the name A; or call process A by a new name B",
    )  # fmt: skip
    group.add_argument(
        "--skip-lines", metavar="N", help="leave out the first N lines of each file: headings"
    )
    group.add_argument(
        "--comment", metavar="BEGINNING", action="append",
        help="leave out the lines that begin so: --comment '#'",
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


def add_key(parser: argparse._ActionsContainer) -> None:
    """Add `--key`."""
    parser.add_argument(
        "--key", metavar="FILE",
        help="key of the run, which all its machines have; only they can join "
        "(make one: driftlab key FILE)",
    )  # fmt: skip


def format_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the flags of `add_format` say, as arguments of `driftlab.read`."""
    names = (
        "format", "pattern", "delimiter", "execution", "encoding", "time_unit", "time_format",
        "process_from", "match", "assume", "comment",
    )  # fmt: skip
    given = {name: getattr(options, name) for name in names}
    given["kinds"] = _kinds(options.kind)
    given["skip_lines"] = _count("--skip-lines", options.skip_lines)
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


def _kinds(given: Sequence[str] | None) -> dict[str, str] | None:
    """Return what `--kind WORD=KIND` says, by the text before the last `=`: a word may be `=>`."""
    for text in given or ():
        if not all(text.rpartition("=")):
            raise DriftlabError(f"--kind {text}: expected a word and a kind, as in tx=send")
    return None if given is None else dict(text.rsplit("=", 1) for text in given)


def _count(flag: str, given: str | None) -> int | None:
    if given is not None and not _is_whole(given):
        raise DriftlabError(f"{flag} {given}: give a whole number of at least 0")
    return None if given is None else int(given)


def chosen_scenario(options: argparse.Namespace, *, fresh_seed: bool) -> "Scenario":
    """Return the scenario that the arguments of `add_scenario` describe.

    fresh_seed: whether a scenario without a seed gets a new one, else its default.

    Raises UnknownScenarioError if there is no such file or built-in scenario, and
    ScenarioError if its keys or the flags make no valid scenario.
    """
    from driftlab.scenario.scenario import Scenario
    from driftlab.scenario.validate import ScenarioError

    keys = _keys_of(options.scenario)
    given = given_flags(options)
    for flag, value in given.items():
        if flag == "rates" and ".." in value:
            continue  # a range leaves the number of machines as it is
        for replaced in _REPLACES.get(flag, ()):
            keys.pop(replaced, None)
    keys |= given
    if fresh_seed:
        keys.setdefault("seed", int.from_bytes(os.urandom(4), "big"))
    try:
        return Scenario.from_dict(keys)
    except ScenarioError as error:
        if str(error).partition(":")[0] in given or not os.path.isfile(options.scenario or ""):
            raise
        raise ScenarioError(f"{options.scenario}: {error}") from None


def given_flags(options: argparse.Namespace) -> dict[str, Any]:
    """Return the flags of a scenario that were given, by the keys of a scenario."""
    names = (flag.removeprefix("--").replace("-", "_") for flag, _, _ in SCENARIO_FLAGS)
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _keys_of(scenario: str | None) -> dict[str, Any]:
    """Return the keys of a scenario file, a built-in scenario or a process."""
    if scenario is None:
        return {}
    if ".py:" in scenario:
        return {"process": scenario}
    from driftlab.scenario.builtin import BUILT_IN, built_in

    exists = os.path.exists(scenario)  # false too for a text that cannot be a path
    known = built_in(scenario)
    if known is not None and not exists:
        return dict(known.keys)
    if not exists:
        raise UnknownScenarioError(
            f"{scenario}: no such file or built-in scenario; "
            + (
                nearest_line(scenario, BUILT_IN)
                or f"the built-in scenarios are {', '.join(BUILT_IN)}"
            )
        )
    if os.path.isdir(scenario):
        raise UnknownScenarioError(
            f"{scenario} is a folder; to repeat its run give {scenario.rstrip('/')}/scenario.toml"
        )
    if scenario.endswith(".py"):
        raise UnknownScenarioError(f"{scenario}: name its class too, as in {scenario}:Ring")
    from driftlab.journal.run_folder import read_scenario_keys

    return read_scenario_keys(scenario)


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


def parse_rates(text: str | None) -> list[float] | None:
    """Return the rates of `6,3,1`, None if none are given. Raise DriftlabError."""
    try:
        return None if text is None else [float(rate) for rate in text.split(",")]
    except ValueError:
        raise DriftlabError(f"--rates: {text!r}; expected numbers, as in 6,3,1") from None


def _is_whole(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= DIGITS_MAX
