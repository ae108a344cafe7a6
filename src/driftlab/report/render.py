"""A report on paper: one HTML file that needs nothing else, and Markdown to be edited.

Names of machines and texts of logs are anybody's: HTML is escaped by Jinja's
autoescape, Markdown by `markdown_text`. Only the SVG of our own figures goes in as it is.
In the whole of both nothing stands that XML forbids or that reorders text.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from driftlab.plain_text import plain_lines
from driftlab.report.document import Document, Table

if TYPE_CHECKING:
    import jinja2
    import markupsafe

TEMPLATES: Final = Path(__file__).parent / "templates"
# What Markdown would take for markup. An underscore inside a word is none.
_MARKUP: Final = re.compile(r"[\\`*\[\]|~$]|(?<!\w)_|_(?!\w)|^(?=[#+=>-])")
_LIST_NUMBER: Final = re.compile(r"^(\d+)([.)])(?=\s|$)")
# A number as `wording.py` writes it, perhaps with its interval, or a dash for none.
_NUMBER: Final = re.compile("\N{MINUS SIGN}?\\d+(\\.\\d+)?( \\(.* to .*\\))?|\N{EN DASH}")
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Where a line of a page may not end: between a number and its unit, and within a flag.
_BEFORE_UNIT: Final = re.compile(r"(?<=\d) (?=%|(?:s|ms)\b)")
_FLAG: Final = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_SVG_ID: Final = re.compile(r'\bid="([^"<>]+)"')


def html_of(document: Document, svgs: Mapping[str, str], narrow: Mapping[str, str]) -> str:
    """Return a report as one HTML file.

    svgs: text of every figure by its name. narrow: of those that have a form for phones.
    """
    page = _environment("html").get_template("report.html.j2").render(
        document=document,
        style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        svgs={name: inline_svg(text, name) for name, text in svgs.items()},
        narrow={name: inline_svg(text, f"{name}-narrow") for name, text in narrow.items()},
    )  # fmt: skip
    return plain_lines(page)


def markdown_of(document: Document) -> str:
    """Return a report as Markdown with its figures beside it in `figures/`."""
    text = _environment("md").get_template("report.md.j2").render(document=document)
    return plain_lines(re.sub(r"\n{3,}", "\n\n", text).strip()) + "\n"


@cache
def _environment(kind: str) -> "jinja2.Environment":
    import jinja2  # takes a while, and only reports need it

    is_html = kind == "html"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=is_html,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=None if is_html else _finalized,
    )
    environment.filters["columns"] = _is_numeric_columns
    environment.filters["code"] = code_block
    environment.filters["verbatim"] = Verbatim
    environment.filters["prose"] = prose
    return environment


def prose(text: str) -> "markupsafe.Markup":
    """Return a text as HTML whose lines do not end before a unit or within a flag."""
    from markupsafe import Markup, escape

    joined = _BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", str(escape(text)))
    return Markup(_FLAG.sub(r'<span class="flag">\g<0></span>', joined))


class Verbatim(str):
    """Markdown that is markup already."""

    __slots__ = ()


def _finalized(value: Any) -> str:
    """Escape what a template of Markdown prints, unless it is markup."""
    return value if isinstance(value, Verbatim) else markdown_text(str(value))


def markdown_text(text: str) -> str:
    """Return a text that Markdown shows as it is, in one line."""
    line = " ".join(text.split())
    line = "".join(_ENTITIES.get(character, character) for character in line)
    return _LIST_NUMBER.sub(r"\1\\\2", _MARKUP.sub(lambda found: "\\" + found.group(), line))


def code_block(text: str, language: str = "") -> Verbatim:
    """Return a text as a block of code, fenced by more backticks than it holds."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Verbatim(f"{fence}{language}\n{text.rstrip()}\n{fence}")


def inline_svg(text: str, name: str) -> str:
    """Return an SVG for use within a page: without its prologue, its identifiers its own.

    name: of the figure, which goes before every identifier: two figures may not share one.
    """
    start = text.find("<svg")
    body = text[max(start, 0) :]
    for found in dict.fromkeys(_SVG_ID.findall(body)):
        own = f"{name}-{found}"
        body = body.replace(f'id="{found}"', f'id="{own}"')
        body = body.replace(f"url(#{found})", f"url(#{own})")
        body = body.replace(f'href="#{found}"', f'href="#{own}"')
    return body


def _is_numeric_columns(table: Table) -> list[bool]:
    """Return of each column whether it holds numbers, which are set to the right."""
    return [
        all(_NUMBER.fullmatch(row[place]) for row in table.rows)
        for place in range(len(table.heads))
    ]
