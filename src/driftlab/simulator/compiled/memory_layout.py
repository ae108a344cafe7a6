"""The arrays that the kernels work on: their fields, and how a scenario fills them.

A machine is one record of two cache lines; the first holds what every tick
needs. A message is one record of a pool and is named by its index there; index
0 stays unused and means none. The inner loop's counters are in the record of
the run only between two calls. Times are nanoseconds of scenario time.

The records are NumPy's `record`, whose fields are attributes in Python as they
are in the kernels, so that a kernel also runs uncompiled.
"""

from collections.abc import Iterable, Sequence
from math import gcd, lcm
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.arrays import AnyArray, BoolArray, FloatArray, IntArray
from driftlab.model.random_streams import Purpose, draw, stream
from driftlab.model.schedule import NS_PER_SECOND, as_fraction, phase_ns
from driftlab.network.latency import Latency, exponentials, logarithms
from driftlab.scenario.scenario import Scenario
from driftlab.simulator.compiled.eligibility import TIME_NS_MAX, channels, fixed_rates, rate_range
from driftlab.simulator.compiled.run_kernel import DONE, KINDS_OF_LATENCY

SCHEDULE_TICKS_MAX: Final = 2**16  # of a schedule that repeats: it should fit a core's cache
WINDOW_TICKS: Final = 2**11  # of a window that does not repeat; more if there are more machines
ROOM_FIRST: Final = 2**10  # messages that a pool has room for at first
SCALE_MAX: Final = 2**63 // NS_PER_SECOND  # up to here a 64-bit word computes a phase


def _record(*fields: tuple[str, str]) -> np.dtype[Any]:
    return np.dtype((np.record, np.dtype(list(fields), align=True)))


MACHINE: Final = _record(
    ("die", "u8"),  # the key of its stream of dice
    ("digest", "u8"),
    ("clock", "i8"),
    ("tick", "i8"),  # the number of its next tick, which is how many it has taken
    ("head", "u4"),  # the message at the front of its inbox
    ("tail", "u4"),
    ("settled", "u4"),  # the last message of its inbox after its last tick
    ("flight", "u4"),  # the root of the heap of messages in flight to it
    ("queue", "u4"),  # the length of its inbox after its last tick
    ("fresh", "u4"),  # how many messages have come since
    ("peers", "u4"),
    ("queue_max", "u4"),
    ("queue_sum", "i8"),
    ("jump_max", "i8"),
    ("first_clock", "i8"),
    ("sends", "i8"),
    ("receives", "i8"),
    ("delays", "u8"),  # the key of its stream of latencies
    ("links", "i8"),  # the index of its first peer in `links`, and of its first channel
)

CURSOR: Final = _record(
    ("due", "i8"),  # due time of the next tick to enter a window
    ("rest", "i8"),  # the fraction that rounding it down has left, times `rate`
    ("whole", "i8"),  # the period in whole nanoseconds
    ("part", "i8"),  # and the fraction that is left of it, times `rate`
    ("rate", "i8"),  # the numerator of the rate in ticks per second
    ("scale", "u8"),  # its denominator; 0 where the kernel does not compute the phase
)

MESSAGE: Final = _record(("stamp", "i8"), ("sender", "u4"), ("next", "u4"))

IN_FLIGHT_MESSAGE: Final = _record(
    ("stamp", "i8"),
    ("sender", "u4"),
    ("next", "u4"),  # in the inbox; in flight, the next sibling in the heap
    ("arrival", "i8"),
    ("child", "u4"),
    ("spare", "u4"),
)

