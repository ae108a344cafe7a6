"""How far the machines' physical clocks are off, bounded by the messages alone.

The model: every clock is a straight line over the reference machine's, with an
offset and a skew. A message that left when its sender's clock showed u and had
arrived when its receiver's showed v says that u on the one clock was not after v
on the other. Nothing else is taken from it, in particular no latency. If the log
records what each tick found in its sockets, v is the reading of that tick; else
it is that of the receive, before which the message may have waited for long.

Of a channel's messages only a few matter. A line over all points (u, v) of a
channel is above or below all of them exactly if it is so at the vertices of their
convex hull (Duda, Harrus, Haddad and Bernard, "Estimating global time in
distributed systems", ICDCS 1987; Moon, Skelly and Towsley, "Estimation and
removal of clock skew from network delay measurements", INFOCOM 1999, who also
state it as a linear program; Zhang, Liu and Xia, "Clock synchronization
algorithms for network measurements", INFOCOM 2002).

With one line x = a + b·reading a machine for one common time x, a message from
machine i at u to machine j at v says a_i + b_i·u <= a_j + b_j·v. That is linear,
so the messages of all machines together, those by way of third machines too,
bound every offset and skew by linear programs. The common time is the clock of
the machine in question, so that its offset and skew are linear in the reference's
a and b.

The promise: if clocks are straight lines, offset and skew lie within the bounds,
whatever the latencies were (proved in fractions, see `linear_program`). Messages
of one direction bound one side only. Within the bounds the messages say nothing:
the estimate is the middle of the extreme points, and right where latencies are
the same both ways. Messages that no straight lines allow are named.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor, inf, nextafter
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.analysis.linear_program import Constraint, LinearProgram
from driftlab.analysis.restamp import physical_times_ns
from driftlab.arrays import FloatArray, IntArray
from driftlab.history.matching.arrivals import match_arrivals
from driftlab.history.matching.messages import Messages
from driftlab.history.trace import Trace
from driftlab.model.schedule import PARTS_PER_BILLION, as_fraction
from driftlab.scenario.scenario import Scenario

MACHINES_JOINTLY_MAX: Final = 16  # in one linear program; of more, those nearest to the two
MACHINES_BETWEEN_MAX: Final = 48  # on the way between two, both counted; beyond, no others count
READING_NS: Final = 1  # a clock's reading is rounded down to whole nanoseconds
SOCKET_CHECK_DELAY_NS: Final = 1_000_000  # at most, from a real machine's reading to its sockets
PPM: Final = 1_000_000

EventId = tuple[str, int]  # the name of the process, and the event's number there, from 0


# The result


class Bounds(NamedTuple):
    """The least and the greatest value possible, and an estimate; None where there is no bound."""

    low: float | None
    high: float | None
    estimate: float | None


class OffsetAndSkew(NamedTuple):
    """An offset at the start, ns, and a skew, ppm, over the reference machine's clock."""

    offset_ns: float
    skew_ppm: float


