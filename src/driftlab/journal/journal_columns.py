"""Consecutive events of one process in columns: made from entries, joined, put in order.

Whatever reads a journal yields these; they are joined to a trace, or written to
a file one after the other. `target` refers to sets of targets, numbered within
the columns; `TargetSets` renumbers them so that all parts of a run agree.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from driftlab.arrays import AnyArray, IntArray
from driftlab.journal.parser import Entry
from driftlab.lazy import np
from driftlab.model.columns import (
    KINDS,
    MISSING,
    NO_TARGET,
    NOBODY,
    SET_FIRST,
    Arrivals,
    Columns,
    Timestamps,
    from_texts,
    starts_of,
)
from driftlab.model.event import Event, Message, payload_text

Members = tuple[int, ...]
_INTEGER_MAX = 2**63 - 1
_KIND_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}


class JournalColumns(NamedTuple):
    """Some events of one process, in their order, in the columns of `Trace`.

    sets: the sets of targets that `target` refers to. timestamps: None if the
    run keeps no additional clock. recorded: texts of JSON, None if none of these
    events recorded anything.
    """

    columns: Columns
    sets: Sequence[Members]
    arrivals: Arrivals
    timestamps: Timestamps | None
    recorded: list[str | None] | None

    @property
    def events(self) -> int:
        """How many events they are."""
        return len(self.columns.kind)

    @property
    def lines(self) -> IntArray:
        """The line number of each event."""
        assert self.columns.line is not None
        return self.columns.line

    @property
    def ticks(self) -> IntArray:
        """The tick of each event."""
        assert self.columns.tick is not None
        return self.columns.tick


# Entries into columns.


def reject_reason(entry: Entry, places: Mapping[str, int]) -> str | None:
    """Return why an entry does not fit into the columns of a run, None if it does.

    places: the position of each process of the run.
    """
    event, instant, found = entry
    for name in (event.sender, *event.targets, *(message.sender for message in found)):
        if name is not None and name not in places:
            return f"it names {name[:40]!r}, which is no process of this run"
    numbers = (*instant, event.tick, event.stamp or 0, event.clock, event.queue)
    if any(abs(number) > _INTEGER_MAX for number in (*numbers, *(one.stamp for one in found))):
        return "a number in it is beyond 64 bits"
    return None


def columns_of_entries(
    entries: Sequence[Entry], lines: Sequence[int], places: Mapping[str, int], clock: str
) -> JournalColumns:
    """Put entries, none of which `reject_reason` rejects, into columns.

    lines: their line numbers. places: positions of the processes. clock: the
    additional clock of the run, or `lamport`.
    """
    rows = columns_of_events([entry.event for entry in entries], places, clock)
    instants = [entry.instant for entry in entries]
    return rows._replace(
        columns=rows.columns._replace(
            due_ns=np.array([instant.due_ns for instant in instants], np.int64),
            late_ns=np.array([instant.late_ns for instant in instants], np.int64),
            time_ns=np.array([instant.time_ns for instant in instants], np.int64),
            line=np.array(lines, np.int64),
        ),
        arrivals=arrivals_of([entry.found for entry in entries], places),
    )


def columns_of_events(
    events: Sequence[Event], places: Mapping[str, int], clock: str
) -> JournalColumns:
    """Return events as columns without times, line numbers or arrivals.

    The parameters are those of `columns_of_entries`.
    """
    sets: dict[Members, int] = {}
    columns = Columns(
        kind=np.array([_KIND_NUMBERS[event.kind] for event in events], np.uint8),
        clock=np.array([event.clock for event in events], np.int64),
        sender=np.array([places[e.sender] if e.sender else NOBODY for e in events], np.int32),
        stamp=np.array([MISSING if e.stamp is None else e.stamp for e in events], np.int64),
        target=np.array([_target(event.targets, places, sets) for event in events], np.int32),
        queue=np.array([event.queue for event in events], np.int64),
        tick=np.array([event.tick for event in events], np.int64),
    )
    timestamps = None
    if clock != "lamport":
        texts = [None if each.timestamp is None else each.timestamp.encode() for each in events]
        timestamps = from_texts(clock, texts)
    recorded = [payload_text(list(e.recorded)) if e.recorded else None for e in events]
    return JournalColumns(
        columns,
        list(sets),
        arrivals_of([()] * len(events), places),
        timestamps,
        recorded if any(recorded) else None,
    )


def _target(targets: Sequence[str], places: Mapping[str, int], sets: dict[Members, int]) -> int:
    """Return the targets of an event as the column `target` encodes them."""
    if not targets:
        return NO_TARGET
    if len(targets) == 1:
        return places[targets[0]]
    members = tuple(sorted(places[name] for name in targets))
    return SET_FIRST - sets.setdefault(members, len(sets))


def arrivals_of(found: Sequence[Sequence[Message]], places: Mapping[str, int]) -> Arrivals:
    """Put the messages that each event found into columns."""
    flat = [message for messages in found for message in messages]
    return Arrivals(
        starts_of([len(messages) for messages in found]),
        np.array([places[message.sender] for message in flat], np.int32),
        np.array([message.stamp for message in flat], np.int64),
    )


# Columns joined and put in order.


def merge_by_line(parts: Sequence[JournalColumns]) -> JournalColumns:
    """Return the rows of several parts of one journal in the order of their lines."""
    sets = TargetSets()
    parts = [sets.renumbered(part) for part in parts]
    whole = (parts[0] if len(parts) == 1 else concatenate(parts))._replace(sets=sets.members)
    line = whole.lines
    if bool((line[1:] > line[:-1]).all()):
        return whole
    return _take(whole, np.argsort(line, kind="stable"))


def concatenate(parts: Iterable[JournalColumns]) -> JournalColumns:
    """Return the rows of at least one part, one part after the other.

    All parts refer to the same sets, which are left out. Each part is copied
    and let go before the next is taken. Raise ValueError if there is none.
    """
    joined: _Concatenation | None = None
    for part in parts:
        joined = joined or _Concatenation(part)
        joined.add(part)
    if joined is None:
        raise ValueError("there is nothing to concatenate")
    return joined.whole()


class _Concatenation:
    """Columns that grow part by part."""

    def __init__(self, first: JournalColumns) -> None:
        stamps = first.timestamps
        self._clock = stamps and stamps.clock
        self._columns = [
            None if each is None else ColumnBuilder(each.dtype) for each in first.columns
        ]
        self._arrivals = RaggedBuilder(first.arrivals)
        self._stamps = None if stamps is None else RaggedBuilder(stamps[1:])
        self._recorded: list[str | None] = []
        self._events = 0

    def add(self, part: JournalColumns) -> None:
        for builder, column in zip(self._columns, part.columns, strict=True):
            if builder is not None and column is not None:
                builder.add(column)
        self._arrivals.add(part.arrivals)
        if self._stamps is not None and part.timestamps is not None:
            self._stamps.add(part.timestamps[1:])
        if part.recorded is not None:
            self._recorded += [None] * (self._events - len(self._recorded))
            self._recorded += part.recorded
        self._events += part.events

    def whole(self) -> JournalColumns:
        stamps, recorded = None, None
        if self._stamps is not None and self._clock is not None:
            stamps = Timestamps(self._clock, *self._stamps.whole())
        if self._recorded:
            recorded = self._recorded + [None] * (self._events - len(self._recorded))
        kind, *others = (None if each is None else each.whole() for each in self._columns)
        assert kind is not None
        return JournalColumns(
            Columns(kind, *others), (), Arrivals(*self._arrivals.whole()), stamps, recorded
        )


def _take(rows: JournalColumns, order: IntArray) -> JournalColumns:
    """Return some rows, given by their numbers, in that order."""
    stamps = rows.timestamps
    return JournalColumns(
        take_columns(rows.columns, order),
        rows.sets,
        Arrivals(*take_ragged(rows.arrivals, order)),
        None if stamps is None else Timestamps(stamps.clock, *take_ragged(stamps[1:], order)),
        None if rows.recorded is None else [rows.recorded[row] for row in order.tolist()],
    )


def take_columns(columns: Columns, rows: IntArray | slice) -> Columns:
    """Return some rows of every column that is there."""
    kind, *others = (None if each is None else each[rows] for each in columns)
    assert kind is not None
    return Columns(kind, *others)


def take_ragged(ragged: Sequence[IntArray], order: IntArray) -> list[IntArray]:
    """Return some rows of ragged columns.

    ragged: first the starts; row i of the others is starts[i]:starts[i + 1].
    order: numbers of the rows, in the order in which they are to stand.
    """
    starts, *others = ragged
    counts = np.diff(starts)[order]
    new = starts_of(counts)
    index = np.repeat(starts[:-1][order] - new[:-1], counts) + np.arange(new[-1])
    return [new, *(each[index] for each in others)]


class TargetSets:
    """The sets of several targets of a run, numbered in the order in which they first occur."""

    def __init__(self) -> None:
        self._numbers: dict[Members, int] = {}

    @property
    def members(self) -> list[Members]:
        """The sets in the order of their numbers."""
        return list(self._numbers)

    def renumbered(self, rows: JournalColumns) -> JournalColumns:
        """Return rows whose `target` has the numbers that are valid here."""
        target = rows.columns.target
        assert target is not None
        places = np.flatnonzero(target <= SET_FIRST)
        if not len(places):
            return rows._replace(sets=())
        old = SET_FIRST - target[places]
        used, first = np.unique(old, return_index=True)
        new = np.zeros(len(rows.sets), np.int32)
        for number in used[np.argsort(first)].tolist():
            members = tuple(rows.sets[number])
            new[number] = SET_FIRST - self._numbers.setdefault(members, len(self._numbers))
        target = target.copy()
        target[places] = new[old]
        return rows._replace(columns=rows.columns._replace(target=target), sets=())


class ColumnBuilder:
    """One column that grows.

    Its capacity is doubled when it is used up, and memory that is never
    written to costs nothing. So rows that come in parts need little more
    memory than all rows at once.
    """

    def __init__(self, dtype: "np.dtype[np.generic]") -> None:
        self._array: AnyArray = np.empty(0, dtype)
        self._used = 0

    def add(self, part: AnyArray) -> None:
        """Append a part."""
        used = self._used + len(part)
        if used > len(self._array):
            larger = np.empty(max(used, 2 * len(self._array)), self._array.dtype)
            larger[: self._used] = self._array[: self._used]
            self._array = larger
        self._array[self._used : used] = part
        self._used = used

    def whole(self) -> AnyArray:
        """Return all parts as one column."""
        return self._array[: self._used]


class RaggedBuilder:
    """Ragged columns that grow; the first says where each row of the others begins."""

    def __init__(self, first: Sequence[IntArray]) -> None:
        self._columns = [ColumnBuilder(column.dtype) for column in first]
        self._columns[0].add(first[0][:1])
        self._total = 0

    def add(self, part: Sequence[IntArray]) -> None:
        """Append the rows of a part."""
        starts, *others = part
        self._columns[0].add(starts[1:] + self._total)
        self._total += int(starts[-1])
        for column, more in zip(self._columns[1:], others, strict=True):
            column.add(more)

    def whole(self) -> list[IntArray]:
        """Return all parts as one set of columns."""
        return [column.whole() for column in self._columns]
