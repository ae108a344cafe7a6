"""`driftlab why PATH A:17 B:3`: the shortest causal chain between two events, by file and line.

Of the log of another program each step has its text, its clock and its time too.
"""

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from textwrap import wrap
from typing import Any, Final

from driftlab.api.history import History
from driftlab.api.read import read
from driftlab.arrays import IntArray
from driftlab.cli.flags import format_options, parse_event
from driftlab.cli.output import COLUMN_GAP, page_width, print_assumed, table
from driftlab.cli.terminal import print_line
from driftlab.history.matching.match import assumed_lines
from driftlab.model.columns import KINDS, MISSING
from driftlab.plain_text import plain

HEADS: Final = ("", "event", "kind", "clock", "time", "where", "text")
TO_THE_RIGHT: Final = ("clock", "time", "where")  # columns that are aligned there
TEXT_MIN: Final = 16  # characters a line of the column of texts
PLACE_MIN: Final = 5  # of a place in a file, and the head of its column
CLOCK_CHARS_MAX: Final = 24  # shown of a vector clock
SINCE_1970_MIN: Final = 10**17  # nanoseconds from which on a time is taken to count from 1970


def main(options: argparse.Namespace) -> int:
    """Print how one event happened before the other, or that neither did; return the status."""
    first, second = parse_event(options.first), parse_event(options.second)
    history = read(options.path, **format_options(options))
    rows = history.row(first), history.row(second)
    chain = history.order.causal_chain(*rows)
    reverse = [] if chain else history.order.causal_chain(*rows[::-1])
    relation = _relation(chain, reverse, rows)
    taken = chain or reverse
    steps = [_step(history, row) for row in taken]
    assumed = [*history.trace.assumed, *assumed_lines(history.messages, _received(history, taken))]
    unmatched = 0 if steps or relation == "same" else history.unmatched
    if options.json:
        document = {"relation": relation, "chain": steps, "assumed": assumed, "unknown": unmatched}
        print(json.dumps(document, indent=2))
        return 0
    print_line(_sentence(relation, options.first, options.second))
    if unmatched:
        print()
        print_line(f"as far as is known: {history.unmatched_line}")
    if steps:
        is_ours = len(history.trace.process_info) > 0
        print(f"\n{_step_table(steps, is_ours=is_ours)}")
    print_assumed(assumed)
    return 0


def _received(history: History, chain: Sequence[int]) -> list[int]:
    """Return the rows of a chain that a message leads to."""
    process_of = history.trace.process_of
    return [row for before, row in pairwise(chain) if process_of(before) != process_of(row)]


def _relation(chain: Sequence[int], reverse: Sequence[int], rows: tuple[int, int]) -> str:
    """Return how the first event stands to the second: the JSON value `relation`."""
    if chain or reverse:
        return "before" if chain else "after"
    return "same" if rows[0] == rows[1] else "concurrent"


def _sentence(relation: str, first: str, second: str) -> str:
    return {
        "before": f"{first} happened before {second}",
        "after": f"{first} did not happen before {second}; {second} happened before {first}",
        "same": f"{first} and {second} are one event, and no event happened before itself",
        "concurrent": f"{first} and {second} are concurrent: neither happened before the other",
    }[relation]


def _step(history: History, row: int) -> dict[str, Any]:
    trace = history.trace
    process, index = trace.place(row)
    file, line = trace.source_of(row)
    texts = trace.texts.get("event")
    return {
        "process": process,
        "index": index,
        "kind": KINDS[trace.columns.kind[row]],
        "clock": _number(trace.columns.clock, row),
        "vector": _vector(history, row),
        "time_ns": _number(trace.columns.time_ns, row),
        "text": None if texts is None else texts[row],
        "file": file,
        "line": line,
    }


def _number(column: IntArray | None, row: int) -> int | None:
    return None if column is None or column[row] == MISSING else int(column[row])


def _vector(history: History, row: int) -> dict[str, int] | None:
    """Return the entries of an event's vector clock by process, None if it has none."""
    trace, held = history.trace, history.trace.timestamps
    if held is None or held.clock != "vector":
        return None
    begin, end = held.starts[row : row + 2].tolist()
    entries, values = held.entries[begin:end].tolist(), held.values[begin:end].tolist()
    found = {trace.names[entry]: value for entry, value in zip(entries, values, strict=True)}
    return found or None


# The table.


