"""A whole run in memory: one row an event, in columns.

Rows are in the order of (due time, position of the process): the order in
which the general engine takes ticks. The columns that every engine fills are
arrays of numpy; names are written out only for who asks for a frame of Polars.
Neither library is imported before there is a history.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

KINDS: Final = ("internal", "send", "receive")  # the numbers of the column `kind`
NOBODY: Final = -1  # in `sender`: nothing was received
EVERY_PEER: Final = -1  # in `target`: all that it can send to
NO_TARGET: Final = -2

Array = Any  # of numpy


class Columns(NamedTuple):
    """The columns of a history, each an array with a row an event.

    due_ns: when the tick was due, nanoseconds after the start.
    process: the position of the process in name order.
    tick: its number, from 0.
    kind: 0 internal, 1 send, 2 receive.
    sender: of the message received, a position; NOBODY where there was none.
    stamp: the clock that it carried; 0 where there was none.
    target: the index, among the peers of the process, of the one that it sends
        to, EVERY_PEER or NO_TARGET.
    clock, queue: the Lamport clock and the length of the inbox after the event.
    """

    due_ns: Array
    process: Array
    tick: Array
    kind: Array
    sender: Array
    stamp: Array
    target: Array
    clock: Array
    queue: Array


class History:
    """Every event of a run.

    `names` are the processes in name order, `peers` of each the positions of
    those it can send to. `extra` has columns that only some runs have:
    `targets` in full, where a process of the user sends to some of its peers,
    and `timestamp` and `recorded`, as text.
    """

    def __init__(
        self,
        columns: Columns,
        names: Sequence[str],
        peers: Sequence[Sequence[int]] | None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self.columns = columns
        self.names = names
        self._peers = peers
        self._extra = extra or {}

    def __len__(self) -> int:
        return len(self.columns.tick)

    @property
    def events(self) -> Any:
        """The events as a frame of Polars.

        Columns: process, tick, kind, due_ns, clock, queue, sender and stamp
        (null where nothing was received), targets (a list of names), and
        timestamp and recorded where the run has them.
        """
        import polars as pl

        of = self.columns
        names = pl.Series(list(self.names), dtype=pl.String)
        sender = pl.Series(of.sender).cast(pl.UInt32, strict=False)  # null below 0
        own = self._extra.get("targets")
        targets = pl.Series(own, dtype=pl.List(pl.String)) if own else self._targets()
        more = [key for key in ("timestamp", "recorded") if key in self._extra]
        frame = pl.DataFrame(
            {
                "process": names.gather(pl.Series(of.process)),
                "tick": pl.Series(of.tick).cast(pl.Int64),
                "kind": pl.Series(KINDS).gather(pl.Series(of.kind)).cast(pl.Enum(KINDS)),
                "due_ns": pl.Series(of.due_ns).cast(pl.Int64),
                "clock": pl.Series(of.clock).cast(pl.Int64),
                "queue": pl.Series(of.queue).cast(pl.Int64),
                "sender": names.gather(sender),
                "stamp": pl.Series(of.stamp).cast(pl.Int64),
                "targets": targets,
            }
        )
        return frame.with_columns(
            *(pl.Series(key, self._extra[key], dtype=pl.String) for key in more),
            stamp=pl.when(pl.col("sender").is_not_null()).then(pl.col("stamp")),
        )

    def _targets(self) -> Any:
        """Return whom each event sends to, as a series of lists of names."""
        every: dict[int, list[str]] = {}

        def named(process: int) -> list[str]:
            if process not in every:
                every[process] = [self.names[place] for place in self._peers_of(process)]
            return every[process]

        def written(process: int, target: int) -> list[str]:
            if target == NO_TARGET:
                return []
            return named(process) if target == EVERY_PEER else [self._peer(process, target)]

        # The same few are sent to again and again: each is written out once.
        import numpy as np
        import polars as pl

        width = len(self.names) + 2
        codes = self.columns.process.astype(np.int64) * width + self.columns.target + 2
        few, places = np.unique(codes, return_inverse=True)
        lists = [written(code // width, code % width - 2) for code in few.tolist()]
        return pl.Series(lists, dtype=pl.List(pl.String)).gather(pl.Series(places))

    def _peers_of(self, process: int) -> Sequence[int]:
        if self._peers is not None:
            return self._peers[process]
        return [place for place in range(len(self.names)) if place != process]

    def _peer(self, process: int, index: int) -> str:
        """Return the name of a peer; in a mesh the positions need not be listed to know it."""
        if self._peers is not None:
            return self.names[self._peers[process][index]]
        return self.names[index if index < process else index + 1]
