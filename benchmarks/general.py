"""The general engine, with a Python process and recording, compared with SimPy, salabim, heapq.

The others record nothing. Every repetition of every engine is a process of its
own, and the repetitions take turns.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.machines import children
from benchmarks.tables import NONE, Cell, Table, compare, progress
from driftlab import accelerated
from driftlab.api.acceleration import accelerate

PROGRAMS = {
    "ours-whole": 'driftlab.simulate(record="all"), a user\'s process, the whole call',
    "ours-whole+": "the same in the accelerated build",
    "ours-die": "driftlab, the built-in die, recorded",
    "ours-peers": "the same, order peers (the default)",
    "ours-own": "driftlab, a user's process, recorded",
    "simpy": "SimPy, random.random()",
    "simpy-keyed": "SimPy, driftlab's draws (random_streams.draw) and due times",
    "salabim": "salabim, random.random()",
    "heapq": "heapq, random.random()",
}
PHOLD = {
    "ours-whole": 'driftlab.simulate(record="all") at 5 ticks/s, the whole call',
    "ours-whole+": "the same in the accelerated build",
    "ours-busy": "driftlab at 5 ticks/s, recorded",
    "ours-polling": "driftlab at 20 ticks/s, recorded",
    "simpy": "SimPy",
    "salabim": "salabim",
    "heapq": "heapq",
}
BASELINE = "simpy"
ACCELERATED = "+"  # at the end of a program: in the build that `driftlab accelerate` made
SAME = (
    "ours-whole",
    "ours-whole+",
    "ours-die",
    "ours-own",
    "simpy-keyed",
)  # must end with the same clocks
TARGETS = {
    "ours-whole": "at least 0.6",
    "ours-whole+": "at least 0.9",
    "ours-die": "at least 1",
    "ours-own": "at least 1",
}
MACHINES = (3, 1000)
PROCESSES = (100, 1000)

Runs = dict[str, list[list[Any]]]  # the children's output, by program


def measure(quick: bool) -> list[Table]:
    """Run the model of the assignment for both numbers of machines, then PHOLD."""
    if accelerated.current_build(accelerated.builds_folder()) is None:
        accelerate()
    repetitions, ticks, events = (2, 200_000, 50_000) if quick else (9, 500_000, 100_000)
    runs_of_die = {
        machines: _interleaved("benchmarks.die_programs", PROGRAMS, machines, ticks, repetitions)
        for machines in MACHINES
    }
    phold = {
        processes: _interleaved("benchmarks.phold_programs", PHOLD, processes, events, repetitions)
        for processes in PROCESSES
    }
    for runs in runs_of_die.values():
        _require_same_clocks(runs)
    return [_die_table(runs_of_die, ticks, repetitions), _phold_table(phold, events, repetitions)]


def _interleaved(
    module: str, programs: Mapping[str, str], size: int, work: int, times: int
) -> Runs:
    runs: Runs = {program: [] for program in programs}
    for number in range(1, times + 1):
        progress(f"general: {module}, {size}, repetition {number} of {times}")
        for program, said in runs.items():
            build = f"{accelerated.VARIABLE}={int(program.endswith(ACCELERATED))}"
            name = program.removesuffix(ACCELERATED)
            command = ("env", build, sys.executable, "-m", module, name, str(size), str(work))
            with children([command]) as (child,):
                said.append(json.loads(child.communicate()[0]))
    return runs


def _require_same_clocks(runs: Runs) -> None:
    clocks = [clocks for program in SAME for _, _, clocks, _ in runs[program]]
    if any(each != clocks[0] for each in clocks):
        raise RuntimeError("the same draws did not end in the same clocks")


def _die_table(runs_of_die: dict[int, Runs], ticks: int, repetitions: int) -> Table:
    how = (
        f"The model of the assignment, {ticks:,} ticks: 3 machines at 6, 3 and 1 ticks/s with the "
        "die of 10, "
        "and 1,000 at 1 to 6 ticks/s that send to one peer with 0.3. Only driftlab records: every "
        "event, when it was due and what its tick found, in memory; the others keep clocks and "
        "inboxes and nothing else. Order arrival, which is what one deque a machine gives. "
        "Times are of the processor. "
        f"driftlab and SimPy with its draws ended in the same clocks. Medians of {repetitions}."
    )
    heads = (
        "machines", "engine", "million ticks/s", "to SimPy", "of single pairs", "target",
        "to SimPy with the same draws", "bytes a tick",
    )  # fmt: skip
    rows = [
        (machines, name, *_compared(program, runs), TARGETS.get(program, NONE),
         _ratio(program, "simpy-keyed", runs), _grown(runs[program]))
        for machines, runs in runs_of_die.items()
        for program, name in PROGRAMS.items()
    ]  # fmt: skip
    return Table("The general engine", how, heads, rows)


def _phold_table(phold: dict[int, Runs], events: int, repetitions: int) -> Table:
    how = (
        f"PHOLD: 10 messages a process circulate, each on its way for an exponential second; "
        f"about {events:,} receives, and a receive is an event. In SimPy and salabim a message is "
        "a generator that waits, then counts at a random process: nothing is sent, queued or "
        "kept. A process of driftlab receives at its ticks, one message at most, so messages also "
        "wait for a tick: at 5 ticks/s nearly every tick receives, at 20 more than half find "
        "nothing and are events too, which are recorded and not counted. Its messages have "
        "senders and clocks, its delays are whole nanoseconds of keyed draws, the same in every "
        f"run. Medians of {repetitions}."
    )
    heads = ("processes", "engine", "million events/s", "to SimPy", "of single pairs")
    rows = [
        (processes, name, *_compared(program, runs))
        for processes, runs in phold.items()
        for program, name in PHOLD.items()
    ]
    return Table("PHOLD", how, heads, rows)


def _compared(program: str, runs: Runs) -> tuple[Cell, ...]:
    found = compare(_speeds(runs[program]), _speeds(runs[BASELINE]))
    if program == BASELINE:
        return (found.ours, NONE, NONE)
    return (found.ours, found.ratio, found.spread)


def _ratio(program: str, other: str, runs: Runs) -> Cell:
    return compare(_speeds(runs[program]), _speeds(runs[other])).ratio


def _speeds(said: Sequence[Sequence[Any]]) -> list[float]:
    return [each[1] / each[0] / 1e6 for each in said]


def _grown(said: Sequence[Sequence[Any]]) -> Cell:
    return int(median(each[3] // each[1] for each in said))
