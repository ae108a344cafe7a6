"""`driftlab pack RUN`: a run in one Parquet file."""

import argparse
import json
from typing import Any

from driftlab.api.export import PackedFile, pack
from driftlab.cli.terminal import print_line
from driftlab.errors import counted


def main(options: argparse.Namespace) -> int:
    """Pack every run at a path and return the exit status."""
    packed = pack(options.run, options.out)
    if options.json:
        print(json.dumps({"packed": [_plain(each) for each in packed]}, indent=2))
        return 0
    for each in packed:
        print_line(f"{each.path}: {counted(each.events, 'event')}, {counted(each.bytes, 'byte')}")
        for first in each.unread[:1]:
            unread = counted(sum(one.lines for one in each.unread), "line")
            print_line(
                f"  {unread} unread, the first: {first.file} line {first.line}: {first.reason}"
            )
    return 0


def _plain(packed: PackedFile) -> dict[str, Any]:
    return {
        "file": str(packed.path),
        "run": str(packed.source),
        "events": packed.events,
        "bytes": packed.bytes,
        "unread": sum(one.lines for one in packed.unread),
    }
