"""How a log is laid out that carries no pattern: where the text of an event stands.

Vector clock libraries write an event as two lines, name and clock, and its text
above or below, or all on one line. The first line that is not blank, a comment or
a heading says which is tried first. That is checked over the whole file: if any
line is left unread, every other layout is tried too, and the one that leaves the
fewest is taken. A comment taken for an event's text counts as left.

The limit: `text, clock, text, clock, text` is read either way with one line left,
the first or the last. Then the text is taken from below the clock, as most
libraries write it, and this is said (`Trace.assumed`).
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from re import Pattern
from typing import Final, NamedTuple

from driftlab.foreign.delimiters import EXECUTION, EXECUTION_WORDS, split_at_headings
from driftlab.foreign.log_file import Text
from driftlab.foreign.records import LabelledRecords
from driftlab.foreign.text_log import PatternTimeError, compile_pattern, find, find_executions
from driftlab.foreign.unmatched import heading_of
from driftlab.lazy import lazy_pattern

BESIDE, BELOW, ABOVE = "beside", "below", "above"
HEAD_CHARS: Final = 10_000  # the first record is assumed to lie within these
AMBIGUOUS: Final = (
    "{}: the text of an event is the line below its clock; with the line above, as many lines "
    "would be unread: --pattern"
)

_COMMENT: Final = lazy_pattern(r"\s*(?:#|//|;|%|--(?!-))")


class Layout(NamedTuple):
    """A layout.

    pattern: of its records. first_line: of a line that such a log begins with. text:
    where it stands, BESIDE the clock, BELOW or ABOVE it.
    """

    pattern: str
    first_line: Pattern[str]
    text: str


class _Reading(NamedTuple):
    """A file as one layout reads it: its executions, and how many lines that leaves unread."""

    layout: Layout
    executions: list[LabelledRecords]
    unread: int

    @property
    def left(self) -> int:
        """How many lines are not read as what they are: a comment is no event's text."""
        texts = (text for each in self.executions for text in each.records.fields.get("event", ()))
        return self.unread + sum(map(is_comment, filter(None, texts)))


def is_comment(line: str) -> bool:
    """Whether a line looks like a comment."""
    return bool(_COMMENT.match(line))


def likely_layout(layouts: Sequence[Layout], head: str) -> Layout:
    """Return the layout that the first line of a log has, the last of all if it has none.

    head: the beginning of the log.
    """
    lines = (line for line in head.split("\n") if line and not line.isspace())
    first = next((line for line in lines if not (is_comment(line) or heading_of(line))), "")
    return next((each for each in layouts if each.first_line.match(first)), layouts[-1])


def read_by_layout(
    text: Text, layouts: Sequence[Layout], needed: Sequence[str], delimiter: Pattern[str] | None
) -> list[LabelledRecords]:
    """Return the executions of a file, read by the layout that leaves the fewest lines unread.

    Headings are left unread here: only all files together show whether they separate executions.
    layouts: in the order of preference. needed: groups of a record. delimiter: what
    the user says that parts executions; None: as `delimiters` knows them. Raises
    PatternTimeError.
    """
    head = text.text.lstrip()[:HEAD_CHARS]
    first = likely_layout(layouts, _without_delimiters(head, delimiter))
    reading = _read(text, first, needed, delimiter)
    if reading.unread == 0 and (first.text != BELOW or not _ends_with_clock(text.text)):
        return reading.executions
    readings = []
    for layout in layouts:
        with suppress(PatternTimeError):
            readings.append(reading if layout is first else _read(text, layout, needed, delimiter))
    lefts = [each.left for each in readings]
    best = [each for each, left in zip(readings, lefts, strict=True) if left == min(lefts)]
    return _chosen(text, best)


def _read(
    text: Text, layout: Layout, needed: Sequence[str], delimiter: Pattern[str] | None
) -> _Reading:
    pattern = compile_pattern(layout.pattern, needed)
    executions = find_executions(text, [pattern], delimiter or _execution_lines(text.text))
    split = split_at_headings([executions])[0] if delimiter is None else executions
    unread = sum(one.lines for each in split for one in each.records.unread)
    return _Reading(layout, executions, unread)


def _chosen(text: Text, best: Sequence[_Reading]) -> list[LabelledRecords]:
    """Return the first of equally good readings, and say so where the text may stand elsewhere."""
    first, *others = best
    above = next((each for each in others if each.layout.text == ABOVE), None)
    if first.layout.text != BELOW or above is None:
        return first.executions
    if first.unread == 0 and text.text[:1] == "\n" and _ends_with_clock(text.text):
        return above.executions  # the last clock has no line below, the first a blank one above
    return [
        each._replace(records=each.records._replace(assumed=[
            *each.records.assumed, AMBIGUOUS.format(Path(text.name).name)]))
        for each in first.executions
    ]  # fmt: skip


def _ends_with_clock(text: str) -> bool:
    """Whether the last line ends as a clock does, so that no text stands below that clock."""
    end = text[-HEAD_CHARS:].rstrip(" \t").removesuffix("\n").rstrip(" \t")
    return end.endswith("}") or (end.endswith("]") and "map[" in end.rpartition("\n")[2])


def _execution_lines(text: str) -> Pattern[str] | None:
    """Return the pattern of the lines that separate executions, None if the text has none."""
    return compile_pattern(EXECUTION) if EXECUTION_WORDS in text else None


def _without_delimiters(head: str, delimiter: Pattern[str] | None) -> str:
    """Return the beginning of a text without the delimiters in it, to see how it is written."""
    delimiter = delimiter or _execution_lines(head)
    if delimiter is None:
        return head
    found = find([delimiter], head)
    lows, highs = [0, *found.ends], [*found.starts, len(head)]
    return "".join(head[low:high] for low, high in zip(lows, highs, strict=True))
