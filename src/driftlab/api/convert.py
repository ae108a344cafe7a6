"""From one format to another: what the target needs and the log does not have is worked out.

Formats of vector clocks need vector timestamps: where the log has none they are
computed from its messages. Chrome's traces name messages: their names are those
of the messages that the history's receives are matched with.
"""

from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import numpy as np

from driftlab.api.history import History
from driftlab.api.read import read_all
from driftlab.foreign import Execution, UnwritableError, write_log
from driftlab.history.trace import Trace, UnreadLine
from driftlab.model.columns import MISSING

_OF_VECTORS: Final = ("shiviz", "tsviz", "govector", "tracing")


class Converted(NamedTuple):
    """What was written, and what was not read or could not be written."""

    events: int
    processes: int
    executions: int
    unread: list[UnreadLine]
    lost: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        unread = [one._asdict() for one in self.unread]
        return {**self._asdict(), "unread": unread}


def convert(
    path: Path, out: Path, to: str, *, overwrite: bool = False, **options: Any
) -> Converted:
    """Read a log, whatever it is, and write it in the format `to`.

    overwrite: whether a file that is there may be written anew. `options` as
    `driftlab.read` takes them. Raises DriftlabError.
    """
    if out.exists() and out.resolve() == path.resolve():
        raise UnwritableError(f"{out}: is what is to be read; give another name")
    if out.is_file() and not overwrite:
        raise UnwritableError(f"{out}: is there already; give another name, or --overwrite")
    executions, lost = [], []
    for history in read_all(path, **options):
        trace, missing = _fitted(history, to)
        executions.append(Execution(history.name, trace))
        lost += missing
    if len(executions) == 1:
        executions = [executions[0]._replace(label="")]
    write_log(executions, out, to)
    traces = [each.trace for each in executions]
    return Converted(
        sum(map(len, traces)),
        len({name for trace in traces for name in trace.names}),
        len(traces),
        [one for trace in traces for one in trace.unread],
        lost,
    )


def _fitted(history: History, to: str) -> tuple[Trace, list[str]]:
    """Return the trace with what a format needs, and what it loses of it."""
    lost = []
    if to in _OF_VECTORS and not _has_vectors(history.trace):
        held = history.trace.timestamps
        lost = [f"the {held.clock} timestamps; vector ones are computed"] if held else []
        history = cast(Any, history).restamp("vector")
    if to == "chrome":
        return _named(history)
    return history.trace, lost


def _has_vectors(trace: Trace) -> bool:
    return trace.timestamps is not None and trace.timestamps.clock == "vector"


def _named(history: History) -> tuple[Trace, list[str]]:
    """Return the trace with its messages named by the row of the send."""
    messages, trace = history.messages, history.trace
    receives = messages.receives
    sent = np.full(len(trace), MISSING, np.int64)
    received = np.full(len(trace), MISSING, np.int64)
    received[receives] = messages.source[receives]
    sent[messages.source[receives]] = messages.source[receives]
    more = len(messages.extra_receives)
    lost = [f"{more} messages into events that received another one too"] if more else []
    columns = trace.columns._replace(sent=sent, received=received)
    kept = {key: getattr(trace, key) for key in Trace.__slots__}
    del kept["names"], kept["starts"], kept["columns"]
    return Trace(trace.names, trace.starts, columns, **kept), lost
