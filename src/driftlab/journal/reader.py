"""The first line of a journal: whose it is, of which run, and at what rate.

Everything that a reader takes from a header is checked here, once: a journal
whose header is nonsense is no journal.

Reading journals back: every line is an entry, a note, or counted as unread.

Journals straight into columns, the fast way: stretches of a file side by side on all cores.

The compiled loop of `scan_loop` takes the lines that it understands completely,
the parser of single lines all others, so the result is that of the slow way in
every respect. Memory: no more stretches are under way than there are threads,
and some.
"""

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from math import isfinite
from os import SEEK_END
from pathlib import Path
from typing import Any, Final, NamedTuple

from driftlab.clocks.catalogue import CLOCKS, Decode, decoder_of
from driftlab.journal.files import (
    CHUNK_BYTES,
    LINE_BYTES_MAX,
    TOO_LONG,
    LineChunk,
    UnreadableError,
    line_chunks,
)
from driftlab.journal.format import (
    COLUMNS,
    JOURNAL_SUFFIX,
    MORE_COLUMNS,
    Entry,
    JournalError,
    Note,
    parse_entry,
    parse_note,
)
from driftlab.journal.journal_columns import (
    JournalColumns,
    columns_of_entries,
    merge_by_line,
    reject_reason,
)
from driftlab.journal.scan_kernel import SET_SLOTS, SETS_MAX, name_slots, scan_lines
from driftlab.model.columns import Array, Arrivals, Columns, Timestamps

HEADER_BYTES: Final = 1 << 16  # read at once; a header of very many peers is longer
INDEX_MAX: Final = 2**31 - 1  # of a process
PHASE_NS_MAX: Final = 2**63 - 1
TITLE: Final = b"# driftlab-journal"
_BOM: Final = b"\xef\xbb\xbf"  # with which some editors begin UTF-8


def read_header(path: Path) -> dict[str, str]:
    """Return the fields of a journal's first line. Raises UnreadableError."""
    first = next(line_chunks(path, HEADER_BYTES), None)
    try:
        if first is None:
            raise JournalError("empty; a journal begins with `# driftlab-journal`")
        if first.damage or first.passed:
            raise JournalError(f"line 1: {first.damage or TOO_LONG}")
        return _header_fields(first.text)
    except JournalError as error:
        raise UnreadableError(f"{path}: {error}") from None


def is_journal(path: Path) -> bool:
    """Whether a file begins as a journal does. Raises UnreadableError."""
    first = next(line_chunks(path, HEADER_BYTES), None)
    return first is not None and first.text.removeprefix(_BOM).startswith(TITLE)


