"""Which engine is chosen: the one that is estimated to be done first, loading included."""

import subprocess
import sys
from typing import Any

import pytest

from driftlab import Scenario
from driftlab.api import engine_choice
from driftlab.api import simulate as api_simulate
from driftlab.api.engine_choice import (
    COMPILED_CALL_S,
    GENERAL_TICK_S,
    LOADING_MIN_S,
    PROCESSES_START_S,
    TICKS_WORTH_COMPILING,
    choose_engine,
    general_s,
    needs_compiling,
)
from driftlab.simulator.compiled import eligibility
from driftlab.simulator.compiled.eligibility import CACHE, is_compiled, kernels, loading_s

TICKS = 780  # of a run of a minute of 6, 6, 1


def minute(runs: int = 1, **keys: Any) -> Scenario:
    return Scenario(rates=[6, 6, 1], seconds=60, runs=runs, **keys)


def state(
    monkeypatch: pytest.MonkeyPatch, *, kept: bool = True, loaded: bool = False, numba: bool = False
) -> None:
    """Pretend that all kernels are in the cache, or in memory, and Numba imported."""
    every = {name for history in (False, True) for name in kernels(minute(64), history=history)}
    monkeypatch.setattr(CACHE, "has", lambda label: kept)
    monkeypatch.setattr(CACHE, "loaded", every if loaded else set())
    modules = dict(sys.modules)
    for name, there in (("numba", numba or loaded), (engine_choice._COMPILED, loaded)):
        modules.pop(name, None)
        if there:
            modules[name] = sys
    monkeypatch.setattr(engine_choice, "sys", type("sys", (), {"modules": modules}))
    monkeypatch.setattr(eligibility, "sys", type("sys", (), {"modules": modules}))


def break_even(**options: Any) -> int:
    """Return the least number of runs that are simulated by the compiled engine."""
    return next(
        runs for runs in range(1, 20_000) if choose_engine(minute(runs), 1, **options) == "compiled"
    )


def test_a_fresh_process_compiles_where_loading_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    state(monkeypatch)
    runs = break_even()
    loading = loading_s(minute(runs), history=False)
    assert 0.3 < loading < 0.7
    assert runs * TICKS * GENERAL_TICK_S == pytest.approx(loading, rel=0.02)
    assert choose_engine(minute(10_000), 1) == "compiled"
    state(monkeypatch, numba=True)
    assert break_even() < runs * 0.6


def test_a_process_that_has_loaded_the_kernels_uses_them_for_almost_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state(monkeypatch, loaded=True)
    assert loading_s(minute(), history=False) == 0
    assert break_even() == 1
    assert TICKS * GENERAL_TICK_S > COMPILED_CALL_S
    assert choose_engine(Scenario(rates=[6, 6, 1], seconds=4), 1) == "general"
    assert choose_engine(minute(), 1, history=True) == "compiled"
    assert choose_engine(Scenario(rates=[6, 6, 1], seconds=10), 1, history=True) == "general"


