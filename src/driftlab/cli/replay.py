"""`driftlab replay RUN`: the recorded inputs once more, which must give the same events."""

import argparse
import json

from driftlab.api.replay_and_twin import Replay, replay_runs
from driftlab.cli import EXIT_DIFFERENT
from driftlab.cli.terminal import print_line
from driftlab.errors import counted
from driftlab.machine.process_loader import DIE
from driftlab.machine.replay import ReplayDifference
from driftlab.model.event import Event
from driftlab.plain_text import plain


def main(options: argparse.Namespace) -> int:
    """Replay every machine of every run in a folder and return the exit status."""
    replays = replay_runs(options.run, trust=options.trust)
    differences = [one for one in replays if one.difference is not None]
    with_gaps = [one for one in replays if one.unread or one.left_out]
    if options.json:
        print(json.dumps({"replays": [_plain(one) for one in replays]}, indent=2))
    else:
        for one in differences:
            print(*map(plain, f"{one.journal}: {_describe(one.difference)}".split("\n")), sep="\n")
        events = sum(one.events for one in replays)
        machines = counted(len(replays), "machine")
        print(f"{counted(events, 'event')} of {machines} replayed, {_differ(len(differences))}")
        for one in with_gaps:
            print_line(f"{one.journal}: {_gap(one)}")
        if differences and replays[0].process != DIE:
            print_line(f"(if {replays[0].process} was changed since the run, that is why)")
    return EXIT_DIFFERENT if differences or with_gaps else 0


def _differ(number: int) -> str:
    return f"{number} differs" if number == 1 else f"{number} differ"


def _describe(difference: ReplayDifference | None) -> str:
    if difference is None:
        return "the same"
    recorded, replayed = difference
    return f"tick {recorded.tick} differs\n  recorded  {recorded}\n  replayed  {replayed}"


def _gap(one: Replay) -> str:
    lines = f"{counted(len(one.unread), 'line')} could not be read"
    if one.unread:
        lines += f", the first is line {one.unread[0].line}: {one.unread[0].reason}"
    left_out = counted(one.left_out, "event")
    return f"{lines}; after the first missing tick {left_out} could not be replayed"


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
