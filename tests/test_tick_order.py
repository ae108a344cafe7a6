"""The order of an engine's ticks, against a plain sort of all; mailboxes; the garbage collector."""

import gc
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import driftlab
from driftlab.freezing import freezing
from driftlab.machine.machine import Machine
from driftlab.model.event import Event, EventBatch, Message
from driftlab.model.schedule import Schedule
from driftlab.network.latency import Latency
from driftlab.scenario.plan import plan_run
from driftlab.simulator import engine
from driftlab.simulator.engine import (
    InstantMailbox,
    Mailbox,
    NetworkConfig,
    each_event,
    hyperperiod_ns,
    simulate_run,
    tick_batches,
)

WHOLE = st.integers(1, 9).map(float)
ANY = st.floats(0.01, 50)


def ticks_of(scenario: driftlab.Scenario) -> list[tuple[int, int]]:
    return [
        (begin_ns + due_ns, position)
        for begin_ns, batch in tick_batches(plan_run(scenario, 1))
        for due_ns, position in zip(*batch, strict=True)
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


def test_a_batch_is_used_again_if_the_rates_have_a_hyperperiod() -> None:
    batches = [each for _, each in tick_batches(plan_run(driftlab.Scenario(seconds=90_000), 1))]
    assert len(batches) > 50
    assert len({id(each) for each in batches}) <= 3


@given(st.lists(st.fractions(1, 20, max_denominator=12), min_size=1, max_size=4))
def test_every_schedule_has_whole_ticks_in_the_hyperperiod(rates: list[Fraction]) -> None:
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
def test_an_instant_mailbox_returns_what_a_mailbox_returns(
    steps: list[tuple[int, int, bool]], by_arrival: bool
) -> None:
    """Each step lets some time pass, and then posts a message of a sender or collects."""
    instant = InstantMailbox(None if by_arrival else {name: i for i, name in enumerate("ABCD")})
    general = Mailbox(by_arrival=by_arrival)
    now_ns, last = 0, 0
    for stamp, (passed_ns, sender, is_post) in enumerate(steps):
        if is_post and passed_ns == 0:
            last = sender = max(sender, last)  # at one instant machines act in name order
        now_ns += passed_ns
        last = sender if is_post else last if passed_ns == 0 else 0
        if is_post:
            message = Message("ABCD"[sender], stamp)
            instant.post(now_ns, sender, message)
            general.post(now_ns, sender, message)
        else:
            assert instant.collect(now_ns) == general.collect(now_ns)
        assert len(instant.messages) == len(general.messages)


def test_a_run_stops_before_the_message_that_is_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The slowest of three falls behind for ever, so every limit is met some time."""
    plans = plan_run(driftlab.Scenario(rates=[6, 3, 1], seconds=2000), 1)

    def run() -> tuple[int | None, list[tuple[int, int]]]:
        rows = [(0, 0)]  # (due time, how many messages wait from then on)

        def count(position: int, event: Event, due_ns: int, found: object) -> None:
            more = len(event.targets) - (event.sender is not None)
            rows.append((due_ns, rows[-1][1] + more))

        machines = [Machine(plan) for plan in plans]
        return simulate_run(plans, machines, NetworkConfig(), each_event(count)).stopped_ns, rows

    whole_ns, every = run()
    monkeypatch.setattr(engine, "WAITING_MESSAGES_MAX", 200)
    stopped_ns, rows = run()
    assert whole_ns is None
    assert rows == every[: len(rows)]
    assert max(waiting for _, waiting in rows) == 200
    assert every[len(rows)] == (stopped_ns, 201)


def test_nothing_is_frozen_after_a_run() -> None:
    with freezing() as freeze:
        freeze()
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_objects_that_the_caller_has_frozen_stay_frozen() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with freezing() as freeze:
            freeze()
        assert gc.get_freeze_count() == frozen
    finally:
        gc.unfreeze()


def ignore(batch: EventBatch) -> None:
    pass


@pytest.mark.parametrize(("seconds", "freezes"), [(60, False), (3600, True)])
def test_only_a_long_run_freezes(
    seconds: int, freezes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(gc, "freeze", lambda: calls.append("freeze"))
    monkeypatch.setattr(gc, "unfreeze", lambda: calls.append("unfreeze"))
    plans = plan_run(driftlab.Scenario(rates=[6, 3, 1], seconds=seconds), 1)
    assert len(list(tick_batches(plans))) > 1
    simulate_run(plans, [Machine(plan) for plan in plans], NetworkConfig(), ignore)
    assert (sum(plan.ticks for plan in plans) > engine.FREEZE_TICKS) == freezes
    times = calls.count("freeze")
    assert times <= sum(plan.ticks for plan in plans) // engine.FREEZE_TICKS
    assert times >= 5 * freezes
    assert calls == ["freeze"] * times + ["unfreeze"] * freezes


def test_a_process_of_our_own_freezes_what_a_run_keeps_and_leaves_it_frozen() -> None:
    script = (
        "import gc, driftlab; from driftlab.freezing import freeze_until_exit\n"
        "freeze_until_exit(); before = gc.get_freeze_count()\n"
        "scenario = driftlab.Scenario(rates=[6, 3, 1], seconds=1000)\n"
        "from driftlab.api.simulate_one import simulate_into\n"
        "from driftlab.simulator.engine import each_event\n"
        "kept = []; simulate_into(scenario, 1, each_event(lambda *row: kept.append(row)))\n"
        "print(gc.get_freeze_count() - before > len(kept) // 2 > 4096)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "True\n"


def posted(mailbox: Mailbox, *posts: tuple[int, int, int]) -> Mailbox:
    """Post messages, each given as (arrival, position of the sender, stamp)."""
    for arrival_ns, sender, stamp in posts:
        mailbox.post(arrival_ns, sender, Message("ABC"[sender], stamp))
    return mailbox


def test_a_message_never_overtakes_an_earlier_one_of_its_sender() -> None:
    mailbox = posted(Mailbox(by_arrival=True), (9, 0, 1), (3, 0, 2), (5, 1, 3))
    assert [message.stamp for message in mailbox.collect(6)] == [3]
    assert [message.stamp for message in mailbox.collect(9)] == []
    assert [message.stamp for message in mailbox.collect(10)] == [1, 2]


def test_messages_of_one_instant_are_in_the_order_of_their_senders() -> None:
    mailbox = posted(Mailbox(by_arrival=True), (4, 2, 1), (4, 0, 2), (4, 1, 3), (4, 0, 4))
    assert [message.stamp for message in mailbox.collect(5)] == [2, 4, 3, 1]


def test_by_peers_all_messages_of_a_sender_come_before_the_next() -> None:
    mailbox = posted(Mailbox(by_arrival=False), (1, 1, 1), (2, 0, 2), (3, 1, 3), (3, 0, 4))
    assert [message.stamp for message in mailbox.collect(4)] == [2, 4, 1, 3]


def test_a_run_without_latency_is_known_as_such() -> None:
    assert not NetworkConfig().has_latency
    assert NetworkConfig(latency=Latency("fixed", 1)).has_latency
    assert NetworkConfig(channel_latencies={(0, 1): Latency()}).has_latency


def test_a_channel_latency_holds_for_its_direction_only() -> None:
    plans = plan_run(driftlab.Scenario(rates=[4, 4], phase="aligned", seconds=2, send_all=1), 1)
    config = NetworkConfig("arrival", Latency("fixed", 1), {(0, 1): Latency("fixed", 10**9)})
    found: dict[int, list[tuple[int, int]]] = {0: [], 1: []}

    def note(position: int, event: Event, due_ns: int, messages: Sequence[Message]) -> None:
        found[position] += [(due_ns, message.stamp) for message in messages]

    simulate_run(plans, [Machine(plan) for plan in plans], config, each_event(note))
    assert found[0][0] == (250_000_000, 1)  # from B, sent at 0, with the latency of all channels
    assert found[1][0] == (1_250_000_000, 1)  # from A, sent at 0, with its own of a second


def test_progress_counts_every_tick_that_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "PROGRESS_TICKS", 5000)
    plans = plan_run(driftlab.Scenario(rates=[1000, 1000], seconds=15), 1)
    reports: list[int] = []

    simulate_run(plans, [Machine(plan) for plan in plans], NetworkConfig(), ignore, reports.append)
    assert reports == sorted(set(reports))
    assert all(after - before >= 5000 for before, after in pairwise([0, *reports]))
    assert 3 <= len(reports) <= 6
