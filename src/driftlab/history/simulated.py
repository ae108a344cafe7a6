"""The history of a simulated run, from what its engine kept."""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Final, overload

import numpy as np

from driftlab.arrays import IntArray
from driftlab.clocks.catalogue import CLOCKS, LAMPORT
from driftlab.clocks.clock import Timestamp
from driftlab.history.trace import ProcessInfo, Trace
from driftlab.journal.journal_columns import arrivals_of
from driftlab.model.columns import (
    INTERNAL,
    MISSING,
    NO_TARGET,
    NOBODY,
    RECEIVE,
    SEND,
    SET_FIRST,
    Columns,
    Timestamps,
    from_texts,
    process_major,
)
from driftlab.model.event import Event, EventBatch, EventRow, Message, payload_text
from driftlab.model.random_streams import IS_ACCELERATED
from driftlab.model.schedule import PARTS_PER_BILLION
from driftlab.scenario.plan import schedule_of
from driftlab.scenario.scenario import Scenario

# The fields of an event that are kept as numbers, and the types of their columns.
_TYPES: Final = {
    "process": np.int32, "due_ns": np.int64, "tick": np.int64, "sender": np.int32,
    "stamp": np.int64, "target": np.int32, "clock": np.int64, "queue": np.int64,
}  # fmt: skip
TIMESTAMP: Final = Event._fields.index("timestamp")
_recorded_of = itemgetter(Event._fields.index("recorded"))


