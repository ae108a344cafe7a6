"""From a path to a history: a run folder, a journal, or somebody else's log."""

from pathlib import Path
from typing import Any

from driftlab.api.history import History
from driftlab.api.recorded import decoder, read_scenario
from driftlab.clocks.running import decoder_of
from driftlab.hosts.run_folder import SCENARIO_FILE
from driftlab.trace.files import UnreadableError
from driftlab.trace.formats import read_log
from driftlab.trace.gather import trace_of
from driftlab.trace.reading import Journal, journals_of, read_journal


def read(path: str | Path, **options: Any) -> History:
    """Read a log, whatever it is; `options` as `trace.formats` has them. Raises DriftlabError."""
    found = read_all(path, **options)
    if len(found) > 1:
        raise UnreadableError(f"{path}: holds {len(found)} executions; say which")
    return found[0]


def read_all(path: str | Path, **options: Any) -> list[History]:
    """Read all executions of a log. Raises DriftlabError."""
    path = Path(path)
    if options or _is_foreign(path):
        return [History(trace) for trace in read_log(path, **options)]
    return [_read_folder(path) if path.is_dir() else _read_journal(path)]


def _is_foreign(path: Path) -> bool:
    if path.is_dir():
        is_run = (path / SCENARIO_FILE).exists() or any(path.glob("*.log"))
        return not is_run and any(path.iterdir())
    return path.is_file() and not path.read_bytes()[:17].startswith(b"# driftlab-journa")


def _read_folder(folder: Path) -> History:
    """Read the folder of one run."""
    if not (folder / SCENARIO_FILE).exists():
        return _read_bare(journals_of(folder))
    scenario = read_scenario(folder / SCENARIO_FILE)
    journals = journals_of(folder, decoder(scenario))
    return History(trace_of(journals, scenario.roster(), scenario.to_toml()))


def _read_journal(path: Path) -> History:
    return _read_bare([read_journal(path)])


def _read_bare(journals: list[Journal]) -> History:
    """Read journals without a scenario beside them: they name their machines themselves."""
    names = sorted({name for each in journals for name in _named(each)})
    clock = journals[0].header.get("clock", "lamport")
    if clock != "lamport":
        decode = decoder_of(clock, {name: place for place, name in enumerate(names)}, len(names))
        journals = [read_journal(each.path, decode) for each in journals]
    return History(trace_of(journals, names))


def _named(journal: Journal) -> list[str]:
    return [journal.machine, *filter(None, journal.header.get("peers", "").split(","))]
