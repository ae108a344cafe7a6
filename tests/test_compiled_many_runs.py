"""Runs that are simulated in lockstep give the same as each run alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlab import Scenario
from driftlab.scenario.plan import plan_run
from driftlab.scenario.validate import WAITING_MESSAGES_MAX
from driftlab.simulator.compiled import many_runs_kernel, many_runs_step
from driftlab.simulator.compiled.eligibility import BATCH_RUNS_MIN, fixed_rates
from driftlab.simulator.compiled.engine import Figures, simulate_dice, simulate_runs
from driftlab.simulator.compiled.many_runs_kernel import can_batch, run_batches
from driftlab.simulator.compiled.memory_layout import allocate, empty, precomputed_phases
from tests.test_compiled_engine import CHANCES, equal, general


def alone(scenario: Scenario) -> Figures:
    """Simulate each run in a call of its own: too few for a batch."""
    runs = [simulate_runs(scenario, [number]) for number in scenario.run_numbers]
    return Figures(*(np.concatenate(tables) for tables in zip(*runs, strict=True)))


def share_batched(scenario: Scenario) -> float:
    """Return the share of the runs that batches could simulate."""
    arena = allocate(scenario, 1)
    if not can_batch(arena, scenario.runs, WAITING_MESSAGES_MAX):
        return 0.0
    own = empty(scenario.run_numbers, scenario.size)
    own.rates[:] = fixed_rates(scenario) or 0
    done = np.zeros(scenario.runs, np.bool_)
    list(run_batches(arena, precomputed_phases(scenario, arena.cursors, own.numbers), own, done))
    return float(done.mean())


@given(
    st.one_of(
        st.lists(st.sampled_from([1, 2, 3, 4, 6, 0.5]), min_size=3, max_size=3),
        st.just("1..3"),
    ),
    CHANCES, st.sampled_from(["peers", "arrival"]), st.sampled_from(["random", "aligned"]),
    st.sampled_from([0.3, 1, 20, 61.7]), st.integers(0, 2**64 - 1), st.integers(1, 2**50),
)  # fmt: skip
@settings(max_examples=40)
def test_each_run_of_many_is_the_run_alone(
    rates: object, chances: dict[str, object], order: str, phase: str, seconds: float, seed: int,
    first_run: int,
) -> None:  # fmt: skip
    scenario = Scenario.from_dict({
        "rates": rates, **chances, "order": order, "phase": phase, "seconds": seconds,
        "seed": seed, "first_run": first_run, "runs": 150,
    })  # fmt: skip
    assert equal(simulate_runs(scenario), alone(scenario))


def test_most_runs_of_one_minute_are_batched() -> None:
    assert share_batched(Scenario(rates=[6, 3, 1], runs=3000)) > 0.95
    assert share_batched(Scenario(rates=[6, 3, 1], runs=3000, order="arrival")) > 0.95
    assert share_batched(Scenario(rates=[6, 3, 1], runs=BATCH_RUNS_MIN - 1)) == 0


@pytest.mark.parametrize("order", ["peers", "arrival"])
def test_a_batched_run_is_that_of_the_general_engine(order: str) -> None:
    scenario = Scenario.from_dict({"rates": [6, 3, 1], "runs": 500, "seed": 8, "order": order})
    digests = simulate_runs(scenario).digest.tolist()
    for number in range(1, 500, 25):
        assert digests[number - 1] == general(scenario, number).digest()


@pytest.mark.parametrize("seconds", [90, 130, 600, 1100])
def test_a_run_whose_queue_outgrows_its_ring_is_simulated_again(seconds: float) -> None:
    scenario = Scenario(rates=[6, 3, 1], seconds=seconds, runs=400, seed=2)
    assert (share_batched(scenario) > 0.7) == (seconds <= 600)  # a queue of 300 fits large rings
    assert equal(simulate_runs(scenario), alone(scenario))


def test_runs_with_two_ticks_at_one_instant_are_not_batched() -> None:
    assert share_batched(Scenario(rates=[6, 3, 1], runs=300, phase="aligned")) == 0


@pytest.mark.parametrize(
    "keys",
    [
        {"rates": [6, 3]},
        {"rates": [6, 3, 1, 1]},
        {"rates": [6, 3, 1], "latency": "fixed:0.1"},
        {"rates": [6, 3, 1], "topology": "star"},
        {"rates": [6.1234567, 3, 1]},
        {"rates": [600, 300, 100]},
        {"rates": [6, 3, 1], "seconds": 1e6},
    ],
)
def test_scenarios_that_cannot_be_batched_are_not(keys: dict[str, object]) -> None:
    assert share_batched(Scenario.from_dict({**keys, "runs": 100})) == 0


MINUTE = Scenario(rates=[6, 3, 1], runs=100)


def test_every_limit_of_batches_is_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    arena = allocate(MINUTE, 1)
    rings = many_runs_step.RINGS * many_runs_kernel.RING_MESSAGES
    assert can_batch(arena, BATCH_RUNS_MIN, rings + 1)
    assert not can_batch(arena, BATCH_RUNS_MIN - 1, rings + 1)
    assert not can_batch(arena, BATCH_RUNS_MIN, rings)  # a full ring would hide the limit
    limits = {"PERIOD_TICKS_MAX": len(arena.window.dues), "RUN_TICKS_MAX": 61 * 14}
    for limit, value in limits.items():
        with monkeypatch.context() as patch:
            patch.setattr(many_runs_kernel, limit, value)
            assert can_batch(arena, 100, WAITING_MESSAGES_MAX), limit
            patch.setattr(many_runs_kernel, limit, value - 1)
            assert not can_batch(arena, 100, WAITING_MESSAGES_MAX), limit
    monkeypatch.setattr(many_runs_kernel, "PERIOD_TICKS_MAX", 10**9)
    without_period = allocate(Scenario(rates=[6.1234567, 3, 1]), 1, repeats=False)
    assert not can_batch(without_period, 100, WAITING_MESSAGES_MAX)


@pytest.mark.parametrize("seconds", [0.5, 1, 1.01, 60, 60.9])
def test_the_ticks_of_a_run_are_never_underestimated(seconds: float) -> None:
    scenario = Scenario(rates=[6, 3, 1], seconds=seconds)
    ticks = sum(plan.ticks for plan in plan_run(scenario, 1))
    assert ticks <= many_runs_kernel._run_ticks(allocate(scenario, 1)) <= 1.5 * ticks + 14


def test_batches_are_full_but_the_last() -> None:
    """Of 16 lanes at least 8 are used."""
    for rows in (0, 7, 8, 15, 16, 17, 39, 40):
        batches = many_runs_kernel._batches(np.arange(100, 100 + rows))
        used = [row for batch in batches.tolist() for row in batch if row >= 0]
        left = 0 if rows % 16 >= 8 else rows % 16
        assert used == list(range(100, 100 + rows - left))
        assert batches.shape == (-(-(rows - left) // 16), 16)


def test_runs_whose_rates_are_drawn_share_batches_whatever_their_orders() -> None:
    for order in ("peers", "arrival"):
        scenario = Scenario(rates="1..6", runs=500, order=order)
        assert share_batched(scenario) > 0.97
        assert differing(scenario, range(0, 500, 20)) == []


def test_a_run_with_two_ticks_at_one_instant_is_left_out_of_its_batch() -> None:
    """Three runs in a thousand: periods are a thousand nanoseconds, and phases drawn."""
    scenario = Scenario(rates=[1e6, 1e6, 1e6], seconds=0.0000317, runs=4000, seed=3)
    arena, figures = allocate(scenario, 1), empty(scenario.run_numbers, 3)
    figures.rates[:] = 1e6
    done = np.zeros(scenario.runs, np.bool_)
    phases = precomputed_phases(scenario, arena.cursors, figures.numbers)
    assert can_batch(arena, scenario.runs, WAITING_MESSAGES_MAX)
    list(run_batches(arena, phases, figures, done))
    tied = [row for row, due in enumerate(figures.first_due_ns.tolist()) if len(set(due)) < 3]
    assert tied
    assert not done[tied].any()
    assert done.mean() > 0.99
    assert differing(scenario, range(tied[0], tied[0] + 1)) == []


def test_batches_are_given_up_where_most_runs_outgrow_their_rings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(many_runs_kernel, "SLICE_TICKS", 1)  # a batch each
    long = Scenario(rates=[6, 3, 1], seconds=3000, runs=300, seed=2)
    arena, figures = allocate(long, 1), empty(long.run_numbers, 3)
    figures.rates[:] = (6, 3, 1)
    phases = precomputed_phases(long, arena.cursors, figures.numbers)
    done = np.zeros(300, np.bool_)
    # Small rings are not tried, and large ones once.
    assert len(list(run_batches(arena, phases, figures, done))) == 1
    assert not done.any()
    short = Scenario(rates=[6, 3, 1], seconds=30, runs=300, seed=2)
    arena = allocate(short, 1)
    slices = list(run_batches(arena, phases, figures, done))
    assert len(slices) > 5
    assert done.any()


def test_progress_counts_each_tick_once() -> None:
    seen: list[tuple[int, int]] = []
    scenario = Scenario(rates=[6, 3, 1], seconds=90, runs=5000)
    simulate_runs(scenario, cores=1, on_progress=lambda *ticks: seen.append(ticks))
    assert seen[-1] == (4_500_000, 4_500_000)


def differing(scenario: Scenario, rows: range) -> list[int]:
    """Return which of many runs differ from those of the general engine."""
    figures = simulate_runs(scenario)
    return [
        row
        for row in rows
        if int(figures.digest[row]) != general(scenario.for_run(row + 1), row + 1).digest()
    ]


@pytest.mark.parametrize(("rates", "seconds"), [("1..3", 60.9), ("1..2", 61.7), ("1..6", 60.9)])
def test_runs_of_other_rates_never_share_a_schedule(rates: str, seconds: float) -> None:
    """Where little of a last second is left, and rates are drawn, orders look alike."""
    scenario = Scenario(rates=rates, seconds=seconds, runs=3000, seed=1)
    assert differing(scenario, range(120)) == []


def test_a_ring_that_is_full_to_its_last_place_is_not_trusted() -> None:
    scenario = Scenario(rates=[10, 1, 1], seconds=12, faces=3, runs=3000, seed=5)
    figures = simulate_runs(scenario)
    full = [row for row in range(3000) if figures.queue_max[row].max() == 63]
    assert len(full) > 20
    wrong = [
        row
        for row in full
        if int(figures.digest[row]) != general(scenario.for_run(row + 1), row + 1).digest()
    ]
    assert wrong == []


@pytest.mark.parametrize("rates", [[6, 3, 1], [4, 4, 1], [6.1234567, 3, 1], "1..3"])
def test_runs_of_several_dice_together_are_those_of_each_alone(rates: object) -> None:
    """Also those that fit small rings, large ones and none, and those without a batch."""
    keys = {"rates": rates, "seconds": 200, "seed": 3, "runs": 200}
    one = [Scenario.from_dict({**keys, "faces": faces}) for faces in (3, 4, 10)]
    scenarios = [*one, Scenario.from_dict({**keys, "send_one": 1})]
    numbers = range(11, 211)
    together = simulate_dice(scenarios, numbers, cores=2)
    for scenario, figures in zip(scenarios, together, strict=True):
        assert equal(figures, simulate_runs(scenario, numbers, cores=1))


def test_dice_of_machines_that_no_batch_takes_are_simulated_one_by_one() -> None:
    scenarios = [Scenario(rates=[6, 3, 2, 1], faces=faces, runs=70) for faces in (4, 10)]
    for scenario, figures in zip(scenarios, simulate_dice(scenarios, range(1, 71)), strict=True):
        assert equal(figures, simulate_runs(scenario))


def test_a_queue_that_is_expected_to_grow_gets_large_rings_at_once() -> None:
    """What is expected costs time only: what comes out is the same."""
    bounds = np.array([many_runs_kernel._bounds(*Scenario(faces=faces).die) for faces in (10, 3)])
    figures = empty([1, 1, 2, 2], 3)
    for seconds, expected in ((60, [False, True] * 2), (600, [True, True] * 2)):
        scenario = Scenario(rates=[6, 3, 1], seconds=seconds)
        figures.rates[:] = (6, 3, 1)
        found = many_runs_kernel._is_to_outgrow(allocate(scenario, 1), figures, bounds)
        assert found.tolist() == expected
