"""The fields of a record: their names, and how their values are read.

A field has one name here; logs call it as they like (ALIASES). A value is text,
or a number, a list or an object where the format has such. A value that cannot
be read is reported by row, with the reason; nothing is guessed. What kinds of events are
called is in `kinds`.
"""

import json
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from itertools import compress
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from driftlab.arrays import IntArray
from driftlab.clocks.catalogue import CLOCKS, LAMPORT
from driftlab.foreign.packed import Packed, Texts, Values
from driftlab.journal.files import UnreadableError
from driftlab.lazy import lazy_pattern
from driftlab.model.columns import MISSING

RowErrors: TypeAlias = dict[int, str]  # the reason why a row cannot be read, by row

ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "host": (
        "process", "machine", "proc", "node", "process_id", "machine_id", "node_id", "vm", "vm_id",
        "proc_id", "host_id", "virtual_machine", "virtual_machine_id", "server", "server_id",
        "replica", "replica_id", "worker",
        "worker_id", "site", "site_id", "computer", "rank", "hostname", "service", "svc",
        "service_name", "pod", "pod_name", "thread", "pid", "thread_id",
    ),
    "index": (),
    "kind": (
        "type", "event_type", "operation", "op", "event_kind", "operation_type", "action_type",
        "write_type",
    ),
    "event": (
        "description", "action", "text", "event_description", "short_message",
        "rendered_message", "message_template",
    ),
    "tick": (),
    "due_ns": (),
    "late_ns": (),
    "time_ns": (),
    "time": (
        "timestamp", "system_time", "wall_time", "datetime", "global_time", "real_time",
        "wall_clock_time", "wall_clock", "physical_time", "physical_clock", "system_clock",
        "system_clock_time", "sys_time", "global_clock", "global_clock_time", "unix_time",
        "unix_timestamp", "epoch_time", "epoch", "local_time", "machine_time", "event_time",
        "log_time", "utc_time", "date_and_time", "elapsed_time", "elapsed",
        "uptime", "instant", "asctime", "realtime_timestamp",
    ),
    "clock": (
        "vector_clock", "vc", "logical_clock", "lc", "logical_clock_time", "local_logical_clock",
        "local_logical_clock_time", "vclock", "vclk", "vec_clock", "vec", "vector_time",
        "vector_timestamp", "vts", "vt",
    ),
    "lamport": (
        "lamport_clock", "logical_time", "lamport_time", "lamport_clock_time", "lamport_timestamp",
        "logical_timestamp", "logical_clock_timestamp", "local_logical_time", "lamport_ts", "lts",
        "logical_ts", "lclock", "l_clock", "lclk", "scalar_clock", "scalar_time", "lamport_counter",
    ),
    "queue": (
        "queue_length", "queue_size", "queue_len", "inbox", "message_queue",
        "message_queue_length", "inbox_length", "network_queue", "network_queue_length",
        "incoming_queue_length", "messages_in_queue", "remaining_messages", "pending_messages",
        "messages_left", "queued_messages",
    ),
    "sender": (
        "from", "source", "src", "sender_id", "from_id", "from_process", "from_machine",
        "from_node", "from_vm", "source_id", "source_process", "source_machine", "sender_process",
        "sender_machine", "received_from", "message_from", "message_sender", "sent_by",
    ),
    "stamp": (
        "received_clock", "message_clock", "msg_clock", "msg_ts", "message_timestamp",
        "received_logical_clock", "message_logical_clock", "received_logical_clock_time",
        "message_logical_clock_time", "sender_clock", "sender_logical_clock",
        "received_lamport", "message_lamport", "received_stamp", "message_stamp",
    ),
    "targets": (
        "target", "to", "receiver", "receivers", "destination", "dest", "receiver_id", "to_id",
        "to_process", "to_machine", "to_node", "to_vm", "sent_to", "send_to", "recipient",
        "recipients", "recipient_id", "dst", "destinations", "destination_id", "target_id",
        "target_machine", "target_process", "receiver_machine", "receiver_process", "message_to",
    ),
    "peer": ("partner", "remote", "other"),  # of a send its targets, of a receive its sender
    "message": ("message_id", "msg_id", "message_uuid", "mid"),
    "sent": (),
    "received": (),
    "matched_by": (),  # by which assumption the message received is named; see assumed_names
    "internal": (),
    "send": (),
    "receive": (),
    **{clock: () for clock in CLOCKS if clock != LAMPORT},
}  # fmt: skip
HOSTS: Final = ("host", *ALIASES["host"])
KNOWN: Final = frozenset(ALIASES) | {name for names in ALIASES.values() for name in names}
PEERS: Final = frozenset({"sender", "targets"})
NUMBERS: Final = ("index", "tick", "due_ns", "late_ns", "time_ns", "lamport", "queue", "stamp")
EMPTY: Final = frozenset(
    {None, "", "-", "none", "None", "null", "NULL", "nan", "NaN", "N/A", "n/a", "NA"}
)
EVERYBODY: Final = frozenset({"all", "both", "every", "everyone", "everybody", "*", "broadcast"})
NEAR_MIN: Final = 0.85  # how alike two names are, for one to be suggested for the other
NEAR_LETTERS_MIN: Final = 4
VALUE_CHARS_SHOWN: Final = 40  # of a value, in a reason
ESCAPED_ZERO: Final = r"\u0000"  # stands for U+0000, which no file of text holds

