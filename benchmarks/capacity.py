"""How many machines at 100 Hz these cores hold before ticks come late.

A mesh *holds* while the p99 of the lateness of all its machines together stays
under a tenth of the period. The largest mesh that holds is searched for by
doubling and then bisecting; a size counts as held or not once two of three
runs agree; 1 means that not even two machines were held. The same is done with
bare machines, in turn, candidate by candidate.
"""

from collections.abc import Callable
from math import inf, isfinite
from os import cpu_count
from typing import Literal

from benchmarks.bare_mesh import bare_lateness_of
from benchmarks.machines import Lateness, lateness_of
from benchmarks.tables import NONE, Cell, Table, percentile, progress
from driftlab.scenario.scenario import Scenario

RATE = 100
LATE_NS_MAX = 1_000_000  # a tenth of the period
MACHINES_FIRST = 8
MACHINES_MAX = 256
TARGETS = {"random": 40, "aligned": 12}  # machines on two cores
Phase = Literal["random", "aligned"]
Runner = Callable[[Scenario], Lateness | None]
_HEADS = (
    "phases", "driftlab holds", "bare loop holds", "ratio", "target for driftlab, two cores",
    "driftlab's p99 there, ms", "bare loop's p99 there, ms",
    "driftlab fails at", "its p99 there, ms", "bare loop fails at", "bare p99 there, ms",
)  # fmt: skip


class Search:
    """The search for the largest mesh that holds: largest size held, smallest that did not."""

    def __init__(self, name: str, runner: Runner, phase: Phase, quick: bool) -> None:
        self.name = name
        self.held = 1
        self.failed = MACHINES_MAX + 1
        self.p99_ms: dict[int, float] = {}
        self._runner = runner
        self._phase: Phase = phase
        self._seconds, self._agreeing = (3, 1) if quick else (8, 2)
        self._coarseness = 8 if quick else 24  # the share of the size that is not resolved

    @property
    def candidate(self) -> int | None:
        """The size to try next; None when the search is over."""
        if self.failed > MACHINES_MAX:
            size = max(MACHINES_FIRST, 2 * self.held)
            return size if size <= MACHINES_MAX else None
        if self.failed - self.held <= max(1, self.held // self._coarseness):
            return None
        return (self.held + self.failed) // 2

    def step(self) -> None:
        """Try the next candidate: run it until enough runs agree."""
        size = self.candidate
        assert size is not None
        p99s: list[float] = []
        while True:
            p99s.append(self._p99_ms(size, seed=len(p99s) + 1))
            good = [p99 for p99 in p99s if p99 * 1e6 <= LATE_NS_MAX]
            bad = [p99 for p99 in p99s if p99 * 1e6 > LATE_NS_MAX]
            if max(len(good), len(bad)) == self._agreeing:
                break
        holds = len(good) > len(bad)
        self.p99_ms[size] = min(good) if holds else min(bad)
        self.held, self.failed = (size, self.failed) if holds else (self.held, size)
        found = ", ".join(f"{p99:.2f}" for p99 in p99s)
        progress(f"capacity: {self._phase}, {self.name}, {size} machines: p99 {found} ms")

    def p99_of(self, size: int) -> Cell:
        """Return the p99 of a size that was tried, in ms: the best of the runs that decided."""
        p99 = self.p99_ms.get(size)
        if p99 is None:
            return NONE
        return p99 if isfinite(p99) else "not done in time"

    def _p99_ms(self, size: int, seed: int) -> float:
        rates = (float(RATE),) * size
        scenario = Scenario(rates=rates, seconds=self._seconds, seed=seed, phase=self._phase)
        lateness = self._runner(scenario)
        if lateness is None:
            return inf
        return percentile([tick for late in lateness for tick in late], 0.99) / 1e6


def measure(quick: bool) -> list[Table]:
    """Search both phases, ours and bare in turn."""
    rows = [_row("random", quick), _row("aligned", quick)]
    how = (
        f"Machines at {RATE} Hz with the die of 10 on {cpu_count()} cores, full mesh: the most "
        f"whose pooled p99 lateness stays within {LATE_NS_MAX / 1e6:g} ms, a tenth of the period. "
        "Beside it a bare Python loop on a timerfd with the same traffic, a process a machine, "
        "without a journal; the two searches take turns."
    )
    return [Table("Capacity", how, _HEADS, rows)]


def _row(phase: Phase, quick: bool) -> tuple[Cell, ...]:
    ours = Search("driftlab", lateness_of, phase, quick)
    bare = Search("bare loop", bare_lateness_of, phase, quick)
    while ours.candidate or bare.candidate:
        for search in (ours, bare):
            if search.candidate:
                search.step()
    counts = (ours.held, bare.held, ours.held / bare.held, f"at least {TARGETS[phase]}")
    last = (ours.p99_of(ours.held), bare.p99_of(bare.held))
    beyond = (ours.failed, ours.p99_of(ours.failed), bare.failed, bare.p99_of(bare.failed))
    return (phase, *counts, *last, *beyond)
