"""`driftlab cut PATH`: a cut of a history, each process's state and the messages in flight."""

import argparse
import json
from typing import Any, Final

from driftlab.api.history import Cut
from driftlab.api.read import read
from driftlab.cli.flags import format_options, parse_counts, parse_event, parse_number
from driftlab.cli.output import print_assumed, table, wrapped
from driftlab.errors import counted
from driftlab.lazy import pl
from driftlab.plain_text import plain

NS_PER_SECOND: Final = 1_000_000_000
MESSAGES_SHOWN_MAX: Final = 20  # of each kind, in the text for people


def main(options: argparse.Namespace) -> int:
    """Show a cut of a recorded run and return the exit status."""
    arguments = _cut_arguments(options)
    history = read(options.path, **format_options(options))
    cut = history.cut(**arguments)
    if options.json:
        more = {"assumed": history.assumed, "unknown": history.unmatched}
        print(json.dumps(_document(cut) | more, indent=2))
        return 0
    print(table(("process", "events", "clock", "queue"), _process_rows(cut)))
    print(f"\n{_verdict(cut)}")
    if options.at is not None and sum(cut.snapshot["events"]) == len(history.events):
        print(wrapped("every event of the log is inside; --at counts real time: at --speed 20 a "
                      "minute of the scenario takes 3 s of it"))  # fmt: skip
    print(*_message_lines(cut.violations, "received inside, sent outside"), sep="\n")
    print(*_message_lines(cut.in_flight, "in flight"), sep="\n")
    if history.unmatched:
        print(f"\nas far as is known: {history.unmatched_line}")
    print_assumed(history.assumed)
    return 0


def _cut_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of `History.cut`."""
    if options.events is not None:
        return {"counts": parse_counts(options.events)}
    if options.at is not None:
        return {"at_ns": round(parse_number(options.at, "--at") * NS_PER_SECOND)}
    if options.clock is not None:
        return {"clock": int(parse_number(options.clock, "--clock"))}
    if options.containing is not None:
        return {"containing": parse_event(options.containing)}
    return {"before": parse_event(options.before)}


def _verdict(cut: Cut) -> str:
    if cut.is_consistent:
        return "consistent: the run could have been in this global state"
    return "not consistent: the run could not have been in this global state"


def _process_rows(cut: Cut) -> list[list[str]]:
    return [
        [one["process"], str(one["events"]), *("-" if one[key] is None else str(one[key])
         for key in ("clock", "queue"))]
        for one in cut.snapshot.to_dicts()
    ]  # fmt: skip


def _message_lines(messages: "pl.DataFrame", what: str) -> list[str]:
    """Return a line with the number of messages and one for each, up to MESSAGES_SHOWN_MAX."""
    lines = [f"{counted(len(messages), 'message')} {what}"]
    lines += [plain(f"  {_arrow(one)}") for one in messages.head(MESSAGES_SHOWN_MAX).to_dicts()]
    more = len(messages) - MESSAGES_SHOWN_MAX
    return [*lines, *([f"  … and {more} more; see --json"] if more > 0 else [])]


def _arrow(message: dict[str, Any]) -> str:
    sent = f"{message['process']}:{message['index']} -> {message['target'] or '?'}"
    received = message["received"]
    return f"{sent}, never received" if received is None else f"{sent}:{received}"


def _document(cut: Cut) -> dict[str, Any]:
    return {
        "consistent": cut.is_consistent,
        "processes": cut.snapshot.to_dicts(),
        "violations": cut.violations.to_dicts(),
        "in_flight": cut.in_flight.to_dicts(),
    }