RUN: Final = _record(
    ("seed", "u8"),
    ("number", "u8"),
    ("one_below", "u8"),  # bits of the die below which a tick sends to one peer
    ("all_below", "u8"),  # and below which it sends to every peer
    ("mesh", "i8"),
    ("by_sender", "i8"),
    ("aligned", "i8"),
    ("horizon", "i8"),  # the length of the run
    ("period", "i8"),  # of the schedule; 0 if it has none, or a long one
    ("window", "i8"),  # the length of a window
    ("shift", "i8"),  # a bucket of a window is 2**shift nanoseconds long
    ("window_begin", "i8"),
    ("filled", "i8"),  # how many ticks the window holds
    ("entry", "i8"),  # the next of them
    ("repetition", "i8"),  # how many times the window was taken
    ("deferred", "i8"),  # how many sends wait for the end of their instant
    ("free", "u4"),  # the first free message below the top
    ("top", "u4"),  # the highest message ever used
    ("waiting", "i8"),  # messages in inboxes and in flight
    ("capacity", "i8"),  # how many may wait before the pool must grow
    ("capacity_max", "i8"),  # and how many before the run must end
    ("ticks", "i8"),  # taken so far
    ("status", "i8"),  # RUNNING, DONE or FULL
    ("stopped", "i8"),  # when the tick was due that made it FULL, -1 if none has
    ("row", "i8"),  # of the history, to be written next
)


class Window(NamedTuple):
    """The ticks of a window of time in order, and the memory for sorting them."""

    machines: IntArray  # u4: whose tick
    dues: IntArray  # i8: due times, within the period if the schedule repeats
    tied: IntArray  # u1: 1 if the next tick is due at the same instant, 2 if only the one before is
    unsorted_machines: IntArray  # u4
    unsorted_dues: IntArray  # i8
    buckets: IntArray  # i4: how many ticks each has, then where it ends


class Delay(NamedTuple):
    """A latency as arrays: its distribution, and the last arrival on each channel."""

    kind: int  # of KINDS_OF_LATENCY
    first: np.uint64  # the parameters of `Latency`, but of uniform
    second: np.uint64  # the number of values
    tables: tuple[IntArray, IntArray, IntArray]  # u8, of `network.latency`
    latest: IntArray  # i8, one a channel; empty where no message can overtake another


class EventArrays(NamedTuple):
    """The events of a run in the order of (due time, process), a column a field."""

    due_ns: IntArray  # i8
    process: IntArray  # u4: its position in name order
    tick: IntArray  # u4
    kind: IntArray  # u1: as in `model.digest`
    sender: IntArray  # i4: its position, -1 if nothing was received
    stamp: IntArray  # u4: of the message received, else 0
    target: IntArray  # i4: an index among the peers, -1 for all of several, -2 for none
    clock: IntArray  # u4
    queue: IntArray  # u4


class Figures(NamedTuple):
    """The metrics of some runs: arrays of shape (runs, machines), and three of shape (runs,)."""

    rates: FloatArray  # f8: ticks per second
    internal: IntArray  # i8: how many events of each kind
    send: IntArray
    receive: IntArray
    clock: IntArray  # i8: after the last event, 0 if there was none
    first_clock: IntArray  # i8: after the first event
    jump_max: IntArray  # i8: the largest difference of the clocks of two consecutive events
    queue_sum: IntArray  # i8: of the inbox lengths after each event
    queue_max: IntArray  # i4
    queue_last: IntArray  # i4
    first_due_ns: IntArray  # i8: when the first tick was due
    numbers: IntArray  # u8, one a run: its number
    digest: IntArray  # u8, one a run: of all its events, see `model.digest`
    # i8, one a run: when it ended because the tick due then would have sent more messages than
    # may wait; -1 if it is whole.
    stopped_ns: IntArray

    def of_rows(self, which: slice | IntArray | BoolArray) -> "Figures":
        """Return the metrics of some rows: a view for a slice, else a copy."""
        tables: dict[str, Any] = {name: table[which] for name, table in self._asdict().items()}
        return Figures(**tables)


COUNTED: Final = dict.fromkeys(Figures._fields[1:11], "i8") | {
    "queue_max": "i4",
    "queue_last": "i4",
}


