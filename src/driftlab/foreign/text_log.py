"""Any log of text: regular expressions say where its records are and what their fields are.

The formats of ShiViz, TSViz and GoVector are this with patterns of their own.

*Patterns* are written as in JavaScript or Python: `(?<host>…)` and
`(?P<host>…)` are the same. As in the viewers, `^` and `$` match at the ends of a
line and `.` matches any character but a line's end; a record may have several
lines. Of several patterns the first takes all that it matches, the next what is
left between. Another pattern, the delimiter, separates executions.

*Time.* An expression such as `(a+)+$` tries exponentially many ways before it
gives up. Python's engine looks for signals while it matches, so a timer of
processor time stops it, at no cost to all others; another engine, or a process
per log, would cost every log. A signal reaches the main thread only: in another
thread patterns are matched in a child process, whose main thread can be stopped.
The bound is for finding the next record, and it grows with the text, since all
of it is gone through to find that nothing matches. A pattern that finds each
record in time, but each slowly, is stopped too (RECORDS_PER_SECOND_MIN).
"""

import json
import re
import signal
import sys
import threading
import warnings
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from driftlab.errors import DriftlabError
from driftlab.foreign.delimiters import split_at_headings
from driftlab.foreign.field_packer import FieldPacker
from driftlab.foreign.fields import field_of, known_fields
from driftlab.foreign.log_file import LogFile, ReadOptions, Text
from driftlab.foreign.packed import ROWS_AT_ONCE, Values
from driftlab.foreign.records import (
    LabelledRecords,
    Records,
    UnmatchedText,
    records_of_file,
)
from driftlab.foreign.trace_builder import Execution, build_executions
from driftlab.foreign.unmatched import unmatched_lines
from driftlab.journal.files import UnreadableError
from driftlab.lazy import lazy_pattern

_PACKAGE_ROOT: Final = str(Path(__file__).parents[2])
PATTERN_CHARS_MAX: Final = 10_000
SECONDS_MAX: Final = 5.0  # of processor time, for finding the next record
SECONDS_PER_CHARACTER: Final = 1e-6  # and that much more, for the text that is searched
TOTAL_SECONDS_MIN: Final = 20.0  # before all records together count as too slow
RECORDS_PER_SECOND_MIN: Final = 20

_CHECKS: Final = 5  # by the timer, within the bound
_GROUP: Final = lazy_pattern(r"(\\.)|\(\?<(?=[A-Za-z_$])|\\k<", re.DOTALL)
_REFERENCE: Final = lazy_pattern(r"\\k<([\w$]+)>")
_DOLLAR: Final = lazy_pattern(r"\(\?P[<=]([^>)]*\$[^>)]*)[>)]")
_ADVICE: Final = (
    "a repeated group that is repeated again, as in (a+)+, can take for ever; write it "
    "without, or anchor it at the beginning of the line with ^"
)

# From, to, the groups, the number of the pattern.
_Match: TypeAlias = tuple[int, int, tuple[str | None, ...], int]


class PatternError(DriftlabError):
    """A pattern that is not a regular expression, or lacks a group that it needs."""


class PatternTimeError(UnreadableError):
    """A pattern did not find the next record in time."""


class PatternMatches(NamedTuple):
    """The matches of patterns, in the order of the text: where they are, and groups by name."""

    starts: Sequence[int]
    ends: Sequence[int]
    groups: Mapping[str, Values]


# Reading a log by patterns.


def read(logs: Sequence[LogFile], options: ReadOptions) -> list[Execution]:
    """Read the files of one log by the patterns of `options`.

    Without a group `host` there must be a file for each process, named after it.
    logs: all files of the log. Raise DriftlabError if they cannot be read.
    """
    if not options.patterns:
        raise UnreadableError(
            f"{logs[0].name}: describe a line with --pattern '(?<host>\\S+) (?<event>.*)'"
        )
    patterns = [compile_pattern(pattern) for pattern in options.patterns]
    is_named = options.process_from is not None or "host" in options.fields
    require_useful(patterns, has_host=len(logs) > 1 or is_named, named=options.fields.values())
    delimiter = compile_pattern(options.delimiter) if options.delimiter is not None else None
    files = [
        find_executions(
            log.read_text(),
            patterns,
            delimiter,
            default_host=None if "host" in options.fields else log.process,
        )
        for log in logs
    ]
    return build_executions(files if delimiter else split_at_headings(files), options)


