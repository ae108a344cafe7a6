"""Writing Chrome's trace events: a slice an event, one thread a process, a flow a message.

The times are those of the log, nanoseconds since its first event. Without
times an event stands at its Lamport clock, or at the sum of its vector clock,
as microseconds, so that messages go forward. In a viewer the slices of a
thread may not overlap, nor begin at one instant: each begins at least a
nanosecond after the one before; the times themselves stand in `args`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from driftlab.foreign.chrome.chrome_read import KEY
from driftlab.foreign.chrome.slices import OURS
from driftlab.foreign.options import Execution, UnwritableError
from driftlab.foreign.text_columns import TextColumns, write_text
from driftlab.history.trace import Trace
from driftlab.model.columns import MISSING, Array

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
