"""A run read back from its folder: its metrics, and how each machine ended."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from driftlab.analysis.run_statistics import Counted, count_process, metrics_of_trace
from driftlab.api.run import Run
from driftlab.api.runs import Runs
from driftlab.errors import DriftlabError, counted
from driftlab.history.parquet import packed_by
from driftlab.history.run_reader import (
    SUFFIXES,
    RunJournals,
    RunRecord,
    count_in,
    run_journals,
    single_journal,
)
from driftlab.history.trace import Trace
from driftlab.journal.files import UnreadableError, read_text
from driftlab.journal.reader import Journal
from driftlab.journal.run_folder import (
    SCENARIO_FILE,
    read_scenario,
    run_folders_there,
    version_of,
)
from driftlab.lazy import np
from driftlab.scenario.scenario import Scenario

NO_JOURNAL = "no journal"  # how a machine ended whose journal is not in the folder
CUT_OFF = "cut off"  # how a journal without a last line ended: its machine was killed

REPEATED_KEYS: Final = ("seed", "runs", "first_run")  # in which runs of one scenario may differ


def read_runs(path: str | Path) -> tuple[Scenario, Runs]:
    """Read a run folder, or a folder of runs, back from the disk.

    Return the scenario and its runs. Raise DriftlabError if there is no
    scenario, or a run's journals cannot be read.
    """
    scenario, folders = find_run_folders(path)
    return scenario, Runs(scenario, [[read_run(folder) for folder in folders]])


def find_run_folders(path: str | Path) -> tuple[Scenario, list[Path]]:
    """Return the scenario at a path, and the folders of those of its runs that are there.

    Raise DriftlabError if there is none.
    """
    folder = Path(path)
    if folder.is_file():
        raise UnreadableError(f"{folder}: a run's folder is needed here, and this is a file")
    scenario = read_scenario(folder / SCENARIO_FILE)
    if scenario.runs == 1:
        return scenario, [folder]
    there = [Path(each) for each in run_folders_there(folder, scenario)]
    if not there:
        raise UnreadableError(f"{folder}: none of its {counted(scenario.runs, 'run')} is here")
    return scenario, there


def scenario_of_all(path: str | Path, alone: Scenario) -> Scenario:
    """Return the scenario that a run is one of several of, itself if there is no other.

    path: the folder or file of the run, beside which that scenario is. alone: of the run.
    """
    above = Path(path).parent / SCENARIO_FILE
    if not above.is_file():
        return alone
    try:
        base = read_scenario(above)
    except DriftlabError:  # whatever it is, it is not needed to read the run
        return alone
    is_one = alone.first_run in base.run_numbers and base.for_run(alone.first_run) == alone
    return base if base.runs > 1 and is_one else alone


def version_at(path: str | Path) -> str | None:
    """Return the version of driftlab that made a run folder or packed a run; None if unknown."""
    if Path(path).is_file():
        return packed_by(Path(path))
    return version_of(read_text(Path(path) / SCENARIO_FILE))


def find_run(folder: Path) -> tuple[Scenario, RunJournals]:
    """Return the scenario and the journals in the folder of one run. Raise DriftlabError."""
    scenario = read_scenario(folder / SCENARIO_FILE)
    return scenario, run_journals(folder, scenario)


def read_run(folder: Path) -> Run:
    """Read the folder of one run. Raise DriftlabError if its journals cannot be read."""
    return read_run_with_events(folder).run


class RunWithEvents(NamedTuple):
    """A run and its events, and what is counted of each process that has a journal."""

    run: Run
    trace: Trace
    counted: dict[int, Counted]


def read_run_with_events(folder: Path) -> RunWithEvents:
    """Read the folder of one run, and return its events too. Raise DriftlabError."""
    scenario, journals = find_run(folder)
    found = _describe(scenario, folder, journals.read())
    missing = [name for name in scenario.machine_names() if name not in found.run.ends]
    found.run.ends = {**found.run.ends, **dict.fromkeys(missing, NO_JOURNAL)}
    return found


def read_own_journal(scenario: Scenario, path: Path) -> Run:
    """Read the journal of one machine of a run. Raise DriftlabError if it cannot be read."""
    return _describe(scenario, path.parent, single_journal(path, scenario).read()).run


def _describe(scenario: Scenario, folder: Path, record: RunRecord) -> RunWithEvents:
    trace, journals = record.trace, [each for each in record.journals if each is not None]
    processes = [place for place, each in enumerate(record.journals) if each is not None]
    ends = {journal.machine: _end(journal) for journal in journals}
    counted = {process: count_process(trace, process) for process in processes}
    run = Run(
        scenario,
        scenario.first_run,
        metrics_of_trace(
            trace, processes, seconds=scenario.seconds, speed=scenario.speed, counted=counted
        ),
        folder=str(folder),
        ends={name: end.get("reason", CUT_OFF) for name, end in ends.items()},
        incidents={journal.machine: _incidents(journal) for journal in journals},
        undelivered=_undelivered(trace, ends),
        refused={name: sum(_refused(end).values()) for name, end in ends.items()},
        unread=_unread(record, journals),
    )
    return RunWithEvents(run, trace, counted)


def _unread(record: RunRecord, journals: Sequence[Journal]) -> dict[str, int]:
    """Return how many lines of each machine's journal count as unread; an empty file has one."""
    machines = {journal.path.name: journal.machine for journal in journals}
    unread = dict.fromkeys(machines.values(), 0)
    for line in record.trace.unread:
        name = machines.get(line.file) or _named_by(line.file)
        if name in record.trace.names:
            unread[name] = unread.get(name, 0) + 1
    return unread


