"""Reading journals back: every line is an entry, a note, or counted as unread."""

from collections.abc import Iterable, Iterator, Sequence
from os import SEEK_END
from pathlib import Path
from typing import Final, NamedTuple

from driftlab.clocks.catalogue import DecodeTimestamp
from driftlab.journal.files import LINE_BYTES_MAX, TOO_LONG, LineChunk, UnreadableError, line_chunks
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
from driftlab.journal.header import read_header
from driftlab.journal.journal_columns import JournalColumns, columns_of_entries, reject_reason

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


def read_journal(path: Path, decode: DecodeTimestamp | None = None) -> Journal:
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


def add_chunk(
    journal: Journal, number: int, stretch: LineChunk, decode: DecodeTimestamp | None
) -> int:
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


def add_line(journal: Journal, number: int, raw: bytes, decode: DecodeTimestamp | None) -> None:
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


def read_journals(folder: Path, decode: DecodeTimestamp | None = None) -> list[Journal]:
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
