"""The public Python interface: run a scenario, read a run back, get its figures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from driftlab.analysis.summary import MachineSummary, summarise, with_drift
from driftlab.analysis.twin import MachineTwin, twin
from driftlab.hosts.launcher import LaunchError, WorkerBugError, launch
from driftlab.hosts.limits import require_files_for
from driftlab.hosts.run_folder import (
    SCENARIO_FILE,
    RunFolderError,
    claim,
    fresh_folder,
    new_run_id,
    release,
    run_folder,
)
from driftlab.hosts.simulator import simulate_run, write_journals
from driftlab.machine.replay import Difference, replay
from driftlab.plan import MachinePlan
from driftlab.planning import plan_run
from driftlab.scenario import Scenario
from driftlab.scenario_checks import ScenarioError
from driftlab.trace.journal import COMPLETE, Entry
from driftlab.trace.reading import Journal, UnreadableError, journals_of, read_journal, read_text

CUT_OFF = "cut off"  # how a journal without a last line ended: its machine was killed


class RunStart(NamedTuple):
    """A run that is under way: its folder, and the scenario of it alone, rates drawn."""

    folder: Path
    scenario: Scenario


Record = Literal["all", "summary"]
OnBeat = Callable[[RunStart, int], None]


class Run(NamedTuple):
    """One execution of a scenario.

    `scenario` is that of this run alone, its rates drawn. `machines` are the
    summaries in name order. `ends` says of each machine how it ended:
    `complete`, or why not. `incidents` counts what its journal records of
    them, `undelivered` the messages that never left it, `unread` the lines
    that could not be read.
    """

    scenario: Scenario
    folder: Path | None
    machines: tuple[MachineSummary, ...]
    ends: dict[str, str]
    incidents: dict[str, int]
    undelivered: dict[str, int]
    unread: dict[str, int]
    interrupted: bool = False

    @property
    def ticks(self) -> int:
        """How many ticks all machines took together."""
        return sum(machine.ticks for machine in self.machines)

    @property
    def is_whole(self) -> bool:
        """Whether every machine took every tick."""
        return all(end == COMPLETE for end in self.ends.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the run under the names of the JSON interface."""
        return {
            "folder": None if self.folder is None else str(self.folder),
            "machines": [machine.to_dict() for machine in self.machines],
            "ends": self.ends,
            "incidents": self.incidents,
            "undelivered": self.undelivered,
            "unread": self.unread,
        }


def run(scenario: Scenario, out: str | Path | None = None) -> Run | list[Run]:
    """Run a scenario for real: every machine a process, every message over TCP.

    Journals go to the folder `out`, which must not hold a run already; by
    default to a new one below `runs`. Returns the run, or a list of them if
    the scenario asks for more than one. Raises DriftlabError.
    """
    runs = list(run_each(scenario, Path(out) if out else fresh_folder()))
    return runs[0] if scenario.runs == 1 else runs


def run_each(
    scenario: Scenario, out: Path, on_beat: OnBeat = lambda start, elapsed_ns: None
) -> Iterator[Run]:
    """Yield the runs of a scenario as they end; stop after one that was interrupted."""
    require_files_for(scenario.size)
    require_real(scenario)
    if scenario.runs > 1:
        claim(out, scenario)
    for number in scenario.run_numbers:
        try:
            done = _run_one(scenario, out, number, on_beat)
        except (LaunchError, WorkerBugError, RunFolderError):
            if number == scenario.first_run and scenario.runs > 1:
                release(out)  # nothing of it is recorded
            raise
        yield done
        if done.interrupted:
            return


def require_real(scenario: Scenario) -> None:
    """Raise ScenarioError if a scenario asks for what only a simulation can give."""
    if scenario.latency != "none":
        raise ScenarioError(
            f"latency: {scenario.latency} is only for `simulate`; "
            "real machines have the latency of their network, so allowed here: none"
        )


def one_run(scenario: Scenario, number: int) -> Scenario:
    """Return the scenario of one run alone, its rates drawn."""
    return replace(scenario, rates=scenario.rates_of(number), runs=1, first_run=number)


def _run_one(scenario: Scenario, out: Path, number: int, on_beat: OnBeat) -> Run:
    alone = one_run(scenario, number)
    start = RunStart(run_folder(out, scenario, number), alone)
    claim(start.folder, alone)
    try:
        outcome = launch(
            plan_run(alone, number),
            start.folder,
            new_run_id(),
            alone.order,
            lambda elapsed_ns: on_beat(start, elapsed_ns),
        )
    except (LaunchError, WorkerBugError):
        release(start.folder)
        raise
    done = _read_one(start.folder)
    return done._replace(ends=outcome.ends, interrupted=outcome.interrupted)


def simulate(
    scenario: Scenario, *, record: Record = "summary", out: str | Path | None = None
) -> Run | list[Run]:
    """Simulate a scenario: the same machines, deterministic, in no time.

    With `record="all"` every run leaves journals, like a real one, in the
    folder `out` or a new one; with "summary" only the figures are kept.
    Returns the run, or a list of them if the scenario asks for more than one.
    Raises DriftlabError.
    """
    folder = None
    if record == "all":
        folder = Path(out) if out else fresh_folder()
    runs = list(simulate_each(scenario, folder))
    return runs[0] if scenario.runs == 1 else runs


def simulate_each(scenario: Scenario, out: Path | None) -> Iterator[Run]:
    """Yield the simulated runs of a scenario, in order; `out` is where journals go, if anywhere."""
    if out is not None and scenario.runs > 1:
        claim(out, scenario)
    for number in scenario.run_numbers:
        yield _simulate_one(scenario, out, number)


