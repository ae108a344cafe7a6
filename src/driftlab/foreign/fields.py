"""The fields of a record: their names, and how their values are read.

A field has one name here; logs call it as they like (ALIASES). A value is text,
or a number, a list or an object where the format has such. A value that cannot
be read is reported by row, with the reason; nothing is guessed.

*Kinds of events* are known by words. A plain word (`send`, `RECEIVED`) is looked
up. Of any other text all words count, however they are joined
(`Events.MSG_RECV`, `sendMessage`): the kind is known if they name exactly one.

*Times* are whole numbers of a unit, numbers with a decimal point, dates, or times
of day. One column has one unit: unless the user names it, seconds if any of its
numbers has a decimal point or an exponent, else nanoseconds. What is not a time
(such as 24:61:99) stays a text.
"""

import json
import re
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, TypeAlias

import numpy as np

from driftlab.arrays import IntArray
from driftlab.foreign.packed import Packed, Values
from driftlab.model.columns import INTERNAL, MISSING, RECEIVE, SEND, UNKNOWN_KIND

RowErrors: TypeAlias = dict[int, str]  # the reason why a row cannot be read, by row

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
VALUE_CHARS_SHOWN: Final = 40  # of a value, in a reason
ESCAPED_ZERO: Final = r"\u0000"  # stands for U+0000, which no file of text holds

_NO_HOSTS: Final = frozenset({"", "None"})  # names that stand for no process
_SEPARATORS: Final = re.compile(r"[\s,;+|\[\]\"']+")
_WHOLE_WITH_POINT: Final = re.compile(
    r"[+-]?[0-9]{1,4000}\.0*"
)  # as pandas writes a whole number in a column with gaps


# Names of fields, and texts.


def normalized_name(name: str) -> str:
    """Return a field's name as letters and digits alone: `Logical Clock` is `logicalclock`."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def known_fields(fields: Mapping[str, Values]) -> tuple[dict[str, Values], dict[str, Values]]:
    """Split fields into those with a meaning here, by their names here, and all others."""
    own_names = {normalized_name(name): name for name in fields}
    known: dict[str, Values] = {}
    for name, aliases in ALIASES.items():
        candidates = map(normalized_name, (name, *aliases))
        own = next((own_names[each] for each in candidates if each in own_names), None)
        if own is not None:
            known[name] = fields[own]
            own_names = {key: each for key, each in own_names.items() if each != own}
    return known, {name: fields[name] for name in own_names.values()}


def shorten(value: Any) -> str:
    """Return a value as a reason shows it."""
    try:
        text = str(value)
    except ValueError:  # more digits than Python writes
        return "(very many digits)"
    return text if len(text) <= VALUE_CHARS_SHOWN else f"{text[:VALUE_CHARS_SHOWN]}…"


def escape_surrogates(text: str) -> str:
    """Return a text that UTF-8 can hold: half a pair of surrogates becomes its escape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def escape_zeros(text: str) -> str:
    """Return a text that a file of text can hold: U+0000 becomes its escape."""
    return text.replace("\0", ESCAPED_ZERO)


# Numbers.


def is_empty(value: Any) -> bool:
    """Whether a value stands for none."""
    if isinstance(value, float):
        return value != value  # NaN, in tables of floats
    return value is None or (isinstance(value, str) and value.strip() in EMPTY)


def numbers(name: str, values: Sequence[Any], errors: RowErrors) -> IntArray:
    """Return the whole numbers of the field `name`, i8, MISSING where a row has none.

    A value that is not a whole number of 64 bits is added to `errors`.
    """
    plain = all_whole(values)
    if plain is not None:
        return plain
    column = np.full(len(values), MISSING, np.int64)
    for row, value in enumerate(values):
        if not is_empty(value):
            number = _whole(value)
            if number is None:
                errors.setdefault(row, f"{name} {shorten(value)} is not a whole number of 64 bits")
            else:
                column[row] = number
    return column


