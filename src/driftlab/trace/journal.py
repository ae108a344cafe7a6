"""The journal: one line per event, for a person, for `grep` and for a program.

Pure: this room writes lines as text, `parsing` reads them; a host has the file.

A journal is UTF-8 text. Lines that begin with `#` are about the machine, all
others are events. Line 1 is the versioned header, `key=value` pairs. An event
is eleven columns parted by tabs, or thirteen, `-` where one is empty:

    time      the machine's time at the begin of the tick, UTC, nanoseconds
    due_ns    when the tick was due, nanoseconds after the common start
    late_ns   how much later it began
    tick      its number, from 0
    kind      internal, send or receive
    sender    who sent the message that was received
    stamp     the clock that it carried
    targets   to whom the event sent: B,C
    clock     the machine's clock after the event
    queue     the length of its inbox after the event
    found     what its sockets held at this tick, in the order queued: B:5,C:7
    timestamp that of the run's further clock
    recorded  what a process of the user put on record, a list of JSON

The last two are there where a run has a further clock or a process of the
user. Then a message in `found` may have more to it, `B:5:3.5.0` and
`B:5:3.5.0:{"token":1}`, in which a blank, a comma and a `%` are written as
`%20`, `%2C` and `%25`.

`found` is what a replay needs: feed it to the same machine, tick by tick, and
the same events come out. `time` is what the machine's own clock says, which
the scenario may have put wrong; `due_ns` and `late_ns` are true.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from driftlab.event import Event, Message
from driftlab.payload import payload_text
from driftlab.plan import MachinePlan
from driftlab.trace.utc import utc_text

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
    """When a tick began: machine's time (ns since 1970), due time after the start, lateness."""

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


def header_fields(plan: MachinePlan, **more: object) -> dict[str, object]:
    """Return the fields of a journal's first line: the machine, and `more` about the run."""
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
    """Whether a machine's journal has thirteen columns: a further clock, or the user's process."""
    return plan.clock != "lamport" or plan.process != "die"


def column_names(plan: MachinePlan) -> str:
    """Return the names of a machine's columns, parted by commas."""
    return ",".join(COLUMNS + MORE_COLUMNS if has_more_columns(plan) else COLUMNS)


def format_entry(entry: Entry, *, more_columns: bool = False) -> str:
    """Return the line of one event."""
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
    """Return the line of one event with all its columns."""
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
    """Return a line about the machine. Only `reason`, which comes last, may hold blanks."""
    title = f"driftlab-journal {VERSION}" if topic == "header" else topic
    words = [f"{key}={value}" for key, value in fields.items()]
    return " ".join(" ".join(["#", title, *words]).splitlines()) + "\n"
