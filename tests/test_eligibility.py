"""Which scenarios the compiled engine takes: exactly those whose numbers fit its words."""

import pytest

from driftlab import Scenario
from driftlab.model.schedule import as_fraction
from driftlab.network.latency import Latency
from driftlab.scenario.validate import parse_latency
from driftlab.simulator.compiled import eligibility
from driftlab.simulator.compiled.eligibility import channels, incompatibility, longest_ns

HIGHEST = 2**64 - 1  # of all words


@pytest.mark.parametrize(
    ("scenario", "limit", "value", "words"),
    [
        (Scenario(seconds=7), "TIME_NS_MAX", 7 * 10**9, "seconds: 7"),
        (Scenario(seconds=7, latency="fixed:2"), "TIME_NS_MAX", 9 * 10**9, "latency: fixed:2"),
        (
            Scenario(seconds=7, latency="uniform:1..3"), "TIME_NS_MAX", 10 * 10**9,
            "latency: uniform:1..3",
        ),
        (Scenario(rates=[1.25, 0.7]), "RATE_NUMERATOR_MAX", 7, "rates: 0.7"),
        (Scenario(machines=4, latency="exponential:1"), "CHANNELS_MAX", 12, "latency: exp"),
    ],
)  # fmt: skip
def test_a_number_may_be_as_large_as_its_limit_and_no_larger(
    monkeypatch: pytest.MonkeyPatch, scenario: Scenario, limit: str, value: int, words: str
) -> None:
    monkeypatch.setattr(eligibility, limit, value)
    assert incompatibility(scenario) is None
    monkeypatch.setattr(eligibility, limit, value - 1)
    assert str(incompatibility(scenario)).startswith(words)


def test_a_fixed_latency_may_have_any_number_of_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eligibility, "CHANNELS_MAX", 1)
    assert incompatibility(Scenario(latency="fixed:1")) is None
    assert as_fraction(0.7).numerator == 7


def latency(text: str) -> Latency:
    return parse_latency("latency", text)


@pytest.mark.parametrize("text", ["fixed:0.25", "uniform:1..3", "uniform:0..0.00001"])
def test_the_longest_of_a_bounded_latency_is_the_longest_that_is_drawn(text: str) -> None:
    assert longest_ns(latency(text)) == latency(text).sample_ns(HIGHEST)


@pytest.mark.parametrize("text", ["exponential:0.2", "exponential:3", "lognormal:0.1,1"])
def test_the_longest_of_a_distribution_is_a_close_bound(text: str) -> None:
    drawn = max(latency(text).sample_ns(word) for word in (0, 1, HIGHEST, HIGHEST - 1))
    longest = longest_ns(latency(text))
    assert longest is not None
    assert drawn <= longest < 1.2 * drawn


REGULAR = [("regular:1", 2), ("regular:1", 4), ("regular:2", 3), ("regular:2", 4), ("regular:2", 7)]


@pytest.mark.parametrize(
    ("topology", "size"),
    [
        *REGULAR,
        *((name, size) for name in ("mesh", "ring", "star", "links") for size in (2, 3, 4, 7)),
    ],
)
def test_channels_are_counted_without_listing_them(size: int, topology: str) -> None:
    if topology == "links":
        topology = ",".join(f"A-{name}" for name in "BCDEFG"[: size - 1])
    scenario = Scenario(machines=size, topology=topology)
    counted = sum(len(others) for others in scenario.neighbours(1))
    assert counted <= channels(scenario) <= max(counted, 2 * size)
    assert channels(scenario) == counted or (size, topology) == (2, "ring")
