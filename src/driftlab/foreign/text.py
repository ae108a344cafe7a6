"""A log as text, whatever bytes it is kept in: packed, another encoding, other line ends.

The invariant: line n of the text is line n of the file, for every mix of line
ends (CRLF, CR and LF count one each). What cannot be text is taken out of it,
its line stays empty, and it is told of; so nothing is lost quietly and no line
number moves.

The limits: no more than LINE_CHARS_MAX of one line are ever held, however long
it is; a text as a whole is held in memory.
"""

import codecs
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from driftlab.foreign.gzip_blocks import BreaksOffError, gunzipped_blocks
from driftlab.history.trace import UnreadLine
from driftlab.journal.files import UnreadableError
from driftlab.model.columns import Array

LINE_CHARS_MAX: Final = 1 << 20  # of one line, in characters
DOCUMENT_CHARS_MAX: Final = 1 << 31  # of a file that is one JSON document
HEAD_BYTES: Final = 1 << 16
PACKED_SUFFIX: Final = ".gz"
ZERO: Final = r"\u0000"  # what stands for U+0000, by which files that are no text are known

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ORDERLESS: Final = {"utf-16": 2, "utf-32": 4}  # bytes of a character, most often
_NOT_OF_FILES: Final = frozenset({"idna", "punycode", "undefined"})  # Python's, of single names
_UNDECODED: Final = re.compile("[\udc80-\udcff]")
_OPEN_CR: Final = "\r"  # may be the first half of CRLF


class Text:
    """A file as text with `\\n` at its line ends.

    name: of the file. encoding: that it was read in. unread: lines that could
    not be text.
    """

    def __init__(self, name: str, text: str, encoding: str, unread: list[UnreadLine]) -> None:
        self.name = name
        self.text = text
        self.encoding = encoding
        self.unread = unread

    @cached_property
    def breaks(self) -> Array:
        """Where in the text the line ends are, i8."""
        return _breaks(self.text)

    def line_of(self, places: Array) -> Array:
        """Return the line, from 1, of each place in the text."""
        return np.searchsorted(self.breaks, places) + 1


def read_text(path: Path, encoding: str | None = None, *, is_document: bool = False) -> Text:
    """Read a file, unpacking gzip. Raises UnreadableError where it is no text at all.

    `is_document`: it may be one line as long as DOCUMENT_CHARS_MAX.
    """
    name = str(path)
    blocks = gunzipped_blocks(path)
    try:
        first = next(blocks, b"")
    except BreaksOffError as error:
        raise UnreadableError(f"{name}: {error}") from None
    encoding, first = _encoding_of(name, first, encoding)
    lines = _Lines(name, encoding, DOCUMENT_CHARS_MAX if is_document else LINE_CHARS_MAX)
    try:
        lines.add(first)
        for block in blocks:
            lines.add(block)
        lines.end()
    except BreaksOffError as error:
        lines.break_off(str(error))
    except UnicodeError:
        raise UnreadableError(
            f"{name}: cannot be read as {encoding} text; say which it is with --encoding"
        ) from None
    return _checked(name, "".join(lines.pieces), encoding, lines.unread, lines.limit)


def process_of(path: Path) -> str:
    """Return the process that a file's name stands for: vm_0 of vm_0.log and of vm_0.log.gz."""
    return Path(path.name.removesuffix(PACKED_SUFFIX)).stem


def head_of(path: Path, encoding: str | None = None) -> str:
    """Return the first 64 KiB or less as text, to see what it is; see `read_text`."""
    try:
        first = next(gunzipped_blocks(path, HEAD_BYTES), b"")
    except BreaksOffError:
        first = b""
    encoding, first = _encoding_of(str(path), first, encoding)
    return _normal(codecs.getincrementaldecoder(encoding)("replace").decode(first))


def _encoding_of(name: str, first: bytes, encoding: str | None) -> tuple[str, bytes]:
    """Return the encoding, and the first block without a byte order mark."""
    if encoding is not None:
        known = _known(encoding)
        if known in _ORDERLESS:
            known = _with_order(known, first)
        return known, _without_bom(first)
    for mark, of in _BOMS:
        if first.startswith(mark):
            return of, first[len(mark) :]
    if b"\0" in first[:HEAD_BYTES]:
        raise UnreadableError(f"{name}: {_with_zeros(first[:HEAD_BYTES])}")
    return "utf-8", first


def _known(encoding: str) -> str:
    """Return a text encoding's own name. Raises UnreadableError where it is none."""
    try:
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise UnreadableError(
            f"--encoding {encoding}: unknown; try utf-8, utf-16, latin-1 or cp1252"
        ) from None
    try:
        is_text = name not in _NOT_OF_FILES and "".encode(name) is not None
    except (LookupError, UnicodeError):
        is_text = False
    if not is_text:
        raise UnreadableError(
            f"--encoding {encoding}: is no encoding of text files; "
            "try utf-8, utf-16, latin-1 or cp1252"
        )
    return name