def all_whole(values: Sequence[Any]) -> IntArray | None:
    """Return values that all are whole numbers of 64 bits, as numbers or text; else None."""
    if isinstance(values, Packed):
        if values.holds_clocks():
            return None
        packed = values.integers()
        if packed is not None:
            return packed
    if not set(map(type, values)) <= {str, int}:
        return None
    try:
        return np.array(list(map(int, values)), np.int64)
    except (ValueError, OverflowError):
        return None


def _whole(value: Any) -> int | None:
    try:
        number = int(_without_point(value))
    except (TypeError, ValueError, OverflowError):
        return None
    if isinstance(value, float) and value != number:
        return None
    return _in_64_bits(number)


def _without_point(value: Any) -> Any:
    """Return a text such as `1.0` without its point and zeros; anything else as it is."""
    if isinstance(value, str) and _WHOLE_WITH_POINT.fullmatch(value.strip()):
        return value.partition(".")[0]
    return value


def _in_64_bits(number: int) -> int | None:
    return number if MISSING < number < 2**63 else None


# Names of processes and messages.


class Positions(dict[str, int]):
    """Positions of names in the order in which they are first asked for."""

    def __missing__(self, name: str) -> int:
        self[name] = len(self)
        return self[name]


def hosts(values: Sequence[Any]) -> list[str]:
    """Return names of processes, empty where there is none; if there is `1`, `1.0` is it."""
    names = [str(value).strip() for value in values]
    if not _NO_HOSTS.isdisjoint(names):
        names = ["" if name in _NO_HOSTS else name for name in names]
    every = frozenset(names)
    plain = {name: name[:-2] for name in every if name.endswith(".0") and name[:-2] in every}
    plain = {name: other for name, other in plain.items() if other.isdecimal()}
    return [plain.get(name, name) for name in names] if plain else names


def canonical_host(name: str, names: Container[str]) -> str:
    """Return the process of `names` that a peer means by a name: `1.0` may be `1`, or `1` `1.0`.

    A name that none of them has stays as it is.
    """
    if name in names:
        return name
    other = name.removesuffix(".0") if name.endswith(".0") else f"{name}.0"
    return other if other in names and other.removesuffix(".0").isdecimal() else name


def target_names(value: Any) -> list[str] | None:
    """Return the processes that a value names, in its order; None for all."""
    if is_empty(value):
        return []
    if isinstance(value, str):
        if value.strip().lower() in EVERYBODY:
            return None
        with suppress(ValueError, RecursionError):
            value = json.loads(value) if value.lstrip().startswith("[") else value
    if isinstance(value, str):
        names = [name for name in _SEPARATORS.split(value) if name]
        return [name for name in names if name != "and"] if len(names) > 2 else names
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def message_numbers(columns: Sequence[Sequence[Any]]) -> list[IntArray]:
    """Return names of messages as whole numbers, i8, one name one number in all columns."""
    number_of: dict[str, int] = {}
    found = [
        [MISSING if name is None else number_of.setdefault(name, len(number_of)) for name in names]
        for names in _message_names(columns)
    ]
    if all(_is_plain_number(name) for name in number_of):
        known = {number: int(name) for name, number in number_of.items()}
        found = [[known.get(number, MISSING) for number in column] for column in found]
    return [np.array(column, np.int64) for column in found]


def _message_names(columns: Sequence[Sequence[Any]]) -> list[list[str | None]]:
    """Return names of messages as texts; `1.0` is 1 if no name is a number with a fraction."""
    names = [[None if is_empty(v) else str(v).strip() for v in column] for column in columns]
    with_point = {name for column in names for name in column if name and "." in name}
    plain = {name: str(_without_point(name)) for name in with_point}
    if not plain or any(name == other for name, other in plain.items()):
        return names
    return [[plain.get(name, name) if name else None for name in column] for column in names]


