"""syslog: a line of RFC 3164 or RFC 5424, whose header says when, on which host, and what wrote it.

    Mar  4 15:20:27 host app[123]: …
    <34>1 2026-03-04T15:20:27.003Z host app 123 ID47 [x@1 clock="3"] …

The host is the process. The message after the header may be an object of JSON, pairs
as in logfmt, or words, with a vector clock at their end; a pattern may say what is in
it. What the message says comes before what the header says.

The header's time is a text here, and read like any other column of times (see `times`).
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from driftlab.foreign.clock_values import ClockError, read_clock
from driftlab.foreign.fields import field_of
from driftlab.foreign.json_log import parse_object
from driftlab.foreign.log_file import LogFile, ReadOptions
from driftlab.foreign.logfmt import pairs_in
from driftlab.foreign.record_columns import RecordColumns, line_reader, read_records
from driftlab.foreign.records import UnmatchedText, shorten_line
from driftlab.foreign.text_log import compile_pattern, find
from driftlab.foreign.trace_builder import Execution

_MONTH: Final = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_ISO: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?"
_OLD: Final = re.compile(
    rf"(?:<\d{{1,3}}>)?(?P<time>{_MONTH} {{1,2}}\d{{1,2}} \d\d:\d\d:\d\d(?:\.\d+)?|{_ISO}) "
    r"(?P<host>\S+) "
    r"(?P<app>[^\s:\[\]]{1,200})(?:\[(?P<procid>[^\]\s]{1,200})\])?: ?(?P<message>.*)",
    re.DOTALL,
)
_NEW: Final = re.compile(
    rf"<\d{{1,3}}>\d{{1,2}} (?P<time>{_ISO}|-) (?P<host>\S+) (?P<app>\S+) (?P<procid>\S+) "
    r"(?P<msgid>\S+) (?P<data>-|(?:\[(?:[^\]\"\\]|\\.|\"(?:[^\"\\]|\\.)*+\")*+\])+)"
    r"(?: (?:\ufeff)?(?P<message>.*))?",
    re.DOTALL,
)
_PARAMETER: Final = re.compile(r"(?P<key>[^\s=\"\[\]]+)=\"(?P<value>(?:[^\"\\]|\\.)*+)\"")
_ESCAPED: Final = re.compile(r"\\([\"\\\]])")
_CLOCK_AT_END: Final = re.compile(r"\s*(?P<clock>\{[^{}]*\}|map\[[^\[\]]*\])\s*$")


def is_syslog(line: str) -> bool:
    """Whether a line has the header of syslog."""
    return bool(_NEW.match(line)) or bool(_OLD.match(line))


def read(logs: Sequence[LogFile], options: ReadOptions) -> list[Execution]:
    """Read files of syslog. Raise DriftlabError if they cannot be read.

    logs: all files of the log. options: what the user says about the format; a pattern
    is of the message after the header.
    """
    patterns = [compile_pattern(pattern) for pattern in options.patterns]
    if patterns:
        return read_records(logs, options, partial(_read_by_patterns, patterns), "syslog")
    return read_records(logs, options, line_reader(_record), "syslog")


def _read_by_patterns(
    patterns: Sequence[re.Pattern[str]], log: LogFile, columns: RecordColumns
) -> list[UnmatchedText]:
    """Read a file by patterns of its messages, which are searched all at once."""
    messages: list[str] = []
    heads: list[tuple[int, dict[str, str | None]]] = []
    unread: list[UnmatchedText] = []
    for piece in log.text_pieces():
        unread += [UnmatchedText(0, one.line, one.reason, "") for one in piece.unread]
        for number, line in piece.numbered_lines():
            head = _head(line)
            if isinstance(head, str):
                unread.append(UnmatchedText(0, number, head, line))
            else:
                messages.append(head["message"] or "")
                heads.append((number, head))
    found = find(patterns, "\n".join(messages))
    ends = np.cumsum([len(each) + 1 for each in messages])
    matches = dict(zip(np.searchsorted(ends, found.starts, "right").tolist(),
                       range(len(found.starts)), strict=True))  # fmt: skip
    for row, (number, parts) in enumerate(heads):
        if row in matches:
            groups = {name: column[matches[row]] for name, column in found.groups.items()}
            said = {name: value for name, value in groups.items() if value is not None}
            columns.add([_with_head(parts, said)], [number])
        else:
            reason = f"matches nothing: {shorten_line(messages[row])}"
            unread.append(UnmatchedText(0, number, reason, host=parts["host"]))
    return unread


def _record(line: str) -> dict[str, Any] | str:
    """Return the fields of a line, or why it is no record."""
    head = _head(line)
    if isinstance(head, str):
        return head
    return _with_head(head, _said((head["message"] or "").rstrip()))


def _head(line: str) -> dict[str, str | None] | str:
    """Return the parts of a line's header, and its message, or why it is no record."""
    header = _NEW.fullmatch(line) or _OLD.fullmatch(line)
    if header is None:
        return f"has no header of syslog: {shorten_line(line.strip())}"
    return header.groupdict()


def _with_head(parts: dict[str, str | None], said: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a line: what its message says, its structured data, and its header."""
    data = parts.get("data") or "-"
    fields = {**({} if data == "-" else _parameters(data)), **said}
    known = set(map(field_of, fields))
    head = {key: parts.get(key) for key in ("host", "time", "app", "procid", "msgid")}
    for key, value in head.items():
        is_said = key in fields or key in known or (key == "time" and "time_ns" in known)
        if value not in (None, "-"):
            fields[f"syslog_{key}" if is_said else key] = value
    return fields


def _parameters(data: str) -> dict[str, Any]:
    """Return the parameters of structured data."""
    return {one["key"]: _ESCAPED.sub(r"\1", one["value"]) for one in _PARAMETER.finditer(data)}


def _said(text: str) -> dict[str, Any]:
    """Return what a message says; what is not understood is the event's text."""
    body = text.removeprefix("@cee:").strip()
    if body.startswith("{"):
        found = parse_object(body)
        if isinstance(found, dict) and any(field_of(key) for key in found):
            return found
    pairs = pairs_in(text)
    if pairs.twice is None and any(field_of(key) for key in pairs.fields):
        fields = dict(pairs.fields)
        has_text = "event" in map(field_of, fields) or "msg" in fields
        if pairs.rest:
            fields["words" if has_text else "event"] = pairs.rest
        return fields
    at_end = _CLOCK_AT_END.search(text)
    if at_end:
        try:
            clock = read_clock(at_end["clock"])
        except ClockError:
            return {"event": text}
        return {"event": text[: at_end.start()] or None, "clock": clock}
    return {"event": text or None}
