"""Any log as a table: CSV (also with semicolons or tabs) or Parquet, a row an event.

Columns are known by the same names as the groups of a pattern; all others are
kept as text. Our own frames (`history.events.write_csv`, `write_parquet`) read
back: their column `timestamp` is the further clock's, as that clock writes it.
We write the columns of such a frame, vector clocks as JSON objects in `vector`
and names of messages in `sent` and `received`.

The cells of a table of text: which lines are a row, and what each column has there.

A row is a line, or several where a quote opens at the beginning of a cell and
closes at the end of one. A quote that does neither is a slip of one line: that
line is told of, and the next is read on its own. So what a slip costs is its
own line, not all lines up to the next quote.
"""

import csv
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.foreign.clock_values import clock_of
from driftlab.foreign.fields import HOSTS, KNOWN, normalized_name
from driftlab.foreign.log_file import LINE_CHARS_MAX, ZERO, process_of, read_text
from driftlab.foreign.options import Execution, ReadOptions, UnwritableError
from driftlab.foreign.records import Records, UnmatchedText
from driftlab.foreign.text_columns import TextColumns
from driftlab.foreign.text_log import executions_of
from driftlab.history.frame import frame_of
from driftlab.history.trace import Trace
from driftlab.journal.files import UnreadableError
from driftlab.model.columns import MISSING

SEPARATORS: Final = ",;\t|"
_HOSTS: Final = frozenset(map(normalized_name, HOSTS))
_KNOWN: Final = frozenset(map(normalized_name, KNOWN))
_OURS: Final = ["process", "index", "kind"]


def separator_of(head: str) -> str | None:
    """Return what parts the columns of a table, None if the first line is no table's."""
    first = head.lstrip().partition("\n")[0]
    best = max(SEPARATORS, key=first.count)
    names = {normalized_name(name) for name in first.split(best)}
    known = names & _KNOWN
    is_table = known & _HOSTS or 2 * len(known) >= len(names)  # a file may be of one process
    return best if is_table and len(known) > 1 else None


def read_csv(paths: Sequence[Path], asked: ReadOptions) -> list[Execution]:
    """Read tables of text, one a file; the process may be the file's name. Raises DriftlabError."""
    return executions_of([[("", _rows_of_csv(path, asked, len(paths) > 1))] for path in paths],
                         asked)  # fmt: skip


def _rows_of_csv(path: Path, asked: ReadOptions, is_one_of_many: bool) -> Records:
    text = read_text(path, asked.encoding)
    first = text.text.lstrip().partition("\n")[0]
    if not first:
        raise UnreadableError(f"{text.name}: empty")
    separator = separator_of(text.text) or max(SEPARATORS, key=first.count)
    cells = Cells([], [], [], [UnmatchedText(0, one.line, one.reason, "") for one in text.unread])
    cells.read(text.text, separator)
    if not cells.heads:
        reason = cells.unread[-1].reason if cells.unread else "is empty"
        raise UnreadableError(f"{text.name}: the line that names the columns {reason}")
    columns = list(zip(*cells.rows, strict=True)) if cells.rows else [()] * len(cells.heads)
    fields: dict[str, list[Any]] = {
        name: [cell or None for cell in column]
        for name, column in zip(cells.heads, columns, strict=True)
    }
    cells.unread.sort(key=lambda each: each.line)
    lines = np.array(cells.lines, np.int64)
    return _table(fields, lines, path, cells.unread, "csv", is_one_of_many=is_one_of_many)


def read_parquet(paths: Sequence[Path], asked: ReadOptions) -> list[Execution]:
    """Read tables of Parquet; the line of an event is its row, from 1. Raises DriftlabError."""
    import polars as pl

    files = []
    for path in paths:
        try:
            frame = pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            reason = str(error).partition("\n")[0]
            raise UnreadableError(f"{path}: cannot be read as Parquet: {reason}") from None
        fields = {name: _values(frame[name]) for name in frame.columns}
        lines = np.arange(1, frame.height + 1)
        rows = _table(fields, lines, path, [], "parquet", is_one_of_many=len(paths) > 1)
        files.append([("", rows)])
    return executions_of(files, asked)


def _values(column: Any) -> list[Any]:
    """Return a column's values; of a struct only the fields that a row has."""
    import polars as pl

    values: list[Any] = column.to_list()
    if not isinstance(column.dtype, pl.Struct):
        return values
    held = ({k: v for k, v in (value or {}).items() if v is not None} for value in values)
    return [value or None for value in held]


def _table(
    fields: dict[str, list[Any]], lines: Any, path: Path, unread: list[UnmatchedText], format: str,
    *, is_one_of_many: bool,
) -> Records:  # fmt: skip
    heads = list(fields)
    is_ours = heads[:3] == _OURS
    if is_ours:
        fields.pop("line", None)
    if not _HOSTS & set(map(normalized_name, heads)):
        if not is_one_of_many:
            raise UnreadableError(
                f"{path}: no column named host or process (it has {', '.join(heads) or 'none'}); "
                "if the file is of one process, put the file of each, named as it, into a folder "
                f"and read that with --format {format}"
            )
        fields["host"] = [process_of(path)] * len(lines)
    if is_ours and "timestamp" in fields:
        texts = fields.pop("timestamp")
        fields[clock_of(texts, len(set(fields["process"])))] = texts
    return Records(fields, lines, np.zeros(len(lines), np.int32), [str(path)], unread)


