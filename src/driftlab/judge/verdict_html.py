"""A verdict as HTML for notebooks: a table of the rules, each with a bar of what it found."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

BAR_WIDTH: Final = 160  # pixels
BAR_MIN: Final = 4
HOLDS_COLOUR: Final = "#0072B2"  # of Okabe and Ito
VIOLATED_COLOUR: Final = "#D55E00"
WITNESSES_MAX: Final = 3
_STYLE: Final = "text-align: right; padding: 2px 10px"


def verdict_html(
    caption: str,
    judged: Mapping[str, int],
    counts: Mapping[str, int],
    violations: Sequence[str],
) -> str:
    """Return HTML of a verdict.

    judged: how many questions each rule decided. counts: how many of them are violated.
    violations: the first of them, in words.
    """
    heads = ("rule", "judged", "violated", "")
    head = "".join(f'<th style="{_STYLE}">{each}</th>' for each in heads)
    most = max(judged.values(), default=0)
    rows = "".join(
        f"<tr>{_cell(rule)}{_cell(judged.get(rule, 0))}{_cell(count)}"
        f"<td>{_bar(count, judged.get(rule, 0), most)}</td></tr>"
        for rule, count in counts.items()
    )
    words = "".join(f"<li>{escape(each)}</li>" for each in violations[:WITNESSES_MAX])
    return (
        f"<div><p>{escape(caption)}</p><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>{f'<ul>{words}</ul>' if words else ''}</div>"
    )


def _cell(value: object) -> str:
    return f'<td style="{_STYLE}">{escape(str(value))}</td>'


def _bar(violated: int, judged: int, most: int) -> str:
    """Return a bar as long as what was judged, its right part what is violated.

    most: that any rule judged, the whole width. One violation is seen.
    """
    if not judged:
        return ""
    width = max(BAR_MIN, round(BAR_WIDTH * judged / most))
    bad = 0 if not violated else max(2, round(width * min(1.0, violated / judged)))
    return (
        f'<svg width="{BAR_WIDTH}" height="12" role="img" '
        f'aria-label="{violated} of {judged} violated">'
        f'<rect width="{width - bad}" height="12" fill="{HOLDS_COLOUR}"/>'
        f'<rect x="{width - bad}" width="{bad}" height="12" fill="{VIOLATED_COLOUR}"/></svg>'
    )
