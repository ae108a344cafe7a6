"""Tables as text, which adapt to a narrow terminal."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from math import inf

COLUMN_GAP = 2  # blanks between columns, 1 where a terminal is too narrow
WRAPPED_MIN = 20  # characters: a narrower column is not wrapped


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a table as text.

    heads: the head of each column, of one line or several, aligned at the bottom.
    rows: their cells, as many as heads; an empty row is a blank line.
    left: how many of the first columns are aligned to the left.

    If standard output is a terminal that is too narrow, columns move closer together,
    and the last one is wrapped if it is aligned to the left.
    """
    lines = [head.split("\n") for head in heads]
    height = max(map(len, lines))
    padded = [[""] * (height - len(head)) + head for head in lines]
    head_rows = [[head[level] for head in padded] for level in range(height)]
    every = [*head_rows, *filter(None, rows)]
    widths = [max(len(row[column]) for row in every) for column in range(len(heads))]
    terminal, gap = terminal_width(), COLUMN_GAP
    if sum(widths) + gap * (len(widths) - 1) > terminal:
        gap = 1
        before_last = sum(widths[:-1]) + gap * (len(widths) - 1)
        if left == len(heads) and WRAPPED_MIN <= terminal - before_last < widths[-1]:
            widths[-1] = int(terminal) - before_last
            rows = [line for row in rows for line in _wrapped(row, widths[-1])]
    rule = "─" * (sum(widths) + gap * (len(widths) - 1))
    return "\n".join(
        [
            *(_line(row, widths, left, gap) for row in head_rows),
            rule,
            *(_line(row, widths, left, gap) if row else "" for row in rows),
        ]
    )


def _wrapped(row: Sequence[str], width: int) -> list[list[str]]:
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


def terminal_width() -> float:
    """Return the width of the terminal that standard output is, infinity if it is none."""
    with suppress(OSError, ValueError):
        if sys.stdout.isatty():
            return os.get_terminal_size(sys.stdout.fileno()).columns or inf
    return inf
