"""The journal: one line per event, for a person, for `grep` and for a program.

Pure: this room formats and parses lines; a host writes them, `read` opens files.

A journal is UTF-8 text. Lines that begin with `#` are about the machine, all
others are events. Line 1 is the versioned header, `key=value` pairs. An event
is ten columns parted by tabs, `-` where one is empty:

    time      system time at the begin of the tick, UTC, nanoseconds
    due_ns    when the tick was due, nanoseconds after the common start
    late_ns   how much later it began
    tick      its number, from 0
    kind      internal, send or receive
    peers     the targets of a send, or the sender of a receive
    stamp     the clock that a received message carried
    clock     the machine's clock after the event
    queue     the length of its inbox after the event
    found     what its sockets held at this tick, in the order queued: B:5,C:7

`found` is what a replay needs: feed it to the same machine, tick by tick, and
the same events come out.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from driftlab.event import Event, Kind, Message
from driftlab.trace.utc import utc_ns, utc_text

VERSION: Final = 1
COLUMNS: Final = (
    "time", "due_ns", "late_ns", "tick", "kind", "peers", "stamp", "clock", "queue", "found",
)  # fmt: skip
EMPTY: Final = "-"
COMPLETE: Final = "complete"  # how a machine ends that has taken every tick

_EVENT = re.compile(
    r"(\S+Z)\t(\d+)\t(-?\d+)\t(\d+)\t(internal|send|receive)\t"
    r"(\S+)\t(\d+|-)\t(\d+)\t(\d+)\t(\S+)",
    re.ASCII,
)


class JournalError(Exception):
    """A line that is not of a journal; the message says why."""


class Instant(NamedTuple):
    """When a tick began: system time (ns since 1970, UTC), due time after the start, lateness."""

    time_ns: int
    due_ns: int
    late_ns: int


class Entry(NamedTuple):
    """One line of a journal: an event, when it happened, and what its tick found."""

    event: Event
    instant: Instant
    found: Sequence[Message]


class Note(NamedTuple):
    """A line about the machine: `header`, `start`, `incident` or `end`, and its fields."""

    topic: str
    fields: dict[str, str]


def format_entry(entry: Entry) -> str:
    """Return the line of one event."""
    event, instant, found = entry
    peers = ",".join(event.peers) or EMPTY
    stamp = EMPTY if event.stamp is None else event.stamp
    held = ",".join([f"{sender}:{stamp}" for sender, stamp in found]) if found else EMPTY
    return (
        f"{utc_text(instant.time_ns)}\t{instant.due_ns}\t{instant.late_ns}\t{event.tick}\t"
        f"{event.kind._value_}\t{peers}\t{stamp}\t{event.clock}\t{event.queue}\t{held}\n"
    )


def parse_entry(process: str, line: str) -> Entry:
    """Read the line of one event of `process`, without its line end. Raises JournalError."""
    match = _EVENT.fullmatch(line)
    if match is None:
        raise JournalError("not an event: expected ten columns parted by tabs")
    time, due, late, tick, kind, peers, stamp, clock, queue, found = match.groups()
    try:
        instant = Instant(utc_ns(time), int(due), int(late))
    except ValueError as error:
        raise JournalError(f"not an event: {error}") from None
    event = Event(
        process,
        int(tick),
        Kind(kind),
        () if peers == EMPTY else tuple(peers.split(",")),
        None if stamp == EMPTY else int(stamp),
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


def format_note(topic: str, fields: dict[str, object]) -> str:
    """Return a line about the machine. A value with blanks is the rest of the line: put it last."""
    title = f"driftlab-journal {VERSION}" if topic == "header" else topic
    words = [f"{key}={_one_line(value)}" for key, value in fields.items()]
    return " ".join(["#", title, *words]) + "\n"


def parse_note(line: str) -> Note:
    """Read a line that begins with `#`. Raises JournalError."""
    topic, _, rest = line.removeprefix("#").strip().partition(" ")
    if topic == "driftlab-journal":
        version, _, rest = rest.partition(" ")
        if version != str(VERSION):
            raise JournalError(f"journal version {version}; this driftlab reads {VERSION}")
        topic = "header"
    pairs = re.split(r" (?=[a-z_]+=)", rest) if rest else []
    fields = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return Note(topic, fields)


def _one_line(value: object) -> str:
    return str(value).replace("\n", " ").replace("\r", " ")
