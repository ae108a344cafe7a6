"""The journal of one machine as text: its lines, written and parsed.

A journal is UTF-8 text with one line per event, for a person, for `grep` and
for a program. Lines that begin with `#` are notes about the machine; line 1 is
the versioned header. A note has a topic and `key=value` fields. An event has
eleven columns separated by tabs, or thirteen, `-` where one is empty:

    time      the machine's own time at the start of the tick, UTC, nanoseconds
    due_ns    when the tick was due, nanoseconds after the common start
    late_ns   how much later it began
    tick      its number, from 0
    kind      internal, send or receive
    sender    who sent the message that was received
    stamp     the clock that it carried
    targets   the processes that the event sent to: B,C
    clock     the machine's clock after the event
    queue     the length of its inbox after the event
    found     what its sockets held at this tick, in the order queued: B:5,C:7
    timestamp of the run's additional clock
    recorded  what a process of the user recorded, a JSON list

The last two are there if the run keeps an additional clock or runs a process of
the user. Then a message in `found` may carry its timestamp and its payload,
`B:5:3.5.0` and `B:5:3.5.0:{"token":1}`; in a payload a blank, a comma and a `%`
are written as `%20`, `%2C` and `%25`.

`found` is what a replay needs: feed it to the same machine, tick by tick, and
the same events come out. `time` is what the machine's own clock says, which
the scenario may have set wrong; `due_ns` and `late_ns` are true.

Pure: text in, text out. Writing an entry and parsing the line gives the same entry.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from driftlab.clocks.catalogue import DecodeTimestamp
from driftlab.clocks.clock import Timestamp
from driftlab.journal.utc import utc_ns, utc_text
from driftlab.model.event import Event, Kind, Message
from driftlab.model.payload import PayloadError, canonical_payload, parse_payload, payload_text
from driftlab.scenario.plan import MachinePlan

VERSION: Final = 1
COLUMNS: Final = (
    "time", "due_ns", "late_ns", "tick", "kind", "sender", "stamp", "targets",
    "clock", "queue", "found",
)  # fmt: skip
MORE_COLUMNS: Final = ("timestamp", "recorded")
EMPTY: Final = "-"
JOURNAL_SUFFIX: Final = ".log"  # of the file NAME.log
COMPLETE: Final = "complete"  # how a machine ends that has taken every tick


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


def header_fields(plan: MachinePlan, **more: object) -> dict[str, object]:
    """Return the fields of a journal's first line: those of a machine's plan, and `more`."""
    rest = {"clock": plan.clock, "process": plan.process} if has_more_columns(plan) else {}
    return {
        "machine": plan.name,
        "index": plan.position,
        "peers": ",".join(plan.peers),
        "rate": plan.rate,
        "seed": plan.seed,
        "run": plan.run,
        "phase_ns": plan.schedule.phase_ns,
        **{key: "%20".join(value.split()) for key, value in rest.items()},
        **more,
    }


def has_more_columns(plan: MachinePlan) -> bool:
    """Whether a machine's journal has thirteen columns, not eleven."""
    return plan.clock != "lamport" or plan.process != "die"


def column_names(plan: MachinePlan) -> str:
    """Return the names of a machine's columns, separated by commas."""
    return ",".join(COLUMNS + MORE_COLUMNS if has_more_columns(plan) else COLUMNS)


def format_entry(entry: Entry, *, more_columns: bool = False) -> str:
    """Return the line of one event, with `more_columns` all thirteen."""
    if more_columns:
        return _format_long(entry)
    event, instant, found = entry
    targets = ",".join(event.targets) or EMPTY
    stamp = EMPTY if event.stamp is None else event.stamp
    held = ",".join([f"{message[0]}:{message[1]}" for message in found]) if found else EMPTY
    return (
        f"{utc_text(instant.time_ns)}\t{instant.due_ns}\t{instant.late_ns}\t{event.tick}\t"
        f"{event.kind._value_}\t{event.sender or EMPTY}\t{stamp}\t{targets}\t"
        f"{event.clock}\t{event.queue}\t{held}\n"
    )


def _format_long(entry: Entry) -> str:
    """Return the line of one event with thirteen columns."""
    event, _, found = entry
    short = format_entry(entry._replace(found=()))
    held = ",".join(map(_format_message, found)) or EMPTY
    timestamp = EMPTY if event.timestamp is None else event.timestamp.encode()
    recorded = _escaped(payload_text(event.recorded)) if event.recorded else EMPTY
    return f"{short[: -len(EMPTY) - 1]}{held}\t{timestamp}\t{recorded}\n"


def _format_message(message: Message) -> str:
    sender, stamp, timestamp, payload = message
    text = f"{sender}:{stamp}"
    if timestamp is not None or payload is not None:
        text += f":{'' if timestamp is None else timestamp.encode()}"
    return text if payload is None else f"{text}:{_escaped(payload)}"


def _escaped(text: str) -> str:
    for character in "% ,":
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def format_note(topic: str, fields: dict[str, object]) -> str:
    """Return a note, a line that ends with a line feed.

    topic: its title, `header` for the first line. fields: keys and values, written as
    `key=value` in this order. Only `reason`, which comes last, may contain blanks.
    """
    title = f"driftlab-journal {VERSION}" if topic == "header" else topic
    words = [f"{key}={value}" for key, value in fields.items()]
    return " ".join(" ".join(["#", title, *words]).splitlines()) + "\n"


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
