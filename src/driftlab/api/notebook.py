"""How runs and histories show themselves in a notebook: a small table, and a figure below it.

The figure is a picture within the text (SVG in a `data:` address), so it needs neither the
network nor scripts, and two figures of one page do not disturb one another.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from driftlab.errors import DriftlabError

if TYPE_CHECKING:
    from driftlab.figures.figure import Figure

ROWS_SHOWN_MAX: Final = 20
PICTURE_MAX: Final = 140_000  # bytes of SVG; a larger one is left out
_STYLE: Final = "text-align: right; padding: 2px 10px"


def shown(
    caption: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    figures: Iterable[Callable[[], "Figure"]] = (),
    *,
    diagram: str = "",
) -> str:
    """Return HTML: a table with a caption, and the first figure that can be drawn.

    heads: of the columns. rows: their cells; of more than ROWS_SHOWN_MAX the first. figures:
    each makes one, or raises DriftlabError if there is nothing to draw. diagram: SVG of a
    space-time diagram that stands above the figure, empty if there is none.
    """
    kept = [list(row) for row in rows]
    more = len(kept) - ROWS_SHOWN_MAX
    head = "".join(f'<th style="{_STYLE}">{escape(each)}</th>' for each in heads)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_STYLE}">{_cell(each)}</td>' for each in row) + "</tr>"
        for row in kept[:ROWS_SHOWN_MAX]
    )
    rest = f"<p>… and {more} more</p>" if more > 0 else ""
    return (
        f"<div><p>{escape(caption)}</p><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>{rest}{_image(diagram, 'space-time diagram')}"
        f"{_picture(figures)}</div>"
    )


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return escape(f"{value:.4g}" if isinstance(value, float) else str(value))


def _picture(figures: Iterable[Callable[[], "Figure"]]) -> str:
    """Return the first figure that can be drawn as an image, empty if there is none."""
    for make in figures:
        try:
            figure = make()
        except DriftlabError:
            continue
        from driftlab.figures.output import svg

        image = _image(svg(figure), figure.title)
        if image:
            return image
    return ""


def _image(svg: str, title: str) -> str:
    """Return SVG as an image; empty if it is empty or too large."""
    text = svg.encode()
    if not text or len(text) > PICTURE_MAX:
        return ""
    address = f"data:image/svg+xml;base64,{b64encode(text).decode()}"
    return f'<img alt="{escape(title)}" style="max-width: 100%" src="{address}">'
