"""One file of a log, opened once: its first bytes, the process it stands for, and its text.

Recognizing the format reads ahead; the reader of that format goes on from
there. The text does not depend on how the file holds it: compressed by gzip, in any
encoding, with any line ends.

The invariant: line n of the text is line n of the file (CRLF, CR and LF count
one each). A line that is not text or is too long becomes an empty line and is
reported, so no line number moves and nothing is lost silently. Of a gzip file
that is cut off or damaged, everything before the damage counts.

The limits: at most LINE_CHARS_MAX characters of a line are held, however long
it is; the text as a whole is held in memory.
"""

import codecs
import io
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import IntArray
from driftlab.foreign.file_names import GZIP_SUFFIX, stem_of
from driftlab.history.trace import UnreadLine
from driftlab.journal.files import (
    BAD_CHECKSUM,
    CUT_OFF,
    DAMAGED,
    GZIP_MAGIC,
    GunzipError,
    UnreadableError,
    require_regular_file,
    unpacked_chunks,
)
from driftlab.lazy import lazy_pattern

LINE_CHARS_MAX: Final = 1 << 20  # of one line, in characters
DOCUMENT_CHARS_MAX: Final = 1 << 31  # of a file that is one JSON document
HEAD_BYTES: Final = 1 << 16  # read ahead to recognize the format
BLOCK_BYTES: Final = 8 << 20  # read at once after that

_DAMAGES: Final = {
    CUT_OFF: "the gzip file breaks off here; what was before it is read",
    DAMAGED: "the gzip file is damaged from here on",
    BAD_CHECKSUM: "a wrong checksum ends the gzip file here; the lines above may be damaged",
}
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CHARACTER_BYTES: Final = {"utf-16": 2, "utf-32": 4}  # of encodings without an order of bytes
_NOT_FOR_FILES: Final = frozenset({"idna", "punycode", "undefined"})  # Python's, of single names
UNDECODED: Final = lazy_pattern("[\udc80-\udcff]")  # a byte, where it could not be decoded


class ReadOptions(NamedTuple):
    """How a log is to be read; None where the format finds out.

    patterns: regular expressions, the first that matches wins. delimiter: a
    regular expression between executions. encoding: as Python names it.
    time_unit: of whole numbers in the field `time`, one of ns, us, ms and s.
    time_format: of texts in the field `time`, as `strptime` takes it. fields: where
    the log has a field, a column or a path of keys (`vc.map`), by the name that the
    field has here. process_from: how a file's name gives the process, `name`, `folder` or a
    regular expression with a group. aliases: processes by other names that the log
    has for them. kinds: the kinds that the log's own words stand for, by these words.
    skip_lines: how many lines at the beginning of each file are none of the log. comments:
    what lines begin with that are none of it either.
    """

    patterns: Sequence[str] = ()
    delimiter: str | None = None
    encoding: str | None = None
    time_unit: str | None = None
    time_format: str | None = None
    fields: Mapping[str, str] = MappingProxyType({})
    process_from: str | None = None
    aliases: Mapping[str, str] = MappingProxyType({})
    kinds: Mapping[str, str] = MappingProxyType({})
    skip_lines: int = 0
    comments: Sequence[str] = ()


class TextPiece(NamedTuple):
    """Whole lines of a file, each with its `\\n` but for the file's last.

    first: the number of the first one, from 1. text: the lines. unread: those that
    could not be decoded or are too long, empty in `text`. line_ends i8: where in `text`
    the line ends are, None if that is not known yet.
    """

    first: int
    text: str
    unread: list[UnreadLine]
    line_ends: IntArray | None = None

    def numbered_lines(self) -> Iterator[tuple[int, str]]:
        """Yield the lines that are not blank, with their numbers."""
        for number, line in enumerate(self.text.split("\n"), self.first):
            if line and not line.isspace():
                yield number, line


class Text(NamedTuple):
    """A file as text whose lines end in `\\n`.

    name: the file's. encoding: that it was decoded with. unread: the lines that
    could not be decoded or are too long, empty in `text`. line_ends i8: where the
    `\\n` are.
    """

    name: str
    text: str
    encoding: str
    unread: list[UnreadLine]
    line_ends: IntArray

    def lines_of(self, places: IntArray) -> IntArray:
        """Return the number of the line, from 1, at each place in the text."""
        return np.searchsorted(self.line_ends, places) + 1

    def line_of(self, place: int) -> int:
        """Return the number of the line, from 1, at a place in the text."""
        return int(np.searchsorted(self.line_ends, place)) + 1

    def numbered_lines(self) -> Iterator[tuple[int, str]]:
        """Yield the lines that are not blank, with their numbers."""
        for number, line in enumerate(self.text.split("\n"), 1):
            if line and not line.isspace():
                yield number, line


