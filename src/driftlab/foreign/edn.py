"""EDN logs, as Jepsen and other Clojure programs write them: a map in each line.

The maps may stand in a vector or a list whose brackets are before the first of a line and
after the last.

    {:process 0, :type :invoke, :f :read, :value nil, :time 3291, :index 0}

Keywords are texts without their colon. Vectors, lists and sets are lists, and maps
may be nested. Tags (`#inst`) are left out, and what they stand before counts.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from driftlab.foreign.fields import shorten
from driftlab.foreign.log_file import LogFile, ReadOptions
from driftlab.foreign.record_columns import line_reader, read_records
from driftlab.foreign.trace_builder import Execution

DEPTH_MAX: Final = 100

_BEGINNING: Final = re.compile(r"[\[(]?\s*\{\s*:[^\s,{}\[\]()\":;]+[\s,]")
_OPENING: Final = re.compile(r"\s*[\[(]\s*(?=\{)")
_TOKEN: Final = re.compile(
    r"(?P<text>\"(?:[^\"\\]|\\.)*+\")|(?P<open>#?\{|\[|\()|(?P<close>[\]})])"
    r"|(?P<tag>#[^\s,{}\[\]()\"]+)|(?P<word>[^\s,{}\[\]()\";]+)",
    re.DOTALL,
)
_BLANKS: Final = re.compile(r"(?:[\s,]|;[^\n]*)*")
_WHOLE: Final = re.compile(r"[+-]?\d{1,4000}N?")
_CLOSE: Final = {"{": "}", "#{": "}", "[": "]", "(": ")"}
_WORDS: Final = {"nil": None, "true": True, "false": False}


class EdnError(Exception):
    """A text that is no EDN; the reason is its text."""


def is_edn(line: str) -> bool:
    """Whether a line begins with a map of EDN whose first key is a keyword."""
    return bool(_BEGINNING.match(line))


def read(logs: Sequence[LogFile], options: ReadOptions) -> list[Execution]:
    """Read files of EDN. Raise DriftlabError if they cannot be read.

    logs: all files of the log. options: what the user says about the format.
    """
    return read_records(logs, options, line_reader(_record), "edn")


def _record(line: str) -> dict[str, Any] | str:
    """Return the fields of a line, or why it is no record."""
    opening = _OPENING.match(line)
    try:
        value, end = _value(line, opening.end() if opening else _skip(line, 0), 0)
        if line[_skip(line, end) :].rstrip() not in ("", "]", ")"):
            return f"is not one map of EDN; after it comes {shorten(line[end:].strip())}"
    except EdnError as error:
        return f"is not EDN: {error}"
    if not isinstance(value, dict):
        return f"is not a map of EDN: {shorten(line)}"
    if "event" not in value and "f" in value and "type" in value:
        parts = (value["f"], value["type"], value.get("value"))
        value["event"] = " ".join(str(one) for one in parts if one is not None)
    return value


def _skip(text: str, place: int) -> int:
    blanks = _BLANKS.match(text, place)
    return blanks.end() if blanks else place


def _value(text: str, place: int, depth: int) -> tuple[Any, int]:
    """Return the value that begins at a place, and where it ends. Raises EdnError."""
    token = _TOKEN.match(text, place)
    if token is None or token["close"]:
        raise EdnError("it breaks off" if place >= len(text) else f"character {place + 1}")
    if token["tag"]:
        return _value(text, _skip(text, token.end()), depth + 1)
    if depth > DEPTH_MAX:
        raise EdnError("it is nested too deep")
    if token["open"]:
        return _collection(text, token["open"], token.end(), depth)
    if token["text"]:
        try:
            return json.loads(token["text"], strict=False), token.end()
        except ValueError:
            return token["text"][1:-1], token.end()
    return _word(token["word"]), token.end()


def _collection(text: str, bracket: str, place: int, depth: int) -> tuple[Any, int]:
    """Return the collection whose bracket ends at a place, and where it ends. Raises EdnError."""
    items = []
    place = _skip(text, place)
    while not text.startswith(_CLOSE[bracket], place):
        item, place = _value(text, place, depth + 1)
        items.append(item)
        place = _skip(text, place)
    if bracket != "{":
        return items, place + 1
    if len(items) % 2:
        raise EdnError("a map has a key without a value")
    found: dict[str, Any] = {}
    for key, value in zip(items[::2], items[1::2], strict=True):
        if str(key) in found:
            raise EdnError(f"it names the key {shorten(key)} twice")
        found[str(key)] = value
    return found, place + 1


def _word(word: str) -> Any:
    if word in _WORDS:
        return _WORDS[word]
    if _WHOLE.fullmatch(word):
        return int(word.removesuffix("N"))
    return word.removeprefix(":") or word
