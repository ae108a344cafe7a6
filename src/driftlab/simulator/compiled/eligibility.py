"""Whether the compiled engine applies to a scenario. Imports no compiler."""

from typing import Any, Final

from driftlab.network.latency import FIXED_BITS, Latency, exponentials
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import RateRange, as_fraction

TIME_NS_MAX: Final = 2**62  # due times and arrivals stay below, so that a sum of two fits a word
RATE_NUMERATOR_MAX: Final = 2**62
CHANNELS_MAX: Final = 2**24  # each keeps its last arrival, 8 bytes, where latencies are drawn

_EXPONENTIAL_MAX: Final = 45 << FIXED_BITS  # -ln 2**-64 is 44.4
_FIXED_MAX: Final = 2**63


def incompatibility(scenario: Scenario) -> str | None:
    """Say why the compiled engine does not apply to a scenario; None if it does."""
    for key, built_in in (("process", "die"), ("clock", "lamport")):
        given = getattr(scenario, key)
        if given != built_in:
            return f"{key}: {given} is not compiled, only {built_in} is"
    if scenario.latencies:
        return "latencies: a latency of each channel's own is not compiled"
    return _too_large(scenario) or _too_late(scenario)


def _too_large(scenario: Scenario) -> str | None:
    if scenario.horizon_ns > TIME_NS_MAX:
        return f"seconds: {scenario.seconds} in nanoseconds is more than a word holds"
    for rate in set(fixed_rates(scenario) or ()):
        if as_fraction(rate).numerator > RATE_NUMERATOR_MAX:
            return f"rates: {rate} has too many digits for a word"
    return None


def _too_late(scenario: Scenario) -> str | None:
    latency = scenario.message_latency
    longest = longest_ns(latency)
    if longest is None or scenario.horizon_ns + longest > TIME_NS_MAX:
        return f"latency: {scenario.latency} can be longer than a word holds"
    if latency.is_drawn and channels(scenario) > CHANNELS_MAX:
        return (
            f"latency: {scenario.latency} on {channels(scenario)} channels; "
            f"the last arrival is kept for at most {CHANNELS_MAX}"
        )
    return None


def fixed_rates(scenario: Scenario) -> tuple[float, ...] | None:
    """Return the rates of every run, None where they are drawn."""
    if isinstance(scenario.rates, RateRange):
        return None
    return scenario.rates


def rate_range(scenario: Scenario) -> RateRange | None:
    """Return the range that rates are drawn from, None where they are not."""
    return scenario.rates if isinstance(scenario.rates, RateRange) else None


def longest_ns(latency: Latency) -> int | None:
    """Return a bound on the latencies that can be drawn; None where a word does not hold them."""
    if latency.kind == "uniform":
        return latency.second
    factor = 1 << FIXED_BITS
    if latency.kind == "exponential":
        factor = _EXPONENTIAL_MAX
    if latency.kind == "lognormal":
        factor = max(map(max, exponentials(latency.second)))
    return latency.first * factor >> FIXED_BITS if factor < _FIXED_MAX else None


def channels(scenario: Scenario) -> int:
    """Count the channels, both directions of every link."""
    size = scenario.size
    kind, _, detail = scenario.topology.partition(":")
    counts: dict[str, Any] = {"mesh": size * (size - 1), "ring": 2 * size, "star": 2 * (size - 1)}
    if kind == "regular":
        return size * int(detail)
    return int(counts.get(kind, 2 * scenario.topology.count(",") + 2))
