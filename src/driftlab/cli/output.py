"""The output of the command line: tables as text, and the streams that it is written to."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, TextIO

from driftlab.cli.terminal import unescaped
from driftlab.plain_text import plain

if TYPE_CHECKING:
    from rich.console import Console

COMMAND_VARIABLE = "DRIFTLAB_COMMAND"  # how the user calls driftlab, where not by that name
MACHINES_LISTED_MAX = 50  # of each run


def wrapped(line: str) -> str:
    """Return a line broken between words if a terminal is too narrow for it."""
    width = terminal_width()
    if len(line) <= width:
        return line
    from textwrap import fill  # few lines need it

    return fill(line, int(width), subsequent_indent="  ", break_on_hyphens=False,
                break_long_words=False)  # fmt: skip


def four_digits(value: float) -> str:
    """Return a number with four digits, and all of those before the decimal point."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def milliseconds(microseconds: float) -> str:
    """Return milliseconds with three digits, or more in front of the point, as text."""
    late = microseconds / 1e3
    digits = 2 if abs(late) < 9.995 else 1 if abs(late) < 99.95 else 0
    return f"{late:.{digits}f}"


def make_console(stream: TextIO) -> "Console":
    """Return a rich console that writes to `stream`.

    Rich decides from the environment whether a stream is a terminal, and ends the
    process when the reader has left. Here the stream itself is asked, and a reader
    that has left raises BrokenPipeError, which `main` turns into an exit status.
    Rich styles texts itself, so whoever prints a text of a file escapes it by `plain`;
    no text is markup.
    """
    from rich.console import Console

    class OurConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return OurConsole(
        file=unescaped(stream), highlight=False, soft_wrap=True, markup=False, emoji=False,
        force_terminal=stream.isatty(),
    )  # fmt: skip


def print_assumed(lines: Sequence[str]) -> None:
    """Print what was assumed to read a log, a line each, below a blank one; or nothing."""
    if lines:
        print("", *(f"assumed: {plain(line)}" for line in lines), sep="\n")


COLUMN_GAP = 2  # blanks between columns, 1 where a terminal is too narrow
PAGE_WIDTH = 100  # characters, where nothing says how wide the page is
WRAPPED_MIN = 20  # characters: a narrower column is not wrapped
FIRST_MIN = 8  # characters: the first column is not made narrower


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: int = 1,
    *,
    width: float | None = None,
) -> str:
    """Return a table as text.

    heads: the head of each column, of one line or several, aligned at the bottom.
    rows: their cells, as many as heads, whatever is in them; an empty row is a blank line.
    left: how many of the first columns are aligned to the left.

    width: that the table may have, None: that of the terminal, if standard output is one.
    Where it is too narrow, columns move closer together, and the last one is wrapped if it
    is aligned to the left; else a long first cell stands in a line of its own, and the
    columns that are left over follow in further tables that begin with the same ones.
    """
    rows = [[plain(cell) for cell in row] for row in rows]
    lines = [head.split("\n") for head in heads]
    height = max(map(len, lines))
    padded = [[""] * (height - len(head)) + head for head in lines]
    head_rows = [[head[level] for head in padded] for level in range(height)]
    every = [*head_rows, *filter(None, rows)]
    widths = [max(len(row[column]) for row in every) for column in range(len(heads))]
    terminal, gap = terminal_width() if width is None else width, COLUMN_GAP
    if _total(widths, gap) <= terminal:
        return _table(head_rows, rows, widths, left, gap)
    gap = 1
    before_last = _total([*widths[:-1], 0], gap)
    if left == len(heads) and WRAPPED_MIN <= terminal - before_last < widths[-1]:
        widths[-1] = int(terminal) - before_last
        rows = [line for row in rows for line in _wrapped_row(row, widths[-1])]
    if left == len(heads) or _total(widths, gap) <= terminal:
        return _table(head_rows, rows, widths, left, gap)
    remaining = int(terminal) - _total([0, *widths[1:]], gap)
    narrowest = max(FIRST_MIN, *(len(row[0]) for row in head_rows))
    widths[0] = min(widths[0], max(remaining, narrowest))
    parts = []
    for columns in _columns_that_fit(widths, left, terminal, gap):
        some_heads, some_rows = (
            [[row[column] for column in columns] if row else [] for row in part]
            for part in (head_rows, rows)
        )
        some_widths = [widths[column] for column in columns]
        parts.append(_table(some_heads, some_rows, some_widths, left, gap))
    return "\n\n".join(parts)


def _columns_that_fit(
    widths: Sequence[int], left: int, terminal: float, gap: int
) -> list[list[int]]:
    """Return the columns of each of the tables that a table is divided into.

    All begin with the first `left` columns, and have at least one more.
    """
    parts: list[list[int]] = []
    for column in range(left, len(widths)):
        longer = [*(parts[-1] if parts else range(left)), column]
        if parts and _total([widths[each] for each in longer], gap) > terminal:
            longer = [*range(left), column]
            parts.append(longer)
        else:
            parts[-1:] = [longer]
    return parts


def _total(widths: Sequence[int], gap: int) -> int:
    return sum(widths) + gap * (len(widths) - 1)


def _table(
    head_rows: Sequence[Sequence[str]],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
    left: int,
    gap: int,
) -> str:
    lines = [_line(row, widths, left, gap) for row in head_rows]
    lines.append("─" * _total(widths, gap))
    for row in rows:
        if row and len(row[0]) > widths[0]:
            lines += [row[0], _line(["", *row[1:]], widths, left, gap)]
        else:
            lines.append(_line(row, widths, left, gap) if row else "")
    return "\n".join(lines)


def _wrapped_row(row: Sequence[str], width: int) -> list[list[str]]:
    """Return a row as rows of which the last cell has at most `width` characters."""
    from textwrap import wrap  # few tables need it

    if not row:
        return [[]]
    first, *more = wrap(row[-1], width) or [""]
    return [[*row[:-1], first], *([*[""] * (len(row) - 1), line] for line in more)]


def _line(row: Sequence[str], widths: Sequence[int], left: int, gap: int) -> str:
    cells = [
        cell.ljust(width) if column < left else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return (" " * gap).join(cells).rstrip()


def page_width(default: int = PAGE_WIDTH) -> int:
    """Return how wide a text may be: as the terminal, as COLUMNS says, or `default`."""
    width = terminal_width()
    if width < inf:
        return int(width)
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and 0 < len(columns) < 5 else default


def terminal_width() -> float:
    """Return the width of the terminal that standard output is, infinity if it is none.

    Where output goes to a file or another program, tables are as wide as they need, and a
    remark is one line, so that `grep` finds it whole. COLUMNS is not asked: many programs
    set it for those that they start, without saying so.
    """
    with suppress(OSError, ValueError):
        if sys.stdout.isatty():
            return os.get_terminal_size(sys.stdout.fileno()).columns or inf
    return inf