_NO_HOSTS: Final = frozenset({"", "None"})  # names that stand for no process
_SEPARATORS: Final = lazy_pattern(r"[\s,;+|&\[\]\"']+")
_BRACKETS: Final = lazy_pattern(r"#?\{(.*)\}|\((.*)\)|<(.*)>", re.DOTALL)
_CONJUNCTIONS: Final = frozenset({"and", "und", "et"})
PROCESS_WORDS: Final = frozenset(
    {"machine", "process", "proc", "node", "vm", "server", "replica", "peer", "worker", "host"}
)  # before a name, which they do not belong to if the log calls the process without
_EVERYBODY_WORDS: Final = EVERYBODY | {
    "to", "the", "of", "other", "others", "else", "peers", "nodes", "machines", "processes",
    "replicas", "servers", "members", "vms", "peer", "node", "machine", "process",
}  # fmt: skip
_WHOLE_WITH_POINT: Final = lazy_pattern(
    r"[+-]?[0-9]{1,4000}\.0*"
)  # as pandas writes a whole number in a column with gaps


# Names of fields, and texts.


def normalized_name(name: str) -> str:
    """Return a field's name as letters and digits alone: `Logical Clock` is `logicalclock`."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def known_fields(
    fields: Mapping[str, Values], wanted: Mapping[str, str] = MappingProxyType({})
) -> tuple[dict[str, Values], dict[str, Values]]:
    """Split fields into those with a meaning here, by their names here, and all others.

    wanted: see `own_names`. Raises UnreadableError.
    """
    columns = own_names(fields, wanted)
    own = frozenset(columns.values())
    known = {name: fields[columns[name]] for name in ALIASES if name in columns}
    return known, {name: values for name, values in fields.items() if name not in own}


def own_names(
    fields: Iterable[str], wanted: Mapping[str, str] = MappingProxyType({}), file: str = "the log"
) -> dict[str, str]:
    """Return the log's own names of the fields that have a meaning here, by their names here.

    fields: all names of the log. wanted: own names by names here, as the user says; the
    others are known by ALIASES, the exact name before one of the same words, and that
    before one that has more in parentheses. file: which has these names. A column
    that is both sender and targets is `peer`; there is none beside either of them. Raises
    UnreadableError for a name that is not there.
    """
    names = list(fields)
    columns = joined_peer({name: _own_name(own, name, names, file) for name, own in wanted.items()})
    is_peer_wanted = "peer" in columns
    exact, in_words = _meanings()
    for form_of, meanings in ((normalized_name, exact), (_name_words, in_words), (_head, in_words)):
        found: dict[str, tuple[int, str]] = {}
        for own in names:
            field, rank = meanings.get(form_of(own), (None, 0))
            if is_peer_wanted and field in PEERS:
                continue
            if field is not None and field not in columns and own not in columns.values():
                found[field] = min(found.get(field, (rank, own)), (rank, own), key=itemgetter(0))
        columns |= {field: own for field, (_, own) in found.items()}
    if not is_peer_wanted and not PEERS.isdisjoint(columns):
        columns.pop("peer", None)
    return columns


def joined_peer(wanted: Mapping[str, str]) -> dict[str, str]:
    """Return columns by field, with `peer` for one that is both the sender and the targets."""
    sender, targets = wanted.get("sender"), wanted.get("targets")
    if sender is None or sender != targets:
        return dict(wanted)
    return {"peer": sender} | {name: own for name, own in wanted.items() if name not in PEERS}


# Columns that are kept as text beside others of their name: `kind` beside the kinds.
_OUR_COLUMNS: Final = frozenset(
    {"process", "index", "kind", "tick", "due_ns", "late_ns", "time_ns", "clock", "queue",
     "sender", "stamp", "targets", "timestamp", "line"}
)  # fmt: skip
_TEXT: Final = "_text"
IN_LOG: Final = "_in_log"  # after the name of a column whose field is another column


def key_of_text(name: str) -> str:
    """Return the name under which a trace keeps the texts of a log's column."""
    return f"{name}{_TEXT}" if name in _OUR_COLUMNS else name


