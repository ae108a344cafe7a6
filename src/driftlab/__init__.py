"""driftlab, the laboratory for logical time.

    import driftlab
    run = driftlab.run(driftlab.Scenario(rates=[6, 3, 1], seconds=60, seed=1))
    run.machines[0].clock

The names are loaded when they are first used: a worker imports this package
too, and must stay light.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftlab.api.history import History, NoSuchEventError
    from driftlab.api.outcome import (
        NotRecordedError,
        ProcessesFailedError,
        Run,
        TooManyMessagesError,
    )
    from driftlab.api.packing import pack
    from driftlab.api.reading import SeveralRunsError, read, read_all
    from driftlab.api.real import run
    from driftlab.api.recorded import read_runs
    from driftlab.api.simulated import simulate
    from driftlab.errors import DriftlabError
    from driftlab.event import Message
    from driftlab.machine.effects import Record, Send
    from driftlab.machine.process import Process
    from driftlab.scenario import Scenario
    from driftlab.scenario_checks import ScenarioError

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
    "Scenario",
    "ScenarioError",
    "Send",
    "SeveralRunsError",
    "TooManyMessagesError",
    "pack",
    "read",
    "read_all",
    "read_runs",
    "run",
    "simulate",
]
__version__ = "0.1.0"

_ROOMS = {
    "DriftlabError": "driftlab.errors",
    "History": "driftlab.api.history",
    "Message": "driftlab.event",
    "NoSuchEventError": "driftlab.api.history",
    "NotRecordedError": "driftlab.api.outcome",
    "Process": "driftlab.machine.process",
    "ProcessesFailedError": "driftlab.api.outcome",
    "Record": "driftlab.machine.effects",
    "Run": "driftlab.api.outcome",
    "Scenario": "driftlab.scenario",
    "ScenarioError": "driftlab.scenario_checks",
    "Send": "driftlab.machine.effects",
    "SeveralRunsError": "driftlab.api.reading",
    "TooManyMessagesError": "driftlab.api.outcome",
    "pack": "driftlab.api.packing",
    "read": "driftlab.api.reading",
    "read_all": "driftlab.api.reading",
    "read_runs": "driftlab.api.recorded",
    "run": "driftlab.api.real",
    "simulate": "driftlab.api.simulated",
}


def __getattr__(name: str) -> object:
    """Load a public name from its room."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_ROOMS[name]), name)


def __dir__() -> list[str]:
    """Name what is public, loaded or not."""
    return [*__all__, "__doc__", "__version__"]
