"""Finds and reads the histories at a path: run folders, journals, packed runs, foreign logs.

Every run at the path is read: a folder gives the run whose journals it
has, or those of the run folders in it, and every packed run beside them. Only a
packed copy of a run that is found too, event for event the same, counts as that
run. A path without any run of driftlab's own is a log of another program.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from driftlab.api.history import History
from driftlab.api.reading import load_reading, merged_options
from driftlab.arrays import AnyArray, IntArray
from driftlab.errors import counted
from driftlab.foreign.log_file import LogFile
from driftlab.history.conventions.recognize import apply_conventions
from driftlab.history.matching.match import checked_strategies
from driftlab.history.parquet import (
    PACK_SUFFIX,
    PARQUET_MAGIC,
    STUDY_RUNS,
    is_packed,
    table_of_ours,
    unpack,
)
from driftlab.history.run_reader import RunJournals, journal_paths, run_journals, single_journal
from driftlab.history.tick_repair import rows_after_gap
from driftlab.history.trace import Trace
from driftlab.journal.files import UnreadableError, begins_with, exists, require_regular_file
from driftlab.journal.reader import is_journal, is_journal_head
from driftlab.journal.run_folder import SCENARIO_FILE, read_scenario, run_folders_there
from driftlab.lazy import np
from driftlab.model.columns import MISSING
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import ScenarioError

if TYPE_CHECKING:
    from driftlab.foreign.trace_builder import Column

__all__ = ["SeveralRunsError", "find_journals", "read", "read_all"]

NAMES_SHOWN_MAX: Final = 5  # in a message
DEPTH_MAX: Final = 4  # of folders in folders that are read


class SeveralRunsError(UnreadableError):
    """A path that holds several runs, though one was asked for."""


class LogForm(NamedTuple):
    """How the log of another program was read.

    format, files, encodings: see `LogReading`. columns: see `Execution`.
    """

    format: str
    files: Sequence[str]
    encodings: Sequence[str]
    columns: Sequence["Column"]


class RunSource(NamedTuple):
    """A run that was found.

    name: of the run. path: its folder or file. read: reads it. form: how its log is
    read; None for a run of driftlab's own.
    """

    name: str
    path: Path
    read: Callable[[], History]
    form: LogForm | None = None


def read(path: str | Path, **options: Any) -> History:
    """Read the log of one run, whatever it is.

    path: a run folder, a folder of journals or one journal (also gzipped), a
    file of `driftlab pack`, or a log of another program. options: how to read
    the latter (see `driftlab.foreign`); `execution`, the number of a run from 1
    or its name, chooses one of several runs; `match` names the strategies that may
    match messages, `assume` the conventions of the log (see docs/formats.md); `reading`
    a file that says all this, which the other options override.
    Raise SeveralRunsError if there are several runs, and DriftlabError if there is
    none that can be read.
    """
    found = find_sources(path, **options)
    if len(found) > 1:
        raise SeveralRunsError(
            f"{path} holds {len(found)} runs; name one of them, choose one with --execution N or "
            f"its name ({first_names([run.name for run in found])}), in Python execution=N, or "
            "read all with driftlab.read_all(path)"
        )
    return found[0].read()


def read_all(path: str | Path, **options: Any) -> list[History]:
    """Read all runs: those of a folder of runs, or of a log with several executions.

    A folder without files of its own holds a run, or runs, in each of its folders, which
    are named after these. The parameters are those of `read`. Packed runs in a folder are
    runs as its run folders are. Raise DriftlabError if there is no run that can be read, or
    one of the folders cannot.
    """
    return [run.read() for run in find_sources(path, **options)]


def find_sources(path: str | Path, **options: Any) -> list[RunSource]:
    """Return every run of a log with how it is read; the parameters are those of `read`."""
    reading = options.pop("reading", None)
    _require_log(Path(path))
    return _found(
        Path(path), options if reading is None else merged_options(load_reading(reading), options)
    )


def _require_log(path: Path) -> None:
    """Raise UnreadableError if a path is a sweep or a study of ours, which are no logs."""
    if not exists(path):
        return  # whoever reads it says so
    table = path / STUDY_RUNS if path.is_dir() else path
    if not table.is_file() or not begins_with(table, PARQUET_MAGIC):
        return
    what = table_of_ours(table)
    if what is not None:
        raise UnreadableError(
            f"{path}: is a {what}, not a log; see driftlab report {path} and driftlab plot {path}"
        )


def _found(path: Path, options: Mapping[str, Any], depth: int = 0) -> list[RunSource]:
    """Find every run of a log, named after its folder, its file or its execution.

    `depth`: how many folders above it are read.
    """
    require_regular_file(path)
    given = {key: value for key, value in options.items() if value is not None}
    execution = given.pop("execution", None)
    log: Path | LogFile = path
    if path.is_dir() or not exists(path):
        runs = find_runs(path)
    elif given:
        runs = []
    else:
        log = LogFile(path)  # which the reader of its format goes on with: a log is opened once
        runs = find_runs(path) if _is_ours(log) else []
    if runs and given:
        raise UnreadableError(
            f"{path}: its runs are driftlab's own, which need no options ({', '.join(given)})"
        )
    if runs:
        return runs if execution is None else [_chosen(path, runs, str(execution))]
    folders = _folders_of_runs(path, given) if depth < DEPTH_MAX else []
    if folders:
        below = {**options, "execution": None}
        runs = [run for folder in folders for run in _found_below(folder, below, depth + 1)]
        return runs if execution is None else [_chosen(path, runs, str(execution))]
    return [
        RunSource(name, path, partial(History, trace, name), form)
        for name, trace, form in _foreign(log, options)
    ]


def _folders_of_runs(path: Path, options: Mapping[str, Any]) -> list[Path]:
    """Return the folders in a folder that has no log itself and is not one log of several folders.

    Hidden folders, and notes such as README.md, are not logs.
    """
    if not path.is_dir():
        return []
    from driftlab.foreign.file_names import is_note, names_folders

    visible = [one for one in _entries(path) if one.name[0] != "."]
    if any(one.is_file() and not is_note(one) for one in visible):
        return []
    folders = [one for one in visible if one.is_dir()]
    files = [file for folder in folders for file in _entries(folder) if file.is_file()]
    is_one_log = names_folders(options.get("process_from"), files)
    return folders if any(map(_entries, folders)) and not is_one_log else []


def _found_below(folder: Path, options: Mapping[str, Any], depth: int) -> list[RunSource]:
    """Find every run of one of several folders, named after the folder first."""
    found = _found(folder, options, depth)
    if len(found) == 1:
        return [_renamed(found[0], folder.name)]
    return [_renamed(run, f"{folder.name}/{run.name}") for run in found]


def _renamed(run: RunSource, name: str) -> RunSource:
    return run._replace(name=name, read=cache(lambda: History(run.read().trace, name)))


def _is_ours(log: LogFile) -> bool:
    """Whether a file begins as a journal or a packed run does. Raise UnreadableError."""
    return log.first_bytes.startswith(PARQUET_MAGIC) or is_journal_head(log.first_bytes)


def _chosen(path: Path, runs: Sequence[RunSource], wanted: str) -> RunSource:
    for number, run in enumerate(runs, 1):
        if wanted in (run.name, str(number)):
            return run
    raise UnreadableError(
        f"{path}: no run {wanted}; it holds {len(runs)}, by number or by name: "
        f"{first_names([run.name for run in runs])}"
    )


def first_names(names: Sequence[str], most: int = NAMES_SHOWN_MAX) -> str:
    """Return the first of some names, separated by commas, and how many more there are.

    most: how many are named.
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def find_runs(path: Path) -> list[RunSource]:
    """Return every run of driftlab's own at a path.

    Each is read when it is asked for, and once. Raise UnreadableError if
    there are some, but not in a form that can be read.
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
    return RunSource(name, path, cache(lambda: History(unpack(path), name)))


# Journals.


def find_journals(path: Path) -> list[RunJournals]:
    """Return the journals of every run at a path.

    Raise UnreadableError if nothing is there, or there are journals that are
    not those of one run.
    """
    require_regular_file(path)
    if not exists(path):
        raise UnreadableError(f"{path}: no such file or folder")
    if not path.is_dir():
        return [_single(path)] if is_journal(path) else []
    if exists(path / SCENARIO_FILE):
        runs = _of_scenario(path, _scenario_of(path))
        if not runs and not any(_packed_at(path, is_run=True)):
            runs_asked = counted(_scenario_of(path).runs, "run")
            raise UnreadableError(f"{path}: none of its {runs_asked} is here")
        return runs
    if _has_journals(path):
        return [run_journals(path)]
    return [one for folder in _run_folders(path) for one in find_journals(folder)]


def _single(path: Path) -> RunJournals:
    """Return one journal, with what the scenario beside it says of the other machines."""
    beside = path.with_name(SCENARIO_FILE)
    if not beside.is_file():
        return single_journal(path)
    try:
        scenario = _scenario_of(path.parent)
    except (ScenarioError, UnreadableError) as error:
        return single_journal(path, no_scenario=str(error))
    return single_journal(path, scenario if scenario.runs == 1 else None)


def _of_scenario(folder: Path, scenario: Scenario) -> list[RunJournals]:
    """Return the runs of a scenario that are there; one that is packed needs no journals."""
    if scenario.runs == 1:
        is_packed_only = not journal_paths(folder) and any(_packed_at(folder, is_run=True))
        return [] if is_packed_only else [run_journals(folder, scenario)]
    folders = [Path(each) for each in run_folders_there(folder, scenario)]
    return [run_journals(each, _scenario_of(each)) for each in folders]


def _scenario_of(folder: Path) -> Scenario:
    """Return the scenario in a folder. Raise DriftlabError if it cannot be read."""
    require_regular_file(folder / SCENARIO_FILE)
    return read_scenario(folder / SCENARIO_FILE)


def _run_folders(folder: Path) -> list[Path]:
    """Return the run folders directly in a folder."""
    return [
        path for path in folders_in(folder) if exists(path / SCENARIO_FILE) or _has_journals(path)
    ]


def folders_in(folder: Path) -> list[Path]:
    """Return the folders directly in one, in name order. Raise UnreadableError."""
    return [path for path in _entries(folder) if path.is_dir()]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise UnreadableError(f"{folder}: {error.strerror}") from error


def _has_journals(folder: Path) -> bool:
    """Whether a folder has a file that is named as a journal and begins as one."""
    return any(is_journal(path) for path in journal_paths(folder) if path.is_file())


# Packed runs.


def _packed_at(path: Path, *, is_run: bool) -> Iterator[Path]:
    """Yield a packed file, or those in a folder and, if it is not a run's, in the folders in it."""
    if not path.is_dir():
        files = [path]
    else:
        files = [file for file in _entries(path) if file.is_file() and file.name[0] != "."]
        below = [] if is_run else folders_in(path)
        files += [
            file for folder in below for file in _entries(folder) if file.suffix == PACK_SUFFIX
        ]
    for file in files:
        if begins_with(file, PARQUET_MAGIC) and is_packed(file):
            yield file


