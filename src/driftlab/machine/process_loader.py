"""Loading a process of the user from its file: `mine.py:Ring`.

The file is run once a Python process, as an import would run it, and what it
imports may lie beside it. If the file is the script that is running, its class
is taken from there and nothing runs twice.
"""

import os
import sys
from contextlib import redirect_stdout
from functools import lru_cache
from typing import Any, Final

from driftlab.errors import DriftlabError
from driftlab.machine.machine import ProcessType
from driftlab.machine.process import Process
from driftlab.scenario.scenario import Scenario

DIE: Final = "die"


class LoadError(DriftlabError):
    """A file that gives no process; the message says why."""


_loading: list[str] = []


def forbid_reentrant_run() -> None:
    """Raise LoadError if a file that is being loaded for its process begins to run machines."""
    if _loading:
        raise LoadError(
            f"process: {_loading[-1]} runs machines while it is loaded for its process; "
            'put that below `if __name__ == "__main__":`'
        )


@lru_cache(maxsize=16)
def load_process(name: str) -> ProcessType | None:
    """Return what makes the process that a scenario names, None for the notes' die.

    Raises LoadError.
    """
    if name == DIE:
        return None
    file, _, wanted = name.rpartition(":")
    found = getattr(_module(file), wanted, None)
    if not isinstance(found, type) or not issubclass(found, Process):
        what = "there is no such class" if found is None else "it does not derive from Process"
        raise LoadError(
            f"process: {name}: {what}; processes in the file: {_process_names(_module(file))}"
        )
    return found


def _process_names(module: Any) -> str:
    names = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Process) and value is not Process
    ]
    return ", ".join(names if len(names) <= 12 else [*names[:11], "…"]) or "none"


def with_absolute_process_path(scenario: Scenario) -> Scenario:
    """Return a scenario whose process is found from any folder, by its whole path."""
    if scenario.process == DIE:
        return scenario
    file, _, wanted = scenario.process.rpartition(":")
    return scenario.replace(process=f"{os.path.abspath(file)}:{wanted}")


@lru_cache(maxsize=16)
def _module(file: str) -> Any:
    main = sys.modules.get("__main__")
    running = getattr(main, "__file__", None)
    if running and _is_same_file(running, file):
        return main
    return _import_file(file)


def _is_same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:  # one is no file: a script that came on standard input
        return False


def _import_file(file: str) -> Any:
    from importlib.util import module_from_spec, spec_from_file_location  # only needed here

    if not os.path.isfile(file):
        raise LoadError(f"process: {file}: no such file")
    spec = spec_from_file_location(f"driftlab_process_{os.path.basename(file)[:-3]}", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    _loading.append(file)
    sys.modules[spec.name] = module
    sys.path.append(
        os.path.dirname(os.path.abspath(file))
    )  # last: never before the standard library
    try:
        with redirect_stdout(sys.stderr):  # standard output is for what was asked for
            spec.loader.exec_module(module)
    except SyntaxError as error:
        raise LoadError(f"process: {error.filename}, line {error.lineno}: {error.msg}") from error
    except (Exception, SystemExit) as error:
        where = _innermost_line(error, file)
        raise LoadError(f"process: {where}: {type(error).__name__}: {error}") from error
    finally:
        _loading.remove(file)
    return module


def _innermost_line(error: BaseException, file: str) -> str:
    """Return the innermost place in the user's file."""
    where, trace = file, error.__traceback__
    while trace is not None:
        if os.path.abspath(trace.tb_frame.f_code.co_filename) == os.path.abspath(file):
            where = f"{file}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return where
