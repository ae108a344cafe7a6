"""The cells of a table of text: which lines are a row, and what each column has there.

A row is a line, or several where a quote opens at the beginning of a cell and
closes at the end of one. A quote that does neither is a slip of one line: that
line is told of, and the next is read on its own. So what a slip costs is its
own line, not all lines up to the next quote.
"""

import csv
import io
import re
from typing import Final, NamedTuple

from driftlab.trace.formats.rows import Stretch
from driftlab.trace.formats.text import LINE_CHARS_MAX

COLUMNS_TOO_MANY_MAX: Final = 100  # that a row of several lines is followed through

_QUOTED: Final = re.compile(r'"(?:[^"]++|"")*+"')


class Cells(NamedTuple):
    """heads: names of the columns. rows and their lines, from 1. unread: what is no row."""

    heads: list[str]
    rows: list[list[str]]
    lines: list[int]
    unread: list[Stretch]

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
                self.unread.append(Stretch(0, lines.line, f"is no row: {error}", lines.last))
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
            self.unread.append(Stretch(0, line, reason, " ".join(row)))
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
