"""The journals of one run: which files they are, whether they belong together, and their trace.

Before a line is read as an event, every header is checked: all must be of one
run (its seed, its number, its token) and each of a machine of its own. A header
is decided by the scenario and the number of the run (place, peers, rate), so if
there is a scenario, each header must agree with it. The limit: what no header
says (the length of a run, latencies, the die) is not checked.

The rows come in chunks, process after process, and need not stay in memory:
`history.parquet` writes them to a file as they come. A missing tick leaves a
gap before the next event of its process. A journal without its last line may
have had more events.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

from driftlab.arrays import IntArray
from driftlab.clocks.catalogue import CLOCKS
from driftlab.errors import counted
from driftlab.history.tick_repair import in_tick_order, rows_after_gap_since
from driftlab.history.trace import ProcessInfo, Trace
from driftlab.journal.files import UnreadableError, UnreadLine, line_chunks, size_of
from driftlab.journal.format import COLUMNS, JOURNAL_SUFFIX, MORE_COLUMNS
from driftlab.journal.journal_columns import (
    JournalColumns,
    TargetSets,
    columns_of_entries,
    concatenate,
)
from driftlab.journal.parser import Entry, Note
from driftlab.journal.reader import Journal, JournalChunk, read_header, read_journals
from driftlab.lazy import np
from driftlab.model.columns import starts_of
from driftlab.scenario.scenario import Scenario

SUFFIXES: Final = (JOURNAL_SUFFIX, JOURNAL_SUFFIX + ".gz")
HEAD_BYTES: Final = 1 << 16  # read at once in search of a first event
EMPTY_FILE: Final = "empty: its machine was killed before it wrote anything"
BREAKS_OFF: Final = "breaks off in the middle"
_OWN_FOLDERS: Final = "put each run into a folder of its own"
_SAME_IN_A_RUN: Final = ("seed", "run", "run_id", "clock", "process", "speed", "world")
_LOSSES: Final = ("channel-lost", "channel-full", "peer-closed")
_COUNT_DIGITS_MAX: Final = 19
MACHINES_ABSENT_MAX: Final = 10_000  # machines of a scenario whose journals are not there

Header = Mapping[str, str]


class RunRecord(NamedTuple):
    """A run as its journals record it.

    journals: what each process's journal says besides its events, None if
    there is no journal. entries: the parsed line of each row of the trace, if
    they were kept.
    """

    trace: Trace
    journals: Sequence[Journal | None]
    entries: Sequence[Entry] = ()


class RunJournals(NamedTuple):
    """The journals of one run, found but not yet read.

    paths: in the order of `names`; a process may have none. names: of all
    processes. clock: the additional clock that the run keeps, or `lamport`.
    scenario: text of TOML, None if there is none. unread: empty files.
    """

    paths: Sequence[Path]
    names: Sequence[str]
    clock: str
    scenario: str | None = None
    unread: Sequence[UnreadLine] = ()

    def chunks(self, *, keep_entries: bool = False) -> Iterator[JournalChunk]:
        """Read them, process after process, chunk by chunk. Raise UnreadableError."""
        return read_journals(self.paths, self.names, self.clock, keep_entries=keep_entries)

    def builder(self) -> "TraceBuilder":
        """Return a builder that takes the chunks."""
        return TraceBuilder(self.names, self.unread)

    def trace(self) -> Trace:
        """Read them into memory. Raise UnreadableError."""
        return self.read().trace

    def read(self, *, keep_entries: bool = False) -> RunRecord:
        """Read them into memory, with `keep_entries` as entries too. Raise UnreadableError."""
        builder = self.builder()
        kept: dict[tuple[int, int], Entry] = {}
        trace = assemble(
            _keeping(self.chunks(keep_entries=keep_entries), kept),
            builder,
            self.clock,
            self.scenario,
        )
        entries: list[Entry] = []
        if kept and trace.columns.line is not None:
            place = zip(trace.process_column().tolist(), trace.columns.line.tolist(), strict=True)
            entries = [kept[each] for each in place]
        journals = [builder.journals.get(place) for place in range(len(self.names))]
        return RunRecord(trace, journals, entries)


def _keeping(
    chunks: Iterable[JournalChunk], kept: dict[tuple[int, int], Entry]
) -> Iterator[JournalChunk]:
    """Yield chunks; keep their entries by process and line."""
    for chunk in chunks:
        if chunk.entries:
            lines = chunk.rows.lines.tolist()
            kept.update(zip(((chunk.process, line) for line in lines), chunk.entries, strict=True))
        yield chunk


# Chunks into one trace.


class RunMetadata(NamedTuple):
    """What a trace has besides its events; the fields are those of `Trace`."""

    starts: IntArray
    sets: Sequence[Sequence[int]]
    peers: Sequence[Sequence[int]] | None
    process_info: Sequence[ProcessInfo]
    files: Sequence[str]
    unread: Sequence[UnreadLine]
    missing_processes: Sequence[str]


class TraceBuilder:
    """Takes the chunks of a run, process after process, and collects what is not a row.

    names: of the processes. sets: the sets of targets so far. counts: the
    events of each process so far. journals: what each journal says besides its
    events. has_recorded: whether any event recorded values. gaps: the rows of
    the last chunk before which ticks are missing.
    """

    def __init__(self, names: Sequence[str], unread: Sequence[UnreadLine] = ()) -> None:
        self.names = names
        self.sets = TargetSets()
        self.counts = [0] * len(names)
        self.journals: dict[int, Journal] = {}
        self.has_recorded = False
        self.gaps: IntArray = np.zeros(0, np.int64)
        self._unread = unread
        self._ticks: dict[int, int] = {}  # one more than the largest tick of each process

    def add(self, chunk: JournalChunk) -> JournalColumns:
        """Take the next chunk; return its rows, whose sets are numbered for the whole run."""
        process, rows, journal, _ = chunk
        before = self.journals.get(process)
        self.journals[process] = journal if before is None else before.then(journal)
        self.counts[process] += rows.events
        ticks = self._ticks.get(process, 0)
        self.gaps = rows_after_gap_since(ticks - 1, rows.ticks)
        if rows.events:
            self._ticks[process] = max(ticks, int(rows.ticks.max()) + 1)
        self.has_recorded |= rows.recorded is not None
        return self.sets.renumbered(rows)

    def metadata(self) -> RunMetadata:
        """Return what is known when all chunks have come."""
        journals = [self.journals.get(place) for place in range(len(self.names))]
        return RunMetadata(
            starts=starts_of(self.counts),
            sets=self.sets.members,
            peers=_peers(journals, self.names),
            process_info=[
                ProcessInfo()
                if journal is None
                else describe_process(journal, self._ticks.get(place, 0))
                for place, journal in enumerate(journals)
            ],
            files=[journal.path.name if journal else "" for journal in journals],
            unread=[*self._unread, *chain(*(unread_of(each) for each in journals if each))],
            missing_processes=[
                name for name, each in zip(self.names, journals, strict=True) if each is None
            ],
        )


def assemble(
    chunks: Iterable[JournalChunk], builder: TraceBuilder, clock: str, scenario: str | None = None
) -> Trace:
    """Return the trace of a run, each process's events in the order of their ticks.

    chunks: process after process. builder: a fresh one. clock: the additional
    clock of the run, or `lamport`. scenario: text of TOML, None if there is none.
    """
    empty = columns_of_entries([], [], {}, clock)
    rows = concatenate(chain([empty], map(builder.add, chunks)))
    trace = Trace(
        builder.names,
        columns=rows.columns,
        arrivals=rows.arrivals,
        timestamps=rows.timestamps,
        texts={} if rows.recorded is None else {"recorded": rows.recorded},
        scenario=scenario,
        **builder.metadata()._asdict(),
    )
    return in_tick_order(trace)


def _peers(
    journals: Sequence[Journal | None], names: Sequence[str]
) -> list[tuple[int, ...]] | None:
    """Return whom each process can send to; None if all can send to all."""
    places = {name: place for place, name in enumerate(names)}
    near = [
        tuple(place for place in places.values() if place != own)
        if journal is None
        else tuple(sorted(places[name] for name in _header_peers(journal.header) if name in places))
        for own, journal in enumerate(journals)
    ]
    is_mesh = all(len(peers) == len(names) - 1 for peers in near)
    return None if is_mesh else near


def describe_process(journal: Journal, ticks: int) -> ProcessInfo:
    """Return what a journal says of its machine.

    ticks: one more than the largest tick of its events, 0 if it has none.
    """
    header = journal.header
    ends = journal.notes_on("end")
    return ProcessInfo(
        rate=float(header["rate"]),
        speed=float(header.get("speed", 1)),
        phase_ns=int(header["phase_ns"]) if "phase_ns" in header else None,
        simulated=header.get("world") == "simulated",
        ended=bool(ends) and not journal.torn and not _lacks_events(ends[-1], ticks),
        lost=frozenset(
            note.fields.get("peer", "")
            for note in journal.notes_on("incident")
            if note.fields.get("what") in _LOSSES
        ),
        process=header.get("process", "die"),
        from_start=True,
    )


def count_in(fields: Mapping[str, str], key: str) -> int | None:
    """Return a count in the fields of a note, None if there is none: anybody may edit a file."""
    text = fields.get(key, "")
    is_count = text.isascii() and text.isdigit() and len(text) <= _COUNT_DIGITS_MAX
    return int(text) if is_count else None


def _lacks_events(end: Note, ticks: int) -> bool:
    """Whether a journal's last line counts more ticks than its events reach."""
    counted = count_in(end.fields, "ticks")
    return counted is None or counted > ticks


