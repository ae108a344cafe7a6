"""`driftlab restamp PATH --clock CLOCK`: compute any clock over an existing history."""

import argparse
import json
import os
from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from driftlab.analysis.restamp import count_differing, count_unknown_receives, timestamps_as_text
from driftlab.api.export import write_restamped
from driftlab.api.history import History
from driftlab.api.read import read
from driftlab.cli.flags import format_options
from driftlab.cli.output import COMMAND_VARIABLE, table
from driftlab.cli.terminal import print_line
from driftlab.errors import counted

EVENTS_SHOWN: Final = 12


def main(options: argparse.Namespace) -> int:
    """Compute a clock, print its first timestamps or write all; return the exit status."""
    logged = read(options.path, **format_options(options))
    history = logged.restamp(options.clock)
    if options.out:
        write_restamped(history, options.clock, options.out, options.path)
    report = {
        "clock": options.clock,
        "events": len(history),
        "unknown": count_unknown_receives(history.messages),
        "holes": len(history.trace.gaps),
        "differ": count_differing(logged.trace, history.trace, options.clock),
        "out": options.out,
        "assumed": logged.assumed,
        "first": _first_events(history, options.clock),
    }
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        _show(options, report)
    return 0


def _first_events(history: History, clock: str) -> list[dict[str, Any]]:
    """Return the first events by time if the log has times, else those of the first process.

    Each is a plain dict under the names of the JSON interface.
    """
    frame: pl.DataFrame = history.events
    times = [key for key in ("due_ns", "time_ns") if key in frame.columns]
    rows: Sequence[int] = range(len(frame))
    if times:
        rows = frame[times[0]].arg_sort(nulls_last=True).to_list()
    rows = rows[:EVENTS_SHOWN]
    return [
        {
            "process": frame["process"][row],
            "index": frame["index"][row],
            "kind": frame["kind"][row],
            "sender": frame["sender"][row] if "sender" in frame.columns else None,
            "timestamp": text,
        }
        for row, text in zip(rows, timestamps_as_text(history.trace, clock, rows), strict=True)
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
            print(f"… and {counted(report['events'] - len(rows), 'more event')}")
        print()
    for line in _remarks(options, report):
        print_line(line)


def _remarks(options: argparse.Namespace, report: dict[str, Any]) -> list[str]:
    lines = [f"assumed    {line}" for line in report["assumed"]]
    if report["differ"] is not None:
        lines.append(f"differ     {report['differ']} of {report['events']} from what was logged")
    if report["unknown"]:
        is_lamport = options.clock == "lamport"
        how = "by the stamps they carried" if is_lamport else "as if nothing had been received"
        lines.append(
            f"unknown    {counted(report['unknown'], 'receive')} of a message whose send is not "
            f"in the log; counted {how}"
        )
    if report["holes"]:
        lines.append(
            f"gaps       {counted(report['holes'], 'place')} where events are missing, which no "
            "clock counts"
        )
    if options.out:
        return [*lines, f"written    {options.out}"]
    command = os.environ.get(COMMAND_VARIABLE, "driftlab")
    call = f"{command} restamp {options.path} --clock {options.clock} --out"
    return [*lines, f"all        {call} DIR | FILE.parquet | FILE.csv"]
