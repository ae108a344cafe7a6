"""`driftlab offsets PATH`: how far the machines' clocks are off, from the messages alone."""

import argparse
import json
from typing import TYPE_CHECKING, Final

from driftlab.api.read import read
from driftlab.cli.flags import format_options
from driftlab.cli.output import print_assumed, table, wrapped
from driftlab.cli.terminal import print_line
from driftlab.errors import counted
from driftlab.plain_text import plain

if TYPE_CHECKING:  # SciPy is imported once the log has been read: an error comes at once
    from driftlab.analysis.offsets import Bounds, MachineOffset, Offsets

NS_PER_MS: Final = 1_000_000
MESSAGES_SHOWN_MAX: Final = 4  # of those that contradict each other


def main(options: argparse.Namespace) -> int:
    """Print the bounds of every machine's offset and skew; return the exit status."""
    history = read(options.path, **format_options(options))
    offsets = history.offsets()
    if options.json:
        print(json.dumps(offsets.to_dict() | {"assumed": history.assumed}, indent=2))
    else:
        _show(offsets)
        print_assumed(history.assumed)
    return 0


def _show(offsets: "Offsets") -> None:
    is_known = any(each.truth is not None for each in offsets.machines)
    heads = [
        "machine", "offset, ms\nfrom", "\nto", "\nestimate", "skew, ppm\nfrom", "\nto",
        "\nestimate", *(["set, ms", "ppm"] if is_known else []),
    ]  # fmt: skip
    rows = [
        [
            each.name,
            *_bounds_cells(each.offset_ns, NS_PER_MS, 3),
            *_bounds_cells(each.skew_ppm, 1, 1),
            *(_truth_cells(each) if is_known else []),
        ]
        for each in offsets.machines
    ]
    print(table(heads, rows))
    print()
    moment = "a tick found them" if offsets.by_arrival else "they were received"
    print_line(f"relative to {offsets.reference}'s clock, offsets at its start")
    decide = "decides" if offsets.corners == 1 else "decide"
    print(
        f"from {counted(offsets.messages, 'message')}, by when {moment}; "
        f"{offsets.corners} of them {decide}"
    )
    if offsets.looking_ns:
        allowed_ms = offsets.looking_ns / NS_PER_MS
        print(f"allowed between reading the clock and checking the sockets: {allowed_ms:g} ms")
    for each in offsets.machines:
        if each.equal_rates_ns is not None:
            low, high, estimate = _bounds_cells(each.equal_rates_ns, NS_PER_MS, 3)
            print(wrapped(
                f"{plain(each.name)}: if all clocks run at one rate, its offset is between "
                f"{low} and {high} ms (estimate {estimate})"
            ))  # fmt: skip
        if each.contradiction:
            print(*map(plain, _contradiction(each).split("\n")), sep="\n")


def _bounds_cells(bounds: "Bounds", unit: int, digits: int) -> list[str]:
    low = "-∞" if bounds.low is None else f"{bounds.low / unit:.{digits}f}"
    high = "∞" if bounds.high is None else f"{bounds.high / unit:.{digits}f}"
    estimate = "-" if bounds.estimate is None else f"{bounds.estimate / unit:.{digits}f}"
    return [low, high, estimate]


def _truth_cells(machine: "MachineOffset") -> list[str]:
    if machine.truth is None:
        return ["-", "-"]
    return [f"{machine.truth.offset_ns / NS_PER_MS:.3f}", f"{machine.truth.skew_ppm:.1f}"]


def _contradiction(machine: "MachineOffset") -> str:
    shown = [
        f"{send[0]} {send[1]} -> {found[0]} {found[1]}"
        for send, found in machine.contradiction[:MESSAGES_SHOWN_MAX]
    ]
    more = len(machine.contradiction) - len(shown)
    return (
        f"{machine.name}: no clocks that run evenly allow all of these messages "
        "(the send -> the event that found it): "
        + ", ".join(shown)
        + (f" and {more} more" if more else "")
    )
