"""How long it takes until a mesh stands, and how much memory a machine takes.

A mesh is ready when every worker has reported that it is connected to every
other, both ways. It is timed inside a launcher that already runs, beside as
many bare interpreters started at once; and as the whole `driftlab run` of
three machines and no time, from starting the command to reaping it.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.machines import PASS, console_script, mesh_of, seconds_of
from benchmarks.memory import memory_table
from benchmarks.tables import NONE, Cell, Table, compare, progress

TARGET = 5
REPETITIONS = {3: 20, 20: 7, 50: 5}  # machines: interleaved pairs
REPETITIONS_QUICK = {3: 4, 20: 2, 50: 1}
_HEADS = (
    "what", "pairs", "driftlab, ms", "python -c pass, ms", "ratio", "of single pairs", "target"
)  # fmt: skip


def measure(quick: bool) -> list[Table]:
    """Time the meshes and the whole command, then weigh the machines."""
    repetitions = REPETITIONS_QUICK if quick else REPETITIONS
    rows = [
        _row(f"mesh of {machines} ready", _mesh_timed(machines), machines, pairs, _target(machines))
        for machines, pairs in repetitions.items()
    ]
    rows.append(_row("whole driftlab run of 3", _whole_run, 3, repetitions[3]))
    how = "Beside as many `python -c pass` started at once; interleaved, medians."
    return [Table("Start", how, _HEADS, rows), memory_table(quick)]


def _row(
    what: str, ours: Callable[[], float], at_once: int, pairs: int, target: str = NONE
) -> tuple[Cell, ...]:
    progress(f"start: {what}, {pairs} pairs")
    mine, other = [], []
    for _ in range(pairs):
        mine.append(ours() * 1e3)
        other.append(seconds_of(PASS, at_once) * 1e3)
    found = compare(mine, other)
    return (what, pairs, found.ours, found.bare, found.ratio, found.spread, target)


def _target(machines: int) -> str:
    return f"under {TARGET}" if machines == 3 else NONE


def _mesh_timed(machines: int) -> Callable[[], float]:
    def timed() -> float:
        with mesh_of(machines) as mesh:
            return mesh.seconds

    return timed


def _whole_run() -> float:
    with TemporaryDirectory() as folder:
        out = ("--out", str(Path(folder) / "run"))
        run = ("run", "--rates", "6,3,1", "--seconds", "0.001", "--quiet")
        return seconds_of((console_script(), *run, *out))
