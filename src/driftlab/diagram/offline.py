"""One HTML file that shows a diagram offline: page, engine and columns in it, nothing fetched.

A page that is opened from a file can load no modules. So the modules of the page stand in an
import map as `data:` addresses, and the engine is one text that a worker is started from.
The columns are those of the served page, as differences, deflated and in base64
(`diagram.encoding`). Its content security policy forbids every request.
"""

import base64
import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

from driftlab.diagram.columns import Diagram
from driftlab.diagram.encoding import container_parts, header_of
from driftlab.errors import DriftlabError

PAGE_FOLDER: Final = Path(str(files("driftlab.diagram"))) / "page"
MODULE_PREFIX: Final = "driftlab/"  # of the names of modules in the import map
MAIN: Final = "main.js"
WORKER: Final = "engine/worker.js"
POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline' data: blob:; worker-src blob: data:; "
    "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
)
_IMPORT = re.compile(r"""(\bfrom\s*|\bimport\s*\(?\s*)(["'])(\.{1,2}/[^"']+)\2""")
_IMPORT_STATEMENT = re.compile(
    r"""^import\s+(?:(\{[^}]*\})\s+from\s+)?["'](\.{1,2}/[^"']+)["'];?[ \t]*$""", re.MULTILINE
)
_EXPORT_FROM = re.compile(
    r"""^export\s+(\{[^}]*\})\s+from\s+["'](\.{1,2}/[^"']+)["'];?[ \t]*$""", re.MULTILINE
)
_EXPORT_LIST = re.compile(r"^export\s*\{([^}]*)\};?[ \t]*$", re.MULTILINE)
_EXPORT = re.compile(
    r"^export\s+((?:async\s+)?function\s*\*?|class|const|let)\s+([\w$]+)", re.MULTILINE
)
_STYLE_LINK = re.compile(r'<link rel="stylesheet" href="(?:\.\./)*static/([\w./-]+)">')
_MODULE = re.compile(r'<script type="module" src="(?:\.\./)*static/([\w./-]+)"></script>')
_BENCH = re.compile(r'href="(?:\.\./)+[^"]*"')  # which there is not in a file
_DEFLATE_LEVEL: Final = 6


class PageError(DriftlabError):
    """The page cannot be put into one file."""


class Page(NamedTuple):
    """What one of the runs of an offline page consists of.

    diagram: its columns. texts: lines of JSON, as `event_texts.texts_block` writes them, empty
    if there are none.
    """

    diagram: Diagram
    texts: str = ""


def offline_page(
    pages: Sequence[Page], address: str = "", compared: Mapping[str, Any] | None = None
) -> bytes:
    """Return an HTML file that shows one or two diagrams.

    pages: what it shows, one above the other. address: what the page's address has after `#`:
    the view that it opens with. compared: where two diagrams first differ, as the served page
    is stated.
    """
    first = pages[0].diagram
    about = {
        "info": {
            "title": first.title,
            "live": False,
            "bench": False,
            "second": None if len(pages) < 2 else "1",
            "texts": any(page.texts for page in pages),
        },
        "data": [f"data-{place}" for place in range(len(pages))],
        "texts": [f"texts-{place}" if page.texts else None for place, page in enumerate(pages)],
        "deflated": True,
        "view": address,
        "compare": compared,
    }
    blocks = [_json_block("offline", about)]
    for place, page in enumerate(pages):
        parts = container_parts(header_of(page.diagram), page.diagram.columns, compact=True)
        blocks.append(_text_block(f"data-{place}", deflated_base64(parts)))
        if page.texts:
            text = deflated_base64([page.texts.encode("utf-8", "surrogatepass")])
            blocks.append(_text_block(f"texts-{place}", text))
    return (
        _template(first.title)
        .replace("<!--blocks-->", "\n".join(blocks))
        .encode("utf-8", "replace")
    )


def deflated_base64(parts: Iterable[bytes | memoryview]) -> str:
    """Return bytes deflated (zlib) and in base64."""
    deflate = zlib.compressobj(_DEFLATE_LEVEL)
    packed = b"".join([*(deflate.compress(part) for part in parts), deflate.flush()])
    return base64.b64encode(packed).decode()


