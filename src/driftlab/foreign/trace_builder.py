"""From records to a trace: fields become columns, rows stand process after process.

Processes stand in the order in which they first occur. Program order is the
order of the file, or of the field `index` where every record has one. A record
that cannot be an event (its clock is malformed, its process has no name) is
reported like text that matched nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.arrays import IntArray
from driftlab.clocks.catalogue import CLOCKS, LAMPORT
from driftlab.foreign import fields
from driftlab.foreign.aliases import (
    aliases_by_case,
    new_names,
    require_aliases,
    resolved_aliases,
)
from driftlab.foreign.assumed_names import MATCHED_BY, without_assumed
from driftlab.foreign.cells import (
    as_texts,
    coded,
    distinct,
    first_value,
    merged,
    none_if_missing,
    unit_of,
)
from driftlab.foreign.clock_values import (
    Clocks,
    WidthError,
    is_dotted,
    read_clocks,
    read_dotted,
    read_lamport,
    split_valid,
    timestamps_in_order,
    wrong_width_rows,
)
from driftlab.foreign.file_names import names_itself, process_from, stem_of, words_apart
from driftlab.foreign.gaps import Rows, gaps_of
from driftlab.foreign.kinds import (
    OwnWords,
    hint,
    is_of_kinds,
    kinds,
    require_found,
    texts_of,
    unsaid_words,
)
from driftlab.foreign.kinds_by_message import Roles, roles_of
from driftlab.foreign.log_file import ReadOptions
from driftlab.foreign.message_column import take_column_of_messages
from driftlab.foreign.peer_column import split_by_kind
from driftlab.foreign.peers_of_texts import take_peers_of_texts
from driftlab.foreign.records import (
    LabelledRecords,
    Records,
    UnmatchedText,
    Values,
    align_executions,
)
from driftlab.foreign.runs_in_column import split_by_run
from driftlab.foreign.times import read_times
from driftlab.foreign.unclear_columns import take_unclear
from driftlab.foreign.unmatched import reason_of_no_event, remarks_on
from driftlab.history.trace import InvalidClocks, Trace, UnreadLine
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

FILES_SHOWN_MAX: Final = 3  # whose processes are in their names
NO_NAME: Final = "-1"  # stands for no sender, unless a process is called so


class Column(NamedTuple):
    """A column, a group or a key of a log.

    name: the log's own. field: what it is here, None if it is kept as text; a column of
    peers is `sender, targets`, as far as it is both. example: its first value, as the log
    has it; None if it has none.
    """

    name: str
    field: str | None
    example: str | None


class Execution(NamedTuple):
    """One of the executions that a log holds.

    label: may be empty. trace: its events. columns: how those of the log were taken; empty
    where a trace was not read from a log.
    """

    label: str
    trace: Trace
    columns: Sequence[Column] = ()


def build_executions(
    files: Sequence[Sequence[LabelledRecords]], options: ReadOptions
) -> list[Execution]:
    """Return the executions of a log that have events or unread lines.

    `files`: the executions in each file, as `align_executions` takes them.
    `options`: how fields are to be read. Raises UnreadableError where no record can be
    read, or where it is unclear which executions belong together.
    """
    aligned = align_executions(files)
    builders = [_Builder(records, options) for _, records in aligned]
    executions = [
        Execution(each.label, builder.build(), builder.columns)
        for each, builder in zip(aligned, builders, strict=True)
    ]
    require_aliases(options.aliases, set().union(*(builder.names_seen for builder in builders)))
    texts = sum((builder.texts_seen for builder in builders), Counter[str]())
    require_found([builder.words for builder in builders], texts)
    if not any(len(each.trace) for each in executions):
        records = [each.records for each in aligned]
        unread = [one for each in executions for one in each.trace.unread]
        raise UnreadableError(reason_of_no_event(records, unread, options.patterns))
    return [each for each in executions if len(each.trace) or each.trace.unread]


def build_execution(files: Sequence[Records], options: ReadOptions) -> list[Execution]:
    """Return the executions of a log whose format has no delimiters; see `build_executions`.

    It is one, unless a column says of which run each record is. `files`: the records of each.
    """
    whole = build_executions([[LabelledRecords("", records)] for records in files], options)
    runs = split_by_run(files, whole[0].trace) if whole else None
    return whole if runs is None else build_executions(runs, options)


class _Dotted(NamedTuple):
    """Timestamps written as numbers and dots: their clock, and the text of each record."""

    clock: str
    texts: list[str | None]


class _Builder:
    """The steps from records to a trace."""

    def __init__(self, records: Records, options: ReadOptions) -> None:
        self._records = records
        self._options = options
        wanted = options.fields if records.fields else {}
        self._own_names = fields.own_names(records.fields, wanted, records.files[0])
        self._known, self._others = fields.known_fields(records.fields, wanted)
        self._taken = self._take_column_of_messages()  # what was assumed of its columns
        self._unclear = self._take_unclear_columns()
        self._given_aliases = resolved_aliases(options.aliases)
        self._aliases = dict(self._given_aliases)
        self.names_seen: set[str] = set()  # every name that the log has for a process
        self._assumed: list[str] = []
        self._remarks: list[str] = []
        self._errors: fields.RowErrors = {}
        self._invalid: fields.RowErrors = {}  # clocks that no event can have
        self._positions = fields.Positions()  # of processes
        self._message_names: Sequence[str | None] = ()
        self._width: int | None = None  # processes with records, where timestamps count them
        self._has_wrong_widths = False
        self.words = OwnWords(options.kinds)
        self._kinds = kinds(self._known, len(records.lines), self.words)
        self._take_kinds_by_values()
        self._roles = self._kinds_by_message()
        self._peer_column: str | None = None  # of the other process, whether sender or target
        self._take_peers()
        found = (self._known, self._own_names, self._hosts(), self._records.files)
        self._kinds, said = take_peers_of_texts(*found, self._kinds, self.words)
        self._taken += said

    @property
    def columns(self) -> list[Column]:
        """How the log's own fields were taken, without one that says the process in vain."""
        field_of: dict[str, str] = {}
        paths = self._records.paths
        for field, own in self._own_names.items():
            field_of[own] = f"{field_of[own]}, {field}" if own in field_of else field
        columns = [
            Column(name, field_of.get(own), first_value(values))
            for own, values in self._records.fields.items()
            for name in [paths.get(own) or fields.name_in_log(own)]
        ]
        by_file = self._options.process_from is not None
        return [each for each in columns if not (by_file and each.field == "host")]

    @property
    def texts_seen(self) -> "Counter[str]":
        """What events say in the place of their kinds, and how often, if words are to be found."""
        return texts_of(self._known) if self.words.given else Counter()

    def _take_column_of_messages(self) -> list[str]:
        """Take a column `message` or `msg` as texts of events, or as names of messages."""
        if not {"message", "event"}.isdisjoint(self._options.fields):
            return []
        process = self._known.get("host") or self._records.file.tolist()
        columns = (self._known, self._own_names, self._others, self._records.paths)
        return take_column_of_messages(*columns, process, OwnWords(self._options.kinds))

    def _take_unclear_columns(self) -> list[str]:
        """Take columns such as `ts` as what their values show; return what stays unclear."""
        process = self._known.get("host") or self._records.file.tolist()
        named = self._options.fields
        return take_unclear(self._known, self._own_names, self._others, process, named)

    def _take_kinds_by_values(self) -> None:
        """Take a column of another name as the kinds, if its values are kinds and none is known."""
        if not len(self._kinds) or bool((self._kinds != UNKNOWN_KIND).any()):
            return
        if "kind" in self._options.fields or self.words.given:
            return
        own = next((own for own, held in self._others.items() if is_of_kinds(held)), None)
        if own is None:
            return
        if "kind" in self._known:
            self._others[self._own_names["kind"]] = self._known["kind"]
        self._known["kind"], self._own_names["kind"] = self._others.pop(own), own
        self._kinds = kinds(self._known, len(self._kinds), self.words)
        self._taken.append(
            f"the column {own} is the kind of event, as its values show (--field kind={own})"
        )

    def _kinds_by_message(self) -> Roles | None:
        """Take the kinds that names of messages show, and return what shows them."""
        if "message" not in self._known or not bool((self._kinds == UNKNOWN_KIND).any()):
            return None
        if any(name in self._known for name in ("sender", "targets", "stamp")):
            return None  # these say it
        roles = roles_of(self._known, self._kinds, self._hosts(), self._records.file)
        if roles is not None:
            said = self._known[roles.field]
            for row in np.flatnonzero(self._kinds == UNKNOWN_KIND).tolist():
                self._kinds[row] = roles.kinds.get(str(said[row]).strip(), UNKNOWN_KIND)
        return roles

    def _take_peers(self) -> None:
        """Split a column of peers into senders, targets, and what stays text."""
        if "peer" not in self._known:
            return
        own = self._own_names.pop("peer")
        self._peer_column = own
        split = split_by_kind(self._known.pop("peer"), self._kinds, self._known)
        for name, values in (("sender", split.sender), ("targets", split.targets)):
            if values is not None:
                self._known[name], self._own_names[name] = values, own
        if split.text is not None or own not in self._own_names.values():
            self._others[own] = self._records.fields[own] if split.text is None else split.text

    def build(self) -> Trace:
        """Build the trace; once more without the timestamps that turned out to be malformed."""
        trace = self._build()
        if self._has_wrong_widths:
            self._assumed, self._remarks = [], []
            trace = self._build()
        return trace

    def _build(self) -> Trace:
        hosts = self._hosts()
        peers = [value for name in fields.PEERS for value in distinct(self._known.get(name, ()))]
        self._take_other_case(peers, hosts)
        self._assumed += [] if self._roles is None else [str(self._roles)]
        numbers: dict[str, IntArray] = {
            name: self._numbers(name, self._known[name])
            for name in fields.NUMBERS
            if name in self._known
        }
        clocks = self._clocks(hosts)
        hosts = self._hosts_of_file_names(hosts, clocks)
        dotted = self._dotted(clocks, hosts)
        rows, process = self._rows_in_order(hosts, numbers.get("index"))
        width = len(self._positions) if self._width is None else self._width
        file, line = self._records.file[rows], self._records.lines[rows]
        columns, sets = self._columns(numbers, clocks, rows, process, hosts)
        del numbers  # as large as the columns, which are in another order
        timestamps = self._timestamps(clocks, dotted, rows, width)
        del clocks, dotted
        columns = columns._replace(file=file, line=line)
        starts, _ = process_major(process, len(self._positions))
        names = [fields.escape_zeros(fields.escape_surrogates(name)) for name in self._positions]
        unmatched = self._unmatched(hosts)
        return Trace(
            names,
            starts,
            columns,
            sets=sets,
            timestamps=timestamps,
            texts=self._texts(rows),
            files=self._records.files,
            unread=self._unread(unmatched),
            gaps=gaps_of(unmatched, Rows(names, starts, columns, timestamps)),
            invalid_clocks=self._invalid_clocks(rows),
            message_names=self._message_names,
            missing_processes=[names[one] for one in np.flatnonzero(np.diff(starts) == 0)],
            assumed=[*self._records.assumed, *self._taken, *self._assumed],
            remarks=[
                *self._remarks,
                *self._unclear,
                *new_names(self._given_aliases, self.names_seen),
                *remarks_on(
                    unmatched,
                    self._records.files,
                    has_delimiter=self._options.delimiter is not None,
                ),
            ],
        )

    def _hosts(self) -> list[str]:
        """Return each record's process."""
        where = self._options.process_from
        if where is None:
            hosts = fields.hosts(self._known["host"])
        else:
            of_file = [process_from(where, file) for file in self._records.files]
            hosts = [of_file[file] for file in self._records.file.tolist()]
        if not all(hosts):
            nameless = (row for row, host in enumerate(hosts) if not host)
            self._errors.update(dict.fromkeys(nameless, "names no process"))
        if not self._aliases:
            return hosts
        self.names_seen |= set(hosts)
        return [self._aliases.get(host, host) for host in hosts]

    def _take_other_case(self, names: Sequence[Any], hosts: Sequence[str]) -> None:
        """Take names that are those of processes but for upper and lower case as theirs."""
        found = aliases_by_case(names, hosts, self._aliases)
        self._aliases |= found
        self._assumed += [
            f"{alias} is taken for {name}, upper and lower case aside"
            for alias, name in found.items()
        ]

    def _hosts_of_file_names(self, hosts: list[str], clocks: Clocks | None) -> list[str]:
        """Return each record's process where it is a word in its file's name; see `file_names`.

        Only where the log says the process by nothing but its file, and no peer is called so.
        """
        stems = [stem_of(file) for file in self._records.files]
        if self._options.process_from is not None or not set(hosts) <= set(stems):
            return hosts
        if hosts != [stems[file] for file in self._records.file.tolist()]:
            return hosts
        peers = self._peers(clocks)
        if not peers or any(fields.canonical_host(name, stems) in stems for name in peers):
            return hosts
        words = words_apart(stems, peers)
        if words is None:
            return hosts
        if not peers <= set(words.values()) and names_itself(hosts, words, self._known):
            return hosts
        shown = [f"{stem} of {word}" for stem, word in words.items()]
        more = f" and {len(shown) - FILES_SHOWN_MAX} more" if len(shown) > FILES_SHOWN_MAX else ""
        self._assumed.append(
            f"the process is in the file's name: {', '.join(shown[:FILES_SHOWN_MAX])}{more}"
        )
        return [words[host] for host in hosts]

    def _peers(self, clocks: Clocks | None) -> set[str]:
        """Return the names that events have for other processes."""
        names = fields.TargetNames((*self._positions, *self._aliases))
        peers = set() if clocks is None else set(clocks.names)
        for value in distinct(self._known.get("sender", ())):
            if not fields.is_empty(value):
                peers.add(str(value).strip())
        for value in distinct(self._known.get("targets", ())):
            peers |= set(names.names(value) or ())
        return {self._aliases.get(name, name) for name in peers}

    def _numbers(self, name: str, values: Values) -> IntArray:
        if name == "lamport":
            return read_lamport(name, values, self._errors, self._invalid)
        return fields.numbers(name, values, self._errors)

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
        """Return the clocks of the records, with the names that aliases stand for."""
        clocks = self._clocks_as_named(hosts)
        self._take_other_case(() if clocks is None else clocks.names, hosts)
        if clocks is None or not self._aliases:
            return clocks
        self.names_seen |= set(clocks.names)
        names = fields.Positions()
        code_of = [names[self._aliases.get(name, name)] for name in clocks.names]
        codes = np.array(code_of, np.int64)[clocks.codes]
        row = np.repeat(np.arange(len(clocks.lengths)), clocks.lengths)
        order = np.lexsort((codes, row))
        again = (np.diff(row[order]) == 0) & (np.diff(codes[order]) == 0)
        for at in np.unique(row[order][1:][again]).tolist():
            self._errors.setdefault(at, "its clock names a process twice, by its name and an alias")
        return clocks._replace(names=list(names), codes=codes)

    def _clocks_as_named(self, hosts: Sequence[str]) -> Clocks | None:
        """Return the clocks of the field `clock`, with the vector clocks of a field `vector`."""
        vectors = self._known.get("vector")
        if vectors is not None and is_dotted(vectors):
            vectors = None
        lamport = self._known.get("clock")
        if lamport is None:
            return None if vectors is None else self._read_clocks(vectors, hosts)
        clocks = self._read_clocks(lamport, hosts)
        if vectors is None:
            return clocks
        if len(clocks.codes):  # some records have their vector clock in the one field
            pairs = zip(vectors, lamport, strict=True)
            vectors = [other if fields.is_empty(own) else own for own, other in pairs]
        both = self._read_clocks(vectors, hosts)
        return both._replace(lamport=clocks.lamport)

    def _read_clocks(self, values: Values, hosts: Sequence[str]) -> Clocks:
        return read_clocks(values, hosts, self._errors, self._invalid)

    def _invalid_clocks(self, rows: IntArray) -> InvalidClocks:
        """Return the clocks that no event can have, of the records `rows`, which are the events."""
        at = np.flatnonzero(np.isin(rows, np.array(list(self._invalid), np.int64)))
        return InvalidClocks(at, [self._invalid[row] for row in rows[at].tolist()])

    def _dotted(self, clocks: Clocks | None, hosts: Sequence[str]) -> _Dotted | None:
        """Return timestamps of numbers and dots; these count every process that has records."""
        clock = next((clock for clock in CLOCKS if clock in self._known and clock != LAMPORT), None)
        if clock == "vector" and not is_dotted(self._known["vector"]):
            return None
        if clock is None or (clocks is not None and len(clocks.codes)):
            return None
        texts, errors = split_valid(clock, self._known[clock], self._invalid)
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
        process: IntArray, hosts: Sequence[str],
    ) -> tuple[Columns, list[tuple[int, ...]]]:  # fmt: skip
        """Return the columns but for `file` and `line`, and the sets of targets in `target`."""
        kind = self._kinds[rows]
        sender = self._sender(rows, process, kind, numbers.get("stamp"))
        target, sets = self._target(rows, process, kind)
        is_unknown = kind == UNKNOWN_KIND
        if sender is not None:
            kind[is_unknown & (sender != NOBODY)] = RECEIVE
        if target is not None:
            kind[is_unknown & (kind == UNKNOWN_KIND) & (target != NO_TARGET)] = SEND
        if "stamp" in numbers:  # only a message that was received has one
            kind[(kind == UNKNOWN_KIND) & (numbers["stamp"][rows] != MISSING)] = RECEIVE
        unsaid = rows[kind == UNKNOWN_KIND]
        if "kind" in self._known and len(unsaid):
            self._others[self._own_names["kind"]] = self._known["kind"]  # mean nothing here
        sent, received = self._messages(rows, kind)
        lamport = merged(numbers.get("lamport"), None if clocks is None else clocks.lamport)
        if len(unsaid) and self._matters_which_kind(kind, unsaid):
            said = unsaid_words(self._known, unsaid)
            self._remarks += [hint(said)] if said else []

        def in_order(column: IntArray | None) -> IntArray | None:
            return None if column is None else column[rows]

        columns = Columns(
            kind,
            clock=in_order(lamport),
            sender=sender,
            stamp=in_order(numbers.get("stamp")),
            target=target,
            queue=in_order(self._queue(numbers.get("queue"))),
            tick=in_order(numbers.get("tick")),
            due_ns=in_order(numbers.get("due_ns")),
            late_ns=in_order(numbers.get("late_ns")),
            time_ns=in_order(self._times(numbers.get("time_ns"), hosts)),
            sent=sent,
            received=received,
        )
        return columns, sets

    def _matters_which_kind(self, kind: IntArray, unsaid: IntArray) -> bool:
        """Whether events of no known kind may be sends or receives: they name a peer or a message.

        kind: of all events. unsaid: the records that have none. Or no event has a kind, though
        the log has a column for it.
        """
        if "kind" in self._known and len(unsaid) == len(kind):
            return True
        columns = [self._known[name] for name in ("message",) if name in self._known]
        if self._peer_column in self._others:
            columns.append(self._others[self._peer_column])
        rows = unsaid.tolist()
        return any(not fields.is_empty(held[row]) for held in map(list, columns) for row in rows)

    def _queue(self, queue: IntArray | None) -> IntArray | None:
        """Return the lengths of queues; -1, which no queue has, stands for none."""
        if queue is None or not (queue == -1).any():
            return queue
        self._assumed.append(f"{self._own_names['queue']}: -1 stands for no value")
        return np.where(queue == -1, MISSING, queue)

    def _times(self, time_ns: IntArray | None, hosts: Sequence[str]) -> IntArray | None:
        format = self._options.time_format
        if format is not None and "time" not in self._known and len(self._records.lines):
            there = ", ".join(self._records.fields)
            raise UnreadableError(
                f"{self._records.files[0]}: --time-format {format}: there is no field time; there "
                f"are {there}; --field time=… says which it is"
            )
        if time_ns is not None:
            return none_if_missing(time_ns)
        if "time" not in self._known:
            return None
        values, column = self._known["time"], self._own_names["time"]
        unit = self._options.time_unit or unit_of(column, values)
        found = read_times(values, unit, format, lambda: self._parts(hosts))
        if found.failed.any():
            self._others[column] = values
        self._assumed += [f"{column}: {line}" for line in found.assumed]
        self._remarks += [f"{column}: {line}" for line in found.remarks]
        return none_if_missing(found.ns)

    def _parts(self, hosts: Sequence[str]) -> IntArray:
        """Return the part of the log that each record is in: its process, or its file.

        A process where all records of each stand together, as in a table that is sorted
        by it; else the file.
        """
        position = fields.Positions()
        process = np.fromiter(map(position.__getitem__, hosts), np.int64, len(hosts))
        is_sorted = np.count_nonzero(np.diff(process)) < len(position)
        return process if is_sorted else self._records.file

    def _sender(
        self, rows: IntArray, process: IntArray, kind: IntArray, stamp: IntArray | None
    ) -> IntArray | None:
        """Return the sender of what each event received, None where the log has no such field.

        A send received nothing unless it says what: a sender alone does not make it a receive.
        """
        if "sender" not in self._known:
            return None
        column = coded(self._known["sender"], rows, self._sender_code)
        column[(column == process) & (kind != RECEIVE)] = NOBODY  # a send that names itself
        is_mere_send = (kind == SEND) & (column != NOBODY)
        if stamp is not None:
            is_mere_send &= stamp[rows] == MISSING
        if "received" in self._known and bool(is_mere_send.any()):
            received = self._known["received"]
            is_mere_send &= np.array([fields.is_empty(value) for value in received], bool)[rows]
        if bool(is_mere_send.any()):
            column[is_mere_send] = NOBODY
            self._others[self._own_names["sender"]] = self._known["sender"]
        return column

    def _sender_code(self, value: Any) -> int:
        """Return the position of the sender that a value names, NOBODY for none."""
        name = "" if fields.is_empty(value) else str(value).strip()
        if not name or (name == NO_NAME and name not in self._positions):
            return NOBODY
        if " " in name:
            name = fields.TargetNames((*self._positions, *self._aliases)).name(name)
        return self._position(name)

    def _target(
        self, rows: IntArray, process: IntArray, kind: IntArray
    ) -> tuple[IntArray | None, list[tuple[int, ...]]]:
        if "targets" not in self._known:
            return None, []
        sets: dict[tuple[int, ...], int] = {}
        names = fields.TargetNames((*self._positions, *self._aliases))
        column = coded(
            self._known["targets"],
            rows,
            lambda value: self._target_code(names.names(value), sets),
        )
        column[(kind == RECEIVE) & (column == process)] = NO_TARGET  # a receive that names itself
        if bool((kind == SEND).any()) and not bool((column != NO_TARGET).any()):
            return None, []  # the log has sends, and a column that is empty
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
        if self._aliases:
            self.names_seen.add(name)
            name = self._aliases.get(name, name)
        return self._positions[fields.canonical_host(name, self._positions)]

    def _messages(self, rows: IntArray, kind: IntArray) -> tuple[IntArray | None, IntArray | None]:
        """Return the names of the messages sent and received."""
        given = [self._known.get(name) for name in ("message", "sent", "received")]
        if all(column is None for column in given):
            return None, None
        nothing: Values = [None] * len(self._records.lines)
        named = fields.message_numbers([column or nothing for column in given])
        self._message_names = named.names
        message, sent, received = (column[rows] for column in named.columns)
        sent = np.where((kind != RECEIVE) & (sent == MISSING), message, sent)
        received = np.where((kind == RECEIVE) & (received == MISSING), message, received)
        if MATCHED_BY in self._known:
            marks = self._known[MATCHED_BY]
            assumed = np.array([not fields.is_empty(mark) for mark in marks], bool)[rows]
            sent, received = without_assumed(sent, received, assumed)
        return none_if_missing(sent), none_if_missing(received)

    def _texts(self, rows: IntArray) -> dict[str, Sequence[str | None]]:
        """Return the event's text, and all fields that are none of the columns, as texts."""
        columns = dict(self._others)
        if "event" in self._known:
            columns = {"event": self._known["event"], **columns}
        texts: dict[str, Sequence[str | None]] = {}
        for name, column in columns.items():
            key = fields.key_of_text(name)
            texts[fields.escape_surrogates(key)] = as_texts(column, rows)
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

    def _unread(self, unmatched: Sequence[UnmatchedText]) -> list[UnreadLine]:
        files = self._records.files
        return [
            UnreadLine(files[each.file], each.line, each.reason, each.lines) for each in unmatched
        ]