def find_executions(
    text: Text,
    patterns: Sequence[re.Pattern[str]],
    delimiter: re.Pattern[str] | None,
    *,
    begin: int = 0,
    default_host: str | None = "",
) -> list[LabelledRecords]:
    """Return the records before the first delimiter of a file, then those after each.

    What is empty is there too; see `align_executions`. `delimiter`: its group
    `trace`, if any, is the label. `begin`: where the log begins in the text.
    `default_host`: the process of records without a group `host`; None: another group
    says it. Raises PatternTimeError.
    """
    try:
        marks = [] if delimiter is None else _find_delimiters(delimiter, text.text, begin)
        lows = [begin, *(mark.end for mark in marks)]
        highs = [*(mark.begin for mark in marks), len(text.text)]
        found = [
            _find_records(text, patterns, low, high) for low, high in zip(lows, highs, strict=True)
        ]
    except PatternTimeError as error:
        raise PatternTimeError(f"{text.name}: {error}") from None
    mark_lines = [text.line_of(mark.end) for mark in marks]
    for one in text.unread:
        records = found[bisect_right(mark_lines, one.line)]
        records.unread.append(UnmatchedText(0, one.line, one.reason, ""))
        records.unread.sort(key=lambda each: each.line)
    labels = ["", *(mark.label for mark in marks)]
    return [
        LabelledRecords(label, _with_host(records, default_host))
        for label, records in zip(labels, found, strict=True)
    ]


def _find_records(text: Text, patterns: Sequence[re.Pattern[str]], begin: int, end: int) -> Records:
    """Return the records between two places of a text, and what there matched nothing."""
    found = find(patterns, text.text, begin, end)
    lines = text.lines_of(np.array(found.starts, np.int64))
    unread = unmatched_lines(text, [begin, *found.ends], [*found.starts, end])
    fields = joined_groups(found.groups, len(lines))
    return records_of_file(text.name, fields, lines, unread)


def joined_groups(groups: Mapping[str, Values], rows: int) -> dict[str, Values]:
    """Return groups with one for those that are the same field.

    Groups of targets are joined, as in `to (?<target>…) and (?<targets>…)`; of others the
    one that matched gives the value, if no record has two of them.
    """
    names: dict[str, list[str]] = {}
    for name in groups:
        names.setdefault(field_of(name) or name, []).append(name)
    joined = dict(groups)
    for field, own in names.items():
        if len(own) < 2:
            continue
        cells = zip(*(groups[name] for name in own), strict=True)
        held = [[cell for cell in row if cell] for row in cells]
        if field == "targets":
            values = [",".join(row) or None for row in held]
        elif max(map(len, held), default=0) < 2:
            values = [row[0] if row else None for row in held]
        else:
            continue  # the first is taken, the others are kept as text
        for name in own:
            joined.pop(name)
        joined[field] = values
    return joined


def _with_host(records: Records, default: str | None) -> Records:
    if default is None or "host" in map(field_of, records.fields):
        return records
    return records._replace(fields={**records.fields, "host": [default] * len(records.lines)})


class _Delimiter(NamedTuple):
    """Where a delimiter begins and ends, and the label in it."""

    begin: int
    end: int
    label: str


def _find_delimiters(delimiter: re.Pattern[str], text: str, begin: int) -> list[_Delimiter]:
    """Return the delimiters of a text from `begin` on; all of it is searched, for `^`."""
    found = find([delimiter], text)
    labels = found.groups.get("trace") or [None] * len(found.starts)
    marks = zip(found.starts, found.ends, labels, strict=True)
    return [_Delimiter(low, high, label or "") for low, high, label in marks if low >= begin]


# Patterns.


