"""Journals straight into columns, the fast way: stretches of a file side by side on all cores.

The compiled loop of `scan_loop` takes the lines that it understands completely,
the parser of single lines all others, so the result is that of the slow way in
every respect. Memory: no more stretches are under way than there are threads,
and some.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple

from driftlab.clocks.catalogue import DecodeTimestamp, timestamp_decoder
from driftlab.journal.files import CHUNK_BYTES, LINE_BYTES_MAX, LineChunk, line_chunks
from driftlab.journal.header import read_header
from driftlab.journal.journal_columns import JournalColumns, merge_by_line
from driftlab.journal.reader import (
    Journal,
    JournalChunk,
    add_chunk,
    add_line,
    after_header,
    empty_journal,
    is_torn,
    rows_and_rejects,
)
from driftlab.journal.scan_kernel import SET_SLOTS, SETS_MAX, name_slots, scan_lines
from driftlab.model.columns import Array, Arrivals, Columns, Timestamps

AHEAD: Final = 2  # stretches that wait for a thread, or to be taken
ROWS_AT_ONCE: Final = 1 << 17  # of one call of the loop
LINE_BYTES_MIN: Final = 46  # of an event
FOUND_BYTES_MIN: Final = 4  # of a message that was found, with its comma
OTHERS_AT_ONCE: Final = 1 << 12  # lines handed to the parser of single lines by one call


class Roster(NamedTuple):
    """The processes of a run and its clock, as the loop wants to know them.

    width: numbers in a timestamp, in groups of so many; table: see `name_slots`.
    """

    places: dict[str, int]
    clock: str
    decode: DecodeTimestamp | None
    width: int
    group: int
    table: tuple[Array, Array, Array]


def roster_of(names: Sequence[str], clock: str) -> Roster:
    """Return what the loop needs to know of a run."""
    places = {name: place for place, name in enumerate(names)}
    size = len(names)
    width, group = {
        "lamport": (0, 1), "vector": (size, size), "matrix": (size * size, size), "hybrid": (2, 2)
    }[clock]  # fmt: skip
    decode = timestamp_decoder(clock, places, size)
    return Roster(places, clock, decode, width, group, name_slots(names))


def scan(
    paths: Sequence[Path], names: Sequence[str], clock: str, size: int | None = None,
    loop: Callable[..., Any] | None = None,
) -> Iterator[JournalChunk]:  # fmt: skip
    """Read the journals of a run, given in the order of `names`, piece by piece.

    `size`: bytes read at once, STRETCH_BYTES if not given; `loop`: the compiled
    one if not given.
    Raises UnreadableError.
    """
    roster = roster_of(names, clock)
    read = _Reader(roster, loop or scan_lines.compiled)
    threads = os.cpu_count() or 1
    pool = ThreadPoolExecutor(threads)
    under_way: deque[Future[JournalChunk]] = deque()
    try:
        for path in paths:
            empty = empty_journal(path, read_header(path))
            number = 1
            for stretch in after_header(line_chunks(path, size or CHUNK_BYTES)):
                under_way.append(pool.submit(read, empty, stretch))
                while len(under_way) >= threads + AHEAD:
                    piece, number = _placed(under_way.popleft().result(), number)
                    yield piece
            while under_way:
                piece, number = _placed(under_way.popleft().result(), number)
                yield piece
    finally:
        pool.shutdown(cancel_futures=True)


def _placed(piece: JournalChunk, before: int) -> tuple[JournalChunk, int]:
    """Count the lines of a piece on from those before it; return how many those are then."""
    journal = piece.journal
    columns = piece.rows.columns
    rows = piece.rows._replace(columns=columns._replace(line=columns.line + before))
    unread = [one._replace(line=one.line + before) for one in journal.unread]
    length = before + journal.length
    return JournalChunk(piece.process, rows, journal._replace(unread=unread, length=length)), length


class _Reader:
    """Reads one stretch; several do so at once."""

    def __init__(self, roster: Roster, loop: Callable[..., Any]) -> None:
        self._roster = roster
        self._loop = loop

    def __call__(self, empty: Journal, stretch: LineChunk) -> JournalChunk:
        """Return the rows of a stretch; its lines are counted from 1."""
        roster = self._roster
        rest = _fresh(empty, torn=is_torn(stretch))
        parts: list[JournalColumns] = []
        number = 0
        if stretch.text:
            whole = stretch.text.rfind(b"\n") + 1
            number, parts = self._scan(rest, stretch.text, whole)
            stretch = stretch._replace(text=stretch.text[whole:])
        number = add_chunk(rest, number, stretch, roster.decode)
        slow, journal = rows_and_rejects(rest, roster.places, roster.clock)
        rows = merge_by_line([*parts, slow] if slow.events or not parts else parts)
        return JournalChunk(roster.places[empty.machine], rows, journal._replace(length=number))

    def _scan(self, rest: Journal, text: bytes, whole: int) -> tuple[int, list[JournalColumns]]:
        """Read whole lines; those that the loop hands over go to `rest`."""
        import numpy as np

        begin = number = 0
        # Without a further clock, and yet of 13 columns: those of a process of the user.
        is_long = "clock" in rest.header and not self._roster.width
        group = -1 if is_long else self._roster.group
        parts: list[JournalColumns] = []
        bytes_of = np.frombuffer(text, np.uint8, whole)
        while begin < whole:
            columns = _Outputs(whole - begin, self._roster)
            begin, number, *counts = self._loop(
                bytes_of, begin, number, LINE_BYTES_MAX, self._roster.width, group,
                *self._roster.table, *columns.arrays,
            )  # fmt: skip
            parts.append(columns.rows(text, *counts))
            for place, line in columns.others(counts[-1]):
                add_line(rest, line, text[place[0] : place[1]], self._roster.decode)
        return number, parts


def _fresh(empty: Journal, *, torn: bool) -> Journal:
    return empty._replace(entries=[], lines=[], notes=[], unread=[], torn=torn)


class _Outputs:
    """The columns that one call of the loop fills."""

    def __init__(self, room: int, roster: Roster) -> None:
        import numpy as np

        self._roster = roster
        rows = min(room // LINE_BYTES_MIN + 1, ROWS_AT_ONCE)
        found = min(room // FOUND_BYTES_MIN + 1, 8 * ROWS_AT_ONCE)

        def column(size: int, kind: Any = np.int64) -> Array:
            return np.empty(size, kind)

        self._columns = Columns(
            kind=column(rows, np.uint8), clock=column(rows), sender=column(rows, np.int32),
            stamp=column(rows), target=column(rows, np.int32), queue=column(rows),
            tick=column(rows), due_ns=column(rows), late_ns=column(rows), time_ns=column(rows),
            line=column(rows),
        )  # fmt: skip
        self._arrivals = Arrivals(
            np.zeros(rows + 1, np.int64), column(found, np.int32), column(found)
        )
        self._values = column(rows * roster.width)
        self._sets = column(2 * SETS_MAX)
        others = min(room + 1, OTHERS_AT_ONCE)
        self._others = (column(2 * others), column(others))
        slots = np.full(SET_SLOTS, -1, np.int64)
        there = (each for each in self._columns if each is not None)
        self.arrays = (
            *there, *self._arrivals, self._values, slots, self._sets, *self._others
        )  # fmt: skip

    def rows(self, text: bytes, rows: int, found: int, sets: int, _: int) -> JournalColumns:
        """Return what the loop has filled."""
        places = self._sets[: 2 * sets].tolist()
        return JournalColumns(
            Columns(*(None if each is None else each[:rows] for each in self._columns)),
            [self._members(text[a:b]) for a, b in zip(places[::2], places[1::2], strict=True)],
            Arrivals(
                self._arrivals.starts[: rows + 1],
                self._arrivals.sender[:found],
                self._arrivals.stamp[:found],
            ),
            self._timestamps(rows),
            None,
        )

    def _members(self, names: bytes) -> tuple[int, ...]:
        return tuple(sorted(self._roster.places[name] for name in names.decode().split(",")))

    def _timestamps(self, rows: int) -> Timestamps | None:
        import numpy as np

        clock, width = self._roster.clock, self._roster.width
        if not width:
            return None
        entries = np.tile(np.arange(width, dtype=np.int32), rows)
        starts = np.arange(rows + 1, dtype=np.int64) * width
        return Timestamps(clock, starts, entries, self._values[: rows * width])

    def others(self, count: int) -> Iterator[tuple[tuple[int, int], int]]:
        """Return the begin and the end, and the number, of each line that was handed over."""
        places = self._others[0][: 2 * count].tolist()
        pairs = zip(places[::2], places[1::2], strict=True)
        return zip(pairs, self._others[1][:count].tolist(), strict=True)
