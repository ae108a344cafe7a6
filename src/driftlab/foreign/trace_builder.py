"""From records to a trace: processes in the order in which they were met, rows process-major.

A record that cannot be an event (its clock is none, its process has no name)
is told of like a line that matched nothing. Program order is the order of the
file, or of the field `index` where all records have one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from driftlab.foreign import fields as means
from driftlab.foreign.clock_values import Clocks, in_rows, read_clocks
from driftlab.foreign.dotted_timestamps import (
    DOTTED_CLOCKS,
    WidthError,
    is_dotted,
    read_dotted,
    split_valid,
    wrong_width_rows,
)
from driftlab.foreign.event_kinds import kinds
from driftlab.foreign.records import Records, UnmatchedText, gaps_of
from driftlab.foreign.text import encodable, without_zeros
from driftlab.foreign.times import times
from driftlab.history.trace import Trace, UnreadLine
from driftlab.journal.files import UnreadableError
from driftlab.model.columns import (
    EVERY_PEER,
    MISSING,
    NO_TARGET,
    NOBODY,
    RECEIVE,
    SEND,
    SET_FIRST,
    UNKNOWN_KIND,
    Array,
    Columns,
    Timestamps,
    process_major,
)

_NAMED_LIKE_COLUMNS: Final = frozenset(
    {"process", "index", "kind", "tick", "due_ns", "late_ns", "time_ns", "clock", "queue",
     "sender", "stamp", "targets", "timestamp", "line"}
)  # fmt: skip
_NO_HOSTS: Final = frozenset({"", "None"})
_Dotted = tuple[str, list[str | None]]  # the clock, and its timestamps by row


def build_trace(rows: Records, unit: str | None = None) -> Trace:
    """Return the trace of one execution. `unit`: of times, one of UNITS or None."""
    return _Builder(rows, unit).trace()


class _Builder:
    """The steps from records to a trace."""

    def __init__(self, rows: Records, unit: str | None) -> None:
        self._rows = rows
        self._unit = unit
        self._known, self._others = means.known_fields(rows.fields)
        self._bad: means.RowErrors = {}
        self._names = means.Positions()
        self._met: int | None = None  # processes with records, where timestamps count them
        self._has_misfits = False  # whether timestamps were found that no process can have

    def trace(self) -> Trace:
        trace = self._trace()
        return self._trace() if self._has_misfits else trace

    def _trace(self) -> Trace:
        hosts = self._hosts()
        numbers: dict[str, Array] = {
            name: means.numbers(name, self._known[name], self._bad)
            for name in means.NUMBERS
            if name in self._known
        }
        clocks = self._clocks(hosts)
        dotted = self._dotted(clocks, hosts)
        kept = np.array(
            [row for row in range(len(hosts)) if row not in self._bad]
            if self._bad
            else np.arange(len(hosts)),
            np.int64,
        )
        process = np.fromiter(
            map(self._names.__getitem__, [hosts[row] for row in kept] if self._bad else hosts),
            np.int32,
            len(kept),
        )
        met = len(self._names) if self._met is None else self._met
        order = _program_order(process, numbers.get("index"), kept)
        kept, process = kept[order], process[order]
        columns, sets = self._columns(numbers, clocks, kept, process)
        timestamps = self._timestamps(clocks, dotted, kept, met)
        starts, _ = process_major(process, len(self._names))
        names = [without_zeros(encodable(name)) for name in self._names]
        return Trace(
            names,
            starts,
            columns,
            sets=sets,
            timestamps=timestamps,
            texts=self._texts(kept),
            files=self._rows.files,
            unread=self._unread(),
            gaps=gaps_of(self._stretches(hosts), names, starts, columns.file, columns.line),
            missing_processes=[names[one] for one in np.flatnonzero(np.diff(starts) == 0)],
        )

    def _hosts(self) -> list[str]:
        hosts = means.hosts(self._known["host"])
        for row, host in enumerate(hosts):
            if host in _NO_HOSTS:
                self._bad[row] = "names no process"
        return hosts

    def _clocks(self, hosts: Sequence[str]) -> Clocks | None:
        field = next((name for name in ("clock", "vector") if name in self._known), None)
        if field is None or is_dotted(self._known.get("vector", ())):
            return self._lamport_only(hosts)
        clocks = read_clocks(self._known[field], hosts, self._bad)
        if field == "clock" and "vector" in self._known:  # a table may have both
            both = read_clocks(self._known["vector"], hosts, self._bad)
            return both._replace(lamport=clocks.lamport)
        return clocks

    def _dotted(self, clocks: Clocks | None, hosts: Sequence[str]) -> _Dotted | None:
        """Return timestamps of numbers and dots; these count every process that has records."""
        clock = next((clock for clock in DOTTED_CLOCKS if clock in self._known), None)
        if clock is None or (clocks is not None and len(clocks.codes)):
            return None
        texts, bad = split_valid(clock, self._known[clock])
        if self._met is None:
            self._met = len({self._names[host] for host in hosts if host not in _NO_HOSTS})
        self._bad = {**bad, **self._bad}
        return clock, texts

    def _lamport_only(self, hosts: Sequence[str]) -> Clocks | None:
        if "clock" not in self._known:
            return None
        return read_clocks(self._known["clock"], hosts, self._bad)

    def _columns(
        self, numbers: Mapping[str, Array], clocks: Clocks | None, kept: Array, process: Array
    ) -> tuple[Columns, list[tuple[int, ...]]]:
        kind = kinds(self._known, len(self._rows.lines))[kept]
        sender = self._sender(kept, process, kind)
        target, sets = self._target(kept, process, kind)
        unsaid = kind == UNKNOWN_KIND
        if sender is not None:
            kind[unsaid & (sender != NOBODY)] = RECEIVE
        if target is not None:
            kind[unsaid & (kind == UNKNOWN_KIND) & (target != NO_TARGET)] = SEND
        if "stamp" in numbers:  # only what was received had one
            kind[(kind == UNKNOWN_KIND) & (numbers["stamp"][kept] != MISSING)] = RECEIVE
        if "kind" in self._known and (kind == UNKNOWN_KIND).any():
            self._others["kind"] = self._known["kind"]  # words that are none known here
        sent, received = self._messages(kept, kind)
        lamport = numbers.get("lamport", None if clocks is None else clocks.lamport)

        def taken(column: Array) -> Array:
            return None if column is None else column[kept]

        columns = Columns(
            kind,
            clock=taken(lamport),
            sender=sender,
            stamp=taken(numbers.get("stamp")),
            target=target,
            queue=taken(numbers.get("queue")),
            tick=taken(numbers.get("tick")),
            due_ns=taken(numbers.get("due_ns")),
            late_ns=taken(numbers.get("late_ns")),
            time_ns=taken(self._times(numbers)),
            line=self._rows.lines[kept],
            file=self._rows.file[kept],
            sent=sent,
            received=received,
        )
        return columns, sets

    def _times(self, numbers: Mapping[str, Array]) -> Array:
        if "time_ns" in numbers:
            return _some(numbers["time_ns"])
        if "time" not in self._known:
            return None
        column, failed = times(self._known["time"], self._unit)
        if failed:
            self._others["time"] = self._known["time"]
        return _some(column)

    def _sender(self, kept: Array, process: Array, kind: Array) -> Array:
        if "sender" not in self._known:
            return None
        given = self._known["sender"]
        column = np.full(len(kept), NOBODY, np.int32)
        for place, row in enumerate(kept.tolist()):
            if not means.is_empty(given[row]):
                column[place] = self._place(str(given[row]).strip())
        column[(column == process) & (kind != RECEIVE)] = NOBODY  # a send that names itself
        return column

    def _place(self, name: str) -> int:
        """Return the position of a process by a name for it."""
        return self._names[name if name in self._names else means.canonical_host(name, self._names)]

    def _target(
        self, kept: Array, process: Array, kind: Array
    ) -> tuple[Array, list[tuple[int, ...]]]:
        if "targets" not in self._known:
            return None, []
        given, sets = self._known["targets"], _Sets()
        codes: dict[str, int] = {}
        column = np.full(len(kept), NO_TARGET, np.int32)
        for place, row in enumerate(kept.tolist()):
            value = given[row]
            key = value if isinstance(value, str) else repr(value)
            if key not in codes:
                codes[key] = sets.code(means.target_names(value), self._place)
            column[place] = codes[key]
        column[(kind == RECEIVE) & (column == process)] = NO_TARGET  # a receive that names itself
        return column, list(sets)

    def _messages(self, kept: Array, kind: Array) -> tuple[Array, Array]:
        nothing = [None] * len(self._rows.lines)
        given = [self._known.get(name, nothing) for name in ("message", "sent", "received")]
        if all(column is nothing for column in given):
            return None, None
        message, sent, received = (column[kept] for column in means.message_numbers(given))
        sent = np.where((kind != RECEIVE) & (sent == MISSING), message, sent)
        received = np.where((kind == RECEIVE) & (received == MISSING), message, received)
        return _some(sent), _some(received)

    def _timestamps(
        self, clocks: Clocks | None, dotted: _Dotted | None, kept: Array, met: int
    ) -> Timestamps | None:
        if dotted is None:
            if clocks is None or not len(clocks.codes):
                return None
            places = np.array([self._names[name] for name in clocks.names], np.int32)
            return in_rows(clocks, places[clocks.codes], kept)
        clock, texts = dotted[0], [dotted[1][row] for row in kept.tolist()]
        try:
            wrong = wrong_width_rows(clock, texts, met, len(self._names))
            if wrong:
                self._bad |= {int(kept[place]): reason for place, reason in wrong.items()}
                self._has_misfits = True
                return None
            return read_dotted(clock, texts, list(self._names), met)
        except WidthError as error:
            place, reason = error.args
            row = int(kept[place])
            file, line = self._rows.files[self._rows.file[row]], self._rows.lines[row]
            raise UnreadableError(f"{file}: line {line}: {reason}") from None

    def _texts(self, kept: Array) -> dict[str, list[str | None]]:
        columns = dict(self._others)
        if "event" in self._known:
            columns = {"event": self._known["event"], **columns}
        order = kept.tolist()
        texts = {}
        for name, column in columns.items():
            key = f"{name}_text" if name in _NAMED_LIKE_COLUMNS else name
            texts[encodable(key)] = _all_encodable([_text(column[row]) for row in order])
        return texts

    def _stretches(self, hosts: Sequence[str]) -> list[UnmatchedText]:
        """Return all that gave no event: stretches, and records that are none."""
        of_records = [
            UnmatchedText(int(self._rows.file[row]), int(self._rows.lines[row]), reason,
                    host=hosts[row] or None)
            for row, reason in self._bad.items()
        ]  # fmt: skip
        return sorted([*self._rows.unread, *of_records], key=lambda each: (each.file, each.line))

    def _unread(self) -> list[UnreadLine]:
        names = self._rows.files
        every = self._stretches(["-"] * len(self._rows.lines))
        return [UnreadLine(names[each.file], each.line, each.reason) for each in every]


class _Sets(dict[tuple[int, ...], int]):
    """Sets of several targets, in the order in which they are met."""

    def code(self, targets: Sequence[str] | None, place: Callable[[str], int]) -> int:
        """Return what the column `target` has for these."""
        if targets is None:
            return EVERY_PEER
        members = tuple(sorted(set(map(place, targets))))
        if len(members) < 2:
            return members[0] if members else NO_TARGET
        return SET_FIRST - self.setdefault(members, len(self))


def _program_order(process: Array, index: Array, kept: Array) -> Array:
    if index is not None and len(kept) and (index[kept] != MISSING).all():
        return np.lexsort((index[kept], process))
    return np.argsort(process, kind="stable")


def _some(column: Array) -> Array:
    return column if (column != MISSING).any() else None


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def _all_encodable(texts: list[str | None]) -> list[str | None]:
    try:
        "".join(filter(None, texts)).encode()
    except UnicodeEncodeError:  # out of JSON such may come
        return [text and encodable(text) for text in texts]
    return texts
