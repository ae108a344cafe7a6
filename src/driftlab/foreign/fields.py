"""What a log's fields mean: names of groups and columns, and how their values are read.

A field has one name here; logs call it as they like (ALIASES). A value is text,
or a number or a list where the format has such. What cannot be read is told by
row, with the reason; nothing is guessed.
"""

import json
import re
from collections.abc import Container, Sequence
from contextlib import suppress
from typing import Any, Final

import numpy as np

from driftlab.model.columns import MISSING, Array

RowErrors = dict[int, str]  # row and reason

ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "host": (
        "process",
        "machine",
        "proc",
        "node",
        "process_id",
        "machine_id",
        "node_id",
        "vm",
        "vm_id",
        "thread",
        "pid",
    ),
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
HOSTS: Final = ("host", *ALIASES["host"])
KNOWN: Final = frozenset(ALIASES) | {name for names in ALIASES.values() for name in names}
NUMBERS: Final = ("index", "tick", "due_ns", "late_ns", "time_ns", "lamport", "queue", "stamp")
UNITS: Final = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
EMPTY: Final = frozenset({None, "", "-", "none", "None", "null", "NULL", "nan", "NaN"})
EVERYBODY: Final = frozenset({"all", "both", "every", "everyone", "everybody", "*", "broadcast"})

_PARTS: Final = re.compile(r"[\s,;+|\[\]\"']+")
_POINTED: Final = re.compile(
    r"[+-]?[0-9]{1,4000}\.0*"
)  # as pandas writes a whole number beside gaps


class Positions(dict[str, int]):
    """Positions of names, in the order in which they are met: to ask for one is to meet it."""

    def __missing__(self, name: str) -> int:
        self[name] = len(self)
        return self[name]


def normalized_name(name: str) -> str:
    """Return a field's name without what people write it with: `Logical Clock`, `logical-clock`."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def known_fields(fields: dict[str, list[Any]]) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Part fields into those known here, by their names here, and all others."""
    low = {normalized_name(name): name for name in fields}
    known: dict[str, list[Any]] = {}
    for name, others in ALIASES.items():
        written = next(
            (low[normalized_name(one)] for one in (name, *others) if normalized_name(one) in low),
            None,
        )
        if written is not None:
            known[name] = fields[written]
            low = {key: value for key, value in low.items() if value != written}
    return known, {name: fields[name] for name in low.values()}


def numbers(name: str, values: Sequence[Any], bad: RowErrors) -> Array:
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
        number = int(without_point(value))
    except (TypeError, ValueError, OverflowError):
        return None
    if isinstance(value, float) and value != number:
        return None
    return number if MISSING < number < 2**63 else None


def without_point(value: Any) -> Any:
    """Return a text such as `1.0` without its point and zeros; anything else as it is."""
    if isinstance(value, str) and _POINTED.fullmatch(value.strip()):
        return value.partition(".")[0]
    return value


def canonical_host(name: str, names: Container[str]) -> str:
    """Return a process's name as it was met: `1.0`, as tables of floats have it, is `1`."""
    if name in names:
        return name
    other = name.removesuffix(".0") if name.endswith(".0") else f"{name}.0"
    return other if other in names and other.removesuffix(".0").isdecimal() else name


def hosts(values: Sequence[Any]) -> list[str]:
    """Return names of processes; where there is `1`, `1.0` is the same one."""
    names = [str(value).strip() for value in values]
    met = frozenset(names)
    plain = {name: name[:-2] for name in met if name.endswith(".0") and name[:-2] in met}
    plain = {name: other for name, other in plain.items() if other.isdecimal()}
    return [plain.get(name, name) for name in names] if plain else names


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


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
    found = [
        [MISSING if t is None else numbers_of.setdefault(t, len(numbers_of)) for t in texts]
        for texts in _message_names(columns)
    ]
    if all(_is_plain(text) for text in numbers_of):
        known = {number: int(text) for text, number in numbers_of.items()}
        found = [[known.get(number, MISSING) for number in column] for column in found]
    return [np.array(column, np.int64) for column in found]


def _message_names(columns: Sequence[Sequence[Any]]) -> list[list[str | None]]:
    """Return names of messages as texts; `1.0` is 1 where no name is a number with a fraction."""
    names = [[None if is_empty(v) else str(v).strip() for v in column] for column in columns]
    pointed = {name for column in names for name in column if name and "." in name}
    plain = {name: str(without_point(name)) for name in pointed}
    if not plain or any(name == other for name, other in plain.items()):
        return names
    return [[plain.get(name, name) if name else None for name in column] for column in names]


def _is_plain(text: str) -> bool:
    """Whether a name is a whole number as Python writes it, so that it may stand for itself."""
    number = _whole(text)
    return number is not None and str(number) == text
