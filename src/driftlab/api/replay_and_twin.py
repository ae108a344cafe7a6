"""What is recorded beside what the rules say: a run's twin, and its replay."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, cast

from driftlab.analysis.real_vs_simulated import MachineTwin, compare_machine
from driftlab.api.general_engine import entries_of, stdout_to_stderr
from driftlab.api.read_run import decoder, read_runs
from driftlab.api.run import Run
from driftlab.journal.files import UnreadableError
from driftlab.journal.format import Entry
from driftlab.journal.reader import Journal, UnreadLine, read_journals
from driftlab.machine.process_loader import load_process
from driftlab.machine.replay import Difference, Input, replay
from driftlab.scenario.plan import plan_run
from driftlab.scenario.scenario import Scenario


def twin_runs(path: str | Path) -> list[tuple[Path, list[MachineTwin]]]:
    """Set each run of a folder beside the simulation of its scenario. Raises DriftlabError."""
    _, runs = read_runs(path)
    return [_twin_one(run.scenario, cast(Path, run.folder)) for run in runs]


def _twin_one(scenario: Scenario, folder: Path) -> tuple[Path, list[MachineTwin]]:
    simulated = dict(zip(scenario.machine_names(), entries_of(scenario), strict=True))
    twins = []
    for journal in read_journals(folder, decoder(scenario)):
        if journal.machine not in simulated:
            raise UnreadableError(f"{journal.path}: {journal.machine} is not of this scenario")
        twins.append(compare_machine(journal.machine, journal.entries, simulated[journal.machine]))
    return folder, twins


class Replay(NamedTuple):
    """One machine's replay: how many events were replayed, and the first that differs.

    `unread` are the lines of its journal that could not be read. After the
    first hole nothing can be replayed: `left_out` counts the events behind it.
    """

    journal: Path
    machine: str
    events: int
    difference: Difference | None
    process: str
    unread: list[UnreadLine]
    left_out: int


def replay_runs(path: str | Path) -> list[Replay]:
    """Replay every journal of a run folder, or of a folder of runs. Raises DriftlabError."""
    _, runs = read_runs(path)
    return [each for run in runs for each in _replay_one(run)]


def _replay_one(run: Run) -> Iterator[Replay]:
    scenario = run.scenario
    plans = {plan.name: plan for plan in plan_run(scenario, scenario.first_run)}
    process = load_process(scenario.process)
    for journal in read_journals(cast(Path, run.folder), decoder(scenario)):
        if journal.machine not in plans:
            raise UnreadableError(f"{journal.path}: {journal.machine} is not of this scenario")
        inputs = inputs_of(journal)
        with stdout_to_stderr(scenario):
            difference = replay(plans[journal.machine], inputs, process)
        left_out = len(journal.entries) - len(inputs)
        yield Replay(
            journal.path, journal.machine, len(inputs), difference,
            scenario.process, journal.unread, left_out,
        )  # fmt: skip


def inputs_of(journal: Journal) -> list[Input]:
    """Return what each tick was given, up to the first that is missing, and its event."""
    return [
        Input(entry.event, entry.found, entry.instant.time_ns)
        for entry in takewhile_whole(journal.entries)
    ]


def takewhile_whole(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Yield the entries of ticks 0, 1, 2 … up to the first that is missing."""
    for tick, entry in enumerate(entries):
        if entry.event.tick != tick:
            return
        yield entry
