"""Chrome's trace events, which Perfetto opens: read and written.

The objects of one JSON document, one after the other, with where each stands.

A document that breaks off gives what was before: the array form of Chrome's
traces may end without its bracket, and a program that is killed writes no end.
What stands behind a document that ends is told of, and not read: a second
document is another trace, with times and names of its own.

Chrome's trace events as JSON, which Perfetto opens: slices in threads, messages as flows.

Each thread is a process; each slice (`X`, or `B` with its `E`) or instant
(`i`, `I`, `R`) is an event. A flow begins (`s`), passes (`t`) and ends (`f`)
in the slices that surround it, or slices say themselves that it does
(`bind_id`): a message from each to the next. Ours carry all
columns in `args.driftlab`, and so come back whole; of others' arguments the
text is kept, and what is named as logical clocks are called and holds whole
numbers is read. An event has one message received; a second one is told of, as
are phases of other kinds (`b`, `n`, `e` and more), and what is behind the document.

Writing Chrome's trace events: a slice an event, one thread a process, a flow a message.

The times are those of the log, nanoseconds since its first event. Without
times an event stands at its Lamport clock, or at the sum of its vector clock,
as microseconds, so that messages go forward. In a viewer the slices of a
thread may not overlap, nor begin at one instant: each begins at least a
nanosecond after the one before; the times themselves stand in `args`.
"""

import json
import re
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.foreign.chrome_flows import OURS, Binding, Slice, link_flows
from driftlab.foreign.fields import ALIASES, normalized_name
from driftlab.foreign.log_file import Text, read_text
from driftlab.foreign.options import Execution, ReadOptions, UnwritableError
from driftlab.foreign.records import SHOWN_CHARS_MAX, Records, UnmatchedText
from driftlab.foreign.text_columns import TextColumns, write_text
from driftlab.foreign.text_log import executions_of
from driftlab.history.trace import Trace
from driftlab.model.columns import MISSING, Array

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


KEY: Final = "traceEvents"
_CLOCKS: Final = {
    normalized_name(one): name for name in ("clock", "lamport") for one in (name, *ALIASES[name])
} | {"vector": "clock"}
_EVENTS: Final = frozenset({"X", "B", "i", "I", "R"})
_TIMED: Final = _EVENTS | {"s", "t", "f", "E"}
_SILENT: Final = frozenset({"E", "M", "C"})  # ends, names, counters: no events


class _Sorted(NamedTuple):
    """The elements of a document by what they are; all but names in the file's order."""

    slices: list[Slice]
    flows: list[dict[str, Any]]
    names: dict[tuple[str, Any, Any], str]
    ends: list[dict[str, Any]]
    bindings: list[Binding]
    unread: list[UnmatchedText]


def read(paths: Sequence[Path], asked: ReadOptions) -> list[Execution]:
    """Read files of trace events. Raises DriftlabError."""
    files = []
    for path in paths:
        text = read_text(path, asked.encoding, is_document=True)
        files.append([("", _rows(text))])
    return executions_of(files, asked)


def _rows(text: Text) -> Records:
    found = _sorted_out(text)
    links = link_flows(found.slices, found.ends, found.flows, found.bindings)
    hosts = _hosts(found)
    fields: dict[str, list[Any]] = {
        "host": [hosts[one.thread] for one in found.slices],
        "index": links.ranks,
        "sent": links.sent,
        "received": links.received,
    }
    _add_told(fields, found.slices)
    places = np.array([one.place for one in found.slices], np.int64)
    unread = [UnmatchedText(0, one.line, one.reason, "") for one in text.unread] + found.unread
    unread += [
        UnmatchedText(0, int(text.line_of(np.array([place]))[0]), why)
        for place, why in links.unread
    ]
    unread.sort(key=lambda each: each.line)
    return Records(
        fields, text.line_of(places), np.zeros(len(places), np.int32), [text.name], unread
    )


def _sorted_out(text: Text) -> _Sorted:
    found = _Sorted([], [], {}, [], [], [])
    try:
        for place, each in elements(text.text, KEY):
            reason = _sort_in(found, place, each)
            if reason:
                line = int(text.line_of(np.array([place]))[0])
                found.unread.append(UnmatchedText(0, line, reason, ""))
    except DamagedError as error:
        line = int(text.line_of(np.array([error.place]))[0])
        found.unread.append(UnmatchedText(0, line, str(error), ""))
    return found


