"""The history of a run of the general engine: its events, put into columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from driftlab.event import Event
from driftlab.payload import payload_text
from driftlab.scenario import Scenario
from driftlab.trace.history import EVERY_PEER, KINDS, NO_TARGET, NOBODY, Columns, History

Row = tuple[int, int, Event]  # when it was due, the position of the process, the event


def history_of(scenario: Scenario, number: int, rows: Sequence[Row]) -> History:
    """Return the history that all events make, in the order in which they happened."""
    roster = scenario.roster()
    places = {name: place for place, name in enumerate(roster)}
    near = scenario.neighbours(number)
    events = [event for _, _, event in rows]
    columns = Columns(
        np.array([due_ns for due_ns, _, _ in rows], np.int64),
        np.array([place for _, place, _ in rows], np.uint32),
        np.array([event.tick for event in events], np.int64),
        np.array([KINDS.index(event.kind) for event in events], np.uint8),
        np.array([places[e.sender] if e.sender else NOBODY for e in events], np.int32),
        np.array([event.stamp or 0 for event in events], np.int64),
        np.array([_target(e, near[place], places) for _, place, e in rows], np.int32),
        np.array([event.clock for event in events], np.int64),
        np.array([event.queue for event in events], np.int64),
    )
    return History(columns, roster, near, _extra(events))


def _target(event: Event, near: Sequence[int], places: Mapping[str, int]) -> int:
    """Return whom an event sends to, as the column `target` has it; the first of some."""
    if not event.targets:
        return NO_TARGET
    return EVERY_PEER if len(event.targets) > 1 else near.index(places[event.targets[0]])


def _extra(events: Sequence[Event]) -> dict[str, Any]:
    extra: dict[str, Any] = {"targets": [list(event.targets) for event in events]}
    if any(event.timestamp is not None for event in events):
        extra["timestamp"] = [event.timestamp and event.timestamp.encode() for event in events]
    if any(event.recorded for event in events):
        extra["recorded"] = [payload_text(list(e.recorded)) if e.recorded else None for e in events]
    return extra
