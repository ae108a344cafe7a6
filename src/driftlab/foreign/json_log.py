"""Logs of JSON: an object a line, an array of objects, or an object with such an array.

The keys of an object are the fields of a record (see record_columns). An object may
name a key once; what is no object, is no JSON, or breaks off is unread. Lines are
read each by itself, so damage costs a line. Of an array everything before the damage
counts, and nothing after it.

Numbers with a point stay texts, so no digit of a time is lost. `NaN` stands for no
value, as in tables; `Infinity` is read and is no number of any field. What a process of
ours recorded, a list, is written as a list, and read back as the same text.

*Speed.* The scanner of the standard library parses a thousand lines in a loop without
checks; what it cannot see (a key twice, which it takes the last value of) is found by
counting the keys in the text. Only lines that do not add up are parsed with checks.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from driftlab.foreign.assumed_names import MATCHED_BY
from driftlab.foreign.fields import field_of, shorten
from driftlab.foreign.json_stream import DamageError, JsonStream
from driftlab.foreign.log_file import LogFile, ReadOptions
from driftlab.foreign.packed import ROWS_AT_ONCE
from driftlab.foreign.record_columns import RecordColumns, read_records
from driftlab.foreign.records import UnmatchedText
from driftlab.foreign.text_columns import NONE, TextColumns, only_trace, write_text
from driftlab.foreign.trace_builder import Execution
from driftlab.history.trace import Trace
from driftlab.model.event import PayloadError, canonical_payload, payload_text

LINES_TRIED: Final = 5  # after a first line that is no object

_OF_EVENTS: Final = frozenset(
    {"clock", "lamport", "vector", "time", "time_ns", "message", "sender", "stamp"}
)  # fields that an object around events does not have
_OF_LOGS: Final = _OF_EVENTS | {"host", "time", "queue", "targets"}
_KEY: Final = re.compile(r"\"((?:[^\"\\]|\\.){1,60})\"\s*:")
_PARSER: Final = json.JSONDecoder(parse_float=str, parse_constant=str)
_scan: Final[Any] = vars(_PARSER)["scan_once"]  # `decode` without its checks of the ends


class _TwiceError(ValueError):
    """An object that names a key twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _TwiceError(f"names the key {shorten(twice)} twice")
    return found


CHECKED: Final = json.JSONDecoder(
    parse_float=str, parse_constant=str, object_pairs_hook=_unique
)  # which finds a key that stands twice


# Reading.


def read(logs: Sequence[LogFile], options: ReadOptions) -> list[Execution]:
    """Read files of JSON. Raise DriftlabError if they cannot be read.

    logs: all files of the log. options: what the user says about the format.
    """
    return read_records(logs, options, _add_records, "json")


def _add_records(log: LogFile, columns: RecordColumns) -> list[UnmatchedText]:
    return _add_lines(log, columns) if has_lines(log.head) else _add_document(log, columns)


def is_log(head: str) -> bool:
    """Whether JSON looks like a log, by its beginning: it has a key for who, when or what clock."""
    return any(field_of(key) in _OF_LOGS for key in _KEY.findall(head))


def has_lines(head: str) -> bool:
    """Whether a text that begins with JSON has an object in each line, by its beginning."""
    head = head.lstrip()
    if head.startswith("["):
        return False
    first, end, rest = head.partition("\n")
    value = _object_of(first)
    if value is not None:
        return bool(rest.strip()) or not _is_around_events(value)
    if not end:
        return "[{" not in head.replace(" ", "")
    try:
        json.JSONDecoder().raw_decode(head)
    except (ValueError, RecursionError) as error:
        others = [line for line in rest.split("\n")[:LINES_TRIED] if _object_of(line) is not None]
        return bool(others) or getattr(error, "pos", 0) < len(first)
    return False


