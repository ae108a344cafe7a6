"""Logs that others wrote, and logs for others' viewers: a room a format."""

from driftlab.trace.formats.asked import Execution, UnwritableError
from driftlab.trace.formats.registry import FORMATS, read_executions, read_log, write_log

__all__ = [
    "FORMATS",
    "Execution",
    "UnwritableError",
    "read_executions",
    "read_log",
    "write_log",
]
