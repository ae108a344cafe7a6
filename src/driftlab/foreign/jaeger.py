"""Jaeger's traces as JSON, as its interface and its query service give them; see spans.

`data` holds traces; each has `spans`, and `processes` that the spans name. Times are
microseconds since 1970.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from driftlab.foreign.json_stream import END
from driftlab.foreign.log_file import LogFile, ReadOptions
from driftlab.foreign.records import UnmatchedText
from driftlab.foreign.spans import (
    Span,
    SpanError,
    documents,
    identity,
    objects,
    read_spans,
    require_order,
    whole,
)
from driftlab.foreign.trace_builder import Execution

KEYS: Final = frozenset({"traceID", "spanID"})  # by one of which, with spans, it is known
_INTO: Final = frozenset({"data"})
_KINDS: Final = frozenset({"internal", "server", "client", "producer", "consumer"})


def read(logs: Sequence[LogFile], options: ReadOptions) -> list[Execution]:
    """Read files of traces. Raise DriftlabError if they cannot be read.

    logs: all files of the log. options: what the user says about the format.
    """
    return read_spans(logs, options, _spans)


def _spans(log: LogFile, file: int, unread: list[UnmatchedText]) -> Iterator[Span]:
    """Yield the spans of a file, those of a trace when it ends: processes stand after them."""
    pending: list[tuple[int, dict[str, Any]]] = []
    processes: dict[str, Any] = {}
    for line, path, value, fault in documents(log, _INTO, unread, file):
        if value is END:
            for at, span in pending:
                try:
                    yield _span(span, processes, file, at)
                except SpanError as error:
                    unread.append(UnmatchedText(file, at, f"a span {error}", ""))
            pending, processes = [], {}
        elif path[-1] == "processes" and isinstance(value, dict):
            processes = value
        elif path[-1] in ("spans", "data"):
            if isinstance(value, dict) and fault is None:
                pending.append((line, value))
            elif value is not None:
                unread.append(UnmatchedText(file, line, fault or "is not a span", ""))


def _span(value: dict[str, Any], processes: dict[str, Any], file: int, line: int) -> Span:
    """Return a span. Raises SpanError."""
    own = (identity(value.get("traceID"), "traceID"), identity(value.get("spanID"), "spanID"))
    begin = whole(value.get("startTime"), "startTime") * 1000
    duration = value.get("duration")
    end = None if duration is None else begin + whole(duration, "duration") * 1000
    require_order(begin, end)
    if begin >= 2**63 or (end or 0) >= 2**63:
        raise SpanError("has a time of more than 64 bits")
    tags = _tags(value.get("tags"))
    service, of_process = _process(value, processes)
    kind = str(tags.get("span.kind", "")).lower()
    parents = [
        (identity(one.get("traceID", own[0]), "traceID"), identity(one.get("spanID"), "spanID"))
        for one in sorted(objects(value.get("references")), key=_is_no_parent)
    ]
    if not parents and str(value.get("parentSpanID") or "").strip("0"):
        parents = [(own[0], identity(value["parentSpanID"], "parentSpanID"))]
    moments = [
        (whole(one.get("timestamp"), "timestamp") * 1000, _text(one.get("fields")))
        for one in objects(value.get("logs"))
    ]
    has_failed = tags.get("error") in (True, "true") or tags.get("otel.status_code") == "ERROR"
    return Span(
        own, parents, str(value.get("operationName") or "span"), kind if kind in _KINDS else "",
        begin, end, has_failed, service, {**of_process, **tags}, moments, file, line,
    )  # fmt: skip


def _process(value: dict[str, Any], processes: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a span's service, and the tags of its process. Raises SpanError."""
    held = value.get("process")
    if not isinstance(held, dict):
        held = processes.get(str(value.get("processID")))
    if isinstance(held, dict) and held.get("serviceName"):
        return str(held["serviceName"]), _tags(held.get("tags"))
    raise SpanError("is of no service: the processes of its trace do not have it")


def _is_no_parent(reference: dict[str, Any]) -> bool:
    return reference.get("refType") != "CHILD_OF"


def _tags(value: Any) -> dict[str, Any]:
    """Return tags by key: text, numbers and truth values."""
    return {
        one["key"]: one["value"]
        for one in objects(value)
        if isinstance(one.get("key"), str) and isinstance(one.get("value"), str | int)
    }


def _text(fields: Any) -> str:
    """Return what a span noted: its field `event` or `message`, else all fields."""
    tags = _tags(fields)
    for key in ("event", "message"):
        if key in tags:
            return str(tags[key])
    return ", ".join(f"{key}={value}" for key, value in tags.items())