def _is_plain_number(text: str) -> bool:
    """Whether a name is a whole number as Python writes it, so that it may stand for itself."""
    number = _whole(text)
    return number is not None and str(number) == text


# Kinds of events.

EVENT_CHARS_MAX: Final = 24  # of an event's own text, if it may be no more than its kind

_KIND_OF_WORD: Final = {
    **dict.fromkeys(("internal", "local", "int"), INTERNAL),
    **dict.fromkeys(("send", "sent", "sending", "sends"), SEND),
    **dict.fromkeys(
        ("receive", "received", "receiving", "receives", "recv", "recvd", "rcv", "rcvd",
         "recieve", "recieved", "got", "deliver", "delivered"), RECEIVE,
    ),
}  # fmt: skip
_BROADCAST: Final = "broadcast"  # a send, unless another word says that it was received
_NEUTRAL_WORDS: Final = frozenset(
    {"message", "messages", "msg", "msgs", "event", "events", "type", "kind"}
)
_KIND_OF_TEXT: Final = {
    form: kind
    for word, kind in {**_KIND_OF_WORD, _BROADCAST: SEND}.items()
    for form in (word, word.capitalize(), word.upper())
}
_LETTERS: Final = re.compile(r"[A-Za-z]+")
_CAMEL_CASE: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def kinds(known: Mapping[str, Values], rows: int) -> IntArray:
    """Return the kind of each event as far as the known fields say, u1; `rows`: their number."""
    column = np.full(rows, UNKNOWN_KIND, np.uint8)
    if "kind" in known:
        column[:] = _kinds_of(known["kind"], _kind_of_words)
    elif "event" in known:
        column[:] = _kinds_of(known["event"], _kind_if_alone)
    for name, kind in (("internal", INTERNAL), ("send", SEND), ("receive", RECEIVE)):
        if name in known:
            column[[value not in (None, "") for value in known[name]]] = kind
    return column


def _kinds_of(texts: Sequence[Any], kind_of: Callable[[str], int]) -> list[int]:
    """Return the kind of each text; `kind_of` is asked once for a text that is not one word."""
    known = dict(_KIND_OF_TEXT)
    found = []
    for text in texts:
        kind = known.get(text) if isinstance(text, str) else UNKNOWN_KIND
        if kind is None:
            kind = kind_of(text)
            if kind != UNKNOWN_KIND:  # there are few such texts, and many others
                known[text] = kind
        found.append(kind)
    return found


def _kind_of_words(text: str) -> int:
    """Return the one kind that the words of a text name, else UNKNOWN_KIND."""
    words = _words(text)
    named = {_KIND_OF_WORD[word] for word in words if word in _KIND_OF_WORD}
    if not named and _BROADCAST in words:
        return SEND
    return named.pop() if len(named) == 1 else UNKNOWN_KIND


def _kind_if_alone(text: str) -> int:
    """Return the kind that an event's own text names, if it says nothing else."""
    if len(text) > EVENT_CHARS_MAX or text.count(" ") > 1 or not text[-1:].isalpha():
        return UNKNOWN_KIND
    is_alone = all(
        word in _KIND_OF_WORD or word in _NEUTRAL_WORDS or word == _BROADCAST
        for run in _LETTERS.findall(text)
        for word in (_camel_case_words(run) if run.lower() not in _KIND_OF_WORD else ())
    )
    return _kind_of_words(text) if is_alone else UNKNOWN_KIND


def _words(text: str) -> set[str]:
    """Return the runs of letters in a text, and the words that camelCase joins, in lower case."""
    runs = _LETTERS.findall(text)
    return {run.lower() for run in runs} | {word for run in runs for word in _camel_case_words(run)}


def _camel_case_words(run: str) -> list[str]:
    return [word.lower() for word in _CAMEL_CASE.findall(run)]


# Times.

FRACTION_DIGITS: Final = 18  # of a number, that count

