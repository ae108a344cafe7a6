"""Chrome's trace events as JSON, which Perfetto opens: slices in threads, messages as flows.

*Reading.* Each thread is a process; each slice (`X`, or `B` with its `E`) or
instant (`i`, `I`, `R`) is an event. A flow begins (`s`), passes (`t`) and ends
(`f`) in the slices around it, or slices name it themselves (`bind_id`): a
message from each to the next; see chrome_flows. Our own events carry all columns
in `args.driftlab` and come back whole; of others' arguments the text is kept,
and one that is named as a logical clock and holds whole numbers is read. An event
receives one message; a second one is reported, as are phases of other kinds
(`b`, `n`, `e` and more).

A document that breaks off gives what was before: the array form may end without
its bracket, and a program that is killed writes no end. What follows the end of a
document is reported and not read: a second document is another trace, with
times and names of its own.

*Writing.* A slice per event, a thread per process, a flow per message. The times
are the log's, in nanoseconds since its first event. Without times an event
stands at its Lamport clock, or at the sum of its vector clock, as microseconds,
so that messages go forward. In a viewer the slices of a thread may not overlap,
nor begin at one instant: each begins at least a nanosecond after the one before;
the times themselves stand in `args`.
"""

import json
import re
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.arrays import IntArray
from driftlab.errors import counted
from driftlab.foreign.assumed_names import MATCHED_BY, marked_rows
from driftlab.foreign.chrome_flows import OURS, Binding, Slice, Thread, link_flows
from driftlab.foreign.fields import ALIASES, normalized_name
from driftlab.foreign.log_file import DOCUMENT_CHARS_MAX, LogFile, ReadOptions, Text
from driftlab.foreign.records import Records, UnmatchedText, Values, records_of_file, shorten_line
from driftlab.foreign.text_columns import NONE, TextColumns, only_trace, write_text
from driftlab.foreign.trace_builder import Execution, build_execution
from driftlab.history.trace import Trace
from driftlab.model.columns import MISSING

KEY: Final = "traceEvents"
SPAN_NS_MAX: Final = 2**53  # from the first event to the last: 104 days; JSON holds no more
ENTRY_MAX: Final = 2**31  # of vector clocks whose sums are taken
TIME_NS_MAX: Final = 2**62  # of an event that is read

_EVENT_PHASES: Final = frozenset({"X", "B", "i", "I", "R"})
_TIMED_PHASES: Final = _EVENT_PHASES | {"s", "t", "f", "E"}
_OTHER_PHASES: Final = frozenset({"M", "C"})  # names and counters: no events
_CLOCKS: Final = {
    normalized_name(one): name for name in ("clock", "lamport") for one in (name, *ALIASES[name])
} | {"vector": "clock"}
_PID: Final = 1
_FLOW: Final = {"cat": "message", "name": "message", "pid": _PID}
ASSUMED: Final = "driftlab.assumed"  # category of our flows whose messages no log names
_ASSUMED_FLOW: Final = {**_FLOW, "cat": ASSUMED}


# Reading.


class _Elements(NamedTuple):
    """The elements of a document by what they are; all but names in the file's order."""

    slices: list[Slice]
    flows: list[dict[str, Any]]
    names: dict[tuple[str, Any, Any], str]
    ends: list[dict[str, Any]]
    bindings: list[Binding]
    unread: list[UnmatchedText]


def read(logs: Sequence[LogFile], options: ReadOptions) -> list[Execution]:
    """Read files of trace events. Raise DriftlabError if they cannot be read.

    logs: all files of the log. options: what the user says about the format.
    """
    return build_execution([_records(log) for log in logs], options)


def _records(log: LogFile) -> Records:
    text = log.read_text(DOCUMENT_CHARS_MAX)
    elements = _classified(text)
    links = link_flows(elements.slices, elements.ends, elements.flows, elements.bindings)
    hosts = _hosts(elements)
    fields: dict[str, Values] = {
        "host": [hosts[one.thread] for one in elements.slices],
        "index": list(links.ranks),
        "sent": list(links.sent),
        "received": list(links.received),
    }
    _add_columns(fields, elements.slices)
    unread = [UnmatchedText(0, one.line, one.reason, "") for one in text.unread]
    unread += elements.unread
    unread += [UnmatchedText(0, text.line_of(place), reason) for place, reason in links.unread]
    places = np.array([one.place for one in elements.slices], np.int64)
    records = records_of_file(text.name, fields, text.lines_of(places), unread)
    if not links.late:
        return records
    verb = "counts" if links.late == 1 else "count"
    line = (
        f"{counted(links.late, 'flow event')} in a slice, after others of its thread began, "
        f"{verb} as of the slice's beginning"
    )
    return records._replace(assumed=[line])