def _step_table(steps: Sequence[dict[str, Any]], *, is_ours: bool) -> str:
    """Return the steps as a table as wide as the page, without columns that no step has.

    is_ours: whether they are of a run of driftlab's, which shows what its journals are
    about: kinds and Lamport clocks.
    """
    links = ["", *(_link(*pair) for pair in pairwise(steps))]
    day = _day_of_all(steps)
    cells = {
        "": links,
        "event": [f"{step['process']}:{step['index']}" for step in steps],
        "kind": [step["kind"] if is_ours or step["kind"] != "unsaid" else "" for step in steps],
        "clock": [_clock(step) for step in steps],
        "time": [] if is_ours else [_time(step["time_ns"], day) for step in steps],
        "where": [
            plain(f"{step['file']}:{step['line']}") if step["file"] else "" for step in steps
        ],
        "text": []
        if is_ours
        else [plain(" ".join((step["text"] or "").split())) for step in steps],
    }
    held = [head for head in HEADS if head in ("", "event") or any(cells[head])]
    columns = [_column(head, cells[head], day) for head in held]
    if held[-1] == "text":
        columns = _wrapped(columns, page_width(), is_placed="where" in held)
    heads = [
        "\n".join(line.rjust(len(column[0])) for line in _head(head, day))
        if _is_to_the_right(head, column)
        else head
        for head, column in zip(held, columns, strict=True)
    ]
    return table(heads, list(zip(*columns, strict=True)), left=len(held))


def _head(head: str, day: str) -> list[str]:
    """Return the lines of the head of a column; `day`: that of all times."""
    return [day, head] if head == "time" and day else [head]


def _column(head: str, cells: Sequence[str], day: str) -> list[str]:
    """Return the cells of a column, `-` where there is nothing, of one width if need be."""
    filled = [cell or ("" if head in ("", "text") else "-") for cell in cells]
    width = max(map(len, [*_head(head, day), *filled]))
    return [cell.rjust(width) if _is_to_the_right(head, filled) else cell for cell in filled]


def _is_to_the_right(head: str, cells: Sequence[str]) -> bool:
    """Whether a column is aligned to the right; one of vector clocks is not."""
    is_vector = head == "clock" and any(":" in cell for cell in cells)
    return head in TO_THE_RIGHT and not is_vector


def _wrapped(columns: Sequence[Sequence[str]], page: int, *, is_placed: bool) -> list[list[str]]:
    """Return columns of which the last is wrapped, so that a row may take several lines.

    Where too little is left for it, the beginnings of places in files are cut.
    """
    widths = [max(PLACE_MIN, *map(len, column)) for column in columns]
    width = page - sum(each + COLUMN_GAP for each in widths[:-1])
    if width < TEXT_MIN and is_placed:
        most = max(PLACE_MIN, widths[-2] - (TEXT_MIN - width))
        cut = [cell if len(cell) <= most else f"…{cell[1 - most :]}" for cell in columns[-2]]
        columns = [*columns[:-2], cut, columns[-1]]
    width = max(TEXT_MIN, width)
    rows = []
    for *cells, text in zip(*columns, strict=True):
        first, *more = wrap(text, width) or [""]
        rows += [[*cells, first], *([*[""] * len(cells), line] for line in more)]
    return [list(column) for column in zip(*rows, strict=True)]


def _link(before: dict[str, Any], after: dict[str, Any]) -> str:
    return "later" if before["process"] == after["process"] else "message to"


def _clock(step: dict[str, Any]) -> str:
    """Return an event's Lamport clock, or its vector clock, of which not all may be shown."""
    if step["clock"] is not None:
        return str(step["clock"])
    own = step["process"]
    entries = [(name, value) for name, value in (step["vector"] or {}).items() if value]
    entries.sort(key=lambda entry: entry[0] != own)  # its own entry is always shown
    words = [f"{name}:{value}" for name, value in entries]
    shown = list(words)
    while len(shown) > 1 and len(" ".join(shown)) > CLOCK_CHARS_MAX:
        shown.pop()
    return " ".join(shown) + (" …" if len(shown) < len(words) else "")


def _day_of_all(steps: Sequence[dict[str, Any]]) -> str:
    """Return the day of all steps that have a time, if it is one and the same; else empty."""
    times = [step["time_ns"] for step in steps if step["time_ns"] is not None]
    days = {_time(time, "")[:10] for time in times if time >= SINCE_1970_MIN}
    return days.pop() if len(days) == 1 and min(times) >= SINCE_1970_MIN else ""


def _time(nanoseconds: int | None, day: str) -> str:
    """Return a time as seconds, or as a date if it counts from 1970, without the `day` of all."""
    if nanoseconds is None:
        return ""
    seconds, rest = divmod(nanoseconds, 10**9)
    digits = 9 if rest % 1000 else 6 if rest % 10**6 else 3
    fraction = f".{rest:09}"[: digits + 1] if rest else ""
    if nanoseconds < SINCE_1970_MIN:
        return f"{nanoseconds / 1e9:.{digits if rest else 0}f} s"
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{moment:%H:%M:%S}{fraction}" if day else f"{moment:%Y-%m-%d %H:%M:%S}{fraction}"
