"""driftlab: a laboratory for logical time.

    import driftlab
    run = driftlab.run(driftlab.Scenario(rates=[6, 3, 1], seconds=60, seed=1))
    run.machines[0].clock

Each public name is imported when it is first used, because the worker process of
every machine imports this package too.
"""

from typing import TYPE_CHECKING

from driftlab import accelerated
from driftlab.version import VERSION

if TYPE_CHECKING:
    from driftlab.api.export import pack
    from driftlab.api.history import History, NoSuchEventError
    from driftlab.api.preview import preview
    from driftlab.api.read import SeveralRunsError, read, read_all
    from driftlab.api.read_run import read_runs
    from driftlab.api.reading import load_reading, save_reading
    from driftlab.api.run import NotRecordedError, ProcessesFailedError, Run, TooManyMessagesError
    from driftlab.api.run_real import run
    from driftlab.api.runs import Runs
    from driftlab.api.simulate import simulate, simulate_run, simulate_runs
    from driftlab.errors import DriftlabError
    from driftlab.machine.effects import Record, Send
    from driftlab.machine.process import Process
    from driftlab.model.event import Message
    from driftlab.scenario.scenario import Scenario
    from driftlab.scenario.validate import ScenarioError
    from driftlab.study.sweep import sweep

accelerated.use()  # before any module of a build is imported

__all__ = [
    "DriftlabError",
    "History",
    "Message",
    "NoSuchEventError",
    "NotRecordedError",
    "Process",
    "ProcessesFailedError",
    "Record",
    "Run",
    "Runs",
    "Scenario",
    "ScenarioError",
    "Send",
    "SeveralRunsError",
    "TooManyMessagesError",
    "load_reading",
    "pack",
    "preview",
    "read",
    "read_all",
    "read_runs",
    "run",
    "save_reading",
    "simulate",
    "simulate_run",
    "simulate_runs",
    "sweep",
]
__version__ = VERSION

_MODULES = {
    "DriftlabError": "driftlab.errors",
    "History": "driftlab.api.history",
    "Message": "driftlab.model.event",
    "NoSuchEventError": "driftlab.api.history",
    "NotRecordedError": "driftlab.api.run",
    "Process": "driftlab.machine.process",
    "ProcessesFailedError": "driftlab.api.run",
    "Record": "driftlab.machine.effects",
    "Run": "driftlab.api.run",
    "Runs": "driftlab.api.runs",
    "Scenario": "driftlab.scenario.scenario",
    "ScenarioError": "driftlab.scenario.validate",
    "Send": "driftlab.machine.effects",
    "SeveralRunsError": "driftlab.api.read",
    "TooManyMessagesError": "driftlab.api.run",
    "pack": "driftlab.api.export",
    "load_reading": "driftlab.api.reading",
    "preview": "driftlab.api.preview",
    "read": "driftlab.api.read",
    "read_all": "driftlab.api.read",
    "read_runs": "driftlab.api.read_run",
    "run": "driftlab.api.run_real",
    "save_reading": "driftlab.api.reading",
    "simulate": "driftlab.api.simulate",
    "simulate_run": "driftlab.api.simulate",
    "simulate_runs": "driftlab.api.simulate",
    "sweep": "driftlab.study.sweep",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "run":
        from driftlab.errors import require_supported_system

        require_supported_system()
    from importlib import import_module

    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return [*__all__, "__doc__", "__version__"]
