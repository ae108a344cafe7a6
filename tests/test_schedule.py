import json
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from driftlab.model.schedule import NS_PER_SECOND, PhysicalClock, Schedule, as_fraction, phase_ns
from driftlab.scenario.plan import MachinePlan, plan_run
from driftlab.scenario.scenario import Scenario

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
def test_a_whole_rate_ticks_seconds_times_rate_for_any_phase(
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


def test_plans_of_different_runs_have_different_streams_and_phases() -> None:
    scenario = Scenario(rates=[6, 3, 1])
    first, second = plan_run(scenario, 1), plan_run(scenario, 2)
    assert [plan.to_dict() for plan in plan_run(scenario, 1)] == [plan.to_dict() for plan in first]
    for one, other in zip(first, second, strict=True):
        assert one.die_stream != other.die_stream
        assert one.schedule.phase_ns != other.schedule.phase_ns
    assert len({plan.die_stream for plan in (*first, *second)}) == 6


def test_a_plan_survives_its_json() -> None:
    scenario = Scenario(
        rates=[6, 0.3], speed=2.5, offset_ms=[1, 0], skew_ppm=[0, 3], clock="vector"
    )
    for plan in plan_run(scenario, 1):
        back = MachinePlan.from_dict(json.loads(json.dumps(plan.to_dict())))
        assert repr(back.to_dict()) == repr(plan.to_dict())  # tuples too
        assert back.schedule.due_real_ns(7) == plan.schedule.due_real_ns(7)
        assert back.physical.reading_ns(7, 10**9) == plan.physical.reading_ns(7, 10**9)


def test_phases_fill_the_period_evenly() -> None:
    phases = [
        plan_run(Scenario(rates=[2, 5], seed=seed), run)[0].schedule.phase_ns / (NS_PER_SECOND / 2)
        for seed in range(100)
        for run in range(1, 21)
    ]
    quarters = [sum(q <= 4 * phase < q + 1 for phase in phases) for q in range(4)]
    assert sum(quarters) == 2000
    assert all(abs(count - 500) < 5 * 20 for count in quarters)


def test_instants_are_rounded_down_and_the_end_of_a_run_is_not_part_of_it() -> None:
    """Three ticks in 1 s: due at 0, 333,333,333 and 666,666,666 ns, the fourth at 1 s."""
    schedule = Schedule(3, 1, 0)
    assert [schedule.due_ns(tick) for tick in range(4)] == [0, 333333333, 666666666, 10**9]
    assert schedule.dues(1, 3) == [333333333, 666666666]
    assert [schedule.ticks_before(horizon) for horizon in (-5, 0, 1, 333333333, 333333334)] == [
        0, 0, 1, 1, 2,
    ]  # fmt: skip
    assert [schedule.ticks_before(horizon) for horizon in (10**9, 10**9 + 1)] == [3, 4]
    late = Schedule(3, 1, 5)
    assert [late.ticks_before(horizon) for horizon in (4, 5, 6)] == [0, 0, 1]
    assert late.due_ns(1) == 333333338


def test_real_time_is_scenario_time_by_the_speed_rounded_down() -> None:
    schedule = Schedule(1, 1, 0, 3, 2)
    assert schedule.real_ns(10) == 6
    assert schedule.due_real_ns(1) == 666666666
    assert schedule.speed == 1.5
    assert Schedule(1, 1, 0, 60).speed == 60
    assert schedule.real_ns(-1) == -1  # down, not towards zero


def test_a_phase_reaches_both_ends_of_the_period() -> None:
    assert phase_ns(0, 3, 1) == 0
    assert phase_ns(2**64 - 1, 3, 1) == 333333333
    assert phase_ns(2**64 - 1, 1, 1) == 10**9 - 1
    assert phase_ns(2**64 - 1, 1, 10**9) == 10**18 - 1
    assert phase_ns(2**63, 1, 1) == 5 * 10**8


def test_an_aligned_first_tick_is_at_the_start_and_a_random_one_is_not() -> None:
    for plan in plan_run(Scenario(rates=[6, 3, 1], phase="aligned"), 1):
        assert plan.schedule.phase_ns == 0
        assert plan.schedule.due_ns(0) == 0
    assert all(plan.schedule.phase_ns for plan in plan_run(Scenario(rates=[6, 3, 1]), 1))


def test_a_plan_is_everything_that_its_scenario_says() -> None:
    scenario = Scenario(
        rates=[6, 0.5, 1], names=["x", "y", "z"], seconds=2.5, faces=6, speed=4, seed=9,
        topology="x-y,y-z", clock="vector", offset_ms=[0, -1.5, 2], skew_ppm=[0.0015, 0, 0],
    )  # fmt: skip
    one, two, three = plan_run(scenario, 3)
    assert (one.name, two.name, three.name) == ("x", "y", "z")
    assert [plan.position for plan in (one, two, three)] == [0, 1, 2]
    assert [plan.peers for plan in (one, two, three)] == [("y",), ("x", "z"), ("y",)]
    assert [plan.peer_positions for plan in (one, two, three)] == [(1,), (0, 2), (1,)]
    assert [plan.rate for plan in (one, two, three)] == [6, 0.5, 1]
    assert (two.schedule.rate_num, two.schedule.rate_den) == (1, 2)
    assert (two.schedule.speed_num, two.schedule.speed_den) == (4, 1)
    assert {plan.end_ns for plan in (one, two, three)} == {2_500_000_000}
    assert {plan.die for plan in (one, two, three)} == {scenario.die}
    assert {(plan.seed, plan.run, plan.size, plan.clock, plan.process) for plan in (one, two)} == {
        (9, 3, 3, "vector", "die")
    }
    physical = [(plan.physical.offset_ns, plan.physical.skew_ppb) for plan in (one, two, three)]
    assert physical == [(0, 1), (-1500000, 0), (2000000, 0)]


def test_a_physical_clock_is_rounded_down() -> None:
    clock = PhysicalClock(offset_ns=-5, skew_ppb=3)
    assert clock.reading_ns(100, 10**9) == 98
    assert clock.reading_ns(100, 10**9 - 1) == 97
    assert clock.reading_ns(100, 0) == 95
    assert PhysicalClock(skew_ppb=-1).reading_ns(0, 1) == -1


@given(st.integers(-(10**12), 10**12), st.integers(-(10**9), 10**9), st.integers(1, 10**18))
def test_a_physical_clock_is_exact_if_it_never_errs(offset: int, skew: int, since: int) -> None:
    for clock in (PhysicalClock(offset, skew), PhysicalClock(offset), PhysicalClock(0, skew)):
        errs = any(clock.reading_ns(0, at) != 0 for at in (0, since, 10**9))
        assert clock.is_exact == (not errs)
    assert PhysicalClock().is_exact


@given(rates, st.integers(0, 10**10), st.integers(-(10**10), 10**10))
def test_no_tick_is_due_before_the_first(rate: Fraction, phase: int, until_phase: int) -> None:
    schedule = Schedule(rate.numerator, rate.denominator, phase)
    count = schedule.ticks_before(phase + until_phase)
    assert count >= 0
    assert (count == 0) == (until_phase <= 0)
    if count:
        assert schedule.due_ns(count - 1) < phase + until_phase <= schedule.due_ns(count)
