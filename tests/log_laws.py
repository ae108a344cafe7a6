"""The laws of logical clocks once more, event by event: what a log breaks, if anything.

Independent of the judge: it takes a log as it was read, believes every line, leaves
nothing undecided and explains nothing. So it says whether a damaged log still is one
that a right program could have written; a judge need not see damage that shows nowhere.
"""

from collections import defaultdict
from typing import NamedTuple

from driftlab.history.trace import Trace
from driftlab.model.columns import INTERNAL, MISSING, RECEIVE, SEND, UNKNOWN_KIND

Row = int


class Broken(NamedTuple):
    """A law that a log breaks, and the row of the event where it does."""

    law: str
    row: Row


class _Event(NamedTuple):
    row: Row
    process: int
    kind: int
    clock: int | None
    queue: int | None
    time: int | None
    targets: tuple[int, ...]
    sender: int | None
    stamp: int | None
    sent: int | None
    received: int | None
    vector: dict[int, int] | None


def broken_laws(trace: Trace) -> list[Broken]:
    """Return every law that the log breaks, taken as a whole log."""
    events = _events(trace)
    has_senders, has_stamps = trace.columns.sender is not None, trace.columns.stamp is not None
    found: list[Broken] = []
    sends = _sends(events)
    ids: dict[int, _Event] = {}
    for event in events:
        if event.sent is not None:
            ids.setdefault(event.sent, event)  # of several the first counts
    for process in range(trace.processes):
        own = events[trace.rows_of(process)]
        before: _Event | None = None
        for event in own:
            send = ids.get(event.received) if event.received is not None else None
            if has_senders and has_stamps and event.stamp is not None and event.sender is not None:
                send = sends.get((event.sender, event.stamp))
            found += _of_clock(event, before, send)
            found += _of_vector(event, before, send)
            found += _of_queue(event, before)
            found += _of_message(event, send, is_named=has_senders and has_stamps)
            earlier = before.time if before else None
            if event.time is not None and earlier is not None and event.time < earlier:
                found.append(Broken("time", event.row))
            before = event
    causes = {event.row: send for event in events if (send := _cause(event, ids, sends, events))}
    if trace.arrivals is None and not trace.may_overtake:
        found += _of_channels(events, causes)
    return [*found, *_of_causes(trace, events)]


def _of_clock(event: _Event, before: _Event | None, send: _Event | None) -> list[Broken]:
    if event.clock is None:
        return []
    if event.clock < 0:
        return [Broken("clock", event.row)]
    carried = event.stamp if event.stamp is not None else send.clock if send else None
    if event.kind in (INTERNAL, SEND) and event.sender is None:
        carried = None  # it received nothing
    last = before.clock if before else None
    if carried is not None:
        least = max(carried, last if last is not None else 0) + 1
        exact = last is not None or event.clock <= carried
        if (event.clock != least) if exact else (event.clock < least):
            return [Broken("clock", event.row)]
    elif last is not None:
        is_receive = event.kind not in (INTERNAL, SEND) or event.sender is not None
        if event.clock <= last or (not is_receive and event.clock != last + 1):
            return [Broken("clock", event.row)]
    return []


def _of_vector(  # noqa: C901 - one law after the other
    event: _Event, before: _Event | None, send: _Event | None
) -> list[Broken]:
    if event.vector is None:
        return []
    own = event.vector.get(event.process, 0)
    is_receive = event.kind not in (INTERNAL, SEND) or event.sender is not None
    if not before and own == 1 and len(event.vector) > 1 and not is_receive:
        return [Broken("vector ahead", event.row)]
    if before and before.vector is not None:
        if own != before.vector.get(event.process, 0) + 1:
            return [Broken("own entry", event.row)]
        if any(event.vector.get(name, 0) < entry for name, entry in before.vector.items()):
            return [Broken("vector falls", event.row)]
        others = {name: entry for name, entry in event.vector.items() if name != event.process}
        has_risen = any(entry > before.vector.get(name, 0) for name, entry in others.items())
        if has_risen and event.kind in (INTERNAL, SEND) and event.sender is None:
            return [Broken("vector rises", event.row)]
    if own < 1:
        return [Broken("own entry", event.row)]
    if send and send.vector is not None:
        if before and before.vector is not None:
            told = {name: max(before.vector.get(name, 0), send.vector.get(name, 0))
                    for name in event.vector}  # fmt: skip
            if any(
                entry > told[name] for name, entry in event.vector.items() if name != event.process
            ):
                return [Broken("vector ahead", event.row)]
        if any(event.vector.get(name, 0) < entry for name, entry in send.vector.items()):
            return [Broken("vector merge", event.row)]
    return []


def _of_queue(event: _Event, before: _Event | None) -> list[Broken]:
    if event.queue is not None and event.queue < 0:
        return [Broken("queue", event.row)]
    if not before or before.queue is None:
        return []
    is_receive = event.kind == RECEIVE or event.sender is not None  # as it says besides its kind
    if event.queue is not None and event.queue < before.queue - is_receive:
        return [Broken("queue", event.row)]
    if not is_receive and before.queue > 0 and event.kind in (INTERNAL, SEND):
        return [Broken("queue", event.row)]
    return []


