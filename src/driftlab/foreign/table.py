"""Any log as a table: CSV (also with semicolons, tabs or bars) or Parquet, a row per event.

Columns are known by the same names as the groups of a pattern; all others are
kept as text. Our own frames (`history.events.write_csv`, `write_parquet`) read
back: their column `timestamp` belongs to the additional clock. We write the columns
of such a frame, vector clocks as JSON objects in `vector` and names of messages
in `sent` and `received`.

In CSV a row is a line, or several where a quote opens at the beginning of a cell
and closes at the end of one. A quote that does neither is an error in one line:
that line is reported, and the next is read on its own, so it does not cost all
lines up to the next quote.
"""

import csv
import io
import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final

import numpy as np

from driftlab.arrays import IntArray
from driftlab.clocks.catalogue import CLOCKS
from driftlab.foreign.clock_values import clock_of
from driftlab.foreign.field_packer import FieldPacker
from driftlab.foreign.fields import ESCAPED_ZERO, field_of, normalized_name, own_names
from driftlab.foreign.log_file import LINE_CHARS_MAX, LogFile, ReadOptions
from driftlab.foreign.packed import ROWS_AT_ONCE
from driftlab.foreign.records import Records, UnmatchedText, Values, records_of_file
from driftlab.foreign.text_columns import NONE, TextColumns, UnwritableError, only_trace
from driftlab.foreign.trace_builder import Execution, build_execution
from driftlab.history.frame import frame_of
from driftlab.history.parquet_claims import ClaimError, require_plausible_size, source_of
from driftlab.history.trace import Trace
from driftlab.journal.files import UnreadableError
from driftlab.journal.whole_file import whole_file
from driftlab.lazy import lazy_pattern, pl
from driftlab.model.columns import MISSING

SEPARATORS: Final = ",;\t|"
LINES_COMPARED: Final = 5  # to see whether a text whose columns are not known is a table
COLUMNS_SHOWN_MAX: Final = 20
_CLOCKS: Final = frozenset({"clock", "lamport", *CLOCKS})
_QUOTE_AND_BLANKS: Final = '" \t\r'
_OUR_COLUMNS: Final = ["process", "index", "kind"]  # the first ones of our own frames


# Reading.


def separator_of(head: str, fields: Mapping[str, str] = MappingProxyType({})) -> str | None:
    """Return the separator of a table's columns, None if the first line names no columns.

    `fields`: columns that the user names, by the field that each is.
    """
    first = head.lstrip().partition("\n")[0]
    best = max(SEPARATORS, key=first.count)
    names = [name.strip(_QUOTE_AND_BLANKS) for name in first.split(best)]
    known = [meaning for name in names if (meaning := _meaning(name, fields)) is not None]
    has_clock_and_kind = not (_CLOCKS.isdisjoint(known) or {"kind", "event"}.isdisjoint(known))
    is_table = (  # a file may be of one process
        "host" in known or has_clock_and_kind or 2 * len(known) >= len(names)
    )
    return best if is_table and len(known) > 1 else None


def columns_of(head: str) -> list[str]:
    """Return the names of a table's columns if all of the first lines have equally many."""
    lines = head.strip().split("\n")[:LINES_COMPARED]
    best = max(SEPARATORS, key=lines[0].count)
    counts = {line.count(best) for line in lines}
    names = [name.strip(_QUOTE_AND_BLANKS) for name in lines[0].split(best)]
    is_table = len(lines) > 1 and len(counts) == 1 and counts != {0}
    return names if is_table and all(names) and len(names) <= COLUMNS_SHOWN_MAX else []


def _meaning(name: str, fields: Mapping[str, str]) -> str | None:
    """Return the field that a column is, as the user says it or by its name."""
    plain = normalized_name(name)
    said = next((field for field, own in fields.items() if normalized_name(own) == plain), None)
    return said or field_of(name)


def read_csv(logs: Sequence[LogFile], options: ReadOptions) -> list[Execution]:
    """Read tables of text; without a column for it the process is the file's name.

    Raises DriftlabError.
    """
    records = [_read_csv(log, options, is_one_of_several=len(logs) > 1) for log in logs]
    return build_execution(records, options)


def _read_csv(log: LogFile, options: ReadOptions, *, is_one_of_several: bool) -> Records:
    text = log.read_text()
    head = text.text.lstrip()[:LINE_CHARS_MAX]
    first = head.partition("\n")[0]
    if not first and is_one_of_several:
        return _without_events(log, records_of_file(log.name, {}, np.zeros(0, np.int64), []))
    if not first:
        raise UnreadableError(f"{text.name}: empty")
    separator = separator_of(head, options.fields) or max(SEPARATORS, key=first.count)
    cells = Cells([UnmatchedText(0, one.line, one.reason, "") for one in text.unread])
    cells.read(text.text, separator)
    if not cells.heads:
        reason = cells.unread[-1].reason if cells.unread else "is empty"
        raise UnreadableError(f"{text.name}: the line that names the columns {reason}")
    fields = cells.fields()
    is_named = is_one_of_several or options.process_from is not None
    fields = _with_process(fields, len(cells.lines), log, "csv", options, is_named=is_named)
    records = records_of_file(log.name, fields, np.array(cells.lines, np.int64), cells.unread)
    is_empty = is_one_of_several and not len(cells.lines) and not cells.unread
    return _without_events(log, records) if is_empty else records