def name_in_log(key: str) -> str:
    """Return the name that a log has for a column, by the one that is given it here."""
    plain = key.removesuffix(_TEXT)
    return plain if plain in _OUR_COLUMNS else key.removesuffix(IN_LOG)


@lru_cache(maxsize=10_000)
def field_of(name: str) -> str | None:
    """Return the field that a name stands for, however it is written; None: none of ours."""
    return next(iter(own_names([name])), None)


def _own_name(own: str, name: str, names: Sequence[str], file: str) -> str:
    """Return the log's name of a field that the user named. Raises UnreadableError."""
    alike = [each for each in names if normalized_name(each) == normalized_name(own)]
    if own in names or len(alike) == 1:
        return own if own in names else alike[0]
    near = _near(own, names)
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise UnreadableError(
        f"{file}: --field {name}={own}: there is no column {own}{meant}; there are "
        f"{', '.join(names)}"
    )


def _near(name: str, names: Iterable[str]) -> list[str]:
    """Return the name that is nearest to another in a list, which is empty if none is near."""
    from difflib import get_close_matches  # few logs need it

    return get_close_matches(name, list(names), 1, NEAR_MIN)


def near_field(name: str) -> str | None:
    """Return the field one of whose names is nearly that of a column; None if none is."""
    plain = normalized_name(name)
    names = {normalized_name(alias): field for alias, field in _every_alias()}
    near = _near(plain, names) if len(plain) >= NEAR_LETTERS_MIN else []
    return names[near[0]] if near else None


def how_to_name(columns: Sequence[str]) -> str:
    """Return how the user says what columns mean: by one that is nearly known, if one is."""
    for column in columns:
        field = near_field(column)
        if field is not None:
            shown = column if column.isidentifier() else f'"{column}"'
            return f"--field {field}={shown}"
    return "--field NAME=COLUMN, where NAME is host, kind, lamport, clock, time, sender, targets, …"


def _every_alias() -> Iterable[tuple[str, str]]:
    return ((name, field) for field, names in ALIASES.items() for name in (field, *names))


def field_named(name: str) -> str:
    """Return the field that a name means, which may be an alias. Raises UnreadableError."""
    wanted = normalized_name(name)
    for field, aliases in ALIASES.items():
        if wanted in map(normalized_name, (field, *aliases)):
            return field
    raise UnreadableError(
        f"--field {name}=…: there is no field {name}; there are {', '.join(ALIASES)}"
    )


# Beyond it a name of a column is a line of something else, of which no end is looked for:
# a search for one takes the square of its length.
HEADING_CHARS_MAX: Final = 1_000

