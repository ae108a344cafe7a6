"""What is asked of a format beside the path, and what it gives."""

from collections.abc import Sequence
from typing import NamedTuple

from driftlab.errors import DriftlabError
from driftlab.history.trace import Trace


class ReadOptions(NamedTuple):
    """How a log is to be read; None where the format is to find out.

    patterns: regular expressions, the first wins. delimiter: one between
    executions. encoding: as Python names it. time_unit: of whole numbers in the
    field `time`, one of ns, us, ms and s.
    """

    patterns: Sequence[str] = ()
    delimiter: str | None = None
    encoding: str | None = None
    time_unit: str | None = None


class Execution(NamedTuple):
    """One of the executions that a log holds: its label, which may be empty, and its trace."""

    label: str
    trace: Trace


class UnwritableError(DriftlabError):
    """A trace that a format cannot hold."""
