"""Spans of distributed tracing as events: when each began and ended, and who called whom.

A span is work of one service from one instant to another, with the span that caused
it as its parent. Its beginning and its end are two events, and so is each moment that
it notes between. A *process* is a service, or one of its instances and threads where
the spans say which.

*Messages.* Where parent and child are of different processes, the parent's beginning
sends a message that the child's beginning receives. A call is waited for: where the
parent is a client's span and the child a server's, the child's end sends the reply, and
the parent's end receives it, unless the client's span failed (it may have given up
waiting). Links between spans are messages too, from beginning to beginning. Within a
process there is program order.

*The limit.* The order of a process's events is that of its own times. What a service
does at the same time in several threads that its spans do not name stands in that
order too, though none of it need have waited for the other.

Calls may overtake one another, so there is no order of messages on a channel to judge.

An event receives one message; another one is reported. Of several from one event to
one process the first is kept, and the others follow it there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.foreign.fields import shorten
from driftlab.foreign.json_log import CHECKED
from driftlab.foreign.json_stream import END, DamageError, JsonStream, Member
from driftlab.foreign.log_file import LogFile, ReadOptions
from driftlab.foreign.packed import Packed, Pool
from driftlab.foreign.records import Records, UnmatchedText, Values
from driftlab.foreign.trace_builder import Execution, build_execution
from driftlab.journal.files import UnreadableError

CALLS: Final = frozenset({"client", "producer"})
CALLED: Final = frozenset({"server", "consumer"})
INSTANCE_KEYS: Final = (
    "service.instance.id", "k8s.pod.name", "container.id", "host.name", "hostname"
)  # fmt: skip
THREAD_KEY: Final = "thread.id"
KEYS_SHOWN_MAX: Final = 30  # in a message

SpanId = tuple[str, str]  # the trace and the span


class Span(NamedTuple):
    """A span.

    id: of the span. parents: the spans that it is a child of, or that it is linked to.
    name: what it does. kind: client, server, producer, consumer, internal, or empty.
    begin, end: nanoseconds; the end None if it has none. has_failed: whether it says so.
    service: whose it is. keys: what is said of it, by key. moments: times and texts of
    what it notes. file, line: where it stands.
    """

    id: SpanId
    parents: Sequence[SpanId]
    name: str
    kind: str
    begin: int
    end: int | None
    has_failed: bool
    service: str
    keys: Mapping[str, Any]
    moments: Sequence[tuple[int, str]]
    file: int
    line: int


class SpanError(Exception):
    """Something that is no span; the reason is its text."""


class Event(NamedTuple):
    """An event of a span: `phase` begins, ends, or is empty for a moment."""

    span: int
    time: int
    phase: str
    text: str


# Reading.


def documents(
    log: LogFile, into: frozenset[str], unread: list[UnmatchedText], file: int
) -> Iterator[Member]:
    """Yield the members of all documents in a file, each element of a list `spans` by itself.

    `into`: keys of the lists and objects that hold others; see `JsonStream.walk`.
    `unread`: gets what is damaged. `file`: the number of the file.
    """
    stream = JsonStream(log.stream(), CHECKED)
    while True:
        try:
            while (first := stream.peek()) in ("[", "]"):
                stream.take()
            if not first:
                break
            if first != "{":
                raise DamageError(stream.line, "is not a document of spans")
            yield from stream.walk(into, {"spans"})
        except DamageError as error:
            yield Member(error.line, (), END, None)
            goes_on = stream.next_document()
            lines = stream.line - error.line if goes_on else 1 + stream.rest_lines()
            unread.append(UnmatchedText(file, error.line, str(error), "", lines=max(1, lines)))
            if not goes_on:
                break
    if log.damage:
        unread.append(UnmatchedText(file, stream.line, log.damage, ""))


def read_spans(
    logs: Sequence[LogFile], options: ReadOptions,
    read: Callable[[LogFile, int, list[UnmatchedText]], Iterator[Span]],
) -> list[Execution]:  # fmt: skip
    """Read the files of one log of spans, which may be one for each service.

    `read`: yields the spans of a file, with its number, and adds what is none to a
    list. A path for the field `host` is the key of a span's or a service's attributes.
    Raises UnreadableError where no span has that key.
    """
    unread: list[UnmatchedText] = []
    spans: dict[SpanId, Span] = {}
    for number, log in enumerate(logs):
        for span in read(log, number, unread):
            if span.id in spans:
                first = spans[span.id]
                reason = f"is a second span {shorten(span.id[1])}, which line {first.line} has too"
                unread.append(UnmatchedText(number, span.line, reason, ""))
            else:
                spans[span.id] = span
    found = list(spans.values())
    hosts = _processes(found, options.fields.get("host"), logs[0].name)
    records = _records([log.name for log in logs], found, hosts, unread)
    executions = build_execution([records], options._replace(fields={}))
    return [each._replace(trace=each.trace.replace(may_overtake=True)) for each in executions]


def _processes(spans: Sequence[Span], key: str | None, name: str) -> list[str]:
    """Return each span's process: its service, with its instance and thread where it has several.

    `key`: of the attribute that is the process instead. `name`: of the log.
    """
    if key is not None:
        values = [span.keys.get(key) for span in spans]
        if spans and all(value is None for value in values):
            keys = list(dict.fromkeys(one for span in spans for one in span.keys))
            shown = ", ".join(keys[:KEYS_SHOWN_MAX])
            raise UnreadableError(
                f"{name}: --field host={key}: no span and no resource has the attribute {key}; "
                f"there are {shown}"
            )
        return ["" if value is None else str(value) for value in values]
    instances = [next((span.keys[one] for one in INSTANCE_KEYS if one in span.keys), None)
                 for span in spans]  # fmt: skip
    threads = [span.keys.get(THREAD_KEY) for span in spans]
    several: dict[str, tuple[set[str], set[str]]] = {}
    for span, instance, thread in zip(spans, instances, threads, strict=True):
        one, other = several.setdefault(span.service, (set(), set()))
        one.add(str(instance))
        other.add(str(thread))
    hosts = []
    for span, instance, thread in zip(spans, instances, threads, strict=True):
        of_instance, of_thread = several[span.service]
        host = span.service
        if len(of_instance) > 1 and instance is not None:
            host += f" {instance}"
        if len(of_thread) > 1 and thread is not None:
            host += f" thread {thread}"
        hosts.append(host)
    return hosts


# Events.


def _records(
    files: list[str], spans: Sequence[Span], hosts: Sequence[str], unread: list[UnmatchedText]
) -> Records:
    """Return the events of all spans, in the order of time."""
    events = _events(spans)
    begins = {event.span: row for row, event in enumerate(events) if event.phase == "begins"}
    ends = {event.span: row for row, event in enumerate(events) if event.phase == "ends"}
    messages = _Messages(spans, hosts, [event.span for event in events], begins, ends)
    unread += messages.unread
    unread.sort(key=lambda each: (each.file, each.line))
    of = [spans[event.span] for event in events]
    pool = Pool()
    columns: dict[str, list[Any]] = {
        "host": [hosts[event.span] for event in events],
        "event": [f"{event.text} {event.phase}".strip() for event in events],
        "send": [row in messages.sent or None for row in range(len(events))],
        "receive": [row in messages.received or None for row in range(len(events))],
        "index": list(range(len(events))),
        "time_ns": [event.time for event in events],
        "sent": [messages.sent.get(row) for row in range(len(events))],
        "received": [messages.received.get(row) for row in range(len(events))],
        "trace": [span.id[0] or None for span in of],
        "span": [span.id[1] for span in of],
        "span_kind": [span.kind or None for span in of],
    }
    fields: dict[str, Values] = {
        name: Packed([pool.pack(column)]) for name, column in columns.items()
    }
    lines = np.array([span.line for span in of], np.int64)
    file = np.array([span.file for span in of], np.int32)
    return Records(fields, lines, file, files, unread)


def _events(spans: Sequence[Span]) -> list[Event]:
    """Return all events in the order of time: at one instant parents begin first, and end last."""
    depths = _depths(spans)
    ordered: list[tuple[tuple[int, int, int], int, Event]] = []
    for number, span in enumerate(spans):
        depth = depths[number]
        begin = Event(number, span.begin, "begins", span.name)
        ordered.append(((span.begin, 0, depth), number, begin))
        for time, text in span.moments:
            ordered.append(((time, 1, depth), number, Event(number, time, "", text)))
        if span.end is not None:
            ordered.append(
                ((span.end, 2, -depth), number, Event(number, span.end, "ends", span.name))
            )
    ordered.sort(key=lambda each: each[:2])
    return [event for _, _, event in ordered]


def _depths(spans: Sequence[Span]) -> list[int]:
    """Return how many spans are above each, by its first parent; 0 from a circle on."""
    number_of = {span.id: number for number, span in enumerate(spans)}
    depths: dict[int, int] = {}
    for number in range(len(spans)):
        path = []
        at: int | None = number
        while at is not None and at not in depths:
            depths[at] = 0
            path.append(at)
            parents = spans[at].parents
            at = number_of.get(parents[0]) if parents else None
        above = -1 if at is None else depths[at]
        for one in reversed(path):
            above += 1
            depths[one] = above
    return [depths[number] for number in range(len(spans))]


class _Messages:
    """The messages between spans: the name of what each event sent and received.

    spans, hosts: the spans and their processes. span_of: of each event. begins, ends: the
    events of each span. unread: messages for which an event had no room.
    """

    def __init__(
        self, spans: Sequence[Span], hosts: Sequence[str], span_of: Sequence[int],
        begins: Mapping[int, int], ends: Mapping[int, int],
    ) -> None:  # fmt: skip
        self.sent: dict[int, int] = {}
        self.received: dict[int, int] = {}
        self.unread: list[UnmatchedText] = []
        self._spans = spans
        self._hosts = hosts
        self._span_of = span_of
        self._known: set[tuple[int, str]] = set()  # sends, and the processes that received them
        number_of = {span.id: number for number, span in enumerate(spans)}
        for child, span in sorted(enumerate(spans), key=lambda one: one[1].begin):
            for parent_id in span.parents:
                parent = number_of.get(parent_id)
                if parent is not None and hosts[parent] != hosts[child]:
                    self._add(begins[parent], begins[child])
                    if self._is_answered(spans[parent], span):
                        self._add(ends[child], ends[parent])

    def _is_answered(self, parent: Span, child: Span) -> bool:
        """Whether a parent waited for what its child did."""
        is_call = parent.kind == "client" and child.kind == "server"
        has_ends = parent.end is not None and child.end is not None
        return is_call and has_ends and not parent.has_failed and parent.id == child.parents[0]

    def _add(self, send: int, receive: int) -> None:
        """Add a message from one event to another."""
        receiver = self._hosts[self._span_of[receive]]
        if receive in self.received:
            span = self._spans[self._span_of[receive]]
            sender = self._hosts[self._span_of[send]]
            reason = f"a second message into one event, from {shorten(sender)}, is left out"
            self.unread.append(UnmatchedText(span.file, span.line, reason))
        elif (send, receiver) not in self._known:
            self._known.add((send, receiver))
            self.received[receive] = self.sent.setdefault(send, len(self.sent))


# What both formats have.


def whole(value: Any, what: str) -> int:
    """Return a whole number, also from text. Raises SpanError."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise SpanError(f"has no {what}") from None
    if isinstance(value, bool) or not 0 <= number < 2**63:
        raise SpanError(f"{what} {shorten(value)} is not 0 to 2^63-1")
    return number


def identity(value: Any, what: str) -> str:
    """Return an id as text, in lower case. Raises SpanError where there is none."""
    text = str(value).strip().lower() if isinstance(value, str | int) else ""
    if not text.strip("0"):
        raise SpanError(f"has no {what}")
    return text


def require_order(begin: int, end: int | None) -> None:
    """Raise SpanError where a span ends before it begins."""
    if end is not None and end < begin:
        raise SpanError("ends before it begins")


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; none of anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
