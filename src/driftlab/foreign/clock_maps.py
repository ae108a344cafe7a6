"""Vector clocks as programming languages print maps: Go, Java, Python, Ruby, Scala, Erlang.

    map[a:1 b:2]    {a=1, b=2}    {'a': 1, 'b': 2}    {:a 1, :b 2}    {a: 1, b: 2}
    Map(a -> 1, b -> 2)    %{a: 1, b: 2}    VC(a=1, b=2)    [{a,1},{b,2}]    [("a",1),("b",2)]

A name may hold whatever the form can tell from its own signs: in `map[10.0.0.1:80:3]`
the last colon is the one before the number. A text that can be read in two ways, or
in none, is refused with the reason; nothing is guessed.
"""

import json
import re
from contextlib import suppress
from typing import Final, TypeAlias

from driftlab.lazy import lazy_pattern

Pairs: TypeAlias = list[tuple[str, object]]  # names and numbers, also where a name stands twice

DIGITS_MAX: Final = 4_000  # of a number, of which most are too many anyway

_GO: Final = lazy_pattern(r"&?map\[(.*)\]", re.DOTALL)
_GO_TYPED: Final = lazy_pattern(r"&?map\[[\w.]+\][\w.]+(?=\{)")  # of %#v
_GO_ENTRY: Final = lazy_pattern(r"(?P<name>[^\n]*?):(?P<value>[-+\w.]+)(?: |$)")
_WRAPPED: Final = lazy_pattern(r"[A-Za-z_][\w.]*(?:\((?:<[^<>\n]*>, )?(\{[^\n]*\})\)|(\{[^\n]*\}))")
_QUOTED: Final = r"\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'"
_NUMBER: Final = lazy_pattern(r"[+-]?\d+")
_ENTRY: Final = lazy_pattern(
    rf"\s*(?P<quoted>{_QUOTED})\s*(?P<sign>=>|->|[:=])\s*(?P<value>[-+\w.]+)\s*"
    r"|(?P<plain>[^,\"']*)"
)
_PLAIN: Final = lazy_pattern(
    r"\s*(?P<name>\S(?:.*\S)?)\s*(?P<sign>=>|->|[:=])\s*(?P<value>[-+\w.]+)\s*"
)
# What other brackets hold: Scala's Map(…), Elixir's %{…}, Groovy's […], a class's name and fields.
_IN_BRACKETS: Final = lazy_pattern(
    r"[%#]?(?:[A-Za-z_][\w.:]*\s*)?(?:\[(.*)\]|\((.*)\)|\{(.*)\}|<(.*)>)", re.DOTALL
)
_TUPLE: Final = lazy_pattern(
    rf"\s*(?:[({{\[])\s*(?P<name>{_QUOTED}|[^\s,;:=()\[\]{{}}\"']+)\s*,"
    r"\s*(?P<value>[-+\w.]+)\s*[)}\]]\s*(?P<after>[,;]|$|(?=[({\[]))"
)
_EDN_NAME: Final = r"\"(?:[^\"\\]|\\.)*+\"|:[^\s,;:{}()\[\]\"'=]+|[^\s,;:{}()\[\]\"'=]+"
_EDN_ENTRY: Final = lazy_pattern(
    rf"[\s,]*(?P<name>{_EDN_NAME})\s+(?P<value>[-+\w.]+)(?=[\s,]|$)(?P<after>[\s,]*)"
)
_NUMBER_AND_BLANK: Final = lazy_pattern(
    r"(?:[:=]|=>)\s*[+-]?\d+(?:\s+|\s*;\s*)\S"
)  # an entry ends within
_COMMA_OR_QUOTE: Final = lazy_pattern("[,;\"'=]")
_ESCAPE: Final = lazy_pattern(r"\\(.)", re.DOTALL)


class MapError(Exception):
    """A text that is no map of names to numbers, or could be several; the reason is its text."""


def looks_like_map(text: str) -> bool:
    """Whether a text begins as one of the maps read here does, and not as JSON."""
    return text.startswith(("map[", "&map[")) or (
        text.startswith("{") and not text[1:].lstrip().startswith(('"', "\\", "}"))
    )


