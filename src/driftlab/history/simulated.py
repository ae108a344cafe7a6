"""The history of a simulated run, from what its engine kept."""

from collections.abc import Sequence
from typing import overload

import numpy as np

from driftlab.arrays import IntArray
from driftlab.clocks.catalogue import CLOCKS
from driftlab.history.trace import ProcessInfo, Trace
from driftlab.journal.journal_columns import arrivals_of, columns_of_events
from driftlab.model.columns import MISSING, NOBODY, Columns, process_major
from driftlab.model.event import Event, Message
from driftlab.model.schedule import PARTS_PER_BILLION
from driftlab.scenario.plan import schedule_of
from driftlab.scenario.scenario import Scenario

# When its tick was due (ns after the start), the position of its process, the
# event, and the messages that its tick found.
SimulatedEvent = tuple[int, int, Event, Sequence[Message]]


def in_process_order(simulated: Sequence[SimulatedEvent]) -> list[SimulatedEvent]:
    """Return the events of a run in the order of the rows of its trace."""
    return sorted(simulated, key=lambda each: (each[1], each[2].tick))


def trace_of(
    scenario: Scenario,
    number: int,
    simulated: Sequence[SimulatedEvent],
    *,
    with_arrivals: bool = False,
) -> Trace:
    """Return the history of a run of the general engine.

    scenario: that of this run alone. number: of the run. simulated: all events
    of the run, in any order. with_arrivals: whether the trace has what each
    tick found.
    """
    names = scenario.machine_names()
    places = {name: place for place, name in enumerate(names)}
    ordered = in_process_order(simulated)
    process = np.array([place for _, place, _, _ in ordered], np.int64)
    starts, _ = process_major(process, len(names))
    due_ns = np.array([due for due, _, _, _ in ordered], np.int64)
    rows = columns_of_events([event for _, _, event, _ in ordered], places, scenario.clock)
    arrivals = None
    if with_arrivals:
        arrivals = arrivals_of([found for _, _, _, found in ordered], places)
    return Trace(
        names,
        starts,
        rows.columns._replace(due_ns=due_ns, time_ns=_times(scenario, process, due_ns)),
        peers=None if scenario.topology == "mesh" else scenario.neighbours(number),
        sets=rows.sets,
        timestamps=rows.timestamps,
        arrivals=arrivals,
        texts={} if rows.recorded is None else {"recorded": rows.recorded},
        process_info=PlannedProcesses(scenario, number),
        scenario=scenario.to_toml(),
    )


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
