"""`driftlab offsets PATH`: how far machines' own clocks are off, from the messages alone."""

import argparse
import json
from typing import Final

from driftlab.analysis.offsets import Bounds, MachineOffset, Offsets
from driftlab.api.read import read
from driftlab.cli.flags import format_options
from driftlab.cli.text_table import table

NS_PER_MS: Final = 1_000_000
MESSAGES_SHOWN_MAX: Final = 4  # of those that contradict each other


def main(options: argparse.Namespace) -> int:
    """Print the bounds of every machine's offset and skew; return the exit status."""
    offsets: Offsets = read(options.path, **format_options(options)).offsets()
    if options.json:
        print(json.dumps(offsets.to_dict(), indent=2))
    else:
        _show(offsets)
    return 0


def _show(offsets: Offsets) -> None:
    is_known = any(each.truth is not None for each in offsets.machines)
    heads = [
        "machine", "offset, ms\nfrom", "\nto", "\nestimate", "skew, ppm\nfrom", "\nto",
        "\nestimate", *(["set, ms", "ppm"] if is_known else []),
    ]  # fmt: skip
    rows = [
        [
            each.name,
            *_cells(each.offset_ns, NS_PER_MS, 3),
            *_cells(each.skew_ppm, 1, 1),
            *(_truth(each) if is_known else []),
        ]
        for each in offsets.machines
    ]
    print(table(heads, rows))
    print()
    print(f"over {offsets.reference}'s clock, offsets at its start; {offsets.messages} messages,")
    found = "found by the ticks" if offsets.by_arrival else "received"
    print(f"by when they were {found}; {offsets.corners} of them decide")
    if offsets.looking_ns:
        print(f"allowed for looking into sockets: {offsets.looking_ns / NS_PER_MS:g} ms")
    for each in offsets.machines:
        if each.contradiction:
            print(_contradiction(each))


def _cells(bounds: Bounds, unit: int, digits: int) -> list[str]:
    low = "-∞" if bounds.low is None else f"{bounds.low / unit:.{digits}f}"
    high = "∞" if bounds.high is None else f"{bounds.high / unit:.{digits}f}"
    middle = "-" if bounds.estimate is None else f"{bounds.estimate / unit:.{digits}f}"
    return [low, high, middle]


def _truth(machine: MachineOffset) -> list[str]:
    if machine.truth is None:
        return ["-", "-"]
    return [f"{machine.truth.offset_ns / NS_PER_MS:.3f}", f"{machine.truth.skew_ppm:.1f}"]


def _contradiction(machine: MachineOffset) -> str:
    shown = [
        f"{send[0]} {send[1]} -> {found[0]} {found[1]}"
        for send, found in machine.contradiction[:MESSAGES_SHOWN_MAX]
    ]
    more = len(machine.contradiction) - len(shown)
    return (
        f"{machine.name}: no clocks that go evenly allow all of these messages, by their events: "
        + ", ".join(shown)
        + (f" and {more} more" if more else "")
    )
