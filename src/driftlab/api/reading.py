"""From a path to histories: run folders, journals, packed histories, and anybody else's logs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from driftlab.api.history import History
from driftlab.api.recorded import read_scenario
from driftlab.hosts.run_folder import SCENARIO_FILE, run_folder
from driftlab.scenario import Scenario
from driftlab.trace.files import UnreadableError
from driftlab.trace.header import is_journal
from driftlab.trace.journals import Journals, journal_alone, journal_paths, journals_in
from driftlab.trace.ordering import gaps
from driftlab.trace.trace import MISSING, Trace


class SeveralRunsError(UnreadableError):
    """A path that holds several runs, where one was asked for."""


def read(path: str | Path, **options: Any) -> History:
    """Read the log of one run, whatever it is.

    That is a run folder, a folder of journals or one journal (also gzipped), a
    file of `driftlab pack`, or a log of another program, for which `options`
    are (see `driftlab.trace.formats`). Raises SeveralRunsError where there are
    several runs, and other DriftlabErrors.
    """
    found = read_all(path, **options)
    if len(found) > 1:
        raise SeveralRunsError(
            f"{path} holds {len(found)} runs; name one of them, or have all from "
            "driftlab.read_all(path); executions of a log: --execution N, execution=N"
        )
    return found[0]


def read_all(path: str | Path, **options: Any) -> list[History]:
    """Read all runs: those of a folder of runs, or of a log with several executions.

    What holds one run gives a list of one. Raises DriftlabError.
    """
    return list(_histories(Path(path), options))


def _histories(path: Path, options: dict[str, Any]) -> Iterator[History]:
    """Yield every run of a log, named as its folder, its file or its execution is."""
    runs = [] if options and not path.is_dir() else journals_at(path)
    if runs:
        if options:
            raise UnreadableError(f"{path}: journals need no options ({', '.join(options)})")
        return (_of_journals(journals) for journals in runs)
    if not options and path.is_file():
        from driftlab.trace.unpacked import is_packed, unpack

        if is_packed(path):
            return iter([History(unpack(path), path.stem)])
    return (History(trace, name) for name, trace in _foreign(path, options))


def _of_journals(journals: Journals) -> History:
    folder = journals.paths[0].parent
    return History(journals.trace(), folder.name)


def journals_at(path: Path) -> list[Journals]:
    """Return the journals of every run at a path, none where there are no journals.

    Raises UnreadableError where there are some, but not as those of a run are.
    """
    if not path.exists():
        raise UnreadableError(f"{path}: no such file or folder")
    if not path.is_dir():
        return [journal_alone(path)] if is_journal(path) else []
    if (path / SCENARIO_FILE).exists():
        return _of_scenario(path, read_scenario(path / SCENARIO_FILE))
    if _has_journals(path):
        return [journals_in(path)]
    return [one for folder in _folders(path) for one in journals_at(folder)]


def _of_scenario(folder: Path, scenario: Scenario) -> list[Journals]:
    if scenario.runs == 1:
        return [journals_in(folder, scenario)]
    folders = [Path(run_folder(folder, scenario, number)) for number in scenario.run_numbers]
    runs = [
        journals_in(each, read_scenario(each / SCENARIO_FILE)) for each in folders if each.is_dir()
    ]
    if not runs:
        raise UnreadableError(f"{folder}: none of its {scenario.runs} runs is here")
    return runs


def _folders(folder: Path) -> list[Path]:
    """Return the run folders right below a folder."""
    below = sorted(path for path in folder.iterdir() if path.is_dir())
    return [path for path in below if (path / SCENARIO_FILE).exists() or _has_journals(path)]


def _has_journals(folder: Path) -> bool:
    """Whether a folder has a file that is named and begins as a journal, or an empty one."""
    paths = journal_paths(folder)
    return any(is_journal(path) for path in paths if path.is_file())


def _foreign(path: Path, options: dict[str, Any]) -> list[tuple[str, Trace]]:
    """Read a log of another program: its executions, each with its label or its number."""
    if path.is_dir() and not any(path.iterdir()):
        raise UnreadableError(f"{path}: an empty folder; a run folder holds a NAME.log a machine")
    from driftlab.trace.formats import read_executions

    found = read_executions(path, **options)
    if not found:
        raise UnreadableError(f"{path}: there is no event in it")
    return [(each.label or f"execution {number}", _without_folders(each.trace))
            for number, each in enumerate(found, 1)]  # fmt: skip


def _with_gaps(trace: Trace) -> Any:
    """Return the holes of a log, those among them that its numbers of ticks tell of."""
    import numpy as np

    tick = trace.columns.tick
    if tick is None or (tick == MISSING).any():
        return trace.holes
    return np.union1d(trace.holes, gaps(trace))


def _without_folders(trace: Trace) -> Trace:
    """Name files as they are named in their folder; ticks that are missing are holes."""
    return trace.replace(
        holes=_with_gaps(trace),
        files=[Path(file).name for file in trace.files],
        unread=[one._replace(file=Path(one.file).name) for one in trace.unread],
    )