def _with_order(encoding: str, first: bytes) -> str:
    """Name the order of the bytes too: the mark's, else that by which its zeros come first."""
    for mark, of in _BOMS:
        if of.startswith(encoding) and first.startswith(mark):
            return of
    width = _ORDERLESS[encoding]
    head = first[:HEAD_BYTES]
    is_big = head[::width].count(0) > head[width - 1 :: width].count(0)
    return f"{encoding}-be" if is_big else f"{encoding}-le"


def _without_bom(first: bytes) -> bytes:
    return next((first[len(mark) :] for mark, _ in _BOMS if first.startswith(mark)), first)


def _with_zeros(first: bytes) -> str:
    """Say what bytes of 0 mean: half of them, UTF-16 without a mark; else no text."""
    even, odd = first[::2].count(0), first[1::2].count(0)
    if max(even, odd) * 4 > len(first):
        guess = "utf-16-le" if odd > even else "utf-16-be"
        return f"looks like UTF-16 without a byte order mark: try --encoding {guess}"
    return "not text (it holds bytes of 0)"


class _Lines:
    """Takes blocks of bytes and gives pieces of text that end with a line's end."""

    def __init__(self, name: str, encoding: str, limit: int) -> None:
        errors = "surrogateescape" if encoding == "utf-8" else "strict"
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._name = name
        self._open = ""  # what has come of a line that has not ended
        self._dropped = 0  # characters dropped of a line that is too long, and has not ended
        self._line = 1  # the number of that line
        self.limit = limit
        self.pieces: list[str] = []
        self.unread: list[UnreadLine] = []

    def add(self, block: bytes, *, is_last: bool = False) -> None:
        text = self._open + self._decoder.decode(block, is_last)
        self._open = ""
        if text.endswith(_OPEN_CR) and not is_last:
            text, self._open = text[:-1], _OPEN_CR
        text = _normal(text)
        cut = text.rfind("\n") + 1
        if self._dropped:
            ends = text.find("\n")
            self._dropped += len(text) if ends < 0 else ends
            if ends < 0:
                return
            text, cut = text[ends:], cut - ends
            self._tell()
        self.pieces.append(text[:cut])
        self._line += text.count("\n", 0, cut)
        self._open = text[cut:] + self._open
        if len(self._open) > self.limit:
            self._dropped, self._open = len(self._open), ""

    def end(self) -> None:
        """Take in the last line, which need not have an end."""
        self.add(b"", is_last=True)
        if self._dropped:
            self._tell()
        self.pieces.append(self._open)

    def break_off(self, reason: str) -> None:
        """Tell that there is no more, though there was; what has come of the last line goes."""
        self._open, self._dropped = "", 0
        self.unread.append(UnreadLine(self._name, self._line, reason))

    def _tell(self) -> None:
        self.unread.append(UnreadLine(self._name, self._line, too_long(self._dropped, self.limit)))
        self._dropped = 0


def too_long(length: int, limit: int = LINE_CHARS_MAX) -> str:
    """Say that a line is too long."""
    return f"a line of {length:,} characters; at most {limit:,} are read"


def _normal(text: str) -> str:
    if "\r" not in text:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _breaks(text: str) -> Array:
    if text.isascii():
        return np.flatnonzero(np.frombuffer(text.encode("ascii"), np.uint8) == ord("\n"))
    wide = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    return np.flatnonzero(wide == ord("\n"))


def _checked(name: str, text: str, encoding: str, unread: list[UnreadLine], limit: int) -> Text:
    """Empty lines that are too long, or hold bytes that are no characters."""
    breaks = _breaks(text)
    ends = np.append(breaks, len(text))
    starts = np.append(0, breaks + 1)
    bad = {
        int(line): too_long(int(ends[line] - starts[line]), limit)
        for line in np.flatnonzero(ends - starts > limit)
    }
    if not text.isascii():
        for found in _UNDECODED.finditer(text):
            line = int(np.searchsorted(breaks, found.start()))
            bad.setdefault(line, _undecoded(found[0]))
    if not bad:
        found_text = Text(name, text, encoding, unread)
        found_text.__dict__["breaks"] = breaks  # known already
        return found_text
    pieces, done = [], 0
    for line in sorted(bad):
        pieces.append(text[done : starts[line]])
        done = int(ends[line])
        unread.append(UnreadLine(name, line + 1, bad[line]))
    unread.sort(key=lambda one: one.line)
    return Text(name, "".join([*pieces, text[done:]]), encoding, unread)


def _undecoded(character: str) -> str:
    byte = ord(character) - 0xDC00
    return f"byte 0x{byte:02X} is not UTF-8; if the file is in another encoding, say --encoding"


def lines_of(text: Text) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, with their numbers."""
    for number, line in enumerate(text.text.split("\n"), 1):
        if line and not line.isspace():
            yield number, line


def encodable(text: str) -> str:
    """Return a text that UTF-8 can hold: half a pair of surrogates becomes its escape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def without_zeros(text: str) -> str:
    """Return a text that a file of text can hold: U+0000 becomes its escape."""
    return text.replace("\0", ZERO)