def _classified(text: Text) -> _Elements:
    elements = _Elements([], [], {}, [], [], [])
    try:
        for place, element in _document(text.text):
            reason = _add_element(elements, place, element)
            if reason:
                elements.unread.append(UnmatchedText(0, text.line_of(place), reason, ""))
    except _DamagedError as error:
        elements.unread.append(UnmatchedText(0, text.line_of(error.place), str(error), ""))
    return elements


def _add_element(elements: _Elements, place: int, element: Any) -> str | None:
    """Add an element to those of its phase, or return why it cannot be read."""
    if not isinstance(element, dict) or not isinstance(element.get("ph"), str):
        return "is not a trace event: it has no ph"
    phase = element["ph"]
    thread = (str(element.get("pid", 0)), str(element.get("tid", 0)))
    if phase in _TIMED_PHASES:
        time = _nanoseconds(element.get("ts"))
        if time is None:
            return "has no time ts"
        element |= {"place": place, "thread": thread, "time": time}
        if phase in _EVENT_PHASES:
            if "flow_out" in element or "flow_in" in element:
                elements.bindings.append(Binding(len(elements.slices), place, time, element))
            elements.slices.append(_slice(element))
        else:
            if element.get("cat") != ASSUMED:  # which are matched again when they are read
                (elements.ends if phase == "E" else elements.flows).append(element)
    elif phase not in _OTHER_PHASES:
        return f"is of phase {phase[:8]}, which is not read"
    elif phase == "M":
        args = element.get("args")
        name = args.get("name") if isinstance(args, dict) else None
        if isinstance(name, str):
            elements.names[(str(element.get("name")), *thread)] = name
    return None


def _slice(element: dict[str, Any]) -> Slice:
    length = _nanoseconds(element.get("dur")) if element["ph"] == "X" else None
    end = element["time"] + (length or 0) if element["ph"] != "B" else None
    name, args = element.get("name"), element.get("args")
    return Slice(element["place"], element["thread"], element["time"], end, name, args)


def _nanoseconds(microseconds: Any) -> int | None:
    try:
        nanoseconds = int(Decimal(microseconds) * 1000)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return nanoseconds if abs(nanoseconds) < TIME_NS_MAX else None


def _hosts(elements: _Elements) -> dict[Thread, str]:
    """Return a name of its own for every thread that has events."""
    threads = list(dict.fromkeys(one.thread for one in elements.slices))
    threads_of = Counter(pid for pid, _ in threads)
    process_names: dict[str, str] = {}
    for (kind, pid, tid), name in elements.names.items():
        if kind == "process_name" and (tid == "0" or pid not in process_names):
            process_names[pid] = name
    names = {}
    for pid, tid in threads:
        process = process_names.get(pid, f"process {pid}")
        thread = elements.names.get(("thread_name", pid, tid))
        is_alone = threads_of[pid] == 1
        names[pid, tid] = thread or (process if is_alone else f"{process} thread {tid}")
    occurrences = Counter(names.values())
    return {
        (pid, tid): f"{name} {pid}/{tid}" if occurrences[name] > 1 else name
        for (pid, tid), name in names.items()
    }


def _add_columns(fields: dict[str, Values], slices: Sequence[Slice]) -> None:
    """Add what the events say: all columns of ours; name, time and arguments of others."""
    columns: list[dict[str, Any]] = []
    for one in slices:
        ours = one.ours()
        if ours is not None:
            columns.append(ours)
        else:
            args = json.dumps(one.args, default=str, ensure_ascii=False) if one.args else None
            clocks = _clocks_in(one.args)
            columns.append({"event": one.name, "time_ns": one.time, "args": args, **clocks})
    for key in dict.fromkeys(key for each in columns for key in each):
        if key not in fields:
            fields[key] = [each.get(key) for each in columns]


