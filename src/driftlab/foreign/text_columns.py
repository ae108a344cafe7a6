"""A trace as texts, a value per row, for the formats that are lines of text."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from driftlab.arrays import IntArray
from driftlab.errors import DriftlabError
from driftlab.foreign.assumed_names import MATCHED_BY
from driftlab.foreign.clock_values import format_clock
from driftlab.foreign.fields import EMPTY, EVERYBODY, escape_zeros, field_of
from driftlab.foreign.trace_builder import Execution
from driftlab.history.trace import Trace
from driftlab.journal.whole_file import open_whole
from driftlab.lazy import lazy_pattern
from driftlab.model.columns import (
    EVERY_PEER,
    KINDS,
    MISSING,
    NO_TARGET,
    NOBODY,
    SET_FIRST,
    UNKNOWN_KIND,
)

NONE: Final = "-"  # stands for a value that a row does not have

_LINE_END: Final = lazy_pattern(r"\r\n|\r|\n")
_GROUP: Final = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_]*")
_UNFIT: Final = lazy_pattern(r"[\s,;+|\[\]\"'{}]")
_UNFIT_IN_LIST: Final = lazy_pattern(rf"{_UNFIT.pattern}|[&()<>]")


class UnwritableError(DriftlabError):
    """A trace that a format cannot hold, or a file that cannot be written."""


class TextColumns:
    """The columns of a trace as texts.

    trace: to be written. format: its name, for errors. is_strict: whether names
    of processes must be such that they can stand between blanks. Raises
    UnwritableError where a name cannot be written.
    """

    def __init__(self, trace: Trace, format: str, *, is_strict: bool = True) -> None:
        self._trace = trace
        self._format = format
        for name in trace.names:
            is_unfit = bool(_UNFIT.search(name)) or name in EVERYBODY
            if name != name.strip() or name in EMPTY:
                raise UnwritableError(
                    f"{format}: the name {json.dumps(name)} cannot be written: it stands for no "
                    "name, or has blanks at its ends, and would not read back in any format"
                )
            if is_unfit and is_strict:
                raise UnwritableError(
                    f"{format}: the name {json.dumps(name)} cannot stand in this format; "
                    "csv and parquet hold any but those that stand for no name"
                )

    def __len__(self) -> int:
        return len(self._trace)

    def hosts(self) -> list[str]:
        """Return each event's process."""
        names = self._trace.names
        return [names[process] for process in self._trace.process_column().tolist()]

    def clocks(self) -> list[str]:
        """Return each event's vector clock as JSON. Raises UnwritableError if there are none."""
        held = self._trace.timestamps
        if held is None or held.clock != "vector":
            raise UnwritableError(f"{self._format}: the log has no vector timestamps to write")
        starts, entries, values = (column.tolist() for column in held[1:])
        names = self._trace.names
        return [format_clock(names, entries[b:e], values[b:e]) for b, e in pairwise(starts)]

    def events(self) -> list[str]:
        """Return each event's text on one line; what it does, where the log has no texts."""
        texts = self._trace.texts.get("event")
        if texts is None:
            return self._descriptions()
        return [one_line(text or "") for text in texts]

    def _descriptions(self) -> list[str]:
        kinds = [KINDS[kind] for kind in self._trace.columns.kind.tolist()]
        senders, targets = self.senders(), self.targets()
        descriptions = []
        for row, kind in enumerate(kinds):
            to = f" to {targets[row]}" if targets and targets[row] != NONE else ""
            by = f" from {senders[row]}" if senders and senders[row] != NONE else ""
            descriptions.append(f"{'event' if kind == 'unsaid' else kind}{by}{to}")
        return descriptions

    def has_times(self) -> bool:
        """Whether any event has a time."""
        column = self._trace.columns.time_ns
        return column is not None and bool((column != MISSING).any())

    def times(self) -> list[str]:
        """Return each event's time in nanoseconds, empty where it has none.

        Raises UnwritableError where the log has no times.
        """
        column = self._trace.columns.time_ns
        if column is None:
            raise UnwritableError(f"{self._format}: the log has no times to write")
        return ["" if time == MISSING else str(time) for time in column.tolist()]

    def extra(self, is_timed: bool = False) -> Mapping[str, Sequence[str]]:
        """Return all columns beside process, clock and text by the names of their fields.

        `is_timed`: whether the format has the time elsewhere. A value that a row
        does not have is NONE.
        """
        of = self._trace.columns
        columns: dict[str, Sequence[str]] = {}
        if (of.kind != UNKNOWN_KIND).any():
            columns["kind"] = [NONE if k == UNKNOWN_KIND else KINDS[k] for k in of.kind.tolist()]
        numbers: dict[str, IntArray | None] = {
            "lamport": of.clock, "tick": of.tick, "due_ns": of.due_ns, "late_ns": of.late_ns,
            "time_ns": None if is_timed else of.time_ns, "queue": of.queue, "stamp": of.stamp,
            "sent": of.sent, "received": of.received,
        }  # fmt: skip
        for key, column in numbers.items():
            if column is not None:
                columns[key] = [NONE if v == MISSING else str(v) for v in column.tolist()]
        marks = self._trace.texts.get(MATCHED_BY)
        if marks is not None:
            columns[MATCHED_BY] = [mark or NONE for mark in marks]
        names = {"sender": self.senders(), "targets": self.targets()}
        return columns | {key: texts for key, texts in names.items() if texts}

    def groups(self) -> dict[str, list[str]]:
        """Return the other texts that can be groups of a pattern, with neither tab nor line end.

        A text that a row does not have is empty.
        """
        return {
            key: [one_line(text or "").replace("\t", "\\t") for text in texts]
            for key, texts in self._trace.texts.items()
            if key not in ("event", MATCHED_BY) and can_be_group(key)
        }

    def senders(self) -> list[str]:
        """Return each event's sender, NONE where it has none; empty where the log has none."""
        column = self._trace.columns.sender
        if column is None:
            return []
        names = self._trace.names
        return [NONE if sender == NOBODY else names[sender] for sender in column.tolist()]

    def targets(self) -> list[str]:
        """Return each event's targets, separated by commas, NONE where it has none.

        All peers are `*`, if the log's reader will know of them all.
        """
        column, trace = self._trace.columns.target, self._trace
        if column is None:
            return []
        known = {
            SET_FIRST - number: self._list([trace.names[one] for one in members])
            for number, members in enumerate(trace.sets)
        }
        known |= {place: self._list([name]) for place, name in enumerate(trace.names)}
        known |= {NO_TARGET: NONE, EVERY_PEER: "*"}
        texts = [known[target] for target in column.tolist()]
        if trace.peers is not None or not (np.diff(trace.starts) > 0).all():
            for row in np.flatnonzero(column == EVERY_PEER).tolist():
                peers = trace.peers_of(trace.process_of(row))
                texts[row] = self._list([trace.names[peer] for peer in peers])
        return texts

    def _list(self, names: Sequence[str]) -> str:
        if not names:
            return NONE
        is_plain = not any(_UNFIT_IN_LIST.search(name) or name in EVERYBODY for name in names)
        if is_plain:
            return ",".join(names)
        return json.dumps(names, ensure_ascii=False, separators=(",", ":"))


