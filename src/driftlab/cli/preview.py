"""`driftlab check PATH --preview`: show how a log is read, and judge nothing."""

import argparse
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from textwrap import wrap

from driftlab.api.preview import EventPreview, Preview, RunPreview, preview
from driftlab.api.read import first_names
from driftlab.cli.flags import format_options
from driftlab.cli.output import COLUMN_GAP, table
from driftlab.errors import counted
from driftlab.plain_text import plain

WIDTH = 80
RUNS_SHOWN = 3
UNREAD_SHOWN = 3
NAMES_SHOWN = 10
SINCE_1970_MIN = 10**17  # nanoseconds from which on a time is taken to count from 1970


def main(options: argparse.Namespace) -> int:
    """Show how a log is read and return the exit status."""
    found = preview(options.path, **format_options(options))
    if options.json:
        print(json.dumps(found.to_dict(), indent=2))
    else:
        print("\n".join(map(plain, lines_of(found))))
    return 0


def lines_of(found: Preview) -> Iterator[str]:
    """Yield a preview as lines of at most WIDTH characters."""
    several = len(found.runs) > 1
    if several:
        names = [run.name for run in found.runs]
        yield from _wrapped(
            f"{found.path}: {counted(len(names), 'run')}: {first_names(names, NAMES_SHOWN)}"
        )
    for run in found.runs[:RUNS_SHOWN]:
        if several:
            yield ""
        yield from _run(found.path, run, several=several)
    if len(found.runs) > RUNS_SHOWN:
        yield ""
        yield f"… and {counted(len(found.runs) - RUNS_SHOWN, 'more run')}"


def _run(path: str, run: RunPreview, *, several: bool) -> Iterator[str]:
    files = f", {counted(len(run.files), 'file')}" if len(run.files) > 1 else ""
    encodings = "".join(f", {name}" for name in run.encodings)
    yield from _wrapped(f"{run.name if several else path}: format {run.format}{files}{encodings}")
    processes = [f"{name} {count}" for name, count in run.processes.items()]
    yield from _wrapped(
        f"{counted(run.events, 'event')} of {counted(len(processes), 'process')}: "
        f"{first_names(processes, NAMES_SHOWN)}"
    )
    if run.columns:
        yield ""
        yield from _columns(run)
    if run.first:
        yield ""
        yield "first events"
        yield from _events(run.first)
    yield ""
    yield from _counts(run)


def _columns(run: RunPreview) -> Iterator[str]:
    rows = [
        (each.name, each.field or "-", each.meaning, each.example or "") for each in run.columns
    ]
    yield from _fitted(("column", "field", "meaning", "first value"), rows)


def _events(events: Sequence[EventPreview]) -> Iterator[str]:
    """Yield events as a table, without the columns that hold nothing."""
    heads = ("event", "line", "kind", "clock", "time", "peer", "text")
    rows = [
        (
            f"{each.process}:{each.index}",
            f"{each.file}:{each.line}" if each.file else "",
            each.kind,
            each.clock or "",
            "" if each.time_ns is None else time_text(each.time_ns),
            " ".join(each.peers),
            (each.event or "").replace("\n", " "),
        )
        for each in events
    ]
    held = [at for at in range(len(heads)) if any(row[at] for row in rows)]
    yield from _fitted([heads[at] for at in held], [[row[at] for at in held] for row in rows])


def _counts(run: RunPreview) -> Iterator[str]:
    yield from _wrapped("kinds: " + ", ".join(f"{n} {name}" for name, n in run.kinds.items()))
    by = ", ".join(f"{count} by {name}" for name, count in run.matched_by.items() if count)
    matched = f"{run.matched} matched with their sends" + (f" ({by})" if by else "")
    if run.receives:
        yield from _wrapped(f"messages: {counted(run.receives, 'receive')}, {matched}")
    for line in run.assumed:
        yield from _wrapped(f"assumed: {line}")
    for line in run.remarks:
        yield from _wrapped(line)
    if not run.unread_lines:
        return
    yield f"not read: {counted(run.unread, 'line')}"
    for one in run.unread_lines[:UNREAD_SHOWN]:
        yield _clipped(f"  {one.file}:{one.line}  {one.reason}", WIDTH)
    if len(run.unread_lines) > UNREAD_SHOWN:
        yield f"  … and {len(run.unread_lines) - UNREAD_SHOWN} more"


def time_text(nanoseconds: int) -> str:
    """Return a time as a date, if it counts from 1970, else in seconds."""
    if nanoseconds < SINCE_1970_MIN:
        return f"{nanoseconds / 1e9:g} s"
    seconds, rest = divmod(nanoseconds, 10**9)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%d %H:%M:%S}" + (f".{rest // 10**6:03}" if rest else "")


def _fitted(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table of at most WIDTH characters; the longest cells are cut until it fits."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    while sum(widths) + COLUMN_GAP * (len(widths) - 1) > WIDTH:
        widths[widths.index(max(widths))] -= 1
    head, *cut = [
        [_clipped(cell, width) for cell, width in zip(row, widths, strict=True)]
        for row in (heads, *rows)
    ]
    yield from table(head, cut, left=len(heads)).split("\n")


def _clipped(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(width - 1, 0)]}…"


def _wrapped(text: str) -> list[str]:
    return wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