def _clocks_in(args: Any) -> dict[str, Any]:
    """Return the logical clocks among arguments: whole numbers, or objects of them."""
    found: dict[str, Any] = {}
    for key, value in args.items() if isinstance(args, dict) else ():
        name = _CLOCKS.get(normalized_name(key))
        is_vector = name == "clock" and isinstance(value, dict) and value
        if name and all(map(_is_count, value.values() if is_vector else [value])):
            found.setdefault(name, value)
    return found


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


# The elements of the one JSON document, one after the other, with where each stands.

_BETWEEN: Final = re.compile(r"[\s,]*")
_COLON: Final = re.compile(r"\s*:\s*")
_DECODER: Final = json.JSONDecoder(parse_float=Decimal)


class _DamagedError(Exception):
    """The document cannot be read from `place` on."""

    def __init__(self, place: int, reason: str) -> None:
        super().__init__(reason)
        self.place = place


def _document(text: str) -> Iterator[tuple[int, Any]]:
    """Yield the elements of the array, or of the object's array KEY, and where each begins.

    Raises _DamagedError where the text is not such a document, or no longer.
    """
    place = _after_blanks(text, 0)
    if text.startswith("[", place):
        end = yield from _array(text, place + 1)
    elif text.startswith("{", place):
        end = yield from _object(text, place + 1)
    else:
        raise _DamagedError(place, "is not a trace in JSON")
    place = _after_blanks(text, end)
    if place < len(text):
        rest = text[place:].rstrip()
        lines = rest.count("\n") + 1
        what = "follows" if lines == 1 else f"{lines} lines follow"
        first = shorten_line(rest.partition("\n")[0])
        raise _DamagedError(place, f"{what} the end of the document, not read: {first}")


def _array(text: str, place: int) -> Generator[tuple[int, Any], None, int]:
    """Yield the elements, and return where the array ends."""
    place = _after_blanks(text, place)
    while place < len(text) and text[place] != "]":
        value, end = _value(text, place)
        yield place, value
        place = _after_blanks(text, end)
    return place + 1


def _object(text: str, place: int) -> Generator[tuple[int, Any], None, int]:
    """Yield the elements of all arrays KEY, and return where the object ends."""
    is_found = False
    place = _after_blanks(text, place)
    while place < len(text) and text[place] != "}":
        name, end = _value(text, place)
        colon = _COLON.match(text, end)
        if colon is None:
            raise _DamagedError(end, "is not JSON: no colon after a name")
        if name == KEY and text.startswith("[", colon.end()):
            is_found = True
            end = yield from _array(text, colon.end() + 1)
        else:
            _, end = _value(text, colon.end())
        place = _after_blanks(text, end)
    if not is_found:
        raise _DamagedError(0, f"has no list named {KEY}")
    return place + 1


def _value(text: str, place: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, place)
    except (ValueError, RecursionError) as error:
        reason = "is nested too deep" if isinstance(error, RecursionError) else "is not JSON"
        raise _DamagedError(place, f"{reason}, or breaks off; nothing after it is read") from None


def _after_blanks(text: str, place: int) -> int:
    blanks = _BETWEEN.match(text, place)
    return blanks.end() if blanks else place


# Writing.


def write(executions: Sequence[Execution], path: Path) -> None:
    """Write one execution. Raises UnwritableError."""
    elements = _elements_of(only_trace(executions, "chrome"))
    lines = [json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in elements]
    with_commas = [f"{line}," for line in lines[:-1]] + lines[-1:]
    write_text(path, [f'{{"displayTimeUnit":"ns","{KEY}":[', *with_commas, "]}"])


