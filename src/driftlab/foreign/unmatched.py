"""What a log's patterns leave: whole lines that match nothing, and what is said of them.

A pattern may match a part of a line. What is left of a line that a record (or a
delimiter) has a part of is no line of its own: it is neither unread nor an event
that is missing.

*Kinds of lines.* Many unmatched lines are mostly of few kinds, and fifty of one kind
say less than one of each. Lines are of one kind if they begin alike: up to their
first word with a letter, with all digits alike.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import IntArray
from driftlab.errors import counted
from driftlab.foreign.log_file import Text
from driftlab.foreign.records import Records, UnmatchedText, shorten_line
from driftlab.history.trace import UnreadLine

LISTED_MAX: Final = 3  # so few unmatched lines are seen in the list of unread lines
KINDS_SHOWN_MAX: Final = 5
PATTERNS_SHOWN_MAX: Final = 3  # in a reason
PATTERN_CHARS_SHOWN: Final = 120  # of each

_NAME_CHARS_MAX: Final = 200  # of the name in a line that may separate executions
_BEGINNING: Final = re.compile(r"[^A-Za-z\n]*[^\s\d]*")
_COMMENT: Final = re.compile(r"\s*(#|//|;|%)")
_DIGITS: Final = re.compile(r"\d+")
_MARKS: Final = frozenset("=-#*~")  # that stand around such a name, at least two on each side


# Which lines they are.


def unmatched_lines(text: Text, starts: Sequence[int], ends: Sequence[int]) -> list[UnmatchedText]:
    """Return the lines between matches that are not blank, a stretch at a time.

    `starts`, `ends`: rising places in the text, stretch k from `starts[k]` to `ends[k]`.
    """
    lows, highs = np.array(starts, np.int64), np.array(ends, np.int64)
    wide = highs - lows > 1
    begins = _next_line_starts(text, lows[wide])
    stops = _last_line_ends(text, highs[wide])
    kept = stops > begins
    found = []
    for begin, stop in zip(begins[kept].tolist(), stops[kept].tolist(), strict=True):
        between = text.text[begin:stop]
        inner = between.strip()
        if inner:
            line = text.line_of(begin + between.index(inner[0]))
            found.append(unmatched_text(line, inner))
    return found


def unmatched_text(line: int, inner: str) -> UnmatchedText:
    """Return a stretch of lines that match nothing; `line`: the first, `inner`: all, stripped."""
    first, *others = inner.split("\n") if "\n" in inner else [inner]
    shown = shorten_line(first.rstrip())
    lines = 1 + sum(not each.isspace() for each in others if each)
    says = f"matches nothing: {shown}" if lines == 1 else f"{lines} lines match nothing: {shown} …"
    return UnmatchedText(0, line, says, inner, lines=lines)


def _next_line_starts(text: Text, places: IntArray) -> IntArray:
    """Return where the next line begins: a place itself, if it is the beginning of its line."""
    line = np.searchsorted(text.line_ends, places)
    before = np.append(-1, text.line_ends)[line]  # the end of the line before
    after = np.append(text.line_ends, len(text.text))[line] + 1
    return np.where(places == before + 1, places, after)


def _last_line_ends(text: Text, places: IntArray) -> IntArray:
    """Return where the last line ends: a place itself, if it is the end of its line."""
    line = np.searchsorted(text.line_ends, places)
    before = np.append(-1, text.line_ends)[line]
    after = np.append(text.line_ends, len(text.text))[line]
    return np.where(places == after, places, before + 1)


# Lines that look like the name of an execution.


class Heading(NamedTuple):
    """A line such as `=== name ===`: its number, its name, and the character around it."""

    line: int
    name: str
    mark: str


def headings_in(unmatched: Sequence[UnmatchedText]) -> Iterator[Heading]:
    """Yield the lines among unmatched ones that look like the name of an execution."""
    for each in unmatched:
        for number, line in enumerate((each.text or "").split("\n"), each.line):
            heading = heading_of(line)
            if heading is not None:
                yield heading._replace(line=number)


def heading_of(line: str) -> Heading | None:
    """Return a line as the name of an execution, if it looks like one."""
    line = line.strip()
    mark = line[:1]
    if mark not in _MARKS or not line.endswith(mark * 2) or len(line) > _NAME_CHARS_MAX:
        return None
    name = line.strip(mark).strip()
    is_name = line.startswith(mark * 2) and any(map(str.isalnum, name))
    return Heading(0, name, mark) if is_name else None


# What is said of them.


class _Kind(NamedTuple):
    """Lines that begin alike: how many, and the first of them."""

    lines: int
    file: int
    line: int
    text: str


def remarks_on(
    unmatched: Sequence[UnmatchedText], files: Sequence[str], *, has_delimiter: bool
) -> list[str]:
    """Return what should be known of lines that match nothing.

    `files`: names, at the numbers that `unmatched` has. `has_delimiter`: whether the
    user has said what parts executions.
    """
    texts = [each for each in unmatched if each.text]
    remarks = [] if has_delimiter else _headings_left(texts)
    remarks += [*_first_lines(texts, files), *_comments(texts)]
    if sum(each.lines for each in texts) <= LISTED_MAX:
        return remarks
    kinds = sorted(_kinds(texts), key=lambda kind: -kind.lines)
    if kinds[0].lines == 1:
        return remarks
    shown = [kind for kind in kinds[:KINDS_SHOWN_MAX] if kind.lines > 1]
    for kind in shown:
        place = f"{Path(files[kind.file]).name}:{kind.line}"
        remarks.append(f"{kind.lines} unread lines like {kind.text}, the first {place}")
    others = kinds[len(shown) :]
    if others:
        lines = sum(kind.lines for kind in others)
        of = "another kind" if len(others) == 1 else f"{len(others)} other kinds"
        remarks.append(f"{lines} unread {'line' if lines == 1 else 'lines'} of {of}")
    return remarks


def _first_lines(texts: Sequence[UnmatchedText], files: Sequence[str]) -> Iterator[str]:
    """Yield how to leave out the first line of each file, if it is the only one not read there."""
    first = [each for each in texts if each.line == 1 and each.lines == 1]
    if not first or 2 * len(first) < len(files) or heading_of(first[0].text or ""):
        return
    others = f" (and of {counted(len(first) - 1, 'other file')})" if len(first) > 1 else ""
    yield (
        f"the first line of {Path(files[first[0].file]).name}{others} is not read: "
        f"{shorten_line((first[0].text or '').strip())}; if it is a heading, --skip-lines 1 leaves "
        "it out"
    )


def _comments(texts: Sequence[UnmatchedText]) -> Iterator[str]:
    """Yield how to leave out lines that look like comments."""
    found: dict[str, int] = {}
    for each in texts:
        for line in (each.text or "").split("\n"):
            mark = _COMMENT.match(line)
            if mark is not None and heading_of(line) is None:
                found[mark[1]] = found.get(mark[1], 0) + 1
    for sign, lines in found.items():
        begin = "begins" if lines == 1 else "begin"
        yield (
            f"{counted(lines, 'unread line')} {begin} with {sign}; --comment '{sign}' leaves out "
            "what begins so"
        )


def _headings_left(texts: Sequence[UnmatchedText]) -> list[str]:
    """Return a remark for each form of lines that may be the names of executions."""
    found: dict[str, list[Heading]] = {}
    for heading in headings_in(texts):
        found.setdefault(heading.mark, []).append(heading)
    remarks = []
    for mark, headings in found.items():
        like = f"like {mark * 3} {shorten_line(headings[0].name)} {mark * 3}"
        one = "1 line {} matches" if len(headings) == 1 else f"{len(headings)} lines {{}} match"
        remarks.append(f"{one.format(like)} nothing: --delimiter?")
    return remarks


def _kinds(texts: Sequence[UnmatchedText]) -> list[_Kind]:
    found: dict[str, _Kind] = {}
    for each in texts:
        for number, line in enumerate((each.text or "").split("\n"), each.line):
            if not line or line.isspace():
                continue
            key = _beginning(line)
            known = found.get(key)
            if known is None:
                found[key] = _Kind(1, each.file, number, shorten_line(line.strip()))
            else:
                found[key] = known._replace(lines=known.lines + 1)
    return list(found.values())


def _beginning(line: str) -> str:
    begin = _BEGINNING.match(line.lstrip())
    return _DIGITS.sub("0", begin[0]) if begin else ""


# Where no line is an event.


def reason_of_no_event(
    records: Sequence[Records], unread: Sequence[UnreadLine], patterns: Sequence[str]
) -> str:
    """Return why no record of a log is an event.

    records: of each execution. unread: all lines that gave no event. patterns: the user's.
    """
    if not unread:
        return f"{records[0].files[0] if records else 'the log'}: empty"
    first = min(unread, key=lambda each: each.line)
    reason = f"{first.file}: no record could be read; line {first.line}: {first.reason}"
    if any(len(each.lines) for each in records):
        return reason
    if patterns:
        are = "pattern is" if len(patterns) == 1 else "patterns are"
        shown = " and ".join(map(shorten_pattern, patterns[:PATTERNS_SHOWN_MAX]))
        more = len(patterns) - PATTERNS_SHOWN_MAX
        reason += f"; the {are} {shown}{f' and {more} more' if more > 0 else ''}"
    return f"{reason}. See docs/formats.md, --format and --pattern"


def shorten_pattern(pattern: str) -> str:
    """Return a pattern on one line, as a reason shows it."""
    line = pattern.replace("\n", "\\n")
    return line if len(line) <= PATTERN_CHARS_SHOWN else f"{line[:PATTERN_CHARS_SHOWN]}…"
