"""Journals of one run into one trace.

The rows come in pieces, process after process: a journal in one piece from the
parser of single lines, or in many from `scan`. What is not a row is gathered
on the way, so rows need not stay in memory: `packed` writes them to a file.

A line that cannot be read leaves a hole before the next event of its process,
and so does a tick that is not there. A journal without a last line tells that
there may have been more.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from driftlab.trace.reading import Journal
from driftlab.trace.reading import Unread as UnreadLine
from driftlab.trace.rows import Rows, Sets, joined, rows_of, starts_of, why_not
from driftlab.trace.trace import Array, Author, Trace, Unread

_LOSSES = ("channel-lost", "channel-full", "peer-closed")


class Piece(NamedTuple):
    """Rows of one journal, and what else stands between and around them.

    process: its position. journal: its notes and what was unread since the
    piece before, `length` the lines of the journal so far; no entries.
    """

    process: int
    rows: Rows
    journal: Journal


def pieces_of(journals: Iterable[Journal], names: Sequence[str], clock: str) -> Iterator[Piece]:
    """Return each journal as one piece, in the order of `names`."""
    places = {name: place for place, name in enumerate(names)}
    for journal in sorted(journals, key=lambda each: places[each.machine]):
        yield Piece(places[journal.machine], *fitting_rows(journal, places, clock))


def fitting_rows(journal: Journal, places: dict[str, int], clock: str) -> tuple[Rows, Journal]:
    """Put those entries of a journal into columns that fit; the others become unread lines."""
    entries, lines, unread = [], [], list(journal.unread)
    for line, entry in zip(journal.lines, journal.entries, strict=True):
        reason = why_not(entry, places)
        if reason is None:
            entries.append(entry)
            lines.append(line)
        else:
            unread.append(UnreadLine(line, f"not an event: {reason}"))
    unread.sort(key=lambda one: one.line)
    bare = journal._replace(entries=[], lines=[], unread=unread)
    return rows_of(entries, lines, places, clock), bare


class Gathering:
    """What is known of a run beside its rows, while they come in, process after process."""

    def __init__(self, names: Sequence[str], unread: Sequence[Unread] = ()) -> None:
        self.names = names
        self.unread = unread  # what is known of before
        self.sets = Sets()
        self.counts = [0] * len(names)
        self.journals: dict[int, Journal] = {}
        self.holes: list[Array] = []
        self.has_texts = False
        self._rows = 0
        self._tick = -1
        self._is_broken = False  # a line was unread since the last row

    def add(self, piece: Piece) -> Rows:
        """Take the next piece; return its rows, whose sets are numbered for the whole run."""
        process, rows, journal = piece
        before = self.journals.get(process)
        if before is None:
            self._tick, self._is_broken = -1, False
            self.journals[process] = journal
        else:
            self.journals[process] = journal._replace(
                notes=before.notes + journal.notes,
                unread=before.unread + journal.unread,
                torn=before.torn or journal.torn,
            )
        self.holes.append(self._holes(rows, [one.line for one in journal.unread]))
        self.counts[process] += rows.events
        self._rows += rows.events
        self.has_texts |= rows.recorded is not None
        return self.sets.renumbered(rows)

    def _holes(self, rows: Rows, unread: list[int]) -> Array:
        """Return the rows before which a line was unreadable, or ticks are missing."""
        import numpy as np

        line, tick = rows.columns.line, rows.columns.tick
        if not len(line):
            self._is_broken |= bool(unread)
            return np.zeros(0, np.int64)
        after = np.searchsorted(line, np.array(unread, np.int64))
        before = np.concatenate([[self._tick], tick[:-1]])
        is_hole = tick - 1 > before
        is_hole[after[after < len(line)]] = True
        is_hole[0] |= self._is_broken
        self._tick = int(tick[-1])
        self._is_broken = bool((after == len(line)).any())
        return np.flatnonzero(is_hole) + self._rows

    def known(self) -> dict[str, Any]:
        """Return what `Trace` has beside its rows, under the names that it has there."""
        import numpy as np

        mine = [self.journals.get(place) for place in range(len(self.names))]
        return {
            "starts": starts_of(self.counts),
            "sets": self.sets.members,
            "authors": [Author() if each is None else author_of(each) for each in mine],
            "files": [str(each.path) if each else "" for each in mine],
            "unread": [*self.unread, *(one for each in mine if each for one in _unread(each))],
            "holes": np.concatenate([np.zeros(0, np.int64), *self.holes]),
            "absent": [name for name, each in zip(self.names, mine, strict=True) if each is None],
        }


def gathered(
    pieces: Iterable[Piece], gathering: Gathering, clock: str, scenario: str | None = None
) -> Trace:
    """Put all pieces of a run together."""
    empty = rows_of([], [], {}, clock)
    rows = joined(chain([empty], map(gathering.add, pieces)))
    texts = {} if rows.recorded is None else {"recorded": rows.recorded}
    return Trace(
        gathering.names,
        columns=rows.columns,
        arrivals=rows.arrivals,
        timestamps=rows.timestamps,
        texts=texts,
        scenario=scenario,
        **gathering.known(),
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
        ended=bool(ends) and not journal.torn,
        lost=frozenset(
            note.fields.get("peer", "")
            for note in journal.notes_on("incident")
            if note.fields.get("what") in _LOSSES
        ),
        process=header.get("process", "die"),
    )


def _unread(journal: Journal) -> list[Unread]:
    lines = [Unread(str(journal.path), line, reason) for line, reason in journal.unread]
    if journal.torn:
        lines.append(Unread(str(journal.path), journal.length, "breaks off in the middle"))
    return lines