# What a heading is made of: `Length of the MsgQueue (after)` is length, message and queue.
_WORDS_OF_NAME: Final = lazy_pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+|\d+")
_FILLERS: Final = frozenset(
    {"the", "of", "a", "an", "in", "and", "at", "its", "current", "updated", "new", "value"}
)
_SAME_WORDS: Final = {
    "msg": "message", "msgs": "message", "messages": "message", "len": "length", "size": "length",
    "q": "queue", "clk": "clock", "number": "id", "num": "id", "no": "id", "nr": "id",
    "name": "id", "proc": "process", "recv": "received", "val": "value", "sys": "system",
}  # fmt: skip
_IN_PARENTHESES: Final = lazy_pattern(r"\s*[(\[{]([^)\]}]*)[)\]}]\s*$")
_OTHER_EVENT: Final = frozenset({"before", "old", "previous", "prior", "sent", "received", "peer"})


@cache
def _meanings() -> tuple[dict[Any, tuple[str, int]], dict[Any, tuple[str, int]]]:
    """Return fields by the letters and by the words of their names, and which alias each is."""
    exact: dict[Any, tuple[str, int]] = {}
    in_words: dict[Any, tuple[str, int]] = {}
    for field, aliases in ALIASES.items():
        for rank, name in enumerate((field, *aliases)):
            exact.setdefault(normalized_name(name), (field, rank))
            in_words.setdefault(_name_words(name), (field, rank))
    return exact, in_words


def _name_words(name: str) -> frozenset[str]:
    """Return the words of a name in no order, without those that say nothing."""
    words = [word.lower() for word in _WORDS_OF_NAME.findall(name)]
    if words == ["q"]:  # alone it may be anything
        return frozenset(words)
    return frozenset(_SAME_WORDS.get(word, word) for word in words if word not in _FILLERS)


def _head(name: str) -> frozenset[str]:
    """Return the words of a name before its unit, or what else it has in parentheses."""
    if len(name) > HEADING_CHARS_MAX:
        return frozenset()
    unit = unit_of_heading(name)
    if unit is not None:
        return _name_words(_UNIT_AT_END.sub("", name))
    more = _IN_PARENTHESES.search(name)
    if more is None or _name_words(more[1]) & _OTHER_EVENT:
        return frozenset()
    return _name_words(name[: more.start()])


