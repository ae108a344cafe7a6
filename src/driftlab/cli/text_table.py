"""Tables of text: heads of one line or two, a rule, rows; the first columns to the left."""

from collections.abc import Sequence

GAP = "  "


def counted(many: int, one: str) -> str:
    """Return a number with the noun that it counts: 1 event, 2 events."""
    several = one + ("es" if one.endswith("s") else "s")
    return f"{many} {one if many == 1 else several}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a table; the first `left` columns stand to the left, the others to the right.

    A head may have several lines. Rows are as long as the heads; an empty one is a blank line.
    """
    lines = [head.split("\n") for head in heads]
    depth = max(map(len, lines))
    tops = [[""] * (depth - len(head)) + head for head in lines]
    above = [[top[level] for top in tops] for level in range(depth)]
    widths = [
        max(len(row[column]) for row in [*above, *filter(None, rows)])
        for column in range(len(heads))
    ]
    rule = "─" * (sum(widths) + len(GAP) * (len(widths) - 1))
    return "\n".join(
        [
            *(_line(row, widths, left) for row in above),
            rule,
            *(_line(row, widths, left) if row else "" for row in rows),
        ]
    )


def _line(row: Sequence[str], widths: Sequence[int], left: int) -> str:
    cells = [
        cell.ljust(width) if column < left else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return GAP.join(cells).rstrip()
