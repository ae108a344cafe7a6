"""Chrome's trace events as JSON, which Perfetto opens: slices in threads, messages as flows.

Each thread is a process; each slice (`X`, or `B` with its `E`) or instant
(`i`, `I`, `R`) is an event. A flow begins (`s`), passes (`t`) and ends (`f`)
in the slices that surround it, or slices say themselves that it does
(`bind_id`): a message from each to the next. Ours carry all
columns in `args.driftlab`, and so come back whole; of others' arguments the
text is kept, and what is named as logical clocks are called and holds whole
numbers is read. An event has one message received; a second one is told of, as
are phases of other kinds (`b`, `n`, `e` and more), and what is behind the document.
"""

import json
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.foreign.chrome.flows import Binding, link_flows
from driftlab.foreign.chrome.json_stream import DamagedError, elements
from driftlab.foreign.chrome.slices import Slice
from driftlab.foreign.fields import ALIASES, normalized_name
from driftlab.foreign.options import Execution, ReadOptions
from driftlab.foreign.records import Records, UnmatchedText
from driftlab.foreign.text import Text, read_text
from driftlab.foreign.text_log import executions_of

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
