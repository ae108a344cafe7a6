"""The runs in a folder, as a list shows them: looked at briefly, not read.

Of a journal only its first and its last lines are read. Folders in folders are looked into,
since a study keeps the runs of each condition in one of its own.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import gmtime, strftime
from typing import Final, NamedTuple

from driftlab.errors import DriftlabError
from driftlab.history.parquet import PACK_SUFFIX, PARQUET_MAGIC, is_packed
from driftlab.history.run_reader import journal_paths
from driftlab.journal.files import UnreadableError, begins_with
from driftlab.journal.parser import JournalError
from driftlab.journal.reader import read_header, read_last
from driftlab.journal.run_folder import SCENARIO_FILE, read_scenario, run_folders_there
from driftlab.lazy import pl
from driftlab.scenario.scenario import Scenario
from driftlab.view.journal_tail import has_end, is_running

RUNS_MAX: Final = 500  # that are listed
JOURNALS_MAX: Final = 50  # of a run, whose events are counted
DEPTH_MAX: Final = 3  # of folders in folders


class ListedRun(NamedTuple):
    """A run of a folder.

    name: its path below the folder. kind: real, simulated or log. events: how many there are,
    None where that is not counted. when: it began, UTC. state: running, done or broken.
    """

    name: str
    path: Path
    kind: str
    events: int | None
    when: str | None
    state: str
    scenario: Scenario | None


def list_runs(folder: Path) -> list[ListedRun]:
    """Return the runs of a folder, the newest first; none if there is no such folder."""
    found = sorted(_paths(folder, DEPTH_MAX), key=_changed, reverse=True)[:RUNS_MAX]
    return [_described(folder, path) for path in found]


def _paths(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the run folders and the packed runs in a folder, or the folder itself if it is one."""
    scenario = _scenario_of(folder)
    if scenario is not None and scenario.runs > 1:
        yield from map(Path, run_folders_there(folder, scenario))
        return
    if scenario is not None:
        yield folder
        return
    entries: list[Path] = []
    with suppress(OSError):
        entries = sorted(folder.iterdir())
    for path in entries:
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if depth:
                yield from _paths(path, depth - 1)
        elif path.suffix == PACK_SUFFIX and _is_packed(path):
            yield path


def _is_packed(path: Path) -> bool:
    try:
        return begins_with(path, PARQUET_MAGIC) and is_packed(path)
    except (DriftlabError, OSError):
        return False


def _scenario_of(folder: Path) -> Scenario | None:
    try:
        return read_scenario(folder / SCENARIO_FILE)
    except (DriftlabError, OSError):
        return None


def _changed(path: Path) -> float:
    place = path / SCENARIO_FILE if path.is_dir() else path
    try:
        return place.stat().st_mtime
    except OSError:
        return 0.0


def _described(folder: Path, path: Path) -> ListedRun:
    name = path.relative_to(folder).as_posix()
    name = path.resolve().name if name == "." else name
    when = strftime("%Y-%m-%d %H:%M:%S", gmtime(_changed(path)))
    if path.is_file():
        return ListedRun(name, path, "packed", _packed_events(path), when, "done", None)
    scenario = _scenario_of(path)
    journals: list[Path] = []
    with suppress(DriftlabError):
        journals = journal_paths(path)
    kind = "real"
    for journal in journals[:1]:
        with suppress(DriftlabError, OSError):
            kind = read_header(journal).get("world", "real")
    going = is_running(path)
    missing = scenario is not None and len(journals) < scenario.size
    missing = missing or not all(map(_is_whole, journals))
    state = "running" if going else "broken" if missing else "done"
    return ListedRun(name, path, kind, _events(journals), when, state, scenario)


def _is_whole(journal: Path) -> bool:
    try:
        return journal.suffix == ".gz" or has_end(journal)
    except (OSError, UnreadableError):
        return False


def _events(journals: list[Path]) -> int | None:
    """Return how many events the journals of a run have, by the ticks of their last ones."""
    if len(journals) > JOURNALS_MAX or any(path.suffix == ".gz" for path in journals):
        return None
    count = 0
    for path in journals:
        try:
            last = read_last(path)
        except (OSError, UnreadableError, JournalError, ValueError):
            return None
        count += 0 if last is None else last.event.tick + 1
    return count


def _packed_events(path: Path) -> int | None:
    try:
        return int(pl.scan_parquet(path).select(pl.len()).collect().item())
    except (OSError, pl.exceptions.PolarsError):
        return None