def _of_message(event: _Event, send: _Event | None, *, is_named: bool) -> list[Broken]:
    names = event.received is not None or (
        is_named and event.stamp is not None and event.sender is not None
    )
    if names and send is None:
        return [Broken("no such send", event.row)]
    if send and send.targets and event.process not in send.targets:
        return [Broken("sent to another", event.row)]
    return []


def _cause(
    event: _Event,
    ids: dict[int, _Event],
    sends: dict[tuple[int, int], _Event],
    events: list[_Event],
) -> _Event | None:
    """Return the send of what an event received, if it names it, if only by a stamp."""
    if event.received is not None:
        return ids.get(event.received)
    if event.stamp is None or (event.sender is None and event.kind in (INTERNAL, SEND)):
        return None
    if event.sender is not None:
        return sends.get((event.sender, event.stamp))
    may_be = [
        each for each in events if each.clock == event.stamp and event.process in each.targets
    ]
    return may_be[0] if len(may_be) == 1 else None


def _of_channels(events: list[_Event], causes: dict[Row, _Event]) -> list[Broken]:
    """Look for messages that came twice, in another order, or never."""
    found = []
    channels: dict[tuple[int, int], list[_Event]] = defaultdict(list)
    for event in events:
        if event.row in causes:
            channels[causes[event.row].process, event.process].append(event)
    sent: dict[tuple[int, int], list[_Event]] = defaultdict(list)
    for event in events:
        for target in event.targets:
            sent[event.process, target].append(event)
    nameless = {
        event.process
        for event in events
        if event.kind == RECEIVE
        and event.sender is None
        and event.stamp is None
        and event.received is None
    }  # each may be of any message
    for (sender, to), receives in channels.items():
        rows = [causes[event.row].row for event in receives]
        for event, row, last in zip(receives[1:], rows[1:], rows, strict=False):
            if row <= last:
                found.append(Broken("fifo", event.row))
        found += [
            Broken("lost", send.row)
            for send in sent.get((sender, to), [])
            if send.row not in rows and send.row < max(rows) and to not in nameless
        ]
    return found


def _of_causes(trace: Trace, events: list[_Event]) -> list[Broken]:
    """Look for entries of others that no event could have told, or not so, where they are new."""
    found = []
    known: dict[tuple[int, int], int] = {}  # the entry of each process for each, at its last event
    numbered = {
        (event.process, event.vector.get(event.process, 0)): event
        for event in events
        if event.vector is not None
    }
    for event in events:
        if event.vector is None:
            continue
        for process, entry in event.vector.items():
            cause = numbered.get((process, entry))
            is_known = entry <= known.get((event.process, process), 0)
            known[event.process, process] = entry
            if process == event.process or is_known:
                continue
            if cause is None and _is_known_from_another(event, process, entry, events):
                continue  # by one that broke the law
            if (
                cause is None
                or cause.vector is None
                or (cause.kind == INTERNAL and not cause.targets and cause.sent is None)
            ):
                found.append(Broken("no such event", event.row))
            elif any(event.vector.get(name, 0) < least for name, least in cause.vector.items()):
                found.append(Broken("vector merge", event.row))
    return found


def _is_known_from_another(event: _Event, process: int, entry: int, events: list[_Event]) -> bool:
    """Whether an event knows one of a third process that knows as much of a process."""
    held = event.vector or {}
    return any(
        each.vector.get(process, 0) == entry
        and 0 < each.vector.get(each.process, 0) <= held.get(each.process, 0)
        for each in events
        if each.vector is not None and each.process not in (process, event.process)
    )


def _sends(events: list[_Event]) -> dict[tuple[int, int], _Event]:
    return {
        (event.process, event.clock): event
        for event in events
        if event.clock is not None and (event.kind in (SEND, UNKNOWN_KIND) or event.targets)
    }  # an event of which the log does not say what it is may be the send


def _events(trace: Trace) -> list[_Event]:
    of, held = trace.columns, trace.timestamps

    def values(column: object, none: int = MISSING) -> list[int | None]:
        if column is None:
            return [None] * len(trace)
        return [None if value == none else value for value in column.tolist()]  # type: ignore[attr-defined]

    clock, queue, time = values(of.clock), values(of.queue), values(of.time_ns)
    stamp, sent, received = values(of.stamp), values(of.sent), values(of.received)
    sender = values(of.sender, -1)
    process, kind = trace.process_column().tolist(), of.kind.tolist()
    vectors: list[dict[int, int] | None] = [None] * len(trace)
    if held is not None and held.clock == "vector":
        for row in range(len(trace)):
            begin, end = held.starts[row : row + 2].tolist()
            if end > begin:
                entries, numbers = held.entries[begin:end].tolist(), held.values[begin:end].tolist()
                vectors[row] = dict(zip(entries, numbers, strict=True))
    return [
        _Event(row, process[row], kind[row], clock[row], queue[row], time[row],
               trace.targets_of(row), sender[row], stamp[row], sent[row], received[row],
               vectors[row])
        for row in range(len(trace))
    ]  # fmt: skip
