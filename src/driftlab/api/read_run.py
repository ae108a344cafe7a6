"""A run read back from its folder: its metrics, and how each machine ended."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from driftlab.analysis.metrics import (
    Counters,
    Lateness,
    MachineMetrics,
    count_events,
    fastest,
    lateness_of,
    machine_metrics,
)
from driftlab.api.run import Run
from driftlab.api.runs import Runs
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
from driftlab.journal.run_folder import SCENARIO_FILE, run_folders_there
from driftlab.lazy import np
from driftlab.model.columns import RECEIVE, SEND
from driftlab.model.schedule import NS_PER_SECOND
from driftlab.scenario.scenario import ProcessFromFile, Scenario, keys_from_toml
from driftlab.scenario.validate import ScenarioError

NO_JOURNAL = "no journal"  # how a machine ended whose journal is not in the folder
CUT_OFF = "cut off"  # how a journal without a last line ended: its machine was killed


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
        raise UnreadableError(f"{folder}: none of its {scenario.runs} runs is here")
    return scenario, there


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file. Raise DriftlabError if it is missing or not valid."""
    try:
        keys = keys_from_toml(read_text(path))
        if isinstance(keys.get("process"), ProcessFromFile):
            keys["process"] = keys["process"].beside(str(path.parent))
        return Scenario.from_dict(keys)
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from None


def find_run(folder: Path) -> tuple[Scenario, RunJournals]:
    """Return the scenario and the journals in the folder of one run. Raise DriftlabError."""
    scenario = read_scenario(folder / SCENARIO_FILE)
    return scenario, run_journals(folder, scenario)


def read_run(folder: Path) -> Run:
    """Read the folder of one run. Raise DriftlabError if its journals cannot be read."""
    scenario, journals = find_run(folder)
    run = _describe(scenario, folder, journals.read())
    missing = [name for name in scenario.machine_names() if name not in run.ends]
    run.ends = {**run.ends, **dict.fromkeys(missing, NO_JOURNAL)}
    return run


def read_own_journal(scenario: Scenario, path: Path) -> Run:
    """Read the journal of one machine of a run. Raise DriftlabError if it cannot be read."""
    return _describe(scenario, path.parent, single_journal(path, scenario).read())


def _describe(scenario: Scenario, folder: Path, record: RunRecord) -> Run:
    trace, journals = record.trace, [each for each in record.journals if each is not None]
    processes = [place for place, each in enumerate(record.journals) if each is not None]
    ends = {journal.machine: _end(journal) for journal in journals}
    return Run(
        scenario,
        scenario.first_run,
        metrics_of_trace(trace, processes, seconds=scenario.seconds, speed=scenario.speed),
        folder=str(folder),
        ends={name: end.get("reason", CUT_OFF) for name, end in ends.items()},
        incidents={journal.machine: _incidents(journal) for journal in journals},
        undelivered=_undelivered(trace, ends),
        refused={name: sum(_refused(end).values()) for name, end in ends.items()},
        unread=_unread(record, journals),
    )


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
    peer, who did refuse its connection, never found.
    """
    undelivered = {name: count_in(end, "undelivered") or 0 for name, end in ends.items()}
    for receiver, end in ends.items():
        for sender in _refused(end):
            if sender in ends:
                missing = _never_found(trace, sender, receiver)
                undelivered[sender] = max(undelivered[sender], missing)
    return undelivered


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


# Metrics.


def metrics_of_trace(
    trace: Trace, processes: Sequence[int], *, seconds: float, speed: float
) -> tuple[MachineMetrics, ...]:
    """Return the metrics of recorded machines; the trace must have all columns of a journal.

    processes: positions of the machines wanted; the fastest of them is that of
    their drift. seconds: scenario time that the run takes. speed: scenario time
    per real time, of those that were not simulated.
    """
    if not processes:
        return ()
    known = [trace.process_info[process] for process in processes]
    rates = [float(each.rate or 0) for each in known]
    counters = [_count_process(trace, process) for process in processes]
    fastest_clock = counters[fastest(rates)].clock
    return tuple(
        machine_metrics(
            trace.names[process],
            rate,
            count,
            between_ns=_between_ns(trace, process),
            seconds=seconds,
            fastest_clock=fastest_clock,
            speed=1.0 if info.simulated else speed,
            lateness_us=None if info.simulated else _lateness(trace, process),
            late_ticks=None if info.simulated else _late_ticks(trace, process, rate * speed),
        )
        for process, info, rate, count in zip(processes, known, rates, counters, strict=True)
    )


def _count_process(trace: Trace, process: int) -> Counters:
    rows, columns = trace.rows_of(process), trace.columns
    assert columns.clock is not None
    assert columns.queue is not None
    return count_events(
        columns.kind[rows].tolist(),
        columns.clock[rows].tolist(),
        columns.queue[rows].tolist(),
        send=SEND,
        receive=RECEIVE,
    )


def _between_ns(trace: Trace, process: int) -> int:
    """Return the real time between the starts of a process's first and last tick."""
    rows, columns = trace.rows_of(process), trace.columns
    assert columns.due_ns is not None
    assert columns.late_ns is not None
    if rows.start == rows.stop:
        return 0
    first, last = (
        int(columns.due_ns[row]) + int(columns.late_ns[row]) for row in (rows.start, rows.stop - 1)
    )
    return last - first


def _late_ticks(trace: Trace, process: int, rate: float) -> int:
    """Return how many ticks began more than a period late. rate: a second of real time."""
    assert trace.columns.late_ns is not None
    late_ns = trace.columns.late_ns[trace.rows_of(process)]
    return int(np.count_nonzero(late_ns * rate > NS_PER_SECOND)) if rate else 0


def _lateness(trace: Trace, process: int) -> Lateness | None:
    assert trace.columns.late_ns is not None
    late_ns: list[int] = np.sort(trace.columns.late_ns[trace.rows_of(process)]).tolist()
    return lateness_of(late_ns)
