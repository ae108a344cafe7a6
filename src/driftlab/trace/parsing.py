"""Lines of a journal back into values. Pure; `reading` opens the files.

What the lines are is told in `journal`, which writes them.
"""

import re

from driftlab.event import Event, Kind, Message
from driftlab.trace.journal import EMPTY, VERSION, Entry, Instant, Note
from driftlab.trace.utc import utc_ns

_EVENT = re.compile(
    r"(\S+Z)\t(\d+)\t(-?\d+)\t(\d+)\t(internal|send|receive)\t"
    r"(\S+)\t(\d+|-)\t(\S+)\t(\d+)\t(\d+)\t(\S+)",
    re.ASCII,
)


class JournalError(Exception):
    """A line that is not of a journal; the message says why."""


def parse_entry(process: str, line: str) -> Entry:
    """Read the line of one event of `process`, without its line end. Raises JournalError."""
    match = _EVENT.fullmatch(line)
    if match is None:
        raise JournalError("not an event: expected eleven columns parted by tabs")
    time, due, late, tick, kind, sender, stamp, targets, clock, queue, found = match.groups()
    try:
        instant = Instant(utc_ns(time), int(due), int(late))
    except ValueError as error:
        raise JournalError(f"not an event: {error}") from None
    event = Event(
        process,
        int(tick),
        Kind(kind),
        None if sender == EMPTY else sender,
        None if stamp == EMPTY else int(stamp),
        () if targets == EMPTY else tuple(targets.split(",")),
        int(clock),
        int(queue),
    )
    return Entry(event, instant, _parse_found(found))


def _parse_found(text: str) -> tuple[Message, ...]:
    if text == EMPTY:
        return ()
    pairs = [item.rpartition(":") for item in text.split(",")]
    if not all(sender and stamp.isdigit() for sender, _, stamp in pairs):
        raise JournalError("not an event: the column `found` is SENDER:CLOCK,SENDER:CLOCK…")
    return tuple(Message(sender, int(stamp)) for sender, _, stamp in pairs)


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
