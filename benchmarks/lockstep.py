"""Many short runs beside a C program that takes the same ticks in the same lockstep.

`lockstep.c` is given the order of the ticks of every run and the keys of its dice, and simulates
the runs of one order together; its time is that of the steps alone. Ours is the whole call, which
draws, orders and sorts all that. The digests must be the same.
"""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import NamedTuple

import numpy as np

from benchmarks.tables import Cell, Table, compare, progress
from driftlab.arrays import IntArray
from driftlab.model.random_streams import Purpose, stream
from driftlab.model.schedule import NS_PER_SECOND
from driftlab.scenario.scenario import Scenario
from driftlab.simulator.compiled.engine import Figures, simulate_runs
from driftlab.simulator.compiled.many_runs_kernel import RING_MESSAGES, _bounds

SOURCE = Path(__file__).parent / "lockstep.c"
TARGET = 0.5
WIDE_VECTORS = ("-march=x86-64-v4", "-mprefer-vector-width=512")  # gcc may not know the processor


class Lockstep(NamedTuple):
    """The result of the C program: of the runs that fitted, and of all."""

    digest: int
    fitting: int
    ticks: int
    seconds: float


def compile_lockstep(folder: str) -> str:
    """Compile the C program for this processor, with the widest vectors that it has."""
    program = str(Path(folder) / "lockstep")
    is_wide = "avx512dq" in Path("/proc/cpuinfo").read_text()
    flags = ["-O3", *(WIDE_VECTORS if is_wide else ("-march=native",))]
    warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-psabi"]
    subprocess.run(["gcc", *flags, *warnings, "-o", program, str(SOURCE)], check=True)
    return program


def lockstep_input(scenario: Scenario, figures: Figures) -> str:
    """Return runs as the C program reads them.

    scenario: of three machines with whole rates, of whole seconds. figures: of its runs.
    Raises RuntimeError if two ticks of a run share an instant, which C does not simulate.
    """
    rates = figures.rates[0].astype(int).tolist()
    dues = np.concatenate(
        [
            figures.first_due_ns[:, i, None] + np.arange(rate)[None, :] * NS_PER_SECOND // rate
            for i, rate in enumerate(rates)
        ],
        axis=1,
    )
    machine = np.repeat(np.arange(len(rates)), rates)
    by_time = np.argsort(dues, axis=1, kind="stable")
    if not (np.diff(np.take_along_axis(dues, by_time, axis=1), axis=1) > 0).all():
        raise RuntimeError("two ticks of a run share an instant")
    orders, which = np.unique(machine[by_time], axis=0, return_inverse=True)
    bounds = _bounds(*scenario.die)
    head = [int(scenario.seconds), sum(rates), int(scenario.order == "peers"), *bounds, len(orders)]
    lines = [" ".join(map(str, head))]
    for number, order in enumerate(orders.tolist()):
        runs: IntArray = figures.numbers[which.ravel() == number]
        lines.append(" ".join(map(str, [*order, len(runs)])))
        lines += [
            " ".join(str(stream(scenario.seed, run, i, Purpose.DIE)) for i in range(len(rates)))
            for run in runs.tolist()
        ]
    return "\n".join(lines) + "\n"


def run_lockstep(program: str, text: str, figures: Figures) -> Lockstep:
    """Run the C program. Raises RuntimeError if its digests are not those of the figures."""
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    digest, fitting, ticks, nanoseconds = map(int, done.stdout.split())
    fits = figures.queue_max.max(axis=1) < RING_MESSAGES - 1
    if fitting != fits.sum() or digest != int(np.bitwise_xor.reduce(figures.digest[fits])):
        raise RuntimeError("C and the compiled engine disagree")
    return Lockstep(digest, fitting, ticks, nanoseconds / 1e9)


def lockstep_table(quick: bool) -> Table:
    """Simulate many minutes of three machines of the same rates, and the same steps in C."""
    runs, repetitions = (1_000, 3) if quick else (20_000, 9)
    rows: list[tuple[Cell, ...]] = []
    with TemporaryDirectory() as folder:
        program = compile_lockstep(folder)
        for order in ("peers", "arrival"):
            progress(f"simulator: lockstep beside C, order {order}")
            scenario = Scenario(rates=(6, 3, 1), seconds=60, runs=runs, order=order)
            figures = simulate_runs(scenario, cores=1)
            text = lockstep_input(scenario, figures)
            ours, bare = [], []
            for _ in range(repetitions):
                begun = process_time()
                simulate_runs(scenario, cores=1)
                passed = process_time() - begun
                found = run_lockstep(program, text, figures)
                ours.append(found.ticks / passed / 1e6)
                bare.append(found.ticks / found.seconds / 1e6)
            each = compare(ours, bare)
            rows.append(
                (order, runs, each.ours, each.bare, each.ratio, each.spread, f"at least {TARGET}")
            )
    return Table(
        "Many short runs beside C",
        "Runs of one minute of 3 machines at 6, 3 and 1 ticks/s, a die of 10, on one core, in "
        "processor time; the whole call, beside C in the same lockstep (`benchmarks/lockstep.c`: "
        "structure of arrays, no branches, vectors of 512 bits where there are any), which is "
        "given the order of the ticks and does the steps alone. Both give the same digests. "
        f"Medians of {repetitions}, in turn.",
        (
            "order", "runs", "million ticks a second", "C", "ratio", "of single repetitions",
            "target",
        ),
        rows,
    )  # fmt: skip
