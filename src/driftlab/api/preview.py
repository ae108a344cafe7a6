"""How a log is read, before anything is judged: its columns, first events and messages."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from driftlab.api.history import History
from driftlab.api.read import RunSource, find_sources
from driftlab.arrays import IntArray
from driftlab.history.trace import Trace, UnreadLine
from driftlab.model.columns import KINDS, MISSING, NOBODY, RECEIVE, SEND

EVENTS_SHOWN: Final = 8
FILES_SHOWN: Final = 4  # whose first events are shown
OWN_FORMAT: Final = "driftlab"

_MEANINGS: Final = {
    "host": "the process",
    "event": "the event in words",
    "kind": "the kind of event",
    "time": "the process's own time",
    "time_ns": "the process's own time",
    "lamport": "the Lamport clock",
    "queue": "messages left in the inbox",
    "sender": "who sent what was received",
    "stamp": "the clock that it carried",
    "targets": "who is sent to",
    "sender, targets": "who sent it, or who is sent to",
    "event, sender, targets": "the event in words, with its peer",
    "event, sender": "the event in words, with its sender",
    "event, targets": "the event in words, with its targets",
    "kind, sender, targets": "the kind of event, with its peer",
    "kind, sender": "the kind of event, with its sender",
    "kind, targets": "the kind of event, with its targets",
    "message": "the message's name",
    "sent": "the name of the message sent",
    "received": "the name of the message received",
    "matched_by": "by what its message was matched",
    "index": "the order of events",
    "tick": "the tick",
    "due_ns": "when the tick was due",
    "late_ns": "how late the tick was",
    "internal": "it is internal, if given",
    "send": "it is a send, if given",
    "receive": "it is a receive, if given",
}


@dataclass(frozen=True, slots=True)
class ColumnPreview:
    """A column of a log.

    name: the log's own. field: what it is here, None if it is kept as text. meaning: the same
    in words. A column of peers is both, `sender, targets`. example: its first value, None
    if it has none.
    """

    name: str
    field: str | None
    meaning: str
    example: str | None


@dataclass(frozen=True, slots=True)
class EventPreview:
    """One event as it was read; None for what the log does not say of it."""

    file: str | None
    line: int | None
    process: str
    index: int
    kind: str
    clock: str | None
    time_ns: int | None
    peers: Sequence[str]
    event: str | None


@dataclass(frozen=True, slots=True)
class RunPreview:
    """How one run was read.

    name: of the run. format, files, encodings: of its log. columns: those of the log. events,
    first: how many events there are, and the first of them. processes: how many each process
    has. kinds: how many there are of each kind. receives: how many there are; matched: how
    many of them have their send; matched_by: the same for each strategy. assumed,
    remarks: as in a verdict. unread: lines that could not be read, in `unread_lines`.
    """

    name: str
    format: str
    files: Sequence[str]
    encodings: Sequence[str]
    columns: Sequence[ColumnPreview]
    events: int
    processes: Mapping[str, int]
    first: Sequence[EventPreview]
    kinds: Mapping[str, int]
    receives: int
    matched: int
    matched_by: Mapping[str, int]
    assumed: Sequence[str]
    remarks: Sequence[str]
    unread: int
    unread_lines: Sequence[UnreadLine]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        unread = [one._asdict() for one in self.unread_lines]
        return {**asdict(self), "unread_lines": unread}


@dataclass(frozen=True, slots=True)
class Preview:
    """How the runs at a path were read."""

    path: str
    runs: Sequence[RunPreview]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"path": self.path, "runs": [run.to_dict() for run in self.runs]}


def preview(path: str | Path, **options: Any) -> Preview:
    """Return how a log is read, without judging it.

    The parameters are those of `driftlab.read`; all runs at the path are read. Raises
    DriftlabError if it cannot be read.
    """
    return Preview(str(path), [_preview_of(run) for run in find_sources(path, **options)])


def _preview_of(run: RunSource) -> RunPreview:
    history = run.read()
    trace, messages = history.trace, history.messages
    form = run.form
    kind = trace.columns.kind
    counts = np.bincount(kind, minlength=len(KINDS)).tolist()
    receives = int(np.count_nonzero(kind == RECEIVE))
    matched = int(np.count_nonzero(messages.source[kind == RECEIVE] >= 0))
    return RunPreview(
        run.name,
        OWN_FORMAT if form is None else form.format,
        [Path(file).name for file in trace.files] if form is None else form.files,
        [] if form is None else form.encodings,
        [] if form is None else _columns_of(run, trace),
        len(trace),
        dict(zip(trace.names, np.diff(trace.starts).tolist(), strict=True)),
        [_event(history, row) for row in _first_rows(trace).tolist()],
        {KINDS[number]: count for number, count in enumerate(counts) if count},
        receives,
        matched,
        dict(messages.matched_by),
        list(trace.assumed),
        _remarks(trace),
        sum(one.lines for one in trace.unread),
        trace.unread,
    )


def _columns_of(run: RunSource, trace: Trace) -> list[ColumnPreview]:
    columns = [] if run.form is None else run.form.columns
    return [
        ColumnPreview(
            each.name,
            each.field,
            "no value" if each.example is None else _meaning(each.field, trace),
            each.example,
        )
        for each in columns
    ]


def _meaning(field: str | None, trace: Trace) -> str:
    """Return in words what a field is."""
    if field is None:
        return "kept as text"
    if field == "time" and trace.columns.time_ns is None:
        return "a time in no form that is known: kept as text"
    if field in _MEANINGS:
        return _MEANINGS[field]
    stamps = trace.timestamps
    if field == "clock" and stamps is None:
        return (
            "the Lamport clock"
            if trace.columns.clock is not None
            else "a clock that cannot be read"
        )
    return f"the {stamps.clock} clock" if stamps is not None else f"{field}, which cannot be read"


def _first_rows(trace: Trace) -> IntArray:
    """Return the rows of the first events of the first files, in their order in the log."""
    file, line = trace.columns.file, trace.columns.line
    if line is None or not len(trace):
        return np.arange(min(EVENTS_SHOWN, len(trace)))
    of_file = trace.process_column() if file is None else file
    order = np.lexsort((line, of_file))
    firsts = np.unique(of_file[order], return_index=True)[1][:FILES_SHOWN]
    each = EVENTS_SHOWN // len(firsts)
    ends = np.append(firsts[1:], len(order) if len(firsts) < FILES_SHOWN else firsts[-1] + each)
    rows: IntArray = np.concatenate(
        [order[a : min(a + each, b)] for a, b in zip(firsts.tolist(), ends.tolist(), strict=True)]
    )
    return rows


def _event(history: History, row: int) -> EventPreview:
    trace = history.trace
    columns = trace.columns
    file, line = trace.source_of(row)
    process, index = trace.place(row)
    time = MISSING if columns.time_ns is None else int(columns.time_ns[row])
    peers = [trace.names[place] for place in trace.targets_of(row)]
    sender = NOBODY if columns.sender is None else int(columns.sender[row])
    kind = int(columns.kind[row])
    if kind != SEND and sender != NOBODY:
        peers = [trace.names[sender]]
    texts = trace.texts.get("event")
    return EventPreview(
        file, line, process, index, KINDS[kind], _clock(trace, row),
        None if time == MISSING else time, peers, None if texts is None else texts[row],
    )  # fmt: skip


def _clock(trace: Trace, row: int) -> str | None:
    """Return the clock of an event: its Lamport clock, or its timestamp as a log writes it."""
    clock = MISSING if trace.columns.clock is None else int(trace.columns.clock[row])
    if clock != MISSING:
        return str(clock)
    stamps = trace.timestamps
    if stamps is None or stamps.clock != "vector":
        return None if stamps is None else trace.timestamp_texts()[row]
    low, high = stamps.starts[row], stamps.starts[row + 1]
    entries = zip(stamps.entries[low:high].tolist(), stamps.values[low:high].tolist(), strict=True)
    words = [f"{trace.names[place]}:{value}" for place, value in entries]
    return " ".join(words) or None


def _remarks(trace: Trace) -> list[str]:
    missing = [f"no log of {', '.join(trace.missing_processes)}"] if trace.missing_processes else []
    return [*missing, *trace.remarks]