def only_trace(executions: Sequence[Execution], format: str) -> Trace:
    """Return the trace of the one execution. Raises UnwritableError if there are several."""
    if len(executions) > 1:
        raise UnwritableError(f"{format}: holds one execution; choose one with --execution")
    return executions[0].trace


def can_be_group(name: str) -> bool:
    """Whether a column of text can be a group of a pattern, and is none of our fields there."""
    return _GROUP.fullmatch(name) is not None and field_of(name) is None


def one_line(text: str) -> str:
    """Return a text without line ends, each a backslash and an n, and without U+0000."""
    text = _LINE_END.sub(r"\\n", text) if "\n" in text or "\r" in text else text
    return escape_zeros(text)


def escape_delimiter(delimiter: str, text: str) -> str:
    """Return a text that a delimiter `=== … ===` does not match, with a dash before it if need be.

    `delimiter`: the pattern.
    """
    if "===" not in text:
        return text
    return f"- {text}" if re.search(delimiter.replace("(?<", "(?P<"), text) else text


def write_text(path: Path, lines: Iterable[str]) -> None:
    """Write lines, each with a line end after it, as UTF-8. Raises UnwritableError."""
    try:
        with open_whole(path, errors="backslashreplace") as file:
            file.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        raise UnwritableError(f"{path}: {error.strerror}") from error
