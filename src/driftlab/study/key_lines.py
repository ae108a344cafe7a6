"""At which line of a TOML text each key and each table is, which `tomllib` does not say.

For messages about values that are valid TOML and wrong all the same. A key inside a
value (an inline table, an array) is at the line of the key that it belongs to.
"""

import re
from collections.abc import Iterator
from typing import Final

Path = tuple[str, ...]

_KEY: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_DOTTED: Final = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_TABLE: Final = re.compile(rf"\s*\[\[?\s*({_DOTTED})\s*\]\]?\s*(?:#.*)?$")
_PAIR: Final = re.compile(rf"\s*({_DOTTED})\s*=\s*(.*)$")
_LONG_QUOTES: Final = ('"""', "'''")
_STRING: Final = re.compile(r"""\"(?:[^"\\]|\\.)*\"|'[^']*'|#.*""")


def key_lines(text: str) -> dict[Path, int]:
    """Return the line, from 1, of every table and key by its path from the top.

    text: valid TOML.
    """
    lines: dict[Path, int] = {}
    table: Path = ()
    for number, line in _statements(text.split("\n")):
        if match := _TABLE.match(line):
            table = _parts(match[1])
            for length in range(1, len(table) + 1):
                lines.setdefault(table[:length], number)
        elif match := _PAIR.match(line):
            path = (*table, *_parts(match[1]))
            for length in range(len(table) + 1, len(path) + 1):
                lines.setdefault(path[:length], number)
    return lines


def _statements(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the lines that begin a table or a key, not those inside a value."""
    inside, depth = "", 0
    for number, line in enumerate(lines, 1):
        if inside:
            if inside in line:
                inside = ""
            continue
        if depth == 0:
            yield number, line
        inside = next((quotes for quotes in _LONG_QUOTES if line.count(quotes) % 2), "")
        if not inside and (depth or _PAIR.match(line)):
            plain = _STRING.sub("", line)
            depth = max(0, depth + plain.count("[") - plain.count("]"))


def _parts(dotted: str) -> Path:
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in re.findall(_KEY, dotted))
