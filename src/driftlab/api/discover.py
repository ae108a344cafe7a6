"""What stands at a path, before it is read: runs in folders, journals, and packed runs.

Nothing that holds a run is passed over: a folder gives the run that its
journals are of, or those of the run folders in it, and every packed run beside
them. Only a packed copy of a run that is found too, event for event the same,
is that run and not another one.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from driftlab.api.history import History
from driftlab.api.read_run import read_scenario
from driftlab.history.parquet import PACK_SUFFIX
from driftlab.history.run_reader import RunJournals, journal_paths, run_journals, single_journal
from driftlab.history.trace import Trace
from driftlab.journal.files import UnreadableError, begins_with, exists, require_regular_file
from driftlab.journal.header import is_journal
from driftlab.journal.run_folder import SCENARIO_FILE, run_folder
from driftlab.model.columns import Array
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import ScenarioError

PARQUET_MAGIC: Final = b"PAR1"
SHOWN: Final = 5  # names in a message


class RunSource(NamedTuple):
    """A run that was found: its name, the folder or the file it stands in, and its reading."""

    name: str
    path: Path
    read: Callable[[], History]


def find_runs(path: Path) -> list[RunSource]:
    """Return every run of ours at a path, none where there is none.

    Each is read when it is asked for, and once. Raises UnreadableError.
    """
    runs = [_of_journals(journals) for journals in find_journals(path)]
    if runs and not path.is_dir():
        return runs
    packed = list(_packed_at(path, is_run=any(run.path == path for run in runs)))
    if packed and not runs and path.is_dir():
        _require_no_other_logs(path, packed)
    folders = list(runs)
    taken = {run.name for run in runs}
    for file in packed:
        if not any(_is_copy(file, run) for run in folders if _may_be_copy(file, run)):
            names = (file.stem, file.name, str(file))
            name = next((name for name in names if name not in taken), str(file))
            taken.add(name)
            runs.append(_of_packed(file, name))
    return runs


def _of_journals(journals: RunJournals) -> RunSource:
    folder = journals.paths[0].parent
    return RunSource(folder.name, folder, cache(lambda: History(journals.trace(), folder.name)))


def _of_packed(path: Path, name: str) -> RunSource:
    def read() -> History:
        from driftlab.history.parquet import unpack

        return History(unpack(path), name)

    return RunSource(name, path, cache(read))


# Journals.


def find_journals(path: Path) -> list[RunJournals]:
    """Return the journals of every run at a path, none where there are no journals.

    Raises UnreadableError where there are some, but not as those of a run are.
    """
    require_regular_file(path)
    if not exists(path):
        raise UnreadableError(f"{path}: no such file or folder")
    if not path.is_dir():
        return [_alone(path)] if is_journal(path) else []
    if exists(path / SCENARIO_FILE):
        runs = _of_scenario(path, _scenario(path))
        if not runs and not any(_packed_at(path, is_run=True)):
            raise UnreadableError(f"{path}: none of its {_scenario(path).runs} runs is here")
        return runs
    if _has_journals(path):
        return [run_journals(path)]
    return [one for folder in _run_folders(path) for one in find_journals(folder)]


def _alone(path: Path) -> RunJournals:
    """Return one journal, with what the scenario beside it tells of the others."""
    beside = path.with_name(SCENARIO_FILE)
    if not beside.is_file():
        return single_journal(path)
    try:
        scenario = _scenario(path.parent)
    except (ScenarioError, UnreadableError) as error:
        return single_journal(path, why_not=str(error))
    return single_journal(path, scenario if scenario.runs == 1 else None)


def _of_scenario(folder: Path, scenario: Scenario) -> list[RunJournals]:
    """Return the runs of a scenario that are there; of one run, packed, no journals need be."""
    if scenario.runs == 1:
        is_packed = not journal_paths(folder) and any(_packed_at(folder, is_run=True))
        return [] if is_packed else [run_journals(folder, scenario)]
    folders = [Path(run_folder(folder, scenario, number)) for number in scenario.run_numbers]
    return [run_journals(each, _scenario(each)) for each in folders if each.is_dir()]


def _scenario(folder: Path) -> Scenario:
    """Return the scenario in a folder. Raises DriftlabError."""
    require_regular_file(folder / SCENARIO_FILE)
    return read_scenario(folder / SCENARIO_FILE)


def _run_folders(folder: Path) -> list[Path]:
    """Return the run folders right below a folder."""
    return [
        path for path in folders_in(folder) if exists(path / SCENARIO_FILE) or _has_journals(path)
    ]


def folders_in(folder: Path) -> list[Path]:
    """Return the folders right below one, in name order. Raises UnreadableError."""
    return [path for path in _entries(folder) if path.is_dir()]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise UnreadableError(f"{folder}: {error.strerror}") from error


def _has_journals(folder: Path) -> bool:
    """Whether a folder has a file that is named and begins as a journal, or an empty one."""
    paths = journal_paths(folder)
    return any(is_journal(path) for path in paths if path.is_file())


# Packed runs.


def _packed_at(path: Path, *, is_run: bool) -> Iterator[Path]:
    """Yield a packed file, or those in a folder and, if it is not a run's, in those below it."""
    if not path.is_dir():
        files = [path]
    else:
        files = [file for file in _entries(path) if file.is_file()]
        below = [] if is_run else folders_in(path)
        files += [
            file for folder in below for file in _entries(folder) if file.suffix == PACK_SUFFIX
        ]
    for file in files:
        if begins_with(file, PARQUET_MAGIC) and _is_packed(file):
            yield file


def _is_packed(path: Path) -> bool:
    from driftlab.history.parquet import is_packed  # only now: it needs numpy and polars

    return is_packed(path)


def _require_no_other_logs(folder: Path, packed: Sequence[Path]) -> None:
    """Raise UnreadableError where logs of other programs stand among packed runs."""
    from driftlab.foreign.log_file import ReadOptions
    from driftlab.foreign.registry import recognized_format

    others = []
    for file in _entries(folder):
        if file not in packed and file.is_file() and file.name[0] != ".":
            try:
                recognized_format(file, ReadOptions())
            except UnreadableError:
                continue  # no log
            others.append(file.name)
    if others:
        raise UnreadableError(
            f"{folder}: there are packed runs ({list_names([file.name for file in packed])}) and "
            f"other logs ({list_names(others)}); put these into a folder of their own"
        )


def list_names(names: Sequence[str]) -> str:
    """Return the first names of many, parted by commas."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _may_be_copy(file: Path, run: RunSource) -> bool:
    """Whether a packed file stands in a run's folder, or beside it and is named like it."""
    return file.parent == run.path or (file.parent, file.stem) == (run.path.parent, run.name)


def _is_copy(file: Path, run: RunSource) -> bool:
    """Whether a packed file holds the very events of a run."""
    one, other = _of_packed(file, "").read().trace, run.read().trace
    same_run = (one.names, one.scenario, one.sets) == (
        list(other.names),
        other.scenario,
        other.sets,
    )
    return same_run and all(map(_same, _arrays(one), _arrays(other)))


def _arrays(trace: Trace) -> list[Array]:
    stamps = trace.timestamps
    return [trace.starts, *trace.columns, *(stamps[1:] if stamps else ())]


def _same(one: Array, other: Array) -> bool:
    import numpy as np

    return (one is None and other is None) or bool(np.array_equal(one, other))
