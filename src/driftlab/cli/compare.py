"""`driftlab compare PATH`: all clocks side by side over one history."""

import argparse
import json
from typing import Final

from driftlab.analysis.compare_clocks import ClockCosts, Comparison
from driftlab.api.read import read
from driftlab.cli.flags import format_options
from driftlab.cli.output import print_assumed, table, wrapped
from driftlab.errors import counted
from driftlab.plain_text import plain

NS_PER_MS: Final = 1_000_000


def main(options: argparse.Namespace) -> int:
    """Print what each clock costs and what it gets wrong; return the exit status."""
    history = read(options.path, **format_options(options))
    comparison = history.compare()
    if options.json:
        print(json.dumps(comparison.to_dict() | {"assumed": history.assumed}, indent=2))
    else:
        _show(comparison)
        print_assumed(history.assumed)
    return 0


def _show(comparison: Comparison) -> None:
    heads = (
        "clock", "pairs\nwrongly\nordered", "concurrency\nhidden", "\nshare",
        "bytes a\nmessage\nmean", "\nmost", "ahead of\nthe machine\nms, most",
        "events\ndiffer",
    )  # fmt: skip
    line = (
        f"{counted(comparison.events, 'event')} of "
        f"{counted(comparison.processes, 'process')}, "
        f"{counted(comparison.messages, 'message')} sent; "
        f"of {counted(comparison.pairs, 'pair')} of events "
        f"{comparison.ordered} are ordered by happened-before, {comparison.concurrent} concurrent"
    )
    print(wrapped(line))
    if comparison.unknown:
        print(
            f"unknown: {counted(comparison.unknown, 'receive')} of a message whose send is not "
            "in the log; counted as if nothing had been received"
        )
    print()
    print(table(heads, [_row(each) for each in comparison.clocks]))
    remarks = [line for each in comparison.clocks for line in _remarks(each)]
    if remarks:
        print("", *map(plain, remarks), sep="\n")


def _label(clock: ClockCosts) -> str:
    return f"{clock.clock}, as logged" if clock.logged else clock.clock


def _row(clock: ClockCosts) -> list[str]:
    about = "" if clock.sample is None else "≈ "
    ahead_ns = clock.offset_ns_max
    return [
        _label(clock),
        "-" if clock.wrong is None else f"{about}{clock.wrong}",
        "-" if clock.hidden is None else f"{about}{clock.hidden}",
        "-" if clock.hidden_share is None else f"{100 * clock.hidden_share:.1f} %",
        "-" if clock.bytes is None else f"{clock.bytes.mean:.1f}",
        "-" if clock.bytes is None else str(clock.bytes.max),
        "" if ahead_ns is None else f"{ahead_ns / NS_PER_MS:.3f}",
        "" if clock.differ is None else str(clock.differ),
    ]


def _remarks(clock: ClockCosts) -> list[str]:
    lines = []
    if clock.why_not is not None:
        lines.append(f"{_label(clock)}: {clock.why_not}")
    if clock.wrong_interval and clock.hidden_interval:
        lines.append(
            f"{_label(clock)}: estimated from {clock.sample} pairs drawn; with 95 % confidence "
            f"{clock.wrong_interval[0]} to {clock.wrong_interval[1]} wrongly ordered, "
            f"{clock.hidden_interval[0]} to {clock.hidden_interval[1]} hidden"
        )
    return lines