def _require_no_other_logs(folder: Path, packed: Sequence[Path]) -> None:
    """Raise UnreadableError if there are logs of other programs among packed runs."""
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
            f"{folder}: there are packed runs ({first_names([file.name for file in packed])}) and "
            f"other logs ({first_names(others)}); put these into a folder of their own"
        )


def _may_be_copy(file: Path, run: RunSource) -> bool:
    """Whether a packed file is in a run's folder, or beside it with its name."""
    return file.parent == run.path or (file.parent, file.stem) == (run.path.parent, run.name)


def _is_copy(file: Path, run: RunSource) -> bool:
    """Whether a packed file holds exactly the events of a run."""
    one, other = unpack(file), run.read().trace
    same_run = (one.names, one.scenario, one.sets) == (
        list(other.names),
        other.scenario,
        other.sets,
    )
    return same_run and all(map(_same, _arrays(one), _arrays(other)))


def _arrays(trace: Trace) -> list[AnyArray | None]:
    stamps = trace.timestamps
    return [trace.starts, *trace.columns, *(stamps[1:] if stamps else ())]


def _same(one: AnyArray | None, other: AnyArray | None) -> bool:
    if one is None or other is None:
        return one is other
    return bool(np.array_equal(one, other))


# Logs of other programs.


def _foreign(log: Path | LogFile, options: Mapping[str, Any]) -> list[tuple[str, Trace, LogForm]]:
    """Read a log of another program: its executions, each with its label or its number."""
    if isinstance(log, Path) and log.is_dir():
        _require_files(log)
    from driftlab.foreign.registry import read_with_format

    options = dict(options)
    strategies, wanted = options.pop("match", None), options.pop("assume", None)
    found = read_with_format(log, **options)
    if not found.executions:
        name = log if isinstance(log, Path) else log.path
        raise UnreadableError(f"{name}: there is no event in it")
    return [
        (
            each.label or f"execution {number}",
            apply_conventions(
                _with_file_names(each.trace).replace(strategies=checked_strategies(strategies)),
                wanted,
            ),
            LogForm(found.format, found.files, found.encodings, each.columns),
        )
        for number, each in enumerate(found.executions, 1)
    ]


