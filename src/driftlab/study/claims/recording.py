"""The runs that claims are judged by: simulated ones, and real ones from their journals.

Each condition differs from the standard one in what a claim asks about alone: its runs
have the same seed and the same numbers, so the same uniform draws decide their rates,
phases and dice, and a difference between two conditions is the condition's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.api.engine_choice import choose_engine, general_s
from driftlab.api.read_run import find_run, find_run_folders, scenario_of_all
from driftlab.api.run_real import OnBeat, run_each
from driftlab.api.simulate import simulate_blocks
from driftlab.errors import DriftlabError
from driftlab.history.trace import Trace
from driftlab.journal.run_folder import run_folder
from driftlab.model.columns import NOBODY
from driftlab.model.random_streams import DIE_BITS
from driftlab.model.schedule import NS_PER_SECOND
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import RateRange
from driftlab.study.claims.events import MACHINES, EventTable, RunEvents
from driftlab.theory.formulas import DieProbabilities, inflow

RUNS: Final = 1000  # of the standard condition; of fewer some conditions have too few events
RUNS_REAL: Final = 5  # as the assignment asks
RATES: Final = range(1, 7)
STANDARD, NARROW, FEW_INTERNAL, BOTH, ARRIVAL, EQUAL, EQUAL_ALIGNED, EQUAL_LATE, ALIGNED_LATE = (
    "standard", "narrow-rates", "few-internal", "both", "arrival-order", "equal-rates",
    "equal-aligned", "equal-latency", "equal-aligned-latency",
)  # fmt: skip

GENERAL_MAX_S: Final = 5.0  # of the general engine, before another one is compiled


class Condition(NamedTuple):
    """A condition: the keys of its scenario that differ from the standard one.

    share: of the standard number of runs. equal: whether all rates are equal, and each
    of RATES has its part of the runs.
    """

    keys: dict[str, Any]
    share: float = 1.0
    equal: bool = False

    def scenarios(self, runs: int, **more: Any) -> Iterator[Scenario]:
        """Yield the scenarios that together have the runs of the condition."""
        count = max(1, round(runs * self.share))
        if not self.equal:
            yield Scenario(**self.keys, runs=count, **more)
            return
        ends = [count * place // len(RATES) for place in range(len(RATES) + 1)]
        for rate, first, end in zip(RATES, ends, ends[1:], strict=False):
            if end > first:
                rates = [rate] * MACHINES
                keys = {**self.keys, "rates": rates, "runs": end - first, "first_run": first + 1}
                yield Scenario(**keys, **more)


_LATENCY: Final = "exponential:0.1"
CONDITIONS: Final = {
    STANDARD: Condition({}),
    NARROW: Condition({"rates": "3..4"}, 2 / 3),
    FEW_INTERNAL: Condition({"faces": 5}, 2 / 3),
    BOTH: Condition({"rates": "3..4", "faces": 5}, 2 / 3),
    ARRIVAL: Condition({"order": "arrival"}),
    EQUAL: Condition({}, equal=True),
    EQUAL_ALIGNED: Condition({"phase": "aligned"}, equal=True),
    EQUAL_LATE: Condition({"latency": _LATENCY}, equal=True),
    ALIGNED_LATE: Condition({"phase": "aligned", "latency": _LATENCY}, equal=True),
}
SIMULATED_ONLY: Final = (EQUAL_LATE, ALIGNED_LATE)  # real machines have the latency they have


class NoSuchRunsError(DriftlabError):
    """A run that says nothing of the claims: not three machines, another process."""


# Simulated.


def simulate_conditions(
    wanted: Mapping[str, Sequence[Scenario]], on_run: Callable[[], None]
) -> dict[str, EventTable]:
    """Simulate the scenarios of conditions and return the events of each condition.

    on_run: called after each run.
    """
    record = _record_compiled if is_compiled_for(wanted) else _record_general
    tables = {}
    for name, scenarios in wanted.items():
        done: list[RunEvents] = []
        for scenario in scenarios:
            for run in record(scenario):
                done.append(run)
                on_run()
        tables[name] = EventTable(done)
    return tables


def scenarios_of(names: Iterable[str], runs: int) -> dict[str, list[Scenario]]:
    """Return the scenarios of conditions. runs: of the standard condition."""
    return {name: list(CONDITIONS[name].scenarios(runs)) for name in names}


def is_compiled_for(wanted: Mapping[str, Sequence[Scenario]]) -> bool:
    """Whether the compiled engine simulates the conditions.

    It is compiled for them if the general engine would take GENERAL_MAX_S or more: the
    command is likely to be repeated.
    """
    runs = sum(scenario.runs for some in wanted.values() for scenario in some)
    whole = Scenario(runs=max(runs, 1))
    is_best = choose_engine(whole, 1, history=True) == "compiled"
    return is_best or general_s(whole, history=True) >= GENERAL_MAX_S


def must_compile(wanted: Mapping[str, Sequence[Scenario]]) -> bool:
    """Whether the compiled engine would first have to be compiled for the conditions."""
    from driftlab.simulator.compiled.eligibility import is_compiled

    return is_compiled_for(wanted) and not all(
        is_compiled(some[0], history=True) for some in wanted.values()
    )


def _record_compiled(scenario: Scenario) -> Iterator[RunEvents]:
    """Yield the runs of a scenario, without a trace for each: it would take five times as long."""
    from driftlab.simulator.compiled.engine import record_run

    for number in scenario.run_numbers:
        kept, figures = record_run(scenario, number)
        rates = tuple(figures.rates[0].tolist())
        yield RunEvents(
            scenario.seed,
            number, rates, _loads(rates, scenario.die), kept.process, kept.kind, kept.clock,
            kept.sender, kept.stamp, kept.queue, kept.due_ns,
        )  # fmt: skip


def _record_general(scenario: Scenario) -> Iterator[RunEvents]:
    for block in simulate_blocks(scenario, keep=True, workers=1):
        for run in block:
            yield _of_trace(run.scenario, run.history.trace)


@cache
def _loads(rates: tuple[float, ...], bounds: tuple[int, int]) -> tuple[float, ...]:
    """Return the load of each machine's queue. bounds: the die, see `Scenario.die`."""
    one, every = bounds
    die = DieProbabilities(one / 2**DIE_BITS, (every - one) / 2**DIE_BITS)
    return tuple(inflow(rates, die, place).load for place in range(len(rates)))