def compile_pattern(pattern: str, needed: Iterable[str] = ()) -> re.Pattern[str]:
    """Compile a pattern, written as in JavaScript or Python.

    `needed`: names of groups that it must have. Raises PatternError.
    """
    if len(pattern) > PATTERN_CHARS_MAX:
        raise PatternError(f"a pattern of more than {PATTERN_CHARS_MAX:,} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(_as_python(pattern), re.MULTILINE)
    except (re.error, RecursionError, OverflowError) as error:
        raise PatternError(f"the pattern {pattern} is not a regular expression: {error}") from None
    fields = {field_of(name) for name in compiled.groupindex}
    missing = [name for name in needed if fields.isdisjoint(_fields_that_give(name))]
    if missing:
        groups = ", ".join(compiled.groupindex) or "none"
        raise PatternError(
            f"the pattern {pattern} has no group named {' or '.join(missing)} (it has {groups}); "
            f"put (?<{missing[0]}>…) around it"
        )
    return compiled


def _fields_that_give(needed: str) -> set[str | None]:
    """Return the fields that give what a group of this name would: a time may be `time_ns`."""
    field = field_of(needed)
    return (
        {field, "time_ns"}
        if field == "time"
        else {field, "vector"}
        if field == "clock"
        else {field}
    )


def require_useful(
    patterns: Sequence[re.Pattern[str]], *, has_host: bool, named: Iterable[str] = ()
) -> None:
    """Raise PatternError for patterns that do not say who did what.

    `has_host`: whether the files' names, or a group that the user names, can say who.
    `named`: groups whose meaning the user says.
    """
    names = {name for pattern in patterns for name in pattern.groupindex}
    fields = set(map(field_of, names))
    if fields <= {None} and not names & set(named):
        raise PatternError(
            "the pattern has no named group that is known here: at least host, and what else "
            "there is of event, clock, lamport, time, kind, queue, sender, stamp, targets, message"
        )
    if not has_host and "host" not in fields:
        raise PatternError(
            "the pattern has no group named host: write (?<host>…) around the process's name, "
            "or give a folder with a file for each process, named after it"
        )


def _as_python(pattern: str) -> str:
    """Return a pattern with its named groups as Python writes them."""

    def python_group(match: re.Match[str]) -> str:
        return "(?P<" if match[0] == "(?<" else match[0]

    changed = _GROUP.sub(python_group, _REFERENCE.sub(r"(?P=\1)", pattern))
    return _DOLLAR.sub(lambda match: match[0].replace("$", "_"), changed)


# Finding all matches.


def find(
    patterns: Sequence[re.Pattern[str]], text: str, begin: int = 0, end: int | None = None
) -> PatternMatches:
    """Find all records in the order of the text.

    `patterns`: the first takes all that it matches, the next what is left.
    `begin`, `end`: places in the text to search between, the end if None. Raises
    PatternTimeError.
    """
    end = len(text) if end is None else end
    if threading.current_thread() is threading.main_thread():
        return _find(patterns, text, begin, end, SECONDS_MAX)
    return _find_in_child(patterns, text, begin, end)


def _find(
    patterns: Sequence[re.Pattern[str]], text: str, begin: int, end: int, seconds: float
) -> PatternMatches:
    if len(patterns) == 1:
        return _find_one(patterns[0], text, begin, end, seconds)
    found: list[_Match] = []
    with time_limited(found, end - begin, seconds):
        for number, pattern in enumerate(patterns):
            for low, high in _gaps_between(found, begin, end):
                try:
                    _add_matches(found, pattern, number, text, low, high)
                except PatternTimeError as error:
                    raise _with_line(error, found, text, low) from None
            if number:  # those of the first are in order
                found.sort()
    return _as_columns(patterns, found)


class _PackedMatches:
    """The matches of one pattern, packed as they come: starts, ends and groups."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.starts = array("q")
        self.ends = array("q")
        self._places = pattern.groupindex
        names = {at: name for name, at in self._places.items()}
        self._packer = FieldPacker([names.get(at + 1, "") for at in range(pattern.groups)])

    def pack(self, groups: list[tuple[str | None, ...]]) -> None:
        """Add the groups of some matches, whose starts and ends were added; empties the list."""
        if groups:
            self._packer.add_columns(zip(*groups, strict=True))
            groups.clear()

    def columns(self) -> PatternMatches:
        """Return all matches."""
        groups = self._packer.fields()
        groups.pop("", None)
        return PatternMatches(self.starts, self.ends, groups)


def _find_one(
    pattern: re.Pattern[str], text: str, begin: int, end: int, seconds: float
) -> PatternMatches:
    """Find the records of one pattern, which are packed while the next are looked for."""
    found = _PackedMatches(pattern)
    starts, ends, groups = found.starts, found.ends, list[tuple[str | None, ...]]()
    with time_limited(starts, end - begin, seconds):
        try:
            for match in pattern.finditer(text, begin, end):
                low, high = match.span()
                if high > low:
                    starts.append(low)
                    ends.append(high)
                    groups.append(match.groups())
                    if len(groups) == ROWS_AT_ONCE:
                        found.pack(groups)
        except PatternTimeError as error:
            after = found.ends[-1] if found.ends else begin
            line = text.count("\n", 0, after) + 1
            raise PatternTimeError(f"the pattern, after line {line}: {error}") from None
    found.pack(groups)
    return found.columns()


def _find_in_child(
    patterns: Sequence[re.Pattern[str]], text: str, begin: int, end: int
) -> PatternMatches:
    """Find all records in a child process, where a pattern can be stopped."""
    import subprocess  # only needed here

    sources = [pattern.pattern for pattern in patterns]
    question = json.dumps([sources, text, begin, end, SECONDS_MAX])
    # -P: a module in the working folder must not take the place of one of the standard library.
    program = (
        f"import sys; sys.path.append({_PACKAGE_ROOT!r}); from {__name__} import serve; serve()"
    )
    command = [sys.executable, "-P", "-c", program]
    done = subprocess.run(command, input=question, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    answer = json.loads(done.stdout)
    if isinstance(answer, str):
        raise PatternTimeError(answer)
    return PatternMatches(*answer)


def serve() -> None:
    """Answer the question on standard input on standard output; see `_find_in_child`."""
    sources, text, begin, end, seconds = json.load(sys.stdin)
    patterns = [compile_pattern(source) for source in sources]
    try:
        found = _find(patterns, text, begin, end, seconds)
        groups = {name: list(column) for name, column in found.groups.items()}
        answer: object = [list(found.starts), list(found.ends), groups]
    except PatternTimeError as error:
        answer = str(error)
    json.dump(answer, sys.stdout)


def _add_matches(
    found: list[_Match], pattern: re.Pattern[str], number: int, text: str, low: int, high: int
) -> None:
    add = found.append
    for match in pattern.finditer(text, low, high):
        begin, end = match.span()
        if end > begin:
            add((begin, end, match.groups(), number))


def _with_line(
    error: PatternTimeError, found: list[_Match], text: str, low: int
) -> PatternTimeError:
    """Return the error with the line of the last record before it."""
    after = max([low, *(one[1] for one in found[-1:] if one[0] >= low)])
    return PatternTimeError(f"the pattern, after line {text.count(chr(10), 0, after) + 1}: {error}")


def _gaps_between(found: Sequence[_Match], begin: int, end: int) -> list[tuple[int, int]]:
    """Return the pieces of text between matches, from and to."""
    lows = [begin, *(one[1] for one in found)]
    highs = [*(one[0] for one in found), end]
    return [(low, high) for low, high in zip(lows, highs, strict=True) if low < high]


def _as_columns(patterns: Sequence[re.Pattern[str]], found: Sequence[_Match]) -> PatternMatches:
    starts, ends = [one[0] for one in found], [one[1] for one in found]
    places_by_name = [_places_by_column(pattern, patterns) for pattern in patterns]
    names = dict.fromkeys(name for places in places_by_name for name in places)
    places_of = [[places.get(name, 0) - 1 for places in places_by_name] for name in names]
    groups = {
        name: [one[2][at] if (at := places[one[3]]) >= 0 else None for one in found]
        for name, places in zip(names, places_of, strict=True)
    }
    return PatternMatches(starts, ends, groups)


def _places_by_column(
    pattern: re.Pattern[str], patterns: Sequence[re.Pattern[str]]
) -> dict[str, int]:
    """Return the number of each group of a pattern by the column that its values belong to.

    That is its name, or its field where `patterns` call that by several names.
    """
    own_names = [_names_by_field(each) for each in patterns]
    field_of_name = {
        name: field
        for field, name in _names_by_field(pattern).items()
        if len({names[field] for names in own_names if field in names}) > 1
    }
    return {field_of_name.get(name, name): at for name, at in pattern.groupindex.items()}


def _names_by_field(pattern: re.Pattern[str]) -> dict[str, str]:
    """Return the group that a pattern has for each field that it gives."""
    known, _ = known_fields({name: [name] for name in pattern.groupindex})
    return {field: name for field, (name,) in known.items()}


@contextmanager
def time_limited(found: Sized, length: int, seconds: float) -> Iterator[None]:
    """Raise PatternTimeError if `found` does not grow for too long; in the main thread only.

    `length`: of the text, in characters. `seconds`: of processor time, the bound
    for a short text.
    """
    limit = seconds + length * SECONDS_PER_CHARACTER
    idle_checks, known, checks = 0, -1, 0

    def check(_signal: int, _frame: FrameType | None) -> None:
        nonlocal idle_checks, known, checks
        checks += 1
        spent = checks * limit / _CHECKS
        allowed = TOTAL_SECONDS_MIN + limit + len(found) / RECORDS_PER_SECOND_MIN
        idle_checks = idle_checks + 1 if len(found) == known else 0
        known = len(found)
        if idle_checks >= _CHECKS:
            raise PatternTimeError(
                f"it looked for {limit:.3g} s (of processor time) without finding the next "
                f"record: {_ADVICE}"
            )
        if spent > allowed:
            raise PatternTimeError(
                f"it found {len(found)} records in {spent:.3g} s (of processor time): {_ADVICE}"
            )

    before = signal.signal(signal.SIGVTALRM, check)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit / _CHECKS, limit / _CHECKS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
