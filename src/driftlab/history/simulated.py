"""The history of a simulated run, from what its engine kept."""

from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np

from driftlab.clocks.physical_clock import PARTS_PER_BILLION
from driftlab.history.trace import ProcessInfo, Trace
from driftlab.model.columns import (
    KINDS,
    MISSING,
    NO_TARGET,
    NOBODY,
    SET_FIRST,
    Array,
    Columns,
    from_texts,
    process_major,
)
from driftlab.model.event import Event
from driftlab.model.payload import payload_text
from driftlab.scenario.plan import schedule_of
from driftlab.scenario.scenario import Scenario

Row = tuple[int, int, Event]  # when it was due, the position of the process, the event


def trace_of(scenario: Scenario, number: int, rows: Sequence[Row]) -> Trace:
    """Return the history of a run of the general engine: all its events, as they happened."""
    roster = scenario.machine_names()
    places = {name: place for place, name in enumerate(roster)}
    rows = sorted(rows, key=lambda row: (row[1], row[2].tick))
    events = [event for _, _, event in rows]
    process = np.array([place for _, place, _ in rows], np.int64)
    starts, _ = process_major(process, len(roster))
    due_ns = np.array([due for due, _, _ in rows], np.int64)
    sets: dict[tuple[int, ...], int] = {}
    columns = Columns(
        kind=np.array([KINDS.index(event.kind) for event in events], np.uint8),
        clock=np.array([event.clock for event in events], np.int64),
        sender=np.array([places[e.sender] if e.sender else NOBODY for e in events], np.int32),
        stamp=np.array([MISSING if e.stamp is None else e.stamp for e in events], np.int64),
        target=np.array([_target(event, places, sets) for event in events], np.int32),
        queue=np.array([event.queue for event in events], np.int64),
        tick=np.array([event.tick for event in events], np.int64),
        due_ns=due_ns,
        time_ns=_times(scenario, process, due_ns),
    )
    texts = {}
    if any(event.recorded for event in events):
        texts["recorded"] = [payload_text(list(e.recorded)) if e.recorded else None for e in events]
    stamps = None
    if scenario.clock != "lamport":
        held = [None if e.timestamp is None else e.timestamp.encode() for e in events]
        stamps = from_texts(scenario.clock, held)
    return Trace(
        roster,
        starts,
        columns,
        peers=None if scenario.topology == "mesh" else scenario.neighbours(number),
        sets=list(sets),
        timestamps=stamps,
        texts=texts,
        process_info=PlannedProcesses(scenario, number),
        scenario=scenario.to_toml(),
    )


def _target(event: Event, places: Mapping[str, int], sets: dict[tuple[int, ...], int]) -> int:
    """Return whom an event sends to, as the column `target` has it."""
    if not event.targets:
        return NO_TARGET
    if len(event.targets) == 1:
        return places[event.targets[0]]
    members = tuple(sorted(places[name] for name in event.targets))
    return SET_FIRST - sets.setdefault(members, len(sets))


def trace_of_columns(
    scenario: Scenario, number: int, held: Any, peers: Sequence[Sequence[int]] | None
) -> Trace:
    """Return the history that the compiled engine kept; its rows are in the order of time."""
    process = held.process
    starts, order = process_major(process, scenario.size)

    def column(values: Array, kind: Any = np.int64) -> Array:
        return (values if order is None else values[order]).astype(kind)

    process = column(process, np.int64)
    sender = column(held.sender, np.int32)
    stamp = column(held.stamp)
    stamp[sender == NOBODY] = MISSING
    due_ns = column(held.due_ns)
    columns = Columns(
        kind=column(held.kind, np.uint8),
        clock=column(held.clock),
        sender=sender,
        stamp=stamp,
        target=_positions(process, column(held.target, np.int32), peers),
        queue=column(held.queue),
        tick=column(held.tick),
        due_ns=due_ns,
        time_ns=_times(scenario, process, due_ns),
    )
    authors = PlannedProcesses(scenario, number)
    roster = scenario.machine_names()
    return Trace(
        roster, starts, columns, peers=peers, process_info=authors, scenario=scenario.to_toml()
    )


def _positions(process: Array, target: Array, peers: Sequence[Sequence[int]] | None) -> Array:
    """Turn the index of a target among its sender's peers into its position."""
    one = np.flatnonzero(target >= 0)
    if peers is None:
        target[one] += target[one] >= process[one]
        return target
    starts = np.cumsum([0, *map(len, peers)])
    flat = np.array([peer for near in peers for peer in near], np.int32)
    target[one] = flat[starts[process[one]] + target[one]]
    return target


def _times(scenario: Scenario, process: Array, due_ns: Array) -> Array | None:
    """Return what the machines' own clocks showed; None where those were right."""
    clocks = [scenario.physical_clock(place) for place in _wrong(scenario)]
    if not clocks:
        return None
    offset = np.array([clock.offset_ns for clock in clocks], np.int64)[process]
    skew = np.array([clock.skew_ppb for clock in clocks], np.int64)[process]
    seconds, rest = np.divmod(due_ns, PARTS_PER_BILLION)
    return due_ns + offset + seconds * skew + rest * skew // PARTS_PER_BILLION


def _wrong(scenario: Scenario) -> range:
    is_needed = any(scenario.offset_ms) or any(scenario.skew_ppm) or scenario.clock == "hybrid"
    return range(scenario.size if is_needed else 0)


class PlannedProcesses(Sequence[ProcessInfo]):
    """What a scenario says of each process; a million are not written out."""

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