def _template(title: str) -> str:
    """Return the page with its styles and modules in it, and a place for the columns."""
    page = _read("page.html")
    modules = {
        path.relative_to(PAGE_FOLDER).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(PAGE_FOLDER.rglob("*.js"))
    }
    needed = needed_modules(modules, MAIN)
    imports = {
        f"{MODULE_PREFIX}{name}": _address_of(_with_names(text, name))
        for name, text in modules.items()
        if name in needed
    }
    import_map = json.dumps({"imports": imports})
    page = _STYLE_LINK.sub(lambda found: f"<style>\n{_read(found[1])}</style>", page)
    if not _MODULE.search(page):
        raise PageError("page.html names no module")
    page = _BENCH.sub('href="#"', _MODULE.sub("", page))
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<script type="importmap">{import_map}</script>\n'
    )
    page = page.replace("<title>", f"{head}<title>", 1)
    page = re.sub(r"<title>.*?</title>", lambda _: f"<title>{escape(title)}</title>", page, count=1)
    ends = (
        "<!--blocks-->\n"
        f"{_text_block('worker', _in_script(bundle(modules, WORKER)))}\n"
        f'<script type="module">import "{MODULE_PREFIX}{MAIN}";</script>\n</body>'
    )
    return page.replace("</body>", ends, 1)


def bundle(modules: Mapping[str, str], main: str) -> str:
    """Return a module and all that it imports as one text without imports.

    Each module becomes a function that returns what it exports, after those that it imports.
    Raise PageError if one is missing, or imports itself in a circle.
    """
    done: dict[str, str] = {}

    def add(name: str, trail: tuple[str, ...]) -> str:
        if name in done:
            return done[name].split(" ", 2)[1]
        if name not in modules or name in trail:
            raise PageError(f"the page cannot be one file: {' imports '.join((*trail, name))}")
        text = modules[name]
        for pattern in (_IMPORT_STATEMENT, _EXPORT_FROM):
            for found in pattern.finditer(text):
                add(_resolved(found[2], name), (*trail, name))
        variable = f"module_{len(done)}"
        done[name] = f"const {variable} = (() => {{\n{_as_function(text, name, done)}\n}})();"
        return variable

    add(main, ())
    return "\n".join(["'use strict';", *done.values()])


def _as_function(text: str, name: str, done: Mapping[str, str]) -> str:
    """Return the body of a function that does what a module does, and returns its exports.

    done: the modules that it imports, by name, as statements that name a constant second.
    """
    exported: list[str] = []

    def constant(found: re.Match[str]) -> str:
        return done[_resolved(found[2], name)].split(" ", 2)[1]

    def imported(found: re.Match[str]) -> str:
        names = (found[1] or "{}").replace(" as ", ": ")
        return f"const {names} = {constant(found)};"

    def passed_on(found: re.Match[str]) -> str:
        names = [part.strip() for part in found[1].strip("{}").split(",") if part.strip()]
        pairs = [part.split(" as ") for part in names]
        exported.extend(f"{pair[-1]}: {constant(found)}.{pair[0]}" for pair in pairs)
        return ""

    def listed(found: re.Match[str]) -> str:
        names = [part.strip() for part in found[1].split(",") if part.strip()]
        pairs = [part.split(" as ") for part in names]
        exported.extend(f"{pair[-1]}: {pair[0]}" for pair in pairs)
        return ""

    def declared(found: re.Match[str]) -> str:
        exported.append(found[2])
        return f"{found[1]} {found[2]}"

    text = _IMPORT_STATEMENT.sub(imported, text)
    text = _EXPORT_FROM.sub(passed_on, text)
    text = _EXPORT_LIST.sub(listed, text)
    text = _EXPORT.sub(declared, text)
    return f"{text}\nreturn {{ {', '.join(exported)} }};"


def needed_modules(modules: Mapping[str, str], main: str) -> set[str]:
    """Return the names of a module and of all that it imports, at once or later."""
    found: set[str] = set()
    todo = [main]
    while todo:
        name = todo.pop()
        if name not in found and name in modules:
            found.add(name)
            todo += [_resolved(each[3], name) for each in _IMPORT.finditer(modules[name])]
    return found


def _with_names(text: str, name: str) -> str:
    """Return a module with its relative imports replaced by the names of the import map."""
    return _IMPORT.sub(
        lambda found: f"{found[1]}{found[2]}{MODULE_PREFIX}{_resolved(found[3], name)}{found[2]}",
        text,
    )


def _resolved(relative: str, importer: str) -> str:
    """Return the name of a module that another one imports relatively."""
    parts = importer.split("/")[:-1]
    for part in relative.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _address_of(text: str) -> str:
    return f"data:text/javascript;base64,{base64.b64encode(text.encode()).decode()}"


def _in_script(text: str) -> str:
    """Return JavaScript that may stand in a script element."""
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _json_block(name: str, document: Any) -> str:
    text = json.dumps(document, ensure_ascii=True).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'


def _text_block(name: str, text: str) -> str:
    return f'<script type="text/plain" id="{name}">{text}</script>'


def _read(name: str) -> str:
    try:
        return (PAGE_FOLDER / name).read_text(encoding="utf-8")
    except OSError as error:
        raise PageError(f"{PAGE_FOLDER / name}: {error.strerror}") from error
