"""A history as its users have it: the events, the order among them, and the judge.

Rows of `events` name the events: wherever an event is asked for, give its row,
or its process and its number within it, `("A", 17)`. Nothing is worked out
before it is asked for.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from driftlab.analysis.matching import match
from driftlab.analysis.messages import Messages
from driftlab.errors import DriftlabError
from driftlab.trace.frame import frame_of
from driftlab.trace.trace import Trace

if TYPE_CHECKING:
    from driftlab.analysis.compare import Comparison
    from driftlab.analysis.offsets import Offsets

EventName = int | tuple[str, int]


class NoSuchEventError(DriftlabError):
    """A name of an event that is none of the history's."""


class History:
    """Every event of a run, and what follows from them.

    events: a frame of Polars, a row an event, process after process.
    names: of the processes.
    trace: the columns as arrays, and what is known of the log.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    @property
    def names(self) -> list[str]:
        """The names of the processes."""
        return list(self.trace.names)

    def __len__(self) -> int:
        return len(self.trace)

    def __repr__(self) -> str:
        return f"History({len(self)} events of {self.trace.processes} processes)"

    def restamp(self, clock: str) -> "History":
        """Return the same history with a clock computed anew; see `driftlab.analysis.restamp`."""
        from driftlab.analysis.restamp import messages_of, restamped

        history = History(restamped(self.trace, self.messages, clock))
        history.__dict__["messages"] = messages_of(self.messages, clock)
        return history

    def compare(self) -> "Comparison":
        """Set all clocks side by side over this history; see `driftlab.analysis.compare`."""
        from driftlab.analysis.compare import compare

        return compare(self.trace, self.messages)

    def offsets(self) -> "Offsets":
        """Return how far machines' own clocks are off; see `driftlab.analysis.offsets`."""
        from driftlab.analysis.offsets import offsets_of

        return offsets_of(self.trace, self.messages)

    @cached_property
    def events(self) -> Any:
        """The events as a frame of Polars; see `driftlab.trace.frame`."""
        return frame_of(self.trace)

    @cached_property
    def messages(self) -> Messages:
        """Which send each receive belongs to."""
        return match(self.trace)

    def row(self, event: EventName) -> int:
        """Return the row of an event. Raises NoSuchEventError."""
        if isinstance(event, tuple):
            return self._row_within(*event)
        if not 0 <= event < len(self):
            raise NoSuchEventError(f"event {event}: there are rows 0 to {len(self) - 1}")
        return int(event)

    def _row_within(self, name: str, index: int) -> int:
        if name not in self.trace.names:
            raise NoSuchEventError(f"there is no process {name}")
        process = list(self.trace.names).index(name)
        start, end = (int(self.trace.starts[process + step]) for step in (0, 1))
        if not 0 <= index < end - start:
            raise NoSuchEventError(f"{name} has events 0 to {end - start - 1}, not {index}")
        return start + index