def empty(numbers: Sequence[int], machines: int) -> Figures:
    """Return figures full of zeros for the runs with these numbers."""
    runs = np.array(numbers, np.uint64)
    shape, each = (len(runs), machines), len(runs)
    tables: dict[str, IntArray] = {name: np.zeros(shape, COUNTED[name]) for name in COUNTED}
    return Figures(
        rates=np.zeros(shape),
        **tables,
        numbers=runs,
        digest=np.zeros(each, np.uint64),
        stopped_ns=np.zeros(each, np.int64),
    )


class Arena(NamedTuple):
    """The memory that one core needs to simulate runs of a scenario, one after the other."""

    run: Any  # a record of RUN, which has no type of its own
    cursors: AnyArray  # CURSOR, one a machine
    machines: AnyArray  # MACHINE
    window: Window
    links: IntArray  # u4: the positions of every machine's peers, one machine's after the other's
    deferred: IntArray  # i8, shape (machines, 2): senders, and whom they send to
    delay: Delay | None
    rates: IntArray  # u8: the lowest rate that is drawn and how many there are, or 0, 0


def allocate(scenario: Scenario, number: int, *, repeats: bool = True) -> Arena:
    """Allocate the memory for runs of a scenario and fill in what all of them share.

    Args:
        number: the run whose links are used where they are drawn.
        repeats: False to compute every due time, even where the schedule repeats.
    """
    size = scenario.size
    run = np.zeros(1, RUN)
    run["seed"], run["status"] = scenario.seed, DONE
    run["one_below"], run["all_below"] = scenario.die
    run["mesh"] = scenario.topology == "mesh"
    run["by_sender"] = scenario.order == "peers"
    run["aligned"] = scenario.phase == "aligned"
    run["horizon"] = scenario.horizon_ns
    cursors = np.zeros(size, CURSOR)
    machines = np.zeros(size, MACHINE)
    links = _link(scenario, number, machines)
    drawn = rate_range(scenario)
    low, top = (drawn.low, drawn.high) if drawn else (0, -1)
    if rates := fixed_rates(scenario):
        _set_rates(rates, cursors)
    return Arena(
        run[0], cursors, machines, _window(scenario, run[0], cursors, repeats), links,
        np.zeros((size, 2), np.int64),
        _delay(scenario.message_latency, channels(scenario)),
        np.array([low, top - low + 1], np.uint64),
    )  # fmt: skip


def _set_rates(rates: Sequence[float], cursors: AnyArray) -> None:
    """Set the period of each machine; each different rate is converted once."""
    different, which = np.unique(np.array(rates, np.float64), return_inverse=True)
    known = {float(rate): rate for rate in rates}
    table = np.zeros(len(different), CURSOR)
    for row, rate in zip(table, different.tolist(), strict=True):
        ticks = as_fraction(known[rate])
        scale = ticks.denominator
        row["whole"], row["part"] = divmod(NS_PER_SECOND * scale, ticks.numerator)
        row["rate"], row["scale"] = ticks.numerator, scale if scale <= SCALE_MAX else 0
    cursors[:] = table[which]


def precomputed_phases(
    scenario: Scenario, cursors: AnyArray, numbers: Sequence[int] | IntArray
) -> IntArray:
    """Return the first due times that take more than 64 bits to compute, i8, in nanoseconds.

    cursors: CURSOR records of the machines; those with scale 0 need such a time. numbers: of
    the runs. One row a run; if no machine needs one, a single row of zeros.
    """
    places = np.flatnonzero(cursors["scale"] == 0)
    rates = fixed_rates(scenario)
    if not len(places) or scenario.phase == "aligned" or rates is None:
        return np.zeros((1, len(cursors)), np.int64)
    phases = np.zeros((len(numbers), len(cursors)), np.int64)
    for i in places.tolist():
        ticks = as_fraction(rates[i])
        for row, number in enumerate(numbers):
            word = draw(stream(scenario.seed, int(number), i, Purpose.PHASE), 0)
            phases[row, i] = phase_ns(word, ticks.numerator, ticks.denominator)
    return phases