def unread_of(journal: Journal) -> list[UnreadLine]:
    """Return the lines of a journal that could not be read, a torn last one among them."""
    torn = [UnreadLine(journal.path.name, journal.length, BREAKS_OFF)] if journal.torn else []
    return [*journal.unread, *torn]


# Which files are the journals of a run.


def journal_paths(folder: Path) -> list[Path]:
    """Return the files in a folder that are named as journals, in name order."""
    try:
        return sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIXES))
    except OSError as error:
        raise UnreadableError(f"{folder}: {error.strerror}") from error


def run_journals(folder: Path, scenario: Scenario | None = None) -> RunJournals:
    """Return the journals in the folder of one run, their headers checked.

    scenario: that of this run alone, if the folder has one. Raise
    UnreadableError if there are none, or they are not of one run.
    """
    paths = journal_paths(folder)
    empty = [path for path in paths if path.is_file() and not size_of(path)]
    headers = {path: read_header(path) for path in paths if path not in empty}
    if not headers:
        raise UnreadableError(
            f"{folder}: its journals are empty: {', '.join(path.name for path in empty)}"
            if empty
            else f"{folder}: no journals here; a run folder holds a NAME.log for each machine"
        )
    require_one_run(folder, headers)
    unread = [UnreadLine(path.name, 1, EMPTY_FILE) for path in empty]
    if scenario is None:
        require_same_links(folder, headers)
        names = names_of(folder, headers)
        return RunJournals(_ordered(headers, names), names, _clock(headers), None, unread)
    _require_present(folder, len(headers), scenario)
    require_scenario(folder, headers, scenario)
    machines = scenario.machine_names()
    return RunJournals(
        _ordered(headers, machines), machines, scenario.clock, scenario.to_toml(), unread
    )