def read_map(text: str) -> Pairs:
    """Return the names and numbers of a map, in its order; a value that is no number as text.

    Raises MapError, with what is wrong.
    """
    text = text.strip()
    typed = _GO_TYPED.match(text)
    if typed:
        text = text[typed.end() :]
    go = _GO.fullmatch(text)
    if go:
        return _go_entries(go[1])
    wrapped = _WRAPPED.fullmatch(text)
    if wrapped:
        text = wrapped[1] or wrapped[2]
    if not (text.startswith("{") and text.endswith("}") and len(text) > 1):
        return _other_entries(text)
    inner = text[1:-1]
    if inner.lstrip().startswith(("{", "(", "[")):
        return _other_entries(text)
    if not inner.strip():
        return []
    edn = _edn_entries(inner)
    if edn is not None:
        return edn
    # Go prints structs as {a:1 b:2}, with blanks alone between entries.
    is_struct = _NUMBER_AND_BLANK.search(inner) and not _COMMA_OR_QUOTE.search(inner)
    return _go_entries(inner) if is_struct else _entries(inner)


def _other_entries(text: str) -> Pairs:
    """Return the entries of a map in other brackets, or of a list of pairs."""
    found = _IN_BRACKETS.fullmatch(text)
    if found is None:
        raise MapError("it is no map of names to numbers")
    inner = next((each for each in found.groups() if each is not None), "")
    pairs: Pairs = []
    place = 0
    while place < len(inner):
        entry = _TUPLE.match(inner, place)
        if entry is None:
            break
        name = entry["name"]
        pairs.append((_unquoted(name) if name[0] in "\"'" else name, _number(entry["value"])))
        place = entry.end()
    if place < len(inner) and pairs:
        raise MapError("it is not clear where an entry ends")
    if pairs:
        return pairs
    if not re.search(r"=>|->|[:=]", inner):
        raise MapError("it is no map of names to numbers")
    return _entries(inner)


def _go_entries(inner: str) -> Pairs:
    """Return the entries of `map[…]`: a name, a colon, a number, and a blank between entries."""
    pairs: Pairs = []
    place = 0
    while place < len(inner):
        entry = _GO_ENTRY.match(inner, place)
        if entry is None:
            raise MapError(f"no name and number follow {inner[:place].strip() or 'the bracket'}")
        name = entry["name"]
        if not name or name != name.strip():
            raise MapError("it is not clear where a name begins: a blank too many, or no name")
        pairs.append((name, _number(entry["value"])))
        place = entry.end()
    return pairs


def _edn_entries(inner: str) -> Pairs | None:
    """Return the entries of a map of EDN, names and numbers in turn; None if it is none."""
    pairs: Pairs = []
    place = 0
    has_commas = True
    while place < len(inner):
        entry = _EDN_ENTRY.match(inner, place)
        if entry is None:
            return None
        name = entry["name"]
        name = _unquoted(name) if name.startswith('"') else name.removeprefix(":")
        pairs.append((name, _number(entry["value"].removesuffix("N"))))
        place = entry.end()
        has_commas &= "," in entry["after"] or place >= len(inner)
    if not has_commas and all(_NUMBER.fullmatch(name) for name, _ in pairs):
        raise MapError("it is not clear which of its numbers are names")
    return pairs


def _entries(inner: str) -> Pairs:
    """Return the entries of `{a=1, b=2}`: a name, a sign, a number, and a comma between entries."""
    pairs: Pairs = []
    signs = set()
    place = 0
    while True:
        entry = _ENTRY.match(inner, place)
        plain = None
        if entry is not None and entry["quoted"] is None:
            plain = _PLAIN.fullmatch(entry["plain"])
        found = plain or entry
        if entry is None or found is None or (entry["quoted"] is None and plain is None):
            raise MapError("an entry has no number")
        if entry.end() < len(inner) and inner[entry.end()] != ",":
            raise MapError("it is not clear where an entry ends")
        name = plain["name"] if plain else _unquoted(entry["quoted"])
        if plain and _NUMBER_AND_BLANK.search(name):
            raise MapError("it is not clear where an entry ends")
        pairs.append((name.removeprefix(":") if plain else name, _number(found["value"])))
        signs.add(found["sign"])
        place = entry.end() + 1
        if place > len(inner):
            break
    if len(signs) > 1:
        which = " or ".join(sorted(signs))
        raise MapError(f"it is not clear which separates names from numbers: {which}")
    return pairs


def _number(text: str) -> object:
    if len(text) > DIGITS_MAX:
        raise MapError("a number has too many digits")
    return int(text) if _NUMBER.fullmatch(text) else text


def _unquoted(name: str) -> str:
    """Return a name without its quotes and escapes."""
    if name.startswith('"'):
        with suppress(ValueError):
            return str(json.loads(name))
    return _ESCAPE.sub(r"\1", name[1:-1])
