"""Memory of a machine: the proportional set size (PSS) of its worker, once the mesh stands.

PSS divides a page by the processes that share it, so it depends on who else
runs: the bare interpreters run at the same time, as many as there are
machines, and are read at the same moment. Linux only (`smaps_rollup`).
"""

from pathlib import Path
from statistics import median
from sys import executable

from benchmarks.machines import children, mesh_of
from benchmarks.tables import Cell, Table, compare, progress

TARGET = 1.3
MACHINES = (3, 20)
BARE = "import socket, selectors, json, sys; print('ready', flush=True); sys.stdin.read()"
_HEADS = (
    "machines", "a machine, MiB", "a bare interpreter, MiB", "ratio", "of single meshes", "target"
)  # fmt: skip


def memory_table(quick: bool) -> Table:
    """Measure meshes, and as many interpreters that import socket, selectors and json."""
    repetitions = 1 if quick else 5
    return Table(
        "Memory",
        "PSS, the median over the machines of a mesh, beside that of as many interpreters that "
        "import socket, selectors and json and wait; all there at the same time. "
        f"Medians of {repetitions}.",
        _HEADS,
        [_row(machines, repetitions) for machines in MACHINES],
    )


def _row(machines: int, repetitions: int) -> tuple[Cell, ...]:
    progress(f"memory: mesh of {machines}")
    pairs = [_weigh(machines) for _ in range(repetitions)]
    found = compare([ours for ours, _ in pairs], [bare for _, bare in pairs])
    return (machines, found.ours, found.bare, found.ratio, found.spread, f"at most {TARGET}")


def _weigh(machines: int) -> tuple[float, float]:
    with children([(executable, "-c", BARE)] * machines) as bare, mesh_of(machines) as mesh:
        for child in bare:
            assert child.stdout is not None
            child.stdout.readline()
        return _median_pss(mesh.pids), _median_pss([child.pid for child in bare])


def _median_pss(pids: list[int]) -> float:
    return median(_pss_mib(pid) for pid in pids)


def _pss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no Pss for process {pid}")