def _require_files(folder: Path) -> None:
    """Raise UnreadableError if a folder has no file that could be a log."""
    if any(path.is_file() and path.name[0] != "." for path in folder.iterdir()):
        return
    below = [path.name for path in folders_in(folder) if path.name[0] != "."]
    if any(path.is_file() for name in below for path in _entries(folder / name)):
        return  # files of one log that are named after their folders
    raise UnreadableError(
        f"{folder}: no journals, packed runs or other logs here, and no run in its folders "
        f"({first_names(below)}); a run folder holds a NAME.log for each machine; name the folder "
        "or the file of a log that is deeper"
        if below
        else f"{folder}: an empty folder; a run folder holds a NAME.log for each machine"
    )


def _with_file_names(trace: Trace) -> Trace:
    """Return a trace with the names of its files, not their paths, and all of its gaps."""
    return trace.replace(
        gaps=_all_gaps(trace),
        files=[Path(file).name for file in trace.files],
        unread=[one._replace(file=Path(one.file).name) for one in trace.unread],
    )


def _all_gaps(trace: Trace) -> IntArray:
    """Return the gaps of a log, those that missing ticks reveal among them."""
    tick = trace.columns.tick
    if tick is None or (tick == MISSING).any():
        return trace.gaps
    return np.union1d(trace.gaps, rows_after_gap(trace))
