"""What a log says of single events beyond the columns of a diagram: texts, exact numbers, lines.

A page asks for one event at a time, and for the events whose texts match a search; offline,
texts up to a stated size go into the file.
"""

import json
from typing import Any, Final

import numpy as np

from driftlab.arrays import IntArray
from driftlab.errors import DriftlabError
from driftlab.history.trace import Trace
from driftlab.lazy import pl
from driftlab.model.columns import KINDS, MISSING, text_at

TEXT_MAX: Final = 20_000  # characters of one text that are shown
QUERY_MAX: Final = 1000  # characters of a search


class QueryError(DriftlabError):
    """A search that is no valid regular expression."""


def event_details(trace: Trace, row: int) -> dict[str, Any]:
    """Return all that a log says of one event, under the names of the page."""
    name, index = trace.place(row)
    file, line = trace.source_of(row)
    columns, held = trace.columns, trace.timestamps
    return {
        "row": row,
        "lane": trace.process_of(row),
        "process": name,
        "index": index,
        "kind": KINDS[int(columns.kind[row])],
        **{
            key: _exact(column, row)
            for key, column in (
                ("clock", columns.clock), ("stamp", columns.stamp), ("time", columns.time_ns),
                ("due", columns.due_ns), ("late", columns.late_ns), ("queue", columns.queue),
                ("tick", columns.tick),
            )
        },
        "sender": _sender(trace, row),
        "targets": [trace.names[place] for place in trace.targets_of(row)[:1000]],
        "texts": {
            name: text[:TEXT_MAX]
            for name, texts in trace.texts.items()
            for text in [texts[row]]
            if text
        },
        "timestamp": None if held is None else _timestamp(trace, row),
        "file": file,
        "line": line,
    }  # fmt: skip


def _exact(column: IntArray | None, row: int) -> str | None:
    """Return a number as text: JavaScript has no whole numbers beyond 2^53."""
    return None if column is None or column[row] == MISSING else str(int(column[row]))


def _sender(trace: Trace, row: int) -> str | None:
    sender = trace.columns.sender
    return None if sender is None or sender[row] < 0 else trace.names[int(sender[row])]


def _timestamp(trace: Trace, row: int) -> str | None:
    """Return the timestamp of an event; one of a vector clock by the names of its processes."""
    held = trace.timestamps
    assert held is not None
    begin, end = int(held.starts[row]), int(held.starts[row + 1])
    if held.clock != "vector":
        text = text_at(held, row, trace.processes)
        return None if text is None else text[:TEXT_MAX]
    entries = zip(held.entries[begin:end].tolist(), held.values[begin:end].tolist(), strict=True)
    words = [f"{trace.names[entry]}:{value}" for entry, value in entries if value]
    return " ".join(words)[:TEXT_MAX] or None


def has_texts(trace: Trace) -> bool:
    """Whether the log says anything of its events in words."""
    return len(trace.texts) > 0


def _whole_characters(text: str | None) -> str | None:
    """Return a text without halves of characters, which JSON may have and UTF-8 has not."""
    return None if text is None else text.encode("utf-8", "replace").decode("utf-8")


class TextSearch:
    """A search over all texts of a trace, as often as asked."""

    def __init__(self, trace: Trace) -> None:
        self._columns = {
            name: pl.Series(name, list(map(_whole_characters, texts)), dtype=pl.String)
            for name, texts in trace.texts.items()
        }

    def rows(self, query: str, column: str | None = None) -> IntArray:
        """Return the rows, i4, rising, whose texts hold a query, capitals or not.

        query: text, or a regular expression between slashes (of Rust's regex, which takes
        linear time whatever it is). column: which texts, None for all. Raise QueryError.
        """
        pattern, is_literal = query[:QUERY_MAX], True
        if len(pattern) > 2 and pattern[0] == pattern[-1] == "/":
            pattern, is_literal = pattern[1:-1], False
        found = [
            self._matching(texts, pattern, is_literal)
            for name, texts in self._columns.items()
            if column is None or name == column
        ]
        if not found:
            return np.zeros(0, np.int32)
        return np.unique(np.concatenate(found)).astype(np.int32)

    def _matching(self, texts: "pl.Series", pattern: str, is_literal: bool) -> IntArray:
        import re

        expression = f"(?i){re.escape(pattern) if is_literal else pattern}"
        try:
            matches = texts.str.contains(expression).fill_null(value=False)
        except pl.exceptions.ComputeError as error:
            raise QueryError(f"/{pattern}/ is no regular expression: {error}") from None
        return np.flatnonzero(matches.to_numpy())


def texts_block(trace: Trace, bytes_max: int) -> tuple[str, int]:
    """Return the texts of a trace as lines of JSON, `[row, {column: text}]`, and how many rows.

    bytes_max: how large it may become; the rows after that are left out.
    """
    lines: list[str] = []
    size = 0
    columns = {name: list(texts) for name, texts in trace.texts.items()}
    for row in range(len(trace)):
        cells = {name: texts[row] for name, texts in columns.items()}
        held = {name: text[:TEXT_MAX] for name, text in cells.items() if text}
        if not held:
            continue
        line = json.dumps([row, held], ensure_ascii=False)
        size += len(line) + 1
        if size > bytes_max:
            break
        lines.append(line)
    return "\n".join(lines), len(lines)
