"""Consecutive rows of one journal, in columns: from entries, put together, put in order.

Whatever reads a journal gives these; they are put together to a trace, or
written to a file one after the other. Within rows, `target` refers to sets of
their own; `Sets` gives them numbers that hold for all.

Columns that grow: parts are copied behind one another and can be let go at once.

Room is doubled when it is used up, and room that is not used costs no memory
(the system gives a page when it is written to). So rows that come in parts
need little more memory than the rows once.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from driftlab.journal.format import Entry
from driftlab.model.columns import (
    KINDS,
    MISSING,
    NO_TARGET,
    NOBODY,
    SET_FIRST,
    Array,
    Arrivals,
    Columns,
    Timestamps,
    from_texts,
    starts_of,
)
from driftlab.model.event import Message
from driftlab.model.payload import payload_text

Members = tuple[int, ...]
_WHOLE_MAX = 2**63 - 1
_KIND_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}


class JournalColumns(NamedTuple):
    """Some events of one process, in their order, as `Trace` has them.

    sets: those that `target` refers to. timestamps: None where the run keeps
    no further clock. recorded: texts, None where none of these events has one.
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


def reject_reason(entry: Entry, places: Mapping[str, int]) -> str | None:
    """Return why an entry does not fit into the columns of a run, None if it does."""
    event, instant, found = entry
    for name in (event.sender, *event.targets, *(message.sender for message in found)):
        if name is not None and name not in places:
            return f"it names {name[:40]!r}, which is no process of this run"
    numbers = (*instant, event.tick, event.stamp or 0, event.clock, event.queue)
    if any(abs(number) > _WHOLE_MAX for number in (*numbers, *(one.stamp for one in found))):
        return "a number in it is beyond 64 bits"
    return None


def columns_of_entries(
    entries: Sequence[Entry], lines: Sequence[int], places: Mapping[str, int], clock: str
) -> JournalColumns:
    """Put entries into columns; all must fit. `clock` is that of the run."""
    import numpy as np

    events = [entry.event for entry in entries]
    instants = [entry.instant for entry in entries]
    sets: dict[Members, int] = {}

    def column(values: list[int], kind: Any = np.int64) -> Any:
        return np.array(values, kind)

    columns = Columns(
        kind=column([_KIND_NUMBERS[event.kind] for event in events], np.uint8),
        clock=column([event.clock for event in events]),
        sender=column([places[e.sender] if e.sender else NOBODY for e in events], np.int32),
        stamp=column([MISSING if event.stamp is None else event.stamp for event in events]),
        target=column([_target(event.targets, places, sets) for event in events], np.int32),
        queue=column([event.queue for event in events]),
        tick=column([event.tick for event in events]),
        due_ns=column([instant.due_ns for instant in instants]),
        late_ns=column([instant.late_ns for instant in instants]),
        time_ns=column([instant.time_ns for instant in instants]),
        line=column(list(lines)),
    )
    arrivals = _arrivals([entry.found for entry in entries], places)
    held = [None if event.timestamp is None else event.timestamp.encode() for event in events]
    timestamps = None if clock == "lamport" else from_texts(clock, held)
    recorded = [payload_text(list(e.recorded)) if e.recorded else None for e in events]
    return JournalColumns(
        columns, list(sets), arrivals, timestamps, recorded if any(recorded) else None
    )


def _target(targets: Sequence[str], places: Mapping[str, int], sets: dict[Members, int]) -> int:
    """Return whom an event sends to, as the column `target` has it."""
    if not targets:
        return NO_TARGET
    if len(targets) == 1:
        return places[targets[0]]
    members = tuple(sorted(places[name] for name in targets))
    return SET_FIRST - sets.setdefault(members, len(sets))


def _arrivals(found: Sequence[Sequence[Message]], places: Mapping[str, int]) -> Arrivals:
    import numpy as np

    flat = [message for messages in found for message in messages]
    return Arrivals(
        starts_of([len(messages) for messages in found]),
        np.array([places[message.sender] for message in flat], np.int32),
        np.array([message.stamp for message in flat], np.int64),
    )