def _elements_of(trace: Trace) -> list[dict[str, Any]]:
    texts = TextColumns(trace, "chrome", is_strict=False)
    begins, lengths = _spread(trace)
    threads = (trace.process_column() + 1).tolist()
    columns = _columns(trace, texts)
    others = {
        key: column
        for key, column in trace.texts.items()
        if key not in columns and key != MATCHED_BY
    }
    elements: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": _PID, "args": {"name": "driftlab"}}
    ]
    for thread, name in enumerate(trace.names, 1):
        for what, value in (("name", name), ("sort_index", thread)):
            elements.append(
                {"ph": "M", "name": f"thread_{what}", "pid": _PID, "tid": thread,
                 "args": {what: value}}
            )  # fmt: skip
    for row, name in enumerate(texts.events()):
        ours: dict[str, Any] = {
            key: column[row] for key, column in columns.items() if column[row] not in (NONE, None)
        }
        ours |= {key: column[row] for key, column in others.items() if column[row] is not None}
        elements.append(
            {"ph": "X", "name": name, "pid": _PID, "tid": threads[row],
             "ts": _microseconds(begins[row]), "dur": _microseconds(lengths[row]),
             "args": {OURS: ours}}
        )  # fmt: skip
    return elements + _flows_of(trace, threads, begins)


def _columns(trace: Trace, texts: TextColumns) -> dict[str, Sequence[Any]]:
    """Return the columns that stand in the arguments of slices; messages are flows."""
    columns: dict[str, Sequence[Any]] = dict(texts.extra())
    columns.pop("sent", None)
    columns.pop("received", None)
    columns.pop(MATCHED_BY, None)  # the category of the flow says it
    if trace.timestamps is not None and trace.timestamps.clock == "vector":
        columns["vector"] = [None if c == "{}" else json.loads(c) for c in texts.clocks()]
    elif trace.timestamps is not None:
        columns[trace.timestamps.clock] = trace.timestamp_texts()
    return columns


def _flows_of(trace: Trace, threads: Sequence[int], begins: Sequence[int]) -> list[dict[str, Any]]:
    """Return a flow for every message whose both ends have its name."""
    of = trace.columns
    if of.sent is None or of.received is None:
        return []
    sends = {name: row for row, name in enumerate(of.sent.tolist()) if name != MISSING}
    flows: list[dict[str, Any]] = []
    assumed = marked_rows(trace).tolist()
    for receive, name in enumerate(of.received.tolist()):
        send = sends.get(name) if name != MISSING else None
        if send is not None:
            flow = _ASSUMED_FLOW if assumed[receive] else _FLOW
            for phase, row in (("s", send), ("f", receive)):
                binding_point = {"bp": "e"} if phase == "f" else {}
                flows.append(
                    {"ph": phase, **flow, "tid": threads[row], "id": receive + 1,
                     "ts": _microseconds(begins[row]), **binding_point}
                )  # fmt: skip
    return flows


def _spread(trace: Trace) -> tuple[list[int], list[int]]:
    """Return where on the viewer's axis each event begins, and how long it is, in nanoseconds."""
    times = _instants(trace)
    if len(times):
        times = times - times.min()
    lengths = np.ones(len(times), np.int64)
    for begin, end in zip(trace.starts[:-1].tolist(), trace.starts[1:].tolist(), strict=True):
        ranks = np.arange(end - begin)
        own = np.maximum.accumulate(times[begin:end] - ranks) + ranks
        times[begin:end] = own
        if end - begin > 1:
            gaps = np.diff(own)
            usual = max(1, int(np.median(gaps)) // 2)
            lengths[begin:end] = np.append(np.minimum(gaps, usual), usual)
    return times.tolist(), lengths.tolist()


def _instants(trace: Trace) -> IntArray:
    """Return nanoseconds: times, else what rises along messages, else numbers within a process."""
    of, held = trace.columns, trace.timestamps
    if of.time_ns is not None and _spans_less(of.time_ns, SPAN_NS_MAX):
        return of.time_ns
    if of.clock is not None and _spans_less(of.clock, SPAN_NS_MAX // 1000):
        return of.clock * 1000
    if held is not None and held.clock == "vector" and _spans_less(held.values, ENTRY_MAX):
        sums = np.concatenate([[0], np.cumsum(held.values)])
        vector_sums: IntArray = sums[held.starts[1:]] - sums[held.starts[:-1]]
        return vector_sums * 1000
    return (np.arange(len(trace)) - trace.starts[trace.process_column()]) * 1000


def _spans_less(column: IntArray, span: int) -> bool:
    """Whether a column has a number for every event, and all are within less than `span`."""
    if not len(column) or bool((column == MISSING).any()):
        return False
    return int(column.max()) - int(column.min()) < span


def _microseconds(nanoseconds: int) -> float:
    return round(nanoseconds / 1000, 3)