class LogFile:
    """A file of a log; it is opened when its first bytes or its text are asked for, and once.

    path: of the file. name: the path as messages show it. encoding_asked: the
    encoding that the user named, if any. is_gzipped: whether gzip compressed it,
    known once it is open. skip_lines, comments: as in ReadOptions; lines that are left out
    are empty.
    """

    def __init__(
        self,
        path: Path,
        encoding: str | None = None,
        skip_lines: int = 0,
        comments: Sequence[str] = (),
    ) -> None:
        self._left_out = LinesLeftOut(skip_lines, comments)
        self.path = path
        self.name = str(path)
        self.encoding_asked = encoding
        self.is_gzipped = False
        self._blocks = self._read_blocks()
        self._ahead: list[bytes] = []  # blocks that were read and not decoded yet
        self._is_read = False  # whether the blocks were decoded, and given away
        self._damage: str | None = None  # why the file ends before its end

    @property
    def plain_name(self) -> str:
        """The file's name in its folder, without the suffix of gzip."""
        return self.path.name.removesuffix(GZIP_SUFFIX)

    @property
    def process(self) -> str:
        """The process that the file's name stands for: vm_0 of vm_0.log and of vm_0.log.gz."""
        return stem_of(self.path)

    @cached_property
    def first_bytes(self) -> bytes:
        """The first HEAD_BYTES, decompressed. Raises UnreadableError."""
        while sum(map(len, self._ahead)) < HEAD_BYTES and self._read_ahead():
            pass
        if not self._ahead and self._damage:
            reason = self._damage.partition(";")[0]
            raise UnreadableError(
                f"{self.name}: {reason}, and nothing of it can be unpacked; copy it again"
            )
        return b"".join(self._ahead)[:HEAD_BYTES]

    @cached_property
    def encoding(self) -> str:
        """The encoding: the one asked for, a byte order mark's, else UTF-8.

        Raises UnreadableError where that cannot be, as for bytes of 0 without a mark.
        """
        first = self.first_bytes
        if self.encoding_asked is not None:
            name = _codec_name(self.encoding_asked)
            return _with_byte_order(name, first) if name in _CHARACTER_BYTES else name
        for mark, encoding in _BYTE_ORDER_MARKS:
            if first.startswith(mark):
                return encoding
        if b"\0" in first:
            raise UnreadableError(f"{self.name}: {_reason_of_zeros(first)}")
        return "utf-8"

    @cached_property
    def head(self) -> str:
        """The first HEAD_BYTES as text; if they are blank, the text after all that is blank.

        Characters that cannot be decoded are replaced. Raises UnreadableError.
        """
        decoder = codecs.getincrementaldecoder(self.encoding)("replace")
        head = _with_plain_line_ends(decoder.decode(self.first_bytes[self._mark_bytes :]))
        head = LinesLeftOut(*self._left_out.given).without(head)
        if head.strip():
            return head
        head = decoder.decode(b"".join(self._ahead)[len(self.first_bytes) :]).lstrip()
        while len(head) < HEAD_BYTES and self._read_ahead():
            head = (head + decoder.decode(self._ahead[-1])).lstrip()
        return _with_plain_line_ends(head[:HEAD_BYTES])

    def read_text(self, line_chars_max: int | None = None) -> Text:
        """Decode the whole file, which can be done once, and close it.

        `line_chars_max`: characters that a line may have, LINE_CHARS_MAX if not
        given. Raises UnreadableError where the file is not text at all.
        """
        pieces, unread = [], []
        line_ends: list[IntArray] = [np.zeros(0, np.int64)]
        length = 0
        for piece in self.text_pieces(line_chars_max):
            pieces.append(piece.text)
            ends = _line_ends(piece.text) if piece.line_ends is None else piece.line_ends
            line_ends.append(ends + length)
            unread += piece.unread
            length += len(piece.text)
        text = "".join(pieces)
        return Text(self.name, text, self.encoding, unread, np.concatenate(line_ends))

    def text_pieces(self, line_chars_max: int | None = None) -> Iterator[TextPiece]:
        """Decode the file, which can be done once, and yield its lines, many at a time.

        `line_chars_max`: as of `read_text`. Raises UnreadableError where the file is not
        text at all.
        """
        if self._is_read:
            raise RuntimeError(f"{self.name}: was read already")
        lines = _LineDecoder(self.name, self.encoding, line_chars_max or LINE_CHARS_MAX)
        try:
            for block in self._remaining_blocks():
                lines.add(block)
                yield self._left_out.from_piece(lines.take())
            if self._damage:
                lines.break_off(self._damage)
            else:
                lines.end()
            yield self._left_out.from_piece(lines.take())
        except UnicodeError:
            raise self._no_text() from None

    def stream(self) -> Iterator[str]:
        """Decode the file, which can be done once, and yield its text as it comes.

        Lines end in `\\n`; a byte that cannot be decoded is a surrogate from U+DC80 on.
        Raises UnreadableError where the file is not text at all; `damage` is known
        at the end.
        """
        if self._is_read:
            raise RuntimeError(f"{self.name}: was read already")
        errors = "surrogateescape" if self.encoding == "utf-8" else "strict"
        decoder = codecs.getincrementaldecoder(self.encoding)(errors)
        newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
        try:
            for block in self._remaining_blocks():
                yield self._left_out.without(newlines.decode(block))
            yield self._left_out.without(newlines.decode(b"", final=not self.damage))
        except UnicodeError:
            raise self._no_text() from None

    @property
    def damage(self) -> str | None:
        """Why the file ends before its end, if it does; known when it was read."""
        return self._damage

    def _no_text(self) -> UnreadableError:
        return UnreadableError(
            f"{self.name}: cannot be read as {self.encoding} text; name its encoding with "
            "--encoding"
        )

    def close(self) -> None:
        """Close the file, if it is open."""
        self._blocks.close()

    @property
    def _mark_bytes(self) -> int:
        """How many bytes the byte order mark has, 0 without one."""
        first = self.first_bytes
        return next((len(mark) for mark, _ in _BYTE_ORDER_MARKS if first.startswith(mark)), 0)

    def _remaining_blocks(self) -> Iterator[bytes]:
        """Yield every block that was read ahead and all others, without the byte order mark."""
        skipped = self._mark_bytes
        ahead, self._ahead, self._is_read = self._ahead, [], True
        for block in chain(ahead, self._blocks):
            yield block[skipped:] if skipped else block
            skipped = max(0, skipped - len(block))

    def _read_ahead(self) -> bool:
        """Read one more block; return whether there was one."""
        block = next(self._blocks, None)
        if block is not None:
            self._ahead.append(block)
        return block is not None

    def _read_blocks(self) -> Generator[bytes, None, None]:
        """Open the file and yield its bytes, decompressed; note where and why they break off."""
        require_regular_file(self.path)
        try:
            with self.path.open("rb") as file:
                first = file.read(min(HEAD_BYTES, BLOCK_BYTES))
                self.is_gzipped = first.startswith(GZIP_MAGIC)
                yield from unpacked_chunks(file, first, BLOCK_BYTES)
        except OSError as error:
            raise UnreadableError(f"{self.name}: {error.strerror}") from error
        except GunzipError as error:
            self._damage = _DAMAGES[error.kind]


