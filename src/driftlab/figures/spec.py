"""Parts of Vega-Lite specifications, the plain form of Altair's charts.

Figures are built in this form because Altair's objects take as long to make as the
drawing takes; `Figure.chart` gives them as Altair's own.
"""

from typing import Any, Final

Spec = dict[str, Any]

SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"


def quantity(field: str, title: str | None = None, **options: Any) -> Spec:
    """Return how a field of numbers is encoded; title: of its axis."""
    return {"field": field, "type": "quantitative", "title": title, **options}


def category(field: str, **options: Any) -> Spec:
    """Return how a field of names is encoded, without a title."""
    return {"field": field, "type": "nominal", "title": None, **options}


def colours(labels: list[str], values: list[str], legend: Spec | None) -> Spec:
    """Return the scale of colours of labels, with a legend above or none."""
    shown = None if legend is None else {"title": None, "orient": "top", **legend}
    return {"scale": {"domain": labels, "range": values}, "legend": shown}


def hint(*fields: str, **formats: str) -> list[Spec]:
    """Return what is shown where somebody points: names, then numbers with their formats."""
    names: list[Spec] = [{"field": field, "type": "nominal"} for field in fields]
    return names + [
        {"field": field, "type": "quantitative", "format": form} for field, form in formats.items()
    ]


def rows_of_machines(chart: Spec, labels: list[str], height: int, *, same_scale: bool) -> Spec:
    """Return a chart with a row for each machine, all above one time axis.

    height: of all rows together, in pixels. same_scale: whether all rows have the same
    vertical axis.
    """
    inner = {**chart, "height": max(70, height // len(labels))}
    spec: Spec = {
        "facet": {
            "row": category(
                "machine",
                sort=labels,
                header={
                    "title": None,
                    "labelOrient": "top",
                    "labelAnchor": "start",
                    "labelPadding": 2,
                },
            ),
        },
        "spacing": 10,
        "spec": inner,
    }
    return spec if same_scale else {**spec, "resolve": {"scale": {"y": "independent"}}}


def zoomable(spec: Spec) -> Spec:
    """Return a chart whose views of two numeric axes zoom and move with the mouse.

    Marks are cut off at the frame there, and nowhere else: a picture shows all that it has,
    and cutting takes a third of the time of drawing a PNG.
    """
    return _zoomable(spec, [0])


def _zoomable(spec: Spec, count: list[int]) -> Spec:
    for key in ("layer", "concat", "hconcat", "vconcat"):
        if key in spec:
            parts = spec[key]
            if key == "layer":  # one of its charts has the gesture for all
                last = _zoomable(parts[-1], count)
                rest = [_clipped(part) for part in parts[:-1]] if "params" in last else parts[:-1]
                return {**spec, key: [*rest, last]}
            return {**spec, key: [_zoomable(part, count) for part in parts]}
    if "spec" in spec:
        return {**spec, "spec": _zoomable(spec["spec"], count)}
    encoding = spec.get("encoding", {})
    if any(encoding.get(axis, {}).get("type") != "quantitative" for axis in ("x", "y")):
        return spec
    count[0] += 1
    gesture = {"name": f"zoom{count[0]}", "select": "interval", "bind": "scales"}
    return {**_clipped(spec), "params": [*spec.get("params", []), gesture]}


def _clipped(spec: Spec) -> Spec:
    """Return a chart whose marks end at its frame."""
    mark = spec["mark"]
    return {**spec, "mark": {**({"type": mark} if isinstance(mark, str) else mark), "clip": True}}
