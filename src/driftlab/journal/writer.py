"""Journals being written: those of real machines line by line, those of a simulated run in pieces.

A real machine's journal takes one `write` per line and buffers nothing: killing the
process at any instant loses no line that was written. A file that exists is never
touched.

A simulated run starts at the beginning of 1970, because nothing in it may depend
on the time of day. Its lines are written in large pieces, since a simulation that
is killed can be repeated exactly. No file stays open, so the number of machines
is not limited by the number of open files.
"""

import os
from collections.abc import Sequence
from typing import Final

from driftlab.errors import DriftlabError
from driftlab.journal.format import (
    COMPLETE,
    JOURNAL_SUFFIX,
    column_names,
    format_event,
    format_note,
    has_more_columns,
    header_fields,
)
from driftlab.journal.utc import utc_text
from driftlab.model.event import Event, EventBatch, Message
from driftlab.scenario.plan import MachinePlan


class JournalFileError(DriftlabError):
    """A journal that cannot be created or written, and why."""


class JournalFile:
    """An append-only journal.

    path: of a file that must not exist. more_columns: whether events have all
    thirteen columns. Raise JournalFileError if it cannot be created or written.
    """

    def __init__(self, path: str, *, more_columns: bool = False) -> None:
        self.path = path
        self._more_columns = more_columns
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        try:
            self._fd = os.open(path, flags, 0o600)  # the run id in it lets a machine join
        except FileExistsError:
            raise JournalFileError(
                f"{path} exists; a journal is never overwritten: name another folder with --out"
            ) from None
        except OSError as error:
            raise JournalFileError(f"cannot create {path}: {error.strerror}") from error

    def append(
        self, event: Event, time_ns: int, due_ns: int, late_ns: int, found: Sequence[Message]
    ) -> None:
        """Write one event. Raise JournalFileError if it cannot be written.

        The parameters are those of `format_event`.
        """
        more = self._more_columns
        self._write(format_event(event, time_ns, due_ns, late_ns, found, more_columns=more))

    def note(self, topic: str, fields: dict[str, object]) -> None:
        """Write one line about the machine. Raise JournalFileError if it cannot be written.

        topic, fields: those of `format_note`.
        """
        self._write(format_note(topic, fields))

    def _write(self, line: str) -> None:
        rest = line.encode()
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            name = os.path.basename(self.path)  # pathlib is heavy for a worker
            raise JournalFileError(f"cannot write {name}: {error.strerror}") from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


LINES_HELD_MAX: Final = 100_000  # in memory, of all machines together


class SimulatedJournals:
    """The journals of one run. `add` is the sink of an engine.

    Args: the plans of all machines, and the folder, created for this run. Its
    methods raise JournalFileError if a file cannot be written.
    """

    def __init__(self, plans: Sequence[MachinePlan], folder: str) -> None:
        self._plans = plans
        self._paths = [f"{folder}/{plan.name}{JOURNAL_SUFFIX}" for plan in plans]
        self._lines = [[_opening_lines(plan)] for plan in plans]
        self._lines_held = 0
        self._ticks_taken = [0] * len(plans)
        self._more_columns = has_more_columns(plans[0])
        self._physical = [plan.physical for plan in plans]

    def add(self, batch: EventBatch) -> None:
        """Write the next events."""
        for position, due_ns, row, found in zip(*batch, strict=True):
            self._add(position, Event._make(row), due_ns, found)

    def _add(self, position: int, event: Event, due_ns: int, found: Sequence[Message]) -> None:
        now_ns = self._physical[position].reading_ns(due_ns, due_ns)
        more = self._more_columns
        self._lines[position].append(
            format_event(event, now_ns, due_ns, 0, found, more_columns=more)
        )
        self._ticks_taken[position] += 1
        self._lines_held += 1
        if self._lines_held >= LINES_HELD_MAX:
            self._flush()

    def close(self, reasons: Sequence[str]) -> None:
        """End each journal with the reason why its machine ended, and write all lines held."""
        for position, reason in enumerate(reasons):
            plan, ticks = self._plans[position], self._ticks_taken[position]
            end_ns = plan.end_ns if reason == COMPLETE else plan.schedule.due_ns(ticks)
            end = {"time": utc_text(end_ns), "ticks": ticks, "undelivered": 0, "incidents": 0}
            self._lines[position].append(format_note("end", {**end, "reason": reason}))
        self._flush()

    def _flush(self) -> None:
        for path, lines in zip(self._paths, self._lines, strict=True):
            if lines:
                _append(path, "".join(lines))
                lines.clear()
        self._lines_held = 0


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