def single_journal(
    path: Path, scenario: Scenario | None = None, no_scenario: str = ""
) -> RunJournals:
    """Return one journal without those of its peers.

    scenario: the one beside it, which is ignored if it is not the journal's.
    no_scenario: why there is none. Raise UnreadableError.
    """
    headers = {path: read_header(path)}
    if scenario is not None:
        try:
            _require_present(path.parent, 1, scenario)
            require_scenario(path.parent, headers, scenario)
        except UnreadableError as error:
            no_scenario = str(error)
        else:
            return RunJournals([path], scenario.machine_names(), scenario.clock, scenario.to_toml())
    try:
        return RunJournals([path], names_of(path, headers), _clock(headers))
    except UnreadableError as error:
        raise UnreadableError(f"{error} ({no_scenario})" if no_scenario else str(error)) from None


def _clock(headers: Mapping[Path, Header]) -> str:
    return next(iter(headers.values())).get("clock", "lamport")


def _ordered(headers: Mapping[Path, Header], names: Sequence[str]) -> list[Path]:
    places = {name: place for place, name in enumerate(names)}
    return sorted(headers, key=lambda path: places[headers[path]["machine"]])


def names_of(where: Path, journals: Mapping[Path, Header]) -> list[str]:
    """Return the processes of a run without a scenario, in their order.

    where: the folder or the file, for messages. journals: headers by path.
    Each header has the machine's own position and its peers. In a mesh these
    are all processes; otherwise the positions that no header has are filled in
    name order, which timestamps with one number per process do not allow: then
    raise UnreadableError.
    """
    headers = list(journals.values())
    placed = {int(header["index"]): header["machine"] for header in headers}
    if len(placed) < len(headers):
        raise UnreadableError(f"{where}: two journals have the same index; are they of one run?")
    near = [_header_peers(header) for header in headers]
    index, own, peers = int(headers[0]["index"]), headers[0]["machine"], near[0]
    mesh = [*peers[:index], own, *peers[index:]]
    known = {name for each in near for name in each} | set(placed.values())
    first = [placed[place] for place in sorted(placed)]
    is_mesh = len(set(mesh)) == len(mesh) and set(mesh) == known and _fits(mesh, placed)
    names = mesh if is_mesh else first + sorted(known - set(first))
    if CLOCKS[_clock(journals)].counts_events:
        counted = {_processes_counted(path) for path in journals} - {None}
        if not (is_mesh or _fits(names, placed)) or counted - {len(names)}:
            raise UnreadableError(
                f"{where}: its timestamps count processes that only the other journals or "
                "scenario.toml name; read the run's folder"
            )
    return names


