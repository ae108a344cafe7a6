"""What is known about the compiled engine without importing it, which takes half a second.

Whether it can simulate a scenario, and how long it takes until its first tick.
"""

import os
import sys
from typing import Final

from driftlab.jit import CompileCache, label
from driftlab.model.schedule import as_fraction
from driftlab.network.latency import FIXED_BITS, Latency, exponentials
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import RateRange

TIME_NS_MAX: Final = 2**62  # due times and arrivals stay below, so that a sum of two fits a word
RATE_NUMERATOR_MAX: Final = 2**62
CHANNELS_MAX: Final = 2**24  # each keeps its last arrival, 8 bytes, where latencies are drawn

BATCH_RUNS_MIN: Final = 64  # fewer do not fill batches well
BATCH_MACHINES: Final = 3

_EXPONENTIAL_MAX: Final = 45 << FIXED_BITS  # -ln 2**-64 is 44.4
_FIXED_MAX: Final = 2**63

_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_SOURCES: Final = (
    "clocks/lamport.py",
    "machine/process.py",
    "model/digest.py",
    "model/random_streams.py",
    "model/schedule.py",
    "network/latency.py",
    "simulator/compiled/calendar_queue.py",
    "simulator/compiled/jit_rules.py",
    "simulator/compiled/mailbox.py",
    "simulator/compiled/many_runs_kernel.py",
    "simulator/compiled/many_runs_step.py",
    "simulator/compiled/run_kernel.py",
)
CACHE: Final = CompileCache("engine", [os.path.join(_PACKAGE, name) for name in _SOURCES])

# Measured, as are the costs in `api.engine_choice`.
_IMPORT_NUMBA_S: Final = 0.29
_START_S: Final = 0.16  # importing the engine, and what Numba does once for the first kernel
_LOAD_S: Final = 0.015  # the machine code of one kernel, from the cache


def incompatibility(scenario: Scenario) -> str | None:
    """Return why the compiled engine cannot simulate a scenario, None if it can."""
    for key, built_in in (("process", "die"), ("clock", "lamport")):
        given = getattr(scenario, key)
        if given != built_in:
            return f"{key}: {given} is not compiled, only {built_in} is"
    if scenario.latencies:
        return "latencies: a latency of each channel's own is not compiled"
    return _too_large(scenario) or _too_late(scenario)


def kernels(scenario: Scenario, *, history: bool) -> list[str]:
    """Return the labels of the kernels that simulate a scenario, with its history or without."""
    absent = [] if scenario.message_latency.kind != "none" else ["delay"]
    absent += [] if history else ["history"]
    labels = [label("run_some", absent)]
    may_batch = (
        scenario.runs >= BATCH_RUNS_MIN
        and scenario.size == BATCH_MACHINES
        and scenario.topology == "mesh"
        and absent == ["delay", "history"]
    )
    return [*labels, label("tick_order_words"), label("run_batch_kernel")] if may_batch else labels


def is_compiled(scenario: Scenario, *, history: bool = False) -> bool:
    """Whether every kernel for a scenario was compiled before, here or by another process."""
    return all(
        name in CACHE.loaded or CACHE.has(name) for name in kernels(scenario, history=history)
    )


def loading_s(scenario: Scenario, *, history: bool) -> float:
    """Return about how long it takes until compiled kernels for a scenario are in memory."""
    missing = [name for name in kernels(scenario, history=history) if name not in CACHE.loaded]
    once = 0.0 if CACHE.loaded else _START_S + (0.0 if "numba" in sys.modules else _IMPORT_NUMBA_S)
    return once + _LOAD_S * len(missing)


def _too_large(scenario: Scenario) -> str | None:
    if scenario.horizon_ns > TIME_NS_MAX:
        return f"seconds: {scenario.seconds} in nanoseconds is more than a 64-bit word holds"
    for rate in set(fixed_rates(scenario) or ()):
        if as_fraction(rate).numerator > RATE_NUMERATOR_MAX:
            return f"rates: {rate} has too many digits for a 64-bit word"
    return None


def _too_late(scenario: Scenario) -> str | None:
    latency = scenario.message_latency
    longest = longest_ns(latency)
    if longest is None or scenario.horizon_ns + longest > TIME_NS_MAX:
        return f"latency: {scenario.latency} can be longer than a 64-bit word holds"
    if latency.is_drawn and channels(scenario) > CHANNELS_MAX:
        return (
            f"latency: {scenario.latency} on {channels(scenario)} channels; "
            f"the last arrival is kept for at most {CHANNELS_MAX}"
        )
    return None


def fixed_rates(scenario: Scenario) -> tuple[float, ...] | None:
    """Return the rates of every run, None where they are drawn."""
    return None if isinstance(scenario.rates, RateRange) else scenario.rates


def rate_range(scenario: Scenario) -> RateRange | None:
    """Return the range that rates are drawn from, None where they are fixed."""
    return scenario.rates if isinstance(scenario.rates, RateRange) else None


def longest_ns(latency: Latency) -> int | None:
    """Return an upper bound of a latency in nanoseconds, None if it may exceed a 64-bit word."""
    if latency.kind == "uniform":
        return latency.second
    factor = 1 << FIXED_BITS
    if latency.kind == "exponential":
        factor = _EXPONENTIAL_MAX
    if latency.kind == "lognormal":
        factor = max(map(max, exponentials(latency.second)))
    return latency.first * factor >> FIXED_BITS if factor < _FIXED_MAX else None


def channels(scenario: Scenario) -> int:
    """Return the number of channels: each link has one in either direction."""
    size = scenario.size
    kind, _, detail = scenario.topology.partition(":")
    counts = {"mesh": size * (size - 1), "ring": 2 * size, "star": 2 * (size - 1)}
    if kind == "regular":
        return size * int(detail)
    return counts.get(kind, 2 * scenario.topology.count(",") + 2)
