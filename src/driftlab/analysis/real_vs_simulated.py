"""A real run beside its simulation: the same random numbers, so where they diverge, and why.

They diverge where the world put a message on the other side of a tick: it was
found at one tick in the real run and at another one in the simulation. From
there on the clocks, and everything that follows from them, may differ. Only the
first divergence of each machine is reported, because later ones may follow from
it; of all machines, the one that comes first in time may have caused the others.

Both runs are compared column by column, without the timestamps of a further
clock: they follow from the rest, or from the time of day.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from driftlab.arrays import IntArray
from driftlab.clocks.catalogue import timestamp_decoder
from driftlab.history.trace import Trace
from driftlab.model.columns import KINDS, MISSING, SET_FIRST, Arrivals, Columns, text_at
from driftlab.model.event import Event, Kind, Message, parse_payload

_COMPARED = ("kind", "clock", "sender", "stamp", "queue", "tick")

Found = Sequence[Sequence[Message]]  # of each row, the messages that its tick found


class Divergence(NamedTuple):
    """Where the two runs of one machine diverge.

    tick: its number. due_ns: when it was due, nanoseconds after the start.
    real, simulated: what the machine did there.
    message: the first message, by sender and stamp, that was found at this
    tick in one run only; real_tick, simulated_tick: when each run found it,
    None if never. All three are None if both found the same messages;
    found_alike: whether in the same order, too.
    """

    machine: str
    tick: int
    due_ns: int
    real: Event
    simulated: Event
    message: tuple[str, int] | None
    real_tick: int | None
    simulated_tick: int | None
    found_alike: bool


class MachineTwin(NamedTuple):
    """One machine in both worlds.

    events: of the real run. compared: those before the first tick that is missing
    in its journal; later ones cannot be compared. same: how many from the start
    are the same in the simulation. divergence: where they stop being the same,
    None if nowhere before the missing tick.
    """

    machine: str
    events: int
    compared: int
    same: int
    divergence: Divergence | None


def compare_with_simulation(
    real: Trace,
    simulated: Trace,
    processes: Sequence[int],
    found: tuple[Found, Found] | None = None,
) -> list[MachineTwin]:
    """Compare a real run with its simulation, machine by machine.

    real, simulated: with arrivals, and the same processes. processes:
    positions of those to be compared. found: what the rows of both found, to
    compare payloads too; None if there are none.
    """
    targets = _comparable_targets(real, simulated)
    return [_compare_machine(real, simulated, process, targets, found) for process in processes]


def first_divergence(twins: Sequence[MachineTwin]) -> Divergence | None:
    """Return the divergence that comes first in time: the others may follow from it."""
    found = [each.divergence for each in twins if each.divergence is not None]
    return min(found, key=lambda divergence: divergence.due_ns, default=None)


def _comparable_targets(real: Trace, simulated: Trace) -> tuple[IntArray, IntArray]:
    """Return the targets of both runs, whose sets have the same numbers."""
    numbers: dict[tuple[int, ...], int] = {}
    columns = []
    for trace in (real, simulated):
        target = _column(trace.columns, "target").copy()
        codes = [
            SET_FIRST - numbers.setdefault(tuple(members), len(numbers)) for members in trace.sets
        ]
        rows = np.flatnonzero(target <= SET_FIRST)
        target[rows] = np.array(codes, target.dtype)[SET_FIRST - target[rows]]
        columns.append(target)
    return columns[0], columns[1]


def _column(columns: Columns, name: str) -> IntArray:
    column: IntArray | None = getattr(columns, name)
    assert column is not None
    return column


def _compare_machine(
    real: Trace,
    simulated: Trace,
    process: int,
    targets: tuple[IntArray, IntArray],
    found: tuple[Found, Found] | None,
) -> MachineTwin:
    mine, twins = real.rows_of(process), simulated.rows_of(process)
    machine, events = real.names[process], mine.stop - mine.start
    ticks = _column(real.columns, "tick")[mine]
    both = min(_first_unequal(ticks, np.arange(events)), twins.stop - twins.start)
    one, other = (slice(rows.start, rows.start + both) for rows in (mine, twins))
    pairs = [(_column(real.columns, name), _column(simulated.columns, name)) for name in _COMPARED]
    same = min(
        both,
        *(_first_unequal(left[one], right[other]) for left, right in [*pairs, targets]),
        _first_unequal_text(_recorded(real, one), _recorded(simulated, other)),
        _first_unequal_arrivals(
            _arrivals(real), one.start, _arrivals(simulated), other.start, both
        ),
    )
    if found is not None:
        payloads = ([_payloads(each) for each in part] for part in (found[0][one], found[1][other]))
        same = min(same, _first_unequal_text(*payloads))
    if same == both:
        return MachineTwin(machine, events, both, same, None)
    divergence = _divergence(real, mine, simulated, twins, same)
    return MachineTwin(machine, events, both, same, divergence)


def _first_unequal(one: IntArray, other: IntArray) -> int:
    """Return the first place at which two columns of one length differ, else the length."""
    different = one != other
    return int(different.argmax()) if different.any() else len(one)


def _first_unequal_text(one: Sequence[object], other: Sequence[object]) -> int:
    pairs = enumerate(zip(one, other, strict=True))
    return next((place for place, (left, right) in pairs if left != right), len(one))


def _first_unequal_arrivals(
    one: Arrivals, row: int, other: Arrivals, other_row: int, rows: int
) -> int:
    """Return the first of `rows` rows that found other messages, or in another order."""
    counts = [np.diff(each.starts[at : at + rows + 1])
              for each, at in ((one, row), (other, other_row))]  # fmt: skip
    rows = _first_unequal(counts[0], counts[1])
    begin, end = int(one.starts[row]), int(one.starts[row + rows])
    shift = int(other.starts[other_row]) - begin
    place = min(
        _first_unequal(left[begin:end], right[begin + shift : end + shift])
        for left, right in ((one.sender, other.sender), (one.stamp, other.stamp))
    )
    if begin + place == end:
        return rows
    return int(one.starts.searchsorted(begin + place, side="right")) - 1 - row


def _arrivals(trace: Trace) -> Arrivals:
    assert trace.arrivals is not None
    return trace.arrivals


def _recorded(trace: Trace, rows: slice) -> Sequence[str | None]:
    texts = trace.texts.get("recorded")
    return [None] * (rows.stop - rows.start) if texts is None else texts[rows]


def _payloads(messages: Sequence[Message]) -> list[object]:
    return [message.payload for message in messages]


def _divergence(real: Trace, mine: slice, simulated: Trace, twins: slice, tick: int) -> Divergence:
    row, twin_row = mine.start + tick, twins.start + tick
    ours, theirs = _found_at(real, row), _found_at(simulated, twin_row)
    only = [each for each in ours if each not in theirs]
    only += [each for each in theirs if each not in ours]
    message = only[0] if only else None
    return Divergence(
        real.place(row)[0],
        tick,
        int(_column(simulated.columns, "due_ns")[twin_row]),
        _event(real, row),
        _event(simulated, twin_row),
        message,
        None if message is None else _tick_of(message, real, mine),
        None if message is None else _tick_of(message, simulated, twins),
        ours == theirs,
    )


def _found_at(trace: Trace, row: int) -> list[tuple[str, int]]:
    """Return the sender and the stamp of each message that an event found."""
    starts, sender, stamp = _arrivals(trace)
    part = slice(int(starts[row]), int(starts[row + 1]))
    names = [trace.names[place] for place in sender[part].tolist()]
    return list(zip(names, stamp[part].tolist(), strict=True))


def _tick_of(message: tuple[str, int], trace: Trace, rows: slice) -> int | None:
    """Return the number of the first event of a process that found a message, None if none did."""
    starts, sender, stamp = _arrivals(trace)
    begin, end = int(starts[rows.start]), int(starts[rows.stop])
    name, clock = message
    is_it = (sender[begin:end] == list(trace.names).index(name)) & (stamp[begin:end] == clock)
    if not is_it.any():
        return None
    place = begin + int(is_it.argmax())
    return int(starts.searchsorted(place, side="right")) - 1 - int(rows.start)


def _event(trace: Trace, row: int) -> Event:
    """Return an event as a value."""
    columns, names = trace.columns, trace.names
    process, sender = trace.place(row)[0], int(_column(columns, "sender")[row])
    stamp = int(_column(columns, "stamp")[row])
    timestamp = None
    if trace.timestamps is not None:
        places = {name: place for place, name in enumerate(names)}
        decode = timestamp_decoder(trace.timestamps.clock, places, len(names))
        text = text_at(trace.timestamps, row, len(names))
        timestamp = None if decode is None or text is None else decode(process, text)
    (recorded,) = _recorded(trace, slice(row, row + 1))
    return Event(
        process,
        int(_column(columns, "tick")[row]),
        Kind(KINDS[int(columns.kind[row])]),
        None if sender < 0 else names[sender],
        None if stamp == MISSING else stamp,
        tuple(names[target] for target in trace.targets_of(row)),
        int(_column(columns, "clock")[row]),
        int(_column(columns, "queue")[row]),
        timestamp,
        () if recorded is None else tuple(parse_payload(recorded)),
    )