class EventColumns:
    """The events of a run as columns of numbers while it is simulated; `add` is an engine's sink.

    An event takes 52 bytes, and more only for a timestamp of an additional clock or for
    what its process recorded. No objects are held.

    names: of all processes, in name order. clock: the additional clock of the run, or
    `lamport`. keep_found: whether the messages that each tick found are kept too.
    """

    def __init__(self, names: Sequence[str], clock: str, *, keep_found: bool = False) -> None:
        self._names = names
        self._clock = clock
        self._parts: dict[str, list[IntArray]] = {name: [] for name in _TYPES}
        self._events = 0
        self._places: dict[str | None, int] = {name: place for place, name in enumerate(names)}
        self._places[None] = NOBODY
        self._target_codes = _TargetCodes(self._places)
        self._keeps_timestamps = clock != LAMPORT
        self._timestamps: list[Timestamp | None] = []
        self._recorded: dict[int, str] = {}  # by the number of the event
        self._found: list[Sequence[Message]] | None = [] if keep_found else None

    def add(self, batch: EventBatch) -> None:
        """Keep the next events."""
        positions, dues_ns, rows, found = batch
        if not rows:
            return
        count = len(rows)
        numbers = self._by_row(rows) if IS_ACCELERATED else self._by_field(rows)
        numbers["process"] = np.fromiter(positions, np.int32, count)
        numbers["due_ns"] = np.fromiter(dues_ns, np.int64, count)
        for name, parts in self._parts.items():
            parts.append(numbers[name])
        if self._keeps_timestamps:
            self._timestamps += [row[TIMESTAMP] for row in rows]
        if any(map(_recorded_of, rows)):
            for number, recorded in enumerate(map(_recorded_of, rows), self._events):
                if recorded:
                    self._recorded[number] = payload_text(list(recorded))
        if self._found is not None:
            self._found += found
        self._events += count

    def _by_field(self, rows: Sequence[EventRow]) -> dict[str, IntArray]:
        """Return fields of events as columns: the fastest way in Python, field after field."""
        _, ticks, _, senders, stamps, targets, clocks, queues, _, _ = zip(*rows, strict=True)
        values: dict[str, Iterable[int]] = {
            "tick": ticks,
            "sender": map(self._places.__getitem__, senders),
            "stamp": [MISSING if stamp is None else stamp for stamp in stamps],
            "target": map(self._target_codes.__getitem__, targets),
            "clock": clocks,
            "queue": queues,
        }
        count = len(rows)
        return {name: np.fromiter(each, _TYPES[name], count) for name, each in values.items()}

    def _by_row(self, rows: Sequence[EventRow]) -> dict[str, IntArray]:
        """Return what `_by_field` does: the fastest way as machine code, row after row."""
        made = {name: np.empty(len(rows), dtype) for name, dtype in _TYPES.items()}
        ticks, senders, stamps = made["tick"], made["sender"], made["stamp"]
        targets_, clocks, queues = made["target"], made["clock"], made["queue"]
        for place, row in enumerate(rows):
            _, tick, _, sender, stamp, targets, clock, queue, _, _ = row
            ticks[place] = tick
            senders[place] = NOBODY if sender is None else self._places[sender]
            stamps[place] = MISSING if stamp is None else stamp
            targets_[place] = self._target_codes[targets] if targets else NO_TARGET
            clocks[place] = clock
            queues[place] = queue
        return made

    def trace(self, scenario: Scenario, number: int) -> tuple[Trace, list[Sequence[Message]]]:
        """Return the history of the run, and what each of its rows found, if that was kept.

        scenario: that of this run alone. number: of the run.
        """
        fields = {
            name: np.concatenate(parts) if parts else np.zeros(0, _TYPES[name])
            for name, parts in self._parts.items()
        }
        process = fields["process"]
        starts, order = process_major(process, len(self._names))
        rows = slice(None) if order is None else order  # by process; of each, in order of ticks

        def column(name: str, dtype: type[np.integer] = np.int64) -> IntArray:
            taken: IntArray = fields[name][rows].astype(dtype)
            return taken

        sender, target = column("sender", np.int32), column("target", np.int32)
        sets = _number_sets_by_row(target, self._target_codes.sets)
        kind = np.where(sender != NOBODY, RECEIVE, np.where(target != NO_TARGET, SEND, INTERNAL))
        due_ns = column("due_ns")
        numbers = range(len(kind)) if order is None else order.tolist()
        found = [] if self._found is None else [self._found[row] for row in numbers]
        columns = Columns(
            kind=kind.astype(np.uint8),
            clock=column("clock"),
            sender=sender,
            stamp=column("stamp"),
            target=target,
            queue=column("queue"),
            tick=column("tick"),
            due_ns=due_ns,
            time_ns=_times(scenario, process[rows], due_ns),
        )
        trace = Trace(
            scenario.machine_names(),
            starts,
            columns,
            peers=None if scenario.topology == "mesh" else scenario.neighbours(number),
            sets=sets,
            timestamps=self._timestamp_columns(numbers),
            arrivals=None if self._found is None else arrivals_of(found, self._target_codes.places),
            texts=self._texts(numbers),
            process_info=PlannedProcesses(scenario, number),
            scenario=scenario.to_toml(),
        )
        return trace, found

    def _timestamp_columns(self, numbers: Sequence[int]) -> Timestamps | None:
        if self._clock == LAMPORT:
            return None
        ordered = (self._timestamps[row] for row in numbers)
        return from_texts(
            self._clock, [None if each is None else each.encode() for each in ordered]
        )

    def _texts(self, numbers: Sequence[int]) -> dict[str, Sequence[str | None]]:
        if not self._recorded:
            return {}
        return {"recorded": [self._recorded.get(row) for row in numbers]}


