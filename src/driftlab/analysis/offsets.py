"""How far machines' own clocks are off, from the messages alone.

The model: every clock is a straight line over the reference machine's, so it
has an offset and a skew. Each message between any two machines bounds both
(see `crossings`). Taken as x = a + b·reading, one line a machine for one common
time x, a message from i at u to j at v says a_i + b_i·u <= a_j + b_j·v: a
linear condition, so all messages of all machines together, those that went
round by others too, bound a machine's offset and skew by linear programming.
The common time is the clock of the machine that is asked for, so that its
offset and skew are linear in the reference's a and b.

What is promised: if clocks are straight lines, offset and skew lie within the
bounds, whatever the latencies are (proved in fractions, see `linear`). Messages
in one direction only bound one side. What the bounds leave open the messages
do not tell: the estimate is the middle of the corners, right where both ways
are alike. Messages that no straight lines could have allowed are named.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor, inf, nextafter
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.analysis.clock_bounds import ClockBound, ClockBounds, clock_bounds_of, is_real
from driftlab.analysis.linear_program import Constraint, LinearProgram
from driftlab.analysis.restamp import physical_ns
from driftlab.clocks.physical_clock import PARTS
from driftlab.history.matching.messages import Messages
from driftlab.history.trace import Trace
from driftlab.model.columns import Array
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import as_fraction

MACHINES_JOINTLY_MAX: Final = 16  # of more, those nearest to a machine and the reference count
MACHINES_BETWEEN_MAX: Final = (
    48  # that messages go by, both ends counted; of others nothing is told
)
PPM: Final = 1_000_000

Place = tuple[str, int]  # an event by its process's name and its number there


class Bounds(NamedTuple):
    """From where to where a value lies, and an estimate; None where messages tell nothing."""

    low: float | None
    high: float | None
    estimate: float | None


class Truth(NamedTuple):
    """What the scenario has set, as the reference machine sees it."""

    offset_ns: float
    skew_ppm: float


class MachineOffset(NamedTuple):
    """One machine's clock over the reference's: offset at the start, ns, and skew, ppm.

    truth: what its scenario says, None without one. contradiction: messages
    that cannot all be, as the send and the event that found it, both by their
    process's name and their number there; empty where all can.
    """

    name: str
    offset_ns: Bounds
    skew_ppm: Bounds
    truth: Truth | None
    contradiction: tuple[tuple[Place, Place], ...]

    @property
    def error(self) -> Truth | None:
        """How far the estimates are from the truth; None where there is no such thing."""
        if self.truth is None or self.offset_ns.estimate is None or self.skew_ppm.estimate is None:
            return None
        return Truth(
            self.offset_ns.estimate - self.truth.offset_ns,
            self.skew_ppm.estimate - self.truth.skew_ppm,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the names of the JSON interface."""
        return {
            "name": self.name,
            "offset_ns": self.offset_ns._asdict(),
            "skew_ppm": self.skew_ppm._asdict(),
            "truth": None if self.truth is None else self.truth._asdict(),
            "error": None if self.error is None else self.error._asdict(),
            "contradiction": [
                {"send": list(send), "found": list(found)} for send, found in self.contradiction
            ],
        }


class Offsets(NamedTuple):
    """All machines' clocks over the reference's, the first machine's that has events.

    start_ns: what that showed at the start, where offsets are told. messages: how
    many bounds there were, `corners` how many mattered. by_arrival: whether the
    log told when messages came, not only when they were received. looking_ns:
    how much later than its reading a tick may have looked into its sockets.
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


def offsets_of(trace: Trace, messages: Messages) -> Offsets:
    """Return the bounds of every machine's clock. Raises RestampError where there are no times."""
    times = physical_ns(trace)
    found = clock_bounds_of(trace, messages, times)
    there = np.flatnonzero(np.diff(trace.starts))
    reference = int(there[0]) if len(there) else 0
    start_ns, since_ns = _start(trace, times, reference)
    truths = _truths(trace, reference, since_ns)
    bases = _bases(trace, times)
    machines = [
        _machine(trace, found, bases, (reference, start_ns), place, truths[place])
        for place in range(trace.processes)
    ]
    return Offsets(
        trace.names[reference],
        start_ns,
        found.messages,
        len(found.crossings),
        found.by_arrival,
        found.looking_ns,
        tuple(machines),
    )


def _bases(trace: Trace, times: Array) -> list[int]:
    """Return what each machine's clock showed at its first event: numbers are small from there."""
    starts = trace.starts.tolist()
    return [int(times[begin]) if begin < end else 0 for begin, end in pairwise(starts)]


def _start(trace: Trace, times: Array, reference: int) -> tuple[int, Fraction]:
    """Return what the reference showed at the start, else at its first event, and how long it ran.

    The second is true time since the start as far as the scenario counts skews.
    """
    of, row = trace.columns, int(trace.starts[reference])
    if not len(trace):
        return 0, Fraction(0)
    first = int(times[row])
    if of.due_ns is None:
        return first, Fraction(0)
    elapsed = int(of.due_ns[row]) + (0 if of.late_ns is None else int(of.late_ns[row]))
    skew = Fraction(0)
    if trace.scenario is not None:
        skew = Fraction(
            Scenario.from_toml(trace.scenario).physical_clock(reference).skew_ppb, PARTS
        )
    return first - elapsed, elapsed - elapsed / (1 + skew)


