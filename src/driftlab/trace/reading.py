"""Reading journals back: every line is an entry, a note, or counted as unread."""

from collections.abc import Iterator
from os import SEEK_END
from pathlib import Path
from typing import NamedTuple

from driftlab.clocks.running import Decode
from driftlab.trace.files import UnreadableError
from driftlab.trace.journal import JOURNAL_SUFFIX, Entry, Note
from driftlab.trace.parsing import JournalError, parse_entry, parse_note

_TAIL_BYTES = 4096


class Unread(NamedTuple):
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
    unread: list[Unread]
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
    lines = _lines(path)
    number, first, whole = next(lines, (1, "", True))
    try:
        header = parse_note(first)
        if header.topic != "header" or not whole or not _is_whole(header.fields):
            raise JournalError("line 1 is not `# driftlab-journal 1 machine=… index=… rate=…`")
    except JournalError as error:
        raise UnreadableError(f"{path}: {error}") from None
    journal = Journal(path, header.fields, [], [], [], [], not whole, number)
    for number, line, whole in lines:
        if not whole:
            return journal._replace(torn=True, length=number)
        try:
            _sort_in(journal, number, line, decode)
        except JournalError as error:
            journal.unread.append(Unread(number, str(error)))
    return journal._replace(length=number)


def _is_whole(header: dict[str, str]) -> bool:
    """Whether a header has what every reader needs, in a form that can be read."""
    try:
        return bool(header["machine"]) and int(header["index"]) >= 0 and float(header["rate"]) > 0
    except (KeyError, ValueError):
        return False


def _sort_in(journal: Journal, number: int, line: str, decode: Decode | None) -> None:
    if line.startswith("#"):
        journal.notes.append(parse_note(line))
    else:
        journal.entries.append(parse_entry(journal.machine, line, decode))
        journal.lines.append(number)


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


def _lines(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield each line's number, its text, and whether it ends as a line does."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                text = line.decode("utf-8", errors="replace")
                yield number, text.rstrip("\n"), text.endswith("\n")
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error


def journals_of(folder: Path, decode: Decode | None = None) -> list[Journal]:
    """Read the journals of one run, in name order. Raises UnreadableError."""
    paths = sorted(folder.glob("*" + JOURNAL_SUFFIX)) if folder.is_dir() else []
    if not paths:
        raise UnreadableError(
            f"{folder}: no journals here; a run folder holds a NAME.log a machine"
        )
    journals = [read_journal(path, decode) for path in paths]
    return sorted(journals, key=lambda journal: int(journal.header["index"]))
