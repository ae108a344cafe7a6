"""Progress of long commands on standard error, with the time left.

A bar where it is a terminal, otherwise a plain line every few seconds; the first is
shown only once it is known that there will be a second.
"""

import sys
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Any, Final

from driftlab.cli.output import make_console
from driftlab.cli.terminal import ignore_broken_pipe

PLAIN_EVERY_S: Final = 5.0
NEEDED_S: Final = 1.0  # what takes less needs no bar


class Progress:
    """Shows how much of a command is done, and about how long the rest will take.

    title: what is being done. quiet: show nothing.
    """

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self._title = title
        self._quiet = quiet
        self._begun = monotonic()
        self._shown = self._begun
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            with suppress(OSError):  # the terminal may be gone
                self._bar.stop()

    def show(self, share: float, text: str) -> None:
        """Show that a share (0 to 1) is done, and what: `text`, as in `3 of 864 cells`."""
        if self._quiet:
            return
        try:
            self._show(min(1.0, share), text)
        except OSError:  # a terminal or a reader that goes away ends the display alone
            self._quiet = True
            ignore_broken_pipe(sys.stderr)

    def _show(self, share: float, text: str) -> None:
        now = monotonic()
        if sys.stderr.isatty():
            if self._bar is None and now - self._begun >= NEEDED_S:
                self._start()
            if self._bar is not None:
                self._bar.update(self._task, completed=share, text=text, left=self._left(share))
        elif now - self._shown >= PLAIN_EVERY_S:
            self._shown = now
            print(f"{self._title}: {text}, {self._left(share)}", file=sys.stderr, flush=True)

    def _left(self, share: float) -> str:
        if share <= 0:
            return "time left unknown"
        return f"{duration((monotonic() - self._begun) * (1 / share - 1))} left"

    def _start(self) -> None:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        columns = (
            TextColumn(self._title),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[text]}, {task.fields[left]}"),
        )
        self._bar = Bar(*columns, console=make_console(sys.stderr), transient=True)
        self._task = self._bar.add_task(self._title, total=1.0, text="", left="")
        self._bar.start()


def duration(seconds: float) -> str:
    """Return a time as text: `12 s`, `3 min`, `2 h 5 min`."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
