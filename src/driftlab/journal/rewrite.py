"""Journals with other clock values: the same lines but for what the clock says.

Pure: text in, text out. Everything besides the clock stays as it was written:
times, payloads, notes, incidents, lines that could not be read, a torn end.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from driftlab.errors import counted
from driftlab.journal.format import COLUMNS, EMPTY, MORE_COLUMNS, format_note
from driftlab.journal.parser import JournalError, parse_note

_STAMP, _CLOCK, _FOUND, _TIMESTAMP = (
    (*COLUMNS, *MORE_COLUMNS).index(name) for name in ("stamp", "clock", "found", "timestamp")
)


class RestampedArrival(NamedTuple):
    """What a message carries: its stamp, and its timestamp as text, None to keep the old one."""

    stamp: int
    timestamp: str | None


class RestampedEvent(NamedTuple):
    """The clock values in the line of one event.

    clock: its Lamport clock. stamp: that of the message received, None if the
    event receives none. timestamp: as text, None to keep the old one. found:
    the messages of that column, in its order.
    """

    clock: int
    stamp: int | None
    timestamp: str | None
    found: Sequence[RestampedArrival]


def restamp_lines(
    lines: Iterable[str], events: Mapping[int, RestampedEvent], clock: str | None
) -> Iterator[str]:
    """Yield the lines of a journal with other clock values; all else stays as it was written.

    events: the new values by line number, from 1; other lines keep theirs.
    clock: the additional clock whose timestamps these are, None if only Lamport
    clocks change. Raise JournalError if a line and its event do not fit together.
    """
    for number, line in enumerate(lines, 1):
        if number in events:
            yield _restamped_event(line, events[number], is_long=clock is not None)
        elif clock is not None and line.startswith("#"):
            yield _note_with_clock(line, clock)
        else:
            yield line


def _restamped_event(line: str, event: RestampedEvent, *, is_long: bool) -> str:
    columns = line.rstrip("\n").split("\t")
    if is_long and len(columns) == len(COLUMNS):
        columns += [EMPTY] * len(MORE_COLUMNS)
    columns[_CLOCK] = str(event.clock)
    if event.stamp is not None:
        columns[_STAMP] = str(event.stamp)
    if event.timestamp is not None:
        columns[_TIMESTAMP] = event.timestamp
    items = [] if columns[_FOUND] == EMPTY else columns[_FOUND].split(",")
    if len(items) != len(event.found):
        was = counted(len(items), "message was", "messages were")
        raise JournalError(f"{was} found, not {len(event.found)}")
    columns[_FOUND] = ",".join(map(_restamped_message, items, event.found)) or EMPTY
    return "\t".join(columns) + "\n"


def _restamped_message(item: str, arrival: RestampedArrival) -> str:
    """Write `SENDER:STAMP`, `SENDER:STAMP:TIMESTAMP` or either with a payload."""
    sender, _, *more = item.split(":", 3)
    if arrival.timestamp is not None:
        more = [arrival.timestamp, *more[1:]]
    return ":".join([sender, str(arrival.stamp), *more])


def _note_with_clock(line: str, clock: str) -> str:
    """Return a note; the header and the list of columns mention the additional clock."""
    try:
        topic, fields = parse_note(line)
    except JournalError:
        return line
    if topic == "columns":
        return format_note(topic, {"names": ",".join(COLUMNS + MORE_COLUMNS)})
    if topic != "header":
        return line
    head: dict[str, object] = {"process": "die", **fields, "clock": clock}
    first = [key for key in fields if key not in ("clock", "process")]
    cut = first.index("phase_ns") + 1 if "phase_ns" in first else len(first)
    order = [*first[:cut], "clock", "process", *first[cut:]]
    return format_note(topic, {key: head[key] for key in order})
