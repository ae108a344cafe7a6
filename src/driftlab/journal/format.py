"""The journal of one machine as text: what its lines are, and how they are written.

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

Pure: values in, text out. `journal/parser.py` reads the lines again.
"""

from collections.abc import Sequence
from typing import Final

from driftlab.journal.utc import utc_text
from driftlab.model.event import Event, Message, payload_text
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


def format_event(
    event: Event,
    time_ns: int,
    due_ns: int,
    late_ns: int,
    found: Sequence[Message],
    *,
    more_columns: bool = False,
) -> str:
    """Return the line of one event.

    time_ns: the machine's own time, nanoseconds since 1970. due_ns: when its tick was
    due, nanoseconds after the start. late_ns: how much later it began. found: the
    messages that it found. more_columns: whether the line has all thirteen columns.
    """
    _, tick, kind, sender, stamp, targets, clock, queue, timestamp, recorded = event
    line = (
        f"{utc_text(time_ns)}\t{due_ns}\t{late_ns}\t{tick}\t{kind._value_}\t"
        f"{sender or EMPTY}\t{EMPTY if stamp is None else stamp}\t{','.join(targets) or EMPTY}\t"
        f"{clock}\t{queue}\t{','.join(map(_format_message, found)) or EMPTY}"
    )
    if not more_columns:
        return line + "\n"
    timestamp_text = EMPTY if timestamp is None else timestamp.encode()
    return f"{line}\t{timestamp_text}\t{_escaped(payload_text(recorded)) if recorded else EMPTY}\n"


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
