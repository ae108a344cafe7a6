"""The compiled engine beside a C program, many short runs, a million machines, and the start.

The reference (`reference.c`) simulates the same runs with the same draws, keeps
the same metrics and hashes every event into the same digest; the benchmark
fails if the digests differ. Its time is measured inside it, without reading
its input; the compiled engine's is the whole call, with planning.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, NamedTuple

from benchmarks.lockstep import lockstep_table
from benchmarks.reference import ReferenceRun, compile_reference, reference_input, run_reference
from benchmarks.simulator_start import choice_table, start_table
from benchmarks.simulator_width import million_table
from benchmarks.tables import NONE, Cell, Table, compare, progress
from benchmarks.whole_calls import recorded_table, whole_calls_table
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import RateRange
from driftlab.simulator.compiled.engine import Figures, record_run, simulate_runs

RATIO_TARGET = 0.8
HISTORY_TARGET = 0.7
CORES_TARGET = 1.7
DRAWN_TARGET = 146  # million ticks a second on one core, twice what it was
THREE = (6, 3, 2)
THREE_REAL = (6.1234567, 3.3456712, 2.2345671)
LATENCY = "exponential:0.1"


class Case(NamedTuple):
    """One scenario for both, without its length."""

    words: str
    keys: dict[str, Any]


def measure(quick: bool) -> list[Table]:
    """Measure everything and return the tables."""
    return [
        reference_table(quick), many_table(quick), lockstep_table(quick),
        whole_calls_table(quick), recorded_table(quick), million_table(quick), start_table(quick),
        choice_table(quick),
    ]  # fmt: skip


def cases() -> list[Case]:
    draw = Random(1)
    whole = [draw.randint(1, 6) for _ in range(1000)]
    real = [round(draw.uniform(1, 6), 7) for _ in range(1000)]
    crowd = {"send_one": 0.3}
    return [
        Case("3 machines, static", {"rates": THREE}),
        Case("1,000 machines, static", {"rates": whole, **crowd}),
        Case("3 machines, real rates", {"rates": THREE_REAL}),
        Case("1,000 machines, real rates", {"rates": real, **crowd}),
        Case("3 machines, latency", {"rates": THREE, "latency": LATENCY}),
        Case("1,000 machines, latency", {"rates": whole, "latency": LATENCY, **crowd}),
        Case("3 machines, real rates, latency", {"rates": THREE_REAL, "latency": LATENCY}),
    ]


def reference_table(quick: bool) -> Table:
    """Compare the compiled engine with C, for the metrics alone and for the whole history."""
    ticks, repetitions = (2_000_000, 3) if quick else (20_000_000, 9)
    rows: list[tuple[Cell, ...]] = []
    with TemporaryDirectory() as folder:
        program = compile_reference(folder)
        for case in cases():
            rows += [_row(program, case, ticks, repetitions, kept) for kept in (False, True)]
    return Table("Simulated ticks", _how(ticks, repetitions), _HEADS, rows)


_HEADS = (
    "what", "kept", "million ticks a second", "C", "ratio", "of single repetitions", "target"
)  # fmt: skip


def _how(ticks: int, repetitions: int) -> str:
    return (
        f"One run of about {ticks:,} ticks, one core; medians of {repetitions} repetitions, "
        "interleaved with the same run in C (`gcc -O3 -march=native`), after one that is not "
        "counted. Both count the same figures and give the same digest, or the benchmark fails. "
        "3 machines throw the die of 10; 1,000 send to one of them with probability 0.3. "
        f"Latency: {LATENCY}. Both sort the ticks of a stretch of time by buckets, once where "
        "rates have a hyperperiod (static), again and again elsewhere."
    )


def _row(
    program: str, case: Case, ticks: int, repetitions: int, recorded: bool
) -> tuple[Cell, ...]:
    kept = "history" if recorded else "figures"
    progress(f"simulator: {case.words}, {kept}")
    seconds = max(1, round(ticks / sum(case.keys["rates"])))
    scenario = Scenario(**case.keys, seconds=seconds)
    text = reference_input(scenario, 1, recorded=recorded)
    pairs = [_pair(program, text, scenario, recorded) for _ in range(repetitions + 1)][1:]
    found = compare([ours for ours, _ in pairs], [bare for _, bare in pairs])
    target = HISTORY_TARGET if recorded else RATIO_TARGET
    return (
        case.words, kept, found.ours, found.bare, found.ratio, found.spread, f"at least {target}"
    )  # fmt: skip


def _pair(program: str, text: str, scenario: Scenario, recorded: bool) -> tuple[float, float]:
    """Return million ticks a second of ours and of C. Raises RuntimeError where they differ."""
    reference: ReferenceRun = run_reference(program, text)
    figures, seconds = _timed(
        lambda: record_run(scenario, 1).figures if recorded else simulate_runs(scenario, [1])
    )
    if int(figures.digest[0]) != reference.digest:
        raise RuntimeError(f"the digests differ: {figures.digest[0]} and in C {reference.digest}")
    return reference.ticks / seconds / 1e6, reference.ticks / reference.seconds / 1e6


def _timed(simulate: Callable[[], Figures]) -> tuple[Figures, float]:
    begun = perf_counter()
    figures = simulate()
    return figures, perf_counter() - begun


def many_table(quick: bool) -> Table:
    """Simulate many minutes of three machines on one core and on two."""
    sizes, repetitions = ((1_000,), 3) if quick else ((1_000, 10_000, 100_000), 9)
    rows: list[tuple[Cell, ...]] = []
    for rates in ((6, 3, 1), "1..6"):
        for runs in sizes:
            progress(f"simulator: {runs} runs of {rates}")
            rows.append(_many_row(Scenario(rates=rates, seconds=60, runs=runs), repetitions))
    progress("simulator: two C programs at once")
    rows.append(_machine_row(repetitions))
    return Table(
        "Many short runs",
        "Runs of one minute of 3 machines, a die of 10, the figures kept; the whole call, on one "
        f"core and on two, interleaved, medians of {repetitions} after one that is not counted. "
        "The last row is what the machine itself gives: a C program alone, and two at once.",
        (
            "rates", "runs", "million ticks a second, 1 core", "target", "2 cores",
            "2 cores to 1", "of single repetitions", "target ",
        ),
        rows,
    )  # fmt: skip


def _many_row(scenario: Scenario, repetitions: int) -> tuple[Cell, ...]:
    speeds: dict[int, list[float]] = {1: [], 2: []}
    digests = set()
    for _ in range(repetitions + 1):
        for cores, speed in speeds.items():
            figures, seconds = _timed(partial(simulate_runs, scenario, cores=cores))
            ticks = int((figures.internal + figures.send + figures.receive).sum())
            speed.append(ticks / seconds / 1e6)
            digests.add(figures.digest.tobytes())
    if len(digests) > 1:
        raise RuntimeError("the digests depend on the cores")
    found = compare(speeds[2][1:], speeds[1][1:])
    return (
        str(scenario.rates), scenario.runs, found.bare, _speed_target(scenario),
        found.ours, found.ratio, found.spread, f"at least {CORES_TARGET}",
    )  # fmt: skip


def _speed_target(scenario: Scenario) -> str:
    """Return the target of one core; that of the same rates is in the table beside C."""
    return f"at least {DRAWN_TARGET}" if isinstance(scenario.rates, RateRange) else NONE


def _machine_row(repetitions: int) -> tuple[Cell, ...]:
    """Run the C reference alone and twice at once: what two cores are worth here and now."""
    text = reference_input(Scenario(rates=THREE, seconds=500_000), 1)
    alone, both = [], []
    with TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        run = partial(run_reference, compile_reference(folder))
        for _ in range(repetitions):
            one = run(text)
            two = list(pool.map(run, [text, text]))
            alone.append(one.ticks / one.seconds / 1e6)
            both.append(sum(each.ticks for each in two) / max(each.seconds for each in two) / 1e6)
    found = compare(both, alone)
    return ("one run in C", 1, found.bare, NONE, found.ours, found.ratio, found.spread, NONE)
