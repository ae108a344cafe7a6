"""Logs that others wrote, and logs for others' viewers: a room a format."""

from driftlab.foreign.options import Execution, UnwritableError
from driftlab.foreign.registry import FORMATS, read_executions, read_log, write_log

__all__ = [
    "FORMATS",
    "Execution",
    "UnwritableError",
    "read_executions",
    "read_log",
    "write_log",
]
