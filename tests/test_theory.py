"""Theory against itself, against known values, and against the simulator."""

from itertools import combinations_with_replacement, pairwise
from math import isclose, sqrt

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import driftlab
from driftlab import Scenario
from driftlab.theory.clock_chain import TooManyStatesError, clock_rate
from driftlab.theory.formulas import (
    DieProbabilities,
    Inflow,
    classify,
    clock_rate_bounds,
    equal_pair_rate,
    equal_triple_rate,
    free_ticks,
    inflow,
    live_machines,
    mean_queue,
    pair_rate,
    queue_at_most,
    queue_spread,
    saturated_jumps,
    stable_queue,
)
from driftlab.theory.prediction import METHODS, NoTheoryError, predict
from driftlab.theory.queue_chain import TooLargeError, queue_lengths

DICE = (10, 5, 4, 3)
TRIPLES = list(combinations_with_replacement(range(6, 0, -1), 3))
RATES = st.lists(st.floats(0.1, 100), min_size=1, max_size=8)
PROBABILITIES = st.floats(0, 1)


def faces(number: int) -> DieProbabilities:
    return DieProbabilities(2 / number, 1 / number)


def simulated(scenario: Scenario) -> driftlab.Runs:
    runs = driftlab.simulate(scenario)
    assert isinstance(runs, driftlab.Runs)
    return runs


# Flow.


@given(rates=RATES, q=st.floats(0, 0.99))
def test_free_ticks_balance_what_arrives(rates: list[float], q: float) -> None:
    free = free_ticks(rates, q)
    every = sum(free)
    for rate, own in zip(rates, free, strict=True):
        assert own >= 0
        if own:
            assert isclose(own, rate - q * (every - own), rel_tol=1e-9, abs_tol=1e-9)
        else:
            assert rate <= q * every * (1 + 1e-9)


@given(rates=RATES, q=st.floats(0, 0.99))
def test_the_faster_of_two_is_live_if_the_slower_is(rates: list[float], q: float) -> None:
    live = live_machines(rates, q)
    slowest = min(rates[i] for i in live)
    assert all(i in live for i, rate in enumerate(rates) if rate > slowest)


@pytest.mark.parametrize(("number", "ratio"), [(10, 6), (5, 3.5), (4, 3), (3, 2.5)])
def test_the_slowest_of_three_diverges_beyond_the_critical_ratio(number: int, ratio: float) -> None:
    for fast, middle in ((6.0, 5.0), (6.0, 6.0), (5.0, 3.0)):
        slowest = (fast + middle) / ratio
        if slowest > middle:
            continue
        assert isclose(inflow([fast, middle, slowest], faces(number), 2).load, 1, rel_tol=1e-9)


def test_sixty_of_the_triples_of_rates_diverge_with_ten_faces() -> None:
    diverging = [
        (a, b, c)
        for a in range(1, 7)
        for b in range(1, 7)
        for c in range(1, 7)
        for rates in [[a, b, c]]
        if any(inflow(rates, faces(10), i).load > 1 + 1e-9 for i in range(3))
    ]
    assert len(diverging) == 60
    assert all(min(triple) == 1 for triple in diverging)


@pytest.mark.parametrize("rates", [(3, 3, 1), (4, 2, 1), (5, 1, 1), (6, 6, 2)])
def test_critical_triples(rates: tuple[int, int, int]) -> None:
    flow = inflow(rates, faces(10), 2)
    assert isclose(flow.load, 1, rel_tol=1e-9)
    assert classify(flow.load) == "critical"


def test_the_second_machine_saturates_and_then_sends_nothing() -> None:
    assert free_ticks([6, 1, 1], 0.2)[1:] == [0, 0]
    assert isclose(inflow([6, 1, 1], faces(10), 2).rate, 0.2 * 6)  # not q (r1 + r2)/(1 + q)
    runs = simulated(Scenario(rates=[6, 1, 1], seconds=4000, runs=100))
    grown = np.mean([run.machines[2].queue.last for run in runs]) / 4000
    assert isclose(grown, 0.2, rel_tol=0.03)


# Queues.

