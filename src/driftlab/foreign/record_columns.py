"""Records with keys, as columns: what JSON, logfmt, syslog and EDN logs are read into.

A record is a mapping from keys to values, which may be nested. Its keys are fields
as the columns of a table are. A field may also be named by a path of keys,
`vc.map`, which the user says (`ReadOptions.fields`); a record without it has no
such field. A key inside a nested object that is the name of a field is taken for it
where the log has one such path, and no key of that meaning outside; where it has
several, none is taken.

Records come a few thousand at a time and are packed at once (see packed): a million
of them are never held as mappings.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from itertools import accumulate, chain
from typing import Any, Final, TypeAlias

import numpy as np

from driftlab.clocks.catalogue import CLOCKS
from driftlab.foreign.clock_values import pack_clocks
from driftlab.foreign.fields import (
    IN_LOG,
    PEERS,
    Positions,
    field_of,
    is_empty,
    joined_peer,
    normalized_name,
)
from driftlab.foreign.log_file import LogFile, ReadOptions
from driftlab.foreign.packed import ROWS_AT_ONCE, Packed, Pool
from driftlab.foreign.records import Records, UnmatchedText, Values, records_of_file
from driftlab.foreign.trace_builder import Execution, build_execution
from driftlab.foreign.unclear_columns import NAMES as UNCLEAR_TIMES
from driftlab.journal.files import UnreadableError

DEPTH_MAX: Final = 6  # of nested objects that are searched for fields
PATHS_SHOWN_MAX: Final = 40  # in a message
RECORDS_SEARCHED: Final = 1_000  # of a file, for the paths that a message lists

_CLOCKS: Final = frozenset({"clock", "lamport", "vector"})
_NESTED: Final = _CLOCKS | set(CLOCKS) | {"targets"}  # fields whose values may be nested
_TIMES: Final = frozenset({"time", "time_ns"})
_THREADS: Final = frozenset({"thread", "threadid", "pid"})
_NAMES_OF_OBJECTS: Final = frozenset({"name", "id"})  # keys of an object that is a process
_MARKS: Final = frozenset({"internal", "send", "receive"})  # that say the kind by being there
_LASTS: Final = frozenset({"elapsed", "elapsedtime", "uptime", "duration"})
_ABSENT: Final = object()

Record = Mapping[str, Any]
Reader = Callable[[LogFile, "RecordColumns"], list[UnmatchedText]]


def read_records(
    logs: Sequence[LogFile], options: ReadOptions, read: Reader, format: str
) -> list[Execution]:
    """Read the files of one log whose records have keys.

    `read`: adds the records of one file to its columns, and returns what gave none.
    `format`: its name, for messages. Without a key for the process, each file is of
    the process that its name says. Raises UnreadableError where no record has a path
    of keys that `options` names, or nothing says the process.
    """
    wanted = joined_peer(options.fields)
    columns = []
    unread = []
    for log in logs:
        columns.append(RecordColumns(wanted))
        unread.append(read(log, columns[-1]))
    _require_paths(logs[0], columns, wanted)
    names = _taken_paths(columns)
    is_named = len(logs) > 1 or options.process_from is not None
    records = [
        _records(log, each, gaps, names, format, is_named=is_named)
        for log, each, gaps in zip(logs, columns, unread, strict=True)
    ]
    said = {"message": "message"} if "message" in wanted else {}
    own = {name: path for path, name in names.items()} | {
        (field_of(name) or name): path for name, path in wanted.items()
    }
    records = [each._replace(paths={**each.paths, **own}) for each in records]
    return build_execution(records, options._replace(fields=said))


def _records(
    log: LogFile, columns: "RecordColumns", unread: list[UnmatchedText],
    names: Mapping[str, str], format: str, *, is_named: bool,
) -> Records:  # fmt: skip
    given = columns.fields(names)
    fields = _with_event(given)
    called = {field: own for own in given if own not in fields for field in ("event",)}
    rows = len(columns.lines)
    if "host" not in map(field_of, fields):
        host = columns.process or (log.process if is_named else None)
        if host is None and rows:
            raise UnreadableError(
                f"{log.name}: no key named host or process (there are "
                f"{_listed(columns.paths) or 'none'}); name it with --field host=KEY.PATH, or put "
                f"the file of each process, named after it, into a folder and read that with "
                f"--format {format}"
            )
        fields["host"] = [host] * rows
    records = records_of_file(log.name, fields, np.array(columns.lines, np.int64), unread)
    return records._replace(paths=called)


def _with_event(fields: dict[str, Values]) -> dict[str, Values]:
    """Return fields with the event's text, which many logs call `msg`, or `message`.

    `message` is the name of a message unless most of its values are several words.
    """
    of = {field_of(key): key for key in fields}
    if "event" in of:
        return fields
    own = next((key for key in fields if normalized_name(key) == "msg"), None)
    if own is None and normalized_name(of.get("message", "")) == "message":
        texts = [value for value in fields[of["message"]] if isinstance(value, str)]
        has_words = 2 * sum(" " in text.strip() for text in texts) > len(texts)
        own = of["message"] if has_words else None
    return {"event" if key == own else key: column for key, column in fields.items()}


def _require_paths(
    log: LogFile, columns: Sequence["RecordColumns"], wanted: Mapping[str, str]
) -> None:
    """Raise UnreadableError for a path that no record has, with those that there are."""
    if not any(len(each.lines) for each in columns):
        return
    for name, path in wanted.items():
        if not any(name in each.asked for each in columns):
            paths = list(dict.fromkeys(chain.from_iterable(each.paths for each in columns)))
            raise UnreadableError(
                f"{log.name}: --field {name}={path}: no record has {path}; there are "
                f"{_listed(paths)}"
            )


def _listed(paths: Sequence[str] | Mapping[str, None]) -> str:
    shown = ", ".join(list(paths)[:PATHS_SHOWN_MAX])
    more = len(paths) - PATHS_SHOWN_MAX
    return f"{shown} and {more} more" if more > 0 else shown


def _taken_paths(columns: Sequence["RecordColumns"]) -> dict[str, str]:
    """Return the field of each nested path that is taken for one; see the module."""
    nested = dict.fromkeys(path for each in columns for path in each.nested)
    has_host_within = any(_field_at(path) == "host" and not _is_thread(path) for path in nested)
    plain = {
        field_of(key)
        for each in columns
        for key in each.keys
        if not (has_host_within and _is_thread(key)) and key not in each.objects
    }
    plain |= {name for each in columns for name in each.asked}
    plain |= PEERS if "peer" in plain else frozenset()
    paths: dict[str, list[str]] = {}
    for path in nested:
        if not (has_host_within and _is_thread(path)):
            paths.setdefault(_field_at(path), []).append(path)
    taken = {name: _plainest(found) for name, found in paths.items() if name not in plain}
    return {found[0]: name for name, found in taken.items() if len(found) == 1}


def _plainest(paths: Sequence[str]) -> Sequence[str]:
    """Return those of the paths of one field that hold no other, and need no second key.

    `service.name` is what `service` would be; `node` says it by itself. What lasts is no time
    beside an instant.
    """
    of_day = [
        path for path in paths if not _LASTS.intersection(map(normalized_name, path.split(".")))
    ]
    paths = of_day or paths
    inner = [path for path in paths if not any(each.startswith(f"{path}.") for each in paths)]
    return [path for path in inner if _is_field_itself(path)] or inner


def _is_thread(path: str) -> bool:
    """Whether a key names a thread, which is a process only if nothing else is."""
    return normalized_name(path.rpartition(".")[2]) in _THREADS


class RecordColumns:
    """The records of one file as columns.

    lines: of each record, from 1. keys, nested, asked: the columns of keys, of paths
    inside nested values whose last key is the name of a field, and of the fields that
    the user names the path of. paths: all paths of keys, as far as they were searched.
    process: whose records these are, if the file says it outside of them.
    """

    def __init__(self, wanted: Mapping[str, str]) -> None:
        self.lines: list[int] = []
        self.keys: dict[str, Packed] = {}
        self.nested: dict[str, Packed] = {}
        self.asked: dict[str, Packed] = {}
        self.paths: dict[str, None] = {}
        self.process: str | None = None
        self._leaves: dict[str, set[str]] = {}  # of keys with nested values, the paths inside
        self.objects: set[str] = set()  # keys that would name the process, were they no objects
        self._wanted = wanted
        self._pool = Pool()
        self._names: dict[str, Positions] = {}
        self._forms: dict[tuple[str, ...], None] = {}

    def add(self, records: Sequence[dict[str, Any]], lines: Sequence[int]) -> None:
        """Add records, each with its line; best a few thousand at once."""
        if not records:
            return
        if len(self.lines) < RECORDS_SEARCHED:
            for record in records[: RECORDS_SEARCHED - len(self.lines)]:
                _note_paths(record, "", self.paths, DEPTH_MAX)
        for name, path in self._wanted.items():
            keys = path.split(".")
            values = [_value_at(record, keys) for record in records]
            if any(value is not _ABSENT for value in values):
                held = [None if value is _ABSENT else value for value in values]
                self._put(self.asked, name, held, (field_of(name) or name))
        for key, column in _columns_of(records).items():
            self._add_column(key, column)
        self.lines += lines

    def fields(self, names: Mapping[str, str]) -> dict[str, Values]:
        """Return the columns by name. `names`: the field of each nested path that is taken."""
        fields: dict[str, Packed] = {}
        asked = {(field_of(name) or name) for name in self.asked}
        asked |= PEERS if "peer" in asked else frozenset()
        used = set(self._wanted.values())
        has_event = "event" in {*map(field_of, self.keys), *asked}
        for key, column in self.keys.items():
            leaves = self._leaves.get(key)
            if key in used or (leaves and _are_taken(leaves, used.union(names))):
                continue  # all that it holds is taken
            is_replaced = key in asked or field_of(key) in asked
            if is_replaced and field_of(key) == "message" and not has_event:
                fields["event"] = column  # the other column of messages is what it says
                has_event = True
            else:
                is_other = is_replaced or key in self.objects
                fields[f"{key}{IN_LOG}" if is_other else key] = column
        fields = _joined(fields, len(self.lines))
        if not _TIMES.intersection(map(field_of, (*fields, *names.values()))):
            fields = _with_joined_time(fields)
        fields |= {names[path]: column for path, column in self.nested.items() if path in names}
        fields |= self.asked
        for column in fields.values():
            self._fill(column, len(self.lines))
        return dict(fields)

    def _add_column(self, key: str, values: Sequence[Any]) -> None:
        field = field_of(key) or key
        is_packed = self._put(self.keys, key, values, field)
        if is_packed or dict not in set(map(type, values)):
            return
        if field == "host":
            self.objects.add(key)
        if field in _CLOCKS and _are_clocks(values):
            return
        nested: dict[str, list[Any]] = {}
        leaves = self._leaves.setdefault(key, set())
        for row, value in enumerate(values):
            if isinstance(value, dict):
                _find_fields(value, key, row, len(values), nested, leaves, DEPTH_MAX)
            elif not is_empty(value):
                leaves.add(key)
        for path, found in nested.items():
            self._put(self.nested, path, found, _field_at(path))

    def _put(
        self, columns: dict[str, Packed], name: str, values: Sequence[Any], field: str
    ) -> bool:
        """Add the values of a column; return whether all are vector clocks.

        `field`: what it means, or its name.
        """
        column = columns.setdefault(name, Packed())
        self._fill(column, len(self.lines))
        types = set(map(type, values))
        if field in _CLOCKS and types <= {dict, str}:
            packed = pack_clocks(values, self._names.setdefault(name, Positions()))
            if packed is not None:
                column.append(packed)
                return True
        if types & {dict, list, bool}:
            values = [_plain(value, field) for value in values]
        column.append(self._pool.pack(values))
        return False

    def _fill(self, column: Packed, rows: int) -> None:
        """Give a column that lacks the last values as many empty ones."""
        if len(column) < rows:
            column.append([None] * (rows - len(column)))


def _are_taken(leaves: Iterable[str], taken: Set[str]) -> bool:
    """Whether each path, or one that it goes on from, is taken."""
    return all(
        not taken.isdisjoint(accumulate(leaf.split("."), lambda outer, key: f"{outer}.{key}"))
        for leaf in leaves
    )


def _joined(fields: Mapping[str, Packed], rows: int) -> dict[str, Packed]:
    """Return fields with one for all keys of one meaning, where no record has two of these."""
    groups: dict[str, list[str]] = {}
    for key in fields:
        groups.setdefault(field_of(key) or key, []).append(key)
    joined: dict[str, Packed] = {}
    for name, keys in groups.items():
        columns = [list(fields[key]) for key in keys] if len(keys) > 1 else []
        cells: list[Any] = [None] * rows
        is_clear = len(keys) > 1
        for column in columns:
            held = [row for row, value in enumerate(column) if value is not None]
            is_clear &= all(cells[row] is None for row in held)
            for row in held:
                cells[row] = column[row]
        joined |= {name: Packed([cells])} if is_clear else {key: fields[key] for key in keys}
    return joined


def _with_joined_time(fields: Mapping[str, Packed]) -> dict[str, Packed]:
    """Return fields with seconds and parts of a second, as in `timestampNanos`, as one time."""
    by_name = {normalized_name(key): key for key in fields}
    for name, key in by_name.items():
        stem = next((name.removesuffix(end) for end in _SECONDS if name.endswith(end)), None)
        part = next((end for end in _PARTS if f"{stem}{end}" in by_name), None)
        if stem is None or part is None or field_of(stem or "time") != "time":
            continue
        seconds, parts = list(fields[key]), list(fields[by_name[f"{stem}{part}"]])
        if not all(_is_count(value) for value in (*seconds, *parts)):
            continue
        cells = [
            None if whole is None else f"{whole}.{str(more or 0).zfill(_PARTS[part])}"
            for whole, more in zip(seconds, parts, strict=True)
        ]
        rest = {own: column for own, column in fields.items()
                if own not in (key, by_name[f"{stem}{part}"])}  # fmt: skip
        return {**rest, "time": Packed([cells])}
    return dict(fields)


def _is_count(value: Any) -> bool:
    return value is None or str(value).isdecimal()


def _columns_of(records: Sequence[dict[str, Any]]) -> dict[str, Sequence[Any]]:
    """Return the values of every key, None where a record lacks it."""
    first = tuple(records[0])
    if all(map(first.__eq__, map(tuple, records))):
        return dict(zip(first, zip(*map(dict.values, records), strict=True), strict=True))
    keys = dict.fromkeys(chain.from_iterable(records))
    return {key: [record.get(key) for record in records] for key in keys}


def _are_clocks(values: Sequence[Any]) -> bool:
    """Whether no value is an object of anything but numbers and texts."""
    return not any(
        isinstance(value, dict) and any(isinstance(one, dict | list) for one in value.values())
        for value in values
    )


def _find_fields(
    value: Mapping[str, Any], path: str, row: int, rows: int, found: dict[str, list[Any]],
    leaves: set[str], depth: int,
) -> None:  # fmt: skip
    """Note every value in a nested one whose key is the name of a field, by its path.

    leaves: gets the paths of all values that are no objects themselves.
    """
    outer = path.rpartition(".")[2]
    for key, inner in value.items():
        name, at = field_of(key) or _field_of_object(outer, key) or None, f"{path}.{key}"
        if name is not None and not (name == "host" and isinstance(inner, dict)):
            if at not in found:
                found[at] = [None] * rows
            found[at][row] = inner
        if depth and isinstance(inner, dict) and not (name in _CLOCKS and _are_clocks([inner])):
            _find_fields(inner, at, row, rows, found, leaves, depth - 1)
        else:
            leaves.add(at)


def _note_paths(value: Mapping[str, Any], path: str, paths: dict[str, None], depth: int) -> None:
    for key, inner in value.items():
        paths[path + key] = None
        if depth and isinstance(inner, dict):
            _note_paths(inner, f"{path}{key}.", paths, depth - 1)


def _field_at(path: str) -> str:
    """Return the field that the last key of a path, or its last two, is the name of."""
    keys = path.rsplit(".", 2)
    return field_of(keys[-1]) or (_field_of_object(keys[-2], keys[-1]) if keys[1:] else "")


def _is_field_itself(path: str) -> bool:
    return field_of(path.rpartition(".")[2]) is not None


def _field_of_object(outer: str, key: str) -> str:
    """Return `host` for the name in an object that is called as a process, "" for others."""
    is_name = normalized_name(key) in _NAMES_OF_OBJECTS and not _is_thread(outer)
    return "host" if is_name and field_of(outer) == "host" else ""


def _value_at(value: Any, keys: Sequence[str]) -> Any:
    """Return what stands at a path of keys, _ABSENT if nothing does; a key may have dots in it."""
    for count in range(1, len(keys) + 1):
        key = ".".join(keys[:count])
        inner = _ABSENT
        if isinstance(value, dict):
            inner = value.get(key, _ABSENT)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            inner = value[int(key)]
        if inner is not _ABSENT and count < len(keys):
            inner = _value_at(inner, keys[count:])
        if inner is not _ABSENT:
            return inner
    return _ABSENT


# Keys of an object that is an instant, without punctuation, and how many of each are a second.
_SECONDS: Final = frozenset({"epochsecond", "epochseconds", "seconds", "sec", "secs", "tvsec"})
_PARTS: Final = {
    **dict.fromkeys(("nanoofsecond", "nanos", "nanoseconds", "nsec", "nsecs", "tvnsec"), 9),
    **dict.fromkeys(("microseconds", "micros", "usec", "tvusec"), 6),
}
_DATE: Final = "$date"  # as MongoDB writes an instant


def _instant(value: Mapping[str, Any]) -> Any:
    """Return an object of seconds and parts of a second as a number of seconds; None if it is none.

    An object with only a `$date` is what that holds.
    """
    if set(value) == {_DATE}:
        held = value[_DATE]
        return next(iter(held.values())) if isinstance(held, dict) and len(held) == 1 else held
    seconds, part = None, ""
    for key, number in value.items():
        name = normalized_name(key)
        if not isinstance(number, int | str) or not str(number).lstrip("-").isdigit():
            return None
        if name in _SECONDS:
            seconds = number
        elif name in _PARTS:
            part = str(number).zfill(_PARTS[name])
        else:
            return None
    return None if seconds is None else f"{seconds}.{part or 0}"


def _plain(value: Any, field: str) -> Any:
    """Return a nested value as text of JSON, where the field has no use for it as it is."""
    may_be_time = isinstance(value, dict) and (field == "time" or field in UNCLEAR_TIMES)
    instant = _instant(value) if may_be_time else None
    if instant is not None:
        return instant
    if field in _MARKS and not value:
        return None  # false, or an empty list
    if field in _NESTED or not isinstance(value, dict | list | bool):
        return value
    return json.dumps(value, ensure_ascii=False)


ParseLine: TypeAlias = Callable[[str], dict[str, Any] | str]


def line_reader(parse: ParseLine) -> Reader:
    """Return a reader of files whose lines are records.

    `parse`: returns the record in a line, or why the line is none.
    """

    def read(log: LogFile, columns: RecordColumns) -> list[UnmatchedText]:
        unread: list[UnmatchedText] = []
        records: list[dict[str, Any]] = []
        lines: list[int] = []
        for piece in log.text_pieces():
            unread += [UnmatchedText(0, one.line, one.reason, "") for one in piece.unread]
            for number, line in piece.numbered_lines():
                record = parse(line)
                if isinstance(record, str):
                    unread.append(UnmatchedText(0, number, record, line))
                    continue
                records.append(record)
                lines.append(number)
                if len(records) == ROWS_AT_ONCE:
                    columns.add(records, lines)
                    records, lines = [], []
        columns.add(records, lines)
        return unread

    return read
