"""The objects of one JSON document, one after the other, with where each stands.

A document that breaks off gives what was before: the array form of Chrome's
traces may end without its bracket, and a program that is killed writes no end.
What stands behind a document that ends is told of, and not read: a second
document is another trace, with times and names of its own.
"""

import json
import re
from collections.abc import Generator, Iterator
from decimal import Decimal
from typing import Any, Final

from driftlab.foreign.records import SHOWN_CHARS_MAX

_BETWEEN: Final = re.compile(r"[\s,]*")
_COLON: Final = re.compile(r"\s*:\s*")
_DECODER: Final = json.JSONDecoder(parse_float=Decimal)


class DamagedError(Exception):
    """The document cannot be read from a place on: where, and why."""

    def __init__(self, place: int, reason: str) -> None:
        super().__init__(reason)
        self.place = place


def elements(text: str, key: str) -> Iterator[tuple[int, Any]]:
    """Yield the elements of an array, or of an object's array `key`, and where each begins.

    Raises DamagedError where the text is no such document, or no longer.
    """
    place = _after(text, 0)
    if text.startswith("[", place):
        end = yield from _of_array(text, place + 1)
    elif text.startswith("{", place):
        end = yield from _of_object(text, place + 1, key)
    else:
        raise DamagedError(place, "is no JSON of a trace")
    place = _after(text, end)
    if place < len(text):
        raise DamagedError(place, _behind(text[place:].rstrip()))


def _of_array(text: str, place: int) -> Generator[tuple[int, Any], None, int]:
    """Yield the elements, and return where the array ends."""
    place = _after(text, place)
    while place < len(text) and text[place] != "]":
        value, end = _value(text, place)
        yield place, value
        place = _after(text, end)
    return place + 1


def _of_object(text: str, place: int, key: str) -> Generator[tuple[int, Any], None, int]:
    """Yield the elements of all arrays of the name, and return where the object ends."""
    is_found = False
    place = _after(text, place)
    while place < len(text) and text[place] != "}":
        name, end = _value(text, place)
        colon = _COLON.match(text, end)
        if colon is None:
            raise DamagedError(end, "is no JSON: no colon after a name")
        if name == key and text.startswith("[", colon.end()):
            is_found = True
            end = yield from _of_array(text, colon.end() + 1)
        else:
            _, end = _value(text, colon.end())
        place = _after(text, end)
    if not is_found:
        raise DamagedError(0, f"has no list named {key}")
    return place + 1


def _behind(rest: str) -> str:
    first = rest.partition("\n")[0]
    shown = first if len(first) <= SHOWN_CHARS_MAX else f"{first[:SHOWN_CHARS_MAX]}…"
    lines = rest.count("\n") + 1
    many = "stands" if lines == 1 else f"{lines} lines stand"
    return f"{many} behind the end of the document, not read: {shown}"


def _value(text: str, place: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, place)
    except (ValueError, RecursionError) as error:
        reason = "is nested too deep" if isinstance(error, RecursionError) else "is no JSON"
        raise DamagedError(place, f"{reason}, or breaks off; nothing after it is read") from None


def _after(text: str, place: int) -> int:
    found = _BETWEEN.match(text, place)
    return found.end() if found else place