FLOWS = st.builds(
    Inflow, st.floats(0.01, 10), st.floats(0.1, 5), st.floats(0.01, 10), st.integers(1, 5)
)


@example(flow=Inflow(9.984375, 1.0, 8.5, 1), rate=6.96875, seconds=45.0)  # a far tail
@given(flow=FLOWS, rate=st.floats(0.05, 10), seconds=st.floats(1, 500))
def test_the_distribution_of_a_queue_is_one(flow: Inflow, rate: float, seconds: float) -> None:
    shares = [queue_at_most(flow, rate, seconds, length) for length in range(0, 60, 3)]
    assert all(0 <= share <= 1 for share in shares)
    assert all(one <= other + 1e-9 for one, other in pairwise(shares))


def test_mean_and_spread_agree_with_the_distribution() -> None:
    flow = inflow([6, 3, 1], faces(10), 2)
    above = [1 - queue_at_most(flow, 1, 60, length) for length in range(200)]
    mean = sum(above)
    second = sum((2 * length + 1) * share for length, share in enumerate(above))
    assert abs(mean - mean_queue(flow, 1, 60)) < 1
    assert isclose(queue_spread(flow, 1, 60), sqrt(second - mean**2), rel_tol=1e-3)


def test_a_queue_at_its_critical_load_grows_with_the_root_of_time() -> None:
    flow = Inflow(1.0, 1.0, 2.0, 2)
    assert isclose(mean_queue(flow, 1.0, 100), sqrt(2 * 2 * 100 / np.pi) - 0.5)
    near = Inflow(1.0 + 1e-7, 1.0, 2.0, 2)
    assert isclose(mean_queue(near, 1.0, 100), mean_queue(flow, 1.0, 100), rel_tol=1e-3)


def test_the_stable_queue_is_the_limit_of_the_transient_one() -> None:
    flow = inflow([6, 5, 3], faces(10), 2)
    assert isclose(stable_queue(flow), mean_queue(flow, 3, 1e5), abs_tol=0.1)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize(
    ("rates", "number"), [((6, 3, 1), 10), ((6, 6, 6), 3), ((3, 3, 1), 10), ((5, 2), 4)]
)
def test_the_queue_chain_is_what_the_simulator_does(
    rates: tuple[int, ...], number: int, aligned: bool
) -> None:
    is_three = len(rates) == 3
    scenario = Scenario(
        rates=list(rates), faces=number if is_three else None,
        send_one=None if is_three else 0.3, send_all=None if is_three else 0.1,
        seconds=60, runs=1000, seed=5, phase="aligned" if aligned else "random",
    )  # fmt: skip
    die = faces(number) if len(rates) == 3 else DieProbabilities(0.3, 0.1)
    runs = simulated(scenario)
    predicted = queue_lengths(rates, die, 60, aligned=aligned)
    for machine, queue in enumerate(predicted):
        last = np.array([run.machines[machine].queue.last for run in runs])
        mean = np.array([run.machines[machine].queue.mean for run in runs])
        error = 4.5 * queue.last_sd / sqrt(len(last)) + 0.02
        assert abs(last.mean() - queue.last_mean) < error
        assert abs(mean.mean() - queue.mean) < 4.5 * mean.std() / sqrt(len(mean)) + 0.02
        assert isclose(last.std(), queue.last_sd, rel_tol=0.12, abs_tol=0.05)
        assert abs((last <= queue.quantile(0.9)).mean() - 0.9) < 0.12 or queue.last_sd < 1
        assert isclose(sum(queue.last), 1, abs_tol=1e-3)


def test_queues_too_large_for_a_table_are_refused() -> None:
    with pytest.raises(TooLargeError):
        queue_lengths([6] * 12, faces(10), 60)


# Clock rates.


@pytest.mark.parametrize("q", [0.1, 0.2, 0.4, 0.5, 2 / 3])
def test_two_equal_machines_have_the_exact_rate(q: float) -> None:
    die = DieProbabilities(0, q)
    assert isclose(clock_rate([3, 3], die).rate, equal_pair_rate(3, q), rel_tol=1e-4)
    assert pair_rate(3, 3, q) == equal_pair_rate(3, q)
    assert isclose(pair_rate(3.000001, 3, q), equal_pair_rate(3, q), rel_tol=1e-3)


