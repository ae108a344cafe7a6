"""A bound on the time that a regular expression may take to find its next record.

An expression such as `(a+)+$` tries exponentially many ways before it gives up.
Python's own engine looks for signals while it matches, so a timer of processor
time stops it, at no cost where all is well; another process, or another engine,
would cost every log. A signal reaches the main thread only: in another thread
patterns are matched in a child process, whose main thread can be stopped.

The bound is meant for the next record, and it grows with the text, since to
find that nothing matches all of it has to be gone through. A pattern that finds
every record in time, but each after long, is stopped too: RECORDS_PER_SECOND_MIN
is far below what any usable one finds.

A log's pattern: a regular expression whose named groups say what a record tells.

Written as JavaScript or Python write it: `(?<host>…)` and `(?P<host>…)` are
the same. As in the viewers, `^` and `$` are the ends of a line and `.` is any
character but a line's end; a record may be of several lines. Of several
patterns the first takes all that it matches, the next what is left between.
"""

import json
import re
import signal
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, NamedTuple

from driftlab.errors import DriftlabError
from driftlab.foreign.fields import KNOWN
from driftlab.journal.files import UnreadableError

SECONDS_MAX: Final = 5.0  # of processor time, for the next record
SECONDS_PER_CHARACTER: Final = 1e-6  # and that much more, for a text of that length
TOTAL_SECONDS_MIN: Final = 20.0  # before all records together are too slow
RECORDS_PER_SECOND_MIN: Final = 20
_LOOKS: Final = 5  # times the timer looks within the bound


_ADVICE: Final = (
    "a repeated group that is repeated again, as in (a+)+, can take for ever; write it "
    "without, or anchor it at the begin of the line with ^"
)


class PatternTimeError(UnreadableError):
    """A pattern did not find the next record in time."""


