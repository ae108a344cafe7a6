"""OpenTelemetry's spans as JSON, as its collector writes them to files; see spans.

`resourceSpans` holds the spans of one resource (a service's instance), in
`scopeSpans`, one list a library. Files hold one document, or one a line. Times are
nanoseconds since 1970, as text or as numbers; ids are hexadecimal.
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

KEYS: Final = frozenset({"resourceSpans", "resource_spans"})  # by one of which it is known
_INTO: Final = KEYS | {
    "scopeSpans", "scope_spans", "instrumentationLibrarySpans", "instrumentation_library_spans"
}  # fmt: skip
_KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")
_FAILED: Final = (2, "2", "STATUS_CODE_ERROR")


def read(logs: Sequence[LogFile], options: ReadOptions) -> list[Execution]:
    """Read files of spans. Raise DriftlabError if they cannot be read.

    logs: all files of the log. options: what the user says about the format.
    """
    return read_spans(logs, options, _spans)


def _spans(log: LogFile, file: int, unread: list[UnmatchedText]) -> Iterator[Span]:
    """Yield the spans of a file, those of a resource when it ends."""
    pending: list[tuple[int, dict[str, Any]]] = []
    resource: dict[str, Any] = {}
    for line, path, value, fault in documents(log, _INTO, unread, file):
        if value is END:
            if path == () or path[-1] in KEYS:
                yield from _of_resource(pending, resource, unread, file)
                pending, resource = [], {}
        elif path[-1] == "resource" and isinstance(value, dict):
            resource = _attributes(value.get("attributes"))
        elif path[-1] == "spans" or path[-1] in _INTO:
            if isinstance(value, dict) and fault is None:
                pending.append((line, value))
            else:
                reason = fault or "is not a span"
                unread.append(UnmatchedText(file, line, reason, ""))


def _of_resource(
    pending: Sequence[tuple[int, dict[str, Any]]], resource: dict[str, Any],
    unread: list[UnmatchedText], file: int,
) -> Iterator[Span]:  # fmt: skip
    for line, value in pending:
        try:
            yield _span(value, resource, file, line)
        except SpanError as error:
            unread.append(UnmatchedText(file, line, f"a span {error}", ""))


def _span(value: dict[str, Any], resource: dict[str, Any], file: int, line: int) -> Span:
    """Return a span. Raises SpanError."""
    own = (identity(_get(value, "traceId"), "traceId"), identity(_get(value, "spanId"), "spanId"))
    service = resource.get("service.name")
    if service in (None, ""):
        raise SpanError("is of no service: its resource has no service.name")
    begin = whole(_get(value, "startTimeUnixNano"), "startTimeUnixNano")
    end = whole(_get(value, "endTimeUnixNano") or 0, "endTimeUnixNano") or None
    require_order(begin, end)
    parent = _get(value, "parentSpanId")
    parents = [(own[0], str(parent).lower())] if str(parent or "").strip("0") else []
    for link in objects(value.get("links")):
        to = identity(_get(link, "traceId"), "traceId"), identity(_get(link, "spanId"), "spanId")
        parents.append(to)
    moments = [
        (whole(_get(one, "timeUnixNano"), "timeUnixNano"), str(one.get("name") or ""))
        for one in objects(value.get("events"))
    ]
    status = value.get("status")
    has_failed = isinstance(status, dict) and status.get("code") in _FAILED
    keys = {**resource, **_attributes(value.get("attributes"))}
    return Span(
        own, parents, str(value.get("name") or "span"), _kind(value.get("kind")), begin, end,
        has_failed, str(service), keys, moments, file, line,
    )  # fmt: skip


def _kind(value: Any) -> str:
    """Return the kind of a span, which is a number or a name."""
    if isinstance(value, str) and not value.isdecimal():
        name = value.removeprefix("SPAN_KIND_").lower()
        return name if name in _KINDS else ""
    number = int(value) if isinstance(value, int | str) and len(str(value)) < 3 else 0
    return _KINDS[number] if 0 <= number < len(_KINDS) else ""


def _get(value: dict[str, Any], key: str) -> Any:
    """Return what stands at a key in camelCase, or at the same in snake_case."""
    if key in value:
        return value[key]
    return value.get("".join(f"_{one.lower()}" if one.isupper() else one for one in key))


def _attributes(value: Any) -> dict[str, Any]:
    """Return attributes by key: text, numbers and truth values."""
    found = {}
    for one in objects(value):
        held = one.get("value")
        if isinstance(held, dict) and held and isinstance(one.get("key"), str):
            inner = next(iter(held.values()))
            if isinstance(inner, str | int) and inner != "":
                found[one["key"]] = inner
    return found
