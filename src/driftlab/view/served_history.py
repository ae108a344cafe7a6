"""One history that a page shows: read once, its columns made once, judged in the background.

The columns are there first; the judge begins when they were asked for, and the page asks for
the verdict until it is there. What was read stays in memory, so that a log that is deleted
meanwhile is still shown whole.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final, Generic, TypeVar

from driftlab.api.diagram import columns_of, messages_of, offsets_of
from driftlab.api.history import History
from driftlab.diagram.columns import Diagram, LaneOffset
from driftlab.diagram.encoding import container_parts, header_of
from driftlab.diagram.event_texts import TextSearch, event_details, has_texts
from driftlab.diagram.marks import marks_of
from driftlab.diagram.overview import Overview, overview_of
from driftlab.errors import DriftlabError
from driftlab.journal.run_folder import SCENARIO_FILE
from driftlab.view.journal_tail import Follower, empty_container, is_running
from driftlab.view.priority import lower_priority

OFFSETS_AT_ONCE_MAX: Final = 20_000  # events up to which they come with the columns
LANES_AT_ONCE_MAX: Final = 8
START_S_MAX: Final = 90.0  # until a run that is about to begin has its folder


Value = TypeVar("Value")


class _Once(Generic[Value]):
    """A value that is made when it is first asked for, by one thread; others wait for it.

    Not `functools.cached_property`, which up to Python 3.11 has one lock for all instances:
    a long log would hold up the pages of all others.
    """

    def __init__(self, make: Callable[[], Value]) -> None:
        self._make = make
        self._made: list[Value] = []
        self._lock = threading.RLock()

    @property
    def is_made(self) -> bool:
        return bool(self._made)

    def __call__(self) -> Value:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]


class NoLiveRunError(DriftlabError):
    """Something that is followed, and is no run that goes on."""


class ServedHistory:
    """A history that is shown.

    name: of the run, or what was asked for. read: returns the history. folder: of the run, if
    it is one of ours that may still be going on. look: returns what is known of it long before
    it is read, if there is such a way. is_expected: whether this process runs it, or is about
    to, so that it is not over whatever its folder looks like.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], History],
        folder: Path | None = None,
        look: Callable[[str], Overview | None] = lambda name: None,
    ) -> None:
        self.name = name
        self._look = look
        self.folder = folder
        self._read = read
        self._history = _Once(self._read_history)
        self._diagram = _Once(self._make_diagram)
        self._first_look = _Once(lambda: self._look(self.name))
        self._whole_look = _Once(lambda: overview_of(self.diagram))
        self._offsets = _Once(lambda: offsets_of(self.history))
        self._search = _Once(lambda: TextSearch(self.history.trace))
        self._lock = threading.RLock()
        self._judging: threading.Thread | None = None
        self._marks: Mapping[str, Any] | None = None
        self._is_over = False
        self.is_expected = False

    def _read_history(self) -> History:
        self._first_look()  # as it is what a page shows first
        history = self._read()
        return History(history.trace, history.name, messages=messages_of(history))

    @property
    def history(self) -> History:
        """The history, read when it is first asked for. Raise DriftlabError if it cannot be."""
        return self._history()

    def _make_diagram(self) -> Diagram:
        history = self.history
        trace = history.trace
        diagram = columns_of(history, self.name, history.messages)
        if len(trace) > OFFSETS_AT_ONCE_MAX or trace.processes > LANES_AT_ONCE_MAX:
            return diagram
        lanes = [
            lane._replace(offset=offset)
            for lane, offset in zip(diagram.lanes, self.offsets, strict=True)
        ]
        return diagram._replace(lanes=lanes)

    @property
    def diagram(self) -> Diagram:
        """The columns of the history."""
        return self._diagram()

    @property
    def overview(self) -> Overview | None:
        """What is known of a long history before all of it is read; None if nothing is."""
        if self.is_live:
            return None
        known = self._first_look()
        return self._whole_look() if known is None and self._diagram.is_made else known

    def read_now(self) -> None:
        """Read the history and make its columns. Raise DriftlabError if it cannot be read."""
        self._diagram()
        if self._first_look() is None:
            self._whole_look()

    @property
    def is_live(self) -> bool:
        """Whether it is a run that still goes on, or is about to begin."""
        if self.is_expected:
            return True
        with self._lock:
            if self._is_over or self.folder is None:
                return False
            is_known = (self.folder / SCENARIO_FILE).exists()  # else nobody knows its machines
            self._is_over = not (is_known and is_running(self.folder))
            return not self._is_over

    def follower(self, had: Sequence[int]) -> Follower:
        """Return what follows the run; had: of each lane how many events are known.

        Raise DriftlabError if it is no run that may go on.
        """
        if self.folder is None:
            raise NoLiveRunError(f"{self.name} is no run that may still go on")
        self._await_scenario(self.folder)
        return Follower(self.folder, had, lambda: self.is_live)

    def _await_scenario(self, folder: Path) -> None:
        """Wait until a run that is about to begin has its scenario."""
        deadline = monotonic() + START_S_MAX
        while not (folder / SCENARIO_FILE).exists() and self.is_expected:
            if monotonic() > deadline:
                return
            sleep(0.02)

    def parts(self) -> list[bytes | memoryview]:
        """Return the parts of the raw container; of a run that goes on, one without events."""
        if self.is_live and self.folder is not None:
            self._await_scenario(self.folder)
            return [empty_container(self.folder, self.name)]
        diagram = self.diagram
        return container_parts(header_of(diagram), diagram.columns)

    def judge(self) -> None:
        """Begin to judge the history, if it does not go on and nobody has."""
        with self._lock:
            if self._judging is None and not self.is_live:
                self._judging = threading.Thread(target=self._judge, daemon=True)
                self._judging.start()

    def _judge(self) -> None:
        lower_priority()  # the page is shown first
        try:
            marks = marks_of(self.history.check())
        except DriftlabError as error:
            marks = _unjudged(str(error))
        except MemoryError:
            marks = _unjudged("there is not enough memory to judge it")
        except Exception as error:  # the page must say so, and not wait for ever
            marks = _unjudged(f"the judge failed: {error!r}")
            self._marks = marks
            raise
        self._marks = marks

    @property
    def marks(self) -> Mapping[str, Any] | None:
        """The verdict as JSON, None while the judge is at it."""
        return self._marks

    @property
    def offsets(self) -> list[LaneOffset | None]:
        """How far each lane's own clock is ahead at both ends of the time axis, None if unknown."""
        return self._offsets()

    @property
    def has_texts(self) -> bool | None:
        """Whether the log says anything of its events in words; None if that is not known yet."""
        if not self._history.is_made and self.overview is not None:
            return None  # the page need not wait for it
        return has_texts(self.history.trace)

    def event(self, row: int) -> dict[str, Any]:
        """Return all that the log says of an event. Raise IndexError if there is none."""
        trace = self.history.trace
        if not 0 <= row < len(trace):
            raise IndexError(row)
        return event_details(trace, row)

    @property
    def search(self) -> TextSearch:
        """The search over the texts of the log."""
        return self._search()


def _unjudged(reason: str) -> dict[str, Any]:
    return {
        "headline": f"not judged: {reason}", "holds": None, "violations": [], "more": {},
        "left_out": 0, "undecided": 0, "counts": {}, "faults": [], "remarks": [],
    }  # fmt: skip
