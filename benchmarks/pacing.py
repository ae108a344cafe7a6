"""How punctual a machine's ticks are, beside a bare C loop on `clock_nanosleep`.

Two machines run through the launcher, journals and all, once without any
message and once with the die of 10; then as many C loops run at once with the
same rate, the same phases and the same number of ticks; and so on in turn. Lateness is
when a tick began less when it was due; percentiles are of the ticks of all
repetitions together.
"""

import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic_ns

from benchmarks.machines import Lateness, children, lateness_of
from benchmarks.tables import NONE, Cell, Table, compare, percentile, progress
from driftlab.plan import MachinePlan
from driftlab.planning import plan_run
from driftlab.scenario import Scenario

RATES = (6, 100, 1000)
MACHINES = 2
TARGET = 2  # times the p99 of C
TARGET_RATES = (6, 100)
C_LEAD_NS = 50_000_000  # from starting the C loops to their first due time
C_SOURCE = Path(__file__).parent / "pace.c"
BARE = "C loop"
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
        "(`clock_nanosleep`, absolute) of the same due times. Lateness: when a tick began less "
        "when it was due. Drift: median lateness of the last tenth of a run's ticks less that of "
        "the first tenth, the median over all runs and machines."
    )


def _interleaved(rate: int, seconds: int, repetitions: int, program: str) -> dict[str, Runs]:
    runs: dict[str, Runs] = {BARE: [], SILENT: [], DICE: []}
    for number in range(1, repetitions + 1):
        progress(f"pacing: {rate} Hz, repetition {number} of {repetitions}")
        rates = (float(rate),) * MACHINES
        silent = Scenario(rates=rates, seconds=seconds, seed=number, send_one=0, send_all=0)
        dice = Scenario(rates=rates, seconds=seconds, seed=number)
        runs[SILENT].append(_whole(lateness_of(silent)))
        runs[DICE].append(_whole(lateness_of(dice)))
        runs[BARE].append(_c_lateness(program, plan_run(dice, 1)))
    return runs


def _whole(lateness: Lateness | None) -> Lateness:
    if lateness is None:
        raise RuntimeError("a machine did not take every tick")
    return lateness


def _c_lateness(program: str, plans: Sequence[MachinePlan]) -> Lateness:
    start_ns = monotonic_ns() + C_LEAD_NS
    commands = [
        [program, *map(str, (start_ns, at.phase_ns, at.rate_num, at.rate_den, plan.ticks))]
        for plan in plans
        for at in (plan.schedule,)
    ]
    with ExitStack() as stack:
        loops = stack.enter_context(children(commands))
        return [[int(line) for line in loop.communicate()[0].split()] for loop in loops]


def _rows(rate: int, runs: dict[str, Runs]) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    c_p99 = percentile(_pooled(runs[BARE]), 0.99)
    for what, lateness in runs.items():
        pooled = _pooled(lateness)
        p99 = percentile(pooled, 0.99)
        ratio: tuple[Cell, ...] = (NONE, NONE, NONE)
        if what != BARE:
            target = f"at most {TARGET}" if rate in TARGET_RATES else NONE
            ratio = (p99 / c_p99, compare(_p99s(lateness), _p99s(runs[BARE])).spread, target)
        drift = median(_drift(late) for run in lateness for late in run)
        late = (percentile(pooled, 0.5) / 1e3, p99 / 1e3, max(pooled) / 1e3)
        rows.append((rate, what, len(pooled), *late, *ratio, drift / 1e3, drift / p99))
    return rows


def _pooled(runs: Runs) -> list[int]:
    return [tick for run in runs for late in run for tick in late]


def _p99s(runs: Runs) -> list[float]:
    return [percentile(_pooled([run]), 0.99) for run in runs]


def _drift(late: Sequence[int]) -> float:
    tenth = max(1, len(late) // 10)
    return median(late[-tenth:]) - median(late[:tenth])
