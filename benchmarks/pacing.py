"""The lateness of a machine's ticks, compared with a bare C loop on `clock_nanosleep`.

Two machines run through the launcher, journals and all, once without any
message and once with the die of 10; then as many C loops run at once with the
same rate, the same phases and the same number of ticks; and so on in turn.
Lateness is when a tick began less when it was due; percentiles are of the
ticks of all repetitions together.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic_ns

from benchmarks.machines import Lateness, children, lateness_of
from benchmarks.tables import NONE, Cell, Table, compare, percentile, progress
from driftlab.scenario.plan import MachinePlan, plan_run
from driftlab.scenario.scenario import Scenario

RATES = (6, 100, 1000)
MACHINES = 2
TARGET = 2  # times the p99 of C
TARGET_RATES = (6, 100)
C_LEAD_NS = 50_000_000  # from starting the C loops to their first due time
C_SOURCE = Path(__file__).parent / "pace.c"
BARE = "C loop"
BARE_TIGHT = "C loop, timer slack 1 ns"
SILENT = "machine, no messages"
DICE = "machine, die of 10"

Runs = list[Lateness]  # one a repetition


def measure(quick: bool) -> list[Table]:
    """Measure every rate and return the table of lateness."""
    seconds, repetitions = (3, 1) if quick else (20, 3)
    rows: list[tuple[Cell, ...]] = []
    with TemporaryDirectory() as folder:
        program = str(Path(folder) / "pace")
        subprocess.run(["cc", "-O2", "-o", program, str(C_SOURCE)], check=True)
        for rate in RATES:
            rows += _rows(rate, _interleaved(rate, seconds, repetitions, program))
    return [Table("Pacing", _how(seconds, repetitions), _HEADS, rows)]


_HEADS = (
    "rate, Hz", "what", "ticks", "late p50, µs", "p99, µs", "max, µs",
    "p99 to C's", "of single repetitions", "target",
    "drift, µs", "drift to p99 (target: below 1)",
)  # fmt: skip


def _how(seconds: int, repetitions: int) -> str:
    return (
        f"{MACHINES} machines, {repetitions} x {seconds} s each, interleaved with as many C loops "
        "(`clock_nanosleep`, absolute) of the same due times; once more with the timer slack of "
        "1 ns that a driftlab machine asks for. Lateness: when a tick began less "
        "when it was due. Drift: median lateness of the last tenth of a run's ticks less that of "
        "the first tenth, the median over all runs and machines."
    )


def _interleaved(rate: int, seconds: int, repetitions: int, program: str) -> dict[str, Runs]:
    runs: dict[str, Runs] = {BARE: [], BARE_TIGHT: [], SILENT: [], DICE: []}
    for number in range(1, repetitions + 1):
        progress(f"pacing: {rate} Hz, repetition {number} of {repetitions}")
        rates = (float(rate),) * MACHINES
        silent = Scenario(rates=rates, seconds=seconds, seed=number, send_one=0, send_all=0)
        dice = Scenario(rates=rates, seconds=seconds, seed=number)
        runs[SILENT].append(_whole(lateness_of(silent)))
        runs[DICE].append(_whole(lateness_of(dice)))
        runs[BARE].append(_c_lateness(program, plan_run(dice, 1)))
        runs[BARE_TIGHT].append(_c_lateness(program, plan_run(dice, 1), slack_ns=1))
    return runs


def _whole(lateness: Lateness | None) -> Lateness:
    if lateness is None:
        raise RuntimeError("a machine did not take every tick")
    return lateness


def _c_lateness(program: str, plans: Sequence[MachinePlan], slack_ns: int = 0) -> Lateness:
    start_ns = monotonic_ns() + C_LEAD_NS
    commands = [[program, str(start_ns), *_c_arguments(plan), str(slack_ns)] for plan in plans]
    with children(commands) as loops:
        return [[int(line) for line in loop.communicate()[0].split()] for loop in loops]


def _c_arguments(plan: MachinePlan) -> list[str]:
    when = plan.schedule
    return [str(value) for value in (when.phase_ns, when.rate_num, when.rate_den, plan.ticks)]


def _rows(rate: int, runs: dict[str, Runs]) -> list[tuple[Cell, ...]]:
    return [
        (rate, what, *_late(lateness), *_compared_with_c(rate, what, runs), *_drifts(lateness))
        for what, lateness in runs.items()
    ]


def _late(runs: Runs) -> tuple[Cell, ...]:
    ticks = _pooled(runs)
    shares = (percentile(ticks, share) / 1e3 for share in (0.5, 0.99, 1))
    return (len(ticks), *shares)


def _compared_with_c(rate: int, what: str, runs: dict[str, Runs]) -> tuple[Cell, ...]:
    if what == BARE:
        return (NONE, NONE, NONE)
    ratio = percentile(_pooled(runs[what]), 0.99) / percentile(_pooled(runs[BARE]), 0.99)
    spread = compare(_p99s(runs[what]), _p99s(runs[BARE])).spread
    has_target = rate in TARGET_RATES and what != BARE_TIGHT
    return (ratio, spread, f"at most {TARGET}" if has_target else NONE)


def _drifts(runs: Runs) -> tuple[Cell, ...]:
    drift = median(_drift(late) for run in runs for late in run)
    return (drift / 1e3, drift / percentile(_pooled(runs), 0.99))


def _pooled(runs: Runs) -> list[int]:
    return [tick for run in runs for late in run for tick in late]


def _p99s(runs: Runs) -> list[float]:
    return [percentile(_pooled([run]), 0.99) for run in runs]


def _drift(late: Sequence[int]) -> float:
    tenth = max(1, len(late) // 10)
    return median(late[-tenth:]) - median(late[:tenth])
