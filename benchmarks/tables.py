"""Results and tables: medians, percentiles, ratios of interleaved pairs, Markdown and JSON."""

import sys
from collections.abc import Sequence
from math import ceil
from statistics import median
from typing import NamedTuple

NONE = "-"

Cell = str | int | float


class Table(NamedTuple):
    """One table: what was measured, how (in a few sentences), and rows under heads."""

    title: str
    how: str
    heads: tuple[str, ...]
    rows: list[tuple[Cell, ...]]

    def to_markdown(self) -> str:
        """Return the table as Markdown, text columns aligned left, numbers right."""
        rules = ["---:" if self._is_number(column) else "---" for column in range(len(self.heads))]
        lines = [_line(self.heads), _line(rules)]
        lines += [_line([_text(cell) for cell in row]) for row in self.rows]
        return f"### {self.title}\n\n{self.how}\n\n" + "\n".join(lines) + "\n"

    def _is_number(self, column: int) -> bool:
        return any(not isinstance(row[column], str) for row in self.rows)

    def to_json(self) -> dict[str, object]:
        """Return the table as plain values, one object per row, numbers to six digits."""
        rows = [dict(zip(self.heads, map(_trimmed, row), strict=True)) for row in self.rows]
        return {"title": self.title, "how": self.how, "rows": rows}


class Comparison(NamedTuple):
    """Interleaved repetitions of ours and of a baseline: medians, and their ratio.

    low, high: the smallest and the largest ratio of one pair.
    """

    ours: float
    bare: float
    ratio: float
    low: float
    high: float

    @property
    def spread(self) -> str:
        """The smallest and the largest ratio of one pair, as text."""
        return f"{_text(self.low)} to {_text(self.high)}"


def compare(ours: Sequence[float], bare: Sequence[float]) -> Comparison:
    """Compare interleaved repetitions of ours with those of a baseline, pair by pair."""
    ratios = [mine / other for mine, other in zip(ours, bare, strict=True)]
    middle_ours, middle_bare = median(ours), median(bare)
    return Comparison(middle_ours, middle_bare, middle_ours / middle_bare, min(ratios), max(ratios))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile."""
    return sorted(values)[ceil(share * len(values)) - 1]


def progress(text: str) -> None:
    """Print a line of progress to standard error."""
    print(text, file=sys.stderr, flush=True)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or abs(cell) >= 1000:
        return f"{round(cell):,}"
    return f"{cell:.3g}"


def _trimmed(cell: Cell) -> Cell:
    return float(f"{cell:.6g}") if isinstance(cell, float) else cell