def _truths(trace: Trace, reference: int, since_ns: Fraction) -> Sequence[Truth | None]:
    """Return what the scenario says of each machine, seen from the reference."""
    if trace.scenario is None:
        return [None] * trace.processes
    scenario = Scenario.from_toml(trace.scenario)
    speed = as_fraction(scenario.speed) if is_real(trace) else Fraction(1)
    clocks = [scenario.physical_clock(place) for place in range(trace.processes)]
    first = clocks[reference]
    truths = []
    for clock in clocks:
        gained = Fraction(clock.skew_ppb - first.skew_ppb, PARTS)
        offset = clock.offset_ns // speed - first.offset_ns // speed + gained * since_ns
        skew = gained / (1 + Fraction(first.skew_ppb, PARTS))
        truths.append(Truth(float(offset), float(skew * PPM)))
    return truths


def _machine(
    trace: Trace,
    found: ClockBounds,
    bases: Sequence[int],
    start: tuple[int, int],
    place: int,
    truth: Truth | None,
) -> MachineOffset:
    """Return the bounds of one machine's clock; `start` is the reference, and what it showed."""
    reference, start_ns = start
    if place == reference:
        return MachineOffset(trace.names[place], Bounds(0, 0, 0), Bounds(0, 0, 0), truth, ())
    near = _near(found.crossings, reference, place)
    used = [one for one in found.crossings if one.sender in near and one.receiver in near]
    conditions = _conditions(used, near, bases, place)
    # What the machine showed when the reference showed `start_ns`, and how fast it goes.
    at = start_ns - bases[reference]
    ends = [
        conditions.minimise({key: sign * weight for key, weight in asked.items() if weight})
        for asked in ({0: 1, 1: at}, {1: 1})
        for sign in (1, -1)
    ]
    wrong = () if all(end.value is not None for end in ends) else conditions.conflict
    shift = bases[place] - bases[reference] - at
    low, high, slow, fast = (end.value for end in ends)
    slow = slow or None  # that no clock runs backwards is no news
    middle = None
    if None not in (low, high, slow, fast):
        middle = np.mean([end.point[:2] for end in ends], axis=0).tolist()
    return MachineOffset(
        trace.names[place],
        Bounds(
            None if low is None else floor(low + shift),
            None if high is None else ceil(-high + shift),
            None if middle is None else round(middle[0] + middle[1] * at + shift),
        ),
        Bounds(
            None if slow is None else nextafter(float((slow - 1) * PPM), -inf),
            None if fast is None else nextafter(float((-fast - 1) * PPM), inf),
            None if middle is None else (middle[1] - 1) * PPM,
        ),
        truth,
        tuple((trace.place(used[one].send), trace.place(used[one].found)) for one in wrong),
    )


def _near(crossings: Sequence[ClockBound], reference: int, place: int) -> list[int]:
    """Return the reference, the machine, those between them, and more that are near to both."""
    links: dict[int, set[int]] = {}
    for one in crossings:
        links.setdefault(one.sender, set()).add(one.receiver)
        links.setdefault(one.receiver, set()).add(one.sender)
    steps = [_steps(links, begin) for begin in (reference, place)]
    near, at = [reference, place], place
    while steps[0].get(at, 0) > 1:
        at = min(each for each in links[at] if steps[0][each] == steps[0][at] - 1)
        near.append(at)
    if len(near) > MACHINES_BETWEEN_MAX:
        return [reference, place]
    both = sorted((steps[0][each] + steps[1][each], each) for each in steps[0] if each in steps[1])
    rest = [each for _, each in both if each not in near]
    return near + rest[: max(0, MACHINES_JOINTLY_MAX - len(near))]


def _steps(links: Mapping[int, set[int]], begin: int) -> dict[int, int]:
    """Return how many channels lie between one machine and each that it can be reached from."""
    steps, edge = {begin: 0}, [begin]
    while edge:
        edge = sorted({near for one in edge for near in links.get(one, ())} - set(steps))
        steps |= dict.fromkeys(edge, max(steps.values()) + 1)
    return steps


def _conditions(
    crossings: Sequence[ClockBound], machines: Sequence[int], bases: Sequence[int], place: int
) -> LinearProgram:
    """Return what messages say of each machine's a (an even number) and b, `place`'s clock given.

    The reference has the first two variables.
    """
    others = [each for each in machines if each != place]
    number = {each: 2 * at for at, each in enumerate(others)}
    conditions = []
    span = 1
    for one in crossings:
        sent, found = one.sent_ns - bases[one.sender], one.found_ns - bases[one.receiver]
        span = max(span, abs(sent), abs(found))
        weights, least = {}, 0
        if one.receiver == place:
            least -= found
        else:
            weights = {number[one.receiver]: 1, number[one.receiver] + 1: found}
        if one.sender == place:
            least += sent
        else:
            weights |= {number[one.sender]: -1, number[one.sender] + 1: -sent}
        conditions.append(Constraint(weights, least))
    count = len(others)
    return LinearProgram(conditions, [span, 1] * count, [True, False] * count)
