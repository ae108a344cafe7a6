"""Journals read back into columns: the one reader of every command.

A journal is read in chunks of whole lines, several at a time on all cores. A
compiled kernel takes the lines that it understands completely, the parser of
single lines all others; small journals go to the parser alone, which needs no
compiler. So the parser decides what a line is, and how much there is to read
changes nothing but the time.

The invariant: every line is an event, a note about the machine, or counted as
unread, with its number and the reason. The first line is the header; a journal
without a valid one is not a journal.
"""

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from driftlab.arrays import AnyArray, ByteArray, IntArray
from driftlab.clocks.catalogue import CLOCKS, LAMPORT, DecodeTimestamp, timestamp_decoder
from driftlab.journal.files import (
    CHUNK_BYTES,
    LINE_BYTES_MAX,
    TOO_LONG,
    LineChunk,
    UnreadableError,
    UnreadLine,
    line_chunks,
    open_regular,
    size_of,
)
from driftlab.journal.format import COLUMNS, MORE_COLUMNS
from driftlab.journal.journal_columns import (
    JournalColumns,
    columns_of_entries,
    merge_by_line,
    reject_reason,
)
from driftlab.journal.parser import Entry, JournalError, Note, parse_entry, parse_note
from driftlab.journal.scan_kernel import SET_SLOTS, SETS_MAX, name_table, scan_lines
from driftlab.lazy import np
from driftlab.model.columns import Arrivals, Columns, Timestamps

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

HEADER_BYTES: Final = 1 << 16  # read at once; the header of a machine with many peers is longer
INDEX_MAX: Final = 2**31 - 1  # of a process
PHASE_NS_MAX: Final = 2**63 - 1
TITLE: Final = b"# driftlab-journal"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"  # with which some editors begin UTF-8

SCAN_BYTES_MIN: Final = 4_000_000  # below this, parsing line by line takes less than a second
CHUNKS_AHEAD: Final = 2  # chunks that wait for a thread, or to be taken
ROWS_AT_ONCE: Final = 1 << 17  # of one call of the kernel
LINE_BYTES_MIN: Final = 44  # of an event, with its line end
FOUND_BYTES_MIN: Final = 4  # of a message in `found`, with its comma
DEFERRED_AT_ONCE: Final = 1 << 12  # lines handed to the parser by one call of the kernel

_TAIL_BYTES: Final = 4096

Kernel = Callable[..., tuple[int, int, int, int, int, int]]


# The header.


def read_header(path: Path) -> dict[str, str]:
    """Return the fields of a journal's first line, checked. Raise UnreadableError."""
    first = next(line_chunks(path, HEADER_BYTES), None)
    try:
        if first is None:
            raise JournalError("empty; a journal begins with `# driftlab-journal`")
        if first.damage or first.skipped:
            raise JournalError(f"line 1: {first.damage or TOO_LONG}")
        return _header_fields(first.text)
    except JournalError as error:
        raise UnreadableError(f"{path}: {error}") from None


def is_journal(path: Path) -> bool:
    """Whether a file begins as a journal does. Raise UnreadableError if it cannot be opened."""
    first = next(line_chunks(path, HEADER_BYTES), None)
    return first is not None and is_journal_head(first.text)


def is_journal_head(text: bytes) -> bool:
    """Whether the beginning of a file, decompressed, is that of a journal."""
    return text.removeprefix(_BYTE_ORDER_MARK).startswith(TITLE)