class MachineOffset(NamedTuple):
    """One machine's clock over the reference's.

    offset_ns: at the start, ns. skew_ppm: parts per million that it gains.
    truth: what the scenario has set, None without one.
    contradiction: messages that no straight lines allow together, each as its send
    and the event that found it; empty where all are possible.
    equal_rates_ns: the offset at the start, ns, if all clocks run at one rate; None where the
    messages bound offset and skew without that, or allow no equal rates.
    """

    name: str
    offset_ns: Bounds
    skew_ppm: Bounds
    truth: OffsetAndSkew | None
    contradiction: tuple[tuple[EventId, EventId], ...]
    equal_rates_ns: Bounds | None = None

    @property
    def error(self) -> OffsetAndSkew | None:
        """The estimates minus the truth; None where either is not known."""
        if self.truth is None or self.offset_ns.estimate is None or self.skew_ppm.estimate is None:
            return None
        return OffsetAndSkew(
            self.offset_ns.estimate - self.truth.offset_ns,
            self.skew_ppm.estimate - self.truth.skew_ppm,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the names of the JSON interface; of no equal rates, nothing."""
        even = self.equal_rates_ns
        return {
            "name": self.name,
            "offset_ns": self.offset_ns._asdict(),
            "skew_ppm": self.skew_ppm._asdict(),
            "truth": None if self.truth is None else self.truth._asdict(),
            "error": None if self.error is None else self.error._asdict(),
            "contradiction": [
                {"send": list(send), "found": list(found)} for send, found in self.contradiction
            ],
            **({} if even is None else {"equal_rates_ns": even._asdict()}),
        }


class Offsets(NamedTuple):
    """All machines' clocks over the reference's.

    reference: the first machine that has events.
    start_ns: what its clock showed at the start, where the offsets hold, ns.
    messages: how many messages between machines were looked at.
    corners: how many of them are vertices of a channel's hull, and so decide.
    by_arrival: whether the log records when messages arrived, not only when they
    were received.
    looking_ns: how much later than its clock a machine may have checked its
    sockets, ns; every bound allows for it.
    """

    reference: str
    start_ns: int
    messages: int
    corners: int
    by_arrival: bool
    looking_ns: int
    machines: tuple[MachineOffset, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the names of the JSON interface."""
        return {**self._asdict(), "machines": [each.to_dict() for each in self.machines]}


# What single messages say


class ClockBound(NamedTuple):
    """A message that bounds two clocks: `sent_ns` on one was not after `arrived_ns` on the other.

    sender, receiver: positions of the machines. send, arrival: rows of the send and
    of the event that found the message.
    sent_ns: the least that the sender's clock can have shown. arrived_ns: the most
    that the receiver's can.
    """

    sender: int
    receiver: int
    send: int
    arrival: int
    sent_ns: int
    arrived_ns: int


class ClockBounds(NamedTuple):
    """The messages of a history that decide; the other fields are those of `Offsets`."""

    bounds: Sequence[ClockBound]
    messages: int
    by_arrival: bool
    looking_ns: int


def clock_bounds(trace: Trace, messages: Messages, times_ns: IntArray) -> ClockBounds:
    """Return the messages that decide, channel by channel.

    times_ns i8: what each process's physical clock showed at each event, ns.
    """
    send, arrival, by_arrival = _message_ends(trace, messages)
    delay_ns = _socket_check_delay_ns(trace)
    process = trace.process_column()
    sender, receiver = process[send].astype(np.int64), process[arrival].astype(np.int64)
    between = np.flatnonzero(sender != receiver)
    channel = sender * trace.processes + receiver
    order = between[np.argsort(channel[between], kind="stable")]
    ends = np.flatnonzero(np.diff(channel[order])) + 1
    sent_ns, arrived_ns = times_ns[send], times_ns[arrival] + (READING_NS + delay_ns)
    bounds: list[ClockBound] = []
    for each in np.split(order, ends) if len(order) else ():
        vertices = each[lower_hull(sent_ns[each], arrived_ns[each])]
        columns = (sender, receiver, send, arrival, sent_ns, arrived_ns)
        bounds += map(ClockBound, *(column[vertices].tolist() for column in columns))
    names = send[between] * trace.processes + receiver[between]
    return ClockBounds(bounds, len(np.unique(names)), by_arrival, delay_ns)


def _message_ends(trace: Trace, messages: Messages) -> tuple[IntArray, IntArray, bool]:
    """Return rows of sends and of the events by which their messages had arrived.

    A message stands there once for its receive and once for its arrival, if the log
    records arrivals; the last value says whether it does.
    """
    receives = messages.receives
    send = np.concatenate([messages.source[receives], messages.extra_sends])
    event = np.concatenate([receives, messages.extra_receives])
    arrivals = trace.arrivals
    if arrivals is None or not len(arrivals.sender):
        return send, event, False
    sources = match_arrivals(trace, messages).source
    known = np.flatnonzero(sources >= 0)
    found_by = np.repeat(np.arange(len(trace)), np.diff(arrivals.starts))
    return (
        np.concatenate([send, sources[known]]),
        np.concatenate([event, found_by[known]]),
        True,
    )


def _socket_check_delay_ns(trace: Trace) -> int:
    """Return how much later than its reading an event may have found a message, ns."""
    return SOCKET_CHECK_DELAY_NS if is_real_run(trace) and trace.arrivals is not None else 0


def is_real_run(trace: Trace) -> bool:
    """Whether real machines wrote the log: it has journals, and their time was not simulated."""
    return len(trace.process_info) > 0 and not any(each.simulated for each in trace.process_info)


def lower_hull(sent_ns: IntArray, arrived_ns: IntArray) -> IntArray:
    """Return the positions of the lower right vertices of the convex hull, from left to right.

    These decide for all lines that rise and have every point (sent, arrived) above
    them. Found by divide and conquer (quickhull, Eddy 1977). A vertex that rounding
    hides is left out, which widens the bounds by no more than the rounding.

    sent_ns, arrived_ns: the coordinates of one point or more, ns, i8, each by its own clock.
    """
    x, y = (
        (each - int(each.min())).astype(float) for each in (sent_ns, arrived_ns)
    )  # differences are exact in a float where times since 1970 are not
    order = np.lexsort((y, -x))  # from the last sent to the first
    lowest = np.minimum.accumulate(y[order])
    is_lower = np.ones(len(order), bool)
    is_lower[1:] = lowest[1:] < lowest[:-1]
    order = order[is_lower][::-1]  # now both coordinates rise
    x, y = x[order], y[order]
    vertices, edges = {0, len(order) - 1}, [(0, len(order) - 1)]
    while edges:
        begin, end = edges.pop()
        if end - begin < 2:
            continue
        below = _below_edge(x, y, begin, end)
        if below.max() > 0:
            middle = begin + 1 + int(below.argmax())
            vertices.add(middle)
            edges += [(begin, middle), (middle, end)]
    return order[sorted(vertices)]


def _below_edge(x: FloatArray, y: FloatArray, begin: int, end: int) -> FloatArray:
    """Return how far the points between two others are below their line, times its length."""
    inner = slice(begin + 1, end)
    return np.asarray(
        (x[inner] - x[begin]) * (y[end] - y[begin]) - (y[inner] - y[begin]) * (x[end] - x[begin])
    )


# All machines


class _Reference(NamedTuple):
    """The machine that all others are compared with.

    position: of the machine. start_ns: the reading of its clock that counts as the start.
    start_true_ns: the true time after the start at which its clock showed that; more or
    less than 0 by what the clock gained up to its first event.
    """

    position: int
    start_ns: int
    start_true_ns: Fraction


def estimate_offsets(trace: Trace, messages: Messages) -> Offsets:
    """Return bounds of every machine's offset and skew, and estimates.

    Raise RestampError if an event has no physical time.
    """
    times_ns = physical_times_ns(trace)
    found = clock_bounds(trace, messages, times_ns)
    reference = _reference(trace, times_ns)
    truths = _true_clocks(trace, reference)
    first_ns = _first_readings(trace, times_ns)
    machines = [
        _bound_machine(trace, found.bounds, first_ns, reference, machine, truths[machine])
        for machine in range(trace.processes)
    ]
    return Offsets(
        trace.names[reference.position],
        reference.start_ns,
        found.messages,
        len(found.bounds),
        found.by_arrival,
        found.looking_ns,
        tuple(machines),
    )


def _first_readings(trace: Trace, times_ns: IntArray) -> list[int]:
    """Return each machine's clock at its first event, ns: readings are small from there on."""
    starts = trace.starts.tolist()
    return [int(times_ns[begin]) if begin < end else 0 for begin, end in pairwise(starts)]


def _reference(trace: Trace, times_ns: IntArray) -> _Reference:
    """Return the first machine with events, and its clock at the start.

    That is its reading at its first event less the time that had passed since the
    start of the run, if the log has due times.
    """
    with_events = np.flatnonzero(np.diff(trace.starts))
    if not len(with_events):
        return _Reference(0, 0, Fraction(0))
    position = int(with_events[0])
    columns, row = trace.columns, int(trace.starts[position])
    first_ns = int(times_ns[row])
    if columns.due_ns is None:
        return _Reference(position, first_ns, Fraction(0))
    late_ns = 0 if columns.late_ns is None else int(columns.late_ns[row])
    elapsed_ns = int(columns.due_ns[row]) + late_ns
    skew = Fraction(0)
    if trace.scenario is not None:
        clock = Scenario.from_toml(trace.scenario).physical_clock(position)
        skew = Fraction(clock.skew_ppb, PARTS_PER_BILLION)
    return _Reference(position, first_ns - elapsed_ns, elapsed_ns - elapsed_ns / (1 + skew))


def _true_clocks(trace: Trace, reference: _Reference) -> Sequence[OffsetAndSkew | None]:
    """Return what the scenario has set for each machine, as the reference's clock sees it."""
    if trace.scenario is None:
        return [None] * trace.processes
    scenario = Scenario.from_toml(trace.scenario)
    speed = as_fraction(scenario.speed) if is_real_run(trace) else Fraction(1)
    clocks = [scenario.physical_clock(machine) for machine in range(trace.processes)]
    first = clocks[reference.position]
    truths = []
    for clock in clocks:
        gained = Fraction(clock.skew_ppb - first.skew_ppb, PARTS_PER_BILLION)
        offset_ns = (
            clock.offset_ns // speed - first.offset_ns // speed + gained * reference.start_true_ns
        )
        skew = gained / (1 + Fraction(first.skew_ppb, PARTS_PER_BILLION))
        truths.append(OffsetAndSkew(float(offset_ns), float(skew * PPM)))
    return truths


def _bound_machine(
    trace: Trace,
    bounds: Sequence[ClockBound],
    first_ns: Sequence[int],
    reference: _Reference,
    machine: int,
    truth: OffsetAndSkew | None,
) -> MachineOffset:
    """Return the bounds of one machine's clock.

    bounds: all messages that decide. first_ns: each machine's clock at its first event.
    """
    if machine == reference.position:
        return MachineOffset(trace.names[machine], Bounds(0, 0, 0), Bounds(0, 0, 0), truth, ())
    machines = _nearest(bounds, reference.position, machine)
    used = [each for each in bounds if each.sender in machines and each.receiver in machines]
    program = _linear_program(used, machines, first_ns, machine)
    # The machine's clock when the reference showed `start_ns` is a + b·at, and b its rate.
    at = reference.start_ns - first_ns[reference.position]
    least, most, slowest, fastest = (
        program.minimise({key: sign * factor for key, factor in function.items() if factor})
        for function in ({0: 1, 1: at}, {1: 1})
        for sign in (1, -1)
    )
    shift = first_ns[machine] - reference.start_ns
    extremes = (least, most, slowest, fastest)
    estimate: tuple[float | None, float | None] = (None, None)
    slow = slowest.value or None  # a rate of at least 0 is no bound: every clock has it
    if None not in (least.value, most.value, slow, fastest.value):
        a, b = np.mean([each.point[:2] for each in extremes], axis=0).tolist()
        estimate = (round(a + b * at + shift), (b - 1) * PPM)
    conflict = () if all(each.is_feasible for each in extremes) else program.conflict
    return MachineOffset(
        trace.names[machine],
        Bounds(
            None if least.value is None else floor(least.value + shift),
            None if most.value is None else ceil(-most.value + shift),
            estimate[0],
        ),
        Bounds(
            None if slow is None else nextafter(float((slow - 1) * PPM), -inf),
            None if fastest.value is None else nextafter(float((-fastest.value - 1) * PPM), inf),
            estimate[1],
        ),
        truth,
        tuple((trace.place(used[at].send), trace.place(used[at].arrival)) for at in conflict),
        _at_equal_rates(used, machines, first_ns, machine, at, shift)
        if estimate[0] is None and not conflict
        else None,
    )


def _at_equal_rates(
    used: Sequence[ClockBound],
    machines: Sequence[int],
    first_ns: Sequence[int],
    machine: int,
    at: int,
    shift: int,
) -> Bounds | None:
    """Return the bounds of a machine's offset if all clocks run at one rate.

    used, machines, first_ns: as for `_linear_program`. at, shift: as in `_bound_machine`.
    None where the messages do not bound both sides, or allow no equal rates.
    """
    even = _linear_program(used, machines, first_ns, machine, equal_rates=True)
    low, high = even.minimise({0: 1, 1: at}), even.minimise({0: -1, 1: -at})
    if low.value is None or high.value is None:
        return None
    least, most = floor(low.value + shift), ceil(-high.value + shift)
    return Bounds(least, most, (least + most) / 2)


def _nearest(bounds: Sequence[ClockBound], reference: int, machine: int) -> list[int]:
    """Return the machines whose clocks are bounded together with the machine's.

    They are the reference, the machine, those on a shortest way between them, and
    those with the fewest hops to both, up to MACHINES_JOINTLY_MAX. Where the shortest
    way has more than MACHINES_BETWEEN_MAX, they are the two alone.
    """
    neighbours: dict[int, set[int]] = {}
    for each in bounds:
        neighbours.setdefault(each.sender, set()).add(each.receiver)
        neighbours.setdefault(each.receiver, set()).add(each.sender)
    to_reference, to_machine = (_hops(neighbours, start) for start in (reference, machine))
    nearest, at = [reference, machine], machine
    while to_reference.get(at, 0) > 1:
        at = min(each for each in neighbours[at] if to_reference[each] == to_reference[at] - 1)
        nearest.append(at)
    if len(nearest) > MACHINES_BETWEEN_MAX:
        return [reference, machine]
    reached = to_reference.keys() & to_machine.keys()
    by_hops = sorted((to_reference[each] + to_machine[each], each) for each in reached)
    others = [each for _, each in by_hops if each not in nearest]
    return nearest + others[: max(0, MACHINES_JOINTLY_MAX - len(nearest))]


def _hops(neighbours: Mapping[int, set[int]], start: int) -> dict[int, int]:
    """Return how many channels lie between a machine and each that it can be reached from."""
    hops, edge = {start: 0}, {start}
    while edge:
        edge = {each for one in edge for each in neighbours.get(one, ())} - set(hops)
        hops |= dict.fromkeys(edge, max(hops.values()) + 1)
    return hops


def _linear_program(
    bounds: Sequence[ClockBound],
    machines: Sequence[int],
    first_ns: Sequence[int],
    machine: int,
    *,
    equal_rates: bool = False,
) -> LinearProgram:
    """Return what the messages say of each line x = a + b·reading, x being `machine`'s clock.

    equal_rates: whether each b is to be 1.

    The variables are a, ns, and b of each machine but that one: numbers 0 and 1 those of
    the first of `machines`. Readings, and x, count from each clock's first reading.
    """
    others = [each for each in machines if each != machine]
    variable = {each: 2 * number for number, each in enumerate(others)}
    constraints = []
    span_ns = 1
    for each in bounds:
        sent_ns = each.sent_ns - first_ns[each.sender]
        arrived_ns = each.arrived_ns - first_ns[each.receiver]
        span_ns = max(span_ns, abs(sent_ns), abs(arrived_ns))
        coefficients, lower = {}, 0
        if each.receiver == machine:
            lower -= arrived_ns
        else:
            a = variable[each.receiver]
            coefficients = {a: 1, a + 1: arrived_ns}
        if each.sender == machine:
            lower += sent_ns
        else:
            a = variable[each.sender]
            coefficients |= {a: -1, a + 1: -sent_ns}
        constraints.append(Constraint(coefficients, lower))
    if equal_rates:
        for a in variable.values():
            constraints += [Constraint({a + 1: 1}, 1), Constraint({a + 1: -1}, -1)]
    return LinearProgram(constraints, [span_ns, 1] * len(others), [True, False] * len(others))
