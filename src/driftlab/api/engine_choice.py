"""Which engine simulates a scenario, decided by estimated time. The results are the same.

The general engine starts at once and takes microseconds a tick; on several
processes it is faster after these have started. The compiled engine takes a
few nanoseconds a tick, but half a second to load, and ten to compile if its
machine code is not in the cache. In a process that has loaded it, all but the
smallest scenarios are faster compiled.

No single call of a sweep justifies loading the engine, but all together do. As
with renting and buying skis, the process loads the compiled engine when the time
that it has spent in the general one reaches what loading costs; so it never
takes more than twice the time of the best choice in hindsight.
"""

import os
import sys
from typing import Final, Literal

from driftlab.scenario.scenario import Scenario

Engine = Literal["general", "processes", "compiled"]

# Medians on two cores of about 3 GHz; only the rough ratios matter.
GENERAL_TICK_S: Final = 3.3e-6
GENERAL_HISTORY_TICK_S: Final = 3.5e-6  # with its events kept
GENERAL_JOURNAL_TICK_S: Final = 7e-6  # with journals written
COMPILED_TICK_S: Final = 6e-9
COMPILED_HISTORY_TICK_S: Final = 15e-9
COMPILED_CALL_S: Final = 0.25e-3
COMPILED_HISTORY_CALL_S: Final = 1e-3
PROCESSES_START_S: Final = 0.25
TICKS_WORTH_COMPILING: Final = 5_000_000  # nothing compiled before: then ten seconds, once
LOADING_MIN_S: Final = 0.1  # importing Numba takes longer than that on any computer

_COMPILED: Final = "driftlab.simulator.compiled.engine"


def choose_engine(
    scenario: Scenario,
    workers: int,
    *,
    history: bool = False,
    journals: bool = False,
    spent_s: float = 0.0,
) -> Engine:
    """Return the engine that is estimated to simulate a scenario the soonest.

    Args:
        workers: how many processes or threads may be used.
        history: whether the events are kept in memory.
        journals: whether journals are written.
        spent_s: seconds spent so far on scenarios like this in the general engine.
    """
    alone_s = general_s(scenario, history=history, journals=journals)
    shared_s = PROCESSES_START_S + alone_s / min(workers, scenario.runs)
    may_share = not history and workers > 1 and scenario.runs > 1
    best: Engine = "processes" if may_share and shared_s < alone_s else "general"
    general = min(alone_s, shared_s) if may_share else alone_s
    if journals or (general + spent_s < LOADING_MIN_S and _COMPILED not in sys.modules):
        return best
    from driftlab.simulator.compiled.eligibility import incompatibility, is_compiled, loading_s

    if not is_compiled(scenario, history=history):
        worthwhile = scenario.expected_ticks >= TICKS_WORTH_COMPILING
    else:
        loading = loading_s(scenario, history=history)
        worthwhile = general + spent_s > loading + _compiled_s(scenario, history)
        worthwhile = worthwhile and general > _compiled_s(scenario, history)
    return "compiled" if worthwhile and incompatibility(scenario) is None else best


def worker_count(workers: int | None) -> int:
    """Return how many cores to use, by default all."""
    return workers or os.cpu_count() or 1


def general_s(scenario: Scenario, *, history: bool = False, journals: bool = False) -> float:
    """Return about how many seconds the general engine takes for all runs, on one core.

    history: whether events are kept. journals: whether journals are written.
    """
    tick_s = GENERAL_HISTORY_TICK_S if history else GENERAL_TICK_S
    return scenario.expected_ticks * (GENERAL_JOURNAL_TICK_S if journals else tick_s)


def _compiled_s(scenario: Scenario, history: bool) -> float:
    if history:
        calls_s = scenario.runs * COMPILED_HISTORY_CALL_S
        return calls_s + scenario.expected_ticks * COMPILED_HISTORY_TICK_S
    return COMPILED_CALL_S + scenario.expected_ticks * COMPILED_TICK_S


def needs_compiling(scenario: Scenario) -> bool:
    """Whether the compiled engine would first have to be compiled for a scenario."""
    from driftlab.simulator.compiled.eligibility import is_compiled

    return not is_compiled(scenario)