class LinesLeftOut:
    """Leaves lines out of a text that comes piece by piece: they become empty.

    skip_lines: the first so many. comments: those that begin with one of these, blanks
    aside. A comment whose beginning is cut by a piece's end is left in, and reported.
    """

    def __init__(self, skip_lines: int = 0, comments: Sequence[str] = ()) -> None:
        self.given = skip_lines, comments
        self._comments = tuple(filter(None, comments))
        self._left = skip_lines
        self._is_begun = False  # whether a piece ended within a line
        self._is_dropped = False  # and that line is left out

    def without(self, text: str) -> str:
        """Return the next piece of the text, with empty lines for those that are left out."""
        if not text or not (self._left or self._comments or self._is_dropped):
            return text
        lines = text.split("\n")
        for at, line in enumerate(lines):
            if at or not self._is_begun:
                self._is_dropped = self._left > 0 or bool(
                    self._comments and line.lstrip().startswith(self._comments)
                )
            if self._is_dropped:
                lines[at] = ""
            if at < len(lines) - 1:
                self._left = max(0, self._left - 1)
        self._is_begun = text[-1] != "\n"
        return "\n".join(lines)

    def from_piece(self, piece: TextPiece) -> TextPiece:
        """Return a piece of whole lines without those, nor what was wrong with them."""
        if not (self._left or self._comments):
            return piece
        skipped = piece.first + self._left
        text = self.without(piece.text)
        unread = [one for one in piece.unread if one.line >= skipped]
        return TextPiece(piece.first, text, unread)


def _codec_name(encoding: str) -> str:
    """Return the name that Python has for a text encoding. Raises UnreadableError."""
    try:
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise UnreadableError(
            f"--encoding {encoding}: unknown; try utf-8, utf-16, latin-1 or cp1252"
        ) from None
    try:
        is_text = name not in _NOT_FOR_FILES and "".encode(name) is not None
    except (LookupError, UnicodeError):
        is_text = False
    if not is_text:
        raise UnreadableError(
            f"--encoding {encoding}: not an encoding of text files; "
            "try utf-8, utf-16, latin-1 or cp1252"
        )
    return name


def _with_byte_order(encoding: str, first: bytes) -> str:
    """Return utf-16 or utf-32 with the byte order of the mark, or of where zeros stand."""
    for mark, name in _BYTE_ORDER_MARKS:
        if name.startswith(encoding) and first.startswith(mark):
            return name
    width = _CHARACTER_BYTES[encoding]
    is_big_endian = first[::width].count(0) > first[width - 1 :: width].count(0)
    return f"{encoding}-be" if is_big_endian else f"{encoding}-le"


