"""Journals with other clocks in them: the same lines, but for what the clock says.

Pure: text in, text out. Everything a journal tells beside the clock stays as it
was written: times, payloads, notes, incidents, lines that matched nothing, a
torn end. Columns are those of `journal`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from driftlab.journal.format import (
    COLUMNS,
    EMPTY,
    MORE_COLUMNS,
    JournalError,
    format_note,
    parse_note,
)

_STAMP, _CLOCK, _FOUND, _TIMESTAMP = (
    (*COLUMNS, *MORE_COLUMNS).index(name) for name in ("stamp", "clock", "found", "timestamp")
)


class RestampedArrival(NamedTuple):
    """What a message carried: its stamp, and its timestamp as text, None where that stays."""

    stamp: int
    timestamp: str | None


class RestampedEvent(NamedTuple):
    """What the clock says in an event's line: None for a timestamp that stays as it is.

    stamp: None where nothing was received. found: of each message in that column.
    """

    clock: int
    stamp: int | None
    timestamp: str | None
    found: Sequence[RestampedArrival]


def restamp_lines(
    lines: Iterable[str], events: Mapping[int, RestampedEvent], clock: str | None
) -> Iterator[str]:
    """Yield the lines of a journal with the clock put in; `events` is by line number, from 1.

    `clock` names the further clock whose timestamps these are, None if only
    Lamport clocks change. Raises JournalError where a line does not fit its event.
    """
    for number, line in enumerate(lines, 1):
        if number in events:
            yield _event(line, events[number], is_long=clock is not None)
        elif clock is not None and line.startswith("#"):
            yield _note(line, clock)
        else:
            yield line


def _event(line: str, says: RestampedEvent, *, is_long: bool) -> str:
    columns = line.rstrip("\n").split("\t")
    if is_long and len(columns) == len(COLUMNS):
        columns += [EMPTY] * len(MORE_COLUMNS)
    columns[_CLOCK] = str(says.clock)
    if says.stamp is not None:
        columns[_STAMP] = str(says.stamp)
    if says.timestamp is not None:
        columns[_TIMESTAMP] = says.timestamp
    items = [] if columns[_FOUND] == EMPTY else columns[_FOUND].split(",")
    if len(items) != len(says.found):
        raise JournalError(f"{len(items)} messages were found, not {len(says.found)}")
    columns[_FOUND] = ",".join(map(_message, items, says.found)) or EMPTY
    return "\t".join(columns) + "\n"


def _message(item: str, says: RestampedArrival) -> str:
    """Write `SENDER:STAMP`, `SENDER:STAMP:TIMESTAMP` or with a payload behind that."""
    sender, _, *more = item.split(":", 3)
    if says.timestamp is not None:
        more = [says.timestamp, *more[1:]]
    return ":".join([sender, str(says.stamp), *more])


def _note(line: str, clock: str) -> str:
    """Say in the header and the note on columns that there is a further clock."""
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