def _header_fields(text: bytes) -> dict[str, str]:
    line, end, _ = text.removeprefix(_BOM).partition(b"\n")
    if line[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in line[:4]:
        raise JournalError(
            "line 1: this looks like UTF-16; a journal is UTF-8 (iconv -f utf-16 -t utf-8)"
        )
    if b"\r" in line.rstrip(b"\r"):
        raise JournalError("line 1: its lines end in CR alone; end them in LF (tr '\\r' '\\n')")
    header = parse_note(line.decode("utf-8", errors="replace"))
    if (
        header.topic != "header"
        or not end
        or not {"machine", "index", "rate"} <= set(header.fields)
    ):
        raise JournalError("line 1 is not `# driftlab-journal 1 machine=… index=… rate=…`")
    for key, (fits, allowed) in _HEADER_RULES.items():
        if key in header.fields and not fits(header.fields[key]):
            value = ascii(header.fields[key][:40])
            raise JournalError(f"line 1: {key}={value}; expected {allowed}")
    return header.fields


def _is_rate(text: str) -> bool:
    try:
        return text.isascii() and "_" not in text and isfinite(float(text)) and float(text) > 0
    except ValueError:
        return False


def _is_whole(low: int, high: int) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        return bool(re.fullmatch(r"-?[0-9]{1,19}", text)) and low <= int(text) <= high

    return fits


_HEADER_RULES: Final[dict[str, tuple[Callable[[str], bool], str]]] = {
    "machine": (bool, "a name"),
    "index": (_is_whole(0, INDEX_MAX), f"a whole number from 0 to {INDEX_MAX}"),
    "rate": (_is_rate, "a positive number"),
    "speed": (_is_rate, "a positive number"),
    "phase_ns": (_is_whole(0, PHASE_NS_MAX), "whole nanoseconds, not negative"),
    "clock": (CLOCKS.__contains__, ", ".join(CLOCKS)),
}


_TAIL_BYTES: Final = 4096


class UnreadLine(NamedTuple):
    """A line that matched nothing: its number from 1, and why."""

    line: int
    reason: str


class Journal(NamedTuple):
    """A journal in memory.

    `lines` are the numbers, from 1, of the lines of the entries. `notes` are
    the lines about the machine other than the header, `torn` is whether the
    last line breaks off: a machine was killed in the middle of writing it, and
    everything before it stands. `length` is the number of lines.
    """

    path: Path
    header: dict[str, str]
    entries: list[Entry]
    lines: list[int]
    notes: list[Note]
    unread: list[UnreadLine]
    torn: bool
    length: int

    @property
    def machine(self) -> str:
        """The name of the machine that wrote it."""
        return self.header["machine"]

    def notes_on(self, topic: str) -> list[Note]:
        """Return the notes on one topic: `start`, `incident` or `end`."""
        return [note for note in self.notes if note.topic == topic]


def read_journal(path: Path, decode: Decode | None = None) -> Journal:
    """Read one journal; `decode` reads timestamps, which are left out without it.

    Raises UnreadableError where there is no journal at all.
    """
    journal = empty_journal(path, read_header(path))
    number, torn = 1, False
    for stretch in after_header(line_chunks(path)):
        number = add_chunk(journal, number, stretch, decode)
        torn = torn or is_torn(stretch)
    return journal._replace(torn=torn, length=number)


def empty_journal(path: Path, header: dict[str, str]) -> Journal:
    """Return a journal of which nothing but the header was read."""
    return Journal(path, header, [], [], [], [], False, 1)


def after_header(pieces: Iterator[LineChunk]) -> Iterator[LineChunk]:
    """Leave out the first line of a file."""
    first = next(pieces, LineChunk(b""))
    yield first._replace(text=first.text[first.text.find(b"\n") + 1 :])
    yield from pieces


def add_chunk(journal: Journal, number: int, stretch: LineChunk, decode: Decode | None) -> int:
    """Sort the lines of a stretch into a journal of which `number` lines were read.

    Returns how many were read then.
    """
    if stretch.passed:
        journal.unread.append(UnreadLine(number + 1, TOO_LONG))
        return number + 1
    if stretch.damage:
        journal.unread.append(UnreadLine(number + 1, stretch.damage))
        return number
    lines = stretch.text.split(b"\n")
    last = lines.pop()  # nothing, or a line that breaks off
    for line in lines:
        number += 1
        add_line(journal, number, line, decode)
    return number + bool(last)


def is_torn(stretch: LineChunk) -> bool:
    """Whether a stretch ends in the middle of a line."""
    return stretch.torn and bool(stretch.passed or stretch.text)


def add_line(journal: Journal, number: int, raw: bytes, decode: Decode | None) -> None:
    """Sort one line, without its line end, into a journal."""
    if len(raw) > LINE_BYTES_MAX:
        journal.unread.append(UnreadLine(number, TOO_LONG))
        return
    line = raw.removesuffix(b"\r").decode("utf-8", errors="replace")
    try:
        if line.startswith("#"):
            journal.notes.append(parse_note(line))
        else:
            _require_columns(journal, line)
            journal.entries.append(parse_entry(journal.machine, line, decode))
            journal.lines.append(number)
    except JournalError as error:
        journal.unread.append(UnreadLine(number, str(error)))


def _require_columns(journal: Journal, line: str) -> None:
    """Raise JournalError for a line that has lost its last columns."""
    many = len(COLUMNS + MORE_COLUMNS if "clock" in journal.header else COLUMNS)
    if line.count("\t") + 1 < many:
        raise JournalError(f"not an event: expected {many} columns parted by tabs")


def read_last(path: Path) -> Entry | None:
    """Return the last whole entry of a journal that is being written, reading only its end."""
    with path.open("rb") as file:
        size = file.seek(0, SEEK_END)
        window = _TAIL_BYTES
        while True:
            file.seek(max(0, size - window))
            lines = file.read(window).split(b"\n")[:-1]
            whole = lines if window >= size else lines[1:]
            events = [line for line in whole if not line.startswith(b"#")]
            if events:
                return parse_entry(path.stem, events[-1].decode())
            if window >= size:
                return None
            window *= 8


def read_journals(folder: Path, decode: Decode | None = None) -> list[Journal]:
    """Read the journals of one run, in name order. Raises UnreadableError."""
    paths = sorted(folder.glob("*" + JOURNAL_SUFFIX)) if folder.is_dir() else []
    if not paths:
        raise UnreadableError(
            f"{folder}: no journals here; a run folder holds a NAME.log a machine"
        )
    journals = [read_journal(path, decode) for path in paths]
    return sorted(journals, key=lambda journal: int(journal.header["index"]))


class JournalChunk(NamedTuple):
    """Rows of one journal, and what else stands between and around them.

    process: its position. journal: its notes and what was unread since the
    piece before, `length` the lines of the journal so far; no entries.
    """

    process: int
    rows: JournalColumns
    journal: Journal


def chunk_per_journal(
    journals: Iterable[Journal], names: Sequence[str], clock: str
) -> Iterator[JournalChunk]:
    """Return each journal as one piece, in the order of `names`."""
    places = {name: place for place, name in enumerate(names)}
    for journal in sorted(journals, key=lambda each: places[each.machine]):
        yield JournalChunk(places[journal.machine], *rows_and_rejects(journal, places, clock))


def rows_and_rejects(
    journal: Journal, places: dict[str, int], clock: str
) -> tuple[JournalColumns, Journal]:
    """Put those entries of a journal into columns that fit; the others become unread lines."""
    entries, lines, unread = [], [], list(journal.unread)
    for line, entry in zip(journal.lines, journal.entries, strict=True):
        reason = reject_reason(entry, places)
        if reason is None:
            entries.append(entry)
            lines.append(line)
        else:
            unread.append(UnreadLine(line, f"not an event: {reason}"))
    unread.sort(key=lambda one: one.line)
    bare = journal._replace(entries=[], lines=[], unread=unread)
    return columns_of_entries(entries, lines, places, clock), bare


AHEAD: Final = 2  # stretches that wait for a thread, or to be taken
ROWS_AT_ONCE: Final = 1 << 17  # of one call of the loop
LINE_BYTES_MIN: Final = 46  # of an event
FOUND_BYTES_MIN: Final = 4  # of a message that was found, with its comma
OTHERS_AT_ONCE: Final = 1 << 12  # lines handed to the parser of single lines by one call


class LineFormat(NamedTuple):
    """The processes of a run and its clock, as the loop wants to know them.

    width: numbers in a timestamp, in groups of so many; table: see `name_slots`.
    """

    places: dict[str, int]
    clock: str
    decode: Decode | None
    width: int
    group: int
    table: tuple[Array, Array, Array]


def line_format_of(names: Sequence[str], clock: str) -> LineFormat:
    """Return what the loop needs to know of a run."""
    places = {name: place for place, name in enumerate(names)}
    size = len(names)
    width, group = {
        "lamport": (0, 1), "vector": (size, size), "matrix": (size * size, size), "hybrid": (2, 2)
    }[clock]  # fmt: skip
    decode = decoder_of(clock, places, size)
    return LineFormat(places, clock, decode, width, group, name_slots(names))


def scan(
    paths: Sequence[Path], names: Sequence[str], clock: str, size: int | None = None,
    loop: Callable[..., Any] | None = None,
) -> Iterator[JournalChunk]:  # fmt: skip
    """Read the journals of a run, given in the order of `names`, piece by piece.

    `size`: bytes read at once, STRETCH_BYTES if not given; `loop`: the compiled
    one if not given.
    Raises UnreadableError.
    """
    roster = line_format_of(names, clock)
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

    def __init__(self, roster: LineFormat, loop: Callable[..., Any]) -> None:
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
            columns = KernelBuffers(whole - begin, self._roster)
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


class KernelBuffers:
    """The columns that one call of the loop fills."""

    def __init__(self, room: int, roster: LineFormat) -> None:
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
