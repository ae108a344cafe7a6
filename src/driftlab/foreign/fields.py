"""What a log's fields mean: names of groups and columns, and how their values are read.

A field has one name here; logs call it as they like (ALIASES). A value is text,
or a number or a list where the format has such. What cannot be read is told by
row, with the reason; nothing is guessed.

What kind an event is of, by the words that a log has for it.

A plain word (`send`, `RECEIVED`) is looked up as it stands. Of any other text
all words count, however they are put together (`Events.MSG_RECV`,
`sendMessage`): the kind is known if they name exactly one, else unsaid.

Times as logs write them: whole numbers of a unit, numbers with a point, dates, times of day.

One column has one unit: where none is asked for it is seconds if any of its
numbers has a decimal point or an exponent, else nanoseconds. What is no time
(such as 24:61:99) is not guessed at.
"""

import json
import re
from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import numpy as np

from driftlab.model.columns import INTERNAL, MISSING, RECEIVE, SEND, UNKNOWN_KIND, Array

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


EVENT_CHARS_MAX: Final = 24  # of an event's own text, that it may be but its kind

_WORDS: Final = {
    **dict.fromkeys(("internal", "local", "int"), INTERNAL),
    **dict.fromkeys(("send", "sent", "sending", "sends"), SEND),
    **dict.fromkeys(
        ("receive", "received", "receiving", "receives", "recv", "recvd", "rcv", "rcvd",
         "recieve", "recieved", "got", "deliver", "delivered"), RECEIVE,
    ),
}  # fmt: skip
_BROADCAST: Final = "broadcast"  # sends, unless another word says that it was received
_ABOUT: Final = frozenset({"message", "messages", "msg", "msgs", "event", "events", "type", "kind"})
_PLAIN: Final = {
    form: kind
    for word, kind in {**_WORDS, _BROADCAST: SEND}.items()
    for form in (word, word.capitalize(), word.upper())
}
_LETTERS: Final = re.compile(r"[A-Za-z]+")
_HUMPS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def kinds(known: dict[str, list[Any]], rows: int) -> Array:
    """Return the kind of every event, as far as fields say; u1."""
    column = np.full(rows, UNKNOWN_KIND, np.uint8)
    if "kind" in known:
        column[:] = _looked_up(known["kind"], _named_by)
    elif "event" in known:
        column[:] = _looked_up(known["event"], _named_alone_by)
    for name, kind in (("internal", INTERNAL), ("send", SEND), ("receive", RECEIVE)):
        if name in known:
            column[[value not in (None, "") for value in known[name]]] = kind
    return column


def _looked_up(texts: Sequence[Any], named_by: Callable[[str], int]) -> list[int]:
    """Return the kind of each text; what is no plain word is looked at once."""
    met = dict(_PLAIN)
    found = []
    for text in texts:
        kind = met.get(text) if isinstance(text, str) else UNKNOWN_KIND
        if kind is None:
            kind = named_by(text)
            if kind != UNKNOWN_KIND:  # of such there are few
                met[text] = kind
        found.append(kind)
    return found


def _named_by(text: str) -> int:
    """Return the one kind that a text's words name, else UNSAID."""
    words = _words(text)
    named = {_WORDS[word] for word in words if word in _WORDS}
    if not named and _BROADCAST in words:
        return SEND
    return named.pop() if len(named) == 1 else UNKNOWN_KIND


def _named_alone_by(text: str) -> int:
    """Return the kind that an event's own text names, if it tells nothing else."""
    if len(text) > EVENT_CHARS_MAX or text.count(" ") > 1 or not text[-1:].isalpha():
        return UNKNOWN_KIND
    is_alone = all(
        word in _WORDS or word in _ABOUT or word == _BROADCAST
        for run in _LETTERS.findall(text)
        for word in (_parts(run) if run.lower() not in _WORDS else ())
    )
    return _named_by(text) if is_alone else UNKNOWN_KIND


def _words(text: str) -> set[str]:
    """Return the runs of letters in a text, and what camelCase puts together; in small letters."""
    runs = _LETTERS.findall(text)
    return {run.lower() for run in runs} | {part for run in runs for part in _parts(run)}


