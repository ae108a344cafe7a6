"""The journal: one line per event, for a person, for `grep` and for a program.

Pure: this room writes lines as text, `parsing` reads them; a host has the file.

A journal is UTF-8 text. Lines that begin with `#` are about the machine, all
others are events. Line 1 is the versioned header, `key=value` pairs. An event
is eleven columns parted by tabs, `-` where one is empty:

    time      system time at the begin of the tick, UTC, nanoseconds
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

`found` is what a replay needs: feed it to the same machine, tick by tick, and
the same events come out.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from driftlab.event import Event, Message
from driftlab.plan import MachinePlan
from driftlab.trace.utc import utc_text

VERSION: Final = 1
COLUMNS: Final = (
    "time", "due_ns", "late_ns", "tick", "kind", "sender", "stamp", "targets",
    "clock", "queue", "found",
)  # fmt: skip
EMPTY: Final = "-"
COMPLETE: Final = "complete"  # how a machine ends that has taken every tick


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


def header_fields(plan: MachinePlan, **more: object) -> dict[str, object]:
    """Return the fields of a journal's first line: the machine, and `more` about the run."""
    return {
        "machine": plan.name,
        "index": plan.position,
        "peers": ",".join(plan.peers),
        "rate": plan.rate,
        "seed": plan.seed,
        "run": plan.run,
        "phase_ns": plan.schedule.phase_ns,
        **more,
    }


def format_entry(entry: Entry) -> str:
    """Return the line of one event."""
    event, instant, found = entry
    targets = ",".join(event.targets) or EMPTY
    stamp = EMPTY if event.stamp is None else event.stamp
    held = ",".join([f"{sender}:{stamp}" for sender, stamp in found]) if found else EMPTY
    return (
        f"{utc_text(instant.time_ns)}\t{instant.due_ns}\t{instant.late_ns}\t{event.tick}\t"
        f"{event.kind._value_}\t{event.sender or EMPTY}\t{stamp}\t{targets}\t"
        f"{event.clock}\t{event.queue}\t{held}\n"
    )


def format_note(topic: str, fields: dict[str, object]) -> str:
    """Return a line about the machine. Only `reason`, which comes last, may hold blanks."""
    title = f"driftlab-journal {VERSION}" if topic == "header" else topic
    words = [f"{key}={value}" for key, value in fields.items()]
    return " ".join(" ".join(["#", title, *words]).splitlines()) + "\n"