def _header_fields(text: bytes) -> dict[str, str]:
    line, end, _ = text.removeprefix(_BYTE_ORDER_MARK).partition(b"\n")
    if line[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in line[:4]:
        raise JournalError(
            "line 1: this looks like UTF-16; a journal is UTF-8 (iconv -f utf-16 -t utf-8)"
        )
    if b"\r" in line.rstrip(b"\r"):
        raise JournalError("line 1: its lines end in CR alone; end them in LF (tr '\\r' '\\n')")
    header = parse_note(line.decode("utf-8", errors="replace"))
    required = {"machine", "index", "rate"}
    if header.topic != "header" or not end or not required <= set(header.fields):
        raise JournalError("line 1 is not `# driftlab-journal 1 machine=… index=… rate=…`")
    for key, (is_valid, expected) in _HEADER_RULES.items():
        if key in header.fields and not is_valid(header.fields[key]):
            value = ascii(header.fields[key][:40])
            raise JournalError(f"line 1: {key}={value}; expected {expected}")
    return header.fields


def _is_rate(text: str) -> bool:
    try:
        return text.isascii() and "_" not in text and isfinite(float(text)) and float(text) > 0
    except ValueError:
        return False


def _is_integer(low: int, high: int) -> Callable[[str], bool]:
    def is_valid(text: str) -> bool:
        return bool(re.fullmatch(r"-?[0-9]{1,19}", text)) and low <= int(text) <= high

    return is_valid


_HEADER_RULES: Final[dict[str, tuple[Callable[[str], bool], str]]] = {
    "machine": (bool, "a name"),
    "index": (_is_integer(0, INDEX_MAX), f"a whole number from 0 to {INDEX_MAX}"),
    "rate": (_is_rate, "a positive number"),
    "speed": (_is_rate, "a positive number"),
    "phase_ns": (_is_integer(0, PHASE_NS_MAX), "whole nanoseconds, not negative"),
    "clock": (CLOCKS.__contains__, ", ".join(CLOCKS)),
}


# Whole journals.


class Journal(NamedTuple):
    """What a journal says besides its events.

    header: the fields of its first line. notes: the other lines about the
    machine. unread: the lines that could not be read. torn: whether the last
    line breaks off, as it does if the machine was killed while writing it;
    all lines above are whole. length: the number of lines.
    """

    path: Path
    header: Mapping[str, str]
    notes: Sequence[Note] = ()
    unread: Sequence[UnreadLine] = ()
    torn: bool = False
    length: int = 1

    @property
    def machine(self) -> str:
        """The name of the machine that wrote it."""
        return self.header["machine"]

    def notes_on(self, topic: str) -> list[Note]:
        """Return the notes on one topic: `start`, `incident` or `end`."""
        return [note for note in self.notes if note.topic == topic]

    def then(self, later: "Journal") -> "Journal":
        """Return the journal with a later part of it appended."""
        return self._replace(
            notes=[*self.notes, *later.notes],
            unread=[*self.unread, *later.unread],
            torn=self.torn or later.torn,
            length=later.length,
        )


class JournalChunk(NamedTuple):
    """The events of consecutive lines of a journal, and what else these lines say.

    process: its position. journal: the notes and the unread lines of this
    chunk; `length` counts the lines of the journal up to here. entries: the
    parsed lines of the rows, with all that the columns leave out (payloads and
    timestamps of messages, recorded values); empty unless asked for.
    """

    process: int
    rows: JournalColumns
    journal: Journal
    entries: Sequence[Entry] = ()


class LineSchema(NamedTuple):
    """What the lines of a run consist of.

    places: the position of each process. clock: the additional clock, or
    `lamport`; decode: reads its timestamps. width: numbers in a timestamp,
    which stand in groups of `group`. names: see `name_table`.
    """

    places: dict[str, int]
    clock: str
    decode: DecodeTimestamp | None
    width: int
    group: int
    names: tuple[IntArray, IntArray, ByteArray]


def line_schema(names: Sequence[str], clock: str) -> LineSchema:
    """Return what the lines of a run's journals consist of.

    names: of all processes, in order. clock: the additional clock, or `lamport`.
    """
    places = {name: place for place, name in enumerate(names)}
    size = len(names)
    rows, group = (0, 1) if clock == LAMPORT else CLOCKS[clock].shape(size)
    decode = timestamp_decoder(clock, places, size)
    return LineSchema(places, clock, decode, rows * group, group, name_table(names))


def read_journals(
    paths: Sequence[Path],
    names: Sequence[str],
    clock: str,
    *,
    keep_entries: bool = False,
    size: int | None = None,
    kernel: Kernel | None = None,
) -> Iterator[JournalChunk]:
    """Yield the journals of a run chunk by chunk, one journal after the other.

    paths: in the order of `names`. names: of all processes, in their order.
    clock: the additional clock of the run, or `lamport`. keep_entries: whether
    chunks have their entries too; then no line goes to the kernel. size: bytes
    read at once, CHUNK_BYTES by default. kernel: by default the compiled one
    if there are at least SCAN_BYTES_MIN bytes to read, and none if there are not.
    Raise UnreadableError if a file cannot be opened or has no valid header.
    """
    if kernel is None and not keep_entries and sum(map(size_of, paths)) >= SCAN_BYTES_MIN:
        kernel = scan_lines.compiled
    read = _ChunkReader(line_schema(names, clock), kernel, keep_entries=keep_entries)
    threads = os.cpu_count() or 1
    pool = _thread_pool(threads) if kernel else None
    try:
        for path in paths:
            header = Journal(path, read_header(path))
            chunks = _without_header(line_chunks(path, size or CHUNK_BYTES))
            lines_before = 1
            for chunk in _mapped(pool, threads + CHUNKS_AHEAD, partial(read, header), chunks):
                yield _renumbered(chunk, lines_before)
                lines_before += chunk.journal.length
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def _thread_pool(threads: int) -> "ThreadPoolExecutor":
    from concurrent.futures import ThreadPoolExecutor  # imports `logging`; other logs need neither

    return ThreadPoolExecutor(threads)


def _without_header(chunks: Iterator[LineChunk]) -> Iterator[LineChunk]:
    first = next(chunks, LineChunk(b""))
    yield first._replace(text=first.text[first.text.find(b"\n") + 1 :])
    yield from chunks


def _mapped(
    pool: "ThreadPoolExecutor | None",
    at_once: int,
    read: Callable[[LineChunk], JournalChunk],
    chunks: Iterable[LineChunk],
) -> Iterator[JournalChunk]:
    """Yield `read` of each chunk, in order; a pool has at most `at_once` of them at a time."""
    if pool is None:
        yield from map(read, chunks)
        return
    under_way: deque[Future[JournalChunk]] = deque()
    for chunk in chunks:
        under_way.append(pool.submit(read, chunk))
        while len(under_way) >= at_once:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


def _renumbered(chunk: JournalChunk, lines_before: int) -> JournalChunk:
    """Return a chunk whose lines were counted from 1 with their numbers in the file."""
    rows, journal = chunk.rows, chunk.journal
    columns = rows.columns._replace(line=rows.lines + lines_before)
    return chunk._replace(
        rows=rows._replace(columns=columns),
        journal=journal._replace(
            unread=[one._replace(line=one.line + lines_before) for one in journal.unread],
            length=journal.length + lines_before,
        ),
    )


# One chunk.


class _ChunkReader:
    """Reads chunks of the journals of a run; several threads do so at once."""

    def __init__(self, schema: LineSchema, kernel: Kernel | None, *, keep_entries: bool) -> None:
        self._schema = schema
        self._kernel = kernel
        self._keep_entries = keep_entries

    def __call__(self, header: Journal, chunk: LineChunk) -> JournalChunk:
        """Return what a chunk says, its lines counted from 1."""
        parsed = _ParsedLines(header, self._schema)
        parts: list[JournalColumns] = []
        number = 0
        if self._kernel is not None and chunk.text:
            whole = chunk.text.rfind(b"\n") + 1
            number, parts = self._scan(self._kernel, parsed, chunk.text, whole)
            chunk = chunk._replace(text=chunk.text[whole:])
        number = parsed.add_chunk(number, chunk)
        if parsed.entries or not parts:
            parts.append(parsed.rows())
        rows = parts[0] if self._kernel is None else merge_by_line(parts)
        journal = header._replace(
            notes=parsed.notes,
            unread=sorted(parsed.unread, key=lambda one: one.line),
            torn=chunk.torn,
            length=number,
        )
        place = self._schema.places[header.machine]
        return JournalChunk(place, rows, journal, parsed.entries if self._keep_entries else ())

    def _scan(
        self, kernel: Kernel, parsed: "_ParsedLines", text: bytes, whole: int
    ) -> tuple[int, list[JournalColumns]]:
        """Read whole lines by the kernel; return how many there are, and their rows in parts."""
        schema = self._schema
        begin = number = 0
        # Without an additional clock, and yet of 13 columns: those of a process of the user.
        group = -1 if parsed.is_long and not schema.width else schema.group
        parts: list[JournalColumns] = []
        bytes_of = np.frombuffer(text, np.uint8, whole)
        while begin < whole:
            buffers = KernelBuffers(whole - begin, schema)
            begin, number, *counts = kernel(
                bytes_of, begin, number, LINE_BYTES_MAX, schema.width, group,
                *schema.names, *buffers.arrays,
            )  # fmt: skip
            rows, found, sets, deferred = counts
            parts.append(buffers.rows(text, rows, found, sets))
            for (low, high), line in buffers.deferred(deferred):
                parsed.add_line(line, text[low:high])
        return number, parts


class _ParsedLines:
    """Lines of one journal that the parser of single lines has read.

    entries and lines: those that are events of this run, and their numbers.
    """

    def __init__(self, header: Journal, schema: LineSchema) -> None:
        self._file, self._machine = header.path.name, header.machine
        self._schema = schema
        self.is_long = "clock" in header.header
        self.entries: list[Entry] = []
        self.lines: list[int] = []
        self.notes: list[Note] = []
        self.unread: list[UnreadLine] = []

    def add_chunk(self, number: int, chunk: LineChunk) -> int:
        """Parse the lines of a chunk of which `number` were read; return how many are read then."""
        if chunk.skipped:
            self._reject(number + 1, TOO_LONG)
            return number + 1
        if chunk.damage:
            self._reject(number + 1, chunk.damage)
            return number
        lines = chunk.text.split(b"\n")
        last = lines.pop()  # empty, or a line that breaks off
        for line in lines:
            number += 1
            self.add_line(number, line)
        return number + bool(last)

    def add_line(self, number: int, raw: bytes) -> None:
        """Parse one line, without its line end."""
        if len(raw) > LINE_BYTES_MAX:
            self._reject(number, TOO_LONG)
            return
        line = raw.removesuffix(b"\r").decode("utf-8", errors="replace")
        try:
            if line.startswith("#"):
                self.notes.append(parse_note(line))
                return
            entry = self._parse(line)
        except JournalError as error:
            self._reject(number, str(error))
            return
        self.entries.append(entry)
        self.lines.append(number)

    def _parse(self, line: str) -> Entry:
        """Parse the line of an event. Raise JournalError if it is none of this run."""
        columns = len(COLUMNS + MORE_COLUMNS if self.is_long else COLUMNS)
        if line.count("\t") + 1 < columns:
            raise JournalError(f"not an event: expected {columns} columns separated by tabs")
        entry = parse_entry(self._machine, line, self._schema.decode)
        reason = reject_reason(entry, self._schema.places)
        if reason is not None:
            raise JournalError(f"not an event: {reason}")
        return entry

    def _reject(self, number: int, reason: str) -> None:
        self.unread.append(UnreadLine(self._file, number, reason))

    def rows(self) -> JournalColumns:
        """Return the entries in columns."""
        return columns_of_entries(self.entries, self.lines, self._schema.places, self._schema.clock)


class KernelBuffers:
    """The arrays that one call of the kernel fills.

    They have room for every event of `size` bytes of text, or for ROWS_AT_ONCE.
    """

    def __init__(self, size: int, schema: LineSchema) -> None:
        self._schema = schema
        rows = min(size // LINE_BYTES_MIN + 1, ROWS_AT_ONCE)
        found = min(size // FOUND_BYTES_MIN + 1, 8 * ROWS_AT_ONCE)

        def column(length: int, dtype: Any = np.int64) -> AnyArray:
            return np.empty(length, dtype)

        self._columns = Columns(
            kind=column(rows, np.uint8), clock=column(rows), sender=column(rows, np.int32),
            stamp=column(rows), target=column(rows, np.int32), queue=column(rows),
            tick=column(rows), due_ns=column(rows), late_ns=column(rows), time_ns=column(rows),
            line=column(rows),
        )  # fmt: skip
        self._arrivals = Arrivals(
            np.zeros(rows + 1, np.int64), column(found, np.int32), column(found)
        )
        self._values = column(rows * schema.width)
        self._set_bounds = column(2 * SETS_MAX)
        deferred = min(size + 1, DEFERRED_AT_ONCE)
        self._deferred_bounds, self._deferred_lines = column(2 * deferred), column(deferred)
        self.arrays = (
            *(each for each in self._columns if each is not None),
            *self._arrivals,
            self._values,
            np.full(SET_SLOTS, -1, np.int64),
            self._set_bounds,
            self._deferred_bounds,
            self._deferred_lines,
        )

    def rows(self, text: bytes, rows: int, found: int, sets: int) -> JournalColumns:
        """Return the rows that the kernel has filled in.

        text: what it has read. rows, found, sets: how many rows, messages
        found and sets of targets there are.
        """
        starts, sender, stamp = self._arrivals
        kind, *others = (None if each is None else each[:rows] for each in self._columns)
        assert kind is not None
        return JournalColumns(
            Columns(kind, *others),
            [self._members(text[low:high]) for low, high in _pairs(self._set_bounds, sets)],
            Arrivals(starts[: rows + 1], sender[:found], stamp[:found]),
            self._timestamps(rows),
            None,
        )

    def _members(self, names: bytes) -> tuple[int, ...]:
        return tuple(sorted(self._schema.places[name] for name in names.decode().split(",")))

    def _timestamps(self, rows: int) -> Timestamps | None:
        clock, width = self._schema.clock, self._schema.width
        if not width:
            return None
        entries = np.tile(np.arange(width, dtype=np.int32), rows)
        starts = np.arange(rows + 1, dtype=np.int64) * width
        return Timestamps(clock, starts, entries, self._values[: rows * width])

    def deferred(self, count: int) -> Iterator[tuple[tuple[int, int], int]]:
        """Return the begin and the end in the text, and the number, of each deferred line."""
        numbers = self._deferred_lines[:count].tolist()
        return zip(_pairs(self._deferred_bounds, count), numbers, strict=True)


def _pairs(bounds: IntArray, count: int) -> Iterator[tuple[int, int]]:
    flat = bounds[: 2 * count].tolist()
    return zip(flat[::2], flat[1::2], strict=True)


# A journal that is being written.


def read_lines(
    path: Path, header: Mapping[str, str], schema: LineSchema, text: bytes
) -> JournalChunk:
    """Return what whole lines of a journal say, which follow its header; numbered from 1.

    path, header: of the journal. schema: of the run's lines. text: the lines.
    """
    kernel = scan_lines.compiled if len(text) >= SCAN_BYTES_MIN else None
    return _ChunkReader(schema, kernel, keep_entries=False)(Journal(path, header), LineChunk(text))


def read_last(path: Path) -> Entry | None:
    """Return the last whole entry of a journal, reading only the end of the file.

    None if there is no entry yet. For the live display of a run. Raise OSError,
    UnreadableError if it is not a regular file, JournalError if the last line is not an entry.
    """
    with open_regular(path) as file:
        size = file.seek(0, os.SEEK_END)
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
