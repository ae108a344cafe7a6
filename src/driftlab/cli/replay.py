"""`driftlab replay RUN`: recorded inputs through the machines again; the same events must come."""

import argparse
import json

from driftlab.api.replay_and_twin import Replay, replay_runs
from driftlab.machine.process_loader import DIE
from driftlab.machine.replay import Difference
from driftlab.model.event import Event

EXIT_DIFFERENT = 1


def main(options: argparse.Namespace) -> int:
    """Replay every machine of every run in a folder and return the exit status."""
    replays = replay_runs(options.run)
    differences = [one for one in replays if one.difference is not None]
    holed = [one for one in replays if one.unread or one.left_out]
    if options.json:
        print(json.dumps({"replays": [_plain(one) for one in replays]}, indent=2))
    else:
        for one in differences:
            print(f"{one.journal}: {_tell(one.difference)}")
        events = sum(one.events for one in replays)
        print(f"{events} events of {len(replays)} machines replayed, {len(differences)} differ")
        for one in holed:
            print(f"{one.journal}: {_hole(one)}")
        if differences and replays[0].process != DIE:
            print(f"(if {replays[0].process} was changed since the run, that is why)")
    return EXIT_DIFFERENT if differences or holed else 0


def _tell(difference: Difference | None) -> str:
    if difference is None:
        return "the same"
    recorded, replayed = difference
    return f"tick {recorded.tick} differs\n  recorded  {recorded}\n  replayed  {replayed}"


def _hole(one: Replay) -> str:
    lines = f"{len(one.unread)} lines could not be read"
    if one.unread:
        lines += f", the first is line {one.unread[0].line}: {one.unread[0].reason}"
    return f"{lines}; {one.left_out} events behind a hole were not replayed"


def _event(event: Event | str) -> object:
    return event if isinstance(event, str) else event.to_dict()


def _plain(one: Replay) -> dict[str, object]:
    difference = one.difference
    return {
        "journal": str(one.journal),
        "machine": one.machine,
        "events": one.events,
        "unread": len(one.unread),
        "left_out": one.left_out,
        "difference": None
        if difference is None
        else {"recorded": _event(difference.recorded), "replayed": _event(difference.replayed)},
    }
