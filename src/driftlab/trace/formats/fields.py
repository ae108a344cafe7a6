"""What a log's fields mean: names of groups and columns, and how their values are read.

A field has one name here; logs call it as they like (ALIASES). A value is text,
or a number or a list where the format has such. What cannot be read is told by
row, with the reason; nothing is guessed.
"""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import numpy as np

from driftlab.trace.trace import INTERNAL, MISSING, RECEIVE, SEND, UNSAID, Array

Bad = dict[int, str]  # row and reason

ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "host": ("process", "machine", "proc", "node", "process_id", "thread", "pid"),
    "index": (),
    "kind": ("type", "event_type", "operation", "op"),
    "event": ("description", "action", "text"),
    "tick": (),
    "due_ns": (),
    "late_ns": (),
    "time_ns": (),
    "time": ("timestamp", "system_time", "wall_time", "datetime"),
    "clock": ("vector_clock", "vc", "logical_clock", "lc"),
    "lamport": ("lamport_clock", "logical_time"),
    "queue": ("queue_length", "queue_size", "queue_len", "inbox"),
    "sender": ("from", "source", "src"),
    "stamp": ("received_clock", "message_clock", "msg_clock", "msg_ts", "message_timestamp"),
    "targets": ("target", "to", "receiver", "receivers", "destination", "dest"),
    "message": ("message_id", "msg_id"),
    "sent": (),
    "received": (),
    "internal": (),
    "send": (),
    "receive": (),
    "vector": (),
    "matrix": (),
    "hybrid": (),
}
KNOWN: Final = frozenset(ALIASES) | {name for names in ALIASES.values() for name in names}
NUMBERS: Final = ("index", "tick", "due_ns", "late_ns", "time_ns", "lamport", "queue", "stamp")
UNITS: Final = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
EMPTY: Final = frozenset({None, "", "-", "none", "None", "null", "NULL", "nan", "NaN"})
EVERYBODY: Final = frozenset({"all", "both", "every", "everyone", "everybody", "*", "broadcast"})

_WORDS: Final = {
    **dict.fromkeys(("internal", "local", "int"), INTERNAL),
    **dict.fromkeys(("send", "sent", "sending", "sends", "broadcast"), SEND),
    **dict.fromkeys(
        ("receive", "received", "receiving", "receives", "recv", "rcv", "got", "deliver",
         "delivered"), RECEIVE,
    ),
}  # fmt: skip
KIND_WORDS: Final = {
    form: kind for word, kind in _WORDS.items() for form in (word, word.capitalize(), word.upper())
}
_FIRST_WORD: Final = re.compile(r"[A-Za-z]+")
_PARTS: Final = re.compile(r"[\s,;+|\[\]\"']+")
_INSTANT: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\d*\s*(Z|UTC|[+-]\d\d:?\d\d)?"
)
_HOURS: Final = re.compile(r"(\d\d?):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\d*")


class Positions(dict[str, int]):
    """Positions of names, in the order in which they are met: to ask for one is to meet it."""

    def __missing__(self, name: str) -> int:
        self[name] = len(self)
        return self[name]


def bare(name: str) -> str:
    """Return a field's name without what people write it with: `Logical Clock`, `logical-clock`."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def named(fields: dict[str, list[Any]]) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Part fields into those known here, by their names here, and all others."""
    low = {bare(name): name for name in fields}
    known: dict[str, list[Any]] = {}
    for name, others in ALIASES.items():
        written = next((low[bare(one)] for one in (name, *others) if bare(one) in low), None)
        if written is not None:
            known[name] = fields[written]
            low = {key: value for key, value in low.items() if value != written}
    return known, {name: fields[name] for name in low.values()}


def numbers(name: str, values: Sequence[Any], bad: Bad) -> Array:
    """Return whole numbers, MISSING where there is none."""
    plain = all_whole(values)
    if plain is not None:
        return plain
    column = np.full(len(values), MISSING, np.int64)
    for row, value in enumerate(values):
        if not is_empty(value):
            number = _whole(value)
            if number is None:
                bad.setdefault(row, f"{name} {_shown(value)} is no whole number of 64 bits")
            else:
                column[row] = number
    return column


def all_whole(values: Sequence[Any]) -> Array:
    """Return values that all are whole numbers of 64 bits, as numbers or text; else None."""
    if not set(map(type, values)) <= {str, int}:
        return None
    try:
        return np.array(list(map(int, values)), np.int64)
    except (ValueError, OverflowError):
        return None


def is_empty(value: Any) -> bool:
    """Whether a value stands for there being none."""
    if isinstance(value, float):
        return value != value  # how tables of floats say so
    return value is None or (isinstance(value, str) and value.strip() in EMPTY)


