"""driftlab, the laboratory for logical time.

    import driftlab
    run = driftlab.run(driftlab.Scenario(rates=[6, 3, 1], seconds=60, seed=1))
    run.machines[0].clock

The names are loaded when they are first used: a worker imports this package
too, and must stay light.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftlab.api.outcome import Run
    from driftlab.api.real import run
    from driftlab.api.recorded import read_runs
    from driftlab.api.simulated import simulate
    from driftlab.errors import DriftlabError
    from driftlab.event import Message
    from driftlab.machine.effects import Record, Send
    from driftlab.machine.process import Process
    from driftlab.scenario import Scenario

__all__ = [
    "DriftlabError",
    "Message",
    "Process",
    "Record",
    "Run",
    "Scenario",
    "Send",
    "read_runs",
    "run",
    "simulate",
]
__version__ = "0.1.0"

_ROOMS = {
    "DriftlabError": "driftlab.errors",
    "Message": "driftlab.event",
    "Process": "driftlab.machine.process",
    "Record": "driftlab.machine.effects",
    "Run": "driftlab.api.outcome",
    "Scenario": "driftlab.scenario",
    "Send": "driftlab.machine.effects",
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