def twin_runs(path: str | Path) -> list[tuple[Path, list[MachineTwin]]]:
    """Set each run of a folder beside the simulation of its scenario. Raises DriftlabError."""
    _, runs = read_runs(path)
    return [_twin_one(run.scenario, cast(Path, run.folder)) for run in runs]


def _twin_one(scenario: Scenario, folder: Path) -> tuple[Path, list[MachineTwin]]:
    plans = plan_run(scenario, scenario.first_run)
    simulated = dict(zip((plan.name for plan in plans), _entries(scenario, plans), strict=True))
    twins = []
    for journal in journals_of(folder):
        if journal.machine not in simulated:
            raise UnreadableError(f"{journal.path}: {journal.machine} is not of this scenario")
        twins.append(twin(journal.machine, journal.entries, simulated[journal.machine]))
    return folder, twins


def _entries(scenario: Scenario, plans: Sequence[MachinePlan]) -> list[list[Entry]]:
    """Simulate a run and return every machine's entries."""
    entries: list[list[Entry]] = [[] for _ in plans]
    simulate_run(
        plans,
        scenario.order,
        scenario.message_latency,
        lambda position, entry: entries[position].append(entry),
    )
    return entries


def _simulate_one(scenario: Scenario, out: Path | None, number: int) -> Run:
    alone = one_run(scenario, number)
    plans = plan_run(alone, number)
    entries = _entries(alone, plans)
    folder = None
    if out is not None:
        folder = run_folder(out, scenario, number)
        claim(folder, alone)
        write_journals(plans, entries, str(folder))
    nothing = dict.fromkeys((plan.name for plan in plans), 0)
    return Run(
        scenario=alone,
        folder=folder,
        machines=with_drift(
            [
                summarise(plan.name, plan.rate, 1, alone.seconds, lines, could_be_late=False)
                for plan, lines in zip(plans, entries, strict=True)
            ]
        ),
        ends=dict.fromkeys(nothing, COMPLETE),
        incidents=nothing,
        undelivered=nothing,
        unread=nothing,
    )


def read_runs(path: str | Path) -> tuple[Scenario, list[Run]]:
    """Read a run folder, or a folder of runs, back from the disk. Raises DriftlabError."""
    folder = Path(path)
    scenario = read_scenario(folder / SCENARIO_FILE)
    if scenario.runs == 1:
        return scenario, [_read_one(folder)]
    folders = [run_folder(folder, scenario, number) for number in scenario.run_numbers]
    runs = [_read_one(each) for each in folders if each.is_dir()]
    if not runs:
        raise UnreadableError(f"{folder}: none of its {scenario.runs} runs is here")
    return scenario, runs


class Replay(NamedTuple):
    """One machine's replay: how many events its journal holds, and the first that differs."""

    journal: Path
    machine: str
    events: int
    difference: Difference | None


def replay_runs(path: str | Path) -> list[Replay]:
    """Replay every journal of a run folder, or of a folder of runs. Raises DriftlabError."""
    _, runs = read_runs(path)
    return [each for run in runs for each in _replay_one(run)]


def _replay_one(run: Run) -> Iterator[Replay]:
    plans = {plan.name: plan for plan in plan_run(run.scenario, run.scenario.first_run)}
    for journal in journals_of(cast(Path, run.folder)):
        if journal.machine not in plans:
            raise UnreadableError(f"{journal.path}: {journal.machine} is not of this scenario")
        recorded = [(entry.event, entry.found) for entry in journal.entries]
        difference = replay(plans[journal.machine], recorded)
        yield Replay(journal.path, journal.machine, len(recorded), difference)


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file. Raises DriftlabError."""
    return Scenario.from_toml(read_text(path))


def _read_one(folder: Path) -> Run:
    scenario = read_scenario(folder / SCENARIO_FILE)
    return _describe(scenario, folder, journals_of(folder))


def read_journals(scenario: Scenario, paths: Sequence[Path]) -> Run:
    """Read some journals of one run, in name order. Raises DriftlabError."""
    return _describe(scenario, paths[0].parent, [read_journal(path) for path in paths])


def _describe(scenario: Scenario, folder: Path, journals: Sequence[Journal]) -> Run:
    ends = {journal.machine: _end(journal) for journal in journals}
    return Run(
        scenario=scenario,
        folder=folder,
        machines=with_drift([_summary(journal, scenario) for journal in journals]),
        ends={name: end.get("reason", CUT_OFF) for name, end in ends.items()},
        incidents={journal.machine: _incidents(journal) for journal in journals},
        undelivered={name: int(end.get("undelivered", "0")) for name, end in ends.items()},
        unread={journal.machine: len(journal.unread) + journal.torn for journal in journals},
    )


def _summary(journal: Journal, scenario: Scenario) -> MachineSummary:
    rate = float(journal.header["rate"])
    simulated = journal.header.get("world") == "simulated"
    return summarise(
        journal.machine,
        rate,
        1 if simulated else scenario.speed,
        scenario.seconds,
        journal.entries,
        could_be_late=not simulated,
    )


def _end(journal: Journal) -> dict[str, str]:
    """Return the fields of a journal's last line; none if it was cut off."""
    ends = journal.notes_on("end")
    return ends[-1].fields if ends else {}


def _incidents(journal: Journal) -> int:
    """Count incidents: as the last line does, which knows of more than are recorded."""
    return int(_end(journal).get("incidents", len(journal.notes_on("incident"))))