def _object_of(text: str) -> dict[str, Any] | None:
    """Return the object that a text is, None if it is none."""
    try:
        value = _PARSER.decode(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_around_events(value: dict[str, Any]) -> bool:
    """Whether an object is no event itself, but has an array of objects."""
    return bool(_arrays_in(value)) and not _OF_EVENTS & set(map(field_of, value))


def _arrays_in(value: dict[str, Any]) -> list[str]:
    """Return the keys of arrays of objects in an object, and in objects in it."""
    found = []
    for key, inner in value.items():
        if isinstance(inner, list) and inner and isinstance(inner[0], dict):
            found.append(key)
        elif isinstance(inner, dict):
            found += _arrays_in(inner)
    return found


# Lines.


def _add_lines(log: LogFile, columns: RecordColumns) -> list[UnmatchedText]:
    unread = []
    for piece in log.text_pieces():
        unread += [UnmatchedText(0, one.line, one.reason, "") for one in piece.unread]
        lines = piece.text.split("\n")
        for first in range(0, len(lines), ROWS_AT_ONCE):
            some = lines[first : first + ROWS_AT_ONCE]
            numbers: Sequence[int] = range(piece.first + first, piece.first + first + len(some))
            if "" in some:
                kept = [(line, number) for line, number in zip(some, numbers, strict=True) if line]
                if not kept:
                    continue
                some, numbers = map(list, zip(*kept, strict=True))
            records = _records_of_lines(some)
            if records is None:
                unread += _add_checked(some, numbers, columns)
            else:
                _keep_recorded(records, some)
                columns.add(records, numbers)
    return unread


def _keep_recorded(records: Sequence[dict[str, Any]], lines: Sequence[str]) -> None:
    """Replace lists of what processes recorded by their text, numbers with a point as they are."""
    for record, line in zip(records, lines, strict=True):
        if type(record.get(_RECORDED)) is list:
            with suppress(PayloadError):  # longer than any of ours
                record[_RECORDED] = payload_text(json.loads(line)[_RECORDED])


def _records_of_lines(lines: Sequence[str]) -> list[dict[str, Any]] | None:
    """Parse lines that all are objects in which no key stands twice; None if one may not be."""
    try:
        scanned = [_scan(line, 0) for line in lines]
    except (StopIteration, ValueError, RecursionError):
        return None
    records = [one[0] for one in scanned]
    if set(map(type, records)) != {dict}:
        return None
    if [one[1] for one in scanned] != [*map(len, lines)]:
        return None
    text = "".join(lines)
    if " :" in text or "\t:" in text:
        return None
    is_unique = text.count('":') == _count_of_keys(records, text.count("{"))
    return records if is_unique else None


def _count_of_keys(values: Sequence[Any], objects: int) -> int:
    """Return how many keys objects have, with those of objects in them.

    `objects`: as many as there are at most, with those in them.
    """
    count = 0
    while values:
        count += sum(map(len, values))
        objects -= len(values)
        if objects <= 0:
            return count
        inner = [one for value in values for one in value.values() if type(one) in _CONTAINERS]
        values = []
        while inner:
            values += [one for one in inner if type(one) is dict]
            lists = [one for one in inner if type(one) is list]
            inner = [one for each in lists for one in each if type(one) in _CONTAINERS]
    return count


_RECORDED: Final = "recorded"
_CONTAINERS: Final = frozenset({dict, list})


def _add_checked(
    lines: Sequence[str], numbers: Sequence[int], columns: RecordColumns
) -> list[UnmatchedText]:
    """Add the records of lines, each of which may be anything; return those that are none."""
    unread, records, places, texts = [], [], [], []
    for line, number in zip(lines, numbers, strict=True):
        if not line.strip():
            continue
        record = parse_object(line)
        if isinstance(record, str):
            unread.append(UnmatchedText(0, number, record, line))
        else:
            records.append(record)
            places.append(number)
            texts.append(line)
    _keep_recorded(records, texts)
    columns.add(records, places)
    return unread


def parse_object(text: str) -> dict[str, Any] | str:
    """Return an object of JSON, or why the text is none."""
    try:
        value = CHECKED.decode(text)
    except (ValueError, RecursionError) as error:
        return reason_of(error, text)
    return value if isinstance(value, dict) else f"is not a JSON object: {shorten(text)}"


def reason_of(error: ValueError | RecursionError, text: str) -> str:
    """Return why a text could not be parsed."""
    if isinstance(error, RecursionError):
        return "is nested too deep"
    if isinstance(error, _TwiceError):
        return str(error)
    if not isinstance(error, json.JSONDecodeError):
        return "holds a number of too many digits"
    if error.msg.startswith("Extra data"):
        return f"is not one JSON object; after it comes {shorten(text[error.pos :].strip())}"
    is_cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
    what = "it breaks off" if is_cut else f"{error.msg}, character {error.pos + 1}"
    return f"is not JSON: {what}"


# Documents.


def _add_document(log: LogFile, columns: RecordColumns) -> list[UnmatchedText]:
    stream = JsonStream(log.stream(), CHECKED)
    unread: list[UnmatchedText] = []
    records: list[dict[str, Any]] = []
    places: list[int] = []
    try:
        for line, value, reason in _elements(stream, columns):
            if reason is None and isinstance(value, dict):
                records.append(value)
                places.append(line)
            else:
                unread.append(
                    UnmatchedText(0, line, reason or f"is not a JSON object: {shorten(value)}", "")
                )
            if len(records) >= ROWS_AT_ONCE:
                columns.add(records, places)
                records, places = [], []
    except DamageError as error:
        unread.append(UnmatchedText(0, error.line, str(error), "", lines=1 + stream.rest_lines()))
    columns.add(records, places)
    if log.damage:
        unread.append(UnmatchedText(0, stream.line, log.damage, ""))
    return unread


def _elements(stream: JsonStream, columns: RecordColumns) -> Iterator[tuple[int, Any, str | None]]:
    """Yield the records of a document; see `JsonStream.elements`."""
    if stream.peek() == "[":
        yield from stream.elements()
    elif _is_sequence(stream):
        while stream.peek():
            yield stream.line, stream.value(), stream.fault
        return
    else:
        yield from _array_in_object(stream, columns)
    if stream.peek():
        raise DamageError(stream.line, "follows the end of the document, and is not read")


def _is_sequence(stream: JsonStream) -> bool:
    """Whether the document is objects one after the other, over several lines each."""
    first = stream.try_value()
    return isinstance(first, dict) and not _is_around_events(first)


def _array_in_object(
    stream: JsonStream, columns: RecordColumns
) -> Iterator[tuple[int, Any, str | None]]:
    """Yield the elements of the one array of objects in an object, or in one inside of it."""
    found = None
    for line, path, value in stream.members():
        if value is not JsonStream.ARRAY:
            if len(path) == 1 and field_of(path[0]) == "host" and value is not None:
                columns.process = str(value)
        elif found is None:
            found = ".".join(path)
            yield from stream.elements()
        else:
            reason = f"{'.'.join(path)} is a second array of objects beside {found}; not read"
            for _ in stream.elements():
                pass
            yield line, None, reason
    if found is None:
        raise DamageError(1, "has no array of objects")


# Writing.


def write(executions: Sequence[Execution], path: Path) -> None:
    """Write one execution as JSON lines. Raises UnwritableError."""
    write_text(path, _lines(only_trace(executions, "json")))


def _lines(trace: Trace) -> Iterator[str]:
    texts = TextColumns(trace, "json", is_strict=False)
    columns: dict[str, Sequence[Any]] = {"host": texts.hosts()}
    if "event" in trace.texts:
        columns["event"] = trace.texts["event"]
    columns |= texts.extra()
    if trace.timestamps is not None and trace.timestamps.clock == "vector":
        columns["vector"] = [None if each == "{}" else json.loads(each) for each in texts.clocks()]
    elif trace.timestamps is not None:
        columns[trace.timestamps.clock] = trace.timestamp_texts()
    columns |= {key: each for key, each in trace.texts.items() if key not in columns}
    texts_of_log = trace.texts.keys() - {MATCHED_BY}
    are_numbers = frozenset(columns) & _NUMBERS
    for row in zip(*columns.values(), strict=True):
        record = {
            key: int(value) if key in are_numbers else value
            for key, value in zip(columns, row, strict=True)
            if value is not None and not (value == NONE and key not in texts_of_log)
        }
        recorded = record.pop(_RECORDED) if _is_list(record.get(_RECORDED)) else None
        line = json.dumps(record, ensure_ascii=False)
        yield line if recorded is None else f'{line[:-1]}, "{_RECORDED}": {recorded}}}'


def _is_list(text: object) -> bool:
    """Whether a text is a list of JSON in the very form that reading it back gives."""
    if not isinstance(text, str) or not text.startswith("["):
        return False
    with suppress(PayloadError):
        return canonical_payload(text) == text
    return False


_NUMBERS: Final = frozenset(
    {"lamport", "tick", "due_ns", "late_ns", "time_ns", "queue", "stamp", "sent", "received"}
)
