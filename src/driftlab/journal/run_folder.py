"""The folder of a run: made for one run only, never overwritten.

`scenario.toml` is created exclusively and first, so of two runs that want the
same folder exactly one gets it. Paths are text here, because importing `pathlib`
takes longer than a small simulation.
"""

import os
from contextlib import suppress
from itertools import count
from time import gmtime, strftime
from typing import Any, Final

from driftlab.errors import DriftlabError
from driftlab.journal.format import JOURNAL_SUFFIX
from driftlab.scenario.scenario import ProcessFromFile, Scenario, keys_from_toml
from driftlab.scenario.validate import RUN_NUMBER_MAX, ScenarioError
from driftlab.version import VERSION

SCENARIO_FILE: Final = "scenario.toml"
RUNS_FOLDER: Final = "runs"
RUN_DIGITS_MAX: Final = len(str(RUN_NUMBER_MAX))

Folder = str | os.PathLike[str]


class RunFolderError(DriftlabError):
    """A folder that cannot hold a run, and why."""


def fresh_folder() -> str:
    """Make and return a new folder below `runs`, named by the time. Raise RunFolderError."""
    stem = strftime("%Y%m%d-%H%M%S", gmtime())
    for number in count(1):
        folder = os.path.join(RUNS_FOLDER, stem if number == 1 else f"{stem}-{number}")
        try:
            os.makedirs(folder)
        except FileExistsError:
            if not os.path.isdir(RUNS_FOLDER):
                raise RunFolderError(f"{RUNS_FOLDER} is a file; name a folder with --out") from None
        except OSError as error:
            raise RunFolderError(f"cannot write to {folder}: {error.strerror}") from error
        else:
            return folder
    raise AssertionError


def read_scenario(path: str | os.PathLike[str]) -> Scenario:
    """Read a scenario file. Raise DriftlabError if it is missing or not valid."""
    try:
        return Scenario.from_dict(_scenario_keys(path))
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from None


