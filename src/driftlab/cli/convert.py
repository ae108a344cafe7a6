"""`driftlab convert IN OUT --to FORMAT`: convert a log to another tool's format."""

import argparse
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import Final

from driftlab.api.export import Converted, convert
from driftlab.cli.flags import format_options
from driftlab.cli.output import wrapped
from driftlab.cli.terminal import print_line, table_stream
from driftlab.errors import DriftlabError, counted
from driftlab.history.parquet import PARQUET_MAGIC
from driftlab.journal.files import begins_with
from driftlab.plain_text import plain

STANDARD_OUTPUT: Final = "-"
ALIASES: Final = {"jsonl": "json"}  # its lines are JSON, which is how others call it


def main(options: argparse.Namespace) -> int:
    """Convert the log, print what was written and what was not read, and return the exit status."""
    to = ALIASES.get(options.to, options.to)
    if options.out == STANDARD_OUTPUT:
        return _write_to_standard_output(options, to)
    done = convert(
        Path(options.path), Path(options.out), to, overwrite=options.overwrite,
        **format_options(options),
    )  # fmt: skip
    if options.json:
        print(json.dumps(done.to_dict(), indent=2))
    else:
        _report(done, options.out)
    return 0


def _write_to_standard_output(options: argparse.Namespace, to: str) -> int:
    """Write the converted log to standard output, and what is to be said to standard error."""
    if options.json:
        raise DriftlabError("convert: the log itself goes to -; name a file, or leave out --json")
    with TemporaryDirectory() as folder:
        out = Path(folder) / "log"
        done = convert(Path(options.path), out, to, **format_options(options))
        if out.is_dir():
            raise DriftlabError(f"convert: {to} is a file a process; name a folder")
        if begins_with(out, PARQUET_MAGIC):
            raise DriftlabError("convert: Parquet is not text; name a file")
        with redirect_stdout(sys.stderr):
            _report(done, "standard output")
        with out.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            copyfileobj(file, table_stream())
    return 0


def _report(done: Converted, out: str) -> None:
    """Print what was written, and what was not read."""
    several = f" in {done.executions} executions" if done.executions > 1 else ""
    events, processes = counted(done.events, "event"), counted(done.processes, "process")
    print_line(f"{events} of {processes}{several}: {out}")
    for one in done.unread[:5]:
        print_line(f"unread     {one.file}:{one.line} {one.reason}")
    if len(done.unread) > 5:
        print_line(f"unread     … and {len(done.unread) - 5} more")
    for line in done.assumed:
        print(wrapped(plain(f"assumed    {line}")))
    for line in done.lost:
        print(wrapped(plain(f"lost       {line}")))