@pytest.mark.parametrize("q", [0.1, 0.2, 0.45, 0.7, 0.9])
@pytest.mark.parametrize("by_socket", [False, True])
def test_three_equal_machines_that_send_to_both_have_a_closed_form(
    q: float, by_socket: bool
) -> None:
    chain = clock_rate([4, 4, 4], DieProbabilities(0, q), by_socket=by_socket)
    assert isclose(chain.rate, equal_triple_rate(4, q), rel_tol=2e-4)
    found = predict(Scenario(rates=[4, 4, 4], send_one=0, send_all=q), quick=True)
    assert found.clock_rate == equal_triple_rate(4, q)
    assert found.machines[0].method["clock_per_second"] == "triple"


@pytest.mark.parametrize("rates", [(6, 3), (6, 3, 1), (5, 2, 2), (6, 1, 1), (4,)])
def test_the_fastest_alone_sets_the_pace_if_no_other_has_more_than_half_its_rate(
    rates: tuple[int, ...],
) -> None:
    assert clock_rate(rates, faces(10)).rate == rates[0]


@pytest.mark.parametrize("q", [0.1, 0.2, 0.4, 0.5])
@pytest.mark.parametrize("slow", [5, 4, 3.5])
def test_the_closed_form_of_a_pair_is_near_its_chain(q: float, slow: float) -> None:
    if slow <= 6 * q:
        pytest.skip("the slower machine is saturated")
    chain = clock_rate([6, slow], DieProbabilities(0, q)).rate
    assert isclose(pair_rate(6, slow, q), chain, rel_tol=0.011)


@settings(max_examples=15)
@given(rates=st.lists(st.integers(1, 6), min_size=2, max_size=3), number=st.sampled_from(DICE))
def test_the_clock_rate_is_within_its_bounds(rates: list[int], number: int) -> None:
    low, high = clock_rate_bounds(rates)
    assert low - 1e-9 <= clock_rate(rates, faces(number)).rate <= high + 1e-9


@pytest.mark.parametrize(
    ("rates", "number"),
    [((6, 6, 6), 10), ((6, 5, 5), 10), ((6, 5, 4), 5), ((6, 6, 4), 10), ((4, 4, 3), 3),
     ((6, 4, 1), 10)],
)  # fmt: skip
@pytest.mark.parametrize("phase", ["random", "aligned"])
def test_the_chain_predicts_the_clocks_of_the_simulator(
    rates: tuple[int, ...], number: int, phase: str
) -> None:
    scenario = Scenario(rates=list(rates), faces=number, seconds=2000, runs=40, seed=3, phase=phase)
    runs = simulated(scenario)
    measured = np.mean([max(m.clock for m in run.machines) for run in runs]) / 2000
    predicted = clock_rate(rates, faces(number), aligned=phase == "aligned").rate
    assert isclose(predicted, measured, rel_tol=0.004)


def test_a_chain_of_too_many_states_gives_up() -> None:
    with pytest.raises(TooManyStatesError):
        clock_rate([6] * 9, faces(3))


# Jumps.


@given(p=st.floats(0.01, 1))
def test_quantiles_of_geometric_jumps(p: float) -> None:
    jumps = saturated_jumps(1.0, p)
    for share in (0.05, 0.5, 0.95, 0.99):
        at = jumps.quantile(share)
        assert 1 - (1 - jumps.probability) ** at >= share - 1e-9
        assert at == 1 or 1 - (1 - jumps.probability) ** (at - 1) < share + 1e-9


# Predictions.


# Rates, final clocks, the last queue of the slowest, the share of receives; 10 faces, 60 s.
REFERENCE = [
    ((6, 6, 6), (405, 405, 405), 0.1, (0.28, 0.28, 0.28)),
    ((6, 5, 4), (371, 371, 370), 0.3, (0.19, 0.29, 0.42)),
    ((6, 5, 2), (371, 370, 359), 3.7, (0.14, 0.22, 0.88)),
    ((6, 3, 2), (360, 357, 355), 1.1, (0.08, 0.40, 0.72)),
    ((6, 3, 1), (360, 357, 237), 31, (0.06, 0.37, 0.99)),
    ((5, 5, 1), (322, 322, 192), 41, (0.17, 0.17, 0.99)),
]