def _processes_counted(path: Path) -> int | None:
    """Return how many processes the first timestamp of a journal counts, None if it has none."""
    for chunk in line_chunks(path, HEAD_BYTES):  # mostly the first line of the first
        for line in chunk.text.split(b"\n"):
            cells = line.split(b"\t")
            if len(cells) == len(COLUMNS + MORE_COLUMNS):
                stamp = cells[len(COLUMNS)]
                return len(stamp.split(b"/" if b"/" in stamp else b"."))
    return None


def _fits(names: Sequence[str], placed: Mapping[int, str]) -> bool:
    return all(place < len(names) and names[place] == name for place, name in placed.items())


def _header_peers(header: Header) -> list[str]:
    return list(filter(None, header.get("peers", "").split(",")))


# Whether journals belong together.


def _require_present(folder: Path, journals: int, scenario: Scenario) -> None:
    """Raise UnreadableError if a scenario names far more machines than there are journals.

    A few bytes of TOML may claim a million, each of which would take memory.
    """
    if scenario.size > journals + MACHINES_ABSENT_MAX:
        raise UnreadableError(
            f"{folder}: its scenario has {scenario.size} machines, and only "
            f"{counted(journals, 'journal')} of them {'is' if journals == 1 else 'are'} here"
        )


def require_one_run(folder: Path, headers: Mapping[Path, Header]) -> None:
    """Raise UnreadableError if two journals are of the same machine or of different runs."""
    (first, header), *others = headers.items()
    machines = {header["machine"]: first}
    for path, other in others:
        before = machines.setdefault(other["machine"], path)
        if before is not path:
            raise UnreadableError(
                f"{folder}: {before.name} and {path.name} are both of machine "
                f"{other['machine']}; keep one of them"
            )
        for key in _SAME_IN_A_RUN:
            if other.get(key) != header.get(key):
                raise UnreadableError(
                    f"{folder}: journals of different runs: line 1 of {first.name} has "
                    f"{key}={header.get(key)}, that of {path.name} {key}={other.get(key)}; "
                    f"{_OWN_FOLDERS}"
                )


def require_same_links(folder: Path, headers: Mapping[Path, Header]) -> None:
    """Raise UnreadableError if one machine has another as a peer, but not the other way round."""
    linked = {
        header["machine"]: (path, set(_header_peers(header)))
        for path, header in headers.items()
        if "peers" in header
    }
    for name, (path, peers) in linked.items():
        for peer in sorted(peers & linked.keys()):
            other, back = linked[peer]
            if name not in back:
                raise UnreadableError(
                    f"{folder}: journals of different runs: line 1 of {path.name} has {peer} "
                    f"among its peers, that of {other.name} has no {name}; {_OWN_FOLDERS}"
                )


def require_scenario(folder: Path, headers: Mapping[Path, Header], scenario: Scenario) -> None:
    """Raise UnreadableError if a journal is not of the scenario of one run in its folder."""
    names = scenario.machine_names()
    is_mesh = scenario.topology == "mesh"
    near = () if is_mesh else scenario.neighbours(scenario.first_run)
    for path, header in headers.items():
        if header["machine"] not in names:
            raise UnreadableError(
                f"{path}: line 1: machine {header['machine']} is not of this run's scenario; "
                "move its journal away"
            )
        place = names.index(header["machine"])
        peers = (
            [*names[:place], *names[place + 1 :]] if is_mesh
            else [names[peer] for peer in near[place]]
        )  # fmt: skip
        for key, found, value in _contradictions(header, scenario, place, peers):
            raise UnreadableError(
                f"{path}: line 1 has {key}={found}, but {folder}/scenario.toml "
                f"{key}={value}; {_OWN_FOLDERS}"
            )


def _contradictions(
    header: Header, scenario: Scenario, place: int, peers: list[str]
) -> Iterator[tuple[str, str, object]]:
    """Yield each key whose value in a header is not that of the scenario, and both values."""
    run = scenario.first_run
    expected = {
        "seed": str(scenario.seed),
        "run": str(run),
        "clock": scenario.clock,
        "index": str(place),
    }
    for key, value in expected.items():
        found = header.get(key, "lamport" if key == "clock" else value)
        if found != value:
            yield key, found, value
    numbers = {"rate": scenario.rates_of(run)[place]}
    if header.get("world") == "real":  # simulated time passes at its own speed
        numbers["speed"] = scenario.speed
    for key, number in numbers.items():
        if float(header.get(key, number)) != float(number):
            yield key, header[key], number
    if "peers" in header and set(_header_peers(header)) != set(peers):
        yield "peers", header["peers"], ",".join(peers)
