"""Logs with a record with keys in each line, whatever form a line has; see record_columns."""

from collections.abc import Callable
from typing import Any, TypeAlias

from driftlab.foreign.log_file import LogFile
from driftlab.foreign.packed import ROWS_AT_ONCE
from driftlab.foreign.record_columns import Reader, RecordColumns
from driftlab.foreign.records import UnmatchedText

ParseLine: TypeAlias = Callable[[str], dict[str, Any] | str]


def line_reader(parse: ParseLine) -> Reader:
    """Return a reader of files whose lines are records.

    `parse`: returns the record in a line, or why the line is none.
    """

    def read(log: LogFile, columns: RecordColumns) -> list[UnmatchedText]:
        unread: list[UnmatchedText] = []
        records: list[dict[str, Any]] = []
        lines: list[int] = []
        for piece in log.text_pieces():
            unread += [UnmatchedText(0, one.line, one.reason, "") for one in piece.unread]
            for number, line in piece.numbered_lines():
                record = parse(line)
                if isinstance(record, str):
                    unread.append(UnmatchedText(0, number, record, line))
                    continue
                records.append(record)
                lines.append(number)
                if len(records) == ROWS_AT_ONCE:
                    columns.add(records, lines)
                    records, lines = [], []
        columns.add(records, lines)
        return unread

    return read