def _number_sets_by_row(target: IntArray, sets: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Number sets of targets in the order of rows, as a reader of journals does.

    target: of each row, changed in place. sets: of which each is a target. Returns the
    sets in their new order.
    """
    is_set = target <= SET_FIRST
    numbers = SET_FIRST - target[is_set]
    order = numbers[np.sort(np.unique(numbers, return_index=True)[1])]
    new = np.empty(len(sets), target.dtype)
    new[order] = np.arange(len(order))
    target[is_set] = SET_FIRST - new[numbers]
    return [sets[number] for number in order]


class _TargetCodes(dict[tuple[str, ...], int]):
    """Targets of events, by name, as the column `target` encodes them; made when first met.

    Sets are numbered in the order in which they first occur.
    """

    def __init__(self, places: Mapping[str | None, int]) -> None:
        super().__init__({(): NO_TARGET})
        self.places = {name: place for name, place in places.items() if name is not None}
        self.sets: list[tuple[int, ...]] = []

    def __missing__(self, targets: tuple[str, ...]) -> int:
        members = tuple(sorted(self.places[name] for name in targets))
        if len(members) == 1:
            code = members[0]
        else:
            code = SET_FIRST - len(self.sets)
            self.sets.append(members)
        self[targets] = code
        return code


def trace_of_columns(
    scenario: Scenario,
    number: int,
    process: IntArray,
    events: Columns,
    peers: Sequence[Sequence[int]] | None,
) -> Trace:
    """Return the history of a run of the compiled engine.

    scenario: that of this run alone. number: of the run. process: the position
    of each event's process. events: kind, clock, sender, stamp, target, queue,
    tick and due_ns in the order of time; a target is a number among the peers
    of its sender. peers: of each process, None for a mesh.
    """
    starts, order = process_major(process, scenario.size)

    def column(values: IntArray | None, dtype: type[np.integer] = np.int64) -> IntArray:
        assert values is not None
        return (values if order is None else values[order]).astype(dtype)

    process = column(process)
    sender = column(events.sender, np.int32)
    stamp = column(events.stamp)
    stamp[sender == NOBODY] = MISSING
    due_ns = column(events.due_ns)
    columns = Columns(
        kind=column(events.kind, np.uint8),
        clock=column(events.clock),
        sender=sender,
        stamp=stamp,
        target=_positions(process, column(events.target, np.int32), peers),
        queue=column(events.queue),
        tick=column(events.tick),
        due_ns=due_ns,
        time_ns=_times(scenario, process, due_ns),
    )
    return Trace(
        scenario.machine_names(),
        starts,
        columns,
        peers=peers,
        process_info=PlannedProcesses(scenario, number),
        scenario=scenario.to_toml(),
    )


def _positions(
    process: IntArray, target: IntArray, peers: Sequence[Sequence[int]] | None
) -> IntArray:
    """Return targets, given as numbers among the peers of their senders, as positions."""
    one = np.flatnonzero(target >= 0)
    if peers is None:
        target[one] += target[one] >= process[one]
        return target
    starts = np.cumsum([0, *map(len, peers)])
    flat = np.array([peer for near in peers for peer in near], np.int32)
    target[one] = flat[starts[process[one]] + target[one]]
    return target


def _times(scenario: Scenario, process: IntArray, due_ns: IntArray) -> IntArray | None:
    """Return the readings of the machines' own clocks; None if those were right and nobody asks."""
    needed = any(scenario.offset_ms) or any(scenario.skew_ppm) or CLOCKS[scenario.clock].reads_time
    if not needed or not scenario.size:
        return None
    clocks = [scenario.physical_clock(place) for place in range(scenario.size)]
    offset = np.array([clock.offset_ns for clock in clocks], np.int64)[process]
    skew = np.array([clock.skew_ppb for clock in clocks], np.int64)[process]
    seconds, rest = due_ns // PARTS_PER_BILLION, due_ns % PARTS_PER_BILLION
    reading: IntArray = due_ns + offset + seconds * skew + rest * skew // PARTS_PER_BILLION
    return reading


class PlannedProcesses(Sequence[ProcessInfo]):
    """What a scenario says of each process, made on demand: there may be a million."""

    def __init__(self, scenario: Scenario, number: int) -> None:
        self._scenario = scenario
        self._number = number
        self._rates = scenario.rates_of(number)

    def __len__(self) -> int:
        return self._scenario.size

    @overload
    def __getitem__(self, place: int) -> ProcessInfo: ...
    @overload
    def __getitem__(self, place: slice) -> list[ProcessInfo]: ...
    def __getitem__(self, place: int | slice) -> ProcessInfo | list[ProcessInfo]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        rate = self._rates[place]
        schedule = schedule_of(self._scenario, self._number, range(len(self))[place], rate)
        return ProcessInfo(
            rate=rate,
            phase_ns=schedule.phase_ns,
            simulated=True,
            ended=True,
            process=self._scenario.process,
            from_start=True,
        )
