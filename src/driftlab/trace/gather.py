"""Journals of one run into one trace.

A tick that is not there leaves a hole before the next event of its process. A
journal without a last line tells that there may have been more.
"""

from collections.abc import Sequence
from typing import Any

from driftlab.payload import payload_text
from driftlab.trace.files import UnreadableError
from driftlab.trace.journal import Entry, Note
from driftlab.trace.ordering import in_tick_order
from driftlab.trace.reading import Journal
from driftlab.trace.timestamps import from_texts
from driftlab.trace.trace import (
    KINDS,
    MISSING,
    NO_TARGET,
    NOBODY,
    SET_FIRST,
    Arrivals,
    Author,
    Columns,
    Timestamps,
    Trace,
    Unread,
)

_LOSSES = ("channel-lost", "channel-full", "peer-closed")


def trace_of(
    journals: Sequence[Journal], names: Sequence[str], scenario: str | None = None
) -> Trace:
    """Put the journals of one run into columns. `names` are its processes, in their order.

    Raises UnreadableError where a journal speaks of a process that is none of these.
    """
    import numpy as np

    by_name = {journal.machine: journal for journal in journals}
    mine = [by_name.get(name) for name in names]
    own = [list(zip(each.entries, each.lines, strict=True)) if each else [] for each in mine]
    starts = np.zeros(len(names) + 1, np.int64)
    np.cumsum([len(entries) for entries in own], out=starts[1:])
    flat = [entry for entries in own for entry in entries]
    places = _Places(names, journals)
    sets: dict[tuple[int, ...], int] = {}
    columns = _columns(flat, places, sets)
    trace = Trace(
        names,
        starts,
        columns,
        peers=_peers(mine, places),
        sets=list(sets),
        arrivals=_arrivals(flat, places),
        timestamps=_timestamps(journals, flat),
        texts=_texts(flat),
        authors=[Author() if each is None else author_of(each) for each in mine],
        files=[str(each.path) if each else "" for each in mine],
        unread=[one for each in journals for one in _unread(each)],
        absent=[name for name in names if name not in by_name],
        scenario=scenario,
    )
    return in_tick_order(trace)


def _peers(
    journals: Sequence[Journal | None], places: dict[str, int]
) -> list[tuple[int, ...]] | None:
    """Return whom each process can send to; None where all can send to all."""
    everyone = range(len(places))
    near = [
        [place for place in everyone if place != own]
        if journal is None
        else sorted(places[name] for name in journal.header.get("peers", "").split(",") if name)
        for own, journal in enumerate(journals)
    ]
    is_mesh = all(len(peers) == len(places) - 1 for peers in near)
    return None if is_mesh else [tuple(peers) for peers in near]


class _Places(dict[str, int]):
    """Positions by name; who is not there is told of as the user would want to know it."""

    def __init__(self, names: Sequence[str], journals: Sequence[Journal]) -> None:
        super().__init__({name: place for place, name in enumerate(names)})
        self._where = journals[0].path.parent if journals else ""

    def __missing__(self, name: str) -> int:
        raise UnreadableError(
            f"{self._where}: a journal speaks of {name}, which is no process of this run"
        )


def author_of(journal: Journal) -> Author:
    """Return what a journal tells about its machine."""
    header = journal.header
    ends = journal.notes_on("end")
    return Author(
        rate=float(header["rate"]),
        speed=float(header.get("speed", 1)),
        phase_ns=int(header["phase_ns"]) if "phase_ns" in header else None,
        simulated=header.get("world") == "simulated",
        ended=bool(ends) and not journal.torn and not _lacks_events(journal, ends[-1]),
        lost=frozenset(
            note.fields.get("peer", "")
            for note in journal.notes_on("incident")
            if note.fields.get("what") in _LOSSES
        ),
        process=header.get("process", "die"),
        from_start=True,
    )


def _lacks_events(journal: Journal, end: Note) -> bool:
    """Whether a journal's last line counts more ticks than its events reach."""
    counted = end.fields.get("ticks", "")
    reached = max((entry.event.tick for entry in journal.entries), default=-1) + 1
    return counted.isascii() and counted.isdigit() and counted != str(reached)


def _unread(journal: Journal) -> list[Unread]:
    lines = [Unread(str(journal.path), line, reason) for line, reason in journal.unread]
    if journal.torn:
        lines.append(Unread(str(journal.path), journal.length, "breaks off in the middle"))
    return lines


def _columns(
    flat: Sequence[tuple[Entry, int]], places: dict[str, int], sets: dict[tuple[int, ...], int]
) -> Columns:
    import numpy as np

    kinds = {kind: number for number, kind in enumerate(KINDS)}
    events = [entry.event for entry, _ in flat]
    instants = [entry.instant for entry, _ in flat]

    def column(values: list[int], kind: Any = np.int64) -> Any:
        return np.array(values, kind)

    return Columns(
        kind=column([kinds[event.kind] for event in events], np.uint8),
        clock=column([event.clock for event in events]),
        sender=column([places[e.sender] if e.sender else NOBODY for e in events], np.int32),
        stamp=column([MISSING if event.stamp is None else event.stamp for event in events]),
        target=column([_target(event.targets, places, sets) for event in events], np.int32),
        queue=column([event.queue for event in events]),
        tick=column([event.tick for event in events]),
        due_ns=column([instant.due_ns for instant in instants]),
        late_ns=column([instant.late_ns for instant in instants]),
        time_ns=column([instant.time_ns for instant in instants]),
        line=column([line for _, line in flat]),
    )


def _target(
    targets: Sequence[str], places: dict[str, int], sets: dict[tuple[int, ...], int]
) -> int:
    """Return whom an event sends to, as the column `target` has it."""
    if not targets:
        return NO_TARGET
    if len(targets) == 1:
        return places[targets[0]]
    members = tuple(sorted(places[name] for name in targets))
    return SET_FIRST - sets.setdefault(members, len(sets))


def _arrivals(flat: Sequence[tuple[Entry, int]], places: dict[str, int]) -> Arrivals:
    import numpy as np

    starts = np.zeros(len(flat) + 1, np.int64)
    np.cumsum([len(entry.found) for entry, _ in flat], out=starts[1:])
    found = [message for entry, _ in flat for message in entry.found]
    return Arrivals(
        starts,
        np.array([places[message.sender] for message in found], np.int32),
        np.array([message.stamp for message in found], np.int64),
    )


def _timestamps(
    journals: Sequence[Journal], flat: Sequence[tuple[Entry, int]]
) -> Timestamps | None:
    clock = journals[0].header.get("clock", "lamport") if journals else "lamport"
    if clock == "lamport":
        return None
    held = [entry.event.timestamp for entry, _ in flat]
    return from_texts(clock, [None if one is None else one.encode() for one in held])


def _texts(flat: Sequence[tuple[Entry, int]]) -> dict[str, list[str | None]]:
    if not any(entry.event.recorded for entry, _ in flat):
        return {}
    return {
        "recorded": [
            payload_text(list(entry.event.recorded)) if entry.event.recorded else None
            for entry, _ in flat
        ]
    }
