"""The figures of a report: which there are, why some are absent, and how they stand in a page.

In the page a figure has its title and caption as text of the page, so the picture has
neither; and there is a narrow picture of it for phones, whose letters are as large.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from driftlab.report.sources import ReportedRuns
from driftlab.scenario.scenario import Scenario

if TYPE_CHECKING:
    import polars as pl

    from driftlab.figures.figure import Figure

NARROW: Final = 300  # pixels between the axes on a phone
NARROW_LABELS: Final = 180  # pixels of a line of a legend's or an axis's text there


@dataclass(frozen=True, slots=True)
class Pictures:
    """figures: by their names without prefix. absent: a line each on what could not be drawn."""

    figures: "dict[str, Figure]" = field(default_factory=dict)
    absent: Sequence[str] = ()

    def named(self, *names: str) -> "list[Figure]":
        """Return those of these names that there are."""
        return [self.figures[name] for name in names if name in self.figures]


def pictures_of_runs(group: ReportedRuns, prefix: str = "") -> Pictures:
    """Return the figures of the runs of one scenario; prefix: of their file names."""
    from driftlab.figures.figure import NoDataError
    from driftlab.figures.run_columns import RunColumns
    from driftlab.figures.run_figures import draw_runs
    from driftlab.figures.wording import pacing_remarks

    columns = [
        RunColumns(run.history.trace, run.scenario, number=number)
        for number, run in enumerate(group.averaged, 1)
    ]
    try:
        drawn = draw_runs(columns)
    except NoDataError as error:
        return Pictures(absent=[str(error)])
    said = pacing_remarks(columns)  # the report says this once, before everything else
    named = {
        figure.name: replace(
            figure, name=prefix + figure.name, caption=_without(figure.caption, said)
        )
        for figure in drawn.figures
    }
    return Pictures(named, drawn.left_out)


def _without(caption: str, remarks: Sequence[str]) -> str:
    """Return a caption without some of its sentences."""
    for remark in remarks:
        caption = caption.replace(f" {remark}.", "")
    return caption


def pictures_of_frame(
    frame: "pl.DataFrame",
    scenario: Scenario | None,
    names: Sequence[str],
    compare: Sequence[str] | None = None,
) -> Pictures:
    """Return the figures of the frame of a sweep or a study.

    scenario: what all cells or conditions have in common, None where that is not known.
    names: of the figures to draw where there are data. compare: the figures that a study
    compares.
    """
    from driftlab.figures.figure import NoDataError
    from driftlab.figures.frame_figures import draw_frame

    figures, absent = {}, []
    for name in names:
        try:
            figures[name] = draw_frame(frame, scenario, [name], compare).figures[0]
        except NoDataError as error:
            absent.append(str(error))
    return Pictures(figures, absent)


def figure_files(figure: "Figure") -> dict[str, bytes]:
    """Return the files of a figure by their suffixes: it is laid out once, for all of them."""
    import vl_convert

    from driftlab.figures.output import PNG_SCALE, svg

    text = svg(figure)
    return {
        ".svg": text.encode(),
        ".png": vl_convert.svg_to_png(text, scale=PNG_SCALE),
        ".pdf": vl_convert.svg_to_pdf(text),
    }


def page_svgs(figure: "Figure") -> tuple[str, str]:
    """Return a figure as it stands in a page: as SVG without its title, wide and for phones."""
    import vl_convert

    from driftlab.figures.output import spec_of

    spec = _untitled(spec_of([figure]))
    return vl_convert.vegalite_to_svg(spec), vl_convert.vegalite_to_svg(_narrowed(spec))


def _untitled(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a specification without title and background, which are the page's."""
    config = {**spec.get("config", {}), "background": "transparent", "padding": 4, "aria": False}
    return {**{key: value for key, value in spec.items() if key != "title"}, "config": config}


def _narrowed(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a specification whose views are no wider than a phone."""
    data = {"datasets": spec["datasets"]} if "datasets" in spec else {}
    narrow = {**_narrow("", {k: v for k, v in spec.items() if k != "datasets"}), **data}
    config = narrow["config"]
    axis = {**config.get("axis", {}), "labelLimit": NARROW_LABELS, "titleLimit": NARROW}
    return {**narrow, "config": {**config, "axis": axis}}


def _narrow(key: str, value: Any) -> Any:
    """Return a part of a specification made narrow: what stood beside one another goes below."""
    if key == "width" and isinstance(value, int | float) and value > NARROW:
        return NARROW
    if key == "columns" and isinstance(value, int):
        return 1
    if key == "values":  # the data
        return value
    if isinstance(value, dict):
        below = {"hconcat": "vconcat"}
        return {below.get(name, name): _narrow(name, inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_narrow(key, inner) for inner in value]
    return value


def all_page_svgs(figures: "Iterable[Figure]") -> tuple[dict[str, str], dict[str, str]]:
    """Return the wide and the narrow pictures of figures, by their names."""
    pairs = {figure.name: page_svgs(figure) for figure in figures}
    return {k: wide for k, (wide, _) in pairs.items()}, {k: n for k, (_, n) in pairs.items()}
