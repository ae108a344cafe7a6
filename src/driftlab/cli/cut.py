"""`driftlab cut PATH`: a run as if it had stopped along a line through its processes."""

import argparse
import json
from typing import Any

from driftlab.api.history import Cut
from driftlab.api.read import read
from driftlab.cli.event_args import counts_named, event_named, number_named
from driftlab.cli.flags import format_options
from driftlab.cli.text_table import counted, table

NS_PER_SECOND = 1_000_000_000
SHOWN_MAX = 20  # messages of a kind that are listed for people


def main(options: argparse.Namespace) -> int:
    """Show a cut of a recorded run and return the exit status."""
    asked = _asked(options)
    cut = read(options.path, **format_options(options)).cut(**asked)
    if options.json:
        print(json.dumps(_plain(cut), indent=2))
        return 0
    print(table(("process", "events", "clock", "queue"), _rows(cut)))
    print(f"\n{_verdict(cut)}")
    print(*_listed(cut.violations, "received inside, sent outside"), sep="\n")
    print(*_listed(cut.in_flight, "in flight"), sep="\n")
    return 0


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    """Return what `History.cut` takes."""
    if options.events is not None:
        return {"counts": counts_named(options.events)}
    if options.at is not None:
        return {"at_ns": round(number_named(options.at, "--at") * NS_PER_SECOND)}
    if options.clock is not None:
        return {"clock": int(number_named(options.clock, "--clock"))}
    if options.containing is not None:
        return {"containing": event_named(options.containing)}
    return {"before": event_named(options.before)}


def _verdict(cut: Cut) -> str:
    if cut.is_consistent:
        return "consistent: the run can have stood so"
    return "not consistent: no run can have stood so"


def _rows(cut: Cut) -> list[list[str]]:
    return [
        [one["process"], str(one["events"]), *("-" if one[key] is None else str(one[key])
         for key in ("clock", "queue"))]
        for one in cut.snapshot.to_dicts()
    ]  # fmt: skip


def _listed(messages: Any, what: str) -> list[str]:
    """Return a line for each message, and for those that are too many."""
    lines = [f"{counted(len(messages), 'message')} {what}"]
    lines += [f"  {_arrow(one)}" for one in messages.head(SHOWN_MAX).to_dicts()]
    more = len(messages) - SHOWN_MAX
    return [*lines, *([f"  … and {more} more; see --json"] if more > 0 else [])]


def _arrow(message: dict[str, Any]) -> str:
    sent = f"{message['process']}:{message['index']} -> {message['target'] or '?'}"
    received = message["received"]
    return f"{sent}, never received" if received is None else f"{sent}:{received}"


def _plain(cut: Cut) -> dict[str, Any]:
    return {
        "consistent": cut.is_consistent,
        "processes": cut.snapshot.to_dicts(),
        "violations": cut.violations.to_dicts(),
        "in_flight": cut.in_flight.to_dicts(),
    }