def _parts(run: str) -> list[str]:
    return [part.lower() for part in _HUMPS.findall(run)]


FRACTION_DIGITS: Final = 18  # of a number, that count

_NUMBER: Final = re.compile(
    r"([+-]?)(?=[.,]?\d)(\d{0,25})(?P<point>[.,](\d*))?(?P<exponent>[eE][+-]?\d{1,2})?"
)
_DECIMAL: Final = re.compile(r"[+-]?(?=[.,]?\d)\d{0,25}(?:[.,]\d*(?:[eE][+-]?\d+)?|[eE][+-]?\d+)")
_HALF: Final = r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
_CLOCK: Final = r"(?P<hour>\d\d?):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<below>\d{1,9})\d*)?"
_INSTANT: Final = re.compile(
    rf"(?P<year>\d{{4}})(?P<by>[-/])(?P<month>\d\d)(?P=by)(?P<day>\d\d)[T ]{_CLOCK}{_HALF}"
    r"\s*(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?"
)
_HOURS: Final = re.compile(_CLOCK + _HALF)


def times(values: Sequence[Any], unit: str | None) -> tuple[Array, bool]:
    """Return nanoseconds, MISSING where there are none, and whether some could not be read.

    A number is of the unit; if none is given, of nanoseconds, or of seconds where
    any number of the column has a decimal point. A date with a time of day counts
    from 1970, UTC where it says no other; a time of day alone from midnight.
    """
    if unit in (None, "ns"):
        plain = all_whole(values)
        if plain is not None:
            return plain, False
    texts = [None if is_empty(value) else str(value).strip() for value in values]
    factor = UNITS[unit or ("s" if _has_point(texts) else "ns")]
    column = np.full(len(values), MISSING, np.int64)
    failed = False
    for row, text in enumerate(texts):
        if text is not None:
            instant = _nanoseconds(text, factor)
            failed |= instant is None
            column[row] = MISSING if instant is None else instant
    return column, failed


def _has_point(texts: Sequence[str | None]) -> bool:
    return any(text is not None and _DECIMAL.fullmatch(text) for text in texts)


def _nanoseconds(text: str, factor: int) -> int | None:
    plain = _NUMBER.fullmatch(text)
    if plain:
        return _of_number(plain, factor)
    date = _INSTANT.fullmatch(text)
    if date:
        return _of_date(date)
    hours = _HOURS.fullmatch(text)
    return _since_midnight(hours) if hours else None


def _of_number(number: re.Match[str], factor: int) -> int | None:
    below = (number[4] or "")[:FRACTION_DIGITS]
    shift = int((number["exponent"] or "e0")[1:]) - len(below)
    found = int(number[2] + below) * factor
    found = found * 10**shift if shift >= 0 else found // 10**-shift
    return _fitting(-found if number[1] == "-" else found)


def _of_date(date: re.Match[str]) -> int | None:
    of_day = _since_midnight(date)
    try:
        day = datetime(int(date["year"]), int(date["month"]), int(date["day"]), tzinfo=_zone(date))
    except ValueError:
        return None
    since = day - datetime(1970, 1, 1, tzinfo=UTC)
    whole = since.days * 86_400 + since.seconds
    return None if of_day is None else _fitting(whole * 10**9 + of_day)


def _zone(date: re.Match[str]) -> timezone:
    """Return the zone that a date names. Raises ValueError where there is no such."""
    written = date["zone"] or "Z"
    if written[0] not in "+-":
        return UTC
    digits = written[1:].replace(":", "")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-ahead if written[0] == "-" else ahead)


def _since_midnight(clock: re.Match[str]) -> int | None:
    hour, minute, second = int(clock["hour"]), int(clock["minute"]), int(clock["second"])
    half = clock["half"]
    if half is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half in "Pp" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    below = int((clock["below"] or "0").ljust(9, "0"))
    return (hour * 3600 + minute * 60 + second) * 10**9 + below


def _fitting(number: int) -> int | None:
    return number if MISSING < number < 2**63 else None
