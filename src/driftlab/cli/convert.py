"""`driftlab convert IN OUT --to FORMAT`: convert a log to another tool's format."""

import argparse
import json
from pathlib import Path
from typing import Final

from driftlab.api.export import convert
from driftlab.cli.flags import format_options
from driftlab.cli.output import wrapped
from driftlab.cli.terminal import print_line
from driftlab.errors import counted
from driftlab.plain_text import plain

ALIASES: Final = {"jsonl": "json"}  # its lines are JSON, which is how others call it


def main(options: argparse.Namespace) -> int:
    """Convert the log, print what was written and what was not read, and return the exit status."""
    to = ALIASES.get(options.to, options.to)
    done = convert(
        Path(options.path), Path(options.out), to, overwrite=options.overwrite,
        **format_options(options),
    )  # fmt: skip
    if options.json:
        print(json.dumps(done.to_dict(), indent=2))
        return 0
    several = f" in {done.executions} executions" if done.executions > 1 else ""
    events, processes = counted(done.events, "event"), counted(done.processes, "process")
    print_line(f"{events} of {processes}{several}: {options.out}")
    for one in done.unread[:5]:
        print_line(f"unread     {one.file}:{one.line} {one.reason}")
    if len(done.unread) > 5:
        print_line(f"unread     … and {len(done.unread) - 5} more")
    for line in done.assumed:
        print(wrapped(plain(f"assumed    {line}")))
    for line in done.lost:
        print(wrapped(plain(f"lost       {line}")))
    return 0