def read_scenario_keys(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the keys of a scenario file, not yet validated.

    The file of its process is looked for beside it; where a run folder names one that is no
    longer there, as after a move, in the folder and those above it, by its name.

    Raise DriftlabError if the file cannot be read or is not TOML.
    """
    try:
        return _scenario_keys(path)
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from None


def _scenario_keys(path: str | os.PathLike[str]) -> dict[str, Any]:
    from driftlab.journal.files import read_text  # most simulations read no file

    keys = keys_from_toml(read_text(path))
    process = keys.get("process")
    if isinstance(process, ProcessFromFile):
        folder = os.path.dirname(path) or os.curdir
        keys["process"] = _moved_with(folder, process) or process.beside(os.fspath(folder))
    return keys


def _moved_with(folder: Folder, process: ProcessFromFile) -> ProcessFromFile | None:
    """Return a process whose file was moved together with a run folder, None if it was not."""
    file, _, class_name = process.rpartition(":")
    if not os.path.isabs(file) or os.path.lexists(file):
        return None
    above = os.path.abspath(folder)
    while True:
        moved = os.path.join(above, os.path.basename(file))
        if os.path.isfile(moved):
            return ProcessFromFile(f"{moved}:{class_name}")
        above, before = os.path.dirname(above), above
        if above == before:
            return None


def create_run_folder(folder: Folder, scenario: Scenario) -> None:
    """Claim a folder for a scenario. Raise RunFolderError if it is taken or cannot be written."""
    try:
        os.makedirs(folder, exist_ok=True)
        if _journals(folder):
            raise FileExistsError
        _create(os.path.join(folder, SCENARIO_FILE), scenario_text(scenario))
    except FileExistsError:
        raise RunFolderError(
            f"{folder} already holds a run or is not a folder; name another one with --out"
        ) from None
    except OSError as error:
        raise RunFolderError(f"cannot write to {folder}: {error.strerror}") from error


MADE_BY: Final = "# made by driftlab "  # the first line of a run folder's scenario


def scenario_text(scenario: Scenario) -> str:
    """Return a scenario as TOML below a comment with the version of driftlab that runs it."""
    return f"{MADE_BY}{VERSION}\n{scenario.to_toml()}"


def version_of(scenario_text: str) -> str | None:
    """Return the version of driftlab that made a run, None if its scenario does not say.

    scenario_text: of the scenario file in the run's folder. Folders made before versions
    were recorded do not say.
    """
    first = scenario_text.partition("\n")[0]
    return first.removeprefix(MADE_BY).strip() if first.startswith(MADE_BY) else None


def _journals(folder: Folder) -> list[str]:
    return [os.path.join(folder, name) for name in _names(folder) if name.endswith(JOURNAL_SUFFIX)]


def _names(folder: Folder) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _create(path: str, text: str) -> None:
    """Write a file that does not exist yet, completely or not at all."""
    with open(path, "x", encoding="utf-8") as file:
        try:
            file.write(text)
            file.flush()
        except OSError:
            os.unlink(path)
            raise


def join_run_folder(folder: Folder, scenario: Scenario) -> None:
    """Claim or join a folder for a scenario whose machines are started one by one.

    Each machine claims its own journal. Raise RunFolderError if the folder is
    of another scenario, or cannot be written.
    """
    path = os.path.join(folder, SCENARIO_FILE)
    try:
        os.makedirs(folder, exist_ok=True)
        with suppress(FileExistsError):
            _create(path, scenario_text(scenario))
        with open(path, encoding="utf-8") as file:
            present = file.read()
    except OSError as error:
        raise RunFolderError(f"cannot write to {folder}: {error.strerror}") from error
    if present and not _describes(present, scenario):
        raise RunFolderError(f"{folder} holds another scenario; name another folder with --out")


def _describes(text: str, scenario: Scenario) -> bool:
    """Whether a TOML text, in whatever layout, describes this very scenario."""
    try:
        return Scenario.from_toml(text) == scenario
    except ScenarioError:
        return False


def leave_run_folder(folder: Folder) -> None:
    """Undo `join_run_folder` if no machine has a journal there; never touch a journal."""
    if not _journals(folder):
        _remove(os.path.join(folder, SCENARIO_FILE))
        remove_if_empty(folder)


def discard_run_folder(folder: Folder) -> None:
    """Remove the scenario, the journals and the folder of a run that never started."""
    for path in [os.path.join(folder, SCENARIO_FILE), *_journals(folder)]:
        _remove(path)
    remove_if_empty(folder)


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def remove_if_empty(folder: Folder) -> None:
    """Remove a folder if it is empty."""
    with suppress(OSError):
        os.rmdir(folder)


def run_folder(folder: Folder, scenario: Scenario, run: int) -> str:
    """Return the folder of one run of a scenario: `folder` itself if there is only one run."""
    if scenario.runs == 1:
        return os.fspath(folder)
    digits = len(str(scenario.run_numbers[-1]))
    return os.path.join(folder, f"run-{run:0{digits}d}")


def run_folders_there(folder: Folder, scenario: Scenario) -> list[str]:
    """Return the folders of those of several runs that are there, by number.

    The work is bounded by what is in the folder, not by how many runs the scenario claims.
    """
    found = []
    for name in _names(folder):
        digits = name.removeprefix("run-")
        if digits.isascii() and digits.isdigit() and len(digits) <= RUN_DIGITS_MAX:
            number = int(digits)
            path = run_folder(folder, scenario, number)
            is_its = number in scenario.run_numbers and path == os.path.join(folder, name)
            if is_its and os.path.isdir(path):
                found.append((number, path))
    return [path for _, path in sorted(found)]


def new_run_id() -> str:
    """Return a random token that distinguishes the machines of this run from all others."""
    return os.urandom(16).hex()
