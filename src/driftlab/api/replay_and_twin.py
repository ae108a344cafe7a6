"""A recorded run held against its machines: its replay, and its twin in the simulator."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from driftlab.analysis.real_vs_simulated import MachineTwin, compare_with_simulation
from driftlab.api.read_run import find_run, find_run_folders
from driftlab.api.simulate_one import simulated_trace, stdout_to_stderr
from driftlab.api.trust import admit_process
from driftlab.history.run_reader import BREAKS_OFF, RunRecord
from driftlab.journal.files import UnreadLine
from driftlab.machine.process_loader import DIE, load_process
from driftlab.machine.replay import Input, ReplayDifference, replay
from driftlab.scenario.plan import plan_run


def twin_runs(path: str | Path, *, trust: bool = False) -> list[tuple[Path, list[MachineTwin]]]:
    """Compare each run of a folder with the simulation of its scenario.

    trust: whether a process that the run's scenario names may be executed, though it was
    never run by name. Return each run's folder with one comparison per journal, in name
    order. Raise DriftlabError if the folder cannot be read.
    """
    _, folders = find_run_folders(path)
    return [(folder, _twin_of(folder, trust)) for folder in folders]


def _twin_of(folder: Path, trust: bool) -> list[MachineTwin]:
    scenario, journals = find_run(folder)
    scenario = admit_process(scenario, trust=trust)
    has_payloads = scenario.process != DIE
    real = journals.read(keep_entries=has_payloads)
    simulated, found = simulated_trace(scenario, scenario.first_run)
    processes = [place for place, each in enumerate(real.journals) if each is not None]
    both = ([entry.found for entry in real.entries], found) if has_payloads else None
    return compare_with_simulation(real.trace, simulated, processes, both)


class Replay(NamedTuple):
    """The replay of one machine.

    journal: its path. events: how many were replayed. difference: the first
    event that came out differently, None if there is none. process: what the
    machine ran. unread: the lines of its journal that could not be read.
    left_out: events after the first missing tick, which cannot be replayed.
    """

    journal: Path
    machine: str
    events: int
    difference: ReplayDifference | None
    process: str
    unread: list[UnreadLine]
    left_out: int


def replay_runs(path: str | Path, *, trust: bool = False) -> list[Replay]:
    """Replay every journal of a run folder, or of a folder of runs.

    trust: as in `twin_runs`. Raise DriftlabError if the folder cannot be read.
    """
    _, folders = find_run_folders(path)
    return [each for folder in folders for each in _replays_of(folder, trust)]


def _replays_of(folder: Path, trust: bool) -> Iterator[Replay]:
    scenario, journals = find_run(folder)
    scenario = admit_process(scenario, trust=trust)
    plans = plan_run(scenario, scenario.first_run)
    process = load_process(scenario.process)
    record = journals.read(keep_entries=True)
    for place, journal in enumerate(record.journals):
        if journal is None:
            continue
        inputs = inputs_of(record, place)
        with stdout_to_stderr(scenario):
            difference = replay(plans[place], inputs, process)
        rows = record.trace.rows_of(place)
        yield Replay(
            journal.path,
            journal.machine,
            len(inputs),
            difference,
            scenario.process,
            _unread(record, journal.path.name),
            rows.stop - rows.start - len(inputs),
        )


def _unread(record: RunRecord, file: str) -> list[UnreadLine]:
    """Return the unread lines of a journal, but not a torn last one, which hides no event."""
    return [line for line in record.trace.unread if line.file == file and line.reason != BREAKS_OFF]


def inputs_of(record: RunRecord, process: int) -> list[Input]:
    """Return what each tick of a process was given, up to the first missing tick, and its event.

    record: read with `keep_entries`. process: its position.
    """
    inputs: list[Input] = []
    for event, instant, found in record.entries[record.trace.rows_of(process)]:
        if event.tick != len(inputs):
            break
        inputs.append(Input(event, found, instant.time_ns))
    return inputs