_NUMBER: Final = re.compile(
    r"([+-]?)(?=[.,]?\d)(\d{0,25})(?P<point>[.,](\d*))?(?P<exponent>[eE][+-]?\d{1,2})?"
)
_DECIMAL: Final = re.compile(r"[+-]?(?=[.,]?\d)\d{0,25}(?:[.,]\d*(?:[eE][+-]?\d+)?|[eE][+-]?\d+)")
_HALF_OF_DAY: Final = r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
_TIME: Final = r"(?P<hour>\d\d?):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9})\d*)?"
_DATE_AND_TIME: Final = re.compile(
    rf"(?P<year>\d{{4}})(?P<by>[-/])(?P<month>\d\d)(?P=by)(?P<day>\d\d)[T ]{_TIME}{_HALF_OF_DAY}"
    r"\s*(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?"
)
_TIME_OF_DAY: Final = re.compile(_TIME + _HALF_OF_DAY)


def times(values: Sequence[Any], unit: str | None) -> tuple[IntArray, bool]:
    """Return times in nanoseconds, i8, MISSING where a row has none, and whether some failed.

    `unit`: of numbers, one of UNITS; None: nanoseconds, or seconds if any number
    of the column has a decimal point. A date with a time of day counts from 1970,
    in UTC unless it names a zone; a time of day alone counts from midnight.
    """
    if unit in (None, "ns"):
        plain = all_whole(values)
        if plain is not None:
            return plain, False
    texts = [None if is_empty(value) else str(value).strip() for value in values]
    factor = UNITS[unit or ("s" if _has_point(texts) else "ns")]
    column = np.full(len(values), MISSING, np.int64)
    has_failed = False
    for row, text in enumerate(texts):
        if text is not None:
            instant = _nanoseconds(text, factor)
            has_failed |= instant is None
            column[row] = MISSING if instant is None else instant
    return column, has_failed


def _has_point(texts: Sequence[str | None]) -> bool:
    return any(text is not None and _DECIMAL.fullmatch(text) for text in texts)


def _nanoseconds(text: str, factor: int) -> int | None:
    """Return a time in nanoseconds, None if it is none; a number is of `factor` nanoseconds."""
    number = _NUMBER.fullmatch(text)
    if number:
        return _of_number(number, factor)
    date = _DATE_AND_TIME.fullmatch(text)
    if date:
        return _since_1970(date)
    time = _TIME_OF_DAY.fullmatch(text)
    return _since_midnight(time) if time else None


def _of_number(number: re.Match[str], factor: int) -> int | None:
    fraction = (number[4] or "")[:FRACTION_DIGITS]
    shift = int((number["exponent"] or "e0")[1:]) - len(fraction)
    found = int(number[2] + fraction) * factor
    found = found * 10**shift if shift >= 0 else found // 10**-shift
    return _in_64_bits(-found if number[1] == "-" else found)


def _since_1970(date: re.Match[str]) -> int | None:
    of_day = _since_midnight(date)
    try:
        day = datetime(int(date["year"]), int(date["month"]), int(date["day"]), tzinfo=_zone(date))
    except ValueError:
        return None
    since = day - datetime(1970, 1, 1, tzinfo=UTC)
    seconds = since.days * 86_400 + since.seconds
    return None if of_day is None else _in_64_bits(seconds * 10**9 + of_day)


def _zone(date: re.Match[str]) -> timezone:
    """Return the zone that a date names. Raises ValueError if there is none."""
    zone = date["zone"] or "Z"
    if zone[0] not in "+-":
        return UTC
    digits = zone[1:].replace(":", "")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-ahead if zone[0] == "-" else ahead)


def _since_midnight(time: re.Match[str]) -> int | None:
    hour, minute, second = int(time["hour"]), int(time["minute"]), int(time["second"])
    half = time["half"]
    if half is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half in "Pp" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    fraction = int((time["fraction"] or "0").ljust(9, "0"))
    return (hour * 3600 + minute * 60 + second) * 10**9 + fraction