def _of_trace(scenario: Scenario, trace: Trace) -> RunEvents:
    """Return the events of a recorded run. Raise NoSuchRunsError if a machine has none."""
    columns = trace.columns
    if columns.clock is None or columns.queue is None or columns.due_ns is None:
        raise NoSuchRunsError("the journals lack clocks, queues or times")
    assert columns.sender is not None
    assert columns.stamp is not None
    for name, begin, end in zip(trace.names, trace.starts, trace.starts[1:], strict=False):
        if begin == end:
            raise NoSuchRunsError(f"machine {name} has no events")
    late_ns = np.zeros(len(trace), np.int64) if columns.late_ns is None else columns.late_ns
    speed = 1.0 if trace.process_info[0].simulated else scenario.speed
    rates = tuple(map(float, scenario.rates_of(scenario.first_run)))
    process = trace.process_column()
    period_ns = NS_PER_SECOND / (np.array(rates) * speed)
    is_first = np.zeros(len(trace), np.bool_)
    is_first[trace.gaps] = True
    return RunEvents(
        scenario.seed,
        scenario.first_run,
        rates,
        _loads(rates, scenario.die),
        process,
        columns.kind,
        columns.clock,
        columns.sender,
        np.where(columns.sender == NOBODY, 0, columns.stamp),
        columns.queue,
        ((columns.due_ns + late_ns) * speed).astype(np.int64),
        is_first,
        int(np.count_nonzero(late_ns > period_ns[process])),
    )


# Real.


def record_conditions(
    names: Iterable[str],
    runs: int,
    speed: float,
    out: Path,
    on_beat: OnBeat,
    on_condition: Callable[[str, int, int], None],
) -> dict[str, EventTable]:
    """Run conditions with real machines; their journals stay, a folder a condition.

    runs: of each condition. out: a folder for them. on_beat: see `run_each`.
    on_condition: called before each with its name, its place and how many there are.
    Conditions that only a simulator has are left out. Raise DriftlabError,
    KeyboardInterrupt if a run was interrupted.
    """
    wanted = [name for name in names if name not in SIMULATED_ONLY]
    tables = {}
    for place, name in enumerate(wanted, 1):
        on_condition(name, place, len(wanted))
        done: list[RunEvents] = []
        condition = CONDITIONS[name]._replace(share=1.0)
        for scenario in condition.scenarios(runs, speed=speed):
            where = out / (f"{name}-{scenario.first_run}" if condition.equal else name)
            for run in run_each(scenario, where, on_beat):
                if run.interrupted:
                    raise KeyboardInterrupt
                done.append(_read(Path(run_folder(where, scenario, run.number))))
        tables[name] = EventTable(done)
    return tables


