"""The journals of a simulated run: like those of a real one, written as its events happen.

A simulated run starts at the beginning of 1970, because nothing in it may
depend on the time of day. Lines are handed to the system in large pieces: a
simulation that is killed can be had again, to the bit. No file stays open, so
there may be as many machines as the disk has room for.
"""

import os
from collections.abc import Sequence
from typing import Final

from driftlab.journal.format import (
    COMPLETE,
    JOURNAL_SUFFIX,
    Entry,
    Instant,
    column_names,
    format_entry,
    format_note,
    has_more_columns,
    header_fields,
)
from driftlab.journal.utc import utc_text
from driftlab.journal.writer import JournalFileError
from driftlab.model.event import Event, Message
from driftlab.scenario.plan import MachinePlan

LINES_HELD_MAX: Final = 100_000  # of all machines together


class SimulatedJournals:
    """The journals of one run, in a folder that was claimed. `add` is an engine's sink.

    Raises JournalFileError when the disk says no.
    """

    def __init__(self, plans: Sequence[MachinePlan], folder: str) -> None:
        self._plans = plans
        self._paths = [f"{folder}/{plan.name}{JOURNAL_SUFFIX}" for plan in plans]
        self._lines = [[_opening_lines(plan)] for plan in plans]
        self._held = 0
        self._taken = [0] * len(plans)
        self._more_columns = has_more_columns(plans[0])

    def add(self, position: int, event: Event, due_ns: int, found: Sequence[Message]) -> None:
        """Write one event."""
        now_ns = self._plans[position].physical.reading_ns(due_ns, due_ns)
        entry = Entry(event, Instant(now_ns, due_ns, 0), found)
        self._lines[position].append(format_entry(entry, more_columns=self._more_columns))
        self._taken[position] += 1
        self._held += 1
        if self._held >= LINES_HELD_MAX:
            self._flush()

    def close(self, reasons: Sequence[str]) -> None:
        """Write each machine's last line, with the reason why it ended, and what is still held."""
        for position, reason in enumerate(reasons):
            plan, taken = self._plans[position], self._taken[position]
            end_ns = plan.end_ns if reason == COMPLETE else plan.schedule.due_ns(taken)
            end = {"time": utc_text(end_ns), "ticks": taken, "undelivered": 0, "incidents": 0}
            self._lines[position].append(format_note("end", {**end, "reason": reason}))
        self._flush()

    def _flush(self) -> None:
        for path, lines in zip(self._paths, self._lines, strict=True):
            if lines:
                _append(path, "".join(lines))
                lines.clear()
        self._held = 0


def _opening_lines(plan: MachinePlan) -> str:
    return (
        format_note("header", header_fields(plan, speed=1, world="simulated"))
        + format_note("columns", {"names": column_names(plan)})
        + format_note("start", {"time": utc_text(0)})
    )


def _append(path: str, text: str) -> None:
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        name = os.path.basename(path)
        raise JournalFileError(f"cannot write {name}: {error.strerror}") from error
