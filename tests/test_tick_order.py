"""The order of an engine's work, against a plain sort of every tick of a run."""

import gc
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import driftlab
from driftlab.machine.machine import Machine
from driftlab.model.event import Event, Message
from driftlab.model.schedule import Schedule
from driftlab.scenario.plan import plan_run
from driftlab.simulator import engine
from driftlab.simulator.engine import (
    InstantMailbox,
    Mailbox,
    NetworkConfig,
    gc_frozen,
    simulate_run,
)
from driftlab.simulator.tick_order import hyperperiod_ns, tick_batches

WHOLE = st.integers(1, 9).map(float)
ANY = st.floats(0.01, 50)


def ticks_of(scenario: driftlab.Scenario) -> list[tuple[int, int]]:
    return [
        (begin_ns + due_ns, position)
        for begin_ns, stretch in tick_batches(plan_run(scenario, 1))
        for due_ns, position in zip(*stretch, strict=True)
    ]


@given(
    st.lists(WHOLE, min_size=2, max_size=5) | st.lists(ANY, min_size=2, max_size=5),
    st.sampled_from(["random", "aligned"]),
    st.sampled_from([0.5, 7.25, 300]),
)
def test_every_tick_comes_once_in_the_order_of_due_time_and_position(
    rates: list[float], phase: str, seconds: float
) -> None:
    keys = {"rates": rates, "phase": phase, "seconds": seconds}
    scenario = driftlab.Scenario.from_dict(keys)
    plain = sorted(
        (plan.schedule.due_ns(tick), plan.position)
        for plan in plan_run(scenario, 1)
        for tick in range(plan.ticks)
    )
    assert ticks_of(scenario) == plain


def test_a_stretch_serves_again_where_the_rates_have_a_common_period() -> None:
    stretches = [each for _, each in tick_batches(plan_run(driftlab.Scenario(seconds=90_000), 1))]
    assert len(stretches) > 50
    assert len({id(each) for each in stretches}) <= 3


@given(st.lists(st.fractions(1, 20, max_denominator=12), min_size=1, max_size=4))
def test_every_schedule_has_whole_ticks_in_the_common_period(rates: list[Fraction]) -> None:
    schedules = [Schedule(rate.numerator, rate.denominator, 0) for rate in rates]
    period_ns = hyperperiod_ns(schedules)
    for rate, schedule in zip(rates, schedules, strict=True):
        ticks = rate * period_ns / 10**9
        assert ticks.denominator == 1
        assert schedule.due_ns(ticks.numerator + 7) == schedule.due_ns(7) + period_ns


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.booleans()), max_size=40),
    st.booleans(),
)
def test_a_prompt_box_gives_what_a_postbox_gives(
    steps: list[tuple[int, int, bool]], by_arrival: bool
) -> None:
    """A step lets so much time pass and posts for a sender, or collects what is there."""
    prompt = InstantMailbox(None if by_arrival else {name: i for i, name in enumerate("ABCD")})
    general = Mailbox(by_arrival=by_arrival)
    now_ns, last = 0, 0
    for stamp, (passed_ns, sender, is_post) in enumerate(steps):
        if is_post and passed_ns == 0:
            last = sender = max(sender, last)  # of one instant, machines act in name order
        now_ns += passed_ns
        last = sender if is_post else last if passed_ns == 0 else 0
        if is_post:
            message = Message("ABCD"[sender], stamp)
            prompt.post(now_ns, sender, message)
            general.post(now_ns, sender, message)
        else:
            assert prompt.collect(now_ns) == general.collect(now_ns)
        assert len(prompt.messages) == len(general.messages)


def test_a_run_stops_before_the_very_message_that_is_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The slowest of three falls behind for ever, so every limit is met some time."""
    plans = plan_run(driftlab.Scenario(rates=[6, 3, 1], seconds=2000), 1)

    def run() -> tuple[int | None, list[tuple[int, int]]]:
        rows = [(0, 0)]  # when due, and how many wait from then on

        def count(position: int, event: Event, due_ns: int, found: object) -> None:
            more = len(event.targets) - (event.sender is not None)
            rows.append((due_ns, rows[-1][1] + more))

        machines = [Machine(plan) for plan in plans]
        return simulate_run(plans, machines, NetworkConfig(), count).stopped_ns, rows

    whole_ns, every = run()
    monkeypatch.setattr(engine, "WAITING_MESSAGES_MAX", 200)
    stopped_ns, rows = run()
    assert whole_ns is None
    assert rows == every[: len(rows)]
    assert max(waiting for _, waiting in rows) == 200
    assert every[len(rows)] == (stopped_ns, 201)


def test_the_collector_is_as_it_was_when_a_run_is_over() -> None:
    with gc_frozen() as spare:
        spare()
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_what_others_have_frozen_stays_frozen() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with gc_frozen() as spare:
            spare()
        assert gc.get_freeze_count() == frozen
    finally:
        gc.unfreeze()