def merge_by_line(parts: Sequence[JournalColumns]) -> JournalColumns:
    """Return the rows of one journal in the order of their lines, whoever read them."""
    import numpy as np

    sets = TargetSets()
    parts = [sets.renumbered(part) for part in parts]
    whole = (parts[0] if len(parts) == 1 else concatenate(parts))._replace(sets=sets.members)
    line = whole.columns.line
    if bool((line[1:] > line[:-1]).all()):
        return whole
    return _take(whole, np.argsort(line, kind="stable"))


def concatenate(parts: Iterable[JournalColumns]) -> JournalColumns:
    """Return rows one after the other, at least one part; all refer to the same sets.

    Each part is copied and let go before the next is taken.
    """
    joining: _Concatenation | None = None
    for part in parts:
        joining = joining or _Concatenation(part)
        joining.add(part)
    if joining is None:
        raise ValueError("no rows to join")
    return joining.whole()


class _Concatenation:
    """Rows that are put together."""

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
        for column, more in zip(self._columns, part.columns, strict=True):
            if column is not None:
                column.add(more)
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
        return JournalColumns(
            Columns(*(None if each is None else each.whole() for each in self._columns)),
            (),
            Arrivals(*self._arrivals.whole()),
            stamps,
            recorded,
        )


def _take(rows: JournalColumns, order: Array) -> JournalColumns:
    stamps = rows.timestamps
    return JournalColumns(
        Columns(*(None if each is None else each[order] for each in rows.columns)),
        rows.sets,
        Arrivals(*_ragged_take(rows.arrivals, order)),
        None if stamps is None else Timestamps(stamps.clock, *_ragged_take(stamps[1:], order)),
        None if rows.recorded is None else [rows.recorded[row] for row in order.tolist()],
    )


def _ragged_take(ragged: tuple[Array, ...], order: Array) -> list[Array]:
    import numpy as np

    starts, *others = ragged
    counts = np.diff(starts)[order]
    new = starts_of(counts)
    index = np.repeat(starts[:-1][order] - new[:-1], counts) + np.arange(new[-1])
    return [new, *(each[index] for each in others)]


class TargetSets:
    """Sets of several targets, numbered as they are first met."""

    def __init__(self) -> None:
        self._numbers: dict[Members, int] = {}

    @property
    def members(self) -> list[Members]:
        """The sets in the order of their numbers."""
        return list(self._numbers)

    def renumbered(self, rows: JournalColumns) -> JournalColumns:
        """Return rows whose `target` has the numbers that hold here."""
        import numpy as np

        target = rows.columns.target
        places = np.flatnonzero(target <= SET_FIRST)
        if not len(places):
            return rows._replace(sets=())
        old = SET_FIRST - target[places]
        met, first = np.unique(old, return_index=True)
        new = np.zeros(len(rows.sets), np.int32)
        for number in met[np.argsort(first)].tolist():
            members = tuple(rows.sets[number])
            new[number] = SET_FIRST - self._numbers.setdefault(members, len(self._numbers))
        target = target.copy()
        target[places] = new[old]
        return rows._replace(columns=rows.columns._replace(target=target), sets=())


class ColumnBuilder:
    """One column."""

    def __init__(self, kind: Any) -> None:
        import numpy as np

        self._array = np.empty(0, kind)
        self._used = 0

    def add(self, part: Array) -> None:
        """Append a part."""
        import numpy as np

        used = self._used + len(part)
        if used > len(self._array):
            larger = np.empty(max(used, 2 * len(self._array)), self._array.dtype)
            larger[: self._used] = self._array[: self._used]
            self._array = larger
        self._array[self._used : used] = part
        self._used = used

    def whole(self) -> Array:
        """Return what was appended."""
        return self._array[: self._used]


class RaggedBuilder:
    """Columns of which the first says where each row's part of the others begins."""

    def __init__(self, first: Sequence[Array]) -> None:
        self._columns = [ColumnBuilder(column.dtype) for column in first]
        self._columns[0].add(first[0][:1])
        self._total = 0

    def add(self, part: Sequence[Array]) -> None:
        """Append the rows of a part."""
        starts, *others = part
        self._columns[0].add(starts[1:] + self._total)
        self._total += int(starts[-1])
        for column, more in zip(self._columns[1:], others, strict=True):
            column.add(more)

    def whole(self) -> list[Array]:
        """Return the columns."""
        return [column.whole() for column in self._columns]
