"""`driftlab why PATH A:17 B:3`: the shortest causal chain between two events, by file and line."""

import argparse
import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from driftlab.api.history import History
from driftlab.api.read import read
from driftlab.cli.flags import format_options, parse_event
from driftlab.cli.output import table
from driftlab.model.columns import KINDS, MISSING


def main(options: argparse.Namespace) -> int:
    """Print how one event happened before the other, or that neither did; return the status."""
    first, second = parse_event(options.first), parse_event(options.second)
    history = read(options.path, **format_options(options))
    rows = history.row(first), history.row(second)
    chain = history.order.causal_chain(*rows)
    reverse = [] if chain else history.order.causal_chain(*rows[::-1])
    relation = _relation(chain, reverse, rows)
    steps = [_step(history, row) for row in chain or reverse]
    if options.json:
        print(json.dumps({"relation": relation, "chain": steps}, indent=2))
        return 0
    print(_sentence(relation, options.first, options.second))
    if steps:
        print(f"\n{_step_table(steps)}")
    return 0


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
    process, index = history.trace.place(row)
    columns = history.trace.columns
    clock = MISSING if columns.clock is None else int(columns.clock[row])
    file, line = history.trace.source_of(row)
    return {
        "process": process,
        "index": index,
        "kind": KINDS[columns.kind[row]],
        "clock": None if clock == MISSING else clock,
        "file": file,
        "line": line,
    }


def _step_table(steps: Sequence[dict[str, Any]]) -> str:
    links = ["", *(_link(*pair) for pair in pairwise(steps))]
    rows = [
        [link, f"{step['process']}:{step['index']}", step["kind"], _clock(step), _place(step)]
        for link, step in zip(links, steps, strict=True)
    ]
    return table(("", "event", "kind", "clock", "where"), rows, left=3)


def _link(before: dict[str, Any], after: dict[str, Any]) -> str:
    return "later" if before["process"] == after["process"] else "message to"


def _clock(step: dict[str, Any]) -> str:
    return "-" if step["clock"] is None else str(step["clock"])


def _place(step: dict[str, Any]) -> str:
    return "-" if step["file"] is None else f"{step['file']}:{step['line']}"
