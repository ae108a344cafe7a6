"""Whether journals belong together: what their first lines and the scenario say of the run.

A machine's header is decided by the scenario and the run's number (its place,
its peers, its rate), so with a scenario each header is held against what it
decides; all headers of a run are held against each other. The limit: what no
header tells (the length of a run, latencies, the die) is not seen here.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from driftlab.scenario import Scenario
from driftlab.trace.files import UnreadableError

Header = Mapping[str, str]

_OF_A_RUN: Final = ("seed", "run", "run_id", "clock", "process", "speed", "world")
_OWN_FOLDERS: Final = "put each run into a folder of its own"


def require_one_run(folder: Path, headers: Mapping[Path, Header]) -> None:
    """Raise UnreadableError for journals of one machine, or of different runs."""
    (first, header), *others = headers.items()
    machines = {header["machine"]: first}
    for path, other in others:
        before = machines.setdefault(other["machine"], path)
        if before is not path:
            raise UnreadableError(
                f"{folder}: {before.name} and {path.name} are both of machine "
                f"{other['machine']}; keep one of them"
            )
        for key in _OF_A_RUN:
            if other.get(key) != header.get(key):
                raise UnreadableError(
                    f"{folder}: journals of different runs: line 1 of {first.name} has "
                    f"{key}={header.get(key)}, that of {path.name} {key}={other.get(key)}; "
                    f"{_OWN_FOLDERS}"
                )


def require_same_links(folder: Path, headers: Mapping[Path, Header]) -> None:
    """Raise UnreadableError where one machine is linked to another, and that not to it."""
    linked = {
        header["machine"]: (path, _linked(header, ()))
        for path, header in headers.items()
        if "peers" in header
    }
    there = set(linked)
    for name, (path, peers) in linked.items():
        for peer in sorted(peers & there):
            other, back = linked[peer]
            if name not in back:
                raise UnreadableError(
                    f"{folder}: journals of different runs: line 1 of {path.name} has {peer} "
                    f"among its peers, that of {other.name} has no {name}; {_OWN_FOLDERS}"
                )


def _linked(header: Header, otherwise: Iterable[str]) -> set[str]:
    return set(filter(None, header["peers"].split(",") if "peers" in header else otherwise))


def require_scenario(folder: Path, headers: Mapping[Path, Header], scenario: Scenario) -> None:
    """Raise UnreadableError for a journal that is not of the folder's scenario of one run."""
    roster = scenario.roster()
    near = scenario.neighbours(scenario.first_run)
    for path, header in headers.items():
        if header["machine"] not in roster:
            raise UnreadableError(
                f"{path}: line 1: machine {header['machine']} is not of this run's scenario; "
                "move its journal away"
            )
        place = roster.index(header["machine"])
        peers = [roster[peer] for peer in near[place]]
        for key, found, value in _contradictions(header, scenario, place, peers):
            raise UnreadableError(
                f"{path}: line 1 has {key}={found}, but {folder}/scenario.toml "
                f"{key}={value}; {_OWN_FOLDERS}"
            )


def _contradictions(
    header: Header, scenario: Scenario, place: int, peers: list[str]
) -> Iterator[tuple[str, str, object]]:
    """Yield each key of a header that is not as the scenario has it, and both values."""
    run = scenario.first_run
    told = {
        "seed": str(scenario.seed),
        "run": str(run),
        "clock": scenario.clock,
        "index": str(place),
    }
    for key, value in told.items():
        found = header.get(key, "lamport" if key == "clock" else value)
        if found != value:
            yield key, found, value
    numbers = {"rate": scenario.rates_of(run)[place]}
    if header.get("world") == "real":  # simulated time passes at its own speed
        numbers["speed"] = scenario.speed
    for key, number in numbers.items():
        if float(header.get(key, number)) != float(number):
            yield key, header[key], number
    if _linked(header, peers) != set(peers):
        yield "peers", header["peers"], ",".join(peers)