def _sort_in(found: _Sorted, place: int, each: Any) -> str | None:
    """Put an element where it belongs, or return why it belongs nowhere."""
    if not isinstance(each, dict) or not isinstance(each.get("ph"), str):
        return "is no trace event: it has no ph"
    phase = each["ph"]
    thread = (str(each.get("pid", 0)), str(each.get("tid", 0)))
    if phase == "M":
        name = (each.get("args") or {}).get("name") if isinstance(each.get("args"), dict) else None
        if isinstance(name, str):
            found.names[(str(each.get("name")), *thread)] = name
    elif phase in _TIMED:
        time = _nanoseconds(each.get("ts"))
        if time is None:
            return "has no time ts"
        each |= {"place": place, "thread": thread, "time": time}
        if phase in _EVENTS:
            if "flow_out" in each or "flow_in" in each:
                found.bindings.append(Binding(len(found.slices), place, time, each))
            found.slices.append(_slice(each))
        else:
            (found.ends if phase == "E" else found.flows).append(each)
    elif phase not in _SILENT:
        return f"is of phase {phase[:8]}, which is not read"
    return None


def _slice(each: dict[str, Any]) -> Slice:
    length = _nanoseconds(each.get("dur")) if each["ph"] == "X" else None
    end = each["time"] + (length or 0) if each["ph"] != "B" else None
    name, args = each.get("name"), each.get("args")
    return Slice(each["place"], each["thread"], each["time"], end, name, args)


def _nanoseconds(microseconds: Any) -> int | None:
    try:
        nanoseconds = int(Decimal(microseconds) * 1000)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return nanoseconds if abs(nanoseconds) < 2**62 else None


def _hosts(found: _Sorted) -> dict[tuple[str, str], str]:
    """Name every thread that has events, each with a name of its own."""
    threads = list(dict.fromkeys(one.thread for one in found.slices))
    of_pid = Counter(pid for pid, _ in threads)
    process_names: dict[str, str] = {}
    for (kind, pid, tid), name in found.names.items():
        if kind == "process_name" and (tid == "0" or pid not in process_names):
            process_names[pid] = name
    named = {}
    for pid, tid in threads:
        process = process_names.get(pid, f"process {pid}")
        thread = found.names.get(("thread_name", pid, tid))
        named[pid, tid] = thread or (process if of_pid[pid] == 1 else f"{process} thread {tid}")
    times = Counter(named.values())
    return {
        key: f"{name} {key[0]}/{key[1]}" if times[name] > 1 else name for key, name in named.items()
    }


def _clocks_in(args: Any) -> dict[str, Any]:
    """Return the logical clocks among somebody's arguments: whole numbers, or objects of them."""
    found: dict[str, Any] = {}
    for key, value in args.items() if isinstance(args, dict) else ():
        name = _CLOCKS.get(normalized_name(key))
        is_vector = name == "clock" and isinstance(value, dict) and value
        if name and all(map(_is_count, value.values() if is_vector else [value])):
            found.setdefault(name, value)
    return found


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _add_told(fields: dict[str, list[Any]], slices: Sequence[Slice]) -> None:
    """Add what the events tell: all columns in ours, name, time and arguments in others'."""
    told: list[dict[str, Any]] = []
    for one in slices:
        ours = one.ours()
        if ours is not None:
            told.append(ours)
        else:
            args = json.dumps(one.args, default=str, ensure_ascii=False) if one.args else None
            clocks = _clocks_in(one.args)
            told.append({"event": one.name, "time_ns": one.time, "args": args, **clocks})
    for key in dict.fromkeys(key for each in told for key in each):
        if key not in fields:
            fields[key] = [each.get(key) for each in told]


SPAN_NS_MAX: Final = 2**53  # from the first event to the last: 104 days; JSON holds no more
ENTRY_MAX: Final = 2**31  # of vector clocks whose sums are taken

_PID: Final = 1
_FLOW: Final = {"cat": "message", "name": "message", "pid": _PID}


def write(executions: Sequence[Execution], path: Path) -> None:
    """Write one execution. Raises UnwritableError."""
    if len(executions) > 1:
        raise UnwritableError("chrome: holds one execution; choose one with --execution")
    lines = [json.dumps(each, ensure_ascii=False, separators=(",", ":"))
             for each in _elements(executions[0].trace)]  # fmt: skip
    commas = [f"{line}," for line in lines[:-1]] + lines[-1:]
    write_text(path, [f'{{"displayTimeUnit":"ns","{KEY}":[', *commas, "]}"])