def is_possible() -> bool:
    """Whether this thread can be stopped by a signal."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def time_limited(found: list[Any], length: int, seconds: float) -> Iterator[None]:
    """Raise PatternTimeError when `found` has not grown for too long.

    `length`: of the text, in characters. `seconds`: the bound for a short one.
    In the main thread only.
    """
    limit = seconds + length * SECONDS_PER_CHARACTER
    looks, known, ticks = 0, -1, 0

    def look(_signal: int, _frame: FrameType | None) -> None:
        nonlocal looks, known, ticks
        ticks += 1
        took = ticks * limit / _LOOKS
        allowed = TOTAL_SECONDS_MIN + limit + len(found) / RECORDS_PER_SECOND_MIN
        looks = looks + 1 if len(found) == known else 0
        known = len(found)
        if looks >= _LOOKS:
            raise PatternTimeError(
                f"it looked for {limit:.3g} s (of processor time) without finding the next "
                f"record: {_ADVICE}"
            )
        if took > allowed:
            raise PatternTimeError(
                f"it found {len(found)} records in {took:.3g} s (of processor time): {_ADVICE}"
            )

    before = signal.signal(signal.SIGVTALRM, look)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit / _LOOKS, limit / _LOOKS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


PATTERN_CHARS_MAX: Final = 10_000
_GROUP: Final = re.compile(r"(\\.)|\(\?<(?=[A-Za-z_$])|\\k<", re.DOTALL)
_REFERENCE: Final = re.compile(r"\\k<([\w$]+)>")
_DOLLAR: Final = re.compile(r"\(\?P[<=]([^>)]*\$[^>)]*)[>)]")

PatternHit = tuple[int, int, tuple[str | None, ...], int]  # from, to, groups, number of the pattern


class PatternError(DriftlabError):
    """A pattern that is no regular expression, or lacks the groups that it needs."""


class PatternMatches(NamedTuple):
    """What a pattern found: where the records stand, and their groups by name."""

    starts: list[int]
    ends: list[int]
    groups: dict[str, list[str | None]]


def compile_pattern(pattern: str, needed: Iterable[str] = ()) -> re.Pattern[str]:
    """Compile a pattern. Raises PatternError where a group is missing that must be there."""
    if len(pattern) > PATTERN_CHARS_MAX:
        raise PatternError(f"a pattern of more than {PATTERN_CHARS_MAX:,} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = re.compile(_python(pattern), re.MULTILINE)
    except (re.error, RecursionError, OverflowError) as error:
        raise PatternError(f"the pattern {pattern} is no regular expression: {error}") from None
    missing = [name for name in needed if name not in found.groupindex]
    if missing:
        there = ", ".join(found.groupindex) or "none"
        raise PatternError(
            f"the pattern {pattern} has no group named {' or '.join(missing)} (it has {there}); "
            f"write (?<{missing[0]}>…) around what tells it"
        )
    return found


def check_useful(patterns: Sequence[re.Pattern[str]], *, has_host: bool) -> None:
    """Refuse patterns that tell nothing of who did what. Raises PatternError."""
    names = {name for pattern in patterns for name in pattern.groupindex}
    if not names & KNOWN:
        raise PatternError(
            "the pattern has no named group that is known here: at least host, and what else "
            "there is of event, clock, lamport, time, kind, queue, sender, stamp, targets, message"
        )
    if not has_host and "host" not in names:
        raise PatternError(
            "the pattern has no group named host: write (?<host>…) around the process's name, "
            "or give a folder with a file for each process, whose names are then the files'"
        )


def _python(pattern: str) -> str:
    """Write named groups as Python does."""

    def rewritten(found: re.Match[str]) -> str:
        text = found[0]
        return "(?P<" if text == "(?<" else text

    changed = _GROUP.sub(rewritten, _REFERENCE.sub(r"(?P=\1)", pattern))
    return _DOLLAR.sub(lambda found: found[0].replace("$", "_"), changed)


def find(
    patterns: Sequence[re.Pattern[str]], text: str, begin: int = 0, end: int = -1
) -> PatternMatches:
    """Find all records, in the order of the text. Raises PatternTimeError."""
    end = len(text) if end < 0 else end
    if not is_possible():
        return _find_apart(patterns, text, begin, end)
    return _find(patterns, text, begin, end, SECONDS_MAX)


def _find(
    patterns: Sequence[re.Pattern[str]], text: str, begin: int, end: int, seconds: float
) -> PatternMatches:
    found: list[PatternHit] = []
    with time_limited(found, end - begin, seconds):
        for number, pattern in enumerate(patterns):
            for low, high in _gaps(found, begin, end):
                try:
                    _find_in(found, pattern, number, text, low, high)
                except PatternTimeError as error:
                    raise _placed(error, found, text, low) from None
            found.sort()
    return _as_columns(patterns, found)


def _find_apart(
    patterns: Sequence[re.Pattern[str]], text: str, begin: int, end: int
) -> PatternMatches:
    """Find all records in a child process, where a pattern can be stopped."""
    import subprocess  # only needed here

    sources = [pattern.pattern for pattern in patterns]
    asked = json.dumps([sources, text, begin, end, SECONDS_MAX])
    command = [sys.executable, "-c", f"from {__name__} import serve; serve()"]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    answer = json.loads(done.stdout)
    if isinstance(answer, str):
        raise PatternTimeError(answer)
    return PatternMatches(*answer)


def serve() -> None:
    """Find what standard input asks for, and answer on standard output; see `_find_apart`."""
    sources, text, begin, end, seconds = json.load(sys.stdin)
    patterns = [compile_pattern(source) for source in sources]
    try:
        answer: object = _find(patterns, text, begin, end, seconds)
    except PatternTimeError as error:
        answer = str(error)
    json.dump(answer, sys.stdout)


def _find_in(
    found: list[PatternHit], pattern: re.Pattern[str], number: int, text: str, low: int, high: int
) -> None:
    for match in pattern.finditer(text, low, high):
        begin, end = match.span()
        if end > begin:
            found.append((begin, end, match.groups(), number))


def _placed(
    error: PatternTimeError, found: list[PatternHit], text: str, low: int
) -> PatternTimeError:
    after = max([low, *(one[1] for one in found[-1:] if one[0] >= low)])
    return PatternTimeError(f"the pattern, after line {text.count(chr(10), 0, after) + 1}: {error}")


def _gaps(found: Sequence[PatternHit], begin: int, end: int) -> list[tuple[int, int]]:
    """Return the stretches between records, from and to."""
    lows = [begin, *(one[1] for one in found)]
    highs = [*(one[0] for one in found), end]
    return [(low, high) for low, high in zip(lows, highs, strict=True) if low < high]


def _as_columns(patterns: Sequence[re.Pattern[str]], found: Sequence[PatternHit]) -> PatternMatches:
    starts, ends = [one[0] for one in found], [one[1] for one in found]
    if len(patterns) == 1:
        columns = list(zip(*(one[2] for one in found), strict=True))
        places = patterns[0].groupindex
        groups = {name: list(columns[at - 1]) if found else [] for name, at in places.items()}
        return PatternMatches(starts, ends, groups)
    names = {name for pattern in patterns for name in pattern.groupindex}
    places_of = [[p.groupindex.get(name, 0) - 1 for p in patterns] for name in names]
    return PatternMatches(
        starts,
        ends,
        {
            name: [one[2][at] if (at := places[one[3]]) >= 0 else None for one in found]
            for name, places in zip(names, places_of, strict=True)
        },
    )


def delimiters(delimiter: re.Pattern[str], text: str) -> list[tuple[int, int, str]]:
    """Return where each delimiter of executions begins and ends, and the label in it."""
    match = find([delimiter], text)
    labels = match.groups.get("trace") or [""] * len(match.starts)
    return [
        (begin, end, label or "")
        for begin, end, label in zip(match.starts, match.ends, labels, strict=True)
    ]
