"""The folder of a run: made for one run only, never overwritten.

`scenario.toml` is created exclusively and first, so of two runs that want one
folder exactly one gets it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import gmtime, strftime
from typing import Final

from driftlab.errors import DriftlabError
from driftlab.scenario import Scenario
from driftlab.trace.reading import JOURNAL_SUFFIX

SCENARIO_FILE: Final = "scenario.toml"
RUNS_FOLDER: Final = "runs"


class RunFolderError(DriftlabError):
    """A folder that cannot hold a run, and why."""


def default_folder() -> Path:
    """Name a folder that does not exist yet, by the time of day, below `runs`."""
    stem = Path(RUNS_FOLDER) / strftime("%Y%m%d-%H%M%S", gmtime())
    folder, number = stem, 1
    while folder.exists():
        number += 1
        folder = stem.with_name(f"{stem.name}-{number}")
    return folder


def claim(folder: Path, scenario: Scenario) -> None:
    """Make `folder` the home of this scenario. Raises RunFolderError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.glob("*" + JOURNAL_SUFFIX)):
            raise FileExistsError
        with (folder / SCENARIO_FILE).open("x", encoding="utf-8") as file:
            file.write(scenario.to_toml())
    except FileExistsError:
        raise RunFolderError(
            f"{folder} already holds a run or is no folder; name another one with --out"
        ) from None
    except OSError as error:
        raise RunFolderError(f"cannot write to {folder}: {error.strerror}") from error


def share(folder: Path, scenario: Scenario) -> None:
    """Make `folder` the home of a scenario whose machines are started one by one.

    Each machine claims its own journal; all must be of the same scenario.
    Raises RunFolderError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), (folder / SCENARIO_FILE).open("x") as file:
            file.write(scenario.to_toml())
        there = (folder / SCENARIO_FILE).read_text(encoding="utf-8")
    except OSError as error:
        raise RunFolderError(f"cannot write to {folder}: {error.strerror}") from error
    if there and there != scenario.to_toml():
        raise RunFolderError(f"{folder} holds another scenario; name another folder with --out")


@contextmanager
def undone_on_error(folder: Path) -> Iterator[None]:
    """Take a claimed folder back if the run in it could not even be started."""
    try:
        yield
    except BaseException:
        release(folder)
        raise


def release(folder: Path) -> None:
    """Remove what a run that never started has left: its scenario, its journals, its folder."""
    for path in [folder / SCENARIO_FILE, *folder.glob("*" + JOURNAL_SUFFIX)]:
        path.unlink(missing_ok=True)
    try:
        folder.rmdir()
    except OSError:
        return  # it holds something that is not ours, and stays


def run_folder(folder: Path, scenario: Scenario, run: int) -> Path:
    """Return where one run of a scenario lives: the folder itself if it is the only one."""
    if scenario.runs == 1:
        return folder
    digits = len(str(scenario.run_numbers[-1]))
    return folder / f"run-{run:0{digits}d}"


def new_run_id() -> str:
    """Return a token that tells the machines of this run from those of any other."""
    return os.urandom(8).hex()
