"""The folder of a run: made for one run only, never overwritten.

`scenario.toml` is created exclusively and first, so of two runs that want one
folder exactly one gets it.
"""

import os
from contextlib import suppress
from itertools import count
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


def fresh_folder() -> Path:
    """Make a new folder below `runs`, named by the time of day. Raises RunFolderError."""
    stem = strftime("%Y%m%d-%H%M%S", gmtime())
    for number in count(1):
        folder = Path(RUNS_FOLDER) / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if not Path(RUNS_FOLDER).is_dir():
                raise RunFolderError(f"{RUNS_FOLDER} is a file; name a folder with --out") from None
        except OSError as error:
            raise RunFolderError(f"cannot write to {folder}: {error.strerror}") from error
        else:
            return folder
    raise AssertionError


def claim(folder: Path, scenario: Scenario) -> None:
    """Make `folder` the home of this scenario. Raises RunFolderError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.glob("*" + JOURNAL_SUFFIX)):
            raise FileExistsError
        _create(folder / SCENARIO_FILE, scenario.to_toml())
    except FileExistsError:
        raise RunFolderError(
            f"{folder} already holds a run or is no folder; name another one with --out"
        ) from None
    except OSError as error:
        raise RunFolderError(f"cannot write to {folder}: {error.strerror}") from error


def _create(path: Path, text: str) -> None:
    """Write a file that did not exist, whole or not at all."""
    with path.open("x", encoding="utf-8") as file:
        try:
            file.write(text)
            file.flush()
        except OSError:
            path.unlink()
            raise


def share(folder: Path, scenario: Scenario) -> None:
    """Make `folder` the home of a scenario whose machines are started one by one.

    Each machine claims its own journal; all must be of the same scenario.
    Raises RunFolderError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            _create(folder / SCENARIO_FILE, scenario.to_toml())
        there = (folder / SCENARIO_FILE).read_text(encoding="utf-8")
    except OSError as error:
        raise RunFolderError(f"cannot write to {folder}: {error.strerror}") from error
    if there and there != scenario.to_toml():
        raise RunFolderError(f"{folder} holds another scenario; name another folder with --out")


def withdraw(folder: Path) -> None:
    """Take back what `share` has made, where no machine has a journal; touch no journal."""
    if not any(folder.glob("*" + JOURNAL_SUFFIX)):
        (folder / SCENARIO_FILE).unlink(missing_ok=True)
        leave_if_empty(folder)


def release(folder: Path) -> None:
    """Remove what a run that never started has left: its scenario, its journals, its folder."""
    for path in [folder / SCENARIO_FILE, *folder.glob("*" + JOURNAL_SUFFIX)]:
        path.unlink(missing_ok=True)
    leave_if_empty(folder)


def leave_if_empty(folder: Path) -> None:
    """Remove a folder that holds nothing; one that does stays."""
    with suppress(OSError):
        folder.rmdir()


def run_folder(folder: Path, scenario: Scenario, run: int) -> Path:
    """Return where one run of a scenario lives: the folder itself if it is the only one."""
    if scenario.runs == 1:
        return folder
    digits = len(str(scenario.run_numbers[-1]))
    return folder / f"run-{run:0{digits}d}"


def new_run_id() -> str:
    """Return a token that tells the machines of this run from those of any other."""
    return os.urandom(8).hex()
