"""The lines of a journal, parsed; `journal/format.py` says what they are.

Pure: text in, values out. Parsing the line that was written of an event gives the
same event, the same instant and the same messages found.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from driftlab.clocks.catalogue import DecodeTimestamp
from driftlab.clocks.clock import Timestamp
from driftlab.journal.format import COLUMNS, EMPTY, MORE_COLUMNS, VERSION
from driftlab.journal.utc import utc_ns
from driftlab.model.event import (
    Event,
    Kind,
    Message,
    PayloadError,
    canonical_payload,
    parse_payload,
)


class Instant(NamedTuple):
    """When a tick began.

    time_ns: the machine's own time, nanoseconds since 1970. due_ns: when it was
    due, nanoseconds after the start. late_ns: how much later it began.
    """

    time_ns: int
    due_ns: int
    late_ns: int


class Entry(NamedTuple):
    """One line of a journal: an event, when it happened, and what its tick found."""

    event: Event
    instant: Instant
    found: Sequence[Message]


class Note(NamedTuple):
    """A line about the machine: topic (`header`, `start`, `incident` or `end`) and fields."""

    topic: str
    fields: dict[str, str]


_CELLS = (
    r"\S+Z", r"\d+", r"-?\d+", r"\d+", r"internal|send|receive", r"\S+", r"\d+|-", r"\S+",
    r"\d+", r"\d+", r"\S+", r"\S+", r"\S+",
)  # fmt: skip


@cache
def _event_pattern() -> re.Pattern[str]:
    """Return the pattern of an event's line, compiled once, when a journal is read."""
    cells = [f"({cell})" for cell in _CELLS]
    further = "".join(f"\t{cell}" for cell in cells[11:])
    return re.compile("\t".join(cells[:11]) + f"(?:{further})?", re.ASCII)


def _misfit(line: str) -> str:
    """Return why a line is not an event."""
    cells = line.split("\t")
    if len(cells) not in (len(COLUMNS), len(COLUMNS + MORE_COLUMNS)):
        return "expected 11 or 13 columns separated by tabs"
    for name, pattern, cell in zip(COLUMNS + MORE_COLUMNS, _CELLS, cells, strict=False):
        if not re.fullmatch(pattern, cell, re.ASCII):
            return f"the column `{name}` cannot be {cell[:40]!a}"
    return "expected 11 or 13 columns separated by tabs"


class JournalError(Exception):
    """A line that does not belong in a journal, and why."""


def parse_entry(process: str, line: str, decode: DecodeTimestamp | None = None) -> Entry:
    """Parse the line of one event, without its line end.

    process: whose event it is. decode: reads timestamps, which are ignored if
    it is None. Raise JournalError if the line is not an event.
    """
    match = _event_pattern().fullmatch(line)
    if match is None:
        raise JournalError(f"not an event: {_misfit(line)}")
    time, due, late, tick, kind, sender, stamp, targets, clock, queue, found, *more = match.groups()
    try:
        instant = Instant(utc_ns(time), int(due), int(late))
        event = Event(
            process,
            int(tick),
            Kind(kind),
            None if sender == EMPTY else sender,
            None if stamp == EMPTY else int(stamp),
            () if targets == EMPTY else tuple(targets.split(",")),
            int(clock),
            int(queue),
            *_parse_more(process, more, decode),
        )
        return Entry(event, instant, _parse_found(found, decode))
    except ValueError as error:  # no such time, or a number of thousands of digits
        raise JournalError(f"not an event: {error}") from None


def _parse_more(
    process: str, more: Sequence[str | None], decode: DecodeTimestamp | None
) -> tuple[Timestamp | None, tuple[Any, ...]]:
    timestamp, recorded = (EMPTY if text is None else text for text in more)
    values = [] if recorded == EMPTY else parse_payload(_parse_payload(recorded))
    if not isinstance(values, list):
        raise JournalError("not an event: the column `recorded` is a list of JSON")
    return None if timestamp == EMPTY else _decoded(process, timestamp, decode), tuple(values)


def _decoded(process: str, text: str, decode: DecodeTimestamp | None) -> Timestamp | None:
    try:
        return None if decode is None else decode(process, text)
    except ValueError as error:
        raise JournalError(f"not an event: {error}") from None


def _parse_payload(text: str) -> str:
    """Return escaped JSON as canonical text. Raise JournalError."""
    for character in ", %":
        text = text.replace(f"%{ord(character):02X}", character)
    try:
        return canonical_payload(text)
    except PayloadError as error:
        raise JournalError(f"not an event: {error}") from None


def _parse_found(text: str, decode: DecodeTimestamp | None) -> tuple[Message, ...]:
    if text == EMPTY:
        return ()
    return tuple([_parse_message(item, decode) for item in text.split(",")])


def _parse_message(text: str, decode: DecodeTimestamp | None) -> Message:
    sender, _, rest = text.partition(":")
    stamp, has_more, rest = rest.partition(":")
    if not sender or not (stamp.isdigit() and stamp.isascii()):
        raise JournalError("not an event: the column `found` is SENDER:CLOCK,SENDER:CLOCK…")
    if not has_more and decode is None:
        return Message(sender, int(stamp))
    timestamp, has_payload, payload = rest.partition(":")
    if decode is not None and not timestamp:
        raise JournalError(f"not an event: {text} was found without a timestamp")
    return Message(
        sender,
        int(stamp),
        _decoded(sender, timestamp, decode) if timestamp else None,
        _parse_payload(payload) if has_payload else None,
    )


def parse_note(line: str) -> Note:
    """Parse a line that begins with `#`. Raise JournalError if its version is not ours."""
    topic, _, rest = line.removeprefix("#").strip().partition(" ")
    if topic == "driftlab-journal":
        version, _, rest = rest.partition(" ")
        if version != str(VERSION):
            raise JournalError(f"journal version {version}; this driftlab reads {VERSION}")
        topic = "header"
    words, has_reason, reason = f" {rest}".partition(" reason=")
    fields = dict(word.split("=", 1) for word in words.split() if "=" in word)
    if has_reason:
        fields["reason"] = reason
    return Note(topic, fields)
