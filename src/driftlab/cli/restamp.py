"""`driftlab restamp PATH --clock CLOCK`: any clock, computed afterwards over the same history."""

import argparse
import json
import os
from collections.abc import Sequence
from typing import Any, Final

from driftlab.analysis.restamp import differing, timestamp_texts, unknown_receives
from driftlab.api.history import History
from driftlab.api.read import read
from driftlab.api.write_restamped import write
from driftlab.cli.flags import format_options
from driftlab.cli.output import COMMAND_VARIABLE
from driftlab.cli.text_table import table

EVENTS_SHOWN: Final = 12


def main(options: argparse.Namespace) -> int:
    """Compute a clock, print its first timestamps or write all; return the exit status."""
    logged = read(options.path, **format_options(options))
    history = logged.restamp(options.clock)
    if options.out:
        write(history, options.clock, options.out, options.path)
    report = {
        "clock": options.clock,
        "events": len(history),
        "unknown": unknown_receives(history.messages),
        "holes": len(history.trace.gaps),
        "differ": differing(logged.trace, history.trace, options.clock),
        "out": options.out,
        "first": _first(history, options.clock),
    }
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        _show(options, report)
    return 0


def _first(history: History, clock: str) -> list[dict[str, Any]]:
    """Return the first events in time, where the log has times, else of the first process."""
    frame = history.events
    times = [key for key in ("due_ns", "time_ns") if key in frame.columns]
    rows: Sequence[int] = range(len(frame))
    if times:
        rows = frame[times[0]].arg_sort(nulls_last=True)[:EVENTS_SHOWN].to_list()
    return [
        {
            "process": frame["process"][row],
            "index": frame["index"][row],
            "kind": frame["kind"][row],
            "sender": frame["sender"][row] if "sender" in frame.columns else None,
            "timestamp": text,
        }
        for row, text in zip(
            rows[:EVENTS_SHOWN],
            timestamp_texts(history.trace, clock, rows[:EVENTS_SHOWN]),
            strict=True,
        )
    ]


def _show(options: argparse.Namespace, report: dict[str, Any]) -> None:
    if not options.out:
        heads = ("process", "event", "kind", "from", options.clock)
        rows = [
            [each["process"], str(each["index"]), each["kind"], each["sender"] or "",
             each["timestamp"]]
            for each in report["first"]
        ]  # fmt: skip
        print(table(heads, rows, left=5))
        if report["events"] > len(rows):
            print(f"… and {report['events'] - len(rows)} events more")
        print()
    for line in _remarks(options, report):
        print(line)


def _remarks(options: argparse.Namespace, report: dict[str, Any]) -> list[str]:
    lines = []
    if report["differ"] is not None:
        lines.append(f"differ     {report['differ']} of {report['events']} from what was logged")
    if report["unknown"]:
        is_lamport = options.clock == "lamport"
        counted = "by the stamps they carried" if is_lamport else "as if nothing had been received"
        lines.append(
            f"unknown    {report['unknown']} receives of messages whose send is not in the log; "
            f"counted {counted}"
        )
    if report["holes"]:
        lines.append(f"holes      {report['holes']}; what is missing there is not counted")
    if options.out:
        return [*lines, f"written    {options.out}"]
    command = os.environ.get(COMMAND_VARIABLE, "driftlab")
    call = f"{command} restamp {options.path} --clock {options.clock} --out"
    return [*lines, f"all        {call} DIR | FILE.parquet | FILE.csv"]