def test_what_was_never_compiled_is_compiled_for_millions_of_ticks_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state(monkeypatch, kept=False)
    assert needs_compiling(minute())
    enough = -(-TICKS_WORTH_COMPILING // TICKS)
    assert choose_engine(minute(enough), 1) == "compiled"
    assert choose_engine(minute(enough - 1), 1) == "general"
    assert choose_engine(minute(enough - 1), 1, spent_s=100) == "general"


@pytest.mark.parametrize("kept", [True, False])
def test_kernels_are_chosen_by_what_the_scenario_needs(
    monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """With latency, or with a history, other machine code runs: it may not be there yet."""
    plain = {"run_some.no_delay.no_history"}
    batch = {"tick_order_words", "run_batch_kernel"}
    assert set(kernels(minute(), history=False)) == plain
    assert set(kernels(minute(63), history=False)) == plain
    assert set(kernels(minute(64), history=False)) == plain | batch
    assert set(kernels(minute(64), history=True)) == {"run_some.no_delay"}
    assert set(kernels(minute(64, topology="ring"), history=False)) == plain
    assert set(kernels(Scenario(rates=[1, 2], runs=64), history=False)) == plain
    late = minute(64, latency="fixed:1")
    assert set(kernels(late, history=False)) == {"run_some.no_history"}
    assert set(kernels(late, history=True)) == {"run_some"}
    monkeypatch.setattr(CACHE, "loaded", set())
    monkeypatch.setattr(CACHE, "has", lambda label: label in plain and kept)
    assert is_compiled(minute()) == kept
    assert not is_compiled(minute(64))
    assert not is_compiled(minute(), history=True)
    assert not is_compiled(late)
    monkeypatch.setattr(CACHE, "loaded", plain | batch)
    assert is_compiled(minute(64))


def test_processes_are_started_where_they_pay_and_nothing_is_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state(monkeypatch, kept=False)
    pays = next(runs for runs in range(2, 1000) if choose_engine(minute(runs), 2) != "general")
    assert choose_engine(minute(pays), 2) == "processes"
    assert general_s(minute(pays)) == pytest.approx(2 * PROCESSES_START_S, rel=0.02)
    assert choose_engine(minute(pays), 1) == "general"
    assert choose_engine(minute(pays), 2, history=True) == "general"
    assert choose_engine(Scenario(rates=[6, 6, 1], seconds=60 * pays), 2) == "general"
    assert choose_engine(minute(2).replace(seconds=30 * pays), 16) == "processes"
    assert choose_engine(minute(pays // 2), 2, journals=True) == "processes"
    state(monkeypatch)
    assert choose_engine(minute(pays), 2, journals=True) == "processes"
    assert choose_engine(minute(1000), 2) == "compiled"
    assert choose_engine(minute(1000), 2, journals=True) == "processes"


def test_many_cores_are_used_before_anything_is_loaded_if_that_is_faster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state(monkeypatch)
    assert choose_engine(minute(200), 2) == "compiled"
    assert choose_engine(minute(200), 64) == "processes"
    assert choose_engine(minute(20_000), 64) == "compiled"


def test_more_workers_than_runs_are_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    state(monkeypatch, kept=False)
    two = minute(2).replace(seconds=60 * 75)  # together 0.4 s
    assert PROCESSES_START_S < general_s(two) < 2 * PROCESSES_START_S
    assert choose_engine(two, 64) == "general"
    assert choose_engine(two.replace(runs=150, seconds=60), 64) == "processes"


def test_exactly_the_ticks_that_are_worth_compiling_are_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state(monkeypatch, kept=False)
    scenario = Scenario(rates=[5, 5], seconds=TICKS_WORTH_COMPILING // 10)
    assert scenario.expected_ticks == TICKS_WORTH_COMPILING
    assert choose_engine(scenario, 1) == "compiled"
    assert choose_engine(scenario.replace(seconds=scenario.seconds - 1), 1) == "general"


@pytest.mark.parametrize("keys", [{"clock": "vector"}, {"latencies": {"A>B": "fixed:1"}}])
def test_what_cannot_be_compiled_never_is(
    monkeypatch: pytest.MonkeyPatch, keys: dict[str, Any]
) -> None:
    state(monkeypatch, loaded=True)
    assert choose_engine(minute(100_000, **keys), 1) == "general"


def test_many_small_calls_pay_for_the_loading_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each alone is faster in the general engine; the process loads when they sum up."""
    state(monkeypatch)
    assert general_s(minute()) < LOADING_MIN_S
    assert choose_engine(minute(), 1) == "general"
    loading = loading_s(minute(), history=False)
    assert choose_engine(minute(), 1, spent_s=loading / 2) == "general"
    assert choose_engine(minute(), 1, spent_s=loading) == "compiled"
    tiny = Scenario(rates=[6, 6, 1], seconds=1)  # which the call alone would make slower
    assert choose_engine(tiny, 1, spent_s=100) == "general"


def test_simulate_adds_up_what_small_calls_have_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    spent: list[float] = []

    def choose(scenario: Scenario, workers: int, **options: Any) -> str:
        spent.append(options["spent_s"])
        return "general"

    monkeypatch.setattr(api_simulate, "_SPENT_S", [0.0])
    monkeypatch.setattr(api_simulate, "choose_engine", choose)
    for scenario in (minute(), minute(2), minute(clock="vector"), minute()):
        api_simulate.simulate(scenario)
    one = general_s(minute())
    assert spent == pytest.approx([0, one, 3 * one, 3 * one])


def test_to_choose_imports_no_compiler() -> None:
    program = (
        "import sys\n"
        "from driftlab import Scenario\n"
        "from driftlab.api.engine_choice import choose_engine\n"
        "small, large = Scenario(rates=[6, 3, 1]), Scenario(rates=[6, 3, 1], runs=10_000)\n"
        "assert choose_engine(small, 2) == 'general'\n"
        "assert 'driftlab.simulator.compiled.eligibility' not in sys.modules\n"
        "assert choose_engine(large, 2) == 'compiled'\n"
        "assert not {'numba', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
