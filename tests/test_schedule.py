from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from driftlab.model.schedule import NS_PER_SECOND, Schedule, phase_ns
from driftlab.scenario.plan import plan_run
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import as_fraction

rates = st.floats(1e-6, 1e6).map(lambda rate: as_fraction(rate))
ticks = st.integers(0, 10**12)
words = st.integers(0, 2**64 - 1)


@given(rates, ticks, words)
def test_a_tick_is_due_at_exactly_start_plus_phase_plus_k_over_r(
    rate: Fraction, tick: int, word: int
) -> None:
    phase = phase_ns(word, rate.numerator, rate.denominator)
    schedule = Schedule(rate.numerator, rate.denominator, phase)
    exactly = phase + Fraction(tick) / rate * NS_PER_SECOND
    assert 0 <= exactly - schedule.due_ns(tick) < 1


@given(rates, words)
def test_a_phase_lies_in_the_first_period(rate: Fraction, word: int) -> None:
    assert 0 <= phase_ns(word, rate.numerator, rate.denominator) < NS_PER_SECOND / rate


@given(rates, words, st.integers(0, 10**11))
def test_the_ticks_before_a_horizon_are_those_that_are_due_before_it(
    rate: Fraction, word: int, horizon: int
) -> None:
    phase = phase_ns(word, rate.numerator, rate.denominator)
    schedule = Schedule(rate.numerator, rate.denominator, phase)
    count = schedule.ticks_before(horizon)
    assert schedule.due_ns(count) >= horizon
    assert count == 0 or schedule.due_ns(count - 1) < horizon


@given(st.integers(1, 6), st.integers(0, 2**64 - 1), st.sampled_from(["random", "aligned"]))
def test_a_whole_rate_ticks_seconds_times_rate_whatever_its_phase(
    rate: int, seed: int, phase: str
) -> None:
    scenario = Scenario.from_dict({"rates": [rate] * 3, "seed": seed, "phase": phase})
    assert [plan.ticks for plan in plan_run(scenario, 1)] == [60 * rate] * 3


@given(st.floats(0.01, 1000), ticks)
def test_speed_scales_real_time_and_nothing_else(speed: float, tick: int) -> None:
    slow = plan_run(Scenario(rates=[3, 7]), 1)[0]
    fast = plan_run(Scenario(rates=[3, 7], speed=speed), 1)[0]
    assert fast.schedule.due_ns(tick) == slow.schedule.due_ns(tick)
    assert (
        0 <= slow.schedule.due_ns(tick) / as_fraction(speed) - fast.schedule.due_real_ns(tick) < 1
    )
    assert fast.ticks == slow.ticks


def test_the_plan_of_another_run_has_other_dice_and_phases_and_the_same_plan_the_same() -> None:
    scenario = Scenario(rates=[6, 3, 1])
    first, second = plan_run(scenario, 1), plan_run(scenario, 2)
    assert plan_run(scenario, 1) == first
    for one, other in zip(first, second, strict=True):
        assert one.die_stream != other.die_stream
        assert one.schedule.phase_ns != other.schedule.phase_ns
    assert len({plan.die_stream for plan in (*first, *second)}) == 6


def test_phases_fill_the_period_evenly() -> None:
    phases = [
        plan_run(Scenario(rates=[2, 5], seed=seed), run)[0].schedule.phase_ns / (NS_PER_SECOND / 2)
        for seed in range(100)
        for run in range(1, 21)
    ]
    quarters = [sum(q <= 4 * phase < q + 1 for phase in phases) for q in range(4)]
    assert sum(quarters) == 2000
    assert all(abs(count - 500) < 5 * 20 for count in quarters)
