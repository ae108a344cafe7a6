"""Logs of a few events, written down by hand, and their events by name: `A0`, `B2`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from driftlab.arrays import IntArray
from driftlab.history.matching.messages import NOTHING, UNMATCHED, Messages
from driftlab.history.trace import ProcessInfo, Trace
from driftlab.model.columns import (
    EVERY_PEER,
    INTERNAL,
    MISSING,
    NO_TARGET,
    NOBODY,
    RECEIVE,
    SEND,
    SET_FIRST,
    Arrivals,
    Columns,
    starts_of,
)

Name = tuple[str, int]  # of a message: its sender and its stamp


class Event(NamedTuple):
    """An event as a log has it. `targets`: names in rising order, or ("*",) for all peers."""

    clock: int = MISSING
    kind: int = INTERNAL
    targets: tuple[str, ...] = ()
    sender: str = ""
    stamp: int = MISSING
    sent: int = MISSING
    received: int = MISSING
    arrivals: tuple[Name, ...] = ()


def step(clock: int, *arrivals: Name) -> Event:
    """An internal event, whose tick found some messages."""
    return Event(clock, arrivals=arrivals)


def send(clock: int, *targets: str, sent: int = MISSING) -> Event:
    return Event(clock, SEND, targets, sent=sent)


def receive(clock: int, sender: str, stamp: int, *arrivals: Name, received: int = MISSING) -> Event:
    return Event(clock, RECEIVE, (), sender, stamp, received=received, arrivals=arrivals)


def log(
    processes: Mapping[str, Sequence[Event]],
    *,
    gaps: Iterable[str] = (),
    from_start: bool | None = True,
    peers: Sequence[Sequence[int]] | None = None,
    without: Sequence[str] = (),
) -> Trace:
    """Return the trace of a log.

    gaps: events before which events are missing. from_start: whether the log begins
    with each process's first event; None if it does not say. without: columns
    that the log does not have, or `arrivals`.
    """
    names = list(processes)
    places = {name: place for place, name in enumerate(names)}
    events = [event for own in processes.values() for event in own]
    sets: dict[tuple[int, ...], int] = {}

    def target(event: Event) -> int:
        if event.targets == ("*",):
            return EVERY_PEER
        to = tuple(places[name] for name in event.targets)
        if len(to) < 2:
            return to[0] if to else NO_TARGET
        return SET_FIRST - sets.setdefault(to, len(sets))

    columns = Columns(
        kind=np.array([event.kind for event in events], np.uint8),
        clock=np.array([event.clock for event in events], np.int64),
        sender=np.array([places.get(event.sender, NOBODY) for event in events], np.int32),
        stamp=np.array([event.stamp for event in events], np.int64),
        target=np.array([target(event) for event in events], np.int32),
        sent=np.array([event.sent for event in events], np.int64),
        received=np.array([event.received for event in events], np.int64),
    )
    if all(event.sent == event.received == MISSING for event in events):
        without = [*without, "sent", "received"]
    missing: dict[str, Any] = {name: None for name in without if name != "arrivals"}
    columns = columns._replace(**missing)
    arrivals = [arrival for event in events for arrival in event.arrivals]
    trace = Trace(
        names,
        starts_of([len(own) for own in processes.values()]),
        columns,
        peers=peers,
        sets=list(sets),
        arrivals=None if "arrivals" in without else Arrivals(
            starts_of([len(event.arrivals) for event in events]),
            np.array([places[sender] for sender, _ in arrivals], np.int32),
            np.array([stamp for _, stamp in arrivals], np.int64),
        ),
        process_info=[
            ProcessInfo(from_start=from_start) for _ in names if from_start is not None
        ],
    )  # fmt: skip
    trace.gaps = np.array(sorted(row_of(trace, name) for name in gaps), np.int64)
    return trace


def row_of(trace: Trace, name: str) -> int:
    """Return the row of an event by its name."""
    return int(trace.starts[list(trace.names).index(name[0])]) + int(name[1:])


def names_of(trace: Trace, rows: IntArray) -> list[str]:
    """Return the names of some rows."""
    return ["{}{}".format(*trace.place(row)) for row in rows.tolist()]


def sources_of(trace: Trace, messages: Messages) -> dict[str, str]:
    """Return the send of each event that received a message, `?` where it is UNMATCHED."""
    known = {UNMATCHED: "?"}
    return {
        "{}{}".format(*trace.place(row)): known.get(source) or "{}{}".format(*trace.place(source))
        for row, source in enumerate(messages.source.tolist())
        if source != NOTHING
    }
