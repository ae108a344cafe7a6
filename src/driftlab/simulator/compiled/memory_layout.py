"""From a scenario to the arrays that the kernels work on."""

from math import gcd, lcm
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.model.random_streams import Purpose, draw, stream
from driftlab.model.schedule import NS_PER_SECOND, phase_ns
from driftlab.network.latency import Latency, exponentials, logarithms
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import as_fraction
from driftlab.simulator.compiled import records
from driftlab.simulator.compiled.eligibility import TIME_NS_MAX, channels, fixed_rates, rate_range
from driftlab.simulator.compiled.records import Array, Delay, Window
from driftlab.simulator.compiled.ticks import KINDS_OF_LATENCY

SCHEDULE_TICKS_MAX: Final = 2**16  # of a schedule that repeats: it should stay in a core's cache
WINDOW_TICKS: Final = 2**11  # of a window that does not, or as many as there are machines
ROOM_FIRST: Final = 2**10  # messages that there is room for at first
SCALE_MAX: Final = 2**63 // NS_PER_SECOND  # up to here a phase is worked out by a word


class Arena(NamedTuple):
    """All that one core needs to simulate runs of a scenario, one after the other."""

    run: Any  # a record
    cursors: Array
    machines: Array
    window: Window
    links: Array
    stash: Array
    delay: Delay | None
    rates: Array  # the lowest and how many there are, where they are drawn, else 0, 0


def allocate(scenario: Scenario, number: int, *, repeats: bool = True) -> Arena:
    """Lay out the memory for runs; `number` decides the links where they are drawn.

    `repeats` False does without a schedule that repeats, where there were one.
    """
    size = scenario.size
    run = np.zeros(1, records.RUN)
    run["seed"], run["status"] = scenario.seed, records.DONE
    run["one_below"], run["all_below"] = scenario.die
    run["mesh"] = scenario.topology == "mesh"
    run["by_sender"] = scenario.order == "peers"
    run["aligned"] = scenario.phase == "aligned"
    run["horizon"] = scenario.horizon_ns
    cursors = np.zeros(size, records.CURSOR)
    machines = np.zeros(size, records.MACHINE)
    links = _link(scenario, number, machines)
    low, top = rate_range(scenario) or (0, -1)
    if rates := fixed_rates(scenario):
        _set_rates(rates, cursors)
    return Arena(
        run[0], cursors, machines, _window(scenario, run[0], cursors, repeats), links,
        np.zeros((size, 2), np.int64),
        _delay(scenario.message_latency, channels(scenario)),
        np.array([low, top - low + 1], np.uint64),
    )  # fmt: skip


def _set_rates(rates: Any, cursors: Array) -> None:
    """Write down the periods, each rate worked out once."""
    different, which = np.unique(np.array(rates, np.float64), return_inverse=True)
    known = {float(rate): rate for rate in rates}
    table = np.zeros(len(different), records.CURSOR)
    for row, rate in zip(table, different.tolist(), strict=True):
        ticks = as_fraction(known[rate])
        scale = ticks.denominator
        row["whole"], row["part"] = divmod(NS_PER_SECOND * scale, ticks.numerator)
        row["rate"], row["scale"] = ticks.numerator, scale if scale <= SCALE_MAX else 0
    cursors[:] = table[which]


def precomputed_phases(scenario: Scenario, cursors: Array, numbers: Any) -> Array:
    """Work out the phases that take more than a word: one row a run, or one for all."""
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


def _window(scenario: Scenario, run: Any, cursors: Array, repeats: bool) -> Window:
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


def _hyperperiod_ns(rates: Any) -> int:
    """Return the time after which all due times repeat, 0 if it is no whole nanosecond."""
    fractions = [as_fraction(rate) for rate in rates]
    scale = lcm(*(rate.denominator for rate in fractions))
    length = NS_PER_SECOND * scale
    share = gcd(*(rate.numerator * (scale // rate.denominator) for rate in fractions))
    if length % share == 0:
        return length // share
    return length


def _link(scenario: Scenario, number: int, machines: Array) -> Array:
    """Tell each machine how many peers it has; return whom, one machine's after the other's.

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


def _ring(size: int) -> Array:
    """Return the machine before and the machine after each, in rising order."""
    pairs = np.empty((size, 2), np.uint32)
    pairs[1:, 0] = np.arange(size - 1, dtype=np.uint32)
    pairs[:-1, 1] = np.arange(1, size, dtype=np.uint32)
    pairs[0] = 1, size - 1
    pairs[-1] = 0, size - 2
    return pairs.ravel()


def _delay(latency: Latency, count: int) -> Delay | None:
    if latency.kind == "none":
        return None
    tables = [np.zeros(1, np.uint64)] * 3
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
        np.zeros(count if latency.is_drawn else 0, np.int64),
    )