def _named_by(file: str) -> str:
    """Return the name of the machine after which a journal is named."""
    suffix = next((each for each in reversed(SUFFIXES) if file.endswith(each)), "")
    return file.removesuffix(suffix)


def _end(journal: Journal) -> Mapping[str, str]:
    """Return the fields of a journal's last line, none if it was cut off."""
    ends = journal.notes_on("end")
    return ends[-1].fields if ends else {}


def _refused(end: Mapping[str, str]) -> dict[str, int]:
    """Return how often a machine refused the connections of its peers, by their names."""
    parts = (part.rpartition(":") for part in end.get("refused", "").split(","))
    return {name: int(count) for name, _, count in parts if name and count.isdecimal()}


def _undelivered(trace: Trace, ends: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    """Return how many messages of each machine were given up, or were refused by a peer.

    A sender does not know what a peer refused: those are the messages on record that the
    peers who did refuse its connection never found. Some of them it may have given up
    itself, and no message counts twice.
    """
    missing = dict.fromkeys(ends, 0)
    for receiver, end in ends.items():
        for sender in _refused(end):
            if sender in ends:
                missing[sender] += _never_found(trace, sender, receiver)
    given_up = {name: count_in(end, "undelivered") or 0 for name, end in ends.items()}
    return {name: max(count, missing[name]) for name, count in given_up.items()}


def _never_found(trace: Trace, sender: str, receiver: str) -> int:
    """Return how many messages one machine sent to another that never found them."""
    source, sink = trace.names.index(sender), trace.names.index(receiver)
    rows = trace.rows_of(source)
    sent = sum(sink in trace.targets_of(row) for row in range(rows.start, rows.stop))
    if trace.arrivals is None:
        return 0
    starts, at = trace.arrivals.starts, trace.rows_of(sink)
    found = trace.arrivals.sender[starts[at.start] : starts[at.stop]] == source
    return max(0, sent - int(np.count_nonzero(found)))


def _incidents(journal: Journal) -> int:
    """Count incidents as the last line does, which knows of more than are recorded."""
    counted = count_in(_end(journal), "incidents")
    return len(journal.notes_on("incident")) if counted is None else counted
