"""The files of the page, read once: its texts, styles and modules.

Pages name styles and modules below a folder that is called by what they contain, so a browser
may keep them for good, and asks for all of them at once.
"""

import re
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

from driftlab.diagram.offline import MAIN, WORKER, needed_modules

PAGE_FOLDER: Final = Path(str(files("driftlab.diagram"))) / "page"
MEDIA_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8", ".svg": "image/svg+xml",
}  # fmt: skip
DIGEST_DIGITS: Final = 16
_STATIC = re.compile(r'(?<=")((?:\.\./)*static/)')
_MODULE = re.compile(r'<script type="module" src="((?:\.\./)*static/[\w]+/)([\w./-]+)"></script>')


class PageFile(NamedTuple):
    """A file of the page. kept: whether what its address names never changes."""

    content: bytes
    media_type: str
    kept: bool


def page_file(name: str) -> PageFile | None:
    """Return a file by its path in the folder of the page, or below the digest of all; or None."""
    contents, digest = _contents()
    below, _, rest = name.partition("/")
    is_kept = below == digest
    path = rest if is_kept else name
    if path not in contents:
        return None
    content, kind = contents[path], MEDIA_TYPES[Path(path).suffix]
    return PageFile(content, kind, is_kept)


@cache
def page_text(name: str) -> PageFile:
    """Return a page, which names styles and modules below the digest."""
    contents, digest = _contents()
    text = _STATIC.sub(rf"\g<1>{digest}/", contents[name].decode())
    modules = {path: content.decode() for path, content in contents.items() if path.endswith(".js")}

    def with_imports(found: re.Match[str]) -> str:
        base, main = found[1], found[2]
        wanted = needed_modules(modules, main)
        if main == MAIN:
            wanted |= needed_modules(modules, WORKER)
        links = [f'<link rel="modulepreload" href="{base}{path}">' for path in sorted(wanted)]
        return "\n".join([*links, found[0]])

    return PageFile(_MODULE.sub(with_imports, text).encode(), MEDIA_TYPES[".html"], False)


@cache
def _contents() -> tuple[dict[str, bytes], str]:
    """Return what the files contain, by their paths, and the digest of all."""
    contents = {
        path.relative_to(PAGE_FOLDER).as_posix(): path.read_bytes()
        for path in sorted(PAGE_FOLDER.rglob("*"))
        if path.suffix in MEDIA_TYPES and path.is_file()
    }
    digest = sha256()
    for name, content in contents.items():
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return contents, digest.hexdigest()[:DIGEST_DIGITS]