@pytest.mark.parametrize(("rates", "clocks", "queue", "receives"), REFERENCE)
def test_predictions_are_the_reference_values(
    rates: tuple[int, ...],
    clocks: tuple[int, ...],
    queue: float,
    receives: tuple[float, ...],
) -> None:
    found = predict(Scenario(rates=list(rates)))
    for machine, clock, share in zip(found.machines, clocks, receives, strict=True):
        assert isclose(machine.clock_last["mean"] or 0, clock, abs_tol=13)  # critical: 359
        assert isclose(machine.utilisation, share, abs_tol=0.03)
    assert isclose(found.machines[-1].queue_last["mean"], queue, abs_tol=1.5)  # 3 errors of 41


@pytest.mark.parametrize("quick", [False, True])
def test_every_figure_names_a_method_that_is_explained(quick: bool) -> None:
    found = predict(Scenario(rates=[6, 5, 1]), quick=quick).to_dict()
    for machine in found["machines"]:
        assert set(machine["method"].values()) <= set(found["methods"])
        assert {"queue_last", "clock_per_second", "utilisation"} <= set(machine["method"])
    assert set(found["methods"]) <= set(METHODS)


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ({"rates": [6, 3, 1], "topology": "ring"}, "topology ring"),
        ({"rates": [6, 3, 1], "latency": "fixed:0.1"}, "latency fixed:0.1"),
        ({"rates": [6, 3], "latencies": {"A>B": "fixed:0.1"}}, "latencies"),
        ({"rates": "1..6"}, "rates differ"),
    ],
)
def test_what_the_theory_does_not_cover_is_refused(keys: dict[str, object], word: str) -> None:
    with pytest.raises(NoTheoryError, match=word):
        predict(Scenario.from_dict(keys))


@pytest.mark.parametrize("quick", [False, True])
def test_without_messages_every_clock_counts_its_own_ticks(quick: bool) -> None:
    scenario = Scenario(rates=[6, 3, 1], send_one=0.0, send_all=0.0)
    measured = {machine.name: machine for machine in driftlab.simulate_run(scenario).machines}
    found = predict(scenario, quick=quick)
    for machine in found.machines:
        assert machine.clock_last["mean"] == measured[machine.name].clock
        assert (machine.clock_per_second, machine.jump["mean"]) == (machine.rate, 1)
        assert machine.drift_per_second == machine.rate - 6
        assert (machine.jump["max"], machine.jump["sd"]) == (1, 0)
        assert {machine.method[each] for each in ("clock_per_second", "jump.max")} == {"own"}
    assert "no machine ever sends" in found.remarks


def test_a_clock_is_the_fastest_machines_ticks_only_where_it_alone_is_fast() -> None:
    """Of aligned equal machines no message is ahead either, but for another reason."""
    alone = predict(Scenario(rates=[6, 3, 2])).machines[0].method
    aligned = predict(Scenario(rates=[6, 6, 6], phase="aligned")).machines[0].method
    for figure in ("clock_last", "jump.max"):
        assert (alone[figure], aligned[figure]) == ("fastest", "own")


def test_the_error_of_the_pair_beside_more_machines_is_as_it_says() -> None:
    for machines, most in ((6, 0.12), (12, 0.185)):
        scenario = Scenario(rates=[6] * machines, faces=5, seconds=500, runs=4)
        measured = float(driftlab.simulate_runs(scenario).frame["clock"].to_numpy().mean()) / 500
        assert 0 < 1 - predict(scenario, quick=True).clock_rate / measured < most


@pytest.mark.parametrize("rates", [[6, 6], [6, 5, 4, 3, 2, 1], [0.5, 0.25], [6] * 12])
def test_any_number_of_machines_is_predicted(rates: list[float]) -> None:
    found = predict(Scenario(rates=rates, send_one=0.2, send_all=0.1), quick=len(rates) > 3)
    assert len(found.machines) == len(rates)
    assert found.clock_rate >= max(rates) - 1e-9
