"""Lines of a journal back into values. Pure; `reading` opens the files.

What the lines are is told in `journal`, which writes them.
"""

import re
from collections.abc import Sequence
from typing import Any

from driftlab.clocks.clock import Timestamp
from driftlab.clocks.running import Decode
from driftlab.event import Event, Kind, Message
from driftlab.payload import PayloadError, canonical, parse_payload
from driftlab.trace.journal import (
    COLUMNS,
    EMPTY,
    MORE_COLUMNS,
    VERSION,
    Entry,
    Instant,
    Note,
)
from driftlab.trace.utc import utc_ns

_CELLS = (
    r"\S+Z", r"\d+", r"-?\d+", r"\d+", r"internal|send|receive", r"\S+", r"\d+|-", r"\S+",
    r"\d+", r"\d+", r"\S+", r"\S+", r"\S+",
)  # fmt: skip
_EVENT = re.compile(
    "\t".join(f"({cell})" for cell in _CELLS[:11])
    + "(?:" + "".join(f"\t({cell})" for cell in _CELLS[11:]) + ")?",
    re.ASCII,
)  # fmt: skip


def _why_not(line: str) -> str:
    """Say which column of a line is not as it should be."""
    cells = line.split("\t")
    if len(cells) not in (len(COLUMNS), len(COLUMNS + MORE_COLUMNS)):
        return "expected 11 or 13 columns parted by tabs"
    for name, pattern, cell in zip(COLUMNS + MORE_COLUMNS, _CELLS, cells, strict=False):
        if not re.fullmatch(pattern, cell, re.ASCII):
            return f"the column `{name}` cannot be {cell[:40]!a}"
    return "expected 11 or 13 columns parted by tabs"


class JournalError(Exception):
    """A line that is not of a journal; the message says why."""


def parse_entry(process: str, line: str, decode: Decode | None = None) -> Entry:
    """Read the line of one event of `process`, without its line end. Raises JournalError.

    `decode` reads timestamps; without it they are left out.
    """
    match = _EVENT.fullmatch(line)
    if match is None:
        raise JournalError(f"not an event: {_why_not(line)}")
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
    except ValueError as error:  # a time that is none, or a number of thousands of digits
        raise JournalError(f"not an event: {error}") from None


def _parse_more(
    process: str, more: Sequence[str | None], decode: Decode | None
) -> tuple[Timestamp | None, tuple[Any, ...]]:
    timestamp, recorded = (EMPTY if text is None else text for text in more)
    values = [] if recorded == EMPTY else parse_payload(_parse_payload(recorded))
    if not isinstance(values, list):
        raise JournalError("not an event: the column `recorded` is a list of JSON")
    return None if timestamp == EMPTY else _decoded(process, timestamp, decode), tuple(values)


def _decoded(process: str, text: str, decode: Decode | None) -> Timestamp | None:
    try:
        return None if decode is None else decode(process, text)
    except ValueError as error:
        raise JournalError(f"not an event: {error}") from None


def _parse_payload(text: str) -> str:
    """Read an escaped text of JSON as canonical text. Raises JournalError."""
    for character in ", %":
        text = text.replace(f"%{ord(character):02X}", character)
    try:
        return canonical(text)
    except PayloadError as error:
        raise JournalError(f"not an event: {error}") from None


def _parse_found(text: str, decode: Decode | None) -> tuple[Message, ...]:
    if text == EMPTY:
        return ()
    return tuple([_parse_message(item, decode) for item in text.split(",")])


def _parse_message(text: str, decode: Decode | None) -> Message:
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
    """Read a line that begins with `#`. Raises JournalError."""
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