def _reason_of_zeros(first: bytes) -> str:
    """Return what bytes of 0 mean: half of them, UTF-16 without a mark; else not text."""
    even, odd = first[::2].count(0), first[1::2].count(0)
    if max(even, odd) * 4 > len(first):
        guess = "utf-16-le" if odd > even else "utf-16-be"
        return f"looks like UTF-16 without a byte order mark: try --encoding {guess}"
    return "not text (it holds bytes of 0)"


class _LineDecoder:
    """Decodes blocks of bytes into lines that end in `\\n`; drops the rest of a line too long."""

    def __init__(self, name: str, encoding: str, line_chars_max: int) -> None:
        errors = "surrogateescape" if encoding == "utf-8" else "strict"
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._name = name
        self._encoding = encoding
        self._limit = line_chars_max
        self._open = ""  # the beginning of a line that has not ended yet
        self._dropped = 0  # characters dropped of a line that is too long and has not ended
        self._line = 1  # the number of that line
        self._first = 1  # the number of the first line that was not taken yet
        self._pieces: list[str] = []
        self._unread: list[UnreadLine] = []

    def add(self, block: bytes, *, is_last: bool = False) -> None:
        """Decode one block."""
        text = self._open + self._decoder.decode(block, is_last)
        self._open = ""
        if text.endswith("\r") and not is_last:  # it may be the first half of CRLF
            text, self._open = text[:-1], "\r"
        text = _with_plain_line_ends(text)
        cut = text.rfind("\n") + 1
        if self._dropped:
            end = text.find("\n")
            self._dropped += len(text) if end < 0 else end
            if end < 0:
                return
            text, cut = text[end:], cut - end
            self._report_dropped()
        self._pieces.append(text[:cut])
        self._line += text.count("\n", 0, cut)
        self._open = text[cut:] + self._open
        if len(self._open) > self._limit:
            self._dropped, self._open = len(self._open), ""

    def end(self) -> None:
        """Take in the last line, which need not have an end."""
        self.add(b"", is_last=True)
        if self._dropped:
            self._report_dropped()
        self._pieces.append(self._open)

    def break_off(self, reason: str) -> None:
        """Report that the file is cut off here; the last line, which was begun, is left out."""
        self._open, self._dropped = "", 0
        self._unread.append(UnreadLine(self._name, self._line, reason))

    def take(self) -> TextPiece:
        """Return the lines that have ended since the last call, and at the end the last one.

        Lines that are too long or hold undecodable bytes are empty in it.
        """
        text, unread = "".join(self._pieces), self._unread
        first, self._first = self._first, self._line
        self._pieces, self._unread = [], []
        if len(text) <= self._limit and text.isascii():
            return TextPiece(first, text, unread)
        line_ends = _line_ends(text)
        ends = np.append(line_ends, len(text))
        starts = np.append(0, line_ends + 1)
        bad = {
            int(line): _too_long(int(ends[line] - starts[line]), self._limit)
            for line in np.flatnonzero(ends - starts > self._limit)
        }
        if not text.isascii():
            for undecoded in UNDECODED.finditer(text):
                line = int(np.searchsorted(line_ends, undecoded.start()))
                bad.setdefault(line, reason_of_byte(undecoded[0]))
        if not bad:
            return TextPiece(first, text, unread, line_ends)
        pieces, done = [], 0
        for line in sorted(bad):
            pieces.append(text[done : int(starts[line])])
            done = int(ends[line])
            unread.append(UnreadLine(self._name, first + line, bad[line]))
        unread.sort(key=lambda each: each.line)
        return TextPiece(first, "".join([*pieces, text[done:]]), unread)

    def _report_dropped(self) -> None:
        reason = _too_long(self._dropped, self._limit)
        self._unread.append(UnreadLine(self._name, self._line, reason))
        self._dropped = 0


def _too_long(length: int, limit: int) -> str:
    return f"a line of {length:,} characters; at most {limit:,} are read"


def reason_of_byte(escaped: str) -> str:
    """Return why a text with a byte that could not be decoded, now a surrogate, is not read."""
    byte = ord(escaped) - 0xDC00
    return f"byte 0x{byte:02X} is not UTF-8; if the file is in another encoding, say --encoding"


def _with_plain_line_ends(text: str) -> str:
    if "\r" not in text:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _line_ends(text: str) -> IntArray:
    """Return where in a text the line ends are, i8."""
    if text.isascii():
        return np.flatnonzero(np.frombuffer(text.encode("ascii"), np.uint8) == ord("\n"))
    wide = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    return np.flatnonzero(wide == ord("\n"))
