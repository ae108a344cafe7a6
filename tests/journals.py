"""Journals as values, entry by entry: what a test asks of a run's lines."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from driftlab.api.simulate_one import simulate_into
from driftlab.history.run_reader import RunJournals, run_journals, single_journal
from driftlab.journal import reader
from driftlab.journal.files import UnreadLine
from driftlab.journal.format import format_event
from driftlab.journal.parser import Entry, Instant, Note
from driftlab.model.event import Event, Message
from driftlab.scenario.plan import plan_run
from driftlab.scenario.scenario import Scenario
from driftlab.simulator.engine import each_event


class Journal(NamedTuple):
    """A journal in memory, its entries in the order of the file."""

    journal: reader.Journal
    entries: list[Entry]

    @property
    def path(self) -> Path:
        return self.journal.path

    @property
    def machine(self) -> str:
        return self.journal.machine

    @property
    def header(self) -> dict[str, str]:
        return dict(self.journal.header)

    @property
    def notes(self) -> list[Note]:
        return list(self.journal.notes)

    @property
    def unread(self) -> list[UnreadLine]:
        return list(self.journal.unread)

    @property
    def torn(self) -> bool:
        return self.journal.torn

    @property
    def length(self) -> int:
        return self.journal.length

    def notes_on(self, topic: str) -> list[Note]:
        return self.journal.notes_on(topic)


def line_of(entry: Entry, *, more_columns: bool = False) -> str:
    """Return an entry as a line of a journal."""
    return format_event(entry.event, *entry.instant, entry.found, more_columns=more_columns)


def read_journal(path: Path) -> Journal:
    """Read one journal."""
    (journal,) = _journals(single_journal(path))
    return journal


def read_journals(folder: Path) -> list[Journal]:
    """Read the journals of one run, in name order."""
    return _journals(run_journals(folder))


def _journals(found: RunJournals) -> list[Journal]:
    return journals_of(found.chunks(keep_entries=True))


def journals_of(chunks: Iterable[reader.JournalChunk]) -> list[Journal]:
    """Put chunks that have their entries together."""
    read: dict[int, Journal] = {}
    for chunk in chunks:
        if chunk.process not in read:
            read[chunk.process] = Journal(chunk.journal, list(chunk.entries))
        else:
            before = read[chunk.process]
            before.entries.extend(chunk.entries)
            read[chunk.process] = Journal(before.journal.then(chunk.journal), before.entries)
    return list(read.values())


def entries_of(scenario: Scenario, number: int = 1) -> list[list[Entry]]:
    """Simulate a run and return what every machine's journal would hold."""
    plans = plan_run(scenario, number)
    entries: list[list[Entry]] = [[] for _ in plans]

    def keep(position: int, event: Event, due_ns: int, found: Iterable[Message]) -> None:
        now_ns = plans[position].physical.reading_ns(due_ns, due_ns)
        entries[position].append(Entry(event, Instant(now_ns, due_ns, 0), tuple(found)))

    simulate_into(scenario, number, each_event(keep))
    return entries
