"""A figure: what is drawn, as data, the chart that draws it, and what it shows in words."""

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from driftlab.errors import DriftlabError
from driftlab.figures.palette import FAINT, GRID, INK
from driftlab.figures.spec import SCHEMA, Spec
from driftlab.lazy import pl
from driftlab.plain_text import plain, plain_values

if TYPE_CHECKING:
    import altair as alt

ROWS_MAX: Final = 5_000  # of the data of a chart: Altair refuses more
WIDTH: Final = 640  # pixels between the axes
HEIGHT: Final = 320
TITLE_WIDTH: Final = 84  # characters of a line of the title, which is in bold
CAPTION_WIDTH: Final = 112
FONT: Final = "Helvetica, Arial, sans-serif"
THEME: Final[dict[str, Any]] = {
    "background": "white",
    "font": FONT,
    "padding": 14,
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 13, "titleFontSize": 14, "titleFontWeight": "normal", "labelColor": INK,
        "titleColor": INK, "gridColor": GRID, "domainColor": FAINT, "tickColor": FAINT,
        "titlePadding": 8,
    },
    "legend": {
        "labelFontSize": 14, "titleFontSize": 14, "labelColor": INK, "offset": 6,
        "symbolOpacity": 1,
    },
    "header": {"labelFontSize": 14, "labelColor": INK},
    "title": {
        "anchor": "start", "frame": "bounds", "fontSize": 17, "fontWeight": "bold", "color": INK,
        "subtitleFontSize": 12.5, "subtitleColor": FAINT, "subtitlePadding": 5, "offset": 14,
        "lineHeight": 21, "subtitleLineHeight": 16,
    },
}  # fmt: skip
MINUS: Final = "\N{MINUS SIGN}"
NOTHING: Final = 1e-9  # what is smaller comes of rounding


class NoDataError(DriftlabError):
    """A figure whose data are not there; the message names the figure and says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """One figure.

    name: the stem of a file name. title: states the finding. caption: what is shown, of
    how many runs, with which interval. spec: how it is drawn, in Vega-Lite without title
    and data. data: what is drawn, at most ROWS_MAX rows.

    Every text of it is made plain once, here: names are those of anybody's log, and what
    draws SVG ends the process at a character that XML forbids.
    """

    name: str
    title: str
    caption: str
    spec: Spec
    data: "pl.DataFrame"

    def __post_init__(self) -> None:
        for field in ("name", "title", "caption", "spec"):
            object.__setattr__(self, field, plain_values(getattr(self, field)))
        object.__setattr__(self, "data", _plain_frame(self.data))

    @property
    def chart(self) -> "alt.TopLevelMixin":
        """The figure as a chart of Altair, with its title, its caption and its data."""
        import altair as alt

        spec = self.whole_spec()
        datasets = spec.pop("datasets")  # which would be searched for mistakes, row by row
        chart: Any = alt.Chart.from_dict(spec)
        chart.datasets = datasets
        whole: alt.TopLevelMixin = chart
        return whole

    def whole_spec(self, spec: Spec | None = None) -> Spec:
        """Return the specification with title, data and theme.

        spec: that is drawn instead of the figure's own.
        """
        return {
            "$schema": SCHEMA,
            "config": theme_of(self.spec),
            "datasets": {self.name: self.data.to_dicts()},
            **self.part(spec),
        }

    def part(self, spec: Spec | None = None) -> Spec:
        """Return the specification with its title, for a document that has data and theme."""
        return {
            "title": {
                "text": wrap(self.title, TITLE_WIDTH), "subtitle": wrap(self.caption, CAPTION_WIDTH)
            },
            "data": {"name": self.name},
            **(self.spec if spec is None else spec),
        }  # fmt: skip


def theme_of(*specs: Spec) -> Spec:
    """Return the theme of a document with some specifications.

    Vega-Lite puts the titles of axes into expressions that describe each mark to a screen
    reader, and reads a backslash there as the beginning of an escape: with it a name could
    bring back what was made plain, or end the expression. Such marks are not described.
    """
    return {**THEME, "aria": False} if any(map(_has_backslash, specs)) else THEME


def _has_backslash(part: Any) -> bool:
    if isinstance(part, dict):
        return any(map(_has_backslash, part.values()))
    if isinstance(part, list):
        return any(map(_has_backslash, part))
    return isinstance(part, str) and "\\" in part


def _plain_frame(frame: "pl.DataFrame") -> "pl.DataFrame":
    """Return data with the texts in them made plain: a figure has few different ones."""
    changed = []
    for name in (name for name, kind in frame.schema.items() if kind == pl.String):
        texts = {text: plain(text) for text in frame[name].unique().drop_nulls().to_list()}
        unsafe = {text: shown for text, shown in texts.items() if text != shown}
        if unsafe:
            changed.append(frame[name].replace(list(unsafe), list(unsafe.values())))
    return frame.with_columns(changed) if changed else frame


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