def _without_events(log: LogFile, records: Records) -> Records:
    """Return the records of one of several files that has none, and says so."""
    return records._replace(assumed=[f"{log.path.name} holds no event"])


def read_parquet(logs: Sequence[LogFile], options: ReadOptions) -> list[Execution]:
    """Read tables of Parquet; the line of an event is its row, from 1. Raises DriftlabError.

    Polars opens the files itself.
    """
    is_named = len(logs) > 1 or options.process_from is not None
    records = [_read_parquet(log, options, is_named=is_named) for log in logs]
    return build_execution(records, options)


def _read_parquet(log: LogFile, options: ReadOptions, *, is_named: bool) -> Records:
    try:
        require_plausible_size(log.path)
        frame = pl.read_parquet(source_of(log.path), glob=False)
    except (ClaimError, OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise UnreadableError(f"{log.name}: cannot be read as Parquet: {reason}") from None
    fields = {name: _values(frame[name]) for name in frame.columns}
    lines: IntArray = np.arange(1, frame.height + 1)
    fields = _with_process(fields, frame.height, log, "parquet", options, is_named=is_named)
    return records_of_file(log.name, fields, lines, [])


def _values(column: "pl.Series") -> Values:
    """Return a column's values; of a struct only the fields that a row has."""
    values = column.to_list()
    if not isinstance(column.dtype, pl.Struct):
        return values
    held = ({k: v for k, v in (value or {}).items() if v is not None} for value in values)
    return [value or None for value in held]


def _with_process(
    fields: dict[str, Values],
    rows: int,
    log: LogFile,
    format: str,
    options: ReadOptions,
    *,
    is_named: bool,
) -> dict[str, Values]:
    """Return a table's columns with one for the process, and those of our own frames renamed.

    `rows`: how many there are. `is_named`: whether the file's name may say the process.
    Raises UnreadableError where nothing does.
    """
    fields = dict(fields)
    heads = list(fields)
    if "host" not in own_names(fields, options.fields, log.name):
        if not is_named:
            raise UnreadableError(
                f"{log.name}: no column named host or process (it has "
                f"{', '.join(heads) or 'none'}); if the file is of one process, put the file of "
                f"each, named after it, into a folder and read that with --format {format}; or "
                "say --process-from name, or --field host=COLUMN"
            )
        fields["host"] = [log.process] * rows
    if heads[:3] == _OUR_COLUMNS:
        fields.pop("line", None)
        if "timestamp" in fields:
            texts = fields.pop("timestamp")
            fields[clock_of(texts, len(set(fields["process"])))] = texts
    return fields


# Writing.


def write_csv(executions: Sequence[Execution], path: Path) -> None:
    """Write one execution as CSV. Raises UnwritableError."""
    trace = only_trace(executions, "csv")
    frame = _frame(trace, "csv")
    if "targets" in frame.columns:
        targets = TextColumns(trace, "csv", is_strict=False).targets()
        listed = pl.Series([None if text == NONE else text for text in targets], dtype=pl.String)
        frame = frame.with_columns(targets=listed)
    frame = frame.with_columns(pl.col(pl.String).str.replace_all("\0", ESCAPED_ZERO, literal=True))
    _write(path, frame.write_csv)


def write_parquet(executions: Sequence[Execution], path: Path) -> None:
    """Write one execution as Parquet. Raises UnwritableError."""
    frame = _frame(only_trace(executions, "parquet"), "parquet")
    _write(path, frame.write_parquet)


def _write(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Call `write` with a file. Raises UnwritableError, with what Polars or the system says."""
    if not path.parent.is_dir():
        raise UnwritableError(f"{path}: there is no folder {path.parent}")
    try:
        with whole_file(path) as unfinished, unfinished.open("wb") as file:
            write(file)  # Polars takes no path that is no text
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise UnwritableError(f"{path}: cannot be written: {reason}") from error


def _frame(trace: Trace, format: str) -> "pl.DataFrame":
    """Return the events as a frame that reads back; see the module."""
    texts = TextColumns(trace, format, is_strict=False)
    frame: pl.DataFrame = frame_of(trace).drop("line", strict=False)
    if not texts.has_times():
        frame = frame.drop("time_ns", strict=False)
    if trace.timestamps is not None:
        clock = trace.timestamps.clock
        frame = frame.rename({"timestamp": clock})
        if clock == "vector":
            vectors = [None if text == "{}" else text for text in texts.clocks()]
            frame = frame.with_columns(vector=pl.Series(vectors, dtype=pl.String))
    messages = {"sent": trace.columns.sent, "received": trace.columns.received}
    for name, column in messages.items():
        if column is not None:
            values = [None if number == MISSING else number for number in column.tolist()]
            frame = frame.with_columns(pl.Series(name, values, dtype=pl.Int64))
    return frame


# The cells of a table of text.

BLOCK_CHARS: Final = 1 << 18  # of lines that are cut apart together
EXTRA_COLUMNS_MAX: Final = 100  # that a row is followed through for the end of its quotes

_QUOTED: Final = lazy_pattern(r'"(?:[^"]++|"")*+"')


class Cells:
    """heads: names of the columns. lines: of the rows, from 1. unread: what is not a row."""

    def __init__(self, unread: list[UnmatchedText]) -> None:
        self.heads: list[str] = []
        self.lines = array("q")
        self.unread = unread
        self._packer = FieldPacker([])
        self._rows: list[list[str]] = []  # that are not packed yet

    def fields(self) -> dict[str, Values]:
        """Return the columns by name, None where a cell is empty."""
        self._pack()
        return self._packer.fields()

    def _pack(self) -> None:
        if self._rows:
            columns = zip(*self._rows, strict=True)
            self._packer.add_columns([cell or None for cell in column] for column in columns)
            self._rows.clear()

    def read(self, text: str, separator: str) -> None:
        """Take in the rows of a text; there are no heads if their own row cannot be read.

        `separator`: of columns, one character.
        """
        csv.field_size_limit(LINE_CHARS_MAX)
        lines = _RowLines(text, separator)
        reader = csv.reader(lines, delimiter=separator)
        rows, width = self._rows, 0
        while True:
            lines.begin_row(width)
            try:
                row = next(reader)
            except StopIteration:
                return
            except (csv.Error, _UnclosedError) as error:
                reason = f"is not a row: {error}"
                self.unread.append(UnmatchedText(0, lines.line, reason, lines.last))
                if not self.heads:
                    return
            else:
                if width and len(row) == width and any(row):
                    rows.append(row)
                    self.lines.append(lines.line)
                    if len(rows) == ROWS_AT_ONCE:
                        self._pack()
                elif any(row) and lines.last.strip():
                    self._add_other(lines.line, row)
                    width = len(self.heads)

    def _add_other(self, line: int, row: list[str]) -> None:
        """Take in the row of the heads, or one that has not as many cells."""
        if not self.heads:
            for name in row:  # one that stands twice gets a number
                again = f"{name.strip()}_{len(self.heads) + 1}"
                self.heads.append(again if name.strip() in self.heads else name.strip())
            self._packer = FieldPacker(self.heads)
        else:
            reason = f"has {len(row)} columns, not {len(self.heads)}"
            self.unread.append(UnmatchedText(0, line, reason, " ".join(row)))


class _UnclosedError(Exception):
    """A quote opens in a line and does not close at the end of a cell."""


class _RowLines:
    """The lines of a text as a CSV reader asks for them, which it does within a row too.

    line: of the row's beginning, from 1. last: the line that was given last.
    """

    def __init__(self, text: str, separator: str) -> None:
        self._text = text
        self._next = 0  # where the block of lines begins that is read next, in the text
        self._block: Iterator[str] = iter(())
        self._separator = separator
        self._plain = re.compile(f"[^{re.escape(separator)}\\n]*")
        self._place = 0  # of the row, in the text
        self._length = 0  # of the row's lines that were given, in characters
        self._given = 0  # lines of the row
        self._columns = 0
        self.line = 1
        self.last = ""

    def begin_row(self, columns: int) -> None:
        """Begin a row with the next line. `columns`: how many the table has."""
        self.line += self._given
        self._place += self._length
        self._given, self._length, self._columns = 0, 0, columns

    def __iter__(self) -> "_RowLines":
        return self

    def __next__(self) -> str:
        if self._given == 1 and not self._are_quotes_closed():
            raise _UnclosedError("a quote opens and does not close")
        self.last = next(self._block, "") or self._first_of_next_block()
        self._given += 1
        self._length += len(self.last)
        return self.last

    def _first_of_next_block(self) -> str:
        """Go on with the next lines, a block at a time: a copy of all would be as long again."""
        begin = self._next
        if begin >= len(self._text):
            raise StopIteration
        self._next = self._text.find("\n", begin + BLOCK_CHARS) + 1 or len(self._text)
        self._block = io.StringIO(self._text[begin : self._next], newline="")
        return next(self._block)

    def _are_quotes_closed(self) -> bool:
        """Whether every quote of the row closes, and at the end of a cell."""
        text, place = self._text, self._place
        for _ in range(self._columns + EXTRA_COLUMNS_MAX):
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
