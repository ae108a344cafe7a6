"""Loading a user's process from its file, as in `mine.py:Ring`.

The file is executed once in each operating-system process, as an import would
do, and may import modules that lie beside it. If the file is the script that
is running, its class is taken from there and nothing is executed twice.
"""

import os
import sys
from contextlib import redirect_stdout
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from driftlab.errors import DriftlabError, name_list
from driftlab.machine.machine import ProcessType
from driftlab.machine.process import Process

if TYPE_CHECKING:  # a worker loads processes and no scenario
    from driftlab.scenario.scenario import Scenario

DIE: Final = "die"


class LoadError(DriftlabError):
    """A file does not define the process that was asked for; the message says why."""


_loading: list[str] = []


def forbid_reentrant_run() -> None:
    """Raise LoadError if called while a file is loaded: it must not run machines."""
    if _loading:
        raise LoadError(
            f"process: {_loading[-1]} runs machines while its process is loaded; "
            'put that below `if __name__ == "__main__":`'
        )


def load_process(name: str) -> ProcessType | None:
    """Return the process class that a scenario names, None for the die of the assignment.

    Raise LoadError if the file cannot be loaded or does not define it.
    """
    if name == DIE:
        return None
    if type(name) is not str:  # a file names it, and nobody has admitted it (`api/trust.py`)
        raise LoadError(f"process: {name}: only a file names it, so it is not executed")
    return _load_class(name)


@lru_cache(maxsize=16)
def _load_class(name: str) -> ProcessType:
    file, _, class_name = name.rpartition(":")
    found = getattr(_load_module(file), class_name, None)
    if not isinstance(found, type) or not issubclass(found, Process):
        fault = "there is no such class" if found is None else "it does not derive from Process"
        raise LoadError(
            f"process: {name}: {fault}; processes in the file: {_process_names(_load_module(file))}"
        )
    return found


def _process_names(module: Any) -> str:
    names = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Process) and value is not Process
    ]
    return name_list(names) or "none"


def with_absolute_process_path(scenario: "Scenario") -> "Scenario":
    """Return the scenario with the absolute path of its process's file."""
    if scenario.process == DIE:
        return scenario
    file, _, class_name = scenario.process.rpartition(":")
    return scenario.replace(process=f"{os.path.abspath(file)}:{class_name}")


@lru_cache(maxsize=16)
def _load_module(file: str) -> Any:
    main = sys.modules.get("__main__")
    running = getattr(main, "__file__", None)
    if running and _is_same_file(running, file):
        return main
    return _import_file(file)


def _is_same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:  # the running script came from standard input
        return False


def _import_file(file: str) -> Any:
    from importlib.util import (  # slow to import, and only needed here
        module_from_spec,
        spec_from_file_location,
    )

    if not os.path.isfile(file):
        raise LoadError(f"process: {file}: no such file")
    spec = spec_from_file_location(f"driftlab_process_{os.path.basename(file)[:-3]}", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    _loading.append(file)
    sys.modules[spec.name] = module
    # At the end, so that no file of the user's is imported in place of the standard library.
    sys.path.append(os.path.dirname(os.path.abspath(file)))
    try:
        with redirect_stdout(sys.stderr):  # standard output belongs to the command
            spec.loader.exec_module(module)
    except SyntaxError as error:
        raise LoadError(f"process: {error.filename}, line {error.lineno}: {error.msg}") from error
    except (Exception, SystemExit) as error:
        place = _innermost_line(error, file)
        raise LoadError(f"process: {place}: {type(error).__name__}: {error}") from error
    finally:
        _loading.remove(file)
    return module


def _innermost_line(error: BaseException, file: str) -> str:
    """Return the innermost place in the user's file."""
    place, trace = file, error.__traceback__
    while trace is not None:
        if os.path.abspath(trace.tb_frame.f_code.co_filename) == os.path.abspath(file):
            place = f"{file}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place
