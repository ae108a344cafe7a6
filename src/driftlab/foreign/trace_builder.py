"""From records to a trace: fields become columns, rows stand process after process.

Processes stand in the order in which they first occur. Program order is the
order of the file, or of the field `index` where every record has one. A record
that cannot be an event (its clock is malformed, its process has no name) is
reported like text that matched nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import IntArray
from driftlab.foreign import fields
from driftlab.foreign.clock_values import (
    DOTTED_CLOCKS,
    Clocks,
    WidthError,
    is_dotted,
    read_clocks,
    read_dotted,
    split_valid,
    timestamps_in_order,
    wrong_width_rows,
)
from driftlab.foreign.log_file import ReadOptions
from driftlab.foreign.packed import Packed, Reordered
from driftlab.foreign.records import (
    LabelledRecords,
    Records,
    UnmatchedText,
    Values,
    align_executions,
    gaps_of,
)
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
    Columns,
    Timestamps,
    process_major,
)

_COLUMN_NAMES: Final = frozenset(
    {"process", "index", "kind", "tick", "due_ns", "late_ns", "time_ns", "clock", "queue",
     "sender", "stamp", "targets", "timestamp", "line"}
)  # fmt: skip


class Execution(NamedTuple):
    """One of the executions that a log holds: its label, which may be empty, and its trace."""

    label: str
    trace: Trace


def build_executions(
    files: Sequence[Sequence[LabelledRecords]], options: ReadOptions
) -> list[Execution]:
    """Return the executions of a log that have events or unread lines.

    `files`: the executions in each file, as `align_executions` takes them.
    `options`: how fields are to be read. Raises UnreadableError where no record can be
    read, or where it is unclear which executions belong together.
    """
    aligned = align_executions(files)
    executions = [Execution(label, build_trace(records, options)) for label, records in aligned]
    if not any(len(each.trace) for each in executions):
        raise UnreadableError(_reason_of_no_event([each.records for each in aligned], executions))
    return [each for each in executions if len(each.trace) or each.trace.unread]


def build_execution(files: Sequence[Records], options: ReadOptions) -> list[Execution]:
    """Return the one execution of a log whose format has no delimiters; see `build_executions`.

    `files`: the records of each file.
    """
    return build_executions([[LabelledRecords("", records)] for records in files], options)


def _reason_of_no_event(records: Sequence[Records], executions: Sequence[Execution]) -> str:
    unread = [one for each in executions for one in each.trace.unread]
    if not unread:
        return f"{records[0].files[0] if records else 'the log'}: empty"
    first = min(unread, key=lambda each: each.line)
    reason = f"{first.file}: no record could be read; line {first.line}: {first.reason}"
    if any(len(each.lines) for each in records):
        return reason
    return f"{reason}. See docs/formats.md, --format and --pattern"


def build_trace(records: Records, options: ReadOptions) -> Trace:
    """Return the trace of one execution.

    `options`: how fields are to be read. Raises UnreadableError where no timestamp can be of
    these processes.
    """
    return _Builder(records, options).build()


class _Dotted(NamedTuple):
    """Timestamps written as numbers and dots: their clock, and the text of each record."""

    clock: str
    texts: list[str | None]


class _Builder:
    """The steps from records to a trace."""

    def __init__(self, records: Records, options: ReadOptions) -> None:
        self._records = records
        self._options = options
        self._known, self._others = fields.known_fields(records.fields)
        self._errors: fields.RowErrors = {}
        self._positions = fields.Positions()  # of processes
        self._width: int | None = None  # processes with records, where timestamps count them
        self._has_wrong_widths = False

    def build(self) -> Trace:
        """Build the trace; once more without the timestamps that turned out to be malformed."""
        trace = self._build()
        return self._build() if self._has_wrong_widths else trace

    def _build(self) -> Trace:
        hosts = self._hosts()
        numbers: dict[str, IntArray] = {
            name: fields.numbers(name, self._known[name], self._errors)
            for name in fields.NUMBERS
            if name in self._known
        }
        clocks = self._clocks(hosts)
        dotted = self._dotted(clocks, hosts)
        rows, process = self._rows_in_order(hosts, numbers.get("index"))
        width = len(self._positions) if self._width is None else self._width
        file, line = self._records.file[rows], self._records.lines[rows]
        columns, sets = self._columns(numbers, clocks, rows, process)
        timestamps = self._timestamps(clocks, dotted, rows, width)
        starts, _ = process_major(process, len(self._positions))
        names = [fields.escape_zeros(fields.escape_surrogates(name)) for name in self._positions]
        return Trace(
            names,
            starts,
            columns._replace(file=file, line=line),
            sets=sets,
            timestamps=timestamps,
            texts=self._texts(rows),
            files=self._records.files,
            unread=self._unread(),
            gaps=gaps_of(self._unmatched(hosts), names, starts, file, line),
            missing_processes=[names[one] for one in np.flatnonzero(np.diff(starts) == 0)],
        )

    def _hosts(self) -> list[str]:
        """Return each record's process."""
        hosts = fields.hosts(self._known["host"])
        for row, host in enumerate(hosts):
            if not host:
                self._errors[row] = "names no process"
        return hosts

    def _rows_in_order(
        self, hosts: Sequence[str], index: IntArray | None
    ) -> tuple[IntArray, IntArray]:
        """Return the records that are events, process after process, and the process of each."""
        rows = np.arange(len(hosts))
        if self._errors:
            rows = rows[[row not in self._errors for row in range(len(hosts))]]
            hosts = [hosts[row] for row in rows.tolist()]
        process = np.fromiter(map(self._positions.__getitem__, hosts), np.int32, len(hosts))
        if index is not None and len(rows) and bool((index[rows] != MISSING).all()):
            order = np.lexsort((index[rows], process))
        else:
            order = np.argsort(process, kind="stable")
        return rows[order], process[order]

    # Clocks.

    def _clocks(self, hosts: Sequence[str]) -> Clocks | None:
        """Return the clocks of the field `clock`, with the vector clocks of a field `vector`."""
        vectors = self._known.get("vector")
        if vectors is not None and is_dotted(vectors):
            vectors = None
        lamport = self._known.get("clock")
        if lamport is None:
            return None if vectors is None else read_clocks(vectors, hosts, self._errors)
        clocks = read_clocks(lamport, hosts, self._errors)
        if vectors is None:
            return clocks
        both = read_clocks(vectors, hosts, self._errors)
        return both._replace(lamport=clocks.lamport)

    def _dotted(self, clocks: Clocks | None, hosts: Sequence[str]) -> _Dotted | None:
        """Return timestamps of numbers and dots; these count every process that has records."""
        clock = next((clock for clock in DOTTED_CLOCKS if clock in self._known), None)
        if clock is None or (clocks is not None and len(clocks.codes)):
            return None
        texts, errors = split_valid(clock, self._known[clock])
        if self._width is None:
            self._width = len({self._positions[host] for host in hosts if host})
        self._errors = {**errors, **self._errors}
        return _Dotted(clock, texts)

    def _timestamps(
        self, clocks: Clocks | None, dotted: _Dotted | None, rows: IntArray, width: int
    ) -> Timestamps | None:
        if dotted is None:
            if clocks is None or not len(clocks.codes):
                return None
            positions = np.array([self._positions[name] for name in clocks.names], np.int32)
            return timestamps_in_order(clocks, positions, rows)
        texts = [dotted.texts[row] for row in rows.tolist()]
        try:
            wrong = wrong_width_rows(dotted.clock, texts, width, len(self._positions))
            if wrong:
                self._errors |= {int(rows[at]): reason for at, reason in wrong.items()}
                self._has_wrong_widths = True
                return None
            return read_dotted(dotted.clock, texts, list(self._positions), width)
        except WidthError as error:
            row = int(rows[error.row])
            file, line = self._records.files[self._records.file[row]], self._records.lines[row]
            raise UnreadableError(f"{file}: line {line}: {error}") from None

    # Columns.

    def _columns(
        self, numbers: Mapping[str, IntArray], clocks: Clocks | None, rows: IntArray,
        process: IntArray,
    ) -> tuple[Columns, list[tuple[int, ...]]]:  # fmt: skip
        """Return the columns but for `file` and `line`, and the sets of targets in `target`."""
        kind = fields.kinds(self._known, len(self._records.lines))[rows]
        sender = self._sender(rows, process, kind)
        target, sets = self._target(rows, process, kind)
        is_unknown = kind == UNKNOWN_KIND
        if sender is not None:
            kind[is_unknown & (sender != NOBODY)] = RECEIVE
        if target is not None:
            kind[is_unknown & (kind == UNKNOWN_KIND) & (target != NO_TARGET)] = SEND
        if "stamp" in numbers:  # only a message that was received has one
            kind[(kind == UNKNOWN_KIND) & (numbers["stamp"][rows] != MISSING)] = RECEIVE
        if "kind" in self._known and bool((kind == UNKNOWN_KIND).any()):
            self._others["kind"] = self._known["kind"]  # words that mean nothing here
        sent, received = self._messages(rows, kind)
        lamport = None if clocks is None else clocks.lamport

        def in_order(column: IntArray | None) -> IntArray | None:
            return None if column is None else column[rows]

        columns = Columns(
            kind,
            clock=in_order(numbers.get("lamport", lamport)),
            sender=sender,
            stamp=in_order(numbers.get("stamp")),
            target=target,
            queue=in_order(numbers.get("queue")),
            tick=in_order(numbers.get("tick")),
            due_ns=in_order(numbers.get("due_ns")),
            late_ns=in_order(numbers.get("late_ns")),
            time_ns=in_order(self._times(numbers.get("time_ns"))),
            sent=sent,
            received=received,
        )
        return columns, sets

    def _times(self, time_ns: IntArray | None) -> IntArray | None:
        if time_ns is not None:
            return _none_if_missing(time_ns)
        if "time" not in self._known:
            return None
        column, has_failed = fields.times(self._known["time"], self._options.time_unit)
        if has_failed:
            self._others["time"] = self._known["time"]
        return _none_if_missing(column)

    def _sender(self, rows: IntArray, process: IntArray, kind: IntArray) -> IntArray | None:
        if "sender" not in self._known:
            return None
        values = self._known["sender"]
        column = np.full(len(rows), NOBODY, np.int32)
        for at, row in enumerate(rows.tolist()):
            if not fields.is_empty(values[row]):
                column[at] = self._position(str(values[row]).strip())
        column[(column == process) & (kind != RECEIVE)] = NOBODY  # a send that names itself
        return column

    def _target(
        self, rows: IntArray, process: IntArray, kind: IntArray
    ) -> tuple[IntArray | None, list[tuple[int, ...]]]:
        if "targets" not in self._known:
            return None, []
        values = self._known["targets"]
        sets: dict[tuple[int, ...], int] = {}
        codes: dict[str, int] = {}
        column = np.full(len(rows), NO_TARGET, np.int32)
        for at, row in enumerate(rows.tolist()):
            value = values[row]
            key = value if isinstance(value, str) else repr(value)
            if key not in codes:
                codes[key] = self._target_code(fields.target_names(value), sets)
            column[at] = codes[key]
        column[(kind == RECEIVE) & (column == process)] = NO_TARGET  # a receive that names itself
        return column, list(sets)

    def _target_code(self, names: Sequence[str] | None, sets: dict[tuple[int, ...], int]) -> int:
        """Return what the column `target` holds for some targets, None for all; may add a set."""
        if names is None:
            return EVERY_PEER
        members = tuple(sorted(set(map(self._position, names))))
        if len(members) < 2:
            return members[0] if members else NO_TARGET
        return SET_FIRST - sets.setdefault(members, len(sets))

    def _position(self, name: str) -> int:
        """Return the position of a process by a name that a peer has for it."""
        return self._positions[fields.canonical_host(name, self._positions)]

    def _messages(self, rows: IntArray, kind: IntArray) -> tuple[IntArray | None, IntArray | None]:
        """Return the names of the messages sent and received."""
        given = [self._known.get(name) for name in ("message", "sent", "received")]
        if all(column is None for column in given):
            return None, None
        nothing: Values = [None] * len(self._records.lines)
        named = fields.message_numbers([column or nothing for column in given])
        message, sent, received = (column[rows] for column in named)
        sent = np.where((kind != RECEIVE) & (sent == MISSING), message, sent)
        received = np.where((kind == RECEIVE) & (received == MISSING), message, received)
        return _none_if_missing(sent), _none_if_missing(received)

    def _texts(self, rows: IntArray) -> dict[str, Sequence[str | None]]:
        """Return the event's text, and all fields that are none of the columns, as texts."""
        columns = dict(self._others)
        if "event" in self._known:
            columns = {"event": self._known["event"], **columns}
        texts: dict[str, Sequence[str | None]] = {}
        for name, column in columns.items():
            key = f"{name}_text" if name in _COLUMN_NAMES else name
            texts[fields.escape_surrogates(key)] = _as_texts(column, rows)
        return texts

    # What gave no event.

    def _unmatched(self, hosts: Sequence[str]) -> list[UnmatchedText]:
        """Return all that gave no event: text that matched nothing, and malformed records."""
        malformed = [
            UnmatchedText(int(self._records.file[row]), int(self._records.lines[row]), reason,
                    host=hosts[row] or None)
            for row, reason in self._errors.items()
        ]  # fmt: skip
        every = [*self._records.unread, *malformed]
        return sorted(every, key=lambda each: (each.file, each.line))

    def _unread(self) -> list[UnreadLine]:
        files = self._records.files
        every = self._unmatched(["-"] * len(self._records.lines))
        return [UnreadLine(files[each.file], each.line, each.reason, each.lines) for each in every]


def _none_if_missing(column: IntArray) -> IntArray | None:
    """Return a column, or None if it holds nothing."""
    return column if bool((column != MISSING).any()) else None


def _as_texts(column: Values, rows: IntArray) -> Sequence[str | None]:
    """Return the values of some rows as texts."""
    if isinstance(column, Packed):
        if column.are_texts():
            return Reordered(column, rows)
        column = list(column)
    values = [column[row] for row in rows.tolist()]
    texts = [each if each is None or isinstance(each, str) else str(each) for each in values]
    try:
        "".join(filter(None, texts)).encode()
    except UnicodeEncodeError:  # JSON may hold half a pair of surrogates
        return [text and fields.escape_surrogates(text) for text in texts]
    return texts
