"""A run in memory: one row per event, in columns, whichever program wrote the log.

The order of the rows: process after process (in the order of the scenario, else
in that in which they first occur), and within a process in the order in which
its events happened. So rows `starts[p]` to `starts[p + 1]` are those of process
p, row i - 1 is the event before row i, and the number of a row names its event
everywhere: in happened-before, in the rules, in a cut.

A value that the log does not have is MISSING, or the whole column is None. A
trace is not judged here: it may hold whatever a log says.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from driftlab.arrays import IntArray
from driftlab.journal.files import UnreadLine
from driftlab.lazy import np
from driftlab.model.columns import (
    EVERY_PEER,
    NO_TARGET,
    SET_FIRST,
    Arrivals,
    Columns,
    Timestamps,
    timestamp_texts,
)

__all__ = ["InvalidClocks", "ProcessInfo", "Trace", "UnreadLine"]


class ProcessInfo(NamedTuple):
    """What a log says about one process besides its events; None if it does not.

    rate: ticks per second of scenario time. speed: scenario time per real
    time. phase_ns: when tick 0 is due, nanoseconds after the start.
    simulated: whether time was simulated, and so is exact.
    ended: whether the log says that it is complete. If not, there may have
    been more events than it holds.
    lost: names of peers whose channels broke at some time, so that messages
    may be lost.
    process: `die`, or the process of the user that the machine ran.
    from_start: whether the log, where it has no gaps, begins with the first
    event of the process, and its clocks began at 0.
    """

    rate: float | None = None
    speed: float = 1.0
    phase_ns: int | None = None
    simulated: bool = False
    ended: bool = False
    lost: frozenset[str] = frozenset()
    process: str | None = None
    from_start: bool = False


class InvalidClocks(NamedTuple):
    """Clocks that no event can have, such as a negative one, as the log writes them.

    rows i8, rising: of their events, which have no clock in the trace. texts: what is
    wrong with each.
    """

    rows: IntArray
    texts: Sequence[str]


class WrittenClocks(NamedTuple):
    """Lamport clocks and vector times as a log has them; None where it has none."""

    clock: IntArray | None
    timestamps: Timestamps | None


class Trace:
    """Every event of a run, and what is known of the log that they were read from.

    names: of the processes. starts i8: where each one's rows begin, and the end.
    columns: see `Columns`.
    peers: for each process the positions of those it can send to; None for a mesh.
    sets: the sets of several targets that `target` refers to, positions in rising order.
    timestamps, arrivals: None if the log has none.
    texts: further columns of text by name, None where a cell is empty
    (`event`, `recorded`, or any other column of a log).
    process_info: what is known of each process; empty if nothing is.
    files: names of the files that were read. unread: what in them could not be read.
    gaps i8: rows, rising, before which events of the same process are missing.
    missing_processes: names of processes of which there is no log at all.
    invalid_clocks: the clocks that no event can have.
    scenario: text of TOML, None if there is none.
    assumed: what was assumed to read the log, a line each (see `conventions`).
    remarks: what a reader of the verdict must know of how it was read, a line each.
    strategies: names of the strategies that may match its messages, in their order;
    empty: all that apply (see `matching.match`).
    unsure_queue i8: rows, rising, of receives of which it is not known whether their
    queue counts the message that they took (see `conventions.queue`).
    is_own_entry_unsure: whether it is not known if the own entries of its vector clocks
    count their own event (see `conventions.vectors`).
    message_names: the log's own names of messages, at the numbers that `sent` and
    `received` have for them; empty where the numbers are the names.
    is_clock_unsure: whether it is not known if its Lamport clocks are written before
    their increment or event (see `conventions.clocks`).
    written: its clocks as the log has them, where their convention was left to be
    recognized; None where it is known, as of our own logs (see `conventions.alternatives`).
    may_overtake: whether messages from one process to another may overtake one another,
    because each has a connection of its own: then there is no order to judge.
    """

    __slots__ = (
        "arrivals",
        "assumed",
        "columns",
        "files",
        "gaps",
        "invalid_clocks",
        "is_clock_unsure",
        "is_own_entry_unsure",
        "may_overtake",
        "message_names",
        "missing_processes",
        "names",
        "peers",
        "process_info",
        "remarks",
        "scenario",
        "sets",
        "starts",
        "strategies",
        "texts",
        "timestamps",
        "unread",
        "unsure_queue",
        "written",
    )  # fmt: skip

    def __init__(
        self,
        names: Sequence[str],
        starts: IntArray,
        columns: Columns,
        *,
        peers: Sequence[Sequence[int]] | None = None,
        sets: Sequence[Sequence[int]] = (),
        timestamps: Timestamps | None = None,
        arrivals: Arrivals | None = None,
        texts: Mapping[str, Sequence[str | None]] | None = None,
        process_info: Sequence[ProcessInfo] = (),
        files: Sequence[str] = (),
        unread: Sequence[UnreadLine] = (),
        gaps: IntArray | None = None,
        missing_processes: Sequence[str] = (),
        scenario: str | None = None,
        assumed: Sequence[str] = (),
        remarks: Sequence[str] = (),
        strategies: Sequence[str] = (),
        unsure_queue: IntArray | None = None,
        invalid_clocks: InvalidClocks | None = None,
        may_overtake: bool = False,
        is_own_entry_unsure: bool = False,
        is_clock_unsure: bool = False,
        message_names: Sequence[str | None] = (),
        written: WrittenClocks | None = None,
    ) -> None:
        self.names = names
        self.starts = starts
        self.columns = columns
        self.peers = peers
        self.sets = sets
        self.timestamps = timestamps
        self.arrivals = arrivals
        self.texts = dict(texts or {})
        self.process_info = process_info
        self.files = files
        self.unread = unread
        self.gaps: IntArray = np.zeros(0, np.int64) if gaps is None else gaps
        self.missing_processes = missing_processes
        self.scenario = scenario
        self.assumed = assumed
        self.remarks = remarks
        self.strategies = strategies
        self.unsure_queue: IntArray = (
            np.zeros(0, np.int64) if unsure_queue is None else unsure_queue
        )
        self.invalid_clocks = invalid_clocks or InvalidClocks(np.zeros(0, np.int64), ())
        self.may_overtake = may_overtake
        self.is_own_entry_unsure = is_own_entry_unsure
        self.is_clock_unsure = is_clock_unsure
        self.message_names = message_names
        self.written = written

    def __len__(self) -> int:
        return int(self.starts[-1])

    def with_rates(self, rates: Sequence[float]) -> "Trace":
        """Return the trace with the rates that its processes were to keep.

        rates: ticks per second, in the order of the processes.
        """
        known = self.process_info if len(self.process_info) else [ProcessInfo()] * self.processes
        return self.replace(
            process_info=[
                process._replace(rate=rate) for process, rate in zip(known, rates, strict=True)
            ]
        )

    def replace(self, **changes: Any) -> "Trace":
        """Return the trace with some of its attributes changed."""
        return Trace(**({name: getattr(self, name) for name in self.__slots__} | changes))

    @property
    def processes(self) -> int:
        """How many processes it has."""
        return len(self.names)

    def process_of(self, row: int) -> int:
        """Return the position of the process to which the event of a row belongs."""
        return int(self.starts.searchsorted(row, side="right")) - 1

    def process_column(self) -> IntArray:
        """Return the position of the process of every row, i4."""
        counts = self.starts[1:] - self.starts[:-1]
        return np.repeat(np.arange(self.processes, dtype=np.int32), counts)

    def rows_of(self, process: int) -> slice:
        """Return the rows of a process."""
        return slice(int(self.starts[process]), int(self.starts[process + 1]))

    def place(self, row: int) -> tuple[str, int]:
        """Return the process's name and the number, from 0, of the event within it."""
        process = self.process_of(row)
        return self.names[process], row - int(self.starts[process])

    def timestamp_texts(self) -> list[str | None]:
        """Return each event's timestamp as its clock writes it, None if it has none."""
        if self.timestamps is None:
            return [None] * len(self)
        return timestamp_texts(self.timestamps, self.processes)

    def source_of(self, row: int) -> tuple[str | None, int | None]:
        """Return the file and the line of an event, None if they are not known."""
        if self.columns.line is None or not self.files:
            return None, None
        file = self.process_of(row) if self.columns.file is None else int(self.columns.file[row])
        return self.files[file], int(self.columns.line[row])

    def targets_of(self, row: int) -> tuple[int, ...]:
        """Return the positions of the processes that an event sent to, in rising order."""
        target = NO_TARGET if self.columns.target is None else int(self.columns.target[row])
        if target == NO_TARGET:
            return ()
        if target == EVERY_PEER:
            return self.peers_of(self.process_of(row))
        return (target,) if target >= 0 else tuple(self.sets[SET_FIRST - target])

    def message_name(self, number: int) -> str:
        """Return the log's own name of the message that has a number in `sent` and `received`."""
        return str(self.message_names[number]) if len(self.message_names) else str(number)

    def peers_of(self, process: int) -> tuple[int, ...]:
        """Return the positions of the processes that one can send to, in rising order."""
        if self.peers is not None:
            return tuple(self.peers[process])
        return tuple(place for place in range(self.processes) if place != process)


def processes_of(trace: Trace, rows: IntArray) -> IntArray:
    """Return the position of the process of each of some rows, i8."""
    return np.searchsorted(trace.starts, rows, side="right") - 1


def processes_with_gaps(trace: Trace) -> IntArray:
    """Return the positions of the processes whose log lacks events, i8, rising."""
    return np.unique(processes_of(trace, trace.gaps))