def _elements(trace: Trace) -> list[dict[str, Any]]:
    written = TextColumns(trace, "chrome", is_strict=False)
    begins, lengths = _spread(trace)
    threads = (trace.process_column() + 1).tolist()
    columns = _columns(trace, written)
    texts = {key: column for key, column in trace.texts.items() if key not in columns}
    found: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": _PID, "args": {"name": "driftlab"}}
    ]
    for place, name in enumerate(trace.names, 1):
        where = {"pid": _PID, "tid": place}
        found.append({"ph": "M", "name": "thread_name", **where, "args": {"name": name}})
        found.append(
            {"ph": "M", "name": "thread_sort_index", **where, "args": {"sort_index": place}}
        )
    for row, name in enumerate(written.events()):
        told: dict[str, Any] = {
            key: column[row] for key, column in columns.items() if column[row] not in ("-", None)
        }
        told |= {key: column[row] for key, column in texts.items() if column[row] is not None}
        found.append(
            {"ph": "X", "name": name, "pid": _PID, "tid": threads[row],
             "ts": _microseconds(begins[row]), "dur": _microseconds(lengths[row]),
             "args": {OURS: told}}
        )  # fmt: skip
    return found + _flows(trace, threads, begins)


def _columns(trace: Trace, written: TextColumns) -> dict[str, Sequence[Any]]:
    columns: dict[str, Sequence[Any]] = dict(written.extra())
    columns.pop("sent", None)
    columns.pop("received", None)
    if trace.timestamps is not None and trace.timestamps.clock == "vector":
        columns["vector"] = [None if c == "{}" else json.loads(c) for c in written.clocks()]
    elif trace.timestamps is not None:
        columns[trace.timestamps.clock] = trace.timestamp_texts()
    return columns


def _flows(trace: Trace, threads: Sequence[int], begins: Sequence[int]) -> list[dict[str, Any]]:
    """Return a flow for every message whose both ends have its name."""
    of = trace.columns
    if of.sent is None or of.received is None:
        return []
    sends = {name: row for row, name in enumerate(of.sent.tolist()) if name != MISSING}
    found: list[dict[str, Any]] = []
    for to, name in enumerate(of.received.tolist()):
        source = sends.get(name) if name != MISSING else None
        if source is not None:
            for phase, row in (("s", source), ("f", to)):
                more = {"bp": "e"} if phase == "f" else {}
                found.append(
                    {"ph": phase, **_FLOW, "tid": threads[row], "id": to + 1,
                     "ts": _microseconds(begins[row]), **more}
                )  # fmt: skip
    return found


def _spread(trace: Trace) -> tuple[list[int], list[int]]:
    """Return where on the viewer's axis each event begins, and how long it is; nanoseconds."""
    times = _instants(trace)
    if len(times):
        times = times - times.min()
    lengths = np.ones(len(times), np.int64)
    for begin, end in zip(trace.starts[:-1].tolist(), trace.starts[1:].tolist(), strict=True):
        ranks = np.arange(end - begin)
        mine = np.maximum.accumulate(times[begin:end] - ranks) + ranks
        times[begin:end] = mine
        if end - begin > 1:
            gaps = np.diff(mine)
            usual = max(1, int(np.median(gaps)) // 2)
            lengths[begin:end] = np.append(np.minimum(gaps, usual), usual)
    return times.tolist(), lengths.tolist()


def _instants(trace: Trace) -> Array:
    """Return nanoseconds: times, else what rises along messages, else numbers within a process."""
    of, held = trace.columns, trace.timestamps
    if _fits(of.time_ns, SPAN_NS_MAX):
        return of.time_ns
    if _fits(of.clock, SPAN_NS_MAX // 1000):
        return of.clock * 1000
    if held is not None and held.clock == "vector" and _fits(held.values, ENTRY_MAX):
        sums = np.concatenate([[0], np.cumsum(held.values)])
        return (sums[held.starts[1:]] - sums[held.starts[:-1]]) * 1000
    return (np.arange(len(trace)) - trace.starts[trace.process_column()]) * 1000


def _fits(column: Array, span: int) -> bool:
    """Whether a column is there for all events, and not wider than what can be reckoned with."""
    if column is None or not len(column) or (column == MISSING).any():
        return False
    return int(column.max()) - int(column.min()) < span


def _microseconds(nanoseconds: int) -> float:
    return round(nanoseconds / 1000, 3)
