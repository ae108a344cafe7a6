"""`driftlab twin RUN`: a real run beside the simulation of its scenario."""

import argparse
import json
from typing import Any

from driftlab.analysis.real_vs_simulated import Divergence, MachineTwin, first_divergence
from driftlab.api.replay_and_twin import twin_runs
from driftlab.cli import EXIT_DIFFERENT
from driftlab.cli.output import wrapped
from driftlab.cli.terminal import print_line
from driftlab.errors import counted
from driftlab.plain_text import plain


def main(options: argparse.Namespace) -> int:
    """Compare every run of a folder with its simulation and return the exit status."""
    twins = twin_runs(options.run, trust=options.trust)
    differs = any(each.divergence is not None for _, machines in twins for each in machines)
    if options.json:
        print(json.dumps({"runs": [_plain(folder, each) for folder, each in twins]}, indent=2))
        return EXIT_DIFFERENT if differs else 0
    for folder, each in twins:
        print_line(str(folder))
        for machine in each:
            print_line(f"  {machine.machine}  {_outcome(machine)}")
        cause = first_divergence(each)
        if cause is not None:
            line = f"  first in time: {cause.machine} at tick {cause.tick}, {_why(cause)}"
            print(wrapped(plain(line)))
    return EXIT_DIFFERENT if differs else 0


def _outcome(machine: MachineTwin) -> str:
    events = counted(machine.events, "event")
    if machine.same == machine.events:
        return f"all {events} the same"
    same = f"the first {machine.same} of {events} the same"
    if machine.divergence is not None:
        return same
    return f"{same}; tick {machine.compared} is missing in its journal, so no later one is compared"


def _why(divergence: Divergence) -> str:
    if divergence.message is None and divergence.found_alike:
        return "where the same messages led to another event: was the process or its seed changed?"
    if divergence.message is None:
        return "where the same messages came in another order"
    sender, stamp = divergence.message
    real, simulated = _tick(divergence.real_tick), _tick(divergence.simulated_tick)
    return (
        f"where the message {sender}:{stamp} fell on the other side of a tick: found at "
        f"{real} in the real run, at {simulated} in the simulation"
    )


def _tick(tick: int | None) -> str:
    return "no tick" if tick is None else f"tick {tick}"


def _cause(cause: Divergence) -> dict[str, Any]:
    events = {"real": cause.real.to_dict(), "simulated": cause.simulated.to_dict()}
    return cause._asdict() | events | {"why": _why(cause)}


def _plain(folder: object, twins: list[MachineTwin]) -> dict[str, Any]:
    cause = first_divergence(twins)
    return {
        "folder": str(folder),
        "machines": [
            {
                "name": each.machine,
                "events": each.events,
                "compared": each.compared,
                "same": each.same,
            }
            for each in twins
        ],
        "parting": None if cause is None else _cause(cause),
    }