def _window(scenario: Scenario, run: Any, cursors: AnyArray, repeats: bool) -> Window:
    rates, drawn = fixed_rates(scenario) or (), rate_range(scenario)
    per_second = float(drawn.high * scenario.size if drawn else sum(rates))
    period = NS_PER_SECOND if drawn else _hyperperiod_ns(set(rates))
    short = period / NS_PER_SECOND * per_second <= SCHEDULE_TICKS_MAX
    if repeats and short and 0 < period <= TIME_NS_MAX:
        ticks, length = period / NS_PER_SECOND * per_second, period
        run["period"] = period
    else:
        ticks = max(WINDOW_TICKS, len(cursors) // 4)
        length = max(1, int(ticks / per_second * NS_PER_SECOND))
    length = min(length, scenario.horizon_ns) if not run["period"] else length
    shift = max(0, (length // max(1, int(ticks))).bit_length() - 1)
    run["window"], run["shift"] = length, shift
    room = int(length / NS_PER_SECOND * per_second * (1 + 1e-9)) + len(cursors) + 1
    return Window(
        np.zeros(room, np.uint32),
        np.zeros(room, np.int64),
        np.zeros(room, np.uint8),
        np.zeros(room, np.uint32),
        np.zeros(room, np.int64),
        np.zeros((length >> shift) + 1, np.int32),
    )


def _hyperperiod_ns(rates: Iterable[float]) -> int:
    """Return the shortest time in whole nanoseconds after which all due times repeat."""
    fractions = [as_fraction(rate) for rate in rates]
    scale = lcm(*(rate.denominator for rate in fractions))
    length = NS_PER_SECOND * scale
    share = gcd(*(rate.numerator * (scale // rate.denominator) for rate in fractions))
    if length % share == 0:
        return length // share
    return length


def _link(scenario: Scenario, number: int, machines: AnyArray) -> IntArray:
    """Set each machine's number of peers and return their positions (see `Arena.links`).

    A million machines are linked without a list for each of them, and a mesh without any.
    """
    size = scenario.size
    if scenario.topology == "mesh":
        machines["peers"] = size - 1
        machines["links"] = np.arange(0, size * (size - 1), size - 1)
        return np.zeros(1, np.uint32)
    if scenario.topology == "ring" and size > 2:
        machines["peers"] = 2
        machines["links"] = np.arange(0, 2 * size, 2)
        return _ring(size)
    if scenario.topology == "star":
        machines["peers"], machines["peers"][0] = 1, size - 1
        machines["links"][1:] = np.arange(size - 1, 2 * size - 2)
        return np.concatenate([np.arange(1, size, dtype=np.uint32), np.zeros(size - 1, np.uint32)])
    near = scenario.neighbours(number)
    machines["peers"] = [len(others) for others in near]
    machines["links"][1:] = np.cumsum(machines["peers"])[:-1]
    return np.array([other for others in near for other in others], np.uint32)


def _ring(size: int) -> IntArray:
    """Return the two neighbours of each machine of a ring, in rising order."""
    pairs = np.empty((size, 2), np.uint32)
    pairs[1:, 0] = np.arange(size - 1, dtype=np.uint32)
    pairs[:-1, 1] = np.arange(1, size, dtype=np.uint32)
    pairs[0] = 1, size - 1
    pairs[-1] = 0, size - 2
    return pairs.ravel()


def _delay(latency: Latency, channel_count: int) -> Delay | None:
    if latency.kind == "none":
        return None
    tables: list[IntArray] = [np.zeros(1, np.uint64)] * 3
    if latency.kind == "exponential":
        tables[0] = np.array(logarithms(), np.uint64)
    if latency.kind == "lognormal":
        tables = [np.array(table, np.uint64) for table in exponentials(latency.second)]
    second = latency.second - latency.first + 1 if latency.kind == "uniform" else 0
    return Delay(
        KINDS_OF_LATENCY[latency.kind],
        np.uint64(latency.first),
        np.uint64(second),
        (tables[0], tables[1], tables[2]),
        np.zeros(channel_count if latency.is_drawn else 0, np.int64),
    )
