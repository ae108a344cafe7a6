"""What `driftlab check` found at each of its paths, and the exit status of all together.

A path is judged by itself. One that cannot be read costs its own row; the others are
still judged.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final, NamedTuple

from driftlab.api.check import LogVerdict
from driftlab.cli import EXIT_INTERRUPTED, EXIT_UNUSABLE, EXIT_VIOLATED
from driftlab.cli.standard_input import NAME, STANDARD_INPUT, Spooled
from driftlab.judge.checker import UNDECIDED

UNREADABLE: Final = "unreadable"
NOT_SUBMISSIONS: Final = (".", "__MACOSX")  # how files begin that nobody handed in
STATUS_ORDER: Final = (EXIT_INTERRUPTED, EXIT_UNUSABLE, EXIT_VIOLATED, 0)  # the worst first
REASON_CHARACTERS_MAX: Final = 100  # in a row of the table
PROGRESS_AFTER_S: Final = 1.0


class Result(NamedTuple):
    """What was found at one path.

    path: as it was given. judged: the verdict, None if the path could not be read.
    reason: why not. status: the exit status that it alone would have. interrupted:
    whether Ctrl-C ended the reading of standard input.
    """

    path: str
    judged: LogVerdict | None
    status: int
    reason: str = ""
    interrupted: bool = False

    @property
    def name(self) -> str:
        """The path in messages."""
        return NAME if self.path == STANDARD_INPUT else self.path

    @property
    def verdict(self) -> str:
        """`holds`, `violated`, `undecided` or `unreadable`."""
        return UNREADABLE if self.judged is None else self.judged.verdict

    @property
    def short_reason(self) -> str:
        """Why nothing could be judged, without the path and without what to do about it."""
        if self.judged is not None:
            return self.judged.reason_undecided if self.verdict == UNDECIDED else ""
        text = self.reason.removeprefix(f"{self.name}: ").partition("; ")[0].partition(" … ")[0]
        return text if len(text) <= REASON_CHARACTERS_MAX else f"{text[:REASON_CHARACTERS_MAX]}…"

    def to_dict(self, limit: int | None) -> dict[str, Any]:
        """Return it under the names of the JSON interface, with at most `limit` of each rule."""
        document = unreadable(self.reason) if self.judged is None else self.judged.to_dict(limit)
        return document | ({"interrupted": True} if self.interrupted else {})


def unreadable(reason: str) -> dict[str, Any]:
    """Return the document of a path that cannot be read."""
    nothing: dict[str, Any] = {"events": 0, "judged": 0, "unknown": 0, "unread": 0}
    return {
        "verdict": UNREADABLE, **nothing, "violations": [], "counts": {}, "diagnosis": [],
        "reason": reason,
    }  # fmt: skip


def unread_result(path: str, reason: str, spooled: Spooled | None = None) -> Result:
    """Return the result of a path that cannot be read; `spooled`: standard input, if it is that."""
    if spooled is None:
        return Result(path, None, EXIT_UNUSABLE, reason)
    status = EXIT_INTERRUPTED if spooled.interrupted else EXIT_UNUSABLE
    return Result(path, None, status, spooled.named(reason), spooled.interrupted)


def worst_status(statuses: Sequence[int]) -> int:
    """Return the exit status of several paths: that of the worst."""
    return min(statuses, key=STATUS_ORDER.index, default=0)


def submissions(folders: Sequence[str]) -> list[str]:
    """Return every file and folder directly in some folders, in name order.

    A path that is not a folder, or has nothing in it, stands for itself: it cannot be read.
    """
    paths: list[str] = []
    for folder in folders:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            names = []
        inside = [
            os.path.join(folder, name) for name in names if not name.startswith(NOT_SUBMISSIONS)
        ]
        paths += inside or [folder]
    return paths


@contextmanager
def progress(total: int) -> Iterator[Any]:
    """Yield a function to call after each path; it shows a bar if a terminal waits for long."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    bar = _Bar(total)
    try:
        yield bar.advance
    finally:
        bar.stop()


class _Bar:
    """A progress bar on standard error that appears only after PROGRESS_AFTER_S."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._begin = monotonic()
        self._bar: Any = None
        self._task: Any = None

    def advance(self) -> None:
        self._done += 1
        if self._bar is None and monotonic() - self._begin > PROGRESS_AFTER_S:
            self._start()
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done)

    def _start(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        from driftlab.cli.output import make_console

        columns = (TextColumn("judging"), BarColumn(), TimeRemainingColumn(),
                   TextColumn("{task.completed:,.0f} of {task.total:,.0f} paths"))  # fmt: skip
        self._bar = Progress(*columns, console=make_console(sys.stderr), transient=True)
        self._task = self._bar.add_task("judging", total=self._total)
        self._bar.start()

    def stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