def read_conditions(paths: Sequence[str]) -> dict[str, EventTable]:
    """Read run folders, or folders of runs, and tell their conditions by their scenarios.

    Raise DriftlabError if a path is not a run, none of the claims', or given twice, or
    runs are not of one length: queues that grow would differ by that.
    """
    found: dict[str, list[RunEvents]] = {}
    seen: set[Path] = set()
    seconds: set[float] = set()
    for path in paths:
        scenario, folders = find_run_folders(path)
        try:
            name = condition_of(scenario_of_all(path, scenario))
            seconds.add(scenario.seconds)
            if len(seconds) > 1:
                lengths = " and ".join(f"{each:g} s" for each in sorted(seconds))
                raise NoSuchRunsError(f"there are runs of {lengths}; judge them apart")
            for folder in folders:
                if folder.resolve() in seen:
                    raise NoSuchRunsError("this run was given before")
                seen.add(folder.resolve())
                found.setdefault(name, []).append(_read(folder))
        except NoSuchRunsError as error:
            raise NoSuchRunsError(f"{path}: {error}") from None
    return {name: EventTable(runs) for name, runs in found.items()}


def condition_of(scenario: Scenario) -> str:
    """Return the condition that runs of a scenario count for. Raise NoSuchRunsError.

    Equal rates that were asked for are a condition of their own; where they were drawn,
    from a range, the run is one of those of the range. Rates that were given count as a
    draw if they are one of those that the condition may draw.
    """
    if scenario.size != MACHINES or scenario.process != "die" or scenario.topology != "mesh":
        raise NoSuchRunsError(
            "the claims are about three machines that all send to each other and roll the die; "
            f"this has {scenario.size} machines, topology {scenario.topology}, "
            f"process {scenario.process}"
        )
    for name, fits in (
        (EQUAL, _is_equal(scenario.rates)),
        (EQUAL_ALIGNED, _is_equal(scenario.rates)),
        (NARROW, _is_narrow(scenario.rates)),
        (BOTH, _is_narrow(scenario.rates)),
        (STANDARD, _is_wide(scenario.rates)),
        (FEW_INTERNAL, _is_wide(scenario.rates)),
        (ARRIVAL, _is_wide(scenario.rates)),
    ):
        keys = {"faces": 10, "phase": "random", "order": "peers", **CONDITIONS[name].keys}
        keys.pop("rates", None)
        if fits and all(getattr(scenario, key) == value for key, value in keys.items()):
            return name
    raise NoSuchRunsError(
        f"no claim is about {_described(scenario)}: the claims are about rates drawn from 1..6, "
        "or as narrow ones from 3..4, a die of 10 or 5 faces, and random phases; with 1..6 and "
        "10 faces also about the order of arrival, and of equal rates about aligned phases"
    )


def _described(scenario: Scenario) -> str:
    """Return what a scenario has of that by which conditions are recognized."""
    given = scenario.rates
    rates = str(given) if isinstance(given, RateRange) else ",".join(f"{each:g}" for each in given)
    die = (
        f"{scenario.faces} faces" if scenario.faces is not None
        else f"send_one {scenario.send_one:g} and send_all {scenario.send_all:g}"
    )  # fmt: skip
    return f"rates {rates}, {die}, {scenario.phase} phases, order {scenario.order}"


def _is_wide(rates: tuple[float, ...] | RateRange) -> bool:
    """Whether rates were drawn from the range of the assignment, or are of it."""
    if isinstance(rates, RateRange):
        return (rates.low, rates.high) == (RATES[0], RATES[-1])
    return set(rates) <= set(RATES)


def _is_equal(rates: tuple[float, ...] | RateRange) -> bool:
    return not isinstance(rates, RateRange) and len(set(rates)) == 1


def _is_narrow(rates: tuple[float, ...] | RateRange) -> bool:
    """Whether rates were drawn from, or lie in, the narrow range of the assignment."""
    if isinstance(rates, RateRange):
        return (rates.low, rates.high) == (3, 4)
    return set(rates) == {3, 4}


def _read(folder: Path) -> RunEvents:
    """Return the events of a real run. Raise DriftlabError."""
    scenario, journals = find_run(folder)
    trace = journals.read().trace
    if any(each.simulated for each in trace.process_info):
        raise NoSuchRunsError("this run was simulated, and --real judges by real ones")
    lost = [
        name for name, each in zip(trace.names, trace.process_info, strict=True) if not each.ended
    ]
    if lost:
        raise NoSuchRunsError(f"machine {lost[0]} did not reach the end of the run")
    return _of_trace(scenario, trace)
