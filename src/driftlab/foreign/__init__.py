"""Logs of other programs, read into traces and written for their viewers; a module per format."""

from driftlab.foreign.registry import FORMATS, read_executions, read_log, write_log
from driftlab.foreign.text_columns import UnwritableError
from driftlab.foreign.trace_builder import Execution

__all__ = [
    "FORMATS",
    "Execution",
    "UnwritableError",
    "read_executions",
    "read_log",
    "write_log",
]
