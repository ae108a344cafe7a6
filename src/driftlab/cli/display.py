"""The live display: what the machines are doing now, read from the ends of their journals.

On a terminal a table that is updated in place, otherwise a plain line now and
then. It goes to standard error; standard output has only the result.
"""

import select
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from driftlab.api.run_real import RunStart
from driftlab.cli.output import make_console
from driftlab.cli.terminal import ignore_broken_pipe
from driftlab.journal.files import UnreadableError
from driftlab.journal.format import JOURNAL_SUFFIX
from driftlab.journal.parser import Entry, JournalError
from driftlab.journal.reader import read_last
from driftlab.plain_text import plain

PLAIN_EVERY_SECONDS = 5.0


class Display:
    """Shows runs as they go: the callback `on_beat` of `run_each`."""

    def __init__(self, numbers: range) -> None:
        self._numbers = numbers
        self._gone = False  # whether the terminal or the reader went away
        self._console = make_console(sys.stderr)
        self._live: Any = None
        self._plain_at: tuple[int, float] = (0, 0.0)  # run, and its next plain line, in seconds

    def __enter__(self) -> "Display":
        if self._console.is_terminal:
            from rich.live import Live

            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            with suppress(OSError):  # the terminal may be gone
                self._live.stop()

    def __call__(self, start: RunStart, elapsed_ns: int) -> None:
        """Show the state of a run.

        elapsed_ns: real time since its start. A terminal or a reader that goes
        away ends the display, not the run.
        """
        if self._gone or not self._is_writable():
            return
        try:
            self._show(start, max(0.0, elapsed_ns / 1e9))
        except OSError:
            self._gone = True
            ignore_broken_pipe(sys.stderr)

    def _is_writable(self) -> bool:
        """Whether a write would not wait: a terminal that is held, a pipe that is full."""
        try:
            return bool(select.select([], [sys.stderr], [], 0)[1])
        except (OSError, ValueError):  # no descriptor, or one too large for select
            return True

    def _show(self, start: RunStart, elapsed: float) -> None:
        if self._live is not None:
            self._live.update(self._screen(start, elapsed, _now(start)), refresh=True)
            return
        number = start.scenario.first_run
        if self._plain_at[0] != number:
            self._plain_at = (number, 0.0)
        if elapsed >= self._plain_at[1]:
            self._plain_at = (number, elapsed + PLAIN_EVERY_SECONDS)
            self._console.print(self._plain(start, elapsed, _now(start)), soft_wrap=True)

    def _title(self, start: RunStart, elapsed: float) -> str:
        speed = start.scenario.speed
        total, passed = start.scenario.seconds, elapsed * speed
        left = max(0.0, total - passed) / speed
        many, place = len(self._numbers), self._numbers.index(start.scenario.first_run) + 1
        run = f"run {place} of {many}, " if many > 1 else ""
        real = "" if speed == 1 else " in real time"
        return f"{run}{min(passed, total):.0f} s of {total:g} s, {left:.0f} s left{real}"

    def _plain(self, start: RunStart, elapsed: float, now: dict[str, Entry | None]) -> str:
        states = [
            f"{name} rate {rate:g} clock {entry.event.clock} queue {entry.event.queue} "
            f"late {entry.instant.late_ns / 1e6:.2f} ms"
            for (name, entry), rate in zip(now.items(), _rates(start), strict=True)
            if entry is not None
        ]
        return "; ".join([self._title(start, elapsed), *map(plain, states)])

    def _screen(self, start: RunStart, elapsed: float, now: dict[str, Entry | None]) -> Any:
        from rich import box
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False)
        table.add_column("machine")
        for head in ("rate", "ticks", "clock", "queue", "late, ms", "last event"):
            table.add_column(head, justify="left" if head == "last event" else "right")
        for (name, entry), rate in zip(now.items(), _rates(start), strict=True):
            table.add_row(plain(name), f"{rate:g}", *(_cells(entry) if entry else ["-"] * 5))
        total = start.scenario.seconds / start.scenario.speed
        bar = ProgressBar(total=total, completed=min(elapsed, total), width=60)
        screen = Table.grid()
        for row in (self._title(start, elapsed), bar, table):  # a long table is cut at the bottom
            screen.add_row(row)
        return screen


def _rates(start: RunStart) -> tuple[float, ...]:
    return start.scenario.rates_of(start.scenario.first_run)


def _now(start: RunStart) -> dict[str, Entry | None]:
    roster = start.scenario.machine_names()
    return {name: _last(start.folder / (name + JOURNAL_SUFFIX)) for name in roster}


def _last(path: Path) -> Entry | None:
    """Return the last entry of a journal, None if it has none, is gone or is damaged.

    The run goes on; reading it later says why.
    """
    try:
        return read_last(path)
    except (OSError, ValueError, JournalError, UnreadableError):
        return None


def _cells(entry: Entry) -> list[str]:
    event = entry.event
    peers = plain(event.sender or ",".join(event.targets))
    late = f"{entry.instant.late_ns / 1e6:.2f}"
    return [str(event.tick + 1), str(event.clock), str(event.queue), late, f"{event.kind} {peers}"]
