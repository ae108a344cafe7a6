"""A figure: what is drawn, as data, the chart that draws it, and what it shows in words."""

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from driftlab.errors import DriftlabError

if TYPE_CHECKING:
    import altair as alt
    import polars as pl

    Chart = alt.TopLevelMixin

ROWS_MAX: Final = 5_000  # of the data of a chart: Altair refuses more
WIDTH: Final = 640  # pixels between the axes
HEIGHT: Final = 320
TITLE_WIDTH: Final = 84  # characters of a line of the title, which is in bold
CAPTION_WIDTH: Final = 112
MINUS: Final = "\N{MINUS SIGN}"
NOTHING: Final = 1e-9  # what is smaller comes of rounding


class NoDataError(DriftlabError):
    """A figure whose data are not there; the message names the figure and says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """One figure.

    name: the stem of a file name. title: states the finding. caption: what is shown, of
    how many runs, with which interval. chart: of Altair; it shows title and caption.
    data: what is drawn, at most ROWS_MAX rows.
    """

    name: str
    title: str
    caption: str
    chart: "Chart"
    data: "pl.DataFrame"


def titled(chart: Any, title: str, caption: str) -> Any:
    """Return a chart with its title and, below it in smaller letters, its caption."""
    import altair as alt

    return chart.properties(
        title=alt.TitleParams(wrap(title, TITLE_WIDTH), subtitle=wrap(caption, CAPTION_WIDTH))
    )


def number(value: float, digits: int = 3) -> str:
    """Return a number with some significant digits, without an exponent where that is short."""
    if abs(value) < NOTHING:
        return "0"
    text = f"{value:.{digits}g}"
    return f"{value:,.0f}" if "e" in text and 1 <= abs(value) < 1e15 else text


def rate_text(value: float) -> str:
    """Return a change per second, with two decimals or, where it is small, two digits."""
    if abs(value) < NOTHING:
        return "0"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def signed(value: float) -> str:
    """Return a change per second with its sign."""
    return f"{'+' if value >= NOTHING else ''}{rate_text(value)}".replace("-", MINUS)
