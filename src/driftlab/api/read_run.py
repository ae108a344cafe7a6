"""Reading a run back from its folder."""

from collections.abc import Sequence
from pathlib import Path

from driftlab.analysis.metrics import MachineSummary, summarise, with_drift
from driftlab.api.run import Run
from driftlab.clocks.catalogue import DecodeTimestamp, timestamp_decoder
from driftlab.journal.files import UnreadableError, read_text
from driftlab.journal.reader import Journal, read_journal, read_journals
from driftlab.journal.run_folder import SCENARIO_FILE, run_folder
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import ScenarioError

NO_JOURNAL = "no journal"  # how a machine ended whose journal is not in the folder
CUT_OFF = "cut off"  # how a journal without a last line ended: its machine was killed


def read_runs(path: str | Path) -> tuple[Scenario, list[Run]]:
    """Read a run folder, or a folder of runs, back from the disk. Raises DriftlabError."""
    folder = Path(path)
    if folder.is_file():
        raise UnreadableError(f"{folder}: a run's folder is needed here, and this is a file")
    scenario = read_scenario(folder / SCENARIO_FILE)
    if scenario.runs == 1:
        return scenario, [read_run(folder)]
    folders = [Path(run_folder(folder, scenario, number)) for number in scenario.run_numbers]
    runs = [read_run(each) for each in folders if each.is_dir()]
    if not runs:
        raise UnreadableError(f"{folder}: none of its {scenario.runs} runs is here")
    return scenario, runs


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file. Raises DriftlabError."""
    try:
        return Scenario.from_toml(read_text(path))
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from None


def read_run(folder: Path) -> Run:
    """Read the folder of one run. Raises DriftlabError."""
    scenario = read_scenario(folder / SCENARIO_FILE)
    run = _describe(scenario, folder, read_journals(folder, decoder(scenario)))
    missing = [name for name in scenario.machine_names() if name not in run.ends]
    run.ends = {**run.ends, **dict.fromkeys(missing, NO_JOURNAL)}
    return run


def decoder(scenario: Scenario) -> DecodeTimestamp | None:
    """Return what reads the timestamps in the journals of a scenario, None if it has none."""
    if scenario.clock == "lamport":
        return None
    places = {name: place for place, name in enumerate(scenario.machine_names())}
    return timestamp_decoder(scenario.clock, places, scenario.size)


def read_own_journals(scenario: Scenario, paths: Sequence[Path]) -> Run:
    """Read some journals of one run, in name order. Raises DriftlabError."""
    return _describe(scenario, paths[0].parent, [read_journal(path) for path in paths])


def _describe(scenario: Scenario, folder: Path, journals: Sequence[Journal]) -> Run:
    ends = {journal.machine: _end(journal) for journal in journals}
    return Run(
        scenario,
        scenario.first_run,
        with_drift([_summary(journal, scenario) for journal in journals]),
        folder=str(folder),
        ends={name: end.get("reason", CUT_OFF) for name, end in ends.items()},
        incidents={journal.machine: _incidents(journal) for journal in journals},
        undelivered={name: _count(end, "undelivered", 0) for name, end in ends.items()},
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
    return _count(_end(journal), "incidents", len(journal.notes_on("incident")))


def _count(fields: dict[str, str], key: str, otherwise: int) -> int:
    """Read a count of a last line, which somebody may have changed."""
    text = fields.get(key, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else otherwise