def write_csv(executions: Sequence[Execution], path: Path) -> None:
    """Write one execution as CSV. Raises UnwritableError."""
    import polars as pl

    trace = _only(executions, "csv")
    frame = _frame(trace, "csv")
    if "targets" in frame.columns:
        targets = TextColumns(trace, "csv", is_strict=False).targets()
        listed = pl.Series([None if text == "-" else text for text in targets], dtype=pl.String)
        frame = frame.with_columns(targets=listed)
    frame = frame.with_columns(pl.col(pl.String).str.replace_all("\0", ZERO, literal=True))
    _write(path, lambda: frame.write_csv(path))


def write_parquet(executions: Sequence[Execution], path: Path) -> None:
    """Write one execution as Parquet. Raises UnwritableError."""
    frame = _frame(_only(executions, "parquet"), "parquet")
    _write(path, lambda: frame.write_parquet(path))


def _write(path: Path, write: Callable[[], None]) -> None:
    """Have a frame written. Raises UnwritableError, with what Polars or the system says."""
    import polars as pl

    if not path.parent.is_dir():
        raise UnwritableError(f"{path}: there is no folder {path.parent}")
    try:
        write()
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise UnwritableError(f"{path}: cannot be written: {reason}") from error


def _only(executions: Sequence[Execution], name: str) -> Trace:
    if len(executions) > 1:
        raise UnwritableError(f"{name}: holds one execution; choose one with --execution")
    return executions[0].trace


def _frame(trace: Trace, name: str) -> Any:
    import polars as pl

    written = TextColumns(trace, name, is_strict=False)
    frame = frame_of(trace).drop("line", strict=False)
    if not written.has_times():
        frame = frame.drop("time_ns", strict=False)
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


COLUMNS_TOO_MANY_MAX: Final = 100  # that a row of several lines is followed through

_QUOTED: Final = re.compile(r'"(?:[^"]++|"")*+"')


class Cells(NamedTuple):
    """heads: names of the columns. rows and their lines, from 1. unread: what is no row."""

    heads: list[str]
    rows: list[list[str]]
    lines: list[int]
    unread: list[UnmatchedText]

    def read(self, text: str, separator: str) -> None:
        """Take in the rows of a text; there are no heads if their own row cannot be read."""
        csv.field_size_limit(LINE_CHARS_MAX)
        lines = _Lines(text, separator)
        reader = csv.reader(lines, delimiter=separator)
        while True:
            lines.begin(len(self.heads))
            try:
                row = next(reader)
            except StopIteration:
                return
            except (csv.Error, _UnclosedError) as error:
                self.unread.append(UnmatchedText(0, lines.line, f"is no row: {error}", lines.last))
                if not self.heads:
                    return
            else:
                if any(row):
                    self._add(lines.line, row)

    def _add(self, line: int, row: list[str]) -> None:
        if not self.heads:
            for name in row:  # one that stands twice gets a number
                again = f"{name.strip()}_{len(self.heads) + 1}"
                self.heads.append(again if name.strip() in self.heads else name.strip())
        elif len(row) != len(self.heads):
            reason = f"has {len(row)} columns, not {len(self.heads)}"
            self.unread.append(UnmatchedText(0, line, reason, " ".join(row)))
        else:
            self.rows.append(row)
            self.lines.append(line)


class _UnclosedError(Exception):
    """A quote opens in a line and does not close at the end of a cell."""


class _Lines:
    """The lines of a text as a reader of CSV asks for them, which it does within a row too.

    line: that the row begins at, from 1; last: the line given last.
    """

    def __init__(self, text: str, separator: str) -> None:
        self._text = text
        self._lines = io.StringIO(text, newline="")
        self._separator = separator
        self._plain = re.compile(f"[^{re.escape(separator)}\\n]*")
        self._place = 0  # in the text, of the row
        self._length = 0  # of what is given of the row, in characters
        self._given = 0  # lines of the row
        self._columns = 0
        self.line = 1
        self.last = ""

    def begin(self, columns: int) -> None:
        """Begin a row, with the next line."""
        self.line += self._given
        self._place += self._length
        self._given, self._length, self._columns = 0, 0, columns

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self._given == 1 and not self._closes():
            raise _UnclosedError("a quote opens and does not close")
        self.last = next(self._lines)
        self._given += 1
        self._length += len(self.last)
        return self.last

    def _closes(self) -> bool:
        """Whether every quote of the row closes, and at the end of a cell."""
        text, place = self._text, self._place
        for _ in range(self._columns + COLUMNS_TOO_MANY_MAX):
            if text.startswith('"', place):
                quoted = _QUOTED.match(text, place)
                if quoted is None:
                    return False
                place = quoted.end()
            else:
                plain = self._plain.match(text, place)
                place = plain.end() if plain else place
            if place >= len(text) or text[place] == "\n":
                return True
            if text[place] != self._separator:
                return False
            place += 1
        return False
