"""Journals of one run into one trace.

The rows come in pieces, process after process: a journal in one piece from the
parser of single lines, or in many from `scan`. What is not a row is gathered
on the way, so rows need not stay in memory: `packed` writes them to a file.

A tick that is not there leaves a hole before the next event of its process. A
journal without a last line tells that there may have been more.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from driftlab.history.tick_repair import in_tick_order, rows_after_gap_since
from driftlab.history.trace import ProcessInfo, Trace, Unread
from driftlab.journal.format import Note
from driftlab.journal.journal_columns import (
    JournalColumns,
    TargetSets,
    columns_of_entries,
    concatenate,
)
from driftlab.journal.reader import Journal, JournalChunk
from driftlab.model.columns import Array, starts_of

_LOSSES = ("channel-lost", "channel-full", "peer-closed")


class TraceBuilder:
    """What is known of a run beside its rows, while they come in, process after process."""

    def __init__(self, names: Sequence[str], unread: Sequence[Unread] = ()) -> None:
        self.names = names
        self.unread = unread  # what is known of before
        self.sets = TargetSets()
        self.counts = [0] * len(names)
        self.journals: dict[int, Journal] = {}
        self.has_texts = False
        self.gaps: Array = None  # rows of the last piece before which ticks are missing
        self.reached: dict[int, int] = {}  # how many ticks of a process there are, holes and all

    def add(self, piece: JournalChunk) -> JournalColumns:
        """Take the next piece; return its rows, whose sets are numbered for the whole run."""
        process, rows, journal = piece
        before = self.journals.get(process)
        if before is None:
            self.journals[process] = journal
        else:
            self.journals[process] = journal._replace(
                notes=before.notes + journal.notes,
                unread=before.unread + journal.unread,
                torn=before.torn or journal.torn,
            )
        self.counts[process] += rows.events
        reached = self.reached.get(process, 0)
        self.gaps = rows_after_gap_since(reached - 1, rows.columns.tick)
        if rows.events:
            self.reached[process] = max(reached, int(rows.columns.tick.max()) + 1)
        self.has_texts |= rows.recorded is not None
        return self.sets.renumbered(rows)

    def known(self) -> dict[str, Any]:
        """Return what `Trace` has beside its rows, under the names that it has there."""
        mine = [self.journals.get(place) for place in range(len(self.names))]
        return {
            "starts": starts_of(self.counts),
            "sets": self.sets.members,
            "peers": _peers(mine, self.names),
            "process_info": [
                ProcessInfo()
                if each is None
                else describe_process(each, self.reached.get(place, 0))
                for place, each in enumerate(mine)
            ],
            "files": [each.path.name if each else "" for each in mine],
            "unread": [*self.unread, *(one for each in mine if each for one in _unread(each))],
            "missing_processes": [
                name for name, each in zip(self.names, mine, strict=True) if each is None
            ],
        }


def assemble(
    pieces: Iterable[JournalChunk], gathering: TraceBuilder, clock: str, scenario: str | None = None
) -> Trace:
    """Put all pieces of a run together."""
    empty = columns_of_entries([], [], {}, clock)
    rows = concatenate(chain([empty], map(gathering.add, pieces)))
    texts = {} if rows.recorded is None else {"recorded": rows.recorded}
    trace = Trace(
        gathering.names,
        columns=rows.columns,
        arrivals=rows.arrivals,
        timestamps=rows.timestamps,
        texts=texts,
        scenario=scenario,
        **gathering.known(),
    )
    return in_tick_order(trace)


def _peers(
    journals: Sequence[Journal | None], names: Sequence[str]
) -> list[tuple[int, ...]] | None:
    """Return whom each process can send to; None where all can send to all."""
    places = {name: place for place, name in enumerate(names)}
    near = [
        tuple(place for place in places.values() if place != own)
        if journal is None
        else tuple(sorted(places[name] for name in _linked(journal) if name in places))
        for own, journal in enumerate(journals)
    ]
    is_mesh = all(len(peers) == len(names) - 1 for peers in near)
    return None if is_mesh else near


def _linked(journal: Journal) -> list[str]:
    return journal.header.get("peers", "").split(",")


def describe_process(journal: Journal, reached: int) -> ProcessInfo:
    """Return what a journal tells about its machine, whose events reach so many ticks."""
    header = journal.header
    ends = journal.notes_on("end")
    return ProcessInfo(
        rate=float(header["rate"]),
        speed=float(header.get("speed", 1)),
        phase_ns=int(header["phase_ns"]) if "phase_ns" in header else None,
        simulated=header.get("world") == "simulated",
        ended=bool(ends) and not journal.torn and not _lacks_events(ends[-1], reached),
        lost=frozenset(
            note.fields.get("peer", "")
            for note in journal.notes_on("incident")
            if note.fields.get("what") in _LOSSES
        ),
        process=header.get("process", "die"),
        from_start=True,
    )


def _lacks_events(end: Note, reached: int) -> bool:
    """Whether a journal's last line counts more ticks than its events reach."""
    counted = end.fields.get("ticks", "")
    is_number = counted.isascii() and counted.isdigit() and len(counted) < 20
    return not is_number or int(counted) > reached


def _unread(journal: Journal) -> list[Unread]:
    lines = [Unread(journal.path.name, line, reason) for line, reason in journal.unread]
    if journal.torn:
        lines.append(Unread(journal.path.name, journal.length, "breaks off in the middle"))
    return lines