def _whole(value: Any) -> int | None:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if isinstance(value, float) and value != number:
        return None
    return number if MISSING < number < 2**63 else None


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def times(values: Sequence[Any], unit: str | None) -> tuple[Array, bool]:
    """Return nanoseconds, MISSING where there are none, and whether some could not be read.

    A whole number is of the unit, nanoseconds if none is given; with a decimal
    point, of seconds. A date with a time of day counts from 1970, UTC where it
    says no other; a time of day alone from midnight.
    """
    if unit in (None, "ns"):
        plain = all_whole(values)
        if plain is not None:
            return plain, False
    column = np.full(len(values), MISSING, np.int64)
    failed = False
    for row, value in enumerate(values):
        if not is_empty(value):
            instant = _nanoseconds(str(value).strip(), unit)
            failed |= instant is None
            column[row] = MISSING if instant is None else instant
    return column, failed


def _nanoseconds(text: str, unit: str | None) -> int | None:
    plain = re.fullmatch(r"([+-]?)(\d{1,25})(?:[.,](\d+))?", text)
    if plain:
        factor = UNITS[unit or ("s" if plain[3] is not None else "ns")]
        digits = (plain[3] or "")[:18]
        below = int(digits or 0) * factor // 10 ** len(digits)
        found = int(plain[2]) * factor + below
        return _fitting(-found if plain[1] == "-" else found)
    date = _INSTANT.fullmatch(text)
    if date:
        return _of_date(date)
    hours = _HOURS.fullmatch(text)
    if hours:
        whole = int(hours[1]) * 3600 + int(hours[2]) * 60 + int(hours[3])
        return whole * 10**9 + int((hours[4] or "0").ljust(9, "0"))
    return None


def _of_date(date: re.Match[str]) -> int | None:
    try:
        zone = UTC
        if date[8] and date[8][0] in "+-":
            sign = -1 if date[8][0] == "-" else 1
            digits = date[8][1:].replace(":", "")
            zone = timezone(sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))
        instant = datetime(*(int(date[n]) for n in range(1, 7)), tzinfo=zone)  # type: ignore[misc, arg-type]
    except ValueError:
        return None
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    whole = since.days * 86_400 + since.seconds
    return _fitting(whole * 10**9 + int((date[7] or "0").ljust(9, "0")))


def _fitting(number: int) -> int | None:
    return number if MISSING < number < 2**63 else None


def kinds(known: dict[str, list[Any]], rows: int) -> Array:
    """Return the kind of every event, as far as fields say; u1."""
    column = np.full(rows, UNSAID, np.uint8)
    if "kind" in known:
        column[:] = [_kind_of(word) for word in known["kind"]]
    elif "event" in known:
        column[:] = [
            KIND_WORDS.get(word, UNSAID) if isinstance(word, str) else UNSAID
            for word in known["event"]
        ]
    for name, kind in (("internal", INTERNAL), ("send", SEND), ("receive", RECEIVE)):
        if name in known:
            column[[value not in (None, "") for value in known[name]]] = kind
    return column


def _kind_of(word: Any) -> int:
    if not isinstance(word, str):
        return UNSAID
    if word in KIND_WORDS:
        return KIND_WORDS[word]
    first = _FIRST_WORD.search(word)
    return KIND_WORDS.get(first[0].lower(), UNSAID) if first else UNSAID


def target_names(value: Any) -> list[str] | None:
    """Return whom a value names, in its order; None for everybody."""
    if is_empty(value):
        return []
    if isinstance(value, str):
        if value.strip().lower() in EVERYBODY:
            return None
        with suppress(ValueError, RecursionError):
            value = json.loads(value) if value.lstrip().startswith("[") else value
    if isinstance(value, str):
        names = [part for part in _PARTS.split(value) if part]
        return [name for name in names if name != "and"] if len(names) > 2 else names
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def message_numbers(columns: Sequence[Sequence[Any]]) -> list[Array]:
    """Return names of messages as whole numbers, the same for the same name in all columns."""
    numbers_of: dict[Any, int] = {}
    found = []
    for column in columns:
        texts = [None if is_empty(value) else str(value).strip() for value in column]
        found.append([MISSING if t is None else numbers_of.setdefault(t, len(numbers_of))
                      for t in texts])  # fmt: skip
    if all(_is_plain(text) for text in numbers_of):
        known = {number: int(text) for text, number in numbers_of.items()}
        found = [[known.get(number, MISSING) for number in column] for column in found]
    return [np.array(column, np.int64) for column in found]


def _is_plain(text: str) -> bool:
    """Whether a name is a whole number as Python writes it, so that it may stand for itself."""
    number = _whole(text)
    return number is not None and str(number) == text