# Units in headings: `Time (ms)`, `elapsed_us`, `Global Time [Unix]`.
_UNITS_OF_WORDS: Final = {
    **dict.fromkeys(("ns", "nsec", "nanos", "nanosecond", "nanoseconds"), "ns"),
    **dict.fromkeys(("us", "µs", "μs", "usec", "micros", "microsecond", "microseconds"), "us"),
    **dict.fromkeys(("ms", "msec", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("unix", "epoch", "posix"), "unix"),
}
_UNIT_AT_END: Final = lazy_pattern(
    rf"(?:\s*[(\[{{]\s*(?:in\s+)?|[\s_,]+(?:in[\s_]+)?)(?P<unit>{'|'.join(_UNITS_OF_WORDS)})"
    r"(?:\s+time(?:stamp)?)?\s*[)\]}]?\s*$",
    re.IGNORECASE,
)


def unit_of_heading(name: str) -> str | None:
    """Return the unit that a column's name says: ns, us, ms, s, or unix; None if it says none."""
    if len(name) > HEADING_CHARS_MAX:
        return None
    found = _UNIT_AT_END.search(name)
    return None if found is None else _UNITS_OF_WORDS[found["unit"].lower()]


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
    is_packed = isinstance(values, Packed) and values.integers() is None
    plain = None if is_packed else all_whole(values)
    if plain is None:
        plain = _whole_or_empty(values)
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
        if not values.may_be_whole():
            return None
    held = list(values)
    if not set(map(type, held)) <= {str, int}:
        return None
    try:
        return np.array(list(map(int, held)), np.int64)
    except (ValueError, OverflowError):
        return None


def _whole_or_empty(values: Sequence[Any]) -> IntArray | None:
    """Return values that all are whole numbers of 64 bits, or empty: MISSING; else None."""
    held = list(values)
    if not set(map(type, held)) <= {str, int, type(None)}:
        return None
    if EMPTY.isdisjoint(held):
        is_held, filled = None, held
    else:
        is_held = [value not in EMPTY for value in held]
        filled = list(compress(held, is_held))
    try:
        found = np.array(list(map(int, filled)), np.int64)
    except (ValueError, OverflowError):
        return None
    if bool((found == MISSING).any()):
        return None
    if is_held is None:
        return found
    column = np.full(len(held), MISSING, np.int64)
    column[is_held] = found
    return column


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


class TargetNames:
    """Reads the names of the processes that events send to.

    known: names of processes of the log, which may hold what separates names: `R&D`.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = frozenset(known)
        compound = [name for name in self._known if _SEPARATORS.search(name)]
        names = "|".join(map(re.escape, sorted(compound, key=len, reverse=True)))
        self._compound = re.compile(rf"(?<![^\W_])(?:{names})(?![^\W_])") if names else None

    def name(self, text: str) -> str:
        """Return the process that a text names: `1` of `Machine 1`, if only that is known."""
        first, _, rest = text.partition(" ")
        is_word = first.lower() in PROCESS_WORDS and text not in self._known
        return rest.strip() if is_word and rest.strip() in self._known else text

    def names(self, value: Any) -> list[str] | None:
        """Return the processes that a value names, in its order; None for all."""
        if is_empty(value):
            return []
        if isinstance(value, str):
            text = value.strip()
            if text in self._known:
                return [text]
            if _says_everybody(text):
                return None
            with suppress(ValueError, RecursionError):
                value = json.loads(text) if text.startswith("[") else value
        if isinstance(value, str):
            return self._split(_in_brackets(text))
        return [str(one) for one in value] if isinstance(value, list) else [str(value)]

    def _split(self, text: str) -> list[str]:
        found: list[str] = []
        at = 0
        for match in self._compound.finditer(text) if self._compound else ():
            found += [*_SEPARATORS.split(text[at : match.start()]), match[0]]
            at = match.end()
        found += _SEPARATORS.split(text[at:])
        names = [name for name in found if name]
        if not self._known.isdisjoint(names):  # as in `Machine 1 and Machine 2`
            names = [n for n in names if n in self._known or n.lower() not in PROCESS_WORDS]
        if len(names) < 3:  # of two names, `and` may be one
            return names
        return [name for name in names if name in self._known or name not in _CONJUNCTIONS]


def _in_brackets(text: str) -> str:
    """Return what a text has in its brackets, if these are around all of it."""
    found = _BRACKETS.fullmatch(text)
    return next(filter(None, found.groups()), "") if found else text


def _says_everybody(text: str) -> bool:
    words = text.lower().split()
    if len(words) > 1:
        return _EVERYBODY_WORDS.issuperset(words) and not EVERYBODY.isdisjoint(words)
    return text.lower() in EVERYBODY


def target_names(value: Any) -> list[str] | None:
    """Return the processes that a value names; see `TargetNames`."""
    return TargetNames().names(value)


class MessageNumbers(NamedTuple):
    """Names of messages as whole numbers, one name one number in all columns.

    columns i8: the numbers. names: at each number its name; empty where the numbers are
    the names.
    """

    columns: list[IntArray]
    names: Sequence[str | None]


def message_numbers(columns: Sequence[Sequence[Any]]) -> MessageNumbers:
    """Return the names of messages in some columns as numbers."""
    number_of: dict[str, int] = {}
    found = [
        [MISSING if name is None else number_of.setdefault(name, len(number_of)) for name in names]
        for names in _message_names(columns)
    ]
    names: Sequence[str | None] = ()
    if all(_is_plain_number(name) for name in number_of):
        known = {number: int(name) for name, number in number_of.items()}
        found = [[known.get(number, MISSING) for number in column] for column in found]
    else:
        names = Texts([escape_zeros(escape_surrogates(name)) for name in number_of])
    return MessageNumbers([np.array(column, np.int64) for column in found], names)


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
