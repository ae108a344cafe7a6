"""Converting a log to another tool's format.

What the format needs and the log does not have is computed: vector timestamps
from the log's messages, where it has none; for Chrome's traces names of messages,
from the sends that its receives were matched with.
"""

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.api.history import History
from driftlab.api.read import read_all
from driftlab.foreign import Execution, UnwritableError, write_log
from driftlab.history.trace import Trace, UnreadLine
from driftlab.model.columns import MISSING

_NEED_VECTORS: Final = ("shiviz", "tsviz", "govector", "tracing")


class Converted(NamedTuple):
    """What was written, what could not be read, and what the format cannot hold."""

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
    """Read a log of any kind and write it in another format.

    path: of the log. out: the file, or for several files the folder, to write. to:
    the format, one of `driftlab.foreign.FORMATS`. overwrite: whether to replace a
    file. options: as for `driftlab.read`. Raises DriftlabError.
    """
    if out.exists() and out.resolve() == path.resolve():
        raise UnwritableError(f"{out}: is the input; give another name")
    if out.is_file() and not overwrite:
        raise UnwritableError(f"{out}: exists already; give another name, or --overwrite")
    executions, lost = [], []
    for history in read_all(path, **options):
        trace, missing = _prepared(history, to)
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


def _prepared(history: History, to: str) -> tuple[Trace, list[str]]:
    """Return the trace with what a format needs, and what is lost of it."""
    if to == "chrome":
        return _with_named_messages(history)
    held = history.trace.timestamps
    if to not in _NEED_VECTORS or (held is not None and held.clock == "vector"):
        return history.trace, []
    lost = [] if held is None else [f"the {held.clock} timestamps; vector ones are computed"]
    return history.restamp("vector").trace, lost


def _with_named_messages(history: History) -> tuple[Trace, list[str]]:
    """Return the trace with its messages named by the row of the send, and what is lost."""
    messages, trace = history.messages, history.trace
    receives = messages.receives
    sent = np.full(len(trace), MISSING, np.int64)
    received = np.full(len(trace), MISSING, np.int64)
    received[receives] = messages.source[receives]
    sent[messages.source[receives]] = messages.source[receives]
    named = trace.replace(columns=trace.columns._replace(sent=sent, received=received))
    extra = len(messages.extra_receives)
    if not extra:
        return named, []
    is_one = extra == 1
    return named, [
        f"{extra} {'message' if is_one else 'messages'} into {'an event' if is_one else 'events'} "
        "that received another one too"
    ]
