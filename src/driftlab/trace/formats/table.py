"""Any log as a table: CSV (also with semicolons or tabs) or Parquet, a row an event.

Columns are known by the same names as the groups of a pattern; all others are
kept as text. Our own frames (`history.events.write_csv`, `write_parquet`) read
back: their column `timestamp` is the further clock's, as that clock writes it.
We write the columns of such a frame, vector clocks as JSON objects in `vector`
and names of messages in `sent` and `received`.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.trace.files import UnreadableError
from driftlab.trace.formats.asked import Asked, Execution, UnwritableError
from driftlab.trace.formats.fields import ALIASES, KNOWN
from driftlab.trace.formats.further import clock_of
from driftlab.trace.formats.plain import executions_of
from driftlab.trace.formats.rows import Rows, Stretch
from driftlab.trace.formats.text import LINE_CHARS_MAX, read_text
from driftlab.trace.formats.writing import Written
from driftlab.trace.frame import frame_of
from driftlab.trace.trace import MISSING, Trace

SEPARATORS: Final = ",;\t|"
_OURS: Final = ["process", "index", "kind"]


def separator_of(head: str) -> str | None:
    """Return what parts the columns of a table, None if the first line is no table's."""
    first = head.lstrip().partition("\n")[0]
    best = max(SEPARATORS, key=first.count)
    names = {name.strip().strip('"').lower().replace(" ", "_") for name in first.split(best)}
    hosts = {"host", *ALIASES["host"]}
    return best if names & hosts and len(names & KNOWN) > 1 else None


def read_csv(paths: Sequence[Path], asked: Asked) -> list[Execution]:
    """Read tables of text, one a file; the process may be the file's name. Raises DriftlabError."""
    return executions_of([[("", _rows_of_csv(path, asked, len(paths) > 1))] for path in paths],
                         asked)  # fmt: skip


def _rows_of_csv(path: Path, asked: Asked, is_one_of_many: bool) -> Rows:
    text = read_text(path, asked.encoding)
    first = text.text.lstrip().partition("\n")[0]
    if not first:
        raise UnreadableError(f"{text.name}: empty")
    separator = separator_of(text.text) or max(SEPARATORS, key=first.count)
    cells = _Cells([], [], [], [Stretch(0, one.line, one.reason, "") for one in text.unread])
    cells.read(text.text, separator)
    columns = list(zip(*cells.rows, strict=True)) if cells.rows else [()] * len(cells.heads)
    fields: dict[str, list[Any]] = {
        name: [cell or None for cell in column]
        for name, column in zip(cells.heads, columns, strict=True)
    }
    cells.unread.sort(key=lambda each: each.line)
    lines = np.array(cells.lines, np.int64)
    return _table(fields, lines, path, cells.unread, is_one_of_many)


class _Cells(NamedTuple):
    """The cells of a table of text: its heads, its rows and their lines, and what is no row."""

    heads: list[str]
    rows: list[list[str]]
    lines: list[int]
    unread: list[Stretch]

    def read(self, text: str, separator: str) -> None:
        """Take in the rows of a text; a row may be of several lines."""
        csv.field_size_limit(LINE_CHARS_MAX)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        line = 1
        try:
            for row in reader:
                if any(row):
                    self._add(line, row)
                line = reader.line_num + 1
        except csv.Error as error:
            reason = f"is no CSV ({error}); nothing after it is read"
            self.unread.append(Stretch(0, line, reason, ""))

    def _add(self, line: int, row: list[str]) -> None:
        if not self.heads:
            for name in row:  # one that stands twice gets a number
                again = f"{name.strip()}_{len(self.heads) + 1}"
                self.heads.append(again if name.strip() in self.heads else name.strip())
        elif len(row) != len(self.heads):
            reason = f"has {len(row)} columns, not {len(self.heads)}"
            self.unread.append(Stretch(0, line, reason, " ".join(row)))
        else:
            self.rows.append(row)
            self.lines.append(line)


def read_parquet(paths: Sequence[Path], asked: Asked) -> list[Execution]:
    """Read tables of Parquet; the line of an event is its row, from 1. Raises DriftlabError."""
    import polars as pl

    files = []
    for path in paths:
        try:
            frame = pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            reason = str(error).partition("\n")[0]
            raise UnreadableError(f"{path}: cannot be read as Parquet: {reason}") from None
        fields = {name: frame[name].to_list() for name in frame.columns}
        lines = np.arange(1, frame.height + 1)
        files.append([("", _table(fields, lines, path, [], len(paths) > 1))])
    return executions_of(files, asked)


def _table(
    fields: dict[str, list[Any]], lines: Any, path: Path, unread: list[Stretch], has_host: bool
) -> Rows:
    heads = list(fields)
    is_ours = heads[:3] == _OURS
    if is_ours:
        fields.pop("line", None)
    if not {name.lower().replace(" ", "_") for name in heads} & {"host", *ALIASES["host"]}:
        if not has_host:
            raise UnreadableError(
                f"{path}: no column named host or process (it has {', '.join(heads) or 'none'})"
            )
        fields["host"] = [path.stem] * len(lines)
    if is_ours and "timestamp" in fields:
        texts = fields.pop("timestamp")
        fields[clock_of(texts, len(set(fields["process"])))] = texts
    return Rows(fields, lines, np.zeros(len(lines), np.int32), [str(path)], unread)


def write_csv(executions: Sequence[Execution], path: Path) -> None:
    """Write one execution as CSV. Raises UnwritableError."""
    import polars as pl

    trace = _only(executions, "csv")
    frame = _frame(trace)
    if "targets" in frame.columns:
        targets = Written(trace, "csv", is_strict=False).targets()
        listed = pl.Series([None if text == "-" else text for text in targets], dtype=pl.String)
        frame = frame.with_columns(targets=listed)
    try:
        frame.write_csv(path)
    except OSError as error:
        raise UnwritableError(f"{path}: {error.strerror}") from error


def write_parquet(executions: Sequence[Execution], path: Path) -> None:
    """Write one execution as Parquet. Raises UnwritableError."""
    try:
        _frame(_only(executions, "parquet")).write_parquet(path)
    except OSError as error:
        raise UnwritableError(f"{path}: {error.strerror}") from error


def _only(executions: Sequence[Execution], name: str) -> Trace:
    if len(executions) > 1:
        raise UnwritableError(f"{name}: holds one execution; choose one with --execution")
    return executions[0].trace


def _frame(trace: Trace) -> Any:
    import polars as pl

    written = Written(trace, "csv", is_strict=False)
    frame = frame_of(trace).drop("line", strict=False)
    if trace.timestamps is not None:
        clock = trace.timestamps.clock
        frame = frame.rename({"timestamp": clock})
        if clock == "vector":
            texts = [None if text == "{}" else text for text in written.clocks()]
            frame = frame.with_columns(vector=pl.Series(texts, dtype=pl.String))
    for name in ("sent", "received"):
        column = getattr(trace.columns, name)
        if column is not None:
            values = [None if number == MISSING else number for number in column.tolist()]
            frame = frame.with_columns(pl.Series(name, values, dtype=pl.Int64))
    return frame
