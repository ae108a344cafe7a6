"""Files of figures: SVG, PNG, PDF, and HTML that works offline.

vl_convert draws without a browser. Several figures in one file stand below one another.
The JavaScript of an HTML file is bundled once and kept below the user's cache folder.
"""

import json
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from driftlab.errors import DriftlabError
from driftlab.figures.figure import Figure, theme_of
from driftlab.figures.spec import SCHEMA, Spec, zoomable
from driftlab.folders import cache_folder
from driftlab.journal.whole_file import whole_file

SUFFIXES: Final = (".svg", ".png", ".pdf", ".html")
PNG_SCALE: Final = 2


class UnknownSuffixError(DriftlabError):
    """A file name that does not say what is to be written."""


def save(figures: Sequence[Figure], path: str | Path) -> Path:
    """Write figures to one file, by its suffix: .svg, .png, .pdf or .html; return its path.

    Raise UnknownSuffixError if the suffix is another one.
    """
    place = Path(path)
    content = render(figures, suffix_of(place))
    with whole_file(place) as unfinished:
        unfinished.write_bytes(content)
    return place


def suffix_of(path: Path) -> str:
    """Return the suffix of a file in lower case. Raise UnknownSuffixError."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UnknownSuffixError(
            f"{path}: what is to be written? name a file that ends in {', '.join(SUFFIXES)}"
        )
    return suffix


def warm_up(suffix: str) -> None:
    """Start what draws files of a suffix, on another core while figures are still computed.

    It takes a quarter of a second to start, and is needed by all files but pages.
    """
    if suffix != ".html":
        from threading import Thread

        import vl_convert

        smallest = {"data": {"values": [{"x": 0}]}, "mark": "point"}
        Thread(target=vl_convert.vegalite_to_svg, args=(smallest,), daemon=True).start()


def render(figures: Sequence[Figure], suffix: str) -> bytes:
    """Return the content of a file of figures; suffix: one of SUFFIXES."""
    import vl_convert

    if suffix == ".html":
        return html(figures).encode()
    spec = spec_of(figures)
    if suffix == ".svg":
        return vl_convert.vegalite_to_svg(spec).encode()
    if suffix == ".png":
        return vl_convert.vegalite_to_png(spec, scale=PNG_SCALE)
    return vl_convert.vegalite_to_pdf(spec)


def svg(figure: Figure) -> str:
    """Return a figure as SVG."""
    return render([figure], ".svg").decode()


def png(figure: Figure) -> bytes:
    """Return a figure as PNG, two pixels for each of the SVG's."""
    return render([figure], ".png")


def spec_of(figures: Sequence[Figure]) -> Spec:
    """Return the Vega-Lite specification of figures, below one another."""
    if len(figures) == 1:
        return figures[0].whole_spec()
    return {
        "$schema": SCHEMA,
        "vconcat": [figure.part() for figure in figures],
        "datasets": {figure.name: figure.data.to_dicts() for figure in figures},
        "spacing": 48,
        "resolve": {
            "scale": {"color": "independent", "strokeDash": "independent", "shape": "independent"}
        },
        "config": theme_of(*(figure.spec for figure in figures)),
    }


def html(figures: Sequence[Figure]) -> str:
    """Return one page with interactive figures that needs no network.

    Wheel and mouse zoom and move a figure, and pointing at it shows values.
    """
    blocks, calls = [], []
    for place, figure in enumerate(figures):
        spec = figure.whole_spec(zoomable(figure.spec))
        blocks.append(
            f'<figure><div id="figure{place}"></div>'
            f"<figcaption>{escape(figure.title)}</figcaption></figure>"
        )
        calls.append(
            f'vegaEmbed("#figure{place}", {_script_json(spec)}, {{"mode": "vega-lite", '
            '"actions": {"export": true, "source": false, "compiled": false, "editor": false}}'
            ");"
        )
    heading = escape(figures[0].title if len(figures) == 1 else "Figures of driftlab")
    return _PAGE.format(
        title=heading, body="\n".join(blocks), bundle=javascript(), calls="\n".join(calls)
    )


_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font-family: Helvetica, Arial, sans-serif; margin: 1rem; background: white; color: #222; }}
figure {{ margin: 0 0 2.5rem; overflow-x: auto; }}
figcaption {{ position: absolute; left: -10000px; }}
</style>
<script>{bundle}</script>
</head>
<body>
{body}
<script>
{calls}
</script>
</body>
</html>
"""


def _script_json(document: Any) -> str:
    """Return JSON that may stand in a script of HTML: names are those of anybody's log."""
    text = json.dumps(document, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def javascript() -> str:
    """Return the JavaScript that draws, from the cache or, the first time, from vl_convert."""
    import vl_convert

    folder = cache_folder()
    library: Any = vl_convert  # its types lack what it has
    name = f"vega-{library.__version__}-{library.get_vega_version()}.js"
    path = None if folder is None else Path(folder) / name
    if path is not None:
        try:
            kept = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            kept = ""
        if kept.endswith(_END):
            return kept
    bundle = str(library.javascript_bundle()).replace("</script", "<\\/script") + _END
    if path is not None:
        _keep(path, bundle)
    return bundle


_END: Final = "\n/* whole */"


def _keep(path: Path, text: str) -> None:
    """Write a file of the cache whole; that it cannot be written costs time alone."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    except OSError:
        return
