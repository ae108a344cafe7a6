"""The first line of a journal: whose it is, of which run, and at what rate.

Everything that a reader takes from a header is checked here, once: a journal
whose header is nonsense is no journal.
"""

import re
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Final

from driftlab.clocks.catalogue import CLOCKS
from driftlab.journal.files import TOO_LONG, UnreadableError, line_chunks
from driftlab.journal.format import JournalError, parse_note

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
        return _fields(first.text)
    except JournalError as error:
        raise UnreadableError(f"{path}: {error}") from None


def is_journal(path: Path) -> bool:
    """Whether a file begins as a journal does. Raises UnreadableError."""
    first = next(line_chunks(path, HEADER_BYTES), None)
    return first is not None and first.text.removeprefix(_BOM).startswith(TITLE)


def _fields(text: bytes) -> dict[str, str]:
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
    for key, (fits, allowed) in _RULES.items():
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


_RULES: Final[dict[str, tuple[Callable[[str], bool], str]]] = {
    "machine": (bool, "a name"),
    "index": (_is_whole(0, INDEX_MAX), f"a whole number from 0 to {INDEX_MAX}"),
    "rate": (_is_rate, "a positive number"),
    "speed": (_is_rate, "a positive number"),
    "phase_ns": (_is_whole(0, PHASE_NS_MAX), "whole nanoseconds, not negative"),
    "clock": (CLOCKS.__contains__, ", ".join(CLOCKS)),
}
